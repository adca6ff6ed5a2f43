//! Device controls: numbered values of a sub-device or video node.

use pinhole_base::Result;
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
}
