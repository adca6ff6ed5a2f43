//! From a role to a stream, and from the stream to what the node has. Knows no devices: what
//! the node makes of a format is asked through a function.

use super::offers::{FormatOffer, Offers, is_mosaic};
use crate::streams::{Adjuster, colour_of, image_format, invalid, stream};
use pinhole_base::colour::ColourSpace;
use pinhole_base::format::PixelFormat;
use pinhole_base::geometry::{Size, Transform};
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_camera::config::{Adjustment, Configuration, PictureMode, Role, StreamConfiguration};
use pinhole_device::{FrameInterval, FrameIntervals, ImageFormat};
use std::time::Duration;

/// Finished pictures, the most useful first: subsampled chroma takes the least memory and time,
/// and compressed pictures have to be decoded by somebody.
const PREFERENCE: [PixelFormat; 14] = [
    PixelFormat::Nv12,
    PixelFormat::Yuv420,
    PixelFormat::Nv21,
    PixelFormat::Yvu420,
    PixelFormat::Yuyv,
    PixelFormat::Uyvy,
    PixelFormat::Yvyu,
    PixelFormat::Vyuy,
    PixelFormat::Nv16,
    PixelFormat::Bgrx32,
    PixelFormat::Rgbx32,
    PixelFormat::Bgr24,
    PixelFormat::Rgb24,
    PixelFormat::Mjpeg,
];

/// Video is not watched below this.
const FPS_MIN: f64 = 24.9;

/// Frames are not asked to come faster than these, 30 a second, unless somebody says so.
const USUAL_MIN: Duration = Duration::from_millis(33);

/// What an application asks a webcam for, without saying how large.
const VIDEO: Size = Size::new(1920, 1080);
const VIEWFINDER: Size = Size::new(800, 600);

/// A configuration for these roles, before validation.
///
/// # Errors
/// No role, more than one, or the node has no pictures for it.
pub fn propose(offers: &Offers, roles: &[Role]) -> Result<Configuration> {
    let role = only(roles)?;
    let picture = best(offers, role, None)?;
    let buffers = if role == Role::Still { 3 } else { 4 };
    let stream = stream(role, picture.format, picture.size, buffers.max(offers.buffers_min + 1));
    Ok(Configuration {
        streams: vec![stream],
        transform: Transform::IDENTITY,
        sensor_mode: None,
        internal_bytes: 0,
    })
}

fn only<T: Copy>(asked: &[T]) -> Result<T> {
    match asked {
        [] => Err(invalid("no stream was asked for")
            .hint("ask for one: still, video, viewfinder; raw where the camera sends a mosaic")),
        [one] => Ok(*one),
        several => Err(Error::new(ErrorKind::LimitReached, "configuring the camera")
            .because(format!("{} streams were asked for", several.len()))
            .hint("this camera has one stream")),
    }
}

/// The best picture for a role, in one format or any.
fn best(offers: &Offers, role: Role, format: Option<PixelFormat>) -> Result<PictureMode> {
    let fits = |picture: &&PictureMode| {
        is_mosaic(picture.format) == (role == Role::Raw)
            && format.is_none_or(|format| format == picture.format)
    };
    let found = offers.pictures().filter(fits).max_by(|a, b| {
        let [a, b] = [a, b].map(|picture| score(picture, role));
        a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal)
    });
    found.copied().ok_or_else(|| nothing_for(offers, role))
}

/// Video and previews come in time first, and as large as wanted second; photographs are large.
/// Sizes beyond the target are worse the further they lie beyond it.
fn score(picture: &PictureMode, role: Role) -> (bool, bool, f64, usize, f64) {
    let fps = picture.fps_max.unwrap_or(FPS_MIN);
    let preference = PREFERENCE.iter().rev().position(|format| *format == picture.format);
    let preference = preference.map_or(0, |at| at + 1);
    let area = picture.size.area() as f64;
    let target = match role {
        Role::Raw | Role::Still => return (true, true, area, preference, fps),
        Role::Video => VIDEO,
        Role::Viewfinder => VIEWFINDER,
    };
    let within = target.contains(picture.size);
    (within, fps >= FPS_MIN, if within { area } else { -area }, preference, fps)
}

fn nothing_for(offers: &Offers, role: Role) -> Error {
    let error = Error::new(ErrorKind::Unsupported, "configuring the camera");
    if offers.formats.is_empty() {
        return error.because("the camera has no format that we know");
    }
    match role {
        Role::Raw => {
            error.because("the camera sends finished pictures, no mosaic").hint("ask for another role")
        }
        _ => error.because("the camera sends nothing but a mosaic").hint("ask for role `raw`"),
    }
}

/// Adjusts a configuration to what the node makes of it; says what was changed.
///
/// # Errors
/// No stream, more than one, the node has no pictures for its role, or cannot be asked.
pub fn validate(
    offers: &Offers,
    configuration: &mut Configuration,
    try_format: &mut dyn FnMut(ImageFormat) -> Result<ImageFormat>,
) -> Result<Vec<Adjustment>> {
    only(&configuration.streams.iter().map(|stream| stream.role).collect::<Vec<_>>())?;
    let mut adjustments = Vec::new();
    adjust_sensor(configuration, &mut adjustments);
    let stream = &mut configuration.streams[0];
    let mut adjuster = Adjuster { stream, index: 0, adjustments: &mut adjustments };
    adjuster.buffer_count(offers.buffers_min);
    adjust_picture(offers, &mut adjuster)?;
    adjust_layout(&mut adjuster, try_format)?;
    configuration.internal_bytes = 0;
    Ok(adjustments)
}

