//! The light on the scene: how bright and how warm, and how that changes over time.

use std::time::Duration;

/// The light that falls on the scene.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Light {
    /// Illuminance.
    pub lux: f64,
    /// Correlated colour temperature.
    pub kelvin: f64,
}

impl Light {
    /// A bright, daylit room.
    pub const DAYLIT_ROOM: Self = Self { lux: 600.0, kelvin: 5500.0 };

    fn mixed(self, other: Self, t: f64) -> Self {
        let mired = |light: Self| 1e6 / light.kelvin;
        // Equal steps to the eye: in the logarithm of brightness, and in mired.
        let lux = self.lux.max(1e-6).ln() * (1.0 - t) + other.lux.max(1e-6).ln() * t;
        Self { lux: lux.exp(), kelvin: 1e6 / (mired(self) * (1.0 - t) + mired(other) * t) }
    }
}

/// How the light changes over time.
#[derive(Clone, Debug, PartialEq)]
pub enum LightSchedule {
    /// Always the same.
    Constant(Light),
    /// From each given time on, the light beside it. Times rise; before the first, the first.
    Steps(Vec<(Duration, Light)>),
    /// One light until a start, then gradually another.
    Ramp {
        /// The light at first.
        from: Light,
        /// The light at last.
        to: Light,
        /// When it begins to change.
        start: Duration,
        /// How long the change takes.
        length: Duration,
    },
}

impl LightSchedule {
    /// The light at a time since the start of the scene.
    pub fn at(&self, time: Duration) -> Light {
        match self {
            Self::Constant(light) => *light,
            Self::Steps(steps) => {
                let past = steps.iter().rev().find(|(from, _)| *from <= time);
                past.or(steps.first()).map_or(Light::DAYLIT_ROOM, |&(_, light)| light)
            }
            Self::Ramp { from, to, start, length } => {
                let elapsed = time.saturating_sub(*start).as_secs_f64();
                let t = elapsed / length.as_secs_f64().max(1e-9);
                from.mixed(*to, t.clamp(0.0, 1.0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIM: Light = Light { lux: 10.0, kelvin: 2700.0 };
    const BRIGHT: Light = Light { lux: 1000.0, kelvin: 6500.0 };

    fn close(a: Light, b: Light) {
        assert!((a.lux - b.lux).abs() < 1e-6 && (a.kelvin - b.kelvin).abs() < 1e-6, "{a:?} {b:?}");
    }

    #[test]
    fn steps_hold_until_the_next() {
        let second = Duration::from_secs(1);
        let steps = LightSchedule::Steps(vec![(second, DIM), (3 * second, BRIGHT)]);
        close(steps.at(Duration::ZERO), DIM);
        close(steps.at(2 * second), DIM);
        close(steps.at(3 * second), BRIGHT);
    }

    #[test]
    fn a_ramp_passes_the_geometric_mean_halfway() {
        let second = Duration::from_secs(1);
        let ramp = LightSchedule::Ramp { from: DIM, to: BRIGHT, start: second, length: 2 * second };
        close(ramp.at(Duration::ZERO), DIM);
        close(ramp.at(9 * second), BRIGHT);
        assert!((ramp.at(2 * second).lux - 100.0).abs() < 1e-6);
    }

    #[test]
    fn no_steps_and_no_length_still_give_a_light() {
        assert_eq!(LightSchedule::Steps(Vec::new()).at(Duration::ZERO), Light::DAYLIT_ROOM);
        let ramp =
            LightSchedule::Ramp { from: DIM, to: BRIGHT, start: Duration::ZERO, length: Duration::ZERO };
        close(ramp.at(Duration::from_secs(1)), BRIGHT);
    }
}
