//! How host and camera agree on a stream (USB Video Class 1.1, section 4.3.1.1): the host proposes,
//! the camera answers with the nearest that it has. Knows nothing of how frames are sent.

use crate::controls::{READABLE, Refusal, WRITABLE, query};
use crate::descriptor::CLOCK_HZ;
use crate::model::Mode;

/// Selectors of the two controls.
pub(crate) const PROBE: u8 = 1;
pub(crate) const COMMIT: u8 = 2;

/// Bytes of a proposal in version 1.1; hosts of version 1.0 send fewer.
const PROPOSAL_BYTES: usize = 34;
const PROPOSAL_BYTES_MIN: usize = 26;

/// By what a lying camera divides the size of a picture.
const LIE: u32 = 64;

/// What was proposed and what was agreed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Negotiation {
    proposed: Mode,
    /// The mode that the stream will have.
    pub(crate) agreed: Mode,
    /// Whether it tells sizes that are far too small.
    pub(crate) lies: bool,
}

impl Default for Negotiation {
    fn default() -> Self {
        let first = Mode::nearest(1, 1, 0);
        Self { proposed: first, agreed: first, lies: false }
    }
}

impl Negotiation {
    /// Answers a request for one of the two controls.
    pub(crate) fn request(&mut self, selector: u8, request: u8, data: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mode = match selector {
            PROBE => &mut self.proposed,
            COMMIT => &mut self.agreed,
            _ => return Err(Refusal::InvalidControl),
        };
        match request {
            query::SET_CURRENT => {
                *mode = wish(data).ok_or(Refusal::InvalidRequest)?;
                Ok(Vec::new())
            }
            query::LENGTH => Ok((PROPOSAL_BYTES as u16).to_le_bytes().to_vec()),
            query::INFORMATION => Ok(vec![READABLE | WRITABLE]),
            _ => Ok(proposal(extreme(*mode, request)?, self.lies)),
        }
    }
}

/// What a mode is told with.
fn proposal(mode: Mode, lies: bool) -> Vec<u8> {
    let size = mode.frame_size();
    let frame_bytes = if lies { size.bytes_max() / LIE } else { size.bytes_max() };
    let interval_is_kept = 1u16;
    let mut bytes = interval_is_kept.to_le_bytes().to_vec();
    bytes.extend([mode.format as u8 + 1, mode.size as u8 + 1]);
    bytes.extend(mode.interval_100ns.to_le_bytes());
    // Rates of key and predicted frames, compression, its window, and the delay: not told.
    bytes.extend([0; 10]);
    for word in [frame_bytes, mode.packet_bytes(), CLOCK_HZ] {
        bytes.extend(word.to_le_bytes());
    }
    let frames_are_marked = 3;
    bytes.extend([frames_are_marked, 1, 1, 1]);
    bytes
}

/// The current mode, or that with the shortest or longest interval or the default one.
fn extreme(mode: Mode, request: u8) -> Result<Mode, Refusal> {
    let (format, size) = (mode.format as u8 + 1, mode.size as u8 + 1);
    match request {
        query::CURRENT => Ok(mode),
        query::MINIMUM => Ok(Mode::nearest(format, size, 1)),
        query::MAXIMUM => Ok(Mode::nearest(format, size, u32::MAX)),
        query::DEFAULT => Ok(Mode::nearest(1, 1, 0)),
        _ => Err(Refusal::InvalidRequest),
    }
}

fn wish(data: &[u8]) -> Option<Mode> {
    let data = data.get(..PROPOSAL_BYTES_MIN)?;
    let interval = u32::from_le_bytes([data[4], data[5], data[6], data[7]]);
    Some(Mode::nearest(data[2], data[3], interval))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    }

    #[test]
    fn the_answer_to_a_wish_is_the_nearest_offer() {
        let mut negotiation = Negotiation::default();
        let mut wish = vec![0; PROPOSAL_BYTES_MIN];
        (wish[2], wish[3]) = (2, 3);
        wish[4..8].copy_from_slice(&700_000u32.to_le_bytes());
        assert_eq!(negotiation.request(PROBE, query::SET_CURRENT, &wish), Ok(vec![]));
        let answer = negotiation.request(PROBE, query::CURRENT, &[]).expect("it has one");
        assert_eq!((answer.len(), answer[2], answer[3], word(&answer, 4)), (34, 2, 3, 666_666));
        assert_eq!((word(&answer, 18), word(&answer, 22)), (1280 * 720 * 2, 2048));
        assert_ne!(negotiation.agreed, negotiation.proposed);
        assert_eq!(negotiation.request(COMMIT, query::SET_CURRENT, &answer), Ok(vec![]));
        assert_eq!(negotiation.agreed, negotiation.proposed);
    }

    #[test]
    fn a_lie_is_in_the_size_alone() {
        let honest = Negotiation::default().request(PROBE, query::CURRENT, &[]).expect("it has one");
        let mut liar = Negotiation { lies: true, ..Negotiation::default() };
        let lie = liar.request(PROBE, query::CURRENT, &[]).expect("it has one");
        assert_eq!(word(&lie, 18) * LIE, word(&honest, 18));
        assert_eq!((&lie[..18], &lie[22..]), (&honest[..18], &honest[22..]));
    }

    proptest! {
        #[test]
        fn any_request_is_answered_or_refused(
            selector in 0..4u8,
            request: u8,
            data in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            if let Ok(answer) = Negotiation::default().request(selector, request, &data) {
                prop_assert!(answer.len() <= PROPOSAL_BYTES);
            }
        }
    }
}
