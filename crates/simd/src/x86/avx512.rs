//! AVX-512: 32 lanes in four blocks.

use std::arch::asm;
use std::arch::x86_64::{
    __m128i, __m512i, _MM_HINT_T0, _mm_cvtsi32_si128, _mm_loadu_si128, _mm_prefetch, _mm_sfence,
    _mm_storeu_si128, _mm256_castsi128_si256, _mm256_inserti128_si256, _mm256_loadu_si256, _mm512_add_epi16,
    _mm512_add_epi32, _mm512_adds_epi16, _mm512_adds_epu16, _mm512_and_si512, _mm512_broadcast_i32x4,
    _mm512_castsi256_si512, _mm512_cmpeq_epi16_mask, _mm512_cmpgt_epi16_mask, _mm512_extracti32x4_epi32,
    _mm512_inserti64x4, _mm512_loadu_si512, _mm512_madd_epi16, _mm512_mask_permutexvar_epi8,
    _mm512_maskz_permutexvar_epi8, _mm512_max_epu16, _mm512_min_epu16, _mm512_movm_epi16,
    _mm512_mulhrs_epi16, _mm512_mullo_epi16, _mm512_multishift_epi64_epi8, _mm512_or_si512,
    _mm512_packs_epi32, _mm512_packus_epi32, _mm512_permutex2var_epi16, _mm512_permutex2var_epi64,
    _mm512_permutexvar_epi8, _mm512_set1_epi16, _mm512_set1_epi32, _mm512_shuffle_epi8, _mm512_sll_epi16,
    _mm512_sra_epi16, _mm512_sra_epi32, _mm512_srl_epi16, _mm512_storeu_si512, _mm512_stream_si512,
    _mm512_sub_epi16, _mm512_subs_epu16, _mm512_ternarylogic_epi32, _mm512_test_epi16_mask,
    _mm512_unpackhi_epi16, _mm512_unpackhi_epi64, _mm512_unpacklo_epi16, _mm512_unpacklo_epi64,
    _mm512_xor_si512,
};

use crate::{BLOCK, Kernel, Simd, Streaming, each};

proof! {
    /// Proof that the machine has AVX-512 with bytes, words and short vectors, and what
    /// [`Avx2`](super::avx2::Avx2) has. VBMI is asked for because machines without it lower
    /// their clock for vectors of 512 bits; those that have it have VNNI too.
    Avx512: "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vbmi", "avx512vnni", "avx2", "bmi1", "bmi2", "lzcnt"
}

by_name! {
    "avx512bw", __m512i in zmm_reg:
    mean = "vpavgw";
    high_product = "vpmulhuw";
}

