//! The stages that are off by default against the twin, in pictures of 16 bits, so that the
//! tolerances are those of the stages and not of the bytes.

use crate::naive::{Mosaic, smoothed};
use crate::{UNTOUCHED, buffer, configurations, in_16_bits, packed, samples};
use pinhole_base::colour::{ColourSpace, Matrix3, Toning};
use pinhole_base::format::{BayerOrder, Packing, PixelFormat, RawFormat};
use pinhole_base::geometry::{Rect, Size};
use pinhole_imaging::parameters::{ColourMatrix, GammaCurve, GreenEqualisation};
use pinhole_imaging::{Isp, IspConfiguration, IspParameters, OutputFormat};
use proptest::array::uniform3;
use proptest::prelude::*;
use std::num::NonZero;

/// Configurations with one output, of 16 bits a colour, of any size.
fn deep_configurations() -> impl Strategy<Value = IspConfiguration> {
    let spaces = prop::sample::select(vec![ColourSpace::SRGB, ColourSpace::REC709]);
    (configurations(), spaces, 1u32..40, 1u32..40, 0u32..9, any::<bool>()).prop_map(
        |(configuration, colour_space, width, height, padding, scaled)| {
            let size = if scaled { Size::new(width, height) } else { configuration.crop.size().cast() };
            let stride_bytes = 6 * size.width + padding;
            let deep = OutputFormat { format: PixelFormat::Rgb48, size, stride_bytes, colour_space };
            IspConfiguration { outputs: [Some(deep), None], ..configuration }
        },
    )
}

/// A frame, and what the twin and the processor make of it.
struct Pair {
    /// R'G'B' from 0 to 1.
    expected: Vec<[f64; 3]>,
    /// R'G'B' of 16 bits.
    made: Vec<[u16; 3]>,
}

impl Pair {
    fn new(configuration: &IspConfiguration, parameters: &IspParameters, seed: u32, threads: usize) -> Self {
        let samples = samples(configuration, seed);
        let output = configuration.outputs[0].expect("there is one");
        let made = made(configuration, parameters, &packed(configuration, &samples), threads);
        let samples = in_16_bits(configuration, &samples);
        let picture = Mosaic { configuration, parameters, samples }.picture(&output);
        let expected = match parameters.chroma_denoise {
            0.0 => picture,
            strength => smoothed(&picture, &output, f64::from(strength)),
        };
        Self { expected, made }
    }

    /// No value may be further from the twin's than so many of 65535.
    fn check(&self, tolerance: f64) -> Result<(), TestCaseError> {
        for (i, (made, expected)) in self.made.iter().zip(&self.expected).enumerate() {
            for (made, expected) in made.iter().zip(expected) {
                let off = (f64::from(*made) - 65535.0 * expected).abs();
                prop_assert!(off <= tolerance, "pixel {i}: {made}, not {}: {off}", 65535.0 * expected);
            }
        }
        Ok(())
    }
}

fn made(
    configuration: &IspConfiguration,
    parameters: &IspParameters,
    raw: &[u8],
    threads: usize,
) -> Vec<[u16; 3]> {
    let output = configuration.outputs[0].expect("there is one");
    let threads = NonZero::new(threads).expect("from 1 on");
    let mut isp = Isp::with_threads(configuration, threads).expect("the shapes fit");
    let mut bytes = buffer(&output);
    // Twice, for the second frame must not depend on the first.
    for _ in 0..2 {
        isp.process(raw, parameters, &mut [Some(&mut bytes), None], None).expect("it fits");
    }
    let mut made = Vec::new();
    for row in bytes.chunks(output.stride_bytes as usize) {
        let (pixels, padding) = row.split_at(6 * output.size.width as usize);
        assert!(padding.iter().all(|&byte| byte == UNTOUCHED), "the padding is not to be touched");
        let value = |pixel: &[u8; 6], i: usize| u16::from_le_bytes([pixel[2 * i], pixel[2 * i + 1]]);
        made.extend(pixels.as_chunks().0.iter().map(|pixel| [0, 1, 2].map(|i| value(pixel, i))));
    }
    made
}

