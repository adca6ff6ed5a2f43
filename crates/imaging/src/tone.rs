//! Colour matrix and tone curve.

use pinhole_base::colour::Matrix3;

use crate::level::rounded;
use crate::mosaic::Rgb;
use crate::parameters::{ColourMatrix, GammaCurve, IspParameters};

/// The matrix and the curve of one frame, ready to use.
#[derive(Debug)]
pub(crate) struct Tone {
    matrix: [[f32; 3]; 3],
    offsets: [f32; 3],
    curve: Option<GammaCurve>,
    table: Box<[u16; 65536]>,
}

impl Tone {
    pub(crate) fn new() -> Self {
        let mut table: Box<[u16; 65536]> = vec![0; 65536].try_into().expect("just made that long");
        fill_straight(&mut table);
        Self { matrix: [[0.0; 3]; 3], offsets: [0.0; 3], curve: None, table }
    }

    /// Takes over a frame's parameters. The curve's table is made anew only if it changed.
    pub(crate) fn update(&mut self, parameters: &IspParameters) {
        let straight = ColourMatrix { matrix: Matrix3::IDENTITY, offsets: [0.0; 3] };
        let colour = parameters.colour_matrix.unwrap_or(straight);
        self.matrix = colour.matrix.0.map(|row| row.map(|v| v as f32));
        self.offsets = colour.offsets.map(|v| v as f32);
        if self.curve != parameters.gamma {
            self.curve.clone_from(&parameters.gamma);
            match &self.curve {
                Some(curve) => fill_curve(curve, &mut self.table),
                None => fill_straight(&mut self.table),
            }
        }
    }

    /// Applies both to a row of linear values from 0 to 65535.
    pub(crate) fn apply(&self, linear: &Rgb<Vec<f32>>, toned: &mut Rgb<Vec<u16>>) {
        let n = linear[0].len();
        let [red, green, blue] = linear.each_ref().map(|channel| &channel[..n]);
        for ((row, offset), out) in self.matrix.iter().zip(self.offsets).zip(&mut toned.0) {
            let out = &mut out[..n];
            for i in 0..n {
                let value = row[0] * red[i] + row[1] * green[i] + row[2] * blue[i] + offset;
                out[i] = rounded(value.clamp(0.0, 65535.0));
            }
            for value in out {
                *value = self.table[usize::from(*value)];
            }
        }
    }
}

fn fill_straight(table: &mut [u16; 65536]) {
    for (x, y) in table.iter_mut().enumerate() {
        *y = x as u16;
    }
}

fn fill_curve(curve: &GammaCurve, table: &mut [u16; 65536]) {
    let (Some(first), Some(last)) = (curve.points.first(), curve.points.last()) else {
        return fill_straight(table);
    };
    table[..usize::from(first.0)].fill(first.1);
    table[usize::from(last.0)..].fill(last.1);
    for pair in curve.points.windows(2) {
        let [(x0, y0), (x1, y1)] = [pair[0], pair[1]].map(|(x, y)| (i64::from(x), i64::from(y)));
        let length = (x1 - x0).max(1);
        for x in x0..x1 {
            let rise = (2 * (y1 - y0) * (x - x0) + length).div_euclid(2 * length);
            table[x as usize] = (y0 + rise) as u16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_pass_through_their_points_and_are_level_outside() {
        let curve = GammaCurve { points: vec![(100, 50), (200, 1000), (60_000, 65_535)] };
        let mut tone = Tone::new();
        tone.update(&IspParameters { gamma: Some(curve), ..IspParameters::default() });
        for (x, y) in [(0, 50), (100, 50), (150, 525), (200, 1000), (60_000, 65_535), (65_535, 65_535)] {
            assert_eq!(tone.table[x], y, "at {x}");
        }
        tone.update(&IspParameters::default());
        assert_eq!(tone.table[12_345], 12_345);
    }
}
