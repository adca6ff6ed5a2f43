//! The room: a wall in soft light from the left, sunlight through a window, a wooden desk.

use super::paint::{
    Bounds, Colour, Layer, Point, at, coverage, fractal, mix, noise, scaled, smoothstep, srgb, tinted,
    whole_and_part,
};

/// Where the desk meets the wall.
pub(crate) const DESK_EDGE: f32 = 0.135;

/// The wall, over the whole picture.
pub(crate) struct Wall;

impl Layer for Wall {
    fn bounds(&self) -> Bounds {
        Bounds { bottom: DESK_EDGE + 0.01, ..Bounds::ALL }
    }

    fn over(&self, _: Colour, p: Point, _: f32) -> Colour {
        let plaster = 0.97 + 0.06 * fractal(p.u * 60.0, p.v * 60.0, 3);
        let glow = (-(at(p.u + 0.45, p.v + 0.35).length() / 0.75).powi(2)).exp();
        let corner = 1.0 - 0.25 * smoothstep(0.2, 0.75, p.u);
        let foot = 1.0 - 0.3 * (-(DESK_EDGE - p.v) / 0.05).exp();
        let light = (0.46 + 0.36 * glow) * corner * foot;
        scaled(srgb(150, 172, 170), light * plaster)
    }
}

/// Sunlight through a window of six panes, slanting over the wall.
pub(crate) struct Sunlight;

impl Layer for Sunlight {
    fn bounds(&self) -> Bounds {
        Bounds { left: -0.36, top: -0.5, right: 0.56, bottom: DESK_EDGE }
    }

    fn over(&self, under: Colour, p: Point, _: f32) -> Colour {
        let (across, down) = ((p.u + 0.28 - 0.55 * (p.v + 0.42)) / 0.34, (p.v + 0.42 - 0.06 * p.u) / 0.46);
        let pane = |x: f32, count: f32, blur: f32| {
            let (_, t) = whole_and_part(x * count);
            let edge = (t.min(1.0 - t)) / count;
            let inside = if (0.0..1.0).contains(&x) { edge } else { -x.max(1.0 - x).abs() };
            smoothstep(0.006, 0.006 + blur, inside)
        };
        let light = pane(across, 2.0, 0.03) * pane(down, 3.0, 0.025);
        let leaves = smoothstep(0.25, 0.6, fractal(p.u * 9.0 + 4.0, p.v * 9.0, 2));
        let sun = scaled([1.0, 0.86, 0.62], 0.72 * light * (0.45 + 0.55 * leaves));
        std::array::from_fn(|i| under[i] * (1.0 + sun[i]))
    }
}

/// The desk: boards that run across, seen in perspective.
pub(crate) struct Desk;

/// Where a point of the desk lies on its plane: across, and away from the eye.
fn on_plane(p: Point) -> Point {
    let nearness = p.v + 0.42;
    at(p.u / nearness, 1.0 / nearness)
}

fn wood(p: Point, pixel: f32) -> Colour {
    let plane = on_plane(p);
    let (board, within) = whole_and_part(plane.v * 6.0);
    let board = board as f32;
    let shift = noise(board * 7.3, 2.0) * 40.0;
    let wave = fractal(plane.u * 1.3 + shift, plane.v * 9.0 + board, 3);
    let rings = fractal(plane.u * 2.0 + shift, plane.v * 70.0 + 14.0 * wave, 3);
    let fibres = fractal(plane.u * 14.0 + shift, plane.v * 420.0, 2);
    let tone = 0.55 * rings + 0.2 * fibres + 0.25 * noise(board * 3.1, 9.0);
    let colour = mix(srgb(96, 58, 34), srgb(176, 121, 74), tone * 1.15);
    let gap_width = pixel * 6.0 * plane.v * plane.v;
    let gap = within.min(1.0 - within) - 0.012;
    scaled(colour, 1.0 - 0.65 * coverage(gap, gap_width.max(0.004)))
}

impl Layer for Desk {
    fn bounds(&self) -> Bounds {
        Bounds { top: DESK_EDGE - 0.01, ..Bounds::ALL }
    }

    fn over(&self, under: Colour, p: Point, pixel: f32) -> Colour {
        let light = 0.62 + 0.42 * (-(at(p.u + 0.30, (p.v - 0.34) * 1.6).length() / 0.55).powi(2)).exp();
        let sheen = scaled([0.80, 0.92, 1.0], 0.10 * (-(p.v - DESK_EDGE) / 0.10).exp());
        let lit = scaled(wood(p, pixel), light);
        let far_edge = 1.0 - 0.35 * (-(p.v - DESK_EDGE) / 0.008).exp();
        let desk = std::array::from_fn(|i| (lit[i] + sheen[i] * light) * far_edge);
        mix(under, desk, coverage(DESK_EDGE - p.v, pixel))
    }
}

/// A soft shadow on what lies below: an ellipse that fades outwards.
pub(crate) struct Shadow {
    pub(crate) centre: Point,
    pub(crate) half_width: f32,
    pub(crate) half_height: f32,
    /// How far it fades, as a share of its size.
    pub(crate) softness: f32,
    /// How dark it is, from 0 to 1.
    pub(crate) depth: f32,
}

impl Layer for Shadow {
    fn bounds(&self) -> Bounds {
        let reach = 1.0 + self.softness;
        Bounds::about(self.centre, self.half_width * reach, self.half_height * reach)
    }

    fn over(&self, under: Colour, p: Point, _: f32) -> Colour {
        let d = p.minus(self.centre);
        let r = at(d.u / self.half_width, d.v / self.half_height).length();
        let shade = 1.0 - smoothstep(1.0 - self.softness, 1.0 + self.softness, r);
        // Shadows are lit by the wall and the sky: a little bluer than the light.
        tinted(under, mix([1.0; 3], [0.0, 0.02, 0.05], self.depth * shade))
    }
}

/// The soft shadow that an upright thing throws on the desk, to the right and towards the eye.
pub(crate) struct CastShadow {
    /// The thing's foot: its left and right ends.
    pub(crate) foot: (f32, f32),
    pub(crate) base: f32,
    /// How far the shadow reaches down the picture.
    pub(crate) reach: f32,
}

impl Layer for CastShadow {
    fn bounds(&self) -> Bounds {
        Bounds {
            left: self.foot.0 - 0.05,
            top: self.base - 0.03,
            right: self.foot.1 + 1.2 * self.reach + 0.05,
            bottom: self.base + 1.3 * self.reach,
        }
    }

    fn over(&self, under: Colour, p: Point, _: f32) -> Colour {
        let along = (p.v - self.base) / self.reach;
        let shift = 0.9 * along.max(0.0) * self.reach;
        let blur = 0.004 + 0.03 * along.max(0.0);
        let (left, right) = (p.u - self.foot.0 - shift, self.foot.1 + shift * 0.15 + 0.012 - p.u + shift);
        let across = smoothstep(-blur, blur, left.min(right));
        let down = smoothstep(-0.02, 0.01, along) * (1.0 - smoothstep(0.2, 1.2, along));
        tinted(under, mix([1.0; 3], [0.10, 0.11, 0.14], 0.8 * across * down))
    }
}
