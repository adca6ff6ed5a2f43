//! Which nodes are plain cameras: every capture node that no other pipeline claims and that is
//! not set up along a media graph.

use super::controls::Settings;
use super::offers::Offers;
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_device::{NodeInfo, NodeKind, Provider, VideoNode};

/// A plain camera, as it was found.
#[derive(Clone, Debug)]
pub struct Location {
    /// What names it: product, place, and number among the nodes of its device but for the first.
    pub id: String,
    /// Its node.
    pub node: NodeInfo,
    /// What the node offers.
    pub offers: Offers,
    /// The node's controls.
    pub settings: Settings,
}

/// The plain cameras of a provider, but for nodes at these paths; for each that cannot be asked,
/// why.
///
/// # Errors
/// The nodes cannot be listed.
pub fn locate(provider: &mut dyn Provider, claimed: &[String]) -> Result<Vec<Result<Location>>> {
    let nodes = provider.video_nodes()?;
    let free = nodes.iter().filter(|node| !claimed.contains(&node.path));
    Ok(free.filter_map(|node| location(provider, node, id(node)).transpose()).collect())
}

/// Names a node by what stays the same when the machine is started again, or others come.
fn id(node: &NodeInfo) -> String {
    let NodeInfo { name, bus_info, index, .. } = node;
    if *index == 0 { format!("{name} {bus_info}") } else { format!("{name} {bus_info} #{index}") }
}

fn location(provider: &mut dyn Provider, node: &NodeInfo, id: String) -> Result<Option<Location>> {
    let mut opened = match provider.video_node(&node.path) {
        Ok(opened) => opened,
        // No node for pictures at all; or unplugged while we looked.
        Err(error) if is_no_camera(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    if !is_plain(opened.as_ref()) {
        return Ok(None);
    }
    let offers = Offers::of(opened.as_mut())?;
    if offers.formats.is_empty() {
        return Ok(None); // It gives something that we have no name for, such as encoded video.
    }
    let settings = Settings::of(opened.as_mut())?;
    Ok(Some(Location { id, node: node.clone(), offers, settings }))
}

fn is_no_camera(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Disconnected)
}

fn is_plain(node: &dyn VideoNode) -> bool {
    let capabilities = node.capabilities();
    capabilities.kind == NodeKind::VideoCapture && !capabilities.media_centric
}
