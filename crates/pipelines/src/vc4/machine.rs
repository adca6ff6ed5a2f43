//! The VC4 machine: everything between the receiver, the ISP, the algorithms and the
//! requests, as a step function.
//!
//! # Fields, and who may touch them when
//!
//! - `streams`: the device queues. A buffer that a device has is in its stream's slots.
//! - `matcher`: images and embedded data that the receiver has filled. Owner: `Matching`.
//! - `run`: the one frame that is being processed. From its start until it ends the ISP and
//!   the algorithms work for it alone, so an output buffer can never meet another frame. Its
//!   image is `Matching` until it lies at the ISP's `input`, its embedded data and statistics
//!   belong to `Algorithms` while the job that names them is out.
//! - `requests`: in order. A request has the tokens of its processed streams (`Waiting`) until
//!   its run; its RAW buffer goes to the receiver at once, in order, and comes back through
//!   `matcher` with the request's number, so a frame knows its request.
//!
//! # States
//!
//! ```text
//! Stopped --start--> Starting --running--> Running(idle)
//!                                            | request + pair (or a hidden frame)
//!                                            v
//!                     prepare out --answer--> ISP busy --statistics--> process out
//!                          |                     |                        |
//!                          |                     '--- all buffers back ---+--> idle
//!                          '-- no answer in time: that request is cancelled, idle
//! any state --stop, or Fail--> Stopped (every request completed, every buffer back)
//! ```

use super::lens::Lens;
use super::matching::{Embedded, Image, Matcher, Unmatched};
use super::plan::{EMBEDDED, IMAGE, INPUT, Limits, OUTPUT0, OUTPUT1, Plan, STATISTICS, STREAMS};
use super::run::Run;
use super::sensor_writes::SensorWrites;
use crate::requests::{Progress, RequestQueue, check_size};
use pinhole_base::control::{ControlValue, FrameState};
use pinhole_base::geometry::{ModePixels, NativePixels, Rect};
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_buffer::{Owner, Token};
use pinhole_camera::drops::{DropCause, DropCounters};
use pinhole_camera::exchange::REQUESTS_MAX;
use pinhole_camera::job::Job;
use pinhole_camera::pipeline::{Action, Actions, ControlTarget, Event};
use pinhole_camera::request::{BufferInfo, Request, RequestStatus};
use pinhole_camera::slots::Slots;
use pinhole_camera::stream::{Stream, StreamTraits};
use pinhole_camera::table::BufferTable;
use pinhole_device::Dequeued;
use pinhole_sensor::delayed::{DelayedControls, SensorControl};

/// Most buffers known at once: those of [`REQUESTS_MAX`] requests with three streams each,
/// and the internal ones.
pub const BUFFERS_MAX: u16 = (REQUESTS_MAX * 3 + 64) as u16;

/// Device slots asked for: the most that every kernel grants.
pub const SLOTS: u32 = 32;

/// What is written in a frame's last lines may be too late for it.
const LATCH_LINES: u32 = 4;

/// What the machine is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    Stopped,
    Starting,
    Running,
}

/// What the receiver's frames have looked like so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Received {
    /// Images that came.
    pub(super) images: u64,
    /// The newest one's number.
    pub(super) last_sequence: Option<u32>,
    /// The receiver has had no buffer since the newest one.
    pub(super) starved: bool,
    /// The image that is due: the receiver has had buffers for it.
    pub(super) due: Option<Due>,
}

/// An image that is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    /// The receiver has had buffers since then, and gave none.
    pub(super) since: Timestamp,
    /// It has failed if it gives none until then.
    pub(super) deadline: Timestamp,
}

/// The machine. See the module's text.
pub struct Machine {
    pub(super) plan: Plan,
    pub(super) state: State,
    pub(super) table: BufferTable,
    /// Buffers that the algorithms look into, by their numbers in the table.
    pub(super) shared: Vec<u16>,
    pub(super) streams: [Stream; STREAMS],
    pub(super) input_slots: Slots,
    pub(super) input: Option<(u16, Image)>,
    pub(super) requests: RequestQueue,
    pub(super) matcher: Matcher,
    pub(super) unmatched: Vec<Unmatched>,
    pub(super) delayed: DelayedControls,
    pub(super) sensor_writes: SensorWrites,
    pub(super) limits: Limits,
    /// The limits of shorter frames, and the first frame that they are right for.
    pub(super) limits_coming: Option<(u32, Limits)>,
    /// When the image that a request waits for goes on without its embedded data.
    pub(super) matching_deadline: Option<Timestamp>,
    pub(super) run: Option<Run>,
    pub(super) jobs: u64,
    #[expect(clippy::vec_box, reason = "jobs go to the algorithms and back as boxes, without being copied")]
    pub(super) spare: Vec<Box<Job>>,
    pub(super) rewrite: bool,
    pub(super) crop: Rect<NativePixels>,
    /// What the plan makes of that crop.
    pub(super) crop_fitted: (Rect<NativePixels>, Rect<ModePixels>),
    pub(super) crop_set: Option<Rect<ModePixels>>,
    pub(super) received: Received,
    pub(super) lens: Option<Lens>,
    pub(super) drops: DropCounters,
}

