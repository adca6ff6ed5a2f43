//! Telling states apart: all that decides what a pipeline will do, as one number. For searches
//! that turn back where they have been before.
//!
//! Two states with one fingerprint have the same future, but for what buffers are numbered and
//! what the clock shows: buffers are renamed in the order in which they are met, and times are
//! taken from now. What can only be counted or read afterwards stays out.
//!
//! Whoever takes part destructures itself, so that a new field does not build before somebody
//! has said whether it matters.

use pinhole_base::Timestamp;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A fingerprint that is being taken.
pub struct Fingerprint {
    hasher: DefaultHasher,
    now: Timestamp,
    coming: Timestamp,
    /// Buffers met so far.
    met: Vec<usize>,
}

impl Fingerprint {
    /// Begins one, of a state at the time `now`, when no frame will come that began before
    /// `coming`.
    pub fn new(now: Timestamp, coming: Timestamp) -> Self {
        Self { hasher: DefaultHasher::new(), now, coming, met: Vec::with_capacity(16) }
    }

    /// No frame will come that began earlier.
    pub fn coming(&self) -> Timestamp {
        self.coming
    }

    /// Takes in what matters as it is.
    pub fn put(&mut self, value: impl Hash) {
        value.hash(&mut self.hasher);
    }

    /// Takes in a time.
    pub fn time(&mut self, time: Timestamp) {
        self.put(time.0.wrapping_sub(self.now.0));
    }

    /// Takes in a time that there may be.
    pub fn time_if_any(&mut self, time: Option<Timestamp>) {
        self.put(time.is_some());
        time.into_iter().for_each(|time| self.time(time));
    }

    /// Takes in a buffer by its number in the pipeline's table.
    pub fn buffer(&mut self, index: usize) {
        let name = self.met.iter().position(|met| *met == index).unwrap_or_else(|| {
            self.met.push(index);
            self.met.len() - 1
        });
        self.put(name);
    }

    /// Takes in a buffer that there may be.
    pub fn buffer_if_any(&mut self, index: Option<usize>) {
        self.put(index.is_some());
        index.into_iter().for_each(|index| self.buffer(index));
    }

    /// The number.
    pub fn finish(&self) -> u64 {
        self.hasher.finish()
    }
}
