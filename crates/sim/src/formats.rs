//! What each node makes of the formats it is asked for. Nothing here fails: drivers adjust.
//! Knows nothing of queues or frames.

use crate::fault::Role;
use pinhole_base::colour::ColourSpace;
use pinhole_base::format::{BayerOrder, FourCc, Packing, PixelFormat, RawFormat};
use pinhole_base::geometry::{ImagePixels, ModePixels, Rect, Size};
use pinhole_device::uapi::bcm2835_isp::{OUTPUT_FORMATS, SENSOR_DATA_FOURCC, STATISTICS_FOURCC, Statistics};
use pinhole_device::{ImageFormat, MetaFormat, NodeFormat};

const RAW_STRIDE_ALIGN_BYTES: u32 = 32;
const OUTPUT_STRIDE_ALIGN_BYTES: u32 = 64;
const RECEIVER_SIDE_MAX: u32 = 16376;
const RECEIVER_SIDE_MIN: u32 = 16;
const ISP_SIDE_MAX: u32 = 16384;
const ISP_SIDE_MIN: u32 = 64;
const STRIDE_BYTES_MAX: u32 = 1 << 18;

/// Bytes of a statistics buffer.
pub(crate) const STATISTICS_BYTES: u32 = size_of::<Statistics>() as u32;

const DEFAULT_RAW: PixelFormat = PixelFormat::Raw(RawFormat::bayer(BayerOrder::Rggb, 10, Packing::Csi2));

/// The codes that a node offers.
pub(crate) fn offered(role: Role) -> Vec<FourCc> {
    match role {
        Role::Image | Role::Input => raw_formats().map(PixelFormat::v4l2).collect(),
        Role::Output0 | Role::Output1 => OUTPUT_FORMATS.map(PixelFormat::v4l2).to_vec(),
        Role::Embedded => vec![SENSOR_DATA_FOURCC],
        Role::Statistics => vec![STATISTICS_FOURCC],
    }
}

fn raw_formats() -> impl Iterator<Item = PixelFormat> {
    PixelFormat::all().filter(|format| format.raw().is_some())
}

/// The format of a node that nobody has set yet.
pub(crate) fn initial(role: Role, embedded_bytes: u32) -> NodeFormat {
    let format = match role {
        Role::Image | Role::Input => DEFAULT_RAW,
        _ => PixelFormat::Yuv420,
    };
    let image = ImageFormat {
        format,
        size: Size::new(640, 480),
        stride_bytes: 0,
        size_bytes: 0,
        colour: ColourSpace::SYCC,
    };
    match role {
        Role::Embedded => meta(SENSOR_DATA_FOURCC, embedded_bytes),
        Role::Statistics => meta(STATISTICS_FOURCC, STATISTICS_BYTES),
        _ => NodeFormat::Image(adjust_image(role, image)),
    }
}

const fn meta(fourcc: FourCc, size_bytes: u32) -> NodeFormat {
    NodeFormat::Meta(MetaFormat { fourcc, size_bytes })
}

/// What a node makes of a format; `None` if it is of the wrong kind.
pub(crate) fn adjusted(role: Role, wanted: NodeFormat, embedded_bytes: u32) -> Option<NodeFormat> {
    match (role, wanted) {
        (Role::Embedded, NodeFormat::Meta(_)) => Some(meta(SENSOR_DATA_FOURCC, embedded_bytes)),
        (Role::Statistics, NodeFormat::Meta(_)) => Some(meta(STATISTICS_FOURCC, STATISTICS_BYTES)),
        (Role::Embedded | Role::Statistics, _) | (_, NodeFormat::Meta(_)) => None,
        (role, NodeFormat::Image(image)) => Some(NodeFormat::Image(adjust_image(role, image))),
    }
}

fn adjust_image(role: Role, wanted: ImageFormat) -> ImageFormat {
    let (format, size, align) = match role {
        Role::Output0 | Role::Output1 => {
            let known = OUTPUT_FORMATS.contains(&wanted.format);
            let format = if known { wanted.format } else { PixelFormat::Yuv420 };
            (format, within(wanted.size, ISP_SIDE_MIN, ISP_SIDE_MAX), OUTPUT_STRIDE_ALIGN_BYTES)
        }
        Role::Input => (
            raw_or_default(wanted.format),
            within(wanted.size, ISP_SIDE_MIN, ISP_SIDE_MAX),
            RAW_STRIDE_ALIGN_BYTES,
        ),
        _ => {
            let size = within(wanted.size, RECEIVER_SIDE_MIN, RECEIVER_SIDE_MAX);
            (raw_or_default(wanted.format), size, RAW_STRIDE_ALIGN_BYTES)
        }
    };
    let stride_bytes = stride(format, size.width, wanted.stride_bytes, align);
    let bytes: u64 = format.planes(stride_bytes, size.height).iter().map(|plane| plane.bytes()).sum();
    let colour = if format.raw().is_some() { ColourSpace::RAW } else { wanted.colour };
    let size_bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    ImageFormat { format, size, stride_bytes, size_bytes, colour }
}

fn raw_or_default(format: PixelFormat) -> PixelFormat {
    if raw_formats().any(|known| known == format) { format } else { DEFAULT_RAW }
}

