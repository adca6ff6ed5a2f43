//! Behind the scenes of a world of cameras: what the hardware's side of it can be asked, and
//! made to do. Knows nothing of statements.

use crate::rig::Verdict;
use pinhole::sim::{Call, Fault, Stamp};
use pinhole::{FrameBuffer, Request, StreamId};

/// What is behind the cameras of a [`crate::bench::Bench`].
pub trait Backstage: Send + Sync {
    /// Checks that the hardware has nothing to object to.
    ///
    /// # Panics
    /// It has.
    fn audit(&self);

    /// Checks that nothing of a camera streams or has slots.
    ///
    /// # Panics
    /// Something does.
    fn assert_released(&self, camera: usize);

    /// Memory that the devices have given out, in bytes; `None` where nobody counts it.
    fn memory_used_bytes(&self) -> Option<u64>;

    /// A buffer that no device of the running camera has allocated, with planes of so many bytes,
    /// each in memory of its own.
    ///
    /// # Errors
    /// There is no memory that the first camera's devices could use, but for their own.
    ///
    /// # Panics
    /// Memory ran out.
    fn foreign(&self, planes_bytes: &[u32]) -> Verdict<FrameBuffer>;

    /// Lets something go wrong with the first camera, after that many occasions for it.
    ///
    /// # Errors
    /// This hardware does not fail like that on demand.
    fn inject(&self, after: u32, fault: Fault) -> Verdict;

    /// Lets something go wrong with every frame of the first camera from now on, or nothing any
    /// more.
    ///
    /// # Errors
    /// This hardware does not fail like that on demand.
    fn always(&self, fault: Option<Fault>) -> Verdict;

    /// How the frame was really taken that a request's buffer shows.
    ///
    /// # Errors
    /// This hardware does not tell.
    ///
    /// # Panics
    /// The frame is unknown, or the buffer does not show one.
    fn stamp(&self, request: &Request, stream: StreamId) -> Verdict<Stamp>;

    /// The errors (`errno`) with which such a call can be made to fail; none if it cannot be.
    fn refusals(&self, call: Call) -> &'static [i32];

    /// How many calls have failed on demand.
    fn failed_calls(&self) -> u64;

    /// Pulls the first camera's plug, now or at its next frame.
    ///
    /// # Errors
    /// Nobody can.
    fn unplug(&self) -> Verdict;

    /// Puts it in again.
    fn replug(&self);
}
