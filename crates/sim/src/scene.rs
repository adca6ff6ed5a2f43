//! What the simulated sensor looks at, and the frames it makes of it.
//!
//! A scene is a picture in linear light with parts that move, under a light that may change.
//! A [`Renderer`] turns it into the mosaic that one sensor in one mode would send. Knows
//! nothing of device nodes, buffers or clocks.

mod card;
mod chart;
mod defocus;
mod landscape;
mod letters;
mod light;
mod moving;
mod noise;
mod objects;
mod paint;
mod pictures;
mod plates;
mod renderer;
mod room;
mod still_life;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pinhole_base::Result;

pub use card::SlantedEdge;
pub use chart::{CHART, ChartPatch, chart_patch_area};
pub use light::{Light, LightSchedule};
pub use plates::SPREAD;
pub use renderer::{FrameSettings, Renderer};

use moving::Moving;
use paint::{Bounds, Layer};
use pictures::Picture;
use plates::Plates;

/// What there is to see, and the light on it. Clones share what was rendered already.
#[derive(Clone, Debug)]
pub struct Scene {
    content: Content,
    light: LightSchedule,
    /// What was painted last, for whoever needs the same again.
    painted: Arc<Mutex<Option<Arc<Plates>>>>,
}

#[derive(Clone, Debug)]
enum Content {
    StillLife,
    Pictures(Arc<[Picture]>),
}

/// How long each of the user's pictures is shown.
const PICTURE_TIME: Duration = Duration::from_secs(3);

impl Scene {
    /// How far away all of it is, in dioptres: half a metre.
    pub const SUBJECT_DIOPTRES: f64 = 2.0;

    /// The built-in still life: a desk with a colour chart, test cards, a clock whose hand
    /// turns, a bouncing ball and the frame's number.
    pub fn desk() -> Self {
        Self::of(Content::StillLife)
    }

    /// The pictures (PNG and JPEG) of a folder, or one picture, in the order of their names,
    /// each for three seconds, over and over.
    ///
    /// # Errors
    /// Where the folder or a picture can't be read, a picture is damaged, or there is none.
    pub fn pictures(path: &Path) -> Result<Self> {
        Ok(Self::of(Content::Pictures(pictures::load(path)?.into())))
    }

    fn of(content: Content) -> Self {
        let light = LightSchedule::Constant(Light::DAYLIT_ROOM);
        Self { content, light, painted: Arc::default() }
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

    /// Which of several still pictures is shown at a time.
    fn still_at(&self, time: Duration) -> usize {
        match &self.content {
            Content::StillLife => 0,
            Content::Pictures(pictures) => {
                (time.as_nanos() / PICTURE_TIME.as_nanos() % pictures.len() as u128) as usize
            }
        }
    }

    /// The layers of a still picture, from back to front.
    fn still_layers(&self, still: usize) -> Vec<Box<dyn Layer + '_>> {
        match &self.content {
            Content::StillLife => still_life::still_parts(),
            Content::Pictures(pictures) => vec![Box::new(&pictures[still])],
        }
    }

    /// The places that moving parts never leave.
    fn moving_zones(&self) -> &'static [Bounds] {
        match self.content {
            Content::StillLife => &moving::ZONES,
            Content::Pictures(_) => &[],
        }
    }

    fn moving_parts(&self, time: Duration, sequence: u32) -> Vec<Moving> {
        match self.content {
            Content::StillLife => moving::moving_parts(time, sequence),
            Content::Pictures(_) => Vec::new(),
        }
    }
}
