//! Sharpening: detail of luma against a 3×3 binomial blur, added to all three colours.

use crate::level::rounded;
use crate::mosaic::Rgb;
use crate::parameters::Sharpen;

/// A finished row with its luma.
#[derive(Clone, Debug)]
pub(crate) struct TonedRow {
    /// Values of 0 to 65535.
    pub(crate) rgb: Rgb<Vec<u16>>,
    /// Luma, with one more value mirrored at either end.
    luma: Vec<f32>,
}

impl TonedRow {
    pub(crate) fn new(width: usize) -> Self {
        Self { rgb: Rgb([vec![0; width], vec![0; width], vec![0; width]]), luma: vec![0.0; width + 2] }
    }

    /// Computes luma from the colours.
    pub(crate) fn measure_luma(&mut self) {
        let [red, green, blue] = &self.rgb.0;
        let width = red.len();
        let colours = red.iter().zip(green).zip(blue);
        for (luma, ((&r, &g), &b)) in self.luma[1..].iter_mut().zip(colours) {
            *luma = 0.25 * f32::from(r) + 0.5 * f32::from(g) + 0.25 * f32::from(b);
        }
        self.luma[0] = self.luma[2.min(width)];
        self.luma[width + 1] = self.luma[width.saturating_sub(1).max(1)];
    }
}

/// Sharpens a row, given the rows above and below it.
pub(crate) fn sharpen_row(
    rows: [&TonedRow; 3],
    sharpen: Sharpen,
    boost: &mut [f32],
    out: &mut Rgb<Vec<u16>>,
) {
    let n = boost.len();
    let [above, middle, below] = rows.map(|row| &row.luma[..n + 2]);
    let to_16_bits = 257.0;
    let (threshold, limit) = (sharpen.threshold * to_16_bits, sharpen.limit.max(0.0) * to_16_bits);
    let column = |i: usize| above[i] + 2.0 * middle[i] + below[i];
    for (i, boost) in boost.iter_mut().enumerate() {
        let blurred = (column(i) + 2.0 * column(i + 1) + column(i + 2)) / 16.0;
        let detail = middle[i + 1] - blurred;
        let beyond = detail - detail.clamp(-threshold, threshold);
        *boost = (beyond * sharpen.strength).clamp(-limit, limit);
    }
    for (out, samples) in out.iter_mut().zip(&rows[1].rgb.0) {
        for ((out, &sample), boost) in out.iter_mut().zip(samples).zip(&*boost) {
            *out = rounded((f32::from(sample) + boost).clamp(0.0, 65535.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_gain_contrast_within_the_limit_and_flat_parts_stay() {
        let mut row = TonedRow::new(8);
        for channel in &mut row.rgb.0 {
            channel.copy_from_slice(&[20_000, 20_000, 20_000, 20_000, 40_000, 40_000, 40_000, 40_000]);
        }
        row.measure_luma();
        let sharpen = Sharpen { threshold: 0.0, strength: 1.0, limit: 10.0 };
        let mut out = row.rgb.clone();
        sharpen_row([&row; 3], sharpen, &mut [0.0; 8], &mut out);
        assert_eq!(out[1], [20_000, 20_000, 20_000, 17_430, 42_570, 40_000, 40_000, 40_000]);
    }
}
