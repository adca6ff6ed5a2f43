//! What the algorithms must know of a sensor and its lens, as plain data.
//!
//! The sensors that are known by name have constants here; every other gets
//! [`Tuning::UNCALIBRATED`]. A tuning of one's own is a value of [`Tuning`] like these.

mod imx219;
mod imx477;

use crate::interpolation::{locate, mix};
use pinhole_base::colour::Matrix3;
use std::borrow::Cow;

pub use imx219::IMX219;
pub use imx477::IMX477;

/// Everything that is tuned.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    /// The sensor it is for.
    pub name: Cow<'static, str>,
    /// Frames to mark as not settled after a first start.
    pub startup_frames: u32,
    /// Automatic exposure.
    pub exposure: ExposureTuning,
    /// Automatic white balance.
    pub white_balance: WhiteBalanceTuning,
    /// Colour matrices by rising temperature; none leaves colours as they are.
    pub colour: Cow<'static, [ColourPoint]>,
    /// Light that makes a white surface reach the sensor's highest code at a gain of 1, in
    /// lux seconds; `None` if not known.
    pub saturation_lux_s: Option<f64>,
    /// How much darker the picture gets away from the centre, for red, green and blue: the
    /// lens passes `1 / (1 + a r² + b r⁴)`, where `r` is 1 in the corner of the active area.
    pub vignetting: Option<[[f64; 2]; 3]>,
    /// Noise and sharpness.
    pub detail: DetailTuning,
}

/// How exposure is controlled.
#[derive(Clone, Debug, PartialEq)]
pub struct ExposureTuning {
    /// The brightness aimed at: mean luma, where 1 is white.
    pub target: f64,
    /// Exposure of the very first frame, in seconds, at a gain of 1.
    pub initial_s: f64,
    /// How exposure and gain rise with the need for light: first the exposure to that of a
    /// stage, then the gain, then on to the next stage. After the last one gain rises as far
    /// as the sensor goes.
    pub profile: Cow<'static, [ExposureStage]>,
    /// Greatest digital gain, to make up for what the sensor cannot do.
    pub digital_gain_max: f64,
    /// The part of an error that is corrected from frame to frame, 0 to 1, in stops.
    pub speed: f64,
    /// Frames after a start in which the whole error is corrected at once.
    pub fast_frames: u32,
    /// Shortest time from frame to frame, in seconds, where the application sets none.
    pub frame_duration_min_s: f64,
}

/// A stage of an exposure profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExposureStage {
    /// Exposure in seconds.
    pub exposure_s: f64,
    /// Analogue gain.
    pub gain: f64,
}

/// How white balance is controlled.
#[derive(Clone, Debug, PartialEq)]
pub struct WhiteBalanceTuning {
    /// The sensor's answers to white by rising temperature. Without them, white balance makes
    /// the mean of the picture grey.
    pub curve: Cow<'static, [WhitePoint]>,
    /// Temperature before anything is known.
    pub initial_k: f64,
    /// How far from the curve a zone may lie to count as grey, in units of red or blue over
    /// green.
    pub tolerance: f64,
    /// The part of an error that is corrected from frame to frame, 0 to 1.
    pub speed: f64,
    /// Frames after a start in which the whole error is corrected at once.
    pub fast_frames: u32,
}

/// A sensor's answer to a white surface in light of one temperature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WhitePoint {
    /// Colour temperature of the light.
    pub kelvin: f64,
    /// Red over green.
    pub red: f64,
    /// Blue over green.
    pub blue: f64,
}

/// The colour matrix for light of one temperature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColourPoint {
    /// Colour temperature of the light.
    pub kelvin: f64,
    /// From white-balanced sensor colours to linear sRGB; rows sum to 1.
    pub matrix: Matrix3,
}

/// Noise and sharpness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DetailTuning {
    /// 16-bit codes that one electron makes at a gain of 1.
    pub codes_per_electron: f64,
    /// Noise before the gain, in electrons.
    pub read_noise_electrons: f64,
    /// Strength of smoothing, 0 to 1.
    pub denoise_strength: f64,
    /// Strength of sharpening; 1 is normal.
    pub sharpen_strength: f64,
}

const fn white(kelvin: f64, red: f64, blue: f64) -> WhitePoint {
    WhitePoint { kelvin, red, blue }
}

const fn point(kelvin: f64, matrix: [[f64; 3]; 3]) -> ColourPoint {
    ColourPoint { kelvin, matrix: Matrix3(matrix) }
}

