//! Time, and waiting for it to pass.

use crate::rig::{Rig, simulator};
use pinhole_base::Timestamp;
use pinhole_device::{Interest, PollSource, Provider, Waker};
use pinhole_sim::{Clock, Pixels, Role, SimulatorConfig};
use std::os::fd::AsFd;
use std::time::Duration;

const BUFFERS: Interest = Interest { buffers: true, events: false };

fn provider() -> Box<dyn Provider> {
    simulator(SimulatorConfig::for_tests()).provider()
}

#[test]
fn a_virtual_clock_jumps_to_the_deadline() {
    let mut poller = provider().poller().unwrap();
    let deadline = poller.now() + Duration::from_secs(3600);
    let mut ready = Vec::new();
    poller.wait(Some(deadline), &mut ready).unwrap();
    assert!(ready.is_empty());
    assert_eq!(poller.now(), deadline);
    poller.wait(Some(Timestamp::ZERO), &mut ready).unwrap();
    assert_eq!(poller.now(), deadline);
}

#[test]
fn all_pollers_are_on_one_clock() {
    let mut provider = provider();
    let (mut first, second) = (provider.poller().unwrap(), provider.poller().unwrap());
    let deadline = first.now() + Duration::from_secs(1);
    first.wait(Some(deadline), &mut Vec::new()).unwrap();
    assert_eq!(second.now(), deadline);
}

#[test]
fn a_node_stays_ready_until_it_is_served() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(1);
    for _ in 0..2 {
        let ready = rig.wait(Role::Image, BUFFERS, Duration::from_secs(1)).unwrap();
        assert!(ready.buffers && !ready.events && !ready.gone);
    }
    let before = rig.now();
    rig.next(Role::Image);
    assert_eq!(rig.now(), before);
    assert!(rig.wait(Role::Image, BUFFERS, Duration::from_secs(1)).is_none());
}

#[test]
fn a_waker_ends_the_next_wait_once_before_time_passes() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(1);
    let mut poller = rig.provider.poller().unwrap();
    let before = poller.now();
    poller.waker().wake();
    let mut ready = Vec::new();
    poller.wait(None, &mut ready).unwrap();
    assert!(ready.is_empty());
    assert_eq!(poller.now(), before);
    poller.wait(Some(before + Duration::from_secs(1)), &mut ready).unwrap();
    assert!(poller.now() > before);
}

#[test]
fn a_waker_ends_a_wait_from_another_thread() {
    let mut poller = provider().poller().unwrap();
    let waker = poller.waker();
    let waiting = std::thread::spawn(move || poller.wait(None, &mut Vec::new()));
    waker.wake();
    waiting.join().unwrap().unwrap();
}

/// A wait without an end must not keep others out, though time flies.
#[test]
fn a_waker_ends_a_wait_in_which_time_passes() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(1);
    let mut poller = rig.provider.poller().unwrap();
    let waker = poller.waker();
    let waiting = std::thread::spawn(move || poller.wait(None, &mut Vec::new()));
    rig.control.counters();
    waker.wake();
    waiting.join().unwrap().unwrap();
}

#[test]
fn a_sleeping_wait_notices_what_others_start() {
    let mut rig = Rig::for_tests();
    let mut poller = rig.provider.poller().unwrap();
    poller.watch(rig.node(Role::Image).poll_source(), 5, BUFFERS).unwrap();
    let waiting = std::thread::spawn(move || {
        let mut ready = Vec::new();
        poller.wait(None, &mut ready).map(|()| ready)
    });
    rig.start_receiver(1);
    let ready = waiting.join().unwrap().unwrap();
    assert_eq!((ready.len(), ready[0].key, ready[0].buffers), (1, 5, true));
}

#[test]
fn foreign_descriptors_are_watched_too() {
    let mut poller = provider().poller().unwrap();
    let fences: Vec<_> = (0..20).map(|_| Waker::new().unwrap()).collect();
    for (key, fence) in fences.iter().enumerate() {
        poller.watch(PollSource::Fd(fence.as_fd()), key as u16, BUFFERS).unwrap();
    }
    let mut ready = Vec::new();
    let soon = poller.now() + Duration::from_millis(1);
    poller.wait(Some(soon), &mut ready).unwrap();
    assert!(ready.is_empty());
    fences[17].wake();
    poller.wait(None, &mut ready).unwrap();
    assert_eq!(ready.iter().map(|ready| ready.key).collect::<Vec<_>>(), [17]);
    poller.unwatch(PollSource::Fd(fences[17].as_fd())).unwrap();
    assert!(poller.unwatch(PollSource::Fd(fences[17].as_fd())).is_err());
    poller.wait(Some(soon + Duration::from_millis(1)), &mut ready).unwrap();
    assert!(ready.is_empty());
}

#[test]
fn nonsense_is_not_watched() {
    let mut poller = provider().poller().unwrap();
    assert!(poller.watch(PollSource::Simulated(7), 0, BUFFERS).is_err());
    assert!(poller.watch(PollSource::Simulated(9 << 3), 0, BUFFERS).is_err());
    assert!(poller.unwatch(PollSource::Simulated(0)).is_err());
}

#[test]
fn watching_again_changes_what_is_watched_for() {
    let mut rig = Rig::for_tests();
    rig.start_receiver(1);
    rig.next(Role::Embedded);
    let mut poller = rig.provider.poller().unwrap();
    let source = rig.node(Role::Image).poll_source();
    poller.watch(source, 1, BUFFERS).unwrap();
    poller.watch(source, 2, Interest { buffers: false, events: true }).unwrap();
    let mut ready = Vec::new();
    let now = poller.now();
    poller.wait(Some(now), &mut ready).unwrap();
    assert!(ready.is_empty());
}

#[test]
fn a_real_clock_goes_at_its_pace() {
    let config = SimulatorConfig {
        clock: Clock::Real { pace: 50.0 },
        pixels: Pixels::Off,
        ..SimulatorConfig::for_tests()
    };
    let mut rig = Rig::new(config);
    rig.start_receiver(4);
    let begun = rig.now();
    let first = rig.next(Role::Image);
    let second = rig.next(Role::Image);
    assert!(first.timestamp > begun);
    assert!(second.sequence > first.sequence && second.timestamp > first.timestamp);
    assert!(rig.now() > second.timestamp);
}

#[test]
fn a_real_clock_sleeps_until_the_deadline() {
    let config = SimulatorConfig { clock: Clock::Real { pace: 1000.0 }, ..SimulatorConfig::for_tests() };
    let mut poller = simulator(config).provider().poller().unwrap();
    let deadline = poller.now() + Duration::from_secs(2);
    poller.wait(Some(deadline), &mut Vec::new()).unwrap();
    assert!(poller.now() >= deadline);
}
