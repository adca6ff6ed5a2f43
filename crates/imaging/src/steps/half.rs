//! Means of 2×2 samples, rounded once.

use crate::simd::{BLOCK, Kernel, Simd, each};

/// Halves two rows of bytes to one.
pub(super) struct HalveBytes<'a> {
    pub(super) rows: [&'a [u8]; 2],
    pub(super) out: &'a mut [u8],
}

impl Kernel for HalveBytes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let [upper, lower] = each!([0, 1], row => self.rows[row].chunks_exact(4 * S::LANES));
        let rest = upper.remainder().iter().as_slice();
        let below = lower.remainder();
        let (low, two) = (s.splat(0xff), s.splat(2));
        // The low bytes of eight lanes, one after the other.
        let places = s.splat_block([0x0200, 0x0604, 0x0a08, 0x0e0c, 0x8080, 0x8080, 0x8080, 0x8080]);
        let mut out = self.out.chunks_exact_mut(2 * S::LANES);
        for ((upper, lower), out) in upper.zip(lower).zip(&mut out) {
            // Neighbouring blocks in vectors of their own, so that their halves meet again.
            let [first, second] = each!([0, BLOCK], start => {
                let (a, b) = (s.load_blocks(upper, start, 2 * BLOCK), s.load_blocks(lower, start, 2 * BLOCK));
                let even = s.add(s.and(a, low), s.and(b, low));
                let odd = s.add(s.shr::<8>(a), s.shr::<8>(b));
                s.look_up(s.shr::<2>(s.add(s.add(even, odd), two)), places)
            });
            s.store_blocks(out, 0, BLOCK, s.low_halves(first, second));
        }
        for (i, out) in out.into_remainder().iter_mut().enumerate() {
            let sum: u16 =
                [rest[2 * i], rest[2 * i + 1], below[2 * i], below[2 * i + 1]].map(u16::from).iter().sum();
            *out = ((sum + 2) / 4) as u8;
        }
    }
}

/// Halves two rows of 16-bit samples to one.
pub(super) struct HalveWords<'a> {
    pub(super) rows: [&'a [u16]; 2],
    pub(super) out: &'a mut [u16],
}

impl Kernel for HalveWords<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let count = self.out.len() / S::LANES;
        let [upper, lower] = each!([0, 1], row => S::chunks(self.rows[row]).as_chunks::<2>().0);
        let (upper, lower) = (&upper[..count], &lower[..count]);
        for (i, out) in S::chunks_mut(self.out).iter_mut().enumerate() {
            let (a, b) = s.unzip(s.load(&upper[i][0]), s.load(&upper[i][1]));
            let (c, d) = s.unzip(s.load(&lower[i][0]), s.load(&lower[i][1]));
            s.store(out, mean_of_four(s, a, b, c, d));
        }
        for i in count * S::LANES..self.out.len() {
            let [upper, lower] = self.rows.map(|row| u32::from(row[2 * i]) + u32::from(row[2 * i + 1]));
            self.out[i] = ((upper + lower + 2) / 4) as u16;
        }
    }
}

/// `(a + b + c + d + 2) / 4`. The mean of two rounded means is one too much where one of them was
/// rounded, and their mean was, too.
#[inline(always)]
fn mean_of_four<S: Simd>(s: S, a: S::V, b: S::V, c: S::V, d: S::V) -> S::V {
    let (first, second) = (s.avg(a, b), s.avg(c, d));
    let any_rounded = s.or(s.xor(a, b), s.xor(c, d));
    let excess = s.and(s.and(any_rounded, s.xor(first, second)), s.splat(1));
    s.sub(s.avg(first, second), excess)
}
