//! From the sensor's colours to sRGB: which light is white, and the matrix that follows from a
//! file's calibrations (DNG specification, "Mapping Camera Color Space to CIE XYZ Space").

use crate::invalid;
use pinhole_base::Result;
use pinhole_base::colour::Matrix3;
use pinhole_base::colour::light::{SRGB_TO_XYZ, adaptation, temperature_of, xyz_of_temperature};
use pinhole_files::dng::DngImage;
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
            let white = xyz_of_temperature(f64::from(kelvin));
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
