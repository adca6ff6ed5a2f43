//! `cargo xtask bench kernel`: what a frame costs on the kernel's own drivers, beside libcamera's
//! `cam` and `v4l2-ctl`.
//!
//! The three programs take frames from the testbed's USB camera, through `uvcvideo`, in the same
//! format and size, in one run of the virtual machine (`kernel.sh`). Each takes few frames and
//! many: the difference leaves out how a program starts and ends. The guest's clock is virtual, so
//! that no program is too slow for the camera, and each run is like the last.

use super::guest::{Guest, Pair, Plan};
use super::table::Row;
use super::trace::{CLOCK, Calls};
use std::path::Path;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bench/kernel.sh");

/// Frames of a short and of a long run, and of the shortest, which shows what a start costs.
const SHORT: u32 = 20;
const LONG: u32 = 120;
const FIRST: u32 = 1;

const READS: &[&str] = &["read", "readv", "pread64", "preadv", "preadv2", "recvfrom", "recvmsg"];
const WRITES: &[&str] = &["write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg"];
const MAPS: &[&str] = &["mmap", "munmap", "mremap", "brk", "mprotect", "madvise"];

/// Calls that a long run makes more or less than a short one for other reasons than frames, as a
/// share of a frame's: what waits for a thread waits once or twice.
const NOISE: f64 = 0.05;

/// The programs: Pinhole's command, the same when it prints what it knows of each frame, and
/// others, of which `cam` prints a line for each frame and `v4l2-ctl` a character.
const PROGRAMS: [&str; 4] = ["pinhole", "pinhole_log", "cam", "v4l2ctl"];

/// What one program was seen to do in one run.
struct Run {
    calls: Calls,
    instructions: f64,
    memory_kib: f64,
    /// On the guest's clock, which stands still while programs compute.
    waited_ms: f64,
}

/// The runs of one program.
struct Runs {
    first: Run,
    pair: Pair<Run>,
}

impl Runs {
    fn read(guest: &Guest, program: &str) -> Result<Self, String> {
        let run = |frames| Run::read(guest, program, frames);
        let pair = Pair { short: run(SHORT)?, long: run(LONG)?, frames: LONG - SHORT };
        Ok(Self { first: run(FIRST)?, pair })
    }

    /// Something for each frame, without start and end.
    fn per_frame(&self, of: impl Fn(&Run) -> f64) -> f64 {
        self.pair.per_frame(of)
    }

    fn calls(&self, names: &[&str]) -> f64 {
        self.per_frame(|run| run.calls.of(names) as f64)
    }

    fn all_calls(&self) -> f64 {
        self.per_frame(|run| run.calls.all() as f64)
    }

    fn instructions(&self) -> f64 {
        self.per_frame(|run| run.instructions)
    }
}

impl Run {
    fn read(guest: &Guest, program: &str, frames: u32) -> Result<Self, String> {
        let traces = guest.of(program, frames);
        Ok(Self {
            calls: traces.calls()?,
            instructions: traces.number("callgrind", "totals:")?,
            memory_kib: traces.memory_kib()?,
            waited_ms: traces.text("ms")?.trim().parse().map_err(|_| traces.lacks("time"))?,
        })
    }
}

/// Measures, with files in a folder; lists each program's calls if that is wanted.
pub(super) fn measure(folder: &Path, is_explained: bool) -> Result<(Vec<Row>, String), String> {
    let plan = Plan {
        script: SCRIPT,
        drivers: "uvc",
        memory_mib: 512,
        programs: &PROGRAMS,
        frames: &[FIRST, SHORT, LONG],
    };
    let guest = Guest::run(plan, folder)?;
    let runs = |program| Runs::read(&guest, program);
    let [pinhole, log, cam, v4l2ctl] = PROGRAMS.map(runs);
    let (pinhole, log, cam, v4l2ctl) = (pinhole?, log?, cam?, v4l2ctl?);
    let mut rows = pinholes(&pinhole, &log, &cam);
    rows.extend(beside("cam", &cam));
    rows.extend(beside("v4l2ctl", &v4l2ctl));
    rows.extend(ratios(&pinhole, &log, &cam));
    Ok((rows, guest.explained(&[&pinhole, &log, &cam, &v4l2ctl], is_explained, explain)))
}

