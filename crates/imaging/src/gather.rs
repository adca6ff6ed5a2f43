//! Gathering statistics, one row of 2×2 cells at a time.
//!
//! Sums are kept by columns for as long as the rows of zones last, and only then added up to
//! zones. Each datum is looked at once: the histogram after white balance is made of that before
//! it; of the rows of cells the even ones are looked at for focus, and every second
//! cell of the odd ones is counted.

mod sums;

use std::ops::Range;

use pinhole_base::format::BayerOrder;

use crate::mosaic::{MosaicRow, room_for};
use crate::parameters::IspParameters;
use crate::simd::{Aligned, LANES_MAX, Level};
use crate::statistics::{
    AGC_GRID, AWB_ZONES, FOCUS_WINDOWS, FocusWindow, HISTOGRAM_BINS, Histogram, RegionSums, Statistics,
};
use sums::{ContrastRow, SumRow};

/// Bins that are counted: by a sample's upper byte.
const FINE_BINS: usize = 256;
/// Counters of each bin, so that equal neighbours do not wait for each other.
const COUNTERS: usize = 4;

/// Frames of so many cells or more are large: of them a quarter of a million are counted, which tell
/// as much.
const LARGE_CELLS: usize = 1 << 20;

/// Sums by columns: of pairs of neighbouring cells.
#[derive(Clone, Debug)]
struct Columns {
    /// Red, green and blue, 32768 less than they are.
    all: [Aligned<i32>; 3],
    /// The same of cells with a saturated sample, and how many there are.
    saturated: [Aligned<i32>; 4],
    /// Whether there are any.
    any_saturated: bool,
    /// For the fine filter and the coarse one: halved answers, halved strong answers 32768 less
    /// than they are, and how many are strong.
    contrast: [[Aligned<i32>; 3]; 2],
    /// Rows of cells in the sums, and how many of them focus has looked at.
    rows: u32,
    contrast_rows: u32,
}

impl Columns {
    fn new(cells: usize) -> Self {
        let column = || Aligned::zeros(room_for(cells) / 2);
        Self {
            all: [(); 3].map(|()| column()),
            saturated: [(); 4].map(|()| column()),
            any_saturated: false,
            contrast: [(); 2].map(|()| [(); 3].map(|()| column())),
            rows: 0,
            contrast_rows: 0,
        }
    }

    fn clear(&mut self) {
        self.all.iter_mut().for_each(|column| column.fill(0));
        if std::mem::take(&mut self.any_saturated) {
            self.saturated.iter_mut().for_each(|column| column.fill(0));
        }
        self.contrast.iter_mut().flatten().for_each(|column| column.fill(0));
        (self.rows, self.contrast_rows) = (0, 0);
    }
}

/// Counts by colour, then counter.
type Counts = [[[u32; FINE_BINS]; COUNTERS]; 3];

/// Gathers the statistics of frames of one shape.
#[derive(Clone, Debug)]
pub(crate) struct Gatherer {
    level: Level,
    order: Option<BayerOrder>,
    /// Cells in a row, rows of cells.
    cells: (usize, usize),
    columns: Columns,
    counts: Box<Counts>,
    /// Green of the present row of cells, with the outermost repeated at either end.
    green: Aligned<u16>,
}

/// Cells, or rows of cells, of one of `count` equal parts. Columns are cut between pairs.
fn bounds(index: usize, count: usize, cells: usize) -> Range<usize> {
    index * cells / count..(index + 1) * cells / count
}

/// The same for columns, which are kept in pairs.
fn column_bounds(index: usize, count: usize, cells: usize) -> Range<usize> {
    let pairs = bounds(index, count, cells.div_ceil(2));
    2 * pairs.start..(2 * pairs.end).min(cells)
}

/// Which of `count` equal parts of `cells` a cell lies in.
fn part_of(cell: usize, count: usize, cells: usize) -> usize {
    ((cell * count + count - 1) / cells).min(count - 1)
}

impl Gatherer {
    pub(crate) fn new(level: Level, order: Option<BayerOrder>, cells: (usize, usize)) -> Self {
        Self {
            level,
            order,
            cells,
            columns: Columns::new(cells.0),
            counts: Box::new([[[0; FINE_BINS]; COUNTERS]; 3]),
            green: Aligned::zeros(LANES_MAX + room_for(cells.0) + LANES_MAX),
        }
    }

