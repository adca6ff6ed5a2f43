//! The search: breadth first, every way gone from the start.

use super::world::World;
use super::{Fault, Happening, Setting, Step};
use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Which ways into known states are gone on, to see whether the state is rightly taken for known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// One in so many, for a step.
    OneIn(u64),
    /// All, to their ends: the search never turns back.
    All,
}

/// What a search has come to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// States, told apart by what may follow.
    pub states: u64,
    /// Those whose ways on have not been gone: 0 if the search is complete.
    pub left: u64,
    /// Ways gone from the start.
    pub ways: u64,
    /// Steps of the longest.
    pub steps_max: u64,
    /// Ways on which something went wrong.
    pub faults: u64,
    /// Ways into known states that were gone on.
    pub doubted: u64,
    /// Requests that came back complete, and cancelled.
    pub complete: u64,
    /// Requests that came back cancelled.
    pub cancelled: u64,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, left, ways, steps_max, faults, doubted, complete, cancelled } = self;
        write!(f, "{states} states ({left} left), {ways} ways of up to {steps_max} steps, ")?;
        write!(f, "{faults} with a fault; {doubted} states doubted; ")?;
        write!(f, "requests: {complete} complete, {cancelled} cancelled")
    }
}

/// A promise that was not kept.
#[derive(Clone, Debug)]
pub struct Violation {
    /// What was searched.
    pub setting: &'static str,
    /// Which, and how.
    pub message: String,
    /// The steps that lead there.
    pub steps: Vec<Step>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; the steps that lead there:", self.setting, self.message)?;
        self.steps.iter().try_for_each(|step| write!(f, "\n  {step}"))
    }
}

/// A state that was come to.
struct State {
    /// From where, and how.
    parent: usize,
    step: Step,
    /// The first state with its fingerprint.
    first: usize,
    /// What could be seen there.
    looks: u64,
    /// What followed: what was seen of every step from there, and where it led.
    futures: u64,
}

/// Where a way led.
struct Arrival {
    fingerprint: u64,
    /// What may follow, and what was seen of stopping there.
    looks: u64,
    /// What was seen of the last step.
    seen: u64,
    choices: Vec<Step>,
    /// Calls of devices that the last step led to and that might have failed.
    calls: u8,
}

/// A search of one setting.
pub struct Search {
    setting: Setting,
    doubt: Doubt,
    world: World,
    states: Vec<State>,
    known: HashMap<u64, usize>,
    /// States whose ways on have not been gone.
    open: VecDeque<(usize, Vec<Step>)>,
    /// Ways that led into known states.
    merged: u64,
    totals: Totals,
}

impl Search {
    /// A search that has not begun.
    pub fn new(setting: Setting, doubt: Doubt) -> Self {
        Self {
            setting,
            doubt,
            world: World::new(setting),
            states: Vec::new(),
            known: HashMap::new(),
            open: VecDeque::new(),
            merged: 0,
            totals: Totals::default(),
        }
    }

    /// Searches; tells how far it has come after every state.
    ///
    /// # Errors
    /// A promise is broken, or states were taken for one that are not.
    pub fn run(mut self, mut tell: impl FnMut(&Totals)) -> Result<Totals, Violation> {
        let start = self.go(&[])?;
        self.arrive(0, Step::well(Happening::Drain), start)?;
        while let Some((at, choices)) = self.open.pop_front() {
            self.expand(at, choices)?;
            self.totals.states = self.known.len() as u64;
            self.totals.left = self.open.len() as u64;
            tell(&self.totals);
        }
        Ok(self.totals)
    }

    /// The steps that led to a state.
    fn way(&self, mut at: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        while at != 0 {
            let State { parent, step, .. } = &self.states[at];
            steps.push(*step);
            at = *parent;
        }
        steps.reverse();
        steps
    }

    /// Goes every way on from a state.
    fn expand(&mut self, at: usize, mut choices: Vec<Step>) -> Result<(), Violation> {
        let is_first = self.states[at].first == at;
        let mut futures = DefaultHasher::new();
        let mut steps = self.way(at);
        while let Some(step) = choices.pop() {
            steps.push(step);
            let arrival = self.go(&steps)?;
            steps.pop();
            (step, arrival.seen, arrival.fingerprint).hash(&mut futures);
            choices.extend(failures(step, arrival.calls));
            if is_first || self.doubt == Doubt::All {
                self.arrive(at, step, arrival)?;
            }
        }
        self.states[at].futures = futures.finish();
        self.compare(at, |state| state.futures)
    }

    /// Notes where a way led, if it is to be gone on.
    fn arrive(&mut self, parent: usize, step: Step, arrival: Arrival) -> Result<(), Violation> {
        let Arrival { fingerprint, looks, choices, .. } = arrival;
        let at = self.states.len();
        let first = *self.known.entry(fingerprint).or_insert(at);
        self.states.push(State { parent, step, first, looks, futures: 0 });
        self.compare(at, |state| state.looks)?;
        if first == at || self.doubts() {
            self.open.push_back((at, choices));
        } else {
            self.states.pop();
        }
        Ok(())
    }

    fn doubts(&mut self) -> bool {
        self.merged += 1;
        let doubts = match self.doubt {
            Doubt::OneIn(many) => self.merged.is_multiple_of(many),
            Doubt::All => true,
        };
        self.totals.doubted += u64::from(doubts);
        doubts
    }

    /// A state must be like the first one with its fingerprint.
    fn compare(&self, at: usize, what: impl Fn(&State) -> u64) -> Result<(), Violation> {
        let first = self.states[at].first;
        if what(&self.states[at]) == what(&self.states[first]) {
            return Ok(());
        }
        let other: Vec<_> = self.way(first).iter().map(ToString::to_string).collect();
        let message = format!("taken for the state that these steps lead to: {}", other.join("; "));
        Err(Violation { setting: self.setting.name, message, steps: self.way(at) })
    }

    /// Goes a way from the start, and stops at its end.
    fn go(&mut self, steps: &[Step]) -> Result<Arrival, Violation> {
        let world = &mut self.world;
        let arrival = catch_unwind(AssertUnwindSafe(|| go(world, steps))).map_err(|panic| {
            let message = message_of(panic.as_ref());
            Violation { setting: self.setting.name, message, steps: steps.to_vec() }
        })?;
        let (complete, cancelled) = self.world.returned();
        self.totals.complete += complete as u64;
        self.totals.cancelled += cancelled as u64;
        self.totals.ways += 1;
        self.totals.steps_max = self.totals.steps_max.max(steps.len() as u64);
        self.totals.faults += u64::from(steps.iter().any(|step| step.fault.is_some()));
        Ok(arrival)
    }
}

fn go(world: &mut World, steps: &[Step]) -> Arrival {
    world.start();
    world.take(steps);
    let (fingerprint, seen, choices) = (world.fingerprint(), world.seen(), world.choices());
    let is_drained = steps.last().is_some_and(|step| step.happening == Happening::Drain);
    let calls = if is_drained { 0 } else { world.calls() };
    world.end();
    let mut looks = DefaultHasher::new();
    (&choices, world.seen()).hash(&mut looks);
    Arrival { fingerprint, looks: looks.finish(), seen, choices, calls }
}

/// Each device call that a step led to may fail.
fn failures(step: Step, calls: u8) -> impl Iterator<Item = Step> {
    (0..calls).flat_map(move |call| [step.but(Fault::Refused(call)), step.but(Fault::Gone(call))])
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
}
