//! Pictures to look at: the chart beside its true colours, edges, grey patches, and curves.

use crate::colour::{DEVELOP, Seen, chart_area};
use crate::edge::aperture_mtf;
use crate::light::{Light, Rgb, view};
use crate::sharpness::{BOTH, PLAIN};
use crate::{noise, sharpness};
use pinhole::files::atomic::{self, Durability};
use pinhole::files::{ImageMetadata, jpeg, png};
use pinhole::geometry::Size;
use pinhole::sim::model::SensorModel;
use pinhole::sim::scene::{CHART, SPREAD, chart_patch_area};
use pinhole::{Error, Result};
use std::fmt::Write;
use std::fs;
use std::io::Write as _;
use std::path::Path;

/// Pixels between the parts of a picture.
const GAP: usize = 4;

/// Of JPEGs.
const QUALITY: u8 = 90;

/// A picture in the making.
struct Canvas {
    size: Size,
    rgb: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self { size: Size::new(width as u32, height as u32), rgb: vec![255; width * height * 3] }
    }

    /// Puts a picture down with its left upper corner at a place, each pixel `zoom` wide.
    fn put(&mut self, (left, top): (usize, usize), picture: &Light, zoom: usize, scale: f64) {
        let width = picture.size.width as usize;
        for (i, pixel) in picture.pixels.iter().enumerate() {
            let (x, y) = (left + i % width * zoom, top + i / width * zoom);
            self.fill((x, y), (zoom, zoom), pixel.map(|value| value * scale));
        }
    }

    /// Fills a rectangle; what of it lies outside is left out.
    fn fill(&mut self, (left, top): (usize, usize), (width, height): (usize, usize), colour: Rgb) {
        let encoded = colour.map(encoded);
        let (right, bottom) = (self.size.width as usize, self.size.height as usize);
        for y in top..(top + height).min(bottom) {
            for x in left..(left + width).min(right) {
                self.rgb[(y * right + x) * 3..][..3].copy_from_slice(&encoded);
            }
        }
    }

    /// Writes it as its name says.
    fn write(&self, path: &Path) -> Result<()> {
        let (picture, metadata) = (view(self.size, &self.rgb)?, ImageMetadata::default());
        atomic::write(path, Durability::WhenConvenient, |file| {
            match path.extension().is_some_and(|suffix| suffix == "jpg") {
                true => jpeg::write(file, &picture, QUALITY, &metadata),
                false => png::write(file, &picture, &metadata),
            }
        })
    }
}

fn failed(error: &std::io::Error, path: &Path) -> Error {
    Error::from_io(error, "drawing what was measured").at(path.display().to_string())
}

/// sRGB's code of linear light.
fn encoded(value: f64) -> u8 {
    let value = value.clamp(0.0, 1.0);
    let encoded = if value <= 0.003_130_8 { 12.92 * value } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 };
    (encoded * 255.0).round() as u8
}

/// Draws everything into a folder.
pub(crate) fn draw(
    folder: &Path,
    model: &SensorModel,
    seen: &[Seen],
    sharpness: &[sharpness::Row],
    noise: &[noise::Row],
) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| failed(&error, folder))?;
    chart(model, seen).write(&folder.join("chart.jpg"))?;
    edges(sharpness).write(&folder.join("edges.png"))?;
    greys(noise).write(&folder.join("noise.jpg"))?;
    let path = folder.join("mtf.svg");
    atomic::write(&path, Durability::WhenConvenient, |file| {
        file.write_all(curves(sharpness).as_bytes()).map_err(|error| failed(&error, &path))
    })
}

/// The chart in each light, and in the middle of each patch the colour that it has.
fn chart(model: &SensorModel, seen: &[Seen]) -> Canvas {
    let size = seen[0].picture.size;
    let (width, height) = (size.width as usize, size.height as usize);
    let mut canvas = Canvas::new(2 * width + GAP, seen.len().div_ceil(2) * (height + GAP) - GAP);
    let native = chart_area(model);
    let scale = native.width as usize / width;
    for (i, seen) in seen.iter().enumerate() {
        let (left, top) = (i % 2 * (width + GAP), i / 2 * (height + GAP));
        canvas.put((left, top), &seen.picture, 1, seen.scale);
        for (index, patch) in CHART.iter().enumerate() {
            let area = chart_patch_area(index, model);
            let side = area.width as usize / 2 / scale;
            let x = (area.x - native.x) as usize / scale + side / 2;
            let y = (area.y - native.y) as usize / scale + area.height as usize / scale / 2 - side / 2;
            canvas.fill((left + x, top + y), (side, side), patch.linear());
        }
    }
    canvas
}

