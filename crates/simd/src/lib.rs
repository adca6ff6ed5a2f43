//! Vectors of 16-bit lanes, one interface over the machine's instructions.
//!
//! A kernel is written once, over [`Simd`], and run by [`Level::run`] with the widest vectors
//! that the machine has. Every back-end gives the same bits, so what is shown of one holds for
//! all. Knows nothing of pixels.
//!
//! This crate is, with `kernel`, where `unsafe` is allowed: a back-end is a proof, made by
//! [`Level::all`], that its instructions are there; and [`pool`] lends things to threads.
//!
//! Nothing that computes with vectors may be a closure, or handed to one: see [`each`].
#![allow(unsafe_code)]

mod aligned;
#[macro_use]
mod words;
#[cfg(target_arch = "aarch64")]
mod neon;
pub mod pool;
mod portable;
mod streaming;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use aligned::{Aligned, Plain};
use std::fmt::{self, Debug, Display};
pub use streaming::{Streaming, StreamingKernel};

/// Bytes of a block. What moves lanes about moves them within blocks of 128 bits.
pub const BLOCK: usize = 16;

/// Bytes of a line of the cache: what is fetched at once.
pub const LINE_BYTES: usize = 64;

/// Bytes of the smallest page of memory, of most machines.
pub const PAGE_BYTES: usize = 4096;

/// How far ahead of what is read or written for the first time more of it is best fetched: about a
/// row. Memory that is to be written is read first, by most machines; without this, one line after
/// the other.
pub const AHEAD_BYTES: usize = 4096;

/// The same done to each of several things. Closures, and what takes them, are compiled for every
/// machine before they are inlined into a kernel, and then not inlined; so kernels do without.
#[macro_export]
macro_rules! each {
    ([$($item:expr),* $(,)?], $name:ident => $value:expr) => {
        [$({ let $name = $item; $value }),*]
    };
}

/// One number in every lane, which the compiler does not know. It takes apart sums and complements
/// that it knows a part of, and makes them anew in 32 bits.
#[inline(always)]
pub fn splat_unknown<S: Simd>(s: S, value: u16) -> S::V {
    s.splat(std::hint::black_box(value))
}

/// The most lanes that a vector of any back-end has.
pub const LANES_MAX: usize = 32;

/// As many things as a vector holds.
pub trait Group<T>: Copy + AsRef<[T]> + AsMut<[T]> + Debug + 'static {
    /// Whole groups of a slice.
    fn whole(things: &[T]) -> &[Self];
    /// Whole groups of a slice, to be written.
    fn whole_mut(things: &mut [T]) -> &mut [Self];
}

impl<T: Copy + Debug + 'static, const N: usize> Group<T> for [T; N] {
    #[inline(always)]
    fn whole(things: &[T]) -> &[Self] {
        things.as_chunks().0
    }
    #[inline(always)]
    fn whole_mut(things: &mut [T]) -> &mut [Self] {
        things.as_chunks_mut().0
    }
}

/// The instructions of a machine, on vectors of 16-bit lanes.
///
/// Lanes are unsigned where nothing else is said; names that end in `_i` take them as signed.
/// Arithmetic wraps, `adds` and `subs` saturate. Every method is to be inlined into a kernel.
pub trait Simd: Copy {
    /// 16-bit lanes of a vector.
    const LANES: usize;
    /// 16-bit lanes.
    type V: Copy;
    /// Half as many 32-bit lanes.
    type W: Copy;
    /// As many samples as there are lanes.
    type Chunk: Group<u16>;
    /// As many bytes as a vector has.
    type Bytes: Group<u8>;
    /// As many 32-bit numbers as a vector has.
    type Wide: Group<i32>;
    /// Sixteen words to choose from.
    type Words: Copy;
    /// Sixteen words whose low bytes are 0.
    type HighBytes: Copy;
    /// Which of sixteen words each lane is to have.
    type Choice: Copy;

    /// Whole chunks of a slice.
    #[inline(always)]
    fn chunks(samples: &[u16]) -> &[Self::Chunk] {
        Self::Chunk::whole(samples)
    }
    /// Whole chunks of a slice, to be written.
    #[inline(always)]
    fn chunks_mut(samples: &mut [u16]) -> &mut [Self::Chunk] {
        Self::Chunk::whole_mut(samples)
    }
    /// Whole vectors of bytes of a slice, to be written.
    #[inline(always)]
    fn byte_chunks_mut(bytes: &mut [u8]) -> &mut [Self::Bytes] {
        Self::Bytes::whole_mut(bytes)
    }
    /// Whole vectors of 32-bit numbers of a slice, to be written.
    #[inline(always)]
    fn wide_chunks_mut(sums: &mut [i32]) -> &mut [Self::Wide] {
        Self::Wide::whole_mut(sums)
    }

