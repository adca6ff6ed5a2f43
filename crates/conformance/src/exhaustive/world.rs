//! The world that is searched: the pipeline, and a case around it.

use super::case::{Case, Held, Late, Lent, Newest, WATCHDOG};
use super::devices::{devices, done};
use super::{Fault, Happening, Setting, Step, Streams};
use pinhole::control::{FRAME_ERROR, SENSOR_SEQUENCE, SENSOR_TIMESTAMP};
use pinhole::device::uapi::control_codes;
use pinhole::device::{ControlCode, Dequeued};
use pinhole::devices::Devices;
use pinhole::geometry::{Rect, Size, Transform};
use pinhole::job::{Job, JobKind, SensorValues};
use pinhole::pipeline::{Action, Actions, ControlTarget, Event, Pipeline};
use pinhole::pipelines::vc4::machine::Machine;
use pinhole::pipelines::vc4::plan::{EMBEDDED, IMAGE, INPUT, OUTPUT0, OUTPUT1, Plan, STREAMS};
use pinhole::sensor::delayed::{Delays, SensorControls};
use pinhole::sensor::timing::ModeTiming;
use pinhole::sim::SimulatorConfig;
use pinhole::{
    Camera, Cameras, Error, ErrorKind, FrameBuffer, FrameMemory, Request, RequestStatus, Role, StreamId,
    Timestamp,
};
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

/// Buffers that the application has for each stream.
const BUFFERS: u32 = 2;

/// Requests that are queued at the end of a way, when all goes well again.
const PROBES: usize = 2;

/// More than enough steps to end any case, if nothing more goes wrong.
const DRAIN_MAX: usize = 200;

/// Lines between frames, at first.
const VBLANK_LINES: u32 = 10;

/// Some parameter of the ISP.
const PARAMETER: ControlCode = control_codes::EXPOSURE;

/// The world.
pub(super) struct World {
    setting: Setting,
    machine: Machine,
    devices: Devices,
    actions: Actions,
    /// The streams of the application, by their places in the configuration.
    ids: [StreamId; 3],
    /// Their buffers' memory.
    memories: [Vec<Arc<FrameMemory>>; 3],
    /// Requests, and buffers, that the application has.
    ready: Vec<Request>,
    spare: [Vec<FrameBuffer>; 3],
    case: Case,
    /// The ledger is looked at after every event.
    audits: bool,
    _camera: Camera,
}

impl World {
    pub(super) fn new(setting: Setting) -> Self {
        let cameras = Cameras::simulated(SimulatorConfig::for_tests()).expect("the world is possible");
        let mut camera = cameras.first().and_then(|entry| entry.acquire()).expect("there is a camera");
        let configuration = camera.propose([Role::Raw, Role::Viewfinder, Role::Video]);
        camera.configure(&configuration.expect("it has all of them")).expect("it was proposed");
        let ids: Vec<StreamId> = camera.streams().map(|(id, _)| id).collect();
        let ids = [ids[0], ids[1], ids[2]];
        let spare = ids.map(|id| camera.allocate(id, BUFFERS).expect("there is memory"));
        let memory = |buffer: &FrameBuffer| Arc::clone(buffer.memory());
        let memories = spare.each_ref().map(|buffers| buffers.iter().map(memory).collect());
        let plan = plan(setting);
        Self {
            setting,
            devices: devices(),
            actions: Actions::default(),
            ids,
            memories,
            ready: (0..BUFFERS).map(|_| camera.create_request()).collect(),
            spare,
            case: Case::new(setting, &plan),
            machine: Machine::new(plan),
            audits: false,
            _camera: camera,
        }
    }

    /// Begins a case.
    pub(super) fn start(&mut self) {
        self.case = Case::new(self.setting, self.machine.plan());
        self.audits = false;
        self.machine.start(&mut self.devices, &mut self.actions).expect("these devices refuse nothing");
        self.carry_out();
        self.case.starving = None; // Nobody waits before the first event.
        self.machine.stream_on(&mut self.devices).expect("these devices refuse nothing");
    }

