//! Transforms pixels and gathers statistics on the CPU.
//!
//! The engine of the simulated image signal processor, and the software one. Knows nothing of
//! devices, buffers, files or time: slices in, slices out.

pub mod parameters;
pub mod statistics;

pub use parameters::IspParameters;
pub use statistics::Statistics;
