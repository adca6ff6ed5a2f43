//! One frame's way through the algorithms and the ISP.

use super::machine::{Machine, State, crop_in};
use super::matching::{Image, Pair};
use super::plan::{INPUT, OUTPUT0, OUTPUT1, STATISTICS};
use crate::requests::Progress;
use pinhole_base::control;
use pinhole_base::{Error, ErrorKind, Timestamp};
use pinhole_buffer::{Owner, Token};
use pinhole_camera::drops::DropCause;
use pinhole_camera::fingerprint::Fingerprint;
use pinhole_camera::job::{Job, JobKind, SensorValues};
use pinhole_camera::pipeline::{Action, Actions, ControlTarget, withdraw};
use pinhole_camera::request::BufferInfo;
use pinhole_device::Dequeued;
use pinhole_sensor::delayed::{Applied, SensorControls};

/// Where the run's job is.
#[derive(Debug)]
enum JobPlace {
    /// Here.
    Home(Box<Job>),
    /// With the algorithms.
    Out(JobKind),
}

/// The frame that is being processed.
#[derive(Debug)]
pub(super) struct Run {
    job_id: u64,
    job: JobPlace,
    /// The receiver's number of the frame.
    sequence: u32,
    /// A driver flagged one of its buffers.
    damaged: bool,
    /// The request it is for; `None` for a hidden frame.
    request: Option<u64>,
    /// Its image, until the ISP has it.
    image: Option<Image>,
    /// Buffers that the algorithms hold.
    embedded: Option<Token>,
    statistics: Option<Token>,
    /// Streams whose buffers the ISP has, a bit each.
    isp: u8,
    processed: bool,
    /// Why the request is given up once the ISP is done.
    failure: Option<Error>,
    deadline: Timestamp,
}

impl Run {
    pub(super) fn deadline(&self) -> Timestamp {
        self.deadline
    }

    pub(super) fn holds_for_algorithms(&self) -> usize {
        usize::from(self.embedded.is_some()) + usize::from(self.statistics.is_some())
    }

    pub(super) fn holds_image(&self) -> bool {
        self.image.is_some()
    }

    /// Takes itself in. Which job it waits for is told by whoever has the jobs.
    pub(super) fn fingerprint(&self, into: &mut Fingerprint) {
        let Self {
            job_id: _,
            job,
            sequence,
            damaged,
            request,
            image,
            embedded,
            statistics,
            isp,
            processed,
            failure,
            deadline,
        } = self;
        into.put(match job {
            JobPlace::Home(job) => (false, job.kind),
            JobPlace::Out(kind) => (true, *kind),
        });
        into.put((sequence, damaged, request, isp, processed, failure.as_ref().map(Error::kind)));
        into.put(image.is_some());
        image.iter().for_each(|image| image.fingerprint(into));
        into.buffer_if_any(embedded.as_ref().map(Token::index));
        into.buffer_if_any(statistics.as_ref().map(Token::index));
        into.time(*deadline);
    }

    pub(super) fn controls(&self) -> Option<&Job> {
        match &self.job {
            JobPlace::Home(job) => Some(job),
            JobPlace::Out(_) => None,
        }
    }
}

const fn bit(stream: u8) -> u8 {
    1 << stream
}

/// So many frame lengths after it began, a frame is too old for a request that comes then.
const STALE_FRAMES: u32 = 3;

impl Machine {
    /// Starts a run if nothing is in its way: the machine is idle, and there is a request
    /// with a frame for it, or a frame to be hidden.
    #[inline(never)]
    pub(super) fn try_run(&mut self, now: Timestamp, actions: &mut Actions) {
        self.prune(actions);
        self.matching_deadline = None;
        if self.state != State::Running || self.run.is_some() {
            return;
        }
        if let Some((pair, request)) = self.select(now, actions) {
            self.start_run(now, pair, request, actions);
        }
    }

    /// Frames that belong to no request are kept only while they are the newest.
    fn prune(&mut self, actions: &mut Actions) {
        while self.matcher.images() > 1
            && let Some(front) = self.matcher.front()
            && front.request.is_none()
        {
            let cause = if front.hidden { DropCause::StartUp } else { DropCause::Unrequested };
            self.discard(cause, actions);
        }
    }

