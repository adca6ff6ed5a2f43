//! Finds VC4 cameras: a receiver and an ISP for each sensor.

use pinhole_base::colour::ColourSpace;
use pinhole_base::format::{Packing, PixelFormat, RawFormat};
use pinhole_base::geometry::Transform;
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_camera::config::SensorMode;
use pinhole_device::media::CPU_MODEL;
use pinhole_device::uapi::control_codes as code;
use pinhole_device::{
    ControlDescription, Entity, EntityFunction, Graph, ImageFormat, MediaBusFormat, NodeFormat, Provider,
    SelectionTarget, SubDevice, VideoNode,
};
use pinhole_sensor::timing::ModeTiming;
use pinhole_sensor::{LensHelper, LensScale, SensorHelper};

/// Names of the receiver's and the ISP's drivers.
const RECEIVER: &str = "unicam";
const ISP: &str = "bcm2835-isp";

/// Where the parts of one camera are.
#[derive(Clone, Debug)]
pub struct Location {
    /// Name of the sensor's entity.
    pub sensor: String,
    /// Path of the receiver's media device.
    pub receiver_media: String,
    /// Path of the ISP's media device.
    pub isp_media: String,
    /// Path of the sensor's sub-device.
    pub sensor_path: String,
    /// Paths of the nodes, by stream number; the embedded node's is empty where there is none.
    pub nodes: [String; super::plan::STREAMS],
    /// Links between sensor and receiver that have to be enabled.
    pub links: Vec<u32>,
    /// The lens before the sensor, if it has a motor.
    pub lens: Option<LensPlace>,
    /// Sub-devices between sensor and receiver: path, sink pad, source pad.
    pub between: Vec<(String, u32, u32)>,
    /// The CPU does the ISP's work.
    pub isp_on_cpu: bool,
}

/// Where a lens is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LensPlace {
    /// Name of its entity.
    pub name: String,
    /// Path of its sub-device.
    pub path: String,
}

impl Location {
    /// The paths of all devices that the camera uses.
    pub fn devices(&self) -> Vec<String> {
        let media = [&self.receiver_media, &self.isp_media, &self.sensor_path];
        let between = self.between.iter().map(|(path, ..)| path);
        let lens = self.lens.iter().map(|lens| &lens.path);
        let all = media.into_iter().chain(&self.nodes).chain(between).chain(lens);
        all.filter(|path| !path.is_empty()).cloned().collect()
    }

    /// Whether there is an embedded data node.
    pub fn has_embedded(&self) -> bool {
        !self.nodes[usize::from(super::plan::EMBEDDED)].is_empty()
    }
}

/// The cameras of a provider.
///
/// # Errors
/// The media devices cannot be listed.
pub fn locate(provider: &mut dyn Provider) -> Result<Vec<Location>> {
    let media = provider.media_devices()?;
    let graphs: Vec<&Graph> = media.iter().map(|device| device.graph()).collect();
    let of = |driver: &'static str| graphs.iter().copied().filter(move |graph| graph.info.driver == driver);
    let mut isps = of(ISP);
    let mut found = Vec::new();
    for receiver in of(RECEIVER) {
        let sensors = receiver.entities.iter().filter(|entity| entity.function == EntityFunction::Sensor);
        for sensor in sensors {
            // A receiver without an ISP to itself is no camera of this family.
            let Some(isp) = isps.next() else { return Ok(found) };
            found.extend(location(receiver, sensor, isp));
        }
    }
    Ok(found)
}

/// The paths of all nodes that belong to this pipeline, whether they make cameras or not; none
/// where the provider lists no nodes.
///
/// # Errors
/// The devices cannot be listed.
pub fn claimed(provider: &mut dyn Provider) -> Result<Vec<String>> {
    if provider.video_nodes()?.is_empty() {
        return Ok(Vec::new());
    }
    let media = provider.media_devices()?;
    let graphs = media.iter().map(|device| device.graph());
    let ours = graphs.filter(|graph| [RECEIVER, ISP].contains(&graph.info.driver.as_str()));
    Ok(ours.flat_map(|graph| &graph.entities).filter_map(|entity| entity.node.clone()).collect())
}

fn location(receiver: &Graph, sensor: &Entity, isp: &Graph) -> Option<Location> {
    let image = receiver.entity("unicam-image")?;
    let way = receiver.path(sensor, image)?;
    let node = |graph: &Graph, name: &str| graph.entity(name).and_then(|entity| entity.node.clone());
    let embedded = node(receiver, "unicam-embedded").filter(|_| sensor.pads.len() > 1);
    let isp_node = |name: &str| node(isp, &format!("bcm2835-isp0-{name}"));
    let mut between = Vec::new();
    for pair in way.windows(2) {
        let entity = receiver.entity_of_pad(pair[0].sink)?;
        let pad = |id: u32| entity.pads.iter().find(|pad| pad.id == id).map(|pad| pad.index);
        between.push((entity.node.clone()?, pad(pair[0].sink)?, pad(pair[1].source)?));
    }
    Some(Location {
        sensor: sensor.name.clone(),
        receiver_media: receiver.info.path.clone(),
        isp_media: isp.info.path.clone(),
        sensor_path: sensor.node.clone()?,
        nodes: [
            image.node.clone()?,
            embedded.unwrap_or_default(),
            isp_node("output0")?,
            isp_node("capture1")?,
            isp_node("capture2")?,
            isp_node("capture3")?,
        ],
        links: way.iter().filter(|link| !link.enabled && !link.immutable).map(|link| link.id).collect(),
        lens: lens_of(receiver, sensor),
        between,
        isp_on_cpu: isp.info.model == CPU_MODEL,
    })
}

