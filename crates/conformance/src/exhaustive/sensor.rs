//! The modelled sensor: when each frame began, and what the registers held in it. What is
//! written during a frame takes effect as many frames later as the control's delay says.

use pinhole::Timestamp;
use pinhole::device::uapi::control_codes;
use pinhole::device::{ControlWrite, Payload};
use pinhole::fingerprint::Fingerprint;
use pinhole::job::SensorValues;
use pinhole::pipelines::vc4::plan::Plan;
use pinhole::sensor::delayed::Delays;
use pinhole::sensor::timing::ModeTiming;

/// Lines before its end from which on a frame takes no more settings.
const LATCH_LINES: u32 = 2;

/// A control's value from a frame on.
type Change = (usize, u32);

/// The sensor.
pub(super) struct Sensor {
    timing: ModeTiming,
    delays: Delays,
    /// When each frame began, as far as that has been asked.
    began: Vec<Timestamp>,
    vblank: Vec<Change>,
    exposure: Vec<Change>,
    gain: Vec<Change>,
}

impl Sensor {
    pub(super) fn new(plan: &Plan) -> Self {
        let initial = plan.initial;
        Self {
            timing: plan.timing,
            delays: plan.delays,
            began: Vec::new(),
            vblank: vec![(0, initial.vblank)],
            exposure: vec![(0, initial.exposure_lines)],
            gain: vec![(0, initial.gain_code)],
        }
    }

    /// When a frame began; the first who asks, at `now`, says so.
    pub(super) fn begin(&mut self, frame: usize, now: Timestamp) -> Timestamp {
        while self.began.len() <= frame {
            let earliest = if self.began.is_empty() { now } else { self.end() };
            self.began.push(earliest.max(now));
        }
        self.began[frame]
    }

    /// When the newest frame ends.
    fn end(&self) -> Timestamp {
        let newest = self.began.len() - 1;
        self.began[newest] + self.timing.frame_duration(self.at(newest).vblank_lines)
    }

    /// When it is all but over.
    pub(super) fn last_line(&self) -> Timestamp {
        self.end() - self.timing.line_duration()
    }

    /// When frames that have begun, from that one on, did so.
    pub(super) fn began_from(&self, frame: usize) -> &[Timestamp] {
        &self.began[frame.min(self.began.len())..]
    }

    /// Writes controls at `now`, during the newest frame.
    pub(super) fn write(&mut self, now: Timestamp, writes: &[ControlWrite<'_>]) {
        let latest = self.end() - self.timing.duration(LATCH_LINES);
        assert!(now < latest, "the sensor is written to when its frame is over");
        let (frame, delays) = (self.began.len() - 1, self.delays);
        for ControlWrite { code, value } in writes {
            let (changes, delay) = match *code {
                control_codes::VBLANK => (&mut self.vblank, delays.vblank),
                control_codes::EXPOSURE => (&mut self.exposure, delays.exposure),
                control_codes::ANALOGUE_GAIN => (&mut self.gain, delays.gain),
                other => panic!("the sensor has no control {other:?}"),
            };
            let Payload::Integer(value) = *value else { panic!("{code:?} is an integer") };
            changes.push((frame + delay as usize, value as u32));
        }
    }

    /// What it has in a frame.
    pub(super) fn at(&self, frame: usize) -> SensorValues {
        let newest = |changes: &[Change]| {
            let then = changes.iter().rev().find(|(from, _)| *from <= frame);
            then.expect("the first is of frame 0").1
        };
        SensorValues {
            exposure_lines: newest(&self.exposure),
            gain_code: newest(&self.gain),
            vblank_lines: newest(&self.vblank),
        }
    }

    /// Takes itself in, when frames before that one are not asked for any more.
    pub(super) fn fingerprint(&self, frame: usize, into: &mut Fingerprint) {
        let Self { timing: _, delays: _, began, vblank, exposure, gain } = self;
        into.put((began.len(), vblank, exposure, gain));
        into.time_if_any(began.last().copied());
        self.began_from(frame).iter().for_each(|began| into.time(*began));
    }
}
