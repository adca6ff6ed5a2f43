//! What the ISP's controls say, and what that means to the imaging engine. Knows nothing of
//! devices or memory: the bytes of a lens table are handed in.

use pinhole_base::colour::{Matrix3, Toning};
use pinhole_device::ControlCode;
use pinhole_device::uapi::bcm2835_isp::{
    BlackLevel, Cdn, CustomCcm, Denoise, Dpc, Gamma, Geq, LENS_GRID_HEIGHT_MAX, LENS_GRID_WIDTH_MAX,
    LensShading, Sharpen,
};
use pinhole_device::uapi::control_codes as codes;
use pinhole_imaging::parameters::{self, DefectCorrection, GammaCurve, GreenEqualisation, IspParameters};
use zerocopy::FromBytes;

const GAIN_UNIT: i64 = 1000;
const GAIN_MAX: i64 = 0xffff;
/// Gains in lens tables have 10 bits of fraction.
const LENS_GAIN_UNIT: f32 = 1024.0;
/// The engine's steepest threshold of greens.
const SLOPE_MAX: f64 = 16.0;

/// The controls that are integers: gains, in thousandths.
pub(crate) const GAINS: [(ControlCode, &str); 3] = [
    (codes::RED_BALANCE, "Red Balance"),
    (codes::BLUE_BALANCE, "Blue Balance"),
    (codes::DIGITAL_GAIN, "Digital Gain"),
];

/// Least, usual and greatest value of a gain.
pub(crate) const GAIN_LIMITS: [i64; 3] = [1, GAIN_UNIT, GAIN_MAX];

/// The controls that are structures, with their sizes in bytes, in the order of their numbers.
pub const STRUCTURES: [(ControlCode, &str, usize); 9] = [
    (codes::ISP_CC_MATRIX, "Colour Correction Matrix", size_of::<CustomCcm>()),
    (codes::ISP_LENS_SHADING, "Lens Shading", size_of::<LensShading>()),
    (codes::ISP_BLACK_LEVEL, "Black Level", size_of::<BlackLevel>()),
    (codes::ISP_GEQ, "Green Equalisation", size_of::<Geq>()),
    (codes::ISP_GAMMA, "Gamma", size_of::<Gamma>()),
    (codes::ISP_DENOISE, "Denoise", size_of::<Denoise>()),
    (codes::ISP_SHARPEN, "Sharpen", size_of::<Sharpen>()),
    (codes::ISP_DPC, "Defective Pixel Correction", size_of::<Dpc>()),
    (codes::ISP_CDN, "Colour Denoise", size_of::<Cdn>()),
];

/// What the ISP's controls say.
#[derive(Clone, Debug)]
pub struct IspSettings {
    /// Red, blue, all; in thousandths.
    gains: [i64; GAINS.len()],
    matrix: Option<CustomCcm>,
    shading: Option<LensShading>,
    black_level: Option<BlackLevel>,
    gamma: Option<Box<Gamma>>,
    denoise: Option<Denoise>,
    sharpen: Option<Sharpen>,
    defects: Option<Dpc>,
    greens: Option<Geq>,
    chroma_denoise: Option<Cdn>,
}

impl Default for IspSettings {
    fn default() -> Self {
        Self::new()
    }
}

impl IspSettings {
    /// Everything off.
    pub const fn new() -> Self {
        Self {
            gains: [GAIN_UNIT; GAINS.len()],
            matrix: None,
            shading: None,
            black_level: None,
            gamma: None,
            denoise: None,
            sharpen: None,
            defects: None,
            greens: None,
            chroma_denoise: None,
        }
    }

    /// The value of a gain; `None` for other controls.
    pub fn gain(&self, code: ControlCode) -> Option<i64> {
        Some(self.gains[GAINS.iter().position(|&(known, _)| known == code)?])
    }

    /// Sets a gain, clamped to what it may be. Other controls are left alone.
    pub fn set_gain(&mut self, code: ControlCode, value: i64) {
        if let Some(at) = GAINS.iter().position(|&(known, _)| known == code) {
            self.gains[at] = value.clamp(1, GAIN_MAX);
        }
    }

    /// Sets a structure. One of another size, or a grid that is none, switches it off.
    pub fn set_structure(&mut self, code: ControlCode, bytes: &[u8]) {
        match code {
            codes::ISP_CC_MATRIX => self.matrix = structure(bytes, |ccm: &CustomCcm| ccm.enabled),
            codes::ISP_LENS_SHADING => {
                let shading = structure(bytes, |shading: &LensShading| shading.enabled);
                self.shading = shading.filter(is_grid);
            }
            codes::ISP_BLACK_LEVEL => self.black_level = structure(bytes, |level: &BlackLevel| level.enabled),
            codes::ISP_GAMMA => self.gamma = structure(bytes, |gamma: &Gamma| gamma.enabled).map(Box::new),
            codes::ISP_DENOISE => self.denoise = structure(bytes, |denoise: &Denoise| denoise.enabled),
            codes::ISP_SHARPEN => self.sharpen = structure(bytes, |sharpen: &Sharpen| sharpen.enabled),
            codes::ISP_DPC => self.defects = structure(bytes, |defects: &Dpc| defects.enabled),
            codes::ISP_GEQ => self.greens = structure(bytes, |greens: &Geq| greens.enabled),
            codes::ISP_CDN => self.chroma_denoise = structure(bytes, |chroma: &Cdn| chroma.enabled),
            _ => {}
        }
    }

