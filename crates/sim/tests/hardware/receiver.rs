//! Frames as they come in.

use crate::rig::{EBUSY, EINVAL, Rig, errno};
use pinhole_base::Timestamp;
use pinhole_device::uapi::control_codes as codes;
use pinhole_device::{ControlCode, ControlWrite, Interest, NodeEvent, Payload};
use pinhole_sim::{CameraConfig, Happening, Role, STAMP_BYTES, SimulatorConfig, Stamp};
use std::time::Duration;

const LINE_NS: u64 = 3448 * 1_000_000_000 / 182_400_000;

fn set(rig: &mut Rig, code: ControlCode, value: i64) {
    rig.sensor.set_controls(&[ControlWrite { code, value: Payload::Integer(value) }]).unwrap();
}

fn event(rig: &mut Rig) -> Option<(u32, Timestamp)> {
    let NodeEvent::FrameStart { sequence, timestamp } = rig.node(Role::Image).dequeue_event().unwrap()?
    else {
        panic!("no frame start");
    };
    Some((sequence, timestamp))
}

#[test]
fn sequences_count_from_zero_at_each_start() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(3);
    for _ in 0..2 {
        for sequence in 0..3 {
            assert_eq!(rig.next(Role::Image).sequence, sequence);
            assert_eq!(rig.next(Role::Embedded).sequence, sequence);
        }
        for role in [Role::Image, Role::Embedded] {
            rig.node(role).stream_off().unwrap();
            rig.port(role).start();
        }
    }
}

#[test]
fn buffers_are_filled_in_the_order_in_which_they_were_queued() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(3);
    let slots: Vec<_> = (0..3).map(|_| rig.next(Role::Image).slot).collect();
    assert_eq!(slots, [0, 1, 2]);
    for slot in [1, 2, 0] {
        rig.port(Role::Image).queue(slot).unwrap();
    }
    let slots: Vec<_> = (0..3).map(|_| rig.next(Role::Image).slot).collect();
    assert_eq!(slots, [1, 2, 0]);
}

#[test]
fn image_and_embedded_data_have_one_timestamp_that_of_the_frames_start() {
    let mut rig = Rig::for_tests();
    rig.node(Role::Image).subscribe_frame_start(true).unwrap();
    rig.start_receiver(3);
    for _ in 0..3 {
        let image = rig.next(Role::Image);
        assert_eq!(rig.next(Role::Embedded).timestamp, image.timestamp);
        assert_eq!(event(&mut rig), Some((image.sequence, image.timestamp)));
        let readout_ns = rig.now().since(image.timestamp).as_nanos() as u64;
        assert!(readout_ns.abs_diff(480 * LINE_NS) < 10_000, "{readout_ns}");
    }
}

#[test]
fn frames_follow_each_other_by_the_frame_length() {
    let mut rig = Rig::for_tests();
    set(&mut rig, codes::VBLANK, 520);
    rig.start_receiver(3);
    let times: Vec<_> = (0..3).map(|_| rig.next(Role::Image).timestamp).collect();
    let apart = times[2].since(times[1]).as_nanos() as u64;
    assert!(apart.abs_diff(1000 * LINE_NS) < 20_000, "{apart}");
    assert_eq!(times[1].since(times[0]), times[2].since(times[1]));
}

#[test]
fn a_frame_without_a_buffer_is_lost_and_counts() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(1);
    assert_eq!(rig.next(Role::Image).sequence, 0);
    rig.pass(Duration::from_millis(100));
    rig.port(Role::Image).queue(0).unwrap();
    let next = rig.next(Role::Image).sequence;
    assert!(next >= 3, "{next}");
    assert_eq!(rig.control.counters().images_dropped, u64::from(next - 1));
}

#[test]
fn a_buffer_that_is_being_filled_comes_back_unfilled() {
    let mut rig = Rig::for_tests();
    rig.node(Role::Image).subscribe_frame_start(true).unwrap();
    rig.start_receiver(1);
    let ready = rig.wait(Role::Image, Interest { buffers: false, events: true }, Duration::from_secs(1));
    assert!(ready.unwrap().events);
    rig.node(Role::Image).stream_off().unwrap();
    rig.pass(Duration::from_millis(100));
    assert_eq!(Stamp::from_bytes(&rig.port(Role::Image).read::<STAMP_BYTES>(0)), None);
    rig.audit();
}

#[test]
fn frame_starts_come_only_to_subscribers_and_the_newest_are_kept() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(2);
    rig.next(Role::Image);
    assert_eq!(event(&mut rig), None);
    rig.node(Role::Image).subscribe_frame_start(true).unwrap();
    rig.pass(Duration::from_millis(200));
    let first = event(&mut rig).unwrap().0;
    assert_eq!(event(&mut rig).unwrap().0, first + 1);
    assert_eq!(event(&mut rig), None);
    assert!(first > 3);
    rig.node(Role::Image).subscribe_frame_start(false).unwrap();
    assert_eq!(errno(rig.node(Role::Embedded).subscribe_frame_start(true)), EINVAL);
}

