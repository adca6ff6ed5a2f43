//! Raw files that the user names: read whole, but not without end.

use crate::beginning;
use pinhole::files::dng::{self, DngImage};
use pinhole::{Error, ErrorKind, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Beyond this no offset in a DNG reaches.
const BYTES_MAX: u64 = u32::MAX as u64;

/// Reads a DNG.
///
/// # Errors
/// The file cannot be read, or holds no DNG that is understood; the error names it.
pub(crate) fn read(path: &Path) -> Result<DngImage> {
    parsed(path, &bytes(path)?)
}

/// Reads a DNG from the bytes of a file.
///
/// # Errors
/// They hold no DNG that is understood; the error names the file.
pub(crate) fn parsed(path: &Path, bytes: &[u8]) -> Result<DngImage> {
    let read = if beginning::is_tiff(bytes) { dng::read(bytes) } else { Err(beginning::no_dng(bytes)) };
    read.map_err(|error| error.at(path.display().to_string()))
}

/// Reads a whole file.
///
/// # Errors
/// It cannot be read, or is larger than any picture's; the error names it.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>> {
    let place = path.display().to_string();
    let failed = |error| Error::from_io(&error, "reading the file").at(place.clone());
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    let refused = |reason: &str| {
        Error::new(ErrorKind::InvalidArgument, "reading the file").because(reason).at(place.clone())
    };
    if !about.is_file() {
        return Err(refused("it is not a regular file"));
    }
    if about.len() > BYTES_MAX {
        return Err(refused("it is larger than a DNG can be, 4 GiB"));
    }
    let mut bytes = Vec::with_capacity(about.len() as usize);
    file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
