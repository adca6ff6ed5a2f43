//! Writes frames to where they are to go, and counts the bytes. Files appear whole or not at
//! all; pipes and devices are written to as frames come.

use crate::frames::Pixels;
use crate::output::{Kind, Output, Pattern, Target};
use pinhole::files::atomic::{AtomicFile, Durability, is_replaceable};
use pinhole::files::dng::{self, DngMetadata};
use pinhole::files::jpeg::ThumbnailOptions;
use pinhole::files::planes::{self, Padding};
use pinhole::files::{jpeg, png, ppm, tiff, y4m};
use pinhole::{Error, ErrorKind, Result};
use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::rc::Rc;

/// Quality of JPEGs in a capture.
pub(crate) const JPEG_QUALITY: u8 = 93;

/// A file, pipe or device that is being written.
pub(crate) struct Out {
    to: To,
    place: String,
    written_bytes: u64,
}

enum To {
    File(AtomicFile),
    Stream(BufWriter<File>),
}

impl Out {
    /// Begins a file, or opens a pipe or device.
    ///
    /// # Errors
    /// It cannot be written there.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Self::stdout();
        }
        let to = if is_replaceable(path) { To::File(AtomicFile::create(path)?) } else { stream(path)? };
        Ok(Self { to, place: path.display().to_string(), written_bytes: 0 })
    }

    /// Standard output.
    ///
    /// # Errors
    /// Descriptors ran out.
    pub(crate) fn stdout() -> Result<Self> {
        let place = "standard output";
        let descriptor = io::stdout().as_fd().try_clone_to_owned();
        let descriptor = descriptor.map_err(|error| Error::from_io(&error, "opening it").at(place))?;
        let to = To::Stream(BufWriter::with_capacity(BUFFER_BYTES, descriptor.into()));
        Ok(Self { to, place: place.to_owned(), written_bytes: 0 })
    }

    /// Passes on what a pipe's reader may be waiting for.
    ///
    /// # Errors
    /// Writing fails.
    pub(crate) fn flush_stream(&mut self) -> Result<()> {
        if matches!(self.to, To::File(_)) { Ok(()) } else { self.flush_all() }
    }

    /// Hands all that was written to the system, so that a full disk is found out.
    ///
    /// # Errors
    /// Writing fails.
    pub(crate) fn flush_all(&mut self) -> Result<()> {
        self.flush().map_err(|error| Error::from_io(&error, "writing").at(self.place.clone()))
    }

    /// Puts a file in its place.
    ///
    /// # Errors
    /// Writing fails.
    pub(crate) fn finish(mut self, durability: Durability) -> Result<()> {
        self.flush_stream()?;
        match self.to {
            To::File(file) => file.commit(durability),
            To::Stream(_) => Ok(()),
        }
    }

    /// Bytes written so far.
    pub(crate) fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// Names the place in an error that names none.
    pub(crate) fn placed(&self, error: Error) -> Error {
        if error.place().is_some() { error } else { error.at(self.place.clone()) }
    }
}

const BUFFER_BYTES: usize = 256 * 1024;

fn stream(path: &Path) -> Result<To> {
    let failed = |error: Error| error.at(path.display().to_string());
    if path.is_dir() {
        let error = Error::new(ErrorKind::InvalidArgument, "writing the file");
        return Err(failed(error.because("it is a directory")));
    }
    let file = OpenOptions::new().write(true).open(path);
    let file = file.map_err(|error| failed(Error::from_io(&error, "opening it for writing")))?;
    Ok(To::Stream(BufWriter::with_capacity(BUFFER_BYTES, file)))
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.to {
            To::File(file) => file.write(bytes),
            To::Stream(out) => out.write(bytes),
        }?;
        self.written_bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::File(file) => file.flush(),
            To::Stream(out) => out.flush(),
        }
    }
}

/// Whether writing failed because a pipe's reader has read enough.
pub(crate) fn is_reader_gone(error: &Error) -> bool {
    const EPIPE: i32 = 32;
    error.errno() == Some(EPIPE)
}

/// One frame of a stream, with what is said of it.
pub(crate) struct Shot<'a> {
    /// Its number in this capture.
    pub(crate) number: u64,
    /// Its pixels.
    pub(crate) pixels: Pixels<'a>,
    /// What files say of it.
    pub(crate) metadata: &'a DngMetadata<'a>,
    /// Frames a second, as a fraction.
    pub(crate) frame_rate: (u32, u32),
    /// Of JPEGs.
    pub(crate) quality: u8,
    /// The small picture within a JPEG, if there is to be one.
    pub(crate) thumbnail: Option<ThumbnailOptions>,
}

/// Where the frames of one stream go.
pub(crate) struct Sink {
    /// The stream's place in the configuration.
    pub(crate) stream: usize,
    kind: Kind,
    name: String,
    place: Place,
    written_bytes: u64,
    failed: bool,
}

enum Place {
    Each(Pattern),
    One(SharedOut),
    Y4m(Box<y4m::Writer<SharedOut>>, SharedOut),
}

