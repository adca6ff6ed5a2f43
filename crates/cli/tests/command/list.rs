//! `list`, `completions`, `--help` and `--version`.

use crate::runner::{Ended, Folder};
use std::process::Stdio;

#[test]
fn the_list_names_modes_controls_and_formats_and_says_what_is_simulated() {
    let ended = Folder::new().succeed(&["list"]);
    for part in ["imx219", "simulated", "3280x2464:10", "SRGGB10", "ExposureTime", "µs", "YUV420"] {
        assert!(ended.stdout().contains(part), "{part}: {}", ended.stdout());
    }
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("using a simulated imx219"), "{}", ended.stderr);
}

#[test]
fn the_list_as_json_holds_the_same() {
    let two = ["--simulate", "sensor=imx219", "--simulate", "sensor=imx477,embedded=off"];
    let ended = Folder::new().succeed(&[&["list", "--json"], &two[..]].concat());
    assert_eq!(ended.stderr, "");
    let json = ended.json();
    let cameras = json["cameras"].as_array().unwrap();
    let models: Vec<_> = cameras.iter().map(|camera| camera["model"].as_str().unwrap()).collect();
    assert_eq!(models, ["imx219", "imx477"]);
    let camera = &cameras[1];
    assert_eq!((&camera["simulated"], &camera["number"]), (&true.into(), &1.into()));
    assert!(camera["modes"].as_array().unwrap().iter().any(|mode| mode["width"] == 4056));
    let controls = camera["controls"].as_array().unwrap();
    let gain = controls.iter().find(|control| control["name"] == "AnalogueGain").unwrap();
    assert!(gain["maximum"].as_f64().unwrap() > 20.0, "{gain}");
    let one = Folder::new().succeed(&[&["list", "--json", "--camera", "imx477"], &two[..]].concat());
    assert_eq!(one.json()["cameras"].as_array().unwrap().len(), 1);
}

#[test]
fn every_help_has_examples_and_exit_codes() {
    for command in [&["--help"][..], &["list", "--help"], &["capture", "--help"], &["still", "--help"]] {
        let ended = Folder::new().succeed(command);
        for part in ["Examples:", "pinhole ", "Exit codes:", "130"] {
            assert!(ended.stdout().contains(part), "{command:?} lacks {part}");
        }
    }
    // clap would take some braces for its own.
    let capture = Folder::new().succeed(&["capture", "--help"]);
    assert_eq!(capture.stdout().matches("{n:4}").count(), 3, "{}", capture.stdout());
    let version = Folder::new().succeed(&["--version"]);
    assert_eq!(version.stdout().trim(), concat!("pinhole ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn shells_get_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let ended = Folder::new().succeed(&["completions", shell]);
        assert!(ended.stdout().contains("still") && ended.stdout().contains("simulate"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for arguments in [&["list"][..], &["completions", "bash"], &["--help"]] {
        let folder = Folder::new();
        let mut command = folder.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ended = Ended::of(child.wait_with_output().unwrap());
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}", ended.stderr);
    }
}
