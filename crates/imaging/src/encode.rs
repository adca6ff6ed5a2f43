//! From R'G'B' of 16 bits to the bytes of a pixel format.

use pinhole_base::colour::{ColourSpace, Range, YcbcrEncoding};
use pinhole_base::format::{PixelFormat, PlaneShapes};

use crate::isp::OutputFormat;
use crate::mosaic::Rgb;

/// Weights of R', G', B' (0 to 65535) in an 8-bit number, and a constant.
type Weights = ([f32; 3], f32);

/// Where the chroma of a row goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Luma, then planes of Cb and Cr (or the other way round), both halved.
    Planar { cb_plane: usize },
    /// Luma, then one plane of interleaved chroma; halved in height, or not.
    SemiPlanar { cb_first: bool, halved_rows: bool },
    /// Two pixels in four bytes: the places of Y, Cb and Cr.
    Packed { luma: usize, cb: usize, cr: usize },
    /// Bytes per pixel and the place of red in the first three (0 or 2).
    Rgb { bytes: usize, red: usize },
}

const fn layout(format: PixelFormat) -> Option<Layout> {
    Some(match format {
        PixelFormat::Yuv420 => Layout::Planar { cb_plane: 1 },
        PixelFormat::Yvu420 => Layout::Planar { cb_plane: 2 },
        PixelFormat::Nv12 => Layout::SemiPlanar { cb_first: true, halved_rows: true },
        PixelFormat::Nv21 => Layout::SemiPlanar { cb_first: false, halved_rows: true },
        PixelFormat::Nv16 => Layout::SemiPlanar { cb_first: true, halved_rows: false },
        PixelFormat::Yuyv => Layout::Packed { luma: 0, cb: 1, cr: 3 },
        PixelFormat::Yvyu => Layout::Packed { luma: 0, cb: 3, cr: 1 },
        PixelFormat::Uyvy => Layout::Packed { luma: 1, cb: 0, cr: 2 },
        PixelFormat::Vyuy => Layout::Packed { luma: 1, cb: 2, cr: 0 },
        PixelFormat::Rgb24 => Layout::Rgb { bytes: 3, red: 0 },
        PixelFormat::Bgr24 => Layout::Rgb { bytes: 3, red: 2 },
        PixelFormat::Rgbx32 => Layout::Rgb { bytes: 4, red: 0 },
        PixelFormat::Bgrx32 => Layout::Rgb { bytes: 4, red: 2 },
        PixelFormat::Raw(_) | PixelFormat::Rgb48 | PixelFormat::Mjpeg => return None,
    })
}

/// The multiples that width and height must be of; `None` if the format can't be written.
pub(crate) fn size_steps(format: PixelFormat) -> Option<(u32, u32)> {
    Some(match layout(format)? {
        Layout::Planar { .. } | Layout::SemiPlanar { halved_rows: true, .. } => (2, 2),
        Layout::SemiPlanar { .. } | Layout::Packed { .. } => (2, 1),
        Layout::Rgb { .. } => (1, 1),
    })
}

/// Writes rows of one format.
#[derive(Debug)]
pub(crate) struct Encoder {
    layout: Layout,
    planes: PlaneShapes,
    luma: Weights,
    chroma: [Weights; 2],
    rgb: (f32, f32),
    /// A row of luma, and of Cb and Cr at half width, as numbers from 0 to 255.
    luma_row: Vec<u8>,
    chroma_rows: [Vec<f32>; 2],
}

impl Encoder {
    /// An encoder; `None` if the format can't be written.
    pub(crate) fn new(output: &OutputFormat) -> Option<Self> {
        let width = output.size.width as usize;
        let (luma, chroma) = ycbcr_weights(output.colour_space);
        Some(Self {
            layout: layout(output.format)?,
            planes: output.format.planes(output.stride_bytes, output.size.height),
            luma,
            chroma,
            rgb: match output.colour_space.range {
                Range::Full => (255.0 / 65535.0, 0.0),
                Range::Limited => (219.0 / 65535.0, 16.0),
            },
            luma_row: vec![0; width],
            chroma_rows: [vec![0.0; width / 2], vec![0.0; width / 2]],
        })
    }

    /// Writes row `y`; rows come in order, from the top.
    pub(crate) fn write_row(&mut self, y: usize, rgb: &Rgb<Vec<u16>>, out: &mut [u8]) {
        if let Layout::Rgb { bytes, red } = self.layout {
            return self.write_rgb(y, rgb, bytes, red, out);
        }
        weigh(self.luma, rgb, &mut self.luma_row);
        let halved =
            matches!(self.layout, Layout::Planar { .. } | Layout::SemiPlanar { halved_rows: true, .. });
        for (weights, row) in self.chroma.iter().zip(&mut self.chroma_rows) {
            weigh_pairs(*weights, rgb, halved && y % 2 == 1, row);
        }
        match self.layout {
            Layout::Packed { luma, cb, cr } => self.write_packed(y, luma, [cb, cr], out),
            _ => {
                self.plane_row(0, y, out)[..self.luma_row.len()].copy_from_slice(&self.luma_row);
                if !halved {
                    self.write_chroma(y, out);
                } else if y % 2 == 1 {
                    self.write_chroma(y / 2, out);
                }
            }
        }
    }

