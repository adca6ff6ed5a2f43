//! A tone curve in sixteen parabolas.
//!
//! Half of them share the darkest part of the range, in which curves bend most: values are first
//! stretched there, along a line with a knee. Which parabola a stretched value belongs to, and how
//! far along it lies, are bits of it; the coefficients come out of registers. A curve that
//! parabolas do not follow closely enough is looked up instead.

use pinhole_base::colour::Toning;

use crate::parameters::GammaCurve;
use crate::simd::{Simd, each};

/// Parabolas.
const PIECES: usize = 16;
/// Bits of a stretched value that tell how far along its parabola it is.
const ALONG_BITS: u32 = 12;
/// How far a parabola may be from its curve, of 65535: three eighths of a step of 8 bits.
const TOLERANCE: f64 = 96.0;
/// Places at which a parabola is fitted.
const PLACES: usize = 64;
/// The least part of a piece that a parabola is fitted to.
const SHORTEST: f64 = 1.0 / 16.0;
/// Steps of a parabola's slope and of its bend, of which each has 8 bits.
const STEP: f64 = 128.0;

/// What stretches the darkest part: the mean of a value and of `steep` times itself, of which
/// what is above `most` counts as `most`. The knee lies where the latter half of the pieces begins.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Knee {
    steep: u16,
    most: u16,
}

/// How steep knees are tried.
const STEEPS: [u16; 7] = [1, 2, 4, 8, 12, 20, 40];

impl Knee {
    fn new(steep: u16) -> Self {
        Self { steep, most: (65536.0 / f64::from(steep + 1)).round() as u16 }
    }

    fn stretched(self, x: u16) -> u16 {
        let steep = u32::from(x.min(self.most)) * u32::from(self.steep);
        (u32::from(x) + steep).div_ceil(2) as u16
    }

    /// The value that is stretched to this.
    fn original(self, stretched: f64) -> f64 {
        let dark = 2.0 * stretched / f64::from(self.steep + 1);
        dark.max(2.0 * stretched - f64::from(self.most) * f64::from(self.steep))
    }
}

/// A parabola over one piece: `base + (slope + bend · t) · t / 2`, `t` from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Piece {
    base: u16,
    /// Its low byte is 0, as the bend's.
    slope: u16,
    bend: i16,
}

/// The pieces of a curve.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pieces {
    /// Of each piece: see [`Piece`].
    bases: [u16; PIECES],
    slopes: [u16; PIECES],
    bends: [u16; PIECES],
    knee: Knee,
}

/// The points of a straight line.
const STRAIGHT: [(u16, u16); 2] = [(0, 0), (65535, 65535)];

/// A curve as it is wanted.
#[derive(Clone, Debug)]
struct Wanted {
    points: GammaCurve,
    toning: Toning,
}

impl Wanted {
    /// The curve's value.
    fn at(&self, x: f64) -> f64 {
        65535.0 * self.toning.apply(at(&self.points, x) / 65535.0)
    }
}

/// A curve, ready to use.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    wanted: Option<Wanted>,
    pieces: Option<Pieces>,
    /// Holds the curve only where there are no pieces.
    table: Box<[u16; 65536]>,
}

impl Curve {
    /// A straight line.
    pub(crate) fn new() -> Self {
        let table = vec![0; 65536].try_into().expect("just made that long");
        Self { wanted: None, pieces: None, table }
    }

    /// Takes over another curve, if it is another. `None` is a straight line before toning.
    pub(crate) fn update(&mut self, points: Option<&GammaCurve>, toning: Toning) {
        if points.is_none() && toning == Toning::NONE {
            self.wanted = None;
            return;
        }
        let points = points.map_or(&STRAIGHT[..], |curve| &curve.points);
        if let Some(wanted) = &mut self.wanted {
            if wanted.toning == toning && wanted.points.points == points {
                return;
            }
            wanted.toning = toning;
            wanted.points.points.clear();
            wanted.points.points.extend(points);
        } else {
            let points = GammaCurve { points: points.to_vec() };
            self.wanted = Some(Wanted { points, toning });
        }
        self.remake();
    }

    fn remake(&mut self) {
        let Some(wanted) = &self.wanted else { return };
        self.pieces = Pieces::of(wanted);
        if self.pieces.is_none() {
            for (x, y) in self.table.iter_mut().enumerate() {
                *y = wanted.at(x as f64).round() as u16;
            }
        }
    }

    /// Its pieces, if it bends and has any.
    pub(super) fn pieces(&self) -> Option<&Pieces> {
        self.wanted.as_ref().and(self.pieces.as_ref())
    }

    /// Applies it to values, if it bends and has no pieces.
    pub(super) fn look_up(&self, values: &mut [u16]) {
        if self.wanted.is_some() && self.pieces.is_none() {
            let (chunks, rest) = values.as_chunks_mut::<8>();
            for chunk in chunks {
                *chunk = chunk.map(|value| self.table[usize::from(value)]);
            }
            for value in rest {
                *value = self.table[usize::from(*value)];
            }
        }
    }
}

