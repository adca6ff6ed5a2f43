//! A modelled capture node, with a clock that moves when somebody waits.

use pinhole_base::colour::ColourSpace;
use pinhole_base::format::{FourCc, PixelFormat};
use pinhole_base::geometry::{ImagePixels, ModePixels, Rect, Size};
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_buffer::mapping::{Mapper, Mapping};
use pinhole_camera::devices::Devices;
use pinhole_camera::handle::{Camera, Cameras};
use pinhole_device::node::PLANES_MAX;
use pinhole_device::{
    ControlCode, ControlDescription, ControlWrite, Controls, Dequeued, ExportedBuffer, FrameInterval,
    FrameIntervals, FrameSizes, Heap, ImageFormat, Interest, MediaDevice, MenuItem, NodeCapabilities,
    NodeEvent, NodeFormat, NodeInfo, NodeKind, Payload, PollSource, Poller, Provider, QueueBuffer, Ready,
    SubDevice, VideoNode, Waker,
};
use pinhole_pipelines::{SharedProvider, discover};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// From frame to frame, unless it is set.
pub(crate) const FRAME: Duration = Duration::from_millis(40);

/// What a device offers in one format.
#[derive(Clone)]
pub(crate) struct Offer {
    pub(crate) format: PixelFormat,
    pub(crate) sizes: Vec<FrameSizes>,
    pub(crate) intervals: Vec<FrameIntervals>,
}

/// An offer of discrete sizes, all with these rates.
pub(crate) fn offer(format: PixelFormat, sizes: &[(u32, u32)], fps: &[u32]) -> Offer {
    let interval = |fps: &u32| FrameInterval { numerator: 1, denominator: *fps };
    Offer {
        format,
        sizes: sizes.iter().map(|(width, height)| FrameSizes::Discrete(Size::new(*width, *height))).collect(),
        intervals: fps.iter().map(|fps| FrameIntervals::Discrete(interval(fps))).collect(),
    }
}

/// One modelled device, and what was done to it.
pub(crate) struct Hardware {
    pub(crate) capabilities: NodeCapabilities,
    pub(crate) offers: Vec<Offer>,
    pub(crate) controls: Vec<ControlDescription>,
    pub(crate) menus: BTreeMap<u32, Vec<u32>>,
    pub(crate) values: BTreeMap<u32, i64>,
    /// Controls that were written, in one list a call.
    pub(crate) written: Vec<Vec<(ControlCode, i64)>>,
    pub(crate) format: ImageFormat,
    pub(crate) interval: Option<FrameInterval>,
    /// Bytes that are missing at the end of each frame.
    pub(crate) short_bytes: u32,
    pub(crate) silent: bool,
    pub(crate) gone: bool,
    pub(crate) refuses_controls: bool,
    pub(crate) refuses_opening: Option<ErrorKind>,
    pub(crate) events: VecDeque<NodeEvent>,
    pub(crate) now: Timestamp,
    pub(crate) queued: VecDeque<u32>,
    slots: u32,
    exported: Vec<OwnedFd>,
    streaming: bool,
    sequence: u32,
}

/// A modelled device that tests and node share.
pub(crate) type Shared = Arc<Mutex<Hardware>>;

pub(crate) fn lock(hardware: &Shared) -> MutexGuard<'_, Hardware> {
    hardware.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A webcam with YUYV and MJPEG in a few sizes.
pub(crate) fn webcam() -> Shared {
    let small = &[(640, 480), (320, 240)];
    let large = &[(1920, 1080), (1280, 720), (640, 480)];
    with_offers(vec![offer(PixelFormat::Yuyv, small, &[30, 15]), offer(PixelFormat::Mjpeg, large, &[60, 30])])
}

pub(crate) fn with_offers(offers: Vec<Offer>) -> Shared {
    let kind = NodeKind::VideoCapture;
    Arc::new(Mutex::new(Hardware {
        capabilities: NodeCapabilities { name: "webcam".into(), kind, media_centric: false },
        offers,
        controls: Vec::new(),
        menus: BTreeMap::new(),
        values: BTreeMap::new(),
        written: Vec::new(),
        format: made(PixelFormat::Yuyv, Size::new(640, 480), ColourSpace::SYCC),
        interval: None,
        short_bytes: 0,
        silent: false,
        gone: false,
        refuses_controls: false,
        refuses_opening: None,
        events: VecDeque::new(),
        now: Timestamp::ZERO,
        queued: VecDeque::new(),
        slots: 0,
        exported: Vec::new(),
        streaming: false,
        sequence: 0,
    }))
}

