//! Delayed controls against a sensor modelled the slow, obvious way: a list of all writes,
//! each with the frame from which it counts.

use pinhole_sensor::delayed::{HISTORY, PENDING_MAX};
use pinhole_sensor::{DelayedControls, Delays, ExposureBound, SensorControl, SensorControls, Write};
use proptest::prelude::*;

const BOUND: ExposureBound = ExposureBound { height: 1000, margin_lines: 4 };

/// What a sensor and its driver do with writes.
struct Sensor {
    delays: Delays,
    initial: SensorControls,
    /// Control, first frame in effect, value; in the order of writing.
    writes: Vec<(SensorControl, u64, u32)>,
}

impl Sensor {
    fn delay(&self, control: SensorControl) -> u64 {
        u64::from(match control {
            SensorControl::Vblank => self.delays.vblank,
            SensorControl::Hblank => self.delays.hblank,
            SensorControl::Exposure => self.delays.exposure,
            SensorControl::AnalogueGain => self.delays.gain,
        })
    }

    fn initial(&self, control: SensorControl) -> Option<u32> {
        match control {
            SensorControl::Vblank => Some(self.initial.vblank),
            SensorControl::Hblank => self.initial.hblank,
            SensorControl::Exposure => Some(self.initial.exposure_lines),
            SensorControl::AnalogueGain => Some(self.initial.gain_code),
        }
    }

    fn register(&self, control: SensorControl) -> Option<u32> {
        let last = self.writes.iter().rev().find(|write| write.0 == control);
        last.map(|write| write.2).or(self.initial(control))
    }

    fn room(&self) -> u32 {
        BOUND.height + self.register(SensorControl::Vblank).unwrap() - BOUND.margin_lines
    }

    /// As V4L2 drivers do: blanking sets the exposure's range, and values outside are cut.
    fn write(&mut self, frame: u64, write: Write) {
        let exposure = write.control == SensorControl::Exposure;
        let value = if exposure { write.value.min(self.room()) } else { write.value };
        self.writes.push((write.control, frame + self.delay(write.control), value));
        let lines = self.register(SensorControl::Exposure).unwrap();
        if lines > self.room() {
            self.write(frame, Write { control: SensorControl::Exposure, value: lines });
        }
    }

    fn in_effect(&self, control: SensorControl, frame: u64) -> Option<u32> {
        let counting = self.writes.iter().filter(|write| write.0 == control && write.1 <= frame);
        counting.max_by_key(|write| write.1).map(|write| write.2).or(self.initial(control))
    }

    fn at(&self, frame: u64) -> SensorControls {
        SensorControls {
            exposure_lines: self.in_effect(SensorControl::Exposure, frame).unwrap(),
            gain_code: self.in_effect(SensorControl::AnalogueGain, frame).unwrap(),
            vblank: self.in_effect(SensorControl::Vblank, frame).unwrap(),
            hblank: self.in_effect(SensorControl::Hblank, frame),
        }
    }

    /// Carries out writes as a pipeline does; those whose bit is set in `failing` fail.
    fn carry_out(&mut self, delayed: &mut DelayedControls, sequence: u32, failing: u8) {
        for write in delayed.frame_start(sequence).iter() {
            if failing >> write.control as u8 & 1 == 0 {
                self.write(u64::from(sequence), write);
                continue;
            }
            delayed.failed(sequence, write.control).unwrap();
            if write.control == SensorControl::Vblank {
                return;
            }
        }
    }
}

/// Wishes, one in eight of them with too long an exposure.
fn wild_controls() -> impl Strategy<Value = SensorControls> {
    (controls(), 0u32..8).prop_map(|(controls, wild)| {
        let exposure_lines = if wild == 0 { 3500 } else { controls.exposure_lines };
        SensorControls { exposure_lines, ..controls }
    })
}

#[derive(Clone, Debug)]
struct Step {
    /// Frame starts missed before this one.
    missed: u32,
    wishes: Vec<SensorControls>,
    failing: u8,
}

