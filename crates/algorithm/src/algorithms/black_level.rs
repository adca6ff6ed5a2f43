//! Subtracts the sensor's black.

use crate::controller::{Algorithm, Preparation};
use pinhole_base::control::SENSOR_BLACK_LEVELS;

pub(super) struct BlackLevel;

impl Algorithm for BlackLevel {
    fn prepare(&mut self, frame: &mut Preparation<'_>) {
        let black = frame.configuration.black_level_16bit;
        frame.parameters.black_level = [black; 3];
        frame.metadata.set(SENSOR_BLACK_LEVELS, [i32::from(black); 4]);
    }
}