/// What the device makes of a format: rows padded to 32 bytes.
fn made(format: PixelFormat, size: Size, colour: ColourSpace) -> ImageFormat {
    let stride_bytes = format.row_bytes(size.width).map_or(0, |row| row.next_multiple_of(32));
    let raw_bytes = format.planes(stride_bytes, size.height).bytes() as u32;
    let size_bytes = if raw_bytes == 0 { size.area() as u32 } else { raw_bytes };
    ImageFormat { format, size, stride_bytes, size_bytes, colour }
}

impl Hardware {
    fn alive(&self) -> Result<()> {
        if self.gone { Err(Error::new(ErrorKind::Disconnected, "asking a modelled device")) } else { Ok(()) }
    }

    fn opens(&self) -> Result<()> {
        self.refuses_opening
            .map_or_else(|| self.alive(), |kind| Err(Error::new(kind, "opening a modelled device")))
    }

    fn offer(&self, fourcc: FourCc) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.format.v4l2() == fourcc)
    }

    /// A control that goes from a least to a greatest value.
    pub(crate) fn add_control(&mut self, code: ControlCode, limits: [i64; 3]) {
        let [minimum, default, maximum] = limits;
        self.controls.push(ControlDescription {
            code,
            name: format!("{code:?}"),
            minimum,
            maximum,
            step: 1,
            default,
            payload_bytes: 0,
            read_only: false,
            modifies_layout: false,
        });
        self.values.insert(code.0, default);
    }

    /// A menu that has these values.
    pub(crate) fn add_menu(&mut self, code: ControlCode, values: &[u32], default: i64) {
        self.add_control(code, [0, default, 3]);
        self.menus.insert(code.0, values.to_vec());
    }

    fn fill(&mut self) -> Option<Dequeued> {
        let slot = self.queued.pop_front()?;
        let sequence = self.sequence;
        self.sequence += 1;
        let mut bytes_used = [0; PLANES_MAX];
        bytes_used[0] = self.format.size_bytes - self.short_bytes;
        Some(Dequeued {
            slot,
            sequence,
            timestamp: self.now,
            error: false,
            bytes_used,
            data_offsets: [0; PLANES_MAX],
        })
    }
}

/// The node of a modelled device.
pub(crate) struct Node {
    capabilities: NodeCapabilities,
    hardware: Shared,
}

impl Node {
    pub(crate) fn new(hardware: &Shared) -> Self {
        Self { capabilities: lock(hardware).capabilities.clone(), hardware: Arc::clone(hardware) }
    }
}

impl Controls for Node {
    fn query_controls(&mut self) -> Result<Vec<ControlDescription>> {
        let hardware = lock(&self.hardware);
        hardware.alive().map(|()| hardware.controls.clone())
    }

    fn control(&mut self, code: ControlCode) -> Result<i64> {
        let hardware = lock(&self.hardware);
        hardware.alive()?;
        let unknown = || Error::new(ErrorKind::InvalidArgument, "reading a modelled control");
        hardware.values.get(&code.0).copied().ok_or_else(unknown)
    }

    fn set_controls(&mut self, writes: &[ControlWrite<'_>]) -> Result<()> {
        let mut hardware = lock(&self.hardware);
        hardware.alive()?;
        if hardware.refuses_controls {
            return Err(Error::new(ErrorKind::InvalidArgument, "writing modelled controls"));
        }
        let integer = |write: &ControlWrite<'_>| match write.value {
            Payload::Integer(value) => (write.code, value),
            Payload::Compound(_) => panic!("plain cameras have no such controls"),
        };
        let written: Vec<_> = writes.iter().map(integer).collect();
        hardware.values.extend(written.iter().map(|(code, value)| (code.0, *value)));
        hardware.written.push(written);
        Ok(())
    }

    fn menu(&mut self, code: ControlCode) -> Result<Vec<MenuItem>> {
        let hardware = lock(&self.hardware);
        let values = hardware.menus.get(&code.0).cloned().unwrap_or_default();
        Ok(values.into_iter().map(|index| MenuItem { index, name: String::new() }).collect())
    }
}

impl VideoNode for Node {
    fn capabilities(&self) -> &NodeCapabilities {
        &self.capabilities
    }

    fn formats(&mut self) -> Result<Vec<FourCc>> {
        let hardware = lock(&self.hardware);
        hardware.alive()?;
        Ok(hardware.offers.iter().map(|offer| offer.format.v4l2()).collect())
    }

