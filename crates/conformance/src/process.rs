//! What this process holds, as the kernel counts it.

use std::fs;

/// What can leak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// Pages of memory in use.
    pub resident_pages: u64,
    /// Open descriptors.
    pub descriptors: usize,
    /// Mappings.
    pub maps: usize,
}

impl Holdings {
    /// What this process holds now.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn now() -> std::io::Result<Self> {
        let statm = fs::read_to_string("/proc/self/statm")?;
        let resident = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok());
        Ok(Self {
            resident_pages: resident.ok_or(std::io::ErrorKind::InvalidData)?,
            descriptors: fs::read_dir("/proc/self/fd")?.count(),
            maps: fs::read_to_string("/proc/self/maps")?.lines().count(),
        })
    }

    /// Checks that this is no more than there was before; allocators keep a little.
    ///
    /// # Panics
    /// It is.
    pub fn assert_flat_since(&self, before: &Self) {
        assert_eq!(self.descriptors, before.descriptors, "descriptors");
        assert!(self.maps <= before.maps + 2, "{} maps became {}", before.maps, self.maps);
        assert!(self.resident_pages < before.resident_pages + 100, "{before:?} became {self:?}");
    }
}
