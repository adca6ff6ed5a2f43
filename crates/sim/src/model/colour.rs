//! What a sensor's filters make of colours, and what undoes it.
//!
//! A surface is described by its linear sRGB colour under daylight (D65). Under light of a
//! colour temperature `T` the sensor answers `diag(white(T)) · M(T) · colour`: the answer to a
//! white surface, times a matrix whose rows sum to 1. `M` lies between two measured matrices,
//! in proportion to the reciprocal temperature, as DNG does with its two illuminants.

use pinhole_base::colour::Matrix3;

use super::SensorModel;

/// The answer to a white surface under one light.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WhiteResponse {
    /// Colour temperature of the light.
    pub kelvin: f64,
    /// Red over green.
    pub red: f64,
    /// Blue over green.
    pub blue: f64,
}

/// A sensor's answer to colours.
#[derive(Clone, Copy, Debug)]
pub struct ColourResponse {
    /// Colour temperature of the warm matrix.
    pub warm_kelvin: f64,
    /// From linear sRGB to white-balanced sensor RGB under warm light.
    pub warm: Matrix3,
    /// Colour temperature of the cool matrix.
    pub cool_kelvin: f64,
    /// From linear sRGB to white-balanced sensor RGB under cool light.
    pub cool: Matrix3,
    /// Answers to white, by rising temperature.
    pub white: &'static [WhiteResponse],
}

/// Linear sRGB to CIE XYZ, both for D65 (IEC 61966-2-1).
const SRGB_TO_XYZ: Matrix3 = Matrix3([
    [0.412_456_4, 0.357_576_1, 0.180_437_5],
    [0.212_672_9, 0.715_152_2, 0.072_175_0],
    [0.019_333_9, 0.119_192_0, 0.950_304_1],
]);

/// The cone responses of the Bradford adaptation.
const BRADFORD: Matrix3 =
    Matrix3([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]);

const D65_XYZ: [f64; 3] = [0.950_47, 1.0, 1.088_83];

impl ColourResponse {
    /// How far a temperature lies from the warm matrix (0) to the cool one (1).
    pub fn coolness(&self, kelvin: f64) -> f64 {
        let mired = |kelvin: f64| 1e6 / kelvin.max(1000.0);
        let (warm, cool) = (mired(self.warm_kelvin), mired(self.cool_kelvin));
        ((warm - mired(kelvin)) / (warm - cool)).clamp(0.0, 1.0)
    }

    /// From linear sRGB to white-balanced sensor RGB.
    pub fn matrix(&self, kelvin: f64) -> Matrix3 {
        let t = self.coolness(kelvin);
        let mut mixed = self.warm;
        for (row, cool) in mixed.0.iter_mut().zip(&self.cool.0) {
            for (value, cool) in row.iter_mut().zip(cool) {
                *value += t * (cool - *value);
            }
        }
        mixed
    }

    /// Sensor RGB of a white surface, with green at 1.
    pub fn white_at(&self, kelvin: f64) -> [f64; 3] {
        let (first, last) = (&self.white[0], &self.white[self.white.len() - 1]);
        let kelvin = kelvin.clamp(first.kelvin, last.kelvin);
        let upper = self.white.iter().position(|w| w.kelvin >= kelvin).unwrap_or(0).max(1);
        let (a, b) = (&self.white[upper - 1], &self.white[upper]);
        let t = (kelvin - a.kelvin) / (b.kelvin - a.kelvin);
        [a.red + t * (b.red - a.red), 1.0, a.blue + t * (b.blue - a.blue)]
    }
}

impl SensorModel {
    /// The gains of red and blue that make a white surface neutral.
    pub fn ideal_gains(&self, kelvin: f64) -> [f64; 2] {
        let [red, _, blue] = self.colour.white_at(kelvin);
        [1.0 / red, 1.0 / blue]
    }

    /// The matrix from white-balanced sensor RGB to linear sRGB; its rows sum to 1.
    pub fn ideal_ccm(&self, kelvin: f64) -> Matrix3 {
        self.colour.matrix(kelvin).inverse().expect("a model's matrices have inverses")
    }

    /// The matrix from CIE XYZ of the lit scene to sensor RGB: DNG's `ColorMatrix` for that
    /// light. Lights are black bodies below 4000 K and phases of daylight above.
    pub fn colour_matrix(&self, kelvin: f64) -> Matrix3 {
        let invert = |m: Matrix3| m.inverse().expect("standard matrices have inverses");
        let white = white_xyz(kelvin);
        let (from, to) = (BRADFORD.apply(white), BRADFORD.apply(D65_XYZ));
        let scale = Matrix3::diagonal([to[0] / from[0], to[1] / from[1], to[2] / from[2]]);
        let to_d65 = invert(BRADFORD).times(&scale).times(&BRADFORD);
        Matrix3::diagonal(self.colour.white_at(kelvin))
            .times(&self.colour.matrix(kelvin))
            .times(&invert(SRGB_TO_XYZ))
            .times(&to_d65)
    }
}

/// CIE XYZ (Y = 1) of a light of that colour temperature: Kim's cubic fit to the Planckian
/// locus below 4000 K, the CIE's daylight locus above.
pub(super) fn white_xyz(kelvin: f64) -> [f64; 3] {
    let t = 1e3 / kelvin.clamp(1667.0, 25000.0);
    let (x, y) = if t > 0.25 { planckian_xy(t) } else { daylight_xy(t) };
    [x / y, 1.0, (1.0 - x - y) / y]
}

fn planckian_xy(t: f64) -> (f64, f64) {
    let x = -0.266_123_9 * t.powi(3) - 0.234_358_9 * t.powi(2) + 0.877_695_6 * t + 0.179_910;
    let y = if t > 1e3 / 2222.0 {
        -1.106_381_4 * x.powi(3) - 1.348_110_2 * x.powi(2) + 2.185_558_32 * x - 0.202_196_83
    } else {
        -0.954_947_6 * x.powi(3) - 1.374_185_93 * x.powi(2) + 2.091_370_15 * x - 0.167_488_67
    };
    (x, y)
}

fn daylight_xy(t: f64) -> (f64, f64) {
    let x = if t >= 1e3 / 7000.0 {
        -4.607 * t.powi(3) + 2.9678 * t.powi(2) + 0.099_11 * t + 0.244_063
    } else {
        -2.0064 * t.powi(3) + 1.9018 * t.powi(2) + 0.247_48 * t + 0.237_040
    };
    (x, -3.0 * x * x + 2.870 * x - 0.275)
}
