//! From roles to streams, and from streams to what the devices are set to.

use super::discovery::ModeDetail;
use crate::streams::{Adjuster, colour_of, invalid, stream};
use pinhole_base::colour::ColourSpace;
use pinhole_base::format::{PixelFormat, RawFormat};
use pinhole_base::geometry::{ImagePixels, ModePixels, Size, Transform};
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_camera::config::{Adjustment, Configuration, Role, StreamConfiguration};
use pinhole_device::uapi::bcm2835_isp::OUTPUT_FORMATS;
use pinhole_sensor::modes::{ModeInfo, WantedMode, choose};

/// Rows of RAW frames start at multiples of this.
pub const RAW_ALIGNMENT: u32 = 32;
/// Rows of processed frames start at multiples of this.
pub const OUTPUT_ALIGNMENT: u32 = 64;
/// Smallest processed picture.
pub const OUTPUT_MIN: Size = Size::new(64, 64);
/// Size of the first output when no application wants it: the ISP works for its statistics.
pub const UNUSED_OUTPUT: Size = Size::new(160, 120);

/// A configuration for these roles, before validation.
///
/// # Errors
/// No roles, or more than the hardware has streams for.
pub fn propose(modes: &[ModeDetail], upright: Transform, roles: &[Role]) -> Result<Configuration> {
    check_roles(roles)?;
    let full = modes.iter().max_by_key(|detail| (detail.mode.size.area(), detail.mode.format.bits));
    let full = full.ok_or_else(|| invalid("the sensor has no modes"))?;
    let largest: Size<ImagePixels> = full.mode.size.cast();
    let raw = full.written(None, upright);
    let streams = roles.iter().map(|role| match role {
        Role::Raw => stream(*role, PixelFormat::Raw(raw), largest, 4),
        Role::Still => stream(*role, PixelFormat::Yuv420, largest, 3),
        Role::Video => stream(*role, PixelFormat::Yuv420, within(Size::new(1920, 1080), largest), 4),
        Role::Viewfinder => stream(*role, PixelFormat::Bgrx32, within(Size::new(800, 600), largest), 4),
    });
    Ok(Configuration { streams: streams.collect(), transform: upright, sensor_mode: None, internal_bytes: 0 })
}

fn check_roles(roles: &[Role]) -> Result<()> {
    let raw = roles.iter().filter(|role| **role == Role::Raw).count();
    if roles.is_empty() {
        return Err(
            invalid("no stream was asked for").hint("ask for one at least: raw, still, video, viewfinder")
        );
    }
    if raw > 1 || roles.len() - raw > 2 {
        return Err(too_many(raw, roles.len() - raw));
    }
    Ok(())
}

fn too_many(raw: usize, processed: usize) -> Error {
    Error::new(ErrorKind::LimitReached, "configuring the camera")
        .because(format!("{raw} RAW and {processed} processed streams were asked for"))
        .hint("this camera has one RAW stream and two processed ones")
}

fn within(size: Size, largest: Size) -> Size {
    if largest.contains(size) { size } else { largest.fit(size).aligned_down(2, 2) }
}

/// Adjusts a configuration; says what was changed, and which mode it takes.
///
/// # Errors
/// No streams, too many, or the sensor has no modes.
pub fn validate(modes: &[ModeDetail], configuration: &mut Configuration) -> Result<(Vec<Adjustment>, usize)> {
    let raw = configuration.streams.iter().filter(|stream| is_raw(stream)).count();
    let processed = configuration.streams.len() - raw;
    if raw + processed == 0 {
        return Err(invalid("no stream was asked for"));
    }
    if raw > 1 || processed > 2 {
        return Err(too_many(raw, processed));
    }
    let mut adjustments = Vec::new();
    let at = choose_mode(modes, configuration).ok_or_else(|| invalid("the sensor has no modes"))?;
    let mode = &modes[at].mode;
    adjust_mode(mode.size, mode.format.bits, configuration, &mut adjustments);
    let transform = configuration.transform;
    for (index, stream) in configuration.streams.iter_mut().enumerate() {
        let mut adjuster = Adjuster { stream, index, adjustments: &mut adjustments };
        adjuster.buffer_count(1);
        if is_raw(adjuster.stream) {
            let wanted = adjuster.stream.format.raw().map(|raw| raw.packing);
            adjuster.raw(modes[at].written(wanted, transform), mode.size);
        } else {
            adjuster.processed(mode.size.cast());
        }
        adjuster.layout();
    }
    Ok((adjustments, at))
}

