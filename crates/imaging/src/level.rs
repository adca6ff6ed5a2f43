//! Black level, lens shading and white balance, in fixed point.
//!
//! A gain is a number of 16 bits. Most gains are no less than 1 and less than 3: of these it holds
//! what they are more than 1, and the rest is saturating additions. Others are in units of
//! 2ᵏ⁻¹⁶, and products keep their upper 16 bits after the point has gone back, so that nothing of
//! the sample's precision is lost.

use pinhole_base::format::{BayerColour, BayerOrder};

use crate::mosaic::{MosaicRow, room_for};
use crate::parameters::{IspParameters, LensShading};
use crate::simd::{Aligned, Kernel, Level, Simd};

const WHITE: f32 = 65535.0;
/// The largest exponent of a gain.
const EXPONENT_MAX: u32 = 15;

/// Rounds a number from 0 to 65535. Adding 2²³ leaves the rounded number in the low bits,
/// which, unlike a cast, costs one addition per vector.
pub(crate) fn rounded(value: f32) -> u16 {
    (value + 8_388_608.0).to_bits() as u16
}

/// The exponent `k` of gains of up to `most`: the least from 1 on with `most` < 2ᵏ.
fn exponent_for(most: f32) -> u32 {
    (1..EXPONENT_MAX).find(|&k| most * fraction(k) <= WHITE).unwrap_or(EXPONENT_MAX)
}

/// What 1 is, of an exponent.
fn fraction(exponent: u32) -> f32 {
    (1u32 << (16 - exponent)) as f32
}

/// A gain in fixed point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Gain {
    factor: u16,
    exponent: u32,
}

impl Gain {
    /// The nearest to `gain`, from 0 to 32767.
    pub(crate) fn new(gain: f32) -> Self {
        let exponent = exponent_for(gain);
        Self { factor: (gain * fraction(exponent)).round() as u16, exponent }
    }
}

/// Multiplies by gains of one exponent, and clips.
#[derive(Clone, Copy)]
pub(crate) struct Multiplier<S: Simd> {
    simd: S,
    most: S::V,
    exponent: u32,
}

impl<S: Simd> Multiplier<S> {
    #[inline(always)]
    pub(crate) fn new(simd: S, exponent: u32) -> Self {
        Self { simd, most: simd.splat(u16::MAX >> exponent), exponent }
    }

    /// A multiplier for a gain, and the gain in every lane.
    #[inline(always)]
    pub(crate) fn for_gain(simd: S, gain: Gain) -> (Self, S::V) {
        (Self::new(simd, gain.exponent), simd.splat(gain.factor))
    }

    /// `a` times a gain; where that is too much, 65535 but for the bits below 2ᵏ.
    #[inline(always)]
    pub(crate) fn multiply(&self, a: S::V, factor: S::V) -> S::V {
        let s = self.simd;
        let high = s.min(s.mulhi(a, factor), self.most);
        let low = s.shr_by(s.mullo(a, factor), 16 - self.exponent);
        s.or(s.shl_by(high, self.exponent), low)
    }
}

/// How samples are multiplied by factors.
trait Product<S: Simd> {
    fn times(&self, a: S::V, factor: S::V) -> S::V;
}

impl<S: Simd> Product<S> for Multiplier<S> {
    #[inline(always)]
    fn times(&self, a: S::V, factor: S::V) -> S::V {
        self.multiply(a, factor)
    }
}

/// By 1, whatever the factor.
struct Same;

impl<S: Simd> Product<S> for Same {
    #[inline(always)]
    fn times(&self, a: S::V, _: S::V) -> S::V {
        a
    }
}

/// By `WHOLE` and as many 65536ths as the factor says.
struct Beyond<S, const WHOLE: usize>(S);

impl<S: Simd, const WHOLE: usize> Product<S> for Beyond<S, WHOLE> {
    #[inline(always)]
    fn times(&self, a: S::V, factor: S::V) -> S::V {
        let mut sum = self.0.mulhi(a, factor);
        for _ in 0..WHOLE {
            sum = self.0.adds(sum, a);
        }
        sum
    }
}

/// By 1 and twice as many 65536ths as the factor says.
struct TwiceBeyondOne<S>(S);

impl<S: Simd> Product<S> for TwiceBeyondOne<S> {
    #[inline(always)]
    fn times(&self, a: S::V, factor: S::V) -> S::V {
        let more = self.0.mulhi(a, factor);
        self.0.adds(self.0.adds(a, more), more)
    }
}

