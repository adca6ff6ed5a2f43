//! Video nodes over V4L2: single- and multi-planar, capture, output and metadata. Knows nothing
//! of media graphs.

use crate::control::{ControlTable, forward_controls};
use crate::file::DeviceFile;
use crate::format::{from_kernel, to_kernel};
use crate::queue::Queue;
use crate::sysfs::DeviceTree;
use crate::uapi::call::Call;
use crate::uapi::video::{
    BUF_TYPE_META_CAPTURE, BUF_TYPE_VIDEO_CAPTURE, BUF_TYPE_VIDEO_CAPTURE_MPLANE, BUF_TYPE_VIDEO_OUTPUT,
    BUF_TYPE_VIDEO_OUTPUT_MPLANE, CAP_DEVICE_CAPS, CAP_IO_MC, CAP_META_CAPTURE, CAP_STREAMING,
    CAP_TIMEPERFRAME, CAP_VIDEO_CAPTURE, CAP_VIDEO_CAPTURE_MPLANE, CAP_VIDEO_OUTPUT, CAP_VIDEO_OUTPUT_MPLANE,
    Capability, DQEVENT, ENUM_DISCRETE, ENUM_FMT, ENUM_FRAMEINTERVALS, ENUM_FRAMESIZES, EVENT_CTRL,
    EVENT_CTRL_CH_VALUE, EVENT_FRAME_SYNC, Event, EventControl, EventSubscription, Format, FormatDescription,
    Fraction, FrameIntervalEnum, FrameSizeEnum, G_FMT, QUERYCAP, Rectangle, S_FMT, S_PARM, S_SELECTION,
    SEL_TGT_CROP, SUBSCRIBE_EVENT, Selection, StreamParameters, TRY_FMT, TimeSpec, UNSUBSCRIBE_EVENT,
};
use pinhole_base::format::FourCc;
use pinhole_base::geometry::{ImagePixels, ModePixels, Rect, Size};
use pinhole_base::{ErrorKind, Result, Timestamp};
use pinhole_device::{
    ControlCode, Dequeued, ExportedBuffer, FrameInterval, FrameIntervals, FrameSizes, NodeCapabilities,
    NodeEvent, NodeFormat, NodeKind, PollSource, QueueBuffer, VideoNode,
};
use rustix::io::Errno;
use std::os::fd::AsFd;
use zerocopy::FromZeros;

/// An open video node.
pub struct KernelNode {
    file: DeviceFile,
    capabilities: NodeCapabilities,
    driver: String,
    /// The kind of its queue, in V4L2's numbers.
    kind: u32,
    queue: Queue,
    controls: ControlTable,
}

impl KernelNode {
    /// Opens the node at a path.
    ///
    /// # Errors
    /// There is none, access is refused, or it is no node for pictures or metadata.
    pub fn open(tree: &DeviceTree, path: &str) -> Result<Self> {
        let doing = "opening a video node";
        let mut file = DeviceFile::open(path, doing)?;
        let mut answer = Capability::new_zeroed();
        file.call(doing, &QUERYCAP, &mut answer)?;
        let name = tree.name_of(path).unwrap_or_else(|| crate::uapi::text(&answer.card));
        file.set_name(&name);
        let has = effective(&answer);
        let Some((kind, node_kind)) = kinds(has) else {
            let reason = format!("it is no node for pictures or metadata (capabilities {has:#010x})");
            return Err(file.refusal(ErrorKind::Unsupported, doing).because(reason));
        };
        let media_centric = has & CAP_IO_MC != 0;
        Ok(Self {
            capabilities: NodeCapabilities { name, kind: node_kind, media_centric },
            driver: crate::uapi::text(&answer.driver),
            kind,
            queue: Queue::new(kind)?,
            controls: ControlTable::default(),
            file,
        })
    }

    /// The name of its driver.
    pub fn driver(&self) -> &str {
        &self.driver
    }

    fn exchange(&self, doing: &'static str, call: &Call<Format>, mut format: Format) -> Result<NodeFormat> {
        self.file.call(doing, call, &mut format)?;
        // Drivers leave it as it was; one that does not would have us read another structure.
        format.kind = self.kind;
        from_kernel(&format).map_err(|reason| self.file.refusal(ErrorKind::Device, doing).because(reason))
    }

