//! What pipelines and control algorithms tell each other: one job a frame, moved to and fro.
//!
//! Where an ISP makes the pictures, a job goes to the algorithms twice. *Prepare*, before the frame is processed: they read
//! its embedded data and write the ISP's parameters. *Process*, after: they read its
//! statistics, complete its metadata, and wish for the sensor's settings of a later frame.
//! While a buffer's number is in a job that is out, the algorithms hold that buffer. Where the
//! CPU makes them, it goes there once: *convert* is all of that.

use pinhole_base::control::ControlList;
use pinhole_base::{Error, Result, Timestamp};
use pinhole_buffer::memory::PLANES_MAX;
use pinhole_buffer::{FrameMemory, FrameView};
use pinhole_device::control::ControlBatch;
use std::sync::Arc;

/// Values of a sensor's registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SensorValues {
    /// Exposure, in lines.
    pub exposure_lines: u32,
    /// Code of the analogue gain.
    pub gain_code: u32,
    /// Lines between frames.
    pub vblank_lines: u32,
}

/// What the algorithms are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Read the embedded data, write the ISP's parameters.
    Prepare,
    /// Read the statistics, complete the metadata, wish for sensor settings.
    Process,
    /// Make a picture of the frame on the CPU, complete the metadata, wish for settings.
    Convert,
}

/// A picture that the CPU makes of a frame.
#[derive(Debug)]
pub struct Conversion {
    /// What the device filled.
    pub source: Arc<FrameMemory>,
    /// How many bytes of it.
    pub source_bytes: u32,
    /// Bytes of each plane before them.
    pub data_offsets: [u32; PLANES_MAX],
    /// Where the picture goes; `None` if nobody wants it, but statistics may be gathered.
    pub target: Option<Arc<FrameMemory>>,
    /// Controls that the device is to have for later frames.
    pub wanted: ControlList,
}

impl Conversion {
    /// Looks at what the device filled, from where each plane's data begins.
    ///
    /// # Errors
    /// As [`FrameMemory::view`].
    pub fn view(&self) -> Result<FrameView<'_>> {
        self.source.view_from(self.data_offsets)
    }
}

/// One frame's business with the algorithms. Made once and used for frame after frame.
#[derive(Debug)]
pub struct Job {
    /// Tells it from every other frame's.
    pub id: u64,
    /// What to do.
    pub kind: JobKind,
    /// The receiver's number of the frame.
    pub sequence: u32,
    /// When the frame began.
    pub timestamp: Timestamp,
    /// What the request asks for.
    pub controls: ControlList,
    /// What the frame says of itself; the algorithms add to it.
    pub metadata: ControlList,
    /// The sensor's settings of this frame, as the delayed-control record has them.
    pub applied: SensorValues,
    /// Whether that record reaches back to this frame; otherwise they are the oldest it has.
    pub recorded: bool,
    /// The number of the embedded data's buffer, if there is one.
    pub embedded: Option<u16>,
    /// The number of the statistics' buffer, to be read in *process*.
    pub statistics: Option<u16>,
    /// Write every parameter, not only what changed: the device may have lost some.
    pub rewrite: bool,
    /// The ISP's parameters.
    pub parameters: ControlBatch,
    /// Settings for the sensor, as soon as it can be.
    pub wish: Option<SensorValues>,
    /// Where the lens is to be, in its driver's steps, as soon as it can be.
    pub lens: Option<i32>,
    /// What *convert* is about.
    pub conversion: Option<Conversion>,
    /// What went wrong.
    pub error: Option<Error>,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            id: 0,
            kind: JobKind::Prepare,
            sequence: 0,
            timestamp: Timestamp::ZERO,
            controls: ControlList::new(),
            metadata: ControlList::new(),
            applied: SensorValues::default(),
            recorded: true,
            embedded: None,
            statistics: None,
            rewrite: false,
            parameters: ControlBatch::default(),
            wish: None,
            lens: None,
            conversion: None,
            error: None,
        }
    }
}

/// The control algorithms, as the loop sees them: jobs go in, and come back when done, at
/// once or later, in any order, or never.
pub trait ControlLoop: Send {
    /// Learns of buffers that jobs will name.
    ///
    /// # Errors
    /// One cannot be mapped.
    fn map(&mut self, buffers: &[(u16, Arc<FrameMemory>)]) -> Result<()>;

    /// Forgets all buffers and all jobs: none is answered after this.
    fn unmap(&mut self);

    /// Takes a job.
    fn submit(&mut self, now: Timestamp, job: Box<Job>);

    /// The next job that is done.
    fn answer(&mut self, now: Timestamp) -> Option<Box<Job>>;

    /// When to ask again if none is done yet; `None` if only [`ControlLoop::submit`] can
    /// change that.
    fn deadline(&self) -> Option<Timestamp> {
        None
    }
}
