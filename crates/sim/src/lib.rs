//! Answers device requests from a simulated sensor, receiver and ISP, with faults on demand.
//!
//! A [`Simulator`] is a world of Raspberry Pi cameras: IMX219 and IMX477 sensors, the Unicam
//! receiver, the VC4's ISP and contiguous memory, behind the traits of `pinhole_device`.
//! Pipelines cannot tell it from the kernel.
//!
//! ```
//! # use pinhole_buffer::{Mapper, mapping::Mapping};
//! # struct NoMapper;
//! # impl Mapper for NoMapper {
//! #     fn map(
//! #         &self, _: std::os::fd::BorrowedFd<'_>, _: u32, _: u32,
//! #     ) -> pinhole_base::Result<Box<dyn Mapping>> {
//! #         Err(pinhole_base::Error::new(pinhole_base::ErrorKind::Unsupported, "mapping"))
//! #     }
//! #     fn fill(&self, _: std::os::fd::BorrowedFd<'_>, _: &[u8]) -> pinhole_base::Result<()> { Ok(()) }
//! # }
//! # let mapper = std::sync::Arc::new(NoMapper);
//! use pinhole_sim::{CameraConfig, Fault, FaultKind, ScheduledFault, Simulator, SimulatorConfig};
//!
//! let config = SimulatorConfig { seed: 7, ..SimulatorConfig::for_tests() };
//! let config = config.with_cameras([CameraConfig::imx219(), CameraConfig::imx477()]);
//! let simulator = Simulator::new(config, mapper)?;
//! let mut provider = simulator.provider();
//! assert_eq!(provider.media_devices()?.len(), 4);
//!
//! let control = simulator.control();
//! control.inject(ScheduledFault { camera: 0, after: 3, fault: Fault::LoseImage })?;
//! // ... run a camera ...
//! assert_eq!(control.counters().faults(FaultKind::LostImage), 0);
//! assert!(control.hardware_audit().violations.is_empty());
//! # Ok::<(), pinhole_base::Error>(())
//! ```
//!
//! # Time
//!
//! Everything is one discrete-event machine that only [`pinhole_device::Poller::wait`] moves.
//! With [`Clock::Virtual`] a wait jumps from event to event, never sleeps while anything is
//! going to happen, and equal seeds with equal calls give equal worlds. With [`Clock::Real`]
//! it sleeps; what was due meanwhile has happened when a device is next called. Events of one
//! moment come in a fixed order and are reported together, or, with
//! [`SimulatorConfig::shuffle`], in a random order one by one.
//!
//! # What the devices do
//!
//! - Formats are adjusted, never refused, unless they are of the wrong kind (`EINVAL`). RAW
//!   strides are multiples of 32 bytes, outputs' of 64. `EBUSY` while there are slots.
//! - A node has at most 32 slots; whoever made them owns its queue (`EBUSY` for others) until
//!   they are freed or the node is closed. Allocated buffers can be exported, and survive their
//!   slots; buffers are queued into import slots only. Slots that are not there or not free,
//!   buffers that are too small or none, and calls out of order give `EINVAL`.
//! - A device keeps its own descriptor of what was queued; a buffer is known by its file.
//! - Stream-off returns every buffer, also one that is being filled, and also where it fails.
//! - Unicam starts the sensor when the image node streams and has a first buffer, and the
//!   embedded node, *if anybody has it open*, does so too. `EPIPE` if the sensor, or the mux,
//!   sends something else than the node takes. A frame without a buffer is lost, and counts.
//! - `FRAME_SYNC` events come at frame starts, buffers at frame ends. The two newest events
//!   are kept.
//! - A sensor's controls take effect with its delays; writing `VBLANK` bounds `EXPOSURE`.
//!   Integers out of range are clamped, as V4L2 does. Flips change the media bus code, and are
//!   `EBUSY` while frames flow.
//! - A lens, where there is one, is its sensor's companion; it takes its time to where it is told.
//! - The ISP runs when its input has a buffer and every capture node that streams has one. Its
//!   controls and its crop are those in force when the run begins.
//! - Memory comes from one pool of [`SimulatorConfig::memory_bytes`]; `ENOMEM` beyond.
//!
//! # What the buffers hold
//!
//! [`Pixels::On`] renders the [`scene::Scene`] and processes it with `pinhole_imaging`.
//! [`Pixels::Stamped`] writes a [`Stamp`] into each RAW buffer, which the ISP copies to its
//! outputs, real embedded data, and statistics as bright as light, exposure and gain make them.
//! [`Pixels::Off`] writes nothing.
//!
//! The model itself, [`studio::Studio`], needs no devices: bytes in and out.
//!
//! # What can go wrong
//!
//! Faults are given in [`SimulatorConfig::faults`] or by [`SimulatorControl::inject`] and
//! [`SimulatorControl::set_fault_rates`]; each is counted under its [`FaultKind`] when it has
//! really happened.
//!
//! | occasion | faults |
//! |---|---|
//! | a sensor's frame | lost (image, embedded data, both), late, reordered, duplicated, corrupt, flagged (either buffer), empty or corrupt embedded data, unequal time stamps, gaps in the sequence, silence, unplugging |
//! | a run of the ISP | slow, stuck, outputs in reverse order, any buffer flagged, unplugging |
//! | a call | any [`Call`] to any [`Target`] fails with any error number |
//!
//! # Without a simulation
//!
//! [`WithCpuIsp`] puts the ISP alone behind a real receiver that has none.
//!
//! This crate knows nothing of requests, streams or algorithms.

mod config;
mod cpu_isp;
mod embedded;
mod engine;
mod fault;
mod formats;
mod isp_controls;
mod isp_settings;
mod lens;
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
pub mod studio;
mod subdevice;
mod timeline;
mod topology;
mod world;

pub use config::{CameraConfig, Clock, IspSpeed, Pixels, SimulatorConfig};
pub use cpu_isp::WithCpuIsp;
pub use fault::{Call, Fault, FaultKind, FaultPlan, FaultRate, Role, ScheduledFault, Target};
pub use isp_settings::{IspSettings, STRUCTURES};
pub use memory::FileIdentity;
pub use queue::{SLOTS_MAX, SlotState};
pub use record::{Audit, Counters, Happening, LogEntry, NodeAudit};
pub use sensor::Registers;
pub use simulator::{Simulator, SimulatorControl};
pub use stamp::{STAMP_BYTES, Stamp};
