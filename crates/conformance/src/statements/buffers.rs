//! Buffers and requests: statements 1 to 15.

use crate::bench::{Bench, buffer_cookie, requests, requests_for, streams};
use crate::foreign::fence;
use crate::keepsake::{Keepsake, is_held, is_held_anywhere, stamp};
use crate::rig::{NO_FAILURES, Need, Rig, Setup, Verdict};
use pinhole::sim::{Call, Fault, Role as Node, Target};
use pinhole::{
    Driver, Error, ErrorKind, Fence, FrameMemory, Request, RequestStatus, Role, StreamId, control,
};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Catches: a pipeline that copies into a buffer of its own and hands that out, or looks into
/// the pixels on the way.
pub fn b01_a_request_returns_its_own_buffers(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video]);
    let streams = streams(&camera);
    let requests = requests(&mut camera, 4);
    let keepsakes = Keepsake::of_all(&requests, &streams);
    let mut run = bench.start(camera);
    run.queue_all(requests);
    for keepsake in keepsakes.iter().cycle().take(12) {
        let mut request = run.complete();
        keepsake.check(&request);
        request.reuse(true);
        run.queue(request);
    }
    let mapped =
        keepsakes.iter().flat_map(Keepsake::memories).map(|memory| bench.mapper.times_mapped(memory));
    assert_eq!(mapped.sum::<u32>(), 0, "somebody looked into the application's buffers");
    Ok(())
}

/// Catches: a mapping that is made for every frame, or for every buffer when one is looked at.
pub fn b01_only_what_is_looked_at_is_mapped(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video]);
    let all = streams(&camera);
    let requests = requests(&mut camera, 3);
    let keepsakes = Keepsake::of_all(&requests, &all);
    let mut run = bench.start(camera);
    run.queue_all(requests);
    run.rounds(12, |request| {
        if request.cookie() == 1 {
            let first = request.buffer(all[0]).expect("the buffer comes back");
            assert!(!first.view().expect("it can be looked into").plane(0).is_empty());
        }
    });
    let mapped =
        keepsakes.iter().flat_map(Keepsake::memories).map(|memory| bench.mapper.times_mapped(memory));
    let mut looked_at = vec![0; 3 * all.len()];
    looked_at[all.len()] = 1;
    assert_eq!(mapped.collect::<Vec<_>>(), looked_at);
    Ok(())
}

/// Catches: an internal buffer that is put into the request when the frame completes.
pub fn b02_a_stream_without_a_buffer_completes_without_one(rig: &dyn Rig) -> Verdict {
    for named in 0..3 {
        let bench = rig.bench(Setup::default())?;
        bench.needs(Need::OwnBuffers)?;
        let mut camera = bench.configured(&[Role::Raw, Role::Video, Role::Viewfinder]);
        let all = streams(&camera);
        let requests = requests_for(&mut camera, &all[named..=named], 6);
        let mut run = bench.start(camera);
        run.queue_all(requests);
        for request in run.take(6) {
            for stream in all.iter().filter(|stream| stream.index() != named) {
                assert!(request.buffer(*stream).is_none(), "an internal buffer was handed out");
                assert!(!request.info(*stream).filled, "a buffer that is not there was filled");
            }
            assert!(request.info(all[named]).filled);
        }
    }
    Ok(())
}

/// Catches: a request that fails, or overtakes another, because no internal buffer is free.
pub fn b03_more_bufferless_requests_than_internal_buffers(rig: &dyn Rig) -> Verdict {
    for named in 0..3 {
        let bench = rig.bench(Setup::default())?;
        bench.needs(Need::OwnBuffers)?;
        let mut camera = bench.configured(&[Role::Raw, Role::Video, Role::Viewfinder]);
        let all = streams(&camera);
        let requests = requests_for(&mut camera, &all[named..=named], 24);
        let mut run = bench.start(camera);
        run.queue_all(requests);
        let cookies: Vec<_> = run.take(24).iter().map(Request::cookie).collect();
        assert_eq!(cookies, (0..24).collect::<Vec<_>>());
    }
    Ok(())
}

