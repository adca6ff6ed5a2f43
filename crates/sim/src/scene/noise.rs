//! Random numbers of a normal distribution, from a table: drawing them costs a read.

use std::sync::OnceLock;

use crate::random::Random;

/// Places in the table where a row may begin.
const STARTS: usize = 1 << 16;
/// The longest row.
const ROW_MAX: usize = 1 << 13;

/// A row's worth of numbers with mean 0 and deviation 1, chosen by a random number.
///
/// # Panics
/// If the row is longer than any sensor's.
pub(crate) fn normal_row(choice: u64, length: usize) -> &'static [f32] {
    static TABLE: OnceLock<Vec<f32>> = OnceLock::new();
    let table = TABLE.get_or_init(|| normal_table(STARTS + ROW_MAX));
    let start = (choice >> 32) as usize % STARTS;
    &table[start..start + length]
}

/// G. E. P. Box and M. E. Muller, "A note on the generation of random normal deviates", 1958.
fn normal_table(length: usize) -> Vec<f32> {
    let mut random = Random::new(0x5eed);
    let mut uniform = || ((random.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let mut table = Vec::with_capacity(length + 1);
    while table.len() < length {
        let (radius, angle) = ((-2.0 * uniform().ln()).sqrt(), std::f64::consts::TAU * uniform());
        table.push((radius * angle.cos()) as f32);
        table.push((radius * angle.sin()) as f32);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_mean_0_and_deviation_1() {
        let table = normal_table(STARTS);
        let mean = |power: i32| table.iter().map(|&x| f64::from(x).powi(power)).sum::<f64>() / STARTS as f64;
        assert!(mean(1).abs() < 0.01 && (mean(2) - 1.0).abs() < 0.02 && (mean(4) - 3.0).abs() < 0.1);
    }
}
