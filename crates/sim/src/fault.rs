//! What can go wrong, and when: faults that happen to frames, to runs of the ISP and to calls.
//!
//! A [`Fault`] is given either for one occasion ([`ScheduledFault`]) or with a probability at
//! every occasion ([`FaultRate`]). Each is counted under its [`FaultKind`] when it has really
//! happened: a lost image counts only if a buffer was there to receive it.
//!
//! Knows nothing of how devices carry faults out.

use crate::random::Random;
use rustix::io::Errno;
use std::time::Duration;

/// A video node of a camera, by what passes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// `unicam-image`: mosaic frames.
    Image,
    /// `unicam-embedded`: embedded data.
    Embedded,
    /// `bcm2835-isp0-output0`: frames into the ISP.
    Input,
    /// `bcm2835-isp0-capture1`: processed frames.
    Output0,
    /// `bcm2835-isp0-capture2`: processed frames, second size.
    Output1,
    /// `bcm2835-isp0-capture3`: statistics.
    Statistics,
}

impl Role {
    /// All nodes of a camera.
    pub const ALL: [Self; 6] =
        [Self::Image, Self::Embedded, Self::Input, Self::Output0, Self::Output1, Self::Statistics];

    /// The nodes of the ISP, in the order in which their buffers complete.
    pub const ISP: [Self; 4] = [Self::Input, Self::Output0, Self::Output1, Self::Statistics];

    /// The name of its entity.
    pub const fn entity_name(self) -> &'static str {
        match self {
            Self::Image => "unicam-image",
            Self::Embedded => "unicam-embedded",
            Self::Input => "bcm2835-isp0-output0",
            Self::Output0 => "bcm2835-isp0-capture1",
            Self::Output1 => "bcm2835-isp0-capture2",
            Self::Statistics => "bcm2835-isp0-capture3",
        }
    }

    /// Whether it belongs to the receiver (else to the ISP).
    pub const fn is_receiver(self) -> bool {
        matches!(self, Self::Image | Self::Embedded)
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A video node.
    Node(Role),
    /// The sensor (or the mux behind it).
    SubDevice,
    /// The lens.
    Lens,
    /// A media device.
    Media,
    /// The memory heap, which all cameras share.
    Heap,
}

