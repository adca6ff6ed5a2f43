//! The control loop around a small mathematical scene and a sensor whose settings take
//! effect some frames after they were asked for.

use crate::scene::{Camera, Frame, Scene, brightness};
use pinhole_algorithm::parameters::ChromaDenoise;
use pinhole_algorithm::{Controller, Tuning};
use pinhole_base::control::*;

/// The brightness that the tuning aims at.
fn target() -> f64 {
    Tuning::find("imx219").exposure.target
}

fn grey(lux: f64) -> Scene {
    Scene { lux, ..Scene::default() }
}

fn run(camera: &mut Camera, scene: &Scene, frames: usize) -> Vec<Frame> {
    (0..frames).map(|_| camera.frame(scene)).collect()
}

/// Asserts that the brightness comes near the target within `frames`, stays there, and on its
/// way neither turns back nor overshoots by a tenth.
fn assert_approach(frames: &[Frame], goal: f64, within: usize) {
    let levels: Vec<f64> = frames.iter().map(brightness).collect();
    for (i, level) in levels.iter().enumerate().skip(within) {
        assert!((level / goal - 1.0).abs() < 0.07, "frame {i}: {level:.4} of {goal:.4} in {levels:.4?}");
    }
    let rising = levels[0] < goal;
    for pair in levels.windows(2) {
        let (before, after) = if rising { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
        assert!(after >= before * 0.95, "turned back: {levels:.4?}");
    }
    let overshoot = if rising { |level: f64, goal| level / goal } else { |level, goal| goal / level };
    assert!(levels.iter().all(|&level| overshoot(level, goal) < 1.1), "overshot: {levels:.4?}");
}

#[test]
fn exposure_converges_from_far_too_dark_and_bright() {
    for delays in [(2, 1), (2, 2), (3, 3)] {
        for lux in [12.0, 30.0, 100.0, 1000.0, 10_000.0, 40_000.0] {
            let mut camera = Camera::new("imx219", delays);
            let frames = run(&mut camera, &grey(lux), 40);
            assert_approach(&frames, target(), 15);
        }
    }
}

#[test]
fn steps_of_light_are_followed() {
    for delays in [(2, 1), (3, 3)] {
        for (before, after) in [(100.0, 1000.0), (1000.0, 100.0), (50.0, 800.0), (800.0, 50.0)] {
            let mut camera = Camera::new("imx219", delays);
            run(&mut camera, &grey(before), 40);
            let frames = run(&mut camera, &grey(after), 40);
            assert_approach(&frames, target(), 15);
        }
    }
}

#[test]
fn a_steady_scene_is_left_alone() {
    let mut camera = Camera::new("imx219", (2, 1));
    run(&mut camera, &grey(300.0), 40);
    let settings: Vec<_> = run(&mut camera, &grey(300.0), 30).iter().map(|frame| frame.settings).collect();
    assert!(settings.iter().all(|setting| setting == &settings[0]));
}

#[test]
fn darkness_and_glare_stay_within_the_sensor() {
    for lux in [0.0, 1e-4, 1e7] {
        let mut camera = Camera::new("imx219", (2, 1));
        let frames = run(&mut camera, &grey(lux), 60);
        let last = frames.last().unwrap();
        assert_eq!(last.metadata.get(AE_LOCKED), Some(true), "at {lux} lx it can do no better");
        let gain = last.metadata.get(ANALOGUE_GAIN).unwrap();
        assert!(if lux > 1.0 { gain < 1.01 } else { gain > 10.0 });
    }
}

#[test]
fn exposure_says_when_it_is_locked() {
    let mut camera = Camera::new("imx219", (2, 1));
    let frames = run(&mut camera, &grey(2000.0), 20);
    assert_eq!(frames[0].metadata.get(AE_LOCKED), Some(false));
    assert_eq!(frames[19].metadata.get(AE_LOCKED), Some(true));
    let changed = run(&mut camera, &grey(200.0), 20);
    assert_eq!(changed[0].metadata.get(AE_LOCKED), Some(false));
    assert_eq!(changed[19].metadata.get(AE_LOCKED), Some(true));
}

#[test]
fn exposure_values_shift_the_brightness() {
    for stops in [-2.0f32, -1.0, 1.0, 1.5] {
        let mut camera = Camera::new("imx219", (2, 1));
        camera.controls.set(EXPOSURE_VALUE, stops);
        let frames = run(&mut camera, &grey(300.0), 30);
        let goal = target() * f64::from(stops).exp2();
        assert!((brightness(&frames[29]) / goal - 1.0).abs() < 0.05);
        assert_eq!(frames[29].metadata.get(EXPOSURE_VALUE), Some(stops));
    }
}

#[test]
fn values_set_by_hand_are_obeyed_and_given_back() {
    let mut camera = Camera::new("imx219", (2, 1));
    camera.controls.set(EXPOSURE_TIME, 5000).set(ANALOGUE_GAIN, 2.0);
    let frames = run(&mut camera, &grey(300.0), 10);
    // Known before the start, so right from the first frame.
    for frame in &frames {
        assert!((frame.metadata.get(EXPOSURE_TIME).unwrap() - 5000).abs() <= 10);
        assert!((frame.metadata.get(ANALOGUE_GAIN).unwrap() - 2.0).abs() < 0.01);
        assert_eq!(frame.metadata.get(DIGITAL_GAIN), Some(1.0));
        assert_eq!(frame.metadata.get(AE_ENABLE), Some(false));
    }
    camera.controls.set(EXPOSURE_TIME, 0).set(ANALOGUE_GAIN, 0.0);
    let frames = run(&mut camera, &grey(300.0), 30);
    assert!((brightness(&frames[29]) / target() - 1.0).abs() < 0.05);
    assert_eq!(frames[29].metadata.get(AE_ENABLE), Some(true));
}

#[test]
fn gain_makes_up_for_an_exposure_set_by_hand() {
    let mut camera = Camera::new("imx219", (2, 1));
    camera.controls.set(EXPOSURE_TIME, 2000);
    let frames = run(&mut camera, &grey(800.0), 30);
    assert!((frames[29].metadata.get(EXPOSURE_TIME).unwrap() - 2000).abs() <= 10);
    assert!((brightness(&frames[29]) / target() - 1.0).abs() < 0.05);
}

#[test]
fn exposure_is_held_when_it_is_switched_off() {
    let mut camera = Camera::new("imx219", (2, 1));
    run(&mut camera, &grey(300.0), 30);
    camera.controls.set(AE_ENABLE, false);
    let frames = run(&mut camera, &grey(3000.0), 20);
    assert!(frames.iter().all(|frame| frame.settings == frames[0].settings));
}

#[test]
fn frame_durations_bound_exposures() {
    let mut camera = Camera::new("imx219", (2, 1));
    camera.controls.set(FRAME_DURATION_LIMITS, [12_000.0, 20_000.0]);
    let frames = run(&mut camera, &grey(5.0), 30);
    let last = &frames[29].metadata;
    assert!(last.get(EXPOSURE_TIME).unwrap() < 20_000);
    assert!((i64::from(20_000) - last.get(FRAME_DURATION).unwrap()).abs() < 40);
    assert_eq!(last.get(FRAME_DURATION_LIMITS), Some([12_000.0, 20_000.0]));
    camera.controls.set(FRAME_DURATION_LIMITS, [100_000.0, 100_000.0]);
    let frames = run(&mut camera, &grey(500.0), 30);
    assert!((frames[29].metadata.get(FRAME_DURATION).unwrap() - 100_000).abs() < 40);
}

#[test]
fn long_exposures_set_by_hand_lengthen_the_frame() {
    let mut camera = Camera::new("imx219", (2, 1));
    camera.controls.set(EXPOSURE_TIME, 500_000).set(ANALOGUE_GAIN, 1.0);
    let last = run(&mut camera, &grey(1.0), 10).pop().unwrap();
    assert!((last.metadata.get(EXPOSURE_TIME).unwrap() - 500_000).abs() < 40);
    assert!(last.metadata.get(FRAME_DURATION).unwrap() > 500_000);
}

#[test]
fn flicker_is_avoided() {
    let mut camera = Camera::new("imx219", (2, 1));
    camera.controls.set(AE_FLICKER_MODE, AeFlickerMode::Manual).set(AE_FLICKER_PERIOD, 10_000);
    for lux in [30.0, 100.0, 200.0] {
        let last = run(&mut camera, &grey(lux), 30).pop().unwrap();
        let exposure_us = last.metadata.get(EXPOSURE_TIME).unwrap();
        let off = exposure_us % 10_000;
        assert!(off.min(10_000 - off) < 20, "{exposure_us} µs at {lux} lx");
        assert!((brightness(&last) / target() - 1.0).abs() < 0.07);
    }
}

#[test]
fn metering_modes_look_where_they_say() {
    let level = |mode| {
        let mut camera = Camera::new("imx219", (2, 1));
        camera.controls.set(AE_METERING_MODE, mode);
        let scene = Scene { centre: 4.0, ..grey(200.0) };
        brightness(&run(&mut camera, &scene, 30)[29])
    };
    let (spot, centre, matrix) =
        (level(AeMeteringMode::Spot), level(AeMeteringMode::CentreWeighted), level(AeMeteringMode::Matrix));
    assert!(spot < centre && centre < matrix, "{spot} {centre} {matrix}");
}

#[test]
fn noise_is_smoothed_as_the_mode_says_until_it_says_otherwise() {
    use NoiseReductionMode::{Fast, HighQuality, Minimal, Off};
    let mut camera = Camera::new("imx219", (2, 1));
    let first = camera.frame(&grey(200.0));
    assert_eq!(first.metadata.get(NOISE_REDUCTION_MODE), Some(Minimal));
    for (mode, in_mosaic, chroma) in [
        (HighQuality, true, ChromaDenoise::HighQuality),
        (Fast, true, ChromaDenoise::Fast),
        (Off, false, ChromaDenoise::Off),
        (Minimal, true, ChromaDenoise::Off),
    ] {
        camera.controls.set(NOISE_REDUCTION_MODE, mode);
        camera.frame(&grey(200.0));
        camera.controls.clear();
        let next = camera.frame(&grey(200.0));
        assert_eq!(next.metadata.get(NOISE_REDUCTION_MODE), Some(mode));
        let told = (next.parameters.denoise.strength > 0.0, next.parameters.chroma_denoise);
        assert_eq!(told, (in_mosaic, chroma), "{mode:?}");
    }
}

#[test]
fn white_balance_finds_the_light() {
    for sensor in ["imx219", "imx477"] {
        for kelvin in [2500.0, 2850.0, 3300.0, 4000.0, 5000.0, 5500.0, 6500.0, 7500.0, 8000.0] {
            let mut camera = Camera::new(sensor, (2, 1));
            let scene = Scene { kelvin, ..grey(300.0) };
            let last = run(&mut camera, &scene, 15).pop().unwrap();
            let found = f64::from(last.metadata.get(COLOUR_TEMPERATURE).unwrap());
            assert!((1e6 / found - 1e6 / kelvin).abs() < 3.0, "{sensor}: {found} K of {kelvin} K");
            assert_neutral(&last, &scene, sensor);
            assert_eq!(last.metadata.get(AWB_LOCKED), Some(true));
        }
    }
}

fn assert_neutral(frame: &Frame, scene: &Scene, sensor: &str) {
    let [red, _, blue] = scene.white(sensor);
    let parameters = &frame.parameters;
    assert!((red * parameters.red_gain - 1.0).abs() < 0.02, "red {}", red * parameters.red_gain);
    assert!((blue * parameters.blue_gain - 1.0).abs() < 0.02, "blue {}", blue * parameters.blue_gain);
}

#[test]
fn white_balance_follows_a_change_without_turning_back() {
    let mut camera = Camera::new("imx219", (2, 1));
    run(&mut camera, &Scene { kelvin: 2800.0, ..grey(300.0) }, 20);
    let frames = run(&mut camera, &Scene { kelvin: 6500.0, ..grey(300.0) }, 30);
    let found: Vec<i32> =
        frames.iter().map(|frame| frame.metadata.get(COLOUR_TEMPERATURE).unwrap()).collect();
    assert!(found.is_sorted(), "{found:?}");
    assert!((found[29] - 6500).abs() < 150, "{found:?}");
    assert_eq!(frames[1].metadata.get(AWB_LOCKED), Some(false));
    assert_eq!(frames[29].metadata.get(AWB_LOCKED), Some(true));
}

#[test]
fn white_balance_modes_bound_the_light() {
    for (mode, range) in [(AwbMode::Tungsten, 3000..=3500), (AwbMode::Cloudy, 7000..=8500)] {
        let mut camera = Camera::new("imx219", (2, 1));
        camera.controls.set(AWB_MODE, mode);
        let last = run(&mut camera, &Scene { kelvin: 5000.0, ..grey(300.0) }, 15).pop().unwrap();
        assert!(range.contains(&last.metadata.get(COLOUR_TEMPERATURE).unwrap()));
        assert_eq!(last.metadata.get(AWB_MODE), Some(mode));
    }
}

#[test]
fn white_balance_set_by_hand_is_obeyed_and_given_back() {
    let scene = Scene { kelvin: 4000.0, ..grey(300.0) };
    let mut camera = Camera::new("imx219", (2, 1));
    camera.controls.set(COLOUR_GAINS, [1.5, 2.5]);
    let first = camera.frame(&scene);
    assert_eq!((first.parameters.red_gain, first.parameters.blue_gain), (1.5, 2.5));
    assert_eq!(first.metadata.get(COLOUR_GAINS), Some([1.5, 2.5]));
    assert_eq!(first.metadata.get(AWB_ENABLE), Some(false));
    camera.controls.set(COLOUR_GAINS, [0.0, 0.0]).set(COLOUR_TEMPERATURE, 6500);
    let set = run(&mut camera, &scene, 20).pop().unwrap();
    assert_eq!(set.metadata.get(COLOUR_TEMPERATURE), Some(6500));
    camera.controls.remove(ControlId::ColourTemperature);
    camera.controls.set(AWB_ENABLE, true);
    let back = run(&mut camera, &scene, 20).pop().unwrap();
    assert!((back.metadata.get(COLOUR_TEMPERATURE).unwrap() - 4000).abs() < 60);
}

#[test]
fn colours_far_from_grey_do_not_pull_the_balance() {
    let scene = Scene { kelvin: 5000.0, green_zones: 80, ..grey(300.0) };
    let mut camera = Camera::new("imx219", (2, 1));
    let last = run(&mut camera, &scene, 15).pop().unwrap();
    assert!((last.metadata.get(COLOUR_TEMPERATURE).unwrap() - 5000).abs() < 100);
}

#[test]
fn uncalibrated_sensors_get_a_grey_world() {
    let scene = Scene { kelvin: 3500.0, ..grey(300.0) };
    let mut camera = Camera::new("unheard of", (2, 1));
    let last = run(&mut camera, &scene, 20).pop().unwrap();
    assert_neutral(&last, &scene, "unheard of");
    assert_eq!(last.metadata.get(LUX), None);
}

#[test]
fn the_light_is_estimated() {
    for lux in [20.0, 200.0, 2000.0] {
        let mut camera = Camera::new("imx219", (2, 1));
        let last = run(&mut camera, &grey(lux), 20).pop().unwrap();
        let found = f64::from(last.metadata.get(LUX).unwrap());
        assert!((found / lux - 1.0).abs() < 0.25, "{found} of {lux}");
    }
}

#[test]
fn a_new_mode_starts_from_what_was_learned() {
    let mut camera = Camera::new("imx219", (2, 1));
    run(&mut camera, &grey(3000.0), 30);
    let startup = camera.restart();
    assert_eq!(startup.mark, 0);
    let first = camera.frame(&grey(3000.0));
    assert!((brightness(&first) / target() - 1.0).abs() < 0.05);
}

#[test]
fn a_first_start_marks_frames() {
    let mut controller = Controller::new(Tuning::find("imx219"));
    let (request, startup) = controller.configure(&crate::scene::configuration(), &ControlList::new());
    assert!(startup.mark > 0);
    assert!(request.frame_duration > request.exposure);
}
