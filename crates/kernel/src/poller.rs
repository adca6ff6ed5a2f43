//! Waiting with epoll: for nodes, fences, wakers and time. Knows nothing of what is then done.
//!
//! Everything is level-triggered, so nothing that became ready is ever missed; each wait is one
//! system call, and one more where a waker ended it.

use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_device::{Interest, PollSource, Poller, Ready, Waker};
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

/// Waits for descriptors, on the clock that V4L2 stamps frames with (`CLOCK_MONOTONIC`).
pub struct KernelPoller {
    epoll: OwnedFd,
    waker: Waker,
}

/// What of a source a descriptor tells; with the source's key, what epoll hands back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Everything.
    All,
    /// That buffers are there.
    Buffers,
    /// That events are there, or that the device is gone.
    Events,
}

/// What epoll hands back for the waker.
const WAKER: u64 = u64::MAX;

/// Most that one wait reports; the rest is reported by the next.
const EVENTS_MAX: usize = 64;

/// A longer wait is made of several.
const WAIT_MAX: Duration = Duration::from_secs(3600);

const WATCHING: &str = "watching a device";
const UNWATCHING: &str = "ceasing to watch a device";
const WAITING: &str = "waiting for devices";

impl KernelPoller {
    /// A poller that watches nothing yet.
    ///
    /// # Errors
    /// Descriptors ran out.
    pub fn new() -> Result<Self> {
        let doing = "making a poller";
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(|errno| failed(errno, doing))?;
        let waker = Waker::new()?;
        let added = epoll::add(&epoll, &waker, EventData::new_u64(WAKER), EventFlags::IN);
        added.map_err(|errno| failed(errno, doing))?;
        Ok(Self { epoll, waker })
    }

    fn add(&self, fd: BorrowedFd<'_>, key: u16, part: Part, flags: EventFlags) -> Result<()> {
        let data = || EventData::new_u64(mark(key, part));
        let added = match epoll::add(&self.epoll, fd, data(), flags) {
            Err(Errno::EXIST) => epoll::modify(&self.epoll, fd, data(), flags),
            added => added,
        };
        added.map_err(|errno| failed(errno, WATCHING))
    }

    fn remove(&self, fd: BorrowedFd<'_>) -> Result<()> {
        match epoll::delete(&self.epoll, fd) {
            Ok(()) => Ok(()),
            Err(Errno::NOENT) => {
                Err(Error::new(ErrorKind::NotFound, UNWATCHING).because("it was not watched"))
            }
            Err(errno) => Err(failed(errno, UNWATCHING)),
        }
    }

    /// Takes what is ready now, or becomes so within a time; says whether anything was.
    fn take(&self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> Result<bool> {
        let none = Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };
        let mut events = [none; EVENTS_MAX];
        let timeout = timeout.map(timespec);
        let count = match epoll::wait(&self.epoll, &mut events[..], timeout.as_ref()) {
            Ok(count) => count,
            Err(Errno::INTR) => 0,
            Err(errno) => return Err(failed(errno, WAITING)),
        };
        for event in &events[..count] {
            match event.data.u64() {
                WAKER => drop(self.waker.clear()),
                mark => ready.push(readiness(mark, event.flags)),
            }
        }
        Ok(count > 0)
    }
}

