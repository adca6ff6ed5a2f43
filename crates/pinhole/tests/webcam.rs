//! The testbed's USB camera, under the kernel's own driver: what the CPU makes of its JPEGs, and
//! what is told when its plug is pulled. Where there is none, that is said; with
//! `PINHOLE_DRIVERS` set it is a failure.

use pinhole::control::{CPU_CONVERTED, FRAME_ERROR};
use pinhole::format::PixelFormat;
use pinhole::geometry::Size;
use pinhole::{CameraEntry, CameraEvent, ErrorKind, Role, Session, Watch};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// Where the camera takes orders.
const ORDERS: &str = "/run/usb-camera-0";

/// Longer than plugging a camera in takes on a slow machine.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(30));

/// One test at a time has the camera.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Whether there is the camera.
fn is_here() -> bool {
    let here = std::path::Path::new(ORDERS).exists();
    assert!(here || std::env::var_os("PINHOLE_DRIVERS").is_none(), "there is no {ORDERS}");
    if !here {
        println!("not tested: there is no {ORDERS}");
    }
    here
}

fn order(text: &str) {
    std::fs::write(ORDERS, format!("{text}\n")).expect("the camera takes orders");
}

/// Waits for an event of the camera of that name, or of any.
fn expect(watch: &mut Watch, added: bool, id: Option<&str>) -> CameraEntry {
    loop {
        let event = watch.next(PATIENCE).expect("a watch").expect("the camera comes and goes");
        let (is_added, entry) = match event {
            CameraEvent::Added(entry) => (true, entry),
            CameraEvent::Removed(entry) => (false, entry),
        };
        if is_added == added && id.is_none_or(|id| entry.info().id == id) {
            return entry;
        }
    }
}

fn start(entry: &CameraEntry, format: Option<PixelFormat>) -> Session {
    let camera = entry.acquire().expect("nobody has it");
    let mut configuration = camera.propose([Role::Video]).expect("a webcam has video");
    if let Some(format) = format {
        configuration.streams[0].format = format;
        configuration.streams[0].size = Size::new(1280, 720);
        camera.validate(&mut configuration).expect("a configuration");
        assert_eq!(configuration.streams[0].converted_from, Some(PixelFormat::Mjpeg));
    }
    camera.start(configuration).expect("it starts")
}

/// The bars that the camera shows go from light grey on the left to black on the right.
#[test]
fn jpegs_are_decoded_on_request() {
    let _turn = turn();
    if !is_here() {
        return;
    }
    let mut watch = Watch::new().expect("a watch");
    let mut session = start(&expect(&mut watch, true, None), Some(PixelFormat::Nv12));
    for _ in 0..10 {
        let frame = session.next().expect("frames").expect("frames");
        let metadata = frame.metadata();
        assert_eq!((metadata.get(CPU_CONVERTED), metadata.get(FRAME_ERROR)), (Some(true), Some(false)));
        let stream = frame.stream(Role::Video).expect("the stream");
        let view = stream.map().expect("a view");
        let row = &view.plane(0)[1280 * 200..1280 * 201];
        assert!(row[20].abs_diff(191) < 8 && row[1260] < 8, "{} … {}", row[20], row[1260]);
    }
}

#[test]
fn a_camera_that_is_unplugged_is_told_of_and_works_when_it_is_back() {
    let _turn = turn();
    if !is_here() {
        return;
    }
    let mut watch = Watch::new().expect("a watch");
    let entry = expect(&mut watch, true, None);
    let id = entry.info().id.clone();
    let mut session = start(&entry, None);
    session.next().expect("frames").expect("frames");
    order("unplug");
    let error = loop {
        if let Err(error) = session.next() {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    drop(session);
    expect(&mut watch, false, Some(&id));
    assert!(watch.cameras().get(&id).is_err(), "it is listed no more");
    assert!(entry.acquire().is_err(), "its old entry is void");
    order("plug");
    let mut session = start(&expect(&mut watch, true, Some(&id)), None);
    session.next().expect("frames").expect("frames");
}
