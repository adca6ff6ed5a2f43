//! A list of numbers in the order of their last use, with O(1) moves and no allocation.

const NONE: u16 = u16::MAX;

/// Numbers below a bound, in order of use. A number is in the list at most once.
#[derive(Debug)]
pub struct Lru {
    links: Vec<Link>,
    oldest: u16,
    newest: u16,
}

/// A number's place in the list.
#[derive(Clone, Copy, Debug)]
struct Link {
    next: u16,
    previous: u16,
    listed: bool,
}

impl Lru {
    /// An empty list for numbers below `bound`.
    pub fn new(bound: u16) -> Self {
        let unlisted = Link { next: NONE, previous: NONE, listed: false };
        Self { links: vec![unlisted; usize::from(bound)], oldest: NONE, newest: NONE }
    }

    /// Appends a number as the one used last.
    #[inline]
    pub fn push(&mut self, number: u16) {
        let link = &mut self.links[usize::from(number)];
        assert!(!link.listed, "{number} is in the list already");
        *link = Link { next: NONE, previous: self.newest, listed: true };
        match self.newest {
            NONE => self.oldest = number,
            newest => self.links[usize::from(newest)].next = number,
        }
        self.newest = number;
    }

    /// Takes a number out, wherever it is; says whether it was in the list.
    #[inline]
    pub fn remove(&mut self, number: u16) -> bool {
        let link = &mut self.links[usize::from(number)];
        if !std::mem::take(&mut link.listed) {
            return false;
        }
        let Link { next, previous, .. } = *link;
        match previous {
            NONE => self.oldest = next,
            previous => self.links[usize::from(previous)].next = next,
        }
        match next {
            NONE => self.newest = previous,
            next => self.links[usize::from(next)].previous = previous,
        }
        true
    }

    /// Takes out the number that was used longest ago.
    #[inline]
    pub fn pop_oldest(&mut self) -> Option<u16> {
        let oldest = self.oldest;
        self.remove_some(oldest)
    }

    fn remove_some(&mut self, number: u16) -> Option<u16> {
        (number != NONE && self.remove(number)).then_some(number)
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
