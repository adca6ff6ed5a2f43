//! The whole chain again, in double precision, a pixel at a time: slow and obvious.

use pinhole_base::colour::{Matrix3, Range, Toning, YcbcrEncoding};
use pinhole_base::format::{BayerColour, PixelFormat};
use pinhole_imaging::parameters::{GammaCurve, LensShading};
use pinhole_imaging::{IspConfiguration, IspParameters, OutputFormat};

/// A mosaic of samples from 0 to 65535.
pub(crate) struct Mosaic<'a> {
    pub(crate) configuration: &'a IspConfiguration,
    pub(crate) parameters: &'a IspParameters,
    /// Row by row, scaled to 16 bits.
    pub(crate) samples: Vec<f64>,
}

/// Mirrors an index at 0 and at the last.
fn mirrored(index: i64, count: u32) -> usize {
    let last = i64::from(count) - 1;
    let index = index.abs();
    (if index > last { 2 * last - index } else { index }) as usize
}

impl Mosaic<'_> {
    fn colour(&self, x: usize, y: usize) -> BayerColour {
        self.configuration.input.order.map_or(BayerColour::GreenRed, |order| order.colour_at(x, y))
    }

    fn sample(&self, x: i64, y: i64) -> f64 {
        let size = self.configuration.size;
        self.samples[mirrored(y, size.height) * size.width as usize + mirrored(x, size.width)]
    }

    /// A sample, its green evened.
    fn evened(&self, x: i64, y: i64) -> f64 {
        let own = self.sample(x, y);
        let is_green = !matches!(self.colour(x as usize, y as usize), BayerColour::Red | BayerColour::Blue);
        let Some(evening) = self.parameters.green_equalisation.filter(|_| is_green) else { return own };
        if self.configuration.input.order.is_none() {
            return own;
        }
        let mut others = [(-1, -1), (1, -1), (-1, 1), (1, 1)].map(|(dx, dy)| self.sample(x + dx, y + dy));
        others.sort_by(f64::total_cmp);
        let difference = f64::midpoint(others[1], others[2]) - own;
        let light = (own - f64::from(self.parameters.black_level[1])).max(0.0);
        let threshold = (f64::from(evening.offset) + f64::from(evening.slope) * light).min(65535.0);
        let pull = difference.abs().min(threshold - difference.abs()).max(0.0) / 2.0;
        own + pull.copysign(difference)
    }

    /// Black subtracted, white kept, shading undone.
    pub(crate) fn levelled(&self, x: usize, y: usize) -> f64 {
        let (plane, channel) = match self.colour(x, y) {
            BayerColour::Red => (0, 0),
            BayerColour::GreenRed => (1, 1),
            BayerColour::GreenBlue => (2, 1),
            BayerColour::Blue => (3, 2),
        };
        let black = f64::from(self.parameters.black_level[channel]);
        let sample = self.evened(x as i64, y as i64);
        let gain = self.parameters.lens_shading.as_ref().map_or(1.0, |table| shading(table, plane, x, y));
        ((sample - black) * gain * 65535.0 / (65535.0 - black)).clamp(0.0, 65535.0)
    }

    fn balanced(&self, x: i64, y: i64) -> f64 {
        let size = self.configuration.size;
        let (x, y) = (mirrored(x, size.width), mirrored(y, size.height));
        let gain = match (self.configuration.input.order, self.colour(x, y)) {
            (Some(_), BayerColour::Red) => self.parameters.red_gain,
            (Some(_), BayerColour::Blue) => self.parameters.blue_gain,
            _ => 1.0,
        };
        let gain = f64::from(gain) * f64::from(self.parameters.digital_gain);
        (self.levelled(x, y) * gain).clamp(0.0, 65535.0)
    }

    fn filtered(&self, x: i64, y: i64, kernel: &[[f64; 5]; 5]) -> f64 {
        let mut sum = 0.0;
        for (dy, row) in (-2..).zip(kernel) {
            for (dx, weight) in (-2..).zip(row) {
                sum += weight * self.balanced(x + dx, y + dy);
            }
        }
        (sum / 8.0).clamp(0.0, 65535.0)
    }

    /// Red, green and blue at a pixel.
    fn full_colour(&self, x: i64, y: i64) -> [f64; 3] {
        const GREEN: [[f64; 5]; 5] = [
            [0.0, 0.0, -1.0, 0.0, 0.0],
            [0.0, 0.0, 2.0, 0.0, 0.0],
            [-1.0, 2.0, 4.0, 2.0, -1.0],
            [0.0, 0.0, 2.0, 0.0, 0.0],
            [0.0, 0.0, -1.0, 0.0, 0.0],
        ];
        const BESIDE: [[f64; 5]; 5] = [
            [0.0, 0.0, 0.5, 0.0, 0.0],
            [0.0, -1.0, 0.0, -1.0, 0.0],
            [-1.0, 4.0, 5.0, 4.0, -1.0],
            [0.0, -1.0, 0.0, -1.0, 0.0],
            [0.0, 0.0, 0.5, 0.0, 0.0],
        ];
        const OPPOSITE: [[f64; 5]; 5] = [
            [0.0, 0.0, -1.5, 0.0, 0.0],
            [0.0, 2.0, 0.0, 2.0, 0.0],
            [-1.5, 0.0, 6.0, 0.0, -1.5],
            [0.0, 2.0, 0.0, 2.0, 0.0],
            [0.0, 0.0, -1.5, 0.0, 0.0],
        ];
        let above: [[f64; 5]; 5] = std::array::from_fn(|i| std::array::from_fn(|j| BESIDE[j][i]));
        let own = self.balanced(x, y);
        let with = |kernel| self.filtered(x, y, kernel);
        let Some(order) = self.configuration.input.order else {
            return [own; 3];
        };
        match order.colour_at(x as usize, y as usize) {
            BayerColour::Red => [own, with(&GREEN), with(&OPPOSITE)],
            BayerColour::Blue => [with(&OPPOSITE), with(&GREEN), own],
            BayerColour::GreenRed => [with(&BESIDE), own, with(&above)],
            BayerColour::GreenBlue => [with(&above), own, with(&BESIDE)],
        }
    }

    /// R'G'B' from 0 to 1 at each pixel of an output, row by row.
    pub(crate) fn picture(&self, output: &OutputFormat) -> Vec<[f64; 3]> {
        let crop = self.configuration.crop;
        let mut cropped = Vec::new();
        for y in 0..i64::from(crop.height) {
            for x in 0..i64::from(crop.width) {
                cropped.push(self.full_colour(x + i64::from(crop.x), y + i64::from(crop.y)));
            }
        }
        let across = weights(crop.width, output.size.width);
        let down = weights(crop.height, output.size.height);
        let mut picture = Vec::new();
        for rows in &down {
            for columns in &across {
                let mut sum = [0.0; 3];
                for &(y, wy) in rows {
                    for &(x, wx) in columns {
                        let pixel = cropped[y * crop.width as usize + x];
                        for (sum, value) in sum.iter_mut().zip(pixel) {
                            *sum += wy * wx * value;
                        }
                    }
                }
                picture.push(self.toned(sum));
            }
        }
        picture
    }

    fn toned(&self, linear: [f64; 3]) -> [f64; 3] {
        let colour = self.parameters.colour_matrix;
        let matrix = colour.map_or(Matrix3::IDENTITY, |colour| colour.matrix);
        let offsets = colour.map_or([0.0; 3], |colour| colour.offsets);
        let mixed = matrix.apply(linear);
        let mixed: [f64; 3] = std::array::from_fn(|i| mixed[i] + offsets[i]);
        let grey = 0.2126 * mixed[0] + 0.7152 * mixed[1] + 0.0722 * mixed[2];
        mixed.map(|value| {
            let value = (grey + self.parameters.saturation * (value - grey)).clamp(0.0, 65535.0);
            let value = self.parameters.gamma.as_ref().map_or(value, |curve| eased(curve, value)) / 65535.0;
            let Toning { contrast, brightness } = self.parameters.toning;
            (contrast * (value - 0.5) + 0.5 + brightness).clamp(0.0, 1.0)
        })
    }
}

