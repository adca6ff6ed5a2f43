//! `cargo xtask bench core`: what a request costs in the core, in numbers that do not depend on how fast or busy the machine is.
//!
//! The measured program is `bench_core` of the crate `pinhole-conformance`: one simulated
//! IMX219 with a RAW and a 1080p stream of 4 buffers each. No pixels are made, but buffers are
//! stamped, statistics are plausible and the light fades, so that the control loop works and
//! writes controls. Every call to a device or to the algorithms passes a counting wrapper,
//! which is also where instructions are told apart.

use super::callgrind::{Profile, Sides, crate_of};
use super::program::{self, Figures, Program};
use super::table::Row;

/// The camera at work: see above.
const BUSY: &[&str] = &["steady", "pixels=stamped", "light=changing"];
/// The same with nothing to see, so that no control ever changes.
const STILL: &[&str] = &["steady", "pixels=off"];
/// Frames that callgrind looks at: enough for all to be the same, in seconds.
const PROFILED: &str = "frames=400";
/// A thread turns the loop, in real time ten times as fast.
const THREADED: &[&str] = &["pace=10", "frames=600", "warm_up=60"];

/// Measures, and explains where the instructions go if that is wanted.
pub(super) fn measure(is_explained: bool) -> Result<(Vec<Row>, String), String> {
    program::check_valgrind()?;
    let program = Program::build("pinhole-conformance", "bench_core")?;
    let (figures, profile) = program.profile(&[BUSY, &[PROFILED]].concat())?;
    let mut rows = instructions(&figures, &profile)?;
    rows.push(still(&program)?);
    rows.extend(counts(&program)?);
    rows.extend(threads(&program)?);
    rows.extend(ratios(&program)?);
    rows.push(start(&program)?);
    rows.extend(memory(&program)?);
    let explanation = if is_explained { explain(&figures, &profile)? } else { String::new() };
    Ok((rows, explanation))
}

fn per_frame(figures: &Figures, profile: &Profile) -> Result<[f64; 3], String> {
    let Sides { core, devices, algorithms } = profile.sides();
    let frames = figures.get("frames")?;
    Ok([core, devices, algorithms].map(|instructions| instructions as f64 / frames))
}

fn instructions(figures: &Figures, profile: &Profile) -> Result<Vec<Row>, String> {
    let [core, devices, algorithms] = per_frame(figures, profile)?;
    Ok(vec![
        Row::new("core.request.instructions", core, "pipeline, loop and session, user space")
            .at_most(3000.0)
            .so_far(4550.0)
            .against(72_800.0),
        Row::new("core.request.instructions_devices", devices, "the simulated devices, and counting calls"),
        Row::new("core.request.instructions_algorithms", algorithms, "the control algorithms")
            .against(565_200.0),
    ])
}

fn core_instructions(program: &Program, options: &[&str]) -> Result<f64, String> {
    let (figures, profile) = program.profile(&[options, &[PROFILED]].concat())?;
    Ok(per_frame(&figures, &profile)?[0])
}

fn still(program: &Program) -> Result<Row, String> {
    let core = core_instructions(program, STILL)?;
    Ok(Row::new("core.request.instructions_still", core, "the core's where no control changes"))
}

fn counts(program: &Program) -> Result<Vec<Row>, String> {
    let figures = program.run(BUSY)?;
    let each = |name| figures.per_frame(name);
    let others = each("allocations_devices")? + each("allocations_algorithms")?;
    let calls = each("queue")? + each("dequeue")? + each("event")? + each("controls")? + each("crop")?;
    Ok(vec![
        Row::new("core.request.allocations", each("allocations")? - others, "on the heap, by the core")
            .at_most(0.0)
            .against(322.0),
        Row::new("core.request.allocations_total", each("allocations")?, "by devices and algorithms too"),
        Row::new("core.request.bytes_copied", each("viewed_bytes")?, "of buffers that the core looked into")
            .at_most(0.0),
        Row::new("core.request.device_calls", calls, "queue, dequeue, events, controls, crops")
            .at_most(14.0)
            .against(14.0),
        Row::new("core.request.waits", each("wait")?, "polls"),
        Row::new("core.request.clock_reads", each("clock")?, "looks at the clock"),
    ])
}

