//! The interpolation against a slow, obvious twin in 64-bit floating point.

use super::*;
use crate::mosaic::split;
use pinhole_base::format::BayerColour;
use proptest::prelude::*;

/// A picture of numbers that mirrors about its edges.
#[derive(Debug)]
struct Plane {
    width: usize,
    height: usize,
    values: Vec<f64>,
}

impl Plane {
    fn new(width: usize, height: usize, value: impl Fn(isize, isize) -> f64) -> Self {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x as isize, y as isize)));
        Self { width, height, values: places.map(|(x, y)| value(x, y)).collect() }
    }

    fn at(&self, x: isize, y: isize) -> f64 {
        let within = |at: isize, size: usize| {
            let last = size as isize - 1;
            last - (last - at.abs()).abs()
        };
        self.values[within(y, self.height) as usize * self.width + within(x, self.width) as usize]
    }
}

/// The whole picture at once, red, green and blue.
fn twin(order: BayerOrder, mosaic: &Plane) -> [Plane; 3] {
    let plane = |value: &dyn Fn(isize, isize) -> f64| Plane::new(mosaic.width, mosaic.height, value);
    let colour =
        |x: isize, y: isize| match order.colour_at(x.rem_euclid(2) as usize, y.rem_euclid(2) as usize) {
            BayerColour::Red => 0,
            BayerColour::Blue => 2,
            _ => 1,
        };
    let m = |x, y| mosaic.at(x, y);
    let green_less = |x: isize, y: isize, other: f64| match colour(x, y) {
        1 => m(x, y) - other,
        _ => other - m(x, y),
    };
    let other = |at: &dyn Fn(isize) -> f64| (at(-1) + at(1)) / 2.0 + (2.0 * at(0) - at(-2) - at(2)) / 4.0;
    let across = plane(&|x, y| green_less(x, y, other(&|i| m(x + i, y))));
    let down = plane(&|x, y| green_less(x, y, other(&|i| m(x, y + i))));
    let changes = [
        plane(&|x, y| {
            (across.at(x + 1, y) - across.at(x - 1, y)).abs() + 0.5 * (m(x + 1, y) - m(x - 1, y)).abs()
        }),
        plane(&|x, y| {
            (down.at(x, y + 1) - down.at(x, y - 1)).abs() + 0.5 * (m(x, y + 1) - m(x, y - 1)).abs()
        }),
    ];
    let share = plane(&|x, y| {
        let around = || (-2..=2).flat_map(|j| (-2..=2).map(move |i| (i, j)));
        let [across, down] = changes
            .each_ref()
            .map(|changes| (1.0 + around().map(|(i, j)| changes.at(x + i, y + j)).sum::<f64>()).powi(4));
        down / (across + down)
    });
    let smooth = |at: &dyn Fn(isize) -> f64| (at(-1) + 2.0 * at(0) + at(1)) / 4.0;
    let own = plane(&|x, y| {
        let (row, column) = (smooth(&|i| across.at(x + i, y)), smooth(&|i| down.at(x, y + i)));
        let difference = row * share.at(x, y) + column * (1.0 - share.at(x, y));
        (m(x, y) + difference).clamp(0.0, 65535.0) - m(x, y)
    });
    let opposite = plane(&|x, y| {
        let sum = |places: &[(isize, isize)]| places.iter().map(|(i, j)| own.at(x + i, y + j)).sum::<f64>();
        let near = sum(&[(-1, -1), (1, -1), (-1, 1), (1, 1)]);
        let far = sum(&[(-3, -1), (3, -1), (-3, 1), (3, 1), (-1, -3), (1, -3), (-1, 3), (1, 3)]);
        (10.0 * near - far) / 32.0
    });
    [0, 1, 2].map(|wanted| {
        plane(&|x, y| {
            let here = colour(x, y);
            let weighed = |row: &Plane, column: &Plane| {
                let along = (row.at(x - 1, y) + row.at(x + 1, y)) / 2.0;
                let beside = (column.at(x, y - 1) + column.at(x, y + 1)) / 2.0;
                along * share.at(x, y) + beside * (1.0 - share.at(x, y))
            };
            match (here, wanted) {
                _ if here == wanted => m(x, y),
                (_, 1) => m(x, y) + own.at(x, y),
                (1, _) if colour(x + 1, y) == wanted => m(x, y) - weighed(&own, &opposite),
                (1, _) => m(x, y) - weighed(&opposite, &own),
                _ => m(x, y) + own.at(x, y) - opposite.at(x, y),
            }
            .clamp(0.0, 65535.0)
        })
    })
}

