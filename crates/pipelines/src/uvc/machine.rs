//! The machine of a plain camera, as a step function: one stream, whose device fills one
//! request's buffer after the other.
//!
//! # A request's way
//!
//! Its buffer goes to the device at once, in order (an internal one, where it names none), so
//! the device always knows what to fill next. When the buffer comes back the request is
//! complete. Where the configuration says so, the CPU then makes a picture of it for another of
//! the request's buffers: a job goes out ([`JobKind::Convert`]) and comes back, while the device
//! fills what it has.
//!
//! # Controls
//!
//! A plain camera has no frame in which a control takes effect. What a request asks for is
//! written when the request becomes the next to be filled: no frame before its own was filled
//! after that, but its own may have been exposed already, and a camera takes as long as it
//! likes. So metadata tells what was written by then, or what the device told of itself
//! meanwhile; settings that the camera chooses and does not tell are left out.
//!
//! # Ownership
//!
//! A buffer is `Waiting`, the device's or with the algorithms (those who make the picture)
//! while its request is under way, and the application's before and after; internal ones are
//! the pool's instead.

use super::controls::{Settings, write_initial};
use crate::requests::{Entry, Progress, RequestQueue, check_size};
use pinhole_base::control::{self, ControlList};
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_buffer::{FrameMemory, Owner, Token};
use pinhole_camera::devices::{Devices, export};
use pinhole_camera::drops::{DropCause, DropCounters};
use pinhole_camera::exchange::REQUESTS_MAX;
use pinhole_camera::job::{Conversion, Job, JobKind};
use pinhole_camera::pipeline::{Action, Actions, ControlTarget, Event, Pipeline};
use pinhole_camera::request::{BufferInfo, Request, RequestStatus};
use pinhole_camera::stream::{Returned, Stream, StreamTraits};
use pinhole_camera::table::BufferTable;
use pinhole_device::control::WriteList;
use pinhole_device::{ControlWrite, Dequeued};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// The only stream.
pub const STREAM: u8 = 0;

/// Most buffers known at once.
const BUFFERS_MAX: u16 = (REQUESTS_MAX + 64) as u16;

/// Device slots asked for: the most that every kernel grants.
const SLOTS: u32 = 32;

/// A camera that does not say how fast it is may be as slow as this.
const FRAME_MAX: Duration = Duration::from_secs(1);

/// Before their first frame, cameras set themselves up.
const WARM_UP: Duration = Duration::from_secs(4);

/// Making a picture takes no longer than this.
const CONVERSION_MAX: Duration = Duration::from_secs(20);

/// What is settled by configuring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The place in the configuration of the stream that the device fills; `None` if that is
    /// for the CPU alone.
    pub filled: Option<usize>,
    /// The stream that the CPU makes of it.
    pub made: Option<Made>,
    /// Bytes that a buffer must have.
    pub buffer_bytes: u32,
    /// A frame with fewer is not whole.
    pub frame_bytes_min: u32,
    /// Internal buffers: they stand in for requests that name none.
    pub internal: u32,
    /// Our own algorithms set the camera: what requests ask for goes to them instead.
    pub governed: bool,
    /// Time from frame to frame, if the device says.
    pub interval: Option<Duration>,
}

/// A stream that the CPU makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its place in the configuration.
    pub place: usize,
    /// Bytes that a buffer must have.
    pub buffer_bytes: u32,
}

impl Default for Plan {
    /// One stream, filled by a device that tells nothing of it.
    fn default() -> Self {
        Self {
            filled: Some(0),
            made: None,
            buffer_bytes: 0,
            frame_bytes_min: 0,
            internal: 0,
            governed: false,
            interval: None,
        }
    }
}

/// A frame of which the CPU makes a picture.
struct Converting {
    job: u64,
    request: u64,
    source: Token,
    target: Option<Token>,
    info: BufferInfo,
}

