//! Sharpening: detail of luma against a 3×3 binomial blur, added to all three colours.

use crate::level::{Gain, Multiplier};
use crate::mosaic::{ColourRow, MosaicRow};
use crate::parameters::Sharpen;
use crate::simd::{Kernel, Level, Simd, each};

/// A finished row with its luma.
#[derive(Clone, Debug)]
pub(crate) struct TonedRow {
    /// Values of 0 to 65535.
    pub(crate) rgb: ColourRow,
    luma: MosaicRow,
    width: usize,
}

impl TonedRow {
    pub(crate) fn new(width: usize) -> Self {
        let cells = width.div_ceil(2);
        Self { rgb: ColourRow::new(cells), luma: MosaicRow::new(cells), width }
    }

    /// Computes luma from the colours.
    pub(crate) fn measure_luma(&mut self, level: Level) {
        level.run(Luma { rgb: &self.rgb, luma: &mut self.luma, cells: self.width.div_ceil(2) });
        if self.width % 2 == 1 {
            // The column beyond the last mirrors the one before it.
            let cells = self.width / 2;
            let mirrored = if cells > 0 { self.luma.inner(1)[cells - 1] } else { self.luma.inner(0)[0] };
            self.luma.inner_mut(1)[cells] = mirrored;
        }
        self.luma.mirror_ends();
    }
}

struct Luma<'a> {
    rgb: &'a ColourRow,
    luma: &'a mut MosaicRow,
    cells: usize,
}

impl Kernel for Luma<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let count = self.cells.div_ceil(S::LANES);
        for half in 0..2 {
            let [red, green, blue] = [0, 1, 2].map(|colour| self.rgb.vectors::<S>(half, colour, count));
            for (i, luma) in self.luma.vectors_mut::<S>(half, count).iter_mut().enumerate() {
                s.store(luma, s.avg(s.load(&green[i]), s.avg(s.load(&red[i]), s.load(&blue[i]))));
            }
        }
    }
}

/// A binomial mean of three rows.
#[inline(always)]
fn column<S: Simd>(s: S, rows: [&[S::Chunk]; 3], i: usize) -> S::V {
    s.avg(s.avg(s.load(&rows[0][i]), s.load(&rows[2][i])), s.load(&rows[1][i]))
}

/// Sharpens a row, given the rows above and below it.
pub(crate) struct SharpenRow<'a> {
    pub(crate) rows: [&'a TonedRow; 3],
    pub(crate) sharpen: Sharpen,
    pub(crate) out: &'a mut ColourRow,
}

impl Kernel for SharpenRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let count = self.rows[1].width.div_ceil(2).div_ceil(S::LANES);
        let [threshold, limit] = each!([self.sharpen.threshold, self.sharpen.limit], steps => {
            s.splat((steps * 257.0).clamp(0.0, 65535.0) as u16)
        });
        let (multiplier, strength) = Multiplier::for_gain(s, Gain::new(self.sharpen.strength));
        for half in 0..2 {
            // The column to the left of an even one is the odd one of the cell before.
            let (left, right) = if half == 0 { (-1, 0) } else { (0, 1) };
            let luma =
                |half: usize, first: isize| self.rows.map(|row| row.luma.vectors::<S>(half, first, count));
            let (west, middle, east) = (luma(1 - half, left), luma(half, 0), luma(1 - half, right));
            let colours = [0, 1, 2].map(|colour| self.rows[1].rgb.vectors::<S>(half, colour, count));
            let mut out = self.out.vectors_mut::<S>(half, count);
            for i in 0..count {
                let sides = s.avg(column(s, west, i), column(s, east, i));
                let blurred = s.avg(sides, column(s, middle, i));
                let own = s.load(&middle[1][i]);
                let [brighter, darker] = each!([s.subs(own, blurred), s.subs(blurred, own)], detail => {
                    s.min(multiplier.multiply(s.subs(detail, threshold), strength), limit)
                });
                for (out, colour) in out.iter_mut().zip(colours) {
                    s.store(&mut out[i], s.subs(s.adds(s.load(&colour[i]), brighter), darker));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_gain_contrast_within_the_limit_and_flat_parts_stay() {
        let mut row = TonedRow::new(8);
        for half in &mut row.rgb.halves {
            for colour in half.iter_mut() {
                colour[..4].copy_from_slice(&[20_000, 20_000, 40_000, 40_000]);
            }
        }
        row.measure_luma(Level::best());
        let sharpen = Sharpen { threshold: 0.0, strength: 1.0, limit: 10.0 };
        let mut out = row.rgb.clone();
        Level::best().run(SharpenRow { rows: [&row; 3], sharpen, out: &mut out });
        assert_eq!(out.halves[0][1][..4], [20_000, 20_000, 42_570, 40_000]);
        assert_eq!(out.halves[1][1][..4], [20_000, 17_430, 40_000, 40_000]);
    }
}