/// A picture with smoothed chroma: R'G'B' from 0 to 1, row by row.
pub(crate) fn smoothed(picture: &[[f64; 3]], output: &OutputFormat, strength: f64) -> Vec<[f64; 3]> {
    let (width, height) = (output.size.width as usize, output.size.height as usize);
    let (across, down) = (width.div_ceil(2), height.div_ceil(2));
    let (kr, kb) = luma_weights(output);
    let kg = 1.0 - kr - kb;
    // Luma and its differences to blue and red.
    let cell = |x: usize, y: usize| {
        let mut mean = [0.0; 3];
        for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let pixel = picture[(2 * y + dy).min(height - 1) * width + (2 * x + dx).min(width - 1)];
            mean.iter_mut().zip(pixel).for_each(|(mean, value)| *mean += value / 4.0);
        }
        let luma = kr * mean[0] + kg * mean[1] + kb * mean[2];
        [luma, mean[2] - luma, mean[0] - luma]
    };
    let cells: Vec<_> =
        (0..down).flat_map(|y| (0..across).map(move |x| (x, y))).map(|(x, y)| cell(x, y)).collect();
    let near = |at: usize, by: i64, count: usize| (at as i64 + by).clamp(0, count as i64 - 1) as usize;
    let shift = |x: usize, y: usize| {
        let own = cells[y * across + x];
        let (mut blue, mut red) = (0.0, 0.0);
        for (dx, dy) in (-2..=2).flat_map(|dy| (-2..=2).map(move |dx| (dx, dy))) {
            let other = cells[near(y, dy, down) * across + near(x, dx, across)];
            let [luma, cb, cr]: [f64; 3] = std::array::from_fn(|i| other[i] - own[i]);
            let far = (cb.abs() + cr.abs() + luma.abs() / 2.0) / (strength * 64.0 / 255.0);
            let weight = (2.0 * (1.0 - far)).clamp(0.0, 1.0);
            blue += cb * weight / 25.0;
            red += cr * weight / 25.0;
        }
        [red, -(kr * red + kb * blue) / kg, blue]
    };
    let pixel = |(i, pixel): (usize, &[f64; 3])| {
        let shift = shift(i % width / 2, i / width / 2);
        std::array::from_fn(|colour| (pixel[colour] + shift[colour]).clamp(0.0, 1.0))
    };
    picture.iter().enumerate().map(pixel).collect()
}

