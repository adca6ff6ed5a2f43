//! What one thread does of a frame: a band of each output's rows, and a band of rows of cells
//! for the statistics, with rows of samples kept no longer than their neighbours need them.

use std::ops::Range;

use pinhole_base::Result;
use pinhole_base::format::BayerOrder;

use crate::correct::CorrectRow;
use crate::demosaic::DemosaicRow;
use crate::directional::Directional;
use crate::encode::Planes;
use crate::finish::{Finisher, Source};
use crate::gather::Gatherer;
use crate::isp::{IspConfiguration, make_finisher};
use crate::level::Leveller;
use crate::mosaic::{ColourRow, MosaicRow, Ring, Window};
use crate::parameters::{Demosaic, IspParameters};
use crate::simd::Level;
use crate::statistics::Statistics;
use crate::tone::{Mix, Tone};
use crate::unpack::Splitter;

/// Rows that a window reaches up and down.
const REACH: usize = 2;

/// How many rows of the mosaic are looked at beyond one, before it is settled and after.
#[derive(Clone, Copy)]
struct Reach {
    /// To correct it.
    settle: usize,
    /// To interpolate it.
    finish: usize,
}

/// What all threads look at while a frame is processed.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) raw: &'a [u8],
    pub(crate) parameters: &'a IspParameters,
    pub(crate) tone: &'a Tone,
    /// Which part of how many.
    pub(crate) part: usize,
    pub(crate) parts: usize,
}

/// What one thread writes: its rows of the outputs' planes, and statistics.
pub(crate) struct Share<'a> {
    pub(crate) outputs: [Option<Planes<'a>>; 2],
    pub(crate) statistics: Option<&'a mut Statistics>,
}

/// One thread's state.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    configuration: IspConfiguration,
    level: Level,
    splitter: Splitter,
    raw: Ring<MosaicRow>,
    corrected: MosaicRow,
    levelled: Ring<MosaicRow>,
    balanced: Ring<MosaicRow>,
    coloured: Ring<ColourRow>,
    leveller: Leveller,
    gatherer: Gatherer,
    /// What [`Demosaic::Directional`] keeps, from the first frame on that wants it.
    directional: Option<Box<Directional>>,
    pub(crate) finishers: [Option<Finisher>; 2],
}

impl Worker {
    pub(crate) fn new(level: Level, configuration: &IspConfiguration) -> Result<Self> {
        let size = configuration.size;
        let (cells, height) = (size.width as usize / 2, size.height as usize);
        let order = configuration.input.order;
        let mut worker = Self {
            configuration: *configuration,
            level,
            splitter: Splitter::new(configuration.input),
            raw: Ring::new(MosaicRow::new(cells), 2 * REACH + 1),
            corrected: MosaicRow::new(cells),
            levelled: Ring::new(MosaicRow::new(cells), 2),
            balanced: Ring::new(MosaicRow::new(cells), 2 * REACH + 1),
            coloured: Ring::new(ColourRow::new(0), 1),
            leveller: Leveller::new(level, order, cells),
            gatherer: Gatherer::new(level, order, (cells, height / 2)),
            directional: None,
            finishers: [None, None],
        };
        worker.set_crop(configuration)?;
        Ok(worker)
    }

    /// Takes over another crop, which lies inside the frame.
    pub(crate) fn set_crop(&mut self, configuration: &IspConfiguration) -> Result<()> {
        let crop = configuration.crop;
        let source = Source {
            skip: crop.x as usize % 2,
            width: crop.width as usize,
            height: crop.height as usize,
            delivered: cells_of(configuration).len() * 2,
        };
        let mut finishers = [None, None];
        for (finisher, output) in finishers.iter_mut().zip(&configuration.outputs) {
            *finisher =
                output.as_ref().map(|output| make_finisher(self.level, source, output)).transpose()?;
        }
        let rows = finishers.iter().flatten().map(Finisher::rows_at_once).max().unwrap_or(1);
        self.coloured = Ring::new(ColourRow::new(source.delivered / 2), rows);
        self.finishers = finishers;
        self.configuration = *configuration;
        Ok(())
    }

