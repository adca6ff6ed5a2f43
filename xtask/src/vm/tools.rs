//! The host's programs that the testbed runs: whether they are there, and running them.

use super::place::at;
use pinhole::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program, and the Debian package that has it, or several with spaces between them.
#[derive(Clone, Copy)]
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

/// Sees to it that programs are there: installs what is missing where it may, and says what is
/// missing where it may not.
pub(crate) fn provide(tools: &[Tool]) -> Result<()> {
    if let Err(missing) = check(tools) {
        let can_install = rustix::process::geteuid().is_root() && find("apt-get").is_some();
        if !can_install {
            return Err(missing);
        }
        install(&packages_of(&missing_of(tools)))?;
    }
    check(tools)
}

/// Says which programs are missing.
pub(crate) fn check(tools: &[Tool]) -> Result<()> {
    let missing = missing_of(tools);
    if missing.is_empty() {
        return Ok(());
    }
    let programs: Vec<_> = missing.iter().map(|tool| tool.program).collect();
    Err(Error::new(ErrorKind::NotFound, "looking for the programs that this needs")
        .because(format!("not installed: {}", programs.join(", ")))
        .hint(format!("on Debian: sudo apt-get install {}", packages_of(&missing).join(" "))))
}

fn missing_of(tools: &[Tool]) -> Vec<Tool> {
    tools.iter().copied().filter(|tool| find(tool.program).is_none()).collect()
}

fn packages_of(tools: &[Tool]) -> Vec<&'static str> {
    let mut packages: Vec<_> = tools.iter().flat_map(|tool| tool.package.split(' ')).collect();
    packages.dedup();
    packages
}

fn install(packages: &[&str]) -> Result<()> {
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt.args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages);
    eprintln!("xtask: installing {}", packages.join(", "));
    succeed(apt.stdout(Stdio::null()), "installing packages")
        .map_err(|error| error.hint("if the package lists are old or missing, `apt-get update` helps"))
}

/// Where a program is, by the search path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

/// Runs a program to its end; it must succeed.
pub(crate) fn succeed(command: &mut Command, doing: &'static str) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().map_err(at(program_of(command), doing))?;
    if status.success() { Ok(()) } else { Err(failed(command, doing, status.to_string())) }
}

/// What a program prints; it must succeed.
pub(crate) fn output(command: &mut Command, doing: &'static str) -> Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output().map_err(at(program_of(command), doing))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(command, doing, format!("{}: {}", output.status, said.trim_end())))
}

/// The words that a program prints.
pub(crate) fn words(command: &mut Command, doing: &'static str) -> Result<Vec<String>> {
    let printed = output(command, doing)?;
    Ok(String::from_utf8_lossy(&printed).split_whitespace().map(str::to_owned).collect())
}

fn program_of(command: &Command) -> &Path {
    Path::new(command.get_program())
}

fn failed(command: &Command, doing: &'static str, why: String) -> Error {
    Error::new(ErrorKind::Io, doing).at(format!("{command:?}")).because(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHELL: Tool = Tool { program: "sh", package: "dash" };
    const NONE: Tool = Tool { program: "pinhole-no-such-program", package: "pinhole-no-such-package" };

    #[test]
    fn missing_programs_are_named_with_their_packages() {
        assert!(check(&[SHELL]).is_ok());
        let error = check(&[SHELL, NONE]).expect_err("it is not there").to_string();
        assert!(error.contains(NONE.program) && error.contains(NONE.package), "{error}");
        assert!(!error.contains("dash"), "{error}");
    }

    #[test]
    fn a_program_that_fails_is_told_with_what_it_said() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo why >&2; exit 3"]);
        let error = output(&mut command, "trying").expect_err("it failed").to_string();
        assert!(error.contains("why") && error.contains("exit status: 3"), "{error}");
    }
}
