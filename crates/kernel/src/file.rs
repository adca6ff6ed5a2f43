//! Open device files, and the errors of calls on them: each names the node, the call, the
//! system's error and what helps. Knows nothing of what the calls are good for.

use crate::holders::holders;
use crate::uapi::call::{Call, Plain};
use pinhole_base::{Error, ErrorKind, Result};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// No list of a device is longer.
const ENUMERATED_MAX: u32 = 4096;

/// An open device.
#[derive(Debug)]
pub(crate) struct DeviceFile {
    fd: OwnedFd,
    path: String,
    /// What people know it by, if that is more than the path.
    name: String,
}

impl DeviceFile {
    /// Opens a device without blocking on it later.
    pub(crate) fn open(path: &str, doing: &'static str) -> Result<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, path: path.to_owned(), name: String::new() }),
            Err(errno) => Err(failure(doing, "open", errno, path).at(path)),
        }
    }

    /// Names it in errors from now on.
    pub(crate) fn set_name(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// Makes a call.
    pub(crate) fn call<T: Plain>(&self, doing: &'static str, call: &Call<T>, argument: &mut T) -> Result<()> {
        match self.try_call(call, argument) {
            Ok(()) => Ok(()),
            Err(errno) => Err(self.error(doing, call.name(), errno)),
        }
    }

    /// Makes a call whose failure may mean something.
    pub(crate) fn try_call<T: Plain>(&self, call: &Call<T>, argument: &mut T) -> Result<(), Errno> {
        call.run(self.fd.as_fd(), argument).map(drop)
    }

    /// Makes a call with indexes from 0 on, until the device says that there are no more.
    pub(crate) fn enumerate<T: Plain>(
        &self,
        doing: &'static str,
        call: &Call<T>,
        argument: impl Fn(u32) -> T,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        for index in 0..ENUMERATED_MAX {
            let mut entry = argument(index);
            match self.try_call(call, &mut entry) {
                Ok(()) => found.push(entry),
                // Devices without such a list do not know the call.
                Err(Errno::INVAL | Errno::NOTTY) => return Ok(found),
                Err(errno) => return Err(self.error(doing, call.name(), errno)),
            }
        }
        Err(self.refusal(ErrorKind::Device, doing).because(format!("{}: the list has no end", call.name())))
    }

    /// A failed call's error.
    #[cold]
    pub(crate) fn error(&self, doing: &'static str, call: &str, errno: Errno) -> Error {
        failure(doing, call, errno, &self.path).at(self.place())
    }

    /// An error that the system had no part in.
    #[cold]
    pub(crate) fn refusal(&self, kind: ErrorKind, doing: &'static str) -> Error {
        Error::new(kind, doing).at(self.place())
    }

    fn place(&self) -> String {
        match self.name.as_str() {
            "" => self.path.clone(),
            name => format!("{name} ({})", self.path),
        }
    }
}

impl AsFd for DeviceFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The error of a failed call on the device at a path.
#[cold]
pub(crate) fn failure(doing: &'static str, call: &str, errno: Errno, path: &str) -> Error {
    let error = Error::from_errno(errno.raw_os_error(), doing)
        .because(format!("{call}: {}", std::io::Error::from(errno)));
    match hint(call, errno, path) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// What helps, where that depends on more than the error's number.
fn hint(call: &str, errno: Errno, path: &str) -> Option<String> {
    match (call, errno) {
        (_, Errno::ACCESS | Errno::PERM) => group_hint(path),
        (_, Errno::BUSY) => holders_hint(path),
        ("open", Errno::NOENT) => Some("is it plugged in, and its driver loaded?".to_owned()),
        ("VIDIOC_STREAMON", Errno::PIPE) => {
            Some("formats along the links do not match, or a link is disabled".to_owned())
        }
        ("VIDIOC_STREAMON" | "VIDIOC_S_FMT", Errno::NOSPC) => {
            Some("its bus has no room: smaller pictures, fewer cameras or another port".to_owned())
        }
        _ => None,
    }
}

fn group_hint(path: &str) -> Option<String> {
    let file = std::fs::metadata(path).ok()?;
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    Some(advice_on_group(group_name(&groups, file.gid())?, file.mode()))
}

/// What to do about a file of that group that may not be opened.
fn advice_on_group(name: &str, mode: u32) -> String {
    const GROUP_MAY_READ_AND_WRITE: u32 = 0o060;
    if name == "root" || mode & GROUP_MAY_READ_AND_WRITE != GROUP_MAY_READ_AND_WRITE {
        return "only root may open it: a udev rule usually gives it to the group `video`".to_owned();
    }
    format!("it belongs to the group `{name}`: join it (`sudo usermod -aG {name} $USER`) and log in again")
}

/// The name of a group, by the lines of the system's list.
fn group_name(groups: &str, wanted: u32) -> Option<&str> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _password, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id.parse() == Ok(wanted)).then_some(name)
    })
}

fn holders_hint(path: &str) -> Option<String> {
    let others = holders(Path::new("/proc"), Path::new(path));
    let names: Vec<String> = others.iter().map(ToString::to_string).collect();
    (!names.is_empty()).then(|| format!("it is open in {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uapi::video;
    use zerocopy::FromZeros;

    #[test]
    fn a_missing_device_is_named_with_the_call_and_the_reason() {
        let error = DeviceFile::open("/dev/video-none", "opening a video node").unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::NotFound, Some(2)));
        let text = error.to_string();
        for part in ["/dev/video-none", "opening a video node", "open: No such file", "plugged in"] {
            assert!(text.contains(part), "{part} in: {text}");
        }
    }

    #[test]
    fn what_is_no_camera_says_so_by_the_calls_name() {
        let mut file = DeviceFile::open("/dev/null", "opening").unwrap();
        file.set_name("nothing");
        let mut answer = video::Capability::new_zeroed();
        let error = file.call("asking", &video::QUERYCAP, &mut answer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().starts_with("nothing (/dev/null): asking: VIDIOC_QUERYCAP: "), "{error}");
    }

    #[test]
    fn groups_are_found_by_their_number() {
        let groups = "root:x:0:\nbroken\nvideo:x:44:pi,camera\n";
        assert_eq!(group_name(groups, 44), Some("video"));
        assert_eq!(group_name(groups, 45), None);
    }

    #[test]
    fn hints_say_what_is_meant_where_the_number_does_not() {
        let busy_bus = failure("starting", "VIDIOC_STREAMON", Errno::NOSPC, "/dev/video-none");
        assert!(busy_bus.advice().unwrap().contains("bus"), "{busy_bus}");
        let mismatch = failure("starting", "VIDIOC_STREAMON", Errno::PIPE, "/dev/video-none");
        assert!(mismatch.advice().unwrap().contains("formats along the links"), "{mismatch}");
        let denied = failure("opening", "open", Errno::ACCESS, "/dev/null");
        assert!(denied.advice().unwrap().contains("only root"), "{denied}");
    }

    #[test]
    fn a_group_that_helps_nobody_is_not_recommended() {
        assert!(advice_on_group("video", 0o20_660).contains("usermod -aG video"));
        assert!(advice_on_group("video", 0o20_600).contains("only root"));
        assert!(advice_on_group("root", 0o20_660).contains("only root"));
    }
}
