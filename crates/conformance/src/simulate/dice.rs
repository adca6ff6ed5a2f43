//! The only source of chance of a simulated world, so that a seed gives the same world again.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Other dice, which do not disturb these.
    pub(super) const fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// A number from 0 to below `bound`, which is not 0.
    pub(super) const fn below(&mut self, bound: u64) -> u64 {
        // The bias of the remainder is far below what a simulation could notice.
        self.next() % bound
    }

    /// A number from `least` to `most`.
    pub(super) const fn range(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// True once in so many times.
    pub(super) const fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// From 0 to 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// One of several, of which there is at least one.
    pub(super) fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize].clone()
    }

    /// The place of a weight, as often as it weighs.
    pub(super) fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        let mut left = self.below(total.max(1));
        for (at, weight) in weights.iter().enumerate() {
            match left.checked_sub(u64::from(*weight)) {
                Some(less) => left = less,
                None => return at,
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_fall_alike_and_forks_do_not_disturb() {
        let (mut one, mut other) = (Dice::new(5), Dice::new(5));
        let mut fork = one.fork();
        other.fork();
        fork.next();
        assert_eq!(one.next(), other.next());
        assert_ne!(Dice::new(6).next(), Dice::new(5).next());
    }

    #[test]
    fn weights_of_nothing_are_never_chosen() {
        let mut dice = Dice::new(1);
        let places: Vec<_> = (0..1000).map(|_| dice.weighted(&[0, 3, 0, 1])).collect();
        assert!(places.iter().all(|place| [1, 3].contains(place)));
        assert!(places.iter().filter(|place| **place == 1).count() > 600);
    }
}
