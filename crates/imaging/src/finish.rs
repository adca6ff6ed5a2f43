//! What one output does with the picture: scale, matrix and curve, sharpen, smooth chroma, encode.

use std::ops::Range;

use crate::chroma::ChromaDenoiser;
use crate::encode::{Encoder, Planes};
use crate::mosaic::{ColourRow, Ring};
use crate::parameters::{IspParameters, Sharpen};
use crate::scale::{Axis, ScaleRow};
use crate::sharpen::{SharpenRow, TonedRow};
use crate::simd::Level;
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

/// The last step before the encoder, whose rows that takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Tone,
    Sharpen,
    Chroma,
}

/// One output's state.
#[derive(Clone, Debug)]
pub(crate) struct Finisher {
    level: Level,
    source: Source,
    columns: Axis,
    rows: Axis,
    /// Rows to be written, rows to be sharpened for that, rows to be made for that, and the next
    /// of them.
    band: Range<usize>,
    sharp: Range<usize>,
    made: Range<usize>,
    next: usize,
    sharpen: Sharpen,
    last: Last,
    /// What keeps rows to smooth chroma, from the first frame on that wants it.
    chroma: Option<Box<ChromaDenoiser>>,
    mixed: Vec<f32>,
    toned: Ring<TonedRow>,
    sharpened: Ring<ColourRow>,
    encoder: Encoder,
}

impl Finisher {
    pub(crate) fn new(
        level: Level,
        source: Source,
        (width, height): (usize, usize),
        encoder: Encoder,
    ) -> Self {
        Self {
            level,
            source,
            columns: Axis::new(source.width, width),
            rows: Axis::new(source.height, height),
            band: 0..0,
            sharp: 0..0,
            made: 0..0,
            next: 0,
            sharpen: Sharpen::OFF,
            last: Last::Tone,
            chroma: None,
            mixed: vec![0.0; source.delivered],
            toned: Ring::new(TonedRow::new(width), 3),
            sharpened: Ring::new(ColourRow::new(width.div_ceil(2)), 2),
            encoder,
        }
    }

    /// Whether it shows the picture as it is delivered, pixel by pixel.
    pub(crate) fn is_direct(&self) -> bool {
        self.source.skip == 0
            && self.columns.len() == self.source.width
            && self.rows.len() == self.source.height
    }

    /// Rows of the demosaiced picture that it needs at once.
    pub(crate) fn rows_at_once(&self) -> usize {
        self.rows.taps()
    }

    /// The `part`th of `count` parts of its rows: whole rows of chroma.
    pub(crate) fn part(&self, part: usize, count: usize) -> Range<usize> {
        let at_once = self.encoder.rows_at_once();
        let groups = self.rows.len() / at_once;
        part * groups / count * at_once..(part + 1) * groups / count * at_once
    }

