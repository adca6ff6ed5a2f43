//! Bare samples, as they lie in memory: with their row padding or without. Knows nothing of
//! what they mean.

use crate::view::{Picture, RawImage};
use pinhole_base::{Error, Result};
use std::io::{self, Write};

/// What becomes of the bytes between the end of a row and the start of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// They are left out: rows follow one another.
    Dropped,
    /// They are written as they lie in memory; where the last row's are missing, zeros.
    Kept,
}

/// Writes the rows of a raw frame.
///
/// # Errors
/// What writing to `out` fails with.
pub fn write_raw(out: &mut impl Write, image: &RawImage<'_>, padding: Padding) -> Result<()> {
    let written = match padding {
        Padding::Dropped => image.rows().try_for_each(|row| out.write_all(row)),
        Padding::Kept => {
            let whole = image.stride_bytes() as usize * image.size().height as usize;
            write_padded(out, image.bytes(), whole)
        }
    };
    written.map_err(|error| Error::from_io(&error, "writing raw samples"))
}

/// Writes the planes of a picture, one after another.
///
/// # Errors
/// What writing to `out` fails with.
pub fn write(out: &mut impl Write, picture: &Picture<'_>, padding: Padding) -> Result<()> {
    let written =
        match padding {
            Padding::Dropped => write_planes(out, picture),
            Padding::Kept => picture.planes().iter().enumerate().try_for_each(|(index, plane)| {
                write_padded(out, picture.plane(index), plane.bytes() as usize)
            }),
        };
    written.map_err(|error| Error::from_io(&error, "writing planes"))
}

fn write_planes(out: &mut impl Write, picture: &Picture<'_>) -> io::Result<()> {
    for (index, plane) in picture.planes().iter().enumerate() {
        for y in 0..plane.rows {
            out.write_all(picture.row(index, y))?;
        }
    }
    Ok(())
}

fn write_padded(out: &mut impl Write, bytes: &[u8], whole: usize) -> io::Result<()> {
    let there = bytes.len().min(whole);
    out.write_all(&bytes[..there])?;
    out.write_all(&vec![0; whole - there])
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_base::colour::ColourSpace;
    use pinhole_base::format::{Packing, PixelFormat, RawFormat};
    use pinhole_base::geometry::Size;

    #[test]
    fn rows_come_with_or_without_padding() {
        let bytes: Vec<u8> = (0..22).collect();
        let format = RawFormat { order: None, bits: 16, packing: Packing::Unpacked };
        let image = RawImage::new(format, Size::new(3, 3), 8, &bytes).unwrap();
        let mut dropped = Vec::new();
        write_raw(&mut dropped, &image, Padding::Dropped).unwrap();
        assert_eq!(dropped, [&bytes[..6], &bytes[8..14], &bytes[16..22]].concat());
        let mut kept = Vec::new();
        write_raw(&mut kept, &image, Padding::Kept).unwrap();
        assert_eq!(kept, [&bytes[..], &[0, 0]].concat());
    }

    #[test]
    fn planes_follow_one_another() {
        let bytes: Vec<u8> = (0..24).collect();
        let picture = Picture::new(PixelFormat::Nv12, Size::new(2, 4), 4, ColourSpace::SYCC, &bytes).unwrap();
        let mut dropped = Vec::new();
        write(&mut dropped, &picture, Padding::Dropped).unwrap();
        assert_eq!(dropped, [0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21]);
    }
    #[test]
    fn planes_in_memory_of_their_own_are_written_one_after_another() {
        let (luma, chroma): (Vec<u8>, Vec<u8>) = ((0..16).collect(), (16..24).collect());
        let (size, colour) = (Size::new(2, 4), ColourSpace::SYCC);
        let picture = Picture::of_memory(PixelFormat::Nv12m, size, 4, colour, &[&luma, &chroma]).unwrap();
        let written = |padding| {
            let mut out = Vec::new();
            write(&mut out, &picture, padding).unwrap();
            out
        };
        assert_eq!(written(Padding::Dropped), [0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21]);
        assert_eq!(written(Padding::Kept), (0..24).collect::<Vec<u8>>());
    }
}