impl Machine {
    /// A stopped machine.
    pub fn new(plan: Plan) -> Self {
        let streams = std::array::from_fn(|index| empty_stream(&plan, index as u8, 0));
        Self {
            state: State::Stopped,
            table: BufferTable::new(0),
            shared: Vec::new(),
            streams,
            input_slots: Slots::new(0, 0),
            input: None,
            requests: RequestQueue::new(REQUESTS_MAX),
            matcher: Matcher::new(usize::from(BUFFERS_MAX), plan.has_embedded),
            unmatched: Vec::with_capacity(usize::from(BUFFERS_MAX)),
            delayed: DelayedControls::new(plan.delays, plan.initial, Some(plan.bound())),
            sensor_writes: SensorWrites::default(),
            limits: plan.limits(plan.initial.vblank),
            limits_coming: None,
            matching_deadline: None,
            run: None,
            jobs: 0,
            spare: (0..2).map(|_| Box::default()).collect(),
            rewrite: true,
            crop: plan.default_crop,
            crop_fitted: plan.crop(plan.default_crop),
            crop_set: None,
            received: Received::default(),
            lens: None,
            drops: DropCounters::default(),
            plan,
        }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Replaces the plan of a stopped machine.
    ///
    /// # Panics
    /// It is not stopped.
    pub fn set_plan(&mut self, plan: Plan) {
        assert_eq!(self.state, State::Stopped, "the plan of a running machine cannot change");
        *self = Self::new(plan);
    }

    /// Inlined, so that the loop, which knows what happened, calls what takes care of it.
    #[inline(always)]
    pub(super) fn step(&mut self, now: Timestamp, event: Event<'_>, actions: &mut Actions) {
        match event {
            Event::Request(request) => self.on_request(now, request, actions),
            Event::Buffer { stream, done } => self.on_buffer(now, stream, done, actions),
            Event::FrameStart { sequence, timestamp } => {
                self.on_frame_start(now, sequence, timestamp, actions);
            }
            Event::ControlChanged { .. } => {} // None of its nodes is asked to tell.
            Event::Answer(job) => self.on_answer(now, job, actions),
            Event::QueueFailed { stream, slot, error } => self.on_queue_failed(stream, slot, error, actions),
            Event::ControlsFailed { target, error } => self.on_controls_failed(target, error, actions),
            Event::Timer => self.on_timer(now, actions),
        }
        self.go_on(now, actions);
    }

    /// Does what has become possible: after most events, nothing.
    #[inline(always)]
    fn go_on(&mut self, now: Timestamp, actions: &mut Actions) {
        let images = self.matcher.images();
        if images > 1 || (images == 1 && self.run.is_none()) {
            self.try_run(now, actions);
        }
        if self.requests.has_done() {
            self.complete_done(actions);
        }
        self.watch_sensor(now);
    }

    // Requests.

    #[inline(always)]
    fn on_request(&mut self, now: Timestamp, request: Request, actions: &mut Actions) {
        if request.status() == RequestStatus::Cancelled {
            self.drops.count(DropCause::Fence);
            self.requests.push(now, request, Progress::Done);
            return;
        }
        let number = self.requests.push(now, request, Progress::Waiting);
        if let Err(error) = self.adopt_buffers(number) {
            self.cancel(number, error);
            return;
        }
        self.queue_raw(number, actions);
    }

    #[inline(always)]
    fn adopt_buffers(&mut self, number: u64) -> Result<()> {
        let entry = self.requests.get(number).expect("the request was just queued");
        for stream in [IMAGE, OUTPUT0, OUTPUT1] {
            let Some(place) = self.plan.place[usize::from(stream)] else { continue };
            let Some(buffer) = entry.request.buffer_at(place) else { continue };
            check_size(buffer.memory().bytes(), self.plan.buffer_bytes[usize::from(stream)], place)?;
            let (token, evicted) = self.table.adopt(buffer.memory())?;
            entry.tokens[place] = Some(token);
            if let Some(evicted) = evicted {
                self.streams.iter_mut().for_each(|stream| stream.forget(evicted));
                self.input_slots.forget(evicted);
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn queue_raw(&mut self, number: u64, actions: &mut Actions) {
        let Some(place) = self.plan.place[usize::from(IMAGE)] else { return };
        let entry = self.requests.get(number).expect("the request was just queued");
        let stream = &mut self.streams[usize::from(IMAGE)];
        match entry.tokens[place].take() {
            Some(token) => stream.queue(token, Some(number), &mut self.table, actions),
            None => stream.queue_internal(Some(number), &mut self.table, actions),
        }
    }

    /// Gives a request up. Buffers that wait for its turn go back to it; those that a device
    /// has follow as they come.
    pub(super) fn cancel(&mut self, number: u64, error: Error) {
        let Some(entry) = self.requests.get(number) else { return };
        entry.request.cancel(error);
        for token in entry.tokens.iter_mut().filter_map(Option::take) {
            self.table.park(token, Owner::Waiting);
        }
        self.requests.finish(number);
    }

    #[inline(never)]
    fn complete_done(&mut self, actions: &mut Actions) {
        while self.requests.has_done()
            && let Some(request) = self.requests.pop_done()
        {
            actions.push_back(Action::Complete(request));
        }
    }

    /// Gives a filled buffer back to the request it came with, or to its stream's pool.
    #[inline(always)]
    pub(super) fn settle(
        &mut self,
        stream: u8,
        token: Token,
        from: Owner,
        request: Option<u64>,
        info: BufferInfo,
        actions: &mut Actions,
    ) {
        if self.table.is_internal(&token) {
            self.streams[usize::from(stream)].put_back(token, from, &mut self.table, actions);
            return;
        }
        self.table.park(token, from);
        let place = self.plan.place[usize::from(stream)];
        if let (Some(number), Some(place)) = (request, place)
            && let Some(entry) = self.requests.get(number)
        {
            entry.request.fill(place, info);
        }
    }

    // Buffers.

    #[inline(always)]
    fn on_buffer(&mut self, now: Timestamp, stream: u8, done: &Dequeued, actions: &mut Actions) {
        match stream {
            IMAGE => self.on_image(now, done, actions),
            EMBEDDED => self.on_embedded(done),
            INPUT => self.on_input(done, actions),
            OUTPUT0 | OUTPUT1 => self.on_output(stream, done, actions),
            STATISTICS => self.on_statistics(now, done, actions),
            _ => self.drops.count(DropCause::Impossible),
        }
    }

    #[inline(always)]
    fn on_image(&mut self, now: Timestamp, done: &Dequeued, actions: &mut Actions) {
        let stream = &mut self.streams[usize::from(IMAGE)];
        let Some(returned) = stream.dequeued(done.slot) else {
            self.drops.count(DropCause::Impossible);
            return;
        };
        let device = stream.device();
        self.table.transfer(&returned.token, device, Owner::Matching);
        stream.serve(&mut self.table, actions); // Its slot is free for one that waits.
        let starved = stream.queued() == 0;
        self.count_gap(done.sequence);
        let number = self.received.images;
        let hidden = number < u64::from(self.plan.hide) && returned.request.is_none();
        let starting = number < u64::from(self.plan.hide + self.plan.mark);
        self.received =
            Received { images: number + 1, last_sequence: Some(done.sequence), starved, due: None };
        self.matcher.push_image(Image {
            token: returned.token,
            request: returned.request,
            sequence: done.sequence,
            timestamp: done.timestamp,
            arrived: now,
            bytes_used: done.bytes_used[0],
            error: done.error,
            hidden,
            starting,
        });
    }

    #[inline]
    fn count_gap(&mut self, sequence: u32) {
        let expected = self.received.last_sequence.map_or(0, |last| last.wrapping_add(1));
        if sequence != expected {
            self.drops.count_gap(self.received.last_sequence, sequence, self.received.starved);
        }
    }

    #[inline(always)]
    fn on_embedded(&mut self, done: &Dequeued) {
        let stream = &mut self.streams[usize::from(EMBEDDED)];
        let Some(returned) = stream.dequeued(done.slot) else {
            self.drops.count(DropCause::Impossible);
            return;
        };
        let device = stream.device();
        self.table.transfer(&returned.token, device, Owner::Matching);
        self.matcher.push_embedded(Embedded {
            token: returned.token,
            timestamp: done.timestamp,
            // An empty buffer holds what was in it before.
            error: done.error || done.bytes_used[0] == 0,
        });
    }

    /// Gives a frame up that no request gets: its image back to where it came from, and its
    /// embedded data too.
    #[cold]
    pub(super) fn discard(&mut self, cause: DropCause, actions: &mut Actions) {
        let Some(image) = self.matcher.discard_front() else { return };
        self.drops.count(cause);
        self.release_image(image, Owner::Matching, actions);
    }

    #[inline(always)]
    pub(super) fn release_image(&mut self, image: Image, from: Owner, actions: &mut Actions) {
        let info = image.info();
        self.settle(IMAGE, image.token, from, image.request, info, actions);
        self.keep_receiver_busy(actions);
    }

    /// Internal streams of the receiver have everything queued at all times.
    #[inline(always)]
    fn keep_receiver_busy(&mut self, actions: &mut Actions) {
        if !self.plan.raw_is_external() {
            self.streams[usize::from(IMAGE)].queue_all(&mut self.table, actions);
        }
        self.streams[usize::from(EMBEDDED)].queue_all(&mut self.table, actions);
    }

    #[inline(always)]
    pub(super) fn release_embedded(&mut self, token: Token, from: Owner, actions: &mut Actions) {
        self.streams[usize::from(EMBEDDED)].requeue(token, from, &mut self.table, actions);
    }

    #[inline]
    pub(super) fn recycle_unmatched(&mut self, actions: &mut Actions) {
        if !self.unmatched.is_empty() {
            self.recycle_all_unmatched(actions);
        }
    }

    #[cold]
    fn recycle_all_unmatched(&mut self, actions: &mut Actions) {
        while let Some(unmatched) = self.unmatched.pop() {
            let (token, cause) = match unmatched {
                Unmatched::Orphan(token) => (token, DropCause::ImageLost),
                Unmatched::Damaged(token) => (token, DropCause::EmbeddedLost),
            };
            self.drops.count(cause);
            self.release_embedded(token, Owner::Matching, actions);
        }
    }

    // The sensor's settings.

    fn on_frame_start(&mut self, now: Timestamp, sequence: u32, began: Timestamp, actions: &mut Actions) {
        if !self.has_passed(now, sequence, began) {
            self.write_sensor(sequence, actions);
        }
        self.keep_receiver_busy(actions);
    }

    /// Whether a frame is over, or so nearly that what is written now would not be in time: its
    /// start was told too late, and the next one's is on its way.
    fn has_passed(&self, now: Timestamp, sequence: u32, began: Timestamp) -> bool {
        let age = now.since(began);
        if age < self.limits.frame_min / 2 {
            return false;
        }
        let timing = &self.plan.timing;
        let frame = timing.frame_duration(self.applied(sequence).controls.vblank);
        age + timing.duration(LATCH_LINES) >= frame
    }

    fn write_sensor(&mut self, sequence: u32, actions: &mut Actions) {
        let writes = self.delayed.frame_start(sequence);
        self.sensor_writes.set(sequence, &writes);
        if let Some(first) = writes.priority() {
            self.follow_blanking(first.value, sequence);
            actions.push_back(Action::WriteControls(ControlTarget::SensorFirst));
        }
        if !self.sensor_writes.rest().is_empty() {
            actions.push_back(Action::WriteControls(ControlTarget::Sensor));
        }
        if let Some((_, limits)) = self.limits_coming.take_if(|(from, _)| *from <= sequence) {
            self.limits = limits;
        }
    }

    /// Longer frames may take longer at once; shorter ones less only when they are there.
    fn follow_blanking(&mut self, vblank_lines: u32, sequence: u32) {
        let limits = self.plan.limits(vblank_lines);
        let first = sequence.saturating_add(self.plan.delays.vblank + 1);
        self.limits_coming = (limits.pairing < self.limits.pairing).then_some((first, limits));
        if self.limits_coming.is_none() {
            self.limits = limits;
            if let Some(due) = &mut self.received.due {
                due.deadline = due.deadline.max(due.since + limits.device);
            }
        }
    }

    #[cold]
    fn on_controls_failed(&mut self, target: ControlTarget, error: Error, actions: &mut Actions) {
        if self.is_over(&error) {
            actions.push_front(Action::Fail(error));
            return;
        }
        self.drops.count(DropCause::Refused);
        match target {
            ControlTarget::SensorFirst => {
                actions.retain(|action| !matches!(action, Action::WriteControls(ControlTarget::Sensor)));
                self.forget_writes(&[SensorControl::Vblank]);
            }
            ControlTarget::Sensor => {
                self.forget_writes(&[
                    SensorControl::Hblank,
                    SensorControl::Exposure,
                    SensorControl::AnalogueGain,
                ]);
            }
            ControlTarget::Lens => {
                if let Some(lens) = &mut self.lens {
                    lens.failed();
                }
            }
            ControlTarget::StreamFirst(_) | ControlTarget::Stream(_) => {
                self.crop_set = None;
                self.fail_run(error, actions);
            }
        }
    }

    fn forget_writes(&mut self, controls: &[SensorControl]) {
        for control in controls {
            // A frame start that is not the newest cannot be taken back: it has passed.
            let _ = self.delayed.failed(self.sensor_writes.sequence, *control);
        }
    }

    // Failures and time.

    /// Whether there is no going on after a failed call: at the start, or if the device is gone.
    fn is_over(&self, error: &Error) -> bool {
        self.state == State::Starting || error.kind() == ErrorKind::Disconnected
    }

    #[cold]
    fn on_queue_failed(&mut self, stream: u8, slot: u16, error: Error, actions: &mut Actions) {
        if self.is_over(&error) {
            actions.push_front(Action::Fail(error));
            return;
        }
        self.drops.count(DropCause::Refused);
        match stream {
            IMAGE => self.refuse_raw(slot, error, actions),
            EMBEDDED => {
                self.keep_refused(EMBEDDED, slot);
            }
            _ => {
                self.take_refused(stream, slot, actions);
                self.fail_run(error, actions);
            }
        }
    }

    fn refuse_raw(&mut self, slot: u16, error: Error, actions: &mut Actions) {
        let Some(number) = self.keep_refused(IMAGE, slot) else { return };
        self.cancel(number, error);
        self.streams[usize::from(IMAGE)].serve(&mut self.table, actions);
    }

    /// Takes back a buffer that a device refused. An internal one stays in the pool until the
    /// next frame start tries again. Answers the request it was for.
    fn keep_refused(&mut self, index: u8, slot: u16) -> Option<u64> {
        let stream = &mut self.streams[usize::from(index)];
        let returned = stream.dequeued(u32::from(slot))?;
        if self.table.is_internal(&returned.token) {
            self.table.transfer(&returned.token, stream.device(), Owner::Pool);
            stream.stock(returned.token);
        } else {
            self.table.park(returned.token, stream.device());
        }
        returned.request
    }

    fn on_timer(&mut self, now: Timestamp, actions: &mut Actions) {
        if self.sensor_deadline().is_some_and(|deadline| deadline <= now) {
            actions.push_back(Action::Fail(self.silent()));
        }
        self.check_run(now, actions);
    }

    fn watch_sensor(&mut self, now: Timestamp) {
        let due = self.state == State::Running && self.streams[usize::from(IMAGE)].queued() > 0;
        if due != self.received.due.is_some() {
            self.received.due = due.then(|| Due { since: now, deadline: now + self.limits.device });
        }
    }

    fn sensor_deadline(&self) -> Option<Timestamp> {
        self.received.due.map(|due| due.deadline)
    }

    fn silent(&self) -> Error {
        Error::new(ErrorKind::Timeout, "waiting for the sensor")
            .because(format!("no frame came for {} ms", self.limits.device.as_millis()))
            .hint("check the camera's cable; stop and start the camera to try again")
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        let run = self.run.as_ref().map(Run::deadline);
        Timestamp::earliest([run, self.matching_deadline, self.sensor_deadline()])
    }
}

impl Image {
    /// What an application is told of the buffer.
    pub(super) fn info(&self) -> BufferInfo {
        BufferInfo {
            sequence: self.sequence,
            timestamp: self.timestamp,
            bytes_used: self.bytes_used,
            error: self.error,
            filled: true,
            ..BufferInfo::default()
        }
    }

    /// What the frame says of its state.
    pub(super) fn state(&self) -> FrameState {
        if self.starting { FrameState::Starting } else { FrameState::Settled }
    }
}

pub(super) fn empty_stream(plan: &Plan, index: u8, slots: u16) -> Stream {
    let external = plan.place[usize::from(index)].is_some();
    let buffers = if slots == 0 { 0 } else { BUFFERS_MAX };
    Stream::new(StreamTraits { index, external }, slots, buffers)
}

/// The crop that a list of controls asks for.
pub(super) fn crop_in(controls: &pinhole_base::control::ControlList) -> Option<Rect<NativePixels>> {
    match controls.value(pinhole_base::control::SCALER_CROP.id()) {
        Some(ControlValue::Rect(rect)) if !rect.size().is_empty() => Some(rect),
        _ => None,
    }
}
