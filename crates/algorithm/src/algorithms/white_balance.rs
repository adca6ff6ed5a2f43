//! White balance: the light under which most, and the brightest, of the picture is grey.
//!
//! What a sensor makes of a grey surface lies, for the lights there are, near a curve in the
//! plane of red over green and blue over green. Every light of the curve is given the votes of
//! the zones whose colour it would make nearly grey, each counting as much as it is bright:
//! white surfaces are the brightest of a scene, and agree on its light, where coloured ones
//! lie dim and scattered. The mean of the zones that voted for the best light, moved onto the
//! curve, tells the colour temperature. (The voting is that of colour by correlation, Finlayson,
//! Hordley and Hubel 2001; the weight by brightness, of white patch methods.) Without a curve
//! the mean of all zones is grey.

mod curve;
mod vote;

use super::update;
use crate::configuration::Configuration;
use crate::controller::{ActiveState, Algorithm, Preparation, Processing};
use crate::interpolation::mix;
use crate::parameters::thousandths;
use crate::tuning::WhiteBalanceTuning;
use curve::LightCurve;
use pinhole_base::control::{
    AWB_ENABLE, AWB_LOCKED, AWB_MODE, AwbMode, COLOUR_GAINS, COLOUR_TEMPERATURE, ControlList, Value,
};
use vote::Vote;

/// Gains stay within these.
const GAIN_MIN: f64 = 0.1;
const GAIN_MAX: f64 = 32.0;
/// The balance has settled when the light seems to be this near, in 1e6/K, or the gains this
/// near, as a part of them.
const SETTLED_MIRED: f64 = 6.0;
const SETTLED_GAIN: f64 = 0.03;
/// Differences below this part of the tolerances above are left alone.
const STILL: f64 = 0.05;

/// Who chooses the balance.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Choice {
    Automatic,
    Held,
    Temperature(f64),
    Gains([f64; 2]),
}

pub(super) struct WhiteBalance {
    curve: LightCurve,
    vote: Vote,
    tuning: WhiteBalanceTuning,
    enabled: bool,
    mode: AwbMode,
    gains_by_hand: Option<[f64; 2]>,
    temperature_by_hand: Option<f64>,
    fast_frames: u32,
}

impl WhiteBalance {
    pub(super) fn new(tuning: &WhiteBalanceTuning) -> Self {
        let curve = LightCurve::new(&tuning.curve);
        Self {
            vote: Vote::on(&curve, tuning.tolerance),
            curve,
            tuning: tuning.clone(),
            enabled: true,
            mode: AwbMode::Auto,
            gains_by_hand: None,
            temperature_by_hand: None,
            fast_frames: tuning.fast_frames,
        }
    }

    fn choice(&self) -> Choice {
        match (self.gains_by_hand, self.temperature_by_hand) {
            (Some(gains), _) => Choice::Gains(gains),
            (None, Some(kelvin)) => Choice::Temperature(kelvin),
            (None, None) if self.enabled => Choice::Automatic,
            (None, None) => Choice::Held,
        }
    }

    fn take_over(&mut self, controls: &ControlList) {
        update(&mut self.mode, controls, AWB_MODE);
        if let Some(enabled) = controls.get(AWB_ENABLE) {
            self.enabled = enabled;
            self.temperature_by_hand = self.temperature_by_hand.filter(|_| !enabled);
        }
        if let Some(kelvin) = controls.get(COLOUR_TEMPERATURE)
            && COLOUR_TEMPERATURE.id().check(kelvin.wrap()).is_ok()
        {
            self.temperature_by_hand = Some(f64::from(kelvin));
        }
        match controls.get(COLOUR_GAINS).map(|gains| gains.map(f64::from)) {
            Some([0.0, 0.0]) => self.gains_by_hand = None,
            Some(gains) if gains.iter().all(|gain| gain.is_finite() && *gain > 0.0) => {
                self.gains_by_hand = Some(gains.map(|gain| gain.clamp(GAIN_MIN, GAIN_MAX)));
            }
            _ => {}
        }
    }

