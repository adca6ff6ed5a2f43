//! Pixel formats: what the bytes of a frame mean, with the codes that V4L2, DRM and the
//! media bus give them, and how large their rows and planes are.

use std::fmt;

/// A four-character code, as V4L2 and DRM name formats.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FourCc(pub u32);

impl FourCc {
    /// The code spelled by four ASCII characters.
    pub const fn new(code: &[u8; 4]) -> Self {
        Self(u32::from_le_bytes(*code))
    }
}

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.to_le_bytes() {
            write!(f, "{}", byte.escape_ascii())?;
        }
        Ok(())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FourCc({self})")
    }
}

/// Which colour filter lies over the top-left 2×2 pixels, in reading order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BayerOrder {
    /// Red, green / green, blue.
    Rggb,
    /// Green, red / blue, green.
    Grbg,
    /// Green, blue / red, green.
    Gbrg,
    /// Blue, green / green, red.
    Bggr,
}

/// The colour of one pixel of a Bayer mosaic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BayerColour {
    /// Red.
    Red,
    /// Green, in a row that also holds red.
    GreenRed,
    /// Green, in a row that also holds blue.
    GreenBlue,
    /// Blue.
    Blue,
}

impl BayerOrder {
    /// All orders.
    pub const ALL: [Self; 4] = [Self::Rggb, Self::Grbg, Self::Gbrg, Self::Bggr];

    /// Column and row (0 or 1) of the red pixel in the 2×2 cell.
    pub const fn red_position(self) -> (usize, usize) {
        match self {
            Self::Rggb => (0, 0),
            Self::Grbg => (1, 0),
            Self::Gbrg => (0, 1),
            Self::Bggr => (1, 1),
        }
    }

    /// The order whose red pixel lies at this column and row (only their parity counts).
    pub const fn with_red_at(x: usize, y: usize) -> Self {
        match (x % 2, y % 2) {
            (0, 0) => Self::Rggb,
            (1, 0) => Self::Grbg,
            (0, _) => Self::Gbrg,
            _ => Self::Bggr,
        }
    }

    /// The colour of the pixel at column `x`, row `y`.
    pub const fn colour_at(self, x: usize, y: usize) -> BayerColour {
        let (rx, ry) = self.red_position();
        match ((x + rx) % 2, (y + ry) % 2) {
            (0, 0) => BayerColour::Red,
            (1, 0) => BayerColour::GreenRed,
            (0, _) => BayerColour::GreenBlue,
            _ => BayerColour::Blue,
        }
    }

    /// The order after mirroring a frame of even width left to right.
    pub const fn flipped_horizontally(self) -> Self {
        let (x, y) = self.red_position();
        Self::with_red_at(x + 1, y)
    }

    /// The order after turning a frame of even height upside down.
    pub const fn flipped_vertically(self) -> Self {
        let (x, y) = self.red_position();
        Self::with_red_at(x, y + 1)
    }
}

/// How samples of more than 8 bits lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Packing {
    /// Each sample alone: one byte for 8 bits, a little-endian 16-bit word (value in the low
    /// bits) for more.
    Unpacked,
    /// As they come over CSI-2: the high 8 bits of each sample first, then the low bits of
    /// the group together (4 samples in 5 bytes for 10 bits, 2 in 3 for 12, 4 in 7 for 14).
    Csi2,
}

/// A mosaic (or monochrome) frame straight from a sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RawFormat {
    /// The mosaic's order; `None` for a monochrome sensor.
    pub order: Option<BayerOrder>,
    /// Significant bits of a sample: 8, 10, 12, 14 or 16.
    pub bits: u8,
    /// How samples lie in memory; 8 and 16 bit samples are always [`Packing::Unpacked`].
    pub packing: Packing,
}

impl RawFormat {
    /// A mosaic format.
    pub const fn bayer(order: BayerOrder, bits: u8, packing: Packing) -> Self {
        Self { order: Some(order), bits, packing }
    }

