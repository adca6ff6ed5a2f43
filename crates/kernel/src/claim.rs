//! Claims on devices, against other users of cameras: an exclusive lock on the device's file.
//!
//! The lock belongs to the open file (`F_OFD_SETLK`), so two users in one process exclude each
//! other too, and closing another descriptor of the same device does not lose it. It also
//! excludes programs that lock by process, as libcamera does.
//!
//! # Safety
//!
//! This file opts in to `unsafe` for `fcntl`, which takes the address of a lock. No safe
//! wrapper that is at hand knows locks of open files.

#![expect(unsafe_code, reason = "see Safety above")]

use rustix::io::Errno;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Claims a device, unless somebody else has.
pub(crate) fn claim(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    lock(fd, libc::F_WRLCK)
}

/// Gives the claim up, if there is one.
pub(crate) fn give_up(fd: BorrowedFd<'_>) {
    // Giving up what one does not have is no error, and what one has always works.
    let _ = lock(fd, libc::F_UNLCK);
}

fn lock(fd: BorrowedFd<'_>, kind: libc::c_int) -> Result<(), Errno> {
    let lock = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        // Locks of open files have no process.
        l_pid: 0,
    };
    // SAFETY: the command takes the address of a `flock`, which lives as long as the call and
    // is only read.
    let answer = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
    if answer == 0 {
        return Ok(());
    }
    let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    Err(Errno::from_raw_os_error(errno))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;
    use std::fs::File;
    use std::os::fd::AsFd;

    fn open(scratch: &Scratch) -> File {
        File::options().read(true).write(true).open(scratch.path().join("media0")).unwrap()
    }

    #[test]
    fn a_claim_excludes_others_in_this_process_until_it_is_given_up() {
        let scratch = Scratch::new();
        scratch.write("media0", "");
        let (first, second) = (open(&scratch), open(&scratch));
        claim(first.as_fd()).unwrap();
        claim(first.as_fd()).unwrap();
        assert_eq!(claim(second.as_fd()), Err(Errno::AGAIN));
        drop(open(&scratch));
        assert_eq!(claim(second.as_fd()), Err(Errno::AGAIN), "closing a third loses nothing");
        give_up(second.as_fd());
        assert_eq!(claim(second.as_fd()), Err(Errno::AGAIN), "only its owner gives it up");
        give_up(first.as_fd());
        claim(second.as_fd()).unwrap();
        drop(second);
        claim(first.as_fd()).unwrap();
    }

    #[test]
    fn programs_that_lock_by_process_are_excluded() {
        let scratch = Scratch::new();
        scratch.write("media0", "");
        let (first, second) = (open(&scratch), open(&scratch));
        claim(first.as_fd()).unwrap();
        let by_process = rustix::fs::FlockOperation::NonBlockingLockExclusive;
        assert_eq!(rustix::fs::fcntl_lock(&second, by_process), Err(Errno::AGAIN));
    }
}
