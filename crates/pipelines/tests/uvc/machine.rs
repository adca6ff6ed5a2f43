//! The machine, step by step: every request comes back once, in order, with its own buffer,
//! which no device has any more.

use crate::device::{FRAME, Shared, camera, devices, lock, webcam};
use pinhole_base::control::{
    AE_ENABLE, BRIGHTNESS, CONTROLS_APPLIED_BY, EXPOSURE_TIME, FRAME_ERROR, SENSOR_SEQUENCE,
};
use pinhole_base::{Error, ErrorKind, Timestamp};
use pinhole_buffer::FrameBuffer;
use pinhole_camera::config::{Role, StreamId};
use pinhole_camera::devices::Devices;
use pinhole_camera::drops::DropCause;
use pinhole_camera::handle::Camera;
use pinhole_camera::job::Job;
use pinhole_camera::pipeline::{Action, Actions, ControlTarget, Event, Pipeline};
use pinhole_camera::request::{Request, RequestStatus};
use pinhole_device::node::PLANES_MAX;
use pinhole_device::uapi::control_codes as code;
use pinhole_device::{ControlCode, Dequeued, Payload};
use pinhole_pipelines::uvc::controls::Settings;
use pinhole_pipelines::uvc::machine::{Machine, Made, Plan, STREAM};
use pinhole_pipelines::uvc::scale::Scale;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

const BYTES: u32 = 640 * 480 * 2;

/// The least, normal and greatest brightness of the device.
const BRIGHTNESS_SCALE: [i64; 3] = [0, 128, 255];

fn ours(brightness: i64) -> f32 {
    Scale::new(BRIGHTNESS_SCALE, 1, [-1.0, 0.0, 1.0]).unwrap().ours(brightness) as f32
}

/// A buffer that the device has.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Held {
    slot: u16,
    buffer: u16,
}

/// How a request came back.
#[derive(Clone, Debug)]
struct Result {
    complete: bool,
    kind: Option<ErrorKind>,
    damaged: Option<bool>,
    sequence: Option<i64>,
    controls_by: Option<i64>,
}

/// The machine, what its device has, and the application.
struct World {
    machine: Machine,
    devices: Devices,
    actions: Actions,
    now: Timestamp,
    held: VecDeque<Held>,
    /// Pictures that are to be made.
    jobs: Vec<Job>,
    sequence: u32,
    /// The next so many buffers, or lists of controls, are refused.
    refuse_buffers: u32,
    refuse_controls: u32,
    written: Vec<Vec<(ControlCode, i64)>>,
    /// The device's brightness now, and when it filled its last buffer.
    brightness: i64,
    brightness_then: i64,
    failed: Option<ErrorKind>,
    camera: Camera,
    stream: StreamId,
    /// By request, what it was given.
    lent: Vec<Option<u64>>,
    spare: Vec<FrameBuffer>,
    results: Vec<Result>,
}

impl World {
    fn new(hardware: &Shared, internal: u32) -> Self {
        Self::with(hardware, Plan { internal, ..Plan::default() })
    }

    /// One whose device fills internal buffers, of which the CPU makes what is asked for.
    fn making(hardware: &Shared, internal: u32) -> Self {
        let made = Some(Made { place: 0, buffer_bytes: BYTES });
        Self::with(hardware, Plan { filled: None, made, internal, ..Plan::default() })
    }

    fn with(hardware: &Shared, plan: Plan) -> Self {
        let mut camera = camera(hardware);
        let configuration = camera.propose([Role::Video]).unwrap();
        camera.configure(&configuration).unwrap();
        let stream = camera.streams().next().unwrap().0;
        let spare = camera.allocate(stream, 8).unwrap();
        let mut devices = devices(hardware);
        let settings = Settings::of(devices.nodes[0].as_mut()).unwrap();
        let plan = Plan { frame_bytes_min: BYTES, interval: Some(FRAME), ..plan };
        // The device's buffers are those of the format that was set.
        assert_eq!(lock(hardware).format.size_bytes, configuration.streams[0].frame_bytes);
        let mut machine =
            Machine::new(Plan { buffer_bytes: configuration.streams[0].frame_bytes, ..plan }, settings);
        let mut actions = Actions::with_capacity(16);
        machine.start(&mut devices, &mut actions).unwrap();
        machine.stream_on(&mut devices).unwrap();
        Self {
            machine,
            devices,
            actions,
            now: Timestamp::ZERO,
            held: VecDeque::new(),
            jobs: Vec::new(),
            sequence: 0,
            refuse_buffers: 0,
            refuse_controls: 0,
            written: Vec::new(),
            brightness: BRIGHTNESS_SCALE[1],
            brightness_then: BRIGHTNESS_SCALE[1],
            failed: None,
            camera,
            stream,
            lent: Vec::new(),
            spare,
            results: Vec::new(),
        }
    }

