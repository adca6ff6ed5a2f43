//! How fast pictures are coded as JPEG: for `cargo xtask bench jpeg`.
//!
//! `bench_jpeg picture PHOTO.jpg OUT.yuv` makes the picture, planar 4:2:0 of 3280×2464, from a
//! photograph of half that size: four of it, shifted so that its own blocks do not show.
//! `bench_jpeg encode IN.yuv QUALITY ROUNDS OUT.jpg` codes it and prints the seconds that the
//! quickest round took.

use pinhole_base::colour::ColourSpace;
use pinhole_base::format::PixelFormat;
use pinhole_base::geometry::Size;
use pinhole_files::{ImageMetadata, Picture, jpeg};
use std::error::Error;
use std::fs;
use std::time::Instant;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

const SIZE: Size = Size::new(3280, 2464);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["picture", photo, out] => Ok(fs::write(out, four_of(photo)?)?),
        ["encode", yuv, quality, rounds, out] => encode(yuv, quality.parse()?, rounds.parse()?, out),
        _ => Err("usage: bench_jpeg picture PHOTO.jpg OUT.yuv | encode IN.yuv QUALITY ROUNDS OUT.jpg".into()),
    }
}

fn encode(yuv: &str, quality: u8, rounds: u32, out: &str) -> Result<(), Box<dyn Error>> {
    let bytes = fs::read(yuv)?;
    let picture = Picture::new(PixelFormat::Yuv420, SIZE, SIZE.width, ColourSpace::SYCC, &bytes)?;
    let (metadata, mut file) = (ImageMetadata::default(), Vec::new());
    let mut quickest = f64::INFINITY;
    for _ in 0..rounds {
        file.clear();
        let start = Instant::now();
        jpeg::write(&mut file, &picture, quality, &metadata)?;
        quickest = quickest.min(start.elapsed().as_secs_f64());
    }
    println!("seconds {quickest}");
    Ok(fs::write(out, file)?)
}

/// The photograph four times, as Y', Cb and Cr one after another.
fn four_of(photo: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let file = fs::read(photo)?;
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::YCbCr);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&file), options);
    let pixels = decoder.decode()?;
    let (width, height) = decoder.dimensions().ok_or("it has no size")?;
    if (width * 2, height * 2) != (SIZE.width as usize, SIZE.height as usize) {
        return Err(format!("{photo} is {width}x{height}, not half of {SIZE}").into());
    }
    const SHIFT: usize = 4;
    let sample = |x: usize, y: usize, component: usize| {
        pixels[((y + SHIFT) % height * width + (x + SHIFT) % width) * 3 + component]
    };
    let plane = |component: usize, step: usize| {
        let places = (0..2 * height)
            .step_by(step)
            .flat_map(move |y| (0..2 * width).step_by(step).map(move |x| (x, y)));
        places.map(move |(x, y)| sample(x, y, component))
    };
    Ok(plane(0, 1).chain(plane(1, 2)).chain(plane(2, 2)).collect())
}
