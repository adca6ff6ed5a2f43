//! The still part of a scene as one sensor in one mode sees it, painted once.
//!
//! A plate holds, for each pixel of the mosaic, the sensor's answer to the surface there with
//! white light balanced and shading applied. There are two, for warm and for cool light:
//! light between them is a mixture of the two.

use std::ops::Range;

use pinhole_base::colour::Matrix3;
use pinhole_base::format::BayerColour;

use super::Scene;
use super::paint::{Bounds, Colour, Layer, Point, at};
use crate::model::{SensorMode, SensorModel};

/// The reflectance that a plate's highest value stands for.
pub(crate) const BRIGHTEST: f32 = 2.0;
/// The side of the square that a pixel sees, in pixels: lens and filter blur a little.
pub const SPREAD: f32 = 1.8;

/// What a renderer paints for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) sensor: &'static str,
    pub(crate) mode: SensorMode,
    pub(crate) rotation_degrees: u32,
    pub(crate) still: usize,
}

/// The painted parts.
#[derive(Debug)]
pub(crate) struct Plates {
    pub(crate) subject: Subject,
    width: usize,
    warm: Vec<u16>,
    cool: Vec<u16>,
    zones: Vec<Zone>,
}

/// Colours under a part that moves.
#[derive(Debug)]
struct Zone {
    columns: Range<usize>,
    rows: Range<usize>,
    colours: Vec<Colour>,
}

/// Where the pixels of a mode lie, and how the sensor answers there.
#[derive(Debug)]
pub(crate) struct View {
    model: &'static SensorModel,
    mode: SensorMode,
    warm: [Colour; 3],
    cool: [Colour; 3],
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// The sensor is mounted upside down.
    upside_down: bool,
}

impl View {
    pub(crate) fn new(model: &'static SensorModel, mode: &SensorMode, rotation_degrees: u32) -> Self {
        let rows = |matrix: &Matrix3| matrix.0.map(|row| row.map(|v| v as f32));
        Self {
            model,
            mode: *mode,
            warm: rows(&model.colour.warm),
            cool: rows(&model.colour.cool),
            width: mode.size.width as usize,
            height: mode.size.height as usize,
            upside_down: rotation_degrees == 180,
        }
    }

    /// The side of the square that a pixel stands for.
    pub(crate) fn pixel(&self) -> f32 {
        SPREAD * self.mode.binning.1 as f32 / self.model.active_area.height as f32
    }

    fn native(&self, x: usize, y: usize) -> (f32, f32) {
        let along = |i: usize, binning: u32, start: i32| (i as f32 + 0.5) * binning as f32 + start as f32;
        (along(x, self.mode.binning.0, self.mode.crop.x), along(y, self.mode.binning.1, self.mode.crop.y))
    }

    /// The centre of a pixel.
    pub(crate) fn point(&self, x: usize, y: usize) -> Point {
        let area = self.model.active_area;
        let (x, y) = self.native(x, y);
        let unit = if self.upside_down { -(area.height as f32) } else { area.height as f32 };
        at(
            (x - area.x as f32 - area.width as f32 / 2.0) / unit,
            (y - area.y as f32 - area.height as f32 / 2.0) / unit,
        )
    }

    /// The pixels whose centres lie inside, clipped to the frame: columns and rows.
    pub(crate) fn covered(&self, bounds: Bounds) -> (Range<usize>, Range<usize>) {
        let (origin, step) = (self.point(0, 0), self.point(1, 1).minus(self.point(0, 0)));
        let range = |low: f32, high: f32, origin: f32, step: f32, count: usize| {
            let (low, high) = if step < 0.0 { (high, low) } else { (low, high) };
            let first = (((low - origin) / step).ceil().max(0.0) as usize).min(count);
            let end = (((high - origin) / step).floor() + 1.0).max(0.0) as usize;
            first..end.min(count).max(first)
        };
        (
            range(bounds.left, bounds.right, origin.u, step.u, self.width),
            range(bounds.top, bounds.bottom, origin.v, step.v, self.height),
        )
    }

    /// Turns a stretch of colours of a row into what the pixels there answer.
    pub(crate) fn answer(&self, x: usize, y: usize, colours: &[Colour], warm: &mut [u16], cool: &mut [u16]) {
        const SCALE: f32 = 65535.0 / BRIGHTEST;
        let shading = Shading::new(self, y);
        for (i, ((colour, warm), cool)) in colours.iter().zip(warm).zip(cool).enumerate() {
            let channel = match self.model.order.colour_at(x + i, y) {
                BayerColour::Red => 0,
                BayerColour::GreenRed | BayerColour::GreenBlue => 1,
                BayerColour::Blue => 2,
            };
            let light = SCALE / shading.gain(self, x + i, channel);
            let sum = |row: &Colour| row[0] * colour[0] + row[1] * colour[1] + row[2] * colour[2];
            *warm = (sum(&self.warm[channel]) * light + 0.5) as u16;
            *cool = (sum(&self.cool[channel]) * light + 0.5) as u16;
        }
    }
}