    fn frame_sizes(&mut self, format: FourCc) -> Result<Vec<FrameSizes>> {
        Ok(lock(&self.hardware).offer(format).map(|offer| offer.sizes.clone()).unwrap_or_default())
    }

    fn frame_intervals(&mut self, format: FourCc, _: Size<ImagePixels>) -> Result<Vec<FrameIntervals>> {
        Ok(lock(&self.hardware).offer(format).map(|offer| offer.intervals.clone()).unwrap_or_default())
    }

    fn set_frame_interval(&mut self, interval: FrameInterval) -> Result<FrameInterval> {
        lock(&self.hardware).interval = Some(interval);
        Ok(interval)
    }

    fn format(&mut self) -> Result<NodeFormat> {
        Ok(NodeFormat::Image(lock(&self.hardware).format))
    }

    fn try_format(&mut self, format: NodeFormat) -> Result<NodeFormat> {
        lock(&self.hardware).alive()?;
        let wanted = format.image().expect("a capture node has formats of pictures");
        Ok(NodeFormat::Image(made(wanted.format, wanted.size, wanted.colour)))
    }

    fn set_format(&mut self, format: NodeFormat) -> Result<NodeFormat> {
        let set = self.try_format(format)?;
        lock(&self.hardware).format = set.image().expect("it is one");
        Ok(set)
    }

    fn set_crop(&mut self, _: Rect<ModePixels>) -> Result<Rect<ModePixels>> {
        Err(Error::new(ErrorKind::Unsupported, "cropping"))
    }

    fn allocate(&mut self, count: u32) -> Result<u32> {
        let mut hardware = lock(&self.hardware);
        for _ in 0..count {
            let memory = memfd_create("modelled", MemfdFlags::CLOEXEC).expect("there are descriptors left");
            ftruncate(&memory, u64::from(hardware.format.size_bytes)).expect("it can grow");
            hardware.exported.push(memory);
        }
        Ok(count)
    }

    fn export(&mut self, slot: u32) -> Result<ExportedBuffer> {
        let hardware = lock(&self.hardware);
        let fd = hardware.exported[slot as usize].try_clone().expect("there are descriptors left");
        Ok(ExportedBuffer { planes: vec![(fd, hardware.format.size_bytes)] })
    }

    fn import(&mut self, count: u32) -> Result<u32> {
        let mut hardware = lock(&self.hardware);
        hardware.alive()?;
        assert_eq!(hardware.slots, 0, "there are slots already");
        hardware.slots = count.min(4);
        Ok(hardware.slots)
    }

    fn free(&mut self) -> Result<()> {
        let mut hardware = lock(&self.hardware);
        assert!(!hardware.streaming || hardware.gone, "it is streaming");
        hardware.slots = 0;
        hardware.exported.clear();
        hardware.alive()
    }

    fn queue(&mut self, buffer: &QueueBuffer<'_>) -> Result<()> {
        let mut hardware = lock(&self.hardware);
        hardware.alive()?;
        assert!(buffer.slot < hardware.slots && !hardware.queued.contains(&buffer.slot));
        hardware.queued.push_back(buffer.slot);
        Ok(())
    }

    fn dequeue(&mut self) -> Result<Option<Dequeued>> {
        let mut hardware = lock(&self.hardware);
        hardware.alive()?;
        Ok(hardware.fill())
    }

    fn stream_on(&mut self) -> Result<()> {
        let mut hardware = lock(&self.hardware);
        hardware.alive()?;
        (hardware.streaming, hardware.sequence) = (true, 0);
        Ok(())
    }

    fn stream_off(&mut self) -> Result<()> {
        let mut hardware = lock(&self.hardware);
        hardware.streaming = false;
        hardware.queued.clear();
        hardware.alive()
    }

    fn subscribe_frame_start(&mut self, _: bool) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "subscribing"))
    }

    fn subscribe_control(&mut self, _: ControlCode, _: bool) -> Result<()> {
        Ok(())
    }

    fn dequeue_event(&mut self) -> Result<Option<NodeEvent>> {
        Ok(lock(&self.hardware).events.pop_front())
    }

    fn poll_source(&self) -> PollSource<'_> {
        PollSource::Simulated(0)
    }
}

/// Waits by moving the clock: to the next frame, or to the deadline.
struct Clock {
    hardware: Shared,
    waker: Waker,
}

impl Poller for Clock {
    fn now(&self) -> Timestamp {
        lock(&self.hardware).now
    }

