//! `cargo xtask arm`: builds for 64-bit ARM on a PC, and runs tests there in an emulator. Knows
//! which tests are worth an emulator's time, and nothing of how they test.

mod compiler;

use crate::cargo::{MESSAGES, executable};
use crate::vm::place::Place;
use crate::vm::tools::{self, Tool};
use clap::{Parser, Subcommand};
use compiler::{Compiler, TARGET};
use pinhole::{Error, ErrorKind, Result};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

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
    /// Compiles all, and runs the tests of what can differ between machines, of which it tells
    Test {
        /// What `cargo test` is to get: runs that instead
        #[arg(last = true)]
        rest: Vec<OsString>,
    },
}

/// Tests that are worth an emulator's time.
struct Worth {
    package: &'static str,
    /// What cargo calls the program: the library's own tests have the library's name.
    target: &'static str,
    arguments: &'static [&'static str],
    why: &'static str,
}

const fn worth(
    package: &'static str,
    target: &'static str,
    arguments: &'static [&'static str],
    why: &'static str,
) -> Worth {
    Worth { package, target, arguments, why }
}

/// What can differ between machines: vectors, and how bytes lie. The rest is portable, and compiled.
const WORTH: &[Worth] = &[
    worth("pinhole-simd", "pinhole_simd", &[], "NEON's vectors"),
    worth("pinhole-imaging", "pinhole_imaging", &[], "what is made of them"),
    worth("pinhole-imaging", "steps", &[], "the same, alone"),
    worth("pinhole-imaging", "twin", &[], "the same, beside arithmetic without vectors"),
    worth("pinhole-files", "pinhole_files", &[], "files' bytes, and JPEGs coded by vectors"),
    worth("pinhole-device", "pinhole_device", &[], "structures of the ISP"),
    worth(
        "pinhole-kernel",
        "pinhole_kernel",
        &["layout"],
        "structures of the kernel; the emulator refuses its calls",
    ),
    worth("pinhole-conformance", "simulated", &["imx219::"], "the pipeline, on one simulated camera"),
];

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
    succeed(cargo(&compiler, "check").args(["--workspace", "--all-targets"]))?;
    let messages = tools::output(&mut building(&compiler), "building tests for ARM")?;
    for worth in WORTH {
        println!("{}: {}", worth.target, worth.why);
        emulate(worth, &messages)?;
    }
    println!(
        "compiled only: all else, which is the same on every machine; \
         `cargo xtask arm test -- --package …` runs a package's tests here, `cargo xtask vm` under an ARM kernel"
    );
    Ok(())
}

/// A cargo that builds all tests that are worth it, in one go.
fn building(compiler: &Compiler) -> Command {
    let mut cargo = cargo(compiler, "test");
    cargo.args(["--no-run", "--quiet", "--lib"]).args(MESSAGES).stderr(Stdio::inherit());
    for Worth { package, target, .. } in WORTH {
        cargo.args(["--package", package]);
        if *target != package.replace('-', "_") {
            cargo.args(["--test", target]);
        }
    }
    cargo
}

fn emulate(worth: &Worth, messages: &[u8]) -> Result<()> {
    let doing = "testing for ARM";
    let program = executable(messages, worth.target).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, doing).at(worth.target).because("cargo names no program")
    })?;
    let mut emulator = Command::new(EMULATOR.program);
    emulator.args(["-L", LIBRARIES]).arg(program).args(worth.arguments).arg("--quiet");
    emulator.current_dir(env!("CARGO_MANIFEST_DIR")).env("PROPTEST_CASES", cases());
    tools::succeed(&mut emulator, doing)
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
    let mut cargo = Command::new(crate::cargo::program());
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    cargo.args([chore, "--target", TARGET]);
    cargo.env("CARGO_TARGET_DIR", Path::new(&target).join("arm"));
    cargo.env(compiler::variable("LINKER"), LINKER.program);
    let emulator = format!("{} -L {LIBRARIES}", EMULATOR.program);
    cargo.env(compiler::variable("RUNNER"), &emulator).env("PINHOLE_RUNNER", emulator);
    cargo.env("PROPTEST_CASES", cases());
    compiler.apply(&mut cargo);
    cargo
}

fn cases() -> OsString {
    std::env::var_os("PROPTEST_CASES").unwrap_or_else(|| CASES.into())
}

fn succeed(cargo: &mut Command) -> Result<()> {
    tools::succeed(cargo, "running cargo for ARM")
}