    /// Ends a case: every request is back then.
    pub(super) fn end(&mut self) {
        self.case.seen = DefaultHasher::new();
        if self.case.running {
            self.stop();
        }
    }

    /// Takes steps; looks at the ledger in the last.
    pub(super) fn take(&mut self, steps: &[Step]) {
        for (at, step) in steps.iter().enumerate() {
            self.audits = at + 1 == steps.len();
            self.case.begin(*step);
            self.happen(*step);
        }
    }

    /// What may happen next, but for calls that fail.
    pub(super) fn choices(&self) -> Vec<Step> {
        self.case.choices(self.machine.deadline())
    }

    /// Calls of devices that the last step led to and that might have failed.
    pub(super) fn calls(&self) -> u8 {
        if self.case.faulty { 0 } else { self.case.calls }
    }

    /// A number for all that was seen of the last step.
    pub(super) fn seen(&self) -> u64 {
        self.case.seen.finish()
    }

    /// Requests that came back complete, and those that were cancelled.
    pub(super) fn returned(&self) -> (usize, usize) {
        (self.case.complete, self.case.returned - self.case.complete)
    }

    /// A number for all that decides what may come.
    pub(super) fn fingerprint(&self) -> u64 {
        if !self.case.running {
            return 0; // Nothing may.
        }
        let mut print = self.case.fingerprint();
        self.machine.fingerprint(&mut print);
        print.finish()
    }

    // What happens.

    fn happen(&mut self, Step { happening, fault }: Step) {
        match happening {
            Happening::Request(streams) => self.queue_request(streams, fault),
            Happening::FrameStart => self.frame_start(fault),
            Happening::Image => self.image(fault),
            Happening::LateImage => self.late_image(),
            Happening::Embedded => self.embedded(fault),
            Happening::Isp(stream) => self.process(stream, fault),
            Happening::Answer(at) => self.answer(at, fault),
            Happening::Timer | Happening::EarlyTimer => self.time_out(),
            Happening::Drain => self.drain(),
        }
    }

    fn feed(&mut self, event: Event<'_>) {
        if !self.case.running {
            return;
        }
        self.machine.on_event(self.case.now, event, &mut self.actions);
        self.case.watch();
        self.carry_out();
        if self.case.running && self.machine.deadline().is_some_and(|due| due <= self.case.now) {
            self.machine.on_event(self.case.now, Event::Timer, &mut self.actions);
            self.carry_out();
        }
    }

    fn queue_request(&mut self, streams: Streams, fault: Option<Fault>) {
        let mut request = self.ready.pop().expect("not all are queued");
        request.reuse(false);
        request.set_cookie(self.case.queued.len() as u64);
        let in_use = if fault == Some(Fault::InUse) { self.case.output_in_use() } else { None };
        let mut lent = Lent { at: self.case.now, inodes: [None; 3], in_use: in_use.is_some() };
        for at in (0..3).filter(|at| streams.places()[*at]) {
            let buffer = match in_use {
                Some(inode) if at == 1 => self.buffer_once_more(inode),
                _ => self.spare[at].pop().expect("there is a buffer for each request"),
            };
            lent.inodes[at] = Some(buffer.memory().identity().inode);
            request.attach(self.ids[at], buffer).expect("it has no buffer yet");
        }
        if fault == Some(Fault::Cancelled) {
            request.cancel(Error::new(ErrorKind::Timeout, "waiting for a fence"));
        }
        self.case.queued.push(streams);
        self.case.lent.push(lent);
        self.feed(Event::Request(request));
    }

    fn buffer_once_more(&self, inode: u64) -> FrameBuffer {
        let memory = self.memories[1].iter().find(|memory| memory.identity().inode == inode);
        FrameBuffer::new(Arc::clone(memory.expect("it is one of these")))
    }

