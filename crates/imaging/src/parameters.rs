//! What the image signal processor is told for one frame.

use pinhole_base::colour::{Matrix3, Toning};
use pinhole_base::{Error, ErrorKind, Result};

/// Everything that may change from frame to frame.
#[derive(Clone, Debug, PartialEq)]
pub struct IspParameters {
    /// Values of black in red, green and blue, on a scale of 16 bits.
    pub black_level: [u16; 3],
    /// White balance gains of red and blue; green's is 1.
    pub red_gain: f32,
    /// See `red_gain`.
    pub blue_gain: f32,
    /// Gain of all colours.
    pub digital_gain: f32,
    /// Gains that undo the lens's shading; `None` leaves it.
    pub lens_shading: Option<LensShading>,
    /// From sensor RGB, balanced, to linear output RGB; `None` changes nothing.
    pub colour_matrix: Option<ColourMatrix>,
    /// How far colours lie from grey after the matrix, in linear light: 0 is grey, 1 changes
    /// nothing. Becomes part of the matrix.
    pub saturation: f64,
    /// The tone curve; `None` is a straight line.
    pub gamma: Option<GammaCurve>,
    /// Contrast and brightness after the tone curve. Becomes part of it.
    pub toning: Toning,
    /// Defective pixel correction.
    pub defects: DefectCorrection,
    /// Evening of the two greens; `None` leaves them.
    pub green_equalisation: Option<GreenEqualisation>,
    /// Smoothing of noise in the mosaic, 0 (off) to 1.
    pub denoise: Denoise,
    /// Smoothing of chroma in the finished picture, 0 (off) to 1. The first frame that wants it
    /// allocates.
    pub chroma_denoise: f32,
    /// Sharpening of luma.
    pub sharpen: Sharpen,
    /// How colours are interpolated.
    pub demosaic: Demosaic,
}

/// [`IspParameters::chroma_denoise`] of the two modes that camera processors have: fast, and of high
/// quality.
pub const CHROMA_DENOISE_MODES: [f32; 2] = [0.5, 1.0];

impl Default for IspParameters {
    /// Changes nothing: no black, gains of 1, straight lines.
    fn default() -> Self {
        Self {
            black_level: [0; 3],
            red_gain: 1.0,
            blue_gain: 1.0,
            digital_gain: 1.0,
            lens_shading: None,
            colour_matrix: None,
            saturation: 1.0,
            gamma: None,
            toning: Toning::NONE,
            defects: DefectCorrection::Off,
            green_equalisation: None,
            denoise: Denoise::OFF,
            chroma_denoise: 0.0,
            sharpen: Sharpen::OFF,
            demosaic: Demosaic::Malvar,
        }
    }
}

impl IspParameters {
    /// Whether samples need neighbours of their colour before anything else.
    pub(crate) fn needs_correction(&self) -> bool {
        self.defects != DefectCorrection::Off
            || self.denoise.strength > 0.0
            || self.green_equalisation.is_some()
    }

    /// The colour matrix with the saturation in it; `None` if nothing is to be changed.
    pub(crate) fn saturated_matrix(&self) -> Option<ColourMatrix> {
        let straight = ColourMatrix { matrix: Matrix3::IDENTITY, offsets: [0.0; 3] };
        let colour = self.colour_matrix.unwrap_or(straight);
        let colour = match self.saturation {
            1.0 => colour,
            saturation => colour.then(&Matrix3::saturation(saturation)),
        };
        (colour != straight).then_some(colour)
    }

    /// Refuses what can't be computed with.
    pub(crate) fn check(&self) -> Result<()> {
        let finite = |what: &str, values: &[f32]| match values.iter().all(|value| value.is_finite()) {
            true => Ok(()),
            false => Err(invalid(format!("{what} must be numbers: {values:?}"))),
        };
        finite("gains", &[self.red_gain, self.blue_gain, self.digital_gain])?;
        finite("noise figures", &[self.denoise.constant, self.denoise.slope, self.denoise.strength])?;
        finite("saturation", &[self.saturation as f32])?;
        finite("contrast and brightness", &[self.toning.contrast as f32, self.toning.brightness as f32])?;
        finite("sharpness figures", &[self.sharpen.threshold, self.sharpen.strength, self.sharpen.limit])?;
        if self.sharpen.threshold < 0.0 {
            return Err(invalid("the threshold of sharpening must not be negative".into()));
        }
        if self.toning.contrast < 0.0 {
            return Err(invalid("contrast must not be negative".into()));
        }
        if !(0.0..=1.0).contains(&self.chroma_denoise) {
            return Err(invalid(format!("chroma denoise is {}, not 0 to 1", self.chroma_denoise)));
        }
        self.green_equalisation.map_or(Ok(()), GreenEqualisation::check)?;
        self.lens_shading.as_ref().map_or(Ok(()), LensShading::check)?;
        self.gamma.as_ref().map_or(Ok(()), GammaCurve::check)
    }
}

fn invalid(reason: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, "setting image processor parameters").because(reason)
}

