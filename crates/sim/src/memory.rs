//! Buffers: memfds from a pool of limited size, and what devices keep of the buffers they are
//! given.
//!
//! Bytes are read and written through descriptors; nothing here is mapped. Knows nothing of
//! queues or frames.

use crate::refusal::{Answer, Refusal};
use rustix::fs::{FileType, MemfdFlags, fstat, ftruncate, memfd_create};
use rustix::io::{Errno, fcntl_dupfd_cloexec, pread, pwrite};
use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

/// Which file a descriptor leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileIdentity {
    /// Number of its file system.
    pub device: u64,
    /// Number of the file there.
    pub inode: u64,
}

/// A buffer that a device holds on to: its own descriptor of it, so that the user may close
/// theirs.
#[derive(Debug)]
pub(crate) struct DeviceBuffer {
    fd: OwnedFd,
    pub(crate) identity: FileIdentity,
    pub(crate) bytes: u64,
}

impl DeviceBuffer {
    /// Takes hold of what a descriptor leads to.
    pub(crate) fn import(fd: BorrowedFd<'_>) -> Answer<Self> {
        let (identity, bytes) = look_up(fd)?;
        let fd = fcntl_dupfd_cloexec(fd, 0)?;
        Ok(Self { fd, identity, bytes })
    }

    /// Takes hold of what a descriptor leads to, unless `held` is that already.
    pub(crate) fn reimport(held: &mut Option<Self>, fd: BorrowedFd<'_>) -> Answer<()> {
        let (identity, bytes) = look_up(fd)?;
        match held {
            // Descriptor numbers are used again, files are not.
            Some(held) if held.identity == identity => held.bytes = bytes,
            _ => *held = Some(Self { fd: fcntl_dupfd_cloexec(fd, 0)?, identity, bytes }),
        }
        Ok(())
    }

    /// A descriptor for a user.
    pub(crate) fn export(&self) -> Answer<OwnedFd> {
        Ok(fcntl_dupfd_cloexec(&self.fd, 0)?)
    }

    /// Writes bytes from an offset on; what the buffer has no room for is left out.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) {
        let room = self.bytes.saturating_sub(offset).min(bytes.len() as u64) as usize;
        let mut written = 0;
        while written < room {
            match pwrite(&self.fd, &bytes[written..room], offset + written as u64) {
                Ok(0) | Err(_) => return,
                Ok(count) => written += count,
            }
        }
    }

    /// Reads bytes from the start; what is not there becomes 0.
    pub(crate) fn read(&self, bytes: &mut [u8]) {
        let mut seen = 0;
        while seen < bytes.len() {
            match pread(&self.fd, &mut bytes[seen..], seen as u64) {
                Ok(0) | Err(_) => return bytes[seen..].fill(0),
                Ok(count) => seen += count,
            }
        }
    }
}

fn look_up(fd: BorrowedFd<'_>) -> Answer<(FileIdentity, u64)> {
    let stat = fstat(fd)?;
    // A dmabuf is a file of no type.
    if !matches!(FileType::from_raw_mode(stat.st_mode), FileType::RegularFile | FileType::Unknown) {
        return Err(Refusal::new(Errno::INVAL, "the descriptor does not lead to a buffer"));
    }
    let identity = FileIdentity { device: stat.st_dev, inode: stat.st_ino };
    Ok((identity, u64::try_from(stat.st_size).unwrap_or(0)))
}

/// Buffers given out before it is worth looking which have come back: looking goes through all
/// that the process has open.
const SWEEP_LEAST: usize = 1024;

/// Memory of limited size, from which devices and heaps allocate.
#[derive(Debug)]
pub(crate) struct Pool {
    capacity_bytes: u64,
    given: Vec<(FileIdentity, u64)>,
    given_bytes: u64,
    /// When so many buffers are given out, it is time to look which have come back.
    sweep_at: usize,
}

impl Pool {
    pub(crate) const fn new(capacity_bytes: u64) -> Self {
        Self { capacity_bytes, given: Vec::new(), given_bytes: 0, sweep_at: SWEEP_LEAST }
    }

    /// Allocates a buffer of zeros. `ENOMEM` if the pool has no room for it.
    pub(crate) fn allocate(&mut self, label: &str, bytes: u64) -> Answer<DeviceBuffer> {
        if bytes == 0 {
            return Err(Errno::INVAL.into());
        }
        self.make_room(bytes)?;
        let fd = memfd_create(label, MemfdFlags::CLOEXEC)?;
        ftruncate(&fd, bytes)?;
        let buffer = DeviceBuffer::import(fd.as_fd())?;
        self.given.push((buffer.identity, bytes));
        self.given_bytes += bytes;
        Ok(buffer)
    }

