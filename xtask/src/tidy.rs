//! `cargo xtask tidy`: the rules of the project that a compiler does not check.
//!
//! Each check answers with findings, one line each. It knows nothing of what the code does.

mod code;
mod controls;
mod dependencies;
mod licences;
mod text;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What a check has found: where, and what is wrong there.
type Findings = Vec<String>;

/// What keeps a check from being made.
type Failure = Box<dyn std::error::Error>;

const HELP: &str = "\
usage: cargo xtask tidy [--fix]

Checks the crates' dependencies on each other, where unsafe code is, the licences of
third-party crates, the table of controls, the length of source files, and that no file names
a place of one machine.

  --fix   write docs/controls.md anew
";

/// Runs the command.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let fix = match arguments {
        [] => false,
        [only] if only == "--fix" => true,
        [only] if only == "--help" => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match check(fix) {
        Ok(findings) => report(&findings),
        Err(failure) => {
            eprintln!("tidy: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn report(findings: &[String]) -> ExitCode {
    findings.iter().for_each(|finding| eprintln!("{finding}"));
    if findings.is_empty() {
        println!("tidy: nothing found");
        return ExitCode::SUCCESS;
    }
    eprintln!("tidy: {} found", findings.len());
    ExitCode::FAILURE
}

fn check(fix: bool) -> Result<Findings, Failure> {
    let workspace = metadata(&["--no-deps"])?;
    let root = root_of(&workspace)?;
    let mut findings = dependencies::check(&workspace);
    findings.extend(licences::check(&metadata(&[])?));
    findings.extend(controls::check(&root, fix)?);
    for path in tracked(&root)? {
        // A tracked file that is being deleted is gone, one that is no text has no lines.
        let Ok(content) = std::fs::read_to_string(root.join(&path)) else { continue };
        findings.extend(text::machine_paths(&path, &content));
        if path.ends_with(".rs") {
            findings.extend(text::length(&path, &content));
            findings.extend(code::outside_its_room(&path, &content));
        }
    }
    Ok(findings)
}

/// What cargo tells of the workspace.
fn metadata(arguments: &[&str]) -> Result<Value, Failure> {
    let told = output(
        Command::new(crate::cargo::program()).args(["metadata", "--format-version", "1"]).args(arguments),
    )?;
    Ok(serde_json::from_str(&told)?)
}

/// The workspace's folder.
pub(crate) fn workspace_root() -> Result<PathBuf, Failure> {
    root_of(&metadata(&["--no-deps"])?)
}

fn root_of(metadata: &Value) -> Result<PathBuf, Failure> {
    let root = metadata["workspace_root"].as_str().ok_or("cargo names no workspace")?;
    Ok(root.into())
}

/// The files that git tracks, by their paths below the workspace's folder.
pub(crate) fn tracked(root: &Path) -> Result<Vec<String>, Failure> {
    let listed = output(Command::new("git").args(["ls-files", "-z"]).current_dir(root))?;
    Ok(listed.split_terminator('\0').map(String::from).collect())
}

fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
