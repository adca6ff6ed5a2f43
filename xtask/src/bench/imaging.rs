//! `cargo xtask bench imaging`: how fast mosaics become pictures, beside
//! memcpy in the same run, and in instructions, which do not depend on how busy the machine is.
//! Single steps are beside OpenCV's, too, where its Python module is, and the whole is beside
//! Halide's camera_pipe, where there is that.
//!
//! The measured programs are the examples `bench_imaging` and `bench_steps` of the crate
//! `pinhole-imaging`, and `opencv.py`.

use super::program::{self, Figures, Program};
use super::table::Row;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

/// Rounds of everything that is timed: of each, the quickest counts.
const ROUNDS: &str = "40";
/// The megapixels of a picture, in pixels.
const PIXELS: f64 = 3280.0 * 2464.0;
/// Strips of a frame that levels are compared by.
const STRIPS: f64 = 8.0;
/// Names the folder of Halide's sources.
const HALIDE_FOLDER: &str = "PINHOLE_HALIDE";
/// Halide's part, from the workspace's folder.
const HALIDE: &str = "xtask/src/bench/halide.sh";
/// OpenCV's part, from the workspace's folder.
const OPENCV: &str = "xtask/src/bench/opencv.py";

/// Measures; speeds have goals, in words, but no limits, for they depend on the machine. Explains,
/// if asked to, where instructions go.
pub(super) fn measure(explain: bool) -> Result<(Vec<Row>, String), String> {
    program::check_valgrind()?;
    let explanation = if explain { explanation()? } else { String::new() };
    Ok((rows()?, explanation))
}

/// Instructions of each kernel, a pixel.
fn explanation() -> Result<String, String> {
    let program = Program::build_with_full_names("pinhole-imaging", "bench_imaging")?;
    let mut text = String::new();
    for chain in ["full", "fast", "hq"] {
        let (_, profile) = program.profile(&[chain, "1"])?;
        let mut kernels = BTreeMap::<&str, u64>::new();
        for (function, cost) in profile.own_costs() {
            *kernels.entry(kernel_of(&function.name).unwrap_or("the rest")).or_default() += cost;
        }
        let mut kernels: Vec<_> = kernels.into_iter().collect();
        kernels.sort_by_key(|(_, cost)| std::cmp::Reverse(*cost));
        let _ = writeln!(text, "\nInstructions of {chain}, a pixel, AVX2:");
        for (kernel, cost) in kernels {
            let _ = writeln!(text, "{:8.2}  {kernel}", cost as f64 / PIXELS);
        }
    }
    Ok(text)
}

/// The kernel that a function was made for, without the crate and what it is generic over.
fn kernel_of(name: &str) -> Option<&str> {
    if name.contains("count_values") {
        return Some("gather::count_values");
    }
    let (_, kernel) = name.split_once("with_features::<pinhole_imaging::")?;
    kernel.split(['<', '>']).next()
}

fn rows() -> Result<Vec<Row>, String> {
    let built = program::build("pinhole-imaging", "--example", "bench_imaging")?;
    let figures = program::figures(Command::new(&built).args(["all", ROUNDS]))?;
    let halide = halide()?;
    let instructions = |what: &str| -> Result<f64, String> {
        Ok(program::count(Command::new(&built).args([what, "1"]))? as f64 / PIXELS)
    };
    let speed = |what: &str| -> Result<f64, String> { Ok(PIXELS / figures.get(what)? / 1e6) };
    let of = |name| figures.get(name);
    let mut rows = vec![
        Row::new(
            "imaging.full.mpps",
            speed("full")?,
            "RAW10 to NV12 with statistics, megapixels a second; goal 800",
        ),
        Row::new("imaging.full_rgb.mpps", speed("full_rgb")?, "the same to RGB24; goal 800"),
        Row::new("imaging.full.instructions_per_pixel", instructions("full")?, "… to NV12, AVX2")
            .at_most(17.0)
            .against(64.7),
        Row::new("imaging.fast.mpps", speed("fast")?, "to NV12, colours interpolated linearly; goal 1,000"),
        Row::new("imaging.fast.instructions_per_pixel", instructions("fast")?, "… to NV12, AVX2")
            .at_most(13.0),
        Row::new("imaging.hq.mpps", speed("hq")?, "to NV12, colours interpolated along edges; goal 250"),
        Row::new("imaging.hq.instructions_per_pixel", instructions("hq")?, "… to NV12, AVX2"),
        Row::new(
            "imaging.two_threads_over_one",
            of("two_threads_over_one")?,
            "speed, to NV12, median of pairs of frames; goal 1.9",
        ),
        Row::new(
            "imaging.unpack10.over_memcpy",
            of("unpack10")? / of("unpack10_memcpy")?,
            "time over that of a memcpy of as many bytes, 12 MP; goal 1.05",
        ),
        Row::new(
            "imaging.full.over_memcpy",
            of("full")? / of("full_memcpy")?,
            "time over that of a memcpy of as many bytes read and written",
        ),
        Row::new("imaging.allocations_per_frame", of("allocations")?, "on the heap, by two threads")
            .at_most(0.0),
    ];
    rows.append(&mut levels(&figures));
    for (name, what) in [
        ("greens", "to NV12 with greens evened, AVX2"),
        ("contrast", "to NV12 with contrast, AVX2"),
        ("chroma", "to NV12 with chroma smoothed, AVX2"),
    ] {
        rows.push(Row::new(format!("imaging.{name}.instructions_per_pixel"), instructions(name)?, what));
    }
    let full = speed("full")?;
    let mut beside_halide = |name: &'static str, value: Option<f64>, what| {
        rows.push(match value {
            Some(value) => Row::new(name, value, what),
            None => Row::not_measured(name, "needs PINHOLE_HALIDE, the folder of Halide's sources"),
        });
    };
    let what = "Halide's camera_pipe in the same session, AVX2, without unpacking and statistics";
    beside_halide("imaging.full.halide_mpps", halide, what);
    let what = "our speed over Halide's; goals: 800 over 440, or 1.82";
    beside_halide("imaging.full.over_halide", halide.map(|halide| full / halide), what);
    rows.append(&mut steps()?);
    Ok(rows)
}