    /// Processes a part of a frame. What it writes has been checked.
    pub(crate) fn process(&mut self, frame: &Frame<'_>, share: &mut Share<'_>) {
        self.leveller.restart(frame.parameters);
        let shown = self.begin(frame, &share.outputs);
        let counted = share.statistics.as_ref().map_or(0..0, |_| self.rows_counted(frame));
        let reach = self.prepare(frame.parameters);
        let rows = self.rows_to_read(&shown, &counted, reach);
        for step in rows.start..rows.end + reach.settle + reach.finish {
            if step < rows.end {
                self.load(frame.raw, step, reach);
            }
            if let Some(y) = step.checked_sub(reach.settle).filter(|y| rows.contains(y)) {
                self.settle(y, frame.parameters);
                if let Some(statistics) = share.statistics.as_deref_mut().filter(|_| counted.contains(&y)) {
                    self.count(y, statistics);
                }
            }
            if reach.finish == Directional::LAG && step >= rows.start + reach.settle {
                self.look_along_edges(step - reach.settle, &rows, self.row(frame.raw, step + 1));
            }
            if let Some(y) = step.checked_sub(reach.settle + reach.finish).filter(|y| shown.contains(y)) {
                self.finish(y, self.row(frame.raw, step + 1), frame, &mut share.outputs);
            }
        }
        if let Some(statistics) = share.statistics.as_deref_mut()
            && !counted.is_empty()
        {
            self.gatherer.finish((counted.end - 1) / 2, frame.parameters, statistics);
        }
    }

    /// Gets ready to correct and interpolate as the frame wants it.
    fn prepare(&mut self, parameters: &IspParameters) -> Reach {
        let settle = if parameters.needs_correction() { REACH } else { 0 };
        if !self.is_directional(parameters) {
            return Reach { settle, finish: REACH };
        }
        let IspConfiguration { input, size, .. } = self.configuration;
        let order = input.order.unwrap_or(BayerOrder::Rggb);
        let (cells, height) = (size.width as usize / 2, size.height as usize);
        let make = || Box::new(Directional::new(self.level, order, cells, height));
        self.directional.get_or_insert_with(make);
        Reach { settle, finish: Directional::LAG }
    }

    fn is_directional(&self, parameters: &IspParameters) -> bool {
        parameters.demosaic == Demosaic::Directional && self.configuration.input.order.is_some()
    }

