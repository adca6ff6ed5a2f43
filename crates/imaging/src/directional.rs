//! From a mosaic to full colour, at the highest quality.
//!
//! In three steps that are known: along and across the row the other colour is estimated at
//! every pixel, by J. F. Hamilton and J. E. Adams, "Adaptive color plan interpolation in single
//! sensor color electronic camera" (US 5,629,734, 1997), which gives two values of green minus
//! red or blue; the two are weighed by how little each changes in its own direction near by, as
//! in I. Pekkucuksen and Y. Altunbasak, "Gradient based threshold free color filter array
//! interpolation", ICIP 2010; and red and blue follow from green by differences, with the kernel
//! of that paper. What is ours was found by trial on photographs: the fourth power of the
//! changes, of which those of the samples count half, and smoothing by no more than (1, 2, 1).
//!
//! In 32-bit floating point. Rows go through it one by one, so that what is worked on stays in
//! the cache: each stage lags behind the one before by the rows that it looks ahead. Beyond the
//! frame's edges everything mirrors.

mod line;

use std::ops::Range;

use pinhole_base::format::BayerOrder;

use crate::mosaic::{ColourRow, MosaicRow, Rgb, Ring};
use crate::simd::{Aligned, Kernel, LINE_BYTES, Level, Simd, each};
use line::{Halves, Line, PIECE, combine, folded, revise};

/// Cells that are made up beyond either end of a row: what all stages together look past it.
const PAD: usize = 6;
/// How far each stage looks up and down.
const DIFFERENCES_REACH: usize = 2;
const CHANGES_REACH: usize = 1;
const SHARES_REACH: usize = 2;
const OWN_REACH: usize = 1;
const OPPOSITE_REACH: usize = 3;
const GREEN_REACH: usize = 1;
/// The rows by which each stage lags behind the mosaic.
const CHANGES_LAG: usize = DIFFERENCES_REACH + CHANGES_REACH;
const SHARES_LAG: usize = CHANGES_LAG + SHARES_REACH;
const OPPOSITE_LAG: usize = SHARES_LAG + OPPOSITE_REACH;
const COLOUR_LAG: usize = OPPOSITE_LAG + GREEN_REACH;
/// Rows that each stage keeps, from the farthest that is looked back at to its latest. More would
/// not fit into the caches.
const MOSAIC_KEPT: usize = COLOUR_LAG + 1;
const DIFFERENCES_KEPT: usize = SHARES_LAG + OWN_REACH - DIFFERENCES_REACH + 1;
const CHANGES_KEPT: usize = 2 * SHARES_REACH + 2;
const SHARES_KEPT: usize = COLOUR_LAG - SHARES_LAG + 1;
const OWN_KEPT: usize = OPPOSITE_LAG + OPPOSITE_REACH - SHARES_LAG + 1;
const OPPOSITE_KEPT: usize = 2 * GREEN_REACH + 1;

/// What the changes of the samples themselves count, beside those of the differences.
const SAMPLES_SHARE: f32 = 0.5;
/// Keeps the share of a direction from being 0/0 where nothing changes at all.
const STILL: f32 = 1.0;

/// The rows of one stage, by their number.
type Rows = Ring<Halves>;

/// Interpolates frames of one shape.
#[derive(Clone, Debug)]
pub(crate) struct Directional {
    level: Level,
    stages: Stages,
}

#[derive(Clone, Debug)]
struct Stages {
    order: BayerOrder,
    height: usize,
    mosaic: Rows,
    /// Green minus red or blue, as the row has it and as the column has it.
    differences: [Rows; 2],
    /// How much these change along the row, and along the column.
    changes: [Rows; 2],
    /// Those of five rows, summed over columns.
    sums: [Halves; 2],
    /// The row in the middle of the five, from the first step on.
    summed: Option<usize>,
    /// The share of what the row says, 0 to 1.
    shares: Rows,
    /// Green minus the colour of the sample, where that is red or blue.
    own: Ring<Line>,
    /// Green minus the opposite colour, in the same places.
    opposite: Ring<Line>,
}

impl Directional {
    /// Rows from the one that is given to the one that is had.
    pub(crate) const LAG: usize = COLOUR_LAG;

    /// For mosaics of `cells` pairs of samples in each of `height` rows: 8 of both at least.
    pub(crate) fn new(level: Level, order: BayerOrder, cells: usize, height: usize) -> Self {
        let row = Halves::new(cells, PAD);
        let rows = |kept: usize| Ring::new(row.clone(), kept);
        let lines = |kept: usize| Ring::new(Line::new(cells, PAD), kept);
        let stages = Stages {
            order,
            height,
            mosaic: rows(MOSAIC_KEPT),
            differences: [rows(DIFFERENCES_KEPT), rows(DIFFERENCES_KEPT)],
            changes: [rows(CHANGES_KEPT), rows(CHANGES_KEPT)],
            sums: [row.clone(), row.clone()],
            summed: None,
            shares: rows(SHARES_KEPT),
            own: lines(OWN_KEPT),
            opposite: lines(OPPOSITE_KEPT),
        };
        Self { level, stages }
    }

