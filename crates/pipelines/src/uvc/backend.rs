//! One plain camera: acquiring, configuring, starting and stopping its node.
//!
//! Where the CPU makes a stream's pictures, the memory for them comes from the provider, and the
//! engine's control loop is the [`Workshop`] that makes them.
//!
//! The kernel lets several programs open a node, and only one set it up: who comes second is
//! told by configuring.

use super::configuration::{self, INTERNAL, choose_interval};
use super::decode::{self, Decoder};
use super::develop::Developer;
use super::discovery::{Location, locate};
use super::machine::{Machine, Made, Plan, STREAM};
use super::offers::is_mosaic;
use super::workshop::{Work, Workshop};
use crate::streams::{image_format, invalid, set_image};
use crate::{SharedProvider, lock};
use pinhole_base::control::{self, ControlId, ControlList};
use pinhole_base::format::PixelFormat;
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_buffer::{FrameMemory, PlaneMemory};
use pinhole_camera::backend::Backend;
use pinhole_camera::config::{
    Adjustment, CameraInfo, Configuration, ControlLimits, Role, StreamConfiguration,
};
use pinhole_camera::devices::{Devices, export};
use pinhole_camera::engine::Engine;
use pinhole_camera::exchange::Exchange;
use pinhole_camera::job::{ControlLoop, Job};
use pinhole_device::{ImageFormat, Interest, NodeFormat, Provider, VideoNode, Waker};
use std::cell::{RefCell, RefMut};
use std::sync::Arc;
use std::time::Duration;

/// Finds the plain cameras of a provider, but for nodes at these paths; for each that cannot be
/// asked, why.
///
/// # Errors
/// The nodes cannot be listed.
pub fn discover(provider: &SharedProvider, claimed: &[String]) -> Result<Vec<Result<Box<dyn Backend>>>> {
    let located = locate(lock(provider).as_mut(), claimed)?;
    let camera = |location| Box::new(PlainCamera::new(Arc::clone(provider), location)) as Box<dyn Backend>;
    Ok(located.into_iter().map(|location| location.map(camera)).collect())
}

/// One plain camera.
pub struct PlainCamera {
    info: CameraInfo,
    provider: SharedProvider,
    location: Location,
    configured: Option<Configured>,
    /// In a cell, since validating asks the node.
    engine: RefCell<Option<Engine<Machine>>>,
}

/// What the node is configured to.
#[derive(Clone, Debug)]
struct Configured {
    /// What it fills.
    source: StreamConfiguration,
    /// The place of that in the configuration, if the application sees it.
    filled: Option<usize>,
    /// What the CPU makes of it, and the place of that.
    made: Option<(usize, StreamConfiguration)>,
}

impl PlainCamera {
    fn new(provider: SharedProvider, location: Location) -> Self {
        let simulated = lock(&provider).is_simulated();
        let info = info(&location, simulated);
        Self { info, provider, location, configured: None, engine: RefCell::new(None) }
    }

    fn engine(&mut self) -> &mut Engine<Machine> {
        self.engine.get_mut().as_mut().expect("the camera is acquired")
    }

