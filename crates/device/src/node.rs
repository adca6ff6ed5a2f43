//! Video nodes: queues of buffers into or out of a device.
//!
//! The life of a queue, as in V4L2: set a format; make slots (either *allocated* by the
//! device, which can be exported as descriptors, or empty *import* slots, into which any
//! buffer can be queued by descriptor); queue buffers; stream on; dequeue what is done;
//! stream off, which returns everything to the caller; free the slots.

use crate::control::{ControlCode, Controls};
use crate::frames::{FrameInterval, FrameIntervals, FrameSizes};
use crate::poll::PollSource;
use pinhole_base::colour::ColourSpace;
use pinhole_base::format::{FourCc, PixelFormat};
use pinhole_base::geometry::{ImagePixels, ModePixels, Rect, Size};
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use std::os::fd::{BorrowedFd, OwnedFd};

/// Most planes of one buffer.
pub const PLANES_MAX: usize = 3;

/// Which way, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// Pictures come out.
    VideoCapture,
    /// Pictures go in.
    VideoOutput,
    /// Metadata (embedded data, statistics) comes out.
    MetaCapture,
}

/// What a node is and can do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_capability")]
pub struct NodeCapabilities {
    /// Name of its entity.
    pub name: String,
    /// Which way, and what.
    pub kind: NodeKind,
    /// Formats are set along the media graph (`V4L2_CAP_IO_MC`).
    pub media_centric: bool,
}

/// The format of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_pix_format")]
pub struct ImageFormat {
    /// What the bytes mean.
    pub format: PixelFormat,
    /// Pixels.
    pub size: Size<ImagePixels>,
    /// Bytes from one row of the first plane to the next; 0 asks the device to choose.
    pub stride_bytes: u32,
    /// Bytes of a buffer, all colour planes together; 0 asks the device to choose.
    pub size_bytes: u32,
    /// What the numbers mean as colours.
    pub colour: ColourSpace,
}

/// The format of metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_meta_format")]
pub struct MetaFormat {
    /// What it is: `SENS`, `BSTA`, …
    pub fourcc: FourCc,
    /// Bytes of a buffer.
    pub size_bytes: u32,
}

/// The format of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeFormat {
    /// Pictures.
    Image(ImageFormat),
    /// Metadata.
    Meta(MetaFormat),
}

impl NodeFormat {
    /// Bytes of a buffer.
    pub const fn size_bytes(&self) -> u32 {
        match self {
            Self::Image(image) => image.size_bytes,
            Self::Meta(meta) => meta.size_bytes,
        }
    }

    /// The image format, if it is one.
    pub const fn image(self) -> Option<ImageFormat> {
        match self {
            Self::Image(image) => Some(image),
            Self::Meta(_) => None,
        }
    }
}

/// A buffer that a device allocated, as descriptors.
#[derive(Debug)]
pub struct ExportedBuffer {
    /// Descriptor and length in bytes of each memory plane (one, but for formats whose colour planes
    /// do not follow one another).
    pub planes: Vec<(OwnedFd, u32)>,
}

/// One plane of a buffer to be queued.
#[derive(Clone, Copy, Debug)]
pub struct QueuePlane<'a> {
    /// Where it is.
    pub fd: BorrowedFd<'a>,
    /// How long it is, in bytes.
    pub length: u32,
    /// Bytes that hold data; for what goes in.
    pub bytes_used: u32,
}

/// A buffer to be queued into an import slot.
#[derive(Clone, Copy, Debug)]
#[doc(alias = "VIDIOC_QBUF")]
pub struct QueueBuffer<'a> {
    /// The slot; drivers keep what they know of a descriptor with it, so the same buffer had
    /// best get the same slot.
    pub slot: u32,
    /// Its memory.
    pub planes: &'a [QueuePlane<'a>],
    /// Its time stamp; for what goes in.
    pub timestamp: Timestamp,
}

/// A buffer that a device is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "VIDIOC_DQBUF")]
pub struct Dequeued {
    /// The slot it was queued into.
    pub slot: u32,
    /// The frame's number since streaming began; gaps show lost frames.
    pub sequence: u32,
    /// When the frame began.
    pub timestamp: Timestamp,
    /// The driver says that the contents may be damaged (`V4L2_BUF_FLAG_ERROR`).
    pub error: bool,
    /// Bytes of each plane that hold data.
    pub bytes_used: [u32; PLANES_MAX],
    /// Bytes of each plane before its data.
    #[doc(alias = "data_offset")]
    pub data_offsets: [u32; PLANES_MAX],
}

/// Something a device tells besides its buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeEvent {
    /// A frame begins (`V4L2_EVENT_FRAME_SYNC`).
    FrameStart {
        /// Its number.
        sequence: u32,
        /// When.
        timestamp: Timestamp,
    },
    /// A control has a new value (`V4L2_EVENT_CTRL`).
    ControlChanged {
        /// Which.
        code: ControlCode,
        /// Its value.
        value: i64,
    },
}

/// A video node.
pub trait VideoNode: Controls + Send {
    /// What it is and can do.
    fn capabilities(&self) -> &NodeCapabilities;

    /// The codes of formats it offers.
    ///
    /// # Errors
    /// The device is gone.
    #[doc(alias = "VIDIOC_ENUM_FMT")]
    fn formats(&mut self) -> Result<Vec<FourCc>>;

