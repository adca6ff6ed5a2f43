//! What drivers do to cameras besides failing calls: numbers and stamps that wrap, a driver that
//! is taken away or unloaded, a camera beside another one, damaged frames, a format that somebody
//! changes.
//!
//! Needs vivid and, for some, two USB cameras of the testbed's, or its Raspberry Pi camera. Where
//! they are missing each test says so and ends; `PINHOLE_DRIVERS` demands them (see
//! [`Found::demand`]).

use pinhole::device::{ControlWrite, ImageFormat, NodeFormat, Payload, Provider, VideoNode};
use pinhole::format::PixelFormat;
use pinhole::geometry::Size;
use pinhole::kernel::KernelProvider;
use pinhole::sim::Fault;
use pinhole::{CameraEvent, DropCounters, ErrorKind, Request, Role, Watch, control};
use pinhole_conformance::bench::{Bench, requests, streams};
use pinhole_conformance::kernel::{Binding, DriverRig, Found, Module, find};
use pinhole_conformance::rig::Setup;
use pinhole_conformance::run::Run;
use pinhole_conformance::statements::errors::b41_erroneous_images_are_marked;
use rustix::io::Errno;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The drivers are one for all tests.
static DRIVERS: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    DRIVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The first camera of a driver; nothing where it is not loaded and nobody demands it.
fn rig(driver: &str) -> Option<Box<dyn DriverRig>> {
    let found = find().expect("the system's devices can be listed");
    found.demand();
    let Found { rigs, .. } = found;
    let rig = rigs.into_iter().find(|rig| rig.driver_name() == driver);
    if rig.is_none() {
        println!("not tested: there is no {driver}");
    }
    rig
}

fn path(rig: &dyn DriverRig) -> &str {
    rig.node_path().expect("a plain camera has one node")
}

fn node(rig: &dyn DriverRig) -> Box<dyn VideoNode> {
    KernelProvider::new().video_node(path(rig)).expect("what was found is still there")
}

/// A control of a driver's, which is 0 again in the end.
struct Switch {
    node: Box<dyn VideoNode>,
    name: &'static str,
}

impl Switch {
    fn set(rig: &dyn DriverRig, name: &'static str, value: i64) -> Self {
        let mut switch = Self { node: node(rig), name };
        switch.write(value);
        switch
    }

    fn write(&mut self, value: i64) {
        let controls = self.node.query_controls().expect("it has controls");
        let known = controls.iter().find(|control| control.name == self.name);
        let code = known.unwrap_or_else(|| panic!("there is no control {}", self.name)).code;
        let write = ControlWrite { code, value: Payload::Integer(value) };
        self.node.set_controls(&[write]).expect("the driver takes its own controls");
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.write(0);
    }
}

fn bench(rig: &dyn DriverRig, cameras: usize) -> Bench {
    rig.bench(Setup { cameras, ..Setup::default() }).expect("there are as many cameras")
}

fn started(bench: &Bench, camera: usize) -> Run {
    let mut camera = bench.camera_at(camera);
    bench.configure(&mut camera, &[Role::Video]);
    let requests = requests(&mut camera, 3);
    let run = bench.start(camera);
    run.queue_all(requests);
    run
}

/// Takes so many frames; answers what is asked of each, and what was dropped.
fn take<T>(rig: &dyn DriverRig, frames: usize, ask: impl Fn(&Request) -> T) -> (Vec<T>, DropCounters) {
    let mut run = started(&bench(rig, 1), 0);
    let mut answers = Vec::new();
    run.rounds(frames, |request| answers.push(ask(request)));
    (answers, run.stop().drops)
}

fn number(request: &Request) -> u32 {
    request.metadata().get(control::SENSOR_SEQUENCE).expect("frames are numbered") as u32
}

fn stamp_ns(request: &Request) -> i64 {
    request.metadata().get(control::SENSOR_TIMESTAMP).expect("frames are stamped")
}