    /// Bytes that somebody still holds.
    pub(crate) fn used_bytes(&mut self) -> u64 {
        self.sweep();
        self.given_bytes
    }

    fn make_room(&mut self, bytes: u64) -> Answer<()> {
        if self.given_bytes + bytes > self.capacity_bytes || self.given.len() >= self.sweep_at {
            self.sweep();
        }
        let free = self.capacity_bytes.saturating_sub(self.given_bytes);
        if bytes > free {
            let capacity = self.capacity_bytes;
            let reason = format!("{bytes} bytes asked for, {free} of {capacity} free");
            return Err(Refusal::new(Errno::NOMEM, reason));
        }
        Ok(())
    }

    /// Takes back what nobody in this process has open or mapped any more. Kernel drivers see
    /// a reference go; here one has to look.
    fn sweep(&mut self) {
        let mut alive = open_files();
        alive.extend(mapped_inodes().into_iter().flat_map(|inode| {
            let of_inode = |given: &&(FileIdentity, u64)| given.0.inode == inode;
            self.given.iter().find(of_inode).map(|given| given.0)
        }));
        self.given.retain(|(identity, _)| alive.contains(identity));
        self.given_bytes = self.given.iter().map(|(_, bytes)| bytes).sum();
        self.sweep_at = (self.given.len() * 2).max(SWEEP_LEAST);
    }
}

fn open_files() -> HashSet<FileIdentity> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return HashSet::new() };
    let open = entries.flatten().filter_map(|entry| std::fs::metadata(entry.path()).ok());
    open.map(|file| FileIdentity { device: file.dev(), inode: file.ino() }).collect()
}

fn mapped_inodes() -> Vec<u64> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    // address permissions offset device inode path
    let inode = |line: &str| line.split_whitespace().nth(4)?.parse().ok();
    maps.lines().filter(|line| line.contains("memfd:")).filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_runs_out_and_says_how_much_was_asked_for() {
        let mut pool = Pool::new(10_000);
        let first = pool.allocate("first", 6000).unwrap();
        let refusal = pool.allocate("second", 6000).unwrap_err();
        assert_eq!(refusal.errno, Errno::NOMEM);
        let text = refusal.into_error("allocating", "linux,cma").to_string();
        assert!(text.contains("6000 bytes asked for, 4000 of 10000 free"), "{text}");
        drop(first);
        assert!(pool.allocate("second", 6000).is_ok());
    }

    #[test]
    fn a_buffer_counts_for_as_long_as_anybody_holds_it() {
        let mut pool = Pool::new(10_000);
        let buffer = pool.allocate("buffer", 6000).unwrap();
        let exported = buffer.export().unwrap();
        drop(buffer);
        assert_eq!(pool.used_bytes(), 6000);
        drop(exported);
        assert_eq!(pool.used_bytes(), 0);
    }

    #[test]
    fn the_same_file_is_known_by_any_descriptor() {
        let mut pool = Pool::new(10_000);
        let buffer = pool.allocate("buffer", 100).unwrap();
        let mut held = Some(DeviceBuffer::import(buffer.fd.as_fd()).unwrap());
        let number =
            |held: &Option<DeviceBuffer>| std::os::fd::AsRawFd::as_raw_fd(&held.as_ref().unwrap().fd);
        let before = number(&held);
        let other = buffer.export().unwrap();
        DeviceBuffer::reimport(&mut held, other.as_fd()).unwrap();
        assert_eq!(number(&held), before);
        let another = pool.allocate("another", 200).unwrap();
        DeviceBuffer::reimport(&mut held, another.fd.as_fd()).unwrap();
        assert_eq!(held.as_ref().unwrap().identity, another.identity);
        assert_eq!(held.unwrap().bytes, 200);
    }

    #[test]
    fn what_is_no_buffer_is_refused() {
        let (pipe, _other) = rustix::pipe::pipe().unwrap();
        assert_eq!(DeviceBuffer::import(pipe.as_fd()).unwrap_err().errno, Errno::INVAL);
    }

    #[test]
    fn bytes_beyond_the_end_are_left_out() {
        let mut pool = Pool::new(10_000);
        let buffer = pool.allocate("buffer", 4).unwrap();
        buffer.write(2, b"abcd");
        let mut bytes = [9; 6];
        buffer.read(&mut bytes);
        assert_eq!(&bytes, b"\0\0ab\0\0");
    }
}
