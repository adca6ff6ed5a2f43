//! What an application remembers of what it gave away, to know it again.

use pinhole::sim::{Role as Node, SimulatorControl, Stamp};
use pinhole::{FrameMemory, Request, StreamId};
use std::sync::Arc;

/// A request's cookie and buffers.
pub struct Keepsake {
    cookie: u64,
    buffers: Vec<(StreamId, Arc<FrameMemory>, u64)>,
}

impl Keepsake {
    /// What this request has for these streams.
    pub fn of(request: &Request, streams: &[StreamId]) -> Self {
        let buffers = streams.iter().filter_map(|stream| {
            let buffer = request.buffer(*stream)?;
            Some((*stream, Arc::clone(buffer.memory()), buffer.cookie))
        });
        Self { cookie: request.cookie(), buffers: buffers.collect() }
    }

    /// What each of these requests has.
    pub fn of_all(requests: &[Request], streams: &[StreamId]) -> Vec<Self> {
        requests.iter().map(|request| Self::of(request, streams)).collect()
    }

    /// Checks that a request is this one, with the very same buffers.
    ///
    /// # Panics
    /// It is not.
    pub fn check(&self, request: &Request) {
        assert_eq!(request.cookie(), self.cookie, "another request came back");
        for (stream, memory, cookie) in &self.buffers {
            let buffer = request.buffer(*stream).expect("a buffer was kept back");
            assert!(Arc::ptr_eq(buffer.memory(), memory), "another buffer came back: {buffer:?}");
            assert_eq!(buffer.memory().identity(), memory.identity(), "its memory was exchanged");
            assert_eq!(buffer.cookie, *cookie, "the buffer's cookie was lost");
        }
    }

    /// The memory of its buffers.
    pub fn memories(&self) -> impl Iterator<Item = &Arc<FrameMemory>> {
        self.buffers.iter().map(|(_, memory, _)| memory)
    }
}

/// The stamp that simulated hardware left in a request's buffer; looks into the buffer.
///
/// # Panics
/// There is no buffer, or no stamp in it.
pub fn stamp(request: &Request, stream: StreamId) -> Stamp {
    let buffer = request.buffer(stream).expect("the request has a buffer for the stream");
    let view = buffer.view().expect("a completed buffer can be looked into");
    Stamp::from_bytes(view.plane(0)).expect("the hardware has stamped the buffer")
}

/// Whether a node of the first camera has a buffer queued, or is working on it.
pub fn is_held(hardware: &SimulatorControl, node: Node, memory: &FrameMemory) -> bool {
    let identity = memory.identity();
    let same =
        |file: pinhole::sim::FileIdentity| (file.device, file.inode) == (identity.device, identity.inode);
    let audit = hardware.hardware_audit();
    audit.nodes.iter().any(|found| found.camera == 0 && found.role == node && found.held().any(same))
}

/// Whether any node of the first camera has the buffer.
pub fn is_held_anywhere(hardware: &SimulatorControl, memory: &FrameMemory) -> bool {
    Node::ALL.into_iter().any(|node| is_held(hardware, node, memory))
}
