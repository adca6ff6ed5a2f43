//! Media devices: their graphs and links, and claims on them. Knows nothing of what flows.

use crate::claim;
use crate::file::DeviceFile;
use crate::sysfs::{DeviceNode, DeviceNumber, DeviceTree};
use crate::uapi::media::{
    self as uapi, DEVICE_INFO, DeviceInfo, G_TOPOLOGY, LNK_FL_ENABLED, LNK_FL_IMMUTABLE, LNK_TYPE,
    LNK_TYPE_ANCILLARY, LNK_TYPE_DATA, LNK_TYPE_INTERFACE, LinkDescription, PAD_FL_SINK, PAD_FL_SOURCE,
    PadDescription, SETUP_LINK, Topology,
};
use crate::uapi::text;
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_device::{
    AncillaryLink, Direction, Entity, EntityFunction, Graph, Link, MediaDevice, MediaInfo, Pad,
};
use rustix::io::Errno;
use std::collections::HashMap;
use std::os::fd::AsFd;
use zerocopy::FromZeros;

/// An open media device.
pub struct KernelMedia {
    file: DeviceFile,
    graph: Graph,
}

/// Linux 4.19, the first whose topology tells a pad's number in its entity.
const VERSION_MIN: u32 = 4 << 16 | 19 << 8;

impl KernelMedia {
    /// Opens the media device at a path, and reads its graph.
    ///
    /// # Errors
    /// There is none, access is refused, or its graph makes no sense.
    pub fn open(tree: &DeviceTree, path: &str) -> Result<Self> {
        let doing = "opening a media device";
        let mut file = DeviceFile::open(path, doing)?;
        let mut answer = DeviceInfo::new_zeroed();
        file.call(doing, &DEVICE_INFO, &mut answer)?;
        let info = info(path, &answer);
        file.set_name(&info.model);
        if answer.media_version < VERSION_MIN {
            return Err(file
                .refusal(ErrorKind::Unsupported, doing)
                .because("its kernel tells too little of it")
                .hint("Linux 4.19 or newer is needed"));
        }
        let topology =
            Topology::of(file.as_fd()).map_err(|errno| file.error(doing, G_TOPOLOGY.name(), errno))?;
        let graph = graph(info, &topology, &tree.video_devices()?);
        Ok(Self { file, graph })
    }

    fn describe_link(&self, link: &Link, enabled: bool) -> Option<LinkDescription> {
        let end = |id: u32| {
            let entity = self.graph.entity_of_pad(id)?;
            let pad = entity.pads.iter().find(|pad| pad.id == id)?;
            let index = u16::try_from(pad.index).ok()?;
            Some(PadDescription { entity: entity.id, index, ..FromZeros::new_zeroed() })
        };
        let flags = if enabled { LNK_FL_ENABLED } else { 0 };
        let (source, sink) = (end(link.source)?, end(link.sink)?);
        Some(LinkDescription { source, sink, flags, ..FromZeros::new_zeroed() })
    }

    #[cold]
    fn bad_link(&self, reason: String) -> Error {
        self.file.refusal(ErrorKind::InvalidArgument, SETTING).because(reason)
    }
}

const SETTING: &str = "setting a link";
const CLAIMING: &str = "claiming a media device";

impl MediaDevice for KernelMedia {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    fn acquire(&mut self) -> Result<()> {
        match claim::claim(self.file.as_fd()) {
            Ok(()) => Ok(()),
            // What fcntl says of a lock that somebody else holds.
            Err(Errno::AGAIN | Errno::ACCESS) => Err(self.file.error(CLAIMING, "fcntl", Errno::BUSY)),
            Err(errno) => Err(self.file.error(CLAIMING, "fcntl", errno)),
        }
    }

    fn release(&mut self) {
        claim::give_up(self.file.as_fd());
    }

    fn set_link(&mut self, link: u32, enabled: bool) -> Result<()> {
        let Some(at) = self.graph.links.iter().position(|known| known.id == link) else {
            return Err(self.bad_link(format!("there is no link {link}")));
        };
        let known = &self.graph.links[at];
        if known.enabled == enabled {
            return Ok(());
        }
        if known.immutable {
            return Err(self.bad_link(format!("link {link} cannot be changed")));
        }
        let Some(mut description) = self.describe_link(known, enabled) else {
            return Err(self.bad_link(format!("link {link} has an end that is no pad")));
        };
        self.file.call(SETTING, &SETUP_LINK, &mut description)?;
        self.graph.links[at].enabled = enabled;
        Ok(())
    }
}

