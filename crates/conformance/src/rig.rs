//! Rigs: what a conformance run needs of a provider, and how it says what it cannot do.
//!
//! A rig builds fresh worlds of cameras ([`crate::bench::Bench`]). Statements are written
//! against rigs alone, so that simulated and real hardware are held to the same promises.

use crate::bench::Bench;
use pinhole::format::PixelFormat;
use pinhole::geometry::Size;
use pinhole::pipelines::vc4::backend::Decorator;
use pinhole::sim::Pixels;
use pinhole::sim::scene::LightSchedule;
use pinhole::{Driver, Role};
use std::fmt;

/// Why a statement cannot be put to a rig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotApplicable(pub &'static str);

impl fmt::Display for NotApplicable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Why a statement about failing calls cannot be put to a rig.
pub const NO_FAILURES: NotApplicable = NotApplicable("such calls do not fail on demand here");

/// What comes of putting a statement to a rig: it holds (else it has panicked, saying what was
/// broken), or it cannot be put to this rig.
pub type Verdict<T = ()> = Result<T, NotApplicable>;

/// What a rig's cameras can do.
#[derive(Clone, Debug)]
pub struct Abilities {
    /// The roles that a stream can have; the first are taken where not all fit.
    pub roles: Vec<Role>,
    /// Most streams at once.
    pub streams_max: usize,
    /// Requests may name no buffer for some streams: the camera has some of its own.
    pub own_buffers: bool,
    /// Control algorithms of ours run, and sensor and ISP obey them.
    pub control_loop: bool,
    /// Pictures are asked for in this size, where it does not matter; `None`: in the proposed.
    pub size: Option<Size>,
    /// Pictures are asked for in this format, where it does not matter; `None`: in the proposed.
    pub format: Option<PixelFormat>,
    /// Frames are asked to come so far apart (µs), where it does not matter; `None`: as usual.
    pub frame_us: Option<f32>,
    /// Time is simulated: it passes only while somebody waits, so spans of it are exact.
    pub exact_time: bool,
}

/// What a statement needs of cameras.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Several streams at once.
    Streams,
    /// Buffers of their own, for requests that name none.
    OwnBuffers,
    /// Control algorithms of ours.
    ControlLoop,
    /// Sensors that send embedded data.
    EmbeddedData,
}

impl Need {
    /// Why a statement cannot be put to cameras that have not got it.
    pub const fn lack(self) -> NotApplicable {
        NotApplicable(match self {
            Self::Streams => "its cameras have one stream",
            Self::OwnBuffers => "its cameras have no buffers of their own: a request without one is empty",
            Self::ControlLoop => "no sensor, ISP or control algorithms of ours are behind its pictures",
            Self::EmbeddedData => "its sensors send no embedded data",
        })
    }
}

/// What a world is to be like.
#[derive(Clone)]
pub struct Setup {
    /// How many cameras it has.
    pub cameras: usize,
    /// Whether its sensors send embedded data; `None`: as the rig's do.
    pub embedded: Option<bool>,
    /// Whether its cameras have lenses with a motor; else they have what the rig's have.
    pub lens: bool,
    /// What simulated devices do with the bytes of buffers.
    pub pixels: Pixels,
    /// The light; `None`: a daylit room.
    pub light: Option<LightSchedule>,
    /// Contiguous memory, in bytes; `None`: plenty.
    pub memory_bytes: Option<u64>,
    /// What stands between the loop and the algorithms.
    pub decorator: Option<Decorator>,
    /// Whether the hardware keeps a log.
    pub log: bool,
}

impl Default for Setup {
    /// One camera, its buffers stamped.
    fn default() -> Self {
        Self {
            cameras: 1,
            embedded: None,
            lens: false,
            pixels: Pixels::Stamped,
            light: None,
            memory_bytes: None,
            decorator: None,
            log: false,
        }
    }
}

/// A way to make cameras.
pub trait Rig: Sync {
    /// What it is called in reports.
    fn name(&self) -> &str;

    /// Who turns the loop of its cameras.
    fn driver(&self) -> Driver;

    /// A fresh world.
    ///
    /// # Errors
    /// It cannot be made like that on this rig.
    fn bench(&self, setup: Setup) -> Verdict<Bench>;
}
