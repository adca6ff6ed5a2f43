//! Typed `ioctl` calls: each constant joins a number, a name and the structure that the call
//! takes.
//!
//! # Safety
//!
//! This file opts in to `unsafe` for the `ioctl` system call. It relies on this:
//! - A call's number holds the size of its structure and which way it is copied. Drivers copy
//!   that many bytes and no more, and drivers that do not know the number refuse it. The one
//!   call whose number does not is only read, up to a NUL.
//! - Calls are made in `uapi` only, where the tests compare every number with the headers.
//! - Structures that the kernel fills are [`FromBytes`]: whatever it writes is a valid value.
//! - A structure is [`Plain`] if the kernel follows no address in it.

#![expect(unsafe_code, reason = "see Safety above")]

use super::{control, media, memory, subdevice, video};
use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};
use std::ffi::c_void;
use std::marker::PhantomData;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use zerocopy::FromBytes;

/// A call that takes a `T`.
pub(crate) struct Call<T> {
    name: &'static str,
    opcode: Opcode,
    argument: PhantomData<fn(T)>,
}

/// A structure without addresses.
///
/// # Safety
/// The kernel reads and writes nothing but the structure itself.
pub(crate) unsafe trait Plain: FromBytes {}

macro_rules! plain {
    ($($structure:ty),+ $(,)?) => {
        $(
            // SAFETY: none of the fields is an address, nor is a number to the calls that take
            // one.
            unsafe impl Plain for $structure {}
        )+
    };
}

plain!(
    i32,
    u64,
    video::Capability,
    video::FormatDescription,
    video::Format,
    video::FrameSizeEnum,
    video::FrameIntervalEnum,
    video::StreamParameters,
    video::Selection,
    video::RequestBuffers,
    video::CreateBuffers,
    video::ExportBuffer,
    video::Event,
    video::EventSubscription,
    control::QueryExtControl,
    control::QueryMenu,
    subdevice::SubdevFormat,
    subdevice::MbusCodeEnum,
    subdevice::SubdevFrameSizeEnum,
    subdevice::SubdevFrameInterval,
    subdevice::SubdevFrameIntervalEnum,
    subdevice::SubdevSelection,
    media::DeviceInfo,
    media::LinkDescription,
    memory::HeapAllocation,
    memory::UdmabufCreate,
    memory::ExportSyncFile,
    memory::Name,
);

impl<T> Call<T> {
    /// A call that the kernel fills its structure in (`_IOR`).
    pub(super) const fn read(name: &'static str, group: u8, number: u8) -> Self {
        Self { name, opcode: opcode::read::<T>(group, number), argument: PhantomData }
    }

    /// A call that the kernel reads its structure in (`_IOW`).
    pub(super) const fn write(name: &'static str, group: u8, number: u8) -> Self {
        Self { name, opcode: opcode::write::<T>(group, number), argument: PhantomData }
    }

    /// A call that the kernel reads its structure in, and whose number holds the size of a
    /// pointer to it instead.
    pub(super) const fn write_pointed(name: &'static str, group: u8, number: u8) -> Self {
        Self { name, opcode: opcode::write::<usize>(group, number), argument: PhantomData }
    }

    /// A call that does both (`_IOWR`).
    pub(super) const fn read_write(name: &'static str, group: u8, number: u8) -> Self {
        Self { name, opcode: opcode::read_write::<T>(group, number), argument: PhantomData }
    }

    /// Its name, for people.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// Its number.
    #[cfg(test)]
    pub(crate) const fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// Makes the call, again if a signal interrupts it.
    ///
    /// # Safety
    /// Where the kernel follows addresses in the structure, they lead to memory that it may
    /// read and write as the call has it.
    pub(super) unsafe fn run_with_addresses(
        &self,
        fd: BorrowedFd<'_>,
        argument: &mut T,
    ) -> Result<i32, Errno> {
        loop {
            let pending = Pending { opcode: self.opcode, argument: std::ptr::from_mut(argument) };
            // SAFETY: the number fits the structure, see above; the caller answers for
            // addresses in it.
            let answer = unsafe { ioctl(fd, pending) };
            if !matches!(answer, Err(Errno::INTR)) {
                return answer;
            }
        }
    }
}

impl<T: Plain> Call<T> {
    /// Makes the call; answers what it returned (0, for most).
    pub(crate) fn run(&self, fd: BorrowedFd<'_>, argument: &mut T) -> Result<i32, Errno> {
        // SAFETY: the structure has no addresses.
        unsafe { self.run_with_addresses(fd, argument) }
    }
}

/// Takes possession of a descriptor; refuses what can be none.
///
/// # Safety
/// The kernel has just made it for us.
pub(super) unsafe fn owned(fd: RawFd) -> Result<OwnedFd, Errno> {
    if fd < 0 {
        return Err(Errno::BADF);
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A call about to be made.
struct Pending<T> {
    opcode: Opcode,
    argument: *mut T,
}

// SAFETY: the pointer is a live `&mut T` for as long as the call takes (see its only user),
// and the number says that the call takes a `T`.
unsafe impl<T> Ioctl for Pending<T> {
    type Output = i32;
    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.opcode
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.argument.cast()
    }

    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> rustix::io::Result<i32> {
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn who_does_not_know_a_call_refuses_it() {
        const QUERY: Call<u64> = Call::read("VIDIOC_NONE", b'V', 0);
        let (pipe, _other) = rustix::pipe::pipe().unwrap();
        assert_eq!(QUERY.run(pipe.as_fd(), &mut 0), Err(Errno::NOTTY));
    }
}
