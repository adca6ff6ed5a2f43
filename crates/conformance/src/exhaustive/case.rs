//! What one case has come to: what devices, algorithms and the application have, what the clock
//! shows, and what may happen next.

use super::sensor::Sensor;
use super::{Fault, Happening, Setting, Step, Streams};
use pinhole::fingerprint::Fingerprint;
use pinhole::job::Job;
use pinhole::pipelines::vc4::plan::{EMBEDDED, IMAGE, INPUT, OUTPUT0, OUTPUT1, Plan, STATISTICS, STREAMS};
use pinhole::{ErrorKind, Timestamp};
use std::hash::{DefaultHasher, Hash};
use std::time::Duration;

/// How long a device may take.
pub(super) const WATCHDOG: Duration = Duration::from_secs(1);

/// A frame that began as long before its request came is not fresh: three frames' time.
const FRESH_MAX: Duration = Duration::from_millis(91);

/// A buffer that a device has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) slot: u16,
    pub(super) buffer: u16,
}

/// What a request was given: where its buffers lie, by the streams' places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lent {
    /// When it was queued.
    pub(super) at: Timestamp,
    pub(super) inodes: [Option<u64>; 3],
    /// Its buffer for the first output is another request's, too.
    pub(super) in_use: bool,
}

/// An image that is late: the receiver has its buffer still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Late {
    pub(super) slot: u16,
    pub(super) frame: usize,
}

/// The frames that have come so far.
#[derive(Clone, Copy, Debug, Default, Hash)]
pub(super) struct Next {
    pub(super) start: usize,
    pub(super) image: usize,
    pub(super) embedded: usize,
}

/// The newest job that was given to the algorithms, and what became of its parameters.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Newest {
    pub(super) id: u64,
    pub(super) sequence: u32,
    /// The requests, a bit each, for which its frame is too old.
    pub(super) too_old_for: u8,
    pub(super) had_embedded: bool,
    /// When it went out last.
    pub(super) given: Timestamp,
    /// Its parameters have not been written to the ISP.
    pub(super) unwritten: bool,
}

/// What one case has come to.
pub(super) struct Case {
    setting: Setting,
    pub(super) running: bool,
    pub(super) now: Timestamp,
    pub(super) sensor: Sensor,
    pub(super) next: Next,
    /// What each stream's device has, in order.
    pub(super) held: [Vec<Held>; STREAMS],
    pub(super) late: Option<Late>,
    pub(super) isp_busy: bool,
    /// The time stamp of the frame that the ISP has, or had last.
    pub(super) at_isp: Timestamp,
    /// Since when the receiver has had buffers and given no image, and since when the ISP is busy.
    pub(super) starving: Option<Timestamp>,
    pub(super) processing: Option<Timestamp>,
    #[expect(clippy::vec_box, reason = "jobs go to and fro as boxes")]
    pub(super) jobs: Vec<Box<Job>>,
    pub(super) newest: Newest,
    /// The ISP may lack parameters that it was to have.
    pub(super) bare: bool,
    /// What each request that was queued had.
    pub(super) queued: Vec<Streams>,
    pub(super) lent: Vec<Lent>,
    /// Requests that came back; those of them that are complete.
    pub(super) returned: usize,
    pub(super) complete: usize,
    /// Something has gone wrong.
    pub(super) faulty: bool,
    /// A deadline has passed early.
    pub(super) hasty: bool,
    /// The frame that a driver flagged, and the one whose embedded data it did.
    pub(super) flagged: Option<i64>,
    pub(super) flagged_embedded: Option<usize>,
    /// Calls of devices in this step, and which of them fails, and how.
    pub(super) calls: u8,
    pub(super) failing: Option<(u8, ErrorKind)>,
    /// What was seen of the pipeline in this step.
    pub(super) seen: DefaultHasher,
}

impl Case {
    pub(super) fn new(setting: Setting, plan: &Plan) -> Self {
        Self {
            setting,
            running: true,
            now: Timestamp(1_000_000_000),
            sensor: Sensor::new(plan),
            next: Next::default(),
            held: Default::default(),
            late: None,
            isp_busy: false,
            at_isp: Timestamp::ZERO,
            starving: None,
            processing: None,
            jobs: Vec::new(),
            newest: Newest::default(),
            bare: true,
            queued: Vec::new(),
            lent: Vec::new(),
            returned: 0,
            complete: 0,
            faulty: false,
            hasty: false,
            flagged: None,
            flagged_embedded: None,
            calls: 0,
            failing: None,
            seen: DefaultHasher::new(),
        }
    }

