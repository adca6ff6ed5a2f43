//! From the algorithms' parameters to the ISP's controls.

use pinhole_algorithm::parameters::{
    Changed, ChromaDenoise, Curve, DefectCorrection, Denoise, Parameters, Sharpen,
};
use pinhole_base::colour::Matrix3;
use pinhole_device::control::ControlBatch;
use pinhole_device::uapi::bcm2835_isp as isp;
use pinhole_device::uapi::bcm2835_isp::Rational;
use pinhole_device::uapi::control_codes as code;
use zerocopy::IntoBytes;

/// Where the lens shading table lies.
#[derive(Clone, Copy, Debug)]
pub struct ShadingTable {
    /// Its descriptor.
    pub fd: i32,
    /// Points across.
    pub columns: u32,
    /// Points down.
    pub rows: u32,
    /// Pixels from point to point.
    pub cell_pixels: u32,
}

/// Writes the parameters in `changed` to a batch of controls for the ISP's input node.
pub fn encode(
    parameters: &Parameters,
    changed: Changed,
    shading: Option<ShadingTable>,
    batch: &mut ControlBatch,
) {
    if changed.has(Changed::WHITE_BALANCE) {
        batch.integer(code::RED_BALANCE, thousandths(parameters.red_gain));
        batch.integer(code::BLUE_BALANCE, thousandths(parameters.blue_gain));
    }
    if changed.has(Changed::DIGITAL_GAIN) {
        batch.integer(code::DIGITAL_GAIN, thousandths(parameters.digital_gain));
    }
    if changed.has(Changed::BLACK_LEVEL) {
        batch.compound(code::ISP_BLACK_LEVEL, black_level(parameters.black_level).as_bytes());
    }
    if changed.has(Changed::COLOUR_MATRIX) {
        batch.compound(code::ISP_CC_MATRIX, colour_matrix(&parameters.colour_matrix).as_bytes());
    }
    if changed.has(Changed::GAMMA) {
        batch.compound(code::ISP_GAMMA, gamma(&parameters.gamma).as_bytes());
    }
    if changed.has(Changed::LENS_SHADING) {
        batch.compound(code::ISP_LENS_SHADING, lens_shading(shading).as_bytes());
    }
    encode_detail(parameters, changed, batch);
}

fn encode_detail(parameters: &Parameters, changed: Changed, batch: &mut ControlBatch) {
    if changed.has(Changed::DENOISE) {
        batch.compound(code::ISP_DENOISE, denoise(parameters.denoise).as_bytes());
    }
    if changed.has(Changed::CHROMA_DENOISE) {
        batch.compound(code::ISP_CDN, chroma_denoise(parameters.chroma_denoise).as_bytes());
    }
    if changed.has(Changed::SHARPEN) {
        batch.compound(code::ISP_SHARPEN, sharpen(parameters.sharpen).as_bytes());
    }
    if changed.has(Changed::DEFECTS) {
        batch.compound(code::ISP_DPC, defects(parameters.defects).as_bytes());
    }
    if changed.has(Changed::GREEN_EQUALISATION) {
        let greens = parameters.green_equalisation;
        let geq = isp::Geq {
            enabled: u32::from(greens.is_some()),
            offset: greens.map_or(0, |g| u32::from(g.offset)),
            slope: Rational::thousandths(greens.map_or(0.0, |g| g.slope)),
        };
        batch.compound(code::ISP_GEQ, geq.as_bytes());
    }
}

fn thousandths(gain: f64) -> i64 {
    (gain * 1000.0).round() as i64
}

fn black_level([r, g, b]: [u16; 3]) -> isp::BlackLevel {
    isp::BlackLevel { enabled: 1, black_level_r: r, black_level_g: g, black_level_b: b, pad: [0; 2] }
}

fn colour_matrix(matrix: &Matrix3) -> isp::CustomCcm {
    isp::CustomCcm { enabled: 1, ccm: matrix.0.map(|row| row.map(Rational::thousandths)), offsets: [0; 3] }
}

fn gamma(curve: &Curve) -> isp::Gamma {
    isp::Gamma { enabled: 1, x: curve.x, y: curve.y }
}

fn lens_shading(table: Option<ShadingTable>) -> isp::LensShading {
    isp::LensShading {
        enabled: u32::from(table.is_some()),
        grid_cell_size: table.map_or(0, |t| t.cell_pixels),
        grid_width: table.map_or(0, |t| t.columns),
        grid_stride: table.map_or(0, |t| t.columns),
        grid_height: table.map_or(0, |t| t.rows),
        dmabuf: table.map_or(-1, |t| t.fd),
        ref_transform: 0,
        corner_sampled: 1,
        gain_format: 3,
    }
}

fn denoise(denoise: Denoise) -> isp::Denoise {
    isp::Denoise {
        enabled: u32::from(denoise.strength > 0.0),
        constant: denoise.constant.round() as u32,
        slope: Rational::thousandths(denoise.slope),
        strength: Rational::thousandths(denoise.strength),
    }
}

fn chroma_denoise(denoise: ChromaDenoise) -> isp::Cdn {
    isp::Cdn {
        enabled: u32::from(denoise != ChromaDenoise::Off),
        mode: u32::from(denoise == ChromaDenoise::HighQuality),
    }
}

fn sharpen(sharpen: Sharpen) -> isp::Sharpen {
    isp::Sharpen {
        enabled: u32::from(sharpen.strength > 0.0),
        threshold: Rational::thousandths(sharpen.threshold),
        strength: Rational::thousandths(sharpen.strength),
        limit: Rational::thousandths(sharpen.limit),
    }
}

fn defects(defects: DefectCorrection) -> isp::Dpc {
    let strength = match defects {
        DefectCorrection::Off => 0,
        DefectCorrection::Normal => 1,
        DefectCorrection::Strong => 2,
    };
    isp::Dpc { enabled: u32::from(strength > 0), strength }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More than a batch holds would panic on the first frame.
    #[test]
    fn all_parameters_fit_a_batch() {
        let mut batch = ControlBatch::default();
        encode(&Parameters::default(), Changed::ALL, None, &mut batch);
        assert_eq!(batch.writes().len(), 12);
    }

    /// Would catch modes that change places, and one that stays on.
    #[test]
    fn the_colour_of_noise_is_smoothed_in_the_mode_that_is_asked_for() {
        for (wanted, enabled, mode) in
            [(ChromaDenoise::Off, 0, 0), (ChromaDenoise::Fast, 1, 0), (ChromaDenoise::HighQuality, 1, 1)]
        {
            let told = chroma_denoise(wanted);
            assert_eq!((told.enabled, told.mode), (enabled, mode), "{wanted:?}");
        }
    }
}
