//! Estimates how much light falls on the scene.
//!
//! The mean brightness tells how much light reached the sensor in its exposure; a scene
//! throws back about 18 % of what falls on it (the photographer's grey card).

use super::luma;
use crate::controller::{Algorithm, Processing};
use crate::statistics::{WHITE, Zone};
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

/// Mean red, green and blue of all cells counted, where 1 is white; `None` if there are none. Sums
/// that no hardware makes wrap around: what comes of them means nothing, but is finite.
fn mean(zones: &[Zone]) -> Option<[f64; 3]> {
    let add = |a: [u64; 4], zone: &Zone| {
        let zone = [u64::from(zone.counted), zone.red, zone.green, zone.blue];
        std::array::from_fn(|i| a[i].wrapping_add(zone[i]))
    };
    let [counted, sums @ ..] = zones.iter().fold([0; 4], add);
    (counted > 0).then(|| sums.map(|sum| sum as f64 / (counted as f64 * WHITE)))
}

impl Algorithm for LuxEstimate {
    fn process(&mut self, frame: &mut Processing<'_>) {
        let Some(saturation_lux_s) = self.saturation_lux_s else { return };
        let Some(mean) = mean(&frame.statistics.awb) else { return };
        let light = luma(mean) * saturation_lux_s / REFLECTANCE;
        let lux = light / (frame.context.taken.total_s() * frame.configuration.sensitivity.max(1e-3));
        frame.metadata.set(LUX, lux.min(1e7) as f32);
    }
}
