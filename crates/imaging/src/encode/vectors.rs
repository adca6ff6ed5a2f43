//! Rows of pixels to bytes, in vectors. Each kernel takes cells of two pixels and writes whole
//! vectors of bytes; the end of a row goes through a buffer. A row that has not been through its
//! tone curve goes through it here, while it is in registers.

use super::{ChromaWeights, Weights};
use crate::mosaic::{ColourRow, Half};
use crate::simd::{AHEAD_BYTES, BLOCK, Kernel, LANES_MAX, Simd, each, splat_unknown};
use crate::tone::{PieceVectors, Pieces};

/// The most bytes for two pixels.
const CELL_BYTES_MAX: usize = 12;

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

/// What is done to colours that are read.
trait Bend<S: Simd>: Copy {
    fn bend(&self, colours: [S::V; 3]) -> [S::V; 3];
}

/// Nothing.
#[derive(Clone, Copy)]
struct Straight;

impl<S: Simd> Bend<S> for Straight {
    #[inline(always)]
    fn bend(&self, colours: [S::V; 3]) -> [S::V; 3] {
        colours
    }
}

impl<S: Simd> Bend<S> for PieceVectors<S> {
    #[inline(always)]
    fn bend(&self, colours: [S::V; 3]) -> [S::V; 3] {
        PieceVectors::bend(self, colours)
    }
}

/// A row of colours, and the curve that it has yet to go through, if any.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) row: &'a ColourRow,
    pub(super) curve: Option<&'a Pieces>,
}

/// `count` vectors of a row's colours.
#[derive(Clone, Copy)]
struct Colours<'a, S: Simd, B> {
    simd: S,
    halves: [[&'a [S::Chunk]; 3]; 2],
    curve: B,
}

impl<'a, S: Simd, B: Bend<S>> Colours<'a, S, B> {
    #[inline(always)]
    fn new(simd: S, row: &'a ColourRow, count: usize, curve: B) -> Self {
        let halves = each!([0, 1], half => each!([0, 1, 2], colour => row.vectors::<S>(half, colour, count)));
        Self { simd, halves, curve }
    }

    /// The `i`th vector of each colour of the even columns, then of the odd ones.
    #[inline(always)]
    fn load(&self, i: usize) -> [[S::V; 3]; 2] {
        let s = self.simd;
        each!([0, 1], half => {
            let [red, green, blue] = self.halves[half];
            self.curve.bend([s.load(&red[i]), s.load(&green[i]), s.load(&blue[i])])
        })
    }
}

/// Writes a row with the curve that it has yet to go through.
trait WriteRow: Sized {
    fn curve(&self) -> Option<&Pieces>;
    fn write<S: Simd>(self, s: S, curve: impl Bend<S>);
}

#[inline(always)]
fn run<S: Simd>(s: S, row: impl WriteRow) {
    match row.curve() {
        Some(pieces) => {
            let curve = PieceVectors::new(s, pieces);
            row.write(s, curve);
        }
        None => row.write(s, Straight),
    }
}

/// Makes kernels of what writes rows.
macro_rules! row_kernels {
    ($($row:ident),*) => {$(
        impl Kernel for $row<'_> {
            type Output = ();

            #[inline(always)]
            fn run<S: Simd>(self, s: S) {
                run(s, self);
            }
        }
    )*};
}

row_kernels!(LumaRow, PackedRow, RgbRow, RgbxRow, DeepRow);

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

/// The mean of each colour.
#[inline(always)]
fn means<S: Simd>(s: S, [a, b, c]: [S::V; 3], [d, e, f]: [S::V; 3]) -> [S::V; 3] {
    [s.avg(a, d), s.avg(b, e), s.avg(c, f)]
}

/// Takes the upper bytes of even and odd columns.
#[derive(Clone, Copy)]
struct UpperBytes<S: Simd> {
    simd: S,
    /// The compiler, if it knew the mask, would make something slow of it.
    mask: S::V,
}

impl<S: Simd> UpperBytes<S> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        Self { simd, mask: splat_unknown(simd, 0xff00) }
    }

    /// Those of `even` and `odd`, by turns.
    #[inline(always)]
    fn of(&self, even: S::V, odd: S::V) -> S::V {
        let s = self.simd;
        s.or(s.shr::<8>(even), s.and(odd, self.mask))
    }
}

/// What a row's bytes are computed from, of which each vector is one of cells of two bytes.
trait ByteVectors<S: Simd> {
    fn bytes(&mut self, i: usize) -> S::V;
}

