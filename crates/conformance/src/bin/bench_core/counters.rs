//! Counters of what the measured program does, and on whose behalf. Knows nothing of cameras.

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal),+ $(,)?) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Counter { $($(#[doc = $doc])+ $name),+ }

        const NAMES: &[&str] = &[$($text),+];
    };
}

counters! {
    /// Heap allocations, whoever made them; reallocations too.
    Allocations = "allocations",
    /// Of these, below a call to a device.
    AllocationsDevices = "allocations_devices",
    /// Of these, below a call to the algorithms.
    AllocationsAlgorithms = "allocations_algorithms",
    /// Buffers queued.
    Queue = "queue",
    /// Attempts to dequeue a buffer.
    Dequeue = "dequeue",
    /// Attempts to dequeue an event.
    Event = "event",
    /// Calls that write controls.
    Controls = "controls",
    /// Calls that set a crop.
    Crop = "crop",
    /// Waits for devices.
    Wait = "wait",
    /// Looks at the clock.
    Clock = "clock",
    /// Waits that another thread of ours ended.
    Wake = "wake",
    /// Times that a wait for devices put its thread to sleep; see [`watch_sleeps`].
    SleepForDevices = "sleep_for_devices",
    /// Times that a thread went to sleep, for whatever reason; see [`watch_sleeps`].
    Sleep = "sleep",
    /// Bytes of buffers that were opened for the CPU to look at by the core.
    ViewedBytes = "viewed_bytes",
    /// The same by the algorithms: statistics and embedded data, where the hardware put them.
    ViewedBytesAlgorithms = "viewed_bytes_algorithms",
    /// Bytes that went through system calls that read or write.
    SystemCallBytes = "system_call_bytes",
}

/// Heap allocations and bytes read that are the measuring's own.
static OWN_ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static LOOKED_BYTES: AtomicU64 = AtomicU64::new(0);

static SLEEPS_WATCHED: OnceLock<()> = OnceLock::new();

/// Has sleeps counted from now on, which takes two looks into a file for every wait.
pub(crate) fn watch_sleeps() {
    SLEEPS_WATCHED.get_or_init(|| ());
}

static VALUES: [AtomicU64; NAMES.len()] = [const { AtomicU64::new(0) }; NAMES.len()];

/// Counts some more.
pub(crate) fn add(counter: Counter, times: u64) {
    VALUES[counter as usize].fetch_add(times, Ordering::Relaxed);
}

/// All counters at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Snapshot([u64; NAMES.len()]);

impl Snapshot {
    /// The counters now.
    pub(crate) fn take() -> Self {
        let (allocated, looked) = (allocations(), LOOKED_BYTES.load(Ordering::Relaxed));
        let mut values = std::array::from_fn(|at| VALUES[at].load(Ordering::Relaxed));
        values[Counter::Sleep as usize] = sleeps_of_all_threads();
        values[Counter::SystemCallBytes as usize] = system_call_bytes().saturating_sub(looked);
        values[Counter::Allocations as usize] =
            allocated - OWN_ALLOCATIONS.fetch_add(allocations() - allocated, Ordering::Relaxed);
        Self(values)
    }

    /// What was counted since, with names.
    pub(crate) fn until(&self, later: &Self) -> impl Iterator<Item = (&'static str, u64)> {
        let differences = std::array::from_fn::<u64, { NAMES.len() }, _>(|at| later.0[at] - self.0[at]);
        NAMES.iter().copied().zip(differences)
    }
}

fn allocations() -> u64 {
    let stats = ALLOCATOR.stats();
    (stats.allocations + stats.reallocations) as u64
}

/// Attributes the heap allocations of a call to somebody.
pub(crate) fn attributed<T>(to: Counter, call: impl FnOnce() -> T) -> T {
    let before = allocations();
    let result = call();
    add(to, allocations() - before);
    result
}

/// How often this thread has gone to sleep so far. Allocates nothing.
pub(crate) fn sleeps_of_this_thread() -> u64 {
    if SLEEPS_WATCHED.get().is_some() { sleeps_in("/proc/thread-self/status") } else { 0 }
}

fn sleeps_of_all_threads() -> u64 {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return 0 };
    tasks.flatten().map(|task| sleeps_in(task.path().join("status"))).sum()
}

fn sleeps_in(path: impl AsRef<std::path::Path>) -> u64 {
    field(path, "voluntary_ctxt_switches:")
}

fn system_call_bytes() -> u64 {
    field("/proc/self/io", "rchar:") + field("/proc/self/io", "wchar:")
}

/// A number from one of the kernel's text files; 0 if it is not there.
fn field(path: impl AsRef<std::path::Path>, name: &str) -> u64 {
    let mut bytes = [0; 4096];
    let Ok(mut file) = std::fs::File::open(path) else { return 0 };
    let Ok(length) = std::io::Read::read(&mut file, &mut bytes) else { return 0 };
    LOOKED_BYTES.fetch_add(length as u64, Ordering::Relaxed);
    let text = std::str::from_utf8(&bytes[..length]).unwrap_or("");
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}
