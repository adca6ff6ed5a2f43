//! Controls (linux/videodev2.h).
//!
//! # Safety
//!
//! This file opts in to `unsafe` for the two calls that take a list of controls, which holds
//! the address of the list and, in compound controls, of their bytes. Both come from the
//! exclusive borrows of a [`ControlList`], and live as long as it does.

#![expect(unsafe_code, reason = "see Safety above")]

use super::call::Call;
use rustix::io::Errno;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use zerocopy::{FromBytes, FromZeros};

/// `struct v4l2_query_ext_ctrl`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct QueryExtControl {
    pub(crate) id: u32,
    pub(crate) kind: u32,
    pub(crate) name: [u8; 32],
    pub(crate) minimum: i64,
    pub(crate) maximum: i64,
    pub(crate) step: u64,
    pub(crate) default_value: i64,
    pub(crate) flags: u32,
    pub(crate) elem_size: u32,
    pub(crate) elems: u32,
    pub(crate) _nr_of_dims: u32,
    pub(crate) _dims: [u32; 4],
    pub(crate) _reserved: [u32; 32],
}

pub(crate) const CTRL_TYPE_MENU: u32 = 3;
pub(crate) const CTRL_TYPE_INTEGER64: u32 = 5;
pub(crate) const CTRL_TYPE_CLASS: u32 = 6;
pub(crate) const CTRL_TYPE_BITMASK: u32 = 8;
pub(crate) const CTRL_TYPE_INTEGER_MENU: u32 = 9;

pub(crate) const CTRL_FLAG_DISABLED: u32 = 0x1;
pub(crate) const CTRL_FLAG_READ_ONLY: u32 = 0x4;
pub(crate) const CTRL_FLAG_HAS_PAYLOAD: u32 = 0x100;
pub(crate) const CTRL_FLAG_MODIFY_LAYOUT: u32 = 0x400;
pub(crate) const CTRL_FLAG_NEXT_CTRL: u32 = 0x8000_0000;
pub(crate) const CTRL_FLAG_NEXT_COMPOUND: u32 = 0x4000_0000;

/// `struct v4l2_querymenu`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct QueryMenu {
    pub(crate) id: u32,
    pub(crate) index: u32,
    /// A name, or a 64-bit integer at its start.
    pub(crate) name: [u8; 32],
    pub(crate) _reserved: u32,
}

/// The union of an integer's two sizes and an address. In C it lies on four bytes in one
/// structure and on eight in the other, and both places are multiples of four.
#[repr(transparent)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct Value([u32; 2]);

impl Value {
    const fn from_u32(value: u32) -> Self {
        Self([value, 0])
    }

    const fn from_i64(value: i64) -> Self {
        let [a, b, c, d, e, f, g, h] = value.to_ne_bytes();
        Self([u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h])])
    }

    fn from_address(address: usize) -> Self {
        let mut bytes = [0; 8];
        bytes[..size_of::<usize>()].copy_from_slice(&address.to_ne_bytes());
        Self::from_i64(i64::from_ne_bytes(bytes))
    }

    /// The integer of a control of that kind.
    pub(crate) const fn integer(self, kind: u32) -> i64 {
        let Self([first, second]) = self;
        match kind {
            CTRL_TYPE_INTEGER64 => {
                let ([a, b, c, d], [e, f, g, h]) = (first.to_ne_bytes(), second.to_ne_bytes());
                i64::from_ne_bytes([a, b, c, d, e, f, g, h])
            }
            CTRL_TYPE_BITMASK => first as i64,
            _ => first.cast_signed() as i64,
        }
    }
}

/// `struct v4l2_ext_control`, whose packed fields need no packing but for the last.
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct ExtControl {
    pub(crate) id: u32,
    pub(crate) size: u32,
    pub(crate) _reserved2: u32,
    pub(crate) value: Value,
}

/// `struct v4l2_ext_controls`
#[repr(C)]
#[derive(Clone, Copy, FromBytes)]
pub(crate) struct ExtControls {
    pub(crate) which: u32,
    pub(crate) count: u32,
    pub(crate) error_idx: u32,
    pub(crate) _request_fd: i32,
    pub(crate) _reserved: u32,
    pub(crate) controls: usize,
}

