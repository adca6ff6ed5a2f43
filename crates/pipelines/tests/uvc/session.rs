//! Whole sessions on a modelled device.

use crate::device::{FRAME, Machines, Shared, camera, listed, lock, offer, webcam, with_offers};
use pinhole_base::control::{
    BRIGHTNESS, CONTROLS_APPLIED_BY, EXPOSURE_TIME, FRAME_DURATION_LIMITS, FRAME_ERROR,
};
use pinhole_base::format::PixelFormat;
use pinhole_base::{ErrorKind, Timestamp};
use pinhole_camera::config::Role;
use pinhole_camera::drops::DropCause;
use pinhole_camera::handle::{Camera, Cameras};
use pinhole_camera::request::RequestStatus;
use pinhole_camera::session::{Driver, Session};
use pinhole_device::NodeEvent;
use pinhole_device::uapi::control_codes as code;
use pinhole_pipelines::discover;
use std::sync::Arc;
use std::time::Duration;

fn acquired(hardware: &Shared) -> Camera {
    let mut camera = camera(hardware);
    camera.set_driver(Driver::Caller);
    camera
}

fn started(hardware: &Shared, role: Role) -> Session {
    let camera = acquired(hardware);
    let configuration = camera.propose([role]).unwrap();
    camera.start(configuration).unwrap()
}

#[test]
fn frames_flow_and_their_buffers_go_round() {
    let hardware = webcam();
    let mut session = started(&hardware, Role::Viewfinder);
    for sequence in 0..20 {
        let frame = session.next().unwrap().unwrap();
        assert_eq!((frame.sequence(), frame.metadata().get(FRAME_ERROR)), (sequence, Some(false)));
        let info = frame.stream(Role::Viewfinder).unwrap().info();
        assert_eq!(
            (info.bytes_used, info.timestamp),
            (640 * 480 * 2, Timestamp::ZERO + FRAME * (sequence + 1))
        );
        session.backend().unwrap().audit();
    }
    let stopped = session.stop();
    assert!(stopped.failure.is_none() && stopped.requests.len() == 4);
    assert_eq!(stopped.drops.iter().count(), 0, "{}", stopped.drops);
    let mut again = stopped.camera.start_requests().unwrap();
    again.turn(Some(Timestamp(u64::MAX / 2)));
    assert!(!again.is_closed(), "nothing is due without requests");
}

#[test]
fn compressed_frames_are_as_long_as_they_are_but_not_empty() {
    let hardware = with_offers(vec![offer(PixelFormat::Mjpeg, &[(640, 480)], &[30])]);
    let mut session = started(&hardware, Role::Video);
    for (bytes, damaged) in [(640 * 480, false), (96, false), (95, true), (0, true)] {
        lock(&hardware).short_bytes = 640 * 480 - bytes;
        let frame = session.next().unwrap().unwrap();
        assert_eq!(frame.metadata().get(FRAME_ERROR), Some(damaged), "{bytes} bytes");
        let info = frame.stream(Role::Video).unwrap().info();
        assert_eq!((info.bytes_used, info.error), (bytes, damaged));
    }
}

#[test]
fn a_camera_that_is_unplugged_cancels_all_and_says_so_once() {
    let hardware = webcam();
    let mut session = started(&hardware, Role::Video);
    session.next().unwrap().unwrap();
    lock(&hardware).gone = true;
    let mut cancelled = 0;
    let error = loop {
        match session.next_request() {
            Ok(request) => {
                assert_eq!(request.unwrap().status(), RequestStatus::Cancelled);
                cancelled += 1;
            }
            Err(error) => break error,
        }
    };
    assert_eq!((error.kind(), cancelled), (ErrorKind::Disconnected, 4));
    assert!(session.next().unwrap().is_none());
    let camera = session.stop().camera;
    assert_eq!(camera.propose([Role::Video]).unwrap_err().kind(), ErrorKind::Disconnected);
}

#[test]
fn a_silent_camera_is_reported_and_starts_again() {
    let hardware = webcam();
    let mut session = started(&hardware, Role::Video);
    session.next().unwrap().unwrap();
    lock(&hardware).silent = true;
    let before = lock(&hardware).now;
    let error = session.next().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(lock(&hardware).now.since(before), Duration::from_secs(1));
    lock(&hardware).silent = false;
    let camera = session.stop().camera;
    let configuration = camera.configuration().unwrap().clone();
    let mut session = camera.start(configuration).unwrap();
    assert_eq!(session.next().unwrap().unwrap().sequence(), 0);
}

