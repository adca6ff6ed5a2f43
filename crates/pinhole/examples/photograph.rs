//! Writes a JPEG and a DNG of one frame: what `pinhole still` does, without its options.
//!
//! `cargo run --release -p pinhole --example photograph -- photo.jpg`

use pinhole::colour::Matrix3;
use pinhole::files::atomic::{self, Durability};
use pinhole::files::dng::{self, DngMetadata};
use pinhole::files::{ImageMetadata, Picture, RawImage, jpeg};
use pinhole::format::PixelFormat;
use pinhole::{Cameras, Error, Frame, Role, control};
use std::path::Path;
use std::time::Duration;

fn main() -> Result<(), Error> {
    let path = std::env::args_os().nth(1).unwrap_or("photo.jpg".into());
    let camera = Cameras::open()?.first()?.acquire()?;
    let config = camera.propose([Role::Raw, Role::Still])?;
    let mut session = camera.start(config)?;
    while let Some(frame) = session.next()? {
        let locked = |id| frame.metadata().get(id) == Some(true);
        if locked(control::AE_LOCKED) && locked(control::AWB_LOCKED) {
            return write(&frame, path.as_ref());
        }
    }
    Ok(())
}

fn write(frame: &Frame, path: &Path) -> Result<(), Error> {
    let said = frame.metadata();
    let black = said.get(control::SENSOR_BLACK_LEVELS).unwrap_or_default();
    let metadata = ImageMetadata {
        exposure_time: said.get(control::EXPOSURE_TIME).map(|us| Duration::from_micros(us.max(0) as u64)),
        colour_gains: said.get(control::COLOUR_GAINS).map(|gains| gains.map(f64::from)),
        ccm: said.get(control::COLOUR_CORRECTION_MATRIX).map(matrix),
        black_levels: black.map(|level| level.clamp(0, 0xffff) as u16),
        ..Default::default()
    };
    write_jpeg(frame, path, &metadata)?;
    write_dng(frame, &path.with_extension("dng"), metadata)
}

fn matrix(values: [f32; 9]) -> Matrix3 {
    let [a, b, c, d, e, f, g, h, i] = values.map(f64::from);
    Matrix3([[a, b, c], [d, e, f], [g, h, i]])
}

fn write_jpeg(frame: &Frame, path: &Path, metadata: &ImageMetadata) -> Result<(), Error> {
    let still = frame.stream(Role::Still)?;
    let (stream, view) = (still.configuration(), still.map()?);
    let planes: Vec<_> = view.planes().collect();
    let picture =
        Picture::of_memory(stream.format, stream.size, stream.stride_bytes, stream.colour, &planes)?;
    atomic::write(path, Durability::OnDisk, |file| jpeg::write(file, &picture, 93, metadata))
}

fn write_dng(frame: &Frame, path: &Path, image: ImageMetadata) -> Result<(), Error> {
    let raw = frame.stream(Role::Raw)?;
    let (stream, view) = (raw.configuration(), raw.map()?);
    let PixelFormat::Raw(format) = stream.format else { unreachable!("the RAW stream's format is RAW") };
    let samples = RawImage::new(format, stream.size, stream.stride_bytes, view.plane(0))?;
    let metadata = DngMetadata { image, ..Default::default() };
    atomic::write(path, Durability::OnDisk, |file| dng::write(file, &samples, &metadata))
}
