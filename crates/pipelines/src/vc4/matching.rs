//! Matching: which embedded data belongs to which image.
//!
//! The receiver completes both with one time stamp, but each may be lost, late, or come
//! first. So images wait, in the order in which they were taken (however late some come), for
//! embedded data of their own time stamp, until one of these shows that it will not come: newer
//! embedded data, a newer image, or time.

use pinhole_base::Timestamp;
use pinhole_buffer::Token;
use pinhole_camera::fingerprint::Fingerprint;
use pinhole_camera::ring::Ring;
use std::time::Duration;

/// An image from the receiver.
#[derive(Debug)]
pub struct Image {
    /// The right to its buffer.
    pub token: Token,
    /// The request that the buffer was queued for.
    pub request: Option<u64>,
    /// Its number.
    pub sequence: u32,
    /// When it began.
    pub timestamp: Timestamp,
    /// When it got here.
    pub arrived: Timestamp,
    /// Bytes that hold data.
    pub bytes_used: u32,
    /// The driver flagged it.
    pub error: bool,
    /// It is not for applications: the sensor is still settling.
    pub hidden: bool,
    /// The sensor or the algorithms are still settling, but applications may have it.
    pub starting: bool,
}

impl Image {
    /// Takes itself in.
    pub fn fingerprint(&self, into: &mut Fingerprint) {
        let Self { token, request, sequence, timestamp, arrived, bytes_used, error, hidden, starting } = self;
        into.buffer(token.index());
        into.put((request, sequence, bytes_used, error, hidden, starting));
        into.time(*timestamp);
        into.time(*arrived);
    }
}

/// Embedded data from the receiver.
#[derive(Debug)]
pub struct Embedded {
    /// The right to its buffer.
    pub token: Token,
    /// When its frame began.
    pub timestamp: Timestamp,
    /// The driver flagged it.
    pub error: bool,
}

/// An image, with its embedded data where that came.
#[derive(Debug)]
pub struct Pair {
    /// The image.
    pub image: Image,
    /// Its embedded data.
    pub embedded: Option<Embedded>,
}

/// What became of embedded data that was not paired.
#[derive(Debug)]
pub enum Unmatched {
    /// Its image never came.
    Orphan(Token),
    /// It came, but is flagged as damaged.
    Damaged(Token),
}

/// The two queues.
#[derive(Debug)]
pub struct Matcher {
    images: Ring<Image>,
    embedded: Ring<Embedded>,
    expects_embedded: bool,
}

impl Matcher {
    /// Empty queues, for at most `bound` of each.
    pub fn new(bound: usize, expects_embedded: bool) -> Self {
        Self { images: Ring::with_capacity(bound), embedded: Ring::with_capacity(bound), expects_embedded }
    }

    /// Takes in an image. One that comes late takes its place before those of later requests,
    /// or those that began later.
    #[inline(always)]
    pub fn push_image(&mut self, image: Image) {
        let later = |other: &&Image| match (other.request, image.request) {
            (Some(theirs), Some(its)) => theirs > its,
            _ => other.timestamp > image.timestamp,
        };
        let behind = self.images.iter().rev().take_while(later).count();
        self.images.push_before(behind, image);
    }

    /// Takes in embedded data, likewise.
    #[inline(always)]
    pub fn push_embedded(&mut self, embedded: Embedded) {
        let later = |other: &&Embedded| other.timestamp > embedded.timestamp;
        let behind = self.embedded.iter().rev().take_while(later).count();
        self.embedded.push_before(behind, embedded);
    }

    /// How many images wait.
    pub fn images(&self) -> usize {
        self.images.len()
    }

    /// How many pieces of embedded data wait.
    pub fn embedded(&self) -> usize {
        self.embedded.len()
    }

    /// The first image that waits.
    pub fn front(&self) -> Option<&Image> {
        self.images.front()
    }

    /// Takes the first image out of turn, without its embedded data.
    pub fn discard_front(&mut self) -> Option<Image> {
        self.images.pop_front()
    }

    /// The next pair, if the first image need not wait any longer. `unmatched` is given the
    /// embedded data that no image will come for.
    #[inline(always)]
    pub fn next(
        &mut self,
        now: Timestamp,
        patience: Duration,
        unmatched: &mut Vec<Unmatched>,
    ) -> Option<Pair> {
        let (timestamp, arrived) = self.images.front().map(|image| (image.timestamp, image.arrived))?;
        self.drop_older(timestamp, unmatched);
        let embedded = match self.embedded.front() {
            Some(first) if first.timestamp == timestamp => self.embedded.pop_front(),
            Some(_) => None,
            None if !self.expects_embedded || self.images.len() > 1 || arrived + patience <= now => None,
            None => return None,
        };
        let image = self.images.pop_front()?;
        let embedded = embedded.and_then(|embedded| match embedded.error {
            true => {
                unmatched.push(Unmatched::Damaged(embedded.token));
                None
            }
            false => Some(embedded),
        });
        Some(Pair { image, embedded })
    }

    /// When the first image need not wait any longer, if it waits for embedded data.
    pub fn deadline(&self, patience: Duration) -> Option<Timestamp> {
        let front = self.images.front()?;
        (self.expects_embedded && self.embedded.is_empty()).then(|| front.arrived + patience)
    }

