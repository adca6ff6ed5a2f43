//! Turns raw files into pictures: decides from what a file says, and from what its user wants,
//! what the image processor is told. Knows nothing of cameras, of how pixels are computed, or
//! of how files are written.

mod colour;
mod described;
mod prepare;
pub mod scopes;
mod upright;

pub use colour::WhiteBalance;
pub use described::metadata;

use pinhole_base::colour::{ColourSpace, Toning};
use pinhole_base::format::PixelFormat;
use pinhole_base::geometry::{ImagePixels, Size};
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_files::Picture;
use pinhole_files::dng::DngImage;
use pinhole_imaging::parameters::{DefectCorrection, Demosaic, Denoise, GammaCurve, Sharpen};
use pinhole_imaging::{Isp, IspConfiguration, IspParameters, OutputFormat};
use prepare::Mosaic;

/// What the user wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjustments {
    /// Which light is to look white.
    pub white_balance: WhiteBalance,
    /// By how many stops the picture is made brighter, -10 to 10.
    pub exposure_ev: f64,
    /// How far colours lie from grey, 0 (grey) to 4; 1 leaves them.
    pub saturation: f64,
    /// How steep the tone curve is about middle grey, 0 to 4; 1 leaves it.
    pub contrast: f64,
    /// What is added to all tones, as a part of the range, -1 to 1.
    pub brightness: f64,
    /// Smoothing of noise in the mosaic, 0 (off) to 1. How much noise there is follows from the
    /// sensitivity that the file states.
    pub denoise: f64,
    /// Smoothing of the noise's colour in the picture, 0 (off) to 1, at ISO 100; for more noise it
    /// reaches farther.
    pub chroma_denoise: f64,
    /// Sharpening, 0 (off) to 4; 1 is a good measure.
    pub sharpness: f64,
    /// The picture is shrunk to fit into this size, as it is seen upright. Never enlarged.
    pub fit: Option<Size<ImagePixels>>,
}

impl Default for Adjustments {
    fn default() -> Self {
        Self {
            white_balance: WhiteBalance::AsShot,
            exposure_ev: 0.0,
            saturation: 1.0,
            contrast: 1.0,
            brightness: 0.0,
            denoise: 0.5,
            chroma_denoise: 0.25,
            sharpness: 0.6,
            fit: None,
        }
    }
}

impl Adjustments {
    /// Refuses what cannot be done.
    ///
    /// # Errors
    /// `InvalidArgument` naming the first adjustment that is out of its limits.
    pub fn check(&self) -> Result<()> {
        let limits = [
            ("exposure", self.exposure_ev, -10.0..=10.0),
            ("saturation", self.saturation, 0.0..=4.0),
            ("contrast", self.contrast, 0.0..=4.0),
            ("brightness", self.brightness, -1.0..=1.0),
            ("denoise", self.denoise, 0.0..=1.0),
            ("chroma denoise", self.chroma_denoise, 0.0..=1.0),
            ("sharpness", self.sharpness, 0.0..=4.0),
        ];
        for (name, value, limits) in limits {
            if !limits.contains(&value) {
                return Err(invalid(format!(
                    "{name} is {value}, not {} to {}",
                    limits.start(),
                    limits.end()
                )));
            }
        }
        if self.fit.is_some_and(Size::is_empty) {
            return Err(invalid("the size to fit into is empty".into()));
        }
        self.white_balance.check()
    }
}

fn invalid(reason: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, "developing a raw frame").because(reason)
}

/// What pixels are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pixels {
    /// R'G'B', 8 bits each, sRGB.
    Rgb,
    /// R'G'B', 16 bits each, sRGB.
    Rgb48,
    /// Planar Y'CbCr 4:2:0, BT.601 at full range, as JPEG has it. Sides are even.
    Yuv420,
}

/// A developed picture that owns its pixels.
#[derive(Clone, Debug)]
pub struct Developed {
    format: PixelFormat,
    size: Size,
    colour: ColourSpace,
    bytes: Vec<u8>,
}

impl Developed {
    /// A view of it. It is upright.
    pub fn picture(&self) -> Picture<'_> {
        let stride_bytes = self.format.row_bytes(self.size.width).expect("it has rows");
        Picture::new(self.format, self.size, stride_bytes, self.colour, &self.bytes)
            .expect("its bytes were made for its shape")
    }
}

