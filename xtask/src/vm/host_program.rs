//! Programs of this workspace that drivers of a guest need beside them: builds one, and puts it
//! where the guest finds it. Knows nothing of what they do.

use super::guest::Machine;
use super::place::at;
use super::tools;
use crate::cargo;
use pinhole::{Error, ErrorKind, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds a package's program, and copies it.
pub(super) fn provide(package: &str, machine: &Machine, to: &Path) -> Result<()> {
    if machine.is_foreign {
        return Err(Error::new(ErrorKind::Unsupported, "giving the guest a program of ours")
            .at(package)
            .because("it is one of the host, which this guest cannot run")
            .hint("use --kernel uml or qemu"));
    }
    let program = build(package)?;
    fs::copy(&program, to).map_err(at(&program, "copying a program for the guest")).map(drop)
}

/// Builds the program, and returns where it is. Beside this one, so that both use the same
/// libraries: cargo would build them anew for a package that wants less of them.
fn build(package: &str) -> Result<PathBuf> {
    let doing = "building a program for the guest";
    let mut build = Command::new(cargo::program());
    build.args(["build", "--quiet", "--profile", "chores", "--package", "xtask", "--package", package]);
    build.args(cargo::MESSAGES).current_dir(env!("CARGO_MANIFEST_DIR"));
    let messages = tools::output(&mut build, doing)?;
    cargo::executable(&messages, package)
        .ok_or_else(|| Error::new(ErrorKind::NotFound, doing).at(package).because("cargo names no program"))
}
