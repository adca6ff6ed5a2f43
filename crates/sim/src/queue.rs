//! The queue of a video node, by the rules of Linux's videobuf2.
//!
//! A slot is *idle* (its buffer is the user's), *queued* (the device's, untouched), *active*
//! (the device is filling or reading it) or *done* (waiting to be dequeued).
//!
//! | call | from | to |
//! |---|---|---|
//! | queue | idle | queued |
//! | take (the device begins) | queued | active |
//! | complete (the device ends) | active | done |
//! | dequeue | done | idle |
//! | stream off | any | idle |
//!
//! A completion names the *epoch* in which its slot was taken; stream-off begins a new epoch,
//! so that what was on its way then is ignored. Knows nothing of frames or time.

use crate::memory::{DeviceBuffer, FileIdentity, Pool};
use crate::refusal::{Answer, Refusal};
use pinhole_device::{Dequeued, QueueBuffer, QueuePlane};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;

/// Most slots of a queue (`VIDEO_MAX_FRAME`).
pub const SLOTS_MAX: u32 = 32;

/// Where a slot's buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlotState {
    /// With the user.
    Idle,
    /// With the device, which has not touched it.
    Queued,
    /// The device is filling or reading it.
    Active,
    /// The device is done with it, and nobody has dequeued it.
    Done,
}

/// Who made a queue's slots; only they may use it until the slots are freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle(pub(crate) u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Memory {
    Allocated,
    Imported,
}

#[derive(Debug)]
struct Slot {
    state: SlotState,
    buffer: Option<DeviceBuffer>,
    bytes_used: u32,
    timestamp_ns: u64,
}

/// A slot that the device has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) slot: u32,
    epoch: u32,
}

/// A node's queue.
#[derive(Debug, Default)]
pub(crate) struct BufferQueue {
    memory: Option<Memory>,
    slots: Vec<Slot>,
    queued: VecDeque<u32>,
    done: VecDeque<Dequeued>,
    streaming: bool,
    /// Whether a buffer was queued since stream-on: drivers start no sooner.
    fed: bool,
    epoch: u32,
    owner: Option<Handle>,
}

impl BufferQueue {
    pub(crate) fn new() -> Self {
        let room = SLOTS_MAX as usize;
        Self {
            slots: Vec::with_capacity(room),
            queued: VecDeque::with_capacity(room),
            done: VecDeque::with_capacity(room),
            ..Self::default()
        }
    }

    pub(crate) const fn has_slots(&self) -> bool {
        self.memory.is_some()
    }

    pub(crate) const fn is_streaming(&self) -> bool {
        self.streaming
    }

    /// Streaming, and fed with a first buffer.
    pub(crate) const fn is_started(&self) -> bool {
        self.streaming && self.fed
    }

    pub(crate) fn has_queued(&self) -> bool {
        !self.queued.is_empty()
    }

    pub(crate) fn has_done(&self) -> bool {
        !self.done.is_empty()
    }

    /// Refuses anybody but the owner of the slots.
    pub(crate) fn check_owner(&self, handle: Handle) -> Answer<()> {
        match self.owner {
            Some(owner) if owner != handle => {
                Err(Refusal::new(Errno::BUSY, "another user has the node's queue"))
            }
            _ => Ok(()),
        }
    }

    fn check_no_slots(&self, count: u32) -> Answer<()> {
        if count == 0 {
            return Err(Refusal::new(Errno::INVAL, "no buffers were asked for"));
        }
        if self.has_slots() {
            return Err(Refusal::new(Errno::BUSY, "there are slots already"));
        }
        Ok(())
    }

    fn make_slots(&mut self, memory: Memory, buffers: impl Iterator<Item = Option<DeviceBuffer>>) {
        self.memory = Some(memory);
        self.slots.extend(buffers.map(|buffer| Slot {
            state: SlotState::Idle,
            buffer,
            bytes_used: 0,
            timestamp_ns: 0,
        }));
    }

