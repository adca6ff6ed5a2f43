//! JPEGs put together from tiles that were coded before: where a picture hardly changes, little is
//! left to code, and an emulated processor is slow at it. Each tile is a restart interval (ITU-T T.81,
//! F.1.1.5): its code does not depend on those before it. Knows nothing of what the pictures show.

use pinhole_base::colour::ColourSpace;
use pinhole_base::format::PixelFormat;
use pinhole_base::geometry::Size;
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_files::{ImageMetadata, Picture, jpeg};
use std::collections::HashMap;

/// Pixels of a tile: five units of 4:2:2, which every width here is a multiple of.
const TILE_WIDTH: usize = 80;
const TILE_HEIGHT: usize = 8;
const UNITS_IN_TILE: u8 = 5;

const QUALITY: u8 = 85;

/// Tiles that are remembered at most, some 10 MB.
const TILES_MAX: usize = 8192;

mod marker {
    pub(super) const FRAME: u8 = 0xc0;
    pub(super) const RESTART: u8 = 0xd0;
    pub(super) const END: u8 = 0xd9;
    pub(super) const SCAN: u8 = 0xda;
    pub(super) const RESTART_INTERVAL: u8 = 0xdd;
    pub(super) const EXIF: u8 = 0xe1;
}

/// Codes pictures of one size, and remembers their tiles.
#[derive(Default)]
pub(crate) struct Mosaic {
    /// The code of each tile, by its pixels.
    tiles: HashMap<Vec<u8>, Vec<u8>>,
    /// All that comes before the code.
    head: Vec<u8>,
}

impl Mosaic {
    /// Codes a picture: rows of YUYV, its width a multiple of 80 and its height of 8.
    ///
    /// # Errors
    /// What the JPEG encoder fails with.
    pub(crate) fn code(&mut self, pixels: &[u8], width: usize) -> Result<Vec<u8>> {
        if self.tiles.len() > TILES_MAX {
            self.tiles.clear();
        }
        if self.head.is_empty() {
            let (tile, height) = (tile(pixels, width, 0, 0), pixels.len() / 2 / width);
            self.head = head(&coded(&tile)?, [width as u16, height as u16])?;
        }
        let mut bytes = self.head.clone();
        let bands = pixels.len() / (2 * width * TILE_HEIGHT);
        let places = (0..bands).flat_map(|y| (0..width / TILE_WIDTH).map(move |x| (x, y)));
        for (index, (x, y)) in places.enumerate() {
            if index > 0 {
                bytes.extend([0xff, marker::RESTART + ((index - 1) % 8) as u8]);
            }
            self.append(&mut bytes, tile(pixels, width, x, y))?;
        }
        bytes.extend([0xff, marker::END]);
        Ok(bytes)
    }

    fn append(&mut self, bytes: &mut Vec<u8>, tile: Vec<u8>) -> Result<()> {
        if let Some(code) = self.tiles.get(&tile) {
            bytes.extend_from_slice(code);
            return Ok(());
        }
        let code = scan(&coded(&tile)?)?.to_vec();
        bytes.extend_from_slice(&code);
        self.tiles.insert(tile, code);
        Ok(())
    }
}

/// The pixels of a tile by its place.
fn tile(pixels: &[u8], width: usize, x: usize, y: usize) -> Vec<u8> {
    let rows = pixels.chunks_exact(2 * width).skip(y * TILE_HEIGHT).take(TILE_HEIGHT);
    rows.flat_map(|row| &row[x * 2 * TILE_WIDTH..][..2 * TILE_WIDTH]).copied().collect()
}

/// A tile as a JPEG of its own.
fn coded(tile: &[u8]) -> Result<Vec<u8>> {
    let size = Size::new(TILE_WIDTH as u32, TILE_HEIGHT as u32);
    let stride_bytes = 2 * size.width;
    let picture = Picture::new(PixelFormat::Yuyv, size, stride_bytes, ColourSpace::SMPTE170M, tile)?;
    let mut bytes = Vec::new();
    jpeg::write(&mut bytes, &picture, QUALITY, &ImageMetadata::default())?;
    Ok(bytes)
}

