//! A camera with every device open, and the few things that tests do with it over and over.

use pinhole_base::colour::ColourSpace;
use pinhole_base::format::PixelFormat;
use pinhole_base::geometry::Size;
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_buffer::Mapper;
use pinhole_buffer::mapping::Mapping;
use pinhole_device::{
    Dequeued, ImageFormat, Interest, MediaBusFormat, NodeFormat, Poller, Provider, QueueBuffer, QueuePlane,
    Ready, SubDevice, VideoNode,
};
use pinhole_sim::{Fault, Role, ScheduledFault, Simulator, SimulatorConfig, SimulatorControl};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// Tests look into buffers through descriptors.
pub(crate) struct NoMapper;

impl Mapper for NoMapper {
    fn map(&self, _: BorrowedFd<'_>, _: u32, _: u32) -> Result<Box<dyn Mapping>> {
        Err(Error::new(ErrorKind::Unsupported, "mapping"))
    }

    fn fill(&self, _: BorrowedFd<'_>, _: &[u8]) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "filling"))
    }
}

pub(crate) fn simulator(config: SimulatorConfig) -> Simulator {
    Simulator::new(config, Arc::new(NoMapper)).unwrap()
}

/// A node with the descriptors of its buffers; buffer n goes into slot n.
pub(crate) struct Port {
    pub(crate) node: Box<dyn VideoNode>,
    pub(crate) fds: Vec<OwnedFd>,
    pub(crate) bytes: u32,
}

impl Port {
    /// Allocates buffers, exports them and imports them again, as pipelines do.
    pub(crate) fn make_buffers(&mut self, count: u32) {
        self.bytes = self.node.format().unwrap().size_bytes();
        assert_eq!(self.node.allocate(count).unwrap(), count);
        self.fds = (0..count).map(|slot| self.node.export(slot).unwrap().planes.remove(0).0).collect();
        self.node.free().unwrap();
        assert_eq!(self.node.import(count).unwrap(), count);
    }

    pub(crate) fn queue(&mut self, slot: u32) -> Result<()> {
        let fd = &self.fds[slot as usize];
        queue(&mut *self.node, slot, fd.as_fd(), self.bytes, Timestamp::ZERO)
    }

    pub(crate) fn queue_all(&mut self) {
        for slot in 0..self.fds.len() as u32 {
            self.queue(slot).unwrap();
        }
    }

    pub(crate) fn start(&mut self) {
        self.queue_all();
        self.node.stream_on().unwrap();
    }

    pub(crate) fn dequeue(&mut self) -> Option<Dequeued> {
        self.node.dequeue().unwrap()
    }

    /// The first bytes of a buffer.
    pub(crate) fn read<const N: usize>(&self, slot: u32) -> [u8; N] {
        read(self.fds[slot as usize].as_fd())
    }
}

pub(crate) fn read<const N: usize>(fd: BorrowedFd<'_>) -> [u8; N] {
    let mut bytes = [0; N];
    assert_eq!(rustix::io::pread(fd, &mut bytes, 0), Ok(N));
    bytes
}

pub(crate) fn queue(
    node: &mut dyn VideoNode,
    slot: u32,
    fd: BorrowedFd<'_>,
    length: u32,
    timestamp: Timestamp,
) -> Result<()> {
    let planes = [QueuePlane { fd, length, bytes_used: length }];
    node.queue(&QueueBuffer { slot, planes: &planes, timestamp })
}

/// Where a node is, as the media graphs say.
pub(crate) fn path(provider: &mut dyn Provider, camera: usize, role: Role) -> Option<String> {
    let driver = if role.is_receiver() { "unicam" } else { "bcm2835-isp" };
    let devices = provider.media_devices().unwrap();
    let device = devices.iter().filter(|device| device.graph().info.driver == driver).nth(camera)?;
    device.graph().entity(role.entity_name())?.node.clone()
}

pub(crate) fn errno<T: std::fmt::Debug>(result: Result<T>) -> i32 {
    result.unwrap_err().errno().expect("a device's error has a number")
}

pub(crate) const ENOENT: i32 = 2;
pub(crate) const EIO: i32 = 5;
pub(crate) const EBADF: i32 = 9;
pub(crate) const ENOMEM: i32 = 12;
pub(crate) const EBUSY: i32 = 16;
pub(crate) const ENODEV: i32 = 19;
pub(crate) const EINVAL: i32 = 22;
pub(crate) const ENOTTY: i32 = 25;
pub(crate) const EPIPE: i32 = 32;

pub(crate) fn image_format(name: &str, width: u32, height: u32) -> NodeFormat {
    NodeFormat::Image(ImageFormat {
        format: PixelFormat::from_name(name).unwrap(),
        size: Size::new(width, height),
        stride_bytes: 0,
        size_bytes: 0,
        colour: ColourSpace::SYCC,
    })
}

/// One camera in its 640x480 mode (of an IMX219), every device open.
pub(crate) struct Rig {
    pub(crate) control: SimulatorControl,
    pub(crate) provider: Box<dyn Provider>,
    poller: Box<dyn Poller>,
    pub(crate) sensor: Box<dyn SubDevice>,
    ports: [Option<Port>; 6],
}

impl Rig {
    pub(crate) fn new(config: SimulatorConfig) -> Self {
        Self::of(&simulator(config), 0)
    }

