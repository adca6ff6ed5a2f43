//! The module of the testbed's Raspberry Pi camera (`testbed/pi-camera`), by its files: what is to
//! go wrong, and how frames were taken. Knows nothing of pipelines.

use pinhole::sim::{Call, Fault, Stamp, Target};
use std::fs::{OpenOptions, read_to_string};
use std::io::Write;
use std::path::Path;

/// The module's files.
const FILES: &str = "/sys/kernel/debug/pi-camera";

/// Whether the sensor sends embedded data, the next time it is plugged in.
const EMBEDDED: &str = "/sys/module/pi_camera/parameters/embedded";

/// Receiver and ISP.
const BOTH: &str = "3";

/// Whether the module is loaded.
pub fn is_there() -> bool {
    Path::new(FILES).exists()
}

/// Writes a line to one of the module's files.
///
/// # Panics
/// The module does not take it.
pub fn tell(file: &str, line: &str) {
    write(&format!("{FILES}/{file}"), line);
}

pub(super) fn write(path: &str, line: &str) {
    let written =
        OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(line.as_bytes()));
    written.unwrap_or_else(|error| panic!("{path} does not take {line:?}: {error}"));
}

fn read(path: &str) -> String {
    read_to_string(path).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
}

/// Nothing goes wrong any more, and everything is plugged in, with or without embedded data.
///
/// # Panics
/// The module is not there.
pub fn behave(embedded: bool) {
    forget();
    if read(EMBEDDED).trim() != u8::from(embedded).to_string() {
        tell("unplugged", BOTH);
        write(EMBEDDED, if embedded { "1" } else { "0" });
    }
    plug_in();
}

/// Nothing goes wrong any more.
pub(super) fn forget() {
    tell("forget", "1");
}

/// All that the module has is there again.
pub(super) fn plug_in() {
    tell("unplugged", "0");
}

/// Whether the module can make such calls fail.
pub fn can_fail(call: Call) -> bool {
    matches!(
        call,
        Call::Allocate
            | Call::Import
            | Call::Free
            | Call::Export
            | Call::Queue
            | Call::Dequeue
            | Call::StreamOn
            | Call::StreamOff
            | Call::SetFormat
            | Call::SetControls
            | Call::SetCrop
            | Call::Subscribe
            | Call::DequeueEvent
    )
}

/// The device that a call is made to, as the module calls it; empty for any.
fn whom(target: Option<Target>) -> Option<&'static str> {
    match target {
        None => Some(""),
        Some(Target::Node(node)) => Some(node.entity_name()),
        Some(Target::SubDevice) => Some("sensor"),
        Some(Target::Lens | Target::Media | Target::Heap) => None,
    }
}

/// A fault in the module's words, after that many (or every so many) occasions; `None` where it
/// knows no such fault.
pub fn line(number: u32, fault: Fault) -> Option<String> {
    let name = fault.kind().name();
    let plain = |value: u128| Some(format!("{name} {number} {value}"));
    match fault {
        Fault::DelayFrame { by }
        | Fault::ReorderFrame { by }
        | Fault::ShiftTimestamp { by }
        | Fault::SlowIsp { by }
        | Fault::ReorderOutputs { by } => plain(by.as_micros()),
        Fault::SkipSequence { frames } => plain(frames.into()),
        Fault::Silence { frames } => plain(frames.unwrap_or(0).into()),
        Fault::FlagOutput(node) => Some(format!("{name} {number} 0 {}", node.entity_name())),
        Fault::FailCall { call, target, errno } if can_fail(call) => {
            Some(format!("{} {number} {errno} {}", call.name(), whom(target)?))
        }
        Fault::FailCall { .. } | Fault::CorruptImage => None,
        _ => plain(0),
    }
}

