//! Develops mosaics on the CPU: our image processor, and the control algorithms that tell it
//! and the camera what to do. Knows nothing of devices: what the camera is to be set to is said
//! in our controls.

use super::workshop::{Work, conversion};
use crate::streams::invalid;
use pinhole_algorithm::configuration::Limits;
use pinhole_algorithm::parameters::{
    Changed, ChromaDenoise, Curve, DefectCorrection, GreenEqualisation, LensShading,
};
use pinhole_algorithm::statistics::{FocusWindow, Zone};
use pinhole_algorithm::{
    Configuration, Controller, Parameters, SensorRequest, SensorSettings, Statistics, Tuning,
};
use pinhole_base::Result;
use pinhole_base::control::{self, ControlId, ControlList, SettingsSource};
use pinhole_base::geometry::{ModePixels, Rect, Size};
use pinhole_camera::config::{ControlLimits, StreamConfiguration};
use pinhole_camera::job::{Conversion, Job};
use pinhole_imaging::parameters as isp;
use pinhole_imaging::statistics::RegionSums;
use pinhole_imaging::{Isp, IspConfiguration, IspParameters, OutputFormat};
use std::time::Duration;

/// Time from frame to frame of a camera that does not tell.
const FRAME: Duration = Duration::from_micros(33_333);

/// Cameras set their exposure in tenths of a millisecond.
const EXPOSURE_STEP: Duration = Duration::from_micros(100);

/// Gains in lens tables have 10 bits of fraction.
const LENS_GAIN_UNIT: f32 = 1024.0;

/// The image processor and the algorithms, and what is between them.
pub struct Developer {
    isp: Isp,
    controller: Controller,
    /// What is known of every frame, where it does not tell itself.
    usual: SensorSettings,
    parameters: Parameters,
    orders: IspParameters,
    gathered: Box<pinhole_imaging::Statistics>,
    statistics: Box<Statistics>,
    picture: Vec<u8>,
    wished: Option<SensorRequest>,
}

impl Developer {
    /// Develops what a camera sends, as a stream says. `model` names its sensor, `limits` are
    /// those of its controls, `interval` is the time from frame to frame, if it tells.
    ///
    /// # Errors
    /// The shapes make no sense.
    pub fn of(
        source: &StreamConfiguration,
        made: &StreamConfiguration,
        model: &str,
        limits: &[ControlLimits],
        interval: Option<Duration>,
        controls: &ControlList,
    ) -> Result<(Self, ControlList)> {
        let input = source.format.raw().ok_or_else(|| invalid("it is no mosaic"))?;
        let size = Size::new(source.size.width, source.size.height);
        let output = OutputFormat {
            format: made.format,
            size: made.size,
            stride_bytes: made.stride_bytes,
            colour_space: made.colour,
        };
        let shapes = IspConfiguration {
            input,
            size,
            stride_bytes: source.stride_bytes,
            crop: Rect::from_size(size),
            outputs: [Some(output), None],
        };
        let tuning = Tuning::find(model);
        let configuration = configuration(size, input.bits, limits, interval);
        Self::new(&shapes, Controller::new(tuning), &configuration, controls)
    }

    /// Develops frames of one shape to the first of the outputs. `controls` are those to start
    /// with; also returns what the camera is to be set to before the first frame.
    ///
    /// # Errors
    /// The shapes make no sense.
    pub fn new(
        shapes: &IspConfiguration,
        mut controller: Controller,
        configuration: &Configuration,
        controls: &ControlList,
    ) -> Result<(Self, ControlList)> {
        let isp = Isp::new(shapes)?;
        let (request, _) = controller.configure(configuration, controls);
        let output = shapes.outputs[0];
        let planes = output.map(|output| output.format.planes(output.stride_bytes, output.size.height));
        let developer = Self {
            isp,
            controller,
            usual: SensorSettings {
                exposure: request.exposure,
                analogue_gain: request.analogue_gain,
                frame_duration: configuration.frame_duration.min,
                temperature_c: None,
                source: SettingsSource::Estimated,
            },
            parameters: Parameters::default(),
            orders: IspParameters::default(),
            gathered: Box::default(),
            statistics: Box::default(),
            picture: vec![0; planes.map_or(0, |planes| planes.bytes() as usize)],
            wished: Some(request),
        };
        Ok((developer, wanted(&request)))
    }

