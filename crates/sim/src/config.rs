//! What world to simulate.

use crate::fault::FaultPlan;
use crate::model::{DW9807, IMX219, IMX477, LensModel, SensorModel};
use crate::scene::Scene;
use std::time::Duration;

/// Which clock the devices run on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clock {
    /// Time passes only in [`pinhole_device::Poller::wait`], which jumps to the next event:
    /// as fast as possible, and the same each time.
    Virtual,
    /// Time passes by itself.
    Real {
        /// How fast: 1 is as the clock on the wall.
        pace: f64,
    },
}

/// What the devices do with the bytes of buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pixels {
    /// Nothing.
    Off,
    /// RAW buffers begin with a [`crate::Stamp`], which the ISP copies to its outputs;
    /// embedded data are written, statistics are plausible.
    Stamped,
    /// Pictures of the scene, processed as the ISP's controls say.
    On,
}

/// One camera: a sensor, a receiver and an ISP.
#[derive(Clone, Copy, Debug)]
pub struct CameraConfig {
    /// The sensor.
    pub sensor: &'static SensorModel,
    /// Whether the sensor sends embedded data, and the receiver has a node for them.
    pub embedded: bool,
    /// Whether a mux stands between sensor and receiver, its link to the sensor disabled at
    /// first.
    pub mux: bool,
    /// How the sensor is mounted: what its rotation control says, 0 or 180.
    pub rotation_degrees: u32,
    /// The lens, if it has a motor; else all is in focus.
    pub lens: Option<&'static LensModel>,
    /// Whether the media graph tells whose lens it is, as kernels since 5.17 do.
    pub ancillary_links: bool,
    /// Whether the machine has an ISP for it.
    pub isp: bool,
}

impl CameraConfig {
    /// A camera with embedded data and no mux, mounted upright, its lens fixed.
    pub const fn new(sensor: &'static SensorModel) -> Self {
        Self {
            sensor,
            embedded: true,
            mux: false,
            rotation_degrees: 0,
            lens: None,
            ancillary_links: true,
            isp: true,
        }
    }

    /// An IMX219.
    pub const fn imx219() -> Self {
        Self::new(&IMX219)
    }

    /// An IMX477.
    pub const fn imx477() -> Self {
        Self::new(&IMX477)
    }

    /// The same without embedded data.
    #[must_use]
    pub const fn without_embedded(self) -> Self {
        Self { embedded: false, ..self }
    }

    /// The same with the lens of a Camera Module 3.
    #[must_use]
    pub const fn with_lens(self) -> Self {
        Self { lens: Some(&DW9807), ..self }
    }

    /// The same on a kernel that tells of no ancillary links.
    #[must_use]
    pub const fn without_ancillary_links(self) -> Self {
        Self { ancillary_links: false, ..self }
    }

    /// The same on a machine without an ISP.
    #[must_use]
    pub const fn without_isp(self) -> Self {
        Self { isp: false, ..self }
    }

    /// The same with a mux.
    #[must_use]
    pub const fn with_mux(self) -> Self {
        Self { mux: true, ..self }
    }
}

/// How fast the ISP is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IspSpeed {
    /// Time that every run takes.
    pub base: Duration,
    /// Time for each million pixels of the input.
    pub per_megapixel: Duration,
}

impl Default for IspSpeed {
    /// About 8 ms at 1080p.
    fn default() -> Self {
        Self { base: Duration::from_micros(500), per_megapixel: Duration::from_micros(3600) }
    }
}

/// A world of simulated cameras.
#[derive(Clone, Debug)]
pub struct SimulatorConfig {
    /// The cameras, in the order of their media devices.
    pub cameras: Vec<CameraConfig>,
    /// The clock.
    pub clock: Clock,
    /// Where all chance comes from: noise, faults, and the order of simultaneous events.
    pub seed: u64,
    /// Whether simultaneous events come in random order, one to a wait. Else they come in a
    /// fixed order, all to one wait.
    pub shuffle: bool,
    /// What the devices do with the bytes of buffers.
    pub pixels: Pixels,
    /// What the cameras look at, and the light on it.
    pub scene: Scene,
    /// How fast the ISPs are.
    pub isp: IspSpeed,
    /// Contiguous memory for buffers and tables. It costs real memory only where it is
    /// written, so the default is generous: 4 GiB. A Raspberry Pi has 64 to 512 MiB.
    pub memory_bytes: u64,
    /// What goes wrong.
    pub faults: FaultPlan,
    /// Whether to keep a log of all that happens ([`crate::SimulatorControl::log`]).
    pub keep_log: bool,
}

impl Default for SimulatorConfig {
    /// One IMX219 in real time, with pixels.
    fn default() -> Self {
        Self {
            cameras: vec![CameraConfig::imx219()],
            clock: Clock::Real { pace: 1.0 },
            seed: 0,
            shuffle: false,
            pixels: Pixels::On,
            scene: Scene::desk(),
            isp: IspSpeed::default(),
            memory_bytes: 4 << 30,
            faults: FaultPlan::default(),
            keep_log: false,
        }
    }
}

impl SimulatorConfig {
    /// One IMX219 on a virtual clock, its buffers stamped: for tests.
    pub fn for_tests() -> Self {
        Self { clock: Clock::Virtual, pixels: Pixels::Stamped, ..Self::default() }
    }

    /// The same with these cameras.
    #[must_use]
    pub fn with_cameras(self, cameras: impl Into<Vec<CameraConfig>>) -> Self {
        Self { cameras: cameras.into(), ..self }
    }
}
