//! Chooses a sensor mode for the streams that an application wants.

use pinhole_base::geometry::{ImagePixels, ModePixels, NativePixels, Rect, Size};

/// One mode of a sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModeInfo {
    /// Size of its frames.
    pub size: Size<ModePixels>,
    /// Bits of a sample.
    pub bits: u8,
    /// The part of the whole array that it shows.
    pub crop: Rect<NativePixels>,
    /// Most frames a second.
    pub fps_max: f64,
}

/// What the streams want of a mode.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WantedMode {
    /// Size of the RAW stream, where one was asked for by size.
    pub raw_size: Option<Size<ModePixels>>,
    /// Bits of the RAW stream's samples, where asked for.
    pub raw_bits: Option<u8>,
    /// Size of the largest processed stream.
    pub processed: Option<Size<ImagePixels>>,
    /// Frames a second, where asked for.
    pub fps: Option<f64>,
}

/// How badly a mode serves: compared field by field, the least wins.
#[derive(PartialEq, PartialOrd)]
struct Penalty {
    raw_size_misses_pixels: u64,
    raw_bits_miss: u8,
    fps_lacking: f64,
    upscaling: f64,
    view_lost: f64,
    pixels: u64,
    bits_below_best: u8,
}

/// The index of the mode that serves best; `None` if there are no modes.
///
/// In order of weight: the RAW size and bits asked for; enough frames a second; no
/// upscaling of the largest processed picture; the whole field of view; few pixels; many
/// bits. The earlier of two equal modes wins.
///
/// ```
/// use pinhole_base::geometry::{Rect, Size};
/// use pinhole_sensor::modes::{ModeInfo, WantedMode, choose};
///
/// let whole = Rect::new(0, 0, 3280, 2464);
/// let mode = |width, height, fps_max| ModeInfo { size: Size::new(width, height), bits: 10, crop: whole, fps_max };
/// let modes = [mode(3280, 2464, 21.0), mode(1640, 1232, 41.0)];
/// let preview = WantedMode { processed: Some(Size::new(800, 600)), ..Default::default() };
/// assert_eq!(choose(&modes, &preview), Some(1));
/// ```
pub fn choose(modes: &[ModeInfo], wanted: &WantedMode) -> Option<usize> {
    let widest = modes.iter().map(|mode| mode.crop.size().area()).max()?;
    let penalty = |mode: &ModeInfo| Penalty {
        raw_size_misses_pixels: wanted.raw_size.map_or(0, |size| size_distance(size, mode.size)),
        raw_bits_miss: wanted.raw_bits.map_or(0, |bits| bits.abs_diff(mode.bits)),
        fps_lacking: wanted.fps.map_or(0.0, |fps| lacking(fps, mode.fps_max)),
        upscaling: wanted.processed.map_or(0.0, |size| upscaling(size, mode.size)),
        view_lost: 1.0 - mode.crop.size().area() as f64 / widest.max(1) as f64,
        pixels: mode.size.area(),
        bits_below_best: u8::MAX - mode.bits,
    };
    let mut best = (0, penalty(modes.first()?));
    for (index, mode) in modes.iter().enumerate().skip(1) {
        let candidate = penalty(mode);
        if candidate < best.1 {
            best = (index, candidate);
        }
    }
    Some(best.0)
}

fn size_distance(a: Size<ModePixels>, b: Size<ModePixels>) -> u64 {
    u64::from(a.width.abs_diff(b.width)) + u64::from(a.height.abs_diff(b.height))
}

/// The fraction of the frame rate that is missing; frame rates are seldom round numbers, so
/// half a percent is none.
fn lacking(fps: f64, fps_max: f64) -> f64 {
    let lack = 1.0 - fps_max / fps;
    if lack > 0.005 { lack } else { 0.0 }
}

