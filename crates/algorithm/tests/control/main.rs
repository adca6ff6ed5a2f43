//! The control loop from outside.

mod allocation;
mod closed_loop;
mod robustness;
mod scene;
