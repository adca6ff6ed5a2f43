//! EXIF's fields (CIPA DC-008-2019, version 2.32), shared by all files that carry them. Knows
//! nothing of pixels.

use crate::metadata::{DateTime, Illuminant, ImageMetadata};
use crate::rational::Rational;
use crate::tiff::write::{Directory, Head, Value};
use crate::tiff::{OLD_JPEG, Tag};
use pinhole_base::colour::{ColourSpace, Primaries, TransferFunction};
use pinhole_base::geometry::Size;

/// Sets what a main directory says of the camera and the frame.
pub(crate) fn describe(directory: &mut Directory, metadata: &ImageMetadata) {
    directory
        .set_text(Tag::MAKE, &metadata.make)
        .set_text(Tag::MODEL, &metadata.model)
        .set_text(Tag::SOFTWARE, &metadata.software)
        .set_some(Tag::DATE_TIME, metadata.date_time.map(|date| Value::text(&date.to_string())))
        .set(Tag::ORIENTATION, Value::short(metadata.transform.exif_orientation()));
}

/// The EXIF directory: how the frame was taken.
pub(crate) fn directory(metadata: &ImageMetadata) -> Directory {
    let exposure = metadata.exposure_time.map(|time| Value::Rationals(vec![Rational::from_duration(time)]));
    let mut directory = Directory::default();
    directory
        .set(Tag::EXIF_VERSION, Value::Undefined(b"0232".to_vec()))
        .set_some(Tag::EXPOSURE_TIME, exposure)
        .set_some(Tag::F_NUMBER, metadata.f_number.map(Value::rational))
        .set_some(Tag::FOCAL_LENGTH, metadata.focal_length_mm.map(Value::rational))
        .set_some(Tag::EXPOSURE_BIAS_VALUE, metadata.exposure_bias_ev.map(Value::signed_rational))
        .set_some(Tag::BRIGHTNESS_VALUE, metadata.lux.and_then(brightness_ev).map(Value::signed_rational))
        .set_some(Tag::LIGHT_SOURCE, metadata.colour_temperature_k.map(light_source));
    set_sensitivity(&mut directory, metadata);
    set_date(&mut directory, metadata.date_time);
    directory
}

fn set_sensitivity(directory: &mut Directory, metadata: &ImageMetadata) {
    const RECOMMENDED_EXPOSURE_INDEX: u16 = 2;
    let Some(iso) = metadata.iso() else { return };
    directory
        .set(Tag::ISO, Value::short(u16::try_from(iso).unwrap_or(u16::MAX)))
        .set(Tag::SENSITIVITY_TYPE, Value::short(RECOMMENDED_EXPOSURE_INDEX));
}

fn set_date(directory: &mut Directory, date: Option<DateTime>) {
    let Some(date) = date else { return };
    let offset = date.offset_text().map(|text| Value::text(&text));
    directory
        .set(Tag::DATE_TIME_ORIGINAL, Value::text(&date.to_string()))
        .set(Tag::DATE_TIME_DIGITIZED, Value::text(&date.to_string()))
        .set(Tag::SUB_SEC_TIME_ORIGINAL, Value::text(&format!("{:03}", date.millisecond)))
        .set_some(Tag::OFFSET_TIME, offset.clone())
        .set_some(Tag::OFFSET_TIME_ORIGINAL, offset);
}

fn light_source(colour_temperature_k: u32) -> Value {
    Value::short(Illuminant::nearest(colour_temperature_k) as u16)
}

/// APEX brightness of a scene of 18 % reflectance under that illuminance: the logarithm to
/// base 2 of its luminance in foot-lamberts. `None` in the dark.
fn brightness_ev(lux: f64) -> Option<f64> {
    const CANDELA_PER_M2_PER_FOOT_LAMBERT: f64 = 3.426;
    let luminance = lux * 0.18 / std::f64::consts::PI;
    (lux > 0.0).then(|| (luminance / CANDELA_PER_M2_PER_FOOT_LAMBERT).log2())
}

/// What an EXIF block says of the pixels it goes with.
pub(crate) struct Content {
    pub(crate) size: Size,
    pub(crate) colour: ColourSpace,
    /// Whether the file holds Y'CbCr, rather than RGB.
    pub(crate) ycbcr: bool,
}