/// Writes a row.
#[inline(always)]
fn write<S: Simd>(s: S, row: &mut [u8], vectors: &mut impl ByteVectors<S>) {
    let (whole, rest) = (row.len() / (2 * S::LANES), row.len() % (2 * S::LANES));
    let chunks = &mut S::byte_chunks_mut(row)[..whole];
    for (i, chunk) in chunks.iter_mut().enumerate() {
        s.prefetch(chunk.as_ref(), AHEAD_BYTES);
        s.store_bytes(chunk, vectors.bytes(i));
    }
    if rest > 0 {
        let mut end = [0; 2 * LANES_MAX];
        s.store_bytes(&mut S::byte_chunks_mut(&mut end)[0], vectors.bytes(whole));
        let start = row.len() - rest;
        row[start..].copy_from_slice(&end[..rest]);
    }
}

/// A row of luma, and the means of its pixels two by two.
pub(super) struct LumaRow<'a> {
    pub(super) source: Source<'a>,
    pub(super) weights: Weights,
    pub(super) means: &'a mut Half,
    pub(super) out: &'a mut [u8],
}

impl WriteRow for LumaRow<'_> {
    #[inline(always)]
    fn curve(&self) -> Option<&Pieces> {
        self.source.curve
    }

    #[inline(always)]
    fn write<S: Simd>(self, s: S, curve: impl Bend<S>) {
        let count = self.out.len().div_ceil(2 * S::LANES);
        let mut luma = LumaVectors {
            weights: WeightVectors::new(s, self.weights),
            upper_bytes: UpperBytes::new(s),
            colours: Colours::new(s, self.source.row, count, curve),
            means: self.means.vectors_mut::<S>(count),
        };
        write(s, self.out, &mut luma);
    }
}

struct LumaVectors<'a, S: Simd, B> {
    weights: WeightVectors<S>,
    upper_bytes: UpperBytes<S>,
    colours: Colours<'a, S, B>,
    means: [&'a mut [S::Chunk]; 3],
}

impl<S: Simd, B: Bend<S>> ByteVectors<S> for LumaVectors<'_, S, B> {
    #[inline(always)]
    fn bytes(&mut self, i: usize) -> S::V {
        let s = self.weights.simd;
        let [even, odd] = self.colours.load(i);
        let mean = means(s, even, odd);
        let [red, green, blue] = &mut self.means;
        s.store(&mut red[i], mean[0]);
        s.store(&mut green[i], mean[1]);
        s.store(&mut blue[i], mean[2]);
        self.upper_bytes.of(self.weights.sum(even), self.weights.sum(odd))
    }
}

/// A row of two chromas by turns, of the means of two rows' [`LumaRow`].
pub(super) struct ChromaRow<'a> {
    pub(super) means: [&'a Half; 2],
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
        let mut chroma = ChromaVectors::<S, FIRST, SECOND> {
            first: WeightVectors::new(s, self.chroma[0].weights),
            second: WeightVectors::new(s, self.chroma[1].weights),
            upper_bytes: UpperBytes::new(s),
            rows: each!([0, 1], row => self.means[row].vectors::<S>(count)),
        };
        write(s, self.out, &mut chroma);
    }
}

/// Weights, and the means of two rows.
struct ChromaVectors<'a, S: Simd, const FIRST: usize, const SECOND: usize> {
    first: WeightVectors<S>,
    second: WeightVectors<S>,
    upper_bytes: UpperBytes<S>,
    rows: [[&'a [S::Chunk]; 3]; 2],
}

impl<S: Simd, const FIRST: usize, const SECOND: usize> ByteVectors<S>
    for ChromaVectors<'_, S, FIRST, SECOND>
{
    #[inline(always)]
    fn bytes(&mut self, i: usize) -> S::V {
        let s = self.first.simd;
        let [upper, lower] = each!([0, 1], row => {
            let [red, green, blue] = self.rows[row];
            [s.load(&red[i]), s.load(&green[i]), s.load(&blue[i])]
        });
        let mean = means(s, upper, lower);
        self.upper_bytes.of(self.first.difference(mean, FIRST), self.second.difference(mean, SECOND))
    }
}

/// Luma and chroma of two pixels in four bytes.
pub(super) struct PackedRow<'a> {
    pub(super) source: Source<'a>,
    pub(super) luma: Weights,
    pub(super) chroma: [ChromaWeights; 2],
    pub(super) luma_first: bool,
    pub(super) out: &'a mut [u8],
}

