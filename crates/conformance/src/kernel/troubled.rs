//! A node whose driver is told to fail at a certain moment: by the controls with which drivers
//! of virtual cameras can be made to. Knows nothing of what a failure is good for.

use super::accomplice::Accomplice;
use crate::rig::{NO_FAILURES, NotApplicable, Verdict};
use pinhole::Result;
use pinhole::device::{
    ControlCode, ControlDescription, ControlWrite, Controls, Dequeued, ExportedBuffer, FrameInterval,
    FrameIntervals, FrameSizes, MenuItem, NodeCapabilities, NodeEvent, NodeFormat, Payload, PollSource,
    QueueBuffer, VideoNode,
};
use pinhole::format::FourCc;
use pinhole::geometry::{ImagePixels, ModePixels, Rect, Size};
use pinhole::sim::{Call, Fault};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const EIO: i32 = 5;
const EINVAL: i32 = 22;

/// What a driver does when its control is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The next such call fails.
    Fails(Call),
    /// The next frame is flagged.
    Flags,
    /// No buffer is filled any more.
    FallsSilent,
    /// The device goes away until its last user has closed it.
    Disconnects,
}

/// A control that makes a driver fail.
#[derive(Debug)]
struct Switch {
    name: &'static str,
    value: i64,
    way: Way,
    /// With which error.
    errnos: &'static [i32],
}

impl Switch {
    const fn new(name: &'static str, value: i64, way: Way, errnos: &'static [i32]) -> Self {
        Self { name, value, way, errnos }
    }
}

/// Those of vivid (the kernel's documentation, admin-guide/media/vivid, "Error Injection").
static SWITCHES: [Switch; 8] = [
    Switch::new("Inject VIDIOC_REQBUFS Error", 1, Way::Fails(Call::Allocate), &[EINVAL]),
    Switch::new("Inject VIDIOC_REQBUFS Error", 1, Way::Fails(Call::Import), &[EINVAL]),
    Switch::new("Inject VIDIOC_QBUF Error", 1, Way::Fails(Call::Queue), &[EINVAL]),
    Switch::new("Inject VIDIOC_STREAMON Error", 1, Way::Fails(Call::StreamOn), &[EINVAL]),
    Switch::new("Inject Fatal Streaming Error", 1, Way::Fails(Call::Dequeue), &[EIO]),
    Switch::new("Inject V4L2_BUF_FLAG_ERROR", 1, Way::Flags, &[]),
    Switch::new("Percentage of Dropped Buffers", 100, Way::FallsSilent, &[]),
    Switch::new("Disconnect", 1, Way::Disconnects, &[]),
];

#[derive(Debug, Default)]
struct Plans {
    /// What is to go wrong, after that many more occasions for it.
    pending: Vec<(u32, Way)>,
    failed_calls: u64,
}

/// What a driver can be told to do wrong, and when it is to.
#[derive(Clone, Debug, Default)]
pub(super) struct Troubles {
    available: Vec<(&'static Switch, ControlCode)>,
    /// Who else can be told to.
    accomplice: Option<Accomplice>,
    plans: Arc<Mutex<Plans>>,
}

impl Troubles {
    /// Those that a node's driver has controls for, and those of what is behind it.
    pub(super) fn of(node: &mut dyn VideoNode, accomplice: Option<Accomplice>) -> Result<Self> {
        let controls = node.query_controls()?;
        let code = |switch: &Switch| controls.iter().find(|control| control.name == switch.name);
        let available = SWITCHES.iter().filter_map(|switch| Some((switch, code(switch)?.code)));
        Ok(Self { available: available.collect(), accomplice, plans: Arc::default() })
    }

    /// The same driver, of which nothing is planned.
    pub(super) fn afresh(&self) -> Self {
        self.accomplice.iter().for_each(Accomplice::behave);
        self.plug_in();
        Self { plans: Arc::default(), ..self.clone() }
    }

