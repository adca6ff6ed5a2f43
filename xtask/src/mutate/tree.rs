//! A copy of the tracked files to break and build, under `target/mutants`.

use super::mutations::Mutation;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Tests that take longer hang, which is to fail too.
const PATIENCE: Duration = Duration::from_secs(1200);

/// The copy.
pub(super) struct Tree {
    root: PathBuf,
    target: PathBuf,
}

impl Tree {
    /// Brings the copy up to date. Files that are the same are let be, so that what was built
    /// of them still counts.
    pub(super) fn copy(source: &Path, files: &[String]) -> io::Result<Self> {
        let place = source.join("target/mutants");
        let tree = Self { root: place.join("tree"), target: place.join("target") };
        for file in files {
            // A tracked file that is being deleted is not part of the tree any more.
            match fs::read(source.join(file)) {
                Ok(content) => write_changed(&tree.root.join(file), &content)?,
                Err(_) => remove(&tree.root.join(file))?,
            }
        }
        Ok(tree)
    }

    /// The text of the mutated file before and after.
    pub(super) fn mutated(&self, mutation: &Mutation) -> Result<(String, String), String> {
        let original = fs::read_to_string(self.root.join(mutation.file))
            .map_err(|error| format!("{}: {error}", mutation.file))?;
        let mutant = mutation.apply(&original)?;
        Ok((original, mutant))
    }

    /// Does something with the mutated tree.
    pub(super) fn with<T>(&self, mutation: &Mutation, what: impl FnOnce(&Self) -> T) -> Result<T, String> {
        let (original, mutant) = self.mutated(mutation)?;
        let path = self.root.join(mutation.file);
        let write =
            |text: &str| fs::write(&path, text).map_err(|error| format!("{}: {error}", mutation.file));
        write(&mutant)?;
        let done = what(self);
        write(&original)?;
        Ok(done)
    }

    /// Whether cargo succeeds with these arguments, within [`PATIENCE`].
    pub(super) fn cargo(&self, arguments: &[&str]) -> bool {
        let child = Command::new(crate::cargo::program())
            .args(arguments)
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        child.is_ok_and(succeeds)
    }
}

/// Waits for a program. One that takes too long is ended, with all that it has started.
fn succeeds(mut child: Child) -> bool {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        match child.try_wait() {
            Ok(None) => std::thread::sleep(Duration::from_millis(100)),
            ended => return ended.is_ok_and(|status| status.is_some_and(|status| status.success())),
        }
    }
    // What cannot be ended has ended meanwhile.
    let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
    let _ = child.wait();
    false
}

fn write_changed(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
