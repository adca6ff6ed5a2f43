//! Fractions of two 32-bit integers, as TIFF and EXIF store numbers.

use std::time::Duration;

/// An unsigned fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rational {
    pub(crate) numerator: u32,
    pub(crate) denominator: u32,
}

/// A signed fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignedRational {
    pub(crate) numerator: i32,
    pub(crate) denominator: i32,
}

const MILLION: f64 = 1e6;

impl Rational {
    pub(crate) const fn new(numerator: u32, denominator: u32) -> Self {
        Self { numerator, denominator }
    }

    /// The fraction nearest to `numerator / denominator` that the last convergent of its
    /// continued fraction gives; exact where the reduced fraction fits. Saturates.
    pub(crate) fn nearest(numerator: u128, denominator: u128) -> Self {
        let (mut p, mut q) = (numerator, denominator);
        let (mut before, mut last) = ((0u128, 1u128), (1u128, 0u128));
        while q != 0 {
            let digit = p / q;
            let next = (digit.saturating_mul(last.0) + before.0, digit.saturating_mul(last.1) + before.1);
            if next.0 > u128::from(u32::MAX) || next.1 > u128::from(u32::MAX) {
                break;
            }
            (before, last) = (last, next);
            (p, q) = (q, p % q);
        }
        match last {
            (_, 0) => Self::new(u32::MAX, 1),
            (numerator, denominator) => Self::new(numerator as u32, denominator as u32),
        }
    }

    /// A time in seconds, to the nanosecond where 32 bits can say it.
    pub(crate) fn from_duration(time: Duration) -> Self {
        Self::nearest(time.as_nanos(), 1_000_000_000)
    }

    /// A number of 0 or more, in millionths where 32 bits can say it. Saturates.
    pub(crate) fn from_f64(value: f64) -> Self {
        Self::nearest((value * MILLION).round() as u128, 1_000_000)
    }
}

impl SignedRational {
    /// A number in millionths, or coarser if it is large. Saturates.
    pub(crate) fn from_f64(value: f64) -> Self {
        let mut denominator = MILLION;
        while (value * denominator).abs() > f64::from(i32::MAX) && denominator > 1.0 {
            denominator /= 10.0;
        }
        Self { numerator: (value * denominator).round() as i32, denominator: denominator as i32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn exposure_times_are_exact() {
        assert_eq!(Rational::from_duration(Duration::from_millis(20)), Rational::new(1, 50));
        assert_eq!(Rational::from_duration(Duration::from_micros(33_239)), Rational::new(33_239, 1_000_000));
        assert_eq!(
            Rational::from_duration(Duration::from_nanos(123_456_789)),
            Rational::new(123_456_789, 1_000_000_000)
        );
        assert_eq!(Rational::from_duration(Duration::from_secs(200)), Rational::new(200, 1));
        assert_eq!(Rational::from_duration(Duration::ZERO), Rational::new(0, 1));
    }

    #[test]
    fn too_large_saturates() {
        assert_eq!(Rational::from_duration(Duration::MAX), Rational::new(u32::MAX, 1));
        assert_eq!(SignedRational::from_f64(-1e300).numerator, i32::MIN);
        assert_eq!(SignedRational::from_f64(5000.25).denominator, 100_000);
    }

    proptest! {
        #[test]
        fn any_time_is_near(nanos in 1u64..1 << 50) {
            let fraction = Rational::from_duration(Duration::from_nanos(nanos));
            let value = f64::from(fraction.numerator) / f64::from(fraction.denominator);
            prop_assert!((value * 1e9 / nanos as f64 - 1.0).abs() < 1e-6, "{fraction:?}");
        }

        #[test]
        fn any_number_is_within_a_millionth(value in -2000.0..2000.0f64) {
            let fraction = SignedRational::from_f64(value);
            let back = f64::from(fraction.numerator) / f64::from(fraction.denominator);
            prop_assert!((back - value).abs() <= 0.51e-6);
        }
    }
}
