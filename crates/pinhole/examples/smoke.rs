//! Captures a few frames from the simulated camera.
use pinhole::sim::SimulatorConfig;
use pinhole::{Cameras, Driver, Role};

fn main() -> Result<(), pinhole::Error> {
    let cameras = Cameras::simulated(SimulatorConfig::for_tests())?;
    let mut camera = cameras.first()?.acquire()?;
    camera.set_driver(Driver::Caller);
    let config = camera.propose([Role::Raw, Role::Video])?;
    println!("{config:#?}");
    let mut session = camera.start(config)?;
    for _ in 0..20 {
        let Some(frame) = session.next()? else { break };
        println!("{} {:?} {:?}", frame.sequence(), frame.timestamp(), frame.metadata());
        session.backend().unwrap().audit();
    }
    println!("{}", session.drops());
    let stopped = session.stop();
    println!("{} requests left", stopped.requests.len());
    Ok(())
}
