//! `cargo xtask bench pi`: what a request costs on a Raspberry Pi's camera, beside libcamera.
//!
//! Pinhole's command and libcamera's `cam` take RAW and 1080p pictures from the testbed's modelled
//! camera, in one run of the virtual machine (`pi.sh`), each few requests and many: the difference
//! leaves out how a program starts and ends. The guest's clock leaps over idle time and stands
//! still while programs compute: no program is too slow for the sensor, and none waits for it.

use super::callgrind::{Function, Profile};
use super::guest::{Guest, Pair, Plan, number_after};
use super::table::Row;
use super::trace::{CLOCK, Calls};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bench/pi.sh");

/// Requests of a short and of a long run. Exposure and white balance have settled before the first
/// ends; between them libcamera's white balance, which works every tenth frame, has had its turns.
const SHORT: u32 = 40;
const LONG: u32 = 140;

const PROGRAMS: [&str; 2] = ["pinhole", "libcamera"];

/// Functions that `--explain` tells of.
const EXPLAINED: usize = 40;

/// What asks for memory: of these, none calls another.
const ALLOCATORS: &[&str] = &["malloc", "calloc", "realloc", "memalign", "posix_memalign", "aligned_alloc"];

/// Calls that a long run makes more or less than a short one for other reasons than requests, as
/// a share of a request's.
const NOISE: f64 = 0.05;

/// Whose instructions are: numbers of what is shared out.
const PIPELINE: usize = 0;
const ALGORITHMS: usize = 1;
const APPLICATION: usize = 2;

/// What one program was seen to do in one run.
struct Run {
    calls: Calls,
    profile: Profile,
    /// Instructions of pipeline, algorithms and application.
    parts: [f64; 3],
    switches: f64,
    memory_kib: f64,
    /// Kernel memory that was allocated for buffers.
    buffer_bytes: f64,
    /// Frames that never came, of those between the first and the last.
    dropped: f64,
    seconds: f64,
}

impl Run {
    fn read(guest: &Guest, times: &Times, program: &str, frames: u32) -> Result<Self, String> {
        let traces = guest.of(program, frames);
        let profile = Profile::parse(&traces.text("callgrind")?);
        let seconds = times.between(program, frames).ok_or_else(|| traces.lacks("time"))?;
        Ok(Self {
            calls: traces.calls()?,
            parts: if program == "pinhole" { our_parts(&profile) } else { their_parts(&profile) },
            profile,
            switches: traces.number("time", "Voluntary context switches:")?,
            memory_kib: traces.memory_kib()?,
            buffer_bytes: buffer_bytes(&traces.text("buffers")?),
            dropped: dropped(program, &traces.text("said")?, frames)
                .ok_or_else(|| traces.lacks("count of frames"))?,
            seconds: seconds.as_secs_f64(),
        })
    }

    fn ioctls(&self) -> f64 {
        self.calls.ioctls() as f64
    }

    fn clock_reads(&self) -> f64 {
        self.calls.of(CLOCK) as f64
    }

    /// But for looks at the clock.
    fn all_calls(&self) -> f64 {
        self.calls.all() as f64 - self.clock_reads()
    }

    fn other_calls(&self) -> f64 {
        self.all_calls() - self.ioctls()
    }

    fn instructions(&self) -> f64 {
        self.profile.total() as f64
    }

    fn allocations(&self) -> f64 {
        self.profile.calls_of(ALLOCATORS) as f64
    }
}

/// The algorithms are all below one function; the rest of the program is pipeline and loop, with
/// the command's few instructions.
fn our_parts(profile: &Profile) -> [f64; 3] {
    let is_border =
        |function: &Function| function.name.contains("SyncControlLoop") && function.name.ends_with("submit");
    let algorithms = profile.below(is_border, |function| !is_border(function)) as f64;
    [profile.total() as f64 - algorithms, algorithms, 0.0]
}

/// The algorithms are a library of their own. Lists of controls, and messages that are made for a
/// log, are whose they are used by, and so is what the system's libraries do.
fn their_parts(profile: &Profile) -> [f64; 3] {
    profile.shared_out(|function| {
        let file = function.object.rsplit('/').next().unwrap_or_default();
        match file {
            "cam" => Some(APPLICATION),
            "ipa_rpi.so" => Some(ALGORITHMS),
            _ if file.starts_with("libcamera") && !is_helper(&function.name) => Some(PIPELINE),
            _ => None,
        }
    })
}

