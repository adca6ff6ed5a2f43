//! A node at the end of a media graph, as the plain camera that it is once everything before it
//! is set up: in one size, and in the mosaics that its sensor sends.

use pinhole::colour::ColourSpace;
use pinhole::device::{
    ControlCode, ControlDescription, ControlWrite, Controls, Dequeued, ExportedBuffer, FrameSizes,
    ImageFormat, MediaBusFormat, NodeCapabilities, NodeEvent, NodeFormat, NodeKind, PollSource, Provider,
    QueueBuffer, SubDevice, VideoNode,
};
use pinhole::format::{FourCc, PixelFormat};
use pinhole::geometry::{ImagePixels, ModePixels, Rect, Size};
use pinhole::{Error, ErrorKind, Result};

/// What is asked of sensors, which answer with the nearest that they have.
const WANTED: Size<ModePixels> = Size::new(320, 240);

fn code_of(format: PixelFormat) -> Option<u32> {
    format.raw()?.media_bus_code()
}

/// A sub-device that frames pass.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// Its path.
    pub(super) path: String,
    /// The pad by which they come in; `None` for a sensor.
    pub(super) sink: Option<u32>,
    /// The pad by which they leave; `None` where they go elsewhere than to the node.
    pub(super) source: Option<u32>,
}

/// What is before a node.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    /// From the sensor to the node, without it.
    pub(super) steps: Vec<Step>,
    /// What else the sensor feeds: drivers insist that all of it agrees.
    pub(super) beside: Vec<Step>,
}

impl Chain {
    /// The node, with what is before it; the node alone if it is not for pictures.
    ///
    /// # Errors
    /// What is before it does not hand on what the sensor sends, or a device refuses.
    pub(super) fn open(
        &self,
        provider: &mut dyn Provider,
        node: Box<dyn VideoNode>,
    ) -> Result<Box<dyn VideoNode>> {
        let capabilities = NodeCapabilities { media_centric: false, ..node.capabilities().clone() };
        if capabilities.kind != NodeKind::VideoCapture {
            return Ok(node);
        }
        let steps = self.steps.iter().chain(&self.beside);
        let opened = steps.map(|step| Ok((step.clone(), provider.sub_device(&step.path)?)));
        let mut chained = Chained {
            node,
            way: opened.collect::<Result<_>>()?,
            codes: Vec::new(),
            size: WANTED,
            capabilities,
        };
        chained.look()?;
        Ok(Box::new(chained))
    }
}

struct Chained {
    node: Box<dyn VideoNode>,
    /// The sensor first.
    way: Vec<(Step, Box<dyn SubDevice>)>,
    /// The mosaics' codes that the sensor can send.
    codes: Vec<u32>,
    size: Size<ModePixels>,
    capabilities: NodeCapabilities,
}

impl Chained {
    /// Finds out what the sensor can send, and whether it arrives.
    fn look(&mut self) -> Result<()> {
        let (step, sensor) = &mut self.way[0];
        let codes = sensor.media_bus_codes(step.source.unwrap_or(0))?;
        let is_mosaic = |code: &u32| pinhole::format::RawFormat::from_media_bus_code(*code).is_some();
        self.codes = codes.into_iter().filter(is_mosaic).collect();
        let Some(code) = self.codes.first().copied() else { return Err(self.sends_no_mosaic()) };
        self.size = self.set_way(code)?.size;
        Ok(())
    }

    /// Sets everything before the node to a code; answers what arrives at the node.
    fn set_way(&mut self, code: u32) -> Result<MediaBusFormat> {
        let mut arrives = MediaBusFormat { code, size: self.size };
        let mut sent = arrives;
        for (step, device) in &mut self.way {
            match (step.sink, step.source) {
                (None, source) => {
                    sent = device.set_format(source.unwrap_or(0), arrives)?;
                    arrives = sent;
                }
                (Some(sink), Some(source)) => {
                    device.set_format(sink, arrives)?;
                    arrives = device.format(source)?;
                }
                (Some(sink), None) => drop(device.set_format(sink, sent)?),
            }
        }
        if arrives == (MediaBusFormat { code, size: sent.size }) {
            Ok(arrives)
        } else {
            Err(self.sends_no_mosaic())
        }
    }

