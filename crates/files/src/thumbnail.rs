//! Small pictures made from large ones, for files that carry both. Knows nothing of those
//! files.

use crate::rgb::rgb_row;
use crate::view::Picture;
use pinhole_base::colour::{ColourSpace, Range, YcbcrEncoding};
use pinhole_base::format::PixelFormat;
use pinhole_base::geometry::Size;

/// A small RGB picture that owns its pixels.
#[derive(Clone, Debug)]
pub struct Thumbnail {
    size: Size,
    colour: ColourSpace,
    rgb: Vec<u8>,
}

impl Thumbnail {
    /// Shrinks a picture so that its longer side is at most `side_max` pixels (at least 1),
    /// each pixel the mean of those it stands for. Smaller pictures keep their size.
    pub fn of(picture: &Picture<'_>, side_max: u32) -> Self {
        let (from, side) = (picture.size(), side_max.max(1));
        let size = if from.width.max(from.height) <= side {
            from
        } else {
            let fitted: Size = Size::new(side, side).fit(from);
            Size::new(fitted.width.max(1), fitted.height.max(1))
        };
        let rgb = (0..size.height).flat_map(|y| shrunk_row(picture, size, y)).collect();
        let colour = ColourSpace { encoding: YcbcrEncoding::None, range: Range::Full, ..picture.colour() };
        Self { size, colour, rgb }
    }

    /// A view of it.
    pub fn picture(&self) -> Picture<'_> {
        Picture::new(PixelFormat::Rgb24, self.size, self.size.width * 3, self.colour, &self.rgb)
            .expect("its rows were made to its size")
    }
}

/// First of the `from` rows or columns that `at` of `to` stands for.
fn source(at: u32, from: u32, to: u32) -> u32 {
    (u64::from(at) * u64::from(from) / u64::from(to)) as u32
}

/// Row `y` of the picture shrunk to `size`: means over boxes, without a gap or an overlap.
fn shrunk_row(picture: &Picture<'_>, size: Size, y: u32) -> Vec<u8> {
    let from = picture.size();
    let (mut sums, mut row) = (vec![0u64; size.width as usize * 3], Vec::new());
    let rows = source(y, from.height, size.height)..source(y + 1, from.height, size.height);
    let columns = |x: u32| source(x, from.width, size.width)..source(x + 1, from.width, size.width);
    for source_y in rows.clone() {
        rgb_row(picture, source_y, &mut row);
        for x in 0..size.width {
            add_pixels(&row, columns(x), &mut sums[x as usize * 3..][..3]);
        }
    }
    let pixels = |index: usize| (columns(index as u32 / 3).len() * rows.len()) as u64;
    sums.iter().enumerate().map(|(index, sum)| (sum / pixels(index)) as u8).collect()
}

fn add_pixels(row: &[u8], columns: std::ops::Range<u32>, sums: &mut [u64]) {
    for pixel in row[columns.start as usize * 3..columns.end as usize * 3].chunks_exact(3) {
        for (sum, &value) in sums.iter_mut().zip(pixel) {
            *sum += u64::from(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_averaged() {
        let bytes: Vec<u8> = (0..4 * 2).flat_map(|pixel| [pixel * 10, 100, 255]).collect();
        let size = Size::new(4, 2);
        let picture = Picture::new(PixelFormat::Rgb24, size, 12, ColourSpace::SRGB, &bytes).unwrap();
        let small = Thumbnail::of(&picture, 2);
        let picture = small.picture();
        assert_eq!(picture.size(), Size::new(2, 1));
        assert_eq!(picture.row(0, 0), [25, 100, 255, 45, 100, 255]);
    }

    #[test]
    fn small_and_odd_pictures_work() {
        let bytes = vec![7; 3 * 700];
        for (width, height, expected) in
            [(1, 700, (1, 16)), (700, 1, (16, 1)), (5, 4, (5, 4)), (30, 23, (16, 12))]
        {
            let size = Size::new(width, height);
            let picture =
                Picture::new(PixelFormat::Rgb24, size, width * 3, ColourSpace::SRGB, &bytes[..]).unwrap();
            let small = Thumbnail::of(&picture, 16);
            let view = small.picture();
            assert_eq!((view.size().width, view.size().height), expected);
            assert!((0..view.size().height).all(|y| view.row(0, y).iter().all(|&value| value == 7)));
        }
    }
}
