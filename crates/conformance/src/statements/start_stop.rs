//! Start and stop: statements 16 to 28. (What fails at a start is in [`super::failed_starts`].)

use crate::algorithms::{Conduct, Strings};
use crate::bench::{Bench, requests, requests_for, streams};
use crate::keepsake::Keepsake;
use crate::rig::{Need, Rig, Setup, Verdict};
use crate::run::Run;
use pinhole::control::FrameState;
use pinhole::job::JobKind;
use pinhole::sim::Fault;
use pinhole::{
    Camera, Driver, DropCause, ErrorKind, Request, RequestStatus, Role, StreamId, config, control,
};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Catches: an unmarked first frame, exposed before the algorithms knew the light; a request
/// that is used up by a hidden frame.
pub fn b16_frames_at_start_up_are_hidden_or_marked(rig: &dyn Rig) -> Verdict {
    for roles in [&[Role::Video][..], &[Role::Raw, Role::Video]] {
        let bench = rig.bench(Setup::default())?;
        bench.needs(Need::ControlLoop)?;
        let mut camera = bench.configured(roles);
        let requests = requests(&mut camera, 4);
        let mut run = bench.start(camera);
        run.queue_all(requests);
        let mut states = Vec::new();
        run.rounds(40, |request| {
            states.push(request.metadata().get(control::FRAME_STATE).expect("frames say how they are"));
        });
        let hidden = run.stop().drops.of(DropCause::StartUp);
        let marked = states.iter().take_while(|state| **state == FrameState::Starting).count();
        assert!(hidden > 0 || marked > 0, "a camera that knows nothing of the light calls a frame settled");
        assert!(marked < states.len(), "the camera never settles");
        assert!(states[marked..].iter().all(|state| *state == FrameState::Settled), "{states:?}");
    }
    Ok(())
}

/// Catches: a start that needs as many buffers as the pipeline is long.
pub fn b17_any_number_of_buffers_starts(rig: &dyn Rig) -> Verdict {
    for count in [1, 2, 3, 5, 31, 32, 33, config::STREAMS_MAX as u32, 128] {
        let bench = rig.bench(Setup::default())?;
        let camera = bench.camera();
        let mut configuration = bench.propose(&camera, &[Role::Raw, Role::Video]);
        configuration.streams.iter_mut().for_each(|stream| stream.buffer_count = count);
        let mut session = camera.start(&configuration).expect("any number of buffers starts");
        for _ in 0..count + 3 {
            let frame = session.next().expect("nothing fails").expect("frames come");
            assert!(configuration.streams.iter().all(|stream| frame.stream(stream.role).is_ok()));
        }
    }
    Ok(())
}

/// Catches: a request that is lost at a stop, or comes back after it; one out of order.
pub fn b20_a_stop_completes_all_that_is_in_flight(rig: &dyn Rig) -> Verdict {
    for in_flight in [0, 1, 2, 3, 5, 8, 40] {
        for taken in [0, 1, 4] {
            stop_with(rig, in_flight, taken)?;
        }
    }
    Ok(())
}

fn stop_with(rig: &dyn Rig, in_flight: usize, taken: usize) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video]);
    let all = streams(&camera);
    let requests = requests(&mut camera, in_flight + taken);
    let keepsakes = Keepsake::of_all(&requests, &all);
    let mut run = bench.start(camera);
    run.queue_all(requests);
    let mut back = run.take(taken);
    let stopped = run.stop();
    assert_eq!(stopped.requests.len(), in_flight, "not all came back, or some twice");
    back.extend(stopped.requests);
    for (at, (request, keepsake)) in back.iter().zip(&keepsakes).enumerate() {
        assert_eq!(request.number(), at as u64);
        keepsake.check(request);
        assert_ne!(request.status(), RequestStatus::Pending);
    }
    Ok(())
}

/// Catches: a buffer that is reported once as filled and once more as cancelled.
pub fn b21_what_was_delivered_is_not_signalled_again(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video]);
    let requests = requests(&mut camera, 20);
    let mut run = bench.start(camera);
    run.queue_all(requests);
    let taken = run.take(7);
    let rest = run.stop().requests;
    let cookies: Vec<_> = taken.iter().chain(&rest).map(Request::cookie).collect();
    assert_eq!(cookies, (0..20).collect::<Vec<_>>(), "each request is signalled once");
    let cancelled = rest.iter().filter(|request| request.status() == RequestStatus::Cancelled);
    for request in cancelled.clone() {
        assert!(request.error().is_some(), "a cancelled request says why");
    }
    // A thread may have been quicker than the stop.
    assert!(cancelled.count() > 0 || rig.driver() == Driver::Thread);
    Ok(())
}

