//! The rig of the testbed's Raspberry Pi cameras: their devices are the kernel's, and the pipeline
//! is the one for a Pi. What goes wrong with them is asked of their modules, by the same names as
//! of the simulator: of `testbed/pi-camera`, which has the ISP and mostly the receiver, too; and of
//! `testbed/unicam-model`, where the receiver is mainline's.

use super::pi_module::{self, behave, can_fail, line, tell};
use super::{DriverRig, foreign, pi_mainline, refuse};
use crate::backstage::Backstage;
use crate::bench::Bench;
use crate::foreign::buffer_of;
use crate::mapper::CountingMapper;
use crate::rig::{Abilities, Need, NotApplicable, Rig, Setup, Verdict};
use pinhole::device::{Heap, MediaDevice, Poller, Provider, SubDevice, VideoNode};
use pinhole::geometry::Size;
use pinhole::kernel::{KernelProvider, SystemMapper};
use pinhole::pipelines::vc4::discovery::{Location, locate};
use pinhole::sim::{Call, Fault, Stamp};
use pinhole::{Cameras, Driver, ErrorKind, FrameBuffer, Mapper, Result, Role};
use pinhole::{Request, StreamId, control};
use std::sync::Arc;

/// With which errors calls can be made to fail.
const ERRNOS: [i32; 2] = [5, 19];

/// Small, to take many pictures in little time; the sensor's smallest mode then.
const SIZE: Size = Size::new(320, 180);

/// The rig of one camera.
#[derive(Clone, Debug)]
pub(super) struct PiRig {
    name: String,
    embedded: bool,
    receiver: Receiver,
}

/// Whose driver the receiver has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receiver {
    /// Our module's, as Raspberry Pi's kernel shows it.
    Module,
    /// Mainline's, with a sub-device between sensor and node.
    Mainline,
}

impl Receiver {
    fn of(place: &Location) -> Self {
        if place.between.is_empty() { Self::Module } else { Self::Mainline }
    }

    /// Nothing goes wrong any more, and everything is plugged in.
    fn behave(self, embedded: bool) {
        match self {
            Self::Module => behave(embedded),
            Self::Mainline => pi_mainline::behave(),
        }
    }

    /// Lets something go wrong, after so many occasions.
    fn inject(self, after: u32, fault: Fault) -> Verdict {
        if self == Self::Mainline && !pi_mainline::is_of_isp(fault) {
            return pi_mainline::inject(after, fault);
        }
        tell("inject", &line(after, fault).ok_or(UNKNOWN)?);
        Ok(())
    }

    /// Lets something go wrong all the time.
    fn always(self, fault: Fault) -> Verdict {
        if self == Self::Mainline && !pi_mainline::is_of_isp(fault) {
            return Err(UNKNOWN);
        }
        tell("repeat", &line(1, fault).ok_or(UNKNOWN)?);
        Ok(())
    }

    fn can_fail(self, call: Call) -> bool {
        can_fail(call) && (self == Self::Module || pi_mainline::can_fail(call))
    }

    /// How a frame was taken of which the driver said that it began at that time.
    fn stamp(self, timestamp_ns: u64) -> Option<Stamp> {
        match self {
            Self::Module => pi_module::frames().into_iter().find(|frame| frame.timestamp_ns == timestamp_ns),
            Self::Mainline => pi_mainline::stamp(timestamp_ns),
        }
    }
}

/// The rigs of what cameras of this kind there are, and the nodes that are theirs.
pub(super) fn find(provider: &mut dyn Provider) -> Result<(Vec<PiRig>, Vec<String>)> {
    if !pi_module::is_there() {
        return Ok((Vec::new(), Vec::new()));
    }
    let found = locate(provider)?;
    let rig = |place: &Location| PiRig {
        name: place.sensor.clone(),
        embedded: place.has_embedded(),
        receiver: Receiver::of(place),
    };
    let rigs = found.iter().map(rig).collect();
    Ok((rigs, found.into_iter().flat_map(|place| place.nodes).filter(|path| !path.is_empty()).collect()))
}

impl DriverRig for PiRig {
    fn driver_name(&self) -> &str {
        match (self.receiver, self.embedded) {
            (Receiver::Mainline, _) => "pi-mainline",
            (Receiver::Module, true) => "pi-hq",
            (Receiver::Module, false) => "pi",
        }
    }
}

impl Rig for PiRig {
    fn name(&self) -> &str {
        &self.name
    }

    fn driver(&self) -> Driver {
        Driver::Caller
    }

