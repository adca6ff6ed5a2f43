//! The pixels of one camera: what its sensor sends, and what its ISP makes of that.
//!
//! The hardware's model without the hardware: bytes in and out, for the simulated world and for
//! whoever has devices of another kind. Knows nothing of buffers, queues or time.

use std::time::Duration;

use pinhole_base::Result;
use pinhole_base::format::RawFormat;
use pinhole_base::geometry::Transform;
use pinhole_device::uapi::bcm2835_isp;
use pinhole_imaging::{IspConfiguration, IspParameters};

use crate::engine::Engine;
use crate::model::{SensorMode, SensorModel};
use crate::scene::{FrameSettings, LightSchedule, Renderer, Scene};
use crate::sensor::Registers;

/// One frame of a sensor, and how it is written down.
#[derive(Clone, Copy, Debug)]
pub struct Exposure {
    /// The sensor.
    pub model: &'static SensorModel,
    /// Its mode.
    pub mode: SensorMode,
    /// How it is mounted: 0 or 180.
    pub rotation_degrees: u32,
    /// Its mirroring.
    pub transform: Transform,
    /// What is in force for this frame.
    pub registers: Registers,
    /// As [`FrameSettings::defocus`].
    pub defocus: f64,
    /// Its number, which the scene shows.
    pub sequence: u32,
    /// When, since the start of the scene.
    pub time: Duration,
    /// Where its noise comes from: frames with equal seeds are equal if all else is.
    pub seed: u64,
    /// The format of the samples in memory.
    pub format: RawFormat,
    /// Bytes from row to row.
    pub stride_bytes: u32,
}

impl Exposure {
    fn settings(&self) -> FrameSettings {
        let line_s = self.model.line_ns(self.registers.line_length_pixels) / 1e9;
        FrameSettings {
            exposure: Duration::from_secs_f64(line_s * f64::from(self.registers.exposure_lines)),
            analogue_gain: self.model.gain.factor(self.registers.gain_code),
            digital_gain: 1.0,
            transform: self.transform,
            defocus: self.defocus,
            sequence: self.sequence,
            time: self.time,
            seed: self.seed,
        }
    }

    /// What a renderer is made for.
    fn place(&self) -> Place {
        (self.model.name, self.mode, self.rotation_degrees)
    }
}

/// A sensor by its name, its mode, and how it is mounted.
type Place = (&'static str, SensorMode, u32);

/// Takes and processes the frames of one camera. What that needs is made when it is first needed,
/// and kept while modes and formats stay the same.
#[derive(Debug)]
pub struct Studio {
    scene: Scene,
    renderer: Option<(Place, Renderer)>,
    engine: Engine,
}

impl Studio {
    /// A camera that looks at a scene.
    pub fn new(scene: Scene) -> Self {
        Self { scene, renderer: None, engine: Engine::default() }
    }

    /// Changes the light on the scene.
    pub fn set_light(&mut self, light: LightSchedule) {
        if *self.scene.light() == light {
            return;
        }
        self.scene = self.scene.clone().with_light(light);
        // Renderers keep the scene that they were made for.
        self.renderer = None;
    }

    /// Takes a frame. Bytes between rows, and behind them, stay.
    ///
    /// # Errors
    /// `InvalidArgument` where the format's mosaic is not what the sensor sends, or there is too
    /// little room.
    pub fn expose(&mut self, exposure: &Exposure, out: &mut [u8]) -> Result<()> {
        let place = exposure.place();
        let renderer = match self.renderer.take() {
            Some((known, renderer)) if known == place => renderer,
            _ => Renderer::new(exposure.model, &exposure.mode, exposure.rotation_degrees, &self.scene),
        };
        let (_, renderer) = self.renderer.insert((place, renderer));
        renderer.render(&exposure.settings(), exposure.format, exposure.stride_bytes as usize, out)
    }

    /// What processes frames.
    pub(crate) const fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// Processes a frame. An output whose buffer is `None` is left out, and so are statistics.
    ///
    /// # Errors
    /// As [`pinhole_imaging::Isp::new`] and [`pinhole_imaging::Isp::process`]. Nothing is written then.
    pub fn process(
        &mut self,
        configuration: &IspConfiguration,
        parameters: &IspParameters,
        raw: &[u8],
        outputs: &mut [Option<&mut [u8]>; 2],
        statistics: Option<&mut bcm2835_isp::Statistics>,
    ) -> Result<()> {
        self.engine.process(configuration, parameters, raw, outputs, statistics)
    }
}
