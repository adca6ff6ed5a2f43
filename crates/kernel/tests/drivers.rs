//! What holds on real drivers: vivid's nodes, vimc's graph of sub-devices, unicam's routes.
//!
//! Needs `vivid` with a capture and an output node, `vimc` and `unicam`, and leave to open them. Where
//! they are missing each test says so and ends; with `PINHOLE_DRIVERS=required` it fails.

use pinhole_base::format::PixelFormat;
use pinhole_base::geometry::Size;
use pinhole_base::{ErrorKind, Result, Timestamp};
use pinhole_device::{
    ControlCode, ControlWrite, Dequeued, EntityFunction, FrameInterval, FrameIntervals, FrameSizes, Graph,
    Interest, MediaBusFormat, NodeEvent, NodeFormat, NodeKind, Payload, Poller, Provider, QueueBuffer,
    QueuePlane, Ready, Route, SelectionTarget, VideoNode,
};
use pinhole_kernel::KernelProvider;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The drivers are one for all tests.
static DRIVERS: Mutex<()> = Mutex::new(());

const BRIGHTNESS: ControlCode = ControlCode(0x0098_0900);

/// How long a test waits for what must come.
const WAIT_MAX: Duration = Duration::from_secs(10);

struct Bench {
    provider: KernelProvider,
    graphs: Vec<Graph>,
    _alone: MutexGuard<'static, ()>,
}

impl Bench {
    /// The devices of a driver; nothing where it is not loaded.
    fn of(driver: &str) -> Option<Self> {
        let alone = DRIVERS.lock().unwrap_or_else(PoisonError::into_inner);
        let mut provider = KernelProvider::new();
        let media = provider.media_devices().unwrap();
        let graphs = media.iter().map(|device| device.graph().clone());
        let graphs: Vec<Graph> = graphs.filter(|graph| graph.info.driver == driver).collect();
        if graphs.is_empty() {
            assert!(std::env::var_os("PINHOLE_DRIVERS").is_none(), "there is no {driver}");
            println!("not tested: there is no {driver}");
            return None;
        }
        Some(Self { provider, graphs, _alone: alone })
    }

    /// The path of the first node whose entity's name ends so.
    fn path(&self, end: &str) -> String {
        let entities = self.graphs.iter().flat_map(|graph| &graph.entities);
        let found = entities.filter(|entity| entity.name.ends_with(end)).find_map(|e| e.node.clone());
        found.unwrap_or_else(|| panic!("there is no {end}"))
    }

    /// Every node for pictures whose entity's name ends so, in small and quick pictures.
    fn nodes(&mut self, end: &str) -> Vec<Box<dyn VideoNode>> {
        let entities = self.graphs.iter().flat_map(|graph| &graph.entities);
        let paths = entities.filter(|entity| entity.name.ends_with(end)).filter_map(|e| e.node.clone());
        let paths: Vec<String> = paths.collect();
        paths.iter().map(|path| small(self.provider.video_node(path).unwrap())).collect()
    }

    fn node(&mut self, end: &str) -> Box<dyn VideoNode> {
        self.nodes(end).swap_remove(0)
    }
}

fn small(mut node: Box<dyn VideoNode>) -> Box<dyn VideoNode> {
    let NodeFormat::Image(mut image) = node.format().unwrap() else { return node };
    (image.format, image.size) = (PixelFormat::Yuyv, Size::new(320, 180));
    (image.stride_bytes, image.size_bytes) = (0, 0);
    node.set_format(NodeFormat::Image(image)).unwrap();
    if node.capabilities().kind == NodeKind::VideoCapture {
        node.set_frame_interval(FrameInterval { numerator: 1, denominator: 60 }).unwrap();
    }
    node
}

/// A buffer.
struct Memory {
    fd: OwnedFd,
    length: u32,
}

