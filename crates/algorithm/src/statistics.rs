//! What the image processor measures of a frame, in a form of no particular hardware.
//!
//! All values are linear, on a scale of 16 bits (65536 is white), taken after black was
//! subtracted (and, for the colour zones, lens shading corrected) and before white balance and
//! digital gain.

/// Bins of a histogram, equal parts of the range of values.
pub const HISTOGRAM_BINS: usize = 128;
/// Zones for white balance, across and down.
pub const AWB_ZONES: (usize, usize) = (16, 12);
/// Regions for exposure control, across and down.
pub const AGC_REGIONS: (usize, usize) = (5, 3);
/// Windows for focus, across and down.
pub const FOCUS_WINDOWS: (usize, usize) = (4, 3);

/// The value of white.
pub const WHITE: f64 = 65536.0;

/// Sums over a part of the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// Cells (of one red, two green, one blue pixel) that were summed.
    pub counted: u32,
    /// Cells that were left out because a pixel was too bright or too dark.
    pub uncounted: u32,
    /// Sum of red.
    pub red: u64,
    /// Sum of green, the mean of a cell's two.
    pub green: u64,
    /// Sum of blue.
    pub blue: u64,
}

impl Zone {
    /// Mean red, green and blue of the cells counted, where 1 is white; `None` if there are
    /// none.
    pub fn mean(&self) -> Option<[f64; 3]> {
        let scale = 1.0 / (f64::from(self.counted) * WHITE);
        (self.counted > 0).then(|| [self.red, self.green, self.blue].map(|sum| sum as f64 * scale))
    }
}

/// Contrast in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FocusWindow {
    /// Sum of a high-pass filter's answers.
    pub contrast: u64,
    /// How many were summed.
    pub counted: u32,
}

/// All measurements of one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// How many pixels of red, green and blue have which value.
    pub histograms: [[u32; HISTOGRAM_BINS]; 3],
    /// Zones for white balance, row by row.
    pub awb: [Zone; AWB_ZONES.0 * AWB_ZONES.1],
    /// Regions for exposure control, row by row.
    pub agc: [Zone; AGC_REGIONS.0 * AGC_REGIONS.1],
    /// Windows for focus, row by row.
    pub focus: [FocusWindow; FOCUS_WINDOWS.0 * FOCUS_WINDOWS.1],
}

impl Default for Statistics {
    /// Of a frame of no pixels.
    fn default() -> Self {
        Self {
            histograms: [[0; HISTOGRAM_BINS]; 3],
            awb: [Zone::default(); AWB_ZONES.0 * AWB_ZONES.1],
            agc: [Zone::default(); AGC_REGIONS.0 * AGC_REGIONS.1],
            focus: [FocusWindow::default(); FOCUS_WINDOWS.0 * FOCUS_WINDOWS.1],
        }
    }
}
