//! The noise of a patch that should be of one colour.

use crate::light::{Light, luminance};
use pinhole::colour::difference::lab;

/// The noise of a patch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noise {
    /// Mean luminance over its standard deviation, in decibels, in linear light.
    pub(crate) snr_db: f64,
    /// Standard deviation of CIE L*.
    pub(crate) lightness: f64,
    /// Of a* and b*, together.
    pub(crate) chroma: f64,
}

impl Noise {
    /// Measures a patch of evenly rising or falling light: a plane is taken off first.
    pub(crate) fn of(patch: &Light) -> Self {
        let width = patch.size.width as usize;
        let luminances: Vec<f64> = patch.pixels.iter().map(|pixel| luminance(*pixel)).collect();
        let mean = luminances.iter().sum::<f64>() / luminances.len() as f64;
        let labs: Vec<[f64; 3]> = patch.pixels.iter().map(|pixel| lab(*pixel)).collect();
        let [lightness, a, b] =
            [0, 1, 2].map(|i| deviation(&labs.iter().map(|lab| lab[i]).collect::<Vec<_>>(), width));
        let snr_db = 20.0 * (mean / deviation(&luminances, width)).log10();
        Self { snr_db, lightness, chroma: a.hypot(b) }
    }
}

/// The standard deviation from the plane of least squares through values in rows of `width`.
fn deviation(values: &[f64], width: usize) -> f64 {
    let (height, count) = (values.len() / width, values.len() as f64);
    let centred = |i: usize, side: usize| i as f64 - (side - 1) as f64 / 2.0;
    let place = |i: usize| (centred(i % width, width), centred(i / width, height));
    let mean = values.iter().sum::<f64>() / count;
    let (mut across, mut down) = ((0.0, 0.0), (0.0, 0.0));
    for (i, value) in values.iter().enumerate() {
        let (x, y) = place(i);
        across = (across.0 + x * value, across.1 + x * x);
        down = (down.0 + y * value, down.1 + y * y);
    }
    let (rise_x, rise_y) = (across.0 / across.1, down.0 / down.1);
    let rest = values.iter().enumerate().map(|(i, value)| {
        let (x, y) = place(i);
        (value - mean - rise_x * x - rise_y * y).powi(2)
    });
    (rest.sum::<f64>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would catch a fall of light that is taken for noise, or noise that is taken for it.
    #[test]
    fn a_slope_is_no_noise() {
        let slope = |i: usize| 3.0 + 0.5 * (i % 20) as f64 - 0.2 * (i / 20) as f64;
        let even: Vec<f64> = (0..400).map(slope).collect();
        assert!(deviation(&even, 20) < 1e-9);
        let noisy: Vec<f64> =
            (0..400).map(|i| slope(i) + if (i + i / 20) % 2 == 0 { 0.7 } else { -0.7 }).collect();
        assert!((deviation(&noisy, 20) - 0.7).abs() < 0.01);
    }
}
