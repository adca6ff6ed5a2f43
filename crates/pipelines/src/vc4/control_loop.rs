//! The control algorithms of a VC4 camera, as the loop sees them: embedded data and statistics
//! are read where the hardware wrote them, and answers are given at once.

use super::parameters::{ShadingTable, encode};
use super::statistics::decode;
use pinhole_algorithm::parameters::LensShading;
use pinhole_algorithm::{Changed, Controller, Parameters, SensorRequest, SensorSettings, Statistics};
use pinhole_base::control::SettingsSource;
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_buffer::{FrameMemory, Mapper};
use pinhole_camera::job::{ControlLoop, Job, JobKind, SensorValues};
use pinhole_device::Heap;
use pinhole_sensor::embedded::{self, EmbeddedSettings};
use pinhole_sensor::timing::ModeTiming;
use pinhole_sensor::{LensScale, RecordedLines, SensorHelper};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard};

/// What the algorithms know between frames; the camera configures it, the loop runs it.
pub struct Brain {
    /// The algorithms.
    pub controller: Controller,
    /// What is particular to the sensor.
    pub helper: &'static SensorHelper,
    /// Line and frame lengths of the mode.
    pub timing: ModeTiming,
    /// Bits of a sample on the sensor's bus.
    pub bits: u8,
    /// The frames whose embedded data may be wrong.
    pub mistrust: u32,
    /// What the lens's steps mean; `None` if it has no motor.
    pub lens: Option<LensScale>,
    shading: Option<ShadingBuffer>,
}

/// The lens shading table, in memory that the ISP can read.
struct ShadingBuffer {
    fd: OwnedFd,
    written: Option<Arc<LensShading>>,
    mapper: Arc<dyn Mapper>,
}

/// Bytes of the lens shading buffer: the largest table, in whole pages.
const SHADING_BYTES: u32 = 32 << 10;

impl Brain {
    /// Algorithms for a sensor that is not configured yet.
    pub fn new(controller: Controller, helper: &'static SensorHelper, timing: ModeTiming) -> Self {
        Self { controller, helper, timing, bits: 10, mistrust: 0, lens: None, shading: None }
    }

    /// Gets memory for the lens shading table.
    ///
    /// # Errors
    /// The heap has none.
    pub fn allocate_shading(&mut self, heap: &mut dyn Heap, mapper: Arc<dyn Mapper>) -> Result<()> {
        let fd = heap.allocate("lens shading", SHADING_BYTES)?;
        self.shading = Some(ShadingBuffer { fd, written: None, mapper });
        Ok(())
    }

    /// Gives that memory back.
    pub fn free_shading(&mut self) {
        self.shading = None;
    }

    fn settings(&self, job: &Job, embedded: Option<&FrameMemory>) -> SensorSettings {
        let trusted = job.sequence >= self.mistrust;
        let read = embedded.filter(|_| trusted).and_then(|memory| self.read_embedded(memory));
        let recorded = RecordedLines {
            exposure: job.applied.exposure_lines,
            frame_length: self.timing.frame_length_lines(job.applied.vblank_lines),
        };
        let reconciled = read.map(|read| self.helper.reconcile(read, job.recorded.then_some(recorded)));
        let source = match &reconciled {
            Some(reconciled) if reconciled.is_certain => SettingsSource::EmbeddedData,
            None if job.recorded => SettingsSource::DelayedControls,
            _ => SettingsSource::Estimated,
        };
        let read = reconciled.map_or(
            EmbeddedSettings {
                exposure_lines: recorded.exposure,
                analogue_gain_code: job.applied.gain_code,
                frame_length_lines: recorded.frame_length,
                line_length_pixels: self.timing.line_length_pixels(),
                temperature_c: None,
            },
            |reconciled| reconciled.settings,
        );
        SensorSettings {
            exposure: self.timing.duration(read.exposure_lines),
            analogue_gain: self.helper.gain(read.analogue_gain_code),
            frame_duration: self.timing.duration(read.frame_length_lines),
            temperature_c: read.temperature_c,
            source,
        }
    }

    /// What the sensor says of a frame; `None` where it says nothing that can be read.
    fn read_embedded(&self, memory: &FrameMemory) -> Option<EmbeddedSettings> {
        let registers = self.helper.embedded.as_ref()?;
        let view = memory.view().ok()?;
        embedded::parse(view.plane(0), self.bits, None, registers).ok()
    }