    /// Bytes of the lens table that the settings speak of; 0: of none.
    pub fn lens_table_bytes(&self) -> usize {
        self.shading.as_ref().map_or(0, table_bytes)
    }

    /// What a run that begins now is to do. Without a whole lens table no shading is undone.
    pub fn parameters(&self, lens_table: &[u8]) -> IspParameters {
        let [red_gain, blue_gain, digital_gain] = self.gains.map(|gain| gain as f32 / GAIN_UNIT as f32);
        let level = |level: &BlackLevel| [level.black_level_r, level.black_level_g, level.black_level_b];
        let shading = self.shading.as_ref().filter(|shading| lens_table.len() >= table_bytes(shading));
        IspParameters {
            black_level: self.black_level.as_ref().map_or([0; 3], level),
            red_gain,
            blue_gain,
            digital_gain,
            lens_shading: shading.map(|shading| lens_shading(shading, lens_table)),
            colour_matrix: self.matrix.as_ref().map(colour_matrix),
            saturation: 1.0,
            toning: Toning::NONE,
            gamma: self.gamma.as_deref().map(gamma_curve),
            defects: self.defects.as_ref().map_or(DefectCorrection::Off, defect_correction),
            green_equalisation: self.greens.as_ref().map(green_equalisation),
            chroma_denoise: self.chroma_denoise.as_ref().map_or(0.0, chroma_denoise),
            denoise: self.denoise.as_ref().map_or(parameters::Denoise::OFF, denoise),
            sharpen: self.sharpen.as_ref().map_or(parameters::Sharpen::OFF, sharpen),
            demosaic: parameters::Demosaic::Malvar,
        }
    }
}

/// A structure of the right size, if it is enabled.
pub(crate) fn structure<T: FromBytes>(bytes: &[u8], enabled: impl Fn(&T) -> u32) -> Option<T> {
    T::read_from_bytes(bytes).ok().filter(|structure| enabled(structure) != 0)
}

/// Whether a control speaks of a grid that a table can have.
pub(crate) fn is_grid(control: &LensShading) -> bool {
    (2..=LENS_GRID_WIDTH_MAX).contains(&(control.grid_width as usize))
        && (2..=LENS_GRID_HEIGHT_MAX).contains(&(control.grid_height as usize))
        && control.grid_stride >= control.grid_width
        && control.grid_stride as usize <= LENS_GRID_WIDTH_MAX
        && control.grid_cell_size > 0
}

/// Four planes of 16 bits a point.
pub(crate) const fn table_bytes(control: &LensShading) -> usize {
    4 * control.grid_stride as usize * control.grid_height as usize * 2
}

fn lens_shading(control: &LensShading, bytes: &[u8]) -> parameters::LensShading {
    let (stride, columns, rows) =
        (control.grid_stride as usize, control.grid_width as usize, control.grid_height as usize);
    let gain = |at: usize| f32::from(u16::from_ne_bytes([bytes[2 * at], bytes[2 * at + 1]])) / LENS_GAIN_UNIT;
    let plane = |plane: usize| {
        let points = (0..rows * columns).map(|i| plane * stride * rows + i / columns * stride + i % columns);
        points.map(gain).collect()
    };
    let cell = control.grid_cell_size as f32;
    parameters::LensShading {
        columns,
        rows,
        cell_pixels: (cell, cell),
        gains: [plane(0), plane(1), plane(2), plane(3)],
    }
}

fn colour_matrix(ccm: &CustomCcm) -> parameters::ColourMatrix {
    let matrix = Matrix3(ccm.ccm.map(|row| row.map(|value| value.value())));
    parameters::ColourMatrix { matrix, offsets: ccm.offsets.map(f64::from) }
}

/// The curve's points, up to where they cease to rise.
fn gamma_curve(gamma: &Gamma) -> GammaCurve {
    let mut points: Vec<(u16, u16)> = Vec::with_capacity(gamma.x.len());
    for point in gamma.x.into_iter().zip(gamma.y) {
        if points.last().is_some_and(|last| point.0 <= last.0) {
            break;
        }
        points.push(point);
    }
    GammaCurve { points }
}

const fn defect_correction(defects: &Dpc) -> DefectCorrection {
    match defects.strength {
        0 => DefectCorrection::Off,
        1 => DefectCorrection::Normal,
        _ => DefectCorrection::Strong,
    }
}

/// A slope out of range is brought into it, as hardware would do.
fn green_equalisation(greens: &Geq) -> GreenEqualisation {
    let slope = greens.slope.value().clamp(0.0, SLOPE_MAX) as f32;
    GreenEqualisation { offset: greens.offset.min(u32::from(u16::MAX)) as u16, slope }
}

