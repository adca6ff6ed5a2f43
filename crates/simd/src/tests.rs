//! The back-ends against each other, operation by operation.

use super::*;
use proptest::prelude::*;

/// Blocks of lanes, as many as the widest back-end takes at once.
type Lanes = [u16; LANES_MAX];

/// Three operands, as any back-end takes them.
type Operands = [Lanes; 3];

/// Every operation on the operands, in the order of blocks.
struct Everything<'a>(&'a Operands);

impl Kernel for Everything<'_> {
    type Output = Vec<(&'static str, Vec<u16>)>;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let Self([a, b, c]) = self;
        let mut answers = Vec::new();
        let mut each = |name, operation: &dyn Fn(S::V, S::V, S::V) -> S::V| {
            let mut out = [0; LANES_MAX];
            let operands = S::chunks(a).iter().zip(S::chunks(b)).zip(S::chunks(c));
            for (out, ((a, b), c)) in S::chunks_mut(&mut out).iter_mut().zip(operands) {
                s.store(out, operation(s.load(a), s.load(b), s.load(c)));
            }
            answers.push((name, out.to_vec()));
        };
        each("add", &|a, b, _| s.add(a, b));
        each("sub", &|a, b, _| s.sub(a, b));
        each("adds", &|a, b, _| s.adds(a, b));
        each("subs", &|a, b, _| s.subs(a, b));
        each("adds_i", &|a, b, _| s.adds_i(a, b));
        each("avg", &|a, b, _| s.avg(a, b));
        each("min", &|a, b, _| s.min(a, b));
        each("max", &|a, b, _| s.max(a, b));
        each("mullo", &|a, b, _| s.mullo(a, b));
        each("mulhi", &|a, b, _| s.mulhi(a, b));
        each("mulhrs_i", &|a, b, _| s.mulhrs_i(s.max(a, s.splat(1)), s.shr::<1>(b)));
        each("mulhrs_i, negative", &|a, b, _| s.mulhrs_i(a, s.or(s.shr::<1>(b), s.splat(0x8001))));
        each("and", &|a, b, _| s.and(a, b));
        each("or", &|a, b, _| s.or(a, b));
        each("xor", &|a, b, _| s.xor(a, b));
        each("greater_i", &|a, b, _| s.greater_i(a, b));
        each("equal", &|a, b, _| s.equal(a, s.min(a, b)));
        each("select", &|a, b, c| s.select(s.greater_i(a, c), a, b));
        each("shl", &|a, _, _| s.shl::<3>(a));
        each("shr", &|a, _, _| s.shr::<3>(a));
        each("shr_i", &|a, _, _| s.shr_i::<3>(a));
        each("shl_by", &|a, _, _| s.shl_by(a, 5));
        each("shr_by", &|a, _, _| s.shr_by(a, 5));
        each("shr_i_by", &|a, _, _| s.shr_i_by(a, 5));
        each("look_up", &|a, b, _| s.look_up(a, s.and(b, s.splat(0x8f0f))));
        each("low_halves", &|a, b, _| s.low_halves(a, b));
        each("high_halves", &|a, b, _| s.high_halves(a, b));
        each("zip_low", &|a, b, _| s.zip_low(a, b));
        each("zip_high", &|a, b, _| s.zip_high(a, b));
        each("splat_block", &|_, _, _| s.splat_block([1, 2, 3, 4, 5, 6, 7, 8]));
        each("any", &|a, _, _| s.splat(u16::from(s.any(s.and(a, s.splat(0))) || !s.any(s.splat(1)))));
        each("pack", &|a, b, c| {
            let product = |lanes| s.multiply_pairs_i(lanes, s.shr::<1>(c));
            let sum = |lanes| s.shr_wide_by(s.add_wide(product(lanes), s.splat_wide(1 << 13)), 14);
            s.pack(sum(s.zip_low(a, b)), sum(s.zip_high(a, b)))
        });
        each("pack_i", &|a, b, c| {
            s.pack_i(s.multiply_pairs_i(a, s.shr::<7>(c)), s.multiply_pairs_i(b, s.shr::<9>(c)))
        });
        answers
    }
}

