//! The user's own pictures as scenes.

use std::fmt;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use pinhole_base::{Error, ErrorKind, Result};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::paint::{Bounds, Colour, Layer, Point, linear, mix};

/// The largest picture that is read, in pixels.
const PIXELS_MAX: u64 = 100_000_000;

/// A picture in sRGB, 8 bits.
pub(crate) struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
    /// Linear light of the 256 values.
    linear: [f32; 256],
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}x{})", self.width, self.height)
    }
}

/// Reads one picture, or those of a folder in the order of their names.
pub(crate) fn load(path: &Path) -> Result<Vec<Picture>> {
    let files = if path.is_dir() { pictures_in(path)? } else { vec![path.to_owned()] };
    if files.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "looking for pictures")
            .at(path.display().to_string())
            .because("there is no PNG or JPEG file in it"));
    }
    files.iter().map(|file| Picture::read(file)).collect()
}

fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| {
        Error::from_io(&error, "looking for pictures").at(folder.display().to_string())
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        if matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

impl Picture {
    fn read(path: &Path) -> Result<Self> {
        let place = path.display().to_string();
        let bytes =
            fs::read(path).map_err(|error| Error::from_io(&error, "reading a picture").at(&*place))?;
        Self::decode(&bytes)
            .map_err(|reason| Error::new(ErrorKind::Malformed, "reading a picture").at(place).because(reason))
    }

    /// A PNG or JPEG file; the error says what is wrong with it.
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (width, height, rgb) = match bytes {
            [0x89, b'P', b'N', b'G', ..] => decode_png(bytes)?,
            [0xff, 0xd8, ..] => decode_jpeg(bytes)?,
            _ => return Err("it is neither PNG nor JPEG".into()),
        };
        let linear = std::array::from_fn(|value| linear(value as u8));
        Ok(Self { width, height, rgb, linear })
    }

    fn pixel(&self, x: usize, y: usize) -> Colour {
        let start = (y * self.width + x) * 3;
        [0, 1, 2].map(|i| self.linear[usize::from(self.rgb[start + i])])
    }

    /// Linear between the centres of pixels; positions are clipped to the picture.
    fn sample(&self, x: f32, y: f32) -> Colour {
        let clip = |at: f32, count: usize| (at - 0.5).clamp(0.0, (count - 1) as f32);
        let (x, y) = (clip(x, self.width), clip(y, self.height));
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let row = |y: usize| mix(self.pixel(left, y), self.pixel(right, y), x - left as f32);
        mix(row(top), row(bottom), y - top as f32)
    }
}

fn decode_png(bytes: &[u8]) -> Result<(usize, usize, Vec<u8>), String> {
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let (width, height) = (reader.info().width, reader.info().height);
    check_size(u64::from(width), u64::from(height))?;
    let length = reader.output_buffer_size().ok_or("it is too large")?;
    let mut samples = vec![0; length];
    let frame = reader.next_frame(&mut samples).map_err(|error| error.to_string())?;
    let channels = frame.color_type.samples();
    let colours = if channels < 3 { [0, 0, 0] } else { [0, 1, 2] };
    let pixels = samples[..frame.buffer_size()].chunks_exact(channels);
    Ok((width as usize, height as usize, pixels.flat_map(|pixel| colours.map(|i| pixel[i])).collect()))
}

fn decode_jpeg(bytes: &[u8]) -> Result<(usize, usize, Vec<u8>), String> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions().ok_or("it has no size")?;
    check_size(width as u64, height as u64)?;
    let rgb = decoder.decode().map_err(|error| error.to_string())?;
    if rgb.len() != width * height * 3 {
        return Err("its colours are of an unknown kind".into());
    }
    Ok((width, height, rgb))
}

fn check_size(width: u64, height: u64) -> Result<(), String> {
    if width == 0 || height == 0 || width.saturating_mul(height) > PIXELS_MAX {
        return Err(format!("{width}x{height} is no size for a picture; {PIXELS_MAX} pixels are the most"));
    }
    Ok(())
}

impl Layer for &Picture {
    fn bounds(&self) -> Bounds {
        Bounds::ALL
    }

    /// Fills the sensor's 4:3 array; what does not fit its shape is cut off.
    fn over(&self, _: Colour, p: Point, pixel: f32) -> Colour {
        const ASPECT: f32 = 4.0 / 3.0;
        let (width, height) = (self.width as f32, self.height as f32);
        // Picture pixels per unit; a little less than fits, for arrays slightly off 4:3.
        let scale = (width / ASPECT).min(height) * 0.997;
        let place = |du: f32, dv: f32| {
            self.sample((p.u + du) * scale + width / 2.0, (p.v + dv) * scale + height / 2.0)
        };
        // Four samples tame what is finer than the sensor.
        let quarter = pixel / 4.0;
        mix(
            mix(place(-quarter, -quarter), place(quarter, -quarter), 0.5),
            mix(place(-quarter, quarter), place(quarter, quarter), 0.5),
            0.5,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png_of(width: u32, height: u32, colour: png::ColorType, samples: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(colour);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().expect("a sound header");
        writer.write_image_data(samples).expect("as many samples as announced");
        writer.finish().expect("memory takes all");
        bytes
    }

    #[test]
    fn pictures_with_and_without_colour_are_read() {
        let grey = Picture::decode(&png_of(2, 1, png::ColorType::Grayscale, &[0, 255])).expect("a picture");
        assert_eq!((grey.pixel(0, 0), grey.pixel(1, 0)), ([0.0; 3], [1.0; 3]));
        let clear = png_of(1, 1, png::ColorType::Rgba, &[255, 0, 255, 7]);
        assert_eq!(Picture::decode(&clear).expect("a picture").pixel(0, 0), [1.0, 0.0, 1.0]);
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        let whole = png_of(2, 2, png::ColorType::Grayscale, &[1, 2, 3, 4]);
        for bytes in [&[][..], b"hello", &whole[..20], &whole[..whole.len() - 20], &[0xff, 0xd8, 0xff]] {
            assert!(Picture::decode(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_it() {
        let error = load(Path::new("no/such/folder")).expect_err("there is none");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("no/such/folder"));
    }
}
