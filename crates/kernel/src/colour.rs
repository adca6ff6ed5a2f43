//! Colour spaces in V4L2's numbers. Knows nothing of devices.

use crate::uapi::video::{
    COLORSPACE_BT2020, COLORSPACE_DEFAULT, COLORSPACE_JPEG, COLORSPACE_RAW, COLORSPACE_REC709,
    COLORSPACE_SMPTE170M, COLORSPACE_SRGB, QUANTIZATION_FULL_RANGE, QUANTIZATION_LIM_RANGE, XFER_FUNC_709,
    XFER_FUNC_NONE, XFER_FUNC_SRGB, YCBCR_ENC_601, YCBCR_ENC_709, YCBCR_ENC_BT2020,
};
use pinhole_base::colour::{ColourSpace, Primaries, Range, TransferFunction, YcbcrEncoding};
use pinhole_base::format::PixelFormat;

/// The four numbers by which V4L2 names a colour space; 0 stands for what follows from the
/// first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// `enum v4l2_colorspace`.
    pub colorspace: u32,
    /// `enum v4l2_xfer_func`.
    pub xfer_func: u32,
    /// `enum v4l2_ycbcr_encoding`.
    pub ycbcr_enc: u32,
    /// `enum v4l2_quantization`.
    pub quantization: u32,
}

impl Numbers {
    /// A colour space in numbers.
    pub fn of(colour: ColourSpace) -> Self {
        Self {
            colorspace: colorspace(colour),
            xfer_func: match colour.transfer {
                TransferFunction::Linear => XFER_FUNC_NONE,
                TransferFunction::Srgb => XFER_FUNC_SRGB,
                TransferFunction::Rec709 => XFER_FUNC_709,
            },
            ycbcr_enc: match colour.encoding {
                YcbcrEncoding::None => 0,
                YcbcrEncoding::Rec601 => YCBCR_ENC_601,
                YcbcrEncoding::Rec709 => YCBCR_ENC_709,
                YcbcrEncoding::Rec2020 => YCBCR_ENC_BT2020,
            },
            quantization: match colour.range {
                Range::Full => QUANTIZATION_FULL_RANGE,
                Range::Limited => QUANTIZATION_LIM_RANGE,
            },
        }
    }

    /// The colour space that a device means. What it does not say, or says in numbers that we
    /// have no name for, is as the header has it for the format or for the first number.
    pub fn colour(self, format: PixelFormat) -> ColourSpace {
        let named = named(self.colorspace, format);
        let is_ycbcr = named.encoding != YcbcrEncoding::None;
        ColourSpace {
            primaries: named.primaries,
            transfer: match self.xfer_func {
                XFER_FUNC_NONE => TransferFunction::Linear,
                XFER_FUNC_SRGB => TransferFunction::Srgb,
                XFER_FUNC_709 => TransferFunction::Rec709,
                _ => named.transfer,
            },
            encoding: match self.ycbcr_enc {
                YCBCR_ENC_601 if is_ycbcr => YcbcrEncoding::Rec601,
                YCBCR_ENC_709 if is_ycbcr => YcbcrEncoding::Rec709,
                YCBCR_ENC_BT2020 if is_ycbcr => YcbcrEncoding::Rec2020,
                _ => named.encoding,
            },
            range: match self.quantization {
                QUANTIZATION_FULL_RANGE => Range::Full,
                QUANTIZATION_LIM_RANGE => Range::Limited,
                _ => named.range,
            },
        }
    }
}

fn colorspace(colour: ColourSpace) -> u32 {
    match (colour.primaries, colour.transfer) {
        (Primaries::Raw, _) => COLORSPACE_RAW,
        (Primaries::Smpte170m, _) => COLORSPACE_SMPTE170M,
        (Primaries::Rec2020, _) => COLORSPACE_BT2020,
        (Primaries::Rec709, TransferFunction::Rec709) => COLORSPACE_REC709,
        // Drivers that know JPEG's colours know them by this name alone.
        (Primaries::Rec709, _) if is_sycc(colour) => COLORSPACE_JPEG,
        (Primaries::Rec709, _) => COLORSPACE_SRGB,
    }
}

fn is_sycc(colour: ColourSpace) -> bool {
    colour.encoding == YcbcrEncoding::Rec601 && colour.range == Range::Full
}

/// What the first number stands for where the others say nothing.
fn named(colorspace: u32, format: PixelFormat) -> ColourSpace {
    if format.raw().is_some() {
        return ColourSpace::RAW;
    }
    let space = match (colorspace, format) {
        (COLORSPACE_DEFAULT | COLORSPACE_JPEG, PixelFormat::Mjpeg) | (COLORSPACE_JPEG, _) => {
            ColourSpace::SYCC
        }
        (COLORSPACE_REC709, _) => ColourSpace::REC709,
        (COLORSPACE_SMPTE170M, _) => ColourSpace::SMPTE170M,
        (COLORSPACE_BT2020, _) => ColourSpace {
            primaries: Primaries::Rec2020,
            encoding: YcbcrEncoding::Rec2020,
            ..ColourSpace::REC709
        },
        _ => ColourSpace { range: Range::Limited, ..ColourSpace::SYCC },
    };
    if is_rgb(format) {
        return ColourSpace { encoding: YcbcrEncoding::None, range: Range::Full, ..space };
    }
    space
}

const fn is_rgb(format: PixelFormat) -> bool {
    matches!(
        format,
        PixelFormat::Rgb24
            | PixelFormat::Bgr24
            | PixelFormat::Bgrx32
            | PixelFormat::Rgbx32
            | PixelFormat::Rgb48
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_base::format::{BayerOrder, Packing, RawFormat};

    const BAYER: PixelFormat = PixelFormat::Raw(RawFormat::bayer(BayerOrder::Rggb, 10, Packing::Csi2));

    /// A pipeline takes a colour space that comes back changed for one that the device refuses.
    #[test]
    fn colour_spaces_come_back_as_they_were() {
        let rec2020 = ColourSpace {
            primaries: Primaries::Rec2020,
            encoding: YcbcrEncoding::Rec2020,
            ..ColourSpace::REC709
        };
        for (colour, format) in [
            (ColourSpace::RAW, BAYER),
            (ColourSpace::SRGB, PixelFormat::Rgb24),
            (ColourSpace::SYCC, PixelFormat::Yuv420),
            (ColourSpace::SYCC, PixelFormat::Mjpeg),
            (ColourSpace::SMPTE170M, PixelFormat::Nv12),
            (ColourSpace::REC709, PixelFormat::Yuyv),
            (rec2020, PixelFormat::Nv12),
        ] {
            assert_eq!(Numbers::of(colour).colour(format), colour, "{format}");
        }
    }

    #[test]
    fn what_a_device_does_not_say_follows_from_what_it_says() {
        let said = |colorspace, format| Numbers { colorspace, ..Numbers::default() }.colour(format);
        assert_eq!(said(COLORSPACE_REC709, PixelFormat::Nv12), ColourSpace::REC709);
        assert_eq!(said(COLORSPACE_JPEG, PixelFormat::Yuv420), ColourSpace::SYCC);
        assert_eq!(said(COLORSPACE_SRGB, PixelFormat::Rgb24), ColourSpace::SRGB);
        assert_eq!(said(COLORSPACE_DEFAULT, PixelFormat::Mjpeg), ColourSpace::SYCC);
        assert_eq!(said(COLORSPACE_SRGB, PixelFormat::Yuyv).range, Range::Limited);
        assert_eq!(said(0xdead_beef, BAYER), ColourSpace::RAW);
    }
}
