//! A queue in a ring, for what moves in and out with every frame.
//!
//! The standard library's deque does the same; here the number of places is a power of two,
//! so that finding one takes two instructions, and there is no more than the loop needs.

/// A queue. It allocates only when it holds more than ever before.
#[derive(Debug)]
pub struct Ring<T> {
    places: Vec<Option<T>>,
    first: usize,
    count: usize,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self::with_capacity(1)
    }
}

impl<T> Ring<T> {
    /// An empty queue with room for at least that many.
    pub fn with_capacity(capacity: usize) -> Self {
        let places = capacity.next_power_of_two();
        Self { places: (0..places).map(|_| None).collect(), first: 0, count: 0 }
    }

    /// How many it holds.
    #[inline]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it holds none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    #[inline]
    fn place(&self, at: usize) -> usize {
        self.first.wrapping_add(at) & (self.places.len() - 1)
    }

    /// Appends one.
    #[inline(always)]
    pub fn push_back(&mut self, item: T) {
        if self.count == self.places.len() {
            self.grow();
        }
        let place = self.place(self.count);
        self.count += 1;
        fill(&mut self.places[place], item);
    }

    /// Puts one before all others.
    pub fn push_front(&mut self, item: T) {
        if self.count == self.places.len() {
            self.grow();
        }
        self.first = self.first.wrapping_sub(1);
        self.count += 1;
        let place = self.place(0);
        fill(&mut self.places[place], item);
    }

    /// Puts one before the last `behind` others.
    ///
    /// # Panics
    /// There are not as many.
    #[inline(always)]
    pub fn push_before(&mut self, behind: usize, item: T) {
        self.push_back(item);
        for at in (self.count - behind..self.count).rev() {
            let (one, other) = (self.place(at - 1), self.place(at));
            self.places.swap(one, other);
        }
    }

    #[cold]
    fn grow(&mut self) {
        let mut larger = Self::with_capacity(self.places.len() * 2);
        while let Some(item) = self.pop_front() {
            larger.push_back(item);
        }
        *self = larger;
    }

    /// Takes the first one out.
    #[inline(always)]
    pub fn pop_front(&mut self) -> Option<T> {
        if self.count == 0 {
            return None;
        }
        let place = self.place(0);
        self.first = self.first.wrapping_add(1);
        self.count -= 1;
        self.places[place].take()
    }

    /// The first one.
    #[inline]
    pub fn front(&self) -> Option<&T> {
        self.get(0)
    }

    /// The one that has so many before it.
    #[inline(always)]
    pub fn get(&self, at: usize) -> Option<&T> {
        if at < self.count { self.places[self.place(at)].as_ref() } else { None }
    }

    /// The same, to be changed.
    #[inline(always)]
    pub fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        let place = self.place(at);
        if at < self.count { self.places[place].as_mut() } else { None }
    }

    /// All, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        (0..self.count).filter_map(|at| self.get(at))
    }

    /// Keeps those of which this is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        for _ in 0..self.count {
            if let Some(item) = self.pop_front()
                && keep(&item)
            {
                self.push_back(item);
            }
        }
    }
}

/// Puts an item into an empty place, without looking for one that would have to be dropped.
#[inline(always)]
fn fill<T>(place: &mut Option<T>, item: T) {
    std::mem::forget(place.replace(item));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        PushBack(u8),
        PushFront(u8),
        PushBefore(usize, u8),
        Pop,
        Retain(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            any::<u8>().prop_map(Step::PushBack),
            any::<u8>().prop_map(Step::PushFront),
            (any::<usize>(), any::<u8>()).prop_map(|(behind, item)| Step::PushBefore(behind, item)),
            Just(Step::Pop),
            Just(Step::Pop),
            (1u8..5).prop_map(Step::Retain),
        ]
    }

    fn carry_out(step: Step, ring: &mut Ring<u8>, deque: &mut VecDeque<u8>) {
        match step {
            Step::PushBack(item) => (ring.push_back(item), deque.push_back(item)).1,
            Step::PushFront(item) => (ring.push_front(item), deque.push_front(item)).1,
            Step::PushBefore(behind, item) => {
                let behind = behind % (deque.len() + 1);
                ring.push_before(behind, item);
                deque.insert(deque.len() - behind, item);
            }
            Step::Pop => assert_eq!(ring.pop_front(), deque.pop_front()),
            Step::Retain(divisor) => {
                ring.retain(|item| item % divisor == 0);
                deque.retain(|item| item % divisor == 0);
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_a_deque(steps in prop::collection::vec(step(), 0..200), capacity in 0usize..9) {
            let (mut ring, mut deque) = (Ring::with_capacity(capacity), VecDeque::new());
            for step in steps {
                carry_out(step, &mut ring, &mut deque);
                prop_assert!(ring.iter().eq(deque.iter()));
                prop_assert!(ring.iter().rev().eq(deque.iter().rev()));
                prop_assert_eq!(ring.len(), deque.len());
                prop_assert_eq!(ring.is_empty(), deque.is_empty());
                prop_assert_eq!(ring.front(), deque.front());
                prop_assert_eq!(ring.get_mut(2), deque.get_mut(2));
            }
        }
    }
}