/// [`SensorModel::shading_gain`] along a row.
struct Shading {
    dy2: f32,
    middle: f32,
    corner2: f32,
}

impl Shading {
    fn new(view: &View, y: usize) -> Self {
        let area = view.model.active_area;
        let (half_width, half_height) = (area.width as f32 / 2.0, area.height as f32 / 2.0);
        let dy = view.native(0, y).1 - area.y as f32 - half_height;
        let corner2 = half_width * half_width + half_height * half_height;
        Self { dy2: dy * dy, middle: area.x as f32 + half_width, corner2 }
    }

    fn gain(&self, view: &View, x: usize, channel: usize) -> f32 {
        let dx = view.native(x, 0).0 - self.middle;
        let r2 = (dx * dx + self.dy2) / self.corner2;
        let [a, b] = view.model.vignetting[channel];
        1.0 + a as f32 * r2 + b as f32 * r2 * r2
    }
}

impl Plates {
    /// Paints the still layers of a scene, on all processors.
    pub(crate) fn paint(scene: &Scene, view: &View, subject: Subject) -> Self {
        let layers = scene.still_layers(subject.still);
        let (width, height) = (view.width, view.height);
        let mut plates = Self {
            subject,
            width,
            warm: vec![0; width * height],
            cool: vec![0; width * height],
            zones: Vec::new(),
        };
        let painters = std::thread::available_parallelism().map_or(1, usize::from);
        let band = height.div_ceil(painters);
        let bands = plates.warm.chunks_mut(band * width).zip(plates.cool.chunks_mut(band * width));
        std::thread::scope(|scope| {
            for (i, (warm, cool)) in bands.enumerate() {
                let layers = &layers;
                scope.spawn(move || paint_band(view, layers, i * band, warm, cool));
            }
        });
        plates.zones =
            scene.moving_zones().iter().map(|&bounds| Zone::paint(view, &layers, bounds)).collect();
        plates
    }

    /// A row's answers under warm and under cool light.
    pub(crate) fn row(&self, y: usize) -> (&[u16], &[u16]) {
        let row = y * self.width..(y + 1) * self.width;
        (&self.warm[row.clone()], &self.cool[row])
    }

    /// The colours under a zone's moving parts in a stretch of a row, which must lie inside.
    pub(crate) fn under(&self, zone: usize, y: usize, columns: Range<usize>) -> &[Colour] {
        let zone = &self.zones[zone];
        let start = (y - zone.rows.start) * zone.columns.len() + columns.start - zone.columns.start;
        &zone.colours[start..start + columns.len()]
    }

    /// The columns and rows of a zone.
    pub(crate) fn zone(&self, zone: usize) -> (Range<usize>, Range<usize>) {
        (self.zones[zone].columns.clone(), self.zones[zone].rows.clone())
    }
}

type Layers<'a> = [Box<dyn Layer + 'a>];

fn paint_band(view: &View, layers: &Layers<'_>, first: usize, warm: &mut [u16], cool: &mut [u16]) {
    let mut colours = vec![[0.0; 3]; view.width];
    let rows = warm.chunks_exact_mut(view.width).zip(cool.chunks_exact_mut(view.width));
    for (y, (warm, cool)) in (first..).zip(rows) {
        colours.fill([0.0; 3]);
        for layer in layers {
            paint_over(view, layer.as_ref(), 0, y, &mut colours);
        }
        view.answer(0, y, &colours, warm, cool);
    }
}

/// Paints a layer over a stretch of row `y` that begins at column `first`.
pub(crate) fn paint_over(view: &View, layer: &dyn Layer, first: usize, y: usize, colours: &mut [Colour]) {
    let (columns, rows) = view.covered(layer.bounds());
    if !rows.contains(&y) {
        return;
    }
    let pixel = view.pixel();
    let start = columns.start.max(first);
    for x in start..columns.end.min(first + colours.len()) {
        let colour = &mut colours[x - first];
        *colour = layer.over(*colour, view.point(x, y), pixel);
    }
}

impl Zone {
    fn paint(view: &View, layers: &Layers<'_>, bounds: Bounds) -> Self {
        let (columns, rows) = view.covered(bounds);
        let mut colours = vec![[0.0; 3]; columns.len() * rows.len()];
        for (y, row) in rows.clone().zip(colours.chunks_exact_mut(columns.len().max(1))) {
            for layer in layers {
                paint_over(view, layer.as_ref(), columns.start, y, row);
            }
        }
        Self { columns, rows, colours }
    }
}
