//! `pinhole inspect`: what a raw file holds, and what its picture's values look like; what a JPEG
//! says of itself.

mod jpeg;

use crate::arguments::InspectArguments;
use crate::beginning;
use crate::console;
use crate::ending::{Ending, Failure};
use crate::raw_file;
use crate::sink::Out;
use pinhole::develop::scopes::{Drawing, Histogram, SCOPE, Waveform};
use pinhole::develop::{self, Adjustments, Pixels};
use pinhole::files::atomic::Durability;
use pinhole::files::dng::DngImage;
use pinhole::files::{ImageMetadata, png};
use pinhole::geometry::Size;
use serde_json::json;
use std::fmt::Write;

/// Columns and rows of a scope in the terminal.
const COLUMNS: usize = 64;
const ROWS: usize = 12;

/// Tells what the file holds.
pub(crate) fn run(arguments: &InspectArguments) -> Result<Ending, Failure> {
    let bytes = raw_file::bytes(&arguments.file)?;
    if beginning::is_jpeg(&bytes) {
        jpeg::tell(&bytes, arguments)?;
        return Ok(Ending::Done);
    }
    let image = raw_file::parsed(&arguments.file, &bytes)?;
    drop(bytes);
    if arguments.json {
        console::answer(&format!("{}\n", facts_as_json(&image)))?;
    } else {
        console::answer(&facts(&image))?;
    }
    if image.format.order.is_none() || (arguments.json && arguments.png.is_none()) {
        return Ok(Ending::Done);
    }
    let small = Adjustments { fit: Some(Size::new(1024, 1024)), ..Adjustments::default() };
    let developed = develop::develop(&image, &small, Pixels::Rgb)
        .map_err(|error| error.at(arguments.file.display().to_string()))?;
    let picture = developed.picture();
    let histogram = Histogram::of(&picture);
    if !arguments.json {
        console::answer(&(histogram_text(&histogram) + &waveform_text(&Waveform::of(&picture, COLUMNS))))?;
    }
    if let Some(path) = &arguments.png {
        let drawing = Drawing::of(&histogram, &Waveform::of(&picture, SCOPE.width as usize));
        let mut out = Out::open(path)?;
        png::write(&mut out, &drawing.picture(), &ImageMetadata::default())
            .map_err(|error| out.placed(error))?;
        out.finish(Durability::OnDisk)?;
    }
    Ok(Ending::Done)
}

/// Least, mean and greatest code.
fn codes(image: &DngImage) -> (u16, f64, u16) {
    let least = image.samples.iter().min().copied().unwrap_or(0);
    let greatest = image.samples.iter().max().copied().unwrap_or(0);
    let sum: u64 = image.samples.iter().map(|&sample| u64::from(sample)).sum();
    (least, sum as f64 / image.samples.len() as f64, greatest)
}

/// Samples at white or beyond it.
fn saturated(image: &DngImage) -> usize {
    image.samples.iter().filter(|&&sample| u32::from(sample) >= image.white_level).count()
}

/// Facts, a line each.
#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    /// Adds a fact, unless there is nothing to tell.
    fn add(&mut self, name: &str, value: &str) -> &mut Self {
        if !value.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "{name:<16}{value}");
        }
        self
    }
}

