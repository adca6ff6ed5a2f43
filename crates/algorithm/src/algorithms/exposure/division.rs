//! Divides a total exposure into exposure time and analogue gain.

use crate::configuration::Limits;
use crate::tuning::ExposureStage;

/// What bounds the division. Times in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) exposure_s: Limits<f64>,
    pub(super) gain: Limits<f64>,
    /// Exposures longer than this are whole multiples of it.
    pub(super) flicker_period_s: Option<f64>,
}

/// Exposure time in seconds, and analogue gain, for a total exposure (their product); short of
/// it where the bounds do not allow more. Fixed values have equal bounds.
pub(super) fn divide(total_s: f64, profile: &[ExposureStage], bounds: &Bounds) -> (f64, f64) {
    let (mut exposure_s, mut gain) = (bounds.exposure_s.min, bounds.gain.min);
    for stage in profile {
        exposure_s = raise(exposure_s, total_s / gain, stage.exposure_s, bounds.exposure_s);
        gain = raise(gain, total_s / exposure_s, stage.gain, bounds.gain);
    }
    gain = raise(gain, total_s / exposure_s, f64::INFINITY, bounds.gain);
    avoid_flicker(exposure_s, gain, bounds)
}

/// Raises a value to what is needed, as far as the stage and the limits go.
fn raise(value: f64, needed: f64, stage: f64, limits: Limits<f64>) -> f64 {
    limits.clamp(value.max(needed.min(stage)))
}

fn avoid_flicker(exposure_s: f64, gain: f64, bounds: &Bounds) -> (f64, f64) {
    let fixed = bounds.exposure_s.min == bounds.exposure_s.max;
    let Some(period_s) = bounds.flicker_period_s.filter(|_| !fixed) else { return (exposure_s, gain) };
    // A hair of slack, so that a multiple stays itself.
    let steady_s = (exposure_s / period_s + 1e-6).floor() * period_s;
    if steady_s < bounds.exposure_s.min.max(period_s) || steady_s > bounds.exposure_s.max {
        return (exposure_s, gain);
    }
    (steady_s, bounds.gain.clamp(gain * exposure_s / steady_s))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::Tuning;
    use proptest::prelude::*;

    const BOUNDS: Bounds = Bounds {
        exposure_s: Limits { min: 1e-4, max: 0.2 },
        gain: Limits { min: 1.0, max: 10.0 },
        flicker_period_s: None,
    };

    fn divided(total_s: f64, bounds: &Bounds) -> (f64, f64) {
        divide(total_s, &Tuning::UNCALIBRATED.exposure.profile, bounds)
    }

    #[test]
    fn exposure_and_gain_rise_in_turns() {
        assert_eq!(divided(0.0, &BOUNDS), (1e-4, 1.0));
        assert_eq!(divided(0.005, &BOUNDS), (0.005, 1.0));
        assert_eq!(divided(0.012, &BOUNDS), (0.010, 1.2));
        assert_eq!(divided(0.030, &BOUNDS), (0.020, 1.5));
        assert_eq!(divided(1e9, &BOUNDS), (0.0666, 10.0));
    }

    #[test]
    fn fixed_values_stay() {
        let exposure_fixed = Bounds { exposure_s: Limits { min: 0.15, max: 0.15 }, ..BOUNDS };
        assert_eq!(divided(0.45, &exposure_fixed), (0.15, 3.0));
        let gain_fixed = Bounds { gain: Limits { min: 8.0, max: 8.0 }, ..BOUNDS };
        assert_eq!(divided(0.16, &gain_fixed), (0.02, 8.0));
    }

    #[test]
    fn flicker_is_avoided_by_whole_periods() {
        let bounds = Bounds { flicker_period_s: Some(0.010), ..BOUNDS };
        let (exposure_s, gain) = divided(0.025 * 1.5, &bounds);
        assert!((exposure_s - 0.020).abs() < 1e-9);
        assert!((exposure_s * gain - 0.0375).abs() < 1e-9);
        assert_eq!(divided(0.004, &bounds).0, 0.004);
    }

    proptest! {
        #[test]
        fn the_product_is_the_total_where_it_can_be(total_s in 1e-4f64..0.666) {
            let (exposure_s, gain) = divided(total_s, &BOUNDS);
            prop_assert!((exposure_s * gain / total_s - 1.0).abs() < 1e-9);
        }

        #[test]
        fn more_light_needed_never_lowers_either(total_s in 1e-5f64..1.0, more in 1.0f64..3.0) {
            let (a, b) = (divided(total_s, &BOUNDS), divided(total_s * more, &BOUNDS));
            prop_assert!(b.0 > a.0 * (1.0 - 1e-9) && b.1 > a.1 * (1.0 - 1e-9));
        }
    }
}
