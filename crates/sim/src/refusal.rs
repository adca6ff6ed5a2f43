//! How simulated drivers say no: an error number, and for people the reason.

use pinhole_base::Error;
use rustix::io::Errno;
use std::borrow::Cow;

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) errno: Errno,
    reason: Option<Cow<'static, str>>,
}

/// What a simulated driver answers.
pub(crate) type Answer<T> = Result<T, Refusal>;

impl Refusal {
    #[cold]
    pub(crate) fn new(errno: Errno, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { errno, reason: Some(reason.into()) }
    }

    #[cold]
    pub(crate) fn into_error(self, doing: &'static str, place: impl Into<String>) -> Error {
        let error = Error::from_errno(self.errno.raw_os_error(), doing).at(place);
        match self.reason {
            Some(reason) => error.because(format!("{reason} ({})", self.errno)),
            None => error,
        }
    }
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Self {
        Self { errno, reason: None }
    }
}