impl WriteRow for PackedRow<'_> {
    #[inline(always)]
    fn curve(&self) -> Option<&Pieces> {
        self.source.curve
    }

    #[inline(always)]
    fn write<S: Simd>(self, s: S, curve: impl Bend<S>) {
        let luma = WeightVectors::new(s, self.luma);
        let own = self.chroma.map(|chroma| chroma.own);
        let [first, second] = each!([self.chroma[0], self.chroma[1]], chroma => {
            WeightVectors::new(s, chroma.weights)
        });
        let upper_bytes = UpperBytes::new(s);
        let mut out = Row::<S, 4>::new(self.out);
        let colours = Colours::new(s, self.source.row, out.count(), curve);
        for i in 0..out.count() {
            let [even, odd] = colours.load(i);
            let mean = means(s, even, odd);
            let (even, odd) = (luma.sum(even), luma.sum(odd));
            let (first, second) = (first.difference(mean, own[0]), second.difference(mean, own[1]));
            let (even, odd) = match self.luma_first {
                true => (upper_bytes.of(even, first), upper_bytes.of(odd, second)),
                false => (upper_bytes.of(first, even), upper_bytes.of(second, odd)),
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
    pub(super) source: Source<'a>,
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
struct RgbVectors<'a, S: Simd, B> {
    colours: Colours<'a, S, B>,
    upper_bytes: UpperBytes<S>,
    factor: S::V,
    constant: S::V,
    red: usize,
}

impl<'a, S: Simd, B: Bend<S>> RgbVectors<'a, S, B> {
    #[inline(always)]
    fn new(simd: S, row: &RgbRow<'a>, count: usize, curve: B) -> Self {
        Self {
            colours: Colours::new(simd, row.source.row, count, curve),
            upper_bytes: UpperBytes::new(simd),
            factor: simd.splat(row.weights.factors[0]),
            constant: simd.splat(row.weights.constant),
            red: row.red,
        }
    }

    #[inline(always)]
    fn scaled(&self, colour: S::V) -> S::V {
        let s = self.colours.simd;
        s.add(s.mulhi(colour, self.factor), self.constant)
    }

    /// The bytes of the colours, pixel after pixel, in their order.
    #[inline(always)]
    fn bytes(&self, i: usize) -> [S::V; 3] {
        let [even, odd] = self.colours.load(i);
        let [red, green, blue] = each!([0, 1, 2], colour => {
            self.upper_bytes.of(self.scaled(even[colour]), self.scaled(odd[colour]))
        });
        if self.red == 0 { [red, green, blue] } else { [blue, green, red] }
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

impl WriteRow for RgbRow<'_> {
    #[inline(always)]
    fn curve(&self) -> Option<&Pieces> {
        self.source.curve
    }

    #[inline(always)]
    fn write<S: Simd>(self, s: S, curve: impl Bend<S>) {
        let count = self.out.len().div_ceil(Row::<S, 6>::BYTES);
        let rgb = RgbVectors::new(s, &self, count, curve);
        let mut out = Row::<S, 6>::new(self.out);
        let places = each!([0, 1, 2], part => spread_vectors(s, 3, part));
        for i in 0..count {
            let (colours, out) = (rgb.bytes(i), out.vector(i));
            s.store_blocks(out, 0, 3 * BLOCK, mix(s, colours, &places[0]));
            s.store_blocks(out, BLOCK, 3 * BLOCK, mix(s, colours, &places[1]));
            s.store_blocks(out, 2 * BLOCK, 3 * BLOCK, mix(s, colours, &places[2]));
        }
        out.finish();
    }
}

impl WriteRow for RgbxRow<'_> {
    #[inline(always)]
    fn curve(&self) -> Option<&Pieces> {
        self.0.source.curve
    }

    #[inline(always)]
    fn write<S: Simd>(self, s: S, curve: impl Bend<S>) {
        let count = self.0.out.len().div_ceil(Row::<S, 8>::BYTES);
        let rgb = RgbVectors::new(s, &self.0, count, curve);
        let mut out = Row::<S, 8>::new(self.0.out);
        let places = each!([0, 1, 2, 3], part => spread_vectors(s, 4, part));
        let filler = s.splat_block([0, 0xff00, 0, 0xff00, 0, 0xff00, 0, 0xff00]);
        for i in 0..count {
            let (colours, out) = (rgb.bytes(i), out.vector(i));
            for (part, places) in places.iter().enumerate() {
                s.store_blocks(out, part * BLOCK, 4 * BLOCK, s.or(filler, mix(s, colours, places)));
            }
        }
        out.finish();
    }
}

/// Red, green and blue of a pixel in three numbers of 16 bits, whatever the range.
pub(super) struct DeepRow<'a> {
    pub(super) source: Source<'a>,
    pub(super) out: &'a mut [u8],
}

impl WriteRow for DeepRow<'_> {
    #[inline(always)]
    fn curve(&self) -> Option<&Pieces> {
        self.source.curve
    }

    #[inline(always)]
    fn write<S: Simd>(self, s: S, curve: impl Bend<S>) {
        let mut out = Row::<S, 12>::new(self.out);
        let colours = Colours::new(s, self.source.row, out.count(), curve);
        for i in 0..out.count() {
            let ([even, odd], out) = (colours.load(i), out.vector(i));
            let [red, green, blue] = each!([0, 1, 2], colour => s.zip(even[colour], odd[colour]));
            let places = S::byte_chunks_mut(out).as_chunks_mut().0;
            s.store_by_turns(&mut places[0], [red.0, green.0, blue.0]);
            s.store_by_turns(&mut places[1], [red.1, green.1, blue.1]);
        }
        out.finish();
    }
}
