//! The Raspberry Pi's `config.txt`, where sensors are announced.

use super::finding::Finding;
use super::memory::is_pi;
use super::system::System;

/// Where it lies, the newer place first.
const PLACES: [&str; 2] = ["/boot/firmware/config.txt", "/boot/config.txt"];

/// Sensors that have an overlay, but no driver that is started by itself.
const OVERLAYS: [&str; 8] = ["imx219", "imx477", "imx378", "imx708", "imx296", "imx290", "ov5647", "ov9281"];

/// What it says of cameras.
pub(super) fn configuration(system: &System) -> Vec<Finding> {
    if !is_pi(system) {
        return Vec::new();
    }
    let found = PLACES.iter().find_map(|place| Some((*place, system.text(place)?)));
    let Some((place, text)) = found else {
        return vec![Finding::note("overlays", "config.txt cannot be read")];
    };
    let settings: Vec<_> = settings(&text).collect();
    let mut findings = Vec::new();
    if settings.iter().any(|line| matches!(*line, "start_x=1" | "gpu_camera=1")) {
        findings.push(Finding::problem(
            "overlays",
            format!("{place} starts the old firmware camera (start_x=1), which keeps the sensor to itself"),
            "remove that line (`sudo raspi-config`: Interface Options, Legacy Camera, disable), and reboot",
        ));
    }
    findings.push(announced(place, &settings));
    findings
}

/// The lines that count, without comments and spaces.
fn settings(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split('#').next().unwrap_or("").trim()).filter(|line| !line.is_empty())
}

fn announced(place: &str, settings: &[&str]) -> Finding {
    let overlay = |line: &&&str| {
        let name = line.strip_prefix("dtoverlay=").map(|rest| rest.split([',', ':']).next().unwrap_or(rest));
        name.is_some_and(|name| OVERLAYS.contains(&name))
    };
    let overlays: Vec<_> = settings.iter().filter(overlay).copied().collect();
    if !overlays.is_empty() {
        return Finding::good("overlays", format!("{place}: {}", overlays.join(", ")));
    }
    if settings.contains(&"camera_auto_detect=1") {
        return Finding::good("overlays", format!("{place}: camera_auto_detect=1"));
    }
    Finding::problem(
        "overlays",
        format!("{place} announces no sensor"),
        "add `camera_auto_detect=1`, or `dtoverlay=imx219` (or your sensor's), and reboot",
    )
}
