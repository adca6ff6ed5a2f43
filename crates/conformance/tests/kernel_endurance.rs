//! 1,000 rounds of configuring, starting and stopping each camera that this machine's drivers
//! have, in every way in which its pictures come about, in a process of its own: nothing that the
//! system or the allocator counts may grow.

use pinhole::format::PixelFormat;
use pinhole::{Camera, Configuration, Role};
use pinhole_conformance::bench::{Bench, requests};
use pinhole_conformance::kernel::{DriverRig, find};
use pinhole_conformance::process::Holdings;
use pinhole_conformance::rig::Setup;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROUNDS: usize = 1000;
/// After so many the process has what it needs.
const WARM: usize = 100;

/// What is allocated and not freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Allocated {
    blocks: usize,
    bytes: usize,
}

impl Allocated {
    fn now() -> Self {
        let counted = ALLOCATOR.stats();
        Self {
            blocks: counted.allocations - counted.deallocations,
            bytes: counted.bytes_allocated - counted.bytes_deallocated,
        }
    }
}

/// What a camera is configured to in turn: pictures and mosaics as they come, a mosaic beside the
/// picture that the CPU makes of it, and, where a webcam has no such format, a JPEG that it decodes.
fn configurations(bench: &Bench, camera: &Camera) -> Vec<Configuration> {
    let usual = bench.abilities.format;
    let ways: [(&[Role], Option<PixelFormat>); 4] = [
        (&[Role::Video], usual),
        (&[Role::Raw], usual),
        (&[Role::Raw, Role::Video], usual),
        (&[Role::Video], Some(PixelFormat::Rgb24)),
    ];
    let configuration = |(roles, format): (&[Role], Option<PixelFormat>)| {
        let mut proposed = camera.propose(roles).ok()?;
        for stream in &mut proposed.streams {
            stream.size = bench.abilities.size.unwrap_or(stream.size);
            if stream.role != Role::Raw {
                stream.format = format.unwrap_or(stream.format);
            }
        }
        camera.validate(&mut proposed).expect("what was proposed can be adjusted");
        Some(proposed)
    };
    ways.into_iter().filter_map(configuration).collect()
}

/// Configures, starts, takes a frame now and then, stops with requests under way.
fn round(bench: &Bench, mut camera: Camera, configuration: &Configuration, round: usize) -> Camera {
    camera.configure(configuration).expect("what was validated can be set");
    let requests = requests(&mut camera, 2);
    let mut run = bench.start(camera);
    run.queue_all(requests);
    let taken = usize::from(round.is_multiple_of(5));
    run.take(taken);
    let stopped = run.stop();
    assert_eq!(stopped.requests.len(), 2 - taken);
    // Now and then somebody else has a go.
    if round.is_multiple_of(50) {
        drop(stopped.camera);
        return bench.camera();
    }
    stopped.camera
}

fn rounds(rig: &dyn DriverRig) {
    let bench = rig.bench(Setup::default()).expect("a camera of its own is all that it takes");
    let mut camera = bench.camera();
    let all = configurations(&bench, &camera);
    // Whole turns, so that what is compared is the same camera in the same state.
    let turn = |rounds: usize| rounds / (all.len() * 5) * all.len() * 5;
    let (warm, last) = (turn(WARM), turn(ROUNDS));
    let mut before = None;
    for at in 0..last {
        if at == warm {
            before = Some((Allocated::now(), Holdings::now().expect("the system counts")));
        }
        camera = round(&bench, camera, &all[at % all.len()], at);
    }
    let (allocated_before, before) = before.expect("there were enough rounds");
    let (allocated, after) = (Allocated::now(), Holdings::now().expect("the system counts"));
    let made = all.iter().filter(|one| one.streams.iter().any(|stream| stream.converted_from.is_some()));
    println!(
        "{}: {} configurations, {} with pictures made by the CPU; {allocated_before:?} and {before:?} after {warm} rounds, {allocated:?} and {after:?} after {last}",
        rig.name(),
        all.len(),
        made.count(),
    );
    assert_eq!(allocated, allocated_before, "what is allocated");
    after.assert_flat_since(&before);
}

/// Catches: a descriptor, a mapping, a slot or a byte that a round leaves behind.
#[test]
fn b28_1_000_rounds_on_real_drivers_leave_nothing_behind() {
    let found = find().expect("the system's devices can be listed");
    found.demand();
    found.rigs.iter().for_each(|rig| rounds(rig.as_ref()));
}
