//! From the sensor's colours to sRGB: which light is white, and the matrix that follows from a
//! file's calibrations (DNG specification, "Mapping Camera Color Space to CIE XYZ Space").

use crate::invalid;
use pinhole_base::Result;
use pinhole_base::colour::Matrix3;
use pinhole_base::colour::light::{D50_XYZ, SRGB_TO_XYZ, adaptation, temperature_of, xyz_of_temperature};
use pinhole_files::dng::DngImage;
use pinhole_files::metadata::{Calibration, Illuminant};
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
    /// A matrix of the file's for a light: between its two by the inverse of the temperature; the
    /// only one where there are not two. `None` where there is none.
    fn between(&self, kelvin: f64, matrix: impl Fn(&Calibration) -> Option<Matrix3>) -> Option<Matrix3> {
        let calibrations = &self.image.calibrations[..];
        match (calibrations.first().and_then(&matrix), calibrations.get(1).and_then(&matrix)) {
            (Some(first), Some(second)) => {
                let share = share(calibrations[0].illuminant, calibrations[1].illuminant, kelvin);
                Some(mixed(&first, &second, share))
            }
            (first, second) => first.or(second),
        }
    }

    /// The file's matrix from CIE XYZ to the sensor's colours for a light.
    fn xyz_to_camera(&self, kelvin: f64) -> Matrix3 {
        let srgb = || SRGB_TO_XYZ.inverse().expect("sRGB's matrix has an inverse");
        self.between(kelvin, |calibration| Some(calibration.xyz_to_camera)).unwrap_or_else(srgb)
    }

    /// From colours balanced for `neutral` to linear sRGB: by the file's forward matrices where it
    /// has such, else by the inverse of its colour matrices.
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
        let light = to_xyz.apply(neutral);
        if !light.iter().all(|value| *value > 0.0) {
            return Err(invalid(format!("its white {neutral:?} is no light's by the file's colour matrix")));
        }
        let (balanced_to_xyz, white) = match self.between(kelvin, forward) {
            Some(forward) => (forward, D50_XYZ),
            None => balanced_to_xyz(&to_xyz, neutral, light),
        };
        let adapted = adaptation(white).ok_or_else(singular)?;
        let from_xyz = SRGB_TO_XYZ.inverse().ok_or_else(singular)?;
        Ok(ColourMatrix { matrix: from_xyz.times(&adapted).times(&balanced_to_xyz), offsets: [0.0; 3] })
    }
}

/// From colours balanced for `neutral` to CIE XYZ under the light, and the light at Y = 1.
fn balanced_to_xyz(to_xyz: &Matrix3, neutral: [f64; 3], [x, y, z]: [f64; 3]) -> (Matrix3, [f64; 3]) {
    let brightness = Matrix3::diagonal([1.0 / y; 3]);
    (brightness.times(to_xyz).times(&Matrix3::diagonal(neutral)), [x / y, 1.0, z / y])
}

/// A calibration's forward matrix, with white just D50's, whatever digits the file has. `None` where
/// there is none, or one that makes no light of white.
fn forward(calibration: &Calibration) -> Option<Matrix3> {
    let matrix = calibration.forward?;
    let white = matrix.apply([1.0; 3]);
    let gains = [0, 1, 2].map(|row| D50_XYZ[row] / white[row]);
    let is_light = gains.iter().all(|gain| gain.is_finite() && *gain > 0.0);
    is_light.then(|| Matrix3::diagonal(gains).times(&matrix))
}

/// How much of the first of two lights' matrices is in a light's. The first alone where one of the
/// lights has no known temperature.
fn share(first: Illuminant, second: Illuminant, kelvin: f64) -> f64 {
    match [first.temperature_k(), second.temperature_k()] {
        [Some(first), Some(second)] if first != second => {
            ((1.0 / kelvin - 1.0 / second) / (1.0 / first - 1.0 / second)).clamp(0.0, 1.0)
        }
        _ => 1.0,
    }
}

