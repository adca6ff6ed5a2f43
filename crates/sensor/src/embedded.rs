//! Parses embedded data: the register settings that a sensor sends with each frame.
//!
//! The format is that of SMIA 1.0, kept by MIPI CCS (chapter on embedded data, simplified
//! two-byte tagged format): a line begins with 0x0a; then come pairs of a tag and a byte
//! that set the high or low half of a register's address, give the value of that register
//! and step to the next one, or step over it; two bytes of 0x07 end the line. On a bus of
//! 10 or 12 bits a filler follows every 4 or 2 bytes, where a pixel's low bits would be.
//!
//! Nothing is allocated, and no input makes it panic.

use pinhole_base::{Error, ErrorKind};
use std::fmt;
use std::ops::RangeInclusive;

const LINE_START: u8 = 0x0a;
const LINE_END: u8 = 0x07;
const ADDRESS_HIGH: u8 = 0xaa;
const ADDRESS_LOW: u8 = 0xa5;
const VALUE: u8 = 0x5a;
const SKIP: u8 = 0x55;
const FILLER: u8 = 0x55;
/// Bytes of padding that are looked through at once.
const BLOCK: usize = 64;

/// A value in one register of 8 bits, or in two, the high byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    address: u16,
    bytes: u8,
}

impl Field {
    /// No register at all.
    const NONE: Self = Self { address: 0, bytes: 0 };

    /// A value of 8 bits.
    pub const fn byte(address: u16) -> Self {
        Self { address, bytes: 1 }
    }

    /// A value of 16 bits.
    pub const fn word(address: u16) -> Self {
        Self { address, bytes: 2 }
    }

    /// Which of its bytes a register holds.
    const fn offset_of(self, address: u16) -> Option<u8> {
        let offset = address.wrapping_sub(self.address);
        if offset < self.bytes as u16 { Some(offset as u8) } else { None }
    }
}

/// Where a sensor's embedded data has what a frame was taken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// Exposure in lines.
    pub exposure: Field,
    /// Analogue gain code.
    pub gain: Field,
    /// Frame length in lines.
    pub frame_length: Field,
    /// Line length in pixel clocks.
    pub line_length: Field,
    /// Temperature in whole degrees, two's complement.
    pub temperature: Option<Field>,
}

impl Registers {
    fn fields(&self) -> [Field; 5] {
        let temperature = self.temperature.unwrap_or(Field::NONE);
        [self.exposure, self.gain, self.frame_length, self.line_length, temperature]
    }
}

/// What a frame was taken with, as its embedded data says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EmbeddedSettings {
    /// Exposure in lines.
    pub exposure_lines: u32,
    /// Analogue gain code.
    pub analogue_gain_code: u32,
    /// Frame length in lines.
    pub frame_length_lines: u32,
    /// Line length in pixel clocks.
    pub line_length_pixels: u32,
    /// Temperature of the die, held to −20 to 80 °C; `None` if the sensor does not say.
    pub temperature_c: Option<f32>,
}

/// What is wrong with embedded data. Offsets count bytes from the buffer's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbeddedFault {
    /// The bus carries neither 8, 10 nor 12 bits, or lines of no length.
    Layout,
    /// No line starts here.
    NoLineStart(usize),
    /// A filler byte is not one.
    BadFiller(usize),
    /// There is no such tag.
    BadTag(usize),
    /// A line's end is half there.
    BadLineEnd(usize),
    /// All was read, and the register was not there.
    MissingRegister(u16),
}

impl fmt::Display for EmbeddedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout => f.write_str("its layout is not one that sensors use"),
            Self::NoLineStart(at) => write!(f, "no line starts at byte {at}"),
            Self::BadFiller(at) => write!(f, "the filler at byte {at} is not 0x55"),
            Self::BadTag(at) => write!(f, "the tag at byte {at} is unknown"),
            Self::BadLineEnd(at) => write!(f, "the line's end at byte {at} is incomplete"),
            Self::MissingRegister(address) => write!(f, "register {address:#06x} is missing"),
        }
    }
}

impl std::error::Error for EmbeddedFault {}

impl From<EmbeddedFault> for Error {
    fn from(fault: EmbeddedFault) -> Self {
        Self::new(ErrorKind::Malformed, "parsing embedded data").because(fault.to_string())
    }
}

