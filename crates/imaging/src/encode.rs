//! From R'G'B' of 16 bits to the bytes of a pixel format.

mod vectors;

use pinhole_base::colour::{ColourSpace, Range};
use pinhole_base::format::{PixelFormat, PlaneShapes};

use crate::isp::OutputFormat;
use crate::mosaic::{ColourRow, Half};
use crate::simd::Level;
use crate::tone::Pieces;
use vectors::{ChromaRow, DeepRow, LumaRow, PackedRow, RgbRow, Source};

/// Weights of R', G', B' (0 to 65535), in 65536ths, in a number of 16 bits whose upper byte is
/// what is written; and a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weights {
    factors: [u16; 3],
    constant: u16,
}

/// How a chroma is made: the constant, plus its own colour's share, less the others'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChromaWeights {
    weights: Weights,
    own: usize,
}

/// Where the chroma of a row goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Luma, then planes of Cb and Cr (or the other way round), both halved.
    Planar { cb_plane: usize },
    /// Luma, then one plane of interleaved chroma; halved in height, or not.
    SemiPlanar { cb_first: bool, halved_rows: bool },
    /// Two pixels in four bytes: whether luma comes first, and Cb before Cr.
    Packed { luma_first: bool, cb_first: bool },
    /// Bytes per pixel and the place of red in the first three (0 or 2).
    Rgb { bytes: usize, red: usize },
    /// 16 bits a colour, red first.
    Deep,
}

const fn layout(format: PixelFormat) -> Option<Layout> {
    Some(match format {
        PixelFormat::Yuv420 => Layout::Planar { cb_plane: 1 },
        PixelFormat::Yvu420 => Layout::Planar { cb_plane: 2 },
        PixelFormat::Nv12 => Layout::SemiPlanar { cb_first: true, halved_rows: true },
        PixelFormat::Nv21 => Layout::SemiPlanar { cb_first: false, halved_rows: true },
        PixelFormat::Nv16 => Layout::SemiPlanar { cb_first: true, halved_rows: false },
        PixelFormat::Yuyv => Layout::Packed { luma_first: true, cb_first: true },
        PixelFormat::Yvyu => Layout::Packed { luma_first: true, cb_first: false },
        PixelFormat::Uyvy => Layout::Packed { luma_first: false, cb_first: true },
        PixelFormat::Vyuy => Layout::Packed { luma_first: false, cb_first: false },
        PixelFormat::Rgb24 => Layout::Rgb { bytes: 3, red: 0 },
        PixelFormat::Bgr24 => Layout::Rgb { bytes: 3, red: 2 },
        PixelFormat::Rgbx32 => Layout::Rgb { bytes: 4, red: 0 },
        PixelFormat::Bgrx32 => Layout::Rgb { bytes: 4, red: 2 },
        PixelFormat::Rgb48 => Layout::Deep,
        PixelFormat::Raw(_)
        | PixelFormat::Mjpeg
        // Planes follow one another here.
        | PixelFormat::Yuv420m
        | PixelFormat::Yvu420m
        | PixelFormat::Nv12m
        | PixelFormat::Nv21m
        | PixelFormat::Nv16m => return None,
    })
}

impl Layout {
    /// Rows that are written together: those that share a row of chroma.
    const fn rows_at_once(self) -> usize {
        match self {
            Self::Planar { .. } | Self::SemiPlanar { halved_rows: true, .. } => 2,
            _ => 1,
        }
    }
}

/// The multiples that width and height must be of; `None` if the format can't be written.
pub(crate) fn size_steps(format: PixelFormat) -> Option<(u32, u32)> {
    Some(match layout(format)? {
        Layout::Planar { .. } | Layout::SemiPlanar { halved_rows: true, .. } => (2, 2),
        Layout::SemiPlanar { .. } | Layout::Packed { .. } => (2, 1),
        Layout::Rgb { .. } | Layout::Deep => (1, 1),
    })
}