macro_rules! numbered {
    ($(#[doc = $doc:literal])+ $type:ident { $($(#[doc = $vdoc:literal])+ $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $type { $($(#[doc = $vdoc])+ $variant),+ }

        impl $type {
            /// All of them.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

numbered! {
    /// A kind of call to a device.
    Call {
        /// Opening it.
        Open = "open",
        /// Listing its controls.
        QueryControls = "query-controls",
        /// Reading a control.
        Control = "control",
        /// Writing controls.
        SetControls = "set-controls",
        /// Asking for formats, codes, sizes and rectangles.
        Describe = "describe",
        /// Trying a format.
        TryFormat = "try-format",
        /// Setting a format.
        SetFormat = "set-format",
        /// Setting the crop.
        SetCrop = "set-crop",
        /// Allocating buffers in the device.
        Allocate = "allocate",
        /// Exporting a buffer.
        Export = "export",
        /// Making import slots.
        Import = "import",
        /// Freeing slots.
        Free = "free",
        /// Queueing a buffer.
        Queue = "queue",
        /// Dequeueing a buffer.
        Dequeue = "dequeue",
        /// Starting to stream.
        StreamOn = "stream-on",
        /// Ceasing to stream; buffers are returned even where this fails.
        StreamOff = "stream-off",
        /// Subscribing to events.
        Subscribe = "subscribe",
        /// Dequeueing an event.
        DequeueEvent = "dequeue-event",
        /// Allocating from the heap.
        HeapAllocate = "heap-allocate",
        /// Setting a link.
        SetLink = "set-link",
        /// Claiming a media device.
        Acquire = "acquire",
    }
}

numbered! {
    /// The names of faults, under which they are counted.
    FaultKind {
        /// The receiver lost the image.
        LostImage = "lost-image",
        /// The receiver lost the embedded data.
        LostEmbedded = "lost-embedded",
        /// The receiver lost both.
        LostFrame = "lost-frame",
        /// Both buffers completed late.
        LateFrame = "late-frame",
        /// The image completed later than its embedded data.
        ReorderedFrame = "reordered-frame",
        /// The frame was delivered twice.
        DuplicatedFrame = "duplicated-frame",
        /// The image held garbage, and its buffer was flagged.
        CorruptImage = "corrupt-image",
        /// The image's buffer was flagged.
        FlaggedImage = "flagged-image",
        /// The embedded buffer was flagged.
        FlaggedEmbedded = "flagged-embedded",
        /// The embedded buffer came with no bytes in it.
        EmptyEmbedded = "empty-embedded",
        /// The embedded data held garbage.
        CorruptEmbedded = "corrupt-embedded",
        /// Image and embedded data had different time stamps.
        UnequalTimestamps = "unequal-timestamps",
        /// Sequence numbers were left out.
        SequenceGap = "sequence-gap",
        /// The sensor sent nothing.
        SilentSensor = "silent-sensor",
        /// The camera was unplugged.
        UnpluggedCamera = "unplugged-camera",
        /// A run of the ISP took longer.
        SlowIsp = "slow-isp",
        /// A run of the ISP never ended.
        StuckIsp = "stuck-isp",
        /// The ISP's buffers completed one by one, in the opposite order.
        ReorderedOutputs = "reordered-outputs",
        /// A buffer of the ISP was flagged.
        FlaggedOutput = "flagged-output",
        /// The ISP was unplugged.
        UnpluggedIsp = "unplugged-isp",
        /// A call failed.
        FailedCall = "failed-call",
    }
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The receiver loses a frame's image; its buffer waits for the next frame.
    LoseImage,
    /// The receiver loses a frame's embedded data.
    LoseEmbedded,
    /// The receiver loses both.
    LoseFrame,
    /// Both buffers of a frame complete late.
    DelayFrame {
        /// How late.
        by: Duration,
    },
    /// The image of a frame completes after its embedded data.
    ReorderFrame {
        /// How much later.
        by: Duration,
    },
    /// A frame is delivered twice, into two buffers of each node, with the same sequence
    /// number and time stamp.
    DuplicateFrame,
    /// A frame's image holds garbage and its buffer is flagged.
    CorruptImage,
    /// A frame's image buffer is flagged though nothing is wrong with it.
    FlagImage,
    /// A frame's embedded buffer is flagged though nothing is wrong with it.
    FlagEmbedded,
    /// A frame's embedded buffer completes with no bytes in it.
    EmptyEmbedded,
    /// A frame's embedded data hold garbage, without a flag.
    CorruptEmbedded,
    /// A frame's embedded data bear a later time stamp than its image.
    ShiftTimestamp {
        /// How much later.
        by: Duration,
    },
    /// The receiver's frame counter skips numbers before a frame.
    SkipSequence {
        /// How many.
        frames: u32,
    },
    /// The sensor sends nothing from a frame on.
    Silence {
        /// For how many frames; `None` until it is stopped and started again.
        frames: Option<u32>,
    },
    /// Receiver and sensor vanish at the start of a frame.
    UnplugCamera,
    /// A run of the ISP takes longer.
    SlowIsp {
        /// How much longer.
        by: Duration,
    },
    /// A run of the ISP never ends; only its input's stream-off gets it out of that.
    StickIsp,
    /// The buffers of a run complete one by one from the last to the first.
    ReorderOutputs {
        /// How far apart.
        by: Duration,
    },
    /// A buffer of a run is flagged.
    FlagOutput(Role),
    /// The ISP vanishes at the start of a run.
    UnplugIsp,
    /// A call fails.
    FailCall {
        /// What sort of call.
        call: Call,
        /// To whom; `None`: to anybody.
        target: Option<Target>,
        /// The error number it fails with.
        errno: i32,
    },
}

/// What an occasion for a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Frame,
    Run,
    Call,
}

impl Fault {
    /// The name under which it is counted.
    pub const fn kind(self) -> FaultKind {
        match self {
            Self::LoseImage => FaultKind::LostImage,
            Self::LoseEmbedded => FaultKind::LostEmbedded,
            Self::LoseFrame => FaultKind::LostFrame,
            Self::DelayFrame { .. } => FaultKind::LateFrame,
            Self::ReorderFrame { .. } => FaultKind::ReorderedFrame,
            Self::DuplicateFrame => FaultKind::DuplicatedFrame,
            Self::CorruptImage => FaultKind::CorruptImage,
            Self::FlagImage => FaultKind::FlaggedImage,
            Self::FlagEmbedded => FaultKind::FlaggedEmbedded,
            Self::EmptyEmbedded => FaultKind::EmptyEmbedded,
            Self::CorruptEmbedded => FaultKind::CorruptEmbedded,
            Self::ShiftTimestamp { .. } => FaultKind::UnequalTimestamps,
            Self::SkipSequence { .. } => FaultKind::SequenceGap,
            Self::Silence { .. } => FaultKind::SilentSensor,
            Self::UnplugCamera => FaultKind::UnpluggedCamera,
            Self::SlowIsp { .. } => FaultKind::SlowIsp,
            Self::StickIsp => FaultKind::StuckIsp,
            Self::ReorderOutputs { .. } => FaultKind::ReorderedOutputs,
            Self::FlagOutput(_) => FaultKind::FlaggedOutput,
            Self::UnplugIsp => FaultKind::UnpluggedIsp,
            Self::FailCall { .. } => FaultKind::FailedCall,
        }
    }

    /// Whether it is the ISP's affair: that of its runs, or of calls to its nodes.
    pub const fn is_of_isp(self) -> bool {
        match self {
            Self::FailCall { target: Some(Target::Node(node)), .. } => !node.is_receiver(),
            _ => matches!(self.family(), Family::Run),
        }
    }

    const fn family(self) -> Family {
        match self {
            Self::SlowIsp { .. }
            | Self::StickIsp
            | Self::ReorderOutputs { .. }
            | Self::FlagOutput(_)
            | Self::UnplugIsp => Family::Run,
            Self::FailCall { .. } => Family::Call,
            _ => Family::Frame,
        }
    }
}

/// A fault that happens once. Its occasions are the camera's frames, the runs of its ISP, or
/// the calls that a [`Fault::FailCall`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduledFault {
    /// Number of the camera, from 0. Calls to the heap belong to every camera.
    pub camera: usize,
    /// How many occasions pass before it, counted from when it is given; 0: the next one.
    pub after: u32,
    /// What happens.
    pub fault: Fault,
}

/// A fault that may happen at every occasion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FaultRate {
    /// Number of the camera; `None`: every camera.
    pub camera: Option<usize>,
    /// What happens.
    pub fault: Fault,
    /// How likely at each occasion, 0 to 1.
    pub probability: f64,
}

/// The faults of a simulation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultPlan {
    /// Each happens once.
    pub scheduled: Vec<ScheduledFault>,
    /// Each may happen at every occasion; dice are thrown in this order.
    pub rates: Vec<FaultRate>,
}

