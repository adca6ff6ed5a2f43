//! Rows of a mosaic, split into their even and their odd columns, so that each half holds one
//! colour and neighbours of a colour lie side by side.

use std::ops::{Deref, DerefMut};

/// One row: `cells` pairs of samples, with one more pair at either end that mirrors the row
/// about its first and last sample, so that windows of ±2 columns need no special edges.
#[derive(Clone, Debug)]
pub(crate) struct MosaicRow {
    /// Even columns, then odd ones. Cell `i` is at index `i + 1`.
    pub(crate) halves: [Vec<u16>; 2],
}

impl MosaicRow {
    pub(crate) fn new(cells: usize) -> Self {
        Self { halves: [vec![0; cells + 2], vec![0; cells + 2]] }
    }

    /// The samples of one half, without the mirrored ends.
    pub(crate) fn inner(&self, half: usize) -> &[u16] {
        let samples = &self.halves[half];
        &samples[1..samples.len() - 1]
    }

    /// The samples of one half, to be written; call [`Self::mirror_ends`] after.
    pub(crate) fn inner_mut(&mut self, half: usize) -> &mut [u16] {
        let end = self.halves[half].len() - 1;
        &mut self.halves[half][1..end]
    }

    /// Fills the pairs at either end. Needs two cells.
    pub(crate) fn mirror_ends(&mut self) {
        let last = self.halves[0].len() - 1;
        let [even, odd] = &mut self.halves;
        even[0] = even[2];
        odd[0] = odd[1];
        even[last] = even[last - 1];
        odd[last] = odd[last - 2];
    }

    /// Splits a row of samples, shifted left, and mirrors its ends.
    pub(crate) fn split(&mut self, samples: &[u16], shift: u32) {
        let [even, odd] = &mut self.halves;
        let (even, odd) = (&mut even[1..], &mut odd[1..]);
        for ((even, odd), pair) in even.iter_mut().zip(odd).zip(samples.as_chunks::<2>().0) {
            *even = pair[0] << shift;
            *odd = pair[1] << shift;
        }
        self.mirror_ends();
    }
}

/// The last few rows of something, by row number.
#[derive(Clone, Debug)]
pub(crate) struct Ring<T>(Vec<T>);

impl<T: Clone> Ring<T> {
    pub(crate) fn new(row: T, count: usize) -> Self {
        Self(vec![row; count])
    }

    pub(crate) fn row(&self, y: usize) -> &T {
        &self.0[y % self.0.len()]
    }

    pub(crate) fn row_mut(&mut self, y: usize) -> &mut T {
        let count = self.0.len();
        &mut self.0[y % count]
    }
}

/// Five rows about one, mirrored at the top and bottom of the frame.
#[derive(Clone, Copy)]
pub(crate) struct Window<'a>([&'a MosaicRow; 5]);

impl<'a> Window<'a> {
    /// The window about row `y` of `height` rows. Needs three rows.
    pub(crate) fn about(ring: &'a Ring<MosaicRow>, y: usize, height: usize) -> Self {
        let last = height as isize - 1;
        Self(std::array::from_fn(|i| {
            let row = (y as isize + i as isize - 2).abs();
            ring.row(if row > last { 2 * last - row } else { row } as usize)
        }))
    }

    /// The samples about every pixel of one half of the middle row, cell by cell from `first`.
    pub(crate) fn samples(&self, half: usize, first: usize, count: usize) -> Neighbours<'a> {
        let at = |row: usize, half: usize, shift: usize| {
            let start = first + shift;
            &self.0[row].halves[half][start..start + count]
        };
        let (other, west) = (1 - half, half);
        Neighbours {
            centre: at(2, half, 1),
            north: at(1, half, 1),
            south: at(3, half, 1),
            west: at(2, other, west),
            east: at(2, other, west + 1),
            north2: at(0, half, 1),
            south2: at(4, half, 1),
            west2: at(2, half, 0),
            east2: at(2, half, 2),
            diagonal: [
                at(1, other, west),
                at(1, other, west + 1),
                at(3, other, west),
                at(3, other, west + 1),
            ],
        }
    }
}

/// Equally long slices; index `i` of each belongs to the same pixel.
pub(crate) struct Neighbours<'a> {
    pub(crate) centre: &'a [u16],
    pub(crate) north: &'a [u16],
    pub(crate) south: &'a [u16],
    pub(crate) west: &'a [u16],
    pub(crate) east: &'a [u16],
    pub(crate) north2: &'a [u16],
    pub(crate) south2: &'a [u16],
    pub(crate) west2: &'a [u16],
    pub(crate) east2: &'a [u16],
    pub(crate) diagonal: [&'a [u16]; 4],
}

/// Three equally shaped things for red, green and blue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rgb<T>(pub(crate) [T; 3]);

impl<T> Deref for Rgb<T> {
    type Target = [T; 3];
    fn deref(&self) -> &[T; 3] {
        &self.0
    }
}

impl<T> DerefMut for Rgb<T> {
    fn deref_mut(&mut self) -> &mut [T; 3] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_mirror_about_the_outermost_samples() {
        let mut row = MosaicRow::new(3);
        row.split(&[10, 11, 12, 13, 14, 15], 0);
        assert_eq!(row.halves[0], [12, 10, 12, 14, 14]);
        assert_eq!(row.halves[1], [11, 11, 13, 15, 13]);
    }

    #[test]
    fn windows_mirror_at_top_and_bottom() {
        let mut ring = Ring::new(MosaicRow::new(2), 5);
        for y in 0..4 {
            ring.row_mut(y).split(&[y as u16; 4], 0);
        }
        let rows = |y| Window::about(&ring, y, 4).0.map(|row| row.halves[0][1]);
        assert_eq!(rows(0), [2, 1, 0, 1, 2]);
        assert_eq!(rows(3), [1, 2, 3, 2, 1]);
    }
}
