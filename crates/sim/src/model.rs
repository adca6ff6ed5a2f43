//! The sensors and lenses that the simulator can play: their arrays, modes, timing, registers,
//! noise and colours, as constants.
//!
//! Geometry, timing, registers and delays are public facts of the parts and their Linux drivers.
//! What the lens shades, and how much light comes through it, are what libcamera's calibrations of
//! the Raspberry Pi's camera modules found: its tunings undo the one, and reckon illuminance from the
//! other. Electron counts and colour responses are plausible figures of our own for parts of that
//! size. Knows nothing of scenes, frames or device nodes.

mod colour;
mod ideal;
mod imx219;
mod imx477;
mod lens;

use pinhole_base::format::BayerOrder;
use pinhole_base::geometry::{ModePixels, NativePixels, Rect, Size};
use pinhole_base::vignetting::Vignetting;

pub use colour::{ColourResponse, WhiteResponse};
pub use imx219::IMX219;
pub use imx477::IMX477;
pub use lens::{DW9807, LensModel};

/// Everything the simulator knows of one type of sensor.
#[derive(Debug)]
pub struct SensorModel {
    /// The driver's name, e.g. `imx219`.
    pub name: &'static str,
    /// The name of its entity in the media graph, e.g. `imx219 10-0010`.
    pub entity_name: &'static str,
    /// The whole array, with the pixels that are never sent.
    pub native_size: Size<NativePixels>,
    /// The part that sees light.
    pub active_area: Rect<NativePixels>,
    /// Distance between pixel centres.
    pub pixel_pitch_nm: u32,
    /// The mosaic's order at the top left of every mode, unflipped.
    pub order: BayerOrder,
    /// The modes, largest first.
    pub modes: &'static [SensorMode],
    /// Pixels that leave the array in a second; the clock of line and frame lengths.
    pub pixel_rate_hz: u64,
    /// The limits of the exposure time.
    pub exposure: ExposureLimits,
    /// The analogue gain's codes.
    pub gain: GainCodes,
    /// Frames from writing a control to the first frame taken with it.
    pub delays: ControlDelays,
    /// Where the embedded data holds which register.
    pub embedded: EmbeddedLayout,
    /// Where black lies, on a scale of 16 bits (0 to 65535).
    pub black_level: u16,
    /// Light, charge and noise.
    pub electronics: Electronics,
    /// What the colour filters make of colours.
    pub colour: ColourResponse,
    /// How much darker the picture gets away from the centre, for red, green and blue: the
    /// lens passes `1 / (1 + a r² + b r⁴)`, where `r` is 1 in the corner of the active area.
    pub vignetting: [[f64; 2]; 3],
}

/// One way of reading the array out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SensorMode {
    /// Pixels that the sensor sends.
    pub size: Size<ModePixels>,
    /// The part of the array that they show.
    pub crop: Rect<NativePixels>,
    /// Pixels of one colour averaged into one, across and down.
    pub binning: (u32, u32),
    /// Bits a sample that the mode can send.
    pub bits: &'static [u8],
    /// Least, and default, pixel clocks from line to line (width and horizontal blanking).
    pub line_length_pixels: u32,
    /// Most pixel clocks from line to line; equal to the least where it is fixed.
    pub line_length_pixels_max: u32,
    /// Lines from frame to frame (height and vertical blanking).
    pub frame_length: FrameLength,
}

/// Lines from the start of one frame to the start of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLength {
    /// The least: the mode's fastest frame rate.
    pub min_lines: u32,
    /// The most.
    pub max_lines: u32,
    /// The driver's first choice.
    pub default_lines: u32,
}

/// The limits of the exposure time, in lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExposureLimits {
    /// The least.
    pub min_lines: u32,
    /// How many lines shorter than the frame it must be.
    pub margin_lines: u32,
    /// The driver's first choice.
    pub default_lines: u32,
}

/// How codes stand for analogue gains: `scale / (scale - code)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GainCodes {
    /// The constant of the formula.
    pub scale: u32,
    /// The highest code; the lowest is 0.
    pub max_code: u32,
}

impl GainCodes {
    /// The gain that a code stands for; codes above the highest count as the highest.
    pub fn factor(&self, code: u32) -> f64 {
        f64::from(self.scale) / f64::from(self.scale - code.min(self.max_code))
    }

    /// The code whose gain comes nearest without exceeding `factor`.
    pub fn code(&self, factor: f64) -> u32 {
        let scale = f64::from(self.scale);
        // A hair of slack, so that the gain of a code gives that code back.
        let code = (scale - scale / factor.max(1.0) + 1e-9).floor();
        (code as u32).min(self.max_code)
    }
}

/// Frames from writing a control to the first frame taken with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlDelays {
    /// Exposure time.
    pub exposure_frames: u32,
    /// Analogue gain.
    pub gain_frames: u32,
    /// Vertical blanking.
    pub vblank_frames: u32,
    /// Horizontal blanking.
    pub hblank_frames: u32,
}

/// What the lines of embedded data hold: tagged register values, as SMIA and CCS define them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddedLayout {
    /// Bytes of a line as the driver announces them.
    pub line_bytes: u32,
    /// Lines as the driver announces them.
    pub lines: u32,
    /// Exposure time in lines, two bytes, high one first.
    pub exposure_register: u16,
    /// Analogue gain code.
    pub gain_register: u16,
    /// Bytes of the gain code.
    pub gain_bytes: u8,
    /// Frame length in lines, two bytes.
    pub frame_length_register: u16,
    /// The most lines that it holds. In longer frames the sensor counts in units of 2, 4, 8 …
    /// lines, and so do this register and the exposure's.
    pub frame_length_max_lines: u32,
    /// Line length in pixel clocks, two bytes.
    pub line_length_register: u16,
    /// Temperature in degrees Celsius, one signed byte.
    pub temperature_register: Option<u16>,
}

/// How light becomes numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Electronics {
    /// Electrons that a pixel holds, and that make the highest code at a gain of 1.
    pub full_well_electrons: f64,
    /// Noise added before the gain, standard deviation.
    pub read_noise_electrons: f64,
    /// Noise added after the gain, standard deviation in codes of 10 bits.
    pub converter_noise_codes: f64,
    /// Electrons in a green pixel at the centre, for a white surface lit with one lux and
    /// exposed for one second, through the lens that belongs to the module.
    pub electrons_per_lux_s: f64,
}

impl SensorModel {
    /// Every model.
    pub const ALL: [&'static Self; 2] = [&IMX219, &IMX477];

    /// The model of that name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|model| model.name == name)
    }

    /// Time from line to line for a line length in pixel clocks, in nanoseconds.
    pub fn line_ns(&self, line_length_pixels: u32) -> f64 {
        f64::from(line_length_pixels) * 1e9 / self.pixel_rate_hz as f64
    }

    /// The gain in red, green and blue that undoes the vignetting at a point of the array.
    pub fn shading_gain(&self, x: f64, y: f64) -> [f64; 3] {
        Vignetting { coefficients: self.vignetting, area: self.active_area }.gains(x, y)
    }
}

#[cfg(test)]
mod tests;