    fn feed(&mut self, event: Event<'_>) {
        self.machine.on_event(self.now, event, &mut self.actions);
        while let Some(action) = self.actions.pop_front() {
            match action {
                Action::Queue { stream, slot, buffer, .. } => {
                    assert_eq!(stream, STREAM);
                    self.queue(Held { slot, buffer });
                }
                Action::WriteControls(target) => self.write(target),
                Action::Complete(request) => self.complete(request),
                Action::Job(job) => self.jobs.push(*job),
                Action::Fail(error) => {
                    self.failed = Some(error.kind());
                    self.stop();
                }
                other => panic!("a plain camera has no {other:?}"),
            }
        }
        self.machine.audit();
    }

    fn queue(&mut self, held: Held) {
        let twice = |other: &Held| other.slot == held.slot || other.buffer == held.buffer;
        assert!(!self.held.iter().any(twice), "{held:?} is the device's already");
        if self.refuse_buffers > 0 {
            self.refuse_buffers -= 1;
            let event = Event::QueueFailed { stream: STREAM, slot: held.slot, error: refusal() };
            self.machine.on_event(self.now, event, &mut self.actions);
            return;
        }
        self.held.push_back(held);
    }

    fn write(&mut self, target: ControlTarget) {
        if self.refuse_controls > 0 {
            self.refuse_controls -= 1;
            let event = Event::ControlsFailed { target, error: refusal() };
            self.machine.on_event(self.now, event, &mut self.actions);
            return;
        }
        let list = match target {
            ControlTarget::StreamFirst(_) => self.machine.first_controls(STREAM),
            _ => self.machine.controls(STREAM),
        };
        assert!(!list.is_empty(), "an empty list is no write");
        let integer = |value| match value {
            Payload::Integer(value) => value,
            Payload::Compound(_) => panic!("there are none"),
        };
        let writes: Vec<_> = list.iter().map(|write| (write.code, integer(write.value))).collect();
        let brightness = writes.iter().find(|(code, _)| *code == code::BRIGHTNESS);
        self.brightness = brightness.map_or(self.brightness, |(_, value)| *value);
        self.written.push(writes);
    }

    /// Queues a request with a buffer, or without.
    fn request(&mut self, with_buffer: bool, change: impl FnOnce(&mut Request)) {
        let mut request = self.camera.create_request();
        request.set_cookie(self.lent.len() as u64);
        change(&mut request);
        let buffer = if with_buffer { self.spare.pop() } else { None };
        self.lent.push(buffer.as_ref().map(|buffer| buffer.memory().identity().inode));
        if let Some(buffer) = buffer {
            request.attach(self.stream, buffer).unwrap();
        }
        self.feed(Event::Request(request));
    }

