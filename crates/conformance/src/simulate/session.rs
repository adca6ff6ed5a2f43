//! A running camera with an application that queues its own requests.

use super::promises::{Flaw, Judge, Sent, Shape, check_error};
use super::stage::Stage;
use super::stock::Opening;
use super::trace::Happened;
use super::wishes::wish;
use super::{Checked, demand, violated};
use crate::foreign::{Signal, fence};
use pinhole::config::STREAMS_MAX;
use pinhole::exchange::REQUESTS_MAX;
use pinhole::sim::FaultKind;
use pinhole::{
    Camera, DropCause, DropCounters, Error, ErrorKind, FrameBuffer, Request, RequestStatus, Session, Stopped,
    Timestamp,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// A request completes, or the one before it does, within this time of turning the loop. Some
/// sensors can be asked for frames of minutes, of which the watchdog waits for five.
const WAIT_MAX: Duration = Duration::from_secs(3000);

/// A fence that signals later cancels its request.
const FENCE_WAIT: Duration = Duration::from_millis(300);

/// And within so many turns.
const TURNS_MAX: u32 = 50_000;

/// What an application does next with its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Goes on.
    Stay,
    /// Stops it.
    Stop,
    /// Drops it.
    Drop,
}

/// How an application uses its camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mood {
    /// Requests that it keeps under way.
    target: usize,
    /// Fences and flawed requests come once in so many requests.
    mischief: u64,
    /// It sleeps once in so many steps.
    sleep: u64,
    /// It stops once in so many steps.
    stop: u64,
}

/// A session, and what its application remembers.
pub(super) struct Running {
    /// Until it is stopped.
    session: Option<Session>,
    judge: Judge,
    mood: Mood,
    outstanding: VecDeque<Sent>,
    next_cookie: u64,
    spare: Vec<Request>,
    signals: Vec<(Timestamp, u64, Signal)>,
    /// Since a request came back last.
    waited: Duration,
    turns: u32,
    fences_late: u64,
}

impl Running {
    pub(super) fn new(session: Session, judge: Judge, stage: &mut Stage) -> Self {
        let dice = &mut stage.dice;
        let mood = Mood {
            target: [1, 2, dice.range(3, 6) as usize, dice.range(7, 24) as usize, REQUESTS_MAX + 2]
                [dice.weighted(&[2, 4, 8, 4, 1])],
            mischief: dice.pick(&[15, 60, 10_000]),
            sleep: dice.pick(&[30, 300, 100_000]),
            stop: dice.pick(&[60, 400, 1500]),
        };
        Self {
            session: Some(session),
            judge,
            mood,
            outstanding: VecDeque::new(),
            next_cookie: 1,
            spare: Vec::new(),
            signals: Vec::new(),
            waited: Duration::ZERO,
            turns: 0,
            fences_late: 0,
        }
    }

    const fn camera(&self) -> usize {
        self.judge.camera
    }

    fn session(&mut self) -> &mut Session {
        self.session.as_mut().expect("an application has its session until it stops it")
    }

    /// One step of the application.
    pub(super) fn act(&mut self, stage: &mut Stage) -> Checked<Next> {
        self.raise_signals(stage);
        if self.judge.is_ending {
            return Ok(if stage.dice.one_in(4) { Next::Drop } else { Next::Stop });
        }
        if stage.dice.one_in(self.mood.stop) {
            return Ok(if stage.dice.one_in(5) { Next::Drop } else { Next::Stop });
        }
        if stage.dice.one_in(self.mood.sleep) {
            let time_ms = stage.dice.pick(&[1, 50, 400, 3000]);
            stage.sleep(Duration::from_millis(time_ms)).or_else(|e| violated(e.to_string()))?;
        }
        while self.outstanding.len() < self.mood.target {
            if !self.queue_one(stage)? || stage.dice.one_in(6) {
                break;
            }
        }
        if stage.dice.one_in(self.mood.mischief) {
            self.misuse(stage)?;
        }
        for _ in 0..stage.dice.range(1, 6) {
            self.turn(stage)?;
        }
        self.take(stage)?;
        Ok(Next::Stay)
    }

    // Queueing.