    fn frame_start(&mut self, fault: Option<Fault>) {
        let frame = self.case.next.start;
        self.case.next.start += 1;
        let timestamp = self.case.sensor.begin(frame, self.case.now);
        self.case.now = self.case.now.max(timestamp);
        if fault == Some(Fault::Late) {
            self.case.now = self.case.now.max(self.case.sensor.last_line());
        }
        for _ in 0..times(fault) {
            self.feed(Event::FrameStart { sequence: frame as u32, timestamp });
        }
    }

    /// The time stamp of a frame that the receiver is done with.
    fn receive(&mut self, frame: usize) -> Timestamp {
        let began = self.case.sensor.begin(frame, self.case.now);
        let plan = self.machine.plan();
        self.case.now = self.case.now.max(began + plan.timing.frame_duration(VBLANK_LINES) / 2);
        began
    }

    fn image(&mut self, fault: Option<Fault>) {
        let frame = self.case.next.image;
        self.case.next.image += 1;
        let began = self.receive(frame);
        let place = usize::from(fault == Some(Fault::OutOfTurn));
        let slot = self.case.free_for_image().nth(place).expect("there is one for the image").slot;
        if fault == Some(Fault::Late) {
            self.case.late = Some(Late { slot, frame });
            return;
        }
        if fault == Some(Fault::Flagged) {
            self.case.flagged = Some(frame as i64);
        }
        self.case.starving.take_if(|_| fault != Some(Fault::Lost));
        self.give_back(IMAGE, done(slot, frame as u32, stamp(began, fault)), fault);
    }

    fn late_image(&mut self) {
        let Late { slot, frame } = self.case.late.expect("an image is late");
        let began = self.receive(frame);
        self.case.starving = None;
        self.give_back(IMAGE, done(slot, frame as u32, began), None);
    }

    fn embedded(&mut self, fault: Option<Fault>) {
        let frame = self.case.next.embedded;
        self.case.next.embedded += 1;
        let began = self.receive(frame);
        if fault == Some(Fault::Flagged) {
            self.case.flagged_embedded = Some(frame);
        }
        let slot = self.case.held[usize::from(EMBEDDED)][0].slot;
        self.give_back(EMBEDDED, done(slot, frame as u32, stamp(began, fault)), fault);
    }

    fn process(&mut self, stream: u8, fault: Option<Fault>) {
        if fault == Some(Fault::Flagged) {
            self.case.flagged = Some(i64::from(self.case.newest.sequence));
        }
        let slot = self.case.held[usize::from(stream)][0].slot;
        self.give_back(stream, done(slot, 0, self.case.at_isp), fault);
    }

    fn give_back(&mut self, stream: u8, done: Dequeued, fault: Option<Fault>) {
        let done = Dequeued { error: fault == Some(Fault::Flagged), ..done };
        for _ in 0..times(fault) {
            self.case.release(stream, done.slot);
            self.feed(Event::Buffer { stream, done: &done });
        }
    }

    fn answer(&mut self, at: u8, fault: Option<Fault>) {
        let mut job = self.case.jobs.remove(usize::from(at));
        let again = (fault == Some(Fault::Twice)).then(|| same_again(&job));
        self.do_job(&mut job);
        match fault {
            Some(Fault::Lost) => return,
            Some(Fault::Flagged) => job.error = Some(Error::new(ErrorKind::Algorithm, "answering")),
            Some(Fault::Mistaken) => (job.embedded, job.statistics) = (Some(u16::MAX), Some(u16::MAX)),
            _ => {}
        }
        self.feed(Event::Answer(job));
        again.into_iter().for_each(|job| self.feed(Event::Answer(job)));
    }

    fn do_job(&self, job: &mut Job) {
        match job.kind {
            JobKind::Prepare => job.parameters.integer(PARAMETER, 0),
            JobKind::Process if self.setting.starts => {
                // Every frame another wish, and every other one another frame length.
                job.wish = Some(SensorValues {
                    exposure_lines: 10 + job.sequence,
                    gain_code: 10 + job.sequence,
                    vblank_lines: VBLANK_LINES + job.sequence % 2,
                });
            }
            JobKind::Process | JobKind::Convert => {}
        }
    }

