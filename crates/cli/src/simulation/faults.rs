//! Faults as the command line names them: `lost-image@10` is one, after ten frames;
//! `lost-image:0.02` may happen at each, with that probability; `failed-call/queue/image@3` is
//! a call to a node.

use pinhole::sim::{Call, Fault, FaultKind, FaultPlan, FaultRate, Role, ScheduledFault, Target};
use std::time::Duration;

/// How late what comes late is.
const LATE: Duration = Duration::from_millis(20);
/// `EIO`, with which calls fail.
const EIO: i32 = 5;

#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    After(u32),
    Probability(f64),
}

/// One fault, and when it happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FaultRequest {
    fault: Fault,
    when: When,
}

impl FaultRequest {
    /// Reads `KIND@N` or `KIND:PROBABILITY`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, when) = match (text.split_once('@'), text.split_once(':')) {
            (Some((name, after)), _) => (name, after.parse().ok().map(When::After)),
            (None, Some((name, chance))) => (name, probability(chance)),
            (None, None) => (text, Some(When::After(0))),
        };
        let when = when.ok_or_else(|| {
            format!("`{text}`: write KIND@N with a number of frames, or KIND:P with P from 0 to 1")
        })?;
        Ok(Self { fault: fault(name)?, when })
    }

    /// Adds it to the faults of a camera.
    pub(super) fn add_to(&self, plan: &mut FaultPlan, camera: usize) {
        let fault = self.fault;
        match self.when {
            When::After(after) => plan.scheduled.push(ScheduledFault { camera, after, fault }),
            When::Probability(probability) => {
                plan.rates.push(FaultRate { camera: Some(camera), fault, probability });
            }
        }
    }
}

fn probability(text: &str) -> Option<When> {
    text.parse().ok().filter(|chance: &f64| (0.0..=1.0).contains(chance)).map(When::Probability)
}

fn fault(name: &str) -> Result<Fault, String> {
    let mut path = name.split('/');
    let kind = path.next().unwrap_or("");
    let found = FaultKind::ALL.into_iter().find(|known| known.name() == kind);
    match found.ok_or_else(|| unknown("fault", kind, FaultKind::ALL.map(FaultKind::name)))? {
        FaultKind::FailedCall => failed_call(path.next().unwrap_or(""), path.next()),
        kind => Ok(of_kind(kind)),
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    format!("there is no {what} `{name}`; there are: {}", known.join(", "))
}

fn failed_call(call: &str, target: Option<&str>) -> Result<Fault, String> {
    let found = Call::ALL.into_iter().find(|known| known.name() == call);
    let call = found.ok_or_else(|| unknown("call", call, Call::ALL.map(Call::name)))?;
    let target = target.map(find_target).transpose()?;
    Ok(Fault::FailCall { call, target, errno: EIO })
}

fn find_target(name: &str) -> Result<Target, String> {
    const TARGETS: [(&str, Target); 10] = [
        ("image", Target::Node(Role::Image)),
        ("embedded", Target::Node(Role::Embedded)),
        ("input", Target::Node(Role::Input)),
        ("output0", Target::Node(Role::Output0)),
        ("output1", Target::Node(Role::Output1)),
        ("statistics", Target::Node(Role::Statistics)),
        ("sensor", Target::SubDevice),
        ("lens", Target::Lens),
        ("media", Target::Media),
        ("heap", Target::Heap),
    ];
    let found = TARGETS.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, target)| target).ok_or_else(|| unknown("node", name, TARGETS.map(|(known, _)| known)))
}

fn of_kind(kind: FaultKind) -> Fault {
    match kind {
        FaultKind::LostImage => Fault::LoseImage,
        FaultKind::LostEmbedded => Fault::LoseEmbedded,
        FaultKind::LostFrame => Fault::LoseFrame,
        FaultKind::LateFrame => Fault::DelayFrame { by: LATE },
        FaultKind::ReorderedFrame => Fault::ReorderFrame { by: LATE },
        FaultKind::DuplicatedFrame => Fault::DuplicateFrame,
        FaultKind::CorruptImage => Fault::CorruptImage,
        FaultKind::FlaggedImage => Fault::FlagImage,
        FaultKind::FlaggedEmbedded => Fault::FlagEmbedded,
        FaultKind::EmptyEmbedded => Fault::EmptyEmbedded,
        FaultKind::CorruptEmbedded => Fault::CorruptEmbedded,
        FaultKind::UnequalTimestamps => Fault::ShiftTimestamp { by: LATE },
        FaultKind::SequenceGap => Fault::SkipSequence { frames: 3 },
        FaultKind::SilentSensor => Fault::Silence { frames: None },
        FaultKind::UnpluggedCamera => Fault::UnplugCamera,
        FaultKind::SlowIsp => Fault::SlowIsp { by: LATE },
        FaultKind::StuckIsp => Fault::StickIsp,
        FaultKind::ReorderedOutputs => Fault::ReorderOutputs { by: Duration::from_millis(1) },
        FaultKind::FlaggedOutput => Fault::FlagOutput(Role::Output0),
        FaultKind::UnpluggedIsp => Fault::UnplugIsp,
        FaultKind::FailedCall => Fault::FailCall { call: Call::Queue, target: None, errno: EIO },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_named() {
        for kind in FaultKind::ALL.into_iter().filter(|kind| *kind != FaultKind::FailedCall) {
            let request = FaultRequest::parse(&format!("{kind}:0.5")).unwrap();
            assert_eq!((request.fault.kind(), request.when), (kind, When::Probability(0.5)));
        }
        let request = FaultRequest::parse("failed-call/stream-on/image@2").unwrap();
        let target = Some(Target::Node(Role::Image));
        assert_eq!(request.fault, Fault::FailCall { call: Call::StreamOn, target, errno: EIO });
        assert_eq!(request.when, When::After(2));
    }

    #[test]
    fn what_is_not_a_fault_is_told() {
        for (text, word) in [
            ("", "there is no fault"),
            ("lost-image@soon", "KIND@N"),
            ("lost-image:1.5", "from 0 to 1"),
            ("lost-image:NaN", "from 0 to 1"),
            ("failed-call@1", "stream-on"),
            ("failed-call/queue/moon@1", "statistics"),
        ] {
            let reason = FaultRequest::parse(text).unwrap_err();
            assert!(reason.contains(word), "{text}: {reason}");
        }
    }
}
