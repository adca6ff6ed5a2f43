//! 1,000 rounds of configuring, starting and stopping each camera that this machine's drivers
//! have, in a process of its own: nothing that the system counts may grow.

use pinhole::{Camera, Role};
use pinhole_conformance::bench::{Bench, requests};
use pinhole_conformance::kernel::{DriverRig, find};
use pinhole_conformance::process::Holdings;
use pinhole_conformance::rig::Setup;

const ROUNDS: usize = 1000;
/// After so many the process has what it needs.
const WARM: usize = 100;
const ROLES: [&[Role]; 2] = [&[Role::Video], &[Role::Raw]];

/// Configures, starts, takes a frame now and then, stops with requests under way.
fn round(bench: &Bench, mut camera: Camera, round: usize) -> Camera {
    bench.configure(&mut camera, ROLES[round % ROLES.len()]);
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
    for at in 0..WARM {
        camera = round(&bench, camera, at);
    }
    let before = Holdings::now().expect("the system counts");
    for at in WARM..ROUNDS {
        camera = round(&bench, camera, at);
    }
    let after = Holdings::now().expect("the system counts");
    println!("{}: {before:?} after {WARM} rounds, {after:?} after {ROUNDS}", rig.name());
    after.assert_flat_since(&before);
}

/// Catches: a descriptor, a mapping, a slot or a few bytes that a round leaves behind.
#[test]
fn b28_1_000_rounds_on_real_drivers_leave_nothing_behind() {
    let found = find().expect("the system's devices can be listed");
    found.demand();
    found.rigs.iter().for_each(|rig| rounds(rig.as_ref()));
}