fn lanes() -> impl Strategy<Value = Lanes> {
    let extremes = prop::sample::select(vec![0, 1, 0x7fff, 0x8000, 0x8001, 0xffff]);
    prop::array::uniform32(prop_oneof![3 => any::<u16>(), 1 => extremes])
}

/// The even lanes of twice as many, then the odd ones.
struct Unzipped<'a>(&'a [u16; 2 * LANES_MAX]);

impl Kernel for Unzipped<'_> {
    type Output = [Lanes; 2];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> Self::Output {
        let mut out = [[0; LANES_MAX]; 2];
        let [even, odd] = &mut out;
        let halves = S::chunks_mut(even).iter_mut().zip(S::chunks_mut(odd)).enumerate();
        for (i, (even, odd)) in halves {
            let chunks = S::chunks(self.0);
            let (low, high) = s.unzip(s.load(&chunks[2 * i]), s.load(&chunks[2 * i + 1]));
            s.store(even, low);
            s.store(odd, high);
        }
        out
    }
}

/// The lanes of three by turns, stored and streamed; those of the first two by turns.
struct Turns<'a> {
    lanes: &'a Operands,
    stored: &'a mut [u8],
    streamed: &'a mut [u8],
    zipped: [u16; 2 * LANES_MAX],
}

impl StreamingKernel for Turns<'_> {
    type Output = [u16; 2 * LANES_MAX];

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S, streaming: Streaming<'_>) -> Self::Output {
        let stored = S::byte_chunks_mut(self.stored).as_chunks_mut().0.iter_mut();
        let streamed = S::byte_chunks_mut(self.streamed).as_chunks_mut().0.iter_mut();
        let zipped = S::chunks_mut(&mut self.zipped).as_chunks_mut::<2>().0.iter_mut();
        for (i, ((stored, streamed), zipped)) in stored.zip(streamed).zip(zipped).enumerate() {
            let lanes = each!([0, 1, 2], which => s.load(&S::chunks(&self.lanes[which])[i]));
            s.store_by_turns(stored, lanes);
            s.stream_by_turns(streamed, lanes, streaming);
            let (first, second) = s.zip(lanes[0], lanes[1]);
            s.store(&mut zipped[0], first);
            s.store(&mut zipped[1], second);
        }
        self.zipped
    }
}

/// Catches: lanes out of order, and bytes that are not written where no vector may begin.
#[test]
fn lanes_by_turns_keep_the_order_of_memory() {
    const BYTES: usize = 6 * LANES_MAX;
    let lanes = std::array::from_fn(|which| std::array::from_fn(|i| (3 * i + which) as u16));
    let pairs = (0..2 * LANES_MAX).map(|i| (3 * (i / 2) + i % 2) as u16);
    for (level, start) in Level::all().flat_map(|level| [0, 1, 32].map(|start| (level, start))) {
        let mut places = [Aligned::<u8>::zeros(BYTES + start), Aligned::zeros(BYTES + start)];
        let [stored, streamed] = places.each_mut().map(|place| &mut place[start..]);
        let zipped =
            level.run_streaming(Turns { lanes: &lanes, stored, streamed, zipped: [0; 2 * LANES_MAX] });
        for place in &places {
            let words = place[start..].as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes));
            assert!(words.eq(0..3 * LANES_MAX as u16), "{level} from {start} on: {place:?}");
        }
        assert!(pairs.clone().eq(zipped), "{level}: {zipped:?}");
    }
}

#[test]
fn unzipping_keeps_the_order_of_memory() {
    let lanes = std::array::from_fn(|i| i as u16);
    for level in Level::all() {
        let [even, odd] = level.run(Unzipped(&lanes));
        let pairs = even.iter().zip(&odd).enumerate();
        assert!(
            pairs.map(|(i, pair)| (i as u16, pair)).all(|(i, pair)| pair == (&(2 * i), &(2 * i + 1))),
            "{level}"
        );
    }
}

proptest! {
    #[test]
    fn every_back_end_gives_what_plain_rust_gives(a in lanes(), b in lanes(), c in lanes()) {
        let operands = [a, b, c];
        let expected = Level::Portable.run(Everything(&operands));
        for level in Level::all() {
            for (expected, answer) in expected.iter().zip(&level.run(Everything(&operands))) {
                prop_assert_eq!(expected, answer, "{}", level);
            }
        }
    }
}
