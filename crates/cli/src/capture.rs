//! `pinhole capture`: frames of any streams, into files or a pipe, or only counted.

use crate::arguments::{CaptureArguments, Pace};
use crate::console;
use crate::ending::{Ending, Failure};
use crate::frames::{self, Pixels};
use crate::interrupt::Interrupt;
use crate::output::{Output, Streams, Target};
use crate::plan::{self, StreamRequest};
use crate::progress::Progress;
use crate::simulation;
use crate::sink::{JPEG_QUALITY, Out, Shot, Sink, is_reader_gone};
use crate::summary::{Summary, buffer_bytes};
use pinhole::config::CameraInfo;
use pinhole::control;
use pinhole::files::atomic::Durability;
use pinhole::{Configuration, DropCounters, Error, ErrorKind, Frame, Result, Role, Session, Timestamp};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Captures frames until there are enough, or the user or the camera ends it.
pub(crate) fn run(arguments: &CaptureArguments) -> Result<Ending, Failure> {
    let interrupt = Interrupt::listen()?;
    let pace = arguments.camera.pace.unwrap_or(Pace::Real);
    let mut camera = simulation::acquire(&arguments.camera, pace)?;
    let (configuration, names) = configure(&camera, arguments).map_err(Failure::of_planning)?;
    *camera.controls_mut() =
        plan::controls(camera.info(), &arguments.picture).map_err(Failure::of_planning)?;
    let outputs = outputs(arguments, &configuration, &names).map_err(Failure::of_planning)?;
    let info = camera.info().clone();
    let recorder = Recorder::open(outputs, arguments.metadata.as_deref(), &info, &names)?;
    let session = camera.start(&configuration).map_err(Error::from)?;
    let capture = Capture { session, recorder, interrupt, count: arguments.count, begun: Instant::now() };
    let (mut summary, failure) = capture.run();
    summary.buffer_bytes = buffer_bytes(&configuration);
    console::report(&summary.text(&configuration));
    if info.simulated && summary.is_behind() && pace == Pace::Real {
        console::say(
            "the simulator draws more slowly than the camera runs; with --pace fast no frame is missed",
        );
    }
    if arguments.json {
        console::answer(&format!("{:#}\n", summary.json(&info, &configuration, &names)))?;
    }
    match failure {
        Some(error) => Err(Failure::Failed(error)),
        None if summary.interrupted => Ok(Ending::Interrupted),
        None => Ok(Ending::Done),
    }
}

fn configure(camera: &pinhole::Camera, arguments: &CaptureArguments) -> Result<(Configuration, Vec<String>)> {
    let default = [StreamRequest::of(Role::Video)];
    let streams = if arguments.streams.is_empty() { &default[..] } else { &arguments.streams };
    let configuration = plan::configuration(camera, &arguments.picture, streams)?;
    let names = plan::stream_names(&configuration.streams);
    Ok((configuration, names))
}

fn outputs(
    arguments: &CaptureArguments,
    configuration: &Configuration,
    names: &[String],
) -> Result<Vec<Output>> {
    let streams = Streams { configurations: &configuration.streams, names, count: arguments.count };
    let outputs = streams.outputs(&arguments.outputs)?;
    let streamed = outputs.iter().filter(|output| output.target == Target::Stdout).count();
    let logged = arguments.metadata.as_deref() == Some(Path::new("-"));
    if streamed + usize::from(logged) + usize::from(arguments.json) > 1 {
        return Err(Error::new(ErrorKind::InvalidArgument, "choosing outputs")
            .at("standard output")
            .because("more than one of --output, --metadata and --json want it")
            .hint("give all but one of them a file"));
    }
    Ok(outputs)
}

/// A running capture.
struct Capture<'a> {
    session: Session,
    recorder: Recorder<'a>,
    interrupt: Interrupt,
    count: u64,
    begun: Instant,
}

impl Capture<'_> {
    /// Runs it to its end, whatever ends it. Files of frames that came are kept.
    fn run(mut self) -> (Summary, Option<Error>) {
        let failure = self.take_frames().err().filter(|error| !is_reader_gone(error));
        let elapsed = self.begun.elapsed();
        let stopped = self.session.stop();
        let enough = self.count > 0 && self.recorder.figures.frames == self.count;
        let interrupted = self.interrupt.is_asked() && !enough;
        let (figures, finished) = self.recorder.finish();
        let summary = figures.summary(stopped.drops, elapsed, interrupted);
        (summary, failure.or(stopped.failure).or(finished.err()))
    }

    fn take_frames(&mut self) -> Result<()> {
        let mut progress = Progress::new("frame", self.count);
        while !self.interrupt.is_asked() {
            let Some(frame) = self.session.next()? else { break };
            self.recorder.record(&frame)?;
            drop(frame);
            progress.show(self.recorder.figures.frames);
            if self.recorder.figures.frames == self.count {
                break;
            }
        }
        Ok(())
    }
}

/// What is counted while frames come.
#[derive(Default)]
struct Figures {
    frames: u64,
    flagged: u64,
    span: Option<(Timestamp, Timestamp)>,
    converted_bytes: u64,
    read_bytes: u64,
    written_bytes: u64,
}

