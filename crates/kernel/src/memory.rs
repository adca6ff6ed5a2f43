//! Maps descriptors into memory: dmabufs, memfds and ordinary files. Knows nothing of devices
//! or formats.
//!
//! # Safety
//!
//! This file opts in to `unsafe` for two system calls, `mmap` and `munmap`, and for making slices
//! of what was mapped. It relies on this:
//! - A `Region` owns the address range that the kernel chose for it, from `mmap` to `munmap`
//!   in its `Drop`. No slice outlives the region it borrows from.
//! - No mapping reaches beyond the end of its file: that is checked when it is made. Whoever
//!   shortens the file afterwards gets the process killed by SIGBUS; memory stays sound.
//! - Slices of a read-only region alias memory that hardware or other processes may write.
//!   That nobody does while a slice is looked at is what [`Mapping::bytes`] demands of its
//!   callers, and what the ledger of buffer owners checks.

#![expect(unsafe_code, reason = "see Safety above")]

use crate::uapi::memory::{SYNC, SYNC_END, SYNC_READ, SYNC_START, SYNC_WRITE};
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_buffer::Mapper;
use pinhole_buffer::mapping::Mapping;
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::ffi::c_void;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr::NonNull;

/// Maps descriptors with `mmap`, and keeps caches coherent with `DMA_BUF_IOCTL_SYNC` where
/// they lead to dmabufs.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemMapper;

impl Mapper for SystemMapper {
    fn map(&self, fd: BorrowedFd<'_>, offset: u32, length: u32) -> Result<Box<dyn Mapping>> {
        let doing = "mapping a buffer";
        let region = Region::new(fd, offset, length as usize, ProtFlags::READ, doing)?;
        let sync = Sync::of(fd, doing)?;
        Ok(Box::new(SystemMapping { region, sync }))
    }

    fn fill(&self, fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<()> {
        self.fill_from(fd, 0, bytes)
    }
}

impl SystemMapper {
    /// Writes bytes from an offset on, as [`Mapper::fill`] does from the start.
    ///
    /// # Errors
    /// The file ends before, or does not take it.
    pub fn fill_from(&self, fd: BorrowedFd<'_>, offset: u32, bytes: &[u8]) -> Result<()> {
        let doing = "filling a buffer";
        if bytes.is_empty() {
            return Ok(());
        }
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let mut region = Region::new(fd, offset, bytes.len(), access, doing)?;
        let sync = Sync::of(fd, doing)?;
        sync.call(SYNC_START | SYNC_WRITE, doing)?;
        region.bytes_mut().copy_from_slice(bytes);
        sync.call(SYNC_END | SYNC_WRITE, doing)
    }
}

struct SystemMapping {
    region: Region,
    sync: Sync,
}

impl Mapping for SystemMapping {
    fn begin(&self) -> Result<()> {
        self.sync.call(SYNC_START | SYNC_READ, "bringing caches in line with a buffer")
    }

    fn end(&self) {
        // Nothing was written, so there is nothing that a refusal could lose.
        let _ = self.sync.call(SYNC_END | SYNC_READ, "ending an access to a buffer");
    }

    fn bytes(&self) -> &[u8] {
        self.region.bytes()
    }
}

/// How caches are kept coherent with a buffer: found out once, when it is mapped.
enum Sync {
    /// A dmabuf: by asking its exporter.
    Exporter(OwnedFd),
    /// Ordinary memory, which caches never lie about.
    Coherent,
}

impl Sync {
    fn of(fd: BorrowedFd<'_>, doing: &'static str) -> Result<Self> {
        match sync(fd, SYNC_START | SYNC_READ) {
            // Who emulates a system and does not know this call has no devices either.
            Err(Errno::NOTTY | Errno::NOSYS) => return Ok(Self::Coherent),
            started => started.map_err(|e| Error::from_errno(e.raw_os_error(), doing))?,
        }
        // The first answer decided; an end without effect changes nothing.
        let _ = sync(fd, SYNC_END | SYNC_READ);
        let own = rustix::io::fcntl_dupfd_cloexec(fd, 0);
        own.map(Self::Exporter).map_err(|e| Error::from_errno(e.raw_os_error(), doing))
    }

    fn call(&self, flags: u64, doing: &'static str) -> Result<()> {
        match self {
            Self::Coherent => Ok(()),
            Self::Exporter(fd) => sync(std::os::fd::AsFd::as_fd(fd), flags)
                .map_err(|e| Error::from_errno(e.raw_os_error(), doing)),
        }
    }
}

fn sync(fd: BorrowedFd<'_>, flags: u64) -> Result<(), Errno> {
    loop {
        let answer = SYNC.run(fd, &mut { flags });
        // Exporters that are asked to try again mean it.
        if !matches!(answer, Err(Errno::AGAIN)) {
            return answer.map(drop);
        }
    }
}

/// A stretch of a file in memory.
struct Region {
    /// Where the mapping starts: at a page.
    start: NonNull<c_void>,
    /// Bytes of the mapping.
    mapped_bytes: usize,
    /// Bytes from its start to the stretch that was asked for.
    skip_bytes: usize,
}

impl Region {
    /// Maps `length` bytes from `offset` (which need not lie on a page).
    fn new(
        fd: BorrowedFd<'_>,
        offset: u32,
        length: usize,
        access: ProtFlags,
        doing: &'static str,
    ) -> Result<Self> {
        check_length(fd, offset, length, doing)?;
        let skip_bytes = offset as usize % rustix::param::page_size();
        let mapped_bytes = length + skip_bytes;
        let page_offset = u64::from(offset) - skip_bytes as u64;
        // SAFETY: the kernel chooses the address, so nothing that exists is mapped over; the
        // length is not 0 and the file reaches that far.
        let start =
            unsafe { mmap(std::ptr::null_mut(), mapped_bytes, access, MapFlags::SHARED, fd, page_offset) };
        let start = start.map_err(|e| Error::from_errno(e.raw_os_error(), doing))?;
        let start = NonNull::new(start).ok_or_else(|| Error::from_errno(12, doing))?;
        Ok(Self { start, mapped_bytes, skip_bytes })
    }

