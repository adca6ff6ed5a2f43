//! A list of numbers in the order of their last use, with O(1) moves and no allocation.

const NONE: u16 = u16::MAX;

/// Numbers below a bound, in order of use. A number is in the list at most once.
#[derive(Debug)]
pub struct Lru {
    next: Vec<u16>,
    previous: Vec<u16>,
    listed: Vec<bool>,
    oldest: u16,
    newest: u16,
}

impl Lru {
    /// An empty list for numbers below `bound`.
    pub fn new(bound: u16) -> Self {
        let n = usize::from(bound);
        Self {
            next: vec![NONE; n],
            previous: vec![NONE; n],
            listed: vec![false; n],
            oldest: NONE,
            newest: NONE,
        }
    }

    /// Appends a number as the one used last.
    pub fn push(&mut self, number: u16) {
        let at = usize::from(number);
        assert!(!self.listed[at], "{number} is in the list already");
        self.listed[at] = true;
        self.previous[at] = self.newest;
        self.next[at] = NONE;
        match self.newest {
            NONE => self.oldest = number,
            newest => self.next[usize::from(newest)] = number,
        }
        self.newest = number;
    }

    /// Takes a number out, wherever it is; says whether it was in the list.
    pub fn remove(&mut self, number: u16) -> bool {
        let at = usize::from(number);
        if !std::mem::take(&mut self.listed[at]) {
            return false;
        }
        let (previous, next) = (self.previous[at], self.next[at]);
        match previous {
            NONE => self.oldest = next,
            p => self.next[usize::from(p)] = next,
        }
        match next {
            NONE => self.newest = previous,
            n => self.previous[usize::from(n)] = previous,
        }
        true
    }

    /// Takes out the number that was used longest ago.
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
