//! Shows what Linux tells of this machine's cameras, and captures a few frames from a node.
//!
//! ```sh
//! probe                                       # media devices, their entities and links
//! probe --watch 4                             # devices that come and go, until there were 4
//! probe /dev/video0                           # formats, sizes, rates and controls
//! probe /dev/video0 --frames 10               # one line for each frame
//! probe /dev/video0 --frames 10 --format YUYV --size 640x480 --buffers 4
//! probe /dev/video0 --set 0x00980900=128      # a control, by its number
//! ```
//!
//! Frames are captured as pipelines do it: buffers that the device has allocated are exported,
//! and queued by descriptor from then on.

use pinhole_base::format::{FourCc, PixelFormat};
use pinhole_base::geometry::{ImagePixels, Size};
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_buffer::memory::Identity;
use pinhole_device::{
    ControlCode, ControlDescription, ControlWrite, Dequeued, FrameIntervals, FrameSizes, Graph, Interest,
    NodeFormat, Payload, PollSource, Poller, Provider, QueueBuffer, QueuePlane, VideoNode,
};
use pinhole_kernel::KernelProvider;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
usage: probe [--watch N | /dev/videoN [--frames N] [--format NAME] [--size WxH] [--buffers N]
             [--set CONTROL=VALUE]]
";

/// Longer than any camera here takes for a frame.
const FRAME_WAIT_MAX: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = Options::read(&arguments) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("probe: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Options {
    node: Option<String>,
    watched: usize,
    frames: u32,
    buffers: u32,
    format: Option<PixelFormat>,
    size: Option<Size<ImagePixels>>,
    writes: Vec<(ControlCode, i64)>,
}

impl Options {
    fn read(arguments: &[String]) -> Option<Self> {
        let mut options = Self { buffers: 4, ..Self::default() };
        options.node = arguments.first().cloned().filter(|node| !node.starts_with('-'));
        let mut rest = arguments.iter().skip(usize::from(options.node.is_some()));
        while let Some(option) = rest.next() {
            let value = rest.next()?;
            match option.as_str() {
                "--watch" => options.watched = value.parse().ok()?,
                "--frames" => options.frames = value.parse().ok()?,
                "--buffers" => options.buffers = value.parse().ok()?,
                "--format" => options.format = Some(PixelFormat::from_name(value)?),
                "--size" => options.size = Some(value.parse().ok()?),
                "--set" => options.writes.push(control_value(value)?),
                _ => return None,
            }
        }
        Some(options)
    }
}

fn control_value(text: &str) -> Option<(ControlCode, i64)> {
    let (code, value) = text.split_once('=')?;
    Some((ControlCode(u32::from_str_radix(code.strip_prefix("0x")?, 16).ok()?), value.parse().ok()?))
}

fn run(options: &Options) -> Result<()> {
    let mut provider = KernelProvider::new();
    if options.watched > 0 {
        return watch(&mut provider, options.watched);
    }
    let Some(path) = &options.node else { return show_all(&mut provider) };
    let mut node = provider.video_node(path)?;
    if !options.writes.is_empty() {
        let writes = options.writes.iter();
        let writes = writes.map(|&(code, value)| ControlWrite { code, value: Payload::Integer(value) });
        return node.set_controls(&writes.collect::<Vec<_>>());
    }
    if options.frames == 0 { show_node(node.as_mut()) } else { capture(&mut provider, node, options) }
}

fn watch(provider: &mut KernelProvider, count: usize) -> Result<()> {
    let hotplug = provider.hotplug()?;
    let mut poller = provider.poller()?;
    poller.watch(PollSource::Fd(hotplug.as_fd()), 0, Interest { buffers: true, events: false })?;
    let (mut seen, mut ready) = (0, Vec::new());
    while seen < count {
        poller.wait(None, &mut ready)?;
        for change in hotplug.changes()? {
            println!("{change:?}");
            seen += 1;
        }
    }
    Ok(())
}