/// Reads what a frame was taken with.
///
/// `bits` is the width of a sample on the bus: 8, 10 or 12. `line_bytes` is the distance
/// between lines in the buffer; `None` if they follow each other without a known distance,
/// as Unicam leaves them.
///
/// # Errors
/// An [`EmbeddedFault`] if the data is malformed, cut short, or lacks a register.
pub fn parse(
    data: &[u8],
    bits: u8,
    line_bytes: Option<usize>,
    registers: &Registers,
) -> Result<EmbeddedSettings, EmbeddedFault> {
    let period = filler_period(bits)?;
    let mut found = Found::new(registers);
    match line_bytes {
        Some(0) => return Err(EmbeddedFault::Layout),
        Some(line_bytes) => parse_spaced(data, period, line_bytes, &mut found)?,
        None => parse_contiguous(data, period, &mut found)?,
    }
    found.settings(registers.temperature.is_some())
}

/// Every how many bytes a filler comes; `None` if there are none.
const fn filler_period(bits: u8) -> Result<Option<usize>, EmbeddedFault> {
    match bits {
        8 => Ok(None),
        10 => Ok(Some(5)),
        12 => Ok(Some(3)),
        _ => Err(EmbeddedFault::Layout),
    }
}

fn parse_spaced(
    data: &[u8],
    period: Option<usize>,
    line_bytes: usize,
    found: &mut Found,
) -> Result<(), EmbeddedFault> {
    for (number, line) in data.chunks(line_bytes).enumerate() {
        if found.is_complete() {
            return Ok(());
        }
        Line::new(line, number * line_bytes, period).read(found)?;
    }
    Ok(())
}

fn parse_contiguous(data: &[u8], period: Option<usize>, found: &mut Found) -> Result<(), EmbeddedFault> {
    let mut start = 0;
    while !found.is_complete() && start < data.len() {
        let end = Line::new(&data[start..], start, period).read(found)?;
        start = next_line(data, end);
    }
    Ok(())
}

/// Where the next line starts: what follows a line's end is padding up to there, thousands of
/// bytes. A block of it is compared as a whole, which takes a few vectors.
fn next_line(data: &[u8], end: usize) -> usize {
    let starts = |byte: &u8| *byte == LINE_START;
    let (blocks, _) = data[end..].as_chunks::<BLOCK>();
    let is_padding = |block: &&[u8; BLOCK]| !block.iter().fold(false, |any, byte| any | starts(byte));
    let rest = end + BLOCK * blocks.iter().take_while(is_padding).count();
    data[rest..].iter().position(starts).map_or(data.len(), |padding| rest + padding)
}

/// A line being read: hands out its bytes without the fillers.
struct Line<'a> {
    bytes: &'a [u8],
    /// Where the line starts in the buffer.
    base: usize,
    at: usize,
    period: Option<usize>,
}

impl<'a> Line<'a> {
    const fn new(bytes: &'a [u8], base: usize, period: Option<usize>) -> Self {
        Self { bytes, base, at: 0, period }
    }

    /// Reads the line up to its end tag, its last byte, or the last register wanted. Returns
    /// the offset in the buffer where reading stopped.
    fn read(mut self, found: &mut Found) -> Result<usize, EmbeddedFault> {
        if self.next()? != Some(LINE_START) {
            return Err(EmbeddedFault::NoLineStart(self.base));
        }
        let mut address = 0u16;
        while !found.is_complete() {
            let tag_at = self.base + self.at;
            let (Some(tag), Some(byte)) = (self.next()?, self.next()?) else { break };
            match tag {
                ADDRESS_HIGH => address = u16::from_be_bytes([byte, address.to_be_bytes()[1]]),
                ADDRESS_LOW => address = u16::from_be_bytes([address.to_be_bytes()[0], byte]),
                SKIP => address = address.wrapping_add(1),
                VALUE => {
                    found.note(address, byte);
                    address = address.wrapping_add(1);
                }
                LINE_END if byte == LINE_END => break,
                LINE_END => return Err(EmbeddedFault::BadLineEnd(tag_at)),
                _ => return Err(EmbeddedFault::BadTag(tag_at)),
            }
        }
        Ok(self.base + self.at)
    }

    /// The next byte that is no filler.
    fn next(&mut self) -> Result<Option<u8>, EmbeddedFault> {
        if self.period.is_some_and(|period| self.at % period == period - 1) {
            match self.bytes.get(self.at) {
                Some(&FILLER) => self.at += 1,
                Some(_) => return Err(EmbeddedFault::BadFiller(self.base + self.at)),
                None => return Ok(None),
            }
        }
        let byte = self.bytes.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        Ok(byte)
    }
}

/// The fields wanted, and the bytes of them found so far.
struct Found {
    fields: [Field; 5],
    /// From the first to the last register that is wanted.
    span: RangeInclusive<u16>,
    bytes: [[Option<u8>; 2]; 5],
    missing: u8,
}

