//! What became of frames that no application saw, and what others lacked.

use std::fmt;

macro_rules! causes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal),+ $(,)?) => {
        /// Why a frame was not delivered, or lacked something.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum DropCause { $($(#[doc = $doc])+ $name),+ }

        impl DropCause {
            /// All causes.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The cause in words.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

causes! {
    /// Hidden while the sensor settled after the start.
    StartUp = "hidden at start-up",
    /// No request wanted it before a newer one came.
    Unrequested = "no request wanted it",
    /// The receiver's numbers show that it never reached a buffer.
    Receiver = "lost by the receiver",
    /// Two frames came with the same number, as from a driver that is late; both were delivered.
    Duplicate = "delivered with the number of the one before",
    /// Its embedded data never came; it was delivered without.
    EmbeddedLost = "delivered without its embedded data",
    /// Its embedded data came without it.
    ImageLost = "embedded data without a frame",
    /// A device refused one of its buffers or controls.
    Refused = "a device refused it",
    /// The control algorithms did not answer in time, or nonsense.
    Algorithms = "the algorithms did not answer",
    /// A fence did not signal in time.
    Fence = "a fence did not signal",
    /// The application asked for a newer one.
    Superseded = "the application wanted a newer one",
    /// A device returned a buffer that it did not have.
    Impossible = "a device returned a buffer it did not have",
}

/// How often each cause was at work since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropCounters([u64; DropCause::ALL.len()]);

impl DropCounters {
    /// Counts one more.
    pub fn count(&mut self, cause: DropCause) {
        self.add(cause, 1);
    }

    /// Counts several more.
    pub fn add(&mut self, cause: DropCause, times: u64) {
        self.0[cause as usize] += times;
    }

    /// Counts the frames between two that came one after the other (before the first: those
    /// since the stream began), which the receiver had no buffer for if it was starved.
    #[cold]
    pub fn count_gap(&mut self, last: Option<u32>, sequence: u32, starved: bool) {
        let gap = sequence.wrapping_sub(last.map_or(0, |last| last.wrapping_add(1)));
        if last == Some(sequence) {
            self.count(DropCause::Duplicate);
        } else if gap < u32::MAX / 2 {
            let starved = starved || last.is_none();
            self.add(if starved { DropCause::Unrequested } else { DropCause::Receiver }, u64::from(gap));
        }
    }

    /// How often.
    pub fn of(&self, cause: DropCause) -> u64 {
        self.0[cause as usize]
    }

    /// The causes that were at work, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (DropCause, u64)> + '_ {
        DropCause::ALL.iter().map(|cause| (*cause, self.of(*cause))).filter(|(_, times)| *times > 0)
    }
}

impl fmt::Display for DropCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for (cause, times) in self.iter() {
            write!(f, "{comma}{times} {}", cause.text())?;
            comma = ", ";
        }
        if comma.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}