/// The machine. See the module's text.
pub struct Machine {
    plan: Plan,
    running: bool,
    table: BufferTable,
    stream: Stream,
    requests: RequestQueue,
    settings: Settings,
    /// Frames that are with the CPU, in order.
    converting: VecDeque<Converting>,
    /// The next job's number: no two of a machine are alike.
    next_job: u64,
    /// Controls to start with.
    initial: ControlList,
    /// No request before it has its controls still to be written.
    controls_next: u64,
    /// The last request whose controls were written, and the one before.
    controls_by: Option<u64>,
    controls_before: Option<u64>,
    /// The newest frame's number.
    last_sequence: Option<u32>,
    /// The device has had no buffer since the newest frame.
    starved: bool,
    /// A frame is due then: the device has buffers.
    due: Option<Timestamp>,
    drops: DropCounters,
}

impl Machine {
    /// A stopped machine for a node with these controls.
    pub fn new(plan: Plan, settings: Settings) -> Self {
        Self {
            plan,
            running: false,
            table: BufferTable::new(0),
            stream: stream(0),
            requests: RequestQueue::new(REQUESTS_MAX),
            settings,
            converting: VecDeque::new(),
            next_job: 0,
            initial: ControlList::new(),
            controls_next: 0,
            controls_by: None,
            controls_before: None,
            last_sequence: None,
            starved: false,
            due: None,
            drops: DropCounters::default(),
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Replaces the plan, and the controls that the next start begins with.
    ///
    /// # Panics
    /// The machine is running.
    pub fn set_plan(&mut self, plan: Plan, initial: &ControlList) {
        assert!(!self.running, "the plan of a running machine cannot change");
        self.plan = plan;
        self.initial.clone_from(initial);
    }

    /// Does what has become possible.
    fn go_on(&mut self, now: Timestamp, actions: &mut Actions) {
        self.write_controls(actions);
        while let Some(request) = self.requests.pop_done() {
            actions.push_back(Action::Complete(request));
        }
        self.watch(now);
    }

    // Requests.

    fn on_request(&mut self, now: Timestamp, request: Request, actions: &mut Actions) {
        if request.status() == RequestStatus::Cancelled {
            self.drops.count(DropCause::Fence);
            self.requests.push(now, request, Progress::Done);
            return;
        }
        let number = self.requests.push(now, request, Progress::Waiting);
        if let Err(error) = self.queue(number, actions) {
            self.cancel(number, error);
        }
    }

    fn queue(&mut self, number: u64, actions: &mut Actions) -> Result<()> {
        if let Some(Made { place, buffer_bytes }) = self.plan.made
            && let Some(token) = self.adopt(number, place, buffer_bytes)?
        {
            self.entry(number).tokens[place] = Some(token);
        }
        let filled = match self.plan.filled {
            Some(place) => self.adopt(number, place, self.plan.buffer_bytes)?,
            None => None,
        };
        match filled {
            Some(token) => self.stream.queue(token, Some(number), &mut self.table, actions),
            None if self.plan.internal == 0 => return Err(no_buffer()),
            None => self.stream.queue_internal(Some(number), &mut self.table, actions),
        }
        Ok(())
    }

    fn entry(&mut self, number: u64) -> &mut Entry {
        self.requests.get(number).expect("the request is under way")
    }

    /// Takes a request's buffer of a stream, if it names one.
    fn adopt(&mut self, number: u64, place: usize, bytes: u32) -> Result<Option<Token>> {
        let entry = self.requests.get(number).expect("the request is under way");
        let Some(buffer) = entry.request.buffer_at(place) else { return Ok(None) };
        check_size(buffer.memory().bytes(), bytes, place)?;
        let (token, evicted) = self.table.adopt(buffer.memory())?;
        if let Some(evicted) = evicted {
            self.stream.forget(evicted);
        }
        Ok(Some(token))
    }

    /// The buffer that waits for the picture of a request.
    fn take_target(&mut self, number: u64) -> Option<Token> {
        let place = self.plan.made?.place;
        self.requests.get(number)?.tokens[place].take()
    }

    fn cancel(&mut self, number: u64, error: Error) {
        if let Some(target) = self.take_target(number) {
            self.table.park(target, Owner::Waiting);
        }
        if let Some(entry) = self.requests.get(number) {
            entry.request.cancel(error);
            self.requests.finish(number);
        }
    }

    // Frames.

    fn on_buffer(&mut self, done: &Dequeued, actions: &mut Actions) {
        let Some(Returned { token, request }) = self.stream.dequeued(done.slot) else {
            self.drops.count(DropCause::Impossible);
            return;
        };
        self.count_gap(done.sequence);
        self.due = None;
        let info = self.info(done);
        if let Some(number) = request {
            self.describe(number, &info);
        }
        match request {
            Some(number) if self.plan.made.is_some() && !info.error => {
                self.convert(number, token, info, actions);
            }
            _ => {
                self.give_back(token, self.stream.device(), actions);
                request.into_iter().for_each(|number| self.complete(number, &info));
            }
        }
        self.starved = self.stream.queued() == 0;
    }

    /// Gives a buffer back that was filled, or refused: to the pool, or to the application. Its
    /// slot, if it had one, is free.
    fn give_back(&mut self, token: Token, from: Owner, actions: &mut Actions) {
        if self.table.is_internal(&token) {
            self.stream.put_back(token, from, &mut self.table, actions);
        } else {
            self.table.park(token, from);
            self.stream.serve(&mut self.table, actions);
        }
    }

    fn count_gap(&mut self, sequence: u32) {
        if sequence != self.last_sequence.map_or(0, |last| last.wrapping_add(1)) {
            self.drops.count_gap(self.last_sequence, sequence, self.starved);
        }
        self.last_sequence = Some(sequence);
    }

    fn describe(&mut self, number: u64, info: &BufferInfo) {
        let controls_by = self.controls_by.map_or(-1, |number| number as i64);
        let Some(entry) = self.requests.get(number) else { return };
        let metadata = entry.request.metadata_mut();
        metadata.set(control::SENSOR_SEQUENCE, i64::from(info.sequence));
        metadata.set(control::SENSOR_TIMESTAMP, info.timestamp.as_nanos() as i64);
        metadata.set(control::FRAME_ERROR, info.error);
        metadata.set(control::CONTROLS_APPLIED_BY, controls_by);
        if let Some(interval) = self.plan.interval {
            let interval_us = interval.as_secs_f32() * 1e6;
            metadata.set(control::FRAME_DURATION_LIMITS, [interval_us; 2]);
        }
        self.settings.report(metadata);
    }

    /// Completes a request whose buffers are back, all filled alike.
    fn complete(&mut self, number: u64, info: &BufferInfo) {
        if let Some(target) = self.take_target(number) {
            self.table.park(target, Owner::Waiting);
        }
        let places = [self.plan.filled, self.plan.made.map(|made| made.place)];
        let Some(entry) = self.requests.get(number) else { return };
        for place in places.into_iter().flatten() {
            if entry.request.buffer_at(place).is_some() {
                entry.request.fill(place, *info);
            }
        }
        entry.request.complete();
        self.requests.finish(number);
    }

    // Pictures that the CPU makes.

    fn convert(&mut self, number: u64, source: Token, info: BufferInfo, actions: &mut Actions) {
        self.table.transfer(&source, self.stream.device(), Owner::Algorithms);
        let target = self.take_target(number);
        if let Some(target) = &target {
            self.table.transfer(target, Owner::Waiting, Owner::Algorithms);
        }
        self.stream.serve(&mut self.table, actions);
        let Self { requests, table, next_job, converting, .. } = self;
        let request = &requests.get(number).expect("the request is under way").request;
        let memory = |token: &Token| Arc::clone(table.memory(token.index()));
        let job = Job {
            id: *next_job,
            kind: JobKind::Convert,
            sequence: info.sequence,
            timestamp: info.timestamp,
            controls: request.controls().clone(),
            metadata: request.metadata().clone(),
            conversion: Some(Conversion {
                source: memory(&source),
                source_bytes: info.bytes_used,
                data_offsets: info.data_offsets,
                target: target.as_ref().map(memory),
                wanted: ControlList::new(),
            }),
            ..Job::default()
        };
        converting.push_back(Converting { job: *next_job, request: number, source, target, info });
        *next_job += 1;
        actions.push_back(Action::Job(Box::new(job)));
    }

    /// A picture was made, or could not be: its frame is damaged then.
    fn on_answer(&mut self, mut job: Job, actions: &mut Actions) {
        let place = self.converting.iter().position(|converting| converting.job == job.id);
        let Some(converting) = place.and_then(|place| self.converting.remove(place)) else { return };
        let Converting { request, source, target, mut info, .. } = converting;
        self.due = None;
        if let Some(target) = target {
            self.table.park(target, Owner::Algorithms);
        }
        self.give_back(source, Owner::Algorithms, actions);
        info.error |= job.error.is_some();
        job.metadata.set(control::FRAME_ERROR, info.error).set(control::CPU_CONVERTED, true);
        *self.entry(request).request.metadata_mut() = job.metadata;
        self.complete(request, &info);
        if let Some(conversion) = &job.conversion
            && !conversion.wanted.is_empty()
        {
            self.write_wanted(&conversion.wanted, actions);
        }
    }

    /// Writes what the algorithms want, unless what a request wants is still to be written.
    fn write_wanted(&mut self, wanted: &ControlList, actions: &mut Actions) {
        if actions.iter().all(|action| !matches!(action, Action::WriteControls(_))) {
            self.settings.want(wanted);
            self.push_writes(actions);
        }
    }

    /// A frame that is shorter than it must be is as damaged as one that the driver flags.
    fn info(&self, done: &Dequeued) -> BufferInfo {
        let bytes_used = done.bytes_used.iter().fold(0u32, |sum, bytes| sum.saturating_add(*bytes));
        BufferInfo {
            sequence: done.sequence,
            timestamp: done.timestamp,
            bytes_used,
            data_offsets: done.data_offsets,
            error: done.error || bytes_used < self.plan.frame_bytes_min,
            filled: true,
        }
    }

    // Controls.

    /// Writes what the request asks for that is the next to be filled.
    fn write_controls(&mut self, actions: &mut Actions) {
        let Some(number) = self.requests.next_waiting() else { return };
        if number < self.controls_next {
            return;
        }
        self.controls_next = number + 1;
        let Some(entry) = self.requests.get(number) else { return };
        if self.plan.governed || entry.request.controls().is_empty() {
            return;
        }
        self.settings.want(entry.request.controls());
        self.controls_before = self.controls_by.replace(number);
        self.push_writes(actions);
    }

    fn push_writes(&self, actions: &mut Actions) {
        let (switches, values) = self.settings.is_pending();
        let targets =
            [(switches, ControlTarget::StreamFirst(STREAM)), (values, ControlTarget::Stream(STREAM))];
        for (_, target) in targets.into_iter().filter(|(pending, _)| *pending) {
            actions.push_back(Action::WriteControls(target));
        }
    }

    /// Takes back the controls of a request that is given up before they were written.
    fn withdraw_controls(&mut self, number: u64, actions: &mut Actions) {
        let waits = |target| actions.iter().any(|action| is_write(action, target));
        let (switches, values) =
            (waits(ControlTarget::StreamFirst(STREAM)), waits(ControlTarget::Stream(STREAM)));
        if self.controls_by != Some(number) || !(switches || values) {
            return;
        }
        actions.retain(|action| !matches!(action, Action::WriteControls(_)));
        self.controls_by = self.controls_before;
        if switches { self.settings.switches_refused() } else { self.settings.values_refused() }
    }

    #[cold]
    fn on_controls_failed(&mut self, target: ControlTarget, error: Error, actions: &mut Actions) {
        if self.refused(error, actions).is_none() {
            return;
        }
        if target == ControlTarget::StreamFirst(STREAM) {
            actions.retain(|action| !is_write(action, ControlTarget::Stream(STREAM)));
            self.settings.switches_refused();
        } else {
            self.settings.values_refused();
        }
    }

    // Failures and time.

    /// Counts a refusal, and gives its error back; fails if the device is gone instead.
    fn refused(&mut self, error: Error, actions: &mut Actions) -> Option<Error> {
        if error.kind() == ErrorKind::Disconnected {
            actions.push_front(Action::Fail(error));
            return None;
        }
        self.drops.count(DropCause::Refused);
        Some(error)
    }

    /// A refused buffer cancels its request, and no other.
    #[cold]
    fn on_queue_failed(&mut self, slot: u16, error: Error, actions: &mut Actions) {
        let Some(error) = self.refused(error, actions) else { return };
        let Some(Returned { token, request }) = self.stream.dequeued(u32::from(slot)) else { return };
        self.give_back(token, self.stream.device(), actions);
        if let Some(number) = request {
            self.withdraw_controls(number, actions);
            self.cancel(number, error);
        }
    }

    fn watch(&mut self, now: Timestamp) {
        if !self.running || (self.stream.queued() == 0 && self.converting.is_empty()) {
            self.due = None;
        } else if self.due.is_none() {
            self.due = Some(now + self.patience());
        }
    }

    /// How long a frame may take.
    fn patience(&self) -> Duration {
        if self.stream.queued() == 0 {
            return CONVERSION_MAX;
        }
        let interval = self.plan.interval.unwrap_or(FRAME_MAX);
        let frame = interval.max(self.settings.exposure().unwrap_or_default());
        let warm_up = if self.last_sequence.is_none() { WARM_UP } else { Duration::ZERO };
        frame.saturating_mul(5).max(Duration::from_secs(1)).saturating_add(warm_up)
    }

    fn on_timer(&mut self, now: Timestamp, actions: &mut Actions) {
        if self.due.is_some_and(|due| due <= now) {
            actions.push_back(Action::Fail(self.silent()));
        }
    }

    fn silent(&self) -> Error {
        if self.stream.queued() == 0 {
            return Error::new(ErrorKind::Timeout, "making a picture on the CPU")
                .because(format!("it took more than {} s", CONVERSION_MAX.as_secs()))
                .hint("this machine may be too busy, or too slow for pictures of this size");
        }
        Error::new(ErrorKind::Timeout, "waiting for the camera")
            .because(format!("no frame came for {} ms", self.patience().as_millis()))
            .hint("stop and start the camera to try again; plug it in anew if that does not help")
    }

    // Start and stop.

    /// Forgets everything of a run but what it counted.
    fn reset(&mut self) {
        self.requests.restart();
        self.converting.clear();
        self.table = BufferTable::new(0);
        self.stream = stream(0);
        (self.controls_next, self.controls_by, self.controls_before) = (0, None, None);
        (self.last_sequence, self.starved, self.due) = (None, false, None);
    }

    fn prepare(&mut self, devices: &mut Devices) -> Result<()> {
        let node = devices.nodes[usize::from(STREAM)].as_mut();
        self.settings.read(node)?;
        write_initial(&mut self.settings, node, &self.initial)?;
        let count = self.plan.internal;
        let exported = if count > 0 { export(node, count, &devices.mapper)? } else { Vec::new() };
        let granted = node.import(SLOTS)?;
        if granted == 0 {
            return Err(Error::new(ErrorKind::OutOfResources, "making slots for buffers")
                .at(node.capabilities().name.clone())
                .because("the device granted none"));
        }
        self.table = BufferTable::new(BUFFERS_MAX);
        self.stream = stream(granted.min(SLOTS) as u16);
        for memory in exported {
            self.stream.stock(self.table.enter_internal(memory)?);
        }
        for code in self.settings.codes() {
            // Those that cannot tell of changes are taken to have none.
            let _ = node.subscribe_control(code, true);
        }
        Ok(())
    }
}

impl Pipeline for Machine {
    fn on_event(&mut self, now: Timestamp, event: Event<'_>, actions: &mut Actions) {
        match event {
            Event::Request(request) => self.on_request(now, request, actions),
            Event::Buffer { done, .. } => self.on_buffer(done, actions),
            Event::ControlChanged { code, value, .. } => self.settings.changed(code, value),
            Event::QueueFailed { slot, error, .. } => self.on_queue_failed(slot, error, actions),
            Event::ControlsFailed { target, error } => self.on_controls_failed(target, error, actions),
            Event::Timer => self.on_timer(now, actions),
            Event::Answer(job) => self.on_answer(*job, actions),
            // Frames are stamped when they come.
            Event::FrameStart { .. } => {}
        }
        self.go_on(now, actions);
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.due
    }

    fn memory(&self, buffer: u16) -> &FrameMemory {
        self.table.memory(usize::from(buffer))
    }

    fn controls(&self, _stream: u8) -> WriteList<'_> {
        self.settings.rest()
    }

    fn first_controls(&self, _stream: u8) -> WriteList<'_> {
        self.settings.first()
    }

