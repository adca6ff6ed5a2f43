//! Smoothing of chroma in a finished picture: noise loses its colour, edges keep theirs, and luma
//! stays as it is.
//!
//! In cells of 2×2 pixels, as a Bayer mosaic has no more than one red and one blue sample in each.
//! The chroma of a cell moves towards that of each of the 5×5 cells about it that are near it in
//! chroma and luma: a step of a sigma filter (J.-S. Lee, "Digital image smoothing and the sigma
//! filter", CVGIP 1983) whose weights fall in a straight line in the outer half of its range, and
//! which luma guides (G. Petschnigg and others, "Digital photography with flash and no-flash image
//! pairs", SIGGRAPH 2004). All four pixels of the cell are shifted alike, so that what colour
//! differs by within it stays. Beyond the edges the outermost cells repeat.

use std::ops::Range;

use crate::mosaic::{ColourRow, Ring, room_for};
use crate::simd::{Kernel, LANES_MAX, Level, Simd, each};

/// Cells that the filter looks at to either side, up and down.
const REACH: usize = 2;
/// Cells in a row and in a column of its window.
const WINDOW: usize = 2 * REACH + 1;
/// Cells before the first one of a row.
const FRONT: usize = LANES_MAX;
/// At full strength, how far apart cells must be to have no part in each other: 64 steps of 8
/// bits, in the units of [`CellRow`]. Sums of a window fit into 16 bits up to 5461.
const APART: f32 = 64.0 * 257.0 / 4.0;
/// Where chroma 0 lies in a [`CellRow`].
const NO_CHROMA: u16 = 1 << 14;

/// Luma, and the differences of blue and red to it, of a row of cells. The differences are
/// quarters, for their own differences have a sign.
#[derive(Clone, Debug)]
struct CellRow([Vec<u16>; 3]);

impl CellRow {
    fn new(cells: usize) -> Self {
        Self([(); 3].map(|()| vec![0; FRONT + room_for(cells) + LANES_MAX]))
    }

    /// `count` vectors of a plane, from `shift` cells after the first on.
    #[inline(always)]
    fn vectors<S: Simd>(&self, plane: usize, shift: isize, count: usize) -> &[S::Chunk] {
        &S::chunks(&self.0[plane][FRONT.wrapping_add_signed(shift)..])[..count]
    }

    /// Repeats the outermost of `cells` cells.
    fn repeat_ends(&mut self, cells: usize) {
        for plane in &mut self.0 {
            let (first, last) = (plane[FRONT], plane[FRONT + cells - 1]);
            plane[FRONT - REACH..FRONT].fill(first);
            plane[FRONT + cells..][..REACH].fill(last);
        }
    }
}

/// Keeps the rows of a picture until their chroma is smoothed.
#[derive(Clone, Debug)]
pub(crate) struct ChromaDenoiser {
    level: Level,
    /// Shares of red, green and blue in luma.
    luma: [f64; 3],
    /// Of the picture, in pixels.
    size: (usize, usize),
    rows: Ring<ColourRow>,
    cells: Ring<CellRow>,
    /// What is added to red, green and blue of a cell; before that, sums of the two chromas.
    shifts: [Vec<u16>; 3],
    apart: u16,
    /// Rows of cells to be smoothed.
    band: Range<usize>,
}

impl ChromaDenoiser {
    /// For pictures of `size`, width and height, whose luma has these shares of red, green and
    /// blue.
    pub(crate) fn new(level: Level, size: (usize, usize), luma: [f64; 3]) -> Self {
        let cells = size.0.div_ceil(2);
        Self {
            level,
            luma,
            size,
            rows: Ring::new(ColourRow::new(cells), 2 * (REACH + 1)),
            cells: Ring::new(CellRow::new(cells), WINDOW),
            shifts: [(); 3].map(|()| vec![0; room_for(cells)]),
            apart: 1,
            band: 0..0,
        }
    }

    /// Begins a band of rows. `strength` is from 0 to 1. Says which rows it needs.
    pub(crate) fn begin(&mut self, band: &Range<usize>, strength: f32) -> Range<usize> {
        self.apart = (strength * APART).round().clamp(1.0, APART) as u16;
        self.band = band.start / 2..band.end.div_ceil(2);
        let first = self.band.start.saturating_sub(REACH);
        2 * first..(2 * (self.band.end + REACH)).min(self.size.1)
    }

