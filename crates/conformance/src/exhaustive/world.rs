//! The world that is searched: the pipeline, what its devices and algorithms have, and what
//! may happen next.

use super::devices::{devices, done};
use pinhole::control::SENSOR_SEQUENCE;
use pinhole::device::Dequeued;
use pinhole::devices::Devices;
use pinhole::geometry::{Rect, Size, Transform};
use pinhole::job::{Job, JobKind, SensorValues};
use pinhole::pipeline::{Action, Actions, ControlTarget, Event, Pipeline};
use pinhole::pipelines::vc4::machine::Machine;
use pinhole::pipelines::vc4::plan::{EMBEDDED, IMAGE, INPUT, OUTPUT0, Plan, STATISTICS, STREAMS};
use pinhole::sensor::delayed::{Delays, SensorControls};
use pinhole::sensor::timing::ModeTiming;
use pinhole::sim::SimulatorConfig;
use pinhole::{
    Camera, Cameras, Error, ErrorKind, FrameBuffer, Request, RequestStatus, Role, StreamId, Timestamp,
};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// From one frame to the next.
const FRAME: Duration = Duration::from_millis(30);

/// Requests of a case.
const REQUESTS: usize = 2;

/// More than enough steps to end any case, if nothing more goes wrong.
const DRAIN_MAX: usize = 100;

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The application has the receiver's images, too.
    pub raw: bool,
    /// The receiver gives embedded data.
    pub embedded: bool,
    /// Frames hidden at the start.
    pub hidden: u32,
    /// Frames that the sensor sends.
    pub frames: usize,
    /// Frame starts are told.
    pub starts: bool,
}

/// Which buffers a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// One for every stream.
    Both,
    /// None but the receiver's.
    Raw,
    /// None but the ISP's.
    Processed,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Happening {
    /// The next request comes.
    Request(Shape),
    /// A frame begins.
    FrameStart,
    /// The receiver is done with an image.
    Image,
    /// The receiver is done with embedded data.
    Embedded,
    /// The ISP is done with a stream's buffer.
    Isp(u8),
    /// The algorithms answer one of the jobs that they have.
    Answer(usize),
    /// The deadline passes.
    Timer,
    /// The camera is stopped.
    Stop,
    /// Everything goes well from here on.
    Drain,
}

impl Happening {
    /// Whether nothing can come after it.
    pub(super) fn is_last(self) -> bool {
        matches!(self, Self::Stop | Self::Drain)
    }
}

/// What can go wrong about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The driver flags the buffer as damaged, or the algorithms their answer.
    Flagged,
    /// It never comes.
    Lost,
    /// It comes twice.
    Twice,
    /// Its time stamp is not the frame's.
    OtherStamp,
    /// The device refuses that one of the calls which follow.
    Refused(u8),
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// What happens.
    pub happening: Happening,
    /// What goes wrong about it.
    pub fault: Option<Fault>,
}

/// A buffer that a device has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Held {
    slot: u16,
    buffer: u16,
    timestamp: Timestamp,
}

/// The world.
pub(super) struct World {
    setting: Setting,
    machine: Machine,
    devices: Devices,
    actions: Actions,
    streams: [StreamId; 2],
    /// Requests that have not been queued.
    ready: Vec<Request>,
    /// Every buffer that no request has.
    spare: [Vec<FrameBuffer>; 2],
    case: Case,
    returned: (u64, u64),
    _camera: Camera,
}

/// What one case has come to.
#[derive(Default)]
struct Case {
    running: bool,
    now: Timestamp,
    held: [Vec<Held>; STREAMS],
    #[expect(clippy::vec_box, reason = "jobs go to and fro as boxes")]
    jobs: Vec<Box<Job>>,
    isp_busy: bool,
    /// When each frame began.
    frames: Vec<Timestamp>,
    /// Frames begun, images and embedded data so far.
    next: [usize; 3],
    queued: Vec<Shape>,
    /// Where the buffers of requests lie: each request's RAW and processed memory.
    lent: Vec<[Option<u64>; 2]>,
    results: Vec<(RequestStatus, Option<ErrorKind>)>,
    fault: Option<Step>,
    /// The same, while it may still show.
    trace: Option<Step>,
    /// What has come back of the present run.
    run: Vec<Happening>,
    /// Calls of devices in this step, and which is to be refused.
    calls: u8,
    refuse: Option<u8>,
    failed: Option<ErrorKind>,
}

