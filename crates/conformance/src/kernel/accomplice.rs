//! What is behind a driver in the testbed, where it can be told to fail: the USB camera, by orders
//! through its pipe, and the modelled sensor before Unicam, by a parameter of its module.

use super::plugging::wait_for_node;
use super::troubled::Way;
use crate::rig::{NotApplicable, Verdict};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// After so many frames the modelled sensor is silent; 0: never.
const STALL_AFTER: &str = "/sys/module/unicam_model/parameters/stall_after";

/// Whether the driver of webcams keeps damaged frames.
const NO_DROP: &str = "/sys/module/uvcvideo/parameters/nodrop";

/// Something that fails on demand behind a driver.
#[derive(Clone, Debug)]
pub(super) enum Accomplice {
    /// A USB camera.
    UsbCamera {
        /// The pipe through which it takes orders.
        orders: PathBuf,
        /// Its node.
        node: String,
    },
    /// The modelled sensor.
    Sensor,
}

impl Accomplice {
    /// The one behind a node of that driver, if it is one of the testbed's.
    pub(super) fn of(driver: &str, node: &str) -> Option<Self> {
        match driver {
            "unicam" => Path::new(STALL_AFTER).exists().then_some(Self::Sensor),
            "uvcvideo" => {
                let name = Path::new(node).file_name()?.to_str()?;
                let serial = format!("/sys/class/video4linux/{name}/device/../serial");
                let serial = std::fs::read_to_string(serial).ok()?;
                let orders = PathBuf::from(format!("/run/usb-camera-{}", serial.trim()));
                orders.exists().then(|| Self::UsbCamera { orders, node: node.to_owned() })
            }
            _ => None,
        }
    }

    /// Whether it can be told to do that.
    pub(super) fn can(&self, way: Way) -> bool {
        match self {
            Self::Sensor => way == Way::FallsSilent,
            Self::UsbCamera { .. } if way == Way::Flags => keeps_damaged_frames(),
            Self::UsbCamera { .. } => order(way).is_some(),
        }
    }

    /// Tells it to do that with its next frame.
    pub(super) fn commit(&self, way: Way) {
        match self {
            Self::Sensor => tell(Path::new(STALL_AFTER), "1"),
            Self::UsbCamera { orders, .. } => order(way).iter().for_each(|order| tell(orders, order)),
        }
    }

    /// Tells it to skip that many frames of a stream, from one on.
    ///
    /// # Errors
    /// It cannot.
    pub(super) fn skip(&self, first: u32, frames: u32) -> Verdict {
        let Self::UsbCamera { orders, .. } = self else {
            return Err(NotApplicable("its sensor falls silent for good, or not at all"));
        };
        let skips: Vec<String> = (first..first + frames).map(|frame| format!("skip@{frame}")).collect();
        tell(orders, &skips.join(","));
        Ok(())
    }

    /// Tells it to forget faults.
    pub(super) fn behave(&self) {
        match self {
            Self::Sensor => tell(Path::new(STALL_AFTER), "0"),
            Self::UsbCamera { orders, .. } => tell(orders, "heal"),
        }
    }

    /// Plugs it in, and waits until the driver has found it.
    ///
    /// # Panics
    /// The driver does not find it.
    pub(super) fn plug_in(&self) {
        let Self::UsbCamera { orders, node } = self else { return };
        wait_for_node(node, || tell(orders, "plug"));
    }
}

fn tell(whom: &Path, what: &str) {
    // At once: a parameter takes a line as a whole.
    let line = format!("{what}\n");
    let told = OpenOptions::new().write(true).open(whom).and_then(|mut file| file.write_all(line.as_bytes()));
    told.unwrap_or_else(|error| panic!("{} does not listen: {error}", whom.display()));
}

/// Whether the driver of webcams hands out what is damaged, instead of waiting for a whole frame.
fn keeps_damaged_frames() -> bool {
    std::fs::read_to_string(NO_DROP).is_ok_and(|value| value.trim() != "0")
}

/// What a USB camera is told.
fn order(way: Way) -> Option<&'static str> {
    match way {
        Way::Flags => Some("error-bit"),
        Way::FallsSilent => Some("stall"),
        Way::Disconnects => Some("unplug"),
        Way::Fails(_) => None,
    }
}
