//! Files that appear whole or not at all: written under another name beside their place, and
//! moved there when they are complete. Knows nothing of what is in them.
//!
//! Standard output, pipes and devices cannot be replaced so: callers write to them as they are
//! (see [`is_replaceable`]).

use pinhole_base::{Error, ErrorKind, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether a file must be on the disk before it takes its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The system writes it when it likes: after a power cut it may be missing or empty.
    WhenConvenient,
    /// It, and its name, are on the disk when `commit` returns.
    OnDisk,
}

/// A file being written beside its place.
///
/// # Guarantees
/// Until [`commit`](Self::commit) returns `Ok`, whatever lay at the path is untouched. A drop
/// without commit removes the unfinished file. The name in use meanwhile is
/// `.pinhole-PID-N.part` and is never that of a file that was there.
#[derive(Debug)]
pub struct AtomicFile {
    file: Option<BufWriter<File>>,
    part: PathBuf,
    target: PathBuf,
    /// The path as the caller gave it, for errors.
    path: PathBuf,
}

/// Whether the path names a regular file or nothing yet, so that a file can be put there.
/// `-`, which stands for standard output, and existing pipes and devices are not replaceable.
pub fn is_replaceable(path: &Path) -> bool {
    path != Path::new("-") && fs::metadata(path).map_or(true, |found| found.is_file())
}

/// Writes a file with `fill` and puts it in its place, or leaves nothing behind. Errors of
/// `fill` that name no place are given the path.
///
/// # Errors
/// Those of [`AtomicFile::create`], `fill` and [`AtomicFile::commit`].
pub fn write(
    path: &Path,
    durability: Durability,
    fill: impl FnOnce(&mut AtomicFile) -> Result<()>,
) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    fill(&mut file).map_err(|error| match error.place() {
        Some(_) => error,
        None => error.at(path.display().to_string()),
    })?;
    file.commit(durability)
}

impl AtomicFile {
    /// Opens an unfinished file beside `path`. A link there is followed: what it points to will
    /// be replaced.
    ///
    /// # Errors
    /// `InvalidArgument` if the path names a directory, pipe or device, `PermissionDenied` if it
    /// names a read-only file, and what creating a file in that folder fails with.
    pub fn create(path: &Path) -> Result<Self> {
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let permissions = check_target(&target).map_err(|error| error.at(path.display().to_string()))?;
        let (part, file) = create_part(&target)
            .and_then(|(part, file)| match permissions {
                Some(permissions) => file.set_permissions(permissions).map(|()| (part, file)),
                None => Ok((part, file)),
            })
            .map_err(|error| failed(&error, path))?;
        Ok(Self {
            file: Some(BufWriter::with_capacity(BUFFER_BYTES, file)),
            part,
            target,
            path: path.to_owned(),
        })
    }

    /// The path the file will have, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Completes the file and puts it in its place, over whatever was there.
    ///
    /// # Errors
    /// What writing, syncing or renaming fails with; then the unfinished file is removed.
    pub fn commit(mut self, durability: Durability) -> Result<()> {
        self.finish(durability).map_err(|error| failed(&error, &self.path))
    }

    fn finish(&mut self, durability: Durability) -> io::Result<()> {
        let mut file = self.file.take().expect("only commit takes the file, and only once");
        file.flush()?;
        if durability == Durability::OnDisk {
            file.get_ref().sync_all()?;
        }
        fs::rename(&self.part, &self.target)?;
        self.part.clear();
        if durability == Durability::OnDisk { File::open(folder(&self.target))?.sync_all() } else { Ok(()) }
    }

    fn writer(&mut self) -> &mut BufWriter<File> {
        self.file.as_mut().expect("only commit takes the file, and it takes self")
    }
}

const BUFFER_BYTES: usize = 256 * 1024;

fn failed(error: &io::Error, path: &Path) -> Error {
    Error::from_io(error, "writing the file").at(path.display().to_string())
}

