//! `cargo xtask bench jpeg`: how fast pictures become JPEGs, beside
//! libjpeg-turbo in the same run.
//!
//! Both code the same picture, four times the project's photograph as planar 4:2:0, at the same
//! quality, one thread each. They take turns, and of each the quickest round counts: what else
//! the machine does then troubles both alike.

use super::program;
use super::table::Row;
use std::path::{Path, PathBuf};
use std::process::Command;

const QUALITY: &str = "93";
const MEGAPIXELS: f64 = 3280.0 * 2464.0 / 1e6;
/// How often both take their turn, and rounds in each.
const TURNS: usize = 8;
const ROUNDS: &str = "20";
/// The photograph, from the workspace's folder.
const PHOTO: &str = "docs/photo.jpg";
const TURBO: &str = "xtask/src/bench/turbo.c";

/// Measures both, with files in a folder.
pub(super) fn measure(folder: &Path) -> Result<Vec<Row>, String> {
    let ours = program::build("pinhole-files", "--example", "bench_jpeg")?;
    let turbo = build_turbo(folder)?;
    let picture = folder.join("picture.yuv");
    program::figures(Command::new(&ours).args(["picture", PHOTO]).arg(&picture))?;
    let seconds = |command: &mut Command, name: &str| {
        let command = command.arg(&picture).args([QUALITY, ROUNDS]).arg(folder.join(name));
        program::figures(command)?.get("seconds")
    };
    let mut quickest = [f64::INFINITY; 2];
    for _ in 0..TURNS {
        quickest[0] = quickest[0].min(seconds(Command::new(&ours).arg("encode"), "ours.jpg")?);
        quickest[1] = quickest[1].min(seconds(&mut Command::new(&turbo), "turbo.jpg")?);
    }
    let bytes = |name: &str| {
        let written = std::fs::metadata(folder.join(name));
        written.map(|file| file.len() as f64).map_err(|error| format!("{name}: {error}"))
    };
    Ok(rows(quickest, [bytes("ours.jpg")?, bytes("turbo.jpg")?]))
}

fn rows([ours, turbo]: [f64; 2], [our_bytes, turbo_bytes]: [f64; 2]) -> Vec<Row> {
    vec![
        Row::new("imaging.jpeg420.mpps", MEGAPIXELS / ours, "megapixels a second, quality 93"),
        Row::new("imaging.jpeg420.turbo_mpps", MEGAPIXELS / turbo, "libjpeg-turbo's in the same run"),
        Row::new("imaging.jpeg420.time_over_turbo", ours / turbo, "our time over libjpeg-turbo's")
            .at_most(1.0 / 0.95),
        Row::new("imaging.jpeg420.bytes_over_turbo", our_bytes / turbo_bytes, "our file over its"),
    ]
}

fn build_turbo(folder: &Path) -> Result<PathBuf, String> {
    let path = folder.join("turbo");
    let built = Command::new("cc").args(["-O2", TURBO, "-lturbojpeg", "-o"]).arg(&path).status();
    match built {
        Ok(status) if status.success() => Ok(path),
        _ => Err("the program that runs libjpeg-turbo cannot be built: it needs a C compiler and the \
                  library, e.g. `sudo apt-get install gcc libturbojpeg0-dev`"
            .into()),
    }
}