    pub(crate) fn import(&mut self, handle: Handle, count: u32) -> Answer<u32> {
        self.check_no_slots(count)?;
        let granted = count.min(SLOTS_MAX);
        self.make_slots(Memory::Imported, (0..granted).map(|_| None));
        self.owner = Some(handle);
        Ok(granted)
    }

    /// Allocates as many as there is memory for, but at least one.
    pub(crate) fn allocate(
        &mut self,
        handle: Handle,
        count: u32,
        bytes: u32,
        label: &str,
        pool: &mut Pool,
    ) -> Answer<u32> {
        self.check_no_slots(count)?;
        let mut buffers = Vec::new();
        for _ in 0..count.min(SLOTS_MAX) {
            match pool.allocate(label, u64::from(bytes)) {
                Ok(buffer) => buffers.push(buffer),
                Err(refusal) if buffers.is_empty() => return Err(refusal),
                Err(_) => break,
            }
        }
        let granted = buffers.len() as u32;
        self.make_slots(Memory::Allocated, buffers.into_iter().map(Some));
        self.owner = Some(handle);
        Ok(granted)
    }

    pub(crate) fn export(&self, slot: u32) -> Answer<(OwnedFd, u32)> {
        if self.memory != Some(Memory::Allocated) {
            return Err(Refusal::new(Errno::INVAL, "the node has allocated no buffers"));
        }
        let buffer = self.slots.get(slot as usize).and_then(|slot| slot.buffer.as_ref());
        let buffer = buffer.ok_or_else(|| self.no_such_slot(slot))?;
        Ok((buffer.export()?, u32::try_from(buffer.bytes).unwrap_or(u32::MAX)))
    }

    pub(crate) fn free(&mut self) -> Answer<()> {
        if self.streaming {
            return Err(Refusal::new(Errno::BUSY, "the node is streaming"));
        }
        self.stream_off();
        self.slots.clear();
        self.memory = None;
        self.owner = None;
        Ok(())
    }

    #[cold]
    fn no_such_slot(&self, slot: u32) -> Refusal {
        Refusal::new(Errno::INVAL, format!("there is no slot {slot}, only {}", self.slots.len()))
    }

    /// Queues a buffer of at least `bytes_min`.
    pub(crate) fn queue(&mut self, buffer: &QueueBuffer<'_>, bytes_min: u32) -> Answer<()> {
        let plane = self.check(buffer)?;
        let slot = &mut self.slots[buffer.slot as usize];
        DeviceBuffer::reimport(&mut slot.buffer, plane.fd)?;
        let held_bytes = slot.buffer.as_ref().map_or(0, |held| held.bytes);
        let length = checked_length(plane, held_bytes, bytes_min)?;
        slot.bytes_used = if plane.bytes_used == 0 { length } else { plane.bytes_used };
        slot.timestamp_ns = buffer.timestamp.as_nanos();
        slot.state = SlotState::Queued;
        self.queued.push_back(buffer.slot);
        self.fed |= self.streaming;
        Ok(())
    }