    /// Takes row `y`; they come in order.
    pub(crate) fn take(&mut self, y: usize, row: &ColourRow) {
        let cells = self.size.0.div_ceil(2);
        let kept = self.rows.row_mut(y);
        for half in 0..2 {
            for (kept, colour) in kept.halves[half].iter_mut().zip(row.halves[half].iter()) {
                kept.copy_from_slice(colour);
            }
        }
        if self.size.0 % 2 == 1 {
            // The column beyond the last repeats it.
            let [even, odd] = &mut kept.halves;
            odd.iter_mut().zip(even.iter()).for_each(|(odd, even)| odd[cells - 1] = even[cells - 1]);
        }
        if y % 2 == 1 || y + 1 == self.size.1 {
            let rows = [y / 2 * 2, y].map(|y| self.rows.row(y));
            let out = self.cells.row_mut(y / 2);
            self.level.run(MeasureCells { rows, luma: self.luma, cells, out });
            out.repeat_ends(cells);
        }
    }

    /// Smooths the next two rows (or the last one) whose window is complete once row `y` was
    /// taken. Answers which ones.
    pub(crate) fn smooth_next(&mut self, y: usize) -> Option<Range<usize>> {
        let height = self.size.1;
        let (row, last) = (self.band.start, height.div_ceil(2) - 1);
        let is_measured = row + REACH < y.div_ceil(2) || y + 1 == height;
        if self.band.is_empty() || !is_measured {
            return None;
        }
        self.band.start += 1;
        let cells = self.size.0.div_ceil(2);
        let window = std::array::from_fn(|i| self.cells.row((row + i).saturating_sub(REACH).min(last)));
        let (apart, luma, shifts) = (self.apart, self.luma, &mut self.shifts);
        self.level.run(SumWindow { window, apart, luma, cells, shifts });
        let rows = 2 * row..(2 * row + 2).min(height);
        for y in rows.clone() {
            self.level.run(ShiftRow { shifts: &self.shifts, cells, row: self.rows.row_mut(y) });
        }
        Some(rows)
    }

    /// A smoothed row.
    pub(crate) fn row(&self, y: usize) -> &ColourRow {
        self.rows.row(y)
    }
}

/// Reduces two rows to cells.
struct MeasureCells<'a> {
    rows: [&'a ColourRow; 2],
    luma: [f64; 3],
    cells: usize,
    out: &'a mut CellRow,
}

impl Kernel for MeasureCells<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let count = self.cells.div_ceil(S::LANES);
        let [upper, lower] = self.rows;
        let upper =
            each!([0, 1], half => each!([0, 1, 2], colour => upper.vectors::<S>(half, colour, count)));
        let lower =
            each!([0, 1], half => each!([0, 1, 2], colour => lower.vectors::<S>(half, colour, count)));
        let [red, green, blue] = self.luma;
        let shares = each!([red, green, blue], share => s.splat((share * 65536.0) as u16));
        let [luma, cb, cr] = &mut self.out.0;
        let [luma, cb, cr] = each!([luma, cb, cr], plane => &mut S::chunks_mut(&mut plane[FRONT..])[..count]);
        for i in 0..count {
            let [red, green, blue] = each!([0, 1, 2], colour => {
                let above = s.avg(s.load(&upper[0][colour][i]), s.load(&upper[1][colour][i]));
                s.avg(above, s.avg(s.load(&lower[0][colour][i]), s.load(&lower[1][colour][i])))
            });
            let sum = s.add(s.mulhi(red, shares[0]), s.mulhi(blue, shares[2]));
            let sum = s.add(sum, s.mulhi(green, shares[1]));
            s.store(&mut luma[i], sum);
            let none = s.sub(s.splat(NO_CHROMA), s.shr::<2>(sum));
            s.store(&mut cb[i], s.add(s.shr::<2>(blue), none));
            s.store(&mut cr[i], s.add(s.shr::<2>(red), none));
        }
    }
}

/// Looks at the windows of a row of cells, and says by how much their colours are to be shifted.
struct SumWindow<'a> {
    window: [&'a CellRow; WINDOW],
    apart: u16,
    luma: [f64; 3],
    cells: usize,
    shifts: &'a mut [Vec<u16>; 3],
}

impl Kernel for SumWindow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let count = self.cells.div_ceil(S::LANES);
        let [red, green, blue] = self.shifts;
        let mut shifts = each!([red, green, blue], shift => &mut S::chunks_mut(shift)[..count]);
        let centre = each!([0, 1, 2], plane => self.window[REACH].vectors::<S>(plane, 0, count));
        let nearness = Nearness::new(s, self.apart);
        for (i, row) in self.window.into_iter().enumerate() {
            for shift in 0..WINDOW {
                let is_first = i == 0 && shift == 0;
                let shift = shift.wrapping_sub(REACH).cast_signed();
                let cells = each!([0, 1, 2], plane => row.vectors::<S>(plane, shift, count));
                add_cells(s, &nearness, [centre, cells], is_first, &mut shifts);
            }
        }
        make_shifts(s, self.luma, &mut shifts);
    }
}

