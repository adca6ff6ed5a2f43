//! Rows of any picture as R'G'B' bytes of full range. Knows nothing of files.

use crate::view::Picture;
use crate::ycbcr::components;
use pinhole_base::colour::Range;
use pinhole_base::format::PixelFormat;
use std::io::{self, Write};

/// Where red, green and blue lie in a pixel, and how many bytes it takes.
struct RgbLayout {
    channels: [usize; 3],
    pixel_bytes: usize,
}

fn rgb_layout(format: PixelFormat) -> RgbLayout {
    let (channels, pixel_bytes) = match format {
        PixelFormat::Rgb24 => ([0, 1, 2], 3),
        PixelFormat::Bgr24 => ([2, 1, 0], 3),
        PixelFormat::Rgbx32 => ([0, 1, 2], 4),
        PixelFormat::Bgrx32 => ([2, 1, 0], 4),
        // The high bytes.
        PixelFormat::Rgb48 => ([1, 3, 5], 6),
        other => panic!("{other} is not RGB"),
    };
    RgbLayout { channels, pixel_bytes }
}

/// Replaces `row` by row `y` of the picture, three bytes a pixel.
pub(crate) fn rgb_row(picture: &Picture<'_>, y: u32, row: &mut Vec<u8>) {
    row.clear();
    if let Some(components) = components(picture) {
        return components.rgb_row(y, row);
    }
    let RgbLayout { channels, pixel_bytes } = rgb_layout(picture.format());
    let pixels = picture.row(0, y).chunks_exact(pixel_bytes);
    row.extend(pixels.flat_map(|pixel| channels.map(|channel| pixel[channel])));
    if picture.colour().range == Range::Limited {
        row.iter_mut().for_each(|value| *value = stretched(*value));
    }
}

/// Writes all rows of the picture, three bytes a pixel.
pub(crate) fn write_rgb(out: &mut impl Write, picture: &Picture<'_>) -> io::Result<()> {
    let mut row = Vec::new();
    for y in 0..picture.size().height {
        rgb_row(picture, y, &mut row);
        out.write_all(&row)?;
    }
    Ok(())
}

/// 16 to 235 as 0 to 255.
fn stretched(value: u8) -> u8 {
    ((f64::from(value) - 16.0) * 255.0 / 219.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_base::colour::ColourSpace;
    use pinhole_base::geometry::Size;

    fn row(format: PixelFormat, stride: u32, colour: ColourSpace, bytes: &[u8]) -> Vec<u8> {
        let picture = Picture::new(format, Size::new(2, 1), stride, colour, bytes).unwrap();
        let mut row = vec![9; 4];
        rgb_row(&picture, 0, &mut row);
        row
    }

    #[test]
    fn channels_come_in_order() {
        let srgb = ColourSpace::SRGB;
        assert_eq!(row(PixelFormat::Rgb24, 6, srgb, &[1, 2, 3, 4, 5, 6]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(row(PixelFormat::Bgr24, 6, srgb, &[3, 2, 1, 6, 5, 4]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(row(PixelFormat::Rgbx32, 8, srgb, &[1, 2, 3, 0, 4, 5, 6, 0]), [1, 2, 3, 4, 5, 6]);
        let deep = [9, 1, 9, 2, 9, 3, 9, 4, 9, 5, 9, 6];
        assert_eq!(row(PixelFormat::Rgb48, 12, srgb, &deep), [1, 2, 3, 4, 5, 6]);
        assert_eq!(row(PixelFormat::Bgrx32, 8, srgb, &[3, 2, 1, 0, 6, 5, 4, 0]), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn ycbcr_becomes_rgb() {
        // JFIF's red and white.
        let red = row(PixelFormat::Yuyv, 4, ColourSpace::SYCC, &[76, 85, 76, 255]);
        assert!(
            red.iter().zip([255, 0, 0, 255, 0, 0]).all(|(a, b): (&u8, u8)| a.abs_diff(b) <= 1),
            "{red:?}"
        );
        assert_eq!(
            row(PixelFormat::Yuyv, 4, ColourSpace::REC709, &[235, 128, 16, 128]),
            [255, 255, 255, 0, 0, 0]
        );
    }

    #[test]
    fn limited_rgb_is_stretched() {
        let limited = ColourSpace { range: Range::Limited, ..ColourSpace::SRGB };
        assert_eq!(
            row(PixelFormat::Rgb24, 6, limited, &[16, 235, 0, 255, 126, 16]),
            [0, 255, 0, 255, 128, 0]
        );
    }
}
