//! Fences: descriptors that become readable when something has happened.

use pinhole_base::{Error, Result};
use rustix::event::{PollFd, PollFlags, poll};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// "Not before this": a descriptor (a sync file, an eventfd) that becomes readable when its
/// event has happened, and stays so.
#[derive(Debug)]
#[doc(alias = "sync_file")]
pub struct Fence(OwnedFd);

impl Fence {
    /// A fence over a descriptor.
    pub fn new(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Whether it has happened; never waits.
    ///
    /// # Errors
    /// The descriptor cannot be polled.
    pub fn is_signalled(&self) -> Result<bool> {
        is_readable(self.0.as_fd())
    }

    /// Gives the descriptor back.
    pub fn into_fd(self) -> OwnedFd {
        self.0
    }
}

impl AsFd for Fence {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether a descriptor is readable now.
///
/// # Errors
/// It cannot be polled.
pub fn is_readable(fd: BorrowedFd<'_>) -> Result<bool> {
    let mut polled = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut polled, Some(&now)) {
        Ok(_) => Ok(polled[0].revents().contains(PollFlags::IN)),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(e) => Err(Error::from_errno(e.raw_os_error(), "asking whether a fence has signalled")),
    }
}
