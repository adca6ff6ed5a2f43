//! Turns packed samples into 16-bit words without changing a code: CSI-2's packing (MIPI
//! CSI-2, "Raw data types") and TIFF's, which is one stream of bits, most significant first.

use pinhole_base::format::{Packing, RawFormat};

/// Appends a row's `width` samples as words in the machine's order.
pub(crate) fn unpack_row(format: RawFormat, row: &[u8], width: u32, samples: &mut Vec<u16>) {
    let width = width as usize;
    match (format.packing, format.bits) {
        (Packing::Csi2, 10) => unpack_csi2::<4, 1>(row, width, samples),
        (Packing::Csi2, 12) => unpack_csi2::<2, 1>(row, width, samples),
        (Packing::Csi2, 14) => unpack_csi2::<4, 3>(row, width, samples),
        (_, 8) => samples.extend(row[..width].iter().map(|&byte| u16::from(byte))),
        _ => samples
            .extend(row[..width * 2].chunks_exact(2).map(|word| u16::from_le_bytes([word[0], word[1]]))),
    }
}

/// Groups of `SAMPLES` high bytes, then `LOW` bytes with the low bits, first sample lowest.
fn unpack_csi2<const SAMPLES: usize, const LOW: usize>(row: &[u8], width: usize, samples: &mut Vec<u16>) {
    let low_bits = LOW * 8 / SAMPLES;
    let end = samples.len() + width;
    for group in row.chunks_exact(SAMPLES + LOW) {
        let (high, low) = group.split_at(SAMPLES);
        let low = low.iter().rev().fold(0u32, |all, &byte| all << 8 | u32::from(byte));
        samples.extend(high.iter().enumerate().map(|(i, &byte)| {
            let rest = low >> (i * low_bits) & ((1 << low_bits) - 1);
            u16::from(byte) << low_bits | rest as u16
        }));
    }
    samples.truncate(end);
}

/// Appends samples of `bits` (1 to 16) each as a stream of bits, most significant first, filled
/// up with zeros to a whole byte.
pub(crate) fn pack_bits(samples: &[u16], bits: u32, row: &mut Vec<u8>) {
    let (mut held, mut held_bits) = (0u32, 0);
    for &sample in samples {
        held = held << bits | u32::from(sample);
        held_bits += bits;
        while held_bits >= 8 {
            held_bits -= 8;
            row.push((held >> held_bits) as u8);
        }
    }
    if held_bits > 0 {
        row.push((held << (8 - held_bits)) as u8);
    }
}

/// Writes `into.len()` samples of `bits` (1 to 16) each from a stream of bits, most
/// significant first. The row must hold them all.
pub(crate) fn unpack_bits(row: &[u8], bits: u32, into: &mut [u16]) {
    let (mut held, mut held_bits, mut bytes) = (0u32, 0, row.iter());
    for sample in into {
        while held_bits < bits {
            let byte = *bytes.next().expect("the row was checked to hold all samples");
            held = held << 8 | u32::from(byte);
            held_bits += 8;
        }
        held_bits -= bits;
        *sample = (held >> held_bits & ((1 << bits) - 1)) as u16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unpacked(bits: u8, row: &[u8], width: u32) -> Vec<u16> {
        let mut samples = Vec::new();
        let format = RawFormat { order: None, bits, packing: Packing::Csi2 };
        unpack_row(format, row, width, &mut samples);
        samples
    }

    #[test]
    fn csi2_layouts() {
        assert_eq!(unpacked(10, &[0xff, 0, 1, 0x80, 0b11_10_01_00], 4), [0x3fc, 1, 6, 0x203]);
        assert_eq!(unpacked(12, &[0xab, 0x12, 0x3c], 2), [0xabc, 0x123]);
        assert_eq!(unpacked(14, &[1, 2, 3, 4, 0x41, 0x30, 0x0e], 4), [0x41, 0x81, 0xe3, 0x103]);
        assert_eq!(unpacked(10, &[0, 0, 1, 0, 0], 3), [0, 0, 4]);
    }

    #[test]
    fn tiff_bits_are_most_significant_first() {
        let mut samples = [0; 2];
        unpack_bits(&[0xab, 0xc1, 0x23], 12, &mut samples);
        assert_eq!(samples, [0xabc, 0x123]);
    }

    proptest! {
        #[test]
        fn bit_streams_keep_every_code(bits in 1u32..=16, codes in proptest::collection::vec(any::<u16>(), 0..40)) {
            let codes: Vec<u16> = codes.iter().map(|code| (u32::from(*code) & ((1 << bits) - 1)) as u16).collect();
            let text: String = codes.iter().map(|code| format!("{code:0width$b}", width = bits as usize)).collect();
            let row: Vec<u8> = text.as_bytes().chunks(8).map(|byte| {
                byte.iter().fold(0, |all, bit| all << 1 | (bit - b'0')) << (8 - byte.len())
            }).collect();
            let mut samples = vec![0; codes.len()];
            unpack_bits(&row, bits, &mut samples);
            prop_assert_eq!(&samples, &codes);
            let mut packed = Vec::new();
            pack_bits(&codes, bits, &mut packed);
            prop_assert_eq!(packed, row);
        }
    }
}