    /// Begins each output's band. Says which rows of the frame they show together.
    fn begin(&mut self, frame: &Frame<'_>, outputs: &[Option<Planes<'_>>; 2]) -> Range<usize> {
        let top = self.configuration.crop.y as usize;
        let mut shown: Option<Range<usize>> = None;
        for (finisher, output) in self.finishers.iter_mut().zip(outputs) {
            if let (Some(finisher), Some(_)) = (finisher, output) {
                let needed = finisher.begin(finisher.part(frame.part, frame.parts), frame.parameters);
                let needed = needed.start + top..needed.end + top;
                if !needed.is_empty() {
                    let so_far = shown.get_or_insert(needed.clone());
                    *so_far = so_far.start.min(needed.start)..so_far.end.max(needed.end);
                }
            }
        }
        shown.unwrap_or(0..0)
    }

    fn rows_counted(&self, frame: &Frame<'_>) -> Range<usize> {
        let cells = self.configuration.size.height as usize / 2;
        2 * (frame.part * cells / frame.parts)..2 * ((frame.part + 1) * cells / frame.parts)
    }

    /// The rows that are shown, with what is looked at for them, and those that are counted, with
    /// what their correction looks at.
    fn rows_to_read(&self, shown: &Range<usize>, counted: &Range<usize>, reach: Reach) -> Range<usize> {
        let height = self.configuration.size.height as usize;
        let wider =
            |rows: &Range<usize>, by: usize| rows.start.saturating_sub(by)..(rows.end + by).min(height);
        let (to_show, to_count) = (reach.settle + reach.finish, reach.settle);
        match (shown.is_empty(), counted.is_empty()) {
            (true, true) => 0..0,
            (false, true) => wider(shown, to_show),
            (true, false) => wider(counted, to_count),
            (false, false) => {
                let (shown, counted) = (wider(shown, to_show), wider(counted, to_count));
                shown.start.min(counted.start)..shown.end.max(counted.end)
            }
        }
    }

    /// Row `y` as it came, if there is one.
    fn row<'a>(&self, raw: &'a [u8], y: usize) -> &'a [u8] {
        let IspConfiguration { input, size, stride_bytes, .. } = self.configuration;
        let row = raw.get(y * stride_bytes as usize..).unwrap_or_default();
        &row[..row.len().min(input.row_bytes(size.width) as usize)]
    }

    /// Takes apart row `y`. What nobody looks back at is always kept in the same place, which stays
    /// in the nearest cache.
    fn load(&mut self, raw: &[u8], y: usize, reach: Reach) {
        let row = self.row(raw, y);
        let samples = self.raw.row_mut(if reach.settle == 0 { 0 } else { y });
        self.splitter.split(self.level, row, samples.roomy_mut());
        samples.mirror_ends();
    }

    /// Takes a row from raw samples to balanced ones.
    fn settle(&mut self, y: usize, parameters: &IspParameters) {
        let height = self.configuration.size.height as usize;
        let source = if parameters.needs_correction() {
            let window = Window::about(&self.raw, y, height);
            let order = self.configuration.input.order;
            self.level.run(CorrectRow::new(parameters, order, y, window, &mut self.corrected));
            &self.corrected
        } else {
            self.raw.row(0)
        };
        let (levelled, balanced) = (self.levelled.row_mut(y), self.balanced.row_mut(y));
        self.leveller.level(parameters, y, source, levelled, balanced);
    }

    /// Adds a row of cells to the statistics, if row `y` is its second one.
    fn count(&mut self, y: usize, statistics: &mut Statistics) {
        if y % 2 == 1 {
            let levelled = [self.levelled.row(y - 1), self.levelled.row(y)];
            self.gatherer.add(y / 2, levelled, statistics);
        }
    }

    /// Gives balanced row `y`, or what comes after the last, to [`Demosaic::Directional`].
    fn look_along_edges(&mut self, y: usize, rows: &Range<usize>, ahead: &[u8]) {
        if let Some(directional) = &mut self.directional {
            directional.take(y, rows.contains(&y).then(|| self.balanced.row(y)), ahead);
        }
    }

    /// Takes a row from balanced samples to the outputs; meanwhile, fetches what will be read next.
    fn finish(&mut self, y: usize, ahead: &[u8], frame: &Frame<'_>, outputs: &mut [Option<Planes<'_>>; 2]) {
        let IspConfiguration { input, size, crop, .. } = self.configuration;
        let (row, cells) = (y - crop.y as usize, cells_of(&self.configuration));
        let window = Window::about(&self.balanced, y, size.height as usize);
        let level = self.level;
        let directional = self.directional.as_ref().filter(|_| self.is_directional(frame.parameters));
        let demosaic = |mix: Option<&Mix>, out: &mut ColourRow| {
            let (method, order) = (frame.parameters.demosaic, input.order);
            let (first, cells) = (cells.start, cells.len());
            level.run(DemosaicRow { method, window, order, y, first, cells, mix, ahead, out });
        };
        let mut is_coloured = false;
        for (finisher, out) in self.finishers.iter_mut().zip(outputs) {
            let (Some(finisher), Some(out)) = (finisher, out) else { continue };
            if finisher.is_direct() {
                let make = |mixed: &mut ColourRow| match directional {
                    Some(directional) => {
                        directional.write(y, cells.clone(), mixed);
                        frame.tone.mix_row(cells.len(), mixed);
                    }
                    None => demosaic(frame.tone.mix(), mixed),
                };
                finisher.take(row, make, frame.tone, out);
                continue;
            }
            if !is_coloured {
                let coloured = self.coloured.row_mut(row);
                match directional {
                    Some(directional) => directional.write(y, cells.clone(), coloured),
                    None => demosaic(None, coloured),
                }
                is_coloured = true;
            }
            finisher.advance(&self.coloured, row, frame.tone, out);
        }
    }
}

/// The cells that hold the columns of the crop.
fn cells_of(configuration: &IspConfiguration) -> Range<usize> {
    let crop = configuration.crop;
    crop.x as usize / 2..(crop.right() as usize).div_ceil(2)
}
