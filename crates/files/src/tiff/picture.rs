//! Pictures as TIFF: R'G'B' of 8 or 16 bits a channel, in one uncompressed strip.

use super::write::{Directory, Head, Value};
use super::{Tag, UNCOMPRESSED, photometric};
use crate::exif;
use crate::metadata::ImageMetadata;
use crate::rgb::write_rgb;
use crate::view::Picture;
use pinhole_base::format::PixelFormat;
use pinhole_base::{Error, ErrorKind, Result};
use std::io::{self, Write};

/// Writes a picture as TIFF, with its metadata as EXIF: 16 bits a channel if it has them, else
/// 8. Pictures in Y'CbCr become RGB.
///
/// # Errors
/// `InvalidArgument` if the metadata make no sense, `LimitReached` if the file would be beyond
/// TIFF's 4 GiB, and what writing to `out` fails with.
pub fn write(out: &mut impl Write, picture: &Picture<'_>, metadata: &ImageMetadata) -> Result<()> {
    metadata.check()?;
    let head = head(picture, metadata)?;
    write_parts(out, &head, picture).map_err(|error| Error::from_io(&error, "writing a TIFF"))
}

fn bits(picture: &Picture<'_>) -> u16 {
    if picture.format() == PixelFormat::Rgb48 { 16 } else { 8 }
}

fn head(picture: &Picture<'_>, metadata: &ImageMetadata) -> Result<Head> {
    const CHUNKY: u16 = 1;
    const PER_INCH: u16 = 2;
    let (size, bits) = (picture.size(), bits(picture));
    let bytes = size.area() * 3 * u64::from(bits) / 8;
    let mut main = Directory::default();
    exif::describe(&mut main, metadata);
    main.set(Tag::IMAGE_WIDTH, Value::long(size.width))
        .set(Tag::IMAGE_LENGTH, Value::long(size.height))
        .set(Tag::BITS_PER_SAMPLE, Value::Shorts(vec![bits; 3]))
        .set(Tag::SAMPLES_PER_PIXEL, Value::short(3))
        .set(Tag::COMPRESSION, Value::short(UNCOMPRESSED))
        .set(Tag::PHOTOMETRIC, Value::short(photometric::RGB))
        .set(Tag::PLANAR_CONFIGURATION, Value::short(CHUNKY))
        .set(Tag::ROWS_PER_STRIP, Value::long(size.height))
        .set(Tag::STRIP_BYTE_COUNTS, Value::long(u32::try_from(bytes).unwrap_or(u32::MAX)))
        .set(Tag::X_RESOLUTION, Value::rational(72.0))
        .set(Tag::Y_RESOLUTION, Value::rational(72.0))
        .set(Tag::RESOLUTION_UNIT, Value::short(PER_INCH))
        .reserve(Tag::STRIP_OFFSETS)
        .reserve(Tag::EXIF_IFD);
    let mut head = Head::new(vec![main, exif::picture_directory(metadata, picture.colour())]);
    head.point(0, Tag::EXIF_IFD, 1);
    let start = head.size_bytes();
    if start as u64 + bytes > u64::from(u32::MAX) {
        return Err(Error::new(ErrorKind::LimitReached, "writing a TIFF")
            .because(format!("its {bytes} bytes are more than TIFF's offsets reach")));
    }
    head.fill(0, Tag::STRIP_OFFSETS, vec![start as u32]);
    Ok(head)
}

fn write_parts(out: &mut impl Write, head: &Head, picture: &Picture<'_>) -> io::Result<()> {
    out.write_all(&head.to_bytes())?;
    match picture.format() {
        // Low bytes first, as in the file.
        PixelFormat::Rgb48 => (0..picture.size().height).try_for_each(|y| out.write_all(picture.row(0, y))),
        _ => write_rgb(out, picture),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiff::read::File;
    use pinhole_base::colour::ColourSpace;
    use pinhole_base::geometry::Size;

    fn check(format: PixelFormat, stride_bytes: u32, bits: u32, pixels: &[u8], bytes: &[u8]) {
        let picture = Picture::new(format, Size::new(2, 2), stride_bytes, ColourSpace::SRGB, bytes).unwrap();
        let mut file = Vec::new();
        let metadata = ImageMetadata { model: "imx219".to_owned(), ..ImageMetadata::default() };
        write(&mut file, &picture, &metadata).unwrap();
        let (tiff, first) = File::open(&file).unwrap();
        let main = tiff.directory(first).unwrap();
        let integer = |tag| main.require(tag).unwrap().integer().unwrap();
        assert_eq!([integer(Tag::IMAGE_WIDTH), integer(Tag::IMAGE_LENGTH)], [2, 2]);
        assert_eq!(main.numbers(Tag::BITS_PER_SAMPLE).unwrap(), Some([f64::from(bits); 3]));
        assert_eq!(main.text(Tag::MODEL).unwrap(), "imx219");
        let (offset, length) = (integer(Tag::STRIP_OFFSETS), integer(Tag::STRIP_BYTE_COUNTS));
        assert_eq!(tiff.slice(u64::from(offset), u64::from(length)), Some(pixels));
        assert_eq!(file.len() as u32, offset + length);
        assert!(tiff.directory(integer(Tag::EXIF_IFD)).is_ok());
    }

    #[test]
    fn every_depth_is_written_as_it_is() {
        let bytes: Vec<u8> = (0..28).collect();
        let deep = [&bytes[..12], &bytes[14..26]].concat();
        check(PixelFormat::Rgb48, 14, 16, &deep, &bytes);
        let plain = [&bytes[..6], &bytes[8..14]].concat();
        check(PixelFormat::Rgb24, 8, 8, &plain, &bytes);
    }
}
