//! Pipelines: what is particular to a family of receivers and ISPs, one folder each.
//!
//! A pipeline is a step function (see [`pinhole_camera::pipeline`]) over devices; it knows
//! nothing of the kernel, of simulators or of applications.

pub mod vc4;
