//! What a node offers: formats, their sizes, and how many of them a second. Knows nothing of
//! what applications want them for.

use pinhole_base::Result;
use pinhole_base::format::{BayerOrder, PixelFormat};
use pinhole_base::geometry::Size;
use pinhole_camera::config::PictureMode;
use pinhole_device::{FrameInterval, FrameIntervals, FrameSizes, VideoNode};
use std::time::Duration;

/// Most formats, and sizes of each, that a node is asked about: a device that tells of more is
/// not believed.
const FORMATS_MAX: usize = 256;
const SIZES_MAX: usize = 64;

/// Sizes to be asked about where a node offers a range.
const USUAL: [Size; 5] = [
    Size::new(3840, 2160),
    Size::new(1920, 1080),
    Size::new(1280, 720),
    Size::new(800, 600),
    Size::new(640, 480),
];

/// What a node offers in one format.
#[derive(Clone, Debug, PartialEq)]
pub struct FormatOffer {
    /// The format.
    pub format: PixelFormat,
    /// The sizes that it says it has.
    pub sizes: Vec<FrameSizes>,
    /// Some of those, or the present one if it does not say, and how fast they come.
    pub pictures: Vec<PictureMode>,
}

/// What a node offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offers {
    /// Each format once, in the node's order.
    pub formats: Vec<FormatOffer>,
    /// How many buffers it must have before it fills any.
    pub buffers_min: u32,
}

impl Offers {
    /// Asks a node. Formats that we have no name for are left out.
    ///
    /// # Errors
    /// The node cannot be asked.
    pub fn of(node: &mut dyn VideoNode) -> Result<Self> {
        let mut offers = Self { buffers_min: buffers_min(node)?, ..Self::default() };
        for fourcc in node.formats()?.into_iter().take(FORMATS_MAX) {
            let Some(format) = PixelFormat::from_v4l2(fourcc) else { continue };
            if offers.of_format(format).is_none() {
                offers.formats.push(ask(node, format)?);
            }
        }
        Ok(offers)
    }

    /// What it offers in a format.
    pub fn of_format(&self, format: PixelFormat) -> Option<&FormatOffer> {
        self.formats.iter().find(|offer| offer.format == format)
    }

    /// All pictures.
    pub fn pictures(&self) -> impl Iterator<Item = &PictureMode> {
        self.formats.iter().flat_map(|offer| &offer.pictures)
    }
}

impl FormatOffer {
    /// The size that is nearest to one that is wanted; `None` if the node does not say which
    /// it has.
    pub fn nearest(&self, wanted: Size) -> Option<Size> {
        let off = |size: &Size| {
            u64::from(size.width.abs_diff(wanted.width)) + u64::from(size.height.abs_diff(wanted.height))
        };
        let sizes = self.sizes.iter().filter_map(|sizes| nearest_of(sizes, wanted));
        sizes.min_by_key(|size| (off(size), std::cmp::Reverse(size.area())))
    }
}

/// Whether a format is a mosaic, which somebody has to make a picture of.
pub fn is_mosaic(format: PixelFormat) -> bool {
    let order: Option<BayerOrder> = format.raw().and_then(|raw| raw.order);
    order.is_some()
}

fn buffers_min(node: &mut dyn VideoNode) -> Result<u32> {
    let code = pinhole_device::uapi::control_codes::MIN_BUFFERS_FOR_CAPTURE;
    if node.query_controls()?.iter().all(|control| control.code != code) {
        return Ok(1);
    }
    Ok(u32::try_from(node.control(code)?).unwrap_or(0).max(1))
}

fn ask(node: &mut dyn VideoNode, format: PixelFormat) -> Result<FormatOffer> {
    let mut sizes = node.frame_sizes(format.v4l2())?;
    sizes.truncate(SIZES_MAX);
    let mut candidates: Vec<Size> = sizes.iter().flat_map(examples).collect();
    if sizes.is_empty() {
        candidates.extend(node.format()?.image().map(|image| image.size));
    }
    let mut pictures: Vec<PictureMode> = Vec::new();
    for size in candidates {
        if pictures.iter().all(|known| known.size != size) {
            let intervals = node.frame_intervals(format.v4l2(), size)?;
            let shortest = intervals.iter().filter_map(|interval| shortest(interval).duration()).min();
            pictures.push(PictureMode { format, size, fps_max: shortest.and_then(fps) });
        }
    }
    Ok(FormatOffer { format, sizes, pictures })
}

fn fps(interval: Duration) -> Option<f64> {
    (!interval.is_zero()).then(|| 1.0 / interval.as_secs_f64())
}

const fn shortest(intervals: &FrameIntervals) -> FrameInterval {
    match intervals {
        FrameIntervals::Discrete(interval) => *interval,
        FrameIntervals::Range { shortest, .. } => *shortest,
    }
}

fn examples(sizes: &FrameSizes) -> Vec<Size> {
    match sizes {
        FrameSizes::Discrete(size) if size.is_empty() => Vec::new(),
        FrameSizes::Discrete(size) => vec![*size],
        FrameSizes::Range { least, greatest, .. } => {
            let ends = [*greatest, *least];
            let mut examples: Vec<Size> =
                ends.iter().chain(&USUAL).filter_map(|size| nearest_of(sizes, *size)).collect();
            examples.sort_by_key(|size| std::cmp::Reverse(size.area()));
            examples.dedup();
            examples
        }
    }
}

/// The nearest size of a range, or the only one; `None` if it is none.
fn nearest_of(sizes: &FrameSizes, wanted: Size) -> Option<Size> {
    match *sizes {
        FrameSizes::Discrete(size) => (!size.is_empty()).then_some(size),
        FrameSizes::Range { least, greatest, step } => {
            let width = on_a_step(wanted.width, least.width, greatest.width, step.width)?;
            let height = on_a_step(wanted.height, least.height, greatest.height, step.height)?;
            Some(Size::new(width, height)).filter(|size| !size.is_empty())
        }
    }
}

fn on_a_step(wanted: u32, least: u32, greatest: u32, step: u32) -> Option<u32> {
    let above = wanted.max(least).min(greatest).checked_sub(least)?;
    let step = step.max(1);
    let down = least + above / step * step;
    let up = down.checked_add(step).filter(|up| *up <= greatest);
    Some(up.filter(|up| up.abs_diff(wanted) < down.abs_diff(wanted)).unwrap_or(down))
}