    /// Bytes that `width` samples take, without padding; the greatest number where it is none.
    pub const fn row_bytes(self, width: u32) -> u32 {
        match (self.packing, self.bits) {
            (Packing::Csi2, 10) => width.div_ceil(4).saturating_mul(5),
            (Packing::Csi2, 12) => width.div_ceil(2).saturating_mul(3),
            (Packing::Csi2, 14) => width.div_ceil(4).saturating_mul(7),
            (_, 8) => width,
            _ => width.saturating_mul(2),
        }
    }

    /// The media bus code under which a sensor sends these samples.
    pub fn media_bus_code(self) -> Option<u32> {
        RAW_CODES.iter().find(|c| c.order == self.order && c.bits == self.bits).map(|c| c.bus)
    }

    /// The unpacked format that a media bus code stands for.
    pub fn from_media_bus_code(code: u32) -> Option<Self> {
        let row = RAW_CODES.iter().find(|c| c.bus == code)?;
        Some(Self { order: row.order, bits: row.bits, packing: Packing::Unpacked })
    }
}

/// What the bytes of a frame mean. Names give the order in memory (as V4L2's do; DRM's name
/// the same formats from the most significant byte).
///
/// Planes follow one another, but for formats with an `m` at the end, as V4L2 names them too: each
/// of their planes has memory of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PixelFormat {
    /// Sensor samples.
    Raw(RawFormat),
    /// Planar Y, U, V; chroma at half width and height.
    Yuv420,
    /// Planar Y, V, U; chroma at half width and height.
    Yvu420,
    /// Y, then interleaved U and V at half width and height.
    Nv12,
    /// Y, then interleaved V and U at half width and height.
    Nv21,
    /// Y, then interleaved U and V at half width.
    Nv16,
    /// [`Self::Yuv420`], each plane in memory of its own.
    Yuv420m,
    /// [`Self::Yvu420`], each plane in memory of its own.
    Yvu420m,
    /// [`Self::Nv12`], each plane in memory of its own.
    Nv12m,
    /// [`Self::Nv21`], each plane in memory of its own.
    Nv21m,
    /// [`Self::Nv16`], each plane in memory of its own.
    Nv16m,
    /// Packed Y U Y V.
    Yuyv,
    /// Packed Y V Y U.
    Yvyu,
    /// Packed U Y V Y.
    Uyvy,
    /// Packed V Y U Y.
    Vyuy,
    /// Bytes R, G, B.
    Rgb24,
    /// Bytes B, G, R.
    Bgr24,
    /// Bytes B, G, R, and one unused.
    Bgrx32,
    /// Bytes R, G, B, and one unused.
    Rgbx32,
    /// Numbers of 16 bits R, G, B, each with its low byte first.
    Rgb48,
    /// Motion JPEG: one JPEG image per frame.
    Mjpeg,
}

/// The rows and bytes of one colour plane of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlaneShape {
    /// Bytes from one row to the next.
    pub stride_bytes: u32,
    /// Number of rows.
    pub rows: u32,
}

impl PlaneShape {
    /// Bytes of the whole plane.
    pub const fn bytes(self) -> u64 {
        self.stride_bytes as u64 * self.rows as u64
    }
}

struct RawCode {
    order: Option<BayerOrder>,
    bits: u8,
    bus: u32,
    unpacked: &'static [u8; 4],
    packed: Option<&'static [u8; 4]>,
    name: &'static str,
}

const fn raw(
    order: Option<BayerOrder>,
    bits: u8,
    bus: u32,
    unpacked: &'static [u8; 4],
    packed: Option<&'static [u8; 4]>,
    name: &'static str,
) -> RawCode {
    RawCode { order, bits, bus, unpacked, packed, name }
}

use BayerOrder::{Bggr, Gbrg, Grbg, Rggb};

