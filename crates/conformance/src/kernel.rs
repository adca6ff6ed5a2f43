//! Rigs of the system's own cameras: whatever drivers are loaded and can be opened.
//!
//! - `accomplice`: what fails on demand behind a driver.
//! - `chosen`: a provider that shows one rig's cameras and nothing else.
//! - `chained`: a node at the end of a media graph, as the plain camera that it is then.
//! - `troubled`: a node whose driver fails on demand, by the driver's own means.
//! - `find`: which rigs a machine has.
//! - `foreign`: memory that a running camera has not allocated.
//! - `modules`: drivers' modules that are unloaded and loaded.
//! - `pi`: the testbed's Raspberry Pi cameras, with sensor and ISP; [`pi_module`]: what their module
//!   can be told; `pi_mainline`: what the receiver of mainline's kernel can.
//! - `plugging`: device files that come and go.

mod accomplice;
mod chained;
mod chosen;
mod find;
mod foreign;
mod modules;
mod pi;
mod pi_mainline;
pub mod pi_module;
mod plugging;
mod troubled;

pub use find::{Found, find};
pub use modules::Module;
pub use plugging::{Binding, wait_for_node};

use crate::backstage::Backstage;
use crate::bench::Bench;
use crate::foreign::buffer_of;
use crate::mapper::CountingMapper;
use crate::rig::{Abilities, Need, NotApplicable, Rig, Setup, Verdict};
use chained::Chain;
use chosen::Chosen;
use pinhole::device::{NodeInfo, Provider};
use pinhole::kernel::{KernelProvider, SystemMapper};
use pinhole::sim::{Call, Fault, Stamp};
use pinhole::{Cameras, Driver, ErrorKind, FrameBuffer, Request, StreamId};
use std::sync::{Arc, OnceLock};
use troubled::Troubles;

/// A camera: its node, and what comes before that where it has to be set up.
#[derive(Clone, Debug)]
struct Place {
    node: NodeInfo,
    chain: Option<Chain>,
}

/// Cameras of one driver; statements about one camera are put to the first.
#[derive(Clone, Debug)]
pub struct KernelRig {
    name: String,
    driver: String,
    cameras: Vec<Place>,
    abilities: Abilities,
    /// What the first camera's driver can be told to do wrong.
    troubles: Troubles,
}

/// A rig of a driver's cameras.
pub trait DriverRig: Rig {
    /// The driver's name, e.g. `vivid`; of the testbed's Pi cameras, the testbed's name.
    fn driver_name(&self) -> &str;

    /// The first camera's node, where it is the only one.
    fn node_path(&self) -> Option<&str> {
        None
    }
}

impl DriverRig for KernelRig {
    fn driver_name(&self) -> &str {
        &self.driver
    }

    fn node_path(&self) -> Option<&str> {
        Some(&self.cameras[0].node.path)
    }
}

/// The cameras at these places, and what maps their buffers.
fn cameras_at(places: &[Place], troubles: &Troubles) -> pinhole::Result<(Cameras, Arc<CountingMapper>)> {
    let mapper = Arc::new(CountingMapper::new(Box::new(SystemMapper)));
    let provider = Chosen::new(places.to_vec(), troubles.clone(), Arc::clone(&mapper));
    Ok((Cameras::of_provider(Box::new(provider), None)?, mapper))
}

/// What a world of real devices cannot be.
fn refuse(setup: &Setup, cameras: usize) -> Verdict {
    let lacks = [
        (setup.cameras > cameras, NotApplicable("there are not so many cameras of its driver")),
        (setup.embedded == Some(true), Need::EmbeddedData.lack()),
        (setup.lens, NotApplicable("no lens of its cameras has a motor")),
        (setup.memory_bytes.is_some(), NotApplicable("its memory cannot be limited")),
        (setup.light.is_some(), NotApplicable("nobody can set the light before its cameras")),
        (setup.decorator.is_some(), Need::ControlLoop.lack()),
    ];
    match lacks.into_iter().find(|(lacks, _)| *lacks) {
        Some((_, reason)) => Err(reason),
        None => Ok(()),
    }
}

impl Rig for KernelRig {
    fn name(&self) -> &str {
        &self.name
    }

    fn driver(&self) -> Driver {
        Driver::Caller
    }

    fn bench(&self, setup: Setup) -> Verdict<Bench> {
        refuse(&setup, self.cameras.len())?;
        let places = &self.cameras[..setup.cameras];
        let troubles = self.troubles.afresh();
        let (cameras, mapper) = cameras_at(places, &troubles).expect("what was found is still there");
        let backstage = Drivers {
            places: places.to_vec(),
            donors: self.cameras.iter().rev().map(|place| place.node.path.clone()).collect(),
            troubles,
            mapper: Arc::clone(&mapper),
            heap_fits: OnceLock::new(),
        };
        Ok(Bench {
            cameras,
            abilities: self.abilities.clone(),
            driver: self.driver(),
            embedded: false,
            mapper,
            backstage: Arc::new(backstage),
        })
    }
}

/// What can be seen of drivers from outside, and done to them.
struct Drivers {
    places: Vec<Place>,
    /// The nodes of all cameras of the driver, the first camera's last.
    donors: Vec<String>,
    troubles: Troubles,
    mapper: Arc<CountingMapper>,
    /// Whether the first camera can use the heap's memory; asked when it is first needed.
    heap_fits: OnceLock<bool>,
}

impl Backstage for Drivers {
    /// Drivers keep no books.
    fn audit(&self) {}

    /// Another user can have the queue.
    fn assert_released(&self, camera: usize) {
        let path = &self.places[camera].node.path;
        match KernelProvider::new().video_node(path).and_then(|mut node| node.allocate(1)) {
            Ok(_) => {}
            // Nobody has what is gone.
            Err(error) if matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::NotFound) => {}
            Err(error) => panic!("{path} is not free: {error}"),
        }
    }

    fn memory_used_bytes(&self) -> Option<u64> {
        None
    }

    fn foreign(&self, planes_bytes: &[u32]) -> Verdict<FrameBuffer> {
        let path = &self.places[0].node.path;
        let fits = *self.heap_fits.get_or_init(|| foreign::fits(path, planes_bytes));
        let of_heap = if fits { foreign::of_heap(planes_bytes) } else { None };
        let memory = of_heap.map_or_else(|| foreign::of_nodes(&self.donors, planes_bytes), Ok)?;
        Ok(buffer_of(memory, Arc::<CountingMapper>::clone(&self.mapper)).expect("planes make a buffer"))
    }

    fn inject(&self, after: u32, fault: Fault) -> Verdict {
        self.troubles.plan(after, fault)
    }

    fn always(&self, _fault: Option<Fault>) -> Verdict {
        Err(Need::ControlLoop.lack())
    }

    fn stamp(&self, _request: &Request, _stream: StreamId) -> Verdict<Stamp> {
        Err(Need::ControlLoop.lack())
    }

    fn refusals(&self, call: Call) -> &'static [i32] {
        self.troubles.refusals(call)
    }

    fn failed_calls(&self) -> u64 {
        self.troubles.failed_calls()
    }

    fn unplug(&self) -> Verdict {
        self.inject(0, Fault::UnplugCamera)
    }

    fn replug(&self) {
        self.troubles.plug_in();
    }
}
