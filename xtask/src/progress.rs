//! Says how far a chore has come, on standard error, if it takes over a second.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Who says it: over and over in one line on a terminal, seldom elsewhere.
pub(crate) struct Teller {
    started: Instant,
    told: Option<Instant>,
    overwrites: bool,
}

impl Teller {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), told: None, overwrites: std::io::stderr().is_terminal() }
    }

    /// Says it if it is time.
    pub(crate) fn tell(&mut self, progress: impl FnOnce() -> String) {
        let pause = Duration::from_millis(if self.overwrites { 200 } else { 5000 });
        let due = self.told.map_or(Duration::from_secs(1), |told| told.duration_since(self.started) + pause);
        if self.started.elapsed() < due {
            return;
        }
        self.told = Some(Instant::now());
        let (start, end) = if self.overwrites { ("\r", "") } else { ("", "\n") };
        eprint!("{start}{}{end}", progress());
        // A progress that cannot be shown is no reason to end.
        let _ = std::io::stderr().flush();
    }

    /// Leaves the line.
    pub(crate) fn end(&self) {
        if self.overwrites && self.told.is_some() {
            eprintln!();
        }
    }
}
