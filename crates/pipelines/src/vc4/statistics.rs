//! From the ISP's statistics to the algorithms'.

use pinhole_algorithm::statistics::{FocusWindow, Statistics, Zone};
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_device::uapi::bcm2835_isp as isp;
use zerocopy::FromBytes;

/// Shift from the ISP's sums to the algorithms' 16 bits.
const SHIFT: u32 = 16 - isp::SUM_BITS;

/// Reads a statistics buffer.
///
/// # Errors
/// It is shorter than the layout, or not aligned as buffers are.
pub fn decode(bytes: &[u8], statistics: &mut Statistics) -> Result<()> {
    let (raw, _) = isp::Statistics::ref_from_prefix(bytes).map_err(|_| {
        Error::new(ErrorKind::Malformed, "reading the ISP's statistics").because(format!(
            "{} bytes are fewer than {}",
            bytes.len(),
            size_of::<isp::Statistics>()
        ))
    })?;
    let histogram = &raw.hist[0];
    statistics.histograms = [histogram.r, histogram.g, histogram.b];
    std::iter::zip(&mut statistics.awb, &raw.awb).for_each(|(zone, region)| *zone = zone_of(region));
    std::iter::zip(&mut statistics.agc, &raw.agc).for_each(|(zone, region)| *zone = zone_of(region));
    std::iter::zip(&mut statistics.focus, &raw.focus).for_each(|(window, focus)| *window = window_of(focus));
    Ok(())
}

fn zone_of(region: &isp::Region) -> Zone {
    Zone {
        counted: region.counted,
        uncounted: region.notcounted,
        red: region.r_sum << SHIFT,
        green: region.g_sum << SHIFT,
        blue: region.b_sum << SHIFT,
    }
}

fn window_of(focus: &isp::Focus) -> FocusWindow {
    FocusWindow { contrast: focus.contrast[1][1], counted: focus.num[1][1] }
}
