//! What makes no sense or cannot be done: a clear error, the right exit code, nothing left
//! behind.

use crate::runner::{Ended, Folder, SMALL, program};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

/// Runs a command that must fail so, and leave the folder as it was.
fn fails(folder: &Folder, arguments: &[&str], code: i32, words: &[&str]) -> Ended {
    let before = folder.names();
    let ended = folder.run(&[arguments, &SMALL].concat());
    assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
    assert!(ended.stderr.contains("error: "), "{arguments:?}: {}", ended.stderr);
    for word in words {
        assert!(ended.stderr.contains(word), "{arguments:?} lacks `{word}`: {}", ended.stderr);
    }
    assert_eq!(folder.names(), before, "{arguments:?}");
    ended
}

fn refused(arguments: &[&str], words: &[&str]) {
    fails(&Folder::new(), arguments, 2, words);
}

#[test]
fn nonsense_on_the_command_line_is_a_matter_of_usage() {
    for (arguments, word) in [
        (&["capture", "--stream", "film"][..], "raw, still, video, viewfinder"),
        (&["capture", "--stream", "video,size=0x0"], "a size like 1920x1080"),
        (&["capture", "--stream", "video,format=RGB565"], "there is no format `RGB565`"),
        (&["capture", "--count", "-3"], "--count"),
        (&["capture", "--count", "many"], "many"),
        (&["capture", "--control", "Shutter=5"], "there is no control `Shutter`"),
        (&["capture", "--control", "ExposureTime=NaN"], "integer"),
        (&["capture", "--control", "AnalogueGain=inf"], "number"),
        (&["capture", "--control", "Contrast=99"], "outside 0 to 32"),
        (&["capture", "--control", "Lux=5"], "cannot be set"),
        (&["capture", "--crop", "0,0,0,0"], "no pixels"),
        (&["capture", "--simulate", "sensor=imx999"], "imx219 and imx477"),
        (&["capture", "--simulate", "lux=NaN"], "a number from"),
        (&["capture", "--simulate", "fault=rain"], "lost-image"),
        (&["capture", "--pace", "slow"], "possible values: real, fast"),
        (&["capture", "--stil"], "--stil"),
        (&["still", "-o", "a.jpg", "--quality", "0"], "1..=100"),
        (&["still", "-o", "a.jpg", "--timeout", "-1"], "no time from 0"),
        (&["photograph"], "photograph"),
    ] {
        let ended = Folder::new().run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(word), "{arguments:?} lacks `{word}`: {}", ended.stderr);
    }
}

#[test]
fn what_the_camera_cannot_do_is_told() {
    let four = ["--stream", "raw", "--stream", "still", "--stream", "video", "--stream", "viewfinder"];
    refused(&[&["capture"], &four[..]].concat(), &["1 RAW and 3 processed", "one RAW stream"]);
    refused(&["capture", "--stream", "raw", "--stream", "raw"], &["2 RAW"]);
    refused(
        &["capture", "--control", "LensPosition=1"],
        &["LensPosition", "does not have it", "pinhole list"],
    );
    refused(&["capture", "--control", "AnalogueGain=100"], &["imx219", "outside 1 to 10.6", "pinhole list"]);
    refused(&["capture", "--control", "ExposureTime=1"], &["outside", "µs"]);
    refused(&["capture", "--crop", "3000,2000,999,999"], &["does not lie within the sensor's array"]);
    let strict = ["capture", "--strict", "--stream", "video,size=9999x9999"];
    refused(&strict, &["9999x9999", "without --strict"]);
    refused(&["still", "-o", "a.jpg", "--strict", "-c", "Sharpness=17"], &["Sharpness"]);
}

#[test]
fn outputs_that_make_no_sense_are_refused() {
    for (output, words) in [
        ("a.jpg", ["put {n}", "a.jpg"]),
        ("a.avi", ["end it in", "a.avi"]),
        ("a-{n}.dng", ["a DNG holds RAW frames", "a-0.dng"]),
        ("raw=a.raw", ["no stream `raw`", "add --stream raw"]),
    ] {
        refused(&["capture", "-o", output], &words);
    }
    refused(
        &["capture", "--stream", "raw", "--stream", "video", "-o", "a.raw"],
        &["which stream", "raw, video"],
    );
    refused(&["capture", "-o", "-", "--metadata", "-"], &["standard output", "more than one"]);
    refused(&["capture", "-o", "-", "--json"], &["standard output", "more than one"]);
    refused(&["still", "-o", "photo"], &["photo: ", ".jpg, .png, .tif or .ppm"]);
    refused(&["still", "-o", "photo.dng"], &["--raw"]);
}

