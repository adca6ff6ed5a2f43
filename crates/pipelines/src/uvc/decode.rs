//! Decodes the JPEGs that webcams send, into the formats that applications ask for. Knows
//! nothing of devices, buffers or requests: bytes in, bytes out.
//!
//! JPEG's colours stay as they are: full range, with the weights of ITU-R BT.601 (JFIF 1.02).
//! Chroma of a cell of two by two pixels is their mean.

use crate::streams::invalid;
use pinhole_base::colour::ColourSpace;
use pinhole_base::format::{PixelFormat, PlaneShapes};
use pinhole_base::geometry::Size;
use pinhole_base::{Error, ErrorKind, Result};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// What JPEGs can be decoded to.
pub const FORMATS: [PixelFormat; 3] = [PixelFormat::Nv12, PixelFormat::Yuv420, PixelFormat::Rgb24];

/// The colours of a decoded picture.
pub fn colour(format: PixelFormat) -> ColourSpace {
    if format == PixelFormat::Rgb24 { ColourSpace::SRGB } else { ColourSpace::SYCC }
}

/// A decoder for pictures of one size and format.
pub struct Decoder {
    format: PixelFormat,
    size: Size,
    shapes: PlaneShapes,
    /// Three bytes a pixel, as the JPEG has them or as RGB.
    pixels: Vec<u8>,
    picture: Vec<u8>,
}

impl Decoder {
    /// A decoder to pictures whose first plane has rows of `stride_bytes`.
    ///
    /// # Errors
    /// The format is none of [`FORMATS`], the size is empty, or rows are longer than that.
    pub fn new(format: PixelFormat, size: Size, stride_bytes: u32) -> Result<Self> {
        let row_bytes = format.row_bytes(size.width).filter(|_| FORMATS.contains(&format));
        let row_bytes = row_bytes.ok_or_else(|| invalid("JPEGs cannot be decoded to this format"))?;
        let is_even = size.width.is_multiple_of(2) && stride_bytes.is_multiple_of(2);
        let odd = format != PixelFormat::Rgb24 && !is_even;
        if size.is_empty() || stride_bytes < row_bytes || odd {
            return Err(invalid("JPEGs cannot be decoded to this size and stride"));
        }
        let shapes = format.planes(stride_bytes, size.height);
        Ok(Self {
            format,
            size,
            shapes,
            pixels: vec![0; size.area() as usize * 3],
            picture: vec![0; shapes.bytes() as usize],
        })
    }

    /// Decodes a picture. Bytes after its end are ignored.
    ///
    /// # Errors
    /// It is damaged, ends too early, or has another size.
    pub fn decode(&mut self, jpeg: &[u8]) -> Result<&[u8]> {
        let is_rgb = self.format == PixelFormat::Rgb24;
        let space = if is_rgb { ColorSpace::RGB } else { ColorSpace::YCbCr };
        self.decode_pixels(jpeg, space)?;
        if is_rgb {
            self.copy_rows();
        } else {
            self.take_luma();
            self.take_chroma();
        }
        Ok(&self.picture)
    }

    fn decode_pixels(&mut self, jpeg: &[u8], space: ColorSpace) -> Result<()> {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let options = DecoderOptions::default().set_strict_mode(true);
        let options = options.jpeg_set_out_colorspace(space);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
        decoder.decode_headers().map_err(|error| damaged(&error))?;
        if decoder.dimensions() != Some((width, height)) {
            return Err(malformed(format!("it is not {} pixels large", self.size)));
        }
        if decoder.input_colorspace() == Some(ColorSpace::Luma) && space == ColorSpace::YCbCr {
            return self.decode_grey(jpeg, options);
        }
        decoder.decode_into(&mut self.pixels).map_err(|error| damaged(&error))
    }

    fn decode_grey(&mut self, jpeg: &[u8], options: DecoderOptions) -> Result<()> {
        let options = options.jpeg_set_out_colorspace(ColorSpace::Luma);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
        let grey = decoder.decode().map_err(|error| damaged(&error))?;
        for (pixel, luma) in self.pixels.chunks_exact_mut(3).zip(grey) {
            pixel.copy_from_slice(&[luma, NEUTRAL, NEUTRAL]);
        }
        Ok(())
    }

    fn copy_rows(&mut self) {
        let width_bytes = self.size.width as usize * 3;
        let rows = self.pixels.chunks_exact(width_bytes);
        for (row, out) in rows.zip(self.picture.chunks_exact_mut(self.shapes[0].stride_bytes as usize)) {
            out[..width_bytes].copy_from_slice(row);
        }
    }

    fn take_luma(&mut self) {
        let rows = self.pixels.chunks_exact(self.size.width as usize * 3);
        for (row, out) in rows.zip(self.picture.chunks_exact_mut(self.shapes[0].stride_bytes as usize)) {
            out.iter_mut().zip(row.chunks_exact(3)).for_each(|(out, pixel)| *out = pixel[0]);
        }
    }

    fn take_chroma(&mut self) {
        let width_bytes = self.size.width as usize * 3;
        let (_, chroma) = self.picture.split_at_mut(self.shapes[0].bytes() as usize);
        let stride = self.shapes[1].stride_bytes as usize;
        let is_planar = self.format == PixelFormat::Yuv420;
        let (step, to_cr) = if is_planar { (1, self.shapes[1].bytes() as usize) } else { (2, 1) };
        for (y, rows) in self.pixels.chunks(width_bytes * 2).enumerate() {
            // The last row of an odd number stands for two.
            let (upper, lower) = rows.split_at(width_bytes);
            let lower = if lower.is_empty() { upper } else { lower };
            let cells = upper.chunks_exact(6).zip(lower.chunks_exact(6)).enumerate();
            for (x, (upper, lower)) in cells {
                let mean = |at: usize| {
                    let sum = [upper[at], upper[at + 3], lower[at], lower[at + 3]].map(u16::from);
                    ((sum.iter().sum::<u16>() + 2) / 4) as u8
                };
                let at = y * stride + x * step;
                (chroma[at], chroma[at + to_cr]) = (mean(1), mean(2));
            }
        }
    }
}

