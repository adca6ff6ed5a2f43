//! Which ways of making pictures are looked at for their noise, on the chart's grey patches.

use crate::colour::{DEMOSAICS, DEVELOP, GREYS, chart_area};
use crate::grey::Noise;
use crate::light::Light;
use crate::shot::Shot;
use pinhole::Result;
use pinhole::develop::Adjustments;
use pinhole::files::dng::DngImage;
use pinhole::sim::scene::chart_patch_area;
use pinhole_imaging::IspParameters;
use pinhole_imaging::parameters::{Denoise, Sharpen};

/// Not at all, and as much as can be; between them, what is done unasked.
pub(crate) const OFF: &str = "off";
pub(crate) const STRONG: &str = "strong";

/// How noise is smoothed: its name, the strengths in the mosaic and of chroma; no mosaic's strength
/// means that which the camera chose.
const SMOOTHINGS: [(&str, Option<f32>, f32); 3] =
    [(OFF, Some(0.0), 0.0), ("the camera's", None, 0.0), (STRONG, Some(1.0), 1.0)];

/// The noise of the grey patches, made in one way.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) gain: f32,
    pub(crate) way: &'static str,
    /// How it is smoothed.
    pub(crate) smoothing: &'static str,
    /// From white to black.
    pub(crate) patches: Vec<Noise>,
    /// The patches, to look at.
    pub(crate) pictures: Vec<Light>,
}

impl Row {
    /// The mean over the patches.
    pub(crate) fn mean(&self, of: impl Fn(&Noise) -> f64) -> f64 {
        self.patches.iter().map(of).sum::<f64>() / self.patches.len() as f64
    }
}

/// Measures all ways with one frame, without sharpening.
pub(crate) fn measure(shot: &Shot, dng: &DngImage, gain: f32) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let chart = chart_area(shot.model);
    for (name, demosaic) in DEMOSAICS {
        for (smoothing, strength, chroma_denoise) in SMOOTHINGS {
            let told = &shot.parameters;
            let denoise = Denoise { strength: strength.unwrap_or(told.denoise.strength), ..told.denoise };
            let parameters =
                IspParameters { demosaic, denoise, chroma_denoise, sharpen: Sharpen::OFF, ..told.clone() };
            rows.push(row(shot, gain, name, smoothing, &Light::processed(shot, &parameters, chart)?));
        }
    }
    let usual = Adjustments::default();
    for (smoothing, denoise, chroma_denoise) in
        [(OFF, 0.0, 0.0), ("unasked", usual.denoise, usual.chroma_denoise), (STRONG, 1.0, 1.0)]
    {
        let adjustments = Adjustments { denoise, chroma_denoise, sharpness: 0.0, ..usual.clone() };
        let picture = Light::developed(shot, dng, &adjustments, chart)?;
        rows.push(row(shot, gain, DEVELOP, smoothing, &picture));
    }
    Ok(rows)
}

fn row(shot: &Shot, gain: f32, way: &'static str, smoothing: &'static str, picture: &Light) -> Row {
    let pictures: Vec<Light> = GREYS.map(|index| picture.cut(chart_patch_area(index, shot.model))).collect();
    let patches = pictures.iter().map(Noise::of).collect();
    Row { gain, way, smoothing, patches, pictures }
}
