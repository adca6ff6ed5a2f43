//! Requests that wait for their fences, in order, each for a bounded time.

use crate::devices::Devices;
use crate::request::Request;
use pinhole_base::{Error, ErrorKind, Timestamp};
use pinhole_buffer::Fence;
use pinhole_device::{Interest, PollSource};
use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::Duration;

/// How long a fence may take from the queueing of its request on.
pub(crate) const FENCE_WAIT_MAX: Duration = Duration::from_millis(300);

/// Poller keys of fences lie above those of streams.
const KEY: u16 = 0x100;

struct Waiting {
    request: Request,
    deadline: Timestamp,
}

/// The gate between the application and the pipeline.
#[derive(Default)]
pub(crate) struct FenceGate {
    waiting: VecDeque<Waiting>,
    watching: bool,
}

impl FenceGate {
    /// Takes a request in; gives it back at once if neither it nor one before it has to wait.
    #[inline]
    pub(crate) fn enter(
        &mut self,
        request: Request,
        now: Timestamp,
        devices: &mut Devices,
    ) -> Option<Request> {
        if self.waiting.is_empty() && request.fences().next().is_none() {
            return Some(request);
        }
        self.hold(request, now, devices)
    }

    #[cold]
    fn hold(&mut self, request: Request, now: Timestamp, devices: &mut Devices) -> Option<Request> {
        self.waiting.push_back(Waiting { request, deadline: now + FENCE_WAIT_MAX });
        self.leave(now, devices)
    }

    /// The next request whose fences have all signalled, or whose time is up: that one is
    /// cancelled, and its fences stay in it.
    pub(crate) fn leave(&mut self, now: Timestamp, devices: &mut Devices) -> Option<Request> {
        let front = self.waiting.front()?;
        let signalled = front.request.fences().all(is_signalled);
        let late = front.deadline <= now;
        if !signalled && !late {
            self.watch(devices);
            return None;
        }
        self.unwatch(devices);
        let mut request = self.waiting.pop_front()?.request;
        if signalled {
            request.consume_fences();
        } else {
            request.cancel(timed_out());
        }
        Some(request)
    }

    /// Whether no request waits.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When the first one's time is up.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.waiting.front().map(|front| front.deadline)
    }

    /// Cancels all.
    pub(crate) fn cancel_all(
        &mut self,
        devices: &mut Devices,
        reason: &Error,
        mut complete: impl FnMut(Request),
    ) {
        self.unwatch(devices);
        for mut waiting in self.waiting.drain(..) {
            waiting.request.cancel(reason.clone());
            complete(waiting.request);
        }
    }

    /// Watches the first one's fences until they have signalled: one that has would end every
    /// wait at once.
    fn watch(&mut self, devices: &mut Devices) {
        let began = std::mem::replace(&mut self.watching, true);
        let Some(front) = self.waiting.front() else { return };
        for fence in front.request.fences() {
            let source = PollSource::Fd(fence.as_fd());
            let interest = Interest { buffers: true, events: false };
            // A fence that cannot be watched is looked at when its time is up; one that had
            // signalled before was never watched.
            let _ = match (is_signalled(fence), began) {
                (true, _) => devices.poller.unwatch(source),
                (false, false) => devices.poller.watch(source, KEY, interest),
                (false, true) => Ok(()),
            };
        }
    }

    fn unwatch(&mut self, devices: &mut Devices) {
        if !std::mem::take(&mut self.watching) {
            return;
        }
        let Some(front) = self.waiting.front() else { return };
        for fence in front.request.fences() {
            // Those that had signalled before were never watched.
            let _ = devices.poller.unwatch(PollSource::Fd(fence.as_fd()));
        }
    }
}

fn is_signalled(fence: &Fence) -> bool {
    fence.is_signalled().unwrap_or(false)
}

fn timed_out() -> Error {
    Error::new(ErrorKind::Timeout, "waiting for a fence")
        .because(format!("it did not signal within {} ms", FENCE_WAIT_MAX.as_millis()))
        .hint("the fence is still in the request: take it out to wait for it")
}
