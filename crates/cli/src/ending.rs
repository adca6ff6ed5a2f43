//! How the command ends: what is said, and the exit code.

use crate::console;
use pinhole::{Error, ErrorKind};
use std::process::ExitCode;

/// The exit codes, as `--help` tells them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    it failed while running: no such camera, a file cannot be written, …;
       `doctor`: something stands in the way of cameras
  2    the command line makes no sense, or asks for what the camera cannot do
  130  interrupted (Ctrl-C or SIGTERM); files that were whole are kept";

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It did all it was to do.
    Done,
    /// It did all it was to do, and found what must be mended.
    Unwell,
    /// The user stopped it.
    Interrupted,
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was asked for what makes no sense.
    Usage(Error),
    /// Something went wrong at run time.
    Failed(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Failure {
    /// The failure of something that was planned before the camera ran: a matter of usage
    /// where the request itself is at fault.
    pub(crate) fn of_planning(error: Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidArgument | ErrorKind::LimitReached | ErrorKind::Unsupported => {
                Self::Usage(error)
            }
            _ => Self::Failed(error),
        }
    }
}

/// Says what failed, if anything did, and gives the exit code.
pub(crate) fn exit_code(result: Result<Ending, Failure>) -> ExitCode {
    match result {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Unwell) => ExitCode::FAILURE,
        Ok(Ending::Interrupted) => ExitCode::from(130),
        Err(Failure::Failed(error)) => {
            console::say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
        Err(Failure::Usage(error)) => {
            console::say(&format!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

/// Says what clap has to say: a mistake, or the help that was asked for.
pub(crate) fn of_parsing(error: &clap::Error) -> ExitCode {
    let _ = error.print(); // a closed pipe: nobody is left to read it
    ExitCode::from(error.exit_code() as u8)
}
