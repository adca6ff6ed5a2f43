//! Rows of raw samples to 16-bit lanes, in vectors.
//!
//! Eight samples lie in 8 to 16 bytes, whatever the format. One look-up brings the high byte of
//! each into its lane, a second one the byte or two that hold its low bits, and a multiplication
//! by a power of two shifts those into place.

use pinhole_base::format::{Packing, RawFormat};

use crate::simd::{AHEAD_BYTES, BLOCK, Kernel, LANES_MAX, Level, Simd};

/// Samples in a block.
const SAMPLES: usize = BLOCK / 2;
/// No byte: see [`Simd::look_up`].
const NONE: u8 = 0x80;

/// How eight samples lie in memory.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// Where the high byte of each lane comes from, and the low one if it needs no shift.
    high: [u16; SAMPLES],
    /// Where the words that hold low bits come from.
    low: [u16; SAMPLES],
    /// What these are multiplied by; the high 16 bits of the product count.
    factor: [u16; SAMPLES],
    /// Which of their bits are the sample's.
    mask: u16,
    /// By how much the result has to go up, so that the highest bit is in its place.
    shift: u32,
}

/// Bytes that hold eight samples.
const fn step(format: RawFormat) -> usize {
    match (format.packing, format.bits) {
        (Packing::Csi2, 10) => 10,
        (Packing::Csi2, 12) => 12,
        (Packing::Csi2, 14) => 14,
        (_, 8) => 8,
        _ => 16,
    }
}

const fn places(low: u8, high: u8) -> u16 {
    u16::from_le_bytes([low, high])
}

impl Layout {
    /// Of samples in an order within the block.
    fn new(format: RawFormat, order: [u8; SAMPLES]) -> Self {
        let none = [places(NONE, NONE); SAMPLES];
        let plain = Self { high: none, low: none, factor: [0; SAMPLES], mask: 0, shift: 0 };
        match (format.packing, format.bits) {
            (Packing::Csi2, 10) => Self {
                high: order.map(|j| places(NONE, j / 4 * 5 + j % 4)),
                low: order.map(|j| places(NONE, j / 4 * 5 + 4)),
                factor: order.map(|j| 1 << (14 - 2 * (j % 4))),
                mask: 0x00c0,
                ..plain
            },
            (Packing::Csi2, 12) => Self {
                high: order.map(|j| places(NONE, j / 2 * 3 + j % 2)),
                low: order.map(|j| places(NONE, j / 2 * 3 + 2)),
                factor: order.map(|j| 1 << (12 - 4 * (j % 2))),
                mask: 0x00f0,
                ..plain
            },
            (Packing::Csi2, 14) => Self {
                high: order.map(|j| places(NONE, j / 4 * 7 + j % 4)),
                low: order.map(|j| {
                    let first = j / 4 * 7 + 4;
                    [places(NONE, first), places(first, first + 1), places(first + 1, first + 2)]
                        .get(usize::from(j % 4))
                        .copied()
                        .unwrap_or(places(NONE, first + 2))
                }),
                factor: order.map(|j| [1 << 10, 1 << 12, 1 << 14, 1 << 8][usize::from(j % 4)]),
                mask: 0x00fc,
                ..plain
            },
            (_, 8) => Self { high: order.map(|j| places(NONE, j)), ..plain },
            (_, bits) => {
                Self { high: order.map(|j| places(2 * j, 2 * j + 1)), shift: 16 - u32::from(bits), ..plain }
            }
        }
    }
}

/// A layout in registers.
struct Unpacker<S: Simd> {
    simd: S,
    high: S::V,
    low: S::V,
    factor: S::V,
    mask: S::V,
    shift: u32,
}

impl<S: Simd> Unpacker<S> {
    #[inline(always)]
    fn new(simd: S, layout: &Layout) -> Self {
        let splat = |block| simd.splat_block(block);
        Self {
            simd,
            high: splat(layout.high),
            low: splat(layout.low),
            factor: splat(layout.factor),
            mask: simd.splat(layout.mask),
            shift: layout.shift,
        }
    }