    pub(crate) fn for_tests() -> Self {
        Self::new(SimulatorConfig::for_tests())
    }

    /// Opens a camera.
    pub(crate) fn of(simulator: &Simulator, number: usize) -> Self {
        let mut provider = simulator.provider();
        let ports = Role::ALL.map(|role| {
            let path = path(&mut *provider, number, role)?;
            Some(Port { node: provider.video_node(&path).unwrap(), fds: Vec::new(), bytes: 0 })
        });
        let sensor = open_sensor(&mut *provider, number);
        let poller = provider.poller().unwrap();
        let mut rig = Self { control: simulator.control(), provider, poller, sensor, ports };
        rig.configure();
        rig
    }

    fn configure(&mut self) {
        let wanted = MediaBusFormat { code: 0x300f, size: Size::new(640, 480) };
        let set = self.sensor.set_format(0, wanted).unwrap();
        let raw = image_format("SRGGB10_CSI2P", set.size.width, set.size.height);
        for (role, format) in [
            (Role::Image, raw),
            (Role::Input, raw),
            (Role::Output0, image_format("YUV420", 640, 480)),
            (Role::Output1, image_format("NV12", 320, 240)),
        ] {
            self.port(role).node.set_format(format).unwrap();
        }
    }

    pub(crate) fn port(&mut self, role: Role) -> &mut Port {
        self.ports[role as usize].as_mut().unwrap()
    }

    pub(crate) fn node(&mut self, role: Role) -> &mut dyn VideoNode {
        &mut *self.port(role).node
    }

    pub(crate) fn has(&self, role: Role) -> bool {
        self.ports[role as usize].is_some()
    }

    /// Closes a node.
    pub(crate) fn close(&mut self, role: Role) {
        self.ports[role as usize] = None;
    }

    /// Starts the receiver's nodes with so many buffers each.
    pub(crate) fn start_receiver(&mut self, buffers: u32) {
        for role in [Role::Image, Role::Embedded] {
            if self.has(role) {
                self.port(role).make_buffers(buffers);
                self.port(role).start();
            }
        }
    }

    /// Starts the ISP's nodes with so many capture buffers each; inputs come from the receiver.
    pub(crate) fn start_isp(&mut self, buffers: u32) {
        for role in [Role::Output0, Role::Output1, Role::Statistics] {
            self.port(role).make_buffers(buffers);
            self.port(role).start();
        }
        self.node(Role::Input).import(buffers).unwrap();
        self.node(Role::Input).stream_on().unwrap();
    }

    /// Queues a raw buffer to the ISP, into the slot of the same number.
    pub(crate) fn queue_input(&mut self, slot: u32, timestamp: Timestamp) {
        let image = self.port(Role::Image);
        let (fd, bytes) = (image.fds[slot as usize].try_clone().unwrap(), image.bytes);
        queue(self.node(Role::Input), slot, fd.as_fd(), bytes, timestamp).unwrap();
    }

    /// Waits until a node has a buffer to dequeue, for at most ten seconds of simulated time.
    pub(crate) fn next(&mut self, role: Role) -> Dequeued {
        self.within(role, Duration::from_secs(10)).expect("a buffer in time")
    }

    /// The same for some simulated time.
    pub(crate) fn within(&mut self, role: Role, time: Duration) -> Option<Dequeued> {
        let ready = self.wait(role, Interest { buffers: true, events: false }, time);
        assert!(!ready.is_some_and(|ready| ready.gone), "the device is gone");
        self.port(role).dequeue()
    }

    /// Waits for one node only.
    pub(crate) fn wait(&mut self, role: Role, interest: Interest, time: Duration) -> Option<Ready> {
        let deadline = self.poller.now() + time;
        let node = &self.ports[role as usize].as_ref().unwrap().node;
        let mut ready = Vec::new();
        self.poller.watch(node.poll_source(), role as u16, interest).unwrap();
        self.poller.wait(Some(deadline), &mut ready).unwrap();
        self.poller.unwatch(node.poll_source()).unwrap();
        ready.pop()
    }

    /// Lets so much simulated time pass, whatever is ready.
    pub(crate) fn pass(&mut self, time: Duration) {
        let deadline = self.poller.now() + time;
        self.poller.wait(Some(deadline), &mut Vec::new()).unwrap();
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.poller.now()
    }

    pub(crate) fn inject(&self, fault: Fault) {
        self.inject_after(0, fault);
    }

    pub(crate) fn inject_after(&self, after: u32, fault: Fault) {
        self.control.inject(ScheduledFault { camera: 0, after, fault }).unwrap();
    }

    /// Asserts that the hardware's books are in order.
    pub(crate) fn audit(&self) {
        let audit = self.control.hardware_audit();
        assert!(audit.violations.is_empty(), "{:?}", audit.violations);
    }
}

pub(crate) fn open_sensor(provider: &mut dyn Provider, number: usize) -> Box<dyn SubDevice> {
    let devices = provider.media_devices().unwrap();
    let device = devices.iter().filter(|device| device.graph().info.driver == "unicam").nth(number).unwrap();
    let entities = &device.graph().entities;
    let sensor = entities.iter().find(|entity| entity.function == pinhole_device::EntityFunction::Sensor);
    let path = sensor.unwrap().node.clone().unwrap();
    drop(devices);
    provider.sub_device(&path).unwrap()
}