/// Buffers that a node has allocated, which then has none.
fn export(node: &mut dyn VideoNode, count: u32) -> Vec<Memory> {
    let granted = node.allocate(count).unwrap();
    let memory = (0..granted).map(|slot| {
        let (fd, length) = node.export(slot).unwrap().planes.swap_remove(0);
        Memory { fd, length }
    });
    let memory = memory.collect();
    node.free().unwrap();
    memory
}

fn queue(node: &mut dyn VideoNode, slot: u32, memory: &Memory) -> Result<()> {
    let plane = QueuePlane { fd: memory.fd.as_fd(), length: memory.length, bytes_used: 0 };
    node.queue(&QueueBuffer { slot, planes: &[plane], timestamp: Timestamp(5_000_000_000) })
}

/// Gives a node those buffers, each in its slot.
fn queue_all(node: &mut dyn VideoNode, memory: &[Memory]) {
    for (slot, memory) in (0..).zip(memory) {
        queue(node, slot, memory).unwrap();
    }
}

/// Buffers of a node's own, and at least as many slots for them.
fn provided(node: &mut dyn VideoNode, count: u32) -> Vec<Memory> {
    let memory = export(node, count);
    assert!(node.import(count).unwrap() >= count);
    memory
}

/// The same, all of them queued.
fn fed(node: &mut dyn VideoNode, count: u32) -> Vec<Memory> {
    let memory = provided(node, count);
    queue_all(node, &memory);
    memory
}

fn watching(provider: &mut KernelProvider, node: &dyn VideoNode) -> Box<dyn Poller> {
    let mut poller = provider.poller().unwrap();
    poller.watch(node.poll_source(), 1, Interest { buffers: true, events: true }).unwrap();
    poller
}

/// What comes next, which must be something.
fn wait(poller: &mut dyn Poller) -> Vec<Ready> {
    let mut ready = Vec::new();
    poller.wait(Some(poller.now() + WAIT_MAX), &mut ready).unwrap();
    assert!(!ready.is_empty(), "nothing came");
    ready
}

fn next_frame(poller: &mut dyn Poller, node: &mut dyn VideoNode) -> Dequeued {
    loop {
        wait(poller);
        if let Some(frame) = node.dequeue().unwrap() {
            return frame;
        }
    }
}

#[test]
fn frames_come_in_order_in_the_buffers_given_single_and_multi_planar() {
    let Some(mut bench) = Bench::of("vivid") else { return };
    for mut node in bench.nodes("vid-cap") {
        let memory = provided(node.as_mut(), 3);
        for round in 0..2 {
            queue_all(node.as_mut(), &memory);
            let mut poller = watching(&mut bench.provider, node.as_ref());
            node.stream_on().unwrap();
            let (mut last, mut next) = (Timestamp::ZERO, 0);
            for expected in 0..6 {
                let frame = next_frame(poller.as_mut(), node.as_mut());
                assert_eq!((frame.slot, frame.error), (expected % 3, false));
                assert_eq!(frame.bytes_used, [320 * 180 * 2, 0, 0]);
                // A slow machine misses some.
                assert!((next..next + 60).contains(&frame.sequence), "{round}: {frame:?} after {next}");
                assert!(frame.timestamp > last);
                (last, next) = (frame.timestamp, frame.sequence + 1);
                queue(node.as_mut(), frame.slot, &memory[frame.slot as usize]).unwrap();
            }
            poller.unwatch(node.poll_source()).unwrap();
            node.stream_off().unwrap();
            node.stream_off().unwrap();
        }
        node.free().unwrap();
    }
}

/// A queue that streams but was never fed polls as failed: a loop would spin.
#[test]
fn a_stream_without_buffers_does_not_end_a_wait() {
    let Some(mut bench) = Bench::of("vivid") else { return };
    let mut node = bench.node("vid-cap");
    let memory = provided(node.as_mut(), 2);
    let mut poller = watching(&mut bench.provider, node.as_ref());
    node.stream_on().unwrap();
    let mut ready = Vec::new();
    let deadline = poller.now() + Duration::from_millis(100);
    poller.wait(Some(deadline), &mut ready).unwrap();
    assert_eq!(ready, []);
    queue_all(node.as_mut(), &memory);
    let first = next_frame(poller.as_mut(), node.as_mut());
    assert_eq!(first.slot, 0);
    node.stream_off().unwrap();
    let deadline = poller.now() + Duration::from_millis(100);
    poller.wait(Some(deadline), &mut ready).unwrap();
    assert_eq!(ready, [], "nor does one that has ended");
}

