//! Media devices (linux/media.h).
//!
//! # Safety
//!
//! This file opts in to `unsafe` for the call that fills the lists of a topology: it takes the
//! addresses of four lists, each with its length.

#![expect(unsafe_code, reason = "see Safety above")]

use super::call::Call;
use rustix::io::Errno;
use std::os::fd::BorrowedFd;
use zerocopy::{FromBytes, FromZeros};

/// `struct media_device_info`
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes)]
pub(crate) struct DeviceInfo {
    pub(crate) driver: [u8; 16],
    pub(crate) model: [u8; 32],
    pub(crate) _serial: [u8; 40],
    pub(crate) bus_info: [u8; 32],
    pub(crate) media_version: u32,
    pub(crate) _hw_revision: u32,
    pub(crate) _driver_version: u32,
    pub(crate) _reserved: [u32; 31],
}

/// `struct media_v2_entity`
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes)]
pub(crate) struct Entity {
    pub(crate) id: u32,
    pub(crate) name: [u8; 64],
    pub(crate) function: u32,
    pub(crate) _flags: u32,
    pub(crate) _reserved: [u32; 5],
}

pub(crate) const ENT_F_IO_V4L: u32 = 0x1_0001;
pub(crate) const ENT_F_CAM_SENSOR: u32 = 0x2_0001;
pub(crate) const ENT_F_LENS: u32 = 0x2_0003;
/// The first number of what processes pictures.
pub(crate) const ENT_F_PROC_VIDEO: u32 = 0x4001;
/// The last number of what forwards them (multiplexers, bridges).
pub(crate) const ENT_F_VID_LAST: u32 = 0x5fff;

/// `struct media_v2_interface`
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes)]
pub(crate) struct Interface {
    pub(crate) id: u32,
    pub(crate) intf_type: u32,
    pub(crate) _flags: u32,
    pub(crate) _reserved: [u32; 9],
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) _rest: [u32; 14],
}

pub(crate) const INTF_T_V4L_VIDEO: u32 = 0x200;
pub(crate) const INTF_T_V4L_SUBDEV: u32 = 0x203;

/// `struct media_v2_pad`
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes)]
pub(crate) struct Pad {
    pub(crate) id: u32,
    pub(crate) entity_id: u32,
    pub(crate) flags: u32,
    pub(crate) index: u32,
    pub(crate) _reserved: [u32; 4],
}

pub(crate) const PAD_FL_SINK: u32 = 1;
pub(crate) const PAD_FL_SOURCE: u32 = 2;

/// `struct media_v2_link`
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes)]
pub(crate) struct Link {
    pub(crate) id: u32,
    pub(crate) source_id: u32,
    pub(crate) sink_id: u32,
    pub(crate) flags: u32,
    pub(crate) _reserved: [u32; 6],
}

pub(crate) const LNK_FL_ENABLED: u32 = 1;
pub(crate) const LNK_FL_IMMUTABLE: u32 = 2;
/// `MEDIA_LNK_FL_LINK_TYPE`: the bits that say what a link joins.
pub(crate) const LNK_TYPE: u32 = 0xf000_0000;
pub(crate) const LNK_TYPE_DATA: u32 = 0;
pub(crate) const LNK_TYPE_INTERFACE: u32 = 0x1000_0000;
/// `MEDIA_LNK_FL_ANCILLARY_LINK`: from an entity to its companion. Since Linux 5.17.
pub(crate) const LNK_TYPE_ANCILLARY: u32 = 0x2000_0000;

/// A count and an address in `struct media_v2_topology`.
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes)]
pub(crate) struct List {
    pub(crate) count: u32,
    pub(crate) _reserved: u32,
    pub(crate) address: u64,
}

/// `struct media_v2_topology`
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes)]
pub(crate) struct RawTopology {
    pub(crate) topology_version: u64,
    pub(crate) entities: List,
    pub(crate) interfaces: List,
    pub(crate) pads: List,
    pub(crate) links: List,
}

/// `struct media_pad_desc`
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes)]
pub(crate) struct PadDescription {
    pub(crate) entity: u32,
    pub(crate) index: u16,
    pub(crate) flags: u32,
    pub(crate) _reserved: [u32; 2],
}

/// `struct media_link_desc`
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes)]
pub(crate) struct LinkDescription {
    pub(crate) source: PadDescription,
    pub(crate) sink: PadDescription,
    pub(crate) flags: u32,
    pub(crate) _reserved: [u32; 2],
}

pub(crate) const DEVICE_INFO: Call<DeviceInfo> = Call::read_write("MEDIA_IOC_DEVICE_INFO", b'|', 0);
pub(crate) const SETUP_LINK: Call<LinkDescription> = Call::read_write("MEDIA_IOC_SETUP_LINK", b'|', 3);
pub(crate) const G_TOPOLOGY: Call<RawTopology> = Call::read_write("MEDIA_IOC_G_TOPOLOGY", b'|', 4);

/// The lists of a topology.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topology {
    pub(crate) entities: Vec<Entity>,
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) pads: Vec<Pad>,
    pub(crate) links: Vec<Link>,
}

/// How often a topology is asked for again that changes meanwhile.
const ATTEMPTS: u32 = 8;

/// The most of anything that a graph has; drivers that tell of more are not believed.
const COUNT_MAX: u32 = 4096;

impl Topology {
    /// Asks a media device for its topology.
    pub(crate) fn of(fd: BorrowedFd<'_>) -> Result<Self, Errno> {
        for _ in 0..ATTEMPTS {
            let mut counts = RawTopology::new_zeroed();
            // SAFETY: without addresses the kernel only counts.
            unsafe { G_TOPOLOGY.run_with_addresses(fd, &mut counts) }?;
            match Self::filled(fd, &counts) {
                Ok(Some(topology)) => return Ok(topology),
                Ok(None) | Err(Errno::NOSPC) => {} // It has changed in between.
                Err(errno) => return Err(errno),
            }
        }
        Err(Errno::AGAIN)
    }

    /// The topology, if it still is what was counted.
    fn filled(fd: BorrowedFd<'_>, counts: &RawTopology) -> Result<Option<Self>, Errno> {
        let mut topology = Self {
            entities: zeroed(counts.entities)?,
            interfaces: zeroed(counts.interfaces)?,
            pads: zeroed(counts.pads)?,
            links: zeroed(counts.links)?,
        };
        let mut raw = RawTopology {
            topology_version: 0,
            entities: list(&mut topology.entities),
            interfaces: list(&mut topology.interfaces),
            pads: list(&mut topology.pads),
            links: list(&mut topology.links),
        };
        // SAFETY: each address is that of a list which lives as long as the call, and has as
        // many elements as the count beside it says; the kernel writes no more than that.
        unsafe { G_TOPOLOGY.run_with_addresses(fd, &mut raw) }?;
        Ok((raw.topology_version == counts.topology_version).then_some(topology))
    }
}

fn zeroed<T: FromZeros + Clone>(list: List) -> Result<Vec<T>, Errno> {
    if list.count > COUNT_MAX {
        return Err(Errno::OVERFLOW);
    }
    Ok(vec![T::new_zeroed(); list.count as usize])
}

fn list<T>(elements: &mut [T]) -> List {
    // No address asks the kernel to count.
    let address = if elements.is_empty() { 0 } else { elements.as_mut_ptr().expose_provenance() };
    List { count: elements.len() as u32, _reserved: 0, address: address as u64 }
}