    /// The sizes it offers in a format; none if it does not say.
    ///
    /// # Errors
    /// The device is gone.
    #[doc(alias = "VIDIOC_ENUM_FRAMESIZES")]
    fn frame_sizes(&mut self, _format: FourCc) -> Result<Vec<FrameSizes>> {
        Ok(Vec::new())
    }

    /// The frame intervals it offers in a format and size; none if it does not say.
    ///
    /// # Errors
    /// The device is gone.
    #[doc(alias = "VIDIOC_ENUM_FRAMEINTERVALS")]
    fn frame_intervals(&mut self, _format: FourCc, _size: Size<ImagePixels>) -> Result<Vec<FrameIntervals>> {
        Ok(Vec::new())
    }

    /// Sets the time from frame to frame, adjusted to what the device can do; answers that.
    ///
    /// # Errors
    /// The node has no say in it, frames are flowing, or the device is gone.
    #[doc(alias = "VIDIOC_S_PARM")]
    fn set_frame_interval(&mut self, _interval: FrameInterval) -> Result<FrameInterval> {
        Err(Error::new(ErrorKind::Unsupported, "setting the frame interval"))
    }

    /// The present format.
    ///
    /// # Errors
    /// The device is gone.
    #[doc(alias = "VIDIOC_G_FMT")]
    fn format(&mut self) -> Result<NodeFormat>;

    /// What the device would make of a format, without setting it.
    ///
    /// # Errors
    /// The kind of format does not fit the node, or the device is gone.
    #[doc(alias = "VIDIOC_TRY_FMT")]
    fn try_format(&mut self, format: NodeFormat) -> Result<NodeFormat>;

    /// Sets a format, adjusted to what the device can do; answers that.
    ///
    /// # Errors
    /// As `try_format`; also `EBUSY` while there are slots.
    #[doc(alias = "VIDIOC_S_FMT")]
    fn set_format(&mut self, format: NodeFormat) -> Result<NodeFormat>;

    /// Which part of what goes in is processed; adjusted by the device.
    ///
    /// # Errors
    /// The node cannot crop.
    #[doc(alias = "VIDIOC_S_SELECTION")]
    fn set_crop(&mut self, crop: Rect<ModePixels>) -> Result<Rect<ModePixels>>;

    /// Allocates buffers in the device; answers how many.
    ///
    /// # Errors
    /// There are slots already, or memory ran out (`ENOMEM`).
    #[doc(alias = "VIDIOC_REQBUFS")]
    fn allocate(&mut self, count: u32) -> Result<u32>;

    /// Exports an allocated buffer as descriptors.
    ///
    /// # Errors
    /// There is no such buffer, or descriptors ran out.
    #[doc(alias = "VIDIOC_EXPBUF")]
    fn export(&mut self, slot: u32) -> Result<ExportedBuffer>;

    /// Makes empty slots for buffers from elsewhere; answers how many it granted.
    ///
    /// # Errors
    /// There are slots already.
    #[doc(alias = "V4L2_MEMORY_DMABUF")]
    fn import(&mut self, count: u32) -> Result<u32>;

    /// Adds slots to those that there are, of the same kind, also while frames flow; answers how
    /// many it granted.
    ///
    /// # Errors
    /// There are none yet, the device cannot, or memory ran out.
    #[doc(alias = "VIDIOC_CREATE_BUFS")]
    fn add_slots(&mut self, _count: u32) -> Result<u32> {
        Err(Error::new(ErrorKind::Unsupported, "adding slots"))
    }

    /// Frees all slots. Exported descriptors live on. Streaming must be off.
    ///
    /// # Errors
    /// `EBUSY` while streaming.
    fn free(&mut self) -> Result<()>;

    /// Queues a buffer into an import slot.
    ///
    /// # Errors
    /// A bad slot, a slot that is queued already, a buffer that is too small or cannot be
    /// imported.
    fn queue(&mut self, buffer: &QueueBuffer<'_>) -> Result<()>;

    /// The next buffer that the device is done with; `None` if there is none yet.
    ///
    /// # Errors
    /// Streaming is off, the device failed or is gone.
    fn dequeue(&mut self) -> Result<Option<Dequeued>>;

    /// Starts the flow.
    ///
    /// # Errors
    /// The device refuses.
    #[doc(alias = "VIDIOC_STREAMON")]
    fn stream_on(&mut self) -> Result<()>;

    /// Stops it. Every queued buffer is the caller's again. Does nothing if off.
    ///
    /// # Errors
    /// The device is gone; the buffers are the caller's all the same.
    #[doc(alias = "VIDIOC_STREAMOFF")]
    fn stream_off(&mut self) -> Result<()>;

    /// Asks for an event at each frame start, or for none any more.
    ///
    /// # Errors
    /// The device has no such events.
    #[doc(alias = "VIDIOC_SUBSCRIBE_EVENT")]
    fn subscribe_frame_start(&mut self, wanted: bool) -> Result<()>;

    /// Asks for an event whenever somebody else changes a control, or for none any more.
    ///
    /// # Errors
    /// There is no such control, or the device is gone.
    fn subscribe_control(&mut self, _code: ControlCode, _wanted: bool) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "subscribing to a control"))
    }

    /// The next event; `None` if there is none.
    ///
    /// # Errors
    /// The device is gone.
    #[doc(alias = "VIDIOC_DQEVENT")]
    fn dequeue_event(&mut self) -> Result<Option<NodeEvent>>;

    /// By what a [`crate::Poller`] of the same provider watches it.
    fn poll_source(&self) -> PollSource<'_>;
}
