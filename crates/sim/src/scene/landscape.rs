//! The framed picture on the wall: mountains over a lake, in the evening.

use super::paint::{
    Bounds, Colour, Layer, Point, at, coverage, fractal, mix, noise, scaled, smoothstep, srgb,
};

/// A picture with its mount, frame and shadow.
pub(crate) struct Framed {
    /// The outer edge of the frame.
    outer: Bounds,
    painting: Painting,
}

impl Framed {
    /// A picture that fills these bounds, frame and all.
    pub(crate) fn new(outer: Bounds) -> Self {
        Self { outer, painting: Painting::new() }
    }
}

const FRAME: f32 = 0.016;
const MOUNT: f32 = 0.036;

impl Layer for Framed {
    fn bounds(&self) -> Bounds {
        self.outer.grown(0.05)
    }

    fn over(&self, under: Colour, p: Point, pixel: f32) -> Colour {
        let shadow = self.outer.distance(at(p.u - 0.014, p.v - 0.018));
        let wall = scaled(under, 1.0 - 0.45 * (1.0 - smoothstep(-0.01, 0.028, shadow)));
        let edge = self.outer.distance(p);
        if edge > pixel {
            return wall;
        }
        let inner = self.outer.grown(-FRAME - MOUNT);
        let depth = -edge;
        let colour = if depth < FRAME {
            frame(self.outer, p, depth)
        } else if inner.distance(p) > pixel / 2.0 {
            let rim = smoothstep(FRAME, FRAME + 0.006, depth);
            scaled(srgb(238, 233, 220), 0.55 + 0.17 * rim)
        } else {
            let bevel = 1.0 - 0.3 * coverage(-inner.distance(p) - 0.0025, pixel);
            scaled(self.painting.colour(inner.relative(p), pixel / inner.height()), 0.75 * bevel)
        };
        mix(wall, colour, coverage(edge, pixel))
    }
}

/// Dark wood, lighter on the edges that face the light.
fn frame(outer: Bounds, p: Point, depth: f32) -> Colour {
    let d = p.minus(outer.centre());
    let upright = outer.width() / 2.0 - d.u.abs() < outer.height() / 2.0 - d.v.abs();
    let facing = if upright { d.u < 0.0 } else { d.v < 0.0 };
    let round = 1.0 - (depth / FRAME - 0.5).abs();
    let light = if facing { 0.75 } else { 0.42 } + 0.35 * round;
    let grain = 0.9 + 0.2 * noise(p.u * 300.0, p.v * 300.0);
    scaled(srgb(84, 58, 40), light * grain)
}

/// Height of the skyline of a range of mountains, from its foot.
fn ridge(x: f32, range: f32) -> f32 {
    let broad = fractal(x * (2.2 + range) + range * 13.7, range * 3.0, 6);
    let peak = 1.0 - (2.0 * fractal(x * 3.1 + range * 5.1, 7.0 + range, 5) - 1.0).abs();
    0.6 * broad + 0.4 * peak
}

/// One range of mountains.
struct Range {
    /// Where its foot is, from 0 (top) to 1.
    foot: f32,
    height: f32,
    rock: Colour,
    /// How much of it the haze hides, at the top and more at the foot.
    mist: (f32, f32),
    /// How far down its snow reaches.
    snow: f32,
    /// The skyline, sampled from left to right.
    skyline: Vec<f32>,
}

/// Samples of a skyline.
const SAMPLES: usize = 2048;

impl Range {
    fn new(index: u8, foot: f32, height: f32, rock: Colour, mist: f32) -> Self {
        let index = f32::from(index);
        let skyline = (0..=SAMPLES).map(|i| ridge(i as f32 / SAMPLES as f32, index)).collect();
        let snow = if index == 0.0 { 0.10 } else { 0.0 };
        Self { foot, height, rock, mist: (mist, 0.35 * (1.0 - 0.25 * index)), snow, skyline }
    }

    fn top(&self, x: f32) -> f32 {
        let place = (x * SAMPLES as f32).clamp(0.0, SAMPLES as f32 - 1.0);
        let (left, t) = (place as usize, place.fract());
        self.skyline[left] + (self.skyline[left + 1] - self.skyline[left]) * t
    }