    /// Takes row `step` of the mosaic, if there is one: rows come one by one, from as many before
    /// the first that is wanted as there are to the last and `LAG` steps more. The rows up to
    /// `step − LAG` can be written then, while they are kept. What will be read next of what was not
    /// read before, `ahead`, is fetched meanwhile.
    pub(crate) fn take(&mut self, step: usize, row: Option<&MosaicRow>, ahead: &[u8]) {
        self.level.run(Take { stages: &mut self.stages, step, row, ahead });
    }

    /// Writes those cells of the row that was finished by the last step, row `y`, in full colour.
    pub(crate) fn write(&self, y: usize, cells: Range<usize>, out: &mut ColourRow) {
        self.level.run(Write { stages: &self.stages, y, cells, out });
    }
}

struct Take<'a> {
    stages: &'a mut Stages,
    step: usize,
    row: Option<&'a MosaicRow>,
    ahead: &'a [u8],
}

impl Kernel for Take<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { stages, step, row, ahead } = self;
        // A part for each stage: as many fetches as there is room for wait for each other.
        let (first, second) = ahead.split_at(ahead.len() / 2);
        let parts = [first.split_at(first.len() / 2), second.split_at(second.len() / 2)];
        let height = stages.height;
        let behind = |lag: usize| step.checked_sub(lag).filter(|y| *y < height);
        if let Some(row) = row {
            stages.mosaic.row_mut(step).fill(row, PAD);
        }
        if let Some(y) = behind(DIFFERENCES_REACH) {
            stages.find_differences(y);
        }
        fetch(s, parts[0].0);
        if let Some(y) = behind(CHANGES_LAG) {
            stages.find_changes(y);
        }
        fetch(s, parts[0].1);
        if let Some(y) = behind(SHARES_LAG) {
            stages.sum_changes(y);
            stages.find_shares(y);
            stages.find_own(y);
        }
        fetch(s, parts[1].0);
        if let Some(y) = behind(OPPOSITE_LAG) {
            stages.find_opposite(y);
        }
        fetch(s, parts[1].1);
    }
}

/// Has bytes fetched.
#[inline(always)]
fn fetch<S: Simd>(s: S, bytes: &[u8]) {
    for start in (0..bytes.len()).step_by(LINE_BYTES) {
        s.prefetch(bytes, start);
    }
}

struct Write<'a> {
    stages: &'a Stages,
    y: usize,
    cells: Range<usize>,
    out: &'a mut ColourRow,
}

impl Kernel for Write<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { stages, y, cells, out } = self;
        let [even, odd] = &mut out.halves;
        let (at_chroma, at_green) = if stages.chroma_half(y) == 0 { (even, odd) } else { (odd, even) };
        stages.write_chroma(y, cells.start, stages.own_first(y, at_chroma, cells.len()));
        stages.write_green(y, cells.start, stages.own_first(y, at_green, cells.len()));
    }
}

/// Row `y + by` of a frame that mirrors at its top and bottom.
#[inline(always)]
fn neighbour(height: usize, y: usize, by: isize) -> usize {
    folded(y as isize + by, height)
}

impl Stages {
    /// Which half of row `y` has red or blue.
    #[inline(always)]
    fn chroma_half(&self, y: usize) -> usize {
        let (x, row) = self.order.red_position();
        if y % 2 == row { x } else { 1 - x }
    }

    #[inline(always)]
    fn is_red_row(&self, y: usize) -> bool {
        self.order.red_position().1 == y % 2
    }

    /// The differences of row `y`, and how much those along the column change about row `y − 1`,
    /// which looks at much of the same.
    #[inline(always)]
    fn find_differences(&mut self, y: usize) {
        let at = |by| self.mosaic.row(neighbour(self.height, y, by));
        let rows = [at(-2), at(-1), at(1), at(2)];
        let [w, x, e, o, f, p] = self.mosaic.row(y).beside();
        let [[a, b, c, d], [g, h, i, j]] = [column(rows, 0), column(rows, 1)];
        let sign = if self.chroma_half(y) == 0 { 1.0 } else { -1.0 };
        let [across, down] = &mut self.differences;
        let [even, odd] = across.row_mut(y).computed_mut();
        let (above, down) = down.row_and_before(y, 2);
        let [[k], [l]] = [column([above], 0), column([above], 1)];
        let [even_down, odd_down] = down.computed_mut();
        let [even_change, odd_change] = self.changes[1].row_mut(y + CHANGES_KEPT - 1).computed_mut();
        let inputs = [w, x, e, o, f, p, a, b, c, d, g, h, i, j, k, l];
        let out = [even, odd, even_down, odd_down, even_change, odd_change];
        combine(out, inputs, |[w, x, e, o, f, p, a, b, c, d, g, h, i, j, k, l]| {
            let even_down = difference([a, b, e, c, d], sign);
            let odd_down = difference([g, h, o, i, j], -sign);
            [
                difference([w, x, e, o, f], sign),
                difference([x, e, o, f, p], -sign),
                even_down,
                odd_down,
                change([a, e, k, even_down]),
                change([g, o, l, odd_down]),
            ]
        });
    }

