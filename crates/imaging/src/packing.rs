//! Rows of raw samples: from memory to numbers and back.
//!
//! CSI-2 packs groups of samples: first the high eight bits of each, then their low bits
//! together, the first sample's lowest (MIPI CSI-2, "RAW data types").

use pinhole_base::format::{Packing, RawFormat};

use crate::simd::Level;
use crate::unpack::unpack_straight;

/// Samples and bytes of a packed group, if the format has groups.
const fn group(format: RawFormat) -> Option<(usize, usize)> {
    match (format.packing, format.bits) {
        (Packing::Csi2, 10) => Some((4, 5)),
        (Packing::Csi2, 12) => Some((2, 3)),
        (Packing::Csi2, 14) => Some((4, 7)),
        _ => None,
    }
}

/// Reads a row of `samples.len()` samples, each in the low bits of its number.
///
/// # Panics
/// If `row` is shorter than [`RawFormat::row_bytes`].
pub fn unpack_row(format: RawFormat, row: &[u8], samples: &mut [u16]) {
    let row = &row[..format.row_bytes(samples.len() as u32) as usize];
    unpack_straight(Level::best(), format, row, samples);
}

/// Writes a row of samples; bits beyond the format's are dropped. Bytes beyond the row stay.
///
/// # Panics
/// If `row` is shorter than [`RawFormat::row_bytes`].
pub fn pack_row(format: RawFormat, samples: &[u16], row: &mut [u8]) {
    let row = &mut row[..format.row_bytes(samples.len() as u32) as usize];
    match (group(format), format.bits) {
        (Some((4, 5)), _) => pack_groups::<4, 5>(samples, row, pack_10),
        (Some((2, 3)), _) => pack_groups::<2, 3>(samples, row, pack_12),
        (Some(_), _) => pack_groups::<4, 7>(samples, row, pack_14),
        (None, 8) => {
            for (byte, &sample) in row.iter_mut().zip(samples) {
                *byte = sample as u8;
            }
        }
        (None, bits) => {
            let mask = u16::MAX >> (16 - bits);
            for (word, &sample) in row.as_chunks_mut::<2>().0.iter_mut().zip(samples) {
                *word = (sample & mask).to_le_bytes();
            }
        }
    }
}

fn pack_groups<const S: usize, const B: usize>(
    samples: &[u16],
    row: &mut [u8],
    pack: impl Fn(&[u16; S]) -> [u8; B],
) {
    let (whole, rest) = samples.as_chunks::<S>();
    let groups = row.as_chunks_mut::<B>().0;
    for (samples, group) in whole.iter().zip(&mut *groups) {
        *group = pack(samples);
    }
    if !rest.is_empty() {
        let mut last = [0; S];
        last[..rest.len()].copy_from_slice(rest);
        groups[whole.len()] = pack(&last);
    }
}

fn pack_10(s: &[u16; 4]) -> [u8; 5] {
    let low = |i: usize| ((s[i] & 0x3) << (2 * i)) as u8;
    [
        (s[0] >> 2) as u8,
        (s[1] >> 2) as u8,
        (s[2] >> 2) as u8,
        (s[3] >> 2) as u8,
        low(0) | low(1) | low(2) | low(3),
    ]
}

fn pack_12(s: &[u16; 2]) -> [u8; 3] {
    [(s[0] >> 4) as u8, (s[1] >> 4) as u8, (s[0] & 0xf | (s[1] & 0xf) << 4) as u8]
}

fn pack_14(s: &[u16; 4]) -> [u8; 7] {
    let low = (0..4).fold(0, |low, i| low | u32::from(s[i] & 0x3f) << (6 * i)).to_le_bytes();
    [(s[0] >> 6) as u8, (s[1] >> 6) as u8, (s[2] >> 6) as u8, (s[3] >> 6) as u8, low[0], low[1], low[2]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_base::format::BayerOrder;
    use proptest::prelude::*;

    const FORMATS: [(u8, Packing); 8] = [
        (8, Packing::Unpacked),
        (10, Packing::Unpacked),
        (10, Packing::Csi2),
        (12, Packing::Unpacked),
        (12, Packing::Csi2),
        (14, Packing::Unpacked),
        (14, Packing::Csi2),
        (16, Packing::Unpacked),
    ];

    #[test]
    fn ten_bits_lie_as_csi_2_has_them() {
        let format = RawFormat::bayer(BayerOrder::Rggb, 10, Packing::Csi2);
        let mut row = [0; 5];
        pack_row(format, &[0x3ff, 0x001, 0x002, 0x200], &mut row);
        assert_eq!(row, [0xff, 0x00, 0x00, 0x80, 0b00_10_01_11]);
    }

    proptest! {
        #[test]
        fn unpacking_undoes_packing(
            which in 0..FORMATS.len(),
            mut samples in prop::collection::vec(any::<u16>(), 1..70),
        ) {
            let (bits, packing) = FORMATS[which];
            let format = RawFormat::bayer(BayerOrder::Rggb, bits, packing);
            for sample in &mut samples {
                *sample &= u16::MAX >> (16 - bits);
            }
            let mut row = vec![0xaa; format.row_bytes(samples.len() as u32) as usize + 3];
            pack_row(format, &samples, &mut row);
            prop_assert_eq!(&row[row.len() - 3..], &[0xaa; 3]);
            let mut again = vec![0; samples.len()];
            unpack_row(format, &row, &mut again);
            prop_assert_eq!(again, samples);
        }
    }
}
