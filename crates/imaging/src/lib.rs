//! Transforms pixels and gathers statistics on the CPU.
//!
//! The engine of the simulated image signal processor, and the software one: from a sensor's
//! rows to pictures in memory formats, row by row, with 16 bits or more all the way. Knows
//! nothing of devices, buffers, files or time: slices in, slices out.
//!
//! The order of the steps is that of the Raspberry Pi's processor up to the demosaic: defects,
//! noise, black level, lens shading, statistics, white balance, demosaic. After it the picture
//! is scaled in linear light, then gets its colour matrix, tone curve, sharpening, smoothing of
//! chroma, and encoding.

mod chroma;
mod correct;
mod demosaic;
mod directional;
mod encode;
mod finish;
mod gather;
pub mod isp;
mod level;
mod mosaic;
pub mod packing;
pub mod parameters;
mod scale;
mod sharpen;
pub mod statistics;
pub mod steps;
mod tone;
mod unpack;
mod worker;

pub use isp::{Isp, IspConfiguration, OutputFormat};
pub use parameters::IspParameters;
pub use pinhole_simd::Level;
pub use statistics::Statistics;

pub(crate) use pinhole_simd as simd;
