//! Conversions between time and the sensor's lines: exposure, blanking, frame length.
//!
//! A line lasts `width + hblank` pixel clocks and a frame `height + vblank` lines. Exposure
//! must end some lines before the frame does, so the vertical blanking bounds it: long
//! exposures raise the blanking.

use std::time::Duration;

/// The timing of one sensor mode, as its controls report it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeTiming {
    /// Pixel clocks a second.
    pub pixel_rate_hz: u64,
    /// Pixels of a line that carry the picture.
    pub width: u32,
    /// Lines of a frame that carry the picture.
    pub height: u32,
    /// Pixel clocks between the picture's lines.
    pub hblank: u32,
    /// Least lines between frames.
    pub vblank_min: u32,
    /// Most lines between frames.
    pub vblank_max: u32,
    /// Least exposure, in lines.
    pub exposure_min_lines: u32,
    /// Lines by which a frame must be longer than its exposure.
    pub exposure_margin_lines: u32,
}

/// Exposure and blanking that fit together, in lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTiming {
    /// Lines that the exposure lasts.
    pub exposure_lines: u32,
    /// Lines between frames.
    pub vblank: u32,
}

impl ModeTiming {
    /// Pixel clocks of a whole line.
    pub const fn line_length_pixels(&self) -> u32 {
        self.width.saturating_add(self.hblank)
    }

    /// How long `lines` take, to the nearest nanosecond.
    pub fn duration(&self, lines: u32) -> Duration {
        let rate = u128::from(self.pixel_rate_hz.max(1));
        let clocks = u128::from(lines) * u128::from(self.line_length_pixels());
        let nanos = (clocks * 1_000_000_000 + rate / 2) / rate;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many lines come nearest to a time.
    pub fn lines(&self, time: Duration) -> u32 {
        let line = u128::from(self.line_length_pixels().max(1)) * 1_000_000_000;
        let clocks = time.as_nanos().saturating_mul(u128::from(self.pixel_rate_hz));
        u32::try_from(clocks.saturating_add(line / 2) / line).unwrap_or(u32::MAX)
    }

    /// How long a line takes.
    pub fn line_duration(&self) -> Duration {
        self.duration(1)
    }

    /// Lines of a frame with that blanking.
    pub const fn frame_length_lines(&self, vblank: u32) -> u32 {
        self.height.saturating_add(vblank)
    }

    /// The blanking that comes nearest to a frame length, within the mode's limits.
    pub fn vblank(&self, frame_length_lines: u32) -> u32 {
        frame_length_lines.saturating_sub(self.height).min(self.vblank_max).max(self.vblank_min)
    }

    /// Time from one frame to the next with that blanking.
    pub fn frame_duration(&self, vblank: u32) -> Duration {
        self.duration(self.frame_length_lines(vblank))
    }

    /// Shortest and longest time from one frame to the next.
    pub fn frame_duration_limits(&self) -> (Duration, Duration) {
        (self.frame_duration(self.vblank_min), self.frame_duration(self.vblank_max))
    }

    /// The longest exposure that fits a frame with that blanking, in lines.
    pub fn exposure_max_lines(&self, vblank: u32) -> u32 {
        let room = self.frame_length_lines(vblank).saturating_sub(self.exposure_margin_lines);
        room.max(self.exposure_min_lines)
    }

    /// Shortest exposure, and the longest one at the longest frame.
    pub fn exposure_limits(&self) -> (Duration, Duration) {
        (self.duration(self.exposure_min_lines), self.duration(self.exposure_max_lines(self.vblank_max)))
    }

    /// Exposure and blanking for a wished exposure and time between frames. A frame too
    /// short for its exposure is made longer, as far as the mode goes; then the exposure is
    /// cut to fit.
    pub fn fit(&self, exposure: Duration, frame_duration: Duration) -> FrameTiming {
        let exposure_lines = self.lines(exposure).max(self.exposure_min_lines);
        let needed = exposure_lines.saturating_add(self.exposure_margin_lines);
        let vblank = self.vblank(self.lines(frame_duration).max(needed));
        FrameTiming { exposure_lines: exposure_lines.min(self.exposure_max_lines(vblank)), vblank }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// IMX219 at 3280x2464: 182.4 MHz, 3448 clocks a line.
    const FULL: ModeTiming = ModeTiming {
        pixel_rate_hz: 182_400_000,
        width: 3280,
        height: 2464,
        hblank: 168,
        vblank_min: 62,
        vblank_max: 63_071,
        exposure_min_lines: 4,
        exposure_margin_lines: 4,
    };

    #[test]
    fn durations_are_clocks_over_rate() {
        assert_eq!(FULL.line_duration(), Duration::from_nanos(18_904));
        assert_eq!(FULL.frame_duration(62), Duration::from_nanos(47_750_263));
    }

    #[test]
    fn short_exposures_leave_the_frame_as_wished() {
        let fit = FULL.fit(Duration::from_millis(10), Duration::from_millis(66));
        assert_eq!(fit.exposure_lines, 529);
        assert_eq!(FULL.frame_length_lines(fit.vblank), 3491);
    }

    #[test]
    fn long_exposures_raise_the_blanking() {
        let fit = FULL.fit(Duration::from_millis(100), Duration::from_millis(33));
        assert_eq!(fit.exposure_lines, 5290);
        assert_eq!(fit.vblank, 5290 + 4 - 2464);
    }

    #[test]
    fn exposures_beyond_the_mode_are_cut() {
        let fit = FULL.fit(Duration::from_secs(100), Duration::ZERO);
        assert_eq!(fit, FrameTiming { exposure_lines: 65_531, vblank: 63_071 });
        assert_eq!(FULL.fit(Duration::ZERO, Duration::ZERO).exposure_lines, 4);
    }

    #[test]
    fn a_mode_of_zeros_does_not_panic() {
        let zero = ModeTiming {
            pixel_rate_hz: 0,
            width: 0,
            height: 0,
            hblank: 0,
            vblank_min: 9,
            vblank_max: 1,
            exposure_min_lines: 0,
            exposure_margin_lines: 4,
        };
        zero.fit(Duration::MAX, Duration::MAX);
        zero.exposure_limits();
    }

    proptest! {
        #[test]
        fn lines_survive_the_round_trip(lines in 0u32..10_000_000) {
            prop_assert_eq!(FULL.lines(FULL.duration(lines)), lines);
        }

        #[test]
        fn what_fits_obeys_the_limits(exposure_us in 0u64..10_000_000, frame_us in 0u64..10_000_000) {
            let fit = FULL.fit(Duration::from_micros(exposure_us), Duration::from_micros(frame_us));
            prop_assert!((FULL.vblank_min..=FULL.vblank_max).contains(&fit.vblank));
            prop_assert!(fit.exposure_lines >= FULL.exposure_min_lines);
            prop_assert!(fit.exposure_lines + FULL.exposure_margin_lines <= FULL.frame_length_lines(fit.vblank));
        }
    }
}