    fn over(&self, under: Colour, p: Point, pixel: f32) -> Colour {
        let below = p.v - (self.foot + 0.08 - self.height * self.top(p.u));
        let cover = coverage(-below, pixel.max(0.001));
        if cover <= 0.0 {
            return under;
        }
        let slope = self.top(p.u + 0.01) - self.top(p.u - 0.01);
        let rough = 0.25 * (fractal(p.u * 30.0, p.v * 30.0, 3) - 0.5);
        let relief = 1.0 + (slope * 4.0).clamp(-0.35, 0.35) + rough;
        let mut face = scaled(self.rock, relief);
        if self.snow > 0.0 {
            let line = below + 0.06 * noise(p.u * 40.0, p.v * 40.0);
            let snow = smoothstep(self.snow, 0.2 * self.snow, line);
            face = mix(face, scaled(srgb(255, 226, 210), relief), snow);
        }
        let fog = self.mist.0 + self.mist.1 * smoothstep(0.0, 0.25, below);
        mix(under, mix(face, srgb(246, 190, 140), fog.min(0.85)), cover)
    }
}

/// The painting, for points from 0 to 1 across and down.
struct Painting {
    ranges: [Range; 4],
}

impl Painting {
    fn new() -> Self {
        Self {
            ranges: [
                Range::new(0, 0.40, 0.30, srgb(120, 118, 160), 0.50),
                Range::new(1, 0.50, 0.26, srgb(84, 90, 136), 0.30),
                Range::new(2, 0.58, 0.20, srgb(52, 70, 98), 0.16),
                Range::new(3, 0.65, 0.13, srgb(30, 52, 58), 0.06),
            ],
        }
    }

    fn colour(&self, p: Point, pixel: f32) -> Colour {
        const SHORE: f32 = 0.68;
        if p.v <= SHORE {
            return self.land(p, pixel);
        }
        // The lake mirrors the land, drawn out by ripples that grow towards the eye.
        let depth = p.v - SHORE;
        let ripple = (noise(p.u * 18.0, depth * 160.0) - 0.5) * (0.02 + 0.25 * depth);
        let seen = at(p.u + ripple * 0.4, SHORE - depth * 0.92 - ripple.abs() * 0.5);
        let water = mix(self.land(seen, pixel), srgb(38, 62, 92), 0.22 + 0.5 * depth);
        let glint = smoothstep(0.80, 0.92, noise(p.u * 60.0, depth * 420.0));
        let path = (-((p.u - 0.63) / (0.02 + 0.16 * depth)).powi(2)).exp();
        let lit = scaled([1.0, 0.66, 0.34], 0.55 * glint * path + 0.10 * path);
        std::array::from_fn(|i| water[i] + lit[i])
    }

    fn land(&self, p: Point, pixel: f32) -> Colour {
        let mountains = self.ranges.iter().fold(sky(p), |under, range| range.over(under, p, pixel));
        trees(mountains, p, pixel)
    }
}

fn sky(p: Point) -> Colour {
    let low = mix(srgb(255, 214, 150), srgb(244, 146, 104), smoothstep(0.45, 0.2, p.v));
    let sky = mix(low, srgb(88, 120, 176), smoothstep(0.42, 0.0, p.v));
    let sun = at((p.u - 0.63) * 1.5, p.v - 0.27).length();
    let glow = 0.5 * (-(sun / 0.16).powi(2)).exp() + 0.35 * (-(sun / 0.5).powi(2)).exp();
    let clouds = smoothstep(0.52, 0.72, fractal(p.u * 3.0 + 1.7, p.v * 16.0, 5));
    let lit = mix(sky, srgb(255, 190, 168), 0.6 * clouds * smoothstep(0.5, 0.1, p.v));
    let disc = 1.0 - smoothstep(0.034, 0.038, sun);
    let warm = [1.0, 0.72, 0.36];
    std::array::from_fn(|i| lit[i] + (glow * 0.7 + disc * 0.9) * warm[i])
}

/// Firs along the near shore, taller at the sides.
fn trees(under: Colour, p: Point, pixel: f32) -> Colour {
    let mut colour = under;
    for row in 0..2 {
        let spacing = 0.016 + 0.006 * row as f32;
        let tree = (p.u / spacing).floor();
        for neighbour in [-1.0, 0.0, 1.0] {
            let id = tree + neighbour;
            let middle = (id + 0.3 + 0.4 * noise(id * 17.3, row as f32)) * spacing;
            let side = (2.0 * middle - 1.0).abs().powf(1.6);
            let height = (0.02 + 0.17 * side) * (0.5 + noise(id * 5.7, 3.0 + row as f32));
            let above = (0.685 - p.v) / height;
            if !(0.0..1.0).contains(&above) {
                continue;
            }
            let jag = 0.75 + 0.5 * (above * 9.0).fract();
            let half = 0.30 * spacing * (1.0 - above) * jag + 0.0006;
            let cover = coverage((p.u - middle).abs() - half, pixel.max(0.001));
            colour = mix(colour, scaled(srgb(20, 38, 34), 0.8 + 0.5 * above), cover);
        }
    }
    colour
}
