//! Faults that the camera commits when told to: what there are, how they are written, and when
//! each is due. Knows nothing of how they are carried out.

use pinhole_base::{Error, ErrorKind, Result};
use std::str::FromStr;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The camera marks the frame as damaged in every payload header.
    ErrorBit,
    /// The frame ends after half of its bytes.
    Truncate,
    /// One packet in the middle of the frame does not arrive.
    BusError,
    /// The frame's last payload does not say that it is the last.
    NoEnd,
    /// The camera sends nothing instead of the frame.
    Skip,
    /// The camera sends the frame, but nothing of it arrives.
    Lose,
    /// The frame and all after it are not sent, until the host starts the stream anew.
    Stall,
    /// The plug is pulled.
    Unplug,
    /// The plug is pulled, and put in again a second later.
    Replug,
    /// From now on the camera tells far too small sizes of pictures when a stream is agreed on.
    WrongSize,
    /// From now on the camera refuses all requests for its controls.
    RefuseControls,
}

const NAMES: [(&str, Kind); 11] = [
    ("error-bit", Kind::ErrorBit),
    ("truncate", Kind::Truncate),
    ("bus-error", Kind::BusError),
    ("no-end", Kind::NoEnd),
    ("skip", Kind::Skip),
    ("lose", Kind::Lose),
    ("stall", Kind::Stall),
    ("unplug", Kind::Unplug),
    ("replug", Kind::Replug),
    ("wrong-size", Kind::WrongSize),
    ("refuse-controls", Kind::RefuseControls),
];

impl Kind {
    /// Whether it befalls a frame, and not the camera.
    fn is_of_frame(self) -> bool {
        !matches!(self, Self::WrongSize | Self::RefuseControls)
    }
}

/// A fault and its time, as `KIND`, `KIND@N` or `KIND@N/M`: at the next frame, at frame N of a
/// stream (from 0), or at frame N and every M-th after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    kind: Kind,
    /// The first frame that it is due at; it is late rather than never.
    first: u64,
    /// The next one.
    frame: u64,
    every: Option<u64>,
}

impl FromStr for Fault {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, time) = match text.split_once('@') {
            Some((name, time)) => (name, Some(time)),
            None => (text, None),
        };
        let known = NAMES.iter().find(|(known, _)| *known == name);
        let &(_, kind) = known.ok_or_else(|| unknown(text))?;
        if time.is_some() && !kind.is_of_frame() {
            return Err(senseless(text, format!("{name} befalls no frame")));
        }
        let (frame, every) = time.map_or(Ok((0, None)), |time| parse_time(text, time))?;
        Ok(Self { kind, first: frame, frame, every })
    }
}

fn parse_time(text: &str, time: &str) -> Result<(u64, Option<u64>)> {
    let number = |number: &str| {
        number.parse::<u64>().map_err(|_| senseless(text, format!("`{number}` is no number of a frame")))
    };
    let Some((first, every)) = time.split_once('/') else { return Ok((number(time)?, None)) };
    match number(every)? {
        0 => Err(senseless(text, "every 0 frames is too often".into())),
        every => Ok((number(first)?, Some(every))),
    }
}

fn unknown(text: &str) -> Error {
    let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
    senseless(text, "there is no such fault".into()).hint(format!("there are {}", names.join(", ")))
}

fn senseless(text: &str, reason: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, "reading a fault").at(text).because(reason)
}

/// All that is to go wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    waiting: Vec<Fault>,
}

impl Faults {
    /// Adds one.
    pub(crate) fn add(&mut self, fault: Fault) {
        self.waiting.push(fault);
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Whether one is at work that befalls the camera.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.waiting.iter().any(|fault| fault.kind == kind)
    }

    /// What befalls a frame. Each fault comes once, or once for each of its frames.
    pub(crate) fn due(&mut self, frame: u64) -> Vec<Kind> {
        let is_due = |fault: &Fault| fault.kind.is_of_frame() && fault.frame <= frame;
        let due: Vec<_> = self.waiting.iter().filter(|fault| is_due(fault)).map(|fault| fault.kind).collect();
        self.waiting.retain_mut(|fault| !is_due(fault) || fault.moves_on(frame));
        due
    }

    /// Lets repeated faults begin again with the frames of a new stream.
    pub(crate) fn begin_stream(&mut self) {
        self.waiting.iter_mut().for_each(|fault| fault.frame = fault.first);
    }
}

impl Fault {
    /// Makes it due at its next frame; `false` if there is none.
    fn moves_on(&mut self, frame: u64) -> bool {
        let Some(every) = self.every else { return false };
        let missed = (frame - self.frame) / every;
        self.frame = self.frame.saturating_add((missed + 1).saturating_mul(every));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn faults(texts: &[&str]) -> Faults {
        let mut faults = Faults::default();
        texts.iter().for_each(|text| faults.add(text.parse().expect("it is well written")));
        faults
    }

    fn frames(faults: &mut Faults, until: u64) -> Vec<(u64, Kind)> {
        (0..until).flat_map(|frame| faults.due(frame).into_iter().map(move |kind| (frame, kind))).collect()
    }

    #[test]
    fn each_is_due_at_its_frames() {
        let mut faults = faults(&["skip@3", "truncate@1/4", "lose", "wrong-size"]);
        let expected = [(0, Kind::Lose), (1, Kind::Truncate), (3, Kind::Skip), (5, Kind::Truncate)];
        assert_eq!(frames(&mut faults, 8), expected);
        assert!(faults.has(Kind::WrongSize));
        faults.clear();
        assert!(!faults.has(Kind::WrongSize));
    }

    #[test]
    fn a_frame_that_was_passed_over_makes_it_late_and_not_lost() {
        let mut faults = faults(&["skip@3", "truncate@1/2"]);
        assert_eq!(faults.due(6), [Kind::Skip, Kind::Truncate]);
        assert_eq!(faults.due(6), []);
        assert_eq!(faults.due(7), [Kind::Truncate]);
    }

    #[test]
    fn repeated_ones_begin_again_with_a_stream() {
        let mut faults = faults(&["truncate@2/5"]);
        assert_eq!(frames(&mut faults, 10).len(), 2);
        faults.begin_stream();
        assert_eq!(frames(&mut faults, 4), [(2, Kind::Truncate)]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        for text in ["", "shake", "skip@", "skip@x", "skip@1/0", "skip@-1", "wrong-size@3", "skip@1/2/3"] {
            let error = text.parse::<Fault>().expect_err(text);
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{text}");
        }
        let error = "shake".parse::<Fault>().expect_err("unknown").to_string();
        assert!(error.contains("truncate"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,30}") {
            let _ = text.parse::<Fault>();
        }

        #[test]
        fn repetition_does_not_overflow(frame: u64, every in 1u64.., at: u64) {
            let mut faults = Faults { waiting: Vec::new() };
            faults.add(Fault { kind: Kind::Skip, first: frame, frame, every: Some(every) });
            prop_assert_eq!(faults.due(at).len(), usize::from(frame <= at));
        }
    }
}
