//! A grey scene, and a camera that looks at it: numbers only, no pixels.

use pinhole_algorithm::statistics::{AGC_REGIONS, HISTOGRAM_BINS, WHITE, Zone};
use pinhole_algorithm::{
    Configuration, Controller, Limits, Parameters, SensorRequest, SensorSettings, StartupFrames, Statistics,
    Tuning,
};
use pinhole_base::control::{ControlList, SettingsSource};
use pinhole_base::geometry::{Rect, Size};
use std::collections::VecDeque;
use std::time::Duration;

const LINE: Duration = Duration::from_nanos(18_904);
const CELLS: u32 = 1000;

/// A grey scene of 18 % reflectance.
pub(crate) struct Scene {
    pub(crate) lux: f64,
    pub(crate) kelvin: f64,
    /// How much brighter the middle region is.
    pub(crate) centre: f64,
    /// How many of the white balance zones show a strong green.
    pub(crate) green_zones: usize,
}

impl Default for Scene {
    fn default() -> Self {
        Self { lux: 300.0, kelvin: 5000.0, centre: 1.0, green_zones: 0 }
    }
}

impl Scene {
    /// What the sensor makes of white, green being 1.
    pub(crate) fn white(&self, sensor: &str) -> [f64; 3] {
        let known = Tuning::find(sensor).white_balance.curve.clone();
        let curve = if known.is_empty() { Tuning::find("imx219").white_balance.curve.clone() } else { known };
        let pair = curve.windows(2).find(|pair| self.kelvin <= pair[1].kelvin).unwrap();
        let part = (self.kelvin - pair[0].kelvin) / (pair[1].kelvin - pair[0].kelvin);
        let mix = |a: f64, b: f64| a + (b - a) * part;
        [mix(pair[0].red, pair[1].red), 1.0, mix(pair[0].blue, pair[1].blue)]
    }

    /// Statistics at a total exposure in seconds.
    pub(crate) fn statistics(&self, total_s: f64, sensor: &str) -> Statistics {
        let level = 0.18 * self.lux * total_s / 25.41;
        let white = self.white(sensor);
        let mut statistics = Statistics::default();
        statistics.awb.fill(zone(white, level));
        statistics.awb[..self.green_zones].fill(zone([white[0] * 0.3, 1.0, white[2] * 0.3], level));
        statistics.agc.fill(zone(white, level));
        statistics.agc[AGC_REGIONS.0 * AGC_REGIONS.1 / 2] = zone(white, level * self.centre);
        for (histogram, white) in statistics.histograms.iter_mut().zip(white) {
            let bin = (white * level * HISTOGRAM_BINS as f64) as usize;
            histogram[bin.min(HISTOGRAM_BINS - 1)] = CELLS * 15;
        }
        statistics
    }
}

/// Sums of clipped values.
fn zone(white: [f64; 3], level: f64) -> Zone {
    let [red, green, blue] =
        white.map(|white| ((white * level).min(1.0) * (WHITE - 1.0) * f64::from(CELLS)) as u64);
    Zone { counted: CELLS, uncounted: 0, red, green, blue }
}

/// What came of one frame.
pub(crate) struct Frame {
    pub(crate) settings: SensorSettings,
    pub(crate) parameters: Parameters,
    pub(crate) metadata: ControlList,
    pub(crate) statistics: Statistics,
}

/// How bright a frame looks: metered green, times the digital gain.
pub(crate) fn brightness(frame: &Frame) -> f64 {
    frame.statistics.agc[0].mean().unwrap()[1] * frame.parameters.digital_gain
}

/// IMX219's mode of 1640x1232.
pub(crate) fn configuration() -> Configuration {
    Configuration {
        mode_size: Size::new(1640, 1232),
        crop: Rect::new(8, 8, 3280, 2464),
        active_area: Rect::new(8, 8, 3280, 2464),
        binning: (2, 2),
        bits: 10,
        line_duration: LINE,
        exposure: Limits { min: LINE * 4, max: LINE * 65_531 },
        exposure_margin: LINE * 4,
        frame_duration: Limits { min: LINE * 529, max: LINE * 65_535 },
        analogue_gain: Limits { min: 1.0, max: 256.0 / 24.0 },
        sensitivity: 1.0,
        black_level_16bit: 4096,
        lens: None,
    }
}

/// A control loop and a sensor with delays.
pub(crate) struct Camera {
    pub(crate) controls: ControlList,
    controller: Controller,
    sensor: &'static str,
    /// Frames from a request to its effect: of exposure, of gain.
    delays: (usize, usize),
    /// Requests, the newest first.
    requests: VecDeque<SensorRequest>,
    frames: u64,
}

impl Camera {
    pub(crate) fn new(sensor: &'static str, delays: (usize, usize)) -> Self {
        Self {
            controls: ControlList::new(),
            controller: Controller::new(Tuning::find(sensor)),
            sensor,
            delays,
            requests: VecDeque::new(),
            frames: 0,
        }
    }

    /// Starts again in the same mode.
    pub(crate) fn restart(&mut self) -> StartupFrames {
        let (request, startup) = self.controller.configure(&configuration(), &self.controls);
        self.requests.clear();
        self.requests.push_front(request);
        startup
    }

    /// What the sensor takes the next frame with, in its own units.
    fn settings(&self) -> SensorSettings {
        let last = self.requests.len() - 1;
        // All that takes effect together was written together: the longer delay rules.
        let delay = self.delays.0.max(self.delays.1) + 1;
        let asked = self.requests[delay.min(last)];
        let lines = |time: Duration| (time.as_secs_f64() / LINE.as_secs_f64()).round().max(4.0);
        let code = (256.0 - 256.0 / asked.analogue_gain + 1e-6).floor();
        SensorSettings {
            exposure: LINE.mul_f64(lines(asked.exposure)),
            analogue_gain: 256.0 / (256.0 - code),
            frame_duration: LINE.mul_f64(lines(asked.frame_duration)),
            temperature_c: None,
            source: SettingsSource::EmbeddedData,
        }
    }

    /// One frame of a scene.
    pub(crate) fn frame(&mut self, scene: &Scene) -> Frame {
        if self.requests.is_empty() {
            self.restart();
        }
        let settings = self.settings();
        let (mut parameters, mut metadata) = (Parameters::default(), ControlList::new());
        let number = self.frames;
        self.frames += 1;
        self.controller
            .prepare(number, number as u32, &settings, &self.controls, &mut parameters, &mut metadata)
            .unwrap();
        let total_s = settings.exposure.as_secs_f64() * settings.analogue_gain;
        let statistics = scene.statistics(total_s, self.sensor);
        let request = self.controller.process(number, &statistics, &mut metadata).unwrap();
        self.requests.push_front(request);
        self.requests.truncate(16);
        Frame { settings, parameters, metadata, statistics }
    }
}
