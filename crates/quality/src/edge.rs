//! How much of the contrast of fine detail is left, by a slanted edge (ISO 12233:2017, "e-SFR").
//!
//! Where the edge crosses each row tells its line; by their distance from it, samples make a
//! profile of the edge four times finer than pixels; its derivative is the answer to a line,
//! whose spectrum is the modulation transfer function. What differences and bins take from that
//! spectrum is given back. Knows nothing of pictures or colours.

use std::f64::consts::{PI, TAU};

/// Bins of the profile in a pixel.
const OVERSAMPLING: f64 = 4.0;
/// How far to either side of the edge the profile reaches, in pixels.
const REACH: f64 = 24.0;
/// Nearest and farthest to the edge where its sides are taken to be even, in pixels.
const PLATEAU: (f64, f64) = (8.0, 20.0);
/// From one frequency of the curve to the next, in cycles per pixel.
const STEP: f64 = 0.005;
/// How many there are.
const STEPS: usize = 151;

/// A sample: column, row, value.
pub(crate) type Sample = (f64, f64, f64);

/// What an edge says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sharpness {
    /// Contrast left at frequencies that rise by [`STEP`] from 0.
    pub(crate) mtf: Vec<f64>,
    /// How far the profile goes beyond its bright side, as a part of the edge's height.
    pub(crate) overshoot: f64,
    /// How far below its dark side.
    pub(crate) undershoot: f64,
}

impl Sharpness {
    /// Measures an edge that runs nearly along the columns, dark to its left. Samples come row by
    /// row, from left to right; they need not be on every pixel.
    ///
    /// `None` if there is no such edge, or not enough of it.
    pub(crate) fn of(samples: &[Sample]) -> Option<Self> {
        let line = Line::through(samples)?;
        let profile = profile(samples, &line)?;
        let side = |sign: f64| {
            let distances = (0..profile.len()).map(|i| (i, sign * distance(i)));
            let even: Vec<f64> = distances
                .filter(|(_, distance)| (PLATEAU.0..PLATEAU.1).contains(distance))
                .map(|(i, _)| profile[i])
                .collect();
            even.iter().sum::<f64>() / even.len() as f64
        };
        let (dark, bright) = (side(-1.0), side(1.0));
        let height = bright - dark;
        let (least, most) =
            profile.iter().fold((f64::MAX, f64::MIN), |(least, most), &v| (least.min(v), most.max(v)));
        let is_edge = height > 0.0 && height.is_finite();
        is_edge.then(|| Self {
            mtf: spectrum(&profile),
            overshoot: (most - bright) / height,
            undershoot: (dark - least) / height,
        })
    }

    /// The frequency at which half of the contrast is left, in cycles per pixel; the highest that
    /// is looked at if there is more.
    pub(crate) fn mtf50(&self) -> f64 {
        let Some(below) = self.mtf.iter().position(|&contrast| contrast < 0.5) else {
            return frequency(self.mtf.len() - 1);
        };
        let (above, contrast) = (self.mtf[below - 1], self.mtf[below]);
        frequency(below - 1) + STEP * (above - 0.5) / (above - contrast)
    }

    /// Frequencies and the contrast left there.
    pub(crate) fn curve(&self) -> impl Iterator<Item = (f64, f64)> {
        self.mtf.iter().enumerate().map(|(i, &contrast)| (frequency(i), contrast))
    }
}

/// The contrast that a square aperture of that width in pixels leaves.
pub(crate) fn aperture_mtf(width: f64, frequency: f64) -> f64 {
    sinc(width * frequency).abs()
}

/// The frequency at which a square aperture leaves half of the contrast.
pub(crate) fn aperture_mtf50(width: f64) -> f64 {
    // Where sin(πx)/(πx) is a half.
    0.603_354_6 / width
}

