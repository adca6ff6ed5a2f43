//! The guest's first tools: one static busybox for each architecture.

use super::apt::Archive;
use super::place::{Place, at, remove_folder};
use super::tools;
use pinhole::Result;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The host's architecture, as Debian names it.
pub(super) const HOST: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

/// Where it is, or will be.
pub(super) fn path(place: &Place, architecture: &str) -> PathBuf {
    place.cache.join(format!("busybox-{architecture}"))
}

/// Fetches it, where it is missing.
pub(super) fn provide(place: &Place, archive: &Archive) -> Result<()> {
    let path = path(place, archive.architecture);
    if path.exists() {
        return Ok(());
    }
    let unpacked = place.cache.join("busybox-package");
    remove_folder(&unpacked)?;
    archive.unpack("busybox-static", &unpacked)?;
    let inside = unpacked.join("bin/busybox");
    let inside = if inside.exists() { inside } else { unpacked.join("usr/bin/busybox") };
    fs::rename(&inside, &path).map_err(at(&inside, "keeping busybox"))?;
    remove_folder(&unpacked)
}

/// Lists which kernel module needs which others, for modules under `root`.
pub(super) fn list_dependencies(place: &Place, root: &Path, modules: &Path) -> Result<()> {
    let mut depmod = Command::new(path(place, HOST));
    depmod.arg("depmod").arg("-b").arg(root).args(modules.file_name());
    tools::output(&mut depmod, "listing what the kernel's modules need").map(drop)
}