    fn complete(&mut self, mut request: Request) {
        let at = self.results.len();
        assert_eq!(request.cookie(), at as u64, "requests come back once, in order");
        let buffer = request.take_buffer(self.stream);
        let inode = buffer.as_ref().map(|buffer| buffer.memory().identity().inode);
        assert_eq!(inode, self.lent[at], "a request comes back with its own buffer");
        let is_lent = |held: &Held| Some(self.machine.memory(held.buffer).identity().inode) == inode;
        assert!(!self.held.iter().any(is_lent), "the device still has the buffer");
        let complete = request.status() == RequestStatus::Complete;
        assert!(complete || request.error().is_some(), "a cancelled request says why");
        assert_eq!(complete && buffer.is_some(), request.info(self.stream).filled);
        let memory = buffer.as_ref().map(FrameBuffer::memory);
        let goes_there = |job: &Job| {
            job.conversion
                .as_ref()
                .is_some_and(|c| c.target.as_ref().zip(memory).is_some_and(|(a, b)| Arc::ptr_eq(a, b)))
        };
        assert!(memory.is_none() || !self.jobs.iter().any(goes_there), "its picture is still being made");
        let metadata = request.metadata();
        let is_told_at_once = self.machine.plan().made.is_none();
        if let (true, true, Some(told)) = (is_told_at_once, complete, metadata.get(BRIGHTNESS)) {
            assert_eq!(told, ours(self.brightness_then), "what is told of a frame is so");
        }
        self.results.push(Result {
            complete,
            kind: request.error().map(Error::kind),
            damaged: metadata.get(FRAME_ERROR),
            sequence: metadata.get(SENSOR_SEQUENCE),
            controls_by: metadata.get(CONTROLS_APPLIED_BY),
        });
        self.spare.extend(buffer);
    }

    /// The device is done with its next buffer.
    fn fill(&mut self, change: impl FnOnce(&mut Dequeued)) -> bool {
        self.now = self.now + FRAME;
        self.brightness_then = self.brightness;
        let Some(held) = self.held.pop_front() else { return false };
        let mut bytes_used = [0; PLANES_MAX];
        bytes_used[0] = BYTES;
        let (sequence, timestamp) = (self.sequence, self.now);
        let mut done = Dequeued {
            slot: u32::from(held.slot),
            sequence,
            timestamp,
            error: false,
            bytes_used,
            data_offsets: [0; PLANES_MAX],
        };
        change(&mut done);
        self.sequence = done.sequence + 1;
        self.feed(Event::Buffer { stream: STREAM, done: &done });
        true
    }

    /// A picture was made, or could not be.
    fn answer(&mut self, at: usize, is_damaged: bool) {
        if self.jobs.is_empty() {
            return;
        }
        let mut job = self.jobs.remove(at % self.jobs.len());
        job.error = is_damaged.then(refusal);
        self.feed(Event::Answer(Box::new(job)));
    }

    fn stop(&mut self) {
        self.held.clear();
        self.jobs.clear();
        let reason = Error::new(ErrorKind::Cancelled, "stopping");
        let _ = self.machine.stop(&mut self.devices, &reason, &mut self.actions);
        while let Some(action) = self.actions.pop_front() {
            if let Action::Complete(request) = action {
                self.complete(request);
            }
        }
        self.machine.audit();
        assert_eq!(self.results.len(), self.lent.len(), "every request came back");
    }

    fn dropped(&self, cause: DropCause) -> u64 {
        self.machine.drops().of(cause)
    }
}

fn refusal() -> Error {
    Error::new(ErrorKind::InvalidArgument, "asking a modelled device").because("it refuses")
}

#[derive(Clone, Copy, Debug)]
enum Damage {
    None,
    Flagged,
    Short,
    Empty,
    Lost(u32),
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Request { with_buffer: bool, brightness: Option<f32> },
    Fill(Damage),
    Twice,
    Strange(u32),
    Answer { at: usize, is_damaged: bool },
    RefuseBuffers(u32),
    RefuseControls(u32),
    Changed(i64),
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let damage = prop_oneof![
        4 => Just(Damage::None),
        1 => Just(Damage::Flagged),
        1 => Just(Damage::Short),
        1 => Just(Damage::Empty),
        1 => (1u32..5).prop_map(Damage::Lost),
    ];
    prop_oneof![
        6 => (prop::bool::weighted(0.7), prop::option::of(-1.0f32..1.0))
            .prop_map(|(with_buffer, brightness)| Step::Request { with_buffer, brightness }),
        6 => damage.prop_map(Step::Fill),
        1 => Just(Step::Twice),
        1 => (0u32..40).prop_map(Step::Strange),
        4 => (0usize..9, any::<bool>()).prop_map(|(at, is_damaged)| Step::Answer { at, is_damaged }),
        1 => (1u32..3).prop_map(Step::RefuseBuffers),
        1 => (1u32..3).prop_map(Step::RefuseControls),
        1 => (-9i64..300).prop_map(Step::Changed),
        1 => Just(Step::Wait),
    ]
}