/// What the factors of the lens shading mean.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    /// See [`Beyond`], of 1.
    BeyondOne,
    /// See [`TwiceBeyondOne`].
    TwiceBeyondOne,
    /// See [`Multiplier`].
    Exponent(u32),
}

impl Scale {
    /// The finest for gains of `least` to `most`, of which neighbours in a column differ by no
    /// more than `steepest`: their difference must have a sign.
    fn of(least: f32, most: f32, steepest: f32) -> Self {
        let fits = |scale: &Self| {
            let (unit, one) = scale.unit();
            least >= one && (most - one) * unit <= WHITE && steepest * unit < 32766.0
        };
        let scales = [Self::BeyondOne, Self::TwiceBeyondOne];
        scales.into_iter().find(fits).unwrap_or(Self::Exponent(exponent_for(2.0 * most)))
    }

    /// What a gain of 1 more adds to a factor, and which gain has the factor 0.
    fn unit(self) -> (f32, f32) {
        match self {
            Self::BeyondOne => (65536.0, 1.0),
            Self::TwiceBeyondOne => (32768.0, 1.0),
            Self::Exponent(exponent) => (fraction(exponent), 0.0),
        }
    }
}

/// Which plane of the lens shading, and which black level, belongs to a colour.
const fn plane(colour: BayerColour) -> (usize, usize) {
    match colour {
        BayerColour::Red => (0, 0),
        BayerColour::GreenRed => (1, 1),
        BayerColour::GreenBlue => (2, 1),
        BayerColour::Blue => (3, 2),
    }
}

/// The factors between two rows of the lens shading's points, for one half of a mosaic's rows:
/// those of either row, and how much the lower ones differ from the upper.
#[derive(Clone, Debug)]
struct Strip {
    upper: Aligned<u16>,
    lower: Aligned<u16>,
    change: Aligned<u16>,
}

impl Strip {
    fn new(cells: usize) -> Self {
        let row = Aligned::zeros(room_for(cells));
        Self { upper: row.clone(), lower: row.clone(), change: row }
    }
}

/// Prepares rows for the demosaic.
#[derive(Clone, Debug)]
pub(crate) struct Leveller {
    level: Level,
    order: Option<BayerOrder>,
    cells: usize,
    /// By row parity, then half.
    strips: [[Strip; 2]; 2],
    /// The row of points, and the parity of rows, that the strips were made for.
    filled: [Option<usize>; 2],
    scale: Scale,
}

impl Leveller {
    pub(crate) fn new(level: Level, order: Option<BayerOrder>, cells: usize) -> Self {
        let strips = [(); 2].map(|()| [Strip::new(cells), Strip::new(cells)]);
        Self { level, order, cells, strips, filled: [None; 2], scale: Scale::BeyondOne }
    }

    fn colour(&self, half: usize, y: usize) -> BayerColour {
        self.order.map_or(BayerColour::GreenRed, |order| order.colour_at(half, y))
    }

    /// Begins a frame.
    pub(crate) fn restart(&mut self, parameters: &IspParameters) {
        self.filled = [None; 2];
        let [mut least, mut most, mut steepest] = [1.0f32, 1.0, 0.0];
        if let Some(shading) = &parameters.lens_shading {
            for gains in &shading.gains {
                least = gains.iter().fold(least, |least, &gain| least.min(gain));
                most = gains.iter().fold(most, |most, &gain| most.max(gain));
                let neighbours = gains.iter().zip(&gains[shading.columns..]);
                steepest = neighbours.fold(steepest, |steepest, (a, b)| steepest.max((a - b).abs()));
            }
        }
        let [darkest, brightest] = [parameters.black_level.iter().max(), parameters.black_level.iter().min()]
            .map(|black| stretch_of(*black.unwrap_or(&0)));
        self.scale = Scale::of(least * brightest, most * darkest, steepest * darkest);
    }

    /// Takes a row from samples to levelled and to balanced ones. Levelled ones have black
    /// subtracted, what is left stretched so that white stays at 65535, and the lens's shading
    /// undone; balanced ones also the gains of white balance and brightness.
    pub(crate) fn level(
        &mut self,
        parameters: &IspParameters,
        y: usize,
        source: &MosaicRow,
        levelled: &mut MosaicRow,
        balanced: &mut MosaicRow,
    ) {
        let down = self.fill_strips(parameters, y);
        for half in 0..2 {
            let (_, channel) = plane(self.colour(half, y));
            let gain = match (self.order, channel) {
                (Some(_), 0) => parameters.red_gain,
                (Some(_), 2) => parameters.blue_gain,
                _ => 1.0,
            };
            self.level.run(LevelHalf {
                half,
                cells: self.cells,
                black: parameters.black_level[channel],
                strip: &self.strips[y % 2][half],
                down,
                scale: self.scale,
                gain: (gain * parameters.digital_gain).max(0.0),
                source,
                levelled,
                balanced,
            });
        }
        levelled.clear_room();
        balanced.mirror_ends();
    }

