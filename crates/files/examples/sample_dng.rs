//! Writes DNGs of a synthetic colour chart into a folder, each with a JSON file that says what
//! other programs must find in it, and one JPEG, PNG and Y4M of the same chart.
//!
//! `cargo run -p pinhole-files --example sample_dng -- FOLDER`

use pinhole_base::colour::light::SRGB_TO_XYZ;
use pinhole_base::colour::{ColourSpace, Matrix3};
use pinhole_base::format::{BayerColour, BayerOrder, Packing, PixelFormat, RawFormat};
use pinhole_base::geometry::{Size, Transform};
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_files::atomic::{self, Durability};
use pinhole_files::dng::{self, Compression, DngMetadata};
use pinhole_files::jpeg::ThumbnailOptions;
use pinhole_files::metadata::xyz_to_camera;
use pinhole_files::thumbnail::Thumbnail;
use pinhole_files::{DateTime, ImageMetadata, Picture, RawImage, jpeg, png, tiff, y4m};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

const SIZE: Size = Size::new(192, 128);
const PATCHES_ACROSS: usize = 6;
const PATCH_SIDE: usize = 32;
const EXPOSURE: f64 = 0.8;
const COLOUR_GAINS: [f64; 2] = [2.1, 1.6];
const CCM: Matrix3 = Matrix3([[1.75, -0.55, -0.2], [-0.35, 1.65, -0.3], [0.05, -0.65, 1.6]]);
const BLACK_LEVELS: [u16; 4] = [4096, 4160, 4224, 4288];

/// Linear sRGB of 24 patches: colours of things, strong colours, and greys.
#[rustfmt::skip]
const PATCHES: [[f64; 3]; 24] = [
    [0.17, 0.08, 0.06], [0.55, 0.30, 0.22], [0.11, 0.20, 0.34], [0.10, 0.15, 0.05],
    [0.22, 0.21, 0.43], [0.13, 0.51, 0.41], [0.70, 0.20, 0.03], [0.07, 0.10, 0.38],
    [0.54, 0.09, 0.12], [0.11, 0.05, 0.14], [0.34, 0.50, 0.05], [0.76, 0.36, 0.03],
    [0.03, 0.05, 0.30], [0.06, 0.30, 0.07], [0.43, 0.03, 0.04], [0.84, 0.57, 0.02],
    [0.50, 0.09, 0.30], [0.02, 0.24, 0.38], [0.88, 0.88, 0.88], [0.59, 0.59, 0.59],
    [0.36, 0.36, 0.36], [0.19, 0.19, 0.19], [0.09, 0.09, 0.09], [0.03, 0.03, 0.03],
];

/// A file to write: its samples' format, and how the frame must be turned.
struct Sample {
    name: String,
    format: RawFormat,
    compression: Compression,
    padding_bytes: u32,
    transform: Transform,
    thumbnail: bool,
}