    /// Applies what was set by hand.
    fn apply(&self, state: &mut ActiveState) {
        match self.choice() {
            Choice::Gains(gains) => {
                state.colour_gains = gains;
                if let Some(light) = self.curve.nearest(gains.map(|gain| 1.0 / gain)) {
                    state.temperature_k = light.kelvin;
                }
            }
            Choice::Temperature(kelvin) => self.set_light(kelvin, state),
            Choice::Automatic | Choice::Held => {}
        }
    }

    fn set_light(&self, kelvin: f64, state: &mut ActiveState) {
        state.temperature_k = kelvin;
        if let Some(ratios) = self.curve.at(kelvin) {
            state.colour_gains = ratios.map(|ratio| (1.0 / ratio).clamp(GAIN_MIN, GAIN_MAX));
        }
    }

    /// Moves towards the light that the picture seems to be taken in. Whether it was near.
    fn follow(&mut self, ratios: [f64; 2], state: &mut ActiveState) -> bool {
        let speed = if self.fast_frames > 0 { 1.0 } else { self.tuning.speed };
        self.fast_frames = self.fast_frames.saturating_sub(1);
        let Some(light) = self.curve.nearest(ratios) else { return follow_gains(ratios, speed, state) };
        let range = range_k(self.mode);
        let (wanted, present) = (1e6 / light.kelvin.clamp(range.0, range.1), 1e6 / state.temperature_k);
        let error = (wanted - present).abs();
        if error > SETTLED_MIRED * STILL {
            self.set_light(1e6 / mix(present, wanted, speed), state);
        }
        error < SETTLED_MIRED
    }
}

fn follow_gains(ratios: [f64; 2], speed: f64, state: &mut ActiveState) -> bool {
    let mut settled = true;
    for (gain, ratio) in state.colour_gains.iter_mut().zip(ratios) {
        let wanted = (1.0 / ratio).clamp(GAIN_MIN, GAIN_MAX);
        let error = (wanted / *gain - 1.0).abs();
        settled &= error < SETTLED_GAIN;
        if error > SETTLED_GAIN * STILL {
            *gain = mix(*gain, wanted, speed);
        }
    }
    settled
}

/// The lights of a mode, in kelvins.
const fn range_k(mode: AwbMode) -> (f64, f64) {
    match mode {
        AwbMode::Auto => (1000.0, 25_000.0),
        AwbMode::Incandescent => (2500.0, 3000.0),
        AwbMode::Tungsten => (3000.0, 3500.0),
        AwbMode::Fluorescent => (4000.0, 4700.0),
        AwbMode::Indoor => (3000.0, 5000.0),
        AwbMode::Daylight => (5500.0, 6500.0),
        AwbMode::Cloudy => (7000.0, 8500.0),
    }
}

impl Algorithm for WhiteBalance {
    fn control(&mut self, controls: &ControlList) {
        self.take_over(controls);
    }

    fn configure(&mut self, _: &Configuration, state: &mut ActiveState) {
        self.fast_frames = self.tuning.fast_frames;
        if self.choice() == Choice::Automatic {
            self.set_light(state.temperature_k, state);
        }
    }

    fn prepare(&mut self, frame: &mut Preparation<'_>) {
        self.apply(frame.state);
        let gains = frame.state.colour_gains.map(thousandths);
        frame.parameters.red_gain = gains[0];
        frame.parameters.blue_gain = gains[1];
        frame
            .metadata
            .set(AWB_ENABLE, self.choice() == Choice::Automatic)
            .set(AWB_MODE, self.mode)
            .set(COLOUR_GAINS, gains.map(|gain| gain as f32))
            .set(COLOUR_TEMPERATURE, frame.state.temperature_k.round() as i32);
    }

    fn process(&mut self, frame: &mut Processing<'_>) {
        let settled = match self.choice() {
            Choice::Automatic => {
                let grey = self.vote.grey(frame.statistics);
                grey.is_some_and(|ratios| self.follow(ratios, frame.state))
            }
            _ => true,
        };
        frame.metadata.set(AWB_LOCKED, settled);
    }
}