impl World {
    pub(super) fn new(setting: Setting) -> Self {
        let cameras = Cameras::simulated(SimulatorConfig::for_tests()).expect("the world is possible");
        let mut camera = cameras.first().and_then(|entry| entry.acquire()).expect("there is a camera");
        let configuration = camera.propose([Role::Raw, Role::Viewfinder]).expect("it has both");
        camera.configure(&configuration).expect("it was proposed");
        let ids: Vec<StreamId> = camera.streams().map(|(id, _)| id).collect();
        let streams = [ids[0], ids[1]];
        let spare = streams.map(|id| camera.allocate(id, REQUESTS as u32).expect("there is memory"));
        let ready = (0..REQUESTS).map(|_| camera.create_request()).collect();
        Self {
            setting,
            machine: Machine::new(plan(setting)),
            devices: devices(),
            actions: Actions::default(),
            streams,
            ready,
            spare,
            case: Case::default(),
            returned: (0, 0),
            _camera: camera,
        }
    }

    /// Requests that came back so far: complete, cancelled.
    pub(super) fn returned(&self) -> (u64, u64) {
        self.returned
    }

    /// Begins a case.
    pub(super) fn restart(&mut self) {
        self.case = Case { now: Timestamp(1_000_000_000), running: true, ..Case::default() };
        self.machine.set_plan(plan(self.setting));
        self.machine.start(&mut self.devices, &mut self.actions).expect("these devices refuse nothing");
        self.carry_out();
        self.machine.stream_on(&mut self.devices).expect("these devices refuse nothing");
    }

    /// Whether nothing has gone wrong yet.
    pub(super) fn may_fail(&self) -> bool {
        self.case.fault.is_none()
    }

    /// Ends a case.
    pub(super) fn finish(&mut self) {
        if self.case.running {
            self.stop();
        }
        assert_eq!(self.case.results.len(), self.case.queued.len(), "a request did not come back");
    }

    /// Takes a step; answers how many calls of devices came of it.
    pub(super) fn take(&mut self, step: Step) -> u8 {
        self.case.calls = 0;
        self.case.refuse = None;
        if step.fault.is_some() {
            self.case.fault = Some(step);
            self.case.trace = Some(step);
        }
        if let Some(Fault::Refused(call)) = step.fault {
            self.case.refuse = Some(call);
        }
        match step.happening {
            Happening::Request(shape) => self.queue_request(shape),
            Happening::FrameStart => self.frame_start(),
            Happening::Image => self.receive(IMAGE, 1, step.fault),
            Happening::Embedded => self.receive(EMBEDDED, 2, step.fault),
            Happening::Isp(stream) => self.process(stream, step.fault),
            Happening::Answer(at) => self.answer(at, step.fault),
            Happening::Timer => self.time_out(),
            Happening::Stop => self.stop(),
            Happening::Drain => self.drain(),
        }
        if matches!(step.happening, Happening::Isp(_) | Happening::Answer(_)) {
            self.case.run.push(step.happening);
        }
        self.case.calls
    }

    // What may happen.

    /// All steps that are possible now. None after the end.
    pub(super) fn choices(&self) -> Vec<Step> {
        if !self.case.running {
            return Vec::new();
        }
        let mut happenings = self.well(self.setting.frames);
        if self.case.queued.len() < REQUESTS {
            let shapes: &[_] = if self.setting.raw {
                &[Shape::Both, Shape::Raw, Shape::Processed]
            } else {
                &[Shape::Processed]
            };
            happenings.extend(shapes.iter().map(|shape| Happening::Request(*shape)));
        }
        if self.machine.deadline().is_some() && (self.may_fail() || happenings.is_empty()) {
            happenings.push(Happening::Timer);
        }
        happenings.extend([Happening::Stop, Happening::Drain]);
        happenings.into_iter().flat_map(|happening| self.variants(happening)).collect()
    }

