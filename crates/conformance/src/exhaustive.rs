//! Orders of events that a small case allows: two requests, a few frames, one fault; all of
//! them, if the search is given paths enough ([`Totals::left`]).
//!
//! The pipeline is driven as the loop drives it, but over modelled devices, so that the search
//! decides what happens next. It goes depth first; a machine cannot be copied, so the way to
//! every branch is gone again from the start. Where it comes to a state that it has seen, it
//! turns back. Every state is also stopped in, and also followed to the end with nothing more
//! going wrong: then every request must come back.
//!
//! When a promise is broken the steps that lead there are printed; [`follow`] goes them again.

mod devices;
mod world;

use std::collections::HashSet;
use std::fmt;
use world::World;
pub use world::{Fault, Happening, Setting, Shape, Step};

/// What a search has gone through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// States, told apart by what can be seen from outside.
    pub states: u64,
    /// Ways gone from the start.
    pub paths: u64,
    /// Ways that were found but not gone: 0 if the search is complete.
    pub left: u64,
    /// Steps on which something went wrong.
    pub faults: u64,
    /// Requests that came back complete.
    pub complete: u64,
    /// Requests that came back cancelled.
    pub cancelled: u64,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, paths, left, faults, complete, cancelled } = self;
        write!(f, "{states} states, {paths} paths ({left} left), {faults} faults; ")?;
        write!(f, "requests: {complete} complete, {cancelled} cancelled")
    }
}

/// Searches one setting, on at most `paths_max` paths: where that is too few,
/// [`Totals::left`] says so.
///
/// # Panics
/// A promise is broken. The steps that lead there are printed.
pub fn search(setting: Setting, paths_max: u64) -> Totals {
    let mut search = Search { world: World::new(setting), seen: HashSet::new(), todo: vec![Vec::new()] };
    let mut totals = Totals::default();
    while totals.paths < paths_max
        && let Some(path) = search.todo.pop()
    {
        totals.paths += 1;
        totals.faults += u64::from(path.last().is_some_and(|step| step.fault.is_some()));
        search.descend(path);
    }
    let (complete, cancelled) = search.world.returned();
    let left = search.todo.len() as u64;
    Totals { states: search.seen.len() as u64, left, complete, cancelled, ..totals }
}

/// Goes the steps that a search has printed.
///
/// # Panics
/// As the search did.
pub fn follow(setting: Setting, steps: &[Step]) {
    let mut world = World::new(setting);
    steps.iter().for_each(|step| _ = world.take(*step));
    world.finish();
}

struct Search {
    world: World,
    seen: HashSet<u64>,
    todo: Vec<Vec<Step>>,
}

impl Search {
    /// Goes a way again, and on from its end for as long as that leads to new states.
    fn descend(&mut self, path: Vec<Step>) {
        self.world.restart();
        let mut trail = Trail(Vec::with_capacity(path.len() + 32));
        let mut calls = 0;
        for step in path {
            trail.0.push(step);
            calls = self.world.take(step);
        }
        self.branch_refusals(&trail.0, calls);
        while self.seen.insert(self.world.digest()) {
            let mut steps = self.world.choices().into_iter();
            let Some(first) = steps.next() else { break };
            for step in steps {
                self.todo.push([&trail.0[..], &[step]].concat());
            }
            trail.0.push(first);
            calls = self.world.take(first);
            self.branch_refusals(&trail.0, calls);
        }
        self.world.finish();
    }

    /// Each device call that the last step led to may be refused.
    fn branch_refusals(&mut self, trail: &[Step], calls: u8) {
        let Some((last, before)) = trail.split_last() else { return };
        if self.world.may_fail() && !last.happening.is_last() {
            for call in 0..calls {
                let step = Step { fault: Some(Fault::Refused(call)), ..*last };
                self.todo.push([before, &[step]].concat());
            }
        }
    }
}

/// The steps so far; says them if a promise is broken.
struct Trail(Vec<Step>);

impl Drop for Trail {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the steps that lead there: {:#?}", self.0);
        }
    }
}