impl Figures {
    fn count(&mut self, frame: &Frame, streams: usize) {
        self.frames += 1;
        self.flagged += u64::from(frame.metadata().get(control::FRAME_ERROR) == Some(true));
        let first = self.span.map_or(frame.timestamp(), |(first, _)| first);
        self.span = Some((first, frame.timestamp()));
        if frame.metadata().get(control::CPU_CONVERTED) == Some(true) {
            let bytes =
                |stream| frame.stream_at(stream).map_or(0, |stream| stream.configuration().frame_bytes);
            self.converted_bytes += (0..streams).map(|stream| u64::from(bytes(stream))).sum::<u64>();
        }
    }

    fn summary(self, drops: DropCounters, elapsed: std::time::Duration, interrupted: bool) -> Summary {
        let Self { frames, flagged, span, converted_bytes, read_bytes, written_bytes } = self;
        Summary {
            frames,
            flagged,
            span,
            elapsed,
            drops,
            buffer_bytes: 0,
            converted_bytes,
            read_bytes,
            written_bytes,
            interrupted,
        }
    }
}

/// Writes frames and their metadata, and counts.
struct Recorder<'a> {
    sinks: Vec<Sink>,
    log: Option<Log<'a>>,
    info: &'a CameraInfo,
    streams: usize,
    figures: Figures,
}

impl<'a> Recorder<'a> {
    fn open(
        outputs: Vec<Output>,
        log: Option<&Path>,
        info: &'a CameraInfo,
        names: &'a [String],
    ) -> Result<Self> {
        let sinks = outputs.into_iter().map(Sink::open).collect::<Result<_>>()?;
        let log = log.map(|path| Log::open(path, names)).transpose()?;
        Ok(Self { sinks, log, info, streams: names.len(), figures: Figures::default() })
    }

    fn record(&mut self, frame: &Frame) -> Result<()> {
        let number = self.figures.frames;
        for sink in &mut self.sinks {
            self.figures.read_bytes += write_stream(sink, frame, number, self.info)?;
        }
        if let Some(log) = &mut self.log {
            log.write(frame, number)?;
        }
        self.figures.count(frame, self.streams);
        Ok(())
    }

    /// Puts files in their places, also after a failure, but for those that failed.
    fn finish(mut self) -> (Figures, Result<()>) {
        let mut result = Ok(());
        for sink in self.sinks {
            match sink.finish() {
                Ok(written_bytes) => self.figures.written_bytes += written_bytes,
                Err(error) => result = result.and(Err(error)),
            }
        }
        let logged = self.log.map_or(Ok(()), Log::finish);
        (self.figures, result.and(logged))
    }
}

/// Writes one stream of a frame; returns the bytes of pixels read for it.
fn write_stream(sink: &mut Sink, frame: &Frame, number: u64, info: &CameraInfo) -> Result<u64> {
    let stream = frame.stream_at(sink.stream)?;
    let view = stream.map()?;
    let image = frames::image_metadata(info, frame.metadata());
    sink.write(&Shot {
        number,
        pixels: Pixels::of(stream.configuration(), &view)?,
        metadata: &frames::dng_metadata(info, image, Some(stream.configuration()), None),
        frame_rate: frame_rate(frame),
        quality: JPEG_QUALITY,
        thumbnail: None,
    })?;
    Ok(stream.configuration().frame_bytes.into())
}

/// Frames a second, as a fraction; (0, 0) where nobody knows.
fn frame_rate(frame: &Frame) -> (u32, u32) {
    let duration_us = frame.metadata().get(control::FRAME_DURATION);
    let duration_us = duration_us.and_then(|us| u32::try_from(us).ok()).filter(|us| *us > 0);
    duration_us.map_or((0, 0), |us| (1_000_000, us))
}

/// Writes a line of JSON for each frame.
struct Log<'a> {
    out: Out,
    names: &'a [String],
    failed: bool,
}

impl<'a> Log<'a> {
    fn open(path: &Path, names: &'a [String]) -> Result<Self> {
        Ok(Self { out: Out::open(path)?, names, failed: false })
    }

    fn write(&mut self, frame: &Frame, number: u64) -> Result<()> {
        let line = self.line(frame, number);
        let written =
            writeln!(self.out, "{line}").map_err(|error| Error::from_io(&error, "writing metadata"));
        let written = written.map_err(|error| self.out.placed(error)).and_then(|()| self.out.flush_stream());
        self.failed = written.is_err();
        written
    }

    fn line(&self, frame: &Frame, number: u64) -> Value {
        let buffer = |(index, name): (usize, &String)| {
            let info = frame.stream_at(index).map(|stream| stream.info()).unwrap_or_default();
            json!({"stream": name, "bytes_used": info.bytes_used, "error": info.error})
        };
        json!({
            "frame": number,
            "sequence": frame.sequence(),
            "timestamp_ns": frame.timestamp().as_nanos(),
            "buffers": self.names.iter().enumerate().map(buffer).collect::<Value>(),
            "metadata": crate::json::of_controls(frame.metadata()),
        })
    }

    fn finish(self) -> Result<()> {
        if self.failed { Ok(()) } else { self.out.finish(Durability::WhenConvenient) }
    }
}