    fn bytes(&self) -> &[u8] {
        let length = self.mapped_bytes - self.skip_bytes;
        // SAFETY: the range lies in this region, which lives as long as the slice; callers
        // look at it only while nobody writes the memory.
        unsafe { std::slice::from_raw_parts(self.start.cast::<u8>().add(self.skip_bytes).as_ptr(), length) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        let length = self.mapped_bytes - self.skip_bytes;
        // SAFETY: as in `bytes`; the region was mapped for writing by its only caller, `fill_from`.
        unsafe {
            std::slice::from_raw_parts_mut(self.start.cast::<u8>().add(self.skip_bytes).as_ptr(), length)
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the range is the one that `mmap` gave, and nothing borrows from it any more.
        let unmapped = unsafe { munmap(self.start.as_ptr(), self.mapped_bytes) };
        debug_assert_eq!(unmapped, Ok(()));
    }
}

// SAFETY: the range belongs to no thread; shared references only read it.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl std::marker::Sync for Region {}

/// Refuses stretches that are empty or reach beyond the end, where a look would be fatal.
fn check_length(fd: BorrowedFd<'_>, offset: u32, length: usize, doing: &'static str) -> Result<()> {
    if length == 0 {
        return Err(Error::new(ErrorKind::InvalidArgument, doing).because("it has no bytes"));
    }
    // dmabufs tell their size by seeking only.
    let size = seek(fd, SeekFrom::End(0)).map_err(|e| Error::from_errno(e.raw_os_error(), doing))?;
    let end = u64::from(offset) + length as u64;
    if end > size {
        return Err(Error::new(ErrorKind::InvalidArgument, doing)
            .because(format!("it has {size} bytes, and byte {} was asked for", end - 1)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use std::os::fd::AsFd;

    fn memfd(bytes: u64) -> OwnedFd {
        let fd = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&fd, bytes).unwrap();
        fd
    }

    fn write(fd: &OwnedFd, offset: u64, bytes: &[u8]) {
        assert_eq!(rustix::io::pwrite(fd, bytes, offset), Ok(bytes.len()));
    }

    #[test]
    fn what_is_written_through_the_descriptor_is_seen() {
        let fd = memfd(10_000);
        let mapping = SystemMapper.map(fd.as_fd(), 0, 10_000).unwrap();
        write(&fd, 9_997, b"end");
        mapping.begin().unwrap();
        assert_eq!(&mapping.bytes()[9_997..], b"end");
        mapping.end();
    }

    #[test]
    fn an_offset_need_not_lie_on_a_page() {
        let fd = memfd(10_000);
        write(&fd, 5_001, b"here");
        let mapping = SystemMapper.map(fd.as_fd(), 5_001, 4).unwrap();
        assert_eq!(mapping.bytes(), b"here");
    }

    #[test]
    fn the_memory_outlives_the_descriptor() {
        let fd = memfd(3);
        write(&fd, 0, b"abc");
        let mapping = SystemMapper.map(fd.as_fd(), 0, 3).unwrap();
        drop(fd);
        mapping.begin().unwrap();
        assert_eq!(mapping.bytes(), b"abc");
    }

    /// Looking beyond the end of a file kills the process.
    #[test]
    fn a_file_that_is_too_short_is_refused() {
        let fd = memfd(4096);
        for (offset, length) in [(0, 4097), (4096, 1), (u32::MAX, u32::MAX), (0, 0)] {
            let error = SystemMapper.map(fd.as_fd(), offset, length).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        }
        assert_eq!(SystemMapper.fill(fd.as_fd(), &[0; 4097]).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }

    #[test]
    fn what_cannot_be_mapped_is_an_error() {
        let (pipe, _other) = rustix::pipe::pipe().unwrap();
        assert!(SystemMapper.map(pipe.as_fd(), 0, 1).is_err());
    }

    #[test]
    fn filling_from_an_offset_leaves_what_is_before() {
        let fd = memfd(8);
        write(&fd, 0, b"12345678");
        SystemMapper.fill_from(fd.as_fd(), 5, b"xyz").unwrap();
        let mut seen = [0; 8];
        assert_eq!(rustix::io::pread(&fd, &mut seen, 0), Ok(8));
        assert_eq!(&seen, b"12345xyz");
        assert!(SystemMapper.fill_from(fd.as_fd(), 6, b"xyz").is_err());
    }

    #[test]
    fn filling_writes_the_start() {
        let fd = memfd(8);
        SystemMapper.fill(fd.as_fd(), b"table").unwrap();
        SystemMapper.fill(fd.as_fd(), b"").unwrap();
        let mut seen = [0; 8];
        assert_eq!(rustix::io::pread(&fd, &mut seen, 0), Ok(8));
        assert_eq!(&seen, b"table\0\0\0");
    }
}
