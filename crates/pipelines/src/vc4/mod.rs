//! The Raspberry Pi's VC4 camera hardware (up to the Pi 4): the Unicam receiver and the
//! bcm2835 ISP.
//!
//! - [`backend`]: one camera, from acquiring to stopping.
//! - [`discovery`]: which receivers, sensors and ISPs there are.
//! - [`configuration`]: roles to streams, streams to formats.
//! - [`plan`]: what a configuration means for the machine.
//! - [`machine`], `run`, `lifecycle`: the machine, a step function; `fingerprint`: what tells
//!   its states apart.
//! - [`matching`], [`lens`], `sensor_writes`: parts of it.
//! - [`control_loop`], [`parameters`], [`statistics`]: the algorithms and their two languages.

pub mod backend;
pub mod configuration;
pub mod control_loop;
pub mod discovery;
mod fingerprint;
pub mod lens;
mod lifecycle;
pub mod machine;
pub mod matching;
pub mod parameters;
pub mod plan;
mod run;
mod sensor_writes;
pub mod statistics;
