//! Single steps for frames that lie in memory, for programs that want a step and not the chain.
//!
//! Each goes once over its frame, writes into what the caller has, allocates nothing, and works on
//! one thread: the caller's.

mod half;
mod linear;

use pinhole_base::format::BayerOrder;
use pinhole_base::geometry::{ModePixels, Size};
use pinhole_base::{Error, ErrorKind, Result};

use crate::simd::Level;
use half::{HalveBytes, HalveWords};
use linear::LinearFrame;

/// Of more bytes than these the first may have left the caches before the last are written.
const CACHED_BYTES_MAX: usize = 4 << 20;

/// Interpolates a mosaic linearly: each colour is the mean of its nearest samples, within 1 of
/// 65535; beyond the edges the mosaic mirrors about its outermost samples.
///
/// `samples` of 16 bits (or fewer: none changes the scale) have `stride` of them from row to row;
/// `rgb` becomes rows of [`Rgb48`](pinhole_base::format::PixelFormat::Rgb48), `rgb_stride_bytes`
/// apart: red, green and blue of each pixel by turns, low bytes first. Bytes between rows stay.
/// Pictures of more than 4 MiB go past the caches, where the machine can: who reads them next fetches
/// them from memory.
///
/// ```
/// use pinhole_base::{format::BayerOrder, geometry::Size};
/// let mosaic = [400, 200, 400, 200, 200, 100, 200, 100];
/// let mut rgb = [0; 4 * 2 * 6];
/// pinhole_imaging::steps::demosaic16(&mosaic, 4, Size::new(4, 2), BayerOrder::Rggb, &mut rgb, 24)?;
/// assert!(rgb.chunks(2).map(|value| u16::from_le_bytes([value[0], value[1]])).eq([400, 200, 100].repeat(8)));
/// # Ok::<(), pinhole_base::Error>(())
/// ```
///
/// # Errors
/// `InvalidArgument` for frames of less than 2 pixels either way, strides shorter than a row, and
/// slices that end before the last row does.
pub fn demosaic16(
    samples: &[u16],
    stride: usize,
    size: Size<ModePixels>,
    order: BayerOrder,
    rgb: &mut [u8],
    rgb_stride_bytes: usize,
) -> Result<()> {
    let (width, height) = (size.width as usize, size.height as usize);
    if width < 2 || height < 2 {
        return Err(invalid(format!("a mosaic of {size} is too small")));
    }
    check("the mosaic", samples.len(), stride, (width, height))?;
    check("the picture", rgb.len(), rgb_stride_bytes, (6 * width, height))?;
    let frame = LinearFrame { samples, stride, size, order, rgb, rgb_stride_bytes };
    if 6 * width * height > CACHED_BYTES_MAX {
        Level::best().run_streaming(frame);
    } else {
        Level::best().run(frame);
    }
    Ok(())
}

/// Halves a plane of bytes either way: each becomes the mean of 2×2, exactly, halves rounded up.
///
/// `samples` have `stride` of them from row to row, `halved` has `halved_stride`. An odd column or
/// row at the end is left out. What lies between rows stays. A picture is halved plane by plane.
///
/// # Errors
/// `InvalidArgument` for strides shorter than a row, and slices that end before the last row does.
pub fn halve8(
    samples: &[u8],
    stride: usize,
    size: Size,
    halved: &mut [u8],
    halved_stride: usize,
) -> Result<()> {
    let level = Level::best();
    halve(samples, stride, size, halved, halved_stride, |rows, out| level.run(HalveBytes { rows, out }))
}

/// The same with samples of 16 bits.
///
/// # Errors
/// As [`halve8`].
pub fn halve16(
    samples: &[u16],
    stride: usize,
    size: Size,
    halved: &mut [u16],
    halved_stride: usize,
) -> Result<()> {
    let level = Level::best();
    halve(samples, stride, size, halved, halved_stride, |rows, out| level.run(HalveWords { rows, out }))
}

fn halve<T>(
    samples: &[T],
    stride: usize,
    size: Size,
    halved: &mut [T],
    halved_stride: usize,
    pair: impl Fn([&[T]; 2], &mut [T]),
) -> Result<()> {
    let (width, height) = (size.width as usize / 2, size.height as usize / 2);
    if width == 0 || height == 0 {
        return Ok(());
    }
    check("the plane", samples.len(), stride, (2 * width, 2 * height))?;
    check("the halved plane", halved.len(), halved_stride, (width, height))?;
    let row = |y: usize| &samples[y * stride..][..2 * width];
    for (y, out) in halved.chunks_mut(halved_stride).take(height).enumerate() {
        pair([row(2 * y), row(2 * y + 1)], &mut out[..width]);
    }
    Ok(())
}

/// Whether there are rows of so many samples.
fn check(what: &str, have: usize, stride: usize, (width, height): (usize, usize)) -> Result<()> {
    let need = stride.checked_mul(height - 1).and_then(|before| before.checked_add(width));
    match need {
        Some(need) if stride >= width && have >= need => Ok(()),
        _ => Err(invalid(format!(
            "{what} has {have} values, {stride} from row to row, and needs {height} rows of {width}"
        ))),
    }
}

fn invalid(reason: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, "processing a frame in memory").because(reason)
}
