//! Does jobs with the simulator's model: a job's numbers become what that takes.

use crate::job::{EXPOSE, Frame, Job, PROCESS, Picture, Run, Slot};
use crate::link::Link;
use pinhole_base::format::{FourCc, PixelFormat};
use pinhole_base::geometry::{Rect, Size, Transform};
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_device::uapi::bcm2835_isp::Statistics;
use pinhole_device::uapi::control_codes as codes;
use pinhole_imaging::{IspConfiguration, IspParameters, OutputFormat};
use pinhole_kernel::colour::Numbers;
use pinhole_sim::model::{SensorMode, SensorModel};
use pinhole_sim::scene::{Light, LightSchedule, Scene};
use pinhole_sim::studio::{Exposure, Studio};
use pinhole_sim::{IspSettings, Registers, STRUCTURES};
use std::time::Duration;
use zerocopy::{FromZeros, IntoBytes};

const RAW_FORMAT: &str = "the buffer is for no mosaic";

/// The model, with what is between it and the buffers.
pub(crate) struct Painter {
    studio: Studio,
    raw: Vec<u8>,
    outputs: [Vec<u8>; 2],
    statistics: Box<Statistics>,
}

#[cold]
fn unclear(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidArgument, "painting").because(reason.into())
}

impl Painter {
    pub(crate) fn new() -> Self {
        Self {
            studio: Studio::new(Scene::desk()),
            raw: Vec::new(),
            outputs: Default::default(),
            statistics: Box::new(Statistics::new_zeroed()),
        }
    }

    /// Does a job.
    pub(crate) fn work(&mut self, job: &Job, link: &Link) -> Result<()> {
        match job.kind {
            EXPOSE => self.expose(job, link),
            PROCESS => self.process(job, link),
            kind => Err(unclear(format!("a job of kind {kind} is unknown"))),
        }
    }

    fn expose(&mut self, job: &Job, link: &Link) -> Result<()> {
        let bytes = job.bytes(Slot::Raw).ok_or_else(|| unclear("there is no buffer for the frame"))?;
        let exposure = exposure(job)?;
        let light = Light { lux: job.frame.lux.into(), kelvin: job.frame.kelvin.into() };
        self.studio.set_light(LightSchedule::Constant(light));
        self.raw.resize(bytes as usize, 0);
        self.studio.expose(&exposure, &mut self.raw)?;
        link.fill(Slot::Raw, &self.raw)
    }

    fn process(&mut self, job: &Job, link: &Link) -> Result<()> {
        let bytes = job.bytes(Slot::Raw).ok_or_else(|| unclear("there is no frame to process"))?;
        let (configuration, parameters) = (configuration(job)?, parameters(job, link)?);
        let wanted = [Slot::Output0, Slot::Output1].map(|slot| job.bytes(slot));
        for (output, bytes) in self.outputs.iter_mut().zip(wanted) {
            output.resize(bytes.unwrap_or(0) as usize, 0);
        }
        let [first, second] = &mut self.outputs;
        let mut outputs = [wanted[0].map(|_| &mut first[..]), wanted[1].map(|_| &mut second[..])];
        let statistics = job.bytes(Slot::Statistics).map(|_| &mut *self.statistics);
        link.look(Slot::Raw, bytes, |raw| {
            self.studio.process(&configuration, &parameters, raw, &mut outputs, statistics)
        })?;
        self.hand_over(job, link)
    }

    fn hand_over(&self, job: &Job, link: &Link) -> Result<()> {
        for (slot, output) in [Slot::Output0, Slot::Output1].into_iter().zip(&self.outputs) {
            // The mapper leaves alone what has no bytes.
            link.fill(slot, output)?;
        }
        match job.bytes(Slot::Statistics) {
            Some(_) => link.fill(Slot::Statistics, self.statistics.as_bytes()),
            None => Ok(()),
        }
    }
}

