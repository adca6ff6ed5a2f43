//! Memory for a node's pictures that the camera which runs on it has not allocated.

use crate::rig::{NotApplicable, Verdict};
use pinhole::device::{Provider, QueueBuffer, QueuePlane};
use pinhole::kernel::KernelProvider;
use pinhole::{ErrorKind, Timestamp};
use std::os::fd::{AsFd, OwnedFd};

/// What a driver says to scattered memory that it would need in one piece.
const EFAULT: i32 = 14;

/// Memory of the system's best heap.
///
/// # Panics
/// There is no heap, or no memory.
pub(super) fn of_heap(bytes: u32) -> OwnedFd {
    let mut heap = KernelProvider::new().heap().expect("there is a heap");
    heap.allocate("foreign", bytes).expect("there is memory")
}

/// Whether a node can use memory of that heap; taken for granted where somebody has the node.
pub(super) fn fits(path: &str, bytes: u32) -> bool {
    let memory = of_heap(bytes);
    let mut node = KernelProvider::new().video_node(path).expect("the node is there");
    if node.import(1).is_err() {
        return true;
    }
    let plane = QueuePlane { fd: memory.as_fd(), length: bytes, bytes_used: 0 };
    let queued = node.queue(&QueueBuffer { slot: 0, planes: &[plane], timestamp: Timestamp::ZERO });
    queued.err().and_then(|error| error.errno()) != Some(EFAULT)
}

/// Memory that the node gave to somebody who used it before.
///
/// # Errors
/// The node is in use.
pub(super) fn of_earlier_user(path: &str) -> Verdict<OwnedFd> {
    let mut node = KernelProvider::new().video_node(path).expect("the node is there");
    match node.allocate(1) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::Busy => {
            return Err(NotApplicable(
                "only its own driver has contiguous memory here, and not while in use",
            ));
        }
        Err(error) => panic!("{path} allocates nothing: {error}"),
    }
    let mut exported = node.export(0).expect("what is allocated can be exported");
    Ok(exported.planes.swap_remove(0).0)
}
