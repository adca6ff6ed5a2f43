//! Media devices and video nodes: which there are, who may open them, and who has.

use super::finding::Finding;
use super::system::System;
use pinhole::kernel::holders::{are_some_hidden, holders};
use pinhole::kernel::sysfs::{DeviceKind, DeviceNode};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Drivers of receivers, ISPs and codecs that give nothing to look at by themselves.
const NO_CAMERAS: [&str; 4] = ["bcm2835-codec", "rpi-hevc-dec", "rpivid", "hantro-vpu"];

fn nodes(system: &System) -> Result<Vec<DeviceNode>, pinhole::Error> {
    let tree = system.devices();
    Ok(tree.media_devices()?.into_iter().chain(tree.video_devices()?).collect())
}

/// The driver of a device, as sysfs links it: from the device that the node belongs to. A media
/// device is on a bus instead of in a class, so its own folder lies in that of its device.
fn driver(system: &System, node: &DeviceNode) -> Option<String> {
    let name = Path::new(&node.path).file_name()?.to_str()?;
    let device = match node.kind {
        DeviceKind::Media => format!("/sys/bus/media/devices/{name}/.."),
        DeviceKind::Video | DeviceKind::SubDevice => format!("/sys/class/video4linux/{name}/device"),
    };
    system
        .link_name(&format!("{device}/driver"))
        .or_else(|| system.link_name(&format!("{device}/device/driver")))
}

/// What there is that may be a camera.
pub(super) fn cameras(system: &System) -> Vec<Finding> {
    match nodes(system) {
        Err(error) => {
            vec![Finding::problem("devices", error.to_string(), "is /sys mounted, and may you read it?")]
        }
        Ok(nodes) => described(system, &nodes),
    }
}

fn described(system: &System, nodes: &[DeviceNode]) -> Vec<Finding> {
    let mut by_driver: BTreeMap<String, Vec<&DeviceNode>> = BTreeMap::new();
    for node in nodes {
        let driver = driver(system, node).unwrap_or_else(|| "a driver that sysfs does not name".to_owned());
        by_driver.entry(driver).or_default().push(node);
    }
    let is_camera = |driver: &str| !NO_CAMERAS.contains(&driver);
    let mut findings: Vec<_> =
        by_driver.iter().map(|(driver, nodes)| one_driver(driver, nodes, is_camera(driver))).collect();
    let has_camera = by_driver.keys().any(|driver| is_camera(driver));
    if !has_camera {
        findings.push(no_camera());
    }
    if let Some(half) = half_of_a_pi(&by_driver) {
        findings.push(half);
    }
    findings
}

fn one_driver(driver: &str, nodes: &[&DeviceNode], is_camera: bool) -> Finding {
    let names: BTreeSet<_> = nodes.iter().map(|node| node.name.as_str()).collect();
    let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
    let paths: Vec<_> = nodes.iter().map(|node| node.path.as_str()).collect();
    let what = format!("{driver}: {} ({})", names.join(", "), paths.join(" "));
    match is_camera {
        true => Finding::good("devices", what),
        false => Finding::note("devices", format!("{what}; no camera")),
    }
}

fn no_camera() -> Finding {
    Finding::problem(
        "devices",
        "no camera: no driver of one has made a video node",
        "plug one in, or enable its overlay; until then `pinhole` shows you the simulated one",
    )
}

/// A Pi's receiver without its ISP, or the other way round.
fn half_of_a_pi(by_driver: &BTreeMap<String, Vec<&DeviceNode>>) -> Option<Finding> {
    let has = |name: &str| by_driver.keys().any(|driver| driver == name);
    let receiver = has("unicam") || has("bcm2835-unicam");
    match (receiver, by_driver.get("bcm2835-isp")) {
        (true, None) => Some(Finding::note(
            "devices",
            "a Pi's receiver (unicam) without its ISP (bcm2835-isp): RAW frames, and what the CPU makes of them",
        )),
        (true, Some(isp)) => unseen(isp),
        (false, Some(_)) => Some(Finding::problem(
            "devices",
            "a Pi's ISP (bcm2835-isp) without a receiver (unicam): no sensor was found",
            "check the ribbon cable, and `camera_auto_detect=1` or a `dtoverlay=` of your sensor in config.txt",
        )),
        _ => None,
    }
}

