//! What a file says of its frame, whichever kind of file it is. Knows nothing of tags; reads
//! no clock: the caller gives the date.

use pinhole_base::colour::Matrix3;
use pinhole_base::colour::light::{D50_XYZ, SRGB_TO_XYZ, adaptation_to, xyz_of_temperature};
use pinhole_base::geometry::Transform;
use pinhole_base::{Error, ErrorKind, Result};
use std::fmt;
use std::time::Duration;

/// What is known of how a frame was taken. Whatever is `None` or empty is left out of files.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageMetadata {
    /// Who made the camera.
    pub make: String,
    /// The camera's or the sensor's model.
    pub model: String,
    /// The program that wrote the file, with its version.
    pub software: String,
    /// When the frame was taken.
    pub date_time: Option<DateTime>,
    /// What must still be done to the frame to show it upright.
    pub transform: Transform,
    /// How long the sensor gathered light.
    pub exposure_time: Option<Duration>,
    /// The sensor's gain before digitising, as a factor above 0.
    pub analogue_gain: Option<f64>,
    /// The gain after digitising, as a factor above 0.
    pub digital_gain: Option<f64>,
    /// How much brighter than normal the exposure aimed, in stops.
    pub exposure_bias_ev: Option<f64>,
    /// The lens's focal length over its aperture's diameter.
    pub f_number: Option<f64>,
    /// The lens's focal length.
    pub focal_length_mm: Option<f64>,
    /// Estimated illuminance of the scene.
    pub lux: Option<f64>,
    /// Correlated colour temperature of the light.
    pub colour_temperature_k: Option<u32>,
    /// White-balance gains of red and blue over green.
    pub colour_gains: Option<[f64; 2]>,
    /// From white-balanced sensor colours to linear sRGB; a neutral colour stays neutral.
    pub ccm: Option<Matrix3>,
    /// The code of black for red, green in red rows, green in blue rows and blue, scaled to
    /// 16 bits whatever the sample's width. Monochrome sensors use the first.
    pub black_levels: [u16; 4],
}

impl Default for ImageMetadata {
    fn default() -> Self {
        Self {
            make: String::new(),
            model: String::new(),
            software: concat!("Pinhole ", env!("CARGO_PKG_VERSION")).to_owned(),
            date_time: None,
            transform: Transform::IDENTITY,
            exposure_time: None,
            analogue_gain: None,
            digital_gain: None,
            exposure_bias_ev: None,
            f_number: None,
            focal_length_mm: None,
            lux: None,
            colour_temperature_k: None,
            colour_gains: None,
            ccm: None,
            black_levels: [0; 4],
        }
    }
}

impl ImageMetadata {
    /// The sensitivity as EXIF has it: 100 times all gains. `None` if no gain is known.
    pub fn iso(&self) -> Option<u32> {
        if self.analogue_gain.is_none() && self.digital_gain.is_none() {
            return None;
        }
        Some((100.0 * self.analogue_gain.unwrap_or(1.0) * self.digital_gain.unwrap_or(1.0)).round() as u32)
    }

    /// The sensor's answer to white, `[red, green, blue]`, green being 1: what the colour gains
    /// make neutral.
    pub fn as_shot_neutral(&self) -> Option<[f64; 3]> {
        self.colour_gains.map(|[red, blue]| [1.0 / red, 1.0, 1.0 / blue])
    }

    /// Refuses what no file can say anything sensible with.
    ///
    /// # Errors
    /// `InvalidArgument` naming the first text of more than 1024 bytes, number that is not
    /// finite or not above zero where it must be, or date that is none.
    pub fn check(&self) -> Result<()> {
        for (name, text) in [("make", &self.make), ("model", &self.model), ("software", &self.software)] {
            check_text(name, text)?;
        }
        let [red, blue] = self.colour_gains.map_or([None; 2], |gains| gains.map(Some));
        let above_zero = [
            ("analogue gain", self.analogue_gain),
            ("digital gain", self.digital_gain),
            ("red gain", red),
            ("blue gain", blue),
            ("f-number", self.f_number),
            ("focal length", self.focal_length_mm),
        ];
        for (name, value) in above_zero {
            check_number(name, value, |value| value > 0.0, "a number above 0")?;
        }
        check_number("illuminance", self.lux, |lux| lux >= 0.0, "a number of 0 or more")?;
        check_number("exposure bias", self.exposure_bias_ev, |_| true, "a number")?;
        check_matrix("colour correction matrix", self.ccm.as_ref())?;
        self.date_time.map_or(Ok(()), DateTime::check)
    }
}

