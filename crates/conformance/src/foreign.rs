//! Things that applications bring from elsewhere: buffers of another allocator, and fences.

use pinhole::{Error, Fence, FrameBuffer, FrameMemory, Mapper, PlaneMemory, Result};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// A buffer that no camera device has allocated, with planes of so many bytes.
///
/// # Errors
/// Memory or descriptors ran out.
pub fn foreign_buffer(planes_bytes: &[u32], mapper: Arc<dyn Mapper>) -> Result<FrameBuffer> {
    let failed = |e: rustix::io::Errno| Error::from_errno(e.raw_os_error(), "making a foreign buffer");
    let memory = |bytes: &u32| {
        let fd = memfd_create("foreign", MemfdFlags::CLOEXEC).map_err(failed)?;
        ftruncate(&fd, u64::from(*bytes)).map_err(failed)?;
        Ok((fd, *bytes))
    };
    buffer_of(planes_bytes.iter().map(memory).collect::<Result<_>>()?, mapper)
}

/// A buffer of these descriptors, each with the bytes of a plane.
///
/// # Errors
/// There are none, or too many.
pub fn buffer_of(memory: Vec<(OwnedFd, u32)>, mapper: Arc<dyn Mapper>) -> Result<FrameBuffer> {
    let plane = |(fd, bytes)| PlaneMemory::new(Arc::new(fd), 0, bytes);
    Ok(FrameBuffer::new(FrameMemory::new(memory.into_iter().map(plane).collect(), mapper)?))
}

/// What makes a fence signal.
pub struct Signal(OwnedFd);

impl Signal {
    /// Makes its fence signal, from now on.
    ///
    /// # Panics
    /// The descriptor cannot be written: a bug of the suite.
    pub fn raise(&self) {
        rustix::io::write(&self.0, &1u64.to_ne_bytes()).expect("an eventfd takes a number");
    }
}

/// A fence that has not signalled, and what makes it.
///
/// # Errors
/// Descriptors ran out.
pub fn fence() -> Result<(Fence, Signal)> {
    let failed = |e: rustix::io::Errno| Error::from_errno(e.raw_os_error(), "making a fence");
    let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(failed)?;
    let theirs = rustix::io::fcntl_dupfd_cloexec(&fd, 0).map_err(failed)?;
    Ok((Fence::new(theirs), Signal(fd)))
}
