//! The media graphs of a camera, and the paths of its devices.
//!
//! Each camera has a receiver's media device and an ISP's; every number in a graph is used
//! once, as the media controller demands. Knows nothing of what the devices do.

use crate::config::CameraConfig;
use crate::fault::Role;
use crate::model::LensModel;
use pinhole_device::{AncillaryLink, Direction, Entity, EntityFunction, Graph, Link, MediaInfo, Pad};

/// Which of a camera's two media devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    /// The receiver, with the sensor.
    Receiver,
    /// The ISP.
    Isp,
}

impl Part {
    pub(crate) const ALL: [Self; 2] = [Self::Receiver, Self::Isp];

    pub(crate) const fn of(role: Role) -> Self {
        if role.is_receiver() { Self::Receiver } else { Self::Isp }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// A sub-device of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sub {
    Sensor,
    Mux,
    Lens,
}

impl Sub {
    const ALL: [Self; 3] = [Self::Sensor, Self::Mux, Self::Lens];
}

const NODES: usize = 8;

pub(crate) fn node_path(camera: usize, role: Role) -> String {
    format!("/dev/video{}", camera * NODES + role.index())
}

fn sub_path(camera: usize, sub: Sub) -> String {
    format!("/dev/v4l-subdev{}", camera * Sub::ALL.len() + sub as usize)
}

fn media_path(camera: usize, part: Part) -> String {
    format!("/dev/media{}", camera * Part::ALL.len() + part.index())
}

/// The camera and node at a path.
pub(crate) fn node_at(path: &str) -> Option<(usize, Role)> {
    let number: usize = path.strip_prefix("/dev/video")?.parse().ok()?;
    Some((number / NODES, *Role::ALL.get(number % NODES)?))
}

/// The camera and sub-device at a path.
pub(crate) fn sub_at(path: &str) -> Option<(usize, Sub)> {
    let number: usize = path.strip_prefix("/dev/v4l-subdev")?.parse().ok()?;
    Some((number / Sub::ALL.len(), Sub::ALL[number % Sub::ALL.len()]))
}

/// The sensor's name: that of its model, on a bus of its own for each camera.
pub(crate) fn sensor_name(camera: usize, config: &CameraConfig) -> String {
    let (model, address) =
        config.sensor.entity_name.split_once(" 10-").unwrap_or((config.sensor.name, "0010"));
    format!("{model} {}-{address}", 10 + camera)
}

/// The name of a camera's mux.
pub(crate) fn mux_name(camera: usize) -> String {
    format!("video-mux {}-0070", 10 + camera)
}

/// Names of the receiver's and the ISP's drivers.
pub(crate) const RECEIVER_DRIVER: &str = "unicam";
pub(crate) const ISP_DRIVER: &str = "bcm2835-isp";

/// Who a camera's media device is.
pub(crate) fn media_info(camera: usize, part: Part) -> MediaInfo {
    let (driver, bus_info) = match part {
        Part::Receiver => (RECEIVER_DRIVER, format!("platform:fe80{camera}000.csi")),
        Part::Isp => (ISP_DRIVER, format!("platform:bcm2835-isp.{camera}")),
    };
    let path = media_path(camera, part);
    MediaInfo { path, driver: driver.to_owned(), model: driver.to_owned(), bus_info }
}

/// The name of a camera's lens.
pub(crate) fn lens_name(camera: usize, lens: &LensModel) -> String {
    format!("{} {}-{}", lens.name, 10 + camera, lens.address)
}

struct Builder {
    graph: Graph,
    next_id: u32,
}

impl Builder {
    fn new(info: MediaInfo) -> Self {
        Self {
            graph: Graph { info, entities: Vec::new(), links: Vec::new(), ancillary: Vec::new() },
            next_id: 1,
        }
    }

    fn id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Adds an entity; answers the numbers of its pads.
    fn entity(
        &mut self,
        name: &str,
        function: EntityFunction,
        node: Option<String>,
        pads: &[Direction],
    ) -> Vec<u32> {
        let id = self.id();
        let pads: Vec<Pad> = pads
            .iter()
            .enumerate()
            .map(|(index, &direction)| Pad { id: self.id(), index: index as u32, direction })
            .collect();
        let numbers = pads.iter().map(|pad| pad.id).collect();
        self.graph.entities.push(Entity { id, name: name.to_owned(), function, node, pads });
        numbers
    }

    fn node(&mut self, role: Role, path: String) -> u32 {
        let direction = if role == Role::Input { Direction::Source } else { Direction::Sink };
        self.entity(role.entity_name(), EntityFunction::Io, Some(path), &[direction])[0]
    }

    /// Tells that the last entity, the lens, is that of the first, the sensor.
    fn companion(&mut self) {
        let [primary, .., companion] = &self.graph.entities[..] else { return };
        self.graph.ancillary.push(AncillaryLink { primary: primary.id, companion: companion.id });
    }

