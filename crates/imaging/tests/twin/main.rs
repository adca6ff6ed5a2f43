//! The processor against a slow and obvious twin, over all orders, packings, strides, crops,
//! sizes and formats. No byte may differ by more than one from the twin's value, or a third more in
//! the dark.

mod naive;
mod precision;
mod stages;

use naive::{Mosaic, encoded};
use pinhole_base::ErrorKind;
use pinhole_base::colour::{ColourSpace, Matrix3, Toning};
use pinhole_base::format::{BayerColour, BayerOrder, Packing, PixelFormat, RawFormat};
use pinhole_base::geometry::{Rect, Size};
use pinhole_imaging::packing::pack_row;
use pinhole_imaging::parameters::{
    ColourMatrix, DefectCorrection, Demosaic, Denoise, GammaCurve, GreenEqualisation, LensShading, Sharpen,
};
use pinhole_imaging::statistics::AWB_ZONES;
use pinhole_imaging::{Isp, IspConfiguration, IspParameters, Level, OutputFormat, Statistics};
use proptest::array::uniform3;
use proptest::prelude::*;
use std::io::Write;
use std::num::NonZero;

const FORMATS: [PixelFormat; 13] = [
    PixelFormat::Yuv420,
    PixelFormat::Yvu420,
    PixelFormat::Nv12,
    PixelFormat::Nv21,
    PixelFormat::Nv16,
    PixelFormat::Yuyv,
    PixelFormat::Yvyu,
    PixelFormat::Uyvy,
    PixelFormat::Vyuy,
    PixelFormat::Rgb24,
    PixelFormat::Bgr24,
    PixelFormat::Rgbx32,
    PixelFormat::Bgrx32,
];

/// What lies in a buffer before the processor writes to it.
const UNTOUCHED: u8 = 0xa5;

fn raw_formats() -> impl Strategy<Value = RawFormat> {
    let order = prop::option::weighted(0.9, prop::sample::select(&BayerOrder::ALL[..]));
    let layout = prop::sample::select(vec![
        (8, Packing::Unpacked),
        (10, Packing::Csi2),
        (10, Packing::Unpacked),
        (12, Packing::Csi2),
        (14, Packing::Csi2),
        (16, Packing::Unpacked),
    ]);
    (order, layout).prop_map(|(order, (bits, packing))| RawFormat { order, bits, packing })
}

fn outputs(cells_most: u32) -> impl Strategy<Value = OutputFormat> {
    let spaces = prop::sample::select(vec![
        ColourSpace::SYCC,
        ColourSpace::REC709,
        ColourSpace::SMPTE170M,
        ColourSpace::SRGB,
    ]);
    let format = prop::sample::select(&FORMATS[..]);
    (format, spaces, 1..=cells_most, 1u32..20, 0u32..9).prop_map(
        |(format, colour_space, width, height, padding)| {
            let size = Size::new(2 * width, 2 * height);
            let stride_bytes = format.row_bytes(size.width).expect("not compressed") + 2 * padding;
            OutputFormat { format, size, stride_bytes, colour_space }
        },
    )
}

/// Small ones.
fn configurations() -> impl Strategy<Value = IspConfiguration> {
    configurations_within(19)
}

/// With so many cells in a row at most.
fn configurations_within(cells_most: u32) -> impl Strategy<Value = IspConfiguration> {
    let sides = (4..=cells_most, 4u32..20).prop_map(|(width, height)| Size::new(2 * width, 2 * height));
    let outputs = [prop::option::weighted(0.9, outputs(cells_most)), prop::option::of(outputs(cells_most))];
    (raw_formats(), sides, 0u32..9, prop::array::uniform4(0.0..1.0f64), outputs).prop_map(
        |(input, size, padding, cut, outputs)| {
            let part = |side: u32, from: f64, length: f64| {
                let start = (f64::from(side) * from) as u32;
                (start as i32, 1 + (f64::from(side - start - 1) * length) as u32)
            };
            let (x, width) = part(size.width, cut[0] * 0.7, cut[1]);
            let (y, height) = part(size.height, cut[2] * 0.7, cut[3]);
            let stride_bytes = input.row_bytes(size.width) + padding;
            IspConfiguration { input, size, stride_bytes, crop: Rect::new(x, y, width, height), outputs }
        },
    )
}