    fn time_out(&mut self) {
        let due = self.machine.deadline().expect("there is a deadline");
        assert!(due.since(self.case.now) <= WATCHDOG, "a wait is too long");
        self.case.now = self.case.now.max(due);
        self.feed(Event::Timer);
    }

    fn stop(&mut self) {
        self.case.running = false;
        self.case.held = Default::default();
        self.case.jobs.clear();
        self.hand_out_completed();
        let reason = Error::new(ErrorKind::Cancelled, "stopping");
        let stopped = self.machine.stop(&mut self.devices, &reason, &mut self.actions);
        stopped.expect("these devices refuse nothing");
        self.hand_out_completed();
        self.machine.audit();
        assert_eq!(self.case.returned, self.case.queued.len(), "a request did not come back");
    }

    fn hand_out_completed(&mut self) {
        while let Some(action) = self.actions.pop_front() {
            if let Action::Complete(request) = action {
                self.complete(request);
            }
        }
    }

    // All goes well.

    /// Lets all go well: every request must come back, and then some more, complete, with all
    /// that belongs to them. A device may have been stuck for so long that it is given up.
    fn drain(&mut self) {
        self.drain_requests();
        for _ in 0..PROBES {
            let complete = self.case.complete;
            if self.case.running {
                self.queue_request(self.setting.streams, None);
                self.drain_requests();
            }
            let gone_well = self.case.complete == complete + 1;
            assert!(gone_well || !self.case.running, "a request is cancelled although all goes well");
        }
        if self.case.running {
            let complete = self.case.newest.had_embedded == self.setting.embedded;
            assert!(complete, "embedded data stays away");
            self.stop();
        }
    }

    /// Lets all go well until every request that was queued is back.
    fn drain_requests(&mut self) {
        for _ in 0..DRAIN_MAX {
            if !self.case.running || self.case.returned == self.case.queued.len() {
                return;
            }
            let next = self.case.well(usize::MAX).first().copied();
            let next = next.or_else(|| self.machine.deadline().map(|_| Happening::Timer));
            self.happen(Step::well(next.expect("a request waits, but for nothing")));
        }
        panic!("requests wait for ever: {} of {} are back", self.case.returned, self.case.queued.len());
    }

    // What the pipeline wants.

    fn carry_out(&mut self) {
        while let Some(action) = self.actions.pop_front() {
            match action {
                Action::Queue { stream, slot, buffer, filled } => {
                    let contents = filled.then(|| self.machine.contents(stream));
                    let timestamp = contents.unwrap_or_default().timestamp;
                    self.queue(stream, Held { slot, buffer }, timestamp);
                }
                Action::WriteControls(target) => self.write(target),
                Action::SetCrop { stream, .. } => {
                    self.call(ControlTarget::Stream(stream));
                }
                Action::Recall { stream } => {
                    self.case.see(("recall", stream));
                    self.case.recall(stream);
                }
                Action::Job(job) => self.submit(job),
                Action::Complete(request) => self.complete(request),
                Action::Fail(error) => self.fail(&error),
            }
        }
        if self.audits {
            self.case.check_shared();
            self.check_deadline();
            self.machine.audit();
        }
    }

    fn check_deadline(&self) {
        let deadline = self.machine.deadline();
        // One that has passed already is told at once.
        if self.case.running && deadline.is_none_or(|deadline| deadline > self.case.now) {
            self.case.check_deadline(deadline);
        }
    }

    /// Whether this call of a device is the one that fails.
    fn fails(&mut self) -> Option<Error> {
        let call = self.case.calls;
        self.case.calls += 1;
        let (failing, kind) = self.case.failing?;
        (failing == call).then(|| Error::new(kind, "asking a modelled device").because("it refuses"))
    }

    fn queue(&mut self, stream: u8, held: Held, timestamp: Timestamp) {
        self.case.see(("queue", stream));
        match self.fails() {
            None => self.case.hold(stream, held, timestamp),
            Some(error) => {
                let event = Event::QueueFailed { stream, slot: held.slot, error };
                self.machine.on_event(self.case.now, event, &mut self.actions);
            }
        }
    }