    fn variants(&self, happening: Happening) -> Vec<Step> {
        use Fault::{Flagged, Lost, OtherStamp, Twice};
        let faults: &[Fault] = match happening {
            _ if !self.may_fail() => &[],
            Happening::Image | Happening::Embedded => &[Flagged, Lost, Twice, OtherStamp],
            Happening::Isp(_) => &[Flagged, Twice],
            Happening::Answer(_) => &[Flagged],
            _ => &[],
        };
        let faults = faults.iter().copied().map(Some);
        std::iter::once(None).chain(faults).map(|fault| Step { happening, fault }).collect()
    }

    /// What can happen of itself while all goes well, up to a number of frames.
    fn well(&self, frames: usize) -> Vec<Happening> {
        let case = &self.case;
        let [starts, images, embedded] = case.next;
        let mut well: Vec<_> = (0..case.jobs.len()).map(Happening::Answer).collect();
        let isp = [OUTPUT0, STATISTICS, INPUT].into_iter();
        let busy = isp.filter(|stream| case.isp_busy && !case.held[usize::from(*stream)].is_empty());
        well.extend(busy.map(Happening::Isp));
        if self.setting.starts && starts <= images && starts < frames {
            well.push(Happening::FrameStart);
        }
        if embedded <= images && embedded < frames && !case.held[usize::from(EMBEDDED)].is_empty() {
            well.push(Happening::Embedded);
        }
        if images < frames && !case.held[usize::from(IMAGE)].is_empty() {
            well.push(Happening::Image);
        }
        well
    }

    /// Lets all go well, until every request that was queued is back.
    fn drain(&mut self) {
        for _ in 0..DRAIN_MAX {
            if !self.case.running {
                return;
            }
            if self.case.results.len() == self.case.queued.len() {
                return self.stop();
            }
            let next = self.well(usize::MAX).first().copied();
            let next = next.or_else(|| self.machine.deadline().map(|_| Happening::Timer));
            let happening = next.expect("a request waits, but for nothing");
            self.take(Step { happening, fault: None });
        }
        panic!("requests wait for ever: {:?} of {:?}", self.case.results, self.case.queued);
    }

    // What happens.

    fn feed(&mut self, event: Event<'_>) {
        if !self.case.running {
            return;
        }
        self.machine.on_event(self.case.now, event, &mut self.actions);
        self.carry_out();
        if self.case.running && self.machine.deadline().is_some_and(|due| due <= self.case.now) {
            self.machine.on_event(self.case.now, Event::Timer, &mut self.actions);
            self.carry_out();
        }
    }

    fn queue_request(&mut self, shape: Shape) {
        let mut request = self.ready.pop().expect("not all are queued");
        request.reuse(false);
        request.set_cookie(self.case.queued.len() as u64);
        let wanted = [shape != Shape::Processed, shape != Shape::Raw];
        let mut lent = [None, None];
        for at in 0..2 {
            if wanted[at] {
                let buffer = self.spare[at].pop().expect("there is a buffer for each request");
                lent[at] = Some(buffer.memory().identity().inode);
                request.attach(self.streams[at], buffer).expect("it has no buffer yet");
            }
        }
        self.case.queued.push(shape);
        self.case.lent.push(lent);
        self.feed(Event::Request(request));
    }

    /// When a frame began; the first who asks says so.
    fn begin(&mut self, frame: usize) -> Timestamp {
        while self.case.frames.len() <= frame {
            let earliest = self.case.frames.last().map_or(Timestamp::ZERO, |last| *last + FRAME);
            self.case.frames.push(earliest.max(self.case.now));
        }
        self.case.frames[frame]
    }

    fn frame_start(&mut self) {
        let frame = self.case.next[0];
        self.case.next[0] += 1;
        let timestamp = self.begin(frame);
        self.case.now = self.case.now.max(timestamp);
        self.feed(Event::FrameStart { sequence: frame as u32, timestamp });
    }

    fn receive(&mut self, stream: u8, counter: usize, fault: Option<Fault>) {
        let frame = self.case.next[counter];
        self.case.next[counter] += 1;
        let began = self.begin(frame);
        self.case.now = self.case.now.max(began + FRAME / 2);
        if fault == Some(Fault::Lost) {
            return;
        }
        let off = u64::from(fault == Some(Fault::OtherStamp));
        let slot = self.case.held[usize::from(stream)][0].slot;
        self.give_back(stream, done(slot, frame as u32, Timestamp(began.0 + off)), fault);
    }

