//! What files that are not understood look like by their first bytes, for errors that say so.

use pinhole::{Error, ErrorKind};

/// Bytes at an offset that many files of a kind, and hardly any others, have there; the first that
/// fit count.
const KINDS: [(usize, &[u8], &str); 24] = [
    (0, b"\xff\xd8\xff", "a JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG"),
    (0, b"GIF8", "a GIF"),
    (0, b"II\x2b\0", "a BigTIFF"),
    (0, b"MM\0\x2b", "a BigTIFF"),
    (8, b"WEBP", "a WebP"),
    (8, b"AVI ", "an AVI film"),
    (4, b"ftyphe", "a HEIF picture"),
    (4, b"ftypmif1", "a HEIF picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftypcrx ", "a Canon CR3 raw file"),
    (4, b"ftyp", "an MP4 or QuickTime film"),
    (4, b"JXL \r\n\x87\n", "a JPEG XL"),
    (0, b"\xff\x0a", "a JPEG XL"),
    (0, b"FUJIFILMCCD-RAW", "a Fujifilm RAF raw file"),
    (0, b"IIRO", "an Olympus ORF raw file"),
    (0, b"IIRS", "an Olympus ORF raw file"),
    (0, b"IIU\0", "a Panasonic RW2 raw file"),
    (0, b"FOVb", "a Sigma X3F raw file"),
    (0, b"YUV4MPEG2 ", "a Y4M film"),
    (0, b"P5\n", "a PGM"),
    (0, b"P6\n", "a PPM"),
    (0, b"%PDF-", "a PDF"),
    (0, b"PK\x03\x04", "a ZIP archive"),
];

/// Whether a file's bytes are a JPEG's.
pub(crate) fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xd8")
}

/// Whether a file's bytes are a TIFF's, as a DNG's are.
pub(crate) fn is_tiff(bytes: &[u8]) -> bool {
    bytes.starts_with(b"II\x2a\0") || bytes.starts_with(b"MM\0\x2a")
}

/// The error for a file that is no TIFF where a DNG is wanted.
pub(crate) fn no_dng(bytes: &[u8]) -> Error {
    Error::new(ErrorKind::Malformed, "reading the file")
        .because(format!("it is no DNG: {}", told(bytes)))
        .hint(
            "`pinhole develop` takes DNG files, `pinhole inspect` DNG and JPEG files; convert other raw \
             files to DNG first",
        )
}

/// What the first bytes look like.
fn told(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "it is empty".to_owned();
    }
    let kind = KINDS
        .iter()
        .find(|(offset, magic, _)| bytes.get(*offset..).is_some_and(|bytes| bytes.starts_with(magic)));
    match kind {
        Some((_, _, name)) => format!("it begins as {name} does"),
        None if is_text(bytes) => "it begins as text does".to_owned(),
        None => {
            let first: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("it begins with the bytes {}, which say nothing", first.join(" "))
        }
    }
}

/// Whether the first bytes are UTF-8 without control characters, but for a character cut at their end.
fn is_text(bytes: &[u8]) -> bool {
    let first = &bytes[..bytes.len().min(512)];
    let text = match std::str::from_utf8(first) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&first[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|character| !character.is_control() || "\t\n\r".contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_begins_with_is_named() {
        for (bytes, words) in [
            (&b""[..], "it is empty"),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG"),
            (b"\xff\xd8\xff\xe1", "a JPEG"),
            (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIF picture"),
            (b"\0\0\0\x20ftypisom\0\0\0\0", "an MP4 or QuickTime film"),
            (b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP"),
            (b"P6\n640 480\n255\n", "a PPM"),
            ("Grüße\n".as_bytes(), "as text"),
            (b"PNG", "as text"),
            (b"\x40\x00\x41\x00\x3f\x00\x40\x00\x42", "the bytes 40 00 41 00 3f 00 40 00, which"),
        ] {
            let error = no_dng(bytes).to_string();
            assert!(error.contains(words), "{bytes:?}: {error}");
        }
    }

    #[test]
    fn text_may_be_cut_within_a_character() {
        assert!(is_text("ü".repeat(300).as_bytes()));
        assert!(is_text(&[&b"x"[..], "ü".repeat(300).as_bytes()].concat()));
        assert!(!is_text(b"caf\xe9 au lait"));
        assert!(!is_text(b"\0text"));
    }
}