impl Poller for KernelPoller {
    fn now(&self) -> Timestamp {
        let now = clock_gettime(ClockId::Monotonic);
        Timestamp(now.tv_sec.cast_unsigned() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0))
    }

    fn watch(&mut self, source: PollSource<'_>, key: u16, interest: Interest) -> Result<()> {
        match source {
            PollSource::Fd(fd) => self.add(fd, key, Part::All, flags_of(interest)),
            PollSource::Node { buffers, events } => {
                // Without any interest in it, it still tells when the device is gone.
                let interest_in_events = Interest { buffers: false, ..interest };
                self.add(events, key, Part::Events, flags_of(interest_in_events))?;
                if interest.buffers {
                    return self.add(buffers, key, Part::Buffers, EventFlags::IN);
                }
                let _ = self.remove(buffers);
                Ok(())
            }
            PollSource::Simulated(_) => {
                Err(Error::new(ErrorKind::InvalidArgument, WATCHING).because("it is a simulated node"))
            }
        }
    }

    fn unwatch(&mut self, source: PollSource<'_>) -> Result<()> {
        match source {
            PollSource::Fd(fd) => self.remove(fd),
            PollSource::Node { buffers, events } => {
                let _ = self.remove(buffers); // Not every node's buffers are watched.
                self.remove(events)
            }
            PollSource::Simulated(_) => {
                Err(Error::new(ErrorKind::NotFound, UNWATCHING).because("it was not watched"))
            }
        }
    }

    fn wait(&mut self, deadline: Option<Timestamp>, ready: &mut Vec<Ready>) -> Result<()> {
        ready.clear();
        loop {
            let left = deadline.map(|deadline| deadline.since(self.now()));
            let something = self.take(left.map(|left| left.min(WAIT_MAX)), ready)?;
            if something || left == Some(Duration::ZERO) {
                return Ok(());
            }
        }
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

const fn mark(key: u16, part: Part) -> u64 {
    (part as u64) << 16 | key as u64
}

fn readiness(mark: u64, flags: EventFlags) -> Ready {
    let key = (mark & 0xffff) as u16;
    let gone = flags.intersects(EventFlags::ERR | EventFlags::HUP);
    let (buffers, events) = (flags.contains(EventFlags::IN), flags.contains(EventFlags::PRI));
    if mark >> 16 == Part::Buffers as u64 {
        return Ready { key, buffers: true, events: false, gone: false };
    }
    Ready { key, buffers, events, gone }
}

fn flags_of(interest: Interest) -> EventFlags {
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN, interest.buffers);
    flags.set(EventFlags::PRI, interest.events);
    flags
}

fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() }
}

