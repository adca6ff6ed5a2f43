//! `cargo xtask mutate`: breaks the core on purpose, one small thing at a time, in a copy of
//! the tree, and looks whether the tests notice.

mod mutations;
mod tree;

use crate::tidy::{tracked, workspace_root};
use clap::Parser;
use mutations::{MUTATIONS, Mutation};
use std::process::ExitCode;
use std::time::Instant;
use tree::Tree;

/// Tests that are to notice.
struct Catcher {
    name: &'static str,
    /// What cargo is told.
    arguments: &'static [&'static str],
}

/// The broad ones first.
const CATCHERS: [Catcher; 4] = [
    Catcher {
        name: "simulation",
        arguments: &["test", "-q", "-p", "pinhole-conformance", "--test", "simulate"],
    },
    Catcher {
        name: "conformance",
        arguments: &["test", "-q", "-p", "pinhole-conformance", "--test", "simulated", "--", "b"],
    },
    Catcher {
        name: "search",
        arguments: &["test", "-q", "-p", "pinhole-conformance", "--test", "exhaustive"],
    },
    Catcher {
        name: "units",
        arguments: &[
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
    },
];

/// Breaks the core on purpose. Runs the tests on a copy of the tree, where they must pass; then
/// applies each mutation to the copy, and runs the tests on that until some fail. Fails if the tests
/// of a mutation pass, if it does not build, or if its text is not found exactly once.
#[derive(Parser)]
#[command(name = "cargo xtask mutate")]
struct Arguments {
    /// Tell the mutations, and whether their texts are found
    #[arg(long)]
    list: bool,
    /// Only these tests, of simulation, conformance, search and units [default: all]
    #[arg(long, value_name = "TESTS", value_parser = catcher)]
    by: Option<&'static Catcher>,
    /// Mutations [default: all]
    #[arg(value_name = "NAME", value_parser = mutation)]
    chosen: Vec<&'static Mutation>,
}

fn catcher(name: &str) -> Result<&'static Catcher, String> {
    let found = CATCHERS.iter().find(|catcher| catcher.name == name);
    found.ok_or_else(|| format!("there are: {}", CATCHERS.map(|catcher| catcher.name).join(", ")))
}

fn mutation(name: &str) -> Result<&'static Mutation, String> {
    let found = MUTATIONS.iter().find(|mutation| mutation.name == name);
    found.ok_or_else(|| "--list tells those that there are".into())
}

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
    let program = "cargo xtask mutate".to_owned();
    match Arguments::try_parse_from(std::iter::once(&program).chain(arguments)) {
        Ok(arguments) => mutate(arguments),
        Err(error) => {
            // Help is no error; if it cannot be printed there is nobody to tell.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

fn mutate(Arguments { list, by, chosen }: Arguments) -> ExitCode {
    let chosen = if chosen.is_empty() { MUTATIONS.iter().collect() } else { chosen };
    let catchers = by.map_or(&CATCHERS[..], std::slice::from_ref);
    let all_well = match prepare() {
        Ok(tree) if list => tell(&tree, &chosen),
        Ok(tree) => is_sound(&tree, catchers) && try_all(&tree, &chosen, catchers),
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

fn tell(tree: &Tree, mutations: &[&Mutation]) -> bool {
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
fn is_sound(tree: &Tree, catchers: &[Catcher]) -> bool {
    let began = Instant::now();
    match catch(tree, catchers) {
        Outcome::Survived => {
            println!("without a mutation the tests pass ({} s)", began.elapsed().as_secs());
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

fn try_all(tree: &Tree, mutations: &[&Mutation], catchers: &[Catcher]) -> bool {
    let mut caught = 0;
    println!("{:28} {:28} {:>7}", "mutation", "caught by", "seconds");
    for mutation in mutations {
        let began = Instant::now();
        let outcome = try_one(tree, mutation, catchers);
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

fn try_one(tree: &Tree, mutation: &Mutation, catchers: &[Catcher]) -> Outcome {
    match tree.with(mutation, |tree| catch(tree, catchers)) {
        Ok(outcome) => outcome,
        Err(reason) => Outcome::Invalid(reason),
    }
}

/// Runs the tests on the tree as it is until some fail. What does not build tells nothing.
fn catch(tree: &Tree, catchers: &[Catcher]) -> Outcome {
    for Catcher { name, arguments } in catchers {
        let tests = arguments.split(|argument| *argument == "--").next().unwrap_or_default();
        if !tree.cargo(&[tests, &["--no-run"]].concat()) {
            return Outcome::Invalid("does not build".into());
        }
        if !tree.cargo(arguments) {
            return Outcome::Caught(name);
        }
    }
    Outcome::Survived
}
