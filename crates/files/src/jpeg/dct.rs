//! The forward cosine transform of 8×8 blocks, two at a time, and its quantisation, in 16 bits.
//!
//! Columns first, by Y. Arai, T. Agui, M. Nakajima, "A fast DCT-SQ scheme for images", 1988.
//! Then rows, as a product with the transform's matrix, halved by its symmetry; scales and
//! quantisation are factors of that matrix, so that they cost nothing. Rows are vectors all the
//! time, and nothing is transposed.

use pinhole_simd::Simd;
use std::f64::consts::{FRAC_1_SQRT_2, PI, SQRT_2};

/// Rows and columns of a block.
pub(super) const BLOCK_SIDE: usize = 8;

/// Bytes that are read behind a block's last sample.
pub(super) const BYTES_BEHIND: usize = 16;

/// The most lanes that a pair of blocks fills.
pub(super) const LANES_MOST: usize = 2 * BLOCK_SIDE;

/// The frequency across of each level in a row: the even ones first.
const FREQUENCIES: [usize; BLOCK_SIDE] = [0, 2, 4, 6, 1, 3, 5, 7];

/// Where a level lies in a pair of blocks, if it is the first block's.
#[derive(Clone, Copy)]
pub(super) struct Place(u8);

impl Place {
    /// The place of a coefficient's level, the coefficients counted in reading order.
    pub(super) const fn of(coefficient: usize) -> Self {
        let (row, column) = (coefficient / BLOCK_SIDE, coefficient % BLOCK_SIDE);
        let half = if column.is_multiple_of(2) { 0 } else { BLOCK_SIDE / 2 };
        Self((row * 2 * BLOCK_SIDE + half + column / 2) as u8)
    }

    pub(super) const fn row(self) -> usize {
        self.0 as usize / (2 * BLOCK_SIDE)
    }

    pub(super) const fn column(self) -> usize {
        self.0 as usize % (2 * BLOCK_SIDE)
    }
}

/// The levels of a row of two blocks, side by side.
type Row = [u16; 2 * BLOCK_SIDE];

/// The quantised transforms of two blocks.
#[derive(Clone, Copy, Default)]
pub(super) struct Pair {
    /// Row by row, the second block's right of the first's; at [`Place`]s.
    rows: [Row; BLOCK_SIDE],
    /// For each column, the set of rows that are not zero there.
    nonzero: Row,
}

impl Pair {
    /// One of a block's levels.
    #[inline(always)]
    pub(super) fn level(&self, block: usize, place: Place) -> i32 {
        i32::from(self.rows.as_flattened()[(usize::from(place.0) + block * BLOCK_SIDE) & 127].cast_signed())
    }

    /// For each column of a block, the set of rows that are not zero there.
    #[inline(always)]
    pub(super) fn nonzero(&self, block: usize) -> &[u16; BLOCK_SIDE] {
        &self.nonzero.as_chunks().0[block & 1]
    }
}

/// What a row's transform is made of: factors for the even frequencies of the first and the
/// second pair of folded samples, and the same for the odd ones. The same for both blocks.
struct Factors {
    pairs: [Row; 4],
    /// How many bits of the products are fraction.
    fraction_bits: u32,
}

/// Transforms blocks and divides them by a table's steps.
pub(super) struct Quantiser {
    rows: [Factors; BLOCK_SIDE],
}

impl Quantiser {
    /// From the table's 64 steps, row by row.
    pub(super) fn new(steps: &[u8; 64]) -> Self {
        Self { rows: std::array::from_fn(|v| Factors::new(v, &steps.as_chunks().0[v])) }
    }

    /// Makes a pair of a block and the one right of it. Rows begin `stride`
    /// samples apart, the first at `start`.
    #[inline(always)]
    pub(super) fn quantise<S: Simd>(
        &self,
        simd: S,
        samples: &[u8],
        start: usize,
        stride: usize,
        pair: &mut Pair,
    ) {
        for at in (0..2 * BLOCK_SIDE).step_by(S::LANES) {
            let mut rows = [simd.splat(0); BLOCK_SIDE];
            for (y, row) in rows.iter_mut().enumerate() {
                *row = loaded(simd, samples, start + at + y * stride);
            }
            let rows = columns(simd, rows);
            let mut zero = simd.splat(0);
            for (y, (factors, &row)) in self.rows.iter().zip(&rows).enumerate() {
                let levels = factors.transformed(simd, row);
                let bit = simd.and(simd.equal(levels, simd.splat(0)), simd.splat(1 << y));
                zero = simd.or(zero, bit);
                simd.store(&mut S::chunks_mut(&mut pair.rows[y])[at / S::LANES], levels);
            }
            let nonzero = simd.xor(zero, simd.splat(0xff));
            simd.store(&mut S::chunks_mut(&mut pair.nonzero)[at / S::LANES], nonzero);
        }
    }
}

/// Fraction bits of loaded samples: as many as two columns' sums leave room for.
const SAMPLE_FRACTION_BITS: u32 = 3;

