//! The control loop: runs the algorithms over each frame, twice, and keeps what one half
//! knows for the other.

use crate::algorithms;
use crate::configuration::{Configuration, SensorRequest, SensorSettings, StartupFrames, duration};
use crate::parameters::{Changed, Parameters};
use crate::statistics::Statistics;
use crate::tuning::Tuning;
use pinhole_base::control::{
    ControlList, FRAME_DURATION, SENSOR_SEQUENCE, SENSOR_TEMPERATURE, SETTINGS_SOURCE,
};
use pinhole_base::{Error, ErrorKind, Result};

/// Frames that may be prepared and not yet processed.
pub const CONTEXTS: usize = 32;

/// Longest exposure in seconds, and greatest gain, that a sensor may claim.
const PLAUSIBLE_MAX: f64 = 1e5;

/// Seconds and factors of what one frame was taken with, fit to compute with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) exposure_s: f64,
    pub(crate) analogue_gain: f64,
}

impl Taken {
    /// Exposure times gain, in seconds.
    pub(crate) fn total_s(&self) -> f64 {
        self.exposure_s * self.analogue_gain
    }
}

/// What is kept of a frame from *prepare* to *process*.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameContext {
    pub(crate) taken: Taken,
}

/// What the algorithms tell each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ActiveState {
    /// Exposure that is asked of the sensor, in seconds.
    pub(crate) exposure_s: f64,
    /// Analogue gain that is asked of the sensor.
    pub(crate) analogue_gain: f64,
    /// Time from frame to frame that is asked of the sensor, in seconds.
    pub(crate) frame_duration_s: f64,
    /// White balance gains of red and blue.
    pub(crate) colour_gains: [f64; 2],
    /// Colour temperature of the light.
    pub(crate) temperature_k: f64,
    /// Where the lens is to focus, in dioptres; `None` if it has no motor.
    pub(crate) lens_dioptres: Option<f64>,
}

impl ActiveState {
    fn new(tuning: &Tuning) -> Self {
        Self {
            exposure_s: tuning.exposure.initial_s,
            analogue_gain: 1.0,
            frame_duration_s: 0.0,
            colour_gains: [1.0; 2],
            temperature_k: tuning.white_balance.initial_k,
            lens_dioptres: None,
        }
    }

    fn request(&self) -> SensorRequest {
        SensorRequest {
            exposure: duration(self.exposure_s),
            analogue_gain: self.analogue_gain,
            frame_duration: duration(self.frame_duration_s),
        }
    }
}

/// What an algorithm gets before the image processor runs.
pub(crate) struct Preparation<'a> {
    pub(crate) configuration: &'a Configuration,
    pub(crate) context: &'a FrameContext,
    pub(crate) state: &'a mut ActiveState,
    pub(crate) parameters: &'a mut Parameters,
    pub(crate) metadata: &'a mut ControlList,
}

/// What an algorithm gets after the image processor ran.
pub(crate) struct Processing<'a> {
    pub(crate) configuration: &'a Configuration,
    pub(crate) context: &'a FrameContext,
    pub(crate) state: &'a mut ActiveState,
    pub(crate) statistics: &'a Statistics,
    pub(crate) metadata: &'a mut ControlList,
}