// linux/videodev2.h and linux/media-bus-format.h.
const RAW_CODES: &[RawCode] = &[
    raw(Some(Bggr), 8, 0x3001, b"BA81", None, "SBGGR8"),
    raw(Some(Gbrg), 8, 0x3013, b"GBRG", None, "SGBRG8"),
    raw(Some(Grbg), 8, 0x3002, b"GRBG", None, "SGRBG8"),
    raw(Some(Rggb), 8, 0x3014, b"RGGB", None, "SRGGB8"),
    raw(Some(Bggr), 10, 0x3007, b"BG10", Some(b"pBAA"), "SBGGR10"),
    raw(Some(Gbrg), 10, 0x300e, b"GB10", Some(b"pGAA"), "SGBRG10"),
    raw(Some(Grbg), 10, 0x300a, b"BA10", Some(b"pgAA"), "SGRBG10"),
    raw(Some(Rggb), 10, 0x300f, b"RG10", Some(b"pRAA"), "SRGGB10"),
    raw(Some(Bggr), 12, 0x3008, b"BG12", Some(b"pBCC"), "SBGGR12"),
    raw(Some(Gbrg), 12, 0x3010, b"GB12", Some(b"pGCC"), "SGBRG12"),
    raw(Some(Grbg), 12, 0x3011, b"BA12", Some(b"pgCC"), "SGRBG12"),
    raw(Some(Rggb), 12, 0x3012, b"RG12", Some(b"pRCC"), "SRGGB12"),
    raw(Some(Bggr), 14, 0x3019, b"BG14", Some(b"pBEE"), "SBGGR14"),
    raw(Some(Gbrg), 14, 0x301a, b"GB14", Some(b"pGEE"), "SGBRG14"),
    raw(Some(Grbg), 14, 0x301b, b"GR14", Some(b"pgEE"), "SGRBG14"),
    raw(Some(Rggb), 14, 0x301c, b"RG14", Some(b"pREE"), "SRGGB14"),
    raw(Some(Bggr), 16, 0x301d, b"BYR2", None, "SBGGR16"),
    raw(Some(Gbrg), 16, 0x301e, b"GB16", None, "SGBRG16"),
    raw(Some(Grbg), 16, 0x301f, b"GR16", None, "SGRBG16"),
    raw(Some(Rggb), 16, 0x3020, b"RG16", None, "SRGGB16"),
    raw(None, 8, 0x2001, b"GREY", None, "R8"),
    raw(None, 10, 0x200a, b"Y10 ", Some(b"Y10P"), "R10"),
    raw(None, 12, 0x2013, b"Y12 ", Some(b"Y12P"), "R12"),
    raw(None, 14, 0x202d, b"Y14 ", Some(b"Y14P"), "R14"),
    raw(None, 16, 0x202e, b"Y16 ", None, "R16"),
];

struct Code {
    format: PixelFormat,
    v4l2: &'static [u8; 4],
    drm: &'static [u8; 4],
    name: &'static str,
}

const fn code(
    format: PixelFormat,
    v4l2: &'static [u8; 4],
    drm: &'static [u8; 4],
    name: &'static str,
) -> Code {
    Code { format, v4l2, drm, name }
}

