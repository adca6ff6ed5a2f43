//! The loop: feeds a pipeline with what happens, and carries out what it answers.
//!
//! One turn waits once, serves what became ready (one buffer and one event of each device),
//! and carries out every action that follows from it. It allocates nothing, and makes no
//! device call that an action or a readiness did not ask for.

use crate::devices::Devices;
use crate::exchange::Exchange;
use crate::fences::FenceGate;
use crate::job::{ControlLoop, Job};
use crate::pipeline::{Action, Actions, Contents, ControlTarget, Event, Pipeline};
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_buffer::PlaneMemory;
use pinhole_device::node::PLANES_MAX;
use pinhole_device::{
    ControlWrite, Interest, NodeEvent, QueueBuffer, QueuePlane, Ready, SubDevice, VideoNode,
};
use std::os::fd::AsFd;
use std::time::Duration;

/// An event that is served later than this may have a newer one behind it; no camera has
/// frames as short.
const LATE: Duration = Duration::from_millis(1);

/// A pipeline, its devices and its algorithms, and what is under way between them.
pub struct Engine<P> {
    /// The pipeline.
    pub pipeline: P,
    /// Its devices.
    pub devices: Devices,
    /// Its control algorithms.
    pub control_loop: Box<dyn ControlLoop>,
    actions: Actions,
    ready: Vec<Ready>,
    /// A request was given back.
    handed_out: bool,
    gate: FenceGate,
    /// When this turn of the loop began to act: its wait's end, or its own begin.
    now: Timestamp,
}

impl<P: Pipeline> Engine<P> {
    /// Joins the three.
    pub fn new(pipeline: P, devices: Devices, control_loop: Box<dyn ControlLoop>) -> Self {
        let ready = Vec::with_capacity(devices.nodes.len() * 2);
        Self {
            pipeline,
            devices,
            control_loop,
            actions: Actions::with_capacity(256),
            ready,
            handed_out: false,
            gate: FenceGate::default(),
            now: Timestamp::ZERO,
        }
    }

    /// Starts the pipeline, with the streams whose devices it is to watch.
    ///
    /// # Errors
    /// Any device call's; everything is undone then.
    pub fn start(&mut self, watched: &[(u8, Interest)], exchange: &Exchange) -> Result<()> {
        let started = self.try_start(watched, exchange);
        if let Err(error) = &started {
            self.stop(error, exchange);
        }
        started
    }

    fn try_start(&mut self, watched: &[(u8, Interest)], exchange: &Exchange) -> Result<()> {
        self.now = self.devices.poller.now();
        self.pipeline.start(&mut self.devices, &mut self.actions)?;
        self.control_loop.map(&self.pipeline.shared_buffers())?;
        self.carry_out(exchange)?;
        for (stream, interest) in watched {
            let node = &self.devices.nodes[usize::from(*stream)];
            self.devices.poller.watch(node.poll_source(), u16::from(*stream), *interest)?;
        }
        self.pipeline.stream_on(&mut self.devices)
    }

    /// Stops: every request under way is completed, and nothing of the run is left.
    pub fn stop(&mut self, reason: &Error, exchange: &Exchange) {
        for node in &self.devices.nodes {
            // Those that are not watched say so; that is no matter here.
            let _ = self.devices.poller.unwatch(node.poll_source());
        }
        self.control_loop.unmap();
        self.hand_out_completed(exchange);
        // What devices say to being stopped changes nothing for the requests.
        let _ = self.pipeline.stop(&mut self.devices, reason, &mut self.actions);
        self.hand_out_completed(exchange);
        self.gate.cancel_all(&mut self.devices, reason, |request| exchange.complete(request));
        while let Some(mut request) = exchange.next_queued() {
            request.cancel(reason.clone());
            exchange.complete(request);
        }
        exchange.set_drops(*self.pipeline.drops());
    }

    /// Drops what was still to be done, but for requests that are to be given back.
    fn hand_out_completed(&mut self, exchange: &Exchange) {
        while let Some(action) = self.actions.pop_front() {
            if let Action::Complete(request) = action {
                exchange.complete(request);
            }
        }
    }

