//! What pipelines do alike to the streams of a configuration, and to the nodes behind them.

use pinhole_base::colour::ColourSpace;
use pinhole_base::format::PixelFormat;
use pinhole_base::geometry::Size;
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_camera::config::{Adjustment, Role, StreamConfiguration};
use pinhole_camera::exchange::REQUESTS_MAX;
use pinhole_device::{ImageFormat, NodeFormat, VideoNode};

/// A stream as it is proposed; validation completes it.
pub(crate) fn stream(role: Role, format: PixelFormat, size: Size, buffer_count: u32) -> StreamConfiguration {
    StreamConfiguration {
        role,
        format,
        size,
        stride_bytes: 0,
        frame_bytes: 0,
        colour: ColourSpace::RAW,
        buffer_count,
        converted_from: None,
    }
}

/// A configuration that cannot be adjusted.
pub(crate) fn invalid(reason: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, "configuring the camera").because(reason)
}

/// Adjusts a stream, and notes what it changes.
pub(crate) struct Adjuster<'a> {
    pub(crate) stream: &'a mut StreamConfiguration,
    pub(crate) index: usize,
    pub(crate) adjustments: &'a mut Vec<Adjustment>,
}

impl Adjuster<'_> {
    pub(crate) fn note(&mut self, text: String) {
        self.adjustments.push(Adjustment { stream: Some(self.index), text });
    }

    /// At least as many buffers as the device takes to fill any.
    pub(crate) fn buffer_count(&mut self, least: u32) {
        let most = REQUESTS_MAX as u32;
        let count = self.stream.buffer_count.clamp(least.clamp(1, most), most);
        if count != self.stream.buffer_count {
            self.note(format!("{} buffers adjusted to {count}", self.stream.buffer_count));
            self.stream.buffer_count = count;
        }
    }

    pub(crate) fn format(&mut self, format: PixelFormat, reason: &str) {
        if self.stream.format != format {
            self.note(format!("format {} {reason}; adjusted to {format}", self.stream.format));
            self.stream.format = format;
        }
    }

    pub(crate) fn size(&mut self, size: Size, reason: &str) {
        if self.stream.size != size {
            self.note(format!("size {} {reason}; adjusted to {size}", self.stream.size));
            self.stream.size = size;
        }
    }

    pub(crate) fn colour(&mut self, colour: ColourSpace) {
        // Proposals leave it to validation; an application that sets it is told.
        if self.stream.colour != colour && self.stream.colour != ColourSpace::RAW {
            self.note("colour space adjusted to the one that this format and role have".to_owned());
        }
        self.stream.colour = colour;
    }
}

/// The colours that pictures of a role have, unless somebody wants others.
pub(crate) fn colour_of(stream: &StreamConfiguration) -> ColourSpace {
    let rgb = matches!(
        stream.format,
        PixelFormat::Rgb24
            | PixelFormat::Bgr24
            | PixelFormat::Bgrx32
            | PixelFormat::Rgbx32
            | PixelFormat::Rgb48
    );
    match stream.role {
        _ if rgb => ColourSpace::SRGB,
        Role::Video if stream.size.height >= 720 => ColourSpace::REC709,
        Role::Video => ColourSpace::SMPTE170M,
        _ => ColourSpace::SYCC,
    }
}

/// What a stream's device is set to.
pub(crate) fn image_format(stream: &StreamConfiguration) -> ImageFormat {
    ImageFormat {
        format: stream.format,
        size: stream.size,
        stride_bytes: stream.stride_bytes,
        size_bytes: stream.frame_bytes,
        colour: stream.colour,
    }
}

/// Sets a node's format.
///
/// # Errors
/// The device refuses, or makes another format of it.
pub(crate) fn set_image(node: &mut dyn VideoNode, wanted: ImageFormat) -> Result<()> {
    let set = node.set_format(NodeFormat::Image(wanted))?;
    match set.image() {
        Some(image)
            if (image.format, image.size, image.stride_bytes)
                == (wanted.format, wanted.size, wanted.stride_bytes) =>
        {
            Ok(())
        }
        _ => Err(Error::new(ErrorKind::Device, "setting a format")
            .at(node.capabilities().name.clone())
            .because(format!("the device made {set:?} of {wanted:?}"))),
    }
}
