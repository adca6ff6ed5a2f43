//! The ISP's arithmetic: what it makes of the bytes of a frame, and its statistics as the hardware
//! lays them out. Knows nothing of buffers, queues or time, nor where frames come from.

use crate::statistics;
use pinhole_base::geometry::{ModePixels, Rect};
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_device::ImageFormat;
use pinhole_device::uapi::bcm2835_isp;
use pinhole_imaging::{self as imaging, Isp, IspConfiguration, IspParameters, OutputFormat};
use zerocopy::FromZeros;

/// Processes the frames of one camera. What that needs is kept while modes and formats stay the same.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    isp: Option<Isp>,
    measured: Box<imaging::Statistics>,
}

impl Engine {
    /// Processes a frame. An output whose buffer is `None` is left out, and so are statistics.
    ///
    /// # Errors
    /// As [`Isp::new`] and [`Isp::process`]. Nothing is written then.
    pub(crate) fn process(
        &mut self,
        configuration: &IspConfiguration,
        parameters: &IspParameters,
        raw: &[u8],
        outputs: &mut [Option<&mut [u8]>; 2],
        statistics: Option<&mut bcm2835_isp::Statistics>,
    ) -> Result<()> {
        let isp = match self.isp.take() {
            Some(isp) if isp.configuration() == configuration => isp,
            _ => Isp::new(configuration)?,
        };
        let isp = self.isp.insert(isp);
        self.measured.clear();
        let measured = statistics.is_some().then_some(&mut *self.measured);
        isp.process(raw, parameters, outputs, measured)?;
        if let Some(statistics) = statistics {
            statistics::convert(&self.measured, statistics);
        }
        Ok(())
    }
}

/// The shapes of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunShape {
    pub(crate) input: ImageFormat,
    pub(crate) crop: Rect<ModePixels>,
    /// Of those outputs that have a buffer.
    pub(crate) outputs: [Option<ImageFormat>; 2],
    pub(crate) has_statistics: bool,
}

impl RunShape {
    fn configuration(&self) -> Result<IspConfiguration> {
        let raw = self.input.format.raw().ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, "processing a frame").because("the input is no mosaic")
        })?;
        let output = |format: ImageFormat| OutputFormat {
            format: format.format,
            size: format.size,
            stride_bytes: format.stride_bytes,
            colour_space: format.colour,
        };
        Ok(IspConfiguration {
            input: raw,
            // The input is the frame that the sensor sent.
            size: self.input.size.cast(),
            stride_bytes: self.input.stride_bytes,
            crop: self.crop,
            outputs: self.outputs.map(|format| format.map(output)),
        })
    }
}

/// Memory for what a run makes, where buffers cannot be written into directly.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) outputs: [Vec<u8>; 2],
    pub(crate) statistics: Box<bcm2835_isp::Statistics>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let statistics = Box::new(bcm2835_isp::Statistics::new_zeroed());
        Self { outputs: Default::default(), statistics }
    }

    /// Processes a frame into this. Outputs that the run has not got are left as they are, and so
    /// are statistics.
    ///
    /// # Errors
    /// As [`Engine::process`], and where the input is no mosaic.
    pub(crate) fn fill(
        &mut self,
        engine: &mut Engine,
        shape: &RunShape,
        parameters: &IspParameters,
        raw: &[u8],
    ) -> Result<()> {
        let configuration = shape.configuration()?;
        let mut outputs = [None, None];
        for ((output, scratch), format) in outputs.iter_mut().zip(&mut self.outputs).zip(shape.outputs) {
            if let Some(format) = format {
                scratch.resize(format.size_bytes as usize, 0);
                *output = Some(&mut scratch[..]);
            }
        }
        let statistics = shape.has_statistics.then_some(&mut *self.statistics);
        engine.process(&configuration, parameters, raw, &mut outputs, statistics)
    }
}
