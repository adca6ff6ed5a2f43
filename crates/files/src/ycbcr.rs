//! A picture as three planes Y', Cb and Cr, whatever its layout: where the layout is one of
//! Y'CbCr, views of the very bytes. Also the arithmetic from one kind of Y'CbCr to another
//! (ITU-R BT.601, BT.709, BT.2020; JFIF 1.02). Knows nothing of files.

use crate::rgb::rgb_row;
use crate::thumbnail::shrunk;
use crate::view::Picture;
use pinhole_base::colour::{ColourSpace, Matrix3, Range, YcbcrEncoding};
use pinhole_base::format::PixelFormat;
use pinhole_base::geometry::Size;
use std::borrow::Cow;

/// One component of a picture: every `step`th byte of rows `stride` bytes apart.
#[derive(Clone, Debug)]
pub(crate) struct Plane<'a> {
    bytes: Cow<'a, [u8]>,
    start: usize,
    stride: usize,
    step: usize,
    /// Samples in a row, and rows.
    pub(crate) size: Size,
}

impl<'a> Plane<'a> {
    fn owned(bytes: Vec<u8>, size: Size) -> Self {
        Plane { bytes: Cow::Owned(bytes), start: 0, stride: size.width as usize, step: 1, size }
    }

    /// Appends a row's samples; rows below the last repeat it.
    pub(crate) fn append_row(&self, y: u32, row: &mut Vec<u8>) {
        let start = self.start + self.stride * y.min(self.size.height - 1) as usize;
        let samples = &self.bytes[start..];
        let width = self.size.width as usize;
        match self.step {
            1 => row.extend_from_slice(&samples[..width]),
            step => row.extend(samples.iter().step_by(step).take(width)),
        }
    }

    fn get(&self, x: u32, y: u32) -> u8 {
        self.bytes[self.start + self.stride * y as usize + self.step * x as usize]
    }
}

/// A picture's components. Chroma planes are smaller than luma by the factors of `subsampling`.
#[derive(Clone, Debug)]
pub(crate) struct Components<'a> {
    /// Y', Cb, Cr.
    pub(crate) planes: [Plane<'a>; 3],
    /// Luma samples for one of chroma, across and down: 1 or 2.
    pub(crate) subsampling: (u32, u32),
    /// What the numbers mean.
    pub(crate) colour: ColourSpace,
}

impl Components<'_> {
    /// Y', Cb, Cr of the pixel at column `x`, row `y`, its chroma that of the nearest sample.
    fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let (across, down) = self.subsampling;
        let [luma, cb, cr] = &self.planes;
        [luma.get(x, y), cb.get(x / across, y / down), cr.get(x / across, y / down)]
    }

    /// The components of a picture no larger, each sample the mean of those it stands for; chroma
    /// is halved either way.
    pub(crate) fn shrunk(&self, size: Size) -> Components<'static> {
        let sizes = [size, subsampled(size, (2, 2)), subsampled(size, (2, 2))];
        let plane = |index: usize| {
            let (plane, size) = (&self.planes[index], sizes[index]);
            let row_of = |y: u32, row: &mut Vec<u8>| {
                row.clear();
                plane.append_row(y, row);
            };
            Plane::owned(shrunk(1, plane.size, size, row_of), size)
        };
        Components { planes: [plane(0), plane(1), plane(2)], subsampling: (2, 2), colour: self.colour }
    }

    /// Appends row `y` as full-range R'G'B' bytes.
    pub(crate) fn rgb_row(&self, y: u32, row: &mut Vec<u8>) {
        let to_rgb = rgb_from_ycbcr(self.colour.encoding);
        for x in 0..self.planes[0].size.width {
            let rgb = to_rgb.apply(normalised(self.pixel(x, y), self.colour.range));
            row.extend(rgb.map(|value| (value * 255.0).round() as u8));
        }
    }
}