fn frequency(step: usize) -> f64 {
    step as f64 * STEP
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// Where an edge lies: its column in row 0, and how that changes from row to row.
struct Line {
    column: f64,
    slope: f64,
}

impl Line {
    /// Fits a line through where the edge crosses each row: the centroid of the differences of
    /// neighbours, those far from a first guess counting less (a Hamming window).
    fn through(samples: &[Sample]) -> Option<Self> {
        let rows: Vec<&[Sample]> = samples.chunk_by(|a, b| a.1 == b.1).collect();
        let all: Vec<_> = rows.iter().filter_map(|row| crossing(row, |_| 1.0)).collect();
        let guess = Self::fit(&all)?;
        let refined: Vec<_> = rows
            .iter()
            .filter_map(|row| {
                let expected = guess.column + guess.slope * row[0].1;
                crossing(row, |column| hamming((column - expected) / REACH))
            })
            .collect();
        Self::fit(&refined)
    }

    /// The line of least squares through rows and columns.
    fn fit(crossings: &[(f64, f64)]) -> Option<Self> {
        let count = crossings.len() as f64;
        let (row, column) = crossings
            .iter()
            .fold((0.0, 0.0), |(rows, columns), (row, column)| (rows + row, columns + column));
        let (row, column) = (row / count, column / count);
        let (mut covariance, mut variance) = (0.0, 0.0);
        for (y, x) in crossings {
            covariance += (y - row) * (x - column);
            variance += (y - row).powi(2);
        }
        let slope = covariance / variance;
        (crossings.len() > 4 && slope.is_finite()).then_some(Self { column: column - slope * row, slope })
    }
}

/// Row and column at which a row crosses the edge.
fn crossing(row: &[Sample], weight: impl Fn(f64) -> f64) -> Option<(f64, f64)> {
    let (mut sum, mut moment) = (0.0, 0.0);
    for pair in row.windows(2) {
        let column = f64::midpoint(pair[0].0, pair[1].0);
        let difference = weight(column) * (pair[1].2 - pair[0].2);
        sum += difference;
        moment += difference * column;
    }
    (sum > 0.0).then(|| (row[0].1, moment / sum))
}

/// A Hamming window over -1 to 1, and 0 beyond.
fn hamming(x: f64) -> f64 {
    if x.abs() > 1.0 { 0.0 } else { 0.54 + 0.46 * (PI * x).cos() }
}

/// Distance of a bin from the edge, in pixels.
fn distance(bin: usize) -> f64 {
    (bin as f64 + 0.5) / OVERSAMPLING - REACH
}

/// Means of the samples by their distance from the edge. A bin without samples lies between its
/// neighbours.
fn profile(samples: &[Sample], line: &Line) -> Option<Vec<f64>> {
    let bins = (2.0 * REACH * OVERSAMPLING) as usize;
    let (mut sums, mut counts) = (vec![0.0; bins], vec![0.0; bins]);
    for (column, row, value) in samples {
        let across = (column - line.column - line.slope * row) / line.slope.hypot(1.0);
        let bin = ((across + REACH) * OVERSAMPLING).floor();
        if (0.0..bins as f64).contains(&bin) {
            sums[bin as usize] += value;
            counts[bin as usize] += 1.0;
        }
    }
    let known: Vec<usize> = (0..bins).filter(|&bin| counts[bin] > 0.0).collect();
    let (first, last) = (*known.first()?, *known.last()?);
    let mean = |bin: usize| sums[bin] / counts[bin];
    let between = |bin: usize| {
        let next = known.partition_point(|&known| known < bin);
        let (before, after) = (known[next - 1], known[next]);
        let part = (bin - before) as f64 / (after - before) as f64;
        mean(before) + part * (mean(after) - mean(before))
    };
    let value = |bin: usize| match bin.clamp(first, last) {
        bin if counts[bin] > 0.0 => mean(bin),
        bin => between(bin),
    };
    Some((0..bins).map(value).collect())
}

/// The spectrum of a profile's derivative, 1 at frequency 0.
fn spectrum(profile: &[f64]) -> Vec<f64> {
    let line: Vec<(f64, f64)> = profile
        .windows(3)
        .enumerate()
        .map(|(i, three)| {
            let at = distance(i + 1);
            (at, (three[2] - three[0]) * hamming(at / REACH))
        })
        .collect();
    let magnitude = |frequency: f64| {
        let (mut cosines, mut sines) = (0.0, 0.0);
        for (at, value) in &line {
            let (sine, cosine) = (TAU * frequency * at).sin_cos();
            cosines += value * cosine;
            sines += value * sine;
        }
        cosines.hypot(sines)
    };
    let whole = magnitude(0.0);
    let given_back = |frequency: f64| sinc(2.0 * frequency / OVERSAMPLING) * sinc(frequency / OVERSAMPLING);
    (0..STEPS).map(frequency).map(|f| magnitude(f) / whole / given_back(f)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An edge 5 degrees off the columns, `profile` from 0 to 1 by the distance from it.
    fn edge(profile: impl Fn(f64) -> f64) -> Vec<Sample> {
        let slope = 5f64.to_radians().tan();
        let pixels = (0..90).flat_map(|y| (0..120).map(move |x| (f64::from(x), f64::from(y))));
        pixels
            .map(|(x, y)| (x, y, 0.1 + 0.6 * profile((x - 55.3 - slope * (y - 45.0)) / slope.hypot(1.0))))
            .collect()
    }

    /// The integral of the normal distribution (Abramowitz and Stegun, 7.1.26).
    fn normal(x: f64) -> f64 {
        let t = 1.0 / (1.0 + 0.327_591_1 * x.abs() / 2f64.sqrt());
        let series = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
        let sum = series.into_iter().fold(0.0, |sum, factor| (sum + factor) * t);
        let above = 0.5 * sum * (-x * x / 2.0).exp();
        if x > 0.0 { 1.0 - above } else { above }
    }

    fn expect_near(what: &str, value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() < 0.02, "{what}: {value}, not {expected}");
    }

    /// Would catch a wrong scale of distances, bins or frequencies, or a correction left out.
    #[test]
    fn a_gaussian_blur_has_the_mtf_that_it_has_by_theory() {
        for sigma in [0.5, 0.8, 1.2, 2.0] {
            let measured = Sharpness::of(&edge(|d| normal(d / sigma))).expect("an edge");
            expect_near("MTF50", measured.mtf50(), (2f64.ln() / 2.0).sqrt() / (PI * sigma));
            assert!(measured.overshoot.abs() < 1e-3 && measured.undershoot.abs() < 1e-3, "{measured:?}");
        }
    }

    /// Would catch the limit in the table not being the simulated sensor's.
    #[test]
    fn a_square_aperture_has_its_mtf() {
        for width in [1.0, 1.8, 3.0] {
            let measured = Sharpness::of(&edge(|d| (0.5 + d / width).clamp(0.0, 1.0))).expect("an edge");
            expect_near("MTF50", measured.mtf50(), aperture_mtf50(width));
            assert!((aperture_mtf(width, aperture_mtf50(width)) - 0.5).abs() < 1e-6);
        }
    }

    /// Would catch samples that must lie on every pixel: a mosaic's green ones do not.
    #[test]
    fn half_of_the_samples_tell_the_same() {
        let mut samples = edge(|d| normal(d / 0.8));
        samples.retain(|(x, y, _)| (x + y) % 2.0 == 0.0);
        let measured = Sharpness::of(&samples).expect("an edge");
        expect_near("MTF50", measured.mtf50(), (2f64.ln() / 2.0).sqrt() / (PI * 0.8));
    }

    #[test]
    fn halos_are_told() {
        let halo = |d: f64| normal(d) + 0.1 * (-(d - 2.0).powi(2)).exp() - 0.05 * (-(d + 2.0).powi(2)).exp();
        let measured = Sharpness::of(&edge(halo)).expect("an edge");
        assert!((0.07..0.10).contains(&measured.overshoot), "{}", measured.overshoot);
        assert!((0.02..0.05).contains(&measured.undershoot), "{}", measured.undershoot);
    }

    #[test]
    fn what_is_no_edge_tells_nothing() {
        assert_eq!(Sharpness::of(&[]), None);
        assert_eq!(Sharpness::of(&edge(|_| 0.5)), None);
    }
}
