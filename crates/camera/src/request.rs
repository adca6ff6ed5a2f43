//! Requests: what an application wants of one frame, and what it got.

use crate::config::{STREAMS_MAX, StreamId};
use crate::fingerprint::Fingerprint;
use pinhole_base::control::ControlList;
use pinhole_base::{Error, ErrorKind, Timestamp};
use pinhole_buffer::memory::PLANES_MAX;
use pinhole_buffer::{Fence, FrameBuffer};
use std::any::Any;
use std::fmt;

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestStatus {
    /// Not yet done: being filled in, or queued.
    Pending,
    /// Done: its buffers are filled and its metadata is there.
    Complete,
    /// Given up: its buffers hold nothing to be relied on. [`Request::error`] says why.
    Cancelled,
}

/// What is known of the contents of a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BufferInfo {
    /// The receiver's number of the frame.
    pub sequence: u32,
    /// When the frame began.
    pub timestamp: Timestamp,
    /// Bytes that hold data, of all planes.
    pub bytes_used: u32,
    /// Bytes of each plane before its data.
    pub data_offsets: [u32; PLANES_MAX],
    /// The driver says that the contents may be damaged.
    pub error: bool,
    /// The buffer was filled: the above is its contents'.
    pub filled: bool,
}

#[derive(Default)]
struct Attachment {
    buffer: Option<FrameBuffer>,
    fence: Option<Fence>,
    info: BufferInfo,
}

/// What an application wants of one frame (a buffer for some of the configured streams, and
/// controls) and, once completed, what it got (the buffers filled, and metadata).
///
/// # Guarantees
/// - A queued request comes back exactly once, in the order of queueing, with the very
///   buffers it was given.
/// - A stream without a buffer is served from the camera's own buffers, unseen.
/// - Queueing, completing and reusing a request allocates nothing.
pub struct Request(Box<Inner>);

struct Inner {
    camera: u32,
    configuration: u32,
    number: u64,
    status: RequestStatus,
    error: Option<Error>,
    attachments: [Attachment; STREAMS_MAX],
    controls: ControlList,
    metadata: ControlList,
    cookie: u64,
    user_data: Option<Box<dyn Any + Send>>,
}

/// A buffer that could not be put into a request, handed back with the reason.
#[derive(Debug)]
pub struct AttachError {
    /// The buffer.
    pub buffer: FrameBuffer,
    /// The fence that came with it.
    pub fence: Option<Fence>,
    /// Why.
    pub error: Error,
}

impl From<AttachError> for Error {
    fn from(error: AttachError) -> Self {
        error.error
    }
}

impl Request {
    pub(crate) fn new(camera: u32, configuration: u32) -> Self {
        Self(Box::new(Inner {
            camera,
            configuration,
            number: 0,
            status: RequestStatus::Pending,
            error: None,
            attachments: Default::default(),
            controls: ControlList::new(),
            metadata: ControlList::new(),
            cookie: 0,
            user_data: None,
        }))
    }

    /// Gives a stream's buffer.
    ///
    /// # Errors
    /// The stream is another camera's, is not configured (any more), or has a buffer in this
    /// request already. The buffer is handed back.
    pub fn attach(&mut self, stream: StreamId, buffer: FrameBuffer) -> Result<(), AttachError> {
        self.attach_parts(stream, buffer, None)
    }

    /// Gives a stream's buffer that may not be written before a fence has signalled. A fence
    /// that has not signalled 300 ms after queueing cancels the request and stays in it.
    ///
    /// # Errors
    /// As [`Request::attach`]; the fence is handed back too.
    pub fn attach_fenced(
        &mut self,
        stream: StreamId,
        buffer: FrameBuffer,
        fence: Fence,
    ) -> Result<(), AttachError> {
        self.attach_parts(stream, buffer, Some(fence))
    }

    fn attach_parts(
        &mut self,
        stream: StreamId,
        buffer: FrameBuffer,
        fence: Option<Fence>,
    ) -> Result<(), AttachError> {
        if let Err(error) = self.check(stream) {
            return Err(AttachError { buffer, fence, error });
        }
        self.0.attachments[stream.index()] =
            Attachment { buffer: Some(buffer), fence, info: BufferInfo::default() };
        Ok(())
    }

    fn check(&self, stream: StreamId) -> Result<(), Error> {
        let doing = "attaching a buffer to a request";
        if stream.camera != self.0.camera {
            return Err(
                Error::new(ErrorKind::InvalidArgument, doing).because("the stream is another camera's")
            );
        }
        if stream.configuration != self.0.configuration {
            return Err(Error::new(ErrorKind::WrongState, doing)
                .because("the camera was configured anew since; the stream or the request is an old one"));
        }
        if self.0.attachments[stream.index()].buffer.is_some() {
            return Err(Error::new(ErrorKind::InvalidArgument, doing)
                .because(format!("stream {} has a buffer already", stream.index())));
        }
        Ok(())
    }

