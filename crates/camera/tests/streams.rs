//! Streams and the table of buffers, on their own.

use pinhole_base::{Error, ErrorKind, Result};
use pinhole_buffer::mapping::Mapping;
use pinhole_buffer::{FrameMemory, Mapper, Owner, PlaneMemory};
use pinhole_camera::pipeline::{Action, Actions};
use pinhole_camera::stream::{Stream, StreamTraits};
use pinhole_camera::table::BufferTable;
use proptest::prelude::*;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Nothing here looks into a buffer.
struct NoMapper;

impl Mapper for NoMapper {
    fn map(&self, _: BorrowedFd<'_>, _: u32, _: u32) -> Result<Box<dyn Mapping>> {
        Err(Error::new(ErrorKind::Unsupported, "mapping"))
    }
    fn fill(&self, _: BorrowedFd<'_>, _: &[u8]) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "filling"))
    }
}

fn memory() -> Arc<FrameMemory> {
    let fd = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    FrameMemory::new(vec![PlaneMemory::new(Arc::new(fd), 0, 4096)], Arc::new(NoMapper)).unwrap()
}

/// The same buffer through another descriptor.
fn again(memory: &FrameMemory) -> Arc<FrameMemory> {
    let fd = rustix::io::dup(&memory.planes()[0]).unwrap();
    FrameMemory::new(vec![PlaneMemory::new(Arc::new(fd), 0, 4096)], Arc::new(NoMapper)).unwrap()
}

struct Bench {
    stream: Stream,
    table: BufferTable,
    actions: Actions,
}

impl Bench {
    fn new(slots: u16, internal: usize) -> Self {
        let mut table = BufferTable::new(64);
        let mut stream = Stream::new(StreamTraits { index: 0, external: true }, slots, 64);
        for _ in 0..internal {
            stream.stock(table.enter_internal(memory()).unwrap());
        }
        Self { stream, table, actions: Actions::default() }
    }

    fn queue(&mut self, memory: &Arc<FrameMemory>, request: u64) {
        let (token, evicted) = self.table.adopt(memory).unwrap();
        if let Some(evicted) = evicted {
            self.stream.forget(evicted);
        }
        self.stream.queue(token, Some(request), &mut self.table, &mut self.actions);
    }

    fn queue_internal(&mut self, request: u64) {
        self.stream.queue_internal(Some(request), &mut self.table, &mut self.actions);
    }

    /// The slot and buffer that the device was given next.
    fn given(&mut self) -> Option<(u16, u16)> {
        match self.actions.pop_front()? {
            Action::Queue { slot, buffer, .. } => Some((slot, buffer)),
            other => panic!("a stream only queues, but: {other:?}"),
        }
    }

    /// The device is done with a slot; answers whose request it was.
    fn done(&mut self, slot: u16) -> Option<u64> {
        let returned = self.stream.dequeued(u32::from(slot)).expect("the device had that slot");
        if self.table.is_internal(&returned.token) {
            self.stream.put_back(returned.token, Owner::Device(0), &mut self.table, &mut self.actions);
        } else {
            self.table.park(returned.token, Owner::Device(0));
            self.stream.serve(&mut self.table, &mut self.actions);
        }
        returned.request
    }
}

/// A request's own buffer must not overtake one before it that waits for an internal buffer:
/// its frame would go to the wrong request.
#[test]
fn what_comes_behind_a_waiting_wish_waits_too() {
    let mut bench = Bench::new(8, 1);
    bench.queue_internal(0);
    bench.queue_internal(1);
    bench.queue(&memory(), 2);
    let (slot, _) = bench.given().unwrap();
    assert_eq!(bench.given(), None, "request 1 waits for the pool, and request 2 behind it");
    assert_eq!(bench.done(slot), Some(0));
    let (first, _) = bench.given().unwrap();
    let (second, _) = bench.given().unwrap();
    assert_eq!(bench.done(first), Some(1));
    assert_eq!(bench.done(second), Some(2));
}

#[test]
fn a_buffer_is_known_through_any_descriptor_and_cannot_be_queued_twice() {
    let mut bench = Bench::new(8, 0);
    let buffer = memory();
    bench.queue(&buffer, 0);
    let error = bench.table.adopt(&again(&buffer)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    let (slot, number) = bench.given().unwrap();
    bench.done(slot);
    bench.queue(&again(&buffer), 1);
    assert_eq!(bench.given(), Some((slot, number)), "the same buffer keeps its number and slot");
}

#[test]
fn more_buffers_than_the_table_holds_take_the_place_of_the_oldest() {
    let mut bench = Bench::new(4, 0);
    for request in 0..1000 {
        bench.queue(&memory(), request);
        let (slot, _) = bench.given().expect("there is always a slot");
        assert_eq!(bench.done(slot), Some(request));
        assert!(bench.table.len() <= 64, "the table has grown to {}", bench.table.len());
    }
}

#[test]
fn a_slot_that_the_device_never_had_is_no_buffer() {
    let mut bench = Bench::new(4, 1);
    assert!(bench.stream.dequeued(0).is_none());
    assert!(bench.stream.dequeued(400).is_none());
    bench.queue_internal(0);
    let (slot, _) = bench.given().unwrap();
    bench.done(slot);
    assert!(bench.stream.dequeued(u32::from(slot)).is_none(), "it came back already");
}

#[derive(Clone, Debug)]
enum Step {
    Own,
    Internal,
    Done,
}

proptest! {
    /// Whatever comes in which order: the device's buffers are the requests', in order, none
    /// twice, none lost.
    #[test]
    fn frames_meet_requests_in_order(
        steps in prop::collection::vec(prop_oneof![Just(Step::Own), Just(Step::Internal), Just(Step::Done)], 1..200),
        slots in 1u16..6,
        internal in 1usize..4,
    ) {
        let mut bench = Bench::new(slots, internal);
        let (mut next, mut expected) = (0, 0);
        let mut device = std::collections::VecDeque::new();
        for step in steps {
            match step {
                Step::Own if next - expected < 20 => bench.queue(&memory(), next),
                Step::Internal if next - expected < 20 => bench.queue_internal(next),
                _ => {
                    if let Some(slot) = device.pop_front() {
                        prop_assert_eq!(bench.done(slot), Some(expected));
                        expected += 1;
                    }
                    device.extend(std::iter::from_fn(|| bench.given()).map(|(slot, _)| slot));
                    continue;
                }
            }
            next += 1;
            device.extend(std::iter::from_fn(|| bench.given()).map(|(slot, _)| slot));
        }
        while let Some(slot) = device.pop_front() {
            prop_assert_eq!(bench.done(slot), Some(expected));
            expected += 1;
            device.extend(std::iter::from_fn(|| bench.given()).map(|(slot, _)| slot));
        }
        prop_assert_eq!(expected, next, "requests were lost");
        prop_assert_eq!(bench.stream.pooled(), internal);
    }
}
