//! Answers device requests from a simulated sensor, receiver and ISP, with faults on demand.

pub mod model;
pub mod scene;