    fn plans(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn control(&self, way: Way) -> Option<(&'static Switch, ControlCode)> {
        self.available.iter().copied().find(|(switch, _)| switch.way == way)
    }

    fn can(&self, way: Way) -> bool {
        let accomplice = self.accomplice.as_ref();
        self.control(way).is_some() || accomplice.is_some_and(|accomplice| accomplice.can(way))
    }

    /// Plans a fault, after that many occasions for it.
    pub(super) fn plan(&self, after: u32, fault: Fault) -> Verdict {
        if let (Some(accomplice), Fault::Silence { frames: Some(frames) }) = (&self.accomplice, fault) {
            return accomplice.skip(after, frames);
        }
        let (way, reason) = match fault {
            Fault::FailCall { call, target: None, errno } if self.refusals(call).contains(&errno) => {
                (Way::Fails(call), NO_FAILURES)
            }
            Fault::FlagImage => (Way::Flags, NotApplicable("its driver flags no frame on demand")),
            Fault::Silence { frames: None } => {
                (Way::FallsSilent, NotApplicable("its driver does not fall silent on demand"))
            }
            Fault::UnplugCamera => (Way::Disconnects, NotApplicable("nobody can unplug it on demand")),
            _ => return Err(NotApplicable("its driver does not fail like that on demand")),
        };
        if !self.can(way) {
            return Err(reason);
        }
        self.plans().pending.push((after, way));
        Ok(())
    }

    pub(super) fn refusals(&self, call: Call) -> &'static [i32] {
        self.control(Way::Fails(call)).map_or(&[], |(switch, _)| switch.errnos)
    }

    pub(super) fn failed_calls(&self) -> u64 {
        self.plans().failed_calls
    }

    /// Mends what was unplugged: vivid's devices come back when their last user has gone.
    pub(super) fn plug_in(&self) {
        self.accomplice.iter().for_each(Accomplice::plug_in);
    }

    /// Takes out what is due, by how many occasions for it are left and what it is.
    fn take(&self, is_due: impl Fn(&mut u32, Way) -> bool) -> Vec<Way> {
        let mut due = Vec::new();
        self.plans().pending.retain_mut(|(left, way)| {
            let is_due = is_due(left, *way);
            due.extend(is_due.then_some(*way));
            !is_due
        });
        due
    }

    /// What is to go wrong with a call that is about to be made.
    fn before(&self, call: Call) -> Vec<Way> {
        self.take(|left, way| {
            let is_due = way == Way::Fails(call) && *left == 0;
            if way == Way::Fails(call) {
                *left = left.saturating_sub(1);
            }
            is_due
        })
    }

    /// What is to go wrong with frames, when so many more have come.
    fn after(&self, frames: u32) -> Vec<Way> {
        self.take(|left, way| {
            let is_meant = !matches!(way, Way::Fails(_));
            if is_meant {
                *left = left.saturating_sub(frames);
            }
            is_meant && *left == 0
        })
    }
}

/// A node with its troubles.
pub(super) struct Troubled {
    inner: Box<dyn VideoNode>,
    troubles: Troubles,
    /// What has been set that stays so.
    silenced: Option<ControlCode>,
}

impl Troubled {
    pub(super) fn new(inner: Box<dyn VideoNode>, troubles: Troubles) -> Self {
        Self { inner, troubles, silenced: None }
    }

    fn commit(&mut self, due: Vec<Way>) {
        for way in due {
            let Some((switch, code)) = self.troubles.control(way) else {
                self.troubles.accomplice.iter().for_each(|accomplice| accomplice.commit(way));
                continue;
            };
            let write = ControlWrite { code, value: Payload::Integer(switch.value) };
            self.inner.set_controls(&[write]).expect("the driver takes its own controls");
            if way == Way::FallsSilent {
                self.silenced = Some(code);
            }
        }
    }

    /// Makes a call, of which something may be planned.
    fn call<T>(&mut self, call: Call, make: impl FnOnce(&mut dyn VideoNode) -> Result<T>) -> Result<T> {
        let due = self.troubles.before(call);
        let planned = !due.is_empty();
        self.commit(due);
        let result = make(self.inner.as_mut());
        if planned && result.is_err() {
            self.troubles.plans().failed_calls += 1;
        }
        result
    }

