//! Runs of the ISP.

use crate::rig::{EINVAL, Rig, errno, read};
use pinhole_base::Timestamp;
use pinhole_device::uapi::bcm2835_isp::Statistics;
use pinhole_device::uapi::control_codes as codes;
use pinhole_device::{ControlWrite, Interest, Payload};
use pinhole_sim::{IspSpeed, Role, STAMP_BYTES, SimulatorConfig, Stamp};
use std::os::fd::AsFd;
use std::time::Duration;
use zerocopy::FromBytes;

const ALL: [Role; 4] = [Role::Input, Role::Output0, Role::Output1, Role::Statistics];

/// A rig whose receiver has filled a buffer, and whose ISP is ready for it.
fn with_a_frame() -> (Rig, pinhole_device::Dequeued) {
    let mut rig = Rig::for_tests();
    rig.start_receiver(2);
    rig.start_isp(2);
    let image = rig.next(Role::Image);
    (rig, image)
}

#[test]
fn a_frame_goes_by_hand_from_the_sensor_to_every_output() {
    let (mut rig, image) = with_a_frame();
    let raw = rig.port(Role::Image).read::<STAMP_BYTES>(image.slot);
    let stamp = Stamp::from_bytes(&raw).unwrap();
    assert_eq!((stamp.camera, stamp.sequence), (0, image.sequence));
    assert_eq!(Timestamp(stamp.timestamp_ns), image.timestamp);
    rig.queue_input(image.slot, image.timestamp);
    for role in ALL {
        let done = rig.next(role);
        assert_eq!((done.timestamp, done.sequence, done.error), (image.timestamp, 0, false));
    }
    // Not one byte of the raw frame was changed on its way.
    assert_eq!(rig.port(Role::Image).read::<STAMP_BYTES>(image.slot), raw);
    assert_eq!(rig.port(Role::Output0).read::<STAMP_BYTES>(0), raw);
    assert_eq!(rig.port(Role::Output1).read::<STAMP_BYTES>(0), raw);
    let statistics = read::<{ size_of::<Statistics>() }>(rig.port(Role::Statistics).fds[0].as_fd());
    let statistics = Statistics::read_from_bytes(&statistics).unwrap();
    assert!(statistics.size == 10824 && statistics.agc[0].g_sum > 0);
    rig.audit();
}

#[test]
fn a_run_waits_for_every_node_that_streams() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(1);
    rig.start_isp(1);
    let image = rig.next(Role::Image);
    rig.queue_input(image.slot, image.timestamp);
    rig.next(Role::Input);
    rig.next(Role::Output0);
    rig.next(Role::Output1);
    rig.queue_input(image.slot, image.timestamp);
    rig.port(Role::Output0).queue(0).unwrap();
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.control.counters().runs, 1);
    rig.port(Role::Output1).queue(0).unwrap();
    // The statistics node streams too, but its buffer was never dequeued.
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.control.counters().runs, 1);
    rig.next(Role::Statistics);
    rig.port(Role::Statistics).queue(0).unwrap();
    assert_eq!(rig.next(Role::Output0).sequence, 1);
}

#[test]
fn a_run_does_not_wait_for_nodes_that_do_not_stream() {
    let (mut rig, image) = with_a_frame();
    rig.node(Role::Output1).stream_off().unwrap();
    rig.queue_input(image.slot, image.timestamp);
    rig.next(Role::Output0);
    assert_eq!(errno(rig.node(Role::Output1).dequeue()), EINVAL);
}

#[test]
fn a_run_takes_its_time() {
    let isp = IspSpeed { base: Duration::from_millis(5), per_megapixel: Duration::from_millis(10) };
    let mut rig = Rig::new(SimulatorConfig { isp, ..SimulatorConfig::for_tests() });
    rig.start_receiver(1);
    rig.start_isp(1);
    let image = rig.next(Role::Image);
    let begun = rig.now();
    rig.queue_input(image.slot, image.timestamp);
    rig.next(Role::Output0);
    assert_eq!(rig.now().since(begun), Duration::from_nanos(5_000_000 + 3_072_000));
}

