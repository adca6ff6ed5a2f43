//! The tone curve: sRGB's (IEC 61966-2-1), with contrast and brightness.

use super::number;
use crate::controller::{Algorithm, Preparation};
use crate::parameters::{CURVE_POINTS, Curve};
use pinhole_base::colour::Toning;
use pinhole_base::control::{BRIGHTNESS, CONTRAST, ControlList};

pub(super) struct ToneCurve {
    toning: Toning,
    curve: Curve,
}

impl Default for ToneCurve {
    fn default() -> Self {
        Self { toning: Toning::NONE, curve: curve(Toning::NONE) }
    }
}

impl Algorithm for ToneCurve {
    fn control(&mut self, controls: &ControlList) {
        let toning = Toning {
            contrast: number(controls, CONTRAST).unwrap_or(self.toning.contrast),
            brightness: number(controls, BRIGHTNESS).unwrap_or(self.toning.brightness),
        };
        if toning != self.toning {
            *self = Self { toning, curve: curve(toning) };
        }
    }

    fn prepare(&mut self, frame: &mut Preparation<'_>) {
        frame.parameters.gamma = self.curve;
        let Toning { contrast, brightness } = self.toning;
        frame.metadata.set(BRIGHTNESS, brightness as f32).set(CONTRAST, contrast as f32);
    }
}

/// Points at equal steps of the encoded value, so that they are dense where it is steep.
fn curve(toning: Toning) -> Curve {
    let encoded = |i: usize| i as f64 / (CURVE_POINTS - 1) as f64;
    Curve {
        x: std::array::from_fn(|i| to_code(decode(encoded(i)))),
        y: std::array::from_fn(|i| to_code(toning.apply(encoded(i)))),
    }
}

fn to_code(value: f64) -> u16 {
    (value.clamp(0.0, 1.0) * 65535.0).round() as u16
}

/// From an encoded value of sRGB to a linear one.
fn decode(encoded: f64) -> f64 {
    if encoded <= 0.040_45 { encoded / 12.92 } else { ((encoded + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_curve_is_srgbs() {
        let curve = curve(Toning::NONE);
        assert_eq!((curve.x[0], curve.y[0], curve.x[32], curve.y[32]), (0, 0, 65535, 65535));
        // Middle grey: encoded 0.5 is 21.4 % of the light.
        assert_eq!((curve.x[16], curve.y[16]), (14_027, 32_768));
    }

    #[test]
    fn contrast_turns_about_the_middle_and_brightness_shifts() {
        let steep = curve(Toning { contrast: 2.0, ..Toning::NONE });
        assert_eq!((steep.y[16], steep.y[8], steep.y[20]), (32_768, 0, 49_151));
        assert_eq!(curve(Toning { brightness: 0.25, ..Toning::NONE }).y[8], 32_768);
    }

    proptest! {
        #[test]
        fn curves_never_fall(brightness in -1.0f64..1.0, contrast in 0.0f64..32.0) {
            let curve = curve(Toning { contrast, brightness });
            prop_assert!(curve.x.is_sorted() && curve.y.is_sorted());
        }
    }
}
