//! Which rigs a machine has: one for each plain camera, another one where its frames can have planes
//! in memory of their own, and one for each node of a media graph at which a sensor's mosaic arrives.

use super::accomplice::Accomplice;
use super::chained::{Chain, Step};
use super::troubled::Troubles;
use super::{DriverRig, KernelRig, Place, cameras_at, pi};
use crate::rig::Abilities;
use pinhole::device::{Entity, EntityFunction, Graph, Link, MediaDevice, NodeInfo, Provider};
use pinhole::geometry::Size;
use pinhole::kernel::KernelProvider;
use pinhole::{Camera, Error, Result, Role};

/// Small and quick, to take many pictures in little time.
const SIZE: Size = Size::new(320, 180);
const FRAME_US: f32 = 1e6 / 60.0;

/// The drivers that the testbed has.
const TESTBED: &str = "vivid,vimc,unicam,uvcvideo";

/// What a machine has.
#[derive(Default)]
pub struct Found {
    /// The rigs.
    pub rigs: Vec<Box<dyn DriverRig>>,
    /// Why devices that may be cameras make no rig.
    pub failures: Vec<Error>,
}

impl Found {
    /// Says what is not tested, and fails where it should be: `PINHOLE_DRIVERS=vivid,…` demands a
    /// camera of each of these drivers, `PINHOLE_DRIVERS=required` of all that the testbed has.
    ///
    /// # Panics
    /// A driver that is demanded has no camera.
    pub fn demand(&self) {
        for error in &self.failures {
            println!("not tested: {error}");
        }
        if self.rigs.is_empty() {
            println!("not tested: there are no cameras that can be opened");
        }
        let demanded = std::env::var("PINHOLE_DRIVERS").unwrap_or_default();
        let demanded = if demanded == "required" { TESTBED } else { &demanded };
        for driver in demanded.split(',').filter(|driver| !driver.is_empty()) {
            let has = self.rigs.iter().any(|rig| rig.driver_name() == driver);
            assert!(has, "there is no camera of {driver}");
        }
    }
}

/// Finds the rigs of this machine.
///
/// # Errors
/// Its devices cannot be listed.
pub fn find() -> Result<Found> {
    let mut provider = KernelProvider::new();
    let (pis, taken) = pi::find(&mut provider)?;
    let mut nodes = provider.video_nodes()?;
    nodes.retain(|node| !taken.contains(&node.path));
    let mut media = provider.media_devices()?;
    let plain = nodes.iter().map(|node| Place { node: node.clone(), chain: None });
    let mut places: Vec<Place> = plain.collect();
    for device in &mut media {
        let chained = chains(device.graph(), &nodes);
        isolate(device.as_mut(), &chained)?;
        places.extend(chained);
    }
    let graphs: Vec<&Graph> = media.iter().map(|device| device.graph()).collect();
    let mut found = rigs_of(places, &graphs);
    found.rigs.extend(pis.into_iter().map(|rig| Box::new(rig) as Box<dyn DriverRig>));
    Ok(found)
}

fn rigs_of(places: Vec<Place>, graphs: &[&Graph]) -> Found {
    let mut found = Found::default();
    let mut cameras: Vec<(String, Place)> = Vec::new();
    for place in places {
        match is_camera(&place) {
            Ok(true) => cameras.push((driver_of(graphs, &place.node), place)),
            Ok(false) => {}
            Err(error) => found.failures.push(error),
        }
    }
    for at in 0..cameras.len() {
        match rigs(&cameras, at) {
            Ok(rigs) => found.rigs.extend(rigs),
            Err(error) => found.failures.push(error),
        }
    }
    found
}

fn is_camera(place: &Place) -> Result<bool> {
    let (cameras, _) = cameras_at(std::slice::from_ref(place), &Troubles::default())?;
    Ok(cameras.iter().next().is_some())
}

fn driver_of(graphs: &[&Graph], node: &NodeInfo) -> String {
    let has = |graph: &&&Graph| {
        graph.entities.iter().any(|entity| entity.node.as_deref() == Some(node.path.as_str()))
    };
    graphs.iter().find(has).map_or_else(String::new, |graph| graph.info.driver.clone())
}

/// The nodes of a graph that a sensor feeds, each with what is before it.
fn chains(graph: &Graph, nodes: &[NodeInfo]) -> Vec<Place> {
    let place = |node: &NodeInfo| {
        let entity = graph.entities.iter().find(|entity| entity.node.as_ref() == Some(&node.path))?;
        let chain = sensors(graph).find_map(|sensor| chain(graph, sensor, entity))?;
        Some(Place { node: node.clone(), chain: Some(chain) })
    };
    nodes.iter().filter_map(place).collect()
}

