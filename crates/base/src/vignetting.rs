//! How a lens darkens a picture away from its middle, and what undoes that. Knows nothing of modes.

use crate::geometry::{NativePixels, Rect};

/// What undoes a lens's shading: gains of `1 + a r² + b r⁴`, which depend on the colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vignetting {
    /// `[a, b]` for red, green and blue.
    pub coefficients: [[f64; 2]; 3],
    /// The part of the array that sees light: `r` is 0 in its middle, and 1 in its corners.
    pub area: Rect<NativePixels>,
}

impl Vignetting {
    /// The gains for red, green and blue at a point of the array.
    pub fn gains(&self, x: f64, y: f64) -> [f64; 3] {
        let (half_width, half_height) = (f64::from(self.area.width) / 2.0, f64::from(self.area.height) / 2.0);
        let (dx, dy) = (x - f64::from(self.area.x) - half_width, y - f64::from(self.area.y) - half_height);
        let r2 = (dx * dx + dy * dy) / (half_width * half_width + half_height * half_height).max(1.0);
        self.coefficients.map(|[a, b]| 1.0 + a * r2 + b * r2 * r2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a middle or corners that are elsewhere; colours that change places.
    #[test]
    fn gains_are_1_in_the_middle_and_sums_in_the_corners() {
        let coefficients = [[1.0, 0.5], [0.5, 0.25], [0.0, 0.0]];
        let shading = Vignetting { coefficients, area: Rect::new(8, 4, 800, 600) };
        assert_eq!(shading.gains(408.0, 304.0), [1.0; 3]);
        assert_eq!(shading.gains(8.0, 4.0), [2.5, 1.75, 1.0]);
        assert_eq!(shading.gains(808.0, 604.0), [2.5, 1.75, 1.0]);
    }
}