#[test]
fn stopping_a_capture_returns_its_buffers_and_lets_the_run_end() {
    let (mut rig, image) = with_a_frame();
    rig.queue_input(image.slot, image.timestamp);
    rig.node(Role::Output0).stream_off().unwrap();
    rig.next(Role::Input);
    rig.next(Role::Output1);
    assert_eq!(Stamp::from_bytes(&rig.port(Role::Output0).read::<STAMP_BYTES>(0)), None);
    rig.port(Role::Output0).queue_all();
    rig.audit();
}

#[test]
fn stopping_the_input_ends_the_run_and_leaves_the_captures_queued() {
    let (mut rig, image) = with_a_frame();
    rig.queue_input(image.slot, image.timestamp);
    rig.node(Role::Input).stream_off().unwrap();
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.node(Role::Output0).dequeue().unwrap(), None);
    rig.audit();
    rig.node(Role::Input).stream_on().unwrap();
    rig.queue_input(image.slot, image.timestamp);
    assert_eq!(rig.next(Role::Output0).slot, 0);
    assert_eq!(rig.next(Role::Input).sequence, 0);
}

#[test]
fn frames_that_wait_are_processed_in_order() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(3);
    rig.start_isp(3);
    let images: Vec<_> = (0..3).map(|_| rig.next(Role::Image)).collect();
    for image in &images {
        rig.queue_input(image.slot, image.timestamp);
    }
    for (sequence, image) in images.iter().enumerate() {
        let done = rig.next(Role::Output0);
        assert_eq!((done.sequence, done.timestamp), (sequence as u32, image.timestamp));
    }
}

#[test]
fn the_isp_has_its_controls_at_the_input() {
    let mut rig = Rig::for_tests();
    assert_eq!(rig.node(Role::Input).query_controls().unwrap().len(), 12);
    assert!(rig.node(Role::Output0).query_controls().unwrap().is_empty());
    let gain = |value| [ControlWrite { code: codes::RED_BALANCE, value: Payload::Integer(value) }];
    rig.node(Role::Input).set_controls(&gain(1500)).unwrap();
    assert_eq!(rig.node(Role::Input).control(codes::RED_BALANCE).unwrap(), 1500);
    assert_eq!(errno(rig.node(Role::Output0).set_controls(&gain(1500))), EINVAL);
    let short = [ControlWrite { code: codes::ISP_GAMMA, value: Payload::Compound(&[0; 135]) }];
    assert_eq!(errno(rig.node(Role::Input).set_controls(&short)), EINVAL);
}

#[test]
fn statistics_are_brighter_with_more_gain() {
    let green = |gain: i64| {
        let mut rig = Rig::for_tests();
        let write = ControlWrite { code: codes::ANALOGUE_GAIN, value: Payload::Integer(gain) };
        let exposure = ControlWrite { code: codes::EXPOSURE, value: Payload::Integer(100) };
        rig.sensor.set_controls(&[write, exposure]).unwrap();
        rig.start_receiver(1);
        rig.start_isp(1);
        let image = rig.next(Role::Image);
        rig.queue_input(image.slot, image.timestamp);
        rig.next(Role::Statistics);
        let bytes = read::<{ size_of::<Statistics>() }>(rig.port(Role::Statistics).fds[0].as_fd());
        Statistics::read_from_bytes(&bytes).unwrap().agc[7].g_sum as f64
    };
    assert!((green(128) / green(0) - 2.0).abs() < 0.01);
}

#[test]
fn buffers_that_complete_together_are_reported_together() {
    let (mut rig, image) = with_a_frame();
    let mut poller = rig.provider.poller().unwrap();
    for role in ALL {
        let interest = Interest { buffers: true, events: false };
        poller.watch(rig.node(role).poll_source(), role as u16, interest).unwrap();
    }
    rig.queue_input(image.slot, image.timestamp);
    let mut ready = Vec::new();
    poller.wait(None, &mut ready).unwrap();
    let keys: Vec<_> = ready.iter().map(|ready| ready.key).collect();
    assert_eq!(keys, ALL.map(|role| role as u16));
}
