//! What the image signal processor measures of a frame.

/// Bins of a histogram, equal parts of the range of values.
pub const HISTOGRAM_BINS: usize = 128;
/// Zones for white balance, across and down.
pub const AWB_ZONES: (usize, usize) = (16, 12);
/// Regions for exposure control, across and down.
pub const AGC_GRID: (usize, usize) = (5, 3);
/// Places for regions for exposure control; the last is not used.
pub const AGC_REGIONS: usize = 16;
/// Regions placed at will.
pub const FLOATING_REGIONS: usize = 16;
/// Windows for focus, across and down.
pub const FOCUS_WINDOWS: (usize, usize) = (4, 3);

/// Cells with a sample at or above this are not counted for white balance.
pub const SATURATED: u16 = 64_000;
/// Answers of a focus filter at or above this count as strong; on a scale of 16 bits.
pub const FOCUS_THRESHOLD: u32 = 1024;

/// How many cells of the mosaic have which value: of every second row of cells, from the second on,
/// every second cell, from the first on; every fourth of frames of 1024×1024 cells (4 megapixels) or
/// more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// Red.
    pub red: [u32; HISTOGRAM_BINS],
    /// Green.
    pub green: [u32; HISTOGRAM_BINS],
    /// Blue.
    pub blue: [u32; HISTOGRAM_BINS],
}

impl Histogram {
    /// No cells.
    pub const EMPTY: Self =
        Self { red: [0; HISTOGRAM_BINS], green: [0; HISTOGRAM_BINS], blue: [0; HISTOGRAM_BINS] };
}

/// Sums over a part of the picture.
///
/// Values are on a scale of 16 bits: black subtracted and the rest stretched, so that a
/// saturated sample is 65535, and lens shading undone; before the gains of white balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct RegionSums {
    /// 2×2 cells summed.
    pub counted: u32,
    /// 2×2 cells left out because a sample was saturated. Exposure regions leave none out.
    pub not_counted: u32,
    /// Red.
    pub red: u64,
    /// Green: the mean of a cell's two.
    pub green: u64,
    /// Blue.
    pub blue: u64,
}

impl RegionSums {
    /// Adds another region's sums.
    pub fn add(&mut self, other: &Self) {
        self.counted += other.counted;
        self.not_counted += other.not_counted;
        self.red += other.red;
        self.green += other.green;
        self.blue += other.blue;
    }

    /// Means of red, green and blue over the counted cells; `None` where there are none.
    pub fn means(&self) -> Option<[f64; 3]> {
        let mean = |sum: u64| sum as f64 / f64::from(self.counted);
        (self.counted > 0).then(|| [mean(self.red), mean(self.green), mean(self.blue)])
    }
}

/// Contrast of green in one window, of every second row of cells, by `[below, above]` a threshold and by `[fine, coarse]`
/// filter: second differences at distances of one and of two cells; at the
/// frame's edges the outermost cell stands for those beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FocusWindow {
    /// Sums of the filters' answers.
    pub contrast: [[u64; 2]; 2],
    /// How many were summed.
    pub count: [[u32; 2]; 2],
}

/// All measurements of one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Before white balance gains, and after them. Of a cell's greens one is counted. The second
    /// is made of the first, as if values lay evenly within 256ths of the range.
    pub histograms: [Histogram; 2],
    /// Zones for white balance, row by row.
    pub awb: [RegionSums; AWB_ZONES.0 * AWB_ZONES.1],
    /// Regions for exposure control, row by row; the last is not used.
    pub agc: [RegionSums; AGC_REGIONS],
    /// Regions placed at will; none are placed by default.
    pub floating: [RegionSums; FLOATING_REGIONS],
    /// Windows for focus, row by row.
    pub focus: [FocusWindow; FOCUS_WINDOWS.0 * FOCUS_WINDOWS.1],
}

impl Statistics {
    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds what another part of the frame has.
    pub fn add(&mut self, other: &Self) {
        for (own, other) in self.histograms.iter_mut().zip(&other.histograms) {
            for (own, other) in
                [(&mut own.red, &other.red), (&mut own.green, &other.green), (&mut own.blue, &other.blue)]
            {
                own.iter_mut().zip(other).for_each(|(own, other)| *own += other);
            }
        }
        let regions = |own: &mut [RegionSums], other: &[RegionSums]| {
            own.iter_mut().zip(other).for_each(|(own, other)| own.add(other));
        };
        regions(&mut self.awb, &other.awb);
        regions(&mut self.agc, &other.agc);
        regions(&mut self.floating, &other.floating);
        for (own, other) in self.focus.iter_mut().zip(&other.focus) {
            for i in 0..4 {
                own.contrast[i / 2][i % 2] += other.contrast[i / 2][i % 2];
                own.count[i / 2][i % 2] += other.count[i / 2][i % 2];
            }
        }
    }
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            histograms: [Histogram::EMPTY; 2],
            awb: [RegionSums::default(); AWB_ZONES.0 * AWB_ZONES.1],
            agc: [RegionSums::default(); AGC_REGIONS],
            floating: [RegionSums::default(); FLOATING_REGIONS],
            focus: [FocusWindow::default(); FOCUS_WINDOWS.0 * FOCUS_WINDOWS.1],
        }
    }
}
