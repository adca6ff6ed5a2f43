//! Rigs of simulated hardware.

use crate::backstage::Backstage;
use crate::bench::Bench;
use crate::foreign::foreign_buffer;
use crate::keepsake::stamp;
use crate::mapper::CountingMapper;
use crate::rig::{Abilities, NotApplicable, Rig, Setup, Verdict};
use pinhole::geometry::Size;
use pinhole::kernel::memory::SystemMapper;
use pinhole::sim::model::DW9807;
use pinhole::sim::{
    Call, CameraConfig, Fault, FaultKind, FaultRate, ScheduledFault, Simulator, SimulatorConfig,
    SimulatorControl, Stamp,
};
use pinhole::{Cameras, Driver, FrameBuffer, Request, Role, StreamId};
use std::sync::Arc;

const SMALL: Size = Size::new(320, 180);

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

    fn abilities(&self) -> Abilities {
        Abilities {
            roles: Role::ALL.to_vec(),
            streams_max: 3,
            own_buffers: true,
            control_loop: true,
            format: None,
            // What the CPU processes is to be small.
            size: (!self.camera.isp).then_some(SMALL),
            frame_us: None,
            exact_time: true,
        }
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
        let lens = if setup.lens { Some(&DW9807) } else { self.camera.lens };
        let camera = CameraConfig { embedded, lens, ..self.camera };
        let mut config = SimulatorConfig::for_tests().with_cameras(vec![camera; setup.cameras]);
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
        let backstage =
            Books { hardware: simulator.control(), mapper: Arc::clone(&mapper), has_isp: self.camera.isp };
        Ok(Bench {
            cameras,
            abilities: self.abilities(),
            driver: self.driver,
            embedded,
            mapper,
            backstage: Arc::new(backstage),
        })
    }
}

/// The simulator's books.
struct Books {
    hardware: SimulatorControl,
    mapper: Arc<CountingMapper>,
    has_isp: bool,
}

impl Backstage for Books {
    fn audit(&self) {
        let violations = self.hardware.hardware_audit().violations;
        assert!(violations.is_empty(), "the hardware objects: {violations:?}");
    }

    fn assert_released(&self, camera: usize) {
        let audit = self.hardware.hardware_audit();
        assert!(audit.violations.is_empty(), "the hardware objects: {:?}", audit.violations);
        for node in audit.nodes.iter().filter(|node| node.camera == camera) {
            assert!(!node.streaming, "{:?} still streams", node.role);
            assert!(node.slots.is_empty(), "{:?} still has {} slots", node.role, node.slots.len());
        }
    }

    fn memory_used_bytes(&self) -> Option<u64> {
        Some(self.hardware.memory_used_bytes())
    }

    fn foreign(&self, planes_bytes: &[u32]) -> Verdict<FrameBuffer> {
        let mapper = Arc::<CountingMapper>::clone(&self.mapper);
        Ok(foreign_buffer(planes_bytes, mapper).expect("there is memory for foreign buffers"))
    }

    fn inject(&self, after: u32, fault: Fault) -> Verdict {
        if !self.has_isp && fault.is_of_isp() {
            return Err(NotApplicable("its ISP is the CPU's, which does not fail on demand"));
        }
        let fault = ScheduledFault { camera: 0, after, fault };
        self.hardware.inject(fault).expect("the first camera is there");
        Ok(())
    }

    fn always(&self, fault: Option<Fault>) -> Verdict {
        let rate = |fault| FaultRate { camera: None, fault, probability: 1.0 };
        self.hardware.set_fault_rates(fault.into_iter().map(rate).collect()).expect("1 is a probability");
        Ok(())
    }

    fn stamp(&self, request: &Request, stream: StreamId) -> Verdict<Stamp> {
        Ok(stamp(request, stream))
    }

    fn refusals(&self, _call: Call) -> &'static [i32] {
        &[5, 19]
    }

    fn failed_calls(&self) -> u64 {
        self.hardware.counters().faults(FaultKind::FailedCall)
    }

    fn unplug(&self) -> Verdict {
        self.hardware.unplug_camera(0).expect("the camera is known");
        Ok(())
    }

    fn replug(&self) {
        self.hardware.replug(0).expect("the camera is known");
    }
}
