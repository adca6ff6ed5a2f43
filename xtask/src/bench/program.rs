//! Building and running the measured program.

use super::callgrind::Profile;
use crate::cargo;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The measured program, built.
pub(crate) struct Program {
    path: PathBuf,
}

/// Numbers by name, as one run of it printed them.
pub(crate) struct Figures(HashMap<String, f64>);

impl Figures {
    /// One of the numbers.
    pub(crate) fn get(&self, name: &str) -> Result<f64, String> {
        self.0.get(name).copied().ok_or_else(|| format!("the measured program did not tell `{name}`"))
    }

    /// The same for each measured frame.
    pub(crate) fn per_frame(&self, name: &str) -> Result<f64, String> {
        Ok(self.get(name)? / self.get("frames")?)
    }
}

impl Program {
    /// Builds a program of one of the workspace's packages, as users get it.
    pub(crate) fn build(package: &str, name: &str) -> Result<Self, String> {
        build(package, "--bin", name).map(|path| Self { path })
    }

    /// Builds an example of a package so that names of functions say what they were made for. Lies
    /// in a folder of its own, for everything is built anew.
    pub(crate) fn build_with_full_names(package: &str, example: &str) -> Result<Self, String> {
        let full_names = "build.rustflags=['-Csymbol-mangling-version=v0']";
        let place = "target/full-names";
        let options = ["--config", full_names, "--target-dir", place];
        build_with(&options, package, "--example", example).map(|path| Self { path })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs it.
    pub(crate) fn run(&self, options: &[&str]) -> Result<Figures, String> {
        figures(Command::new(&self.path).args(options))
    }

    /// Runs it under callgrind, which looks at the measured frames only.
    pub(crate) fn profile(&self, options: &[&str]) -> Result<(Figures, Profile), String> {
        let written = std::env::temp_dir().join(format!("pinhole-bench-{}.callgrind", std::process::id()));
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--tool=callgrind", "--demangle=no", "--dump-line=no"]);
        valgrind.arg("--toggle-collect=*measured_frames*");
        valgrind.arg(format!("--callgrind-out-file={}", written.display()));
        let figures = figures(valgrind.arg(&self.path).args(options));
        let profile = read_and_remove(&written);
        Ok((figures?, Profile::parse(&profile?)))
    }
}

/// Instructions that a program executes in and below functions named `measured_frames`.
pub(super) fn count(program: &mut Command) -> Result<u64, String> {
    let written = std::env::temp_dir().join(format!("pinhole-count-{}.callgrind", std::process::id()));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind", "--toggle-collect=*measured_frames*"]);
    valgrind.arg(format!("--callgrind-out-file={}", written.display()));
    valgrind.arg(program.get_program()).args(program.get_args());
    figures(&mut valgrind)?;
    let profile = read_and_remove(&written)?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.and_then(|total| total.trim().parse().ok());
    total.ok_or_else(|| "callgrind's profile has no total".to_owned())
}

/// Builds a program as releases are, of a kind that is an option of cargo's; gives its path.
pub(super) fn build(package: &str, kind: &str, name: &str) -> Result<PathBuf, String> {
    build_with(&[], package, kind, name)
}

/// The same with more options of cargo's.
fn build_with(options: &[&str], package: &str, kind: &str, name: &str) -> Result<PathBuf, String> {
    let mut build = Command::new(cargo::program());
    build.args(["build", "--release", "--quiet", "--package", package, kind, name]).args(cargo::MESSAGES);
    build.args(options);
    let output = build.stderr(std::process::Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !output.status.success() {
        return Err("the measured program cannot be built".into());
    }
    let path = cargo::executable(&output.stdout, name);
    path.ok_or_else(|| "cargo did not say where the program is".into())
}

/// Whether valgrind is there.
pub(crate) fn check_valgrind() -> Result<(), String> {
    match Command::new("valgrind").arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        _ => Err("instructions are counted by valgrind, which is not installed; \
                  install it, e.g. `sudo apt-get install valgrind`"
            .into()),
    }
}

fn read_and_remove(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path);
    // Only litter in the folder for temporary files if it stays.
    let _ = std::fs::remove_file(path);
    text.map_err(|error| format!("callgrind left no profile: {error}"))
}

/// Runs a program; gives the numbers that it prints, a line each.
pub(super) fn figures(command: &mut Command) -> Result<Figures, String> {
    let run = format!("{command:?}");
    let output = command.output().map_err(|error| format!("{run} cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("{run} failed: {}", String::from_utf8_lossy(&output.stderr).trim_end()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let figure = |line: &str| {
        let (name, value) = line.split_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    Ok(Figures(text.lines().filter_map(figure).collect()))
}
