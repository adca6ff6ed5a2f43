//! Sony IMX477, 12 megapixels: the Raspberry Pi High Quality Camera.

use pinhole_base::colour::Matrix3;
use pinhole_base::format::BayerOrder;
use pinhole_base::geometry::{Rect, Size};

use super::{
    ColourResponse, ControlDelays, Electronics, EmbeddedLayout, ExposureLimits, FrameLength, GainCodes,
    SensorMode, SensorModel, WhiteResponse,
};

const PIXEL_RATE_HZ: u64 = 840_000_000;
const FRAME_LENGTH_MAX: u32 = 0xffdc;
// Longer frames count their lines in steps of up to 2^7.
const LONG_EXPOSURE_SHIFT_MAX: u32 = 7;

struct Shape {
    size: (u32, u32),
    crop: (i32, i32, u32, u32),
    binning: u32,
    bits: &'static [u8],
    line_length_pixels: u32,
    fps_max: u32,
    fps_default: u32,
}

const fn mode(shape: &Shape) -> SensorMode {
    let lines_a_second = (PIXEL_RATE_HZ / shape.line_length_pixels as u64) as u32;
    SensorMode {
        size: Size::new(shape.size.0, shape.size.1),
        crop: Rect::new(shape.crop.0, shape.crop.1, shape.crop.2, shape.crop.3),
        binning: (shape.binning, shape.binning),
        bits: shape.bits,
        line_length_pixels: shape.line_length_pixels,
        line_length_pixels_max: 0xfff0,
        frame_length: FrameLength {
            min_lines: lines_a_second / shape.fps_max,
            max_lines: FRAME_LENGTH_MAX << LONG_EXPOSURE_SHIFT_MAX,
            default_lines: lines_a_second / shape.fps_default,
        },
    }
}

const fn white(kelvin: f64, red: f64, blue: f64) -> WhiteResponse {
    WhiteResponse { kelvin, red, blue }
}

/// The IMX477.
pub static IMX477: SensorModel = SensorModel {
    name: "imx477",
    entity_name: "imx477 10-001a",
    native_size: Size::new(4072, 3176),
    active_area: Rect::new(8, 16, 4056, 3040),
    pixel_pitch_nm: 1550,
    order: BayerOrder::Rggb,
    modes: &[
        mode(&Shape {
            size: (4056, 3040),
            crop: (8, 16, 4056, 3040),
            binning: 1,
            bits: &[12],
            line_length_pixels: 24000,
            fps_max: 10,
            fps_default: 10,
        }),
        mode(&Shape {
            size: (2028, 1520),
            crop: (8, 16, 4056, 3040),
            binning: 2,
            bits: &[12],
            line_length_pixels: 12740,
            fps_max: 40,
            fps_default: 30,
        }),
        mode(&Shape {
            size: (2028, 1080),
            crop: (8, 456, 4056, 2160),
            binning: 2,
            bits: &[12],
            line_length_pixels: 12740,
            fps_max: 50,
            fps_default: 30,
        }),
        mode(&Shape {
            size: (1332, 990),
            crop: (704, 544, 2664, 1980),
            binning: 2,
            bits: &[10],
            line_length_pixels: 6664,
            fps_max: 120,
            fps_default: 120,
        }),
    ],
    pixel_rate_hz: PIXEL_RATE_HZ,
    exposure: ExposureLimits { min_lines: 4, margin_lines: 22, default_lines: 0x640 },
    gain: GainCodes { scale: 1024, max_code: 978 },
    delays: ControlDelays { exposure_frames: 2, gain_frames: 2, vblank_frames: 3, hblank_frames: 3 },
    embedded: EmbeddedLayout {
        line_bytes: 16384,
        lines: 1,
        exposure_register: 0x0202,
        gain_register: 0x0204,
        gain_bytes: 2,
        frame_length_register: 0x0340,
        frame_length_max_lines: 0xffdc,
        line_length_register: 0x0342,
        temperature_register: Some(0x013a),
    },
    black_level: 4096,
    electronics: Electronics {
        full_well_electrons: 8000.0,
        read_noise_electrons: 1.9,
        converter_noise_codes: 0.3,
        // 830 lux for 27.242 ms fill 17755 of 65536 where a scene reflects 0.23, as ours does.
        electrons_per_lux_s: 417.0,
    },
    colour: ColourResponse {
        warm_kelvin: 2850.0,
        warm: Matrix3([[0.59, 0.28, 0.13], [0.15, 0.63, 0.22], [0.09, 0.30, 0.61]]),
        cool_kelvin: 6500.0,
        cool: Matrix3([[0.52, 0.30, 0.18], [0.12, 0.61, 0.27], [0.08, 0.19, 0.73]]),
        white: &[
            white(2400.0, 0.600, 0.310),
            white(2850.0, 0.507, 0.402),
            white(3600.0, 0.427, 0.552),
            white(4600.0, 0.356, 0.668),
            white(5600.0, 0.325, 0.702),
            white(6500.0, 0.308, 0.720),
            white(7600.0, 0.296, 0.738),
            white(9500.0, 0.254, 0.784),
        ],
    },
    // As in the table of luminance and the calibrations of libcamera's tuning, to within 2 % in the mean.
    vignetting: [[0.56, 0.28], [0.53, 0.27], [0.51, 0.26]],
};
