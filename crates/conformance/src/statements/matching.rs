//! Matching frames with what belongs to them: statements 29 to 35. (Controls are in
//! [`super::controls`].)

use crate::algorithms::{Conduct, Strings};
use crate::bench::{Bench, requests, requests_for, streams};
use crate::keepsake::{Keepsake, is_held, stamp};
use crate::rig::{Need, Rig, Setup, Verdict};
use crate::run::Run;
use pinhole::control::SettingsSource;
use pinhole::job::JobKind;
use pinhole::sim::{Fault, Role as Node};
use pinhole::{DropCause, ErrorKind, Request, RequestStatus, Role, Timestamp, control};
use std::collections::BTreeMap;
use std::time::Duration;

fn source(request: &Request) -> SettingsSource {
    request.metadata().get(control::SETTINGS_SOURCE).expect("frames say where their settings are from")
}

/// A camera with RAW and video, and four requests under way.
fn running(bench: &Bench) -> Run {
    let mut camera = bench.configured(&[Role::Raw, Role::Video]);
    let requests = requests(&mut camera, 4);
    let run = bench.start(camera);
    run.queue_all(requests);
    run
}

/// The sources of settings of a number of frames, by the frames' numbers.
fn sources(run: &mut Run, count: usize) -> BTreeMap<u32, SettingsSource> {
    let mut seen = BTreeMap::new();
    run.rounds(count, |request| {
        let sequence = request.metadata().get(control::SENSOR_SEQUENCE).expect("frames are numbered");
        seen.insert(sequence as u32, source(request));
    });
    seen
}

/// Catches: a pair that is not one because its embedded half came first.
pub fn b29_equal_time_stamps_pair(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    bench.needs(Need::EmbeddedData)?;
    let mut run = running(&bench);
    for after in [4, 5, 9] {
        bench.inject(after, Fault::ReorderFrame { by: Duration::from_millis(5) })?;
    }
    let seen = sources(&mut run, 14);
    let without = seen.iter().skip(2).filter(|(_, source)| **source != SettingsSource::EmbeddedData).count();
    assert_eq!(without, 0, "a pair was not recognised: {seen:?}");
    Ok(())
}

/// Catches: embedded data of a lost image that waits in front of the queue for ever.
pub fn b29_older_embedded_buffers_are_recycled(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    bench.needs(Need::EmbeddedData)?;
    let mut run = running(&bench);
    (4..24).try_for_each(|after| bench.inject(after * 2, Fault::LoseImage))?;
    let seen = sources(&mut run, 30);
    assert!(seen.values().skip(2).all(|source| *source == SettingsSource::EmbeddedData), "{seen:?}");
    assert!(run.stop().drops.of(DropCause::ImageLost) >= 19);
    Ok(())
}

/// Catches: a camera that waits for embedded data which was lost; settings of another frame.
pub fn b29_an_image_goes_on_without_its_embedded_data(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    bench.needs(Need::EmbeddedData)?;
    let mut run = running(&bench);
    bench.inject(6, Fault::LoseEmbedded)?;
    bench.inject(9, Fault::FlagEmbedded)?;
    bench.inject(12, Fault::CorruptEmbedded)?;
    bench.inject(14, Fault::EmptyEmbedded)?;
    let seen = sources(&mut run, 20);
    for lost in [6, 9, 12, 14] {
        assert_eq!(seen.get(&lost), Some(&SettingsSource::DelayedControls), "frame {lost}: {seen:?}");
    }
    for paired in [5, 7, 8, 10, 11, 13, 15, 16] {
        assert_eq!(seen.get(&paired), Some(&SettingsSource::EmbeddedData), "frame {paired}: {seen:?}");
    }
    Ok(())
}

/// Catches: a pipeline that waits for a node which the sensor does not have.
pub fn b30_sensors_without_embedded_data_work(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup { embedded: Some(false), ..Setup::default() })?;
    bench.needs(Need::ControlLoop)?;
    let mut run = running(&bench);
    run.rounds(12, |request| assert_eq!(source(request), SettingsSource::DelayedControls));
    Ok(())
}

