//! Pictures as linear light: what the image processor, or `develop`, makes of a frame.

use crate::shot::Shot;
use pinhole::Result;
use pinhole::colour::difference::linear;
use pinhole::colour::{ColourSpace, Matrix3};
use pinhole::control;
use pinhole::develop::{self, Adjustments, Pixels};
use pinhole::files::dng::{self, DngImage, DngMetadata, GainMap};
use pinhole::files::metadata::{Calibration, Illuminant};
use pinhole::files::{ImageMetadata, Picture, RawImage};
use pinhole::format::PixelFormat;
use pinhole::geometry::{ImagePixels, ModePixels, NativePixels, Rect, Size};
use pinhole_imaging::{Isp, IspConfiguration, IspParameters, OutputFormat};
use std::sync::LazyLock;

/// A colour in linear light: sRGB's primaries, 1 is the highest code.
pub(crate) type Rgb = [f64; 3];

/// Luminance of a colour in linear light.
pub(crate) fn luminance([red, green, blue]: Rgb) -> f64 {
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// A part of a picture.
#[derive(Clone, Debug)]
pub(crate) struct Light {
    /// Where it lies in the sensor's array.
    native: Rect<NativePixels>,
    pub(crate) size: Size<ImagePixels>,
    pub(crate) pixels: Vec<Rgb>,
}

impl Light {
    /// What the image processor makes of a part of a frame.
    pub(crate) fn processed(
        shot: &Shot,
        parameters: &IspParameters,
        native: Rect<NativePixels>,
    ) -> Result<Self> {
        let crop = shot.area(native);
        let size: Size = crop.size().cast();
        let stride_bytes = size.width * 6;
        let output =
            OutputFormat { format: PixelFormat::Rgb48, size, stride_bytes, colour_space: ColourSpace::SRGB };
        let mut isp = Isp::new(&IspConfiguration {
            input: shot.format,
            size: shot.mode.size,
            stride_bytes: shot.stride_bytes,
            crop,
            outputs: [Some(output), None],
        })?;
        let mut bytes = vec![0; (stride_bytes * size.height) as usize];
        isp.process(&shot.raw, parameters, &mut [Some(&mut bytes), None], None)?;
        Ok(Self { native, size, pixels: deep(&bytes).collect() })
    }

    /// What `pinhole develop` makes of a part of the frame's DNG.
    pub(crate) fn developed(
        shot: &Shot,
        dng: &DngImage,
        adjustments: &Adjustments,
        native: Rect<NativePixels>,
    ) -> Result<Self> {
        let developed = develop::develop(dng, adjustments, Pixels::Rgb48)?;
        let (picture, area) = (developed.picture(), shot.area(native));
        let columns = area.x as usize * 6..area.right() as usize * 6;
        let rows = area.y as u32..area.bottom() as u32;
        let pixels = rows.flat_map(|y| deep(&picture.row(0, y)[columns.clone()]).collect::<Vec<_>>());
        Ok(Self { native, size: area.size().cast(), pixels: pixels.collect() })
    }

    /// A part of the picture that the camera made by itself.
    pub(crate) fn of_the_camera(shot: &Shot, native: Rect<NativePixels>) -> Self {
        let whole = Rect::from_size(shot.picture_size);
        let area = shot.area(native).mapped(Rect::from_size(shot.mode.size), whole);
        let at = |x: i64, y: i64| {
            let start = (y as usize * shot.picture_size.width as usize + x as usize) * 3;
            [0, 1, 2].map(|colour| linear(f64::from(shot.picture[start + colour]) / 255.0))
        };
        let rows = i64::from(area.y)..area.bottom();
        let pixels = rows.flat_map(|y| (i64::from(area.x)..area.right()).map(move |x| at(x, y)));
        Self { native, size: area.size(), pixels: pixels.collect() }
    }

    /// A part of this part.
    pub(crate) fn cut(&self, native: Rect<NativePixels>) -> Self {
        self.part(native.mapped(self.native, Rect::from_size(self.size)))
    }

    /// A square of the middle.
    pub(crate) fn middle(&self, side: u32) -> Self {
        self.part(Rect::from_size(self.size).centred(Size::new(side, side)))
    }

    fn part(&self, area: Rect<ImagePixels>) -> Self {
        let (width, columns) = (self.size.width as usize, area.x as usize..area.right() as usize);
        let rows = area.y as usize..area.bottom() as usize;
        let pixels = rows.flat_map(|y| &self.pixels[y * width..][columns.clone()]).copied();
        let native = area.mapped(Rect::from_size(self.size), self.native);
        Self { native, size: area.size(), pixels: pixels.collect() }
    }

    /// The mean of all pixels.
    pub(crate) fn mean(&self) -> Rgb {
        [0, 1, 2].map(|i| self.pixels.iter().map(|pixel| pixel[i]).sum::<f64>() / self.pixels.len() as f64)
    }
}

/// Pixels of 16 bits a colour.
fn deep(bytes: &[u8]) -> impl Iterator<Item = Rgb> {
    static LINEAR: LazyLock<Vec<f64>> =
        LazyLock::new(|| (0..=u16::MAX).map(|code| linear(f64::from(code) / 65535.0)).collect());
    bytes.chunks_exact(6).map(|pixel| {
        [0, 1, 2].map(|i| LINEAR[usize::from(u16::from_le_bytes([pixel[2 * i], pixel[2 * i + 1]]))])
    })
}

/// The frame as a DNG that was written and read.
pub(crate) fn dng(shot: &Shot) -> Result<DngImage> {
    let size: Size<ModePixels> = shot.mode.size;
    let raw = RawImage::new(shot.format, size.cast(), shot.stride_bytes, &shot.raw)?;
    let frame = &shot.metadata;
    let matrix = |values: [f32; 9]| {
        Matrix3(std::array::from_fn(|r| std::array::from_fn(|c| f64::from(values[3 * r + c]))))
    };
    let metadata = DngMetadata {
        image: ImageMetadata {
            analogue_gain: frame.get(control::ANALOGUE_GAIN).map(f64::from),
            digital_gain: frame.get(control::DIGITAL_GAIN).map(f64::from),
            colour_gains: frame.get(control::COLOUR_GAINS).map(|gains| gains.map(f64::from)),
            ccm: frame.get(control::COLOUR_CORRECTION_MATRIX).map(matrix),
            black_levels: [shot.calibration.black_level_16bit; 4],
            ..ImageMetadata::default()
        },
        unique_camera_model: shot.model.name.to_owned(),
        calibration: Some(Calibration::new(Illuminant::StandardA, Matrix3(shot.calibration.xyz_to_sensor_a))),
        second_calibration: Some(Calibration::new(
            Illuminant::D65,
            Matrix3(shot.calibration.xyz_to_sensor_d65),
        )),
        lens_shading: shot.calibration.vignetting.map(|lens| GainMap::of_lens(&lens, shot.mode.crop)),
        ..DngMetadata::default()
    };
    let mut file = Vec::new();
    dng::write(&mut file, &raw, &metadata)?;
    dng::read(&file)
}

/// A view of 8-bit sRGB pixels without padding.
pub(crate) fn view(size: Size, rgb: &[u8]) -> Result<Picture<'_>> {
    Picture::new(PixelFormat::Rgb24, size, size.width * 3, ColourSpace::SRGB, rgb)
}
