//! Numbers in memory where vectors of any back-end read and write them quickest.

use std::fmt::{self, Debug};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::LINE_BYTES;

/// A line, which is also as long as the widest vector: one that begins elsewhere needs two fetches.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE_BYTES]);

/// Types that are any bits of theirs.
///
/// # Safety
/// There is no padding, no bits that mean nothing, and an alignment of 64 bytes at most.
pub unsafe trait Plain: Copy + Debug {}

// SAFETY: numbers are.
unsafe impl Plain for u8 {}
// SAFETY: numbers are.
unsafe impl Plain for u16 {}
// SAFETY: numbers are.
unsafe impl Plain for i32 {}
// SAFETY: numbers are.
unsafe impl Plain for f32 {}

/// A fixed number of numbers, of which the first begins a line of the cache.
#[derive(Clone)]
pub struct Aligned<T> {
    lines: Vec<Line>,
    length: usize,
    of: PhantomData<T>,
}

impl<T: Plain> Aligned<T> {
    /// So many zeros.
    pub fn zeros(length: usize) -> Self {
        let lines = (length * size_of::<T>()).div_ceil(LINE_BYTES);
        Self { lines: vec![Line([0; LINE_BYTES]); lines], length, of: PhantomData }
    }
}

impl<T: Plain> Deref for Aligned<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: the lines hold so many numbers or more, and any bits are a number.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl<T: Plain> DerefMut for Aligned<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: the lines hold so many numbers or more, and any bits are a number or bytes.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

impl<T: Plain> Debug for Aligned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&**self, f)
    }
}

impl<'a, T: Plain> IntoIterator for &'a Aligned<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T: Plain> IntoIterator for &'a mut Aligned<T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if a copy begins elsewhere, or holds less or something else.
    #[test]
    fn every_copy_begins_a_line_and_holds_what_was_written() {
        for length in [0, 1, 31, 32, 33] {
            let mut numbers = Aligned::<u16>::zeros(length);
            assert!(numbers.iter().all(|number| *number == 0));
            for (number, i) in numbers.iter_mut().zip(1..) {
                *number = i;
            }
            let copy = numbers.clone();
            assert_eq!(copy.as_ptr().align_offset(LINE_BYTES), 0);
            assert!(copy.iter().copied().eq(1..=length as u16), "{length}: {copy:?}");
        }
    }
}
