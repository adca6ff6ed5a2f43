//! What a JPEG says of itself: its size, and what EXIF tells, with the small picture's place.
//!
//! Reads segments up to the first coded samples; decodes nothing, and copies no more than a few
//! words of text.

use super::{EXIF, marker};
use crate::tiff::Tag;
use crate::tiff::read::{Directory, File, malformed};
use pinhole_base::geometry::Size;
use pinhole_base::{Error, ErrorKind, Result};
use std::ops::Range;
use std::time::Duration;

/// What a JPEG holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// Width and height, as stored.
    pub size: Size,
    /// Colours of a pixel: 1 is grey, 3 are Y'CbCr mostly.
    pub components: u8,
    /// Luma samples for one of chroma, across and down.
    pub subsampling: (u8, u8),
    /// EXIF's orientation, 1 to 8.
    pub orientation: u16,
    /// Who made the camera; empty if unknown, as are all texts.
    pub make: String,
    /// The camera's model.
    pub model: String,
    /// The program that wrote the file.
    pub software: String,
    /// When it was taken, as EXIF writes it.
    pub date_time: String,
    /// How long light was gathered.
    pub exposure_time: Option<Duration>,
    /// The sensitivity.
    pub iso: Option<u32>,
    /// The small picture.
    pub thumbnail: Option<Embedded>,
}

/// A JPEG within a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// Its bytes' place in the file.
    pub bytes: Range<usize>,
    /// Width and height, as stored.
    pub size: Size,
}

/// Describes a JPEG (ITU-R T.81) with or without EXIF.
///
/// # Errors
/// `Malformed` if the bytes are no JPEG, or EXIF's fields or the small picture do not hold together.
pub fn describe(bytes: &[u8]) -> Result<Described> {
    let segments = Segments::of(bytes)?;
    let mut described = Described {
        size: segments.frame.size,
        components: segments.frame.components,
        subsampling: segments.frame.subsampling,
        orientation: 1,
        make: String::new(),
        model: String::new(),
        software: String::new(),
        date_time: String::new(),
        exposure_time: None,
        iso: None,
        thumbnail: None,
    };
    if let Some(start) = segments.exif {
        read_exif(bytes, start, &mut described)?;
    }
    Ok(described)
}

fn read_exif(bytes: &[u8], block: Range<usize>, described: &mut Described) -> Result<()> {
    let (file, first) = File::open(&bytes[block.clone()])?;
    let main = file.directory(first)?;
    described.orientation = main.integer_or(Tag::ORIENTATION, 1)?.try_into().unwrap_or(1);
    described.make = main.text(Tag::MAKE)?;
    described.model = main.text(Tag::MODEL)?;
    described.software = main.text(Tag::SOFTWARE)?;
    described.date_time = main.text(Tag::DATE_TIME)?;
    if let Some(offset) = main.integer(Tag::EXIF_IFD)? {
        let exif = file.directory(offset)?;
        described.iso = exif.integer(Tag::ISO)?;
        let exposure = exif.find(Tag::EXPOSURE_TIME)?.map(|field| field.number_at(0)).transpose()?;
        described.exposure_time = exposure.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    }
    if main.next != 0 {
        described.thumbnail = thumbnail(&file.directory(main.next)?, &bytes[block.clone()], block.start)?;
    }
    Ok(())
}

/// The small picture, if it is a JPEG. `block` lies `start` bytes behind the file's beginning.
fn thumbnail(directory: &Directory<'_>, block: &[u8], start: usize) -> Result<Option<Embedded>> {
    let Some(offset) = directory.integer(Tag::JPEG_INTERCHANGE_FORMAT)? else { return Ok(None) };
    let length = directory.require(Tag::JPEG_INTERCHANGE_FORMAT_LENGTH)?.integer()?;
    let jpeg = directory.file().slice(u64::from(offset), u64::from(length)).ok_or_else(|| {
        malformed(format!("the thumbnail, {length} bytes at {offset}, ends beyond EXIF's {}", block.len()))
    })?;
    let first = start + offset as usize;
    Ok(Some(Embedded { bytes: first..first + jpeg.len(), size: Segments::of(jpeg)?.frame.size }))
}

/// What a frame's segment says.
#[derive(Clone, Copy)]
struct Frame {
    size: Size,
    components: u8,
    subsampling: (u8, u8),
}

/// What is of interest before the coded samples.
struct Segments {
    frame: Frame,
    /// The place of EXIF's block, from its TIFF header.
    exif: Option<Range<usize>>,
}

impl Segments {
    fn of(bytes: &[u8]) -> Result<Self> {
        if !bytes.starts_with(&[0xff, marker::START_OF_IMAGE]) {
            return Err(malformed("it does not begin as a JPEG does"));
        }
        let (mut at, mut exif) = (2, None);
        loop {
            let (kind, content) = segment(bytes, at)?;
            at = content.end;
            match kind {
                marker::APP1 if exif.is_none() && bytes[content.clone()].starts_with(EXIF) => {
                    exif = Some(content.start + EXIF.len()..content.end);
                }
                _ if is_frame(kind) => return Ok(Self { frame: frame(&bytes[content])?, exif }),
                marker::SCAN | marker::END_OF_IMAGE => {
                    return Err(malformed("it has no frame before its scan"));
                }
                _ => {}
            }
        }
    }
}

/// The kind of the segment that begins at a byte, and the place of its content.
fn segment(bytes: &[u8], at: usize) -> Result<(u8, Range<usize>)> {
    let ended = || malformed(format!("its {} bytes end within a segment", bytes.len()));
    let [lead, kind, high, low] = *bytes.get(at..at + 4).and_then(<[u8]>::first_chunk).ok_or_else(ended)?;
    if lead != 0xff || kind == 0 {
        return Err(malformed(format!("there is no marker at byte {at}")));
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length < 2 {
        return Err(malformed(format!("the segment at byte {at} is shorter than its length")));
    }
    let content = at + 4..at + 2 + length;
    if content.end > bytes.len() { Err(ended()) } else { Ok((kind, content)) }
}

/// All kinds of frames; between their numbers lie those of three other segments.
fn is_frame(kind: u8) -> bool {
    (0xc0..=0xcf).contains(&kind) && !matches!(kind, 0xc4 | 0xc8 | 0xcc)
}

fn frame(content: &[u8]) -> Result<Frame> {
    let [_, h0, h1, w0, w1, components, _, factors] =
        *content.first_chunk().ok_or_else(|| malformed("its frame has no component"))?;
    let size = Size::new(u32::from(u16::from_be_bytes([w0, w1])), u32::from(u16::from_be_bytes([h0, h1])));
    if size.is_empty() {
        return Err(Error::new(ErrorKind::Unsupported, "reading the file")
            .because(format!("its frame says a size of {size}")));
    }
    Ok(Frame { size, components, subsampling: (factors >> 4, factors & 15) })
}
