//! x86's vectors of 256 and of 512 bits: what the two have in common. They have the same
//! operations under other names.

/// A back-end: proof that the machine has these features, which
/// [`Level::all`](super::Level::all) alone makes.
macro_rules! proof {
    ($(#[$about:meta])* $name:ident: $($feature:tt),+) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name(());

        impl $name {
            pub(crate) fn new() -> Option<Self> {
                let there = $(std::arch::is_x86_feature_detected!($feature))&&+;
                there.then_some(Self(()))
            }

            #[inline(always)]
            pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
                #[target_feature($(enable = $feature),+)]
                fn with_features<K: Kernel>(proof: $name, kernel: K) -> K::Output {
                    kernel.run(proof)
                }
                // SAFETY: `self` proves that the machine has all that.
                unsafe { with_features(self, kernel) }
            }
        }
    };
}

/// Instructions themselves. Of the functions for `vpavgw` and `vpmulhuw` in `std::arch` the compiler
/// makes sums and products of 32 bits, and not always the instruction again; and of `vpsravd` by one
/// number a shift that takes two steps.
macro_rules! by_name {
    ($feature:tt, $vector:ident in $register:ident: $($name:ident = $instruction:literal;)*) => {$(
        #[inline]
        #[target_feature(enable = $feature)]
        fn $name(a: $vector, b: $vector) -> $vector {
            let out;
            // SAFETY: the instruction computes `out` of `a` and `b`, and does nothing else.
            unsafe {
                asm!(
                    concat!($instruction, " {}, {}, {}"),
                    lateout($register) out, in($register) a, in($register) b,
                    options(pure, nomem, nostack, preserves_flags)
                );
            }
            out
        }
    )*};
}

/// Methods that are one instruction on vectors.
macro_rules! instructions {
    ($($name:ident($($operand:ident),*) = $instruction:ident;)*) => {$(
        #[inline(always)]
        fn $name(self, $($operand: Self::V),*) -> Self::V {
            // SAFETY: `self` proves that the machine has it.
            unsafe { $instruction($($operand),*) }
        }
    )*};
}

/// Methods that shift all lanes by a number.
macro_rules! shifts {
    ($($name:ident = $instruction:ident;)*) => {$(
        #[inline(always)]
        fn $name(self, a: Self::V, count: u32) -> Self::V {
            // SAFETY: `self` proves that the machine has it.
            unsafe { $instruction(a, _mm_cvtsi32_si128(count as i32)) }
        }
    )*};
}

/// Methods that read whole vectors, or write them, and those that fill them.
macro_rules! memory {
    ($load:ident, $store:ident, $stream:ident, $splat:ident, $splat_wide:ident) => {
        #[inline(always)]
        fn load(self, chunk: &Self::Chunk) -> Self::V {
            // SAFETY: the machine has it; a chunk is as long as a vector, and needs no alignment.
            unsafe { $load(chunk.as_ptr().cast()) }
        }
        #[inline(always)]
        fn store(self, chunk: &mut Self::Chunk, a: Self::V) {
            // SAFETY: the machine has it; a chunk is as long as a vector, and needs no alignment.
            unsafe { $store(chunk.as_mut_ptr().cast(), a) }
        }
        #[inline(always)]
        fn store_bytes(self, bytes: &mut Self::Bytes, a: Self::V) {
            // SAFETY: the machine has it; they are as long as a vector, and need no alignment.
            unsafe { $store(bytes.as_mut_ptr().cast(), a) }
        }
        #[inline(always)]
        fn store_by_turns(self, bytes: &mut [Self::Bytes; 3], lanes: [Self::V; 3]) {
            let lanes = self.by_turns(lanes);
            for (bytes, lanes) in bytes.iter_mut().zip(lanes) {
                self.store_bytes(bytes, lanes);
            }
        }
        #[inline(always)]
        fn stream_by_turns(self, bytes: &mut [Self::Bytes; 3], lanes: [Self::V; 3], _: Streaming<'_>) {
            let place = bytes.as_mut_ptr();
            if place.addr() % size_of::<Self::Bytes>() != 0 {
                return self.store_by_turns(bytes, lanes);
            }
            for (i, lanes) in self.by_turns(lanes).into_iter().enumerate() {
                // SAFETY: the machine has it; each is as long as a vector, and aligned as one. The leave
                // says that a fence will follow before anybody else is given the bytes.
                unsafe { $stream(place.add(i).cast(), lanes) };
            }
        }
        #[inline(always)]
        fn fence(self) {
            // SAFETY: every x86-64 has it.
            unsafe { _mm_sfence() }
        }
        #[inline(always)]
        fn prefetch<T>(self, things: &[T], bytes: usize) {
            // Any address will do: nothing is read where there is nothing.
            let address = things.as_ptr().wrapping_byte_add(bytes);
            // SAFETY: every x86-64 has it, and it changes nothing that a program sees.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
        }
        #[inline(always)]
        fn load_wide(self, wide: &Self::Wide) -> Self::W {
            // SAFETY: the machine has it; they are as long as a vector, and need no alignment.
            unsafe { $load(wide.as_ptr().cast()) }
        }
        #[inline(always)]
        fn store_wide(self, wide: &mut Self::Wide, a: Self::W) {
            // SAFETY: the machine has it; they are as long as a vector, and need no alignment.
            unsafe { $store(wide.as_mut_ptr().cast(), a) }
        }
        #[inline(always)]
        fn splat(self, value: u16) -> Self::V {
            // SAFETY: `self` proves that the machine has it.
            unsafe { $splat(value.cast_signed()) }
        }
        #[inline(always)]
        fn splat_wide(self, value: i32) -> Self::W {
            // SAFETY: `self` proves that the machine has it.
            unsafe { $splat_wide(value) }
        }
    };
}

pub(crate) mod avx2;
pub(crate) mod avx512;
