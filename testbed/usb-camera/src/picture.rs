//! The pictures that the camera sees: colour bars, a grey ramp, a block that moves, and the number
//! of the frame, seen through the camera's controls. Knows nothing of how they are sent.

use crate::controls::{Controls, Id};
use crate::model::{Coding, FrameSize};
use crate::mosaic::Mosaic;
use pinhole_base::Result;

/// Luma, Cb and Cr of BT.601 at limited range.
type Colour = [u8; 3];

const BLACK: Colour = [16, 128, 128];
const WHITE: Colour = [235, 128, 128];
const DARK_GREY: Colour = [50, 128, 128];
const LUMA_BLACK: f32 = 16.0;
const LUMA_WHITE: f32 = 235.0;
const CHROMA_ZERO: f32 = 128.0;
const CHROMA_REACH: f32 = 112.0;

/// Colour bars at 75 %, with the usual values of BT.601.
const BARS: [Colour; 8] = [
    [180, 128, 128],
    [162, 44, 142],
    [131, 156, 44],
    [112, 72, 58],
    [84, 184, 198],
    [65, 100, 212],
    [35, 212, 114],
    BLACK,
];

/// Frames in which the block crosses the picture.
const CROSSING_FRAMES: u64 = 60;

/// Digits of 5 by 7 dots, a row in the low bits of each byte.
const DIGITS: [[u8; 7]; 10] = [
    [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
    [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
    [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111],
    [0b11110, 0b00001, 0b00001, 0b01110, 0b00001, 0b00001, 0b11110],
    [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
    [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
    [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
    [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
    [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
    [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
];
const DIGIT_DOTS: [usize; 2] = [5, 7];
const COUNTER_DIGITS: usize = 6;

/// What the controls make of colours.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Look {
    /// Light that is gathered, against that of a well exposed picture.
    light: f32,
    contrast: f32,
    brightness: f32,
    saturation: f32,
    /// Shift of Cr upwards and Cb downwards.
    warmth: f32,
    /// Pixels on either side over which the lens smears.
    blur: usize,
}

impl Look {
    fn of(controls: &Controls) -> Self {
        const EXPOSURE_USUAL: f32 = 156.0;
        const KELVIN_USUAL: i32 = 4600;
        const KELVIN_A_STEP: f32 = 60.0;
        const FOCUS_A_PIXEL: i32 = 10;
        let value = |id| controls.effective(id) as f32;
        Self {
            light: value(Id::Exposure) / EXPOSURE_USUAL * value(Id::Gain) / 16.0,
            contrast: value(Id::Contrast) / 100.0,
            brightness: value(Id::Brightness),
            saturation: value(Id::Saturation) / 100.0,
            warmth: (controls.effective(Id::WhiteBalance) - KELVIN_USUAL) as f32 / KELVIN_A_STEP,
            blur: (controls.effective(Id::Focus) / FOCUS_A_PIXEL).unsigned_abs() as usize,
        }
    }

    fn grade(&self, [luma, cb, cr]: Colour) -> Colour {
        let middle = (LUMA_WHITE - LUMA_BLACK) / 2.0;
        let lit = ((f32::from(luma) - LUMA_BLACK) * self.light).min(LUMA_WHITE - LUMA_BLACK);
        let graded = (lit - middle) * self.contrast + middle + self.brightness + LUMA_BLACK;
        let chroma = |value: u8, shift: f32| {
            let scaled = (f32::from(value) - CHROMA_ZERO) * self.light.min(1.0) * self.saturation;
            ((scaled + shift).clamp(-CHROMA_REACH, CHROMA_REACH) + CHROMA_ZERO) as u8
        };
        [graded.clamp(LUMA_BLACK, LUMA_WHITE) as u8, chroma(cb, -self.warmth), chroma(cr, self.warmth)]
    }
}

/// Takes pictures of one size.
pub(crate) struct Scene {
    width: usize,
    height: usize,
    /// What does not move, and the look with which it was painted.
    still: Option<(Look, Vec<u8>)>,
    /// The present picture, in rows of YUYV.
    pixels: Vec<u8>,
    mosaic: Mosaic,
}

impl Scene {
    /// A scene that is seen at a size.
    pub(crate) fn new(size: &FrameSize) -> Self {
        let (width, height) = (usize::from(size.width), usize::from(size.height));
        Self { width, height, still: None, pixels: Vec::new(), mosaic: Mosaic::default() }
    }

    /// The picture of a number, in a coding.
    ///
    /// # Errors
    /// What the JPEG encoder fails with.
    pub(crate) fn take(&mut self, number: u64, controls: &Controls, coding: Coding) -> Result<Vec<u8>> {
        self.paint(number, &Look::of(controls));
        match coding {
            Coding::Yuyv => Ok(self.pixels.clone()),
            Coding::Mjpeg => self.mosaic.code(&self.pixels, self.width),
        }
    }

    fn paint(&mut self, number: u64, look: &Look) {
        if self.still.as_ref().is_none_or(|(painted, _)| painted != look) {
            self.still = Some((*look, self.still_life(look)));
        }
        let (_, still) = self.still.as_ref().expect("it was painted just now");
        self.pixels.clone_from(still);
        self.paint_block(number, look);
        self.paint_counter(number, look);
    }

    /// Bars in the upper part, a ramp below, and a dark ground for what moves.
    fn still_life(&self, look: &Look) -> Vec<u8> {
        let (bars_end, ramp_end) = (self.height * 6 / 10, self.height * 75 / 100);
        let bars = self.row(look, |x| BARS[x * BARS.len() / self.width]);
        let ramp = self.row(look, |x| [(16 + x * 219 / (self.width - 1)) as u8, 128, 128]);
        let ground = self.row(look, |_| DARK_GREY);
        let parts = [(bars, bars_end), (ramp, ramp_end - bars_end), (ground, self.height - ramp_end)];
        parts.iter().flat_map(|(row, rows)| row.repeat(*rows)).collect()
    }

    /// A row of YUYV, smeared by the lens and graded.
    fn row(&self, look: &Look, colour: impl Fn(usize) -> Colour) -> Vec<u8> {
        let colours: Vec<Colour> = (0..self.width).map(colour).collect();
        let pixel = |x: usize| look.grade(smeared(&colours, x, look.blur));
        let pair = |x: usize| {
            let ([left, cb, cr], [right, ..]) = (pixel(x), pixel(x + 1));
            [left, cb, right, cr]
        };
        (0..self.width).step_by(2).flat_map(pair).collect()
    }

    fn paint_block(&mut self, number: u64, look: &Look) {
        let side = self.height / 10;
        let way = (self.width - side) as u64;
        let x = (number % CROSSING_FRAMES * way / (CROSSING_FRAMES - 1)) as usize;
        self.fill([x, self.height * 82 / 100], [side, side], look.grade(WHITE));
    }

    fn paint_counter(&mut self, number: u64, look: &Look) {
        let dot = (self.height / 80).max(2);
        let [across, down] = DIGIT_DOTS;
        let origin = [4 * dot, 4 * dot];
        let plate = [(COUNTER_DIGITS * (across + 1) + 1) * dot, (down + 2) * dot];
        self.fill(origin, plate, look.grade(BLACK));
        let white = look.grade(WHITE);
        let text = format!("{:0COUNTER_DIGITS$}", number % 10u64.pow(COUNTER_DIGITS as u32));
        for (place, digit) in text.bytes().enumerate() {
            let left = origin[0] + (1 + place * (across + 1)) * dot;
            for (x, y) in dots(digit) {
                self.fill([left + x * dot, origin[1] + (1 + y) * dot], [dot, dot], white);
            }
        }
    }

    /// Fills a rectangle, its left edge moved to where a pair of pixels begins.
    fn fill(&mut self, [x, y]: [usize; 2], [width, height]: [usize; 2], [luma, cb, cr]: Colour) {
        let (start, end) = (x / 2 * 4, ((x + width) / 2 * 4).min(2 * self.width));
        for row in self.pixels.chunks_exact_mut(2 * self.width).skip(y).take(height) {
            row[start..end].chunks_exact_mut(4).for_each(|pair| pair.copy_from_slice(&[luma, cb, luma, cr]));
        }
    }
}

/// Where a digit, in ASCII, has its dots.
fn dots(digit: u8) -> impl Iterator<Item = (usize, usize)> {
    let [across, down] = DIGIT_DOTS;
    let rows = DIGITS[usize::from(digit - b'0')];
    let all = (0..down).flat_map(move |y| (0..across).map(move |x| (x, y)));
    all.filter(move |&(x, y)| rows[y] >> (across - 1 - x) & 1 == 1)
}

/// The mean of the colours around a place.
fn smeared(colours: &[Colour], x: usize, blur: usize) -> Colour {
    let around = &colours[x.saturating_sub(blur)..colours.len().min(x + blur + 1)];
    let mean = |channel: usize| {
        let sum: usize = around.iter().map(|colour| usize::from(colour[channel])).sum();
        (sum / around.len()) as u8
    };
    [mean(0), mean(1), mean(2)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controls::tests::set;
    use crate::model::FORMATS;

    const SIZE: &FrameSize = &FORMATS[0].sizes[1];

    fn picture(number: u64, controls: &Controls) -> Vec<u8> {
        Scene::new(SIZE).take(number, controls, Coding::Yuyv).expect("nothing can fail")
    }

    fn with(values: &[(Id, i32)]) -> Controls {
        let mut controls = Controls::default();
        values.iter().for_each(|&(id, value)| set(&mut controls, id, value).expect("it is allowed"));
        controls
    }

    fn mean(picture: &[u8], channel: usize) -> f32 {
        let samples = picture.chunks_exact(4).map(|pair| f32::from(pair[channel]));
        samples.sum::<f32>() / (picture.len() / 4) as f32
    }

    #[test]
    fn pictures_fill_their_size_and_differ_from_one_to_the_next() {
        let controls = Controls::default();
        for size in FORMATS.iter().flat_map(|format| format.sizes) {
            let mut scene = Scene::new(size);
            let mut take = |number| scene.take(number, &controls, Coding::Yuyv).expect("nothing can fail");
            let pictures = [take(0), take(1), take(0)];
            assert_eq!(pictures[0].len(), size.bytes_max() as usize);
            assert_ne!(pictures[0], pictures[1]);
            assert_eq!(pictures[0], pictures[2]);
        }
    }

    #[test]
    fn the_bars_have_their_colours() {
        let picture = picture(0, &Controls::default());
        let row = &picture[100 * 640..][..640];
        let middles = (0..8).map(|bar| &row[bar * 80 + 40..][..4]);
        let expected = BARS.map(|[luma, cb, cr]| [luma, cb, luma, cr]);
        assert!(middles.eq(expected.iter().map(|pair| &pair[..])));
    }

    #[test]
    fn light_makes_the_picture_brighter() {
        let usual = mean(&picture(0, &Controls::default()), 0);
        let luma = |values: &[(Id, i32)]| mean(&picture(0, &with(values)), 0);
        assert!(luma(&[(Id::Brightness, 20)]) > usual + 10.0);
        assert!(luma(&[(Id::Gain, 32)]) > usual + 20.0);
        assert!(luma(&[(Id::ExposureMode, 1), (Id::Exposure, 20)]) < usual - 40.0);
    }

    #[test]
    fn colours_follow_saturation_and_white_balance() {
        let grey = picture(0, &with(&[(Id::Saturation, 0)]));
        assert!(grey.chunks_exact(4).all(|pair| (pair[1], pair[3]) == (128, 128)));
        let warm = picture(0, &with(&[(Id::WhiteBalanceAuto, 0), (Id::WhiteBalance, 6500)]));
        let usual = picture(0, &Controls::default());
        assert!(mean(&warm, 3) > mean(&usual, 3) + 10.0 && mean(&warm, 1) < mean(&usual, 1) - 10.0);
    }

    #[test]
    fn a_lens_out_of_focus_smears_the_edges() {
        let steepest = |controls: &Controls| {
            let picture = picture(0, controls);
            let row = &picture[100 * 640..][..640];
            let lumas: Vec<_> = row.chunks_exact(2).map(|pixel| pixel[0]).collect();
            lumas.windows(2).map(|two| two[0].abs_diff(two[1])).max().expect("there are pixels")
        };
        let blurred = with(&[(Id::FocusAuto, 0), (Id::Focus, 100)]);
        assert!(steepest(&blurred) * 4 < steepest(&Controls::default()));
    }

    #[test]
    fn compressed_pictures_are_jpegs_that_fit() {
        for size in FORMATS[1].sizes {
            let jpeg = Scene::new(size).take(7, &Controls::default(), Coding::Mjpeg).expect("it is coded");
            assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]));
            assert!(jpeg.len() < size.bytes_max() as usize / 4, "{}", jpeg.len());
        }
    }
}
