//! Digital negatives: the samples as the sensor wrote them, with what is needed to develop
//! them (Adobe DNG specification, version 1.4). Knows nothing of developing.

mod gain_map;
mod read;
mod samples;
mod write;

pub use gain_map::GainMap;
pub use read::{DngImage, read};
pub use write::{DngMetadata, write};

use pinhole_base::format::BayerColour;

/// How samples are stored. None loses anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// As bytes or 16-bit words, ready to be mapped.
    #[default]
    Unpacked,
    /// One after another, only the bits that they have.
    Packed,
    /// As lossless JPEG: about half the size of packed ones, but it takes time.
    Lossless,
}

/// The plane of a colour in CFA patterns (0 red, 1 green, 2 blue).
const fn cfa_plane(colour: BayerColour) -> u8 {
    match colour {
        BayerColour::Red => 0,
        BayerColour::GreenRed | BayerColour::GreenBlue => 1,
        BayerColour::Blue => 2,
    }
}

/// Where a colour's black level lies among red, green in red rows, green in blue rows, blue.
const fn black_level_index(colour: BayerColour) -> usize {
    match colour {
        BayerColour::Red => 0,
        BayerColour::GreenRed => 1,
        BayerColour::GreenBlue => 2,
        BayerColour::Blue => 3,
    }
}

/// The positions of a 2×2 cell in reading order, as (column, row).
const CELL: [(usize, usize); 4] = [(0, 0), (1, 0), (0, 1), (1, 1)];

#[cfg(test)]
mod tests;
