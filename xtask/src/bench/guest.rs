//! Programs that a script runs in the virtual machine, each with few frames and with many, and
//! what it leaves of them: files `PROGRAM-FRAMES.KIND`, and `PROGRAM.out` with what was printed.
//! Knows nothing of what is measured.

use super::program::Program;
use super::trace::Calls;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Seconds after which the guest is given up.
const PATIENCE: &str = "900";

/// How programs are measured in the virtual machine.
pub(super) struct Plan {
    /// The script that runs them there.
    pub(super) script: &'static str,
    /// The drivers that are loaded.
    pub(super) drivers: &'static str,
    /// Its memory.
    pub(super) memory_mib: u32,
    /// The programs, of which Pinhole's command is built for it.
    pub(super) programs: &'static [&'static str],
    /// How many frames they take, in one run after another.
    pub(super) frames: &'static [u32],
}

/// What a run of the virtual machine has left.
pub(super) struct Guest {
    plan: Plan,
    /// Where the script left files: a folder that was the guest's own.
    scratch: PathBuf,
    /// The lines that the script printed, and when, on the host's clock.
    pub(super) lines: Vec<(Duration, String)>,
}

impl Guest {
    /// Runs one, with files in a folder.
    pub(super) fn run(plan: Plan, folder: &Path) -> Result<Self, String> {
        let pinhole = Program::build("pinhole-cli", "pinhole")?;
        let mut guest = Self { plan, scratch: folder.join("scratch"), lines: Vec::new() };
        let mut vm = guest.command(pinhole.path())?;
        let spawned = vm.stdout(Stdio::piped()).spawn();
        let mut running = spawned.map_err(|error| format!("the guest cannot be started: {error}"))?;
        let begun = Instant::now();
        let lines = running.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines());
        guest.lines = lines.map_while(Result::ok).map(|line| (begun.elapsed(), line)).collect();
        match running.wait() {
            Ok(status) if status.success() => Ok(guest),
            Ok(status) => Err(format!(
                "the guest ended with {status}: {}(cam, v4l2-ctl, strace and valgrind are needed, e.g. \
                 `sudo apt-get install libcamera-tools libcamera-ipa v4l-utils strace valgrind`)",
                guest.plan.programs.iter().map(|program| guest.said(program)).collect::<String>()
            )),
            Err(error) => Err(format!("the guest is lost: {error}")),
        }
    }

    fn command(&self, pinhole: &Path) -> Result<Command, String> {
        let this = std::env::current_exe().map_err(|error| format!("this program is nowhere: {error}"))?;
        let Plan { script, drivers, memory_mib, frames, .. } = &self.plan;
        let mut vm = Command::new(this);
        vm.args(["vm", "run", "--virtual-time", "--drivers", drivers, "--timeout", PATIENCE]);
        vm.args(["--memory-mib", &memory_mib.to_string(), "--scratch"]).arg(&self.scratch);
        vm.args(["--", "sh", script]).arg(pinhole).args(frames.iter().map(u32::to_string));
        Ok(vm)
    }

    /// What is known of one program's run.
    pub(super) const fn of<'a>(&'a self, program: &'a str, frames: u32) -> Traces<'a> {
        Traces { guest: self, program, frames }
    }

    /// Puts what is told of each program one after the other, if that is wanted.
    pub(super) fn explained<R>(
        &self,
        runs: &[&R],
        is_wanted: bool,
        explain: impl Fn(&str, &R) -> String,
    ) -> String {
        let programs = self.plan.programs.iter().zip(runs).filter(|_| is_wanted);
        programs.map(|(program, runs)| explain(program, runs)).collect()
    }

    /// The end of what a program printed.
    fn said(&self, program: &str) -> String {
        let text = std::fs::read(self.scratch.join(format!("{program}.out"))).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(3)..].iter().map(|line| format!("{line}\n")).collect()
    }
}

/// What the script left of one program's run with so many frames.
pub(super) struct Traces<'a> {
    guest: &'a Guest,
    program: &'a str,
    frames: u32,
}

impl Traces<'_> {
    /// A file.
    pub(super) fn text(&self, kind: &str) -> Result<String, String> {
        let path = self.guest.scratch.join(format!("{}-{}.{kind}", self.program, self.frames));
        std::fs::read_to_string(&path).map_err(|error| {
            format!("{}: {error}; what it said: {}", path.display(), self.guest.said(self.program))
        })
    }

    /// The system calls.
    pub(super) fn calls(&self) -> Result<Calls, String> {
        Ok(Calls::parse(&self.text("strace")?))
    }

    /// The number on the line of a file that begins so.
    pub(super) fn number(&self, kind: &str, beginning: &str) -> Result<f64, String> {
        number_after(&self.text(kind)?, beginning).ok_or_else(|| self.lacks(beginning))
    }

    /// Most memory that was in use at a time.
    pub(super) fn memory_kib(&self) -> Result<f64, String> {
        self.number("time", "Maximum resident set size (kbytes):")
    }

    /// What to say where something is missing.
    pub(super) fn lacks(&self, what: &str) -> String {
        let Self { guest, program, frames } = self;
        format!("there is no `{what}` of {program} with {frames} frames; it said: {}", guest.said(program))
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

    /// Every call that is made for frames, with how often for each, a line each.
    pub(super) fn calls_by_name(&self, calls: impl Fn(&R) -> &Calls) -> String {
        let each = |name: &str| self.per_frame(|run| calls(run).of(&[name]) as f64);
        let calls = calls(&self.long).names().map(|name| (each(name), name));
        let calls = calls.filter(|(times, _)| *times != 0.0);
        calls.map(|(times, name)| format!("{times:9.2}  {name}\n")).collect()
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
