//! What the CPU makes of a frame, on a thread or not. The same engine, controls and statistics as the
//! simulated ISP's.

use super::run::{CpuIsp, Run, State};
use crate::engine::{Engine, RunShape, Scratch};
use crate::fault::Role;
use crate::memory::DeviceBuffer;
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_buffer::{FrameMemory, Mapper, PlaneMemory};
use pinhole_imaging::IspParameters;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use zerocopy::IntoBytes;

const OUTPUTS: [Role; 2] = [Role::Output0, Role::Output1];

/// Starts the work on a thread, which ends when the input is stopped.
///
/// # Errors
/// There is no thread to be had.
pub(super) fn start(isp: Arc<CpuIsp>, mapper: Arc<dyn Mapper>) -> Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name("pinhole-isp".into());
    let work = move || {
        let mut bench = Bench::new(mapper);
        while let Some(run) = isp.next_run() {
            bench.work(&isp, &run);
        }
    };
    thread.spawn(work).map_err(|error| Error::from_io(&error, "starting the thread for pictures"))
}

/// What the work is done with.
pub(super) struct Bench {
    mapper: Arc<dyn Mapper>,
    engine: Engine,
    /// What is to be done, and how often controls were written by then.
    orders: (u64, IspParameters),
    made: Scratch,
}

impl Bench {
    pub(super) fn new(mapper: Arc<dyn Mapper>) -> Self {
        let orders = (0, IspParameters::default());
        Self { mapper, engine: Engine::default(), orders, made: Scratch::new() }
    }

    /// Does a run, and gives its buffers back.
    pub(super) fn work(&mut self, isp: &CpuIsp, run: &Run) {
        self.listen(&isp.state());
        isp.finish(run, self.develop(run).is_err());
    }

    /// Learns what is to be done, where that has changed.
    fn listen(&mut self, state: &State) {
        if self.orders.0 != state.written {
            let parameters = state.controls.parameters(&|table, bytes| self.read(table, bytes));
            self.orders = (state.written, parameters);
        }
    }

    /// Reads a table; what cannot be read is 0.
    fn read(&self, table: &DeviceBuffer, bytes: &mut [u8]) {
        let look = || -> Result<Arc<FrameMemory>> {
            let plane = PlaneMemory::new(
                Arc::new(table.export().map_err(|refusal| refusal.into_error("reading a table", "the ISP"))?),
                0,
                bytes.len() as u32,
            );
            FrameMemory::new(vec![plane], Arc::clone(&self.mapper))
        };
        match look().as_ref().map(|memory| memory.view()) {
            Ok(Ok(view)) => bytes.copy_from_slice(&view.plane(0)[..bytes.len()]),
            _ => bytes.fill(0),
        }
    }

    /// An engine that breaks over this frame breaks this frame, not the camera.
    fn develop(&mut self, run: &Run) -> Result<()> {
        catch_unwind(AssertUnwindSafe(|| self.try_develop(run))).unwrap_or_else(|_| {
            self.engine = Engine::default();
            Err(Error::new(ErrorKind::Algorithm, "developing a frame").because("the engine broke over it"))
        })
    }

    fn try_develop(&mut self, run: &Run) -> Result<()> {
        let Some((input, raw)) = run.image(Role::Input).zip(run.buffer(Role::Input)) else { return Ok(()) };
        let shape = RunShape {
            input,
            crop: run.crop,
            outputs: OUTPUTS.map(|role| run.image(role)),
            has_statistics: run.buffer(Role::Statistics).is_some(),
        };
        self.made.fill(&mut self.engine, &shape, &self.orders.1, raw.view()?.plane(0))?;
        self.write(run)
    }

    fn write(&self, run: &Run) -> Result<()> {
        for (role, bytes) in OUTPUTS.into_iter().zip(&self.made.outputs) {
            if let Some(buffer) = run.buffer(role) {
                buffer.fill(bytes)?;
            }
        }
        match run.buffer(Role::Statistics) {
            Some(buffer) => buffer.fill(self.made.statistics.as_bytes()),
            None => Ok(()),
        }
    }
}
