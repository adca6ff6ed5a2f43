//! Linear interpolation of a mosaic as it lies in memory, colours by turns.
//!
//! In the processor's rows each half is of one colour ([`crate::mosaic`]), which serves all that
//! comes after the interpolation. Here nothing does: so rows are not taken apart, all means are
//! made at every pixel, and the right ones chosen by whether it is in an even or an odd column.

use pinhole_base::format::{BayerColour, BayerOrder};
use pinhole_base::geometry::{ModePixels, Size};

use crate::simd::{
    AHEAD_BYTES, Kernel, LANES_MAX, LINE_BYTES, PAGE_BYTES, Simd, Streaming, StreamingKernel, each,
};

/// Interpolates a frame.
pub(super) struct LinearFrame<'a> {
    pub(super) samples: &'a [u16],
    pub(super) stride: usize,
    /// At least 2 either way.
    pub(super) size: Size<ModePixels>,
    pub(super) order: BayerOrder,
    /// Six bytes for each pixel.
    pub(super) rgb: &'a mut [u8],
    pub(super) rgb_stride_bytes: usize,
}

impl Kernel for LinearFrame<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        self.interpolate(s, None);
    }
}

impl StreamingKernel for LinearFrame<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S, streaming: Streaming<'_>) {
        self.interpolate(s, Some(streaming));
    }
}

impl LinearFrame<'_> {
    #[inline(always)]
    fn interpolate<S: Simd>(self, s: S, streaming: Option<Streaming<'_>>) {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        for (y, out) in self.rgb.chunks_mut(self.rgb_stride_bytes).take(height).enumerate() {
            let below = if y + 1 < height { y + 1 } else { y - 1 };
            let rows = each!([y.abs_diff(1), y, below], y => &self.samples[y * self.stride..][..width]);
            let row = Row { simd: s, rows, streaming, out: &mut out[..6 * width] };
            match self.order.colour_at(0, y) {
                BayerColour::GreenRed => row.interpolate::<0, false>(),
                BayerColour::GreenBlue => row.interpolate::<0, true>(),
                BayerColour::Red => row.interpolate::<1, false>(),
                BayerColour::Blue => row.interpolate::<1, true>(),
            }
        }
    }
}

/// A row to be interpolated.
struct Row<'a, S: Simd> {
    simd: S,
    /// The row above, it, and the row below: of one length, at least 2.
    rows: [&'a [u16]; 3],
    /// Whether to write past the caches.
    streaming: Option<Streaming<'a>>,
    out: &'a mut [u8],
}

impl<S: Simd> Row<'_, S> {
    /// Interpolates it: one whose green pixels are in `GREEN`, even columns or odd ones; a blue row
    /// or a red one.
    #[inline(always)]
    fn interpolate<const GREEN: usize, const BLUE: bool>(self) {
        let Self { simd: s, rows, streaming, out } = self;
        if streaming.is_some() {
            look_up_pages(s, out);
        }
        let vectors = Vectors::<S, GREEN, BLUE>::new(s);
        let (width, start) = (rows[1].len(), pixels_before_vectors::<S>(out));
        // Whole vectors that have a neighbour on both sides.
        let inner = width.saturating_sub(start + 1) / S::LANES;
        let (first, rest) = out.split_at_mut(out.len().min(6 * start));
        let (middle, last) = rest.split_at_mut(inner * 6 * S::LANES);
        if inner > 0 {
            let [above, own, below] = each!([rows[0], rows[1], rows[2]], row => {
                let row = &row[start - 1..];
                [&S::chunks(row)[..inner], &S::chunks(&row[1..])[..inner], &S::chunks(&row[2..])[..inner]]
            });
            let places = &mut S::byte_chunks_mut(middle).as_chunks_mut().0[..inner];
            for (i, place) in places.iter_mut().enumerate() {
                let pixels = vectors.pixels([above, own, below], i);
                if let Some(streaming) = streaming {
                    s.prefetch(below[1][i].as_ref(), AHEAD_BYTES);
                    s.stream_by_turns(place, pixels, streaming);
                } else {
                    for line in 0..size_of_val(place).div_ceil(LINE_BYTES) {
                        s.prefetch(place, AHEAD_BYTES + line * LINE_BYTES);
                    }
                    s.store_by_turns(place, pixels);
                }
            }
        }
        vectors.interpolate_end(rows, 0, first);
        for (i, out) in last.chunks_mut(6 * S::LANES).enumerate() {
            vectors.interpolate_end(rows, start + (inner + i) * S::LANES, out);
        }
    }
}