impl Found {
    fn new(registers: &Registers) -> Self {
        let fields = registers.fields();
        let missing = fields.iter().map(|field| field.bytes).sum();
        let wanted = || fields.iter().filter(|field| field.bytes > 0);
        let first = wanted().map(|field| field.address).min().unwrap_or(0);
        let last = wanted().map(|field| field.address.saturating_add(u16::from(field.bytes) - 1)).max();
        Self { fields, span: first..=last.unwrap_or(0), bytes: [[None; 2]; 5], missing }
    }

    const fn is_complete(&self) -> bool {
        self.missing == 0
    }

    fn note(&mut self, address: u16, byte: u8) {
        // Sensors send hundreds of registers: most are told apart by this alone.
        if !self.span.contains(&address) {
            return;
        }
        for (field, bytes) in self.fields.iter().zip(&mut self.bytes) {
            let Some(offset) = field.offset_of(address) else { continue };
            let slot = &mut bytes[usize::from(offset)];
            self.missing -= u8::from(slot.is_none());
            *slot = Some(byte);
        }
    }

    fn value(&self, index: usize) -> Result<u32, EmbeddedFault> {
        let field = self.fields[index];
        let mut value = 0;
        for offset in 0..field.bytes {
            let address = field.address.wrapping_add(u16::from(offset));
            let byte = self.bytes[index][usize::from(offset)];
            value = value << 8 | u32::from(byte.ok_or(EmbeddedFault::MissingRegister(address))?);
        }
        Ok(value)
    }

