//! The simulated world: one discrete-event machine that holds every camera's hardware.
//!
//! Whoever calls a device enters the world through its lock, changes what the call changes,
//! and leaves. Time passes only in [`World::step`] (and, with a real clock, at each entry, so
//! that what should have happened by then has). There are no threads.
//!
//! The machine is spread over files: [`receiver`] (sensor and Unicam), [`isp`], [`content`]
//! (the bytes of buffers). Knows nothing of the device traits; those are answered from
//! [`crate::provider`] and its neighbours.

pub(crate) mod content;
pub(crate) mod isp;
pub(crate) mod receiver;

use crate::config::{CameraConfig, Clock, IspSpeed, SimulatorConfig};
use crate::fault::{Call, FaultKind, Injector, Role, Target};
use crate::formats;
use crate::lens::Lens;
use crate::memory::Pool;
use crate::queue::{BufferQueue, Handle, Taken};
use crate::random::Random;
use crate::record::{Audit, Counters, Happening, LogEntry, NodeAudit};
use crate::refusal::{Answer, Refusal};
use crate::sensor::Sensor;
use crate::timeline::{Event, Timeline};
use crate::topology::{self, Part};

use content::Content;
use isp::Isp;
use pinhole_base::Timestamp;
use pinhole_device::{Dequeued, Graph, MediaBusFormat, NodeFormat, Waker};
use receiver::Receiver;
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use std::os::fd::{AsFd, AsRawFd};

/// When virtual clocks start: not at 0, which stamps that were never set have.
const VIRTUAL_START_NS: u64 = 1_000_000_000;

/// A video node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) queue: BufferQueue,
    pub(crate) format: NodeFormat,
    /// How many have it open.
    pub(crate) open: u32,
    /// Number of the next buffer, for nodes that count by themselves.
    pub(crate) sequence: u32,
}

/// A media device of a camera, which can be unplugged.
#[derive(Debug)]
pub(crate) struct PartState {
    pub(crate) plugged: bool,
    /// Grows each time it is unplugged: what was opened before is dead.
    pub(crate) generation: u32,
    pub(crate) claim: Option<Handle>,
    pub(crate) graph: Graph,
}

/// The hardware of one camera.
#[derive(Debug)]
pub(crate) struct Camera {
    pub(crate) config: CameraConfig,
    pub(crate) sensor: Sensor,
    pub(crate) mux: MediaBusFormat,
    pub(crate) lens: Option<Lens>,
    pub(crate) receiver: Receiver,
    pub(crate) isp: Isp,
    nodes: [Node; Role::ALL.len()],
    parts: [PartState; Part::ALL.len()],
}

impl Camera {
    fn new(number: usize, config: &CameraConfig) -> Self {
        let sensor = Sensor::new(config.sensor, config.embedded, config.rotation_degrees);
        let mux = mux_format(&sensor);
        let embedded_bytes = sensor.embedded_bytes();
        let nodes = Role::ALL.map(|role| Node {
            queue: BufferQueue::new(),
            format: formats::initial(role, embedded_bytes),
            open: 0,
            sequence: 0,
        });
        let parts = Part::ALL.map(|part| PartState {
            plugged: part == Part::Receiver || config.isp,
            generation: 0,
            claim: None,
            graph: graph(number, config, part),
        });
        let isp = Isp::new(nodes[Role::Input.index()].format);
        let lens = config.lens.map(Lens::new);
        Self { config: *config, sensor, mux, lens, receiver: Receiver::new(), isp, nodes, parts }
    }

    pub(crate) const fn node(&self, role: Role) -> &Node {
        &self.nodes[role.index()]
    }

    pub(crate) const fn node_mut(&mut self, role: Role) -> &mut Node {
        &mut self.nodes[role.index()]
    }

    pub(crate) const fn part(&self, part: Part) -> &PartState {
        &self.parts[part.index()]
    }

    pub(crate) const fn part_mut(&mut self, part: Part) -> &mut PartState {
        &mut self.parts[part.index()]
    }

    pub(crate) const fn has_node(&self, role: Role) -> bool {
        self.config.embedded || !matches!(role, Role::Embedded)
    }

    /// Whether frames pass any node of a part.
    pub(crate) fn is_streaming(&self, part: Part) -> bool {
        let of_part = Role::ALL.into_iter().filter(|&role| Part::of(role) == part);
        of_part.into_iter().any(|role| self.node(role).queue.is_streaming())
    }
}

