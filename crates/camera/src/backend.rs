//! One camera as its family of hardware presents it: what [`crate::handle::Camera`] drives.

use crate::config::{Adjustment, CameraInfo, Configuration, Role};
use crate::exchange::Exchange;
use pinhole_base::control::ControlList;
use pinhole_base::{Error, Result, Timestamp};
use pinhole_buffer::FrameMemory;
use pinhole_device::Waker;
use std::sync::Arc;

/// A camera's hardware. States: released → acquired → configured → running, and back.
pub trait Backend: Send {
    /// What is known of it.
    fn info(&self) -> &CameraInfo;

    /// Opens and claims its devices.
    ///
    /// # Errors
    /// Somebody else has them, access is refused, or they are gone.
    fn acquire(&mut self) -> Result<()>;

    /// Closes them.
    fn release(&mut self);

    /// A configuration for these roles, to be adjusted to taste.
    ///
    /// # Errors
    /// The camera cannot serve these roles at once.
    fn propose(&self, roles: &[Role]) -> Result<Configuration>;

    /// Adjusts a configuration to what the camera can do; says what was changed.
    ///
    /// # Errors
    /// It cannot be adjusted: no streams, too many, …
    fn validate(&self, configuration: &mut Configuration) -> Result<Vec<Adjustment>>;

    /// Sets the devices up. The configuration is valid.
    ///
    /// # Errors
    /// A device refuses.
    fn configure(&mut self, configuration: &Configuration) -> Result<()>;

    /// Exports new buffers from the device of a configured stream.
    ///
    /// # Errors
    /// Memory ran out, or the device refuses.
    fn export(&mut self, stream: usize, count: u32) -> Result<Vec<Arc<FrameMemory>>>;

    /// Starts, with controls that are in force from the first frame on.
    ///
    /// # Errors
    /// A device refuses; everything is undone then.
    fn start(&mut self, controls: &ControlList, exchange: &Exchange) -> Result<()>;

    /// One turn of the loop; returns at `until` at the latest.
    ///
    /// # Errors
    /// The camera has failed; the caller stops it.
    fn step(&mut self, exchange: &Exchange, until: Option<Timestamp>) -> Result<()>;

    /// Stops; completes every request under way, those unfinished as cancelled for `reason`.
    fn stop(&mut self, reason: &Error, exchange: &Exchange);

    /// What wakes [`Backend::step`] from another thread. The camera is acquired.
    fn waker(&self) -> Waker;

    /// Now, on the clock of the frames' time stamps. The camera is acquired.
    fn now(&self) -> Timestamp;

    /// Checks that every buffer is where the ledger says it is.
    ///
    /// # Panics
    /// It is not.
    fn audit(&self);
}
