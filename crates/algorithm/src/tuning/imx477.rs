//! Sony IMX477 with the lens of the High Quality Camera's kit.
//!
//! Colours, light and noise are those of the simulated sensor of that name.

use super::{ColourPoint, DetailTuning, Tuning, WhiteBalanceTuning, WhitePoint, point, white};
use std::borrow::Cow;

/// The tuning for the IMX477.
pub static IMX477: Tuning = Tuning {
    name: Cow::Borrowed("imx477"),
    white_balance: WhiteBalanceTuning { curve: Cow::Borrowed(WHITE), ..Tuning::UNCALIBRATED.white_balance },
    colour: Cow::Borrowed(COLOUR),
    saturation_lux_s: Some(19.18),
    vignetting: Some([[0.56, 0.28], [0.53, 0.27], [0.51, 0.26]]),
    detail: DetailTuning {
        codes_per_electron: 7.68,
        read_noise_electrons: 3.1,
        ..Tuning::UNCALIBRATED.detail
    },
    ..Tuning::UNCALIBRATED
};

const WHITE: &[WhitePoint] = &[
    white(2400.0, 0.6, 0.31),
    white(2850.0, 0.507, 0.402),
    white(3600.0, 0.427, 0.552),
    white(4600.0, 0.356, 0.668),
    white(5600.0, 0.325, 0.702),
    white(6500.0, 0.308, 0.72),
    white(7600.0, 0.296, 0.738),
    white(9500.0, 0.254, 0.784),
];

const COLOUR: &[ColourPoint] = &[
    point(2850.0, [[1.9152, -0.7930, -0.1221], [-0.4314, 2.0951, -0.6637], [-0.0704, -0.9134, 1.9838]]),
    point(3300.0, [[1.9752, -0.8417, -0.1336], [-0.4166, 2.0791, -0.6625], [-0.0925, -0.7737, 1.8662]]),
    point(4000.0, [[2.0456, -0.9012, -0.1444], [-0.3994, 2.0605, -0.6611], [-0.1137, -0.6339, 1.7475]]),
    point(5000.0, [[2.1158, -0.9628, -0.1530], [-0.3823, 2.0421, -0.6598], [-0.1307, -0.5148, 1.6455]]),
    point(6500.0, [[2.1840, -1.0244, -0.1596], [-0.3659, 2.0244, -0.6585], [-0.1441, -0.4146, 1.5588]]),
];
