//! Pinhole: a camera stack in pure Rust.
//!
//! ```
//! # fn main() -> Result<(), pinhole::Error> {
//! use pinhole::{Cameras, Role};
//!
//! let cameras = Cameras::open()?; // hardware, or the simulated camera where there is none
//! let camera = cameras.first()?.acquire()?;
//! let config = camera.propose([Role::Raw, Role::Viewfinder])?;
//! let mut session = camera.start(config)?;
//! # let mut frames = 0;
//! while let Some(frame) = session.next()? {
//!     let raw = frame.stream(Role::Raw)?.map()?; // the sensor's own bytes
//!     println!("frame {}: {} bytes", frame.sequence(), raw.plane(0).len());
//! #   frames += 1;
//! #   if frames == 2 { break }
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

use std::ops::Deref;
use std::sync::{Arc, Mutex};

pub use pinhole_base::{Error, ErrorKind, Result, Timestamp, colour, control, error, format, geometry, time};
pub use pinhole_buffer::mapping::Mapping;
pub use pinhole_buffer::{Fence, FrameBuffer, FrameMemory, FrameView, Mapper, PlaneMemory};
pub use pinhole_camera::config::{self, Configuration, Role, StreamConfiguration, StreamId};
pub use pinhole_camera::drops::{DropCause, DropCounters};
pub use pinhole_camera::frame::{Frame, FrameStream};
pub use pinhole_camera::handle::{Camera, CameraEntry, StartError};
pub use pinhole_camera::request::{AttachError, BufferInfo, Request, RequestStatus};
pub use pinhole_camera::session::{Driver, QueueHandle, Session, Stopped};
pub use pinhole_camera::{backend, devices, exchange, fingerprint, job, pipeline};
pub use pinhole_device as device;
pub use pinhole_files as files;
pub use pinhole_kernel as kernel;
pub use pinhole_pipelines as pipelines;
pub use pinhole_sensor as sensor;
pub use pinhole_sim as sim;

use pinhole_device::Provider;
use pinhole_pipelines::vc4::backend::Decorator;
use pinhole_sim::{Simulator, SimulatorConfig, SimulatorControl};

/// The cameras of this machine, or simulated ones.
#[derive(Clone)]
pub struct Cameras {
    cameras: pinhole_camera::handle::Cameras,
    simulator: Option<SimulatorControl>,
}

impl Cameras {
    /// The cameras of this machine; a simulated one where it has none.
    ///
    /// This version drives no real hardware yet, so it is always the simulated one, paced in
    /// real time.
    ///
    /// # Errors
    /// The simulated camera cannot be made: memory or descriptors ran out.
    pub fn open() -> Result<Self> {
        Self::simulated(SimulatorConfig::default())
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
        let cameras = Self::of_provider(simulator.provider(), decorator)?;
        Ok(Self { simulator: Some(simulator.control()), ..cameras })
    }

    /// The cameras of any provider.
    ///
    /// # Errors
    /// A device cannot be opened or asked.
    pub fn of_provider(provider: Box<dyn Provider>, decorator: Option<&Decorator>) -> Result<Self> {
        let provider = Arc::new(Mutex::new(provider));
        let backends = pinhole_pipelines::vc4::backend::discover(&provider, decorator)?;
        Ok(Self { cameras: pinhole_camera::handle::Cameras::new(backends), simulator: None })
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
