//! The queues of an ISP of the CPU's, and its runs: what each takes from them, and gives back.

use super::lock;
use super::work::Bench;
use crate::fault::Role;
use crate::formats;
use crate::isp_controls::IspControls;
use crate::queue::SLOTS_MAX;
use crate::refusal::{Answer, Refusal};
use pinhole_base::geometry::{ModePixels, Rect};
use pinhole_base::{Result, Timestamp};
use pinhole_buffer::FrameMemory;
use pinhole_device::node::PLANES_MAX;
use pinhole_device::{ControlWrite, Dequeued, ImageFormat, NodeFormat, Waker};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// An ISP: its state, and what tells that this has changed.
pub(super) struct CpuIsp {
    state: Mutex<State>,
    changed: Condvar,
    /// Where no thread does the work, but whoever brings the last buffer that a run needs.
    bench: Option<Mutex<Bench>>,
}

/// Everything but the thread.
pub(super) struct State {
    pub(super) controls: IspControls,
    /// How often they were written.
    pub(super) written: u64,
    pub(super) crop: Rect<ModePixels>,
    nodes: [Queue; NODES],
    /// A run is under way.
    busy: bool,
}

const NODES: usize = Role::ISP.len();

/// A node's format and buffers.
pub(super) struct Queue {
    pub(super) format: NodeFormat,
    /// Whoever waits for its buffers.
    pub(super) waker: Waker,
    slots: Vec<Slot>,
    queued: VecDeque<usize>,
    done: VecDeque<Dequeued>,
    streaming: bool,
    sequence: u32,
}

/// A place for a buffer.
#[derive(Default)]
struct Slot {
    /// One of the node's own.
    own: Option<(OwnedFd, u32)>,
    /// What was queued there last.
    memory: Option<Arc<FrameMemory>>,
    timestamp: Timestamp,
    is_queued: bool,
}

/// What one run works on.
pub(super) struct Run {
    slots: [Option<usize>; NODES],
    pub(super) memory: [Option<Arc<FrameMemory>>; NODES],
    pub(super) formats: [NodeFormat; NODES],
    pub(super) crop: Rect<ModePixels>,
    timestamp: Timestamp,
}

impl Run {
    /// What a node's buffer holds, or is to hold.
    pub(super) fn image(&self, role: Role) -> Option<ImageFormat> {
        self.formats[place(role)].image().filter(|_| self.slots[place(role)].is_some())
    }

    pub(super) fn buffer(&self, role: Role) -> Option<&FrameMemory> {
        self.memory[place(role)].as_deref()
    }
}

const fn place(role: Role) -> usize {
    match role {
        Role::Output0 => 1,
        Role::Output1 => 2,
        Role::Statistics => 3,
        _ => 0,
    }
}

impl CpuIsp {
    /// An idle ISP.
    ///
    /// # Errors
    /// Descriptors ran out.
    pub(super) fn new(bench: Option<Bench>) -> Result<Self> {
        let nodes = [
            Queue::new(Role::Input)?,
            Queue::new(Role::Output0)?,
            Queue::new(Role::Output1)?,
            Queue::new(Role::Statistics)?,
        ];
        let crop = nodes[0].format.image().map_or(Rect::default(), |image| formats::whole(image.size));
        let state = State { controls: IspControls::new(), written: 0, crop, nodes, busy: false };
        Ok(Self { state: Mutex::new(state), changed: Condvar::new(), bench: bench.map(Mutex::new) })
    }

    pub(super) const fn wants_thread(&self) -> bool {
        self.bench.is_none()
    }

    /// Does the runs that nothing is missing for, unless a thread does.
    pub(super) fn step(&self) {
        let Some(mut bench) = self.bench.as_ref().map(lock) else { return };
        while let Some(run) = self.ready_run() {
            bench.work(self, &run);
        }
    }

