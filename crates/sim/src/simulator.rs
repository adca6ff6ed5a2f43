//! The simulator and the handle by which tests and tools reach behind the scenes.

use crate::config::SimulatorConfig;
use crate::fault::{FaultRate, ScheduledFault};
use crate::memory::DeviceBuffer;
use crate::provider::SimProvider;
use crate::record::{Audit, Counters, LogEntry};
use crate::scene::LightSchedule;
use crate::shared::Shared;
use crate::topology::Part;
use crate::world::World;
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_buffer::Mapper;
use pinhole_device::Provider;
use pinhole_imaging::IspParameters;
use std::sync::Arc;

/// Most cameras of a world.
const CAMERAS_MAX: usize = 64;

/// A world of simulated cameras. It lives for as long as anybody holds a provider, a device or
/// a control of it.
pub struct Simulator {
    shared: Arc<Shared>,
}

impl Simulator {
    /// Makes a world. `mapper` is what its users look into buffers with; the devices never map
    /// anything.
    ///
    /// # Errors
    /// `InvalidArgument`: no cameras or too many, a pace that is no speed, a probability that
    /// is none, or a fault of a camera that is not there.
    pub fn new(config: SimulatorConfig, mapper: Arc<dyn Mapper>) -> Result<Self> {
        check(&config)?;
        Ok(Self { shared: Shared::new(World::new(config), mapper) })
    }

    /// A way to the devices; all lead to the same ones.
    pub fn provider(&self) -> Box<dyn Provider> {
        Box::new(SimProvider { shared: self.shared.clone() })
    }

    /// A handle for tests and tools.
    pub fn control(&self) -> SimulatorControl {
        SimulatorControl { shared: self.shared.clone() }
    }
}

fn invalid(reason: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, "simulating cameras").because(reason)
}

fn check(config: &SimulatorConfig) -> Result<()> {
    let cameras = config.cameras.len();
    if !(1..=CAMERAS_MAX).contains(&cameras) {
        return Err(invalid(format!("there can be 1 to {CAMERAS_MAX} cameras, not {cameras}")));
    }
    if let crate::Clock::Real { pace } = config.clock
        && !(pace.is_finite() && pace > 0.0)
    {
        return Err(invalid(format!("a clock cannot have the pace {pace}")));
    }
    if let Some(camera) = config.cameras.iter().find(|camera| ![0, 180].contains(&camera.rotation_degrees)) {
        return Err(invalid(format!("a camera cannot be mounted at {} degrees", camera.rotation_degrees)));
    }
    config.faults.scheduled.iter().try_for_each(|fault| check_scheduled(fault, cameras))?;
    config.faults.rates.iter().try_for_each(|rate| check_rate(rate, cameras))
}

fn check_scheduled(fault: &ScheduledFault, cameras: usize) -> Result<()> {
    if fault.camera < cameras {
        return Ok(());
    }
    Err(invalid(format!("camera {} of {cameras} cannot have a fault", fault.camera)))
}

fn check_rate(rate: &FaultRate, cameras: usize) -> Result<()> {
    if !(0.0..=1.0).contains(&rate.probability) {
        return Err(invalid(format!("{} is no probability", rate.probability)));
    }
    match rate.camera {
        Some(camera) if camera >= cameras => {
            Err(invalid(format!("camera {camera} of {cameras} cannot have faults")))
        }
        _ => Ok(()),
    }
}

/// Reaches behind the scenes of a [`Simulator`]: changes the light, breaks things, reads the
/// hardware's own books. Nothing here lets time pass.
#[derive(Clone)]
pub struct SimulatorControl {
    shared: Arc<Shared>,
}

impl SimulatorControl {
    /// The world's time.
    pub fn now(&self) -> Timestamp {
        self.shared.enter(|world| world.now())
    }

    /// Lets something go wrong once.
    ///
    /// # Errors
    /// `InvalidArgument`: there is no such camera.
    pub fn inject(&self, fault: ScheduledFault) -> Result<()> {
        self.shared.enter(|world| {
            check_scheduled(&fault, world.cameras.len())?;
            world.faults.schedule(fault);
            Ok(())
        })
    }

    /// Sets what may go wrong at every occasion, instead of what might before.
    ///
    /// # Errors
    /// `InvalidArgument`: there is no such camera, or a probability is none.
    pub fn set_fault_rates(&self, rates: Vec<FaultRate>) -> Result<()> {
        self.shared.enter(|world| {
            rates.iter().try_for_each(|rate| check_rate(rate, world.cameras.len()))?;
            world.faults.set_rates(rates);
            Ok(())
        })
    }

    /// Changes the light; times of the schedule count from the start of the simulator.
    pub fn set_light(&self, light: LightSchedule) {
        self.shared.enter(|world| world.content.set_light(light));
    }

    fn plug(&self, camera: usize, act: impl FnOnce(&mut World)) -> Result<()> {
        self.shared.enter(|world| {
            let known = world.check_camera(camera);
            known.map_err(|refusal| refusal.into_error("plugging a camera", "simulated hardware"))?;
            act(world);
            Ok(())
        })
    }

    /// Takes away a camera's receiver with its sensor: whatever has them open finds them gone.
    ///
    /// # Errors
    /// There is no such camera.
    pub fn unplug_camera(&self, camera: usize) -> Result<()> {
        self.plug(camera, |world| world.unplug(camera, Part::Receiver))
    }

    /// Takes away a camera's ISP.
    ///
    /// # Errors
    /// There is no such camera.
    pub fn unplug_isp(&self, camera: usize) -> Result<()> {
        self.plug(camera, |world| world.unplug(camera, Part::Isp))
    }

    /// Brings back whatever of a camera was unplugged, as new; it has to be opened again.
    ///
    /// # Errors
    /// There is no such camera.
    pub fn replug(&self, camera: usize) -> Result<()> {
        self.plug(camera, |world| {
            for part in Part::ALL {
                world.replug(camera, part);
            }
        })
    }

    /// Where a camera's lens focuses now, in dioptres; `None` if it has no motor.
    ///
    /// # Errors
    /// There is no such camera.
    pub fn lens_dioptres(&self, camera: usize) -> Result<Option<f64>> {
        self.shared.enter(|world| {
            let known = world.check_camera(camera);
            known.map_err(|refusal| refusal.into_error("looking at a lens", "simulated hardware"))?;
            let now_ns = world.now().as_nanos();
            Ok(world.cameras[camera].lens.as_ref().map(|lens| lens.dioptres(now_ns)))
        })
    }

    /// What the controls tell a camera's ISP to do with the next frame.
    ///
    /// # Errors
    /// There is no such camera.
    pub fn isp_parameters(&self, camera: usize) -> Result<IspParameters> {
        let world = self.shared.look();
        let known = world.check_camera(camera);
        known.map_err(|refusal| refusal.into_error("looking at an ISP", "simulated hardware"))?;
        Ok(world.cameras[camera].isp.controls.parameters(&DeviceBuffer::read))
    }

    /// How often what has happened.
    pub fn counters(&self) -> Counters {
        self.shared.look().counters()
    }

    /// All that happened, if the configuration says to keep it.
    pub fn log(&self) -> Vec<LogEntry> {
        self.shared.look().log().to_vec()
    }

    /// Which buffers every node holds, and whether any two devices may touch the same one.
    pub fn hardware_audit(&self) -> Audit {
        self.shared.look().audit()
    }

    /// Bytes of buffers from the devices and the heap that this process still has open or
    /// mapped.
    pub fn memory_used_bytes(&self) -> u64 {
        self.shared.look().pool.used_bytes()
    }
}
