//! Plays worlds on threads, and gathers what came of them.

use super::troubles::FaultSet;
use super::world::{Outcome, World};
use super::{Found, Options, REQUESTS_A_WORLD, Report, Violation};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

/// A world that takes no step for so long hangs.
const HANG: Duration = Duration::from_secs(30);

/// Violations after which a run ends.
const VIOLATIONS_MAX: usize = 20;

/// How far a run has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Requests of the worlds that are done.
    pub requests: u64,
    /// Violations so far.
    pub violations: usize,
}

/// What a worker is doing.
struct Worker {
    pulse: Arc<AtomicU64>,
    world: Arc<AtomicU64>,
}

struct Job {
    options: Options,
    next: AtomicU64,
    stop: AtomicBool,
}

impl Job {
    fn worlds(&self) -> u64 {
        self.options.requests.div_ceil(REQUESTS_A_WORLD)
    }

    fn requests_of(&self, world: u64) -> u64 {
        (self.options.requests - world * REQUESTS_A_WORLD).min(REQUESTS_A_WORLD)
    }

    fn seed_of(&self, world: u64) -> u64 {
        self.options.seed.wrapping_add(world)
    }

    fn found(&self, world: u64, violation: Violation) -> Found {
        let seed = self.seed_of(world);
        let requests = self.requests_of(world);
        let arguments = format!("--seed {seed} --requests {requests} {}", self.options.arguments());
        Found { seed, violation, arguments }
    }
}

/// Plays all worlds of a run. `ask` hears how far it has come several times a second, and ends
/// it by answering false; worlds that had not begun then are left out.
///
/// A world that hangs ends the run with a violation; its thread is left behind.
pub fn run(options: &Options, mut ask: impl FnMut(Progress) -> bool) -> Report {
    silence_panics();
    let job =
        Arc::new(Job { options: options.clone(), next: AtomicU64::new(0), stop: AtomicBool::new(false) });
    let (send, receive) = channel();
    let workers: Vec<_> = (0..options.threads.max(1)).map(|_| spawn(&job, &send)).collect();
    drop(send);
    let mut outcomes = BTreeMap::new();
    let hung = gather(&job, &receive, &workers, &mut outcomes, &mut ask);
    report(&job, outcomes, hung)
}

fn spawn(job: &Arc<Job>, send: &Sender<(u64, Outcome)>) -> Worker {
    let worker = Worker { pulse: Arc::default(), world: Arc::default() };
    let (job, send) = (Arc::clone(job), send.clone());
    let (pulse, current) = (Arc::clone(&worker.pulse), Arc::clone(&worker.world));
    let spawned = std::thread::Builder::new().name(NAME.to_owned()).spawn(move || {
        while !job.stop.load(Ordering::Relaxed) {
            let world = job.next.fetch_add(1, Ordering::Relaxed);
            if world >= job.worlds() {
                break;
            }
            current.store(world, Ordering::Relaxed);
            let outcome = play(&job, world, &pulse);
            if send.send((world, outcome)).is_err() {
                break;
            }
        }
    });
    // Without a thread there is nothing to simulate on.
    spawned.expect("a thread can be had");
    worker
}

fn gather(
    job: &Job,
    receive: &Receiver<(u64, Outcome)>,
    workers: &[Worker],
    outcomes: &mut BTreeMap<u64, Outcome>,
    ask: &mut impl FnMut(Progress) -> bool,
) -> Option<u64> {
    let mut progress = Progress { requests: 0, violations: 0 };
    let mut pulses: Vec<_> = workers.iter().map(|_| (0, Instant::now())).collect();
    loop {
        match receive.recv_timeout(Duration::from_millis(200)) {
            Ok((world, outcome)) => {
                progress.requests += outcome.requests;
                progress.violations += usize::from(outcome.violation.is_some());
                outcomes.insert(world, outcome);
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Some(hung) = find_hung(workers, &mut pulses) {
                    return Some(hung);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return None,
        }
        if !ask(progress) || progress.violations >= VIOLATIONS_MAX {
            job.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// The world of a worker that has taken no step for too long.
fn find_hung(workers: &[Worker], pulses: &mut [(u64, Instant)]) -> Option<u64> {
    for (worker, (pulse, since)) in workers.iter().zip(pulses) {
        let now = worker.pulse.load(Ordering::Relaxed);
        if now != *pulse {
            (*pulse, *since) = (now, Instant::now());
        } else if since.elapsed() > HANG && Arc::strong_count(&worker.pulse) > 1 {
            return Some(worker.world.load(Ordering::Relaxed));
        }
    }
    None
}

fn report(job: &Job, outcomes: BTreeMap<u64, Outcome>, hung: Option<u64>) -> Report {
    let mut report = Report::default();
    for (world, outcome) in outcomes {
        report.requests += outcome.requests;
        report.events += outcome.events;
        report.faults.resize(outcome.faults.len(), 0);
        std::iter::zip(&mut report.faults, outcome.faults).for_each(|(sum, count)| *sum += count);
        report.digest = report.digest.rotate_left(5) ^ outcome.digest;
        report.worlds += 1;
        report.violations.extend(outcome.violation.map(|violation| job.found(world, violation)));
    }
    report.violations.extend(hung.map(|world| {
        let message = format!("no step was taken for {} s", HANG.as_secs());
        job.found(world, Violation { message, kinds: FaultSet::all(), step: 0, trace: Vec::new() })
    }));
    report
}

fn play(job: &Job, world: u64, pulse: &AtomicU64) -> Outcome {
    let made = catch_unwind(|| World::new(job.seed_of(world), &job.options));
    let mut made = match made {
        Ok(Ok(made)) => made,
        Ok(Err(error)) => return stillborn(format!("the world cannot be made: {error:?}")),
        Err(_) => return stillborn(taken_panic()),
    };
    let played = catch_unwind(AssertUnwindSafe(|| made.play(job.requests_of(world), pulse)));
    let message = match played {
        Ok(played) => played.err(),
        Err(_) => Some(taken_panic()),
    };
    let outcome = made.outcome(message);
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(made)));
    match dropped {
        Err(_) if outcome.violation.is_none() => stillborn(taken_panic()),
        _ => outcome,
    }
}

fn stillborn(message: String) -> Outcome {
    let violation = Violation { message, kinds: FaultSet::all(), step: 0, trace: Vec::new() };
    Outcome { requests: 0, events: 0, faults: Vec::new(), digest: 0, violation: Some(violation) }
}

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the messages of panics in worlds, instead of printing them in between. Panics of
/// threads that play none are printed as ever.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().name() == Some(NAME) {
                let place = info.location().map_or(String::new(), |place| format!(" ({place})"));
                let text = info.payload_as_str().unwrap_or("a panic without words");
                PANIC.with_borrow_mut(|kept| *kept = Some(format!("panic: {text}{place}")));
            } else {
                before(info);
            }
        }));
    });
}

const NAME: &str = "world";

fn taken_panic() -> String {
    PANIC.with_borrow_mut(Option::take).unwrap_or_else(|| "a panic".to_owned())
}