/// The permissions of the regular file at that path, if there is one.
fn check_target(target: &Path) -> Result<Option<fs::Permissions>> {
    let refused = |kind, reason: &str| Err(Error::new(kind, "writing the file").because(reason));
    if target.file_name().is_none() {
        return refused(ErrorKind::InvalidArgument, "it has no file name");
    }
    match fs::metadata(target) {
        Ok(found) if found.is_dir() => refused(ErrorKind::InvalidArgument, "it is a directory"),
        Ok(found) if !found.is_file() => {
            refused(ErrorKind::InvalidArgument, "it is not a regular file, and cannot be replaced as a whole")
        }
        Ok(found) if found.permissions().readonly() => {
            refused(ErrorKind::PermissionDenied, "it is there already, and read-only")
        }
        Ok(found) => Ok(Some(found.permissions())),
        Err(_) => Ok(None),
    }
}

fn folder(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Creates a file with a name of its own beside the target.
fn create_part(target: &Path) -> io::Result<(PathBuf, File)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let part = folder(target).join(format!(".pinhole-{}-{number}.part", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&part) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (part, file)),
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }
}

impl Seek for AtomicFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.writer().seek(to)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            drop(file.into_parts()); // without writing what is still in the buffer
        }
        if !self.part.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.part); // nobody is left to tell
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for each test, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("pinhole-files-{}-{test}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let names = fs::read_dir(&self.0).unwrap();
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn a_commit_replaces_the_file() {
        let folder = Folder::new("commit");
        let path = folder.0.join("photo");
        fs::write(&path, "before").unwrap();
        for durability in [Durability::WhenConvenient, Durability::OnDisk] {
            let mut file = AtomicFile::create(&path).unwrap();
            file.write_all(b"after").unwrap();
            assert_eq!(folder.names().len(), 2);
            file.commit(durability).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"after");
            assert_eq!(folder.names(), ["photo"]);
        }
    }

    #[test]
    fn a_drop_leaves_everything_as_it_was() {
        let folder = Folder::new("drop");
        let path = folder.0.join("photo");
        fs::write(&path, "before").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(&[0; BUFFER_BYTES + 1]).unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"before");
        assert_eq!(folder.names(), ["photo"]);
    }

    #[test]
    fn a_failed_fill_names_the_path_and_leaves_nothing() {
        let folder = Folder::new("fill");
        let path = folder.0.join("photo");
        let error = write(&path, Durability::WhenConvenient, |file| {
            file.write_all(b"half").unwrap();
            Err(Error::new(ErrorKind::OutOfResources, "writing a DNG"))
        })
        .unwrap_err();
        assert_eq!(error.place(), path.to_str());
        assert!(folder.names().is_empty());
    }

    #[test]
    fn two_writers_of_one_path_do_not_meet() {
        let folder = Folder::new("two");
        let path = folder.0.join("photo");
        let (mut one, mut two) = (AtomicFile::create(&path).unwrap(), AtomicFile::create(&path).unwrap());
        one.write_all(b"one").unwrap();
        two.write_all(b"two").unwrap();
        two.commit(Durability::WhenConvenient).unwrap();
        one.commit(Durability::WhenConvenient).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
    }

    #[test]
    fn links_are_followed() {
        let folder = Folder::new("links");
        let (path, link) = (folder.0.join("photo"), folder.0.join("link"));
        fs::write(&path, "before").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write(&link, Durability::WhenConvenient, |file| {
            file.write_all(b"after").map_err(|error| Error::from_io(&error, "writing"))
        })
        .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"after");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[test]
    fn places_that_cannot_be_written_are_named() {
        let folder = Folder::new("places");
        let kind = |path: &Path| {
            let error = AtomicFile::create(path).unwrap_err();
            assert_eq!(error.place(), path.to_str(), "{error}");
            error.kind()
        };
        assert_eq!(kind(&folder.0), ErrorKind::InvalidArgument);
        assert_eq!(kind(Path::new("/dev/null")), ErrorKind::InvalidArgument);
        assert_eq!(kind(&folder.0.join("missing/photo")), ErrorKind::NotFound);
        let path = folder.0.join("read-only");
        fs::write(&path, "").unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        assert_eq!(kind(&path), ErrorKind::PermissionDenied);
    }

    #[test]
    fn streams_are_told_from_files() {
        assert!(!is_replaceable(Path::new("-")));
        assert!(!is_replaceable(Path::new("/dev/null")));
        assert!(!is_replaceable(&std::env::temp_dir()));
        assert!(is_replaceable(Path::new("no-such-file")));
    }
}
