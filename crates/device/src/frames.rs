//! The sizes and rates of pictures that a device offers.

use pinhole_base::geometry::{ImagePixels, Size};
use std::time::Duration;

/// Seconds from one frame to the next, as a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "v4l2_fract")]
pub struct FrameInterval {
    /// Above the line.
    pub numerator: u32,
    /// Below the line.
    pub denominator: u32,
}

impl FrameInterval {
    /// As time; `None` if there is a zero below the line.
    pub fn duration(self) -> Option<Duration> {
        let nanoseconds = u64::from(self.numerator) * 1_000_000_000;
        nanoseconds.checked_div(u64::from(self.denominator)).map(Duration::from_nanos)
    }
}

/// Sizes that a device offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_frmsizeenum")]
pub enum FrameSizes {
    /// One size.
    Discrete(Size<ImagePixels>),
    /// All sizes from the least to the greatest, in steps.
    Range {
        /// The smallest.
        least: Size<ImagePixels>,
        /// The largest.
        greatest: Size<ImagePixels>,
        /// Pixels from one width, and one height, to the next.
        step: Size<ImagePixels>,
    },
}

/// Frame intervals that a device offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_frmivalenum")]
pub enum FrameIntervals {
    /// One interval.
    Discrete(FrameInterval),
    /// All from the shortest to the longest, in steps.
    Range {
        /// The shortest.
        shortest: FrameInterval,
        /// The longest.
        longest: FrameInterval,
        /// From one to the next.
        step: FrameInterval,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_become_time_unless_they_divide_by_zero() {
        let interval = |numerator, denominator| FrameInterval { numerator, denominator }.duration();
        assert_eq!(interval(1, 30), Some(Duration::from_nanos(33_333_333)));
        assert_eq!(interval(u32::MAX, 1), Some(Duration::from_secs(u64::from(u32::MAX))));
        assert_eq!(interval(1, 0), None);
    }
}