    fn check<'a>(&self, buffer: &QueueBuffer<'a>) -> Answer<QueuePlane<'a>> {
        if self.memory != Some(Memory::Imported) {
            return Err(Refusal::new(Errno::INVAL, "the node has no import slots"));
        }
        let slot = self.slots.get(buffer.slot as usize).ok_or_else(|| self.no_such_slot(buffer.slot))?;
        if slot.state != SlotState::Idle {
            let reason = format!("slot {} is {:?}", buffer.slot, slot.state);
            return Err(Refusal::new(Errno::INVAL, reason));
        }
        match buffer.planes {
            [plane] => Ok(*plane),
            planes => {
                let reason = format!("the node takes buffers of one plane, not {}", planes.len());
                Err(Refusal::new(Errno::INVAL, reason))
            }
        }
    }

    /// The next buffer that the device is done with.
    pub(crate) fn dequeue(&mut self) -> Answer<Option<Dequeued>> {
        if !self.streaming {
            return Err(Refusal::new(Errno::INVAL, "the node is not streaming"));
        }
        let Some(done) = self.done.pop_front() else { return Ok(None) };
        self.slots[done.slot as usize].state = SlotState::Idle;
        Ok(Some(done))
    }

    pub(crate) fn stream_on(&mut self) -> Answer<()> {
        if !self.has_slots() {
            return Err(Refusal::new(Errno::INVAL, "the node has no buffers"));
        }
        self.streaming = true;
        self.fed = !self.queued.is_empty();
        Ok(())
    }

    /// Returns every buffer to the user. What is queued while not streaming counts too.
    pub(crate) fn stream_off(&mut self) {
        self.streaming = false;
        self.fed = false;
        self.epoch = self.epoch.wrapping_add(1);
        self.queued.clear();
        self.done.clear();
        for slot in &mut self.slots {
            slot.state = SlotState::Idle;
        }
    }

    /// The device begins with the buffer that was queued first, if it streams.
    pub(crate) fn take(&mut self) -> Option<Taken> {
        if !self.streaming {
            return None;
        }
        let slot = self.queued.pop_front()?;
        self.slots[slot as usize].state = SlotState::Active;
        Some(Taken { slot, epoch: self.epoch })
    }

    /// Whether a slot that was taken still is.
    pub(crate) const fn is_current(&self, taken: Taken) -> bool {
        taken.epoch == self.epoch
    }

    /// The device gives up on a buffer, which is then the first in the queue again.
    pub(crate) fn put_back(&mut self, taken: Taken) {
        if self.is_current(taken) {
            self.slots[taken.slot as usize].state = SlotState::Queued;
            self.queued.push_front(taken.slot);
        }
    }

    /// The device ends with a buffer; says whether anybody still wants it.
    pub(crate) fn complete(&mut self, taken: Taken, done: Dequeued) -> bool {
        let current = self.is_current(taken);
        if current {
            self.slots[taken.slot as usize].state = SlotState::Done;
            self.done.push_back(done);
        }
        current
    }

    /// The buffer of a slot that was taken.
    pub(crate) fn buffer(&self, taken: Taken) -> Option<&DeviceBuffer> {
        if !self.is_current(taken) {
            return None;
        }
        self.slots.get(taken.slot as usize)?.buffer.as_ref()
    }

    /// Bytes of data and time stamp that a slot was queued with.
    pub(crate) fn queued_with(&self, taken: Taken) -> (u32, u64) {
        let slot = &self.slots[taken.slot as usize];
        (slot.bytes_used, slot.timestamp_ns)
    }

    /// Every slot's state and buffer.
    pub(crate) fn contents(&self) -> impl Iterator<Item = (SlotState, Option<FileIdentity>)> {
        self.slots.iter().map(|slot| (slot.state, slot.buffer.as_ref().map(|buffer| buffer.identity)))
    }

    /// Whether slots and lists agree; what is wrong, if not.
    pub(crate) fn discrepancy(&self) -> Option<String> {
        let count = |state| self.slots.iter().filter(|slot| slot.state == state).count();
        let (queued, done) = (count(SlotState::Queued), count(SlotState::Done));
        let agree = queued == self.queued.len() && done == self.done.len();
        (!agree).then(|| {
            format!(
                "{queued} slots are queued, {} listed; {done} done, {} listed",
                self.queued.len(),
                self.done.len()
            )
        })
    }
}

/// The length of a plane, which must have room for `bytes_min` and for its data.
fn checked_length(plane: QueuePlane<'_>, held_bytes: u64, bytes_min: u32) -> Answer<u32> {
    // videobuf2 takes the whole buffer where the user does not say how long it is.
    let whole = u32::try_from(held_bytes).unwrap_or(u32::MAX);
    let length = if plane.length == 0 { whole } else { plane.length };
    if u64::from(length) > held_bytes || length < bytes_min {
        let reason = format!("the buffer has {} bytes, {bytes_min} are needed", length.min(whole));
        return Err(Refusal::new(Errno::INVAL, reason));
    }
    if plane.bytes_used > length {
        let reason = format!("{} bytes of data in {length}", plane.bytes_used);
        return Err(Refusal::new(Errno::INVAL, reason));
    }
    Ok(length)
}
