//! A raw file's frame as the image processor takes it: 16 bits from 0 to white, an even size,
//! gains over the frame.

use crate::invalid;
use pinhole_base::format::{BayerColour, BayerOrder, Packing, RawFormat};
use pinhole_base::geometry::{ModePixels, Rect, Size};
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_files::dng::DngImage;
use pinhole_imaging::parameters::LensShading;
use pinhole_imaging::{Isp, IspParameters, Statistics};

/// The frame.
pub(crate) struct Mosaic {
    pub(crate) format: RawFormat,
    pub(crate) size: Size<ModePixels>,
    pub(crate) stride_bytes: u32,
    /// The part that is to be shown.
    pub(crate) crop: Rect<ModePixels>,
    /// 16-bit samples, low byte first.
    pub(crate) bytes: Vec<u8>,
    /// Black of red, green and blue.
    pub(crate) black_level: [u16; 3],
    pub(crate) lens_shading: Option<LensShading>,
}

impl Mosaic {
    pub(crate) fn of(image: &DngImage) -> Result<Self> {
        let order = image.format.order.ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "developing a raw frame")
                .because("it has no mosaic: monochrome frames cannot be developed yet")
        })?;
        // An odd row or column at the end has no whole cell.
        let size = Size::new(image.size.width & !1, image.size.height & !1);
        let area = image.active_area;
        let crop = Rect::new(area.x, area.y, area.width, area.height).clamped_to(Rect::from_size(size));
        let scale = 65535.0 / f64::from(image.white_level);
        let [red, green_red, green_blue, blue] = image.black_levels;
        let black = [red, (green_red + green_blue) / 2.0, blue].map(|level| (level * scale).round() as u16);
        if black.iter().any(|&level| level >= 0xf000) {
            return Err(invalid(format!(
                "black is {:?}, and white {}",
                image.black_levels, image.white_level
            )));
        }
        Ok(Self {
            format: RawFormat { order: Some(order), bits: 16, packing: Packing::Unpacked },
            size,
            stride_bytes: image.size.width * 2,
            crop,
            bytes: scaled(image, order),
            black_level: black,
            lens_shading: lens_shading(image),
        })
    }
}

/// Samples with white at 65535. Greens whose black levels differ are brought together.
fn scaled(image: &DngImage, order: BayerOrder) -> Vec<u8> {
    let scale = 65535.0 / image.white_level as f32;
    let green = (image.black_levels[1] + image.black_levels[2]) / 2.0;
    let shifts = image.black_levels.map(|level| (green - level) as f32);
    let mut bytes = Vec::with_capacity(image.samples.len() * 2);
    for (y, row) in image.samples.chunks_exact(image.size.width as usize).enumerate() {
        let shift_at = |x: usize| match order.colour_at(x, y % 2) {
            BayerColour::GreenRed => shifts[1],
            BayerColour::GreenBlue => shifts[2],
            _ => 0.0,
        };
        let shifts = [shift_at(0), shift_at(1)];
        for (x, &sample) in row.iter().enumerate() {
            // A conversion to an integer type saturates.
            let value = ((f32::from(sample) + shifts[x % 2]) * scale + 0.5) as u16;
            bytes.extend(value.to_le_bytes());
        }
    }
    bytes
}

fn lens_shading(image: &DngImage) -> Option<LensShading> {
    let map = image.lens_shading.as_ref()?;
    let cell = |side: u32, points: usize| side as f32 / (points - 1) as f32;
    Some(LensShading {
        columns: map.columns,
        rows: map.rows,
        cell_pixels: (cell(image.size.width, map.columns), cell(image.size.height, map.rows)),
        gains: map.gains.clone(),
    })
}

/// The sensor's mean red, green and blue over the zones that are neither dark nor saturated.
pub(crate) fn grey_world(isp: &mut Isp, bytes: &[u8], plain: &IspParameters) -> Result<[f64; 3]> {
    let mut statistics = Statistics::default();
    isp.process(bytes, plain, &mut [None, None], Some(&mut statistics))?;
    let mut sums = [0.0; 3];
    for colour in statistics.awb.iter().filter_map(|zone| zone.means()) {
        if colour[1] > 500.0 {
            // Each zone counts alike, however bright it is.
            sums.iter_mut().zip(colour).for_each(|(sum, value)| *sum += value / colour[1]);
        }
    }
    match sums {
        [_, 0.0, _] => Ok([1.0; 3]),
        [red, green, blue] => Ok([red / green, 1.0, blue / green]),
    }
}
