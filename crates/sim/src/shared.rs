//! The world behind its lock, as every handle holds it.

use crate::fault::{Call, Target};
use crate::refusal::Answer;
use crate::topology::Part;
use crate::world::World;
use pinhole_base::Result;
use pinhole_buffer::Mapper;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What all handles of a simulator share.
pub(crate) struct Shared {
    world: Mutex<World>,
    pub(crate) mapper: Arc<dyn Mapper>,
}

impl Shared {
    pub(crate) fn new(world: World, mapper: Arc<dyn Mapper>) -> Arc<Self> {
        Arc::new(Self { world: Mutex::new(world), mapper })
    }

    /// The world as it is.
    pub(crate) fn look(&self) -> MutexGuard<'_, World> {
        // Whoever panicked inside did so in a test; the world is still the best there is.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world at its present time, and wakes those who wait for changes.
    #[inline]
    pub(crate) fn enter<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.look();
        world.catch_up();
        let result = change(&mut world);
        world.wake_sleepers();
        result
    }
}

/// One opening of a device of one camera.
#[derive(Clone)]
pub(crate) struct Opening {
    pub(crate) shared: Arc<Shared>,
    pub(crate) camera: usize,
    pub(crate) part: Part,
    pub(crate) generation: u32,
    pub(crate) target: Target,
    /// For people: entity and path.
    pub(crate) place: Arc<str>,
}

impl Opening {
    /// Calls the device.
    #[inline]
    pub(crate) fn call<T>(
        &self,
        call: Call,
        doing: &'static str,
        act: impl FnOnce(&mut World) -> Answer<T>,
    ) -> Result<T> {
        let answer = self.shared.enter(|world| {
            world.admit(self.camera, self.part, self.generation, call, self.target)?;
            act(world)
        });
        answer.map_err(|refusal| refusal.into_error(doing, &*self.place))
    }
}
