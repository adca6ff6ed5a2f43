//! `cargo xtask arm`: builds for 64-bit ARM on a PC, and runs tests there in an emulator. Knows
//! which tests an emulator can run, and nothing of what they test.

mod compiler;

use crate::vm::place::Place;
use crate::vm::tools::{self, Tool};
use clap::{Parser, Subcommand};
use compiler::{Compiler, TARGET};
use pinhole::{Error, ErrorKind, Result};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

/// Builds for 64-bit ARM, and tests in an emulator.
#[derive(Parser)]
#[command(name = "cargo xtask arm")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Builds packages, as `cargo build` does, into target/arm/aarch64-unknown-linux-gnu
    Build {
        /// What `cargo build` is to get
        #[arg(last = true)]
        rest: Vec<OsString>,
    },
    /// Runs the workspace's tests but for those that are left out, of which it tells
    Test {
        /// What `cargo test` is to get instead of the packages
        #[arg(last = true)]
        rest: Vec<OsString>,
    },
}

/// Packages that are not tested as a whole, what of them is, and why not the rest.
const PARTS: &[(&str, &[&str], &str)] = &[
    ("xtask", &[], "chores run on the developer's machine"),
    ("pinhole-cli", &["--bins"], "see the next line"),
    (
        "pinhole-cli",
        &["--test", "command", "--", "list", "doctor"],
        "captures in real time cannot keep up in an emulator, and others take minutes",
    ),
    (
        "pinhole-kernel",
        &["--lib", "--", "layout"],
        "the emulator refuses the calls of drivers and buffers: they are tested in the virtual machine",
    ),
    ("pinhole-conformance", &[], "simulating and searching millions of events takes too long in an emulator"),
];

/// What is run of the others: all but the examples in the documentation, which are compiled by
/// another program than the rest.
const TARGETS: &[&str] = &["--lib", "--bins", "--tests", "--examples"];

const EMULATOR: Tool = Tool { program: "qemu-aarch64-static", package: "qemu-user-static" };
const LINKER: Tool =
    Tool { program: "aarch64-linux-gnu-gcc", package: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross" };

/// Where Debian has the C library that the linker takes.
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";

/// Random cases of each property test, unless `PROPTEST_CASES` says how many.
const CASES: &str = "8";

/// Runs the command with what follows `arm`.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let program = "cargo xtask arm".to_owned();
    let done = match Arguments::try_parse_from(std::iter::once(&program).chain(arguments)) {
        Ok(Arguments { chore: Chore::Build { rest } }) => build(&rest),
        Ok(Arguments { chore: Chore::Test { rest } }) => test(&rest),
        Err(error) => {
            // Help is no error; if it cannot be printed there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("arm: {error}");
            ExitCode::FAILURE
        }
    }
}

fn build(rest: &[OsString]) -> Result<()> {
    succeed(cargo(&ready()?, "build").args(rest))
}

fn test(rest: &[OsString]) -> Result<()> {
    let compiler = ready()?;
    if !rest.is_empty() {
        return succeed(cargo(&compiler, "test").args(rest));
    }
    let mut whole = cargo(&compiler, "test");
    whole.arg("--workspace").args(TARGETS);
    for (package, ..) in PARTS {
        whole.args(["--exclude", package]);
    }
    succeed(&mut whole)?;
    for (package, part, _) in PARTS.iter().filter(|(_, part, _)| !part.is_empty()) {
        succeed(cargo(&compiler, "test").args(["--package", package]).args(*part))?;
    }
    println!("left out: examples in the documentation");
    for (package, part, reason) in PARTS {
        let but = if part.is_empty() { String::new() } else { format!(" but {}", part.join(" ")) };
        println!("left out: {package}{but}: {reason}");
    }
    Ok(())
}

fn ready() -> Result<Compiler> {
    if cfg!(target_arch = "aarch64") {
        return Err(Error::new(ErrorKind::Unsupported, "building for another machine")
            .because("this machine is one of 64-bit ARM")
            .hint("cargo build and cargo test do it without this"));
    }
    tools::provide(&[LINKER, EMULATOR])?;
    let place = Place::find()?;
    let _alone = place.lock()?;
    Compiler::provide(&place)
}

/// A cargo that builds for ARM. What it makes is kept apart: another compiler made it.
fn cargo(compiler: &Compiler, chore: &str) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    cargo.args([chore, "--target", TARGET]);
    cargo.env("CARGO_TARGET_DIR", Path::new(&target).join("arm"));
    cargo.env(compiler::variable("LINKER"), LINKER.program);
    let emulator = format!("{} -L {LIBRARIES}", EMULATOR.program);
    cargo.env(compiler::variable("RUNNER"), &emulator).env("PINHOLE_RUNNER", emulator);
    if std::env::var_os("PROPTEST_CASES").is_none() {
        cargo.env("PROPTEST_CASES", CASES);
    }
    compiler.apply(&mut cargo);
    cargo
}

fn succeed(cargo: &mut Command) -> Result<()> {
    tools::succeed(cargo, "running cargo for ARM")
}
