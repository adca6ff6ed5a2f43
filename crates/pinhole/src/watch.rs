//! Cameras that come and go while the program runs. Knows of devices' files that something has
//! happened to them; what that means for cameras it finds out by looking for all of them anew.

use pinhole_base::{Error, Result};
use pinhole_camera::changes::CameraEvent;
use pinhole_camera::handle::Cameras;
use pinhole_kernel::KernelProvider;
use pinhole_kernel::hotplug::{Change, Hotplug};
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A watch on the cameras of this machine, without any simulated one.
///
/// The first events tell of the cameras that are there. Its descriptor is readable when
/// something may have happened that [`Watch::next`] has not looked at yet.
///
/// ```no_run
/// # fn main() -> pinhole::Result<()> {
/// let mut watch = pinhole::Watch::new()?;
/// while let Some(event) = watch.next(None)? {
///     match event {
///         pinhole::CameraEvent::Added(entry) => println!("there is {}", entry.info().id),
///         pinhole::CameraEvent::Removed(entry) => println!("{} is gone", entry.info().id),
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Watch {
    provider: KernelProvider,
    hotplug: Hotplug,
    cameras: Cameras,
    failures: Vec<Error>,
    events: VecDeque<CameraEvent>,
}

impl Watch {
    /// Watches from now on.
    ///
    /// # Errors
    /// The directory of devices cannot be watched.
    pub fn new() -> Result<Self> {
        Self::of(KernelProvider::new())
    }

    /// Watches the devices of a provider.
    ///
    /// # Errors
    /// As [`Watch::new`].
    pub fn of(provider: KernelProvider) -> Result<Self> {
        let hotplug = provider.hotplug()?;
        let (cameras, failures) = (Cameras::new(Vec::new()), Vec::new());
        let mut watch = Self { provider, hotplug, cameras, failures, events: VecDeque::new() };
        watch.look(&[]);
        Ok(watch)
    }

    /// The next event; `None` if there is none until `timeout` (`None`: as long as it takes), or a
    /// signal came that the program handles.
    ///
    /// # Errors
    /// The watch cannot be read.
    pub fn next(&mut self, timeout: Option<Duration>) -> Result<Option<CameraEvent>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if !self.hotplug.wait(timeout)? {
                return Ok(None);
            }
            self.catch_up()?;
        }
    }

    /// The cameras there are, as far as events have been told or wait to be.
    pub fn cameras(&self) -> &Cameras {
        &self.cameras
    }

    /// Why devices that may be cameras could not be asked, when it was last looked.
    pub fn failures(&self) -> &[Error] {
        &self.failures
    }

    fn catch_up(&mut self) -> Result<()> {
        let changes = self.hotplug.changes()?;
        let vanished: Vec<String> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Vanished(path) => Some(path.clone()),
                Change::Appeared(_) | Change::Unknown => None,
            })
            .collect();
        if !changes.is_empty() {
            self.look(&vanished);
        }
        Ok(())
    }

    fn look(&mut self, vanished: &[String]) {
        let provider = crate::hardware(self.provider.clone());
        let found = pinhole_pipelines::discover(&Arc::new(Mutex::new(provider)), None);
        self.events.extend(self.cameras.update(found.cameras, vanished));
        self.failures = found.failures;
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.hotplug.as_fd()
    }
}
