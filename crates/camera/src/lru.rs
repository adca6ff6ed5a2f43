//! A list of numbers in the order of their last use, with O(1) moves and no allocation.

const NONE: u16 = u16::MAX;

/// Numbers below `PLACES` − 1, in order of use. A number is in the list at most once.
///
/// The number of places is a power of two and known when this is compiled, so that a mask stands
/// in for the check of an index.
#[derive(Debug)]
pub struct Lru<const PLACES: usize> {
    /// A ring: one link for each number, and a last one that joins the newest to the oldest.
    links: [Link; PLACES],
}

/// A number's place in the ring; [`NONE`] on both sides of one that is not listed.
#[derive(Clone, Copy, Debug)]
struct Link {
    next: u16,
    previous: u16,
}

const UNLISTED: Link = Link { next: NONE, previous: NONE };

impl<const PLACES: usize> Default for Lru<PLACES> {
    fn default() -> Self {
        const { assert!(PLACES.is_power_of_two() && PLACES < NONE as usize) };
        let mut links = [UNLISTED; PLACES];
        links[PLACES - 1] = Link { next: Self::JOINT, previous: Self::JOINT };
        Self { links }
    }
}

impl<const PLACES: usize> Lru<PLACES> {
    /// Numbers must be less than this.
    pub const JOINT: u16 = (PLACES - 1) as u16;

    #[inline(always)]
    fn link(&mut self, number: u16) -> &mut Link {
        &mut self.links[usize::from(number) & (PLACES - 1)]
    }

    /// Appends a number as the one used last.
    #[inline(always)]
    pub fn push(&mut self, number: u16) {
        let newest = self.link(Self::JOINT).previous;
        let link = self.link(number);
        assert!(link.next == NONE, "a number is in the list already");
        *link = Link { next: Self::JOINT, previous: newest };
        self.link(newest).next = number;
        self.link(Self::JOINT).previous = number;
    }

    /// Takes a number out, wherever it is; says whether it was in the list.
    #[inline(always)]
    pub fn remove(&mut self, number: u16) -> bool {
        let Link { next, previous } = std::mem::replace(self.link(number), UNLISTED);
        if next == NONE {
            return false;
        }
        self.link(previous).next = next;
        self.link(next).previous = previous;
        true
    }

    /// Takes out the number that was used longest ago.
    #[inline]
    pub fn pop_oldest(&mut self) -> Option<u16> {
        let oldest = self.link(Self::JOINT).next;
        (oldest != Self::JOINT && self.remove(oldest)).then_some(oldest)
    }

    /// The numbers in the list, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        let after = |number: &u16| {
            let next = self.links[usize::from(*number)].next;
            (next != Self::JOINT).then_some(next)
        };
        std::iter::successors(after(&Self::JOINT), after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_list_in_order_of_use(steps in prop::collection::vec((0u8..3, 0u16..6), 0..200)) {
            let (mut lru, mut list) = (Lru::<8>::default(), Vec::new());
            for (step, number) in steps {
                let at = list.iter().position(|listed| *listed == number);
                match (step, at) {
                    (0, None) => {
                        lru.push(number);
                        list.push(number);
                    }
                    (1, _) => {
                        prop_assert_eq!(lru.remove(number), at.is_some());
                        at.map(|at| list.remove(at));
                    }
                    (2, _) => {
                        let oldest = (!list.is_empty()).then(|| list.remove(0));
                        prop_assert_eq!(lru.pop_oldest(), oldest);
                    }
                    _ => {}
                }
                prop_assert!(lru.iter().eq(list.iter().copied()));
            }
        }
    }

    #[test]
    fn the_oldest_leaves_first_and_use_makes_young() {
        let mut lru = Lru::<8>::default();
        (0..4).for_each(|n| lru.push(n));
        assert!(lru.remove(0));
        assert!(!lru.remove(0));
        lru.push(0);
        assert!(lru.remove(2));
        assert_eq!(
            [lru.pop_oldest(), lru.pop_oldest(), lru.pop_oldest(), lru.pop_oldest()],
            [Some(1), Some(3), Some(0), None]
        );
    }
}