    /// Reads a chunk.
    fn load(self, chunk: &Self::Chunk) -> Self::V;
    /// Writes a chunk.
    fn store(self, chunk: &mut Self::Chunk, a: Self::V);
    /// Writes lanes as pairs of bytes, the low one first.
    fn store_bytes(self, bytes: &mut Self::Bytes, a: Self::V);
    /// Reads each block from `start` of `bytes` on, the next `step` bytes further.
    ///
    /// # Panics
    /// If the last block does not lie within the bytes.
    fn load_blocks(self, bytes: &[u8], start: usize, step: usize) -> Self::V;
    /// Writes each block from `start` of `bytes` on, the next `step` bytes further.
    ///
    /// # Panics
    /// If the last block does not lie within the bytes.
    fn store_blocks(self, bytes: &mut [u8], start: usize, step: usize, a: Self::V);
    /// Writes the lanes of three vectors by turns: the first of each, the second of each, and so on.
    fn store_by_turns(self, bytes: &mut [Self::Bytes; 3], lanes: [Self::V; 3]);
    /// The same past the caches, where the machine can and the bytes begin at a multiple of a vector.
    #[inline(always)]
    fn stream_by_turns(self, bytes: &mut [Self::Bytes; 3], lanes: [Self::V; 3], _: Streaming<'_>) {
        self.store_by_turns(bytes, lanes);
    }
    /// Waits until others see what was written past the caches.
    #[inline(always)]
    fn fence(self) {}
    /// Has what lies so many bytes after the first of `things` fetched, if there is anything, for it
    /// will be wanted soon, be it to be written.
    fn prefetch<T>(self, things: &[T], bytes: usize);
    /// Reads 32-bit numbers.
    fn load_wide(self, wide: &Self::Wide) -> Self::W;
    /// Writes 32-bit numbers.
    fn store_wide(self, wide: &mut Self::Wide, a: Self::W);
    /// One number in every lane.
    fn splat(self, value: u16) -> Self::V;
    /// The same eight lanes in every block.
    fn splat_block(self, block: [u16; BLOCK / 2]) -> Self::V;
    /// One number in every 32-bit lane.
    fn splat_wide(self, value: i32) -> Self::W;

