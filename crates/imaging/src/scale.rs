//! Resampling along one axis: by area where the picture shrinks, linear where it grows.

use crate::demosaic::ColourRow;
use crate::mosaic::Ring;

/// Which source samples make up each target sample.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// Source samples per target sample; 1 only where the sizes are equal.
    taps: usize,
    /// The first of them, for each target sample.
    starts: Vec<u32>,
    /// `taps` weights for each target sample; they sum to 1.
    weights: Vec<f32>,
}

impl Axis {
    /// From `source` samples to `target`, both at least 1.
    pub(crate) fn new(source: usize, target: usize) -> Self {
        let step = source as f64 / target as f64;
        let taps = if source == target { 1 } else { (step.ceil() as usize + 1).min(source) };
        let mut axis = Self { taps, starts: Vec::with_capacity(target), weights: Vec::new() };
        for i in 0..target {
            let (start, weight): (f64, Box<dyn Fn(f64) -> f64>) = if step >= 1.0 {
                let (low, high) = (i as f64 * step, (i + 1) as f64 * step);
                (low, Box::new(move |j| (high.min(j + 1.0) - low.max(j)).max(0.0) / step))
            } else {
                let centre = ((i as f64 + 0.5) * step - 0.5).clamp(0.0, (source - 1) as f64);
                (centre, Box::new(move |j| (1.0 - (centre - j).abs()).max(0.0)))
            };
            let start = (start as usize).min(source - taps);
            axis.starts.push(start as u32);
            axis.weights.extend((start..start + taps).map(|j| weight(j as f64) as f32));
        }
        axis
    }

    /// Source samples that a target sample needs at once.
    pub(crate) fn taps(&self) -> usize {
        self.taps
    }

    /// Target samples.
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The last source sample that a target sample needs.
    pub(crate) fn last(&self, target: usize) -> usize {
        self.starts[target] as usize + self.taps - 1
    }

    fn weights_of(&self, target: usize) -> (usize, &[f32]) {
        (self.starts[target] as usize, &self.weights[target * self.taps..][..self.taps])
    }

    /// Resamples a row.
    pub(crate) fn resample(&self, source: &[f32], target: &mut [f32]) {
        if source.len() == target.len() {
            target.copy_from_slice(source);
            return;
        }
        let weights = self.weights.chunks_exact(self.taps);
        for ((out, &start), weights) in target.iter_mut().zip(&self.starts).zip(weights) {
            let samples = &source[start as usize..][..weights.len()];
            *out = samples.iter().zip(weights).map(|(sample, weight)| sample * weight).sum();
        }
    }

    /// Mixes the rows that make up target row `y`, one colour of them, into a row of
    /// alternating even and odd columns.
    pub(crate) fn mix_rows(&self, rows: &Ring<ColourRow>, y: usize, channel: usize, out: &mut [f32]) {
        let (start, weights) = self.weights_of(y);
        for (i, &weight) in weights.iter().enumerate() {
            let [even, odd] = &rows.row(start + i).halves;
            let columns = even[channel].iter().zip(&odd[channel]);
            let pairs = out.as_chunks_mut::<2>().0.iter_mut().zip(columns);
            if i == 0 {
                for (pair, (&even, &odd)) in pairs {
                    *pair = [f32::from(even) * weight, f32::from(odd) * weight];
                }
            } else {
                for (pair, (&even, &odd)) in pairs {
                    pair[0] += f32::from(even) * weight;
                    pair[1] += f32::from(odd) * weight;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn halving_takes_means_of_pairs() {
        let mut out = [0.0; 3];
        Axis::new(6, 3).resample(&[0.0, 2.0, 4.0, 6.0, 8.0, 10.0], &mut out);
        assert_eq!(out, [1.0, 5.0, 9.0]);
    }

    #[test]
    fn doubling_is_linear_between_centres() {
        let mut out = [0.0; 4];
        Axis::new(2, 4).resample(&[0.0, 4.0], &mut out);
        assert_eq!(out, [0.0, 1.0, 3.0, 4.0]);
    }

    proptest! {
        #[test]
        fn grey_stays_grey_and_ramps_keep_their_mean(source in 1usize..300, target in 1usize..300) {
            let axis = Axis::new(source, target);
            let mut out = vec![0.0; target];
            axis.resample(&vec![1.0; source], &mut out);
            prop_assert!(out.iter().all(|v| (v - 1.0).abs() < 1e-4));
            let ramp: Vec<f32> = (0..source).map(|i| i as f32).collect();
            axis.resample(&ramp, &mut out);
            let mean = out.iter().sum::<f32>() / target as f32;
            prop_assert!((mean - (source - 1) as f32 / 2.0).abs() < 1e-2);
            prop_assert!(out.is_sorted());
        }
    }
}
