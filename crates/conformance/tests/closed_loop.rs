//! The control loop closed around simulated light: exposure and white balance find it, whatever
//! it is.

use pinhole::control::{self, ControlList};
use pinhole::format::PixelFormat;
use pinhole::geometry::Size;
use pinhole::sim::model::SensorModel;
use pinhole::sim::scene::{CHART, Light, LightSchedule, chart_patch_area};
use pinhole::sim::{CameraConfig, Pixels};
use pinhole::{Frame, Role, Session};
use pinhole_conformance::bench::Bench;
use pinhole_conformance::rig::{Rig, Setup};
use pinhole_conformance::simulated::Simulated;
use std::time::Duration;

/// More frames than settling takes.
const FRAMES_MAX: usize = 45;

fn bench(camera: CameraConfig, light: LightSchedule) -> Bench {
    let rig = Simulated::new("closed loop", camera);
    let setup = Setup { pixels: Pixels::On, light: Some(light), ..Setup::default() };
    rig.bench(setup).expect("simulated cameras can be made")
}

/// A small picture from the mode that is quickest to render and sees the whole scene.
fn session(bench: &Bench) -> Session {
    let camera = bench.camera();
    let mut configuration = camera.propose([Role::Viewfinder]).expect("the role is served");
    let modes = &camera.info().modes;
    let widest = modes.iter().map(|mode| mode.crop.size().area()).max();
    let of_all = modes.iter().filter(|mode| Some(mode.crop.size().area()) == widest);
    let mode = of_all.min_by_key(|mode| mode.size.area()).expect("there are modes");
    configuration.sensor_mode = Some((mode.size, mode.format.bits));
    let stream = &mut configuration.streams[0];
    (stream.format, stream.size) = (PixelFormat::Rgb24, Size::new(640, 480));
    camera.validate(&mut configuration).expect("it can be adjusted");
    camera.start(&configuration).expect("nothing is in the way of a start")
}

/// The first frame of which exposure and white balance say that they have settled.
fn settled(session: &mut Session) -> Frame {
    for _ in 0..FRAMES_MAX {
        let frame = session.next().expect("nothing fails").expect("frames come");
        let locked = [control::AE_LOCKED, control::AWB_LOCKED].map(|lock| frame.metadata().get(lock));
        if locked == [Some(true); 2] {
            return frame;
        }
    }
    panic!("not settled after {FRAMES_MAX} frames");
}

/// The mean colour of a chart patch in a picture, 0 to 255.
fn patch(frame: &Frame, index: usize, model: &SensorModel) -> [f64; 3] {
    let stream = frame.stream(Role::Viewfinder).expect("it was asked for");
    let configuration = stream.configuration();
    let shown = frame.metadata().get(control::SCALER_CROP).expect("frames say what they show");
    let area = chart_patch_area(index, model);
    let x = |native: i64| {
        ((native - i64::from(shown.x)) * i64::from(configuration.size.width) / i64::from(shown.width))
            as usize
    };
    let y = |native: i64| {
        ((native - i64::from(shown.y)) * i64::from(configuration.size.height) / i64::from(shown.height))
            as usize
    };
    let view = stream.map().expect("a completed buffer can be looked into");
    let bytes = view.plane(0);
    let (mut sum, mut count) = ([0.0; 3], 0.0);
    for row in y(i64::from(area.y))..y(area.bottom()) {
        for column in x(i64::from(area.x))..x(area.right()) {
            let at = row * configuration.stride_bytes as usize + column * 3;
            sum.iter_mut().zip(&bytes[at..at + 3]).for_each(|(sum, byte)| *sum += f64::from(*byte));
            count += 1.0;
        }
    }
    sum.map(|sum| sum / count)
}

/// The mean of a picture, 0 to 255.
fn brightness(frame: &Frame) -> f64 {
    let stream = frame.stream(Role::Viewfinder).expect("it was asked for");
    let view = stream.map().expect("a completed buffer can be looked into");
    let sum: u64 = view.plane(0).iter().map(|byte| u64::from(*byte)).sum();
    sum as f64 / view.plane(0).len() as f64
}

