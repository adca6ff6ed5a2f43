use super::*;
use crate::metadata::DateTime;
use pinhole_base::colour::{ColourSpace, Matrix3};
use pinhole_base::format::PixelFormat;
use proptest::prelude::*;
use std::time::Duration;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

fn encoded(picture: &Picture<'_>, quality: u8) -> Vec<u8> {
    let mut file = Vec::new();
    write(&mut file, picture, quality, &ImageMetadata::default()).unwrap();
    file
}

/// The file's pixels as Y'CbCr, or RGB, three bytes each, and its size.
fn decoded(file: &[u8], space: ColorSpace) -> (Vec<u8>, Size) {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(space);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    let pixels = decoder.decode().unwrap();
    let (width, height) = decoder.dimensions().unwrap();
    (pixels, Size::new(width as u32, height as u32))
}

/// A smooth picture with tightly packed rows.
fn gradient(size: Size) -> Vec<u8> {
    let (width, height) = (size.width as usize, size.height as usize);
    let luma =
        (0..height).flat_map(|y| (0..width).map(move |x| (40 + 150 * x / width + 30 * y / height) as u8));
    let chroma = |base: usize| {
        let (w, h) = (width.div_ceil(2), height.div_ceil(2));
        (0..h).flat_map(move |y| (0..w).map(move |x| (base + 40 * x / w + 20 * y / h) as u8))
    };
    luma.chain(chroma(90)).chain(chroma(110)).collect()
}

fn mean_difference(a: impl Iterator<Item = u8>, b: impl Iterator<Item = u8>) -> f64 {
    let differences: Vec<f64> = a.zip(b).map(|(a, b)| f64::from(a.abs_diff(b))).collect();
    differences.iter().sum::<f64>() / differences.len() as f64
}

proptest! {
    #[test]
    fn any_size_decodes_to_itself(half_width in 1u32..40, half_height in 1u32..40, quality in 85u8..=100) {
        let size = Size::new(2 * half_width, 2 * half_height);
        let bytes = gradient(size);
        let picture = Picture::new(PixelFormat::Yuv420, size, size.width, ColourSpace::SYCC, &bytes).unwrap();
        let (pixels, got) = decoded(&encoded(&picture, quality), ColorSpace::YCbCr);
        prop_assert_eq!(got, size);
        let luma = pixels.chunks_exact(3).map(|pixel| pixel[0]);
        prop_assert!(mean_difference(luma, bytes.iter().copied()) < 2.0);
    }

    #[test]
    fn noise_and_odd_sizes_decode(width in 1u32..20, height in 1u32..20, seed in any::<u64>(), quality in 1u8..=100) {
        let size = Size::new(width, height);
        let mut state = seed | 1;
        let bytes: Vec<u8> = (0..width * height * 3).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        }).collect();
        let picture = Picture::new(PixelFormat::Rgb24, size, width * 3, ColourSpace::SRGB, &bytes).unwrap();
        let (pixels, got) = decoded(&encoded(&picture, quality), ColorSpace::RGB);
        prop_assert_eq!(got, size);
        if quality == 100 {
            prop_assert!(mean_difference(pixels.into_iter(), bytes.into_iter()) < 2.0);
        }
    }
}

#[test]
fn colours_survive_in_every_layout() {
    let orange = [220u8, 130, 40];
    let rgb = orange.repeat(16 * 16);
    let (y, cb, cr) = (147u8, 68, 180); // by JFIF's equations
    let size = Size::new(16, 16);
    let pictures = [
        (PixelFormat::Rgb24, 48, rgb),
        (PixelFormat::Yuyv, 32, [y, cb, y, cr].repeat(128)),
        (PixelFormat::Uyvy, 32, [cb, y, cr, y].repeat(128)),
        (PixelFormat::Nv12, 16, [vec![y; 256], [cb, cr].repeat(64)].concat()),
        (PixelFormat::Nv21, 16, [vec![y; 256], [cr, cb].repeat(64)].concat()),
        (PixelFormat::Nv16, 16, [vec![y; 256], [cb, cr].repeat(128)].concat()),
        (PixelFormat::Yvu420, 16, [vec![y; 256], vec![cr; 64], vec![cb; 64]].concat()),
    ];
    for (format, stride, bytes) in pictures {
        let picture = Picture::new(format, size, stride, ColourSpace::SYCC, &bytes).unwrap();
        let (pixels, _) = decoded(&encoded(&picture, 95), ColorSpace::RGB);
        for pixel in pixels.chunks_exact(3) {
            let near = pixel.iter().zip(orange).all(|(got, expected)| got.abs_diff(expected) <= 4);
            assert!(near, "{format}: {pixel:?}");
        }
    }
}

#[test]
fn limited_video_is_stretched() {
    let bytes = [vec![235; 256], vec![128; 128]].concat();
    let picture =
        Picture::new(PixelFormat::Nv12, Size::new(16, 16), 16, ColourSpace::REC709, &bytes).unwrap();
    let (pixels, _) = decoded(&encoded(&picture, 90), ColorSpace::RGB);
    assert!(pixels.iter().all(|&value| value >= 254), "{pixels:?}");
}

#[test]
fn better_quality_takes_more_bytes() {
    let size = Size::new(64, 64);
    let bytes: Vec<u8> =
        (0..64 * 64 * 3 / 2).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let picture = Picture::new(PixelFormat::Nv12, size, 64, ColourSpace::SYCC, &bytes).unwrap();
    let lengths: Vec<usize> =
        [10, 50, 90, 100].iter().map(|&quality| encoded(&picture, quality).len()).collect();
    assert!(lengths.is_sorted(), "{lengths:?}");
}

#[test]
fn exif_comes_first() {
    let bytes = gradient(Size::new(8, 8));
    let picture = Picture::new(PixelFormat::Yuv420, Size::new(8, 8), 8, ColourSpace::SYCC, &bytes).unwrap();
    let metadata = ImageMetadata {
        model: "imx219".to_owned(),
        date_time: Some(DateTime::from_unix(Duration::ZERO)),
        ..Default::default()
    };
    let mut file = Vec::new();
    write(&mut file, &picture, 90, &metadata).unwrap();
    assert_eq!(file[..4], [0xff, 0xd8, 0xff, 0xe1]);
    assert_eq!(&file[6..14], b"Exif\0\0II");
    let text = |needle: &[u8]| file.windows(needle.len()).any(|bytes| bytes == needle);
    assert!(text(b"imx219\0") && text(b"1970:01:01 00:00:00\0"));
}

#[test]
fn nonsense_is_refused() {
    let bytes = gradient(Size::new(8, 8));
    let picture = Picture::new(PixelFormat::Yuv420, Size::new(8, 8), 8, ColourSpace::SYCC, &bytes).unwrap();
    let kind = |quality, metadata: &ImageMetadata| {
        write(&mut Vec::new(), &picture, quality, metadata).unwrap_err().kind()
    };
    let plain = ImageMetadata::default();
    assert_eq!(kind(0, &plain), ErrorKind::InvalidArgument);
    assert_eq!(kind(101, &plain), ErrorKind::InvalidArgument);
    let no_matrix = ImageMetadata { ccm: Some(Matrix3([[1.0; 3]; 3])), ..plain };
    assert_eq!(kind(90, &no_matrix), ErrorKind::InvalidArgument);
}