fn invalid(reason: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, "describing a frame").because(reason)
}

pub(crate) fn check_text(name: &str, text: &str) -> Result<()> {
    const BYTES_MAX: usize = 1024;
    if text.len() <= BYTES_MAX {
        return Ok(());
    }
    Err(invalid(format!("the {name} has {} bytes, more than {BYTES_MAX}", text.len())))
}

fn check_number(name: &str, value: Option<f64>, fits: fn(f64) -> bool, wanted: &str) -> Result<()> {
    match value {
        Some(value) if !value.is_finite() || !fits(value) => {
            Err(invalid(format!("the {name} is {value}, not {wanted}")))
        }
        _ => Ok(()),
    }
}

pub(crate) fn check_matrix(name: &str, matrix: Option<&Matrix3>) -> Result<()> {
    let Some(matrix) = matrix else { return Ok(()) };
    if matrix.0.iter().flatten().all(|value| value.is_finite()) && matrix.inverse().is_some() {
        return Ok(());
    }
    Err(invalid(format!("the {name} {:?} has no inverse", matrix.0)))
}

/// A date and time of day, as the camera's clock shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    /// Years of the Gregorian calendar, to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
    /// 0 to 999.
    pub millisecond: u16,
    /// How far the clock is ahead of UTC, in minutes, if that is known.
    pub utc_offset_minutes: Option<i16>,
}

impl DateTime {
    /// The date and time in UTC that is so long after 1970 began. Leap seconds are not counted,
    /// as in Unix time. Beyond the year 9999 it stays at the end of that year.
    ///
    /// Algorithm: H. Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
    pub fn from_unix(since_1970: Duration) -> Self {
        const LAST_SECOND: u64 = 253_402_300_799;
        let seconds = since_1970.as_secs().min(LAST_SECOND);
        let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
        let shifted = days + 719_468; // days since 1 March of year 0
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self {
            year: (era * 400 + year_of_era + u64::from(month <= 2)) as u16,
            month: month as u8,
            day: (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u8,
            hour: (second_of_day / 3600) as u8,
            minute: (second_of_day / 60 % 60) as u8,
            second: (second_of_day % 60) as u8,
            millisecond: since_1970.subsec_millis() as u16,
            utc_offset_minutes: Some(0),
        }
    }

    fn check(self) -> Result<()> {
        let date = self.year <= 9999 && (1..=12).contains(&self.month) && (1..=31).contains(&self.day);
        let time = self.hour < 24 && self.minute < 60 && self.second <= 60 && self.millisecond < 1000;
        let offset = self.utc_offset_minutes.is_none_or(|minutes| minutes.unsigned_abs() < 24 * 60);
        if date && time && offset { Ok(()) } else { Err(invalid(format!("{self:?} is no date and time"))) }
    }

    /// The offset as EXIF has it (`+02:00`), if it is known.
    pub(crate) fn offset_text(self) -> Option<String> {
        let minutes = self.utc_offset_minutes?;
        let (sign, ahead) = (if minutes < 0 { '-' } else { '+' }, minutes.unsigned_abs());
        Some(format!("{sign}{:02}:{:02}", ahead / 60, ahead % 60))
    }
}

impl fmt::Display for DateTime {
    /// As EXIF and TIFF write it: `2026:07:09 18:04:05`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second, .. } = self;
        write!(f, "{year:04}:{month:02}:{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

/// A kind of light, with the number that EXIF's `LightSource` and DNG's
/// `CalibrationIlluminant` give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Illuminant {
    /// CIE standard illuminant A: incandescent, 2856 K.
    StandardA = 17,
    /// Daylight of 5500 K.
    D55 = 20,
    /// Daylight of 6500 K.
    D65 = 21,
    /// Daylight of 7500 K.
    D75 = 22,
    /// Daylight of 5000 K.
    D50 = 23,
    /// None of these.
    Other = 255,
}

impl Illuminant {
    const NAMED: [(Self, f64); 5] = [
        (Self::StandardA, 2856.0),
        (Self::D50, 5003.0),
        (Self::D55, 5503.0),
        (Self::D65, 6504.0),
        (Self::D75, 7504.0),
    ];

