//! Controls of nodes and sub-devices alike. Knows nothing of what they control.

use crate::file::DeviceFile;
use crate::uapi::control::{
    CTRL_FLAG_DISABLED, CTRL_FLAG_HAS_PAYLOAD, CTRL_FLAG_MODIFY_LAYOUT, CTRL_FLAG_NEXT_COMPOUND,
    CTRL_FLAG_NEXT_CTRL, CTRL_FLAG_READ_ONLY, CTRL_TYPE_CLASS, CTRL_TYPE_INTEGER_MENU, CTRL_TYPE_MENU,
    ControlList, G_EXT_CTRLS, QUERY_EXT_CTRL, QUERYMENU, QueryExtControl, QueryMenu, Refused, S_EXT_CTRLS,
};
use crate::uapi::text;
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_device::control::{ControlBatch, WRITES_MAX};
use pinhole_device::{ControlCode, ControlDescription, ControlWrite, MenuItem, Payload};
use rustix::io::Errno;
use std::os::fd::AsFd;
use zerocopy::FromZeros;

/// What of a control decides how its value travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// By itself, as this kind of integer.
    Integer(u32),
    /// By address.
    Payload,
}

impl Shape {
    fn of(query: &QueryExtControl) -> Self {
        if query.flags & CTRL_FLAG_HAS_PAYLOAD != 0 { Self::Payload } else { Self::Integer(query.kind) }
    }
}

