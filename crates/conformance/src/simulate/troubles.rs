//! What may go wrong in a world: which kinds of faults, and how likely each is for now.

use super::dice::Dice;
use pinhole::sim::{Call, Fault, FaultKind, FaultRate, Role, Target};
use std::fmt;
use std::time::Duration;

/// A way in which control algorithms misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlgorithmFault {
    /// They answer late.
    LateAnswer,
    /// They never answer.
    NoAnswer,
    /// They answer nonsense.
    NonsenseAnswer,
}

impl AlgorithmFault {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::LateAnswer, Self::NoAnswer, Self::NonsenseAnswer];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LateAnswer => "late-answer",
            Self::NoAnswer => "no-answer",
            Self::NonsenseAnswer => "nonsense-answer",
        }
    }
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of the devices.
    Device(FaultKind),
    /// Of the control algorithms.
    Algorithm(AlgorithmFault),
}

impl Kind {
    /// All kinds.
    pub fn all() -> impl Iterator<Item = Self> {
        let devices = FaultKind::ALL.into_iter().map(Self::Device);
        devices.chain(AlgorithmFault::ALL.into_iter().map(Self::Algorithm))
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device(kind) => kind.name(),
            Self::Algorithm(kind) => kind.name(),
        }
    }

    /// Whether no request may be lost to it: whatever else may be wrong with the frame, it is
    /// delivered, or the next one in its place.
    const fn is_survivable(self) -> bool {
        !matches!(
            self,
            Self::Device(
                FaultKind::SilentSensor
                    | FaultKind::UnpluggedCamera
                    | FaultKind::UnpluggedIsp
                    | FaultKind::StuckIsp
                    | FaultKind::FailedCall
            ) | Self::Algorithm(AlgorithmFault::NoAnswer | AlgorithmFault::NonsenseAnswer)
        )
    }

    const fn bit(self) -> u32 {
        match self {
            Self::Device(kind) => 1 << kind as u32,
            Self::Algorithm(kind) => 1 << (FaultKind::ALL.len() as u32 + kind as u32),
        }
    }
}

/// Some of the kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultSet(u32);

impl FaultSet {
    /// None.
    pub const NONE: Self = Self(0);

    /// All of them.
    pub fn all() -> Self {
        Self(Kind::all().map(Kind::bit).sum())
    }

    /// Reads `all`, `none`, or names with commas between them.
    ///
    /// # Errors
    /// A name is none; the text says which there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::all()),
            "none" => Ok(Self::NONE),
            names => names.split(',').try_fold(Self::NONE, |set, name| {
                let kind = Kind::all().find(|kind| kind.name() == name.trim()).ok_or_else(|| {
                    let known: Vec<_> = Kind::all().map(Kind::name).collect();
                    format!("`{name}` is no kind of fault; there are: all, none, {}", known.join(", "))
                })?;
                Ok(Self(set.0 | kind.bit()))
            }),
        }
    }

    /// Whether a kind is among them.
    pub fn has(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Whether a kind of the devices' is among them.
    pub fn has_device(self, kind: FaultKind) -> bool {
        self.has(Kind::Device(kind))
    }

    /// Whether a kind of the algorithms' is among them.
    pub fn has_algorithm(self, kind: AlgorithmFault) -> bool {
        self.has(Kind::Algorithm(kind))
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether no request may be lost to any of them.
    pub fn is_survivable(self) -> bool {
        self.kinds().all(Kind::is_survivable)
    }

    /// The kinds.
    pub fn kinds(self) -> impl Iterator<Item = Kind> {
        Kind::all().filter(move |kind| self.has(*kind))
    }

    /// Some of these, as a world may have them: often none or one, so that it can be told what
    /// that one may do.
    pub(super) fn draw(self, dice: &mut Dice) -> Self {
        let kinds: Vec<_> = self.kinds().collect();
        if kinds.is_empty() {
            return self;
        }
        let count = [0, 1, dice.range(2, 5), kinds.len() as u64][dice.weighted(&[20, 40, 25, 15])];
        if count as usize == kinds.len() {
            return self;
        }
        Self((0..count).fold(0, |bits, _| bits | dice.pick(&kinds).bit()))
    }
}

impl fmt::Display for FaultSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::all() {
            return f.write_str("all");
        }
        if self.is_empty() {
            return f.write_str("none");
        }
        let names: Vec<_> = self.kinds().map(Kind::name).collect();
        f.write_str(&names.join(","))
    }
}

/// How likely faults are for the time being.
#[derive(Clone, Debug, Default)]
pub(super) struct Weather {
    pub(super) rates: Vec<FaultRate>,
    /// By [`AlgorithmFault`].
    pub(super) algorithms: [f64; AlgorithmFault::ALL.len()],
}