    fn watch(&mut self, _: PollSource<'_>, _: u16, _: Interest) -> Result<()> {
        Ok(())
    }

    fn unwatch(&mut self, _: PollSource<'_>) -> Result<()> {
        Ok(())
    }

    fn wait(&mut self, deadline: Option<Timestamp>, ready: &mut Vec<Ready>) -> Result<()> {
        let mut hardware = lock(&self.hardware);
        let tells = |buffers, events, gone| Ready { key: 0, buffers, events, gone };
        let next = hardware.now + FRAME;
        let due = !hardware.silent && !hardware.queued.is_empty();
        if hardware.gone || !hardware.events.is_empty() {
            ready.push(tells(false, !hardware.events.is_empty(), hardware.gone));
        } else if due && deadline.is_none_or(|deadline| next <= deadline) {
            hardware.now = next;
            ready.push(tells(true, false, false));
        } else if let Some(deadline) = deadline {
            hardware.now = hardware.now.max(deadline);
        } else {
            panic!("it would wait for ever");
        }
        Ok(())
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

/// Nobody looks into these buffers.
struct Blind;

impl Mapper for Blind {
    fn map(&self, _: BorrowedFd<'_>, _: u32, _: u32) -> Result<Box<dyn Mapping>> {
        Err(Error::new(ErrorKind::Unsupported, "mapping"))
    }

    fn fill(&self, _: BorrowedFd<'_>, _: &[u8]) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "filling"))
    }
}

/// A modelled device as a machine has it.
pub(crate) fn devices(hardware: &Shared) -> Devices {
    Devices {
        media: Vec::new(),
        nodes: vec![Box::new(Node::new(hardware))],
        sensor: None,
        lens: None,
        heap: None,
        poller: Box::new(clock(hardware)),
        mapper: Arc::new(Blind),
    }
}

fn clock(hardware: &Shared) -> Clock {
    Clock { hardware: Arc::clone(hardware), waker: Waker::new().expect("there are descriptors left") }
}

/// A provider of modelled devices, by what the system would list.
pub(crate) struct Machines {
    nodes: Vec<(NodeInfo, Shared)>,
    /// Whose clock the next poller has: cameras open their node first.
    opened: Option<Shared>,
}

impl Machines {
    /// A provider, as cameras share it.
    pub(crate) fn shared(nodes: Vec<(NodeInfo, Shared)>) -> SharedProvider {
        Arc::new(Mutex::new(Box::new(Self { nodes, opened: None })))
    }
}

/// How the system would list a node.
pub(crate) fn listed(path: &str, name: &str, bus_info: &str, index: u32) -> NodeInfo {
    NodeInfo { path: path.into(), name: name.into(), bus_info: bus_info.into(), index }
}

impl Provider for Machines {
    fn is_simulated(&self) -> bool {
        false
    }

    fn media_devices(&mut self) -> Result<Vec<Box<dyn MediaDevice>>> {
        Ok(Vec::new())
    }

    fn video_nodes(&mut self) -> Result<Vec<NodeInfo>> {
        Ok(self.nodes.iter().map(|(info, _)| info.clone()).collect())
    }

    fn video_node(&mut self, path: &str) -> Result<Box<dyn VideoNode>> {
        let (_, hardware) = self.nodes.iter().find(|(info, _)| info.path == path).expect("it was listed");
        lock(hardware).opens().map_err(|error| error.at(path))?;
        self.opened = Some(Arc::clone(hardware));
        Ok(Box::new(Node::new(hardware)))
    }

    fn sub_device(&mut self, _: &str) -> Result<Box<dyn SubDevice>> {
        Err(Error::new(ErrorKind::NotFound, "opening a sub-device"))
    }

    fn heap(&mut self) -> Result<Box<dyn Heap>> {
        Err(Error::new(ErrorKind::NotFound, "opening a heap"))
    }

    fn poller(&mut self) -> Result<Box<dyn Poller>> {
        Ok(Box::new(clock(self.opened.as_ref().expect("a node was opened"))))
    }

    fn mapper(&self) -> Arc<dyn Mapper> {
        Arc::new(Blind)
    }
}

/// The camera of one modelled device.
pub(crate) fn camera(hardware: &Shared) -> Camera {
    let only = (listed("/dev/video0", "webcam", "1-1:1.0", 0), Arc::clone(hardware));
    let found = discover(&Machines::shared(vec![only]), None);
    assert!(found.failures.is_empty(), "{:?}", found.failures);
    Cameras::new(found.cameras).first().expect("there is one").acquire().expect("nobody has it")
}
