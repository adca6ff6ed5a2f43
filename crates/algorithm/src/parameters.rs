//! What the image processor is told for one frame, in a form of no particular hardware.

use pinhole_base::colour::Matrix3;
use std::ops::{BitOr, BitOrAssign};
use std::sync::Arc;

/// Points of a tone curve.
pub const CURVE_POINTS: usize = 33;

/// A curve of straight lines between points, on scales of 16 bits; `x` never falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Curve {
    /// Inputs.
    pub x: [u16; CURVE_POINTS],
    /// Outputs.
    pub y: [u16; CURVE_POINTS],
}

impl Curve {
    /// The curve that changes nothing.
    pub fn identity() -> Self {
        let x = std::array::from_fn(|i| (i * 65535 / (CURVE_POINTS - 1)) as u16);
        Self { x, y: x }
    }
}

/// Gains that undo the lens's shading, at the corners of equal cells over the mode's frame;
/// between them bilinear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LensShading {
    /// Points in a row, at most 64.
    pub columns: u32,
    /// Rows of points, at most 49.
    pub rows: u32,
    /// Sensor pixels from point to point, across and down: a power of two. The last cells may
    /// reach beyond the frame.
    pub cell_pixels: u32,
    /// Gains for red, green in red rows, green in blue rows and blue, row by row, in 1/1024.
    pub gains: [Vec<u16>; 4],
}

/// How eagerly single pixels that stand out are taken for defects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefectCorrection {
    /// Never.
    #[default]
    Off,
    /// Where they stand far out.
    Normal,
    /// Where they stand out.
    Strong,
}

/// Smoothing of what noise explains: a deviation of `constant + slope · √value`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Denoise {
    /// Deviation of black, in 16-bit codes.
    pub constant: f64,
    /// Growth with the root of the value, both in 16-bit codes.
    pub slope: f64,
    /// 0 (off) to 1.
    pub strength: f64,
}

/// Smoothing of the noise's colour in the finished picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChromaDenoise {
    /// None.
    #[default]
    Off,
    /// As quickly as the processor can.
    Fast,
    /// As well as the processor can.
    HighQuality,
}

/// Sharpening of luma, in measures of which 1 is a processor's normal.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sharpen {
    /// How far detail must stand out not to be left alone.
    pub threshold: f64,
    /// How much detail is added; 0 is off.
    pub strength: f64,
    /// The most that is added or taken.
    pub limit: f64,
}

/// Evens out the two greens where they differ by less than `offset + slope · value`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GreenEqualisation {
    /// In 16-bit codes.
    pub offset: u16,
    /// A factor.
    pub slope: f64,
}

/// A set of parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed(u16);

impl Changed {
    /// None.
    pub const NONE: Self = Self(0);
    /// [`Parameters::black_level`].
    pub const BLACK_LEVEL: Self = Self(1);
    /// [`Parameters::red_gain`] or [`Parameters::blue_gain`].
    pub const WHITE_BALANCE: Self = Self(1 << 1);
    /// [`Parameters::digital_gain`].
    pub const DIGITAL_GAIN: Self = Self(1 << 2);
    /// [`Parameters::colour_matrix`].
    pub const COLOUR_MATRIX: Self = Self(1 << 3);
    /// [`Parameters::gamma`].
    pub const GAMMA: Self = Self(1 << 4);
    /// [`Parameters::lens_shading`].
    pub const LENS_SHADING: Self = Self(1 << 5);
    /// [`Parameters::denoise`].
    pub const DENOISE: Self = Self(1 << 6);
    /// [`Parameters::sharpen`].
    pub const SHARPEN: Self = Self(1 << 7);
    /// [`Parameters::defects`].
    pub const DEFECTS: Self = Self(1 << 8);
    /// [`Parameters::green_equalisation`].
    pub const GREEN_EQUALISATION: Self = Self(1 << 9);
    /// [`Parameters::chroma_denoise`].
    pub const CHROMA_DENOISE: Self = Self(1 << 10);
    /// All.
    pub const ALL: Self = Self((1 << 11) - 1);

    /// Whether any of `other` is in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn when(self, condition: bool) -> Self {
        if condition { self } else { Self::NONE }
    }
}

impl BitOr for Changed {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Changed {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// Everything that may change from frame to frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// Which of them differ from those of the frame prepared before. The others need not be
    /// written again.
    pub changed: Changed,
    /// Codes of black in red, green and blue, on a scale of 16 bits.
    pub black_level: [u16; 3],
    /// White balance gain of red; green's is 1. A multiple of 1/1000.
    pub red_gain: f64,
    /// White balance gain of blue; a multiple of 1/1000.
    pub blue_gain: f64,
    /// Gain of all colours, a multiple of 1/1000, at least 1.
    pub digital_gain: f64,
    /// From white-balanced sensor colours to the linear output's.
    pub colour_matrix: Matrix3,
    /// From linear to encoded values.
    pub gamma: Curve,
    /// Gains that undo the lens's shading; `None` leaves it.
    pub lens_shading: Option<Arc<LensShading>>,
    /// Smoothing of noise.
    pub denoise: Denoise,
    /// Smoothing of the noise's colour.
    pub chroma_denoise: ChromaDenoise,
    /// Sharpening.
    pub sharpen: Sharpen,
    /// Correction of defective pixels.
    pub defects: DefectCorrection,
    /// Evening of the two greens; `None` leaves them.
    pub green_equalisation: Option<GreenEqualisation>,
}

impl Default for Parameters {
    /// Changes nothing.
    fn default() -> Self {
        Self {
            changed: Changed::ALL,
            black_level: [0; 3],
            red_gain: 1.0,
            blue_gain: 1.0,
            digital_gain: 1.0,
            colour_matrix: Matrix3::IDENTITY,
            gamma: Curve::identity(),
            lens_shading: None,
            denoise: Denoise::default(),
            chroma_denoise: ChromaDenoise::Off,
            sharpen: Sharpen::default(),
            defects: DefectCorrection::Off,
            green_equalisation: None,
        }
    }
}

impl Parameters {
    /// Which of them differ from `other`'s.
    pub fn differences(&self, other: &Self) -> Changed {
        let same_shading = match (&self.lens_shading, &other.lens_shading) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        let balance = (self.red_gain, self.blue_gain) != (other.red_gain, other.blue_gain);
        Changed::BLACK_LEVEL.when(self.black_level != other.black_level)
            | Changed::WHITE_BALANCE.when(balance)
            | Changed::DIGITAL_GAIN.when(self.digital_gain != other.digital_gain)
            | Changed::COLOUR_MATRIX.when(self.colour_matrix != other.colour_matrix)
            | Changed::GAMMA.when(self.gamma != other.gamma)
            | Changed::LENS_SHADING.when(!same_shading)
            | Changed::DENOISE.when(self.denoise != other.denoise)
            | Changed::CHROMA_DENOISE.when(self.chroma_denoise != other.chroma_denoise)
            | Changed::SHARPEN.when(self.sharpen != other.sharpen)
            | Changed::DEFECTS.when(self.defects != other.defects)
            | Changed::GREEN_EQUALISATION.when(self.green_equalisation != other.green_equalisation)
    }
}

/// A gain as the parameters hold it.
pub(crate) fn thousandths(gain: f64) -> f64 {
    (gain * 1000.0).round() / 1000.0
}
