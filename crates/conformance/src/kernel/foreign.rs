//! Memory for a node's pictures that the camera which runs on it has not allocated.

use crate::rig::{NotApplicable, Verdict};
use pinhole::Timestamp;
use pinhole::device::{Provider, QueueBuffer, QueuePlane};
use pinhole::kernel::KernelProvider;
use std::os::fd::{AsFd, OwnedFd};

/// What a driver says to scattered memory that it would need in one piece.
const EFAULT: i32 = 14;

/// Descriptors, and the bytes of each.
pub(super) type Memory = Vec<(OwnedFd, u32)>;

/// Memory of the system's best heap for planes of so many bytes; `None` where there is no heap.
///
/// # Panics
/// There is no memory.
pub(super) fn of_heap(planes_bytes: &[u32]) -> Option<Memory> {
    let mut heap = KernelProvider::new().heap().ok()?;
    let mut allocate = |bytes: &u32| (heap.allocate("foreign", *bytes).expect("there is memory"), *bytes);
    Some(planes_bytes.iter().map(&mut allocate).collect())
}

/// Whether there is a heap whose memory a node can use; the latter is taken for granted where
/// somebody has the node.
pub(super) fn fits(path: &str, planes_bytes: &[u32]) -> bool {
    let Some(memory) = of_heap(planes_bytes) else { return false };
    let mut node = KernelProvider::new().video_node(path).expect("the node is there");
    if node.import(1).is_err() {
        return true;
    }
    let described = memory.iter().map(|(fd, length)| (fd.as_fd(), *length));
    let planes: Vec<_> = described.map(|(fd, length)| QueuePlane { fd, length, bytes_used: 0 }).collect();
    let queued = node.queue(&QueueBuffer { slot: 0, planes: &planes, timestamp: Timestamp::ZERO });
    queued.err().and_then(|error| error.errno()) != Some(EFAULT)
}

/// Memory of the first of these nodes that is idle and allocates as much: another camera's, or
/// the running one's before it began.
///
/// # Errors
/// None is idle.
pub(super) fn of_nodes(paths: &[String], planes_bytes: &[u32]) -> Verdict<Memory> {
    paths.iter().find_map(|path| of_node(path, planes_bytes)).ok_or(NotApplicable(
        "nobody but its own driver has memory that it can use, and that not while frames flow",
    ))
}

fn of_node(path: &str, planes_bytes: &[u32]) -> Option<Memory> {
    let mut node = KernelProvider::new().video_node(path).ok()?;
    node.allocate(1).ok()?;
    let memory = node.export(0).ok()?.planes;
    let fits = |((_, length), bytes): (&(OwnedFd, u32), &u32)| length >= bytes;
    (memory.len() == planes_bytes.len() && memory.iter().zip(planes_bytes).all(fits)).then_some(memory)
}
