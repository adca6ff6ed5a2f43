//! Dmabufs and where they come from (linux/dma-buf.h, dma-heap.h, udmabuf.h).
//!
//! # Safety
//!
//! This file opts in to `unsafe` for taking possession of descriptors that the kernel has just
//! made for us.

#![expect(unsafe_code, reason = "see Safety above")]

use super::call::{self, Call};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use zerocopy::FromBytes;

/// `struct dma_heap_allocation_data`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct HeapAllocation {
    pub(crate) len: u64,
    pub(crate) fd: u32,
    pub(crate) fd_flags: u32,
    pub(crate) heap_flags: u64,
}

/// `struct udmabuf_create`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct UdmabufCreate {
    pub(crate) memfd: u32,
    pub(crate) flags: u32,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

/// `UDMABUF_FLAGS_CLOEXEC`
pub(crate) const UDMABUF_FLAGS_CLOEXEC: u32 = 1;

/// `struct dma_buf_export_sync_file`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct ExportSyncFile {
    pub(crate) flags: u32,
    pub(crate) fd: i32,
}

pub(crate) const SYNC_READ: u64 = 1;
pub(crate) const SYNC_WRITE: u64 = 2;
pub(crate) const SYNC_START: u64 = 0;
pub(crate) const SYNC_END: u64 = 4;

impl HeapAllocation {
    /// Allocates a dmabuf from a heap.
    pub(crate) fn allocate(heap: BorrowedFd<'_>, bytes: u64) -> Result<OwnedFd, Errno> {
        let fd_flags = (OFlags::CLOEXEC | OFlags::RDWR).bits();
        let mut argument = Self { len: bytes, fd: 0, fd_flags, heap_flags: 0 };
        HEAP_ALLOC.run(heap, &mut argument)?;
        // SAFETY: the call succeeded, so the kernel has made a descriptor that nobody else has.
        unsafe { call::owned(argument.fd.cast_signed()) }
    }
}

impl UdmabufCreate {
    /// Makes a dmabuf over the pages of a sealed memfd.
    pub(crate) fn create(device: BorrowedFd<'_>, memfd: BorrowedFd<'_>, size: u64) -> Result<OwnedFd, Errno> {
        let memfd = memfd.as_raw_fd().cast_unsigned();
        let mut argument = Self { memfd, flags: UDMABUF_FLAGS_CLOEXEC, offset: 0, size };
        let fd = UDMABUF_CREATE.run(device, &mut argument)?;
        // SAFETY: the call succeeded, so the kernel has made a descriptor that nobody else has.
        unsafe { call::owned(fd) }
    }
}

impl ExportSyncFile {
    /// Makes a descriptor that is readable when those who access a dmabuf now are done.
    pub(crate) fn export(dmabuf: BorrowedFd<'_>, flags: u64) -> Result<OwnedFd, Errno> {
        let mut argument = Self { flags: flags as u32, fd: -1 };
        EXPORT_SYNC_FILE.run(dmabuf, &mut argument)?;
        // SAFETY: the call succeeded, so the kernel has made a descriptor that nobody else has.
        unsafe { call::owned(argument.fd) }
    }
}

/// The name of a dmabuf, ended by a NUL.
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct Name([u8; 32]);

impl Name {
    /// As much of a text as there is room for.
    pub(crate) fn new(text: &str) -> Self {
        let mut bytes = [0; 32];
        for (byte, character) in bytes[..31].iter_mut().zip(text.bytes()) {
            *byte = character;
        }
        Self(bytes)
    }
}

pub(crate) const HEAP_ALLOC: Call<HeapAllocation> = Call::read_write("DMA_HEAP_IOCTL_ALLOC", b'H', 0);
pub(crate) const UDMABUF_CREATE: Call<UdmabufCreate> = Call::write("UDMABUF_CREATE", b'u', 0x42);
/// Takes `struct dma_buf_sync`: its flags, and nothing else.
pub(crate) const SYNC: Call<u64> = Call::write("DMA_BUF_IOCTL_SYNC", b'b', 0);
pub(crate) const SET_NAME: Call<Name> = Call::write_pointed("DMA_BUF_SET_NAME", b'b', 1);
pub(crate) const EXPORT_SYNC_FILE: Call<ExportSyncFile> =
    Call::read_write("DMA_BUF_IOCTL_EXPORT_SYNC_FILE", b'b', 2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_loses_its_end() {
        assert_eq!(&Name::new("unicam-image").0[..13], b"unicam-image\0");
        assert_eq!(Name::new(&"x".repeat(40)).0[30..], *b"x\0");
    }
}