/// One algorithm. It has its own state and shares [`ActiveState`] with the others; those
/// before it in the list have run when it runs. Only `configure` may allocate.
pub(crate) trait Algorithm: Send {
    /// Takes over what the application sets.
    fn control(&mut self, _controls: &ControlList) {}
    /// A new mode, or a new start.
    fn configure(&mut self, _configuration: &Configuration, _state: &mut ActiveState) {}
    /// Before the image processor runs.
    fn prepare(&mut self, _frame: &mut Preparation<'_>) {}
    /// After the image processor ran.
    fn process(&mut self, _frame: &mut Processing<'_>) {}
}

#[derive(Clone, Copy)]
struct Slot {
    frame: u64,
    context: FrameContext,
}

/// The control loop of one camera.
///
/// # Guarantees
///
/// - Parameters and requests are finite and within the configuration's limits, whatever the
///   statistics, settings and controls were.
/// - `prepare` and `process` allocate nothing, but for the error of a stale frame.
/// - The statistics of a frame are judged by what that frame was taken with, so the delay from
///   a request to its effect does not matter.
pub struct Controller {
    algorithms: Vec<Box<dyn Algorithm>>,
    configuration: Option<Configuration>,
    state: ActiveState,
    parameters: Parameters,
    /// What to report as changed beside what did.
    rewrite: Changed,
    slots: [Option<Slot>; CONTEXTS],
    startup_frames: u32,
    settled: bool,
}

impl Controller {
    /// A control loop for a sensor with that tuning.
    pub fn new(tuning: &Tuning) -> Self {
        Self {
            algorithms: algorithms::all(tuning),
            configuration: None,
            state: ActiveState::new(tuning),
            parameters: Parameters::default(),
            rewrite: Changed::ALL,
            slots: [None; CONTEXTS],
            startup_frames: tuning.startup_frames,
            settled: false,
        }
    }

    /// Prepares for a start in that mode: what to start the sensor with, and which of the
    /// first frames to hide or mark. What was learned and set before is kept, as far as the
    /// mode allows; contexts are forgotten. `controls` are those to start with.
    pub fn configure(
        &mut self,
        configuration: &Configuration,
        controls: &ControlList,
    ) -> (SensorRequest, StartupFrames) {
        for algorithm in &mut self.algorithms {
            algorithm.control(controls);
            algorithm.configure(configuration, &mut self.state);
        }
        self.configuration = Some(*configuration);
        self.slots = [None; CONTEXTS];
        self.rewrite = Changed::ALL;
        let mark = if self.settled { 0 } else { self.startup_frames };
        (self.state.request(), StartupFrames { hide: 0, mark })
    }

    /// Where the lens is to focus, in dioptres, by what was prepared and processed so far; `None`
    /// if it has no motor.
    pub fn lens_dioptres(&self) -> Option<f64> {
        self.state.lens_dioptres
    }

    /// Reports all parameters as changed next time: what was written is lost.
    pub fn rewrite_all(&mut self) {
        self.rewrite = Changed::ALL;
    }

    /// Before the image processor runs: applies the request's controls, computes the
    /// parameters and writes what is known already into the frame's metadata.
    ///
    /// `frame` names the frame until it is processed, and must rise from call to call.
    ///
    /// # Errors
    /// `WrongState` before [`Self::configure`], and for a `frame` older than one that has its
    /// place in the ring.
    pub fn prepare(
        &mut self,
        frame: u64,
        sequence: u32,
        settings: &SensorSettings,
        controls: &ControlList,
        parameters: &mut Parameters,
        metadata: &mut ControlList,
    ) -> Result<()> {
        let configuration = self.configuration.ok_or_else(not_configured)?;
        let slot = &mut self.slots[index(frame)];
        if slot.is_some_and(|slot| slot.frame >= frame) {
            return Err(stale(frame));
        }
        let context = FrameContext { taken: taken(settings, &self.state) };
        *slot = Some(Slot { frame, context });
        report(sequence, settings, metadata);
        let before = self.parameters.clone();
        let mut preparation = Preparation {
            configuration: &configuration,
            context: &context,
            state: &mut self.state,
            parameters: &mut self.parameters,
            metadata,
        };
        for algorithm in &mut self.algorithms {
            algorithm.control(controls);
            algorithm.prepare(&mut preparation);
        }
        self.parameters.changed = self.parameters.differences(&before) | std::mem::take(&mut self.rewrite);
        parameters.clone_from(&self.parameters);
        Ok(())
    }

    /// After the image processor ran: learns from the statistics, completes the metadata and
    /// says what a later frame should be taken with.
    ///
    /// # Errors
    /// `WrongState` for a `frame` that was not prepared, was processed before, or whose
    /// context was overwritten because [`CONTEXTS`] newer ones were prepared.
    pub fn process(
        &mut self,
        frame: u64,
        statistics: &Statistics,
        metadata: &mut ControlList,
    ) -> Result<SensorRequest> {
        let configuration = self.configuration.ok_or_else(not_configured)?;
        let slot = self.slots[index(frame)].take_if(|slot| slot.frame == frame);
        let context = slot.ok_or_else(|| stale(frame))?.context;
        let mut processing = Processing {
            configuration: &configuration,
            context: &context,
            state: &mut self.state,
            statistics,
            metadata,
        };
        for algorithm in &mut self.algorithms {
            algorithm.process(&mut processing);
        }
        self.settled |= is_settled(metadata);
        Ok(self.state.request())
    }
}

fn is_settled(metadata: &ControlList) -> bool {
    use pinhole_base::control::{AE_LOCKED, AWB_LOCKED};
    metadata.get(AE_LOCKED) == Some(true) && metadata.get(AWB_LOCKED) == Some(true)
}

const fn index(frame: u64) -> usize {
    (frame % CONTEXTS as u64) as usize
}

fn not_configured() -> Error {
    Error::new(ErrorKind::WrongState, "running the control loop").because("it was not configured")
}

fn stale(frame: u64) -> Error {
    Error::new(ErrorKind::WrongState, "running the control loop")
        .because(format!("frame {frame} is not, or no longer, in its ring"))
}

/// Settings fit to compute with: what makes no sense is taken as it was asked for.
fn taken(settings: &SensorSettings, state: &ActiveState) -> Taken {
    let plausible = |value: f64| value > 0.0 && value <= PLAUSIBLE_MAX;
    let or = |value: f64, fallback: f64| if plausible(value) { value } else { fallback };
    Taken {
        exposure_s: or(settings.exposure.as_secs_f64(), state.exposure_s),
        analogue_gain: or(settings.analogue_gain, state.analogue_gain),
    }
}

fn report(sequence: u32, settings: &SensorSettings, metadata: &mut ControlList) {
    let frame_duration_us = i64::try_from(settings.frame_duration.as_micros()).unwrap_or(i64::MAX);
    metadata
        .set(SENSOR_SEQUENCE, i64::from(sequence))
        .set(SETTINGS_SOURCE, settings.source)
        .set(FRAME_DURATION, frame_duration_us);
    if let Some(temperature_c) = settings.temperature_c {
        metadata.set(SENSOR_TEMPERATURE, temperature_c);
    }
}
