//! Where the lens focuses: where the application says, from the start on.

use super::number;
use crate::configuration::Configuration;
use crate::configuration::LensRange;
use crate::controller::{ActiveState, Algorithm, Preparation};
use pinhole_base::control::{AF_MODE, AfMode, ControlList, LENS_POSITION};

#[derive(Default)]
pub(super) struct LensPosition {
    /// What was asked for last, in dioptres.
    asked: Option<f64>,
}

impl LensPosition {
    fn within(&self, range: &LensRange) -> f64 {
        self.asked.unwrap_or(range.start).clamp(range.limits.min, range.limits.max)
    }
}

impl Algorithm for LensPosition {
    fn control(&mut self, controls: &ControlList) {
        self.asked = number(controls, LENS_POSITION).or(self.asked);
    }

    fn configure(&mut self, configuration: &Configuration, state: &mut ActiveState) {
        state.lens_dioptres = configuration.lens.map(|range| self.within(&range));
    }

    fn prepare(&mut self, frame: &mut Preparation<'_>) {
        let Some(range) = &frame.configuration.lens else { return };
        frame.state.lens_dioptres = Some(self.within(range));
        frame.metadata.set(AF_MODE, AfMode::Manual);
    }
}