    fn process(&mut self, stream: u8, fault: Option<Fault>) {
        let Held { slot, timestamp, .. } = self.case.held[usize::from(stream)][0];
        self.give_back(stream, done(slot, 0, timestamp), fault);
    }

    fn give_back(&mut self, stream: u8, done: Dequeued, fault: Option<Fault>) {
        let done = Dequeued { error: fault == Some(Fault::Flagged), ..done };
        for _ in 0..if fault == Some(Fault::Twice) { 2 } else { 1 } {
            self.case.held[usize::from(stream)].retain(|held| u32::from(held.slot) != done.slot);
            self.feed(Event::Buffer { stream, done: &done });
        }
        let isp = [INPUT, OUTPUT0, STATISTICS];
        self.case.isp_busy &= isp.iter().any(|stream| !self.case.held[usize::from(*stream)].is_empty());
    }

    fn answer(&mut self, at: usize, fault: Option<Fault>) {
        let mut job = self.case.jobs.remove(at);
        if fault == Some(Fault::Flagged) {
            job.error = Some(Error::new(ErrorKind::Algorithm, "answering"));
        } else if job.kind == JobKind::Process {
            let exposure_lines = 10 + job.sequence;
            job.wish = Some(SensorValues { exposure_lines, gain_code: 1, vblank_lines: 10 });
        }
        self.feed(Event::Answer(job));
    }

    fn time_out(&mut self) {
        let due = self.machine.deadline().expect("there is a deadline");
        self.case.now = self.case.now.max(due);
        self.feed(Event::Timer);
    }

    fn stop(&mut self) {
        self.case.running = false;
        self.case.held = Default::default();
        self.hand_out_completed();
        let reason = Error::new(ErrorKind::Cancelled, "stopping");
        let stopped = self.machine.stop(&mut self.devices, &reason, &mut self.actions);
        stopped.expect("these devices refuse nothing");
        self.hand_out_completed();
        self.machine.audit();
        assert_eq!(self.case.results.len(), self.case.queued.len(), "a request did not come back");
    }

    fn hand_out_completed(&mut self) {
        while let Some(action) = self.actions.pop_front() {
            if let Action::Complete(request) = action {
                self.complete(request);
            }
        }
    }

    // What the pipeline wants.

    fn carry_out(&mut self) {
        while let Some(action) = self.actions.pop_front() {
            match action {
                Action::Queue { stream, slot, buffer, timestamp, .. } => {
                    self.queue(stream, Held { slot, buffer, timestamp });
                }
                Action::WriteControls(target) => self.call(target),
                Action::SetCrop { stream, .. } => self.call(ControlTarget::Stream(stream)),
                Action::Recall { stream } => self.case.held[usize::from(stream)].clear(),
                Action::Job(job) => {
                    if job.kind == JobKind::Prepare {
                        self.case.run.clear();
                        self.case.trace.take_if(|step| step.fault != Some(Fault::OtherStamp));
                    }
                    self.case.jobs.push(job);
                }
                Action::Complete(request) => self.complete(request),
                Action::Fail(error) => {
                    self.case.failed = Some(error.kind());
                    self.stop();
                }
            }
        }
        self.machine.audit();
    }

    /// Whether this call of a device is the one that is refused.
    fn refuses(&mut self) -> Option<Error> {
        let call = self.case.calls;
        self.case.calls += 1;
        (self.case.refuse == Some(call))
            .then(|| Error::new(ErrorKind::InvalidArgument, "asking a modelled device").because("it refuses"))
    }

    fn queue(&mut self, stream: u8, held: Held) {
        for others in &self.case.held {
            assert!(others.iter().all(|other| other.buffer != held.buffer), "a device has {held:?} already");
        }
        let device = &self.case.held[usize::from(stream)];
        assert!(device.iter().all(|other| other.slot != held.slot), "{held:?}: the slot is taken");
        if let Some(error) = self.refuses() {
            let event = Event::QueueFailed { stream, slot: held.slot, error };
            self.machine.on_event(self.case.now, event, &mut self.actions);
            return;
        }
        self.case.isp_busy |= stream == INPUT;
        self.case.held[usize::from(stream)].push(held);
    }

    fn call(&mut self, target: ControlTarget) {
        if let Some(error) = self.refuses() {
            let event = Event::ControlsFailed { target, error };
            self.machine.on_event(self.case.now, event, &mut self.actions);
        }
    }

