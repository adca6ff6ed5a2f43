//! What tells that a node has a buffer to dequeue: an epoll descriptor of the node's own, with
//! the node in it while buffers can come.
//!
//! Three things make it worth its descriptor. Nodes that take buffers in are ready when they
//! can be written, others when they can be read; a poller need not know. A queue that streams
//! but was never given a buffer polls as failed (`EPOLLERR`), level-triggered, which would have
//! a loop spin; it is not in here then. And asking whether a queue without slots is readable
//! makes drivers start their emulation of `read`.

use pinhole_base::{Error, Result};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The readiness of one node.
pub(crate) struct Readiness {
    epoll: OwnedFd,
    watching: bool,
}

impl Readiness {
    pub(crate) fn new() -> Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)
            .map_err(|errno| Error::from_errno(errno.raw_os_error(), "making an epoll descriptor"))?;
        Ok(Self { epoll, watching: false })
    }

    /// Follows a node from now on.
    pub(crate) fn watch(&mut self, node: BorrowedFd<'_>, is_output: bool) -> Result<(), Errno> {
        if !self.watching {
            let flags = if is_output { EventFlags::OUT } else { EventFlags::IN };
            epoll::add(&self.epoll, node, EventData::new_u64(0), flags)?;
            self.watching = true;
        }
        Ok(())
    }

    /// Follows it no more.
    pub(crate) fn unwatch(&mut self, node: BorrowedFd<'_>) -> Result<(), Errno> {
        if std::mem::take(&mut self.watching) { epoll::delete(&self.epoll, node) } else { Ok(()) }
    }
}

impl AsFd for Readiness {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_buffer::fence::is_readable;

    #[test]
    fn it_is_readable_while_its_node_is_watched_and_ready() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let mut readiness = Readiness::new().unwrap();
        readiness.watch(reader.as_fd(), false).unwrap();
        readiness.watch(reader.as_fd(), false).unwrap();
        assert!(!is_readable(readiness.as_fd()).unwrap());
        rustix::io::write(&writer, b"x").unwrap();
        assert!(is_readable(readiness.as_fd()).unwrap());
        rustix::io::read(&reader, &mut [0; 1]).unwrap();
        assert!(!is_readable(readiness.as_fd()).unwrap());
        rustix::io::write(&writer, b"x").unwrap();
        readiness.unwatch(reader.as_fd()).unwrap();
        readiness.unwatch(reader.as_fd()).unwrap();
        assert!(!is_readable(readiness.as_fd()).unwrap());
    }

    #[test]
    fn what_takes_buffers_in_is_ready_when_it_can_be_written() {
        let (_reader, writer) = rustix::pipe::pipe().unwrap();
        let mut readiness = Readiness::new().unwrap();
        readiness.watch(writer.as_fd(), true).unwrap();
        assert!(is_readable(readiness.as_fd()).unwrap());
    }
}