    /// Adds a row of cells: its two rows before white balance.
    pub(crate) fn add(&mut self, row: usize, levelled: [&MosaicRow; 2], statistics: &mut Statistics) {
        let (x, y) = self.order.map_or((0, 0), BayerOrder::red_position);
        self.level.run(SumRow {
            red: (levelled[y], x),
            greens: [(levelled[y], 1 - x), (levelled[1 - y], x)],
            blue: (levelled[1 - y], 1 - x),
            cells: self.cells.0,
            columns: &mut self.columns,
            green: &mut self.green[LANES_MAX..],
        });
        self.columns.rows += 1;
        if row.is_multiple_of(2) {
            self.add_contrast();
        } else {
            let colours = [levelled[y].inner(x), levelled[y].inner(1 - x), levelled[1 - y].inner(1 - x)];
            let is_large = self.cells.0 * self.cells.1 >= LARGE_CELLS;
            for (samples, counts) in colours.into_iter().zip(self.counts.iter_mut()) {
                match is_large {
                    false => count_values::<2>(samples, counts),
                    true => count_values::<4>(samples, counts),
                }
            }
        }
        let zone = part_of(row, AWB_ZONES.1, self.cells.1);
        if row + 1 == self.cells.1 || part_of(row + 1, AWB_ZONES.1, self.cells.1) != zone {
            self.flush_columns(row, statistics);
        }
    }

    fn add_contrast(&mut self) {
        let (first, last) = (LANES_MAX, LANES_MAX + self.cells.0 - 1);
        let ends = [self.green[first], self.green[last]];
        self.green[first - 2..first].fill(ends[0]);
        self.green[last + 1..last + 3].fill(ends[1]);
        self.level.run(ContrastRow {
            green: &self.green,
            first,
            cells: self.cells.0,
            columns: &mut self.columns,
        });
        self.columns.contrast_rows += 1;
    }

    /// Ends a part of the frame whose last row of cells was `row`.
    pub(crate) fn finish(&mut self, row: usize, parameters: &IspParameters, statistics: &mut Statistics) {
        if self.columns.rows > 0 {
            self.flush_columns(row, statistics);
        }
        let gains = [parameters.red_gain, 1.0, parameters.blue_gain];
        let [before, after] = &mut statistics.histograms;
        for (colour, counts) in self.counts.iter_mut().enumerate() {
            let fine: [u32; FINE_BINS] =
                std::array::from_fn(|bin| counts.iter().map(|counter| counter[bin]).sum());
            counts.iter_mut().for_each(|counter| counter.fill(0));
            let gain = if self.order.is_some() { gains[colour] } else { 1.0 };
            spread(&fine, 1.0, of(before, colour));
            spread(&fine, f64::from(gain * parameters.digital_gain), of(after, colour));
        }
    }

    /// Adds what the columns hold to the zones that `row` lies in.
    fn flush_columns(&mut self, row: usize, statistics: &mut Statistics) {
        let place = |(across, down): (usize, usize)| part_of(row, down, self.cells.1) * across;
        let awb = statistics.awb[place(AWB_ZONES)..][..AWB_ZONES.0].iter_mut();
        for (column, zone) in awb.enumerate() {
            zone.add(&self.region(column_bounds(column, AWB_ZONES.0, self.cells.0), true));
        }
        let agc = statistics.agc[place(AGC_GRID)..][..AGC_GRID.0].iter_mut();
        for (column, region) in agc.enumerate() {
            region.add(&self.region(column_bounds(column, AGC_GRID.0, self.cells.0), false));
        }
        let focus = statistics.focus[place(FOCUS_WINDOWS)..][..FOCUS_WINDOWS.0].iter_mut();
        for (column, window) in focus.enumerate() {
            self.add_window(column_bounds(column, FOCUS_WINDOWS.0, self.cells.0), window);
        }
        self.columns.clear();
    }

    fn region(&self, cells: Range<usize>, without_saturated: bool) -> RegionSums {
        let pairs = cells.start / 2..cells.end.div_ceil(2);
        let sum = |column: &[i32]| column[pairs.clone()].iter().map(|&sum| i64::from(sum)).sum::<i64>();
        let rows = i64::from(self.columns.rows);
        let counted = cells.len() as i64 * rows;
        // A pair's second cell beyond the last is black.
        let offset = 65536 * pairs.len() as i64 * rows;
        let mut colours = self.columns.all.each_ref().map(|column| sum(column) + offset);
        let mut left_out = 0;
        if without_saturated && self.columns.any_saturated {
            let [red, green, blue, count] = self.columns.saturated.each_ref().map(|column| sum(column));
            left_out = count;
            for (colour, saturated) in colours.iter_mut().zip([red, green, blue]) {
                *colour -= saturated + 32768 * left_out;
            }
        }
        let [red, green, blue] = colours.map(|sum| sum.max(0).cast_unsigned());
        RegionSums { counted: (counted - left_out) as u32, not_counted: left_out as u32, red, green, blue }
    }

