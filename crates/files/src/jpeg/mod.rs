//! JPEG pictures (ITU-T T.81, baseline) with EXIF. Components are coded as they lie, with the
//! chroma resolution they have: Y'CbCr never passes through RGB.

mod dct;
mod entropy;
mod tables;

use crate::exif;
use crate::metadata::ImageMetadata;
use crate::view::Picture;
use crate::ycbcr::{Components, Plane, jpeg_components};
use dct::{BLOCK_SIDE, Block, Quantiser};
use entropy::{BitWriter, CodeTable, encode_block};
use pinhole_base::geometry::Size;
use pinhole_base::{Error, ErrorKind, Result};
use std::io::{self, Write};
use tables::{CHROMA, HuffmanSpec, LUMA, ZIGZAG};

/// Writes a picture as JPEG of a quality from 1 to 100, with its metadata as EXIF.
///
/// JPEG's numbers are BT.601 at full range. Pictures of other range or matrix are converted;
/// primaries and transfer function are kept, and viewers take them for sRGB's. Chroma keeps the
/// picture's resolution: 4:2:0, 4:2:2, or 4:4:4 for RGB.
///
/// # Errors
/// `InvalidArgument` if the quality is out of range or the metadata make no sense, and what
/// writing to `out` fails with.
pub fn write(
    out: &mut impl Write,
    picture: &Picture<'_>,
    quality: u8,
    metadata: &ImageMetadata,
) -> Result<()> {
    metadata.check()?;
    if !(1..=100).contains(&quality) {
        return Err(Error::new(ErrorKind::InvalidArgument, "writing a JPEG")
            .because(format!("a quality of {quality} is not from 1 to 100")));
    }
    let content = exif::Content { size: picture.size(), colour: picture.colour(), ycbcr: true };
    let exif = exif::block(metadata, &content);
    encode(out, &jpeg_components(picture), quality, &exif)
        .map_err(|error| Error::from_io(&error, "writing a JPEG"))
}

/// The tables that a component is coded with.
struct Coder {
    quantiser: Quantiser,
    dc: CodeTable,
    ac: CodeTable,
}

fn encode(out: &mut impl Write, components: &Components<'_>, quality: u8, exif: &[u8]) -> io::Result<()> {
    let steps = [LUMA.quantisation, CHROMA.quantisation].map(|table| tables::scaled(&table, quality));
    out.write_all(&head(components, &steps, exif))?;
    let coder = |index: usize, spec: &tables::Specs| Coder {
        quantiser: Quantiser::new(&steps[index]),
        dc: CodeTable::new(&spec.dc),
        ac: CodeTable::new(&spec.ac),
    };
    write_scan(out, components, &[coder(0, &LUMA), coder(1, &CHROMA)])?;
    out.write_all(&[0xff, marker::END_OF_IMAGE])
}

mod marker {
    pub(super) const START_OF_IMAGE: u8 = 0xd8;
    pub(super) const END_OF_IMAGE: u8 = 0xd9;
    pub(super) const APP1: u8 = 0xe1;
    pub(super) const QUANTISATION: u8 = 0xdb;
    pub(super) const BASELINE_FRAME: u8 = 0xc0;
    pub(super) const HUFFMAN: u8 = 0xc4;
    pub(super) const SCAN: u8 = 0xda;
}

