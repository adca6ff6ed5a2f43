//! What will happen when: the queue of a discrete-event simulation. Knows nothing of what
//! events do.

use crate::fault::Role;
use crate::queue::Taken;
use crate::random::Random;
use pinhole_device::Dequeued;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something that will happen. Sessions and run numbers tell events of a stream that was
/// stopped since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A sensor's frame begins.
    FrameStart { camera: usize, session: u32 },
    /// Its last line has come.
    FrameEnd { camera: usize, session: u32 },
    /// The ISP ends a run.
    RunEnd { camera: usize, run: u32 },
    /// A buffer completes.
    Complete { camera: usize, role: Role, taken: Taken, done: Dequeued },
}

impl Event {
    /// Whether it will only be ignored once a node has ceased to stream.
    fn ends_with(&self, stopped: usize, node: Role) -> bool {
        match *self {
            Self::FrameStart { camera, .. } | Self::FrameEnd { camera, .. } => {
                camera == stopped && node == Role::Image
            }
            Self::RunEnd { camera, .. } => camera == stopped && node == Role::Input,
            Self::Complete { camera, role, .. } => camera == stopped && role == node,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Time, then chance, then order of arrival.
    order: Reverse<(u64, u64, u64)>,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.cmp(&other.order)
    }
}

/// Events in the order of their time.
#[derive(Debug)]
pub(crate) struct Timeline {
    heap: BinaryHeap<Entry>,
    arrivals: u64,
    /// Decides between simultaneous events; without it, arrival does.
    dice: Option<Random>,
}

impl Timeline {
    pub(crate) fn new(dice: Option<Random>) -> Self {
        Self { heap: BinaryHeap::with_capacity(64), arrivals: 0, dice }
    }

    pub(crate) fn push(&mut self, time_ns: u64, event: Event) {
        self.arrivals += 1;
        let chance = self.dice.as_mut().map_or(0, Random::next);
        self.heap.push(Entry { order: Reverse((time_ns, chance, self.arrivals)), event });
    }

    /// A node ceases to stream: forgets what would have come of it.
    pub(crate) fn cancel(&mut self, camera: usize, role: Role) {
        self.heap.retain(|entry| !entry.event.ends_with(camera, role));
    }

    /// When the next event happens.
    pub(crate) fn next_time(&self) -> Option<u64> {
        self.heap.peek().map(|entry| entry.order.0.0)
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        self.heap.pop().map(|entry| entry.event)
    }

    pub(crate) const fn is_shuffled(&self) -> bool {
        self.dice.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order_of(dice: Option<Random>) -> Vec<usize> {
        let mut timeline = Timeline::new(dice);
        timeline.push(20, Event::FrameStart { camera: 99, session: 0 });
        for camera in 0..20 {
            timeline.push(10, Event::FrameStart { camera, session: 0 });
        }
        let mut order = Vec::new();
        while let Some(Event::FrameStart { camera, .. }) = timeline.pop() {
            order.push(camera);
        }
        order
    }

    #[test]
    fn simultaneous_events_keep_their_order() {
        assert_eq!(order_of(None), (0..20).chain([99]).collect::<Vec<_>>());
    }

    #[test]
    fn a_stopped_nodes_events_are_forgotten() {
        let mut timeline = Timeline::new(None);
        let kept = Event::FrameStart { camera: 1, session: 0 };
        timeline.push(1, Event::FrameStart { camera: 0, session: 0 });
        timeline.push(2, Event::RunEnd { camera: 0, run: 0 });
        timeline.push(3, kept);
        timeline.cancel(0, Role::Image);
        timeline.cancel(0, Role::Input);
        timeline.cancel(1, Role::Embedded);
        assert_eq!((timeline.pop(), timeline.pop()), (Some(kept), None));
    }

    #[test]
    fn shuffled_events_follow_the_seed_but_never_leave_their_time() {
        let order = order_of(Some(Random::new(1)));
        assert_eq!(order.last(), Some(&99));
        assert_eq!(order, order_of(Some(Random::new(1))));
        assert_ne!(order, order_of(Some(Random::new(2))));
    }
}
