//! The ISP without the simulation: for real receivers whose machine has no ISP, the CPU does the
//! work, behind the same nodes.
//!
//! [`WithCpuIsp`] shows a provider's devices, and beside them one more ISP for each receiver that
//! has none to itself. Its nodes take real buffers, and its time is the clock's. Pipelines drive
//! it as they drive the hardware; that the CPU touches the pixels is told by the model of its
//! media device ([`CPU_MODEL`]).
//!
//! - `run`: queues, and what a run takes from them and gives back.
//! - `work`: what becomes of the pixels.
//! - `node`: the nodes, as pipelines call them.
//!
//! Knows nothing of simulated time, faults or sensors.

mod node;
mod run;
mod work;

use crate::fault::Role;
use crate::topology;
use node::CpuNode;
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_buffer::Mapper;
use pinhole_device::media::CPU_MODEL;
use pinhole_device::{
    EntityFunction, Graph, Heap, MediaDevice, MediaInfo, NodeInfo, Poller, Provider, SubDevice, VideoNode,
};
use run::CpuIsp;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use work::Bench;

/// A provider's devices, which its nodes share.
type Shared = Arc<Mutex<Box<dyn Provider>>>;

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A provider of hardware, with ISPs of the CPU's where it lacks them.
pub struct WithCpuIsp {
    inner: Shared,
    isps: Vec<Arc<CpuIsp>>,
    has_threads: bool,
}

impl WithCpuIsp {
    /// Adds to these devices. Each ISP works on a thread of its own.
    pub fn new(provider: Box<dyn Provider>) -> Self {
        Self { inner: Arc::new(Mutex::new(provider)), isps: Vec::new(), has_threads: true }
    }

    /// The same without threads: whoever queues the last buffer that a frame needs processes it, in
    /// that call. For simulated time, which does not wait for threads.
    pub fn without_threads(provider: Box<dyn Provider>) -> Self {
        Self { has_threads: false, ..Self::new(provider) }
    }

    fn isp(&self) -> Result<Arc<CpuIsp>> {
        let bench = (!self.has_threads).then(|| Bench::new(self.mapper()));
        Ok(Arc::new(CpuIsp::new(bench)?))
    }

    /// The ISP and the node at a path, if it is one of these.
    fn node_at(&self, path: &str) -> Option<(&Arc<CpuIsp>, Role)> {
        let (isp, name) = path.strip_prefix(PREFIX)?.split_once('/')?;
        let role = Role::ISP.into_iter().find(|role| role.entity_name() == name)?;
        Some((self.isps.get(isp.parse::<usize>().ok()?)?, role))
    }
}

/// What the paths of its devices begin with; no file has such a name.
const PREFIX: &str = "cpu-isp:";

fn graph(number: usize) -> Graph {
    let path = format!("{PREFIX}{number}");
    let info = MediaInfo {
        path: path.clone(),
        driver: topology::ISP_DRIVER.to_owned(),
        model: CPU_MODEL.to_owned(),
        bus_info: "platform:cpu".to_owned(),
    };
    topology::isp_graph(info, |role| format!("{path}/{}", role.entity_name()))
}

/// How many sensors have no ISP to themselves.
fn lacking(graphs: &[&Graph]) -> usize {
    let of = |driver: &'static str| graphs.iter().filter(move |graph| graph.info.driver == driver);
    let sensors = of(topology::RECEIVER_DRIVER)
        .flat_map(|graph| &graph.entities)
        .filter(|entity| entity.function == EntityFunction::Sensor);
    sensors.count().saturating_sub(of(topology::ISP_DRIVER).count())
}

impl Provider for WithCpuIsp {
    fn is_simulated(&self) -> bool {
        lock(&self.inner).is_simulated()
    }

    fn media_devices(&mut self) -> Result<Vec<Box<dyn MediaDevice>>> {
        let mut media = lock(&self.inner).media_devices()?;
        let graphs: Vec<&Graph> = media.iter().map(|device| device.graph()).collect();
        let lacking = lacking(&graphs);
        while self.isps.len() < lacking {
            let isp = self.isp()?;
            self.isps.push(isp);
        }
        media.extend((0..lacking).map(|number| Box::new(CpuMedia(graph(number))) as Box<dyn MediaDevice>));
        Ok(media)
    }

    fn video_nodes(&mut self) -> Result<Vec<NodeInfo>> {
        lock(&self.inner).video_nodes()
    }

    fn video_node(&mut self, path: &str) -> Result<Box<dyn VideoNode>> {
        match self.node_at(path) {
            Some((isp, role)) => Ok(Box::new(CpuNode::new(Arc::clone(isp), Arc::clone(&self.inner), role))),
            None => lock(&self.inner).video_node(path),
        }
    }

    fn sub_device(&mut self, path: &str) -> Result<Box<dyn SubDevice>> {
        lock(&self.inner).sub_device(path)
    }

    fn heap(&mut self) -> Result<Box<dyn Heap>> {
        lock(&self.inner).heap()
    }

    fn memory(&mut self, label: &str, size_bytes: u32) -> Result<OwnedFd> {
        lock(&self.inner).memory(label, size_bytes)
    }

    fn poller(&mut self) -> Result<Box<dyn Poller>> {
        lock(&self.inner).poller()
    }

    fn mapper(&self) -> Arc<dyn Mapper> {
        lock(&self.inner).mapper()
    }
}

/// The media device of an ISP of the CPU's. Whoever has the receiver has it.
struct CpuMedia(Graph);

impl MediaDevice for CpuMedia {
    fn graph(&self) -> &Graph {
        &self.0
    }

    fn acquire(&mut self) -> Result<()> {
        Ok(())
    }

    fn release(&mut self) {}

    fn set_link(&mut self, link: u32, _enabled: bool) -> Result<()> {
        Err(Error::new(ErrorKind::InvalidArgument, "setting a link")
            .at(self.0.info.path.clone())
            .because(format!("link {link} cannot be changed")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CameraConfig;

    #[test]
    fn only_receivers_without_an_isp_get_one() {
        let camera = CameraConfig::imx219();
        let [first, second] = [0, 1].map(|number| topology::receiver_graph(number, &camera));
        let isp = topology::isp_of(0);
        assert_eq!(lacking(&[&first, &isp]), 0);
        assert_eq!(lacking(&[&first, &isp, &second]), 1);
        assert_eq!(lacking(&[&second]), 1);
        assert_eq!(lacking(&[&isp]), 0);
    }

    #[test]
    fn its_graph_is_that_of_the_hardware_but_for_who_it_is() {
        let (ours, hardware) = (graph(3), topology::isp_of(0));
        assert_eq!((ours.info.driver.as_str(), ours.info.model.as_str()), (topology::ISP_DRIVER, CPU_MODEL));
        let names =
            |graph: &Graph| graph.entities.iter().map(|entity| entity.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&ours), names(&hardware));
        assert_eq!(ours.links, hardware.links);
        let nodes = ours.entities.iter().filter_map(|entity| entity.node.as_deref());
        assert!(nodes.into_iter().all(|path| path.starts_with("cpu-isp:3/")), "{ours:?}");
    }
}
