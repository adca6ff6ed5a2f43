//! Paints the pictures of the testbed's Raspberry Pi camera (`testbed/pi-camera`): its module hands
//! over each frame of the sensor and each run of the ISP, and the simulator's own model does them.
//!
//! This file is the loop; what is said and how (`job`), where it comes from (`link`) and what is
//! done (`painter`) are told elsewhere.

mod job;
mod link;
mod painter;

use link::Link;
use painter::Painter;
use pinhole_base::Result;
use std::process::ExitCode;

const DEVICE: &str = "/dev/pi-camera-painter";

const USAGE: &str = "\
usage: pinhole-pi-painter

Fills and processes the buffers of the modelled Raspberry Pi camera (modprobe pi-camera; needs root)
as the simulator would, until it is ended.
";

fn main() -> ExitCode {
    if std::env::args().len() > 1 {
        print!("{USAGE}");
        return ExitCode::from(2);
    }
    match run() {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("pi-painter: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<std::convert::Infallible> {
    let link = Link::open(DEVICE)?;
    let mut painter = Painter::new();
    loop {
        let job = link.next()?;
        let done = painter.work(&job, &link);
        link.answer(&job, done.is_ok())?;
        if let Err(error) = done {
            eprintln!("pi-painter: job {}: {error}", job.number);
        }
    }
}
