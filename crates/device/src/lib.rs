//! What may be asked of camera hardware, without saying which hardware.
//!
//! These traits follow Linux's own nouns (media device, sub-device, video node, control,
//! selection, DMA heap) because that is what the hardware looks like; two providers answer
//! them: the kernel's, and a simulated one. Pipelines are written against this crate and
//! cannot tell the two apart.
//!
//! Knows nothing of requests, streams or algorithms. Nothing here waits, but for
//! [`Poller::wait`].

pub mod control;
pub mod frames;
pub mod media;
pub mod node;
pub mod poll;
pub mod provider;
pub mod subdevice;
pub mod uapi;

pub use control::{ControlCode, ControlDescription, ControlWrite, Controls, MenuItem, Payload};
pub use frames::{FrameInterval, FrameIntervals, FrameSizes};
pub use media::{AncillaryLink, Direction, Entity, EntityFunction, Graph, Link, MediaDevice, MediaInfo, Pad};
pub use node::{
    Dequeued, ExportedBuffer, ImageFormat, MetaFormat, NodeCapabilities, NodeEvent, NodeFormat, NodeKind,
    QueueBuffer, QueuePlane, VideoNode,
};
pub use poll::{Interest, PollSource, Poller, Ready, Waker};
pub use provider::{Heap, NodeInfo, Provider};
pub use subdevice::{MediaBusFormat, Route, SelectionTarget, SubDevice};