    /// One turn of the loop: waits until something happens, or until `until`.
    ///
    /// # Errors
    /// The camera has failed. The caller stops it.
    pub fn step(&mut self, exchange: &Exchange, until: Option<Timestamp>) -> Result<()> {
        if exchange.has_queued() || !self.gate.is_empty() {
            self.now = self.devices.poller.now();
            self.handed_out = false;
            self.admit(exchange)?;
            if self.handed_out {
                return Ok(()); // Whoever turns the loop has something to take before it waits.
            }
        }
        let (due, control_loop) = (self.pipeline.deadline(), self.control_loop.deadline());
        let deadline = Timestamp::earliest([due, control_loop, self.gate.deadline(), until]);
        self.ready.clear();
        self.devices.poller.wait(deadline, &mut self.ready)?;
        self.now = self.devices.poller.now();
        for at in 0..self.ready.len() {
            self.serve(self.ready[at], exchange)?;
        }
        self.answer(exchange)?;
        let has_passed = |deadline: Option<Timestamp>| deadline.is_some_and(|deadline| deadline <= self.now);
        if has_passed(due) && has_passed(self.pipeline.deadline()) {
            self.feed(Event::Timer, exchange)?;
        }
        Ok(())
    }

    fn admit(&mut self, exchange: &Exchange) -> Result<()> {
        while exchange.has_queued()
            && let Some(request) = exchange.next_queued()
        {
            if let Some(request) = self.gate.enter(request, self.now, &mut self.devices) {
                self.feed(Event::Request(request), exchange)?;
            }
        }
        while !self.gate.is_empty()
            && let Some(request) = self.gate.leave(self.now, &mut self.devices)
        {
            self.feed(Event::Request(request), exchange)?;
        }
        Ok(())
    }

    fn serve(&mut self, ready: Ready, exchange: &Exchange) -> Result<()> {
        let Some(node) = self.devices.nodes.get_mut(usize::from(ready.key)) else {
            return Ok(()); // A fence: the next turn looks.
        };
        if ready.gone {
            return Err(gone(node.as_ref()));
        }
        if ready.events {
            self.serve_events(ready.key, exchange)?;
        }
        if ready.buffers { self.serve_buffer(ready.key, exchange) } else { Ok(()) }
    }

