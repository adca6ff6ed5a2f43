//! Frame buffers: who may touch a frame's memory, and when.
//!
//! - [`memory`]: the memory itself, one or more planes over descriptors, with an identity by
//!   which two descriptors of one buffer are known to be the same.
//! - [`mapping`]: looking into a frame, inside a guard that keeps caches coherent.
//! - [`ledger`]: one owner for every buffer at every moment, checked in release builds too.
//! - [`fence`]: "not before this has happened".
//!
//! This crate knows nothing of devices, streams or requests. It maps nothing itself: a
//! [`mapping::Mapper`] is handed in, since mapping memory needs code this room may not hold.

pub mod fence;
pub mod ledger;
pub mod mapping;
pub mod memory;

pub use fence::Fence;
pub use ledger::{Ledger, Owner, Token};
pub use mapping::{FrameView, Mapper};
pub use memory::{FrameBuffer, FrameMemory, Identity, PlaneMemory};
