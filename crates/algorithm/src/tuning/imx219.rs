//! Sony IMX219 with the lens of the Camera Module 2.
//!
//! Colours, light and noise are those of the simulated sensor of that name.

use super::{ColourPoint, DetailTuning, Tuning, WhiteBalanceTuning, WhitePoint, point, white};
use std::borrow::Cow;

/// The tuning for the IMX219.
pub static IMX219: Tuning = Tuning {
    name: Cow::Borrowed("imx219"),
    white_balance: WhiteBalanceTuning { curve: Cow::Borrowed(WHITE), ..Tuning::UNCALIBRATED.white_balance },
    colour: Cow::Borrowed(COLOUR),
    saturation_lux_s: Some(32.64),
    vignetting: Some([[3.31, 0.60], [2.36, 0.02], [2.10, 0.12]]),
    detail: DetailTuning {
        codes_per_electron: 13.07,
        read_noise_electrons: 3.2,
        ..Tuning::UNCALIBRATED.detail
    },
    ..Tuning::UNCALIBRATED
};

const WHITE: &[WhitePoint] = &[
    white(2500.0, 0.931, 0.365),
    white(2900.0, 0.852, 0.44),
    white(3600.0, 0.755, 0.535),
    white(4600.0, 0.63, 0.645),
    white(5700.0, 0.555, 0.715),
    white(6500.0, 0.515, 0.748),
    white(8500.0, 0.434, 0.803),
];

const COLOUR: &[ColourPoint] = &[
    point(2850.0, [[2.0275, -0.8367, -0.1908], [-0.7248, 2.8330, -1.1083], [-0.2661, -1.1119, 2.3780]]),
    point(3300.0, [[2.1119, -0.8549, -0.2570], [-0.7161, 2.7785, -1.0624], [-0.2700, -0.9492, 2.2192]]),
    point(4000.0, [[2.2126, -0.8861, -0.3265], [-0.7066, 2.7243, -1.0177], [-0.2720, -0.7909, 2.0628]]),
    point(5000.0, [[2.3153, -0.9259, -0.3894], [-0.6976, 2.6781, -0.9804], [-0.2716, -0.6596, 1.9312]]),
    point(6500.0, [[2.4173, -0.9715, -0.4458], [-0.6893, 2.6390, -0.9496], [-0.2695, -0.5516, 1.8212]]),
];