/// Gains over the picture for red, green in red rows, green in blue rows, and blue, at the
/// corners of equal cells; between them bilinear.
#[derive(Clone, Debug, PartialEq)]
pub struct LensShading {
    /// Points in a row; at least 2.
    pub columns: usize,
    /// Rows of points; at least 2.
    pub rows: usize,
    /// Pixels of the input (before any crop) from point to point, across and down.
    pub cell_pixels: (f32, f32),
    /// `columns` × `rows` gains for each of R, Gr, Gb, B, row by row.
    pub gains: [Vec<f32>; 4],
}

impl LensShading {
    fn check(&self) -> Result<()> {
        let points = self.columns.saturating_mul(self.rows);
        let (width, height) = self.cell_pixels;
        let cells_have_size = width >= 1.0 && height >= 1.0 && width.is_finite() && height.is_finite();
        if self.columns < 2 || self.rows < 2 || !cells_have_size {
            return Err(invalid(
                "lens shading needs two points each way and cells of a pixel or more".into(),
            ));
        }
        match self.gains.iter().find(|plane| plane.len() != points) {
            Some(plane) => {
                Err(invalid(format!("lens shading has {} gains for {points} points", plane.len())))
            }
            None => Ok(()),
        }
    }
}

/// A matrix from RGB to RGB, with offsets on a scale of 16 bits added after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColourMatrix {
    /// The matrix.
    pub matrix: Matrix3,
    /// The offsets.
    pub offsets: [f64; 3],
}

impl ColourMatrix {
    /// This, and another matrix after it.
    fn then(&self, after: &Matrix3) -> Self {
        Self { matrix: after.times(&self.matrix), offsets: after.apply(self.offsets) }
    }
}

/// A tone curve of straight lines between points, both axes on a scale of 16 bits. Below the
/// first point and beyond the last it stays level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GammaCurve {
    /// Points with rising `x`: (x, y).
    pub points: Vec<(u16, u16)>,
}

impl GammaCurve {
    /// sRGB's curve (IEC 61966-2-1) in 33 points, closer together where it is steep.
    pub fn srgb() -> Self {
        let encode = |x: f64| if x <= 0.003_130_8 { 12.92 * x } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 };
        let scaled = |value: f64| (value * 65535.0).round() as u16;
        let places = (0..33u8).map(|i| (f64::from(i) / 32.0).powi(2));
        Self { points: places.map(|x| (scaled(x), scaled(encode(x)))).collect() }
    }

    fn check(&self) -> Result<()> {
        let rising = self.points.windows(2).all(|pair| pair[0].0 < pair[1].0);
        match rising && !self.points.is_empty() {
            true => Ok(()),
            false => Err(invalid("a tone curve needs points with rising x".into())),
        }
    }
}

/// How the two colours that a pixel of a mosaic lacks are made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Demosaic {
    /// Means of the nearest samples: fastest, soft, with coloured fringes.
    Linear,
    /// Those, corrected by the gradients of the colour that is there (Malvar, He, Cutler).
    #[default]
    Malvar,
    /// Along edges, not across them: finest, at half the speed. The first frame that wants it
    /// allocates.
    Directional,
}

/// How eagerly single pixels that stand out are taken for defects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DefectCorrection {
    /// Never.
    #[default]
    Off,
    /// Where they stand far out.
    Normal,
    /// Where they stand out.
    Strong,
}

/// Evens out the two greens, which crosstalk and the angle of the light set apart: a green pixel
/// goes half of the way to those of the other green about it, where it differs from them by no
/// more than half of `offset + slope · value`. Beyond that it goes less, and not at all from the
/// whole of it on, for there it is detail. The value is that above black; more than 65535 counts
/// as that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GreenEqualisation {
    /// On a scale of 16 bits.
    pub offset: u16,
    /// A factor, 0 to 16.
    pub slope: f32,
}

impl GreenEqualisation {
    fn check(self) -> Result<()> {
        match (0.0..=16.0).contains(&self.slope) {
            true => Ok(()),
            false => Err(invalid(format!("the slope of green equalisation is {}, not 0 to 16", self.slope))),
        }
    }
}

/// Smoothing of differences that noise explains: `constant + slope · √value`, on a scale of
/// 16 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Denoise {
    /// Noise of black.
    pub constant: f32,
    /// Growth of the noise with the root of the value.
    pub slope: f32,
    /// 0 (off) to 1.
    pub strength: f32,
}

impl Denoise {
    /// No smoothing.
    pub const OFF: Self = Self { constant: 0.0, slope: 0.0, strength: 0.0 };
}

/// Sharpening of luma after the tone curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sharpen {
    /// Detail below this is left alone, in units of 8-bit output.
    pub threshold: f32,
    /// How much detail is added; 0 is off, 1 a good measure.
    pub strength: f32,
    /// The most that is added or taken, in units of 8-bit output.
    pub limit: f32,
}

impl Sharpen {
    /// No sharpening.
    pub const OFF: Self = Self { threshold: 0.0, strength: 0.0, limit: 0.0 };

    /// A good measure of each for a frame with little noise.
    const NORMAL: Self = Self { threshold: 2.0, strength: 1.0, limit: 24.0 };

    /// So many times what is normal of each, as a camera's processor is told.
    #[must_use]
    pub fn times_normal(threshold: f32, strength: f32, limit: f32) -> Self {
        Self {
            threshold: threshold * Self::NORMAL.threshold,
            strength: strength * Self::NORMAL.strength,
            limit: limit * Self::NORMAL.limit,
        }
    }
}
