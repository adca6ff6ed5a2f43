//! The bytes of buffers: what sensor and ISP write into them, according to [`Pixels`].
//!
//! Frames are made in scratch memory and written through descriptors. Knows nothing of when.

use crate::config::Pixels;
use crate::embedded::{self, LINE_BYTES_MAX};
use crate::engine::{RunShape, Scratch};
use crate::memory::DeviceBuffer;
use crate::model::{SensorMode, SensorModel};
use crate::random::Random;
use crate::scene::{LightSchedule, Scene};
use crate::sensor::Registers;
use crate::stamp::{STAMP_BYTES, Stamp};
use crate::statistics;
use crate::studio::{Exposure, Studio};
use pinhole_base::Result;
use pinhole_base::format::RawFormat;
use pinhole_base::geometry::Transform;
use pinhole_device::ImageFormat;
use pinhole_device::uapi::bcm2835_isp;
use pinhole_imaging::IspParameters;
use std::time::Duration;
use zerocopy::{FromZeros, IntoBytes};

/// Bytes of garbage that a corrupt frame begins with.
const GARBAGE_BYTES: usize = 4096;

/// One frame of a sensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shot {
    pub(crate) camera: usize,
    pub(crate) sequence: u32,
    pub(crate) timestamp_ns: u64,
    pub(crate) scene_time: Duration,
    pub(crate) registers: Registers,
    pub(crate) model: &'static SensorModel,
    pub(crate) mode: &'static SensorMode,
    pub(crate) raw: RawFormat,
    pub(crate) rotation_degrees: u32,
    pub(crate) transform: Transform,
    pub(crate) defocus: f64,
}

impl Shot {
    fn stamp(&self) -> Stamp {
        Stamp {
            camera: self.camera as u32,
            sequence: self.sequence,
            exposure_lines: self.registers.exposure_lines,
            gain_code: self.registers.gain_code,
            line_length_pixels: self.registers.line_length_pixels,
            frame_length_lines: self.registers.frame_length_lines,
            timestamp_ns: self.timestamp_ns,
        }
    }
}

/// The buffers of one run of the ISP.
pub(crate) struct RunBuffers<'a> {
    pub(crate) input: &'a DeviceBuffer,
    pub(crate) outputs: [Option<&'a DeviceBuffer>; 2],
    pub(crate) statistics: Option<&'a DeviceBuffer>,
}

/// What one run works on, and when.
pub(crate) struct RunScene {
    pub(crate) model: &'static SensorModel,
    pub(crate) shape: RunShape,
    pub(crate) time: Duration,
}

/// What one camera needs for its pixels.
struct Place {
    studio: Studio,
    raw: Vec<u8>,
    made: Scratch,
}

impl Place {
    fn new(scene: &Scene) -> Self {
        Self { studio: Studio::new(scene.clone()), raw: Vec::new(), made: Scratch::new() }
    }
}

/// Fills buffers.
pub(crate) struct Content {
    pixels: Pixels,
    scene: Scene,
    seed: u64,
    garbage: Random,
    places: Vec<Place>,
    statistics: Box<bcm2835_isp::Statistics>,
}

impl Content {
    pub(crate) fn new(pixels: Pixels, scene: Scene, cameras: usize, seed: u64) -> Self {
        Self {
            pixels,
            seed,
            garbage: Random::new(seed),
            places: (0..cameras).map(|_| Place::new(&scene)).collect(),
            scene,
            statistics: Box::new(bcm2835_isp::Statistics::new_zeroed()),
        }
    }

    pub(crate) fn has_pixels(&self) -> bool {
        self.pixels == Pixels::On
    }

    pub(crate) fn set_light(&mut self, light: LightSchedule) {
        self.places.iter_mut().for_each(|place| place.studio.set_light(light.clone()));
        self.scene = self.scene.clone().with_light(light);
    }

