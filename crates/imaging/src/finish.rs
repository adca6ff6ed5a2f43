//! What one output does with the demosaiced picture: scale, matrix and curve, sharpen, encode.

use crate::demosaic::ColourRow;
use crate::encode::Encoder;
use crate::mosaic::{Rgb, Ring};
use crate::parameters::Sharpen;
use crate::scale::Axis;
use crate::sharpen::{TonedRow, sharpen_row};
use crate::tone::Tone;

/// The part of the input that an output shows, as the demosaic delivers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    /// Columns between the first one delivered and the first one shown: 0 or 1.
    pub(crate) skip: usize,
    /// Columns shown.
    pub(crate) width: usize,
    /// Rows shown.
    pub(crate) height: usize,
    /// Columns delivered.
    pub(crate) delivered: usize,
}

/// One output's state.
#[derive(Debug)]
pub(crate) struct Finisher {
    source: Source,
    columns: Axis,
    rows: Axis,
    /// The next row to be scaled.
    next: usize,
    mixed: Vec<f32>,
    scaled: Rgb<Vec<f32>>,
    toned: Ring<TonedRow>,
    sharpened: Rgb<Vec<u16>>,
    boost: Vec<f32>,
    encoder: Encoder,
}

impl Finisher {
    pub(crate) fn new(source: Source, (width, height): (usize, usize), encoder: Encoder) -> Self {
        Self {
            source,
            columns: Axis::new(source.width, width),
            rows: Axis::new(source.height, height),
            next: 0,
            mixed: vec![0.0; source.delivered],
            scaled: Rgb([vec![0.0; width], vec![0.0; width], vec![0.0; width]]),
            toned: Ring::new(TonedRow::new(width), 3),
            sharpened: Rgb([vec![0; width], vec![0; width], vec![0; width]]),
            boost: vec![0.0; width],
            encoder,
        }
    }

    /// Rows of the demosaiced picture that it needs at once.
    pub(crate) fn rows_at_once(&self) -> usize {
        self.rows.taps()
    }

    /// Begins a frame.
    pub(crate) fn restart(&mut self) {
        self.next = 0;
    }

    /// Writes all rows that need nothing after `row`, the latest in the ring.
    pub(crate) fn advance(
        &mut self,
        ring: &Ring<ColourRow>,
        row: usize,
        tone: &Tone,
        sharpen: Sharpen,
        out: &mut [u8],
    ) {
        while self.next < self.rows.len() && self.rows.last(self.next) <= row {
            self.scale_row(ring);
            let toned = self.toned.row_mut(self.next);
            tone.apply(&self.scaled, &mut toned.rgb);
            if sharpen.strength > 0.0 {
                toned.measure_luma();
                self.write_sharpened(sharpen, out);
            } else {
                self.encoder.write_row(self.next, &toned.rgb, out);
            }
            self.next += 1;
        }
    }

    fn scale_row(&mut self, ring: &Ring<ColourRow>) {
        let shown = self.source.skip..self.source.skip + self.source.width;
        for (channel, scaled) in self.scaled.iter_mut().enumerate() {
            self.rows.mix_rows(ring, self.next, channel, &mut self.mixed);
            self.columns.resample(&self.mixed[shown.clone()], scaled);
        }
    }

    /// Sharpening runs one row behind, for it looks at the row below.
    fn write_sharpened(&mut self, sharpen: Sharpen, out: &mut [u8]) {
        if self.next > 0 {
            self.write_sharpened_row(self.next - 1, self.next, sharpen, out);
        }
        if self.next + 1 == self.rows.len() {
            self.write_sharpened_row(self.next, self.next, sharpen, out);
        }
    }

    fn write_sharpened_row(&mut self, y: usize, below: usize, sharpen: Sharpen, out: &mut [u8]) {
        let rows = [y.saturating_sub(1), y, below].map(|y| self.toned.row(y));
        sharpen_row(rows, sharpen, &mut self.boost, &mut self.sharpened);
        self.encoder.write_row(y, &self.sharpened, out);
    }
}
