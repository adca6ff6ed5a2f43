//! White balance: grey world over those zones of the picture that may be grey.
//!
//! What a sensor makes of a grey surface lies, for the lights there are, near a curve in the
//! plane of red over green and blue over green. Zones near it are taken for grey, their mean
//! is moved onto the curve, and its place there is the light's colour temperature (after the
//! grey world of Buchsbaum 1980, with the gamut of lights as a constraint). Without a curve
//! the mean of all zones is grey.

mod curve;

use super::update;
use crate::configuration::Configuration;
use crate::controller::{ActiveState, Algorithm, Preparation, Processing};
use crate::interpolation::mix;
use crate::parameters::thousandths;
use crate::statistics::Statistics;
use crate::tuning::WhiteBalanceTuning;
use curve::LightCurve;
use pinhole_base::control::{
    AWB_ENABLE, AWB_LOCKED, AWB_MODE, AwbMode, COLOUR_GAINS, COLOUR_TEMPERATURE, ControlList, Value,
};

/// Mean green outside of these is too dark, or too near to clipping, to tell a colour.
const GREEN_MIN: f64 = 0.003;
const GREEN_MAX: f64 = 0.85;
/// Least ratio of red or blue to green that can be grey.
const RATIO_MIN: f64 = 0.02;
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
    tuning: WhiteBalanceTuning,
    enabled: bool,
    mode: AwbMode,
    gains_by_hand: Option<[f64; 2]>,
    temperature_by_hand: Option<f64>,
    fast_frames: u32,
}

impl WhiteBalance {
    pub(super) fn new(tuning: &WhiteBalanceTuning) -> Self {
        Self {
            curve: LightCurve::new(&tuning.curve),
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

    /// Red and blue over green of what seems to be grey; `None` if nothing can be told.
    fn grey(&self, statistics: &Statistics) -> Option<[f64; 2]> {
        let tolerance2 = self.tuning.tolerance * self.tuning.tolerance;
        let near =
            |ratios: &[f64; 2]| self.curve.nearest(*ratios).is_none_or(|light| light.distance2 < tolerance2);
        mean(ratios(statistics).filter(near)).or_else(|| mean(ratios(statistics)))
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

/// Red and blue over green of the zones whose colour can be told.
fn ratios(statistics: &Statistics) -> impl Iterator<Item = [f64; 2]> + '_ {
    let means = statistics.awb.iter().filter_map(|zone| zone.mean());
    let lit = means.filter(|[_, green, _]| (GREEN_MIN..GREEN_MAX).contains(green));
    lit.map(|[red, green, blue]| [red / green, blue / green])
        .filter(|ratios| ratios.iter().all(|ratio| *ratio > RATIO_MIN))
}

fn mean(ratios: impl Iterator<Item = [f64; 2]>) -> Option<[f64; 2]> {
    let add = |(sum, count): ([f64; 2], f64), ratios: [f64; 2]| {
        ([sum[0] + ratios[0], sum[1] + ratios[1]], count + 1.0)
    };
    let (sum, count) = ratios.fold(([0.0; 2], 0.0), add);
    (count > 0.0).then(|| sum.map(|sum| sum / count))
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
                let grey = self.grey(frame.statistics);
                grey.is_some_and(|ratios| self.follow(ratios, frame.state))
            }
            _ => true,
        };
        frame.metadata.set(AWB_LOCKED, settled);
    }
}