/// The format of a mux that nobody has set yet.
fn mux_format(sensor: &Sensor) -> MediaBusFormat {
    let code = sensor.raw_format().media_bus_code().unwrap_or(0);
    MediaBusFormat { code, size: sensor.mode().size }
}

fn graph(camera: usize, config: &CameraConfig, part: Part) -> Graph {
    match part {
        Part::Receiver => topology::receiver_graph(camera, config),
        Part::Isp => topology::isp_of(camera),
    }
}

/// What [`World::step`] did, or what has to be done instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something happened: look again.
    Happened,
    /// The deadline has come.
    Expired,
    /// Nothing happens for so many nanoseconds, unless from outside; `None`: for ever.
    Idle(Option<u64>),
}

/// All cameras, and what they share.
pub(crate) struct World {
    pub(crate) cameras: Vec<Camera>,
    pub(crate) faults: Injector,
    pub(crate) pool: Pool,
    pub(crate) content: Content,
    isp_speed: IspSpeed,
    clock: Clock,
    start_ns: u64,
    now_ns: u64,
    timeline: Timeline,
    counters: Counters,
    log: Option<Vec<LogEntry>>,
    handles: u32,
    /// Who sleeps in a wait until something changes.
    sleepers: Vec<Waker>,
}

impl World {
    pub(crate) fn new(config: SimulatorConfig) -> Self {
        let start_ns = match config.clock {
            Clock::Virtual => VIRTUAL_START_NS,
            Clock::Real { .. } => monotonic_ns(),
        };
        // Each use of chance has a generator of its own, so that they do not disturb another.
        let mut seeds = Random::new(config.seed);
        let dice = Random::new(seeds.next());
        Self {
            cameras: config.cameras.iter().enumerate().map(|(at, camera)| Camera::new(at, camera)).collect(),
            faults: Injector::new(config.faults, seeds.next()),
            pool: Pool::new(config.memory_bytes),
            content: Content::new(config.pixels, config.scene, config.cameras.len(), seeds.next()),
            isp_speed: config.isp,
            clock: config.clock,
            start_ns,
            now_ns: start_ns,
            timeline: Timeline::new(config.shuffle.then_some(dice)),
            counters: Counters::new(),
            log: config.keep_log.then(Vec::new),
            handles: 0,
            sleepers: Vec::new(),
        }
    }

    /// A number for whoever opens something.
    pub(crate) const fn new_handle(&mut self) -> Handle {
        self.handles += 1;
        Handle(self.handles)
    }

    pub(crate) const fn now(&self) -> Timestamp {
        Timestamp(self.now_ns)
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counters.with_faults(*self.faults.counts())
    }

    pub(crate) fn log(&self) -> &[LogEntry] {
        self.log.as_deref().unwrap_or_default()
    }

    /// What a call meets before it reaches the device: an unplugged device, or a fault.
    pub(crate) fn admit(
        &mut self,
        camera: usize,
        part: Part,
        generation: u32,
        call: Call,
        target: Target,
    ) -> Answer<()> {
        self.counters.count_call(call, target);
        self.check_plugged(camera, part, generation)?;
        Ok(self.faults.call(Some(camera), call, target)?)
    }

    /// The same for what all cameras share.
    pub(crate) fn admit_shared(&mut self, call: Call, target: Target) -> Answer<()> {
        self.counters.count_call(call, target);
        Ok(self.faults.call(None, call, target)?)
    }

    pub(crate) fn check_plugged(&self, camera: usize, part: Part, generation: u32) -> Answer<()> {
        let state = self.cameras[camera].part(part);
        if state.plugged && state.generation == generation { Ok(()) } else { Err(Errno::NODEV.into()) }
    }

    pub(crate) fn note(&mut self, camera: usize, what: Happening) {
        let time = self.now();
        if let Some(log) = &mut self.log {
            log.push(LogEntry { time, camera, what });
        }
    }

    pub(crate) fn count_fault(&mut self, camera: usize, kind: FaultKind) {
        self.faults.count(kind);
        self.note(camera, Happening::Fault(kind));
    }

    /// The device at a node is done with a buffer, now or later.
    pub(crate) fn complete(&mut self, camera: usize, role: Role, taken: Taken, done: Dequeued, at_ns: u64) {
        if at_ns > self.now_ns || self.timeline.is_shuffled() {
            self.timeline.push(at_ns, Event::Complete { camera, role, taken, done });
        } else {
            self.complete_now(camera, role, taken, done);
        }
    }

