//! Archives in the `newc` format of cpio, from which a kernel fills its first root (described in
//! the kernel's documentation, driver-api/early-userspace/buffer-format). Knows nothing of what is in them.

use std::fmt::Write;

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;

/// An archive being written.
#[derive(Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds a folder; those above it come first.
    pub(super) fn folder(&mut self, path: &str) -> &mut Self {
        self.entry(path, FOLDER, &[])
    }

    /// Adds a file that may be run.
    pub(super) fn program(&mut self, path: &str, content: &[u8]) -> &mut Self {
        self.entry(path, PROGRAM, content)
    }

    /// The archive, complete.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) -> &mut Self {
        self.entries += 1;
        let (links, size) = (1, content.len() as u64);
        let mut header = String::from("070701");
        let fields = [self.entries.into(), mode.into(), 0, 0, links, 0, size, 0, 0, 0, 0];
        let name_bytes = path.len() as u64 + 1;
        for field in fields.into_iter().chain([name_bytes, 0]) {
            // Writing to memory does not fail.
            let _ = write!(header, "{field:08X}");
        }
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend_from_slice(content);
        self.align();
        self
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_its_header_its_name_and_its_content_aligned() {
        let mut archive = Archive::default();
        archive.folder("bin").program("bin/x", b"12345");
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        assert_eq!(&bytes[..6], b"070701");
        assert_eq!(&bytes[14..22], b"000041ED");
        let second = 110 + 4 + 2;
        assert_eq!(&bytes[second..second + 6], b"070701");
        assert_eq!(&bytes[second + 54..second + 62], b"00000005");
        assert_eq!(&bytes[second + 110..second + 116], b"bin/x\0");
        assert_eq!(&bytes[second + 116..second + 121], b"12345");
        assert!(bytes.ends_with(b"TRAILER!!!\0\0\0\0"));
    }
}