/// Which streams the request at that place has buffers for: every mixture in turn.
fn mixture(at: usize, streams: &[StreamId]) -> impl Iterator<Item = StreamId> {
    let pattern = at % ((1 << streams.len()) - 1) + 1;
    streams.iter().copied().filter(move |stream| pattern >> stream.index() & 1 == 1)
}

fn mixed_requests(camera: &mut pinhole::Camera, count: usize) -> Vec<Request> {
    let all = streams(camera);
    let mut requests: Vec<_> = (0..count).map(|_| camera.create_request()).collect();
    for (at, request) in requests.iter_mut().enumerate() {
        request.set_cookie(at as u64);
        for stream in mixture(at, &all) {
            let mut buffer = camera.allocate(stream, 1).expect("there is memory").remove(0);
            buffer.cookie = buffer_cookie(at, stream);
            request.attach(stream, buffer).expect("the stream has no buffer yet");
        }
    }
    requests
}

/// Catches: a buffer that ends up in the request before or after its own.
pub fn b04_requests_with_and_without_buffers_mixed(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    bench.needs(Need::OwnBuffers)?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video, Role::Viewfinder]);
    let all = streams(&camera);
    let requests = mixed_requests(&mut camera, 28);
    let keepsakes = Keepsake::of_all(&requests, &all);
    let mut run = bench.start(camera);
    run.queue_all(requests);
    for (at, keepsake) in keepsakes.iter().enumerate() {
        let request = run.complete();
        keepsake.check(&request);
        for stream in &all {
            let named = mixture(at, &all).any(|named| named == *stream);
            assert_eq!(request.buffer(*stream).is_some(), named, "request {at}, stream {stream:?}");
            assert_eq!(request.info(*stream).filled, named, "request {at}, stream {stream:?}");
        }
    }
    Ok(())
}

/// Catches: an output that shows the frame before the RAW buffer's, after a lost frame.
pub fn b05_raw_and_processed_show_the_same_frame(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    bench.needs(Need::Streams)?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video, Role::Viewfinder]);
    let all = streams(&camera);
    let requests = requests(&mut camera, 4);
    let stamped = bench.hardware().is_ok();
    let mut run = bench.start(camera);
    if stamped {
        bench.inject(3, Fault::LoseImage)?;
        bench.inject(6, Fault::LoseFrame)?;
    }
    run.queue_all(requests);
    run.rounds(12, |request| {
        let raw = request.info(all[0]);
        assert_eq!(request.metadata().get(control::SENSOR_SEQUENCE), Some(i64::from(raw.sequence)));
        for stream in &all[1..] {
            let info = request.info(*stream);
            assert_eq!((info.sequence, info.timestamp), (raw.sequence, raw.timestamp));
            if stamped {
                assert_eq!(stamp(request, *stream), stamp(request, all[0]));
                assert_eq!(stamp(request, all[0]).sequence, raw.sequence);
            }
        }
    });
    Ok(())
}

/// Catches: a RAW buffer that the application may write to while the ISP still reads it.
pub fn b06_raw_is_handed_out_after_the_isp_has_read_it(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    bench.needs(Need::Streams)?;
    let hardware = bench.hardware()?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video]);
    let raw = streams(&camera)[0];
    let requests = requests(&mut camera, 3);
    let mut run = bench.start(camera);
    for after in [1, 4] {
        bench.inject(after, Fault::SlowIsp { by: Duration::from_millis(200) })?;
        bench.inject(after + 1, Fault::ReorderOutputs { by: Duration::from_millis(40) })?;
    }
    run.queue_all(requests);
    run.rounds(12, |request| {
        let buffer = request.buffer(raw).expect("the buffer comes back");
        assert!(!is_held(hardware, Node::Input, buffer.memory()), "the ISP still reads it");
    });
    assert_eq!(hardware.counters().torn, 0, "a buffer was written while another device had it");
    Ok(())
}