    fn complete_now(&mut self, camera: usize, role: Role, taken: Taken, done: Dequeued) {
        if self.cameras[camera].node_mut(role).queue.complete(taken, done) {
            let (slot, sequence, error) = (done.slot, done.sequence, done.error);
            self.note(camera, Happening::Completed { role, slot, sequence, error });
        }
    }

    /// Counts a buffer that a device begins to touch while another still does.
    pub(crate) fn check_torn(&mut self, camera: usize, role: Role, taken: Taken) {
        use crate::queue::SlotState::Active;
        let camera = &self.cameras[camera];
        let Some(buffer) = camera.node(role).queue.buffer(taken) else { return };
        let active = camera.nodes.iter().flat_map(|node| node.queue.contents());
        let same = |&(state, of): &(_, _)| state == Active && of == Some(buffer.identity);
        if active.filter(same).count() > 1 {
            self.counters.torn += 1;
        }
    }

    pub(crate) fn start_streaming(&mut self, camera: usize, role: Role) -> Answer<()> {
        if self.cameras[camera].node(role).queue.is_streaming() {
            return Ok(());
        }
        if role == Role::Image {
            self.check_pipeline(camera)?;
        }
        let node = self.cameras[camera].node_mut(role);
        node.queue.stream_on()?;
        node.sequence = 0;
        self.note(camera, Happening::StreamOn(role));
        self.buffers_changed(camera, role);
        Ok(())
    }

    pub(crate) fn stop_streaming(&mut self, camera: usize, role: Role) {
        let queue = &mut self.cameras[camera].node_mut(role).queue;
        let was_streaming = queue.is_streaming();
        queue.stream_off();
        if was_streaming {
            self.timeline.cancel(camera, role);
            self.note(camera, Happening::StreamOff(role));
        }
        match role {
            Role::Image => self.stop_receiver(camera),
            Role::Input => self.abort_run(camera),
            _ => {}
        }
        // The driver gives the table's memory back when its last node stops.
        if !self.cameras[camera].is_streaming(Part::Isp) {
            self.cameras[camera].isp.controls.forget_shading();
        }
        // A run may have waited for the node that streams no more.
        self.buffers_changed(camera, role);
    }

    /// A node may be able to go on.
    pub(crate) fn buffers_changed(&mut self, camera: usize, role: Role) {
        match Part::of(role) {
            Part::Receiver => self.start_receiver_if_ready(camera),
            Part::Isp => self.start_run_if_ready(camera),
        }
    }

    /// Gives everything back that a user of a node had.
    pub(crate) fn close_node(&mut self, camera: usize, role: Role, handle: Handle) {
        let node = self.cameras[camera].node_mut(role);
        node.open = node.open.saturating_sub(1);
        if node.queue.has_slots() && node.queue.check_owner(handle).is_ok() {
            self.stop_streaming(camera, role);
            // Streaming is off, so nothing refuses.
            let _ = self.cameras[camera].node_mut(role).queue.free();
        }
    }

    /// Takes a part of a camera away.
    pub(crate) fn unplug(&mut self, camera: usize, part: Part) {
        if !self.cameras[camera].part(part).plugged {
            return;
        }
        for role in Role::ALL.into_iter().filter(|&role| Part::of(role) == part) {
            self.stop_streaming(camera, role);
            let node = self.cameras[camera].node_mut(role);
            // Streaming is off, so nothing refuses.
            let _ = node.queue.free();
            node.open = 0;
        }
        let state = self.cameras[camera].part_mut(part);
        state.plugged = false;
        state.generation += 1;
        state.claim = None;
        let kind = if part == Part::Isp { FaultKind::UnpluggedIsp } else { FaultKind::UnpluggedCamera };
        self.count_fault(camera, kind);
    }

    /// Brings it back as new.
    pub(crate) fn replug(&mut self, camera: usize, part: Part) {
        let number = camera;
        let camera = &mut self.cameras[number];
        if camera.part(part).plugged {
            return;
        }
        let fresh = Camera::new(number, &camera.config);
        let state = camera.part_mut(part);
        state.plugged = fresh.part(part).plugged;
        state.graph = graph(number, &fresh.config, part);
        match part {
            Part::Receiver => {
                camera.sensor = fresh.sensor;
                camera.mux = fresh.mux;
                camera.lens = fresh.lens;
            }
            Part::Isp => camera.isp.reset(),
        }
        for (role, node) in Role::ALL.into_iter().zip(fresh.nodes) {
            if Part::of(role) == part {
                camera.node_mut(role).format = node.format;
            }
        }
    }