    fn plane_row<'a>(&self, plane: usize, y: usize, out: &'a mut [u8]) -> &'a mut [u8] {
        let before: u64 = self.planes[..plane].iter().map(|plane| plane.bytes()).sum();
        let stride = self.planes[plane].stride_bytes as usize;
        &mut out[before as usize + y * stride..][..stride]
    }

    fn write_rgb(&self, y: usize, rgb: &Rgb<Vec<u16>>, bytes: usize, red: usize, out: &mut [u8]) {
        let (scale, offset) = self.rgb;
        let byte = |sample: u16| byte(f32::from(sample) * scale + offset);
        let row = self.plane_row(0, y, out);
        let (first, last) = (&rgb[red], &rgb[2 - red]);
        let samples = first.iter().zip(&rgb[1]).zip(last);
        for (pixel, ((&first, &green), &last)) in row.chunks_exact_mut(bytes).zip(samples) {
            pixel[..3].copy_from_slice(&[byte(first), byte(green), byte(last)]);
            pixel[3..].fill(0xff);
        }
    }

    fn write_packed(&self, y: usize, luma: usize, [cb, cr]: [usize; 2], out: &mut [u8]) {
        let row = self.plane_row(0, y, out);
        let chroma = self.chroma_rows[0].iter().zip(&self.chroma_rows[1]);
        let pairs = self.luma_row.as_chunks::<2>().0.iter().zip(chroma);
        for (pixels, (pair, (&u, &v))) in row.as_chunks_mut::<4>().0.iter_mut().zip(pairs) {
            pixels[luma] = pair[0];
            pixels[luma + 2] = pair[1];
            pixels[cb] = byte(u);
            pixels[cr] = byte(v);
        }
    }

    fn write_chroma(&self, y: usize, out: &mut [u8]) {
        match self.layout {
            Layout::Planar { cb_plane } => {
                for (plane, row) in [cb_plane, 3 - cb_plane].into_iter().zip(&self.chroma_rows) {
                    for (out, &value) in self.plane_row(plane, y, out).iter_mut().zip(row) {
                        *out = byte(value);
                    }
                }
            }
            Layout::SemiPlanar { cb_first, .. } => {
                let [cb, cr] = &self.chroma_rows;
                let (first, second) = if cb_first { (cb, cr) } else { (cr, cb) };
                let row = self.plane_row(1, y, out).as_chunks_mut::<2>().0;
                for (out, (&first, &second)) in row.iter_mut().zip(first.iter().zip(second)) {
                    *out = [byte(first), byte(second)];
                }
            }
            Layout::Packed { .. } | Layout::Rgb { .. } => {}
        }
    }
}

/// Rounds and clips to 0 to 255; see [`crate::level::rounded`].
fn byte(value: f32) -> u8 {
    (value.clamp(0.0, 255.0) + 8_388_608.0).to_bits() as u8
}

fn weigh(([wr, wg, wb], constant): Weights, rgb: &Rgb<Vec<u16>>, out: &mut [u8]) {
    let n = out.len();
    let [red, green, blue] = rgb.each_ref().map(|channel| &channel[..n]);
    for i in 0..n {
        let value = wr * f32::from(red[i]) + wg * f32::from(green[i]) + wb * f32::from(blue[i]);
        out[i] = byte(value + constant);
    }
}

/// Weighs the means of pairs of pixels; `blend` takes the mean with what is there already.
fn weigh_pairs(([wr, wg, wb], constant): Weights, rgb: &Rgb<Vec<u16>>, blend: bool, out: &mut [f32]) {
    let n = out.len();
    let [red, green, blue] = rgb.each_ref().map(|channel| &channel.as_chunks::<2>().0[..n]);
    let sum = |pair: [u16; 2]| f32::from(pair[0]) + f32::from(pair[1]);
    let value = |i: usize| 0.5 * (wr * sum(red[i]) + wg * sum(green[i]) + wb * sum(blue[i])) + constant;
    if blend {
        for (i, out) in out.iter_mut().enumerate() {
            *out = 0.5 * (*out + value(i));
        }
    } else {
        for (i, out) in out.iter_mut().enumerate() {
            *out = value(i);
        }
    }
}

/// Luma's weights, and those of Cb and Cr (ITU-R BT.601, 709, 2020).
fn ycbcr_weights(space: ColourSpace) -> (Weights, [Weights; 2]) {
    let encoding = match space.encoding {
        YcbcrEncoding::None => YcbcrEncoding::Rec601,
        encoding => encoding,
    };
    let (kr, kb) = encoding.luma_weights();
    let luma = [kr, 1.0 - kr - kb, kb];
    let (luma_span, chroma_span, black) = match space.range {
        Range::Full => (255.0, 255.0, 0.0),
        Range::Limited => (219.0, 224.0, 16.0),
    };
    let chroma = |channel: usize| {
        let scale = chroma_span / (2.0 * (1.0 - luma[channel])) / 65535.0;
        let weight = |i: usize| (if i == channel { 1.0 - luma[i] } else { -luma[i] }) * scale;
        (std::array::from_fn(|i| weight(i) as f32), 128.0)
    };
    (((luma.map(|k| (k * luma_span / 65535.0) as f32)), black), [chroma(2), chroma(0)])
}