/// Decides what goes wrong, and counts what did.
#[derive(Debug)]
pub(crate) struct Injector {
    plan: FaultPlan,
    random: Random,
    /// Whether any fault of a family may come; most calls are never to fail.
    expected: [bool; 3],
    counts: [u64; FaultKind::ALL.len()],
}

impl Injector {
    pub(crate) fn new(plan: FaultPlan, seed: u64) -> Self {
        let counts = [0; FaultKind::ALL.len()];
        let mut injector = Self { plan, random: Random::new(seed), expected: [false; 3], counts };
        injector.look_ahead();
        injector
    }

    pub(crate) fn schedule(&mut self, fault: ScheduledFault) {
        self.plan.scheduled.push(fault);
        self.look_ahead();
    }

    pub(crate) fn set_rates(&mut self, rates: Vec<FaultRate>) {
        self.plan.rates = rates;
        self.look_ahead();
    }

    pub(crate) fn count(&mut self, kind: FaultKind) {
        self.counts[kind as usize] += 1;
    }

    pub(crate) const fn counts(&self) -> &[u64; FaultKind::ALL.len()] {
        &self.counts
    }

    fn look_ahead(&mut self) {
        let rates = self.plan.rates.iter().map(|rate| rate.fault);
        let scheduled = self.plan.scheduled.iter().map(|scheduled| scheduled.fault);
        self.expected = [false; 3];
        for fault in rates.chain(scheduled) {
            self.expected[fault.family() as usize] = true;
        }
    }

