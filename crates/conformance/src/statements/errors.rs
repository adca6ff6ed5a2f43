//! Errors: statements 39 to 45.

use crate::algorithms::{Conduct, Strings};
use crate::bench::{Bench, requests, streams};
use crate::keepsake::Keepsake;
use crate::rig::{NO_FAILURES, Need, Rig, Setup, Verdict};
use crate::run::{Outcome, Run};
use pinhole::control::ControlList;
use pinhole::job::JobKind;
use pinhole::sim::{Call, Fault, Role as Node, Target};
use pinhole::{
    Cameras, Driver, DropCause, Error, ErrorKind, Frame, Request, RequestStatus, Role, Session, Timestamp,
    control,
};
use std::time::Duration;

/// A camera with RAW and video and requests under way, of which the sensor has begun the first
/// frame at most.
struct Begun {
    bench: Bench,
    run: Run,
    keepsakes: Vec<Keepsake>,
    strings: Strings,
}

impl Begun {
    fn new(rig: &dyn Rig, count: usize, faults: &[(u32, Fault)]) -> Verdict<Self> {
        Self::with_controls(rig, count, faults, &ControlList::new())
    }

    fn with_controls(
        rig: &dyn Rig,
        count: usize,
        faults: &[(u32, Fault)],
        controls: &ControlList,
    ) -> Verdict<Self> {
        let strings = Strings::default();
        // A loop that its caller turns stands still by itself.
        let decorator = (rig.driver() == Driver::Thread).then(|| strings.decorator());
        let bench = rig.bench(Setup { decorator, ..Setup::default() })?;
        if rig.driver() == Driver::Thread {
            strings.shut();
        }
        let mut camera = bench.configured(&[Role::Raw, Role::Video]);
        camera.controls_mut().merge(controls);
        let all = streams(&camera);
        let requests = requests(&mut camera, count);
        let keepsakes = Keepsake::of_all(&requests, &all);
        let run = bench.start(camera);
        faults.iter().try_for_each(|(after, fault)| bench.inject(*after, *fault))?;
        run.queue_all(requests);
        Ok(Self { bench, run, keepsakes, strings })
    }

    /// Lets the camera go on.
    fn go(self) -> (Bench, Run, Vec<Keepsake>) {
        self.strings.open();
        (self.bench, self.run, self.keepsakes)
    }
}

fn statuses(requests: &[Request]) -> Vec<RequestStatus> {
    requests.iter().map(Request::status).collect()
}

/// Checks that a failed camera starts again and works.
fn assert_recovers(bench: &Bench, run: Run, mut requests: Vec<Request>) {
    let stopped = run.stop();
    assert!(stopped.requests.is_empty(), "all had come back already");
    let mut run = bench.start(stopped.camera);
    requests.iter_mut().for_each(|request| request.reuse(true));
    run.queue_all(requests);
    run.rounds(8, |_| {});
}

/// Catches: a camera that waits for a sensor with a loose cable until the user gives up.
pub fn b39_a_silent_sensor_is_reported(rig: &dyn Rig) -> Verdict {
    for frame_ms in [40, 500] {
        let mut controls = ControlList::new();
        controls.set(control::FRAME_DURATION_LIMITS, [(frame_ms * 1000) as f32; 2]);
        let silence = [(3, Fault::Silence { frames: None })];
        let (bench, mut run, _) = Begun::with_controls(rig, 6, &silence, &controls)?.go();
        let first = run.take(3);
        let exact = bench.abilities.exact_time && rig.driver() == Driver::Caller;
        let begin = exact.then(|| run.now());
        let (rest, error) = run.drain();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(error.advice().is_some(), "{error}: what is one to do?");
        assert_eq!(rest.len(), 3);
        // A sensor that does not wait for us may have filled some before it fell silent.
        let sent = rest.iter().take_while(|request| request.status() == RequestStatus::Complete).count();
        assert!(sent == 0 || !bench.abilities.exact_time, "{rest:?}");
        assert!(rest[sent..].iter().all(|request| request.status() == RequestStatus::Cancelled));
        assert!(sent < 3, "it did not fall silent");
        if let Some(begin) = begin {
            let limit_ms = 1000.max(5 * frame_ms);
            let waited_ms = run.now().since(begin).as_millis() as u64;
            assert!((limit_ms * 9 / 10..limit_ms * 12 / 10).contains(&waited_ms), "{waited_ms} ms");
        }
        assert_recovers(&bench, run, first.into_iter().chain(rest).collect());
    }
    Ok(())
}

