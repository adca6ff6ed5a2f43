//! Codes quantised blocks as bits (ITU-T T.81, F.1.2).

use super::dct::{Pair, Place};
use super::tables::{HuffmanSpec, ZIGZAG};

/// The code of each symbol, followed by room for the bits of the number that the symbol's low
/// half announces.
pub(super) struct CodeTable {
    codes: [Code; 256],
}

/// Bits to put, and how many.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Code {
    bits: u32,
    count: u32,
}

impl CodeTable {
    /// Counts the codes up, length by length (T.81, annex C).
    pub(super) fn new(spec: &HuffmanSpec) -> Self {
        let (mut codes, mut code, mut symbols) = ([Code::default(); 256], 0, spec.symbols.iter());
        for (length, &count) in (1u32..).zip(&spec.codes_of_length) {
            for &symbol in symbols.by_ref().take(usize::from(count)) {
                let room = u32::from(symbol & 15);
                codes[usize::from(symbol)] = Code { bits: code << room, count: length + room };
                code += 1;
            }
            code <<= 1;
        }
        Self { codes }
    }

    /// The code of a run of zeros (0 to 15) and a number, with the number's bits: its low ones,
    /// or those of the number below if it is negative.
    #[inline(always)]
    fn code(&self, zeros: usize, number: i32) -> Code {
        let size = 32 - number.unsigned_abs().leading_zeros();
        let low = (number + (number >> 31)) as u32 & ((1 << size) - 1);
        let Code { bits, count } = self.codes[(zeros << 4 | size as usize) & 255];
        Code { bits: bits | low, count }
    }
}

/// What may be left of a unit's bits when they are not yet whole words.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    bits: u64,
    count: u32,
}

/// Gathers bits into bytes, most significant first, and stuffs a zero behind each 0xff.
pub(super) struct Bytes {
    buffer: Box<[u8]>,
    length: usize,
}

/// The most bytes that a block can take: 64 codes of 26 bits, every byte stuffed.
const BLOCK_BYTES_MAX: usize = 2 * 64 * 26 / 8;

impl Bytes {
    /// Room for so many blocks, and what is held besides.
    pub(super) fn with_room_for(blocks: usize) -> Self {
        Self { buffer: vec![0; (blocks + 1) * BLOCK_BYTES_MAX].into(), length: 0 }
    }

    /// The bytes so far, which are forgotten.
    pub(super) fn take(&mut self) -> &[u8] {
        &self.buffer[..std::mem::take(&mut self.length)]
    }

    #[inline(always)]
    fn push_word(&mut self, word: u32) {
        // A byte is 0xff if its complement is zero, which borrows when one is taken from it.
        let full = (!word).wrapping_sub(0x0101_0101) & word & 0x8080_8080;
        if full == 0 {
            self.buffer[self.length..self.length + 4].copy_from_slice(&word.to_be_bytes());
            self.length += 4;
        } else {
            word.to_be_bytes().into_iter().for_each(|byte| self.push(byte));
        }
    }

    fn push(&mut self, byte: u8) {
        self.buffer[self.length] = byte;
        self.length += 1;
        if byte == 0xff {
            self.buffer[self.length] = 0;
            self.length += 1;
        }
    }

    /// Puts what is left, filled up with ones.
    pub(super) fn finish(&mut self, held: Held) {
        let missing = (8 - held.count % 8) % 8;
        let Held { bits, count } = held.with(self, Code { bits: (1 << missing) - 1, count: missing });
        for byte in (0..count / 8).rev() {
            self.push((bits >> (8 * byte)) as u8);
        }
    }
}

impl Held {
    /// The same with a code of at most 32 bits behind it; whole words go to the bytes.
    #[inline(always)]
    fn with(self, bytes: &mut Bytes, code: Code) -> Self {
        let bits = self.bits << code.count | u64::from(code.bits);
        let mut count = self.count + code.count;
        if count >= 32 {
            count -= 32;
            bytes.push_word((bits >> count) as u32);
        }
        Self { bits, count }
    }
}

/// Where a block's levels lie, in the order in which they are coded.
const ORDER: [Place; 64] = {
    let (mut order, mut at) = ([Place::of(0); 64], 0);
    while at < 64 {
        order[at] = Place::of(ZIGZAG[at] as usize);
        at += 1;
    }
    order
};

/// For each column of levels, and each set of its eight rows, the set of positions in the order
/// of coding.
static POSITIONS: [[u64; 256]; 8] = {
    let (mut positions, mut at) = ([[0; 256]; 8], 0);
    while at < 64 {
        let (row, column) = (ORDER[at].row(), ORDER[at].column());
        let mut set = 0;
        while set < 256 {
            positions[column][set] |= ((set >> row & 1) as u64) << at;
            set += 1;
        }
        at += 1;
    }
    positions
};

