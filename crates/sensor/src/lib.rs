//! Translates exposure, gain and modes to register units, parses embedded data, remembers
//! control delays.
//!
//! Arithmetic and explicit state only: this crate knows nothing of devices, files, clocks
//! or threads. Whoever uses it reads and writes the sensor; it says what to write and what
//! the numbers that come back mean.

pub mod delayed;
pub mod embedded;
pub mod helper;
pub mod lens;
pub mod modes;
pub mod timing;

pub use delayed::{
    Applied, DelayedControls, Delays, ExposureBound, SensorControl, SensorControls, Write, Writes,
};
pub use embedded::{EmbeddedFault, EmbeddedSettings, Registers};
pub use helper::{GainModel, Reconciled, RecordedLines, SensorHelper};
pub use lens::{LensHelper, LensScale};
pub use modes::{ModeInfo, WantedMode};
pub use timing::{FrameTiming, ModeTiming};
