//! Where buffers live.

use crate::rig::{EBADF, ENOMEM, Rig, errno, queue, simulator};
use pinhole_base::{ErrorKind, Timestamp};
use pinhole_sim::{Pixels, Role, STAMP_BYTES, SimulatorConfig, SlotState, Stamp};
use std::os::fd::AsFd;
use std::time::Duration;

fn config(memory_bytes: u64) -> SimulatorConfig {
    SimulatorConfig { memory_bytes, ..SimulatorConfig::for_tests() }
}

#[test]
fn the_heap_runs_out_and_says_of_how_much() {
    let mut heap = simulator(config(100_000)).provider().heap().unwrap();
    assert_eq!(heap.name(), "linux,cma");
    let table = heap.allocate("lens table", 32_768).unwrap();
    assert_eq!(rustix::fs::seek(&table, rustix::fs::SeekFrom::End(0)), Ok(32_768));
    let error = heap.allocate("too much", 80_000).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::OutOfResources, Some(ENOMEM)));
    assert!(error.to_string().contains("80000 bytes asked for, 67232 of 100000 free"), "{error}");
    drop(table);
    heap.allocate("now there is room", 80_000).unwrap();
    assert!(heap.allocate("nothing", 0).is_err());
}

#[test]
fn devices_allocate_as_many_as_there_is_memory_for() {
    let mut rig = Rig::new(config(50_000));
    assert_eq!(rig.node(Role::Embedded).allocate(8).unwrap(), 3);
    assert_eq!(errno(rig.node(Role::Image).allocate(1)), ENOMEM);
    rig.node(Role::Embedded).free().unwrap();
    assert_eq!(rig.control.memory_used_bytes(), 0);
}

#[test]
fn memory_is_used_for_as_long_as_anybody_holds_it() {
    let mut rig = Rig::for_tests();
    rig.port(Role::Embedded).make_buffers(3);
    assert_eq!(rig.control.memory_used_bytes(), 3 * 16384);
    rig.port(Role::Embedded).queue(1).unwrap();
    rig.port(Role::Embedded).fds.clear();
    assert_eq!(rig.control.memory_used_bytes(), 16384);
    rig.node(Role::Embedded).free().unwrap();
    assert_eq!(rig.control.memory_used_bytes(), 0);
}

#[test]
fn a_device_fills_a_buffer_that_its_user_has_closed() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(2);
    let kept = rig.port(Role::Image).fds[0].try_clone().unwrap();
    rig.port(Role::Image).fds.clear();
    assert_eq!(rig.next(Role::Image).slot, 0);
    assert!(Stamp::from_bytes(&crate::rig::read::<STAMP_BYTES>(kept.as_fd())).is_some());
}

#[test]
fn a_buffer_is_known_by_its_file_not_by_its_descriptors_number() {
    let mut rig = Rig::for_tests();
    rig.port(Role::Embedded).make_buffers(2);
    let other = rig.port(Role::Embedded).fds[1].try_clone().unwrap();
    let embedded = rig.port(Role::Embedded);
    queue(&mut *embedded.node, 0, other.as_fd(), 0, Timestamp::ZERO).unwrap();
    embedded.queue(1).unwrap();
    let violations = rig.control.hardware_audit().violations;
    assert_eq!(violations.len(), 1, "{violations:?}");
}

#[test]
fn a_slot_takes_one_foreign_buffer_after_another() {
    let mut rig = Rig::for_tests();
    let mut heap = rig.provider.heap().unwrap();
    rig.node(Role::Image).import(1).unwrap();
    rig.close(Role::Embedded);
    rig.node(Role::Image).stream_on().unwrap();
    for sequence in 0..40 {
        let buffer = heap.allocate("foreign", 1 << 20).unwrap();
        queue(rig.node(Role::Image), 0, buffer.as_fd(), 1 << 20, Timestamp::ZERO).unwrap();
        rig.within(Role::Image, Duration::from_secs(1)).unwrap();
        let stamp = Stamp::from_bytes(&crate::rig::read::<STAMP_BYTES>(buffer.as_fd())).unwrap();
        assert!(stamp.sequence >= sequence);
    }
    assert_eq!(rig.control.memory_used_bytes(), 1 << 20);
}

#[test]
fn nothing_is_written_with_pixels_off() {
    let mut rig = Rig::new(SimulatorConfig { pixels: Pixels::Off, ..SimulatorConfig::for_tests() });
    rig.start_receiver(1);
    rig.next(Role::Image);
    rig.next(Role::Embedded);
    assert_eq!(rig.port(Role::Image).read::<64>(0), [0; 64]);
    assert_eq!(rig.port(Role::Embedded).read::<64>(0), [0; 64]);
}

#[test]
fn a_refused_buffer_stays_with_its_user() {
    let mut rig = Rig::for_tests();
    rig.port(Role::Embedded).make_buffers(1);
    rig.inject(pinhole_sim::Fault::FailCall {
        call: pinhole_sim::Call::Queue,
        target: Some(pinhole_sim::Target::Node(Role::Embedded)),
        errno: EBADF,
    });
    assert_eq!(errno(rig.port(Role::Embedded).queue(0)), EBADF);
    let audit = rig.control.hardware_audit();
    let embedded = audit.nodes.iter().find(|node| node.role == Role::Embedded).unwrap();
    assert_eq!(embedded.slots[0], (SlotState::Idle, None));
    rig.port(Role::Embedded).queue(0).unwrap();
}