    fn serve_buffer(&mut self, key: u16, exchange: &Exchange) -> Result<()> {
        match self.devices.nodes[usize::from(key)].dequeue() {
            Ok(Some(ref done)) => self.feed(Event::Buffer { stream: key as u8, done }, exchange),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Feeds the newest frame start (those before it have passed: what is written now comes too
    /// late for them), and what other events tell.
    fn serve_events(&mut self, key: u16, exchange: &Exchange) -> Result<()> {
        let mut newest = None;
        while let Some(event) = self.devices.nodes[usize::from(key)].dequeue_event()? {
            match event {
                NodeEvent::FrameStart { sequence, timestamp } => {
                    newest = Some(Event::FrameStart { sequence, timestamp });
                    if self.now.since(timestamp) < LATE {
                        break;
                    }
                }
                NodeEvent::ControlChanged { code, value } => {
                    self.feed(Event::ControlChanged { stream: key as u8, code, value }, exchange)?;
                }
                _ => {}
            }
        }
        newest.map_or(Ok(()), |event| self.feed(event, exchange))
    }

    fn answer(&mut self, exchange: &Exchange) -> Result<()> {
        while let Some(job) = self.control_loop.answer(self.now) {
            self.feed(Event::Answer(job), exchange)?;
        }
        Ok(())
    }

    #[inline]
    fn feed(&mut self, event: Event<'_>, exchange: &Exchange) -> Result<()> {
        self.pipeline.on_event(self.now, event, &mut self.actions);
        if self.actions.is_empty() { Ok(()) } else { self.carry_out(exchange) }
    }

    fn carry_out(&mut self, exchange: &Exchange) -> Result<()> {
        while let Some(action) = self.actions.pop_front() {
            match action {
                Action::Queue { stream, slot, buffer, filled } => {
                    let contents = if filled { self.pipeline.contents(stream) } else { Contents::default() };
                    self.queue(stream, slot, buffer, contents);
                }
                Action::WriteControls(target) => self.write_controls(target),
                Action::SetCrop { stream } => self.set_crop(stream),
                Action::Recall { stream } => {
                    let node = &mut self.devices.nodes[usize::from(stream)];
                    node.stream_off()?;
                    node.stream_on()?;
                }
                Action::Job(job) => self.submit(job),
                Action::Complete(request) => {
                    self.handed_out = true;
                    exchange.complete(request);
                }
                Action::Fail(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn set_crop(&mut self, stream: u8) {
        if let Some(crop) = self.pipeline.crop(stream) {
            let set = self.devices.nodes[usize::from(stream)].set_crop(crop);
            self.tell_failure(ControlTarget::Stream(stream), set.map(drop));
        }
    }

    #[inline(always)]
    fn queue(&mut self, stream: u8, slot: u16, buffer: u16, contents: Contents) {
        let node = &mut self.devices.nodes[usize::from(stream)];
        let Contents { bytes_used, timestamp } = contents;
        let mut give =
            |planes: &[QueuePlane<'_>]| node.queue(&QueueBuffer { slot: u32::from(slot), planes, timestamp });
        let queued = match self.pipeline.memory(buffer).planes() {
            [only] => give(&[queue_plane(only, bytes_used)]),
            planes => {
                let last = planes.len() - 1;
                let all: [_; PLANES_MAX] =
                    std::array::from_fn(|at| queue_plane(&planes[at.min(last)], bytes_used));
                give(&all[..planes.len()])
            }
        };
        if let Err(error) = queued {
            self.pipeline.on_event(self.now, Event::QueueFailed { stream, slot, error }, &mut self.actions);
        }
    }

    fn write_controls(&mut self, target: ControlTarget) {
        let Devices { nodes, sensor, lens, .. } = &mut self.devices;
        let pipeline = &self.pipeline;
        let written = match target {
            ControlTarget::Stream(stream) => {
                nodes[usize::from(stream)].set_controls(&pipeline.controls(stream))
            }
            ControlTarget::StreamFirst(stream) => {
                nodes[usize::from(stream)].set_controls(&pipeline.first_controls(stream))
            }
            ControlTarget::SensorFirst => write_if_any(sensor, pipeline.sensor_controls(true)),
            ControlTarget::Sensor => write_if_any(sensor, pipeline.sensor_controls(false)),
            ControlTarget::Lens => write_if_any(lens, pipeline.lens_controls()),
        };
        self.tell_failure(target, written);
    }

    fn tell_failure(&mut self, target: ControlTarget, result: Result<()>) {
        if let Err(error) = result {
            self.pipeline.on_event(self.now, Event::ControlsFailed { target, error }, &mut self.actions);
        }
    }

    fn submit(&mut self, job: Box<Job>) {
        self.control_loop.submit(self.now, job);
        while let Some(job) = self.control_loop.answer(self.now) {
            self.pipeline.on_event(self.now, Event::Answer(job), &mut self.actions);
        }
    }
}

fn write_if_any(device: &mut Option<Box<dyn SubDevice>>, writes: &[ControlWrite<'_>]) -> Result<()> {
    device.as_mut().map_or(Ok(()), |device| device.set_controls(writes))
}

#[cold]
fn gone(node: &dyn VideoNode) -> Error {
    Error::new(ErrorKind::Disconnected, "waiting for frames")
        .at(node.capabilities().name.clone())
        .because("the device is gone")
        .hint("was it unplugged, or its driver unloaded?")
}

fn queue_plane(plane: &PlaneMemory, bytes_used: u32) -> QueuePlane<'_> {
    QueuePlane { fd: plane.as_fd(), length: plane.length, bytes_used: bytes_used.min(plane.length) }
}