/// Names as its compiler writes them: classes of controls, what logs, and how a time is written.
fn is_helper(name: &str) -> bool {
    const HELPERS: &[&str] = &[
        "ControlList",
        "ControlValue",
        "ControlInfo",
        "ControlId",
        "LogMessage",
        "4_logE",
        "utils8Duration",
    ];
    HELPERS.iter().any(|helper| name.contains(helper))
}

/// The module's account: a line for each node, bytes in its third place.
fn buffer_bytes(account: &str) -> f64 {
    let bytes = |line: &str| line.split(' ').nth(2)?.parse::<f64>().ok();
    account.lines().filter_map(bytes).sum()
}

/// Pinhole counts its drops; `cam` prints each frame's number. `None` if frames are missing.
fn dropped(program: &str, said: &str, frames: u32) -> Option<f64> {
    if program == "pinhole" {
        let (_, drops) = said.split_once("\"drops\": {")?;
        let (drops, rest) = drops.split_once('}')?;
        let counted = number_after(rest, "\"frames\":")?;
        let causes = drops.lines().filter_map(|line| line.split_once(": "));
        let times = causes.filter_map(|(_, times)| times.trim_end_matches(',').parse::<f64>().ok()).sum();
        return (counted == f64::from(frames)).then_some(times);
    }
    let number = |line: &str| line.split_once(" seq: ")?.1.split(' ').next()?.parse::<f64>().ok();
    let numbers: Vec<f64> = said.lines().filter_map(number).collect();
    let span = numbers.last()? - numbers.first()? + 1.0;
    (numbers.len() == frames as usize).then(|| span - f64::from(frames))
}

/// When captures began and ended.
struct Times(HashMap<String, Duration>);

impl Times {
    fn between(&self, program: &str, frames: u32) -> Option<Duration> {
        let at = |what: &str| self.0.get(&format!("{program} {frames} {what}"));
        at("ends")?.checked_sub(*at("begins")?)
    }
}

/// Measures, with files in a folder; tells where calls and instructions go if that is wanted.
pub(super) fn measure(folder: &Path, is_explained: bool) -> Result<(Vec<Row>, String), String> {
    let plan =
        Plan { script: SCRIPT, drivers: "pi", memory_mib: 1024, programs: &PROGRAMS, frames: &[SHORT, LONG] };
    let guest = Guest::run(plan, folder)?;
    let times = Times(guest.lines.iter().cloned().map(|(when, line)| (line, when)).collect());
    let runs = |program| -> Result<Pair<Run>, String> {
        let run = |frames| Run::read(&guest, &times, program, frames);
        Ok(Pair { short: run(SHORT)?, long: run(LONG)?, frames: LONG - SHORT })
    };
    let [pinhole, libcamera] = PROGRAMS.map(runs);
    let (pinhole, libcamera) = (pinhole?, libcamera?);
    let mut rows = beside("pinhole", &pinhole);
    let theirs = beside("libcamera", &libcamera);
    rows = rows.into_iter().zip(&theirs).map(|(row, theirs)| row.beside(theirs)).collect();
    limit(&mut rows, &theirs);
    rows.extend(theirs);
    rows.extend(ratios(&pinhole, &libcamera));
    Ok((rows, guest.explained(&[&pinhole, &libcamera], is_explained, explain)))
}

/// What is told of both programs.
fn beside(program: &str, runs: &Pair<Run>) -> Vec<Row> {
    let row = |name: &str, value, meaning| Row::new(format!("pi.{program}.{name}"), value, meaning);
    let part = |part: usize| runs.per_frame(|run| run.parts[part]);
    vec![
        row("instructions", runs.per_frame(Run::instructions), "instructions a request, in user space"),
        row("instructions_pipeline", part(PIPELINE), "of these pipeline and loop"),
        row("instructions_algorithms", part(ALGORITHMS), "of these the control algorithms"),
        row(
            "instructions_application",
            part(APPLICATION),
            "of these the command, where it can be told apart",
        ),
        row("ioctls", runs.per_frame(Run::ioctls), "ioctls a request"),
        row("other_calls", runs.per_frame(Run::other_calls), "other system calls a request"),
        row(
            "clock_reads",
            runs.per_frame(Run::clock_reads),
            "looks at the clock a request, which are no calls on most systems",
        ),
        row("context_switches", runs.per_frame(|run| run.switches), "times a request that a thread waits"),
        row("allocations", runs.per_frame(Run::allocations), "on the heap, a request"),
        row("memory_kib", runs.long.memory_kib, "most memory in use at a time, in KiB"),
        row("buffer_bytes", runs.long.buffer_bytes, "kernel memory allocated for buffers"),
        row("dropped", runs.long.dropped, "frames that never came"),
        row("requests_per_s", per_second(runs), "requests a second where the sensor waits for nobody"),
    ]
}

