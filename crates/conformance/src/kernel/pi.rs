//! The rig of the testbed's Raspberry Pi camera (`testbed/pi-camera`): its devices are the
//! kernel's, and the pipeline is the one for a Pi. What goes wrong with them is asked of their
//! module, by the same names as of the simulator.

use super::foreign;
use super::{DriverRig, refuse};
use crate::backstage::Backstage;
use crate::bench::Bench;
use crate::mapper::CountingMapper;
use crate::rig::{Abilities, NotApplicable, Rig, Setup, Verdict};
use pinhole::device::{Heap, MediaDevice, Poller, Provider, SubDevice, VideoNode};
use pinhole::geometry::Size;
use pinhole::kernel::{KernelProvider, SystemMapper};
use pinhole::pipelines::vc4::discovery::{Location, locate};
use pinhole::sim::{Call, Fault, Stamp, Target};
use pinhole::{Cameras, Driver, ErrorKind, FrameBuffer, FrameMemory, Mapper, PlaneMemory, Result, Role};
use pinhole::{Request, StreamId, control};
use std::fs::{OpenOptions, read_to_string};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// The module's files.
const FILES: &str = "/sys/kernel/debug/pi-camera";

/// Whether the sensor sends embedded data, the next time it is plugged in.
const EMBEDDED: &str = "/sys/module/pi_camera/parameters/embedded";

/// Receiver and ISP.
const BOTH: &str = "3";

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
    if !Path::new(FILES).exists() {
        return Ok((Vec::new(), Vec::new()));
    }
    let found = locate(provider)?;
    let rig = |place: &Location| PiRig { name: place.sensor.clone(), embedded: place.has_embedded() };
    let rigs = found.iter().map(rig).collect();
    Ok((rigs, found.into_iter().flat_map(|place| place.nodes).filter(|path| !path.is_empty()).collect()))
}

/// Tells the module something.
fn tell(file: &str, line: &str) {
    write(&format!("{FILES}/{file}"), line);
}

fn write(path: &str, line: &str) {
    let written =
        OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(line.as_bytes()));
    written.unwrap_or_else(|error| panic!("{path} does not take {line:?}: {error}"));
}

fn read(path: &str) -> String {
    read_to_string(path).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
}

/// Nothing goes wrong any more, and everything is plugged in, with or without embedded data.
fn behave(embedded: bool) {
    tell("forget", "1");
    if read(EMBEDDED).trim() != u8::from(embedded).to_string() {
        tell("unplugged", BOTH);
        write(EMBEDDED, if embedded { "1" } else { "0" });
    }
    tell("unplugged", "0");
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

/// Whether the module can make such calls fail.
fn can_fail(call: Call) -> bool {
    matches!(
        call,
        Call::Allocate
            | Call::Import
            | Call::Free
            | Call::Export
            | Call::Queue
            | Call::Dequeue
            | Call::StreamOn
            | Call::StreamOff
            | Call::SetFormat
            | Call::SetControls
            | Call::SetCrop
            | Call::Subscribe
            | Call::DequeueEvent
    )
}

/// The device that a call is made to, as the module calls it; empty for any.
fn whom(target: Option<Target>) -> Option<&'static str> {
    match target {
        None => Some(""),
        Some(Target::Node(node)) => Some(node.entity_name()),
        Some(Target::SubDevice) => Some("sensor"),
        Some(Target::Media | Target::Heap) => None,
    }
}

/// A fault in the module's words, after that many (or every so many) occasions; `None` where it
/// knows no such fault.
fn line(number: u32, fault: Fault) -> Option<String> {
    let name = fault.kind().name();
    let plain = |value: u128| Some(format!("{name} {number} {value}"));
    match fault {
        Fault::DelayFrame { by }
        | Fault::ReorderFrame { by }
        | Fault::ShiftTimestamp { by }
        | Fault::SlowIsp { by }
        | Fault::ReorderOutputs { by } => plain(by.as_micros()),
        Fault::SkipSequence { frames } => plain(frames.into()),
        Fault::Silence { frames } => plain(frames.unwrap_or(0).into()),
        Fault::FlagOutput(node) => Some(format!("{name} {number} 0 {}", node.entity_name())),
        Fault::FailCall { call, target, errno } if can_fail(call) => {
            Some(format!("{} {number} {errno} {}", call.name(), whom(target)?))
        }
        Fault::FailCall { .. } | Fault::CorruptImage => None,
        _ => plain(0),
    }
}

const UNKNOWN: NotApplicable = NotApplicable("its devices do not fail like that on demand");

/// One line of the module's record of frames. (Buffers tell their time in microseconds.)
fn taken_with(line: &str) -> Option<Stamp> {
    let mut words = line.split(' ').map(str::parse::<u64>);
    let mut next = || words.next()?.ok();
    let (sequence, timestamp_ns) = (next()?, next()?);
    let mut next = || Some(next()? as u32);
    Some(Stamp {
        camera: 0,
        sequence: sequence as u32,
        timestamp_ns: timestamp_ns / 1000 * 1000,
        exposure_lines: next()?,
        gain_code: next()?,
        line_length_pixels: next()?,
        frame_length_lines: next()?,
    })
}

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

    fn foreign(&self, bytes: u32) -> Verdict<FrameBuffer> {
        let fd = foreign::of_heap(bytes).ok_or(NotApplicable("there is no heap"))?;
        let plane = PlaneMemory::new(Arc::new(fd), 0, bytes);
        let mapper = Arc::<CountingMapper>::clone(&self.mapper);
        Ok(FrameBuffer::new(FrameMemory::new(vec![plane], mapper).expect("a plane makes a buffer")))
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
        let frames = read(&format!("{FILES}/frames"));
        let mut taken = frames.lines().filter_map(taken_with);
        Ok(taken.find(|frame| frame.timestamp_ns as i64 == timestamp).expect("the sensor took such a frame"))
    }

    fn refusals(&self, call: Call) -> &'static [i32] {
        if can_fail(call) { &ERRNOS } else { &[] }
    }

    fn failed_calls(&self) -> u64 {
        read(&format!("{FILES}/failed_calls")).trim().parse().expect("it is a number")
    }

    fn unplug(&self) -> Verdict {
        self.inject(0, Fault::UnplugCamera)
    }

    fn replug(&self) {
        tell("unplugged", "0");
    }
}
