//! What the command says: remarks on standard error, answers on standard output.

use pinhole::{Error, Result};
use std::io::{self, ErrorKind, Write};

/// Says something on standard error.
pub(crate) fn say(text: &str) {
    // Nobody is left to tell if it cannot be written.
    let _ = writeln!(io::stderr().lock(), "pinhole: {text}");
}

/// Writes lines of a report to standard error, as they are.
pub(crate) fn report(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes an answer to standard output. A reader that has read enough is no failure.
///
/// # Errors
/// Standard output cannot be written to.
pub(crate) fn answer(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::from_io(&error, "writing the answer").at("standard output"))
        }
        _ => Ok(()),
    }
}