    /// How much the differences along row `y` change.
    #[inline(always)]
    fn find_changes(&mut self, y: usize) {
        let [along_row, along_column] = &mut self.changes;
        let [_, a, b, c, d, _] = self.mosaic.row(y).beside();
        let [_, e, f, g, h, _] = self.differences[0].row(y).beside();
        let inputs = [a, b, c, d, e, f, g, h];
        combine(along_row.row_mut(y).computed_mut(), inputs, |[a, b, c, d, e, f, g, h]| {
            [change([a, c, e, g]), change([b, d, f, h])]
        });
        // Where rows mirror, those above and below are one.
        if y == 0 || y == self.height - 1 {
            along_column.row_mut(y).clear();
        }
    }

    /// Sums the changes over the five rows about row `y`, if possible from the sums about the row
    /// before: one row comes in, and one leaves. That is exact: changes are multiples of 1/4, and 25
    /// of them are less than 2²².
    #[inline(always)]
    fn sum_changes(&mut self, y: usize) {
        let is_next = y > 0 && self.summed == Some(y - 1);
        self.summed = Some(y);
        for (changes, sums) in self.changes.iter().zip(&mut self.sums) {
            let at = |by| changes.row(neighbour(self.height, y, by));
            for (half, sums) in sums.computed_mut().into_iter().enumerate() {
                if is_next {
                    let [old, new] = column([at(-3), at(2)], half);
                    revise([sums], [old, new], |[sum], [old, new]| [sum + (new - old)]);
                } else {
                    let rows = column([at(-2), at(-1), at(0), at(1), at(2)], half);
                    combine([sums], rows, |[a, b, c, d, e]| [a + b + c + d + e]);
                }
            }
        }
    }

    /// Sums them over five columns and weighs the directions.
    #[inline(always)]
    fn find_shares(&mut self, y: usize) {
        let [[a, b, c, d, e, f], [g, h, i, j, k, l]] = each!([0, 1], i => self.sums[i].beside());
        let inputs = [a, b, c, d, e, f, g, h, i, j, k, l];
        combine(self.shares.row_mut(y).computed_mut(), inputs, |[a, b, c, d, e, f, g, h, i, j, k, l]| {
            let (row, column) = (b + c + d + e, h + i + j + k);
            [share(a + row, g + column), share(row + f, column + l)]
        });
    }

    #[inline(always)]
    fn find_own(&mut self, y: usize) {
        let half = self.chroma_half(y);
        let [across, down] = &self.differences;
        let (row, beside) = (across.row(y).half(half), across.row(y).half(1 - half));
        let (west, here, east) =
            (beside.shifted(half as isize - 1), row.shifted(0), beside.shifted(half as isize));
        let at = |by| down.row(neighbour(self.height, y, by));
        let [above, centre, below] = column([at(-1), at(0), at(1)], half);
        let [sample, share] = column([self.mosaic.row(y), self.shares.row(y)], half);
        let near = [west, here, east, above, centre, below, sample, share];
        let out = self.own.row_mut(y).computed_mut();
        combine([out], near, |[west, here, east, above, centre, below, sample, share]| {
            let row = 0.25 * (west + east) + 0.5 * here;
            let column = 0.25 * (above + below) + 0.5 * centre;
            let green = sample + column + (row - column) * share;
            [green.clamp(0.0, WHITE) - sample]
        });
    }