fn threads(program: &Program) -> Result<[Row; 2], String> {
    // A busy machine only adds sleeps: the least of three is what the program itself does.
    let figures = [(); 3].map(|()| program.run(&[BUSY, THREADED].concat()));
    let mut switches = f64::INFINITY;
    for figures in &figures {
        let figures = figures.as_ref().map_err(Clone::clone)?;
        let sleeps = figures.per_frame("sleep")? - figures.per_frame("sleep_for_devices")?;
        switches = switches.min(sleeps + figures.per_frame("wake")?);
    }
    let [figures, ..] = figures;
    let figures = figures?;
    Ok([
        Row::new("core.request.context_switches", switches, "one thread of ours waits for another")
            .at_most(1.0)
            .against(4.5),
        Row::new(
            "core.request.allocations_threaded",
            figures.per_frame("allocations")?,
            "on the heap, by anybody, where a thread turns the loop",
        )
        .at_most(0.0),
    ])
}

fn ratios(program: &Program) -> Result<[Row; 2], String> {
    let small = &["buffers=4", "raw=640x480", "picture=640x480"];
    let large = &["buffers=4", "sensor=imx477", "raw=4056x3040", "picture=4056x3040"];
    // Where the light changes, sensors of different speed write controls in different frames.
    let of = |options: &[&str]| core_instructions(program, &[STILL, options].concat());
    Ok([
        Row::new(
            "core.request.instructions_64_over_4",
            of(&["buffers=64"])? / of(&["buffers=4"])?,
            "64 buffers a stream over 4",
        )
        .at_most(1.05),
        Row::new(
            "core.request.cost_12mp_over_vga",
            of(large)? / of(small)?,
            "instructions with streams of 4056x3040 over 640x480",
        )
        .at_most(1.05),
    ])
}

fn start(program: &Program) -> Result<Row, String> {
    let figures = program.run(&["start"])?;
    let ratio = figures.get("first_frame_us")? / figures.get("frame_us")?;
    Ok(Row::new(
        "core.start.ms_to_first_frame_over_frame_time",
        ratio,
        "from the start to a frame in hand, in frame times",
    )
    .at_most(4.0))
}

fn memory(program: &Program) -> Result<[Row; 3], String> {
    let with_raw = &["roles=raw,video", "raw=1920x1080"];
    let figures = program.run(&[&["memory"], &with_raw[..]].concat())?;
    let without_raw = program.run(&["memory", "roles=video"])?;
    let run = program.run(&[BUSY, with_raw, &["frames=1000"]].concat())?;
    let of = |figures: &Figures| figures.get("internal_bytes");
    Ok([
        Row::new(
            "core.memory.internal_bytes_1080p",
            of(&figures)?,
            "the camera's own buffers, 1080p RAW and video",
        )
        .at_most(libcamera_bytes(&figures)?)
        .against(libcamera_bytes(&figures)?),
        Row::new(
            "core.memory.internal_bytes_1080p_without_raw",
            of(&without_raw)?,
            "the same where the application wants no RAW",
        )
        .at_most(libcamera_bytes(&without_raw)?)
        .against(libcamera_bytes(&without_raw)?),
        Row::new("core.memory.drops_in_1000_frames", run.get("drops")?, "with so little memory").at_most(0.0),
    ])
}

/// Bytes by libcamera's rule: RAW max(2, 4 − the application's), one at the output in use,
/// one for statistics, 12 for embedded data.
fn libcamera_bytes(figures: &Figures) -> Result<f64, String> {
    let raw = (4.0 - figures.get("raw_buffers").unwrap_or(0.0)).max(2.0);
    let bytes = |name| figures.get(name);
    Ok(raw * bytes("unicam-image_bytes")?
        + bytes("bcm2835-isp0-capture1_bytes")?
        + bytes("bcm2835-isp0-capture3_bytes")?
        + 12.0 * bytes("unicam-embedded_bytes")?)
}

fn explain(figures: &Figures, profile: &Profile) -> Result<String, String> {
    let frames = figures.get("frames")?;
    let functions = profile.core_functions();
    let mut crates: Vec<(&str, u64)> = Vec::new();
    for (name, cost) in &functions {
        let name = crate_of(name);
        match crates.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += cost,
            None => crates.push((name, *cost)),
        }
    }
    crates.sort_by_key(|(_, cost)| std::cmp::Reverse(*cost));
    let line = |(name, cost): &(&str, u64)| format!("{:8.1}  {name}\n", *cost as f64 / frames);
    let by_crate: String = crates.iter().map(line).collect();
    let by_function: String = functions.iter().take(50).map(line).collect();
    Ok(format!("\nThe core's instructions per request, by crate:\n{by_crate}\nBy function:\n{by_function}"))
}