/// A matrix; if it is to keep grey as it is, as those of cameras do, it takes less of other colours,
/// rows are made to sum to 1, and nothing is added.
fn colour_matrix(mut matrix: [[f64; 3]; 3], offsets: [f64; 3], keeps_grey: bool) -> ColourMatrix {
    if !keeps_grey {
        return ColourMatrix { matrix: Matrix3(matrix), offsets };
    }
    for (own, row) in matrix.iter_mut().enumerate() {
        *row = row.map(|factor| 0.4 * factor);
        row[own] += 1.0 - row.iter().sum::<f64>();
    }
    ColourMatrix { matrix: Matrix3(matrix), offsets: [0.0; 3] }
}

fn parameters() -> impl Strategy<Value = IspParameters> {
    let gains = || prop::collection::vec(1.0..3.0f32, 12);
    let shading = (4.0..16.0f32, 4.0..16.0f32, [gains(), gains(), gains(), gains()]).prop_map(
        |(width, height, gains)| LensShading { columns: 4, rows: 3, cell_pixels: (width, height), gains },
    );
    let matrix = (uniform3(uniform3(-1.0..2.5f64)), uniform3(-2000.0..2000.0f64), any::<bool>())
        .prop_map(|(matrix, offsets, keeps_grey)| colour_matrix(matrix, offsets, keeps_grey));
    (
        uniform3(0..8000u16),
        [0.5..3.0f32, 0.5..3.0f32, 0.8..2.0f32],
        prop::option::of(shading),
        prop::option::of(matrix),
        any::<bool>(),
    )
        .prop_map(|(black_level, gains, lens_shading, colour_matrix, gamma)| IspParameters {
            black_level,
            red_gain: gains[0],
            blue_gain: gains[1],
            digital_gain: gains[2],
            lens_shading,
            colour_matrix,
            gamma: gamma.then(GammaCurve::srgb),
            ..IspParameters::default()
        })
}

fn with_corrections(parameters: IspParameters) -> IspParameters {
    IspParameters {
        defects: DefectCorrection::Normal,
        green_equalisation: Some(GreenEqualisation { offset: 900, slope: 0.1 }),
        denoise: Denoise { constant: 30.0, slope: 3.0, strength: 0.7 },
        chroma_denoise: 0.5,
        sharpen: Sharpen { threshold: 1.0, strength: 0.8, limit: 30.0 },
        ..parameters
    }
}

/// Samples of a frame: smooth here, noisy there, and clipped in places.
fn samples(configuration: &IspConfiguration, seed: u32) -> Vec<u16> {
    let max = f64::from(u16::MAX >> (16 - configuration.input.bits));
    let width = configuration.size.width;
    (0..width * configuration.size.height)
        .map(|i| {
            let (x, y) = (f64::from(i % width), f64::from(i / width));
            let chance = (i ^ seed).wrapping_mul(0x9e37_79b1).rotate_left(13).wrapping_mul(0x85eb_ca77) >> 16;
            let smooth = 0.5 + 0.5 * (x * 0.3 + f64::from(seed % 7)).sin() * (y * 0.2).cos();
            let noisy = f64::from(chance) / 65535.0;
            let value = if (x + y) as u32 % 16 < 8 { smooth } else { noisy } * 1.1;
            (value.min(1.0) * max) as u16
        })
        .collect()
}

fn packed(configuration: &IspConfiguration, samples: &[u16]) -> Vec<u8> {
    let stride = configuration.stride_bytes as usize;
    let mut raw = vec![0xff; stride * configuration.size.height as usize];
    let rows = samples.chunks_exact(configuration.size.width as usize);
    for (bytes, samples) in raw.chunks_exact_mut(stride).zip(rows) {
        pack_row(configuration.input, samples, bytes);
    }
    raw
}

fn in_16_bits(configuration: &IspConfiguration, samples: &[u16]) -> Vec<f64> {
    let shift = 16 - configuration.input.bits;
    samples.iter().map(|&sample| f64::from(sample << shift)).collect()
}

fn buffer(output: &OutputFormat) -> Vec<u8> {
    let bytes = output.format.planes(output.stride_bytes, output.size.height).bytes();
    vec![UNTOUCHED; bytes as usize]
}

/// Bytes below this are dark.
const DARK: f64 = 40.0;

