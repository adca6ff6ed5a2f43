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

use std::ops::Range;

use pinhole_base::format::BayerOrder;

use crate::mosaic::{ColourRow, MosaicRow, Rgb, Ring};
use crate::simd::{Aligned, Kernel, Level, Simd};

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
const CHANGES_KEPT: usize = 2 * SHARES_REACH + 1;
const SHARES_KEPT: usize = COLOUR_LAG - SHARES_LAG + 1;
const OWN_KEPT: usize = OPPOSITE_LAG + OPPOSITE_REACH - SHARES_LAG + 1;
const OPPOSITE_KEPT: usize = 2 * GREEN_REACH + 1;

/// What the changes of the samples themselves count, beside those of the differences.
const SAMPLES_SHARE: f32 = 0.5;
/// Keeps the share of a direction from being 0/0 where nothing changes at all.
const STILL: f32 = 1.0;

/// A row in 32-bit floating point, split into even and odd columns.
#[derive(Clone, Debug)]
struct Halves([Vec<f32>; 2]);

impl Halves {
    fn new(cells: usize) -> Self {
        Self([vec![0.0; cells + 2 * PAD], vec![0.0; cells + 2 * PAD]])
    }

    fn cells(&self) -> usize {
        self.0[0].len()
    }

    /// Everything but `margin` cells at either end.
    fn inner(&self, half: usize, margin: usize) -> &[f32] {
        &self.0[half][margin..self.cells() - margin]
    }

    fn inner_mut(&mut self, half: usize, margin: usize) -> &mut [f32] {
        let end = self.cells() - margin;
        &mut self.0[half][margin..end]
    }

    /// The samples from two columns to the west to two to the east of those of a half.
    #[inline(always)]
    fn beside(&self, half: usize, margin: usize) -> [&[f32]; 5] {
        let count = self.cells() - 2 * margin;
        let at = |half: usize, start: usize| &self.0[half][start..start + count];
        let (same, west) = (margin, margin + half);
        [at(half, same - 1), at(1 - half, west - 1), at(half, same), at(1 - half, west), at(half, same + 1)]
    }

    /// Takes over a row of the mosaic and mirrors it about its first and its last sample.
    #[inline(always)]
    fn fill(&mut self, row: &MosaicRow) {
        let width = 2 * (self.cells() - 2 * PAD);
        let mosaic = [row.inner(0), row.inner(1)];
        for (samples, mosaic) in self.0.iter_mut().zip(mosaic) {
            for (own, &sample) in samples[PAD..].iter_mut().zip(mosaic) {
                *own = f32::from(sample);
            }
        }
        for i in 1..=2 * PAD {
            for (place, column) in
                [(2 * PAD - i, -(i as isize)), (2 * PAD + width - 1 + i, (width - 1 + i) as isize)]
            {
                let from = folded(column, width);
                self.0[place % 2][place / 2] = f32::from(mosaic[from % 2][from / 2]);
            }
        }
    }
}

/// The place of `0..size` that a place outside mirrors, however far outside it is.
#[inline(always)]
fn folded(place: isize, size: usize) -> usize {
    let last = size - 1;
    // Seldom more than a turn: quicker than a division.
    let mut turn = place.unsigned_abs();
    while turn > 2 * last {
        turn -= 2 * last;
    }
    turn.min(2 * last - turn)
}

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
    /// The share of what the row says, 0 to 1.
    shares: Rows,
    /// Green minus the colour of the sample, where that is red or blue; in the half that is
    /// green, nothing.
    own: Rows,
    /// Green minus the opposite colour, in the same places.
    opposite: Rows,
    /// The row that is worked on, summed over columns.
    sums: [Halves; 2],
}

impl Directional {
    /// Rows from the one that is given to the one that is had.
    pub(crate) const LAG: usize = COLOUR_LAG;

    /// For mosaics of `cells` pairs of samples in each of `height` rows: 8 of both at least.
    pub(crate) fn new(level: Level, order: BayerOrder, cells: usize, height: usize) -> Self {
        let rows = |kept: usize| Ring::new(Halves::new(cells), kept);
        let stages = Stages {
            order,
            height,
            mosaic: rows(MOSAIC_KEPT),
            differences: [rows(DIFFERENCES_KEPT), rows(DIFFERENCES_KEPT)],
            changes: [rows(CHANGES_KEPT), rows(CHANGES_KEPT)],
            shares: rows(SHARES_KEPT),
            own: rows(OWN_KEPT),
            opposite: rows(OPPOSITE_KEPT),
            sums: [Halves::new(cells), Halves::new(cells)],
        };
        Self { level, stages }
    }

    /// Takes row `step` of the mosaic, if there is one: rows come one by one, from as many before
    /// the first that is wanted as there are to the last and `LAG` steps more. The rows up to
    /// `step − LAG` can be written then, while they are kept.
    pub(crate) fn take(&mut self, step: usize, row: Option<&MosaicRow>) {
        self.level.run(Take { stages: &mut self.stages, step, row });
    }

