//! The processor: a mosaic in, up to two pictures and the statistics out.

use pinhole_base::colour::ColourSpace;
use pinhole_base::format::{PixelFormat, RawFormat};
use pinhole_base::geometry::{ImagePixels, ModePixels, Rect, Size};
use pinhole_base::{Error, ErrorKind, Result};

use crate::correct::correct_row;
use crate::demosaic::{ColourRow, demosaic_row};
use crate::encode::{Encoder, size_steps};
use crate::finish::{Finisher, Source};
use crate::gather::Gatherer;
use crate::level::Leveller;
use crate::mosaic::{MosaicRow, Ring, Window};
use crate::packing::unpack_row;
use crate::parameters::IspParameters;
use crate::statistics::Statistics;
use crate::tone::Tone;

/// Least and most samples along either side of a mosaic.
const SIDE: std::ops::RangeInclusive<u32> = 8..=32768;
/// Rows that a window reaches up and down.
const REACH: usize = 2;

/// One picture that the processor makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputFormat {
    /// The pixel format: any but raw and compressed ones.
    pub format: PixelFormat,
    /// Its size; even where the format halves chroma.
    pub size: Size<ImagePixels>,
    /// Bytes from row to row of the first plane.
    pub stride_bytes: u32,
    /// How R'G'B' is encoded: the matrix and the range count here.
    pub colour_space: ColourSpace,
}

/// The shapes of what goes in and comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IspConfiguration {
    /// The format of the mosaic.
    pub input: RawFormat,
    /// Its size: even, 8 to 32768 on either side.
    pub size: Size<ModePixels>,
    /// Bytes from row to row of the mosaic.
    pub stride_bytes: u32,
    /// The part of it that the outputs show, each scaled to its own size.
    pub crop: Rect<ModePixels>,
    /// The outputs.
    pub outputs: [Option<OutputFormat>; 2],
}

/// An image signal processor on the CPU. After it is made it allocates nothing.
#[derive(Debug)]
pub struct Isp {
    configuration: IspConfiguration,
    samples: Vec<u16>,
    raw: Ring<MosaicRow>,
    corrected: MosaicRow,
    levelled: Ring<MosaicRow>,
    balanced: Ring<MosaicRow>,
    coloured: Ring<ColourRow>,
    leveller: Leveller,
    gatherer: Gatherer,
    tone: Tone,
    finishers: [Option<Finisher>; 2],
}

impl Isp {
    /// Makes a processor for these shapes.
    ///
    /// # Errors
    /// `InvalidArgument` where sizes, strides or the crop make no sense; `Unsupported` for an
    /// output format that can't be written.
    pub fn new(configuration: &IspConfiguration) -> Result<Self> {
        check_input(configuration)?;
        let size = configuration.size;
        let (cells, height) = (size.width as usize / 2, size.height as usize);
        let order = configuration.input.order;
        let mut isp = Self {
            configuration: *configuration,
            samples: vec![0; size.width as usize],
            raw: Ring::new(MosaicRow::new(cells), 2 * REACH + 1),
            corrected: MosaicRow::new(cells),
            levelled: Ring::new(MosaicRow::new(cells), 2),
            balanced: Ring::new(MosaicRow::new(cells), 2 * REACH + 1),
            coloured: Ring::new(ColourRow::new(0), 1),
            leveller: Leveller::new(order, cells),
            gatherer: Gatherer::new(order, (cells, height / 2)),
            tone: Tone::new(),
            finishers: [None, None],
        };
        isp.set_crop(configuration.crop)?;
        Ok(isp)
    }

    /// The shapes it was made for, with the present crop.
    pub fn configuration(&self) -> &IspConfiguration {
        &self.configuration
    }

