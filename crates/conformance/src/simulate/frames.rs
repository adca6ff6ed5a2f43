//! A running camera whose frames go round by themselves, with an application that looks at
//! them, holds some for a while, and drops them.

use super::promises::{Judge, check_error};
use super::session::Next;
use super::stage::Stage;
use super::stock::{Opening, opening};
use super::trace::Happened;
use super::wishes::wish;
use super::{Checked, demand, violated};
use pinhole::config::STREAMS_MAX;
use pinhole::control::ControlList;
use pinhole::{Camera, Error, ErrorKind, Frame, RequestStatus, Session, Stopped};
use std::time::Duration;

/// A frame comes within this time, though many may be lost before it, and last minutes.
const WAIT_MAX: Duration = Duration::from_secs(50_000);

struct Held {
    frame: Frame,
    openings: [Option<Opening>; STREAMS_MAX],
}

/// A session, and the frames that its application holds.
pub(super) struct Viewing {
    session: Session,
    judge: Judge,
    held: Vec<Held>,
    /// Requests that go round.
    circulating: usize,
    frames_left: u64,
}

impl Viewing {
    pub(super) fn new(session: Session, judge: Judge, circulating: usize, stage: &mut Stage) -> Self {
        let frames_left = stage.dice.range(1, 60);
        Self { session, judge, held: Vec::new(), circulating, frames_left }
    }

    /// One step of the application.
    pub(super) fn act(&mut self, stage: &mut Stage) -> Checked<Next> {
        if self.judge.is_ending || self.frames_left == 0 {
            return Ok(if stage.dice.one_in(4) { Next::Drop } else { Next::Stop });
        }
        self.frames_left -= 1;
        if stage.dice.one_in(10) {
            let mut controls = ControlList::new();
            wish(&mut controls, &mut stage.dice);
            self.session.set_controls(&controls);
        }
        if stage.dice.one_in(20) {
            let time_ms = stage.dice.pick(&[10, 100, 2000]);
            stage.sleep(Duration::from_millis(time_ms)).or_else(|e| violated(e.to_string()))?;
        }
        self.next(stage)?;
        while !self.held.is_empty() && !stage.dice.one_in(3) {
            self.let_go(stage)?;
        }
        Ok(Next::Stay)
    }

    /// Waits for a frame, one way or another.
    fn next(&mut self, stage: &mut Stage) -> Checked {
        let before = stage.now();
        let wanted = before - Duration::from_millis(stage.dice.range(0, 50));
        let taken = match stage.dice.below(4) {
            0 => self.session.latest(),
            1 => self.session.after(wanted),
            _ => self.session.next(),
        };
        if let Some(backend) = self.session.backend() {
            backend.audit();
        }
        let time = stage.now().since(before);
        demand(time < WAIT_MAX, || format!("waiting for a frame took {time:?}"))?;
        match taken {
            Ok(Some(frame)) => self.accept(frame, stage),
            Ok(None) => violated("the camera stopped, and did not say why"),
            Err(error) => self.fail(&error, stage),
        }
    }

    fn accept(&mut self, frame: Frame, stage: &mut Stage) -> Checked {
        stage.requests += 1;
        stage.note(self.judge.camera, Happened::Frame { sequence: frame.sequence() });
        let mut openings = [None; STREAMS_MAX];
        for (opened, shape) in std::iter::zip(&mut openings, &self.judge.shapes) {
            let Some(buffer) = frame.request().buffer(shape.id) else {
                return violated("a frame lacks a buffer");
            };
            *opened = Some(opening(buffer.memory()));
        }
        demand(frame.request().status() == RequestStatus::Complete, || {
            format!("a frame is {:?}", frame.request().status())
        })?;
        self.judge.judge_frame(frame.request(), &openings)?;
        self.held.push(Held { frame, openings });
        Ok(())
    }

    fn fail(&mut self, error: &Error, stage: &mut Stage) -> Checked {
        stage.note(self.judge.camera, Happened::Failed(error.kind()));
        check_error(error)?;
        if self.held.len() == self.circulating && error.kind() == ErrorKind::WrongState {
            return self.let_go(stage);
        }
        self.judge.is_ending = true;
        demand(!stage.kinds.is_survivable(), || format!("the camera failed for no reason: {error:?}"))
    }

    /// Drops the frame that was held longest; nobody wrote to it meanwhile.
    fn let_go(&mut self, stage: &mut Stage) -> Checked {
        let Held { frame, openings } = self.held.remove(0);
        for (shape, seen) in std::iter::zip(&self.judge.shapes, &openings) {
            let now = frame.request().buffer(shape.id).map(|buffer| opening(buffer.memory()));
            demand(now == *seen, || {
                format!("stream {} of a frame was written while it was held", shape.id.index())
            })?;
        }
        if stage.dice.one_in(100) && self.circulating > 1 {
            self.circulating -= 1;
            drop(frame.into_request());
        }
        Ok(())
    }

    /// Stops.
    pub(super) fn stop(self, stage: &mut Stage) -> Checked<Camera> {
        let camera = self.judge.camera;
        let Stopped { camera: handle, requests, .. } = self.session.stop();
        stage.note(camera, Happened::Stopped { requests_back: requests.len() as u16 });
        let pending = requests.iter().filter(|request| request.status() == RequestStatus::Pending).count();
        demand(pending == 0, || format!("{pending} requests are pending after the stop"))?;
        let all = requests.len() + self.held.len();
        // A failed session takes nothing back that it cancelled.
        demand(all == self.circulating || self.judge.is_ending, || {
            format!("of {} requests {all} are there after the stop", self.circulating)
        })?;
        // Frames may outlive their session.
        drop(self.held);
        stage.check_stopped(camera)?;
        Ok(handle)
    }

    /// Drops the session, and with it the camera.
    pub(super) fn drop_session(self, stage: &mut Stage) -> Checked {
        stage.note(self.judge.camera, Happened::SessionDropped { requests: self.circulating as u16 });
        let camera = self.judge.camera;
        drop(self.session);
        stage.check_stopped(camera)
    }
}
