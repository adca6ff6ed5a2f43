//! Proves that any pipeline on any provider keeps the camera's promises.
//!
//! The promises are the functions of [`statements`], numbered and named after what they say.
//! Each is put to a [`rig::Rig`]: a way to make cameras on some provider. A rig's test file
//! has one line, [`conformance!`], which makes a test of every statement and holds the rig to
//! its list of those that cannot be put to it.

pub mod algorithms;
pub mod backstage;
pub mod bench;
pub mod exhaustive;
pub mod foreign;
pub mod keepsake;
pub mod kernel;
pub mod mapper;
pub mod process;
pub mod rig;
pub mod run;
pub mod simulate;
pub mod simulated;
pub mod statements;
