//! A USB webcam in user space, for tests: it speaks the USB video class over USB/IP to the
//! kernel's virtual host controller, so that the kernel's own driver finds a camera with an
//! isochronous stream. It commits faults on demand.
//!
//! This file knows time, sockets and files; the camera itself (`camera`) does not.

mod camera;
mod controls;
mod descriptor;
mod fault;
mod model;
mod mosaic;
mod negotiation;
mod orders;
mod payload;
mod picture;
mod port;
mod stream;
mod usbip;

use camera::{Camera, Identity};
use fault::Faults;
use orders::{Options, Order};
use pinhole_base::{Error, ErrorKind, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use stream::Next;

const USAGE: &str = "\
usage: pinhole-usb-camera [--name TEXT] [--serial TEXT] [--fault FAULT[,FAULT...]] [--orders PIPE]

Plugs a webcam into the kernel's virtual USB host controller (modprobe vhci-hcd; needs root), and
runs until it is unplugged. Faults and orders are told of in testbed/README.md.
";

/// For how long the plug is out where it is to be put in again.
const REPLUG_DELAY: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match Options::read(&arguments).and_then(|options| Rig::new(&options)?.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("usb-camera: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A camera, its cable, and whoever gives orders.
struct Rig {
    start: Instant,
    identity: Identity,
    faults: Faults,
    plugged: Option<(UnixStream, Camera)>,
    /// When the plug is to be put in again.
    returns_at: Option<Duration>,
    orders: Option<Orders>,
}

impl Rig {
    fn new(options: &Options) -> Result<Self> {
        let mut faults = Faults::default();
        options.faults.iter().for_each(|&fault| faults.add(fault));
        let mut rig = Self {
            start: Instant::now(),
            identity: options.identity.clone(),
            faults,
            plugged: None,
            returns_at: None,
            orders: options.orders.as_deref().map(Orders::open).transpose()?,
        };
        rig.plug_in()?;
        Ok(rig)
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Runs until the camera is unplugged and nobody can plug it in again.
    fn run(&mut self) -> Result<()> {
        loop {
            let wake = self.advance()?;
            if self.plugged.is_none() && self.returns_at.is_none() && self.orders.is_none() {
                return Ok(());
            }
            self.wait(wake)?;
        }
    }

    /// Does what is due, and says when there is more to do.
    fn advance(&mut self) -> Result<Option<Duration>> {
        let now = self.now();
        if self.returns_at.is_some_and(|at| at <= now) {
            self.plug_in()?;
        }
        let Some((cable, camera)) = &mut self.plugged else { return Ok(self.returns_at) };
        let next = camera.advance(now, &mut self.faults)?;
        let is_connected = cable.write_all(&camera.take_answers()).is_ok();
        match next {
            Next::Wait(wake) if is_connected => return Ok(wake),
            Next::Wait(_) => self.unplug(false),
            Next::Unplug { returns } => self.unplug(returns),
        }
        Ok(self.returns_at)
    }

    /// Waits for the host, for orders or for a time, and takes what comes.
    fn wait(&mut self, wake: Option<Duration>) -> Result<()> {
        let left = wake.map(|wake| wake.saturating_sub(self.now()));
        let left = left.map(|left| Timespec {
            tv_sec: left.as_secs().cast_signed(),
            tv_nsec: left.subsec_nanos().into(),
        });
        let cable = self.plugged.as_ref().map(|(cable, _)| PollFd::new(cable, PollFlags::IN));
        let orders = self.orders.as_ref().map(|orders| PollFd::new(&orders.pipe, PollFlags::IN));
        let has_cable = cable.is_some();
        let mut watched: Vec<_> = cable.into_iter().chain(orders).collect();
        match poll(&mut watched, left.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(Error::from_errno(errno.raw_os_error(), "waiting for the host")),
        }
        let ready: Vec<bool> = watched.iter().map(|watched| !watched.revents().is_empty()).collect();
        if has_cable && ready[0] {
            self.receive()?;
        }
        if ready.get(usize::from(has_cable)) == Some(&true) {
            self.take_orders()?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<()> {
        let (now, mut bytes) = (self.start.elapsed(), [0; 1 << 16]);
        let Some((cable, camera)) = &mut self.plugged else { return Ok(()) };
        match cable.read(&mut bytes) {
            Ok(count) if count > 0 => camera.receive(&bytes[..count], now, &mut self.faults),
            // The host has let go.
            _ => {
                self.unplug(false);
                Ok(())
            }
        }
    }

    fn take_orders(&mut self) -> Result<()> {
        let Some(orders) = &mut self.orders else { return Ok(()) };
        for line in orders.lines()? {
            match Order::read(&line) {
                Ok(order) => self.obey(order)?,
                Err(error) => eprintln!("usb-camera: {error}"),
            }
        }
        Ok(())
    }

    fn obey(&mut self, order: Order) -> Result<()> {
        match order {
            Order::Unplug { returns } => self.unplug(returns),
            Order::Plug if self.plugged.is_none() => self.plug_in()?,
            Order::Plug => {}
            Order::Heal => self.faults.clear(),
            Order::Faults(faults) => faults.into_iter().for_each(|fault| self.faults.add(fault)),
        }
        Ok(())
    }

    fn plug_in(&mut self) -> Result<()> {
        self.plugged = Some((port::plug_in()?, Camera::new(self.identity.clone())));
        self.returns_at = None;
        Ok(())
    }

    fn unplug(&mut self, returns: bool) {
        self.plugged = None;
        self.returns_at = returns.then(|| self.now() + REPLUG_DELAY);
    }
}

/// A named pipe that orders come through.
struct Orders {
    pipe: File,
    /// What has come of a line that is not at its end.
    rest: String,
}

impl Orders {
    fn open(path: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::from_io(&error, "opening the pipe for orders").at(path.display().to_string())
        };
        match mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(errno) => return Err(failed(errno.into())),
        }
        // Open for writing, too, it has no end when a writer leaves.
        let pipe = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        Ok(Self { pipe, rest: String::new() })
    }

    /// The lines that have come.
    fn lines(&mut self) -> Result<Vec<String>> {
        const LINE_BYTES_MAX: usize = 4096;
        let mut bytes = [0; LINE_BYTES_MAX];
        let count = self.pipe.read(&mut bytes).map_err(|error| Error::from_io(&error, "reading orders"))?;
        self.rest.push_str(&String::from_utf8_lossy(&bytes[..count]));
        let complete = self.rest.rfind('\n').map_or(0, |end| end + 1);
        if complete == 0 && self.rest.len() > LINE_BYTES_MAX {
            return Err(Error::new(ErrorKind::Malformed, "reading orders").because("a line has no end"));
        }
        Ok(self.rest.drain(..complete).collect::<String>().lines().map(str::to_owned).collect())
    }
}
