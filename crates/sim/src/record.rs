//! What the simulated hardware tells those who watch over it: counters, a log, an audit.

use crate::fault::{Call, FaultKind, Role, Target};
use crate::memory::FileIdentity;
use crate::queue::SlotState;
use crate::sensor::Registers;
use pinhole_base::Timestamp;

/// How often what has happened, since the simulator was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Steps of the simulation.
    pub events: u64,
    /// Frames that sensors began, silent ones left out.
    pub frames: u64,
    /// Frames whose image no buffer was queued for.
    pub images_dropped: u64,
    /// Frames whose embedded data no buffer was queued for, while the node streamed.
    pub embedded_dropped: u64,
    /// Runs of ISPs that began.
    pub runs: u64,
    /// Times a device wrote a buffer while another was reading or writing it: a picture torn
    /// by whoever queued the buffer twice.
    pub torn: u64,
    /// Calls to lenses, of any kind.
    pub lens_calls: u64,
    calls: [u64; Call::ALL.len()],
    faults: [u64; FaultKind::ALL.len()],
}

impl Counters {
    pub(crate) const fn new() -> Self {
        Self {
            events: 0,
            frames: 0,
            images_dropped: 0,
            embedded_dropped: 0,
            runs: 0,
            torn: 0,
            lens_calls: 0,
            calls: [0; Call::ALL.len()],
            faults: [0; FaultKind::ALL.len()],
        }
    }

    pub(crate) fn count_call(&mut self, call: Call, target: Target) {
        self.calls[call as usize] += 1;
        self.lens_calls += u64::from(target == Target::Lens);
    }

    pub(crate) const fn with_faults(mut self, faults: [u64; FaultKind::ALL.len()]) -> Self {
        self.faults = faults;
        self
    }

    /// Calls of a kind, failed ones included.
    pub const fn calls(&self, call: Call) -> u64 {
        self.calls[call as usize]
    }

    /// Faults of a kind that really happened.
    pub const fn faults(&self, kind: FaultKind) -> u64 {
        self.faults[kind as usize]
    }

    /// Faults of any kind.
    pub fn faults_total(&self) -> u64 {
        self.faults.iter().sum()
    }

    /// How many kinds of faults happened.
    pub fn fault_kinds(&self) -> usize {
        self.faults.iter().filter(|&&count| count > 0).count()
    }
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// A sensor began a frame.
    FrameStart {
        /// Its number.
        sequence: u32,
        /// What it is taken with.
        registers: Registers,
    },
    /// A lens was told to go to a step.
    LensMoved(u32),
    /// A buffer was queued.
    Queued(Role, u32),
    /// A buffer completed.
    Completed {
        /// At which node.
        role: Role,
        /// In which slot.
        slot: u32,
        /// Number of the frame.
        sequence: u32,
        /// Whether it was flagged.
        error: bool,
    },
    /// The ISP began a run.
    RunStart(u32),
    /// A node began to stream.
    StreamOn(Role),
    /// A node ceased to.
    StreamOff(Role),
    /// Something went wrong on purpose.
    Fault(FaultKind),
}

/// A line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogEntry {
    /// When.
    pub time: Timestamp,
    /// Number of the camera.
    pub camera: usize,
    /// What.
    pub what: Happening,
}

/// A node as the hardware sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAudit {
    /// Number of the camera.
    pub camera: usize,
    /// Which node.
    pub role: Role,
    /// Whether it streams.
    pub streaming: bool,
    /// State and buffer of every slot; `None` if no buffer was ever queued into it.
    pub slots: Vec<(SlotState, Option<FileIdentity>)>,
}

impl NodeAudit {
    /// The buffers that the device may touch now.
    pub fn held(&self) -> impl Iterator<Item = FileIdentity> {
        let held =
            self.slots.iter().filter(|(state, _)| matches!(state, SlotState::Queued | SlotState::Active));
        held.filter_map(|(_, buffer)| *buffer)
    }
}

/// The hardware's side of who owns what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Every node.
    pub nodes: Vec<NodeAudit>,
    /// What must not be: a buffer that two devices may touch at the same time, or a node whose
    /// own lists disagree.
    pub violations: Vec<String>,
}

impl Audit {
    pub(crate) fn of(nodes: Vec<NodeAudit>, mut violations: Vec<String>) -> Self {
        let mut held: Vec<_> = nodes
            .iter()
            .flat_map(|node| node.held().map(move |buffer| (buffer, node.camera, node.role)))
            .collect();
        held.sort_unstable();
        violations.extend(held.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| {
            let name = |(_, camera, role): (FileIdentity, usize, Role)| {
                format!("{} of camera {camera}", role.entity_name())
            };
            format!("buffer {} is held by {} and by {}", pair[0].0.inode, name(pair[0]), name(pair[1]))
        }));
        Self { nodes, violations }
    }
}
