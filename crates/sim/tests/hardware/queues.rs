//! The rules of a node's queue.

use crate::rig::{EBADF, EBUSY, EINVAL, ENOTTY, Rig, errno, image_format, path, queue};
use pinhole_base::Timestamp;
use pinhole_base::format::FourCc;
use pinhole_device::{MetaFormat, NodeFormat, QueueBuffer, QueuePlane};
use pinhole_sim::{Role, SLOTS_MAX, SlotState};
use rustix::fs::{MemfdFlags, memfd_create};
use std::os::fd::AsFd;

#[test]
fn formats_are_adjusted_not_refused() {
    let mut rig = Rig::for_tests();
    let image = |rig: &mut Rig, role, format| rig.node(role).set_format(format).unwrap().image().unwrap();
    let raw = image(&mut rig, Role::Image, image_format("SRGGB10_CSI2P", 1332, 990));
    assert_eq!((raw.stride_bytes, raw.size_bytes), (1696, 1696 * 990));
    let yuv = image(&mut rig, Role::Output0, image_format("YUV420", 641, 481));
    assert_eq!((yuv.size.to_string(), yuv.stride_bytes), ("640x480".to_owned(), 640));
    let other = image(&mut rig, Role::Output0, image_format("SRGGB10", 1, 100_000));
    assert_eq!((other.format.name(), other.size.to_string()), ("YUV420".to_owned(), "64x16384".to_owned()));
    let meta = NodeFormat::Meta(MetaFormat { fourcc: FourCc::new(b"XXXX"), size_bytes: 1 });
    assert_eq!(rig.node(Role::Statistics).set_format(meta).unwrap().size_bytes(), 10824);
    assert_eq!(rig.node(Role::Embedded).set_format(meta).unwrap().size_bytes(), 16384);
}

#[test]
fn formats_of_another_kind_are_refused() {
    let mut rig = Rig::for_tests();
    let image = image_format("YUV420", 640, 480);
    let meta = rig.node(Role::Statistics).format().unwrap();
    assert_eq!(errno(rig.node(Role::Statistics).try_format(image)), EINVAL);
    assert_eq!(errno(rig.node(Role::Output0).set_format(meta)), EINVAL);
}

#[test]
fn trying_a_format_does_not_set_it() {
    let mut rig = Rig::for_tests();
    let before = rig.node(Role::Output0).format().unwrap();
    let tried = rig.node(Role::Output0).try_format(image_format("NV12", 100, 100)).unwrap();
    assert_ne!(tried, before);
    assert_eq!(rig.node(Role::Output0).format().unwrap(), before);
}

#[test]
fn the_format_is_fixed_while_there_are_slots() {
    let mut rig = Rig::for_tests();
    let format = image_format("NV12", 640, 480);
    rig.node(Role::Output0).import(1).unwrap();
    assert_eq!(errno(rig.node(Role::Output0).set_format(format)), EBUSY);
    rig.node(Role::Output0).free().unwrap();
    rig.node(Role::Output0).set_format(format).unwrap();
}

#[test]
fn at_most_32_slots_are_granted() {
    let mut rig = Rig::for_tests();
    assert_eq!(rig.node(Role::Embedded).import(1000).unwrap(), SLOTS_MAX);
    rig.node(Role::Embedded).free().unwrap();
    assert_eq!(rig.node(Role::Embedded).allocate(1000).unwrap(), SLOTS_MAX);
    rig.node(Role::Embedded).free().unwrap();
    assert_eq!(rig.node(Role::Embedded).import(31).unwrap(), 31);
}

#[test]
fn slots_are_made_once() {
    let mut rig = Rig::for_tests();
    let node = rig.node(Role::Embedded);
    assert_eq!(errno(node.import(0)), EINVAL);
    assert_eq!(errno(node.allocate(0)), EINVAL);
    node.import(1).unwrap();
    assert_eq!(errno(node.import(1)), EBUSY);
    assert_eq!(errno(node.allocate(1)), EBUSY);
    node.free().unwrap();
    node.free().unwrap();
}

