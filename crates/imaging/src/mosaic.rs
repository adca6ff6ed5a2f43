//! Rows of a mosaic, split into their even and their odd columns, so that each half holds one
//! colour and neighbours of a colour lie side by side.

use std::ops::{Deref, DerefMut};

use crate::simd::{Aligned, LANES_MAX, Simd};

/// Samples before the first cell, of which the last is a mirrored one.
const FRONT: usize = LANES_MAX;

/// One row: `cells` pairs of samples, with one more pair at either end that mirrors the row
/// about its first and last sample, so that windows of ±2 columns need no special edges. Beyond
/// them there is room for whole vectors, which hold nothing of meaning.
#[derive(Clone, Debug)]
pub(crate) struct MosaicRow {
    /// Even columns, then odd ones. Cell `i` is at index `FRONT + i`.
    halves: [Aligned<u16>; 2],
    cells: usize,
}

impl MosaicRow {
    pub(crate) fn new(cells: usize) -> Self {
        let half = Aligned::zeros(FRONT + room_for(cells) + LANES_MAX);
        Self { halves: [half.clone(), half], cells }
    }

    /// The samples of one half, without the mirrored ends.
    pub(crate) fn inner(&self, half: usize) -> &[u16] {
        &self.halves[half][FRONT..FRONT + self.cells]
    }

    /// The samples of one half, to be written; call [`Self::mirror_ends`] after.
    pub(crate) fn inner_mut(&mut self, half: usize) -> &mut [u16] {
        &mut self.halves[half][FRONT..FRONT + self.cells]
    }

    /// Both halves with room for whole vectors, to be written; call [`Self::mirror_ends`] after.
    pub(crate) fn roomy_mut(&mut self) -> [&mut [u16]; 2] {
        let end = FRONT + self.cells.next_multiple_of(LANES_MAX);
        self.halves.each_mut().map(|half| &mut half[FRONT..end])
    }

    /// `count` vectors of one half, from a cell on; −1 is the first mirrored one.
    #[inline(always)]
    pub(crate) fn vectors<S: Simd>(&self, half: usize, first: isize, count: usize) -> &[S::Chunk] {
        &S::chunks(&self.halves[half][FRONT.wrapping_add_signed(first)..])[..count]
    }

    /// `count` vectors of one half, from the cell before `first` on, from it, and from that after
    /// it.
    #[inline(always)]
    pub(crate) fn around<S: Simd>(&self, half: usize, first: usize, count: usize) -> [&[S::Chunk]; 3] {
        let samples = &self.halves[half][FRONT - 1 + first..];
        [&S::chunks(samples)[..count], &S::chunks(&samples[1..])[..count], &S::chunks(&samples[2..])[..count]]
    }

    /// `count` vectors of one half from its first cell on, to be written.
    #[inline(always)]
    pub(crate) fn vectors_mut<S: Simd>(&mut self, half: usize, count: usize) -> &mut [S::Chunk] {
        &mut S::chunks_mut(&mut self.halves[half][FRONT..])[..count]
    }

    /// Fills the pairs at either end. Needs two cells.
    pub(crate) fn mirror_ends(&mut self) {
        let (before, last) = (FRONT - 1, FRONT + self.cells);
        let [even, odd] = &mut self.halves;
        even[before] = even[FRONT + 1];
        odd[before] = odd[FRONT];
        even[last] = even[last - 1];
        odd[last] = odd[last - 2];
    }

    /// Clears what lies beyond the last cell.
    pub(crate) fn clear_room(&mut self) {
        for half in &mut self.halves {
            half[FRONT + self.cells..].fill(0);
        }
    }
}

/// Cells that whole vectors for `cells` have, of any back-end.
pub(crate) const fn room_for(cells: usize) -> usize {
    cells.next_multiple_of(LANES_MAX) + LANES_MAX
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

    /// A row before row `y`, by less than are kept, and that row.
    pub(crate) fn row_and_before(&mut self, y: usize, by: usize) -> (&T, &mut T) {
        let count = self.0.len();
        let places = [(y + count - by) % count, y % count];
        let [before, row] = self.0.get_disjoint_mut(places).expect("two rows of those that are kept");
        (before, row)
    }
}