    fn sensor_controls(&self, _first: bool) -> &[ControlWrite<'static>] {
        &[]
    }

    fn start(&mut self, devices: &mut Devices, _actions: &mut Actions) -> Result<()> {
        self.reset();
        self.drops = DropCounters::default();
        self.prepare(devices)
    }

    fn stream_on(&mut self, devices: &mut Devices) -> Result<()> {
        devices.nodes[usize::from(STREAM)].stream_on()?;
        self.running = true;
        Ok(())
    }

    fn shared_buffers(&self) -> Vec<(u16, Arc<FrameMemory>)> {
        Vec::new()
    }

    fn stop(&mut self, devices: &mut Devices, reason: &Error, actions: &mut Actions) -> Result<()> {
        self.running = false;
        let node = &mut devices.nodes[usize::from(STREAM)];
        for code in self.settings.codes() {
            let _ = node.subscribe_control(code, false);
        }
        // A device that refuses once may not refuse twice; one that is gone has let go anyway.
        let stopped = node.stream_off().or_else(|_| node.stream_off());
        let freed = node.free().or_else(|_| node.free());
        while let Some(request) = self.requests.pop_cancelled(reason) {
            actions.push_back(Action::Complete(request));
        }
        self.reset();
        stopped.and(freed)
    }

    fn drops(&self) -> &DropCounters {
        &self.drops
    }

