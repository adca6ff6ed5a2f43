//! The sensor's controls, and what frames say of them: statements 36 to 38.

use crate::backstage::Backstage;
use crate::bench::{Bench, requests, streams};
use crate::rig::{Need, Rig, Setup, Verdict};
use crate::run::Run;
use pinhole::sim::model::SensorModel;
use pinhole::sim::{Fault, Stamp};
use pinhole::{Camera, Request, Role, StreamId, control};
use std::sync::Arc;
use std::time::Duration;

/// Holds what frames say of themselves against how they were taken.
struct Truth {
    model: &'static SensorModel,
    raw: StreamId,
    backstage: Arc<dyn Backstage>,
}

impl Truth {
    fn of(bench: &Bench, camera: &Camera) -> Self {
        let model = SensorModel::by_name(&camera.info().model).expect("the sensor is modelled");
        Self { model, raw: streams(camera)[0], backstage: Arc::clone(&bench.backstage) }
    }

    fn stamp(&self, request: &Request) -> Stamp {
        self.backstage.stamp(request, self.raw).expect("sensors of ours tell")
    }

    fn exposure_us(&self, stamp: &Stamp) -> f64 {
        self.model.line_ns(stamp.line_length_pixels) * f64::from(stamp.exposure_lines) / 1e3
    }

    fn gain(&self, stamp: &Stamp) -> f64 {
        self.model.gain.factor(stamp.gain_code)
    }

    /// Checks a frame's metadata.
    fn check(&self, request: &Request) {
        let stamp = self.stamp(request);
        let metadata = request.metadata();
        assert_eq!(metadata.get(control::SENSOR_SEQUENCE), Some(i64::from(stamp.sequence)));
        assert_eq!(metadata.get(control::SENSOR_TIMESTAMP), Some(stamp.timestamp_ns as i64));
        let source = metadata.get(control::SETTINGS_SOURCE);
        let exposure_us = f64::from(metadata.get(control::EXPOSURE_TIME).expect("frames are exposed"));
        let off_us = exposure_us - self.exposure_us(&stamp);
        assert!(off_us.abs() <= 1.0, "frame {}: exposure is off by {off_us} µs ({source:?})", stamp.sequence);
        let gain = f64::from(metadata.get(control::ANALOGUE_GAIN).expect("frames have a gain"));
        let ratio = gain / self.gain(&stamp);
        assert!((0.999..1.001).contains(&ratio), "frame {}: gain {gain} is off by {ratio}", stamp.sequence);
    }
}

/// The exposures and gains that requests ask for in turn; `None` leaves them alone.
fn wish(at: usize) -> Option<(i32, f32)> {
    const EXPOSURES_US: [i32; 7] = [1000, 12_000, 3000, 28_000, 500, 20_000, 8000];
    const GAINS: [f32; 5] = [1.0, 2.0, 1.5, 6.0, 4.0];
    (!matches!(at % 11, 3 | 4 | 7)).then(|| (EXPOSURES_US[at % 7], GAINS[at % 5]))
}

fn ask(request: &mut Request, at: usize) {
    if let Some((exposure_us, gain)) = wish(at) {
        let controls = request.controls_mut();
        controls.set(control::EXPOSURE_TIME, exposure_us);
        controls.set(control::ANALOGUE_GAIN, gain);
    }
}

/// A camera that is asked for something else all the time.
struct Restless {
    run: Run,
    truth: Truth,
    asked: usize,
}

impl Restless {
    fn start(bench: &Bench) -> Verdict<Self> {
        bench.needs(Need::ControlLoop)?;
        Ok(Self::start_camera(bench, bench.configured(&[Role::Raw, Role::Video])))
    }

    fn start_camera(bench: &Bench, mut camera: Camera) -> Self {
        let truth = Truth::of(bench, &camera);
        let requests = requests(&mut camera, 4);
        let mut restless = Self { run: bench.start(camera), truth, asked: 0 };
        requests.into_iter().for_each(|request| restless.queue(request));
        restless
    }

    fn queue(&mut self, mut request: Request) {
        ask(&mut request, self.asked);
        self.asked += 1;
        self.run.queue(request);
    }

    fn rounds(&mut self, count: usize) {
        for _ in 0..count {
            let mut request = self.run.complete();
            self.truth.check(&request);
            request.reuse(true);
            self.queue(request);
        }
    }
}

fn both_ways(rig: &dyn Rig, statement: impl Fn(&Bench) -> Verdict) -> Verdict {
    statement(&rig.bench(Setup::default())?)?;
    statement(&rig.bench(Setup { embedded: Some(false), ..Setup::default() })?)
}

/// Catches: settings that are reported for the frame in which they were asked for, or one off.
pub fn b36_frames_report_what_they_were_taken_with(rig: &dyn Rig) -> Verdict {
    both_ways(rig, |bench| {
        Restless::start(bench)?.rounds(80);
        Ok(())
    })
}

/// Catches: a record of settings that is looked up by the count of frames that came, not by
/// their numbers.
pub fn b36_across_lost_frames(rig: &dyn Rig) -> Verdict {
    both_ways(rig, |bench| {
        let mut restless = Restless::start(bench)?;
        for (after, fault) in [
            (5, Fault::LoseFrame),
            (9, Fault::LoseImage),
            (14, Fault::LoseEmbedded),
            (15, Fault::LoseFrame),
            (16, Fault::LoseFrame),
            (17, Fault::LoseFrame),
            (25, Fault::DuplicateFrame),
            (31, Fault::CorruptEmbedded),
            (37, Fault::DelayFrame { by: Duration::from_millis(20) }),
            (43, Fault::ReorderFrame { by: Duration::from_millis(20) }),
            (50, Fault::FlagEmbedded),
            (56, Fault::ShiftTimestamp { by: Duration::from_millis(1) }),
        ] {
            bench.inject(after, fault)?;
        }
        restless.rounds(80);
        Ok(())
    })
}

