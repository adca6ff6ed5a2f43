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
        let size = fitted(from, Size::new(side, side));
        let rgb = shrunk(3, from, size, |y, row| rgb_row(picture, y, row));
        let colour = ColourSpace { encoding: YcbcrEncoding::None, range: Range::Full, ..picture.colour() };
        Self { size, colour, rgb }
    }

    /// A view of it.
    pub fn picture(&self) -> Picture<'_> {
        Picture::new(PixelFormat::Rgb24, self.size, self.size.width * 3, self.colour, &self.rgb)
            .expect("its rows were made to its size")
    }
}

/// The largest size of that shape that fits into another; itself if it does, and 1 at least.
pub(crate) fn fitted(from: Size, into: Size) -> Size {
    if from.width <= into.width && from.height <= into.height {
        return from;
    }
    let fitted = into.fit(from);
    Size::new(fitted.width.max(1), fitted.height.max(1))
}

/// First of the `from` rows or columns that `at` of `to` stands for.
fn source(at: u32, from: u32, to: u32) -> u32 {
    (u64::from(at) * u64::from(from) / u64::from(to)) as u32
}

/// Pixels of so many bytes shrunk to a size no larger: means over boxes, without a gap or an
/// overlap. `row_of` replaces a row by one of the large picture.
pub(crate) fn shrunk(
    channels: usize,
    from: Size,
    to: Size,
    mut row_of: impl FnMut(u32, &mut Vec<u8>),
) -> Vec<u8> {
    let columns = |x: u32| source(x, from.width, to.width)..source(x + 1, from.width, to.width);
    let (mut small, mut row) = (Vec::with_capacity(to.area() as usize * channels), Vec::new());
    let mut sums = vec![0u64; to.width as usize * channels];
    for y in 0..to.height {
        sums.fill(0);
        let rows = source(y, from.height, to.height)..source(y + 1, from.height, to.height);
        for source_y in rows.clone() {
            row_of(source_y, &mut row);
            for (x, sums) in (0..to.width).zip(sums.chunks_exact_mut(channels)) {
                let columns = columns(x).start as usize * channels..columns(x).end as usize * channels;
                add_pixels(&row[columns], sums);
            }
        }
        let pixels = |index: usize| (columns((index / channels) as u32).len() * rows.len()) as u64;
        small.extend(sums.iter().enumerate().map(|(i, sum)| ((sum + pixels(i) / 2) / pixels(i)) as u8));
    }
    small
}

fn add_pixels(pixels: &[u8], sums: &mut [u64]) {
    for pixel in pixels.chunks_exact(sums.len()) {
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
