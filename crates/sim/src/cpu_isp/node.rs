//! The nodes of an ISP of the CPU's, as pipelines call them.

use super::run::{CpuIsp, Queue};
use super::{Shared, lock, work};
use crate::fault::Role;
use crate::formats;
use crate::isp_controls::IspControls;
use crate::node::capabilities;
use crate::refusal::{Answer, Refusal};
use pinhole_base::format::FourCc;
use pinhole_base::geometry::{ModePixels, Rect};
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_buffer::{FrameMemory, Identity, PlaneMemory};
use pinhole_device::{
    ControlCode, ControlDescription, ControlWrite, Controls, Dequeued, ExportedBuffer, NodeCapabilities,
    NodeEvent, NodeFormat, PollSource, QueueBuffer, VideoNode, Waker,
};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::JoinHandle;

/// An open node. Closing it gives back what it holds.
pub(super) struct CpuNode {
    isp: Arc<CpuIsp>,
    provider: Shared,
    role: Role,
    capabilities: NodeCapabilities,
    waker: Waker,
    /// The work: the input's, while it streams.
    work: Option<JoinHandle<()>>,
}

impl CpuNode {
    pub(super) fn new(isp: Arc<CpuIsp>, provider: Shared, role: Role) -> Self {
        let waker = isp.state().node(role).waker.clone();
        Self { isp, provider, role, capabilities: capabilities(role), waker, work: None }
    }

    fn told<T>(&self, doing: &'static str, answer: Answer<T>) -> Result<T> {
        answer.map_err(|refusal| refusal.into_error(doing, self.capabilities.name.clone()))
    }

    fn call<T>(&self, doing: &'static str, act: impl FnOnce(&mut Queue) -> Answer<T>) -> Result<T> {
        self.told(doing, self.isp.change(self.role, act))
    }

    /// The memory of a buffer; the one that the slot knows already, if it is that.
    fn memory(&self, buffer: &QueueBuffer<'_>) -> Result<Arc<FrameMemory>> {
        let doing = "queueing a buffer";
        let [plane] = buffer.planes else {
            return Err(Error::new(ErrorKind::InvalidArgument, doing).because("it is not in one piece"));
        };
        let identity = Identity::of(plane.fd, 0)?;
        let known = self.call(doing, |queue| Ok(queue.known(buffer.slot)?.cloned()))?;
        if let Some(known) = known.filter(|known| known.identity() == identity) {
            return Ok(known);
        }
        let fd = self.told(doing, fcntl_dupfd_cloexec(plane.fd, 0).map_err(Refusal::from))?;
        let mapper = lock(&self.provider).mapper();
        FrameMemory::new(vec![PlaneMemory::new(Arc::new(fd), 0, plane.length)], mapper)
    }
}

impl Controls for CpuNode {
    fn query_controls(&mut self) -> Result<Vec<ControlDescription>> {
        Ok(if self.role == Role::Input { IspControls::describe() } else { Vec::new() })
    }

    fn control(&mut self, code: ControlCode) -> Result<i64> {
        let answer = match self.role {
            Role::Input => self.isp.state().controls.control(code),
            _ => Err(Errno::INVAL.into()),
        };
        self.told("reading a control", answer)
    }

    fn set_controls(&mut self, writes: &[ControlWrite<'_>]) -> Result<()> {
        let answer = match self.role {
            Role::Input => self.isp.state().write(writes),
            _ => Err(Errno::INVAL.into()),
        };
        self.told("writing controls", answer)
    }
}

impl VideoNode for CpuNode {
    fn capabilities(&self) -> &NodeCapabilities {
        &self.capabilities
    }

    fn formats(&mut self) -> Result<Vec<FourCc>> {
        Ok(formats::offered(self.role))
    }

    fn format(&mut self) -> Result<NodeFormat> {
        Ok(self.isp.state().node(self.role).format)
    }

