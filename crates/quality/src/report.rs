//! What was measured, as tables, and the limits that it is held against.

use crate::edge::aperture_mtf50;
use crate::light::dng;
use crate::shot::{Conditions, Shot, binned};
use crate::{colour, drawing, limits, noise, sharpness};
use pinhole::Result;
use pinhole::sim::model::SensorModel;
use pinhole::sim::scene::{Light, SPREAD, Scene};
use std::fmt::Write;
use std::path::Path;

/// Gains at which noise is looked at, and the light that a picture needs then.
const GAINS: [(f32, f64); 2] = [(1.0, 2400.0), (8.0, 300.0)];
const KELVIN: f64 = 5000.0;

/// What was measured of one sensor.
pub struct Report {
    model: &'static SensorModel,
    colour: Vec<colour::Row>,
    seen: Vec<colour::Seen>,
    sharpness: Vec<sharpness::Row>,
    noise: Vec<noise::Row>,
}

/// Measures the pictures of a simulated camera with this sensor.
///
/// # Errors
/// What the camera, the image processor or the writers of files fail with.
pub fn measure(model: &'static SensorModel) -> Result<Report> {
    let scene = Scene::desk();
    let (colour, seen) = colour::measure(model, &scene)?;
    let (mut sharp, mut noisy) = (Vec::new(), Vec::new());
    for (gain, lux) in GAINS {
        let conditions = Conditions {
            model,
            mode: model.modes[0],
            light: Light { lux, kelvin: KELVIN },
            gain: Some(gain),
        };
        let shot = Shot::take(&scene, &conditions)?;
        let dng = dng(&shot)?;
        if sharp.is_empty() {
            sharp = sharpness::measure(&shot, &dng)?;
        }
        noisy.extend(noise::measure(&shot, &dng, gain)?);
    }
    Ok(Report { model, colour, seen, sharpness: sharp, noise: noisy })
}

impl Report {
    /// The tables, in Markdown.
    pub fn markdown(&self) -> String {
        let name = self.model.name;
        let (small, large) = (binned(self.model).size, self.model.modes[0].size);
        format!(
            "Colours, {name}, {small}: CIEDE2000 over the chart's 24 patches, mean / 90th percentile / most\n\n\
             {}\nSharpness, {name}, {large}, gain 1: MTF50 in cycles per pixel, across and down\n\n{}\n\
             Noise, {name}, {large}: luminance's signal over noise in dB · deviation of L* · of a* and b*\n\n{}",
            self.colour_table(),
            self.sharpness_table(),
            self.noise_table()
        )
    }

    fn colour_table(&self) -> String {
        let mut table = String::new();
        let lights: Vec<_> = self.colour.chunk_by(|a, b| a.light == b.light).collect();
        table += "| |";
        for rows in &lights {
            table += &format!(" {}, taken for {} K |", rows[0].light, rows[0].estimate);
        }
        table += &format!("\n|---|{}\n", "---:|".repeat(lights.len()));
        for way in 0..lights[0].len() {
            table += &format!("| {} |", lights[0][way].way);
            for rows in &lights {
                let row = &rows[way];
                table += &format!(
                    " {:.2} / {:.2} / {:.2} ({}) |",
                    row.mean, row.ninth_decile, row.most, row.worst
                );
            }
            table += "\n";
        }
        table
    }

    fn sharpness_table(&self) -> String {
        let limit = aperture_mtf50(f64::from(SPREAD));
        let mut table = String::from(
            "| | | across | down | of the limit | halo, bright | halo, dark |\n|---|---|---:|---:|---:|---:|---:|\n",
        );
        // Writing to a string cannot fail.
        let _ =
            writeln!(table, "| the pixels' aperture, by theory | | {limit:.3} | {limit:.3} | 100 % | | |");
        for row in &self.sharpness {
            let [across, down] = row.mtf50();
            let [of_limit, bright, dark] =
                [row.mean() / limit, row.halo(), row.dark_halo()].map(|part| 100.0 * part);
            let _ = writeln!(
                table,
                "| {} | {} | {across:.3} | {down:.3} | {of_limit:.0} % | {bright:.1} % | {dark:.1} % |",
                row.way, row.steps
            );
        }
        table
    }

    fn noise_table(&self) -> String {
        let mut table = String::from("| gain | | smoothing |");
        colour::GREYS.for_each(|index| {
            table += &format!(" {} |", pinhole::sim::scene::CHART[index].name);
        });
        table += &format!("\n|---:|---|---|{}\n", "---:|".repeat(colour::GREYS.len()));
        for row in &self.noise {
            table += &format!("| {} | {} | {} |", row.gain, row.way, row.smoothing);
            for patch in &row.patches {
                table += &format!(" {:.1} · {:.2} · {:.2} |", patch.snr_db, patch.lightness, patch.chroma);
            }
            table += "\n";
        }
        table
    }

    /// Which figures are beyond their limits, in words; none if all is well.
    pub fn failures(&self) -> Vec<String> {
        limits::failures(&self.colour, &self.sharpness, &self.noise)
    }

    /// Draws what the tables are about into a folder, which is made: the chart in each light
    /// (`chart.jpg`), edges (`edges.png`), grey patches (`noise.jpg`), MTF curves (`mtf.svg`).
    ///
    /// # Errors
    /// Writing fails.
    pub fn draw(&self, folder: &Path) -> Result<()> {
        drawing::draw(folder, self.model, &self.seen, &self.sharpness, &self.noise)
    }
}
