//! A tone curve in sixteen parabolas.
//!
//! Half of them share the darkest part of the range, in which curves bend most. Which parabola a
//! value belongs to, and how far along it lies, are bits of it; the coefficients come out of
//! registers. A curve that parabolas do not follow closely enough is looked up instead.

use crate::parameters::GammaCurve;
use crate::simd::{BLOCK, Kernel, Level, Simd, each};

/// Parabolas in each of the two parts.
const PIECES: usize = 8;
/// How far a parabola may be from its curve, of 65535: three eighths of a step of 8 bits.
const TOLERANCE: f64 = 96.0;
/// Places at which a parabola is fitted.
const PLACES: usize = 64;

/// A parabola over one piece: `base + (slope + bend · t) · t`, `t` from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Piece {
    base: u16,
    slope: i16,
    /// Its low byte is 0.
    bend: i16,
}

/// Bytes of the pieces' coefficients, piece after piece: low and high ones of `base`, of
/// `slope`, and the high one of `bend`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tables([[u16; BLOCK / 2]; 5]);

impl Tables {
    fn of(pieces: &[Piece; 2 * PIECES]) -> Self {
        let table = |byte: &dyn Fn(&Piece) -> u8| {
            let of = |i: usize| byte(&pieces[i]);
            std::array::from_fn(|i| u16::from_le_bytes([of(2 * i), of(2 * i + 1)]))
        };
        Self([
            table(&|piece| piece.base.to_le_bytes()[0]),
            table(&|piece| piece.base.to_le_bytes()[1]),
            table(&|piece| piece.slope.to_le_bytes()[0]),
            table(&|piece| piece.slope.to_le_bytes()[1]),
            table(&|piece| piece.bend.to_le_bytes()[1]),
        ])
    }
}

/// The pieces of a curve: first those of the dark part, then those of the bright one.
#[derive(Clone, Debug, PartialEq)]
struct Pieces {
    tables: Tables,
    pieces: [Piece; 2 * PIECES],
    /// The dark part is all below 2^(16 − dark).
    dark: u32,
}

/// A curve, ready to use.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    points: Option<GammaCurve>,
    pieces: Option<Pieces>,
    /// Holds the curve only where there are no pieces.
    table: Box<[u16; 65536]>,
}

impl Curve {
    /// A straight line.
    pub(crate) fn new() -> Self {
        let table = vec![0; 65536].try_into().expect("just made that long");
        Self { points: None, pieces: None, table }
    }

    /// Takes over another curve, if it is another.
    pub(crate) fn update(&mut self, points: Option<&GammaCurve>) {
        if self.points.as_ref() != points {
            match (&mut self.points, points) {
                (Some(own), Some(points)) => own.points.clone_from(&points.points),
                (own, points) => *own = points.cloned(),
            }
            let Some(curve) = &self.points else { return };
            self.pieces = Pieces::of(curve);
            if self.pieces.is_none() {
                for (x, y) in self.table.iter_mut().enumerate() {
                    *y = at(curve, x as f64).round() as u16;
                }
            }
        }
    }

    /// Applies it to a row of `cells` values.
    pub(crate) fn apply(&self, level: Level, cells: usize, values: &mut [u16]) {
        match (&self.points, &self.pieces) {
            (None, _) => {}
            (Some(_), Some(pieces)) => level.run(Bend { pieces, cells, values }),
            (Some(_), None) => {
                for value in &mut values[..cells] {
                    *value = self.table[usize::from(*value)];
                }
            }
        }
    }
}

/// The curve's value.
fn at(curve: &GammaCurve, x: f64) -> f64 {
    let points = &curve.points;
    let after = points.partition_point(|point| f64::from(point.0) < x);
    let value = |i: usize| f64::from(points[i].1);
    if after == 0 {
        return value(0);
    }
    let Some(next) = points.get(after) else { return value(points.len() - 1) };
    let (left, right) = (f64::from(points[after - 1].0), f64::from(next.0));
    value(after - 1) + (value(after) - value(after - 1)) * (x - left) / (right - left)
}