    /// The named light within 10 mired (a barely visible difference) of a colour temperature.
    pub fn nearest(colour_temperature_k: u32) -> Self {
        let mired = |kelvin: f64| 1e6 / kelvin;
        let distance = |kelvin: f64| (mired(kelvin) - mired(f64::from(colour_temperature_k))).abs();
        let (light, kelvin) = Self::NAMED
            .into_iter()
            .min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)))
            .expect("there are named lights");
        if distance(kelvin) <= 10.0 { light } else { Self::Other }
    }

    /// Its correlated colour temperature; `None` for those not named here.
    pub fn temperature_k(self) -> Option<f64> {
        Self::NAMED.into_iter().find(|(light, _)| *light == self).map(|(_, kelvin)| kelvin)
    }

    /// The light with that number; `Other` for those not named here.
    pub fn from_number(number: u32) -> Self {
        let named = Self::NAMED.into_iter().find(|(light, _)| *light as u32 == number);
        named.map_or(Self::Other, |(light, _)| light)
    }
}

/// The sensor's colours under one light, as DNG's `ColorMatrix` and `ForwardMatrix` state them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// The light.
    pub illuminant: Illuminant,
    /// From CIE XYZ under that light to the sensor's own colours, not white-balanced.
    pub xyz_to_camera: Matrix3,
    /// From white-balanced colours of the sensor to CIE XYZ under D50. Between two lights it changes
    /// less than the other matrix, which has the lights' own colours in it.
    pub forward: Option<Matrix3>,
}

impl Calibration {
    /// A calibration with the forward matrix that follows from the other: the same colours, but
    /// the sensor's answer to the light taken for white, and white for D50. There is none where
    /// the light's colour is not known or the matrix has no inverse.
    pub fn new(illuminant: Illuminant, xyz_to_camera: Matrix3) -> Self {
        let forward = || {
            let light = xyz_of_temperature(illuminant.temperature_k()?);
            let balanced_to_xyz =
                xyz_to_camera.inverse()?.times(&Matrix3::diagonal(xyz_to_camera.apply(light)));
            Some(adaptation_to(D50_XYZ, light)?.times(&balanced_to_xyz))
        };
        Self { illuminant, xyz_to_camera, forward: forward() }
    }
}