/// Catches: a watchdog that bites at the first missing frame.
pub fn b39_a_short_silence_is_survived(rig: &dyn Rig) -> Verdict {
    let (_bench, mut run, _) = Begun::new(rig, 4, &[(5, Fault::Silence { frames: Some(6) })])?.go();
    run.rounds(20, |_| {});
    Ok(())
}

/// Catches: a watchdog that takes an idle application for a dead sensor.
pub fn b40_without_buffers_the_watchdog_keeps_quiet(rig: &dyn Rig) -> Verdict {
    for roles in [&[Role::Raw][..], &[Role::Video], &[Role::Raw, Role::Video]] {
        let bench = rig.bench(Setup::default())?;
        let mut camera = bench.configured(roles);
        let requests = requests(&mut camera, 3);
        let mut run = bench.start(camera);
        run.pass(Duration::from_secs(10));
        run.queue_all(requests);
        let mut back = run.take(3);
        run.pass(Duration::from_secs(10));
        assert!(!run.session.is_closed(), "the watchdog bit an idle camera");
        back.iter_mut().for_each(|request| request.reuse(true));
        run.queue_all(back);
        run.take(3);
    }
    Ok(())
}

/// Catches: a damaged picture that is handed out as a good one.
pub fn b41_erroneous_images_are_marked(rig: &dyn Rig) -> Verdict {
    if rig.bench(Setup::default())?.needs(Need::ControlLoop).is_err() {
        return flagged_by_the_driver(rig);
    }
    one_flagged(rig, Node::Image, false)
}

/// Catches: the same where frames of the ISP come late.
pub fn b41_erroneous_images_are_marked_in_any_order(rig: &dyn Rig) -> Verdict {
    rig.bench(Setup::default())?.needs(Need::ControlLoop)?;
    one_flagged(rig, Node::Image, true)
}

/// Catches: a picture that the ISP damaged, handed out as a good one.
pub fn b41_erroneous_buffers_of_the_isp_are_marked(rig: &dyn Rig) -> Verdict {
    rig.bench(Setup::default())?.needs(Need::ControlLoop)?;
    for node in [Node::Output0, Node::Output1, Node::Input, Node::Statistics] {
        for reorder in [false, true] {
            one_flagged(rig, node, reorder)?;
        }
    }
    Ok(())
}

/// Of frames that nobody processes, the one that the driver flagged is marked, and no other.
fn flagged_by_the_driver(rig: &dyn Rig) -> Verdict {
    const FRAMES: usize = 16;
    let bench = rig.bench(Setup::default())?;
    let mut camera = bench.configured(&[Role::Video]);
    let stream = streams(&camera)[0];
    let requests = requests(&mut camera, 4);
    let mut run = bench.start(camera);
    bench.inject(2, Fault::FlagImage)?;
    run.queue_all(requests);
    let mut marked = Vec::new();
    run.rounds(FRAMES, |request| {
        let error = request.info(stream).error;
        assert_eq!(request.metadata().get(control::FRAME_ERROR), Some(error));
        marked.push(error);
    });
    assert!(!marked[0] && !marked[1], "a frame was marked that nobody has flagged: {marked:?}");
    assert_eq!(marked.iter().filter(|marked| **marked).count(), 1, "one was flagged: {marked:?}");
    Ok(())
}

fn one_flagged(rig: &dyn Rig, node: Node, reorder: bool) -> Verdict {
    let strings = Strings::default();
    let bench = rig.bench(Setup { decorator: Some(strings.decorator()), ..Setup::default() })?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video, Role::Viewfinder]);
    let all = streams(&camera);
    let requests = requests(&mut camera, 4);
    if rig.driver() == Driver::Thread {
        strings.shut();
    }
    let mut run = bench.start(camera);
    if reorder {
        // The statistics are with the algorithms when the flagged buffer comes.
        strings.set(Conduct::Late(JobKind::Process, Duration::from_millis(50)));
        bench.inject(2, Fault::ReorderOutputs { by: Duration::from_millis(10) })?;
    }
    let fault = if node == Node::Image { Fault::FlagImage } else { Fault::FlagOutput(node) };
    bench.inject(2, fault)?;
    run.queue_all(requests);
    strings.open();
    let flagged = match node {
        Node::Image => Some(all[0]),
        Node::Output0 => Some(all[1]),
        Node::Output1 => Some(all[2]),
        _ => None,
    };
    for (at, request) in run.take(4).iter().enumerate() {
        let marked = request.metadata().get(control::FRAME_ERROR);
        assert_eq!(marked, Some(at == 2), "{node:?} flagged, frame {at}, reordered: {reorder}");
        for stream in &all {
            let expected = at == 2 && flagged == Some(*stream);
            assert_eq!(request.info(*stream).error, expected, "{node:?} flagged, frame {at}");
            assert_eq!(
                Some(i64::from(request.info(*stream).sequence)),
                request.metadata().get(control::SENSOR_SEQUENCE)
            );
        }
    }
    Ok(())
}

