//! What a sensor's filters make of colours, and what undoes it.
//!
//! A surface is described by its linear sRGB colour under daylight (D65). Under light of a
//! colour temperature `T` the sensor answers `diag(white(T)) · M(T) · colour`: the answer to a
//! white surface, times a matrix whose rows sum to 1. `M` lies between two measured matrices,
//! in proportion to the reciprocal temperature, as DNG does with its two illuminants.

use pinhole_base::colour::Matrix3;
use pinhole_base::colour::light::{SRGB_TO_XYZ, adaptation, xyz_of_temperature};

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
        let to_d65 = adaptation(xyz_of_temperature(kelvin)).expect("it is a light");
        let to_srgb = SRGB_TO_XYZ.inverse().expect("sRGB's matrix has an inverse");
        Matrix3::diagonal(self.colour.white_at(kelvin))
            .times(&self.colour.matrix(kelvin))
            .times(&to_srgb)
            .times(&to_d65)
    }
}
