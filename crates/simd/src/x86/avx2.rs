//! AVX2: 16 lanes in two blocks. With it come BMI and LZCNT, for what kernels do bit by bit.

use std::arch::asm;
use std::arch::x86_64::{
    __m128i, __m256i, _MM_HINT_T0, _mm_cvtsi32_si128, _mm_loadu_si128, _mm_prefetch, _mm_sfence,
    _mm_storeu_si128, _mm256_add_epi16, _mm256_add_epi32, _mm256_adds_epi16, _mm256_adds_epu16,
    _mm256_and_si256, _mm256_avg_epu16, _mm256_blendv_epi8, _mm256_broadcastsi128_si256,
    _mm256_castsi128_si256, _mm256_castsi256_si128, _mm256_cmpeq_epi16, _mm256_cmpgt_epi16,
    _mm256_extracti128_si256, _mm256_inserti128_si256, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_max_epu16, _mm256_min_epu16, _mm256_mulhrs_epi16, _mm256_mullo_epi16, _mm256_or_si256,
    _mm256_packs_epi32, _mm256_packus_epi32, _mm256_permute2x128_si256, _mm256_permute4x64_epi64,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_shuffle_epi8, _mm256_sll_epi16, _mm256_sra_epi16,
    _mm256_srl_epi16, _mm256_storeu_si256, _mm256_stream_si256, _mm256_sub_epi16, _mm256_subs_epu16,
    _mm256_testz_si256, _mm256_unpackhi_epi16, _mm256_unpackhi_epi64, _mm256_unpacklo_epi16,
    _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use crate::{BLOCK, Kernel, Simd, Streaming, each};

proof! {
    /// Proof that the machine has AVX2, BMI and LZCNT.
    Avx2: "avx2", "bmi1", "bmi2", "lzcnt"
}

by_name! {
    "avx2", __m256i in ymm_reg:
    high_product = "vpmulhuw";
    shifted = "vpsravd";
}

/// For the `part`th block of eight lanes that a block of three vectors becomes by turns: where in a
/// block of the `of`th its lanes lie; none where they are others'.
const fn turns(part: usize, of: usize) -> [u16; BLOCK / 2] {
    let mut places = [0x8080; BLOCK / 2];
    let mut i = 0;
    while i < places.len() {
        let lane = part * places.len() + i;
        if lane % 3 == of {
            let byte = 2 * (lane / 3) as u16;
            places[i] = byte | (byte + 1) << 8;
        }
        i += 1;
    }
    places
}

const TURNS: [[[u16; BLOCK / 2]; 3]; 3] = [
    [turns(0, 0), turns(0, 1), turns(0, 2)],
    [turns(1, 0), turns(1, 1), turns(1, 2)],
    [turns(2, 0), turns(2, 1), turns(2, 2)],
];

impl Avx2 {
    /// The lanes of three vectors by turns.
    #[inline(always)]
    fn by_turns(self, [a, b, c]: [__m256i; 3]) -> [__m256i; 3] {
        let [first, second, third] = each!([0, 1, 2], part => {
            let [a, b, c] =
                each!([(a, 0), (b, 1), (c, 2)], of => self.look_up(of.0, self.splat_block(TURNS[part][of.1])));
            self.or(self.or(a, b), c)
        });
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe {
            [
                _mm256_permute2x128_si256::<0x20>(first, second),
                _mm256_permute2x128_si256::<0x30>(third, first),
                _mm256_permute2x128_si256::<0x31>(second, third),
            ]
        }
    }
}

impl Simd for Avx2 {
    const LANES: usize = 16;
    type V = __m256i;
    type W = __m256i;
    type Chunk = [u16; 16];
    type Bytes = [u8; 32];
    type Wide = [i32; 8];

    words_by_bytes!();

    memory!(
        _mm256_loadu_si256,
        _mm256_storeu_si256,
        _mm256_stream_si256,
        _mm256_set1_epi16,
        _mm256_set1_epi32
    );

    #[inline(always)]
    fn load_blocks(self, bytes: &[u8], start: usize, step: usize) -> Self::V {
        let (low, high) = (&bytes[start..start + BLOCK], &bytes[start + step..start + step + BLOCK]);
        // SAFETY: the machine has AVX2; both slices have 16 bytes, and they need no alignment.
        unsafe {
            let [low, high]: [__m128i; 2] = [low, high].map(|block| _mm_loadu_si128(block.as_ptr().cast()));
            _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high)
        }
    }
    #[inline(always)]
    fn store_blocks(self, bytes: &mut [u8], start: usize, step: usize, a: Self::V) {
        let low = &mut bytes[start..start + BLOCK];
        // SAFETY: the machine has AVX2; the slice has 16 bytes, and they need no alignment.
        unsafe { _mm_storeu_si128(low.as_mut_ptr().cast(), _mm256_castsi256_si128(a)) };
        let high = &mut bytes[start + step..start + step + BLOCK];
        // SAFETY: the machine has AVX2; the slice has 16 bytes, and they need no alignment.
        unsafe { _mm_storeu_si128(high.as_mut_ptr().cast(), _mm256_extracti128_si256::<1>(a)) };
    }
    #[inline(always)]
    fn splat_block(self, block: [u16; BLOCK / 2]) -> Self::V {
        // SAFETY: the machine has AVX2; a block has 16 bytes, and they need no alignment.
        unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(block.as_ptr().cast())) }
    }

    instructions! {
        add(a, b) = _mm256_add_epi16;
        sub(a, b) = _mm256_sub_epi16;
        adds(a, b) = _mm256_adds_epu16;
        subs(a, b) = _mm256_subs_epu16;
        adds_i(a, b) = _mm256_adds_epi16;
        avg(a, b) = _mm256_avg_epu16;
        min(a, b) = _mm256_min_epu16;
        max(a, b) = _mm256_max_epu16;
        mullo(a, b) = _mm256_mullo_epi16;
        mulhi(a, b) = high_product;
        mulhrs_i(a, b) = _mm256_mulhrs_epi16;
        and(a, b) = _mm256_and_si256;
        or(a, b) = _mm256_or_si256;
        xor(a, b) = _mm256_xor_si256;
        greater_i(a, b) = _mm256_cmpgt_epi16;
        equal(a, b) = _mm256_cmpeq_epi16;
        look_up(table, places) = _mm256_shuffle_epi8;
        low_halves(a, b) = _mm256_unpacklo_epi64;
        high_halves(a, b) = _mm256_unpackhi_epi64;
        zip_low(a, b) = _mm256_unpacklo_epi16;
        zip_high(a, b) = _mm256_unpackhi_epi16;
        multiply_pairs_i(a, b) = _mm256_madd_epi16;
        add_wide(a, b) = _mm256_add_epi32;
        pack(low, high) = _mm256_packus_epi32;
        pack_i(low, high) = _mm256_packs_epi32;
    }

    shifts! {
        shl_by = _mm256_sll_epi16;
        shr_by = _mm256_srl_epi16;
        shr_i_by = _mm256_sra_epi16;
    }

    #[inline(always)]
    fn shr_wide_by(self, a: Self::W, count: u32) -> Self::W {
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe { shifted(a, _mm256_set1_epi32(count as i32)) }
    }
    #[inline(always)]
    fn zip(self, a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        let (low, high) = (self.zip_low(a, b), self.zip_high(a, b));
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe {
            (_mm256_permute2x128_si256::<0x20>(low, high), _mm256_permute2x128_si256::<0x31>(low, high))
        }
    }
    #[inline(always)]
    fn unzip(self, a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        let places = self.splat_block([0x0100, 0x0504, 0x0908, 0x0d0c, 0x0302, 0x0706, 0x0b0a, 0x0f0e]);
        let (a, b) = (self.look_up(a, places), self.look_up(b, places));
        let (even, odd) = (self.low_halves(a, b), self.high_halves(a, b));
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe {
            (_mm256_permute4x64_epi64::<0b11_01_10_00>(even), _mm256_permute4x64_epi64::<0b11_01_10_00>(odd))
        }
    }
    #[inline(always)]
    fn select(self, mask: Self::V, a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe { _mm256_blendv_epi8(b, a, mask) }
    }
    #[inline(always)]
    fn any(self, a: Self::V) -> bool {
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe { _mm256_testz_si256(a, a) == 0 }
    }
}
