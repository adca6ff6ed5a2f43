//! A few bytes at the start of a buffer that say which frame it holds: pictures for tests that
//! have no time to look at pictures.

/// Bytes of a stamp.
pub const STAMP_BYTES: usize = 36;

const MAGIC: u32 = u32::from_le_bytes(*b"PHst");

/// Which frame a buffer holds, and how it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Number of the camera.
    pub camera: u32,
    /// Number of the frame since the sensor was started.
    pub sequence: u32,
    /// Exposure time in lines.
    pub exposure_lines: u32,
    /// Analogue gain code.
    pub gain_code: u32,
    /// Pixel clocks from line to line.
    pub line_length_pixels: u32,
    /// Lines from the start of this frame to that of the next.
    pub frame_length_lines: u32,
    /// When the frame began.
    pub timestamp_ns: u64,
}

impl Stamp {
    /// The stamp that a buffer begins with, if it does.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(4 * at..4 * at + 4)?.try_into().ok()?));
        if word(0)? != MAGIC {
            return None;
        }
        Some(Self {
            camera: word(1)?,
            sequence: word(2)?,
            exposure_lines: word(3)?,
            gain_code: word(4)?,
            line_length_pixels: word(5)?,
            frame_length_lines: word(6)?,
            timestamp_ns: u64::from(word(7)?) | u64::from(word(8)?) << 32,
        })
    }

    /// The stamp as bytes.
    pub fn to_bytes(&self) -> [u8; STAMP_BYTES] {
        let words = [
            MAGIC,
            self.camera,
            self.sequence,
            self.exposure_lines,
            self.gain_code,
            self.line_length_pixels,
            self.frame_length_lines,
            self.timestamp_ns as u32,
            (self.timestamp_ns >> 32) as u32,
        ];
        let mut bytes = [0; STAMP_BYTES];
        for (chunk, word) in bytes.chunks_exact_mut(4).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_survives_its_bytes() {
        let stamp = Stamp {
            camera: 1,
            sequence: 2,
            exposure_lines: 3,
            gain_code: 4,
            line_length_pixels: 5,
            frame_length_lines: 6,
            timestamp_ns: 0x0123_4567_89ab_cdef,
        };
        assert_eq!(Stamp::from_bytes(&stamp.to_bytes()), Some(stamp));
        assert_eq!(Stamp::from_bytes(&stamp.to_bytes()[..35]), None);
        assert_eq!(Stamp::from_bytes(&[0; 36]), None);
    }
}