/// The segments of a JPEG up to the one that begins the scan, each with its marker.
fn segments(jpeg: &[u8]) -> Result<Vec<(u8, &[u8])>> {
    let (mut rest, mut all) = (jpeg.get(2..).ok_or_else(unreadable)?, Vec::new());
    while all.last().is_none_or(|&(kind, _)| kind != marker::SCAN) {
        let [0xff, kind, high, low, ..] = *rest else { return Err(unreadable()) };
        let length = 2 + usize::from(u16::from_be_bytes([high, low]));
        let (segment, later) = rest.split_at_checked(length).ok_or_else(unreadable)?;
        all.push((kind, segment));
        rest = later;
    }
    Ok(all)
}

fn unreadable() -> Error {
    Error::new(ErrorKind::Malformed, "taking a JPEG apart").because("it is none")
}

/// The code alone, without what comes before and after.
fn scan(jpeg: &[u8]) -> Result<&[u8]> {
    let start = 2 + segments(jpeg)?.iter().map(|(_, segment)| segment.len()).sum::<usize>();
    jpeg.get(start..jpeg.len() - 2).ok_or_else(unreadable)
}

/// What comes before the code of a whole picture, made of the same of one tile. Webcams have no EXIF.
fn head(jpeg: &[u8], [width, height]: [u16; 2]) -> Result<Vec<u8>> {
    let mut head = jpeg[..2].to_vec();
    for (kind, segment) in segments(jpeg)? {
        if kind == marker::SCAN {
            head.extend([0xff, marker::RESTART_INTERVAL, 0, 4, 0, UNITS_IN_TILE]);
        }
        let start = head.len();
        if kind != marker::EXIF {
            head.extend_from_slice(segment);
        }
        if kind == marker::FRAME {
            head[start + 5..][..2].copy_from_slice(&height.to_be_bytes());
            head[start + 7..][..2].copy_from_slice(&width.to_be_bytes());
        }
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::bytestream::ZCursor;

    const WIDTH: usize = 160;

    /// Something uneven, that differs from one number to the next.
    fn pixels(number: usize) -> Vec<u8> {
        (0..WIDTH * 24 * 2).map(|index| (40 + (index * index / 777 + number * 9) % 170) as u8).collect()
    }

    fn decoded(jpeg: &[u8]) -> Vec<u8> {
        JpegDecoder::new(ZCursor::new(jpeg)).decode().expect("it is a JPEG")
    }

    #[test]
    fn a_mosaic_shows_what_the_picture_as_a_whole_does() {
        let mut mosaic = Mosaic::default();
        for number in [0, 1, 0] {
            let pixels = pixels(number);
            let size = Size::new(WIDTH as u32, 24);
            let whole = Picture::new(PixelFormat::Yuyv, size, 320, ColourSpace::SMPTE170M, &pixels);
            let mut bytes = Vec::new();
            let whole = whole.expect("it is a picture");
            jpeg::write(&mut bytes, &whole, QUALITY, &ImageMetadata::default()).expect("it can be coded");
            let mosaic = mosaic.code(&pixels, WIDTH).expect("it can be coded");
            assert_eq!(decoded(&mosaic), decoded(&bytes));
        }
    }

    #[test]
    fn tiles_are_coded_once() {
        let mut mosaic = Mosaic::default();
        mosaic.code(&pixels(0), WIDTH).expect("it can be coded");
        assert_eq!(mosaic.tiles.len(), 6);
        mosaic.code(&pixels(0), WIDTH).expect("it can be coded");
        assert_eq!(mosaic.tiles.len(), 6);
    }

    #[test]
    fn what_is_no_jpeg_is_refused() {
        for bytes in [&b""[..], b"x", b"\xff\xd8\xff", b"\xff\xd8\xff\xda\xff\xff"] {
            assert!(scan(bytes).is_err() && segments(bytes).is_err());
        }
    }
}
