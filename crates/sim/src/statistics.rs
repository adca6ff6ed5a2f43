//! Statistics in the hardware's layout: measured by the imaging engine, or made up from a
//! stamp where there are no pixels. Knows nothing of buffers.

use crate::model::SensorModel;
use crate::scene::Light;
use crate::stamp::Stamp;
use pinhole_base::geometry::Size;
use pinhole_device::uapi::bcm2835_isp::{Focus, Histogram, Region, SUM_BITS, Statistics};
use pinhole_imaging::{self as imaging, statistics::RegionSums};

const VERSION: u32 = 1;
/// How much light an average scene reflects.
const GREY: f64 = 0.18;
const FULL_SCALE: f64 = 65535.0;

fn head(out: &mut Statistics) {
    out.version = VERSION;
    out.size = size_of::<Statistics>() as u32;
}

/// Writes what was measured in the hardware's layout.
pub(crate) fn convert(measured: &imaging::Statistics, out: &mut Statistics) {
    head(out);
    for (out, measured) in out.hist.iter_mut().zip(&measured.histograms) {
        *out = Histogram { r: measured.red, g: measured.green, b: measured.blue };
    }
    let regions = |out: &mut [Region], measured: &[RegionSums]| {
        for (out, measured) in out.iter_mut().zip(measured) {
            *out = region(measured);
        }
    };
    regions(&mut out.awb, &measured.awb);
    regions(&mut out.floating, &measured.floating);
    regions(&mut out.agc, &measured.agc);
    for (out, measured) in out.focus.iter_mut().zip(&measured.focus) {
        *out = Focus { contrast: measured.contrast, num: measured.count };
    }
}

const fn region(sums: &RegionSums) -> Region {
    Region {
        counted: sums.counted,
        notcounted: sums.not_counted,
        r_sum: sums.red >> SHIFT,
        g_sum: sums.green >> SHIFT,
        b_sum: sums.blue >> SHIFT,
    }
}

/// From values of 16 bits to those that the hardware sums.
const SHIFT: u32 = 16 - SUM_BITS;

/// Red, green and blue of a grey scene, black subtracted and the rest stretched to 16 bits, as
/// the imaging engine does.
fn levels(stamp: &Stamp, model: &SensorModel, light: Light) -> [f64; 3] {
    let exposure_s = model.line_ns(stamp.line_length_pixels) * f64::from(stamp.exposure_lines) / 1e9;
    let gain = model.gain.factor(stamp.gain_code);
    let electrons = model.electronics.electrons_per_lux_s * light.lux * exposure_s * GREY;
    let filled = electrons * gain / model.electronics.full_well_electrons;
    model.colour.white_at(light.kelvin).map(|white| (filled * white).min(1.0) * FULL_SCALE)
}

/// Makes statistics up: an even grey as bright as the stamp's exposure, gain and the light
/// make it. All zero where there is no stamp.
pub(crate) fn synthesise<S>(
    stamp: Option<&Stamp>,
    model: &SensorModel,
    light: Light,
    size: Size<S>,
    out: &mut Statistics,
) {
    head(out);
    let levels = stamp.map_or([0.0; 3], |stamp| levels(stamp, model, light));
    let cells = if stamp.is_some() { (size.area() / 4) as u32 } else { 0 };
    let fill = |regions: &mut [Region]| {
        let counted = cells / regions.len() as u32;
        let [r_sum, g_sum, b_sum] = levels.map(|level| (level * f64::from(counted)) as u64 >> SHIFT);
        regions.fill(Region { counted, notcounted: 0, r_sum, g_sum, b_sum });
    };
    fill(&mut out.awb);
    fill(&mut out.agc[..15]);
    for histogram in &mut out.hist {
        for (bins, level) in [&mut histogram.r, &mut histogram.g, &mut histogram.b].into_iter().zip(levels) {
            bins.fill(0);
            let bin = (level / (FULL_SCALE + 1.0) * bins.len() as f64) as usize;
            bins[bin] = cells;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::IMX219;
    use zerocopy::FromZeros;

    fn synthetic(exposure_lines: u32, gain_code: u32, lux: f64) -> Box<Statistics> {
        let stamp = Stamp {
            camera: 0,
            sequence: 0,
            exposure_lines,
            gain_code,
            line_length_pixels: 3448,
            frame_length_lines: 1763,
            timestamp_ns: 0,
        };
        let mut out = Box::new(Statistics::new_zeroed());
        let light = Light { lux, kelvin: 5000.0 };
        synthesise(Some(&stamp), &IMX219, light, Size::<()>::new(1920, 1080), &mut out);
        out
    }

    #[test]
    fn made_up_brightness_follows_exposure_gain_and_light() {
        let green = |statistics: &Statistics| statistics.agc[0].g_sum as f64;
        let base = green(&synthetic(100, 0, 100.0));
        assert!(base > 0.0);
        for brighter in [synthetic(200, 0, 100.0), synthetic(100, 128, 100.0), synthetic(100, 0, 200.0)] {
            assert!((green(&brighter) / base - 2.0).abs() < 1e-3);
        }
    }

    #[test]
    fn made_up_brightness_ends_at_full_scale() {
        let statistics = synthetic(60_000, 232, 100_000.0);
        let agc = statistics.agc[0];
        assert!(agc.g_sum / u64::from(agc.counted) < 1 << SUM_BITS);
        assert_eq!(statistics.hist[0].g.iter().sum::<u32>(), 1920 * 1080 / 4);
    }

    #[test]
    fn measurements_keep_their_places() {
        let mut measured = imaging::Statistics::default();
        measured.awb[17] =
            RegionSums { counted: 1, not_counted: 2, red: 3 << SHIFT, green: 4 << SHIFT, blue: 5 << SHIFT };
        measured.histograms[1].blue[127] = 6;
        let mut out = Statistics::new_zeroed();
        convert(&measured, &mut out);
        assert_eq!(out.awb[17], Region { counted: 1, notcounted: 2, r_sum: 3, g_sum: 4, b_sum: 5 });
        assert_eq!(out.hist[1].b[127], 6);
        assert_eq!((out.version, out.size), (1, 10824));
    }
}