    /// Writes those cells of the row that was finished by the last step, row `y`, in full colour.
    pub(crate) fn write(&self, y: usize, cells: Range<usize>, out: &mut ColourRow) {
        self.level.run(Write { stages: &self.stages, y, cells, out });
    }
}

// No vectors are named in these kernels: their loops become vectors of the width that is allowed
// where they are inlined.

struct Take<'a> {
    stages: &'a mut Stages,
    step: usize,
    row: Option<&'a MosaicRow>,
}

impl Kernel for Take<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { stages, step, row } = self;
        let height = stages.height;
        let behind = |lag: usize| step.checked_sub(lag).filter(|y| *y < height);
        if let Some(row) = row {
            stages.mosaic.row_mut(step).fill(row);
        }
        if let Some(y) = behind(DIFFERENCES_REACH) {
            stages.find_differences(y);
        }
        if let Some(y) = behind(CHANGES_LAG) {
            stages.find_changes(y);
        }
        if let Some(y) = behind(SHARES_LAG) {
            stages.find_shares(y);
            stages.find_own(y);
        }
        if let Some(y) = behind(OPPOSITE_LAG) {
            stages.find_opposite(y);
        }
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
        let cells = cells.start + PAD..cells.end + PAD;
        let [even, odd] = &mut out.halves;
        let (at_chroma, at_green) = if stages.chroma_half(y) == 0 { (even, odd) } else { (odd, even) };
        stages.write_chroma(y, cells.clone(), stages.own_first(y, at_chroma, cells.len()));
        stages.write_green(y, cells.clone(), stages.own_first(y, at_green, cells.len()));
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

    #[inline(always)]
    fn find_differences(&mut self, y: usize) {
        let at = |by| self.mosaic.row(neighbour(self.height, y, by));
        let rows = [at(-2), at(-1), at(0), at(1), at(2)];
        let chroma = self.chroma_half(y);
        let [across, down] = &mut self.differences;
        for half in 0..2 {
            let sign = if half == chroma { 1.0 } else { -1.0 };
            let line = |samples| difference(samples, sign);
            combine(across.row_mut(y).inner_mut(half, 1), rows[2].beside(half, 1), line);
            combine(down.row_mut(y).inner_mut(half, 0), column(rows, half, 0), line);
        }
    }

    #[inline(always)]
    fn find_changes(&mut self, y: usize) {
        let (above, below) = (neighbour(self.height, y, -1), neighbour(self.height, y, 1));
        let [along_row, along_column] = &mut self.changes;
        let [across, down] = &self.differences;
        for half in 0..2 {
            let [_, a, _, b, _] = self.mosaic.row(y).beside(half, 2);
            let [_, c, _, d, _] = across.row(y).beside(half, 2);
            combine(along_row.row_mut(y).inner_mut(half, 2), [a, b, c, d], change);
            let [a, b] = column([self.mosaic.row(above), self.mosaic.row(below)], half, 0);
            let [c, d] = column([down.row(above), down.row(below)], half, 0);
            combine(along_column.row_mut(y).inner_mut(half, 0), [a, b, c, d], change);
        }
    }

    /// Sums the changes over 5×5 pixels and weighs the directions.
    #[inline(always)]
    fn find_shares(&mut self, y: usize) {
        for (changes, sums) in self.changes.iter().zip(&mut self.sums) {
            let at = |by| changes.row(neighbour(self.height, y, by));
            let rows = [at(-2), at(-1), at(0), at(1), at(2)];
            for half in 0..2 {
                combine(sums.inner_mut(half, 0), column(rows, half, 0), sum);
            }
        }
        for half in 0..2 {
            let [[a, b, c, d, e], [f, g, h, i, j]] =
                [self.sums[0].beside(half, 3), self.sums[1].beside(half, 3)];
            let out = self.shares.row_mut(y).inner_mut(half, 3);
            combine(out, [a, b, c, d, e, f, g, h, i, j], |[a, b, c, d, e, f, g, h, i, j]| {
                let (across, down) = (fourth(sum([a, b, c, d, e])), fourth(sum([f, g, h, i, j])));
                down / (across + down)
            });
        }
    }

    #[inline(always)]
    fn find_own(&mut self, y: usize) {
        let half = self.chroma_half(y);
        let at = |by| self.differences[1].row(neighbour(self.height, y, by));
        let [_, west, here, east, _] = self.differences[0].row(y).beside(half, 3);
        let [above, centre, below] = column([at(-1), at(0), at(1)], half, 3);
        let (sample, share) = (self.mosaic.row(y).inner(half, 3), self.shares.row(y).inner(half, 3));
        let near = [west, here, east, above, centre, below, sample, share];
        let out = self.own.row_mut(y).inner_mut(half, 3);
        combine(out, near, |[west, here, east, above, centre, below, sample, share]| {
            let row = 0.25 * (west + east) + 0.5 * here;
            let column = 0.25 * (above + below) + 0.5 * centre;
            let green = sample + column + (row - column) * share;
            green.clamp(0.0, WHITE) - sample
        });
    }

    #[inline(always)]
    fn find_opposite(&mut self, y: usize) {
        let half = self.chroma_half(y);
        let count = self.own.row(y).cells() - 10;
        // The rows above and below have their red or blue in the other half.
        let at = |by: isize, columns: isize| {
            let start = (5 + half as isize + (columns - 1) / 2) as usize;
            &self.own.row(neighbour(self.height, y, by)).0[1 - half][start..start + count]
        };
        let near = [at(-1, -1), at(-1, 1), at(1, -1), at(1, 1)];
        let beside = [at(-1, -3), at(-1, 3), at(1, -3), at(1, 3)];
        let beyond = [at(-3, -1), at(-3, 1), at(3, -1), at(3, 1)];
        let out = self.opposite.row_mut(y).inner_mut(half, 5);
        let ([a, b, c, d], [e, f, g, h], [i, j, k, l]) = (near, beside, beyond);
        combine(out, [a, b, c, d, e, f, g, h, i, j, k, l], |[a, b, c, d, e, f, g, h, i, j, k, l]| {
            let far = (e + f + g + h) + (i + j + k + l);
            (a + b + c + d) * (10.0 / 32.0) - far * (1.0 / 32.0)
        });
    }

    /// Room for the colour that row `y` has, green, and the opposite one.
    #[inline(always)]
    fn own_first<'a>(&self, y: usize, rgb: &'a mut Rgb<Aligned<u16>>, count: usize) -> [&'a mut [u16]; 3] {
        let [red, green, blue] = &mut rgb.0;
        let [red, green, blue] = [&mut red[..count], &mut green[..count], &mut blue[..count]];
        if self.is_red_row(y) { [red, green, blue] } else { [blue, green, red] }
    }

    /// Writes the pixels whose sample is red or blue.
    #[inline(always)]
    fn write_chroma(&self, y: usize, cells: Range<usize>, [own, green, opposite]: [&mut [u16]; 3]) {
        let (half, count) = (self.chroma_half(y), own.len());
        let [sample, to_own, to_opposite] =
            [&self.mosaic, &self.own, &self.opposite].map(|rows| &rows.row(y).0[half][cells.clone()]);
        let (green, opposite) = (&mut green[..count], &mut opposite[..count]);
        for (i, own) in own.iter_mut().enumerate() {
            let value = sample[i] + to_own[i];
            *own = clipped(sample[i]);
            green[i] = clipped(value);
            opposite[i] = clipped(value - to_opposite[i]);
        }
    }

    /// Writes the pixels whose sample is green.
    #[inline(always)]
    fn write_green(&self, y: usize, cells: Range<usize>, [own, green, opposite]: [&mut [u16]; 3]) {
        let (chroma, count) = (self.chroma_half(y), own.len());
        let half = 1 - chroma;
        let west = cells.start + half - 1;
        let [beside_own, beside_opposite] = [&self.own, &self.opposite]
            .map(|rows| [west, west + 1].map(|start| &rows.row(y).0[chroma][start..start + count]));
        let [column_opposite, column_own] = [&self.own, &self.opposite]
            .map(|rows| [-1, 1].map(|by| &rows.row(neighbour(self.height, y, by)).0[half][cells.clone()]));
        let [sample, share] = [&self.mosaic, &self.shares].map(|rows| &rows.row(y).0[half][cells.clone()]);
        let (green, opposite) = (&mut green[..count], &mut opposite[..count]);
        for (i, own) in own.iter_mut().enumerate() {
            let weighed = |beside: [&[f32]; 2], column: [&[f32]; 2]| {
                let (row, column) = (beside[0][i] + beside[1][i], column[0][i] + column[1][i]);
                0.5 * (column + (row - column) * share[i])
            };
            *own = clipped(sample[i] - weighed(beside_own, column_own));
            green[i] = clipped(sample[i]);
            opposite[i] = clipped(sample[i] - weighed(beside_opposite, column_opposite));
        }
    }
}

