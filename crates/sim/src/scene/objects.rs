//! Round and growing things: balls, a plant in its pot, a pencil.

use super::paint::{
    Bounds, Colour, Layer, Point, at, coverage, ellipse_distance, mix, noise, scaled, segment_distance,
    smoothstep, srgb,
};

type Vector = [f32; 3];

/// Towards the window: left, up, and towards the eye.
const TO_LIGHT: Vector = [-0.55, -0.65, 0.52];

fn dot(a: Vector, b: Vector) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// A ball, matt or glossy.
#[derive(Clone, Copy)]
pub(crate) struct Ball {
    pub(crate) centre: Point,
    pub(crate) radius: f32,
    pub(crate) colour: Colour,
    /// From 0 (chalk) to 1 (billiards).
    pub(crate) gloss: f32,
}

impl Layer for Ball {
    fn bounds(&self) -> Bounds {
        Bounds::about(self.centre, self.radius * 1.05, self.radius * 1.05)
    }

    fn over(&self, under: Colour, p: Point, pixel: f32) -> Colour {
        let d = p.minus(self.centre);
        let cover = coverage(d.length() - self.radius, pixel);
        if cover <= 0.0 {
            return under;
        }
        let (x, y) = (d.u / self.radius, d.v / self.radius);
        let normal = [x, y, (1.0 - x * x - y * y).max(0.0).sqrt()];
        mix(under, self.shade(normal), cover)
    }
}

impl Ball {
    fn shade(&self, normal: Vector) -> Colour {
        let sun = smoothstep(-0.08, 1.0, dot(normal, TO_LIGHT));
        let sky = 0.22 - 0.14 * normal[1];
        let from_desk = scaled(srgb(150, 96, 58), 0.30 * normal[1].max(0.0));
        let contact = 1.0 - 0.55 * smoothstep(0.55, 1.0, normal[1]);
        let diffuse: Colour =
            std::array::from_fn(|i| self.colour[i] * (0.88 * sun + sky + from_desk[i]) * contact);
        let mirrored = 2.0 * normal[2];
        let reflected = [mirrored * normal[0], mirrored * normal[1], mirrored * normal[2] - 1.0];
        let fresnel = 0.04 + 0.5 * (1.0 - normal[2]).powi(4);
        let shine = self.gloss * (window(reflected) + fresnel * (0.35 - 0.3 * reflected[1]).max(0.0));
        let broad = (1.0 - self.gloss) * 0.05 * dot(reflected, TO_LIGHT).max(0.0).powi(6);
        std::array::from_fn(|i| diffuse[i] + shine + broad)
    }
}

/// The window as a glossy surface mirrors it: four bright panes in the direction of the light.
fn window(direction: Vector) -> f32 {
    // Unit vectors to the right of that direction and down from it.
    const RIGHT: Vector = [0.687, 0.0, 0.727];
    const DOWN: Vector = [0.473, -0.757, -0.447];
    let ahead = dot(direction, TO_LIGHT);
    if ahead < 0.2 {
        return 0.0;
    }
    let pane = |side: Vector| {
        let x = (dot(direction, side) / ahead / 0.34).abs();
        smoothstep(0.05, 0.14, x) * (1.0 - smoothstep(0.85, 1.0, x))
    };
    0.85 * pane(RIGHT) * pane(DOWN)
}

const LEAVES: u32 = 30;

/// A leafy plant in a pot.
pub(crate) struct Plant {
    leaves: Vec<Leaf>,
    pot: Bounds,
}

/// A pointed leaf on a stalk.
struct Leaf {
    bounds: Bounds,
    root: Point,
    base: Point,
    length: f32,
    width: f32,
    angle: f32,
    colour: Colour,
}

impl Plant {
    pub(crate) fn new(pot: Bounds) -> Self {
        let root = at(pot.centre().u, pot.top + 0.004);
        let leaves = (0..LEAVES).map(|i| Leaf::grow(i, root)).collect();
        Self { leaves, pot }
    }
}

impl Leaf {
    fn grow(index: u32, root: Point) -> Self {
        let random = |salt: f32| noise(index as f32, salt);
        // They fan out evenly, the outermost first: those in the middle stand in front.
        let order = index as f32 / LEAVES as f32;
        let side = if index.is_multiple_of(2) { 1.0 } else { -1.0 };
        let lean = side * (1.25 * (1.0 - order) + 0.12 * random(1.0));
        let reach = 0.055 + (0.05 + 0.13 * random(5.0)) * (1.0 - 0.3 * lean.abs());
        let root = at(root.u + 0.014 * lean, root.v);
        let base = at(root.u + reach * lean.sin(), root.v - reach * lean.cos());
        let tone = 0.15 + 0.35 * order + 0.5 * random(9.0);
        let length = 0.075 + 0.055 * random(2.0);
        let width = 0.019 + 0.012 * random(7.0);
        let angle = lean * 1.2 + 0.5 * (random(4.0) - 0.5);
        let stalk = Bounds::about(root, 0.0, 0.0).joined(Bounds::about(base, 0.0, 0.0));
        let tip = at(base.u + length * angle.sin(), base.v - length * angle.cos());
        Self {
            bounds: stalk.joined(Bounds::about(tip, 0.0, 0.0)).grown(width),
            root,
            base,
            length,
            width,
            angle,
            colour: mix(srgb(26, 62, 38), srgb(122, 166, 70), tone),
        }
    }

