//! Whatever bytes come as a JPEG, describing them ends with what lies in the file or with an error:
//! never a panic.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(described) = pinhole_files::jpeg::describe(bytes)
        && let Some(thumbnail) = described.thumbnail
    {
        assert!(thumbnail.bytes.end <= bytes.len(), "a thumbnail beyond the file");
        assert!(bytes[thumbnail.bytes].starts_with(&[0xff, 0xd8]));
    }
});
