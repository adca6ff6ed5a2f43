//! Every buffer that can come out of a camera's devices, known by identity.
//!
//! Internal buffers are entered at start and stay. The application's are entered when a
//! request first brings them and stay known (so that they keep their device slots) until the
//! table needs the place of the one used longest ago. All look-ups are O(1), and what the
//! table holds is bounded by the number it was made for.

use crate::fingerprint::Fingerprint;
use crate::lru::Lru;
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_buffer::{FrameMemory, Identity, Ledger, Owner, Token};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// Mixes the few integers of an identity; the keys are the kernel's, not an attacker's.
#[derive(Default)]
pub struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }
    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(26) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Most buffers that a table can be made for.
pub const CAPACITY_MAX: u16 = 511;

struct Entry {
    memory: Arc<FrameMemory>,
    /// The token of a buffer that is in the application's hands.
    parked: Option<Token>,
    internal: bool,
}

/// The known buffers, and the ledger of their owners.
pub struct BufferTable {
    ledger: Ledger,
    entries: Vec<Option<Entry>>,
    by_identity: HashMap<Identity, u16, BuildHasherDefault<IdentityHasher>>,
    idle: Lru<{ CAPACITY_MAX as usize + 1 }>,
}

impl BufferTable {
    /// A table for at most `capacity` buffers.
    ///
    /// # Panics
    /// That is more than [`CAPACITY_MAX`].
    pub fn new(capacity: u16) -> Self {
        assert!(capacity <= CAPACITY_MAX, "a table for {capacity} buffers is too large");
        Self {
            ledger: Ledger::new(capacity),
            entries: (0..capacity).map(|_| None).collect(),
            by_identity: HashMap::with_capacity_and_hasher(
                usize::from(capacity) * 2,
                BuildHasherDefault::default(),
            ),
            idle: Lru::default(),
        }
    }

    /// How many buffers it can hold.
    pub fn capacity(&self) -> u16 {
        self.entries.len() as u16
    }

    /// Enters an internal buffer; it belongs to the pool.
    ///
    /// # Errors
    /// The table is full.
    pub fn enter_internal(&mut self, memory: Arc<FrameMemory>) -> Result<Token> {
        self.enter(memory, Owner::Pool, true).ok_or_else(full)
    }

    /// Takes a buffer out of the application's hands: its token, and the number of the buffer
    /// whose place it took, if any, so that its device slots can be forgotten.
    ///
    /// # Errors
    /// The buffer is in use already (it was queued through another descriptor), is one of the
    /// camera's own, or every known buffer is in use.
    #[inline(always)]
    pub fn adopt(&mut self, memory: &Arc<FrameMemory>) -> Result<(Token, Option<usize>)> {
        let place = memory.place();
        match self.entries.get_mut(usize::from(place)) {
            Some(Some(entry)) if Arc::ptr_eq(&entry.memory, memory) => {
                let token = entry.parked.take().ok_or_else(in_use)?;
                Ok((self.take_up(token), None))
            }
            _ => self.adopt_other(memory),
        }
    }

    /// Takes a buffer that is known through another descriptor, or not at all.
    #[cold]
    fn adopt_other(&mut self, memory: &Arc<FrameMemory>) -> Result<(Token, Option<usize>)> {
        if let Some(place) = self.by_identity.get(&memory.identity()) {
            let entry = self.entries[usize::from(*place)].as_mut().expect("an identity leads to an entry");
            let token = entry.parked.take().ok_or_else(in_use)?;
            return Ok((self.take_up(token), None));
        }
        let evicted = self.make_room();
        let token = self.enter(Arc::clone(memory), Owner::Waiting, false).ok_or_else(full)?;
        Ok((token, evicted))
    }

    #[inline]
    fn take_up(&mut self, token: Token) -> Token {
        self.idle.remove(token.index() as u16);
        self.ledger.transfer(&token, Owner::Application, Owner::Waiting);
        token
    }

    /// Gives a buffer back into the application's hands.
    #[inline(always)]
    pub fn park(&mut self, token: Token, from: Owner) {
        self.ledger.transfer(&token, from, Owner::Application);
        let index = token.index();
        let entry = self.entries[index].as_mut().expect("a token leads to an entry");
        entry.parked = Some(token);
        self.idle.push(index as u16);
    }

    /// Moves a buffer from one owner to another; see [`Ledger::transfer`].
    #[inline(always)]
    pub fn transfer(&mut self, token: &Token, from: Owner, to: Owner) {
        self.ledger.transfer(token, from, to);
    }

    /// The memory of a buffer.
    ///
    /// # Panics
    /// There is no such buffer.
    #[inline]
    pub fn memory(&self, index: usize) -> &Arc<FrameMemory> {
        &self.entries[index].as_ref().expect("the buffer is known").memory
    }

    /// Whether a buffer is the camera's own.
    #[inline]
    pub fn is_internal(&self, token: &Token) -> bool {
        self.entries[token.index()].as_ref().is_some_and(|entry| entry.internal)
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How many buffers are known.
    pub fn len(&self) -> usize {
        self.by_identity.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.by_identity.is_empty()
    }

    /// Takes itself in. Which buffer was used longest ago is left out: it matters only in a
    /// table that is full.
    pub fn fingerprint(&self, into: &mut Fingerprint) {
        let Self { ledger, entries, by_identity, idle: _ } = self;
        into.put(by_identity.len());
        let known = entries.iter().enumerate().filter_map(|(index, entry)| Some((index, entry.as_ref()?)));
        for (index, Entry { memory: _, parked, internal }) in known.take(by_identity.len()) {
            into.buffer(index);
            into.put((ledger.owner(index), parked.is_some(), *internal));
        }
    }

    fn enter(&mut self, memory: Arc<FrameMemory>, owner: Owner, internal: bool) -> Option<Token> {
        let token = self.ledger.admit(owner)?;
        self.by_identity.insert(memory.identity(), token.index() as u16);
        memory.set_place(token.index() as u16);
        self.entries[token.index()] = Some(Entry { memory, parked: None, internal });
        Some(token)
    }

    fn make_room(&mut self) -> Option<usize> {
        if self.by_identity.len() < self.entries.len() {
            return None;
        }
        let index = usize::from(self.idle.pop_oldest()?);
        let entry = self.entries[index].take().expect("the list holds known buffers");
        let token = entry.parked.expect("the list holds buffers of the application");
        self.by_identity.remove(&entry.memory.identity());
        self.ledger.retire(token, Owner::Application);
        Some(index)
    }
}

#[cold]
fn in_use() -> Error {
    Error::new(ErrorKind::Busy, "queueing a request")
        .because("one of its buffers is in use already, through another descriptor")
        .hint("wait until the request that holds it has completed")
}

#[cold]
fn full() -> Error {
    Error::new(ErrorKind::LimitReached, "queueing a request")
        .because("every buffer that can be known is in use")
}