/// Wishes whose exposure fits their blanking.
fn controls() -> impl Strategy<Value = SensorControls> {
    // Few values, so that equal ones follow each other.
    (0u32..6, 0u32..4, 0u32..6, proptest::option::of(0u32..3)).prop_map(|(exposure, gain, vblank, hblank)| {
        let vblank = vblank * 400;
        let room = BOUND.height + vblank - BOUND.margin_lines;
        SensorControls { exposure_lines: (4 + exposure * 600).min(room), gain_code: gain, vblank, hblank }
    })
}

fn step(missed: u32, failing: bool) -> impl Strategy<Value = Step> {
    let missed = prop_oneof![6 => Just(0), 2 => 0..=missed.min(4), 1 => 0..=missed];
    let failing = if failing { prop_oneof![4 => Just(0u8), 1 => 0u8..16].boxed() } else { Just(0u8).boxed() };
    (missed, proptest::collection::vec(wild_controls(), 0..3), failing)
        .prop_map(|(missed, wishes, failing)| Step { missed, wishes, failing })
}

fn delays() -> impl Strategy<Value = Delays> {
    prop_oneof![
        Just(Delays { exposure: 2, gain: 1, vblank: 2, hblank: 2 }),
        Just(Delays { exposure: 2, gain: 2, vblank: 3, hblank: 3 }),
        (0u32..5, 0u32..5, 0u32..5, 0u32..5).prop_map(|(exposure, gain, vblank, hblank)| Delays {
            exposure,
            gain,
            vblank,
            hblank
        }),
    ]
}

const INITIAL: SensorControls =
    SensorControls { exposure_lines: 500, gain_code: 0, vblank: 40, hblank: Some(9) };

fn start(delays: Delays) -> (Sensor, DelayedControls) {
    let sensor = Sensor { delays, initial: INITIAL, writes: Vec::new() };
    (sensor, DelayedControls::new(delays, INITIAL, Some(BOUND)))
}

