//! From a frame to what files say of it, and to checked views of its pixels. Copies nothing.

use pinhole::colour::Matrix3;
use pinhole::config::CameraInfo;
use pinhole::control::{self, ControlList};
use pinhole::files::dng::{DngMetadata, GainMap};
use pinhole::files::{Calibration, DateTime, Illuminant, ImageMetadata, Picture, RawImage};
use pinhole::format::PixelFormat;
use pinhole::{FrameView, Result, StreamConfiguration};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The pixels of one stream of a frame.
#[derive(Clone, Copy)]
pub(crate) enum Pixels<'a> {
    /// The sensor's samples.
    Raw(RawImage<'a>),
    /// A processed picture.
    Picture(Picture<'a>),
}

impl<'a> Pixels<'a> {
    /// Looks at a mapped buffer as its stream's configuration says.
    ///
    /// # Errors
    /// The buffer is smaller than that.
    pub(crate) fn of(stream: &StreamConfiguration, view: &'a FrameView<'_>) -> Result<Self> {
        let (size, stride_bytes) = (stream.size, stream.stride_bytes);
        match stream.format {
            PixelFormat::Raw(format) => {
                RawImage::new(format, size, stride_bytes, view.plane(0)).map(Self::Raw)
            }
            format => {
                let memory: Vec<_> = view.planes().collect();
                Picture::of_memory(format, size, stride_bytes, stream.colour, &memory).map(Self::Picture)
            }
        }
    }
}

/// What a frame's files say of how it was taken. The picture is upright: the sensor was told
/// to mirror it as the camera's mounting asks.
pub(crate) fn image_metadata(info: &CameraInfo, frame: &ControlList) -> ImageMetadata {
    let number = |value: Option<f32>| value.map(f64::from);
    let above_zero = |value: Option<f32>| number(value).filter(|value| *value > 0.0);
    let gains = frame.get(control::COLOUR_GAINS).map(|gains| gains.map(f64::from));
    ImageMetadata {
        make: if info.simulated { "Pinhole".to_owned() } else { String::new() },
        model: model(info),
        date_time: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(DateTime::from_unix),
        exposure_time: frame.get(control::EXPOSURE_TIME).map(|us| Duration::from_micros(us.max(0) as u64)),
        analogue_gain: above_zero(frame.get(control::ANALOGUE_GAIN)),
        digital_gain: above_zero(frame.get(control::DIGITAL_GAIN)),
        exposure_bias_ev: number(frame.get(control::EXPOSURE_VALUE)),
        lux: number(frame.get(control::LUX)).filter(|lux| *lux >= 0.0),
        colour_temperature_k: frame
            .get(control::COLOUR_TEMPERATURE)
            .and_then(|kelvin| u32::try_from(kelvin).ok()),
        colour_gains: gains.filter(|gains| gains.iter().all(|gain| *gain > 0.0)),
        ccm: frame.get(control::COLOUR_CORRECTION_MATRIX).map(matrix),
        black_levels: black_levels(info, frame),
        ..ImageMetadata::default()
    }
}

fn model(info: &CameraInfo) -> String {
    if info.simulated { format!("{} (simulated)", info.model) } else { info.model.clone() }
}

fn matrix(values: [f32; 9]) -> Matrix3 {
    let [a, b, c, d, e, f, g, h, i] = values.map(f64::from);
    Matrix3([[a, b, c], [d, e, f], [g, h, i]])
}

fn black_levels(info: &CameraInfo, frame: &ControlList) -> [u16; 4] {
    let reported = frame.get(control::SENSOR_BLACK_LEVELS);
    let calibrated = info.calibration.map_or(0, |calibration| calibration.black_level_16bit);
    reported.map_or([calibrated; 4], |levels| levels.map(|level| level.clamp(0, 0xffff) as u16))
}

/// What a DNG says of a frame beside its samples, which are those of a RAW stream.
pub(crate) fn dng_metadata<'a>(
    info: &CameraInfo,
    image: ImageMetadata,
    raw: Option<&StreamConfiguration>,
    thumbnail: Option<Picture<'a>>,
) -> DngMetadata<'a> {
    DngMetadata {
        image,
        unique_camera_model: format!("Pinhole {}", model(info)),
        calibration: info
            .calibration
            .map(|calibration| Calibration::new(Illuminant::StandardA, Matrix3(calibration.xyz_to_sensor_a))),
        second_calibration: info
            .calibration
            .map(|calibration| Calibration::new(Illuminant::D65, Matrix3(calibration.xyz_to_sensor_d65))),
        thumbnail,
        lens_shading: raw.and_then(|raw| lens_shading(info, raw)),
        ..DngMetadata::default()
    }
}

/// What undoes the lens's shading in frames of the sensor's mode of that size.
fn lens_shading(info: &CameraInfo, raw: &StreamConfiguration) -> Option<GainMap> {
    let vignetting = info.calibration?.vignetting?;
    let mode = info.modes.iter().find(|mode| mode.size == raw.size.cast())?;
    Some(GainMap::of_lens(&vignetting, mode.crop))
}
