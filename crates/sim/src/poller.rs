//! Waiting, which is what makes simulated time pass.
//!
//! With a virtual clock a wait lets one moment after the other happen until something that is
//! watched is ready, and never sleeps but where nothing is going to happen. With a real clock
//! it sleeps until the next thing is due. Foreign descriptors and wakers are looked at when
//! nothing simulated is ready.

use crate::node::source_of;
use crate::shared::Shared;
use crate::topology::Part;
use crate::world::{Step, World};
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_device::{Interest, PollSource, Poller, Ready, Waker};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

/// Most foreign descriptors that a poller watches.
const DESCRIPTORS_MAX: usize = 254;

/// A wait that never sleeps looks for wakers once in so many steps.
const STEPS_A_LOOK: u32 = 64;

struct WatchedNode {
    source: u32,
    key: u16,
    interest: Interest,
}

struct WatchedDescriptor {
    /// The number it is known by.
    number: RawFd,
    /// Our own descriptor of the same file.
    fd: OwnedFd,
    key: u16,
    interest: Interest,
}

/// A poller of simulated nodes and real descriptors.
pub(crate) struct SimPoller {
    shared: Arc<Shared>,
    nodes: Vec<WatchedNode>,
    descriptors: Vec<WatchedDescriptor>,
    user: Waker,
    /// Used by the world when something changed while this slept.
    change: Waker,
}

impl SimPoller {
    pub(crate) fn new(shared: Arc<Shared>) -> Result<Self> {
        let (user, change) = (Waker::new()?, Waker::new()?);
        Ok(Self { shared, nodes: Vec::new(), descriptors: Vec::new(), user, change })
    }

    /// Adds the simulated nodes that are ready.
    fn collect(&self, world: &World, ready: &mut Vec<Ready>) {
        for node in &self.nodes {
            if let Some(found) = readiness(world, node) {
                ready.push(found);
            }
        }
    }

    /// Sleeps for at most `timeout_ns` (0: looks only) until a waker is used or a descriptor
    /// is ready; says whether that came, in which case the wait is over.
    fn look(&self, timeout_ns: Option<u64>, ready: &mut Vec<Ready>) -> Result<bool> {
        if self.descriptors.len() < 8 {
            let filler = || PollFd::new(&self.user, PollFlags::IN);
            self.poll(&mut [(); 10].map(|()| filler())[..self.descriptors.len() + 2], timeout_ns, ready)
        } else {
            let fillers = (0..self.descriptors.len() + 2).map(|_| PollFd::new(&self.user, PollFlags::IN));
            self.poll(&mut fillers.collect::<Vec<_>>(), timeout_ns, ready)
        }
    }

    fn poll<'a>(
        &'a self,
        polled: &mut [PollFd<'a>],
        timeout_ns: Option<u64>,
        ready: &mut Vec<Ready>,
    ) -> Result<bool> {
        polled[1] = PollFd::new(&self.change, PollFlags::IN);
        for (slot, watched) in polled[2..].iter_mut().zip(&self.descriptors) {
            *slot = PollFd::new(&watched.fd, flags_of(watched.interest));
        }
        let timeout = timeout_ns
            .map(|ns| Timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 });
        match poll(polled, timeout.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(e) => return Err(Error::from_errno(e.raw_os_error(), "waiting for devices")),
        }
        if !polled[1].revents().is_empty() {
            self.change.clear();
        }
        for (polled, watched) in polled[2..].iter().zip(&self.descriptors) {
            ready.extend(descriptor_readiness(polled.revents(), watched.key));
        }
        let woken = !polled[0].revents().is_empty() && self.user.clear();
        Ok(woken || !ready.is_empty())
    }

    /// Lets the world go one step on, unless something is ready already.
    fn advance(&self, deadline: Option<Timestamp>, may_step: bool, ready: &mut Vec<Ready>) -> Option<Step> {
        let mut world = self.shared.look();
        world.catch_up();
        self.collect(&world, ready);
        if !ready.is_empty() || !may_step {
            return None;
        }
        let step = world.step(deadline);
        match step {
            Step::Idle(_) => world.add_sleeper(self.change.clone()),
            Step::Happened => self.collect(&world, ready),
            Step::Expired => {}
        }
        Some(step)
    }
}

fn flags_of(interest: Interest) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, interest.buffers);
    flags.set(PollFlags::PRI, interest.events);
    flags
}

