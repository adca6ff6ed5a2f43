//! Lossless JPEG (ITU-T T.81, annex H), as DNGs hold their samples: Huffman codes of
//! differences from a prediction. Knows nothing of DNG.

mod decode;
mod encode;
mod huffman;

pub(crate) use decode::decode;
pub(crate) use encode::encode;

/// What a sample is expected to be where the scan begins.
fn first_prediction(bits: u32) -> i32 {
    1 << (bits - 1)
}

mod marker {
    pub(super) const START_OF_IMAGE: u8 = 0xd8;
    pub(super) const END_OF_IMAGE: u8 = 0xd9;
    pub(super) const LOSSLESS_FRAME: u8 = 0xc3;
    pub(super) const HUFFMAN: u8 = 0xc4;
    pub(super) const RESTART_INTERVAL: u8 = 0xdd;
    pub(super) const SCAN: u8 = 0xda;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(samples: &[u16], width: usize, bits: u32) -> Vec<u16> {
        let coded = encode(samples, width, bits);
        let mut decoded = vec![0; samples.len()];
        decode(&coded, bits, &mut decoded).unwrap();
        decoded
    }

    proptest! {
        #[test]
        fn any_samples_come_back(
            half_width in 1usize..20, rows in 1usize..20, bits in 2u32..=16, noise in 1u32..=16, seed in any::<u64>(),
        ) {
            let mut state = seed | 1;
            let samples: Vec<u16> = (0..2 * half_width * rows).map(|at| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let mask = (1u64 << noise.min(bits)) - 1;
                (((state & mask) + at as u64) & ((1 << bits) - 1)) as u16
            }).collect();
            prop_assert_eq!(round_trip(&samples, 2 * half_width, bits), samples);
        }

        #[test]
        fn damage_is_an_error_or_other_samples(
            at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
        ) {
            let samples: Vec<u16> = (0..400u16).map(|at| at.wrapping_mul(7919) >> 4).collect();
            let mut coded = encode(&samples, 20, 12);
            *at.get_mut(&mut coded) = byte;
            let _ = decode(&coded, 12, &mut [0; 400]);
            let _ = decode(&coded[..cut.index(coded.len())], 12, &mut [0; 400]);
        }

        #[test]
        fn any_bytes_end_well(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let bytes = [&[0xff, 0xd8][..], &bytes].concat();
            let _ = decode(&bytes, 16, &mut [0; 64]);
        }
    }

    #[test]
    fn codes_that_end_too_early_are_told() {
        let samples: Vec<u16> = (0..400u16).map(|at| at.wrapping_mul(7919) >> 4).collect();
        let coded = encode(&samples, 20, 12);
        let reason = decode(&coded[..coded.len() / 2], 12, &mut [0; 400]).unwrap_err();
        assert!(reason.contains("end too early"), "{reason}");
    }

    #[test]
    fn the_greatest_difference_is_coded() {
        // 32768 apart: the one number that has no bits behind its code.
        let samples = [0, 0x8000, 0x8000, 0, 0xffff, 0x7fff, 0, 0xffff];
        assert_eq!(round_trip(&samples, 4, 16), samples);
    }

    #[test]
    fn smooth_samples_take_few_bytes() {
        let samples: Vec<u16> = (0..100 * 100).map(|at| (at % 100) as u16 * 3).collect();
        // 12 bits a sample as they are; a code of one bit and three for the difference.
        let bytes = encode(&samples, 100, 12).len();
        assert!(bytes < 100 * 100 * 4 / 8 + 200, "{bytes}");
    }
}
