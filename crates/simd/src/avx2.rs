//! AVX2: 16 lanes in two blocks. With it come BMI and LZCNT, for what kernels do bit by bit.

use std::arch::asm;
use std::arch::x86_64::{
    __m128i, __m256i, _mm_cvtsi32_si128, _mm_loadu_si128, _mm_storeu_si128, _mm256_add_epi16,
    _mm256_add_epi32, _mm256_adds_epi16, _mm256_adds_epu16, _mm256_and_si256, _mm256_blendv_epi8,
    _mm256_castsi128_si256, _mm256_castsi256_si128, _mm256_cmpeq_epi16, _mm256_cmpgt_epi16,
    _mm256_extracti128_si256, _mm256_inserti128_si256, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_max_epu16, _mm256_min_epu16, _mm256_mulhrs_epi16, _mm256_mullo_epi16, _mm256_or_si256,
    _mm256_packs_epi32, _mm256_packus_epi32, _mm256_permute4x64_epi64, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_shuffle_epi8, _mm256_sll_epi16, _mm256_slli_epi16, _mm256_sra_epi32, _mm256_srai_epi16,
    _mm256_srl_epi16, _mm256_srli_epi16, _mm256_storeu_si256, _mm256_sub_epi16, _mm256_subs_epu16,
    _mm256_testz_si256, _mm256_unpackhi_epi16, _mm256_unpackhi_epi64, _mm256_unpacklo_epi16,
    _mm256_unpacklo_epi64, _mm256_xor_si256,
};

use super::{BLOCK, Kernel, Simd};

/// Proof that the machine has AVX2, BMI and LZCNT: only [`Level::best`](super::Level::best)
/// makes it.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    pub(crate) fn new() -> Option<Self> {
        let there = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2")
            && std::arch::is_x86_feature_detected!("lzcnt");
        there.then_some(Self(()))
    }

    #[inline(always)]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
        fn with_avx2<K: Kernel>(avx2: Avx2, kernel: K) -> K::Output {
            kernel.run(avx2)
        }
        // SAFETY: `self` proves that the machine has all that.
        unsafe { with_avx2(self, kernel) }
    }
}

/// `vpavgw` and `vpmulhuw` themselves: of the functions for them in `std::arch` the compiler makes
/// sums and products of 32 bits, and not always the instruction again.
macro_rules! by_name {
    ($($name:ident = $instruction:literal;)*) => {$(
        #[inline]
        #[target_feature(enable = "avx2")]
        fn $name(a: __m256i, b: __m256i) -> __m256i {
            let out;
            // SAFETY: the instruction computes `out` of `a` and `b`, and does nothing else.
            unsafe {
                asm!(
                    concat!($instruction, " {}, {}, {}"),
                    lateout(ymm_reg) out, in(ymm_reg) a, in(ymm_reg) b,
                    options(pure, nomem, nostack, preserves_flags)
                );
            }
            out
        }
    )*};
}

by_name! {
    mean = "vpavgw";
    high_product = "vpmulhuw";
}

macro_rules! instructions {
    ($($name:ident($($operand:ident),*) = $instruction:ident;)*) => {$(
        #[inline(always)]
        fn $name(self, $($operand: __m256i),*) -> __m256i {
            // SAFETY: `self` proves that the machine has AVX2.
            unsafe { $instruction($($operand),*) }
        }
    )*};
}

impl Simd for Avx2 {
    const LANES: usize = 16;
    type V = __m256i;
    type W = __m256i;
    type Chunk = [u16; 16];
    type Bytes = [u8; 32];
    type Wide = [i32; 8];

    #[inline(always)]
    fn chunks(samples: &[u16]) -> &[Self::Chunk] {
        samples.as_chunks().0
    }
    #[inline(always)]
    fn chunks_mut(samples: &mut [u16]) -> &mut [Self::Chunk] {
        samples.as_chunks_mut().0
    }
    #[inline(always)]
    fn byte_chunks_mut(bytes: &mut [u8]) -> &mut [Self::Bytes] {
        bytes.as_chunks_mut().0
    }
    #[inline(always)]
    fn wide_chunks_mut(sums: &mut [i32]) -> &mut [Self::Wide] {
        sums.as_chunks_mut().0
    }

    #[inline(always)]
    fn load(self, chunk: &Self::Chunk) -> Self::V {
        // SAFETY: the machine has AVX2; the chunk has 32 bytes, and they need no alignment.
        unsafe { _mm256_loadu_si256(chunk.as_ptr().cast()) }
    }
    #[inline(always)]
    fn store(self, chunk: &mut Self::Chunk, a: Self::V) {
        // SAFETY: the machine has AVX2; the chunk has 32 bytes, and they need no alignment.
        unsafe { _mm256_storeu_si256(chunk.as_mut_ptr().cast(), a) }
    }
    #[inline(always)]
    fn store_bytes(self, bytes: &mut Self::Bytes, a: Self::V) {
        // SAFETY: the machine has AVX2; there are 32 bytes, and they need no alignment.
        unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), a) }
    }
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
    fn load_wide(self, wide: &Self::Wide) -> Self::W {
        // SAFETY: the machine has AVX2; there are 32 bytes, and they need no alignment.
        unsafe { _mm256_loadu_si256(wide.as_ptr().cast()) }
    }
    #[inline(always)]
    fn store_wide(self, wide: &mut Self::Wide, a: Self::W) {
        // SAFETY: the machine has AVX2; there are 32 bytes, and they need no alignment.
        unsafe { _mm256_storeu_si256(wide.as_mut_ptr().cast(), a) }
    }
    #[inline(always)]
    fn splat(self, value: u16) -> Self::V {
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe { _mm256_set1_epi16(value.cast_signed()) }
    }
    #[inline(always)]
    fn splat_block(self, [a, b, c, d, e, f, g, h]: [u16; BLOCK / 2]) -> Self::V {
        self.load(&[a, b, c, d, e, f, g, h, a, b, c, d, e, f, g, h])
    }
    #[inline(always)]
    fn splat_wide(self, value: i32) -> Self::W {
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe { _mm256_set1_epi32(value) }
    }

    instructions! {
        add(a, b) = _mm256_add_epi16;
        sub(a, b) = _mm256_sub_epi16;
        adds(a, b) = _mm256_adds_epu16;
        subs(a, b) = _mm256_subs_epu16;
        adds_i(a, b) = _mm256_adds_epi16;
        avg(a, b) = mean;
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
    #[inline(always)]
    fn shl<const N: i32>(self, a: Self::V) -> Self::V {
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe { _mm256_slli_epi16::<N>(a) }
    }
    #[inline(always)]
    fn shr<const N: i32>(self, a: Self::V) -> Self::V {
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe { _mm256_srli_epi16::<N>(a) }
    }
    #[inline(always)]
    fn shr_i<const N: i32>(self, a: Self::V) -> Self::V {
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe { _mm256_srai_epi16::<N>(a) }
    }
    #[inline(always)]
    fn shl_by(self, a: Self::V, count: u32) -> Self::V {
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe { _mm256_sll_epi16(a, _mm_cvtsi32_si128(count as i32)) }
    }
    #[inline(always)]
    fn shr_by(self, a: Self::V, count: u32) -> Self::V {
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe { _mm256_srl_epi16(a, _mm_cvtsi32_si128(count as i32)) }
    }
    #[inline(always)]
    fn shr_wide_by(self, a: Self::W, count: u32) -> Self::W {
        // SAFETY: `self` proves that the machine has AVX2.
        unsafe { _mm256_sra_epi32(a, _mm_cvtsi32_si128(count as i32)) }
    }
}
