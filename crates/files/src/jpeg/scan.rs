//! Codes a picture's components block by block, with bounded memory: bands of rows are loaded,
//! and bytes written as they come.

use super::dct::{BLOCK_SIDE, BYTES_BEHIND, LANES_MOST, Pair, Quantiser};
use super::entropy::{Bytes, CodeTable, Held, encode_block};
use crate::ycbcr::{Components, Plane};
use pinhole_simd::{Kernel, Level, Simd};
use std::io::{self, Write};

/// The tables that a component is coded with.
pub(super) struct Coder {
    pub(super) quantiser: Quantiser,
    pub(super) dc: CodeTable,
    pub(super) ac: CodeTable,
}

/// Codes the units in reading order; each is as many luma blocks as a chroma block covers, then
/// one block of Cb and one of Cr. The first coder is for luma.
pub(super) fn write(
    out: &mut impl Write,
    components: &Components<'_>,
    coders: &[Coder; 2],
) -> io::Result<()> {
    let side = BLOCK_SIDE as u32;
    let (across, down) = components.subsampling;
    let size = components.planes[0].size;
    let units = size.width.div_ceil(side * across);
    let mut bands = [(); 3].map(|()| Band::default());
    let mut bytes = Bytes::with_room_for(units as usize * BLOCKS_MAX);
    let level = Level::best_within(LANES_MOST);
    let (mut held, mut previous_dc) = (Held::default(), [0; 3]);
    for unit_y in 0..size.height.div_ceil(side * down) {
        for (index, (band, plane)) in bands.iter_mut().zip(&components.planes).enumerate() {
            let (across, down) = if index == 0 { (across, down) } else { (1, 1) };
            band.load(plane, unit_y * down, (units * across, down));
        }
        let row = UnitRow {
            bands: &bands,
            coders,
            units: units as usize,
            subsampling: (across as usize, down as usize),
        };
        held = level.run(CodeRow { row, held, bytes: &mut bytes, previous_dc: &mut previous_dc });
        out.write_all(bytes.take())?;
    }
    bytes.finish(held);
    out.write_all(bytes.take())
}

/// The most blocks in a unit: four of luma, two of chroma.
const BLOCKS_MAX: usize = 6;

/// The samples of one row of units of a component, its edges repeated to whole blocks.
#[derive(Default)]
struct Band {
    samples: Vec<u8>,
    stride: usize,
}

impl Band {
    fn load(&mut self, plane: &Plane<'_>, first_block: u32, (across, down): (u32, u32)) {
        self.stride = across as usize * BLOCK_SIDE;
        self.samples.clear();
        for y in first_block * BLOCK_SIDE as u32..(first_block + down) * BLOCK_SIDE as u32 {
            plane.append_row(y, &mut self.samples);
            let last = *self.samples.last().expect("views of no pixels were refused");
            let length = self.samples.len().next_multiple_of(self.stride);
            self.samples.resize(length, last);
        }
        // The last pair of blocks may have one that is not there.
        self.samples.resize(self.samples.len() + BLOCK_SIDE + BYTES_BEHIND, 0);
    }

    /// Transforms as many pairs of blocks from `start` on as there are in that row of blocks.
    #[inline(always)]
    fn transform<S: Simd>(&self, simd: S, quantiser: &Quantiser, start: usize, pairs: &mut [Pair]) {
        let inside = (self.stride - start % self.stride).div_ceil(2 * BLOCK_SIDE);
        for (at, pair) in pairs.iter_mut().take(inside).enumerate() {
            quantiser.quantise(simd, &self.samples, start + at * 2 * BLOCK_SIDE, self.stride, pair);
        }
    }
}

/// A row of units, as samples.
#[derive(Clone, Copy)]
struct UnitRow<'a> {
    bands: &'a [Band; 3],
    coders: &'a [Coder; 2],
    units: usize,
    /// Luma blocks of a unit, across and down.
    subsampling: (usize, usize),
}

/// How many units are transformed before they are coded: few enough to stay in the nearest
/// cache.
const UNITS_AT_ONCE: usize = 8;

/// The levels of such units, each row of blocks of a component by itself: luma has two at most.
struct Batch {
    luma: [[Pair; UNITS_AT_ONCE]; 2],
    chroma: [[Pair; UNITS_AT_ONCE / 2]; 2],
}

impl UnitRow<'_> {
    #[inline(always)]
    fn transform<S: Simd>(&self, simd: S, first_unit: usize, batch: &mut Batch) {
        let (across, down) = self.subsampling;
        let [luma, chroma] = [0, 1].map(|index| &self.coders[index].quantiser);
        for (y, pairs) in batch.luma[..down].iter_mut().enumerate() {
            let start = (y * self.bands[0].stride + first_unit * across) * BLOCK_SIDE;
            self.bands[0].transform(simd, luma, start, &mut pairs[..UNITS_AT_ONCE / 2 * across]);
        }
        for (pairs, band) in batch.chroma.iter_mut().zip(&self.bands[1..]) {
            band.transform(simd, chroma, first_unit * BLOCK_SIDE, pairs);
        }
    }
}

/// Codes such a row; gives the bits that are held then.
struct CodeRow<'a> {
    row: UnitRow<'a>,
    held: Held,
    bytes: &'a mut Bytes,
    previous_dc: &'a mut [i32; 3],
}

impl Kernel for CodeRow<'_> {
    type Output = Held;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Held {
        let Self { row, mut held, bytes, previous_dc } = self;
        let (across, down) = row.subsampling;
        let [luma, chroma] = row.coders;
        let mut batch = Batch { luma: Default::default(), chroma: Default::default() };
        for first in (0..row.units).step_by(UNITS_AT_ONCE) {
            row.transform(simd, first, &mut batch);
            for unit in 0..UNITS_AT_ONCE.min(row.units - first) {
                for pairs in &batch.luma[..down] {
                    for x in unit * across..(unit + 1) * across {
                        let block = (&pairs[x / 2], x % 2);
                        held = encode_block(held, bytes, block, &mut previous_dc[0], &luma.dc, &luma.ac);
                    }
                }
                for (pairs, previous) in batch.chroma.iter().zip(&mut previous_dc[1..]) {
                    let block = (&pairs[unit / 2], unit % 2);
                    held = encode_block(held, bytes, block, previous, &chroma.dc, &chroma.ac);
                }
            }
        }
        held
    }
}
