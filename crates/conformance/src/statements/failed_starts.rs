//! Starts that fail halfway, at every point: statements 18 and 19.

use crate::bench::{Bench, requests, streams};
use crate::rig::{NO_FAILURES, Need, Rig, Setup, Verdict};
use pinhole::sim::{Call, Fault};
use pinhole::{Camera, Driver, Error, Role};

const ROLES: [Role; 3] = [Role::Raw, Role::Video, Role::Viewfinder];

/// Checks that an error says what was being done, to what, and why.
fn assert_names(error: &Error, errno: i32, what: &str) {
    assert!(!error.doing().is_empty(), "{what}: {error}");
    assert!(error.place().is_some_and(|place| !place.is_empty()), "{what} names no device: {error}");
    assert_eq!(error.errno(), Some(errno), "{what} lacks the system's error: {error}");
}

/// Checks that a camera works.
fn assert_captures(bench: &Bench, mut camera: Camera, what: &str) {
    let requests = requests(&mut camera, 2);
    let mut run =
        bench.try_start(camera).unwrap_or_else(|error| panic!("{what}: the next start fails: {error}"));
    run.queue_all(requests);
    run.take(2);
    run.stop();
}

/// What came of doing something to a camera.
struct Attempt {
    error: Option<Error>,
    /// Whether a call had failed by then.
    failed: bool,
    camera: Camera,
}

impl Attempt {
    fn new(bench: &Bench, error: Option<Error>, camera: Camera) -> Self {
        Self { error, failed: has_failed(bench), camera }
    }
}

fn has_failed(bench: &Bench) -> bool {
    bench.backstage.failed_calls() > 0
}

/// Those of these calls that a rig can make fail, each with the error that it then has.
///
/// # Errors
/// There are none.
fn failing(rig: &dyn Rig, calls: &[Call]) -> Verdict<Vec<(Call, i32)>> {
    let backstage = rig.bench(Setup::default())?.backstage;
    let errno = |call: &Call| Some((*call, *backstage.refusals(*call).first()?));
    let failing: Vec<_> = calls.iter().filter_map(errno).collect();
    if failing.is_empty() { Err(NO_FAILURES) } else { Ok(failing) }
}

/// Lets each call of these kinds fail in turn while `act` goes on. Checks what must be true of
/// each failure.
fn fail_each(rig: &dyn Rig, calls: &[Call], mut act: impl FnMut(&Bench, Camera) -> Attempt) -> Verdict {
    for (call, errno) in failing(rig, calls)? {
        for nth in 0.. {
            let bench = rig.bench(Setup::default())?;
            let what = format!("{call} number {nth}");
            let camera = bench.configured(&ROLES);
            let before = bench.backstage.memory_used_bytes();
            bench.inject(nth, Fault::FailCall { call, target: None, errno })?;
            let Attempt { error, failed, camera } = act(&bench, camera);
            if !failed {
                assert!(error.is_none(), "{what}: failed though nothing was wrong: {error:?}");
                break;
            }
            let error = error.unwrap_or_else(|| panic!("{what}: the failure went unnoticed"));
            assert_names(&error, errno, &what);
            bench.backstage.assert_released(0);
            assert_eq!(bench.backstage.memory_used_bytes(), before, "{what}: memory was left behind");
            assert_captures(&bench, camera, &what);
        }
    }
    Ok(())
}

fn start(bench: &Bench, camera: Camera) -> Attempt {
    match bench.try_start(camera) {
        Ok(run) => {
            let failed = has_failed(bench);
            Attempt { error: None, failed, camera: run.session.stop().camera }
        }
        Err(failed) => Attempt::new(bench, Some(failed.error), *failed.camera),
    }
}

/// Catches: internal buffers, slots or subscriptions that survive a start that failed.
pub fn b18_preparation_fails_at_any_point(rig: &dyn Rig) -> Verdict {
    let calls = [Call::Allocate, Call::Export, Call::Import, Call::SetControls, Call::Subscribe];
    fail_each(rig, &calls, start)
}