    /// `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a − b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a + b`, at most 65535.
    fn adds(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a − b`, at least 0.
    fn subs(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a + b`, from −32768 to 32767.
    fn adds_i(self, a: Self::V, b: Self::V) -> Self::V;
    /// `(a + b + 1) / 2`.
    fn avg(self, a: Self::V, b: Self::V) -> Self::V;
    /// The lesser.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// The greater.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// The low 16 bits of `a · b`.
    fn mullo(self, a: Self::V, b: Self::V) -> Self::V;
    /// The high 16 bits of `a · b`.
    fn mulhi(self, a: Self::V, b: Self::V) -> Self::V;
    /// `(a · b + 2¹⁴) / 2¹⁵`, not both of them −32768.
    fn mulhrs_i(self, a: Self::V, b: Self::V) -> Self::V;
    /// Bits in both.
    fn and(self, a: Self::V, b: Self::V) -> Self::V;
    /// Bits in either.
    fn or(self, a: Self::V, b: Self::V) -> Self::V;
    /// Bits in one alone.
    fn xor(self, a: Self::V, b: Self::V) -> Self::V;
    /// All bits where `a` is greater than `b`.
    fn greater_i(self, a: Self::V, b: Self::V) -> Self::V;
    /// All bits where `a` is `b`.
    fn equal(self, a: Self::V, b: Self::V) -> Self::V;
    /// Lanes of `a` where the mask's bits are set, else of `b`.
    fn select(self, mask: Self::V, a: Self::V, b: Self::V) -> Self::V;
    /// Whether any bit is set.
    fn any(self, a: Self::V) -> bool;
    /// Shifted left by a constant below 16.
    #[inline(always)]
    fn shl<const N: u32>(self, a: Self::V) -> Self::V {
        self.shl_by(a, N)
    }
    /// Shifted right by a constant below 16.
    #[inline(always)]
    fn shr<const N: u32>(self, a: Self::V) -> Self::V {
        self.shr_by(a, N)
    }
    /// Shifted right by a constant below 16, with its sign.
    #[inline(always)]
    fn shr_i<const N: u32>(self, a: Self::V) -> Self::V {
        self.shr_i_by(a, N)
    }
    /// Shifted left by a number below 16.
    fn shl_by(self, a: Self::V, count: u32) -> Self::V;
    /// Shifted right by a number below 16.
    fn shr_by(self, a: Self::V, count: u32) -> Self::V;
    /// Shifted right by a number below 16, with its sign.
    fn shr_i_by(self, a: Self::V, count: u32) -> Self::V;

    /// Bytes of the same block of `table` at the places that the bytes of `places` name: 0 to
    /// 15, or 128 to 255 for none, which gives 0.
    fn look_up(self, table: Self::V, places: Self::V) -> Self::V;
    /// Words to choose from.
    fn words(self, words: &[u16; 16]) -> Self::Words;
    /// The same of words of which the high bytes count.
    fn high_bytes(self, words: &[u16; 16]) -> Self::HighBytes;
    /// The choice of words by their numbers: the highest four bits of each lane.
    fn choice(self, numbers: Self::V) -> Self::Choice;
    /// The chosen words.
    fn choose(self, words: Self::Words, choice: Self::Choice) -> Self::V;
    /// The chosen words.
    fn choose_high(self, words: Self::HighBytes, choice: Self::Choice) -> Self::V;
    /// The low halves of each block of `a` and of `b`, one after the other.
    fn low_halves(self, a: Self::V, b: Self::V) -> Self::V;
    /// The high halves of each block of `a` and of `b`, one after the other.
    fn high_halves(self, a: Self::V, b: Self::V) -> Self::V;
    /// The lanes of the low halves of each block, by turns from `a` and `b`.
    fn zip_low(self, a: Self::V, b: Self::V) -> Self::V;
    /// The lanes of the high halves of each block, by turns from `a` and `b`.
    fn zip_high(self, a: Self::V, b: Self::V) -> Self::V;

    /// The lanes of `a` and `b` by turns: those of the first halves, and those of the second.
    fn zip(self, a: Self::V, b: Self::V) -> (Self::V, Self::V);
    /// The even lanes of `a` and then of `b`; the odd ones.
    fn unzip(self, a: Self::V, b: Self::V) -> (Self::V, Self::V);

    /// Sums of the products of neighbouring lanes.
    fn multiply_pairs_i(self, a: Self::V, b: Self::V) -> Self::W;
    /// `a + b`.
    fn add_wide(self, a: Self::W, b: Self::W) -> Self::W;
    /// `sum` and the sums of the products of neighbouring lanes.
    #[inline(always)]
    fn add_pairs_i(self, sum: Self::W, a: Self::V, b: Self::V) -> Self::W {
        self.add_wide(sum, self.multiply_pairs_i(a, b))
    }
    /// Shifted right by a number below 32, with its sign.
    fn shr_wide_by(self, a: Self::W, count: u32) -> Self::W;
    /// The 32-bit lanes of each block of `low`, then of `high`, clipped to 0 to 65535. Undoes
    /// the order of [`Self::zip_low`] and [`Self::zip_high`].
    fn pack(self, low: Self::W, high: Self::W) -> Self::V;
    /// The same, clipped to −32768 to 32767.
    fn pack_i(self, low: Self::W, high: Self::W) -> Self::V;
}

/// Something to be computed with any of the back-ends.
pub trait Kernel {
    /// What it answers.
    type Output;
    /// Computes it. To be marked `#[inline(always)]`, as all that it calls with `simd`.
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

/// Which instructions to use.
#[derive(Clone, Copy, Debug)]
pub enum Level {
    /// None but those that every machine has.
    Portable,
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2(x86::avx2::Avx2),
    /// AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512(x86::avx512::Avx512),
    /// NEON.
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
}

impl Level {
    /// All that this machine has, from the narrowest vectors to the widest.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        let levels = [
            Some(Self::Portable),
            #[cfg(target_arch = "x86_64")]
            x86::avx2::Avx2::new().map(Self::Avx2),
            #[cfg(target_arch = "x86_64")]
            x86::avx512::Avx512::new().map(Self::Avx512),
            #[cfg(target_arch = "aarch64")]
            neon::Neon::new().map(Self::Neon),
        ];
        levels.into_iter().flatten()
    }

    /// The best that this machine has.
    pub fn best() -> Self {
        Self::best_within(LANES_MAX)
    }

    /// The best that this machine has with so many lanes at most, for kernels that gain nothing
    /// from more.
    pub fn best_within(lanes: usize) -> Self {
        Self::all().rfind(|level| level.lanes() <= lanes).unwrap_or(Self::Portable)
    }

    /// 16-bit lanes of its vectors.
    pub fn lanes(self) -> usize {
        self.run(CountLanes)
    }

    /// Runs a kernel.
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            Self::Portable => kernel.run(portable::Portable),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(avx512) => avx512.run(kernel),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.run(kernel),
        }
    }
}

impl Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "AVX-512",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "NEON",
        })
    }
}

struct CountLanes;

impl Kernel for CountLanes {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> usize {
        S::LANES
    }
}

#[cfg(test)]
mod tests;