fn pinholes(runs: &Runs, log: &Runs, cam: &Runs) -> Vec<Row> {
    let row = |name: &str, value, meaning| Row::new(format!("kernel.pinhole.{name}"), value, meaning);
    let calls = |names| runs.calls(names);
    let mut rows = vec![
        row("queue_calls", calls(&["VIDIOC_QBUF"]), "VIDIOC_QBUF a frame").at_most(1.0),
        row("dequeue_calls", calls(&["VIDIOC_DQBUF"]), "VIDIOC_DQBUF a frame").at_most(1.0),
        row("waits", calls(&["epoll_pwait", "epoll_wait", "ppoll", "poll"]), "epolls a frame")
            .at_most(1.0 + NOISE),
        row("reads", calls(READS), "read calls a frame, of any kind").at_most(NOISE),
        row("writes", calls(WRITES), "write calls a frame, of any kind").at_most(NOISE),
        row("maps", calls(MAPS), "calls a frame that change what is mapped").at_most(NOISE),
        row("clock_reads", calls(CLOCK), "looks at the clock a frame, which are no calls on most systems"),
        row("thread_calls", calls(&["futex"]), "a frame, to hand it from one thread to another"),
    ];
    let cams = beside("cam", cam).into_iter();
    rows.extend(beside("pinhole", runs).into_iter().zip(cams).map(|(row, cam)| row.beside(&cam)));
    let logged = "instructions a frame where each is printed as JSON";
    rows.push(row("instructions_log", log.instructions(), logged));
    rows
}

/// What is told of every program.
fn beside(program: &str, runs: &Runs) -> Vec<Row> {
    let row = |name: &str, value, meaning| Row::new(format!("kernel.{program}.{name}"), value, meaning);
    vec![
        row("system_calls", runs.all_calls(), "system calls a frame, all of them"),
        row("instructions", runs.instructions(), "instructions a frame, in user space"),
        row("memory_kib", runs.pair.long.memory_kib, "most memory in use at a time, in KiB"),
        row("start_instructions", runs.first.instructions, "from start to end with one frame, in user space"),
        row("start_calls", runs.first.calls.all() as f64, "the same in system calls"),
        row("start_waits_ms", runs.first.waited_ms, "the same in time spent waiting"),
    ]
}

fn ratios(pinhole: &Runs, log: &Runs, cam: &Runs) -> [Row; 4] {
    let over = |runs: &Runs, of: &dyn Fn(&Runs) -> f64| of(runs) / of(cam);
    let start = |runs: &Runs| runs.first.instructions;
    [
        Row::new(
            "kernel.instructions_over_cam",
            over(pinhole, &Runs::instructions),
            "Pinhole's a frame over cam's",
        )
        .at_most(0.1),
        Row::new(
            "kernel.instructions_log_over_cam",
            over(log, &Runs::instructions),
            "the same where Pinhole prints each frame, as cam does",
        ),
        Row::new("kernel.calls_over_cam", over(pinhole, &Runs::all_calls), "system calls a frame over cam's")
            .at_most(1.0),
        Row::new("kernel.start_over_cam", over(pinhole, &start), "start_instructions over cam's")
            .at_most(1.0),
    ]
}

fn explain(program: &str, runs: &Runs) -> String {
    format!("\nCalls of {program} a frame:\n{}", runs.pair.calls_by_name(|run| &run.calls))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(queued: usize, instructions: f64) -> Run {
        let trace = "1 openat(AT_FDCWD, \"x\") = 3\n".to_owned()
            + &"1 ioctl(3, VIDIOC_QBUF, {}) = 0\n".repeat(queued);
        Run { calls: Calls::parse(&trace), instructions, memory_kib: 0.0, waited_ms: 0.0 }
    }

    #[test]
    fn what_happens_once_is_not_counted_for_frames() {
        let pair = Pair { short: run(20, 1000.0), long: run(120, 51_000.0), frames: 100 };
        let runs = Runs { first: run(1, 500.0), pair };
        assert_eq!((runs.all_calls(), runs.instructions()), (1.0, 500.0));
        assert_eq!(runs.pair.calls_by_name(|run| &run.calls), "     1.00  VIDIOC_QBUF\n");
    }
}
