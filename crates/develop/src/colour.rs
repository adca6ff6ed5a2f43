//! From the sensor's colours to sRGB: which light is white, and the matrix that follows from a
//! file's calibrations (DNG specification, "Mapping Camera Color Space to CIE XYZ Space").

use crate::invalid;
use pinhole_base::Result;
use pinhole_base::colour::Matrix3;
use pinhole_files::dng::DngImage;
use pinhole_files::metadata::SRGB_TO_XYZ;
use pinhole_imaging::parameters::ColourMatrix;

/// Which light is to look white.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum WhiteBalance {
    /// What the camera took for white.
    #[default]
    AsShot,
    /// What makes the picture grey on average.
    Auto,
    /// Daylight or glow of a colour temperature, 1,700 to 25,000 K.
    Temperature(u32),
    /// Gains of red and blue over green, 0.1 to 10.
    Gains([f64; 2]),
}

impl WhiteBalance {
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Temperature(kelvin) if !(1_700..=25_000).contains(&kelvin) => {
                Err(invalid(format!("a colour temperature of {kelvin} K is not 1700 to 25000 K")))
            }
            Self::Gains(gains) if !gains.iter().all(|gain| (0.1..=10.0).contains(gain)) => {
                Err(invalid(format!("the colour gains {gains:?} are not 0.1 to 10")))
            }
            _ => Ok(()),
        }
    }
}

/// How colours are to be rendered.
pub(crate) struct Rendering {
    /// Gains of red and blue over green.
    pub(crate) gains: [f64; 2],
    /// A gain of all colours with which no colour's is below 1: all are white where the first
    /// saturates.
    pub(crate) least_gain: f64,
    /// From balanced sensor colours to linear sRGB; white stays white.
    pub(crate) matrix: ColourMatrix,
}

/// What the frame's colours become. `grey_world` gives the sensor's mean red, green and blue.
///
/// # Errors
/// Those of `grey_world`; `InvalidArgument` where the file's matrix has no inverse or its
/// neutral no colour.
pub(crate) fn rendering(
    image: &DngImage,
    wanted: WhiteBalance,
    grey_world: impl FnOnce() -> Result<[f64; 3]>,
) -> Result<Rendering> {
    let camera = Camera { image };
    let neutral = match wanted {
        WhiteBalance::AsShot => image.as_shot_neutral.unwrap_or([1.0; 3]),
        WhiteBalance::Auto => grey_world()?,
        WhiteBalance::Gains([red, blue]) => [1.0 / red, 1.0, 1.0 / blue],
        WhiteBalance::Temperature(kelvin) => {
            let white = xyz_of(white_of_temperature(f64::from(kelvin)));
            camera.xyz_to_camera(f64::from(kelvin)).apply(white)
        }
    };
    if !neutral.iter().all(|value| value.is_finite() && *value > 1e-3) {
        return Err(invalid(format!("{neutral:?} is no sensor's answer to a white light")));
    }
    let gains = [neutral[1] / neutral[0], neutral[1] / neutral[2]];
    if !gains.iter().all(|gain| (0.01..=100.0).contains(gain)) {
        return Err(invalid(format!("white balance would need the gains {gains:?}")));
    }
    let least = gains[0].min(gains[1]).min(1.0);
    Ok(Rendering { gains, least_gain: 1.0 / least, matrix: camera.to_srgb(neutral)? })
}

struct Camera<'a> {
    image: &'a DngImage,
}

impl Camera<'_> {
    /// The file's matrix for a light: between its two by the inverse of the temperature.
    fn xyz_to_camera(&self, kelvin: f64) -> Matrix3 {
        let srgb = || SRGB_TO_XYZ.inverse().expect("sRGB's matrix has an inverse");
        match &self.image.calibrations[..] {
            [] => srgb(),
            [one] => one.xyz_to_camera,
            [first, second, ..] => {
                let temperatures = [first, second].map(|calibration| calibration.illuminant.temperature_k());
                let [Some(first_k), Some(second_k)] = temperatures else { return first.xyz_to_camera };
                if first_k == second_k {
                    return first.xyz_to_camera;
                }
                let share = (1.0 / kelvin - 1.0 / second_k) / (1.0 / first_k - 1.0 / second_k);
                mixed(&first.xyz_to_camera, &second.xyz_to_camera, share.clamp(0.0, 1.0))
            }
        }
    }

    /// From colours balanced for `neutral` to linear sRGB.
    fn to_srgb(&self, neutral: [f64; 3]) -> Result<ColourMatrix> {
        let singular = || invalid("the file's colour matrix has no inverse".into());
        if self.image.calibrations.is_empty() {
            return Ok(ColourMatrix { matrix: Matrix3::IDENTITY, offsets: [0.0; 3] });
        }
        let (mut kelvin, mut to_xyz) = (5000.0, Matrix3::IDENTITY);
        // The matrix depends on the light, which only the matrix tells: a few rounds suffice.
        for _ in 0..5 {
            to_xyz = self.xyz_to_camera(kelvin).inverse().ok_or_else(singular)?;
            kelvin = temperature_of(to_xyz.apply(neutral)).unwrap_or(kelvin);
        }
        let [x, y, z] = to_xyz.apply(neutral);
        if !(x > 0.0 && y > 0.0 && z > 0.0) {
            return Err(invalid(format!("its white {neutral:?} is no light's by the file's colour matrix")));
        }
        let brightness = Matrix3::diagonal([1.0 / y; 3]);
        let adapted = adaptation([x / y, 1.0, z / y]).ok_or_else(singular)?;
        let from_xyz = SRGB_TO_XYZ.inverse().ok_or_else(singular)?;
        let matrix =
            from_xyz.times(&adapted).times(&brightness).times(&to_xyz).times(&Matrix3::diagonal(neutral));
        Ok(ColourMatrix { matrix, offsets: [0.0; 3] })
    }
}

