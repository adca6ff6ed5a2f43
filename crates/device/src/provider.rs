//! Providers: where devices come from.

use crate::media::MediaDevice;
use crate::node::VideoNode;
use crate::poll::Poller;
use crate::subdevice::SubDevice;
use pinhole_base::Result;
use pinhole_buffer::Mapper;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Memory that every device here can use, from a DMA heap.
#[doc(alias = "dma_heap")]
pub trait Heap: Send {
    /// Its name, e.g. `linux,cma`.
    fn name(&self) -> &str;

    /// Allocates a buffer; `label` names it for whoever looks at the system's buffers.
    ///
    /// # Errors
    /// Memory or descriptors ran out.
    #[doc(alias = "DMA_HEAP_IOCTL_ALLOC")]
    fn allocate(&mut self, label: &str, size_bytes: u32) -> Result<OwnedFd>;
}

/// A world of devices: the kernel's, or a simulated one.
pub trait Provider: Send {
    /// Whether its devices are simulated.
    fn is_simulated(&self) -> bool;

    /// The media devices there are now.
    ///
    /// # Errors
    /// They cannot be listed.
    fn media_devices(&mut self) -> Result<Vec<Box<dyn MediaDevice>>>;

    /// Opens the video node at a path of a media graph.
    ///
    /// # Errors
    /// There is none, or access is refused.
    fn video_node(&mut self, path: &str) -> Result<Box<dyn VideoNode>>;

    /// Opens the sub-device at a path of a media graph.
    ///
    /// # Errors
    /// There is none, or access is refused.
    fn sub_device(&mut self, path: &str) -> Result<Box<dyn SubDevice>>;

    /// Opens the best heap there is for tables and buffers.
    ///
    /// # Errors
    /// There is none, or access is refused.
    fn heap(&mut self) -> Result<Box<dyn Heap>>;

    /// A poller for this provider's devices.
    ///
    /// # Errors
    /// Descriptors ran out.
    fn poller(&mut self) -> Result<Box<dyn Poller>>;

    /// What maps this provider's buffers.
    fn mapper(&self) -> Arc<dyn Mapper>;
}
