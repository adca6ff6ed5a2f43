//! Choosing among sixteen words by bytes, for back-ends that have no instruction for words.

use std::array::from_fn;

use crate::BLOCK;

/// Words that can be chosen.
pub(crate) const WORDS: usize = 16;

/// The bytes of words, as [`crate::Simd::look_up`] takes tables: low ones and high ones. Where the
/// low bytes are looked up by numbers as they are, in their low bytes, the high byte 0 chooses the
/// first besides, into the high place; so that is taken off all high bytes.
pub(crate) fn bytes_of(words: &[u16; WORDS]) -> [[u16; BLOCK / 2]; 2] {
    let [first, _] = words[0].to_le_bytes();
    let low = words.map(|word| word.to_le_bytes()[0]);
    let high = words.map(|word| word.to_le_bytes()[1].wrapping_sub(first));
    [low, high].map(|bytes| from_fn(|i| u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]])))
}

/// The methods of [`crate::Simd`] that choose words, by its others.
macro_rules! words_by_bytes {
    () => {
        type Words = [Self::V; 2];
        type HighBytes = Self::V;
        type Choice = [Self::V; 2];

        #[inline(always)]
        fn words(self, words: &[u16; $crate::words::WORDS]) -> Self::Words {
            let [low, high] = $crate::words::bytes_of(words);
            [self.splat_block(low), self.splat_block(high)]
        }
        #[inline(always)]
        fn high_bytes(self, words: &[u16; $crate::words::WORDS]) -> Self::HighBytes {
            self.splat_block($crate::words::bytes_of(&words.map(|word| word & 0xff00))[1])
        }
        #[inline(always)]
        fn choice(self, numbers: Self::V) -> Self::Choice {
            let numbers = self.shr::<12>(numbers);
            // In the low byte, and in the high byte alone.
            [numbers, self.or(self.shl::<8>(numbers), self.splat(0x0080))]
        }
        #[inline(always)]
        fn choose(self, words: Self::Words, [low, high]: Self::Choice) -> Self::V {
            self.add(self.look_up(words[0], low), self.look_up(words[1], high))
        }
        #[inline(always)]
        fn choose_high(self, bytes: Self::HighBytes, [_, high]: Self::Choice) -> Self::V {
            self.look_up(bytes, high)
        }
    };
}