/// From CIE XYZ to the sensor's own, unbalanced colours, for the light that the colour gains
/// (red and blue over green) make neutral: the inverse of
/// [`SRGB_TO_XYZ`] `· ccm · diagonal(red, 1, blue)`.
///
/// The light of the scene is taken for D65, as the colour correction matrix does that maps it
/// to sRGB's white. A converter that finds white by this matrix and the as-shot neutral then
/// renders just what the camera's own processing does. `None` if there is no inverse.
pub fn xyz_to_camera(ccm: &Matrix3, colour_gains: [f64; 2]) -> Option<Matrix3> {
    let balance = Matrix3::diagonal([colour_gains[0], 1.0, colour_gains[1]]);
    SRGB_TO_XYZ.times(ccm).times(&balance).inverse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_times_are_dates() {
        let text = |seconds| DateTime::from_unix(Duration::from_secs(seconds)).to_string();
        assert_eq!(text(0), "1970:01:01 00:00:00");
        assert_eq!(text(951_782_399), "2000:02:28 23:59:59");
        assert_eq!(text(951_782_400), "2000:02:29 00:00:00");
        assert_eq!(text(1_783_620_245), "2026:07:09 18:04:05");
        assert_eq!(text(u64::MAX), "9999:12:31 23:59:59");
    }

    #[test]
    fn offsets_have_a_sign() {
        let at =
            |minutes| DateTime { utc_offset_minutes: Some(minutes), ..DateTime::from_unix(Duration::ZERO) };
        assert_eq!(at(330).offset_text().unwrap(), "+05:30");
        assert_eq!(at(-210).offset_text().unwrap(), "-03:30");
    }

    #[test]
    fn the_matrix_maps_white_to_the_neutral() {
        let ccm = Matrix3([[1.7, -0.5, -0.2], [-0.3, 1.6, -0.3], [0.0, -0.6, 1.6]]);
        let metadata = ImageMetadata { colour_gains: Some([2.0, 1.6]), ..Default::default() };
        let matrix = xyz_to_camera(&ccm, [2.0, 1.6]).unwrap();
        let white = matrix.apply(SRGB_TO_XYZ.apply([1.0; 3]));
        for (got, expected) in white.iter().zip(metadata.as_shot_neutral().unwrap()) {
            assert!((got - expected).abs() < 1e-9, "{white:?}");
        }
    }

    /// Would catch a forward matrix that takes another colour than the light's for white, or that is
    /// another one than the matrix it follows from.
    #[test]
    fn the_forward_matrix_says_the_same_of_the_light_and_white_is_d50() {
        let matrix = Matrix3([[1.2, -0.3, -0.1], [-0.4, 1.3, 0.2], [-0.1, 0.3, 0.6]]);
        let near = |got: [f64; 3], wanted: [f64; 3]| {
            assert!(got.iter().zip(wanted).all(|(got, wanted)| (got - wanted).abs() < 1e-9), "{got:?}");
        };
        for illuminant in [Illuminant::StandardA, Illuminant::D65] {
            let forward = Calibration::new(illuminant, matrix).forward.unwrap();
            near(forward.apply([1.0; 3]), D50_XYZ);
            let light = xyz_of_temperature(illuminant.temperature_k().unwrap());
            let white = matrix.apply(light);
            let surface = [0.2 * light[0], 0.1, 0.4 * light[2]];
            let seen = matrix.apply(surface);
            let balanced = [0, 1, 2].map(|colour| seen[colour] / white[colour]);
            near(forward.apply(balanced), adaptation_to(D50_XYZ, light).unwrap().apply(surface));
        }
        assert_eq!(Calibration::new(Illuminant::Other, matrix).forward, None);
        assert_eq!(Calibration::new(Illuminant::D50, Matrix3([[1.0; 3]; 3])).forward, None);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let refused = |metadata: ImageMetadata, word: &str| {
            let error = metadata.check().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains(word), "{error}");
        };
        refused(ImageMetadata { colour_gains: Some([f64::NAN, 1.0]), ..Default::default() }, "red gain");
        refused(ImageMetadata { analogue_gain: Some(0.0), ..Default::default() }, "analogue gain");
        refused(ImageMetadata { ccm: Some(Matrix3([[0.0; 3]; 3])), ..Default::default() }, "matrix");
        let date = DateTime { month: 13, ..DateTime::from_unix(Duration::ZERO) };
        refused(ImageMetadata { date_time: Some(date), ..Default::default() }, "month: 13");
        refused(ImageMetadata { make: "x".repeat(70_000), ..Default::default() }, "make has 70000 bytes");
        assert!(ImageMetadata::default().check().is_ok());
    }

    #[test]
    fn lights_are_found_by_temperature() {
        assert_eq!(Illuminant::nearest(6500), Illuminant::D65);
        assert_eq!(Illuminant::nearest(2800), Illuminant::StandardA);
        assert_eq!(Illuminant::nearest(4000), Illuminant::Other);
        assert_eq!(Illuminant::nearest(0), Illuminant::Other);
        assert_eq!(Illuminant::from_number(23), Illuminant::D50);
    }
}