    pub(crate) fn audit(&self) -> Audit {
        let mut nodes = Vec::new();
        let mut violations = Vec::new();
        for (number, camera) in self.cameras.iter().enumerate() {
            for (role, node) in Role::ALL.into_iter().zip(&camera.nodes) {
                let slots = node.queue.contents().collect();
                nodes.push(NodeAudit { camera: number, role, streaming: node.queue.is_streaming(), slots });
                let place = role.entity_name();
                let wrong =
                    node.queue.discrepancy().map(|what| format!("{place} of camera {number}: {what}"));
                violations.extend(wrong);
            }
        }
        if self.counters.torn > 0 {
            violations.push(format!("{} buffers were torn", self.counters.torn));
        }
        Audit::of(nodes, violations)
    }

    /// Lets happen what should have by now.
    pub(crate) fn catch_up(&mut self) {
        let Clock::Real { pace } = self.clock else { return };
        let elapsed = monotonic_ns().saturating_sub(self.start_ns);
        let now = self.start_ns + (elapsed as f64 * pace) as u64;
        while self.timeline.next_time().is_some_and(|time| time <= now) {
            self.dispatch_next();
        }
        self.now_ns = self.now_ns.max(now);
    }

    /// Lets the next thing happen, unless the deadline comes first.
    pub(crate) fn step(&mut self, deadline: Option<Timestamp>) -> Step {
        let next = self.timeline.next_time();
        let deadline = deadline.map(Timestamp::as_nanos);
        match self.clock {
            Clock::Virtual => self.jump(next, deadline),
            Clock::Real { pace } => self.idle(next, deadline, pace),
        }
    }

    fn jump(&mut self, next: Option<u64>, deadline: Option<u64>) -> Step {
        match (next, deadline) {
            (Some(next), deadline) if deadline.is_none_or(|deadline| next <= deadline) => {
                self.dispatch_next();
                // Devices that are ready at the same moment are reported together.
                while !self.timeline.is_shuffled() && self.timeline.next_time() == Some(self.now_ns) {
                    self.dispatch_next();
                }
                Step::Happened
            }
            (_, Some(deadline)) => {
                self.now_ns = self.now_ns.max(deadline);
                Step::Expired
            }
            (_, None) => Step::Idle(None),
        }
    }

    fn idle(&self, next: Option<u64>, deadline: Option<u64>, pace: f64) -> Step {
        if deadline.is_some_and(|deadline| deadline <= self.now_ns) {
            return Step::Expired;
        }
        let until = [next, deadline].into_iter().flatten().min();
        Step::Idle(until.map(|until| (until.saturating_sub(self.now_ns) as f64 / pace).ceil() as u64))
    }

    fn dispatch_next(&mut self) {
        let Some(time) = self.timeline.next_time() else { return };
        let Some(event) = self.timeline.pop() else { return };
        self.now_ns = self.now_ns.max(time);
        self.counters.events += 1;
        match event {
            Event::FrameStart { camera, session } => self.frame_start(camera, session),
            Event::FrameEnd { camera, session } => self.frame_end(camera, session),
            Event::RunEnd { camera, run } => self.run_end(camera, run),
            Event::Complete { camera, role, taken, done } => self.complete_now(camera, role, taken, done),
        }
    }

    /// Somebody is going to sleep, and wants to know if anything changes.
    pub(crate) fn add_sleeper(&mut self, waker: Waker) {
        self.sleepers.push(waker);
    }

    /// They are awake again.
    pub(crate) fn remove_sleeper(&mut self, waker: &Waker) {
        let number = waker.as_fd().as_raw_fd();
        self.sleepers.retain(|sleeper| sleeper.as_fd().as_raw_fd() != number);
    }

    /// Wakes everybody who sleeps in a wait; they look for themselves.
    pub(crate) fn wake_sleepers(&mut self) {
        for sleeper in self.sleepers.drain(..) {
            sleeper.wake();
        }
    }

    /// The receiver's frame times are those of the world.
    pub(crate) fn schedule(&mut self, after_ns: u64, event: Event) {
        self.timeline.push(self.now_ns.saturating_add(after_ns), event);
    }

    /// Time since the start of the scene.
    pub(crate) const fn scene_time(&self, time_ns: u64) -> std::time::Duration {
        std::time::Duration::from_nanos(time_ns.saturating_sub(self.start_ns))
    }

    /// Refuses what is no camera of this world.
    pub(crate) fn check_camera(&self, camera: usize) -> Answer<()> {
        if camera < self.cameras.len() {
            return Ok(());
        }
        Err(Refusal::new(Errno::INVAL, format!("there are only {} cameras", self.cameras.len())))
    }
}

fn monotonic_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
