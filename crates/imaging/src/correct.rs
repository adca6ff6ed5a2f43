//! Single defective pixels and noise, mended in the mosaic, from neighbours of one colour; and
//! greens that differ by their rows.

use pinhole_base::format::{BayerColour, BayerOrder};

use crate::level::{Gain, Multiplier, rounded};
use crate::mosaic::{MosaicRow, Window};
use crate::parameters::{DefectCorrection, Denoise, GreenEqualisation, IspParameters};
use crate::simd::{Kernel, Simd, each};

/// How far beyond all its neighbours a pixel must lie to be a defect: a share of the
/// outermost neighbour, as a shift to the right, and a constant on a scale of 16 bits.
const fn defect_margin(level: DefectCorrection) -> Option<(u32, u16)> {
    match level {
        DefectCorrection::Off => None,
        DefectCorrection::Normal => Some((1, 2048)),
        DefectCorrection::Strong => Some((3, 768)),
    }
}

/// Copies the middle row of the window, with defects replaced, noise smoothed and greens evened.
pub(crate) struct CorrectRow<'a> {
    pub(crate) window: Window<'a>,
    pub(crate) defects: DefectCorrection,
    pub(crate) denoise: Denoise,
    pub(crate) greens: Option<Greens>,
    pub(crate) row: &'a mut MosaicRow,
}

impl<'a> CorrectRow<'a> {
    /// What the parameters say of row `y`. Without an order there are no greens.
    pub(crate) fn new(
        parameters: &IspParameters,
        order: Option<BayerOrder>,
        y: usize,
        window: Window<'a>,
        row: &'a mut MosaicRow,
    ) -> Self {
        let IspParameters { defects, denoise, .. } = *parameters;
        let greens = parameters.green_equalisation.zip(order).map(|(equalisation, order)| {
            let is_odd = matches!(order.colour_at(0, y), BayerColour::Red | BayerColour::Blue);
            let black = parameters.black_level[1];
            Greens { half: usize::from(is_odd), black, equalisation }
        });
        Self { window, defects, denoise, greens, row }
    }
}

/// The greens of a row.
#[derive(Clone, Copy)]
pub(crate) struct Greens {
    /// The half that they are.
    half: usize,
    black: u16,
    equalisation: GreenEqualisation,
}

impl Kernel for CorrectRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for half in 0..2 {
            match defect_margin(self.defects) {
                Some(margin) => replace_defects(s, &self.window, half, margin, self.row),
                None => self.row.inner_mut(half).copy_from_slice(self.window.0[2].inner(half)),
            }
            if self.denoise.strength > 0.0 {
                smooth(&self.window, half, self.denoise, self.row.inner_mut(half));
            }
        }
        if let Some(greens) = self.greens {
            even_greens(s, &self.window, greens, self.row);
        }
    }
}

#[inline(always)]
fn replace_defects<S: Simd>(
    s: S,
    window: &Window<'_>,
    half: usize,
    (share, constant): (u32, u16),
    row: &mut MosaicRow,
) {
    let count = row.inner(half).len().div_ceil(S::LANES);
    let at = |y: usize, first: isize| window.0[y].vectors::<S>(half, first, count);
    let (north, south, west, east, centre) = (at(0, 0), at(4, 0), at(2, -1), at(2, 1), at(2, 0));
    let constant = s.splat(constant);
    for (i, out) in row.vectors_mut::<S>(half, count).iter_mut().enumerate() {
        let (north, south) = (s.load(&north[i]), s.load(&south[i]));
        let (west, east, centre) = (s.load(&west[i]), s.load(&east[i]), s.load(&centre[i]));
        let low = s.min(s.min(north, south), s.min(west, east));
        let high = s.max(s.max(north, south), s.max(west, east));
        let [above, below] = each!([high, low], outermost => s.adds(s.shr_by(outermost, share), constant));
        let (above, below) = (s.subs(centre, s.adds(high, above)), s.subs(s.subs(low, below), centre));
        let [above, below] = each!([above, below], excess => s.equal(excess, s.splat(0)));
        s.store(out, s.select(above, s.select(below, centre, low), high));
    }
}

