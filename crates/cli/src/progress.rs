//! A line on the terminal that says how far a capture, or other work, has come. Elsewhere nothing is said.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Time between two looks of the line.
const INTERVAL: Duration = Duration::from_millis(100);

/// The line.
pub(crate) struct Progress {
    terminal: bool,
    what: &'static str,
    count: u64,
    begun: Instant,
    told: Option<Instant>,
}

impl Progress {
    /// A line for so many of what is counted; 0: nobody knows how many.
    pub(crate) fn new(what: &'static str, count: u64) -> Self {
        Self { what, terminal: io::stderr().is_terminal(), count, begun: Instant::now(), told: None }
    }

    /// Shows how many there are now, unless it did just before.
    pub(crate) fn show(&mut self, frames: u64) {
        if !self.terminal || self.told.is_some_and(|told| told.elapsed() < INTERVAL) {
            return;
        }
        self.told = Some(Instant::now());
        let rate = frames as f64 / self.begun.elapsed().as_secs_f64().max(1e-3);
        let of = if self.count == 0 { String::new() } else { format!(" of {}", self.count) };
        let _ = write!(io::stderr(), "\r\x1b[K{} {frames}{of}, {rate:.1} a second", self.what);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.told.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
