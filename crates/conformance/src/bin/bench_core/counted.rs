//! What stands between the core and the rest: devices and algorithms that pass every call on
//! and count it.
//!
//! The wrappers are also the border by which instructions are told apart: whatever runs below
//! [`Node`], [`Sensor`] and [`Clock`] is the devices', below [`Algorithms`] the algorithms',
//! and all the rest is the core's. They are only ever called through `dyn`, so none of them
//! is inlined.

use crate::counters::{Counter, add, attributed, sleeps_of_this_thread};
use pinhole::device::{
    ControlCode, ControlDescription, ControlWrite, Controls, Dequeued, ExportedBuffer, Heap, Interest,
    MediaBusFormat, MediaDevice, NodeCapabilities, NodeEvent, NodeFormat, PollSource, Poller, Provider,
    QueueBuffer, Ready, SelectionTarget, SubDevice, VideoNode, Waker,
};
use pinhole::format::FourCc;
use pinhole::geometry::{ModePixels, NativePixels, Rect, Size};
use pinhole::job::{ControlLoop, Job};
use pinhole::{FrameMemory, Mapper, Mapping, Result, Timestamp};
use std::cell::Cell;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, PoisonError};

/// Buffers that a node allocated.
#[derive(Clone, Debug)]
pub(crate) struct Allocated {
    /// The node's name.
    pub(crate) name: String,
    /// Bytes of each.
    pub(crate) bytes: u32,
    /// How many.
    pub(crate) count: u32,
}

static ALLOCATED: Mutex<Vec<Allocated>> = Mutex::new(Vec::new());