fn compare(written: &[u8], expected: &[(usize, f64)], output: &OutputFormat) -> Result<(), TestCaseError> {
    let mut rest = written.to_vec();
    for &(place, value) in expected {
        let value = value.clamp(0.0, 255.0);
        let error = f64::from(written[place]) - value;
        // In the dark, where curves are steepest, a few units of 65535 are a third of a step.
        let tolerance = if value < DARK { 1.35 } else { 1.0 };
        prop_assert!(error.abs() <= tolerance, "{output:?}: byte {place} is {}, not {value}", written[place]);
        rest[place] = UNTOUCHED;
    }
    let filler = matches!(output.format, PixelFormat::Rgbx32 | PixelFormat::Bgrx32);
    prop_assert!(rest.iter().all(|&byte| byte == UNTOUCHED || filler && byte == 0xff), "{output:?}: padding");
    Ok(())
}

proptest! {
    #[test]
    fn pictures_equal_the_twins(
        configuration in configurations(),
        parameters in parameters(),
        seed in any::<u32>(),
        measured in any::<bool>(),
        threads in 1usize..4,
    ) {
        let samples = samples(&configuration, seed);
        let raw = packed(&configuration, &samples);
        let threads = NonZero::new(threads).expect("from 1 on");
        let mut isp = Isp::with_threads(&configuration, threads).expect("the shapes fit");
        let mut buffers = configuration.outputs.map(|output| output.as_ref().map(buffer));
        let mut statistics = Statistics::default();
        // Twice, for the second frame must not depend on the first.
        for _ in 0..2 {
            let mut views = buffers.each_mut().map(|buffer| buffer.as_deref_mut());
            let statistics = measured.then_some(&mut statistics);
            isp.process(&raw, &parameters, &mut views, statistics).expect("it fits");
        }
        let samples = in_16_bits(&configuration, &samples);
        let mosaic = Mosaic { configuration: &configuration, parameters: &parameters, samples };
        for (output, written) in configuration.outputs.iter().zip(&buffers) {
            if let (Some(output), Some(written)) = (output, written) {
                compare(written, &encoded(&mosaic.picture(output), output), output)?;
            }
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same(
        configuration in configurations(),
        parameters in parameters(),
        corrected in any::<bool>(),
        demosaic in prop::sample::select(vec![Demosaic::Linear, Demosaic::Malvar, Demosaic::Directional]),
        seed in any::<u32>(),
    ) {
        let parameters = if corrected { with_corrections(parameters) } else { parameters };
        let parameters = IspParameters { demosaic, ..parameters };
        let raw = packed(&configuration, &samples(&configuration, seed));
        let made = [1, 2, 3].map(|threads| {
            let threads = NonZero::new(threads).expect("from 1 on");
            let mut isp = Isp::with_threads(&configuration, threads).expect("the shapes fit");
            let mut buffers = configuration.outputs.map(|output| output.as_ref().map(buffer));
            let mut views = buffers.each_mut().map(|buffer| buffer.as_deref_mut());
            let mut statistics = Statistics::default();
            isp.process(&raw, &parameters, &mut views, Some(&mut statistics)).expect("it fits");
            // Shares of a bin are rounded for each thread's part.
            statistics.histograms[1] = statistics.histograms[0].clone();
            (buffers, statistics)
        });
        prop_assert!(made[0] == made[1] && made[1] == made[2]);
    }

    /// Fails where a vector's width shows: at the ends of rows, in windows, in sums.
    #[test]
    fn every_level_gives_the_same(
        configuration in configurations_within(120),
        parameters in parameters(),
        corrected in any::<bool>(),
        demosaic in prop::sample::select(vec![Demosaic::Linear, Demosaic::Malvar, Demosaic::Directional]),
        seed in any::<u32>(),
    ) {
        let parameters = if corrected { with_corrections(parameters) } else { parameters };
        let parameters = IspParameters { demosaic, ..parameters };
        let raw = packed(&configuration, &samples(&configuration, seed));
        let made = |level| {
            let isp = Isp::at_level(&configuration, NonZero::<usize>::MIN, level);
            let mut isp = isp.expect("the shapes fit");
            let mut buffers = configuration.outputs.map(|output| output.as_ref().map(buffer));
            let mut views = buffers.each_mut().map(|buffer| buffer.as_deref_mut());
            let mut statistics = Statistics::default();
            isp.process(&raw, &parameters, &mut views, Some(&mut statistics)).expect("it fits");
            (buffers, statistics)
        };
        let expected = made(Level::Portable);
        for level in Level::all() {
            prop_assert!(made(level) == expected, "{level} differs");
        }
    }

    #[test]
    fn statistics_equal_the_twins(
        configuration in configurations(),
        parameters in parameters(),
        seed in any::<u32>(),
    ) {
        let parameters = IspParameters { lens_shading: None, ..parameters };
        let samples = samples(&configuration, seed);
        let raw = packed(&configuration, &samples);
        let mut statistics = Statistics::default();
        let mut isp = Isp::new(&configuration).expect("the shapes fit");
        isp.process(&raw, &parameters, &mut [None, None], Some(&mut statistics)).expect("it fits");
        let samples = in_16_bits(&configuration, &samples);
        let mosaic = Mosaic { configuration: &configuration, parameters: &parameters, samples };
        check_sums(&mosaic, &statistics)?;
    }
}

fn check_sums(mosaic: &Mosaic<'_>, statistics: &Statistics) -> Result<(), TestCaseError> {
    let size = mosaic.configuration.size;
    let (across, down) = (size.width as usize / 2, size.height as usize / 2);
    let order = mosaic.configuration.input.order.unwrap_or(BayerOrder::Rggb);
    let (rx, ry) = order.red_position();
    let (mut red, mut blue, mut clipped) = (0.0, 0.0, 0);
    for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y, x))) {
        red += mosaic.levelled(2 * x + rx, 2 * y + ry);
        blue += mosaic.levelled(2 * x + 1 - rx, 2 * y + 1 - ry);
        let cell = (0..4).map(|i| mosaic.levelled(2 * x + i % 2, 2 * y + i / 2));
        clipped += u32::from(cell.fold(0.0, f64::max) >= 64_000.0);
    }
    let cells = (across * down) as u32;
    let agc = statistics
        .agc
        .iter()
        .fold((0, 0, 0), |sum, region| (sum.0 + region.counted, sum.1 + region.red, sum.2 + region.blue));
    prop_assert_eq!(agc.0, cells);
    // Gains have at least 13 bits after the point: a cell may be off by a few units of 65535.
    prop_assert!((agc.1 as f64 - red).abs() <= 5.0 * f64::from(cells), "{} {red}", agc.1);
    prop_assert!((agc.2 as f64 - blue).abs() <= 5.0 * f64::from(cells), "{} {blue}", agc.2);
    let awb =
        statistics.awb.iter().fold((0, 0), |sum, zone| (sum.0 + zone.counted, sum.1 + zone.not_counted));
    prop_assert_eq!(awb.0 + awb.1, cells);
    // A value on the very threshold may fall on either side.
    prop_assert!(awb.1.abs_diff(clipped) <= 1 + cells / 50);
    for histogram in &statistics.histograms {
        for bins in [&histogram.red, &histogram.green, &histogram.blue] {
            prop_assert_eq!(bins.iter().sum::<u32>(), (across.div_ceil(2) * (down / 2)) as u32);
        }
    }
    check_histogram(mosaic, (rx, ry), &statistics.histograms[0].red)?;
    check_histogram(mosaic, (1 - rx, ry), &statistics.histograms[0].green)?;
    check_histogram(mosaic, (1 - rx, 1 - ry), &statistics.histograms[0].blue)
}

