//! The process that paints for `--drivers pi-sim`: testbed/pi-painter, for testbed/pi-camera.

use super::Run;
use super::guest::Machine;
use super::host_program;
use pinhole::Result;
use std::path::Path;

/// The drivers that want it.
const DRIVERS: [&str; 2] = ["pi-sim", "pi-hq-sim"];
const PACKAGE: &str = "pinhole-pi-painter";

/// Puts the program into the folder of a run whose drivers want it.
pub(super) fn provide(run: &Run, machine: &Machine, folder: &Path) -> Result<()> {
    match run.drivers.iter().any(|driver| DRIVERS.contains(&driver.as_str())) {
        true => host_program::provide(PACKAGE, machine, &folder.join("pi-painter")),
        false => Ok(()),
    }
}