/// What the machine's vectors make of the same, in strips.
fn levels(figures: &Figures) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, chain) in [
        ("imaging.full.avx512_over_avx2", "full"),
        ("imaging.full_rgb.avx512_over_avx2", "full_rgb"),
        ("imaging.fast.avx512_over_avx2", "fast"),
        ("imaging.hq.avx512_over_avx2", "hq"),
    ] {
        let seconds = |level: &str| figures.get(&format!("{chain}@{level}"));
        rows.push(match (seconds("AVX2"), seconds("AVX-512")) {
            (Ok(avx2), Ok(avx512)) => {
                Row::new(name, avx2 / avx512, "speed, in time of the processor, by turns")
            }
            _ => Row::not_measured(name, "needs a machine with AVX2 and AVX-512"),
        });
    }
    rows.push(match figures.get("full@AVX2") {
        Ok(seconds) => {
            let what = "to NV12 with AVX2, in strips of an eighth, in time of the processor; goal 800";
            Row::new("imaging.full.avx2_mpps", PIXELS / STRIPS / seconds / 1e6, what)
        }
        Err(_) => Row::not_measured("imaging.full.avx2_mpps", "needs a machine with AVX2"),
    });
    rows
}

/// Megapixels a second of Halide's `camera_pipe`, if there is one to measure.
fn halide() -> Result<Option<f64>, String> {
    let Some(folder) = std::env::var_os(HALIDE_FOLDER) else { return Ok(None) };
    let figures = program::figures(Command::new("sh").arg(HALIDE).arg(folder).arg(ROUNDS))?;
    Ok(Some(1.0 / figures.get("camera_pipe")?))
}

/// Single steps: ours, memcpy's time for the same traffic, and OpenCV's.
fn steps() -> Result<Vec<Row>, String> {
    let built = program::build("pinhole-imaging", "--example", "bench_steps")?;
    let ours = program::figures(Command::new(&built).arg(ROUNDS))?;
    let opencv = program::figures(Command::new("python3").args([OPENCV, ROUNDS]));
    let mut rows = Vec::new();
    for (step, name, what) in [
        (
            "demosaic16",
            "demosaic16",
            "16-bit mosaic to 16-bit RGB, linearly, megapixels a second; goal 2,000",
        ),
        ("halve8", "scale_half", "8-bit plane to its half either way, megapixels read a second; goal 3,400"),
        ("halve16", "scale_half16", "16-bit plane to its half either way, megapixels read a second"),
    ] {
        let seconds = ours.get(step)?;
        let over_memcpy = seconds / ours.get(&format!("{step}_memcpy"))?;
        rows.push(Row::new(format!("imaging.{name}.mpps"), PIXELS / seconds / 1e6, what));
        let what = "time over that of a memcpy of as many bytes read and written";
        rows.push(Row::new(format!("imaging.{name}.over_memcpy"), over_memcpy, what));
        let name = format!("imaging.{name}.opencv_mpps");
        rows.push(match &opencv {
            Ok(opencv) => Row::new(name, PIXELS / opencv.get(step)? / 1e6, "OpenCV's, in the same session"),
            Err(_) => Row::not_measured(name, "needs Python with opencv-python-headless"),
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_told_from_names() {
        let name =
            "<pinhole_simd::x86::avx2::Avx2>::run::with_features::<pinhole_imaging::unpack::Split<10>>";
        assert_eq!(kernel_of(name), Some("unpack::Split"));
        assert_eq!(kernel_of("pinhole_imaging::gather::count_values"), Some("gather::count_values"));
        assert_eq!(kernel_of("<pinhole_imaging::worker::Worker>::process"), None);
    }
}
