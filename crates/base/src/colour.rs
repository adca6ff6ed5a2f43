//! Colour spaces, 3×3 colour matrices, lights, and how different colours look.

pub mod difference;
pub mod light;

/// The chromaticities of red, green, blue and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Primaries {
    /// The sensor's own: no colour correction was done.
    Raw,
    /// ITU-R BT.601, 525 lines (SMPTE 170M).
    Smpte170m,
    /// ITU-R BT.709, also sRGB's.
    Rec709,
    /// ITU-R BT.2020.
    Rec2020,
}

/// How light is encoded as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransferFunction {
    /// In proportion.
    Linear,
    /// sRGB's (IEC 61966-2-1).
    Srgb,
    /// ITU-R BT.709's.
    Rec709,
}

/// The matrix from R'G'B' to Y'CbCr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum YcbcrEncoding {
    /// The format is not Y'CbCr.
    None,
    /// ITU-R BT.601.
    Rec601,
    /// ITU-R BT.709.
    Rec709,
    /// ITU-R BT.2020, non-constant luminance.
    Rec2020,
}

impl YcbcrEncoding {
    /// The weights of red and blue in luma (`Kr`, `Kb`). BT.601's for `None`.
    pub const fn luma_weights(self) -> (f64, f64) {
        match self {
            Self::None | Self::Rec601 => (0.299, 0.114),
            Self::Rec709 => (0.2126, 0.0722),
            Self::Rec2020 => (0.2627, 0.0593),
        }
    }
}

/// Which numbers stand for black and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// 0 to 255 (in 8 bits).
    Full,
    /// 16 to 235 for luma, 16 to 240 for chroma.
    Limited,
}

/// What the numbers of a picture mean as colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ColourSpace {
    /// The chromaticities.
    pub primaries: Primaries,
    /// The transfer function.
    pub transfer: TransferFunction,
    /// The Y'CbCr matrix.
    pub encoding: YcbcrEncoding,
    /// The range.
    pub range: Range,
}

impl ColourSpace {
    /// Sensor samples.
    pub const RAW: Self = Self {
        primaries: Primaries::Raw,
        transfer: TransferFunction::Linear,
        encoding: YcbcrEncoding::None,
        range: Range::Full,
    };
    /// sRGB, for RGB formats.
    pub const SRGB: Self = Self {
        primaries: Primaries::Rec709,
        transfer: TransferFunction::Srgb,
        encoding: YcbcrEncoding::None,
        range: Range::Full,
    };
    /// JPEG's: sRGB with BT.601's matrix at full range.
    pub const SYCC: Self = Self { encoding: YcbcrEncoding::Rec601, ..Self::SRGB };
    /// Standard-definition video.
    pub const SMPTE170M: Self = Self {
        primaries: Primaries::Smpte170m,
        transfer: TransferFunction::Rec709,
        encoding: YcbcrEncoding::Rec601,
        range: Range::Limited,
    };
    /// High-definition video.
    pub const REC709: Self = Self {
        primaries: Primaries::Rec709,
        transfer: TransferFunction::Rec709,
        encoding: YcbcrEncoding::Rec709,
        range: Range::Limited,
    };
}

/// Shares of red, green and blue in the luminance of linear light (ITU-R BT.709).
const LUMINANCE: [f64; 3] = [0.2126, 0.7152, 0.0722];

/// Contrast and brightness of encoded values: what cameras call so, and what is done to the tone
/// curve for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Toning {
    /// How steep: about the middle of the range. 1 changes nothing, 0 leaves middle grey alone.
    pub contrast: f64,
    /// What is added, as a part of the range. 0 changes nothing.
    pub brightness: f64,
}

impl Toning {
    /// Changes nothing.
    pub const NONE: Self = Self { contrast: 1.0, brightness: 0.0 };

    /// What an encoded value from 0 to 1 becomes, from 0 to 1.
    pub fn apply(self, value: f64) -> f64 {
        ((value - 0.5) * self.contrast + 0.5 + self.brightness).clamp(0.0, 1.0)
    }
}

/// A 3×3 matrix, row by row; multiplies column vectors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matrix3(pub [[f64; 3]; 3]);

impl Matrix3 {
    /// The matrix that changes nothing.
    pub const IDENTITY: Self = Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);

    /// The matrix with this diagonal and zeros elsewhere.
    pub const fn diagonal(d: [f64; 3]) -> Self {
        Self([[d[0], 0.0, 0.0], [0.0, d[1], 0.0], [0.0, 0.0, d[2]]])
    }

    /// After it colours lie `saturation` times as far from grey of the same luminance: 0 leaves
    /// grey alone, 1 changes nothing. For linear light of BT.709's primaries, which are sRGB's.
    pub fn saturation(saturation: f64) -> Self {
        let diagonal = |r: usize, c: usize| if r == c { saturation } else { 0.0 };
        let value = |r: usize, c: usize| (1.0 - saturation) * LUMINANCE[c] + diagonal(r, c);
        Self(std::array::from_fn(|r| std::array::from_fn(|c| value(r, c))))
    }

    /// This matrix times a column vector.
    pub fn apply(&self, v: [f64; 3]) -> [f64; 3] {
        self.0.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
    }

    /// This matrix times another.
    pub fn times(&self, other: &Self) -> Self {
        let column = |c: usize| self.apply([other.0[0][c], other.0[1][c], other.0[2][c]]);
        let (a, b, c) = (column(0), column(1), column(2));
        Self([[a[0], b[0], c[0]], [a[1], b[1], c[1]], [a[2], b[2], c[2]]])
    }

    /// The inverse; `None` if there is none.
    pub fn inverse(&self) -> Option<Self> {
        let m = &self.0;
        let cofactor = |r: usize, c: usize| {
            let (r1, r2, c1, c2) = ((r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3);
            m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
        };
        let determinant: f64 = (0..3).map(|c| m[0][c] * cofactor(0, c)).sum();
        if determinant.abs() < 1e-12 {
            return None;
        }
        let mut inverse = [[0.0; 3]; 3];
        for (r, row) in inverse.iter_mut().enumerate() {
            for (c, value) in row.iter_mut().enumerate() {
                *value = cofactor(c, r) / determinant;
            }
        }
        Some(Self(inverse))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_saturation_is_grey_and_keeps_luminance() {
        let grey = Matrix3::saturation(0.0).apply([0.2, 0.5, 0.1]);
        let luminance = 0.2 * LUMINANCE[0] + 0.5 * LUMINANCE[1] + 0.1 * LUMINANCE[2];
        assert!(grey.iter().all(|value| (value - luminance).abs() < 1e-12), "{grey:?}");
        let strong = Matrix3::saturation(3.0).apply([0.4; 3]);
        assert!(strong.iter().all(|value| (value - 0.4).abs() < 1e-12), "grey stays grey: {strong:?}");
        assert_eq!(Matrix3::saturation(1.0), Matrix3::IDENTITY);
    }

    #[test]
    fn toning_turns_about_the_middle_shifts_and_clips() {
        let steep = Toning { contrast: 2.0, ..Toning::NONE };
        assert_eq!([0.1, 0.25, 0.5, 0.625, 0.8].map(|value| steep.apply(value)), [0.0, 0.0, 0.5, 0.75, 1.0]);
        assert_eq!(Toning { brightness: 0.25, ..Toning::NONE }.apply(0.25), 0.5);
        assert_eq!(Toning { contrast: 0.0, ..Toning::NONE }.apply(0.9), 0.5);
    }
}
