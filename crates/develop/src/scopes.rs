//! What a picture's values look like as a whole: histograms, and a waveform, which keeps from
//! left to right where values lie. Both as numbers and as pictures.

use pinhole_base::colour::ColourSpace;
use pinhole_base::format::PixelFormat;
use pinhole_base::geometry::Size;
use pinhole_files::Picture;

/// How many pixels have each 8-bit value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// For red, green and blue.
    pub counts: [[u64; 256]; 3],
}

/// How often each 8-bit value comes in each column of a picture that is split into so many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waveform {
    /// For each column from the left, for each value.
    pub columns: Vec<[u32; 256]>,
}

/// The pixels of a picture in R'G'B', 3 bytes each, row by row.
fn pixels<'a>(picture: &Picture<'a>) -> impl Iterator<Item = impl Iterator<Item = [u8; 3]> + use<'a>> {
    assert_eq!(picture.format(), PixelFormat::Rgb24, "scopes look at R'G'B'");
    let picture = *picture;
    (0..picture.size().height).map(move |y| picture.row(0, y).as_chunks().0.iter().copied())
}

/// BT.709's luma.
fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((u32::from(red) * 54 + u32::from(green) * 183 + u32::from(blue) * 19 + 128) >> 8) as u8
}

impl Histogram {
    /// Counts the values of a picture in 8-bit R'G'B'.
    ///
    /// # Panics
    /// If the picture has another format.
    pub fn of(picture: &Picture<'_>) -> Self {
        let mut counts = [[0; 256]; 3];
        for pixel in pixels(picture).flatten() {
            for (counts, value) in counts.iter_mut().zip(pixel) {
                counts[usize::from(value)] += 1;
            }
        }
        Self { counts }
    }

    /// The count that fills the height of a drawing: large enough for all but black and white,
    /// which may be many.
    fn scale(&self) -> u64 {
        let inner = self.counts.iter().flat_map(|counts| &counts[1..255]).max();
        inner.copied().unwrap_or(0).max(1)
    }

    /// Heights of so many bars, from black to white, of one colour (0 red, 1 green, 2 blue),
    /// 0 to 1.
    pub fn bars(&self, colour: usize, bars: usize) -> Vec<f64> {
        let sums = |counts: &[u64; 256]| -> Vec<u64> {
            let edge = |bar: usize| bar * 256 / bars;
            (0..bars).map(|bar| counts[edge(bar)..edge(bar + 1).max(edge(bar) + 1)].iter().sum()).collect()
        };
        let most = self.counts.iter().flat_map(sums).max().unwrap_or(0).max(1);
        sums(&self.counts[colour]).into_iter().map(|sum| sum as f64 / most as f64).collect()
    }
}

impl Waveform {
    /// Splits a picture in 8-bit R'G'B' into so many columns, or as many as it has if that is
    /// fewer, and counts the luma in each.
    ///
    /// # Panics
    /// If the picture has another format.
    pub fn of(picture: &Picture<'_>, columns: usize) -> Self {
        let width = picture.size().width as usize;
        let split = columns.clamp(1, width);
        let mut waveform = Self { columns: vec![[0; 256]; split] };
        for row in pixels(picture) {
            for (x, pixel) in row.enumerate() {
                waveform.columns[x * split / width][usize::from(luma(pixel))] += 1;
            }
        }
        waveform
    }

    /// How much of column `x` has values from `low` to below `high`, 0 to 1.
    pub fn share(&self, x: usize, low: usize, high: usize) -> f64 {
        let column = &self.columns[x];
        let all: u32 = column.iter().sum();
        f64::from(column[low..high].iter().sum::<u32>()) / f64::from(all.max(1))
    }
}

/// Sides of a drawing: each scope is so wide and high.
pub const SCOPE: Size = Size::new(768, 256);

/// A drawing of the histogram above the waveform, as R'G'B'.
#[derive(Clone, Debug)]
pub struct Drawing {
    rgb: Vec<u8>,
}

impl Drawing {
    const SIZE: Size = Size::new(SCOPE.width, 2 * SCOPE.height);

    /// Draws both.
    pub fn of(histogram: &Histogram, waveform: &Waveform) -> Self {
        let mut drawing = Self { rgb: vec![16; Self::SIZE.area() as usize * 3] };
        for x in 0..SCOPE.width as usize {
            drawing.draw_bars(histogram, x);
            drawing.draw_column(waveform, x);
        }
        drawing
    }

    /// A view of it.
    pub fn picture(&self) -> Picture<'_> {
        Picture::new(PixelFormat::Rgb24, Self::SIZE, Self::SIZE.width * 3, ColourSpace::SRGB, &self.rgb)
            .expect("it was made in this shape")
    }

    fn pixel(&mut self, x: usize, y: usize) -> &mut [u8] {
        &mut self.rgb[(y * SCOPE.width as usize + x) * 3..][..3]
    }

    fn draw_bars(&mut self, histogram: &Histogram, x: usize) {
        let (height, scale) = (SCOPE.height as usize, histogram.scale() as f64);
        for (colour, counts) in histogram.counts.iter().enumerate() {
            let share = (counts[x * 256 / SCOPE.width as usize] as f64 / scale).min(1.0);
            let bar = (share * height as f64).round() as usize;
            for y in height - bar..height {
                self.pixel(x, y)[colour] = 220;
            }
        }
    }

    fn draw_column(&mut self, waveform: &Waveform, x: usize) {
        let column = x * waveform.columns.len() / SCOPE.width as usize;
        for value in 0..256 {
            // A hundredth of the column's pixels shines at its brightest.
            let light = (waveform.share(column, value, value + 1) * 100.0).min(1.0).sqrt();
            let y = 2 * SCOPE.height as usize - 1 - value * SCOPE.height as usize / 256;
            let shade = 16.0 + 224.0 * light;
            self.pixel(x, y).copy_from_slice(&[(shade * 0.6) as u8, shade as u8, (shade * 0.6) as u8]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> Vec<u8> {
        (0..256u32 * 4).flat_map(|at| [(at % 256) as u8; 3]).collect()
    }

    fn picture(bytes: &[u8]) -> Picture<'_> {
        Picture::new(PixelFormat::Rgb24, Size::new(256, 4), 768, ColourSpace::SRGB, bytes).unwrap()
    }

    #[test]
    fn a_ramp_has_every_value_alike() {
        let bytes = ramp();
        let histogram = Histogram::of(&picture(&bytes));
        assert_eq!(histogram.counts, [[4; 256]; 3]);
        assert!(histogram.bars(1, 64).iter().all(|&bar| bar == 1.0));
    }

    #[test]
    fn a_waveform_keeps_places() {
        let bytes = ramp();
        let waveform = Waveform::of(&picture(&bytes), 4);
        assert_eq!(waveform.columns.len(), 4);
        assert_eq!(waveform.share(0, 0, 64), 1.0);
        assert_eq!(waveform.share(3, 0, 192), 0.0);
    }

    #[test]
    fn a_drawing_shows_the_ramp_as_a_line() {
        let bytes = ramp();
        let picture = picture(&bytes);
        let drawing = Drawing::of(&Histogram::of(&picture), &Waveform::of(&picture, 256));
        let view = drawing.picture();
        let green = |x: usize, y: u32| view.row(0, y)[3 * x + 1];
        assert!(green(0, 511) > 200 && green(767, 256) > 200, "black left below, white right above");
        assert!(green(0, 256) < 32 && green(767, 511) < 32);
        assert_eq!(green(300, 0), 220, "bars as high as the drawing");
    }
}