/// Samples of a row of blocks about zero.
#[inline(always)]
fn loaded<S: Simd>(simd: S, samples: &[u8], start: usize) -> S::V {
    const HIGH_BYTES: [u16; 8] = [0x00ff, 0x01ff, 0x02ff, 0x03ff, 0x04ff, 0x05ff, 0x06ff, 0x07ff];
    let bytes = simd.load_blocks(samples, start, BLOCK_SIDE);
    let samples = simd.look_up(bytes, simd.splat_block(HIGH_BYTES));
    simd.shr_i::<{ 8 - SAMPLE_FRACTION_BITS }>(simd.xor(samples, simd.splat(0x8000)))
}

impl Factors {
    /// For row `v`, whose levels are so many steps.
    fn new(v: usize, steps: &[u8; BLOCK_SIDE]) -> Self {
        let scale = column_scale(v) * f64::from(1 << SAMPLE_FRACTION_BITS);
        let exact = |x: usize, u: usize| wave(x, u) / (scale * f64::from(steps[u]));
        let greatest = (0..BLOCK_SIDE).map(|u| exact(0, u).max(exact(1, u))).fold(0.0, f64::max);
        let fraction_bits = (f64::from(i16::MAX) / greatest).log2().floor().min(30.0) as u32;
        let factor = |x: usize, u: usize| (exact(x, u) * f64::from(1 << fraction_bits)).round() as i16;
        let pairs = [(0, 0), (0, 2), (4, 0), (4, 2)].map(|(first_lane, first_sample)| {
            std::array::from_fn(|i| {
                let lane = first_lane + i % BLOCK_SIDE / 2;
                factor(first_sample + i % 2, FREQUENCIES[lane]).cast_unsigned()
            })
        });
        Self { pairs, fraction_bits }
    }

    /// The levels of a row of blocks whose columns are transformed.
    #[inline(always)]
    fn transformed<S: Simd>(&self, simd: S, row: S::V) -> S::V {
        const BACKWARDS: [u16; 8] = [0x0f0e, 0x0d0c, 0x0b0a, 0x0908, 0x0706, 0x0504, 0x0302, 0x0100];
        let reverse = simd.look_up(row, simd.splat_block(BACKWARDS));
        let folded = simd.low_halves(simd.add(row, reverse), simd.sub(row, reverse));
        let even = simd.add_wide(self.product(simd, folded, 0), self.product(simd, folded, 1));
        let odd = simd.add_wide(self.product(simd, folded, 2), self.product(simd, folded, 3));
        let half = simd.splat_wide(1 << (self.fraction_bits - 1));
        let even = simd.shr_wide_by(simd.add_wide(even, half), self.fraction_bits);
        let odd = simd.shr_wide_by(simd.add_wide(odd, half), self.fraction_bits);
        simd.pack_i(even, odd)
    }

    /// What a pair of folded samples brings to the levels.
    #[inline(always)]
    fn product<S: Simd>(&self, simd: S, folded: S::V, index: usize) -> S::W {
        let (low, high) = (0x0100 + 0x0404 * index as u16, 0x0302 + 0x0404 * index as u16);
        let pair = simd.look_up(folded, simd.splat_block([low, high, low, high, low, high, low, high]));
        simd.multiply_pairs_i(pair, simd.load(&S::chunks(&self.pairs[index])[0]))
    }
}

/// Weight of sample `x` in frequency `u` (T.81, A.3.3).
fn wave(x: usize, u: usize) -> f64 {
    let scale = if u == 0 { FRAC_1_SQRT_2 } else { 1.0 };
    0.5 * scale * ((2 * x + 1) as f64 * u as f64 * PI / 16.0).cos()
}

/// How much larger `columns` leaves a coefficient than the transform is.
fn column_scale(frequency: usize) -> f64 {
    let basis = if frequency == 0 { 1.0 } else { SQRT_2 * (frequency as f64 * PI / 16.0).cos() };
    8.0f64.sqrt() * basis
}

/// The transform of all columns at once, in 5 multiplications each.
#[inline(always)]
fn columns<S: Simd>(s: S, [a, b, c, d, e, f, g, h]: [S::V; BLOCK_SIDE]) -> [S::V; BLOCK_SIDE] {
    let even = even_part(s, [s.add(a, h), s.add(b, g), s.add(c, f), s.add(d, e)]);
    let odd = odd_part(s, [s.sub(a, h), s.sub(b, g), s.sub(c, f), s.sub(d, e)]);
    [even[0], odd[0], even[1], odd[1], even[2], odd[2], even[3], odd[3]]
}

/// A factor below 1 as [`Simd::mulhrs_i`] takes it.
const fn factor(value: f64) -> u16 {
    (value * 32768.0 + 0.5) as u16
}