/// Runs the steps and checks after each one all that is remembered.
fn run(delays: Delays, steps: &[Step]) -> Result<(), TestCaseError> {
    let (mut sensor, mut delayed) = start(delays);
    let mut next = 0;
    let mut cookie = 0;
    for step in steps {
        for &wish in &step.wishes {
            cookie += 1;
            delayed.push(wish, cookie);
        }
        let sequence = next + step.missed;
        next = sequence + 1;
        sensor.carry_out(&mut delayed, sequence, step.failing);
        let oldest = (sequence + delays.longest() + 1).saturating_sub(HISTORY as u32);
        let mut last_cookie = 0;
        for frame in oldest..=sequence + 6 {
            let applied = delayed.get(frame);
            prop_assert_eq!(applied.map(|a| a.controls), Some(sensor.at(frame.into())), "frame {}", frame);
            let cookie = applied.unwrap().cookie;
            prop_assert!(cookie >= last_cookie, "cookie {} after {}", cookie, last_cookie);
            last_cookie = cookie;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn the_record_is_what_the_sensor_did(
        delays in delays(),
        steps in proptest::collection::vec(step(100, true), 1..60),
    ) {
        run(delays, &steps)?;
    }

    #[test]
    fn whole_wishes_take_effect_in_one_frame_in_order(
        delays in delays(),
        wishes in proptest::collection::vec(controls(), 1..PENDING_MAX),
        idle in 0u32..10,
    ) {
        let (_, mut delayed) = start(delays);
        // Without a bound nothing ever waits.
        delayed.reconfigure(INITIAL, None);
        (0..idle).for_each(|sequence| assert!(delayed.frame_start(sequence).is_empty()));
        for (number, &wish) in wishes.iter().enumerate() {
            delayed.push(wish, number as u64 + 1);
        }
        let settled = idle + HISTORY as u32 / 2;
        (idle..settled).for_each(|sequence| { delayed.frame_start(sequence); });
        let mut hblank = INITIAL.hblank;
        for number in 1..=wishes.len() as u32 {
            let applied = delayed.get(idle + number - 1 + delays.longest()).unwrap();
            prop_assert_eq!(applied.cookie, u64::from(number));
            let wish = wishes[number as usize - 1];
            hblank = wish.hblank.or(hblank);
            prop_assert_eq!(applied.controls, SensorControls { hblank, ..wish });
        }
    }

    #[test]
    fn the_last_wish_arrives_in_the_end(
        delays in delays(),
        steps in proptest::collection::vec(step(3, true), 1..30),
        last in controls(),
    ) {
        let (mut sensor, mut delayed) = start(delays);
        let mut next = 0;
        for step in &steps {
            step.wishes.iter().for_each(|&wish| delayed.push(wish, 1));
            sensor.carry_out(&mut delayed, next + step.missed, step.failing);
            next += step.missed + 1;
        }
        delayed.push(SensorControls { hblank: Some(5), ..last }, 2);
        let settled = next + PENDING_MAX as u32 + 2 * delays.longest() + 2;
        (next..settled).for_each(|sequence| sensor.carry_out(&mut delayed, sequence, 0));
        prop_assert_eq!(sensor.at(settled.into()), SensorControls { hblank: Some(5), ..last });
        prop_assert_eq!(delayed.get(settled).unwrap().cookie, 2);
        prop_assert!(delayed.frame_start(settled).is_empty());
    }
}

const IMX219: Delays = Delays { exposure: 2, gain: 1, vblank: 2, hblank: 2 };
const BRIGHTER: SensorControls =
    SensorControls { exposure_lines: 3000, gain_code: 50, vblank: 2200, hblank: None };

fn values(delayed: &mut DelayedControls, sequence: u32) -> Vec<(SensorControl, u32)> {
    delayed.frame_start(sequence).iter().map(|write| (write.control, write.value)).collect()
}

#[test]
fn vblank_comes_first_and_gain_one_frame_later() {
    let (_, mut delayed) = start(IMX219);
    delayed.push(BRIGHTER, 7);
    let writes = delayed.frame_start(0);
    assert_eq!(writes.priority(), Some(Write { control: SensorControl::Vblank, value: 2200 }));
    assert_eq!(writes.rest().collect::<Vec<_>>(), [Write { control: SensorControl::Exposure, value: 3000 }]);
    assert_eq!(values(&mut delayed, 1), [(SensorControl::AnalogueGain, 50)]);
    assert!(delayed.frame_start(2).is_empty());
    assert_eq!(delayed.get(1).unwrap().controls, INITIAL);
    assert_eq!(delayed.get(2).unwrap().controls, SensorControls { hblank: Some(9), ..BRIGHTER });
    assert_eq!((delayed.get(1).unwrap().cookie, delayed.get(2).unwrap().cookie), (0, 7));
}

#[test]
fn a_missed_frame_start_tears_a_wish_and_the_record_says_so() {
    let (_, mut delayed) = start(IMX219);
    delayed.push(BRIGHTER, 7);
    delayed.frame_start(0);
    assert_eq!(values(&mut delayed, 3), [(SensorControl::AnalogueGain, 50)]);
    let torn = delayed.get(2).unwrap();
    assert_eq!((torn.controls.exposure_lines, torn.controls.gain_code, torn.cookie), (3000, 0, 0));
    assert_eq!(delayed.get(4).unwrap().cookie, 7);
}

#[test]
fn missed_frame_starts_do_not_add_to_the_delay() {
    let (_, mut delayed) = start(IMX219);
    delayed.frame_start(0);
    for cookie in 1..=3 {
        delayed.push(SensorControls { gain_code: cookie, ..INITIAL }, cookie.into());
    }
    delayed.frame_start(3);
    assert_eq!(delayed.pending(), 0);
    delayed.frame_start(4);
    assert_eq!(delayed.get(5).unwrap().cookie, 3);
}

#[test]
fn a_failed_write_postpones_the_whole_wish() {
    let (_, mut delayed) = start(IMX219);
    delayed.push(BRIGHTER, 7);
    delayed.frame_start(0);
    delayed.failed(0, SensorControl::Vblank).unwrap();
    assert_eq!(values(&mut delayed, 1), [(SensorControl::Vblank, 2200), (SensorControl::Exposure, 3000)]);
    assert_eq!(values(&mut delayed, 2), [(SensorControl::AnalogueGain, 50)]);
    assert_eq!(delayed.get(2).unwrap().controls, INITIAL);
    assert_eq!(delayed.get(3).unwrap().cookie, 7);
}

#[test]
fn only_the_newest_frame_start_can_have_failed() {
    let (_, mut delayed) = start(IMX219);
    assert!(delayed.failed(0, SensorControl::Exposure).is_err());
    delayed.frame_start(4);
    assert!(delayed.failed(3, SensorControl::Exposure).is_err());
}

#[test]
fn lowered_blanking_waits_for_the_exposure_that_fits() {
    let imx477 = Delays { exposure: 2, gain: 2, vblank: 3, hblank: 3 };
    let mut delayed = DelayedControls::new(imx477, BRIGHTER, Some(BOUND));
    delayed.push(SensorControls { hblank: None, ..INITIAL }, 1);
    assert!(delayed.frame_start(0).is_empty());
    let written: Vec<_> = values(&mut delayed, 1);
    assert_eq!(
        written,
        [(SensorControl::Vblank, 40), (SensorControl::Exposure, 500), (SensorControl::AnalogueGain, 0)]
    );
    assert_eq!(delayed.get(3).unwrap().controls.vblank, 2200);
    assert_eq!(delayed.get(4).unwrap().controls.vblank, 40);
}

#[test]
fn duplicate_and_late_frame_starts_write_nothing() {
    let (_, mut delayed) = start(IMX219);
    delayed.frame_start(5);
    delayed.push(BRIGHTER, 1);
    assert!(delayed.frame_start(5).is_empty());
    assert!(delayed.frame_start(3).is_empty());
    assert!(!delayed.frame_start(6).is_empty());
}

#[test]
fn a_count_that_begins_anew_is_followed() {
    let (_, mut delayed) = start(IMX219);
    delayed.frame_start(u32::MAX);
    delayed.push(BRIGHTER, 1);
    assert!(!delayed.frame_start(0).is_empty());
    delayed.frame_start(1);
    assert_eq!(delayed.get(1).unwrap().controls, INITIAL);
    assert_eq!(delayed.get(2).unwrap().cookie, 1);
}

#[test]
fn frames_out_of_memory_are_unknown() {
    let (_, mut delayed) = start(IMX219);
    delayed.frame_start(1000);
    assert!(delayed.get(1002 - HISTORY as u32).is_none());
    assert!(delayed.get(1003 - HISTORY as u32).is_some());
    assert!(delayed.get(5000).is_some());
}

#[test]
fn a_reset_forgets_everything() {
    let (_, mut delayed) = start(IMX219);
    delayed.push(BRIGHTER, 3);
    delayed.frame_start(9);
    delayed.push(BRIGHTER, 4);
    delayed.reset(INITIAL);
    assert_eq!(delayed.pending(), 0);
    assert!(delayed.frame_start(0).is_empty());
    assert_eq!(delayed.get(0).unwrap().cookie, 0);
    assert_eq!(delayed.get(70).unwrap().controls, INITIAL);
}

#[test]
fn more_wishes_than_fit_push_out_the_oldest() {
    let (_, mut delayed) = start(IMX219);
    for cookie in 1..=PENDING_MAX as u64 + 1 {
        delayed.push(BRIGHTER, cookie);
    }
    assert_eq!(delayed.pending(), PENDING_MAX);
    delayed.frame_start(0);
    delayed.frame_start(1);
    assert_eq!(delayed.get(2).unwrap().cookie, 2);
}
