//! What the camera can do, as data: formats, sizes, frame intervals, bandwidths. Knows nothing of
//! how it is told to the host, or of pictures.

/// How pictures are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Y'CbCr 4:2:2, uncompressed.
    Yuyv,
    /// A JPEG for each picture.
    Mjpeg,
}

/// A format with its sizes.
pub(crate) struct Format {
    pub(crate) coding: Coding,
    /// The first is the default.
    pub(crate) sizes: &'static [FrameSize],
}

/// A size with the frame intervals that it can have.
pub(crate) struct FrameSize {
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// Shortest first, in units of 100 ns. The first is the default.
    pub(crate) intervals_100ns: &'static [u32],
}

/// 30, 15 and 10 frames a second.
const USUAL: &[u32] = &[333_333, 666_666, 1_000_000];

/// Numbered from one towards the host, formats and sizes alike.
pub(crate) const FORMATS: &[Format] = &[
    Format {
        coding: Coding::Yuyv,
        sizes: &[
            FrameSize { width: 640, height: 480, intervals_100ns: USUAL },
            FrameSize { width: 320, height: 240, intervals_100ns: USUAL },
            FrameSize { width: 1280, height: 720, intervals_100ns: &[1_000_000, 2_000_000] },
        ],
    },
    Format {
        coding: Coding::Mjpeg,
        sizes: &[
            FrameSize { width: 640, height: 480, intervals_100ns: USUAL },
            FrameSize { width: 320, height: 240, intervals_100ns: USUAL },
            FrameSize { width: 1280, height: 720, intervals_100ns: USUAL },
        ],
    },
];

/// Packets a second on a high-speed bus: one in each microframe.
pub(crate) const PACKETS_A_SECOND: u32 = 8000;

/// Bytes in a transaction of an isochronous high-speed endpoint.
const TRANSACTION_BYTES: u32 = 1024;

/// The bandwidths that the stream can have, in bytes a packet, by its alternate setting: one, two
/// or three transactions. Setting 0 has none.
pub(crate) const PACKET_BYTES: [u32; 4] =
    [0, TRANSACTION_BYTES, 2 * TRANSACTION_BYTES, 3 * TRANSACTION_BYTES];

/// Bytes before the picture's in each packet.
pub(crate) const PAYLOAD_HEADER_BYTES: u32 = 12;

/// A way to stream, out of those above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    /// Index into [`FORMATS`].
    pub(crate) format: usize,
    /// Index into the format's sizes.
    pub(crate) size: usize,
    pub(crate) interval_100ns: u32,
}

impl Mode {
    /// The one nearest to a wish, whose numbers count from one.
    pub(crate) fn nearest(format: u8, size: u8, interval_100ns: u32) -> Self {
        let index = |number: u8, count: usize| usize::from(number).saturating_sub(1).min(count - 1);
        let format = index(format, FORMATS.len());
        let size = index(size, FORMATS[format].sizes.len());
        let offered = FORMATS[format].sizes[size].intervals_100ns;
        let nearest = offered.iter().min_by_key(|offer| offer.abs_diff(interval_100ns));
        let interval_100ns = match interval_100ns {
            0 => offered[0],
            _ => *nearest.expect("every size has an interval"),
        };
        Self { format, size, interval_100ns }
    }

    pub(crate) fn coding(self) -> Coding {
        FORMATS[self.format].coding
    }

    pub(crate) fn frame_size(self) -> &'static FrameSize {
        &FORMATS[self.format].sizes[self.size]
    }

    /// The smallest packets that carry the stream, of those that there are.
    pub(crate) fn packet_bytes(self) -> u32 {
        let bytes_a_second =
            u64::from(self.frame_size().bytes_max()) * 10_000_000 / u64::from(self.interval_100ns);
        let bytes_a_second = match self.coding() {
            Coding::Yuyv => bytes_a_second,
            // Test patterns compress to a tenth; this leaves room for pictures of noise.
            Coding::Mjpeg => bytes_a_second / 3,
        };
        let needed = bytes_a_second.div_ceil(PACKETS_A_SECOND.into()) + u64::from(PAYLOAD_HEADER_BYTES);
        let largest = PACKET_BYTES[PACKET_BYTES.len() - 1];
        PACKET_BYTES.into_iter().find(|&offer| u64::from(offer) >= needed).unwrap_or(largest)
    }
}

impl FrameSize {
    /// Bytes of an uncompressed picture; a compressed one is never larger.
    pub(crate) fn bytes_max(&self) -> u32 {
        u32::from(self.width) * u32::from(self.height) * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bus_can_carry_every_uncompressed_mode_as_fast_as_offered() {
        for size in FORMATS[0].sizes {
            let bytes_a_second =
                u64::from(size.bytes_max()) * 10_000_000 / u64::from(size.intervals_100ns[0]);
            let room = u64::from(PACKET_BYTES[3] - PAYLOAD_HEADER_BYTES) * u64::from(PACKETS_A_SECOND);
            assert!(bytes_a_second <= room, "{}x{}", size.width, size.height);
        }
    }

    #[test]
    fn slower_modes_take_less_of_the_bus() {
        let packet_bytes = |interval| Mode::nearest(1, 1, interval).packet_bytes();
        assert_eq!([333_333, 666_666, 1_000_000].map(packet_bytes), [3072, 2048, 1024]);
    }

    proptest! {
        #[test]
        fn any_wish_leads_to_an_offer(format: u8, size: u8, interval: u32) {
            let mode = Mode::nearest(format, size, interval);
            prop_assert!(mode.frame_size().intervals_100ns.contains(&mode.interval_100ns));
            prop_assert!(mode.packet_bytes() > 0);
        }

        #[test]
        fn an_offer_leads_to_itself(format in 0..2usize, size in 0..3usize, interval in 0..2usize) {
            let interval = FORMATS[format].sizes[size].intervals_100ns[interval];
            let mode = Mode::nearest(format as u8 + 1, size as u8 + 1, interval);
            prop_assert_eq!(mode, Mode { format, size, interval_100ns: interval });
        }
    }
}