/// Coefficients 0, 2, 4, 6.
#[inline(always)]
fn even_part<S: Simd>(s: S, [a, b, c, d]: [S::V; 4]) -> [S::V; 4] {
    let (outer, inner) = (s.add(a, d), s.add(b, c));
    let (outer_difference, inner_difference) = (s.sub(a, d), s.sub(b, c));
    let rotated =
        s.mulhrs_i(s.add(inner_difference, outer_difference), s.splat(const { factor(FRAC_1_SQRT_2) }));
    [
        s.add(outer, inner),
        s.add(outer_difference, rotated),
        s.sub(outer, inner),
        s.sub(outer_difference, rotated),
    ]
}

/// Coefficients 1, 3, 5, 7.
#[inline(always)]
fn odd_part<S: Simd>(s: S, [a, b, c, d]: [S::V; 4]) -> [S::V; 4] {
    const COS_3: u16 = factor(0.382_683_432_365); // cos(3π/8)
    const LOW: u16 = factor(0.541_196_100_146); // cos(π/8) - cos(3π/8)
    const HIGH: u16 = factor(0.306_562_964_876); // cos(π/8) + cos(3π/8) - 1
    let (first, last) = (s.add(d, c), s.add(b, a));
    let middle = s.mulhrs_i(s.add(c, b), s.splat(const { factor(FRAC_1_SQRT_2) }));
    let common = s.mulhrs_i(s.sub(first, last), s.splat(COS_3));
    let low = s.add(s.mulhrs_i(first, s.splat(LOW)), common);
    let high = s.add(s.add(s.mulhrs_i(last, s.splat(HIGH)), last), common);
    let (plus, minus) = (s.add(a, middle), s.sub(a, middle));
    [s.add(plus, high), s.sub(minus, low), s.add(minus, low), s.sub(plus, high)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_simd::{Kernel, Level};
    use proptest::prelude::*;

    /// The transform as T.81 defines it (A.3.3).
    fn slow(sample: impl Fn(usize, usize) -> u8, v: usize, u: usize) -> f64 {
        let places = (0..8).flat_map(|y| (0..8).map(move |x| (x, y)));
        places.map(|(x, y)| (f64::from(sample(x, y)) - 128.0) * wave(x, u) * wave(y, v)).sum()
    }

    struct Quantise<'a>(&'a Quantiser, &'a [u8]);

    impl Kernel for Quantise<'_> {
        type Output = Pair;

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> Pair {
            let mut pair = Pair::default();
            self.0.quantise(simd, self.1, 0, 16, &mut pair);
            pair
        }
    }

    /// Both blocks of 16 × 8 samples come within `tolerance` of the nearest level, by all
    /// back-ends alike.
    fn check(samples: &[u8; 128], step: u8, tolerance: f64) {
        let quantiser = Quantiser::new(&[step; 64]);
        let samples: Vec<u8> = samples.iter().copied().chain([0; BYTES_BEHIND]).collect();
        let best = Level::best_within(LANES_MOST).run(Quantise(&quantiser, &samples));
        let portable = Level::Portable.run(Quantise(&quantiser, &samples));
        assert_eq!((best.rows, best.nonzero), (portable.rows, portable.nonzero));
        for (at, block) in (0..64).flat_map(|at| [(at, 0), (at, 1)]) {
            let exact = slow(|x, y| samples[y * 16 + block * 8 + x], at / 8, at % 8) / f64::from(step);
            let place = Place::of(at);
            let level = best.level(block, place);
            let difference = (f64::from(level) - exact).abs();
            assert!(difference < 0.5 + tolerance, "block {block}, at {at}: {level}, not {exact}");
            assert_eq!(best.nonzero(block)[place.column()] >> place.row() & 1 == 1, level != 0);
        }
    }

    #[test]
    fn extremes_are_as_the_definition_says() {
        for step in [1, 2, 255] {
            check(&[0; 128], step, 0.3);
            check(&[255; 128], step, 0.3);
            check(&std::array::from_fn(|at| if (at / 16 + at) % 2 == 0 { 255 } else { 0 }), step, 0.3);
            for frequency in 0..64 {
                let wave = |at: usize| wave(at % 8, frequency % 8) * wave(at / 16, frequency / 8);
                check(&std::array::from_fn(|at| if wave(at) < 0.0 { 0 } else { 255 }), step, 0.3);
            }
        }
    }

    proptest! {
        #[test]
        fn anything_is_as_the_definition_says(
            samples in proptest::collection::vec(any::<u8>(), 128),
            step in 1u8..=255,
        ) {
            let samples = samples.try_into().unwrap();
            check(&samples, step, 0.3 / f64::from(step) + 0.03);
        }
    }

    #[test]
    fn every_place_is_taken_once() {
        let mut taken = [[false; 8]; 8];
        for at in 0..64 {
            let (row, column) = (Place::of(at).row(), Place::of(at).column());
            assert_eq!((row, FREQUENCIES[column]), (at / 8, at % 8));
            assert!(!std::mem::replace(&mut taken[row][column], true));
        }
    }
}