    fn sends_no_mosaic(&self) -> Error {
        Error::new(ErrorKind::Unsupported, "setting up what is before a node")
            .at(self.capabilities.name.clone())
            .because("no mosaic of a sensor arrives there")
    }

    /// Whether the sensor sends it and the node keeps it. (Linux 6.12's unicam lists unpacked
    /// mosaics, and refuses them.)
    fn sends(&mut self, fourcc: FourCc) -> bool {
        let Some(format) = PixelFormat::from_v4l2(fourcc) else { return false };
        let size = image_size(self.size);
        let colour = ColourSpace::RAW;
        let wanted = ImageFormat { format, size, stride_bytes: 0, size_bytes: 0, colour };
        let made = self.node.try_format(NodeFormat::Image(wanted)).ok().and_then(NodeFormat::image);
        code_of(format).is_some_and(|code| self.codes.contains(&code))
            && made.is_some_and(|made| (made.format, made.size) == (format, size))
    }
}

/// What the node writes is what the sensor sends.
const fn image_size(size: Size<ModePixels>) -> Size<ImagePixels> {
    Size::new(size.width, size.height)
}

impl Controls for Chained {
    fn query_controls(&mut self) -> Result<Vec<ControlDescription>> {
        self.node.query_controls()
    }

    fn control(&mut self, code: ControlCode) -> Result<i64> {
        self.node.control(code)
    }

    fn set_controls(&mut self, writes: &[ControlWrite<'_>]) -> Result<()> {
        self.node.set_controls(writes)
    }
}

impl VideoNode for Chained {
    fn capabilities(&self) -> &NodeCapabilities {
        &self.capabilities
    }

    fn formats(&mut self) -> Result<Vec<FourCc>> {
        let formats = self.node.formats()?;
        Ok(formats.into_iter().filter(|format| self.sends(*format)).collect())
    }

    fn frame_sizes(&mut self, _format: FourCc) -> Result<Vec<FrameSizes>> {
        Ok(vec![FrameSizes::Discrete(image_size(self.size))])
    }

    fn format(&mut self) -> Result<NodeFormat> {
        self.node.format()
    }

    fn try_format(&mut self, format: NodeFormat) -> Result<NodeFormat> {
        self.node.try_format(format)
    }

    fn set_format(&mut self, format: NodeFormat) -> Result<NodeFormat> {
        let set = self.node.set_format(format)?;
        if let Some(code) = set.image().and_then(|image| code_of(image.format)) {
            self.set_way(code)?;
        }
        Ok(set)
    }

    fn set_crop(&mut self, crop: Rect<ModePixels>) -> Result<Rect<ModePixels>> {
        self.node.set_crop(crop)
    }

    fn allocate(&mut self, count: u32) -> Result<u32> {
        self.node.allocate(count)
    }

    fn export(&mut self, slot: u32) -> Result<ExportedBuffer> {
        self.node.export(slot)
    }

    fn import(&mut self, count: u32) -> Result<u32> {
        self.node.import(count)
    }

    fn free(&mut self) -> Result<()> {
        self.node.free()
    }

    fn queue(&mut self, buffer: &QueueBuffer<'_>) -> Result<()> {
        self.node.queue(buffer)
    }

    fn dequeue(&mut self) -> Result<Option<Dequeued>> {
        self.node.dequeue()
    }

    fn stream_on(&mut self) -> Result<()> {
        self.node.stream_on()
    }

    fn stream_off(&mut self) -> Result<()> {
        self.node.stream_off()
    }

    fn subscribe_frame_start(&mut self, wanted: bool) -> Result<()> {
        self.node.subscribe_frame_start(wanted)
    }

    fn dequeue_event(&mut self) -> Result<Option<NodeEvent>> {
        self.node.dequeue_event()
    }

    fn poll_source(&self) -> PollSource<'_> {
        self.node.poll_source()
    }
}
