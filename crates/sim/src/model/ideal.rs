//! Parameters of the image processor that undo exactly what a model does to colours and light.

use pinhole_imaging::IspParameters;
use pinhole_imaging::parameters::{ColourMatrix, GammaCurve, LensShading};

use super::{SensorMode, SensorModel};

/// Points of a lens shading table, across and down.
const POINTS: (usize, usize) = (33, 25);

impl SensorModel {
    /// The lens shading table that undoes the vignetting in a mode: `columns` × `rows` points
    /// at the corners of equal cells over the picture, row by row, red, green and blue.
    pub fn ideal_lens_shading(&self, mode: &SensorMode, columns: usize, rows: usize) -> Vec<[f64; 3]> {
        let at = |start: i32, length: u32, i: usize, count: usize| {
            f64::from(start) + f64::from(length) * i as f64 / (count.max(2) - 1) as f64
        };
        (0..rows * columns)
            .map(|i| {
                let x = at(mode.crop.x, mode.crop.width, i % columns, columns);
                let y = at(mode.crop.y, mode.crop.height, i / columns, rows);
                self.shading_gain(x, y)
            })
            .collect()
    }

    /// The parameters under which a frame taken in light of that colour temperature comes out
    /// with the scene's own colours, in sRGB; without denoise and sharpening.
    pub fn ideal_parameters(&self, mode: &SensorMode, kelvin: f64) -> IspParameters {
        let [red_gain, blue_gain] = self.ideal_gains(kelvin).map(|gain| gain as f32);
        let table = self.ideal_lens_shading(mode, POINTS.0, POINTS.1);
        let cell = |pixels: u32, points: usize| pixels as f32 / (points - 1) as f32;
        let lens_shading = LensShading {
            columns: POINTS.0,
            rows: POINTS.1,
            cell_pixels: (cell(mode.size.width, POINTS.0), cell(mode.size.height, POINTS.1)),
            gains: [0, 1, 1, 2].map(|channel| table.iter().map(|gains| gains[channel] as f32).collect()),
        };
        IspParameters {
            black_level: [self.black_level; 3],
            red_gain,
            blue_gain,
            lens_shading: Some(lens_shading),
            colour_matrix: Some(ColourMatrix { matrix: self.ideal_ccm(kelvin), offsets: [0.0; 3] }),
            gamma: Some(GammaCurve::srgb()),
            ..IspParameters::default()
        }
    }

    /// The exposure in lux seconds that brings a white surface to this share of the range at
    /// a gain of 1.
    pub fn ideal_exposure_lux_s(&self, share: f64) -> f64 {
        share * self.electronics.full_well_electrons / self.electronics.electrons_per_lux_s
    }
}