    fn bench(&self, setup: Setup) -> Verdict<Bench> {
        let embedded = setup.embedded.unwrap_or(self.embedded);
        refuse(&Setup { embedded: None, decorator: None, ..setup.clone() }, 1)?;
        if embedded && self.receiver == Receiver::Mainline {
            return Err(Need::EmbeddedData.lack());
        }
        self.receiver.behave(embedded);
        let mapper = Arc::new(CountingMapper::new(Box::new(SystemMapper)));
        let mut provider = Counted { inner: KernelProvider::new(), mapper: Arc::clone(&mapper) };
        let place = locate(&mut provider).expect("devices can be listed").remove(0);
        let cameras = Cameras::of_provider(Box::new(provider), setup.decorator.as_ref())
            .expect("what was found is still there");
        let nodes = place.nodes.into_iter().filter(|path| !path.is_empty()).collect();
        Ok(Bench {
            cameras,
            abilities: abilities(),
            driver: self.driver(),
            embedded,
            mapper: Arc::clone(&mapper),
            backstage: Arc::new(Modules { nodes, mapper, receiver: self.receiver }),
        })
    }
}

fn abilities() -> Abilities {
    Abilities {
        roles: Role::ALL.to_vec(),
        streams_max: 3,
        own_buffers: true,
        control_loop: true,
        format: None,
        size: Some(SIZE),
        frame_us: None,
        exact_time: false,
    }
}

/// The system's devices without its plain cameras; mappings are counted.
struct Counted {
    inner: KernelProvider,
    mapper: Arc<CountingMapper>,
}

impl Provider for Counted {
    fn is_simulated(&self) -> bool {
        false
    }

    fn media_devices(&mut self) -> Result<Vec<Box<dyn MediaDevice>>> {
        self.inner.media_devices()
    }

    fn video_node(&mut self, path: &str) -> Result<Box<dyn VideoNode>> {
        self.inner.video_node(path)
    }

    fn sub_device(&mut self, path: &str) -> Result<Box<dyn SubDevice>> {
        self.inner.sub_device(path)
    }

    fn heap(&mut self) -> Result<Box<dyn Heap>> {
        self.inner.heap()
    }

    fn poller(&mut self) -> Result<Box<dyn Poller>> {
        self.inner.poller()
    }

    fn mapper(&self) -> Arc<dyn Mapper> {
        Arc::<CountingMapper>::clone(&self.mapper)
    }
}

/// What the modules can be asked, and told.
struct Modules {
    nodes: Vec<String>,
    mapper: Arc<CountingMapper>,
    receiver: Receiver,
}

pub(super) const UNKNOWN: NotApplicable = NotApplicable("its devices do not fail like that on demand");

impl Backstage for Modules {
    /// The kernel keeps no books of buffers.
    fn audit(&self) {}

    fn assert_released(&self, _camera: usize) {
        for path in &self.nodes {
            match KernelProvider::new().video_node(path).and_then(|mut node| node.allocate(1)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Disconnected => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => panic!("{path} is not free: {error}"),
            }
        }
    }

    fn memory_used_bytes(&self) -> Option<u64> {
        None
    }

    fn foreign(&self, planes_bytes: &[u32]) -> Verdict<FrameBuffer> {
        let memory = match self.receiver {
            Receiver::Module => foreign::of_heap(planes_bytes).ok_or(NotApplicable("there is no heap"))?,
            // Mainline's receiver wants memory in one piece, of which its own node has some.
            Receiver::Mainline => foreign::of_nodes(&self.nodes[..1], planes_bytes)?,
        };
        Ok(buffer_of(memory, Arc::<CountingMapper>::clone(&self.mapper)).expect("planes make a buffer"))
    }

    fn inject(&self, after: u32, fault: Fault) -> Verdict {
        self.receiver.inject(after, fault)
    }

    fn always(&self, fault: Option<Fault>) -> Verdict {
        match fault {
            Some(fault) => self.receiver.always(fault),
            None => {
                pi_module::forget();
                Ok(())
            }
        }
    }

    fn stamp(&self, request: &Request, _stream: StreamId) -> Verdict<Stamp> {
        let timestamp = request.metadata().get(control::SENSOR_TIMESTAMP).expect("frames are timed");
        Ok(self.receiver.stamp(timestamp as u64).expect("the sensor took such a frame"))
    }

    fn refusals(&self, call: Call) -> &'static [i32] {
        if self.receiver.can_fail(call) { &ERRNOS } else { &[] }
    }

    fn failed_calls(&self) -> u64 {
        pi_module::failed_calls()
    }

    fn unplug(&self) -> Verdict {
        self.inject(0, Fault::UnplugCamera)
    }

    fn replug(&self) {
        pi_module::plug_in();
    }
}
