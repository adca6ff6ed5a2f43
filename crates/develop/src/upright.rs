//! Turns pictures upright by EXIF's orientation. Knows nothing of files.

use crate::Pixels;
use pinhole_base::geometry::Size;

/// Orientations from 5 on have width and height exchanged.
const fn is_transposed(orientation: u16) -> bool {
    orientation >= 5
}

/// A size seen from the other side of such an orientation.
pub(crate) fn turned<Space>(size: Size<Space>, orientation: u16) -> Size<Space> {
    if is_transposed(orientation) { Size::new(size.height, size.width) } else { size }
}

/// The picture upright, and its size then.
pub(crate) fn turn(bytes: Vec<u8>, size: Size, pixels: Pixels, orientation: u16) -> (Vec<u8>, Size) {
    if orientation <= 1 {
        return (bytes, size);
    }
    let (width, height) = (size.width as usize, size.height as usize);
    let upright = match pixels {
        Pixels::Rgb => turned_plane::<3>(&bytes, (width, height), orientation),
        Pixels::Rgb48 => turned_plane::<6>(&bytes, (width, height), orientation),
        Pixels::Yuv420 => {
            let (luma, chroma) = bytes.split_at(width * height);
            let (cb, cr) = chroma.split_at(chroma.len() / 2);
            let half = (width / 2, height / 2);
            let mut upright = turned_plane::<1>(luma, (width, height), orientation);
            upright.extend(turned_plane::<1>(cb, half, orientation));
            upright.extend(turned_plane::<1>(cr, half, orientation));
            upright
        }
    };
    (upright, turned(size, orientation))
}

fn turned_plane<const BYTES: usize>(
    plane: &[u8],
    (width, height): (usize, usize),
    orientation: u16,
) -> Vec<u8> {
    let pixels: &[[u8; BYTES]] = plane.as_chunks().0;
    let (across, down) = if is_transposed(orientation) { (height, width) } else { (width, height) };
    let mut turned = Vec::with_capacity(plane.len());
    for y in 0..down {
        for x in 0..across {
            let (right, bottom) = (width - 1, height - 1);
            let (from_x, from_y) = match orientation {
                2 => (right - x, y),
                3 => (right - x, bottom - y),
                4 => (x, bottom - y),
                5 => (y, x),
                6 => (y, bottom - x),
                7 => (right - y, bottom - x),
                8 => (right - y, x),
                _ => (x, y),
            };
            turned.extend(pixels[from_y * width + from_x]);
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_orientation_turns_as_exif_says() {
        // Row 0 and column 0 of the stored picture are seen at these sides.
        let rgb: Vec<u8> = (1..=6).flat_map(|value| [value; 3]).collect();
        let turned = |orientation| {
            let (bytes, size) = turn(rgb.clone(), Size::new(3, 2), Pixels::Rgb, orientation);
            assert_eq!(size, if orientation < 5 { Size::new(3, 2) } else { Size::new(2, 3) });
            bytes.chunks(3).map(|pixel| pixel[0]).collect::<Vec<_>>()
        };
        assert_eq!(turned(1), [1, 2, 3, 4, 5, 6]);
        assert_eq!(turned(2), [3, 2, 1, 6, 5, 4]);
        assert_eq!(turned(3), [6, 5, 4, 3, 2, 1]);
        assert_eq!(turned(4), [4, 5, 6, 1, 2, 3]);
        assert_eq!(turned(5), [1, 4, 2, 5, 3, 6]);
        assert_eq!(turned(6), [4, 1, 5, 2, 6, 3]);
        assert_eq!(turned(7), [6, 3, 5, 2, 4, 1]);
        assert_eq!(turned(8), [3, 6, 2, 5, 1, 4]);
    }
}