fn info(path: &str, answer: &DeviceInfo) -> MediaInfo {
    MediaInfo {
        path: path.to_owned(),
        driver: text(&answer.driver),
        model: text(&answer.model),
        bus_info: text(&answer.bus_info),
    }
}

/// Makes a graph of what the kernel tells. Pads of entities that are not there are left out;
/// links that join other things than pads carry no frames, and are not among those that do.
fn graph(info: MediaInfo, topology: &Topology, devices: &[DeviceNode]) -> Graph {
    let mut nodes = nodes(topology, devices);
    let mut pads: HashMap<u32, Vec<Pad>> = HashMap::new();
    for raw in &topology.pads {
        pads.entry(raw.entity_id).or_default().extend(pad(raw));
    }
    let entities = topology.entities.iter().map(|entity| Entity {
        id: entity.id,
        name: text(&entity.name),
        function: function(entity.function),
        node: nodes.remove(&entity.id),
        pads: pads.remove(&entity.id).unwrap_or_default(),
    });
    let entities = entities.collect();
    let of_type = |wanted: u32| topology.links.iter().filter(move |link| link.flags & LNK_TYPE == wanted);
    let links = of_type(LNK_TYPE_DATA).map(link).collect();
    let ancillary = of_type(LNK_TYPE_ANCILLARY)
        .map(|link| AncillaryLink { primary: link.source_id, companion: link.sink_id });
    Graph { info, entities, links, ancillary: ancillary.collect() }
}

fn pad(raw: &uapi::Pad) -> Option<Pad> {
    let direction = match raw.flags & (PAD_FL_SINK | PAD_FL_SOURCE) {
        PAD_FL_SINK => Direction::Sink,
        PAD_FL_SOURCE => Direction::Source,
        _ => return None,
    };
    Some(Pad { id: raw.id, index: raw.index, direction })
}

fn link(raw: &uapi::Link) -> Link {
    Link {
        id: raw.id,
        source: raw.source_id,
        sink: raw.sink_id,
        enabled: raw.flags & LNK_FL_ENABLED != 0,
        immutable: raw.flags & LNK_FL_IMMUTABLE != 0,
    }
}

const fn function(number: u32) -> EntityFunction {
    match number {
        uapi::ENT_F_CAM_SENSOR => EntityFunction::Sensor,
        uapi::ENT_F_LENS => EntityFunction::Lens,
        uapi::ENT_F_IO_V4L => EntityFunction::Io,
        uapi::ENT_F_PROC_VIDEO..=uapi::ENT_F_VID_LAST => EntityFunction::Processing,
        other => EntityFunction::Other(other),
    }
}

