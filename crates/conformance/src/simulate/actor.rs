//! One application and its camera, from acquiring to releasing.

use super::frames::Viewing;
use super::promises::{Judge, Shape, check_error};
use super::session::{Next, Running};
use super::stage::Stage;
use super::trace::Happened;
use super::wishes::{adjust, roles, wish};
use super::{Checked, demand, violated};
use crate::foreign::foreign_buffer;
use pinhole::config::Configuration;
use pinhole::sim::model::SensorModel;
use pinhole::{Camera, CameraEntry, Driver, Error, ErrorKind, Role, StartError};
use std::sync::Arc;
use std::time::Duration;

/// Buffers that a world keeps at most, but for those that are in requests.
const STOCK_MAX: usize = 96;

enum State {
    Released,
    Acquired(Box<Camera>),
    Running(Box<Running>),
    Viewing(Box<Viewing>),
}

/// An application with a camera.
pub(super) struct Actor {
    camera: usize,
    model: &'static SensorModel,
    entry: CameraEntry,
    state: State,
}

impl Actor {
    pub(super) const fn new(camera: usize, model: &'static SensorModel, entry: CameraEntry) -> Self {
        Self { camera, model, entry, state: State::Released }
    }

    /// One step.
    pub(super) fn act(&mut self, stage: &mut Stage) -> Checked {
        let state = std::mem::replace(&mut self.state, State::Released);
        self.state = match state {
            State::Released => self.acquire(stage)?,
            State::Acquired(camera) => self.prepare(camera, stage)?,
            State::Running(mut running) => match running.act(stage)? {
                Next::Stay => State::Running(running),
                Next::Stop => State::Acquired(Box::new(running.stop(stage)?)),
                Next::Drop => {
                    running.drop_session(stage)?;
                    State::Released
                }
            },
            State::Viewing(mut viewing) => match viewing.act(stage)? {
                Next::Stay => State::Viewing(viewing),
                Next::Stop => State::Acquired(Box::new(viewing.stop(stage)?)),
                Next::Drop => {
                    viewing.drop_session(stage)?;
                    State::Released
                }
            },
        };
        Ok(())
    }

    fn acquire(&self, stage: &mut Stage) -> Checked<State> {
        match self.entry.acquire() {
            Ok(mut camera) => {
                stage.note(self.camera, Happened::Acquired);
                camera.set_driver(Driver::Caller);
                Ok(State::Acquired(Box::new(camera)))
            }
            Err(error) => {
                stage.note(self.camera, Happened::NotAcquired(error.kind()));
                check_refusal(&error, stage)?;
                if stage.dice.one_in(2) {
                    self.replug(stage)?;
                }
                Ok(State::Released)
            }
        }
    }

    fn replug(&self, stage: &mut Stage) -> Checked {
        stage.note(self.camera, Happened::Replugged);
        stage.hardware.replug(self.camera).or_else(|e| violated(e.to_string()))
    }

    /// Does something with a camera that does not run.
    fn prepare(&self, mut camera: Box<Camera>, stage: &mut Stage) -> Checked<State> {
        match stage.dice.weighted(&[3, 1, 5, 3, 1]) {
            0 => self.configure(&mut camera, stage)?,
            1 => {
                drop(camera);
                stage.note(self.camera, Happened::Released);
                stage.check_stopped(self.camera)?;
                return Ok(State::Released);
            }
            2 => return self.start_requests(camera, stage),
            3 => return self.start_frames(camera, stage),
            _ => self.misuse(&mut camera, stage)?,
        }
        Ok(State::Acquired(camera))
    }

    fn misuse(&self, camera: &mut Camera, stage: &mut Stage) -> Checked {
        stage.note(self.camera, Happened::Misused("acquiring a camera twice"));
        let Err(error) = self.entry.acquire() else { return violated("a camera was acquired twice") };
        demand(error.kind() == ErrorKind::Busy, || format!("a camera in use is {error:?}"))?;
        wish(camera.controls_mut(), &mut stage.dice);
        if stage.dice.one_in(2) {
            camera.controls_mut().clear();
        }
        Ok(())
    }