/// Nothing is known of the sensor, and nothing can be asked of it.
fn adjust_sensor(configuration: &mut Configuration, adjustments: &mut Vec<Adjustment>) {
    let mut note = |text: &str| adjustments.push(Adjustment { stream: None, text: text.to_owned() });
    if configuration.transform != Transform::IDENTITY {
        note("this camera does not mirror; pictures come as they are");
        configuration.transform = Transform::IDENTITY;
    }
    if configuration.sensor_mode.is_some() {
        note("this camera does not tell of sensor modes; any is taken");
        configuration.sensor_mode = None;
    }
}

fn adjust_picture(offers: &Offers, adjuster: &mut Adjuster<'_>) -> Result<()> {
    let StreamConfiguration { role, format, size, .. } = *adjuster.stream;
    if is_mosaic(format) != (role == Role::Raw) || offers.of_format(format).is_none() {
        let other = best_near(offers, role, size)?;
        adjuster.format(other, "is none that this camera has for this role");
    }
    let offer = offers.of_format(adjuster.stream.format);
    if let Some(nearest) = offer.and_then(|offer| offer.nearest(size)) {
        adjuster.size(nearest, "is none that this camera has in this format");
    }
    Ok(())
}

/// The best format for a role that has a size, or else the one that is best altogether.
fn best_near(offers: &Offers, role: Role, size: Size) -> Result<PixelFormat> {
    let has_size = |offer: &&FormatOffer| offer.nearest(size) == Some(size);
    let having: Vec<_> = offers.formats.iter().filter(has_size).cloned().collect();
    let near = Offers { formats: having, buffers_min: offers.buffers_min };
    best(&near, role, None).or_else(|_| best(offers, role, None)).map(|picture| picture.format)
}

/// Strides, sizes in bytes and colours are as the driver says; it may also have other formats
/// and sizes than it lists.
fn adjust_layout(
    adjuster: &mut Adjuster<'_>,
    try_format: &mut dyn FnMut(ImageFormat) -> Result<ImageFormat>,
) -> Result<()> {
    let wanted = image_format(adjuster.stream);
    let colour = if wanted.colour == ColourSpace::RAW { colour_of(adjuster.stream) } else { wanted.colour };
    let made = try_format(ImageFormat { stride_bytes: 0, size_bytes: 0, colour, ..wanted })?;
    if made.size_bytes == 0 || is_mosaic(made.format) != is_mosaic(wanted.format) {
        return Err(Error::new(ErrorKind::Device, "trying a format")
            .because(format!("the device made {made:?} of {wanted:?}")));
    }
    adjuster.format(made.format, "was refused by the device");
    adjuster.size(made.size, "was refused by the device");
    adjuster.colour(made.colour);
    if wanted.stride_bytes != 0 && wanted.stride_bytes != made.stride_bytes {
        adjuster.note(format!("stride of {} bytes adjusted to {}", wanted.stride_bytes, made.stride_bytes));
    }
    adjuster.stream.stride_bytes = made.stride_bytes;
    adjuster.stream.frame_bytes = made.size_bytes;
    Ok(())
}

/// The interval to be asked for: the shortest within limits (in µs; `None` or zeros: the usual
/// ones), else the one that is nearest to them. `None` if the node offers none.
pub fn choose_interval(offered: &[FrameIntervals], limits_us: Option<[f32; 2]>) -> Option<FrameInterval> {
    let (least, most) = match limits_us {
        Some([least, most]) if most > 0.0 => (micros(least), micros(most)),
        _ => (USUAL_MIN, Duration::MAX),
    };
    let intervals = offered.iter().flat_map(|offered| candidates(offered, least, most));
    let with_time = intervals.filter_map(|interval| Some((interval.duration()?, interval)));
    let off = |time: Duration| (time.saturating_sub(most)).max(least.saturating_sub(time));
    with_time.min_by_key(|(time, _)| (off(*time), *time)).map(|(_, interval)| interval)
}

/// Rounded down by less than the least difference that matters.
fn micros(time: f32) -> Duration {
    Duration::try_from_secs_f64(f64::from(time.max(0.0)) * 1e-6).unwrap_or(Duration::MAX)
}

/// Of a range, its ends and what is within the limits.
fn candidates(offered: &FrameIntervals, least: Duration, most: Duration) -> Vec<FrameInterval> {
    match *offered {
        FrameIntervals::Discrete(interval) => vec![interval],
        FrameIntervals::Range { shortest, longest, .. } => {
            let exactly = |time: Duration| FrameInterval {
                numerator: u32::try_from(time.as_micros()).unwrap_or(u32::MAX),
                denominator: 1_000_000,
            };
            let inside = |interval: &FrameInterval| {
                let time = interval.duration();
                time > shortest.duration() && time < longest.duration()
            };
            let limits = [exactly(least), exactly(most)].into_iter().filter(inside);
            [shortest, longest].into_iter().chain(limits).collect()
        }
    }
}