fn upscaling(output: Size<ImagePixels>, mode: Size<ModePixels>) -> f64 {
    let horizontal = f64::from(output.width) / f64::from(mode.width.max(1));
    let vertical = f64::from(output.height) / f64::from(mode.height.max(1));
    (horizontal.max(vertical) - 1.0).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(size: (u32, u32), bits: u8, crop: (i32, i32, u32, u32), fps_max: f64) -> ModeInfo {
        ModeInfo {
            size: Size::new(size.0, size.1),
            bits,
            crop: Rect::new(crop.0, crop.1, crop.2, crop.3),
            fps_max,
        }
    }

    /// IMX219's modes in 10 bits, then in 8.
    fn imx219() -> Vec<ModeInfo> {
        let modes = |bits| {
            [
                mode((3280, 2464), bits, (0, 0, 3280, 2464), 21.0),
                mode((1920, 1080), bits, (680, 692, 1920, 1080), 47.0),
                mode((1640, 1232), bits, (0, 0, 3280, 2464), 41.0),
                mode((640, 480), bits, (1000, 752, 1280, 960), 103.0),
            ]
        };
        modes(10).into_iter().chain(modes(8)).collect()
    }

    fn chosen(wanted: &WantedMode) -> (u32, u32, u8) {
        let modes = imx219();
        let mode = modes[choose(&modes, wanted).unwrap()];
        (mode.size.width, mode.size.height, mode.bits)
    }

    fn processed(width: u32, height: u32, fps: Option<f64>) -> WantedMode {
        WantedMode { processed: Some(Size::new(width, height)), fps, ..Default::default() }
    }

    #[test]
    fn modes_serve_the_largest_picture() {
        for (width, height, fps, expected) in [
            (640, 480, None, (1640, 1232, 10)),
            (1640, 1232, None, (1640, 1232, 10)),
            (1920, 1080, None, (3280, 2464, 10)),
            (1920, 1080, Some(30.0), (1920, 1080, 10)),
            (640, 480, Some(30.0), (1640, 1232, 10)),
            (640, 480, Some(60.0), (640, 480, 10)),
            (640, 480, Some(100.0), (640, 480, 10)),
            (640, 480, Some(200.0), (640, 480, 10)),
            (3280, 2464, Some(21.05), (3280, 2464, 10)),
            (8000, 6000, None, (3280, 2464, 10)),
        ] {
            assert_eq!(chosen(&processed(width, height, fps)), expected, "{width}x{height} at {fps:?}");
        }
    }

    #[test]
    fn raw_sizes_and_bits_are_honoured_exactly() {
        for (size, bits) in [((1920, 1080), 10), ((640, 480), 8), ((3280, 2464), 8), ((1640, 1232), 10)] {
            let wanted = WantedMode {
                raw_size: Some(Size::new(size.0, size.1)),
                raw_bits: Some(bits),
                ..processed(1920, 1080, Some(500.0))
            };
            assert_eq!(chosen(&wanted), (size.0, size.1, bits));
        }
    }

    #[test]
    fn a_raw_size_alone_takes_the_most_bits() {
        let wanted = WantedMode { raw_size: Some(Size::new(640, 480)), ..Default::default() };
        assert_eq!(chosen(&wanted), (640, 480, 10));
    }

    #[test]
    fn an_absent_raw_size_takes_the_nearest() {
        let wanted = WantedMode { raw_size: Some(Size::new(1600, 1200)), ..Default::default() };
        assert_eq!(chosen(&wanted), (1640, 1232, 10));
    }

    #[test]
    fn no_wish_takes_the_smallest_of_the_widest_view() {
        assert_eq!(chosen(&WantedMode::default()), (1640, 1232, 10));
    }

    #[test]
    fn nonsense_rates_do_not_disturb_the_choice() {
        for fps in [f64::NAN, 0.0, -1.0, f64::INFINITY] {
            assert!(choose(&imx219(), &processed(640, 480, Some(fps))).is_some());
        }
    }

    #[test]
    fn no_modes_give_no_choice() {
        assert_eq!(choose(&[], &WantedMode::default()), None);
    }
}