    // Configuring.

    /// A valid configuration, if the dice ask for a possible one.
    fn propose(&self, camera: &Camera, stage: &mut Stage) -> Checked<Option<Configuration>> {
        let (roles, possible) = roles(&mut stage.dice);
        let mut configuration = match camera.propose(roles) {
            Ok(_) if !possible => return violated(format!("{roles:?} were accepted")),
            Ok(configuration) => configuration,
            Err(error) => {
                check_error(&error)?;
                demand(!possible, || format!("{roles:?} were refused: {error:?}"))?;
                return Ok(None);
            }
        };
        adjust(&mut configuration, &mut stage.dice);
        let valid =
            |configuration: &mut _| camera.validate(configuration).or_else(|e| violated(e.to_string()));
        valid(&mut configuration)?;
        let again = valid(&mut configuration)?;
        demand(again.is_empty(), || format!("a valid configuration was adjusted: {again:?}"))?;
        Ok(Some(configuration))
    }

    fn configure(&self, camera: &mut Camera, stage: &mut Stage) -> Checked {
        let Some(configuration) = self.propose(camera, stage)? else { return Ok(()) };
        match camera.configure(&configuration) {
            Ok(()) => {
                let first = &configuration.streams[0];
                let (width, height) = (first.size.width, first.size.height);
                let streams = configuration.streams.len() as u8;
                stage.note(self.camera, Happened::Configured { streams, width, height });
                self.stock_up(camera, stage)
            }
            Err(error) => {
                stage.note(self.camera, Happened::NotConfigured(error.kind()));
                check_refusal(&error, stage)
            }
        }
    }

    /// Gets buffers for every stream, from its device and from elsewhere.
    fn stock_up(&self, camera: &mut Camera, stage: &mut Stage) -> Checked {
        if stage.stock.len() > STOCK_MAX {
            let keep_one_in = stage.dice.range(2, 4);
            stage.stock.thin(&mut stage.dice, keep_one_in);
        }
        let streams: Vec<_> = camera.streams().map(Shape::of).collect();
        for stream in streams {
            let own = stage.dice.range(0, 4) as u32;
            if own > 0 {
                match camera.allocate(stream.id, own) {
                    Ok(buffers) => buffers.iter().for_each(|b| stage.stock.add(Arc::clone(b.memory()))),
                    Err(error) => check_refusal(&error, stage)?,
                }
            }
            // Now and then more than a driver has slots.
            let foreign = if stage.dice.one_in(12) { 40 } else { stage.dice.range(0, 3) };
            for _ in 0..foreign {
                let buffer = foreign_buffer(&[stream.frame_bytes], Arc::clone(&stage.mapper));
                let buffer = buffer.or_else(|e| violated(e.to_string()))?;
                stage.stock.add(Arc::clone(buffer.memory()));
            }
        }
        Ok(())
    }

    // Starting.

    fn judge(&self, shapes: Vec<Shape>, stage: &Stage) -> Judge {
        Judge {
            camera: self.camera,
            model: self.model,
            shapes,
            kinds: stage.kinds,
            last: None,
            longest_frame: Duration::ZERO,
            is_ending: false,
        }
    }

    #[expect(clippy::boxed_local, reason = "cameras are passed about as boxes")]
    fn start_requests(&self, camera: Box<Camera>, stage: &mut Stage) -> Checked<State> {
        let configured = camera.configuration().is_some();
        match camera.start_requests() {
            Ok(session) => {
                demand(configured, || "a camera started that is not configured".to_owned())?;
                stage.note(self.camera, Happened::Started { own_buffers: true });
                let judge = self.judge(session.streams().map(Shape::of).collect(), stage);
                Ok(State::Running(Box::new(Running::new(session, judge, stage))))
            }
            Err(refused) if !configured && refused.error.kind() == ErrorKind::WrongState => {
                Ok(State::Acquired(refused.camera))
            }
            Err(refused) => self.not_started(refused, stage),
        }
    }