const CODES: &[Code] = &[
    code(PixelFormat::Yuv420, b"YU12", b"YU12", "YUV420"),
    code(PixelFormat::Yvu420, b"YV12", b"YV12", "YVU420"),
    code(PixelFormat::Nv12, b"NV12", b"NV12", "NV12"),
    code(PixelFormat::Nv21, b"NV21", b"NV21", "NV21"),
    code(PixelFormat::Nv16, b"NV16", b"NV16", "NV16"),
    code(PixelFormat::Yuv420m, b"YM12", b"YU12", "YUV420M"),
    code(PixelFormat::Yvu420m, b"YM21", b"YV12", "YVU420M"),
    code(PixelFormat::Nv12m, b"NM12", b"NV12", "NV12M"),
    code(PixelFormat::Nv21m, b"NM21", b"NV21", "NV21M"),
    code(PixelFormat::Nv16m, b"NM16", b"NV16", "NV16M"),
    code(PixelFormat::Yuyv, b"YUYV", b"YUYV", "YUYV"),
    code(PixelFormat::Yvyu, b"YVYU", b"YVYU", "YVYU"),
    code(PixelFormat::Uyvy, b"UYVY", b"UYVY", "UYVY"),
    code(PixelFormat::Vyuy, b"VYUY", b"VYUY", "VYUY"),
    code(PixelFormat::Rgb24, b"RGB3", b"BG24", "RGB24"),
    code(PixelFormat::Bgr24, b"BGR3", b"RG24", "BGR24"),
    code(PixelFormat::Bgrx32, b"XR24", b"XR24", "BGRX32"),
    code(PixelFormat::Rgbx32, b"XB24", b"XB24", "RGBX32"),
    code(PixelFormat::Rgb48, b"RGB6", b"BG48", "RGB48"),
    code(PixelFormat::Mjpeg, b"MJPG", b"MJPG", "MJPEG"),
];

/// DRM's modifier for CSI-2 packed samples.
pub const MODIFIER_CSI2_PACKED: u64 = 0x0b00_0000_0000_0001;

impl PixelFormat {
    /// Every format there is.
    pub fn all() -> impl Iterator<Item = Self> {
        let raws = RAW_CODES.iter().flat_map(|row| {
            let make = |packing| Self::Raw(RawFormat { order: row.order, bits: row.bits, packing });
            let packed = row.packed.map(|_| make(Packing::Csi2));
            std::iter::once(make(Packing::Unpacked)).chain(packed)
        });
        raws.chain(CODES.iter().map(|row| row.format))
    }

    /// The raw format, if it is one.
    pub const fn raw(self) -> Option<RawFormat> {
        match self {
            Self::Raw(raw) => Some(raw),
            _ => None,
        }
    }

    /// The V4L2 code.
    #[doc(alias = "V4L2_PIX_FMT")]
    pub fn v4l2(self) -> FourCc {
        FourCc::new(match self {
            Self::Raw(raw) => {
                let row = raw_row(raw);
                match raw.packing {
                    Packing::Csi2 => row.packed.unwrap_or(row.unpacked),
                    Packing::Unpacked => row.unpacked,
                }
            }
            _ => self.row().v4l2,
        })
    }

    /// The format with this V4L2 code.
    pub fn from_v4l2(fourcc: FourCc) -> Option<Self> {
        Self::all().find(|format| format.v4l2() == fourcc)
    }

    /// The DRM code and modifier (0: linear). DRM is told of each plane where it is, so whether they
    /// follow one another is not in it.
    #[doc(alias = "DRM_FORMAT")]
    pub fn drm(self) -> (FourCc, u64) {
        match self {
            Self::Raw(raw) => {
                let packed = matches!(raw.packing, Packing::Csi2);
                (FourCc::new(raw_row(raw).unpacked), if packed { MODIFIER_CSI2_PACKED } else { 0 })
            }
            _ => (FourCc::new(self.row().drm), 0),
        }
    }

    /// The name as people type it: `NV12`, `SRGGB10`, `SRGGB10_CSI2P`, …
    pub fn name(self) -> String {
        match self {
            Self::Raw(raw) => {
                let suffix = if raw.packing == Packing::Csi2 { "_CSI2P" } else { "" };
                format!("{}{suffix}", raw_row(raw).name)
            }
            _ => self.row().name.to_owned(),
        }
    }