    /// When the oldest image began.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.images.iter().map(|image| image.timestamp).min()
    }

    /// Takes itself in.
    pub fn fingerprint(&self, into: &mut Fingerprint) {
        let Self { images, embedded, expects_embedded: _ } = self;
        into.put((images.len(), embedded.len()));
        images.iter().for_each(|image| image.fingerprint(into));
        for Embedded { token, timestamp, error } in embedded.iter() {
            into.buffer(token.index());
            into.put(error);
            into.time(*timestamp);
        }
    }

    #[inline(always)]
    fn drop_older(&mut self, timestamp: Timestamp, unmatched: &mut Vec<Unmatched>) {
        while self.embedded.front().is_some_and(|embedded| embedded.timestamp < timestamp) {
            let orphan = self.embedded.pop_front().expect("there is a first one");
            unmatched.push(Unmatched::Orphan(orphan.token));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_buffer::{Ledger, Owner};

    const PATIENCE: Duration = Duration::from_millis(66);

    struct Bench {
        matcher: Matcher,
        ledger: Ledger,
        unmatched: Vec<Unmatched>,
    }

    impl Bench {
        fn new() -> Self {
            Self { matcher: Matcher::new(8, true), ledger: Ledger::new(32), unmatched: Vec::new() }
        }

        fn image(&mut self, at_ms: u64) {
            self.image_of(None, at_ms);
        }

        fn image_of(&mut self, request: Option<u64>, at_ms: u64) {
            let token = self.ledger.admit(Owner::Matching).unwrap();
            let timestamp = Timestamp(at_ms * 1_000_000);
            self.matcher.push_image(Image {
                token,
                request,
                sequence: at_ms as u32,
                timestamp,
                arrived: timestamp,
                bytes_used: 1,
                error: false,
                hidden: false,
                starting: false,
            });
        }

        fn embedded(&mut self, at_ms: u64, error: bool) {
            let token = self.ledger.admit(Owner::Matching).unwrap();
            self.matcher.push_embedded(Embedded { token, timestamp: Timestamp(at_ms * 1_000_000), error });
        }

        /// Sequence of the next pair's image, and whether it has embedded data.
        fn next(&mut self, now_ms: u64) -> Option<(u32, bool)> {
            let pair = self.matcher.next(Timestamp(now_ms * 1_000_000), PATIENCE, &mut self.unmatched)?;
            Some((pair.image.sequence, pair.embedded.is_some()))
        }
    }

    #[test]
    fn equal_time_stamps_pair_whichever_came_first() {
        let mut bench = Bench::new();
        bench.image(33);
        assert_eq!(bench.next(33), None, "its embedded data may still come");
        bench.embedded(33, false);
        bench.embedded(66, false);
        bench.image(66);
        assert_eq!(bench.next(66), Some((33, true)));
        assert_eq!(bench.next(66), Some((66, true)));
    }

    #[test]
    fn what_comes_late_takes_its_place() {
        let mut bench = Bench::new();
        bench.embedded(66, false);
        bench.image(66);
        bench.embedded(33, false);
        bench.image(33);
        assert_eq!(bench.next(66), Some((33, true)));
        assert_eq!(bench.next(66), Some((66, true)));
    }

    /// The same frame, delivered twice, in whatever order.
    #[test]
    fn images_of_one_time_stamp_keep_the_order_of_their_requests() {
        let mut bench = Bench::new();
        for (request, at_ms) in [(Some(4), 33), (Some(6), 66), (Some(5), 66), (Some(7), 100)] {
            bench.image_of(request, at_ms);
        }
        let order: Vec<_> = bench.matcher.images.iter().map(|image| image.request).collect();
        assert_eq!(order, [Some(4), Some(5), Some(6), Some(7)]);
    }

    #[test]
    fn older_embedded_data_is_recycled() {
        let mut bench = Bench::new();
        bench.embedded(33, false);
        bench.embedded(66, false);
        bench.image(66);
        assert_eq!(bench.next(66), Some((66, true)));
        assert!(matches!(bench.unmatched[..], [Unmatched::Orphan(_)]));
    }

    #[test]
    fn an_image_goes_on_alone_once_its_loss_shows() {
        let mut bench = Bench::new();
        bench.image(33);
        bench.embedded(66, false);
        assert_eq!(bench.next(40), Some((33, false)), "newer embedded data shows it");
        bench.image(66);
        assert_eq!(bench.next(66), Some((66, true)));
        bench.image(100);
        bench.image(133);
        assert_eq!(bench.next(133), Some((100, false)), "a newer image shows it");
        assert_eq!(bench.next(133), None);
        assert_eq!(bench.next(133 + 66), Some((133, false)), "time shows it");
    }

    #[test]
    fn damaged_embedded_data_is_not_relied_on() {
        let mut bench = Bench::new();
        bench.image(33);
        bench.embedded(33, true);
        assert_eq!(bench.next(33), Some((33, false)));
        assert!(matches!(bench.unmatched[..], [Unmatched::Damaged(_)]));
    }
}
