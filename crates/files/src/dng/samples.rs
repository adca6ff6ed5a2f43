//! How a raw frame's samples lie in a file: in one strip, or compressed in tiles.

use super::Compression;
use crate::lossless;
use crate::packing::{pack_bits, unpack_row};
use crate::tiff::Tag;
use crate::view::RawImage;
use pinhole_base::format::Packing;
use pinhole_base::geometry::Size;
use std::io::{self, Write};

/// Rows of a tile. Tiles are as wide as the image, rounded up as TIFF demands.
const TILE_ROWS: u32 = 256;
const TILE_SIDE_STEP: u32 = 16;

/// A directory's samples in the file: where one strip, or tiles, begin and end.
pub(super) struct Part {
    /// Bytes of each strip or tile.
    pub(super) lengths: Vec<u64>,
    /// The tiles' size; `None` for a strip.
    pub(super) tile: Option<Size>,
}

impl Part {
    pub(super) fn strip(bytes: u64) -> Self {
        Self { lengths: vec![bytes], tile: None }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.lengths.iter().sum()
    }

    pub(super) fn offsets_tag(&self) -> Tag {
        if self.tile.is_some() { Tag::TILE_OFFSETS } else { Tag::STRIP_OFFSETS }
    }
}

/// Samples that are ready to be written.
pub(super) enum Packed {
    /// One strip of so many bytes, samples of so many bits.
    Strip { bytes: u64, bits: u16 },
    /// Tiles of that size, each compressed; samples of so many bits.
    Tiles { tiles: Vec<Vec<u8>>, size: Size, bits: u16 },
}

impl Packed {
    pub(super) fn of(image: &RawImage<'_>, compression: Compression) -> Self {
        let bits = u16::from(image.format().bits);
        match compression {
            Compression::Unpacked => {
                let bits = if bits == 8 { 8 } else { 16 };
                Self::Strip { bytes: image.size().area() * u64::from(bits) / 8, bits }
            }
            Compression::Packed => {
                let row_bytes = (u64::from(image.size().width) * u64::from(bits)).div_ceil(8);
                Self::Strip { bytes: row_bytes * u64::from(image.size().height), bits }
            }
            Compression::Lossless => {
                let size = Size::new(image.size().width.next_multiple_of(TILE_SIDE_STEP), TILE_ROWS);
                let first_rows = (0..image.size().height).step_by(TILE_ROWS as usize);
                Self::Tiles { tiles: first_rows.map(|y| tile(image, y, size)).collect(), size, bits }
            }
        }
    }

    pub(super) fn bits(&self) -> u16 {
        let (Self::Strip { bits, .. } | Self::Tiles { bits, .. }) = self;
        *bits
    }

    pub(super) fn part(&self) -> Part {
        match self {
            Self::Strip { bytes, .. } => Part::strip(*bytes),
            Self::Tiles { tiles, size, .. } => {
                Part { lengths: tiles.iter().map(|tile| tile.len() as u64).collect(), tile: Some(*size) }
            }
        }
    }
}

/// The tile whose first row is `first`, compressed. Beyond the frame the last samples of their
/// colour go on.
fn tile(image: &RawImage<'_>, first: u32, size: Size) -> Vec<u8> {
    let mut samples = Vec::with_capacity(size.area() as usize);
    let bottom = image.size().height - 1;
    for y in first..first + size.height {
        // Rows of a mosaic alternate; a frame of one row has no other.
        let y = if y > bottom { bottom - ((y - bottom) % 2).min(bottom) } else { y };
        let start = samples.len();
        unpack_row(image.format(), image.row(y), image.size().width, &mut samples);
        while samples.len() < start + size.width as usize {
            samples.push(samples[samples.len().saturating_sub(2).max(start)]);
        }
    }
    lossless::encode(&samples, size.width as usize, u32::from(image.format().bits))
}

/// Writes the samples.
pub(super) fn write(out: &mut impl Write, image: &RawImage<'_>, packed: &Packed) -> io::Result<()> {
    let format = image.format();
    match packed {
        Packed::Tiles { tiles, .. } => tiles.iter().try_for_each(|tile| out.write_all(tile)),
        Packed::Strip { bits, .. } if as_it_is(image, *bits) => {
            image.rows().try_for_each(|row| out.write_all(row))
        }
        Packed::Strip { bits, .. } => {
            let (mut samples, mut bytes) = (Vec::new(), Vec::new());
            for row in image.rows() {
                samples.clear();
                bytes.clear();
                unpack_row(format, row, image.size().width, &mut samples);
                match bits {
                    16 => bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes())),
                    _ => pack_bits(&samples, u32::from(*bits), &mut bytes),
                }
                out.write_all(&bytes)?;
            }
            Ok(())
        }
    }
}

/// Whether the frame's rows have the very bytes that the file shall have.
fn as_it_is(image: &RawImage<'_>, bits: u16) -> bool {
    let format = image.format();
    match format.packing {
        Packing::Csi2 => matches!(format.bits, 8 | 16),
        _ => bits == 16 || format.bits == 8,
    }
}