    /// Queues a request, if there is a buffer for it and nothing refuses; says whether.
    fn queue_one(&mut self, stage: &mut Stage) -> Checked<bool> {
        let spare = self.spare.pop();
        let mut request = spare.unwrap_or_else(|| self.session().create_request());
        let cookie = self.next_cookie;
        let mut sent = Sent {
            cookie,
            queued_at: stage.now(),
            buffers: [const { None }; STREAMS_MAX],
            flaw: Flaw::None,
            fences_pending: 0,
            fence_is_late: false,
            has_user_data: stage.dice.one_in(8),
        };
        *request.user_data() = sent.has_user_data.then(|| Box::new(cookie) as _);
        request.set_cookie(cookie);
        self.attach_buffers(&mut request, &mut sent, stage)?;
        if request.is_empty() {
            self.spare.push(request);
            return Ok(false);
        }
        if stage.dice.one_in(8) {
            wish(request.controls_mut(), &mut stage.dice);
        }
        self.next_cookie += 1;
        self.submit(request, sent, stage)
    }

    fn attach_buffers(&mut self, request: &mut Request, sent: &mut Sent, stage: &mut Stage) -> Checked {
        let all = stage.dice.one_in(2);
        let shapes = self.judge.shapes.clone();
        for shape in &shapes {
            if !all && stage.dice.one_in(3) {
                continue;
            }
            let misfit = sent.flaw == Flaw::None && stage.dice.one_in(self.mood.mischief * 4);
            let found = match misfit {
                true => stage.stock.find_misfit(&mut stage.dice, u64::from(shape.frame_bytes)),
                false => stage.stock.find_fitting(&mut stage.dice, u64::from(shape.frame_bytes)),
            };
            if let Some(found) = found {
                sent.flaw = if misfit { Flaw::TooSmall } else { sent.flaw };
                let buffer = stage.stock.take_off(found)?;
                self.attach(request, shape, buffer, sent, stage)?;
            }
        }
        if sent.flaw == Flaw::None && stage.dice.one_in(self.mood.mischief * 4) {
            self.attach_twice(request, sent, stage)?;
        }
        Ok(())
    }

    /// Gives the buffer of one stream to another too, through what would be another descriptor.
    fn attach_twice(&mut self, request: &mut Request, sent: &mut Sent, stage: &mut Stage) -> Checked {
        let shapes = self.judge.shapes.clone();
        let lent = shapes.iter().position(|shape| sent.buffers[shape.id.index()].is_some());
        let bare = shapes.iter().position(|shape| sent.buffers[shape.id.index()].is_none());
        let (Some(lent), Some(bare)) = (lent, bare) else { return Ok(()) };
        let (from, to) = (&shapes[lent], &shapes[bare]);
        let Some(memory) = sent.buffers[from.id.index()].clone() else { return Ok(()) };
        if memory.bytes() < u64::from(to.frame_bytes) {
            return Ok(());
        }
        sent.flaw = Flaw::Twice;
        let buffer = stage.stock.take_off_again(&memory)?;
        self.attach(request, to, buffer, sent, stage)
    }

    fn attach(
        &mut self,
        request: &mut Request,
        shape: &Shape,
        buffer: FrameBuffer,
        sent: &mut Sent,
        stage: &mut Stage,
    ) -> Checked {
        sent.buffers[shape.id.index()] = Some(Arc::clone(buffer.memory()));
        let attached = if stage.dice.one_in(self.mood.mischief) {
            let (fence, signal) = fence().or_else(|e| violated(e.to_string()))?;
            self.plan_signal(signal, sent, stage);
            request.attach_fenced(shape.id, buffer, fence)
        } else {
            request.attach(shape.id, buffer)
        };
        attached.or_else(|refused| violated(format!("a buffer cannot be attached: {:?}", refused.error)))
    }

    /// Signals a fence at once, later, or never.
    fn plan_signal(&mut self, signal: Signal, sent: &mut Sent, stage: &mut Stage) {
        match stage.dice.below(4) {
            0 => signal.raise(),
            1 => sent.fences_pending += 1,
            _ => {
                sent.fences_pending += 1;
                let at =
                    sent.queued_at + Duration::from_millis(stage.dice.pick(&[0, 10, 100, 299, 301, 600]));
                self.signals.push((at, sent.cookie, signal));
            }
        }
    }

