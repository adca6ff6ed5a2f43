//! From a role to a stream, and from the stream to what the node has. Knows no devices: what
//! the node makes of a format is asked through a function.

use super::decode;
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
const PREFERENCE: [PixelFormat; 19] = [
    PixelFormat::Nv12,
    PixelFormat::Yuv420,
    PixelFormat::Nv21,
    PixelFormat::Yvu420,
    PixelFormat::Nv12m,
    PixelFormat::Yuv420m,
    PixelFormat::Nv21m,
    PixelFormat::Yvu420m,
    PixelFormat::Yuyv,
    PixelFormat::Uyvy,
    PixelFormat::Yvyu,
    PixelFormat::Vyuy,
    PixelFormat::Nv16,
    PixelFormat::Nv16m,
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

/// What a mosaic is developed to, unless somebody says what.
const DEVELOPED: PixelFormat = PixelFormat::Yuv420;

/// Buffers of a stream that the application does not see: one that is filled, one that is next,
/// one of which a picture is made, and one in reserve.
pub const INTERNAL: u32 = 4;

/// How the streams of a configuration come about, by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ways {
    /// The node fills it.
    Filled,
    /// The CPU makes it of pictures in this format, which the application does not see.
    Made(PixelFormat),
    /// The node fills one with a mosaic, of which the CPU makes the other.
    Both { filled: usize, made: usize },
}

/// A configuration for these roles, before validation.
///
/// # Errors
/// No role, or more than there can be at once; or the node has no pictures for it.
pub fn propose(offers: &Offers, roles: &[Role]) -> Result<Configuration> {
    check_roles(roles)?;
    let is_developed = roles.len() > 1 || is_only_mosaics(offers);
    let propose = |role: &Role| {
        let picture = match *role {
            Role::Raw => best(offers, Role::Raw, None)?,
            role if is_developed => PictureMode { format: DEVELOPED, ..best(&mosaics(offers), role, None)? },
            role => best(offers, role, None)?,
        };
        let buffers = if *role == Role::Still { 3 } else { 4 };
        Ok(stream(*role, picture.format, picture.size, buffers.max(offers.buffers_min + 1)))
    };
    Ok(Configuration {
        streams: roles.iter().map(propose).collect::<Result<_>>()?,
        transform: Transform::IDENTITY,
        sensor_mode: None,
        internal_bytes: 0,
    })
}

/// One stream, or a mosaic and what is made of it.
fn check_roles(roles: &[Role]) -> Result<()> {
    match roles {
        [] => Err(invalid("no stream was asked for")
            .hint("ask for one: still, video, viewfinder; raw where the camera sends a mosaic")),
        [_] => Ok(()),
        [one, other] if (*one == Role::Raw) != (*other == Role::Raw) => Ok(()),
        several => Err(Error::new(ErrorKind::LimitReached, "configuring the camera")
            .because(format!("{} streams were asked for", several.len()))
            .hint("this camera has one stream, or raw and another one where it sends a mosaic")),
    }
}

fn is_only_mosaics(offers: &Offers) -> bool {
    !offers.formats.is_empty() && offers.formats.iter().all(|offer| is_mosaic(offer.format))
}

/// The mosaics that a node offers, as pictures for any role.
fn mosaics(offers: &Offers) -> Offers {
    let formats = offers.formats.iter().filter(|offer| is_mosaic(offer.format)).cloned().collect();
    Offers { formats, buffers_min: offers.buffers_min }
}

