//! `still`: a photograph and a DNG of one frame.

use crate::runner::{Folder, dng, words};
use pinhole::colour::light::D50_XYZ;
use pinhole::files::Illuminant;
use pinhole::files::jpeg::describe;
use pinhole::format::BayerOrder;
use pinhole::sim::model::IMX219;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

fn number_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().unwrap().trim_end();
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_still_is_a_jpeg_with_exif_and_a_dng_of_the_same_frame() {
    let folder = Folder::new();
    let ended = folder.succeed_small(&["still", "-o", "photo.jpg", "--raw"]);
    assert!(ended.stderr.contains("photo.jpg, photo.dng") && ended.stderr.contains(" K, after "));
    assert_eq!(folder.names(), ["photo.dng", "photo.jpg"]);
    let jpeg = folder.read("photo.jpg");
    let mut decoder = JpegDecoder::new(ZCursor::new(&jpeg));
    let pixels = decoder.decode().unwrap();
    assert_eq!(decoder.dimensions(), Some((640, 480)));
    let exif = decoder.exif().expect("EXIF");
    assert_resembles(&jpeg, &pixels);
    assert!(exif.windows(6).any(|part| part == b"imx219"));
    let mean = pixels.iter().map(|value| u64::from(*value)).sum::<u64>() / pixels.len() as u64;
    assert!((50..200).contains(&mean), "a mean of {mean}");
    let raw = dng(&folder.path("photo.dng"));
    assert_eq!((raw.size.width, raw.size.height, raw.orientation), (640, 480, 1));
    assert_eq!((raw.format.order, raw.white_level), (Some(BayerOrder::Rggb), 1023));
    assert_eq!(raw.black_levels, [64.0; 4]);
    let neutral = raw.as_shot_neutral.unwrap();
    assert!(neutral[0] < 0.9 && neutral[1] == 1.0 && neutral[2] < 0.9, "{neutral:?}");
    assert!(raw.exposure_time.is_some() && raw.iso.is_some());
    let lights: Vec<_> = raw.calibrations.iter().map(|calibration| calibration.illuminant).collect();
    assert_eq!(lights, [Illuminant::StandardA, Illuminant::D65]);
    for calibration in &raw.calibrations {
        let white = calibration.forward.expect("a forward matrix").apply([1.0; 3]);
        let is_d50 = white.iter().zip(D50_XYZ).all(|(got, wanted)| (got - wanted).abs() < 1e-5);
        assert!(is_d50, "{white:?}");
    }
}

/// Catches: a mode that is taken for the whole array, or the other way round; colours that change
/// places.
#[test]
fn the_dng_says_what_undoes_the_lens_in_its_mode() {
    let folder = Folder::new();
    for (mode, corner) in [("1640x1232:10", [8.0, 8.0]), ("640x480:10", [1008.0, 760.0])] {
        folder.succeed(&["still", "-o", "photo.jpg", "--raw", "--mode", mode]);
        let map = dng(&folder.path("photo.dng")).lens_shading.expect("the lens is known");
        let [red, green, blue] = IMX219.shading_gain(corner[0], corner[1]);
        for (gains, truth) in map.gains.iter().zip([red, green, green, blue]) {
            let (middle, first) = (gains[gains.len() / 2], gains[0]);
            assert!((middle - 1.0).abs() < 1e-3, "{mode}: {middle} in the middle");
            assert!(
                (f64::from(first) / truth - 1.0).abs() < 1e-3,
                "{mode}: {first} in the corner, not {truth}"
            );
        }
    }
}

/// Checks that the small picture in a JPEG of 640x480 is the large one, shrunk.
fn assert_resembles(jpeg: &[u8], pixels: &[u8]) {
    let thumbnail = describe(jpeg).unwrap().thumbnail.expect("one is made unasked");
    assert_eq!((thumbnail.size.width, thumbnail.size.height), (320, 240));
    let small = JpegDecoder::new(ZCursor::new(&jpeg[thumbnail.bytes])).decode().unwrap();
    let mean = |x: usize, y: usize, colour: usize| {
        let at = |dx: usize, dy: usize| u32::from(pixels[((2 * y + dy) * 640 + 2 * x + dx) * 3 + colour]);
        (at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1)) / 4
    };
    let differences = small.iter().enumerate().map(|(i, &value)| {
        let (pixel, colour) = (i / 3, i % 3);
        u64::from(u32::from(value).abs_diff(mean(pixel % 320, pixel / 320, colour)))
    });
    let difference = differences.sum::<u64>() as f64 / small.len() as f64;
    assert!(difference < 6.0, "they differ by {difference} on average");
}

#[test]
fn thumbnails_are_as_wanted() {
    let folder = Folder::new();
    for (wanted, size) in [("none", None), ("160:160:50", Some((160, 120)))] {
        folder.succeed_small(&["still", "-o", "photo.jpg", "--thumbnail", wanted]);
        let thumbnail = describe(&folder.read("photo.jpg")).unwrap().thumbnail;
        assert_eq!(thumbnail.map(|small| (small.size.width, small.size.height)), size);
    }
    let told = folder.succeed(&["inspect", "photo.jpg"]);
    for word in ["imx219", "size            640x480", "thumbnail       160x120", "bytes"] {
        assert!(told.stdout().contains(word), "{word}: {}", told.stdout());
    }
    let facts = folder.succeed(&["inspect", "photo.jpg", "--json"]).json();
    assert_eq!((&facts["width"], &facts["thumbnail"]["height"]), (&640.into(), &120.into()));
}

