//! Views of frames in memory, checked once when they are made, so that writers need not ask
//! again whether a row is there. Knows nothing of files or of who owns the memory.

use pinhole_base::colour::ColourSpace;
use pinhole_base::format::{PixelFormat, PlaneShapes, RawFormat};
use pinhole_base::geometry::Size;
use pinhole_base::{Error, ErrorKind, Result};

/// The longest side of a frame, in pixels: what JPEG can hold.
pub const SIDE_PIXELS_MAX: u32 = 65_535;

fn invalid(reason: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, "viewing a frame").because(reason)
}

fn check_size(size: Size) -> Result<()> {
    if size.is_empty() || size.width > SIDE_PIXELS_MAX || size.height > SIDE_PIXELS_MAX {
        return Err(invalid(format!("a size of {size} is not within 1x1 and 65535x65535")));
    }
    Ok(())
}

fn check_stride(stride_bytes: u32, row_bytes: u32) -> Result<()> {
    if stride_bytes < row_bytes {
        return Err(invalid(format!("a stride of {stride_bytes} bytes is less than a row's {row_bytes}")));
    }
    Ok(())
}

fn check_length(bytes: &[u8], needed: u64) -> Result<()> {
    if (bytes.len() as u64) < needed {
        return Err(invalid(format!("{} bytes are fewer than the frame's {needed}", bytes.len())));
    }
    Ok(())
}

/// A frame of sensor samples.
#[derive(Clone, Copy, Debug)]
pub struct RawImage<'a> {
    format: RawFormat,
    size: Size,
    stride_bytes: u32,
    bytes: &'a [u8],
}

impl<'a> RawImage<'a> {
    /// Views `bytes` as rows of samples, `stride_bytes` apart. The last row may lack its padding.
    ///
    /// # Errors
    /// `InvalidArgument` if the size is empty or too large, the format has other than 8, 10, 12,
    /// 14 or 16 bits, the stride is shorter than a row, or bytes are missing.
    pub fn new(format: RawFormat, size: Size, stride_bytes: u32, bytes: &'a [u8]) -> Result<Self> {
        check_size(size)?;
        if !matches!(format.bits, 8 | 10 | 12 | 14 | 16) {
            return Err(invalid(format!("samples of {} bits: 8, 10, 12, 14 and 16 are known", format.bits)));
        }
        let row_bytes = format.row_bytes(size.width);
        check_stride(stride_bytes, row_bytes)?;
        check_length(bytes, u64::from(stride_bytes) * u64::from(size.height - 1) + u64::from(row_bytes))?;
        Ok(Self { format, size, stride_bytes, bytes })
    }

    /// The samples' format.
    pub fn format(&self) -> RawFormat {
        self.format
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Bytes from one row to the next.
    pub fn stride_bytes(&self) -> u32 {
        self.stride_bytes
    }

    /// Row `y` without padding.
    ///
    /// # Panics
    /// If `y` is not below the height.
    pub fn row(&self, y: u32) -> &'a [u8] {
        assert!(y < self.size.height, "row {y} of {}", self.size);
        let start = self.stride_bytes as usize * y as usize;
        &self.bytes[start..start + self.format.row_bytes(self.size.width) as usize]
    }

    /// All rows, top to bottom, without padding.
    pub fn rows(&self) -> impl Iterator<Item = &'a [u8]> {
        let image = *self;
        (0..self.size.height).map(move |y| image.row(y))
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// A processed frame: Y'CbCr or RGB, its planes shaped as [`PixelFormat::planes`] says.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    format: PixelFormat,
    size: Size,
    stride_bytes: u32,
    colour: ColourSpace,
    /// Each plane from its start on.
    bytes: [&'a [u8]; PLANES_MAX],
    planes: PlaneShapes,
}

/// Most planes of a picture.
const PLANES_MAX: usize = 3;

impl<'a> Picture<'a> {
    /// Views `bytes` as a picture whose planes follow one another, the first with rows
    /// `stride_bytes` apart. The last row of the last plane may lack its padding.
    ///
    /// # Errors
    /// `Unsupported` for raw and compressed formats; `InvalidArgument` if the size is empty or
    /// too large, a plane's stride is shorter than its row, bytes are missing, or the planes of
    /// this format do not follow one another.
    pub fn new(
        format: PixelFormat,
        size: Size,
        stride_bytes: u32,
        colour: ColourSpace,
        bytes: &'a [u8],
    ) -> Result<Self> {
        Self::of_memory(format, size, stride_bytes, colour, &[bytes])
    }

