//! Device slots: which buffer lies in which place of a driver's queue.
//!
//! Drivers remember what they found out of a descriptor (its attachment, its mapping) with
//! the slot it was queued into, so a buffer keeps its slot for as long as it can. When all
//! slots are taken, the one whose buffer was used longest ago is given to another.

use crate::fingerprint::Fingerprint;
use crate::lru::Lru;

const NONE: u16 = u16::MAX;

/// Most slots of a device that are used; V4L2 grants 32.
pub const SLOTS_MAX: u16 = 63;

/// The slots of one device queue.
#[derive(Debug)]
pub struct Slots {
    buffer_in: Vec<u16>,
    slot_of: Vec<u16>,
    idle: Lru<{ SLOTS_MAX as usize + 1 }>,
}

impl Slots {
    /// `count` empty slots, but at most [`SLOTS_MAX`], for buffers numbered below `buffers`.
    pub fn new(count: u16, buffers: u16) -> Self {
        let count = count.min(SLOTS_MAX);
        let mut idle = Lru::default();
        (0..count).for_each(|slot| idle.push(slot));
        Self { buffer_in: vec![NONE; usize::from(count)], slot_of: vec![NONE; usize::from(buffers)], idle }
    }

    /// A slot for a buffer that goes to the device now: its own, else a free one, else the
    /// one used longest ago. `None` if the device has every slot.
    #[inline]
    pub fn take(&mut self, buffer: usize) -> Option<u16> {
        let own = self.slot_of[buffer];
        if own != NONE && self.idle.remove(own) {
            return Some(own);
        }
        self.take_oldest(buffer)
    }

    fn take_oldest(&mut self, buffer: usize) -> Option<u16> {
        let slot = self.idle.pop_oldest()?;
        let evicted = std::mem::replace(&mut self.buffer_in[usize::from(slot)], buffer as u16);
        if evicted != NONE {
            self.slot_of[usize::from(evicted)] = NONE;
        }
        self.slot_of[buffer] = slot;
        Some(slot)
    }

    /// The device is done with a slot; its buffer stays known there.
    #[inline]
    pub fn give_back(&mut self, slot: u16) {
        self.idle.push(slot);
    }

    /// A buffer is known no more. A queue that is not in use never knew it.
    pub fn forget(&mut self, buffer: usize) {
        let Some(slot) = self.slot_of.get_mut(buffer) else { return };
        let slot = std::mem::replace(slot, NONE);
        if slot != NONE {
            self.buffer_in[usize::from(slot)] = NONE;
        }
    }

    /// Takes itself in.
    pub fn fingerprint(&self, into: &mut Fingerprint) {
        let Self { buffer_in, slot_of: _, idle } = self; // Each slot knows its buffer.
        for buffer in buffer_in {
            into.buffer_if_any((*buffer != NONE).then_some(usize::from(*buffer)));
        }
        idle.iter().for_each(|slot| into.put(slot));
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.buffer_in.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_keeps_its_slot_while_others_come_and_go() {
        let mut slots = Slots::new(2, 8);
        let first = slots.take(5).unwrap();
        slots.give_back(first);
        let other = slots.take(6).unwrap();
        slots.give_back(other);
        assert_eq!(slots.take(5), Some(first));
    }

    #[test]
    fn the_slot_used_longest_ago_is_reused_and_none_when_all_are_busy() {
        let mut slots = Slots::new(2, 8);
        let a = slots.take(0).unwrap();
        let b = slots.take(1).unwrap();
        assert_eq!(slots.take(2), None);
        slots.give_back(b);
        slots.give_back(a);
        assert_eq!(slots.take(2), Some(b));
        slots.give_back(b);
        assert_eq!(slots.take(1), Some(a), "slot {a} was used before slot {b}");
    }
}
