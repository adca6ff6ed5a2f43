//! The painter's tools: points, linear colours, soft edges, noise, and the layers that a
//! picture is built of.
//!
//! Coordinates are the same for every sensor: the origin is the centre of the active area, a
//! unit is its height, `u` runs right and `v` down.

use std::f32::consts::PI;

use pinhole_base::geometry::{NativePixels, Rect};

use crate::model::SensorModel;

/// Linear sRGB reflectance; 1 is a perfect white in full light, highlights may exceed it.
pub(crate) type Colour = [f32; 3];

/// A place in the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) u: f32,
    pub(crate) v: f32,
}

pub(crate) const fn at(u: f32, v: f32) -> Point {
    Point { u, v }
}

impl Point {
    pub(crate) fn minus(self, other: Self) -> Self {
        at(self.u - other.u, self.v - other.v)
    }

    pub(crate) fn length(self) -> f32 {
        (self.u * self.u + self.v * self.v).sqrt()
    }

    /// Turned by an angle, clockwise to the eye.
    pub(crate) fn turned(self, radians: f32) -> Self {
        let (sin, cos) = radians.sin_cos();
        at(self.u * cos - self.v * sin, self.u * sin + self.v * cos)
    }
}

/// An upright rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) left: f32,
    pub(crate) top: f32,
    pub(crate) right: f32,
    pub(crate) bottom: f32,
}

impl Bounds {
    /// Reaches beyond any picture.
    pub(crate) const ALL: Self = Self { left: -2.0, top: -2.0, right: 2.0, bottom: 2.0 };

    pub(crate) const fn about(centre: Point, half_width: f32, half_height: f32) -> Self {
        Self {
            left: centre.u - half_width,
            top: centre.v - half_height,
            right: centre.u + half_width,
            bottom: centre.v + half_height,
        }
    }

    pub(crate) fn grown(self, by: f32) -> Self {
        Self { left: self.left - by, top: self.top - by, right: self.right + by, bottom: self.bottom + by }
    }

