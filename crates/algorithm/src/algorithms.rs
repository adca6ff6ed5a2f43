//! The algorithms, in the order in which they run.

mod black_level;
mod colour;
mod detail;
mod exposure;
mod focus;
mod lens_position;
mod lens_shading;
mod lux;
mod tone;
mod white_balance;

use crate::controller::Algorithm;
use crate::tuning::Tuning;
use pinhole_base::control::{Control, ControlList, Value};

/// All algorithms for a sensor. Exposure comes after white balance, whose gains it needs to
/// know how bright a picture will look.
pub(crate) fn all(tuning: &Tuning) -> Vec<Box<dyn Algorithm>> {
    vec![
        Box::new(black_level::BlackLevel),
        Box::new(lens_shading::Shading::new(tuning.vignetting)),
        Box::new(lux::LuxEstimate::new(tuning.saturation_lux_s)),
        Box::new(white_balance::WhiteBalance::new(&tuning.white_balance)),
        Box::new(exposure::ExposureControl::new(&tuning.exposure)),
        Box::new(colour::ColourCorrection::new(&tuning.colour)),
        Box::new(tone::ToneCurve::default()),
        Box::new(detail::Detail::new(tuning.detail)),
        Box::new(focus::FocusMerit),
        Box::new(lens_position::LensPosition::default()),
    ]
}

/// Takes over a control that a request sets.
fn update<T: Value>(value: &mut T, controls: &ControlList, control: Control<T>) {
    if let Some(wanted) = controls.get(control) {
        *value = wanted;
    }
}

/// The number that a request sets, if it makes sense.
fn number(controls: &ControlList, control: Control<f32>) -> Option<f64> {
    let value = controls.get(control)?;
    control.id().check(value.wrap()).ok()?;
    Some(f64::from(value))
}

/// Luma of a colour (ITU-R BT.601).
fn luma([red, green, blue]: [f64; 3]) -> f64 {
    0.299 * red + 0.587 * green + 0.114 * blue
}