fn mixed(first: &Matrix3, second: &Matrix3, share: f64) -> Matrix3 {
    let mut mixed = *second;
    for (mixed, first) in mixed.0.as_flattened_mut().iter_mut().zip(first.0.as_flattened()) {
        *mixed += (first - *mixed) * share;
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_base::format::{BayerOrder, Packing, RawFormat};
    use pinhole_base::geometry::Size;
    use pinhole_files::RawImage;
    use pinhole_files::dng::{self, DngMetadata};

    const COLOURS: Matrix3 = Matrix3([[0.8, -0.2, -0.1], [-0.4, 1.2, 0.2], [-0.1, 0.3, 0.6]]);
    const WARM: Matrix3 = Matrix3([[0.62, 0.20, 0.14], [0.24, 0.80, -0.04], [0.05, -0.10, 0.87]]);
    const COOL: Matrix3 = Matrix3([[0.45, 0.40, 0.11], [0.20, 0.90, -0.10], [0.01, 0.02, 0.79]]);

    /// A file with the same colour matrix for both lights: whatever light a neutral is by it, it is.
    fn file(warm: Option<Matrix3>, cool: Option<Matrix3>) -> DngImage {
        let (format, size) = (RawFormat::bayer(BayerOrder::Rggb, 8, Packing::Unpacked), Size::new(2, 2));
        let frame = RawImage::new(format, size, 2, &[0; 4]).unwrap();
        let calibration =
            |illuminant, forward| Some(Calibration { illuminant, xyz_to_camera: COLOURS, forward });
        let metadata = DngMetadata {
            calibration: calibration(Illuminant::StandardA, warm),
            second_calibration: calibration(Illuminant::D65, cool),
            ..DngMetadata::default()
        };
        let mut bytes = Vec::new();
        dng::write(&mut bytes, &frame, &metadata).unwrap();
        dng::read(&bytes).unwrap()
    }

    /// The matrix of a file for a light of that colour temperature.
    fn rendered(image: &DngImage, kelvin: f64) -> Matrix3 {
        let [red, green, blue] = COLOURS.apply(xyz_of_temperature(kelvin));
        let balance = WhiteBalance::Gains([green / red, green / blue]);
        rendering(image, balance, || unreachable!("gains are given")).unwrap().matrix.matrix
    }

    fn assert_near(got: &Matrix3, wanted: &Matrix3, tolerance: f64) {
        let pairs = got.0.as_flattened().iter().zip(wanted.0.as_flattened());
        let good = pairs.clone().all(|(got, wanted)| (got - wanted).abs() < tolerance);
        assert!(good, "{got:?}, not {wanted:?}");
    }

    /// The way by hand: B. Lindbloom's matrix from XYZ under D50 to linear sRGB (Bradford), behind the
    /// mean of two matrices, each scaled to D50's white.
    fn by_hand(share_of_warm: f64) -> Matrix3 {
        const D50_TO_SRGB: [[f64; 3]; 3] = [
            [3.133_856_1, -1.616_866_7, -0.490_614_6],
            [-0.978_768_4, 1.916_141_5, 0.033_454_0],
            [0.071_945_3, -0.228_991_4, 1.405_242_7],
        ];
        let cell = |(share, matrix): (f64, Matrix3), row: usize, column: usize| -> f64 {
            let through = |inner: usize| {
                let white: f64 = matrix.0[inner].iter().sum();
                let to_d50 = [0.9642, 1.0, 0.8249][inner] / white * matrix.0[inner][column];
                D50_TO_SRGB[row][inner] * to_d50
            };
            share * (through(0) + through(1) + through(2))
        };
        let (warm, cool) = ((share_of_warm, WARM), (1.0 - share_of_warm, COOL));
        let both = |row, column| cell(warm, row, column) + cell(cool, row, column);
        Matrix3(std::array::from_fn(|row| std::array::from_fn(|column| both(row, column))))
    }

    /// Would catch matrices that change places, that are mixed by temperature and not by its inverse,
    /// or that are applied under the wrong white.
    #[test]
    fn forward_matrices_are_mixed_by_the_inverse_of_the_temperature() {
        let image = file(Some(WARM), Some(COOL));
        for (kelvin, share_of_warm) in [(2856.0, 1.0), (3969.0, 0.5), (6504.0, 0.0)] {
            assert_near(&rendered(&image, kelvin), &by_hand(share_of_warm), 0.02);
        }
        assert_near(&rendered(&image, 2000.0), &by_hand(1.0), 1e-3); // beyond the lights: the nearer one's
        assert_near(&rendered(&image, 9000.0), &by_hand(0.0), 1e-3);
    }

    #[test]
    fn white_stays_white() {
        let image = file(Some(WARM), Some(COOL));
        for kelvin in [2500.0, 4000.0, 5000.0, 8000.0] {
            for value in rendered(&image, kelvin).apply([1.0; 3]) {
                assert!((value - 1.0).abs() < 1e-9, "{kelvin} K: {value}");
            }
        }
    }

    #[test]
    fn one_forward_matrix_is_for_all_lights_and_none_leaves_the_colour_matrix() {
        for kelvin in [3000.0, 6000.0] {
            assert_near(&rendered(&file(Some(WARM), None), kelvin), &by_hand(1.0), 1e-3);
            assert_near(&rendered(&file(None, Some(COOL)), kelvin), &by_hand(0.0), 1e-3);
        }
        let light = Illuminant::StandardA.temperature_k().unwrap();
        let colours = Calibration::new(Illuminant::StandardA, COLOURS).forward;
        let without = rendered(&file(None, None), light);
        assert_near(&without, &rendered(&file(colours, colours), light), 1e-4);
        // As the file of a program that had none may say.
        let black = Matrix3([[0.1, 0.2, -0.5], [0.3, 0.1, 0.2], [0.2, 0.5, 0.1]]);
        assert_near(&rendered(&file(Some(black), None), light), &without, 1e-9);
    }
}
