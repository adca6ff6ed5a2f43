//! The parts that change from frame to frame: the clock's hands, a bouncing ball, and the
//! display with the frame's number.

use std::f32::consts::TAU;
use std::time::Duration;

use super::letters::digit_distance;
use super::objects::Ball;
use super::paint::{
    Bounds, Colour, Layer, Point, at, coverage, mix, scaled, segment_distance, smoothstep, srgb,
};
use super::room::Shadow;

/// Where the clock hangs.
pub(crate) const CLOCK: (Point, f32) = (at(-0.475, -0.245), 0.105);
/// The glass of the display.
const DISPLAY: Bounds = Bounds { left: 0.288, top: 0.278, right: 0.488, bottom: 0.338 };
const DIGITS: u32 = 6;

/// Seconds that the second hand takes to go round, and the ball to bounce.
const TURN_S: f64 = 4.0;
const BOUNCE_S: f64 = 0.9;

/// The places that moving parts never leave: the clock, the ball's, the display.
pub(crate) const ZONES: [Bounds; 3] = [
    Bounds::about(CLOCK.0, CLOCK.1, CLOCK.1),
    Bounds { left: 0.02, top: 0.18, right: 0.26, bottom: 0.47 },
    DISPLAY,
];

/// Layers that lie in one of the [`ZONES`], from back to front.
pub(crate) struct Moving {
    pub(crate) zone: usize,
    pub(crate) layers: Vec<Box<dyn Layer>>,
}

impl Moving {
    /// Where its layers change anything.
    pub(crate) fn bounds(&self) -> Bounds {
        let all = self.layers.iter().map(|layer| layer.bounds());
        all.reduce(Bounds::joined).unwrap_or(ZONES[self.zone])
    }
}

/// What moves, at one moment.
pub(crate) fn moving_parts(time: Duration, sequence: u32) -> Vec<Moving> {
    let (ball, shadow) = bouncing_ball(time);
    vec![
        Moving { zone: 0, layers: vec![Box::new(Hands::at(time))] },
        Moving { zone: 1, layers: vec![Box::new(shadow), Box::new(ball)] },
        Moving { zone: 2, layers: vec![Box::new(Display { number: sequence })] },
    ]
}

fn bouncing_ball(time: Duration) -> (Ball, Shadow) {
    const FLOOR: f32 = 0.425;
    const RADIUS: f32 = 0.034;
    let phase = ((time.as_secs_f64() / BOUNCE_S + 0.31).fract() * 2.0 - 1.0) as f32;
    let height = 0.17 * (1.0 - phase * phase);
    let centre = at(0.085, FLOOR - RADIUS - height);
    let ball = Ball { centre, radius: RADIUS, colour: srgb(206, 44, 40), gloss: 0.75 };
    let lift = height / 0.17;
    let shadow = Shadow {
        centre: at(centre.u + 0.012 + 0.5 * height, FLOOR - 0.004 + 0.02 * lift),
        half_width: RADIUS * (1.05 - 0.15 * lift),
        half_height: RADIUS * 0.34,
        softness: 0.35 + 0.6 * lift,
        depth: 0.85 - 0.5 * lift,
    };
    (ball, shadow)
}

/// The face of the clock, without hands.
pub(crate) struct Face;

impl Layer for Face {
    fn bounds(&self) -> Bounds {
        Bounds::about(CLOCK.0, CLOCK.1 * 1.4, CLOCK.1 * 1.4)
    }

    fn over(&self, under: Colour, p: Point, pixel: f32) -> Colour {
        let (centre, radius) = CLOCK;
        let d = p.minus(centre);
        let shadow = at(d.u - 0.012, d.v - 0.016).length() - radius;
        let wall = scaled(under, 1.0 - 0.45 * (1.0 - smoothstep(-0.01, 0.022, shadow)));
        let r = d.length();
        let rim = mix(srgb(38, 42, 48), srgb(150, 156, 160), rim_light(d, radius));
        let cased = mix(wall, rim, coverage(r - radius, pixel));
        let dial = radius * 0.90;
        let inner_shadow = 1.0 - 0.35 * smoothstep(dial - 0.014, dial, at(d.u + 0.006, d.v + 0.008).length());
        let paper = scaled(srgb(242, 240, 232), 0.86 * inner_shadow);
        let face = mix(cased, paper, coverage(r - dial, pixel));
        mix(face, srgb(30, 32, 36), coverage(ticks(d, radius), pixel))
    }
}

fn rim_light(d: Point, radius: f32) -> f32 {
    let across = ((d.length() / radius - 0.95) / 0.05).clamp(-1.0, 1.0);
    let towards = -(d.u * 0.6 + d.v * 0.8) / d.length().max(1e-6);
    (0.35 + 0.65 * towards * across).clamp(0.0, 1.0)
}

