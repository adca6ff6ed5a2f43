//! Codes quantised blocks as bits (ITU-T T.81, F.1.2).

use super::tables::{HuffmanSpec, ZIGZAG};

/// A code for each symbol.
pub(super) struct CodeTable {
    codes: [(u16, u8); 256],
}

impl CodeTable {
    /// Counts the codes up, length by length (T.81, annex C).
    pub(super) fn new(spec: &HuffmanSpec) -> Self {
        let (mut codes, mut code, mut symbols) = ([(0, 0); 256], 0u16, spec.symbols.iter());
        for (length, &count) in (1u8..).zip(&spec.codes_of_length) {
            for &symbol in symbols.by_ref().take(usize::from(count)) {
                codes[usize::from(symbol)] = (code, length);
                code += 1;
            }
            code <<= 1;
        }
        Self { codes }
    }

    fn put(&self, bits: &mut BitWriter, symbol: u8) {
        let (code, length) = self.codes[usize::from(symbol)];
        bits.put(u32::from(code), u32::from(length));
    }
}

/// Gathers bits into bytes, most significant first, and stuffs a zero behind each 0xff.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    held: u64,
    held_bits: u32,
}

impl BitWriter {
    fn put(&mut self, value: u32, count: u32) {
        self.held = self.held << count | u64::from(value);
        self.held_bits += count;
        while self.held_bits >= 8 {
            self.held_bits -= 8;
            let byte = (self.held >> self.held_bits) as u8;
            self.bytes.push(byte);
            if byte == 0xff {
                self.bytes.push(0);
            }
        }
    }

    /// The whole bytes so far.
    pub(super) fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// What is left, filled up with ones.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let missing = (8 - self.held_bits) % 8;
        self.put((1 << missing) - 1, missing);
        self.bytes
    }
}

/// Bits that a number takes without its sign.
fn magnitude_bits(value: i32) -> u32 {
    32 - value.unsigned_abs().leading_zeros()
}

/// Puts a number's low bits; a negative one as the number below it.
fn put_magnitude(bits: &mut BitWriter, value: i32, count: u32) {
    let value = if value < 0 { value - 1 } else { value };
    bits.put(value as u32 & ((1 << count) - 1), count);
}

/// Codes a block's levels, given row by row: the first as its difference from the component's
/// previous, the others as runs of zeros and a level.
pub(super) fn encode_block(
    bits: &mut BitWriter,
    levels: &[i16; 64],
    previous_dc: &mut i32,
    dc: &CodeTable,
    ac: &CodeTable,
) {
    let first = i32::from(levels[0]);
    let difference = first - std::mem::replace(previous_dc, first);
    let count = magnitude_bits(difference);
    dc.put(bits, count as u8);
    put_magnitude(bits, difference, count);
    encode_others(bits, levels, ac);
}

fn encode_others(bits: &mut BitWriter, levels: &[i16; 64], ac: &CodeTable) {
    const END_OF_BLOCK: u8 = 0x00;
    const SIXTEEN_ZEROS: u8 = 0xf0;
    let mut zeros = 0u8;
    for at in &ZIGZAG[1..] {
        let level = i32::from(levels[usize::from(*at)]);
        if level == 0 {
            zeros += 1;
            continue;
        }
        for _ in 0..zeros / 16 {
            ac.put(bits, SIXTEEN_ZEROS);
        }
        let count = magnitude_bits(level);
        ac.put(bits, (zeros % 16) << 4 | count as u8);
        put_magnitude(bits, level, count);
        zeros = 0;
    }
    if zeros > 0 {
        ac.put(bits, END_OF_BLOCK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::tables::{CHROMA, LUMA};

    #[test]
    fn codes_are_those_of_the_standard() {
        // T.81, tables K.3 and K.5.
        assert_eq!(CodeTable::new(&LUMA.dc).codes[11], (0b1_1111_1110, 9));
        let ac = CodeTable::new(&LUMA.ac);
        assert_eq!(ac.codes[0x00], (0b1010, 4));
        assert_eq!(ac.codes[0xf0], (0b111_1111_1001, 11));
        assert_eq!(ac.codes[0xfa], (0xfffe, 16));
        // Tables K.4 and K.6.
        assert_eq!(CodeTable::new(&CHROMA.dc).codes[11], (0b111_1111_1110, 11));
        assert_eq!(CodeTable::new(&CHROMA.ac).codes[0xf0], (0b11_1111_1010, 10));
    }

    #[test]
    fn every_symbol_has_a_code() {
        for spec in [&LUMA, &CHROMA] {
            assert_eq!(spec.ac.codes_of_length.iter().map(|&n| usize::from(n)).sum::<usize>(), 162);
            let ac = CodeTable::new(&spec.ac);
            let coded = |symbol: u8| ac.codes[usize::from(symbol)].1 > 0;
            assert!((0..16).all(|run| (1..=10).all(|size| coded(run << 4 | size))));
            assert!(coded(0x00) && coded(0xf0));
        }
    }

    #[test]
    fn ones_are_stuffed_and_filled_up() {
        let mut bits = BitWriter::default();
        bits.put(0x1ff, 9);
        assert_eq!(bits.finish(), [0xff, 0x00, 0xff, 0x00]);
    }
}