/// The upright edge, as each way shows it, four times as large.
fn edges(rows: &[sharpness::Row]) -> Canvas {
    const ZOOM: usize = 4;
    const SIDE: u32 = 32;
    const COLUMNS: usize = 5;
    let pictures: Vec<&Light> = rows.iter().filter_map(|row| row.picture.as_ref()).collect();
    let side = SIDE as usize * ZOOM;
    let lines = pictures.len().div_ceil(COLUMNS);
    let mut canvas = Canvas::new(COLUMNS * (side + GAP) - GAP, lines * (side + GAP) - GAP);
    for (i, picture) in pictures.into_iter().enumerate() {
        let place = (i % COLUMNS * (side + GAP), i / COLUMNS * (side + GAP));
        canvas.put(place, &picture.middle(SIDE), ZOOM, 1.0);
    }
    canvas
}

/// The grey patches of each way in rows, twice as large; those of equal gain side by side.
fn greys(rows: &[noise::Row]) -> Canvas {
    const ZOOM: usize = 2;
    const SIDE: u32 = 32;
    let side = SIDE as usize * ZOOM;
    let gains: Vec<&[noise::Row]> = rows.chunk_by(|a, b| a.gain == b.gain).collect();
    let (columns, lines) = (rows[0].pictures.len(), gains[0].len());
    let mut canvas = Canvas::new(gains.len() * (columns * side + GAP) - GAP, lines * (side + GAP) - GAP);
    for (g, rows) in gains.into_iter().enumerate() {
        for (line, row) in rows.iter().enumerate() {
            for (i, picture) in row.pictures.iter().enumerate() {
                let left = g * (columns * side + GAP) + i * side;
                canvas.put((left, line * (side + GAP)), &picture.middle(SIDE), ZOOM, 1.0);
            }
        }
    }
    canvas
}

/// Contrast over frequency across, as lines: the limit, the mosaic's, and each way's without
/// smoothing and sharpening, and as the camera does it.
fn curves(rows: &[sharpness::Row]) -> String {
    const COLOURS: [&str; 8] =
        ["#888", "#000", "#d62728", "#ff9896", "#1f77b4", "#aec7e8", "#2ca02c", "#98df8a"];
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 360.0;
    const CONTRAST_MAX: f64 = 1.5;
    const FREQUENCY_MAX: f64 = 0.75;
    let place = |(frequency, contrast): (f64, f64)| {
        (40.0 + frequency / FREQUENCY_MAX * WIDTH, 10.0 + (1.0 - contrast / CONTRAST_MAX) * HEIGHT)
    };
    let limit = rows[0].edges[0].curve().map(|(f, _)| (f, aperture_mtf(f64::from(SPREAD), f)));
    let shown = |row: &&sharpness::Row| ["", PLAIN, BOTH].contains(&row.steps) && row.way != DEVELOP;
    let mut lines: Vec<(String, Vec<(f64, f64)>)> = vec![("the aperture's".to_owned(), limit.collect())];
    lines.extend(
        rows.iter()
            .filter(shown)
            .map(|row| (format!("{} {}", row.way, row.steps), row.edges[0].curve().collect())),
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        WIDTH + 120.0,
        HEIGHT + 40.0
    );
    for step in 0..=3u8 {
        let (x, y) = place((0.0, f64::from(step) / 2.0));
        let right = x + WIDTH;
        let label = f64::from(step) / 2.0;
        // Writing to a string cannot fail.
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {y:.1}H{right:.1}\" stroke=\"#ccc\"/><text x=\"8\" y=\"{:.1}\">{label}</text>",
            y + 4.0
        );
        let (x, y) = place((f64::from(step) / 4.0, 0.0));
        let label = f64::from(step) / 4.0;
        let _ = writeln!(
            svg,
            "<path d=\"M{x:.1} {y:.1}V10\" stroke=\"#ccc\"/><text x=\"{:.1}\" y=\"{:.1}\">{label} cycles/pixel</text>",
            x + 3.0,
            y + 16.0
        );
    }
    for (i, (name, line)) in lines.iter().enumerate() {
        let points: Vec<String> =
            line.iter().map(|point| place(*point)).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let (colour, y) = (COLOURS[i % COLOURS.len()], 24.0 + 15.0 * i as f64);
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\n<text x=\"{:.1}\" y=\"{y}\" fill=\"{colour}\">{name}</text>",
            points.join(" "),
            WIDTH - 140.0
        );
    }
    svg + "</svg>\n"
}