/// A picture's components where they lie. `None` if it is RGB.
pub(crate) fn components<'a>(picture: &Picture<'a>) -> Option<Components<'a>> {
    use PixelFormat::*;
    let subsampling = match picture.format() {
        Yuv420 | Yvu420 | Nv12 | Nv21 => (2, 2),
        Nv16 | Yuyv | Yvyu | Uyvy | Vyuy => (2, 1),
        _ => return None,
    };
    // For each component: its plane, its first byte there, and bytes from sample to sample.
    let places = match picture.format() {
        Yuv420 => [(0, 0, 1), (1, 0, 1), (2, 0, 1)],
        Yvu420 => [(0, 0, 1), (2, 0, 1), (1, 0, 1)],
        Nv21 => [(0, 0, 1), (1, 1, 2), (1, 0, 2)],
        Yuyv => [(0, 0, 2), (0, 1, 4), (0, 3, 4)],
        Yvyu => [(0, 0, 2), (0, 3, 4), (0, 1, 4)],
        Uyvy => [(0, 1, 2), (0, 0, 4), (0, 2, 4)],
        Vyuy => [(0, 1, 2), (0, 2, 4), (0, 0, 4)],
        _ => [(0, 0, 1), (1, 0, 2), (1, 1, 2)],
    };
    let (luma, chroma) = (picture.size(), subsampled(picture.size(), subsampling));
    let mut sizes = [luma, chroma, chroma].into_iter();
    let planes = places.map(|(index, first, step)| Plane {
        bytes: Cow::Borrowed(picture.plane(index)),
        start: first,
        stride: picture.planes()[index].stride_bytes as usize,
        step,
        size: sizes.next().expect("three places, three sizes"),
    });
    Some(Components { planes, subsampling, colour: picture.colour() })
}

fn subsampled(size: Size, (across, down): (u32, u32)) -> Size {
    Size::new(size.width.div_ceil(across), size.height.div_ceil(down))
}

/// A picture's components as JPEG wants them: BT.601 at full range. Views of the very bytes
/// where they are that already; otherwise converted, chroma keeping its resolution.
pub(crate) fn jpeg_components<'a>(picture: &Picture<'a>) -> Components<'a> {
    match components(picture) {
        Some(components) if is_jpeg(components.colour) => components,
        Some(components) => converted(&components),
        None => from_rgb(picture),
    }
}

fn is_jpeg(colour: ColourSpace) -> bool {
    colour.range == Range::Full && matches!(colour.encoding, YcbcrEncoding::Rec601 | YcbcrEncoding::None)
}

fn converted(from: &Components<'_>) -> Components<'static> {
    let to_jpeg = ycbcr_from_rgb(YcbcrEncoding::Rec601).times(&rgb_from_ycbcr(from.colour.encoding));
    let range = from.colour.range;
    let luma =
        plane_of(from.planes[0].size, |x, y| to_jpeg.apply(normalised(from.pixel(x, y), range))[0] * 255.0);
    // Luma has no part in another encoding's chroma, because grey has none in either.
    let chroma = |component: usize| {
        plane_of(from.planes[1].size, |x, y| {
            let ycbcr = [128, from.planes[1].get(x, y), from.planes[2].get(x, y)];
            to_jpeg.apply(normalised(ycbcr, range))[component] * 255.0 + 128.0
        })
    };
    Components {
        planes: [luma, chroma(1), chroma(2)],
        subsampling: from.subsampling,
        colour: ColourSpace { encoding: YcbcrEncoding::Rec601, range: Range::Full, ..from.colour },
    }
}

fn plane_of(size: Size, value: impl Fn(u32, u32) -> f64) -> Plane<'static> {
    let rows = (0..size.height).flat_map(|y| (0..size.width).map(move |x| (x, y)));
    // A conversion to an integer type saturates.
    Plane::owned(rows.map(|(x, y)| value(x, y).round() as u8).collect(), size)
}