    /// The samples of blocks of `STEP` bytes, their highest bits in the highest place.
    #[inline(always)]
    fn unpack<const STEP: usize>(&self, blocks: S::V) -> S::V {
        let s = self.simd;
        let high = s.look_up(blocks, self.high);
        match STEP {
            8 => high,
            BLOCK => s.shl_by(high, self.shift),
            _ => {
                let low = s.mulhi(s.look_up(blocks, self.low), self.factor);
                s.or(high, s.and(low, self.mask))
            }
        }
    }

    /// The even and the odd columns of the blocks of two vectors.
    #[inline(always)]
    fn unpack_halves<const STEP: usize>(&self, bytes: &[u8]) -> [S::V; 2] {
        let s = self.simd;
        let first = self.unpack::<STEP>(s.load_blocks(bytes, 0, 2 * STEP));
        let second = self.unpack::<STEP>(s.load_blocks(bytes, STEP, 2 * STEP));
        [s.low_halves(first, second), s.high_halves(first, second)]
    }
}

/// The most bytes that two vectors of blocks reach over, of any back-end.
const REACH_MAX: usize = 2 * reach(LANES_MAX);

/// The most bytes that a vector of blocks reaches over.
const fn reach(lanes: usize) -> usize {
    lanes / SAMPLES * BLOCK
}

/// `reach` bytes of a row from `start` on; a copy, in `end`, where there are not enough.
#[inline(always)]
fn window<'a>(row: &'a [u8], start: usize, reach: usize, end: &'a mut [u8; REACH_MAX]) -> &'a [u8] {
    let rest = &row[start.min(row.len())..];
    if rest.len() < reach {
        end[..rest.len()].copy_from_slice(rest);
        &end[..reach]
    } else {
        &rest[..reach]
    }
}

/// A row into its even and its odd columns.
struct Split<'a, const STEP: usize> {
    row: &'a [u8],
    layout: &'a Layout,
    halves: [&'a mut [u16]; 2],
}

impl<const STEP: usize> Kernel for Split<'_, STEP> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let unpacker = Unpacker::new(simd, self.layout);
        let [even, odd] = self.halves.map(|half| S::chunks_mut(half));
        let count = even.len().min(odd.len());
        let (even, odd) = (&mut even[..count], &mut odd[..count]);
        let bytes_each = 2 * S::LANES / SAMPLES * STEP;
        let mut end = [0; REACH_MAX];
        let reach = 2 * reach(S::LANES);
        let (mut rest, mut done) = (self.row, 0);
        while rest.len() >= reach && done < count {
            let [low, high] = unpacker.unpack_halves::<STEP>(&rest[..reach]);
            simd.store(&mut even[done], low);
            simd.store(&mut odd[done], high);
            (rest, done) = (&rest[bytes_each..], done + 1);
        }
        for i in done..count {
            let bytes = window(self.row, i * bytes_each, reach, &mut end);
            let [low, high] = unpacker.unpack_halves::<STEP>(bytes);
            simd.store(&mut even[i], low);
            simd.store(&mut odd[i], high);
        }
    }
}

/// A row as it is.
struct Straight<'a, const STEP: usize> {
    row: &'a [u8],
    layout: &'a Layout,
    down: u32,
    samples: &'a mut [u16],
}

