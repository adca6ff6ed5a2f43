//! Memory that devices can use: contiguous memory, and heaps to get buffers from.

use super::finding::Finding;
use super::system::System;

/// Below this a full-resolution RAW stream and a still beside it do not fit.
const CONTIGUOUS_MIB: u64 = 128;

/// How much contiguous memory (CMA) there is. Machines whose devices reach all memory need none.
pub(super) fn contiguous(system: &System) -> Vec<Finding> {
    let Some(text) = system.text("/proc/meminfo") else { return Vec::new() };
    let mib = |key: &str| field_kib(&text, key).map(|kib| kib >> 10);
    let (total, free) = (mib("CmaTotal:").unwrap_or(0), mib("CmaFree:").unwrap_or(0));
    let what = format!("{total} MiB of contiguous memory (CMA), {free} MiB free");
    let finding = match total {
        0 if is_pi(system) => Finding::problem("memory", what, ENLARGE),
        0 => Finding::note("memory", "no contiguous memory (CMA); cameras on USB need none"),
        _ if total < CONTIGUOUS_MIB && is_pi(system) => Finding::note("memory", what).advise(ENLARGE),
        _ => Finding::good("memory", what),
    };
    vec![finding]
}

const ENLARGE: &str = "large frames may not fit: `dtoverlay=vc4-kms-v3d,cma-256` in config.txt, or `cma=256M` on the kernel's command line";

/// The number behind a key of `/proc/meminfo`.
fn field_kib(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Whether it is a Raspberry Pi, by its device tree.
pub(super) fn is_pi(system: &System) -> bool {
    system.text("/proc/device-tree/model").is_some_and(|model| model.contains("Raspberry Pi"))
}

/// Whether a heap is one of contiguous memory, by the names that kernels give it.
fn is_contiguous(heap: &str) -> bool {
    heap.contains("cma") || heap == "reserved"
}

/// The heaps that buffers of no device's own can be had from.
pub(super) fn heaps(system: &System) -> Vec<Finding> {
    let names = system.names("/dev/dma_heap");
    let finding = if names.is_empty() {
        let what = "no dma-heaps: the Pi's lens shading tables cannot be used";
        let note = Finding::note("heaps", what);
        if is_pi(system) { note.advise("a kernel with CONFIG_DMABUF_HEAPS_CMA has them") } else { note }
    } else if is_pi(system) && !names.iter().any(|name| is_contiguous(name)) {
        let what = format!(
            "{}, none of contiguous memory: the Pi's lens shading tables cannot be used",
            names.join(", ")
        );
        Finding::note("heaps", what).advise("a kernel with CONFIG_DMABUF_HEAPS_CMA has one")
    } else {
        Finding::good("heaps", names.join(", "))
    };
    vec![finding]
}
