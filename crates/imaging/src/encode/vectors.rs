//! Rows of pixels to bytes, in vectors. Each kernel takes cells of two pixels and writes whole
//! vectors of bytes; the end of a row goes through a buffer.

use super::{ChromaWeights, Weights};
use crate::mosaic::ColourRow;
use crate::simd::{BLOCK, Kernel, LANES_MAX, Simd, each};

/// The most bytes for two pixels.
const CELL_BYTES_MAX: usize = 8;

/// The bytes of a row by vectors of cells.
struct Row<'a, S, const CELL_BYTES: usize> {
    out: &'a mut [u8],
    /// Takes the last vector where the row ends within it.
    end: [u8; CELL_BYTES_MAX * LANES_MAX],
    simd: std::marker::PhantomData<S>,
}

impl<'a, S: Simd, const CELL_BYTES: usize> Row<'a, S, CELL_BYTES> {
    const BYTES: usize = CELL_BYTES * S::LANES;

    #[inline(always)]
    fn new(out: &'a mut [u8]) -> Self {
        Self { out, end: [0; CELL_BYTES_MAX * LANES_MAX], simd: std::marker::PhantomData }
    }

    #[inline(always)]
    fn count(&self) -> usize {
        self.out.len().div_ceil(Self::BYTES)
    }

    /// The bytes of a vector.
    #[inline(always)]
    fn vector(&mut self, i: usize) -> &mut [u8] {
        match self.out.get_mut(i * Self::BYTES..(i + 1) * Self::BYTES) {
            Some(vector) => vector,
            None => &mut self.end[..Self::BYTES],
        }
    }

    /// To be called when all is written.
    #[inline(always)]
    fn finish(self) {
        let start = self.out.len() / Self::BYTES * Self::BYTES;
        let rest = &mut self.out[start..];
        rest.copy_from_slice(&self.end[..rest.len()]);
    }
}

/// `count` vectors of the three colours of one half of a row.
#[inline(always)]
fn colours<S: Simd>(row: &ColourRow, half: usize, count: usize) -> [&[S::Chunk]; 3] {
    each!([0, 1, 2], colour => row.vectors::<S>(half, colour, count))
}

/// Weights in registers.
struct WeightVectors<S: Simd> {
    simd: S,
    factors: [S::V; 3],
    constant: S::V,
}

impl<S: Simd> WeightVectors<S> {
    #[inline(always)]
    fn new(simd: S, weights: Weights) -> Self {
        let [a, b, c] = weights.factors;
        let factors = each!([a, b, c], factor => simd.splat(factor));
        Self { simd, factors, constant: simd.splat(weights.constant) }
    }

    #[inline(always)]
    fn product(&self, colours: [S::V; 3], i: usize) -> S::V {
        self.simd.mulhi(colours[i], self.factors[i])
    }

    /// The sum of all three; what counts is in the upper byte.
    #[inline(always)]
    fn sum(&self, colours: [S::V; 3]) -> S::V {
        let s = self.simd;
        let some = s.add(self.product(colours, 0), self.product(colours, 1));
        s.add(some, s.add(self.product(colours, 2), self.constant))
    }

    /// The constant and one colour's share, less the others'.
    #[inline(always)]
    fn difference(&self, colours: [S::V; 3], own: usize) -> S::V {
        let s = self.simd;
        let rest = s.add(self.product(colours, (own + 1) % 3), self.product(colours, (own + 2) % 3));
        s.sub(s.adds(self.product(colours, own), self.constant), rest)
    }
}

/// The `i`th vector of each colour.
#[inline(always)]
fn load_colours<S: Simd>(s: S, colours: [&[S::Chunk]; 3], i: usize) -> [S::V; 3] {
    [s.load(&colours[0][i]), s.load(&colours[1][i]), s.load(&colours[2][i])]
}

/// The mean of each colour.
#[inline(always)]
fn means<S: Simd>(s: S, [a, b, c]: [S::V; 3], [d, e, f]: [S::V; 3]) -> [S::V; 3] {
    [s.avg(a, d), s.avg(b, e), s.avg(c, f)]
}

/// The upper bytes of `even` and `odd`, by turns.
#[inline(always)]
fn upper_bytes<S: Simd>(s: S, even: S::V, odd: S::V) -> S::V {
    s.or(s.shr::<8>(even), s.and(odd, s.splat(0xff00)))
}

/// What a row's bytes are computed from, of which each vector is one of cells of two bytes.
trait ByteVectors<S: Simd> {
    fn bytes(&self, i: usize) -> S::V;
}