/// Catches: a loop that spins on a dead descriptor; a thread that waits for it for ever.
pub fn b42_an_unplugged_camera_ends_the_session(rig: &dyn Rig) -> Verdict {
    [1, 2, 4].into_iter().try_for_each(|after| unplug(rig, Fault::UnplugCamera, after))
}

/// Catches: the same, where the camera is there and its ISP is not.
pub fn b42_an_unplugged_isp_ends_the_session(rig: &dyn Rig) -> Verdict {
    rig.bench(Setup::default())?.needs(Need::ControlLoop)?;
    [1, 2, 4].into_iter().try_for_each(|after| unplug(rig, Fault::UnplugIsp, after))
}

fn unplug(rig: &dyn Rig, fault: Fault, after: u32) -> Verdict {
    let (bench, mut run, keepsakes) = Begun::new(rig, 8, &[(after, fault)])?.go();
    let (back, error) = run.drain();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    assert!(error.place().is_some() && error.advice().is_some(), "{error}");
    assert_eq!(back.len(), 8);
    for (at, (request, keepsake)) in back.iter().zip(&keepsakes).enumerate() {
        assert_eq!(request.number(), at as u64);
        keepsake.check(request);
    }
    let complete = back.iter().take_while(|request| request.status() == RequestStatus::Complete).count();
    assert!(statuses(&back[complete..]).iter().all(|status| *status == RequestStatus::Cancelled));
    let (late, request) = (run.session.queue_handle(), run.session.create_request());
    drop(run.stop());
    assert!(late.queue(request).is_err(), "nobody would complete it");
    bench.backstage.replug();
    let mut camera = bench.configured(&[Role::Raw, Role::Video]);
    let fresh = requests(&mut camera, 2);
    let mut run = bench.start(camera);
    run.queue_all(fresh);
    run.take(2);
    Ok(())
}

/// Catches: "Input/output error", and nothing else.
pub fn b43_errors_name_the_device_and_help(rig: &dyn Rig) -> Verdict {
    if rig.bench(Setup::default())?.backstage.refusals(Call::Open).is_empty() {
        return Err(NO_FAILURES);
    }
    for (errno, kind) in [
        (13, ErrorKind::PermissionDenied),
        (12, ErrorKind::OutOfResources),
        (16, ErrorKind::Busy),
        (19, ErrorKind::Disconnected),
    ] {
        let bench = rig.bench(Setup::default())?;
        let target = Some(Target::Node(Node::Image));
        bench.inject(0, Fault::FailCall { call: Call::Open, target, errno })?;
        let error = bench.cameras.first().expect("it is there").acquire().err().expect("it was refused");
        assert_eq!((error.kind(), error.errno()), (kind, Some(errno)), "{error}");
        assert!(error.place().is_some_and(|place| place.contains("/dev/video")), "{error}");
        assert!(!error.doing().is_empty(), "{error}");
        assert!(error.advice().is_some(), "{error}: what is one to do?");
    }
    Ok(())
}

/// Catches: a heap that nobody may open, and a camera that shades its pictures' corners because
/// of it without a word.
pub fn b43_a_refused_heap_is_told(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    bench.needs(Need::ControlLoop)?;
    bench.inject(0, Fault::FailCall { call: Call::Open, target: Some(Target::Heap), errno: 13 })?;
    let error = bench.cameras.first().expect("it is there").acquire().err().expect("it was refused");
    assert_eq!((error.kind(), error.errno()), (ErrorKind::PermissionDenied, Some(13)), "{error}");
    assert!(error.place().is_some_and(|place| place.contains("heap")), "{error}");
    assert!(error.advice().is_some(), "{error}: what is one to do?");
    drop(bench.camera());
    Ok(())
}

