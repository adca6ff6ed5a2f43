//! Every promise, on every camera that this machine's drivers have.
//!
//! Cameras of real drivers are few, shared by all tests, and cannot be made afresh: statements
//! are put to one after the other, by this program itself instead of the test harness. Words
//! among its arguments are parts of the names of statements, or of rigs, to be put alone.
//!
//! Where there are no cameras it says so. With `PINHOLE_DRIVERS=vivid,…` it fails unless there is
//! a camera of each of these drivers, with `PINHOLE_DRIVERS=required` of all that the testbed has.

use pinhole_conformance::kernel::{Found, KernelRig, find};
use pinhole_conformance::rig::{NotApplicable, Rig};
use pinhole_conformance::statements::{ALL, Statement};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// Those of the testbed.
const ALL_DRIVERS: &str = "vivid,vimc,unicam";

/// What came of putting statements to a rig.
#[derive(Default)]
struct Tally {
    hold: Vec<&'static str>,
    /// By the reason why they do not apply.
    not_applicable: BTreeMap<&'static str, Vec<&'static str>>,
    broken: Vec<&'static str>,
}

impl Tally {
    fn put(&mut self, rig: &KernelRig, name: &'static str, statement: Statement) {
        match catch_unwind(AssertUnwindSafe(|| statement(rig))) {
            Ok(Ok(())) => self.hold.push(name),
            Ok(Err(NotApplicable(reason))) => self.not_applicable.entry(reason).or_default().push(name),
            Err(_) => {
                println!("{name} does not hold on {}", rig.name());
                self.broken.push(name);
            }
        }
    }

    fn print(&self, rig: &KernelRig) {
        let reasons = self.not_applicable.values().map(Vec::len).sum::<usize>();
        let (hold, broken) = (self.hold.len(), self.broken.len());
        println!(
            "{} ({}): {hold} hold, {reasons} do not apply, {broken} do not hold",
            rig.name(),
            rig.driver_name()
        );
        for (reason, names) in &self.not_applicable {
            println!("  {reason}: {}", names.join(", "));
        }
        if broken > 0 {
            println!("  broken: {}", self.broken.join(", "));
        }
    }
}

/// What the arguments ask for: rigs and statements by parts of their names; none: all.
struct Wanted {
    rigs: Vec<String>,
    statements: Vec<String>,
}

impl Wanted {
    fn new(words: impl Iterator<Item = String>, rigs: &[KernelRig]) -> Self {
        let words = words.filter(|word| !word.starts_with('-'));
        let names_a_rig = |word: &String| rigs.iter().any(|rig| rig.name().contains(word));
        let (rigs, statements) = words.partition(names_a_rig);
        Self { rigs, statements }
    }
}

fn is_named(name: &str, words: &[String]) -> bool {
    words.is_empty() || words.iter().any(|word| name.contains(word))
}

fn main() -> ExitCode {
    let Found { rigs, failures } = find().expect("the system's devices can be listed");
    for error in &failures {
        println!("not tested: {error}");
    }
    if rigs.is_empty() {
        println!("not tested: there are no cameras that can be opened");
    }
    let missing = missing_drivers(&rigs);
    if !missing.is_empty() {
        println!("there is no camera of {}", missing.join(", "));
        return ExitCode::FAILURE;
    }
    let wanted = Wanted::new(std::env::args().skip(1), &rigs);
    let mut all_hold = true;
    for rig in rigs.iter().filter(|rig| is_named(rig.name(), &wanted.rigs)) {
        all_hold &= put_all(rig, &wanted.statements);
    }
    if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Puts statements to a rig; says whether all hold that apply.
fn put_all(rig: &KernelRig, words: &[String]) -> bool {
    let mut tally = Tally::default();
    for (name, statement) in ALL.iter().filter(|(name, _)| is_named(name, words)) {
        tally.put(rig, name, *statement);
    }
    tally.print(rig);
    tally.broken.is_empty()
}

/// The drivers that must have a camera here, and have none.
fn missing_drivers(rigs: &[KernelRig]) -> Vec<String> {
    let required = std::env::var("PINHOLE_DRIVERS").unwrap_or_default();
    let required = if required == "required" { ALL_DRIVERS } else { &required };
    let is_missing = |driver: &&str| rigs.iter().all(|rig| rig.driver_name() != *driver);
    let required = required.split(',').filter(|driver| !driver.is_empty());
    required.filter(is_missing).map(str::to_owned).collect()
}