fn from_rgb(picture: &Picture<'_>) -> Components<'static> {
    let (size, to_jpeg) = (picture.size(), ycbcr_from_rgb(YcbcrEncoding::Rec601));
    let mut planes = [(); 3].map(|()| Vec::with_capacity(size.area() as usize));
    let mut row = Vec::new();
    for y in 0..size.height {
        rgb_row(picture, y, &mut row);
        for pixel in row.chunks_exact(3) {
            let [luma, cb, cr] = to_jpeg.apply([pixel[0], pixel[1], pixel[2]].map(f64::from));
            for (plane, value) in planes.iter_mut().zip([luma, cb + 128.0, cr + 128.0]) {
                plane.push(value.round() as u8);
            }
        }
    }
    Components {
        planes: planes.map(|plane| Plane::owned(plane, size)),
        subsampling: (1, 1),
        colour: ColourSpace { encoding: YcbcrEncoding::Rec601, range: Range::Full, ..picture.colour() },
    }
}

/// Y' as 0 to 1, Cb and Cr as -0.5 to 0.5.
fn normalised([luma, cb, cr]: [u8; 3], range: Range) -> [f64; 3] {
    let (black, luma_span, chroma_span) = match range {
        Range::Full => (0.0, 255.0, 255.0),
        Range::Limited => (16.0, 219.0, 224.0),
    };
    let chroma = |value: u8| (f64::from(value) - 128.0) / chroma_span;
    [(f64::from(luma) - black) / luma_span, chroma(cb), chroma(cr)]
}

/// From R'G'B' to Y'CbCr in any unit; chroma is centred about 0.
fn ycbcr_from_rgb(encoding: YcbcrEncoding) -> Matrix3 {
    let (kr, kb) = encoding.luma_weights();
    let kg = 1.0 - kr - kb;
    let (cb, cr) = (0.5 / (1.0 - kb), 0.5 / (1.0 - kr));
    Matrix3([[kr, kg, kb], [-kr * cb, -kg * cb, (1.0 - kb) * cb], [(1.0 - kr) * cr, -kg * cr, -kb * cr]])
}

fn rgb_from_ycbcr(encoding: YcbcrEncoding) -> Matrix3 {
    let (kr, kb) = encoding.luma_weights();
    let (kg, red, blue) = (1.0 - kr - kb, 2.0 * (1.0 - kr), 2.0 * (1.0 - kb));
    Matrix3([[1.0, 0.0, red], [1.0, -blue * kb / kg, -red * kr / kg], [1.0, blue, 0.0]])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size::new(2, 2);

    fn of(format: PixelFormat, colour: ColourSpace, stride: u32, bytes: &[u8]) -> Vec<Vec<u8>> {
        let picture = Picture::new(format, SIZE, stride, colour, bytes).unwrap();
        let rows = |plane: &Plane<'_>| {
            let mut rows = Vec::new();
            (0..plane.size.height).for_each(|y| plane.append_row(y, &mut rows));
            rows
        };
        jpeg_components(&picture).planes.iter().map(rows).collect()
    }

    #[test]
    fn every_layout_finds_its_components() {
        let planar = [vec![1, 2, 3, 4], vec![5], vec![6]];
        let full = ColourSpace::SYCC;
        assert_eq!(of(PixelFormat::Yuv420, full, 2, &[1, 2, 3, 4, 5, 6]), planar);
        assert_eq!(of(PixelFormat::Yvu420, full, 2, &[1, 2, 3, 4, 6, 5]), planar);
        assert_eq!(of(PixelFormat::Nv12, full, 2, &[1, 2, 3, 4, 5, 6]), planar);
        assert_eq!(of(PixelFormat::Nv21, full, 2, &[1, 2, 3, 4, 6, 5]), planar);
        let tall = [vec![1, 2, 3, 4], vec![5, 7], vec![6, 8]];
        assert_eq!(of(PixelFormat::Nv16, full, 2, &[1, 2, 3, 4, 5, 6, 7, 8]), tall);
        assert_eq!(of(PixelFormat::Yuyv, full, 4, &[1, 5, 2, 6, 3, 7, 4, 8]), tall);
        assert_eq!(of(PixelFormat::Yvyu, full, 4, &[1, 6, 2, 5, 3, 8, 4, 7]), tall);
        assert_eq!(of(PixelFormat::Uyvy, full, 4, &[5, 1, 6, 2, 7, 3, 8, 4]), tall);
        assert_eq!(of(PixelFormat::Vyuy, full, 4, &[6, 1, 5, 2, 8, 3, 7, 4]), tall);
    }

    #[test]
    fn limited_range_is_stretched() {
        let planes = of(PixelFormat::Nv12, ColourSpace::SMPTE170M, 2, &[16, 235, 126, 255, 128, 240]);
        assert_eq!(planes, [vec![0, 255, 128, 255], vec![128], vec![255]]);
    }

    #[test]
    fn another_matrix_keeps_the_colour() {
        let pure_green_709 = ycbcr_from_rgb(YcbcrEncoding::Rec709).apply([0.0, 1.0, 0.0]);
        let limited = [
            pure_green_709[0] * 219.0 + 16.0,
            pure_green_709[1] * 224.0 + 128.0,
            pure_green_709[2] * 224.0 + 128.0,
        ];
        let [y, cb, cr] = limited.map(|value| value.round() as u8);
        let planes = of(PixelFormat::Yuv420, ColourSpace::REC709, 2, &[y, y, y, y, cb, cr]);
        let green_601 = [150u8, 44, 21];
        for (plane, expected) in planes.iter().zip(green_601) {
            assert!(plane.iter().all(|value| value.abs_diff(expected) <= 1), "{planes:?}");
        }
    }

    #[test]
    fn matrices_are_inverse() {
        for encoding in [YcbcrEncoding::Rec601, YcbcrEncoding::Rec709, YcbcrEncoding::Rec2020] {
            let identity = rgb_from_ycbcr(encoding).times(&ycbcr_from_rgb(encoding));
            for (got, expected) in identity.0.as_flattened().iter().zip(Matrix3::IDENTITY.0.as_flattened()) {
                assert!((got - expected).abs() < 1e-12);
            }
        }
    }
}