    // What comes back.

    fn complete(&mut self, mut request: Request) {
        let number = self.case.results.len();
        assert_eq!(request.cookie(), number as u64, "requests come back once, in order");
        assert_eq!(request.number(), number as u64, "requests are numbered in order");
        let complete = request.status() == RequestStatus::Complete;
        assert!(complete || request.error().is_some(), "a cancelled request says why");
        if complete {
            self.check_frame(&request);
        }
        let kind = request.error().map(Error::kind);
        self.case.results.push((request.status(), kind));
        let lent = self.case.lent[number];
        for (at, lent) in lent.into_iter().enumerate() {
            let buffer = request.take_buffer(self.streams[at]);
            let inode = buffer.as_ref().map(|buffer| buffer.memory().identity().inode);
            assert_eq!(inode, lent, "a request comes back with its own buffers");
            assert!(!inode.is_some_and(|inode| self.is_held(inode)), "a device still has the buffer");
            self.spare[at].extend(buffer);
        }
        let count = if complete { &mut self.returned.0 } else { &mut self.returned.1 };
        *count += 1;
        self.ready.push(request);
    }

    fn check_frame(&self, request: &Request) {
        let sequence = request.metadata().get(SENSOR_SEQUENCE).expect("a complete request has metadata");
        for id in self.streams {
            if request.buffer(id).is_some() {
                let info = request.info(id);
                assert!(info.filled, "a complete request's buffers are filled");
                assert_eq!(i64::from(info.sequence), sequence, "all buffers show one frame");
            }
        }
    }

    fn is_held(&self, inode: u64) -> bool {
        let mut held = self.case.held.iter().flatten();
        held.any(|held| self.machine.memory(held.buffer).identity().inode == inode)
    }

    // Telling states apart.

    /// A number for all that decides what may come.
    pub(super) fn digest(&self) -> u64 {
        let case = &self.case;
        let mut hasher = DefaultHasher::new();
        let held = case
            .held
            .each_ref()
            .map(|held| held.iter().map(|held| (held.slot, held.buffer)).collect::<Vec<_>>());
        (case.running, held, case.isp_busy, case.next, &case.queued, case.fault.is_some(), case.trace)
            .hash(&mut hasher);
        let mut run = case.run.clone();
        run.sort_unstable();
        (case.failed, run).hash(&mut hasher);
        let results = case.results.iter().map(|(status, kind)| (*status, *kind));
        results.for_each(|result| result.hash(&mut hasher));
        for job in &case.jobs {
            let kind = job.kind == JobKind::Prepare;
            (job.id, kind, job.sequence, job.embedded, job.statistics, job.rewrite).hash(&mut hasher);
        }
        // Only what is between two times matters.
        let since = |time: &Timestamp| case.now.0.abs_diff(time.0);
        (case.frames.last().map(since), self.machine.deadline().as_ref().map(since)).hash(&mut hasher);
        self.machine.drops().iter().for_each(|(_, count)| count.hash(&mut hasher));
        hasher.finish()
    }
}

fn plan(setting: Setting) -> Plan {
    let mut place = [None; STREAMS];
    place[usize::from(IMAGE)] = setting.raw.then_some(0);
    place[usize::from(OUTPUT0)] = Some(1);
    let size: Size = Size::new(640, 480);
    let timing = ModeTiming {
        pixel_rate_hz: 10_000_000,
        width: 640,
        height: 480,
        hblank: 0,
        vblank_min: 10,
        vblank_max: 100,
        exposure_min_lines: 1,
        exposure_margin_lines: 4,
    };
    Plan {
        place,
        buffer_bytes: [1; STREAMS],
        internal: [2, if setting.embedded { 2 } else { 0 }, 0, 2, 0, 2],
        has_embedded: setting.embedded,
        has_output1: false,
        timing,
        delays: Delays { exposure: 2, gain: 1, vblank: 2, hblank: 2 },
        initial: SensorControls { exposure_lines: 4, gain_code: 0, vblank: 10, hblank: None },
        hide: setting.hidden,
        mark: 0,
        mode_size: size.cast(),
        mode_crop: Rect::from_size(size.cast()),
        transform: Transform::IDENTITY,
        default_crop: Rect::from_size(size.cast()),
        crop_shape: size.cast(),
    }
}
