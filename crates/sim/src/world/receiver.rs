//! Sensor and Unicam: frames as they come in.
//!
//! The sensor runs while the image node streams, has been given a first buffer, and the
//! embedded node, if anybody has it open, does so too (Unicam starts its two nodes together).
//! A frame takes the buffers that are queued when it begins; without one it is lost, and
//! counts all the same. At its last line its buffers complete.

use super::World;
use super::content::Shot;
use crate::fault::{FaultKind, FrameFaults, Role};
use crate::queue::Taken;
use crate::record::Happening;
use crate::refusal::{Answer, Refusal};
use crate::scene::Scene;
use crate::sensor::Registers;
use crate::timeline::Event;
use crate::topology::Part;
use pinhole_base::Timestamp;
use pinhole_base::format::{PixelFormat, RawFormat};
use pinhole_device::node::PLANES_MAX;
use pinhole_device::{Dequeued, MediaBusFormat, NodeEvent, NodeFormat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::time::Duration;

/// From stream-on until a sensor begins to gather light.
const START_NS: u64 = 1_000_000;

/// Events that are kept for a subscriber; older ones are dropped.
const EVENTS_MAX: usize = 2;

/// A frame that is being read out.
#[derive(Clone, Copy, Debug)]
struct Frame {
    sequence: u32,
    timestamp_ns: u64,
    registers: Registers,
    image: Option<Taken>,
    embedded: Option<Taken>,
    faults: FrameFaults,
}

/// Unicam.
#[derive(Debug)]
pub(crate) struct Receiver {
    running: bool,
    /// Grows at each start and stop.
    session: u32,
    sequence: u32,
    frame: Option<Frame>,
    /// For how many frames the sensor is silent; `Some(None)`: until it is stopped.
    silence: Option<Option<u32>>,
    subscribed: bool,
    events: VecDeque<NodeEvent>,
}

impl Receiver {
    pub(crate) fn new() -> Self {
        Self {
            running: false,
            session: 0,
            sequence: 0,
            frame: None,
            silence: None,
            subscribed: false,
            events: VecDeque::with_capacity(EVENTS_MAX),
        }
    }

    pub(crate) fn subscribe(&mut self, wanted: bool) {
        self.subscribed = wanted;
        if !wanted {
            self.events.clear();
        }
    }

    pub(crate) fn has_event(&self) -> bool {
        !self.events.is_empty()
    }

    pub(crate) fn dequeue_event(&mut self) -> Option<NodeEvent> {
        self.events.pop_front()
    }

    fn announce(&mut self, event: NodeEvent) {
        if !self.subscribed {
            return;
        }
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Whether this frame is silent too.
    fn is_silent(&mut self) -> bool {
        match self.silence {
            None => false,
            Some(None) => true,
            Some(Some(frames)) => {
                self.silence = frames.checked_sub(2).map(|left| Some(left + 1));
                frames > 0
            }
        }
    }
}

impl World {
    /// Refuses to stream what the sensor does not send, as the media pipeline's validation
    /// does.
    pub(crate) fn check_pipeline(&self, camera: usize) -> Answer<()> {
        let camera = &self.cameras[camera];
        if camera.part(Part::Receiver).graph.links.iter().any(|link| !link.enabled) {
            return Err(Refusal::new(Errno::PIPE, "a link from the sensor to the node is disabled"));
        }
        let sent = camera.sensor.format(0)?;
        if camera.config.mux && camera.mux != sent {
            let reason = format!("the sensor sends {}, the mux takes {}", bus(sent), bus(camera.mux));
            return Err(Refusal::new(Errno::PIPE, reason));
        }
        let NodeFormat::Image(taken) = camera.node(Role::Image).format else {
            return Err(Errno::INVAL.into());
        };
        if taken.size != sent.size.cast() || bus_code(taken.format) != Some(sent.code) {
            let reason =
                format!("the sensor sends {}, the node takes {} {}", bus(sent), taken.format, taken.size);
            return Err(Refusal::new(Errno::PIPE, reason));
        }
        Ok(())
    }

    pub(crate) fn start_receiver_if_ready(&mut self, camera: usize) {
        let hardware = &mut self.cameras[camera];
        hardware.sensor.streaming = hardware.node(Role::Image).queue.is_streaming();
        let fed = hardware.node(Role::Image).queue.is_started();
        let embedded = hardware.node(Role::Embedded);
        let complete = embedded.open == 0 || embedded.queue.is_started();
        if hardware.receiver.running || !fed || !complete {
            return;
        }
        let receiver = &mut hardware.receiver;
        receiver.running = true;
        receiver.session = receiver.session.wrapping_add(1);
        receiver.sequence = 0;
        let session = receiver.session;
        hardware.sensor.start();
        let exposure = hardware.sensor.registers().exposure_lines;
        let first = START_NS + hardware.sensor.lines_ns(exposure);
        self.schedule(first, Event::FrameStart { camera, session });
    }

    pub(crate) fn stop_receiver(&mut self, camera: usize) {
        let hardware = &mut self.cameras[camera];
        hardware.sensor.streaming = false;
        let receiver = &mut hardware.receiver;
        receiver.running = false;
        receiver.session = receiver.session.wrapping_add(1);
        receiver.silence = None;
        if let Some(taken) = receiver.frame.take().and_then(|frame| frame.embedded) {
            hardware.node_mut(Role::Embedded).queue.put_back(taken);
        }
    }

    pub(crate) fn frame_start(&mut self, camera: usize, session: u32) {
        let hardware = &mut self.cameras[camera];
        if hardware.receiver.session != session {
            return;
        }
        hardware.sensor.advance();
        let registers = hardware.sensor.registers();
        let frame_ns = hardware.sensor.lines_ns(registers.frame_length_lines);
        let readout_ns = hardware.sensor.lines_ns(hardware.sensor.mode().size.height);
        self.schedule(frame_ns, Event::FrameStart { camera, session });
        let faults = self.faults.frame(camera);
        if faults.unplug {
            return self.unplug(camera, Part::Receiver);
        }
        if self.keeps_silent(camera, faults) {
            return;
        }
        self.begin_frame(camera, registers, faults);
        self.schedule(readout_ns, Event::FrameEnd { camera, session });
    }

    fn keeps_silent(&mut self, camera: usize, faults: FrameFaults) -> bool {
        let receiver = &mut self.cameras[camera].receiver;
        if let Some(silence) = faults.silence {
            receiver.silence = Some(silence);
        }
        let silent = receiver.is_silent();
        if silent {
            self.count_fault(camera, FaultKind::SilentSensor);
        }
        silent
    }

    fn begin_frame(&mut self, camera: usize, registers: Registers, faults: FrameFaults) {
        if let Some(skipped) = faults.skip.filter(|&skipped| skipped > 0) {
            let receiver = &mut self.cameras[camera].receiver;
            receiver.sequence = receiver.sequence.wrapping_add(skipped);
            self.count_fault(camera, FaultKind::SequenceGap);
        }
        let timestamp = self.now();
        let receiver = &mut self.cameras[camera].receiver;
        let sequence = receiver.sequence;
        receiver.sequence = sequence.wrapping_add(1);
        receiver.announce(NodeEvent::FrameStart { sequence, timestamp });
        self.counters.frames += 1;
        self.note(camera, Happening::FrameStart { sequence, registers });
        let image = self.take_for_frame(camera, Role::Image, faults.lose_image);
        // A frame that is lost whole is one fault.
        let other = faults.lose_embedded.filter(|_| faults.lose_image != faults.lose_embedded);
        let embedded = match faults.lose_embedded {
            Some(_) if other.is_none() => None,
            _ => self.take_for_frame(camera, Role::Embedded, other),
        };
        let timestamp_ns = timestamp.as_nanos();
        let frame = Frame { sequence, timestamp_ns, registers, image, embedded, faults };
        self.cameras[camera].receiver.frame = Some(frame);
    }

    fn take_for_frame(&mut self, camera: usize, role: Role, lost: Option<FaultKind>) -> Option<Taken> {
        let queue = &mut self.cameras[camera].node_mut(role).queue;
        if let Some(kind) = lost {
            if queue.is_streaming() && queue.has_queued() {
                self.count_fault(camera, kind);
            }
            return None;
        }
        let taken = queue.take();
        match (taken, role) {
            (Some(taken), _) => self.check_torn(camera, role, taken),
            (None, Role::Image) => self.counters.images_dropped += 1,
            (None, _) => self.counters.embedded_dropped += u64::from(queue.is_streaming()),
        }
        taken
    }

    pub(crate) fn frame_end(&mut self, camera: usize, session: u32) {
        let receiver = &mut self.cameras[camera].receiver;
        if receiver.session != session {
            return;
        }
        let Some(frame) = receiver.frame.take() else { return };
        self.deliver_frame(camera, &frame);
        if frame.faults.duplicate {
            self.deliver_again(camera, &frame);
        }
    }

    fn deliver_frame(&mut self, camera: usize, frame: &Frame) {
        let faults = &frame.faults;
        let shot = self.shot(camera, frame);
        if faults.delay.is_some() && (frame.image.is_some() || frame.embedded.is_some()) {
            self.count_fault(camera, FaultKind::LateFrame);
        }
        let late = self.now_ns.saturating_add(nanos(faults.delay));
        if let Some(taken) = frame.image {
            if faults.reorder.is_some() && frame.embedded.is_some() {
                self.count_fault(camera, FaultKind::ReorderedFrame);
            }
            self.deliver_image(camera, taken, frame, &shot, late.saturating_add(nanos(faults.reorder)));
        }
        if let Some(taken) = frame.embedded {
            self.deliver_embedded(camera, taken, frame, &shot, late);
        }
    }

    fn deliver_again(&mut self, camera: usize, frame: &Frame) {
        let mut take = |role: Role, first: Option<Taken>| {
            first.and_then(|_| self.cameras[camera].node_mut(role).queue.take())
        };
        let (image, embedded) = (take(Role::Image, frame.image), take(Role::Embedded, frame.embedded));
        if image.is_some() {
            self.count_fault(camera, FaultKind::DuplicatedFrame);
        }
        let again = Frame { image, embedded, faults: FrameFaults::default(), ..*frame };
        self.deliver_frame(camera, &again);
    }

    fn shot(&self, camera: usize, frame: &Frame) -> Shot {
        let sensor = &self.cameras[camera].sensor;
        Shot {
            camera,
            sequence: frame.sequence,
            timestamp_ns: frame.timestamp_ns,
            scene_time: self.scene_time(frame.timestamp_ns),
            registers: frame.registers,
            model: sensor.model,
            mode: sensor.mode(),
            raw: sensor.raw_format(),
            rotation_degrees: sensor.rotation_degrees,
            transform: sensor.transform,
            defocus: self.defocus(camera, frame.timestamp_ns),
        }
    }

    /// Diameter of the disc that a point of the scene becomes, as a share of the picture's height.
    fn defocus(&self, camera: usize, time_ns: u64) -> f64 {
        self.cameras[camera].lens.as_ref().map_or(0.0, |lens| {
            let off_dioptres = lens.dioptres(time_ns) - Scene::SUBJECT_DIOPTRES;
            off_dioptres.abs() * lens.model.blur_per_dioptre
        })
    }

    fn deliver_image(&mut self, camera: usize, taken: Taken, frame: &Frame, shot: &Shot, at_ns: u64) {
        let faults = &frame.faults;
        let node = self.cameras[camera].node(Role::Image);
        let (Some(buffer), NodeFormat::Image(format)) = (node.queue.buffer(taken), node.format) else {
            return;
        };
        self.content.write_image(buffer, shot, &format);
        let bytes = format.size_bytes;
        if faults.corrupt_image {
            self.content.write_garbage(buffer);
            self.count_fault(camera, FaultKind::CorruptImage);
        } else if faults.flag_image {
            self.count_fault(camera, FaultKind::FlaggedImage);
        }
        let error = faults.corrupt_image || faults.flag_image;
        let done = done(taken, frame, frame.timestamp_ns, error, bytes);
        self.complete(camera, Role::Image, taken, done, at_ns);
    }

    fn deliver_embedded(&mut self, camera: usize, taken: Taken, frame: &Frame, shot: &Shot, at_ns: u64) {
        let faults = &frame.faults;
        let node = self.cameras[camera].node(Role::Embedded);
        let Some(buffer) = node.queue.buffer(taken) else { return };
        let whole = node.format.size_bytes();
        if faults.corrupt_embedded {
            self.content.write_garbage(buffer);
        } else if !faults.empty_embedded {
            self.content.write_embedded(buffer, shot);
        }
        let shift = faults.shift.filter(|shift| !shift.is_zero());
        let happened = [
            (faults.corrupt_embedded, FaultKind::CorruptEmbedded),
            (faults.empty_embedded, FaultKind::EmptyEmbedded),
            (faults.flag_embedded, FaultKind::FlaggedEmbedded),
            (shift.is_some(), FaultKind::UnequalTimestamps),
        ];
        for (_, kind) in happened.into_iter().filter(|(happened, _)| *happened) {
            self.count_fault(camera, kind);
        }
        let timestamp_ns = frame.timestamp_ns.saturating_add(nanos(shift));
        let bytes = if faults.empty_embedded { 0 } else { whole };
        let done = done(taken, frame, timestamp_ns, faults.flag_embedded, bytes);
        self.complete(camera, Role::Embedded, taken, done, at_ns);
    }
}

const fn done(taken: Taken, frame: &Frame, timestamp_ns: u64, error: bool, bytes: u32) -> Dequeued {
    Dequeued {
        slot: taken.slot,
        sequence: frame.sequence,
        timestamp: Timestamp(timestamp_ns),
        error,
        bytes_used: [bytes, 0, 0],
        data_offsets: [0; PLANES_MAX],
    }
}

fn nanos(time: Option<Duration>) -> u64 {
    time.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

/// The code under which a sensor would send what a node takes.
fn bus_code(format: PixelFormat) -> Option<u32> {
    format.raw()?.media_bus_code()
}

fn bus(format: MediaBusFormat) -> String {
    let name = RawFormat::from_media_bus_code(format.code).map(|raw| PixelFormat::Raw(raw).name());
    format!("{} {}", name.unwrap_or_else(|| format!("{:#06x}", format.code)), format.size)
}
