//! The devices that Linux has, by the files of sysfs; no udev is asked. Knows nothing of what
//! the devices can do.

use pinhole_base::{Error, ErrorKind, Result};
use pinhole_device::NodeInfo;
use std::io;
use std::path::{Path, PathBuf};

/// A device's number, by which the media controller names nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[doc(alias = "dev_t")]
pub struct DeviceNumber {
    /// Which driver's.
    pub major: u32,
    /// Which of its devices.
    pub minor: u32,
}

/// What a device file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeviceKind {
    /// A media device.
    Media,
    /// A video node.
    Video,
    /// A sub-device.
    SubDevice,
}

/// One device file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceNode {
    /// What it is.
    pub kind: DeviceKind,
    /// Where it can be opened.
    pub path: String,
    /// Its number.
    pub number: DeviceNumber,
    /// Name of its entity; for a media device, its model.
    pub name: String,
}

/// Where the system's device files are and are described. Tests have trees of their own.
#[derive(Clone, Debug)]
pub struct DeviceTree {
    sys: PathBuf,
    dev: PathBuf,
}

impl Default for DeviceTree {
    /// This system's: `/sys` and `/dev`.
    fn default() -> Self {
        Self::new("/sys", "/dev")
    }
}

impl DeviceTree {
    /// The devices described below `sys`, whose files lie below `dev`.
    pub fn new(sys: impl Into<PathBuf>, dev: impl Into<PathBuf>) -> Self {
        Self { sys: sys.into(), dev: dev.into() }
    }

    /// The media devices, by their numbers.
    ///
    /// # Errors
    /// A directory cannot be read, or a file in it is malformed.
    pub fn media_devices(&self) -> Result<Vec<DeviceNode>> {
        self.list("bus/media/devices", "model", |name| name.starts_with("media").then_some(DeviceKind::Media))
    }

    /// The video nodes and sub-devices, by their numbers.
    ///
    /// # Errors
    /// A directory cannot be read, or a file in it is malformed.
    pub fn video_devices(&self) -> Result<Vec<DeviceNode>> {
        self.list(VIDEO, "name", |name| match name {
            _ if name.starts_with("video") => Some(DeviceKind::Video),
            _ if name.starts_with("v4l-subdev") => Some(DeviceKind::SubDevice),
            _ => None,
        })
    }

    /// The video nodes alone, by their numbers, with the places of their devices.
    ///
    /// # Errors
    /// A directory cannot be read, or a file in it is malformed.
    pub fn video_nodes(&self) -> Result<Vec<NodeInfo>> {
        let devices = self.video_devices()?.into_iter();
        Ok(devices.filter(|device| device.kind == DeviceKind::Video).map(|node| self.info(node)).collect())
    }

    fn info(&self, node: DeviceNode) -> NodeInfo {
        let DeviceNumber { major, minor } = node.number;
        let directory = self.sys.join(format!("dev/char/{major}:{minor}"));
        let device = directory.join("device").canonicalize().unwrap_or_default();
        let index = read(&directory.join("index")).ok().and_then(|text| text.trim_end().parse().ok());
        NodeInfo {
            path: node.path,
            name: node.name,
            bus_info: device.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            index: index.unwrap_or(0),
        }
    }

    /// The name of the video node or sub-device at a path; `None` if sysfs does not tell.
    pub fn name_of(&self, path: &str) -> Option<String> {
        let named = |device: &DeviceNode| device.path == path;
        // Mostly its directory is named like its file.
        let directory = self.sys.join(VIDEO).join(Path::new(path).file_name()?);
        let likely = self.device(&directory, DeviceKind::Video, "name").ok();
        let found = likely.filter(named).or_else(|| self.video_devices().ok()?.into_iter().find(named));
        found.map(|device| device.name)
    }

    /// Where device files are.
    pub fn dev(&self) -> &Path {
        &self.dev
    }

    fn list(
        &self,
        directory: &str,
        name_file: &str,
        kind: impl Fn(&str) -> Option<DeviceKind>,
    ) -> Result<Vec<DeviceNode>> {
        let directory = self.sys.join(directory);
        let mut found = Vec::new();
        for name in names(&directory)? {
            let Some(kind) = kind(&name) else { continue };
            match self.device(&directory.join(&name), kind, name_file) {
                Err(error) if is_gone(error.kind()) => {} // Unplugged while we looked.
                device => found.push(device?),
            }
        }
        found.sort_by_key(|device| (device.kind, device.number));
        Ok(found)
    }

    fn device(&self, directory: &Path, kind: DeviceKind, name_file: &str) -> Result<DeviceNode> {
        let number = number(&directory.join("dev"))?;
        let event = read(&directory.join("uevent"))?;
        let file = event.lines().find_map(|line| line.strip_prefix("DEVNAME="));
        let own_name = || directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let path = self.dev.join(file.map_or_else(own_name, str::to_owned));
        // Some media devices tell no model.
        let name = read(&directory.join(name_file)).unwrap_or_default();
        Ok(DeviceNode {
            kind,
            path: path.to_string_lossy().into_owned(),
            number,
            name: name.trim_end().to_owned(),
        })
    }
}

/// Where video nodes and sub-devices are described.
const VIDEO: &str = "class/video4linux";

const DOING: &str = "looking for devices";

fn is_gone(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::Disconnected)
}

/// The names in a directory; none if there is no such directory, since then no driver is
/// loaded.
fn names(directory: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failure(&error, directory)),
    };
    let named = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    named.collect::<io::Result<_>>().map_err(|error| failure(&error, directory))
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| failure(&error, file))
}

