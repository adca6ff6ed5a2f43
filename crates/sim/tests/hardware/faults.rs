//! Each fault by itself: what it does, and that it is counted when it has happened.

use crate::rig::{EIO, Rig, errno};
use pinhole_device::{ControlWrite, Dequeued};
use pinhole_sim::{Call, Fault, FaultKind, Pixels, Role, STAMP_BYTES, SimulatorConfig, Stamp, Target};
use std::time::Duration;

const LATE: Duration = Duration::from_millis(50);

/// A rig with four buffers a node, in which the frame with sequence 1 has a fault.
fn with(fault: Fault) -> Rig {
    let mut rig = Rig::for_tests();
    rig.inject_after(1, fault);
    rig.start_receiver(4);
    rig
}

fn count(rig: &Rig, kind: FaultKind) -> u64 {
    rig.control.counters().faults(kind)
}

fn sequences(rig: &mut Rig, role: Role, frames: usize) -> Vec<u32> {
    (0..frames).map(|_| rig.next(role).sequence).collect()
}

/// The frame with sequence 1.
fn second(rig: &mut Rig, role: Role) -> Dequeued {
    rig.next(role);
    rig.next(role)
}

#[test]
fn a_lost_image() {
    let mut rig = with(Fault::LoseImage);
    assert_eq!(sequences(&mut rig, Role::Image, 3), [0, 2, 3]);
    assert_eq!(sequences(&mut rig, Role::Embedded, 3), [0, 1, 2]);
    assert_eq!(count(&rig, FaultKind::LostImage), 1);
    assert_eq!(rig.control.counters().images_dropped, 0);
}

#[test]
fn lost_embedded_data() {
    let mut rig = with(Fault::LoseEmbedded);
    assert_eq!(sequences(&mut rig, Role::Image, 3), [0, 1, 2]);
    assert_eq!(sequences(&mut rig, Role::Embedded, 3), [0, 2, 3]);
    assert_eq!(count(&rig, FaultKind::LostEmbedded), 1);
}

#[test]
fn a_frame_lost_whole_is_one_fault() {
    let mut rig = with(Fault::LoseFrame);
    assert_eq!(sequences(&mut rig, Role::Image, 2), [0, 2]);
    assert_eq!(sequences(&mut rig, Role::Embedded, 2), [0, 2]);
    assert_eq!(count(&rig, FaultKind::LostFrame), 1);
}

#[test]
fn nothing_to_lose_is_no_fault() {
    let mut rig = Rig::for_tests();
    rig.inject_after(1, Fault::LoseImage);
    rig.start_receiver(1);
    rig.pass(Duration::from_secs(1));
    assert_eq!(count(&rig, FaultKind::LostImage), 0);
}

#[test]
fn a_late_frame() {
    let mut rig = with(Fault::DelayFrame { by: LATE });
    rig.next(Role::Image);
    let third = rig.next(Role::Image);
    assert_eq!((third.sequence, rig.next(Role::Image).sequence), (2, 1));
    assert_eq!(count(&rig, FaultKind::LateFrame), 1);
}

#[test]
fn a_reordered_frame() {
    let mut rig = with(Fault::ReorderFrame { by: Duration::from_millis(5) });
    let embedded = second(&mut rig, Role::Embedded);
    rig.next(Role::Image);
    assert_eq!(rig.port(Role::Image).dequeue(), None);
    let image = rig.next(Role::Image);
    assert_eq!((image.sequence, image.timestamp), (embedded.sequence, embedded.timestamp));
    assert_eq!(count(&rig, FaultKind::ReorderedFrame), 1);
}

#[test]
fn a_duplicated_frame() {
    let mut rig = with(Fault::DuplicateFrame);
    let images: Vec<_> = (0..4).map(|_| rig.next(Role::Image)).collect();
    assert_eq!(images.iter().map(|image| image.sequence).collect::<Vec<_>>(), [0, 1, 1, 2]);
    assert_eq!(images[1].timestamp, images[2].timestamp);
    assert_ne!(images[1].slot, images[2].slot);
    assert_eq!(rig.port(Role::Image).read::<STAMP_BYTES>(1), rig.port(Role::Image).read::<STAMP_BYTES>(2));
    assert_eq!(sequences(&mut rig, Role::Embedded, 3), [0, 1, 1]);
    assert_eq!(count(&rig, FaultKind::DuplicatedFrame), 1);
}

#[test]
fn a_corrupt_image() {
    let mut rig = with(Fault::CorruptImage);
    let image = second(&mut rig, Role::Image);
    assert!(image.error);
    assert_eq!(Stamp::from_bytes(&rig.port(Role::Image).read::<STAMP_BYTES>(image.slot)), None);
    assert!(!second(&mut rig, Role::Embedded).error);
    assert_eq!(count(&rig, FaultKind::CorruptImage), 1);
}

