//! `pinhole completions`: what shells complete command lines from.

use crate::arguments::{Arguments, CompletionsArguments};
use crate::console;
use crate::ending::{Ending, Failure};
use clap::CommandFactory;

/// Prints the script for a shell.
pub(crate) fn run(arguments: &CompletionsArguments) -> Result<Ending, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "pinhole", &mut script);
    console::answer(&String::from_utf8_lossy(&script))?;
    Ok(Ending::Done)
}
