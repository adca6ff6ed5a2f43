//! Computes the next parameters from statistics: pure functions and explicit state.
//!
//! A frame passes through twice. [`Controller::prepare`] runs before the image processor
//! does: it takes what the frame was taken with and the request's controls, and gives the
//! processor's parameters. [`Controller::process`] runs after it: it takes the frame's
//! statistics and gives what the sensor should do in a later frame. Between the two the
//! controller keeps the frame's context, in a ring of fixed size.
//!
//! It knows nothing of devices, registers, files, clocks or threads, and allocates nothing
//! once it is configured.

mod algorithms;
pub mod configuration;
pub mod controller;
mod interpolation;
pub mod parameters;
pub mod statistics;
pub mod tuning;

pub use configuration::{Configuration, LensRange, Limits, SensorRequest, SensorSettings, StartupFrames};
pub use controller::{CONTEXTS, Controller};
pub use parameters::{Changed, Parameters};
pub use statistics::Statistics;
pub use tuning::Tuning;