/// Catches: a request that counts as complete though the ISP had written only one output.
pub fn b22_a_partly_done_request_is_cancelled(rig: &dyn Rig) -> Verdict {
    for stop_after_ms in 0..30 {
        let bench = rig.bench(Setup::default())?;
        bench.needs(Need::Streams)?;
        let mut camera = bench.configured(&[Role::Raw, Role::Video, Role::Viewfinder]);
        let all = streams(&camera);
        let requests = requests(&mut camera, 3);
        bench.inject(1, Fault::ReorderOutputs { by: Duration::from_millis(5) })?;
        let mut run = bench.start(camera);
        run.queue_all(requests);
        let first = run.complete();
        run.pass(Duration::from_millis(stop_after_ms * 3));
        let stopped = run.stop();
        assert_whole(&first, &all);
        assert_eq!(stopped.requests.len(), 2);
        stopped.requests.iter().for_each(|request| assert_whole(request, &all));
    }
    Ok(())
}

/// A request is complete with everything, or cancelled.
fn assert_whole(request: &Request, streams: &[StreamId]) {
    let filled = streams.iter().all(|stream| request.info(*stream).filled);
    match request.status() {
        RequestStatus::Complete => {
            assert!(filled, "a request is complete, but its buffers are not");
            assert!(request.metadata().get(control::SENSOR_SEQUENCE).is_some(), "it has no metadata");
        }
        RequestStatus::Cancelled => assert!(request.error().is_some(), "a cancelled request says why"),
        RequestStatus::Pending => panic!("a request came back that is pending"),
    }
}

/// Catches: the reference's mistake of completing such a request, with empty metadata.
pub fn b22_a_request_without_its_metadata_is_cancelled(rig: &dyn Rig) -> Verdict {
    let strings = Strings::default();
    let bench = rig.bench(Setup { decorator: Some(strings.decorator()), ..Setup::default() })?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video]);
    let requests = requests(&mut camera, 2);
    strings.set(Conduct::Never(JobKind::Process));
    let mut run = bench.start(camera);
    run.queue_all(requests);
    run.pass(Duration::from_millis(300));
    assert_eq!(strings.held(), 1, "the algorithms have the statistics");
    let stopped = run.stop();
    assert_eq!(stopped.requests.len(), 2);
    for request in &stopped.requests {
        assert_eq!(request.status(), RequestStatus::Cancelled, "{request:?}");
    }
    Ok(())
}

/// Catches: algorithms that keep reading a buffer which the stop has unmapped; an answer from
/// before the stop that is taken for one to the new run.
pub fn b23_a_stop_while_the_algorithms_hold_buffers(rig: &dyn Rig) -> Verdict {
    for kind in [JobKind::Prepare, JobKind::Process] {
        for conduct in [Conduct::Late(kind, Duration::from_millis(500)), Conduct::Stale(kind)] {
            stop_in_their_hands(rig, conduct)?;
        }
    }
    Ok(())
}

fn stop_in_their_hands(rig: &dyn Rig, conduct: Conduct) -> Verdict {
    let strings = Strings::default();
    let bench = rig.bench(Setup { decorator: Some(strings.decorator()), ..Setup::default() })?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video]);
    let requests = requests(&mut camera, 3);
    strings.set(conduct);
    let mut run = bench.start(camera);
    run.queue_all(requests);
    if rig.driver() == Driver::Caller {
        run.until(|| strings.held() == 1);
    }
    let mut stopped = run.stop();
    let (maps, unmaps) = strings.maps_and_unmaps();
    assert_eq!(maps, unmaps, "{conduct:?}: the algorithms still know the buffers");
    assert_eq!(bench.mapper.mapped_now(), 0, "{conduct:?}: buffers are still mapped");
    strings.set(Conduct::Prompt);
    let mut run = bench.start(stopped.camera);
    stopped.requests.iter_mut().for_each(|request| request.reuse(true));
    run.queue_all(stopped.requests);
    run.rounds(6, |_| {});
    Ok(())
}

fn restarted(bench: &Bench, stopped: pinhole::Stopped) -> Run {
    let run = bench.start(stopped.camera);
    for mut request in stopped.requests {
        request.reuse(true);
        run.queue(request);
    }
    run
}

/// Catches: a slot, a pool or a list that still has something of the run before.
pub fn b24_start_again_with_the_same_buffers(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video, Role::Viewfinder]);
    let all = streams(&camera);
    let requests = requests(&mut camera, 4);
    let keepsakes = Keepsake::of_all(&requests, &all);
    let mut run = bench.start(camera);
    run.queue_all(requests);
    for _ in 0..4 {
        run.rounds(8, |request| keepsakes[request.cookie() as usize].check(request));
        run = restarted(&bench, run.stop());
    }
    Ok(())
}

/// Catches: the reference's stall, where a request that waited for an internal buffer at the
/// stop blocks those of the next run.
pub fn b25_start_again_after_bufferless_requests_were_pending(rig: &dyn Rig) -> Verdict {
    for named in 0..3 {
        let bench = rig.bench(Setup::default())?;
        bench.needs(Need::OwnBuffers)?;
        let mut camera = bench.configured(&[Role::Raw, Role::Video, Role::Viewfinder]);
        let all = streams(&camera);
        let requests = requests_for(&mut camera, &all[named..=named], 12);
        let mut run = bench.start(camera);
        run.queue_all(requests);
        for taken in [0, 1, 5] {
            run.rounds(taken, |_| {});
            let stopped = run.stop();
            assert_eq!(stopped.requests.len(), 12);
            run = restarted(&bench, stopped);
        }
        run.take(12);
    }
    Ok(())
}

