//! Sub-devices (linux/v4l2-subdev.h, linux/v4l2-mediabus.h).
//!
//! # Safety
//!
//! This file opts in to `unsafe` for the calls that take a [`Routing`], which holds the address
//! of its routes ([`run_with_routes`] puts it there from a list).

#![expect(unsafe_code, reason = "see Safety above")]

use super::call::Call;
use super::video::{Fraction, Rectangle};
use rustix::io::Errno;
use std::os::fd::BorrowedFd;
use zerocopy::{FromBytes, FromZeros};

/// `struct v4l2_mbus_framefmt`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct FrameFormat {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) code: u32,
    pub(crate) field: u32,
    pub(crate) colorspace: u32,
    pub(crate) _ycbcr_enc: u16,
    pub(crate) _quantization: u16,
    pub(crate) _xfer_func: u16,
    pub(crate) _flags: u16,
    pub(crate) _reserved: [u16; 10],
}

/// `V4L2_SUBDEV_FORMAT_ACTIVE`: what the device does, not what it would do.
pub(crate) const FORMAT_ACTIVE: u32 = 1;

/// `struct v4l2_subdev_format`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct SubdevFormat {
    pub(crate) which: u32,
    pub(crate) pad: u32,
    pub(crate) format: FrameFormat,
    pub(crate) _reserved: [u32; 8],
}

/// `struct v4l2_subdev_mbus_code_enum`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct MbusCodeEnum {
    pub(crate) pad: u32,
    pub(crate) index: u32,
    pub(crate) code: u32,
    pub(crate) which: u32,
    pub(crate) _flags: u32,
    pub(crate) _reserved: [u32; 7],
}

/// `struct v4l2_subdev_frame_size_enum`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct SubdevFrameSizeEnum {
    pub(crate) index: u32,
    pub(crate) pad: u32,
    pub(crate) code: u32,
    pub(crate) min_width: u32,
    pub(crate) max_width: u32,
    pub(crate) min_height: u32,
    pub(crate) max_height: u32,
    pub(crate) which: u32,
    pub(crate) _reserved: [u32; 8],
}

/// `struct v4l2_subdev_frame_interval`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct SubdevFrameInterval {
    pub(crate) pad: u32,
    pub(crate) interval: Fraction,
    pub(crate) _reserved: [u32; 9],
}

/// `struct v4l2_subdev_frame_interval_enum`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct SubdevFrameIntervalEnum {
    pub(crate) index: u32,
    pub(crate) pad: u32,
    pub(crate) code: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) interval: Fraction,
    pub(crate) which: u32,
    pub(crate) _reserved: [u32; 8],
}

/// `struct v4l2_subdev_selection`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct SubdevSelection {
    pub(crate) which: u32,
    pub(crate) pad: u32,
    pub(crate) target: u32,
    pub(crate) flags: u32,
    pub(crate) rectangle: Rectangle,
    pub(crate) _reserved: [u32; 8],
}

/// `struct v4l2_subdev_route`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct RouteDescription {
    pub(crate) sink_pad: u32,
    pub(crate) sink_stream: u32,
    pub(crate) source_pad: u32,
    pub(crate) source_stream: u32,
    pub(crate) flags: u32,
    pub(crate) _reserved: [u32; 5],
}

/// `V4L2_SUBDEV_ROUTE_FL_ACTIVE`
pub(crate) const ROUTE_ACTIVE: u32 = 1;

/// `struct v4l2_subdev_routing`, as it is since Linux 6.10.
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct Routing {
    pub(crate) which: u32,
    pub(crate) len_routes: u32,
    pub(crate) routes: u64,
    pub(crate) num_routes: u32,
    pub(crate) _reserved: [u32; 11],
}

/// No sub-device has more routes.
const ROUTES_MAX: usize = 256;

/// Makes a call with routes; answers those that the device has then, as many as it can tell of.
pub(crate) fn run_with_routes(
    call: &Call<Routing>,
    fd: BorrowedFd<'_>,
    wanted: &[RouteDescription],
) -> Result<Vec<RouteDescription>, Errno> {
    if wanted.len() > ROUTES_MAX {
        return Err(Errno::TOOBIG);
    }
    let mut routes = vec![RouteDescription::new_zeroed(); ROUTES_MAX];
    routes[..wanted.len()].copy_from_slice(wanted);
    let mut routing = Routing { which: FORMAT_ACTIVE, ..FromZeros::new_zeroed() };
    routing.len_routes = ROUTES_MAX as u32;
    routing.num_routes = wanted.len() as u32;
    routing.routes = routes.as_mut_ptr().expose_provenance() as u64;
    // SAFETY: the address is that of `len_routes` routes, which live for as long as the call
    // takes; the kernel reads and writes no more of them.
    unsafe { call.run_with_addresses(fd, &mut routing) }?;
    routes.truncate(routing.num_routes as usize);
    Ok(routes)
}

pub(crate) const G_ROUTING: Call<Routing> = Call::read_write("VIDIOC_SUBDEV_G_ROUTING", b'V', 38);
pub(crate) const S_ROUTING: Call<Routing> = Call::read_write("VIDIOC_SUBDEV_S_ROUTING", b'V', 39);
pub(crate) const ENUM_MBUS_CODE: Call<MbusCodeEnum> =
    Call::read_write("VIDIOC_SUBDEV_ENUM_MBUS_CODE", b'V', 2);
pub(crate) const G_FMT: Call<SubdevFormat> = Call::read_write("VIDIOC_SUBDEV_G_FMT", b'V', 4);
pub(crate) const S_FMT: Call<SubdevFormat> = Call::read_write("VIDIOC_SUBDEV_S_FMT", b'V', 5);
pub(crate) const S_FRAME_INTERVAL: Call<SubdevFrameInterval> =
    Call::read_write("VIDIOC_SUBDEV_S_FRAME_INTERVAL", b'V', 22);
pub(crate) const G_SELECTION: Call<SubdevSelection> = Call::read_write("VIDIOC_SUBDEV_G_SELECTION", b'V', 61);
pub(crate) const S_SELECTION: Call<SubdevSelection> = Call::read_write("VIDIOC_SUBDEV_S_SELECTION", b'V', 62);
pub(crate) const ENUM_FRAME_SIZE: Call<SubdevFrameSizeEnum> =
    Call::read_write("VIDIOC_SUBDEV_ENUM_FRAME_SIZE", b'V', 74);
pub(crate) const ENUM_FRAME_INTERVAL: Call<SubdevFrameIntervalEnum> =
    Call::read_write("VIDIOC_SUBDEV_ENUM_FRAME_INTERVAL", b'V', 75);
