//! The bytes of USB/IP as the kernel's virtual host controller speaks it (Linux,
//! Documentation/usb/usbip_protocol.rst): transfers that it asks for, and our answers. Knows
//! nothing of sockets, of the device, or of what the transfers carry.

use pinhole_base::{Error, ErrorKind, Result};
use std::ops::Range;

const HEADER_BYTES: usize = 48;
const PACKET_BYTES: usize = 16;

/// More packets in one transfer than any host controller takes.
const PACKETS_MAX: u32 = 1024;

/// More bytes in one transfer than any driver here asks for.
const TRANSFER_BYTES_MAX: u32 = 4 << 20;

/// What stands for the number of packets of a transfer that is not isochronous; older hosts say 0.
const NOT_ISOCHRONOUS: u32 = u32::MAX;

const SUBMIT: u32 = 1;
const UNLINK: u32 = 2;
const SUBMIT_ANSWER: u32 = 3;
const UNLINK_ANSWER: u32 = 4;

/// What the host asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// A transfer.
    Submit(Transfer),
    /// Giving back a transfer that was not answered yet.
    Unlink {
        /// Number of this request.
        sequence: u32,
        /// Number of the transfer.
        transfer: u32,
    },
}

/// A transfer that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transfer {
    /// Number of the request.
    pub(crate) sequence: u32,
    /// Endpoint, without its direction.
    pub(crate) endpoint: u32,
    /// Whether the device sends.
    pub(crate) is_in: bool,
    /// Bytes that the host sends, or has room for.
    pub(crate) length: u32,
    /// The setup packet of a control transfer.
    pub(crate) setup: [u8; 8],
    /// What the host sends.
    pub(crate) data: Vec<u8>,
    /// The packets of an isochronous transfer: their places in the host's buffer.
    pub(crate) packets: Vec<Range<u32>>,
    /// The number of packets as the host has put it.
    packets_field: u32,
}

/// How a packet of an isochronous transfer went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PacketResult {
    /// Bytes that came.
    pub(crate) bytes: u32,
    /// Zero, or a negative errno.
    pub(crate) status: i32,
}

/// Cuts a stream of bytes into requests.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    bytes: Vec<u8>,
}

impl Reader {
    /// Takes what has come.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next request that is here as a whole.
    ///
    /// # Errors
    /// `Malformed` for what is no request; the stream cannot be read on then.
    pub(crate) fn next(&mut self) -> Result<Option<Request>> {
        let Some((request, bytes)) = parse(&self.bytes)? else { return Ok(None) };
        self.bytes.drain(..bytes);
        Ok(Some(request))
    }
}

/// The first request, and its length in bytes.
fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    match word(header, 0) {
        SUBMIT => parse_submit(header, bytes),
        UNLINK => {
            let request = Request::Unlink { sequence: word(header, 1), transfer: word(header, 5) };
            Ok(Some((request, HEADER_BYTES)))
        }
        other => Err(malformed(format!("there is no command {other}"))),
    }
}

fn parse_submit(header: &[u8; HEADER_BYTES], bytes: &[u8]) -> Result<Option<(Request, usize)>> {
    let (is_in, length) = (word(header, 3) != 0, word(header, 6));
    let packets_field = word(header, 8);
    let count = if packets_field == NOT_ISOCHRONOUS { 0 } else { packets_field };
    if length > TRANSFER_BYTES_MAX || count > PACKETS_MAX {
        return Err(malformed(format!("a transfer of {length} bytes in {count} packets")));
    }
    let data_end = HEADER_BYTES + if is_in { 0 } else { length as usize };
    let end = data_end + count as usize * PACKET_BYTES;
    if bytes.len() < end {
        return Ok(None);
    }
    let packets = bytes[data_end..end].chunks_exact(PACKET_BYTES);
    let packets = packets.map(|packet| parse_packet(packet, length)).collect::<Result<_>>()?;
    let mut setup = [0; 8];
    setup.copy_from_slice(&header[40..]);
    let transfer = Transfer {
        sequence: word(header, 1),
        endpoint: word(header, 4),
        is_in,
        length,
        setup,
        data: bytes[HEADER_BYTES..data_end].to_vec(),
        packets,
        packets_field,
    };
    Ok(Some((Request::Submit(transfer), end)))
}