    fn over(&self, under: Colour, p: Point, pixel: f32) -> Colour {
        let stalk = segment_distance(p, self.root, self.base) - 0.0022;
        let mut colour = mix(under, scaled(srgb(70, 104, 48), 0.6), coverage(stalk, pixel));
        let local = p.minus(self.base).turned(-self.angle);
        let along = -local.v / self.length;
        if !(0.0..1.0).contains(&along) {
            return colour;
        }
        let half = self.width * (along.powf(0.6) * (1.0 - along).powf(0.8)) * 2.0;
        let cover = coverage(local.u.abs() - half, pixel);
        if cover > 0.0 {
            colour = mix(colour, self.surface(local.u, along, pixel), cover);
        }
        colour
    }

    fn surface(&self, across: f32, along: f32, pixel: f32) -> Colour {
        let lit_side = if across * self.angle.cos() < 0.0 { 1.12 } else { 0.80 };
        let fold = 1.0 - 0.25 * (across.abs() / self.width);
        let veins = 0.94 + 0.10 * ((along * 60.0 + across.abs() * 420.0).sin() * 0.5 + 0.5);
        let facing = 0.62 + 0.38 * (self.angle + 0.7).cos().max(0.0);
        let blade = scaled(self.colour, lit_side * fold * veins * facing * (0.65 + 0.5 * along));
        mix(blade, srgb(168, 196, 120), 0.45 * coverage(across.abs() - 0.0009, pixel))
    }
}

impl Layer for Plant {
    fn bounds(&self) -> Bounds {
        let p = self.pot;
        Bounds { left: p.left - 0.30, top: p.top - 0.42, right: p.right + 0.30, bottom: p.bottom + 0.02 }
    }

    fn over(&self, under: Colour, p: Point, pixel: f32) -> Colour {
        let mut colour = pot(under, self.pot, p, pixel);
        for leaf in &self.leaves {
            if leaf.bounds.distance(p) < pixel {
                colour = leaf.over(colour, p, pixel);
            }
        }
        colour
    }
}

/// A glazed pot: narrower at the foot, with a rim.
fn pot(under: Colour, pot: Bounds, p: Point, pixel: f32) -> Colour {
    let q = pot.relative(p);
    let x = (q.u - 0.5) * 2.0;
    let side = if q.v < 0.16 { 1.0 } else { 0.90 - 0.22 * q.v };
    let foot = 1.0 + 0.055 * (1.0 - x * x).max(0.0).sqrt();
    let distance = ((x.abs() - side) * pot.width() / 2.0).max((q.v - foot) * pot.height()).max(pot.top - p.v);
    let across = (x / side).clamp(-1.0, 1.0);
    let normal = [across, 0.0, (1.0 - across * across).sqrt()];
    let light = 0.30 + 0.72 * smoothstep(-0.2, 1.0, dot(normal, TO_LIGHT));
    let rim = 1.0 - 0.45 * smoothstep(0.05, 0.0, (q.v - 0.19).abs() - 0.01) * smoothstep(0.14, 0.17, q.v);
    let streak = 0.35 * (-((across + 0.55) / 0.10).powi(2)).exp();
    let glaze = 0.92 + 0.16 * noise(p.u * 220.0, p.v * 220.0);
    let colour = scaled(srgb(196, 204, 205), light * rim * glaze);
    let band = coverage((q.v - 0.52).abs() * pot.height() - 0.008, pixel);
    let painted = mix(colour, scaled(srgb(44, 84, 128), light), band);
    let body: Colour = std::array::from_fn(|i| painted[i] + streak * 0.5);
    let inside = ellipse_distance(p, at(pot.centre().u, pot.top), pot.width() / 2.0, 0.011);
    let potted = mix(under, body, coverage(distance, pixel));
    let earth = scaled(srgb(58, 42, 32), 0.7 + 0.6 * noise(p.u * 400.0, p.v * 400.0));
    mix(
        mix(potted, scaled(srgb(205, 210, 210), 0.75), coverage(inside, pixel)),
        earth,
        coverage(inside + 0.003, pixel),
    )
}

/// A pencil lying on the desk.
pub(crate) struct Pencil {
    pub(crate) tip: Point,
    pub(crate) end: Point,
    pub(crate) half_width: f32,
}

impl Layer for Pencil {
    fn bounds(&self) -> Bounds {
        let (a, b) = (self.tip, self.end);
        Bounds { left: a.u.min(b.u), top: a.v.min(b.v), right: a.u.max(b.u), bottom: a.v.max(b.v) }
            .grown(0.03)
    }

    fn over(&self, under: Colour, p: Point, pixel: f32) -> Colour {
        let shadow = segment_distance(at(p.u - 0.006, p.v - 0.007), self.tip, self.end) - self.half_width;
        let dimmed = scaled(under, 1.0 - 0.5 * (1.0 - smoothstep(-0.003, 0.009, shadow)));
        let axis = self.end.minus(self.tip);
        let length = axis.length();
        let d = p.minus(self.tip);
        let along = (d.u * axis.u + d.v * axis.v) / length;
        let across = (d.v * axis.u - d.u * axis.v) / length / self.half_width;
        let taper = (along / 0.035).clamp(0.0, 1.0);
        let outside = ((across.abs() - taper) * self.half_width).max(-along).max(along - length);
        let facet = if across < -0.35 {
            1.15
        } else if across < 0.35 {
            0.92
        } else {
            0.62
        };
        let colour = if along < 0.010 {
            srgb(40, 40, 44)
        } else if along < 0.035 - 0.003 * (across * 9.0).cos() {
            scaled(srgb(222, 184, 138), 0.95 - 0.25 * across)
        } else if along > length - 0.016 {
            scaled(srgb(214, 120, 120), 0.95 - 0.3 * across)
        } else if along > length - 0.030 {
            scaled(srgb(176, 178, 182), 0.9 - 0.5 * across)
        } else {
            scaled(srgb(232, 176, 34), facet)
        };
        mix(dimmed, colour, coverage(outside, pixel))
    }
}
