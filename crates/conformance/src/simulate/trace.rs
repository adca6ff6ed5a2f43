//! What happened in a world: the last of it for people, all of it in a digest.

use pinhole::{ErrorKind, Timestamp};
use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Events that are kept.
const KEPT: usize = 48;

/// Something that an application did, or saw.
#[derive(Clone, Copy, Debug, Hash)]
pub(super) enum Happened {
    Acquired,
    NotAcquired(ErrorKind),
    Released,
    Configured { streams: u8, width: u32, height: u32 },
    NotConfigured(ErrorKind),
    Started { own_buffers: bool },
    NotStarted(ErrorKind),
    Stopped { requests_back: u16 },
    SessionDropped { requests: u16 },
    Queued { cookie: u64, streams: u8, fences: u8 },
    NotQueued { cookie: u64, kind: ErrorKind },
    Signalled,
    Completed { cookie: u64, sequence: u32 },
    Cancelled { cookie: u64, kind: ErrorKind },
    Frame { sequence: u32 },
    Failed(ErrorKind),
    Misused(&'static str),
    FaultsOn { rates: u8 },
    FaultsOff,
    Unplugged { isp: bool },
    Replugged,
    Recovering,
}

/// A line of the trace.
#[derive(Clone, Copy)]
struct Line {
    step: u64,
    time: Timestamp,
    camera: usize,
    what: Happened,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {:>6}  {}  camera {}  {:?}", self.step, self.time, self.camera, self.what)
    }
}

/// FNV-1a, 64 bits: the same on every machine, which the standard library's does not promise.
struct Digest(u64);

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u8(*byte);
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29);
    }
}

/// The trace of one world.
pub(super) struct Trace {
    lines: VecDeque<Line>,
    digest: Digest,
    steps: u64,
}

impl Trace {
    pub(super) fn new() -> Self {
        Self { lines: VecDeque::with_capacity(KEPT), digest: Digest(0xcbf2_9ce4_8422_2325), steps: 0 }
    }

    /// The next step of the world begins.
    pub(super) const fn begin_step(&mut self) {
        self.steps += 1;
    }

    pub(super) const fn steps(&self) -> u64 {
        self.steps
    }

    pub(super) fn note(&mut self, time: Timestamp, camera: usize, what: Happened) {
        (time.as_nanos(), camera as u64, what).hash(&mut self.digest);
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { step: self.steps, time, camera, what });
    }

    /// A number that differs wherever anything differed.
    pub(super) fn digest(&self) -> u64 {
        self.digest.finish()
    }

    /// The last events, a line each.
    pub(super) fn last(&self) -> Vec<String> {
        self.lines.iter().map(Line::to_string).collect()
    }
}
