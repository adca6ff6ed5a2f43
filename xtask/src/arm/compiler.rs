//! A Rust compiler for 64-bit ARM: the one in use, where it has ARM's standard library, or else
//! Debian's, fetched and unpacked without installing it.

use crate::vm::apt::Archive;
use crate::vm::place::{Place, at, remove_folder, write};
use crate::vm::tools;
use pinhole::{Error, ErrorKind, Result};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is built for.
pub(super) const TARGET: &str = "aarch64-unknown-linux-gnu";

/// The packages of Debian's compiler beside those that depend on its version.
const PACKAGES: [&str; 3] = ["rustc-web", "libstd-rust-web-dev", "libz3-4"];

/// A compiler.
pub(super) struct Compiler {
    /// The program; `None` for the one in use.
    program: Option<PathBuf>,
}

impl Compiler {
    /// Finds one, or fetches one.
    pub(super) fn provide(place: &Place) -> Result<Self> {
        if has_library(Path::new(&in_use())) {
            return Ok(Self { program: None });
        }
        let folder = place.cache.join("rust-arm64");
        let program = folder.join("rustc");
        if !program.exists() {
            fetch(place, &folder)?;
            write_starter(&folder, &program)?;
        }
        if has_library(&program) {
            return Ok(Self { program: Some(program) });
        }
        Err(Error::new(ErrorKind::NotFound, "looking for a Rust compiler for ARM")
            .at(program.display().to_string())
            .because("it does not start, or has no library for ARM")
            .hint("on Debian: sudo apt-get install libedit2 libxml2; or: rustup target add aarch64-unknown-linux-gnu"))
    }

    /// Makes cargo use it.
    pub(super) fn apply(&self, cargo: &mut Command) {
        if let Some(program) = &self.program {
            cargo.env("RUSTC", program);
        }
    }
}

/// The name of cargo's variable for something of the target.
pub(super) fn variable(what: &str) -> String {
    format!("CARGO_TARGET_{}_{what}", TARGET.replace('-', "_").to_uppercase())
}

fn in_use() -> std::ffi::OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

fn has_library(compiler: &Path) -> bool {
    let mut ask = Command::new(compiler);
    ask.args(["--print", "target-libdir", "--target", TARGET]);
    let folder = tools::words(&mut ask, "asking the compiler for its library");
    folder.is_ok_and(|words| words.first().is_some_and(|folder| Path::new(folder).exists()))
}

/// Fetches Debian's compiler and the standard libraries of both machines into a folder.
fn fetch(place: &Place, folder: &Path) -> Result<()> {
    remove_folder(folder)?;
    let unpacked = folder.join("root");
    let host = Archive::open(place, "amd64")?;
    let library = host.dependency("libstd-rust-web-dev", "libstd-rust-web-")?;
    let llvm = host.dependency(&library, "libllvm")?;
    for package in PACKAGES.iter().copied().chain([&*library, &*llvm]) {
        host.unpack(package, &unpacked)?;
    }
    Archive::open(place, "arm64")?.unpack("libstd-rust-web-dev", &unpacked)
}

/// A script that starts the compiler with the libraries beside it.
fn write_starter(folder: &Path, program: &Path) -> Result<()> {
    let root = folder.join("root/usr");
    let libraries = root.join("lib/x86_64-linux-gnu");
    let script = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n",
        libraries.display(),
        root.join("bin/rustc").display()
    );
    let half = folder.join("rustc.new");
    write(&half, script.as_bytes())?;
    let rights = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&half, rights).map_err(at(&half, "making a script executable"))?;
    fs::rename(&half, program).map_err(at(&half, "keeping the compiler"))
}