    fn select(&mut self, now: Timestamp, actions: &mut Actions) -> Option<(Pair, Option<u64>)> {
        loop {
            let front = self.matcher.front()?;
            if front.hidden {
                return Some((self.pair(now, actions)?, None));
            }
            let number = self.requests.next_waiting();
            match (front.request, number) {
                (Some(mine), Some(next)) if mine > next => return None, // That request's own frame is still to come.
                (Some(mine), Some(next)) if mine == next => {}
                (None, Some(next)) if !self.plan.raw_is_external() && !self.is_stale_for(next) => {}
                (None, None) if !self.plan.raw_is_external() => return None, // It may be wanted while it is fresh.
                _ => {
                    self.discard(DropCause::Unrequested, actions);
                    continue;
                }
            }
            return Some((self.pair(now, actions)?, number));
        }
    }

    /// Whether the first frame began so long before a request came that a newer one must have
    /// passed meanwhile. Frames that began later are never too old, however long they took to
    /// get here.
    fn is_stale_for(&mut self, number: u64) -> bool {
        let front = self.matcher.front().map(|front| (front.timestamp, front.sequence));
        let queued = self.requests.get(number).map(|entry| entry.queued);
        let (Some((began, sequence)), Some(queued)) = (front, queued) else { return false };
        let waited = queued.since(began);
        if waited <= self.limits.frame_min * STALE_FRAMES {
            return false;
        }
        let vblank = self.applied(sequence).controls.vblank;
        waited > self.plan.timing.frame_duration(vblank) * STALE_FRAMES
    }

    #[inline(always)]
    fn pair(&mut self, now: Timestamp, actions: &mut Actions) -> Option<Pair> {
        let patience = self.limits.pairing;
        let pair = self.matcher.next(now, patience, &mut self.unmatched);
        self.recycle_unmatched(actions);
        if pair.is_none() {
            self.matching_deadline = self.matcher.deadline(patience);
        }
        pair
    }

    fn start_run(&mut self, now: Timestamp, pair: Pair, request: Option<u64>, actions: &mut Actions) {
        let Pair { image, embedded } = pair;
        if embedded.is_none() && self.plan.has_embedded {
            self.drops.count(DropCause::EmbeddedLost);
        }
        if image.hidden {
            self.drops.count(DropCause::StartUp);
        }
        let embedded = embedded.map(|embedded| {
            self.table.transfer(&embedded.token, Owner::Matching, Owner::Algorithms);
            embedded.token
        });
        let mut job = self.make_job(&image, request);
        job.embedded = embedded.as_ref().map(|token| token.index() as u16);
        self.set_crop(&mut job, actions);
        let run = Run {
            job_id: job.id,
            job: JobPlace::Out(JobKind::Prepare),
            sequence: image.sequence,
            damaged: image.error,
            request,
            image: Some(image),
            embedded,
            statistics: None,
            isp: 0,
            processed: false,
            failure: None,
            deadline: now + self.limits.device,
        };
        self.run = Some(run);
        actions.push_back(Action::Job(job));
    }

    fn make_job(&mut self, image: &Image, request: Option<u64>) -> Box<Job> {
        let mut job = self.spare.pop().unwrap_or_default();
        self.jobs += 1;
        job.id = self.jobs;
        job.kind = JobKind::Prepare;
        job.sequence = image.sequence;
        job.timestamp = image.timestamp;
        job.statistics = None;
        job.rewrite = std::mem::take(&mut self.rewrite);
        job.wish = None;
        job.lens = None;
        job.error = None;
        job.parameters.clear();
        job.controls.clear();
        job.metadata.clear();
        if let Some(entry) = request.and_then(|number| self.requests.get(number)) {
            entry.progress = Progress::Running;
            job.controls.merge(entry.request.controls());
        }
        let applied = self.applied(image.sequence);
        job.applied = values(applied.controls);
        job.recorded = image.sequence >= self.delayed.oldest();
        let metadata = &mut job.metadata;
        metadata.set(control::SENSOR_SEQUENCE, i64::from(image.sequence));
        metadata.set(control::SENSOR_TIMESTAMP, image.timestamp.as_nanos() as i64);
        metadata.set(control::FRAME_STATE, image.state());
        metadata.set(control::CONTROLS_APPLIED_BY, applied.cookie as i64 - 1);
        if self.plan.converts() {
            metadata.set(control::CPU_CONVERTED, true);
        }
        if let Some(lens) = &self.lens {
            let frame = self.plan.timing.frame_duration(applied.controls.vblank);
            lens.report(image.timestamp, frame, metadata);
        }
        job
    }