/// Adds what other cells would change each cell's chroma by, to the sums of blue and red.
#[inline(always)]
fn add_cells<S: Simd>(
    s: S,
    nearness: &Nearness<S>,
    [centre, cells]: [[&[S::Chunk]; 3]; 2],
    is_first: bool,
    [red, _, blue]: &mut [&mut [S::Chunk]; 3],
) {
    for i in 0..red.len() {
        let own = each!([0, 1, 2], plane => s.load(&centre[plane][i]));
        let other = each!([0, 1, 2], plane => s.load(&cells[plane][i]));
        let weight = nearness.of(own, other);
        let mut change = each!([1, 2], plane => s.mulhrs_i(s.sub(other[plane], own[plane]), weight));
        if !is_first {
            change = [s.add(change[0], s.load(&blue[i])), s.add(change[1], s.load(&red[i]))];
        }
        s.store(&mut blue[i], change[0]);
        s.store(&mut red[i], change[1]);
    }
}

/// From sums over a window to shifts. Quarters, weighed by halves, become wholes, and green makes up for what red and
/// blue would do to luma.
#[inline(always)]
fn make_shifts<S: Simd>(s: S, luma: [f64; 3], [red, green, blue]: &mut [&mut [S::Chunk]; 3]) {
    let mean = s.splat((65536.0 / (WINDOW * WINDOW) as f64).round() as u16);
    let [by_red, by_blue] =
        each!([0, 2], colour => s.splat((32768.0 * luma[colour] / luma[1]).round() as u16));
    for i in 0..green.len() {
        let [r, b] = each!([s.load(&red[i]), s.load(&blue[i])], sum => s.shl::<2>(s.mulhrs_i(sum, mean)));
        s.store(&mut red[i], r);
        s.store(&mut blue[i], b);
        let g = s.add(s.mulhrs_i(r, by_red), s.mulhrs_i(b, by_blue));
        s.store(&mut green[i], s.sub(s.splat(0), g));
    }
}

/// Weighs cells by how near they are: half of 32768 up to half of `apart`, from there falling in a
/// straight line to 0. Half, so that sums fit.
struct Nearness<S: Simd> {
    simd: S,
    apart: S::V,
    /// Brings `apart` to the upper half of 16 bits, and that to 32768.
    exponent: u32,
    factor: S::V,
}

impl<S: Simd> Nearness<S> {
    #[inline(always)]
    fn new(simd: S, apart: u16) -> Self {
        let exponent = apart.leading_zeros();
        let factor = (1u32 << 31) / (u32::from(apart) << exponent);
        Self { simd, apart: simd.splat(apart), exponent, factor: simd.splat(factor.min(65535) as u16) }
    }

    #[inline(always)]
    fn difference(&self, a: S::V, b: S::V) -> S::V {
        let s = self.simd;
        s.or(s.subs(a, b), s.subs(b, a))
    }

    /// Of two cells: luma, which counts half, and the two chromas.
    #[inline(always)]
    fn of(&self, [luma, cb, cr]: [S::V; 3], [other_luma, other_cb, other_cr]: [S::V; 3]) -> S::V {
        let s = self.simd;
        let chroma = s.add(self.difference(cb, other_cb), self.difference(cr, other_cr));
        let far = s.add(chroma, s.shr::<3>(self.difference(luma, other_luma)));
        let far = s.shl_by(s.min(far, self.apart), self.exponent);
        s.min(s.subs(s.splat(32767), s.mulhi(far, self.factor)), s.splat(1 << 14))
    }
}

/// Shifts the colours of a row by what its cells say.
struct ShiftRow<'a> {
    shifts: &'a [Vec<u16>; 3],
    cells: usize,
    row: &'a mut ColourRow,
}

impl Kernel for ShiftRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let count = self.cells.div_ceil(S::LANES);
        let zero = s.splat(0);
        let [even, odd] = &mut self.row.halves;
        for (colour, shifts) in self.shifts.iter().enumerate() {
            let shifts = &S::chunks(shifts)[..count];
            let even = &mut S::chunks_mut(&mut even[colour])[..count];
            let odd = &mut S::chunks_mut(&mut odd[colour])[..count];
            for i in 0..count {
                let shift = s.load(&shifts[i]);
                let up = s.and(shift, s.greater_i(shift, zero));
                let down = s.sub(up, shift);
                let shifted =
                    each!([s.load(&even[i]), s.load(&odd[i])], value => s.subs(s.adds(value, up), down));
                s.store(&mut even[i], shifted[0]);
                s.store(&mut odd[i], shifted[1]);
            }
        }
    }
}