    fn look(&self) -> RefMut<'_, Engine<Machine>> {
        RefMut::map(self.engine.borrow_mut(), |engine| engine.as_mut().expect("the camera is acquired"))
    }

    fn node(&mut self) -> &mut dyn VideoNode {
        self.engine().devices.nodes[usize::from(STREAM)].as_mut()
    }

    /// Sets the format that was agreed on: another program may have set one of its own since.
    /// (Once the node has slots, nobody can.)
    fn restore_format(&mut self) -> Result<()> {
        let Some(Configured { source, .. }) = &self.configured else { return Ok(()) };
        let image = image_format(source);
        set_image(self.node(), image)
    }

    /// Asks for frames as far apart as the controls say; answers what the node makes of it,
    /// `None` if it has no say in it.
    fn set_interval(&mut self, controls: &ControlList) -> Result<Option<Duration>> {
        let Some(Configured { source: StreamConfiguration { format, size, .. }, .. }) = self.configured
        else {
            return Ok(None);
        };
        let limits_us = controls.get(control::FRAME_DURATION_LIMITS);
        let node = self.node();
        let offered = node.frame_intervals(format.v4l2(), size)?;
        let Some(wanted) = choose_interval(&offered, limits_us) else { return Ok(None) };
        match node.set_frame_interval(wanted) {
            Ok(set) => Ok(set.duration()),
            Err(error) if error.kind() == ErrorKind::Unsupported => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the node is to fill, and what the CPU makes of it.
    fn arrange(&self, configuration: &Configuration) -> Result<Configured> {
        let streams = || configuration.streams.iter().cloned().enumerate();
        let made = streams().find(|(_, stream)| stream.converted_from.is_some());
        let filled = streams().find(|(_, stream)| stream.converted_from.is_none());
        let source = match (&filled, &made) {
            (Some((_, filled)), _) => filled.clone(),
            (None, Some((_, made))) => {
                let mut engine = self.look();
                let node = engine.devices.nodes[usize::from(STREAM)].as_mut();
                let format = made.converted_from.unwrap_or(made.format);
                let mut try_it = |wanted| try_format(node, wanted);
                configuration::source(&self.location.offers, made, format, &mut try_it)?
            }
            (None, None) => return Err(invalid("it has no stream")),
        };
        Ok(Configured { source, filled: filled.map(|(place, _)| place), made })
    }

    /// What makes the pictures that the CPU makes, and what the camera is to be set to for it.
    fn work(
        &self,
        interval: Option<Duration>,
        controls: &ControlList,
    ) -> Result<Option<(Box<dyn Work>, ControlList)>> {
        let Some(Configured { source, made: Some((_, made)), .. }) = &self.configured else {
            return Ok(None);
        };
        if !is_mosaic(source.format) {
            let decoder = Decoder::new(made.format, made.size, made.stride_bytes)?;
            return Ok(Some((Box::new(decoder), controls.clone())));
        }
        let model = &self.info.model;
        let (developer, first) = Developer::of(source, made, model, &self.info.controls, interval, controls)?;
        Ok(Some((Box::new(developer), first)))
    }

    fn plan(&self, interval: Option<Duration>) -> Plan {
        let Some(Configured { source, filled, made }) = &self.configured else { return Plan::default() };
        let made = made.as_ref();
        Plan {
            filled: *filled,
            made: made.map(|(place, made)| Made { place: *place, buffer_bytes: made.frame_bytes }),
            buffer_bytes: source.frame_bytes,
            frame_bytes_min: frame_bytes_min(source),
            internal: if made.is_some() { INTERNAL } else { 0 },
            governed: made.is_some() && is_mosaic(source.format),
            interval,
        }
    }
}

fn info(location: &Location, simulated: bool) -> CameraInfo {
    let mut controls = location.settings.limits();
    if location.offers.pictures().any(|picture| picture.fps_max.is_some()) {
        let id = ControlId::FrameDurationLimits;
        controls.push(ControlLimits { id, minimum: None, maximum: None, default: None });
    }
    let mut formats: Vec<_> = location.offers.formats.iter().map(|offer| offer.format).collect();
    let made: Vec<_> = decode::FORMATS.into_iter().filter(|format| !formats.contains(format)).collect();
    if formats.iter().any(|format| *format == PixelFormat::Mjpeg || is_mosaic(*format)) {
        formats.extend(made);
    }
    CameraInfo {
        id: location.id.clone(),
        model: location.node.name.clone(),
        pipeline: "uvc",
        devices: vec![location.node.path.clone()],
        simulated,
        modes: Vec::new(),
        controls,
        properties: ControlList::new(),
        formats: formats.into_iter().filter(|format| !is_mosaic(*format)).collect(),
        pictures: location.offers.pictures().copied().collect(),
        calibration: None,
    }
}

/// Bytes of a frame that is whole.
fn frame_bytes_min(stream: &StreamConfiguration) -> u32 {
    match stream.format {
        PixelFormat::Mjpeg => MJPEG_BYTES_MIN,
        format => format.planes(stream.stride_bytes, stream.size.height).bytes() as u32,
    }
}

/// Start, a quantisation table, the headers of a frame and of a scan of one component, end: no
/// picture takes less (ITU-T T.81, annex B).
const MJPEG_BYTES_MIN: u32 = 2 + 69 + 13 + 10 + 2;

fn try_format(node: &mut dyn VideoNode, wanted: ImageFormat) -> Result<ImageFormat> {
    let made = node.try_format(NodeFormat::Image(wanted))?;
    made.image().ok_or_else(|| {
        Error::new(ErrorKind::Device, "trying a format")
            .at(node.capabilities().name.clone())
            .because("the device answered with a format of metadata")
    })
}

impl Backend for PlainCamera {
    fn info(&self) -> &CameraInfo {
        &self.info
    }

    fn acquire(&mut self) -> Result<()> {
        let mut provider = lock(&self.provider);
        let devices = Devices {
            media: Vec::new(),
            nodes: vec![provider.video_node(&self.location.node.path)?],
            sensor: None,
            lens: None,
            heap: None,
            poller: provider.poller()?,
            mapper: provider.mapper(),
        };
        let machine = Machine::new(Plan::default(), self.location.settings.clone());
        *self.engine.get_mut() = Some(Engine::new(machine, devices, Box::new(NoAlgorithms)));
        Ok(())
    }

    fn release(&mut self) {
        *self.engine.get_mut() = None;
        self.configured = None;
    }

    fn propose(&self, roles: &[Role]) -> Result<Configuration> {
        configuration::propose(&self.location.offers, roles)
    }

    fn validate(&self, configuration: &mut Configuration) -> Result<Vec<Adjustment>> {
        let mut engine = self.look();
        let node = engine.devices.nodes[usize::from(STREAM)].as_mut();
        let mut try_it = |wanted| try_format(node, wanted);
        configuration::validate(&self.location.offers, configuration, &mut try_it)
    }

    fn configure(&mut self, configuration: &Configuration) -> Result<()> {
        self.configured = None;
        let configured = self.arrange(configuration)?;
        set_image(self.node(), image_format(&configured.source))?;
        self.configured = Some(configured);
        Ok(())
    }

    fn export(&mut self, stream: usize, count: u32) -> Result<Vec<Arc<FrameMemory>>> {
        if let Some(Configured { made: Some((place, made)), .. }) = &self.configured
            && *place == stream
        {
            let mut provider = lock(&self.provider);
            return (0..count).map(|_| allocate(provider.as_mut(), made)).collect();
        }
        self.restore_format()?;
        let Devices { nodes, mapper, .. } = &mut self.engine().devices;
        export(nodes[usize::from(STREAM)].as_mut(), count, mapper)
    }

    fn start(&mut self, controls: &ControlList, exchange: &Exchange) -> Result<()> {
        self.restore_format()?;
        let interval = self.set_interval(controls)?;
        let plan = self.plan(interval);
        let work = self.work(interval, controls)?;
        let waker = self.waker();
        let engine = self.engine();
        let first = match work {
            Some((work, first)) => {
                engine.control_loop = Box::new(Workshop::new(work, waker));
                first
            }
            None => {
                engine.control_loop = Box::new(NoAlgorithms);
                controls.clone()
            }
        };
        engine.pipeline.set_plan(plan, &first);
        engine.start(&[(STREAM, Interest { buffers: true, events: true })], exchange)
    }

    fn step(&mut self, exchange: &Exchange, until: Option<Timestamp>) -> Result<()> {
        self.engine().step(exchange, until)
    }

    fn stop(&mut self, reason: &Error, exchange: &Exchange) {
        self.engine().stop(reason, exchange);
    }

    fn waker(&self) -> Waker {
        self.look().devices.poller.waker()
    }

    fn now(&self) -> Timestamp {
        self.look().devices.poller.now()
    }

    fn audit(&self) {
        use pinhole_camera::pipeline::Pipeline;
        self.look().pipeline.audit();
    }
}

/// Memory for one picture that the CPU makes.
fn allocate(provider: &mut dyn Provider, made: &StreamConfiguration) -> Result<Arc<FrameMemory>> {
    let bytes = made.frame_bytes;
    let memory = provider.memory("picture", bytes)?;
    FrameMemory::new(vec![PlaneMemory::new(Arc::new(memory), 0, bytes)], provider.mapper())
}

/// A plain camera has its own algorithms: none of ours gets anything to do.
struct NoAlgorithms;

impl ControlLoop for NoAlgorithms {
    fn map(&mut self, _buffers: &[(u16, Arc<FrameMemory>)]) -> Result<()> {
        Ok(())
    }

    fn unmap(&mut self) {}

    fn submit(&mut self, _now: Timestamp, _job: Box<Job>) {}

    fn answer(&mut self, _now: Timestamp) -> Option<Box<Job>> {
        None
    }
}
