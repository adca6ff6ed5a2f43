//! What a lens that is focused elsewhere makes of a frame: each point a disc.
//!
//! The disc is a square passed over twice, which is nearly one and costs the same whatever its
//! size (Wells, "Efficient synthesis of Gaussian filters by cascaded uniform filters", 1986).
//! Works on a mosaic, on samples of one colour. Knows nothing of lenses.

/// A uniform filter over samples that lie two pixels apart: so many whole ones to either side,
/// and a part of the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Blur {
    whole: usize,
    part: f32,
}

/// What spreads less is not to be seen.
const LEAST_VARIANCE: f32 = 1e-3;

impl Blur {
    /// One that spreads as a disc of that diameter in pixels does; `None` if that is not to be
    /// seen.
    pub(super) fn of_disc(diameter: f32) -> Option<Self> {
        // A disc's variance is d²/16; each of two passes has half of it, in samples two apart.
        let variance = diameter * diameter / 128.0;
        if !variance.is_finite() || variance < LEAST_VARIANCE {
            return None;
        }
        // That of whole samples alone is w (w + 1) / 3.
        let whole = (((1.0 + 12.0 * variance).sqrt() - 1.0) / 2.0).floor();
        let (samples, next) = (2.0 * whole + 1.0, (whole + 1.0) * (whole + 1.0));
        let squares = whole * (whole + 1.0) * samples / 3.0;
        let part = (variance * samples - squares) / (2.0 * (next - variance));
        Some(Self { whole: whole as usize, part: part.clamp(0.0, 1.0) })
    }

    /// What sums are divided by.
    fn samples(self) -> f32 {
        1.0 + 2.0 * (self.whole as f32 + self.part)
    }

    /// Blurs a plane in rows of `width`.
    pub(super) fn apply(self, plane: &mut [u16], width: usize) {
        let mut blurred = vec![0; plane.len()];
        self.along(plane, &mut blurred, width);
        self.along(&blurred, plane, width);
        self.across(plane, &mut blurred, width);
        self.across(&blurred, plane, width);
    }

    /// Along each row.
    fn along(self, from: &[u16], to: &mut [u16], width: usize) {
        for (from, to) in from.chunks_exact(width).zip(to.chunks_exact_mut(width)) {
            for colour in 0..2.min(width) {
                let last = (width - 1 - colour) / 2;
                let at = |i: isize| f32::from(from[2 * i.clamp(0, last as isize) as usize + colour]);
                let mut sum = self.first_sum(at);
                for i in 0..=last {
                    to[2 * i + colour] = self.mean(sum, self.ends(i).map(at));
                    let [comes, goes] = self.step(i).map(at);
                    sum += comes - goes;
                }
            }
        }
    }

    /// Across the rows.
    fn across(self, from: &[u16], to: &mut [u16], width: usize) {
        let height = from.len() / width;
        let mut sums = vec![0.0; width];
        for colour in 0..2.min(height) {
            let last = (height - 1 - colour) / 2;
            let row = |i: isize| {
                let start = (2 * i.clamp(0, last as isize) as usize + colour) * width;
                &from[start..start + width]
            };
            for (x, sum) in sums.iter_mut().enumerate() {
                *sum = self.first_sum(|i| f32::from(row(i)[x]));
            }
            for i in 0..=last {
                let ([before, after], [comes, goes]) = (self.ends(i).map(row), self.step(i).map(row));
                let to = &mut to[(2 * i + colour) * width..][..width];
                for x in 0..width {
                    to[x] = self.mean(sums[x], [f32::from(before[x]), f32::from(after[x])]);
                    sums[x] += f32::from(comes[x]) - f32::from(goes[x]);
                }
            }
        }
    }

    /// The sum of the whole samples about the first.
    fn first_sum(self, at: impl Fn(isize) -> f32) -> f32 {
        let whole = self.whole as isize;
        (-whole..=whole).map(at).sum()
    }

    /// Where the samples are of which a part counts.
    fn ends(self, i: usize) -> [isize; 2] {
        let (i, reach) = (i as isize, self.whole as isize + 1);
        [i - reach, i + reach]
    }

    /// Which sample comes into the sum behind the `i`th, and which goes.
    fn step(self, i: usize) -> [isize; 2] {
        let (i, whole) = (i as isize, self.whole as isize);
        [i + whole + 1, i - whole]
    }

    fn mean(self, sum: f32, ends: [f32; 2]) -> u16 {
        ((sum + self.part * (ends[0] + ends[1])) / self.samples() + 0.5) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variance across and down of what a point of one colour becomes.
    fn spread(diameter: f32) -> (f64, f64) {
        const SIDE: usize = 129;
        let mut plane = vec![0; SIDE * SIDE];
        plane[64 * SIDE + 64] = u16::MAX;
        Blur::of_disc(diameter).unwrap().apply(&mut plane, SIDE);
        let mut sums = (0.0, 0.0, 0.0);
        for (at, value) in plane.iter().enumerate() {
            let (x, y) = ((at % SIDE) as f64 - 64.0, (at / SIDE) as f64 - 64.0);
            let weight = f64::from(*value);
            assert!(*value == 0 || (x % 2.0 == 0.0 && y % 2.0 == 0.0), "colours run into another");
            sums = (sums.0 + weight, sums.1 + weight * x * x, sums.2 + weight * y * y);
        }
        (sums.1 / sums.0, sums.2 / sums.0)
    }

    #[test]
    fn a_point_spreads_as_a_disc_does() {
        for diameter in [2.0_f32, 6.0, 11.0, 24.0] {
            let wanted = f64::from(diameter * diameter / 16.0);
            let (across, down) = spread(diameter);
            for variance in [across, down] {
                let ratio = variance / wanted;
                assert!((0.95..1.05).contains(&ratio), "{diameter} pixels: {variance} instead of {wanted}");
            }
            assert!((across / down - 1.0).abs() < 0.02, "{across} across, {down} down");
        }
    }

    #[test]
    fn what_is_even_stays_so() {
        for (width, height) in [(1, 1), (2, 3), (7, 5), (64, 48)] {
            let mut plane = vec![40_000; width * height];
            Blur::of_disc(9.0).unwrap().apply(&mut plane, width);
            assert_eq!(plane, vec![40_000; width * height], "{width}x{height}");
        }
    }

    #[test]
    fn what_is_not_seen_costs_nothing() {
        assert_eq!([0.0, 0.1, f32::NAN, f32::INFINITY].map(Blur::of_disc), [None; 4]);
    }
}