    /// Begins a step.
    pub(super) fn begin(&mut self, step: Step) {
        self.calls = 0;
        self.seen = DefaultHasher::new();
        self.faulty |= step.fault.is_some();
        self.hasty |= step.happening == Happening::EarlyTimer;
        self.failing = match step.fault {
            Some(Fault::Refused(call)) => Some((call, ErrorKind::InvalidArgument)),
            Some(Fault::Gone(call)) => Some((call, ErrorKind::Disconnected)),
            _ => None,
        };
    }

    /// Notes what can be seen from outside.
    pub(super) fn see(&mut self, what: impl Hash) {
        what.hash(&mut self.seen);
    }

    /// Whether requests may be cancelled while the camera runs.
    pub(super) fn may_cancel(&self) -> bool {
        self.faulty || self.hasty
    }

    /// Whether a device that is waited for is late enough to be given up.
    pub(super) fn is_stuck(&self) -> bool {
        let late = |since: &Timestamp| self.now.since(*since) >= WATCHDOG;
        self.starving.iter().chain(&self.processing).any(late)
    }

    /// The requests, a bit each, that came too long after a frame began to get it. Where the
    /// application has the receiver's images, each request has its own.
    pub(super) fn too_late_for(&self, began: Timestamp) -> u8 {
        let late = |at: &usize| !self.setting.streams.raw && self.lent[*at].at.since(began) > FRESH_MAX;
        (self.returned..self.lent.len()).filter(late).map(|at| 1 << at).sum()
    }

    /// Whether the newest job has been out for so long that it is given up.
    fn is_overdue(&self) -> bool {
        self.now.since(self.newest.given) >= WATCHDOG
    }

    /// Every wait has an end: what somebody is waited for is given up in time.
    pub(super) fn check_deadline(&self, deadline: Option<Timestamp>) {
        let answer = self.jobs.iter().any(|job| job.id == self.newest.id) && !self.is_overdue();
        let answer = answer.then_some(self.newest.given);
        let awaited = [self.starving, answer, self.processing.map(|_| self.now)];
        for since in awaited.into_iter().flatten() {
            let in_time = deadline.is_some_and(|deadline| deadline <= since + WATCHDOG);
            assert!(in_time, "waiting since {since} until {deadline:?}");
        }
    }

    /// While the algorithms have a job, no device has the buffers that it names.
    pub(super) fn check_shared(&self) {
        let present = self.jobs.iter().filter(|job| job.id == self.newest.id && !self.is_overdue());
        for job in present {
            let mut held = self.held.iter().flatten().map(|held| Some(held.buffer));
            let shared = held.find(|held| *held == job.embedded || *held == job.statistics);
            assert!(shared.is_none(), "a device has buffer {shared:?}, and so have the algorithms");
        }
    }

    // What devices have.

    fn holds(&self, stream: u8) -> bool {
        !self.held[usize::from(stream)].is_empty()
    }

    pub(super) fn hold(&mut self, stream: u8, held: Held, timestamp: Timestamp) {
        for others in &self.held {
            assert!(others.iter().all(|other| other.buffer != held.buffer), "a device has {held:?} already");
        }
        let device = &mut self.held[usize::from(stream)];
        assert!(device.iter().all(|other| other.slot != held.slot), "{held:?}: the slot is taken");
        device.push(held);
        if stream == INPUT {
            self.isp_busy = true;
            self.at_isp = timestamp;
            self.processing = Some(self.now);
        }
        self.watch();
    }

    /// A device gives a buffer back.
    pub(super) fn release(&mut self, stream: u8, slot: u32) {
        self.held[usize::from(stream)].retain(|held| u32::from(held.slot) != slot);
        self.late.take_if(|late| stream == IMAGE && u32::from(late.slot) == slot);
        self.settle_isp();
    }

    /// A device gives all buffers back.
    pub(super) fn recall(&mut self, stream: u8) {
        self.held[usize::from(stream)].clear();
        self.settle_isp();
    }

    /// The ISP is busy until it has given back all that it was given.
    fn settle_isp(&mut self) {
        self.isp_busy &= [INPUT, OUTPUT0, OUTPUT1, STATISTICS].into_iter().any(|stream| self.holds(stream));
        self.processing.take_if(|_| !self.isp_busy);
    }

    /// Notes since when the receiver could give an image.
    pub(super) fn watch(&mut self) {
        if self.holds(IMAGE) {
            self.starving.get_or_insert(self.now);
        }
    }

    /// The buffers that the receiver may fill next, in order.
    pub(super) fn free_for_image(&self) -> impl Iterator<Item = &Held> {
        let late = self.late.map(|late| late.slot);
        self.held[usize::from(IMAGE)].iter().filter(move |held| Some(held.slot) != late)
    }

    // What may happen.