/// Catches: a pipeline that takes only buffers of its own devices.
pub fn b07_foreign_buffers_are_filled(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let camera = bench.configured(&[Role::Raw, Role::Video]);
    let all = streams(&camera);
    let requests = foreign_requests(&bench, &camera, &all, 3)?;
    let keepsakes = Keepsake::of_all(&requests, &all);
    let mut run = bench.start(camera);
    run.queue_all(requests);
    for keepsake in &keepsakes {
        let request = run.complete();
        keepsake.check(&request);
        for stream in &all {
            assert!(request.info(*stream).filled && request.info(*stream).bytes_used > 0);
            if bench.hardware().is_ok() {
                assert_eq!(stamp(&request, *stream).sequence, request.info(*stream).sequence);
            }
        }
    }
    Ok(())
}

fn foreign_requests(
    bench: &Bench,
    camera: &pinhole::Camera,
    streams: &[StreamId],
    count: usize,
) -> Verdict<Vec<Request>> {
    let mut requests: Vec<_> = (0..count).map(|_| camera.create_request()).collect();
    for stream in streams {
        let buffers = bench.foreign(camera, *stream, count)?;
        for (at, (request, mut buffer)) in requests.iter_mut().zip(buffers).enumerate() {
            request.set_cookie(at as u64);
            buffer.cookie = buffer_cookie(at, *stream);
            request.attach(*stream, buffer).expect("the stream has no buffer yet");
        }
    }
    Ok(requests)
}

/// Catches: running out of slots at the 33rd buffer; throwing out the buffer used last.
pub fn b08_more_foreign_buffers_than_slots(rig: &dyn Rig) -> Verdict {
    /// One slot may be an internal buffer's.
    const KEPT: usize = pinhole::sim::SLOTS_MAX as usize - 1;
    let bench = rig.bench(Setup::default())?;
    let camera = bench.configured(&[Role::Video]);
    let all = streams(&camera);
    let mut waiting = foreign_requests(&bench, &camera, &all, 100)?;
    let mut run = bench.start(camera);
    let mut used: Vec<Arc<FrameMemory>> = Vec::new();
    for _ in 0..2 {
        let mut done = Vec::new();
        for mut request in waiting {
            used.extend(request.buffer(all[0]).map(|buffer| Arc::clone(buffer.memory())));
            request.reuse(true);
            run.queue(request);
            done.push(run.complete());
            if bench.hardware().is_ok() {
                assert_slots_hold(&bench, &used[used.len().saturating_sub(KEPT)..])?;
            }
        }
        waiting = done;
    }
    Ok(())
}

fn assert_slots_hold(bench: &Bench, newest: &[Arc<FrameMemory>]) -> Verdict {
    let audit = bench.hardware()?.hardware_audit();
    let node = audit.nodes.iter().find(|node| node.role == Node::Output0).expect("the ISP has an output");
    for memory in newest {
        let inode = memory.identity().inode;
        let known = node.slots.iter().any(|(_, buffer)| buffer.is_some_and(|buffer| buffer.inode == inode));
        assert!(known, "a buffer used lately lost its slot to one used before");
    }
    Ok(())
}

