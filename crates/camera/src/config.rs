//! Configurations: which streams, in which formats and sizes.

use pinhole_base::colour::ColourSpace;
use pinhole_base::control::{ControlId, ControlList};
use pinhole_base::format::{PixelFormat, RawFormat};
use pinhole_base::geometry::{ImagePixels, ModePixels, NativePixels, Rect, Size, Transform};
use pinhole_base::vignetting::Vignetting;
use std::fmt;

/// Most streams that a camera offers at once.
pub const STREAMS_MAX: usize = 4;

/// What an application wants a stream for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The sensor's samples, untouched.
    Raw,
    /// A photograph: the sensor's full resolution.
    Still,
    /// Video: 1080p where the sensor has it.
    Video,
    /// A preview on a screen.
    Viewfinder,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Raw, Self::Still, Self::Video, Self::Viewfinder];

    /// Its name as people type it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Still => "still",
            Self::Video => "video",
            Self::Viewfinder => "viewfinder",
        }
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One stream of a configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamConfiguration {
    /// What it is for.
    pub role: Role,
    /// The pixel format.
    pub format: PixelFormat,
    /// Pixels.
    pub size: Size<ImagePixels>,
    /// Bytes from one row of the first plane to the next; set by validation.
    pub stride_bytes: u32,
    /// Bytes of a frame; set by validation.
    pub frame_bytes: u32,
    /// What the numbers mean as colours.
    pub colour: ColourSpace,
    /// How many buffers the application means to use; at least 1.
    pub buffer_count: u32,
    /// What the CPU makes it of, in a step of its own; `None` where hardware fills the
    /// application's buffers. Set by validation.
    pub converted_from: Option<PixelFormat>,
}

/// What a camera is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// The streams; requests name them by their place here.
    pub streams: Vec<StreamConfiguration>,
    /// How the sensor is to mirror the picture. What is proposed turns it upright, as the sensor
    /// is mounted.
    pub transform: Transform,
    /// The sensor mode, if it is to be a certain one: its size and bits a sample.
    pub sensor_mode: Option<(Size<ModePixels>, u8)>,
    /// Bytes of the camera's own buffers beside the application's; set by validation.
    pub internal_bytes: u64,
}

/// Something that validation changed, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// Which stream; `None` for what concerns all.
    pub stream: Option<usize>,
    /// What was asked for, what it is now, and why.
    pub text: String,
}

impl fmt::Display for Adjustment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stream {
            Some(stream) => write!(f, "stream {stream}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// Names a stream of a configured camera. Void once the camera is configured anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamId {
    pub(crate) camera: u32,
    pub(crate) configuration: u32,
    pub(crate) index: u8,
}

impl StreamId {
    /// Its place in the configuration.
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

/// A way in which a sensor can be read.
#[derive(Clone, Debug, PartialEq)]
pub struct SensorMode {
    /// Pixels that it sends.
    pub size: Size<ModePixels>,
    /// What it sends, unpacked.
    pub format: RawFormat,
    /// Which part of the array they show.
    pub crop: Rect<NativePixels>,
    /// Most frames a second.
    pub fps_max: f64,
}

/// A picture that a camera makes by itself, without an ISP of ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PictureMode {
    /// Its format.
    pub format: PixelFormat,
    /// Its size.
    pub size: Size<ImagePixels>,
    /// Most frames a second, if the camera says.
    pub fps_max: Option<f64>,
}

/// The limits of a control on a camera.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ControlLimits {
    /// Which control.
    pub id: ControlId,
    /// Least value, for scalar numbers.
    pub minimum: Option<f64>,
    /// Greatest value, for scalar numbers.
    pub maximum: Option<f64>,
    /// What it is if nobody sets it, for scalar numbers.
    pub default: Option<f64>,
}

/// What is known of a camera before it is acquired.
#[derive(Clone, Debug)]
pub struct CameraInfo {
    /// What names it on this machine, the same after a restart.
    pub id: String,
    /// The sensor's model, e.g. `imx219`.
    pub model: String,
    /// The pipeline that drives it, e.g. `vc4`.
    pub pipeline: &'static str,
    /// Paths of its device files.
    pub devices: Vec<String>,
    /// It is simulated: there is no light in it.
    pub simulated: bool,
    /// The sensor's modes.
    pub modes: Vec<SensorMode>,
    /// The controls it takes.
    pub controls: Vec<ControlLimits>,
    /// Its properties.
    pub properties: ControlList,
    /// Formats of its processed streams.
    pub formats: Vec<PixelFormat>,
    /// Pictures that it makes by itself; none where an ISP of ours makes them in any size.
    pub pictures: Vec<PictureMode>,
    /// What its sensor is like, for RAW files; `None` if it is not calibrated.
    pub calibration: Option<Calibration>,
}

/// What a RAW developer needs to know of a sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// From CIE XYZ under standard illuminant A, incandescent lamps', to the sensor's own,
    /// unbalanced colours, row by row.
    pub xyz_to_sensor_a: [[f64; 3]; 3],
    /// The same under D65, daylight.
    pub xyz_to_sensor_d65: [[f64; 3]; 3],
    /// Code of black, at 16 bits.
    pub black_level_16bit: u16,
    /// What undoes the shading of its lens; `None` where nobody knows it.
    pub vignetting: Option<Vignetting>,
}
