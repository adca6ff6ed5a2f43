//! libcamera's captures, by its command `cam`.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// After so long it is ended: it waits for ever where nothing comes.
const SECONDS_MAX: &str = "8";

/// The code with which `timeout` says that it has.
const KILLED: i32 = 137;

/// What it asks of the sensor in every frame of a capture with fixed settings.
pub(crate) struct Settings {
    pub(crate) exposure_us: i32,
    pub(crate) gain: f32,
}

/// A frame.
#[derive(Default)]
pub(crate) struct Shot {
    pub(crate) sequence: u32,
    metadata: BTreeMap<String, String>,
}

impl Shot {
    /// The numbers of an entry of its metadata.
    pub(crate) fn numbers(&self, name: &str) -> Vec<f64> {
        let text = self.metadata.get(name).unwrap_or_else(|| panic!("libcamera tells no {name}"));
        let words = text.trim_matches(['[', ']', ' ']).split(", ");
        words.map(|word| word.parse().unwrap_or_else(|_| panic!("{name} is {text}"))).collect()
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.metadata.get(name).is_some_and(|value| value == "true")
    }
}

/// How a capture ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself, with this code.
    Code(i32),
    /// By a fault of its own, with this signal (which `timeout` passes on).
    Signal(i32),
    /// It had to be ended.
    Waits,
}

/// What came of a capture.
pub(crate) struct Capture {
    pub(crate) shots: Vec<Shot>,
    pub(crate) ending: Ending,
    /// All that it said.
    pub(crate) words: String,
}

/// Lets `cam` capture with these words. Returns when it has gone, its devices closed: in the
/// foreground, `timeout` stays until then; else it would kill itself too, and not wait.
pub(crate) fn capture(words: &[&str]) -> Capture {
    let mut command = Command::new("timeout");
    command.args(["--foreground", "--signal=KILL", SECONDS_MAX]);
    command.args(["cam", "-c", "1", "--metadata"]).args(words);
    command.env("LIBCAMERA_LOG_LEVELS", "*:WARN").stdin(Stdio::null());
    let output = command.output().expect("cam is there (apt-get install libcamera-tools)");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = said.clone() + &String::from_utf8_lossy(&output.stderr);
    let ending = match output.status.code() {
        Some(KILLED) => Ending::Waits,
        Some(code) => Ending::Code(code),
        None => Ending::Signal(output.status.signal().expect("nothing else ends a program")),
    };
    Capture { shots: shots(&said), ending, words }
}

/// The same, with fixed settings, which `cam` takes from a file.
pub(crate) fn capture_with(settings: &Settings, folder: &Path, words: &[&str]) -> Capture {
    let script = folder.join("settings.yaml");
    let Settings { exposure_us, gain } = settings;
    let text = format!("frames:\n  - 0:\n      ExposureTime: {exposure_us}\n      AnalogueGain: {gain:.1}\n");
    std::fs::write(&script, text).expect("the folder can be written to");
    let script = format!("--script={}", script.display());
    capture(&[&[script.as_str()], words].concat())
}

/// The frames that its output tells of: a line for each, below it a line for each piece of metadata.
fn shots(output: &str) -> Vec<Shot> {
    let mut shots: Vec<Shot> = Vec::new();
    for line in output.lines() {
        if let Some((_, rest)) = line.split_once(" seq: ") {
            let digits = rest.split(' ').next().unwrap_or_default();
            shots.push(Shot { sequence: digits.parse().expect("frames are numbered"), ..Shot::default() });
        } else if let (Some((name, value)), Some(shot)) = (line.trim().split_once(" = "), shots.last_mut()) {
            shot.metadata.insert(name.to_owned(), value.to_owned());
        }
    }
    shots
}
