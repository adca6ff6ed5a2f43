//! The ways to wait for frames: blocking, as a stream on any runtime, by descriptor, from
//! several threads, newest first, not before an instant.

use futures_lite::{Stream, StreamExt, future};
use pinhole::control::{SETTINGS_SOURCE, SettingsSource};
use pinhole::sim::{CameraConfig, Fault};
use pinhole::{Camera, Driver, DropCause, ErrorKind, Frame, Role, Session};
use pinhole_conformance::bench::{Bench, requests};
use pinhole_conformance::rig::{Rig, Setup};
use pinhole_conformance::simulated::Simulated;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

const CALLER: Simulated = Simulated::new("imx219", CameraConfig::imx219());

fn bench(driver: Driver) -> Bench {
    let rig = Simulated { driver, ..CALLER };
    rig.bench(Setup::default()).expect("simulated cameras can be made")
}

/// A session of four buffers a stream that go round by themselves.
fn session(bench: &Bench) -> Session {
    let camera = bench.camera();
    let configuration = camera.propose([Role::Raw, Role::Video]).expect("the roles are served");
    camera.start(configuration).expect("nothing is in the way of a start")
}

/// Wakes the thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The smallest of runtimes.
fn next_by_hand(session: &mut Session) -> Option<pinhole::Result<Frame>> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match Pin::new(&mut *session).poll_next(&mut context) {
            Poll::Ready(item) => return item,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn assert_rising(sequences: &[u32]) {
    assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]), "frames came out of order: {sequences:?}");
}

#[test]
fn a_session_is_a_stream_for_a_hand_written_runtime() {
    for driver in [Driver::Thread, Driver::Caller] {
        let bench = bench(driver);
        let mut session = session(&bench);
        let next = |_| next_by_hand(&mut session).expect("frames come").expect("nothing fails").sequence();
        assert_rising(&(0..20).map(next).collect::<Vec<_>>());
    }
}

#[test]
fn a_session_is_a_stream_for_any_runtime() {
    for driver in [Driver::Thread, Driver::Caller] {
        let bench = bench(driver);
        let frames = session(&bench).take(20).map(|frame| frame.expect("nothing fails").sequence());
        assert_rising(&future::block_on(frames.collect::<Vec<_>>()));
    }
}

/// Catches: a task that is never woken when the camera fails.
#[test]
fn a_stream_ends_with_the_failure_as_its_last_item() {
    for driver in [Driver::Thread, Driver::Caller] {
        let bench = bench(driver);
        bench.inject(5, Fault::UnplugCamera).expect("simulated hardware fails on demand");
        let sequences = session(&bench).map(|frame| frame.map(|frame| frame.sequence()));
        let items = future::block_on(sequences.collect::<Vec<_>>());
        let (last, frames) = items.split_last().expect("something came");
        assert!(frames.iter().all(Result::is_ok), "the failure is told once, at the end");
        assert_eq!(last.as_ref().err().map(pinhole::Error::kind), Some(ErrorKind::Disconnected));
    }
}

fn wait_readable(session: &Session) {
    let mut polled = [PollFd::new(session, PollFlags::IN)];
    let patience = Timespec { tv_sec: 60, tv_nsec: 0 };
    let count = poll(&mut polled, Some(&patience)).expect("a session can be polled");
    assert_eq!(count, 1, "the descriptor never became readable");
}

/// Catches: a descriptor that misses a frame that came before anybody asked for it.
#[test]
fn a_session_can_be_polled() {
    let bench = bench(Driver::Thread);
    let mut session = session(&bench);
    let mut sequences = Vec::new();
    while sequences.len() < 40 {
        wait_readable(&session);
        while let Some(request) = session.try_next_request().expect("nothing fails") {
            let sequence = request.metadata().get(pinhole::control::SENSOR_SEQUENCE);
            sequences.push(sequence.expect("frames are numbered") as u32);
            let mut request = request;
            request.reuse(true);
            session.queue(request).expect("a running camera takes requests");
        }
    }
    assert_rising(&sequences);
}