fn interpolated(order: BayerOrder, mosaic: &Plane, level: Level) -> Vec<[u16; 3]> {
    let mut directional = Directional::new(level, order, mosaic.width / 2, mosaic.height);
    band(&mut directional, mosaic, 0..mosaic.height)
}

/// Rows of a picture, of which no more than is needed for them is given.
fn band(directional: &mut Directional, mosaic: &Plane, wanted: Range<usize>) -> Vec<[u16; 3]> {
    let cells = mosaic.width / 2;
    let given =
        wanted.start.saturating_sub(Directional::LAG)..mosaic.height.min(wanted.end + Directional::LAG);
    let mut picture = Vec::new();
    for step in given.start..wanted.end + Directional::LAG {
        let row = given.contains(&step).then(|| {
            let samples = &mosaic.values[step * mosaic.width..][..mosaic.width];
            split(&samples.iter().map(|value| *value as u16).collect::<Vec<_>>())
        });
        directional.take(step, row.as_ref(), &[]);
        if let Some(y) = step.checked_sub(Directional::LAG).filter(|y| wanted.contains(y)) {
            let mut row = ColourRow::new(cells);
            directional.write(y, 0..cells, &mut row);
            let pixel = |x: usize| [0, 1, 2].map(|channel| row.halves[x % 2][channel][x / 2]);
            picture.extend((0..mosaic.width).map(pixel));
        }
    }
    picture
}

fn orders() -> impl Strategy<Value = BayerOrder> {
    prop::sample::select(vec![BayerOrder::Rggb, BayerOrder::Grbg, BayerOrder::Gbrg, BayerOrder::Bggr])
}

/// Edges and noise, so that every branch of the weighing is taken.
fn mosaics() -> impl Strategy<Value = Plane> {
    (4..20usize, 4..20usize).prop_flat_map(|(cells, rows)| mosaics_of(cells, rows))
}

fn mosaics_of(cells: usize, rows: usize) -> impl Strategy<Value = Plane> {
    any::<u64>().prop_map(move |seed| {
        Plane::new(2 * cells, 2 * rows, |x, y| {
            let place = (x as u64) << 32 | y as u64;
            let noise = (place ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
            let edge = if 3 * x > 2 * y + (seed % 7) as isize { 1.0 } else { 0.2 };
            (edge * (noise % 50_000) as f64 + (noise % 9) as f64 * 1900.0).round().min(65535.0)
        })
    })
}

proptest! {
    /// Fails where a stage takes a wrong neighbour, a wrong row at the edge, or a wrong colour.
    #[test]
    fn it_is_its_twin_to_two_in_65536(order in orders(), mosaic in mosaics()) {
        let expected = twin(order, &mosaic);
        for level in Level::all() {
            let picture = interpolated(order, &mosaic, level);
            for (i, pixel) in picture.iter().enumerate() {
                for (channel, value) in pixel.iter().enumerate() {
                    let wanted = expected[channel].values[i];
                    let (x, y) = (i % mosaic.width, i / mosaic.width);
                    prop_assert!(
                        (f64::from(*value) - wanted).abs() <= 2.0,
                        "{level} {order:?} {x},{y} channel {channel}: {value}, not {wanted}"
                    );
                }
            }
        }
    }

    /// Fails where what was kept of another band, or of another picture, is taken for rows of this.
    #[test]
    fn a_band_is_what_it_is_of_the_whole_picture(
        order in orders(),
        [mosaic, other] in (8..20usize, 16..30usize).prop_flat_map(|(cells, rows)| {
            [mosaics_of(cells, rows), mosaics_of(cells, rows)]
        }),
        [start, other_start] in [0..24usize, 0..24usize],
    ) {
        let whole = interpolated(order, &mosaic, Level::best());
        let mut directional = Directional::new(Level::best(), order, mosaic.width / 2, mosaic.height);
        band(&mut directional, &other, other_start..other_start + 8);
        let rows = start..start + 8;
        let expected = &whole[rows.start * mosaic.width..rows.end * mosaic.width];
        prop_assert_eq!(band(&mut directional, &mosaic, rows), expected);
    }
}

#[test]
fn a_grey_edge_stays_grey() {
    let mosaic = Plane::new(32, 16, |x, _| if x < 15 { 10_000.0 } else { 50_000.0 });
    for pixel in interpolated(BayerOrder::Rggb, &mosaic, Level::best()) {
        let spread = pixel.iter().max().unwrap() - pixel.iter().min().unwrap();
        assert!(spread <= 40, "a vertical edge of grey has a fringe: {pixel:?}");
    }
}