/// Catches: a map of buffers that keeps every one it ever saw. (That look-ups take the same
/// time whatever their number is measured by the benchmark of the core.)
pub fn b09_bookkeeping_of_foreign_buffers_is_bounded(rig: &dyn Rig) -> Verdict {
    const BUFFERS: usize = 2000;
    let bench = rig.bench(Setup::default())?;
    let camera = bench.configured(&[Role::Video]);
    let all = streams(&camera);
    let mut seen: Vec<Weak<FrameMemory>> = Vec::new();
    let fresh: Vec<_> = foreign_requests(&bench, &camera, &all, 1)?;
    let memory = fresh[0].buffer(all[0]).expect("it has just been attached").memory();
    let bytes: Vec<u32> = memory.planes().iter().map(|plane| plane.length).collect();
    let mut run = bench.start(camera);
    for _ in 0..BUFFERS {
        let buffer = bench.backstage.foreign(&bytes)?;
        seen.push(Arc::downgrade(buffer.memory()));
        let mut request = run.session.create_request();
        request.attach(all[0], buffer).map_err(Error::from).expect("the stream has no buffer yet");
        run.queue(request);
        drop(run.complete());
    }
    let bound = pinhole::exchange::REQUESTS_MAX * pinhole::config::STREAMS_MAX;
    let remembered = seen.iter().filter(|memory| memory.strong_count() > 0).count();
    assert!(remembered <= bound, "{remembered} of {BUFFERS} buffers are still held");
    drop(run.stop());
    let remembered = seen.iter().filter(|memory| memory.strong_count() > 0).count();
    assert_eq!(remembered, 0, "buffers are held after the stop");
    Ok(())
}

/// Catches: a second buffer that silently replaces the first; a request that is half queued.
pub fn b10_wrong_requests_are_refused_and_handed_back(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup { cameras: 2, ..Setup::default() })?;
    let mut other = bench.camera_at(1);
    bench.configure(&mut other, &[Role::Video]);
    let mut camera = bench.configured(&[Role::Raw]);
    let (old_stream, old_request) = (streams(&camera)[0], camera.create_request());
    bench.configure(&mut camera, &[Role::Raw, Role::Video]);
    let all = streams(&camera);
    let mut good = requests(&mut camera, 1).remove(0);
    let spare = camera.allocate(all[0], 1).expect("there is memory").remove(0);
    let (memory, other_stream) = (Arc::clone(spare.memory()), streams(&other)[0]);

    let second = good.attach(all[0], spare).expect_err("the stream has a buffer");
    let unconfigured = good.attach(old_stream, second.buffer).expect_err("the stream is gone");
    let elsewhere = good.attach(other_stream, unconfigured.buffer).expect_err("another camera's stream");
    assert!(Arc::ptr_eq(elsewhere.buffer.memory(), &memory), "the buffer is handed back");
    let mut errors = vec![second.error, unconfigured.error, elsewhere.error];

    let foreign = requests(&mut other, 1).remove(0);
    let mut stale = old_request;
    stale.set_cookie(77);
    let mut run = bench.start(camera);
    for wrong in [run.session.create_request(), foreign, stale] {
        let cookie = wrong.cookie();
        let refused = run.session.queue(wrong).expect_err("the request makes no sense");
        assert_eq!(refused.request.cookie(), cookie, "the request is handed back");
        errors.push(refused.error);
    }
    let texts: std::collections::BTreeSet<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), errors.len(), "errors cannot be told apart: {errors:?}");
    run.queue(good);
    assert_eq!(run.complete().number(), 0, "a refused request was queued all the same");
    Ok(())
}

/// Catches: a request without a certain stream that overtakes those that wait for theirs, or
/// one that failed and comes back at once.
pub fn b11_completion_order_is_submission_order(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video, Role::Viewfinder]);
    let requests = mixed_requests(&mut camera, 40);
    let mut run = bench.start(camera);
    if bench.hardware().is_ok() {
        for (after, node) in [(7, Node::Output0), (11, Node::Output1), (13, Node::Input), (17, Node::Image)] {
            let target = Some(Target::Node(node));
            bench.inject(after, Fault::FailCall { call: Call::Queue, target, errno: 12 })?;
        }
    } else if let Some(errno) = bench.backstage.refusals(Call::Queue).first() {
        bench.inject(7, Fault::FailCall { call: Call::Queue, target: None, errno: *errno })?;
    }
    run.queue_all(requests);
    for cookie in 0..40 {
        let request = run.request();
        assert_eq!((request.cookie(), request.number()), (cookie, cookie));
    }
    Ok(())
}

