//! The single steps against slow and obvious twins, over all sizes, strides and orders.

use pinhole_base::ErrorKind;
use pinhole_base::format::{BayerColour, BayerOrder};
use pinhole_base::geometry::Size;
use pinhole_imaging::steps::{demosaic16, halve8, halve16};
use proptest::prelude::*;

/// What lies in a buffer before a step writes to it.
const UNTOUCHED: u8 = 0xa5;

/// Samples that are smooth, noisy and clipped by turns.
fn samples(count: usize, seed: u32) -> Vec<u16> {
    let sample = |i: usize| {
        let chance = (i as u32 ^ seed).wrapping_mul(0x9e37_79b1).rotate_left(13).wrapping_mul(0x85eb_ca77);
        match chance >> 29 {
            0 => 65535,
            1 => 0,
            2 | 3 => (i * 301) as u16,
            _ => chance as u16,
        }
    };
    (0..count).map(sample).collect()
}

fn mirrored(index: i64, count: usize) -> usize {
    let (index, last) = (index.unsigned_abs() as usize, count - 1);
    if index > last { 2 * last - index } else { index }
}

/// The mean of the nearest samples of a colour, by distance.
fn nearest(
    samples: &[u16],
    stride: usize,
    size: (usize, usize),
    at: (usize, usize),
    is_wanted: impl Fn(usize, usize) -> bool,
) -> f64 {
    let mut found: Vec<(i64, f64)> = Vec::new();
    for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
        let (x, y) = (mirrored(at.0 as i64 + dx, size.0), mirrored(at.1 as i64 + dy, size.1));
        if is_wanted(x, y) {
            found.push((dx * dx + dy * dy, f64::from(samples[y * stride + x])));
        }
    }
    let least = found.iter().map(|found| found.0).min().expect("every colour is near");
    let values: Vec<f64> = found.iter().filter(|found| found.0 == least).map(|found| found.1).collect();
    values.iter().sum::<f64>() / values.len() as f64
}

proptest! {
    #[test]
    fn linear_interpolation_equals_the_twins(
        width in 2usize..90,
        height in 2usize..9,
        padding in 0usize..5,
        order in prop::sample::select(&BayerOrder::ALL[..]),
        seed in any::<u32>(),
    ) {
        let (stride, stride_bytes) = (width + padding, 6 * width + 3 * padding);
        let samples = samples(stride * height, seed);
        let mut rgb = vec![UNTOUCHED; stride_bytes * height];
        let size = Size::new(width as u32, height as u32);
        demosaic16(&samples, stride, size, order, &mut rgb, stride_bytes).expect("it fits");
        for (y, row) in rgb.chunks(stride_bytes).enumerate() {
            let (pixels, rest) = row.split_at(6 * width);
            prop_assert!(rest.iter().all(|&byte| byte == UNTOUCHED), "what lies between rows");
            for (x, pixel) in pixels.as_chunks::<6>().0.iter().enumerate() {
                for channel in 0..3 {
                    let is_wanted = |x: usize, y: usize| channel == match order.colour_at(x, y) {
                        BayerColour::Red => 0,
                        BayerColour::Blue => 2,
                        _ => 1,
                    };
                    let expected = nearest(&samples, stride, (width, height), (x, y), is_wanted);
                    let value = f64::from(u16::from_le_bytes([pixel[2 * channel], pixel[2 * channel + 1]]));
                    prop_assert!((value - expected).abs() <= 1.0, "{x} {y} {channel}: {value}, not {expected}");
                }
            }
        }
    }

    #[test]
    fn halves_are_exact(
        width in 0usize..150,
        height in 0usize..9,
        padding in 0usize..5,
        seed in any::<u32>(),
    ) {
        let (stride, halved_stride) = (width + padding, width / 2 + padding);
        let words = samples(stride * height, seed);
        let bytes: Vec<u8> = words.iter().map(|word| (word >> 8) as u8).collect();
        let size = Size::new(width as u32, height as u32);
        let mut halved_words = vec![u16::from(UNTOUCHED); halved_stride * (height / 2)];
        let mut halved_bytes = vec![UNTOUCHED; halved_words.len()];
        halve16(&words, stride, size, &mut halved_words, halved_stride).expect("it fits");
        halve8(&bytes, stride, size, &mut halved_bytes, halved_stride).expect("it fits");
        for i in 0..halved_words.len() {
            let (x, y) = (i % halved_stride, i / halved_stride);
            let sum = |plane: &dyn Fn(usize) -> u32| {
                let at = |i: usize| plane((2 * y + i / 2) * stride + 2 * x + i % 2);
                (0..4).map(at).sum::<u32>()
            };
            let expected = match x < width / 2 {
                true => [(sum(&|i| u32::from(words[i])) + 2) / 4, (sum(&|i| u32::from(bytes[i])) + 2) / 4],
                false => [u32::from(UNTOUCHED); 2],
            };
            prop_assert_eq!([u32::from(halved_words[i]), u32::from(halved_bytes[i])], expected, "{} {}", x, y);
        }
    }
}

