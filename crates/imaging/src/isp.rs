//! The processor: a mosaic in, up to two pictures and the statistics out.

use pinhole_base::colour::ColourSpace;
use pinhole_base::format::{PixelFormat, RawFormat};
use pinhole_base::geometry::{ImagePixels, ModePixels, Rect, Size};
use pinhole_base::{Error, ErrorKind, Result};

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};

use crate::encode::{Encoder, Planes, size_steps};
use crate::finish::{Finisher, Source};
use crate::parameters::IspParameters;
use crate::simd::Level;
use crate::simd::pool::Pool;
use crate::statistics::Statistics;
use crate::tone::Tone;
use crate::worker::{Frame, Share, Worker};

/// Least and most samples along either side of a mosaic.
const SIDE: std::ops::RangeInclusive<u32> = 8..=32768;

/// One picture that the processor makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputFormat {
    /// The pixel format: any but raw and compressed ones.
    pub format: PixelFormat,
    /// Its size; even where the format halves chroma.
    pub size: Size<ImagePixels>,
    /// Bytes from row to row of the first plane.
    pub stride_bytes: u32,
    /// How R'G'B' is encoded: the matrix and the range count here.
    pub colour_space: ColourSpace,
}

/// The shapes of what goes in and comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IspConfiguration {
    /// The format of the mosaic.
    pub input: RawFormat,
    /// Its size: even, 8 to 32768 on either side.
    pub size: Size<ModePixels>,
    /// Bytes from row to row of the mosaic.
    pub stride_bytes: u32,
    /// The part of it that the outputs show, each scaled to its own size.
    pub crop: Rect<ModePixels>,
    /// The outputs.
    pub outputs: [Option<OutputFormat>; 2],
}

/// An image signal processor on the CPU. After it is made it allocates nothing.
#[derive(Debug)]
pub struct Isp {
    configuration: IspConfiguration,
    tone: Tone,
    pool: Pool,
    /// One for each thread, with statistics of its own.
    workers: Vec<Mutex<Seat>>,
}

/// What a thread works with and on. Nobody else ever wants it: the lock is there so that the
/// compiler knows.
#[derive(Debug)]
struct Seat {
    worker: Worker,
    statistics: Statistics,
}

