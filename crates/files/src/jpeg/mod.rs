//! JPEG pictures (ITU-T T.81, baseline) with EXIF. Components are coded as they lie, with the
//! chroma resolution they have: Y'CbCr never passes through RGB.

mod dct;
mod entropy;
mod read;
mod scan;
mod tables;
mod thumbnail;

pub use read::{Described, Embedded, describe};
pub use thumbnail::ThumbnailOptions;

use crate::exif;
use crate::metadata::ImageMetadata;
use crate::view::Picture;
use crate::ycbcr::{Components, jpeg_components};
use dct::Quantiser;
use entropy::CodeTable;
use pinhole_base::geometry::Size;
use pinhole_base::{Error, ErrorKind, Result};
use scan::Coder;
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
    write_with_thumbnail(out, picture, quality, metadata, None)
}

/// The same, with a small JPEG of the picture beside it (EXIF's first thumbnail), if it is wanted
/// and the picture is larger. A small picture that takes more than a segment's 64 KiB is made of
/// lower quality, then smaller.
///
/// # Errors
/// As [`write()`], also for the small picture's quality.
pub fn write_with_thumbnail(
    out: &mut impl Write,
    picture: &Picture<'_>,
    quality: u8,
    metadata: &ImageMetadata,
    wanted: Option<ThumbnailOptions>,
) -> Result<()> {
    metadata.check()?;
    check_quality(quality)?;
    wanted.map_or(Ok(()), ThumbnailOptions::check)?;
    let content = exif::Content { size: picture.size(), colour: picture.colour(), ycbcr: true };
    let components = jpeg_components(picture);
    let exif = wanted
        .and_then(|wanted| thumbnail::block(metadata, &content, &components, wanted))
        .unwrap_or_else(|| exif::block(metadata, &content, None));
    encode(out, &components, quality, Some(&exif)).map_err(|error| Error::from_io(&error, "writing a JPEG"))
}

fn check_quality(quality: u8) -> Result<()> {
    match quality {
        1..=100 => Ok(()),
        _ => Err(Error::new(ErrorKind::InvalidArgument, "writing a JPEG")
            .because(format!("a quality of {quality} is not from 1 to 100"))),
    }
}

fn encode(
    out: &mut impl Write,
    components: &Components<'_>,
    quality: u8,
    exif: Option<&[u8]>,
) -> io::Result<()> {
    let steps = [LUMA.quantisation, CHROMA.quantisation].map(|table| tables::scaled(&table, quality));
    out.write_all(&head(components, &steps, exif))?;
    let coder = |index: usize, spec: &tables::Specs| Coder {
        quantiser: Quantiser::new(&steps[index]),
        dc: CodeTable::new(&spec.dc),
        ac: CodeTable::new(&spec.ac),
    };
    scan::write(out, components, &[coder(0, &LUMA), coder(1, &CHROMA)])?;
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

/// What EXIF's segment begins with.
const EXIF: &[u8] = b"Exif\0\0";

/// Most bytes of a segment behind its length.
const SEGMENT_BYTES_MAX: usize = 0xffff - 2;

/// All segments before the coded samples.
fn head(components: &Components<'_>, steps: &[[u8; 64]; 2], exif: Option<&[u8]>) -> Vec<u8> {
    let mut head = vec![0xff, marker::START_OF_IMAGE];
    if let Some(exif) = exif {
        segment(&mut head, marker::APP1, &[EXIF, exif].concat());
    }
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

/// Appends a segment of no more than [`SEGMENT_BYTES_MAX`].
fn segment(head: &mut Vec<u8>, marker: u8, payload: &[u8]) {
    let length = u16::try_from(payload.len() + 2).expect("EXIF was made to fit, all else is small");
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

#[cfg(test)]
mod tests;