    /// Shows another part of the mosaic from the next frame on. Allocates.
    ///
    /// # Errors
    /// `InvalidArgument` where the crop is empty or does not lie inside the frame.
    pub fn set_crop(&mut self, crop: Rect<ModePixels>) -> Result<()> {
        if crop.size().is_empty() || !Rect::from_size(self.configuration.size).contains(crop) {
            let size = self.configuration.size;
            return Err(invalid(format!("the crop {crop} is empty or not inside the frame of {size}")));
        }
        let source = Source {
            skip: crop.x as usize % 2,
            width: crop.width as usize,
            height: crop.height as usize,
            delivered: cells_of(crop).len() * 2,
        };
        let mut finishers = [None, None];
        for (finisher, output) in finishers.iter_mut().zip(&self.configuration.outputs) {
            *finisher = output.as_ref().map(|output| make_finisher(source, output)).transpose()?;
        }
        let rows = finishers.iter().flatten().map(Finisher::rows_at_once).max().unwrap_or(1);
        self.coloured = Ring::new(ColourRow::new(source.delivered / 2), rows);
        self.finishers = finishers;
        self.configuration.crop = crop;
        Ok(())
    }

    /// Processes a frame. An output whose buffer is `None` is left out; without statistics
    /// only the rows that the crop needs are read. The statistics are added to what is there.
    ///
    /// # Errors
    /// `InvalidArgument` where a buffer is too small, belongs to no output, or a parameter is
    /// not a number or of the wrong shape. Nothing is written then.
    pub fn process(
        &mut self,
        raw: &[u8],
        parameters: &IspParameters,
        outputs: &mut [Option<&mut [u8]>; 2],
        mut statistics: Option<&mut Statistics>,
    ) -> Result<()> {
        self.check_buffers(raw, outputs)?;
        parameters.check()?;
        self.tone.update(parameters);
        self.finishers.iter_mut().flatten().for_each(Finisher::restart);
        let rows = self.rows_to_read(outputs, statistics.is_some());
        for step in rows.start..rows.end + 2 * REACH {
            if step < rows.end {
                self.load(raw, step);
            }
            if let Some(y) = step.checked_sub(REACH).filter(|y| rows.contains(y)) {
                self.settle(y, parameters, statistics.as_deref_mut());
            }
            if let Some(y) = step.checked_sub(2 * REACH) {
                self.finish(y, parameters, outputs);
            }
        }
        Ok(())
    }

    fn check_buffers(&self, raw: &[u8], outputs: &[Option<&mut [u8]>; 2]) -> Result<()> {
        let configuration = &self.configuration;
        let input = PixelFormat::Raw(configuration.input);
        let planes = input.planes(configuration.stride_bytes, configuration.size.height);
        check_length("the mosaic", raw.len(), planes.bytes())?;
        for (output, buffer) in configuration.outputs.iter().zip(outputs) {
            match (output, buffer) {
                (Some(output), Some(buffer)) => {
                    let planes = output.format.planes(output.stride_bytes, output.size.height);
                    check_length("an output", buffer.len(), planes.bytes())?;
                }
                (None, Some(_)) => {
                    return Err(invalid("there is a buffer for an output that is not configured".into()));
                }
                (_, None) => {}
            }
        }
        Ok(())
    }

    /// The whole frame for statistics, else the crop and what its windows reach.
    fn rows_to_read(&self, outputs: &[Option<&mut [u8]>; 2], statistics: bool) -> std::ops::Range<usize> {
        let height = self.configuration.size.height as usize;
        let crop = self.configuration.crop;
        match (statistics, outputs.iter().any(Option::is_some)) {
            (true, _) => 0..height,
            (false, false) => 0..0,
            (false, true) => {
                let end = (crop.bottom() as usize + 2 * REACH).min(height);
                (crop.y as usize).saturating_sub(2 * REACH)..end
            }
        }
    }

    fn load(&mut self, raw: &[u8], y: usize) {
        let format = self.configuration.input;
        let row = &raw[y * self.configuration.stride_bytes as usize..];
        unpack_row(format, row, &mut self.samples);
        self.raw.row_mut(y).split(&self.samples, 16 - u32::from(format.bits));
    }