/// The size, each side within limits and even.
fn within(size: Size<ImagePixels>, min: u32, max: u32) -> Size<ImagePixels> {
    Size::new(size.width.clamp(min, max), size.height.clamp(min, max)).aligned_down(2, 2)
}

/// The stride that was asked for, if it is long enough, rounded up.
fn stride(format: PixelFormat, width: u32, wanted_bytes: u32, align: u32) -> u32 {
    let least = format.row_bytes(width).unwrap_or(width);
    wanted_bytes.clamp(least, STRIDE_BYTES_MAX).next_multiple_of(align)
}

/// What the ISP makes of a crop: inside the input, even, and not below the least size.
pub(crate) fn adjusted_crop(wanted: Rect<ModePixels>, input: Size<ImagePixels>) -> Rect<ModePixels> {
    // The input is the frame that the sensor sent.
    let size = input.cast::<ModePixels>();
    let side = |wanted: u32, whole: u32| wanted.clamp(ISP_SIDE_MIN.min(whole), whole) & !1;
    let (width, height) = (side(wanted.width, size.width), side(wanted.height, size.height));
    let inside = Rect::new(wanted.x & !1, wanted.y & !1, width, height);
    inside.clamped_to(Rect::new(0, 0, size.width, size.height))
}

/// All of an input of that size.
pub(crate) const fn whole(input: Size<ImagePixels>) -> Rect<ModePixels> {
    Rect::new(0, 0, input.width, input.height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn image(format: PixelFormat, width: u32, height: u32, stride_bytes: u32) -> ImageFormat {
        let size = Size::new(width, height);
        ImageFormat { format, size, stride_bytes, size_bytes: 0, colour: ColourSpace::REC709 }
    }

    #[test]
    fn raw_strides_are_multiples_of_32_and_outputs_of_64() {
        let raw = adjust_image(Role::Image, image(DEFAULT_RAW, 1332, 990, 0));
        assert_eq!((raw.stride_bytes, raw.size_bytes), (1696, 1696 * 990));
        let nv12 = adjust_image(Role::Output0, image(PixelFormat::Nv12, 1000, 500, 0));
        assert_eq!((nv12.stride_bytes, nv12.size_bytes), (1024, 1024 * 750));
        let yuv = adjust_image(Role::Output1, image(PixelFormat::Yuv420, 650, 480, 700));
        assert_eq!((yuv.stride_bytes, yuv.size_bytes), (704, 704 * 720));
    }

    #[test]
    fn formats_that_a_node_has_not_become_its_default() {
        assert_eq!(adjust_image(Role::Image, image(PixelFormat::Nv12, 64, 64, 0)).format, DEFAULT_RAW);
        assert_eq!(adjust_image(Role::Output0, image(DEFAULT_RAW, 64, 64, 0)).format, PixelFormat::Yuv420);
        assert_eq!(adjusted(Role::Embedded, initial(Role::Input, 0), 100), None);
        assert_eq!(adjusted(Role::Input, initial(Role::Statistics, 0), 100), None);
    }

    #[test]
    fn colour_spaces_come_back_as_they_were_set() {
        let set = adjust_image(Role::Output0, image(PixelFormat::Nv12, 640, 480, 0));
        assert_eq!(set.colour, ColourSpace::REC709);
        assert_eq!(adjust_image(Role::Image, image(DEFAULT_RAW, 640, 480, 0)).colour, ColourSpace::RAW);
    }

    #[test]
    fn a_crop_of_one_pixel_becomes_the_least_one() {
        let crop = adjusted_crop(Rect::new(0, 0, 1, 1), Size::new(1920, 1080));
        assert_eq!(crop, Rect::new(0, 0, 64, 64));
        let crop = adjusted_crop(Rect::new(1900, -5, 101, 4000), Size::new(1920, 1080));
        assert_eq!(crop, Rect::new(1820, 0, 100, 1080));
    }

    proptest! {
        /// A format that changed when set twice would never settle.
        #[test]
        fn adjusting_twice_changes_nothing_more(
            width in 0u32..40_000, height in 0u32..40_000, stride in any::<u32>(), pick in 0usize..200, role in 0usize..6,
        ) {
            let all: Vec<_> = PixelFormat::all().collect();
            let role = Role::ALL[role];
            let wanted = NodeFormat::Image(image(all[pick % all.len()], width, height, stride));
            if let Some(once) = adjusted(role, wanted, 16384) {
                prop_assert_eq!(adjusted(role, once, 16384), Some(once));
                let set = once.image().unwrap();
                prop_assert!(set.stride_bytes >= set.format.row_bytes(set.size.width).unwrap());
                prop_assert!(set.size_bytes > 0);
            }
        }

        #[test]
        fn a_crop_lies_inside_and_stays(
            x in any::<i32>(), y in any::<i32>(), width in any::<u32>(), height in any::<u32>(),
        ) {
            let input = Size::new(640, 480);
            let crop = adjusted_crop(Rect::new(x, y, width, height), input);
            prop_assert!(whole(input).contains(crop), "{crop}");
            prop_assert!(crop.width >= 64 && crop.height >= 64);
            prop_assert_eq!(adjusted_crop(crop, input), crop);
        }
    }
}
