//! The system's own devices, as a provider. Knows nothing of which of them make a camera.

use crate::heap::{KernelHeap, private};
use crate::hotplug::Hotplug;
use crate::media::KernelMedia;
use crate::memory::SystemMapper;
use crate::node::KernelNode;
use crate::poller::KernelPoller;
use crate::subdevice::KernelSubDevice;
use crate::sysfs::DeviceTree;
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_buffer::Mapper;
use pinhole_device::{Heap, MediaDevice, NodeInfo, Poller, Provider, SubDevice, VideoNode};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The devices that Linux has.
#[derive(Clone, Debug, Default)]
pub struct KernelProvider {
    tree: DeviceTree,
}

impl KernelProvider {
    /// This system's devices.
    pub fn new() -> Self {
        Self::default()
    }

    /// The devices of a tree.
    pub fn of(tree: DeviceTree) -> Self {
        Self { tree }
    }

    /// Where its devices are described.
    pub fn tree(&self) -> &DeviceTree {
        &self.tree
    }

    /// Watches for devices that come and go.
    ///
    /// # Errors
    /// The directory of devices cannot be watched.
    pub fn hotplug(&self) -> Result<Hotplug> {
        Hotplug::new(self.tree.dev())
    }
}

impl Provider for KernelProvider {
    fn is_simulated(&self) -> bool {
        false
    }

    /// The media devices that can be opened. Those that vanish meanwhile are left out; an error
    /// of another one is told only if none can be opened, so that one device that is broken or
    /// somebody else's does not hide the others.
    fn media_devices(&mut self) -> Result<Vec<Box<dyn MediaDevice>>> {
        let mut opened: Vec<Box<dyn MediaDevice>> = Vec::new();
        let mut refused = None;
        for device in self.tree.media_devices()? {
            match KernelMedia::open(&self.tree, &device.path) {
                Ok(media) => opened.push(Box::new(media)),
                Err(error) if error.kind() == ErrorKind::Disconnected => {}
                Err(error) => refused = refused.or(Some(explained(error))),
            }
        }
        match refused {
            Some(error) if opened.is_empty() => Err(error),
            _ => Ok(opened),
        }
    }

    fn video_nodes(&mut self) -> Result<Vec<NodeInfo>> {
        self.tree.video_nodes()
    }

    fn video_node(&mut self, path: &str) -> Result<Box<dyn VideoNode>> {
        Ok(Box::new(KernelNode::open(&self.tree, path)?))
    }

    fn sub_device(&mut self, path: &str) -> Result<Box<dyn SubDevice>> {
        Ok(Box::new(KernelSubDevice::open(&self.tree, path)?))
    }

    fn heap(&mut self) -> Result<Box<dyn Heap>> {
        Ok(Box::new(KernelHeap::open(self.tree.dev())?))
    }

    fn memory(&mut self, label: &str, size_bytes: u32) -> Result<OwnedFd> {
        match self.heap().and_then(|mut heap| heap.allocate(label, size_bytes)) {
            Ok(shared) => Ok(shared),
            Err(_) => private(label, size_bytes),
        }
    }

    fn poller(&mut self) -> Result<Box<dyn Poller>> {
        Ok(Box::new(KernelPoller::new()?))
    }

    fn mapper(&self) -> Arc<dyn Mapper> {
        Arc::new(SystemMapper)
    }
}

/// The kernel lists it, so what is missing is its file.
fn explained(error: Error) -> Error {
    if error.kind() != ErrorKind::NotFound {
        return error;
    }
    error.hint("the kernel has the device, but its file is missing: in a container, hand it in")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    fn provider(scratch: &Scratch) -> KernelProvider {
        KernelProvider::of(DeviceTree::new(scratch.path().join("sys"), scratch.path().join("dev")))
    }

    fn add_media(scratch: &Scratch, name: &str) {
        scratch.write(&format!("sys/bus/media/devices/{name}/dev"), "249:0\n");
        scratch.write(&format!("sys/bus/media/devices/{name}/uevent"), &format!("DEVNAME={name}\n"));
    }

    #[test]
    fn a_system_without_cameras_has_none() {
        let scratch = Scratch::new();
        let mut provider = provider(&scratch);
        assert!(!provider.is_simulated());
        assert!(provider.media_devices().unwrap().is_empty());
        assert_eq!(provider.heap().err().unwrap().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_device_whose_file_is_missing_is_explained() {
        let scratch = Scratch::new();
        add_media(&scratch, "media0");
        let error = provider(&scratch).media_devices().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.advice().unwrap().contains("container"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_media_device_is_an_error() {
        let scratch = Scratch::new();
        add_media(&scratch, "media0");
        scratch.write("dev/media0", "");
        let error = provider(&scratch).media_devices().err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.place().unwrap().ends_with("dev/media0"));
    }

    #[test]
    fn hotplug_watches_the_trees_own_directory() {
        let scratch = Scratch::new();
        scratch.directory("dev");
        let hotplug = provider(&scratch).hotplug().unwrap();
        scratch.write("dev/media3", "");
        assert!(!hotplug.changes().unwrap().is_empty());
    }
}