    /// Takes a row from raw samples to balanced ones.
    fn settle(&mut self, y: usize, parameters: &IspParameters, statistics: Option<&mut Statistics>) {
        let height = self.configuration.size.height as usize;
        let source = if parameters.needs_correction() {
            let window = Window::about(&self.raw, y, height);
            correct_row(&window, parameters.defects, parameters.denoise, &mut self.corrected);
            &self.corrected
        } else {
            self.raw.row(y)
        };
        self.leveller.subtract(parameters, y, source, self.levelled.row_mut(y));
        self.leveller.balance(parameters, y, self.levelled.row(y), self.balanced.row_mut(y));
        if let Some(statistics) = statistics.filter(|_| y % 2 == 1) {
            let levelled = [self.levelled.row(y - 1), self.levelled.row(y)];
            let balanced = [self.balanced.row(y - 1), self.balanced.row(y)];
            self.gatherer.add(y / 2, levelled, balanced, statistics);
        }
    }

    /// Takes a row from balanced samples to the outputs.
    fn finish(&mut self, y: usize, parameters: &IspParameters, outputs: &mut [Option<&mut [u8]>; 2]) {
        let crop = self.configuration.crop;
        if (y as i64) < i64::from(crop.y) || y as i64 >= crop.bottom() || outputs.iter().all(Option::is_none)
        {
            return;
        }
        let window = Window::about(&self.balanced, y, self.configuration.size.height as usize);
        let row = y - crop.y as usize;
        let order = self.configuration.input.order;
        demosaic_row(&window, order, y, cells_of(crop).start, self.coloured.row_mut(row));
        for (finisher, out) in self.finishers.iter_mut().zip(outputs) {
            if let (Some(finisher), Some(out)) = (finisher, out) {
                finisher.advance(&self.coloured, row, &self.tone, parameters.sharpen, out);
            }
        }
    }
}

/// The cells that hold the columns of a crop.
fn cells_of(crop: Rect<ModePixels>) -> std::ops::Range<usize> {
    crop.x as usize / 2..(crop.right() as usize).div_ceil(2)
}

fn make_finisher(source: Source, output: &OutputFormat) -> Result<Finisher> {
    let format = output.format;
    let unsupported = || {
        Error::new(ErrorKind::Unsupported, "configuring the image processor")
            .because(format!("{format} can't be made of a mosaic"))
    };
    let (across, down) = size_steps(format).ok_or_else(unsupported)?;
    let size = output.size;
    if size.is_empty() || !size.width.is_multiple_of(across) || !size.height.is_multiple_of(down) {
        return Err(invalid(format!(
            "{format} can't be {size}: its sides must be multiples of {across} and {down}"
        )));
    }
    if format.row_bytes(size.width).is_none_or(|bytes| output.stride_bytes < bytes) {
        return Err(invalid(format!(
            "rows of {format} at {size} are longer than {} bytes",
            output.stride_bytes
        )));
    }
    let encoder = Encoder::new(output).ok_or_else(unsupported)?;
    Ok(Finisher::new(source, (size.width as usize, size.height as usize), encoder))
}

fn check_input(configuration: &IspConfiguration) -> Result<()> {
    let IspConfiguration { input, size, stride_bytes, .. } = configuration;
    if !matches!(input.bits, 8 | 10 | 12 | 14 | 16) {
        return Err(invalid(format!("samples of {} bits are unknown", input.bits)));
    }
    let sides_fit = SIDE.contains(&size.width) && SIDE.contains(&size.height);
    if !sides_fit || size.width % 2 != 0 || size.height % 2 != 0 {
        return Err(invalid(format!("a mosaic of {size} is too small, too large, or odd")));
    }
    if *stride_bytes < input.row_bytes(size.width) {
        return Err(invalid(format!("rows of the mosaic are longer than {stride_bytes} bytes")));
    }
    Ok(())
}

fn check_length(what: &str, have: usize, need: u64) -> Result<()> {
    if (have as u64) < need {
        return Err(invalid(format!("the buffer of {what} has {have} bytes and needs {need}")));
    }
    Ok(())
}

fn invalid(reason: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, "processing a frame").because(reason)
}
