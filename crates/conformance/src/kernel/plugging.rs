//! Waiting for device files that come, and taking drivers from devices while they work. Knows
//! nothing of cameras.

use pinhole::device::Provider;
use pinhole::kernel::KernelProvider;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::path::{Path, PathBuf};

/// How long a camera that is plugged in may take from one device file to the next.
const PLUGGING_MAX: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

/// Does something that makes a node appear, and waits until it can be opened.
///
/// # Panics
/// It does not appear.
pub fn wait_for_node(node: &str, plug: impl FnOnce()) {
    let hotplug = KernelProvider::new().hotplug().expect("device files can be watched");
    plug();
    while KernelProvider::new().video_node(node).is_err() {
        let mut watched = [PollFd::new(&hotplug, PollFlags::IN)];
        let changed = poll(&mut watched, Some(&PLUGGING_MAX)).expect("descriptors can be watched");
        assert!(changed > 0, "{node} does not come back");
        hotplug.changes().expect("the watch can be read");
    }
}

/// The driver of a node's device, which can be taken from it while others use the node, as
/// unloading its module would.
#[derive(Debug)]
pub struct Binding {
    node: String,
    /// The driver's folder below `/sys/bus`.
    driver: PathBuf,
    /// What the driver calls the device.
    device: String,
}

impl Binding {
    /// The driver of the device that has a node.
    ///
    /// # Panics
    /// The system does not tell.
    pub fn of(node: &str) -> Self {
        let name = Path::new(node).file_name().expect("a node has a name");
        let device = Path::new("/sys/class/video4linux").join(name).join("device");
        let of = |path: PathBuf| path.canonicalize().expect("the system tells a node's device and driver");
        let (driver, device) = (of(device.join("driver")), of(device));
        let device = device.file_name().and_then(|name| name.to_str()).expect("a device has a name");
        Self { node: node.to_owned(), driver, device: device.to_owned() }
    }

    /// Takes the driver from the device.
    ///
    /// # Panics
    /// The system refuses.
    pub fn unbind(&self) {
        self.tell("unbind");
    }

    /// Gives it back, and waits until the node is there.
    ///
    /// # Panics
    /// It does not come back.
    pub fn bind(&self) {
        wait_for_node(&self.node, || self.tell("bind"));
    }

    fn tell(&self, what: &str) {
        let told = std::fs::write(self.driver.join(what), &self.device);
        told.unwrap_or_else(|error| panic!("{what} of {}: {error}", self.device));
    }
}
