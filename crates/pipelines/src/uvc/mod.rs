//! Webcams and other plain cameras: one capture node that gives finished pictures.
//!
//! - [`backend`]: one camera, from acquiring to stopping.
//! - [`discovery`]: which nodes are such cameras.
//! - [`offers`]: the formats, sizes and rates that a node has.
//! - [`configuration`]: roles to a stream, the stream to what the node has.
//! - [`controls`], [`scale`]: the node's controls, as ours.
//! - [`machine`]: the machine, a step function.
//! - [`workshop`]: the thread on which pictures are made, where the CPU makes them:
//!   [`decode`] of JPEGs, [`develop`] of mosaics.
//!
//! Pictures go to the application as the node makes them, and nothing looks at them, unless the
//! configuration says that a stream is converted
//! (`StreamConfiguration::converted_from`). The node then fills internal buffers, or those of
//! the application's stream of the mosaic, and the CPU fills the converted stream's.

pub mod backend;
pub mod configuration;
pub mod controls;
pub mod decode;
pub mod develop;
pub mod discovery;
pub mod machine;
pub mod offers;
pub mod scale;
pub mod workshop;
