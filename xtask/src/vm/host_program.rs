//! Programs of this workspace that drivers of a guest need beside them: builds one, and puts it
//! where the guest finds it. Knows nothing of what they do.

use super::guest::Machine;
use super::place::at;
use super::tools;
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
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--profile", "chores", "--package", "xtask", "--package", package]);
    cargo.args(["--message-format", "json-render-diagnostics"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let messages = tools::output(&mut cargo, doing)?;
    executable(&String::from_utf8_lossy(&messages), package)
        .ok_or_else(|| Error::new(ErrorKind::NotFound, doing).at(package).because("cargo names no program"))
}

/// The program of a package, by cargo's messages, one in each line.
fn executable(messages: &str, package: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str(line).ok());
    let mut programs = messages.filter(|message: &serde_json::Value| message["target"]["name"] == package);
    programs.find_map(|message| Some(message["executable"].as_str()?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_in_the_messages_of_cargo() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                        {\"target\":{\"name\":\"b\"},\"executable\":null}\n\
                        {\"target\":{\"name\":\"b\"},\"executable\":\"a/b\"}\n\
                        {\"target\":{\"name\":\"c\"},\"executable\":\"a/c\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable(messages, "b"), Some("a/b".into()));
        assert_eq!(executable(messages, "d"), None);
        assert_eq!(executable("no json", "b"), None);
    }
}