/// The value of straight lines between points.
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
    fn of(curve: &Wanted) -> Option<Self> {
        let fitted = STEEPS.iter().filter_map(|steep| Self::fit(curve, Knee::new(*steep)));
        let best = fitted.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let (best, off) = best;
        // What is narrower than the places of a fit are apart shows at the curve's own points.
        let near = |&(x, _): &(u16, u16)| (best.value(x) - curve.at(f64::from(x))).abs() <= TOLERANCE + 1.0;
        (off <= TOLERANCE && curve.points.points.iter().all(near)).then_some(best)
    }

    fn value(&self, x: u16) -> f64 {
        let x = self.knee.stretched(x);
        let piece = self.piece(usize::from(x >> ALONG_BITS));
        let width = 1 << ALONG_BITS;
        piece.value(f64::from(x % width) / f64::from(width)).min(65535.0)
    }

    fn piece(&self, i: usize) -> Piece {
        Piece { base: self.bases[i], slope: self.slopes[i], bend: self.bends[i].cast_signed() }
    }

    /// The pieces with that knee, and how far they are off at most.
    fn fit(curve: &Wanted, knee: Knee) -> Option<(Self, f64)> {
        let mut pieces = [Piece::default(); PIECES];
        let mut off: f64 = 0.0;
        let width = f64::from(1u32 << ALONG_BITS);
        let end = f64::from(knee.stretched(u16::MAX)) / width;
        for (i, piece) in pieces.iter_mut().enumerate() {
            let start = i as f64;
            if start <= end {
                let value = |t| curve.at(knee.original((start + t) * width).min(65535.0));
                let (fitted, error) = Piece::fit(value, (end - start).clamp(SHORTEST, 1.0))?;
                *piece = fitted;
                off = off.max(error);
            }
        }
        let bases = pieces.map(|piece| piece.base);
        let slopes = pieces.map(|piece| piece.slope);
        let bends = pieces.map(|piece| piece.bend.cast_unsigned());
        Some((Self { bases, slopes, bends, knee }, off))
    }
}

impl Piece {
    fn value(&self, t: f64) -> f64 {
        f64::from(self.base) + (f64::from(self.slope) + f64::from(self.bend) * t) * t / 2.0
    }

    /// Fits a parabola for `t` from 0 to `last`, and says how far it is off at most. `None` if its
    /// coefficients are too large or it falls.
    fn fit(curve: impl Fn(f64) -> f64, last: f64) -> Option<(Self, f64)> {
        let places: Values = std::array::from_fn(|i| last * i as f64 / (PLACES - 1) as f64);
        let values = places.map(curve);
        let bend = flattest_bend(&places, &values);
        let slope = flattest_slope(&places, &without_bend(&places, &values, bend));
        let mut best: Option<(Self, f64)> = None;
        for bend_steps in near(bend) {
            let bend_there = bend_steps * STEP;
            let rest = without_bend(&places, &values, bend_there);
            // The line nearest to t² is as steep as the last t.
            for slope_steps in near(slope + (bend - bend_there) * last) {
                let fitted = Self::with(&places, &rest, [slope_steps, bend_steps]);
                if let Some(fitted) = fitted
                    && best.is_none_or(|best| fitted.1 < best.1)
                {
                    best = Some(fitted);
                }
            }
        }
        best
    }

    /// The piece with that many steps of slope and of bend, and how far it is off at most.
    fn with(places: &Values, rest: &Values, [slope, bend]: [f64; 2]) -> Option<(Self, f64)> {
        let (mut base, mut off) = middle(places, rest, slope * STEP);
        if base < 0.0 {
            (base, off) = (0.0, furthest_from_0(places, rest, slope * STEP));
        }
        let sizes_fit = base <= 65535.0
            && (-128.0..128.0).contains(&bend)
            && (0.0..256.0).contains(&slope)
            && (0.0..256.0).contains(&(slope + bend));
        sizes_fit.then(|| {
            let piece = Self { base: base as u16, slope: slope as u16 * 256, bend: bend as i16 * 256 };
            (piece, off + 1.0)
        })
    }
}

/// The numbers of steps nearest to a value.
fn near(value: f64) -> [f64; 4] {
    let below = (value / STEP).floor();
    [below - 1.0, below, below + 1.0, below + 2.0]
}