fn failure(error: &io::Error, place: &Path) -> Error {
    Error::from_io(error, DOING).at(place.to_string_lossy())
}

/// Reads a number as sysfs writes it: `81:3`.
fn number(file: &Path) -> Result<DeviceNumber> {
    let text = read(file)?;
    let parsed = text.trim_end().split_once(':').and_then(|(major, minor)| {
        Some(DeviceNumber { major: major.parse().ok()?, minor: minor.parse().ok()? })
    });
    parsed.ok_or_else(|| {
        Error::new(ErrorKind::Malformed, DOING)
            .at(file.to_string_lossy())
            .because(format!("{text:?} is no device number"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    fn tree(scratch: &Scratch) -> DeviceTree {
        DeviceTree::new(scratch.path().join("sys"), "/dev")
    }

    fn add(scratch: &Scratch, directory: &str, dev: &str, name: (&str, &str)) {
        let file = directory.rsplit('/').next().unwrap();
        scratch.write(&format!("sys/{directory}/dev"), &format!("{dev}\n"));
        scratch.write(&format!("sys/{directory}/uevent"), &format!("MAJOR=1\nDEVNAME={file}\n"));
        scratch.write(&format!("sys/{directory}/{}", name.0), &format!("{}\n", name.1));
    }

    #[test]
    fn devices_come_by_their_numbers_and_radios_not_at_all() {
        let scratch = Scratch::new();
        for (name, minor) in [("video10", 10), ("video2", 2), ("v4l-subdev0", 11), ("radio0", 5)] {
            let directory = format!("class/video4linux/{name}");
            add(&scratch, &directory, &format!("81:{minor}"), ("name", &format!("entity {name}")));
        }
        let found = tree(&scratch).video_devices().unwrap();
        let paths: Vec<&str> = found.iter().map(|device| device.path.as_str()).collect();
        assert_eq!(paths, ["/dev/video2", "/dev/video10", "/dev/v4l-subdev0"]);
        assert_eq!(found[1].name, "entity video10");
        assert_eq!(found[1].number, DeviceNumber { major: 81, minor: 10 });
        assert_eq!(found[2].kind, DeviceKind::SubDevice);
        assert_eq!(tree(&scratch).name_of("/dev/video2").as_deref(), Some("entity video2"));
        assert_eq!(tree(&scratch).name_of("/dev/video3"), None);
    }

    #[test]
    fn nodes_are_told_by_their_devices_places() {
        let scratch = Scratch::new();
        for (name, minor, index) in [("video0", 0, "0"), ("video1", 1, "1"), ("v4l-subdev0", 2, "0")] {
            add(&scratch, &format!("class/video4linux/{name}"), &format!("81:{minor}"), ("name", "cam"));
            scratch.write(&format!("sys/dev/char/81:{minor}/index"), &format!("{index}\n"));
        }
        scratch.directory("sys/devices/usb1/1-1:1.0");
        let place = scratch.path().join("sys/devices/usb1/1-1:1.0");
        std::os::unix::fs::symlink(place, scratch.path().join("sys/dev/char/81:1/device")).unwrap();
        let found = tree(&scratch).video_nodes().unwrap();
        let told = |at: usize| (found[at].path.as_str(), found[at].bus_info.as_str(), found[at].index);
        assert_eq!((told(0), told(1)), (("/dev/video0", "", 0), ("/dev/video1", "1-1:1.0", 1)));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn media_devices_have_models() {
        let scratch = Scratch::new();
        add(&scratch, "bus/media/devices/media1", "249:1", ("model", "unicam"));
        let found = tree(&scratch).media_devices().unwrap();
        assert_eq!((found[0].path.as_str(), found[0].name.as_str()), ("/dev/media1", "unicam"));
        assert_eq!(found[0].kind, DeviceKind::Media);
    }

    #[test]
    fn the_file_is_where_the_kernel_says() {
        let scratch = Scratch::new();
        add(&scratch, "class/video4linux/video0", "81:0", ("name", "cam"));
        scratch.write("sys/class/video4linux/video0/uevent", "DEVNAME=v4l/first\n");
        assert_eq!(tree(&scratch).video_devices().unwrap()[0].path, "/dev/v4l/first");
        assert_eq!(tree(&scratch).name_of("/dev/v4l/first").as_deref(), Some("cam"));
        assert_eq!(tree(&scratch).name_of("/dev/video0"), None);
        scratch.write("sys/class/video4linux/video0/uevent", "");
        assert_eq!(tree(&scratch).video_devices().unwrap()[0].path, "/dev/video0");
    }

    #[test]
    fn a_system_without_drivers_has_no_devices() {
        let scratch = Scratch::new();
        assert_eq!(tree(&scratch).media_devices().unwrap(), []);
        assert_eq!(tree(&scratch).video_devices().unwrap(), []);
    }

    /// Its directory is there for a moment longer than its files.
    #[test]
    fn a_device_that_goes_away_meanwhile_is_left_out() {
        let scratch = Scratch::new();
        scratch.directory("sys/class/video4linux/video0");
        assert_eq!(tree(&scratch).video_devices().unwrap(), []);
    }

    #[test]
    fn nonsense_for_a_number_is_an_error() {
        let scratch = Scratch::new();
        for nonsense in ["", "81", "81:x", ":", "99999999999:0"] {
            add(&scratch, "class/video4linux/video0", nonsense, ("name", "cam"));
            let error = tree(&scratch).video_devices().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Malformed, "{error}");
            assert!(error.place().unwrap().ends_with("video0/dev"));
        }
    }
}