/// Catches: a status, a control or metadata of the last frame that shines through.
pub fn b12_requests_can_be_reused(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut camera = bench.configured(&[Role::Video]);
    let stream = streams(&camera)[0];
    let mut request = requests(&mut camera, 1).remove(0);
    let keepsake = Keepsake::of(&request, &[stream]);
    request.controls_mut().set(control::BRIGHTNESS, 0.5);
    let mut run = bench.start(camera);
    run.queue(request);
    let mut request = run.complete();
    assert!(!request.metadata().is_empty());
    request.reuse(true);
    assert_as_new(&request, stream);
    keepsake.check(&request);
    run.queue(request);
    let mut request = run.complete();
    let buffer = request.take_buffer(stream).expect("the buffer came back");
    request.reuse(false);
    assert_as_new(&request, stream);
    assert!(request.is_empty());
    request.attach(stream, buffer).expect("the stream has no buffer yet");
    run.queue(request);
    keepsake.check(&run.complete());
    Ok(())
}

fn assert_as_new(request: &Request, stream: StreamId) {
    assert_eq!(request.status(), RequestStatus::Pending);
    assert!(request.controls().is_empty() && request.metadata().is_empty());
    assert!(request.error().is_none());
    assert_eq!(request.info(stream), pinhole::BufferInfo::default());
}

/// Catches: a fence that is waited for without end, or one that is lost with its request.
pub fn b13_fences_are_waited_for_and_time_out(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let camera = bench.configured(&[Role::Raw, Role::Video]);
    let all = streams(&camera);
    let one = || Ok(foreign_requests(&bench, &camera, &all, 1)?.remove(0));
    let (late, signalled, plain) = (one()?, one()?, one()?);
    let last = all[all.len() - 1];
    let ((never, _unused), (fence_, signal)) = (made(), made());
    let mut run = bench.start(camera);
    let exact = bench.abilities.exact_time && run.session.backend().is_some();
    let begin = exact.then(|| run.now());
    run.queue(fenced(late, last, never));
    run.queue(fenced(signalled, last, fence_));
    run.queue(plain);
    signal.raise();
    let mut cancelled = run.request();
    assert_eq!(cancelled.status(), RequestStatus::Cancelled);
    assert_eq!(cancelled.error().map(Error::kind), Some(ErrorKind::Timeout));
    if let Some(begin) = begin {
        let waited = run.now().since(begin);
        assert!((300..340).contains(&waited.as_millis()), "cancelled after {waited:?}, not 300 ms");
    }
    let kept = cancelled.take_fence(last).expect("the fence stays with the caller");
    assert!(!kept.is_signalled().expect("it is an eventfd"));
    let mut complete = run.complete();
    assert!(complete.take_fence(last).is_none(), "a fence that signalled is consumed");
    assert_eq!(run.complete().number(), 2, "those behind wait their turn");
    Ok(())
}

fn made() -> (Fence, crate::foreign::Signal) {
    fence().expect("there are descriptors")
}

fn fenced(mut request: Request, stream: StreamId, fence: Fence) -> Request {
    let buffer = request.take_buffer(stream).expect("the request has a buffer");
    request.attach_fenced(stream, buffer, fence).expect("the stream has no buffer any more");
    request
}

/// Catches: a device that starts to write before the fence has signalled.
pub fn b13_nothing_is_queued_before_its_fence_signals(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let camera = bench.configured(&[Role::Raw, Role::Video]);
    let all = streams(&camera);
    let request = foreign_requests(&bench, &camera, &all, 1)?.remove(0);
    let keepsake = Keepsake::of(&request, &all);
    let (fence, signal) = made();
    let mut run = bench.start(camera);
    run.queue(fenced(request, all[0], fence));
    if rig.driver() == Driver::Caller {
        run.pass(Duration::from_millis(150));
        let early = run.session.try_next_request().expect("nothing fails");
        assert!(early.is_none(), "its buffers were filled before its fence signalled");
        assert_nobody_has(&bench, keepsake.memories(), "before its fence signalled");
        signal.raise();
        keepsake.check(&run.complete());
    }
    Ok(())
}

