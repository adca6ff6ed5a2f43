//! Sessions: a camera that runs.

use crate::backend::Backend;
use crate::config::{StreamConfiguration, StreamId};
use crate::drops::{DropCause, DropCounters};
use crate::exchange::{Exchange, QueueError, Taken};
use crate::frame::{Frame, Roster};
use crate::handle::Camera;
use crate::request::{Request, RequestStatus};
use pinhole_base::control::ControlList;
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll};
use std::thread::JoinHandle;

/// After this many cancelled requests in a row, [`Session::next`] gives up.
pub const CANCELLED_MAX: usize = 32;

/// Who turns the camera's loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Driver {
    /// A thread of the session's own: the control loop goes on whatever the application does.
    #[default]
    Thread,
    /// The application's thread, inside [`Session::next`] and its like: no other thread, no
    /// switches between threads. While the application does something else, the camera waits.
    Caller,
}

enum Turning {
    Thread(LoopThread),
    Caller(Box<dyn Backend>),
}

/// A running camera. It exists only while the camera streams: [`Session::stop`] consumes it,
/// and dropping it stops the camera too.
///
/// # Guarantees
/// - Requests complete in the order of queueing, each exactly once.
/// - Stopping completes all that are under way before it returns.
/// - No call waits for ever: a camera that falls silent is reported by an error.
pub struct Session {
    turning: Option<Turning>,
    roster: Arc<Roster>,
    camera: Option<Camera>,
}

/// A session that got no thread.
pub(crate) struct Unstarted {
    pub(crate) backend: Box<dyn Backend>,
    pub(crate) camera: Camera,
    pub(crate) error: Error,
}

/// A thread that turns a camera's loop, and returns it.
type LoopThread = JoinHandle<Box<dyn Backend>>;

/// What is left of a session that was stopped.
pub struct Stopped {
    /// The camera, still configured.
    pub camera: Camera,
    /// The requests that had not been taken out, in order, all completed or cancelled.
    pub requests: Vec<Request>,
    /// Frames that were not delivered, by cause.
    pub drops: DropCounters,
    /// The camera had failed before it was stopped, and nobody had been told.
    pub failure: Option<Error>,
}

impl Session {
    pub(crate) fn new(
        backend: Box<dyn Backend>,
        camera: Camera,
        exchange: Arc<Exchange>,
        recycles: bool,
        driver: Driver,
    ) -> Result<Self, Box<Unstarted>> {
        let streams = camera.streams().map(|(id, stream)| (id, stream.clone())).collect();
        let wanted = ControlList::new().into();
        let roster =
            Arc::new(Roster { streams, exchange, recycles, wanted, has_wanted: AtomicBool::new(false) });
        let turning = match driver {
            Driver::Caller => Turning::Caller(backend),
            Driver::Thread => match spawn(backend, Arc::clone(&roster.exchange)) {
                Ok(thread) => Turning::Thread(thread),
                Err((backend, error)) => return Err(Box::new(Unstarted { backend, camera, error })),
            },
        };
        Ok(Self { turning: Some(turning), roster, camera: Some(camera) })
    }

    /// The streams, with what names them in requests.
    pub fn streams(&self) -> impl Iterator<Item = (StreamId, &StreamConfiguration)> {
        self.roster.streams.iter().map(|(id, stream)| (*id, stream))
    }

    /// A new request.
    pub fn create_request(&self) -> Request {
        self.camera().create_request()
    }

    fn camera(&self) -> &Camera {
        self.camera.as_ref().expect("a session has its camera until it is stopped")
    }

    /// Queues a request.
    ///
    /// # Errors
    /// It names no buffer, is another camera's or an old configuration's, too many are under
    /// way, or the camera has failed. The request is handed back.
    pub fn queue(&self, request: Request) -> Result<(), Box<QueueError>> {
        self.camera().check_request(request).and_then(|request| self.roster.exchange.queue(request))
    }

    /// What other threads queue requests with. It outlives the session, and then refuses.
    pub fn queue_handle(&self) -> QueueHandle {
        QueueHandle { roster: Arc::clone(&self.roster) }
    }

    /// Sets controls on the next frame that goes round (for sessions that queue their own
    /// requests).
    pub fn set_controls(&self, controls: &ControlList) {
        self.roster.want(controls);
    }

