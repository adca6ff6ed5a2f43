//! Frames: completed requests in the hands of an application that wants pictures, not
//! bookkeeping.

use crate::config::{Role, StreamConfiguration, StreamId};
use crate::exchange::Exchange;
use crate::request::{BufferInfo, Request};
use pinhole_base::control::{self, ControlList};
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_buffer::{FrameBuffer, FrameView};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// The streams of a session, and how requests get back into it.
pub(crate) struct Roster {
    pub(crate) streams: Vec<(StreamId, StreamConfiguration)>,
    pub(crate) exchange: Arc<Exchange>,
    /// Frames go round by themselves: their requests are queued again when dropped.
    pub(crate) recycles: bool,
    /// Controls for the next request that goes round.
    pub(crate) wanted: Mutex<ControlList>,
    /// There are some: others need not lock to see that there are none.
    pub(crate) has_wanted: AtomicBool,
}

impl Roster {
    /// Adds controls for the next request that goes round.
    pub(crate) fn want(&self, controls: &ControlList) {
        let mut wanted = self.wanted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        wanted.merge(controls);
        self.has_wanted.store(true, Ordering::Release);
    }

    /// Sends a request round again.
    pub(crate) fn recycle(&self, mut request: Request) {
        request.reuse(true);
        if self.has_wanted.load(Ordering::Acquire) {
            let mut wanted = self.wanted.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            request.controls_mut().merge(&wanted);
            wanted.clear();
            self.has_wanted.store(false, Ordering::Release);
        }
        // Refused only when the session has ended; then the buffers go with the request.
        let _ = self.exchange.queue(request);
    }
}

/// One frame: its buffers, and what it says of itself.
///
/// # Guarantees
/// - Dropping it gives its buffers back, to be filled again.
/// - While it lives, nothing writes to its buffers.
pub struct Frame {
    request: Option<Request>,
    roster: Arc<Roster>,
}

impl Frame {
    pub(crate) fn new(request: Request, roster: Arc<Roster>) -> Self {
        Self { request: Some(request), roster }
    }

    /// The first stream of that role.
    ///
    /// # Errors
    /// There is no such stream, or the request named no buffer for it.
    pub fn stream(&self, role: Role) -> Result<FrameStream<'_>> {
        let index =
            self.roster.streams.iter().position(|(_, stream)| stream.role == role).ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "looking into a frame")
                    .because(format!("no stream of role `{role}` was configured"))
            })?;
        self.stream_at(index)
    }

    /// The stream at that place of the configuration.
    ///
    /// # Errors
    /// There is no such stream, or the request named no buffer for it.
    pub fn stream_at(&self, index: usize) -> Result<FrameStream<'_>> {
        let doing = "looking into a frame";
        let (id, configuration) = self.roster.streams.get(index).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, doing).because(format!("there is no stream {index}"))
        })?;
        let buffer = self.request().buffer(*id).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, doing)
                .because(format!("stream {index} has no buffer in this request"))
        })?;
        Ok(FrameStream { buffer, configuration, info: self.request().info(*id) })
    }

    /// What the frame says of itself.
    pub fn metadata(&self) -> &ControlList {
        self.request().metadata()
    }

    /// The receiver's number of the frame; gaps show frames that were lost or not wanted.
    pub fn sequence(&self) -> u32 {
        self.metadata().get(control::SENSOR_SEQUENCE).unwrap_or(0) as u32
    }

    /// When the frame began.
    pub fn timestamp(&self) -> Timestamp {
        Timestamp(self.metadata().get(control::SENSOR_TIMESTAMP).unwrap_or(0) as u64)
    }

    /// The request behind it.
    pub fn request(&self) -> &Request {
        self.request.as_ref().expect("a frame has its request until it is dropped")
    }

    /// Keeps the request, with its buffers, out of the round.
    pub fn into_request(mut self) -> Request {
        self.request.take().expect("a frame has its request until it is dropped")
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if let Some(request) = self.request.take()
            && self.roster.recycles
        {
            self.roster.recycle(request);
        }
    }
}

/// One stream of a frame.
pub struct FrameStream<'a> {
    buffer: &'a FrameBuffer,
    configuration: &'a StreamConfiguration,
    info: BufferInfo,
}

impl<'a> FrameStream<'a> {
    /// Looks at the bytes from where each plane's data begins, inside a cache-sync guard. The first
    /// call for a buffer maps it.
    ///
    /// # Errors
    /// The memory cannot be mapped.
    pub fn map(&self) -> Result<FrameView<'a>> {
        self.buffer.memory().view_from(self.info.data_offsets)
    }

    /// Format, size, stride.
    pub fn configuration(&self) -> &'a StreamConfiguration {
        self.configuration
    }

    /// The buffer.
    pub fn buffer(&self) -> &'a FrameBuffer {
        self.buffer
    }

    /// What the driver said of the contents.
    pub fn info(&self) -> BufferInfo {
        self.info
    }
}
