//! How far the processor's colours are from exact ones of the same samples, as one sees it, well
//! exposed and four stops under.

use crate::naive::Mosaic;
use crate::{buffer, in_16_bits, packed};
use pinhole_base::colour::difference::{ciede2000, lab, linear};
use pinhole_base::colour::{ColourSpace, Matrix3};
use pinhole_base::format::{BayerColour, BayerOrder, Packing, PixelFormat, RawFormat};
use pinhole_base::geometry::{Rect, Size};
use pinhole_imaging::parameters::{ColourMatrix, GammaCurve, LensShading};
use pinhole_imaging::{Isp, IspConfiguration, IspParameters, OutputFormat};

/// Levels of each colour in the picture: every pair of colours is there, dark and bright.
const LEVELS: [f64; 5] = [0.01, 0.05, 0.18, 0.45, 0.95];
/// Pixels along a side of a patch, and patches across.
const PATCH: u32 = 8;
const PATCHES: (u32, u32) = (25, 5);
const BLACK: u16 = 4096;

/// What a Camera Module 2 is told in daylight, about.
fn parameters(stops_under: i32) -> IspParameters {
    let gains = |centre: f32| {
        (0..20u8).map(|i| (f32::from(i % 5) - 2.0).hypot(f32::from(i / 5) - 1.5) * 0.3 + centre).collect()
    };
    IspParameters {
        black_level: [BLACK; 3],
        red_gain: 1.9,
        blue_gain: 1.6,
        digital_gain: 2f32.powi(stops_under),
        lens_shading: Some(LensShading {
            columns: 5,
            rows: 4,
            cell_pixels: (50.0, 14.0),
            gains: [gains(1.04), gains(1.0), gains(1.0), gains(1.02)],
        }),
        colour_matrix: Some(ColourMatrix {
            matrix: Matrix3([[1.65, -0.46, -0.19], [-0.31, 1.62, -0.31], [-0.05, -0.61, 1.66]]),
            offsets: [0.0; 3],
        }),
        gamma: Some(GammaCurve::srgb()),
        ..IspParameters::default()
    }
}

fn configuration(format: PixelFormat) -> IspConfiguration {
    let size: Size = Size::new(PATCH * PATCHES.0, PATCH * PATCHES.1);
    let output = OutputFormat {
        format,
        size,
        stride_bytes: format.row_bytes(size.width).expect("not compressed"),
        colour_space: ColourSpace::SRGB,
    };
    IspConfiguration {
        input: RawFormat::bayer(BayerOrder::Bggr, 10, Packing::Csi2),
        size: size.cast(),
        stride_bytes: size.width * 5 / 4,
        crop: Rect::from_size(size.cast()),
        outputs: [Some(output), None],
    }
}

/// What a sensor of 10 bits makes of patches of all colours, so many stops underexposed: every
/// sample is a whole code, and both chains start from it.
fn codes(parameters: &IspParameters, stops_under: i32) -> Vec<u16> {
    let inverse = parameters.colour_matrix.expect("there is one").matrix.inverse().expect("it has one");
    let (width, height) = (PATCH * PATCHES.0, PATCH * PATCHES.1);
    let seen = |x: u32, y: u32| {
        let patch = (y / PATCH * PATCHES.0 + x / PATCH) as usize;
        let colour = [patch / 25, patch / 5 % 5, patch % 5].map(|level| LEVELS[level]);
        let [red, green, blue] = inverse.apply(colour);
        match BayerOrder::Bggr.colour_at(x as usize, y as usize) {
            BayerColour::Red => red / f64::from(parameters.red_gain),
            BayerColour::Blue => blue / f64::from(parameters.blue_gain),
            _ => green,
        }
    };
    let code = |light: f64| (64.0 + 959.0 * light / 2f64.powi(stops_under)).round().clamp(0.0, 1023.0) as u16;
    (0..width * height).map(|i| code(seen(i % width, i / width))).collect()
}

/// Mean and greatest difference between the processor's picture and the twin's.
fn differences(format: PixelFormat, stops_under: i32) -> (f64, f64) {
    let (configuration, parameters) = (configuration(format), parameters(stops_under));
    let output = configuration.outputs[0].expect("there is one");
    let codes = codes(&parameters, stops_under);
    let raw = packed(&configuration, &codes);
    let mut picture = buffer(&output);
    let mut isp = Isp::new(&configuration).expect("the shapes fit");
    isp.process(&raw, &parameters, &mut [Some(&mut picture), None], None).expect("it fits");
    let samples = in_16_bits(&configuration, &codes);
    let twin = Mosaic { configuration: &configuration, parameters: &parameters, samples }.picture(&output);
    let differences: Vec<f64> = pixels(&picture, format)
        .zip(twin)
        .map(|(seen, exact)| ciede2000(lab(seen.map(linear)), lab(exact.map(linear))))
        .collect();
    assert_eq!(differences.len() as u32, configuration.size.width * configuration.size.height);
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;
    (mean, differences.into_iter().fold(0.0, f64::max))
}

fn pixels(picture: &[u8], format: PixelFormat) -> impl Iterator<Item = [f64; 3]> {
    let is_deep = format == PixelFormat::Rgb48;
    picture.chunks_exact(if is_deep { 6 } else { 3 }).map(move |pixel| {
        std::array::from_fn(|i| match is_deep {
            true => f64::from(u16::from_le_bytes([pixel[2 * i], pixel[2 * i + 1]])) / 65535.0,
            false => f64::from(pixel[i]) / 255.0,
        })
    })
}

/// Would catch samples cut to 8 bits before a gain, which costs 4.6 four stops under, a sum that
/// saturates, or a curve too coarse in the dark.
#[test]
fn colours_are_exact_ones_as_far_as_one_can_see() {
    let mut table = String::new();
    let mut holds = true;
    for (format, mean_max, most) in [(PixelFormat::Rgb24, 0.3, 1.0), (PixelFormat::Rgb48, 0.05, 0.5)] {
        for stops_under in [0, 4] {
            let (mean, greatest) = differences(format, stops_under);
            table +=
                &format!("{format}, {stops_under} stops under: mean {mean:.3}, greatest {greatest:.3}\n");
            holds &= mean <= mean_max && greatest <= most;
        }
    }
    println!("{table}");
    assert!(holds, "CIEDE2000 beyond 0.3 and 1.0 (8 bits), 0.05 and 0.5 (16 bits):\n{table}");
}