fn shading(table: &LensShading, plane: usize, x: usize, y: usize) -> f64 {
    let along = |position: usize, cell: f32, points: usize| {
        let place = (position as f64 / f64::from(cell)).min((points - 1) as f64);
        let first = (place as usize).min(points - 2);
        (first, place - first as f64)
    };
    let (column, tx) = along(x, table.cell_pixels.0, table.columns);
    let (row, ty) = along(y, table.cell_pixels.1, table.rows);
    let at = |dx: usize, dy: usize| f64::from(table.gains[plane][(row + dy) * table.columns + column + dx]);
    (at(0, 0) * (1.0 - tx) + at(1, 0) * tx) * (1.0 - ty) + (at(0, 1) * (1.0 - tx) + at(1, 1) * tx) * ty
}

fn eased(curve: &GammaCurve, x: f64) -> f64 {
    let points: Vec<(f64, f64)> = curve.points.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).collect();
    let after = points.iter().position(|point| point.0 >= x);
    match after {
        None => points[points.len() - 1].1,
        Some(0) => points[0].1,
        Some(i) => {
            let ((x0, y0), (x1, y1)) = (points[i - 1], points[i]);
            y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        }
    }
}

/// For each target sample, the source samples it is made of.
fn weights(source: u32, target: u32) -> Vec<Vec<(usize, f64)>> {
    let step = f64::from(source) / f64::from(target);
    let weight = |i: u32, j: u32| {
        let (i, j) = (f64::from(i), f64::from(j));
        if step >= 1.0 {
            (((i + 1.0) * step).min(j + 1.0) - (i * step).max(j)).max(0.0) / step
        } else {
            let centre = ((i + 0.5) * step - 0.5).clamp(0.0, f64::from(source - 1));
            (1.0 - (centre - j).abs()).max(0.0)
        }
    };
    (0..target).map(|i| (0..source).map(|j| (j as usize, weight(i, j))).collect()).collect()
}