    fn prepare(&mut self, job: &mut Job) -> Result<()> {
        let settings = self.settings(&job.metadata);
        self.controller.prepare(
            job.id,
            job.sequence,
            &settings,
            &job.controls,
            &mut self.parameters,
            &mut job.metadata,
        )?;
        if !self.parameters.changed.is_empty() {
            order(&self.parameters, self.parameters.changed, &mut self.orders);
        }
        Ok(())
    }

    /// What a frame was taken with, as far as the camera tells.
    fn settings(&self, metadata: &ControlList) -> SensorSettings {
        let exposure_us = metadata.get(control::EXPOSURE_TIME).and_then(|time| u64::try_from(time).ok());
        let gain = metadata.get(control::ANALOGUE_GAIN);
        SensorSettings {
            exposure: exposure_us.map_or(self.usual.exposure, Duration::from_micros),
            analogue_gain: gain.map_or(self.usual.analogue_gain, f64::from),
            ..self.usual
        }
    }

    fn develop(&mut self, conversion: &Conversion) -> Result<()> {
        let view = conversion.view()?;
        let target = &conversion.target;
        *self.gathered = pinhole_imaging::Statistics::default();
        let picture = target.is_some().then_some(&mut self.picture[..]);
        let gathered = Some(self.gathered.as_mut());
        self.isp.process(view.plane(0), &self.orders, &mut [picture, None], gathered)?;
        drop(view);
        target.as_ref().map_or(Ok(()), |target| target.fill(&self.picture))
    }

    fn process(&mut self, job: &mut Job) -> Result<()> {
        read(&self.gathered, &mut self.statistics);
        let request = self.controller.process(job.id, &self.statistics, &mut job.metadata)?;
        if self.wished != Some(request)
            && let Some(conversion) = &mut job.conversion
        {
            conversion.wanted = wanted(&request);
            self.wished = Some(request);
        }
        Ok(())
    }
}

impl Work for Developer {
    fn make(&mut self, job: &mut Job) -> Result<()> {
        self.prepare(job)?;
        self.develop(conversion(job)?)?;
        self.process(job)
    }
}

/// What the algorithms are told of a camera: what its controls reach, and nothing where it has
/// none.
fn configuration(
    size: Size<ModePixels>,
    bits: u8,
    limits: &[ControlLimits],
    interval: Option<Duration>,
) -> Configuration {
    let range = |id: ControlId| {
        let found = limits.iter().find(|limit| limit.id == id)?;
        found.minimum.zip(found.maximum)
    };
    let frame = interval.unwrap_or(FRAME);
    let micros = |value: f64| Duration::from_micros(value.max(1.0) as u64);
    let exposure = range(ControlId::ExposureTime).map_or(Limits { min: frame, max: frame }, |(min, max)| {
        Limits { min: micros(min), max: micros(max).min(frame).max(micros(min)) }
    });
    let gain = range(ControlId::AnalogueGain).unwrap_or((1.0, 1.0));
    let native = Rect::from_size(Size::new(size.width, size.height));
    Configuration {
        mode_size: size,
        crop: native,
        active_area: native,
        binning: (1, 1),
        bits,
        line_duration: EXPOSURE_STEP,
        exposure,
        exposure_margin: Duration::ZERO,
        frame_duration: Limits { min: frame, max: frame },
        analogue_gain: Limits { min: gain.0.max(1.0), max: gain.1.max(1.0) },
        sensitivity: 1.0,
        black_level_16bit: 0,
        lens: None,
    }
}

/// What the camera is to be set to.
fn wanted(request: &SensorRequest) -> ControlList {
    let mut controls = ControlList::new();
    let exposure_us = i32::try_from(request.exposure.as_micros()).unwrap_or(i32::MAX).max(1);
    controls.set(control::EXPOSURE_TIME, exposure_us);
    controls.set(control::ANALOGUE_GAIN, request.analogue_gain as f32);
    controls
}