/// The lens of a sensor: its companion, as kernels since 5.17 tell; before that, the only lens
/// where there is but one sensor.
fn lens_of(receiver: &Graph, sensor: &Entity) -> Option<LensPlace> {
    let of = |function| receiver.entities.iter().filter(move |entity| entity.function == function);
    let companion = receiver.companions(sensor).find(|entity| entity.function == EntityFunction::Lens);
    let alone = of(EntityFunction::Sensor).count() == 1 && of(EntityFunction::Lens).count() == 1;
    let lens = companion.or_else(|| of(EntityFunction::Lens).next().filter(|_| alone))?;
    Some(LensPlace { name: lens.name.clone(), path: lens.node.clone()? })
}

/// What a lens's driver offers; `None` where the lens cannot be moved: its driver says nothing of
/// focus, or does not find it.
pub fn lens(provider: &mut dyn Provider, place: &LensPlace, sensor: &str) -> Option<LensScale> {
    let controls = provider.sub_device(&place.path).ok()?.query_controls().ok()?;
    let focus = controls.iter().find(|control| control.code == code::FOCUS_ABSOLUTE)?;
    let [least, greatest] = [focus.minimum, focus.maximum].map(i32::try_from);
    Some(LensScale::new(LensHelper::find(&place.name, sensor), least.ok()?, greatest.ok()?))
}

/// A mode of a sensor, with all that exposing in it takes.
#[derive(Clone, Debug)]
pub struct ModeDetail {
    /// What applications are told of it.
    pub mode: SensorMode,
    /// Its line and frame lengths.
    pub timing: ModeTiming,
    /// How the receiver can write its samples, the preferred way first.
    pub packings: Vec<Packing>,
}

impl ModeDetail {
    /// The format in which samples arrive in memory, packed as is wanted where the receiver can.
    pub fn written(&self, wanted: Option<Packing>, transform: Transform) -> RawFormat {
        let has = |packing: &Packing| self.packings.contains(packing);
        let packing = wanted.filter(has).or(self.packings.first().copied());
        let sent = flipped(self.mode.format, transform);
        RawFormat { packing: packing.unwrap_or(sent.packing), ..sent }
    }
}

/// Asks a sensor for all its modes, by setting each, and the receiver's node for how it writes
/// their samples. Their formats are those of an unmirrored picture.
///
/// # Errors
/// The sensor refuses, lacks a control that exposing needs, or is gone; or the node is.
pub fn modes(
    sensor: &mut dyn SubDevice,
    image: &mut dyn VideoNode,
    helper: &SensorHelper,
) -> Result<Vec<ModeDetail>> {
    // What another program has left; the sensor lists the codes that it sends with it.
    let flips = flips(sensor)?;
    let mut modes = Vec::new();
    for code in sensor.media_bus_codes(0)? {
        let Some(format) = RawFormat::from_media_bus_code(code) else { continue };
        for size in sensor.frame_sizes(0, code)? {
            let set = sensor.set_format(0, MediaBusFormat { code, size })?;
            if set.size == size && set.code == code {
                let (mode, timing) = mode(sensor, flipped(format, flips), set, helper)?;
                let packings = packings(image, format, set)?;
                // What it cannot write at all is no mode of the camera.
                if !packings.is_empty() {
                    modes.push(ModeDetail { mode, timing, packings });
                }
            }
        }
    }
    Ok(modes)
}

/// How a sensor mirrors now; not at all where it has no such controls.
fn flips(sensor: &mut dyn SubDevice) -> Result<Transform> {
    let known = sensor.query_controls()?;
    let mut is_on = |code| -> Result<bool> {
        let is_there = known.iter().any(|control| control.code == code);
        Ok(is_there && sensor.control(code)? != 0)
    };
    Ok(Transform { hflip: is_on(code::HFLIP)?, vflip: is_on(code::VFLIP)? })
}