impl<const STEP: usize> Kernel for Straight<'_, STEP> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let unpacker = Unpacker::new(simd, self.layout);
        let bytes_each = S::LANES / SAMPLES * STEP;
        let whole = self.samples.len() / S::LANES;
        let (chunks, tail) = self.samples.split_at_mut(whole * S::LANES);
        let chunks = &mut S::chunks_mut(chunks)[..whole];
        let mut end = [0; REACH_MAX];
        for (i, chunk) in chunks.iter_mut().enumerate() {
            simd.prefetch(self.row, i * bytes_each + AHEAD_BYTES);
            simd.prefetch(chunk.as_ref(), AHEAD_BYTES);
            let bytes = window(self.row, i * bytes_each, reach(S::LANES), &mut end);
            let samples = unpacker.unpack::<STEP>(simd.load_blocks(bytes, 0, STEP));
            simd.store(chunk, simd.shr_by(samples, self.down));
        }
        if !tail.is_empty() {
            let mut last = [0; LANES_MAX];
            let bytes = window(self.row, whole * bytes_each, reach(S::LANES), &mut end);
            let samples = unpacker.unpack::<STEP>(simd.load_blocks(bytes, 0, STEP));
            simd.store(&mut S::chunks_mut(&mut last)[0], simd.shr_by(samples, self.down));
            tail.copy_from_slice(&last[..tail.len()]);
        }
    }
}

/// Splits rows of a format into their even and odd columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Splitter {
    layout: Layout,
    step: usize,
}

impl Splitter {
    pub(crate) fn new(format: RawFormat) -> Self {
        Self { layout: Layout::new(format, [0, 2, 4, 6, 1, 3, 5, 7]), step: step(format) }
    }

    /// Splits a row, highest bits in the highest place. Writes whole vectors: what lies beyond the
    /// row's samples is of no meaning.
    pub(crate) fn split(&self, level: Level, row: &[u8], halves: [&mut [u16]; 2]) {
        let layout = &self.layout;
        match self.step {
            8 => level.run(Split::<8> { row, layout, halves }),
            10 => level.run(Split::<10> { row, layout, halves }),
            12 => level.run(Split::<12> { row, layout, halves }),
            14 => level.run(Split::<14> { row, layout, halves }),
            _ => level.run(Split::<16> { row, layout, halves }),
        }
    }
}

/// Unpacks a row; each sample in the low bits of its number.
pub(crate) fn unpack_straight(level: Level, format: RawFormat, row: &[u8], samples: &mut [u16]) {
    let layout = &Layout::new(format, [0, 1, 2, 3, 4, 5, 6, 7]);
    let down = 16 - u32::from(format.bits);
    match step(format) {
        8 => level.run(Straight::<8> { row, layout, down, samples }),
        10 => level.run(Straight::<10> { row, layout, down, samples }),
        12 => level.run(Straight::<12> { row, layout, down, samples }),
        14 => level.run(Straight::<14> { row, layout, down, samples }),
        _ => level.run(Straight::<16> { row, layout, down, samples }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packing::pack_row;
    use pinhole_base::format::PixelFormat;
    use proptest::prelude::*;

    /// Packs a row of samples, cut to the format's bits, and unpacks it both ways.
    fn check(level: Level, format: RawFormat, samples: &[u16]) -> Result<(), TestCaseError> {
        let samples: Vec<u16> = samples.iter().map(|sample| sample >> (16 - format.bits)).collect();
        let mut row = vec![0; format.row_bytes(samples.len() as u32) as usize];
        pack_row(format, &samples, &mut row);
        let mut straight = vec![0; samples.len()];
        unpack_straight(level, format, &row, &mut straight);
        prop_assert_eq!(&straight, &samples, "{} {:?}", level, format);
        let mut halves = [[0; 128]; 2];
        Splitter::new(format).split(level, &row, halves.each_mut().map(|half| &mut half[..]));
        for (i, sample) in samples.iter().enumerate() {
            let high = sample << (16 - format.bits);
            prop_assert_eq!(halves[i % 2][i / 2], high, "{} {:?}", level, format);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn every_level_unpacks_every_format(samples in prop::collection::vec(any::<u16>(), 1..250)) {
            for level in Level::all() {
                for format in PixelFormat::all().filter_map(PixelFormat::raw) {
                    check(level, format, &samples)?;
                }
            }
        }
    }
}
