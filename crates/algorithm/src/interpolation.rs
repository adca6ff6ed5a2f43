//! Straight lines between points.

/// Where `x` lies among rising `knots`: the index of the knot below it, and the part of the
/// way to the next one, 0 to 1. Beyond the ends it stays at them. `None` without knots.
pub(crate) fn locate(x: f64, knots: impl ExactSizeIterator<Item = f64> + Clone) -> Option<(usize, f64)> {
    let last = knots.len().checked_sub(1)?;
    let above = knots.clone().position(|knot| knot > x).unwrap_or(last);
    let below = above.saturating_sub(1);
    let mut pair = knots.skip(below);
    let (low, high) = (pair.next()?, pair.next().unwrap_or(x));
    let part = if high > low { ((x - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 };
    Some((below, part))
}

/// The value `part` of the way from `a` to `b`.
pub(crate) fn mix(a: f64, b: f64, part: f64) -> f64 {
    a + (b - a) * part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f64) -> Option<(usize, f64)> {
        locate(x, [1.0, 2.0, 4.0].into_iter())
    }

    #[test]
    fn values_are_located_between_knots() {
        assert_eq!(at(1.5), Some((0, 0.5)));
        assert_eq!(at(3.0), Some((1, 0.5)));
        assert_eq!(at(2.0), Some((1, 0.0)));
    }

    #[test]
    fn beyond_the_ends_the_ends_hold() {
        assert_eq!(at(0.0), Some((0, 0.0)));
        assert_eq!(at(9.0), Some((1, 1.0)));
        assert_eq!(locate(5.0, [1.0].into_iter()), Some((0, 1.0)));
        assert_eq!(locate(0.5, [1.0].into_iter()), Some((0, 0.0)));
        assert_eq!(locate(1.0, std::iter::empty::<f64>().collect::<Vec<_>>().into_iter()), None);
    }
}
