//! Black level, lens shading and white balance: one multiplication per sample each.

use pinhole_base::format::{BayerColour, BayerOrder};

use crate::mosaic::MosaicRow;
use crate::parameters::{IspParameters, LensShading};

const WHITE: f32 = 65535.0;

/// Rounds a number from 0 to 65535. Adding 2²³ leaves the rounded number in the low bits,
/// which, unlike a cast, costs one addition per vector.
pub(crate) fn rounded(value: f32) -> u16 {
    (value + 8_388_608.0).to_bits() as u16
}

/// Which plane of the lens shading, and which black level, belongs to a colour.
const fn plane(colour: BayerColour) -> (usize, usize) {
    match colour {
        BayerColour::Red => (0, 0),
        BayerColour::GreenRed => (1, 1),
        BayerColour::GreenBlue => (2, 1),
        BayerColour::Blue => (3, 2),
    }
}

/// Prepares rows for the demosaic.
#[derive(Debug)]
pub(crate) struct Leveller {
    order: Option<BayerOrder>,
    /// The gains of the lens shading in one half of the present row, cell by cell.
    shading: Vec<f32>,
}

impl Leveller {
    pub(crate) fn new(order: Option<BayerOrder>, cells: usize) -> Self {
        Self { order, shading: vec![1.0; cells] }
    }

    fn colour(&self, half: usize, y: usize) -> BayerColour {
        self.order.map_or(BayerColour::GreenRed, |order| order.colour_at(half, y))
    }

    /// Subtracts black, stretches what is left so that white stays at 65535, and undoes the
    /// lens's shading.
    pub(crate) fn subtract(
        &mut self,
        parameters: &IspParameters,
        y: usize,
        source: &MosaicRow,
        target: &mut MosaicRow,
    ) {
        for half in 0..2 {
            let (plane, channel) = plane(self.colour(half, y));
            let black = f32::from(parameters.black_level[channel]);
            let stretch = WHITE / (WHITE - black).max(1.0);
            match &parameters.lens_shading {
                Some(shading) => {
                    fill_gains(shading, plane, y, half, stretch, &mut self.shading);
                }
                None => self.shading.fill(stretch),
            }
            let samples = source.inner(half).iter().zip(&self.shading);
            for (out, (&sample, gain)) in target.inner_mut(half).iter_mut().zip(samples) {
                *out = rounded(((f32::from(sample) - black) * gain).clamp(0.0, WHITE));
            }
        }
    }

    /// Applies the gains of white balance and brightness.
    pub(crate) fn balance(
        &self,
        parameters: &IspParameters,
        y: usize,
        source: &MosaicRow,
        target: &mut MosaicRow,
    ) {
        for half in 0..2 {
            let gain = parameters.digital_gain
                * match (self.order, self.colour(half, y)) {
                    (Some(_), BayerColour::Red) => parameters.red_gain,
                    (Some(_), BayerColour::Blue) => parameters.blue_gain,
                    _ => 1.0,
                };
            for (out, &sample) in target.inner_mut(half).iter_mut().zip(source.inner(half)) {
                *out = rounded((f32::from(sample) * gain).clamp(0.0, WHITE));
            }
        }
        target.mirror_ends();
    }
}

/// The gains of one plane along row `y`, for the even or odd columns, times `scale`.
fn fill_gains(shading: &LensShading, plane: usize, y: usize, half: usize, scale: f32, gains: &mut [f32]) {
    let (cell_width, cell_height) = shading.cell_pixels;
    let position = (y as f32 / cell_height).min((shading.rows - 1) as f32);
    let above = (position as usize).min(shading.rows - 2);
    let down = position - above as f32;
    let node = |column: usize| {
        let column = column.min(shading.columns - 1);
        let at = |row: usize| shading.gains[plane][row * shading.columns + column];
        (at(above) + (at(above + 1) - at(above)) * down) * scale
    };
    let mut start = 0;
    for column in 0..shading.columns {
        // The cells left of the next point; the last stretch reaches to the end.
        let edge = ((column + 1) as f32 * cell_width - half as f32) / 2.0;
        let last = column + 1 == shading.columns;
        let end = if last { gains.len() } else { (edge.ceil() as usize).min(gains.len()) };
        let (left, slope) = (node(column), (node(column + 1) - node(column)) / cell_width);
        let origin = half as f32 - column as f32 * cell_width;
        for (i, gain) in gains[start.min(end)..end].iter_mut().enumerate() {
            *gain = left + slope * ((2 * (start + i)) as f32 + origin);
        }
        start = end.max(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_are_bilinear_between_points() {
        let gains = vec![1.0, 2.0, 3.0, 3.0, 4.0, 5.0];
        let shading = LensShading {
            columns: 3,
            rows: 2,
            cell_pixels: (4.0, 8.0),
            gains: [gains.clone(), gains.clone(), gains.clone(), gains],
        };
        for half in 0..2 {
            let mut row = vec![0.0; 6];
            fill_gains(&shading, 0, 2, half, 1.0, &mut row);
            for (i, gain) in row.iter().enumerate() {
                let x = ((2 * i + half) as f32).min(8.0);
                assert!((gain - (1.5 + x / 4.0)).abs() < 1e-6, "{half} {i} {gain}");
            }
        }
    }

    #[test]
    fn rounding_is_to_the_nearest() {
        for (value, expected) in [(0.0, 0), (0.4, 0), (0.6, 1), (1234.5001, 1235), (65535.0, 65535)] {
            assert_eq!(rounded(value), expected);
        }
    }
}