/// Catches: a queue that swallows what is queued when nobody will ever complete it.
pub fn b26_queueing_after_a_stop_is_an_error(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut camera = bench.configured(&[Role::Video]);
    let all = streams(&camera);
    let request = requests(&mut camera, 1).remove(0);
    let keepsake = Keepsake::of(&request, &all);
    let run = bench.start(camera);
    let handle = run.session.queue_handle();
    let stopped = run.stop();
    let refused = handle.queue(request).expect_err("nobody would complete it");
    assert_eq!(refused.error.kind(), ErrorKind::WrongState);
    keepsake.check(&refused.request);
    // Stopping is the end of a session by construction; ending what never ran does nothing.
    let run = bench.start(stopped.camera);
    drop(run.stop().camera);
    let again = bench.camera();
    assert!(again.configuration().is_none(), "an acquired camera remembers nobody's configuration");
    bench.backstage.assert_released(0);
    Ok(())
}

/// Catches: stopping a camera that has stopped by itself, once more.
pub fn b26_a_stop_after_a_failure_does_nothing_more(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut camera = bench.configured(&[Role::Video]);
    let requests = requests(&mut camera, 3);
    let mut run = bench.start(camera);
    bench.inject(2, Fault::Silence { frames: None })?;
    run.queue_all(requests);
    let (done, _) = run.drain();
    assert_eq!(done.len(), 3);
    let stopped = run.stop();
    assert!(stopped.requests.is_empty() && stopped.failure.is_none());
    Ok(())
}

/// How many frames to take in a run, and how many its first may be late: cameras that do not
/// wait for us have taken some before the first buffer came.
fn frames_and_lateness(bench: &Bench) -> (usize, i64) {
    if bench.abilities.exact_time { (5, 4) } else { (60, 45) }
}

/// Catches: numbers that go on from the run before, so that delayed controls are looked up in
/// the wrong place.
pub fn b27_sequence_numbers_restart_at_0(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video]);
    let requests = requests(&mut camera, 3);
    let mut run = bench.start(camera);
    run.queue_all(requests);
    let (frames, late_max) = frames_and_lateness(&bench);
    let mut firsts = Vec::new();
    for _ in 0..3 {
        let mut seen = Vec::new();
        run.rounds(frames, |request| {
            seen.push((request.number(), request.metadata().get(control::SENSOR_SEQUENCE)));
        });
        firsts.push(seen[0]);
        run = restarted(&bench, run.stop());
    }
    for (number, sequence) in firsts {
        assert_eq!(number, 0, "requests are numbered from 0");
        assert!(
            sequence.is_some_and(|sequence| sequence < late_max),
            "the first frame had number {sequence:?}"
        );
    }
    Ok(())
}

/// Catches: anything that a round leaves behind. (The long version counts descriptors, maps and
/// pages too, in a process of its own.)
pub fn b28_release_returns_all_internal_memory(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut camera = bench.camera();
    let acquired = bench.backstage.memory_used_bytes();
    for round in 0..20 {
        let roles: &[Role] = [&[Role::Raw][..], &[Role::Raw, Role::Video], &[Role::Video]][round % 3];
        let configuration = bench.configure(&mut camera, roles);
        let (rest, buffers) = one_round(&bench, camera, &configuration);
        camera = rest;
        assert!(buffers.iter().all(|memory| memory.strong_count() == 0), "a buffer is still known");
        assert_eq!(bench.backstage.memory_used_bytes(), acquired, "round {round} left memory behind");
        assert_eq!(bench.mapper.mapped_now(), 0, "round {round} left mappings behind");
        bench.backstage.assert_released(0);
    }
    Ok(())
}

fn one_round(
    bench: &Bench,
    mut camera: Camera,
    configuration: &config::Configuration,
) -> (Camera, Vec<Weak<pinhole::FrameMemory>>) {
    let all = streams(&camera);
    let before = bench.backstage.memory_used_bytes();
    let requests = requests(&mut camera, 2);
    let theirs: u64 = configuration.streams.iter().map(|stream| u64::from(stream.frame_bytes) * 2).sum();
    let memories =
        requests.iter().flat_map(|request| all.iter().filter_map(|stream| request.buffer(*stream)));
    let weak = memories.map(|buffer| Arc::downgrade(buffer.memory())).collect();
    let mut run = bench.start(camera);
    if let (Some(before), Some(now)) = (before, bench.backstage.memory_used_bytes()) {
        let internal = now - before - theirs;
        assert_eq!(internal, configuration.internal_bytes, "what was announced is not what is used");
    }
    run.queue_all(requests);
    run.rounds(2, |_| {});
    (run.stop().camera, weak)
}
