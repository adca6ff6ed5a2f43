//! The device through which the module says what to do, and lends the buffers. Knows nothing of
//! what is in them.

use crate::job::{Answer, Job, SLOT_BYTES, Slot, VERSION};
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_buffer::Mapper;
use pinhole_kernel::SystemMapper;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use zerocopy::{FromZeros, IntoBytes};

/// Error number for what could not be done: `EINVAL`.
const REFUSED: u32 = 22;

/// The open device.
pub(crate) struct Link {
    device: OwnedFd,
}

fn failed(errno: Errno, doing: &'static str) -> Error {
    let error = Error::from_errno(errno.raw_os_error(), doing);
    match errno {
        Errno::STALE => error.because("the module has waited for too long, and does without"),
        _ => error,
    }
}

impl Link {
    pub(crate) fn open(path: &str) -> Result<Self> {
        let device = rustix::fs::open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
        let device = device.map_err(|errno| failed(errno, "opening the module's device").at(path))?;
        Ok(Self { device })
    }

    /// Waits for something to do.
    pub(crate) fn next(&self) -> Result<Job> {
        let mut job = Job::new_zeroed();
        let doing = "waiting for a job";
        loop {
            match rustix::io::read(&self.device, job.as_mut_bytes()) {
                Ok(bytes) if bytes == size_of::<Job>() && job.version == VERSION => return Ok(job),
                Ok(_) => {
                    return Err(Error::new(ErrorKind::Unsupported, doing)
                        .because(format!("the module speaks version {}, not {VERSION}", job.version)));
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed(errno, doing)),
            }
        }
    }

    /// Gives the buffers of a job back, filled; or not, and the module has to fill them.
    pub(crate) fn answer(&self, job: &Job, is_done: bool) -> Result<()> {
        let error = if is_done { 0 } else { REFUSED };
        let answer = Answer { number: job.number, error, reserved: 0 };
        let written = rustix::io::write(&self.device, answer.as_bytes());
        written.map(drop).map_err(|errno| failed(errno, "answering a job"))
    }

    /// Looks at a slot's buffer of so many bytes.
    pub(crate) fn look<T>(&self, slot: Slot, bytes: u32, act: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        let mapping = SystemMapper.map(self.device.as_fd(), start(slot), bytes)?;
        mapping.begin()?;
        let seen = act(mapping.bytes());
        mapping.end();
        seen
    }

    /// Fills a slot's buffer.
    pub(crate) fn fill(&self, slot: Slot, bytes: &[u8]) -> Result<()> {
        SystemMapper.fill_from(self.device.as_fd(), start(slot), bytes)
    }
}

const fn start(slot: Slot) -> u32 {
    slot as u32 * SLOT_BYTES
}
