//! Cuts a frame into payloads, each under a header (USB Video Class 1.1, section 2.4.3.3), and
//! fills the packets of transfers with them. Knows nothing of pictures and of time's passing.

use crate::descriptor::CLOCK_HZ;
use crate::model::PAYLOAD_HEADER_BYTES;
use crate::usbip::PacketResult;
use std::ops::Range;
use std::time::Duration;

/// Bits of a payload's header.
mod bit {
    pub(super) const FRAME_ID: u8 = 1 << 0;
    pub(super) const END_OF_FRAME: u8 = 1 << 1;
    pub(super) const PRESENTATION_TIME: u8 = 1 << 2;
    pub(super) const SOURCE_CLOCK: u8 = 1 << 3;
    pub(super) const ERROR: u8 = 1 << 6;
    pub(super) const END_OF_HEADER: u8 = 1 << 7;
}

/// What a packet's status says that was damaged on the way: `-EILSEQ`.
const DAMAGED: i32 = -84;

/// A frame on its way to the host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    /// What is sent: JPEG or rows of pixels.
    pub(crate) bytes: Vec<u8>,
    /// Which of two successive frames it is.
    pub(crate) frame_id: bool,
    /// When it was taken.
    pub(crate) taken: Duration,
    /// Whether its headers say that it is damaged.
    pub(crate) has_error: bool,
    /// Whether its last header says so.
    pub(crate) has_end: bool,
    /// The packet at this byte is lost on the bus.
    pub(crate) lost_at: Option<usize>,
    /// Whether nothing of it arrives.
    pub(crate) is_lost: bool,
    /// Bytes that were sent.
    pub(crate) sent: usize,
}

impl Outgoing {
    /// Whether all of it was sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.sent >= self.bytes.len()
    }

    /// Fills a transfer's packets as far as the frame goes, and leaves the others empty.
    pub(crate) fn fill(&mut self, now: Duration, places: &[Range<u32>]) -> (Vec<PacketResult>, Vec<u8>) {
        let mut data = Vec::with_capacity(places.last().map_or(0, |place| place.end as usize));
        let results = places.iter().map(|place| {
            let before = data.len();
            let status = self.fill_packet(now, place.end - place.start, &mut data);
            PacketResult { bytes: (data.len() - before) as u32, status }
        });
        (results.collect(), data)
    }

    /// Appends one packet, and returns its status.
    fn fill_packet(&mut self, now: Duration, packet_bytes: u32, data: &mut Vec<u8>) -> i32 {
        let room = packet_bytes.saturating_sub(PAYLOAD_HEADER_BYTES) as usize;
        if self.is_sent() || room == 0 {
            return 0;
        }
        let part = self.sent..self.bytes.len().min(self.sent + room);
        self.sent = part.end;
        if self.is_lost {
            return 0;
        }
        if self.lost_at.is_some_and(|at| part.contains(&at)) {
            return DAMAGED;
        }
        data.extend(self.header(now));
        data.extend_from_slice(&self.bytes[part]);
        0
    }

    fn header(&self, now: Duration) -> [u8; PAYLOAD_HEADER_BYTES as usize] {
        let mut bits = bit::PRESENTATION_TIME | bit::SOURCE_CLOCK | bit::END_OF_HEADER;
        let set = [
            (self.frame_id, bit::FRAME_ID),
            (self.has_error, bit::ERROR),
            (self.has_end && self.is_sent(), bit::END_OF_FRAME),
        ];
        set.into_iter().filter(|(is_set, _)| *is_set).for_each(|(_, bit)| bits |= bit);
        let mut header = [0; PAYLOAD_HEADER_BYTES as usize];
        (header[0], header[1]) = (PAYLOAD_HEADER_BYTES as u8, bits);
        header[2..6].copy_from_slice(&ticks(self.taken).to_le_bytes());
        header[6..10].copy_from_slice(&ticks(now).to_le_bytes());
        header[10..].copy_from_slice(&bus_frame(now).to_le_bytes());
        header
    }
}

/// The camera's clock, which wraps.
fn ticks(time: Duration) -> u32 {
    (time.as_nanos() * u128::from(CLOCK_HZ) / 1_000_000_000) as u32
}

