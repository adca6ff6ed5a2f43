//! `develop` and `inspect`: pictures and facts from DNGs.

use crate::runner::Folder;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

/// A folder with `photo.dng`, and the photograph that the camera made of the same frame.
fn with_a_raw() -> Folder {
    let folder = Folder::new();
    folder.succeed_small(&["still", "-o", "photo.jpg", "--raw"]);
    folder
}

/// Mean red, green and blue, and the size.
fn decoded(folder: &Folder, name: &str) -> ([f64; 3], (usize, usize), Vec<u8>) {
    let file = folder.read(name);
    let mut decoder = JpegDecoder::new(ZCursor::new(&file));
    let pixels = decoder.decode().unwrap();
    let mut sums = [0.0; 3];
    for pixel in pixels.chunks_exact(3) {
        sums.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    (sums.map(|sum| sum * 3.0 / pixels.len() as f64), decoder.dimensions().unwrap(), pixels)
}

#[test]
fn a_raw_file_becomes_the_cameras_picture() {
    let folder = with_a_raw();
    folder.succeed(&["develop", "photo.dng", "-o", "again.jpg"]);
    let (taken, size, pixels) = decoded(&folder, "photo.jpg");
    let (developed, again_size, again) = decoded(&folder, "again.jpg");
    assert_eq!(size, again_size);
    // Colours as the camera's own, brightness nearly: its tone curve is another.
    let hue = |mean: [f64; 3]| [mean[0] / mean[1], mean[2] / mean[1]];
    for (taken, developed) in hue(taken).into_iter().zip(hue(developed)) {
        assert!((taken / developed - 1.0).abs() < 0.1, "{taken:?} {developed:?}");
    }
    // The same scene: bright where the camera's is.
    let mean = |pixels: &[u8]| pixels.iter().map(|&v| f64::from(v)).sum::<f64>() / pixels.len() as f64;
    let (a, b) = (mean(&pixels), mean(&again));
    let products = pixels.iter().zip(&again).map(|(&x, &y)| (f64::from(x) - a) * (f64::from(y) - b));
    let square =
        |pixels: &[u8], mean: f64| pixels.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>();
    let correlation = products.sum::<f64>() / (square(&pixels, a) * square(&again, b)).sqrt();
    assert!(correlation > 0.95, "a correlation of {correlation}");
}

#[test]
fn adjustments_do_what_they_say() {
    let folder = with_a_raw();
    let mean = |name: &str, options: &[&str]| {
        folder.succeed(&[&["develop", "photo.dng", "-o", name][..], options].concat());
        decoded(&folder, name).0
    };
    let plain = mean("plain.jpg", &[]);
    let bright = mean("bright.jpg", &["--exposure", "1"]);
    let warm = mean("warm.jpg", &["--white-balance", "9000"]);
    let cold = mean("cold.jpg", &["--white-balance", "3000"]);
    assert!(bright[1] > plain[1] * 1.15, "{bright:?} {plain:?}");
    assert!(warm[0] / warm[2] > 1.3 * cold[0] / cold[2], "{warm:?} {cold:?}");
    let grey = mean("grey.jpg", &["--white-balance", "auto"]);
    assert!((0.85..1.2).contains(&(grey[0] / grey[1])), "{grey:?}");
    let dull = mean("dull.jpg", &["--saturation", "0"]);
    assert!((dull[0] - dull[1]).abs() < 0.5 && (dull[2] - dull[1]).abs() < 0.5, "{dull:?}");
    let flat = mean("flat.jpg", &["--contrast", "0", "--brightness", "-0.25", "--saturation", "0"]);
    assert!(flat.iter().all(|value| (value - 63.75).abs() < 1.0), "{flat:?}");
    folder.succeed(&["develop", "photo.dng", "-o", "plain.tif"]);
    assert!(folder.read("plain.tif").starts_with(b"II*\0") && folder.read("plain.tif").len() > 640 * 480 * 3);
    folder.succeed(&["develop", "photo.dng", "-o", "deep.tif", "--depth", "16"]);
    let (plain, deep) = (folder.read("plain.tif").len(), folder.read("deep.tif").len());
    assert!(deep > plain + 600 * 480 * 3, "16 bits a colour take {deep} bytes, 8 bits {plain}");
    folder.succeed(&["develop", "photo.dng", "-o", "small.jpg", "--size", "300x300"]);
    assert_eq!(decoded(&folder, "small.jpg").1, (300, 224));
}

#[test]
fn a_folder_is_developed_into_another() {
    let folder = with_a_raw();
    for name in ["raws", "pictures"] {
        std::fs::create_dir(folder.path(name)).unwrap();
    }
    for name in ["a.dng", "b.DNG"] {
        std::fs::copy(folder.path("photo.dng"), folder.path("raws").join(name)).unwrap();
    }
    std::fs::write(folder.path("raws/notes.txt"), "not a raw file").unwrap();
    let ended = folder.succeed(&["develop", "raws", "-o", "pictures", "--format", "png"]);
    assert!(ended.stderr.contains("2 of 2 files developed"), "{}", ended.stderr);
    assert!(folder.read("pictures/a.png").starts_with(b"\x89PNG") && folder.path("pictures/b.png").exists());
    // One that cannot be read does not keep the others from it.
    std::fs::write(folder.path("raws/c.dng"), "II*").unwrap();
    let ended = folder.run(&["develop", "raws", "-o", "pictures"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("raws/c.dng") && ended.stderr.contains("2 of 3 files"), "{}", ended.stderr);
}

#[test]
fn what_cannot_be_developed_is_told() {
    let folder = Folder::new();
    std::fs::write(folder.path("photo.dng"), "II*\0 but no more").unwrap();
    let refused = |arguments: &[&str], code: i32, word: &str| {
        let ended = folder.run(&[&["develop"][..], arguments].concat());
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(word), "{arguments:?}: {}", ended.stderr);
    };
    refused(&["photo.dng", "-o", "photo.jpg"], 1, "photo.dng");
    refused(&["missing.dng", "-o", "photo.jpg"], 1, "missing.dng");
    refused(&["/dev/zero", "-o", "photo.jpg"], 1, "not a regular file");
    refused(&["photo.dng", "-o", "photo.txt"], 2, "suffix");
    refused(&["photo.dng", "-o", "photo.jpg", "--depth", "16"], 2, ".tif");
    refused(&["photo.dng", "photo.dng", "-o", "photo.jpg"], 2, "folder");
    refused(&["photo.dng", "photo.dng", "-o", "."], 2, "two of the files");
    refused(&["photo.dng", "-o", "photo.jpg", "--exposure", "NaN"], 2, "exposure");
    refused(&["photo.dng", "-o", "photo.jpg", "--denoise", "-1"], 2, "denoise");
    refused(&["photo.dng", "-o", "photo.jpg", "--chroma-denoise", "2"], 2, "chroma denoise");
    refused(&["photo.dng", "-o", "photo.jpg", "--saturation", "-1"], 2, "saturation");
    refused(&["photo.dng", "-o", "photo.jpg", "--contrast", "5"], 2, "contrast");
    refused(&["photo.dng", "-o", "photo.jpg", "--brightness", "-1.5"], 2, "brightness");
    refused(&["photo.dng", "-o", "photo.jpg", "--white-balance", "5"], 2, "1700");
    refused(&["photo.dng", "-o", "photo.jpg", "--white-balance", "0,1"], 2, "0.1 to 10");
    refused(&[".", "-o", "nowhere/photo.jpg"], 1, "photo");
    assert_eq!(folder.names(), ["photo.dng"]);
}

#[test]
fn inspect_tells_and_draws() {
    let folder = with_a_raw();
    let ended = folder.succeed(&["inspect", "photo.dng", "--png", "scopes.png"]);
    for word in ["imx219", "640x480", "Rggb", "black           [64.0", "green", "█", "calibration"] {
        assert!(ended.stdout().contains(word), "{word}: {}", ended.stdout());
    }
    assert!(folder.read("scopes.png").starts_with(b"\x89PNG"));
    let facts = folder.succeed(&["inspect", "photo.dng", "--json"]).json();
    assert_eq!((&facts["width"], &facts["white"]), (&640.into(), &1023.into()));
}

#[test]
fn what_is_no_raw_file_is_told_what_it_looks_like() {
    let folder = with_a_raw();
    folder.succeed(&["develop", "photo.dng", "-o", "a.png"]);
    folder.succeed(&["develop", "photo.dng", "-o", "a.tif"]);
    std::fs::write(folder.path("empty.dng"), b"").unwrap();
    for (arguments, words) in [
        (&["inspect", "a.png"][..], ["a.png", "begins as a PNG does", "DNG and JPEG files"]),
        (&["inspect", "empty.dng"], ["empty.dng", "it is empty", "DNG and JPEG files"]),
        (&["inspect", "a.tif"], ["a.tif", "a TIFF, but no DNG", "to DNG first"]),
        (&["develop", "photo.jpg", "-o", "b.jpg"], ["photo.jpg", "begins as a JPEG does", "takes DNG files"]),
    ] {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}: {}", ended.stderr);
        for word in words {
            assert!(ended.stderr.contains(word), "{arguments:?} lacks `{word}`: {}", ended.stderr);
        }
    }
}
