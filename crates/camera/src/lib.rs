//! The camera: its states, its streams and requests, and the loop that drives them.
//!
//! Written for any hardware: what is particular to a family of receivers and ISPs is a
//! [`pipeline::Pipeline`], which this crate calls but does not contain. It knows nothing of
//! sensors' registers, of algorithms or of pixels.

pub mod backend;
pub mod changes;
pub mod config;
pub mod devices;
pub mod drops;
pub mod engine;
pub mod exchange;
mod fences;
pub mod fingerprint;
pub mod frame;
pub mod handle;
pub mod job;
pub mod lru;
pub mod pipeline;
pub mod request;
pub mod ring;
pub mod session;
pub mod slots;
pub mod stream;
pub mod table;
