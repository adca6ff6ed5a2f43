//! From a scene to a sensor's frame.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pinhole_base::format::{BayerColour, RawFormat};
use pinhole_base::geometry::Transform;
use pinhole_base::{Error, ErrorKind, Result};
use pinhole_imaging::packing::pack_row;

use super::Scene;
use super::defocus::Blur;
use super::moving::Moving;
use super::noise::normal_row;
use super::paint::Colour;
use super::plates::{BRIGHTEST, Plates, Subject, View, paint_over};
use crate::model::{SensorMode, SensorModel};
use crate::random::Random;

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
    /// Diameter of the disc that a point becomes, as a share of the height of the sensor's active
    /// area; 0 if all is in focus.
    pub defocus: f64,
    /// The number that the frame counter in the scene shows.
    pub sequence: u32,
    /// Time since the start of the scene; moves its parts and its light.
    pub time: Duration,
    /// Frames with equal seeds and settings are equal to the last bit.
    pub seed: u64,
}

/// Renders a scene as one sensor in one mode sees it.
///
/// The parts that stand still are painted when the first frame is asked for, unless another
/// renderer of the same scene did it.
#[derive(Debug)]
pub struct Renderer {
    scene: Scene,
    view: View,
    model: &'static SensorModel,
    mode: SensorMode,
    rotation_degrees: u32,
    plates: Option<Arc<Plates>>,
    row: Row,
}

/// The row in the making.
#[derive(Debug)]
struct Row {
    warm: Vec<u16>,
    cool: Vec<u16>,
    colours: Vec<Colour>,
    samples: Vec<u16>,
}

/// The answers of all pixels, under warm and under cool light.
struct Frame {
    warm: Vec<u16>,
    cool: Vec<u16>,
}

/// How the answers of a frame's pixels become codes.
struct Development {
    /// Codes above black per unit of a plate, for each colour.
    codes: [f32; 3],
    /// The share of cool light.
    coolness: f32,
    black: f32,
    /// Most codes above black.
    span: f32,
    /// Variance of the noise: this, and this for each code above black.
    floor: f32,
    shot: f32,
    digital_gain: f32,
}

impl Renderer {
    /// A renderer for a sensor that is mounted upright, or upside down (180 degrees); it costs
    /// nothing until a frame is asked for.
    pub fn new(model: &'static SensorModel, mode: &SensorMode, rotation_degrees: u32, scene: &Scene) -> Self {
        let view = View::new(model, mode, rotation_degrees);
        let width = view.width;
        let row = Row {
            warm: vec![0; width],
            cool: vec![0; width],
            colours: vec![[0.0; 3]; width],
            samples: vec![0; width],
        };
        Self { scene: scene.clone(), view, model, mode: *mode, rotation_degrees, plates: None, row }
    }

    /// Renders a frame into `out`, row after row at `stride_bytes`. Bytes between rows stay.
    ///
    /// # Errors
    /// `InvalidArgument` where the format's mosaic is not the sensor's after the transform, or
    /// the buffer or the stride is too small.
    pub fn render(
        &mut self,
        settings: &FrameSettings,
        format: RawFormat,
        stride_bytes: usize,
        out: &mut [u8],
    ) -> Result<()> {
        self.check(settings, format, stride_bytes, out.len())?;
        let plates = self.plates_at(settings.time);
        let moving = self.scene.moving_parts(settings.time, settings.sequence);
        let development = Development::new(self.model, &self.mode, &self.scene, settings, format.bits);
        let mut random = Random::new(settings.seed ^ u64::from(settings.sequence).rotate_left(32));
        let height = self.view.height;
        let blurred = self.blur(settings, &plates, &moving);
        for (y, bytes) in out.chunks_mut(stride_bytes).take(height).enumerate() {
            let source = if settings.transform.vflip { height - 1 - y } else { y };
            match &blurred {
                Some(blurred) => self.row.copy_from(blurred, source),
                None => self.compose(&plates, &moving, source),
            }
            let noise = normal_row(random.next(), self.view.width);
            self.row.develop(&development, self.channels(source), noise);
            if settings.transform.hflip {
                self.row.samples.reverse();
            }
            pack_row(format, &self.row.samples, bytes);
        }
        Ok(())
    }

    fn check(&self, settings: &FrameSettings, format: RawFormat, stride: usize, length: usize) -> Result<()> {
        let order = settings.transform.apply_to(self.model.order);
        if format.order != Some(order) {
            return Err(invalid(format!("the sensor sends {order:?}, not {:?}", format.order)));
        }
        let row = format.row_bytes(self.mode.size.width) as usize;
        let need = stride * (self.view.height - 1) + row;
        if stride < row || length < need {
            return Err(invalid(format!("{length} bytes in rows of {stride}; needed are {need} and {row}")));
        }
        Ok(())
    }

