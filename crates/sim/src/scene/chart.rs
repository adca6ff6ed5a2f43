//! The colour chart: 24 patches with published colours.

use pinhole_base::geometry::{NativePixels, Rect};

use super::paint::{Bounds, Colour, Layer, Point, at, coverage, linear, mix, noise, scaled, srgb};
use crate::model::SensorModel;

/// One patch of the chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChartPatch {
    /// What the patch is called.
    pub name: &'static str,
    /// Its colour in sRGB, 8 bits.
    pub srgb: [u8; 3],
}

const fn patch(name: &'static str, red: u8, green: u8, blue: u8) -> ChartPatch {
    ChartPatch { name, srgb: [red, green, blue] }
}

/// The patches, row by row, with the sRGB values published for the ColorChecker Classic.
pub const CHART: [ChartPatch; 24] = [
    patch("dark skin", 115, 82, 68),
    patch("light skin", 194, 150, 130),
    patch("blue sky", 98, 122, 157),
    patch("foliage", 87, 108, 67),
    patch("blue flower", 133, 128, 177),
    patch("bluish green", 103, 189, 170),
    patch("orange", 214, 126, 44),
    patch("purplish blue", 80, 91, 166),
    patch("moderate red", 193, 90, 99),
    patch("purple", 94, 60, 108),
    patch("yellow green", 157, 188, 64),
    patch("orange yellow", 224, 163, 46),
    patch("blue", 56, 61, 150),
    patch("green", 70, 148, 73),
    patch("red", 175, 54, 60),
    patch("yellow", 231, 199, 31),
    patch("magenta", 187, 86, 149),
    patch("cyan", 8, 133, 161),
    patch("white", 243, 243, 242),
    patch("neutral 8", 200, 200, 200),
    patch("neutral 6.5", 160, 160, 160),
    patch("neutral 5", 122, 122, 121),
    patch("neutral 3.5", 85, 85, 85),
    patch("black", 52, 52, 52),
];

const COLUMNS: usize = 6;
const ROWS: usize = 4;
/// Where the chart stands in the built-in scene.
pub(crate) const CHART_BOUNDS: Bounds = Bounds { left: -0.585, top: 0.005, right: -0.150, bottom: 0.300 };
const MARGIN: f32 = 0.010;
const GAP: f32 = 0.009;

impl ChartPatch {
    /// The patch's colour in linear light.
    pub fn linear(&self) -> [f64; 3] {
        self.srgb.map(|value| f64::from(linear(value)))
    }
}

/// Where patch `index` of [`CHART`] lies on a sensor that sees the built-in scene: its inner
/// part, well away from the edges.
///
/// # Panics
/// If there is no such patch.
pub fn chart_patch_area(index: usize, model: &SensorModel) -> Rect<NativePixels> {
    assert!(index < CHART.len(), "the chart has {} patches, none of them is {index}", CHART.len());
    let inner = patch_bounds(index % COLUMNS, index / COLUMNS);
    inner.grown(-0.2 * inner.width()).on(model)
}

fn patch_bounds(column: usize, row: usize) -> Bounds {
    let inside = CHART_BOUNDS.grown(-MARGIN);
    let (pitch_u, pitch_v) = ((inside.width() + GAP) / COLUMNS as f32, (inside.height() + GAP) / ROWS as f32);
    let (left, top) = (inside.left + column as f32 * pitch_u, inside.top + row as f32 * pitch_v);
    Bounds { left, top, right: left + pitch_u - GAP, bottom: top + pitch_v - GAP }
}

/// The chart, lit fully and evenly so that its patches have their published colours.
pub(crate) struct Chart;

impl Layer for Chart {
    fn bounds(&self) -> Bounds {
        CHART_BOUNDS.grown(0.01)
    }

    fn over(&self, under: Colour, p: Point, pixel: f32) -> Colour {
        const ROUND: f32 = 0.008;
        let card = CHART_BOUNDS.grown(-ROUND).distance(p) - ROUND;
        let grain = 0.95 + 0.1 * noise(p.u * 500.0, p.v * 500.0);
        let rim = 1.0 + 1.5 * coverage((card + 0.002).abs() - 0.0012, pixel);
        let mut colour = mix(under, scaled(srgb(38, 38, 40), grain * rim), coverage(card, pixel));
        let inside = CHART_BOUNDS.grown(-MARGIN).relative(p);
        let column = ((inside.u * COLUMNS as f32) as usize).min(COLUMNS - 1);
        let row = ((inside.v * ROWS as f32) as usize).min(ROWS - 1);
        // The grid's pitch includes a gap, so the patch may lie one further to the left or up.
        for (column, row) in [(column, row), (column.saturating_sub(1), row)] {
            let [r, g, b] = CHART[row * COLUMNS + column].srgb;
            let edge = patch_bounds(column, row).grown(-0.002).distance(p) - 0.002;
            colour = mix(colour, srgb(r, g, b), coverage(edge, pixel));
        }
        colour
    }
}

/// A brass clip that holds the chart's foot; gives it something to stand on.
pub(crate) struct Foot {
    pub(crate) centre: Point,
    pub(crate) half_width: f32,
}

impl Layer for Foot {
    fn bounds(&self) -> Bounds {
        Bounds::about(self.centre, self.half_width + 0.01, 0.02)
    }

    fn over(&self, under: Colour, p: Point, pixel: f32) -> Colour {
        let body = Bounds::about(at(self.centre.u, self.centre.v), self.half_width - 0.004, 0.005);
        let edge = body.distance(p) - 0.004;
        let height = (p.v - self.centre.v) / 0.009;
        let shine = (-((height + 0.35) / 0.22).powi(2)).exp();
        let dark = 0.55 - 0.35 * height;
        let metal: Colour = scaled(srgb(190, 170, 128), dark.max(0.08) + 0.9 * shine);
        mix(under, metal, coverage(edge, pixel))
    }
}
