//! The same pictures, and the same said of them.

use crate::cam::{self, Settings};
use crate::{camera, ours};
use pinhole::sim::Stamp;
use pinhole::sim::model::{IMX219, IMX477, SensorModel};
use pinhole::{Frame, Role, control};
use pinhole_conformance::kernel::pi_module;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A little more than a whole number of lines of either sensor, however that is rounded.
const SETTINGS: Settings = Settings { exposure_us: 10_000, gain: 2.0 };

/// From this frame on, settings that were given before the start are in force in both stacks.
const SETTLED: u32 = 8;

/// The modelled light is white where green is 1024: what undoes it, red and blue.
const fn true_gains(embedded: bool) -> [f64; 2] {
    if embedded { [1024.0 / 353.0, 1024.0 / 696.0] } else { [1024.0 / 617.0, 1024.0 / 687.0] }
}

fn model(embedded: bool) -> &'static SensorModel {
    if embedded { &IMX477 } else { &IMX219 }
}

fn raw_words((mode, _): ours::Mode) -> Vec<String> {
    let raw = format!("role=raw,width={},height={}", mode.width, mode.height);
    let picture = "role=viewfinder,width=640,height=480,pixelformat=YUV420";
    ["-s", &raw, "-s", picture].map(str::to_owned).to_vec()
}

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join("beside-libcamera");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("there is room for files");
    folder
}

/// libcamera's RAW frames, by number, with all that it says of them.
fn theirs(mode: ours::Mode) -> (BTreeMap<u32, Vec<u8>>, cam::Capture) {
    let folder = folder();
    let file = format!("--file={}/#", folder.display());
    let words = raw_words(mode);
    let words: Vec<&str> = words.iter().map(String::as_str).chain(["--capture=24", &file]).collect();
    let capture = cam::capture_with(&SETTINGS, &folder, &words);
    assert_eq!(capture.shots.len(), 24, "{}", capture.words);
    let read = |number: u32| {
        let path = folder.join(format!("cam0-stream0-{number:06}"));
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let frames = capture.shots.iter().map(|shot| (shot.sequence, read(shot.sequence))).collect();
    (frames, capture)
}

fn raw_of(frame: &Frame) -> Vec<u8> {
    let stream = frame.stream(Role::Raw).expect("it was asked for");
    stream.map().expect("a completed buffer can be looked into").plane(0).to_vec()
}

/// What the sensor says of frames, by number.
fn truths() -> BTreeMap<u32, Stamp> {
    pi_module::frames().into_iter().map(|frame| (frame.sequence, frame)).collect()
}

fn exposure_us(model: &SensorModel, stamp: &Stamp) -> f64 {
    model.line_ns(stamp.line_length_pixels) * f64::from(stamp.exposure_lines) / 1e3
}

/// Catches: a format, a stride, a mirroring or a mode that the two understand differently; a
/// setting that one of them writes otherwise; metadata of another frame.
#[test]
fn raw_frames_and_what_is_said_of_them_are_the_same() {
    let Some(embedded) = camera() else { return };
    let (mode, model) = (ours::quick_mode(embedded), model(embedded));
    let (frames, capture) = theirs(mode);
    let truth = truths();
    let mut exposed = BTreeMap::new();
    for shot in capture.shots.iter().filter(|shot| shot.sequence >= SETTLED) {
        let real = &truth[&shot.sequence];
        let [said_us, gain] = ["ExposureTime", "AnalogueGain"].map(|name| shot.numbers(name)[0]);
        let off_us = said_us - exposure_us(model, real);
        assert!(off_us.abs() <= 1.0, "libcamera's frame {} is off by {off_us} µs", shot.sequence);
        assert!((gain / model.gain.factor(real.gain_code) - 1.0).abs() < 1e-3);
        exposed.insert(shot.sequence, (said_us, gain));
    }
    let mut session = ours::session(mode, Some(&SETTINGS));
    let mut compared = 0;
    for _ in 0..28 {
        let frame = ours::next(&mut session);
        let number = frame.sequence();
        let (Some(theirs), true) = (frames.get(&number), number >= SETTLED) else { continue };
        let ours = raw_of(&frame);
        assert_eq!(theirs.len(), ours.len(), "RAW frames of another size");
        let differs = theirs.iter().zip(&ours).position(|(theirs, ours)| theirs != ours);
        assert_eq!(differs, None, "RAW frame {number} differs at this byte");
        let said_us = f64::from(frame.metadata().get(control::EXPOSURE_TIME).expect("frames are exposed"));
        let gain = f64::from(frame.metadata().get(control::ANALOGUE_GAIN).expect("frames have a gain"));
        let (their_us, their_gain) = exposed[&number];
        assert!((said_us - their_us).abs() <= 1.0, "frame {number}: {said_us} µs and {their_us} µs");
        assert!((gain / their_gain - 1.0).abs() < 1e-3, "frame {number}: gains {gain} and {their_gain}");
        compared += 1;
    }
    println!("{compared} RAW frames, and their metadata, are the same");
    assert!(compared >= 16, "only {compared} frames have the same numbers");
}

/// The mean brightness of the first plane of a picture without padding.
fn mean(luma: &[u8]) -> f64 {
    luma.iter().map(|byte| f64::from(*byte)).sum::<f64>() / luma.len() as f64
}

/// Catches: devices on which no control loop can close; one of ours that does not.
#[test]
fn exposure_and_white_balance_converge() {
    let Some(embedded) = camera() else { return };
    let folder = folder();
    let file = format!("--file={}/#", folder.display());
    let picture = "role=viewfinder,width=640,height=480,pixelformat=YUV420";
    let capture = cam::capture(&["-s", picture, "--capture=60", &file]);
    let last = capture.shots.last().unwrap_or_else(|| panic!("nothing came: {}", capture.words));
    assert!(last.is("AeLocked"), "libcamera's exposure has not settled");
    let theirs = last.numbers("ColourGains");
    let path = folder.join(format!("cam0-stream0-{:06}", last.sequence));
    let their_mean = mean(&std::fs::read(path).expect("the frame was written")[..640 * 480]);

    let mut session = ours::session(ours::quick_mode(embedded), None);
    let frame = (0..60).map(|_| ours::next(&mut session)).last().expect("60 frames came");
    assert_eq!(frame.metadata().get(control::AE_LOCKED), Some(true), "our exposure has not settled");
    assert_eq!(frame.metadata().get(control::AWB_LOCKED), Some(true), "nor our white balance");
    let ours = frame.metadata().get(control::COLOUR_GAINS).expect("frames have gains").map(f64::from);
    let stream = frame.stream(Role::Video).expect("it was asked for");
    let our_mean = mean(&stream.map().expect("it can be looked into").plane(0)[..640 * 480]);

    println!("gains: true {:.3?}, libcamera {theirs:.3?}, ours {ours:.3?}", true_gains(embedded));
    println!("mean of the picture: libcamera {their_mean:.1}, ours {our_mean:.1}");
    for (at, truth) in true_gains(embedded).into_iter().enumerate() {
        assert!((theirs[at] / truth - 1.0).abs() < 0.12, "libcamera's gains: {theirs:?}");
        assert!((ours[at] / truth - 1.0).abs() < 0.03, "our gains: {ours:?}");
    }
    assert!((50.0..180.0).contains(&their_mean) && (50.0..180.0).contains(&our_mean));
}
