//! Breaks simulated hardware while an application runs, and shows what the application sees:
//! the same each time, for the same seed.
//!
//! `cargo run --release -p pinhole --example faults -- 7`

use pinhole::sim::{Fault, FaultPlan, FaultRate, ScheduledFault, SimulatorConfig};
use pinhole::{Cameras, Driver, Error, Role};

fn main() -> Result<(), Error> {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let rate = |fault, probability| FaultRate { camera: None, fault, probability };
    let faults = FaultPlan {
        rates: vec![rate(Fault::LoseImage, 0.05), rate(Fault::CorruptEmbedded, 0.05)],
        scheduled: vec![ScheduledFault { camera: 0, after: 200, fault: Fault::UnplugCamera }],
    };
    let cameras = Cameras::simulated(SimulatorConfig { seed, faults, ..SimulatorConfig::for_tests() })?;
    let mut camera = cameras.first()?.acquire()?;
    camera.set_driver(Driver::Caller);
    let config = camera.propose([Role::Raw, Role::Video])?;
    let mut session = camera.start(config)?;
    let mut frames = 0;
    let end = loop {
        match session.next() {
            Ok(Some(_)) => frames += 1,
            Ok(None) => break "the camera stopped".to_owned(),
            Err(error) => break error.to_string(),
        }
    };
    println!("{frames} frames; {}; then: {end}", session.stop().drops);
    Ok(())
}