impl Weather {
    /// Some faults of these kinds.
    pub(super) fn draw(kinds: FaultSet, dice: &mut Dice) -> Self {
        let mut weather = Self::default();
        let known: Vec<_> = kinds.kinds().collect();
        for _ in 0..dice.range(1, 5).min(known.len() as u64) {
            let strength = [0.5, 2.0, 8.0][dice.weighted(&[2, 3, 1])];
            match dice.pick(&known) {
                Kind::Device(kind) => weather.rates.extend(rates_of(kind, strength, dice)),
                Kind::Algorithm(kind) => weather.algorithms[kind as usize] = 0.03 * strength,
            }
        }
        weather
    }
}

fn rates_of(kind: FaultKind, strength: f64, dice: &mut Dice) -> Vec<FaultRate> {
    let rate = |fault, probability: f64| FaultRate { camera: None, fault, probability };
    if kind == FaultKind::FailedCall {
        let count = dice.range(1, 4);
        return (0..count).map(|_| rate(failing_call(dice), (0.02 * strength).min(0.5))).collect();
    }
    let (fault, probability) = frame_fault(kind, dice);
    vec![rate(fault, (probability * strength).min(0.5))]
}

/// Seldom enough that images are never lost until the watchdog takes the sensor for silent.
const RARELY: f64 = 0.006;

fn frame_fault(kind: FaultKind, dice: &mut Dice) -> (Fault, f64) {
    let by = Duration::from_micros([10, 5_000, 33_334, 120_000][dice.weighted(&[1, 2, 2, 2])]);
    match kind {
        FaultKind::LostImage => (Fault::LoseImage, RARELY),
        FaultKind::LostEmbedded => (Fault::LoseEmbedded, 0.05),
        FaultKind::LostFrame => (Fault::LoseFrame, RARELY),
        FaultKind::LateFrame => (Fault::DelayFrame { by }, 0.05),
        FaultKind::ReorderedFrame => (Fault::ReorderFrame { by }, 0.05),
        FaultKind::DuplicatedFrame => (Fault::DuplicateFrame, 0.05),
        FaultKind::CorruptImage => (Fault::CorruptImage, 0.05),
        FaultKind::FlaggedImage => (Fault::FlagImage, 0.05),
        FaultKind::FlaggedEmbedded => (Fault::FlagEmbedded, 0.05),
        FaultKind::EmptyEmbedded => (Fault::EmptyEmbedded, 0.05),
        FaultKind::CorruptEmbedded => (Fault::CorruptEmbedded, 0.05),
        FaultKind::UnequalTimestamps => (Fault::ShiftTimestamp { by }, 0.05),
        FaultKind::SequenceGap => (Fault::SkipSequence { frames: dice.range(1, 200) as u32 }, 0.02),
        FaultKind::SilentSensor => (Fault::Silence { frames: silence(dice) }, 0.002),
        FaultKind::UnpluggedCamera => (Fault::UnplugCamera, 0.0005),
        FaultKind::SlowIsp => (Fault::SlowIsp { by }, 0.05),
        FaultKind::StuckIsp => (Fault::StickIsp, 0.002),
        FaultKind::ReorderedOutputs => (Fault::ReorderOutputs { by: by / 4 }, 0.1),
        FaultKind::FlaggedOutput => (Fault::FlagOutput(dice.pick(&Role::ISP)), 0.05),
        FaultKind::UnpluggedIsp => (Fault::UnplugIsp, 0.0005),
        FaultKind::FailedCall => (failing_call(dice), 0.02),
    }
}

fn silence(dice: &mut Dice) -> Option<u32> {
    (!dice.one_in(3)).then(|| dice.range(1, 60) as u32)
}

fn failing_call(dice: &mut Dice) -> Fault {
    let targets = Role::ALL.map(Target::Node);
    let target = match dice.below(4) {
        0 => None,
        1 => Some(dice.pick(&[Target::SubDevice, Target::Lens, Target::Media, Target::Heap])),
        _ => Some(dice.pick(&targets)),
    };
    // EIO, EINVAL, EBUSY, ENOMEM, EACCES, EAGAIN
    let errno = dice.pick(&[5, 22, 16, 12, 13, 11]);
    // Those that frames are made of, as often as all others.
    let call = match dice.one_in(2) {
        true => {
            dice.pick(&[Call::Queue, Call::Dequeue, Call::SetControls, Call::SetCrop, Call::DequeueEvent])
        }
        false => dice.pick(&Call::ALL),
    };
    Fault::FailCall { call, target, errno }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_as_they_are_written() {
        for text in ["all", "none", "lost-image", "lost-image,stuck-isp,no-answer"] {
            assert_eq!(FaultSet::parse(text).unwrap().to_string(), text);
        }
        assert!(FaultSet::parse("lost-image,rain").unwrap_err().contains("`rain`"));
    }

    #[test]
    fn worlds_are_often_without_faults_and_never_have_others() {
        let set = FaultSet::parse("lost-image,stuck-isp,no-answer").unwrap();
        let mut dice = Dice::new(1);
        let drawn: Vec<_> = (0..200).map(|_| set.draw(&mut dice)).collect();
        assert!(drawn.iter().any(|drawn| drawn.is_empty()) && drawn.contains(&set));
        assert!(drawn.iter().flat_map(|drawn| drawn.kinds()).all(|kind| set.has(kind)));
    }
}