    /// What the sensor was set to in a frame. Frames from before the record get its oldest.
    #[inline(always)]
    pub(super) fn applied(&self, sequence: u32) -> Applied {
        let known = self.delayed.get(sequence.max(self.delayed.oldest()));
        known.unwrap_or(Applied { controls: self.plan.initial, cookie: 0 })
    }

    fn set_crop(&mut self, job: &mut Job, actions: &mut Actions) {
        if let Some(wanted) = crop_in(&job.controls)
            && wanted != self.crop
        {
            self.crop = wanted;
            self.crop_fitted = self.plan.crop(wanted);
        }
        let (native, mode) = self.crop_fitted;
        job.metadata.set(control::SCALER_CROP, native);
        if self.crop_set != Some(mode) {
            self.crop_set = Some(mode);
            actions.push_back(Action::SetCrop { stream: INPUT });
        }
    }

    // Answers.

    pub(super) fn on_answer(&mut self, now: Timestamp, job: Box<Job>, actions: &mut Actions) {
        let current = self.run.as_ref().is_some_and(|run| {
            run.job_id == job.id && matches!(run.job, JobPlace::Out(kind) if kind == job.kind)
        });
        if !current {
            self.keep_spare(job); // An answer that nobody waits for any more.
            return;
        }
        if let Some(error) = self.objection(&job) {
            self.reject(job, error, actions);
            return;
        }
        match job.kind {
            JobKind::Prepare => self.on_prepared(now, job, actions),
            JobKind::Process => self.on_processed(now, job, actions),
            JobKind::Convert => self.keep_spare(job), // Never sent from here: the ISP converts.
        }
    }

    /// Gives the request up whose answer is no good. What the ISP has comes back in its time.
    #[cold]
    fn reject(&mut self, job: Box<Job>, error: Error, actions: &mut Actions) {
        self.rewrite = true;
        self.drops.count(DropCause::Algorithms);
        if job.kind == JobKind::Prepare {
            self.keep_spare(job);
            self.fail_run(error, actions);
            return;
        }
        if let Some(run) = self.run.as_mut() {
            run.failure = Some(error);
        }
        self.finish_process(job, actions);
    }

    /// What is wrong with an answer: an error of its own, or a buffer that it was not given.
    fn objection(&self, job: &Job) -> Option<Error> {
        let run = self.run.as_ref()?;
        let given = |token: &Option<Token>| token.as_ref().map(|token| token.index() as u16);
        let known = match job.kind {
            JobKind::Prepare => job.embedded == given(&run.embedded),
            JobKind::Process => job.statistics == given(&run.statistics),
            JobKind::Convert => false,
        };
        if known { job.error.clone() } else { Some(unknown_buffer()) }
    }

    fn keep_spare(&mut self, job: Box<Job>) {
        if self.spare.len() < self.spare.capacity() {
            self.spare.push(job);
        }
    }

    fn on_prepared(&mut self, now: Timestamp, mut job: Box<Job>, actions: &mut Actions) {
        if let Some(token) = self.run.as_mut().and_then(|run| run.embedded.take()) {
            self.release_embedded(token, Owner::Algorithms, actions);
            job.embedded = None; // The job names only what the algorithms may read.
        }
        self.push_wish(&job);
        self.move_lens(now, &job, actions);
        if !job.parameters.is_empty() {
            actions.push_back(Action::WriteControls(ControlTarget::Stream(INPUT)));
        }
        let limit = self.limits.isp;
        let Some(run) = self.run.as_mut() else { return };
        run.job = JobPlace::Home(job);
        run.deadline = now + limit;
        self.feed_isp(actions);
    }