    fn ready_run(&self) -> Option<Run> {
        self.state().take_run()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Does something to a node's queue that may let a run begin, or end the waiting for one.
    pub(super) fn change<T>(&self, role: Role, act: impl FnOnce(&mut Queue) -> Answer<T>) -> Answer<T> {
        let answer = act(self.state().node(role));
        self.changed.notify_all();
        answer
    }

    /// Stops a node; what it has queued is its user's again, once the run that is under way is
    /// over.
    pub(super) fn stop(&self, role: Role) {
        let mut state = self.state();
        state.node(role).streaming = false;
        self.changed.notify_all();
        while state.busy {
            state = self.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        state.node(role).empty();
    }

    /// Waits for the next run; `None` once the input is stopped.
    pub(super) fn next_run(&self) -> Option<Run> {
        let mut state = self.state();
        loop {
            if !state.node(Role::Input).streaming {
                return None;
            }
            if let Some(run) = state.take_run() {
                return Some(run);
            }
            state = self.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    /// Gives a run's buffers back.
    pub(super) fn finish(&self, run: &Run, error: bool) {
        let mut state = self.state();
        for (queue, slot) in state.nodes.iter_mut().zip(run.slots) {
            if let Some(slot) = slot {
                queue.finish(slot, run.timestamp, error);
            }
        }
        state.busy = false;
        self.changed.notify_all();
    }
}

impl State {
    pub(super) fn write(&mut self, writes: &[ControlWrite<'_>]) -> Answer<()> {
        self.written += 1;
        self.controls.set(writes)
    }

    pub(super) fn node(&mut self, role: Role) -> &mut Queue {
        &mut self.nodes[place(role)]
    }

    /// The input must stream, and every node that streams must have a buffer for it.
    fn take_run(&mut self) -> Option<Run> {
        if !self.nodes[0].streaming
            || self.nodes.iter().any(|queue| queue.streaming && queue.queued.is_empty())
        {
            return None;
        }
        let slots =
            self.nodes.each_mut().map(|queue| if queue.streaming { queue.queued.pop_front() } else { None });
        let memory = std::array::from_fn(|at| self.nodes[at].slots[slots[at]?].memory.clone());
        let timestamp = slots[0].map_or(Timestamp::ZERO, |slot| self.nodes[0].slots[slot].timestamp);
        self.busy = true;
        let formats = self.nodes.each_ref().map(|queue| queue.format);
        Some(Run { slots, memory, formats, crop: self.crop, timestamp })
    }
}

impl Queue {
    fn new(role: Role) -> Result<Self> {
        Ok(Self {
            format: formats::initial(role, 0),
            waker: Waker::new()?,
            slots: Vec::new(),
            queued: VecDeque::new(),
            done: VecDeque::new(),
            streaming: false,
            sequence: 0,
        })
    }

    pub(super) fn has_slots(&self) -> bool {
        !self.slots.is_empty()
    }

    /// Makes empty slots; answers how many.
    pub(super) fn add(&mut self, count: u32) -> Answer<u32> {
        if self.has_slots() {
            return Err(Refusal::new(Errno::BUSY, "the node has buffers"));
        }
        let count = count.min(SLOTS_MAX);
        self.slots.resize_with(count as usize, Slot::default);
        Ok(count)
    }

    /// The same, with buffers of its own.
    pub(super) fn keep(&mut self, buffers: Vec<OwnedFd>) -> Answer<u32> {
        let count = self.add(buffers.len() as u32)?;
        let bytes = self.format.size_bytes();
        for (slot, fd) in self.slots.iter_mut().zip(buffers) {
            slot.own = Some((fd, bytes));
        }
        Ok(count)
    }

    pub(super) fn own(&self, slot: u32) -> Answer<&(OwnedFd, u32)> {
        let found = self.slots.get(slot as usize).and_then(|slot| slot.own.as_ref());
        found.ok_or_else(|| Refusal::new(Errno::INVAL, format!("there is no buffer {slot}")))
    }

    pub(super) fn free(&mut self) -> Answer<()> {
        if self.streaming {
            return Err(Errno::BUSY.into());
        }
        self.slots.clear();
        Ok(())
    }

    /// What was queued last into a slot that is free now.
    pub(super) fn known(&self, slot: u32) -> Answer<Option<&Arc<FrameMemory>>> {
        let found = self.slots.get(slot as usize).filter(|slot| slot.own.is_none() && !slot.is_queued);
        let found = found.ok_or_else(|| Refusal::new(Errno::INVAL, format!("slot {slot} is not free")))?;
        Ok(found.memory.as_ref())
    }

    /// Queues a buffer into a slot that is free.
    pub(super) fn queue(&mut self, slot: u32, memory: Arc<FrameMemory>, timestamp: Timestamp) -> Answer<()> {
        if memory.bytes() < u64::from(self.format.size_bytes()) {
            return Err(Refusal::new(Errno::INVAL, "the buffer is too small"));
        }
        let at = slot as usize;
        self.slots[at] = Slot { own: None, memory: Some(memory), timestamp, is_queued: true };
        self.queued.push_back(at);
        Ok(())
    }

    pub(super) fn start(&mut self) -> Answer<()> {
        self.streaming = true;
        self.sequence = 0;
        Ok(())
    }

    fn empty(&mut self) {
        self.queued.clear();
        self.done.clear();
        self.waker.clear();
        self.slots.iter_mut().for_each(|slot| slot.is_queued = false);
    }

    fn finish(&mut self, slot: usize, timestamp: Timestamp, error: bool) {
        self.slots[slot].is_queued = false;
        let mut bytes_used = [0; PLANES_MAX];
        bytes_used[0] = self.format.size_bytes();
        let sequence = self.sequence;
        self.done.push_back(Dequeued {
            slot: slot as u32,
            sequence,
            timestamp,
            error,
            bytes_used,
            data_offsets: [0; PLANES_MAX],
        });
        self.sequence = self.sequence.wrapping_add(1);
        self.waker.wake();
    }

    pub(super) fn take_done(&mut self) -> Answer<Option<Dequeued>> {
        if !self.streaming {
            return Err(Refusal::new(Errno::INVAL, "the node does not stream"));
        }
        let done = self.done.pop_front();
        if self.done.is_empty() {
            self.waker.clear();
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_base::{Error, ErrorKind};
    use pinhole_buffer::mapping::Mapping;
    use pinhole_buffer::{Mapper, PlaneMemory};
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use std::os::fd::BorrowedFd;

    const BYTES: u32 = 1 << 20;

    /// Nothing is looked at here.
    struct Blind;

    impl Mapper for Blind {
        fn map(&self, _: BorrowedFd<'_>, _: u32, _: u32) -> Result<Box<dyn Mapping>> {
            Err(Error::new(ErrorKind::Unsupported, "mapping"))
        }

        fn fill(&self, _: BorrowedFd<'_>, _: &[u8]) -> Result<()> {
            Err(Error::new(ErrorKind::Unsupported, "writing"))
        }
    }

    fn buffer(bytes: u32) -> Arc<FrameMemory> {
        let fd = memfd_create("buffer", MemfdFlags::CLOEXEC).expect("a memfd");
        ftruncate(&fd, u64::from(bytes)).expect("memory");
        FrameMemory::new(vec![PlaneMemory::new(Arc::new(fd), 0, bytes)], Arc::new(Blind)).expect("a buffer")
    }

    /// All nodes stream, with one slot each.
    fn streaming() -> CpuIsp {
        let isp = CpuIsp::new(None).expect("descriptors");
        for role in Role::ISP {
            let granted = isp.change(role, |queue| queue.add(1)).expect("slots");
            assert_eq!(granted, 1);
            isp.change(role, Queue::start).expect("it streams");
        }
        isp
    }

    fn queue(isp: &CpuIsp, role: Role) {
        let memory = buffer(BYTES);
        isp.change(role, |queue| queue.queue(0, memory, Timestamp(7))).expect("the slot is free");
    }

    /// Catches: a run without a buffer for one of its nodes; buffers that come back to another, or
    /// without the input's time stamp or the run's failure.
    #[test]
    fn a_run_waits_for_every_node_and_gives_every_buffer_back() {
        let isp = streaming();
        for role in Role::ISP {
            assert!(isp.state().take_run().is_none(), "{role:?} has no buffer yet");
            queue(&isp, role);
        }
        let run = isp.next_run().expect("nothing is missing");
        for role in Role::ISP {
            let done = isp.change(role, Queue::take_done).expect("it streams");
            assert_eq!(done, None, "the run is not over");
        }
        isp.finish(&run, true);
        for role in Role::ISP {
            let done = isp.change(role, Queue::take_done).expect("it streams").expect("it is over");
            assert_eq!((done.slot, done.sequence, done.timestamp, done.error), (0, 0, Timestamp(7), true));
        }
        assert!(isp.state().take_run().is_none(), "nothing is left");
    }

    /// Catches: buffers that a stopped node keeps; slots that are freed, or made twice, in use.
    #[test]
    fn a_node_that_is_stopped_has_nothing() {
        let isp = streaming();
        queue(&isp, Role::Output0);
        let refused = |answer: Answer<()>| answer.expect_err("it is in use").errno;
        assert_eq!(refused(isp.change(Role::Output0, |queue| queue.known(0).map(drop))), Errno::INVAL);
        assert_eq!(refused(isp.change(Role::Output0, Queue::free)), Errno::BUSY);
        assert_eq!(refused(isp.change(Role::Output0, |queue| queue.add(1).map(drop))), Errno::BUSY);
        isp.stop(Role::Output0);
        assert!(isp.change(Role::Output0, |queue| queue.known(0).map(drop)).is_ok(), "its slot is free");
        assert!(isp.change(Role::Output0, Queue::take_done).is_err(), "it does not stream");
        assert!(isp.change(Role::Output0, Queue::free).is_ok());
        isp.stop(Role::Input);
        assert!(isp.next_run().is_none(), "the work ends with the input");
    }

    #[test]
    fn a_buffer_that_is_too_small_is_refused() {
        let isp = streaming();
        let memory = buffer(16);
        let refused = isp.change(Role::Output0, |queue| queue.queue(0, memory, Timestamp::ZERO));
        assert_eq!(refused.expect_err("it has 16 bytes").errno, Errno::INVAL);
        assert!(isp.change(Role::Output0, |queue| queue.known(0).map(drop)).is_ok());
    }
}