/// Places of the grey patches in the chart, without the darkest.
const GREYS: std::ops::Range<usize> = 18..23;

/// Checks that grey is grey, and neither too dark nor too bright.
fn assert_right(frame: &Frame, model: &SensorModel, light: Light) {
    let mean = brightness(frame);
    assert!((60.0..180.0).contains(&mean), "{light:?}: the picture's mean is {mean}");
    let mut brighter = f64::INFINITY;
    for index in GREYS {
        let [red, green, blue] = patch(frame, index, model);
        let (low, high) = (red.min(green).min(blue), red.max(green).max(blue));
        let cast = (high - low) / high;
        assert!(cast < 0.12, "{light:?}: {} is [{red:.0}, {green:.0}, {blue:.0}]", CHART[index].name);
        assert!(green < brighter, "{light:?}: {} is not darker than the one before", CHART[index].name);
        brighter = green;
    }
}

fn settles_on(camera: CameraConfig, light: Light) -> (ControlList, f64) {
    let bench = bench(camera, LightSchedule::Constant(light));
    let mut session = session(&bench);
    let frame = settled(&mut session);
    assert_right(&frame, camera.sensor, light);
    (frame.metadata().clone(), brightness(&frame))
}

/// Catches: an exposure that settles at the wrong brightness, or never; a white balance that
/// takes lamplight for warm paint.
#[test]
fn imx219_settles_on_any_light() {
    let mut means = Vec::new();
    for (lux, kelvin) in
        [(20.0, 2700.0), (200.0, 4000.0), (600.0, 5500.0), (5000.0, 6500.0), (20_000.0, 7500.0)]
    {
        let (metadata, mean) = settles_on(CameraConfig::imx219(), Light { lux, kelvin });
        let estimate = f64::from(metadata.get(control::LUX).expect("frames estimate the light"));
        assert!((lux / 2.0..lux * 2.0).contains(&estimate), "{lux} lx were taken for {estimate}");
        let temperature = f64::from(metadata.get(control::COLOUR_TEMPERATURE).expect("and its colour"));
        assert!(
            (kelvin * 0.85..kelvin * 1.15).contains(&temperature),
            "{kelvin} K were taken for {temperature}"
        );
        means.push(mean);
    }
    let (low, high) =
        means.iter().fold((f64::MAX, 0.0f64), |(low, high), mean| (low.min(*mean), high.max(*mean)));
    assert!(high - low < 40.0, "pictures of one scene are not equally bright: {means:?}");
}

/// Catches: what holds for one sensor only.
#[test]
fn imx477_settles_too() {
    for (lux, kelvin) in [(100.0, 3000.0), (3000.0, 6500.0)] {
        settles_on(CameraConfig::imx477(), Light { lux, kelvin });
    }
}

/// Catches: a loop that relies on embedded data.
#[test]
fn it_settles_without_embedded_data() {
    settles_on(CameraConfig::imx219().without_embedded(), Light { lux: 300.0, kelvin: 4500.0 });
}

/// Catches: a loop that has settled for good.
#[test]
fn it_follows_the_light() {
    let (noon, lamp) = (Light { lux: 8000.0, kelvin: 6200.0 }, Light { lux: 100.0, kelvin: 2900.0 });
    let change = Duration::from_secs(2);
    let bench =
        bench(CameraConfig::imx219(), LightSchedule::Steps(vec![(Duration::ZERO, noon), (change, lamp)]));
    let mut session = session(&bench);
    let frame = settled(&mut session);
    assert_right(&frame, CameraConfig::imx219().sensor, noon);
    drop(frame);
    let begin = bench.hardware().expect("it is simulated").now();
    let unlocked = |session: &mut Session| {
        let frame = session.next().expect("nothing fails").expect("frames come");
        frame.metadata().get(control::AE_LOCKED) == Some(false)
    };
    let noticed = (0..90).any(|_| unlocked(&mut session));
    assert!(noticed, "the light changed, and nobody noticed, since {begin:?}");
    let frame = settled(&mut session);
    assert_right(&frame, CameraConfig::imx219().sensor, lamp);
}