/// Parts of an output's planes, from a row on: what one thread writes.
#[derive(Debug, Default)]
pub(crate) struct Planes<'a> {
    /// The planes' rows, and the number of the first.
    pub(crate) parts: [(&'a mut [u8], usize); 3],
}

impl<'a> Planes<'a> {
    /// All of an output's buffer.
    pub(crate) fn whole(shapes: &PlaneShapes, mut bytes: &'a mut [u8]) -> Self {
        let mut planes = Self::default();
        for (part, shape) in planes.parts.iter_mut().zip(shapes.iter()) {
            let (plane, rest) = bytes.split_at_mut(shape.bytes() as usize);
            (*part, bytes) = ((plane, 0), rest);
        }
        planes
    }

    /// Cuts off the rows before `y` of an output of `height` rows; leaves the others.
    pub(crate) fn split_before(&mut self, shapes: &PlaneShapes, height: usize, y: usize) -> Self {
        let mut before = Self::default();
        for ((part, cut), shape) in self.parts.iter_mut().zip(&mut before.parts).zip(shapes.iter()) {
            let end = if y == height { shape.rows as usize } else { y * shape.rows as usize / height };
            let bytes = (end - part.1) * shape.stride_bytes as usize;
            let (first, rest) = std::mem::take(&mut part.0).split_at_mut(bytes);
            *cut = (first, part.1);
            *part = (rest, end);
        }
        before
    }

    fn row(&mut self, shapes: &PlaneShapes, plane: usize, y: usize) -> &mut [u8] {
        let stride = shapes[plane].stride_bytes as usize;
        let (bytes, first) = &mut self.parts[plane];
        &mut bytes[(y - *first) * stride..][..stride]
    }
}

/// Writes rows of one format.
#[derive(Clone, Debug)]
pub(crate) struct Encoder {
    level: Level,
    layout: Layout,
    shapes: PlaneShapes,
    width: usize,
    luma_shares: [f64; 3],
    luma: Weights,
    chroma: [ChromaWeights; 2],
    rgb: Weights,
    /// Means of the pixels, two by two, of an even row and of an odd one.
    means: [Half; 2],
    /// A row of interleaved chroma, where it is needed in planes.
    pairs: Vec<u8>,
}

impl Encoder {
    /// An encoder; `None` if the format can't be written.
    pub(crate) fn new(level: Level, output: &OutputFormat) -> Option<Self> {
        let width = output.size.width as usize;
        let (luma, chroma) = ycbcr_weights(output.colour_space);
        Some(Self {
            level,
            layout: layout(output.format)?,
            shapes: output.format.planes(output.stride_bytes, output.size.height),
            width,
            luma_shares: luma_shares(output.colour_space),
            luma,
            chroma,
            rgb: rgb_weights(output.colour_space.range),
            means: [(); 2].map(|()| Half::new(width.div_ceil(2))),
            pairs: vec![0; width],
        })
    }

    /// Rows that are written together.
    pub(crate) fn rows_at_once(&self) -> usize {
        self.layout.rows_at_once()
    }

    /// The shares of red, green and blue in luma.
    pub(crate) fn luma_shares(&self) -> [f64; 3] {
        self.luma_shares
    }

    /// The planes' shapes.
    pub(crate) fn shapes(&self) -> &PlaneShapes {
        &self.shapes
    }

    /// Writes row `y`, which has yet to go through `curve`, if there is one. Those that share a
    /// row of chroma come one after the other.
    pub(crate) fn write(&mut self, y: usize, row: &ColourRow, curve: Option<&Pieces>, out: &mut Planes<'_>) {
        let source = Source { row, curve };
        match self.layout {
            Layout::Rgb { bytes, red } => {
                let out = &mut out.row(&self.shapes, 0, y)[..bytes * self.width];
                let row = RgbRow { source, weights: self.rgb, red, out };
                if bytes == 3 { self.level.run(row) } else { self.level.run(row.with_filler()) }
            }
            Layout::Deep => {
                let out = &mut out.row(&self.shapes, 0, y)[..6 * self.width];
                self.level.run(DeepRow { source, out });
            }
            Layout::Packed { luma_first, cb_first } => {
                let out = &mut out.row(&self.shapes, 0, y)[..2 * self.width];
                let (luma, chroma) = (self.luma, self.chroma_in(cb_first));
                self.level.run(PackedRow { source, luma, chroma, luma_first, out });
            }
            Layout::Planar { .. } | Layout::SemiPlanar { .. } => {
                let means = &mut self.means[y % 2];
                let out_luma = &mut out.row(&self.shapes, 0, y)[..self.width];
                self.level.run(LumaRow { source, weights: self.luma, means, out: out_luma });
                if (y + 1).is_multiple_of(self.rows_at_once()) {
                    self.write_chroma(y, out);
                }
            }
        }
    }

    /// Writes the row of chroma that ends with row `y`.
    fn write_chroma(&mut self, y: usize, out: &mut Planes<'_>) {
        let at_once = self.rows_at_once();
        let means = [y + 1 - at_once, y].map(|y| &self.means[y % 2]);
        let y = y / at_once;
        match self.layout {
            Layout::SemiPlanar { cb_first, .. } => {
                let chroma = self.chroma_in(cb_first);
                let out = &mut out.row(&self.shapes, 1, y)[..self.width];
                self.level.run(ChromaRow { means, chroma, out });
            }
            Layout::Planar { cb_plane } => {
                let (chroma, pairs) = (self.chroma, &mut self.pairs[..]);
                self.level.run(ChromaRow { means, chroma, out: pairs });
                for (i, plane) in [cb_plane, 3 - cb_plane].into_iter().enumerate() {
                    let row = out.row(&self.shapes, plane, y).iter_mut();
                    row.zip(self.pairs.as_chunks::<2>().0).for_each(|(byte, pair)| *byte = pair[i]);
                }
            }
            Layout::Packed { .. } | Layout::Rgb { .. } | Layout::Deep => {}
        }
    }

    fn chroma_in(&self, cb_first: bool) -> [ChromaWeights; 2] {
        let [cb, cr] = self.chroma;
        if cb_first { [cb, cr] } else { [cr, cb] }
    }
}

/// 65536ths of a number that takes 65535 to `span`, in the upper byte.
fn factor(share: f64, span: f64) -> u16 {
    (share * span * 256.0 / 65535.0 * 65536.0).round().min(65535.0) as u16
}

/// A constant for the upper byte, and what rounds it where `products` were cut off.
fn constant(value: f64, products: f64) -> u16 {
    (value * 256.0 + 128.0 + products / 2.0) as u16
}

/// What takes each of R', G' and B' to its byte.
fn rgb_weights(range: Range) -> Weights {
    let (span, black) = match range {
        Range::Full => (255.0, 0.0),
        Range::Limited => (219.0, 16.0),
    };
    Weights { factors: [factor(1.0, span); 3], constant: constant(black, 1.0) }
}

/// The shares of red, green and blue in luma (ITU-R BT.601, 709, 2020).
fn luma_shares(space: ColourSpace) -> [f64; 3] {
    let (kr, kb) = space.encoding.luma_weights();
    [kr, 1.0 - kr - kb, kb]
}

/// Luma's weights, and those of Cb and Cr.
fn ycbcr_weights(space: ColourSpace) -> (Weights, [ChromaWeights; 2]) {
    let luma = luma_shares(space);
    let (luma_span, chroma_span, black) = match space.range {
        Range::Full => (255.0, 255.0, 0.0),
        Range::Limited => (219.0, 224.0, 16.0),
    };
    let chroma = |own: usize| {
        let scale = 1.0 / (2.0 * (1.0 - luma[own]));
        let share = |i: usize| (if i == own { 1.0 - luma[i] } else { luma[i] }) * scale;
        let factors = std::array::from_fn(|i| factor(share(i), chroma_span));
        ChromaWeights { weights: Weights { factors, constant: constant(128.0, -1.0) }, own }
    };
    let factors = luma.map(|share| factor(share, luma_span));
    (Weights { factors, constant: constant(black, 3.0) }, [chroma(2), chroma(0)])
}