    /// Sees to it that the strips are those of row `y`; says how far down in them it lies, from
    /// 0 to 32767.
    fn fill_strips(&mut self, parameters: &IspParameters, y: usize) -> u16 {
        let position = parameters
            .lens_shading
            .as_ref()
            .map_or(0.0, |shading| (y as f32 / shading.cell_pixels.1).min((shading.rows - 1) as f32));
        let above =
            parameters.lens_shading.as_ref().map_or(0, |shading| (position as usize).min(shading.rows - 2));
        let filled = self.filled[y % 2].replace(above);
        if filled != Some(above) {
            let follows = above > 0 && filled == Some(above - 1);
            for half in 0..2 {
                let (plane, channel) = plane(self.colour(half, y));
                let (unit, one) = self.scale.unit();
                let scale = [stretch_of(parameters.black_level[channel]) * unit, one * unit];
                let strip = &mut self.strips[y % 2][half];
                match &parameters.lens_shading {
                    Some(shading) => {
                        let fill = FillStrip { shading, plane, above, half, follows, scale, strip };
                        self.level.run(fill);
                    }
                    None => {
                        strip.upper.fill((scale[0] - scale[1]).round() as u16);
                        strip.change.fill(0);
                    }
                }
            }
        }
        ((position - above as f32) * 32768.0).min(32767.0) as u16
    }
}

/// By how much what is above black has to be stretched.
fn stretch_of(black: u16) -> f32 {
    WHITE / (WHITE - f32::from(black)).max(1.0)
}

/// Fills a strip; a kernel for its arithmetic, which compilers put into vectors by themselves.
struct FillStrip<'a> {
    shading: &'a LensShading,
    plane: usize,
    /// The row of points above.
    above: usize,
    half: usize,
    /// Whether the strip is that of the row of points before.
    follows: bool,
    scale: [f32; 2],
    strip: &'a mut Strip,
}

impl Kernel for FillStrip<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { shading, half, scale, strip, .. } = self;
        let points = |row: usize| &shading.gains[self.plane][row * shading.columns..][..shading.columns];
        if self.follows {
            std::mem::swap(&mut strip.upper, &mut strip.lower);
        } else {
            fill_factors(points(self.above), shading.cell_pixels.0, half, scale, &mut strip.upper);
        }
        fill_factors(points(self.above + 1), shading.cell_pixels.0, half, scale, &mut strip.lower);
        for ((change, lower), upper) in strip.change.iter_mut().zip(&strip.lower).zip(&strip.upper) {
            *change = lower.wrapping_sub(*upper);
        }
    }
}

/// Factors that are computed at once.
const RUN: usize = 16;

/// The factors along a row of points, for the even or odd columns: gains times the first of
/// `scale`, less the second. There must be a run more of them than there are cells.
#[inline(always)]
fn fill_factors(points: &[f32], cell_width: f32, half: usize, [scale, one]: [f32; 2], factors: &mut [u16]) {
    let mut start = 0;
    let last = factors.len() - RUN;
    for (column, &left) in points.iter().enumerate() {
        // The cells left of the next point; the last stretch reaches to the end.
        let edge = ((column + 1) as f32 * cell_width - half as f32) / 2.0;
        let next = points.get(column + 1);
        let end = next.map_or(last, |_| (edge.ceil() as usize).min(last));
        let slope = next.map_or(0.0, |next| (next - left) / cell_width) * scale;
        let origin = half as f32 - column as f32 * cell_width;
        while start < end {
            // What lies beyond the end is overwritten by the next stretch.
            let Some(run) = factors[start..].first_chunk_mut::<RUN>() else { return };
            let first = left * scale - one + slope * ((2 * start) as f32 + origin);
            for (i, factor) in run.iter_mut().enumerate() {
                *factor = rounded((first + 2.0 * slope * i as f32).clamp(0.0, WHITE));
            }
            start = (start + RUN).min(end);
        }
    }
}

