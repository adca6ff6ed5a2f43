//! Formats of video nodes, single-planar, multi-planar and of metadata, in V4L2's structures.
//! Knows nothing of devices.

use crate::colour::Numbers;
use crate::uapi::video::{
    BUF_TYPE_META_CAPTURE, BUF_TYPE_VIDEO_CAPTURE, BUF_TYPE_VIDEO_CAPTURE_MPLANE, FIELD_NONE, Format,
    MetaPixFormat, PIX_FMT_FLAG_SET_CSC, PIX_FMT_PRIV_MAGIC, PixFormat, PixFormatMplane, PlanePixFormat,
    is_multiplanar,
};
use pinhole_base::format::{FourCc, PixelFormat, PlaneShapes};
use pinhole_base::geometry::Size;
use pinhole_device::node::PLANES_MAX;
use pinhole_device::{ImageFormat, MetaFormat, NodeFormat};
use zerocopy::FromZeros;

/// A format for a queue of that kind; `None` if the two do not go together.
pub(crate) fn to_kernel(kind: u32, format: NodeFormat) -> Option<Format> {
    match format {
        NodeFormat::Meta(meta) if kind == BUF_TYPE_META_CAPTURE => {
            let data = MetaPixFormat { dataformat: meta.fourcc.0, buffersize: meta.size_bytes };
            Some(Format::new(kind, &data))
        }
        NodeFormat::Image(_) if kind == BUF_TYPE_META_CAPTURE => None,
        NodeFormat::Meta(_) => None,
        NodeFormat::Image(image) if is_multiplanar(kind) => Some(Format::new(kind, &multi(kind, image))),
        NodeFormat::Image(image) => Some(Format::new(kind, &single(kind, image))),
    }
}

/// What comes out gets its colours asked for; what goes in has them.
fn flags(kind: u32) -> u32 {
    let captures = matches!(kind, BUF_TYPE_VIDEO_CAPTURE | BUF_TYPE_VIDEO_CAPTURE_MPLANE);
    if captures { PIX_FMT_FLAG_SET_CSC } else { 0 }
}

fn single(kind: u32, image: ImageFormat) -> PixFormat {
    let colour = Numbers::of(image.colour);
    PixFormat {
        width: image.size.width,
        height: image.size.height,
        pixelformat: image.format.v4l2().0,
        field: FIELD_NONE,
        bytesperline: image.stride_bytes,
        sizeimage: image.size_bytes,
        colorspace: colour.colorspace,
        private: PIX_FMT_PRIV_MAGIC,
        flags: flags(kind),
        ycbcr_enc: colour.ycbcr_enc,
        quantization: colour.quantization,
        xfer_func: colour.xfer_func,
    }
}

fn multi(kind: u32, image: ImageFormat) -> PixFormatMplane {
    let colour = Numbers::of(image.colour);
    let mut data = PixFormatMplane::new_zeroed();
    (data.width, data.height) = (image.size.width, image.size.height);
    data.pixelformat = image.format.v4l2().0;
    data.field = FIELD_NONE;
    data.colorspace = colour.colorspace;
    data.num_planes = image.format.memory_count() as u8;
    match data.num_planes {
        1 => data.plane_fmt[0] = PlanePixFormat::new(image.size_bytes, image.stride_bytes),
        // A device that is not told has its way with the size of each.
        _ => {
            for (plane, shape) in data.plane_fmt.iter_mut().zip(shapes(image).iter()) {
                *plane = PlanePixFormat::new(0, shape.stride_bytes);
            }
        }
    }
    // These numbers have few bits wherever they stand; the header gives them 8 here.
    data.flags = flags(kind) as u8;
    data.ycbcr_enc = colour.ycbcr_enc as u8;
    data.quantization = colour.quantization as u8;
    data.xfer_func = colour.xfer_func as u8;
    data
}

fn shapes(image: ImageFormat) -> PlaneShapes {
    image.format.planes(image.stride_bytes, image.size.height)
}