/// Chroma of grey.
const NEUTRAL: u8 = 128;

fn damaged(error: &DecodeErrors) -> Error {
    malformed(error.to_string())
}

fn malformed(why: String) -> Error {
    Error::new(ErrorKind::Malformed, "decoding a JPEG").because(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_files::metadata::ImageMetadata;
    use pinhole_files::{Picture, jpeg};
    use proptest::prelude::*;

    const SIZE: Size = Size::new(48, 32);

    /// A JPEG of this picture of three bytes a pixel.
    fn jpeg_of(size: Size, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
        let pixels: Vec<u8> = (0..size.height)
            .flat_map(|y| (0..size.width).flat_map(move |x| [x, y]))
            .collect::<Vec<_>>()
            .chunks_exact(2)
            .flat_map(|at| pixel(at[0], at[1]))
            .collect();
        let picture = Picture::new(PixelFormat::Rgb24, size, size.width * 3, ColourSpace::SRGB, &pixels);
        let mut file = Vec::new();
        jpeg::write(&mut file, &picture.expect("a picture"), 95, &ImageMetadata::default()).expect("a JPEG");
        file
    }

    /// Red on the left, blue on the right.
    fn halves() -> Vec<u8> {
        jpeg_of(SIZE, |x, _| if x < SIZE.width / 2 { [255, 0, 0] } else { [0, 0, 255] })
    }

    fn decoder(format: PixelFormat, padding: u32) -> Decoder {
        let row = format.row_bytes(SIZE.width).expect("rows");
        Decoder::new(format, SIZE, row + padding).expect("a decoder")
    }

    fn near(found: u8, expected: u8) -> bool {
        found.abs_diff(expected) < 6
    }

    /// JFIF's numbers for red and blue.
    const RED: [u8; 3] = [76, 85, 255];
    const BLUE: [u8; 3] = [29, 255, 107];

    #[test]
    fn colours_come_out_in_every_format_and_stride() {
        for padding in [0, 16] {
            let mut decoder = decoder(PixelFormat::Rgb24, padding);
            let rgb = decoder.decode(&halves()).expect("a picture");
            let stride = (SIZE.width * 3 + padding) as usize;
            let last = &rgb[31 * stride..];
            assert!(near(last[0], 255) && near(last[1], 0) && near(last[2], 0), "{:?}", &last[..3]);
            assert!(near(last[141], 0) && near(last[143], 255), "{:?}", &last[141..144]);

            let mut decoder = self::decoder(PixelFormat::Nv12, padding);
            let nv12 = decoder.decode(&halves()).expect("a picture");
            let stride = (SIZE.width + padding) as usize;
            let (luma, chroma) = nv12.split_at(stride * 32);
            let last = &chroma[15 * stride..];
            assert!(near(luma[0], RED[0]) && near(last[0], RED[1]) && near(last[1], RED[2]));
            assert!(near(luma[47], BLUE[0]) && near(last[46], BLUE[1]) && near(last[47], BLUE[2]));

            let mut decoder = self::decoder(PixelFormat::Yuv420, padding);
            let yuv = decoder.decode(&halves()).expect("a picture");
            let (cb, cr) = yuv[stride * 32..].split_at(stride / 2 * 16);
            assert!(
                near(cb[0], RED[1]) && near(cr[0], RED[2]) && near(cb[23], BLUE[1]) && near(cr[23], BLUE[2])
            );
        }
    }

    #[test]
    fn what_is_cut_off_is_damaged_and_what_follows_does_not_matter() {
        let whole = halves();
        let mut decoder = decoder(PixelFormat::Nv12, 0);
        for end in [0, 1, 2, 20, whole.len() / 2, whole.len() * 3 / 4] {
            let error = decoder.decode(&whole[..end]).expect_err("it is cut off");
            assert_eq!(error.kind(), ErrorKind::Malformed, "{end} bytes: {error}");
        }
        let mut padded = whole.clone();
        padded.resize(whole.len() + 100, 0);
        assert!(decoder.decode(&padded).is_ok(), "drivers pad frames");
    }

    #[test]
    fn other_sizes_and_formats_are_refused() {
        let other = jpeg_of(Size::new(64, 32), |_, _| [1, 2, 3]);
        let error = decoder(PixelFormat::Nv12, 0).decode(&other).expect_err("it is another size");
        assert!(error.to_string().contains("48x32"), "{error}");
        for (format, size, stride) in [
            (PixelFormat::Yuyv, SIZE, 96),
            (PixelFormat::Mjpeg, SIZE, 0),
            (PixelFormat::Nv12, SIZE, 47),
            (PixelFormat::Nv12, Size::new(47, 32), 48),
            (PixelFormat::Rgb24, Size::new(0, 32), 0),
        ] {
            assert!(Decoder::new(format, size, stride).is_err(), "{format} {size} {stride}");
        }
    }

    proptest! {
        #[test]
        fn damage_makes_an_error_or_a_picture_and_nothing_worse(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..9),
            format in prop::sample::select(&FORMATS),
        ) {
            let mut jpeg = halves();
            for (at, byte) in damage {
                let at = at.index(jpeg.len());
                jpeg[at] = byte;
            }
            let _ = decoder(format, 0).decode(&jpeg);
        }
    }
}