fn facts(image: &DngImage) -> String {
    let mut lines = Lines::default();
    let mut line = |name: &str, value: String| {
        lines.add(name, &value);
    };
    let mosaic = image.format.order.map_or("none: monochrome".to_owned(), |order| format!("{order:?}"));
    line("camera", format!("{} {}", image.make, image.model).trim().to_owned());
    line("name", image.unique_camera_model.clone());
    line("written by", image.software.clone());
    line("taken", image.date_time.clone());
    line("exposure", image.exposure_time.map_or(String::new(), |time| format!("{} µs", time.as_micros())));
    line("sensitivity", image.iso.map_or(String::new(), |iso| format!("ISO {iso}")));
    line("size", format!("{}, shown {}", image.size, image.active_area));
    line("orientation", image.orientation.to_string());
    line("mosaic", mosaic);
    line("bits", image.format.bits.to_string());
    line("black", format!("{:?}", image.black_levels));
    line("white", image.white_level.to_string());
    let (least, mean, greatest) = codes(image);
    let share = 100.0 * saturated(image) as f64 / image.samples.len() as f64;
    line("codes", format!("{least} to {greatest}, mean {mean:.1}, {share:.2} % saturated"));
    line("neutral", image.as_shot_neutral.map_or(String::new(), |neutral| format!("{neutral:.4?}")));
    for calibration in &image.calibrations {
        line("calibration", format!("{:?}: {:.4?}", calibration.illuminant, calibration.xyz_to_camera.0));
        line("forward", calibration.forward.map_or(String::new(), |matrix| format!("{:.4?}", matrix.0)));
    }
    let shading =
        |map: &pinhole::files::dng::GainMap| format!("gains at {}x{} points", map.columns, map.rows);
    line("lens shading", image.lens_shading.as_ref().map_or(String::new(), shading));
    lines.text
}

fn facts_as_json(image: &DngImage) -> serde_json::Value {
    let (least, mean, greatest) = codes(image);
    json!({
        "make": image.make, "model": image.model, "unique_camera_model": image.unique_camera_model,
        "software": image.software, "date_time": image.date_time,
        "exposure_us": image.exposure_time.map(|time| time.as_micros() as u64), "iso": image.iso,
        "width": image.size.width, "height": image.size.height, "orientation": image.orientation,
        "mosaic": image.format.order.map(|order| format!("{order:?}")), "bits": image.format.bits,
        "black": image.black_levels, "white": image.white_level, "neutral": image.as_shot_neutral,
        "code_min": least, "code_mean": mean, "code_max": greatest, "saturated_samples": saturated(image),
        "calibrations": image.calibrations.iter().map(|calibration| json!({
            "illuminant": format!("{:?}", calibration.illuminant),
            "xyz_to_camera": calibration.xyz_to_camera.0,
            "forward": calibration.forward.map(|matrix| matrix.0),
        })).collect::<Vec<_>>(),
        "lens_shading": image.lens_shading.as_ref().map(|map| [map.columns, map.rows]),
    })
}

/// Eighths of a character's height.
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

fn histogram_text(histogram: &Histogram) -> String {
    const HEIGHT: usize = 4;
    let mut text = String::new();
    for (colour, name) in ["red", "green", "blue"].into_iter().enumerate() {
        let bars = histogram.bars(colour, COLUMNS);
        for row in (0..HEIGHT).rev() {
            let filled = |bar: &f64| {
                // Not linear: the rare is to be seen beside the common.
                let eighths = (bar.sqrt() * (8 * HEIGHT) as f64).ceil() as usize;
                EIGHTHS[eighths.saturating_sub(8 * row).min(8)]
            };
            let label = if row == 0 { name } else { "" };
            let bars: String = bars.iter().map(filled).collect();
            let _ = writeln!(text, "{label:<16}│{bars}│"); // writing to a string cannot fail
        }
    }
    text
}

fn waveform_text(waveform: &Waveform) -> String {
    const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
    let mut text = String::new();
    for row in (0..ROWS).rev() {
        let shade = |x: usize| {
            let share = waveform.share(x, row * 256 / ROWS, (row + 1) * 256 / ROWS);
            SHADES[(share.sqrt() * 5.0).ceil().min(4.0) as usize]
        };
        let label = if row == ROWS - 1 {
            "luma, left"
        } else if row == ROWS - 2 {
            "to right"
        } else {
            ""
        };
        let shades: String = (0..waveform.columns.len()).map(shade).collect();
        let _ = writeln!(text, "{label:<16}│{shades}│"); // writing to a string cannot fail
    }
    text
}
