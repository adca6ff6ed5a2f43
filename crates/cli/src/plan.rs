//! From options to a configuration that the camera can carry out, and the controls it starts
//! with. Knows nothing of files.

use crate::arguments::PictureOptions;
use crate::console;
use crate::parsing;
use pinhole::config::{CameraInfo, ControlLimits};
use pinhole::control::{self, ControlId, ControlList, ControlValue};
use pinhole::format::{PixelFormat, RawFormat};
use pinhole::geometry::{NativePixels, Rect, Size, Transform};
use pinhole::{Camera, Configuration, Error, ErrorKind, Result, Role, StreamConfiguration};

/// One stream, as it was asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StreamRequest {
    role: Role,
    format: Option<PixelFormat>,
    size: Option<Size>,
    buffers: Option<u32>,
}

impl StreamRequest {
    /// Whatever the camera proposes for a role.
    pub(crate) const fn of(role: Role) -> Self {
        Self { role, format: None, size: None, buffers: None }
    }

    /// Reads `raw,format=SRGGB10,size=1640x1232,buffers=4`; `role=raw` is understood too.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (first, rest) = text.split_once(',').unwrap_or((text, ""));
        let mut request = Self::of(role(first.strip_prefix("role=").unwrap_or(first))?);
        for (key, value) in parsing::parts(rest).filter(|(key, _)| !key.is_empty()) {
            match key {
                "format" => request.format = Some(format(value)?),
                "size" => request.size = Some(parsing::size(key, value)?),
                "buffers" => request.buffers = Some(parsing::value(key, value, "a whole number")?),
                _ => return Err(format!("`{key}` is unknown; there are format, size, buffers")),
            }
        }
        Ok(request)
    }

    /// Changes what the camera proposed where something was asked for.
    fn apply_to(&self, stream: &mut StreamConfiguration) {
        stream.format = self.format.unwrap_or(stream.format);
        stream.size = self.size.unwrap_or(stream.size);
        stream.buffer_count = self.buffers.unwrap_or(stream.buffer_count);
    }
}

fn role(name: &str) -> Result<Role, String> {
    let names = || Role::ALL.map(Role::name).join(", ");
    Role::from_name(name).ok_or_else(|| format!("there is no role `{name}`; there are {}", names()))
}

fn format(name: Option<&str>) -> Result<PixelFormat, String> {
    let name = name.unwrap_or("");
    PixelFormat::from_name(name)
        .ok_or_else(|| format!("there is no format `{name}`; `pinhole list` shows what the camera has"))
}

/// A configuration for these streams. Says on standard error what had to be adjusted.
///
/// # Errors
/// The camera cannot serve these streams, or something would have to be adjusted and may not.
pub(crate) fn configuration(
    camera: &Camera,
    picture: &PictureOptions,
    streams: &[StreamRequest],
) -> Result<Configuration> {
    let roles: Vec<_> = streams.iter().map(|stream| stream.role).collect();
    let mut configuration = camera.propose(&roles)?;
    let flips = Transform { hflip: picture.hflip, vflip: picture.vflip };
    configuration.transform = configuration.transform.then(flips);
    configuration.sensor_mode = picture.mode;
    let base = base_size(picture, streams);
    for (stream, request) in configuration.streams.iter_mut().zip(streams) {
        suit_mode(stream, base, picture, configuration.transform);
        request.apply_to(stream);
        // Validation sets them to what fits.
        (stream.stride_bytes, stream.frame_bytes) = (0, 0);
        stream.colour = pinhole::colour::ColourSpace::RAW;
    }
    let adjustments = camera.validate(&mut configuration)?;
    if let (true, Some(first)) = (picture.strict, adjustments.first()) {
        return Err(Error::new(ErrorKind::InvalidArgument, "configuring the camera")
            .at(camera.info().id.clone())
            .because(first.to_string())
            .hint("without --strict it is adjusted"));
    }
    for adjustment in adjustments {
        console::say(&format!("adjusted: {adjustment}"));
    }
    Ok(configuration)
}

/// The size of the sensor mode that was asked for, in so many words or by the RAW stream's.
fn base_size(picture: &PictureOptions, streams: &[StreamRequest]) -> Option<Size> {
    let raw = streams.iter().find(|stream| stream.role == Role::Raw);
    // A RAW frame, and a still, has as many pixels as the mode.
    picture.mode.map(|(size, _)| size.cast()).or(raw.and_then(|raw| raw.size))
}

/// Makes a proposal suit the mode and the mirroring, so that nothing need be adjusted that
/// nobody asked for.
fn suit_mode(
    stream: &mut StreamConfiguration,
    base: Option<Size>,
    picture: &PictureOptions,
    flips: Transform,
) {
    if let Some(base) = base {
        let largest = matches!(stream.role, Role::Raw | Role::Still) || !base.contains(stream.size);
        stream.size = if largest { base } else { stream.size };
    }
    if let PixelFormat::Raw(raw) = stream.format {
        let bits = picture.mode.map_or(raw.bits, |(_, bits)| bits);
        let bits = if matches!(bits, 8 | 10 | 12 | 14 | 16) { bits } else { raw.bits };
        let order = raw.order.map(|order| flips.apply_to(order));
        stream.format = PixelFormat::Raw(RawFormat { order, bits, ..raw });
    }
}

