//! Device controls: numbered values of a sub-device or video node.

use pinhole_base::{Error, ErrorKind, Result};
use std::fmt;

/// The number of a control, as Linux has them (see [`crate::uapi`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[doc(alias = "V4L2_CID")]
pub struct ControlCode(pub u32);

impl fmt::Debug for ControlCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

/// What a device says of one of its controls.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_query_ext_ctrl")]
pub struct ControlDescription {
    /// Its number.
    pub code: ControlCode,
    /// Its name.
    pub name: String,
    /// Least value; 0 for compound controls.
    pub minimum: i64,
    /// Greatest value; 0 for compound controls.
    pub maximum: i64,
    /// Values are `minimum` plus a multiple of it.
    pub step: u64,
    /// Value after a reset.
    pub default: i64,
    /// Bytes of a compound control; 0 for integers.
    pub payload_bytes: u32,
    /// It cannot be set.
    pub read_only: bool,
    /// Setting it changes the layout of buffers (a flip that changes the Bayer order).
    pub modifies_layout: bool,
}

/// One choice of a menu control.
#[derive(Clone, Debug, PartialEq, Eq)]
#[doc(alias = "v4l2_querymenu")]
pub struct MenuItem {
    /// The control's value.
    pub index: u32,
    /// What it means: a name, or an integer written as text.
    pub name: String,
}

/// The value of a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// An integer, a switch (0 or 1), or a menu's number.
    Integer(i64),
    /// The bytes of a compound control's structure.
    Compound(&'a [u8]),
}

/// One control to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlWrite<'a> {
    /// Which.
    pub code: ControlCode,
    /// Its new value.
    pub value: Payload<'a>,
}

/// A device that has controls.
pub trait Controls {
    /// All its controls with their present limits.
    ///
    /// # Errors
    /// The device refuses, or is gone.
    fn query_controls(&mut self) -> Result<Vec<ControlDescription>>;

    /// The value of an integer control.
    ///
    /// # Errors
    /// There is no such control, or the device is gone.
    #[doc(alias = "VIDIOC_G_EXT_CTRLS")]
    fn control(&mut self, code: ControlCode) -> Result<i64>;

    /// Writes controls in one call: all or none.
    ///
    /// # Errors
    /// An unknown control, a value out of range or of the wrong size, or the device is gone.
    #[doc(alias = "VIDIOC_S_EXT_CTRLS")]
    fn set_controls(&mut self, writes: &[ControlWrite<'_>]) -> Result<()>;

    /// The choices of a menu control; none if it is not a menu.
    ///
    /// # Errors
    /// There is no such control, or the device is gone.
    #[doc(alias = "VIDIOC_QUERYMENU")]
    fn menu(&mut self, _code: ControlCode) -> Result<Vec<MenuItem>> {
        Ok(Vec::new())
    }

    /// Reads the bytes of a compound control, an array or a text.
    ///
    /// # Errors
    /// There is no such control, it is an integer, its size is not that of `bytes`, or the
    /// device is gone.
    fn read_compound(&mut self, _code: ControlCode, _bytes: &mut [u8]) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "reading a compound control"))
    }
}

/// Most controls that one call writes.
pub const WRITES_MAX: usize = 16;

/// Controls to be written in one call, on the stack.
#[derive(Clone, Copy, Debug)]
pub struct WriteList<'a> {
    writes: [ControlWrite<'a>; WRITES_MAX],
    count: usize,
}

impl Default for WriteList<'_> {
    fn default() -> Self {
        let none = ControlWrite { code: ControlCode(0), value: Payload::Integer(0) };
        Self { writes: [none; WRITES_MAX], count: 0 }
    }
}

impl<'a> WriteList<'a> {
    /// Appends a control.
    ///
    /// # Panics
    /// There are [`WRITES_MAX`] already.
    pub fn push(&mut self, code: ControlCode, value: Payload<'a>) {
        self.writes[self.count] = ControlWrite { code, value };
        self.count += 1;
    }
}

impl<'a> std::ops::Deref for WriteList<'a> {
    type Target = [ControlWrite<'a>];
    fn deref(&self) -> &[ControlWrite<'a>] {
        &self.writes[..self.count]
    }
}

/// Controls and their payloads, kept until they are written. Holds as much as the structures
/// of one ISP take, and never allocates.
#[derive(Clone, Debug)]
pub struct ControlBatch {
    entries: [Entry; WRITES_MAX],
    count: usize,
    bytes: [u8; Self::BYTES_MAX],
    used: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    code: ControlCode,
    integer: i64,
    start: u16,
    length: u16,
}

impl Default for ControlBatch {
    fn default() -> Self {
        let none = Entry { code: ControlCode(0), integer: 0, start: 0, length: 0 };
        Self { entries: [none; WRITES_MAX], count: 0, bytes: [0; Self::BYTES_MAX], used: 0 }
    }
}

impl ControlBatch {
    /// Most payload bytes that a batch holds.
    pub const BYTES_MAX: usize = 512;

    /// Empties it.
    pub fn clear(&mut self) {
        self.count = 0;
        self.used = 0;
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends an integer control.
    ///
    /// # Panics
    /// There are [`WRITES_MAX`] controls already.
    pub fn integer(&mut self, code: ControlCode, value: i64) {
        self.entries[self.count] = Entry { code, integer: value, start: 0, length: 0 };
        self.count += 1;
    }

    /// Appends a compound control.
    ///
    /// # Panics
    /// There are [`WRITES_MAX`] controls or [`Self::BYTES_MAX`] bytes already.
    pub fn compound(&mut self, code: ControlCode, payload: &[u8]) {
        let end = self.used + payload.len();
        self.bytes[self.used..end].copy_from_slice(payload);
        self.entries[self.count] =
            Entry { code, integer: 0, start: self.used as u16, length: payload.len() as u16 };
        self.count += 1;
        self.used = end;
    }

    /// The controls, for one call.
    pub fn writes(&self) -> WriteList<'_> {
        let mut list = WriteList::default();
        for entry in &self.entries[..self.count] {
            let start = usize::from(entry.start);
            let value = match entry.length {
                0 => Payload::Integer(entry.integer),
                length => Payload::Compound(&self.bytes[start..start + usize::from(length)]),
            };
            list.push(entry.code, value);
        }
        list
    }
}