/// An ISP whose media device cannot be opened is as good as none: the CPU does its work.
fn unseen(isp: &[&DeviceNode]) -> Option<Finding> {
    let media: Vec<_> = isp.iter().filter(|node| node.kind == DeviceKind::Media).collect();
    if media.iter().any(|node| System::is_open_to_us(Path::new(&node.path))) {
        return None;
    }
    let (which, advice) = match media.first() {
        None => ("which it has not got".to_owned(), "use a kernel with CONFIG_MEDIA_CONTROLLER"),
        Some(node) if Path::new(&node.path).exists() => {
            (format!("{}, which you may not open", node.path), "see `permission` below")
        }
        Some(node) => (
            format!("{}, which is not there", node.path),
            "in a container: let it have this device, as it has the video nodes",
        ),
    };
    let what = format!(
        "a Pi's ISP (bcm2835-isp) is found by its media device ({which}): without, the CPU does its work, slowly"
    );
    Some(Finding::note("devices", what).advise(advice))
}

/// Whether this user may open them all.
pub(super) fn permissions(system: &System) -> Vec<Finding> {
    let paths = device_files(system);
    if paths.is_empty() {
        return Vec::new();
    }
    let mut refused: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for path in &paths {
        if !System::is_open_to_us(Path::new(path)) {
            let group = system.group_of(Path::new(path)).unwrap_or_else(|| "?".to_owned());
            refused.entry(group).or_default().push(path);
        }
    }
    if refused.is_empty() {
        return vec![Finding::good("permission", format!("you may open all {} device files", paths.len()))];
    }
    refused.iter().map(|(group, paths)| may_not(group, paths)).collect()
}

fn device_files(system: &System) -> Vec<String> {
    let nodes = nodes(system).unwrap_or_default();
    let heap = |name: String| system.path("/dev/dma_heap").join(name).to_string_lossy().into_owned();
    let heaps = system.names("/dev/dma_heap").into_iter().map(heap);
    let all = nodes.into_iter().map(|node| node.path).chain(heaps);
    all.filter(|path| Path::new(path).exists()).collect()
}

fn may_not(group: &str, paths: &[&str]) -> Finding {
    let advice = match group {
        "root" | "0" => {
            "they belong to root alone: a udev rule has to give them to a group of yours".to_owned()
        }
        _ => format!("sudo usermod -aG {group} \"$USER\", and log in anew"),
    };
    Finding::problem("permission", format!("you may not open {}", paths.join(" ")), advice)
}

/// Who uses them now.
pub(super) fn users(system: &System) -> Vec<Finding> {
    let (nodes, proc) = (nodes(system).unwrap_or_default(), system.path("/proc"));
    let mut paths_of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in &nodes {
        for holder in holders(&proc, Path::new(&node.path)) {
            paths_of.entry(holder.to_string()).or_default().push(node.path.clone());
        }
    }
    let mut findings: Vec<_> = paths_of.iter().map(|(holder, paths)| in_use(holder, paths)).collect();
    if findings.is_empty() && !nodes.is_empty() && are_some_hidden(&proc) {
        findings.push(
            Finding::note("in use", "no program of yours has them open; those of others you may not see")
                .advise("if `pinhole` says that a camera is busy: sudo pinhole doctor"),
        );
    }
    findings
}

fn in_use(holder: &str, paths: &[String]) -> Finding {
    Finding::note("in use", format!("{holder} has {} open", paths.join(" ")))
        .advise("a camera serves one program at a time: end that one if `pinhole` says that it is busy")
}