    /// Calls `happen` with every fault that happens at this occasion of a camera.
    fn occasion(
        &mut self,
        camera: Option<usize>,
        concerns: impl Fn(Fault) -> bool,
        mut happen: impl FnMut(Fault),
    ) {
        let mut due = false;
        for scheduled in &mut self.plan.scheduled {
            if camera.is_none_or(|camera| camera == scheduled.camera) && concerns(scheduled.fault) {
                match scheduled.after.checked_sub(1) {
                    Some(less) => scheduled.after = less,
                    None => {
                        happen(scheduled.fault);
                        // Marks it as spent.
                        scheduled.camera = usize::MAX;
                        due = true;
                    }
                }
            }
        }
        if due {
            self.plan.scheduled.retain(|scheduled| scheduled.camera != usize::MAX);
        }
        for rate in &self.plan.rates {
            let here = rate.camera.is_none() || camera.is_none() || rate.camera == camera;
            if here && concerns(rate.fault) && self.random.chance(rate.probability) {
                happen(rate.fault);
            }
        }
        if due {
            self.look_ahead();
        }
    }

    /// The faults of a frame that is about to begin.
    pub(crate) fn frame(&mut self, camera: usize) -> FrameFaults {
        let mut faults = FrameFaults::default();
        if self.expected[Family::Frame as usize] {
            self.occasion(Some(camera), |fault| fault.family() == Family::Frame, |fault| faults.add(fault));
        }
        faults
    }

    /// The faults of a run that is about to begin.
    pub(crate) fn run(&mut self, camera: usize) -> RunFaults {
        let mut faults = RunFaults::default();
        if self.expected[Family::Run as usize] {
            self.occasion(Some(camera), |fault| fault.family() == Family::Run, |fault| faults.add(fault));
        }
        faults
    }

    /// Whether a call fails, and how. `camera` is `None` for what all cameras share.
    #[inline]
    pub(crate) fn call(&mut self, camera: Option<usize>, call: Call, target: Target) -> Result<(), Errno> {
        if self.expected[Family::Call as usize] { self.failing_call(camera, call, target) } else { Ok(()) }
    }

    #[cold]
    fn failing_call(&mut self, camera: Option<usize>, call: Call, target: Target) -> Result<(), Errno> {
        let concerns = |fault| match fault {
            Fault::FailCall { call: failing, target: to, .. } => {
                failing == call && to.is_none_or(|to| to == target)
            }
            _ => false,
        };
        let mut failure = None;
        self.occasion(camera, concerns, |fault| {
            if let Fault::FailCall { errno, .. } = fault {
                failure = Some(Errno::from_raw_os_error(errno.clamp(1, 4095)));
            }
        });
        if failure.is_some() {
            self.count(FaultKind::FailedCall);
        }
        failure.map_or(Ok(()), Err)
    }
}

/// What goes wrong with one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrameFaults {
    pub(crate) lose_image: Option<FaultKind>,
    pub(crate) lose_embedded: Option<FaultKind>,
    pub(crate) delay: Option<Duration>,
    pub(crate) reorder: Option<Duration>,
    pub(crate) duplicate: bool,
    pub(crate) corrupt_image: bool,
    pub(crate) flag_image: bool,
    pub(crate) flag_embedded: bool,
    pub(crate) empty_embedded: bool,
    pub(crate) corrupt_embedded: bool,
    pub(crate) shift: Option<Duration>,
    pub(crate) skip: Option<u32>,
    pub(crate) silence: Option<Option<u32>>,
    pub(crate) unplug: bool,
}

