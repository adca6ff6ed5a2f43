//! Pipelines: what is particular to a family of receivers and ISPs, one folder each.
//!
//! A pipeline is a step function (see [`pinhole_camera::pipeline`]) over devices; it knows
//! nothing of the kernel, of simulators or of applications.

pub mod requests;
mod streams;
pub mod vc4;

use pinhole_device::Provider;
use std::sync::{Arc, Mutex, MutexGuard};

/// A provider that cameras share.
pub type SharedProvider = Arc<Mutex<Box<dyn Provider>>>;

fn lock(provider: &SharedProvider) -> MutexGuard<'_, Box<dyn Provider>> {
    provider.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