    #[inline(always)]
    fn find_opposite(&mut self, y: usize) {
        let half = self.chroma_half(y) as isize;
        // The rows above and below have their red or blue in the other half.
        let at = |by: isize, columns: isize| {
            self.own.row(neighbour(self.height, y, by)).shifted(half + (columns - 1) / 2)
        };
        let near = [at(-1, -1), at(-1, 1), at(1, -1), at(1, 1)];
        let beside = [at(-1, -3), at(-1, 3), at(1, -3), at(1, 3)];
        let beyond = [at(-3, -1), at(-3, 1), at(3, -1), at(3, 1)];
        let out = self.opposite.row_mut(y).computed_mut();
        let ([a, b, c, d], [e, f, g, h], [i, j, k, l]) = (near, beside, beyond);
        combine([out], [a, b, c, d, e, f, g, h, i, j, k, l], |[a, b, c, d, e, f, g, h, i, j, k, l]| {
            let far = (e + f + g + h) + (i + j + k + l);
            [(a + b + c + d) * (10.0 / 32.0) - far * (1.0 / 32.0)]
        });
    }

    /// Room for the colour that row `y` has, green, and the opposite one: whole pieces.
    #[inline(always)]
    fn own_first<'a>(
        &self,
        y: usize,
        rgb: &'a mut Rgb<Aligned<u16>>,
        cells: usize,
    ) -> [&'a mut [[u16; PIECE]]; 3] {
        let count = cells.div_ceil(PIECE);
        let [red, green, blue] = &mut rgb.0;
        let [red, green, blue] = each!([red, green, blue], colour => &mut colour.as_chunks_mut().0[..count]);
        if self.is_red_row(y) { [red, green, blue] } else { [blue, green, red] }
    }

    /// Writes the pixels whose sample is red or blue.
    #[inline(always)]
    fn write_chroma(&self, y: usize, first: usize, out: [&mut [[u16; PIECE]]; 3]) {
        let (first, count) = (first as isize, out[0].len());
        let sample = self.mosaic.row(y).half(self.chroma_half(y)).at_cell(first, count);
        let (own, opposite) = (self.own.row(y), self.opposite.row(y));
        let inputs = [sample, own.at_cell(first, count), opposite.at_cell(first, count)];
        combine(out, inputs, |[sample, own, opposite]| {
            let green = sample + own;
            [clipped(sample), clipped(green), clipped(green - opposite)]
        });
    }

    /// Writes the pixels whose sample is green.
    #[inline(always)]
    fn write_green(&self, y: usize, first: usize, out: [&mut [[u16; PIECE]]; 3]) {
        let (half, first, count) = (1 - self.chroma_half(y), first as isize, out[0].len());
        let west = first + half as isize - 1;
        let (above, below) = (neighbour(self.height, y, -1), neighbour(self.height, y, 1));
        let inputs = [
            self.mosaic.row(y).half(half).at_cell(first, count),
            self.shares.row(y).half(half).at_cell(first, count),
            self.own.row(y).at_cell(west, count),
            self.own.row(y).at_cell(west + 1, count),
            self.opposite.row(above).at_cell(first, count),
            self.opposite.row(below).at_cell(first, count),
            self.opposite.row(y).at_cell(west, count),
            self.opposite.row(y).at_cell(west + 1, count),
            self.own.row(above).at_cell(first, count),
            self.own.row(below).at_cell(first, count),
        ];
        combine(out, inputs, |[sample, share, a, b, c, d, e, f, g, h]| {
            let weighed = |row: f32, column: f32| 0.5 * (column + (row - column) * share);
            let own = sample - weighed(a + b, c + d);
            [clipped(own), clipped(sample), clipped(sample - weighed(e + f, g + h))]
        });
    }
}

const WHITE: f32 = 65535.0;

/// One half of some rows.
#[inline(always)]
fn column<const N: usize>(rows: [&Halves; N], half: usize) -> [&[[f32; PIECE]]; N] {
    let mut column: [&[[f32; PIECE]]; N] = [&[]; N];
    for (line, row) in column.iter_mut().zip(rows) {
        *line = row.half(half).shifted(0);
    }
    column
}

/// A number from 0 to 65535, rounded.
#[inline(always)]
fn clipped(value: f32) -> u16 {
    crate::level::rounded(value.clamp(0.0, WHITE))
}

/// The other colour by the samples beside one in a line, less that sample, or with the other sign.
#[inline(always)]
fn difference([b, a, centre, c, d]: [f32; 5], sign: f32) -> f32 {
    (a + c - centre) * (0.5 * sign) - (b + d) * (0.25 * sign)
}

/// How much samples `a` and `b` and differences `c` and `d` differ.
#[inline(always)]
fn change([a, b, c, d]: [f32; 4]) -> f32 {
    (d - c).abs() + SAMPLES_SHARE * (b - a).abs()
}

/// What the row has to say where its changes and the column's sum up to so much.
#[inline(always)]
fn share(row: f32, column: f32) -> f32 {
    let (row, column) = (fourth(row), fourth(column));
    column / (row + column)
}

#[inline(always)]
fn fourth(sum: f32) -> f32 {
    let square = (sum + STILL) * (sum + STILL);
    square * square
}

#[cfg(test)]
mod tests;