/// Would catch a check that lets a step read or write beyond its slices, which would panic.
#[test]
fn shapes_that_make_no_sense_are_errors() {
    let refused = |result: pinhole_base::Result<()>| {
        assert_eq!(result.expect_err("it makes no sense").kind(), ErrorKind::InvalidArgument);
    };
    let mosaic = |count: usize, stride: usize, size: (u32, u32), bytes: usize, stride_bytes: usize| {
        let mut rgb = vec![0; bytes];
        let size = Size::new(size.0, size.1);
        demosaic16(&vec![0; count], stride, size, BayerOrder::Rggb, &mut rgb, stride_bytes)
    };
    mosaic(12, 4, (4, 3), 72, 24).expect("it fits");
    mosaic(14, 5, (4, 3), 76, 26).expect("the last row needs no padding");
    refused(mosaic(11, 4, (4, 3), 72, 24));
    refused(mosaic(12, 3, (4, 3), 72, 24));
    refused(mosaic(12, 4, (4, 3), 71, 24));
    refused(mosaic(12, 4, (4, 3), 72, 23));
    refused(mosaic(12, 4, (1, 3), 72, 24));
    refused(mosaic(12, 4, (4, 1), 72, 24));
    refused(mosaic(12, usize::MAX, (4, 3), 72, 24));
    let size = Size::new(4, 4);
    refused(halve8(&[0; 15], 4, size, &mut [0; 4], 2));
    refused(halve8(&[0; 16], 3, size, &mut [0; 4], 2));
    refused(halve16(&[0; 16], 4, size, &mut [0; 3], 2));
    refused(halve16(&[0; 16], 4, size, &mut [0; 4], 1));
    halve16(&[0; 16], 4, Size::new(1, 4), &mut [], 0).expect("nothing is to be done");
}

/// Catches: a frame that is written past the caches and is not as a smaller one is. Rows begin
/// wherever a vector may or may not.
#[test]
fn large_frames_are_as_small_ones() {
    let (width, height, stride_bytes) = (1401, 520, 6 * 1401 + 2);
    let samples = samples(width * height, 7);
    let demosaic = |samples: &[u16], height: usize| {
        let mut rgb = vec![UNTOUCHED; stride_bytes * height];
        let size = Size::new(width as u32, height as u32);
        demosaic16(samples, width, size, BayerOrder::Gbrg, &mut rgb, stride_bytes).expect("it fits");
        rgb
    };
    let whole = demosaic(&samples, height);
    assert!(whole.len() > 4 << 20, "too small a frame");
    for start in (0..height - 20).step_by(10) {
        let strip = demosaic(&samples[start * width..(start + 20) * width], 20);
        let rows = stride_bytes..19 * stride_bytes;
        let same = strip[rows.clone()] == whole[start * stride_bytes..][rows];
        assert!(same, "rows from {start} on");
    }
}
