//! A provider that shows certain cameras of the system and nothing else, and counts mappings.

use super::Place;
use super::troubled::{Troubled, Troubles};
use crate::mapper::CountingMapper;
use pinhole::device::{Heap, MediaDevice, NodeInfo, Poller, Provider, SubDevice, VideoNode};
use pinhole::kernel::KernelProvider;
use pinhole::{Mapper, Result};
use std::sync::Arc;

/// Certain cameras of the system.
pub(super) struct Chosen {
    inner: KernelProvider,
    places: Vec<Place>,
    /// What happens to the first of them.
    troubles: Troubles,
    mapper: Arc<CountingMapper>,
}

impl Chosen {
    pub(super) fn new(places: Vec<Place>, troubles: Troubles, mapper: Arc<CountingMapper>) -> Self {
        Self { inner: KernelProvider::new(), places, troubles, mapper }
    }
}

impl Provider for Chosen {
    fn is_simulated(&self) -> bool {
        false
    }

    fn media_devices(&mut self) -> Result<Vec<Box<dyn MediaDevice>>> {
        Ok(Vec::new())
    }

    fn video_nodes(&mut self) -> Result<Vec<NodeInfo>> {
        Ok(self.places.iter().map(|place| place.node.clone()).collect())
    }

    fn video_node(&mut self, path: &str) -> Result<Box<dyn VideoNode>> {
        let mut node = self.inner.video_node(path)?;
        let at = self.places.iter().position(|place| place.node.path == path);
        if let Some(chain) = at.and_then(|at| self.places[at].chain.as_ref()) {
            node = chain.open(&mut self.inner, node)?;
        }
        Ok(if at == Some(0) { Box::new(Troubled::new(node, self.troubles.clone())) } else { node })
    }

    fn sub_device(&mut self, path: &str) -> Result<Box<dyn SubDevice>> {
        self.inner.sub_device(path)
    }

    fn heap(&mut self) -> Result<Box<dyn Heap>> {
        self.inner.heap()
    }

    fn poller(&mut self) -> Result<Box<dyn Poller>> {
        self.inner.poller()
    }

    fn mapper(&self) -> Arc<dyn Mapper> {
        Arc::<CountingMapper>::clone(&self.mapper)
    }
}
