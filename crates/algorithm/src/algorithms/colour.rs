//! Colour correction: the matrix for the light's temperature, and saturation.

use super::number;
use crate::controller::{Algorithm, Preparation};
use crate::tuning::{ColourPoint, matrix_at};
use pinhole_base::colour::Matrix3;
use pinhole_base::control::{COLOUR_CORRECTION_MATRIX, ControlList, SATURATION};

/// Temperatures are told apart in these steps, so that the matrix does not change all the time.
const STEP_K: f64 = 10.0;
/// Greatest magnitude of a matrix's value.
const VALUE_MAX: f64 = 64.0;

pub(super) struct ColourCorrection {
    points: Vec<ColourPoint>,
    by_hand: Option<Matrix3>,
    saturation: f64,
}

impl ColourCorrection {
    pub(super) fn new(points: &[ColourPoint]) -> Self {
        Self { points: points.to_vec(), by_hand: None, saturation: 1.0 }
    }

    /// Nine zeros give the matrix back; nonsense changes nothing.
    fn update(&mut self, values: [f32; 9]) {
        if values == [0.0; 9] {
            self.by_hand = None;
        } else if values.iter().all(|value| value.is_finite()) {
            let value = |at: usize| f64::from(values[at]).clamp(-VALUE_MAX, VALUE_MAX);
            self.by_hand = Some(Matrix3(std::array::from_fn(|r| std::array::from_fn(|c| value(3 * r + c)))));
        }
    }

    /// The tuned matrix.
    fn tuned(&self, kelvin: f64) -> Matrix3 {
        let rounded = (kelvin / STEP_K).round() * STEP_K;
        matrix_at(&self.points, rounded).unwrap_or(Matrix3::IDENTITY)
    }
}

impl Algorithm for ColourCorrection {
    fn control(&mut self, controls: &ControlList) {
        if let Some(values) = controls.get(COLOUR_CORRECTION_MATRIX) {
            self.update(values);
        }
        self.saturation = number(controls, SATURATION).unwrap_or(self.saturation);
    }

    fn prepare(&mut self, frame: &mut Preparation<'_>) {
        let matrix = self.by_hand.unwrap_or_else(|| self.tuned(frame.state.temperature_k));
        frame.parameters.colour_matrix = match self.saturation {
            1.0 => matrix,
            saturation => Matrix3::saturation(saturation).times(&matrix),
        };
        let values = std::array::from_fn(|at| matrix.0[at / 3][at % 3] as f32);
        frame.metadata.set(COLOUR_CORRECTION_MATRIX, values).set(SATURATION, self.saturation as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuning::IMX219;

    fn algorithm() -> ColourCorrection {
        ColourCorrection::new(&IMX219.colour)
    }

    #[test]
    fn tuned_matrices_are_met_and_mixed_between() {
        let colour = algorithm();
        let (a, b) = (IMX219.colour[0], IMX219.colour[1]);
        assert_eq!(colour.tuned(a.kelvin), a.matrix);
        assert_eq!(colour.tuned(1000.0), a.matrix);
        let middle = colour.tuned(f64::midpoint(a.kelvin, b.kelvin)).0[0][0];
        let (low, high) = (a.matrix.0[0][0].min(b.matrix.0[0][0]), a.matrix.0[0][0].max(b.matrix.0[0][0]));
        assert!(low < middle && middle < high);
    }

    #[test]
    fn matrices_set_by_hand_hold_until_zeros() {
        let mut colour = algorithm();
        colour.update([2.0; 9]);
        assert_eq!(colour.by_hand, Some(Matrix3([[2.0; 3]; 3])));
        colour.update([f32::NAN; 9]);
        assert!(colour.by_hand.is_some());
        colour.update([0.0; 9]);
        assert_eq!(colour.by_hand, None);
    }
}