    /// The lens shading table in the ISP's memory, written there if it is a new one.
    fn shading_table(&mut self, wanted: Option<&Arc<LensShading>>) -> Option<ShadingTable> {
        let (buffer, wanted) = (self.shading.as_mut()?, wanted?);
        if !buffer.written.as_ref().is_some_and(|written| Arc::ptr_eq(written, wanted)) {
            let gains = wanted.gains.iter().flatten();
            let bytes: Vec<u8> = gains.flat_map(|gain| gain.to_ne_bytes()).collect();
            buffer.mapper.fill(buffer.fd.as_fd(), &bytes).ok()?;
            buffer.written = Some(Arc::clone(wanted));
        }
        Some(ShadingTable {
            fd: buffer.fd.as_raw_fd(),
            columns: wanted.columns,
            rows: wanted.rows,
            cell_pixels: wanted.cell_pixels,
        })
    }

    /// The sensor's registers for what the algorithms wish.
    pub fn registers(&self, request: &SensorRequest) -> SensorValues {
        let timing = self.timing.fit(request.exposure, request.frame_duration);
        SensorValues {
            exposure_lines: timing.exposure_lines,
            gain_code: self.helper.gain_code(request.analogue_gain),
            vblank_lines: timing.vblank,
        }
    }

    /// Where the algorithms want the lens, in its driver's steps.
    pub fn lens_code(&self) -> Option<i32> {
        Some(self.lens?.code(self.controller.lens_dioptres()?))
    }
}

/// Runs the algorithms in the loop's own thread.
pub struct SyncControlLoop {
    brain: Arc<Mutex<Brain>>,
    buffers: Vec<Option<Arc<FrameMemory>>>,
    parameters: Parameters,
    statistics: Box<Statistics>,
    wished: Option<SensorValues>,
    done: Option<Box<Job>>,
}

impl SyncControlLoop {
    /// Runs these.
    pub fn new(brain: Arc<Mutex<Brain>>) -> Self {
        Self {
            brain,
            buffers: Vec::new(),
            parameters: Parameters::default(),
            statistics: Box::default(),
            wished: None,
            done: None,
        }
    }

    fn buffer(&self, number: Option<u16>) -> Option<&FrameMemory> {
        self.buffers.get(usize::from(number?))?.as_deref()
    }

    fn prepare(&mut self, job: &mut Job) -> Result<()> {
        let brain = Arc::clone(&self.brain);
        let mut brain = lock(&brain);
        let settings = brain.settings(job, self.buffer(job.embedded));
        brain.controller.prepare(
            job.id,
            job.sequence,
            &settings,
            &job.controls,
            &mut self.parameters,
            &mut job.metadata,
        )?;
        job.lens = brain.lens_code();
        let changed = if job.rewrite { Changed::ALL } else { self.parameters.changed };
        if !changed.is_empty() {
            let table = brain.shading_table(self.parameters.lens_shading.as_ref());
            encode(&self.parameters, changed, table, &mut job.parameters);
        }
        Ok(())
    }

    fn process(&mut self, job: &mut Job) -> Result<()> {
        let memory = self.buffers.get(usize::from(job.statistics.unwrap_or(u16::MAX))).cloned().flatten();
        let memory = memory.ok_or_else(|| Error::new(ErrorKind::Algorithm, "reading statistics"))?;
        decode(memory.view()?.plane(0), &mut self.statistics)?;
        let mut brain = lock(&self.brain);
        let request = brain.controller.process(job.id, &self.statistics, &mut job.metadata)?;
        let wish = brain.registers(&request);
        job.wish = (self.wished != Some(wish)).then_some(wish);
        self.wished = Some(wish);
        job.lens = brain.lens_code();
        Ok(())
    }
}

fn lock(brain: &Mutex<Brain>) -> MutexGuard<'_, Brain> {
    brain.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl ControlLoop for SyncControlLoop {
    fn map(&mut self, buffers: &[(u16, Arc<FrameMemory>)]) -> Result<()> {
        let count = buffers.iter().map(|(number, _)| usize::from(*number) + 1).max().unwrap_or(0);
        self.buffers = vec![None; count];
        for (number, memory) in buffers {
            drop(memory.view()?);
            self.buffers[usize::from(*number)] = Some(Arc::clone(memory));
        }
        self.wished = None;
        Ok(())
    }

    fn unmap(&mut self) {
        self.buffers.clear();
        self.done = None;
    }

    fn submit(&mut self, _now: Timestamp, mut job: Box<Job>) {
        let done = match job.kind {
            JobKind::Prepare => self.prepare(&mut job),
            JobKind::Process => self.process(&mut job),
            JobKind::Convert => Err(Error::new(ErrorKind::Algorithm, "making a picture on the CPU")
                .because("here the ISP makes them")),
        };
        job.error = done.err();
        self.done = Some(job);
    }

    fn answer(&mut self, _now: Timestamp) -> Option<Box<Job>> {
        self.done.take()
    }
}