    /// Makes a call that hands over no buffer; says whether it worked.
    fn call(&mut self, target: ControlTarget) -> bool {
        self.case.see(("call", target));
        let Some(error) = self.fails() else { return true };
        let event = Event::ControlsFailed { target, error };
        self.machine.on_event(self.case.now, event, &mut self.actions);
        false
    }

    fn write(&mut self, target: ControlTarget) {
        if !self.call(target) {
            return;
        }
        match target {
            ControlTarget::Stream(_) | ControlTarget::StreamFirst(_) => self.case.newest.unwritten = false,
            ControlTarget::SensorFirst | ControlTarget::Sensor => {
                let writes = self.machine.sensor_controls(target == ControlTarget::SensorFirst);
                self.case.sensor.write(self.case.now, writes);
            }
            ControlTarget::Lens => {} // These cameras have none.
        }
    }

    fn submit(&mut self, mut job: Box<Job>) {
        self.case.see((job.kind, job.sequence));
        match job.kind {
            JobKind::Prepare => self.note_prepare(&job),
            JobKind::Process => {
                self.case.see(job.statistics.is_some());
                self.case.newest.given = self.case.now;
            }
            JobKind::Convert => {}
        }
        if self.setting.prompt {
            self.do_job(&mut job);
            self.machine.on_event(self.case.now, Event::Answer(job), &mut self.actions);
        } else {
            self.case.jobs.push(job);
        }
    }

    fn note_prepare(&mut self, job: &Job) {
        let case = &mut self.case;
        case.see((job.embedded.is_some(), job.rewrite));
        let had = case.sensor.at(job.sequence as usize);
        assert_eq!(job.applied, had, "the record (left) and the sensor (right) of frame {}", job.sequence);
        let flagged = case.flagged_embedded == Some(job.sequence as usize);
        assert!(!flagged || job.embedded.is_none(), "damaged embedded data is relied on");
        case.bare |= case.newest.unwritten;
        assert!(job.rewrite || !case.bare, "parameters that the ISP lost are not written again");
        case.bare = false;
        case.newest = Newest {
            id: job.id,
            sequence: job.sequence,
            too_old_for: case.too_late_for(job.timestamp),
            had_embedded: job.embedded.is_some(),
            given: case.now,
            unwritten: true,
        };
    }

    fn fail(&mut self, error: &Error) {
        self.case.see(("fail", error.kind()));
        let gone = matches!(self.case.failing, Some((_, ErrorKind::Disconnected)));
        assert!(gone || self.case.is_stuck(), "no device is gone or stuck, but {error}");
        self.stop();
    }

    // What comes back.

    fn complete(&mut self, mut request: Request) {
        let number = self.case.returned;
        assert_eq!(request.cookie(), number as u64, "requests come back once, in order");
        assert_eq!(request.number(), number as u64, "requests are numbered in order");
        let complete = request.status() == RequestStatus::Complete;
        let kind = request.error().map(Error::kind);
        self.case.see((number, request.status(), kind));
        if complete {
            self.check_frame(&request);
        } else {
            assert!(kind.is_some(), "a cancelled request says why");
            assert!(self.case.may_cancel() || !self.case.running, "all went well, but {:?}", request.error());
        }
        self.case.returned += 1;
        self.case.complete += usize::from(complete);
        self.take_buffers(&mut request, self.case.lent[number]);
        self.ready.push(request);
    }

    fn take_buffers(&mut self, request: &mut Request, lent: Lent) {
        for at in 0..3 {
            let buffer = request.take_buffer(self.ids[at]);
            let inode = buffer.as_ref().map(|buffer| buffer.memory().identity().inode);
            assert_eq!(inode, lent.inodes[at], "a request comes back with its own buffers");
            if lent.in_use && at == 1 {
                continue;
            }
            assert!(!inode.is_some_and(|inode| self.is_held(inode)), "a device still has the buffer");
            self.spare[at].extend(buffer);
        }
    }

