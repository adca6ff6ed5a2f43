//! One error type for everything that can go wrong outside the program: it says what was
//! being done, to what, with the system's error, and what to do about it.

use std::borrow::Cow;
use std::fmt;

/// What kind of failure it was; programs decide by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller asked for something that makes no sense.
    InvalidArgument,
    /// There is no such camera, device, file, stream, …
    NotFound,
    /// Another user holds it.
    Busy,
    /// Access was refused.
    PermissionDenied,
    /// The call does not fit the present state (queueing while stopped, …).
    WrongState,
    /// The device, or this build, cannot do it.
    Unsupported,
    /// A device answered with an error, or nonsense.
    Device,
    /// The device went away.
    Disconnected,
    /// Nothing came in time.
    Timeout,
    /// Memory, contiguous memory, descriptors or disk ran out.
    OutOfResources,
    /// A stated bound was reached.
    LimitReached,
    /// A file or a byte stream is malformed.
    Malformed,
    /// The algorithms failed.
    Algorithm,
    /// The work was cancelled.
    Cancelled,
    /// Any other input or output error.
    Io,
}

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What was being done, to what, why it failed, and what to do.
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    doing: Cow<'static, str>,
    place: Option<String>,
    reason: Option<String>,
    errno: Option<i32>,
    hint: Option<Cow<'static, str>>,
}

impl Error {
    /// A failure while `doing` something ("queueing a buffer").
    pub fn new(kind: ErrorKind, doing: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            doing: doing.into(),
            place: None,
            reason: None,
            errno: None,
            hint: None,
        }))
    }

    /// A failed system call. The hint is what helps in general; whoever knows better
    /// replaces it.
    pub fn from_errno(errno: i32, doing: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Self::new(kind_of_errno(errno), doing);
        error.0.errno = Some(errno);
        error.0.hint = hint_of_errno(errno).map(Cow::Borrowed);
        error
    }

    /// A failed input or output operation.
    pub fn from_io(error: &std::io::Error, doing: impl Into<Cow<'static, str>>) -> Self {
        match error.raw_os_error() {
            Some(errno) => Self::from_errno(errno, doing),
            None => Self::new(ErrorKind::Io, doing).because(error.to_string()),
        }
    }

    /// Names the device, node or file it happened to.
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.0.place = Some(place.into());
        self
    }

    /// Says why, in words.
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.0.reason = Some(reason.into());
        self
    }

    /// Says what to do about it.
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The system's error number, where a system call failed.
    pub fn errno(&self) -> Option<i32> {
        self.0.errno
    }

    /// What was being done.
    pub fn doing(&self) -> &str {
        &self.0.doing
    }

    /// The device, node or file it happened to.
    pub fn place(&self) -> Option<&str> {
        self.0.place.as_deref()
    }

    /// What to do about it.
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl Clone for Error {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

// Linux's numbers; the same on every architecture Pinhole runs on.
fn kind_of_errno(errno: i32) -> ErrorKind {
    match errno {
        1 | 13 => ErrorKind::PermissionDenied,
        2 => ErrorKind::NotFound,
        6 | 19 => ErrorKind::Disconnected,
        12 | 23 | 24 | 28 => ErrorKind::OutOfResources,
        16 => ErrorKind::Busy,
        22 | 34 => ErrorKind::InvalidArgument,
        25 | 95 => ErrorKind::Unsupported,
        110 => ErrorKind::Timeout,
        _ => ErrorKind::Io,
    }
}

const fn hint_of_errno(errno: i32) -> Option<&'static str> {
    match errno {
        1 | 13 => Some("may this user open the device? being in its group (`video`) is the usual way"),
        12 => Some("use fewer buffers or smaller pictures, or give contiguous memory (`cma=`) more room"),
        16 => Some("is another program using it?"),
        6 | 19 => Some("was it unplugged, or its driver unloaded?"),
        23 | 24 => Some("too many descriptors are open: raise the limit, or drop frames that are done with"),
        28 => Some("make room on the disk"),
        _ => None,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        if let Some(place) = &inner.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}", inner.doing)?;
        match (&inner.reason, inner.errno) {
            (Some(reason), _) => write!(f, ": {reason}")?,
            (None, Some(errno)) => write!(f, ": {}", std::io::Error::from_raw_os_error(errno))?,
            (None, None) => {}
        }
        if let Some(hint) = &inner.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:?}] {self}", self.0.kind)
    }
}

impl std::error::Error for Error {}