impl Seat {
    fn of(seat: &mut Mutex<Self>) -> &mut Self {
        seat.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Isp {
    /// Makes a processor for these shapes.
    ///
    /// # Errors
    /// `InvalidArgument` where sizes, strides or the crop make no sense; `Unsupported` for an
    /// output format that can't be written.
    pub fn new(configuration: &IspConfiguration) -> Result<Self> {
        Self::with_threads(configuration, NonZero::<usize>::MIN)
    }

    /// The same, shared out among so many threads, of which the caller's is one. The others live
    /// as long as the processor. Pictures are the same for any number of threads.
    ///
    /// # Errors
    /// As [`Self::new`]; and `OutOfResources` if the system gives no more threads.
    pub fn with_threads(configuration: &IspConfiguration, threads: NonZero<usize>) -> Result<Self> {
        Self::at_level(configuration, threads, Level::best())
    }

    /// The same with other instructions than the best that the machine has: to compare them.
    /// Pictures are the same for any.
    ///
    /// # Errors
    /// As [`Self::with_threads`].
    pub fn at_level(configuration: &IspConfiguration, threads: NonZero<usize>, level: Level) -> Result<Self> {
        check_input(configuration)?;
        check_crop(configuration)?;
        let pool = Pool::new(threads).map_err(|error| {
            Error::new(ErrorKind::OutOfResources, "starting the image processor's threads")
                .because(error.to_string())
        })?;
        let seat = |_| {
            let worker = Worker::new(level, configuration)?;
            Ok(Mutex::new(Seat { worker, statistics: Statistics::default() }))
        };
        let workers = (0..threads.get()).map(seat).collect::<Result<_>>()?;
        Ok(Self { configuration: *configuration, tone: Tone::new(level), pool, workers })
    }

    /// The shapes it was made for, with the present crop.
    pub fn configuration(&self) -> &IspConfiguration {
        &self.configuration
    }

    /// Shows another part of the mosaic from the next frame on. Allocates.
    ///
    /// # Errors
    /// `InvalidArgument` where the crop is empty or does not lie inside the frame.
    pub fn set_crop(&mut self, crop: Rect<ModePixels>) -> Result<()> {
        let configuration = IspConfiguration { crop, ..self.configuration };
        check_crop(&configuration)?;
        for seat in &mut self.workers {
            Seat::of(seat).worker.set_crop(&configuration)?;
        }
        self.configuration = configuration;
        Ok(())
    }

    /// Processes a frame. An output whose buffer is `None` is left out; without statistics
    /// only the rows that the crop needs are read. The statistics are added to what is there.
    ///
    /// # Errors
    /// `InvalidArgument` where a buffer is too small, belongs to no output, or a parameter is
    /// not a number or of the wrong shape. Nothing is written then.
    pub fn process(
        &mut self,
        raw: &[u8],
        parameters: &IspParameters,
        outputs: &mut [Option<&mut [u8]>; 2],
        statistics: Option<&mut Statistics>,
    ) -> Result<()> {
        self.check_buffers(raw, outputs)?;
        parameters.check()?;
        self.tone.update(parameters);
        if self.workers.len() == 1 {
            self.process_alone(raw, parameters, outputs, statistics);
        } else {
            self.process_together(raw, parameters, outputs, statistics);
        }
        Ok(())
    }

    fn process_alone(
        &mut self,
        raw: &[u8],
        parameters: &IspParameters,
        outputs: &mut [Option<&mut [u8]>; 2],
        statistics: Option<&mut Statistics>,
    ) {
        let worker = &mut Seat::of(&mut self.workers[0]).worker;
        let outputs = planes_of(worker, outputs);
        let frame = Frame { raw, parameters, tone: &self.tone, part: 0, parts: 1 };
        worker.process(&frame, &mut Share { outputs, statistics });
    }

    fn process_together(
        &mut self,
        raw: &[u8],
        parameters: &IspParameters,
        outputs: &mut [Option<&mut [u8]>; 2],
        statistics: Option<&mut Statistics>,
    ) {
        let parts = self.workers.len();
        let rest = Mutex::new((0, planes_of(&Seat::of(&mut self.workers[0]).worker, outputs)));
        let (workers, tone, measured) = (&self.workers, &self.tone, statistics.is_some());
        self.pool.run(&|_| {
            // Whoever comes takes the next part, with the rows that belong to it.
            let (part, outputs) = {
                let mut rest = rest.lock().unwrap_or_else(PoisonError::into_inner);
                let part = rest.0;
                rest.0 += 1;
                let seat = workers[part].lock().unwrap_or_else(PoisonError::into_inner);
                (part, cut_part(&seat.worker, (part, parts), &mut rest.1))
            };
            let mut seat = workers[part].lock().unwrap_or_else(PoisonError::into_inner);
            let Seat { worker, statistics } = &mut *seat;
            let statistics = measured.then(|| {
                statistics.clear();
                statistics
            });
            let frame = Frame { raw, parameters, tone, part, parts };
            worker.process(&frame, &mut Share { outputs, statistics });
        });
        if let Some(statistics) = statistics {
            self.workers.iter_mut().for_each(|seat| statistics.add(&Seat::of(seat).statistics));
        }
    }

    fn check_buffers(&self, raw: &[u8], outputs: &[Option<&mut [u8]>; 2]) -> Result<()> {
        let configuration = &self.configuration;
        let input = PixelFormat::Raw(configuration.input);
        let planes = input.planes(configuration.stride_bytes, configuration.size.height);
        check_length("the mosaic", raw.len(), planes.bytes())?;
        for (output, buffer) in configuration.outputs.iter().zip(outputs) {
            match (output, buffer) {
                (Some(output), Some(buffer)) => {
                    let planes = output.format.planes(output.stride_bytes, output.size.height);
                    check_length("an output", buffer.len(), planes.bytes())?;
                }
                (None, Some(_)) => {
                    return Err(invalid("there is a buffer for an output that is not configured".into()));
                }
                (_, None) => {}
            }
        }
        Ok(())
    }
}

/// The planes of each output that is wanted.
fn planes_of<'a>(worker: &Worker, outputs: &'a mut [Option<&mut [u8]>; 2]) -> [Option<Planes<'a>>; 2] {
    let [first, second] = outputs.each_mut().map(Option::as_deref_mut);
    let planes = |i: usize, bytes| worker.finishers[i].as_ref().map(|finisher| finisher.planes(bytes));
    [first.and_then(|bytes| planes(0, bytes)), second.and_then(|bytes| planes(1, bytes))]
}

/// Cuts the rows of a part off the planes.
fn cut_part<'a>(
    worker: &Worker,
    (part, parts): (usize, usize),
    rest: &mut [Option<Planes<'a>>; 2],
) -> [Option<Planes<'a>>; 2] {
    let mut cut = [None, None];
    for ((cut, rest), finisher) in cut.iter_mut().zip(rest).zip(&worker.finishers) {
        if let (Some(rest), Some(finisher)) = (rest, finisher) {
            *cut = Some(finisher.split_before(rest, finisher.part(part, parts).end));
        }
    }
    cut
}

/// Makes what an output needs.
pub(crate) fn make_finisher(level: Level, source: Source, output: &OutputFormat) -> Result<Finisher> {
    let format = output.format;
    let unsupported = || {
        Error::new(ErrorKind::Unsupported, "configuring the image processor")
            .because(format!("{format} can't be made of a mosaic"))
    };
    let (across, down) = size_steps(format).ok_or_else(unsupported)?;
    let size = output.size;
    if size.is_empty() || !size.width.is_multiple_of(across) || !size.height.is_multiple_of(down) {
        return Err(invalid(format!(
            "{format} can't be {size}: its sides must be multiples of {across} and {down}"
        )));
    }
    if format.row_bytes(size.width).is_none_or(|bytes| output.stride_bytes < bytes) {
        return Err(invalid(format!(
            "rows of {format} at {size} are longer than {} bytes",
            output.stride_bytes
        )));
    }
    let encoder = Encoder::new(level, output).ok_or_else(unsupported)?;
    Ok(Finisher::new(level, source, (size.width as usize, size.height as usize), encoder))
}

fn check_input(configuration: &IspConfiguration) -> Result<()> {
    let IspConfiguration { input, size, stride_bytes, .. } = configuration;
    if !matches!(input.bits, 8 | 10 | 12 | 14 | 16) {
        return Err(invalid(format!("samples of {} bits are unknown", input.bits)));
    }
    let sides_fit = SIDE.contains(&size.width) && SIDE.contains(&size.height);
    if !sides_fit || size.width % 2 != 0 || size.height % 2 != 0 {
        return Err(invalid(format!("a mosaic of {size} is too small, too large, or odd")));
    }
    if *stride_bytes < input.row_bytes(size.width) {
        return Err(invalid(format!("rows of the mosaic are longer than {stride_bytes} bytes")));
    }
    Ok(())
}

fn check_crop(configuration: &IspConfiguration) -> Result<()> {
    let IspConfiguration { size, crop, .. } = configuration;
    if crop.size().is_empty() || !Rect::from_size(*size).contains(*crop) {
        return Err(invalid(format!("the crop {crop} is empty or not inside the frame of {size}")));
    }
    Ok(())
}

fn check_length(what: &str, have: usize, need: u64) -> Result<()> {
    if (have as u64) < need {
        return Err(invalid(format!("the buffer of {what} has {have} bytes and needs {need}")));
    }
    Ok(())
}

fn invalid(reason: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, "processing a frame").because(reason)
}