/// The positions, in the order of coding, of levels other than zero, from the set of rows that
/// each column has them in.
#[inline(always)]
fn nonzero_positions(nonzero: &[u16; 8]) -> u64 {
    let mut positions = 0;
    for (column, &set) in POSITIONS.iter().zip(nonzero) {
        positions |= column[usize::from(set & 255)];
    }
    positions
}

/// Codes the levels of one block of a pair: the first as its difference from the component's previous, the
/// others as runs of zeros and a level.
#[inline(always)]
pub(super) fn encode_block(
    held: Held,
    bytes: &mut Bytes,
    (pair, block): (&Pair, usize),
    previous_dc: &mut i32,
    dc: &CodeTable,
    ac: &CodeTable,
) -> Held {
    const SIXTEEN_ZEROS: usize = 0xf0;
    const END_OF_BLOCK: usize = 0x00;
    let first = pair.level(block, ORDER[0]);
    let difference = first - std::mem::replace(previous_dc, first);
    let mut held = held.with(bytes, dc.code(0, difference));
    let mut positions = nonzero_positions(pair.nonzero(block)) & !1;
    let mut next = 1;
    while positions != 0 {
        let position = positions.trailing_zeros();
        positions &= positions - 1;
        let mut zeros = position - next;
        next = position + 1;
        while zeros >= 16 {
            held = held.with(bytes, ac.codes[SIXTEEN_ZEROS]);
            zeros -= 16;
        }
        let level = pair.level(block, ORDER[position as usize & 63]);
        held = held.with(bytes, ac.code(zeros as usize, level));
    }
    if next < 64 { held.with(bytes, ac.codes[END_OF_BLOCK]) } else { held }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::tables::{CHROMA, LUMA};

    #[test]
    fn codes_are_those_of_the_standard() {
        // T.81, tables K.3 and K.5.
        let code = |spec, symbol: usize, room| {
            let Code { bits, count } = CodeTable::new(spec).codes[symbol];
            (bits >> room, count - room)
        };
        assert_eq!(code(&LUMA.dc, 11, 11), (0b1_1111_1110, 9));
        assert_eq!(code(&LUMA.ac, 0x00, 0), (0b1010, 4));
        assert_eq!(code(&LUMA.ac, 0xf0, 0), (0b111_1111_1001, 11));
        assert_eq!(code(&LUMA.ac, 0xfa, 10), (0xfffe, 16));
        // Tables K.4 and K.6.
        assert_eq!(code(&CHROMA.dc, 11, 11), (0b111_1111_1110, 11));
        assert_eq!(code(&CHROMA.ac, 0xf0, 0), (0b11_1111_1010, 10));
    }

    #[test]
    fn every_symbol_has_a_code() {
        for spec in [&LUMA, &CHROMA] {
            assert_eq!(spec.ac.codes_of_length.iter().map(|&n| usize::from(n)).sum::<usize>(), 162);
            let ac = CodeTable::new(&spec.ac);
            let coded = |symbol: u8| ac.codes[usize::from(symbol)].count > 0;
            assert!((0..16).all(|run| (1..=10).all(|size| coded(run << 4 | size))));
            assert!(coded(0x00) && coded(0xf0));
        }
    }

    #[test]
    fn ones_are_stuffed_and_filled_up() {
        let mut bytes = Bytes::with_room_for(1);
        let held = Held::default().with(&mut bytes, Code { bits: 0x1ff, count: 9 });
        bytes.finish(held);
        assert_eq!(bytes.take(), [0xff, 0x00, 0xff, 0x00]);
    }

    #[test]
    fn any_word_is_stuffed_right() {
        for word in
            [0, u32::MAX, 0xff00_0000, 0x00ff_00ff, 0x1234_56ff, 0xfeff_feff, 0x7fff_8000, 0xfefe_fefe]
        {
            let mut bytes = Bytes::with_room_for(1);
            bytes.push_word(word);
            let full = |&byte: &u8| if byte == 0xff { vec![0xff, 0] } else { vec![byte] };
            let expected: Vec<u8> = word.to_be_bytes().iter().flat_map(full).collect();
            assert_eq!(bytes.take(), expected, "{word:08x}");
        }
    }

    #[test]
    fn positions_are_in_zigzag_order() {
        let mut nonzero = [0; 8];
        for (position, &coefficient) in ZIGZAG.iter().enumerate() {
            let place = Place::of(usize::from(coefficient));
            nonzero[place.column()] |= 1 << place.row();
            assert_eq!(nonzero_positions(&nonzero), u64::MAX >> (63 - position));
        }
    }
}