#[test]
fn a_frame_passes_from_one_device_to_another_by_its_descriptor() {
    let Some(mut bench) = Bench::of("vivid") else { return };
    let (mut source, mut sink) = (bench.node("vid-cap"), bench.node("vid-out"));
    let memory = fed(source.as_mut(), 5);
    sink.import(5).unwrap();
    let mut from = watching(&mut bench.provider, source.as_ref());
    let mut to = watching(&mut bench.provider, sink.as_ref());
    source.stream_on().unwrap();
    sink.stream_on().unwrap();
    for passed in 0..8 {
        let frame = next_frame(from.as_mut(), source.as_mut());
        queue(sink.as_mut(), frame.slot, &memory[frame.slot as usize]).unwrap();
        // The driver keeps back as many as it needs to go on.
        if passed >= 3 {
            let shown = next_frame(to.as_mut(), sink.as_mut());
            assert_eq!((shown.slot, shown.error), ((passed - 3) % 5, false));
            queue(source.as_mut(), shown.slot, &memory[shown.slot as usize]).unwrap();
        }
    }
    source.stream_off().unwrap();
    sink.stream_off().unwrap();
}

#[test]
fn memory_of_a_heap_is_filled_too() {
    let Some(mut bench) = Bench::of("vivid") else { return };
    let mut heap = bench.provider.heap().unwrap();
    let mut node = bench.node("vid-cap");
    let length = 320 * 180 * 2;
    node.import(2).unwrap();
    let memory: Vec<Memory> =
        (0..2).map(|_| Memory { fd: heap.allocate("frame", length).unwrap(), length }).collect();
    queue_all(node.as_mut(), &memory);
    let mut poller = watching(&mut bench.provider, node.as_ref());
    node.stream_on().unwrap();
    let frame = next_frame(poller.as_mut(), node.as_mut());
    node.stream_off().unwrap();
    let mapper = bench.provider.mapper();
    let view = mapper.map(memory[frame.slot as usize].fd.as_fd(), 0, length).unwrap();
    view.begin().unwrap();
    assert!(view.bytes().iter().any(|byte| *byte != 0));
    view.end();
}

#[test]
fn a_format_cannot_change_under_buffers_nor_a_queue_have_two_users() {
    let Some(mut bench) = Bench::of("vivid") else { return };
    let mut node = bench.node("vid-cap");
    node.allocate(2).unwrap();
    let NodeFormat::Image(mut image) = node.format().unwrap() else { panic!("pictures") };
    image.size = Size::new(640, 480);
    (image.stride_bytes, image.size_bytes) = (0, 0);
    let path = bench.path("vid-cap");
    let file = std::fs::File::open(&path).unwrap();
    let mut holder = std::process::Command::new("sleep").arg("60").stdin(file).spawn().unwrap();
    let error = node.set_format(NodeFormat::Image(image)).unwrap_err();
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
    assert!(error.to_string().contains("VIDIOC_S_FMT"), "{error}");
    assert!(error.advice().unwrap().contains(&format!("process {}", holder.id())), "{error}");
    let mut other = bench.provider.video_node(&path).unwrap();
    assert_eq!(other.allocate(2).unwrap_err().kind(), ErrorKind::Busy);
    drop(node);
    other.allocate(2).unwrap();
}