/// Catches: four thousand million lost frames where the numbers begin anew.
#[test]
fn numbers_that_wrap_are_no_gap() {
    let _alone = alone();
    let Some(rig) = rig("vivid") else { return };
    let rig = rig.as_ref();
    let _switch = Switch::set(rig, "Wrap Sequence Number", 1);
    let (numbers, drops) = take(rig, 160, number);
    let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
    assert!(first >= 0xffff_ff80 && last < 0x8000_0000, "they do not wrap: {first:#x} to {last:#x}");
    let missing: u64 = numbers.windows(2).map(|pair| u64::from(pair[1].wrapping_sub(pair[0]) - 1)).sum();
    let before = u64::from(first.wrapping_sub(0xffff_ff80));
    let counted: u64 = drops.iter().map(|(_, times)| times).sum();
    assert!(counted <= missing + before, "{missing} are missing: {drops}");
}

/// Catches: arithmetic that overflows, and frames that wait for a time long past.
#[test]
fn stamps_that_wrap_stop_nothing() {
    let _alone = alone();
    let Some(rig) = rig("vivid") else { return };
    let rig = rig.as_ref();
    // After 64 bits, and after 32, which here are not all.
    for bits in [1, 2] {
        let _switch = Switch::set(rig, "Wrap Timestamp", bits);
        // The driver wraps them after 16 seconds.
        let (stamps, _) = take(rig, 1100, stamp_ns);
        let falls = stamps.windows(2).filter(|pair| pair[1] < pair[0]).count();
        let (first, last) = (stamps[0], stamps[stamps.len() - 1]);
        assert!(
            falls <= 1 && stamps.iter().all(|stamp| *stamp >= 0),
            "{falls} steps back: {first} to {last}"
        );
    }
}

/// Catches: a session that waits for a device that nobody drives, or a node that is not given up.
fn ends_when_its_driver_goes(driver: &str) {
    let _alone = alone();
    let Some(rig) = rig(driver) else { return };
    let rig = rig.as_ref();
    let binding = Binding::of(path(rig));
    for _ in 0..2 {
        let bench = bench(rig, 1);
        let mut run = started(&bench, 0);
        run.rounds(5, |_| ());
        binding.unbind();
        let (requests, failure) = run.drain();
        assert_eq!(failure.kind(), ErrorKind::Disconnected, "{failure}");
        assert_eq!(requests.len(), 3, "every request comes back");
        drop(run.stop());
        binding.bind();
    }
    take(rig, 5, number);
}

#[test]
fn a_session_ends_when_vivid_is_taken_away() {
    ends_when_its_driver_goes("vivid");
}

#[test]
fn a_session_ends_when_uvcvideo_is_taken_away() {
    ends_when_its_driver_goes("uvcvideo");
}

/// A driver's modules and device files take no longer than this.
const HOTPLUG_MAX: Duration = Duration::from_secs(20);

/// Waits until a camera has come, or gone.
fn wait_for(watch: &mut Watch, id: &str, comes: bool) {
    loop {
        let event = watch.next(Some(HOTPLUG_MAX)).expect("the watch can be read");
        match event.unwrap_or_else(|| panic!("{id} neither comes nor goes: {:?}", watch.failures())) {
            CameraEvent::Added(entry) if comes && entry.info().id == id => return,
            CameraEvent::Removed(entry) if !comes && entry.info().id == id => return,
            _ => {}
        }
    }
}

fn assert_in_use(module: &Module) {
    let refused = module.unload().expect_err("its devices are in use");
    assert!(matches!(refused, Errno::AGAIN | Errno::BUSY), "{refused}");
}

/// Catches: a camera that stutters when somebody tries to unload its driver; a descriptor that a
/// dropped camera leaves open, or that a list of cameras holds, so that nobody can; a camera that
/// does not come back by itself.
fn is_unloaded_once_nobody_has_a_camera(driver: &str, module: &str) {
    let _alone = alone();
    let Some(rig) = rig(driver) else { return };
    let rig = rig.as_ref();
    let module = Module::loaded(module);
    let mut watch = Watch::new().expect("device files can be watched");
    let bench = bench(rig, 1);
    let mut run = started(&bench, 0);
    let mut numbers = Vec::new();
    run.rounds(30, |request| numbers.push(number(request)));
    assert_in_use(&module);
    run.rounds(30, |request| numbers.push(number(request)));
    // A driver may leave numbers out, but not more than it did before.
    let gap = |numbers: &[u32]| numbers.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(gap(&numbers[29..]) <= gap(&numbers[..30]), "frames were lost: {numbers:?}");
    let camera = run.stop().camera;
    assert_in_use(&module);
    drop(camera);
    let id = bench.cameras.first().expect("it is listed").info().id.clone();
    wait_for(&mut watch, &id, true);
    module.unload().expect("nobody uses its devices any more");
    wait_for(&mut watch, &id, false);
    module.load();
    wait_for(&mut watch, &id, true);
    take(rig, 5, number);
}