/// What a device says of its format, or why that cannot be.
pub(crate) fn from_kernel(format: &Format) -> Result<NodeFormat, String> {
    if format.kind == BUF_TYPE_META_CAPTURE {
        let meta: MetaPixFormat = format.read();
        let fourcc = FourCc(meta.dataformat);
        return Ok(NodeFormat::Meta(MetaFormat { fourcc, size_bytes: meta.buffersize }));
    }
    if !is_multiplanar(format.kind) {
        return plausible(from_single(&format.read())?).map(NodeFormat::Image);
    }
    let data: PixFormatMplane = format.read();
    let image = plausible(from_multi(&data)?)?;
    match memory_planes(&data)? {
        1 => {}
        count => plausible_planes(image, &data.plane_fmt[..count])?,
    }
    Ok(NodeFormat::Image(image))
}

fn from_single(data: &PixFormat) -> Result<ImageFormat, String> {
    // Drivers that do not set the mark know nothing of the fields behind it.
    let colour = match data.private {
        PIX_FMT_PRIV_MAGIC => Numbers {
            colorspace: data.colorspace,
            xfer_func: data.xfer_func,
            ycbcr_enc: data.ycbcr_enc,
            quantization: data.quantization,
        },
        _ => Numbers { colorspace: data.colorspace, ..Numbers::default() },
    };
    let format = known(data.pixelformat)?;
    Ok(ImageFormat {
        format,
        size: Size::new(data.width, data.height),
        stride_bytes: data.bytesperline,
        size_bytes: data.sizeimage,
        colour: colour.colour(format),
    })
}

fn from_multi(data: &PixFormatMplane) -> Result<ImageFormat, String> {
    let format = known(data.pixelformat)?;
    let planes = &data.plane_fmt[..memory_planes(data)?];
    if planes.len() != format.memory_count() {
        let (count, wanted) = (planes.len(), format.memory_count());
        return Err(format!("it tells of buffers of {count} planes; {format} has {wanted}"));
    }
    let size_bytes = planes.iter().fold(0_u32, |sum, plane| sum.saturating_add(plane.sizeimage));
    let colour = Numbers {
        colorspace: data.colorspace,
        xfer_func: data.xfer_func.into(),
        ycbcr_enc: data.ycbcr_enc.into(),
        quantization: data.quantization.into(),
    };
    Ok(ImageFormat {
        format,
        size: Size::new(data.width, data.height),
        stride_bytes: planes[0].bytesperline,
        size_bytes,
        colour: colour.colour(format),
    })
}

/// How many stretches of memory make a buffer of a format, or why that cannot be.
pub(crate) fn plane_count(format: &Format) -> Result<usize, String> {
    if is_multiplanar(format.kind) { memory_planes(&format.read()) } else { Ok(1) }
}

fn memory_planes(data: &PixFormatMplane) -> Result<usize, String> {
    match usize::from(data.num_planes) {
        count @ 1..=PLANES_MAX => Ok(count),
        count => Err(format!("it tells of buffers of {count} planes; 1 to {PLANES_MAX} are possible")),
    }
}

fn known(fourcc: u32) -> Result<PixelFormat, String> {
    let fourcc = FourCc(fourcc);
    PixelFormat::from_v4l2(fourcc).ok_or_else(|| format!("its format `{fourcc}` is not one that we know"))
}

/// Whoever trusts a buffer to hold a picture that it has no room for reads beyond its end.
fn plausible(image: ImageFormat) -> Result<ImageFormat, String> {
    if image.size.is_empty() || image.size.width > SIDE_MAX || image.size.height > SIDE_MAX {
        return Err(format!("it tells of pictures of {}", image.size));
    }
    if image.stride_bytes > STRIDE_MAX {
        return Err(format!("it tells of rows of {} bytes", image.stride_bytes));
    }
    let row = image.format.row_bytes(image.size.width).unwrap_or(0);
    let needed = shapes(image).bytes();
    if image.stride_bytes < row {
        return Err(format!("it tells of rows of {} bytes, which take {row}", image.stride_bytes));
    }
    if u64::from(image.size_bytes) < needed {
        return Err(format!("it tells of {} bytes for a picture, which takes {needed}", image.size_bytes));
    }
    Ok(image)
}

/// The same of planes in memory of their own. One stride describes them all, so theirs must be those
/// that follow from it.
fn plausible_planes(image: ImageFormat, planes: &[PlanePixFormat]) -> Result<(), String> {
    for (at, (plane, shape)) in planes.iter().zip(shapes(image).iter()).enumerate() {
        let PlanePixFormat { sizeimage, bytesperline, .. } = *plane;
        if bytesperline != shape.stride_bytes {
            let wanted = shape.stride_bytes;
            return Err(format!(
                "it tells of rows of {bytesperline} bytes in plane {at}; {wanted} go with the first's"
            ));
        }
        if u64::from(sizeimage) < shape.bytes() {
            let needed = shape.bytes();
            return Err(format!("it tells of {sizeimage} bytes for plane {at}, which takes {needed}"));
        }
    }
    Ok(())
}

