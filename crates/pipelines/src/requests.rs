//! The requests under way, in the order of queueing.

use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_buffer::Token;
use pinhole_camera::config::STREAMS_MAX;
use pinhole_camera::fingerprint::Fingerprint;
use pinhole_camera::request::Request;
use pinhole_camera::ring::Ring;

/// How far a request has come in the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Progress {
    /// It waits for a frame.
    Waiting,
    /// Its frame is being processed.
    Running,
    /// It is done or given up; it waits for those before it.
    Done,
}

/// A request under way.
#[derive(Debug)]
pub struct Entry {
    /// The request.
    pub request: Request,
    /// How far it has come.
    pub progress: Progress,
    /// When it came.
    pub queued: Timestamp,
    /// The buffers of processed streams, by the streams' places in the configuration, that
    /// wait for the request's turn at the ISP.
    pub tokens: [Option<Token>; STREAMS_MAX],
}

/// The queue of requests.
#[derive(Debug)]
pub struct RequestQueue {
    entries: Ring<Entry>,
    first: u64,
    /// None before it waits for a frame.
    waiting: u64,
    /// How many are done.
    done: usize,
}

impl RequestQueue {
    /// An empty queue, for at most `bound` requests.
    pub fn new(bound: usize) -> Self {
        Self { entries: Ring::with_capacity(bound), first: 0, waiting: 0, done: 0 }
    }

    /// Appends a request that came at `now`, and numbers it.
    pub fn push(&mut self, now: Timestamp, mut request: Request, progress: Progress) -> u64 {
        let number = self.first + self.entries.len() as u64;
        request.set_number(number);
        self.done += usize::from(progress == Progress::Done);
        self.entries.push_back(Entry { request, progress, queued: now, tokens: Default::default() });
        number
    }

    /// The request of that number, if it is under way.
    #[inline(always)]
    pub fn get(&mut self, number: u64) -> Option<&mut Entry> {
        let at = number.checked_sub(self.first)?;
        self.entries.get_mut(at as usize)
    }

    /// The number of the first request that waits for a frame.
    pub fn next_waiting(&mut self) -> Option<u64> {
        // What waits no more never waits again.
        self.waiting = self.waiting.max(self.first);
        while self.get(self.waiting)?.progress != Progress::Waiting {
            self.waiting += 1;
        }
        Some(self.waiting)
    }

    /// Notes that a request is done or given up.
    #[inline(always)]
    pub fn finish(&mut self, number: u64) {
        if let Some(entry) = self.get(number)
            && entry.progress != Progress::Done
        {
            entry.progress = Progress::Done;
            self.done += 1;
        }
    }

    /// Whether some are done.
    #[inline]
    pub fn has_done(&self) -> bool {
        self.done > 0
    }

    /// Takes the first request out if it is done.
    pub fn pop_done(&mut self) -> Option<Request> {
        let done = self.entries.front()?.progress == Progress::Done;
        if done { self.pop() } else { None }
    }

    /// Takes the first request out; cancels it for `reason` unless it is done.
    pub fn pop_cancelled(&mut self, reason: &Error) -> Option<Request> {
        if let Some(front) = self.entries.get_mut(0)
            && front.progress != Progress::Done
        {
            front.request.cancel(reason.clone());
        }
        self.pop()
    }

    fn pop(&mut self) -> Option<Request> {
        let entry = self.entries.pop_front()?;
        self.first += 1;
        self.done -= usize::from(entry.progress == Progress::Done);
        Some(entry.request)
    }

    /// Takes itself in. When requests came is compared with frames that began no earlier than
    /// `oldest`, or not at all.
    pub fn fingerprint(&self, oldest: Option<Timestamp>, into: &mut Fingerprint) {
        let Self { entries, first, waiting: _, done: _ } = self; // The entries know both.
        into.put((first, entries.len()));
        for Entry { request, progress, queued, tokens } in entries.iter() {
            request.fingerprint(into);
            into.put(progress);
            if let Some(oldest) = oldest.filter(|_| *progress == Progress::Waiting) {
                into.time(oldest.max(*queued));
            }
            tokens.iter().for_each(|token| into.buffer_if_any(token.as_ref().map(Token::index)));
        }
    }

    /// Numbers from 0 again.
    ///
    /// # Panics
    /// Requests are under way.
    pub fn restart(&mut self) {
        assert!(self.entries.is_empty(), "{} requests are under way", self.entries.len());
        (self.first, self.waiting) = (0, 0);
    }

    /// How many are under way.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }
}

/// Whether a buffer of a request is large enough for a frame.
#[inline]
pub(crate) fn check_size(bytes: u64, needed: u32, place: usize) -> Result<()> {
    if bytes >= u64::from(needed) { Ok(()) } else { Err(too_small(bytes, needed, place)) }
}

#[cold]
fn too_small(bytes: u64, needed: u32, place: usize) -> Error {
    Error::new(ErrorKind::InvalidArgument, "queueing a request")
        .because(format!("the buffer for stream {place} has {bytes} bytes; a frame takes {needed}"))
}
