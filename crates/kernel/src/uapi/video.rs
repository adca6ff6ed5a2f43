//! Video nodes (linux/videodev2.h), but for their controls.
//!
//! # Safety
//!
//! This file opts in to `unsafe` for the calls that take a [`Buffer`], which holds the address
//! of its planes where a queue is multi-planar ([`run_with_planes`] puts it there from a slice),
//! and for taking possession of a descriptor that the kernel has just made for us.

#![expect(unsafe_code, reason = "see Safety above")]

use super::call::{self, Call};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct v4l2_capability`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct Capability {
    pub(crate) driver: [u8; 16],
    pub(crate) card: [u8; 32],
    pub(crate) bus_info: [u8; 32],
    pub(crate) version: u32,
    pub(crate) capabilities: u32,
    pub(crate) device_caps: u32,
    pub(crate) _reserved: [u32; 3],
}

pub(crate) const CAP_VIDEO_CAPTURE: u32 = 0x1;
pub(crate) const CAP_VIDEO_OUTPUT: u32 = 0x2;
pub(crate) const CAP_VIDEO_CAPTURE_MPLANE: u32 = 0x1000;
pub(crate) const CAP_VIDEO_OUTPUT_MPLANE: u32 = 0x2000;
pub(crate) const CAP_META_CAPTURE: u32 = 0x0080_0000;
pub(crate) const CAP_STREAMING: u32 = 0x0400_0000;
pub(crate) const CAP_IO_MC: u32 = 0x2000_0000;
pub(crate) const CAP_DEVICE_CAPS: u32 = 0x8000_0000;

pub(crate) const BUF_TYPE_VIDEO_CAPTURE: u32 = 1;
pub(crate) const BUF_TYPE_VIDEO_OUTPUT: u32 = 2;
pub(crate) const BUF_TYPE_VIDEO_CAPTURE_MPLANE: u32 = 9;
pub(crate) const BUF_TYPE_VIDEO_OUTPUT_MPLANE: u32 = 10;
pub(crate) const BUF_TYPE_META_CAPTURE: u32 = 13;

pub(crate) const MEMORY_MMAP: u32 = 1;
pub(crate) const MEMORY_DMABUF: u32 = 4;

/// Progressive pictures.
pub(crate) const FIELD_NONE: u32 = 1;

/// `VIDEO_MAX_PLANES`
pub(crate) const PLANES_MAX: usize = 8;

/// `struct v4l2_fmtdesc`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct FormatDescription {
    pub(crate) index: u32,
    pub(crate) kind: u32,
    pub(crate) _flags: u32,
    pub(crate) _description: [u8; 32],
    pub(crate) pixelformat: u32,
    pub(crate) mbus_code: u32,
    pub(crate) _reserved: [u32; 3],
}

/// `struct v4l2_format`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct Format {
    pub(crate) kind: u32,
    pub(crate) data: FormatData,
}

/// The union in a [`Format`]. One of its members holds pointers, which aligns it.
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct FormatData {
    pub(crate) _align: [usize; 0],
    pub(crate) bytes: [u8; 200],
}

impl Format {
    /// A format that says what `data` says.
    pub(crate) fn new(kind: u32, data: &(impl IntoBytes + Immutable)) -> Self {
        let mut bytes = [0; 200];
        let data = data.as_bytes();
        bytes[..data.len()].copy_from_slice(data);
        Self { kind, data: FormatData { _align: [], bytes } }
    }

    /// What it says, taken as a `T`.
    pub(crate) fn read<T: FromBytes>(&self) -> T {
        let (data, _rest) = T::read_from_prefix(&self.data.bytes).expect("every member fits the union");
        data
    }
}

/// `struct v4l2_pix_format`
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct PixFormat {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) pixelformat: u32,
    pub(crate) field: u32,
    pub(crate) bytesperline: u32,
    pub(crate) sizeimage: u32,
    pub(crate) colorspace: u32,
    pub(crate) private: u32,
    pub(crate) flags: u32,
    pub(crate) ycbcr_enc: u32,
    pub(crate) quantization: u32,
    pub(crate) xfer_func: u32,
}

/// `V4L2_PIX_FMT_PRIV_MAGIC`: the fields from `flags` on are there.
pub(crate) const PIX_FMT_PRIV_MAGIC: u32 = 0xfeed_cafe;
/// `V4L2_PIX_FMT_FLAG_SET_CSC`: the colours of what comes out are asked for, not told.
pub(crate) const PIX_FMT_FLAG_SET_CSC: u32 = 2;

/// `struct v4l2_plane_pix_format`
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct PlanePixFormat {
    pub(crate) sizeimage: u32,
    pub(crate) bytesperline: u32,
    pub(crate) _reserved: [u16; 6],
}

impl PlanePixFormat {
    pub(crate) const fn new(sizeimage: u32, bytesperline: u32) -> Self {
        Self { sizeimage, bytesperline, _reserved: [0; 6] }
    }
}

/// `struct v4l2_pix_format_mplane`
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct PixFormatMplane {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) pixelformat: u32,
    pub(crate) field: u32,
    pub(crate) colorspace: u32,
    pub(crate) plane_fmt: [PlanePixFormat; PLANES_MAX],
    pub(crate) num_planes: u8,
    pub(crate) flags: u8,
    pub(crate) ycbcr_enc: u8,
    pub(crate) quantization: u8,
    pub(crate) xfer_func: u8,
    pub(crate) _reserved: [u8; 7],
}

/// `struct v4l2_meta_format`
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct MetaPixFormat {
    pub(crate) dataformat: u32,
    pub(crate) buffersize: u32,
}

pub(crate) const COLORSPACE_DEFAULT: u32 = 0;
pub(crate) const COLORSPACE_SMPTE170M: u32 = 1;
pub(crate) const COLORSPACE_REC709: u32 = 3;
pub(crate) const COLORSPACE_JPEG: u32 = 7;
pub(crate) const COLORSPACE_SRGB: u32 = 8;
pub(crate) const COLORSPACE_BT2020: u32 = 10;
pub(crate) const COLORSPACE_RAW: u32 = 11;
pub(crate) const XFER_FUNC_709: u32 = 1;
pub(crate) const XFER_FUNC_SRGB: u32 = 2;
pub(crate) const XFER_FUNC_NONE: u32 = 5;
pub(crate) const YCBCR_ENC_601: u32 = 1;
pub(crate) const YCBCR_ENC_709: u32 = 2;
pub(crate) const YCBCR_ENC_BT2020: u32 = 6;
pub(crate) const QUANTIZATION_FULL_RANGE: u32 = 1;
pub(crate) const QUANTIZATION_LIM_RANGE: u32 = 2;

/// `struct v4l2_frmsizeenum`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct FrameSizeEnum {
    pub(crate) index: u32,
    pub(crate) pixel_format: u32,
    pub(crate) kind: u32,
    /// Width and height, or the least, greatest and step of each.
    pub(crate) sides: [u32; 6],
    pub(crate) _reserved: [u32; 2],
}

/// The kind of sizes and of intervals that are enumerated one by one.
pub(crate) const ENUM_DISCRETE: u32 = 1;

/// `struct v4l2_fract`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct Fraction {
    pub(crate) numerator: u32,
    pub(crate) denominator: u32,
}

/// `struct v4l2_frmivalenum`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct FrameIntervalEnum {
    pub(crate) index: u32,
    pub(crate) pixel_format: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) kind: u32,
    /// The interval, or the least, the greatest and the step.
    pub(crate) intervals: [Fraction; 3],
    pub(crate) _reserved: [u32; 2],
}

/// `struct v4l2_streamparm`, whose union begins alike for capture and output.
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct StreamParameters {
    pub(crate) kind: u32,
    pub(crate) capability: u32,
    pub(crate) _mode: u32,
    pub(crate) timeperframe: Fraction,
    pub(crate) _rest: [u8; 184],
}

/// `V4L2_CAP_TIMEPERFRAME`: the time from frame to frame can be set.
pub(crate) const CAP_TIMEPERFRAME: u32 = 0x1000;

/// `struct v4l2_selection`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct Selection {
    pub(crate) kind: u32,
    pub(crate) target: u32,
    pub(crate) flags: u32,
    pub(crate) rectangle: Rectangle,
    pub(crate) _reserved: [u32; 9],
}

/// `struct v4l2_rect`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct Rectangle {
    pub(crate) left: i32,
    pub(crate) top: i32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

pub(crate) const SEL_TGT_CROP: u32 = 0;
pub(crate) const SEL_TGT_CROP_DEFAULT: u32 = 1;
pub(crate) const SEL_TGT_CROP_BOUNDS: u32 = 2;
pub(crate) const SEL_TGT_NATIVE_SIZE: u32 = 3;

/// `struct v4l2_requestbuffers`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct RequestBuffers {
    pub(crate) count: u32,
    pub(crate) kind: u32,
    pub(crate) memory: u32,
    pub(crate) _capabilities: u32,
    pub(crate) _flags: u8,
    pub(crate) _reserved: [u8; 3],
}

/// `struct v4l2_create_buffers`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct CreateBuffers {
    pub(crate) index: u32,
    pub(crate) count: u32,
    pub(crate) memory: u32,
    pub(crate) format: Format,
    pub(crate) _capabilities: u32,
    pub(crate) _flags: u32,
    pub(crate) _reserved: [u32; 6],
}

/// `struct timeval`, with 64 bits for both on every machine.
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct TimeValue {
    pub(crate) sec: i64,
    pub(crate) usec: i64,
}

/// `struct v4l2_plane`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct Plane {
    pub(crate) bytesused: u32,
    pub(crate) length: u32,
    pub(crate) location: Location,
    pub(crate) data_offset: u32,
    pub(crate) _reserved: [u32; 11],
}

/// The union that says where memory is: a descriptor, an offset or an address.
#[repr(transparent)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct Location(usize);

impl Location {
    /// What a descriptor leads to.
    pub(crate) const fn descriptor(fd: RawFd) -> Self {
        let mut bytes = [0; size_of::<usize>()];
        bytes.split_at_mut(size_of::<RawFd>()).0.copy_from_slice(&fd.to_ne_bytes());
        Self(usize::from_ne_bytes(bytes))
    }
}

/// `struct v4l2_buffer`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct Buffer {
    pub(crate) index: u32,
    pub(crate) kind: u32,
    pub(crate) bytesused: u32,
    pub(crate) flags: u32,
    pub(crate) field: u32,
    pub(crate) timestamp: TimeValue,
    pub(crate) _timecode: [u32; 4],
    pub(crate) sequence: u32,
    pub(crate) memory: u32,
    pub(crate) location: Location,
    pub(crate) length: u32,
    pub(crate) _reserved2: u32,
    pub(crate) _request_fd: i32,
}

pub(crate) const BUF_FLAG_ERROR: u32 = 0x40;

/// Makes a call with a buffer and, on multi-planar queues, its planes.
///
/// # Panics
/// The buffer's memory is neither the device's own nor a dmabuf's.
pub(crate) fn run_with_planes(
    call: &Call<Buffer>,
    fd: BorrowedFd<'_>,
    buffer: &mut Buffer,
    planes: &mut [Plane],
) -> Result<(), Errno> {
    assert!(matches!(buffer.memory, MEMORY_MMAP | MEMORY_DMABUF), "memory is no address");
    if is_multiplanar(buffer.kind) {
        buffer.location = Location(planes.as_mut_ptr().expose_provenance());
        buffer.length = planes.len() as u32;
    }
    // SAFETY: where the queue is multi-planar, the address is that of `length` planes, which
    // live for as long as the call takes; else there is none, by the kind of memory.
    unsafe { call.run_with_addresses(fd, buffer) }.map(drop)
}

/// Whether a kind of queue has buffers of several planes.
pub(crate) const fn is_multiplanar(kind: u32) -> bool {
    matches!(kind, BUF_TYPE_VIDEO_CAPTURE_MPLANE | BUF_TYPE_VIDEO_OUTPUT_MPLANE)
}

/// `struct v4l2_exportbuffer`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct ExportBuffer {
    pub(crate) kind: u32,
    pub(crate) index: u32,
    pub(crate) plane: u32,
    pub(crate) flags: u32,
    pub(crate) fd: i32,
    pub(crate) _reserved: [u32; 11],
}

impl ExportBuffer {
    /// Exports a plane of a buffer as a dmabuf.
    pub(crate) fn export(fd: BorrowedFd<'_>, kind: u32, index: u32, plane: u32) -> Result<OwnedFd, Errno> {
        let flags = (OFlags::CLOEXEC | OFlags::RDWR).bits();
        let mut argument = Self { kind, index, plane, flags, fd: -1, _reserved: [0; 11] };
        EXPBUF.run(fd, &mut argument)?;
        // SAFETY: the call succeeded, so the kernel has made a descriptor that nobody else has.
        unsafe { call::owned(argument.fd) }
    }
}

/// `struct timespec`, with 64 bits for both on every machine.
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct TimeSpec {
    pub(crate) sec: i64,
    pub(crate) nsec: i64,
}

/// `struct v4l2_event`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct Event {
    pub(crate) kind: u32,
    pub(crate) data: EventData,
    pub(crate) _pending: u32,
    pub(crate) _sequence: u32,
    pub(crate) timestamp: TimeSpec,
    pub(crate) id: u32,
    pub(crate) _reserved: [u32; 8],
}

/// The union in an [`Event`]. One of its members holds 64-bit numbers, which aligns it.
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct EventData {
    pub(crate) _align: [i64; 0],
    pub(crate) bytes: [u8; 64],
}

impl Event {
    /// What it carries, taken as a `T`.
    pub(crate) fn read<T: FromBytes>(&self) -> T {
        let (data, _rest) = T::read_from_prefix(&self.data.bytes).expect("every member fits the union");
        data
    }
}

/// `struct v4l2_event_ctrl`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct EventControl {
    pub(crate) changes: u32,
    pub(crate) kind: u32,
    pub(crate) value: super::control::Value,
    pub(crate) _rest: [u32; 6],
}

pub(crate) const EVENT_CTRL: u32 = 3;
pub(crate) const EVENT_FRAME_SYNC: u32 = 4;
/// `V4L2_EVENT_CTRL_CH_VALUE`: it is the value that has changed.
pub(crate) const EVENT_CTRL_CH_VALUE: u32 = 1;

/// `struct v4l2_event_subscription`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct EventSubscription {
    pub(crate) kind: u32,
    pub(crate) id: u32,
    pub(crate) _flags: u32,
    pub(crate) _reserved: [u32; 5],
}

pub(crate) const QUERYCAP: Call<Capability> = Call::read("VIDIOC_QUERYCAP", b'V', 0);
pub(crate) const ENUM_FMT: Call<FormatDescription> = Call::read_write("VIDIOC_ENUM_FMT", b'V', 2);
pub(crate) const G_FMT: Call<Format> = Call::read_write("VIDIOC_G_FMT", b'V', 4);
pub(crate) const S_FMT: Call<Format> = Call::read_write("VIDIOC_S_FMT", b'V', 5);
pub(crate) const CREATE_BUFS: Call<CreateBuffers> = Call::read_write("VIDIOC_CREATE_BUFS", b'V', 92);
pub(crate) const REQBUFS: Call<RequestBuffers> = Call::read_write("VIDIOC_REQBUFS", b'V', 8);
pub(crate) const QUERYBUF: Call<Buffer> = Call::read_write("VIDIOC_QUERYBUF", b'V', 9);
pub(crate) const QBUF: Call<Buffer> = Call::read_write("VIDIOC_QBUF", b'V', 15);
pub(crate) const EXPBUF: Call<ExportBuffer> = Call::read_write("VIDIOC_EXPBUF", b'V', 16);
pub(crate) const DQBUF: Call<Buffer> = Call::read_write("VIDIOC_DQBUF", b'V', 17);
pub(crate) const STREAMON: Call<i32> = Call::write("VIDIOC_STREAMON", b'V', 18);
pub(crate) const STREAMOFF: Call<i32> = Call::write("VIDIOC_STREAMOFF", b'V', 19);
pub(crate) const S_PARM: Call<StreamParameters> = Call::read_write("VIDIOC_S_PARM", b'V', 22);
pub(crate) const TRY_FMT: Call<Format> = Call::read_write("VIDIOC_TRY_FMT", b'V', 64);
pub(crate) const ENUM_FRAMESIZES: Call<FrameSizeEnum> = Call::read_write("VIDIOC_ENUM_FRAMESIZES", b'V', 74);
pub(crate) const ENUM_FRAMEINTERVALS: Call<FrameIntervalEnum> =
    Call::read_write("VIDIOC_ENUM_FRAMEINTERVALS", b'V', 75);
pub(crate) const DQEVENT: Call<Event> = Call::read("VIDIOC_DQEVENT", b'V', 89);
pub(crate) const SUBSCRIBE_EVENT: Call<EventSubscription> = Call::write("VIDIOC_SUBSCRIBE_EVENT", b'V', 90);
pub(crate) const UNSUBSCRIBE_EVENT: Call<EventSubscription> =
    Call::write("VIDIOC_UNSUBSCRIBE_EVENT", b'V', 91);
pub(crate) const S_SELECTION: Call<Selection> = Call::read_write("VIDIOC_S_SELECTION", b'V', 95);
