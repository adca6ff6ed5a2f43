//! Media devices: graphs of entities joined by links.

use pinhole_base::Result;

/// What an entity is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[doc(alias = "MEDIA_ENT_F")]
pub enum EntityFunction {
    /// A camera sensor.
    Sensor,
    /// A lens with a motor.
    Lens,
    /// A node that memory buffers pass through.
    Io,
    /// Anything that processes or forwards frames (scaler, mux, bridge, …).
    Processing,
    /// Something else, by the kernel's number.
    Other(u32),
}

/// Which way frames pass a pad or a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Frames go in.
    Sink,
    /// Frames come out.
    Source,
}

/// A place where links end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pad {
    /// Its number in the graph.
    pub id: u32,
    /// Its number in the entity.
    pub index: u32,
    /// Which way frames pass it.
    pub direction: Direction,
}

/// One piece of hardware, or of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Its number in the graph.
    pub id: u32,
    /// Its name, e.g. `imx219 10-0010` or `unicam-image`.
    pub name: String,
    /// What it is for.
    pub function: EntityFunction,
    /// Where it can be opened, if it can.
    pub node: Option<String>,
    /// Its pads.
    pub pads: Vec<Pad>,
}

/// A way frames can go from a source pad to a sink pad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number in the graph.
    pub id: u32,
    /// Number of the source pad.
    pub source: u32,
    /// Number of the sink pad.
    pub sink: u32,
    /// Frames go this way now.
    pub enabled: bool,
    /// It cannot be changed.
    pub immutable: bool,
}

/// The model of a media device whose work the CPU does.
pub const CPU_MODEL: &str = "cpu";

/// A companion that frames do not pass: the lens or the flash of a sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "MEDIA_LNK_FL_ANCILLARY_LINK")]
pub struct AncillaryLink {
    /// Number of the entity that has the companion.
    pub primary: u32,
    /// Number of the companion.
    pub companion: u32,
}

/// Who a media device is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaInfo {
    /// Where it can be opened.
    pub path: String,
    /// Its driver, e.g. `unicam`.
    pub driver: String,
    /// Its model.
    pub model: String,
    /// Where it sits.
    pub bus_info: String,
}

/// A media device's entities, the links that frames take, and who belongs to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// Whose they are.
    pub info: MediaInfo,
    /// The entities.
    pub entities: Vec<Entity>,
    /// The links.
    pub links: Vec<Link>,
    /// Which entities are companions of others.
    pub ancillary: Vec<AncillaryLink>,
}

impl Graph {
    /// The entity of that name.
    pub fn entity(&self, name: &str) -> Option<&Entity> {
        self.entities.iter().find(|entity| entity.name == name)
    }

    /// The entity that a pad belongs to.
    pub fn entity_of_pad(&self, pad: u32) -> Option<&Entity> {
        self.entities.iter().find(|entity| entity.pads.iter().any(|p| p.id == pad))
    }

    /// The links that leave an entity.
    pub fn links_from<'a>(&'a self, entity: &'a Entity) -> impl Iterator<Item = &'a Link> {
        self.links.iter().filter(|link| entity.pads.iter().any(|pad| pad.id == link.source))
    }

    /// The companions of an entity.
    pub fn companions<'a>(&'a self, of: &'a Entity) -> impl Iterator<Item = &'a Entity> {
        let links = self.ancillary.iter().filter(|link| link.primary == of.id);
        links.filter_map(|link| self.entities.iter().find(|entity| entity.id == link.companion))
    }

    /// The links on the shortest way from one entity to another along the frames' direction.
    pub fn path<'a>(&'a self, from: &'a Entity, to: &Entity) -> Option<Vec<&'a Link>> {
        let mut reached: Vec<(&'a Entity, Vec<&'a Link>)> = vec![(from, Vec::new())];
        let mut at = 0;
        while at < reached.len() {
            let (entity, way) = reached[at].clone();
            if entity.id == to.id {
                return Some(way);
            }
            for link in self.links_from(entity) {
                let Some(next) = self.entity_of_pad(link.sink) else { continue };
                if !reached.iter().any(|(seen, _)| seen.id == next.id) {
                    let mut longer = way.clone();
                    longer.push(link);
                    reached.push((next, longer));
                }
            }
            at += 1;
        }
        None
    }
}

/// An open media device.
pub trait MediaDevice: Send {
    /// Its graph, as it is now.
    fn graph(&self) -> &Graph;

    /// Claims it for this user until it is dropped, against other users of cameras.
    ///
    /// # Errors
    /// [`pinhole_base::ErrorKind::Busy`]: somebody else has claimed it.
    fn acquire(&mut self) -> Result<()>;

    /// Gives up the claim; does nothing if there is none.
    fn release(&mut self);

    /// Enables or disables a link.
    ///
    /// # Errors
    /// There is no such link, it is immutable, or it is in use.
    #[doc(alias = "MEDIA_IOC_SETUP_LINK")]
    fn set_link(&mut self, link: u32, enabled: bool) -> Result<()>;
}