    fn settings(&self, has_temperature: bool) -> Result<EmbeddedSettings, EmbeddedFault> {
        let degrees = f32::from((self.value(4)? as u8 as i8).clamp(-20, 80));
        Ok(EmbeddedSettings {
            exposure_lines: self.value(0)?,
            analogue_gain_code: self.value(1)?,
            frame_length_lines: self.value(2)?,
            line_length_pixels: self.value(3)?,
            temperature_c: has_temperature.then_some(degrees),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helper::SensorHelper;
    use proptest::prelude::*;

    fn imx219() -> Registers {
        SensorHelper::IMX219.embedded.unwrap()
    }

    fn imx477() -> Registers {
        SensorHelper::IMX477.embedded.unwrap()
    }

    /// IMX219's registers 0x0157 to 0x0163, written out by hand for an 8-bit bus.
    #[rustfmt::skip]
    const IMX219_LINE: &[u8] = &[
        0x0a,
        0xaa, 0x01, 0xa5, 0x57,
        0x5a, 0x80,             // 0x157: gain
        0x55, 0x07, 0x55, 0x07, // 0x158, 0x159: passed over
        0x5a, 0x06, 0x5a, 0x40, // 0x15a: exposure
        0xa5, 0x60,
        0x5a, 0x0a, 0x5a, 0x83, // 0x160: frame length
        0x5a, 0x0d, 0x5a, 0x78, // 0x162: line length
        0x07, 0x07,
    ];

    const IMX219_SETTINGS: EmbeddedSettings = EmbeddedSettings {
        exposure_lines: 0x0640,
        analogue_gain_code: 0x80,
        frame_length_lines: 0x0a83,
        line_length_pixels: 0x0d78,
        temperature_c: None,
    };

    /// A line of an 8-bit bus as a wider one carries it.
    fn widened(line: &[u8], period: usize) -> Vec<u8> {
        let mut wide = Vec::new();
        for &byte in line {
            if wide.len() % period == period - 1 {
                wide.push(FILLER);
            }
            wide.push(byte);
        }
        wide
    }

    #[test]
    fn eight_bit_lines_are_read() {
        assert_eq!(parse(IMX219_LINE, 8, None, &imx219()), Ok(IMX219_SETTINGS));
        assert_eq!(parse(IMX219_LINE, 8, Some(IMX219_LINE.len()), &imx219()), Ok(IMX219_SETTINGS));
    }

    #[test]
    fn fillers_of_wider_buses_are_passed_over() {
        for (bits, period) in [(10, 5), (12, 3)] {
            let line = widened(IMX219_LINE, period);
            assert_eq!(line[period - 1], FILLER);
            assert_eq!(parse(&line, bits, None, &imx219()), Ok(IMX219_SETTINGS));
        }
    }

    #[test]
    fn registers_may_lie_in_several_lines() {
        let first = widened(&[0x0a, 0xaa, 0x02, 0xa5, 0x02, 0x5a, 0x12, 0x5a, 0x34, 0x07, 0x07], 3);
        let second = widened(&[0x0a, 0xaa, 0x02, 0xa5, 0x04, 0x5a, 0x01, 0x5a, 0x02, 0x07, 0x07], 3);
        let third = widened(
            &[
                0x0a, 0xa5, 0x3a, 0xaa, 0x01, 0x5a, 0xf0, 0xaa, 0x03, 0xa5, 0x40, 0x5a, 5, 0x5a, 6, 0x5a, 7,
                0x5a, 8,
            ],
            3,
        );
        let expected = EmbeddedSettings {
            exposure_lines: 0x1234,
            analogue_gain_code: 0x0102,
            frame_length_lines: 0x0506,
            line_length_pixels: 0x0708,
            temperature_c: Some(-16.0),
        };
        let mut spaced = vec![0x07; 3 * 64];
        let mut contiguous = Vec::new();
        for (number, line) in [first, second, third].iter().enumerate() {
            spaced[number * 64..][..line.len()].copy_from_slice(line);
            contiguous.extend(line);
            contiguous.extend([0x07; 9]);
        }
        assert_eq!(parse(&spaced, 12, Some(64), &imx477()), Ok(expected));
        assert_eq!(parse(&contiguous, 12, None, &imx477()), Ok(expected));
    }

    #[test]
    fn the_next_line_is_found_behind_any_padding() {
        for padding in [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 5] {
            let data = [&[LINE_END; 2][..], &vec![LINE_END; padding], &[LINE_START, 1, LINE_START]].concat();
            assert_eq!(next_line(&data, 2), 2 + padding);
            assert_eq!(next_line(&data[..2 + padding], 2), 2 + padding, "no line follows");
        }
    }

    #[test]
    fn temperatures_are_held_to_the_range_of_the_sensor() {
        for (code, degrees) in [(25u8, 25.0), (100, 80.0), (0x80, -20.0), (0xff, -1.0)] {
            let mut line = vec![0x0a];
            for (address, value) in [(0x0202u16, 1), (0x0203, 2), (0x0204, 0), (0x0205, 9), (0x013a, code)]
                .into_iter()
                .chain((0x0340..0x0344).map(|address| (address, 1)))
            {
                let [high, low] = address.to_be_bytes();
                line.extend([0xaa, high, 0xa5, low, 0x5a, value]);
            }
            assert_eq!(parse(&line, 8, None, &imx477()).unwrap().temperature_c, Some(degrees));
        }
    }

    #[test]
    fn each_fault_has_its_name() {
        let registers = imx219();
        let broken = |at: usize, byte: u8| {
            let mut line = widened(IMX219_LINE, 5);
            line[at] = byte;
            parse(&line, 10, None, &registers)
        };
        assert_eq!(broken(0, 0x0b), Err(EmbeddedFault::NoLineStart(0)));
        assert_eq!(broken(1, 0x33), Err(EmbeddedFault::BadTag(1)));
        assert_eq!(broken(4, 0x00), Err(EmbeddedFault::BadFiller(4)));
        assert_eq!(broken(1, 0x07), Err(EmbeddedFault::BadLineEnd(1)));
        assert_eq!(parse(IMX219_LINE, 14, None, &registers), Err(EmbeddedFault::Layout));
        assert_eq!(parse(IMX219_LINE, 8, Some(0), &registers), Err(EmbeddedFault::Layout));
        assert_eq!(parse(&[], 8, None, &registers), Err(EmbeddedFault::MissingRegister(0x015a)));
        let cut = &IMX219_LINE[..IMX219_LINE.len() - 4];
        assert_eq!(parse(cut, 8, None, &registers), Err(EmbeddedFault::MissingRegister(0x0163)));
    }

    #[test]
    fn a_fault_becomes_an_error_that_says_what() {
        let error = Error::from(EmbeddedFault::MissingRegister(0x0163));
        assert_eq!(error.to_string(), "parsing embedded data: register 0x0163 is missing");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            data in proptest::collection::vec(any::<u8>(), 0..300),
            bits in prop::sample::select(vec![8u8, 10, 12, 13]),
            line_bytes in proptest::option::of(0usize..40),
        ) {
            let _ = parse(&data, bits, line_bytes, &imx477());
        }

        #[test]
        fn no_stream_of_tags_makes_it_panic(
            pairs in proptest::collection::vec(
                (prop::sample::select(vec![LINE_START, LINE_END, ADDRESS_HIGH, ADDRESS_LOW, VALUE, SKIP]), 0u8..8),
                0..200,
            ),
        ) {
            let data: Vec<u8> = [LINE_START].into_iter().chain(pairs.into_iter().flat_map(|(a, b)| [a, b])).collect();
            for period in [usize::MAX, 5, 3] {
                let bits = match period { 5 => 10, 3 => 12, _ => 8 };
                let _ = parse(&widened(&data, period), bits, None, &imx219());
            }
        }
    }
}
