//! With `--drivers pi-sim` (and `pi-hq-sim`) the simulator's model makes the pictures, in a process
//! of its own. They are the simulator's, to the bit where nothing stands between, and libcamera's
//! control loops close on them.

use crate::cam;
use crate::ours::{self, Mode};
use pinhole::colour::ColourSpace;
use pinhole::format::{PixelFormat, RawFormat};
use pinhole::geometry::Transform;
use pinhole::sim::model::{IMX219, IMX477, SensorModel};
use pinhole::sim::scene::{Light, LightSchedule, Scene};
use pinhole::sim::studio::{Exposure, Studio};
use pinhole::sim::{CameraConfig, Clock, Registers, SimulatorConfig, Stamp};
use pinhole::{Camera, Cameras, Driver, Frame, Role, Session, control};
use pinhole_conformance::kernel::pi_module;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The light that the drivers' script sets.
const LIGHT: Light = Light::DAYLIT_ROOM;

/// How the modelled board is mounted.
const ROTATION_DEGREES: u32 = 180;

/// The module, well-behaved, with somebody who paints; `None` where there is none and none was
/// demanded. Says which sensor it has.
fn painted_camera() -> Option<&'static SensorModel> {
    let demanded = std::env::var("PINHOLE_DRIVERS").unwrap_or_default();
    let is_demanded = demanded.ends_with("-sim");
    if !is_demanded {
        println!("not tested: nobody is asked to paint (PINHOLE_DRIVERS=pi-sim, pi-hq-sim)");
        return None;
    }
    let embedded = crate::camera()?;
    assert_eq!(pi_module::number("painting"), 1, "nobody paints");
    Some(if embedded { &IMX477 } else { &IMX219 })
}

/// The smallest mode.
fn mode(model: &SensorModel) -> Mode {
    let smallest = model.modes.iter().min_by_key(|mode| mode.size.area()).expect("sensors have modes");
    (smallest.size.cast(), smallest.bits[0])
}

fn transform(model: &SensorModel, format: RawFormat) -> Transform {
    let [no, yes] = [false, true];
    let all = [(no, no), (yes, no), (no, yes), (yes, yes)].map(|(hflip, vflip)| Transform { hflip, vflip });
    let sends = |transform: &Transform| Some(transform.apply_to(model.order)) == format.order;
    all.into_iter().find(sends).expect("mirroring explains the order")
}

/// The RAW frame that the model sends with these registers at that time.
fn expected(model: &'static SensorModel, frame: &Frame, truth: &Stamp) -> Vec<u8> {
    let stream = frame.stream(Role::Raw).expect("it was asked for");
    let configuration = stream.configuration();
    let PixelFormat::Raw(format) = configuration.format else { panic!("RAW is {}", configuration.format) };
    let mode = model.modes.iter().find(|mode| mode.size == configuration.size.cast());
    let time = Duration::from_nanos(truth.timestamp_ns);
    let exposure = Exposure {
        model,
        mode: *mode.expect("frames are as large as a mode"),
        rotation_degrees: ROTATION_DEGREES,
        transform: transform(model, format),
        registers: Registers {
            exposure_lines: truth.exposure_lines,
            gain_code: truth.gain_code,
            frame_length_lines: truth.frame_length_lines,
            line_length_pixels: truth.line_length_pixels,
        },
        defocus: 0.0,
        sequence: truth.sequence,
        time,
        seed: time.as_nanos() as u64,
        format,
        stride_bytes: configuration.stride_bytes,
    };
    let mut bytes = vec![0; configuration.frame_bytes as usize];
    let mut studio = Studio::new(Scene::desk().with_light(LightSchedule::Constant(LIGHT)));
    studio.expose(&exposure, &mut bytes).expect("the shapes fit");
    bytes
}

/// Catches: a setting, a flip, a format or a moment that does not reach the model; bytes that do
/// not reach the buffer.
#[test]
fn painted_raw_frames_are_the_models_to_the_bit() {
    let Some(model) = painted_camera() else { return };
    let mut session = ours::session(mode(model), None);
    let mut settings = BTreeSet::new();
    for _ in 0..12 {
        let frame = ours::next(&mut session);
        let truths: BTreeMap<_, _> =
            pi_module::frames().into_iter().map(|truth| (truth.sequence, truth)).collect();
        let truth = &truths[&frame.sequence()];
        let expected = expected(model, &frame, truth);
        let seen = frame.stream(Role::Raw).expect("it was asked for").map().expect("it is complete");
        let differs = expected.iter().zip(seen.plane(0)).position(|(expected, seen)| expected != seen);
        assert_eq!(differs, None, "frame {} differs at this byte", frame.sequence());
        settings.insert((truth.exposure_lines, truth.gain_code));
    }
    println!("12 RAW frames, with {} different settings, are the model's", settings.len());
    assert!(settings.len() > 1, "exposure control never moved");
}

/// The simulated camera that should see the same.
fn simulated(model: &'static SensorModel, embedded: bool) -> Camera {
    let camera = CameraConfig { embedded, rotation_degrees: ROTATION_DEGREES, ..CameraConfig::new(model) };
    let config = SimulatorConfig { clock: Clock::Virtual, ..SimulatorConfig::default() };
    let cameras = Cameras::simulated(config.with_cameras([camera])).expect("it can be simulated");
    let mut camera = cameras.first().and_then(|entry| entry.acquire()).expect("there is one");
    camera.set_driver(Driver::Caller);
    camera
}

