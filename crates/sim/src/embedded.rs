//! Writes embedded data as sensors do: the registers of a frame, tagged as SMIA 1.0 and MIPI
//! CCS have it (simplified two-byte tagged format), spread over the bus as pixels are.
//!
//! Knows nothing of buffers.

use crate::model::EmbeddedLayout;
use crate::sensor::Registers;

const LINE_START: u8 = 0x0a;
const LINE_END: u8 = 0x07;
const ADDRESS_HIGH: u8 = 0xaa;
const ADDRESS_LOW: u8 = 0xa5;
const VALUE: u8 = 0x5a;
const FILLER: u8 = 0x55;
/// What follows a line's end, so that what an earlier frame left there cannot be taken for
/// another line.
const PADDING_BYTES: usize = 16;

/// Degrees that the simulated dies have.
const TEMPERATURE_C: u8 = 38;

/// The largest number of bytes that a line of these registers takes.
pub(crate) const LINE_BYTES_MAX: usize = 128;

/// A line being written.
struct Line<'a> {
    bytes: &'a mut [u8; LINE_BYTES_MAX],
    used: usize,
    /// A filler comes as every so-manieth byte; 0: never.
    period: usize,
    /// The register that comes next.
    address: Option<u16>,
}

impl Line<'_> {
    fn byte(&mut self, byte: u8) {
        if self.period > 0 && self.used % self.period == self.period - 1 {
            self.bytes[self.used] = FILLER;
            self.used += 1;
        }
        self.bytes[self.used] = byte;
        self.used += 1;
    }

    fn pair(&mut self, tag: u8, byte: u8) {
        self.byte(tag);
        self.byte(byte);
    }

    /// Registers from an address on, one byte each.
    fn registers(&mut self, address: u16, values: &[u8]) {
        let [high, low] = address.to_be_bytes();
        if self.address != Some(address) {
            self.pair(ADDRESS_HIGH, high);
            self.pair(ADDRESS_LOW, low);
        }
        for &value in values {
            self.pair(VALUE, value);
        }
        self.address = Some(address + values.len() as u16);
    }
}

/// Writes the line for a frame with so many bits a sample; answers how many bytes it has.
pub(crate) fn encode(
    registers: &Registers,
    layout: &EmbeddedLayout,
    bits: u8,
    bytes: &mut [u8; LINE_BYTES_MAX],
) -> usize {
    let period = match bits {
        10 => 5,
        12 => 3,
        _ => 0,
    };
    let word = |value: u32| (value.min(0xffff) as u16).to_be_bytes();
    let gain = word(registers.gain_code);
    let mut line = Line { bytes, used: 0, period, address: None };
    line.byte(LINE_START);
    line.registers(layout.gain_register, &gain[2 - usize::from(layout.gain_bytes.min(2))..]);
    let unit = unit_lines(registers, layout);
    line.registers(layout.exposure_register, &word(registers.exposure_lines / unit));
    line.registers(layout.frame_length_register, &word(registers.frame_length_lines / unit));
    line.registers(layout.line_length_register, &word(registers.line_length_pixels));
    if let Some(address) = layout.temperature_register {
        line.registers(address, &[TEMPERATURE_C]);
    }
    for _ in 0..PADDING_BYTES {
        line.byte(LINE_END);
    }
    line.used
}

/// The lines that the sensor counts as one, so that the frame's length fits its register.
fn unit_lines(registers: &Registers, layout: &EmbeddedLayout) -> u32 {
    let mut unit = 1;
    while registers.frame_length_lines / unit > layout.frame_length_max_lines {
        unit *= 2;
    }
    unit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{IMX219, IMX477};

    const REGISTERS: Registers = Registers {
        exposure_lines: 0x0123,
        gain_code: 0x80,
        frame_length_lines: 0x06e3,
        line_length_pixels: 0x0d78,
    };

    fn encoded(layout: &EmbeddedLayout, bits: u8) -> Vec<u8> {
        let mut bytes = [0; LINE_BYTES_MAX];
        let used = encode(&REGISTERS, layout, bits, &mut bytes);
        bytes[..used].to_vec()
    }

    /// By the tables of the IMX219's data: what a hand would write.
    #[test]
    fn imx219_lines_hold_the_registers_where_the_part_has_them() {
        let mut expected = vec![0x0a, 0xaa, 0x01, 0xa5, 0x57, 0x5a, 0x80];
        expected.extend([0xaa, 0x01, 0xa5, 0x5a, 0x5a, 0x01, 0x5a, 0x23]);
        expected.extend([0xaa, 0x01, 0xa5, 0x60, 0x5a, 0x06, 0x5a, 0xe3]);
        expected.extend([0x5a, 0x0d, 0x5a, 0x78, 0x07, 0x07]);
        assert!(encoded(&IMX219.embedded, 8).starts_with(&expected));
    }

    #[test]
    fn long_frames_are_counted_in_larger_units() {
        let long = Registers { exposure_lines: 200_000, frame_length_lines: 0xffdc * 4, ..REGISTERS };
        let mut bytes = [0; LINE_BYTES_MAX];
        let used = encode(&long, &IMX477.embedded, 8, &mut bytes);
        let holds = |values: [u8; 4]| bytes[..used].windows(4).any(|window| window == values);
        assert!(holds([VALUE, 0xff, VALUE, 0xdc]), "the frame length in units of 4 lines");
        assert!(holds([VALUE, 0xc3, VALUE, 0x50]), "the exposure, likewise: 50,000");
    }

    #[test]
    fn wider_buses_have_fillers() {
        for (bits, period) in [(10, 5), (12, 3)] {
            let narrow = encoded(&IMX477.embedded, 8);
            let wide = encoded(&IMX477.embedded, bits);
            let fillers: Vec<u8> = wide.iter().skip(period - 1).step_by(period).copied().collect();
            assert!(fillers.iter().all(|&byte| byte == FILLER));
            let rest: Vec<u8> =
                (0..wide.len()).filter(|at| at % period != period - 1).map(|at| wide[at]).collect();
            assert_eq!(rest, narrow);
        }
    }
}