#[test]
fn cameras_that_are_not_there_are_told_with_those_that_are() {
    let folder = Folder::new();
    fails(&folder, &["capture", "--camera", "imx708"], 1, &["`imx708`", "no such camera", "imx219"]);
    fails(&folder, &["still", "-o", "a.jpg", "--camera", "7"], 1, &["`7`", "imx219"]);
    let two = ["--simulate", "sensor=imx219", "--simulate", "sensor=imx219"];
    fails(&folder, &[&["capture", "--camera", "imx219"], &two[..]].concat(), 1, &["several cameras match"]);
    let ended = folder.run(&["list", "--camera", ""]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
}

#[test]
fn places_that_cannot_be_written_are_told_before_the_camera_starts() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("folder.jpg")).unwrap();
    std::fs::write(folder.path("locked.jpg"), "precious").unwrap();
    std::fs::set_permissions(folder.path("locked.jpg"), PermissionsExt::from_mode(0o444)).unwrap();
    for (output, words) in [
        ("missing/photo.jpg", ["missing/photo.jpg", "No such file or directory"]),
        ("folder.jpg", ["folder.jpg", "it is a directory"]),
        ("locked.jpg", ["locked.jpg", "read-only"]),
    ] {
        fails(&folder, &["still", "-o", output, "--raw"], 1, &words);
        fails(&folder, &["capture", "-o", output, "--count", "1"], 1, &words);
        let ended = fails(&folder, &["capture", "--metadata", output, "--count", "1"], 1, &words);
        assert!(!ended.stderr.contains("frames:"), "{}", ended.stderr);
    }
    assert_eq!(folder.read("locked.jpg"), b"precious");
    fails(&folder, &["capture", "-o", "missing/f-{n}.png"], 1, &["missing/f-0.png"]);
    // One output that cannot be written keeps the others from being begun.
    let streams = ["--stream", "raw", "--stream", "video"];
    let outputs = ["-o", "raw=f-{n}.dng", "-o", "video=missing/video.y4m"];
    fails(&folder, &[&["capture"], &streams[..], &outputs[..]].concat(), 1, &["missing/video.y4m"]);
}

#[test]
fn a_full_device_is_told() {
    let folder = Folder::new();
    for kind in ["y4m", "jpg", "raw"] {
        let output = format!("{kind}:/dev/full");
        fails(&folder, &["capture", "-o", &output], 1, &["/dev/full", "No space left on device"]);
    }
    fails(&folder, &["capture", "--metadata", "/dev/full"], 1, &["/dev/full", "No space left"]);
    symlink("/dev/full", folder.path("photo.jpg")).unwrap();
    fails(&folder, &["still", "-o", "photo.jpg", "--raw"], 1, &["photo.jpg", "No space left"]);
}

/// Runs a command that may write files of 32 KiB at most.
fn confined(folder: &Folder, arguments: &[&str]) -> Ended {
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script]).args(program()).args(arguments).args(SMALL);
    Ended::of(command.current_dir(folder.path("")).output().unwrap())
}

#[test]
fn a_file_that_cannot_be_finished_is_not_left_behind() {
    for arguments in [
        &["still", "-o", "photo.png", "--raw"][..],
        &["still", "-o", "photo.ppm"],
        &["capture", "-o", "video.y4m"],
        &["capture", "-o", "f-{n}.ppm"],
        &["capture", "--stream", "raw", "-o", "f-{n}.dng", "-o", "all.raw"],
    ] {
        let folder = Folder::new();
        let ended = confined(&folder, arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("File too large"), "{arguments:?}: {}", ended.stderr);
        assert!(folder.names().is_empty(), "{arguments:?}: {:?}", folder.names());
    }
}

#[test]
fn a_scene_that_is_none_is_told() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("empty")).unwrap();
    std::fs::create_dir(folder.path("broken")).unwrap();
    std::fs::write(folder.path("broken/scene.png"), b"\x89PNG\r\n\x1a\nand no more").unwrap();
    std::fs::write(folder.path("words.jpg"), "not a picture").unwrap();
    for (scene, words) in [
        ("missing", ["missing", "No such file"]),
        ("empty", ["empty", "no PNG or JPEG"]),
        ("broken", ["broken/scene.png", "reading a picture"]),
        ("words.jpg", ["words.jpg", "neither PNG nor JPEG"]),
    ] {
        let scene = format!("scene={scene}");
        fails(&folder, &["still", "-o", "a.jpg", "--simulate", &scene], 1, &words);
        fails(&folder, &["capture", "--simulate", &scene], 1, &words);
    }
}

#[test]
fn a_camera_that_does_not_start_leaves_nothing() {
    let folder = Folder::new();
    for call in ["stream-on", "allocate", "set-format", "open"] {
        let fault = format!("fault=failed-call/{call}@0");
        let arguments = ["still", "-o", "photo.jpg", "--raw", "--simulate", &fault];
        fails(&folder, &arguments, 1, &["Input/output error"]);
    }
    let silent = ["still", "-o", "photo.jpg", "--raw", "--simulate", "fault=silent-sensor@0"];
    fails(&folder, &silent, 1, &["no frame came"]);
}
