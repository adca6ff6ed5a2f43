//! The structures in which the VC4 ISP takes its parameters and gives its statistics
//! (`linux/bcm2835-isp.h` and the firmware's statistics block), in native byte order.

use pinhole_base::format::{FourCc, PixelFormat};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Format code of a statistics buffer: `BSTA`.
pub const STATISTICS_FOURCC: FourCc = FourCc::new(b"BSTA");
/// Format code of a buffer of embedded sensor data: `SENS`.
pub const SENSOR_DATA_FOURCC: FourCc = FourCc::new(b"SENS");

/// What the ISP's outputs can write that Pinhole knows; the first is what it writes unasked.
pub const OUTPUT_FORMATS: [PixelFormat; 12] = [
    PixelFormat::Yuv420,
    PixelFormat::Yvu420,
    PixelFormat::Nv12,
    PixelFormat::Nv21,
    PixelFormat::Yuyv,
    PixelFormat::Yvyu,
    PixelFormat::Uyvy,
    PixelFormat::Vyuy,
    PixelFormat::Rgb24,
    PixelFormat::Bgr24,
    PixelFormat::Bgrx32,
    PixelFormat::Rgbx32,
];

/// Bits of the pixel values that regions sum: the ISP's pipeline works on 13.
pub const SUM_BITS: u32 = 13;

/// Most points across a lens shading table.
pub const LENS_GRID_WIDTH_MAX: usize = 64;
/// Most points down a lens shading table.
pub const LENS_GRID_HEIGHT_MAX: usize = 49;
/// Points of the gamma curve.
pub const GAMMA_POINTS: usize = 33;

macro_rules! structures {
    ($($(#[doc = $doc:literal])+ $name:ident [$bytes:literal] { $($(#[doc = $fdoc:literal])+ $field:ident: $type:ty),+ $(,)? })+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, FromBytes, IntoBytes, KnownLayout, Immutable)]
        #[repr(C)]
        pub struct $name { $($(#[doc = $fdoc])+ pub $field: $type),+ }

        const _: () = assert!(size_of::<$name>() == $bytes);
    )+};
}

structures! {
    /// A fraction.
    Rational [8] {
        /// Numerator.
        num: i32,
        /// Denominator; 0 is not allowed.
        den: u32,
    }
    /// Colour correction: `out = ccm × in + offsets`.
    CustomCcm [88] {
        /// 1: use it.
        enabled: u32,
        /// The matrix, row by row.
        ccm: [[Rational; 3]; 3],
        /// Added afterwards.
        offsets: [i32; 3],
    }
    /// Lens shading: four planes (R, Gr, Gb, B) of u16 gains with 10 bits of fraction.
    LensShading [36] {
        /// 1: use it.
        enabled: u32,
        /// Pixels from one grid point to the next.
        grid_cell_size: u32,
        /// Points across.
        grid_width: u32,
        /// Points from one row to the next.
        grid_stride: u32,
        /// Points down.
        grid_height: u32,
        /// Descriptor of the table.
        dmabuf: i32,
        /// Transform of the sensor that the table was made for.
        ref_transform: u32,
        /// 1: points lie on the corners of cells.
        corner_sampled: u32,
        /// 3: u4.10.
        gain_format: u32,
    }
    /// Black level, at 16 bits.
    BlackLevel [12] {
        /// 1: use it.
        enabled: u32,
        /// Of red.
        black_level_r: u16,
        /// Of green.
        black_level_g: u16,
        /// Of blue.
        black_level_b: u16,
        /// Unused.
        pad: [u8; 2],
    }
    /// Green equalisation.
    Geq [16] {
        /// 1: use it.
        enabled: u32,
        /// Fixed threshold.
        offset: u32,
        /// Threshold in proportion to the level.
        slope: Rational,
    }
    /// The gamma curve.
    Gamma [136] {
        /// 1: use it.
        enabled: u32,
        /// Levels in, rising.
        x: [u16; GAMMA_POINTS],
        /// Levels out.
        y: [u16; GAMMA_POINTS],
    }
    /// Colour denoise.
    Cdn [8] {
        /// 1: use it.
        enabled: u32,
        /// 0 fast, 1 high quality.
        mode: u32,
    }
    /// Spatial denoise.
    Denoise [24] {
        /// 1: use it.
        enabled: u32,
        /// Noise that does not depend on the level.
        constant: u32,
        /// Noise that grows with the root of the level.
        slope: Rational,
        /// How much to take away, 0 to 1.
        strength: Rational,
    }
    /// Sharpening, in measures of which 1 is normal.
    Sharpen [28] {
        /// 1: use it.
        enabled: u32,
        /// Detail below it is left alone.
        threshold: Rational,
        /// How much.
        strength: Rational,
        /// The most that is added.
        limit: Rational,
    }
    /// Defective pixel correction.
    Dpc [8] {
        /// 1: use it.
        enabled: u32,
        /// 0 none, 1 normal, 2 strong.
        strength: u32,
    }
    /// Histograms of one tap.
    Histogram [1536] {
        /// Red.
        r: [u32; 128],
        /// Green.
        g: [u32; 128],
        /// Blue.
        b: [u32; 128],
    }
    /// Sums over one region.
    Region [32] {
        /// Pixels counted.
        counted: u32,
        /// Pixels not counted (clipped or too dark).
        notcounted: u32,
        /// Sum of red.
        r_sum: u64,
        /// Sum of green.
        g_sum: u64,
        /// Sum of blue.
        b_sum: u64,
    }
    /// Contrast of one region under two filters.
    Focus [48] {
        /// Sum of the filters' answers.
        contrast: [[u64; 2]; 2],
        /// How many pixels gave them.
        num: [[u32; 2]; 2],
    }
    /// All statistics of a frame.
    Statistics [10824] {
        /// Version of the layout.
        version: u32,
        /// Bytes of the layout.
        size: u32,
        /// Histograms before and after the gains.
        hist: [Histogram; 2],
        /// White balance: 16 zones across, 12 down, row by row.
        awb: [Region; 192],
        /// Regions that can be placed at will.
        floating: [Region; 16],
        /// Exposure: 15 weighted regions (the last is unused).
        agc: [Region; 16],
        /// Focus: 4 regions across, 3 down.
        focus: [Focus; 12],
    }
}

impl Rational {
    /// The fraction nearest to a number, in thousandths.
    pub fn thousandths(value: f64) -> Self {
        Self { num: (value * 1000.0).round() as i32, den: 1000 }
    }

    /// Its value; 0 where the denominator is 0.
    pub fn value(self) -> f64 {
        if self.den == 0 { 0.0 } else { f64::from(self.num) / f64::from(self.den) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    /// A field elsewhere than the firmware puts it would make exposure follow noise.
    #[test]
    fn statistics_lie_where_the_firmware_puts_them() {
        assert_eq!(offset_of!(Statistics, hist), 8);
        assert_eq!(offset_of!(Statistics, awb), 3080);
        assert_eq!(offset_of!(Statistics, floating), 9224);
        assert_eq!(offset_of!(Statistics, agc), 9736);
        assert_eq!(offset_of!(Statistics, focus), 10248);
    }
}