/// The bytes of a picture: each with its place in the buffer.
pub(crate) fn encoded(picture: &[[f64; 3]], output: &OutputFormat) -> Vec<(usize, f64)> {
    let (width, height) = (output.size.width as usize, output.size.height as usize);
    let stride = output.stride_bytes as usize;
    let limited = output.colour_space.range == Range::Limited;
    let pixel = |x: usize, y: usize| picture[y * width + x];
    let mut bytes = Vec::new();
    let rgb = |bytes: &mut Vec<(usize, f64)>, size: usize, places: [usize; 3]| {
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            for (value, place) in pixel(x, y).into_iter().zip(places) {
                let value = if limited { 16.0 + 219.0 * value } else { 255.0 * value };
                bytes.push((y * stride + x * size + place, value));
            }
        }
    };
    match output.format {
        PixelFormat::Rgb24 => rgb(&mut bytes, 3, [0, 1, 2]),
        PixelFormat::Bgr24 => rgb(&mut bytes, 3, [2, 1, 0]),
        PixelFormat::Rgbx32 => rgb(&mut bytes, 4, [0, 1, 2]),
        PixelFormat::Bgrx32 => rgb(&mut bytes, 4, [2, 1, 0]),
        _ => ycbcr(picture, output, &mut bytes),
    }
    bytes
}

fn ycbcr(picture: &[[f64; 3]], output: &OutputFormat, bytes: &mut Vec<(usize, f64)>) {
    let (width, height) = (output.size.width as usize, output.size.height as usize);
    let stride = output.stride_bytes as usize;
    let luma_plane = stride * height;
    let quarter = (stride / 2) * (height / 2);
    for (i, &rgb) in picture.iter().enumerate() {
        let (x, y) = (i % width, i / width);
        let place = match output.format {
            PixelFormat::Yuyv | PixelFormat::Yvyu => y * stride + 2 * x,
            PixelFormat::Uyvy | PixelFormat::Vyuy => y * stride + 2 * x + 1,
            _ => y * stride + x,
        };
        bytes.push((place, converted(rgb, output)[0]));
    }
    let rows = match output.format {
        PixelFormat::Yuv420 | PixelFormat::Yvu420 | PixelFormat::Nv12 | PixelFormat::Nv21 => 2,
        _ => 1,
    };
    for (y, x) in (0..height / rows).flat_map(|y| (0..width / 2).map(move |x| (y, x))) {
        let block = (0..rows).flat_map(|dy| (0..2).map(move |dx| (y * rows + dy) * width + 2 * x + dx));
        let mut mean = [0.0; 2];
        for i in block {
            let [_, cb, cr] = converted(picture[i], output);
            mean[0] += cb / (2 * rows) as f64;
            mean[1] += cr / (2 * rows) as f64;
        }
        let places = match output.format {
            PixelFormat::Yuv420 => [0, quarter].map(|plane| luma_plane + plane + y * (stride / 2) + x),
            PixelFormat::Yvu420 => [quarter, 0].map(|plane| luma_plane + plane + y * (stride / 2) + x),
            PixelFormat::Nv12 | PixelFormat::Nv16 => [0, 1].map(|i| luma_plane + y * stride + 2 * x + i),
            PixelFormat::Nv21 => [1, 0].map(|i| luma_plane + y * stride + 2 * x + i),
            PixelFormat::Yuyv => [1, 3].map(|i| y * stride + 4 * x + i),
            PixelFormat::Yvyu => [3, 1].map(|i| y * stride + 4 * x + i),
            PixelFormat::Uyvy => [0, 2].map(|i| y * stride + 4 * x + i),
            _ => [2, 0].map(|i| y * stride + 4 * x + i),
        };
        bytes.extend(places.into_iter().zip(mean));
    }
}

/// Y', Cb and Cr as numbers of 8 bits.
fn converted([r, g, b]: [f64; 3], output: &OutputFormat) -> [f64; 3] {
    let (kr, kb) = luma_weights(output);
    let y = kr * r + (1.0 - kr - kb) * g + kb * b;
    let (cb, cr) = ((b - y) / (2.0 * (1.0 - kb)), (r - y) / (2.0 * (1.0 - kr)));
    match output.colour_space.range {
        Range::Full => [255.0 * y, 128.0 + 255.0 * cb, 128.0 + 255.0 * cr],
        Range::Limited => [16.0 + 219.0 * y, 128.0 + 224.0 * cb, 128.0 + 224.0 * cr],
    }
}

/// The shares of red and blue in luma.
fn luma_weights(output: &OutputFormat) -> (f64, f64) {
    match output.colour_space.encoding {
        YcbcrEncoding::Rec709 => (0.2126, 0.0722),
        YcbcrEncoding::Rec2020 => (0.2627, 0.0593),
        YcbcrEncoding::Rec601 | YcbcrEncoding::None => (0.299, 0.114),
    }
}
