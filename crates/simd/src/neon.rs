//! NEON: 8 lanes in one block.

use std::arch::aarch64::{
    int32x4_t, uint16x8_t, uint16x8x3_t, vaddq_s32, vaddq_u16, vandq_u16, vbslq_u16, vceqq_u16, vcgtq_s16,
    vcombine_s16, vcombine_u16, vdupq_n_s16, vdupq_n_s32, vdupq_n_u16, veorq_u16, vget_low_s16, vget_low_u16,
    vld1q_s32, vld1q_u8, vld1q_u16, vmaxq_u16, vmaxvq_u16, vminq_u16, vmull_high_s16, vmull_high_u16,
    vmull_s16, vmull_u16, vmulq_u16, vorrq_u16, vpaddq_s32, vqaddq_s16, vqaddq_u16, vqmovn_s32, vqmovun_s32,
    vqrdmulhq_s16, vqsubq_u16, vqtbl1q_u8, vreinterpretq_s16_u16, vreinterpretq_u8_u16,
    vreinterpretq_u16_s16, vreinterpretq_u16_u8, vreinterpretq_u16_u32, vreinterpretq_u16_u64,
    vreinterpretq_u64_u16, vrhaddq_u16, vshlq_s16, vshlq_s32, vshlq_u16, vst1q_s32, vst1q_u8, vst1q_u16,
    vst3q_u16, vsubq_u16, vuzp1q_u16, vuzp2q_u16, vzip1q_u16, vzip1q_u64, vzip2q_u16, vzip2q_u64,
};
use std::arch::asm;

use super::{BLOCK, Kernel, Simd};

/// Proof that the machine has NEON: only [`Level::all`](super::Level::all) makes
/// it.
#[derive(Clone, Copy, Debug)]
pub struct Neon(());

impl Neon {
    pub(crate) fn new() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }

    #[inline(always)]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[target_feature(enable = "neon")]
        fn with_neon<K: Kernel>(neon: Neon, kernel: K) -> K::Output {
            kernel.run(neon)
        }
        // SAFETY: `self` proves that the machine has NEON.
        unsafe { with_neon(self, kernel) }
    }
}

macro_rules! instructions {
    ($($name:ident($($operand:ident),*) = $instruction:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, $($operand: uint16x8_t),*) -> uint16x8_t {
            // SAFETY: `self` proves that the machine has NEON.
            unsafe { $instruction }
        }
    )*};
}

impl Simd for Neon {
    const LANES: usize = 8;
    type V = uint16x8_t;
    type W = int32x4_t;
    type Chunk = [u16; 8];
    type Bytes = [u8; 16];
    type Wide = [i32; 4];

    words_by_bytes!();

