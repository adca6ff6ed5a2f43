//! The zones of a picture vote on the light it was taken in.
//!
//! A zone's colour is known from red and blue over green. It votes for each light that would make
//! it nearly grey: less the farther that lies (Epanechnikov's kernel), more the brighter it is.
//! Colours are reckoned in units of the tolerance here, so that a vote is one less the square of
//! a distance; and in 32 bits, of which a processor takes several at a time.

use super::curve::LightCurve;
use crate::statistics::{AWB_ZONES, Statistics, WHITE, Zone};

/// Mean green outside of these is too dark, or too near to clipping, to tell a colour.
const GREEN_MIN: f32 = 0.003;
const GREEN_MAX: f32 = 0.85;
/// Least ratio of red or blue to green that can be grey.
const RATIO_MIN: f32 = 0.02;
/// Least tolerance that can be reckoned with.
const TOLERANCE_MIN: f32 = 1e-6;
/// Lights that are voted on, from one end of the curve to the other.
const LIGHTS: usize = 32;
/// How often the mean of the voters is looked for again, about itself.
const REFINEMENTS: usize = 3;

/// Red and blue over green, in units of the tolerance.
type Colour = [f32; 2];

/// A zone whose colour can be told.
#[derive(Clone, Copy)]
struct Voter {
    colour: Colour,
    /// Mean green, where 1 is white.
    brightness: f32,
}

impl Voter {
    fn of(zone: &Zone, tolerance: f32) -> Option<Self> {
        let [red, green, blue] = [zone.red, zone.green, zone.blue].map(|sum| sum as f32);
        let brightness = green / (zone.counted as f32 * WHITE as f32);
        let colour = [red / green, blue / green];
        let is_lit = (GREEN_MIN..GREEN_MAX).contains(&brightness);
        let can_be_grey = colour.iter().all(|ratio| *ratio > RATIO_MIN);
        (is_lit && can_be_grey).then(|| Self { colour: colour.map(|ratio| ratio / tolerance), brightness })
    }

    fn vote(&self, red: f32, blue: f32) -> f32 {
        let (red, blue) = (self.colour[0] - red, self.colour[1] - blue);
        let nearness = 1.0 - (red * red + blue * blue);
        // Not `max`, which minds what is no number: this is one instruction.
        if nearness > 0.0 { nearness * self.brightness } else { 0.0 }
    }
}

/// The lights to choose from, in order along the curve.
struct Lights {
    red: [f32; LIGHTS],
    blue: [f32; LIGHTS],
}

impl Lights {
    /// `None` without a curve.
    fn along(curve: &LightCurve, tolerance: f32) -> Option<Self> {
        let mut lights = Self { red: [0.0; LIGHTS], blue: [0.0; LIGHTS] };
        let mut found = 0;
        for (at, colour) in curve.spread(LIGHTS).enumerate() {
            [lights.red[at], lights.blue[at]] = colour.map(|ratio| ratio as f32 / tolerance);
            found += 1;
        }
        (found == LIGHTS).then_some(lights)
    }

    /// The light with most votes; `None` if nobody voted.
    fn elect(&self, voters: &[Voter]) -> Option<Colour> {
        let mut votes = [0.0; LIGHTS];
        for voter in voters {
            let lights = self.red.iter().zip(&self.blue);
            votes.iter_mut().zip(lights).for_each(|(votes, (red, blue))| *votes += voter.vote(*red, *blue));
        }
        let best = votes.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
        let (at, _) = best.filter(|(_, votes)| **votes > 0.0)?;
        Some([self.red[at], self.blue[at]])
    }
}

/// Holds the vote. Allocates only when it is made.
pub(super) struct Vote {
    tolerance: f32,
    lights: Option<Lights>,
    voters: Vec<Voter>,
}

impl Vote {
    /// On the lights of a curve, by zones that lie within `tolerance` of one.
    pub(super) fn on(curve: &LightCurve, tolerance: f64) -> Self {
        let tolerance = (tolerance as f32).max(TOLERANCE_MIN);
        let voters = Vec::with_capacity(AWB_ZONES.0 * AWB_ZONES.1);
        Self { tolerance, lights: Lights::along(curve, tolerance), voters }
    }

    /// Red and blue over green of what seems to be grey: the mean of those who voted for the best
    /// light, or without any of all. `None` if nothing can be told.
    pub(super) fn grey(&mut self, statistics: &Statistics) -> Option<[f64; 2]> {
        let tolerance = self.tolerance;
        self.voters.clear();
        self.voters.extend(statistics.awb.iter().filter_map(|zone| Voter::of(zone, tolerance)));
        let best = self.lights.as_ref().and_then(|lights| lights.elect(&self.voters));
        let grey = best.map_or_else(|| self.mean(|voter| voter.brightness), |light| Some(self.refine(light)));
        Some(grey?.map(|ratio| f64::from(ratio * tolerance)))
    }

    fn refine(&self, light: Colour) -> Colour {
        (0..REFINEMENTS)
            .fold(light, |grey, _| self.mean(|voter| voter.vote(grey[0], grey[1])).unwrap_or(grey))
    }

    fn mean(&self, weight: impl Fn(&Voter) -> f32) -> Option<Colour> {
        let (mut red, mut blue, mut weights) = (0.0, 0.0, 0.0);
        for voter in &self.voters {
            let weight = weight(voter);
            red += voter.colour[0] * weight;
            blue += voter.colour[1] * weight;
            weights += weight;
        }
        (weights > 0.0).then(|| [red / weights, blue / weights])
    }
}
