//! Automatic exposure: brings the metered brightness to a target.
//!
//! All is reckoned in *total exposure*, exposure time times gain, in seconds. The brightness of
//! a linear picture is in proportion to it, so a frame's brightness and the total exposure that
//! *this* frame was taken with tell at once which total would meet the target, however many
//! requests are still on their way to the sensor: the loop has no delay to oscillate over. What
//! it asks for approaches that total by a fixed part of the error in stops.

mod division;
mod metering;

use super::{number, update};
use crate::configuration::{Configuration, Limits, seconds};
use crate::controller::{ActiveState, Algorithm, Preparation, Processing};
use crate::parameters::thousandths;
use crate::tuning::ExposureTuning;
use division::{Bounds, divide};
use pinhole_base::control::{
    AE_ENABLE, AE_FLICKER_MODE, AE_FLICKER_PERIOD, AE_LOCKED, AE_METERING_MODE, ANALOGUE_GAIN, AeFlickerMode,
    AeMeteringMode, ControlList, DIGITAL_GAIN, EXPOSURE_TIME, EXPOSURE_VALUE, FRAME_DURATION_LIMITS, Value,
};

/// Brightness aimed at stays below this, whatever the exposure value.
const TARGET_MAX: f64 = 0.7;
/// Least brightness reckoned with: less is darkness.
const BRIGHTNESS_MIN: f64 = 1e-6;
/// Errors below this, in natural logarithms, are left alone.
const STILL: f64 = 0.01;
/// Errors below this count as settled.
const SETTLED: f64 = 0.08;

/// What the application has set.
#[derive(Clone, Debug)]
struct Wishes {
    enabled: bool,
    exposure_s: Option<f64>,
    gain: Option<f64>,
    stops: f64,
    metering: AeMeteringMode,
    flicker: AeFlickerMode,
    flicker_period_us: i32,
    frame_duration_us: Option<[f32; 2]>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            enabled: true,
            exposure_s: None,
            gain: None,
            stops: 0.0,
            metering: AeMeteringMode::CentreWeighted,
            flicker: AeFlickerMode::Off,
            flicker_period_us: 10_000,
            frame_duration_us: None,
        }
    }
}

impl Wishes {
    fn update(&mut self, controls: &ControlList) {
        update(&mut self.enabled, controls, AE_ENABLE);
        update(&mut self.metering, controls, AE_METERING_MODE);
        update(&mut self.flicker, controls, AE_FLICKER_MODE);
        self.stops = number(controls, EXPOSURE_VALUE).unwrap_or(self.stops);
        if let Some(exposure_us) = controls.get(EXPOSURE_TIME).filter(|us| *us >= 0) {
            self.exposure_s = (exposure_us > 0).then(|| f64::from(exposure_us) * 1e-6);
        }
        if let Some(gain) = number(controls, ANALOGUE_GAIN) {
            self.gain = (gain > 0.0).then_some(gain);
        }
        let period_us = controls.get(AE_FLICKER_PERIOD);
        if let Some(us) = period_us.filter(|us| AE_FLICKER_PERIOD.id().check(us.wrap()).is_ok()) {
            self.flicker_period_us = us;
        }
        if let Some(limits_us) = controls.get(FRAME_DURATION_LIMITS) {
            self.update_frame_duration(limits_us);
        }
    }

    /// Two zeros give the limits back.
    fn update_frame_duration(&mut self, limits_us: [f32; 2]) {
        if limits_us.iter().all(|us| us.is_finite() && *us >= 0.0) {
            let [min, max] = limits_us;
            self.frame_duration_us = (max > 0.0).then_some([min, max.max(min)]);
        }
    }

    fn flicker_period_s(&self) -> Option<f64> {
        (self.flicker == AeFlickerMode::Manual).then(|| f64::from(self.flicker_period_us) * 1e-6)
    }
}

pub(super) struct ExposureControl {
    tuning: ExposureTuning,
    wishes: Wishes,
    /// The total exposure asked for, with the digital gain.
    total_s: f64,
    fast_frames: u32,
    sensitivity: f64,
}

impl ExposureControl {
    pub(super) fn new(tuning: &ExposureTuning) -> Self {
        Self {
            tuning: tuning.clone(),
            wishes: Wishes::default(),
            total_s: tuning.initial_s,
            fast_frames: tuning.fast_frames,
            sensitivity: 1.0,
        }
    }

    /// Times from frame to frame that both the mode and the application allow.
    fn frame_duration_s(&self, configuration: &Configuration) -> Limits<f64> {
        let mode = seconds(configuration.frame_duration);
        let wished = self.wishes.frame_duration_us.map(|us| us.map(|us| f64::from(us) * 1e-6));
        let [min, max] = wished.unwrap_or([self.tuning.frame_duration_min_s, mode.max]);
        Limits { min: mode.clamp(min), max: mode.clamp(max) }
    }

    /// What is set by hand, or held because the automatic is off, has equal bounds.
    fn bounds(&self, configuration: &Configuration, state: &ActiveState) -> Bounds {
        let mode = seconds(configuration.exposure);
        let margin_s = configuration.exposure_margin.as_secs_f64();
        let frame_s = self.frame_duration_s(configuration).max;
        let possible = Limits { min: mode.min, max: mode.clamp(frame_s - margin_s) };
        let gains = gain_limits(configuration);
        let held = |value: f64| (!self.wishes.enabled).then_some(value);
        let fixed = |value: Option<f64>, limits: Limits<f64>| {
            value.map_or(limits, |value| Limits { min: limits.clamp(value), max: limits.clamp(value) })
        };
        Bounds {
            exposure_s: fixed(self.wishes.exposure_s.or(held(state.exposure_s)), possible),
            gain: fixed(self.wishes.gain.or(held(state.analogue_gain)), gains),
            flicker_period_s: self.wishes.flicker_period_s(),
        }
    }

