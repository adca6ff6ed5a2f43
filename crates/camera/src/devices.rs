//! The devices of one camera, and what is asked of every stream's device at start and stop.

use pinhole_base::{Error, ErrorKind, Result};
use pinhole_buffer::{FrameMemory, Mapper, PlaneMemory};
use pinhole_device::{Heap, MediaDevice, Poller, SubDevice, VideoNode};
use std::sync::Arc;

/// Everything that a pipeline may ask things of.
pub struct Devices {
    /// The media devices, to be claimed.
    pub media: Vec<Box<dyn MediaDevice>>,
    /// The video nodes, one a stream, by the stream's number.
    pub nodes: Vec<Box<dyn VideoNode>>,
    /// The sensor.
    pub sensor: Option<Box<dyn SubDevice>>,
    /// The lens, if it has a motor. Some drivers power it while it is open.
    pub lens: Option<Box<dyn SubDevice>>,
    /// A heap for tables; `None` if there is none.
    pub heap: Option<Box<dyn Heap>>,
    /// What waits for all of them.
    pub poller: Box<dyn Poller>,
    /// What maps their buffers.
    pub mapper: Arc<dyn Mapper>,
}

/// Exports `count` new buffers from a node, leaving it without slots. Drivers allocate a
/// bounded number at once, but what was exported outlives its slot.
///
/// # Errors
/// The device refuses. Nothing is left behind.
pub fn export(
    node: &mut dyn VideoNode,
    count: u32,
    mapper: &Arc<dyn Mapper>,
) -> Result<Vec<Arc<FrameMemory>>> {
    let mut buffers = Vec::with_capacity(count as usize);
    while (buffers.len() as u32) < count {
        let missing = count - buffers.len() as u32;
        let granted = node.allocate(missing)?;
        let exported = (0..granted.min(missing)).try_for_each(|slot| {
            buffers.push(export_one(node, slot, mapper)?);
            Ok(())
        });
        exported.and(free(node))?;
        if granted == 0 {
            return Err(none_granted(node, missing));
        }
    }
    Ok(buffers)
}

/// Frees a node's slots. An error must not keep them: it is tried once more.
fn free(node: &mut dyn VideoNode) -> Result<()> {
    node.free().inspect_err(|_| drop(node.free()))
}

fn export_one(node: &mut dyn VideoNode, slot: u32, mapper: &Arc<dyn Mapper>) -> Result<Arc<FrameMemory>> {
    let exported = node.export(slot)?;
    let planes =
        exported.planes.into_iter().map(|(fd, length)| PlaneMemory::new(Arc::new(fd), 0, length)).collect();
    FrameMemory::new(planes, Arc::clone(mapper))
}

fn none_granted(node: &dyn VideoNode, wanted: u32) -> Error {
    Error::new(ErrorKind::OutOfResources, "allocating buffers")
        .at(node.capabilities().name.clone())
        .because(format!("the device granted none of {wanted}"))
        .hint("use fewer buffers, or smaller pictures")
}