impl FrameFaults {
    fn add(&mut self, fault: Fault) {
        match fault {
            Fault::LoseImage => self.lose_image = Some(FaultKind::LostImage),
            Fault::LoseEmbedded => self.lose_embedded = Some(FaultKind::LostEmbedded),
            Fault::LoseFrame => {
                self.lose_image = Some(FaultKind::LostFrame);
                self.lose_embedded = Some(FaultKind::LostFrame);
            }
            Fault::DelayFrame { by } => self.delay = Some(by),
            Fault::ReorderFrame { by } => self.reorder = Some(by),
            Fault::DuplicateFrame => self.duplicate = true,
            Fault::CorruptImage => self.corrupt_image = true,
            Fault::FlagImage => self.flag_image = true,
            Fault::FlagEmbedded => self.flag_embedded = true,
            Fault::EmptyEmbedded => self.empty_embedded = true,
            Fault::CorruptEmbedded => self.corrupt_embedded = true,
            Fault::ShiftTimestamp { by } => self.shift = Some(by),
            Fault::SkipSequence { frames } => self.skip = Some(frames),
            Fault::Silence { frames } => self.silence = Some(frames),
            Fault::UnplugCamera => self.unplug = true,
            _ => {}
        }
    }
}

/// What goes wrong with one run of the ISP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunFaults {
    pub(crate) slow: Option<Duration>,
    pub(crate) stuck: bool,
    pub(crate) reorder: Option<Duration>,
    /// By the index of the role.
    pub(crate) flagged: [bool; Role::ALL.len()],
    pub(crate) unplug: bool,
}

impl RunFaults {
    fn add(&mut self, fault: Fault) {
        match fault {
            Fault::SlowIsp { by } => self.slow = Some(by),
            Fault::StickIsp => self.stuck = true,
            Fault::ReorderOutputs { by } => self.reorder = Some(by),
            Fault::FlagOutput(role) => self.flagged[role.index()] = true,
            Fault::UnplugIsp => self.unplug = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAIL: Fault =
        Fault::FailCall { call: Call::Queue, target: Some(Target::Node(Role::Image)), errno: 5 };

    fn scheduled(after: u32, fault: Fault) -> FaultPlan {
        FaultPlan { scheduled: vec![ScheduledFault { camera: 0, after, fault }], rates: Vec::new() }
    }

    #[test]
    fn a_scheduled_fault_comes_once_at_its_occasion() {
        let mut injector = Injector::new(scheduled(2, Fault::LoseImage), 0);
        let lost: Vec<_> = (0..5).map(|_| injector.frame(0).lose_image.is_some()).collect();
        assert_eq!(lost, [false, false, true, false, false]);
    }

    #[test]
    fn another_cameras_frames_are_no_occasions() {
        let mut injector = Injector::new(scheduled(0, Fault::LoseImage), 0);
        assert_eq!(injector.frame(1), FrameFaults::default());
        assert_ne!(injector.frame(0), FrameFaults::default());
    }

    #[test]
    fn only_the_named_call_to_the_named_node_fails() {
        let mut injector = Injector::new(scheduled(1, FAIL), 0);
        let image = Target::Node(Role::Image);
        assert_eq!(injector.call(Some(0), Call::Dequeue, image), Ok(()));
        assert_eq!(injector.call(Some(0), Call::Queue, Target::Node(Role::Input)), Ok(()));
        assert_eq!(injector.call(Some(0), Call::Queue, image), Ok(()));
        assert_eq!(injector.call(Some(0), Call::Queue, image), Err(Errno::IO));
        assert_eq!(injector.call(Some(0), Call::Queue, image), Ok(()));
        assert_eq!(injector.counts()[FaultKind::FailedCall as usize], 1);
    }

    #[test]
    fn rates_follow_the_seed() {
        let rates = vec![FaultRate { camera: None, fault: Fault::StickIsp, probability: 0.5 }];
        let runs = |seed| {
            let plan = FaultPlan { scheduled: Vec::new(), rates: rates.clone() };
            let mut injector = Injector::new(plan, seed);
            (0..64).map(|_| injector.run(0).stuck).collect::<Vec<_>>()
        };
        assert_eq!(runs(1), runs(1));
        assert_ne!(runs(1), runs(2));
    }
}