/// The strengths of the two modes: fast, and high quality.
const fn chroma_denoise(chroma: &Cdn) -> f32 {
    let [fast, high_quality] = parameters::CHROMA_DENOISE_MODES;
    if chroma.mode == 0 { fast } else { high_quality }
}

fn denoise(denoise: &Denoise) -> parameters::Denoise {
    parameters::Denoise {
        constant: denoise.constant as f32,
        slope: denoise.slope.value() as f32,
        strength: denoise.strength.value() as f32,
    }
}

fn sharpen(sharpen: &Sharpen) -> parameters::Sharpen {
    let [threshold, strength, limit] =
        [sharpen.threshold, sharpen.strength, sharpen.limit].map(|measure| measure.value() as f32);
    parameters::Sharpen::times_normal(threshold, strength, limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_device::uapi::bcm2835_isp::Rational;
    use zerocopy::IntoBytes;

    #[test]
    fn structures_become_parameters() {
        let mut settings = IspSettings::new();
        let level =
            BlackLevel { enabled: 1, black_level_r: 1, black_level_g: 2, black_level_b: 3, pad: [0; 2] };
        let mut ccm =
            CustomCcm { enabled: 1, ccm: [[Rational::thousandths(0.0); 3]; 3], offsets: [1, -2, 3] };
        ccm.ccm[0][1] = Rational::thousandths(-0.25);
        let mut gamma = Gamma { enabled: 1, x: [0; 33], y: [0; 33] };
        (gamma.x[1], gamma.y[1]) = (1000, 2000);
        settings.set_structure(codes::ISP_BLACK_LEVEL, level.as_bytes());
        settings.set_structure(codes::ISP_CC_MATRIX, ccm.as_bytes());
        settings.set_structure(codes::ISP_GAMMA, gamma.as_bytes());
        let one = Rational::thousandths(1.0);
        let sharpen =
            Sharpen { enabled: 1, threshold: one, strength: one, limit: Rational::thousandths(0.5) };
        settings.set_structure(codes::ISP_SHARPEN, sharpen.as_bytes());
        let geq = Geq { enabled: 1, offset: 300, slope: Rational::thousandths(0.125) };
        settings.set_structure(codes::ISP_GEQ, geq.as_bytes());
        settings.set_structure(codes::ISP_CDN, Cdn { enabled: 1, mode: 1 }.as_bytes());
        let told = settings.parameters(&[]);
        assert_eq!(told.black_level, [1, 2, 3]);
        let matrix = told.colour_matrix.unwrap();
        assert_eq!((matrix.matrix.0[0][1], matrix.offsets), (-0.25, [1.0, -2.0, 3.0]));
        assert_eq!(told.gamma.unwrap().points, [(0, 0), (1000, 2000)]);
        let evening = Some(GreenEqualisation { offset: 300, slope: 0.125 });
        assert_eq!((told.green_equalisation, told.chroma_denoise), (evening, 1.0));
        // In codes of 8 bits, where 1 is normal to the controls.
        let sharpen = parameters::Sharpen { threshold: 2.0, strength: 1.0, limit: 12.0 };
        assert_eq!(told.sharpen, sharpen);
        for (code, _, size) in STRUCTURES {
            settings.set_structure(code, &vec![0; size]);
        }
        assert_eq!(settings.parameters(&[]), IspParameters::default(), "all is switched off");
    }

    /// Would catch a control that stops every frame from then on: the engine refuses nonsense.
    #[test]
    fn thresholds_of_greens_that_make_no_sense_are_brought_into_range() {
        let mut settings = IspSettings::new();
        for (num, den, slope) in [(-1, 2, 0.0), (1, 0, 0.0), (1_000_000, 1, 16.0)] {
            let geq = Geq { enabled: 1, offset: 70_000, slope: Rational { num, den } };
            settings.set_structure(codes::ISP_GEQ, geq.as_bytes());
            let evening = GreenEqualisation { offset: 65535, slope };
            assert_eq!(settings.parameters(&[]).green_equalisation, Some(evening), "{num}/{den}");
        }
    }

    #[test]
    fn a_lens_table_that_is_cut_short_undoes_nothing() {
        let mut settings = IspSettings::new();
        let mut shading = LensShading::read_from_bytes(&[0; 36]).unwrap();
        (shading.enabled, shading.grid_cell_size) = (1, 64);
        (shading.grid_width, shading.grid_stride, shading.grid_height) = (2, 2, 2);
        settings.set_structure(codes::ISP_LENS_SHADING, shading.as_bytes());
        assert_eq!(settings.lens_table_bytes(), 32);
        assert_eq!(settings.parameters(&[0; 31]).lens_shading, None);
        assert!(settings.parameters(&[0; 32]).lens_shading.is_some());
        shading.grid_width = 65;
        settings.set_structure(codes::ISP_LENS_SHADING, shading.as_bytes());
        assert_eq!(settings.lens_table_bytes(), 0);
    }
}
