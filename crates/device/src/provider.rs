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

/// A video node that can be opened, as the system lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeInfo {
    /// Where it can be opened.
    pub path: String,
    /// Its name: for a webcam, the product's.
    pub name: String,
    /// Where its device sits, e.g. `1-2:1.0`; the same after a restart.
    pub bus_info: String,
    /// Its number among the nodes of its device.
    pub index: u32,
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

    /// The video nodes there are now, whether in a media graph or not; none if the provider
    /// has none but those of its media devices. None is opened for that.
    ///
    /// # Errors
    /// They cannot be listed.
    fn video_nodes(&mut self) -> Result<Vec<NodeInfo>> {
        Ok(Vec::new())
    }

    /// Opens the video node at a path of a media graph, or of the list.
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

    /// Memory that the CPU writes: such that devices can use it, where there is any.
    ///
    /// # Errors
    /// Memory or descriptors ran out.
    fn memory(&mut self, label: &str, size_bytes: u32) -> Result<OwnedFd> {
        self.heap()?.allocate(label, size_bytes)
    }

    /// A poller for this provider's devices.
    ///
    /// # Errors
    /// Descriptors ran out.
    fn poller(&mut self) -> Result<Box<dyn Poller>>;

    /// What maps this provider's buffers.
    fn mapper(&self) -> Arc<dyn Mapper>;
}