    /// All steps that are possible, but for calls that fail. None after the end.
    pub(super) fn choices(&self, deadline: Option<Timestamp>) -> Vec<Step> {
        if !self.running {
            return Vec::new();
        }
        let mut happenings = self.well(self.setting.frames);
        let quiet = happenings.is_empty();
        if self.queued.len() < self.setting.requests {
            happenings.extend(self.setting.streams.selections().map(Happening::Request));
        }
        if quiet {
            happenings.push(Happening::Drain);
            happenings.extend(deadline.map(|_| Happening::Timer));
        } else if !self.hasty {
            happenings.extend(deadline.map(|_| Happening::EarlyTimer));
        }
        happenings.into_iter().flat_map(|happening| self.variants(happening)).collect()
    }

    /// What can happen of itself while all goes well, up to a number of frames.
    pub(super) fn well(&self, frames: usize) -> Vec<Happening> {
        let Next { start, image, embedded } = self.next;
        let mut well: Vec<_> = (0..self.jobs.len()).map(|at| Happening::Answer(at as u8)).collect();
        let isp = [OUTPUT0, OUTPUT1, STATISTICS, INPUT].into_iter();
        well.extend(isp.filter(|stream| self.isp_busy && self.holds(*stream)).map(Happening::Isp));
        if self.setting.starts && start <= image && start < frames {
            well.push(Happening::FrameStart);
        }
        if embedded <= image && embedded < frames && self.holds(EMBEDDED) {
            well.push(Happening::Embedded);
        }
        if image < frames && self.free_for_image().next().is_some() {
            well.push(Happening::Image);
        }
        well.extend(self.late.map(|_| Happening::LateImage));
        well
    }

    /// A happening, as it should be and with all that can go wrong about it.
    fn variants(&self, happening: Happening) -> impl Iterator<Item = Step> {
        use Fault::{Cancelled, Flagged, InUse, Late, Lost, Mistaken, OtherStamp, OutOfTurn, Twice};
        let faults: &[Fault] = match happening {
            _ if self.faulty => &[],
            Happening::Request(streams) if streams.output0 && self.output_in_use().is_some() => {
                &[Cancelled, InUse]
            }
            Happening::Request(_) => &[Cancelled],
            Happening::FrameStart => &[Lost, Twice, Late],
            Happening::Image if self.free_for_image().nth(1).is_some() => {
                &[Flagged, Lost, Twice, OtherStamp, Late, OutOfTurn]
            }
            Happening::Image | Happening::Embedded => &[Flagged, Lost, Twice, OtherStamp],
            Happening::Isp(_) => &[Flagged, Twice],
            Happening::Answer(_) => &[Flagged, Lost, Twice, Mistaken],
            _ => &[],
        };
        let well = Step::well(happening);
        std::iter::once(well).chain(faults.iter().map(move |fault| well.but(*fault)))
    }

    /// The buffer for the first output of the newest request, if that is under way.
    pub(super) fn output_in_use(&self) -> Option<u64> {
        let under_way = self.returned < self.lent.len();
        self.lent.last().filter(|_| under_way).and_then(|lent| lent.inodes[1])
    }

    // Telling states apart.

    /// The oldest frame whose image may still come.
    fn image_to_come(&self) -> usize {
        self.late.map_or(self.next.image, |late| self.next.image.min(late.frame))
    }

    /// When the oldest frame began whose image may still come.
    fn coming(&self) -> Timestamp {
        self.sensor.began_from(self.image_to_come()).first().map_or(self.now, |began| *began)
    }

    /// All that decides what may come, but for the pipeline.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut print = Fingerprint::new(self.now, self.coming());
        print.put((self.running, self.next, self.isp_busy, self.bare, self.newest.unwritten));
        for held in &self.held {
            print.put(held.len());
            for Held { slot, buffer } in held {
                print.put(slot);
                print.buffer(usize::from(*buffer));
            }
        }
        print.time_if_any(self.isp_busy.then_some(self.at_isp));
        print.put(self.late.map(|late| (late.slot, late.frame)));
        print.put((self.queued.len(), self.returned, self.faulty, self.hasty, self.flagged));
        if self.queued.len() < self.setting.requests {
            print.put(&self.queued); // They tell which buffer the next request takes.
        }
        print.put((self.newest.too_old_for >> self.returned, self.is_overdue(), self.jobs.len()));
        self.jobs.iter().for_each(|job| print.put((job.id == self.newest.id, job.kind)));
        print.put(self.flagged_embedded.filter(|frame| *frame as u32 > self.newest.sequence));
        print.time_if_any(self.starving);
        print.time_if_any(self.processing);
        let embedded = if self.setting.embedded { self.next.embedded } else { usize::MAX };
        self.sensor.fingerprint(self.image_to_come().min(embedded), &mut print);
        print
    }
}
