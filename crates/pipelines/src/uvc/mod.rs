//! Webcams and other plain cameras: one capture node that gives finished pictures.
//!
//! - [`backend`]: one camera, from acquiring to stopping.
//! - [`discovery`]: which nodes are such cameras.
//! - [`offers`]: the formats, sizes and rates that a node has.
//! - [`configuration`]: roles to a stream, the stream to what the node has.
//! - [`controls`], [`scale`]: the node's controls, as ours.
//! - [`machine`]: the machine, a step function.
//!
//! Pictures go to the application as the node makes them: nothing here decodes, converts or
//! looks at them. A stream that is converted (MJPEG decoded, a mosaic developed) would be a
//! second one in the configuration: its requests name no buffer for the node's own stream, so
//! the machine fills internal ones ([`machine::Plan::internal`]), and would hand each to the
//! converter where it now completes the request.

pub mod backend;
pub mod configuration;
pub mod controls;
pub mod discovery;
pub mod machine;
pub mod offers;
pub mod scale;