/// Writes a row.
#[inline(always)]
fn write<S: Simd>(s: S, row: &mut [u8], vectors: &impl ByteVectors<S>) {
    let (whole, rest) = (row.len() / (2 * S::LANES), row.len() % (2 * S::LANES));
    let chunks = &mut S::byte_chunks_mut(row)[..whole];
    for (i, chunk) in chunks.iter_mut().enumerate() {
        s.store_bytes(chunk, vectors.bytes(i));
    }
    if rest > 0 {
        let mut end = [0; 2 * LANES_MAX];
        s.store_bytes(&mut S::byte_chunks_mut(&mut end)[0], vectors.bytes(whole));
        let start = row.len() - rest;
        row[start..].copy_from_slice(&end[..rest]);
    }
}

/// A row of luma.
pub(super) struct LumaRow<'a> {
    pub(super) row: &'a ColourRow,
    pub(super) weights: Weights,
    pub(super) out: &'a mut [u8],
}

impl Kernel for LumaRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let count = self.out.len().div_ceil(2 * S::LANES);
        let luma = LumaVectors {
            weights: WeightVectors::new(s, self.weights),
            halves: each!([0, 1], half => colours::<S>(self.row, half, count)),
        };
        write(s, self.out, &luma);
    }
}

struct LumaVectors<'a, S: Simd> {
    weights: WeightVectors<S>,
    halves: [[&'a [S::Chunk]; 3]; 2],
}

impl<S: Simd> ByteVectors<S> for LumaVectors<'_, S> {
    #[inline(always)]
    fn bytes(&self, i: usize) -> S::V {
        let s = self.weights.simd;
        let [even, odd] = each!([0, 1], half => self.weights.sum(load_colours(s, self.halves[half], i)));
        upper_bytes(s, even, odd)
    }
}

/// A row of two chromas by turns, of the means of the pixels of two rows.
pub(super) struct ChromaRow<'a> {
    pub(super) rows: [&'a ColourRow; 2],
    pub(super) chroma: [ChromaWeights; 2],
    pub(super) out: &'a mut [u8],
}

impl Kernel for ChromaRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // Cb's own colour is blue, Cr's is red.
        match self.chroma[0].own {
            2 => self.run_of::<S, 2, 0>(s),
            _ => self.run_of::<S, 0, 2>(s),
        }
    }
}

impl ChromaRow<'_> {
    #[inline(always)]
    fn run_of<S: Simd, const FIRST: usize, const SECOND: usize>(self, s: S) {
        let count = self.out.len().div_ceil(2 * S::LANES);
        let chroma = ChromaVectors::<S, FIRST, SECOND> {
            first: WeightVectors::new(s, self.chroma[0].weights),
            second: WeightVectors::new(s, self.chroma[1].weights),
            rows: each!([0, 1], row => {
                each!([0, 1], half => colours::<S>(self.rows[row], half, count))
            }),
        };
        write(s, self.out, &chroma);
    }
}

/// Weights, and the colours of two rows by half.
struct ChromaVectors<'a, S: Simd, const FIRST: usize, const SECOND: usize> {
    first: WeightVectors<S>,
    second: WeightVectors<S>,
    rows: [[[&'a [S::Chunk]; 3]; 2]; 2],
}

impl<S: Simd, const FIRST: usize, const SECOND: usize> ByteVectors<S>
    for ChromaVectors<'_, S, FIRST, SECOND>
{
    #[inline(always)]
    fn bytes(&self, i: usize) -> S::V {
        let s = self.first.simd;
        let [upper, lower] = each!([0, 1], row => {
            let [even, odd] = self.rows[row];
            means(s, load_colours(s, even, i), load_colours(s, odd, i))
        });
        let mean = means(s, upper, lower);
        upper_bytes(s, self.first.difference(mean, FIRST), self.second.difference(mean, SECOND))
    }
}

/// Luma and chroma of two pixels in four bytes.
pub(super) struct PackedRow<'a> {
    pub(super) row: &'a ColourRow,
    pub(super) luma: Weights,
    pub(super) chroma: [ChromaWeights; 2],
    pub(super) luma_first: bool,
    pub(super) out: &'a mut [u8],
}

impl Kernel for PackedRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let luma = WeightVectors::new(s, self.luma);
        let own = self.chroma.map(|chroma| chroma.own);
        let [first, second] = each!([self.chroma[0], self.chroma[1]], chroma => {
            WeightVectors::new(s, chroma.weights)
        });
        let mut out = Row::<S, 4>::new(self.out);
        let count = out.count();
        let [even, odd] = each!([0, 1], half => colours::<S>(self.row, half, count));
        for i in 0..count {
            let (even, odd) = (load_colours(s, even, i), load_colours(s, odd, i));
            let mean = means(s, even, odd);
            let (even, odd) = (luma.sum(even), luma.sum(odd));
            let (first, second) = (first.difference(mean, own[0]), second.difference(mean, own[1]));
            let (even, odd) = match self.luma_first {
                true => (upper_bytes(s, even, first), upper_bytes(s, odd, second)),
                false => (upper_bytes(s, first, even), upper_bytes(s, second, odd)),
            };
            let out = out.vector(i);
            s.store_blocks(out, 0, 2 * BLOCK, s.zip_low(even, odd));
            s.store_blocks(out, BLOCK, 2 * BLOCK, s.zip_high(even, odd));
        }
        out.finish();
    }
}

