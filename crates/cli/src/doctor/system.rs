//! The files by which a Linux system describes itself; below `/`, or below a copy of it.

use pinhole::kernel::DeviceTree;
use rustix::fs::{Access, access};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A system.
pub(crate) struct System {
    root: PathBuf,
}

impl System {
    /// The system whose files lie below a directory: `/` for this one.
    pub(crate) fn below(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Where a file of the system's is.
    pub(crate) fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    /// The text of a file; `None` if it is not there or cannot be read.
    pub(crate) fn text(&self, absolute: &str) -> Option<String> {
        let bytes = fs::read(self.path(absolute)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The names in a directory, in order; none if there is no such directory.
    pub(crate) fn names(&self, absolute: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(absolute)).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Its devices.
    pub(crate) fn devices(&self) -> DeviceTree {
        DeviceTree::new(self.path("/sys"), self.path("/dev"))
    }

    /// Whether this user may read and write a file.
    pub(crate) fn is_open_to_us(path: &Path) -> bool {
        access(path, Access::READ_OK | Access::WRITE_OK).is_ok()
    }

    /// The name of the group that a file belongs to, or its number.
    pub(crate) fn group_of(&self, path: &Path) -> Option<String> {
        let gid = fs::metadata(path).ok()?.gid().to_string();
        let groups = self.text("/etc/group").unwrap_or_default();
        let named = groups.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == gid).then(|| name.to_owned())
        });
        Some(named.unwrap_or(gid))
    }

    /// The path that a symbolic link of the system's points at.
    pub(crate) fn link_name(&self, absolute: &str) -> Option<String> {
        let target = fs::read_link(self.path(absolute)).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }
}