#[test]
fn start_controls_are_in_force_from_the_first_frame_on() {
    let hardware = webcam();
    lock(&hardware).add_control(code::BRIGHTNESS, [0, 100, 200]);
    let mut camera = acquired(&hardware);
    camera.controls_mut().set(BRIGHTNESS, 0.5).set(FRAME_DURATION_LIMITS, [60_000.0, 70_000.0]);
    let configuration = camera.propose([Role::Viewfinder]).unwrap();
    let mut session = camera.start(configuration).unwrap();
    assert_eq!(lock(&hardware).values[&code::BRIGHTNESS.0], 150);
    assert_eq!(lock(&hardware).interval.map(|interval| interval.denominator), Some(15));
    let frame = session.next().unwrap().unwrap();
    assert_eq!(frame.metadata().get(BRIGHTNESS), Some(0.5));
    let [least, most] = frame.metadata().get(FRAME_DURATION_LIMITS).unwrap();
    assert!((least - 66_667.0).abs() < 1.0 && least.to_bits() == most.to_bits(), "{least} {most}");
}

#[test]
fn controls_of_a_frame_are_written_before_it_and_changes_are_told() {
    let hardware = webcam();
    lock(&hardware).add_control(code::BRIGHTNESS, [0, 100, 200]);
    lock(&hardware).add_control(code::EXPOSURE_ABSOLUTE, [1, 10, 100]);
    let mut session = started(&hardware, Role::Viewfinder);
    let mut wanted = pinhole_base::control::ControlList::new();
    wanted.set(BRIGHTNESS, -1.0);
    session.set_controls(&wanted);
    let brightness: Vec<_> = (0..6)
        .map(|_| {
            let frame = session.next().unwrap().unwrap();
            (frame.metadata().get(BRIGHTNESS), frame.metadata().get(CONTROLS_APPLIED_BY))
        })
        .collect();
    let (normal, dark) = ((Some(0.0), Some(-1)), (Some(-1.0), Some(4)));
    assert_eq!(brightness, [normal, normal, normal, normal, dark, dark], "three were queued before it");
    assert_eq!(lock(&hardware).written.len(), 1);
    lock(&hardware).events.push_back(NodeEvent::ControlChanged { code: code::EXPOSURE_ABSOLUTE, value: 50 });
    assert_eq!(session.next().unwrap().unwrap().metadata().get(EXPOSURE_TIME), Some(5000));
}

#[test]
fn refused_controls_are_counted_and_frames_flow_on() {
    let hardware = webcam();
    lock(&hardware).add_control(code::BRIGHTNESS, [0, 100, 200]);
    let mut session = started(&hardware, Role::Viewfinder);
    lock(&hardware).refuses_controls = true;
    let mut wanted = pinhole_base::control::ControlList::new();
    wanted.set(BRIGHTNESS, 1.0);
    session.set_controls(&wanted);
    let last = (0..8).map(|_| session.next().unwrap().unwrap()).last().unwrap();
    assert_eq!(last.metadata().get(BRIGHTNESS), Some(0.0), "it is as it was");
    drop(last);
    assert_eq!(session.stop().drops.of(DropCause::Refused), 1);
}

#[test]
fn a_start_that_fails_leaves_nothing_behind() {
    let hardware = webcam();
    lock(&hardware).add_control(code::BRIGHTNESS, [0, 100, 200]);
    lock(&hardware).refuses_controls = true;
    let mut camera = acquired(&hardware);
    camera.controls_mut().set(BRIGHTNESS, 0.5);
    let configuration = camera.propose([Role::Video]).unwrap();
    let failed = camera.start(configuration.clone()).err().unwrap();
    assert_eq!(failed.error.kind(), ErrorKind::InvalidArgument);
    lock(&hardware).refuses_controls = false;
    let mut session = failed.camera.start(configuration).unwrap();
    assert!(session.next().unwrap().is_some());
}

#[test]
fn several_cameras_run_at_once() {
    let hardware = [webcam(), webcam()];
    let node = |at: usize| {
        (listed(&format!("/dev/video{at}"), "cam", &format!("1-{at}"), 0), Arc::clone(&hardware[at]))
    };
    let cameras = Cameras::new(discover(&Machines::shared(vec![node(0), node(1)]), None).cameras);
    let mut sessions: Vec<_> = cameras
        .iter()
        .map(|entry| {
            let mut camera = entry.acquire().unwrap();
            camera.set_driver(Driver::Caller);
            let configuration = camera.propose([Role::Video]).unwrap();
            camera.start(configuration).unwrap()
        })
        .collect();
    for sequence in 0..5 {
        for session in &mut sessions {
            assert_eq!(session.next().unwrap().unwrap().sequence(), sequence);
        }
    }
    lock(&hardware[0]).gone = true;
    while sessions[0].next().is_ok_and(|frame| frame.is_some()) {}
    assert_eq!(sessions[1].next().unwrap().unwrap().sequence(), 5, "the other is not disturbed");
}
