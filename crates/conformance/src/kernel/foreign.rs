//! Memory for a node's pictures that the camera which runs on it has not allocated.

use crate::rig::{NotApplicable, Verdict};
use pinhole::Timestamp;
use pinhole::device::{Provider, QueueBuffer, QueuePlane};
use pinhole::kernel::KernelProvider;
use std::os::fd::{AsFd, OwnedFd};

/// What a driver says to scattered memory that it would need in one piece.
const EFAULT: i32 = 14;

/// Memory of the system's best heap; `None` where there is no heap.
///
/// # Panics
/// There is no memory.
pub(super) fn of_heap(bytes: u32) -> Option<OwnedFd> {
    let mut heap = KernelProvider::new().heap().ok()?;
    Some(heap.allocate("foreign", bytes).expect("there is memory"))
}

/// Whether there is a heap whose memory a node can use; the latter is taken for granted where
/// somebody has the node.
pub(super) fn fits(path: &str, bytes: u32) -> bool {
    let Some(memory) = of_heap(bytes) else { return false };
    let mut node = KernelProvider::new().video_node(path).expect("the node is there");
    if node.import(1).is_err() {
        return true;
    }
    let plane = QueuePlane { fd: memory.as_fd(), length: bytes, bytes_used: 0 };
    let queued = node.queue(&QueueBuffer { slot: 0, planes: &[plane], timestamp: Timestamp::ZERO });
    queued.err().and_then(|error| error.errno()) != Some(EFAULT)
}

/// Memory of the first of these nodes that is idle and allocates as much: another camera's, or
/// the running one's before it began.
///
/// # Errors
/// None is idle.
pub(super) fn of_nodes(paths: &[String], bytes: u32) -> Verdict<OwnedFd> {
    paths.iter().find_map(|path| of_node(path, bytes)).ok_or(NotApplicable(
        "nobody but its own driver has memory that it can use, and that not while frames flow",
    ))
}

fn of_node(path: &str, bytes: u32) -> Option<OwnedFd> {
    let mut node = KernelProvider::new().video_node(path).ok()?;
    node.allocate(1).ok()?;
    let (memory, length) = node.export(0).ok()?.planes.swap_remove(0);
    (length >= bytes).then_some(memory)
}