#[cold]
fn failed(errno: Errno, doing: &'static str) -> Error {
    Error::from_errno(errno.raw_os_error(), doing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{EventfdFlags, eventfd};
    use std::os::fd::AsFd;

    const BUFFERS: Interest = Interest { buffers: true, events: false };

    /// A descriptor that is readable from the start.
    fn readable() -> OwnedFd {
        eventfd(1, EventfdFlags::CLOEXEC).unwrap()
    }

    fn silent() -> OwnedFd {
        eventfd(0, EventfdFlags::CLOEXEC).unwrap()
    }

    /// What is ready now.
    fn look(poller: &mut KernelPoller) -> Vec<Ready> {
        let mut ready = Vec::new();
        poller.wait(Some(Timestamp::ZERO), &mut ready).unwrap();
        ready.sort_by_key(|ready| (ready.key, ready.events));
        ready
    }

    fn keys(ready: &[Ready]) -> Vec<u16> {
        ready.iter().map(|ready| ready.key).collect()
    }

    #[test]
    fn what_is_ready_is_reported_until_it_is_served() {
        let mut poller = KernelPoller::new().unwrap();
        let (fd, other) = (readable(), silent());
        poller.watch(PollSource::Fd(fd.as_fd()), 7, BUFFERS).unwrap();
        poller.watch(PollSource::Fd(other.as_fd()), 8, BUFFERS).unwrap();
        let expected = Ready { key: 7, buffers: true, events: false, gone: false };
        assert_eq!(look(&mut poller), [expected]);
        assert_eq!(look(&mut poller), [expected]);
        rustix::io::read(&fd, &mut [0; 8]).unwrap();
        assert_eq!(look(&mut poller), []);
    }

    #[test]
    fn watching_again_changes_what_is_watched_for() {
        let mut poller = KernelPoller::new().unwrap();
        let fd = readable();
        poller.watch(PollSource::Fd(fd.as_fd()), 1, BUFFERS).unwrap();
        poller.watch(PollSource::Fd(fd.as_fd()), 2, BUFFERS).unwrap();
        assert_eq!(keys(&look(&mut poller)), [2]);
        poller.watch(PollSource::Fd(fd.as_fd()), 2, Interest::default()).unwrap();
        assert_eq!(look(&mut poller), []);
    }

    #[test]
    fn what_is_watched_no_more_is_not_reported() {
        let mut poller = KernelPoller::new().unwrap();
        let fd = readable();
        poller.watch(PollSource::Fd(fd.as_fd()), 1, BUFFERS).unwrap();
        poller.unwatch(PollSource::Fd(fd.as_fd())).unwrap();
        assert_eq!(look(&mut poller), []);
        assert_eq!(poller.unwatch(PollSource::Fd(fd.as_fd())).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_node_is_told_by_two_descriptors_under_one_key() {
        let mut poller = KernelPoller::new().unwrap();
        let (buffers, (events, other_end)) = (readable(), rustix::pipe::pipe().unwrap());
        let node = PollSource::Node { buffers: buffers.as_fd(), events: events.as_fd() };
        poller.watch(node, 3, BUFFERS).unwrap();
        assert_eq!(look(&mut poller), [Ready { key: 3, buffers: true, events: false, gone: false }]);
        drop(other_end);
        assert!(look(&mut poller).contains(&Ready { key: 3, buffers: false, events: false, gone: true }));
        poller.watch(node, 3, Interest::default()).unwrap();
        assert_eq!(look(&mut poller).len(), 1, "that it is gone is told in any case");
        poller.unwatch(node).unwrap();
        assert_eq!(look(&mut poller), []);
        assert_eq!(poller.unwatch(node).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn events_are_what_is_exceptional() {
        let ready = |flags| readiness(mark(5, Part::Events), flags);
        let events = Ready { key: 5, buffers: false, events: true, gone: false };
        assert_eq!(ready(EventFlags::PRI), events);
        // What an unplugged node polls as.
        assert!(ready(EventFlags::PRI | EventFlags::ERR | EventFlags::HUP).gone);
    }

    /// A queue that has failed ends its buffers' readiness that way; dequeueing tells why.
    #[test]
    fn buffers_are_ready_however_their_descriptor_says_so() {
        let ready = readiness(mark(5, Part::Buffers), EventFlags::IN | EventFlags::ERR);
        assert_eq!(ready, Ready { key: 5, buffers: true, events: false, gone: false });
    }

    #[test]
    fn a_waker_used_before_ends_the_next_wait_and_only_that() {
        let mut poller = KernelPoller::new().unwrap();
        let mut ready = vec![Ready { key: 0, buffers: true, events: true, gone: true }];
        poller.waker().wake();
        poller.waker().wake();
        poller.wait(None, &mut ready).unwrap();
        assert_eq!(ready, []);
        assert!(!poller.waker().clear(), "it was forgotten");
    }

    #[test]
    fn a_waker_ends_a_wait_from_another_thread() {
        let mut poller = KernelPoller::new().unwrap();
        let waker = poller.waker();
        let other = std::thread::spawn(move || waker.wake());
        poller.wait(None, &mut Vec::new()).unwrap();
        other.join().unwrap();
    }

    #[test]
    fn a_wait_lasts_until_its_deadline() {
        let mut poller = KernelPoller::new().unwrap();
        let deadline = poller.now() + Duration::from_micros(1500);
        poller.wait(Some(deadline), &mut Vec::new()).unwrap();
        assert!(poller.now() >= deadline);
    }

    #[test]
    fn more_sources_than_one_wait_reports_all_come_up() {
        let mut poller = KernelPoller::new().unwrap();
        let fds: Vec<OwnedFd> = (0..EVENTS_MAX + 10).map(|_| readable()).collect();
        for (key, fd) in fds.iter().enumerate() {
            poller.watch(PollSource::Fd(fd.as_fd()), key as u16, BUFFERS).unwrap();
        }
        let mut seen = std::collections::HashSet::new();
        for _ in 0..2 {
            seen.extend(keys(&look(&mut poller)));
        }
        assert_eq!(seen.len(), fds.len());
    }

    #[test]
    fn foreign_sources_are_refused() {
        let mut poller = KernelPoller::new().unwrap();
        let error = poller.watch(PollSource::Simulated(0), 0, BUFFERS).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(poller.unwatch(PollSource::Simulated(0)).is_err());
    }
}
