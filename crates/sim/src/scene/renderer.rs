//! From a scene to a sensor's frame.

use std::time::Duration;

use pinhole_base::format::RawFormat;
use pinhole_base::geometry::Transform;
use pinhole_base::{Error, ErrorKind, Result};

use super::Scene;
use crate::model::{SensorMode, SensorModel};

/// How one frame is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameSettings {
    /// How long light is gathered.
    pub exposure: Duration,
    /// The amplification before the converter, 1 or more.
    pub analogue_gain: f64,
    /// The amplification after the converter, 1 or more.
    pub digital_gain: f64,
    /// The mirroring that the sensor does.
    pub transform: Transform,
    /// The number that the frame counter in the scene shows.
    pub sequence: u32,
    /// Time since the start of the scene; moves its parts and its light.
    pub time: Duration,
    /// Frames with equal seeds and settings are equal to the last bit.
    pub seed: u64,
}

/// Renders a scene as one sensor in one mode sees it.
pub struct Renderer {
    scene: Scene,
    model: &'static SensorModel,
    mode: SensorMode,
}

impl Renderer {
    /// Prepares the parts of the scene that stand still.
    pub fn new(model: &'static SensorModel, mode: &SensorMode, scene: &Scene) -> Self {
        Self { scene: scene.clone(), model, mode: *mode }
    }

    /// Renders a frame into `out`, row after row at `stride_bytes`. The mosaic's order must be
    /// the sensor's order after the transform.
    pub fn render(
        &mut self,
        settings: &FrameSettings,
        format: RawFormat,
        stride_bytes: usize,
        out: &mut [u8],
    ) -> Result<()> {
        let _ = (&self.scene, self.model, self.mode, settings, format, stride_bytes, out);
        Err(Error::new(ErrorKind::Unsupported, "rendering a frame"))
    }
}