    /// What the sensor writes into an image buffer.
    pub(crate) fn write_image(&mut self, buffer: &DeviceBuffer, shot: &Shot, format: &ImageFormat) {
        match self.pixels {
            Pixels::Off => {}
            Pixels::Stamped => buffer.write(0, &shot.stamp().to_bytes()),
            Pixels::On => self.render(buffer, shot, format),
        }
    }

    fn render(&mut self, buffer: &DeviceBuffer, shot: &Shot, format: &ImageFormat) {
        let Some(memory) = format.format.raw() else { return };
        let Place { studio, raw, .. } = &mut self.places[shot.camera];
        raw.resize(format.size_bytes as usize, 0);
        let exposure = Exposure {
            model: shot.model,
            mode: *shot.mode,
            rotation_degrees: shot.rotation_degrees,
            transform: shot.transform,
            defocus: shot.defocus,
            registers: shot.registers,
            sequence: shot.sequence,
            time: shot.scene_time,
            seed: self.seed ^ shot.timestamp_ns,
            format: RawFormat { packing: memory.packing, ..shot.raw },
            stride_bytes: format.stride_bytes,
        };
        if studio.expose(&exposure, raw).is_ok() {
            buffer.write(0, raw);
        }
    }

    /// What the sensor writes into an embedded buffer.
    pub(crate) fn write_embedded(&self, buffer: &DeviceBuffer, shot: &Shot) {
        if self.pixels == Pixels::Off {
            return;
        }
        let mut line = [0; LINE_BYTES_MAX];
        let used = embedded::encode(&shot.registers, &shot.model.embedded, shot.raw.bits, &mut line);
        buffer.write(0, &line[..used]);
    }

    /// What a damaged frame begins with.
    pub(crate) fn write_garbage(&mut self, buffer: &DeviceBuffer) {
        if self.pixels == Pixels::Off {
            return;
        }
        let mut garbage = [0; GARBAGE_BYTES];
        self.garbage.fill(&mut garbage);
        buffer.write(0, &garbage);
    }

    /// What the ISP makes of its input; says whether it could. Without pixels it needs no
    /// parameters.
    pub(crate) fn process(
        &mut self,
        camera: usize,
        scene: &RunScene,
        buffers: &RunBuffers<'_>,
        parameters: Option<&IspParameters>,
    ) -> bool {
        match (self.pixels, parameters) {
            (Pixels::Stamped, _) => self.copy_stamp(scene, buffers),
            (Pixels::On, Some(parameters)) => {
                return self.develop(camera, &scene.shape, buffers, parameters).is_ok();
            }
            _ => {}
        }
        true
    }

    fn copy_stamp(&mut self, scene: &RunScene, buffers: &RunBuffers<'_>) {
        let mut bytes = [0; STAMP_BYTES];
        buffers.input.read(&mut bytes);
        for output in buffers.outputs.into_iter().flatten() {
            output.write(0, &bytes);
        }
        let Some(buffer) = buffers.statistics else { return };
        let light = self.scene.light().at(scene.time);
        let stamp = Stamp::from_bytes(&bytes);
        statistics::synthesise(
            stamp.as_ref(),
            scene.model,
            light,
            scene.shape.input.size,
            &mut self.statistics,
        );
        buffer.write(0, self.statistics.as_bytes());
    }

    fn develop(
        &mut self,
        camera: usize,
        shape: &RunShape,
        buffers: &RunBuffers<'_>,
        parameters: &IspParameters,
    ) -> Result<()> {
        let Place { studio, raw, made } = &mut self.places[camera];
        raw.resize(shape.input.size_bytes as usize, 0);
        buffers.input.read(raw);
        made.fill(studio.engine(), shape, parameters, raw)?;
        for (buffer, bytes) in buffers.outputs.into_iter().zip(&made.outputs) {
            if let Some(buffer) = buffer {
                buffer.write(0, bytes);
            }
        }
        if let Some(buffer) = buffers.statistics {
            buffer.write(0, made.statistics.as_bytes());
        }
        Ok(())
    }
}
