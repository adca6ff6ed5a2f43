use super::*;
use crate::metadata::DateTime;
use pinhole_base::colour::{ColourSpace, Matrix3};
use pinhole_base::format::PixelFormat;
use pinhole_base::geometry::Transform;
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

/// A file of the picture with a small one beside it.
fn with_thumbnail(picture: &Picture<'_>, wanted: ThumbnailOptions) -> Vec<u8> {
    let mut file = Vec::new();
    write_with_thumbnail(&mut file, picture, 90, &ImageMetadata::default(), Some(wanted)).unwrap();
    file
}

/// Would catch a wrong place or length, a small picture of something else, and chroma that is not
/// halved.
#[test]
fn the_small_picture_is_the_large_one_shrunk() {
    for (size, small) in [(Size::new(640, 480), (320, 240)), (Size::new(480, 640), (180, 240))] {
        let bytes = gradient(size);
        let picture = Picture::new(PixelFormat::Yuv420, size, size.width, ColourSpace::SYCC, &bytes).unwrap();
        let file = with_thumbnail(&picture, ThumbnailOptions::default());
        let described = describe(&file).unwrap();
        assert_eq!((described.size, described.components, described.subsampling), (size, 3, (2, 2)));
        let thumbnail = described.thumbnail.expect("it was wanted");
        assert_eq!((thumbnail.size.width, thumbnail.size.height), small);
        let embedded = &file[thumbnail.bytes];
        assert_eq!(embedded[..4], [0xff, 0xd8, 0xff, 0xdb], "no segment of an application's");
        assert_eq!(describe(embedded).unwrap().subsampling, (2, 2));
        let (pixels, got) = decoded(embedded, ColorSpace::YCbCr);
        assert_eq!(got, thumbnail.size);
        let at = |x: u32, y: u32| {
            let (x, y) = (x * size.width / got.width, y * size.height / got.height);
            bytes[(y * size.width + x) as usize]
        };
        let expected = (0..got.height).flat_map(|y| (0..got.width).map(move |x| at(x, y)));
        let luma = pixels.chunks_exact(3).map(|pixel| pixel[0]);
        assert!(mean_difference(luma, expected) < 2.0);
        let (large, _) = decoded(&file, ColorSpace::YCbCr);
        assert!(mean_difference(large.chunks_exact(3).map(|pixel| pixel[0]), bytes.iter().copied()) < 2.0);
    }
}

/// Would catch a segment whose length has wrapped: noise of the best quality takes far more.
#[test]
fn a_small_picture_that_does_not_fit_is_made_worse_and_then_smaller() {
    let size = Size::new(1200, 900);
    let noise: Vec<u8> =
        (0..1200 * 900 * 3 / 2).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let picture = Picture::new(PixelFormat::Yuv420, size, 1200, ColourSpace::SYCC, &noise).unwrap();
    let thumbnail = |fit, quality| {
        let file = with_thumbnail(&picture, ThumbnailOptions { fit, quality });
        let thumbnail = describe(&file).unwrap().thumbnail.expect("it was wanted");
        assert!(thumbnail.bytes.end < 0x1_0000 + 4, "beyond its segment: {:?}", thumbnail.bytes);
        assert_eq!(decoded(&file[thumbnail.bytes.clone()], ColorSpace::YCbCr).1, thumbnail.size);
        assert_eq!(decoded(&file, ColorSpace::YCbCr).1, size);
        thumbnail
    };
    let worse = thumbnail(Size::new(320, 240), 100);
    assert_eq!(worse.size, Size::new(320, 240));
    let smaller = thumbnail(Size::new(1000, 1000), 100);
    assert_eq!(smaller.size, Size::new(500, 375));
}

#[test]
fn no_small_picture_where_it_is_not_wanted_or_not_small() {
    let size = Size::new(320, 240);
    let bytes = gradient(size);
    let picture = Picture::new(PixelFormat::Yuv420, size, 320, ColourSpace::SYCC, &bytes).unwrap();
    assert_eq!(describe(&encoded(&picture, 90)).unwrap().thumbnail, None);
    assert_eq!(describe(&with_thumbnail(&picture, ThumbnailOptions::default())).unwrap().thumbnail, None);
    for wanted in [
        ThumbnailOptions { quality: 0, ..ThumbnailOptions::default() },
        ThumbnailOptions { fit: Size::new(0, 240), ..ThumbnailOptions::default() },
    ] {
        let written =
            write_with_thumbnail(&mut Vec::new(), &picture, 90, &ImageMetadata::default(), Some(wanted));
        assert_eq!(written.unwrap_err().kind(), ErrorKind::InvalidArgument, "{wanted:?}");
    }
}

#[test]
fn a_description_tells_what_was_written() {
    let size = Size::new(640, 480);
    let bytes = gradient(size);
    let picture = Picture::new(PixelFormat::Yuv420, size, 640, ColourSpace::SYCC, &bytes).unwrap();
    let metadata = ImageMetadata {
        make: "Pinhole".to_owned(),
        model: "imx219".to_owned(),
        date_time: Some(DateTime::from_unix(Duration::ZERO)),
        transform: Transform::ROTATE_180,
        exposure_time: Some(Duration::from_millis(20)),
        analogue_gain: Some(2.0),
        ..Default::default()
    };
    let mut file = Vec::new();
    write_with_thumbnail(&mut file, &picture, 90, &metadata, Some(ThumbnailOptions::default())).unwrap();
    let described = describe(&file).unwrap();
    assert_eq!((&*described.make, &*described.model, described.orientation), ("Pinhole", "imx219", 3));
    assert_eq!((described.exposure_time, described.iso), (Some(Duration::from_millis(20)), Some(200)));
    assert_eq!(described.date_time, "1970:01:01 00:00:00");
    // Both directories say how the picture lies: orientation is a short, 3.
    let turned = [0x12, 0x01, 3, 0, 1, 0, 0, 0, 3, 0, 0, 0];
    assert_eq!(file.windows(12).filter(|field| *field == turned).count(), 2);
}

proptest! {
    #[test]
    fn damaged_files_are_described_or_refused(at in 0usize..3000, byte in any::<u8>(), length in 0usize..3000) {
        let size = Size::new(64, 48);
        let bytes = gradient(size);
        let picture = Picture::new(PixelFormat::Yuv420, size, 64, ColourSpace::SYCC, &bytes).unwrap();
        let mut file = with_thumbnail(&picture, ThumbnailOptions { fit: Size::new(16, 16), quality: 50 });
        let last = file.len() - 1;
        file[at.min(last)] = byte;
        file.truncate(length.max(1));
        if let Ok(Described { thumbnail: Some(thumbnail), .. }) = describe(&file) {
            prop_assert!(thumbnail.bytes.end <= file.len());
        }
    }
}
