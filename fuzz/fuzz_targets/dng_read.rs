//! Whatever bytes come as a DNG, reading them ends with an image that the file can justify or
//! with an error: never a panic, and never more memory than the file has bytes for.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = pinhole_files::dng::read(bytes) {
        assert_eq!(image.samples.len() as u64, image.size.area());
        assert!(image.samples.len() <= 8 * bytes.len(), "more samples than bits");
    }
});