/// One line of the module's record of frames. (Buffers tell their time in microseconds.)
fn taken_with(line: &str) -> Option<Stamp> {
    let mut words = line.split(' ').map(str::parse::<u64>);
    let mut next = || words.next()?.ok();
    let (sequence, timestamp_ns) = (next()?, next()?);
    let mut next = || Some(next()? as u32);
    Some(Stamp {
        camera: 0,
        sequence: sequence as u32,
        timestamp_ns: timestamp_ns / 1000 * 1000,
        exposure_lines: next()?,
        gain_code: next()?,
        line_length_pixels: next()?,
        frame_length_lines: next()?,
    })
}

/// How the last frames were taken.
///
/// # Panics
/// The module is not there.
pub fn frames() -> Vec<Stamp> {
    frames_in(&format!("{FILES}/frames"))
}

/// How the last frames were taken, by a record of the same form.
pub(super) fn frames_in(path: &str) -> Vec<Stamp> {
    read(path).lines().filter_map(taken_with).collect()
}

/// The number in one of the module's files.
///
/// # Panics
/// The module has no such file, or no number in it.
pub fn number(file: &str) -> u64 {
    read(&format!("{FILES}/{file}")).trim().parse().expect("it is a number")
}

/// How many calls have failed since it was told to behave.
///
/// # Panics
/// The module is not there.
pub fn failed_calls() -> u64 {
    number("failed_calls")
}

/// Sets how long it waits for a process that paints.
///
/// # Panics
/// The module is not there.
pub fn set_patience_ms(patience_ms: u32) {
    write("/sys/module/pi_camera/parameters/patience_ms", &patience_ms.to_string());
}

/// What became of a node's buffers since accounts were begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The entity's name.
    pub node: String,
    /// Buffers that were allocated.
    pub buffers: u32,
    /// Bytes of these.
    pub bytes: u64,
    /// How often one was mapped into a process by the node.
    pub node_maps: u32,
    /// The same by an exported descriptor.
    pub export_maps: u32,
    /// How often an exported one was opened to the CPU.
    pub accesses: u32,
    /// How often the node took a buffer of others'.
    pub imports: u32,
}

/// Begins the accounts of all nodes anew.
///
/// # Panics
/// The module is not there.
pub fn begin_accounts() {
    tell("buffers", "1");
}

fn account(line: &str) -> Option<Account> {
    let (node, numbers) = line.split_once(' ')?;
    let mut numbers = numbers.split(' ').map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    let (buffers, bytes) = (next()? as u32, next()?);
    let mut next = || Some(next()? as u32);
    Some(Account {
        node: node.to_owned(),
        buffers,
        bytes,
        node_maps: next()?,
        export_maps: next()?,
        accesses: next()?,
        imports: next()?,
    })
}

/// The accounts of all nodes.
///
/// # Panics
/// The module is not there, or says something else.
pub fn accounts() -> Vec<Account> {
    let text = read(&format!("{FILES}/buffers"));
    text.lines().map(|line| account(line).unwrap_or_else(|| panic!("no account: {line}"))).collect()
}

/// How a buffer came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// The node gave it a descriptor.
    Exported,
    /// The node took it by a descriptor.
    Imported,
}

/// A buffer that came or went, by its descriptor's inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The entity's name.
    pub node: String,
    /// How it passed.
    pub passage: Passage,
    /// The inode.
    pub inode: u64,
}

fn passed(line: &str) -> Option<Passed> {
    let mut words = line.split(' ');
    let node = words.next()?.to_owned();
    let passage = match words.next()? {
        "exported" => Passage::Exported,
        "imported" => Passage::Imported,
        _ => return None,
    };
    Some(Passed { node, passage, inode: words.next()?.parse().ok()? })
}

/// The last buffers (up to 64 each way and node) that came and went.
///
/// # Panics
/// The module is not there, or says something else.
pub fn inodes() -> Vec<Passed> {
    let text = read(&format!("{FILES}/inodes"));
    text.lines().map(|line| passed(line).unwrap_or_else(|| panic!("no buffer: {line}"))).collect()
}