/// Checks that no device has a buffer, where there are books to see it in.
fn assert_nobody_has<'a>(bench: &Bench, memories: impl Iterator<Item = &'a Arc<FrameMemory>>, when: &str) {
    let Ok(hardware) = bench.hardware() else { return };
    for memory in memories {
        assert!(!is_held_anywhere(hardware, memory), "a device has a buffer {when}");
    }
}

/// Catches: a stream that keeps a buffer of a request that another stream refused, or that
/// takes it for one of its own.
pub fn b14_a_queue_failure_cancels_the_request_whole(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    if bench.needs(Need::ControlLoop).is_err() {
        let refusals = bench.backstage.refusals(Call::Queue);
        let errno = *refusals.first().ok_or(NO_FAILURES)?;
        return [0, 3].into_iter().try_for_each(|after| one_queue_failure(rig, None, after, errno));
    }
    for node in [Node::Image, Node::Input, Node::Output0, Node::Output1, Node::Statistics] {
        for (after, errno) in [(0, 22), (3, 12)] {
            one_queue_failure(rig, Some(Target::Node(node)), after, errno)?;
        }
    }
    Ok(())
}

fn one_queue_failure(rig: &dyn Rig, target: Option<Target>, after: u32, errno: i32) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video, Role::Viewfinder]);
    let all = streams(&camera);
    let mut batch = requests(&mut camera, 8);
    let later = requests_for(&mut camera, &all[..1], 6);
    let keepsakes = Keepsake::of_all(&batch, &all);
    let mut run = bench.start(camera);
    bench.inject(after, Fault::FailCall { call: Call::Queue, target, errno })?;
    run.queue_all(batch.drain(..));
    let done: Vec<_> = (0..8).map(|_| run.request()).collect();
    let cancelled: Vec<_> = done.iter().filter(|r| r.status() == RequestStatus::Cancelled).collect();
    assert_eq!(cancelled.len(), 1, "{target:?}: one queue failure cancels one request");
    assert_eq!(cancelled[0].cookie(), u64::from(after), "{target:?}: the wrong request was cancelled");
    assert_eq!(cancelled[0].error().and_then(Error::errno), Some(errno));
    for (keepsake, request) in keepsakes.iter().zip(&done) {
        keepsake.check(request);
    }
    run.queue_all(later);
    for _ in 0..6 {
        run.complete();
        let memories = keepsakes.iter().flat_map(Keepsake::memories);
        assert_nobody_has(&bench, memories, &format!("of a request that {target:?} refused"));
    }
    Ok(())
}

/// Catches: bookkeeping that borrows the application's fields.
pub fn b15_cookies_and_user_data_survive(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video]);
    let all = streams(&camera);
    let mut run_requests = requests(&mut camera, 4);
    for (at, request) in run_requests.iter_mut().enumerate() {
        request.set_cookie(u64::MAX - at as u64);
        *request.user_data() = Some(Box::new(format!("request {at}")));
    }
    let keepsakes = Keepsake::of_all(&run_requests, &all);
    let mut run = bench.start(camera);
    run.queue_all(run_requests);
    for (at, keepsake) in keepsakes.iter().enumerate() {
        let mut request = run.complete();
        keepsake.check(&request);
        request.reuse(true);
        assert_eq!(request.cookie(), u64::MAX - at as u64);
        let data = request.user_data().take().and_then(|data| data.downcast::<String>().ok());
        assert_eq!(data.as_deref(), Some(&format!("request {at}")));
    }
    Ok(())
}
