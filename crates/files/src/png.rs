//! PNG pictures: RGB of 8 or 16 bits a channel, losslessly packed.

use crate::exif;
use crate::metadata::ImageMetadata;
use crate::rgb::write_rgb;
use crate::view::Picture;
use pinhole_base::colour::{Primaries, TransferFunction};
use pinhole_base::format::PixelFormat;
use pinhole_base::{Error, ErrorKind, Result};
use png::{BitDepth, ColorType, Encoder, EncodingError, Info, SrgbRenderingIntent};
use std::io::{self, Write};

/// Writes a picture as PNG, with its metadata as EXIF: 16 bits a channel if it has them, else 8.
/// Pictures in Y'CbCr become RGB.
///
/// # Errors
/// `InvalidArgument` if the metadata make no sense, and what writing to `out` fails with.
pub fn write(out: &mut impl Write, picture: &Picture<'_>, metadata: &ImageMetadata) -> Result<()> {
    metadata.check()?;
    encode(out, picture, metadata).map_err(|error| match error {
        EncodingError::IoError(error) => Error::from_io(&error, "writing a PNG"),
        other => Error::new(ErrorKind::InvalidArgument, "writing a PNG").because(other.to_string()),
    })
}

fn encode(
    out: &mut impl Write,
    picture: &Picture<'_>,
    metadata: &ImageMetadata,
) -> Result<(), EncodingError> {
    let mut writer = Encoder::with_info(out, info(picture, metadata))?.write_header()?;
    let mut rows = writer.stream_writer()?;
    match picture.format() {
        PixelFormat::Rgb48 => write_deep(&mut rows, picture)?,
        _ => write_rgb(&mut rows, picture)?,
    }
    rows.finish()?;
    writer.finish()
}

/// Writes numbers of 16 bits, high bytes first.
fn write_deep(out: &mut impl Write, picture: &Picture<'_>) -> io::Result<()> {
    let mut row = Vec::new();
    for y in 0..picture.size().height {
        row.clear();
        row.extend(picture.row(0, y).as_chunks().0.iter().flat_map(|&[low, high]| [high, low]));
        out.write_all(&row)?;
    }
    Ok(())
}

fn info(picture: &Picture<'_>, metadata: &ImageMetadata) -> Info<'static> {
    let (size, colour) = (picture.size(), picture.colour());
    let mut info = Info::with_size(size.width, size.height);
    let deep = picture.format() == PixelFormat::Rgb48;
    (info.color_type, info.bit_depth) =
        (ColorType::Rgb, if deep { BitDepth::Sixteen } else { BitDepth::Eight });
    if (colour.primaries, colour.transfer) == (Primaries::Rec709, TransferFunction::Srgb) {
        info.srgb = Some(SrgbRenderingIntent::Perceptual);
    }
    let content = exif::Content { size, colour, ycbcr: false };
    info.exif_metadata = Some(exif::block(metadata, &content, None).into());
    info
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_base::colour::ColourSpace;
    use pinhole_base::geometry::Size;
    use std::io::Cursor;

    #[test]
    fn sixteen_bits_come_back() {
        let bytes: Vec<u8> = (0..24).collect();
        let picture =
            Picture::new(PixelFormat::Rgb48, Size::new(2, 2), 12, ColourSpace::SRGB, &bytes).unwrap();
        let mut file = Vec::new();
        write(&mut file, &picture, &ImageMetadata::default()).unwrap();
        let mut reader = png::Decoder::new(Cursor::new(&file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.bit_depth, BitDepth::Sixteen);
        let high_first: Vec<u8> = bytes.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
        assert_eq!(pixels, high_first);
    }

    #[test]
    fn pixels_come_back() {
        let bytes: Vec<u8> = (0..60).collect();
        let picture =
            Picture::new(PixelFormat::Bgr24, Size::new(5, 3), 20, ColourSpace::SRGB, &bytes).unwrap();
        let mut file = Vec::new();
        write(&mut file, &picture, &ImageMetadata::default()).unwrap();
        let mut reader = png::Decoder::new(Cursor::new(&file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        for (y, row) in pixels.chunks_exact(15).enumerate() {
            let expected: Vec<u8> =
                picture.row(0, y as u32).chunks_exact(3).flat_map(|p| [p[2], p[1], p[0]]).collect();
            assert_eq!(row, expected);
        }
        assert_eq!(reader.info().srgb, Some(SrgbRenderingIntent::Perceptual));
        assert!(reader.info().exif_metadata.as_ref().unwrap().starts_with(b"II*\0"));
    }
}
