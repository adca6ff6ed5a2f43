//! Devices that go away, and come back.

use crate::rig::{ENODEV, ENOENT, Rig, errno, path};
use pinhole_base::ErrorKind;
use pinhole_device::Interest;
use pinhole_sim::{Fault, FaultKind, Role};
use std::time::Duration;

const BUFFERS: Interest = Interest { buffers: true, events: false };

#[test]
fn every_call_to_an_unplugged_camera_fails() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(2);
    rig.control.unplug_camera(0).unwrap();
    let slot = rig.port(Role::Image).queue(0);
    assert_eq!(slot.unwrap_err().kind(), ErrorKind::Disconnected);
    let node = rig.node(Role::Image);
    for answer in [
        node.format().map(drop),
        node.dequeue().map(drop),
        node.dequeue_event().map(drop),
        node.stream_on(),
        node.stream_off(),
        node.free(),
        node.allocate(1).map(drop),
        node.export(0).map(drop),
        node.query_controls().map(drop),
        rig.sensor.format(0).map(drop),
        rig.sensor.set_controls(&[]),
    ] {
        assert_eq!(errno(answer), ENODEV);
    }
    assert!(rig.wait(Role::Image, BUFFERS, Duration::from_secs(1)).unwrap().gone);
    // The ISP is another device.
    rig.node(Role::Input).format().unwrap();
    assert_eq!(rig.provider.media_devices().unwrap().len(), 1);
    assert_eq!(errno(rig.provider.video_node("/dev/video0").map(drop)), ENOENT);
    rig.audit();
}

#[test]
fn an_unplugged_isp_is_gone_while_the_camera_stays() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(2);
    rig.start_isp(1);
    rig.inject(Fault::UnplugIsp);
    let image = rig.next(Role::Image);
    rig.queue_input(image.slot, image.timestamp);
    assert_eq!(errno(rig.node(Role::Output0).dequeue()), ENODEV);
    assert!(rig.wait(Role::Output0, BUFFERS, Duration::from_secs(1)).unwrap().gone);
    assert_eq!(rig.next(Role::Image).sequence, 1);
    assert_eq!(rig.control.counters().faults(FaultKind::UnpluggedIsp), 1);
}

#[test]
fn what_is_plugged_in_again_is_new() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(2);
    rig.inject_after(1, Fault::UnplugCamera);
    assert_eq!(rig.next(Role::Image).sequence, 0);
    assert!(rig.wait(Role::Image, BUFFERS, Duration::from_secs(1)).unwrap().gone);
    rig.control.replug(0).unwrap();
    // What was opened before stays dead, and does no harm when it is closed.
    assert_eq!(errno(rig.node(Role::Image).format()), ENODEV);
    assert!(rig.wait(Role::Image, BUFFERS, Duration::from_secs(1)).unwrap().gone);
    let path = path(&mut *rig.provider, 0, Role::Image).unwrap();
    let mut again = rig.provider.video_node(&path).unwrap();
    again.import(3).unwrap();
    rig.close(Role::Image);
    assert_eq!(again.export(0).unwrap_err().errno(), Some(22));
    assert_eq!(errno(again.import(1)), 16);
    assert!(rig.control.unplug_camera(1).is_err());
}
