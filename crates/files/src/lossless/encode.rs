//! Samples to lossless JPEG. Neighbouring samples of a mosaic have different colours: they are
//! coded as two components of half the width, so that each is predicted from its own colour.

use super::huffman::{Lengths, SYMBOLS};
use super::{first_prediction, marker};

/// Codes rows of `width` samples, an even number, of `bits` bits each (2 to 16).
pub(crate) fn encode(samples: &[u16], width: usize, bits: u32) -> Vec<u8> {
    let mut counts = [0; SYMBOLS];
    for_each_difference(samples, width, bits, |difference| counts[size_of(difference) as usize] += 1);
    let lengths = Lengths::for_counts(&counts);
    let codes = lengths.codes();
    let mut writer = Writer { bytes: head(samples, width, bits, &lengths), held: 0, held_bits: 0 };
    for_each_difference(samples, width, bits, |difference| {
        let size = size_of(difference);
        let (code, length) = codes[size as usize];
        writer.put(code, length);
        if size < 16 {
            let low = if difference < 0 { difference - 1 } else { difference };
            writer.put(low as u32 & ((1 << size) - 1), size);
        }
    });
    writer.finish()
}

/// Bits of a difference without its sign.
fn size_of(difference: i32) -> u32 {
    32 - difference.unsigned_abs().leading_zeros()
}

/// Differences modulo 2¹⁶, from -32767 to 32768, of each sample from the one before it of its
/// component; at the start of a row, from that above.
fn for_each_difference(samples: &[u16], width: usize, bits: u32, mut each: impl FnMut(i32)) {
    let mut above = [first_prediction(bits); 2];
    for row in samples.chunks_exact(width) {
        let mut predicted = above;
        above = [i32::from(row[0]), i32::from(row[1])];
        for pair in row.chunks_exact(2) {
            for (predicted, &sample) in predicted.iter_mut().zip(pair) {
                let difference = (i32::from(sample) - *predicted) as i16;
                each(if difference == i16::MIN { 32768 } else { i32::from(difference) });
                *predicted = i32::from(sample);
            }
        }
    }
}

fn head(samples: &[u16], width: usize, bits: u32, lengths: &Lengths) -> Vec<u8> {
    let [rows, columns] = [samples.len() / width, width / 2].map(|side| (side as u16).to_be_bytes());
    let mut head = vec![0xff, marker::START_OF_IMAGE];
    let frame = [&[bits as u8][..], &rows, &columns, &[2, 0, 0x11, 0, 1, 0x11, 0]].concat();
    segment(&mut head, marker::LOSSLESS_FRAME, &frame);
    segment(&mut head, marker::HUFFMAN, &[&[0][..], &lengths.codes_of_length, &lengths.symbols].concat());
    const LEFT: u8 = 1;
    segment(&mut head, marker::SCAN, &[2, 0, 0x00, 1, 0x00, LEFT, 0, 0]);
    head
}

fn segment(head: &mut Vec<u8>, marker: u8, payload: &[u8]) {
    head.extend([0xff, marker]);
    head.extend((payload.len() as u16 + 2).to_be_bytes());
    head.extend(payload);
}

/// Gathers bits into bytes, most significant first, and stuffs a zero behind each 0xff.
struct Writer {
    bytes: Vec<u8>,
    held: u64,
    held_bits: u32,
}

impl Writer {
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

    /// Fills the last byte up with ones.
    fn finish(mut self) -> Vec<u8> {
        let missing = (8 - self.held_bits) % 8;
        self.put((1 << missing) - 1, missing);
        self.bytes.extend([0xff, marker::END_OF_IMAGE]);
        self.bytes
    }
}
