//! Gathering statistics, one row of 2×2 cells at a time.

use std::ops::Range;

use pinhole_base::format::BayerOrder;

use crate::mosaic::MosaicRow;
use crate::statistics::{
    AGC_GRID, AWB_ZONES, FOCUS_THRESHOLD, FOCUS_WINDOWS, FocusWindow, HISTOGRAM_BINS, Histogram, RegionSums,
    SATURATED, Statistics,
};

/// The four samples of each cell of a row of cells.
#[derive(Clone, Copy)]
struct Cells<'a> {
    red: &'a [u16],
    greens: [&'a [u16]; 2],
    blue: &'a [u16],
}

impl<'a> Cells<'a> {
    /// From an even row and the odd one below it. Without an order any place will do.
    fn new(order: Option<BayerOrder>, rows: [&'a MosaicRow; 2]) -> Self {
        let (x, y) = order.map_or((0, 0), BayerOrder::red_position);
        let at = |x: usize, y: usize| rows[y].inner(x);
        Self { red: at(x, y), greens: [at(1 - x, y), at(x, 1 - y)], blue: at(1 - x, 1 - y) }
    }

    fn part(&self, range: Range<usize>) -> Self {
        Self {
            red: &self.red[range.clone()],
            greens: self.greens.map(|green| &green[range.clone()]),
            blue: &self.blue[range],
        }
    }
}

/// Gathers the statistics of frames of one shape.
#[derive(Debug)]
pub(crate) struct Gatherer {
    order: Option<BayerOrder>,
    /// Cells in a row, rows of cells.
    cells: (usize, usize),
    /// Green of the present row of cells.
    green: Vec<u16>,
}

fn bounds(index: usize, count: usize, cells: usize) -> Range<usize> {
    index * cells / count..(index + 1) * cells / count
}

/// Which of `count` equal parts of `cells` a cell lies in.
fn part_of(cell: usize, count: usize, cells: usize) -> usize {
    ((cell * count + count - 1) / cells).min(count - 1)
}

impl Gatherer {
    pub(crate) fn new(order: Option<BayerOrder>, cells: (usize, usize)) -> Self {
        Self { order, cells, green: vec![0; cells.0] }
    }

    /// Adds a row of cells: its two rows before white balance, and after it.
    pub(crate) fn add(
        &mut self,
        row: usize,
        levelled: [&MosaicRow; 2],
        balanced: [&MosaicRow; 2],
        statistics: &mut Statistics,
    ) {
        let cells = Cells::new(self.order, levelled);
        self.add_regions(row, &cells, AWB_ZONES, sum_unsaturated, &mut statistics.awb);
        self.add_regions(row, &cells, AGC_GRID, sum_all, &mut statistics.agc);
        self.add_focus(row, &cells, &mut statistics.focus);
        count_values(&cells, &mut statistics.histograms[0]);
        count_values(&Cells::new(self.order, balanced), &mut statistics.histograms[1]);
    }

    fn add_regions(
        &self,
        row: usize,
        cells: &Cells<'_>,
        (across, down): (usize, usize),
        sum: impl Fn(&Cells<'_>) -> RegionSums,
        regions: &mut [RegionSums],
    ) {
        let first = part_of(row, down, self.cells.1) * across;
        for (column, region) in regions[first..first + across].iter_mut().enumerate() {
            region.add(&sum(&cells.part(bounds(column, across, self.cells.0))));
        }
    }

    fn add_focus(&mut self, row: usize, cells: &Cells<'_>, windows: &mut [FocusWindow]) {
        let greens = cells.greens[0].iter().zip(cells.greens[1]);
        for (green, (&a, &b)) in self.green.iter_mut().zip(greens) {
            *green = ((u32::from(a) + u32::from(b)) / 2) as u16;
        }
        let (across, down) = FOCUS_WINDOWS;
        let first = part_of(row, down, self.cells.1) * across;
        for (column, window) in windows[first..first + across].iter_mut().enumerate() {
            let green = &self.green[bounds(column, across, self.cells.0)];
            for (filter, reach) in [1, 2].into_iter().enumerate() {
                add_contrast(green, reach, filter, window);
            }
        }
    }
}

/// Sums the second differences of green at a distance.
fn add_contrast(green: &[u16], reach: usize, filter: usize, window: &mut FocusWindow) {
    if green.len() <= 2 * reach {
        return;
    }
    let (mut sums, mut above) = ([0u64; 2], 0u32);
    let sides = green.iter().zip(&green[2 * reach..]);
    for (&centre, (&left, &right)) in green[reach..].iter().zip(sides) {
        let answer = (2 * i32::from(centre) - i32::from(left) - i32::from(right)).unsigned_abs();
        let beyond = u32::from(answer >= FOCUS_THRESHOLD);
        above += beyond;
        sums[0] += u64::from(answer * (1 - beyond));
        sums[1] += u64::from(answer * beyond);
    }
    let total = (green.len() - 2 * reach) as u32;
    for (level, (sum, count)) in sums.into_iter().zip([total - above, above]).enumerate() {
        window.contrast[level][filter] += sum;
        window.count[level][filter] += count;
    }
}

/// Sums that hold a row of cells: 65536 cells of 65535 fit in 32 bits.
fn sums(counted: u32, cells: usize, [red, greens, blue]: [u64; 3]) -> RegionSums {
    RegionSums { counted, not_counted: cells as u32 - counted, red, green: greens / 2, blue }
}

fn sum_unsaturated(cells: &Cells<'_>) -> RegionSums {
    let n = cells.red.len();
    let (green_a, green_b, blue) = (&cells.greens[0][..n], &cells.greens[1][..n], &cells.blue[..n]);
    let (mut counted, mut red_sum, mut green_sum, mut blue_sum) = (0u32, 0u32, 0u64, 0u32);
    for (i, &red) in cells.red.iter().enumerate() {
        let high = red.max(green_a[i]).max(green_b[i]).max(blue[i]);
        let good = u32::from(high < SATURATED);
        counted += good;
        red_sum += good * u32::from(red);
        green_sum += u64::from(good * (u32::from(green_a[i]) + u32::from(green_b[i])));
        blue_sum += good * u32::from(blue[i]);
    }
    sums(counted, n, [u64::from(red_sum), green_sum, u64::from(blue_sum)])
}

fn sum_all(cells: &Cells<'_>) -> RegionSums {
    let total = |samples: &[u16]| samples.iter().map(|&sample| u64::from(sample)).sum::<u64>();
    let greens = total(cells.greens[0]) + total(cells.greens[1]);
    sums(cells.red.len() as u32, cells.red.len(), [total(cells.red), greens, total(cells.blue)])
}

fn count_values(cells: &Cells<'_>, histogram: &mut Histogram) {
    const SHIFT: u32 = 16 - HISTOGRAM_BINS.ilog2();
    let count = |samples: &[u16], bins: &mut [u32; HISTOGRAM_BINS]| {
        for &sample in samples {
            bins[usize::from(sample >> SHIFT)] += 1;
        }
    };
    count(cells.red, &mut histogram.red);
    count(cells.greens[0], &mut histogram.green);
    count(cells.blue, &mut histogram.blue);
}
