//! Smooths what noise explains and sharpens what it does not.
//!
//! A pixel's electrons are counted with the root of their number as deviation (shot noise);
//! reading adds its own. With a gain, a code stands for fewer electrons, so noise grows.

use super::{number, update};
use crate::controller::{Algorithm, Preparation};
use crate::parameters::{ChromaDenoise, DefectCorrection, Denoise, Sharpen};
use crate::tuning::DetailTuning;
use pinhole_base::control::{ControlList, NOISE_REDUCTION_MODE, NoiseReductionMode, SHARPNESS};

pub(super) struct Detail {
    tuning: DetailTuning,
    sharpness: f64,
    noise_reduction: NoiseReductionMode,
}

impl Detail {
    pub(super) fn new(tuning: DetailTuning) -> Self {
        Self { tuning, sharpness: 1.0, noise_reduction: NoiseReductionMode::Minimal }
    }

    fn denoise(&self, gain: f64) -> Denoise {
        if self.noise_reduction == NoiseReductionMode::Off {
            return Denoise::default();
        }
        let codes_per_electron = self.tuning.codes_per_electron * gain;
        Denoise {
            constant: self.tuning.read_noise_electrons * codes_per_electron,
            slope: codes_per_electron.sqrt(),
            strength: self.tuning.denoise_strength,
        }
    }

    const fn chroma_denoise(&self) -> ChromaDenoise {
        match self.noise_reduction {
            NoiseReductionMode::Off | NoiseReductionMode::Minimal => ChromaDenoise::Off,
            NoiseReductionMode::Fast => ChromaDenoise::Fast,
            NoiseReductionMode::HighQuality => ChromaDenoise::HighQuality,
        }
    }

    fn sharpen(&self, gain: f64) -> Sharpen {
        Sharpen {
            threshold: gain.sqrt(),
            strength: self.tuning.sharpen_strength * self.sharpness,
            limit: self.sharpness.sqrt(),
        }
    }
}

impl Algorithm for Detail {
    fn control(&mut self, controls: &ControlList) {
        self.sharpness = number(controls, SHARPNESS).unwrap_or(self.sharpness);
        update(&mut self.noise_reduction, controls, NOISE_REDUCTION_MODE);
    }

    fn prepare(&mut self, frame: &mut Preparation<'_>) {
        let gain = frame.context.taken.analogue_gain.clamp(1.0, 1000.0);
        frame.parameters.denoise = self.denoise(gain);
        frame.parameters.chroma_denoise = self.chroma_denoise();
        frame.parameters.sharpen = self.sharpen(gain);
        frame.parameters.defects = DefectCorrection::Normal;
        frame.metadata.set(SHARPNESS, self.sharpness as f32).set(NOISE_REDUCTION_MODE, self.noise_reduction);
    }
}