/// Catches: "out of memory" that does not say how much would have been needed.
pub fn b43_running_out_of_contiguous_memory(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup { memory_bytes: Some(24 << 20), ..Setup::default() })?;
    let mut camera = bench.configured(&[Role::Raw]);
    let bytes = camera.configuration().map_or(0, |configuration| configuration.streams[0].frame_bytes);
    let stream = streams(&camera)[0];
    let error = camera.allocate(stream, 3).expect_err("there is not so much memory");
    assert_eq!(error.kind(), ErrorKind::OutOfResources);
    assert!(error.to_string().contains(&bytes.to_string()), "{error}: how much was asked for?");
    assert!(error.advice().is_some() && error.place().is_some(), "{error}: what is one to do?");
    Ok(())
}

/// Catches: two applications that tear the camera from each other.
pub fn b43_a_busy_camera_says_so(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let camera = bench.camera();
    let error = bench.cameras.first().expect("it is there").acquire().err().expect("it is taken");
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.place().is_some() && error.advice().is_some(), "{error}");
    drop(camera);
    drop(bench.camera());
    Ok(())
}

fn drops_after(rig: &dyn Rig, faults: &[(u32, Fault)]) -> Verdict<pinhole::DropCounters> {
    let (_bench, mut run, _) = Begun::new(rig, 4, faults)?.go();
    for _ in 0..24 {
        let mut request = run.request();
        request.reuse(true);
        run.queue(request);
    }
    Ok(run.stop().drops)
}

/// Catches: a frame that is missing without anybody having counted it, or under a false name.
pub fn b44_dropped_frames_are_counted_with_their_cause(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    if bench.needs(Need::ControlLoop).is_err() {
        return every_missing_number_is_counted(&bench);
    }
    let embedded = bench.embedded;
    let mut cases = vec![
        (Fault::LoseFrame, DropCause::Receiver),
        (Fault::LoseImage, DropCause::Receiver),
        (Fault::DuplicateFrame, DropCause::Duplicate),
    ];
    if embedded {
        cases.extend([
            (Fault::LoseEmbedded, DropCause::EmbeddedLost),
            (Fault::LoseImage, DropCause::ImageLost),
        ]);
    }
    cases.into_iter().try_for_each(|(fault, cause)| twice_dropped(rig, fault, cause))?;
    let drops = drops_after(rig, &[])?;
    let unexpected: Vec<_> = drops.iter().filter(|(cause, _)| *cause != DropCause::StartUp).collect();
    assert!(unexpected.is_empty(), "frames were dropped for no reason: {drops}");
    Ok(())
}

/// Catches: a frame that the ISP would not take, and that nobody misses.
pub fn b44_refused_frames_are_counted(rig: &dyn Rig) -> Verdict {
    rig.bench(Setup::default())?.needs(Need::ControlLoop)?;
    let target = Some(Target::Node(Node::Input));
    twice_dropped(rig, Fault::FailCall { call: Call::Queue, target, errno: 22 }, DropCause::Refused)
}

fn twice_dropped(rig: &dyn Rig, fault: Fault, cause: DropCause) -> Verdict {
    let drops = drops_after(rig, &[(6, fault), (12, fault)])?;
    assert_eq!(drops.of(cause), 2, "{fault:?}: {drops}");
    Ok(())
}

/// Of frames that nobody processes, those whose numbers are missing are the dropped ones:
/// between any two that came, and before the first. (A driver that is late may give two frames
/// one number.)
fn every_missing_number_is_counted(bench: &Bench) -> Verdict {
    let mut camera = bench.configured(&[Role::Video]);
    let requests = requests(&mut camera, 2);
    let mut run = bench.start(camera);
    let (mut frames, mut last) = (0, 0);
    let mut look = |request: &Request| {
        frames += 1;
        last = request.metadata().get(control::SENSOR_SEQUENCE).expect("frames are numbered") as u64;
    };
    run.queue_all(requests);
    run.rounds(20, &mut look);
    let mut back = run.take(2);
    back.iter().for_each(&mut look);
    // Nobody asks for these.
    run.pass(Duration::from_millis(300));
    back.iter_mut().for_each(|request| request.reuse(true));
    run.queue_all(back);
    run.rounds(20, &mut look);
    let stopped = run.stop();
    stopped.requests.iter().filter(|request| request.status() == RequestStatus::Complete).for_each(look);
    let drops = stopped.drops;
    let counted = drops.of(DropCause::Receiver) + drops.of(DropCause::Unrequested);
    let twice = drops.of(DropCause::Duplicate);
    assert_eq!(frames - twice + counted, last + 1, "{frames} frames came up to number {last}: {drops}");
    let total: u64 = drops.iter().map(|(_, times)| times).sum();
    assert_eq!(counted + twice, total, "there is no other cause: {drops}");
    Ok(())
}

