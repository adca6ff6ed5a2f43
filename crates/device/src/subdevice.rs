//! Sub-devices: sensors, lenses, muxes.

use crate::control::Controls;
use crate::frames::FrameInterval;
use pinhole_base::geometry::{ModePixels, NativePixels, Rect, Size};
use pinhole_base::{Error, ErrorKind, Result};

/// What a pad sends or takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_mbus_framefmt")]
pub struct MediaBusFormat {
    /// How samples travel (see [`pinhole_base::format::RawFormat::media_bus_code`]).
    pub code: u32,
    /// Pixels of a frame.
    pub size: Size<ModePixels>,
}

/// Which rectangle of a sensor is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "V4L2_SEL_TGT")]
pub enum SelectionTarget {
    /// The whole array, with pixels that cannot be read.
    NativeSize,
    /// All that can be read.
    CropBounds,
    /// What should be read for a picture.
    CropDefault,
    /// What the present mode reads.
    Crop,
}

/// A way through a sub-device, from a stream of one pad to a stream of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "v4l2_subdev_route")]
pub struct Route {
    /// Where frames come in.
    pub sink_pad: u32,
    /// Which of the streams there.
    pub sink_stream: u32,
    /// Where they leave.
    pub source_pad: u32,
    /// As which of the streams there.
    pub source_stream: u32,
    /// Whether frames go this way.
    pub active: bool,
}

/// A sub-device.
#[doc(alias = "v4l-subdev")]
pub trait SubDevice: Controls + Send {
    /// The name of its entity.
    fn name(&self) -> &str;

    /// The codes that a pad can send or take.
    ///
    /// # Errors
    /// There is no such pad, or the device is gone.
    fn media_bus_codes(&mut self, pad: u32) -> Result<Vec<u32>>;

    /// The sizes in which a pad can send or take frames of a code; for ranges, the smallest
    /// and the greatest.
    ///
    /// # Errors
    /// There is no such pad or code, or the device is gone.
    fn frame_sizes(&mut self, pad: u32, code: u32) -> Result<Vec<Size<ModePixels>>>;

    /// The present format of a pad.
    ///
    /// # Errors
    /// There is no such pad, or the device is gone.
    fn format(&mut self, pad: u32) -> Result<MediaBusFormat>;

    /// Sets the format of a pad; the device adjusts it to what it can do and answers that.
    ///
    /// # Errors
    /// There is no such pad, frames are flowing, or the device is gone.
    fn set_format(&mut self, pad: u32, format: MediaBusFormat) -> Result<MediaBusFormat>;

    /// A rectangle of pad 0.
    ///
    /// # Errors
    /// The device has no such rectangle, or is gone.
    fn selection(&mut self, target: SelectionTarget) -> Result<Rect<NativePixels>>;

    /// Sets a rectangle of pad 0, adjusted to what the device can do; answers that.
    ///
    /// # Errors
    /// The device has no such rectangle, frames are flowing, or it is gone.
    fn set_selection(&mut self, _: SelectionTarget, _: Rect<NativePixels>) -> Result<Rect<NativePixels>> {
        Err(Error::new(ErrorKind::Unsupported, "setting a selection"))
    }

    /// The intervals between frames that a pad offers in a format; none if it does not say.
    ///
    /// # Errors
    /// There is no such pad, or the device is gone.
    fn frame_intervals(&mut self, _pad: u32, _format: MediaBusFormat) -> Result<Vec<FrameInterval>> {
        Ok(Vec::new())
    }

    /// Sets the time from frame to frame, adjusted to what the device can do; answers that.
    ///
    /// # Errors
    /// The device has no say in it, frames are flowing, or it is gone.
    fn set_frame_interval(&mut self, _pad: u32, _interval: FrameInterval) -> Result<FrameInterval> {
        Err(Error::new(ErrorKind::Unsupported, "setting the frame interval"))
    }

    /// The ways through it; none where neither kernel nor device has any to choose from.
    ///
    /// # Errors
    /// The device is gone.
    #[doc(alias = "VIDIOC_SUBDEV_G_ROUTING")]
    fn routes(&mut self) -> Result<Vec<Route>> {
        Ok(Vec::new())
    }

    /// Sets the ways through it, adjusted to what the device can do; answers those.
    ///
    /// # Errors
    /// There is no choice, frames are flowing, or the device is gone.
    #[doc(alias = "VIDIOC_SUBDEV_S_ROUTING")]
    fn set_routes(&mut self, _routes: &[Route]) -> Result<Vec<Route>> {
        Err(Error::new(ErrorKind::Unsupported, "setting the routes"))
    }
}