impl World {
    fn take(&mut self, step: Step) {
        match step {
            Step::Request { with_buffer, brightness } => {
                let with_buffer = with_buffer && !self.spare.is_empty();
                self.request(with_buffer, |request| {
                    brightness.into_iter().for_each(|value| {
                        request.controls_mut().set(BRIGHTNESS, value);
                    });
                });
            }
            Step::Fill(damage) => self.fill_damaged(damage),
            Step::Twice => self.fill_twice(),
            Step::Strange(slot) => self.strange(slot),
            Step::Answer { at, is_damaged } => self.answer(at, is_damaged),
            Step::RefuseBuffers(count) => self.refuse_buffers = count,
            Step::RefuseControls(count) => self.refuse_controls = count,
            Step::Changed(value) => {
                self.brightness = value;
                self.feed(Event::ControlChanged { stream: STREAM, code: code::BRIGHTNESS, value });
            }
            Step::Wait => {
                let due = self.machine.deadline();
                self.now = self.now + FRAME;
                assert_eq!(
                    due.is_some(),
                    !(self.held.is_empty() && self.jobs.is_empty()),
                    "a frame is due if there are buffers for it, and a picture if it is being made"
                );
            }
        }
    }

    fn fill_damaged(&mut self, damage: Damage) {
        let (before, expected) = (self.results.len(), !matches!(damage, Damage::None | Damage::Lost(_)));
        self.fill(|done| match damage {
            Damage::None => {}
            Damage::Flagged => done.error = true,
            Damage::Short => done.bytes_used[0] -= 1,
            Damage::Empty => done.bytes_used[0] = 0,
            Damage::Lost(frames) => done.sequence += frames,
        });
        let frames = self.results[before..].iter().filter(|result| result.complete);
        frames.for_each(|result| assert_eq!(result.damaged, Some(expected), "{damage:?}"));
    }

    fn fill_twice(&mut self) {
        let Some(slot) = self.held.front().map(|held| held.slot) else { return };
        self.fill(|_| {});
        self.strange(u32::from(slot));
    }

    /// The device returns what it does not have.
    fn strange(&mut self, slot: u32) {
        if self.held.iter().any(|held| u32::from(held.slot) == slot) {
            return;
        }
        let before = (self.results.len(), self.dropped(DropCause::Impossible));
        let sequence = self.sequence;
        let done = Dequeued {
            slot,
            sequence,
            timestamp: self.now,
            error: false,
            bytes_used: [1; PLANES_MAX],
            data_offsets: [0; PLANES_MAX],
        };
        self.feed(Event::Buffer { stream: STREAM, done: &done });
        assert_eq!((self.results.len(), self.dropped(DropCause::Impossible)), (before.0, before.1 + 1));
    }
}

fn with_brightness() -> Shared {
    let hardware = webcam();
    lock(&hardware).add_control(code::BRIGHTNESS, BRIGHTNESS_SCALE);
    hardware
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_happens_requests_come_back_once_in_order_with_their_buffers(
        steps in prop::collection::vec(step(), 0..60),
        internal in 0u32..3,
        drains in any::<bool>(),
        makes in any::<bool>(),
    ) {
        let hardware = with_brightness();
        let mut world =
            if makes { World::making(&hardware, internal) } else { World::new(&hardware, internal) };
        steps.into_iter().for_each(|step| world.take(step));
        if drains {
            (world.refuse_buffers, world.refuse_controls) = (0, 0);
            while world.fill(|_| {}) || !world.jobs.is_empty() {
                world.answer(0, false);
            }
            prop_assert_eq!(world.results.len(), world.lent.len(), "nothing is left waiting");
        }
        let results = world.results.len();
        world.stop();
        // Those that were refused before have their own reason.
        let cancelled = |result: &Result| !result.complete && result.kind.is_some();
        // A picture may be done before that of an earlier request.
        let ended = |result: &Result| cancelled(result) || (makes && result.complete);
        prop_assert!(world.results[results..].iter().all(ended), "what was under way is cancelled");
        prop_assert_eq!(world.spare.len(), 8);
        let numbers: Vec<_> = world.results.iter().filter_map(|result| result.sequence).collect();
        prop_assert!(numbers.is_sorted_by(|a, b| a < b), "{:?}", numbers);
    }
}