/// Every second cell of every second row is in the histogram. Values near the edge of a bin, as near as gains
/// in fixed point may move them, may fall into either.
fn check_histogram(mosaic: &Mosaic<'_>, at: (usize, usize), bins: &[u32]) -> Result<(), TestCaseError> {
    let size = mosaic.configuration.size;
    let (mut surely, mut perhaps) = (vec![0; bins.len()], vec![0; bins.len()]);
    let bin = |value: f64| (value.clamp(0.0, 65535.0) as usize) * bins.len() / 65536;
    for y in (1..size.height as usize / 2).step_by(2) {
        for x in (0..size.width as usize / 2).step_by(2) {
            let value = mosaic.levelled(2 * x + at.0, 2 * y + at.1);
            let (low, high) = (bin(value - 5.0), bin(value + 5.0));
            if low == high { surely[low] += 1 } else { (low..=high).for_each(|bin| perhaps[bin] += 1) }
        }
    }
    for (bin, &count) in bins.iter().enumerate() {
        let range = surely[bin]..=surely[bin] + perhaps[bin];
        prop_assert!(range.contains(&count), "bin {bin} at {at:?} has {count}, not {range:?}");
    }
    Ok(())
}

/// Says which levels the tests ran, past the capture of what they print: what a machine does not
/// have it cannot try.
#[test]
fn levels_that_are_tried_are_named() {
    let names: Vec<_> = Level::all().map(|level| level.to_string()).collect();
    assert!(names.contains(&Level::best().to_string()), "the best is one of all");
    writeln!(std::io::stderr(), "vectors tried on this machine: {}", names.join(", ")).expect("it is open");
}