fn mode(
    sensor: &mut dyn SubDevice,
    format: RawFormat,
    set: MediaBusFormat,
    helper: &SensorHelper,
) -> Result<(SensorMode, ModeTiming)> {
    let controls = sensor.query_controls()?;
    let find = |code| {
        controls.iter().find(|control| control.code == code).ok_or_else(|| missing(sensor.name(), code))
    };
    let vblank = find(code::VBLANK)?;
    let timing = ModeTiming {
        pixel_rate_hz: positive(find(code::PIXEL_RATE)?),
        width: set.size.width,
        height: set.size.height,
        hblank: find(code::HBLANK)?.minimum.max(0) as u32,
        vblank_min: vblank.minimum.max(0) as u32,
        vblank_max: vblank.maximum.clamp(0, i64::from(u32::MAX / 2)) as u32,
        exposure_min_lines: helper.exposure_min_lines.max(find(code::EXPOSURE)?.minimum.max(1) as u32),
        exposure_margin_lines: helper.exposure_margin_lines,
    };
    let crop = sensor.selection(SelectionTarget::Crop)?;
    let shortest = timing.frame_duration(timing.vblank_min).as_secs_f64();
    let mode = SensorMode { size: set.size, format, crop, fps_max: 1.0 / shortest.max(1e-6) };
    Ok((mode, timing))
}

/// How samples can lie in memory; those of 8 and 16 bits only in the first way.
const WAYS: [Packing; 2] = [Packing::Unpacked, Packing::Csi2];

/// How a node writes samples of a format. Drivers list more than they can: Linux 6.12's receiver
/// names unpacked formats, and makes others of them.
fn packings(image: &mut dyn VideoNode, sent: RawFormat, bus: MediaBusFormat) -> Result<Vec<Packing>> {
    let ways = if matches!(sent.bits, 8 | 16) { &WAYS[..1] } else { &WAYS[..] };
    let mut packings = Vec::new();
    for &packing in ways {
        let format = PixelFormat::Raw(RawFormat { packing, ..sent });
        let wanted = ImageFormat {
            format,
            size: bus.size.cast(),
            stride_bytes: 0,
            size_bytes: 0,
            colour: ColourSpace::RAW,
        };
        let made = image.try_format(NodeFormat::Image(wanted))?.image();
        if made.is_some_and(|made| (made.format, made.size) == (format, wanted.size)) {
            packings.push(packing);
        }
    }
    Ok(packings)
}

fn positive(control: &ControlDescription) -> u64 {
    control.maximum.max(1) as u64
}

fn missing(sensor: &str, code: pinhole_device::ControlCode) -> Error {
    Error::new(ErrorKind::Unsupported, "asking the sensor for its modes")
        .at(sensor)
        .because(format!("it has no control {code:?}, without which it cannot be exposed"))
        .hint("a driver that is too old?")
}

/// The format in which a sensor sends samples once it mirrors; or, of a mirrored one, the format
/// in which it sends them once it does not.
pub fn flipped(format: RawFormat, transform: Transform) -> RawFormat {
    RawFormat { order: format.order.map(|order| transform.apply_to(order)), ..format }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_device::{AncillaryLink, MediaInfo};

    /// A receiver with these; the number of each is its place.
    fn receiver(functions: &[EntityFunction], ancillary: &[(u32, u32)]) -> Graph {
        let entity = |(id, function): (usize, &EntityFunction)| Entity {
            id: id as u32,
            name: format!("entity {id}"),
            function: *function,
            node: Some(format!("/dev/v4l-subdev{id}")),
            pads: Vec::new(),
        };
        let links = ancillary.iter().map(|&(primary, companion)| AncillaryLink { primary, companion });
        let info = MediaInfo {
            path: "/dev/media0".into(),
            driver: RECEIVER.into(),
            model: RECEIVER.into(),
            bus_info: String::new(),
        };
        Graph {
            info,
            entities: functions.iter().enumerate().map(entity).collect(),
            links: Vec::new(),
            ancillary: links.collect(),
        }
    }

    /// The lens that a sensor is taken to have.
    fn found(graph: &Graph, sensor: usize) -> Option<String> {
        lens_of(graph, &graph.entities[sensor]).map(|lens| lens.path)
    }

    /// Catches: a lens before one sensor that is moved for another.
    #[test]
    fn a_lens_is_its_sensors_companion_or_the_only_one_beside_the_only_sensor() {
        use EntityFunction::{Lens, Sensor};
        let alone = receiver(&[Sensor, Lens], &[]);
        assert_eq!(found(&alone, 0).as_deref(), Some("/dev/v4l-subdev1"));
        let whose = receiver(&[Sensor, Sensor, Lens], &[]);
        assert_eq!((found(&whose, 0), found(&whose, 1)), (None, None));
        assert_eq!(found(&receiver(&[Sensor, Lens, Lens], &[]), 0), None, "which of them?");
        let told = receiver(&[Sensor, Sensor, Lens, Lens], &[(0, 3), (1, 2)]);
        assert_eq!(found(&told, 0).as_deref(), Some("/dev/v4l-subdev3"));
        assert_eq!(found(&told, 1).as_deref(), Some("/dev/v4l-subdev2"));
    }
}
