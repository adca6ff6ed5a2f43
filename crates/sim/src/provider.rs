//! Where simulated devices are found and opened.

use crate::fault::{Call, Role, Target};
use crate::node::SimNode;
use crate::poller::SimPoller;
use crate::queue::Handle;
use crate::refusal::{Answer, Refusal};
use crate::shared::{Opening, Shared};
use crate::subdevice::{SimLens, SimMux, SimSensor};
use crate::topology::{self, Part, Sub};
use crate::world::World;
use pinhole_base::Result;
use pinhole_buffer::Mapper;
use pinhole_device::{Graph, Heap, MediaDevice, Poller, Provider, SubDevice, VideoNode};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The name of the only heap.
const HEAP_NAME: &str = "linux,cma";
const HEAP_PATH: &str = "/dev/dma_heap/linux,cma";

/// A simulated world's front door; there may be many.
pub(crate) struct SimProvider {
    pub(crate) shared: Arc<Shared>,
}

impl SimProvider {
    /// An opening of a part of a camera, if it is plugged in and no fault refuses.
    fn open(
        &self,
        world: &mut World,
        camera: usize,
        part: Part,
        target: Target,
        place: String,
    ) -> Answer<Opening> {
        let state = world.cameras[camera].part(part);
        if !state.plugged {
            return Err(Errno::NOENT.into());
        }
        let generation = state.generation;
        world.admit(camera, part, generation, Call::Open, target)?;
        let place = Arc::from(place);
        Ok(Opening { shared: self.shared.clone(), camera, part, generation, target, place })
    }

    fn open_node(&self, world: &mut World, path: &str) -> Answer<(Opening, Role, Handle)> {
        let (camera, role) = topology::node_at(path).ok_or(Errno::NOENT)?;
        if world.check_camera(camera).is_err() || !world.cameras[camera].has_node(role) {
            return Err(Errno::NOENT.into());
        }
        let place = format!("{} ({path})", role.entity_name());
        let opening = self.open(world, camera, Part::of(role), Target::Node(role), place)?;
        world.cameras[camera].node_mut(role).open += 1;
        Ok((opening, role, world.new_handle()))
    }

    fn open_sub(&self, world: &mut World, path: &str) -> Answer<Box<dyn SubDevice>> {
        let (camera, sub) = topology::sub_at(path).ok_or(Errno::NOENT)?;
        world.check_camera(camera).map_err(|_| Errno::NOENT)?;
        let config = world.cameras[camera].config;
        let (name, target) = match (sub, config.lens) {
            (Sub::Sensor, _) => (topology::sensor_name(camera, &config), Target::SubDevice),
            (Sub::Mux, _) if config.mux => (topology::mux_name(camera), Target::SubDevice),
            (Sub::Lens, Some(lens)) => (topology::lens_name(camera, lens), Target::Lens),
            _ => return Err(Errno::NOENT.into()),
        };
        let opening = self.open(world, camera, Part::Receiver, target, format!("{name} ({path})"))?;
        Ok(match sub {
            Sub::Lens => Box::new(SimLens { opening, name }),
            Sub::Sensor => Box::new(SimSensor { opening, name }),
            Sub::Mux => Box::new(SimMux { opening, name }),
        })
    }

    fn open_media(&self, world: &mut World, camera: usize, part: Part) -> Answer<Box<dyn MediaDevice>> {
        let graph = world.cameras[camera].part(part).graph.clone();
        let place = format!("{} ({})", graph.info.model, graph.info.path);
        let opening = self.open(world, camera, part, Target::Media, place)?;
        Ok(Box::new(SimMedia { opening, graph, handle: world.new_handle() }))
    }
}

impl Provider for SimProvider {
    fn is_simulated(&self) -> bool {
        true
    }

    fn media_devices(&mut self) -> Result<Vec<Box<dyn MediaDevice>>> {
        let plugged: Vec<_> = self.shared.enter(|world| {
            let cameras = 0..world.cameras.len();
            let parts = cameras.flat_map(|camera| Part::ALL.map(|part| (camera, part)));
            parts.filter(|&(camera, part)| world.cameras[camera].part(part).plugged).collect()
        });
        // Each by itself: when one fails, those before it are closed, which enters the world too.
        let open = |(camera, part)| self.shared.enter(|world| self.open_media(world, camera, part));
        let opened: Answer<Vec<_>> = plugged.into_iter().map(open).collect();
        opened.map_err(|refusal| refusal.into_error("listing media devices", "simulated hardware"))
    }

