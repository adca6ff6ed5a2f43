//! What camera to run, and how.

use crate::counted::{Algorithms, CountedProvider};
use crate::counters::watch_sleeps;
use pinhole::geometry::Size;
use pinhole::job::ControlLoop;
use pinhole::kernel::memory::SystemMapper;
use pinhole::pipelines::vc4::backend::Decorator;
use pinhole::sim::scene::{Light, LightSchedule, Scene};
use pinhole::sim::{CameraConfig, Clock, Pixels, Simulator, SimulatorConfig};
use pinhole::{
    Camera, Cameras, Configuration, Driver, Error, ErrorKind, Result, Role, Session, StreamConfiguration,
    Timestamp,
};
use std::sync::Arc;
use std::time::Duration;

/// The options, each with what it is unless told otherwise.
pub(crate) struct Scenario {
    /// `frames=1000`: frames to be measured.
    pub(crate) frames: u64,
    /// `warm_up=300`: frames before these.
    pub(crate) warm_up: u64,
    /// `sensor=imx219`, or `imx477`.
    camera: CameraConfig,
    /// `roles=raw,video`.
    roles: Vec<Role>,
    /// `raw=WIDTHxHEIGHT`: size of the RAW stream; the sensor's own unless told.
    raw: Option<Size>,
    /// `picture=WIDTHxHEIGHT`: size of the processed streams; their roles' unless told.
    picture: Option<Size>,
    /// `buffers=4`: buffers of each stream.
    buffers: u32,
    /// `pixels=off`, or `stamped`.
    pixels: Pixels,
    /// `light=constant`, or `changing`: it fades slowly, so that the sensor's and the ISP's
    /// controls are written for every frame.
    light: LightSchedule,
    /// `pace=0`: 0 is a virtual clock and the caller turning the loop; else real time, so many
    /// times as fast, and a thread turning the loop.
    pace: f64,
}

impl Scenario {
    /// Reads the options.
    pub(crate) fn parse(options: impl Iterator<Item = String>) -> Result<Self> {
        let mut scenario = Self {
            frames: 1000,
            warm_up: 300,
            camera: CameraConfig::imx219(),
            roles: vec![Role::Raw, Role::Video],
            raw: None,
            picture: None,
            buffers: 4,
            pixels: Pixels::Off,
            light: LightSchedule::Constant(Light::DAYLIT_ROOM),
            pace: 0.0,
        };
        for option in options {
            scenario.set(&option).ok_or_else(|| nonsense(&option))?;
        }
        Ok(scenario)
    }

    fn set(&mut self, option: &str) -> Option<()> {
        let (name, value) = option.split_once('=')?;
        match name {
            "frames" => self.frames = value.parse().ok()?,
            "warm_up" => self.warm_up = value.parse().ok()?,
            "sensor" => self.camera = sensor(value)?,
            "roles" => self.roles = value.split(',').map(Role::from_name).collect::<Option<_>>()?,
            "raw" => self.raw = Some(size(value)?),
            "picture" => self.picture = Some(size(value)?),
            "buffers" => self.buffers = value.parse().ok()?,
            "pixels" => self.pixels = pixels(value)?,
            "light" => self.light = light(value)?,
            "pace" => self.pace = value.parse().ok()?,
            _ => return None,
        }
        Some(())
    }

    fn is_threaded(&self) -> bool {
        self.pace > 0.0
    }

    fn simulator(&self) -> Result<Simulator> {
        if self.is_threaded() {
            watch_sleeps();
        }
        let clock = if self.is_threaded() { Clock::Real { pace: self.pace } } else { Clock::Virtual };
        let scene = Scene::desk().with_light(self.light.clone());
        let config = SimulatorConfig { clock, pixels: self.pixels, scene, ..SimulatorConfig::default() };
        Simulator::new(config.with_cameras([self.camera]), Arc::new(SystemMapper))
    }

    fn acquire(&self, simulator: &Simulator) -> Result<Camera> {
        let decorator: Decorator = Arc::new(|inner| Box::new(Algorithms(inner)) as Box<dyn ControlLoop>);
        let provider = Box::new(CountedProvider(simulator.provider()));
        let mut camera = Cameras::of_provider(provider, Some(&decorator))?.first()?.acquire()?;
        camera.set_driver(if self.is_threaded() { Driver::Thread } else { Driver::Caller });
        Ok(camera)
    }

    fn configure(&self, camera: &Camera) -> Result<Configuration> {
        let mut configuration = camera.propose(&self.roles)?;
        for stream in &mut configuration.streams {
            let size = if stream.role == Role::Raw { self.raw } else { self.picture };
            if let Some(size) = size {
                (stream.size, stream.stride_bytes) = (size, 0);
            }
            stream.buffer_count = self.buffers;
        }
        let wanted = configuration.clone();
        camera.validate(&mut configuration)?;
        // Strides and colour spaces follow from sizes; sizes are what is measured.
        let differs = |(a, b): (&StreamConfiguration, &StreamConfiguration)| a.size != b.size;
        match wanted.streams.iter().zip(&configuration.streams).find(|pair| differs(*pair)) {
            Some((wanted, _)) => Err(nonsense(&format!("{} of {}", wanted.role, wanted.size))),
            None => Ok(configuration),
        }
    }

    /// The camera, configured, and how.
    pub(crate) fn configured(&self) -> Result<(Camera, Configuration)> {
        let mut camera = self.acquire(&self.simulator()?)?;
        let configuration = self.configure(&camera)?;
        camera.configure(&configuration)?;
        Ok((camera, configuration))
    }

    /// Starts; answers when that was, on the simulator's clock.
    pub(crate) fn start(&self) -> Result<(Session, Timestamp)> {
        let simulator = self.simulator()?;
        let camera = self.acquire(&simulator)?;
        let configuration = self.configure(&camera)?;
        let now = simulator.control().now();
        Ok((camera.start(configuration)?, now))
    }
}

fn sensor(name: &str) -> Option<CameraConfig> {
    match name {
        "imx219" => Some(CameraConfig::imx219()),
        "imx477" => Some(CameraConfig::imx477()),
        _ => None,
    }
}

fn pixels(name: &str) -> Option<Pixels> {
    match name {
        "off" => Some(Pixels::Off),
        "stamped" => Some(Pixels::Stamped),
        _ => None,
    }
}

fn light(name: &str) -> Option<LightSchedule> {
    let (from, to) = (Light { lux: 5000.0, kelvin: 6500.0 }, Light { lux: 5.0, kelvin: 2700.0 });
    match name {
        "constant" => Some(LightSchedule::Constant(Light::DAYLIT_ROOM)),
        "changing" => {
            Some(LightSchedule::Ramp { from, to, start: Duration::ZERO, length: Duration::from_secs(120) })
        }
        _ => None,
    }
}

fn size(text: &str) -> Option<Size> {
    let (width, height) = text.split_once('x')?;
    Some(Size::new(width.parse().ok()?, height.parse().ok()?))
}

/// What was asked for cannot be done.
pub(crate) fn nonsense(what: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, "measuring the core").at(format!("`{what}`"))
}
