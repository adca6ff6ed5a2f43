//! What the module says and is told, in the layout of `testbed/pi-camera/painter.h`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The version of all this.
pub(crate) const VERSION: u32 = 1;
/// Each slot begins at its number times this.
pub(crate) const SLOT_BYTES: u32 = 64 << 20;

/// A frame of the sensor is to be written.
pub(crate) const EXPOSE: u32 = 1;
/// A frame is to be processed.
pub(crate) const PROCESS: u32 = 2;

/// The place of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Raw,
    Output0,
    Output1,
    Statistics,
    LensTable,
}

const SLOTS: usize = 5;
const PICTURES: usize = 3;

/// The ISP's structures, one after the other.
pub(crate) const STRUCTURES_BYTES: usize = 356;

macro_rules! structures {
    ($($(#[doc = $doc:literal])+ $name:ident as $c:literal [$bytes:literal] { $($field:ident: $type:ty),+ $(,)? })+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, KnownLayout, Immutable)]
            #[repr(C)]
            pub(crate) struct $name { $(pub(crate) $field: $type),+ }

            const _: () = assert!(size_of::<$name>() == $bytes);
        )+

        /// Sizes and offsets, as expressions in C with their values.
        #[cfg(test)]
        fn layout() -> Vec<(String, usize)> {
            vec![$(
                (format!("sizeof(struct {})", $c), size_of::<$name>()),
                $((format!("offsetof(struct {}, {})", $c, stringify!($field)), std::mem::offset_of!($name, $field))),+
            ),+]
        }
    };
}

structures! {
    /// A picture in a slot, in V4L2's numbers.
    Picture as "pi_painter_picture" [32] {
        fourcc: u32,
        width: u32,
        height: u32,
        stride: u32,
        colorspace: u32,
        xfer_func: u32,
        ycbcr_enc: u32,
        quantization: u32,
    }
    /// What a frame is taken with.
    Frame as "pi_painter_frame" [60] {
        sensor: [u8; 16],
        rotation: u32,
        width: u32,
        height: u32,
        flips: u32,
        exposure: u32,
        gain: u32,
        lines: u32,
        line_pixels: u32,
        sequence: u32,
        lux: u32,
        kelvin: u32,
    }
    /// What the ISP is told.
    Run as "pi_painter_run" [384] {
        red_gain: u32,
        blue_gain: u32,
        digital_gain: u32,
        crop_left: i32,
        crop_top: i32,
        crop_width: u32,
        crop_height: u32,
        structures: [u8; STRUCTURES_BYTES],
    }
    /// Something to do.
    Job as "pi_painter_job" [584] {
        version: u32,
        kind: u32,
        number: u64,
        timestamp_ns: u64,
        bytes: [u32; SLOTS],
        pictures: [Picture; PICTURES],
        frame: Frame,
        run: Run,
    }
    /// That it was done; or an error number, and it was not.
    Answer as "pi_painter_answer" [16] {
        number: u64,
        error: u32,
        reserved: u32,
    }
}

impl Frame {
    /// The sensor's name.
    pub(crate) fn sensor(&self) -> &str {
        let end = self.sensor.iter().position(|&byte| byte == 0).unwrap_or(self.sensor.len());
        std::str::from_utf8(&self.sensor[..end]).unwrap_or_default()
    }
}

impl Job {
    /// Bytes of a slot's buffer; `None` if it has none.
    pub(crate) fn bytes(&self, slot: Slot) -> Option<u32> {
        Some(self.bytes[slot as usize]).filter(|&bytes| bytes > 0)
    }

    /// The picture in a slot that has a buffer.
    pub(crate) fn picture(&self, slot: Slot) -> Option<&Picture> {
        self.bytes(slot).and_then(|_| self.pictures.get(slot as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    const HEADER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../pi-camera/painter.h");

    /// Lets a C compiler check that each expression has its value.
    fn check(facts: &[(String, usize)]) -> Result<(), String> {
        let asserts: String = facts
            .iter()
            .map(|(expression, value)| {
                format!("_Static_assert({expression} == {value}, \"{expression} is not {value}\");\n")
            })
            .collect();
        let program = format!("#include <stddef.h>\n#include \"{HEADER}\"\n{asserts}");
        let mut compiler = Command::new("cc")
            .args(["-fsyntax-only", "-x", "c", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a C compiler links our programs");
        compiler.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
        let output = compiler.wait_with_output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into()) }
    }

    /// Catches: a field that was moved, added or resized on one side only.
    #[test]
    fn structures_and_numbers_are_those_of_the_header() {
        let mut facts = layout();
        let numbers = [
            ("PI_PAINTER_VERSION", VERSION as usize),
            ("PI_PAINTER_SLOT_BYTES", SLOT_BYTES as usize),
            ("PI_PAINTER_EXPOSE", EXPOSE as usize),
            ("PI_PAINTER_PROCESS", PROCESS as usize),
            ("PI_PAINTER_RAW", Slot::Raw as usize),
            ("PI_PAINTER_OUTPUT0", Slot::Output0 as usize),
            ("PI_PAINTER_OUTPUT1", Slot::Output1 as usize),
            ("PI_PAINTER_STATISTICS", Slot::Statistics as usize),
            ("PI_PAINTER_LENS_TABLE", Slot::LensTable as usize),
            ("PI_PAINTER_SLOTS", SLOTS),
            ("PI_PAINTER_PICTURES", PICTURES),
        ];
        facts.extend(numbers.map(|(name, value)| (name.to_owned(), value)));
        check(&facts).unwrap();
        assert!(check(&[("sizeof(struct pi_painter_job)".to_owned(), 1)]).is_err(), "nothing is compared");
    }

    #[test]
    fn the_structures_of_the_controls_fill_their_place() {
        let bytes: usize = pinhole_sim::STRUCTURES.iter().map(|(_, _, bytes)| bytes).sum();
        assert_eq!(bytes, STRUCTURES_BYTES);
    }
}