    /// Cuts off the rows of an output's planes before `y`.
    pub(crate) fn split_before<'a>(&self, planes: &mut Planes<'a>, y: usize) -> Planes<'a> {
        planes.split_before(self.encoder.shapes(), self.rows.len(), y)
    }

    /// All planes of an output's buffer.
    pub(crate) fn planes<'a>(&self, bytes: &'a mut [u8]) -> Planes<'a> {
        Planes::whole(self.encoder.shapes(), bytes)
    }

    /// Begins a band of rows. Says which rows of the source it needs. The first that smooths
    /// chroma allocates.
    pub(crate) fn begin(&mut self, band: Range<usize>, parameters: &IspParameters) -> Range<usize> {
        self.sharpen = parameters.sharpen;
        let sharpens = self.sharpen.strength > 0.0;
        self.last = match parameters.chroma_denoise > 0.0 && !band.is_empty() {
            true => Last::Chroma,
            false if sharpens => Last::Sharpen,
            false => Last::Tone,
        };
        self.sharp = match self.last {
            Last::Chroma => self.chroma_denoiser().begin(&band, parameters.chroma_denoise),
            _ => band.clone(),
        };
        let beyond = usize::from(sharpens);
        self.made = self.sharp.start.saturating_sub(beyond)..(self.sharp.end + beyond).min(self.rows.len());
        self.next = self.made.start;
        let needed = match band.is_empty() {
            true => 0..0,
            false => self.rows.first(self.made.start)..self.rows.last(self.made.end - 1) + 1,
        };
        self.band = band;
        needed
    }

    fn chroma_denoiser(&mut self) -> &mut ChromaDenoiser {
        let size = (self.columns.len(), self.rows.len());
        let make = || Box::new(ChromaDenoiser::new(self.level, size, self.encoder.luma_shares()));
        self.chroma.get_or_insert_with(make)
    }

    /// Takes row `row` of the source, if it is needed, from `make`, which has mixed its colours.
    pub(crate) fn take(
        &mut self,
        row: usize,
        make: impl FnOnce(&mut ColourRow),
        tone: &Tone,
        out: &mut Planes<'_>,
    ) {
        if row == self.next && self.made.contains(&row) {
            let place = self.place();
            make(&mut self.toned.row_mut(place).rgb);
            self.emit(tone, out);
        }
    }

    /// Where the next row is made: always in the same place where nobody looks back at it, so that
    /// it stays in the nearest cache.
    fn place(&self) -> usize {
        if self.last == Last::Tone { 0 } else { self.next }
    }

    /// Makes all rows that need nothing after `row`, the latest in the ring.
    pub(crate) fn advance(
        &mut self,
        source: &Ring<ColourRow>,
        row: usize,
        tone: &Tone,
        out: &mut Planes<'_>,
    ) {
        while self.next < self.made.end && self.rows.last(self.next) <= row {
            let place = self.place();
            let toned = &mut self.toned.row_mut(place).rgb;
            self.level.run(ScaleRow {
                columns: &self.columns,
                rows: &self.rows,
                source,
                skip: self.source.skip,
                y: self.next,
                mixed: &mut self.mixed,
                out: toned,
            });
            tone.mix_row(self.columns.len().div_ceil(2), toned);
            self.emit(tone, out);
        }
    }

    /// Goes on with the next row, whose colours are mixed now.
    fn emit(&mut self, tone: &Tone, out: &mut Planes<'_>) {
        let (y, place, cells) = (self.next, self.place(), self.columns.len().div_ceil(2));
        self.next += 1;
        let row = &mut self.toned.row_mut(place).rgb;
        if self.last == Last::Tone {
            let curve = tone.bend_later(cells, row);
            self.encoder.write(y, row, curve, out);
            return;
        }
        tone.bend(cells, row);
        if self.sharpen.strength <= 0.0 {
            self.smooth(y, out);
            return;
        }
        self.toned.row_mut(y).measure_luma(self.level);
        // Sharpening runs one row behind, for it looks at the row below.
        if y > self.made.start {
            self.sharpen_row(y - 1, y, out);
        }
        if y + 1 == self.rows.len() {
            self.sharpen_row(y, y, out);
        }
    }

    fn sharpen_row(&mut self, y: usize, below: usize, out: &mut Planes<'_>) {
        if self.sharp.contains(&y) {
            let rows = [y.saturating_sub(1), y, below].map(|y| self.toned.row(y));
            let sharpen = self.sharpen;
            self.level.run(SharpenRow { rows, sharpen, out: self.sharpened.row_mut(y) });
            match self.last {
                Last::Chroma => self.smooth(y, out),
                _ => self.write(y, out),
            }
        }
    }

    /// Goes on with a row that is as sharp as it gets.
    fn smooth(&mut self, y: usize, out: &mut Planes<'_>) {
        let row = match self.sharpen.strength > 0.0 {
            true => self.sharpened.row(y),
            false => &self.toned.row(y).rgb,
        };
        if let Some(chroma) = &mut self.chroma {
            chroma.take(y, row);
        }
        while let Some(rows) = self.chroma.as_mut().and_then(|chroma| chroma.smooth_next(y)) {
            for y in rows {
                if self.band.contains(&y) {
                    self.write(y, out);
                }
            }
        }
    }

    fn write(&mut self, y: usize, out: &mut Planes<'_>) {
        let row = match (self.last, &self.chroma) {
            (Last::Chroma, Some(chroma)) => chroma.row(y),
            (Last::Sharpen, _) => self.sharpened.row(y),
            _ => &self.toned.row(y).rgb,
        };
        self.encoder.write(y, row, None, out);
    }
}
