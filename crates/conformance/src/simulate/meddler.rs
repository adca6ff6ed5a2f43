//! Stands between the loop and the control algorithms, and now and then answers late, never,
//! or nonsense.

use super::dice::Dice;
use super::troubles::AlgorithmFault;
use pinhole::job::{ControlLoop, Job, JobKind, SensorValues};
use pinhole::pipelines::vc4::backend::Decorator;
use pinhole::{Error, ErrorKind, FrameMemory, Result, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What all meddlers of a world go by.
pub(super) struct Whims {
    dice: Dice,
    /// How likely each [`AlgorithmFault`] is.
    pub(super) odds: [f64; AlgorithmFault::ALL.len()],
    /// How often each happened.
    pub(super) counts: [u64; AlgorithmFault::ALL.len()],
}

impl Whims {
    fn draw(&mut self) -> Option<AlgorithmFault> {
        let drawn = AlgorithmFault::ALL.into_iter().find(|fault| {
            let odds = self.odds[*fault as usize];
            odds > 0.0 && self.dice.unit() < odds
        })?;
        self.counts[drawn as usize] += 1;
        Some(drawn)
    }
}

/// The whims, as a world and its meddlers share them.
#[derive(Clone)]
pub(super) struct SharedWhims(Arc<Mutex<Whims>>);

impl SharedWhims {
    pub(super) fn new(dice: Dice) -> Self {
        Self(Arc::new(Mutex::new(Whims { dice, odds: [0.0; 3], counts: [0; 3] })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Whims> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn decorator(&self) -> Decorator {
        let whims = self.clone();
        Arc::new(move |inner| {
            Box::new(Meddler { inner, whims: whims.clone(), held: Vec::new(), twice: None })
        })
    }
}

struct Meddler {
    inner: Box<dyn ControlLoop>,
    whims: SharedWhims,
    /// Answers, and when they are given.
    held: Vec<(Timestamp, Box<Job>)>,
    /// An answer that is given a second time.
    twice: Option<Box<Job>>,
}

impl Meddler {
    /// What the algorithms make of a job.
    fn work(&mut self, now: Timestamp, job: Box<Job>) -> Option<Box<Job>> {
        self.inner.submit(now, job);
        self.inner.answer(now)
    }

    /// Gives the answer to a job after one of these times.
    fn hold_back(&mut self, now: Timestamp, job: Box<Job>, times_ms: &[u64]) {
        let by = self.whims.lock().dice.pick(times_ms);
        if let Some(job) = self.work(now, job) {
            self.held.push((now + Duration::from_millis(by), job));
        }
    }

    fn spoil(&mut self, job: &mut Job) {
        let mut whims = self.whims.lock();
        let dice = &mut whims.dice;
        match dice.below(7) {
            0 => job.embedded = Some(dice.below(1 << 16) as u16),
            1 => job.statistics = Some(dice.below(1 << 16) as u16),
            2 => job.id = job.id.wrapping_add(dice.next()),
            3 => job.error = Some(Error::new(ErrorKind::Algorithm, "computing on purpose")),
            4 => job.wish = Some(wild_wish(dice)),
            5 => job.kind = if job.kind == JobKind::Prepare { JobKind::Process } else { JobKind::Prepare },
            _ => self.twice = Some(Box::new(Job { id: job.id, kind: job.kind, ..Job::default() })),
        }
    }
}

fn wild_wish(dice: &mut Dice) -> SensorValues {
    let mut wild = || dice.pick(&[0, 1, 1000, 65_535, u32::MAX]);
    SensorValues { exposure_lines: wild(), gain_code: wild(), vblank_lines: wild() }
}

impl ControlLoop for Meddler {
    fn map(&mut self, buffers: &[(u16, Arc<FrameMemory>)]) -> Result<()> {
        self.inner.map(buffers)
    }

    fn unmap(&mut self) {
        self.held.clear();
        self.twice = None;
        self.inner.unmap();
    }

    fn submit(&mut self, now: Timestamp, job: Box<Job>) {
        let drawn = self.whims.lock().draw();
        match drawn {
            None => self.inner.submit(now, job),
            Some(AlgorithmFault::NoAnswer) => {
                // Or one that comes long after the camera has given it up.
                if self.whims.lock().dice.one_in(2) {
                    self.hold_back(now, job, &[1500, 5000, 20_000]);
                }
            }
            Some(AlgorithmFault::LateAnswer) => self.hold_back(now, job, &[1, 10, 40, 200, 700]),
            Some(AlgorithmFault::NonsenseAnswer) => {
                if let Some(mut job) = self.work(now, job) {
                    self.spoil(&mut job);
                    self.held.push((now, job));
                }
            }
        }
    }

    fn answer(&mut self, now: Timestamp) -> Option<Box<Job>> {
        if let Some(due) = self.held.iter().position(|(at, _)| *at <= now) {
            return Some(self.held.remove(due).1);
        }
        self.twice.take().or_else(|| self.inner.answer(now))
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.held.iter().map(|(at, _)| *at).min()
    }
}