    fn audit(&self) {
        let ledger = self.table.ledger();
        assert_eq!(ledger.held_by(Owner::Device(STREAM)), self.stream.queued(), "at the device");
        let targets: usize = self.requests.iter().map(|entry| entry.tokens.iter().flatten().count()).sum();
        assert_eq!(ledger.held_by(Owner::Waiting), self.stream.waiting_buffers() + targets, "waiting");
        let pictures = self.converting.iter().map(|frame| 1 + usize::from(frame.target.is_some()));
        assert_eq!(ledger.held_by(Owner::Algorithms), pictures.sum::<usize>(), "with the CPU");
        assert_eq!(ledger.held_by(Owner::Pool), self.stream.pooled(), "in the pool");
        assert!(
            self.stream.pooled() <= self.plan.internal as usize,
            "an application's buffer is in the pool"
        );
    }
}

fn stream(slots: u16) -> Stream {
    let buffers = if slots == 0 { 0 } else { BUFFERS_MAX };
    Stream::new(StreamTraits { index: STREAM, external: true }, slots, buffers)
}

fn is_write(action: &Action, target: ControlTarget) -> bool {
    matches!(action, Action::WriteControls(to) if *to == target)
}

fn no_buffer() -> Error {
    Error::new(ErrorKind::InvalidArgument, "queueing a request")
        .because("it names no buffer for the only stream, and this camera has none of its own")
}