/// Catches: two queues of one buffer each that wait for each other.
pub fn b31_one_buffer_per_stream_and_one_of_a_pair_lost(rig: &dyn Rig) -> Verdict {
    for lost in [Fault::LoseImage, Fault::LoseEmbedded, Fault::LoseFrame] {
        let bench = rig.bench(Setup::default())?;
        bench.needs(Need::Streams)?;
        let mut camera = bench.camera();
        let mut configuration = camera.propose([Role::Raw, Role::Video]).expect("the roles are served");
        configuration.streams.iter_mut().for_each(|stream| stream.buffer_count = 1);
        camera.configure(&configuration).expect("one buffer is enough");
        let all = streams(&camera);
        let requests = requests(&mut camera, 1);
        let mut run = bench.start(camera);
        [2, 5, 6, 9].into_iter().try_for_each(|after| bench.inject(after, lost))?;
        run.queue_all(requests);
        let stamped = bench.hardware().is_ok();
        run.rounds(16, |request| {
            if stamped {
                assert_eq!(stamp(request, all[0]), stamp(request, all[1]));
            }
        });
    }
    Ok(())
}

/// Catches: the only image, waiting without end for embedded data where none comes any more.
pub fn b31_an_image_waits_for_its_embedded_data_but_not_for_long(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    bench.needs(Need::EmbeddedData)?;
    bench.backstage.always(Some(Fault::LoseEmbedded))?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video]);
    let requests = requests(&mut camera, 1);
    let mut run = bench.start(camera);
    run.queue_all(requests);
    let begin = run.now();
    run.rounds(16, |request| assert_eq!(source(request), SettingsSource::DelayedControls));
    let frames = run.now().since(begin).as_secs_f64() / frame_time(&mut run).as_secs_f64();
    assert!(frames < 16.0 * 5.0, "16 frames took the time of {frames}");
    Ok(())
}

/// Catches: a stall, or buffers that trickle away, when no embedded data ever fits.
pub fn b32_a_total_mismatch_stalls_nothing(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    bench.needs(Need::EmbeddedData)?;
    bench.backstage.always(Some(Fault::ShiftTimestamp { by: Duration::from_micros(1) }))?;
    let mut run = running(&bench);
    let begin = run.now();
    run.rounds(60, |request| assert_eq!(source(request), SettingsSource::DelayedControls));
    let frames = run.now().since(begin).as_secs_f64() / frame_time(&mut run).as_secs_f64();
    assert!(frames < 60.0 * 2.5, "60 frames took the time of {frames}");
    bench.backstage.always(None)?;
    run.rounds(8, |_| {});
    let seen = sources(&mut run, 8);
    assert!(seen.values().all(|source| *source == SettingsSource::EmbeddedData), "{seen:?}");
    Ok(())
}

fn frame_time(run: &mut Run) -> Duration {
    let mut duration_us = 0;
    run.rounds(1, |request| {
        duration_us = request.metadata().get(control::FRAME_DURATION).expect("frames say how long they are");
    });
    Duration::from_micros(duration_us as u64)
}

/// Catches: a frame from before the break, handed out to the first request after it.
pub fn b33_the_first_request_after_a_break_gets_a_fresh_frame(rig: &dyn Rig) -> Verdict {
    for named in 0..3 {
        let bench = rig.bench(Setup::default())?;
        let camera = bench.configured(&[Role::Raw, Role::Video, Role::Viewfinder]);
        let all = streams(&camera);
        if let Some(named) = all.get(named..=named) {
            break_between(&bench, camera, named)?;
        }
    }
    let bench = rig.bench(Setup::default())?;
    let camera = bench.configured(&[Role::Video]);
    let all = streams(&camera);
    break_between(&bench, camera, &all)
}

fn break_between(bench: &Bench, mut camera: pinhole::Camera, named: &[pinhole::StreamId]) -> Verdict {
    let requests = requests_for(&mut camera, named, 3);
    let mut run = bench.start(camera);
    run.queue_all(requests);
    for pause_ms in [200, 1500, 5000] {
        let mut back = run.take(3);
        let frame_time = frame_time_of(&back);
        back.iter_mut().for_each(|request| request.reuse(true));
        run.pass(Duration::from_millis(pause_ms));
        let asked = run.now();
        run.queue_all(back);
        let first = run.complete();
        assert_fresh(&first, asked, frame_time);
        let mut first = first;
        first.reuse(true);
        run.queue(first);
    }
    Ok(())
}

/// When a frame began.
fn began(request: &Request) -> Timestamp {
    Timestamp(request.metadata().get(control::SENSOR_TIMESTAMP).expect("frames are timed") as u64)
}

