//! Pinhole: a camera stack in pure Rust.
//!
//! ```no_run
//! # fn main() -> Result<(), pinhole::Error> {
//! use pinhole::{Cameras, Role};
//!
//! let cameras = Cameras::open()?; // hardware, or the simulated camera where there is none
//! let camera = cameras.first()?.acquire()?;
//! let config = camera.propose([Role::Raw, Role::Viewfinder])?;
//! let mut session = camera.start(config)?;
//! while let Some(frame) = session.next()? {
//!     let raw = frame.stream(Role::Raw)?.map()?; // the sensor's own bytes
//!     println!("frame {}: {} bytes", frame.sequence(), raw.plane(0).len());
//! } // dropping a frame gives its buffers back
//! # Ok(())
//! # }
//! ```
//!
//! Under it lies the request API, for applications that bring their own buffers or set
//! controls per frame: [`Camera::configure`], [`Camera::allocate`],
//! [`Camera::start_requests`], [`Request`].
//!
//! This crate re-exports what applications need and adds nothing but the choice between
//! hardware and simulation. What is simulated is told by
//! [`CameraInfo::simulated`](config::CameraInfo::simulated).

mod watch;

use std::ops::Deref;
use std::sync::{Arc, Mutex};

pub use pinhole_base::{Error, ErrorKind, Result, Timestamp, colour, control, error, format, geometry, time};
pub use pinhole_buffer::mapping::Mapping;
pub use pinhole_buffer::{Fence, FrameBuffer, FrameMemory, FrameView, Mapper, PlaneMemory};
pub use pinhole_camera::changes::CameraEvent;
pub use pinhole_camera::config::{self, Configuration, Role, StreamConfiguration, StreamId};
pub use pinhole_camera::drops::{DropCause, DropCounters};
pub use pinhole_camera::frame::{Frame, FrameStream};
pub use pinhole_camera::handle::{Camera, CameraEntry, StartError};
pub use pinhole_camera::request::{AttachError, BufferInfo, Request, RequestStatus};
pub use pinhole_camera::session::{Driver, QueueHandle, Session, Stopped};
pub use pinhole_camera::{backend, devices, exchange, fingerprint, job, pipeline};
pub use pinhole_develop as develop;
pub use pinhole_device as device;
pub use pinhole_files as files;
pub use pinhole_kernel as kernel;
pub use pinhole_pipelines as pipelines;
pub use pinhole_sensor as sensor;
pub use pinhole_sim as sim;
pub use watch::Watch;

use pinhole_device::Provider;
use pinhole_kernel::KernelProvider;
use pinhole_pipelines::vc4::backend::Decorator;
use pinhole_sim::{Simulator, SimulatorConfig, SimulatorControl, WithCpuIsp};

/// This machine's devices. Receivers that have no ISP get one of the CPU's.
pub(crate) fn hardware(provider: KernelProvider) -> Box<dyn Provider> {
    Box::new(WithCpuIsp::new(Box::new(provider)))
}

/// The cameras of this machine, or simulated ones.
#[derive(Clone)]
pub struct Cameras {
    cameras: pinhole_camera::handle::Cameras,
    failures: Vec<Error>,
    simulator: Option<SimulatorControl>,
}

impl Cameras {
    /// The cameras of this machine; a simulated one, paced in real time, where it has none.
    /// Those that could not be opened are told of by [`Cameras::failures`].
    ///
    /// # Errors
    /// There are cameras, perhaps, but none could be opened: what is missing is permission, most
    /// likely. Or the simulated camera cannot be made: memory or descriptors ran out.
    pub fn open() -> Result<Self> {
        Self::hardware_or_simulated(hardware(KernelProvider::new()))
    }

    /// The cameras of a provider of hardware; a simulated one where it has none.
    ///
    /// # Errors
    /// As [`Cameras::open`].
    pub fn hardware_or_simulated(provider: Box<dyn Provider>) -> Result<Self> {
        let found = Self::found(provider, None);
        // What the kernel lists and has no file here is another container's.
        let is_here = |error: &&Error| error.kind() != ErrorKind::NotFound;
        match found.failures.iter().find(is_here) {
            _ if found.iter().next().is_some() => Ok(found),
            Some(error) => Err(error.clone()),
            None => Ok(Self { failures: found.failures, ..Self::simulated(SimulatorConfig::default())? }),
        }
    }

    /// Simulated cameras.
    ///
    /// # Errors
    /// As for [`Simulator::new`].
    pub fn simulated(config: SimulatorConfig) -> Result<Self> {
        let simulator = Simulator::new(config, Arc::new(pinhole_kernel::memory::SystemMapper))?;
        Self::of_simulator(&simulator, None)
    }

    /// The cameras of a simulator, perhaps with something between the loop and the control
    /// algorithms.
    ///
    /// # Errors
    /// A simulated device refuses, as it may be told to.
    pub fn of_simulator(simulator: &Simulator, decorator: Option<&Decorator>) -> Result<Self> {
        let devices = WithCpuIsp::without_threads(simulator.provider());
        let cameras = Self::of_provider(Box::new(devices), decorator)?;
        Ok(Self { simulator: Some(simulator.control()), ..cameras })
    }

    /// The cameras of any provider. Those that could not be opened are told of by
    /// [`Cameras::failures`].
    ///
    /// # Errors
    /// None could be opened.
    pub fn of_provider(provider: Box<dyn Provider>, decorator: Option<&Decorator>) -> Result<Self> {
        let found = Self::found(provider, decorator);
        match found.failures.first() {
            Some(error) if found.iter().next().is_none() => Err(error.clone()),
            _ => Ok(found),
        }
    }

    fn found(provider: Box<dyn Provider>, decorator: Option<&Decorator>) -> Self {
        let found = pinhole_pipelines::discover(&Arc::new(Mutex::new(provider)), decorator);
        let cameras = pinhole_camera::handle::Cameras::new(found.cameras);
        Self { cameras, failures: found.failures, simulator: None }
    }

    /// Why devices that may be cameras could not be opened.
    pub fn failures(&self) -> &[Error] {
        &self.failures
    }

    /// What steers the simulator behind simulated cameras: faults, light, counters.
    pub fn simulator(&self) -> Option<&SimulatorControl> {
        self.simulator.as_ref()
    }
}

impl Deref for Cameras {
    type Target = pinhole_camera::handle::Cameras;
    fn deref(&self) -> &Self::Target {
        &self.cameras
    }
}
