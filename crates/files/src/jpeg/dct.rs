//! The forward cosine transform of 8×8 blocks, with its scale folded into quantisation.
//! Algorithm: Y. Arai, T. Agui, M. Nakajima, "A fast DCT-SQ scheme for images", 1988.

use std::f32::consts::{FRAC_1_SQRT_2, PI};

/// Rows and columns of a block.
pub(super) const BLOCK_SIDE: usize = 8;

/// Samples, or their transform, row by row.
pub(super) type Block = [f32; 64];

/// Divides transformed blocks by a table's steps.
pub(super) struct Quantiser {
    reciprocals: Block,
}

impl Quantiser {
    /// From the table's 64 steps, row by row.
    pub(super) fn new(steps: &[u8; 64]) -> Self {
        let mut reciprocals = [0.0; 64];
        for (at, reciprocal) in reciprocals.iter_mut().enumerate() {
            let scale = 8.0 * basis_scale(at / BLOCK_SIDE) * basis_scale(at % BLOCK_SIDE);
            *reciprocal = 1.0 / (f32::from(steps[at]) * scale);
        }
        Self { reciprocals }
    }

    /// The quantised transform of a block of samples, row by row.
    pub(super) fn quantised(&self, mut block: Block) -> [i16; 64] {
        transform(&mut block);
        let mut levels = [0; 64];
        for ((level, value), reciprocal) in levels.iter_mut().zip(block).zip(self.reciprocals) {
            *level = (value * reciprocal).round() as i16;
        }
        levels
    }
}

/// How much larger `butterfly` leaves a coefficient, over the square root of 8.
fn basis_scale(frequency: usize) -> f32 {
    if frequency == 0 { 1.0 } else { std::f32::consts::SQRT_2 * (frequency as f32 * PI / 16.0).cos() }
}

fn transform(block: &mut Block) {
    for row in 0..BLOCK_SIDE {
        butterfly(block, row * BLOCK_SIDE, 1);
    }
    for column in 0..BLOCK_SIDE {
        butterfly(block, column, BLOCK_SIDE);
    }
}

/// One transform of 8 values, `step` apart from `start`, in 5 multiplications.
fn butterfly(block: &mut Block, start: usize, step: usize) {
    let at = |index: usize| start + index * step;
    let mut sums = [0.0; 4];
    let mut differences = [0.0; 4];
    for i in 0..4 {
        sums[i] = block[at(i)] + block[at(7 - i)];
        differences[i] = block[at(i)] - block[at(7 - i)];
    }
    for (index, value) in [0, 4, 2, 6].into_iter().zip(even_part(sums)) {
        block[at(index)] = value;
    }
    for (index, value) in [1, 7, 3, 5].into_iter().zip(odd_part(differences)) {
        block[at(index)] = value;
    }
}

/// Coefficients 0, 4, 2, 6.
fn even_part([a, b, c, d]: [f32; 4]) -> [f32; 4] {
    let (outer, inner) = (a + d, b + c);
    let (outer_difference, inner_difference) = (a - d, b - c);
    let rotated = (inner_difference + outer_difference) * FRAC_1_SQRT_2;
    [outer + inner, outer - inner, outer_difference + rotated, outer_difference - rotated]
}

/// Coefficients 1, 7, 3, 5.
fn odd_part([a, b, c, d]: [f32; 4]) -> [f32; 4] {
    const COS_3: f32 = 0.382_683_43; // cos(3π/8)
    const LOW: f32 = 0.541_196_1; // cos(π/8) - cos(3π/8)
    const HIGH: f32 = 1.306_563; // cos(π/8) + cos(3π/8)
    let (first, middle, last) = (d + c, (c + b) * FRAC_1_SQRT_2, b + a);
    let common = (first - last) * COS_3;
    let (low, high) = (first * LOW + common, last * HIGH + common);
    let (plus, minus) = (a + middle, a - middle);
    [plus + high, plus - high, minus - low, minus + low]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The transform as T.81 defines it (A.3.3).
    fn slow(block: &Block, v: usize, u: usize) -> f64 {
        let scale = |k: usize| if k == 0 { 0.5f64.sqrt() } else { 1.0 };
        let wave = |x: usize, k: usize| ((2 * x + 1) as f64 * k as f64 * std::f64::consts::PI / 16.0).cos();
        let sum: f64 = (0..64).map(|at| f64::from(block[at]) * wave(at % 8, u) * wave(at / 8, v)).sum();
        sum * scale(u) * scale(v) / 4.0
    }

    #[test]
    fn as_the_definition_says() {
        let mut block = [0.0; 64];
        for (at, value) in block.iter_mut().enumerate() {
            *value = ((at * at * 37 + at * 11) % 256) as f32 - 128.0;
        }
        let levels = Quantiser::new(&[1; 64]).quantised(block);
        for (at, level) in levels.iter().enumerate() {
            let exact = slow(&block, at / 8, at % 8);
            assert!((f64::from(*level) - exact).abs() < 0.51, "at {at}: {level}, not {exact}");
        }
    }
}
