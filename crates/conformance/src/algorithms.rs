//! Control algorithms that misbehave on demand: late, never, with errors or with nonsense.

use pinhole::job::{ControlLoop, Job, JobKind};
use pinhole::pipelines::vc4::backend::Decorator;
use pinhole::{Error, ErrorKind, FrameMemory, Result, Timestamp};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How the algorithms treat jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Conduct {
    /// As they should.
    #[default]
    Prompt,
    /// Those of a kind are answered so much later.
    Late(JobKind, Duration),
    /// Those of a kind are never answered.
    Never(JobKind),
    /// Those of a kind come back with a buffer that was not in them.
    UnknownBuffer(JobKind),
    /// Those of a kind come back with an error.
    Failing(JobKind),
    /// What was left unanswered at a stop is answered after the next start.
    Stale(JobKind),
}

#[derive(Default)]
struct Script {
    conduct: Conduct,
    /// Jobs that the algorithms have.
    held: usize,
    maps: usize,
    unmaps: usize,
    /// Whoever brings a job waits.
    shut: bool,
}

/// What moves the algorithms of every camera of a world.
#[derive(Clone, Default)]
pub struct Strings(Arc<(Mutex<Script>, Condvar)>);

impl Strings {
    fn lock(&self) -> MutexGuard<'_, Script> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets no job in: a loop with a thread of its own stands still at the first one. (A loop
    /// that is turned by its caller would wait for ever.)
    pub fn shut(&self) {
        self.lock().shut = true;
    }

    /// Lets jobs in again.
    pub fn open(&self) {
        self.lock().shut = false;
        self.0.1.notify_all();
    }

    fn wait_for_entry(&self) -> Conduct {
        let shut = |script: &mut Script| script.shut;
        let script = self.0.1.wait_while(self.lock(), shut).unwrap_or_else(PoisonError::into_inner);
        script.conduct
    }

    /// Tells them how to behave from now on.
    pub fn set(&self, conduct: Conduct) {
        self.lock().conduct = conduct;
    }

    /// How many jobs they have not answered yet.
    pub fn held(&self) -> usize {
        self.lock().held
    }

    /// How often they learnt of buffers, and how often they forgot them.
    pub fn maps_and_unmaps(&self) -> (usize, usize) {
        let script = self.lock();
        (script.maps, script.unmaps)
    }

    /// What puts them between a loop and its algorithms.
    pub fn decorator(&self) -> Decorator {
        let strings = self.clone();
        Arc::new(move |inner| {
            Box::new(Puppet { inner, strings: strings.clone(), held: VecDeque::new(), stale: Vec::new() })
        })
    }
}

/// Algorithms on strings.
struct Puppet {
    inner: Box<dyn ControlLoop>,
    strings: Strings,
    /// With the time of the answer; `None`: never.
    held: VecDeque<(Option<Timestamp>, Box<Job>)>,
    /// Unanswered at the last stop.
    #[expect(clippy::vec_box, reason = "jobs come and go as boxes")]
    stale: Vec<Box<Job>>,
}

impl Puppet {
    fn hold(&mut self, until: Option<Timestamp>, job: Box<Job>) {
        self.held.push_back((until, job));
        self.strings.lock().held = self.held.len();
    }

    /// What the algorithms make of a job, at once.
    fn work(&mut self, now: Timestamp, job: Box<Job>) -> Box<Job> {
        self.inner.submit(now, job);
        self.inner.answer(now).expect("the algorithms answer at once")
    }
}

impl ControlLoop for Puppet {
    fn map(&mut self, buffers: &[(u16, Arc<FrameMemory>)]) -> Result<()> {
        self.strings.lock().maps += 1;
        self.inner.map(buffers)
    }

    fn unmap(&mut self) {
        self.stale.extend(self.held.drain(..).map(|(_, job)| job));
        let mut script = self.strings.lock();
        script.unmaps += 1;
        script.held = 0;
        drop(script);
        self.inner.unmap();
    }

    fn submit(&mut self, now: Timestamp, job: Box<Job>) {
        match self.strings.wait_for_entry() {
            Conduct::Late(kind, by) if kind == job.kind => {
                let done = self.work(now, job);
                self.hold(Some(now + by), done);
            }
            Conduct::Never(kind) | Conduct::Stale(kind) if kind == job.kind => self.hold(None, job),
            Conduct::UnknownBuffer(kind) if kind == job.kind => {
                let mut done = self.work(now, job);
                done.embedded = Some(u16::MAX);
                done.statistics = Some(u16::MAX);
                self.hold(Some(now), done);
            }
            Conduct::Failing(kind) if kind == job.kind => {
                let mut done = self.work(now, job);
                done.error = Some(Error::new(ErrorKind::Algorithm, "computing on purpose"));
                self.hold(Some(now), done);
            }
            _ => self.inner.submit(now, job),
        }
    }

    fn answer(&mut self, now: Timestamp) -> Option<Box<Job>> {
        if let Some(job) = self.stale.pop() {
            return Some(job);
        }
        let due = self.held.iter().position(|(until, _)| until.is_some_and(|until| until <= now));
        let Some(due) = due else { return self.inner.answer(now) };
        let answered = self.held.remove(due).map(|(_, job)| job);
        self.strings.lock().held = self.held.len();
        answered
    }

    fn deadline(&self) -> Option<Timestamp> {
        let due = self.held.iter().filter_map(|(until, _)| *until).min();
        [due, self.inner.deadline()].into_iter().flatten().min()
    }
}