    fn push_wish(&mut self, job: &Job) {
        if let Some(wish) = job.wish {
            // What the sensor cannot do it would not do, and the record would be wrong.
            let timing = &self.plan.timing;
            let vblank = wish.vblank_lines.clamp(timing.vblank_min, timing.vblank_max);
            let exposure_max = timing.exposure_max_lines(vblank);
            let controls = SensorControls {
                exposure_lines: wish.exposure_lines.clamp(timing.exposure_min_lines, exposure_max),
                gain_code: wish.gain_code,
                vblank,
                hblank: None,
            };
            // Cookies count requests from 1: 0 is what the sensor had at start.
            let request = self.run.as_ref().and_then(|run| run.request);
            let cookie = request.map_or_else(|| self.last_cookie(), |number| number + 1);
            self.delayed.push(controls, cookie);
        }
    }

    #[inline]
    fn move_lens(&mut self, now: Timestamp, job: &Job, actions: &mut Actions) {
        if let (Some(lens), Some(code)) = (&mut self.lens, job.lens)
            && lens.wish(now, code)
        {
            actions.push_back(Action::WriteControls(ControlTarget::Lens));
        }
    }

    fn last_cookie(&mut self) -> u64 {
        self.requests.next_waiting().unwrap_or(0)
    }

    /// Queues the outputs, the statistics and, last, the image: the ISP starts with it.
    fn feed_isp(&mut self, actions: &mut Actions) {
        let outputs =
            if self.plan.has_output1 { &[OUTPUT0, OUTPUT1, STATISTICS][..] } else { &[OUTPUT0, STATISTICS] };
        for stream in outputs {
            if self.feed_output(*stream, actions).is_none() {
                self.fail_run(no_buffer(*stream), actions);
                return;
            }
        }
        if self.feed_input(actions).is_none() {
            self.fail_run(no_buffer(INPUT), actions);
        }
    }

    #[inline(always)]
    fn feed_output(&mut self, stream: u8, actions: &mut Actions) -> Option<()> {
        let run = self.run.as_mut()?;
        let place = self.plan.place[usize::from(stream)];
        let entry = run.request.and_then(|number| self.requests.get(number));
        let token = entry.zip(place).and_then(|(entry, place)| entry.tokens[place].take());
        self.streams[usize::from(stream)].queue_now(token, run.request, &mut self.table, actions)?;
        run.isp |= bit(stream);
        Some(())
    }

    fn feed_input(&mut self, actions: &mut Actions) -> Option<()> {
        let run = self.run.as_mut()?;
        let buffer = run.image.as_ref()?.token.index();
        let slot = self.input_slots.take(buffer)?;
        let image = run.image.take()?;
        self.table.transfer(&image.token, Owner::Matching, Owner::Device(INPUT));
        actions.push_back(Action::Queue { stream: INPUT, slot, buffer: buffer as u16, filled: true });
        self.input = Some((slot, image));
        run.isp |= bit(INPUT);
        Some(())
    }

    // The ISP's buffers.

    #[inline(always)]
    pub(super) fn on_input(&mut self, done: &Dequeued, actions: &mut Actions) {
        let Some((slot, image)) = self.input.take_if(|(slot, _)| u32::from(*slot) == done.slot) else {
            self.drops.count(DropCause::Impossible);
            return;
        };
        self.input_slots.give_back(slot);
        self.note_error(done.error);
        self.release_image(image, Owner::Device(INPUT), actions);
        self.isp_returned(INPUT);
    }

    #[inline(always)]
    pub(super) fn on_output(&mut self, stream: u8, done: &Dequeued, actions: &mut Actions) {
        let queue = &mut self.streams[usize::from(stream)];
        let (Some(returned), device) = (queue.dequeued(done.slot), queue.device()) else {
            self.drops.count(DropCause::Impossible);
            return;
        };
        self.note_error(done.error);
        let info = self.output_info(done);
        self.settle(stream, returned.token, device, returned.request, info, actions);
        self.isp_returned(stream);
    }

