//! Single defective pixels and noise, mended in the mosaic, from neighbours of one colour.

use crate::level::rounded;
use crate::mosaic::{MosaicRow, Neighbours, Window};
use crate::parameters::{DefectCorrection, Denoise};

/// How far beyond all its neighbours a pixel must lie to be a defect: a share of the
/// outermost neighbour, in 1/256, and a constant on a scale of 16 bits.
const fn defect_margin(level: DefectCorrection) -> Option<(i32, i32)> {
    match level {
        DefectCorrection::Off => None,
        DefectCorrection::Normal => Some((128, 2048)),
        DefectCorrection::Strong => Some((32, 768)),
    }
}

/// Copies the middle row of the window, with defects replaced and noise smoothed.
pub(crate) fn correct_row(
    window: &Window<'_>,
    defects: DefectCorrection,
    denoise: Denoise,
    row: &mut MosaicRow,
) {
    for half in 0..2 {
        let out = row.inner_mut(half);
        let near = window.samples(half, 0, out.len());
        match defect_margin(defects) {
            Some(margin) => replace_defects(&near, margin, out),
            None => out.copy_from_slice(near.centre),
        }
        if denoise.strength > 0.0 {
            smooth(&near, denoise, out);
        }
    }
}

fn replace_defects(near: &Neighbours<'_>, (share, constant): (i32, i32), out: &mut [u16]) {
    let n = out.len();
    let [north, south, west, east] = same_colour(near, n);
    for i in 0..n {
        let [a, b, c, d] = [north[i], south[i], west[i], east[i]].map(i32::from);
        let low = a.min(b).min(c.min(d));
        let high = a.max(b).max(c.max(d));
        let centre = i32::from(near.centre[i]);
        let above = centre > high + ((high * share) >> 8) + constant;
        let below = centre < low - ((low * share) >> 8) - constant;
        let mended = if below { low } else { centre };
        out[i] = if above { high } else { mended } as u16;
    }
}

/// Moves each sample towards those neighbours that differ by no more than noise would.
fn smooth(near: &Neighbours<'_>, denoise: Denoise, out: &mut [u16]) {
    let n = out.len();
    let around = same_colour(near, n);
    for (i, out) in out.iter_mut().enumerate() {
        let centre = f32::from(*out);
        let noise = (denoise.constant + denoise.slope * centre.sqrt()).max(1.0);
        let reach = 1.0 / (3.0 * noise);
        let mut shift = 0.0;
        for neighbours in around {
            let difference = f32::from(neighbours[i]) - centre;
            shift += difference * (1.0 - difference.abs() * reach).max(0.0);
        }
        *out = rounded((centre + shift * (denoise.strength / 5.0)).clamp(0.0, 65535.0));
    }
}

fn same_colour<'a>(near: &Neighbours<'a>, n: usize) -> [&'a [u16]; 4] {
    [near.north2, near.south2, near.west2, near.east2].map(|samples| &samples[..n])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mosaic::Ring;

    fn corrected(samples: &[[u16; 12]; 5], defects: DefectCorrection, denoise: Denoise) -> MosaicRow {
        let mut ring = Ring::new(MosaicRow::new(6), 5);
        for (y, samples) in samples.iter().enumerate() {
            ring.row_mut(y).split(samples, 0);
        }
        let mut row = MosaicRow::new(6);
        correct_row(&Window::about(&ring, 2, 5), defects, denoise, &mut row);
        row
    }

    #[test]
    fn a_hot_pixel_takes_its_brightest_neighbours_value() {
        let mut samples = [[10_000; 12]; 5];
        samples[2][6] = 60_000;
        samples[2][4] = 11_000;
        let row = corrected(&samples, DefectCorrection::Normal, Denoise::OFF);
        assert_eq!(row.inner(0)[3], 11_000);
        let off = corrected(&samples, DefectCorrection::Off, Denoise::OFF);
        assert_eq!(off.inner(0)[3], 60_000);
    }

    #[test]
    fn edges_survive_smoothing_and_noise_does_not() {
        let mut samples = [[10_000; 12]; 5];
        for row in &mut samples {
            row[6..].fill(50_000);
        }
        samples[2][2] = 10_200;
        let denoise = Denoise { constant: 100.0, slope: 2.0, strength: 1.0 };
        let row = corrected(&samples, DefectCorrection::Off, denoise);
        assert!(row.inner(0)[1] < 10_120);
        assert!(row.inner(0)[2] < 10_050, "the bright side must not leak");
        assert_eq!(row.inner(0)[3], 50_000);
    }
}
