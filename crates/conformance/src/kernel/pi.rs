//! The rig of the testbed's Raspberry Pi camera (`testbed/pi-camera`): its devices are the
//! kernel's, and the pipeline is the one for a Pi. What goes wrong with them is asked of their
//! module, by the same names as of the simulator.

use super::pi_module::{self, behave, can_fail, line, tell};
use super::{DriverRig, foreign, refuse};
use crate::backstage::Backstage;
use crate::bench::Bench;
use crate::foreign::buffer_of;
use crate::mapper::CountingMapper;
use crate::rig::{Abilities, NotApplicable, Rig, Setup, Verdict};
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
}

/// The rigs of what cameras of this kind there are, and the nodes that are theirs.
pub(super) fn find(provider: &mut dyn Provider) -> Result<(Vec<PiRig>, Vec<String>)> {
    if !pi_module::is_there() {
        return Ok((Vec::new(), Vec::new()));
    }
    let found = locate(provider)?;
    let rig = |place: &Location| PiRig { name: place.sensor.clone(), embedded: place.has_embedded() };
    let rigs = found.iter().map(rig).collect();
    Ok((rigs, found.into_iter().flat_map(|place| place.nodes).filter(|path| !path.is_empty()).collect()))
}

impl DriverRig for PiRig {
    fn driver_name(&self) -> &str {
        if self.embedded { "pi-hq" } else { "pi" }
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
        behave(embedded);
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
            backstage: Arc::new(Module { nodes, mapper }),
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

/// What the module can be asked, and told.
struct Module {
    nodes: Vec<String>,
    mapper: Arc<CountingMapper>,
}

const UNKNOWN: NotApplicable = NotApplicable("its devices do not fail like that on demand");

impl Backstage for Module {
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
        let memory = foreign::of_heap(planes_bytes).ok_or(NotApplicable("there is no heap"))?;
        Ok(buffer_of(memory, Arc::<CountingMapper>::clone(&self.mapper)).expect("planes make a buffer"))
    }

    fn inject(&self, after: u32, fault: Fault) -> Verdict {
        tell("inject", &line(after, fault).ok_or(UNKNOWN)?);
        Ok(())
    }

    fn always(&self, fault: Option<Fault>) -> Verdict {
        match fault {
            Some(fault) => tell("repeat", &line(1, fault).ok_or(UNKNOWN)?),
            None => tell("forget", "1"),
        }
        Ok(())
    }

    fn stamp(&self, request: &Request, _stream: StreamId) -> Verdict<Stamp> {
        let timestamp = request.metadata().get(control::SENSOR_TIMESTAMP).expect("frames are timed");
        let is_it = |frame: &Stamp| frame.timestamp_ns as i64 == timestamp;
        Ok(pi_module::frames().into_iter().find(is_it).expect("the sensor took such a frame"))
    }

    fn refusals(&self, call: Call) -> &'static [i32] {
        if can_fail(call) { &ERRNOS } else { &[] }
    }

    fn failed_calls(&self) -> u64 {
        pi_module::failed_calls()
    }

    fn unplug(&self) -> Verdict {
        self.inject(0, Fault::UnplugCamera)
    }

    fn replug(&self) {
        tell("unplugged", "0");
    }
}
