//! The buffers of a world's applications: where each is, and what was in it when its
//! application got it back. Knows nothing of cameras.

use super::dice::Dice;
use super::{Checked, violated};
use pinhole::sim::STAMP_BYTES;
use pinhole::{FrameBuffer, FrameMemory};
use std::collections::HashMap;
use std::os::fd::AsFd;
use std::sync::Arc;

/// The bytes by which a frame is known.
pub(super) type Opening = [u8; STAMP_BYTES];

/// How often a search for a buffer looks.
const LOOKS: u32 = 12;

struct Item {
    memory: Arc<FrameMemory>,
    bytes: u64,
    /// In so many requests that are under way.
    flying: u32,
    /// What it began with when it came back, for those that ever did.
    seen: Option<Opening>,
}

/// All buffers that applications have or lend to cameras.
#[derive(Default)]
pub(super) struct Stock {
    items: Vec<Item>,
    by_file: HashMap<(u64, u64), usize>,
}

fn file_of(memory: &FrameMemory) -> (u64, u64) {
    let identity = memory.identity();
    (identity.device, identity.inode)
}

/// What a buffer begins with, read without mapping it.
pub(super) fn opening(memory: &FrameMemory) -> Opening {
    let mut bytes = [0; STAMP_BYTES];
    let read = rustix::io::pread(memory.planes()[0].as_fd(), &mut bytes[..], 0);
    assert!(read.is_ok_and(|read| read == bytes.len()), "a buffer cannot be read: {memory:?}");
    bytes
}

impl Stock {
    pub(super) fn add(&mut self, memory: Arc<FrameMemory>) {
        self.by_file.insert(file_of(&memory), self.items.len());
        let bytes = memory.bytes();
        self.items.push(Item { memory, bytes, flying: 0, seen: None });
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Forgets every buffer that is in no request and for which the dice fall so.
    pub(super) fn thin(&mut self, dice: &mut Dice, keep_one_in: u64) {
        let mut flying_moved = false;
        self.items.retain(|item| {
            let keep = item.flying > 0 || dice.one_in(keep_one_in);
            flying_moved |= !keep;
            keep
        });
        if flying_moved {
            let files = self.items.iter().enumerate().map(|(at, item)| (file_of(&item.memory), at));
            self.by_file = files.collect();
        }
    }

    /// A buffer in no request for which `fits` holds, if a few looks find one.
    fn find(&self, dice: &mut Dice, fits: impl Fn(u64) -> bool) -> Option<usize> {
        if self.items.is_empty() {
            return None;
        }
        let look = |_| dice.below(self.items.len() as u64) as usize;
        (0..LOOKS).map(look).find(|at| {
            let item = &self.items[*at];
            item.flying == 0 && fits(item.bytes)
        })
    }

    /// A buffer for a frame of that many bytes.
    pub(super) fn find_fitting(&self, dice: &mut Dice, bytes: u64) -> Option<usize> {
        self.find(dice, |has| has >= bytes)
    }

    /// A buffer that is too small for a frame of that many bytes.
    pub(super) fn find_misfit(&self, dice: &mut Dice, bytes: u64) -> Option<usize> {
        self.find(dice, |has| has < bytes)
    }

    /// Lends a buffer to a request.
    ///
    /// # Errors
    /// Somebody wrote to it while it was the application's.
    pub(super) fn take_off(&mut self, at: usize) -> Checked<FrameBuffer> {
        let item = &mut self.items[at];
        if item.flying == 0 && item.seen.is_some_and(|seen| seen != opening(&item.memory)) {
            return violated(format!("buffer {:?} was written after it was handed back", item.memory));
        }
        item.flying += 1;
        let mut buffer = FrameBuffer::new(Arc::clone(&item.memory));
        buffer.cookie = item.memory.identity().inode;
        Ok(buffer)
    }

    /// Lends a buffer that a request has already a second time.
    pub(super) fn take_off_again(&mut self, memory: &Arc<FrameMemory>) -> Checked<FrameBuffer> {
        match self.by_file.get(&file_of(memory)) {
            Some(at) => self.take_off(*at),
            None => violated(format!("nobody has lent {memory:?}")),
        }
    }

    /// A buffer came back, or its request is gone.
    pub(super) fn land(&mut self, memory: &FrameMemory) -> Checked<Opening> {
        let Some(at) = self.by_file.get(&file_of(memory)) else {
            return violated(format!("a buffer came back that nobody has lent: {memory:?}"));
        };
        let item = &mut self.items[*at];
        let Some(flying) = item.flying.checked_sub(1) else {
            return violated(format!("a buffer came back twice: {memory:?}"));
        };
        item.flying = flying;
        let seen = opening(memory);
        item.seen = Some(seen);
        Ok(seen)
    }

    /// Whether a file is a buffer that no request has.
    pub(super) fn is_at_home(&self, file: (u64, u64)) -> bool {
        self.by_file.get(&file).is_some_and(|at| self.items[*at].flying == 0)
    }
}