/// All buffers that nodes have allocated so far.
pub(crate) fn allocated() -> Vec<Allocated> {
    ALLOCATED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

thread_local! {
    static IN_ALGORITHMS: Cell<bool> = const { Cell::new(false) };
}

fn device<T>(counter: Counter, call: impl FnOnce() -> T) -> T {
    add(counter, 1);
    attributed(Counter::AllocationsDevices, call)
}

fn algorithms<T>(call: impl FnOnce() -> T) -> T {
    IN_ALGORITHMS.set(true);
    let result = attributed(Counter::AllocationsAlgorithms, call);
    IN_ALGORITHMS.set(false);
    result
}

/// Counts what passes to and from another provider's devices.
pub(crate) struct CountedProvider(pub(crate) Box<dyn Provider>);

impl Provider for CountedProvider {
    fn is_simulated(&self) -> bool {
        self.0.is_simulated()
    }
    fn media_devices(&mut self) -> Result<Vec<Box<dyn MediaDevice>>> {
        self.0.media_devices()
    }
    fn video_node(&mut self, path: &str) -> Result<Box<dyn VideoNode>> {
        Ok(Box::new(Node(self.0.video_node(path)?)))
    }
    fn sub_device(&mut self, path: &str) -> Result<Box<dyn SubDevice>> {
        Ok(Box::new(Sensor(self.0.sub_device(path)?)))
    }
    fn heap(&mut self) -> Result<Box<dyn Heap>> {
        self.0.heap()
    }
    fn poller(&mut self) -> Result<Box<dyn Poller>> {
        Ok(Box::new(Clock(self.0.poller()?)))
    }
    fn mapper(&self) -> Arc<dyn Mapper> {
        Arc::new(CountedMapper(self.0.mapper()))
    }
}

struct Node(Box<dyn VideoNode>);

impl Controls for Node {
    fn query_controls(&mut self) -> Result<Vec<ControlDescription>> {
        self.0.query_controls()
    }
    fn control(&mut self, code: ControlCode) -> Result<i64> {
        self.0.control(code)
    }
    fn set_controls(&mut self, writes: &[ControlWrite<'_>]) -> Result<()> {
        device(Counter::Controls, || self.0.set_controls(writes))
    }
}

impl VideoNode for Node {
    fn capabilities(&self) -> &NodeCapabilities {
        self.0.capabilities()
    }
    fn formats(&mut self) -> Result<Vec<FourCc>> {
        self.0.formats()
    }
    fn format(&mut self) -> Result<NodeFormat> {
        self.0.format()
    }
    fn try_format(&mut self, format: NodeFormat) -> Result<NodeFormat> {
        self.0.try_format(format)
    }
    fn set_format(&mut self, format: NodeFormat) -> Result<NodeFormat> {
        self.0.set_format(format)
    }
    fn set_crop(&mut self, crop: Rect<ModePixels>) -> Result<Rect<ModePixels>> {
        device(Counter::Crop, || self.0.set_crop(crop))
    }
    fn allocate(&mut self, count: u32) -> Result<u32> {
        let granted = self.0.allocate(count)?;
        let (name, bytes) = (self.0.capabilities().name.clone(), self.0.format()?.size_bytes());
        ALLOCATED.lock().unwrap_or_else(PoisonError::into_inner).push(Allocated {
            name,
            bytes,
            count: granted,
        });
        Ok(granted)
    }
    fn export(&mut self, slot: u32) -> Result<ExportedBuffer> {
        self.0.export(slot)
    }
    fn import(&mut self, count: u32) -> Result<u32> {
        self.0.import(count)
    }
    fn free(&mut self) -> Result<()> {
        self.0.free()
    }
    fn queue(&mut self, buffer: &QueueBuffer<'_>) -> Result<()> {
        device(Counter::Queue, || self.0.queue(buffer))
    }
    fn dequeue(&mut self) -> Result<Option<Dequeued>> {
        device(Counter::Dequeue, || self.0.dequeue())
    }
    fn stream_on(&mut self) -> Result<()> {
        self.0.stream_on()
    }
    fn stream_off(&mut self) -> Result<()> {
        self.0.stream_off()
    }
    fn subscribe_frame_start(&mut self, wanted: bool) -> Result<()> {
        self.0.subscribe_frame_start(wanted)
    }
    fn dequeue_event(&mut self) -> Result<Option<NodeEvent>> {
        device(Counter::Event, || self.0.dequeue_event())
    }
    fn poll_source(&self) -> PollSource<'_> {
        self.0.poll_source()
    }
}

struct Sensor(Box<dyn SubDevice>);

impl Controls for Sensor {
    fn query_controls(&mut self) -> Result<Vec<ControlDescription>> {
        self.0.query_controls()
    }
    fn control(&mut self, code: ControlCode) -> Result<i64> {
        self.0.control(code)
    }
    fn set_controls(&mut self, writes: &[ControlWrite<'_>]) -> Result<()> {
        device(Counter::Controls, || self.0.set_controls(writes))
    }
}

impl SubDevice for Sensor {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn media_bus_codes(&mut self, pad: u32) -> Result<Vec<u32>> {
        self.0.media_bus_codes(pad)
    }
    fn frame_sizes(&mut self, pad: u32, code: u32) -> Result<Vec<Size<ModePixels>>> {
        self.0.frame_sizes(pad, code)
    }
    fn format(&mut self, pad: u32) -> Result<MediaBusFormat> {
        self.0.format(pad)
    }
    fn set_format(&mut self, pad: u32, format: MediaBusFormat) -> Result<MediaBusFormat> {
        self.0.set_format(pad, format)
    }
    fn selection(&mut self, target: SelectionTarget) -> Result<Rect<NativePixels>> {
        self.0.selection(target)
    }
}

/// The poller, which tells the time and waits.
struct Clock(Box<dyn Poller>);

impl Clock {
    fn wait_counted(&mut self, deadline: Option<Timestamp>, ready: &mut Vec<Ready>) -> Result<()> {
        let before = sleeps_of_this_thread();
        let waited = self.0.wait(deadline, ready);
        add(Counter::SleepForDevices, sleeps_of_this_thread() - before);
        let in_time = deadline.is_none_or(|deadline| self.0.now() < deadline);
        add(Counter::Wake, u64::from(ready.is_empty() && in_time));
        waited
    }
}

impl Poller for Clock {
    fn now(&self) -> Timestamp {
        device(Counter::Clock, || self.0.now())
    }
    fn watch(&mut self, source: PollSource<'_>, key: u16, interest: Interest) -> Result<()> {
        self.0.watch(source, key, interest)
    }
    fn unwatch(&mut self, source: PollSource<'_>) -> Result<()> {
        self.0.unwatch(source)
    }
    fn wait(&mut self, deadline: Option<Timestamp>, ready: &mut Vec<Ready>) -> Result<()> {
        device(Counter::Wait, || self.wait_counted(deadline, ready))
    }
    fn waker(&self) -> Waker {
        self.0.waker()
    }
}

struct CountedMapper(Arc<dyn Mapper>);

impl Mapper for CountedMapper {
    fn map(&self, fd: BorrowedFd<'_>, offset: u32, length: u32) -> Result<Box<dyn Mapping>> {
        Ok(Box::new(CountedMapping { inner: self.0.map(fd, offset, length)?, length }))
    }
    fn fill(&self, fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<()> {
        self.0.fill(fd, bytes)
    }
}

struct CountedMapping {
    inner: Box<dyn Mapping>,
    length: u32,
}

impl Mapping for CountedMapping {
    fn begin(&self) -> Result<()> {
        let counter = if IN_ALGORITHMS.get() { Counter::ViewedBytesAlgorithms } else { Counter::ViewedBytes };
        add(counter, u64::from(self.length));
        self.inner.begin()
    }
    fn end(&self) {
        self.inner.end();
    }
    fn bytes(&self) -> &[u8] {
        self.inner.bytes()
    }
}

/// Counts what the control algorithms take.
pub(crate) struct Algorithms(pub(crate) Box<dyn ControlLoop>);

impl ControlLoop for Algorithms {
    fn map(&mut self, buffers: &[(u16, Arc<FrameMemory>)]) -> Result<()> {
        self.0.map(buffers)
    }
    fn unmap(&mut self) {
        self.0.unmap();
    }
    fn submit(&mut self, now: Timestamp, job: Box<Job>) {
        algorithms(|| self.0.submit(now, job));
    }
    fn answer(&mut self, now: Timestamp) -> Option<Box<Job>> {
        algorithms(|| self.0.answer(now))
    }
    fn deadline(&self) -> Option<Timestamp> {
        algorithms(|| self.0.deadline())
    }
}