fn parse_packet(packet: &[u8], buffer_bytes: u32) -> Result<Range<u32>> {
    let (start, length) = (word(packet, 0), word(packet, 1));
    match start.checked_add(length) {
        Some(end) if end <= buffer_bytes => Ok(start..end),
        _ => Err(malformed(format!("a packet of {length} bytes at {start}, in a buffer of {buffer_bytes}"))),
    }
}

/// A 32-bit number by its place, counted in such numbers.
fn word(bytes: &[u8], index: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[4 * index..4 * index + 4]);
    u32::from_be_bytes(word)
}

fn malformed(reason: String) -> Error {
    Error::new(ErrorKind::Malformed, "reading a USB/IP request").because(reason)
}

/// Appends the answer to a transfer that is not isochronous: data for one that reads, the whole
/// length for one that wrote.
pub(crate) fn answer(out: &mut Vec<u8>, transfer: &Transfer, data: &[u8]) {
    let room = data.len().min(transfer.length as usize);
    let bytes = if transfer.is_in { room as u32 } else { transfer.length };
    put(out, &[SUBMIT_ANSWER, transfer.sequence, 0, 0, 0, 0, bytes, 0, transfer.packets_field, 0, 0, 0]);
    if transfer.is_in {
        out.extend_from_slice(&data[..room]);
    }
}

/// Appends the answer to a transfer that failed, with a negative errno.
pub(crate) fn answer_failure(out: &mut Vec<u8>, transfer: &Transfer, status: i32) {
    let Transfer { sequence, packets_field, .. } = *transfer;
    put(out, &[SUBMIT_ANSWER, sequence, 0, 0, 0, status.cast_unsigned(), 0, 0, packets_field, 0, 0, 0]);
}

/// Appends the answer to an isochronous transfer: how each packet went, and the bytes of all of
/// them without gaps.
pub(crate) fn answer_packets(out: &mut Vec<u8>, transfer: &Transfer, results: &[PacketResult], data: &[u8]) {
    let failed = results.iter().filter(|result| result.status != 0).count() as u32;
    let (sequence, count) = (transfer.sequence, transfer.packets.len() as u32);
    put(out, &[SUBMIT_ANSWER, sequence, 0, 0, 0, 0, data.len() as u32, 0, count, failed, 0, 0]);
    out.extend_from_slice(data);
    for (place, result) in transfer.packets.iter().zip(results) {
        let length = place.end - place.start;
        put(out, &[place.start, length, result.bytes, result.status.cast_unsigned()]);
    }
}

/// Appends the answer to a wish to give a transfer back, with the status that the transfer has
/// now: zero if it had been answered before.
pub(crate) fn answer_unlink(out: &mut Vec<u8>, sequence: u32, status: i32) {
    put(out, &[UNLINK_ANSWER, sequence, 0, 0, 0, status.cast_unsigned(), 0, 0, 0, 0, 0, 0]);
}