/// All segments before the coded samples.
fn head(components: &Components<'_>, steps: &[[u8; 64]; 2], exif: &[u8]) -> Vec<u8> {
    let mut head = vec![0xff, marker::START_OF_IMAGE];
    segment(&mut head, marker::APP1, &[b"Exif\0\0", exif].concat());
    for (index, table) in steps.iter().enumerate() {
        let zigzag = ZIGZAG.map(|at| table[usize::from(at)]);
        segment(&mut head, marker::QUANTISATION, &[&[index as u8][..], &zigzag].concat());
    }
    segment(&mut head, marker::BASELINE_FRAME, &frame(components));
    for (index, spec) in [&LUMA, &CHROMA].into_iter().enumerate() {
        segment(&mut head, marker::HUFFMAN, &huffman(index as u8, &spec.dc));
        segment(&mut head, marker::HUFFMAN, &huffman(0x10 | index as u8, &spec.ac));
    }
    segment(&mut head, marker::SCAN, &[3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
    head
}

/// Appends a segment. All of ours are far below the 64 KiB that its length can say.
fn segment(head: &mut Vec<u8>, marker: u8, payload: &[u8]) {
    let length = u16::try_from(payload.len() + 2).expect("EXIF without a thumbnail is small");
    head.extend([0xff, marker]);
    head.extend(length.to_be_bytes());
    head.extend(payload);
}

fn frame(components: &Components<'_>) -> Vec<u8> {
    let (Size { width, height, .. }, (across, down)) = (components.planes[0].size, components.subsampling);
    let mut frame = vec![8];
    frame.extend((height as u16).to_be_bytes());
    frame.extend((width as u16).to_be_bytes());
    frame.extend([3, 1, (across << 4 | down) as u8, 0, 2, 0x11, 1, 3, 0x11, 1]);
    frame
}

fn huffman(destination: u8, spec: &HuffmanSpec) -> Vec<u8> {
    [&[destination][..], &spec.codes_of_length, spec.symbols].concat()
}

/// Codes the units in reading order; each is as many luma blocks as a chroma block covers, then
/// one block of Cb and one of Cr.
fn write_scan(out: &mut impl Write, components: &Components<'_>, coders: &[Coder; 2]) -> io::Result<()> {
    let side = BLOCK_SIDE as u32;
    let (across, down) = components.subsampling;
    let size = components.planes[0].size;
    let units_across = size.width.div_ceil(side * across);
    let mut bands = [(); 3].map(|()| Band::default());
    let (mut bits, mut previous_dc) = (BitWriter::default(), [0; 3]);
    for unit_y in 0..size.height.div_ceil(side * down) {
        for (index, (band, plane)) in bands.iter_mut().zip(&components.planes).enumerate() {
            let (across, down) = if index == 0 { (across, down) } else { (1, 1) };
            band.load(plane, unit_y * side * down, down, units_across * across);
        }
        for unit_x in 0..units_across as usize {
            for (index, band) in bands.iter().enumerate() {
                let coder = &coders[usize::from(index > 0)];
                for (x, y) in band.blocks_of_unit(unit_x, units_across as usize) {
                    let levels = coder.quantiser.quantised(band.block(x, y));
                    encode_block(&mut bits, &levels, &mut previous_dc[index], &coder.dc, &coder.ac);
                }
            }
        }
        out.write_all(&bits.take_bytes())?;
    }
    out.write_all(&bits.finish())
}

/// The samples of one row of units of a component, its edges repeated to whole blocks.
#[derive(Default)]
struct Band {
    samples: Vec<u8>,
    blocks_across: usize,
    blocks_down: usize,
}

impl Band {
    fn load(&mut self, plane: &Plane<'_>, first_row: u32, blocks_down: u32, blocks_across: u32) {
        (self.blocks_across, self.blocks_down) = (blocks_across as usize, blocks_down as usize);
        self.samples.clear();
        for y in first_row..first_row + blocks_down * BLOCK_SIDE as u32 {
            self.samples.extend(plane.row(y));
            let last = *self.samples.last().expect("views of no pixels were refused");
            let rows = (y - first_row + 1) as usize;
            self.samples.resize(rows * self.blocks_across * BLOCK_SIDE, last);
        }
    }

    fn blocks_of_unit(
        &self,
        unit: usize,
        units_across: usize,
    ) -> impl Iterator<Item = (usize, usize)> + use<> {
        let across = self.blocks_across / units_across;
        (0..self.blocks_down).flat_map(move |y| (0..across).map(move |x| (unit * across + x, y)))
    }

    /// A block's samples about zero.
    fn block(&self, x: usize, y: usize) -> Block {
        let mut block = [0.0; 64];
        let stride = self.blocks_across * BLOCK_SIDE;
        for (r, row) in block.chunks_exact_mut(BLOCK_SIDE).enumerate() {
            let start = (y * BLOCK_SIDE + r) * stride + x * BLOCK_SIDE;
            for (value, &sample) in row.iter_mut().zip(&self.samples[start..start + BLOCK_SIDE]) {
                *value = f32::from(sample) - 128.0;
            }
        }
        block
    }
}

#[cfg(test)]
mod tests;