fn is_raw(stream: &StreamConfiguration) -> bool {
    stream.role == Role::Raw
}

fn choose_mode(modes: &[ModeDetail], configuration: &Configuration) -> Option<usize> {
    let infos: Vec<ModeInfo> = modes
        .iter()
        .map(|detail| ModeInfo {
            size: detail.mode.size,
            bits: detail.mode.format.bits,
            crop: detail.mode.crop,
            fps_max: detail.mode.fps_max,
        })
        .collect();
    let raw = configuration.streams.iter().find(|stream| is_raw(stream));
    let processed = configuration.streams.iter().filter(|stream| !is_raw(stream)).map(|stream| stream.size);
    let covering = |a: Size, b: Size| Size::new(a.width.max(b.width), a.height.max(b.height));
    let wanted = WantedMode {
        raw_size: configuration.sensor_mode.map(|(size, _)| size).or(raw.map(|stream| stream.size.cast())),
        raw_bits: configuration
            .sensor_mode
            .map(|(_, bits)| bits)
            .or(raw.and_then(|stream| stream.format.raw()).map(|format| format.bits)),
        processed: processed.reduce(covering),
        fps: None,
    };
    choose(&infos, &wanted)
}

fn adjust_mode(
    size: Size<ModePixels>,
    bits: u8,
    configuration: &mut Configuration,
    adjustments: &mut Vec<Adjustment>,
) {
    if let Some(wanted) = configuration.sensor_mode
        && wanted != (size, bits)
    {
        let text = format!(
            "the sensor has no mode {} of {} bits; the nearest is {size} of {bits}",
            wanted.0, wanted.1
        );
        adjustments.push(Adjustment { stream: None, text });
        configuration.sensor_mode = Some((size, bits));
    }
}

impl Adjuster<'_> {
    fn raw(&mut self, written: RawFormat, size: Size<ModePixels>) {
        self.format(PixelFormat::Raw(written), "is not what sensor and receiver make");
        self.size(size.cast(), "is no mode of the sensor");
        self.colour(ColourSpace::RAW);
    }

    fn processed(&mut self, mode: Size<ImagePixels>) {
        if !OUTPUT_FORMATS.contains(&self.stream.format) {
            self.format(PixelFormat::Yuv420, "cannot be made by the ISP");
        }
        let wanted = self.stream.size;
        let even = Size::new(
            wanted.width.clamp(OUTPUT_MIN.width, mode.width),
            wanted.height.clamp(OUTPUT_MIN.height, mode.height),
        );
        self.size(even.aligned_down(2, 2), "cannot be made from the sensor's mode");
        self.colour(colour_of(self.stream));
    }

    fn layout(&mut self) {
        let alignment = if is_raw(self.stream) { RAW_ALIGNMENT } else { OUTPUT_ALIGNMENT };
        let least = self.stream.format.row_bytes(self.stream.size.width).unwrap_or(0);
        let stride = least.next_multiple_of(alignment);
        if self.stream.stride_bytes != 0 && self.stream.stride_bytes != stride {
            self.note(format!("stride of {} bytes adjusted to {stride}", self.stream.stride_bytes));
        }
        self.stream.stride_bytes = stride;
        self.stream.frame_bytes = self.stream.format.planes(stride, self.stream.size.height).bytes() as u32;
    }
}