/// Tells the image processor what the algorithms have changed.
fn order(parameters: &Parameters, changed: Changed, orders: &mut IspParameters) {
    orders.black_level = parameters.black_level;
    orders.red_gain = parameters.red_gain as f32;
    orders.blue_gain = parameters.blue_gain as f32;
    orders.digital_gain = parameters.digital_gain as f32;
    if changed.has(Changed::COLOUR_MATRIX) {
        orders.colour_matrix =
            Some(isp::ColourMatrix { matrix: parameters.colour_matrix, offsets: [0.0; 3] });
    }
    if changed.has(Changed::GAMMA) {
        orders.gamma = Some(gamma(&parameters.gamma));
    }
    if changed.has(Changed::LENS_SHADING) {
        orders.lens_shading = parameters.lens_shading.as_deref().map(shading);
    }
    orders.defects = match parameters.defects {
        DefectCorrection::Off => isp::DefectCorrection::Off,
        DefectCorrection::Normal => isp::DefectCorrection::Normal,
        DefectCorrection::Strong => isp::DefectCorrection::Strong,
    };
    let evening = |greens: GreenEqualisation| isp::GreenEqualisation {
        offset: greens.offset,
        slope: greens.slope as f32,
    };
    orders.green_equalisation = parameters.green_equalisation.map(evening);
    let denoise = parameters.denoise;
    orders.denoise = isp::Denoise {
        constant: denoise.constant as f32,
        slope: denoise.slope as f32,
        strength: denoise.strength as f32,
    };
    let [fast, high_quality] = isp::CHROMA_DENOISE_MODES;
    orders.chroma_denoise = match parameters.chroma_denoise {
        ChromaDenoise::Off => 0.0,
        ChromaDenoise::Fast => fast,
        ChromaDenoise::HighQuality => high_quality,
    };
    let sharpen = parameters.sharpen;
    orders.sharpen =
        isp::Sharpen::times_normal(sharpen.threshold as f32, sharpen.strength as f32, sharpen.limit as f32);
}

/// The processor takes rising points only.
fn gamma(curve: &Curve) -> isp::GammaCurve {
    let mut points: Vec<(u16, u16)> = Vec::with_capacity(curve.x.len());
    for point in curve.x.into_iter().zip(curve.y) {
        if points.last().is_none_or(|last| last.0 < point.0) {
            points.push(point);
        }
    }
    isp::GammaCurve { points }
}

fn shading(table: &LensShading) -> isp::LensShading {
    let plane = |gains: &Vec<u16>| gains.iter().map(|gain| f32::from(*gain) / LENS_GAIN_UNIT).collect();
    let [red, green_red, green_blue, blue] = &table.gains;
    isp::LensShading {
        columns: table.columns as usize,
        rows: table.rows as usize,
        cell_pixels: (table.cell_pixels as f32, table.cell_pixels as f32),
        gains: [plane(red), plane(green_red), plane(green_blue), plane(blue)],
    }
}

/// From the processor's statistics to the algorithms'.
fn read(gathered: &pinhole_imaging::Statistics, statistics: &mut Statistics) {
    let histogram = &gathered.histograms[0];
    statistics.histograms = [histogram.red, histogram.green, histogram.blue];
    std::iter::zip(&mut statistics.awb, &gathered.awb).for_each(|(zone, sums)| *zone = zone_of(sums));
    std::iter::zip(&mut statistics.agc, &gathered.agc).for_each(|(zone, sums)| *zone = zone_of(sums));
    for (window, focus) in std::iter::zip(&mut statistics.focus, &gathered.focus) {
        *window = FocusWindow { contrast: focus.contrast[1][1], counted: focus.count[1][1] };
    }
}

const fn zone_of(sums: &RegionSums) -> Zone {
    let RegionSums { counted, not_counted, red, green, blue } = *sums;
    Zone { counted, uncounted: not_counted, red, green, blue }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would catch modes that change places, and one that stays on.
    #[test]
    fn the_colour_of_noise_is_smoothed_in_the_mode_that_is_asked_for() {
        let mut orders = IspParameters::default();
        let mut told = |chroma_denoise| {
            order(&Parameters { chroma_denoise, ..Parameters::default() }, Changed::ALL, &mut orders);
            orders.chroma_denoise
        };
        let [high_quality, fast, off] =
            [ChromaDenoise::HighQuality, ChromaDenoise::Fast, ChromaDenoise::Off].map(&mut told);
        assert!(high_quality > fast && fast > off && off == 0.0, "{high_quality} {fast} {off}");
    }
}