#[test]
fn flags_on_either_buffer() {
    let mut rig = with(Fault::FlagImage);
    let image = second(&mut rig, Role::Image);
    assert!(
        image.error && Stamp::from_bytes(&rig.port(Role::Image).read::<STAMP_BYTES>(image.slot)).is_some()
    );
    let mut rig = with(Fault::FlagEmbedded);
    assert!(second(&mut rig, Role::Embedded).error);
    assert!(!second(&mut rig, Role::Image).error);
    assert_eq!(count(&rig, FaultKind::FlaggedEmbedded), 1);
}

#[test]
fn empty_and_corrupt_embedded_data() {
    let mut rig = with(Fault::EmptyEmbedded);
    let embedded = second(&mut rig, Role::Embedded);
    assert_eq!((embedded.bytes_used[0], embedded.error), (0, false));
    let mut rig = with(Fault::CorruptEmbedded);
    let good = rig.next(Role::Embedded);
    let bad = rig.next(Role::Embedded);
    let line = |rig: &mut Rig, slot| rig.port(Role::Embedded).read::<16>(slot);
    assert_ne!(line(&mut rig, good.slot), line(&mut rig, bad.slot));
    assert_eq!((bad.bytes_used[0], bad.error), (16384, false));
    assert_eq!(count(&rig, FaultKind::CorruptEmbedded), 1);
}

#[test]
fn unequal_timestamps() {
    let mut rig = with(Fault::ShiftTimestamp { by: Duration::from_micros(3) });
    let (image, embedded) = (second(&mut rig, Role::Image), second(&mut rig, Role::Embedded));
    assert_eq!(embedded.timestamp.since(image.timestamp), Duration::from_micros(3));
    assert_eq!(count(&rig, FaultKind::UnequalTimestamps), 1);
}

#[test]
fn a_gap_in_the_sequence() {
    let mut rig = with(Fault::SkipSequence { frames: 5 });
    assert_eq!(sequences(&mut rig, Role::Image, 3), [0, 6, 7]);
    assert_eq!(count(&rig, FaultKind::SequenceGap), 1);
}

#[test]
fn a_silent_sensor_comes_back_or_has_to_be_restarted() {
    let mut rig = with(Fault::Silence { frames: Some(30) });
    rig.next(Role::Image);
    let before = rig.now();
    assert_eq!(rig.next(Role::Image).sequence, 1);
    assert!(rig.now().since(before) > Duration::from_secs(1));
    assert_eq!(count(&rig, FaultKind::SilentSensor), 30);

    let mut rig = with(Fault::Silence { frames: None });
    rig.next(Role::Image);
    assert_eq!(rig.within(Role::Image, Duration::from_secs(60)), None);
    for role in [Role::Image, Role::Embedded] {
        rig.node(role).stream_off().unwrap();
        rig.port(role).start();
    }
    assert_eq!(rig.next(Role::Image).sequence, 0);
}

/// A rig in which a frame is on its way through the ISP, with a fault.
fn processing(fault: Fault) -> (Rig, Dequeued) {
    let mut rig = Rig::for_tests();
    rig.inject(fault);
    rig.start_receiver(2);
    rig.start_isp(2);
    let image = rig.next(Role::Image);
    rig.queue_input(image.slot, image.timestamp);
    (rig, image)
}

#[test]
fn a_slow_isp() {
    let (mut rig, _) = processing(Fault::SlowIsp { by: LATE });
    assert_eq!(rig.within(Role::Output0, LATE), None);
    rig.next(Role::Output0);
    assert_eq!(count(&rig, FaultKind::SlowIsp), 1);
}

#[test]
fn a_stuck_isp_is_freed_by_stopping_its_input() {
    let (mut rig, image) = processing(Fault::StickIsp);
    assert_eq!(rig.within(Role::Output0, Duration::from_secs(60)), None);
    rig.node(Role::Input).stream_off().unwrap();
    rig.node(Role::Input).stream_on().unwrap();
    rig.queue_input(image.slot, image.timestamp);
    rig.next(Role::Output0);
    assert_eq!(count(&rig, FaultKind::StuckIsp), 1);
}

#[test]
fn reordered_outputs() {
    let by = Duration::from_millis(2);
    let (mut rig, _) = processing(Fault::ReorderOutputs { by });
    rig.next(Role::Statistics);
    let first = rig.now();
    assert_eq!(rig.port(Role::Output1).dequeue(), None);
    for (role, late) in [(Role::Output1, by), (Role::Output0, 2 * by), (Role::Input, 3 * by)] {
        rig.next(role);
        assert_eq!(rig.now().since(first), late);
    }
    assert_eq!(count(&rig, FaultKind::ReorderedOutputs), 1);
}

#[test]
fn a_flag_on_any_buffer_of_the_isp() {
    for flagged in Role::ISP {
        let (mut rig, _) = processing(Fault::FlagOutput(flagged));
        for role in Role::ISP {
            assert_eq!(rig.next(role).error, role == flagged);
        }
        assert_eq!(count(&rig, FaultKind::FlaggedOutput), 1);
    }
}