/// Red, green and blue (or the other way round) of a pixel in three bytes.
pub(super) struct RgbRow<'a> {
    pub(super) row: &'a ColourRow,
    pub(super) weights: Weights,
    /// The place of red: 0 or 2.
    pub(super) red: usize,
    pub(super) out: &'a mut [u8],
}

/// The same with a fourth byte, all ones.
pub(super) struct RgbxRow<'a>(RgbRow<'a>);

impl<'a> RgbRow<'a> {
    pub(super) fn with_filler(self) -> RgbxRow<'a> {
        RgbxRow(self)
    }
}

/// The colours of a row in registers, as bytes.
struct RgbVectors<'a, S: Simd> {
    simd: S,
    factor: S::V,
    constant: S::V,
    even: [&'a [S::Chunk]; 3],
    odd: [&'a [S::Chunk]; 3],
}

impl<'a, S: Simd> RgbVectors<'a, S> {
    #[inline(always)]
    fn new(simd: S, row: &'a ColourRow, weights: Weights, red: usize, count: usize) -> Self {
        let [mut even, mut odd] = each!([0, 1], half => colours::<S>(row, half, count));
        if red != 0 {
            even.swap(0, 2);
            odd.swap(0, 2);
        }
        Self {
            simd,
            factor: simd.splat(weights.factors[0]),
            constant: simd.splat(weights.constant),
            even,
            odd,
        }
    }

    #[inline(always)]
    fn scaled(&self, chunk: &S::Chunk) -> S::V {
        let s = self.simd;
        s.add(s.mulhi(s.load(chunk), self.factor), self.constant)
    }

    /// The bytes of each colour, pixel after pixel.
    #[inline(always)]
    fn bytes(&self, i: usize) -> [S::V; 3] {
        each!([0, 1, 2], colour => {
            upper_bytes(self.simd, self.scaled(&self.even[colour][i]), self.scaled(&self.odd[colour][i]))
        })
    }
}

/// Bytes of three colours, each brought to its places.
#[inline(always)]
fn mix<S: Simd>(s: S, colours: [S::V; 3], places: &[S::V; 3]) -> S::V {
    let [a, b, c] = each!([0, 1, 2], colour => s.look_up(colours[colour], places[colour]));
    s.or(s.or(a, b), c)
}

/// For the bytes of a block of pixels with `each` bytes a pixel: where in the given colour's
/// bytes that of the block's `part`th 16 bytes lie; none where they are other colours'.
fn spread(each: usize, part: usize, colour: usize) -> [u16; BLOCK / 2] {
    let place = |byte: usize| {
        let byte = part * BLOCK + byte;
        if byte % each == colour { (byte / each) as u8 } else { 0x80 }
    };
    std::array::from_fn(|i| u16::from_le_bytes([place(2 * i), place(2 * i + 1)]))
}

/// [`spread`] for each colour.
#[inline(always)]
fn spread_vectors<S: Simd>(s: S, each: usize, part: usize) -> [S::V; 3] {
    each!([0, 1, 2], colour => s.splat_block(spread(each, part, colour)))
}

impl Kernel for RgbRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut out = Row::<S, 6>::new(self.out);
        let rgb = RgbVectors::new(s, self.row, self.weights, self.red, out.count());
        let places = each!([0, 1, 2], part => spread_vectors(s, 3, part));
        for i in 0..out.count() {
            let (colours, out) = (rgb.bytes(i), out.vector(i));
            s.store_blocks(out, 0, 3 * BLOCK, mix(s, colours, &places[0]));
            s.store_blocks(out, BLOCK, 3 * BLOCK, mix(s, colours, &places[1]));
            s.store_blocks(out, 2 * BLOCK, 3 * BLOCK, mix(s, colours, &places[2]));
        }
        out.finish();
    }
}

impl Kernel for RgbxRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let row = self.0;
        let mut out = Row::<S, 8>::new(row.out);
        let rgb = RgbVectors::new(s, row.row, row.weights, row.red, out.count());
        let places = each!([0, 1, 2, 3], part => spread_vectors(s, 4, part));
        let filler = s.splat_block([0, 0xff00, 0, 0xff00, 0, 0xff00, 0, 0xff00]);
        for i in 0..out.count() {
            let (colours, out) = (rgb.bytes(i), out.vector(i));
            for (part, places) in places.iter().enumerate() {
                s.store_blocks(out, part * BLOCK, 4 * BLOCK, s.or(filler, mix(s, colours, places)));
            }
        }
        out.finish();
    }
}