/// Develops a raw frame.
///
/// # Errors
/// `InvalidArgument` for adjustments out of their limits, `Unsupported` for frames without a
/// mosaic, or too small or too large to be processed.
pub fn develop(image: &DngImage, adjustments: &Adjustments, pixels: Pixels) -> Result<Developed> {
    adjustments.check()?;
    let mosaic = Mosaic::of(image)?;
    let (format, colour, step) = match pixels {
        Pixels::Rgb => (PixelFormat::Rgb24, ColourSpace::SRGB, 1),
        Pixels::Rgb48 => (PixelFormat::Rgb48, ColourSpace::SRGB, 1),
        Pixels::Yuv420 => (PixelFormat::Yuv420, ColourSpace::SYCC, 2),
    };
    let fit = adjustments.fit.map(|fit| upright::turned(fit, image.orientation));
    let size = output_size(mosaic.crop.size().cast(), fit, step);
    let stride_bytes = format.row_bytes(size.width).expect("all these formats have rows");
    let output = OutputFormat { format, size, stride_bytes, colour_space: colour };
    let mut isp = Isp::new(&IspConfiguration {
        input: mosaic.format,
        size: mosaic.size,
        stride_bytes: mosaic.stride_bytes,
        crop: mosaic.crop,
        outputs: [Some(output), None],
    })?;
    let parameters = parameters(image, &mosaic, adjustments, &mut isp)?;
    let mut bytes = vec![0; format.planes(stride_bytes, size.height).bytes() as usize];
    isp.process(&mosaic.bytes, &parameters, &mut [Some(&mut bytes), None], None)?;
    let (bytes, size) = upright::turn(bytes, size.cast(), pixels, image.orientation);
    Ok(Developed { format, size, colour, bytes })
}

/// The size of the picture: the crop's, or what of it fits.
fn output_size(crop: Size<ImagePixels>, fit: Option<Size<ImagePixels>>, step: u32) -> Size<ImagePixels> {
    let fitted = match fit {
        Some(fit) if fit.width < crop.width || fit.height < crop.height => fit.fit(crop),
        _ => crop,
    };
    let side = |side: u32| (side / step * step).max(step);
    Size::new(side(fitted.width), side(fitted.height))
}

fn parameters(
    image: &DngImage,
    mosaic: &Mosaic,
    adjustments: &Adjustments,
    isp: &mut Isp,
) -> Result<IspParameters> {
    let plain = IspParameters {
        black_level: mosaic.black_level,
        lens_shading: mosaic.lens_shading.clone(),
        defects: DefectCorrection::Normal,
        demosaic: Demosaic::Directional,
        ..IspParameters::default()
    };
    let rendering = colour::rendering(image, adjustments.white_balance, || {
        prepare::grey_world(isp, &mosaic.bytes, &plain)
    })?;
    let stops = adjustments.exposure_ev + image.baseline_exposure_ev;
    let gain = gain(image);
    Ok(IspParameters {
        red_gain: rendering.gains[0] as f32,
        blue_gain: rendering.gains[1] as f32,
        digital_gain: (rendering.least_gain * stops.exp2()) as f32,
        colour_matrix: Some(rendering.matrix),
        saturation: adjustments.saturation,
        gamma: Some(GammaCurve::srgb()),
        toning: Toning { contrast: adjustments.contrast, brightness: adjustments.brightness },
        chroma_denoise: (adjustments.chroma_denoise * gain.sqrt()).min(1.0) as f32,
        denoise: noise(gain, adjustments.denoise),
        sharpen: match adjustments.sharpness {
            0.0 => Sharpen::OFF,
            strength => Sharpen { threshold: gain.sqrt() as f32, strength: strength as f32, limit: 16.0 },
        },
        ..plain
    })
}

/// By how much the sensor's signal was amplified: what the sensitivity says, ISO 100 being 1.
fn gain(image: &DngImage) -> f64 {
    image.iso.map_or(1.0, |iso| (f64::from(iso) / 100.0).clamp(1.0, 1024.0))
}

/// The noise of a small sensor whose white is 8,500 electrons at a gain of 1: that of counting
/// them, and of reading them, which is about 3 electrons'.
fn noise(gain: f64, strength: f64) -> Denoise {
    let codes_per_electron = 7.7 * gain;
    Denoise {
        constant: (3.0 * codes_per_electron) as f32,
        slope: codes_per_electron.sqrt() as f32,
        strength: strength as f32,
    }
}
