//! Answers device requests from a simulated sensor, receiver and ISP, with faults on demand.

mod config;
mod embedded;
mod fault;
mod formats;
mod isp_controls;
mod memory;
pub mod model;
mod node;
mod poller;
mod provider;
mod queue;
mod random;
mod record;
mod refusal;
pub mod scene;
mod sensor;
mod shared;
mod simulator;
mod stamp;
mod statistics;
mod subdevice;
mod timeline;
mod topology;
mod world;

pub use config::{CameraConfig, Clock, IspSpeed, Pixels, SimulatorConfig};
pub use fault::{Call, Fault, FaultKind, FaultPlan, FaultRate, Role, ScheduledFault, Target};
pub use memory::FileIdentity;
pub use queue::{SLOTS_MAX, SlotState};
pub use record::{Audit, Counters, Happening, LogEntry, NodeAudit};
pub use sensor::Registers;
pub use simulator::{Simulator, SimulatorControl};
pub use stamp::{STAMP_BYTES, Stamp};
