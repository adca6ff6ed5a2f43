//! Writing past the caches: for what is larger than they are, and not read again soon. The machine
//! need not fetch first what it overwrites whole.

use std::marker::PhantomData;

use crate::{Kernel, Level, Simd};

/// Leave to write past the caches. Others, threads and devices, see what was written so once the
/// kernel is over; no kernel can keep its leave for longer, or give it to another thread.
#[derive(Clone, Copy, Debug)]
pub struct Streaming<'a>(PhantomData<(&'a (), *const ())>);

/// A kernel that writes past the caches.
pub trait StreamingKernel {
    /// What it answers.
    type Output;
    /// Computes it. To be marked `#[inline(always)]`, as all that it calls with `simd`.
    fn run<S: Simd>(self, simd: S, streaming: Streaming<'_>) -> Self::Output;
}

impl Level {
    /// Runs a kernel that writes past the caches.
    pub fn run_streaming<K: StreamingKernel>(self, kernel: K) -> K::Output {
        self.run(Fenced(kernel))
    }
}

struct Fenced<K>(K);

impl<K: StreamingKernel> Kernel for Fenced<K> {
    type Output = K::Output;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Self::Output {
        // Also when the kernel panics.
        let _fence = Fence(simd);
        self.0.run(simd, Streaming(PhantomData))
    }
}

struct Fence<S: Simd>(S);

impl<S: Simd> Drop for Fence<S> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.fence();
    }
}