/// The number of the bus's frame, one each millisecond, of 11 bits.
fn bus_frame(time: Duration) -> u16 {
    (time.as_millis() & 0x7ff) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Duration = Duration::from_millis(2500);

    fn frame(bytes: usize) -> Outgoing {
        let bytes = (0..bytes).map(|index| index as u8).collect();
        Outgoing { bytes, has_end: true, ..Outgoing::default() }
    }

    fn places(count: u32, bytes: u32) -> Vec<Range<u32>> {
        (0..count).map(|index| index * bytes..(index + 1) * bytes).collect()
    }

    /// What a host puts together: headers and picture bytes.
    fn received(results: &[PacketResult], data: &[u8]) -> (Vec<[u8; 12]>, Vec<u8>) {
        let (mut rest, mut headers, mut picture) = (data, Vec::new(), Vec::new());
        for result in results {
            let (packet, later) = rest.split_at(result.bytes as usize);
            rest = later;
            if let Some((header, part)) = packet.split_first_chunk::<12>() {
                assert_eq!(header[0], 12);
                headers.push(*header);
                picture.extend_from_slice(part);
            }
        }
        assert!(rest.is_empty());
        (headers, picture)
    }

    #[test]
    fn the_header_has_the_times_and_the_bits() {
        let mut frame = Outgoing { frame_id: true, taken: Duration::from_secs(1), ..frame(5) };
        let (results, data) = frame.fill(NOW, &places(1, 1024));
        assert_eq!(results, [PacketResult { bytes: 17, status: 0 }]);
        let (clock, bus) = (120_000_000u32.to_le_bytes(), 452u16.to_le_bytes());
        let expected = [&[12, 0b1000_1111][..], &48_000_000u32.to_le_bytes(), &clock, &bus].concat();
        assert_eq!(data[..12], expected);
    }

    #[test]
    fn only_the_last_payload_ends_the_frame() {
        let (results, data) = frame(100).fill(NOW, &places(3, 52));
        let (headers, _) = received(&results, &data);
        let ends: Vec<_> = headers.iter().map(|header| header[1] & bit::END_OF_FRAME != 0).collect();
        assert_eq!(ends, [false, false, true]);
        let (_, data) = Outgoing { has_end: false, ..frame(10) }.fill(NOW, &places(1, 52));
        assert_eq!(data[1] & bit::END_OF_FRAME, 0);
    }

    #[test]
    fn an_error_is_in_every_header() {
        let (results, data) = Outgoing { has_error: true, ..frame(100) }.fill(NOW, &places(3, 52));
        let (headers, _) = received(&results, &data);
        assert!(headers.iter().all(|header| header[1] & bit::ERROR != 0));
    }

    #[test]
    fn a_packet_lost_on_the_bus_leaves_a_hole() {
        let (results, data) = Outgoing { lost_at: Some(50), ..frame(100) }.fill(NOW, &places(3, 52));
        let bytes = results.iter().map(|result| (result.bytes, result.status));
        assert_eq!(bytes.collect::<Vec<_>>(), [(52, 0), (0, DAMAGED), (32, 0)]);
        assert_eq!(received(&results, &data).1.len(), 60);
        let (_, nothing) = Outgoing { is_lost: true, ..frame(100) }.fill(NOW, &places(3, 52));
        assert_eq!(nothing, []);
    }

    proptest! {
        #[test]
        fn a_frame_arrives_as_it_was_sent(
            bytes in 1..5000usize,
            packet_bytes in prop_oneof![Just(0u32), Just(12), 13..600u32],
            packets in 1..12u32,
        ) {
            let mut frame = frame(bytes);
            let (sent, mut picture, mut ends) = (frame.bytes.clone(), Vec::new(), 0);
            for _ in 0..bytes {
                let (results, data) = frame.fill(NOW, &places(packets, packet_bytes));
                prop_assert!(results.iter().all(|result| result.bytes <= packet_bytes));
                let (headers, part) = received(&results, &data);
                ends += headers.iter().filter(|header| header[1] & bit::END_OF_FRAME != 0).count();
                picture.extend(part);
            }
            let is_possible = packet_bytes > PAYLOAD_HEADER_BYTES;
            prop_assert_eq!(frame.is_sent(), is_possible);
            prop_assert_eq!((ends, picture), if is_possible { (1, sent) } else { (0, Vec::new()) });
        }
    }
}