/// A plain configuration to spoil.
fn plain() -> IspConfiguration {
    let size = Size::new(64, 48);
    IspConfiguration {
        input: RawFormat::bayer(BayerOrder::Rggb, 10, Packing::Unpacked),
        size,
        stride_bytes: 128,
        crop: Rect::from_size(size),
        outputs: [
            Some(OutputFormat {
                format: PixelFormat::Rgb24,
                size: size.cast(),
                stride_bytes: 192,
                colour_space: ColourSpace::SRGB,
            }),
            None,
        ],
    }
}

/// Would catch a lost bit, a swapped byte or colour, or a shifted row in pictures of 16 bits.
#[test]
fn deep_pictures_hold_every_sample_in_its_place() {
    let size = Size::new(24, 10);
    let deep = OutputFormat {
        format: PixelFormat::Rgb48,
        size: Size::new(24, 10),
        stride_bytes: 6 * 24,
        colour_space: ColourSpace::SRGB,
    };
    let input = RawFormat { order: Some(BayerOrder::Gbrg), bits: 16, packing: Packing::Unpacked };
    let outputs = [Some(deep), None];
    let configuration =
        IspConfiguration { input, size, stride_bytes: 48, crop: Rect::from_size(size), outputs };
    let samples: Vec<u16> = (0..240).map(|i: u32| (i * 40_503 % 65_536) as u16).collect();
    let raw: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    for demosaic in [Demosaic::Linear, Demosaic::Malvar, Demosaic::Directional] {
        let parameters = IspParameters { demosaic, ..IspParameters::default() };
        let mut picture = vec![0; 6 * 240];
        let mut isp = Isp::new(&configuration).expect("the shapes fit");
        isp.process(&raw, &parameters, &mut [Some(&mut picture), None], None).expect("it fits");
        for (i, pixel) in picture.as_chunks::<6>().0.iter().enumerate() {
            let channel = match BayerOrder::Gbrg.colour_at(i % 24, i / 24) {
                BayerColour::Red => 0,
                BayerColour::Blue => 2,
                _ => 1,
            };
            let value = u16::from_le_bytes([pixel[2 * channel], pixel[2 * channel + 1]]);
            assert_eq!(value, samples[i], "{demosaic:?}, pixel {i}: {pixel:?}");
        }
    }
}

#[test]
fn each_zone_holds_its_own_part_of_the_picture() {
    let configuration = IspConfiguration { outputs: [None, None], ..plain() };
    let mut samples = vec![100u16; 64 * 48];
    // One bright cell, in the third zone of the second row.
    let (x, y) = (2 * 64 / AWB_ZONES.0, 48 / AWB_ZONES.1);
    for i in 0..4 {
        samples[(y + i / 2) * 64 + x + i % 2] = 900;
    }
    let mut statistics = Statistics::default();
    let mut isp = Isp::new(&configuration).expect("the shapes fit");
    let raw = packed(&configuration, &samples);
    isp.process(&raw, &IspParameters::default(), &mut [None, None], Some(&mut statistics)).expect("it fits");
    for (i, zone) in statistics.awb.iter().enumerate() {
        assert_eq!(zone.counted, 4, "zone {i}");
        let bright = i == AWB_ZONES.0 + 2;
        assert_eq!(zone.means().expect("cells were counted")[1] > 10_000.0, bright, "zone {i}");
    }
    // The bright cell and its neighbours answer to either filter.
    assert_eq!(statistics.focus[0].count[1], [3, 3]);
}

