//! What the camera is told: on the command line, and line by line through a named pipe while it
//! runs.

use crate::camera::Identity;
use crate::fault::Fault;
use pinhole_base::{Error, ErrorKind, Result};
use std::path::PathBuf;

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) identity: Identity,
    pub(crate) faults: Vec<Fault>,
    /// Where the named pipe is.
    pub(crate) orders: Option<PathBuf>,
}

impl Options {
    /// Reads the arguments that follow the program's name.
    ///
    /// # Errors
    /// `InvalidArgument` for what is not understood.
    pub(crate) fn read(arguments: &[String]) -> Result<Self> {
        let identity = Identity { name: "Pinhole test camera".into(), serial: "0001".into() };
        let mut options = Self { identity, faults: Vec::new(), orders: None };
        for pair in arguments.chunks(2) {
            let [option, value] = pair else { return Err(unknown(&pair[0], "it needs a value")) };
            match option.as_str() {
                "--name" => options.identity.name.clone_from(value),
                "--serial" => options.identity.serial.clone_from(value),
                "--fault" => options.faults.extend(faults(value)?),
                "--orders" => options.orders = Some(value.into()),
                _ => return Err(unknown(option, "there is no such option")),
            }
        }
        Ok(options)
    }
}

fn unknown(option: &str, reason: &'static str) -> Error {
    Error::new(ErrorKind::InvalidArgument, "reading the options").at(option).because(reason)
}

/// Faults with commas between them.
fn faults(text: &str) -> Result<Vec<Fault>> {
    text.split(',').map(str::parse).collect()
}

/// A line through the pipe.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// `unplug`, `replug`: at once. `replug` puts the plug in again a second later.
    Unplug {
        /// Whether it was `replug`.
        returns: bool,
    },
    /// `plug`
    Plug,
    /// `heal`: forgets all faults.
    Heal,
    /// Faults with commas between them.
    Faults(Vec<Fault>),
}

impl Order {
    /// Reads a line.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no order.
    pub(crate) fn read(line: &str) -> Result<Self> {
        match line.trim() {
            "unplug" => Ok(Self::Unplug { returns: false }),
            "replug" => Ok(Self::Unplug { returns: true }),
            "plug" => Ok(Self::Plug),
            "heal" => Ok(Self::Heal),
            text => faults(text).map(Self::Faults),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_orders_are_read() {
        let arguments = ["--name", "A b", "--fault", "skip@3,truncate@1/2", "--orders", "run/orders"];
        let options = Options::read(&arguments.map(String::from)).expect("they are well written");
        assert_eq!((options.identity.name.as_str(), options.faults.len()), ("A b", 2));
        assert_eq!(options.orders, Some("run/orders".into()));
        assert_eq!(Order::read(" unplug\n").expect("it is one"), Order::Unplug { returns: false });
        let fault = "unplug@5".parse().expect("it is one");
        assert_eq!(Order::read("unplug@5").expect("it is one"), Order::Faults(vec![fault]));
    }

    #[test]
    fn others_are_refused() {
        for arguments in [&["--name"][..], &["--zoom", "3"], &["--fault", "skip@1,,"], &["x"]] {
            let arguments: Vec<String> = arguments.iter().map(|&text| text.into()).collect();
            let error = Options::read(&arguments).expect_err("it makes no sense");
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
        assert!(Order::read("dance").is_err());
        assert!(Order::read("").is_err());
    }
}
