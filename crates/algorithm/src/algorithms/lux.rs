//! Estimates how much light falls on the scene.
//!
//! The mean brightness tells how much light reached the sensor in its exposure; a scene
//! throws back about 18 % of what falls on it (the photographer's grey card).

use super::luma;
use crate::controller::{Algorithm, Processing};
use pinhole_base::control::LUX;

const REFLECTANCE: f64 = 0.18;

pub(super) struct LuxEstimate {
    saturation_lux_s: Option<f64>,
}

impl LuxEstimate {
    pub(super) fn new(saturation_lux_s: Option<f64>) -> Self {
        Self { saturation_lux_s }
    }
}

impl Algorithm for LuxEstimate {
    fn process(&mut self, frame: &mut Processing<'_>) {
        let Some(saturation_lux_s) = self.saturation_lux_s else { return };
        let means = frame.statistics.awb.iter().filter_map(|zone| zone.mean());
        let (sum, count) = means.fold((0.0, 0.0), |(sum, count), mean| (sum + luma(mean), count + 1.0));
        if count == 0.0 {
            return;
        }
        let light = sum / count * saturation_lux_s / REFLECTANCE;
        let lux = light / (frame.context.taken.total_s() * frame.configuration.sensitivity.max(1e-3));
        frame.metadata.set(LUX, lux.min(1e7) as f32);
    }
}