    /// The format of that name, in either case; V4L2 codes are understood too.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all()
            .find(|format| format.name().eq_ignore_ascii_case(name) || format.v4l2().to_string() == name)
    }

    /// The format of the same planes where they follow one another.
    pub const fn joined(self) -> Self {
        match self {
            Self::Yuv420m => Self::Yuv420,
            Self::Yvu420m => Self::Yvu420,
            Self::Nv12m => Self::Nv12,
            Self::Nv21m => Self::Nv21,
            Self::Nv16m => Self::Nv16,
            joined => joined,
        }
    }

    /// Stretches of memory that make a frame: one for each plane, or one for all.
    pub const fn memory_count(self) -> usize {
        match self {
            Self::Yuv420m | Self::Yvu420m | Self::Nv12m | Self::Nv21m | Self::Nv16m => self.plane_count(),
            _ => 1,
        }
    }

    /// Number of colour planes.
    pub const fn plane_count(self) -> usize {
        match self.joined() {
            Self::Yuv420 | Self::Yvu420 => 3,
            Self::Nv12 | Self::Nv21 | Self::Nv16 => 2,
            _ => 1,
        }
    }

    /// The least bytes that a row of the first plane takes (the greatest number where it is none).
    /// `None` for compressed formats.
    pub const fn row_bytes(self, width: u32) -> Option<u32> {
        Some(match self.joined() {
            Self::Raw(raw) => raw.row_bytes(width),
            Self::Yuv420 | Self::Yvu420 | Self::Nv12 | Self::Nv21 | Self::Nv16 => width,
            Self::Yuyv | Self::Yvyu | Self::Uyvy | Self::Vyuy => width.div_ceil(2).saturating_mul(4),
            Self::Rgb24 | Self::Bgr24 => width.saturating_mul(3),
            Self::Bgrx32 | Self::Rgbx32 => width.saturating_mul(4),
            Self::Rgb48 => width.saturating_mul(6),
            _ => return None,
        })
    }

    /// The planes of a frame whose first plane has rows of `stride_bytes`, in memory order.
    /// Chroma rows take half the stride in planar formats and the whole in semi-planar ones.
    /// Empty for compressed formats.
    pub fn planes(self, stride_bytes: u32, height: u32) -> PlaneShapes {
        let luma = PlaneShape { stride_bytes, rows: height };
        let half = height.div_ceil(2);
        match self.joined() {
            Self::Yuv420 | Self::Yvu420 => {
                let chroma = PlaneShape { stride_bytes: stride_bytes / 2, rows: half };
                PlaneShapes::of(&[luma, chroma, chroma])
            }
            Self::Nv12 | Self::Nv21 => PlaneShapes::of(&[luma, PlaneShape { stride_bytes, rows: half }]),
            Self::Nv16 => PlaneShapes::of(&[luma, luma]),
            Self::Mjpeg => PlaneShapes::of(&[]),
            _ => PlaneShapes::of(&[luma]),
        }
    }

    fn row(self) -> &'static Code {
        CODES.iter().find(|row| row.format == self).expect("every format but Raw has a row")
    }
}

fn raw_row(raw: RawFormat) -> &'static RawCode {
    RAW_CODES
        .iter()
        .find(|row| row.order == raw.order && row.bits == raw.bits)
        .unwrap_or_else(|| panic!("no raw format has {} bits a sample", raw.bits))
}

impl fmt::Display for PixelFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

/// The planes of a frame: up to three, in memory order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneShapes {
    shapes: [PlaneShape; 3],
    count: usize,
}

impl PlaneShapes {
    fn of(planes: &[PlaneShape]) -> Self {
        let mut shapes = [PlaneShape { stride_bytes: 0, rows: 0 }; 3];
        shapes[..planes.len()].copy_from_slice(planes);
        Self { shapes, count: planes.len() }
    }

    /// Bytes of all planes together; the greatest number where they are more.
    pub fn bytes(&self) -> u64 {
        self.iter().fold(0, |sum, plane| sum.saturating_add(plane.bytes()))
    }
}

impl std::ops::Deref for PlaneShapes {
    type Target = [PlaneShape];
    fn deref(&self) -> &[PlaneShape] {
        &self.shapes[..self.count]
    }
}
