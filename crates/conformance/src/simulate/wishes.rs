//! What applications ask of cameras: controls and configurations, sensible and not.

use super::dice::Dice;
use pinhole::config::Configuration;
use pinhole::control::{self, AwbMode, ControlId, ControlList, ControlValue};
use pinhole::format::PixelFormat;
use pinhole::geometry::{Rect, Size, Transform};
use pinhole::{Role, StreamConfiguration};

/// Asks for something.
pub(super) fn wish(controls: &mut ControlList, dice: &mut Dice) {
    match dice.below(11) {
        0 => controls.set(control::EXPOSURE_TIME, dice.pick(&[0, 50, 1000, 20_000, 60_000, 700_000])),
        1 => controls.set(control::ANALOGUE_GAIN, dice.pick(&[0.0, 1.0, 1.7, 4.0, 12.0])),
        2 => controls.set(control::AE_ENABLE, dice.one_in(2)),
        3 => controls.set(control::AWB_MODE, dice.pick(&[AwbMode::Auto, AwbMode::Tungsten, AwbMode::Cloudy])),
        4 => controls.set(control::COLOUR_GAINS, dice.pick(&[[0.0, 0.0], [1.5, 2.0]])),
        5 => controls.set(control::SCALER_CROP, crop(dice)),
        6 => controls.set(control::BRIGHTNESS, dice.pick(&[-1.0, 0.0, 0.3])),
        7 => controls
            .set(control::FRAME_DURATION_LIMITS, dice.pick(&[[0.0, 0.0], [33_333.0, 33_333.0], [1e4, 2e5]])),
        8 => controls.set(control::LENS_POSITION, dice.pick(&[0.0, 0.7, 2.0, 15.0, 31.0])),
        _ => nonsense(controls, dice),
    };
}

fn crop(dice: &mut Dice) -> Rect<pinhole::geometry::NativePixels> {
    let mut side = || dice.pick(&[0, 1, 7, 640, 3000, u32::MAX]);
    let (width, height) = (side(), side());
    let mut edge = || dice.pick(&[-100, 0, 9, 500, i32::MAX, i32::MIN]);
    Rect::new(edge(), edge(), width, height)
}

/// Any value for any control.
fn nonsense<'a>(controls: &'a mut ControlList, dice: &mut Dice) -> &'a mut ControlList {
    let wild = [0.0, -1.0, 1e30, f32::NAN, f32::INFINITY, 0.5];
    let value = match dice.below(6) {
        0 => ControlValue::Bool(true),
        1 => ControlValue::I32(dice.pick(&[0, -1, i32::MAX, i32::MIN])),
        2 => ControlValue::I64(dice.pick(&[0, -1, i64::MAX, i64::MIN])),
        3 => ControlValue::F32(dice.pick(&wild)),
        4 => ControlValue::Pair([dice.pick(&wild), dice.pick(&wild)]),
        _ => ControlValue::Matrix([dice.pick(&wild); 9]),
    };
    controls.set_value(dice.pick(ControlId::ALL), value)
}

/// Roles that a camera can serve at once.
const SERVED: [&[Role]; 10] = [
    &[Role::Raw],
    &[Role::Still],
    &[Role::Video],
    &[Role::Viewfinder],
    &[Role::Raw, Role::Still],
    &[Role::Raw, Role::Video],
    &[Role::Video, Role::Raw],
    &[Role::Still, Role::Video],
    &[Role::Video, Role::Video],
    &[Role::Raw, Role::Still, Role::Viewfinder],
];

/// Roles that it cannot.
const REFUSED: [&[Role]; 3] = [&[], &[Role::Raw, Role::Raw], &[Role::Still, Role::Video, Role::Viewfinder]];

/// Some roles, and whether a camera can serve them.
pub(super) fn roles(dice: &mut Dice) -> (&'static [Role], bool) {
    if dice.one_in(25) { (dice.pick(&REFUSED), false) } else { (dice.pick(&SERVED), true) }
}

/// Changes a configuration here and there.
pub(super) fn adjust(configuration: &mut Configuration, dice: &mut Dice) {
    for stream in &mut configuration.streams {
        stream.buffer_count = dice.pick(&[1, 2, 3, 4, 8, 0, 200]);
        if dice.one_in(2) {
            adjust_stream(stream, dice);
        }
    }
    if dice.one_in(4) {
        configuration.transform = Transform { hflip: dice.one_in(2), vflip: dice.one_in(2) };
    }
    if dice.one_in(4) {
        configuration.sensor_mode = Some((size(dice).cast(), dice.pick(&[8, 10, 12, 99])));
    }
}

fn size(dice: &mut Dice) -> Size {
    let mut side = || dice.pick(&[0, 1, 64, 333, 640, 1080, 1640, 4056, 100_000]);
    Size::new(side(), side())
}

fn adjust_stream(stream: &mut StreamConfiguration, dice: &mut Dice) {
    const FORMATS: [PixelFormat; 6] = [
        PixelFormat::Yuv420,
        PixelFormat::Nv12,
        PixelFormat::Rgb24,
        PixelFormat::Bgrx32,
        PixelFormat::Yuyv,
        PixelFormat::Mjpeg,
    ];
    match dice.below(3) {
        0 => stream.size = size(dice),
        1 => stream.format = dice.pick(&FORMATS),
        _ => stream.stride_bytes = dice.pick(&[0, 1, 100_000]),
    }
}
