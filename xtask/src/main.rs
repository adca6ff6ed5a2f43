//! Chores of the project: `cargo xtask <command>`.

mod arm;
mod bench;
mod cargo;
mod mutate;
mod progress;
mod quality;
mod search;
mod simulate;
mod tidy;
mod vm;

use std::process::ExitCode;

/// Runs a command on the arguments that follow its name.
type Command = fn(&[String]) -> ExitCode;

/// The commands.
const COMMANDS: &[(&str, Command)] = &[
    ("arm", arm::run),
    ("bench", bench::run),
    ("quality", quality::run),
    ("search", search::run),
    ("simulate", simulate::run),
    ("tidy", tidy::run),
    ("mutate", mutate::run),
    ("vm", vm::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted = arguments.first().map_or("", String::as_str);
    if let Some((_, run)) = COMMANDS.iter().find(|(name, _)| *name == wanted) {
        return run(&arguments[1..]);
    }
    let names: Vec<_> = COMMANDS.iter().map(|(name, _)| *name).collect();
    eprintln!("usage: cargo xtask <{}>", names.join("|"));
    ExitCode::from(2)
}
