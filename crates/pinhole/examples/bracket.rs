//! Exposes one frame after another differently: explicit requests, each with controls and
//! buffers of its own, and frames that say which request's controls they were taken with.
//!
//! `cargo run --release -p pinhole --example bracket`

use pinhole::sim::{Clock, SimulatorConfig};
use pinhole::{Cameras, Driver, Error, Request, Role, Session, control};

const EXPOSURES_US: [i32; 3] = [2_000, 8_000, 32_000];

fn main() -> Result<(), Error> {
    // Simulated time, which waits for us. `Cameras::open()` takes a real camera.
    let cameras = Cameras::simulated(SimulatorConfig { clock: Clock::Virtual, ..Default::default() })?;
    let mut camera = cameras.first()?.acquire()?;
    camera.set_driver(Driver::Caller);
    let mut config = camera.propose([Role::Raw])?;
    config.sensor_mode = camera.info().modes.iter().min_by_key(|m| m.size.area()).map(|m| (m.size, 10));
    camera.validate(&mut config)?;
    camera.configure(&config)?;
    camera.controls_mut().set(control::ANALOGUE_GAIN, 1.0);

    let stream = camera.streams().next().expect("one stream is configured").0;
    let buffers = camera.allocate(stream, 4)?;
    let mut session = camera.start_requests()?;
    let mut exposures_us = EXPOSURES_US.into_iter().cycle();
    for buffer in buffers {
        let mut request = session.create_request();
        request.attach(stream, buffer)?;
        queue(&session, request, exposures_us.next())?;
    }
    for _ in 0..12 {
        let Some(mut request) = session.next_request()? else { break };
        tell(&request);
        request.reuse(true); // with its buffer
        queue(&session, request, exposures_us.next())?;
    }
    Ok(())
}

/// Queues a request that asks for an exposure.
fn queue(session: &Session, mut request: Request, exposure_us: Option<i32>) -> Result<(), Error> {
    request.controls_mut().set(control::EXPOSURE_TIME, exposure_us.unwrap_or(0));
    session.queue(request).map_err(|refused| refused.error)
}

fn tell(request: &Request) {
    let metadata = request.metadata();
    println!(
        "request {}: taken with {} µs, as request {} asked",
        request.number(),
        metadata.get(control::EXPOSURE_TIME).unwrap_or(0),
        metadata.get(control::CONTROLS_APPLIED_BY).unwrap_or(-1)
    );
}
