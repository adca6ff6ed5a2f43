//! The vocabulary of Pinhole: every quantity named once.
//!
//! Pixel formats with their codes, sizes and rectangles that carry their coordinate space,
//! colour spaces, time stamps, controls, and the one error type. This crate knows nothing of
//! memory, devices, the kernel or threads, and depends on nothing.

pub mod colour;
pub mod control;
pub mod error;
pub mod format;
pub mod geometry;
pub mod time;
pub mod vignetting;

pub use error::{Error, ErrorKind, Result};
pub use time::Timestamp;
