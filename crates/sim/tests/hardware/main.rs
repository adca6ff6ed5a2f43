//! The simulated hardware, driven by hand through the device traits.

mod clock;
mod determinism;
mod discovery;
mod faults;
mod isp;
mod memory;
mod pictures;
mod queues;
mod receiver;
mod rig;
mod unplugging;
