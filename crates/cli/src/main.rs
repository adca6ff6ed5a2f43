//! The `pinhole` command.
//!
//! A thin shell round the `pinhole` crate: it reads the command line, says what happens, and
//! writes files. It knows nothing of devices, pipelines or pixels.

mod arguments;
mod beginning;
mod capture;
mod completions;
mod console;
mod develop;
mod doctor;
mod ending;
mod frames;
mod inspect;
mod interrupt;
mod json;
mod list;
mod output;
mod parsing;
mod plan;
mod progress;
mod raw_file;
mod simulation;
mod sink;
mod still;
mod summary;

use arguments::{Arguments, Command};
use clap::Parser;
use ending::{Ending, Failure};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return ending::of_parsing(&error),
    };
    ending::exit_code(run(&arguments.command))
}

fn run(command: &Command) -> Result<Ending, Failure> {
    match command {
        Command::List(arguments) => list::run(arguments),
        Command::Capture(arguments) => capture::run(arguments),
        Command::Still(arguments) => still::run(arguments),
        Command::Develop(arguments) => develop::run(arguments),
        Command::Inspect(arguments) => inspect::run(arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Completions(arguments) => completions::run(arguments),
    }
}
