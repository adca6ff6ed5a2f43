//! The test card: Siemens star, slanted edges, zone plate, line pairs, grey steps, lettering.

use std::f32::consts::PI;

use pinhole_base::geometry::{NativePixels, Rect};

use super::letters::text_distance;
use super::paint::{Bounds, Colour, Layer, Point, at, coverage, mix, scaled, smoothstep, visible};
use crate::model::SensorModel;

/// Where the card stands in the built-in scene.
pub(crate) const CARD_BOUNDS: Bounds = Bounds { left: -0.105, top: -0.005, right: 0.270, bottom: 0.296 };

/// Reflectance of the card's paper and ink.
const PAPER: f32 = 0.86;
const INK: f32 = 0.045;

const STAR: (Point, f32) = (at(0.192, 0.092), 0.055);
const STAR_SPOKES: f32 = 36.0;
const ZONE_PLATE: (Point, f32) = (at(0.048, 0.096), 0.048);
const UPRIGHT_EDGE: Bounds = Bounds { left: -0.085, top: 0.051, right: -0.025, bottom: 0.095 };
const LEVEL_EDGE: Bounds = Bounds { left: -0.085, top: 0.097, right: -0.025, bottom: 0.141 };
/// The slope of the slanted edges: 5 degrees, as ISO 12233 has it.
const SLANT: f32 = 0.087_49;
const LINE_PAIRS: Bounds = Bounds { left: -0.085, top: 0.168, right: 0.250, bottom: 0.200 };
/// Line pairs per picture height.
const GROUPS: [u16; 8] = [50, 100, 150, 200, 300, 400, 600, 800];
const LABELS: [&str; 8] = ["50", "100", "150", "200", "300", "400", "600", "800"];
const STEPS: Bounds = Bounds { left: -0.085, top: 0.218, right: 0.250, bottom: 0.246 };
const RAMP: Bounds = Bounds { left: -0.085, top: 0.250, right: 0.250, bottom: 0.278 };

/// An edge of the test card between dark and bright, 5 degrees off the sensor's rows or columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlantedEdge {
    /// Nearly along the columns: dark to the left of it.
    Upright,
    /// Nearly along the rows: dark above it.
    Level,
}

impl SlantedEdge {
    /// Where it lies on a sensor that sees the built-in scene, with nothing else beside it.
    pub fn area(self, model: &SensorModel) -> Rect<NativePixels> {
        const MARGIN: f32 = 0.004;
        let bounds = match self {
            Self::Upright => UPRIGHT_EDGE,
            Self::Level => LEVEL_EDGE,
        };
        bounds.grown(-MARGIN).on(model)
    }
}

/// The card.
pub(crate) struct Card;

impl Layer for Card {
    fn bounds(&self) -> Bounds {
        CARD_BOUNDS.grown(0.01)
    }

    fn over(&self, under: Colour, p: Point, pixel: f32) -> Colour {
        let edge = CARD_BOUNDS.distance(p);
        if edge > pixel {
            return under;
        }
        let light = 0.90 + 0.08 * smoothstep(0.3, -0.1, p.u);
        let border = (CARD_BOUNDS.grown(-0.006).distance(p)).abs() - 0.0008;
        let ink = coverage(border, pixel).max(coverage(lettering(p), pixel));
        let figure = figure(p, pixel);
        let blank = PAPER + (INK - PAPER) * ink;
        let value = figure.map_or(blank, |f| blank + (f.value - blank) * coverage(f.outside, pixel));
        let paper = scaled([1.0, 0.985, 0.95], value * light);
        let side = 1.0 - 0.5 * coverage(p.u - CARD_BOUNDS.left - 0.0015, pixel);
        mix(under, scaled(paper, side), coverage(edge, pixel))
    }
}

/// What a figure of the card shows at a point.
struct Figure {
    /// Reflectance.
    value: f32,
    /// How far the point lies outside the figure; negative inside.
    outside: f32,
}