/// Has the machine look up where the pages of the next row are, for what is written past the caches
/// would wait for that; it does so when a line of a page is fetched.
#[inline(always)]
fn look_up_pages<S: Simd>(s: S, row: &[u8]) {
    for page in 0..=row.len() / PAGE_BYTES {
        s.prefetch(row, row.len() + page * PAGE_BYTES);
    }
}

/// How many pixels of a row to make before whole vectors of them lie where a vector may: two to as
/// many as there are lanes, an even number. If there is none such, two.
#[inline(always)]
fn pixels_before_vectors<S: Simd>(out: &[u8]) -> usize {
    let place = out.as_ptr().addr();
    let mut pixels = 2;
    while !(place + 6 * pixels).is_multiple_of(size_of::<S::Bytes>()) {
        pixels += 2;
        if pixels > S::LANES {
            return 2;
        }
    }
    pixels
}

/// Numbers in registers.
struct Vectors<S: Simd, const GREEN: usize, const BLUE: bool> {
    simd: S,
    is_green: S::V,
}

impl<S: Simd, const GREEN: usize, const BLUE: bool> Vectors<S, GREEN, BLUE> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        let all = |half: usize| if half == GREEN { u16::MAX } else { 0 };
        let (even, odd) = (all(0), all(1));
        Self { simd, is_green: simd.splat_block([even, odd, even, odd, even, odd, even, odd]) }
    }

    /// Red, green and blue of the `i`th vector of pixels. Of each row there are vectors from the
    /// column to the left on, from the pixel's own, and from that to the right.
    #[inline(always)]
    fn pixels(&self, rows: [[&[S::Chunk]; 3]; 3], i: usize) -> [S::V; 3] {
        let s = self.simd;
        let [above, own, below] = rows;
        let [beside_above, beside, beside_below] =
            each!([above, own, below], row => s.avg(s.load(&row[0][i]), s.load(&row[2][i])));
        let over = s.avg(s.load(&above[1][i]), s.load(&below[1][i]));
        let sample = s.load(&own[1][i]);
        let cross = s.avg(over, beside);
        let corners = s.avg(beside_above, beside_below);
        let own = s.select(self.is_green, beside, sample);
        let green = s.select(self.is_green, sample, cross);
        let third = s.select(self.is_green, over, corners);
        if BLUE { [third, green, own] } else { [own, green, third] }
    }

    /// Interpolates up to a vector of pixels from `start` on, with what lies beyond the ends
    /// mirrored.
    #[inline(always)]
    fn interpolate_end(&self, rows: [&[u16]; 3], start: usize, out: &mut [u8]) {
        let last = rows[1].len() - 1;
        let mut samples = [[0; LANES_MAX + 2]; 3];
        for (samples, row) in samples.iter_mut().zip(rows) {
            for (i, sample) in samples.iter_mut().enumerate() {
                let x = (start + i).abs_diff(1);
                *sample = row[if x > last { (2 * last).saturating_sub(x) } else { x }];
            }
        }
        let rows = each!([0, 1, 2], row => {
            let row = &samples[row];
            [&S::chunks(row)[..1], &S::chunks(&row[1..])[..1], &S::chunks(&row[2..])[..1]]
        });
        let mut bytes = [0; 6 * LANES_MAX];
        let place = &mut S::byte_chunks_mut(&mut bytes).as_chunks_mut().0[0];
        self.simd.store_by_turns(place, self.pixels(rows, 0));
        out.copy_from_slice(&bytes[..out.len()]);
    }
}
