//! What the simulated sensor looks at, and the frames it makes of it.
//!
//! A scene is a picture in linear light with parts that move, under a light that may change.
//! A [`Renderer`] turns it into the mosaic that one sensor in one mode would send. Knows
//! nothing of device nodes, buffers or clocks.

mod light;
mod renderer;

pub use light::{Light, LightSchedule};
pub use renderer::{FrameSettings, Renderer};

/// What there is to see, and the light on it.
#[derive(Clone, Debug)]
pub struct Scene {
    light: LightSchedule,
}

impl Scene {
    /// The built-in still life: a desk with a colour chart, test cards, a clock whose hand
    /// turns, a bouncing ball and the frame's number.
    pub fn desk() -> Self {
        Self { light: LightSchedule::Constant(Light::DAYLIT_ROOM) }
    }

    /// The same scene under another light.
    #[must_use]
    pub fn with_light(mut self, light: LightSchedule) -> Self {
        self.light = light;
        self
    }

    /// How the light changes.
    pub fn light(&self) -> &LightSchedule {
        &self.light
    }
}