    fn wanted(&self, doing: &'static str, format: NodeFormat) -> Result<Format> {
        to_kernel(self.kind, format).ok_or_else(|| {
            let reason = "the node has formats of another kind";
            self.file.refusal(ErrorKind::InvalidArgument, doing).because(reason)
        })
    }

    fn subscribe(&self, doing: &'static str, kind: u32, id: u32, wanted: bool) -> Result<()> {
        let mut subscription = EventSubscription { kind, id, ..FromZeros::new_zeroed() };
        let call = if wanted { SUBSCRIBE_EVENT } else { UNSUBSCRIBE_EVENT };
        self.file.call(doing, &call, &mut subscription)
    }
}

/// What this node can do; devices with several nodes also tell what all of them can.
const fn effective(answer: &Capability) -> u32 {
    if answer.capabilities & CAP_DEVICE_CAPS != 0 { answer.device_caps } else { answer.capabilities }
}

fn kinds(capabilities: u32) -> Option<(u32, NodeKind)> {
    let kinds = [
        (CAP_VIDEO_CAPTURE, BUF_TYPE_VIDEO_CAPTURE, NodeKind::VideoCapture),
        (CAP_VIDEO_CAPTURE_MPLANE, BUF_TYPE_VIDEO_CAPTURE_MPLANE, NodeKind::VideoCapture),
        (CAP_VIDEO_OUTPUT, BUF_TYPE_VIDEO_OUTPUT, NodeKind::VideoOutput),
        (CAP_VIDEO_OUTPUT_MPLANE, BUF_TYPE_VIDEO_OUTPUT_MPLANE, NodeKind::VideoOutput),
        (CAP_META_CAPTURE, BUF_TYPE_META_CAPTURE, NodeKind::MetaCapture),
    ];
    let streams = capabilities & CAP_STREAMING != 0;
    let found = kinds.into_iter().find(|(capability, ..)| streams && capabilities & capability != 0);
    found.map(|(_, kind, node_kind)| (kind, node_kind))
}

forward_controls!(KernelNode);

impl VideoNode for KernelNode {
    fn capabilities(&self) -> &NodeCapabilities {
        &self.capabilities
    }

    fn formats(&mut self) -> Result<Vec<FourCc>> {
        let kind = self.kind;
        let entry = |index| FormatDescription { index, kind, ..FromZeros::new_zeroed() };
        let found = self.file.enumerate("listing formats", &ENUM_FMT, entry)?;
        Ok(found.iter().map(|format| FourCc(format.pixelformat)).collect())
    }

    fn frame_sizes(&mut self, format: FourCc) -> Result<Vec<FrameSizes>> {
        let entry = |index| FrameSizeEnum { index, pixel_format: format.0, ..FromZeros::new_zeroed() };
        let found = self.file.enumerate("listing frame sizes", &ENUM_FRAMESIZES, entry)?;
        Ok(found.iter().map(sizes).collect())
    }

    fn frame_intervals(&mut self, format: FourCc, size: Size<ImagePixels>) -> Result<Vec<FrameIntervals>> {
        let (width, height) = (size.width, size.height);
        let entry = |index| FrameIntervalEnum {
            index,
            pixel_format: format.0,
            width,
            height,
            ..FromZeros::new_zeroed()
        };
        let found = self.file.enumerate("listing frame intervals", &ENUM_FRAMEINTERVALS, entry)?;
        Ok(found.iter().map(intervals).collect())
    }

    fn set_frame_interval(&mut self, interval: FrameInterval) -> Result<FrameInterval> {
        let doing = "setting the frame interval";
        let timeperframe = Fraction { numerator: interval.numerator, denominator: interval.denominator };
        let mut parameters = StreamParameters { kind: self.kind, timeperframe, ..FromZeros::new_zeroed() };
        self.file.call(doing, &S_PARM, &mut parameters)?;
        if parameters.capability & CAP_TIMEPERFRAME == 0 {
            let reason = "the node has no say in it";
            return Err(self.file.refusal(ErrorKind::Unsupported, doing).because(reason));
        }
        Ok(interval_of(parameters.timeperframe))
    }

