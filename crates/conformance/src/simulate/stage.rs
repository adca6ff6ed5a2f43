//! What the applications of a world share: the hardware behind the scenes, the clock, chance,
//! buffers and the trace.

use super::dice::Dice;
use super::meddler::SharedWhims;
use super::stock::Stock;
use super::trace::{Happened, Trace};
use super::troubles::{FaultSet, Weather};
use super::{Checked, demand};
use pinhole::device::{Poller, Ready};
use pinhole::sim::SimulatorControl;
use pinhole::{Error, Mapper, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// The stage on which applications play.
pub(super) struct Stage {
    pub(super) hardware: SimulatorControl,
    pub(super) mapper: Arc<dyn Mapper>,
    pub(super) dice: Dice,
    pub(super) stock: Stock,
    pub(super) trace: Trace,
    pub(super) whims: SharedWhims,
    /// What may go wrong in this world.
    pub(super) kinds: FaultSet,
    /// There is so little memory that it may run out.
    pub(super) memory_is_scarce: bool,
    /// Requests queued so far.
    pub(super) requests: u64,
    /// Lets time pass without any camera.
    clock: Box<dyn Poller>,
    ready: Vec<Ready>,
}

impl Stage {
    pub(super) fn new(
        hardware: SimulatorControl,
        clock: Box<dyn Poller>,
        mapper: Arc<dyn Mapper>,
        set: (Dice, SharedWhims, FaultSet, bool),
    ) -> Self {
        let (dice, whims, kinds, memory_is_scarce) = set;
        Self {
            hardware,
            mapper,
            dice,
            stock: Stock::default(),
            trace: Trace::new(),
            whims,
            kinds,
            memory_is_scarce,
            requests: 0,
            clock,
            ready: Vec::new(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn note(&mut self, camera: usize, what: Happened) {
        let now = self.now();
        self.trace.note(now, camera, what);
    }

    /// Lets time pass, and nobody look at what it brings.
    pub(super) fn sleep(&mut self, time: Duration) -> Result<(), Error> {
        let until = self.now() + time;
        while self.now() < until {
            self.clock.wait(Some(until), &mut self.ready)?;
        }
        Ok(())
    }

    /// The devices write to no buffer that an application has, and no two to one.
    pub(super) fn check_hardware(&self) -> Checked {
        let audit = self.hardware.hardware_audit();
        demand(audit.violations.is_empty(), || {
            format!("the hardware says: {}", audit.violations.join("; "))
        })?;
        for node in &audit.nodes {
            let stolen = node.held().find(|file| self.stock.is_at_home((file.device, file.inode)));
            demand(stolen.is_none(), || {
                format!(
                    "camera {}: {:?} holds a buffer that its application has back",
                    node.camera, node.role
                )
            })?;
        }
        Ok(())
    }

    /// A camera that does not run holds no slots and no buffers, and does not stream.
    pub(super) fn check_stopped(&self, camera: usize) -> Checked {
        let audit = self.hardware.hardware_audit();
        for node in audit.nodes.iter().filter(|node| node.camera == camera) {
            demand(!node.streaming && node.held().next().is_none(), || {
                format!("camera {camera}: {:?} still streams after the stop", node.role)
            })?;
            demand(node.slots.is_empty() || !self.kinds.is_survivable(), || {
                format!("camera {camera}: {:?} keeps {} slots after the stop", node.role, node.slots.len())
            })?;
        }
        Ok(())
    }

    /// Changes what goes wrong.
    pub(super) fn set_weather(&mut self, weather: Weather) {
        let rates = weather.rates.len() as u8;
        self.whims.lock().odds = weather.algorithms;
        // The rates are of this simulator's own making.
        let set = self.hardware.set_fault_rates(weather.rates);
        debug_assert!(set.is_ok(), "the simulator refuses fault rates: {set:?}");
        self.note(0, if rates == 0 { Happened::FaultsOff } else { Happened::FaultsOn { rates } });
    }
}