/// Controls to be read or written in one call. Holds on to the bytes of compound ones, which
/// the kernel writes back even where they are only to be set.
pub(crate) struct ControlList<'a, const MAX: usize> {
    controls: [ExtControl; MAX],
    count: usize,
    payloads: PhantomData<&'a mut [u8]>,
}

/// What came of a list, where the call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) errno: Errno,
    /// Which control it was, if the kernel says so.
    pub(crate) id: Option<u32>,
}

impl<'a, const MAX: usize> ControlList<'a, MAX> {
    pub(crate) fn new() -> Self {
        Self { controls: FromZeros::new_zeroed(), count: 0, payloads: PhantomData }
    }

    fn push(&mut self, id: u32, size: u32, value: Value) {
        self.controls[self.count] = ExtControl { id, size, _reserved2: 0, value };
        self.count += 1;
    }

    /// Appends an integer of that kind of control; `None` if it has not room for the value.
    ///
    /// # Panics
    /// There are `MAX` controls already.
    pub(crate) fn push_integer(&mut self, id: u32, kind: u32, value: i64) -> Option<()> {
        let value = match kind {
            CTRL_TYPE_INTEGER64 => Value::from_i64(value),
            CTRL_TYPE_BITMASK => Value::from_u32(u32::try_from(value).ok()?),
            _ => Value::from_u32(i32::try_from(value).ok()?.cast_unsigned()),
        };
        self.push(id, 0, value);
        Some(())
    }

    /// Appends a compound control.
    ///
    /// # Panics
    /// There are `MAX` controls already.
    pub(crate) fn push_payload(&mut self, id: u32, payload: &'a mut [u8]) {
        let size = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        self.push(id, size, Value::from_address(payload.as_mut_ptr().expose_provenance()));
    }

    /// The value of a control in the list.
    pub(crate) fn value(&self, at: usize) -> Value {
        self.controls[at].value
    }

    /// Reads or writes all of them.
    pub(crate) fn run(&mut self, call: &Call<ExtControls>, fd: BorrowedFd<'_>) -> Result<(), Refused> {
        let count = self.count as u32;
        let controls = self.controls.as_mut_ptr().expose_provenance();
        let mut argument =
            ExtControls { which: 0, count, error_idx: count, _request_fd: 0, _reserved: 0, controls };
        // SAFETY: the address is that of `count` controls. A control with a size has the
        // address of that many bytes, which `'a` keeps borrowed; the kernel follows no address
        // in a control without one.
        let answer = unsafe { call.run_with_addresses(fd, &mut argument) };
        answer.map(drop).map_err(|errno| {
            let failed = self.controls[..self.count].get(argument.error_idx as usize);
            Refused { errno, id: failed.map(|control| control.id) }
        })
    }
}

pub(crate) const QUERYMENU: Call<QueryMenu> = Call::read_write("VIDIOC_QUERYMENU", b'V', 37);
pub(crate) const G_EXT_CTRLS: Call<ExtControls> = Call::read_write("VIDIOC_G_EXT_CTRLS", b'V', 71);
pub(crate) const S_EXT_CTRLS: Call<ExtControls> = Call::read_write("VIDIOC_S_EXT_CTRLS", b'V', 72);
pub(crate) const QUERY_EXT_CTRL: Call<QueryExtControl> = Call::read_write("VIDIOC_QUERY_EXT_CTRL", b'V', 103);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_come_back_in_the_size_of_their_control() {
        for value in [0, 1, -1, i64::from(i32::MIN), i64::from(i32::MAX)] {
            let mut list = ControlList::<1>::new();
            list.push_integer(1, 1, value).unwrap();
            assert_eq!(list.value(0).integer(1), value);
        }
        let mut mask = ControlList::<1>::new();
        assert!(mask.push_integer(1, CTRL_TYPE_BITMASK, -1).is_none());
        mask.push_integer(1, CTRL_TYPE_BITMASK, 0x8000_0001).unwrap();
        assert_eq!(mask.value(0).integer(CTRL_TYPE_BITMASK), 0x8000_0001);
        for value in [i64::MIN, i64::MAX, -1, 700_000_000_000] {
            let mut list = ControlList::<1>::new();
            assert!(list.push_integer(1, 1, value).is_none() == i32::try_from(value).is_err());
            let mut list = ControlList::<1>::new();
            list.push_integer(1, CTRL_TYPE_INTEGER64, value).unwrap();
            assert_eq!(list.value(0).integer(CTRL_TYPE_INTEGER64), value);
        }
    }
}
