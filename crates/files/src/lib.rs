//! Writes and reads frames with their metadata: DNG, JPEG, PNG, TIFF, PPM, Y4M and bare planes.
//!
//! Every writer takes a checked view of a frame ([`RawImage`], [`Picture`]) and any
//! [`std::io::Write`]; [`atomic`] puts a file in place whole or not at all. This crate knows
//! nothing of cameras, requests or devices, reads no clock, and touches the file system only
//! in [`atomic`].

pub mod atomic;
pub mod dng;
mod exif;
pub mod jpeg;
mod lossless;
pub mod metadata;
mod packing;
pub mod planes;
pub mod png;
pub mod ppm;
mod rational;
mod rgb;
pub mod thumbnail;
pub mod tiff;
pub mod view;
pub mod y4m;
mod ycbcr;

pub use atomic::AtomicFile;
pub use metadata::{Calibration, DateTime, Illuminant, ImageMetadata};
pub use view::{Picture, RawImage};
