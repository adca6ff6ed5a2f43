//! The compliance runs: sets of roles against numbers of requests; and every call that may
//! fail while frames flow.

use crate::bench::{Bench, requests, streams};
use crate::keepsake::Keepsake;
use crate::rig::{NO_FAILURES, Rig, Setup, Verdict};
use crate::run::{Outcome, Run};
use pinhole::geometry::{NativePixels, Rect};
use pinhole::sim::{Call, Fault};
use pinhole::{Camera, Request, RequestStatus, Role, Stopped, control};

const ROLE_SETS: [&[Role]; 8] = [
    &[Role::Raw],
    &[Role::Still],
    &[Role::Video],
    &[Role::Viewfinder],
    &[Role::Raw, Role::Still],
    &[Role::Raw, Role::Video],
    &[Role::Still, Role::Video],
    &[Role::Video, Role::Video],
];

const COUNTS: [usize; 10] = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89];

/// Buffers of each stream that go round.
const ROUND: usize = 4;

/// Each set of roles as the rig's cameras serve it, once.
fn sets_served(bench: &Bench) -> Vec<Vec<Role>> {
    let mut sets = Vec::new();
    for roles in ROLE_SETS {
        let served = bench.roles(roles);
        if !sets.contains(&served) {
            sets.push(served);
        }
    }
    sets
}

fn for_each_set(rig: &dyn Rig, act: impl Fn(&Bench, Camera, usize)) -> Verdict {
    for roles in sets_served(&rig.bench(Setup::default())?) {
        for count in COUNTS {
            let bench = rig.bench(Setup::default())?;
            act(&bench, bench.configured(&roles), count);
        }
    }
    Ok(())
}

/// Captures exactly so many frames, a few buffers going round.
fn capture(bench: &Bench, camera: Camera, requests: Vec<Request>, count: usize) -> Stopped {
    let mut run = bench.start(camera);
    let (mut queued, mut idle) = (0, Vec::new());
    for request in requests {
        if queued < count {
            run.queue(request);
            queued += 1;
        } else {
            idle.push(request);
        }
    }
    for number in 0..count {
        let mut request = run.complete();
        assert_eq!(request.number(), number as u64);
        request.reuse(true);
        if queued < count {
            run.queue(request);
            queued += 1;
        } else {
            idle.push(request);
        }
    }
    let mut stopped = run.stop();
    assert!(stopped.requests.is_empty(), "{} completions too many", stopped.requests.len());
    stopped.requests = idle;
    stopped
}

/// Catches: a count that is one off, at any length of the queue.
pub fn compliance_capture_exactly_n(rig: &dyn Rig) -> Verdict {
    for_each_set(rig, |bench, mut camera, count| {
        let requests = requests(&mut camera, ROUND);
        capture(bench, camera, requests, count);
    })
}

/// Catches: state of the run before, at any length of it.
pub fn compliance_capture_stop_start_three_times(rig: &dyn Rig) -> Verdict {
    for_each_set(rig, |bench, mut camera, count| {
        let mut requests = requests(&mut camera, ROUND);
        for _ in 0..3 {
            let stopped = capture(bench, camera, requests, count);
            (camera, requests) = (stopped.camera, stopped.requests);
        }
    })
}

/// Catches: requests that are lost at a stop, at any number of them.
pub fn compliance_stop_with_requests_pending(rig: &dyn Rig) -> Verdict {
    for_each_set(rig, |bench, mut camera, count| {
        let all = streams(&camera);
        let requests = requests(&mut camera, count);
        let keepsakes = Keepsake::of_all(&requests, &all);
        let mut run = bench.start(camera);
        run.queue_all(requests);
        let mut back = run.take(count / 3);
        back.extend(run.stop().requests);
        assert_eq!(back.len(), count);
        back.iter().zip(&keepsakes).for_each(|(request, keepsake)| keepsake.check(request));
    })
}

/// Calls that are made while frames flow.
const STREAMING: [Call; 5] =
    [Call::Queue, Call::Dequeue, Call::DequeueEvent, Call::SetControls, Call::SetCrop];

/// Catches: a failed call, of any kind and at any point, that loses a request or hangs the
/// camera.
pub fn any_call_may_fail_while_frames_flow(rig: &dyn Rig) -> Verdict {
    let backstage = rig.bench(Setup::default())?.backstage;
    let ways_of = |call: Call| backstage.refusals(call).iter().map(move |errno| (call, *errno));
    let ways: Vec<_> = STREAMING.into_iter().flat_map(ways_of).collect();
    if ways.is_empty() {
        return Err(NO_FAILURES);
    }
    for (call, errno) in ways {
        let mut nth = 0;
        while survives(rig, call, nth, errno)? {
            nth += 1;
        }
        assert!(nth > 0, "{call} is not called at all while frames flow");
    }
    Ok(())
}

/// Lets one call fail; says whether it came to that.
fn survives(rig: &dyn Rig, call: Call, nth: u32, errno: i32) -> Verdict<bool> {
    const REQUESTS: usize = 6;
    let bench = rig.bench(Setup::default())?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video, Role::Viewfinder]);
    let all = streams(&camera);
    let mut requests = requests(&mut camera, REQUESTS);
    for (at, request) in requests.iter_mut().enumerate() {
        let side = 1000 + 200 * at as u32;
        request.controls_mut().set(control::SCALER_CROP, Rect::<NativePixels>::new(100, 100, side, side));
        request.controls_mut().set(control::EXPOSURE_TIME, 1000 + 1000 * at as i32);
    }
    let keepsakes = Keepsake::of_all(&requests, &all);
    let mut run = bench.start(camera);
    bench.inject(nth, Fault::FailCall { call, target: None, errno })?;
    run.queue_all(requests);
    let mut back = collect(&mut run, REQUESTS);
    assert_eq!(back.len(), REQUESTS, "{call} number {nth}: requests were lost");
    for (at, (request, keepsake)) in back.iter().zip(&keepsakes).enumerate() {
        assert_eq!(request.number(), at as u64, "{call} number {nth}");
        assert_ne!(request.status(), RequestStatus::Pending, "{call} number {nth}");
        keepsake.check(request);
    }
    if bench.backstage.failed_calls() == 0 {
        return Ok(false);
    }
    let stopped = run.stop();
    let mut run = bench.start(stopped.camera);
    back.iter_mut().for_each(|request| request.reuse(true));
    run.queue_all(back);
    collect(&mut run, REQUESTS);
    Ok(true)
}

/// Requests until there are so many, or the camera ends.
fn collect(run: &mut Run, count: usize) -> Vec<Request> {
    let mut back = Vec::new();
    while back.len() < count {
        match run.outcome() {
            Outcome::Request(request) => back.push(request),
            Outcome::Failed(error) => {
                assert!(!error.doing().is_empty() && error.place().is_some(), "{error}");
            }
            Outcome::Ended => break,
        }
    }
    back
}