    fn raise_signals(&mut self, stage: &mut Stage) {
        let now = if self.signals.is_empty() { return } else { stage.now() };
        let first = self.outstanding.front().map_or(u64::MAX, |sent| sent.cookie);
        for (_, cookie, signal) in self.signals.extract_if(.., |(at, ..)| *at <= now) {
            signal.raise();
            stage.trace.note(now, self.judge.camera, Happened::Signalled);
            let place = cookie.checked_sub(first).map(|place| place as usize);
            if let Some(sent) = place.and_then(|place| self.outstanding.get_mut(place)) {
                sent.fences_pending -= 1;
                sent.fence_is_late |= now.since(sent.queued_at) >= FENCE_WAIT;
            }
        }
    }

    fn submit(&mut self, request: Request, sent: Sent, stage: &mut Stage) -> Checked<bool> {
        let cookie = sent.cookie;
        let streams = sent.buffers.iter().flatten().count() as u8;
        let is_full = self.outstanding.len() >= REQUESTS_MAX;
        match self.session().queue(request) {
            Ok(()) => {
                demand(!is_full, || format!("more than {REQUESTS_MAX} requests are under way"))?;
                stage.note(self.camera(), Happened::Queued { cookie, streams, fences: sent.fences_pending });
                stage.requests += 1;
                self.outstanding.push_back(sent);
                Ok(true)
            }
            Err(refused) => {
                self.next_cookie = cookie;
                self.take_refused(refused.request, &refused.error, sent, stage)?;
                Ok(false)
            }
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "a refused request ends here")]
    fn take_refused(&mut self, request: Request, error: &Error, sent: Sent, stage: &mut Stage) -> Checked {
        let (cookie, kind) = (sent.cookie, error.kind());
        stage.note(self.camera(), Happened::NotQueued { cookie, kind });
        let full = kind == ErrorKind::LimitReached && self.outstanding.len() >= REQUESTS_MAX;
        let failed = kind == ErrorKind::WrongState && !self.judge.kinds.is_survivable();
        demand(full || failed, || format!("a request was refused for no good reason: {error:?}"))?;
        demand(request.cookie() == cookie, || "another request was handed back than was queued".to_owned())?;
        self.signals.retain(|(_, of, _)| *of != cookie);
        self.land(&sent, stage)?;
        Ok(())
    }

    /// What an application should not do, and what must come of it.
    fn misuse(&mut self, stage: &mut Stage) -> Checked {
        let request = self.session().create_request();
        stage.note(self.camera(), Happened::Misused("queueing a request without buffers"));
        let Err(refused) = self.session().queue(request) else {
            return violated("a request without buffers was taken");
        };
        check_error(&refused.error)?;
        let kind = refused.error.kind();
        demand(kind == ErrorKind::InvalidArgument, || format!("a request without buffers is {kind:?}"))
    }

    // Turning and taking.

    fn turn(&mut self, stage: &mut Stage) -> Checked {
        let before = stage.now();
        let time_us = [0, 1000, 33_334, 200_000][stage.dice.weighted(&[1, 2, 8, 2])];
        let until = before + Duration::from_micros(time_us);
        self.session().turn(Some(until));
        self.audit();
        let after = stage.now();
        demand(after <= until, || format!("a turn until {until} took until {after}"))?;
        self.waited += after.since(before);
        self.turns += 1;
        if self.outstanding.is_empty() {
            self.progress();
        }
        demand(self.waited < WAIT_MAX && self.turns < TURNS_MAX, || {
            format!("nothing came back for {:?} and {} turns", self.waited, self.turns)
        })
    }

    fn audit(&self) {
        if let Some(backend) = self.session.as_ref().and_then(Session::backend) {
            backend.audit();
        }
    }

    const fn progress(&mut self) {
        self.waited = Duration::ZERO;
        self.turns = 0;
    }

    /// Takes out what has come back, one way or another.
    fn take(&mut self, stage: &mut Stage) -> Checked {
        if !self.outstanding.is_empty() && stage.dice.one_in(40) {
            let before = stage.now();
            let taken = self.session().next_request();
            self.audit();
            let time = stage.now().since(before);
            demand(time < WAIT_MAX, || format!("waiting for a request took {time:?}"))?;
            return self.taken(taken, stage).map(drop);
        }
        loop {
            let taken = self.session().try_next_request();
            if !self.taken(taken, stage)? || stage.dice.one_in(30) {
                return Ok(());
            }
        }
    }

    /// Deals with what came of taking; says whether there may be more.
    fn taken(&mut self, taken: Result<Option<Request>, Error>, stage: &mut Stage) -> Checked<bool> {
        match taken {
            Ok(Some(request)) => self.accept(request, stage).map(|()| true),
            Ok(None) => Ok(false),
            Err(error) => {
                self.fail(&error, stage)?;
                Ok(false)
            }
        }
    }