/// Five rows about one, mirrored at the top and bottom of the frame.
#[derive(Clone, Copy)]
pub(crate) struct Window<'a>(pub(crate) [&'a MosaicRow; 5]);

impl<'a> Window<'a> {
    /// The window about row `y` of `height` rows. Needs three rows.
    pub(crate) fn about(ring: &'a Ring<MosaicRow>, y: usize, height: usize) -> Self {
        let last = height as isize - 1;
        Self(std::array::from_fn(|i| {
            let row = (y as isize + i as isize - 2).abs();
            ring.row(if row > last { 2 * last - row } else { row } as usize)
        }))
    }

    /// The samples two up, down, left and right of every pixel of one half of the middle row:
    /// slices of one length.
    #[inline(always)]
    pub(crate) fn same_colour(&self, half: usize, count: usize) -> [&'a [u16]; 4] {
        let at = |row: usize, shift: usize| &self.0[row].halves[half][FRONT + shift - 1..][..count];
        [at(0, 1), at(4, 1), at(2, 0), at(2, 2)]
    }
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

/// The colours of the even columns of a row, or of the odd ones, with room for whole vectors.
pub(crate) type Half = Rgb<Aligned<u16>>;

impl Half {
    pub(crate) fn new(cells: usize) -> Self {
        Self([(); 3].map(|()| Aligned::zeros(room_for(cells))))
    }

    /// `count` vectors of each colour.
    #[inline(always)]
    pub(crate) fn vectors<S: Simd>(&self, count: usize) -> [&[S::Chunk]; 3] {
        self.each_ref().map(|colour| &S::chunks(colour)[..count])
    }

    /// `count` vectors of each colour, to be written.
    #[inline(always)]
    pub(crate) fn vectors_mut<S: Simd>(&mut self, count: usize) -> [&mut [S::Chunk]; 3] {
        self.each_mut().map(|colour| &mut S::chunks_mut(colour)[..count])
    }
}

/// A row in full colour, split into even and odd columns as the mosaic is.
#[derive(Clone, Debug)]
pub(crate) struct ColourRow {
    pub(crate) halves: [Half; 2],
}

impl ColourRow {
    pub(crate) fn new(cells: usize) -> Self {
        let half = Half::new(cells);
        Self { halves: [half.clone(), half] }
    }

    /// `count` vectors of one half and colour.
    #[inline(always)]
    pub(crate) fn vectors<S: Simd>(&self, half: usize, colour: usize, count: usize) -> &[S::Chunk] {
        &S::chunks(&self.halves[half][colour])[..count]
    }

    /// `count` vectors of each colour of one half, to be written.
    #[inline(always)]
    pub(crate) fn vectors_mut<S: Simd>(&mut self, half: usize, count: usize) -> [&mut [S::Chunk]; 3] {
        self.halves[half].vectors_mut::<S>(count)
    }
}

#[cfg(test)]
pub(crate) fn split(samples: &[u16]) -> MosaicRow {
    let mut row = MosaicRow::new(samples.len() / 2);
    for (i, &sample) in samples.iter().enumerate() {
        row.inner_mut(i % 2)[i / 2] = sample;
    }
    row.mirror_ends();
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_mirror_about_the_outermost_samples() {
        let row = split(&[10, 11, 12, 13, 14, 15]);
        let ends = |half: usize| &row.halves[half][FRONT - 1..FRONT + 4];
        assert_eq!(ends(0), [12, 10, 12, 14, 14]);
        assert_eq!(ends(1), [11, 11, 13, 15, 13]);
    }

    #[test]
    fn windows_mirror_at_top_and_bottom() {
        let mut ring = Ring::new(MosaicRow::new(2), 5);
        for y in 0..4 {
            *ring.row_mut(y) = split(&[y as u16; 4]);
        }
        let rows = |y| Window::about(&ring, y, 4).0.map(|row| row.inner(0)[1]);
        assert_eq!(rows(0), [2, 1, 0, 1, 2]);
        assert_eq!(rows(3), [1, 2, 3, 2, 1]);
    }
}