    fn try_format(&mut self, format: NodeFormat) -> Result<NodeFormat> {
        let adjusted = formats::adjusted(self.role, format, 0);
        let answer =
            adjusted.ok_or_else(|| Refusal::new(Errno::INVAL, "the node has formats of another kind"));
        self.told("trying a format", answer)
    }

    fn set_format(&mut self, format: NodeFormat) -> Result<NodeFormat> {
        let format = self.try_format(format)?;
        self.call("setting the format", |queue| {
            if queue.has_slots() {
                return Err(Refusal::new(Errno::BUSY, "the node has buffers"));
            }
            queue.format = format;
            Ok(())
        })?;
        if let (Role::Input, Some(image)) = (self.role, format.image()) {
            self.isp.state().crop = formats::whole(image.size);
        }
        Ok(format)
    }

    fn set_crop(&mut self, crop: Rect<ModePixels>) -> Result<Rect<ModePixels>> {
        let mut state = self.isp.state();
        let image = state.node(self.role).format.image().filter(|_| self.role == Role::Input);
        let Some(image) = image else {
            drop(state);
            return self.told("setting the crop", Err(Errno::NOTTY.into()));
        };
        state.crop = formats::adjusted_crop(crop, image.size);
        Ok(state.crop)
    }

    fn allocate(&mut self, count: u32) -> Result<u32> {
        let bytes = self.isp.state().node(self.role).format.size_bytes();
        let buffers = {
            let mut provider = lock(&self.provider);
            (0..count).map(|_| provider.memory("picture", bytes)).collect::<Result<_>>()?
        };
        self.call("allocating buffers", |queue| queue.keep(buffers))
    }

    fn export(&mut self, slot: u32) -> Result<ExportedBuffer> {
        self.call("exporting a buffer", |queue| {
            let (fd, bytes) = queue.own(slot)?;
            Ok(ExportedBuffer { planes: vec![(fcntl_dupfd_cloexec(fd, 0)?, *bytes)] })
        })
    }

    fn import(&mut self, count: u32) -> Result<u32> {
        self.call("making slots for buffers", |queue| queue.add(count))
    }

    fn free(&mut self) -> Result<()> {
        self.call("freeing buffers", Queue::free)
    }

    fn queue(&mut self, buffer: &QueueBuffer<'_>) -> Result<()> {
        let memory = self.memory(buffer)?;
        self.call("queueing a buffer", |queue| queue.queue(buffer.slot, memory, buffer.timestamp))?;
        self.isp.step();
        Ok(())
    }

    fn dequeue(&mut self) -> Result<Option<Dequeued>> {
        self.call("dequeueing a buffer", Queue::take_done)
    }

    fn stream_on(&mut self) -> Result<()> {
        self.call("starting to stream", Queue::start)?;
        if self.role == Role::Input && self.work.is_none() && self.isp.wants_thread() {
            let mapper = lock(&self.provider).mapper();
            self.work = Some(work::start(Arc::clone(&self.isp), mapper)?);
        }
        self.isp.step();
        Ok(())
    }

    fn stream_off(&mut self) -> Result<()> {
        self.isp.stop(self.role);
        if let Some(work) = self.work.take() {
            // An engine that breaks is caught, so the thread has nothing to tell.
            let _ = work.join();
        }
        Ok(())
    }

    fn subscribe_frame_start(&mut self, wanted: bool) -> Result<()> {
        let answer = if wanted { Err(Errno::INVAL.into()) } else { Ok(()) };
        self.told("subscribing to frame starts", answer)
    }

    fn dequeue_event(&mut self) -> Result<Option<NodeEvent>> {
        Ok(None)
    }

    fn poll_source(&self) -> PollSource<'_> {
        PollSource::Fd(self.waker.as_fd())
    }
}

impl Drop for CpuNode {
    fn drop(&mut self) {
        // Neither can fail: the node is stopped when it is freed.
        let _ = self.stream_off();
        let _ = self.free();
    }
}