    /// The next completed request, waiting for it. `None` once the camera has stopped after a
    /// failure and everything has been taken out.
    ///
    /// # Errors
    /// The camera failed (told once, after the requests that it cancelled), or nothing is
    /// under way that could complete.
    #[inline]
    pub fn next_request(&mut self) -> Result<Option<Request>> {
        loop {
            let taken = match self.turning.as_mut().expect("a session turns until it is stopped") {
                Turning::Thread(_) => self.roster.exchange.wait(),
                Turning::Caller(backend) => turn(backend.as_mut(), &self.roster.exchange),
            };
            match taken {
                Taken::Request(request) => return Ok(Some(request)),
                Taken::Later => {}
                Taken::Idle => return Err(nothing_under_way(self.roster.recycles)),
                Taken::Failed(error) => return Err(error),
                Taken::Closed => return Ok(None),
            }
        }
    }

    /// The next frame, waiting for it. Requests that were cancelled on their own (a device
    /// refused a buffer) are counted and skipped. `None` once the camera has stopped.
    ///
    /// # Errors
    /// As [`Session::next_request`]; also the reason of the last of more than
    /// [`CANCELLED_MAX`] requests in a row that were cancelled.
    #[expect(clippy::should_implement_trait, reason = "it can fail, and `Option` inside out would hide that")]
    pub fn next(&mut self) -> Result<Option<Frame>> {
        let mut cancelled = 0;
        while let Some(request) = self.next_request()? {
            cancelled += 1;
            if cancelled > CANCELLED_MAX
                && let Some(error) = request.error()
            {
                return Err(error.clone());
            }
            if let Some(frame) = self.frame_of(request) {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    fn frame_of(&self, request: Request) -> Option<Frame> {
        if !self.roster.recycles || request.status() == RequestStatus::Complete {
            return Some(Frame::new(request, Arc::clone(&self.roster)));
        }
        self.roster.recycle(request);
        None
    }

    /// The newest frame there is, waiting for one if there is none; older ones are counted
    /// as superseded and their buffers given back.
    ///
    /// # Errors
    /// As [`Session::next_request`].
    pub fn latest(&mut self) -> Result<Option<Frame>> {
        let Some(mut newest) = self.next()? else { return Ok(None) };
        while let Some(request) = self.roster.exchange.take_completed() {
            if let Some(frame) = self.frame_of(request) {
                self.roster.exchange.count_drop(DropCause::Superseded);
                newest = frame;
            }
        }
        Ok(Some(newest))
    }

    /// The first frame that began at or after an instant, waiting for it; older ones are
    /// counted as superseded and their buffers given back.
    ///
    /// # Errors
    /// As [`Session::next_request`].
    pub fn after(&mut self, instant: Timestamp) -> Result<Option<Frame>> {
        while let Some(frame) = self.next()? {
            if frame.timestamp() >= instant {
                return Ok(Some(frame));
            }
            self.roster.exchange.count_drop(DropCause::Superseded);
        }
        Ok(None)
    }

    /// One turn of the camera's loop, for [`Driver::Caller`]: returns when something has
    /// happened, or at `until`. Does nothing where a thread turns the loop, or once the camera
    /// has failed.
    pub fn turn(&mut self, until: Option<Timestamp>) {
        if let Some(Turning::Caller(backend)) = &mut self.turning
            && !self.roster.exchange.is_closed()
            && let Err(error) = backend.step(&self.roster.exchange, until)
        {
            backend.stop(&error, &self.roster.exchange);
            self.roster.exchange.close(Some(error));
        }
    }

    /// The next completed request, if there is one now.
    ///
    /// # Errors
    /// The camera failed; told once.
    pub fn try_next_request(&mut self) -> Result<Option<Request>> {
        match self.roster.exchange.take() {
            Taken::Request(request) => Ok(Some(request)),
            Taken::Failed(error) => Err(error),
            _ => Ok(None),
        }
    }

    /// Whether the camera has failed, and so has stopped by itself. What it completed can still
    /// be taken out.
    pub fn is_closed(&self) -> bool {
        self.roster.exchange.is_closed()
    }

    /// The backend, where the caller turns the loop: its clock, its audit.
    pub fn backend(&self) -> Option<&dyn Backend> {
        match &self.turning {
            Some(Turning::Caller(backend)) => Some(backend.as_ref()),
            _ => None,
        }
    }

    /// Frames that were not delivered, by cause, as of the last completed request.
    pub fn drops(&self) -> DropCounters {
        self.roster.exchange.drops()
    }

    /// Stops the camera: every request under way completes, those unfinished as cancelled.
    pub fn stop(mut self) -> Stopped {
        self.halt().expect("a session can be stopped once")
    }

    fn halt(&mut self) -> Option<Stopped> {
        let turning = self.turning.take()?;
        let mut camera = self.camera.take()?;
        let exchange = &self.roster.exchange;
        match turning {
            Turning::Caller(mut backend) => {
                finish(backend.as_mut(), exchange);
                camera.put_back(backend);
            }
            Turning::Thread(thread) => {
                exchange.ask_to_stop();
                match thread.join() {
                    Ok(backend) => camera.put_back(backend),
                    Err(panic) if !std::thread::panicking() => std::panic::resume_unwind(panic),
                    Err(_) => {}
                }
            }
        }
        let (mut requests, mut failure) = (Vec::new(), None);
        loop {
            match exchange.take() {
                Taken::Request(request) => requests.push(request),
                Taken::Failed(error) => failure = Some(error),
                Taken::Later | Taken::Idle | Taken::Closed => break,
            }
        }
        Some(Stopped { camera, requests, drops: exchange.drops(), failure })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.halt());
    }
}

/// Readable while there is something to take out.
impl AsFd for Session {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.roster.exchange.readable()
    }
}

/// Frames, on any runtime. Ends when the camera stops; a failure is its last item. With
/// [`Driver::Caller`], polling turns the loop, and so may wait for a frame; with nothing under
/// way each poll answers an error that says so, until a frame is dropped or a request queued.
impl futures_core::Stream for Session {
    type Item = Result<Frame>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame>>> {
        let session = self.get_mut();
        if matches!(session.turning, Some(Turning::Caller(_))) {
            return Poll::Ready(session.next().transpose());
        }
        session.roster.exchange.register(context.waker());
        loop {
            return match session.roster.exchange.take() {
                Taken::Request(request) => match session.frame_of(request) {
                    Some(frame) => Poll::Ready(Some(Ok(frame))),
                    None => continue,
                },
                Taken::Failed(error) => Poll::Ready(Some(Err(error))),
                Taken::Later | Taken::Idle => Poll::Pending,
                Taken::Closed => Poll::Ready(None),
            };
        }
    }
}

/// Queues requests from any thread.
#[derive(Clone)]
pub struct QueueHandle {
    roster: Arc<Roster>,
}

impl QueueHandle {
    /// Queues a request of the session's own.
    ///
    /// # Errors
    /// As [`Session::queue`]; also once the session has ended.
    pub fn queue(&self, request: Request) -> Result<(), Box<QueueError>> {
        crate::handle::check_request(request, self.roster.streams.first().map(|(id, _)| *id))
            .and_then(|request| self.roster.exchange.queue(request))
    }
}

fn spawn(
    backend: Box<dyn Backend>,
    exchange: Arc<Exchange>,
) -> Result<LoopThread, (Box<dyn Backend>, Error)> {
    // The backend goes through a slot, so that it is not lost when no thread can be had.
    let slot = Arc::new(std::sync::Mutex::new(Some(backend)));
    let theirs = Arc::clone(&slot);
    let take = |slot: &std::sync::Mutex<Option<Box<dyn Backend>>>| {
        slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take().expect("it is taken once")
    };
    std::thread::Builder::new()
        .name("pinhole".to_owned())
        .spawn(move || turn_until_stopped(take(&theirs), &exchange))
        .map_err(|error| (take(&slot), Error::from_io(&error, "starting the camera's thread")))
}

fn turn_until_stopped(mut backend: Box<dyn Backend>, exchange: &Exchange) -> Box<dyn Backend> {
    let _closer = CloseOnPanic(exchange);
    while !exchange.is_stopping() {
        if let Err(error) = backend.step(exchange, None) {
            // Whoever finds nothing under way from here on waits for the end, to be told why.
            exchange.ask_to_stop();
            backend.stop(&error, exchange);
            exchange.close(Some(error));
            return backend;
        }
    }
    finish(backend.as_mut(), exchange);
    backend
}

/// Nobody may wait for a loop that has panicked.
struct CloseOnPanic<'a>(&'a Exchange);

impl Drop for CloseOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = Error::new(ErrorKind::Device, "running the camera's loop")
                .because("an internal invariant was broken; the panic message says which");
            self.0.close(Some(error));
        }
    }
}

fn finish(backend: &mut dyn Backend, exchange: &Exchange) {
    backend.stop(&Error::new(ErrorKind::Cancelled, "capturing").because("the camera was stopped"), exchange);
    exchange.close(None);
}

/// Turns the loop until there is something to take out, or nothing can come.
fn turn(backend: &mut dyn Backend, exchange: &Exchange) -> Taken {
    while exchange.is_quiet() {
        if let Err(error) = backend.step(exchange, None) {
            backend.stop(&error, exchange);
            exchange.close(Some(error));
        }
    }
    exchange.take()
}

fn nothing_under_way(recycles: bool) -> Error {
    let hint =
        if recycles { "drop a frame, so that its buffers can be filled again" } else { "queue a request" };
    Error::new(ErrorKind::WrongState, "waiting for a frame")
        .because("no request is under way that could complete")
        .hint(hint)
}