    fn is_by_hand(&self) -> bool {
        self.wishes.exposure_s.is_some() && self.wishes.gain.is_some()
    }

    fn is_automatic(&self) -> bool {
        self.wishes.enabled && !self.is_by_hand()
    }

    /// Total exposures that can be had within the bounds.
    fn totals(&self, bounds: &Bounds) -> Limits<f64> {
        let (exposure_s, gain) = divide(f64::INFINITY, &self.tuning.profile, bounds);
        let min = bounds.exposure_s.min * bounds.gain.min;
        Limits { min, max: exposure_s * gain * self.tuning.digital_gain_max }
    }

    /// Divides the total and asks the sensor for it.
    fn request(&mut self, configuration: &Configuration, state: &mut ActiveState) {
        let bounds = self.bounds(configuration, state);
        (state.exposure_s, state.analogue_gain) = divide(self.total_s, &self.tuning.profile, &bounds);
        if self.is_by_hand()
            || (!self.wishes.enabled && self.wishes.exposure_s.or(self.wishes.gain).is_some())
        {
            self.total_s = state.exposure_s * state.analogue_gain;
        }
        let needed_s = state.exposure_s + configuration.exposure_margin.as_secs_f64();
        state.frame_duration_s = self.frame_duration_s(configuration).clamp(needed_s);
    }

    /// The total exposure that would meet the target.
    fn wanted_s(&self, frame: &Processing<'_>) -> Option<f64> {
        let gains = frame.state.colour_gains;
        let brightness = metering::brightness(frame.statistics, gains, self.wishes.metering)?;
        let target = (self.tuning.target * self.wishes.stops.exp2()).min(TARGET_MAX);
        let wanted_s = frame.context.taken.total_s() * target / brightness.max(BRIGHTNESS_MIN);
        let bounds = self.bounds(frame.configuration, frame.state);
        Some(self.totals(&bounds).clamp(wanted_s))
    }

    /// Moves the total towards what is wanted. Whether it was near.
    fn follow(&mut self, wanted_s: f64) -> bool {
        let speed = if self.fast_frames > 0 { 1.0 } else { self.tuning.speed };
        self.fast_frames = self.fast_frames.saturating_sub(1);
        let error = (wanted_s / self.total_s).ln();
        if error.abs() > STILL {
            self.total_s *= (error * speed).exp();
        }
        error.abs() < SETTLED
    }

    fn digital_gain(&self, sensor_total_s: f64) -> f64 {
        if self.is_by_hand() {
            return 1.0;
        }
        thousandths((self.total_s / sensor_total_s).clamp(1.0, self.tuning.digital_gain_max))
    }

    fn report(&self, frame: &mut Preparation<'_>) {
        let limits = self.frame_duration_s(frame.configuration);
        let taken = frame.context.taken;
        frame
            .metadata
            .set(AE_ENABLE, self.is_automatic())
            .set(EXPOSURE_TIME, (taken.exposure_s * 1e6).round() as i32)
            .set(ANALOGUE_GAIN, taken.analogue_gain as f32)
            .set(DIGITAL_GAIN, frame.parameters.digital_gain as f32)
            .set(EXPOSURE_VALUE, self.wishes.stops as f32)
            .set(AE_METERING_MODE, self.wishes.metering)
            .set(AE_FLICKER_MODE, self.wishes.flicker)
            .set(AE_FLICKER_PERIOD, self.wishes.flicker_period_us)
            .set(FRAME_DURATION_LIMITS, [limits.min, limits.max].map(|seconds| (seconds * 1e6) as f32));
    }
}

fn gain_limits(configuration: &Configuration) -> Limits<f64> {
    let Limits { min, max } = configuration.analogue_gain;
    let min = if min.is_finite() && min > 0.0 { min } else { 1.0 };
    Limits { min, max: if max.is_finite() { max.max(min) } else { min } }
}

impl Algorithm for ExposureControl {
    fn control(&mut self, controls: &ControlList) {
        self.wishes.update(controls);
    }

    fn configure(&mut self, configuration: &Configuration, state: &mut ActiveState) {
        let sensitivity = configuration.sensitivity;
        if sensitivity.is_finite() && sensitivity > 0.0 {
            self.total_s *= self.sensitivity / sensitivity;
            self.sensitivity = sensitivity;
        }
        self.fast_frames = self.tuning.fast_frames;
        self.request(configuration, state);
    }

    fn prepare(&mut self, frame: &mut Preparation<'_>) {
        frame.parameters.digital_gain = self.digital_gain(frame.context.taken.total_s());
        self.report(frame);
    }

    fn process(&mut self, frame: &mut Processing<'_>) {
        let mut settled = true;
        if self.is_automatic() {
            let wanted_s = self.wanted_s(frame);
            settled = wanted_s.is_some_and(|wanted_s| self.follow(wanted_s));
        }
        self.request(frame.configuration, frame.state);
        let asked_s = frame.state.exposure_s * frame.state.analogue_gain;
        settled &= (frame.context.taken.total_s() / asked_s).ln().abs() < SETTLED;
        frame.metadata.set(AE_LOCKED, settled);
    }
}
