//! Deterministic simulation: whole cameras under random applications and random faults, on a
//! virtual clock, with every promise checked after every step.
//!
//! A run is a row of worlds, each with a seed of its own: the run's seed and its number added.
//! A world has one to three simulated cameras and an application for each, which acquires,
//! configures, starts, queues, takes, stops and drops as the dice fall, while devices and
//! algorithms misbehave as they fall. Equal seeds give equal worlds, to the last event.
//!
//! What is checked is in `promises` (requests that come back), `stage` (the hardware's own
//! books) and `stock` (buffers that an application has back). A panic, be it the ledger's,
//! counts as a violation too, and so does a world that makes no progress.

mod actor;
mod dice;
mod frames;
mod meddler;
mod promises;
mod session;
mod stage;
mod stock;
mod trace;
mod troubles;
mod wishes;
mod workers;
mod world;

pub use pinhole::sim::model::SensorModel;
pub use troubles::{AlgorithmFault, FaultSet, Kind};
pub use workers::{Progress, run};

use std::fmt;

/// Requests of one world.
pub const REQUESTS_A_WORLD: u64 = 1000;

/// What to simulate.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seed of the first world.
    pub seed: u64,
    /// How many requests to queue, in worlds of [`REQUESTS_A_WORLD`].
    pub requests: u64,
    /// What may go wrong.
    pub faults: FaultSet,
    /// The sensors that cameras may have; at least one.
    pub sensors: Vec<&'static SensorModel>,
    /// Threads to play worlds on; at least one.
    pub threads: usize,
    /// Whether violations come with the last of what the hardware did, too.
    pub log: bool,
}

impl Options {
    /// All faults, all sensors, one thread.
    pub fn new(seed: u64, requests: u64) -> Self {
        let sensors = SensorModel::ALL.to_vec();
        Self { seed, requests, faults: FaultSet::all(), sensors, threads: 1, log: false }
    }

    /// The arguments that ask for the same faults and sensors.
    fn arguments(&self) -> String {
        let names: Vec<_> = self.sensors.iter().map(|sensor| sensor.name).collect();
        format!("--faults {} --sensors {}", self.faults, names.join(","))
    }
}

/// A promise that was not kept.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which, and how.
    pub message: String,
    /// What may go wrong in its world.
    pub kinds: FaultSet,
    /// The step of its world.
    pub step: u64,
    /// The last that happened before, a line each.
    pub trace: Vec<String>,
}

/// A violation, and how to see it again.
#[derive(Clone, Debug)]
pub struct Found {
    /// The seed of its world.
    pub seed: u64,
    /// What it was.
    pub violation: Violation,
    /// The arguments that lead there again.
    pub arguments: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.violation.trace {
            writeln!(f, "  {line}")?;
        }
        let Violation { message, kinds, step, .. } = &self.violation;
        writeln!(f, "seed {}, step {step} (possible faults: {kinds}): {message}", self.seed)?;
        write!(f, "again: cargo xtask simulate {}", self.arguments)
    }
}

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Requests queued.
    pub requests: u64,
    /// Steps of the simulated hardware.
    pub events: u64,
    /// How often which kind of fault happened, in the order of [`Kind::all`].
    pub faults: Vec<u64>,
    /// Differs wherever anything differed.
    pub digest: u64,
    /// Worlds played to their end.
    pub worlds: u64,
    /// What was found, in the order of the seeds.
    pub violations: Vec<Found>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: u64 = self.faults.iter().sum();
        let kinds = self.faults.iter().filter(|count| **count > 0).count();
        write!(
            f,
            "{} requests, {} events, {faults} faults injected of {kinds} kinds, {} violations",
            self.requests,
            self.events,
            self.violations.len()
        )
    }
}

/// What comes of a check: it holds, or it says what does not.
type Checked<T = ()> = Result<T, String>;

fn violated<T>(what: impl Into<String>) -> Checked<T> {
    Err(what.into())
}

fn demand(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(otherwise()) }
}
