//! What a configuration means for the machine.

use super::lens::LensPlan;
use pinhole_base::geometry::{ModePixels, NativePixels, Rect, Size, Transform};
use pinhole_sensor::delayed::{Delays, ExposureBound, SensorControls};
use pinhole_sensor::timing::ModeTiming;
use std::time::Duration;

/// The receiver's images.
pub const IMAGE: u8 = 0;
/// The receiver's embedded data.
pub const EMBEDDED: u8 = 1;
/// The ISP's input: import-only, never external.
pub const INPUT: u8 = 2;
/// The ISP's first output.
pub const OUTPUT0: u8 = 3;
/// The ISP's second output.
pub const OUTPUT1: u8 = 4;
/// The ISP's statistics.
pub const STATISTICS: u8 = 5;
/// How many streams there are.
pub const STREAMS: usize = 6;

/// The CPU makes no picture in more time than that.
const CPU_MAX: Duration = Duration::from_secs(20);

/// How long things may take. Follows from the time between frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Devices and algorithms: `max(1 s, 5 × frame time)`.
    pub device: Duration,
    /// The ISP with a frame: likewise, or what the CPU may take.
    pub isp: Duration,
    /// An image waits that long for its embedded data.
    pub pairing: Duration,
    /// No frame is over sooner after it began, whatever the blanking.
    pub frame_min: Duration,
}

/// What is settled by configuring.
#[derive(Clone, Debug)]
pub struct Plan {
    /// For each stream, its place in the configuration, if applications have it.
    pub place: [Option<usize>; STREAMS],
    /// Bytes of a buffer of each stream.
    pub buffer_bytes: [u32; STREAMS],
    /// Internal buffers of each stream.
    pub internal: [u32; STREAMS],
    /// The receiver gives embedded data.
    pub has_embedded: bool,
    /// The second output is in use.
    pub has_output1: bool,
    /// Line and frame lengths of the sensor mode.
    pub timing: ModeTiming,
    /// The sensor's delays.
    pub delays: Delays,
    /// The sensor's settings at start.
    pub initial: SensorControls,
    /// Frames to hide at start.
    pub hide: u32,
    /// Frames to mark as starting, after those.
    pub mark: u32,
    /// The CPU does the ISP's work.
    pub isp_on_cpu: bool,
    /// Pixels that the mode sends.
    pub mode_size: Size<ModePixels>,
    /// The part of the array that the mode shows.
    pub mode_crop: Rect<NativePixels>,
    /// How the sensor mirrors.
    pub transform: Transform,
    /// The part of the array that processed pictures show unless a request says otherwise.
    pub default_crop: Rect<NativePixels>,
    /// Shape that every crop is held to: that of the first output.
    pub crop_shape: Size,
    /// The lens, if it has a motor.
    pub lens: Option<LensPlan>,
}

impl Plan {
    /// Whether applications have the receiver's images.
    pub fn raw_is_external(&self) -> bool {
        self.place[usize::from(IMAGE)].is_some()
    }

    /// Whether the CPU makes pictures for applications.
    pub fn converts(&self) -> bool {
        self.isp_on_cpu && self.place[usize::from(OUTPUT0)].is_some()
    }

    /// How blanking bounds exposure.
    pub fn bound(&self) -> ExposureBound {
        ExposureBound { height: self.timing.height, margin_lines: self.timing.exposure_margin_lines }
    }

    /// How long things may take with that blanking.
    pub fn limits(&self, vblank_lines: u32) -> Limits {
        let frame = self.timing.frame_duration(vblank_lines);
        let device = (frame * 5).max(Duration::from_secs(1));
        let frame_min = self.timing.frame_duration(self.timing.vblank_min);
        let isp = if self.isp_on_cpu { CPU_MAX } else { device };
        Limits { device, isp, pairing: frame * 2, frame_min }
    }

    /// Bytes of all internal buffers.
    pub fn internal_bytes(&self) -> u64 {
        std::iter::zip(self.internal, self.buffer_bytes)
            .map(|(count, bytes)| u64::from(count) * u64::from(bytes))
            .sum()
    }

    /// The streams that are in use, in the order in which they are started: the sensor's
    /// frames begin with the last.
    pub fn streams(&self) -> impl DoubleEndedIterator<Item = u8> + '_ {
        [INPUT, OUTPUT0, OUTPUT1, STATISTICS, EMBEDDED, IMAGE].into_iter().filter(|stream| match *stream {
            OUTPUT1 => self.has_output1,
            EMBEDDED => self.has_embedded,
            _ => true,
        })
    }

    /// A crop that a request asks for, held to the mode's field of view, to the shape of the
    /// first output and to the ISP's least size: on the array, and in the mode's pixels.
    pub fn crop(&self, wanted: Rect<NativePixels>) -> (Rect<NativePixels>, Rect<ModePixels>) {
        let bounds = Rect::from_size(self.mode_size);
        let inside = wanted.clamped_to(self.mode_crop);
        let native = inside.centred(inside.size().fit(self.crop_shape));
        let mode = native.mapped(self.mode_crop, bounds);
        let least = Size::new(
            mode.width.max(CROP_MIN).min(bounds.width),
            mode.height.max(CROP_MIN).min(bounds.height),
        );
        let mode = mode.centred(least.aligned_down(2, 2)).clamped_to(bounds);
        let mode = Rect::new(mode.x & !1, mode.y & !1, mode.width, mode.height);
        (mode.mapped(bounds, self.mode_crop), self.mirrored(mode, bounds))
    }

    fn mirrored(&self, rect: Rect<ModePixels>, bounds: Rect<ModePixels>) -> Rect<ModePixels> {
        let x = if self.transform.hflip { bounds.right() - rect.right() } else { i64::from(rect.x) };
        let y = if self.transform.vflip { bounds.bottom() - rect.bottom() } else { i64::from(rect.y) };
        Rect::new(x as i32, y as i32, rect.width, rect.height)
    }
}

/// Least width and height that the ISP crops to.
pub const CROP_MIN: u32 = 64;