    fn is_held(&self, inode: u64) -> bool {
        let mut held = self.case.held.iter().flatten();
        held.any(|held| self.machine.memory(held.buffer).identity().inode == inode)
    }

    fn check_frame(&mut self, request: &Request) {
        let metadata = request.metadata();
        let sequence = metadata.get(SENSOR_SEQUENCE).expect("a complete request has metadata");
        let began = metadata.get(SENSOR_TIMESTAMP).expect("a complete request has metadata");
        let settled = sequence >= i64::from(self.setting.hidden);
        assert!(settled || self.case.faulty, "frame {sequence} was to be hidden");
        let is_old = self.case.newest.too_old_for & (1 << self.case.returned) != 0;
        assert!(!is_old, "frame {sequence} is an old one");
        let damaged = self.case.flagged == Some(sequence);
        assert_eq!(metadata.get(FRAME_ERROR), Some(damaged), "frame {sequence} is damaged, or not");
        for id in self.ids.into_iter().filter(|id| request.buffer(*id).is_some()) {
            let info = request.info(id);
            assert!(info.filled, "a complete request's buffers are filled");
            let frame = (i64::from(info.sequence), info.timestamp.as_nanos() as i64);
            assert_eq!(frame, (sequence, began), "all buffers show one frame");
            self.case.see((info.sequence, info.error));
        }
    }
}

/// How often something comes.
fn times(fault: Option<Fault>) -> usize {
    match fault {
        Some(Fault::Lost) => 0,
        Some(Fault::Twice) => 2,
        _ => 1,
    }
}

/// The same job, as algorithms that lost count would answer it.
fn same_again(job: &Job) -> Box<Job> {
    let Job { id, kind, sequence, embedded, statistics, .. } = *job;
    Box::new(Job { id, kind, sequence, embedded, statistics, ..Job::default() })
}

fn stamp(began: Timestamp, fault: Option<Fault>) -> Timestamp {
    Timestamp(began.0 + u64::from(fault == Some(Fault::OtherStamp)))
}

fn plan(setting: Setting) -> Plan {
    let size: Size = Size::new(1000, 290);
    // A line takes 0.1 ms, a frame 30 ms.
    let timing = ModeTiming {
        pixel_rate_hz: 10_000_000,
        width: size.width,
        height: size.height,
        hblank: 0,
        vblank_min: VBLANK_LINES,
        vblank_max: 100,
        exposure_min_lines: 1,
        exposure_margin_lines: 4,
    };
    Plan {
        place: places(setting.streams),
        buffer_bytes: [1; STREAMS],
        internal: internal(setting),
        has_embedded: setting.embedded,
        has_output1: setting.streams.output1,
        timing,
        delays: Delays { exposure: 2, gain: 1, vblank: 2, hblank: 2 },
        initial: SensorControls { exposure_lines: 4, gain_code: 0, vblank: VBLANK_LINES, hblank: None },
        hide: setting.hidden,
        mark: 0,
        isp_on_cpu: false,
        mode_size: size.cast(),
        mode_crop: Rect::from_size(size.cast()),
        transform: Transform::IDENTITY,
        default_crop: Rect::from_size(size.cast()),
        crop_shape: size.cast(),
        lens: None,
    }
}

fn places(streams: Streams) -> [Option<usize>; STREAMS] {
    let mut places = [None; STREAMS];
    for (at, stream) in [IMAGE, OUTPUT0, OUTPUT1].into_iter().enumerate() {
        places[usize::from(stream)] = streams.places()[at].then_some(at);
    }
    places
}

fn internal(setting: Setting) -> [u32; STREAMS] {
    let mut internal = [2; STREAMS];
    internal[usize::from(INPUT)] = 0;
    if !setting.embedded {
        internal[usize::from(EMBEDDED)] = 0;
    }
    if !setting.streams.output1 {
        internal[usize::from(OUTPUT1)] = 0;
    }
    internal
}