#[test]
fn vivid_is_unloaded_once_nobody_has_a_camera() {
    is_unloaded_once_nobody_has_a_camera("vivid", "vivid");
}

#[test]
fn uvcvideo_is_unloaded_once_nobody_has_a_camera() {
    is_unloaded_once_nobody_has_a_camera("uvcvideo", "uvcvideo");
}

#[test]
fn pi_camera_is_unloaded_once_nobody_has_a_camera() {
    for driver in ["pi", "pi-hq"] {
        is_unloaded_once_nobody_has_a_camera(driver, "pi_camera");
    }
}

/// Catches: one camera's end that another one notices, or a bus that both cannot share.
#[test]
fn of_two_cameras_one_can_go_while_the_other_runs() {
    let _alone = alone();
    let Some(rig) = rig("uvcvideo") else { return };
    let rig = rig.as_ref();
    let bench = bench(rig, 2);
    let [mut first, mut second] = [0, 1].map(|camera| started(&bench, camera));
    for _ in 0..20 {
        first.rounds(1, |_| ());
        second.rounds(1, |_| ());
    }
    bench.inject(0, Fault::UnplugCamera).expect("its plug can be pulled");
    let (_, failure) = first.drain();
    assert_eq!(failure.kind(), ErrorKind::Disconnected, "{failure}");
    second.rounds(30, |_| ());
    drop(first.stop());
    second.rounds(5, |_| ());
    drop(second.stop());
    bench.backstage.replug();
}

/// Whether `uvcvideo` hands out damaged frames; it looks when it finds a camera.
const NO_DROP: &str = "/sys/module/uvcvideo/parameters/nodrop";

/// Catches: damaged frames of webcams that go as whole ones.
#[test]
fn damaged_frames_of_webcams_are_marked_where_the_driver_keeps_them() {
    let _alone = alone();
    let Some(rig) = rig("uvcvideo") else { return };
    let rig = rig.as_ref();
    let binding = Binding::of(path(rig));
    let keep = |value: &str| {
        std::fs::write(NO_DROP, value).expect("the driver has that parameter");
        binding.unbind();
        binding.bind();
    };
    keep("1");
    b41_erroneous_images_are_marked(rig).expect("frames can be damaged on demand");
    keep("0");
}

/// Another program's wish, in other pixels of another size.
fn meddle(rig: &dyn DriverRig, size: Size) -> pinhole::Result<()> {
    let mut node = node(rig);
    let Ok(NodeFormat::Image(image)) = node.format() else { panic!("it is a node for pictures") };
    let wanted = ImageFormat { format: PixelFormat::Uyvy, size, stride_bytes: 0, size_bytes: 0, ..image };
    node.set_format(NodeFormat::Image(wanted)).map(drop)
}

/// Catches: pictures in another format than the application was promised.
#[test]
fn a_format_that_another_program_sets_does_not_reach_the_application() {
    let _alone = alone();
    let Some(rig) = rig("vivid") else { return };
    let rig = rig.as_ref();
    let bench = bench(rig, 1);
    for size in [Size::new(160, 90), Size::new(640, 360)] {
        let mut camera = bench.camera();
        let wanted = bench.configure(&mut camera, &[Role::Video]).streams[0].clone();
        let stream = streams(&camera)[0];
        meddle(rig, size).expect("nobody has buffers");
        let requests = requests(&mut camera, 3);
        meddle(rig, size).expect("nobody has buffers any more");
        let mut run = bench.start(camera);
        run.queue_all(requests);
        let error = meddle(rig, size).expect_err("its buffers are in use");
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        let Ok(NodeFormat::Image(set)) = node(rig).format() else { panic!("it is a node for pictures") };
        assert_eq!((set.format, set.size), (wanted.format, wanted.size));
        assert_eq!(run.complete().info(stream).bytes_used, wanted.frame_bytes);
        drop(run.stop());
    }
}
