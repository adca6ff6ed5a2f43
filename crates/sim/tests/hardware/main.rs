//! The simulated hardware, driven by hand through the device traits.

mod clock;
mod determinism;
mod discovery;
mod faults;
mod isp;
mod memory;
mod queues;
mod receiver;
mod rig;
mod unplugging;
