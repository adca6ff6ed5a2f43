//! What the CPU makes of a frame: a thread that develops one after the other. The same engine,
//! controls and statistics as the simulated ISP's.

use super::run::{CpuIsp, Run, State};
use crate::fault::Role;
use crate::memory::DeviceBuffer;
use crate::{statistics, world};
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_buffer::{FrameMemory, Mapper, PlaneMemory};
use pinhole_device::ImageFormat;
use pinhole_device::uapi::bcm2835_isp;
use pinhole_imaging::{self as imaging, Isp, IspParameters};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use zerocopy::{FromZeros, IntoBytes};

/// Starts the work, which ends when the input is stopped.
///
/// # Errors
/// There is no thread to be had.
pub(super) fn start(isp: Arc<CpuIsp>, mapper: Arc<dyn Mapper>) -> Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name("pinhole-isp".into());
    let work = move || {
        let mut bench = Bench::new(mapper);
        while let Some(run) = isp.next_run() {
            bench.listen(&isp.state());
            isp.finish(&run, bench.develop(&run).is_err());
        }
    };
    thread.spawn(work).map_err(|error| Error::from_io(&error, "starting the thread for pictures"))
}

/// What the work is done with.
struct Bench {
    mapper: Arc<dyn Mapper>,
    isp: Option<Isp>,
    /// What is to be done, and how often controls were written by then.
    orders: (u64, IspParameters),
    outputs: [Vec<u8>; 2],
    measured: Box<imaging::Statistics>,
    statistics: Box<bcm2835_isp::Statistics>,
}

impl Bench {
    fn new(mapper: Arc<dyn Mapper>) -> Self {
        Self {
            mapper,
            isp: None,
            orders: (0, IspParameters::default()),
            outputs: Default::default(),
            measured: Box::default(),
            statistics: Box::new(bcm2835_isp::Statistics::new_zeroed()),
        }
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
            self.isp = None;
            Err(Error::new(ErrorKind::Algorithm, "developing a frame").because("the engine broke over it"))
        })
    }

    fn try_develop(&mut self, run: &Run) -> Result<()> {
        let outputs = [Role::Output0, Role::Output1].map(|role| run.image(role));
        let Some((input, raw)) = run.image(Role::Input).zip(run.buffer(Role::Input)) else { return Ok(()) };
        let configuration = world::isp_configuration(&input, run.crop, outputs)?;
        if self.isp.as_ref().is_none_or(|isp| *isp.configuration() != configuration) {
            self.isp = Some(Isp::new(&configuration)?);
        }
        let Some(isp) = &mut self.isp else { return Ok(()) };
        let bytes = |format: Option<ImageFormat>| format.map_or(0, |format| format.size_bytes as usize);
        for (scratch, format) in self.outputs.iter_mut().zip(outputs) {
            scratch.resize(bytes(format), 0);
        }
        let [first, second] = &mut self.outputs;
        let [has_first, has_second] = outputs.map(|format| format.is_some());
        let mut targets = [has_first.then_some(&mut first[..]), has_second.then_some(&mut second[..])];
        *self.measured = imaging::Statistics::default();
        let measured = run.buffer(Role::Statistics).map(|_| &mut *self.measured);
        isp.process(raw.view()?.plane(0), &self.orders.1, &mut targets, measured)?;
        self.write(run)
    }

    fn write(&mut self, run: &Run) -> Result<()> {
        for (role, bytes) in [Role::Output0, Role::Output1].into_iter().zip(&self.outputs) {
            if let Some(buffer) = run.buffer(role) {
                buffer.fill(bytes)?;
            }
        }
        let Some(buffer) = run.buffer(Role::Statistics) else { return Ok(()) };
        statistics::convert(&self.measured, &mut self.statistics);
        buffer.fill(self.statistics.as_bytes())
    }
}
