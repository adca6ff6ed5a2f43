//! The cameras for `--drivers uvc`: the program that is one (testbed/usb-camera), and how often it is
//! to run. Knows nothing of what its options mean.

use super::Run;
use super::guest::Machine;
use super::host_program;
use super::place::write;
use pinhole::{Error, ErrorKind, Result};
use std::path::Path;

const DRIVER: &str = "uvc";
const PACKAGE: &str = "pinhole-usb-camera";

/// Makes the cameras of a run ready in its folder, where it has any.
pub(super) fn provide(run: &Run, machine: &Machine, folder: &Path) -> Result<()> {
    if !run.drivers.iter().any(|driver| driver == DRIVER) {
        return check_unused(run);
    }
    host_program::provide(PACKAGE, machine, &folder.join("usb-camera"))?;
    write(&folder.join("usb-cameras"), list(&run.usb_cameras).as_bytes())
}

fn check_unused(run: &Run) -> Result<()> {
    match run.usb_cameras.first() {
        None => Ok(()),
        Some(options) => Err(Error::new(ErrorKind::InvalidArgument, "plugging a USB camera in")
            .at(options)
            .because("the guest has no driver for it")
            .hint("--drivers uvc")),
    }
}

/// One line for each camera.
fn list(cameras: &[String]) -> String {
    let one = [String::new()];
    let cameras = if cameras.is_empty() { &one } else { cameras };
    cameras.iter().map(|options| options.replace('\n', " ") + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_wishes_there_is_one_camera() {
        assert_eq!(list(&[]), "\n");
        assert_eq!(list(&["--name A".into(), "--fault\nskip".into()]), "--name A\n--fault skip\n");
    }
}
