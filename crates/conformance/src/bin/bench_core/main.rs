//! The program that `cargo xtask bench core` measures: one simulated camera with a RAW and a
//! processed stream, counted from all sides. Prints one `name value` a line.
//!
//! `bench_core steady|start|memory [option=value …]`; see [`Scenario`] for the options.

mod counted;
mod counters;
mod scenario;

use counters::Snapshot;
use pinhole::control;
use pinhole::{DropCause, Result, Session};
use scenario::Scenario;

fn main() -> std::process::ExitCode {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let done = Scenario::parse(arguments).and_then(|scenario| match what.as_str() {
        "steady" => steady(&scenario),
        "start" => start(&scenario),
        "memory" => memory(&scenario),
        _ => Err(scenario::nonsense(&what)),
    });
    match done {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_core: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn tell(name: &str, value: impl std::fmt::Display) {
    println!("{name} {value}");
}

/// What is measured: an application that takes every frame and gives it back at once. By its
/// name the profile knows where to begin and end.
#[inline(never)]
fn measured_frames(session: &mut Session, frames: u64) -> Result<()> {
    for _ in 0..frames {
        drop(session.next()?);
    }
    Ok(())
}

fn steady(scenario: &Scenario) -> Result<()> {
    let (mut session, _) = scenario.start()?;
    for _ in 0..scenario.warm_up {
        drop(session.next()?);
    }
    let drops = session.drops();
    let before = Snapshot::take();
    measured_frames(&mut session, scenario.frames)?;
    let after = Snapshot::take();
    tell("frames", scenario.frames);
    before.until(&after).for_each(|(name, value)| tell(name, value));
    let lost = |drops: &pinhole::DropCounters| drops.iter().map(|(_, times)| times).sum::<u64>();
    tell("drops_before", lost(&drops));
    let drops = session.stop().drops;
    tell("drops", lost(&drops) - drops.of(DropCause::StartUp));
    tell("hidden", drops.of(DropCause::StartUp));
    Ok(())
}

fn start(scenario: &Scenario) -> Result<()> {
    let (mut session, started) = scenario.start()?;
    let Some(frame) = session.next()? else { return Ok(()) };
    let arrived = session.backend().map_or(started, pinhole::backend::Backend::now);
    let frame_us = frame.metadata().get(control::FRAME_DURATION).unwrap_or(0);
    tell("first_frame_us", (arrived.as_nanos() - started.as_nanos()) / 1000);
    tell("frame_us", frame_us);
    Ok(())
}

/// What the camera allocates for itself: nothing is allocated for the application here.
fn memory(scenario: &Scenario) -> Result<()> {
    let (camera, configuration) = scenario.configured()?;
    let session = camera.start_requests()?;
    let allocated = counted::allocated();
    let bytes_of = |buffers: &counted::Allocated| u64::from(buffers.bytes) * u64::from(buffers.count);
    tell("internal_bytes", allocated.iter().map(bytes_of).sum::<u64>());
    tell("reported_bytes", configuration.internal_bytes);
    for buffers in &allocated {
        tell(&format!("{}_bytes", buffers.name), buffers.bytes);
        tell(&format!("{}_buffers", buffers.name), buffers.count);
    }
    for stream in &configuration.streams {
        tell(&format!("{}_buffers", stream.role), stream.buffer_count);
    }
    drop(session.stop());
    Ok(())
}