fn mixed(first: &Matrix3, second: &Matrix3, share: f64) -> Matrix3 {
    let mut mixed = *second;
    for (mixed, first) in mixed.0.as_flattened_mut().iter_mut().zip(first.0.as_flattened()) {
        *mixed += (first - *mixed) * share;
    }
    mixed
}

/// From XYZ under a white to XYZ under sRGB's: Bradford's transform (ICC.1:2010, annex E).
fn adaptation(white: [f64; 3]) -> Option<Matrix3> {
    const BRADFORD: Matrix3 =
        Matrix3([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]);
    let (from, to) = (BRADFORD.apply(white), BRADFORD.apply(SRGB_TO_XYZ.apply([1.0; 3])));
    let gains = Matrix3::diagonal([to[0] / from[0], to[1] / from[1], to[2] / from[2]]);
    Some(BRADFORD.inverse()?.times(&gains).times(&BRADFORD))
}

fn xyz_of([x, y]: [f64; 2]) -> [f64; 3] {
    [x / y, 1.0, (1.0 - x - y) / y]
}

/// Correlated colour temperature of a light, 1,700 to 25,000 K (C. McCamy, "Correlated color
/// temperature as an explicit function of chromaticity coordinates", 1992).
fn temperature_of([x, y, z]: [f64; 3]) -> Option<f64> {
    let sum = x + y + z;
    let n = (x / sum - 0.3320) / (0.1858 - y / sum);
    let kelvin = ((449.0 * n + 3525.0) * n + 6823.3) * n + 5520.33;
    kelvin.is_finite().then(|| kelvin.clamp(1_700.0, 25_000.0))
}

/// Chromaticity x, y of a light of that colour temperature: a glowing body's up to 4,000 K
/// (B. Kim and others, US patent 7,024,034), daylight above (CIE 15).
fn white_of_temperature(kelvin: f64) -> [f64; 2] {
    let t = 1e3 / kelvin;
    if kelvin < 4_000.0 {
        let x = ((-0.266_123_9 * t - 0.234_358_9) * t + 0.877_695_6) * t + 0.179_910;
        let y = if kelvin < 2_222.0 {
            ((-1.106_381_4 * x - 1.348_110_2) * x + 2.185_558_32) * x - 0.202_196_83
        } else {
            ((-0.954_947_6 * x - 1.374_185_93) * x + 2.091_370_15) * x - 0.167_488_67
        };
        return [x, y];
    }
    let x = if kelvin <= 7_000.0 {
        ((-4.607 * t + 2.9678) * t + 0.09911) * t + 0.244_063
    } else {
        ((-2.0064 * t + 1.9018) * t + 0.24748) * t + 0.237_040
    };
    [x, (-3.0 * x + 2.870) * x - 0.275]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_lights_have_their_colours() {
        let near = |kelvin: f64, wanted: [f64; 2], tolerance: f64| {
            let got = white_of_temperature(kelvin);
            let good = got.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < tolerance);
            assert!(good, "{kelvin} K: {got:?}, not {wanted:?}");
        };
        near(6504.0, [0.3127, 0.3290], 0.0005);
        near(5003.0, [0.3457, 0.3585], 0.0005);
        near(2856.0, [0.4476, 0.4074], 0.001);
    }

    #[test]
    fn temperatures_come_back() {
        for kelvin in [2500.0, 3500.0, 4500.0, 6500.0, 9000.0] {
            let got = temperature_of(xyz_of(white_of_temperature(kelvin))).unwrap();
            assert!((got / kelvin - 1.0).abs() < 0.02, "{kelvin} K: {got}");
        }
    }

    #[test]
    fn adaptation_makes_the_light_white() {
        let light = xyz_of(white_of_temperature(2856.0));
        let adapted = adaptation(light).unwrap().apply(light);
        for (got, wanted) in adapted.iter().zip(SRGB_TO_XYZ.apply([1.0; 3])) {
            assert!((got - wanted).abs() < 1e-9, "{adapted:?}");
        }
    }
}