#[test]
fn the_dng_holds_the_raw_buffer_of_its_frame() {
    let folder = Folder::new();
    let ended = folder.succeed_small(&["still", "-o", "photo.jpg", "--raw"]);
    let last = number_before(&ended.stderr, " frames (") - 1;
    // Simulated time is the same each time, so the same frame comes once more.
    let count = (last + 1).to_string();
    let capture =
        ["capture", "--stream", "raw", "--stream", "still", "--count", &count, "-o", "raw=f-{n}.raw"];
    folder.succeed_small(&capture);
    let samples = dng(&folder.path("photo.dng")).samples;
    assert_eq!(samples, words(&folder.read(&format!("f-{last}.raw"))));
    assert_ne!(samples, words(&folder.read(&format!("f-{}.raw", last - 1))));
}

/// By how much colours differ from pixel to pixel, in codes on average.
fn colour_noise(folder: &Folder, mode: &str) -> f64 {
    let mode = format!("NoiseReductionMode={mode}");
    let noisy = ["-c", "AnalogueGain=8", "-c", "Sharpness=0", "-c", &mode];
    folder.succeed_small(&[&["still", "-o", "photo.ppm"], &noisy[..]].concat());
    let photo = folder.read("photo.ppm");
    let pixels = &photo[photo.len() - 640 * 480 * 3..];
    let redness: Vec<i32> =
        pixels.chunks_exact(3).map(|pixel| i32::from(pixel[0]) - i32::from(pixel[1])).collect();
    let sum: i32 = redness.windows(2).map(|pair| (pair[0] - pair[1]).abs()).sum();
    f64::from(sum) / redness.len() as f64
}

/// Catches: a mode that the processor is not told of, or told of as another.
#[test]
fn noise_reduction_smooths_colours_the_more_the_better_it_is_to_be() {
    let folder = Folder::new();
    let [off, minimal, fast, high_quality] =
        ["Off", "Minimal", "Fast", "HighQuality"].map(|mode| colour_noise(&folder, mode));
    let told = format!("off {off}, minimal {minimal}, fast {fast}, high quality {high_quality}");
    assert!(minimal < off && fast < 0.9 * minimal && high_quality < 0.9 * fast, "{told}");
}

#[test]
fn a_still_waits_for_the_simulator_unless_told_not_to() {
    let folder = Folder::new();
    let still = |name, pace: &[&str]| {
        folder.succeed(&[&["still", "--mode", "640x480:10", "-o", name, "--raw"], pace].concat());
    };
    still("fast.jpg", &["--pace", "fast"]);
    still("unsaid.jpg", &[]);
    still("real.jpg", &["--pace", "real"]);
    let samples = |name| dng(&folder.path(name)).samples;
    assert_eq!(samples("fast.dng"), samples("unsaid.dng"));
}

#[test]
fn a_flipped_still_has_the_mosaic_that_follows() {
    let folder = Folder::new();
    let ended =
        folder.succeed_small(&["still", "-o", "photo.png", "--raw", "--hflip", "--vflip", "--strict"]);
    assert!(!ended.stderr.contains("adjusted"), "{}", ended.stderr);
    assert_eq!(dng(&folder.path("photo.dng")).format.order, Some(BayerOrder::Bggr));
}

#[test]
fn an_imx477_without_embedded_data_takes_stills_too() {
    let folder = Folder::new();
    let sensor = "sensor=imx477,embedded=off,lux=100,kelvin=3000";
    let arguments = ["still", "-o", "photo.jpg", "--raw", "--pace", "fast", "--mode", "1332x990:10"];
    folder.succeed(&[&arguments[..], &["--simulate", sensor]].concat());
    assert_eq!(dng(&folder.path("photo.dng")).size.width, 1332);
}

#[test]
fn manual_exposure_is_what_the_file_says() {
    let folder = Folder::new();
    let controls = ["-c", "ExposureTime=3000", "-c", "AnalogueGain=1", "-c", "ColourGains=1.7,1.4"];
    folder.succeed_small(&[&["still", "-o", "photo.jpg", "--raw"], &controls[..]].concat());
    let exposure = dng(&folder.path("photo.dng")).exposure_time.unwrap();
    assert!((exposure.as_micros() as i64 - 3000).abs() < 50, "{exposure:?}");
}

#[test]
fn a_still_that_cannot_settle_in_time_is_taken_all_the_same() {
    let folder = Folder::new();
    let ended = folder.succeed_small(&["still", "-o", "photo.jpg", "--timeout", "0", "--strict"]);
    assert!(ended.stderr.contains("had not settled within 0 s"), "{}", ended.stderr);
    assert_eq!(folder.names(), ["photo.jpg"]);
}

#[test]
fn a_picture_of_ones_own_can_be_the_scene() {
    let folder = Folder::new();
    folder.succeed_small(&["still", "-o", "scene.jpg"]);
    std::fs::create_dir(folder.path("scenes")).unwrap();
    std::fs::rename(folder.path("scene.jpg"), folder.path("scenes/scene.jpg")).unwrap();
    folder.succeed_small(&["still", "-o", "again.jpg", "--simulate", "scene=scenes"]);
    let jpeg = folder.read("again.jpg");
    assert!(JpegDecoder::new(ZCursor::new(&jpeg)).decode().is_ok());
}
