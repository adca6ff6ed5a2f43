//! How far the chart's colours are from those that it has.
//!
//! Pictures of one scene may be brighter or darker as a whole. So all patches are first scaled
//! alike, in linear light, such that the luminances of the grey ones come nearest to theirs
//! (least squares).

use crate::light::{Light, Rgb, luminance};
use crate::shot::{Conditions, Shot, binned};
use pinhole::Result;
use pinhole::colour::difference::{ciede2000, lab};
use pinhole::control;
use pinhole::develop::Adjustments;
use pinhole::geometry::{NativePixels, Rect};
use pinhole::sim::model::SensorModel;
use pinhole::sim::scene::{self, CHART, Scene, chart_patch_area};
use pinhole_imaging::IspParameters;
use pinhole_imaging::parameters::{ColourMatrix, Demosaic};

/// The grey patches, from white to black.
pub(crate) const GREYS: std::ops::Range<usize> = 18..24;

/// Lights that the chart is looked at in: a name, and a temperature in kelvin.
const LIGHTS: [(&str, f64); 4] =
    [("6500 K (D65)", 6500.0), ("5000 K (D50)", 5000.0), ("4000 K (TL84)", 4000.0), ("2856 K (A)", 2856.0)];
const LUX: f64 = 600.0;

/// The three ways of interpolating colours, with their names.
pub(crate) const DEMOSAICS: [(&str, Demosaic); 3] =
    [("linear", Demosaic::Linear), ("malvar", Demosaic::Malvar), ("directional", Demosaic::Directional)];

/// The way of the picture that the camera makes by itself.
pub(crate) const OWN: &str = "the camera's own, 8 bits";
/// The way that is told which light there is.
pub(crate) const KNOWN: &str = "directional, the light known";
/// The way of the raw file's developer.
pub(crate) const DEVELOP: &str = "`develop`";

/// CIEDE2000 over the patches of the chart.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) light: &'static str,
    /// The colour temperature that the camera took the light for, in kelvin.
    pub(crate) estimate: i32,
    pub(crate) way: &'static str,
    pub(crate) mean: f64,
    pub(crate) ninth_decile: f64,
    pub(crate) most: f64,
    /// The patch that is farthest off.
    pub(crate) worst: &'static str,
}

/// The chart as it was seen, its exposure matched.
pub(crate) struct Seen {
    pub(crate) picture: Light,
    /// What brings the picture's exposure to the chart's.
    pub(crate) scale: f64,
}

/// Measures all ways in all lights. Also returns the chart as the camera shows it in each.
pub(crate) fn measure(model: &'static SensorModel, scene: &Scene) -> Result<(Vec<Row>, Vec<Seen>)> {
    let (mut rows, mut seen) = (Vec::new(), Vec::new());
    for (light, kelvin) in LIGHTS {
        let lit = scene::Light { lux: LUX, kelvin };
        let shot = Shot::take(scene, &Conditions { model, mode: binned(model), light: lit, gain: None })?;
        let chart = chart_area(model);
        let row = |way, picture: &Light| row(light, estimate(&shot), way, model, picture);
        for (name, demosaic) in DEMOSAICS {
            let parameters = IspParameters { demosaic, ..shot.parameters.clone() };
            let picture = Light::processed(&shot, &parameters, chart)?;
            rows.push(row(name, &picture));
            if demosaic == shot.parameters.demosaic {
                let scale = scale(&patches(model, &picture));
                seen.push(Seen { picture, scale });
            }
        }
        let own = Light::of_the_camera(&shot, chart);
        rows.push(row(OWN, &own));
        let known = IspParameters { demosaic: Demosaic::Directional, ..with_known_light(&shot, kelvin) };
        rows.push(row(KNOWN, &Light::processed(&shot, &known, chart)?));
        let dng = crate::light::dng(&shot)?;
        let developed = Light::developed(&shot, &dng, &Adjustments::default(), chart)?;
        rows.push(row(DEVELOP, &developed));
    }
    Ok((rows, seen))
}

fn estimate(shot: &Shot) -> i32 {
    shot.metadata.get(control::COLOUR_TEMPERATURE).unwrap_or_default()
}

/// The part of the sensor's array that holds all patches.
pub(crate) fn chart_area(model: &SensorModel) -> Rect<NativePixels> {
    let (first, last) = (chart_patch_area(0, model), chart_patch_area(CHART.len() - 1, model));
    // Even, so that every mode's pixels begin with it.
    let (left, top) = (first.x & !3, first.y & !3);
    let side = |from: i32, to: i64| (to - i64::from(from)) as u32 & !3;
    Rect::new(left, top, side(left, last.right() + 4), side(top, last.bottom() + 4))
}

fn patches(model: &SensorModel, picture: &Light) -> Vec<Rgb> {
    (0..CHART.len()).map(|index| picture.cut(chart_patch_area(index, model)).mean()).collect()
}

/// The factor that brings the luminances of the greys nearest to what they are.
fn scale(patches: &[Rgb]) -> f64 {
    let pairs = GREYS.map(|index| (luminance(patches[index]), luminance(CHART[index].linear())));
    let (mut product, mut square) = (0.0, 0.0);
    for (seen, meant) in pairs {
        product += seen * meant;
        square += seen * seen;
    }
    product / square
}

/// What the camera told its processor, but for white balance and matrix, which are the light's.
fn with_known_light(shot: &Shot, kelvin: f64) -> IspParameters {
    let [red_gain, blue_gain] = shot.model.ideal_gains(kelvin).map(|gain| gain as f32);
    let matrix = ColourMatrix { matrix: shot.model.ideal_ccm(kelvin), offsets: [0.0; 3] };
    IspParameters { red_gain, blue_gain, colour_matrix: Some(matrix), ..shot.parameters.clone() }
}

fn row(light: &'static str, estimate: i32, way: &'static str, model: &SensorModel, picture: &Light) -> Row {
    let patches = patches(model, picture);
    let scale = scale(&patches);
    let mut errors: Vec<(f64, &'static str)> = patches
        .iter()
        .zip(&CHART)
        .map(|(seen, patch)| {
            (ciede2000(lab(seen.map(|value| value * scale)), lab(patch.linear())), patch.name)
        })
        .collect();
    errors.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (most, worst) = errors[errors.len() - 1];
    Row {
        light,
        estimate,
        way,
        mean: errors.iter().map(|error| error.0).sum::<f64>() / errors.len() as f64,
        ninth_decile: errors[(errors.len() * 9).div_ceil(10) - 1].0,
        most,
        worst,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would catch an exposure that is matched by what it is to judge: a picture half as bright is
    /// the same picture.
    #[test]
    fn brightness_is_matched_and_casts_are_not() {
        let halved: Vec<Rgb> = CHART.iter().map(|patch| patch.linear().map(|value| value / 2.0)).collect();
        assert!((scale(&halved) - 2.0).abs() < 1e-9);
        let reddish: Vec<Rgb> = CHART
            .iter()
            .map(|patch| {
                let [red, green, blue] = patch.linear();
                [red * 1.2, green, blue]
            })
            .collect();
        let scale = scale(&reddish);
        let white = lab(reddish[GREYS.start].map(|value| value * scale));
        assert!(ciede2000(white, lab(CHART[GREYS.start].linear())) > 3.0);
    }
}