impl Pieces {
    /// The best there are; `None` if they are not good enough.
    fn of(curve: &GammaCurve) -> Option<Self> {
        let fitted = (1..=6).filter_map(|dark| Self::fit(curve, dark));
        let best = fitted.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let (best, off) = best;
        // What is narrower than the places of a fit are apart shows at the curve's own points.
        let near = |&(x, y): &(u16, u16)| (best.value(x) - f64::from(y)).abs() <= TOLERANCE + 1.0;
        (off <= TOLERANCE && curve.points.iter().all(near)).then_some(best)
    }

    fn value(&self, x: u16) -> f64 {
        let dark = x >> (16 - self.dark) == 0;
        let (x, first) = if dark { (x << self.dark, 0) } else { (x, PIECES) };
        let piece = self.pieces[first + usize::from(x >> 13)];
        let along = f64::from(x & 0x1fff) / 8192.0;
        let slope = f64::from(piece.slope) + f64::from(piece.bend) * along;
        (f64::from(piece.base) + slope * along).min(65535.0)
    }

    /// The pieces with the dark part below 2^(16 − dark), and how far they are off at most.
    fn fit(curve: &GammaCurve, dark: u32) -> Option<(Self, f64)> {
        let mut pieces = [Piece::default(); 2 * PIECES];
        let mut off: f64 = 0.0;
        let width = f64::from(65536 / PIECES as u32);
        let edge = f64::from(1u32 << (16 - dark));
        for (i, piece) in pieces.iter_mut().enumerate() {
            let (start, width, from) = if i >= PIECES {
                ((i - PIECES) as f64 * width, width, edge)
            } else {
                let width = width / f64::from(1u32 << dark);
                (i as f64 * width, width, 0.0)
            };
            if start + width <= from {
                continue;
            }
            let first = ((from - start) / width).max(0.0);
            let (fitted, error) = Piece::fit(|t| at(curve, start + t * width), first)?;
            *piece = fitted;
            off = off.max(error);
        }
        Some((Self { tables: Tables::of(&pieces), pieces, dark }, off))
    }
}

impl Piece {
    /// Fits a parabola for `t` from `first` to 1, and says how far it is off at most. `None` if
    /// its coefficients are too large or it falls.
    fn fit(curve: impl Fn(f64) -> f64, first: f64) -> Option<(Self, f64)> {
        let places: Values = std::array::from_fn(|i| first + (1.0 - first) * i as f64 / (PLACES - 1) as f64);
        let values = places.map(curve);
        let bend = flattest_bend(&places, &values);
        let bend = (bend / 256.0).round() * 256.0;
        let rest: Values = std::array::from_fn(|i| values[i] - bend * places[i] * places[i]);
        let slope = flattest_slope(&places, &rest).round();
        let (mut base, mut off) = middle(&places, &rest, slope);
        let mut slope = slope;
        if base < 0.0 {
            slope = steepness_from_0(&places, &rest).round();
            (base, off) = (0.0, furthest_from_0(&places, &rest, slope));
        }
        let sizes_fit = base <= 65535.0
            && bend.abs() < 32768.0
            && (0.0..32768.0).contains(&slope)
            && (0.0..32767.0).contains(&(slope + bend));
        let piece = Self { base: base as u16, slope: slope as i16, bend: bend as i16 };
        sizes_fit.then_some((piece, off + 1.0))
    }
}

/// A number for each place of a fit.
type Values = [f64; PLACES];

/// Rounds of weighing places anew.
const ROUNDS: usize = 8;