/// The best picture for a role, in one format or any.
fn best(offers: &Offers, role: Role, format: Option<PixelFormat>) -> Result<PictureMode> {
    let only_mosaics = is_only_mosaics(offers);
    let fits = |picture: &&PictureMode| {
        (is_mosaic(picture.format) == (role == Role::Raw) || only_mosaics)
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
        _ => error.because("the camera tells of no size that it has"),
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
    let ways = ways(offers, &configuration.streams)?;
    let mut adjustments = Vec::new();
    adjust_sensor(configuration, &mut adjustments);
    let Configuration { streams, internal_bytes, .. } = configuration;
    let mut adjust_filled = |stream: &mut StreamConfiguration, index| {
        let mut adjuster = Adjuster { stream, index, adjustments: &mut adjustments };
        adjuster.buffer_count(offers.buffers_min);
        adjuster.stream.converted_from = None;
        adjust_picture(offers, &mut adjuster)?;
        adjust_layout(&mut adjuster, try_format)
    };
    *internal_bytes = 0;
    let (made, source) = match ways {
        Ways::Filled => return adjust_filled(&mut streams[0], 0).map(|()| adjustments),
        Ways::Made(format) => {
            let source = source(offers, &streams[0], format, try_format)?;
            (0, source)
        }
        Ways::Both { filled, made } => {
            adjust_filled(&mut streams[filled], filled)?;
            (made, streams[filled].clone())
        }
    };
    *internal_bytes = u64::from(INTERNAL) * u64::from(source.frame_bytes);
    let mut adjuster = Adjuster { stream: &mut streams[made], index: made, adjustments: &mut adjustments };
    adjuster.buffer_count(1);
    adjust_made(&mut adjuster, &source);
    Ok(adjustments)
}

fn ways(offers: &Offers, streams: &[StreamConfiguration]) -> Result<Ways> {
    check_roles(&streams.iter().map(|stream| stream.role).collect::<Vec<_>>())?;
    if let Some(filled) = streams.iter().position(|stream| stream.role == Role::Raw) {
        return Ok(if streams.len() == 1 { Ways::Filled } else { Ways::Both { filled, made: 1 - filled } });
    }
    let StreamConfiguration { role, format, size, .. } = streams[0];
    if is_only_mosaics(offers) {
        let Some(mosaic) = nearest_mosaic(offers, size) else { return Err(nothing_for(offers, Role::Raw)) };
        return Ok(Ways::Made(mosaic.format));
    }
    let is_wanted = offers.of_format(format).is_none() && decode::FORMATS.contains(&format);
    let is_jpeg = is_wanted && best_near(offers, role, size)? == PixelFormat::Mjpeg;
    Ok(if is_jpeg { Ways::Made(PixelFormat::Mjpeg) } else { Ways::Filled })
}

/// The smallest mosaic that is as large as a picture, or the largest; of several formats the one
/// with the most bits, but for those that take more memory than sensors have bits to fill it.
fn nearest_mosaic(offers: &Offers, size: Size) -> Option<PictureMode> {
    let bits = |picture: &PictureMode| picture.format.raw().map_or(0, |raw| raw.bits);
    let worth = |picture: &PictureMode| if bits(picture) > 12 { 0 } else { bits(picture) };
    let mosaics = offers.pictures().filter(|picture| is_mosaic(picture.format));
    let order = |picture: &&PictureMode| {
        let contains = picture.size.contains(size);
        let area = picture.size.area();
        (!contains, if contains { area } else { u64::MAX - area }, std::cmp::Reverse(worth(picture)))
    };
    mosaics.min_by_key(order).copied()
}

/// The stream that a node fills with pictures in a format, for the CPU to make one of them.
///
/// # Errors
/// The node cannot be asked, or makes something else of it.
pub fn source(
    offers: &Offers,
    made: &StreamConfiguration,
    format: PixelFormat,
    try_format: &mut dyn FnMut(ImageFormat) -> Result<ImageFormat>,
) -> Result<StreamConfiguration> {
    let near = if is_mosaic(format) {
        nearest_mosaic(offers, made.size).map(|picture| picture.size)
    } else {
        offers.of_format(format).and_then(|offer| offer.nearest(made.size))
    };
    let mut source = stream(made.role, format, near.unwrap_or(made.size), INTERNAL);
    let mut unseen = Vec::new();
    let mut adjuster = Adjuster { stream: &mut source, index: 0, adjustments: &mut unseen };
    adjust_layout(&mut adjuster, try_format)?;
    if source.format == format { Ok(source) } else { Err(made_of(source.format, format)) }
}

fn made_of(made: PixelFormat, wanted: PixelFormat) -> Error {
    Error::new(ErrorKind::Device, "trying a format")
        .because(format!("the device made {made} of {wanted}, which it has"))
}

/// What the CPU makes of pictures: those of a JPEG have its size; a mosaic's are scaled.
fn adjust_made(adjuster: &mut Adjuster<'_>, source: &StreamConfiguration) {
    let is_developed = is_mosaic(source.format);
    let StreamConfiguration { format, size, .. } = *adjuster.stream;
    let is_beyond = matches!(format, PixelFormat::Raw(_) | PixelFormat::Mjpeg | PixelFormat::Rgb48);
    if is_developed && is_beyond {
        adjuster.format(DEVELOPED, "is none that a mosaic can be developed to");
    }
    adjuster.format(
        adjuster.stream.format.joined(),
        "has planes in memory of their own, which the CPU does not fill",
    );
    if !is_developed && !source.size.width.is_multiple_of(2) {
        adjuster.format(PixelFormat::Rgb24, "has no pictures of odd width");
    }
    let even = |side: u32, most: u32| (side.min(most) & !1).max(2);
    let nearest = if is_developed {
        Size::new(even(size.width, source.size.width), even(size.height, source.size.height))
    } else {
        source.size
    };
    adjuster.size(nearest, "is none that can be made of what the camera sends");
    let format = adjuster.stream.format;
    let colour = if is_developed { colour_of(adjuster.stream) } else { decode::colour(format) };
    adjuster.colour(colour);
    let stride_bytes = format.row_bytes(nearest.width).unwrap_or(0);
    let wanted = std::mem::replace(&mut adjuster.stream.stride_bytes, stride_bytes);
    if wanted != 0 && wanted != stride_bytes {
        adjuster.note(format!("stride of {wanted} bytes adjusted to {stride_bytes}"));
    }
    adjuster.stream.frame_bytes = format.planes(stride_bytes, nearest.height).bytes() as u32;
    adjuster.stream.converted_from = Some(source.format);
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
