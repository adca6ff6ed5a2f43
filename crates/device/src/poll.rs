//! Waiting: for devices, for fences, for other threads, for time.

use pinhole_base::{Error, Result, Timestamp};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// What is watched.
#[derive(Clone, Copy, Debug)]
pub enum PollSource<'a> {
    /// A descriptor.
    Fd(BorrowedFd<'a>),
    /// A node of the kernel's.
    Node {
        /// Readable when a buffer can be dequeued, whichever way it went.
        buffers: BorrowedFd<'a>,
        /// Has exceptional conditions when an event can be dequeued, and hangs up when the
        /// device is gone.
        events: BorrowedFd<'a>,
    },
    /// A node of a simulated device, by its number.
    Simulated(u32),
}

/// What is watched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Interest {
    /// Buffers to dequeue.
    pub buffers: bool,
    /// Events to dequeue.
    pub events: bool,
}

/// What became ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The key it is watched under.
    pub key: u16,
    /// A buffer can be dequeued.
    pub buffers: bool,
    /// An event can be dequeued.
    pub events: bool,
    /// The device is gone.
    pub gone: bool,
}

/// Waits for whatever comes first, and tells the time on the clock that the devices' stamps
/// are on.
pub trait Poller: Send {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Watches a source under a key until told otherwise.
    ///
    /// # Errors
    /// It cannot be watched.
    fn watch(&mut self, source: PollSource<'_>, key: u16, interest: Interest) -> Result<()>;

    /// Watches it no more.
    ///
    /// # Errors
    /// It was not watched.
    fn unwatch(&mut self, source: PollSource<'_>) -> Result<()>;

    /// Waits until something is ready, a waker was used, or the deadline has passed; `ready`
    /// then holds what is ready (nothing, for the latter two). Sources stay ready until they
    /// are served. With no deadline it waits for as long as it takes. One buffer and one event
    /// may be dequeued from a source each time it is reported.
    ///
    /// # Errors
    /// Waiting failed.
    fn wait(&mut self, deadline: Option<Timestamp>, ready: &mut Vec<Ready>) -> Result<()>;

    /// What ends a wait from another thread.
    fn waker(&self) -> Waker;
}

/// Ends a [`Poller::wait`], from any thread; used while nobody waits, it ends the next one.
#[derive(Clone, Debug)]
#[doc(alias = "eventfd")]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// A waker with a descriptor of its own.
    ///
    /// # Errors
    /// Descriptors ran out.
    pub fn new() -> Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|e| Error::from_errno(e.raw_os_error(), "making an eventfd"))?;
        Ok(Self(Arc::new(fd)))
    }

    /// Wakes.
    pub fn wake(&self) {
        // The only failure is a counter at its limit, and then it is awake already.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }

    /// Forgets that it was used; says whether it was.
    pub fn clear(&self) -> bool {
        rustix::io::read(&*self.0, &mut [0u8; 8]).is_ok()
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