/// Catches: the same, where the receiver's numbers skip because no buffer was there.
pub fn b36_across_gaps_in_sequence_numbers(rig: &dyn Rig) -> Verdict {
    both_ways(rig, |bench| {
        let mut restless = Restless::start(bench)?;
        for pause_ms in [100, 1000, 35, 400, 70] {
            restless.rounds(6);
            let mut back = restless.run.take(4);
            back.iter().for_each(|request| restless.truth.check(request));
            restless.run.pass(Duration::from_millis(pause_ms));
            back.iter_mut().for_each(|request| request.reuse(true));
            back.into_iter().for_each(|request| restless.queue(request));
        }
        Ok(())
    })
}

/// Catches: trusting the record across numbers that the receiver's counter has skipped, where
/// the frame itself says better.
pub fn b36_across_skipped_numbers(rig: &dyn Rig) -> Verdict {
    let bench = rig.bench(Setup::default())?;
    bench.needs(Need::EmbeddedData)?;
    let mut restless = Restless::start(&bench)?;
    for (after, frames) in [(6, 1), (12, 2), (20, 7), (30, 100), (44, 1)] {
        bench.inject(after, Fault::SkipSequence { frames })?;
    }
    restless.rounds(60);
    Ok(())
}

/// Catches: settings written at a frame start that has long passed, and recorded as in time.
pub fn b36_across_missed_frame_starts(rig: &dyn Rig) -> Verdict {
    for embedded in [None, Some(false)] {
        let bench = rig.bench(Setup { cameras: 2, embedded, ..Setup::default() })?;
        let mut restless = Restless::start(&bench)?;
        let mut other = bench.camera_at(1);
        bench.configure(&mut other, &[Role::Raw, Role::Video]);
        let mut clock = Restless::start_camera(&bench, other);
        for missed in [1, 2, 3, 5, 8, 13] {
            restless.rounds(7);
            clock.rounds(missed);
        }
        restless.rounds(10);
    }
    Ok(())
}

/// Catches: a promise of "from this frame on" that the pixels do not keep.
pub fn b37_a_frame_says_whose_controls_it_was_taken_with(rig: &dyn Rig) -> Verdict {
    both_ways(rig, |bench| {
        bench.needs(Need::ControlLoop)?;
        let mut camera = bench.configured(&[Role::Raw, Role::Video]);
        let truth = Truth::of(bench, &camera);
        let requests = requests(&mut camera, 4);
        let mut run = bench.start(camera);
        run.queue_all(requests);
        run.rounds(10, |_| {});
        for exposure_us in [4000, 16_000, 1000] {
            takes_effect(&mut run, &truth, exposure_us);
        }
        Ok(())
    })
}

fn takes_effect(run: &mut Run, truth: &Truth, exposure_us: i32) {
    let mut request = run.complete();
    request.reuse(true);
    request.controls_mut().set(control::EXPOSURE_TIME, exposure_us);
    request.controls_mut().set(control::ANALOGUE_GAIN, 2.0);
    run.queue(request);
    let mut asked = None;
    for _ in 0..16 {
        let mut request = run.complete();
        if request.controls().get(control::EXPOSURE_TIME).is_some() {
            asked = Some(request.number() as i64);
        }
        let by = request.metadata().get(control::CONTROLS_APPLIED_BY).expect("frames say whose controls");
        let (is, wanted) = (truth.exposure_us(&truth.stamp(&request)), f64::from(exposure_us));
        let line_us = truth.model.line_ns(truth.stamp(&request).line_length_pixels) / 1e3;
        let in_effect = (is - wanted).abs() <= line_us;
        // Nobody has asked for anything since.
        let claimed = asked == Some(by);
        assert_eq!(claimed, in_effect, "frame of request {}: {by} of {asked:?}, {is} µs", request.number());
        request.reuse(true);
        run.queue(request);
    }
    assert!(asked.is_some(), "the request never came back");
}

/// Catches: EXPOSURE written while the old VBLANK still bounds it; the driver then cuts it.
pub fn b38_vblank_is_written_before_exposure(rig: &dyn Rig) -> Verdict {
    both_ways(rig, |bench| {
        bench.needs(Need::ControlLoop)?;
        let mut camera = bench.configured(&[Role::Raw, Role::Video]);
        let truth = Truth::of(bench, &camera);
        let requests = requests(&mut camera, 3);
        let mut run = bench.start(camera);
        run.queue_all(requests);
        for frame_us in [250_000, 120_000, 400_000, 150_000, 600_000] {
            let exposure_us = frame_us - 10_000;
            let mut request = run.complete();
            request.reuse(true);
            request.controls_mut().set(control::EXPOSURE_TIME, exposure_us);
            request.controls_mut().set(control::FRAME_DURATION_LIMITS, [frame_us as f32; 2]);
            run.queue(request);
            run.rounds(9, |request| truth.check(request));
            let mut exposed_us = 0.0;
            run.rounds(1, |request| exposed_us = truth.exposure_us(&truth.stamp(request)));
            let off_us = (exposed_us - f64::from(exposure_us)).abs();
            assert!(off_us < 100.0, "{exposed_us} µs instead of {exposure_us}: it was cut");
        }
        Ok(())
    })
}
