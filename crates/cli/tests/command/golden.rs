//! Whole pictures, held against those that were looked at once: what the simulated camera takes, and
//! what `develop` makes of its raw files.
//!
//! Where a change of the pictures is wanted, `PINHOLE_GOLDEN=new cargo test -p pinhole-cli --test command
//! golden` writes them anew into `tests/golden`; look at them before they are kept.

use crate::runner::Folder;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

/// How far pictures may be off, in codes of 8 bits: on average, and at most. One changed code of the
/// picture may change a block of the file by some.
const MEAN_MAX: f64 = 0.25;
const MOST_MAX: u8 = 16;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn pixels(file: &[u8]) -> ((usize, usize), Vec<u8>) {
    let mut decoder = JpegDecoder::new(ZCursor::new(file));
    let pixels = decoder.decode().expect("a JPEG");
    (decoder.dimensions().expect("it is decoded"), pixels)
}

/// Compares a picture with the kept one of that name, or keeps it.
fn compare(folder: &Folder, name: &str) {
    let (file, path) = (folder.read(name), golden(name));
    if std::env::var_os("PINHOLE_GOLDEN").is_some_and(|wanted| wanted == "new") {
        std::fs::write(&path, file).expect("the tests' folder can be written to");
        // Past the capture of what tests print: nothing was compared.
        writeln!(std::io::stderr(), "kept anew, not compared: {}", path.display()).expect("it is open");
        return;
    }
    let kept = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let ((size, picture), (kept_size, kept)) = (pixels(&file), pixels(&kept));
    assert_eq!(size, kept_size, "{name}");
    let off = |(a, b): (&u8, &u8)| a.abs_diff(*b);
    let sum: f64 = picture.iter().zip(&kept).map(off).map(f64::from).sum();
    let (mean, most) = (sum / kept.len() as f64, picture.iter().zip(&kept).map(off).max().unwrap_or(0));
    assert!(mean <= MEAN_MAX && most <= MOST_MAX, "{name} is off by {mean:.3} on average, {most} at most");
}

/// Catches: any change of what users see, wanted or not.
#[test]
fn pictures_are_those_that_were_looked_at() {
    let folder = Folder::new();
    folder.succeed_small(&["still", "-o", "still.jpg", "--raw", "--thumbnail", "none"]);
    folder.succeed(&["develop", "still.dng", "-o", "developed.jpg", "--thumbnail", "none"]);
    let adjusted =
        ["--white-balance", "4000", "--exposure", "0.7", "--saturation", "1.4", "--contrast", "1.3"];
    folder.succeed(
        &[&["develop", "still.dng", "-o", "adjusted.jpg", "--thumbnail", "none"][..], &adjusted].concat(),
    );
    for name in ["still.jpg", "developed.jpg", "adjusted.jpg"] {
        compare(&folder, name);
    }
}
