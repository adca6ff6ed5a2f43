//! One world: some cameras, an application with each, and what goes wrong.

use super::actor::Actor;
use super::dice::Dice;
use super::meddler::SharedWhims;
use super::stage::Stage;
use super::trace::Happened;
use super::troubles::Weather;
use super::{Checked, Options, Violation, demand, violated};
use pinhole::Cameras;
use pinhole::kernel::memory::SystemMapper;
use pinhole::sim::model::{DW9807, SensorModel};
use pinhole::sim::{CameraConfig, Counters, FaultKind, LogEntry, Simulator, SimulatorConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Steps that a world takes for each of its requests, and at least.
const STEPS_A_REQUEST: u64 = 40;
const STEPS_LEAST: u64 = 2000;

/// Lines of the hardware's log that are shown.
const LOGGED: usize = 120;

/// What became of a world.
pub(super) struct Outcome {
    pub(super) requests: u64,
    pub(super) events: u64,
    /// How often which kind of fault happened, in the order of [`super::troubles::Kind::all`].
    pub(super) faults: Vec<u64>,
    pub(super) digest: u64,
    pub(super) violation: Option<Violation>,
}

/// A world.
pub(super) struct World {
    stage: Stage,
    actors: Vec<Actor>,
    cameras: Option<Cameras>,
}

impl World {
    /// The world of a seed.
    ///
    /// # Errors
    /// The simulator cannot be made.
    pub(super) fn new(seed: u64, options: &Options) -> Result<Self, pinhole::Error> {
        let mut dice = Dice::new(seed);
        let kinds = options.faults.draw(&mut dice);
        let memory_is_scarce = !kinds.is_empty() && dice.one_in(8);
        let mut config = draw_config(&mut dice, &options.sensors, memory_is_scarce);
        config.keep_log = options.log;
        let models: Vec<_> = config.cameras.iter().map(|camera| camera.sensor).collect();
        let simulator = Simulator::new(config, Arc::new(SystemMapper))?;
        let whims = SharedWhims::new(dice.fork());
        let cameras = Cameras::of_simulator(&simulator, Some(&whims.decorator()))?;
        let actors = cameras.iter().zip(models).enumerate();
        let actors = actors.map(|(at, (entry, model))| Actor::new(at, model, entry.clone())).collect();
        let mut provider = simulator.provider();
        let set = (dice, whims, kinds, memory_is_scarce);
        let stage = Stage::new(simulator.control(), provider.poller()?, provider.mapper(), set);
        Ok(Self { stage, actors, cameras: Some(cameras) })
    }

    /// Plays until so many requests have been queued, and then until the cameras have
    /// recovered. Counts steps into `pulse`.
    pub(super) fn play(&mut self, requests: u64, pulse: &AtomicU64) -> Checked {
        let steps_max = requests * STEPS_A_REQUEST + STEPS_LEAST;
        while self.stage.requests < requests && self.stage.trace.steps() < steps_max {
            pulse.fetch_add(1, Ordering::Relaxed);
            self.stage.trace.begin_step();
            self.change_weather()?;
            let at = self.stage.dice.below(self.actors.len() as u64) as usize;
            self.actors[at].act(&mut self.stage)?;
            self.stage.check_hardware()?;
        }
        self.finish()
    }

    fn change_weather(&mut self) -> Checked {
        let stage = &mut self.stage;
        if stage.kinds.is_empty() || (stage.trace.steps() > 1 && !stage.dice.one_in(40)) {
            return Ok(());
        }
        let weather = match stage.dice.one_in(3) {
            true => Weather::default(),
            false => Weather::draw(stage.kinds, &mut stage.dice),
        };
        stage.set_weather(weather);
        if stage.dice.one_in(20) {
            self.unplug()?;
        }
        Ok(())
    }

    fn unplug(&mut self) -> Checked {
        let stage = &mut self.stage;
        let camera = stage.dice.below(self.actors.len() as u64) as usize;
        let isp = stage.dice.one_in(2);
        let kind = if isp { FaultKind::UnpluggedIsp } else { FaultKind::UnpluggedCamera };
        if !stage.kinds.has_device(kind) {
            return Ok(());
        }
        stage.note(camera, Happened::Unplugged { isp });
        let unplugged = match isp {
            true => stage.hardware.unplug_isp(camera),
            false => stage.hardware.unplug_camera(camera),
        };
        unplugged.or_else(|e| violated(e.to_string()))
    }

    fn finish(&mut self) -> Checked {
        self.stage.set_weather(Weather::default());
        self.stage.trace.begin_step();
        for actor in &mut self.actors {
            actor.retire(&mut self.stage)?;
        }
        self.stage.stock = super::stock::Stock::default();
        for actor in &self.actors {
            actor.recover(&mut self.stage)?;
            self.stage.check_hardware()?;
        }
        self.actors.clear();
        let used_bytes = self.stage.hardware.memory_used_bytes();
        demand(used_bytes == 0, || format!("{used_bytes} bytes are in use after the release"))?;
        drop(self.cameras.take());
        Ok(())
    }

    /// The last of what the hardware did, if it keeps a log.
    fn last_of_log(&self) -> Vec<String> {
        let log = self.stage.hardware.log();
        let last = &log[log.len().saturating_sub(LOGGED)..];
        let line = |entry: &LogEntry| format!("{}  hardware {}  {:?}", entry.time, entry.camera, entry.what);
        last.iter().map(line).collect()
    }

    /// What became of it.
    pub(super) fn outcome(&self, message: Option<String>) -> Outcome {
        let counters = self.stage.hardware.counters();
        let mut faults: Vec<_> = FaultKind::ALL.iter().map(|kind| counters.faults(*kind)).collect();
        faults.extend(self.stage.whims.lock().counts);
        let trace = &self.stage.trace;
        Outcome {
            requests: self.stage.requests,
            events: counters.events,
            digest: digest(trace.digest(), &counters),
            faults,
            violation: message.map(|message| Violation {
                message,
                kinds: self.stage.kinds,
                step: trace.steps(),
                trace: trace.last().into_iter().chain(self.last_of_log()).collect(),
            }),
        }
    }
}

fn digest(trace: u64, counters: &Counters) -> u64 {
    let numbers = [counters.events, counters.frames, counters.runs, counters.images_dropped];
    numbers
        .iter()
        .fold(trace, |digest, number| digest.rotate_left(7) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn draw_config(dice: &mut Dice, sensors: &[&'static SensorModel], memory_is_scarce: bool) -> SimulatorConfig {
    let count = 1 + dice.weighted(&[6, 2, 1]);
    let cameras = (0..count).map(|_| {
        let sensor = dice.pick(sensors);
        CameraConfig {
            embedded: !dice.one_in(4),
            mux: dice.one_in(4),
            rotation_degrees: dice.pick(&[0, 180]),
            lens: dice.one_in(3).then_some(&DW9807),
            ..CameraConfig::new(sensor)
        }
    });
    SimulatorConfig {
        cameras: cameras.collect(),
        seed: dice.next(),
        shuffle: !dice.one_in(4),
        memory_bytes: if memory_is_scarce { 200 << 20 } else { 1 << 40 },
        ..SimulatorConfig::for_tests()
    }
}
