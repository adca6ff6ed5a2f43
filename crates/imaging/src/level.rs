//! Black level, lens shading and white balance, in fixed point.
//!
//! A gain of less than 2ᵏ is a number of 16 bits in units of 2ᵏ⁻¹⁶; products keep their upper 16
//! bits after the point has gone back, so that nothing of the sample's precision is lost.

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

    fn is_one(self) -> bool {
        self == Self::new(1.0)
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

/// Which plane of the lens shading, and which black level, belongs to a colour.
const fn plane(colour: BayerColour) -> (usize, usize) {
    match colour {
        BayerColour::Red => (0, 0),
        BayerColour::GreenRed => (1, 1),
        BayerColour::GreenBlue => (2, 1),
        BayerColour::Blue => (3, 2),
    }
}

/// The gains between two rows of the lens shading's points, for one half of a mosaic's rows:
/// those of the upper row, and how much those of the lower one differ.
#[derive(Clone, Debug)]
struct Strip {
    upper: Aligned<u16>,
    change: Aligned<u16>,
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
    exponent: u32,
}

impl Leveller {
    pub(crate) fn new(level: Level, order: Option<BayerOrder>, cells: usize) -> Self {
        let gains = || Aligned::zeros(room_for(cells));
        let strip = Strip { upper: gains(), change: gains() };
        let strips = [(); 2].map(|()| [strip.clone(), strip.clone()]);
        Self { level, order, cells, strips, filled: [None; 2], exponent: 1 }
    }

    fn colour(&self, half: usize, y: usize) -> BayerColour {
        self.order.map_or(BayerColour::GreenRed, |order| order.colour_at(half, y))
    }

    /// Begins a frame.
    pub(crate) fn restart(&mut self, parameters: &IspParameters) {
        self.filled = [None; 2];
        let darkest = parameters.black_level.into_iter().max().unwrap_or(0);
        let stretch = stretch_of(darkest);
        let gains = parameters.lens_shading.iter().flat_map(|shading| shading.gains.iter().flatten());
        let most = gains.fold(1.0f32, |most, &gain| most.max(gain)) * stretch;
        // Twice as much, so that the difference of two gains has a sign.
        self.exponent = exponent_for(2.0 * most);
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
                exponent: self.exponent,
                gain: Gain::new((gain * parameters.digital_gain).max(0.0)),
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
        if self.filled[y % 2] != Some(above) {
            self.filled[y % 2] = Some(above);
            for half in 0..2 {
                let (plane, channel) = plane(self.colour(half, y));
                let scale = stretch_of(parameters.black_level[channel]) * fraction(self.exponent);
                let strip = &mut self.strips[y % 2][half];
                fill_strip(self.level, parameters.lens_shading.as_ref(), (plane, above), half, scale, strip);
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
    points: [&'a [f32]; 2],
    cell_width: f32,
    half: usize,
    scale: f32,
    strip: &'a mut Strip,
}

impl Kernel for FillStrip<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Strip { upper, change } = self.strip;
        fill_gains(self.points[0], self.cell_width, self.half, self.scale, upper);
        fill_gains(self.points[1], self.cell_width, self.half, self.scale, change);
        for (change, upper) in change.iter_mut().zip(upper) {
            *change = change.wrapping_sub(*upper);
        }
    }
}

fn fill_strip(
    level: Level,
    shading: Option<&LensShading>,
    (plane, above): (usize, usize),
    half: usize,
    scale: f32,
    strip: &mut Strip,
) {
    let Some(shading) = shading else {
        strip.upper.fill(scale.round() as u16);
        strip.change.fill(0);
        return;
    };
    let points = |row: usize| &shading.gains[plane][row * shading.columns..][..shading.columns];
    let (points, cell_width) = ([points(above), points(above + 1)], shading.cell_pixels.0);
    level.run(FillStrip { points, cell_width, half, scale, strip });
}

/// The gains along a row of points, for the even or odd columns, times `scale`.
#[inline(always)]
fn fill_gains(points: &[f32], cell_width: f32, half: usize, scale: f32, gains: &mut [u16]) {
    let mut start = 0;
    for (column, &left) in points.iter().enumerate() {
        // The cells left of the next point; the last stretch reaches to the end.
        let edge = ((column + 1) as f32 * cell_width - half as f32) / 2.0;
        let next = points.get(column + 1);
        let end = next.map_or(gains.len(), |_| (edge.ceil() as usize).min(gains.len()));
        let slope = next.map_or(0.0, |next| (next - left) / cell_width) * scale;
        let origin = half as f32 - column as f32 * cell_width;
        for (i, gain) in gains[start.min(end)..end].iter_mut().enumerate() {
            let gain_here = left * scale + slope * ((2 * (start + i)) as f32 + origin);
            *gain = rounded(gain_here.clamp(0.0, WHITE));
        }
        start = end.max(start);
    }
}

struct LevelHalf<'a> {
    half: usize,
    cells: usize,
    black: u16,
    strip: &'a Strip,
    down: u16,
    exponent: u32,
    gain: Gain,
    source: &'a MosaicRow,
    levelled: &'a mut MosaicRow,
    balanced: &'a mut MosaicRow,
}

/// What levels one half of a row, in registers.
struct LevelVectors<'a, S: Simd> {
    simd: S,
    upper: &'a [S::Chunk],
    change: &'a [S::Chunk],
    source: &'a [S::Chunk],
    black: S::V,
    down: S::V,
    shading: Multiplier<S>,
}

impl<S: Simd> LevelVectors<'_, S> {
    #[inline(always)]
    fn level(&self, i: usize) -> S::V {
        let s = self.simd;
        let change = s.mulhrs_i(s.load(&self.change[i]), self.down);
        let factor = s.add(s.load(&self.upper[i]), change);
        self.shading.multiply(s.subs(s.load(&self.source[i]), self.black), factor)
    }
}

impl Kernel for LevelHalf<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let count = self.cells.div_ceil(S::LANES);
        let vectors = LevelVectors {
            simd: s,
            upper: &S::chunks(&self.strip.upper)[..count],
            change: &S::chunks(&self.strip.change)[..count],
            source: &self.source.vectors::<S>(self.half, 0, count)[..count],
            black: s.splat(self.black),
            down: s.splat(self.down),
            shading: Multiplier::new(s, self.exponent),
        };
        let levelled = self.levelled.vectors_mut::<S>(self.half, count);
        let balanced = self.balanced.vectors_mut::<S>(self.half, count);
        let (balance, gain) = Multiplier::for_gain(s, self.gain);
        if self.gain.is_one() {
            for i in 0..count {
                let value = vectors.level(i);
                s.store(&mut levelled[i], value);
                s.store(&mut balanced[i], value);
            }
        } else {
            for i in 0..count {
                let value = vectors.level(i);
                s.store(&mut levelled[i], value);
                s.store(&mut balanced[i], balance.multiply(value, gain));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_are_linear_between_points() {
        for half in 0..2 {
            let mut row = [0; 6];
            fill_gains(&[1.0, 2.0, 3.0], 4.0, half, 1000.0, &mut row);
            for (i, gain) in row.into_iter().enumerate() {
                let x = ((2 * i + half) as f32).min(8.0);
                assert_eq!(f32::from(gain), 1000.0 + 250.0 * x, "{half} {i}");
            }
        }
    }

    #[test]
    fn rounding_is_to_the_nearest() {
        for (value, expected) in [(0.0, 0), (0.4, 0), (0.6, 1), (1234.5001, 1235), (65535.0, 65535)] {
            assert_eq!(rounded(value), expected);
        }
    }
}
