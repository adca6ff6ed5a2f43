//! Packages of Debian's archive, fetched and unpacked without installing them, for any
//! architecture and by any user: apt with lists of its own.

use super::place::{Place, make_folder, only_entry, remove_folder};
use super::tools::{self, Tool};
use pinhole::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

const TOOLS: &[Tool] = &[
    Tool { program: "apt-get", package: "apt" },
    Tool { program: "apt-cache", package: "apt" },
    Tool { program: "dpkg-deb", package: "dpkg" },
];

/// The archive as one architecture sees it.
pub(crate) struct Archive {
    folder: PathBuf,
    pub(crate) architecture: &'static str,
}

impl Archive {
    /// Reads the lists of what there is.
    pub(crate) fn open(place: &Place, architecture: &'static str) -> Result<Self> {
        tools::check(TOOLS)?;
        let archive = Self { folder: place.cache.join("apt").join(architecture), architecture };
        make_folder(&archive.folder.join("state/lists/partial"))?;
        make_folder(&archive.folder.join("cache/archives/partial"))?;
        tools::output(archive.apt("apt-get").arg("update"), "reading Debian's package lists")?;
        Ok(archive)
    }

    fn apt(&self, program: &str) -> Command {
        let mut apt = Command::new(program);
        let state = self.folder.join("state");
        let cache = self.folder.join("cache");
        apt.args(["--quiet", "-o", "Dir::State::status=/dev/null", "-o", "APT::Sandbox::User=root"]);
        apt.arg("-o").arg(format!("APT::Architecture={}", self.architecture));
        apt.arg("-o").arg(format!("APT::Architectures={}", self.architecture));
        apt.arg("-o").arg(format!("Dir::State={}", state.display()));
        apt.arg("-o").arg(format!("Dir::Cache={}", cache.display()));
        apt
    }

    /// The newest version of a package.
    pub(crate) fn version(&self, package: &str) -> Result<String> {
        let mut show = self.apt("apt-cache");
        show.args(["show", "--no-all-versions", package]);
        let words = tools::words(&mut show, "looking for a package")?;
        let version = words.iter().skip_while(|word| *word != "Version:").nth(1);
        version.cloned().ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "looking for a package")
                .at(package)
                .because("the archive does not have it")
                .hint("the package sources must include Debian's security archive")
        })
    }

    /// The first package whose name begins so that another one depends on.
    pub(crate) fn dependency(&self, package: &str, prefix: &str) -> Result<String> {
        let mut depends = self.apt("apt-cache");
        depends.args(["depends", package]);
        let words = tools::words(&mut depends, "looking for a package")?;
        let found = words.iter().skip(1).find(|word| word.starts_with(prefix));
        found.cloned().ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "looking for a package")
                .at(package)
                .because(format!("it depends on no {prefix}…"))
        })
    }

    /// Fetches a package, and returns the path of its file.
    pub(crate) fn fetch(&self, package: &str) -> Result<PathBuf> {
        let folder = self.folder.join("download").join(package);
        remove_folder(&folder)?;
        make_folder(&folder)?;
        eprintln!("xtask: fetching {package} ({})", self.architecture);
        let mut download = self.apt("apt-get");
        download.current_dir(&folder).args(["download", package]);
        tools::output(&mut download, "fetching a package")?;
        only_entry(&folder)
    }

    /// Fetches a package and unpacks it into a folder.
    pub(crate) fn unpack(&self, package: &str, folder: &Path) -> Result<()> {
        let file = self.fetch(package)?;
        make_folder(folder)?;
        let mut extract = Command::new("dpkg-deb");
        extract.arg("--extract").arg(file).arg(folder);
        tools::succeed(&mut extract, "unpacking a package")
    }
}
