//! Where the application's threads and the camera's loop meet: requests go in at one side
//! and come out, completed, at the other.
//!
//! The loop's thread is woken for a new request only if it has fewer than
//! [`BUSY_ENOUGH`] others to go on with: with more, devices wake it within a frame anyway.

use crate::drops::{DropCause, DropCounters};
use crate::request::Request;
use crate::ring::Ring;
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_device::Waker;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};

/// Most requests between queueing and being taken out again.
pub const REQUESTS_MAX: usize = 128;

/// The loop needs no waking while it has this many requests.
pub const BUSY_ENOUGH: usize = 2;

/// A request that could not be queued, handed back with the reason.
#[derive(Debug)]
pub struct QueueError {
    /// The request, as it was.
    pub request: Request,
    /// Why.
    pub error: Error,
}

impl From<Box<QueueError>> for Error {
    fn from(error: Box<QueueError>) -> Self {
        error.error
    }
}

#[derive(Default)]
struct State {
    inbox: Ring<Request>,
    outbox: Ring<Request>,
    /// How many requests were queued since the start.
    numbered: u64,
    /// Requests that the loop has.
    held: usize,
    failure: Option<Error>,
    /// How many threads wait in [`Exchange::wait`].
    waiters: usize,
    closed: bool,
    task: Option<std::task::Waker>,
    drops: DropCounters,
}

/// What an application finds when it asks for a completed request.
#[derive(Debug)]
pub enum Taken {
    /// One.
    Request(Request),
    /// None now, but some are under way.
    Later,
    /// None, and none is under way.
    Idle,
    /// The camera failed; told once.
    Failed(Error),
    /// The camera has stopped.
    Closed,
}

/// The meeting place of one session.
pub struct Exchange {
    state: Mutex<State>,
    arrived: Condvar,
    loop_waker: Waker,
    readable: Waker,
    watched: AtomicBool,
    /// How many requests are in the inbox: the loop need not lock to see that there are none.
    queued: AtomicUsize,
    /// How many requests are in the inbox or held by the loop.
    under_way: AtomicUsize,
    /// Something may be taken out: whoever turns the loop need not lock to see that nothing is.
    news: AtomicBool,
    stopping: AtomicBool,
}

impl Exchange {
    /// A meeting place for a loop that this waker wakes.
    ///
    /// # Errors
    /// Descriptors ran out.
    pub fn new(loop_waker: Waker) -> Result<Self> {
        let state = State {
            inbox: Ring::with_capacity(REQUESTS_MAX),
            outbox: Ring::with_capacity(REQUESTS_MAX),
            ..State::default()
        };
        Ok(Self {
            state: Mutex::new(state),
            arrived: Condvar::new(),
            loop_waker,
            readable: Waker::new()?,
            watched: AtomicBool::new(false),
            queued: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            news: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Queues a request.
    ///
    /// # Errors
    /// The camera has stopped or failed, or [`REQUESTS_MAX`] requests are under way.
    #[inline(always)]
    pub fn queue(&self, mut request: Request) -> Result<(), Box<QueueError>> {
        let mut state = self.lock();
        let under_way = state.inbox.len() + state.held;
        if state.closed || self.is_stopping() {
            return Err(refused(request, ErrorKind::WrongState, "the camera is not running"));
        }
        if under_way + state.outbox.len() >= REQUESTS_MAX {
            return Err(refused(request, ErrorKind::LimitReached, "too many requests are under way"));
        }
        request.set_number(state.numbered);
        state.numbered += 1;
        state.inbox.push_back(request);
        self.queued.store(state.inbox.len(), Ordering::Release);
        self.under_way.store(under_way + 1, Ordering::Release);
        drop(state);
        if under_way < BUSY_ENOUGH {
            self.loop_waker.wake();
        }
        Ok(())
    }

    /// Takes the next completed request out; never waits.
    #[inline(always)]
    pub fn take(&self) -> Taken {
        let mut state = self.lock();
        let taken = self.take_from(&mut state);
        self.news
            .store(!state.outbox.is_empty() || state.failure.is_some() || state.closed, Ordering::Release);
        if state.outbox.is_empty() && self.watched.load(Ordering::Relaxed) && !state.closed {
            self.readable.clear();
        }
        taken
    }

    /// Takes the next completed request out, and nothing else: a failure is left for
    /// [`Exchange::take`] to tell.
    pub fn take_completed(&self) -> Option<Request> {
        let waits = !self.lock().outbox.is_empty();
        match waits.then(|| self.take()) {
            Some(Taken::Request(request)) => Some(request),
            _ => None,
        }
    }

    /// Whether [`Exchange::take`] would say [`Taken::Later`]: requests are under way, and none
    /// is completed.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        !self.news.load(Ordering::Acquire) && self.under_way.load(Ordering::Acquire) > 0
    }

    fn take_from(&self, state: &mut State) -> Taken {
        if let Some(request) = state.outbox.pop_front() {
            return Taken::Request(request);
        }
        if let Some(error) = state.failure.take() {
            return Taken::Failed(error);
        }
        match (state.closed, state.inbox.len() + state.held) {
            (true, _) => Taken::Closed,
            (false, 0) if !self.is_stopping() => Taken::Idle,
            (false, _) => Taken::Later,
        }
    }

    /// Takes the next completed request out, waiting for it while some are under way.
    pub fn wait(&self) -> Taken {
        let mut state = self.lock();
        loop {
            match self.take_from(&mut state) {
                Taken::Later => {}
                taken => return taken,
            }
            state.waiters += 1;
            state = self.arrived.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
            state.waiters -= 1;
        }
    }

    /// Whether the camera has stopped: nothing is queued or completed any more.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Has a task woken when the next request completes.
    pub fn register(&self, task: &std::task::Waker) {
        self.lock().task = Some(task.clone());
    }

    /// Counts a frame that the application did not see.
    pub fn count_drop(&self, cause: DropCause) {
        self.lock().drops.count(cause);
    }

    /// Frames that the application did not see, by cause.
    pub fn drops(&self) -> DropCounters {
        self.lock().drops
    }

    /// A descriptor that is readable while there is something to take out.
    pub fn readable(&self) -> BorrowedFd<'_> {
        if !self.watched.swap(true, Ordering::Relaxed) {
            let state = self.lock();
            if !state.outbox.is_empty() || state.closed {
                self.readable.wake();
            }
        }
        self.readable.as_fd()
    }

    /// Asks the loop to stop.
    pub fn ask_to_stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.loop_waker.wake();
    }
}