/// The paths of the nodes that entities have, by the entities' numbers.
fn nodes(topology: &Topology, devices: &[DeviceNode]) -> HashMap<u32, String> {
    let joined = topology.links.iter().filter(|link| link.flags & LNK_TYPE == LNK_TYPE_INTERFACE);
    let paths = joined.filter_map(|link| {
        let interface = topology.interfaces.iter().find(|interface| interface.id == link.source_id)?;
        if !matches!(interface.intf_type, uapi::INTF_T_V4L_VIDEO | uapi::INTF_T_V4L_SUBDEV) {
            return None;
        }
        let number = DeviceNumber { major: interface.major, minor: interface.minor };
        let device = devices.iter().find(|device| device.number == number)?;
        Some((link.sink_id, device.path.clone()))
    });
    paths.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sysfs::DeviceKind;
    use proptest::prelude::*;

    fn entity(id: u32, name: &str, function: u32) -> uapi::Entity {
        let mut entity = uapi::Entity { id, function, ..FromZeros::new_zeroed() };
        entity.name[..name.len()].copy_from_slice(name.as_bytes());
        entity
    }

    fn pad_of(id: u32, entity_id: u32, index: u32, flags: u32) -> uapi::Pad {
        uapi::Pad { id, entity_id, flags, index, ..FromZeros::new_zeroed() }
    }

    fn link_of(id: u32, source_id: u32, sink_id: u32, flags: u32) -> uapi::Link {
        uapi::Link { id, source_id, sink_id, flags, ..FromZeros::new_zeroed() }
    }

    fn interface_of(id: u32, intf_type: u32, minor: u32) -> uapi::Interface {
        uapi::Interface { id, intf_type, major: 81, minor, ..FromZeros::new_zeroed() }
    }

    fn device(kind: DeviceKind, path: &str, minor: u32) -> DeviceNode {
        let number = DeviceNumber { major: 81, minor };
        DeviceNode { kind, path: path.to_owned(), number, name: String::new() }
    }

    fn info() -> MediaInfo {
        let text = String::new;
        MediaInfo { path: text(), driver: text(), model: text(), bus_info: text() }
    }

    /// A sensor with a lens, an image and an embedded data pad, and the two nodes they lead to.
    fn unicam() -> Topology {
        Topology {
            entities: vec![
                entity(1, "imx219 10-0010", uapi::ENT_F_CAM_SENSOR),
                entity(2, "unicam-image", uapi::ENT_F_IO_V4L),
                entity(3, "unicam-embedded", uapi::ENT_F_IO_V4L),
                entity(4, "dw9807 10-000c", uapi::ENT_F_LENS),
            ],
            interfaces: vec![
                interface_of(11, uapi::INTF_T_V4L_SUBDEV, 5),
                interface_of(12, uapi::INTF_T_V4L_VIDEO, 0),
                interface_of(13, uapi::INTF_T_V4L_VIDEO, 1),
            ],
            pads: vec![
                pad_of(21, 1, 0, PAD_FL_SOURCE),
                pad_of(22, 1, 1, PAD_FL_SOURCE),
                pad_of(23, 2, 0, PAD_FL_SINK),
                pad_of(24, 3, 0, PAD_FL_SINK),
            ],
            links: vec![
                link_of(31, 21, 23, LNK_FL_ENABLED | LNK_FL_IMMUTABLE),
                link_of(32, 22, 24, 0),
                link_of(33, 11, 1, LNK_TYPE_INTERFACE | LNK_FL_ENABLED | LNK_FL_IMMUTABLE),
                link_of(34, 12, 2, LNK_TYPE_INTERFACE),
                link_of(35, 13, 3, LNK_TYPE_INTERFACE),
                link_of(36, 1, 4, LNK_TYPE_ANCILLARY | LNK_FL_ENABLED | LNK_FL_IMMUTABLE),
            ],
        }
    }

    fn devices() -> [DeviceNode; 2] {
        [device(DeviceKind::Video, "/dev/video0", 0), device(DeviceKind::SubDevice, "/dev/v4l-subdev0", 5)]
    }

    #[test]
    fn a_topology_becomes_a_graph() {
        let graph = graph(info(), &unicam(), &devices());
        let sensor = graph.entity("imx219 10-0010").unwrap();
        assert_eq!((sensor.function, sensor.pads.len()), (EntityFunction::Sensor, 2));
        assert_eq!(sensor.node.as_deref(), Some("/dev/v4l-subdev0"));
        let image = graph.entity("unicam-image").unwrap();
        assert_eq!((image.function, image.node.as_deref()), (EntityFunction::Io, Some("/dev/video0")));
        assert_eq!(graph.entity("unicam-embedded").unwrap().node, None, "its file is not there");
        assert_eq!(graph.links.len(), 2, "links to interfaces and lenses carry no frames");
        let companions: Vec<_> = graph.companions(sensor).map(|lens| (lens.id, lens.function)).collect();
        assert_eq!(companions, [(4, EntityFunction::Lens)]);
        assert_eq!(graph.companions(image).count(), 0);
        let way = graph.path(sensor, image).unwrap();
        assert!(way[0].enabled && way[0].immutable);
    }

    #[test]
    fn functions_are_told_by_their_numbers() {
        assert_eq!(function(0x2_0003), EntityFunction::Lens);
        assert_eq!(function(0x4009), EntityFunction::Processing, "an ISP");
        assert_eq!(function(0x5001), EntityFunction::Processing, "a mux");
        assert_eq!(function(0x2_0002), EntityFunction::Other(0x2_0002), "a flash");
    }

    /// None of it may be followed to somewhere that is not there.
    #[test]
    fn nonsense_in_a_topology_is_left_out() {
        let mut topology = unicam();
        topology.pads.push(pad_of(25, 99, 0, PAD_FL_SINK));
        topology.pads.push(pad_of(26, 2, 7, PAD_FL_SINK | PAD_FL_SOURCE));
        topology.links.push(link_of(37, 98, 2, LNK_TYPE_INTERFACE));
        topology.links.push(link_of(38, 21, 25, 0));
        topology.links.push(link_of(39, 2, 97, LNK_TYPE_ANCILLARY));
        let graph = graph(info(), &topology, &devices());
        assert_eq!(graph.companions(graph.entity("unicam-image").unwrap()).count(), 0);
        assert_eq!(graph.entities.iter().map(|entity| entity.pads.len()).sum::<usize>(), 4);
        assert!(graph.entity_of_pad(25).is_none());
    }

    fn null(graph: Graph) -> KernelMedia {
        KernelMedia { file: DeviceFile::open("/dev/null", "opening").unwrap(), graph }
    }

    #[test]
    fn only_links_that_can_change_are_set() {
        let mut topology = unicam();
        topology.links.push(link_of(38, 21, 25, 0));
        let mut media = null(graph(info(), &topology, &devices()));
        assert!(media.set_link(31, true).is_ok(), "it is so already");
        for (link, reason) in
            [(31, "cannot be changed"), (77, "no link 77"), (38, "no pad"), (32, "MEDIA_IOC_SETUP_LINK")]
        {
            let enabled = link != 31;
            let error = media.set_link(link, enabled).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        assert!(!media.graph().links[1].enabled, "the kernel refused");
    }

    #[test]
    fn links_are_named_by_entity_and_index() {
        let media = null(graph(info(), &unicam(), &devices()));
        let described = media.describe_link(&media.graph.links[1], true).unwrap();
        assert_eq!((described.source.entity, described.source.index), (1, 1));
        assert_eq!((described.sink.entity, described.sink.index), (3, 0));
        assert_eq!(described.flags, LNK_FL_ENABLED);
    }

    #[test]
    fn what_is_no_media_device_is_refused() {
        let error = KernelMedia::open(&DeviceTree::default(), "/dev/null").err().unwrap();
        assert!(error.to_string().contains("MEDIA_IOC_DEVICE_INFO"), "{error}");
    }
    /// Numbers from so few that they meet.
    fn number() -> impl Strategy<Value = u32> {
        0..12_u32
    }

    fn topology() -> impl Strategy<Value = Topology> {
        let entity = (number(), any::<[u8; 32]>(), number()).prop_map(|(id, name, function)| {
            let mut entity = uapi::Entity { id, function, ..FromZeros::new_zeroed() };
            entity.name[..32].copy_from_slice(&name);
            entity
        });
        let pad = (number(), number(), 0..4_u32, any::<u32>());
        let pad = pad.prop_map(|(id, entity, flags, index)| pad_of(id, entity, index, flags));
        let kinds =
            prop_oneof![Just(0_u32), Just(LNK_TYPE_INTERFACE), Just(LNK_TYPE_ANCILLARY), any::<u32>()];
        let link = (number(), number(), number(), kinds);
        let link = link.prop_map(|(id, source, sink, flags)| link_of(id, source, sink, flags));
        let interface = (number(), 0x1ff..0x205_u32, number());
        let interface = interface.prop_map(|(id, kind, minor)| interface_of(id, kind, minor));
        let lists = (
            proptest::collection::vec(entity, 0..8),
            proptest::collection::vec(interface, 0..8),
            proptest::collection::vec(pad, 0..12),
            proptest::collection::vec(link, 0..16),
        );
        lists.prop_map(|(entities, interfaces, pads, links)| Topology { entities, interfaces, pads, links })
    }

    proptest! {
        #[test]
        fn whatever_a_driver_says_its_graph_can_be_walked(topology in topology()) {
            let mut media = null(graph(info(), &topology, &devices()));
            prop_assert_eq!(media.graph.entities.len(), topology.entities.len());
            for from in &media.graph.entities {
                prop_assert!(media.graph.companions(from).count() <= topology.links.len());
                for to in &media.graph.entities {
                    if let Some(way) = media.graph.path(from, to) {
                        prop_assert!(way.len() <= media.graph.links.len());
                    }
                }
            }
            for link in media.graph.links.clone() {
                let _ = media.set_link(link.id, !link.enabled);
            }
        }
    }
}