fn descriptor_readiness(events: PollFlags, key: u16) -> Option<Ready> {
    let gone = events.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
    let ready =
        Ready { key, buffers: events.contains(PollFlags::IN), events: events.contains(PollFlags::PRI), gone };
    (!events.is_empty()).then_some(ready)
}

fn readiness(world: &World, watched: &WatchedNode) -> Option<Ready> {
    let (camera, role, generation) = source_of(watched.source)?;
    let gone = world.check_plugged(camera, Part::of(role), generation).is_err();
    let camera = &world.cameras[camera];
    let buffers = !gone && watched.interest.buffers && camera.node(role).queue.has_done();
    let has_events = role == crate::Role::Image && camera.receiver.has_event();
    let events = !gone && watched.interest.events && has_events;
    (gone || buffers || events).then_some(Ready { key: watched.key, buffers, events, gone })
}

impl Poller for SimPoller {
    fn now(&self) -> Timestamp {
        self.shared.enter(|world| world.now())
    }

    fn watch(&mut self, source: PollSource<'_>, key: u16, interest: Interest) -> Result<()> {
        let doing = "watching a device";
        // Watching again changes what is watched for.
        let _ = self.unwatch(source);
        match source {
            PollSource::Simulated(source) => {
                let (camera, ..) =
                    source_of(source).ok_or_else(|| Error::new(ErrorKind::InvalidArgument, doing))?;
                let known = self.shared.look().check_camera(camera);
                known.map_err(|refusal| refusal.into_error(doing, "simulated hardware"))?;
                self.nodes.push(WatchedNode { source, key, interest });
            }
            PollSource::Fd(fd) => {
                if self.descriptors.len() == DESCRIPTORS_MAX {
                    return Err(Error::new(ErrorKind::LimitReached, doing)
                        .because(format!("{DESCRIPTORS_MAX} descriptors are watched already")));
                }
                let own = rustix::io::fcntl_dupfd_cloexec(fd, 0)
                    .map_err(|e| Error::from_errno(e.raw_os_error(), doing))?;
                let number = fd.as_raw_fd();
                self.descriptors.push(WatchedDescriptor { number, fd: own, key, interest });
            }
            PollSource::Node { .. } => {
                return Err(
                    Error::new(ErrorKind::InvalidArgument, doing).because("it is a node of the kernel's")
                );
            }
        }
        Ok(())
    }

    fn unwatch(&mut self, source: PollSource<'_>) -> Result<()> {
        let before = self.nodes.len() + self.descriptors.len();
        match source {
            PollSource::Simulated(source) => self.nodes.retain(|node| node.source != source),
            PollSource::Fd(fd) => self.descriptors.retain(|watched| watched.number != fd.as_raw_fd()),
            PollSource::Node { .. } => {}
        }
        if self.nodes.len() + self.descriptors.len() < before {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NotFound, "ceasing to watch a device").because("it was not watched"))
    }

    fn wait(&mut self, deadline: Option<Timestamp>, ready: &mut Vec<Ready>) -> Result<()> {
        ready.clear();
        if !self.descriptors.is_empty() {
            self.look(Some(0), ready)?;
        }
        // Before time passes, wakers have their say.
        let mut may_step = false;
        let mut steps = 0;
        loop {
            let step = self.advance(deadline, may_step, ready);
            if !ready.is_empty() {
                return Ok(());
            }
            let over = match step {
                None => self.look(Some(0), ready)?,
                Some(Step::Idle(timeout_ns)) => self.sleep(timeout_ns, ready)?,
                Some(Step::Expired) => true,
                Some(Step::Happened) => {
                    steps += 1;
                    steps % STEPS_A_LOOK == 0 && self.rest(ready)?
                }
            };
            if over {
                return Ok(());
            }
            may_step = true;
        }
    }

    fn waker(&self) -> Waker {
        self.user.clone()
    }
}

impl SimPoller {
    /// Sleeps, as one whom the world knows to wake.
    fn sleep(&self, timeout_ns: Option<u64>, ready: &mut Vec<Ready>) -> Result<bool> {
        let over = self.look(timeout_ns, ready);
        self.shared.look().remove_sleeper(&self.change);
        over
    }

    /// Gives other threads a chance to enter the world, and looks for wakers.
    fn rest(&self, ready: &mut Vec<Ready>) -> Result<bool> {
        std::thread::yield_now();
        self.look(Some(0), ready)
    }
}

impl AsFd for WatchedDescriptor {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
