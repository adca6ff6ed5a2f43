//! What the control loop is told of the sensor's mode and of each frame, and what it asks of
//! the sensor.

use pinhole_base::control::SettingsSource;
use pinhole_base::geometry::{ModePixels, NativePixels, Rect, Size};
use std::time::Duration;

/// The least and the greatest of a quantity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits<T> {
    /// The least.
    pub min: T,
    /// The greatest.
    pub max: T,
}

/// The sensor's mode and what it can do in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Configuration {
    /// Size of the sensor's frames.
    pub mode_size: Size<ModePixels>,
    /// The part of the array that they show.
    pub crop: Rect<NativePixels>,
    /// The part of the array that sees light.
    pub active_area: Rect<NativePixels>,
    /// Pixels that make one, across and down.
    pub binning: (u32, u32),
    /// Bits of a sample.
    pub bits: u8,
    /// Time from line to line.
    pub line_duration: Duration,
    /// Shortest exposure, and the longest at the longest frame duration.
    pub exposure: Limits<Duration>,
    /// By how much a frame must last longer than its exposure.
    pub exposure_margin: Duration,
    /// Shortest and longest time from frame to frame.
    pub frame_duration: Limits<Duration>,
    /// Least and greatest analogue gain, as a factor.
    pub analogue_gain: Limits<f64>,
    /// Sensitivity relative to the sensor's most sensitive mode.
    pub sensitivity: f64,
    /// Code of black, scaled to 16 bits.
    pub black_level_16bit: u16,
    /// Where the lens can focus; `None` if it has no motor.
    pub lens: Option<LensRange>,
}

/// Where a lens can focus, in dioptres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LensRange {
    /// The farthest and the nearest.
    pub limits: Limits<f64>,
    /// Where it starts.
    pub start: f64,
    /// From a request until the lens stands still.
    pub settling: Duration,
}

/// What one frame was taken with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SensorSettings {
    /// Exposure time.
    pub exposure: Duration,
    /// Analogue gain, as a factor.
    pub analogue_gain: f64,
    /// Time to the next frame.
    pub frame_duration: Duration,
    /// Temperature of the sensor, where known.
    pub temperature_c: Option<f32>,
    /// Where this is known from.
    pub source: SettingsSource,
}

/// What a later frame should be taken with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SensorRequest {
    /// Exposure time.
    pub exposure: Duration,
    /// Analogue gain, as a factor.
    pub analogue_gain: f64,
    /// Time from frame to frame.
    pub frame_duration: Duration,
}

/// What the algorithms wish done with the first frames after a start, beside what the sensor
/// itself needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StartupFrames {
    /// Frames not to deliver at all.
    pub hide: u32,
    /// Frames to mark as not settled, counted from the first.
    pub mark: u32,
}

/// A time from seconds; nonsense counts as zero.
pub(crate) fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}

/// The limits in seconds, in order whatever was given.
pub(crate) fn seconds(limits: Limits<Duration>) -> Limits<f64> {
    let (min, max) = (limits.min.as_secs_f64(), limits.max.as_secs_f64());
    Limits { min, max: max.max(min) }
}

impl Limits<f64> {
    /// The nearest value within the limits.
    pub(crate) fn clamp(self, value: f64) -> f64 {
        value.min(self.max).max(self.min)
    }
}