fn fail(call: Call, target: Target) -> Fault {
    Fault::FailCall { call, target: Some(target), errno: EIO }
}

#[test]
fn any_call_to_a_node_can_fail() {
    let node = Target::Node(Role::Image);
    let mut rig = Rig::for_tests();
    rig.port(Role::Image).make_buffers(1);
    let mut failing = |call, act: &mut dyn FnMut(&mut Rig) -> pinhole_base::Result<()>| {
        rig.inject(fail(call, node));
        assert_eq!(errno(act(&mut rig)), EIO, "{call}");
    };
    failing(Call::Open, &mut |rig| rig.provider.video_node("/dev/video0").map(drop));
    failing(Call::Queue, &mut |rig| rig.port(Role::Image).queue(0));
    failing(Call::StreamOn, &mut |rig| rig.node(Role::Image).stream_on());
    failing(Call::Dequeue, &mut |rig| rig.node(Role::Image).dequeue().map(drop));
    failing(Call::DequeueEvent, &mut |rig| rig.node(Role::Image).dequeue_event().map(drop));
    failing(Call::Subscribe, &mut |rig| rig.node(Role::Image).subscribe_frame_start(true));
    failing(Call::StreamOff, &mut |rig| rig.node(Role::Image).stream_off());
    failing(Call::Free, &mut |rig| rig.node(Role::Image).free());
    failing(Call::Import, &mut |rig| rig.node(Role::Image).import(1).map(drop));
    failing(Call::Allocate, &mut |rig| rig.node(Role::Image).allocate(1).map(drop));
    failing(Call::Export, &mut |rig| rig.node(Role::Image).export(0).map(drop));
    failing(Call::Describe, &mut |rig| rig.node(Role::Image).format().map(drop));
    failing(Call::QueryControls, &mut |rig| rig.node(Role::Image).query_controls().map(drop));
    let format = crate::rig::image_format("SRGGB10", 64, 64);
    failing(Call::TryFormat, &mut |rig| rig.node(Role::Image).try_format(format).map(drop));
    failing(Call::SetFormat, &mut |rig| rig.node(Role::Image).set_format(format).map(drop));
    assert_eq!(count(&rig, FaultKind::FailedCall), 15);
}

#[test]
fn calls_to_the_sensor_the_heap_and_media_devices_can_fail() {
    let mut rig = Rig::for_tests();
    rig.inject_after(1, fail(Call::SetControls, Target::SubDevice));
    let writes: [ControlWrite<'_>; 0] = [];
    rig.sensor.set_controls(&writes).unwrap();
    assert_eq!(errno(rig.sensor.set_controls(&writes)), EIO);
    rig.inject(fail(Call::HeapAllocate, Target::Heap));
    assert_eq!(errno(rig.provider.heap().unwrap().allocate("table", 1)), EIO);
    let mut device = rig.provider.media_devices().unwrap().remove(0);
    rig.inject(fail(Call::Acquire, Target::Media));
    assert_eq!(errno(device.acquire()), EIO);
    rig.inject(fail(Call::SetLink, Target::Media));
    assert_eq!(errno(device.set_link(0, true)), EIO);
}

#[test]
fn a_failed_stream_off_returns_the_buffers_all_the_same() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(2);
    rig.inject(fail(Call::StreamOff, Target::Node(Role::Image)));
    assert_eq!(errno(rig.node(Role::Image).stream_off()), EIO);
    rig.port(Role::Image).queue_all();
}

#[test]
fn a_failed_stream_on_leaves_the_buffers_queued() {
    let mut rig = Rig::for_tests();
    rig.port(Role::Output0).make_buffers(1);
    rig.port(Role::Output0).queue(0).unwrap();
    rig.inject(fail(Call::StreamOn, Target::Node(Role::Output0)));
    assert_eq!(errno(rig.node(Role::Output0).stream_on()), EIO);
    assert!(rig.port(Role::Output0).queue(0).is_err());
    rig.node(Role::Output0).stream_off().unwrap();
    rig.port(Role::Output0).queue(0).unwrap();
}

#[test]
fn rates_make_faults_come_and_go() {
    let mut rig = Rig::new(SimulatorConfig { pixels: Pixels::Off, ..SimulatorConfig::for_tests() });
    let fault = fail(Call::Queue, Target::Node(Role::Embedded));
    rig.control
        .set_fault_rates(vec![pinhole_sim::FaultRate { camera: None, fault, probability: 0.5 }])
        .unwrap();
    rig.port(Role::Embedded).make_buffers(1);
    let mut failed = 0;
    for _ in 0..200 {
        failed += u64::from(rig.port(Role::Embedded).queue(0).is_err());
        rig.node(Role::Embedded).stream_off().unwrap();
    }
    assert!((60..140).contains(&failed), "{failed}");
    assert_eq!(count(&rig, FaultKind::FailedCall), failed);
    rig.control.set_fault_rates(Vec::new()).unwrap();
    rig.port(Role::Embedded).queue(0).unwrap();
}
