//! Looking into frames.
//!
//! Memory that hardware may be writing is never a slice. A [`FrameView`] exists only between
//! the begin and the end of a CPU access, which is where caches are brought in line
//! (`DMA_BUF_IOCTL_SYNC` for dmabufs).

use crate::memory::PLANES_MAX;
use pinhole_base::Result;
use std::os::fd::BorrowedFd;

/// Maps descriptors into memory. The kernel room has the one that does.
pub trait Mapper: Send + Sync {
    /// Maps `length` bytes from `offset` for reading.
    ///
    /// # Errors
    /// The descriptor cannot be mapped, or is shorter than that.
    fn map(&self, fd: BorrowedFd<'_>, offset: u32, length: u32) -> Result<Box<dyn Mapping>>;

    /// Writes bytes to the start of a buffer that no device uses yet (a table for the ISP).
    ///
    /// # Errors
    /// The descriptor cannot be mapped, or is shorter than the bytes.
    fn fill(&self, fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<()>;
}

/// A stretch of mapped memory.
pub trait Mapping: Send + Sync {
    /// Starts an access by the CPU.
    ///
    /// # Errors
    /// The exporter of the buffer refuses.
    fn begin(&self) -> Result<()>;
    /// Ends it.
    fn end(&self);
    /// The bytes; to be looked at only between `begin` and `end`.
    fn bytes(&self) -> &[u8];
}

/// The planes of a frame, readable while this lives.
pub struct FrameView<'a> {
    mappings: &'a [Box<dyn Mapping>],
    starts_bytes: [u32; PLANES_MAX],
}

impl<'a> FrameView<'a> {
    pub(crate) fn begin(mappings: &'a [Box<dyn Mapping>], starts_bytes: [u32; PLANES_MAX]) -> Result<Self> {
        for (at, mapping) in mappings.iter().enumerate() {
            if let Err(error) = mapping.begin() {
                mappings[..at].iter().for_each(|begun| begun.end());
                return Err(error);
            }
        }
        Ok(Self { mappings, starts_bytes })
    }

    /// Number of planes.
    pub fn plane_count(&self) -> usize {
        self.mappings.len()
    }

    /// The bytes of a plane.
    ///
    /// # Panics
    /// There is no such plane.
    pub fn plane(&self, index: usize) -> &[u8] {
        self.mappings[index].bytes().get(self.starts_bytes[index] as usize..).unwrap_or_default()
    }

    /// The bytes of each plane.
    pub fn planes(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.plane_count()).map(|index| self.plane(index))
    }
}

impl Drop for FrameView<'_> {
    fn drop(&mut self) {
        self.mappings.iter().for_each(|mapping| mapping.end());
    }
}
