//! Plain Rust: 8 lanes in one block. Runs everywhere, and says what each operation means.

use std::array::from_fn;

use super::{BLOCK, Simd};

/// No instructions but those that every machine has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

type Lanes = [u16; 8];

fn lanes(value: impl Fn(usize) -> u16) -> Lanes {
    from_fn(value)
}

const fn signed(lane: u16) -> i32 {
    lane.cast_signed() as i32
}

const fn mask(all: bool) -> u16 {
    if all { u16::MAX } else { 0 }
}

fn bytes_of(a: Lanes) -> [u8; BLOCK] {
    from_fn(|i| a[i / 2].to_le_bytes()[i % 2])
}

macro_rules! instructions {
    ($($name:ident($a:ident, $b:ident) = $value:expr;)*) => {$(
        #[inline(always)]
        fn $name(self, a: Lanes, b: Lanes) -> Lanes {
            lanes(|i| {
                let ($a, $b) = (a[i], b[i]);
                $value
            })
        }
    )*};
}

impl Simd for Portable {
    const LANES: usize = 8;
    type V = Lanes;
    type W = [i32; 4];
    type Chunk = Lanes;
    type Bytes = [u8; BLOCK];
    type Wide = [i32; 4];

    words_by_bytes!();

    #[inline(always)]
    fn load(self, chunk: &Self::Chunk) -> Self::V {
        *chunk
    }
    #[inline(always)]
    fn store(self, chunk: &mut Self::Chunk, a: Self::V) {
        *chunk = a;
    }
    #[inline(always)]
    fn store_bytes(self, bytes: &mut Self::Bytes, a: Self::V) {
        *bytes = bytes_of(a);
    }
    #[inline(always)]
    fn load_blocks(self, bytes: &[u8], start: usize, _step: usize) -> Self::V {
        let block = bytes[start..start + BLOCK].as_chunks::<2>().0;
        lanes(|i| u16::from_le_bytes(block[i]))
    }
    #[inline(always)]
    fn store_blocks(self, bytes: &mut [u8], start: usize, _step: usize, a: Self::V) {
        bytes[start..start + BLOCK].copy_from_slice(&bytes_of(a));
    }
    #[inline(always)]
    fn store_by_turns(self, bytes: &mut [Self::Bytes; 3], from: [Self::V; 3]) {
        for (part, bytes) in bytes.iter_mut().enumerate() {
            let value = |i: usize| 8 * part + i;
            *bytes = bytes_of(lanes(|i| from[value(i) % 3][value(i) / 3]));
        }
    }
    #[inline(always)]
    fn prefetch<T>(self, _things: &[T], _bytes: usize) {}
    #[inline(always)]
    fn load_wide(self, wide: &Self::Wide) -> Self::W {
        *wide
    }
    #[inline(always)]
    fn store_wide(self, wide: &mut Self::Wide, a: Self::W) {
        *wide = a;
    }
    #[inline(always)]
    fn splat(self, value: u16) -> Self::V {
        [value; 8]
    }
    #[inline(always)]
    fn splat_block(self, block: [u16; BLOCK / 2]) -> Self::V {
        block
    }
    #[inline(always)]
    fn splat_wide(self, value: i32) -> Self::W {
        [value; 4]
    }

    instructions! {
        add(a, b) = a.wrapping_add(b);
        sub(a, b) = a.wrapping_sub(b);
        adds(a, b) = a.saturating_add(b);
        subs(a, b) = a.saturating_sub(b);
        adds_i(a, b) = a.cast_signed().saturating_add(b.cast_signed()).cast_unsigned();
        avg(a, b) = (u32::from(a) + u32::from(b)).div_ceil(2) as u16;
        min(a, b) = a.min(b);
        max(a, b) = a.max(b);
        mullo(a, b) = a.wrapping_mul(b);
        mulhi(a, b) = ((u32::from(a) * u32::from(b)) >> 16) as u16;
        mulhrs_i(a, b) = ((signed(a) * signed(b) + (1 << 14)) >> 15) as u16;
        and(a, b) = a & b;
        or(a, b) = a | b;
        xor(a, b) = a ^ b;
        greater_i(a, b) = mask(signed(a) > signed(b));
        equal(a, b) = mask(a == b);
    }