impl Sink {
    /// Opens what can be opened before the first frame, so that what cannot be written is told
    /// before the camera starts.
    ///
    /// # Errors
    /// It cannot be written there.
    pub(crate) fn open(output: Output) -> Result<Self> {
        let Output { stream, name, kind, target } = output;
        let place = match target {
            Target::Stdout => Place::One(SharedOut::new(Out::stdout()?)),
            Target::One(path) => Place::One(SharedOut::new(Out::open(&path)?)),
            Target::Each(pattern) => {
                drop(Out::open(&pattern.path(0, &name))?);
                Place::Each(pattern)
            }
        };
        Ok(Self { stream, kind, name, place, written_bytes: 0, failed: false })
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// It does not fit the kind of file, or writing fails. Then the file is given up.
    pub(crate) fn write(&mut self, shot: &Shot<'_>) -> Result<()> {
        let written = self.write_frame(shot);
        self.failed |= written.is_err();
        written
    }

    fn write_frame(&mut self, shot: &Shot<'_>) -> Result<()> {
        if self.kind == Kind::Y4m
            && let Place::One(out) = &self.place
        {
            let writer = y4m::Writer::new(out.clone(), shot.frame_rate);
            self.place = Place::Y4m(Box::new(writer), out.clone());
        }
        match &mut self.place {
            Place::Each(pattern) => {
                let mut out = Out::open(&pattern.path(shot.number, &self.name))?;
                encode(&mut out, self.kind, shot).map_err(|error| out.placed(error))?;
                self.written_bytes += out.written_bytes();
                out.finish(Durability::WhenConvenient)
            }
            Place::One(out) => {
                let encoded = encode(&mut *out, self.kind, shot);
                out.end_frame(encoded)
            }
            Place::Y4m(writer, out) => {
                let written = as_picture(&shot.pixels).and_then(|pixels| writer.write(&pixels));
                out.end_frame(written)
            }
        }
    }

    /// Puts a file of many frames in its place, unless it was given up; returns the bytes
    /// written in all.
    ///
    /// # Errors
    /// Writing fails.
    pub(crate) fn finish(self) -> Result<u64> {
        let out = match self.place {
            Place::Each(_) => return Ok(self.written_bytes),
            Place::One(out) => out,
            Place::Y4m(writer, out) => {
                drop(writer);
                out
            }
        };
        if self.failed { Ok(out.written_bytes()) } else { out.finish() }
    }
}

/// An output that a writer of a format holds, and its sink too.
#[derive(Clone)]
struct SharedOut(Rc<RefCell<Out>>);

impl SharedOut {
    fn new(out: Out) -> Self {
        Self(Rc::new(RefCell::new(out)))
    }

    fn end_frame(&self, written: Result<()>) -> Result<()> {
        let mut out = self.0.borrow_mut();
        written.map_err(|error| out.placed(error))?;
        out.flush_stream()
    }

    fn written_bytes(&self) -> u64 {
        self.0.borrow().written_bytes
    }

    fn finish(self) -> Result<u64> {
        let out = Rc::into_inner(self.0).expect("the format's writer was dropped").into_inner();
        let written_bytes = out.written_bytes();
        out.finish(Durability::WhenConvenient).map(|()| written_bytes)
    }
}

impl Write for SharedOut {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

/// Writes one frame as a kind of file.
///
/// # Errors
/// It does not fit the kind of file, or writing fails.
pub(crate) fn encode(out: &mut impl Write, kind: Kind, shot: &Shot<'_>) -> Result<()> {
    let (pixels, metadata) = (&shot.pixels, &shot.metadata.image);
    match (kind, pixels) {
        (Kind::Dng, Pixels::Raw(raw)) => dng::write(out, raw, shot.metadata),
        (Kind::Samples, Pixels::Raw(raw)) => planes::write_raw(out, raw, Padding::Dropped),
        (Kind::Samples, Pixels::Picture(pixels)) => planes::write(out, pixels, Padding::Dropped),
        (Kind::Dng, Pixels::Picture(_)) => Err(unfit("a DNG holds RAW frames")),
        (Kind::Jpeg, _) => {
            let picture = as_picture(pixels)?;
            jpeg::write_with_thumbnail(out, &picture, shot.quality, metadata, shot.thumbnail)
        }
        (Kind::Png, _) => png::write(out, &as_picture(pixels)?, metadata),
        (Kind::Tiff, _) => tiff::write(out, &as_picture(pixels)?, metadata),
        (Kind::Ppm, _) => ppm::write(out, &as_picture(pixels)?),
        (Kind::Y4m, _) => y4m::Writer::new(out, shot.frame_rate).write(&as_picture(pixels)?),
    }
}

fn as_picture<'a>(pixels: &Pixels<'a>) -> Result<pinhole::files::Picture<'a>> {
    match pixels {
        Pixels::Picture(picture) => Ok(*picture),
        Pixels::Raw(_) => Err(unfit("RAW frames are no pictures yet")),
    }
}

fn unfit(reason: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "writing a frame").because(reason)
}
