//! Every order of events that a small case allows.
//!
//! # What a case is
//!
//! As far as its [`Setting`] goes: two requests, two buffers a stream (of the camera's own, of
//! the application's, and device slots), two or three frames of the sensor, one thing that goes
//! wrong ([`Fault`]), and one deadline that passes although something else could have come
//! before. A deadline that nothing else can come before passes whenever that is so. The camera
//! may be stopped, and a call of a device may fail, at any time.
//!
//! # How it is searched
//!
//! The pipeline is driven as the loop drives it, but over modelled devices, so that the search
//! decides what happens next. It goes breadth first: the steps that lead to a violation are as
//! few as can be. A machine cannot be copied, so the way to every state is gone from the start.
//! At its end the camera is stopped, and every request must be back. Where a state is known
//! already (by its [`pinhole::fingerprint`]) the search turns back.
//!
//! In states from which nothing comes of itself within these bounds, all goes well from there
//! on, for as many frames as it takes: every request must come back, and two more must complete,
//! with all that belongs to them. What leads up to those states may go well all the time too, so
//! that is so from every state.
//!
//! # Whether it may turn back
//!
//! If two states are rightly taken for one, then the same can happen in both, it looks the same
//! from outside, and it leads to states that are taken for one again. The first is looked at in
//! every state that is taken for a known one, and so is what comes of stopping there; the rest in
//! as many as [`Doubt`] says.

mod case;
mod devices;
mod search;
mod sensor;
mod step;
mod world;

pub use search::{Doubt, Search, Totals, Violation};
pub use step::{Fault, Happening, Step, Streams};

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// The streams that the application has. A request has buffers for some or all of them.
    pub streams: Streams,
    /// The receiver gives embedded data.
    pub embedded: bool,
    /// Frames hidden at the start.
    pub hidden: u32,
    /// Requests that the application queues: 2 at most.
    pub requests: usize,
    /// Frames that the sensor sends.
    pub frames: usize,
    /// Frame starts are told, and the algorithms wish for settings of the sensor.
    pub starts: bool,
    /// The algorithms answer at once, while actions still wait to be carried out.
    pub prompt: bool,
}

const RAW_AND_PROCESSED: Streams = Streams { raw: true, output0: true, output1: false };
const PROCESSED: Streams = Streams { raw: false, output0: true, output1: false };
const TWO_PROCESSED: Streams = Streams { raw: false, output0: true, output1: true };

/// One output, and nothing else; the frames of one request and one more.
const LEAST: Setting = Setting {
    name: "least",
    streams: PROCESSED,
    embedded: false,
    hidden: 0,
    requests: 2,
    frames: 3,
    starts: false,
    prompt: false,
};

impl Setting {
    /// All that are searched.
    pub const ALL: [Self; 8] = [
        Self { name: "raw-and-processed", streams: RAW_AND_PROCESSED, embedded: true, frames: 2, ..LEAST },
        Self { name: "raw-without-embedded-data", streams: RAW_AND_PROCESSED, ..LEAST },
        Self { name: "processed", embedded: true, ..LEAST },
        Self { name: "two-processed", streams: TWO_PROCESSED, frames: 2, ..LEAST },
        Self { name: "hidden-frame", hidden: 1, ..LEAST },
        Self { name: "raw-hidden-frame", streams: RAW_AND_PROCESSED, hidden: 1, frames: 2, ..LEAST },
        Self { name: "frame-starts", starts: true, ..LEAST },
        Self { name: "prompt-algorithms", streams: RAW_AND_PROCESSED, embedded: true, prompt: true, ..LEAST },
    ];

    /// So small a case that it can be searched without ever turning back.
    pub const TINY: Self = Self { name: "tiny", embedded: true, requests: 1, frames: 1, ..LEAST };
}
