//! One plain camera: acquiring, configuring, starting and stopping its node.
//!
//! The kernel lets several programs open a node, and only one set it up: who comes second is
//! told by configuring.

use super::configuration::{self, choose_interval};
use super::discovery::{Location, locate};
use super::machine::{Machine, Plan, STREAM};
use super::offers::is_mosaic;
use crate::streams::{image_format, set_image};
use crate::{SharedProvider, lock};
use pinhole_base::control::{self, ControlId, ControlList};
use pinhole_base::format::PixelFormat;
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_buffer::FrameMemory;
use pinhole_camera::backend::Backend;
use pinhole_camera::config::{
    Adjustment, CameraInfo, Configuration, ControlLimits, Role, StreamConfiguration,
};
use pinhole_camera::devices::{Devices, export};
use pinhole_camera::engine::Engine;
use pinhole_camera::exchange::Exchange;
use pinhole_camera::job::{ControlLoop, Job};
use pinhole_device::{ImageFormat, Interest, NodeFormat, VideoNode, Waker};
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
    /// What the node is configured to.
    configured: Option<StreamConfiguration>,
    /// In a cell, since validating asks the node.
    engine: RefCell<Option<Engine<Machine>>>,
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

    /// Asks for frames as far apart as the controls say; answers what the node makes of it,
    /// `None` if it has no say in it.
    fn set_interval(&mut self, controls: &ControlList) -> Result<Option<Duration>> {
        let Some(StreamConfiguration { format, size, .. }) = self.configured else { return Ok(None) };
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
}

fn info(location: &Location, simulated: bool) -> CameraInfo {
    let mut controls = location.settings.limits();
    if location.offers.pictures().any(|picture| picture.fps_max.is_some()) {
        let id = ControlId::FrameDurationLimits;
        controls.push(ControlLimits { id, minimum: None, maximum: None, default: None });
    }
    let formats = location.offers.formats.iter().map(|offer| offer.format);
    CameraInfo {
        id: location.id.clone(),
        model: location.node.name.clone(),
        pipeline: "uvc",
        simulated,
        modes: Vec::new(),
        controls,
        properties: ControlList::new(),
        formats: formats.filter(|format| !is_mosaic(*format)).collect(),
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
        let [stream] = &configuration.streams[..] else {
            return Err(
                Error::new(ErrorKind::InvalidArgument, "configuring the camera").because("it has one stream")
            );
        };
        set_image(self.node(), image_format(stream))?;
        self.configured = Some(stream.clone());
        Ok(())
    }

    fn export(&mut self, _stream: usize, count: u32) -> Result<Vec<Arc<FrameMemory>>> {
        let Devices { nodes, mapper, .. } = &mut self.engine().devices;
        export(nodes[usize::from(STREAM)].as_mut(), count, mapper)
    }

    fn start(&mut self, controls: &ControlList, exchange: &Exchange) -> Result<()> {
        let interval = self.set_interval(controls)?;
        let stream = self.configured.as_ref();
        let plan = Plan {
            buffer_bytes: stream.map_or(0, |stream| stream.frame_bytes),
            frame_bytes_min: stream.map_or(0, frame_bytes_min),
            internal: 0,
            interval,
        };
        let engine = self.engine();
        engine.pipeline.set_plan(plan, controls);
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