    #[inline(always)]
    fn select(self, mask: Self::V, a: Self::V, b: Self::V) -> Self::V {
        lanes(|i| (a[i] & mask[i]) | (b[i] & !mask[i]))
    }
    #[inline(always)]
    fn any(self, a: Self::V) -> bool {
        a != [0; 8]
    }
    #[inline(always)]
    fn shl_by(self, a: Self::V, count: u32) -> Self::V {
        a.map(|lane| lane << count)
    }
    #[inline(always)]
    fn shr_by(self, a: Self::V, count: u32) -> Self::V {
        a.map(|lane| lane >> count)
    }
    #[inline(always)]
    fn shr_i_by(self, a: Self::V, count: u32) -> Self::V {
        a.map(|lane| (lane.cast_signed() >> count).cast_unsigned())
    }

    #[inline(always)]
    fn look_up(self, table: Self::V, places: Self::V) -> Self::V {
        let (table, places) = (bytes_of(table), bytes_of(places));
        let byte = |i: usize| if places[i] < 128 { table[usize::from(places[i] & 15)] } else { 0 };
        lanes(|i| u16::from_le_bytes([byte(2 * i), byte(2 * i + 1)]))
    }
    #[inline(always)]
    fn low_halves(self, a: Self::V, b: Self::V) -> Self::V {
        lanes(|i| if i < 4 { a[i] } else { b[i - 4] })
    }
    #[inline(always)]
    fn high_halves(self, a: Self::V, b: Self::V) -> Self::V {
        lanes(|i| if i < 4 { a[i + 4] } else { b[i] })
    }
    #[inline(always)]
    fn zip_low(self, a: Self::V, b: Self::V) -> Self::V {
        lanes(|i| if i % 2 == 0 { a[i / 2] } else { b[i / 2] })
    }
    #[inline(always)]
    fn zip_high(self, a: Self::V, b: Self::V) -> Self::V {
        lanes(|i| if i % 2 == 0 { a[i / 2 + 4] } else { b[i / 2 + 4] })
    }

    #[inline(always)]
    fn zip(self, a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        (self.zip_low(a, b), self.zip_high(a, b))
    }
    #[inline(always)]
    fn unzip(self, a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        let every = |odd: usize| lanes(|i| if i < 4 { a[2 * i + odd] } else { b[2 * i - 8 + odd] });
        (every(0), every(1))
    }
    #[inline(always)]
    fn multiply_pairs_i(self, a: Self::V, b: Self::V) -> Self::W {
        let product = |i: usize| signed(a[i]) * signed(b[i]);
        from_fn(|i| product(2 * i).wrapping_add(product(2 * i + 1)))
    }
    #[inline(always)]
    fn add_wide(self, a: Self::W, b: Self::W) -> Self::W {
        from_fn(|i| a[i].wrapping_add(b[i]))
    }
    #[inline(always)]
    fn shr_wide_by(self, a: Self::W, count: u32) -> Self::W {
        a.map(|lane| lane >> count)
    }
    #[inline(always)]
    fn pack(self, low: Self::W, high: Self::W) -> Self::V {
        let clip = |lane: i32| lane.clamp(0, 65535) as u16;
        lanes(|i| clip(if i < 4 { low[i] } else { high[i - 4] }))
    }
    #[inline(always)]
    fn pack_i(self, low: Self::W, high: Self::W) -> Self::V {
        let clip = |lane: i32| lane.clamp(-32768, 32767) as u16;
        lanes(|i| clip(if i < 4 { low[i] } else { high[i - 4] }))
    }
}
