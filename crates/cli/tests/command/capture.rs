//! `capture`: every kind of file, every stream, and what the summary says.

use crate::runner::{Folder, dng, words, y4m};
use serde_json::Value;

const VIDEO: &str = "video,size=320x240";
const VIDEO_BYTES: usize = 320 * 240 * 3 / 2;

fn lines(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn video_goes_to_a_file_and_to_standard_output_alike() {
    let folder = Folder::new();
    let arguments = ["capture", "--stream", VIDEO, "--count", "4", "-o"];
    let ended = folder.succeed_small(&[&arguments[..], &["video.y4m"]].concat());
    assert!(
        ended.stderr.contains("frames:  4") && ended.stderr.contains("drops:   none"),
        "{}",
        ended.stderr
    );
    let file = folder.read("video.y4m");
    let (header, frames) = y4m(&file, VIDEO_BYTES);
    assert!(header.starts_with("YUV4MPEG2 W320 H240 F1000000:33"), "{header}");
    assert_eq!(frames.len(), 4);
    let piped = folder.succeed_small(&[&arguments[..], &["-"]].concat());
    assert!(piped.stdout == file, "the same seed gives the same frames");
}

#[test]
fn a_dng_holds_the_samples_of_the_raw_buffer() {
    let folder = Folder::new();
    let outputs = ["-o", "raw=f-{n}.dng", "-o", "raw=f-{n}.raw"];
    folder.succeed_small(&[&["capture", "--stream", "raw", "--count", "2"], &outputs[..]].concat());
    assert_eq!(folder.names(), ["f-0.dng", "f-0.raw", "f-1.dng", "f-1.raw"]);
    for number in 0..2 {
        let image = dng(&folder.path(&format!("f-{number}.dng")));
        assert_eq!((image.size.width, image.size.height, image.format.bits), (640, 480, 10));
        assert_eq!(image.samples, words(&folder.read(&format!("f-{number}.raw"))));
        assert_eq!((image.black_levels, image.white_level), ([64.0; 4], 1023));
    }
    assert_ne!(folder.read("f-0.raw"), folder.read("f-1.raw"));
}

#[test]
fn packed_samples_unpack_to_the_same_codes() {
    let folder = Folder::new();
    let outputs = ["-o", "f.dng", "-o", "f.raw"];
    let stream = "raw,format=SRGGB10_CSI2P";
    folder.succeed_small(&[&["capture", "--stream", stream, "--count", "1"], &outputs[..]].concat());
    let unpacked: Vec<u16> = folder
        .read("f.raw")
        .chunks_exact(5)
        .flat_map(|group| (0..4).map(|at| u16::from(group[at]) << 2 | u16::from(group[4] >> (2 * at) & 3)))
        .collect();
    assert_eq!(dng(&folder.path("f.dng")).samples, unpacked);
}

#[test]
fn streams_of_one_request_show_the_same_frame() {
    let folder = Folder::new();
    let streams = ["--stream", "raw", "--stream", VIDEO, "--stream", "viewfinder,format=RGB24,size=160x120"];
    let outputs = ["-o", "{stream}-{n:3}.raw", "--metadata", "log.jsonl"];
    folder.succeed_small(&[&["capture", "--count", "3"], &streams[..], &outputs[..]].concat());
    let names = folder.names();
    assert_eq!(names.len(), 10, "{names:?}");
    assert_eq!(folder.read("video-002.raw").len(), VIDEO_BYTES);
    assert_eq!(folder.read("viewfinder-002.raw").len(), 160 * 120 * 3);
    let lines = lines(&folder.read("log.jsonl"));
    assert_eq!(lines.len(), 3);
    for (number, line) in lines.iter().enumerate() {
        assert_eq!(line["frame"], number);
        assert_eq!(line["metadata"]["SensorSequence"], line["sequence"]);
        assert_eq!(line["buffers"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn pictures_are_written_in_every_kind() {
    let folder = Folder::new();
    let outputs = ["-o", "a-{n}.jpg", "-o", "a-{n}.png", "-o", "a-{n}.ppm"];
    folder.succeed_small(&[&["capture", "--stream", VIDEO, "--count", "1"], &outputs[..]].concat());
    let jpeg = folder.read("a-0.jpg");
    let mut decoder = zune_jpeg::JpegDecoder::new(zune_jpeg::zune_core::bytestream::ZCursor::new(&jpeg));
    assert_eq!(decoder.decode().unwrap().len(), 320 * 240 * 3);
    assert!(folder.read("a-0.png").starts_with(b"\x89PNG"));
    let ppm = folder.read("a-0.ppm");
    assert!(ppm.starts_with(b"P6\n320 240\n255\n"));
    assert_eq!(ppm.len(), 15 + 320 * 240 * 3);
}

#[test]
fn controls_reach_the_frames() {
    let folder = Folder::new();
    let controls =
        ["--control", "ExposureTime=5000", "--control", "AnalogueGain=2", "--control", "AwbMode=Daylight"];
    let ended = folder.succeed_small(
        &[&["capture", "--stream", VIDEO, "--count", "6", "--metadata", "-"], &controls[..]].concat(),
    );
    let lines = lines(&ended.stdout);
    let last = &lines[5]["metadata"];
    assert!((last["ExposureTime"].as_f64().unwrap() - 5000.0).abs() < 50.0, "{last}");
    assert!((last["AnalogueGain"].as_f64().unwrap() - 2.0).abs() < 0.1, "{last}");
    assert_eq!(last["AwbMode"], "Daylight");
    let exposed = lines.iter().map(|line| line["metadata"]["ExposureTime"].as_i64().unwrap());
    assert!(exposed.clone().all(|time| (time - 5000).abs() < 50), "{:?}", exposed.collect::<Vec<_>>());
}

#[test]
fn crop_and_flips_change_the_picture_as_asked() {
    let folder = Folder::new();
    let crop = ["--crop", "1100,800,640,480"];
    let capture = ["capture", "--stream", VIDEO, "--count", "3", "--metadata", "-"];
    let ended = folder.succeed_small(&[&capture[..], &crop].concat());
    let lines = lines(&ended.stdout);
    let shown = &lines[2]["metadata"]["ScalerCrop"];
    assert_eq!((&shown["width"], &shown["height"]), (&640.into(), &480.into()), "{shown}");
    // Manual settings, so that both pictures are taken alike.
    let manual = [
        "--control",
        "ExposureTime=10000",
        "--control",
        "AnalogueGain=1",
        "--control",
        "ColourGains=1.8,1.4",
    ];
    let still = ["capture", "--stream", "viewfinder,format=RGB24,size=640x480", "--count", "4", "-o"];
    folder.succeed_small(&[&still[..], &["plain-{n}.raw"], &manual[..]].concat());
    let ended =
        folder.succeed_small(&[&still[..], &["turned-{n}.raw", "--hflip", "--vflip"], &manual[..]].concat());
    assert!(!ended.stderr.contains("adjusted"), "{}", ended.stderr);
    let (plain, mut turned) = (folder.read("plain-3.raw"), folder.read("turned-3.raw"));
    assert!(mean_difference(&plain, &turned) > 10.0);
    turned.reverse();
    turned.chunks_exact_mut(3).for_each(<[u8]>::reverse);
    assert!(mean_difference(&plain, &turned) < 10.0, "{}", mean_difference(&plain, &turned));
}

fn mean_difference(a: &[u8], b: &[u8]) -> f64 {
    let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}

#[test]
fn the_summary_counts_only_what_was_copied() {
    let folder = Folder::new();
    let capture = ["capture", "--stream", VIDEO, "--count", "3", "--json"];
    let ended = folder.succeed_small(&capture);
    let json = ended.json();
    assert_eq!((&json["cpu_bytes_copied"], &json["cpu_bytes_read"]), (&0.into(), &0.into()));
    assert_eq!((&json["frames"], &json["interrupted"]), (&3.into(), &false.into()));
    assert_eq!(json["streams"][0]["format"], "YUV420");
    assert!(json["internal_bytes"].as_u64().unwrap() > 0 && json["buffer_bytes"].as_u64().unwrap() > 0);
    assert!(json["frames_per_second"].as_f64().unwrap() > 25.0);
    assert!(ended.stderr.contains("copied:  0 bytes by the CPU"), "{}", ended.stderr);
    let written = folder.succeed_small(&[&capture[..], &["-o", "video.raw"]].concat()).json();
    assert_eq!(written["cpu_bytes_copied"], 3 * VIDEO_BYTES);
}

#[test]
fn lost_frames_are_counted_with_their_cause() {
    let folder = Folder::new();
    let faults = ["--simulate", "fault=lost-image:0.3,fault=lost-embedded:0.2,seed=3"];
    let ended = folder
        .succeed_small(&[&["capture", "--stream", VIDEO, "--count", "40", "--json"], &faults[..]].concat());
    let json = ended.json();
    assert_eq!(json["frames"], 40);
    assert!(!json["drops"].as_object().unwrap().is_empty(), "{json}");
    assert!(!ended.stderr.contains("drops:   none"));
}

#[test]
fn frames_that_came_before_a_failure_are_kept_whole() {
    for (fault, word) in [("silent-sensor@6", "no frame came"), ("unplugged-camera@6", "")] {
        let folder = Folder::new();
        let fault = format!("fault={fault}");
        let arguments = [
            "capture",
            "--stream",
            VIDEO,
            "-o",
            "video.y4m",
            "--simulate",
            &fault,
            "--metadata",
            "log.jsonl",
        ];
        let ended = folder.run(&[&arguments[..], &crate::runner::SMALL].concat());
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert!(ended.stderr.contains("error: ") && ended.stderr.contains(word), "{}", ended.stderr);
        assert_eq!(folder.names(), ["log.jsonl", "video.y4m"]);
        let file = folder.read("video.y4m");
        let frames = y4m(&file, VIDEO_BYTES).1.len();
        assert!((3..=6).contains(&frames), "{frames} frames");
        assert_eq!(lines(&folder.read("log.jsonl")).len(), frames);
    }
}

#[test]
fn what_had_to_be_adjusted_is_told() {
    let folder = Folder::new();
    let arguments = ["capture", "--stream", "video,size=9999x77,format=NV16", "--count", "1"];
    let ended = folder.succeed_small(&arguments);
    let told: Vec<_> = ended.stderr.lines().filter(|line| line.contains("adjusted")).collect();
    assert_eq!(told.len(), 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("9999x77") && ended.stderr.contains("640x76"), "{}", ended.stderr);
}

#[test]
fn the_right_camera_is_taken() {
    let folder = Folder::new();
    let cameras = ["--simulate", "sensor=imx219", "--simulate", "sensor=imx477", "--pace", "fast"];
    let capture =
        ["capture", "--count", "1", "--stream", "raw,size=1332x990", "--json", "--camera", "imx477"];
    let json = folder.succeed(&[&capture[..], &cameras].concat()).json();
    assert!(json["camera"].as_str().unwrap().contains("imx477"));
    assert_eq!(json["streams"][0]["format"], "SRGGB10");
}