#[test]
fn the_sensor_waits_for_a_first_buffer_and_for_the_embedded_node() {
    let mut rig = Rig::for_tests();
    rig.port(Role::Image).make_buffers(1);
    rig.port(Role::Embedded).make_buffers(1);
    rig.node(Role::Image).stream_on().unwrap();
    rig.pass(Duration::from_secs(1));
    rig.port(Role::Image).queue(0).unwrap();
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.control.counters().frames, 0);
    rig.port(Role::Embedded).start();
    assert_eq!(rig.next(Role::Image).sequence, 0);
    assert_eq!(rig.next(Role::Embedded).sequence, 0);
}

#[test]
fn the_sensor_does_not_wait_for_an_embedded_node_that_nobody_has_open() {
    let mut rig = Rig::for_tests();
    rig.close(Role::Embedded);
    rig.start_receiver(1);
    assert_eq!(rig.next(Role::Image).sequence, 0);
    let plain = CameraConfig::imx219().without_embedded();
    let mut rig = Rig::new(SimulatorConfig::for_tests().with_cameras([plain]));
    rig.start_receiver(1);
    assert_eq!(rig.next(Role::Image).sequence, 0);
}

/// Exposure lines and gain codes of the next frames.
fn settings(rig: &mut Rig, frames: usize) -> Vec<(u32, u32)> {
    let mut seen = Vec::new();
    for _ in 0..frames {
        let slot = rig.next(Role::Image).slot;
        let stamp = Stamp::from_bytes(&rig.port(Role::Image).read::<STAMP_BYTES>(slot)).unwrap();
        seen.push((stamp.exposure_lines, stamp.gain_code));
        rig.port(Role::Image).queue(slot).unwrap();
    }
    seen
}

#[test]
fn controls_written_during_a_frame_take_effect_after_their_delays() {
    for (camera, expected) in [
        (CameraConfig::imx219(), [(100, 10), (100, 50), (200, 50), (200, 50)]),
        (CameraConfig::imx477(), [(100, 10), (100, 10), (200, 50), (200, 50)]),
    ] {
        let mut rig = Rig::new(SimulatorConfig::for_tests().with_cameras([camera.without_embedded()]));
        fit_node_to_sensor(&mut rig);
        set(&mut rig, codes::EXPOSURE, 100);
        set(&mut rig, codes::ANALOGUE_GAIN, 10);
        rig.node(Role::Image).subscribe_frame_start(true).unwrap();
        rig.start_receiver(4);
        rig.wait(Role::Image, Interest { buffers: false, events: true }, Duration::from_secs(1)).unwrap();
        assert_eq!(event(&mut rig).unwrap().0, 0);
        set(&mut rig, codes::EXPOSURE, 200);
        set(&mut rig, codes::ANALOGUE_GAIN, 50);
        assert_eq!(settings(&mut rig, 4), expected);
    }
}

fn fit_node_to_sensor(rig: &mut Rig) {
    let sent = rig.sensor.format(0).unwrap();
    let name = if sent.code == 0x3012 { "SRGGB12_CSI2P" } else { "SRGGB10_CSI2P" };
    let format = crate::rig::image_format(name, sent.size.width, sent.size.height);
    rig.node(Role::Image).set_format(format).unwrap();
}

#[test]
fn embedded_data_hold_the_registers_of_their_frame() {
    let mut rig = Rig::for_tests();
    set(&mut rig, codes::EXPOSURE, 0x123);
    set(&mut rig, codes::ANALOGUE_GAIN, 0x45);
    rig.start_receiver(1);
    let embedded = rig.next(Role::Embedded);
    assert_eq!(embedded.bytes_used, [16384, 0, 0]);
    // A line of a 10-bit bus: every fifth byte is a filler.
    let expected = [0x0a, 0xaa, 0x01, 0xa5, 0x55, 0x57, 0x5a, 0x45, 0xaa, 0x55, 0x01, 0xa5, 0x5a, 0x5a, 0x55];
    let line = rig.port(Role::Embedded).read::<20>(0);
    assert_eq!(&line[..15], &expected);
    assert_eq!(&line[15..19], &[0x01, 0x5a, 0x23, 0xaa]);
}

#[test]
fn the_sensors_format_and_flips_are_busy_while_frames_flow() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(1);
    let format = rig.sensor.format(0).unwrap();
    assert_eq!(errno(rig.sensor.set_format(0, format)), EBUSY);
    let flip = [ControlWrite { code: codes::VFLIP, value: Payload::Integer(1) }];
    assert_eq!(errno(rig.sensor.set_controls(&flip)), EBUSY);
    rig.node(Role::Image).stream_off().unwrap();
    rig.sensor.set_controls(&flip).unwrap();
    assert_eq!(rig.sensor.format(0).unwrap().code, 0x300e);
}

#[test]
fn the_log_tells_what_happened() {
    let mut rig = Rig::new(SimulatorConfig { keep_log: true, ..SimulatorConfig::for_tests() });
    rig.start_receiver(1);
    rig.next(Role::Embedded);
    let told: Vec<_> = rig.control.log().into_iter().map(|entry| entry.what).collect();
    assert!(matches!(
        told[..],
        [
            Happening::Queued(Role::Image, 0),
            Happening::StreamOn(Role::Image),
            Happening::Queued(Role::Embedded, 0),
            Happening::StreamOn(Role::Embedded),
            Happening::FrameStart { sequence: 0, .. },
            Happening::Completed { role: Role::Image, slot: 0, sequence: 0, error: false },
            Happening::Completed { role: Role::Embedded, slot: 0, sequence: 0, error: false },
        ]
    ));
}