/// The bend of the parabola that is nowhere far from the values: C. L. Lawson's weighted least
/// squares, in which places weigh the more the further off they were.
fn flattest_bend(places: &Values, values: &Values) -> f64 {
    lawson(values, |weights| {
        let mean = |of: &dyn Fn(usize) -> f64| (0..PLACES).map(|i| weights[i] * of(i)).sum::<f64>();
        let centre = mean(&|i| places[i]);
        let line = |i: usize| places[i] - centre;
        let spread = mean(&|i| line(i).powi(2));
        let skew = mean(&|i| line(i).powi(3)) / spread;
        // Orthogonal to constants and lines.
        let square = |i: usize| line(i).powi(2) - skew * line(i) - spread;
        let slope = mean(&|i| line(i) * values[i]) / spread;
        let level = mean(&|i| values[i]);
        let bend = mean(&|i| square(i) * values[i]) / mean(&|i| square(i).powi(2));
        (bend, std::array::from_fn(|i| level + slope * line(i) + bend * square(i)))
    })
}

/// The slope of the line that is nowhere far from the values.
fn flattest_slope(places: &Values, values: &Values) -> f64 {
    lawson(values, |weights| {
        let mean = |of: &dyn Fn(usize) -> f64| (0..PLACES).map(|i| weights[i] * of(i)).sum::<f64>();
        let (centre, level) = (mean(&|i| places[i]), mean(&|i| values[i]));
        let line = |i: usize| places[i] - centre;
        let slope = mean(&|i| line(i) * values[i]) / mean(&|i| line(i).powi(2));
        (slope, std::array::from_fn(|i| level + slope * line(i)))
    })
}

/// The constant in the middle of what a slope leaves of the values, and how far off that is.
fn middle(places: &Values, values: &Values, slope: f64) -> (f64, f64) {
    let rest = || places.iter().zip(values).map(|(place, value)| value - slope * place);
    let (high, low) = (rest().fold(f64::MIN, f64::max), rest().fold(f64::MAX, f64::min));
    (((high + low) / 2.0).round(), (high - low) / 2.0)
}

/// How far a line from 0 is off at most.
fn furthest_from_0(places: &Values, values: &Values, slope: f64) -> f64 {
    places.iter().zip(values).map(|(place, value)| (value - slope * place).abs()).fold(0.0, f64::max)
}

/// The slope of the line from 0 that is off least, by search.
fn steepness_from_0(places: &Values, values: &Values) -> f64 {
    let (mut low, mut high) = (0.0, 32767.0);
    while high - low > 1.0 {
        let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if furthest_from_0(places, values, a) < furthest_from_0(places, values, b) {
            high = b;
        } else {
            low = a;
        }
    }
    low
}

/// Fits again and again; `fit` takes weights that sum to 1, and answers a coefficient and the
/// fitted values. The coefficient of the fit that was off least.
fn lawson(values: &Values, fit: impl Fn(&Values) -> (f64, Values)) -> f64 {
    let mut weights = [1.0 / PLACES as f64; PLACES];
    let (mut best, mut least) = (0.0, f64::INFINITY);
    for _ in 0..ROUNDS {
        let (coefficient, fitted) = fit(&weights);
        let errors: Values = std::array::from_fn(|i| (fitted[i] - values[i]).abs());
        let off = errors.iter().copied().fold(0.0, f64::max);
        if off < least {
            (best, least) = (coefficient, off);
        }
        let total: f64 = weights.iter().zip(&errors).map(|(weight, error)| weight * error).sum();
        if total < 1e-6 || !total.is_finite() {
            break;
        }
        weights.iter_mut().zip(&errors).for_each(|(weight, error)| *weight *= error / total);
    }
    best
}

/// Applies pieces to a row.
struct Bend<'a> {
    pieces: &'a Pieces,
    cells: usize,
    values: &'a mut [u16],
}

/// Pieces in registers: tables of bytes.
struct PieceVectors<S: Simd> {
    simd: S,
    base: [S::V; 2],
    slope: [S::V; 2],
    bend: S::V,
    dark_most: S::V,
    dark: u32,
}

impl<S: Simd> PieceVectors<S> {
    #[inline(always)]
    fn new(simd: S, tables: &Tables, dark: u32) -> Self {
        let [base_low, base_high, slope_low, slope_high, bend] = tables.0;
        Self {
            simd,
            base: each!([base_low, base_high], table => simd.splat_block(table)),
            slope: each!([slope_low, slope_high], table => simd.splat_block(table)),
            bend: simd.splat_block(bend),
            dark_most: simd.splat(u16::MAX >> dark),
            dark,
        }
    }