    /// The smallest that holds both.
    pub(crate) fn joined(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    pub(crate) fn centre(self) -> Point {
        at((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    pub(crate) fn width(self) -> f32 {
        self.right - self.left
    }

    pub(crate) fn height(self) -> f32 {
        self.bottom - self.top
    }

    /// How far outside a point lies; negative inside.
    pub(crate) fn distance(self, p: Point) -> f32 {
        let d = p.minus(self.centre());
        let (x, y) = (d.u.abs() - self.width() / 2.0, d.v.abs() - self.height() / 2.0);
        at(x.max(0.0), y.max(0.0)).length() + x.max(y).min(0.0)
    }

    /// Where a point lies, from 0 to 1 across and down.
    pub(crate) fn relative(self, p: Point) -> Point {
        at((p.u - self.left) / self.width(), (p.v - self.top) / self.height())
    }

    /// Where it lies on a sensor that is mounted upright.
    pub(crate) fn on(self, model: &SensorModel) -> Rect<NativePixels> {
        let area = model.active_area;
        let unit = area.height as f32;
        let x = |u: f32| area.x + (area.width as f32 / 2.0 + u * unit) as i32;
        let y = |v: f32| area.y + (area.height as f32 / 2.0 + v * unit) as i32;
        let (left, top) = (x(self.left), y(self.top));
        Rect::new(left, top, (x(self.right) - left) as u32, (y(self.bottom) - top) as u32)
    }
}

/// Something that covers or tints a part of the picture.
pub(crate) trait Layer: Send + Sync {
    /// Where it may change anything.
    fn bounds(&self) -> Bounds;

    /// What becomes of the colour `under` a point; `pixel` is the side of the square that the
    /// point stands for.
    fn over(&self, under: Colour, p: Point, pixel: f32) -> Colour;
}

/// The share of a pixel that lies inside an edge at that distance.
pub(crate) fn coverage(distance: f32, pixel: f32) -> f32 {
    (0.5 - distance / pixel).clamp(0.0, 1.0)
}

/// From 0 below `low` to 1 above `high`, smoothly.
pub(crate) fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

pub(crate) fn mix(a: Colour, b: Colour, t: f32) -> Colour {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * t)
}

pub(crate) fn scaled(colour: Colour, factor: f32) -> Colour {
    colour.map(|c| c * factor)
}

pub(crate) fn tinted(colour: Colour, tint: Colour) -> Colour {
    std::array::from_fn(|i| colour[i] * tint[i])
}

/// Linear light of an sRGB value from 0 to 255 (IEC 61966-2-1).
pub(crate) fn linear(srgb: u8) -> f32 {
    let s = f32::from(srgb) / 255.0;
    if s <= 0.040_45 { s / 12.92 } else { ((s + 0.055) / 1.055).powf(2.4) }
}

/// A colour as people write it.
pub(crate) fn srgb(red: u8, green: u8, blue: u8) -> Colour {
    [red, green, blue].map(linear)
}

/// How far a point is from a stretch between two others.
pub(crate) fn segment_distance(p: Point, a: Point, b: Point) -> f32 {
    let (ap, ab) = (p.minus(a), b.minus(a));
    let length2 = (ab.u * ab.u + ab.v * ab.v).max(1e-12);
    let t = ((ap.u * ab.u + ap.v * ab.v) / length2).clamp(0.0, 1.0);
    at(ap.u - ab.u * t, ap.v - ab.v * t).length()
}

/// How far a point lies outside an ellipse, roughly.
pub(crate) fn ellipse_distance(p: Point, centre: Point, half_width: f32, half_height: f32) -> f32 {
    let d = p.minus(centre);
    let scaled = at(d.u / half_width, d.v / half_height).length();
    (scaled - 1.0) * half_width.min(half_height)
}

fn hash(x: i32, y: i32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77);
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    (h >> 8) as f32 / (1 << 24) as f32
}

/// Smooth random values from 0 to 1, one per unit square's corner.
pub(crate) fn noise(x: f32, y: f32) -> f32 {
    let ((x0, tx), (y0, ty)) = (whole_and_part(x), whole_and_part(y));
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (tx, ty) = (ease(tx), ease(ty));
    let corner = |dx: i32, dy: i32| hash(x0 + dx, y0 + dy);
    let top = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * tx;
    let bottom = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * tx;
    top + (bottom - top) * ty
}

/// Noise of several octaves, about 0.5.
pub(crate) fn fractal(x: f32, y: f32, octaves: u32) -> f32 {
    let (mut sum, mut weight, mut scale) = (0.0, 0.5, 1.0);
    for _ in 0..octaves {
        sum += weight * (noise(x * scale, y * scale) - 0.5);
        weight *= 0.5;
        scale *= 2.03;
    }
    sum + 0.5
}

/// The integer below and the part above it. Without `floor`, which is a call on many targets.
pub(crate) fn whole_and_part(x: f32) -> (i32, f32) {
    let towards_zero = x as i32;
    let whole = towards_zero - i32::from(x < towards_zero as f32);
    (whole, x - whole as f32)
}

/// How much of a sine of that many cycles per unit survives pixels of that size.
pub(crate) fn visible(cycles: f32, pixel: f32) -> f32 {
    let x = (cycles * pixel).min(1.0);
    if x < 1e-3 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_half_covered() {
        assert_eq!(coverage(0.0, 0.1), 0.5);
        assert_eq!((coverage(-1.0, 0.1), coverage(1.0, 0.1)), (1.0, 0.0));
    }

    #[test]
    fn noise_stays_in_its_range() {
        for i in 0..1000 {
            let value = noise(i as f32 * 0.37 - 100.0, i as f32 * -0.73);
            assert!((0.0..=1.0).contains(&value));
        }
    }

    #[test]
    fn distance_to_a_rectangle_is_negative_inside() {
        let bounds = Bounds::about(at(0.0, 0.0), 2.0, 1.0);
        assert_eq!(bounds.distance(at(0.0, 0.0)), -1.0);
        assert_eq!(bounds.distance(at(5.0, 5.0)), 5.0);
    }
}