fn show_all(provider: &mut KernelProvider) -> Result<()> {
    let media = provider.media_devices()?;
    println!("{} media devices", media.len());
    media.iter().for_each(|device| show_graph(device.graph()));
    for device in provider.tree().video_devices()? {
        println!("{} {}:{} `{}`", device.path, device.number.major, device.number.minor, device.name);
    }
    match provider.heap() {
        Ok(heap) => println!("heap {}", heap.name()),
        Err(error) => println!("no heap: {error}"),
    }
    for device in &media {
        let nodes = device.graph().entities.iter().filter_map(|entity| entity.node.as_deref());
        nodes.filter(|path| path.contains("subdev")).for_each(|path| show_sub_device(provider, path));
    }
    Ok(())
}

fn show_graph(graph: &Graph) {
    let info = &graph.info;
    println!("{} driver `{}` model `{}` at {}", info.path, info.driver, info.model, info.bus_info);
    for entity in &graph.entities {
        let node = entity.node.as_deref().unwrap_or("-");
        println!("  entity {} `{}` {:?} {node}", entity.id, entity.name, entity.function);
        for pad in &entity.pads {
            println!("    pad {} number {} {:?}", pad.id, pad.index, pad.direction);
        }
    }
    for link in &graph.links {
        let state = if link.enabled { "enabled" } else { "disabled" };
        let fixed = if link.immutable { " immutable" } else { "" };
        println!("  link {} from pad {} to pad {} {state}{fixed}", link.id, link.source, link.sink);
    }
}

fn show_sub_device(provider: &mut KernelProvider, path: &str) {
    let shown = provider.sub_device(path).and_then(|mut device| {
        println!("{path} `{}`", device.name());
        for code in device.media_bus_codes(0)? {
            println!("  pad 0 code {code:#06x} sizes {:?}", device.frame_sizes(0, code)?);
        }
        println!("  pad 0 has {:?}", device.format(0)?);
        device.query_controls()?.iter().for_each(|control| show_control(control, None));
        Ok(())
    });
    if let Err(error) = shown {
        println!("  {error}");
    }
}

fn show_node(node: &mut dyn VideoNode) -> Result<()> {
    println!("{:?}", node.capabilities());
    for format in node.formats()? {
        println!("format {format}");
        for size in node.frame_sizes(format)? {
            show_sizes(node, format, size)?;
        }
    }
    match node.format() {
        Ok(format) => println!("now {format:?}"),
        Err(error) => println!("now: {error}"),
    }
    for control in node.query_controls()? {
        let value = if control.payload_bytes == 0 { node.control(control.code).ok() } else { None };
        show_control(&control, value);
        for item in node.menu(control.code)? {
            println!("    {} {}", item.index, item.name);
        }
    }
    Ok(())
}

fn show_sizes(node: &mut dyn VideoNode, format: FourCc, sizes: FrameSizes) -> Result<()> {
    let FrameSizes::Discrete(size) = sizes else {
        println!("  {sizes:?}");
        return Ok(());
    };
    let rates = node.frame_intervals(format, size)?.into_iter().map(|interval| match interval {
        FrameIntervals::Discrete(one) => format!("{}/{} s", one.numerator, one.denominator),
        FrameIntervals::Range { shortest, longest, .. } => format!("{shortest:?} to {longest:?}"),
    });
    println!("  {size} {}", rates.collect::<Vec<_>>().join(", "));
    Ok(())
}

fn show_control(control: &ControlDescription, value: Option<i64>) {
    let ControlDescription { code, name, minimum, maximum, step, default, .. } = control;
    let value = value.map_or_else(String::new, |value| format!(" value {value}"));
    let bytes = match control.payload_bytes {
        0 => String::new(),
        bytes => format!(" {bytes} bytes"),
    };
    let read_only = if control.read_only { " read-only" } else { "" };
    println!("  {code:?} `{name}` {minimum} to {maximum} by {step}, {default}{value}{bytes}{read_only}");
}

/// A buffer, and what it is known by.
struct Exported {
    planes: Vec<(OwnedFd, u32)>,
    inode: u64,
}