#[test]
fn sizes_and_rates_are_listed_and_set() {
    let Some(mut bench) = Bench::of("vivid") else { return };
    let mut node = bench.node("vid-cap");
    let yuyv = PixelFormat::Yuyv.v4l2();
    assert!(node.formats().unwrap().contains(&yuyv));
    let size = Size::new(640, 480);
    assert!(node.frame_sizes(yuyv).unwrap().contains(&FrameSizes::Discrete(size)));
    let half = FrameInterval { numerator: 1, denominator: 2 };
    assert!(node.frame_intervals(yuyv, size).unwrap().contains(&FrameIntervals::Discrete(half)));
    assert_eq!(node.set_frame_interval(half).unwrap(), half);
    let NodeFormat::Image(mut image) = node.format().unwrap() else { panic!("pictures") };
    image.size = Size::new(641, 481);
    let adjusted = node.try_format(NodeFormat::Image(image)).unwrap().image().unwrap();
    assert_ne!(adjusted.size, image.size, "webcams have few sizes");
}

#[test]
fn controls_are_read_written_listed_and_refused() {
    let Some(mut bench) = Bench::of("vivid") else { return };
    let mut node = bench.node("vid-cap");
    let integer = |code, value| ControlWrite { code, value: Payload::Integer(value) };
    node.set_controls(&[integer(BRIGHTNESS, 77)]).unwrap();
    assert_eq!(node.control(BRIGHTNESS).unwrap(), 77);
    let controls = node.query_controls().unwrap();
    let named = |name: &str| controls.iter().find(|control| control.name == name).unwrap();
    assert_eq!((named("Brightness").minimum, named("Brightness").maximum), (0, 255));

    let wide = named("Integer 64 Bits");
    node.set_controls(&[integer(wide.code, wide.maximum)]).unwrap();
    assert_eq!(node.control(wide.code).unwrap(), wide.maximum);
    let negative = named("Integer 32 Bits");
    node.set_controls(&[integer(negative.code, i64::from(i32::MIN)), integer(BRIGHTNESS, 3)]).unwrap();
    assert_eq!(node.control(negative.code).unwrap(), i64::from(i32::MIN));
    assert_eq!(node.control(BRIGHTNESS).unwrap(), 3);

    let mask = named("Bitmask");
    node.set_controls(&[integer(mask.code, mask.maximum)]).unwrap();
    assert_eq!(node.control(mask.code).unwrap(), mask.maximum);

    let array = named("S32 2 Element Array");
    assert_eq!(array.payload_bytes, 8);
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&3_i32.to_ne_bytes());
    bytes[4..].copy_from_slice(&(-4_i32).to_ne_bytes());
    node.set_controls(&[ControlWrite { code: array.code, value: Payload::Compound(&bytes) }]).unwrap();
    let mut seen = [0; 8];
    node.read_compound(array.code, &mut seen).unwrap();
    assert_eq!(seen, bytes);

    let menu = node.menu(named("Menu").code).unwrap();
    assert!(menu.iter().any(|item| item.index == 3) && menu.iter().all(|item| !item.name.is_empty()));
    let integers = node.menu(named("Integer Menu").code).unwrap();
    assert!(integers.iter().any(|item| item.name == "42"), "{integers:?}");

    let unknown = node.set_controls(&[integer(BRIGHTNESS, 9), integer(ControlCode(0x0098_ffff), 0)]);
    let error = unknown.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    assert!(error.to_string().contains("0x0098ffff"), "{error}");
    assert_eq!(node.control(BRIGHTNESS).unwrap(), 3, "all or none");
    let error = node.set_controls(&[integer(named("Menu").code, 99)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
}

#[test]
fn a_control_that_another_user_changes_is_told() {
    let Some(mut bench) = Bench::of("vivid") else { return };
    let mut node = bench.node("vid-cap");
    let path = bench.path("vid-cap");
    let mut other = bench.provider.video_node(&path).unwrap();
    let write = |value| [ControlWrite { code: BRIGHTNESS, value: Payload::Integer(value) }];
    other.set_controls(&write(1)).unwrap();
    node.subscribe_control(BRIGHTNESS, true).unwrap();
    let mut poller = watching(&mut bench.provider, node.as_ref());
    assert_eq!(node.dequeue_event().unwrap(), None);
    other.set_controls(&write(42)).unwrap();
    assert!(wait(poller.as_mut())[0].events);
    let told = NodeEvent::ControlChanged { code: BRIGHTNESS, value: 42 };
    assert_eq!(node.dequeue_event().unwrap(), Some(told));
    assert_eq!(node.dequeue_event().unwrap(), None);
    node.subscribe_control(BRIGHTNESS, false).unwrap();
}

#[test]
fn media_devices_have_one_user_at_a_time() {
    let Some(mut bench) = Bench::of("vimc") else { return };
    let pair = [bench.provider.media_devices().unwrap(), bench.provider.media_devices().unwrap()];
    let [mut first, mut second] = pair.map(|mut media| media.swap_remove(0));
    first.acquire().unwrap();
    assert_eq!(second.acquire().unwrap_err().kind(), ErrorKind::Busy);
    // Listing them again opens and closes each.
    drop(bench.provider.media_devices().unwrap());
    assert_eq!(second.acquire().unwrap_err().kind(), ErrorKind::Busy);
    first.release();
    second.acquire().unwrap();
}

#[test]
fn links_are_enabled_and_disabled() {
    let Some(mut bench) = Bench::of("vimc") else { return };
    let is_vimc = |graph: &Graph| graph.info.driver == "vimc";
    let open = |bench: &mut Bench| {
        let media = bench.provider.media_devices().unwrap().into_iter();
        media.into_iter().find(|device| is_vimc(device.graph())).unwrap()
    };
    let mut media = open(&mut bench);
    let link = |graph: &Graph, enabled| {
        graph.links.iter().find(|l| !l.immutable && l.enabled == enabled).map(|l| l.id)
    };
    let id = link(media.graph(), true).unwrap();
    for enabled in [false, true] {
        media.set_link(id, enabled).unwrap();
        let seen = open(&mut bench);
        assert_eq!(seen.graph().links.iter().find(|l| l.id == id).unwrap().enabled, enabled);
    }
    let fixed = media.graph().links.iter().find(|link| link.immutable).unwrap().id;
    assert_eq!(media.set_link(fixed, false).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn pads_have_codes_sizes_and_formats() {
    let Some(mut bench) = Bench::of("vimc") else { return };
    let graph = bench.graphs[0].clone();
    let sensor = graph.entities.iter().find(|e| e.function == EntityFunction::Sensor).unwrap();
    let mut device = bench.provider.sub_device(sensor.node.as_deref().unwrap()).unwrap();
    assert_eq!(device.name(), sensor.name);
    let code = device.media_bus_codes(0).unwrap()[0];
    let sizes = device.frame_sizes(0, code).unwrap();
    assert_eq!((sizes.len(), sizes[0]), (2, Size::new(16, 16)));
    let before = device.format(0).unwrap();
    let wanted = MediaBusFormat { code, size: Size::new(320, 240) };
    assert_eq!(device.set_format(0, wanted).unwrap(), wanted);
    assert_eq!(device.format(0).unwrap(), wanted);
    device.set_format(0, before).unwrap();
    assert_eq!(device.format(9).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert!(device.media_bus_codes(9).is_err());
    assert!(device.selection(SelectionTarget::NativeSize).is_err());
}

#[test]
fn a_graph_that_does_not_fit_is_explained_at_the_start() {
    let Some(mut bench) = Bench::of("vimc") else { return };
    let mut node = bench.provider.video_node(&bench.path("Raw Capture 0")).unwrap();
    assert!(node.capabilities().media_centric);
    node.import(1).unwrap();
    let error = node.stream_on().unwrap_err();
    assert_eq!(error.errno(), Some(32));
    assert!(error.advice().unwrap().contains("links"), "{error}");
}

/// Presses one of vivid's buttons.
fn press(node: &mut dyn VideoNode, name: &str) {
    let controls = node.query_controls().unwrap();
    let code = controls.iter().find(|control| control.name == name).unwrap().code;
    node.set_controls(&[ControlWrite { code, value: Payload::Integer(1) }]).unwrap();
}

#[test]
fn a_call_that_fails_once_works_afterwards() {
    let Some(mut bench) = Bench::of("vivid") else { return };
    let mut node = bench.node("vid-cap");
    let memory = export(node.as_mut(), 2);
    press(node.as_mut(), "Inject VIDIOC_REQBUFS Error");
    assert!(node.import(2).unwrap_err().to_string().contains("VIDIOC_REQBUFS"));
    node.import(2).unwrap();
    press(node.as_mut(), "Inject VIDIOC_QBUF Error");
    assert!(queue(node.as_mut(), 0, &memory[0]).unwrap_err().to_string().contains("VIDIOC_QBUF"));
    queue_all(node.as_mut(), &memory);
    press(node.as_mut(), "Inject VIDIOC_STREAMON Error");
    assert!(node.stream_on().unwrap_err().to_string().contains("VIDIOC_STREAMON"));
    // What was queued before the failure is the caller's only once the queue has stopped.
    node.stream_off().unwrap();
    queue_all(node.as_mut(), &memory);
    let mut poller = watching(&mut bench.provider, node.as_ref());
    node.stream_on().unwrap();
    assert!(!next_frame(poller.as_mut(), node.as_mut()).error);
    node.stream_off().unwrap();
}

#[test]
fn a_damaged_frame_is_marked() {
    let Some(mut bench) = Bench::of("vivid") else { return };
    let mut node = bench.node("vid-cap");
    let _memory = fed(node.as_mut(), 2);
    let mut poller = watching(&mut bench.provider, node.as_ref());
    press(node.as_mut(), "Inject V4L2_BUF_FLAG_ERROR");
    node.stream_on().unwrap();
    assert!(next_frame(poller.as_mut(), node.as_mut()).error);
    assert!(!next_frame(poller.as_mut(), node.as_mut()).error);
    node.stream_off().unwrap();
}

#[test]
fn a_queue_that_fails_says_so_when_it_is_looked_at() {
    let Some(mut bench) = Bench::of("vivid") else { return };
    let mut node = bench.node("vid-cap");
    let memory = provided(node.as_mut(), 1);
    let mut poller = watching(&mut bench.provider, node.as_ref());
    node.stream_on().unwrap();
    queue(node.as_mut(), 0, &memory[0]).unwrap();
    next_frame(poller.as_mut(), node.as_mut());
    press(node.as_mut(), "Inject Fatal Streaming Error");
    let expected = Ready { key: 1, buffers: true, events: false, gone: false };
    assert_eq!(wait(poller.as_mut()), [expected]);
    let error = node.dequeue().unwrap_err();
    assert_eq!(error.errno(), Some(5), "{error}");
    node.stream_off().unwrap();
}

#[test]
fn a_device_that_goes_away_is_told_and_every_call_says_so() {
    let Some(mut bench) = Bench::of("vivid") else { return };
    let mut node = bench.node("vid-cap");
    let memory = provided(node.as_mut(), 1);
    let mut poller = watching(&mut bench.provider, node.as_ref());
    node.stream_on().unwrap();
    press(node.as_mut(), "Disconnect");
    assert!(wait(poller.as_mut()).iter().any(|ready| ready.gone));
    for error in [
        queue(node.as_mut(), 0, &memory[0]).unwrap_err(),
        node.dequeue().unwrap_err(),
        node.dequeue_event().unwrap_err(),
        node.format().unwrap_err(),
        node.query_controls().unwrap_err(),
        node.stream_off().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    }
    // vivid's devices come back when the last user has gone.
    drop(node);
    bench.node("vid-cap").allocate(1).unwrap();
}

/// Whoever holds a descriptor of an exported buffer knows it again by its inode, whatever the
/// descriptor's number.
#[test]
fn a_buffer_is_known_by_its_inode() {
    let Some(mut bench) = Bench::of("vivid") else { return };
    let mut node = bench.node("vid-cap");
    let memory = export(node.as_mut(), 2);
    let identity = |fd: &OwnedFd| {
        let metadata = std::fs::File::from(fd.try_clone().unwrap()).metadata().unwrap();
        (metadata.dev(), metadata.ino())
    };
    let first = identity(&memory[0].fd);
    assert_eq!(first, identity(&memory[0].fd));
    assert_ne!(first, identity(&memory[1].fd));
}

#[test]
fn slots_are_added_while_frames_flow() {
    let Some(mut bench) = Bench::of("vivid") else { return };
    let mut node = bench.node("vid-cap");
    assert_eq!(node.add_slots(1).unwrap_err().kind(), ErrorKind::WrongState);
    let memory = export(node.as_mut(), 4);
    node.import(2).unwrap();
    queue_all(node.as_mut(), &memory[..2]);
    let mut poller = watching(&mut bench.provider, node.as_ref());
    node.stream_on().unwrap();
    assert_eq!(node.add_slots(2).unwrap(), 2);
    (2..4).for_each(|slot| queue(node.as_mut(), slot, &memory[slot as usize]).unwrap());
    let slots: Vec<u32> = (0..4).map(|_| next_frame(poller.as_mut(), node.as_mut()).slot).collect();
    assert_eq!(slots, [0, 1, 2, 3]);
    assert_eq!(queue(node.as_mut(), 4, &memory[0]).unwrap_err().kind(), ErrorKind::InvalidArgument);
    node.stream_off().unwrap();
}

/// A Raspberry Pi's receiver, whose kernel has routes switched on. Catches: routes that are written
/// or read in another layout than the kernel's; wishes that cannot be met taken for met.
#[test]
fn a_sub_device_has_routes_that_can_be_set() {
    let Some(mut bench) = Bench::of("unicam") else { return };
    let path = bench.path("unicam");
    let mut device = bench.provider.sub_device(&path).unwrap();
    let route = |stream, source_pad| Route {
        sink_pad: 0,
        sink_stream: stream,
        source_pad,
        source_stream: 0,
        active: true,
    };
    let (image, metadata) = (route(0, 1), route(1, 2));
    assert_eq!(device.routes().unwrap(), [image], "at first there is one way");
    assert_eq!(device.set_routes(&[image, metadata]).unwrap(), [image, metadata]);
    assert_eq!(device.routes().unwrap(), [image, metadata]);
    let error = device.set_routes(&[image, route(0, 2)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "one stream does not go two ways: {error}");
    assert_eq!(device.routes().unwrap(), [image, metadata], "what is refused changes nothing");
    assert_eq!(device.set_routes(&[image]).unwrap(), [image]);
    assert_eq!(device.routes().unwrap(), [image]);
}

#[test]
fn a_sub_device_without_routes_says_so() {
    let Some(mut bench) = Bench::of("vimc") else { return };
    let graph = bench.graphs[0].clone();
    let sensor = graph.entities.iter().find(|e| e.function == EntityFunction::Sensor).unwrap();
    let mut device = bench.provider.sub_device(sensor.node.as_deref().unwrap()).unwrap();
    assert_eq!(device.routes().unwrap(), []);
    let route = Route { sink_pad: 0, sink_stream: 0, source_pad: 1, source_stream: 0, active: true };
    let error = device.set_routes(&[route]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[test]
fn starting_and_stopping_keeps_nothing() {
    let Some(mut bench) = Bench::of("vivid") else { return };
    let mut node = bench.node("vid-cap");
    let memory = export(node.as_mut(), 2);
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = descriptors();
    for _ in 0..100 {
        node.import(2).unwrap();
        let mut poller = watching(&mut bench.provider, node.as_ref());
        queue_all(node.as_mut(), &memory);
        node.stream_on().unwrap();
        poller.unwatch(node.poll_source()).unwrap();
        node.stream_off().unwrap();
        node.free().unwrap();
    }
    assert_eq!(descriptors(), before);
}
