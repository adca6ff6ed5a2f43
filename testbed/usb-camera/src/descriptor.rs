//! The descriptors by which the host learns what the camera is: USB 2.0, chapter 9, and the USB
//! Video Class 1.1, section 3. Made from the tables of `model` and `controls`; knows nothing of
//! requests.

use crate::controls::{PROCESSING, TERMINAL, mask};
use crate::model::{Coding, FORMATS, Format, FrameSize, PACKET_BYTES};

/// Number of the interface that has the controls.
pub(crate) const CONTROL_INTERFACE: u8 = 0;
/// Number of the interface that has the stream.
pub(crate) const STREAM_INTERFACE: u8 = 1;
/// The endpoint of the stream.
pub(crate) const STREAM_ENDPOINT: u8 = 1;
/// Ticks a second of the clock in payload headers.
pub(crate) const CLOCK_HZ: u32 = 48_000_000;

/// The version of the video class, in binary-coded decimals.
const VIDEO_CLASS: u16 = 0x0110;
const USB_VERSION: u16 = 0x0200;
/// The numbers of the Linux Foundation's webcam gadget.
const VENDOR: u16 = 0x1d6b;
const PRODUCT: u16 = 0x0102;

/// Number of the terminal that leads to the host.
const OUTPUT: u8 = 3;

const IN: u8 = 0x80;
const ISOCHRONOUS_ASYNCHRONOUS: u8 = 0x05;

/// Types of descriptors.
pub(crate) mod kind {
    pub(crate) const DEVICE: u8 = 1;
    pub(crate) const CONFIGURATION: u8 = 2;
    pub(crate) const STRING: u8 = 3;
    pub(super) const INTERFACE: u8 = 4;
    pub(super) const ENDPOINT: u8 = 5;
    pub(super) const ASSOCIATION: u8 = 11;
    pub(super) const CLASS_INTERFACE: u8 = 0x24;
}

/// Class, subclasses and subtypes of descriptors of the video class.
mod video {
    pub(super) const CLASS: u8 = 14;
    pub(super) const CONTROL: u8 = 1;
    pub(super) const STREAMING: u8 = 2;
    pub(super) const COLLECTION: u8 = 3;
    pub(super) const HEADER: u8 = 1;
    pub(super) const INPUT_TERMINAL: u8 = 2;
    pub(super) const OUTPUT_TERMINAL: u8 = 3;
    pub(super) const PROCESSING_UNIT: u8 = 5;
    pub(super) const INPUT_HEADER: u8 = 1;
    pub(super) const FORMAT_UNCOMPRESSED: u8 = 4;
    pub(super) const FRAME_UNCOMPRESSED: u8 = 5;
    pub(super) const FORMAT_MJPEG: u8 = 6;
    pub(super) const FRAME_MJPEG: u8 = 7;
    pub(super) const COLOUR: u8 = 13;
    pub(super) const CAMERA: u16 = 0x0201;
    pub(super) const USB: u16 = 0x0101;
}

/// Numbers of the strings.
mod string {
    pub(super) const VENDOR: u8 = 1;
    pub(super) const NAME: u8 = 2;
    pub(super) const SERIAL: u8 = 3;
}

/// The format's code: `YUY2`, as a GUID in its order of bytes.
const YUY2: [u8; 16] = *b"YUY2\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71";

