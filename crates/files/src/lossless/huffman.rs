//! Huffman codes of the sizes of differences: made from how often each comes (T.81, K.2), and
//! looked up bit by bit or whole. Knows nothing of samples.

/// Sizes of differences: 0 to 16 bits.
pub(super) const SYMBOLS: usize = 17;
/// The longest code.
pub(super) const LENGTH_MAX: usize = 16;

/// A code: how many codes there are of each length from 1, and their symbols in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lengths {
    pub(super) codes_of_length: [u8; LENGTH_MAX],
    pub(super) symbols: Vec<u8>,
}

impl Lengths {
    /// The shortest code for symbols that come so often, none of it all ones.
    pub(super) fn for_counts(counts: &[u32; SYMBOLS]) -> Self {
        // One symbol more, the rarest, takes the code of all ones and is left out at the end.
        let mut weights: Vec<(u64, Vec<usize>)> = vec![(0, vec![SYMBOLS])];
        let used = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        weights.extend(used.map(|(symbol, &count)| (u64::from(count), vec![symbol])));
        let mut lengths = [0usize; SYMBOLS + 1];
        while weights.len() > 1 {
            weights.sort_by_key(|(weight, symbols)| (std::cmp::Reverse(*weight), symbols[0]));
            let (rare, rarer) = (weights.pop(), weights.pop());
            let (mut weight, mut symbols) = rare.expect("there are two");
            let (more, others) = rarer.expect("there are two");
            weight += more;
            symbols.extend(others);
            symbols.iter().for_each(|&symbol| lengths[symbol] += 1);
            weights.push((weight, symbols));
        }
        Self::from_lengths(&lengths)
    }

    fn from_lengths(lengths: &[usize; SYMBOLS + 1]) -> Self {
        let mut count = [0usize; SYMBOLS + 2];
        lengths.iter().filter(|&&length| length > 0).for_each(|&length| count[length] += 1);
        shorten(&mut count);
        // The longest code is that of the symbol which is none.
        let longest = count.iter().rposition(|&count| count > 0).expect("there is a symbol that is none");
        count[longest] -= 1;
        let mut symbols: Vec<usize> = (0..SYMBOLS).filter(|&symbol| lengths[symbol] > 0).collect();
        symbols.sort_by_key(|&symbol| (lengths[symbol], symbol));
        Self {
            codes_of_length: std::array::from_fn(|at| count[at + 1] as u8),
            symbols: symbols.into_iter().map(|symbol| symbol as u8).collect(),
        }
    }

    /// The code and its length of each symbol; length 0 for those that have none.
    pub(super) fn codes(&self) -> [(u32, u32); SYMBOLS] {
        let (mut codes, mut code, mut symbols) = ([(0, 0); SYMBOLS], 0, self.symbols.iter());
        for (length, &count) in (1..).zip(&self.codes_of_length) {
            for &symbol in symbols.by_ref().take(usize::from(count)) {
                codes[usize::from(symbol)] = (code, length);
                code += 1;
            }
            code <<= 1;
        }
        codes
    }

    /// The symbol that 16 bits begin with, and its length, for each such 16 bits; length 0
    /// where no code begins them. `None` if the lengths make no code.
    pub(super) fn look_up(&self) -> Option<Vec<(u8, u8)>> {
        let mut table = Vec::with_capacity(1 << LENGTH_MAX);
        let mut symbols = self.symbols.iter();
        for (length, &count) in (1u8..).zip(&self.codes_of_length) {
            for &symbol in symbols.by_ref().take(usize::from(count)) {
                let places = table.len() + (1 << (LENGTH_MAX - usize::from(length)));
                if places > 1 << LENGTH_MAX {
                    return None;
                }
                table.resize(places, (symbol, length));
            }
        }
        table.resize(1 << LENGTH_MAX, (0, 0));
        Some(table)
    }
}

/// Moves codes longer than the longest allowed to where there is room (T.81, figure K.3).
fn shorten(count: &mut [usize; SYMBOLS + 2]) {
    for length in (LENGTH_MAX + 1..count.len()).rev() {
        while count[length] > 0 {
            let shorter = (1..length - 1).rev().find(|&shorter| count[shorter] > 0);
            let shorter = shorter.expect("codes cannot all be too long");
            count[length] -= 2;
            count[length - 1] += 1;
            count[shorter + 1] += 2;
            count[shorter] -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_symbols_have_short_codes() {
        let mut counts = [0; SYMBOLS];
        (counts[3], counts[4], counts[5]) = (100, 10, 1);
        let lengths = Lengths::for_counts(&counts);
        assert_eq!(lengths.symbols, [3, 4, 5]);
        let codes = lengths.codes();
        assert_eq!([codes[3], codes[4], codes[5]], [(0, 1), (0b10, 2), (0b110, 3)]);
    }

    #[test]
    fn no_code_is_too_long_or_all_ones() {
        // Weights as Fibonacci's numbers make the longest codes.
        let (mut counts, mut last) = ([0; SYMBOLS], (1, 1));
        for count in &mut counts {
            *count = last.0;
            last = (last.1, last.0 + last.1);
        }
        let lengths = Lengths::for_counts(&counts);
        assert_eq!(lengths.symbols.len(), SYMBOLS);
        assert!(
            lengths
                .codes()
                .iter()
                .all(|&(code, length)| (1..=16).contains(&length) && code + 1 < 1 << length)
        );
        let table = lengths.look_up().unwrap();
        for (symbol, (code, length)) in lengths.codes().into_iter().enumerate() {
            assert_eq!(table[(code as usize) << (16 - length)], (symbol as u8, length as u8));
        }
    }

    #[test]
    fn lengths_that_make_no_code_are_refused() {
        let mut codes_of_length = [0; LENGTH_MAX];
        codes_of_length[0] = 3;
        assert_eq!(Lengths { codes_of_length, symbols: vec![0, 1, 2] }.look_up(), None);
    }
}
