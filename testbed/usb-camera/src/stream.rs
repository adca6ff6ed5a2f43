//! A running stream: when the next frame is due, what goes wrong with it, and the transfers that
//! carry it. Knows nothing of how it was agreed on, and reads no clock.

use crate::controls::Controls;
use crate::fault::{Faults, Kind};
use crate::model::Mode;
use crate::payload::Outgoing;
use crate::picture::Scene;
use crate::usbip::{Transfer, answer_packets};
use pinhole_base::Result;
use std::collections::VecDeque;
use std::time::Duration;

/// What the camera waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The host, and this time if there is one.
    Wait(Option<Duration>),
    /// Nothing more: the plug is to be pulled.
    Unplug {
        /// Whether it is to be put in again.
        returns: bool,
    },
}

/// A stream, from its start to its end.
pub(crate) struct Stream {
    mode: Mode,
    scene: Scene,
    start: Duration,
    /// Frame times that have passed; the picture shows it.
    slot: u64,
    /// Frames that were taken; a frame that the host had no transfers for is not.
    frames: u64,
    outgoing: Outgoing,
    is_stalled: bool,
}

impl Stream {
    /// A stream whose first frame comes one frame time from now.
    pub(crate) fn new(mode: Mode, now: Duration) -> Self {
        Self {
            mode,
            scene: Scene::new(mode.frame_size()),
            start: now,
            slot: 0,
            frames: 0,
            outgoing: Outgoing::default(),
            is_stalled: false,
        }
    }

    /// Does what can be done now: takes frames that are due, and fills transfers that wait.
    ///
    /// # Errors
    /// What coding a picture fails with.
    pub(crate) fn serve(
        &mut self,
        now: Duration,
        controls: &Controls,
        faults: &mut Faults,
        waiting: &mut VecDeque<Transfer>,
        answers: &mut Vec<u8>,
    ) -> Result<Next> {
        while !self.is_stalled {
            if !self.outgoing.is_sent() {
                let Some(transfer) = waiting.pop_front() else { break };
                let (results, data) = self.outgoing.fill(now, &transfer.packets);
                answer_packets(answers, &transfer, &results, &data);
            } else if now < self.due() {
                return Ok(Next::Wait(Some(self.due())));
            } else if let Some(next) = self.take(now, controls, faults)? {
                return Ok(next);
            }
        }
        Ok(Next::Wait(None))
    }

    fn interval(&self) -> Duration {
        Duration::from_nanos(u64::from(self.mode.interval_100ns) * 100)
    }

    fn due(&self) -> Duration {
        self.start + Duration::from_nanos(self.interval().as_nanos() as u64 * (self.slot + 1))
    }

    /// Takes the frame of the present slot, unless a fault keeps it from being sent.
    fn take(&mut self, now: Duration, controls: &Controls, faults: &mut Faults) -> Result<Option<Next>> {
        self.slot = ((now - self.start).as_nanos() / self.interval().as_nanos()) as u64;
        let kinds = faults.due(self.frames);
        self.frames += 1;
        if let Some(next) = kinds.iter().find_map(|&kind| unplugged(kind)) {
            return Ok(Some(next));
        }
        self.is_stalled = kinds.contains(&Kind::Stall);
        if !self.is_stalled && !kinds.contains(&Kind::Skip) {
            let bytes = self.scene.take(self.slot - 1, controls, self.mode.coding())?;
            self.outgoing = outgoing(bytes, &kinds, !self.outgoing.frame_id, now);
        }
        Ok(None)
    }
}

fn unplugged(kind: Kind) -> Option<Next> {
    match kind {
        Kind::Unplug => Some(Next::Unplug { returns: false }),
        Kind::Replug => Some(Next::Unplug { returns: true }),
        _ => None,
    }
}