fn capture(provider: &mut KernelProvider, mut node: Box<dyn VideoNode>, options: &Options) -> Result<()> {
    println!("{:?}", set_format(node.as_mut(), options)?);
    let buffers = export(node.as_mut(), options.buffers)?;
    let slots = node.import(buffers.len() as u32)?;
    for slot in 0..slots.min(buffers.len() as u32) {
        queue(node.as_mut(), slot, &buffers)?;
    }
    let mut poller = provider.poller()?;
    poller.watch(node.poll_source(), 0, Interest { buffers: true, events: false })?;
    node.stream_on()?;
    let mut frames: Vec<Dequeued> = Vec::with_capacity(options.frames as usize);
    while frames.len() < options.frames as usize {
        wait(poller.as_mut())?;
        if let Some(frame) = node.dequeue()? {
            show_frame(&frame, &buffers);
            frames.push(frame);
            queue(node.as_mut(), frame.slot, &buffers)?;
        }
    }
    poller.unwatch(node.poll_source())?;
    node.stream_off()?;
    node.free()?;
    summarise(&frames);
    Ok(())
}

fn wait(poller: &mut dyn Poller) -> Result<()> {
    let mut ready = Vec::new();
    poller.wait(Some(poller.now() + FRAME_WAIT_MAX), &mut ready)?;
    let error = |kind| Error::new(kind, "capturing");
    match ready.iter().find(|ready| ready.gone).or(ready.first()) {
        None => Err(error(ErrorKind::Timeout).because(format!("no frame in {FRAME_WAIT_MAX:?}"))),
        Some(ready) if ready.gone => Err(error(ErrorKind::Disconnected).because("the device is gone")),
        Some(_) => Ok(()),
    }
}

fn show_frame(frame: &Dequeued, buffers: &[Exported]) {
    let Dequeued { sequence, timestamp, slot, bytes_used, .. } = frame;
    let inode = buffers[*slot as usize].inode;
    let damaged = if frame.error { " damaged" } else { "" };
    println!("frame {sequence} at {timestamp} slot {slot} bytes {bytes_used:?} inode {inode}{damaged}");
}

fn set_format(node: &mut dyn VideoNode, options: &Options) -> Result<NodeFormat> {
    let present = node.format()?;
    let NodeFormat::Image(mut image) = present else { return Ok(present) };
    if options.format.is_none() && options.size.is_none() {
        return Ok(present);
    }
    image.format = options.format.unwrap_or(image.format);
    image.size = options.size.unwrap_or(image.size);
    (image.stride_bytes, image.size_bytes) = (0, 0);
    node.set_format(NodeFormat::Image(image))
}

fn export(node: &mut dyn VideoNode, count: u32) -> Result<Vec<Exported>> {
    let granted = node.allocate(count)?;
    let exported = (0..granted).map(|slot| {
        let planes = node.export(slot)?.planes;
        let inode = Identity::of(planes[0].0.as_fd(), 0)?.inode;
        Ok(Exported { planes, inode })
    });
    let exported = exported.collect::<Result<_>>()?;
    node.free()?;
    Ok(exported)
}

fn queue(node: &mut dyn VideoNode, slot: u32, buffers: &[Exported]) -> Result<()> {
    let planes = buffers[slot as usize].planes.iter();
    let planes: Vec<QueuePlane<'_>> =
        planes.map(|(fd, length)| QueuePlane { fd: fd.as_fd(), length: *length, bytes_used: 0 }).collect();
    let timestamp = pinhole_base::Timestamp::ZERO;
    node.queue(&QueueBuffer { slot, planes: &planes, timestamp })
}

fn summarise(frames: &[Dequeued]) {
    let (Some(first), Some(last)) = (frames.first(), frames.last()) else { return };
    let expected = u64::from(last.sequence.wrapping_sub(first.sequence)) + 1;
    let missing = expected.saturating_sub(frames.len() as u64);
    let damaged = frames.iter().filter(|frame| frame.error).count();
    let seconds = last.timestamp.since(first.timestamp).as_secs_f64();
    let rate = if seconds > 0.0 { (frames.len() - 1) as f64 / seconds } else { 0.0 };
    println!("{} frames, {missing} missing, {damaged} damaged, {rate:.2} a second", frames.len());
}