fn samples() -> Vec<Sample> {
    let kinds =
        [("", Compression::Unpacked), ("-packed", Compression::Packed), ("-lossless", Compression::Lossless)];
    let sample = |name: &str, order, bits, packing, padding_bytes, (hflip, vflip), thumbnail| {
        kinds.map(|(suffix, compression)| Sample {
            name: format!("{name}{suffix}"),
            format: RawFormat { order, bits, packing },
            compression,
            padding_bytes,
            transform: Transform { hflip, vflip },
            thumbnail,
        })
    };
    let (csi2, unpacked) = (Packing::Csi2, Packing::Unpacked);
    vec![
        sample("rggb8", Some(BayerOrder::Rggb), 8, unpacked, 0, (false, false), false),
        sample("rggb10", Some(BayerOrder::Rggb), 10, csi2, 16, (false, false), true),
        sample("bggr10", Some(BayerOrder::Bggr), 10, unpacked, 32, (true, true), false),
        sample("grbg12", Some(BayerOrder::Grbg), 12, csi2, 0, (true, false), true),
        sample("gbrg14", Some(BayerOrder::Gbrg), 14, csi2, 4, (false, true), false),
        sample("bggr16", Some(BayerOrder::Bggr), 16, unpacked, 0, (false, false), true),
        sample("mono10", None, 10, csi2, 0, (false, false), false),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn patch(x: usize, y: usize) -> [f64; 3] {
    PATCHES[y / PATCH_SIDE * PATCHES_ACROSS + x / PATCH_SIDE].map(|value| value * EXPOSURE)
}

fn metadata(transform: Transform) -> ImageMetadata {
    ImageMetadata {
        make: "Pinhole".to_owned(),
        model: "Synthetic chart".to_owned(),
        date_time: Some(DateTime::from_unix(Duration::from_millis(1_783_620_245_678))),
        transform,
        exposure_time: Some(Duration::from_micros(33_239)),
        analogue_gain: Some(2.5),
        digital_gain: Some(1.2),
        exposure_bias_ev: Some(-0.5),
        f_number: Some(2.0),
        focal_length_mm: Some(3.04),
        lux: Some(400.0),
        colour_temperature_k: Some(6500),
        colour_gains: Some(COLOUR_GAINS),
        ccm: Some(CCM),
        black_levels: BLACK_LEVELS,
        ..Default::default()
    }
}

/// The code that a sensor with these colours gives at a pixel.
fn code(format: RawFormat, to_camera: &Matrix3, x: usize, y: usize) -> u16 {
    let [red, green, blue] = to_camera.apply(SRGB_TO_XYZ.apply(patch(x, y)));
    let (value, level) = match format.order.map(|order| order.colour_at(x, y)) {
        Some(BayerColour::Red) => (red, BLACK_LEVELS[0]),
        Some(BayerColour::GreenBlue) => (green, BLACK_LEVELS[2]),
        Some(BayerColour::Blue) => (blue, BLACK_LEVELS[3]),
        Some(BayerColour::GreenRed) => (green, BLACK_LEVELS[1]),
        None => (green, BLACK_LEVELS[0]),
    };
    let greatest = f64::from((1u32 << format.bits) - 1);
    let black = f64::from(level) / f64::from(1u32 << (16 - format.bits));
    // White lies where a converter puts it: as far above the mean black as the greatest code.
    let span = greatest - f64::from(BLACK_LEVELS[3]) / f64::from(1u32 << (16 - format.bits));
    (black + value * span).round().clamp(0.0, greatest) as u16
}

/// Packs a row as a sensor sends it, and pads it.
fn row_bytes(codes: &[u16], sample: &Sample) -> Vec<u8> {
    let bits = usize::from(sample.format.bits);
    let mut row: Vec<u8> = match (sample.format.packing, bits) {
        (_, 8) => codes.iter().map(|&code| code as u8).collect(),
        (Packing::Unpacked, _) => codes.iter().flat_map(|code| code.to_le_bytes()).collect(),
        (Packing::Csi2, 12) => codes.chunks(2).flat_map(|group| packed_group(group, bits)).collect(),
        (Packing::Csi2, _) => codes.chunks(4).flat_map(|group| packed_group(group, bits)).collect(),
    };
    row.resize(row.len() + sample.padding_bytes as usize, 0xee);
    row
}

fn packed_group(codes: &[u16], bits: usize) -> Vec<u8> {
    let low_bits = bits - 8;
    let high = codes.iter().map(|code| (code >> low_bits) as u8);
    let low =
        codes.iter().rev().fold(0u64, |all, &code| all << low_bits | u64::from(code) & ((1 << low_bits) - 1));
    high.chain(low.to_le_bytes()[..codes.len() * low_bits / 8].iter().copied()).collect()
}

fn codes(format: RawFormat) -> Result<Vec<u16>> {
    let to_camera = xyz_to_camera(&CCM, COLOUR_GAINS)
        .ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "inverting the chart's matrix"))?;
    let places = (0..SIZE.height as usize).flat_map(|y| (0..SIZE.width as usize).map(move |x| (x, y)));
    Ok(places.map(|(x, y)| code(format, &to_camera, x, y)).collect())
}

/// The chart as an application gets it, in sRGB.
fn chart() -> Vec<u8> {
    let encode = |v: f64| if v <= 0.003_130_8 { 12.92 * v } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
    let places = (0..SIZE.height as usize).flat_map(|y| (0..SIZE.width as usize).map(move |x| (x, y)));
    places.flat_map(|(x, y)| patch(x, y).map(|value| (encode(value) * 255.0).round() as u8)).collect()
}

fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    atomic::write(path, Durability::WhenConvenient, |file| {
        file.write_all(bytes).map_err(|error| Error::from_io(&error, "writing the file"))
    })
}

