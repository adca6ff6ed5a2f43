//! Resampling along one axis: by area where the picture shrinks, linear where it grows.

use crate::level::rounded;
use crate::mosaic::{ColourRow, Ring};
use crate::simd::{Kernel, Simd, each};

/// Which source samples make up each target sample.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// Whether pairs of source samples become one.
    halves: bool,
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
        let whole = source.is_multiple_of(target);
        let taps = if whole { source / target } else { (step.ceil() as usize + 1).min(source) };
        let halves = source == 2 * target;
        let mut axis = Self { halves, taps, starts: Vec::with_capacity(target), weights: Vec::new() };
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

    /// The first source sample that a target sample needs.
    pub(crate) fn first(&self, target: usize) -> usize {
        self.starts[target] as usize
    }

    /// The last source sample that a target sample needs.
    pub(crate) fn last(&self, target: usize) -> usize {
        self.starts[target] as usize + self.taps - 1
    }

    fn weights_of(&self, target: usize) -> (usize, &[f32]) {
        (self.starts[target] as usize, &self.weights[target * self.taps..][..self.taps])
    }

    /// Resamples a row into a row of even columns and one of odd ones.
    #[inline(always)]
    fn resample(&self, source: &[f32], targets: [&mut [u16]; 2]) {
        for (half, target) in targets.into_iter().enumerate() {
            let starts = self.starts.iter().skip(half).step_by(2);
            let weights = self.weights.chunks_exact(self.taps).skip(half).step_by(2);
            for ((out, &start), weights) in target.iter_mut().zip(starts).zip(weights) {
                let samples = &source[start as usize..][..weights.len()];
                let sum: f32 = samples.iter().zip(weights).map(|(sample, weight)| sample * weight).sum();
                *out = rounded(sum.clamp(0.0, 65535.0));
            }
        }
    }

    /// Mixes the rows that make up target row `y`, one colour of them, into a row of
    /// alternating even and odd columns.
    #[inline(always)]
    fn mix_rows(&self, rows: &Ring<ColourRow>, y: usize, colour: usize, out: &mut [f32]) {
        let (start, weights) = self.weights_of(y);
        for (i, &weight) in weights.iter().enumerate() {
            let [even, odd] = &rows.row(start + i).halves;
            let columns = even[colour].iter().zip(&odd[colour]);
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

/// Makes a row of a scaled picture.
pub(crate) struct ScaleRow<'a> {
    pub(crate) columns: &'a Axis,
    pub(crate) rows: &'a Axis,
    pub(crate) source: &'a Ring<ColourRow>,
    /// Columns of the source before the first one shown: 0 or 1.
    pub(crate) skip: usize,
    pub(crate) y: usize,
    /// Room for a row of the source.
    pub(crate) mixed: &'a mut [f32],
    pub(crate) out: &'a mut ColourRow,
}

impl Kernel for ScaleRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        if self.skip == 0 && self.columns.halves && self.rows.halves {
            let first = self.rows.first(self.y);
            return halve(
                s,
                [self.source.row(first), self.source.row(first + 1)],
                self.columns.len(),
                self.out,
            );
        }
        for colour in 0..3 {
            self.rows.mix_rows(self.source, self.y, colour, self.mixed);
            let targets = self.out.halves.each_mut().map(|half| &mut half[colour][..]);
            self.columns.resample(&self.mixed[self.skip..], targets);
        }
    }
}

/// Means of 2×2 pixels.
#[inline(always)]
fn halve<S: Simd>(s: S, rows: [&ColourRow; 2], width: usize, out: &mut ColourRow) {
    let count = width.div_ceil(2 * S::LANES);
    for colour in 0..3 {
        let [[a, b], [c, d]] = rows.map(|row| [0, 1].map(|half| row.vectors::<S>(half, colour, 2 * count)));
        let [even, odd] = &mut out.halves;
        let even = &mut S::chunks_mut(&mut even[colour])[..count];
        let odd = &mut S::chunks_mut(&mut odd[colour])[..count];
        for i in 0..count {
            let [first, second] = each!([2 * i, 2 * i + 1], i => {
                let upper = s.avg(s.load(&a[i]), s.load(&b[i]));
                s.avg(upper, s.avg(s.load(&c[i]), s.load(&d[i])))
            });
            let (first, second) = s.unzip(first, second);
            s.store(&mut even[i], first);
            s.store(&mut odd[i], second);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn resampled(axis: &Axis, source: &[f32]) -> Vec<u16> {
        let mut halves = [(); 2].map(|()| vec![0; axis.len().div_ceil(2)]);
        axis.resample(source, halves.each_mut().map(|half| &mut half[..]));
        (0..axis.len()).map(|i| halves[i % 2][i / 2]).collect()
    }

    #[test]
    fn halving_takes_means_of_pairs() {
        assert_eq!(resampled(&Axis::new(6, 3), &[0.0, 2.0, 4.0, 6.0, 8.0, 10.0]), [1, 5, 9]);
    }

    #[test]
    fn doubling_is_linear_between_centres() {
        assert_eq!(resampled(&Axis::new(2, 4), &[0.0, 4.0]), [0, 1, 3, 4]);
    }

    proptest! {
        #[test]
        fn grey_stays_grey_and_ramps_keep_their_mean(source in 1usize..300, target in 1usize..300) {
            let axis = Axis::new(source, target);
            prop_assert!(resampled(&axis, &vec![50_000.0; source]).iter().all(|v| v.abs_diff(50_000) < 5));
            let ramp: Vec<f32> = (0..source).map(|i| 100.0 * i as f32).collect();
            let out = resampled(&axis, &ramp);
            let mean = out.iter().map(|&v| f64::from(v)).sum::<f64>() / target as f64;
            prop_assert!((mean - 50.0 * (source - 1) as f64).abs() < 1.5);
            prop_assert!(out.is_sorted());
        }
    }
}