/// What is left of the values without the bent part of a parabola.
fn without_bend(places: &Values, values: &Values, bend: f64) -> Values {
    std::array::from_fn(|i| values[i] - bend * places[i] * places[i])
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

/// Pieces in registers.
#[derive(Clone, Copy)]
pub(crate) struct PieceVectors<S: Simd> {
    simd: S,
    base: S::Words,
    slope: S::HighBytes,
    bend: S::HighBytes,
    most: S::V,
    steep: S::V,
    /// The bits that tell how far along its parabola a value is, as high as signed numbers allow.
    along: S::V,
}

impl<S: Simd> PieceVectors<S> {
    #[inline(always)]
    pub(crate) fn new(simd: S, pieces: &Pieces) -> Self {
        Self {
            simd,
            base: simd.words(&pieces.bases),
            slope: simd.high_bytes(&pieces.slopes),
            bend: simd.high_bytes(&pieces.bends),
            most: simd.splat(pieces.knee.most),
            steep: simd.splat(pieces.knee.steep),
            along: simd.splat(((1 << ALONG_BITS) - 1) << (15 - ALONG_BITS)),
        }
    }

    /// The curve's values for three colours.
    #[inline(always)]
    pub(crate) fn bend(&self, [a, b, c]: [S::V; 3]) -> [S::V; 3] {
        each!([a, b, c], x => self.value(x))
    }

    #[inline(always)]
    fn value(&self, x: S::V) -> S::V {
        let s = self.simd;
        let x = s.avg(x, s.mullo(s.min(x, self.most), self.steep));
        let along = s.and(s.shl::<{ 15 - ALONG_BITS }>(x), self.along);
        let piece = s.choice(x);
        let bend = s.mulhrs_i(s.choose_high(self.bend, piece), along);
        let slope = s.add(s.choose_high(self.slope, piece), bend);
        let base = s.choose(self.base, piece);
        s.adds(base, s.mulhi(slope, along))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Kernel, Level};
    use proptest::prelude::*;

    struct Bend<'a> {
        pieces: &'a Pieces,
        values: &'a mut [u16],
    }

    impl Kernel for Bend<'_> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, s: S) {
            let pieces = PieceVectors::new(s, self.pieces);
            for chunk in S::chunks_mut(self.values) {
                let bent = pieces.value(s.load(chunk));
                s.store(chunk, bent);
            }
        }
    }

    fn applied(points: &GammaCurve, level: Level) -> (Curve, Vec<u16>) {
        toned(points, Toning::NONE, level)
    }

    fn toned(points: &GammaCurve, toning: Toning, level: Level) -> (Curve, Vec<u16>) {
        let mut curve = Curve::new();
        curve.update(Some(points), toning);
        let mut values: Vec<u16> = (0..=u16::MAX).collect();
        bend(&curve, level, &mut values);
        (curve, values)
    }

    fn bend(curve: &Curve, level: Level, values: &mut [u16]) {
        match curve.pieces() {
            Some(pieces) => level.run(Bend { pieces, values }),
            None => curve.look_up(values),
        }
    }

    fn furthest(points: &GammaCurve, values: &[u16]) -> f64 {
        let off = |(x, &y): (usize, &u16)| (f64::from(y) - at(points, x as f64)).abs();
        values.iter().enumerate().map(off).fold(0.0, f64::max)
    }

    #[test]
    fn srgb_is_close_to_its_curve_everywhere() {
        let srgb = GammaCurve::srgb();
        let (curve, values) = applied(&srgb, Level::best());
        let plain = Wanted { points: srgb.clone(), toning: Toning::NONE };
        let fits = STEEPS.map(|steep| Pieces::fit(&plain, Knee::new(steep)).map(|fit| fit.1));
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

    #[test]
    fn curves_are_made_anew_when_points_or_toning_change_and_only_then() {
        let steep = Toning { contrast: 2.0, ..Toning::NONE };
        let mut curve = Curve::new();
        let mut middle = |points: Option<&GammaCurve>, toning| {
            curve.update(points, toning);
            let mut values = [[16_384, 32_768, 45_000, 0]; 16];
            bend(&curve, Level::Portable, values.as_flattened_mut());
            // Parabolas and tables differ by less than this.
            [0, 1, 2].map(|i| (values[15][i] + 8) / 16 * 16)
        };
        assert_eq!(middle(None, Toning::NONE), [16_384, 32_768, 45_008]);
        assert_eq!(middle(None, steep), [0, 32_768, 57_232]);
        let level = GammaCurve { points: vec![(0, 40_000)] };
        assert_eq!(middle(Some(&level), steep), [47_232; 3]);
        assert_eq!(middle(Some(&level), Toning::NONE), [40_000; 3]);
        assert_eq!(middle(None, Toning::NONE), [16_384, 32_768, 45_008]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn contrast_and_brightness_are_followed(contrast in 0.0f64..4.0, brightness in -0.5f64..0.5) {
            let (srgb, toning) = (GammaCurve::srgb(), Toning { contrast, brightness });
            let (curve, values) = toned(&srgb, toning, Level::best());
            let wanted = Wanted { points: srgb, toning };
            let off = |(x, &y): (usize, &u16)| (f64::from(y) - wanted.at(x as f64)).abs();
            let off = values.iter().enumerate().map(off).fold(0.0, f64::max);
            prop_assert!(off <= TOLERANCE + 4.0, "{off} with {:?}", curve.pieces);
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