#[test]
fn requests_without_a_buffer_take_turns_with_an_internal_one() {
    let mut world = World::new(&webcam(), 1);
    for with_buffer in [false, false, true, false] {
        world.request(with_buffer, |_| {});
    }
    assert_eq!(world.held.len(), 1, "what comes after a wish that waits waits too");
    while world.fill(|_| {}) {}
    assert!(world.results.iter().all(|result| result.complete));
    assert_eq!(world.results.iter().map(|result| result.sequence.unwrap()).collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn pictures_are_made_while_the_device_fills_what_it_has() {
    let mut world = World::making(&webcam(), 2);
    (0..4).for_each(|_| world.request(true, |_| {}));
    assert!(world.fill(|_| {}) && world.fill(|_| {}));
    assert_eq!((world.jobs.len(), world.held.len()), (2, 0), "both buffers are with the CPU");
    assert!(world.results.is_empty());
    world.answer(1, true);
    assert!(world.results.is_empty(), "the first request waits for its own picture");
    assert_eq!(world.held.len(), 1, "the device gets a buffer as soon as its picture is made");
    world.answer(0, false);
    assert_eq!(
        world.results.iter().map(|result| result.damaged).collect::<Vec<_>>(),
        [Some(false), Some(true)]
    );
    assert!(world.fill(|done| done.error = true));
    assert_eq!(world.results[2].damaged, Some(true), "of a damaged frame no picture is made");
    assert!(world.jobs.is_empty());
    world.stop();
}

#[test]
fn a_picture_that_is_never_made_ends_the_wait() {
    let mut world = World::making(&webcam(), 1);
    world.request(true, |_| {});
    world.fill(|_| {});
    world.now = world.machine.deadline().expect("every wait has an end");
    world.feed(Event::Timer);
    assert_eq!(world.failed, Some(ErrorKind::Timeout));
}

#[test]
fn without_internal_buffers_a_request_must_name_one() {
    let mut world = World::new(&webcam(), 0);
    world.request(true, |_| {});
    world.request(false, |_| {});
    assert!(world.results.is_empty(), "it waits for its turn");
    world.fill(|_| {});
    assert_eq!(world.results[1].kind, Some(ErrorKind::InvalidArgument));
}

#[test]
fn a_refused_buffer_cancels_its_request_alone() {
    let mut world = World::new(&webcam(), 0);
    world.request(true, |_| {});
    world.refuse_buffers = 1;
    world.request(true, |_| {});
    world.request(true, |_| {});
    while world.fill(|_| {}) {}
    assert_eq!(world.results.iter().map(|result| result.complete).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(world.dropped(DropCause::Refused), 1);
}

#[test]
fn a_buffer_that_is_too_small_or_queued_already_is_refused() {
    let hardware = webcam();
    let mut world = World::new(&hardware, 0);
    let twin = FrameBuffer::new(world.spare[7].memory().clone());
    world.request(true, |_| {});
    world.spare.push(twin);
    world.request(true, |_| {});
    while world.fill(|_| {}) {}
    assert_eq!(world.results[1].kind, Some(ErrorKind::Busy));
}

#[test]
fn frames_that_never_came_are_counted_by_whose_fault_it_was() {
    let mut world = World::new(&webcam(), 0);
    (0..3).for_each(|_| world.request(true, |_| {}));
    world.fill(|done| done.sequence = 2); // Before the first: nobody says that they were wanted.
    assert_eq!((world.dropped(DropCause::Unrequested), world.dropped(DropCause::Receiver)), (2, 0));
    world.fill(|done| done.sequence += 4);
    assert_eq!((world.dropped(DropCause::Unrequested), world.dropped(DropCause::Receiver)), (2, 4));
    world.fill(|_| {});
    world.request(true, |_| {});
    world.fill(|done| done.sequence += 3); // It had no buffer meanwhile.
    assert_eq!((world.dropped(DropCause::Unrequested), world.dropped(DropCause::Receiver)), (5, 4));
}

#[test]
fn silence_fails_the_camera_only_while_it_has_buffers() {
    let mut world = World::new(&webcam(), 0);
    assert_eq!(world.machine.deadline(), None);
    world.request(true, |_| {});
    let first = world.machine.deadline().unwrap();
    assert_eq!(first.since(world.now), Duration::from_secs(5), "cameras set themselves up first");
    world.fill(|_| {});
    assert_eq!(world.machine.deadline(), None);
    world.request(true, |_| {});
    let due = world.machine.deadline().unwrap();
    assert_eq!(due.since(world.now), Duration::from_secs(1));
    world.feed(Event::Timer);
    assert_eq!(world.failed, None, "it is not due yet");
    world.now = due;
    world.feed(Event::Timer);
    assert_eq!(world.failed, Some(ErrorKind::Timeout));
    assert_eq!(world.results[1].kind, Some(ErrorKind::Cancelled));
}

#[test]
fn a_device_that_is_gone_fails_the_camera() {
    let mut world = World::new(&webcam(), 0);
    (0..3).for_each(|_| world.request(true, |_| {}));
    let error = Error::new(ErrorKind::Disconnected, "queueing");
    let slot = world.held.pop_back().unwrap().slot;
    world.feed(Event::QueueFailed { stream: STREAM, slot, error });
    assert_eq!(world.failed, Some(ErrorKind::Disconnected));
    assert!(world.results.iter().all(|result| !result.complete));
}

fn with_exposure() -> Shared {
    let hardware = with_brightness();
    lock(&hardware).add_menu(code::EXPOSURE_AUTO, &[1, 3], 3);
    lock(&hardware).add_control(code::EXPOSURE_ABSOLUTE, [1, 156, 20_000]);
    hardware
}

#[test]
fn controls_are_written_when_their_request_is_the_next_to_be_filled() {
    let mut world = World::new(&with_exposure(), 0);
    world.request(true, |_| {});
    world.request(true, |request| {
        request.controls_mut().set(EXPOSURE_TIME, 10_000);
    });
    world.request(true, |_| {});
    assert!(world.written.is_empty(), "another frame comes before");
    world.fill(|_| {});
    let switch = vec![(code::EXPOSURE_AUTO, 1)];
    assert_eq!(world.written, [switch, vec![(code::EXPOSURE_ABSOLUTE, 100)]], "the switch goes first");
    while world.fill(|_| {}) {}
    assert_eq!(
        world.results.iter().map(|result| result.controls_by.unwrap()).collect::<Vec<_>>(),
        [-1, 1, 1]
    );
}

#[test]
fn values_are_not_written_where_their_switch_was_refused() {
    let mut world = World::new(&with_exposure(), 0);
    world.refuse_controls = 1;
    world.request(true, |request| {
        request.controls_mut().set(EXPOSURE_TIME, 10_000);
    });
    assert!(world.written.is_empty());
    assert_eq!(world.dropped(DropCause::Refused), 1);
    world.request(true, |request| {
        request.controls_mut().set(AE_ENABLE, true);
    });
    while world.fill(|_| {}) {}
    assert!(world.written.is_empty(), "it is on still");
    assert!(world.results.iter().all(|result| result.complete), "frames come all the same");
}

#[test]
fn controls_of_a_request_that_is_refused_are_not_written() {
    let mut world = World::new(&with_brightness(), 1);
    let wish = |value| {
        move |request: &mut Request| {
            request.controls_mut().set(BRIGHTNESS, value);
        }
    };
    world.request(false, |_| {});
    world.request(false, wish(1.0));
    world.request(false, wish(-1.0));
    world.refuse_buffers = 1; // The second's, when the first is done.
    while world.fill(|_| {}) {}
    assert_eq!(world.written, [[(code::BRIGHTNESS, 0)]]);
    assert_eq!(world.results.iter().map(|result| result.complete).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(world.results[2].controls_by, Some(2));
}

#[test]
fn long_exposures_are_waited_for() {
    let mut world = World::new(&with_exposure(), 0);
    world.request(true, |request| {
        request.controls_mut().set(EXPOSURE_TIME, 2_000_000);
    });
    world.fill(|_| {});
    world.request(true, |_| {});
    assert_eq!(world.machine.deadline().unwrap().since(world.now), Duration::from_secs(10));
}
