//! PPM pictures (Netpbm's P6): a line of text and RGB bytes, which any program can read.

use crate::rgb::write_rgb;
use crate::view::Picture;
use pinhole_base::{Error, Result};
use std::io::{self, Write};

/// Writes a picture as PPM. Pictures in Y'CbCr become RGB.
///
/// # Errors
/// What writing to `out` fails with.
pub fn write(out: &mut impl Write, picture: &Picture<'_>) -> Result<()> {
    encode(out, picture).map_err(|error| Error::from_io(&error, "writing a PPM"))
}

fn encode(out: &mut impl Write, picture: &Picture<'_>) -> io::Result<()> {
    let size = picture.size();
    write!(out, "P6\n{} {}\n255\n", size.width, size.height)?;
    write_rgb(out, picture)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_base::colour::ColourSpace;
    use pinhole_base::format::PixelFormat;
    use pinhole_base::geometry::Size;

    #[test]
    fn a_header_and_rows_without_padding() {
        let bytes = [1, 2, 3, 0, 4, 5, 6, 0];
        let picture =
            Picture::new(PixelFormat::Rgb24, Size::new(1, 2), 4, ColourSpace::SRGB, &bytes).unwrap();
        let mut file = Vec::new();
        write(&mut file, &picture).unwrap();
        assert_eq!(file, b"P6\n1 2\n255\n\x01\x02\x03\x04\x05\x06");
    }
}