    #[inline(always)]
    fn bend(&self, x: S::V) -> S::V {
        let s = self.simd;
        // Dark values as they are in their part, from 0 to 32767, bright ones halved and above
        // that: four bits name the piece, and twelve the place in it.
        let is_dark = s.equal(s.min(x, self.dark_most), x);
        let x = s.select(is_dark, s.shl_by(x, self.dark - 1), s.or(s.shr::<1>(x), s.splat(0x8000)));
        let piece = s.shr::<12>(x);
        let along = s.and(s.shl::<3>(x), s.splat(0x7fff));
        // The piece's number in the low byte alone, and in the high byte alone.
        let low = s.or(piece, s.splat(0x8000));
        let high = s.or(s.shl::<8>(piece), s.splat(0x0080));
        let [base, slope] = each!([self.base, self.slope], words => {
            s.or(s.look_up(words[0], low), s.look_up(words[1], high))
        });
        let slope = s.add(slope, s.mulhrs_i(s.look_up(self.bend, high), along));
        s.adds(base, s.mulhrs_i(slope, along))
    }
}

impl Kernel for Bend<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let pieces = PieceVectors::new(s, &self.pieces.tables, self.pieces.dark);
        let pairs = self.cells.div_ceil(2 * S::LANES);
        let (chunks, _) = S::chunks_mut(self.values).as_chunks_mut::<2>();
        for [first, second] in &mut chunks[..pairs] {
            let bent = [pieces.bend(s.load(first)), pieces.bend(s.load(second))];
            s.store(first, bent[0]);
            s.store(second, bent[1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn applied(points: &GammaCurve, level: Level) -> (Curve, Vec<u16>) {
        let mut curve = Curve::new();
        curve.update(Some(points));
        let mut values: Vec<u16> = (0..=u16::MAX).collect();
        curve.apply(level, values.len(), &mut values);
        (curve, values)
    }

    fn furthest(points: &GammaCurve, values: &[u16]) -> f64 {
        let off = |(x, &y): (usize, &u16)| (f64::from(y) - at(points, x as f64)).abs();
        values.iter().enumerate().map(off).fold(0.0, f64::max)
    }

    #[test]
    fn srgb_is_close_to_its_curve_everywhere() {
        let srgb = GammaCurve::srgb();
        let (curve, values) = applied(&srgb, Level::best());
        let fits: Vec<_> = (1..=6).map(|dark| Pieces::fit(&srgb, dark).map(|fit| fit.1)).collect();
        assert!(curve.pieces.is_some(), "{fits:?}");
        assert!(furthest(&srgb, &values) <= TOLERANCE + 4.0, "{}", furthest(&srgb, &values));
        for level in Level::all() {
            assert_eq!(values, applied(&srgb, level).1, "{level}");
        }
    }

    #[test]
    fn curves_pass_through_their_points_and_are_level_outside() {
        let points = GammaCurve { points: vec![(100, 50), (200, 1000), (60_000, 65_535)] };
        let (_, values) = applied(&points, Level::best());
        for (x, y) in [(0, 50), (100, 50), (150, 525), (200, 1000), (60_000, 65_535), (65_535, 65_535)] {
            assert!(f64::from(values[x]) - f64::from(y) <= TOLERANCE, "at {x}: {}", values[x]);
        }
    }

    proptest! {
        #[test]
        fn any_curve_is_followed(
            mut xs in prop::collection::btree_set(any::<u16>(), 1..40),
            seed in any::<u16>(),
            rising in any::<bool>(),
        ) {
            xs.insert(seed);
            let y = |x: u16| if rising { (x / 2).saturating_add(seed / 2) } else { x.wrapping_mul(seed) };
            let points = GammaCurve { points: xs.into_iter().map(|x| (x, y(x))).collect() };
            let (_, values) = applied(&points, Level::best());
            let off = furthest(&points, &values);
            prop_assert!(off <= 3.0 * TOLERANCE, "{off}");
        }
    }
}
