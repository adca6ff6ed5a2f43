//! Three channels of 16 bits, each in vectors of its own, to pixels by turns.

use crate::simd::{BLOCK, Simd, each};

/// Where the values of three channels go.
pub(crate) struct WordPlaces<S: Simd> {
    simd: S,
    /// For each channel: where each block of its values has those of the three blocks of pixels
    /// that it becomes.
    places: [[S::V; 3]; 3],
}

impl<S: Simd> WordPlaces<S> {
    /// `channels`: the places, 0 to 2, of what comes first, second and third in a pixel.
    #[inline(always)]
    pub(crate) fn new(simd: S, channels: [usize; 3]) -> Self {
        let [a, b, c] = channels;
        let places = each!([a, b, c], channel => {
            each!([0, 1, 2], part => simd.splat_block(spread(part, channel)))
        });
        Self { simd, places }
    }

    /// Writes each block of eight pixels from `start` of `out` on, the next `step` bytes further.
    #[inline(always)]
    pub(crate) fn store(&self, channels: [S::V; 3], out: &mut [u8], start: usize, step: usize) {
        let s = self.simd;
        for part in 0..3 {
            let [a, b, c] =
                each!([0, 1, 2], channel => s.look_up(channels[channel], self.places[channel][part]));
            s.store_blocks(out, start + part * BLOCK, step, s.or(s.or(a, b), c));
        }
    }
}

/// For the `part`th block of eight values that a block of eight pixels becomes: where in a block
/// of one channel's values its own lie; none where they are others'.
const fn spread(part: usize, channel: usize) -> [u16; BLOCK / 2] {
    let mut places = [0x8080; BLOCK / 2];
    let mut i = 0;
    while i < places.len() {
        let value = part * places.len() + i;
        if value % 3 == channel {
            let byte = 2 * (value / 3) as u16;
            places[i] = byte | (byte + 1) << 8;
        }
        i += 1;
    }
    places
}