/// The time from frame to frame, as the last of them tells, or else as they came.
fn frame_time_of(frames: &[Request]) -> Duration {
    let told_us = frames.last().and_then(|frame| frame.metadata().get(control::FRAME_DURATION));
    let gaps = frames.windows(2).map(|pair| began(&pair[1]).since(began(&pair[0])));
    let told = told_us.map(|frame_us| Duration::from_micros(frame_us as u64));
    told.or(gaps.min()).expect("frames tell of it, or there are two of them")
}

/// A frame may have begun a little before it was asked for, but not have waited since.
fn assert_fresh(request: &Request, asked: Timestamp, frame_time: Duration) {
    let age = asked.since(began(request));
    let most = frame_time * 3;
    assert!(age <= most, "the frame had waited for {age:?}, three frames are {most:?}");
}

/// Catches: freshness that is judged by when the loop noticed a frame, not by when it began.
pub fn b33_fresh_even_if_nobody_turned_the_loop(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup { cameras: 2, ..Setup::default() })?;
    let (mut camera, mut other) = (bench.configured(&[Role::Video]), bench.camera_at(1));
    bench.configure(&mut other, &[Role::Video]);
    let mine = requests(&mut camera, 1);
    let theirs = requests(&mut other, 2);
    let mut run = bench.start(camera);
    run.queue_all(mine);
    let mut request = run.complete();
    let mut clock = bench.start(other);
    clock.queue_all(theirs);
    clock.rounds(60, |_| {});
    let frame_time = frame_time_of(&clock.take(2));
    let asked = run.now();
    request.reuse(true);
    run.queue(request);
    assert_fresh(&run.complete(), asked, frame_time);
    Ok(())
}

/// Catches: statistics that the ISP writes while the algorithms read them.
pub fn b34_statistics_are_not_requeued_while_the_algorithms_read(rig: &dyn Rig) -> Verdict {
    let strings = Strings::default();
    let bench = rig.bench(Setup { decorator: Some(strings.decorator()), ..Setup::default() })?;
    let hardware = bench.hardware()?;
    strings.set(Conduct::Late(JobKind::Process, Duration::from_millis(150)));
    let mut run = running(&bench);
    let mut held = 0;
    for _ in 0..400 {
        run.step(None);
        if strings.held() > 0 {
            held += 1;
            let audit = hardware.hardware_audit();
            let node = audit.nodes.iter().find(|node| node.role == Node::Statistics).expect("it is there");
            assert_eq!(node.held().count(), 0, "the ISP has the buffer that the algorithms read");
        }
        while let Ok(Some(mut request)) = run.session.try_next_request() {
            request.reuse(true);
            run.queue(request);
        }
    }
    assert!(held > 50, "the algorithms were not late");
    Ok(())
}

/// Catches: a camera that hangs with its algorithms.
pub fn b35_algorithms_that_never_answer_hang_nothing(rig: &dyn Rig) -> Verdict {
    for kind in [JobKind::Prepare, JobKind::Process] {
        for conduct in [Conduct::Never(kind), Conduct::UnknownBuffer(kind), Conduct::Failing(kind)] {
            recovers_from(rig, conduct)?;
        }
    }
    Ok(())
}

fn recovers_from(rig: &dyn Rig, conduct: Conduct) -> Verdict {
    let strings = Strings::default();
    let bench = rig.bench(Setup { decorator: Some(strings.decorator()), ..Setup::default() })?;
    let mut camera = bench.configured(&[Role::Raw, Role::Video]);
    let all = streams(&camera);
    let requests = requests(&mut camera, 6);
    let keepsakes = Keepsake::of_all(&requests, &all);
    let mut run = bench.start(camera);
    run.queue_all(requests);
    run.complete();
    strings.set(conduct);
    let cancelled = run.request();
    assert_eq!(cancelled.status(), RequestStatus::Cancelled, "{conduct:?}: {cancelled:?}");
    assert_eq!(cancelled.error().map(pinhole::Error::kind), Some(ErrorKind::Algorithm), "{conduct:?}");
    keepsakes[1].check(&cancelled);
    if let Ok(hardware) = bench.hardware() {
        let kept = keepsakes[1].memories().any(|memory| is_held(hardware, Node::Input, memory));
        assert!(!kept, "{conduct:?}: the ISP still has a buffer of it");
    }
    strings.set(Conduct::Prompt);
    let rest: Vec<_> = (0..4).map(|_| run.request()).collect();
    let complete = rest.iter().filter(|request| request.status() == RequestStatus::Complete).count();
    assert!(complete >= 3, "{conduct:?}: only the frame under way may be lost with it");
    assert!(run.stop().drops.of(DropCause::Algorithms) >= 1);
    Ok(())
}