struct LevelHalf<'a> {
    half: usize,
    cells: usize,
    black: u16,
    strip: &'a Strip,
    down: u16,
    scale: Scale,
    gain: f32,
    source: &'a MosaicRow,
    levelled: &'a mut MosaicRow,
    balanced: &'a mut MosaicRow,
}

/// What levels one half of a row, in registers.
struct LevelVectors<'a, S: Simd, P> {
    simd: S,
    upper: &'a [S::Chunk],
    change: &'a [S::Chunk],
    source: &'a [S::Chunk],
    black: S::V,
    down: S::V,
    shading: P,
}

impl<S: Simd, P: Product<S>> LevelVectors<'_, S, P> {
    #[inline(always)]
    fn level(&self, i: usize) -> S::V {
        let s = self.simd;
        let change = s.mulhrs_i(s.load(&self.change[i]), self.down);
        let factor = s.add(s.load(&self.upper[i]), change);
        self.shading.times(s.subs(s.load(&self.source[i]), self.black), factor)
    }
}

impl Kernel for LevelHalf<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.scale {
            Scale::BeyondOne => self.shaded(s, Beyond::<S, 1>(s)),
            Scale::TwiceBeyondOne => self.shaded(s, TwiceBeyondOne(s)),
            Scale::Exponent(exponent) => self.shaded(s, Multiplier::new(s, exponent)),
        }
    }
}

impl LevelHalf<'_> {
    #[inline(always)]
    fn shaded<S: Simd>(self, s: S, shading: impl Product<S>) {
        let beyond = s.splat(((self.gain.fract() * 65536.0).round()).min(WHITE) as u16);
        match self.gain {
            1.0 => self.balanced(s, shading, &Same, beyond),
            0.0..1.0 => self.balanced(s, shading, &Beyond::<S, 0>(s), beyond),
            1.0..2.0 => self.balanced(s, shading, &Beyond::<S, 1>(s), beyond),
            2.0..3.0 => self.balanced(s, shading, &Beyond::<S, 2>(s), beyond),
            _ => {
                let (balance, factor) = Multiplier::for_gain(s, Gain::new(self.gain));
                self.balanced(s, shading, &balance, factor);
            }
        }
    }

    #[inline(always)]
    fn balanced<S: Simd>(self, s: S, shading: impl Product<S>, balance: &impl Product<S>, gain: S::V) {
        let count = self.cells.div_ceil(S::LANES);
        let vectors = LevelVectors {
            simd: s,
            upper: &S::chunks(&self.strip.upper)[..count],
            change: &S::chunks(&self.strip.change)[..count],
            source: &self.source.vectors::<S>(self.half, 0, count)[..count],
            black: s.splat(self.black),
            down: s.splat(self.down),
            shading,
        };
        let levelled = self.levelled.vectors_mut::<S>(self.half, count);
        let balanced = self.balanced.vectors_mut::<S>(self.half, count);
        for i in 0..count {
            let value = vectors.level(i);
            s.store(&mut levelled[i], value);
            s.store(&mut balanced[i], balance.times(value, gain));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_linear_between_points() {
        for half in 0..2 {
            let mut row = [0; 6 + RUN];
            fill_factors(&[1.0, 2.0, 3.0], 4.0, half, [1000.0, 500.0], &mut row);
            for (i, factor) in row[..6].iter().enumerate() {
                let x = ((2 * i + half) as f32).min(8.0);
                assert_eq!(f32::from(*factor), 500.0 + 250.0 * x, "{half} {i}");
            }
        }
    }

    #[test]
    fn scales_are_as_fine_as_the_gains_allow() {
        assert_eq!(Scale::of(1.0, 1.9, 0.1), Scale::BeyondOne);
        assert_eq!(Scale::of(1.0, 2.9, 0.1), Scale::TwiceBeyondOne);
        assert_eq!(Scale::of(1.0, 1.9, 0.6), Scale::TwiceBeyondOne);
        assert_eq!(Scale::of(0.9, 1.9, 0.1), Scale::Exponent(2));
        assert_eq!(Scale::of(1.0, 3.1, 0.1), Scale::Exponent(3));
        assert_eq!(Scale::of(1.0, 2.9, 1.5), Scale::Exponent(3));
    }

    #[test]
    fn rounding_is_to_the_nearest() {
        for (value, expected) in [(0.0, 0), (0.4, 0), (0.6, 1), (1234.5001, 1235), (65535.0, 65535)] {
            assert_eq!(rounded(value), expected);
        }
    }
}