/// The loop's side.
impl Exchange {
    /// Whether requests wait to be taken in.
    #[inline]
    pub fn has_queued(&self) -> bool {
        self.queued.load(Ordering::Acquire) > 0
    }

    /// The next queued request.
    #[inline(always)]
    pub fn next_queued(&self) -> Option<Request> {
        let mut state = self.lock();
        let request = state.inbox.pop_front()?;
        self.queued.store(state.inbox.len(), Ordering::Release);
        state.held += 1;
        Some(request)
    }

    /// Whether the loop was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Hands out a completed request.
    #[inline(always)]
    pub fn complete(&self, request: Request) {
        let mut state = self.lock();
        state.held -= 1;
        state.outbox.push_back(request);
        self.under_way.store(state.inbox.len() + state.held, Ordering::Release);
        self.announce(state);
    }

    /// Notes the loop's own counts of frames that were not delivered.
    pub fn set_drops(&self, drops: DropCounters) {
        let mut state = self.lock();
        let superseded = state.drops.of(DropCause::Superseded);
        state.drops = drops;
        state.drops.add(DropCause::Superseded, superseded);
    }

    /// Ends the meeting: nothing is queued any more. Requests that came after the loop last
    /// looked are cancelled. A failure is told to the application once it has taken all
    /// requests out.
    pub fn close(&self, failure: Option<Error>) {
        let mut state = self.lock();
        state.closed = true;
        while let Some(mut request) = state.inbox.pop_front() {
            request.cancel(failure.clone().unwrap_or_else(too_late));
            state.outbox.push_back(request);
        }
        self.queued.store(0, Ordering::Release);
        self.under_way.store(state.held, Ordering::Release);
        if failure.is_some() {
            state.failure = failure;
        }
        self.announce(state);
    }

    /// Tells whoever waits. To notify nobody is a system call, so waiters are counted, under the
    /// lock that what they wait for is changed under. So a waiter either had counted itself
    /// before that change, and then it waits already (it gave up the lock by waiting) and is
    /// notified; or it locks after the change, and sees it before it waits.
    #[inline]
    fn announce(&self, mut state: MutexGuard<'_, State>) {
        let task = state.task.take();
        let is_awaited = state.waiters > 0;
        self.news.store(true, Ordering::Release);
        drop(state);
        if is_awaited {
            self.arrived.notify_one();
        }
        if self.watched.load(Ordering::Relaxed) {
            self.readable.wake();
        }
        if let Some(task) = task {
            task.wake();
        }
    }
}

fn too_late() -> Error {
    Error::new(ErrorKind::Cancelled, "capturing").because("the camera was being stopped")
}

fn refused(request: Request, kind: ErrorKind, reason: &str) -> Box<QueueError> {
    let error = Error::new(kind, "queueing a request").because(reason);
    Box::new(QueueError { request, error })
}