    /// An output shows the frame that went in, whatever number the ISP's own count gives it.
    fn output_info(&self, done: &Dequeued) -> BufferInfo {
        BufferInfo {
            sequence: self.run.as_ref().map_or(done.sequence, |run| run.sequence),
            timestamp: done.timestamp,
            bytes_used: done.bytes_used[0],
            data_offsets: done.data_offsets,
            error: done.error,
            filled: true,
        }
    }

    fn note_error(&mut self, error: bool) {
        if let Some(run) = &mut self.run {
            run.damaged |= error;
        }
    }

    #[inline(always)]
    pub(super) fn on_statistics(&mut self, now: Timestamp, done: &Dequeued, actions: &mut Actions) {
        let queue = &mut self.streams[usize::from(STATISTICS)];
        let (Some(returned), device) = (queue.dequeued(done.slot), queue.device()) else {
            self.drops.count(DropCause::Impossible);
            return;
        };
        let limit = self.limits.device;
        let Some(run) = self.run.as_mut() else {
            self.streams[usize::from(STATISTICS)].put_back(returned.token, device, &mut self.table, actions);
            return;
        };
        self.table.transfer(&returned.token, device, Owner::Algorithms);
        let buffer = returned.token.index() as u16;
        run.statistics = Some(returned.token);
        run.isp &= !bit(STATISTICS);
        run.damaged |= done.error;
        run.deadline = now + limit;
        if let JobPlace::Home(mut job) = std::mem::replace(&mut run.job, JobPlace::Out(JobKind::Process)) {
            job.kind = JobKind::Process;
            job.statistics = Some(buffer);
            actions.push_back(Action::Job(job));
        }
    }

    fn on_processed(&mut self, now: Timestamp, job: Box<Job>, actions: &mut Actions) {
        self.push_wish(&job);
        self.move_lens(now, &job, actions);
        self.finish_process(job, actions);
    }

    #[inline(always)]
    fn finish_process(&mut self, job: Box<Job>, actions: &mut Actions) {
        let token = self.run.as_mut().and_then(|run| run.statistics.take());
        if let Some(token) = token {
            self.streams[usize::from(STATISTICS)].put_back(
                token,
                Owner::Algorithms,
                &mut self.table,
                actions,
            );
        }
        let Some(run) = self.run.as_mut() else { return };
        run.processed = true;
        run.job = JobPlace::Home(job);
        self.end_run_if_done();
    }

    #[inline(always)]
    fn isp_returned(&mut self, stream: u8) {
        if let Some(run) = self.run.as_mut() {
            run.isp &= !bit(stream);
        }
        self.end_run_if_done();
    }

    #[inline(always)]
    fn end_run_if_done(&mut self) {
        if self.run.as_ref().is_some_and(|run| run.processed && run.isp == 0) {
            self.end_run();
        }
    }

    #[inline(always)]
    fn end_run(&mut self) {
        let Some(run) = self.run.take() else { return };
        let JobPlace::Home(mut job) = run.job else { return };
        job.metadata.set(control::FRAME_ERROR, run.damaged);
        if let (Some(error), Some(number)) = (run.failure, run.request) {
            self.cancel(number, error);
        } else if let Some(number) = run.request
            && let Some(entry) = self.requests.get(number)
        {
            std::mem::swap(entry.request.metadata_mut(), &mut job.metadata);
            entry.request.complete();
            self.requests.finish(number);
        }
        self.keep_spare(job);
    }

    // What can go wrong.

    /// Gives the run up, and its request: what the ISP was given is called back, what has not
    /// been given to it yet stays here, and every buffer goes where it came from.
    #[cold]
    pub(super) fn fail_run(&mut self, error: Error, actions: &mut Actions) {
        let Some(mut run) = self.run.take() else { return };
        self.rewrite = true;
        self.call_back(INPUT, actions);
        if let Some(image) = self.take_back_input() {
            run.image = Some(image);
        }
        for stream in [OUTPUT0, OUTPUT1, STATISTICS] {
            self.call_back(stream, actions);
            self.take_back(stream, actions);
        }
        // Its parameters are not for the next frame, and its job names buffers that are elsewhere now.
        actions.retain(|action| {
            !matches!(action, Action::WriteControls(ControlTarget::Stream(INPUT)) | Action::Job(_))
        });
        if let Some(number) = run.request {
            self.cancel(number, error);
        }
        self.release_run(run, actions);
    }