    /// The painted still parts: those at hand, another renderer's, or new ones.
    fn plates_at(&mut self, time: Duration) -> Arc<Plates> {
        let still = self.scene.still_at(time);
        let subject = Subject {
            sensor: self.model.name,
            mode: self.mode,
            rotation_degrees: self.rotation_degrees,
            still,
        };
        if let Some(plates) = self.plates.as_ref().filter(|plates| plates.subject == subject) {
            return Arc::clone(plates);
        }
        let plates = shared_plates(&self.scene.painted, &subject)
            .unwrap_or_else(|| Arc::new(Plates::paint(&self.scene, &self.view, subject)));
        *self.scene.painted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&plates));
        self.plates = Some(Arc::clone(&plates));
        plates
    }

    /// Puts the answers of a row together: what stands still, and what moves over it.
    fn compose(&mut self, plates: &Plates, moving: &[Moving], y: usize) {
        let (warm, cool) = plates.row(y);
        self.row.warm.copy_from_slice(warm);
        self.row.cool.copy_from_slice(cool);
        for part in moving {
            let (columns, rows) = self.view.covered(part.bounds());
            let (zone_columns, zone_rows) = plates.zone(part.zone);
            let columns = columns.start.max(zone_columns.start)..columns.end.min(zone_columns.end);
            if !rows.contains(&y) || !zone_rows.contains(&y) || columns.is_empty() {
                continue;
            }
            let colours = &mut self.row.colours[columns.clone()];
            colours.copy_from_slice(plates.under(part.zone, y, columns.clone()));
            for layer in &part.layers {
                paint_over(&self.view, layer.as_ref(), columns.start, y, colours);
            }
            let (warm, cool) = (&mut self.row.warm[columns.clone()], &mut self.row.cool[columns.clone()]);
            self.view.answer(columns.start, y, colours, warm, cool);
        }
    }

    /// The answers of a whole frame that is out of focus; `None` if it is not.
    fn blur(&mut self, settings: &FrameSettings, plates: &Plates, moving: &[Moving]) -> Option<Frame> {
        let pixels = self.model.active_area.height as f32 / self.mode.binning.1 as f32;
        let blur = Blur::of_disc(settings.defocus as f32 * pixels)?;
        let mut frame = Frame { warm: Vec::new(), cool: Vec::new() };
        for y in 0..self.view.height {
            self.compose(plates, moving, y);
            frame.warm.extend_from_slice(&self.row.warm);
            frame.cool.extend_from_slice(&self.row.cool);
        }
        blur.apply(&mut frame.warm, self.view.width);
        blur.apply(&mut frame.cool, self.view.width);
        Some(frame)
    }

    /// The colours of the even and odd pixels of a row.
    fn channels(&self, y: usize) -> [usize; 2] {
        [0, 1].map(|x| match self.model.order.colour_at(x, y) {
            BayerColour::Red => 0,
            BayerColour::GreenRed | BayerColour::GreenBlue => 1,
            BayerColour::Blue => 2,
        })
    }
}

fn shared_plates(painted: &Mutex<Option<Arc<Plates>>>, subject: &Subject) -> Option<Arc<Plates>> {
    let painted = painted.lock().unwrap_or_else(PoisonError::into_inner);
    painted.as_ref().filter(|plates| plates.subject == *subject).map(Arc::clone)
}

impl Development {
    fn new(
        model: &SensorModel,
        mode: &SensorMode,
        scene: &Scene,
        settings: &FrameSettings,
        bits: u8,
    ) -> Self {
        let light = scene.light().at(settings.time);
        let parts = &model.electronics;
        let top = f64::from((1u32 << bits) - 1);
        let black = f64::from(model.black_level) / 65536.0 * (top + 1.0);
        let span = top - black;
        let gain = settings.analogue_gain.max(1.0);
        let codes_per_electron = span / parts.full_well_electrons * gain;
        let electrons = light.lux.max(0.0) * settings.exposure.as_secs_f64() * parts.electrons_per_lux_s;
        let white = model.colour.white_at(light.kelvin);
        let averaged = f64::from(mode.binning.0 * mode.binning.1);
        let read = parts.read_noise_electrons.powi(2) / averaged * codes_per_electron.powi(2);
        let converter = parts.converter_noise_codes * (top + 1.0) / 1024.0;
        let unit = electrons * codes_per_electron * f64::from(BRIGHTEST) / 65535.0;
        Self {
            codes: white.map(|response| (response * unit) as f32),
            coolness: model.colour.coolness(light.kelvin) as f32,
            black: black as f32,
            span: span as f32,
            floor: (read + converter.powi(2)) as f32,
            shot: (codes_per_electron / averaged) as f32,
            digital_gain: settings.digital_gain.max(1.0) as f32,
        }
    }
}

impl Row {
    /// Takes over a row's answers from a whole frame's.
    fn copy_from(&mut self, frame: &Frame, y: usize) {
        let row = y * self.warm.len()..(y + 1) * self.warm.len();
        self.warm.copy_from_slice(&frame.warm[row.clone()]);
        self.cool.copy_from_slice(&frame.cool[row]);
    }

    /// Turns the answers of a row into samples; `channels` are the colours of its even and
    /// odd pixels.
    fn develop(&mut self, development: &Development, channels: [usize; 2], noise: &[f32]) {
        let &Development { coolness, black, span, floor, shot, digital_gain, .. } = development;
        let codes = channels.map(|channel| development.codes[channel]);
        let warm = self.warm.as_chunks::<2>().0;
        let cool = self.cool.as_chunks::<2>().0;
        let noise = noise.as_chunks::<2>().0;
        let samples = self.samples.as_chunks_mut::<2>().0;
        for (((samples, warm), cool), noise) in samples.iter_mut().zip(warm).zip(cool).zip(noise) {
            for i in 0..2 {
                let (warm, cool) = (f32::from(warm[i]), f32::from(cool[i]));
                let mean = ((warm + (cool - warm) * coolness) * codes[i]).min(span * 1.5);
                let noisy = mean + (floor + shot * mean).sqrt() * noise[i];
                let code = (noisy.min(span) * digital_gain).clamp(-black, span) + black;
                samples[i] = (code + 8_388_608.0).to_bits() as u16;
            }
        }
    }
}

fn invalid(reason: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, "rendering a frame").because(reason)
}
