//! The built-in scene: a still life with a colour chart and a test card, on a desk by a window.

use super::card::{CARD_BOUNDS, Card};
use super::chart::{CHART_BOUNDS, Chart, Foot};
use super::landscape::Framed;
use super::moving::{Case, Face};
use super::objects::{Ball, Pencil, Plant};
use super::paint::{Bounds, Layer, at, srgb};
use super::room::{CastShadow, Desk, Shadow, Sunlight, Wall};

const POT: Bounds = Bounds { left: 0.440, top: 0.165, right: 0.580, bottom: 0.292 };

/// What stands still, from back to front.
pub(crate) fn still_parts() -> Vec<Box<dyn Layer>> {
    let mut layers: Vec<Box<dyn Layer>> = vec![
        Box::new(Wall),
        Box::new(Face),
        Box::new(Framed::new(Bounds { left: -0.055, top: -0.425, right: 0.465, bottom: -0.065 })),
        Box::new(Sunlight),
        Box::new(Desk),
    ];
    layers.extend(cards());
    layers.extend(plant());
    layers.extend(balls());
    layers.push(Box::new(CastShadow { foot: (0.278, 0.498), base: 0.344, reach: 0.045 }));
    layers.push(Box::new(Case));
    layers.push(Box::new(Pencil { tip: at(-0.045, 0.452), end: at(0.235, 0.405), half_width: 0.0068 }));
    layers
}

fn cards() -> Vec<Box<dyn Layer>> {
    let (chart, card) = (CHART_BOUNDS, CARD_BOUNDS);
    vec![
        Box::new(CastShadow { foot: (chart.left, chart.right), base: chart.bottom, reach: 0.075 }),
        Box::new(Chart),
        Box::new(Foot { centre: at(chart.left + 0.075, chart.bottom), half_width: 0.030 }),
        Box::new(Foot { centre: at(chart.right - 0.075, chart.bottom), half_width: 0.030 }),
        Box::new(CastShadow { foot: (card.left, card.right), base: card.bottom, reach: 0.070 }),
        Box::new(Card),
        Box::new(Foot { centre: at(card.left + 0.065, card.bottom), half_width: 0.026 }),
        Box::new(Foot { centre: at(card.right - 0.065, card.bottom), half_width: 0.026 }),
    ]
}

fn plant() -> Vec<Box<dyn Layer>> {
    let foot = POT.bottom;
    vec![
        Box::new(Shadow {
            centre: at(0.550, foot + 0.012),
            half_width: 0.110,
            half_height: 0.026,
            softness: 0.6,
            depth: 0.75,
        }),
        Box::new(Plant::new(POT)),
    ]
}

fn balls() -> Vec<Box<dyn Layer>> {
    let balls = [
        Ball { centre: at(-0.455, 0.372), radius: 0.050, colour: srgb(236, 132, 34), gloss: 0.15 },
        Ball { centre: at(-0.330, 0.402), radius: 0.042, colour: srgb(30, 92, 168), gloss: 1.0 },
        Ball { centre: at(-0.215, 0.385), radius: 0.038, colour: [0.18; 3], gloss: 0.0 },
        Ball { centre: at(-0.135, 0.412), radius: 0.026, colour: srgb(60, 140, 78), gloss: 0.9 },
    ];
    let shadows = balls.iter().flat_map(|ball| {
        let foot = ball.centre.v + ball.radius;
        let wide = Shadow {
            centre: at(ball.centre.u + 0.62 * ball.radius, foot - 0.06 * ball.radius),
            half_width: 1.25 * ball.radius,
            half_height: 0.34 * ball.radius,
            softness: 0.55,
            depth: 0.72,
        };
        let contact = Shadow {
            centre: at(ball.centre.u + 0.1 * ball.radius, foot - 0.10 * ball.radius),
            half_width: 0.55 * ball.radius,
            half_height: 0.16 * ball.radius,
            softness: 0.6,
            depth: 0.8,
        };
        [wide, contact]
    });
    let shadows: Vec<Box<dyn Layer>> = shadows.map(|shadow| Box::new(shadow) as Box<dyn Layer>).collect();
    shadows.into_iter().chain(balls.into_iter().map(|ball| Box::new(ball) as Box<dyn Layer>)).collect()
}