    fn release_run(&mut self, run: Run, actions: &mut Actions) {
        if let Some(image) = run.image {
            self.release_image(image, Owner::Matching, actions);
        }
        if let Some(token) = run.embedded {
            self.release_embedded(token, Owner::Algorithms, actions);
        }
        if let Some(token) = run.statistics {
            self.streams[usize::from(STATISTICS)].put_back(
                token,
                Owner::Algorithms,
                &mut self.table,
                actions,
            );
        }
        if let JobPlace::Home(job) = run.job {
            self.keep_spare(job);
        }
    }

    /// Withdraws what waits to be given to a stream's device; what the device has already
    /// comes back by stopping and restarting its queue.
    fn call_back(&mut self, stream: u8, actions: &mut Actions) {
        let waiting = actions.len();
        withdraw(actions, stream);
        let withdrawn = waiting - actions.len();
        let held = if stream == INPUT {
            usize::from(self.input.is_some())
        } else {
            self.streams[usize::from(stream)].queued()
        };
        if held > withdrawn {
            actions.push_back(Action::Recall { stream });
        }
    }

    fn take_back_input(&mut self) -> Option<Image> {
        let (slot, image) = self.input.take()?;
        self.input_slots.give_back(slot);
        self.table.transfer(&image.token, Owner::Device(INPUT), Owner::Matching);
        Some(image)
    }

    /// Takes back the buffer that one of the ISP's queues refused.
    pub(super) fn take_refused(&mut self, stream: u8, slot: u16, actions: &mut Actions) {
        if stream == INPUT {
            let image = self.take_back_input();
            if let (Some(image), Some(run)) = (image, self.run.as_mut()) {
                run.image = Some(image);
            }
            return;
        }
        let queue = &mut self.streams[usize::from(stream)];
        let (returned, device) = (queue.dequeued(u32::from(slot)), queue.device());
        if let Some(returned) = returned {
            self.settle(stream, returned.token, device, None, BufferInfo::default(), actions);
        }
    }

    fn take_back(&mut self, stream: u8, actions: &mut Actions) {
        while let Some(returned) = self.streams[usize::from(stream)].recall_one() {
            let device = self.streams[usize::from(stream)].device();
            self.settle(stream, returned.token, device, None, BufferInfo::default(), actions);
        }
    }

    /// Looks whether the algorithms or the ISP have taken too long.
    pub(super) fn check_run(&mut self, now: Timestamp, actions: &mut Actions) {
        let Some(run) = self.run.as_ref().filter(|run| run.deadline <= now) else { return };
        if run.isp != 0 {
            let limit = self.limits.isp.as_millis();
            actions.push_back(Action::Fail(
                Error::new(ErrorKind::Timeout, "waiting for the ISP")
                    .because(format!("it did not finish a frame within {limit} ms"))
                    .hint("stop and start the camera to try again"),
            ));
            return;
        }
        self.drops.count(DropCause::Algorithms);
        let limit = self.limits.device.as_millis();
        let error = Error::new(ErrorKind::Algorithm, "waiting for the control algorithms")
            .because(format!("they did not answer within {limit} ms"));
        self.fail_run(error, actions);
    }
}

fn values(controls: SensorControls) -> SensorValues {
    SensorValues {
        exposure_lines: controls.exposure_lines,
        gain_code: controls.gain_code,
        vblank_lines: controls.vblank,
    }
}

#[cold]
fn unknown_buffer() -> Error {
    Error::new(ErrorKind::Algorithm, "reading the algorithms' answer").because("it names an unknown buffer")
}

#[cold]
fn no_buffer(stream: u8) -> Error {
    Error::new(ErrorKind::OutOfResources, "starting the ISP")
        .because(format!("stream {stream} has no buffer or slot"))
}