fn sensors(graph: &Graph) -> impl Iterator<Item = &Entity> {
    graph.entities.iter().filter(|entity| entity.function == EntityFunction::Sensor)
}

fn chain(graph: &Graph, sensor: &Entity, node: &Entity) -> Option<Chain> {
    let way = graph.path(sensor, node)?;
    let first = *way.first()?;
    let sink = |link: Option<&Link>| link.and_then(|link| pad(graph, link.sink));
    let mut steps = Vec::new();
    for (at, link) in way.iter().enumerate() {
        let (entity, source) = pad(graph, link.source)?;
        let before = at.checked_sub(1).map(|before| way[before]);
        let sink = sink(before).map(|(_, index)| index);
        steps.push(Step { path: entity.node.clone()?, sink, source: Some(source) });
    }
    let others = graph.links_from(sensor).filter(|link| link.enabled && link.id != first.id);
    let beside = others.filter_map(|link| {
        let (entity, index) = sink(Some(link)).filter(|(entity, _)| entity.function != EntityFunction::Io)?;
        Some(Step { path: entity.node.clone()?, sink: Some(index), source: None })
    });
    Some(Chain { steps, beside: beside.collect() })
}

/// The entity of a pad, and the pad's number there.
fn pad(graph: &Graph, id: u32) -> Option<(&Entity, u32)> {
    let entity = graph.entity_of_pad(id)?;
    Some((entity, entity.pads.iter().find(|pad| pad.id == id)?.index))
}

/// Cuts off what sensors feed beside the nodes that are tested: what is behind that would have to
/// be set up too.
fn isolate(media: &mut dyn MediaDevice, places: &[Place]) -> Result<()> {
    let chains = places.iter().filter_map(|place| place.chain.as_ref());
    let beside: Vec<&str> = chains.flat_map(|chain| &chain.beside).map(|step| step.path.as_str()).collect();
    let graph = media.graph();
    let is_beside = |entity: &&Entity| entity.node.as_deref().is_some_and(|path| beside.contains(&path));
    let behind = graph.entities.iter().filter(is_beside).flat_map(|entity| graph.links_from(entity));
    let links: Vec<u32> = behind.filter(|link| link.enabled && !link.immutable).map(|link| link.id).collect();
    links.into_iter().try_for_each(|link| media.set_link(link, false))
}

/// The rigs whose first camera is this one; the others of its driver come after it.
fn rigs(cameras: &[(String, Place)], at: usize) -> Result<Vec<Box<dyn DriverRig>>> {
    let (driver, first) = &cameras[at];
    let others = cameras.iter().enumerate().filter(|(other, (of, _))| *other != at && of == driver);
    let places: Vec<Place> =
        [first.clone()].into_iter().chain(others.map(|(_, (_, place))| place.clone())).collect();
    let (found, _) = cameras_at(&places[..1], &Troubles::default())?;
    let camera = found.first()?;
    let apart = camera.info().formats.iter().copied().find(|format| format.memory_count() > 1);
    let abilities = abilities(first, &camera.acquire()?)?;
    let accomplice = Accomplice::of(driver, &first.node.path);
    let troubles = Troubles::of(KernelProvider::new().video_node(&first.node.path)?.as_mut(), accomplice)?;
    let name = first.node.name.clone();
    let rig = KernelRig { name, driver: driver.clone(), cameras: places, abilities, troubles };
    let of_format = |format| KernelRig {
        name: format!("{} in {format}", rig.name),
        abilities: Abilities { format: Some(format), ..rig.abilities.clone() },
        ..rig.clone()
    };
    let apart = apart.map(of_format);
    Ok([rig].into_iter().chain(apart).map(|rig| Box::new(rig) as Box<dyn DriverRig>).collect())
}

fn abilities(place: &Place, camera: &Camera) -> Result<Abilities> {
    let mut roles = Vec::new();
    let mut refused = None;
    for role in [Role::Video, Role::Viewfinder, Role::Still, Role::Raw] {
        match camera.propose([role]) {
            // What the CPU makes of a node's frames has tests of its own.
            Ok(proposed) if proposed.streams.iter().any(|stream| stream.converted_from.is_some()) => {}
            Ok(_) => roles.push(role),
            Err(error) => refused = Some(error.at(place.node.path.clone())),
        }
    }
    if let Some(error) = refused.filter(|_| roles.is_empty()) {
        return Err(error);
    }
    let is_plain = place.chain.is_none();
    Ok(Abilities {
        roles,
        streams_max: 1,
        own_buffers: false,
        control_loop: false,
        format: None,
        size: is_plain.then_some(SIZE),
        frame_us: is_plain.then_some(FRAME_US),
        exact_time: false,
    })
}
