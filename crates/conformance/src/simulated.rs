//! Rigs of simulated hardware.

use crate::bench::Bench;
use crate::mapper::CountingMapper;
use crate::rig::{Rig, Setup, Verdict};
use pinhole::kernel::memory::SystemMapper;
use pinhole::sim::{CameraConfig, Simulator, SimulatorConfig};
use pinhole::{Cameras, Driver};
use std::sync::Arc;

/// Simulated cameras of one kind, on a virtual clock.
#[derive(Clone, Copy, Debug)]
pub struct Simulated {
    /// What it is called.
    pub name: &'static str,
    /// The kind of camera.
    pub camera: CameraConfig,
    /// Who turns their loops.
    pub driver: Driver,
    /// Whether simultaneous events come in random order, one to a wait.
    pub shuffle: bool,
}

impl Simulated {
    /// Cameras of a kind, their loops turned by whoever waits for them.
    pub const fn new(name: &'static str, camera: CameraConfig) -> Self {
        Self { name, camera, driver: Driver::Caller, shuffle: false }
    }

    /// The same, simultaneous events coming in random order.
    #[must_use]
    pub const fn shuffled(self) -> Self {
        Self { shuffle: true, ..self }
    }

    /// The same, their loops turned by threads of their own.
    #[must_use]
    pub const fn threaded(self) -> Self {
        Self { driver: Driver::Thread, ..self }
    }
}

impl Rig for Simulated {
    fn name(&self) -> &str {
        self.name
    }

    fn driver(&self) -> Driver {
        self.driver
    }

    fn bench(&self, setup: Setup) -> Verdict<Bench> {
        let embedded = setup.embedded.unwrap_or(self.camera.embedded);
        let mut config =
            SimulatorConfig::for_tests()
                .with_cameras(vec![CameraConfig { embedded, ..self.camera }; setup.cameras]);
        config.pixels = setup.pixels;
        config.keep_log = setup.log;
        config.shuffle = self.shuffle;
        if let Some(light) = setup.light {
            config.scene = config.scene.with_light(light);
        }
        if let Some(bytes) = setup.memory_bytes {
            config.memory_bytes = bytes;
        }
        let mapper = Arc::new(CountingMapper::new(Box::new(SystemMapper)));
        let simulator =
            Simulator::new(config, Arc::<CountingMapper>::clone(&mapper)).expect("the world is possible");
        let cameras = Cameras::of_simulator(&simulator, setup.decorator.as_ref())
            .expect("simulated cameras can be found");
        Ok(Bench { cameras, driver: self.driver, embedded, mapper })
    }
}