fn write_sample(folder: &Path, sample: &Sample, thumbnail: &Thumbnail) -> Result<()> {
    let codes = codes(sample.format)?;
    let bytes: Vec<u8> =
        codes.chunks_exact(SIZE.width as usize).flat_map(|row| row_bytes(row, sample)).collect();
    let stride_bytes = sample.format.row_bytes(SIZE.width) + sample.padding_bytes;
    let image = RawImage::new(sample.format, SIZE, stride_bytes, &bytes)?;
    let metadata = DngMetadata {
        image: metadata(sample.transform),
        thumbnail: sample.thumbnail.then(|| thumbnail.picture()),
        compression: sample.compression,
        ..Default::default()
    };
    atomic::write(&folder.join(format!("{}.dng", sample.name)), Durability::WhenConvenient, |file| {
        dng::write(file, &image, &metadata)
    })?;
    let words: Vec<u8> = codes.iter().flat_map(|code| code.to_le_bytes()).collect();
    write_bytes(&folder.join(format!("{}.samples", sample.name)), &words)?;
    write_bytes(&folder.join(format!("{}.json", sample.name)), expectations(sample).as_bytes())
}

fn expectations(sample: &Sample) -> String {
    let bits = sample.format.bits;
    let order = sample.format.order.map_or(String::new(), |order| format!("{order:?}"));
    let black = BLACK_LEVELS.map(|level| f64::from(level) / f64::from(1u32 << (16 - bits)));
    let matrix = xyz_to_camera(&CCM, COLOUR_GAINS).map_or([[0.0; 3]; 3], |matrix| matrix.0);
    format!(
        r#"{{"width": {}, "height": {}, "bits": {bits}, "stored_bits": {}, "order": "{order}", "black": {black:?}, "white": {},
"orientation": {}, "matrix": {matrix:?}, "ccm": {:?}, "neutral": {:?}, "iso": 300, "exposure": "33239/1000000",
"patch_side": {PATCH_SIDE}, "patches": {:?}}}"#,
        SIZE.width,
        SIZE.height,
        if sample.compression == Compression::Unpacked && bits > 8 { 16 } else { bits },
        (1u32 << bits) - 1,
        sample.transform.exif_orientation(),
        CCM.0,
        [1.0 / COLOUR_GAINS[0], 1.0, 1.0 / COLOUR_GAINS[1]],
        PATCHES.map(|patch| patch.map(|value| value * EXPOSURE)),
    )
}

fn write_pictures(folder: &Path, chart: &Picture<'_>) -> Result<()> {
    let metadata = metadata(Transform::ROTATE_180);
    atomic::write(&folder.join("chart.jpg"), Durability::WhenConvenient, |file| {
        let thumbnail = ThumbnailOptions { fit: Size::new(96, 96), quality: 90 };
        jpeg::write_with_thumbnail(file, chart, 95, &metadata, Some(thumbnail))
    })?;
    atomic::write(&folder.join("chart.png"), Durability::WhenConvenient, |file| {
        png::write(file, chart, &metadata)
    })?;
    let deep: Vec<u8> = (0..SIZE.height)
        .flat_map(|y| chart.row(0, y))
        .flat_map(|&value| (u16::from(value) * 257).to_le_bytes())
        .collect();
    let deep = Picture::new(PixelFormat::Rgb48, SIZE, SIZE.width * 6, ColourSpace::SRGB, &deep)?;
    atomic::write(&folder.join("chart16.tif"), Durability::WhenConvenient, |file| {
        tiff::write(file, &deep, &metadata)
    })?;
    atomic::write(&folder.join("chart16.png"), Durability::WhenConvenient, |file| {
        png::write(file, &deep, &metadata)
    })?;
    let grey = vec![128; SIZE.area() as usize * 3 / 2];
    let video = Picture::new(PixelFormat::Nv12, SIZE, SIZE.width, ColourSpace::REC709, &grey)?;
    atomic::write(&folder.join("grey.y4m"), Durability::WhenConvenient, |file| {
        y4m::Writer::new(file, (30, 1)).write(&video)
    })
}

fn run() -> Result<()> {
    let folder = std::env::args_os().nth(1).ok_or_else(|| {
        Error::new(ErrorKind::InvalidArgument, "writing samples").hint("name a folder to write to")
    })?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)
        .map_err(|error| Error::from_io(&error, "making the folder").at(folder.display().to_string()))?;
    let rgb = chart();
    let chart = Picture::new(PixelFormat::Rgb24, SIZE, SIZE.width * 3, ColourSpace::SRGB, &rgb)?;
    let thumbnail = Thumbnail::of(&chart, 48);
    samples().iter().try_for_each(|sample| write_sample(folder, sample, &thumbnail))?;
    write_pictures(folder, &chart)
}

fn main() -> std::process::ExitCode {
    match run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}