/// Catches: a descriptor that stays silent about a failure.
#[test]
fn a_failure_makes_the_descriptor_readable() {
    let bench = bench(Driver::Thread);
    bench.inject(2, Fault::UnplugIsp).expect("simulated hardware fails on demand");
    let mut session = session(&bench);
    let failure = loop {
        wait_readable(&session);
        match session.try_next_request() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(failure.kind(), ErrorKind::Disconnected);
    wait_readable(&session);
    assert!(session.as_fd().try_clone_to_owned().is_ok());
}

/// Catches: requests of two threads that are lost, or complete out of order of queueing.
#[test]
fn requests_can_be_queued_from_several_threads() {
    let bench = bench(Driver::Thread);
    let mut camera = bench.configured(&[Role::Raw, Role::Video]);
    let mut batch = requests(&mut camera, 32);
    let mut run = bench.start(camera);
    let halves = [batch.split_off(16), batch];
    let threads = halves.map(|half| {
        let handle = run.session.queue_handle();
        std::thread::spawn(move || {
            half.into_iter().for_each(|request| handle.queue(request).expect("it is running"));
        })
    });
    threads.into_iter().for_each(|thread| thread.join().expect("queueing does not panic"));
    let back = run.take(32);
    let mut cookies: Vec<_> = back.iter().map(pinhole::Request::cookie).collect();
    assert_rising(&back.iter().map(|request| request.number() as u32).collect::<Vec<_>>());
    cookies.sort_unstable();
    assert_eq!(cookies, (0..32).collect::<Vec<_>>());
}

/// Catches: `latest` that answers the oldest frame of those that wait.
#[test]
fn latest_is_the_newest_frame_and_the_others_are_counted() {
    let bench = bench(Driver::Caller);
    let mut session = session(&bench);
    let until = session.backend().expect("the caller turns").now() + Duration::from_secs(1);
    while session.backend().is_some_and(|backend| backend.now() < until) {
        session.turn(Some(until));
    }
    let newest = session.latest().expect("nothing fails").expect("frames came");
    assert_eq!(session.drops().of(DropCause::Superseded), 3, "of four frames one is the newest");
    assert_eq!(newest.request().number(), 3);
    drop(newest);
    let next = session.next().expect("nothing fails").expect("the others' buffers went round");
    assert!(next.timestamp() > until - Duration::from_millis(100), "they are filled anew");
}

/// Catches: a frame from before the instant; one much later.
#[test]
fn after_is_the_first_frame_from_an_instant_on() {
    let bench = bench(Driver::Caller);
    let mut session = session(&bench);
    let first = session.next().expect("nothing fails").expect("frames come");
    let frame_us = first.metadata().get(pinhole::control::FRAME_DURATION).expect("frames have a length");
    drop(first);
    for _ in 0..5 {
        let instant = session.backend().expect("the caller turns").now() + Duration::from_millis(333);
        let frame = session.after(instant).expect("nothing fails").expect("frames come");
        let late = frame.timestamp().since(instant);
        assert!(frame.timestamp() >= instant, "it began before the instant");
        assert!(late < Duration::from_micros(frame_us as u64 + 1), "there was an earlier one");
    }
    assert!(session.drops().of(DropCause::Superseded) > 10);
}

/// Catches: settings made up for frames that lay there, nobody turning the loop, until the
/// camera remembered only later ones.
#[test]
fn a_frame_that_waited_too_long_says_that_its_settings_are_estimated() {
    let rig = Simulated { driver: Driver::Caller, ..CALLER };
    let setup = Setup { cameras: 2, embedded: Some(false), ..Setup::default() };
    let bench = rig.bench(setup).expect("simulated cameras can be made");
    let mut neglected = session(&bench);
    let configuration = |camera: &Camera| camera.propose([Role::Video]).expect("the role is served");
    let other = bench.camera_at(1);
    let other_configuration = configuration(&other);
    let mut other = other.start(other_configuration).expect("nothing is in the way of a start");
    let next = |session: &mut Session| session.next().expect("nothing fails").expect("frames come");
    let source = |frame: &Frame| frame.metadata().get(SETTINGS_SOURCE).expect("frames say it");
    assert_eq!(source(&next(&mut neglected)), SettingsSource::DelayedControls);
    (0..200).for_each(|_| drop(next(&mut other)));
    let sources: Vec<_> = (0..8).map(|_| source(&next(&mut neglected))).collect();
    assert_eq!(sources[1], SettingsSource::Estimated, "the queue was full of old frames: {sources:?}");
    assert_eq!(sources.last(), Some(&SettingsSource::DelayedControls), "{sources:?}");
}

/// Catches: a wait for ever with nothing under way.
#[test]
fn waiting_for_nothing_is_an_error() {
    for driver in [Driver::Thread, Driver::Caller] {
        let bench = bench(driver);
        let mut session = bench.start(bench.configured(&[Role::Video])).session;
        assert_eq!(session.next().err().map(|error| error.kind()), Some(ErrorKind::WrongState));
    }
}