    /// Views the memory of a frame as a picture: one stretch, or one for each plane where the
    /// format says so ([`PixelFormat::memory_count`]). The last row of each stretch may lack its
    /// padding.
    ///
    /// # Errors
    /// As [`Self::new`]; there are more or fewer stretches.
    pub fn of_memory(
        format: PixelFormat,
        size: Size,
        stride_bytes: u32,
        colour: ColourSpace,
        memory: &[&'a [u8]],
    ) -> Result<Self> {
        if matches!(format, PixelFormat::Raw(_) | PixelFormat::Mjpeg) {
            return Err(Error::new(ErrorKind::Unsupported, "viewing a frame")
                .because(format!("{format} is not a picture of colours in rows")));
        }
        check_size(size)?;
        let (there, wanted) = (memory.len(), format.memory_count());
        if there != wanted {
            return Err(invalid(format!(
                "a frame of {format} lies in {wanted} stretches of memory, not {there}"
            )));
        }
        let planes = format.planes(stride_bytes, size.height);
        let bytes = plane_bytes(&planes, memory);
        let picture = Self { format: format.joined(), size, stride_bytes, colour, bytes, planes };
        for (index, plane) in planes.iter().enumerate() {
            let row_bytes = picture.row_bytes(index);
            check_stride(plane.stride_bytes, row_bytes)?;
            check_length(bytes[index], plane.bytes() - u64::from(plane.stride_bytes - row_bytes))?;
        }
        Ok(picture)
    }

    /// The pixels' format, as if the planes followed one another: where they lie is settled.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Bytes from one row of the first plane to the next.
    pub fn stride_bytes(&self) -> u32 {
        self.stride_bytes
    }

    /// What the numbers mean as colours.
    pub fn colour(&self) -> ColourSpace {
        self.colour
    }

    /// The planes' strides and rows, in memory order.
    pub fn planes(&self) -> &PlaneShapes {
        &self.planes
    }

    /// Row `y` of a plane without padding.
    ///
    /// # Panics
    /// If there is no such plane or row.
    pub fn row(&self, plane: usize, y: u32) -> &'a [u8] {
        let shape = self.planes[plane];
        assert!(y < shape.rows, "row {y} of plane {plane} of a {} of {}", self.format, self.size);
        let start = shape.stride_bytes as usize * y as usize;
        &self.bytes[plane][start..start + self.row_bytes(plane) as usize]
    }

    /// The bytes of a plane from its start to its end, or beyond; the last row's padding may be
    /// missing.
    pub(crate) fn plane(&self, plane: usize) -> &'a [u8] {
        self.bytes[plane]
    }

    /// Bytes of a plane's row without padding.
    fn row_bytes(&self, plane: usize) -> u32 {
        let half = self.size.width.div_ceil(2);
        match (self.format, plane) {
            (PixelFormat::Yuv420 | PixelFormat::Yvu420, 1 | 2) => half,
            (_, 1) => 2 * half,
            _ => self.format.row_bytes(self.size.width).expect("compressed formats were refused"),
        }
    }
}

/// Each plane from its start on: in memory of its own, or in what those before it leave.
fn plane_bytes<'a>(planes: &PlaneShapes, memory: &[&'a [u8]]) -> [&'a [u8]; PLANES_MAX] {
    let mut bytes = [&[][..]; PLANES_MAX];
    let mut rest = memory[0];
    for (at, plane) in planes.iter().enumerate() {
        bytes[at] = if memory.len() > 1 { memory[at] } else { rest };
        let length = usize::try_from(plane.bytes()).unwrap_or(usize::MAX);
        rest = rest.get(length..).unwrap_or_default();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_base::format::{BayerOrder, Packing};

    const RAW: RawFormat = RawFormat::bayer(BayerOrder::Rggb, 10, Packing::Csi2);

    #[test]
    fn raw_rows_drop_the_padding() {
        let bytes: Vec<u8> = (0..16 + 10).collect();
        let image = RawImage::new(RAW, Size::new(8, 2), 16, &bytes).unwrap();
        assert_eq!(image.row(1), &bytes[16..26]);
        assert_eq!(image.rows().count(), 2);
    }

    #[test]
    fn wrong_raw_shapes_are_refused() {
        let bytes = [0; 64];
        let refused = |format, width, height, stride| {
            let error = RawImage::new(format, Size::new(width, height), stride, &bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        };
        refused(RAW, 0, 2, 16);
        refused(RAW, 70_000, 1, 200_000);
        refused(RAW, 8, 2, 9);
        refused(RAW, 8, 5, 16);
        refused(RawFormat { bits: 9, ..RAW }, 8, 2, 16);
    }

    #[test]
    fn planes_of_odd_sizes() {
        let size = Size::new(3, 3);
        let bytes = [0; 4 * 3 + 2 * 2 + 2 * 2];
        let picture = Picture::new(PixelFormat::Yuv420, size, 4, ColourSpace::SYCC, &bytes).unwrap();
        assert_eq!(picture.row(0, 2).len(), 3);
        assert_eq!(picture.row(2, 1).len(), 2);
        // Chroma rows of two bytes do not fit half a stride of three.
        assert!(Picture::new(PixelFormat::Yuv420, size, 3, ColourSpace::SYCC, &bytes).is_err());
        assert!(Picture::new(PixelFormat::Nv12, size, 4, ColourSpace::SYCC, &bytes[..19]).is_err());
        assert!(Picture::new(PixelFormat::Mjpeg, size, 4, ColourSpace::SYCC, &bytes).is_err());
    }
    /// Each would have made a writer read beyond a plane's memory, or another plane's.
    #[test]
    fn memory_that_does_not_hold_its_planes_is_refused() {
        let (size, colour) = (Size::new(4, 4), ColourSpace::SYCC);
        let bytes = [0; 24];
        let of = |format, memory: &[&[u8]]| Picture::of_memory(format, size, 4, colour, memory).map(drop);
        assert!(of(PixelFormat::Nv12m, &[&bytes[..16], &bytes[..8]]).is_ok());
        assert!(of(PixelFormat::Yuv420m, &[&bytes[..16], &bytes[..4], &bytes[..4]]).is_ok());
        for (format, memory) in [
            (PixelFormat::Nv12m, &[&bytes[..15], &bytes[..]][..]),
            (PixelFormat::Nv12m, &[&bytes[..], &bytes[..7]]),
            (PixelFormat::Nv12m, &[&bytes[..]]),
            (PixelFormat::Nv12, &[&bytes[..16], &bytes[..8]]),
            (PixelFormat::Yuv420m, &[&bytes[..], &bytes[..]]),
            (PixelFormat::Nv12, &[]),
        ] {
            let error = of(format, memory).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        }
    }
}
