//! `cargo xtask mutate`: breaks the core on purpose, one small thing at a time, in a copy of
//! the tree, and looks whether the tests notice.

mod mutations;
mod tree;

use crate::tidy::{tracked, workspace_root};
use mutations::{MUTATIONS, Mutation};
use std::process::ExitCode;
use std::time::Instant;
use tree::Tree;

/// Tests that are to notice, the broad ones first.
const CATCHERS: &[(&str, &[&str])] = &[
    ("simulation", &["test", "-q", "-p", "pinhole-conformance", "--test", "simulate"]),
    ("conformance", &["test", "-q", "-p", "pinhole-conformance", "--test", "simulated", "--", "b"]),
    ("exhaustive search", &["test", "-q", "-p", "pinhole-conformance", "--test", "exhaustive"]),
    (
        "unit tests",
        &[
            "test",
            "-q",
            "-p",
            "pinhole-camera",
            "-p",
            "pinhole-pipelines",
            "-p",
            "pinhole-sensor",
            "-p",
            "pinhole-buffer",
        ],
    ),
];

const HELP: &str = "\
usage: cargo xtask mutate [--list] [NAME…]

Runs the tests on a copy of the tree, where they must pass; then applies each mutation (or those
named) to the copy, and runs the tests on that until some fail. Fails if the tests of a mutation
pass, if it does not build, or if its text is not found exactly once.

  --list   tell the mutations, and whether their texts are found
";

/// How a mutation ended.
enum Outcome {
    /// These tests failed.
    Caught(&'static str),
    /// All tests passed.
    Survived,
    /// It could not be tried.
    Invalid(String),
}

/// Runs the command.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let names: Vec<&str> = arguments.iter().map(String::as_str).filter(|name| *name != "--list").collect();
    let unknown = names.iter().find(|name| !MUTATIONS.iter().any(|mutation| mutation.name == **name));
    if let Some(unknown) = unknown {
        eprint!("unknown: {unknown}\n{HELP}");
        return ExitCode::from(2);
    }
    let chosen: Vec<_> =
        MUTATIONS.iter().filter(|mutation| names.is_empty() || names.contains(&mutation.name)).collect();
    let all_well = match prepare() {
        Ok(tree) if names.len() < arguments.len() => list(&tree, &chosen),
        Ok(tree) => is_sound(&tree) && try_all(&tree, &chosen),
        Err(error) => {
            eprintln!("mutate: {error}");
            false
        }
    };
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn prepare() -> Result<Tree, Box<dyn std::error::Error>> {
    let root = workspace_root()?;
    let files = tracked(&root)?;
    Ok(Tree::copy(&root, &files)?)
}

fn list(tree: &Tree, mutations: &[&Mutation]) -> bool {
    let mut all_found = true;
    for mutation in mutations {
        println!("{:28} {}: {}", mutation.name, mutation.file, mutation.models);
        if let Err(reason) = tree.mutated(mutation) {
            println!("{:28} {reason}", "");
            all_found = false;
        }
    }
    all_found
}

/// Whether the tests pass without a mutation: where they do not, failing says nothing.
fn is_sound(tree: &Tree) -> bool {
    let began = Instant::now();
    match catch(tree) {
        Outcome::Survived => {
            println!("without a mutation all tests pass ({} s)", began.elapsed().as_secs());
            true
        }
        Outcome::Caught(catcher) => {
            eprintln!("mutate: without any mutation these fail: {catcher}");
            false
        }
        Outcome::Invalid(reason) => {
            eprintln!("mutate: without any mutation the tree {reason}");
            false
        }
    }
}

fn try_all(tree: &Tree, mutations: &[&Mutation]) -> bool {
    let mut caught = 0;
    println!("{:28} {:28} {:>7}", "mutation", "caught by", "seconds");
    for mutation in mutations {
        let began = Instant::now();
        let outcome = try_one(tree, mutation);
        let caught_by = match &outcome {
            Outcome::Caught(catcher) => catcher,
            Outcome::Survived => "NOTHING",
            Outcome::Invalid(reason) => reason.as_str(),
        };
        println!("{:28} {caught_by:28} {:>7}", mutation.name, began.elapsed().as_secs());
        caught += usize::from(matches!(outcome, Outcome::Caught(_)));
    }
    println!("{caught} of {} mutations caught", mutations.len());
    caught == mutations.len()
}

fn try_one(tree: &Tree, mutation: &Mutation) -> Outcome {
    match tree.with(mutation, catch) {
        Ok(outcome) => outcome,
        Err(reason) => Outcome::Invalid(reason),
    }
}

/// Runs the tests on the tree as it is until some fail. What does not build tells nothing.
fn catch(tree: &Tree) -> Outcome {
    for (catcher, arguments) in CATCHERS {
        let tests = arguments.split(|argument| *argument == "--").next().unwrap_or_default();
        if !tree.cargo(&[tests, &["--no-run"]].concat()) {
            return Outcome::Invalid("does not build".into());
        }
        if !tree.cargo(arguments) {
            return Outcome::Caught(catcher);
        }
    }
    Outcome::Survived
}