/// Distance to the nearest of the 60 marks.
fn ticks(d: Point, radius: f32) -> f32 {
    let minute = (d.u.atan2(-d.v) / TAU * 60.0).round();
    let local = d.turned(-minute / 60.0 * TAU);
    let hour = minute.rem_euclid(5.0) < 0.5;
    let (length, half) = if hour { (0.13, 0.016) } else { (0.055, 0.006) };
    let outer = radius * 0.84;
    let body =
        Bounds { left: -half * radius, right: half * radius, top: -outer, bottom: -outer + length * radius };
    body.distance(local)
}

/// The hands, at one moment.
struct Hands {
    /// Angles of the hour, minute and second hand, from straight up.
    angles: [f32; 3],
}

impl Hands {
    fn at(time: Duration) -> Self {
        let seconds = time.as_secs_f64();
        let turn = |period: f64, start: f64| ((seconds / period + start).fract() as f32) * TAU;
        Self { angles: [turn(43_200.0, 0.848), turn(3600.0, 0.18), turn(TURN_S, 0.56)] }
    }
}

impl Layer for Hands {
    fn bounds(&self) -> Bounds {
        Bounds::about(CLOCK.0, CLOCK.1 * 0.9, CLOCK.1 * 0.9)
    }

    fn over(&self, under: Colour, p: Point, pixel: f32) -> Colour {
        let (centre, radius) = CLOCK;
        let hands = [
            (0.50, 0.030, srgb(28, 30, 34)),
            (0.74, 0.022, srgb(28, 30, 34)),
            (0.80, 0.010, srgb(190, 32, 30)),
        ];
        let mut colour = under;
        for (&angle, (length, half_width, paint)) in self.angles.iter().zip(hands) {
            let tip = at(0.0, -length * radius).turned(angle);
            let tail = at(0.0, 0.14 * radius).turned(angle);
            let distance = |p: Point| segment_distance(p.minus(centre), tail, tip) - half_width * radius;
            let shadow = distance(at(p.u - 0.004, p.v - 0.005));
            colour = scaled(colour, 1.0 - 0.3 * (1.0 - smoothstep(-0.002, 0.005, shadow)));
            colour = mix(colour, paint, coverage(distance(p), pixel));
        }
        mix(colour, srgb(190, 32, 30), coverage(p.minus(centre).length() - 0.05 * radius, pixel))
    }
}

/// The display's case, without digits.
pub(crate) struct Case;

impl Layer for Case {
    fn bounds(&self) -> Bounds {
        DISPLAY.grown(0.02)
    }

    fn over(&self, under: Colour, p: Point, pixel: f32) -> Colour {
        let body = DISPLAY.grown(0.010);
        let edge = body.grown(-0.008).distance(p) - 0.008;
        let height = body.relative(p).v;
        let top_light = 0.30 * (-(height / 0.08)).exp() + 0.75 - 0.35 * height;
        let case = scaled(srgb(206, 198, 180), top_light);
        let framed = mix(under, case, coverage(edge, pixel));
        let glass = DISPLAY.grown(-0.004).distance(p) - 0.004;
        let sheen = 0.010 + 0.05 * smoothstep(0.004, -0.004, p.u + 0.9 * p.v - 0.646);
        mix(framed, [sheen, sheen * 0.95, sheen * 0.92], coverage(glass, pixel))
    }
}

/// The lit digits of a number.
struct Display {
    number: u32,
}

impl Layer for Display {
    fn bounds(&self) -> Bounds {
        DISPLAY.grown(-0.002)
    }

    fn over(&self, under: Colour, p: Point, pixel: f32) -> Colour {
        const SIZE: f32 = 0.0165;
        const PITCH: f32 = 0.0305;
        let left = DISPLAY.centre().u - PITCH * DIGITS as f32 / 2.0 + 0.006;
        let place = ((p.u - left + 0.006) / PITCH).clamp(0.0, DIGITS as f32 - 1.0) as u32;
        let digit = self.number / 10u32.pow(DIGITS - 1 - place) % 10;
        let top = DISPLAY.centre().v - SIZE;
        // A slight slant, as such displays have.
        let u = p.u - left - place as f32 * PITCH + 0.10 * (p.v - DISPLAY.centre().v);
        let local = at(u / SIZE, (p.v - top) / SIZE);
        let lit = digit_distance(local, digit) * SIZE;
        let unlit = digit_distance(local, 8) * SIZE;
        let glow = 0.12 * (-(lit.max(0.0) / 0.005)).exp();
        let faint = mix(under, [0.030, 0.016, 0.010], coverage(unlit, pixel));
        let amber = [1.0, 0.36, 0.04];
        let haloed = std::array::from_fn(|i| faint[i] + glow * amber[i]);
        mix(haloed, scaled(amber, 0.95), coverage(lit, pixel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_parts_never_leave_their_zones() {
        for step in 0..200 {
            for part in moving_parts(Duration::from_millis(17 * step), 0) {
                let (zone, part) = (ZONES[part.zone], part.bounds());
                assert!(zone.left <= part.left && part.right <= zone.right, "{zone:?} {part:?}");
                assert!(zone.top <= part.top && part.bottom <= zone.bottom, "{zone:?} {part:?}");
            }
        }
    }
}
