//! Takes ten frames and prints what each says of itself: the least that an application does.
//!
//! `cargo run --release -p pinhole --example frames`

use pinhole::{Cameras, Error, Role, control};

fn main() -> Result<(), Error> {
    let cameras = Cameras::open()?;
    let camera = cameras.first()?.acquire()?;
    println!("{}{}", camera.info().id, if camera.info().simulated { " (simulated)" } else { "" });
    let config = camera.propose([Role::Viewfinder])?;
    let mut session = camera.start(config)?;
    for _ in 0..10 {
        let Some(frame) = session.next()? else { break };
        let stream = frame.stream(Role::Viewfinder)?;
        let view = stream.map()?;
        println!(
            "frame {}: {} {} in {} bytes, {} µs",
            frame.sequence(),
            stream.configuration().size,
            stream.configuration().format,
            view.plane(0).len(),
            frame.metadata().get(control::EXPOSURE_TIME).unwrap_or(0)
        );
    } // dropping a frame gives its buffers back
    println!("not delivered: {}", session.stop().drops);
    Ok(())
}
