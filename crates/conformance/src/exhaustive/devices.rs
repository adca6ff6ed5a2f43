//! Devices that grant everything and do nothing: the search says what becomes of the buffers
//! that they are given.

use pinhole::device::node::PLANES_MAX;
use pinhole::device::{
    ControlCode, ControlDescription, ControlWrite, Controls, Dequeued, ExportedBuffer, Interest,
    NodeCapabilities, NodeEvent, NodeFormat, NodeKind, PollSource, Poller, QueueBuffer, Ready, VideoNode,
    Waker,
};
use pinhole::devices::Devices;
use pinhole::format::FourCc;
use pinhole::geometry::{ModePixels, Rect};
use pinhole::kernel::memory::SystemMapper;
use pinhole::pipelines::vc4::plan::STREAMS;
use pinhole::{Error, ErrorKind, Result, Timestamp};
use rustix::fs::{MemfdFlags, memfd_create};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Slots that a device grants, however many are asked for.
const SLOTS: u32 = 2;

/// Most internal buffers of a stream.
const EXPORTED: usize = 4;

/// A set of such devices.
pub(super) fn devices() -> Devices {
    Devices {
        media: Vec::new(),
        nodes: (0..STREAMS).map(|_| Box::new(Node::new()) as Box<dyn VideoNode>).collect(),
        sensor: None,
        lens: None,
        heap: None,
        poller: Box::new(Still),
        mapper: Arc::new(SystemMapper),
    }
}

struct Node {
    capabilities: NodeCapabilities,
    memory: Vec<OwnedFd>,
}

impl Node {
    fn new() -> Self {
        let kind = NodeKind::VideoCapture;
        let capabilities = NodeCapabilities { name: "modelled".into(), kind, media_centric: true };
        let memory = || memfd_create("modelled", MemfdFlags::CLOEXEC).expect("there are descriptors left");
        Self { capabilities, memory: (0..EXPORTED).map(|_| memory()).collect() }
    }
}

/// What is not part of the model.
fn unasked<T>() -> Result<T> {
    Err(Error::new(ErrorKind::InvalidArgument, "asking a modelled device").because("it has no such thing"))
}

impl Controls for Node {
    fn query_controls(&mut self) -> Result<Vec<ControlDescription>> {
        unasked()
    }

    fn control(&mut self, _: ControlCode) -> Result<i64> {
        unasked()
    }

    fn set_controls(&mut self, _: &[ControlWrite<'_>]) -> Result<()> {
        Ok(())
    }
}

impl VideoNode for Node {
    fn capabilities(&self) -> &NodeCapabilities {
        &self.capabilities
    }

    fn formats(&mut self) -> Result<Vec<FourCc>> {
        unasked()
    }

    fn format(&mut self) -> Result<NodeFormat> {
        unasked()
    }

    fn try_format(&mut self, _: NodeFormat) -> Result<NodeFormat> {
        unasked()
    }

    fn set_format(&mut self, _: NodeFormat) -> Result<NodeFormat> {
        unasked()
    }

    fn set_crop(&mut self, crop: Rect<ModePixels>) -> Result<Rect<ModePixels>> {
        Ok(crop)
    }

    fn allocate(&mut self, count: u32) -> Result<u32> {
        Ok(count.min(EXPORTED as u32))
    }

    fn export(&mut self, slot: u32) -> Result<ExportedBuffer> {
        let fd = self.memory[slot as usize].try_clone().expect("there are descriptors left");
        Ok(ExportedBuffer { planes: vec![(fd, 1)] })
    }

    fn import(&mut self, _: u32) -> Result<u32> {
        Ok(SLOTS)
    }

    fn free(&mut self) -> Result<()> {
        Ok(())
    }

    fn queue(&mut self, _: &QueueBuffer<'_>) -> Result<()> {
        unasked()
    }

    fn dequeue(&mut self) -> Result<Option<Dequeued>> {
        unasked()
    }

    fn stream_on(&mut self) -> Result<()> {
        Ok(())
    }

    fn stream_off(&mut self) -> Result<()> {
        Ok(())
    }

    fn subscribe_frame_start(&mut self, _: bool) -> Result<()> {
        Ok(())
    }

    fn dequeue_event(&mut self) -> Result<Option<NodeEvent>> {
        unasked()
    }

    fn poll_source(&self) -> PollSource<'_> {
        PollSource::Simulated(0)
    }
}

/// Nobody waits: time is the search's.
struct Still;

impl Poller for Still {
    fn now(&self) -> Timestamp {
        Timestamp::ZERO
    }

    fn watch(&mut self, _: PollSource<'_>, _: u16, _: Interest) -> Result<()> {
        unasked()
    }

    fn unwatch(&mut self, _: PollSource<'_>) -> Result<()> {
        unasked()
    }

    fn wait(&mut self, _: Option<Timestamp>, _: &mut Vec<Ready>) -> Result<()> {
        unasked()
    }

    fn waker(&self) -> Waker {
        Waker::new().expect("there are descriptors left")
    }
}

/// A buffer that a device is done with.
pub(super) fn done(slot: u16, sequence: u32, timestamp: Timestamp) -> Dequeued {
    Dequeued {
        slot: u32::from(slot),
        sequence,
        timestamp,
        error: false,
        bytes_used: [1; PLANES_MAX],
        data_offsets: [0; PLANES_MAX],
    }
}