    fn fail(&mut self, error: &Error, stage: &mut Stage) -> Checked {
        stage.note(self.camera(), Happened::Failed(error.kind()));
        check_error(error)?;
        self.judge.is_ending = true;
        demand(self.outstanding.is_empty(), || {
            format!("the failure was told before {} requests were back", self.outstanding.len())
        })?;
        demand(!stage.kinds.is_survivable(), || format!("the camera failed for no reason: {error:?}"))
    }

    fn accept(&mut self, mut request: Request, stage: &mut Stage) -> Checked {
        self.progress();
        let Some(sent) = self.outstanding.pop_front() else {
            return violated(format!("request {} came back once too often", request.cookie()));
        };
        let openings = self.land(&sent, stage)?;
        self.note_return(&request, stage);
        self.judge.judge(&mut request, &sent, &openings)?;
        self.fences_late += u64::from(sent.may_have_timed_out());
        self.signals.retain(|(_, cookie, _)| *cookie != sent.cookie);
        self.keep(request, stage);
        Ok(())
    }

    fn note_return(&self, request: &Request, stage: &mut Stage) {
        let cookie = request.cookie();
        let sequence = request.metadata().get(pinhole::control::SENSOR_SEQUENCE).unwrap_or(-1) as u32;
        let what = match (request.status(), request.error()) {
            (RequestStatus::Complete, _) => Happened::Completed { cookie, sequence },
            (_, error) => {
                Happened::Cancelled { cookie, kind: error.map_or(ErrorKind::Io, |error| error.kind()) }
            }
        };
        stage.note(self.camera(), what);
    }

    fn land(&self, sent: &Sent, stage: &mut Stage) -> Checked<[Option<Opening>; STREAMS_MAX]> {
        let mut openings = [None; STREAMS_MAX];
        for (opening, memory) in std::iter::zip(&mut openings, &sent.buffers) {
            if let Some(memory) = memory {
                *opening = Some(stage.stock.land(memory)?);
            }
        }
        Ok(openings)
    }

    /// Uses a request again, or lets it go.
    fn keep(&mut self, mut request: Request, stage: &mut Stage) {
        if self.spare.len() < 32 && !stage.dice.one_in(50) {
            request.reuse(false);
            self.spare.push(request);
        }
    }

    // The end.

    /// Stops: exactly what was under way comes back, in order.
    pub(super) fn stop(mut self, stage: &mut Stage) -> Checked<Camera> {
        self.judge.is_ending = true;
        let camera = self.camera();
        let session = self.session.take().expect("an application stops its session once");
        let Stopped { camera: handle, requests, drops, failure } = session.stop();
        stage.note(camera, Happened::Stopped { requests_back: requests.len() as u16 });
        for request in requests {
            self.accept(request, stage)?;
        }
        demand(self.outstanding.is_empty(), || {
            format!("{} requests did not come back at the stop", self.outstanding.len())
        })?;
        if let Some(error) = failure {
            check_error(&error)?;
        }
        self.check_drops(&drops, stage)?;
        stage.check_stopped(camera)?;
        Ok(handle)
    }

    /// Drops the session, and with it the camera and what was under way.
    pub(super) fn drop_session(mut self, stage: &mut Stage) -> Checked {
        let requests = self.outstanding.len() as u16;
        stage.note(self.camera(), Happened::SessionDropped { requests });
        drop(self.session.take());
        for sent in std::mem::take(&mut self.outstanding) {
            self.land(&sent, stage)?;
        }
        stage.check_stopped(self.camera())
    }

    /// Counters of what cannot have happened are 0.
    fn check_drops(&self, drops: &DropCounters, stage: &Stage) -> Checked {
        let kinds = stage.kinds;
        let possible = [
            (DropCause::Impossible, false),
            (DropCause::Duplicate, kinds.has_device(FaultKind::DuplicatedFrame)),
            (DropCause::Refused, !kinds.is_survivable()),
            (DropCause::Algorithms, !kinds.is_survivable()),
            (DropCause::Fence, self.fences_late > 0),
        ];
        for (cause, possible) in possible {
            demand(possible || drops.of(cause) == 0, || {
                format!("{} times {}", drops.of(cause), cause.text())
            })?;
        }
        Ok(())
    }
}