const WHITE: f32 = 65535.0;

/// One half of some rows.
#[inline(always)]
fn column<const N: usize>(rows: [&Halves; N], half: usize, margin: usize) -> [&[f32]; N] {
    let mut column: [&[f32]; N] = [&[]; N];
    for (samples, row) in column.iter_mut().zip(rows) {
        *samples = row.inner(half, margin);
    }
    column
}

/// Computes each sample from those in the same place.
#[inline(always)]
fn combine<const N: usize>(out: &mut [f32], inputs: [&[f32]; N], value: impl Fn([f32; N]) -> f32) {
    let count = out.len();
    let mut cut: [&[f32]; N] = [&[]; N];
    for (cut, input) in cut.iter_mut().zip(inputs) {
        *cut = &input[..count];
    }
    for (i, out) in out.iter_mut().enumerate() {
        let mut here = [0.0; N];
        for (here, input) in here.iter_mut().zip(cut) {
            *here = input[i];
        }
        *out = value(here);
    }
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

#[inline(always)]
fn sum([a, b, c, d, e]: [f32; 5]) -> f32 {
    a + b + c + d + e
}

#[inline(always)]
fn fourth(sum: f32) -> f32 {
    let square = (sum + STILL) * (sum + STILL);
    square * square
}

#[cfg(test)]
mod tests;
