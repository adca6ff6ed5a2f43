//! Sums of a row of cells by columns, in vectors.

use super::Columns;
use crate::mosaic::MosaicRow;
use crate::simd::{Aligned, Kernel, Simd, each};
use crate::statistics::{FOCUS_THRESHOLD, SATURATED};

/// One half of a row.
type Half<'a> = (&'a MosaicRow, usize);

/// Adds a row of cells to the sums of its colours.
pub(super) struct SumRow<'a> {
    pub(super) red: Half<'a>,
    pub(super) greens: [Half<'a>; 2],
    pub(super) blue: Half<'a>,
    pub(super) cells: usize,
    pub(super) columns: &'a mut Columns,
    /// Where the means of the greens go.
    pub(super) green: &'a mut [u16],
}

#[inline(always)]
fn samples<S: Simd>((row, half): Half<'_>, count: usize) -> &[S::Chunk] {
    row.vectors::<S>(half, 0, count)
}

#[inline(always)]
fn add<S: Simd>(s: S, sums: &mut S::Wide, a: S::V, factors: S::V) {
    let sum = s.add_pairs_i(s.load_wide(sums), a, factors);
    s.store_wide(sums, sum);
}

impl Kernel for SumRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let count = self.cells.div_ceil(S::LANES);
        let (reds, blues) = (samples::<S>(self.red, count), samples::<S>(self.blue, count));
        let [greens_a, greens_b] =
            each!([self.greens[0], self.greens[1]], green => samples::<S>(green, count));
        let means = &mut S::chunks_mut(self.green)[..count];
        let columns = self.columns;
        let [red_sums, green_sums, blue_sums] = &mut columns.all;
        let [red_sums, green_sums, blue_sums] =
            each!([red_sums, green_sums, blue_sums], sums => &mut S::wide_chunks_mut(sums)[..count]);
        let mut saturated =
            columns.saturated.each_mut().map(|column| &mut S::wide_chunks_mut(column)[..count]);
        let (sign, one, minus_one) = (s.splat(0x8000), s.splat(1), s.splat(u16::MAX));
        let (threshold, below) = (s.splat(SATURATED), s.splat(SATURATED - 1));
        for i in 0..count {
            let (red, blue) = (s.load(&reds[i]), s.load(&blues[i]));
            let (green_a, green_b) = (s.load(&greens_a[i]), s.load(&greens_b[i]));
            let green = s.avg(green_a, green_b);
            s.store(&mut means[i], green);
            add(s, &mut red_sums[i], s.xor(red, sign), one);
            add(s, &mut green_sums[i], s.xor(green, sign), one);
            add(s, &mut blue_sums[i], s.xor(blue, sign), one);
            let high = s.max(s.max(red, blue), s.max(green_a, green_b));
            if s.any(s.subs(high, below)) {
                let clipped = s.equal(s.max(high, threshold), high);
                columns.any_saturated = true;
                for (sums, colour) in saturated.iter_mut().zip([red, green, blue]) {
                    let alone = s.and(s.xor(colour, sign), clipped);
                    add(s, &mut sums[i], alone, one);
                }
                add(s, &mut saturated[3][i], clipped, minus_one);
            }
        }
    }
}

/// Adds the second differences of a row of green.
pub(super) struct ContrastRow<'a> {
    pub(super) green: &'a [u16],
    /// Where the first cell is.
    pub(super) first: usize,
    pub(super) cells: usize,
    pub(super) columns: &'a mut Columns,
}

impl Kernel for ContrastRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let [fine, coarse] = &mut self.columns.contrast;
        contrast(s, self.green, self.first, self.cells, 1, fine);
        contrast(s, self.green, self.first, self.cells, 2, coarse);
    }
}

#[inline(always)]
fn contrast<S: Simd>(
    s: S,
    green: &[u16],
    first: usize,
    cells: usize,
    reach: usize,
    sums: &mut [Aligned<i32>; 3],
) {
    // The last vector may reach beyond the last cell, where nothing may be counted.
    let count = cells / S::LANES;
    let at = |first: usize, count: usize| &S::chunks(&green[first..])[..count];
    let (left, centre, right) = (at(first - reach, count), at(first, count), at(first + reach, count));
    let [weak, strong, number] = sums;
    let (sign, one, minus_one) = (s.splat(0x8000), s.splat(1), s.splat(u16::MAX));
    let (threshold, below) =
        (s.splat((FOCUS_THRESHOLD / 2) as u16), s.splat((FOCUS_THRESHOLD / 2) as u16 - 1));
    {
        let weak = &mut S::wide_chunks_mut(weak)[..count];
        let strong = &mut S::wide_chunks_mut(strong)[..count];
        let number = &mut S::wide_chunks_mut(number)[..count];
        for i in 0..count {
            let between = s.avg(s.load(&left[i]), s.load(&right[i]));
            let centre = s.load(&centre[i]);
            let half = s.or(s.subs(centre, between), s.subs(between, centre));
            if s.any(s.subs(half, below)) {
                let is_strong = s.equal(s.max(half, threshold), half);
                let above = s.and(half, is_strong);
                add(s, &mut weak[i], s.xor(half, above), one);
                add(s, &mut strong[i], s.and(s.xor(half, sign), is_strong), one);
                add(s, &mut number[i], is_strong, minus_one);
            } else {
                add(s, &mut weak[i], half, one);
            }
        }
    }
    for cell in count * S::LANES..cells {
        let [left, centre, right] =
            [first + cell - reach, first + cell, first + cell + reach].map(|at| i32::from(green[at]));
        let half = (centre - (left + right + 1) / 2).abs();
        if half >= (FOCUS_THRESHOLD / 2) as i32 {
            strong[cell / 2] += half - 32768;
            number[cell / 2] += 1;
        } else {
            weak[cell / 2] += half;
        }
    }
}