/// Writes one descriptor after another.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    /// Appends a descriptor: its length, its type, and what `content` writes.
    fn descriptor(&mut self, kind: u8, content: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.bytes(&[0, kind]);
        content(self);
        self.0[start] = u8::try_from(self.0.len() - start).expect("no descriptor here is that long");
    }

    /// Appends descriptors, the first of which says at an offset how long all of them are.
    fn group(&mut self, total_at: usize, content: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        content(self);
        let total = u16::try_from(self.0.len() - start).expect("the camera is not that rich");
        self.0[start + total_at..][..2].copy_from_slice(&total.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn half(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    fn word(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }
}

/// The descriptor of the device.
pub(crate) fn device() -> Vec<u8> {
    let mut writer = Writer::default();
    let (miscellaneous, associated) = ([0xef, 2, 1], 64);
    writer.descriptor(kind::DEVICE, |writer| {
        writer.half(USB_VERSION).bytes(&miscellaneous).bytes(&[associated]);
        writer.half(VENDOR).half(PRODUCT).half(0x0100);
        writer.bytes(&[string::VENDOR, string::NAME, string::SERIAL, 1]);
    });
    writer.0
}

/// A string, or the list of languages for number 0.
pub(crate) fn text(number: u8, name: &str, serial: &str) -> Option<Vec<u8>> {
    const ENGLISH: u16 = 0x0409;
    // What fits into the length of a descriptor.
    const UNITS_MAX: usize = 126;
    let units: Vec<u16> = match number {
        0 => vec![ENGLISH],
        string::VENDOR => "Pinhole".encode_utf16().collect(),
        string::NAME => name.encode_utf16().take(UNITS_MAX).collect(),
        string::SERIAL => serial.encode_utf16().take(UNITS_MAX).collect(),
        _ => return None,
    };
    let mut writer = Writer::default();
    writer.descriptor(kind::STRING, |writer| units.iter().for_each(|&unit| _ = writer.half(unit)));
    Some(writer.0)
}

/// The descriptor of the configuration, with all that belong to it.
pub(crate) fn configuration() -> Vec<u8> {
    const INTERFACES: u8 = 2;
    let mut writer = Writer::default();
    writer.group(2, |writer| {
        let (bus_powered, milliamperes) = (0x80, 500);
        writer.descriptor(kind::CONFIGURATION, |writer| {
            writer.half(0).bytes(&[INTERFACES, 1, 0, bus_powered, (milliamperes / 2) as u8]);
        });
        writer.descriptor(kind::ASSOCIATION, |writer| {
            writer.bytes(&[CONTROL_INTERFACE, INTERFACES, video::CLASS, video::COLLECTION, 0, string::NAME]);
        });
        control_interface(writer);
        stream_interface(writer);
    });
    writer.0
}

fn interface(writer: &mut Writer, number: u8, alternate: u8, endpoints: u8, subclass: u8) {
    writer.descriptor(kind::INTERFACE, |writer| {
        writer.bytes(&[number, alternate, endpoints, video::CLASS, subclass, 0, 0]);
    });
}

/// Lens and sensor, the unit that processes, the way out.
fn control_interface(writer: &mut Writer) {
    interface(writer, CONTROL_INTERFACE, 0, 0, video::CONTROL);
    writer.group(5, |writer| {
        writer.descriptor(kind::CLASS_INTERFACE, |writer| {
            writer.bytes(&[video::HEADER]).half(VIDEO_CLASS).half(0).word(CLOCK_HZ);
            writer.bytes(&[1, STREAM_INTERFACE]);
        });
        writer.descriptor(kind::CLASS_INTERFACE, |writer| {
            writer.bytes(&[video::INPUT_TERMINAL, TERMINAL]).half(video::CAMERA).bytes(&[0, 0]);
            // It has no zoom: focal lengths are not told.
            writer.half(0).half(0).half(0).bytes(&[3]).bytes(&mask(TERMINAL).to_le_bytes()[..3]);
        });
        writer.descriptor(kind::CLASS_INTERFACE, |writer| {
            writer.bytes(&[video::PROCESSING_UNIT, PROCESSING, TERMINAL]).half(0);
            writer.bytes(&[2]).bytes(&mask(PROCESSING).to_le_bytes()[..2]).bytes(&[0, 0]);
        });
        writer.descriptor(kind::CLASS_INTERFACE, |writer| {
            writer.bytes(&[video::OUTPUT_TERMINAL, OUTPUT]).half(video::USB).bytes(&[0, PROCESSING, 0]);
        });
    });
}

/// The formats, and an alternate setting for each bandwidth.
fn stream_interface(writer: &mut Writer) {
    interface(writer, STREAM_INTERFACE, 0, 0, video::STREAMING);
    writer.group(4, |writer| {
        writer.descriptor(kind::CLASS_INTERFACE, |writer| {
            writer.bytes(&[video::INPUT_HEADER, FORMATS.len() as u8]).half(0);
            writer.bytes(&[IN | STREAM_ENDPOINT, 0, OUTPUT, 0, 0, 0, 1]).bytes(&vec![0; FORMATS.len()]);
        });
        (1..).zip(FORMATS).for_each(|(number, offer)| format(writer, number, offer));
    });
    for (alternate, packet_bytes) in (0..).zip(PACKET_BYTES).skip(1) {
        interface(writer, STREAM_INTERFACE, alternate, 1, video::STREAMING);
        endpoint(writer, packet_bytes);
    }
}

fn endpoint(writer: &mut Writer, packet_bytes: u32) {
    let transactions = packet_bytes.div_ceil(1024);
    let size = (packet_bytes / transactions) | ((transactions - 1) << 11);
    writer.descriptor(kind::ENDPOINT, |writer| {
        writer.bytes(&[IN | STREAM_ENDPOINT, ISOCHRONOUS_ASYNCHRONOUS]).half(size as u16).bytes(&[1]);
    });
}

fn format(writer: &mut Writer, number: u8, format: &Format) {
    let sizes = format.sizes.len() as u8;
    writer.descriptor(kind::CLASS_INTERFACE, |writer| {
        match format.coding {
            Coding::Yuyv => {
                let bits = 16;
                writer.bytes(&[video::FORMAT_UNCOMPRESSED, number, sizes]).bytes(&YUY2).bytes(&[bits]);
            }
            Coding::Mjpeg => _ = writer.bytes(&[video::FORMAT_MJPEG, number, sizes, 0]),
        }
        // The default size, no aspect ratio, not interlaced, not protected.
        writer.bytes(&[1, 0, 0, 0, 0]);
    });
    (1..).zip(format.sizes).for_each(|(number, size)| frame(writer, number, format.coding, size));
    let (bt_709, bt_601) = (1, 4);
    writer.descriptor(kind::CLASS_INTERFACE, |writer| {
        writer.bytes(&[video::COLOUR, bt_709, bt_709, bt_601]);
    });
}

fn frame(writer: &mut Writer, number: u8, coding: Coding, size: &FrameSize) {
    let subtype = match coding {
        Coding::Yuyv => video::FRAME_UNCOMPRESSED,
        Coding::Mjpeg => video::FRAME_MJPEG,
    };
    let intervals = size.intervals_100ns;
    let bits_a_second = |interval: u32| {
        let bits = u64::from(size.bytes_max()) * 8 * 10_000_000 / u64::from(interval);
        u32::try_from(bits).unwrap_or(u32::MAX)
    };
    writer.descriptor(kind::CLASS_INTERFACE, |writer| {
        writer.bytes(&[subtype, number, 0]).half(size.width).half(size.height);
        writer.word(bits_a_second(intervals[intervals.len() - 1])).word(bits_a_second(intervals[0]));
        writer.word(size.bytes_max()).word(intervals[0]).bytes(&[intervals.len() as u8]);
        intervals.iter().for_each(|&interval| _ = writer.word(interval));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts descriptors apart by the lengths that they claim.
    fn descriptors(mut bytes: &[u8]) -> Vec<&[u8]> {
        let mut all = Vec::new();
        while let Some(&length) = bytes.first() {
            assert!(length >= 2 && usize::from(length) <= bytes.len(), "{length} of {}", bytes.len());
            let (first, rest) = bytes.split_at(length.into());
            all.push(first);
            bytes = rest;
        }
        all
    }

    fn total(descriptor: &[u8], at: usize) -> usize {
        u16::from_le_bytes([descriptor[at], descriptor[at + 1]]).into()
    }

    #[test]
    fn every_descriptor_has_the_length_that_its_standard_gives_it() {
        let lengths = |kind: u8, subtype: Option<u8>, from: usize| -> Vec<usize> {
            let all = configuration();
            let of_kind = descriptors(&all)
                .into_iter()
                .skip(from)
                .filter(|it| it[1] == kind && subtype.is_none_or(|subtype| it[2] == subtype));
            of_kind.map(<[u8]>::len).collect()
        };
        let streaming = 8;
        assert_eq!(device().len(), 18);
        assert_eq!(lengths(kind::CONFIGURATION, None, 0), [9]);
        assert_eq!(lengths(kind::ASSOCIATION, None, 0), [8]);
        assert_eq!(lengths(kind::INTERFACE, None, 0), [9; 5]);
        assert_eq!(lengths(kind::ENDPOINT, None, 0), [7; 3]);
        assert_eq!(lengths(kind::CLASS_INTERFACE, None, 0)[..4], [13, 18, 12, 9]);
        assert_eq!(lengths(kind::CLASS_INTERFACE, Some(video::INPUT_HEADER), streaming), [15]);
        assert_eq!(lengths(kind::CLASS_INTERFACE, Some(video::FORMAT_UNCOMPRESSED), streaming), [27]);
        assert_eq!(lengths(kind::CLASS_INTERFACE, Some(video::FRAME_UNCOMPRESSED), streaming), [38, 38, 34]);
        assert_eq!(lengths(kind::CLASS_INTERFACE, Some(video::FORMAT_MJPEG), streaming), [11]);
        assert_eq!(lengths(kind::CLASS_INTERFACE, Some(video::FRAME_MJPEG), streaming), [38; 3]);
        assert_eq!(lengths(kind::CLASS_INTERFACE, Some(video::COLOUR), streaming), [6; 2]);
    }

    #[test]
    fn totals_count_what_belongs_together() {
        let bytes = configuration();
        let all = descriptors(&bytes);
        assert_eq!(total(all[0], 2), bytes.len());
        let class = |from: usize| all[from..].iter().take_while(|it| it[1] == kind::CLASS_INTERFACE);
        assert_eq!(total(all[3], 5), class(3).map(|it| it.len()).sum::<usize>());
        assert_eq!(total(all[8], 4), class(8).map(|it| it.len()).sum::<usize>());
    }

    #[test]
    fn alternate_settings_say_their_transactions() {
        let bytes = configuration();
        let endpoints = descriptors(&bytes).into_iter().filter(|it| it[1] == kind::ENDPOINT);
        let sizes: Vec<_> = endpoints.map(|it| total(it, 4)).collect();
        assert_eq!(sizes, [1024, 1024 | 1 << 11, 1024 | 2 << 11]);
    }

    #[test]
    fn strings_are_cut_to_what_a_descriptor_holds() {
        let name = "é".repeat(200);
        let descriptor = text(string::NAME, &name, "").expect("it has a name");
        assert_eq!((descriptor.len(), descriptor[0], descriptor[1]), (254, 254, kind::STRING));
        assert_eq!(text(0, "", ""), Some(vec![4, 3, 9, 4]));
        assert_eq!(text(9, "", ""), None);
    }
}
