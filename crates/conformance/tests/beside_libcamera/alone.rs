//! Processes that paint and do not answer, or die: frames come all the same, from the module's own
//! small model.

use crate::ours;
use pinhole::geometry::Size;
use pinhole_conformance::kernel::pi_module;
use std::fs::{File, OpenOptions};
use std::process::{Command, Stdio};

const DEVICE: &str = "/dev/pi-camera-painter";

/// How long the module waits for an answer, in milliseconds: less than Pinhole's watchdog does.
const PATIENCE_MS: u32 = 300;

fn is_there() -> bool {
    let is_demanded = std::env::var("PINHOLE_DRIVERS").is_ok_and(|demanded| demanded.ends_with("-sim"));
    if !is_demanded {
        println!("not tested: nobody is asked to paint (PINHOLE_DRIVERS=pi-sim, pi-hq-sim)");
    }
    is_demanded && crate::camera().is_some()
}

/// Whoever paints now is killed, wherever it is in its work.
fn kill_painter() {
    let killed = Command::new("pkill").args(["-KILL", "pi-painter"]).stdout(Stdio::null()).status();
    assert!(killed.is_ok_and(|status| status.success()), "nobody paints");
}

/// Opens the device as a process that paints does; the one before it may still be on its way out.
fn open() -> File {
    let mut tries = 0;
    loop {
        match OpenOptions::new().read(true).write(true).open(DEVICE) {
            Ok(file) => return file,
            Err(error) => assert!(tries < 1000, "{DEVICE}: {error}"),
        }
        tries += 1;
        std::thread::yield_now();
    }
}

/// Catches: a wait without an end, a frame that is lost, a use of what is gone (the kernel's log
/// tells), a process that is waited for a second time.
#[test]
fn frames_come_all_the_same() {
    if !is_there() {
        return;
    }
    let mode = (Size::new(640, 480), 10);
    let mut session = ours::session(mode, None);
    for _ in 0..5 {
        ours::next(&mut session);
    }
    let painted = pi_module::number("painted");
    assert!(painted >= 10, "only {painted} jobs were done");
    kill_painter();
    for _ in 0..5 {
        ours::next(&mut session);
    }
    assert_eq!(pi_module::number("painting"), 0, "a dead process paints");
    let unpainted = pi_module::number("unpainted");
    assert!(unpainted <= 1, "{unpainted} jobs were given to a dead process");

    pi_module::set_patience_ms(PATIENCE_MS);
    let idler = open();
    assert!(OpenOptions::new().read(true).open(DEVICE).is_err(), "two processes may paint");
    assert_eq!(pi_module::number("painting"), 1, "the new one is not seen");
    for _ in 0..5 {
        ours::next(&mut session);
    }
    assert_eq!(pi_module::number("unpainted"), unpainted + 1, "it was asked again");
    assert_eq!(pi_module::number("painting"), 0, "one that does not answer is waited for");
    drop(idler);
    drop(session.stop());
}
