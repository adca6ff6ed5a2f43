//! Devices that come and go, seen in the directory of device files (inotify).
//!
//! The kernel's own messages (netlink) were the other choice. They come before a device's file
//! may be opened, do not reach into containers, and say nothing when the permission to open it
//! is given a moment later; the directory shows all of that, to any user.

use pinhole_base::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What has happened to device files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A device is there, or may be opened by others than before.
    Appeared(String),
    /// A device is gone.
    Vanished(String),
    /// More has happened than could be kept: look at everything again.
    Unknown,
}

/// A watch on the directory of device files. Readable (as a descriptor) when there are changes.
pub struct Hotplug {
    inotify: OwnedFd,
    directory: PathBuf,
}

const DOING: &str = "watching for devices";

impl Hotplug {
    /// Watches a directory (`/dev`) from now on.
    ///
    /// # Errors
    /// It cannot be read, or descriptors or watches ran out.
    pub fn new(directory: &Path) -> Result<Self> {
        let failed =
            |errno: Errno| Error::from_errno(errno.raw_os_error(), DOING).at(directory.to_string_lossy());
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(failed)?;
        let wanted = WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::ATTRIB
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO;
        inotify::add_watch(&inotify, directory, wanted).map_err(failed)?;
        Ok(Self { inotify, directory: directory.to_owned() })
    }

    /// What has happened to media devices, video nodes and sub-devices since the last call, in
    /// order; does not wait.
    ///
    /// # Errors
    /// The watch cannot be read.
    pub fn changes(&self) -> Result<Vec<Change>> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        let mut changes = Vec::new();
        loop {
            match reader.next() {
                Ok(event) => changes.extend(self.change(&event)),
                Err(Errno::AGAIN) => return Ok(changes),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(Error::from_errno(errno.raw_os_error(), DOING)),
            }
        }
    }

    /// Waits until there are changes; no longer than `timeout` (`None`: as long as it takes), and
    /// not beyond a signal that somebody handles. Says whether there are.
    ///
    /// # Errors
    /// Waiting failed.
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool> {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()) as _,
        });
        match poll(&mut [PollFd::new(&self.inotify, PollFlags::IN)], timeout.as_ref()) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(errno) => Err(Error::from_errno(errno.raw_os_error(), DOING)),
        }
    }

    fn change(&self, event: &inotify::Event<'_>) -> Option<Change> {
        if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
            return Some(Change::Unknown);
        }
        let name = event.file_name()?.to_str().ok().filter(|name| is_camera(name))?;
        let path = self.directory.join(name).to_string_lossy().into_owned();
        let gone = event.events().intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM);
        Some(if gone { Change::Vanished(path) } else { Change::Appeared(path) })
    }
}

/// Whether a file's name is that of a media device, a video node or a sub-device.
fn is_camera(name: &str) -> bool {
    ["media", "video", "v4l-subdev"].iter().any(|kind| {
        name.strip_prefix(kind)
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

impl AsFd for Hotplug {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;
    use std::os::unix::fs::PermissionsExt;

    fn path(scratch: &Scratch, name: &str) -> String {
        scratch.path().join(name).to_string_lossy().into_owned()
    }

    #[test]
    fn devices_are_seen_to_come_and_go() {
        let dev = Scratch::new();
        let hotplug = Hotplug::new(dev.path()).unwrap();
        assert_eq!(hotplug.changes().unwrap(), []);
        assert!(!hotplug.wait(Some(Duration::ZERO)).unwrap(), "nothing has happened");
        dev.write("media0", "");
        assert!(hotplug.wait(None).unwrap());
        dev.write("null", "");
        dev.write("video12", "");
        std::fs::remove_file(dev.path().join("media0")).unwrap();
        assert!(pinhole_buffer::fence::is_readable(hotplug.as_fd()).unwrap());
        let expected = [
            Change::Appeared(path(&dev, "media0")),
            Change::Appeared(path(&dev, "video12")),
            Change::Vanished(path(&dev, "media0")),
        ];
        let mut seen = hotplug.changes().unwrap();
        seen.dedup();
        assert_eq!(seen, expected);
        assert_eq!(hotplug.changes().unwrap(), []);
    }

    /// A file that is there before its group may open it has to be tried again.
    #[test]
    fn a_permission_that_is_given_later_is_seen() {
        let dev = Scratch::new();
        dev.write("v4l-subdev3", "");
        let hotplug = Hotplug::new(dev.path()).unwrap();
        let file = dev.path().join("v4l-subdev3");
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o660)).unwrap();
        assert_eq!(hotplug.changes().unwrap(), [Change::Appeared(path(&dev, "v4l-subdev3"))]);
    }

    #[test]
    fn other_devices_do_not_count() {
        for name in ["media0", "video1", "v4l-subdev20"] {
            assert!(is_camera(name), "{name}");
        }
        for name in ["video", "videodev", "vbi0", "mediatek", "video-1", "null", ""] {
            assert!(!is_camera(name), "{name}");
        }
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let error = Hotplug::new(Path::new("/nowhere")).err().unwrap();
        assert_eq!(error.place(), Some("/nowhere"));
    }
}
