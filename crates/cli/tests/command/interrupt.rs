//! Ctrl-C and SIGTERM in the middle of a capture.

use crate::runner::{Ended, Folder, SMALL, dng, y4m};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

/// Starts a capture without end, and sends a signal once three frames are known to be there.
fn interrupted(folder: &Folder, signal: Signal, arguments: &[&str]) -> (Ended, usize) {
    let all = [arguments, &["--metadata", "-"], &SMALL].concat();
    let mut child = folder.command(&all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    for _ in 0..3 {
        lines.read_line(&mut text).unwrap();
    }
    kill_process(Pid::from_child(&child), signal).unwrap();
    lines.read_to_string(&mut text).unwrap();
    (Ended::of(child.wait_with_output().unwrap()), text.lines().count())
}

#[test]
fn an_interrupted_capture_leaves_whole_files_and_a_summary() {
    for signal in [Signal::INT, Signal::TERM] {
        let folder = Folder::new();
        let streams = ["--stream", "raw", "--stream", "video,size=320x240"];
        let outputs = ["-o", "raw=f-{n}.dng", "-o", "video=video.y4m"];
        let (ended, frames) =
            interrupted(&folder, signal, &[&["capture"], &streams[..], &outputs[..]].concat());
        assert_eq!(ended.code, Some(130), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("frames:  {frames}")), "{frames}: {}", ended.stderr);
        let file = folder.read("video.y4m");
        assert_eq!(y4m(&file, 320 * 240 * 3 / 2).1.len(), frames);
        let names = folder.names();
        assert_eq!(names.len(), frames + 1, "{names:?}");
        names.iter().filter(|name| name.ends_with(".dng")).for_each(|name| {
            dng(&folder.path(name));
        });
    }
}
