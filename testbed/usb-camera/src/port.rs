//! Where a device is plugged in: a port of the kernel's virtual host controller, which takes the
//! other end of a socket. Knows nothing of what goes through it.

use pinhole_base::{Error, ErrorKind, Result};
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

const CONTROLLER: &str = "/sys/devices/platform/vhci_hcd.0";

/// The controller's word for a port that nothing is plugged into.
const STATE_FREE: &str = "004";
/// Its number for the speed of USB 2.0.
const HIGH_SPEED: u32 = 3;
/// A bus that remote devices are said to be on; the controller wants a number and does not look
/// at it.
const REMOTE_BUS: u32 = 1 << 16;

/// Plugs a device in, and returns our end of the cable. Closing it pulls the plug.
///
/// # Errors
/// `NotFound` if there is no controller, `Busy` if no port is free, `PermissionDenied` if we are
/// not root.
pub(crate) fn plug_in() -> Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair().map_err(|error| Error::from_io(&error, "making a cable"))?;
    let status = format!("{CONTROLLER}/status");
    let text = fs::read_to_string(&status).map_err(|error| failed(&error, &status))?;
    for port in free_ports(&text) {
        match attach(port, &theirs) {
            // Another camera was faster.
            Err(error) if matches!(error.kind(), ErrorKind::Busy | ErrorKind::InvalidArgument) => {}
            attached => return attached.map(|()| ours),
        }
    }
    Err(Error::new(ErrorKind::Busy, "plugging the camera in")
        .at(status)
        .because("no port for high-speed devices is free"))
}

fn attach(port: u32, cable: &UnixStream) -> Result<()> {
    let path = format!("{CONTROLLER}/attach");
    let words = format!("{port} {} {} {HIGH_SPEED}", cable.as_raw_fd(), REMOTE_BUS | (port + 1));
    fs::write(&path, words).map_err(|error| failed(&error, &path))
}

fn failed(error: &std::io::Error, path: &str) -> Error {
    let failure = Error::from_io(error, "plugging the camera in").at(path);
    match failure.kind() {
        ErrorKind::NotFound => failure.hint("modprobe vhci-hcd"),
        ErrorKind::PermissionDenied => failure.hint("only root may"),
        _ => failure,
    }
}

/// The ports for high-speed devices that are free, by the controller's table: hub, port, state.
fn free_ports(status: &str) -> Vec<u32> {
    let ports = status.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let is_high_speed = words.next()? == "hs";
        let port = words.next()?.parse().ok()?;
        (is_high_speed && words.next()? == STATE_FREE).then_some(port)
    });
    ports.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_are_found_in_the_table() {
        let table = "hub port sta spd dev      sockfd local_busid\n\
                     hs  0000 006 003 00010002 000003 1-1\n\
                     hs  0001 004 000 00000000 000000 0-0\n\
                     hs  0002 004 000 00000000 000000 0-0\n\
                     ss  0008 004 000 00000000 000000 0-0\n";
        assert_eq!(free_ports(table), [1, 2]);
        assert_eq!(free_ports(""), []);
    }
}
