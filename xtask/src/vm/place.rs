//! Where the testbed's files are, and where it keeps what it has made.

use pinhole::{Error, ErrorKind, Result};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folders of the testbed, as absolute paths.
pub(crate) struct Place {
    /// The scripts and the configuration.
    pub(crate) testbed: PathBuf,
    /// Kernels, their sources, and runs: all of it can be deleted.
    pub(crate) cache: PathBuf,
}

impl Place {
    /// The one of this repository. `PINHOLE_TESTBED_CACHE` names another folder for what is made,
    /// so that several working trees can share it.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let root = root.canonicalize().map_err(at(&root, "finding the repository"))?;
        let cache = match std::env::var_os("PINHOLE_TESTBED_CACHE") {
            Some(elsewhere) => PathBuf::from(elsewhere),
            None => root.join("target/testbed"),
        };
        make_folder(&cache)?;
        let cache = cache.canonicalize().map_err(at(&cache, "finding the testbed's cache"))?;
        Ok(Self { testbed: root.join("testbed"), cache })
    }

    /// Waits until nobody else changes the cache; holds as long as the file is open.
    pub(crate) fn lock(&self) -> Result<fs::File> {
        let path = self.cache.join("lock");
        let file = fs::File::create(&path).map_err(at(&path, "opening the cache's lock"))?;
        if file.try_lock().is_err() {
            eprintln!("vm: waiting for another build");
            file.lock().map_err(at(&path, "waiting for another build"))?;
        }
        Ok(file)
    }
}

/// Makes an input or output error of doing something to a file one that names both.
pub(crate) fn at(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Error {
    let place = path.display().to_string();
    move |error| Error::from_io(&error, doing).at(place)
}

/// Makes a folder and those above it, where they are missing.
pub(crate) fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(at(path, "making a folder"))
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(at(path, "reading a file"))
}

/// Writes a whole file.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content).map_err(at(path, "writing a file"))
}

/// Removes a folder with all that is in it, where it is there.
pub(crate) fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path, "removing a folder")(error)),
        _ => Ok(()),
    }
}

/// The paths of what is in a folder, in order.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let doing = "listing a folder";
    let entries = fs::read_dir(folder).map_err(at(folder, doing))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<io::Result<_>>().map_err(at(folder, doing))?;
    paths.sort();
    Ok(paths)
}

/// The one thing that is in a folder.
pub(crate) fn only_entry(folder: &Path) -> Result<PathBuf> {
    match <[PathBuf; 1]>::try_from(entries(folder)?) {
        Ok([path]) => Ok(path),
        Err(paths) => Err(Error::new(ErrorKind::Malformed, "looking for the one thing in a folder")
            .at(folder.display().to_string())
            .because(format!("there are {}", paths.len()))
            .hint("delete the folder, and run `cargo xtask vm build` again")),
    }
}

/// A number that tells contents apart (64-bit FNV-1a).
pub(crate) fn digest<'a>(contents: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let bytes = contents.into_iter().flatten();
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_published_examples() {
        assert_eq!(digest([]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(digest([&b"a"[..]]), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(digest([&b"foo"[..], b"bar"]), 0x8594_4171_f739_67e8);
    }
}