    fn format(&mut self) -> Result<NodeFormat> {
        let format = Format { kind: self.kind, ..FromZeros::new_zeroed() };
        self.exchange("reading the format", &G_FMT, format)
    }

    fn try_format(&mut self, format: NodeFormat) -> Result<NodeFormat> {
        let doing = "trying a format";
        self.exchange(doing, &TRY_FMT, self.wanted(doing, format)?)
    }

    fn set_format(&mut self, format: NodeFormat) -> Result<NodeFormat> {
        let doing = "setting the format";
        self.exchange(doing, &S_FMT, self.wanted(doing, format)?)
    }

    fn set_crop(&mut self, crop: Rect<ModePixels>) -> Result<Rect<ModePixels>> {
        // Selections know no multi-planar queues.
        let kind = match self.capabilities.kind {
            NodeKind::VideoOutput => BUF_TYPE_VIDEO_OUTPUT,
            _ => BUF_TYPE_VIDEO_CAPTURE,
        };
        let rectangle = Rectangle { left: crop.x, top: crop.y, width: crop.width, height: crop.height };
        let mut selection = Selection { kind, target: SEL_TGT_CROP, rectangle, ..FromZeros::new_zeroed() };
        self.file.call("setting the crop", &S_SELECTION, &mut selection)?;
        let set = selection.rectangle;
        Ok(Rect::new(set.left, set.top, set.width, set.height))
    }

    fn allocate(&mut self, count: u32) -> Result<u32> {
        self.queue.allocate(&self.file, count)
    }

    fn export(&mut self, slot: u32) -> Result<ExportedBuffer> {
        self.queue.export(&self.file, slot)
    }

    fn import(&mut self, count: u32) -> Result<u32> {
        self.queue.import(&self.file, count)
    }

    fn add_slots(&mut self, count: u32) -> Result<u32> {
        self.queue.add_slots(&self.file, count)
    }

    fn free(&mut self) -> Result<()> {
        self.queue.free(&self.file)
    }

    fn queue(&mut self, buffer: &QueueBuffer<'_>) -> Result<()> {
        self.queue.queue(&self.file, buffer)
    }

    fn dequeue(&mut self) -> Result<Option<Dequeued>> {
        self.queue.dequeue(&self.file)
    }

    fn stream_on(&mut self) -> Result<()> {
        self.queue.stream_on(&self.file)
    }

    fn stream_off(&mut self) -> Result<()> {
        self.queue.stream_off(&self.file)
    }

    fn subscribe_frame_start(&mut self, wanted: bool) -> Result<()> {
        self.subscribe("subscribing to frame starts", EVENT_FRAME_SYNC, 0, wanted)
    }

    fn subscribe_control(&mut self, code: ControlCode, wanted: bool) -> Result<()> {
        self.subscribe("subscribing to a control", EVENT_CTRL, code.0, wanted)
    }

    fn dequeue_event(&mut self) -> Result<Option<NodeEvent>> {
        let mut event = Event::new_zeroed();
        match self.file.try_call(&DQEVENT, &mut event) {
            Ok(()) => Ok(event_of(&event)),
            Err(Errno::NOENT | Errno::AGAIN) => Ok(None),
            Err(errno) => Err(self.file.error("dequeueing an event", DQEVENT.name(), errno)),
        }
    }

    fn poll_source(&self) -> PollSource<'_> {
        PollSource::Node { buffers: self.queue.readiness(), events: self.file.as_fd() }
    }
}

fn sizes(entry: &FrameSizeEnum) -> FrameSizes {
    let sides = entry.sides;
    if entry.kind == ENUM_DISCRETE {
        return FrameSizes::Discrete(Size::new(sides[0], sides[1]));
    }
    let [width_min, width_max, width_step, height_min, height_max, height_step] = sides;
    FrameSizes::Range {
        least: Size::new(width_min, height_min),
        greatest: Size::new(width_max, height_max),
        step: Size::new(width_step, height_step),
    }
}

fn intervals(entry: &FrameIntervalEnum) -> FrameIntervals {
    let [first, longest, step] = entry.intervals.map(interval_of);
    if entry.kind == ENUM_DISCRETE {
        return FrameIntervals::Discrete(first);
    }
    FrameIntervals::Range { shortest: first, longest, step }
}