const PROFILE: &[ExposureStage] = &[
    ExposureStage { exposure_s: 0.010, gain: 1.5 },
    ExposureStage { exposure_s: 0.030, gain: 4.0 },
    ExposureStage { exposure_s: 0.0666, gain: 6.0 },
];

impl WhiteBalanceTuning {
    /// The answer to white, red and blue over green, in light of that temperature; `None` without a
    /// curve.
    pub fn white_at(&self, kelvin: f64) -> Option<[f64; 2]> {
        let (below, part) = place(kelvin, self.curve.iter().map(|point| point.kelvin))?;
        let (warm, cool) = (&self.curve[below], &self.curve[(below + 1).min(self.curve.len() - 1)]);
        Some([mix(warm.red, cool.red, part), mix(warm.blue, cool.blue, part)])
    }
}

/// The matrix of the light of that temperature; `None` without points.
pub(crate) fn matrix_at(points: &[ColourPoint], kelvin: f64) -> Option<Matrix3> {
    let (below, part) = place(kelvin, points.iter().map(|point| point.kelvin))?;
    let cool = &points[(below + 1).min(points.len() - 1)].matrix;
    let mut matrix = points[below].matrix;
    for (value, cool) in matrix.0.iter_mut().flatten().zip(cool.0.iter().flatten()) {
        *value = mix(*value, *cool, part);
    }
    Some(matrix)
}

/// Where a temperature lies among others, in proportion to the reciprocal.
fn place(kelvin: f64, among: impl ExactSizeIterator<Item = f64> + Clone) -> Option<(usize, f64)> {
    let mired = |kelvin: f64| -1e6 / kelvin.max(1.0);
    locate(mired(kelvin), among.map(mired))
}

impl Tuning {
    /// The matrix from white-balanced sensor colours to linear sRGB in light of that temperature;
    /// `None` if the sensor is not calibrated.
    pub fn colour_at(&self, kelvin: f64) -> Option<Matrix3> {
        matrix_at(&self.colour, kelvin)
    }

    /// For sensors of which nothing is known.
    pub const UNCALIBRATED: Self = Self {
        name: Cow::Borrowed("uncalibrated"),
        startup_frames: 8,
        exposure: ExposureTuning {
            target: 0.22,
            initial_s: 0.010,
            profile: Cow::Borrowed(PROFILE),
            digital_gain_max: 4.0,
            speed: 0.4,
            fast_frames: 10,
            frame_duration_min_s: 1.0 / 30.0,
        },
        white_balance: WhiteBalanceTuning {
            curve: Cow::Borrowed(&[]),
            initial_k: 5000.0,
            tolerance: 0.07,
            speed: 0.25,
            fast_frames: 10,
        },
        colour: Cow::Borrowed(&[]),
        saturation_lux_s: None,
        vignetting: None,
        detail: DetailTuning {
            codes_per_electron: 12.0,
            read_noise_electrons: 3.0,
            denoise_strength: 0.5,
            sharpen_strength: 1.0,
        },
    };

    /// The tunings of the sensors that are known by name.
    pub const ALL: [&'static Self; 2] = [&IMX219, &IMX477];

    /// The tuning for a sensor, e.g. `imx219`; [`Self::UNCALIBRATED`] if there is none.
    pub fn find(sensor: &str) -> &'static Self {
        static UNCALIBRATED: Tuning = Tuning::UNCALIBRATED;
        Self::ALL.into_iter().find(|tuning| tuning.name == sensor).unwrap_or(&UNCALIBRATED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensors_are_found_by_name() {
        assert_eq!(Tuning::find("imx219").name, "imx219");
        assert_eq!(Tuning::find("imx477").name, "imx477");
        assert_eq!(Tuning::find("ov5647").name, "uncalibrated");
    }

    #[test]
    fn matrices_keep_grey_grey() {
        for tuning in Tuning::ALL {
            for point in tuning.colour.iter() {
                let [red, green, blue] = point.matrix.apply([1.0; 3]);
                for value in [red, green, blue] {
                    assert!((value - 1.0).abs() < 2e-4, "{} at {} K: {value}", tuning.name, point.kelvin);
                }
            }
        }
    }

    #[test]
    fn temperatures_rise() {
        for tuning in Tuning::ALL {
            assert!(tuning.white_balance.curve.is_sorted_by(|a, b| a.kelvin < b.kelvin));
            assert!(tuning.colour.is_sorted_by(|a, b| a.kelvin < b.kelvin));
        }
    }
}