#[test]
fn slots_cannot_be_freed_while_streaming() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(1);
    assert_eq!(errno(rig.node(Role::Image).free()), EBUSY);
    rig.node(Role::Image).stream_off().unwrap();
    rig.node(Role::Image).free().unwrap();
}

#[test]
fn only_allocated_buffers_can_be_exported() {
    let mut rig = Rig::for_tests();
    let node = rig.node(Role::Image);
    assert_eq!(errno(node.export(0)), EINVAL);
    node.allocate(2).unwrap();
    assert_eq!(node.export(1).unwrap().planes.len(), 1);
    assert_eq!(errno(node.export(2)), EINVAL);
    node.free().unwrap();
    node.import(2).unwrap();
    assert_eq!(errno(node.export(0)), EINVAL);
}

#[test]
fn exported_buffers_survive_their_slots() {
    let mut rig = Rig::for_tests();
    rig.port(Role::Embedded).make_buffers(1);
    let fd = &rig.port(Role::Embedded).fds[0];
    assert_eq!(rustix::fs::seek(fd, rustix::fs::SeekFrom::End(0)), Ok(16384));
}

#[test]
fn bad_slots_are_refused() {
    let mut rig = Rig::for_tests();
    rig.port(Role::Embedded).make_buffers(2);
    let port = rig.port(Role::Embedded);
    let fd = port.fds[0].try_clone().unwrap();
    for slot in [2, u32::MAX] {
        assert_eq!(errno(queue(&mut *port.node, slot, fd.as_fd(), port.bytes, Timestamp::ZERO)), EINVAL);
    }
    port.queue(0).unwrap();
    let error = port.queue(0).unwrap_err();
    assert!(error.to_string().contains("slot 0 is Queued"), "{error}");
}

#[test]
fn queueing_needs_import_slots() {
    let mut rig = Rig::for_tests();
    rig.port(Role::Embedded).make_buffers(1);
    let port = rig.port(Role::Embedded);
    port.node.free().unwrap();
    assert_eq!(errno(port.queue(0)), EINVAL);
    port.node.allocate(1).unwrap();
    assert_eq!(errno(port.queue(0)), EINVAL);
}

#[test]
fn buffers_that_are_too_small_are_refused() {
    let mut rig = Rig::for_tests();
    rig.port(Role::Embedded).make_buffers(1);
    let port = rig.port(Role::Embedded);
    let fd = port.fds[0].try_clone().unwrap();
    for length in [1, 16383, 16385, u32::MAX] {
        assert_eq!(errno(queue(&mut *port.node, 0, fd.as_fd(), length, Timestamp::ZERO)), EINVAL);
    }
    queue(&mut *port.node, 0, fd.as_fd(), 0, Timestamp::ZERO).unwrap();
}

