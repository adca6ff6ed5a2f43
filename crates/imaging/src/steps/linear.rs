//! Linear interpolation of a mosaic as it lies in memory, colours by turns.
//!
//! In the processor's rows each half is of one colour ([`crate::mosaic`]), which serves all that
//! comes after the interpolation. Here nothing does: so rows are not taken apart, all means are
//! made at every pixel, and the right ones chosen by whether it is in an even or an odd column.

use pinhole_base::format::{BayerColour, BayerOrder};

use crate::interleave::WordPlaces;
use crate::simd::{AHEAD_BYTES, BLOCK, Kernel, LANES_MAX, LINE_BYTES, Simd, each};

/// Interpolates a row.
pub(super) struct LinearRow<'a> {
    /// The row above, it, and the row below: of one length, at least 2.
    pub(super) rows: [&'a [u16]; 3],
    pub(super) order: BayerOrder,
    /// The row's number.
    pub(super) y: usize,
    /// Six bytes for each pixel.
    pub(super) out: &'a mut [u8],
}

impl Kernel for LinearRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // Red rows and blue rows differ in the places of red and blue alone.
        match self.order.colour_at(0, self.y) {
            BayerColour::GreenRed => self.with(s, &Vectors::<S, 0>::new(s, [0, 1, 2])),
            BayerColour::GreenBlue => self.with(s, &Vectors::<S, 0>::new(s, [2, 1, 0])),
            BayerColour::Red => self.with(s, &Vectors::<S, 1>::new(s, [0, 1, 2])),
            BayerColour::Blue => self.with(s, &Vectors::<S, 1>::new(s, [2, 1, 0])),
        }
    }
}

impl LinearRow<'_> {
    #[inline(always)]
    fn with<S: Simd, const GREEN: usize>(self, s: S, vectors: &Vectors<S, GREEN>) {
        let width = self.rows[1].len();
        let bytes = 6 * S::LANES;
        // Whole vectors that have a neighbour on both sides begin with the second.
        let inner = width.saturating_sub(S::LANES + 1) / S::LANES;
        let (first, rest) = self.out.split_at_mut(bytes.min(self.out.len()));
        let (middle, last) = rest.split_at_mut(inner * bytes);
        if inner > 0 {
            let [above, own, below] = each!([0, 1, 2], row => {
                let row = &self.rows[row][S::LANES - 1..];
                [&S::chunks(row)[..inner], &S::chunks(&row[1..])[..inner], &S::chunks(&row[2..])[..inner]]
            });
            for (i, out) in middle.chunks_exact_mut(bytes).enumerate() {
                for line in 0..bytes.div_ceil(LINE_BYTES) {
                    s.prefetch(out, AHEAD_BYTES + line * LINE_BYTES);
                }
                vectors.interpolate([above, own, below], i, out);
            }
        }
        interpolate_end(self.rows, vectors, 0, first);
        for (i, out) in last.chunks_mut(bytes).enumerate() {
            interpolate_end(self.rows, vectors, (inner + 1 + i) * S::LANES, out);
        }
    }
}

/// Interpolates up to a vector of pixels from `start` on, with what lies beyond the ends
/// mirrored.
#[inline(always)]
fn interpolate_end<S: Simd, const GREEN: usize>(
    rows: [&[u16]; 3],
    vectors: &Vectors<S, GREEN>,
    start: usize,
    out: &mut [u8],
) {
    let last = rows[1].len() - 1;
    let mut samples = [[0; LANES_MAX + 2]; 3];
    for (samples, row) in samples.iter_mut().zip(rows) {
        for (i, sample) in samples.iter_mut().enumerate() {
            let x = (start + i).abs_diff(1);
            *sample = row[if x > last { (2 * last).saturating_sub(x) } else { x }];
        }
    }
    let [above, own, below] = each!([0, 1, 2], row => {
        let row = &samples[row];
        [&S::chunks(row)[..1], &S::chunks(&row[1..])[..1], &S::chunks(&row[2..])[..1]]
    });
    let mut pixels = [0; 6 * LANES_MAX];
    vectors.interpolate([above, own, below], 0, &mut pixels[..6 * S::LANES]);
    out.copy_from_slice(&pixels[..out.len()]);
}

/// Numbers in registers, for rows whose green pixels are in `GREEN`: even columns, or odd ones.
struct Vectors<S: Simd, const GREEN: usize> {
    simd: S,
    is_green: S::V,
    /// Of the row's own colour, green and the third.
    places: WordPlaces<S>,
}

impl<S: Simd, const GREEN: usize> Vectors<S, GREEN> {
    /// `channels`: the places of the row's own colour, green and the third in a pixel.
    #[inline(always)]
    fn new(simd: S, channels: [usize; 3]) -> Self {
        let all = |half: usize| if half == GREEN { u16::MAX } else { 0 };
        let (even, odd) = (all(0), all(1));
        let is_green = simd.splat_block([even, odd, even, odd, even, odd, even, odd]);
        Self { simd, is_green, places: WordPlaces::new(simd, channels) }
    }

    /// Makes the `i`th vector of pixels. Of each row there are vectors from the column to the
    /// left on, from the pixel's own, and from that to the right.
    #[inline(always)]
    fn interpolate(&self, rows: [[&[S::Chunk]; 3]; 3], i: usize, out: &mut [u8]) {
        let s = self.simd;
        let [above, own, below] = rows;
        let [beside_above, beside, beside_below] =
            each!([above, own, below], row => s.avg(s.load(&row[0][i]), s.load(&row[2][i])));
        let over = s.avg(s.load(&above[1][i]), s.load(&below[1][i]));
        let sample = s.load(&own[1][i]);
        let cross = s.avg(over, beside);
        let corners = s.avg(beside_above, beside_below);
        let colours = [
            s.select(self.is_green, beside, sample),
            s.select(self.is_green, sample, cross),
            s.select(self.is_green, over, corners),
        ];
        self.places.store(colours, out, 0, 3 * BLOCK);
    }
}
