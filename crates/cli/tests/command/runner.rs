//! Runs the command in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Options for small frames in simulated time: quick, and the same each time.
pub(crate) const SMALL: [&str; 4] = ["--pace", "fast", "--mode", "640x480:10"];

/// A folder that commands run in, removed at the end.
pub(crate) struct Folder(TempDir);

/// What a command came to.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Names of all that is there, hidden or not, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The command, to be started here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let words = program();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// Runs the command, which must succeed.
    pub(crate) fn succeed(&self, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.stderr);
        ended
    }

    /// Runs the command with small frames in simulated time; it must succeed.
    pub(crate) fn succeed_small(&self, arguments: &[&str]) -> Ended {
        self.succeed(&[arguments, &SMALL].concat())
    }
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!stderr.contains("panicked"), "{stderr}");
        Self { code: output.status.code(), stdout: output.stdout, stderr }
    }

    pub(crate) fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout()))
    }
}

/// The command's program, after the emulator that `PINHOLE_RUNNER` names with its options, if
/// there has to be one.
pub(crate) fn program() -> Vec<String> {
    let runner = std::env::var("PINHOLE_RUNNER").unwrap_or_default();
    let program = env!("CARGO_BIN_EXE_pinhole");
    runner.split_whitespace().chain([program]).map(str::to_owned).collect()
}

/// A RAW file's 16-bit words.
pub(crate) fn words(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|word| u16::from_le_bytes([word[0], word[1]])).collect()
}

/// Reads a DNG.
pub(crate) fn dng(path: &Path) -> pinhole::files::dng::DngImage {
    pinhole::files::dng::read(&std::fs::read(path).unwrap()).unwrap()
}

/// The header line of a Y4M stream, and its frames; panics unless all are whole.
pub(crate) fn y4m(bytes: &[u8], frame_bytes: usize) -> (String, Vec<&[u8]>) {
    let end = bytes.iter().position(|byte| *byte == b'\n').expect("a header");
    let header = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let frames = bytes[end + 1..].chunks(frame_bytes + 6).map(|frame| {
        assert_eq!(frame.len(), frame_bytes + 6, "the last frame is not whole");
        frame.strip_prefix(b"FRAME\n").expect("a frame's header")
    });
    (header, frames.collect())
}
