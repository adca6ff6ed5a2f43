//! Pipelines: what is particular to a family of receivers and ISPs, one folder each.
//!
//! A pipeline is a step function (see [`pinhole_camera::pipeline`]) over devices; it knows
//! nothing of the kernel, of simulators or of applications.

pub mod requests;
mod streams;
pub mod uvc;
pub mod vc4;

use pinhole_base::{Error, Result};
use pinhole_camera::backend::Backend;
use pinhole_device::Provider;
use std::sync::{Arc, Mutex, MutexGuard};
use vc4::backend::Decorator;

/// A provider that cameras share.
pub type SharedProvider = Arc<Mutex<Box<dyn Provider>>>;

fn lock(provider: &SharedProvider) -> MutexGuard<'_, Box<dyn Provider>> {
    provider.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The cameras of a provider, and what kept others from being found.
#[derive(Default)]
pub struct Found {
    /// The cameras: those with an ISP of ours first.
    pub cameras: Vec<Box<dyn Backend>>,
    /// Why devices that may be cameras could not be asked.
    pub failures: Vec<Error>,
}

impl Found {
    fn take(&mut self, found: Result<Vec<Result<Box<dyn Backend>>>>) {
        for camera in found.unwrap_or_else(|error| vec![Err(error)]) {
            match camera {
                Ok(camera) => self.cameras.push(camera),
                Err(error) => self.failures.push(error),
            }
        }
    }
}

/// Finds the cameras of a provider: each pipeline takes its own, and what is left is taken for
/// plain cameras. One device that fails does not hide the others.
pub fn discover(provider: &SharedProvider, decorator: Option<&Decorator>) -> Found {
    let mut found = Found::default();
    found.take(vc4::backend::discover(provider, decorator));
    // Where media devices cannot be asked, which the first has told of, nothing is claimed.
    let claimed = vc4::discovery::claimed(lock(provider).as_mut()).unwrap_or_default();
    found.take(uvc::backend::discover(provider, &claimed));
    found
}