fn per_second(runs: &Pair<Run>) -> f64 {
    1.0 / runs.per_frame(|run| run.seconds)
}

/// No more ioctls than libcamera makes, and no frame dropped where it drops none.
fn limit(ours: &mut [Row], theirs: &[Row]) {
    for (row, theirs) in ours.iter_mut().zip(theirs) {
        row.limit = match row.name.rsplit('.').next() {
            Some("ioctls" | "dropped") => theirs.value,
            Some("allocations") => Some(NOISE),
            _ => continue,
        };
    }
}

fn ratios(pinhole: &Pair<Run>, libcamera: &Pair<Run>) -> [Row; 4] {
    let over = |of: &dyn Fn(&Run) -> f64| pinhole.per_frame(of) / libcamera.per_frame(of);
    let row =
        |name: &'static str, value, meaning| Row::new(format!("pi.{name}_over_libcamera"), value, meaning);
    [
        row("instructions", over(&Run::instructions), "all of Pinhole's over all of cam's").at_most(0.1),
        row("pipeline", over(&|run| run.parts[PIPELINE]), "the same of pipeline and loop").at_most(0.1),
        row("algorithms", over(&|run| run.parts[ALGORITHMS]), "the same of the control algorithms"),
        row("calls", over(&Run::all_calls), "system calls a request over cam's").at_most(1.0),
    ]
}

fn explain(program: &str, runs: &Pair<Run>) -> String {
    let calls = runs.calls_by_name(|run| &run.calls);
    let functions: String =
        dearest(runs).into_iter().map(|(cost, name)| format!("{cost:9.0}  {name}\n")).collect();
    format!("\nCalls of {program} a request:\n{calls}\nInstructions of {program} a request:\n{functions}")
}

/// The functions that cost most for each request, by themselves.
fn dearest(runs: &Pair<Run>) -> Vec<(f64, String)> {
    let mut costs: HashMap<String, f64> = HashMap::new();
    for (run, sign) in [(&runs.long, 1.0), (&runs.short, -1.0)] {
        for (function, cost) in run.profile.own_costs() {
            let file = function.object.rsplit('/').next().unwrap_or_default();
            *costs.entry(format!("{} ({file})", function.name)).or_default() += sign * cost as f64;
        }
    }
    let mut costs: Vec<_> =
        costs.into_iter().map(|(name, cost)| (cost / f64::from(runs.frames), name)).collect();
    costs.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    costs.truncate(EXPLAINED);
    costs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_counted_in_both_programs_words() {
        let ours = "{\n  \"drops\": {\n    \"Receiver\": 2,\n    \"Unrequested\": 1\n  },\n  \"elapsed_s\": 1.0,\n  \
                    \"frames\": 3\n}";
        assert_eq!(dropped("pinhole", ours, 3), Some(3.0));
        assert_eq!(dropped("pinhole", ours, 4), None);
        let theirs = "cam0: Capture 3 frames\n1.0 (0.00 fps) cam0-stream0 seq: 000004 bytesused: 8\n\
                      1.1 (9.00 fps) cam0-stream0 seq: 000005 bytesused: 8\n\
                      1.2 (9.00 fps) cam0-stream0 seq: 000008 bytesused: 8\n";
        assert_eq!(dropped("libcamera", theirs, 3), Some(2.0));
        assert_eq!(dropped("libcamera", theirs, 4), None);
    }

    #[test]
    fn the_modules_account_is_summed() {
        assert_eq!(
            buffer_bytes("unicam-image 4 4096 0 0 0 0\nbcm2835-isp0-capture1 1 8192 0 0 0 0\n"),
            12_288.0
        );
    }
}
