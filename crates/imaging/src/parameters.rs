//! What the image signal processor is told for one frame.

use pinhole_base::colour::Matrix3;

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
    /// The tone curve; `None` is a straight line.
    pub gamma: Option<GammaCurve>,
    /// Defective pixel correction.
    pub defects: DefectCorrection,
    /// Smoothing of noise in the mosaic, 0 (off) to 1.
    pub denoise: Denoise,
    /// Sharpening of luma.
    pub sharpen: Sharpen,
}

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
            gamma: None,
            defects: DefectCorrection::Off,
            denoise: Denoise::OFF,
            sharpen: Sharpen::OFF,
        }
    }
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

/// A matrix from RGB to RGB, with offsets on a scale of 16 bits added after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColourMatrix {
    /// The matrix.
    pub matrix: Matrix3,
    /// The offsets.
    pub offsets: [f64; 3],
}

/// A tone curve of straight lines between points, both axes on a scale of 16 bits. Below the
/// first point and beyond the last it stays level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GammaCurve {
    /// Points with rising `x`: (x, y).
    pub points: Vec<(u16, u16)>,
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
}