    #[inline(always)]
    fn load(self, chunk: &Self::Chunk) -> Self::V {
        // SAFETY: the machine has NEON; the chunk has 16 bytes.
        unsafe { vld1q_u16(chunk.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, chunk: &mut Self::Chunk, a: Self::V) {
        // SAFETY: the machine has NEON; the chunk has 16 bytes.
        unsafe { vst1q_u16(chunk.as_mut_ptr(), a) }
    }
    #[inline(always)]
    fn store_bytes(self, bytes: &mut Self::Bytes, a: Self::V) {
        // SAFETY: the machine has NEON; there are 16 bytes.
        unsafe { vst1q_u8(bytes.as_mut_ptr(), vreinterpretq_u8_u16(a)) }
    }
    #[inline(always)]
    fn load_blocks(self, bytes: &[u8], start: usize, _step: usize) -> Self::V {
        let block = &bytes[start..start + BLOCK];
        // SAFETY: the machine has NEON; the slice has 16 bytes.
        unsafe { vreinterpretq_u16_u8(vld1q_u8(block.as_ptr())) }
    }
    #[inline(always)]
    fn store_blocks(self, bytes: &mut [u8], start: usize, _step: usize, a: Self::V) {
        let block = &mut bytes[start..start + BLOCK];
        // SAFETY: the machine has NEON; the slice has 16 bytes.
        unsafe { vst1q_u8(block.as_mut_ptr(), vreinterpretq_u8_u16(a)) }
    }
    #[inline(always)]
    fn store_by_turns(self, bytes: &mut [Self::Bytes; 3], [a, b, c]: [Self::V; 3]) {
        // SAFETY: the machine has NEON; there are 48 bytes, which need no alignment.
        unsafe { vst3q_u16(bytes.as_flattened_mut().as_mut_ptr().cast(), uint16x8x3_t(a, b, c)) }
    }
    #[inline(always)]
    fn prefetch<T>(self, things: &[T], bytes: usize) {
        // Any address will do: nothing is read where there is nothing.
        let address = things.as_ptr().wrapping_byte_add(bytes);
        // SAFETY: the instruction changes nothing that a program sees.
        unsafe {
            asm!("prfm pldl1strm, [{}]", in(reg) address, options(readonly, nostack, preserves_flags));
        }
    }
    #[inline(always)]
    fn load_wide(self, wide: &Self::Wide) -> Self::W {
        // SAFETY: the machine has NEON; there are 16 bytes.
        unsafe { vld1q_s32(wide.as_ptr()) }
    }
    #[inline(always)]
    fn store_wide(self, wide: &mut Self::Wide, a: Self::W) {
        // SAFETY: the machine has NEON; there are 16 bytes.
        unsafe { vst1q_s32(wide.as_mut_ptr(), a) }
    }
    #[inline(always)]
    fn splat(self, value: u16) -> Self::V {
        // SAFETY: `self` proves that the machine has NEON.
        unsafe { vdupq_n_u16(value) }
    }
    #[inline(always)]
    fn splat_block(self, block: [u16; BLOCK / 2]) -> Self::V {
        self.load(&block)
    }
    #[inline(always)]
    fn splat_wide(self, value: i32) -> Self::W {
        // SAFETY: `self` proves that the machine has NEON.
        unsafe { vdupq_n_s32(value) }
    }

    instructions! {
        add(a, b) = vaddq_u16(a, b);
        sub(a, b) = vsubq_u16(a, b);
        adds(a, b) = vqaddq_u16(a, b);
        subs(a, b) = vqsubq_u16(a, b);
        adds_i(a, b) =
            vreinterpretq_u16_s16(vqaddq_s16(vreinterpretq_s16_u16(a), vreinterpretq_s16_u16(b)));
        avg(a, b) = vrhaddq_u16(a, b);
        min(a, b) = vminq_u16(a, b);
        max(a, b) = vmaxq_u16(a, b);
        mullo(a, b) = vmulq_u16(a, b);
        mulhi(a, b) = vuzp2q_u16(
            vreinterpretq_u16_u32(vmull_u16(vget_low_u16(a), vget_low_u16(b))),
            vreinterpretq_u16_u32(vmull_high_u16(a, b))
        );
        mulhrs_i(a, b) =
            vreinterpretq_u16_s16(vqrdmulhq_s16(vreinterpretq_s16_u16(a), vreinterpretq_s16_u16(b)));
        and(a, b) = vandq_u16(a, b);
        or(a, b) = vorrq_u16(a, b);
        xor(a, b) = veorq_u16(a, b);
        greater_i(a, b) = vcgtq_s16(vreinterpretq_s16_u16(a), vreinterpretq_s16_u16(b));
        equal(a, b) = vceqq_u16(a, b);
        select(mask, a, b) = vbslq_u16(mask, a, b);
        look_up(table, places) =
            vreinterpretq_u16_u8(vqtbl1q_u8(vreinterpretq_u8_u16(table), vreinterpretq_u8_u16(places)));
        low_halves(a, b) =
            vreinterpretq_u16_u64(vzip1q_u64(vreinterpretq_u64_u16(a), vreinterpretq_u64_u16(b)));
        high_halves(a, b) =
            vreinterpretq_u16_u64(vzip2q_u64(vreinterpretq_u64_u16(a), vreinterpretq_u64_u16(b)));
        zip_low(a, b) = vzip1q_u16(a, b);
        zip_high(a, b) = vzip2q_u16(a, b);
    }

    #[inline(always)]
    fn zip(self, a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        (self.zip_low(a, b), self.zip_high(a, b))
    }
    #[inline(always)]
    fn unzip(self, a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        // SAFETY: `self` proves that the machine has NEON.
        unsafe { (vuzp1q_u16(a, b), vuzp2q_u16(a, b)) }
    }
    #[inline(always)]
    fn any(self, a: Self::V) -> bool {
        // SAFETY: `self` proves that the machine has NEON.
        unsafe { vmaxvq_u16(a) != 0 }
    }
    #[inline(always)]
    fn shl_by(self, a: Self::V, count: u32) -> Self::V {
        // SAFETY: `self` proves that the machine has NEON.
        unsafe { vshlq_u16(a, vdupq_n_s16(count as i16)) }
    }
    #[inline(always)]
    fn shr_by(self, a: Self::V, count: u32) -> Self::V {
        // SAFETY: `self` proves that the machine has NEON.
        unsafe { vshlq_u16(a, vdupq_n_s16(-(count as i16))) }
    }
    #[inline(always)]
    fn shr_i_by(self, a: Self::V, count: u32) -> Self::V {
        // SAFETY: `self` proves that the machine has NEON.
        unsafe { vreinterpretq_u16_s16(vshlq_s16(vreinterpretq_s16_u16(a), vdupq_n_s16(-(count as i16)))) }
    }
    #[inline(always)]
    fn multiply_pairs_i(self, a: Self::V, b: Self::V) -> Self::W {
        // SAFETY: `self` proves that the machine has NEON.
        unsafe {
            let [a, b] = [a, b].map(|lanes| vreinterpretq_s16_u16(lanes));
            vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), vmull_high_s16(a, b))
        }
    }
    #[inline(always)]
    fn add_wide(self, a: Self::W, b: Self::W) -> Self::W {
        // SAFETY: `self` proves that the machine has NEON.
        unsafe { vaddq_s32(a, b) }
    }
    #[inline(always)]
    fn shr_wide_by(self, a: Self::W, count: u32) -> Self::W {
        // SAFETY: `self` proves that the machine has NEON.
        unsafe { vshlq_s32(a, vdupq_n_s32(-(count as i32))) }
    }
    #[inline(always)]
    fn pack(self, low: Self::W, high: Self::W) -> Self::V {
        // SAFETY: `self` proves that the machine has NEON.
        unsafe { vcombine_u16(vqmovun_s32(low), vqmovun_s32(high)) }
    }
    #[inline(always)]
    fn pack_i(self, low: Self::W, high: Self::W) -> Self::V {
        // SAFETY: `self` proves that the machine has NEON.
        unsafe { vreinterpretq_u16_s16(vcombine_s16(vqmovn_s32(low), vqmovn_s32(high))) }
    }
}