/// Catches: an algorithm's mapping that fails and leaves the others mapped.
pub fn b18_mapping_fails_at_any_point(rig: &dyn Rig) -> Verdict {
    for nth in 0.. {
        let bench = rig.bench(Setup::default())?;
        bench.needs(Need::ControlLoop)?;
        let camera = bench.configured(&ROLES);
        bench.mapper.refuse_after(nth);
        let Attempt { error, camera, .. } = start(&bench, camera);
        if bench.mapper.will_refuse() {
            assert!(nth > 0, "the algorithms map nothing");
            return Ok(());
        }
        let error = error.expect("a mapping that fails is no secret");
        assert!(!error.doing().is_empty() && error.place().is_some(), "{error}");
        assert_eq!(bench.mapper.mapped_now(), 0, "mappings were left behind");
        assert_captures(&bench, camera, "a refused mapping");
    }
    Ok(())
}

/// Catches: an allocation that fails and leaves the device with buffers, so that nothing can be
/// allocated or started any more.
pub fn b18_allocation_fails_at_any_point(rig: &dyn Rig) -> Verdict {
    fail_each(rig, &[Call::Allocate, Call::Export, Call::Free], |bench, mut camera| {
        let all = streams(&camera);
        let failed = all.iter().find_map(|stream| camera.allocate(*stream, 3).err());
        Attempt::new(bench, failed, camera)
    })
}

/// Catches: a camera that is half configured and thinks that it is ready.
pub fn b18_configuring_fails_at_any_point(rig: &dyn Rig) -> Verdict {
    let calls = [Call::SetFormat, Call::SetControls, Call::Describe, Call::SetLink];
    fail_each(rig, &calls, |bench, mut camera| {
        let configuration = bench.propose(&camera, &ROLES);
        let failed = camera.configure(&configuration).err();
        if failed.is_some() {
            assert!(camera.configuration().is_none(), "a camera that refused is not configured");
            camera.configure(&configuration).expect("the next attempt works");
        }
        Attempt::new(bench, failed, camera)
    })
}

/// Catches: a device that stays open or claimed when another could not be opened.
pub fn b18_acquiring_fails_at_any_point(rig: &dyn Rig) -> Verdict {
    for (call, errno) in failing(rig, &[Call::Open, Call::Acquire])? {
        for nth in 0.. {
            let bench = rig.bench(Setup::default())?;
            bench.inject(nth, Fault::FailCall { call, target: None, errno })?;
            let failed = bench.cameras.first().expect("there is a camera").acquire().err();
            if !has_failed(&bench) {
                break;
            }
            let what = format!("{call} number {nth}");
            // Without a heap the camera works, but for lens shading.
            if let Some(error) = failed {
                assert_names(&error, errno, &what);
            }
            assert_captures(&bench, bench.configured(&ROLES), &what);
        }
    }
    Ok(())
}

/// Catches: a node that streams on, or keeps its buffers, when a later one refuses.
pub fn b19_stream_on_or_queueing_fails_at_any_point(rig: &dyn Rig) -> Verdict {
    fail_each(rig, &[Call::StreamOn, Call::Queue], start)
}

/// Catches: a stop that gives up at the first device that objects.
pub fn b19_a_stop_goes_on_when_devices_object(rig: &dyn Rig) -> Verdict {
    for (call, errno) in failing(rig, &[Call::StreamOff, Call::Free, Call::Subscribe])? {
        for nth in 0..6 {
            let bench = rig.bench(Setup::default())?;
            let mut camera = bench.configured(&ROLES);
            let requests = requests(&mut camera, 3);
            let mut run = bench.start(camera);
            run.queue_all(requests);
            run.take(1);
            if rig.driver() == Driver::Caller {
                bench.inject(nth, Fault::FailCall { call, target: None, errno })?;
            }
            let stopped = run.stop();
            assert_eq!(stopped.requests.len(), 2);
            if bench.hardware().is_ok() {
                bench.backstage.always(None)?;
            }
            bench.backstage.assert_released(0);
        }
    }
    Ok(())
}