    /// Nothing that was set stays for whoever comes next.
    fn speak_again(&mut self) {
        if let Some(code) = self.silenced.take() {
            let write = ControlWrite { code, value: Payload::Integer(0) };
            // A device that is gone forgets it by itself.
            let _ = self.inner.set_controls(&[write]);
        }
        self.troubles.accomplice.iter().for_each(Accomplice::behave);
    }
}

impl Controls for Troubled {
    fn query_controls(&mut self) -> Result<Vec<ControlDescription>> {
        self.inner.query_controls()
    }

    fn control(&mut self, code: ControlCode) -> Result<i64> {
        self.inner.control(code)
    }

    fn set_controls(&mut self, writes: &[ControlWrite<'_>]) -> Result<()> {
        self.inner.set_controls(writes)
    }

    fn menu(&mut self, code: ControlCode) -> Result<Vec<MenuItem>> {
        self.inner.menu(code)
    }

    fn read_compound(&mut self, code: ControlCode, bytes: &mut [u8]) -> Result<()> {
        self.inner.read_compound(code, bytes)
    }
}

impl VideoNode for Troubled {
    fn capabilities(&self) -> &NodeCapabilities {
        self.inner.capabilities()
    }

    fn formats(&mut self) -> Result<Vec<FourCc>> {
        self.inner.formats()
    }

    fn frame_sizes(&mut self, format: FourCc) -> Result<Vec<FrameSizes>> {
        self.inner.frame_sizes(format)
    }

    fn frame_intervals(&mut self, format: FourCc, size: Size<ImagePixels>) -> Result<Vec<FrameIntervals>> {
        self.inner.frame_intervals(format, size)
    }

    fn set_frame_interval(&mut self, interval: FrameInterval) -> Result<FrameInterval> {
        self.inner.set_frame_interval(interval)
    }

    fn format(&mut self) -> Result<NodeFormat> {
        self.inner.format()
    }

    fn try_format(&mut self, format: NodeFormat) -> Result<NodeFormat> {
        self.inner.try_format(format)
    }

    fn set_format(&mut self, format: NodeFormat) -> Result<NodeFormat> {
        self.inner.set_format(format)
    }

    fn set_crop(&mut self, crop: Rect<ModePixels>) -> Result<Rect<ModePixels>> {
        self.inner.set_crop(crop)
    }

    fn allocate(&mut self, count: u32) -> Result<u32> {
        self.call(Call::Allocate, |node| node.allocate(count))
    }

    fn export(&mut self, slot: u32) -> Result<ExportedBuffer> {
        self.inner.export(slot)
    }

    fn import(&mut self, count: u32) -> Result<u32> {
        self.call(Call::Import, |node| node.import(count))
    }

    fn free(&mut self) -> Result<()> {
        self.inner.free()
    }

    fn queue(&mut self, buffer: &QueueBuffer<'_>) -> Result<()> {
        let due = self.troubles.after(0);
        self.commit(due);
        self.call(Call::Queue, |node| node.queue(buffer))
    }

    fn dequeue(&mut self) -> Result<Option<Dequeued>> {
        let done = self.call(Call::Dequeue, |node| node.dequeue())?;
        let due = self.troubles.after(done.iter().len() as u32);
        self.commit(due);
        Ok(done)
    }

    fn stream_on(&mut self) -> Result<()> {
        self.call(Call::StreamOn, |node| node.stream_on())
    }

    fn stream_off(&mut self) -> Result<()> {
        self.speak_again();
        self.inner.stream_off()
    }

    fn subscribe_frame_start(&mut self, wanted: bool) -> Result<()> {
        self.inner.subscribe_frame_start(wanted)
    }

    fn subscribe_control(&mut self, code: ControlCode, wanted: bool) -> Result<()> {
        self.inner.subscribe_control(code, wanted)
    }

    fn dequeue_event(&mut self) -> Result<Option<NodeEvent>> {
        self.inner.dequeue_event()
    }

    fn poll_source(&self) -> PollSource<'_> {
        self.inner.poll_source()
    }
}