    /// The buffer of a stream.
    pub fn buffer(&self, stream: StreamId) -> Option<&FrameBuffer> {
        self.0.attachments[stream.index()].buffer.as_ref()
    }

    /// Takes the buffer of a stream out.
    pub fn take_buffer(&mut self, stream: StreamId) -> Option<FrameBuffer> {
        self.0.attachments[stream.index()].buffer.take()
    }

    /// Takes the fence of a stream out: there is one only if it did not signal.
    pub fn take_fence(&mut self, stream: StreamId) -> Option<Fence> {
        self.0.attachments[stream.index()].fence.take()
    }

    /// What is known of the contents of a stream's buffer.
    pub fn info(&self, stream: StreamId) -> BufferInfo {
        self.0.attachments[stream.index()].info
    }

    /// How far it has come.
    pub fn status(&self) -> RequestStatus {
        self.0.status
    }

    /// Why it was cancelled.
    pub fn error(&self) -> Option<&Error> {
        self.0.error.as_ref()
    }

    /// Its number since the start, from 0, in the order of queueing.
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// What it asks for.
    pub fn controls(&self) -> &ControlList {
        &self.0.controls
    }

    /// What it asks for, to be filled in.
    pub fn controls_mut(&mut self) -> &mut ControlList {
        &mut self.0.controls
    }

    /// What the frame says of itself.
    pub fn metadata(&self) -> &ControlList {
        &self.0.metadata
    }

    /// A number of the application's own; nothing else reads or writes it.
    pub fn cookie(&self) -> u64 {
        self.0.cookie
    }

    /// Sets the application's number.
    pub fn set_cookie(&mut self, cookie: u64) {
        self.0.cookie = cookie;
    }

    /// Something of the application's own; nothing else touches it.
    pub fn user_data(&mut self) -> &mut Option<Box<dyn Any + Send>> {
        &mut self.0.user_data
    }

    /// Makes it as new, for another frame: status, error, controls and metadata are reset;
    /// the buffers stay if told so. Cookie and user data stay.
    pub fn reuse(&mut self, keep_buffers: bool) {
        self.0.status = RequestStatus::Pending;
        self.0.error = None;
        self.0.controls.clear();
        self.0.metadata.clear();
        for attachment in &mut self.0.attachments {
            attachment.info = BufferInfo::default();
            if !keep_buffers {
                *attachment = Attachment::default();
            }
        }
    }

    /// Whether it names no buffer.
    pub fn is_empty(&self) -> bool {
        self.0.attachments.iter().all(|attachment| attachment.buffer.is_none())
    }

    pub(crate) fn belongs_to(&self, camera: u32, configuration: u32) -> bool {
        self.0.camera == camera && self.0.configuration == configuration
    }

    pub(crate) fn is_of_camera(&self, camera: u32) -> bool {
        self.0.camera == camera
    }
}

/// What pipelines do to requests.
impl Request {
    /// The buffer of the configured stream of that number.
    pub fn buffer_at(&self, index: usize) -> Option<&FrameBuffer> {
        self.0.attachments[index].buffer.as_ref()
    }

    /// Fences that have not been consumed.
    pub fn fences(&self) -> impl Iterator<Item = &Fence> {
        self.0.attachments.iter().filter_map(|attachment| attachment.fence.as_ref())
    }

    /// Consumes the fences: all have signalled.
    pub fn consume_fences(&mut self) {
        self.0.attachments.iter_mut().for_each(|attachment| attachment.fence = None);
    }

    /// Notes what a buffer was filled with.
    pub fn fill(&mut self, index: usize, info: BufferInfo) {
        self.0.attachments[index].info = info;
    }

    /// Gives it its number.
    pub fn set_number(&mut self, number: u64) {
        self.0.number = number;
    }

    /// The metadata, to be filled in.
    pub fn metadata_mut(&mut self) -> &mut ControlList {
        &mut self.0.metadata
    }

    /// Takes itself in: by what its buffers hold, and how far it has come.
    pub fn fingerprint(&self, into: &mut Fingerprint) {
        into.put((self.0.status, self.0.error.as_ref().map(Error::kind)));
        for Attachment { buffer, fence: _, info } in &self.0.attachments {
            let BufferInfo { sequence, timestamp, bytes_used, data_offsets, error, filled } = *info;
            into.put((buffer.is_some(), filled, sequence, bytes_used, data_offsets, error));
            if filled {
                into.time(timestamp);
            }
        }
    }

    /// Marks it done.
    pub fn complete(&mut self) {
        self.0.status = RequestStatus::Complete;
    }

    /// Marks it given up; the first reason stays.
    pub fn cancel(&mut self, error: Error) {
        self.0.status = RequestStatus::Cancelled;
        self.0.error.get_or_insert(error);
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        f.debug_struct("Request")
            .field("number", &inner.number)
            .field("status", &inner.status)
            .field("error", &inner.error)
            .field("controls", &inner.controls)
            .field("metadata", &inner.metadata)
            .finish_non_exhaustive()
    }
}