/// The EXIF directory of a picture that can be shown as it is, without its size, which only
/// compressed ones may tell.
pub(crate) fn picture_directory(metadata: &ImageMetadata, colour: ColourSpace) -> Directory {
    let mut exif = directory(metadata);
    exif.set(Tag::FLASHPIX_VERSION, Value::Undefined(b"0100".to_vec()))
        .set(Tag::COLOR_SPACE, Value::short(colour_space(colour)));
    exif
}

/// What can be said of a picture as one shows it.
fn shown(directory: &mut Directory, is_ycbcr: bool) {
    const PER_INCH: u16 = 2;
    const CENTRED: u16 = 1;
    directory
        .set(Tag::X_RESOLUTION, Value::rational(72.0))
        .set(Tag::Y_RESOLUTION, Value::rational(72.0))
        .set(Tag::RESOLUTION_UNIT, Value::short(PER_INCH))
        .set_some(Tag::YCBCR_POSITIONING, is_ycbcr.then(|| Value::short(CENTRED)));
}

/// A whole EXIF block, from its TIFF header; with a small picture, a JPEG that lies as the large
/// one does.
pub(crate) fn block(metadata: &ImageMetadata, content: &Content, thumbnail: Option<&[u8]>) -> Vec<u8> {
    let mut main = Directory::default();
    describe(&mut main, metadata);
    shown(&mut main, content.ycbcr);
    main.reserve(Tag::EXIF_IFD);
    let mut exif = picture_directory(metadata, content.colour);
    exif.set(Tag::PIXEL_X_DIMENSION, Value::long(content.size.width))
        .set(Tag::PIXEL_Y_DIMENSION, Value::long(content.size.height));
    if content.ycbcr {
        exif.set(Tag::COMPONENTS_CONFIGURATION, Value::Undefined(vec![1, 2, 3, 0]));
    }
    let mut directories = vec![main, exif];
    directories.extend(thumbnail.map(|jpeg| thumbnail_directory(metadata, jpeg)));
    let mut head = Head::new(directories);
    head.point(0, Tag::EXIF_IFD, 1);
    let Some(jpeg) = thumbnail else { return head.to_bytes() };
    head.set_second(THUMBNAIL);
    let start = head.size_bytes() as u32;
    head.fill(THUMBNAIL, Tag::JPEG_INTERCHANGE_FORMAT, vec![start]);
    [&head.to_bytes()[..], jpeg].concat()
}

/// The place of the thumbnail's directory.
const THUMBNAIL: usize = 2;

fn thumbnail_directory(metadata: &ImageMetadata, jpeg: &[u8]) -> Directory {
    let mut directory = Directory::default();
    shown(&mut directory, true);
    directory
        .set(Tag::COMPRESSION, Value::short(OLD_JPEG))
        .set(Tag::ORIENTATION, Value::short(metadata.transform.exif_orientation()))
        .reserve(Tag::JPEG_INTERCHANGE_FORMAT)
        .set(Tag::JPEG_INTERCHANGE_FORMAT_LENGTH, Value::long(jpeg.len() as u32));
    directory
}

/// EXIF knows sRGB and "uncalibrated". Standard and high definition video are shown as sRGB.
fn colour_space(colour: ColourSpace) -> u16 {
    const SRGB: u16 = 1;
    const UNCALIBRATED: u16 = 0xffff;
    let familiar = matches!(colour.primaries, Primaries::Rec709 | Primaries::Smpte170m);
    if familiar && colour.transfer != TransferFunction::Linear { SRGB } else { UNCALIBRATED }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brightness_of_known_scenes() {
        // Full sun, about 100,000 lx, is about 10.7 by the APEX tables.
        assert!((brightness_ev(100_000.0).unwrap() - 10.7).abs() < 0.1);
        assert_eq!(brightness_ev(0.0), None);
    }

    #[test]
    fn only_srgb_is_called_so() {
        assert_eq!(colour_space(ColourSpace::SYCC), 1);
        assert_eq!(colour_space(ColourSpace::REC709), 1);
        assert_eq!(colour_space(ColourSpace::RAW), 0xffff);
    }
}
