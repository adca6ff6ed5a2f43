//! A list of numbers in the order of their last use, with O(1) moves and no allocation.

const NONE: u16 = u16::MAX;

/// Numbers below a bound, in order of use. A number is in the list at most once.
#[derive(Debug)]
pub struct Lru {
    /// A ring: one link for each number, and a last one that joins the newest to the oldest.
    links: Vec<Link>,
}

/// A number's place in the ring; [`NONE`] on both sides of one that is not listed.
#[derive(Clone, Copy, Debug)]
struct Link {
    next: u16,
    previous: u16,
}

const UNLISTED: Link = Link { next: NONE, previous: NONE };

impl Lru {
    /// An empty list for numbers below `bound`.
    pub fn new(bound: u16) -> Self {
        let mut links = vec![UNLISTED; usize::from(bound)];
        links.push(Link { next: bound, previous: bound });
        Self { links }
    }

    fn joint(&self) -> u16 {
        (self.links.len() - 1) as u16
    }

    /// Appends a number as the one used last.
    #[inline]
    pub fn push(&mut self, number: u16) {
        let joint = self.joint();
        let newest = self.links[usize::from(joint)].previous;
        let link = &mut self.links[usize::from(number)];
        assert!(link.next == NONE, "{number} is in the list already");
        *link = Link { next: joint, previous: newest };
        self.links[usize::from(newest)].next = number;
        self.links[usize::from(joint)].previous = number;
    }

    /// Takes a number out, wherever it is; says whether it was in the list.
    #[inline]
    pub fn remove(&mut self, number: u16) -> bool {
        let Link { next, previous } = std::mem::replace(&mut self.links[usize::from(number)], UNLISTED);
        if next == NONE {
            return false;
        }
        self.links[usize::from(previous)].next = next;
        self.links[usize::from(next)].previous = previous;
        true
    }

    /// Takes out the number that was used longest ago.
    #[inline]
    pub fn pop_oldest(&mut self) -> Option<u16> {
        let joint = self.joint();
        let oldest = self.links[usize::from(joint)].next;
        (oldest != joint && self.remove(oldest)).then_some(oldest)
    }

    /// The numbers in the list, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        let joint = self.joint();
        let after = move |number: &u16| {
            let next = self.links[usize::from(*number)].next;
            (next != joint).then_some(next)
        };
        std::iter::successors(after(&joint), after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_leaves_first_and_use_makes_young() {
        let mut lru = Lru::new(4);
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
