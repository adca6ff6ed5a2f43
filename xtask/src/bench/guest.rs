//! Programs that a script runs in the virtual machine, each with few frames and with many, and
//! what it leaves of them: files `PROGRAM-FRAMES.KIND`, and `PROGRAM.out` with what was printed.
//! Knows nothing of what is measured.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Seconds after which the guest is given up.
const PATIENCE: &str = "900";

/// A run of the virtual machine.
pub(super) struct Guest<'a> {
    /// What is run there.
    pub(super) script: &'static str,
    /// The drivers that are loaded.
    pub(super) drivers: &'static str,
    /// Its memory.
    pub(super) memory_mib: u32,
    /// The programs that the script runs.
    pub(super) programs: &'static [&'static str],
    /// Pinhole's command.
    pub(super) pinhole: &'a Path,
    /// How many frames they take, in one run after another.
    pub(super) frames: &'a [u32],
    /// Where the script leaves files: a folder that is the guest's own.
    pub(super) scratch: PathBuf,
}

impl Guest<'_> {
    /// Runs it. Gives the lines that the script printed, and when, on the host's clock.
    pub(super) fn run(&self) -> Result<Vec<(Duration, String)>, String> {
        let mut vm = self.command()?;
        let spawned = vm.stdout(Stdio::piped()).spawn();
        let mut running = spawned.map_err(|error| format!("the guest cannot be started: {error}"))?;
        let begun = Instant::now();
        let lines = running.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines());
        let lines = lines.map_while(Result::ok).map(|line| (begun.elapsed(), line)).collect();
        match running.wait() {
            Ok(status) if status.success() => Ok(lines),
            Ok(status) => Err(format!(
                "the guest ended with {status}: {}(cam, v4l2-ctl, strace and valgrind are needed, e.g. \
                 `sudo apt-get install libcamera-tools libcamera-ipa v4l-utils strace valgrind`)",
                self.programs.iter().map(|program| self.said(program)).collect::<String>()
            )),
            Err(error) => Err(format!("the guest is lost: {error}")),
        }
    }

    fn command(&self) -> Result<Command, String> {
        let this = std::env::current_exe().map_err(|error| format!("this program is nowhere: {error}"))?;
        let mut vm = Command::new(this);
        vm.args(["vm", "run", "--virtual-time", "--drivers", self.drivers, "--timeout", PATIENCE]);
        vm.args(["--memory-mib", &self.memory_mib.to_string(), "--scratch"]).arg(&self.scratch);
        vm.args(["--", "sh", self.script]).arg(self.pinhole);
        vm.args(self.frames.iter().map(u32::to_string));
        Ok(vm)
    }

    /// A file that the script left.
    pub(super) fn text(&self, program: &str, frames: u32, kind: &str) -> Result<String, String> {
        let path = self.scratch.join(format!("{program}-{frames}.{kind}"));
        std::fs::read_to_string(&path)
            .map_err(|error| format!("{}: {error}; what it said: {}", path.display(), self.said(program)))
    }

    /// The end of what a program printed.
    pub(super) fn said(&self, program: &str) -> String {
        let text = std::fs::read(self.scratch.join(format!("{program}.out"))).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(3)..].iter().map(|line| format!("{line}\n")).collect()
    }
}

/// A short and a long run of a program. Their difference leaves out how it starts and ends.
pub(super) struct Pair<R> {
    pub(super) short: R,
    pub(super) long: R,
    /// How many frames more the long run takes.
    pub(super) frames: u32,
}

impl<R> Pair<R> {
    /// Something for each frame.
    pub(super) fn per_frame(&self, of: impl Fn(&R) -> f64) -> f64 {
        (of(&self.long) - of(&self.short)) / f64::from(self.frames)
    }
}

/// The number on the line that begins so, without regard to indentation and commas.
pub(super) fn number_after(text: &str, beginning: &str) -> Option<f64> {
    text.lines()
        .find_map(|line| line.trim().strip_prefix(beginning))?
        .trim()
        .trim_end_matches(',')
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_what_stands_before_them() {
        let text = "desc: x\n\tMaximum resident set size (kbytes): 4711\ntotals: 12\n";
        assert_eq!(number_after(text, "totals:"), Some(12.0));
        assert_eq!(number_after(text, "Maximum resident set size (kbytes):"), Some(4711.0));
        assert_eq!(number_after(text, "summary:"), None);
    }
}