    fn video_node(&mut self, path: &str) -> Result<Box<dyn VideoNode>> {
        let opened = self.shared.enter(|world| self.open_node(world, path));
        let (opening, role, handle) =
            opened.map_err(|refusal| refusal.into_error("opening a video node", path))?;
        Ok(Box::new(SimNode::new(opening, role, handle)))
    }

    fn sub_device(&mut self, path: &str) -> Result<Box<dyn SubDevice>> {
        let opened = self.shared.enter(|world| self.open_sub(world, path));
        opened.map_err(|refusal| refusal.into_error("opening a sub-device", path))
    }

    fn heap(&mut self) -> Result<Box<dyn Heap>> {
        let opened = self.shared.enter(|world| world.admit_shared(Call::Open, Target::Heap));
        opened.map_err(|refusal| refusal.into_error("opening a heap", HEAP_PATH))?;
        Ok(Box::new(SimHeap { shared: self.shared.clone() }))
    }

    fn poller(&mut self) -> Result<Box<dyn Poller>> {
        Ok(Box::new(SimPoller::new(self.shared.clone())?))
    }

    fn mapper(&self) -> Arc<dyn Mapper> {
        self.shared.mapper.clone()
    }
}

/// A simulated media device.
struct SimMedia {
    opening: Opening,
    /// As it was when this was opened, and as this has changed it.
    graph: Graph,
    handle: Handle,
}

impl MediaDevice for SimMedia {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    fn acquire(&mut self) -> Result<()> {
        self.opening.call(Call::Acquire, "claiming a media device", |world| {
            let part = world.cameras[self.opening.camera].part_mut(self.opening.part);
            if part.claim.is_some_and(|claim| claim != self.handle) {
                return Err(Refusal::new(Errno::BUSY, "another user has claimed it"));
            }
            part.claim = Some(self.handle);
            Ok(())
        })
    }

    fn release(&mut self) {
        self.opening.shared.enter(|world| {
            let part = world.cameras[self.opening.camera].part_mut(self.opening.part);
            part.claim.take_if(|claim| *claim == self.handle);
        });
    }

    fn set_link(&mut self, link: u32, enabled: bool) -> Result<()> {
        self.opening.call(Call::SetLink, "setting a link", |world| {
            let camera = &mut world.cameras[self.opening.camera];
            let streaming = camera.is_streaming(self.opening.part);
            let graph = &mut camera.part_mut(self.opening.part).graph;
            let found = graph.links.iter_mut().find(|found| found.id == link);
            let found =
                found.ok_or_else(|| Refusal::new(Errno::INVAL, format!("there is no link {link}")))?;
            if found.enabled == enabled {
                return Ok(());
            }
            if found.immutable {
                return Err(Refusal::new(Errno::INVAL, format!("link {link} cannot be changed")));
            }
            if streaming {
                return Err(Refusal::new(Errno::BUSY, "frames are flowing"));
            }
            found.enabled = enabled;
            Ok(())
        })?;
        if let Some(link) = self.graph.links.iter_mut().find(|known| known.id == link) {
            link.enabled = enabled;
        }
        Ok(())
    }
}

impl Drop for SimMedia {
    fn drop(&mut self) {
        self.release();
    }
}

/// The heap.
struct SimHeap {
    shared: Arc<Shared>,
}

impl Heap for SimHeap {
    fn name(&self) -> &str {
        HEAP_NAME
    }

    fn allocate(&mut self, label: &str, size_bytes: u32) -> Result<OwnedFd> {
        let answer = self.shared.enter(|world| {
            world.admit_shared(Call::HeapAllocate, Target::Heap)?;
            world.pool.allocate(label, u64::from(size_bytes))?.export()
        });
        answer.map_err(|refusal| refusal.into_error("allocating memory", HEAP_PATH))
    }
}