#[test]
fn shapes_that_make_no_sense_are_errors() {
    let refused = |change: fn(&mut IspConfiguration)| {
        let mut configuration = plain();
        change(&mut configuration);
        Isp::new(&configuration).expect_err("it makes no sense").kind()
    };
    let output = |change: fn(&mut OutputFormat)| {
        let mut configuration = plain();
        change(configuration.outputs[0].as_mut().expect("there is one"));
        Isp::new(&configuration).expect_err("it makes no sense").kind()
    };
    assert_eq!(refused(|c| c.size = Size::new(63, 48)), ErrorKind::InvalidArgument);
    assert_eq!(refused(|c| c.size = Size::new(2, 48)), ErrorKind::InvalidArgument);
    assert_eq!(refused(|c| c.stride_bytes = 127), ErrorKind::InvalidArgument);
    assert_eq!(refused(|c| c.input.bits = 11), ErrorKind::InvalidArgument);
    assert_eq!(refused(|c| c.crop = Rect::new(1, 0, 64, 48)), ErrorKind::InvalidArgument);
    assert_eq!(refused(|c| c.crop = Rect::new(0, 0, 0, 48)), ErrorKind::InvalidArgument);
    assert_eq!(refused(|c| c.crop = Rect::new(-1, 0, 10, 10)), ErrorKind::InvalidArgument);
    assert_eq!(output(|o| o.stride_bytes = 191), ErrorKind::InvalidArgument);
    assert_eq!(output(|o| o.size = Size::new(0, 0)), ErrorKind::InvalidArgument);
    assert_eq!(output(|o| o.format = PixelFormat::Mjpeg), ErrorKind::Unsupported);
    let odd = |o: &mut OutputFormat| {
        o.format = PixelFormat::Nv12;
        o.size = Size::new(64, 47);
    };
    assert_eq!(output(odd), ErrorKind::InvalidArgument);
}

#[test]
fn buffers_and_parameters_that_make_no_sense_are_errors_and_write_nothing() {
    let mut isp = Isp::new(&plain()).expect("the shapes fit");
    let raw = vec![0; 128 * 48];
    let mut out = vec![UNTOUCHED; 192 * 48];
    let mut process = |raw: &[u8], parameters: &IspParameters, length: usize, second: bool| {
        let (first, rest) = out.split_at_mut(length);
        let mut views = [Some(first), second.then_some(rest)];
        let result = isp.process(raw, parameters, &mut views, None);
        assert!(result.is_ok() || out.iter().all(|&byte| byte == UNTOUCHED));
        result.map_err(|error| error.kind())
    };
    let good = IspParameters::default;
    let bad = Err(ErrorKind::InvalidArgument);
    assert_eq!(process(&raw[1..], &good(), 192 * 48, false), bad);
    assert_eq!(process(&raw, &good(), 192 * 48 - 1, false), bad);
    assert_eq!(process(&raw, &good(), 192 * 48, true), bad);
    let spoiled = [
        IspParameters { red_gain: f32::NAN, ..good() },
        IspParameters { saturation: f64::INFINITY, ..good() },
        IspParameters { toning: Toning { contrast: -1.0, brightness: 0.0 }, ..good() },
        IspParameters { toning: Toning { contrast: 1.0, brightness: f64::NAN }, ..good() },
        IspParameters { chroma_denoise: 1.1, ..good() },
        IspParameters { chroma_denoise: f32::NAN, ..good() },
        IspParameters { green_equalisation: Some(GreenEqualisation { offset: 0, slope: -0.1 }), ..good() },
        IspParameters { gamma: Some(GammaCurve { points: Vec::new() }), ..good() },
        IspParameters { gamma: Some(GammaCurve { points: vec![(5, 0), (5, 1)] }), ..good() },
        IspParameters {
            lens_shading: Some(LensShading {
                columns: 4,
                rows: 4,
                cell_pixels: (16.0, 12.0),
                gains: std::array::from_fn(|_| vec![1.0; 15]),
            }),
            ..good()
        },
    ];
    for parameters in spoiled {
        assert_eq!(process(&raw, &parameters, 192 * 48, false), bad, "{parameters:?}");
    }
    assert_eq!(process(&raw, &good(), 192 * 48, false), Ok(()));
}
