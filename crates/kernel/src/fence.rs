//! Fences of dmabufs: what tells that those who use a buffer now are done with it. Knows
//! nothing of who they are.

use crate::file::failure;
use crate::uapi::memory::{EXPORT_SYNC_FILE, ExportSyncFile, SYNC_READ, SYNC_WRITE};
use pinhole_base::Result;
use pinhole_buffer::fence::Fence;
use std::os::fd::BorrowedFd;

/// What is to be done to a buffer once its fence has signalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading: writers have to be done.
    Read,
    /// Writing: all others have to be done.
    Write,
}

/// A fence that signals when a dmabuf may be accessed, as things are now.
///
/// # Errors
/// The descriptor leads to no dmabuf, or the kernel is older than Linux 6.0.
#[doc(alias = "DMA_BUF_IOCTL_EXPORT_SYNC_FILE")]
pub fn fence_of(dmabuf: BorrowedFd<'_>, access: Access) -> Result<Fence> {
    let flags = match access {
        Access::Read => SYNC_READ,
        Access::Write => SYNC_WRITE,
    };
    let exported = ExportSyncFile::export(dmabuf, flags);
    exported
        .map(Fence::new)
        .map_err(|errno| failure("asking for a fence", EXPORT_SYNC_FILE.name(), errno, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::KernelHeap;
    use pinhole_base::ErrorKind;
    use pinhole_device::Heap;
    use std::os::fd::AsFd;
    use std::path::Path;

    #[test]
    fn ordinary_files_have_no_fences() {
        let null = std::fs::File::open("/dev/null").unwrap();
        let error = fence_of(null.as_fd(), Access::Read).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }

    /// Runs where the system has a heap, and says so where it has none.
    #[test]
    fn a_buffer_that_nobody_uses_is_free_at_once() {
        let mut heap = match KernelHeap::open(Path::new("/dev")) {
            Ok(heap) => heap,
            Err(error) => return println!("not tested: {error}"),
        };
        let buffer = heap.allocate("fence", 4096).unwrap();
        for access in [Access::Read, Access::Write] {
            match fence_of(buffer.as_fd(), access) {
                Ok(fence) => assert!(fence.is_signalled().unwrap()),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}"),
            }
        }
    }
}