    fn add_window(&self, cells: Range<usize>, window: &mut FocusWindow) {
        let pairs = cells.start / 2..cells.end.div_ceil(2);
        let sum = |column: &[i32]| column[pairs.clone()].iter().map(|&sum| i64::from(sum)).sum::<i64>();
        for (filter, columns) in self.columns.contrast.iter().enumerate() {
            let [weak, strong, count] = columns.each_ref().map(|column| sum(column));
            let all = cells.len() as i64 * i64::from(self.columns.contrast_rows);
            let answers = [weak, strong + 32768 * count];
            for (level, (answer, count)) in answers.into_iter().zip([all - count, count]).enumerate() {
                window.contrast[level][filter] += 2 * answer.cast_unsigned();
                window.count[level][filter] += count as u32;
            }
        }
    }
}

fn of(histogram: &mut Histogram, colour: usize) -> &mut [u32; HISTOGRAM_BINS] {
    match colour {
        0 => &mut histogram.red,
        1 => &mut histogram.green,
        _ => &mut histogram.blue,
    }
}

/// Counts one sample of every `EACH`, the first. Not a part of what calls it, so that profiles tell
/// of it.
#[inline(never)]
fn count_values<const EACH: usize>(samples: &[u16], counts: &mut [[u32; FINE_BINS]; COUNTERS]) {
    let (groups, rest) = samples.as_chunks::<EACH>();
    let (chunks, groups) = groups.as_chunks::<COUNTERS>();
    for chunk in chunks {
        for (group, counter) in chunk.iter().zip(counts.iter_mut()) {
            counter[usize::from(group[0] >> 8)] += 1;
        }
    }
    let last = groups.iter().map(|group| group[0]).chain(rest.first().copied());
    for sample in last {
        counts[0][usize::from(sample >> 8)] += 1;
    }
}

/// Adds counts to a histogram of values that are `gain` times as large. A bin whose values fall
/// into several is shared out among them as if they lay evenly.
fn spread(fine: &[u32; FINE_BINS], gain: f64, bins: &mut [u32; HISTOGRAM_BINS]) {
    let bins_per_fine = gain.max(0.0) * HISTOGRAM_BINS as f64 / FINE_BINS as f64;
    let last = HISTOGRAM_BINS - 1;
    for (i, &count) in fine.iter().enumerate().filter(|(_, count)| **count > 0) {
        let (low, high) = (i as f64 * bins_per_fine, (i + 1) as f64 * bins_per_fine);
        let (first, end) = ((low as usize).min(last), ((high.ceil() as usize).max(1) - 1).min(last));
        let mut given = 0;
        for (bin, total) in bins.iter_mut().enumerate().take(end + 1).skip(first) {
            let share = ((bin + 1) as f64 - low) / (high - low);
            let until = if bin == end { count } else { (share * f64::from(count)).round() as u32 };
            *total += until.saturating_sub(given);
            given = given.max(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bins before white balance that a row of cells counts into, in a frame of 1024 cells by
    /// `rows`; cells at every fourth column are dark, those between light.
    fn bins_of_a_row(rows: usize) -> Vec<(usize, u32)> {
        let mut row = MosaicRow::new(1024);
        for half in 0..2 {
            let samples = row.inner_mut(half).iter_mut().enumerate();
            samples.for_each(|(i, sample)| *sample = if i % 4 == 0 { 10 << 8 } else { 138 << 8 });
        }
        let mut gatherer = Gatherer::new(Level::best(), Some(BayerOrder::Rggb), (1024, rows));
        let mut statistics = Statistics::default();
        gatherer.add(1, [&row, &row], &mut statistics);
        gatherer.finish(1, &IspParameters::default(), &mut statistics);
        let bins = statistics.histograms[0].green.iter().copied().enumerate();
        bins.filter(|(_, count)| *count > 0).collect()
    }

    /// Catches: large frames of which all or the wrong cells are counted, and small ones of which
    /// too few are.
    #[test]
    fn of_large_frames_half_as_many_cells_are_counted() {
        assert_eq!(bins_of_a_row(1023), [(5, 256), (69, 256)]);
        assert_eq!(bins_of_a_row(1024), [(5, 256)]);
    }

    #[test]
    fn gains_move_counts_to_higher_bins_and_lose_none() {
        let mut fine = [0; FINE_BINS];
        (fine[10], fine[11], fine[255]) = (100, 50, 7);
        let mut bins = [0; HISTOGRAM_BINS];
        spread(&fine, 1.0, &mut bins);
        assert_eq!((bins[5], bins[127]), (150, 7));
        let mut bins = [0; HISTOGRAM_BINS];
        spread(&fine, 3.0, &mut bins);
        assert_eq!((bins[15], bins[16], bins[17], bins[127]), (67, 50, 33, 7));
    }
}