fn put(out: &mut Vec<u8>, words: &[u32]) {
    out.extend(words.iter().flat_map(|word| word.to_be_bytes()));
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bytes of a transfer, as the host sends them.
    pub(crate) fn submitted(transfer: &Transfer) -> Vec<u8> {
        let Transfer { sequence, endpoint, length, packets_field, .. } = *transfer;
        let mut bytes = Vec::new();
        let is_in = u32::from(transfer.is_in);
        put(&mut bytes, &[SUBMIT, sequence, 0x10002, is_in, endpoint, 0, length, 0, packets_field, 0]);
        bytes.extend(transfer.setup);
        bytes.extend(&transfer.data);
        for packet in &transfer.packets {
            put(&mut bytes, &[packet.start, packet.end - packet.start, 0, 0]);
        }
        bytes
    }

    /// A control transfer.
    pub(crate) fn control(sequence: u32, setup: [u8; 8], data: &[u8]) -> Transfer {
        Transfer {
            sequence,
            endpoint: 0,
            is_in: setup[0] & 0x80 != 0,
            length: u32::from(u16::from_le_bytes([setup[6], setup[7]])),
            setup,
            data: data.to_vec(),
            packets: Vec::new(),
            packets_field: NOT_ISOCHRONOUS,
        }
    }

    /// An isochronous transfer with packets of a size, one after another.
    pub(crate) fn isochronous(sequence: u32, packets: u32, packet_bytes: u32) -> Transfer {
        Transfer {
            sequence,
            endpoint: 1,
            is_in: true,
            length: packets * packet_bytes,
            setup: [0; 8],
            data: Vec::new(),
            packets: (0..packets).map(|index| index * packet_bytes..(index + 1) * packet_bytes).collect(),
            packets_field: packets,
        }
    }

    fn requests(bytes: &[u8]) -> Vec<Request> {
        let mut reader = Reader::default();
        reader.push(bytes);
        std::iter::from_fn(|| reader.next().expect("they are well formed")).collect()
    }

    #[test]
    fn transfers_of_every_kind_are_read_as_they_were_sent() {
        let write = control(7, [0x21, 1, 0, 1, 1, 0, 3, 0], &[1, 2, 3]);
        let read = control(8, [0x80, 6, 0, 1, 0, 0, 18, 0], &[]);
        let stream = isochronous(9, 3, 1024);
        let mut bytes = [submitted(&write), submitted(&read), submitted(&stream)].concat();
        put(&mut bytes, &[UNLINK, 10, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0]);
        let unlink = Request::Unlink { sequence: 10, transfer: 9 };
        let expected = [Request::Submit(write), Request::Submit(read), Request::Submit(stream), unlink];
        assert_eq!(requests(&bytes), expected);
    }

    #[test]
    fn packets_outside_the_buffer_and_immense_transfers_are_refused() {
        let parsed = |transfer: &Transfer| parse(&submitted(transfer)).expect_err("it makes no sense").kind();
        let mut outside = isochronous(1, 2, 100);
        outside.packets[1] = 150..201;
        assert_eq!(parsed(&outside), ErrorKind::Malformed);
        let immense = Transfer { length: TRANSFER_BYTES_MAX + 1, ..isochronous(1, 0, 0) };
        assert_eq!(parsed(&immense), ErrorKind::Malformed);
        let crowded = Transfer { packets_field: PACKETS_MAX + 1, ..isochronous(1, 0, 0) };
        assert_eq!(parsed(&crowded), ErrorKind::Malformed);
    }

    #[test]
    fn an_answer_gives_no_more_than_there_is_room_for() {
        let mut out = Vec::new();
        answer(&mut out, &control(5, [0x80, 6, 0, 1, 0, 0, 2, 0], &[]), &[1, 2, 3]);
        assert_eq!((out.len(), word(&out, 1), word(&out, 6)), (HEADER_BYTES + 2, 5, 2));
    }

    #[test]
    fn an_isochronous_answer_has_the_bytes_and_then_the_packets() {
        let mut out = Vec::new();
        let results = [PacketResult { bytes: 3, status: 0 }, PacketResult { bytes: 0, status: -84 }];
        answer_packets(&mut out, &isochronous(5, 2, 100), &results, &[1, 2, 3]);
        assert_eq!(out.len(), HEADER_BYTES + 3 + 2 * PACKET_BYTES);
        assert_eq!((word(&out, 6), word(&out, 8), word(&out, 9)), (3, 2, 1));
        assert_eq!(out[HEADER_BYTES..][..3], [1, 2, 3]);
        let packets = &out[HEADER_BYTES + 3..];
        let words: Vec<u32> = (0..8).map(|index| word(packets, index)).collect();
        assert_eq!(words, [0, 100, 3, 0, 100, 100, 0, (-84i32).cast_unsigned()]);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut reader = Reader::default();
            reader.push(&bytes);
            while let Ok(Some(_)) = reader.next() {}
        }

        #[test]
        fn near_requests_are_read_or_refused(
            command in 0..4u32,
            fields in proptest::array::uniform11(prop_oneof![0..64u32, any::<u32>()]),
            rest in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut bytes = Vec::new();
            put(&mut bytes, &[command]);
            put(&mut bytes, &fields);
            bytes.extend(rest);
            if let Ok(Some((_, length))) = parse(&bytes) {
                prop_assert!((HEADER_BYTES..=bytes.len()).contains(&length));
            }
        }

        #[test]
        fn it_does_not_matter_where_the_stream_is_cut(cuts in proptest::collection::vec(1..90usize, 1..20)) {
            let sent = [isochronous(1, 2, 8), control(2, [0; 8], &[]), isochronous(3, 5, 8)];
            let bytes: Vec<u8> = sent.iter().flat_map(submitted).collect();
            let (mut reader, mut rest, mut seen) = (Reader::default(), &bytes[..], Vec::new());
            for cut in cuts.into_iter().chain([bytes.len()]) {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                reader.push(now);
                rest = later;
                while let Some(request) = reader.next().expect("they are well formed") {
                    seen.push(request);
                }
            }
            prop_assert_eq!(seen, sent.map(Request::Submit).to_vec());
        }
    }
}
