//! Lines of numbers in 32-bit floating point, and what computes one of others.
//!
//! No vectors are named: the loops become vectors of the width that is allowed where they are
//! inlined.

use crate::mosaic::MosaicRow;
use crate::simd::{Aligned, LINE_BYTES};

/// Numbers that are computed at once: as many as a line of the cache has, and the widest vector.
pub(super) const PIECE: usize = LINE_BYTES / size_of::<f32>();
/// Numbers of a line before the first cell of the row: a piece that is looked into, and one that is
/// computed.
const FRONT: usize = 2 * PIECE;

/// One half of a row, in pieces: one more than are computed at either end, so that neighbours of
/// the outermost numbers can be read. What those hold is worth nothing.
#[derive(Clone, Debug)]
pub(super) struct Line {
    numbers: Aligned<f32>,
    /// Pieces that are computed.
    count: usize,
}

impl Line {
    /// For so many cells, of which `margin` more are computed at either end: a piece at most.
    pub(super) fn new(cells: usize, margin: usize) -> Self {
        let count = 1 + (cells + margin).div_ceil(PIECE);
        Self { numbers: Aligned::zeros((count + 2) * PIECE), count }
    }

    /// So many pieces, from any number on.
    #[inline(always)]
    fn pieces(&self, start: usize, count: usize) -> &[[f32; PIECE]] {
        self.numbers[start..][..count * PIECE].as_chunks().0
    }

    /// What is computed, or what lies so many numbers after it.
    #[inline(always)]
    pub(super) fn shifted(&self, by: isize) -> &[[f32; PIECE]] {
        self.pieces(PIECE.wrapping_add_signed(by), self.count)
    }

    /// What is computed.
    #[inline(always)]
    pub(super) fn computed_mut(&mut self) -> &mut [[f32; PIECE]] {
        self.numbers[PIECE..][..self.count * PIECE].as_chunks_mut().0
    }

    /// So many pieces, from a cell of the row on, or from one before it.
    #[inline(always)]
    pub(super) fn at_cell(&self, cell: isize, count: usize) -> &[[f32; PIECE]] {
        self.pieces(FRONT.wrapping_add_signed(cell), count)
    }

    /// The numbers of the row's cells, and those beyond.
    #[inline(always)]
    fn cells_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[FRONT..]
    }
}

/// A row, split into even and odd columns.
#[derive(Clone, Debug)]
pub(super) struct Halves([Line; 2]);

impl Halves {
    pub(super) fn new(cells: usize, margin: usize) -> Self {
        Self([Line::new(cells, margin), Line::new(cells, margin)])
    }

    #[inline(always)]
    pub(super) fn half(&self, half: usize) -> &Line {
        &self.0[half]
    }

    #[inline(always)]
    pub(super) fn computed_mut(&mut self) -> [&mut [[f32; PIECE]]; 2] {
        let [even, odd] = &mut self.0;
        [even.computed_mut(), odd.computed_mut()]
    }

    /// From two columns to the west of the even ones to two to the east of the odd ones.
    #[inline(always)]
    pub(super) fn beside(&self) -> [&[[f32; PIECE]]; 6] {
        let [even, odd] = &self.0;
        [even.shifted(-1), odd.shifted(-1), even.shifted(0), odd.shifted(0), even.shifted(1), odd.shifted(1)]
    }

    /// Takes over a row of the mosaic and mirrors it, by `margin` cells, about its first and its last
    /// sample.
    #[inline(always)]
    pub(super) fn fill(&mut self, row: &MosaicRow, margin: usize) {
        let mosaic = [row.inner(0), row.inner(1)];
        for (line, mosaic) in self.0.iter_mut().zip(mosaic) {
            for (own, &sample) in line.cells_mut().iter_mut().zip(mosaic) {
                *own = f32::from(sample);
            }
        }
        let width = 2 * mosaic[0].len();
        for i in 1..=2 * margin {
            for (place, column) in
                [(2 * FRONT - i, -(i as isize)), (2 * FRONT + width - 1 + i, (width - 1 + i) as isize)]
            {
                let from = folded(column, width);
                self.0[place % 2].numbers[place / 2] = f32::from(mosaic[from % 2][from / 2]);
            }
        }
    }

    /// Fills what is computed with zeros.
    pub(super) fn clear(&mut self) {
        for line in self.computed_mut() {
            line.as_flattened_mut().fill(0.0);
        }
    }
}

/// The place of `0..size` that a place outside mirrors, however far outside it is.
#[inline(always)]
pub(super) fn folded(place: isize, size: usize) -> usize {
    let last = size - 1;
    // Seldom more than a turn: quicker than a division.
    let mut turn = place.unsigned_abs();
    while turn > 2 * last {
        turn -= 2 * last;
    }
    turn.min(2 * last - turn)
}

/// Computes numbers from those in the same place of other lines.
#[inline(always)]
pub(super) fn combine<T: Copy, const N: usize, const M: usize>(
    out: [&mut [[T; PIECE]]; M],
    inputs: [&[[f32; PIECE]]; N],
    value: impl Fn([f32; N]) -> [T; M],
) {
    revise(out, inputs, |_, here| value(here));
}

/// Computes numbers from what they were and from those in the same place of other lines.
#[inline(always)]
pub(super) fn revise<T: Copy, const N: usize, const M: usize>(
    mut out: [&mut [[T; PIECE]]; M],
    inputs: [&[[f32; PIECE]]; N],
    value: impl Fn([T; M], [f32; N]) -> [T; M],
) {
    let count = out[0].len();
    let mut cut: [&[[f32; PIECE]]; N] = [&[]; N];
    for (cut, input) in cut.iter_mut().zip(inputs) {
        *cut = &input[..count];
    }
    for out in &mut out {
        assert!(out.len() == count, "lines are of one length");
    }
    for i in 0..count {
        let mut near: [&[f32; PIECE]; N] = [&[0.0; PIECE]; N];
        for (near, input) in near.iter_mut().zip(cut) {
            *near = &input[i];
        }
        // In a place of its own, which is known not to overlap the inputs.
        let mut made = [out[0][i]; M];
        for (made, out) in made.iter_mut().zip(&out) {
            *made = out[i];
        }
        for lane in 0..PIECE {
            let mut here = [0.0; N];
            for (here, near) in here.iter_mut().zip(near) {
                *here = near[lane];
            }
            let mut was = [made[0][lane]; M];
            for (was, made) in was.iter_mut().zip(&made) {
                *was = made[lane];
            }
            for (made, value) in made.iter_mut().zip(value(was, here)) {
                made[lane] = value;
            }
        }
        for (out, made) in out.iter_mut().zip(made) {
            out[i] = made;
        }
    }
}