fn outgoing(mut bytes: Vec<u8>, faults: &[Kind], frame_id: bool, taken: Duration) -> Outgoing {
    let has = |kind| faults.contains(&kind);
    if has(Kind::Truncate) {
        bytes.truncate(bytes.len() / 2);
    }
    let lost_at = has(Kind::BusError).then_some(bytes.len() / 2);
    let (has_error, has_end, is_lost) = (has(Kind::ErrorBit), !has(Kind::NoEnd), has(Kind::Lose));
    Outgoing { bytes, frame_id, taken, has_error, has_end, lost_at, is_lost, ..Outgoing::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usbip::tests::isochronous;

    const INTERVAL: Duration = Duration::from_nanos(33_333_300);

    /// A stream with a host that always has transfers.
    struct Bench {
        stream: Stream,
        faults: Faults,
        answers: usize,
    }

    impl Bench {
        fn new(faults: &[&str]) -> Self {
            let mut all = Faults::default();
            faults.iter().for_each(|text| all.add(text.parse().expect("it is well written")));
            let stream = Stream::new(Mode::nearest(1, 2, 0), Duration::ZERO);
            Self { stream, faults: all, answers: 0 }
        }

        /// What is next at a time, and the bytes that the host got.
        fn serve(&mut self, now: Duration) -> (Next, usize) {
            let transfers = (0..20).map(|sequence| isochronous(sequence, 32, 1024));
            let (mut waiting, mut answers) = (transfers.collect::<VecDeque<_>>(), Vec::new());
            let controls = Controls::default();
            let next = self.stream.serve(now, &controls, &mut self.faults, &mut waiting, &mut answers);
            self.answers += 20 - waiting.len();
            (next.expect("pictures can be coded"), answers.len())
        }
    }

    #[test]
    fn frames_come_in_their_time() {
        let mut bench = Bench::new(&[]);
        assert_eq!(bench.serve(Duration::ZERO), (Next::Wait(Some(INTERVAL)), 0));
        let (next, bytes) = bench.serve(INTERVAL);
        assert_eq!(next, Next::Wait(Some(2 * INTERVAL)));
        assert!(bytes > 320 * 240 * 2);
        assert_eq!(bench.serve(INTERVAL + Duration::from_millis(5)), (next, 0));
    }

    #[test]
    fn frames_that_could_not_be_sent_in_time_are_left_out() {
        let mut bench = Bench::new(&[]);
        let (next, _) = bench.serve(7 * INTERVAL + INTERVAL / 2);
        assert_eq!((next, bench.stream.frames), (Next::Wait(Some(8 * INTERVAL)), 1));
    }

    #[test]
    fn a_frame_waits_for_transfers() {
        let mut bench = Bench::new(&[]);
        let (controls, mut answers) = (Controls::default(), Vec::new());
        let mut waiting = VecDeque::from([isochronous(1, 32, 1024)]);
        let next = bench.stream.serve(INTERVAL, &controls, &mut bench.faults, &mut waiting, &mut answers);
        assert_eq!(next.expect("pictures can be coded"), Next::Wait(None));
        assert!(!bench.stream.outgoing.is_sent());
    }

    #[test]
    fn a_skipped_frame_is_not_sent_and_the_next_one_is_on_time() {
        let mut bench = Bench::new(&["skip@0"]);
        assert_eq!(bench.serve(INTERVAL), (Next::Wait(Some(2 * INTERVAL)), 0));
        assert!(bench.serve(2 * INTERVAL).1 > 0);
    }

    #[test]
    fn a_stall_lasts() {
        let mut bench = Bench::new(&["stall@1"]);
        assert!(bench.serve(INTERVAL).1 > 0);
        assert_eq!(bench.serve(2 * INTERVAL), (Next::Wait(None), 0));
        assert_eq!(bench.serve(9 * INTERVAL), (Next::Wait(None), 0));
    }

    #[test]
    fn the_plug_is_pulled_at_its_frame() {
        let mut bench = Bench::new(&["unplug@1"]);
        assert!(bench.serve(INTERVAL).1 > 0);
        assert_eq!(bench.serve(2 * INTERVAL), (Next::Unplug { returns: false }, 0));
    }

    #[test]
    fn half_a_frame_takes_half_the_transfers() {
        let answers = |faults: &[&str]| {
            let mut bench = Bench::new(faults);
            bench.serve(INTERVAL);
            bench.answers
        };
        assert_eq!((answers(&[]), answers(&["truncate"]), answers(&["lose"])), (5, 3, 5));
    }
}
