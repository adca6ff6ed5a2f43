//! The curve of lights: what a sensor makes of white, by colour temperature.

use crate::interpolation::{locate, mix};
use crate::tuning::WhitePoint;

/// A light near a measured colour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Light {
    pub(super) kelvin: f64,
    /// How far the colour lies from the curve, squared.
    pub(super) distance2: f64,
}

pub(super) struct LightCurve {
    points: Vec<WhitePoint>,
}

impl LightCurve {
    pub(super) fn new(points: &[WhitePoint]) -> Self {
        Self { points: points.to_vec() }
    }

    /// Red and blue over green under a light; `None` without a curve.
    pub(super) fn at(&self, kelvin: f64) -> Option<[f64; 2]> {
        let (below, part) = locate(kelvin, self.points.iter().map(|point| point.kelvin))?;
        let (a, b) = (&self.points[below], &self.points[(below + 1).min(self.points.len() - 1)]);
        Some([mix(a.red, b.red, part), mix(a.blue, b.blue, part)])
    }

    /// Red and blue over green of lights along the curve, in even steps of 1e6/K.
    pub(super) fn spread(&self, count: usize) -> impl Iterator<Item = [f64; 2]> + '_ {
        let ends = self.points.first().zip(self.points.last());
        ends.into_iter().flat_map(move |(first, last)| {
            let step = 1.0 / (count.max(2) - 1) as f64;
            (0..count).filter_map(move |i| {
                let mired = mix(1e6 / first.kelvin, 1e6 / last.kelvin, i as f64 * step);
                self.at(1e6 / mired)
            })
        })
    }

    /// The light on the curve nearest to a colour; `None` without a curve.
    pub(super) fn nearest(&self, ratios: [f64; 2]) -> Option<Light> {
        let lights = self.points.windows(2).map(|pair| nearest_between(&pair[0], &pair[1], ratios));
        lights.min_by(|a, b| a.distance2.total_cmp(&b.distance2))
    }
}

fn nearest_between(a: &WhitePoint, b: &WhitePoint, [red, blue]: [f64; 2]) -> Light {
    let (along_red, along_blue) = (b.red - a.red, b.blue - a.blue);
    let length2 = (along_red * along_red + along_blue * along_blue).max(f64::MIN_POSITIVE);
    let part = ((red - a.red) * along_red + (blue - a.blue) * along_blue) / length2;
    let part = part.clamp(0.0, 1.0);
    let (off_red, off_blue) = (red - mix(a.red, b.red, part), blue - mix(a.blue, b.blue, part));
    Light { kelvin: mix(a.kelvin, b.kelvin, part), distance2: off_red * off_red + off_blue * off_blue }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::{IMX219, IMX477};

    #[test]
    fn every_light_is_found_again() {
        for tuning in [&IMX219, &IMX477] {
            let curve = LightCurve::new(&tuning.white_balance.curve);
            for kelvin in (2500..=8500).step_by(50).map(f64::from) {
                let light = curve.nearest(curve.at(kelvin).unwrap()).unwrap();
                assert!((light.kelvin - kelvin).abs() < 1.0, "{} K became {}", kelvin, light.kelvin);
                assert!(light.distance2 < 1e-12);
            }
        }
    }

    #[test]
    fn beyond_the_curve_its_ends_hold() {
        let curve = LightCurve::new(&IMX219.white_balance.curve);
        assert_eq!(curve.at(1000.0), curve.at(2500.0));
        assert_eq!(curve.at(20_000.0), curve.at(8500.0));
    }
}
