//! How bright a picture is.
//!
//! The mean luma of the regions, weighted by the metering mode. Cells that the hardware left
//! out of the regions' sums (clipped, or black) count too: the histogram holds all pixels, so
//! what it has above the regions' mean is theirs.

use super::super::luma;
use crate::statistics::{AGC_REGIONS, HISTOGRAM_BINS, Statistics, Zone};
use pinhole_base::control::AeMeteringMode;

const REGIONS: usize = AGC_REGIONS.0 * AGC_REGIONS.1;

const CENTRE_WEIGHTED: [f64; REGIONS] =
    [1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 3.0, 4.0, 3.0, 1.0, 1.0, 1.0, 2.0, 1.0, 1.0];
const SPOT: [f64; REGIONS] = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
const MATRIX: [f64; REGIONS] = [1.0; REGIONS];

const fn weights(mode: AeMeteringMode) -> &'static [f64; REGIONS] {
    match mode {
        AeMeteringMode::CentreWeighted => &CENTRE_WEIGHTED,
        AeMeteringMode::Spot => &SPOT,
        AeMeteringMode::Matrix => &MATRIX,
    }
}

/// Mean luma with white balance `gains` for red and blue, where 1 is white; `None` if nothing
/// was measured.
pub(super) fn brightness(statistics: &Statistics, gains: [f64; 2], mode: AeMeteringMode) -> Option<f64> {
    let balanced = |[red, green, blue]: [f64; 3]| luma([red * gains[0], green, blue * gains[1]]);
    let zones = || statistics.agc.iter();
    let all = histogram_means(statistics).map(balanced);
    let uncounted: f64 = zones().map(|zone| f64::from(zone.uncounted)).sum();
    let (counted_sum, counted) = zones().fold((0.0, 0.0), |(sum, cells), zone| {
        let cells_here = f64::from(zone.counted);
        (sum + zone.mean().map_or(0.0, balanced) * cells_here, cells + cells_here)
    });
    if counted + uncounted == 0.0 {
        return all;
    }
    let left_out = all.map_or(0.0, |mean| (mean * (counted + uncounted) - counted_sum) / uncounted.max(1.0));
    let left_out = left_out.clamp(0.0, 1.0);
    weighted_mean(&statistics.agc, weights(mode), balanced, left_out)
        .or_else(|| weighted_mean(&statistics.agc, &MATRIX, balanced, left_out))
}

/// The mean of the regions, where cells left out count as `left_out`.
fn weighted_mean(
    zones: &[Zone; REGIONS],
    weights: &[f64; REGIONS],
    balanced: impl Fn([f64; 3]) -> f64,
    left_out: f64,
) -> Option<f64> {
    let (mut sum, mut total) = (0.0, 0.0);
    for (zone, weight) in zones.iter().zip(weights) {
        let (counted, uncounted) = (f64::from(zone.counted), f64::from(zone.uncounted));
        if counted + uncounted == 0.0 {
            continue;
        }
        let inside = zone.mean().map_or(0.0, &balanced) * counted + left_out * uncounted;
        sum += weight * inside / (counted + uncounted);
        total += weight;
    }
    (total > 0.0).then(|| sum / total)
}

/// Means of red, green and blue over all pixels; `None` if a histogram is empty.
fn histogram_means(statistics: &Statistics) -> Option<[f64; 3]> {
    // Of whole numbers a processor adds several at a time. A bin's middle is half an odd number.
    let mean = |bins: &[u32; HISTOGRAM_BINS]| {
        let count: u64 = bins.iter().map(|&pixels| u64::from(pixels)).sum();
        let middles: u64 =
            bins.iter().zip(0u32..).map(|(&pixels, i)| u64::from(2 * i + 1) * u64::from(pixels)).sum();
        (count > 0).then(|| middles as f64 / (count * 2 * HISTOGRAM_BINS as u64) as f64)
    };
    let [red, green, blue] = &statistics.histograms;
    Some([mean(red)?, mean(green)?, mean(blue)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::WHITE;

    fn zone(value: f64, counted: u32, uncounted: u32) -> Zone {
        let sum = (value * WHITE * f64::from(counted)) as u64;
        Zone { counted, uncounted, red: sum, green: sum, blue: sum }
    }

    fn measured(statistics: &Statistics, mode: AeMeteringMode) -> f64 {
        brightness(statistics, [1.0; 2], mode).unwrap()
    }

    #[test]
    fn modes_weigh_the_regions() {
        let mut statistics = Statistics { agc: [zone(0.1, 100, 0); REGIONS], ..Default::default() };
        statistics.agc[7] = zone(0.5, 100, 0);
        assert!((measured(&statistics, AeMeteringMode::Spot) - 0.5).abs() < 1e-4);
        assert!((measured(&statistics, AeMeteringMode::Matrix) - 1.9 / 15.0).abs() < 1e-4);
        let centre = measured(&statistics, AeMeteringMode::CentreWeighted);
        assert!((0.13..0.4).contains(&centre));
    }

    #[test]
    fn cells_left_out_count_as_the_histogram_has_them() {
        let mut statistics = Statistics { agc: [zone(0.2, 50, 50); REGIONS], ..Default::default() };
        for histogram in &mut statistics.histograms {
            histogram[(0.2 * HISTOGRAM_BINS as f64) as usize] = 1000;
            histogram[HISTOGRAM_BINS - 1] = 1000;
        }
        assert!((measured(&statistics, AeMeteringMode::Matrix) - 0.6).abs() < 0.01);
    }

    #[test]
    fn without_regions_the_histogram_serves() {
        let mut statistics = Statistics::default();
        assert_eq!(brightness(&statistics, [1.0; 2], AeMeteringMode::Matrix), None);
        statistics.histograms.iter_mut().for_each(|histogram| histogram[64] = 10);
        assert!((measured(&statistics, AeMeteringMode::Matrix) - 64.5 / 128.0).abs() < 1e-9);
    }
}