    fn start_frames(&self, camera: Box<Camera>, stage: &mut Stage) -> Checked<State> {
        let Some(configuration) = self.propose(&camera, stage)? else { return Ok(State::Acquired(camera)) };
        match camera.start(&configuration) {
            Ok(session) => {
                stage.note(self.camera, Happened::Started { own_buffers: false });
                let judge = self.judge(session.streams().map(Shape::of).collect(), stage);
                let counts = configuration.streams.iter().map(|stream| stream.buffer_count as usize);
                let circulating = counts.min().unwrap_or(0);
                Ok(State::Viewing(Box::new(Viewing::new(session, judge, circulating, stage))))
            }
            Err(refused) => self.not_started(refused, stage),
        }
    }

    fn not_started(&self, refused: StartError, stage: &mut Stage) -> Checked<State> {
        let StartError { camera, error } = refused;
        stage.note(self.camera, Happened::NotStarted(error.kind()));
        check_refusal(&error, stage)?;
        stage.check_stopped(self.camera)?;
        if !stage.dice.one_in(3) {
            return Ok(State::Acquired(camera));
        }
        drop(camera);
        self.replug(stage)?;
        Ok(State::Released)
    }

    // The end.

    /// Stops whatever runs, and releases the camera.
    pub(super) fn retire(&mut self, stage: &mut Stage) -> Checked {
        match std::mem::replace(&mut self.state, State::Released) {
            State::Released => {}
            State::Acquired(camera) => drop(camera),
            State::Running(running) => self.restart(running, stage)?,
            State::Viewing(viewing) => drop(viewing.stop(stage)?),
        }
        stage.check_stopped(self.camera)
    }

    /// With no faults any more, the camera works again.
    pub(super) fn recover(&self, stage: &mut Stage) -> Checked {
        stage.note(self.camera, Happened::Recovering);
        self.replug(stage)?;
        self.capture_some(stage).or_else(|error| {
            violated(format!("the camera does not work though there are no faults any more: {error:?}"))
        })
    }

    /// A camera that was not unplugged starts again without being configured anew.
    fn restart(&self, running: Box<Running>, stage: &mut Stage) -> Checked {
        let camera = running.stop(stage)?;
        let may_be_gone = [pinhole::sim::FaultKind::UnpluggedCamera, pinhole::sim::FaultKind::UnpluggedIsp];
        if may_be_gone.iter().any(|kind| stage.kinds.has_device(*kind)) || stage.memory_is_scarce {
            return Ok(());
        }
        match camera.start_requests() {
            Ok(session) => {
                drop(session);
                Ok(())
            }
            Err(refused) => violated(format!("a stopped camera does not start again: {:?}", refused.error)),
        }
    }

    fn capture_some(&self, stage: &mut Stage) -> Result<(), Error> {
        let mut camera = self.entry.acquire()?;
        camera.set_driver(Driver::Caller);
        let mut configuration = camera.propose([Role::Raw, Role::Viewfinder])?;
        for stream in &mut configuration.streams {
            stream.buffer_count = 2;
        }
        let mut session = camera.start(&configuration)?;
        for _ in 0..3 {
            if session.next()?.is_none() {
                return Err(Error::new(ErrorKind::WrongState, "capturing").because("the camera has stopped"));
            }
            stage.requests += 1;
        }
        drop(session.stop());
        Ok(())
    }
}

/// A refusal says what was refused, and there was a reason for it.
fn check_refusal(error: &Error, stage: &Stage) -> Checked {
    check_error(error)?;
    let scarce = stage.memory_is_scarce && error.kind() == ErrorKind::OutOfResources;
    demand(scarce || !stage.kinds.is_survivable(), || format!("refused for no good reason: {error:?}"))
}
