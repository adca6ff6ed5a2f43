//! YUV4MPEG2 streams: one line of text, then frames of planar Y'CbCr, which video programs
//! read from a file or a pipe. The format has no field for the matrix: only the range is told.

use crate::view::Picture;
use crate::ycbcr::{Components, Plane, components};
use pinhole_base::colour::Range;
use pinhole_base::format::PixelFormat;
use pinhole_base::geometry::Size;
use pinhole_base::{Error, ErrorKind, Result};
use std::io::{self, Write};

/// What all frames of a stream have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    size: Size,
    subsampling: (u32, u32),
    range: Range,
}

/// Writes frames to a stream, its header before the first.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    frame_rate: (u32, u32),
    shape: Option<Shape>,
    row: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// A writer of a stream with `frame_rate.0 / frame_rate.1` frames a second; (0, 0) if it is
    /// not known. Writes nothing yet.
    pub fn new(out: W, frame_rate: (u32, u32)) -> Self {
        Self { out, frame_rate, shape: None, row: Vec::new() }
    }

    /// Writes a frame; before the first, the header, which follows from that frame.
    ///
    /// # Errors
    /// `Unsupported` if the picture is not Y'CbCr, `InvalidArgument` if its size, chroma or
    /// range is not the first frame's, and what writing fails with.
    pub fn write(&mut self, picture: &Picture<'_>) -> Result<()> {
        let components = components(picture).ok_or_else(|| not_ycbcr(picture.format()))?;
        let shape = Shape {
            size: picture.size(),
            subsampling: components.subsampling,
            range: picture.colour().range,
        };
        let written = match self.shape {
            None => self.write_header(shape),
            Some(first) if first == shape => Ok(()),
            Some(first) => return Err(changed(first, shape)),
        };
        self.shape = Some(shape);
        written
            .and_then(|()| self.write_frame(&components))
            .map_err(|error| Error::from_io(&error, "writing a Y4M stream"))
    }

    /// Gives back what it writes to.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn write_header(&mut self, shape: Shape) -> io::Result<()> {
        let (chroma, range) = match (shape.subsampling, shape.range) {
            ((2, 2), Range::Full) => ("420jpeg", "FULL"),
            ((2, 2), Range::Limited) => ("420mpeg2", "LIMITED"),
            (_, Range::Full) => ("422", "FULL"),
            (_, Range::Limited) => ("422", "LIMITED"),
        };
        let ((frames, seconds), Size { width, height, .. }) = (self.frame_rate, shape.size);
        writeln!(
            self.out,
            "YUV4MPEG2 W{width} H{height} F{frames}:{seconds} Ip A1:1 C{chroma} XCOLORRANGE={range}"
        )
    }

    fn write_frame(&mut self, components: &Components<'_>) -> io::Result<()> {
        self.out.write_all(b"FRAME\n")?;
        components.planes.iter().try_for_each(|plane| self.write_plane(plane))
    }

    fn write_plane(&mut self, plane: &Plane<'_>) -> io::Result<()> {
        for y in 0..plane.size.height {
            self.row.clear();
            plane.append_row(y, &mut self.row);
            self.out.write_all(&self.row)?;
        }
        Ok(())
    }
}

fn not_ycbcr(format: PixelFormat) -> Error {
    Error::new(ErrorKind::Unsupported, "writing a Y4M stream")
        .because(format!("{format} is not Y'CbCr"))
        .hint("ask for YUV420 or NV12")
}

fn changed(first: Shape, now: Shape) -> Error {
    Error::new(ErrorKind::InvalidArgument, "writing a Y4M stream")
        .because(format!("this frame's shape, {now:?}, is not the first one's, {first:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_base::colour::ColourSpace;

    fn nv12(bytes: &[u8], colour: ColourSpace) -> Picture<'_> {
        Picture::new(PixelFormat::Nv12, Size::new(3, 1), 4, colour, bytes).unwrap()
    }

    #[test]
    fn one_header_then_frames() {
        let mut writer = Writer::new(Vec::new(), (30, 1));
        writer.write(&nv12(&[1, 2, 3, 0, 4, 5, 6, 7], ColourSpace::REC709)).unwrap();
        writer.write(&nv12(&[8, 9, 10, 0, 11, 12, 13, 14], ColourSpace::REC709)).unwrap();
        let expected: &[u8] = b"YUV4MPEG2 W3 H1 F30:1 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n\
            FRAME\n\x01\x02\x03\x04\x06\x05\x07FRAME\n\x08\x09\x0a\x0b\x0d\x0c\x0e";
        assert_eq!(writer.into_inner(), expected);
    }

    #[test]
    fn a_frame_of_another_shape_is_refused() {
        let mut writer = Writer::new(Vec::new(), (25, 1));
        writer.write(&nv12(&[0; 8], ColourSpace::REC709)).unwrap();
        let length = writer.out.len();
        let error = writer.write(&nv12(&[0; 8], ColourSpace::SYCC)).unwrap_err();
        assert_eq!((error.kind(), writer.out.len()), (ErrorKind::InvalidArgument, length));
        let rgb = Picture::new(PixelFormat::Rgb24, Size::new(1, 1), 3, ColourSpace::SRGB, &[0; 3]).unwrap();
        assert_eq!(writer.write(&rgb).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