/// The frame that the sensor takes.
fn exposure(job: &Job) -> Result<Exposure> {
    let frame = &job.frame;
    let model = SensorModel::by_name(frame.sensor())
        .ok_or_else(|| unclear(format!("there is no model of the sensor {}", frame.sensor())))?;
    let picture = job.picture(Slot::Raw).ok_or_else(|| unclear(RAW_FORMAT))?;
    // Users are told of microseconds: they can have the very same frame made again.
    let time = Duration::from_micros(job.timestamp_ns / 1000);
    Ok(Exposure {
        model,
        mode: mode(model, frame)?,
        rotation_degrees: frame.rotation,
        transform: Transform { hflip: frame.flips & 1 != 0, vflip: frame.flips & 2 != 0 },
        registers: Registers {
            exposure_lines: frame.exposure,
            gain_code: frame.gain,
            frame_length_lines: frame.lines,
            line_length_pixels: frame.line_pixels,
        },
        // The module has no lens.
        defocus: 0.0,
        sequence: frame.sequence,
        time,
        seed: time.as_nanos() as u64,
        format: format(picture)?.raw().ok_or_else(|| unclear(RAW_FORMAT))?,
        stride_bytes: picture.stride,
    })
}

fn mode(model: &SensorModel, frame: &Frame) -> Result<SensorMode> {
    let size = Size::new(frame.width, frame.height);
    let mode = model.modes.iter().find(|mode| mode.size == size);
    mode.copied().ok_or_else(|| unclear(format!("{} has no mode of {size}", model.name)))
}

fn format(picture: &Picture) -> Result<PixelFormat> {
    let fourcc = FourCc(picture.fourcc);
    PixelFormat::from_v4l2(fourcc).ok_or_else(|| unclear(format!("the format {fourcc} is unknown")))
}

/// The shapes of a run.
fn configuration(job: &Job) -> Result<IspConfiguration> {
    let picture = job.picture(Slot::Raw).ok_or_else(|| unclear(RAW_FORMAT))?;
    let run = &job.run;
    Ok(IspConfiguration {
        input: format(picture)?.raw().ok_or_else(|| unclear(RAW_FORMAT))?,
        size: Size::new(picture.width, picture.height),
        stride_bytes: picture.stride,
        crop: Rect::new(run.crop_left, run.crop_top, run.crop_width, run.crop_height),
        outputs: [output(job, Slot::Output0)?, output(job, Slot::Output1)?],
    })
}

fn output(job: &Job, slot: Slot) -> Result<Option<OutputFormat>> {
    let Some(picture) = job.picture(slot) else { return Ok(None) };
    let format = format(picture)?;
    let &Picture { colorspace, xfer_func, ycbcr_enc, quantization, .. } = picture;
    Ok(Some(OutputFormat {
        format,
        size: Size::new(picture.width, picture.height),
        stride_bytes: picture.stride,
        colour_space: Numbers { colorspace, xfer_func, ycbcr_enc, quantization }.colour(format),
    }))
}

/// What the controls of a run say.
fn parameters(job: &Job, link: &Link) -> Result<IspParameters> {
    let settings = settings(&job.run);
    match (job.bytes(Slot::LensTable), settings.lens_table_bytes()) {
        (Some(bytes), wanted) if wanted > 0 => {
            link.look(Slot::LensTable, bytes, |table| Ok(settings.parameters(table)))
        }
        _ => Ok(settings.parameters(&[])),
    }
}

fn settings(run: &Run) -> IspSettings {
    let mut settings = IspSettings::new();
    settings.set_gain(codes::RED_BALANCE, run.red_gain.into());
    settings.set_gain(codes::BLUE_BALANCE, run.blue_gain.into());
    settings.set_gain(codes::DIGITAL_GAIN, run.digital_gain.into());
    let mut rest = &run.structures[..];
    for (code, _, bytes) in STRUCTURES {
        let (structure, others) = rest.split_at(bytes);
        settings.set_structure(code, structure);
        rest = others;
    }
    settings
}
