//! 10,000 rounds of configuring, starting and stopping, in a process of its own: nothing that
//! the system counts may grow.

use pinhole::sim::CameraConfig;
use pinhole::{Camera, Role};
use pinhole_conformance::bench::{Bench, requests};
use pinhole_conformance::process::Holdings;
use pinhole_conformance::rig::{Rig, Setup};
use pinhole_conformance::run::Run;
use pinhole_conformance::simulated::Simulated;

const ROUNDS: usize = 10_000;
/// After so many the process has what it needs.
const WARM: usize = 200;
const ROLES: [&[Role]; 4] =
    [&[Role::Raw, Role::Video], &[Role::Video], &[Role::Raw], &[Role::Still, Role::Viewfinder]];

/// Configures, starts, takes a frame now and then, stops with requests under way.
fn round(bench: &Bench, mut camera: Camera, round: usize) -> Camera {
    bench.configure(&mut camera, ROLES[round % ROLES.len()]);
    let requests = requests(&mut camera, 2);
    let mut run = Run::try_start(camera, None).expect("nothing is in the way of a start");
    run.queue_all(requests);
    if round.is_multiple_of(5) {
        run.complete();
    }
    let stopped = run.session.stop();
    assert_eq!(stopped.requests.len(), if round.is_multiple_of(5) { 1 } else { 2 });
    if round.is_multiple_of(100) {
        bench.backstage.assert_released(0);
    }
    // Now and then somebody else has a go.
    if round.is_multiple_of(50) {
        drop(stopped.camera);
        return bench.camera();
    }
    stopped.camera
}

fn holdings(bench: &Bench) -> (Holdings, u64) {
    let memory = bench.hardware().expect("it is simulated").memory_used_bytes();
    (Holdings::now().expect("the system counts"), memory)
}

/// Catches: a descriptor, a mapping, a slot or a few bytes that a round leaves behind.
#[test]
fn b28_10_000_rounds_leave_nothing_behind() {
    let rig = Simulated::new("imx219", CameraConfig::imx219());
    let bench = rig.bench(Setup::default()).expect("simulated cameras can be made");
    let mut camera = bench.camera();
    let mut warm = None;
    for at in 0..ROUNDS {
        if at == WARM {
            warm = Some(holdings(&bench));
        }
        camera = round(&bench, camera, at);
    }
    let (before, memory_before) = warm.expect("there were enough rounds");
    let (after, memory_after) = holdings(&bench);
    println!("{before:?} before, {after:?} after {ROUNDS} rounds");
    assert_eq!(memory_after, memory_before, "the devices' memory");
    after.assert_flat_since(&before);
}