#[test]
fn what_is_no_buffer_is_refused() {
    let mut rig = Rig::for_tests();
    rig.node(Role::Embedded).import(1).unwrap();
    let (pipe, _other) = rustix::pipe::pipe().unwrap();
    let empty = memfd_create("empty", MemfdFlags::CLOEXEC).unwrap();
    for fd in [pipe, empty] {
        assert_eq!(errno(queue(rig.node(Role::Embedded), 0, fd.as_fd(), 16384, Timestamp::ZERO)), EINVAL);
    }
    let directory = rustix::fs::open("/", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
    assert_eq!(errno(queue(rig.node(Role::Embedded), 0, directory.as_fd(), 16384, Timestamp::ZERO)), EINVAL);
    let path_only = rustix::fs::open("/", rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
    let answer = queue(rig.node(Role::Embedded), 0, path_only.as_fd(), 16384, Timestamp::ZERO);
    assert!([EINVAL, EBADF].contains(&errno(answer)));
}

#[test]
fn buffers_have_one_plane() {
    let mut rig = Rig::for_tests();
    rig.port(Role::Embedded).make_buffers(1);
    let port = rig.port(Role::Embedded);
    let plane = QueuePlane { fd: port.fds[0].as_fd(), length: 16384, bytes_used: 0 };
    for planes in [&[][..], &[plane, plane]] {
        let buffer = QueueBuffer { slot: 0, planes, timestamp: Timestamp::ZERO };
        assert_eq!(errno(port.node.queue(&buffer)), EINVAL);
    }
}

#[test]
fn dequeueing_needs_streaming() {
    let mut rig = Rig::for_tests();
    assert_eq!(errno(rig.node(Role::Image).dequeue()), EINVAL);
    rig.start_receiver(1);
    assert_eq!(rig.node(Role::Image).dequeue().unwrap(), None);
    rig.node(Role::Image).stream_off().unwrap();
    assert_eq!(errno(rig.node(Role::Image).dequeue()), EINVAL);
}

#[test]
fn streaming_needs_slots() {
    let mut rig = Rig::for_tests();
    assert_eq!(errno(rig.node(Role::Output0).stream_on()), EINVAL);
    rig.node(Role::Output0).import(1).unwrap();
    rig.node(Role::Output0).stream_on().unwrap();
    rig.node(Role::Output0).stream_on().unwrap();
}

#[test]
fn stream_off_returns_every_buffer() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(4);
    rig.next(Role::Image);
    rig.next(Role::Image);
    rig.port(Role::Image).queue(0).unwrap();
    rig.node(Role::Image).stream_off().unwrap();
    let audit = rig.control.hardware_audit();
    let image = audit.nodes.iter().find(|node| node.role == Role::Image).unwrap();
    assert!(image.slots.iter().all(|(state, _)| *state == SlotState::Idle));
    assert!(!image.streaming);
    rig.port(Role::Image).queue_all();
    rig.node(Role::Image).stream_off().unwrap();
    rig.port(Role::Image).queue_all();
}

#[test]
fn a_queue_belongs_to_whoever_made_its_slots() {
    let mut rig = Rig::for_tests();
    let path = path(&mut *rig.provider, 0, Role::Output0).unwrap();
    let mut other = rig.provider.video_node(&path).unwrap();
    rig.node(Role::Output0).import(2).unwrap();
    assert_eq!(errno(other.import(1)), EBUSY);
    assert_eq!(errno(other.free()), EBUSY);
    assert_eq!(errno(other.stream_on()), EBUSY);
    assert_eq!(errno(other.dequeue()), EBUSY);
    rig.node(Role::Output0).free().unwrap();
    other.import(1).unwrap();
}

#[test]
fn closing_a_node_gives_back_what_it_held() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(2);
    rig.close(Role::Image);
    let path = path(&mut *rig.provider, 0, Role::Image).unwrap();
    let mut again = rig.provider.video_node(&path).unwrap();
    again.import(1).unwrap();
    rig.close(Role::Embedded);
    assert!(rig.control.hardware_audit().nodes.iter().all(|node| !node.streaming));
}

#[test]
fn only_the_input_crops() {
    let mut rig = Rig::for_tests();
    let crop = pinhole_base::geometry::Rect::new(0, 0, 1, 1);
    assert_eq!(rig.node(Role::Input).set_crop(crop).unwrap().to_string(), "(0, 0)/64x64");
    assert_eq!(errno(rig.node(Role::Output0).set_crop(crop)), ENOTTY);
}

#[test]
fn a_buffer_in_two_queues_is_a_violation() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(2);
    rig.audit();
    rig.node(Role::Input).import(2).unwrap();
    rig.queue_input(1, Timestamp::ZERO);
    let audit = rig.control.hardware_audit();
    assert_eq!(audit.violations.len(), 1);
    assert!(audit.violations[0].contains("is held by unicam-image of camera 0 and by bcm2835-isp0-output0"));
}

#[test]
fn starting_and_stopping_leaves_nothing_behind() {
    let mut rig = Rig::for_tests();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mut round = || {
        rig.start_receiver(4);
        rig.start_isp(2);
        let image = rig.next(Role::Image);
        rig.queue_input(image.slot, image.timestamp);
        for role in Role::ALL {
            rig.node(role).stream_off().unwrap();
            rig.node(role).free().unwrap();
            rig.port(role).fds.clear();
        }
        assert_eq!(rig.control.memory_used_bytes(), 0);
    };
    round();
    // Other tests open and close descriptors meanwhile; a leak would be of thousands.
    let before = descriptors();
    (0..300).for_each(|_| round());
    assert!(descriptors() < before + 1000);
}
