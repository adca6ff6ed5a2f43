//! Reports how sharp the picture is.

use crate::controller::{Algorithm, Processing};
use pinhole_base::control::FOCUS_FOM;

pub(super) struct FocusMerit;

impl Algorithm for FocusMerit {
    fn process(&mut self, frame: &mut Processing<'_>) {
        let windows = &frame.statistics.focus;
        let counted: u64 = windows.iter().map(|window| u64::from(window.counted)).sum();
        let contrast: u128 = windows.iter().map(|window| u128::from(window.contrast)).sum();
        let merit = contrast / u128::from(counted.max(1));
        frame.metadata.set(FOCUS_FOM, i32::try_from(merit).unwrap_or(i32::MAX));
    }
}