/// Makes a device with a `file` and `controls` answer for its controls.
macro_rules! forward_controls {
    ($device:ty) => {
        impl pinhole_device::Controls for $device {
            fn query_controls(&mut self) -> Result<Vec<pinhole_device::ControlDescription>> {
                self.controls.query(&self.file)
            }

            fn control(&mut self, code: pinhole_device::ControlCode) -> Result<i64> {
                self.controls.value(&self.file, code)
            }

            fn set_controls(&mut self, writes: &[pinhole_device::ControlWrite<'_>]) -> Result<()> {
                self.controls.write(&self.file, writes)
            }

            fn menu(&mut self, code: pinhole_device::ControlCode) -> Result<Vec<pinhole_device::MenuItem>> {
                $crate::control::menu(&self.file, code)
            }

            fn read_compound(&mut self, code: pinhole_device::ControlCode, bytes: &mut [u8]) -> Result<()> {
                self.controls.payload(&self.file, code, bytes)
            }
        }
    };
}
pub(crate) use forward_controls;

/// The controls of one device. Asks for the shape of each only once.
#[derive(Debug, Default)]
pub(crate) struct ControlTable {
    /// Sorted by number.
    shapes: Vec<(u32, Shape)>,
}

const WRITING: &str = "writing controls";
const READING: &str = "reading a control";

impl ControlTable {
    /// All controls with their present limits.
    pub(crate) fn query(&mut self, file: &DeviceFile) -> Result<Vec<ControlDescription>> {
        let doing = "listing controls";
        let mut found = Vec::new();
        let mut last = 0;
        loop {
            let mut query = QueryExtControl::new_zeroed();
            query.id = last | CTRL_FLAG_NEXT_CTRL | CTRL_FLAG_NEXT_COMPOUND;
            match file.try_call(&QUERY_EXT_CTRL, &mut query) {
                Ok(()) => {}
                Err(Errno::INVAL | Errno::NOTTY) => return Ok(found),
                Err(errno) => return Err(file.error(doing, QUERY_EXT_CTRL.name(), errno)),
            }
            if query.id <= last {
                let reason = format!("control {:#010x} comes after {last:#010x}", query.id);
                return Err(file.refusal(ErrorKind::Device, doing).because(reason));
            }
            last = query.id;
            self.learn(&query);
            found.extend(described(&query));
        }
    }

    fn learn(&mut self, query: &QueryExtControl) -> Shape {
        let shape = Shape::of(query);
        match self.shapes.binary_search_by_key(&query.id, |(id, _)| *id) {
            Ok(at) => self.shapes[at].1 = shape,
            Err(at) => self.shapes.insert(at, (query.id, shape)),
        }
        shape
    }

    fn shape(&mut self, file: &DeviceFile, code: ControlCode, doing: &'static str) -> Result<Shape> {
        match self.shapes.binary_search_by_key(&code.0, |(id, _)| *id) {
            Ok(at) => Ok(self.shapes[at].1),
            Err(_) => query_one(file, code, doing).map(|query| self.learn(&query)),
        }
    }

    /// The integer that a control has now.
    pub(crate) fn value(&mut self, file: &DeviceFile, code: ControlCode) -> Result<i64> {
        let Shape::Integer(kind) = self.shape(file, code, READING)? else {
            return Err(mismatch(file, READING, code, "it is a compound one"));
        };
        let mut list = ControlList::<1>::new();
        list.push_integer(code.0, kind, 0);
        list.run(&G_EXT_CTRLS, file.as_fd())
            .map_err(|refused| refusal(file, READING, G_EXT_CTRLS.name(), refused))?;
        Ok(list.value(0).integer(kind))
    }

    /// Reads the bytes of a compound control.
    pub(crate) fn payload(&mut self, file: &DeviceFile, code: ControlCode, bytes: &mut [u8]) -> Result<()> {
        if self.shape(file, code, READING)? != Shape::Payload {
            return Err(mismatch(file, READING, code, "it is an integer"));
        }
        let mut list = ControlList::<1>::new();
        list.push_payload(code.0, bytes);
        list.run(&G_EXT_CTRLS, file.as_fd())
            .map_err(|refused| refusal(file, READING, G_EXT_CTRLS.name(), refused))
    }

    /// Writes controls in one call.
    pub(crate) fn write(&mut self, file: &DeviceFile, writes: &[ControlWrite<'_>]) -> Result<()> {
        if writes.len() > WRITES_MAX {
            let reason = format!("{} are more than {WRITES_MAX}", writes.len());
            return Err(file.refusal(ErrorKind::LimitReached, WRITING).because(reason));
        }
        if writes.is_empty() {
            return Ok(());
        }
        // The kernel writes back what it was given, so it gets copies.
        let mut on_stack = [0; ControlBatch::BYTES_MAX];
        let mut on_heap = Vec::new();
        let bytes = writes.iter().map(payload_bytes).sum();
        let copies = if bytes <= on_stack.len() {
            &mut on_stack[..]
        } else {
            on_heap.resize(bytes, 0);
            &mut on_heap[..]
        };
        let mut list = ControlList::<WRITES_MAX>::new();
        self.fill(file, &mut list, writes, copies)?;
        list.run(&S_EXT_CTRLS, file.as_fd())
            .map_err(|refused| refusal(file, WRITING, S_EXT_CTRLS.name(), refused))
    }

    fn fill<'a>(
        &mut self,
        file: &DeviceFile,
        list: &mut ControlList<'a, WRITES_MAX>,
        writes: &[ControlWrite<'_>],
        mut copies: &'a mut [u8],
    ) -> Result<()> {
        for ControlWrite { code, value } in writes {
            match (self.shape(file, *code, WRITING)?, value) {
                (Shape::Integer(kind), Payload::Integer(value)) => list
                    .push_integer(code.0, kind, *value)
                    .ok_or_else(|| mismatch(file, WRITING, *code, &format!("{value} is out of range")))?,
                (Shape::Payload, Payload::Compound(bytes)) => {
                    let (own, rest) = copies.split_at_mut(bytes.len());
                    own.copy_from_slice(bytes);
                    list.push_payload(code.0, own);
                    copies = rest;
                }
                (Shape::Payload, _) => return Err(mismatch(file, WRITING, *code, "it is a compound one")),
                (_, Payload::Compound(_)) => return Err(mismatch(file, WRITING, *code, "it is an integer")),
            }
        }
        Ok(())
    }
}

/// The choices of a menu control.
pub(crate) fn menu(file: &DeviceFile, code: ControlCode) -> Result<Vec<MenuItem>> {
    let doing = "listing a menu";
    let query = query_one(file, code, doing)?;
    if !matches!(query.kind, CTRL_TYPE_MENU | CTRL_TYPE_INTEGER_MENU) {
        return Ok(Vec::new());
    }
    let bound = |limit: i64| limit.clamp(0, MENU_INDEX_MAX) as u32;
    let mut items = Vec::new();
    for index in bound(query.minimum)..=bound(query.maximum) {
        let mut item = QueryMenu { id: code.0, index, ..FromZeros::new_zeroed() };
        match file.try_call(&QUERYMENU, &mut item) {
            Ok(()) => items.push(MenuItem { index, name: item_name(&item, query.kind) }),
            Err(Errno::INVAL) => {} // Menus have holes.
            Err(errno) => return Err(file.error(doing, QUERYMENU.name(), errno)),
        }
    }
    Ok(items)
}

/// No menu is longer.
const MENU_INDEX_MAX: i64 = 1023;

fn item_name(item: &QueryMenu, kind: u32) -> String {
    if kind != CTRL_TYPE_INTEGER_MENU {
        return text(&item.name);
    }
    let [a, b, c, d, e, f, g, h, ..] = item.name;
    i64::from_ne_bytes([a, b, c, d, e, f, g, h]).to_string()
}

fn payload_bytes(write: &ControlWrite<'_>) -> usize {
    match write.value {
        Payload::Integer(_) => 0,
        Payload::Compound(bytes) => bytes.len(),
    }
}

fn query_one(file: &DeviceFile, code: ControlCode, doing: &'static str) -> Result<QueryExtControl> {
    let mut query = QueryExtControl { id: code.0, ..FromZeros::new_zeroed() };
    match file.try_call(&QUERY_EXT_CTRL, &mut query) {
        Ok(()) => Ok(query),
        Err(errno) => Err(refusal(file, doing, QUERY_EXT_CTRL.name(), Refused { errno, id: Some(code.0) })),
    }
}

/// What applications are told of a control; nothing, if it cannot be used.
fn described(query: &QueryExtControl) -> Option<ControlDescription> {
    if query.flags & CTRL_FLAG_DISABLED != 0 || query.kind == CTRL_TYPE_CLASS {
        return None;
    }
    let is_payload = Shape::of(query) == Shape::Payload;
    let integer = |limit: i64| if is_payload { 0 } else { limit };
    Some(ControlDescription {
        code: ControlCode(query.id),
        name: text(&query.name),
        minimum: integer(query.minimum),
        maximum: integer(query.maximum),
        step: query.step,
        default: integer(query.default_value),
        payload_bytes: if is_payload { query.elem_size.saturating_mul(query.elems) } else { 0 },
        read_only: query.flags & CTRL_FLAG_READ_ONLY != 0,
        modifies_layout: query.flags & CTRL_FLAG_MODIFY_LAYOUT != 0,
    })
}

#[cold]
fn refusal(file: &DeviceFile, doing: &'static str, call: &str, refused: Refused) -> Error {
    let error = file.error(doing, call, refused.errno);
    let Some(id) = refused.id else { return error };
    let system = std::io::Error::from(refused.errno);
    error.because(format!("{call} of control {:?}: {system}", ControlCode(id)))
}

#[cold]
fn mismatch(file: &DeviceFile, doing: &'static str, code: ControlCode, reason: &str) -> Error {
    file.refusal(ErrorKind::InvalidArgument, doing).because(format!("control {code:?}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(id: u32, kind: u32, flags: u32) -> QueryExtControl {
        let mut query = QueryExtControl::new_zeroed();
        (query.id, query.kind, query.flags) = (id, kind, flags);
        (query.minimum, query.maximum, query.elem_size, query.elems) = (-5, 5, 4, 3);
        query
    }

    fn null() -> DeviceFile {
        DeviceFile::open("/dev/null", "opening").unwrap()
    }

    #[test]
    fn what_cannot_be_used_is_not_described() {
        assert!(described(&query(1, 1, CTRL_FLAG_DISABLED)).is_none());
        assert!(described(&query(1, CTRL_TYPE_CLASS, CTRL_FLAG_READ_ONLY)).is_none());
    }

    #[test]
    fn integers_have_limits_and_arrays_have_bytes() {
        let integer = described(&query(1, 1, CTRL_FLAG_MODIFY_LAYOUT)).unwrap();
        assert_eq!((integer.minimum, integer.maximum, integer.payload_bytes), (-5, 5, 0));
        assert!(integer.modifies_layout && !integer.read_only);
        let array = described(&query(1, 1, CTRL_FLAG_HAS_PAYLOAD | CTRL_FLAG_READ_ONLY)).unwrap();
        assert_eq!((array.minimum, array.maximum, array.payload_bytes), (0, 0, 12));
        assert!(array.read_only);
        let mut huge = query(1, 1, CTRL_FLAG_HAS_PAYLOAD);
        huge.elems = u32::MAX;
        assert_eq!(described(&huge).unwrap().payload_bytes, u32::MAX);
    }

    /// A value in the wrong shape would have the kernel take it for an address.
    #[test]
    fn values_travel_in_the_shape_of_their_control() {
        let (file, mut table) = (null(), ControlTable::default());
        table.learn(&query(7, 1, 0));
        table.learn(&query(3, 0x100, CTRL_FLAG_HAS_PAYLOAD));
        let write = |code, value| ControlWrite { code: ControlCode(code), value };
        for (write, reason) in [
            (write(7, Payload::Compound(&[1; 8])), "it is an integer"),
            (write(3, Payload::Integer(1)), "it is a compound one"),
            (write(7, Payload::Integer(1 << 40)), "out of range"),
        ] {
            let error = table.write(&file, &[write]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.to_string().contains(reason), "{error}");
        }
        let error = table.value(&file, ControlCode(3)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        let error = table.payload(&file, ControlCode(7), &mut [0; 4]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
    }

    #[test]
    fn a_device_without_controls_has_none() {
        let mut table = ControlTable::default();
        assert_eq!(table.query(&null()).unwrap(), []);
        assert!(table.write(&null(), &[]).is_ok());
        let error = table.value(&null(), ControlCode(9)).unwrap_err();
        assert!(error.to_string().contains("QUERY_EXT_CTRL of control 0x00000009"), "{error}");
    }

    #[test]
    fn one_call_writes_so_many_and_no_more() {
        let write = ControlWrite { code: ControlCode(7), value: Payload::Integer(0) };
        let error = ControlTable::default().write(&null(), &[write; WRITES_MAX + 1]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitReached);
    }

    #[test]
    fn menus_of_integers_are_written_out() {
        let mut item = QueryMenu::new_zeroed();
        item.name[..8].copy_from_slice(&(-7_i64).to_ne_bytes());
        assert_eq!(item_name(&item, CTRL_TYPE_INTEGER_MENU), "-7");
        item.name[..3].copy_from_slice(b"50\0");
        assert_eq!(item_name(&item, CTRL_TYPE_MENU), "50");
    }
}
