//! Pinhole's devices on Linux: turns requests into ioctls, maps and polls.
//!
//! [`KernelProvider`] answers what [`pinhole_device`] asks, with V4L2, the media controller,
//! dma-heaps and epoll. It is the only crate with unsafe code: each file that needs it opts in
//! by itself, under a `# Safety` section that says what it relies on. It knows nothing of
//! requests, streams, sensors or pictures.

mod claim;
pub mod colour;
mod control;
pub mod fence;
mod file;
mod format;
pub mod heap;
pub mod holders;
pub mod hotplug;
pub mod media;
pub mod memory;
pub mod node;
pub mod poller;
pub mod provider;
mod queue;
mod readiness;
pub mod subdevice;
pub mod sysfs;
#[cfg(test)]
mod testing;
mod uapi;

pub use memory::SystemMapper;
pub use provider::KernelProvider;
pub use sysfs::DeviceTree;
