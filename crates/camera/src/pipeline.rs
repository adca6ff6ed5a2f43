//! The step function that every pipeline is, and what goes in and comes out of it.
//!
//! A [`Pipeline`] does no I/O, reads no clock, starts no thread and is called by nobody but
//! the loop ([`crate::engine::Engine`]), which feeds it [`Event`]s and carries out its
//! [`Action`]s in order. When an action fails, the pipeline hears of it at once, before the
//! next is carried out, and may take back those that have not been carried out yet.

use crate::devices::Devices;
use crate::drops::DropCounters;
use crate::job::Job;
use crate::request::Request;
use crate::ring::Ring;
use pinhole_base::geometry::{ModePixels, Rect};
use pinhole_base::{Error, Result, Timestamp};
use pinhole_buffer::FrameMemory;
use pinhole_device::control::WriteList;
use pinhole_device::{ControlCode, ControlWrite, Dequeued};
use std::sync::Arc;

/// Where controls are written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ControlTarget {
    /// The sensor, what must be written before the rest (VBLANK, which bounds exposure).
    SensorFirst,
    /// The sensor.
    Sensor,
    /// The lens.
    Lens,
    /// The device behind the stream of that number, what must be written before the rest (the
    /// switches of its automatics).
    StreamFirst(u8),
    /// The device behind the stream of that number.
    Stream(u8),
}

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// The application queued a request, and its fences have signalled; or it is cancelled
    /// already, and only waits for its turn.
    Request(Request),
    /// A device is done with a buffer.
    Buffer {
        /// The stream it belongs to.
        stream: u8,
        /// What the device said of it.
        done: &'a Dequeued,
    },
    /// The sensor begins a frame.
    FrameStart {
        /// Its number.
        sequence: u32,
        /// When.
        timestamp: Timestamp,
    },
    /// A device has a new value of a control, which nobody here wrote.
    ControlChanged {
        /// The stream.
        stream: u8,
        /// Which control.
        code: ControlCode,
        /// Its value.
        value: i64,
    },
    /// The control algorithms answered.
    Answer(Box<Job>),
    /// A device refused a buffer.
    QueueFailed {
        /// The stream.
        stream: u8,
        /// The slot it was meant for.
        slot: u16,
        /// Why.
        error: Error,
    },
    /// A device refused controls or a crop.
    ControlsFailed {
        /// Which device.
        target: ControlTarget,
        /// Why.
        error: Error,
    },
    /// The deadline that the pipeline named has passed.
    Timer,
}

/// Something to be done. Small, for it is moved into a queue and out again: what takes more
/// room, the pipeline is asked for.
#[derive(Debug)]
pub enum Action {
    /// Give a buffer to a device.
    Queue {
        /// The stream.
        stream: u8,
        /// The device slot.
        slot: u16,
        /// The buffer's number in the pipeline's table.
        buffer: u16,
        /// The device reads it: [`Pipeline::contents`] has what is in it.
        filled: bool,
    },
    /// Write the controls that [`Pipeline::controls`], [`Pipeline::first_controls`],
    /// [`Pipeline::sensor_controls`] or [`Pipeline::lens_controls`] has for the target.
    WriteControls(ControlTarget),
    /// Set which part of the frame a device processes: that which [`Pipeline::crop`] has.
    SetCrop {
        /// The stream.
        stream: u8,
    },
    /// Stop and restart a device's queue, so that it gives its buffers back.
    Recall {
        /// The stream.
        stream: u8,
    },
    /// Give the control algorithms something to do.
    Job(Box<Job>),
    /// Give a request back to the application.
    Complete(Request),
    /// Stop everything: the camera has failed.
    Fail(Error),
}

const _: () = assert!(size_of::<Option<Action>>() == 16, "an action takes two words");

/// What a buffer holds that is given to a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Bytes that hold data.
    pub bytes_used: u32,
    /// The frame's time stamp.
    pub timestamp: Timestamp,
}

/// Actions that wait to be carried out, in order.
pub type Actions = Ring<Action>;

/// Takes back the buffers of one stream that wait to be given to its device.
pub fn withdraw(actions: &mut Actions, stream: u8) {
    actions.retain(|action| !matches!(action, Action::Queue { stream: s, .. } if *s == stream));
}

/// A pipeline: everything between the devices and the requests, as a step function.
pub trait Pipeline: Send {
    /// Takes in one event, at the time `now`, and appends what is to be done.
    fn on_event(&mut self, now: Timestamp, event: Event<'_>, actions: &mut Actions);

    /// When the next [`Event::Timer`] is due, if nothing else happens.
    fn deadline(&self) -> Option<Timestamp>;

    /// The memory of a buffer that an action names.
    fn memory(&self, buffer: u16) -> &FrameMemory;

    /// What is in the buffer that is to be queued, for a device's input.
    #[inline]
    fn contents(&self, _stream: u8) -> Contents {
        Contents::default()
    }

    /// Which part of the frame the device behind the stream of that number is to process; `None`
    /// for all of it.
    fn crop(&self, _stream: u8) -> Option<Rect<ModePixels>> {
        None
    }

    /// The controls to be written to the device behind the stream of that number.
    fn controls(&self, stream: u8) -> WriteList<'_>;

    /// Those that must be written to it before.
    fn first_controls(&self, _stream: u8) -> WriteList<'_> {
        WriteList::default()
    }

    /// The controls to be written to the sensor: what must be written before the rest, or that.
    fn sensor_controls(&self, first: bool) -> &[ControlWrite<'static>];

    /// The controls to be written to the lens.
    fn lens_controls(&self) -> &[ControlWrite<'static>] {
        &[]
    }

    /// Makes ready: buffers, slots, the sensor's first settings. The actions that follow are
    /// carried out before [`Pipeline::stream_on`].
    ///
    /// # Errors
    /// Any device call's. The caller then calls [`Pipeline::stop`], which undoes what was done.
    fn start(&mut self, devices: &mut Devices, actions: &mut Actions) -> Result<()>;

    /// Starts the flow.
    ///
    /// # Errors
    /// As [`Pipeline::start`].
    fn stream_on(&mut self, devices: &mut Devices) -> Result<()>;

    /// Buffers that jobs will name, by their numbers.
    fn shared_buffers(&self) -> Vec<(u16, Arc<FrameMemory>)>;

    /// Stops, from any state: streams off, slots freed, every buffer back, every request
    /// completed (those unfinished as cancelled), in order. Whatever devices say, the
    /// pipeline is stopped afterwards.
    ///
    /// # Errors
    /// The first that a device gave.
    fn stop(&mut self, devices: &mut Devices, reason: &Error, actions: &mut Actions) -> Result<()>;

    /// Why frames were not delivered, since the start.
    fn drops(&self) -> &DropCounters;

    /// Checks that every buffer is where the ledger says it is.
    ///
    /// # Panics
    /// It is not.
    fn audit(&self);
}
