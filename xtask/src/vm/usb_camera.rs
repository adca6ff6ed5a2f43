//! The cameras for `--drivers uvc`: builds the program that is one (testbed/usb-camera), and puts it
//! where the guest finds it. Knows nothing of what its options mean.

use super::Run;
use super::guest::Machine;
use super::place::{at, write};
use super::tools;
use pinhole::{Error, ErrorKind, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const DRIVER: &str = "uvc";
const PACKAGE: &str = "pinhole-usb-camera";

/// Makes the cameras of a run ready in its folder, where it has any.
pub(super) fn provide(run: &Run, machine: &Machine, folder: &Path) -> Result<()> {
    if !run.drivers.iter().any(|driver| driver == DRIVER) {
        return check_unused(run);
    }
    if machine.is_foreign {
        return Err(Error::new(ErrorKind::Unsupported, "plugging USB cameras into the guest")
            .because("they are programs of the host, which this guest cannot run")
            .hint("use --kernel uml or qemu"));
    }
    let (program, copy) = (build()?, folder.join("usb-camera"));
    fs::copy(&program, &copy).map_err(at(&program, "copying the USB camera"))?;
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

/// Builds the program, and returns where it is.
fn build() -> Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--profile", "chores", "--package", PACKAGE]);
    cargo.args(["--message-format", "json-render-diagnostics"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let messages = tools::output(&mut cargo, "building the USB camera")?;
    executable(&String::from_utf8_lossy(&messages)).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "building the USB camera").because("cargo names no program")
    })
}

/// The last program that cargo's messages, one in each line, name.
fn executable(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().rev().filter_map(|line| serde_json::from_str(line).ok());
    messages.filter_map(|message: serde_json::Value| Some(message["executable"].as_str()?.into())).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_wishes_there_is_one_camera() {
        assert_eq!(list(&[]), "\n");
        assert_eq!(list(&["--name A".into(), "--fault\nskip".into()]), "--name A\n--fault skip\n");
    }

    #[test]
    fn the_program_is_found_in_the_messages_of_cargo() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"a/b\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable(messages), Some("a/b".into()));
        assert_eq!(executable("no json"), None);
    }
}
