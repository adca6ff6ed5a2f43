//! The ledger: one owner for every buffer at every moment.
//!
//! Whoever may act on a buffer holds its [`Token`]. Tokens cannot be cloned, only moved and
//! handed back; the ledger keeps, for every buffer it has admitted, who holds the token now,
//! and refuses (by a panic that names the buffer and both owners) any move that does not
//! start from that owner. The table costs a few instructions a move and stays on in release
//! builds: a buffer in two places is worse than a crash.
//!
//! Each admission has a generation, so that a token or an index that outlived its buffer is
//! told from the buffer that has its place now.

use std::fmt;

/// Who holds a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The application, or a request that is being given back to it.
    Application,
    /// A stream's pool of internal buffers.
    Pool,
    /// A stream's list of buffers that wait for a place in the device.
    Waiting,
    /// The device behind the stream of that number.
    Device(u8),
    /// The queues in which images and embedded data find each other, and the frame that is
    /// being processed.
    Matching,
    /// The control algorithms.
    Algorithms,
}

/// The right to act on one buffer. Move-only: whoever has it, has the buffer.
#[must_use = "a token that is dropped is a buffer that is lost"]
#[derive(PartialEq, Eq)]
pub struct Token {
    index: u16,
    generation: u16,
}

impl Token {
    /// The buffer's place in the ledger.
    pub const fn index(&self) -> usize {
        self.index as usize
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.index, self.generation)
    }
}

#[derive(Clone, Copy)]
struct Entry {
    generation: u16,
    owner: Option<Owner>,
}

/// The table of owners. Holds at most as many buffers as it was made for.
pub struct Ledger {
    entries: Vec<Entry>,
    free: Vec<u16>,
}

impl Ledger {
    /// A ledger for `capacity` buffers, at most 65,535.
    pub fn new(capacity: u16) -> Self {
        Self {
            entries: vec![Entry { generation: 0, owner: None }; usize::from(capacity)],
            free: (0..capacity).rev().collect(),
        }
    }

    /// Enters a buffer. `None` if the ledger is full.
    pub fn admit(&mut self, owner: Owner) -> Option<Token> {
        let index = self.free.pop()?;
        let entry = &mut self.entries[usize::from(index)];
        entry.owner = Some(owner);
        Some(Token { index, generation: entry.generation })
    }

    /// Moves a buffer from one owner to another.
    ///
    /// # Panics
    /// The buffer is not `from`'s: an invariant of the pipeline is broken.
    #[inline(always)]
    pub fn transfer(&mut self, token: &Token, from: Owner, to: Owner) {
        let entry = &mut self.entries[token.index()];
        if entry.generation != token.generation || entry.owner != Some(from) {
            broken(token, entry, from, Some(to));
        }
        entry.owner = Some(to);
    }

    /// Strikes a buffer off.
    ///
    /// # Panics
    /// The buffer is not `from`'s.
    #[expect(clippy::needless_pass_by_value, reason = "the right to the buffer ends here")]
    pub fn retire(&mut self, token: Token, from: Owner) {
        let entry = &mut self.entries[token.index()];
        if entry.generation != token.generation || entry.owner != Some(from) {
            broken(&token, entry, from, None);
        }
        entry.owner = None;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(token.index);
    }

    /// Takes a buffer from whoever has it, at a stop or after a failure: the old token is
    /// void from now on, and the new one belongs to `to`. `None` if no such buffer is entered.
    pub fn reclaim(&mut self, index: usize, to: Owner) -> Option<Token> {
        let entry = self.entries.get_mut(index)?;
        entry.owner?;
        entry.generation = entry.generation.wrapping_add(1);
        entry.owner = Some(to);
        Some(Token { index: index as u16, generation: entry.generation })
    }

    /// Who holds the buffer at that place.
    pub fn owner(&self, index: usize) -> Option<Owner> {
        self.entries.get(index)?.owner
    }

    /// Whether the token is still good.
    pub fn is_current(&self, token: &Token) -> bool {
        let entry = &self.entries[token.index()];
        entry.generation == token.generation && entry.owner.is_some()
    }

    /// The owners of all buffers, in the order of their places.
    pub fn owners(&self) -> impl Iterator<Item = Owner> + '_ {
        self.entries.iter().filter_map(|entry| entry.owner)
    }

    /// How many buffers an owner holds.
    pub fn held_by(&self, owner: Owner) -> usize {
        self.owners().filter(|holder| *holder == owner).count()
    }

    /// How many buffers are entered.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cold]
fn broken(token: &Token, entry: &Entry, from: Owner, to: Option<Owner>) -> ! {
    panic!(
        "buffer {token:?} cannot go from {from:?} to {to:?}: generation {} of it is held by {:?}",
        entry.generation, entry.owner
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_moves_only_from_its_owner() {
        let mut ledger = Ledger::new(2);
        let token = ledger.admit(Owner::Pool).unwrap();
        ledger.transfer(&token, Owner::Pool, Owner::Device(0));
        assert_eq!(ledger.owner(token.index()), Some(Owner::Device(0)));
        assert_eq!(ledger.held_by(Owner::Pool), 0);
    }

    #[test]
    #[should_panic(expected = "cannot go from Pool")]
    fn queueing_twice_is_caught() {
        let mut ledger = Ledger::new(1);
        let token = ledger.admit(Owner::Pool).unwrap();
        ledger.transfer(&token, Owner::Pool, Owner::Device(0));
        ledger.transfer(&token, Owner::Pool, Owner::Device(0));
    }

    #[test]
    #[should_panic(expected = "cannot go from Pool")]
    fn a_stale_token_is_caught_after_its_place_was_given_away() {
        let mut ledger = Ledger::new(1);
        let stale = ledger.admit(Owner::Pool).unwrap();
        let fresh = ledger.reclaim(stale.index(), Owner::Pool).unwrap();
        assert!(ledger.is_current(&fresh));
        ledger.transfer(&stale, Owner::Pool, Owner::Waiting);
    }

    #[test]
    fn a_full_ledger_admits_no_more_until_one_retires() {
        let mut ledger = Ledger::new(1);
        let token = ledger.admit(Owner::Application).unwrap();
        assert!(ledger.admit(Owner::Pool).is_none());
        ledger.retire(token, Owner::Application);
        assert!(ledger.is_empty());
        assert!(ledger.admit(Owner::Pool).is_some());
    }
}
