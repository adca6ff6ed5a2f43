//! What the kernel was built with.

use super::finding::Finding;
use super::system::System;
use std::process::Command;

/// Options that cameras need, and what for.
const NEEDED: [(&str, &str); 3] = [
    ("CONFIG_VIDEO_DEV", "video nodes"),
    ("CONFIG_MEDIA_CONTROLLER", "cameras of several devices, as on a Pi"),
    ("CONFIG_VIDEO_V4L2_SUBDEV_API", "sensors as devices of their own"),
];

/// Options that something is missing without.
const USEFUL: [(&str, &str); 4] = [
    ("CONFIG_DMABUF_HEAPS", "buffers without a device"),
    ("CONFIG_DMABUF_HEAPS_CMA", "buffers without a device that every device can use"),
    ("CONFIG_UDMABUF", "the application's own memory as buffers"),
    ("CONFIG_USB_VIDEO_CLASS", "webcams"),
];

/// Whether the kernel has what cameras need, as far as its configuration can be read.
pub(super) fn options(system: &System) -> Vec<Finding> {
    let Some(release) = system.text("/proc/sys/kernel/osrelease") else { return Vec::new() };
    let release = release.trim();
    let Some(text) = configuration(system, release) else {
        let what = format!("kernel {release}; how it was built cannot be read");
        return vec![Finding::note("kernel", what)];
    };
    let mut findings: Vec<_> = missing(&text, &NEEDED)
        .map(|(option, what_for)| {
            let what = format!("kernel {release} lacks {option} ({what_for})");
            Finding::problem("kernel", what, "use a kernel that has it; distributions' do")
        })
        .collect();
    findings.extend(missing(&text, &USEFUL).map(|(option, what_for)| {
        Finding::note("kernel", format!("kernel {release} lacks {option} ({what_for})"))
    }));
    if findings.is_empty() {
        findings.push(Finding::good("kernel", format!("{release} has all that cameras need")));
    }
    findings
}

fn missing<'a>(
    text: &'a str,
    options: &'a [(&'static str, &'static str)],
) -> impl Iterator<Item = (&'static str, &'static str)> + 'a {
    let has = |option: &str| {
        let value = |line: &str| line.strip_prefix(option)?.strip_prefix('=').map(|v| v == "y" || v == "m");
        text.lines().find_map(value).unwrap_or(false)
    };
    options.iter().copied().filter(move |(option, _)| !has(option))
}

/// The configuration that the kernel was built with, from `/boot` or from the kernel itself.
fn configuration(system: &System, release: &str) -> Option<String> {
    let boot = system.text(&format!("/boot/config-{release}"));
    boot.or_else(|| unpacked(system)).filter(|text| text.contains("CONFIG_"))
}

/// `/proc/config.gz`, unpacked by the program that every system has for it.
fn unpacked(system: &System) -> Option<String> {
    let path = system.path("/proc/config.gz");
    let output = path.exists().then(|| Command::new("gzip").arg("-dc").arg(&path).output())?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