/// A session whose buffers go round by themselves, with that many of each stream.
fn session(bench: &Bench, buffer_count: u32) -> Session {
    let camera = bench.camera();
    let mut configuration = bench.propose(&camera, &[Role::Raw, Role::Video]);
    configuration.streams.iter_mut().for_each(|stream| stream.buffer_count = buffer_count);
    camera.start(&configuration).expect("nothing is in the way of a start")
}

/// What says which of two frames is the later one: their numbers, unless a driver may give two
/// one number; their times then.
fn place_in_time(bench: &Bench, frame: &Frame) -> (u32, Timestamp) {
    let role = bench.roles(&[Role::Raw, Role::Video])[0];
    let timestamp = frame.stream(role).expect("it was asked for").info().timestamp;
    (frame.sequence(), if bench.abilities.exact_time { Timestamp::ZERO } else { timestamp })
}

/// Catches: a stream that dries up when the application is careless.
pub fn b45_dropped_frames_give_their_buffers_back(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut session = session(&bench, 2);
    let mut last = None;
    for _ in 0..40 {
        let frame = session.next().expect("nothing fails").expect("frames come");
        let this = place_in_time(&bench, &frame);
        assert!(last < Some(this), "frames come in order: {this:?} after {last:?}");
        last = Some(this);
    }
    Ok(())
}

/// Catches: a wait for ever when all buffers are gone; a stop that waits for them.
pub fn b45_forgotten_frames_are_no_catastrophe(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut forgetful = session(&bench, 3);
    for _ in 0..3 {
        std::mem::forget(forgetful.next().expect("nothing fails").expect("frames come"));
    }
    let error = forgetful.next().err().expect("nothing can come any more");
    assert_eq!(error.kind(), ErrorKind::WrongState, "{error}");
    assert!(error.advice().is_some(), "{error}: what is one to do?");
    drop(forgetful.stop());
    let mut session = session(&bench, 3);
    for _ in 0..10 {
        assert!(session.next().expect("nothing fails").is_some(), "the camera forgot with them");
    }
    Ok(())
}

/// Catches: a frame that dangles when its session has ended.
pub fn b45_frames_outlive_their_session(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut session = session(&bench, 3);
    let frame = session.next().expect("nothing fails").expect("frames come");
    let sequence = frame.sequence();
    let camera = session.stop().camera;
    let role = bench.roles(&[Role::Raw, Role::Video])[0];
    let first = frame.stream(role).expect("it was asked for");
    assert!(first.info().filled && first.map().is_ok(), "the buffer is still the application's");
    assert_eq!(frame.sequence(), sequence);
    drop(camera);
    drop(frame);
    bench.backstage.assert_released(0);
    Ok(())
}

/// Catches: another session's buffers, queued into this one by a frame that came late.
pub fn b45_a_frame_of_an_old_session_stays_out_of_the_new_one(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let mut old = session(&bench, 2);
    let frame = old.next().expect("nothing fails").expect("frames come");
    let handle = old.queue_handle();
    let camera = old.stop().camera;
    let configuration = camera.configuration().expect("it stays configured").clone();
    let mut new = camera.start(&configuration).expect("nothing is in the way of a start");
    let refused = handle.queue(frame.into_request()).expect_err("its session has ended");
    assert_eq!(refused.error.kind(), ErrorKind::WrongState);
    for _ in 0..6 {
        assert!(new.next().expect("nothing fails").is_some());
    }
    Ok(())
}

/// Catches: a name in the list of cameras that leads nowhere.
pub fn b43_unknown_cameras_are_named(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    let cameras: &Cameras = &bench.cameras;
    let error: Error = cameras.get("no such camera").err().expect("there is none of that name");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("no such camera") && error.advice().is_some(), "{error}");
    Ok(())
}

/// Catches: an end that is told twice, or never.
pub fn b42_after_the_end_nothing_comes(rig: &dyn Rig) -> Verdict {
    let begun = Begun::new(rig, 2, &[])?;
    begun.bench.backstage.unplug()?;
    let (_bench, mut run, _) = begun.go();
    run.drain();
    for _ in 0..3 {
        assert!(matches!(run.outcome(), Outcome::Ended));
        assert!(run.session.next().is_ok_and(|frame| frame.is_none()));
        run.session.turn(None);
    }
    Ok(())
}