/// No picture is wider or higher.
const SIDE_MAX: u32 = 1 << 20;
/// No row is longer.
const STRIDE_MAX: u32 = 1 << 24;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uapi::video::{BUF_TYPE_VIDEO_OUTPUT, BUF_TYPE_VIDEO_OUTPUT_MPLANE};
    use pinhole_base::colour::ColourSpace;
    use proptest::prelude::*;

    const NV12: ImageFormat = ImageFormat {
        format: PixelFormat::Nv12,
        size: Size::new(640, 480),
        stride_bytes: 640,
        size_bytes: 460_800,
        colour: ColourSpace::SMPTE170M,
    };
    const META: NodeFormat =
        NodeFormat::Meta(MetaFormat { fourcc: FourCc::new(b"BSTA"), size_bytes: 10_824 });

    #[test]
    fn formats_come_back_as_they_were() {
        for kind in [
            BUF_TYPE_VIDEO_CAPTURE,
            BUF_TYPE_VIDEO_CAPTURE_MPLANE,
            BUF_TYPE_VIDEO_OUTPUT,
            BUF_TYPE_VIDEO_OUTPUT_MPLANE,
        ] {
            let there = to_kernel(kind, NodeFormat::Image(NV12)).unwrap();
            assert_eq!(from_kernel(&there), Ok(NodeFormat::Image(NV12)));
            assert_eq!(plane_count(&there), Ok(1));
        }
        let there = to_kernel(BUF_TYPE_META_CAPTURE, META).unwrap();
        assert_eq!(from_kernel(&there), Ok(META));
    }

    #[test]
    fn pictures_and_metadata_do_not_mix() {
        assert!(to_kernel(BUF_TYPE_META_CAPTURE, NodeFormat::Image(NV12)).is_none());
        assert!(to_kernel(BUF_TYPE_VIDEO_CAPTURE, META).is_none());
    }

    fn of_planes(format: PixelFormat, planes: &[[u32; 2]]) -> Result<NodeFormat, String> {
        let mut data = multi(BUF_TYPE_VIDEO_CAPTURE_MPLANE, ImageFormat { format, ..NV12 });
        data.num_planes = planes.len() as u8;
        for (plane, [size, stride]) in data.plane_fmt.iter_mut().zip(planes) {
            *plane = PlanePixFormat::new(*size, *stride);
        }
        let there = Format::new(BUF_TYPE_VIDEO_CAPTURE_MPLANE, &data);
        assert_eq!(plane_count(&there), Ok(planes.len()));
        from_kernel(&there)
    }

    #[test]
    fn planes_in_memory_of_their_own_are_added_up() {
        let nv12m = of_planes(PixelFormat::Nv12m, &[[307_200, 640], [153_600, 640]]).unwrap();
        assert_eq!(nv12m, NodeFormat::Image(ImageFormat { format: PixelFormat::Nv12m, ..NV12 }));
        // A driver may put something before its data.
        let nv12m = of_planes(PixelFormat::Nv12m, &[[307_328, 640], [153_600, 640]]).unwrap();
        assert_eq!(nv12m.size_bytes(), 460_928);
        let yuv420m = of_planes(PixelFormat::Yuv420m, &[[307_200, 640], [76_800, 320], [76_800, 320]]);
        assert_eq!(yuv420m.map(|format| format.size_bytes()), Ok(460_800));
    }

    /// The sums are right in each.
    #[test]
    fn planes_that_do_not_go_together_are_found_out() {
        let why = |format, planes: &[[u32; 2]]| of_planes(format, planes).unwrap_err();
        let nv12m = PixelFormat::Nv12m;
        assert!(why(nv12m, &[[300_000, 640], [160_800, 640]]).contains("for plane 0, which takes 307200"));
        assert!(why(nv12m, &[[307_200, 640], [153_600, 320]]).contains("of 320 bytes in plane 1; 640 go"));
        assert!(why(nv12m, &[[460_800, 640]]).contains("of 1 planes; NV12M has 2"));
        assert!(why(PixelFormat::Nv12, &[[307_200, 640], [153_600, 640]]).contains("NV12 has 1"));
    }

    #[test]
    fn each_plane_in_memory_of_its_own_gets_its_stride() {
        let wanted = ImageFormat { format: PixelFormat::Yuv420m, ..NV12 };
        let data = multi(BUF_TYPE_VIDEO_CAPTURE_MPLANE, wanted);
        assert_eq!(
            data.plane_fmt[..3].iter().map(|plane| plane.bytesperline).collect::<Vec<_>>(),
            [640, 320, 320]
        );
        assert_eq!(data.num_planes, 3);
    }

    /// Each would have made us index, divide or read where nothing is.
    #[test]
    fn lies_are_found_out() {
        let single = |change: fn(&mut PixFormat)| {
            let mut data = single(BUF_TYPE_VIDEO_CAPTURE, NV12);
            change(&mut data);
            from_kernel(&Format::new(BUF_TYPE_VIDEO_CAPTURE, &data)).unwrap_err()
        };
        assert!(single(|data| data.width = 0).contains("pictures of 0x480"));
        assert!(single(|data| data.width = u32::MAX).contains("pictures of"));
        assert!(single(|data| data.bytesperline = 639).contains("which take 640"));
        assert!(single(|data| data.sizeimage = 460_799).contains("which takes 460800"));
        assert!(single(|data| data.height = u32::MAX).contains("pictures of"));
        assert!(single(|data| data.bytesperline = u32::MAX).contains("rows of"));
        assert!(single(|data| data.pixelformat = 0).contains("not one that we know"));
        for planes in [0, 4, 8, 255] {
            let mut data = multi(BUF_TYPE_VIDEO_CAPTURE_MPLANE, NV12);
            data.num_planes = planes;
            let there = Format::new(BUF_TYPE_VIDEO_CAPTURE_MPLANE, &data);
            assert!(from_kernel(&there).unwrap_err().contains("planes"));
            assert!(plane_count(&there).is_err());
        }
    }

    #[test]
    fn compressed_pictures_need_no_rows() {
        let mut data = single(BUF_TYPE_VIDEO_CAPTURE, NV12);
        (data.pixelformat, data.bytesperline, data.sizeimage) = (u32::from_le_bytes(*b"MJPG"), 0, 1000);
        let format = from_kernel(&Format::new(BUF_TYPE_VIDEO_CAPTURE, &data)).unwrap();
        assert_eq!(format.image().map(|image| image.format), Some(PixelFormat::Mjpeg));
    }

    /// Without the mark, what lies in the fields behind it is left over from others.
    #[test]
    fn fields_of_newer_drivers_count_only_under_their_mark() {
        let mut data = single(BUF_TYPE_VIDEO_CAPTURE, NV12);
        (data.private, data.quantization) = (0, 1);
        let format = from_kernel(&Format::new(BUF_TYPE_VIDEO_CAPTURE, &data)).unwrap();
        assert_eq!(format.image().map(|image| image.colour), Some(ColourSpace::SMPTE170M));
    }
    proptest! {
        #[test]
        fn whatever_a_driver_says_pictures_fit_their_buffers(
            kind in prop_oneof![Just(BUF_TYPE_VIDEO_CAPTURE), Just(BUF_TYPE_VIDEO_OUTPUT_MPLANE)],
            words in proptest::collection::vec(prop_oneof![0..5000_u32, any::<u32>()], 50),
            fourcc in prop_oneof![
                Just(*b"NV12"), Just(*b"pRAA"), Just(*b"YUYV"), Just(*b"NM12"), any::<[u8; 4]>()
            ],
        ) {
            let mut format = Format { kind, ..FromZeros::new_zeroed() };
            let bytes = words.iter().flat_map(|word| word.to_ne_bytes());
            format.data.bytes.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
            format.data.bytes[8..12].copy_from_slice(&fourcc);
            if let Ok(NodeFormat::Image(image)) = from_kernel(&format) {
                let planes = image.format.planes(image.stride_bytes, image.size.height);
                prop_assert!(planes.bytes() <= u64::from(image.size_bytes));
                prop_assert!(!image.size.is_empty());
            }
            if let Ok(planes) = plane_count(&format) {
                prop_assert!((1..=PLANES_MAX).contains(&planes));
            }
        }
    }
}