/// The figure at a point, if there is one.
fn figure(p: Point, pixel: f32) -> Option<Figure> {
    type Draw = fn(Point, f32) -> f32;
    const ROUND: [(Point, f32, Draw); 2] = [(STAR.0, STAR.1, star), (ZONE_PLATE.0, ZONE_PLATE.1, zone_plate)];
    const SQUARE: [(Bounds, Draw); 5] = [
        (UPRIGHT_EDGE, upright_edge),
        (LEVEL_EDGE, level_edge),
        (LINE_PAIRS, line_pairs),
        (STEPS, |p, _| grey_step(p)),
        (RAMP, |p, _| 0.01 + 0.87 * RAMP.relative(p).u.clamp(0.0, 1.0)),
    ];
    let round = ROUND.iter().map(|&(centre, radius, draw)| (p.minus(centre).length() - radius, draw));
    let square = SQUARE.iter().map(|&(bounds, draw)| (bounds.distance(p), draw));
    let (outside, draw) = round.chain(square).find(|(outside, _)| *outside < pixel)?;
    Some(Figure { value: draw(p, pixel), outside })
}

fn ink(share: f32) -> f32 {
    PAPER + (INK - PAPER) * share
}

fn star(p: Point, pixel: f32) -> f32 {
    let d = p.minus(STAR.0);
    ink(coverage((STAR_SPOKES * d.v.atan2(d.u)).sin() * d.length() / STAR_SPOKES, pixel))
}

fn zone_plate(p: Point, pixel: f32) -> f32 {
    // Its finest rings have 700 cycles per unit: four pixels of a sensor of 2800 rows.
    const CYCLES_MAX: f32 = 700.0;
    let r = p.minus(ZONE_PLATE.0).length();
    let cycles = CYCLES_MAX * r / ZONE_PLATE.1;
    ink(0.5 - 0.5 * (PI * cycles * r).cos() * visible(cycles, pixel))
}

fn upright_edge(p: Point, pixel: f32) -> f32 {
    let from_middle = p.minus(UPRIGHT_EDGE.centre());
    slanted_edge(from_middle.u, from_middle.v, pixel)
}

fn level_edge(p: Point, pixel: f32) -> f32 {
    let from_middle = p.minus(LEVEL_EDGE.centre());
    slanted_edge(from_middle.v, from_middle.u, pixel)
}

/// An edge through the origin, its slope being the share of `across` in `along`.
fn slanted_edge(across: f32, along: f32, pixel: f32) -> f32 {
    0.72 - 0.62 * coverage((across - SLANT * along) / SLANT.hypot(1.0), pixel)
}

/// Groups of ever finer lines, each followed by a gap.
fn line_pairs(p: Point, pixel: f32) -> f32 {
    let place = (LINE_PAIRS.relative(p).u * GROUPS.len() as f32).clamp(0.0, GROUPS.len() as f32 - 0.01);
    let (group, within) = (place as usize, place.fract());
    let cycles = f32::from(GROUPS[group]);
    let pitch = LINE_PAIRS.width() / GROUPS.len() as f32;
    let wave = (2.0 * PI * cycles * within * pitch).sin();
    let square = coverage(-wave / (2.0 * PI * cycles), pixel) - 0.5;
    let contrast = if cycles * pixel < 0.25 { 1.0 } else { visible(cycles, pixel) };
    if within < 0.84 { ink(0.5 + square * contrast) } else { PAPER }
}

/// Equal steps of lightness (CIE L*), from 5 to 95.
fn grey_step(p: Point) -> f32 {
    const COUNT: f32 = 11.0;
    let step = (STEPS.relative(p).u.clamp(0.0, 0.999) * COUNT).floor() / (COUNT - 1.0);
    let lightness = 5.0 + 90.0 * step;
    let root = (lightness + 16.0) / 116.0;
    if lightness > 8.0 { root.powi(3) } else { lightness / 903.3 }
}

fn lettering(p: Point) -> f32 {
    let title = text_distance(p, "PINHOLE", at(-0.085, 0.014), 0.024, 0.0022);
    let subtitle = text_distance(p, "STILL LIFE WITH TEST CARD", at(0.0805, 0.0135), 0.0072, 0.0007);
    title.min(subtitle).min(scale(p))
}

/// The numbers over the groups of lines.
fn scale(p: Point) -> f32 {
    let pitch = LINE_PAIRS.width() / GROUPS.len() as f32;
    let group = ((p.u - LINE_PAIRS.left) / pitch).clamp(0.0, GROUPS.len() as f32 - 1.0) as usize;
    let origin = at(LINE_PAIRS.left + group as f32 * pitch, LINE_PAIRS.top - 0.012);
    text_distance(p, LABELS[group], origin, 0.0072, 0.0007)
}