/// The controls that were asked for, checked against what the camera has.
///
/// # Errors
/// The camera does not have one, or not that value.
pub(crate) fn controls(info: &CameraInfo, picture: &PictureOptions) -> Result<ControlList> {
    let mut controls = ControlList::new();
    let crop = picture.crop.map(|crop| (ControlId::ScalerCrop, ControlValue::Rect(crop)));
    for (id, value) in picture.controls.iter().copied().chain(crop) {
        let limits = info.controls.iter().find(|limits| limits.id == id);
        let limits = limits.ok_or_else(|| refused(info, id, "this camera does not have it".to_owned()))?;
        check(limits, value).map_err(|reason| refused(info, id, reason))?;
        if let (ControlValue::Rect(crop), Some(array)) =
            (value, info.properties.get(control::PIXEL_ARRAY_SIZE))
        {
            check_crop(crop, array).map_err(|reason| refused(info, id, reason))?;
        }
        controls.set_value(id, value);
    }
    Ok(controls)
}

fn refused(info: &CameraInfo, id: ControlId, reason: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("setting {id}"))
        .at(info.id.clone())
        .because(reason)
        .hint("`pinhole list` shows the controls and their limits")
}

/// Whether a value lies within the camera's limits. Zero gives some controls back to the
/// camera, whatever their limits.
fn check(limits: &ControlLimits, value: ControlValue) -> Result<(), String> {
    let number = match value {
        ControlValue::I32(value) => f64::from(value),
        ControlValue::I64(value) => value as f64,
        ControlValue::F32(value) => f64::from(value),
        _ => return Ok(()),
    };
    let given_back = number == 0.0 && matches!(limits.id, ControlId::ExposureTime | ControlId::AnalogueGain);
    match (limits.minimum, limits.maximum) {
        (Some(low), Some(high)) if !given_back && !(low..=high).contains(&number) => {
            let unit = limits.id.info().unit;
            Err(format!("{number} is outside {low} to {high} {unit}").trim_end().to_owned())
        }
        _ => Ok(()),
    }
}

fn check_crop(crop: Rect<NativePixels>, array: Rect<NativePixels>) -> Result<(), String> {
    if crop.size().is_empty() || array.contains(crop) {
        return Ok(());
    }
    Err(format!("{crop} does not lie within the sensor's array, {array}"))
}

/// The names by which streams are told apart: their roles, numbered from the second of a role.
pub(crate) fn stream_names(streams: &[StreamConfiguration]) -> Vec<String> {
    let name = |(index, stream): (usize, &StreamConfiguration)| match streams[..index]
        .iter()
        .filter(|earlier| earlier.role == stream.role)
        .count()
    {
        0 => stream.role.to_string(),
        earlier => format!("{}{}", stream.role, earlier + 1),
    };
    streams.iter().enumerate().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_read_from_text() {
        assert_eq!(StreamRequest::parse("raw"), Ok(StreamRequest::of(Role::Raw)));
        let wanted = StreamRequest {
            role: Role::Video,
            format: Some(PixelFormat::Nv12),
            size: Some(Size::new(1280, 720)),
            buffers: Some(6),
        };
        assert_eq!(StreamRequest::parse("role=video,format=NV12,size=1280x720,buffers=6"), Ok(wanted));
        for (text, word) in [
            ("", "there is no role"),
            ("film", "raw, still, video, viewfinder"),
            ("raw,format=RGB565", "there is no format `RGB565`"),
            ("raw,size=big", "a size like"),
            ("raw,size=0x0", "a size like"),
            ("raw,buffers=-1", "a whole number"),
            ("raw,colour=red", "`colour` is unknown"),
        ] {
            let reason = StreamRequest::parse(text).unwrap_err();
            assert!(reason.contains(word), "{text}: {reason}");
        }
    }

    #[test]
    fn limits_are_the_cameras() {
        let limits = |id| ControlLimits { id, minimum: Some(1.0), maximum: Some(10.66), default: None };
        let gain = limits(ControlId::AnalogueGain);
        assert_eq!(check(&gain, ControlValue::F32(2.0)), Ok(()));
        assert_eq!(check(&gain, ControlValue::F32(0.0)), Ok(()));
        assert_eq!(check(&gain, ControlValue::F32(11.0)), Err("11 is outside 1 to 10.66".to_owned()));
        assert!(check(&limits(ControlId::Contrast), ControlValue::F32(0.0)).is_err());
    }

    #[test]
    fn crops_lie_within_the_array() {
        let array = Rect::new(0, 0, 3296, 2480);
        assert_eq!(check_crop(Rect::new(8, 8, 3280, 2464), array), Ok(()));
        assert!(check_crop(Rect::new(-1, 0, 10, 10), array).is_err());
        assert!(check_crop(Rect::new(3290, 0, 10, 10), array).is_err());
    }
}