/// `vpdpwssd`, of which the compiler makes two instructions where it is free to.
#[inline]
#[target_feature(enable = "avx512vnni")]
fn add_pairs(mut sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: the instruction adds to `sum` what it computes of `a` and `b`, and does nothing else.
    unsafe {
        asm!(
            "vpdpwssd {}, {}, {}", inout(zmm_reg) sum, in(zmm_reg) a, in(zmm_reg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sum
}

#[inline]
#[target_feature(enable = "avx512bw")]
fn greater(a: __m512i, b: __m512i) -> __m512i {
    _mm512_movm_epi16(_mm512_cmpgt_epi16_mask(a, b))
}

#[inline]
#[target_feature(enable = "avx512bw")]
fn equal(a: __m512i, b: __m512i) -> __m512i {
    _mm512_movm_epi16(_mm512_cmpeq_epi16_mask(a, b))
}

/// By bits: where one is set in `mask` that of `a`, else of `b`.
#[inline]
#[target_feature(enable = "avx512f")]
fn select(mask: __m512i, a: __m512i, b: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0b1100_1010>(mask, a, b)
}

/// Places of every second lane of two vectors, from `first` on. Made here, for closures are not
/// made one with code that needs AVX-512.
const fn every_second(first: u16) -> [u16; 32] {
    let mut places = [first; 32];
    let mut i = 1;
    while i < places.len() {
        places[i] = places[i - 1] + 2;
        i += 1;
    }
    places
}

/// Where the low bytes of sixteen words are, then the high ones, twice.
const BYTES_OF_WORDS: [u8; 64] = {
    let (mut places, mut byte) = ([0; 64], 0);
    while byte < places.len() {
        places[byte] = (2 * byte % 32 + byte / 16 % 2) as u8;
        byte += 1;
    }
    places
};
/// The twelfth bit of each lane, in each 64 bits, for both of its bytes.
const TWELFTH: [[u8; 8]; 8] = [[12, 12, 28, 28, 44, 44, 60, 60]; 8];
/// Places of the blocks of two vectors by turns, in 64 bits: of their first two, and of the others.
const FIRST: [u64; 8] = [0, 1, 8, 9, 2, 3, 10, 11];
const SECOND: [u64; 8] = [4, 5, 12, 13, 6, 7, 14, 15];
const EVEN: [u16; 32] = every_second(0);
const ODD: [u16; 32] = every_second(1);

/// Where the lanes of three vectors lie in one of the three that they are by turns: the place of the
/// lane, whichever vector it is of, as bytes.
const fn turns(part: usize) -> [u8; 64] {
    let mut places = [0; 64];
    let mut byte = 0;
    while byte < places.len() {
        let lane = (64 * part + byte) / 2;
        places[byte] = (2 * (lane / 3) + byte % 2) as u8;
        byte += 1;
    }
    places
}

/// Which bytes of one of the three are of the vector `of`.
const fn whose(part: usize, of: usize) -> u64 {
    let (mut mask, mut byte) = (0, 0);
    while byte < 64 {
        mask |= (((64 * part + byte) / 2 % 3 == of) as u64) << byte;
        byte += 1;
    }
    mask
}

const TURNS: [[u8; 64]; 3] = [turns(0), turns(1), turns(2)];
const WHOSE: [[u64; 3]; 3] = [
    [whose(0, 0), whose(0, 1), whose(0, 2)],
    [whose(1, 0), whose(1, 1), whose(1, 2)],
    [whose(2, 0), whose(2, 1), whose(2, 2)],
];

impl Avx512 {
    /// The low bytes of words in the third block and the high ones in the fourth, where wanted.
    #[inline(always)]
    fn table<const WANTED: u64>(self, words: &[u16; 16]) -> __m512i {
        // SAFETY: the machine has AVX-512 with VBMI; there are 32 bytes of words, and 64 places.
        unsafe {
            let words = _mm512_castsi256_si512(_mm256_loadu_si256(words.as_ptr().cast()));
            let places = _mm512_loadu_si512(BYTES_OF_WORDS.as_ptr().cast());
            _mm512_maskz_permutexvar_epi8(WANTED, places, words)
        }
    }

    /// The lanes of three vectors by turns.
    #[inline(always)]
    fn by_turns(self, [a, b, c]: [__m512i; 3]) -> [__m512i; 3] {
        each!([0, 1, 2], part => {
            // SAFETY: the machine has AVX-512 with VBMI; there are 64 places.
            unsafe {
                let places = _mm512_loadu_si512(TURNS[part].as_ptr().cast());
                let first = _mm512_maskz_permutexvar_epi8(WHOSE[part][0], places, a);
                let two = _mm512_mask_permutexvar_epi8(first, WHOSE[part][1], places, b);
                _mm512_mask_permutexvar_epi8(two, WHOSE[part][2], places, c)
            }
        })
    }
}

impl Simd for Avx512 {
    const LANES: usize = 32;
    type V = __m512i;
    type W = __m512i;
    type Chunk = [u16; 32];
    type Bytes = [u8; 64];
    type Wide = [i32; 16];
    type Words = __m512i;
    type HighBytes = __m512i;
    type Choice = __m512i;

    memory!(
        _mm512_loadu_si512,
        _mm512_storeu_si512,
        _mm512_stream_si512,
        _mm512_set1_epi16,
        _mm512_set1_epi32
    );

    #[inline(always)]
    fn load_blocks(self, bytes: &[u8], start: usize, step: usize) -> Self::V {
        let block = |i: usize| &bytes[start + i * step..start + i * step + BLOCK];
        let blocks: [&[u8]; 4] = [block(0), block(1), block(2), block(3)];
        // SAFETY: the machine has AVX-512; all slices have 16 bytes, and they need no alignment.
        unsafe {
            let [a, b, c, d]: [__m128i; 4] = blocks.map(|block| _mm_loadu_si128(block.as_ptr().cast()));
            let low = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(a), b);
            let high = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(c), d);
            _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
        }
    }
    #[inline(always)]
    fn store_blocks(self, bytes: &mut [u8], start: usize, step: usize, a: Self::V) {
        // SAFETY: `self` proves that the machine has AVX-512.
        let blocks: [__m128i; 4] = unsafe {
            [
                _mm512_extracti32x4_epi32::<0>(a),
                _mm512_extracti32x4_epi32::<1>(a),
                _mm512_extracti32x4_epi32::<2>(a),
                _mm512_extracti32x4_epi32::<3>(a),
            ]
        };
        for (i, block) in blocks.into_iter().enumerate() {
            let place = &mut bytes[start + i * step..start + i * step + BLOCK];
            // SAFETY: the slice has 16 bytes, and they need no alignment.
            unsafe { _mm_storeu_si128(place.as_mut_ptr().cast(), block) };
        }
    }
    #[inline(always)]
    fn splat_block(self, block: [u16; BLOCK / 2]) -> Self::V {
        // SAFETY: the machine has AVX-512; a block has 16 bytes, and they need no alignment.
        unsafe { _mm512_broadcast_i32x4(_mm_loadu_si128(block.as_ptr().cast())) }
    }

    instructions! {
        add(a, b) = _mm512_add_epi16;
        sub(a, b) = _mm512_sub_epi16;
        adds(a, b) = _mm512_adds_epu16;
        subs(a, b) = _mm512_subs_epu16;
        adds_i(a, b) = _mm512_adds_epi16;
        avg(a, b) = mean;
        min(a, b) = _mm512_min_epu16;
        max(a, b) = _mm512_max_epu16;
        mullo(a, b) = _mm512_mullo_epi16;
        mulhi(a, b) = high_product;
        mulhrs_i(a, b) = _mm512_mulhrs_epi16;
        and(a, b) = _mm512_and_si512;
        or(a, b) = _mm512_or_si512;
        xor(a, b) = _mm512_xor_si512;
        greater_i(a, b) = greater;
        equal(a, b) = equal;
        select(mask, a, b) = select;
        look_up(table, places) = _mm512_shuffle_epi8;
        low_halves(a, b) = _mm512_unpacklo_epi64;
        high_halves(a, b) = _mm512_unpackhi_epi64;
        zip_low(a, b) = _mm512_unpacklo_epi16;
        zip_high(a, b) = _mm512_unpackhi_epi16;
        multiply_pairs_i(a, b) = _mm512_madd_epi16;
        add_wide(a, b) = _mm512_add_epi32;
        add_pairs_i(sum, a, b) = add_pairs;
        pack(low, high) = _mm512_packus_epi32;
        pack_i(low, high) = _mm512_packs_epi32;
    }

    // The low bytes of the words are in the third block, the high ones in the fourth: moving bytes
    // about takes one step where words take two.
    #[inline(always)]
    fn words(self, words: &[u16; 16]) -> Self::Words {
        self.table::<0xffff_ffff_0000_0000>(words)
    }
    #[inline(always)]
    fn high_bytes(self, words: &[u16; 16]) -> Self::HighBytes {
        self.table::<0xffff_0000_0000_0000>(words)
    }
    #[inline(always)]
    fn choice(self, numbers: Self::V) -> Self::Choice {
        // SAFETY: the machine has AVX-512 with VBMI; there are 64 places.
        unsafe {
            // In both bytes of each lane its bits from the twelfth on, and four more of the next one.
            let numbers = _mm512_multishift_epi64_epi8(_mm512_loadu_si512(TWELFTH.as_ptr().cast()), numbers);
            let (four_bits, blocks) = (_mm512_set1_epi16(0x0f0f), _mm512_set1_epi16(0x3020));
            _mm512_ternarylogic_epi32::<0b1110_1010>(numbers, four_bits, blocks)
        }
    }
    #[inline(always)]
    fn choose(self, words: Self::Words, choice: Self::Choice) -> Self::V {
        // SAFETY: the machine has AVX-512 with VBMI.
        unsafe { _mm512_permutexvar_epi8(choice, words) }
    }
    #[inline(always)]
    fn choose_high(self, words: Self::HighBytes, choice: Self::Choice) -> Self::V {
        self.choose(words, choice)
    }

    shifts! {
        shl_by = _mm512_sll_epi16;
        shr_by = _mm512_srl_epi16;
        shr_i_by = _mm512_sra_epi16;
        shr_wide_by = _mm512_sra_epi32;
    }

    #[inline(always)]
    fn zip(self, a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        let (low, high) = (self.zip_low(a, b), self.zip_high(a, b));
        // SAFETY: the machine has AVX-512; there are 64 bytes of places.
        unsafe {
            let [first, second] = [FIRST, SECOND].map(|places| _mm512_loadu_si512(places.as_ptr().cast()));
            (_mm512_permutex2var_epi64(low, first, high), _mm512_permutex2var_epi64(low, second, high))
        }
    }
    #[inline(always)]
    fn unzip(self, a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        let (even, odd) = (self.load(&EVEN), self.load(&ODD));
        // SAFETY: `self` proves that the machine has AVX-512.
        unsafe { (_mm512_permutex2var_epi16(a, even, b), _mm512_permutex2var_epi16(a, odd, b)) }
    }
    #[inline(always)]
    fn any(self, a: Self::V) -> bool {
        // SAFETY: `self` proves that the machine has AVX-512.
        unsafe { _mm512_test_epi16_mask(a, a) != 0 }
    }
}
