//! What the figures are held against. The limits leave room for another seed of the noise, not for
//! another way of doing things.

use crate::colour::{self, DEVELOP, KNOWN};
use crate::edge::aperture_mtf50;
use crate::noise::{self, OFF, STRONG};
use crate::sharpness::{self, BOTH, DENOISED, PLAIN, SHARPENED, STRONGLY};
use pinhole::sim::scene::SPREAD;

/// A mean of CIEDE2000 with the light that the camera found, by the light's name. Lamplight is the
/// hardest to find: a desk of wood looks much like it.
const COLOUR_MAX: [(&str, f64); 4] =
    [("6500 K (D65)", 1.0), ("5000 K (D50)", 1.0), ("4000 K (TL84)", 1.0), ("2856 K (A)", 3.5)];
/// The same of `develop`, whose file tells the sensor's colours under two lights only.
const DEVELOP_MAX: [(&str, f64); 4] =
    [("6500 K (D65)", 1.0), ("5000 K (D50)", 1.0), ("4000 K (TL84)", 1.3), ("2856 K (A)", 3.5)];
/// Mean and greatest one where the light is known.
const KNOWN_MAX: (f64, f64) = (0.6, 1.5);
/// Least MTF50 without smoothing and sharpening, as a part of the aperture's.
const PLAIN_MIN: [(&str, f64); 4] =
    [("the mosaic's green samples", 0.95), ("linear", 0.78), ("malvar", 0.88), ("directional", 0.95)];
/// Least MTF50 after a step, as a part of that before it.
const STEPS_MIN: [(&str, f64); 4] = [(DENOISED, 0.98), (STRONGLY, 0.96), (SHARPENED, 1.1), (BOTH, 1.1)];
/// Greatest halo of a sharpened edge, on the bright side.
const HALO_MAX: f64 = 0.2;
/// By how many decibels smoothing must better the signal over the noise: unasked, and strong.
const UNASKED_DB_MIN: f64 = 0.8;
const STRONG_DB_MIN: f64 = 2.0;
/// The most of the noise's colour that strong smoothing may leave.
const STRONG_CHROMA_MAX: f64 = 0.65;

/// What is beyond its limit, in words.
pub(crate) fn failures(
    colour: &[colour::Row],
    sharpness: &[sharpness::Row],
    noise: &[noise::Row],
) -> Vec<String> {
    let mut failures: Vec<String> = colour.iter().filter_map(failure_of_colour).collect();
    failures.extend(sharpness.chunk_by(|a, b| a.way == b.way).flat_map(failures_of_sharpness));
    failures.extend(noise.chunk_by(|a, b| (a.gain, a.way) == (b.gain, b.way)).flat_map(failures_of_noise));
    failures
}

fn failure_of_colour(row: &colour::Row) -> Option<String> {
    let colour::Row { light, way, mean, most, worst, .. } = row;
    if *way == KNOWN {
        let is_beyond = *mean > KNOWN_MAX.0 || *most > KNOWN_MAX.1;
        return is_beyond.then(|| {
            format!("colour at {light}, {way}: {mean:.2}, {most:.2} at most ({worst}), above {KNOWN_MAX:?}")
        });
    }
    let limits = if *way == DEVELOP { &DEVELOP_MAX } else { &COLOUR_MAX };
    let limit = limits.iter().find(|limit| limit.0 == *light)?.1;
    (*mean > limit).then(|| format!("colour at {light}, {way}: {mean:.2}, above {limit}"))
}

/// Of all rows of one way, the plain one first.
fn failures_of_sharpness(rows: &[sharpness::Row]) -> Vec<String> {
    let (way, plain) = (rows[0].way, rows[0].mean());
    let part = plain / aperture_mtf50(f64::from(SPREAD));
    let limit = PLAIN_MIN.iter().find(|limit| limit.0 == way).map_or(0.0, |limit| limit.1);
    let mut failures = Vec::new();
    if part < limit {
        failures.push(format!("MTF50, {way}, {PLAIN}: {part:.2} of the aperture's, below {limit}"));
    }
    for row in &rows[1..] {
        let gained = row.mean() / plain;
        let limit = STEPS_MIN.iter().find(|limit| limit.0 == row.steps).map_or(0.0, |limit| limit.1);
        if gained < limit {
            failures
                .push(format!("MTF50, {way}, {}: {gained:.2} of the plain one's, below {limit}", row.steps));
        }
        if row.halo() > HALO_MAX {
            failures.push(format!("halo, {way}, {}: {:.2}, above {HALO_MAX}", row.steps, row.halo()));
        }
    }
    failures
}

/// Of all rows of one way at one gain, that without smoothing first.
fn failures_of_noise(rows: &[noise::Row]) -> Vec<String> {
    let (off, mut failures) = (&rows[0], Vec::new());
    for row in rows.iter().filter(|row| row.smoothing != OFF) {
        let gained = row.mean(|patch| patch.snr_db) - off.mean(|patch| patch.snr_db);
        let left = row.mean(|patch| patch.chroma) / off.mean(|patch| patch.chroma);
        let is_strong = row.smoothing == STRONG;
        let (least, most) =
            if is_strong { (STRONG_DB_MIN, STRONG_CHROMA_MAX) } else { (UNASKED_DB_MIN, 1.0) };
        let what = format!("noise, {}, gain {}, {}", row.way, row.gain, row.smoothing);
        if gained < least {
            failures.push(format!("{what}: {gained:.1} dB better, less than {least}"));
        }
        if left > most {
            failures.push(format!("{what}: {left:.2} of its colour left, more than {most}"));
        }
    }
    failures
}