    fn link(&mut self, source: u32, sink: u32, immutable: bool) {
        let id = self.id();
        self.graph.links.push(Link { id, source, sink, enabled: immutable, immutable });
    }
}

/// The graph of a camera's receiver: sensor, perhaps mux and lens, nodes.
pub(crate) fn receiver_graph(camera: usize, config: &CameraConfig) -> Graph {
    let mut builder = Builder::new(media_info(camera, Part::Receiver));
    let pads = [Direction::Source; 2];
    let pads = &pads[..if config.embedded { 2 } else { 1 }];
    let path = Some(sub_path(camera, Sub::Sensor));
    let sensor = builder.entity(&sensor_name(camera, config), EntityFunction::Sensor, path, pads);
    let image = builder.node(Role::Image, node_path(camera, Role::Image));
    if config.mux {
        let path = Some(sub_path(camera, Sub::Mux));
        let pads = [Direction::Sink, Direction::Source];
        let mux = builder.entity(&mux_name(camera), EntityFunction::Processing, path, &pads);
        builder.link(sensor[0], mux[0], false);
        builder.link(mux[1], image, true);
    } else {
        builder.link(sensor[0], image, true);
    }
    if config.embedded {
        let embedded = builder.node(Role::Embedded, node_path(camera, Role::Embedded));
        builder.link(sensor[1], embedded, true);
    }
    if let Some(lens) = config.lens {
        let path = Some(sub_path(camera, Sub::Lens));
        builder.entity(&lens_name(camera, lens), EntityFunction::Lens, path, &[]);
        if config.ancillary_links {
            builder.companion();
        }
    }
    builder.graph
}

/// The graph of a camera's ISP.
pub(crate) fn isp_of(camera: usize) -> Graph {
    isp_graph(media_info(camera, Part::Isp), |role| node_path(camera, role))
}

/// The graph of an ISP: nodes, at these paths, about a scaler that has none.
pub(crate) fn isp_graph(info: MediaInfo, path_of: impl Fn(Role) -> String) -> Graph {
    let mut builder = Builder::new(info);
    let pads = [Direction::Sink, Direction::Source, Direction::Source, Direction::Source];
    let scaler = builder.entity("bcm2835_isp0", EntityFunction::Processing, None, &pads);
    for (role, pad) in Role::ISP.into_iter().zip(scaler) {
        let node = builder.node(role, path_of(role));
        match role {
            Role::Input => builder.link(node, pad, true),
            _ => builder.link(pad, node, true),
        }
    }
    builder.graph
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn graphs() -> [Graph; 3] {
        let imx219 = CameraConfig::imx219();
        [receiver_graph(0, &imx219), receiver_graph(1, &imx219.with_mux().with_lens()), isp_of(1)]
    }

    #[test]
    fn no_number_is_used_twice_in_a_graph() {
        for graph in graphs() {
            let entities = graph.entities.iter().map(|entity| entity.id);
            let pads = graph.entities.iter().flat_map(|entity| &entity.pads).map(|pad| pad.id);
            let links = graph.links.iter().map(|link| link.id);
            let ids: Vec<_> = entities.chain(pads).chain(links).collect();
            assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        }
    }

    #[test]
    fn frames_find_their_way_from_the_sensor_to_the_node() {
        for (graph, links) in graphs().iter().zip([1, 2]) {
            let sensor =
                graph.entities.iter().find(|entity| entity.function == EntityFunction::Sensor).unwrap();
            let node = graph.entity("unicam-image").unwrap();
            assert_eq!(graph.path(sensor, node).unwrap().len(), links);
        }
    }

    #[test]
    fn a_lens_is_the_sensors_companion() {
        let [without, with, _] = graphs();
        let sensor = with.entity("imx219 11-0010").unwrap();
        let lenses: Vec<_> = with.companions(sensor).map(|lens| (&*lens.name, lens.function)).collect();
        assert_eq!(lenses, [("dw9807 11-000c", EntityFunction::Lens)]);
        assert!(without.ancillary.is_empty());
    }

    #[test]
    fn paths_lead_back_to_their_devices() {
        for camera in 0..3 {
            for role in Role::ALL {
                assert_eq!(node_at(&node_path(camera, role)), Some((camera, role)));
            }
            for sub in Sub::ALL {
                assert_eq!(sub_at(&sub_path(camera, sub)), Some((camera, sub)));
            }
        }
        assert_eq!(node_at("/dev/video7"), None);
        assert_eq!(node_at("/dev/null"), None);
    }

    #[test]
    fn sensors_of_one_model_have_different_names() {
        let imx219 = CameraConfig::imx219();
        assert_eq!(sensor_name(0, &imx219), "imx219 10-0010");
        assert_eq!(sensor_name(1, &imx219), "imx219 11-0010");
    }
}