proptest! {
    /// Rounding in the mosaic, once or twice as much after the interpolation.
    #[test]
    fn greens_are_evened_as_the_twins(
        configuration in deep_configurations(),
        black in 0u16..8000,
        offset in 0u16..20_000,
        slope in 0.0f32..2.0,
        seed in any::<u32>(),
        threads in 1usize..4,
    ) {
        let green_equalisation = Some(GreenEqualisation { offset, slope });
        let parameters =
            IspParameters { black_level: [black; 3], green_equalisation, ..IspParameters::default() };
        Pair::new(&configuration, &parameters, seed, threads).check(12.0)?;
    }

    /// The matrix has 14 bits after the point, fewer where its factors are large, and curves are
    /// followed within 3/8 of a step of 8 bits: within one step, all in all.
    #[test]
    fn saturation_contrast_and_brightness_equal_the_twins(
        configuration in deep_configurations(),
        matrix in prop::option::of((uniform3(uniform3(-0.5..1.5f64)), uniform3(-2000.0..2000.0f64))),
        gamma in any::<bool>(),
        saturation in prop_oneof![Just(1.0), 0.0..2.5f64],
        contrast in prop_oneof![Just(1.0), 0.0..2.0f64],
        brightness in prop_oneof![Just(0.0), -0.4..0.4f64],
        seed in any::<u32>(),
    ) {
        let parameters = IspParameters {
            colour_matrix: matrix.map(|(matrix, offsets)| ColourMatrix { matrix: Matrix3(matrix), offsets }),
            saturation,
            gamma: gamma.then(GammaCurve::srgb),
            toning: Toning { contrast, brightness },
            ..IspParameters::default()
        };
        Pair::new(&configuration, &parameters, seed, 1).check(257.0)?;
    }

    /// Differences of chroma have 14 bits; each of 24 cells rounds once, and its weight too: an
    /// eighth of a step of 8 bits.
    #[test]
    fn chroma_is_smoothed_as_the_twins(
        configuration in deep_configurations(),
        strength in 0.01f32..=1.0,
        seed in any::<u32>(),
        threads in 1usize..4,
    ) {
        let parameters = IspParameters { chroma_denoise: strength, ..IspParameters::default() };
        Pair::new(&configuration, &parameters, seed, threads).check(32.0)?;
    }
}

/// A frame with coloured noise, two steps of light, and an edge of colour alone.
fn noisy_frame(configuration: &IspConfiguration) -> Vec<u16> {
    let width = configuration.size.width;
    let sample = |i: u32| {
        let (x, y) = (i % width, i / width);
        let noise = i.wrapping_mul(0x9e37_79b1).rotate_left(13).wrapping_mul(0x85eb_ca77) >> 22;
        let light = if x < width / 2 { 20_000 } else { 40_000 };
        let is_red = x % 2 == 0 && y % 2 == 0;
        let colour = if is_red && y >= configuration.size.height / 2 { 15_000 } else { 0 };
        (light + colour + 4 * noise) as u16
    };
    (0..width * configuration.size.height).map(sample).collect()
}

/// Would catch a filter that leaves coloured noise, blurs edges of colour, or touches luma.
#[test]
fn noise_loses_its_colour_and_edges_keep_theirs() {
    let size = Size::new(64, 64);
    let output = OutputFormat {
        format: PixelFormat::Rgb48,
        size: size.cast(),
        stride_bytes: 6 * 64,
        colour_space: ColourSpace::REC709,
    };
    let configuration = IspConfiguration {
        input: RawFormat::bayer(BayerOrder::Rggb, 16, Packing::Unpacked),
        size,
        stride_bytes: 128,
        crop: Rect::from_size(size),
        outputs: [Some(output), None],
    };
    let raw = packed(&configuration, &noisy_frame(&configuration));
    let with = |chroma_denoise| {
        made(&configuration, &IspParameters { chroma_denoise, ..IspParameters::default() }, &raw, 1)
    };
    let (before, after) = (with(0.0), with(0.5));
    let luma = |pixel: &[u16; 3]| {
        0.2126 * f64::from(pixel[0]) + 0.7152 * f64::from(pixel[1]) + 0.0722 * f64::from(pixel[2])
    };
    let off = before.iter().zip(&after).map(|(before, after)| (luma(before) - luma(after)).abs());
    assert!(off.fold(0.0, f64::max) <= 3.0, "luma must stay");
    // Of cells of 2×2 pixels, which all formats have.
    let red = |picture: &[[u16; 3]], rows: std::ops::Range<usize>| -> Vec<f64> {
        let pixel = |i: usize| f64::from(picture[i][0]) - luma(&picture[i]);
        let cell = |i: usize| [0, 1, 64, 65].map(|by| pixel(i + by)).iter().sum::<f64>() / 4.0;
        let places = rows.step_by(2).flat_map(|y| (8..24).step_by(2).map(move |x| 64 * y + x));
        places.map(cell).collect()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let deviation = |values: &[f64]| {
        let mean = mean(values);
        (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
    };
    let noise = [&before, &after].map(|picture| deviation(&red(picture, 8..24)));
    assert!(noise[1] < 0.5 * noise[0], "coloured noise: {noise:?}");
    let step = [&before, &after].map(|picture| mean(&red(picture, 32..34)) - mean(&red(picture, 28..30)));
    assert!(step[1] > 0.95 * step[0], "the edge of colour: {step:?}");
}