/// A settled picture: its luma and chroma, in blocks.
struct Photograph {
    luma: Vec<f64>,
    chroma: Vec<f64>,
    colour: ColourSpace,
    exposure: f64,
}

/// Pixels along the side of a block.
const BLOCK: usize = 16;

/// Means of the blocks of a plane without padding at the ends of rows.
fn blocks(plane: &[u8], stride: usize, size: (usize, usize)) -> Vec<f64> {
    let (columns, rows) = (size.0 / BLOCK, size.1 / BLOCK);
    let block = |at: usize| {
        let (x, y) = (at % columns * BLOCK, at / columns * BLOCK);
        let row =
            |row: usize| plane[row * stride + x..][..BLOCK].iter().map(|byte| f64::from(*byte)).sum::<f64>();
        (y..y + BLOCK).map(row).sum::<f64>() / (BLOCK * BLOCK) as f64
    };
    (0..columns * rows).map(block).collect()
}

fn photograph(session: &mut Session) -> Photograph {
    let is_settled = |frame: &Frame| {
        [control::AE_LOCKED, control::AWB_LOCKED].map(|locked| frame.metadata().get(locked))
            == [Some(true); 2]
    };
    let frame = (0..90).map(|_| ours::next(session)).find(is_settled).expect("it settles");
    let metadata = frame.metadata();
    let time_us = f64::from(metadata.get(control::EXPOSURE_TIME).expect("frames are exposed"));
    let gain = f64::from(metadata.get(control::ANALOGUE_GAIN).expect("frames have a gain"));
    let stream = frame.stream(Role::Video).expect("it was asked for");
    let configuration = stream.configuration();
    assert_eq!(configuration.format, PixelFormat::Yuv420);
    let (width, height) = (configuration.size.width as usize, configuration.size.height as usize);
    let stride = configuration.stride_bytes as usize;
    let view = stream.map().expect("it is complete");
    // The planes follow each other in one buffer.
    let (luma, chroma) = view.plane(0).split_at(stride * height);
    let (blue, red) = chroma.split_at(stride / 2 * height / 2);
    let chroma = |plane| blocks(plane, stride / 2, (width / 2, height / 2));
    Photograph {
        luma: blocks(luma, stride, (width, height)),
        chroma: [chroma(blue), chroma(red)].concat(),
        colour: configuration.colour,
        exposure: time_us * gain,
    }
}

/// The difference that a share of the blocks stays within.
fn difference(ours: &[f64], theirs: &[f64], share: f64) -> f64 {
    let mut differences: Vec<_> =
        ours.iter().zip(theirs).map(|(ours, theirs)| (ours - theirs).abs()).collect();
    differences.sort_by(f64::total_cmp);
    differences[((differences.len() - 1) as f64 * share) as usize]
}

/// Catches: an ISP control, a lens table, a crop, a format or statistics that do not reach the
/// model, or come back otherwise. What moves in the scene (a clock, a ball, the frame's number)
/// takes up less than a tenth of it; noise is another, and exposure control stops within 2 %.
#[test]
fn painted_photographs_are_those_of_the_simulated_camera() {
    let Some(model) = painted_camera() else { return };
    let embedded = std::ptr::eq(model, &IMX477);
    let theirs = photograph(&mut ours::session_of(simulated(model, embedded), mode(model), None));
    let ours = photograph(&mut ours::session(mode(model), None));
    assert_eq!(ours.colour, theirs.colour, "their numbers mean different colours");
    let luma = difference(&ours.luma, &theirs.luma, 0.9);
    let chroma = difference(&ours.chroma, &theirs.chroma, 0.9);
    println!("nine tenths of all blocks differ by at most {luma:.2} (luma) and {chroma:.2} (chroma) of 255");
    println!("exposures: painted {:.0}, simulated {:.0} µs", ours.exposure, theirs.exposure);
    assert!((ours.exposure / theirs.exposure - 1.0).abs() < 0.05, "they are not exposed alike");
    assert!(luma <= 1.0 && chroma <= 1.0, "the pictures differ");
}

/// Catches: statistics on which libcamera's control loops do not close. Its tuning is made for the
/// real sensor: what it takes the modelled light for is printed, and bounded.
#[test]
fn painted_scenes_are_what_libcamera_converges_on() {
    let Some(model) = painted_camera() else { return };
    let picture = "role=viewfinder,width=640,height=480,pixelformat=YUV420";
    let capture = cam::capture(&["-s", picture, "--capture=90"]);
    let last = capture.shots.last().unwrap_or_else(|| panic!("nothing came: {}", capture.words));
    assert!(last.is("AeLocked"), "libcamera's exposure has not settled");
    let (gains, kelvin) = (last.numbers("ColourGains"), last.numbers("ColourTemperature")[0]);
    let truth = model.ideal_gains(LIGHT.kelvin);
    println!("libcamera: gains {gains:.3?}, {kelvin} K; true: {truth:.3?}, {} K", LIGHT.kelvin);
    println!("libcamera's illuminance: {:.0} lux; true: {}", last.numbers("Lux")[0], LIGHT.lux);
    for (gain, truth) in gains.iter().zip(truth) {
        assert!((gain / truth - 1.0).abs() < 0.12, "libcamera's gains: {gains:?}");
    }
    assert!((kelvin / LIGHT.kelvin - 1.0).abs() < 0.15, "libcamera's colour temperature: {kelvin}");
    assert_eq!(pi_module::number("unpainted"), 0, "the module had to paint by itself");
}