/// Moves each green sample towards the mean of the middle two of the four of the other green
/// about it: a single one that stands out, or an edge, does not count.
#[inline(always)]
fn even_greens<S: Simd>(s: S, window: &Window<'_>, greens: Greens, row: &mut MosaicRow) {
    let Greens { half, black, equalisation } = greens;
    let count = row.inner(half).len().div_ceil(S::LANES);
    // The column to the left of an even one is the odd one of the cell before.
    let left = half as isize - 1;
    let [north_west, north_east] =
        each!([left, left + 1], first => window.0[1].vectors::<S>(1 - half, first, count));
    let [south_west, south_east] =
        each!([left, left + 1], first => window.0[3].vectors::<S>(1 - half, first, count));
    let [black, offset] = each!([black, equalisation.offset], value => s.splat(value));
    let (multiplier, slope) = Multiplier::for_gain(s, Gain::new(equalisation.slope));
    for (i, out) in row.vectors_mut::<S>(half, count).iter_mut().enumerate() {
        let (a, b) = (s.load(&north_west[i]), s.load(&north_east[i]));
        let (c, d) = (s.load(&south_west[i]), s.load(&south_east[i]));
        let lesser = s.max(s.min(a, b), s.min(c, d));
        let greater = s.min(s.max(a, b), s.max(c, d));
        let (own, other) = (s.load(out), s.avg(lesser, greater));
        let threshold = s.adds(multiplier.multiply(s.subs(own, black), slope), offset);
        let [down, up] = each!([s.subs(own, other), s.subs(other, own)], difference => {
            s.shr::<1>(s.min(difference, s.subs(threshold, difference)))
        });
        s.store(out, s.adds(s.subs(own, down), up));
    }
}

/// Moves each sample towards those neighbours that differ by no more than noise would.
#[inline(always)]
fn smooth(window: &Window<'_>, half: usize, denoise: Denoise, out: &mut [u16]) {
    let n = out.len();
    let around = window.same_colour(half, n);
    for (i, out) in out.iter_mut().enumerate() {
        let centre = f32::from(*out);
        let noise = (denoise.constant + denoise.slope * centre.sqrt()).max(1.0);
        let reach = 1.0 / (3.0 * noise);
        let mut shift = 0.0;
        for neighbours in around {
            let difference = f32::from(neighbours[i]) - centre;
            shift += difference * (1.0 - difference.abs() * reach).max(0.0);
        }
        *out = rounded((centre + shift * (denoise.strength / 5.0)).clamp(0.0, 65535.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mosaic::{Ring, split};
    use crate::simd::Level;

    fn corrected(samples: &[[u16; 12]; 5], defects: DefectCorrection, denoise: Denoise) -> MosaicRow {
        let mut ring = Ring::new(MosaicRow::new(6), 5);
        for (y, samples) in samples.iter().enumerate() {
            *ring.row_mut(y) = split(samples);
        }
        let mut row = MosaicRow::new(6);
        let window = Window::about(&ring, 2, 5);
        Level::best().run(CorrectRow { window, defects, denoise, greens: None, row: &mut row });
        row
    }

    #[test]
    fn a_hot_pixel_takes_its_brightest_neighbours_value() {
        let mut samples = [[10_000; 12]; 5];
        samples[2][6] = 60_000;
        samples[2][4] = 11_000;
        let row = corrected(&samples, DefectCorrection::Normal, Denoise::OFF);
        assert_eq!(row.inner(0)[3], 11_000);
        let off = corrected(&samples, DefectCorrection::Off, Denoise::OFF);
        assert_eq!(off.inner(0)[3], 60_000);
    }

    #[test]
    fn edges_survive_smoothing_and_noise_does_not() {
        let mut samples = [[10_000; 12]; 5];
        for row in &mut samples {
            row[6..].fill(50_000);
        }
        samples[2][2] = 10_200;
        let denoise = Denoise { constant: 100.0, slope: 2.0, strength: 1.0 };
        let row = corrected(&samples, DefectCorrection::Off, denoise);
        assert!(row.inner(0)[1] < 10_120);
        assert!(row.inner(0)[2] < 10_050, "the bright side must not leak");
        assert_eq!(row.inner(0)[3], 50_000);
    }
}