const fn interval_of(fraction: Fraction) -> FrameInterval {
    FrameInterval { numerator: fraction.numerator, denominator: fraction.denominator }
}

fn event_of(event: &Event) -> Option<NodeEvent> {
    match event.kind {
        EVENT_FRAME_SYNC => {
            Some(NodeEvent::FrameStart { sequence: event.read(), timestamp: timestamp(event.timestamp) })
        }
        EVENT_CTRL => {
            let change: EventControl = event.read();
            let code = ControlCode(event.id);
            let has_value = change.changes & EVENT_CTRL_CH_VALUE != 0;
            has_value.then(|| NodeEvent::ControlChanged { code, value: change.value.integer(change.kind) })
        }
        _ => None,
    }
}

fn timestamp(time: TimeSpec) -> Timestamp {
    let Ok(seconds) = u64::try_from(time.sec) else { return Timestamp::ZERO };
    Timestamp(seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.nsec).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_told_apart_by_what_they_can_do() {
        let kind = |capabilities: u32| kinds(capabilities | CAP_STREAMING).map(|(kind, _)| kind);
        assert_eq!(kind(CAP_VIDEO_CAPTURE), Some(BUF_TYPE_VIDEO_CAPTURE));
        assert_eq!(kind(CAP_VIDEO_CAPTURE_MPLANE), Some(BUF_TYPE_VIDEO_CAPTURE_MPLANE));
        assert_eq!(kind(CAP_VIDEO_OUTPUT_MPLANE), Some(BUF_TYPE_VIDEO_OUTPUT_MPLANE));
        assert_eq!(kind(CAP_META_CAPTURE | CAP_IO_MC), Some(BUF_TYPE_META_CAPTURE));
        assert_eq!(kind(0x10), None);
        assert_eq!(kinds(CAP_VIDEO_CAPTURE), None);
    }

    /// A webcam's metadata node belongs to a device that also captures pictures.
    #[test]
    fn a_node_is_judged_by_itself() {
        let mut answer = Capability::new_zeroed();
        answer.capabilities = CAP_VIDEO_CAPTURE | CAP_META_CAPTURE | CAP_DEVICE_CAPS;
        answer.device_caps = CAP_META_CAPTURE;
        assert_eq!(effective(&answer), CAP_META_CAPTURE);
        answer.capabilities = CAP_VIDEO_CAPTURE;
        assert_eq!(effective(&answer), CAP_VIDEO_CAPTURE);
    }

    #[test]
    fn sizes_come_one_by_one_or_as_a_range() {
        let mut entry = FrameSizeEnum::new_zeroed();
        (entry.kind, entry.sides) = (3, [16, 1920, 2, 32, 1080, 4]);
        let range = FrameSizes::Range {
            least: Size::new(16, 32),
            greatest: Size::new(1920, 1080),
            step: Size::new(2, 4),
        };
        assert_eq!(sizes(&entry), range);
        entry.kind = ENUM_DISCRETE;
        assert_eq!(sizes(&entry), FrameSizes::Discrete(Size::new(16, 1920)));
    }

    #[test]
    fn events_are_read_by_their_kind() {
        let mut event = Event::new_zeroed();
        (event.kind, event.timestamp.sec) = (EVENT_FRAME_SYNC, 2);
        event.data.bytes[..4].copy_from_slice(&77_u32.to_ne_bytes());
        let start = NodeEvent::FrameStart { sequence: 77, timestamp: Timestamp(2_000_000_000) };
        assert_eq!(event_of(&event), Some(start));
        (event.kind, event.id) = (EVENT_CTRL, 9);
        event.data.bytes[..4].copy_from_slice(&EVENT_CTRL_CH_VALUE.to_ne_bytes());
        event.data.bytes[8..12].copy_from_slice(&(-3_i32).to_ne_bytes());
        let changed = NodeEvent::ControlChanged { code: ControlCode(9), value: -3 };
        assert_eq!(event_of(&event), Some(changed));
        event.kind = 0x0800_0001;
        assert_eq!(event_of(&event), None);
    }

    #[test]
    fn what_is_no_video_node_is_refused() {
        let error = KernelNode::open(&DeviceTree::default(), "/dev/null").err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        let error = KernelNode::open(&DeviceTree::default(), "/dev/video-none").err().unwrap();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}
