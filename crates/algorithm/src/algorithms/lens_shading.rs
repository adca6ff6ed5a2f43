//! Undoes the lens's shading, from the vignetting that the tuning has.

use crate::configuration::Configuration;
use crate::controller::{ActiveState, Algorithm, Preparation};
use crate::parameters::LensShading;
use pinhole_base::vignetting::Vignetting;
use std::sync::Arc;

/// Most cells across and down, as VC4's processor takes them.
const CELLS_MAX: (u32, u32) = (63, 48);
/// Least distance of points, in sensor pixels.
const CELL_PIXELS_MIN: u32 = 16;
/// A gain of 1, and the greatest.
const UNITY: f64 = 1024.0;
const GAIN_MAX: f64 = 16383.0;

pub(super) struct Shading {
    vignetting: Option<[[f64; 2]; 3]>,
    table: Option<Arc<LensShading>>,
}

impl Shading {
    pub(super) fn new(vignetting: Option<[[f64; 2]; 3]>) -> Self {
        Self { vignetting, table: None }
    }
}

impl Algorithm for Shading {
    fn configure(&mut self, configuration: &Configuration, _: &mut ActiveState) {
        self.table = self.vignetting.map(|vignetting| Arc::new(table(&vignetting, configuration)));
    }

    fn prepare(&mut self, frame: &mut Preparation<'_>) {
        frame.parameters.lens_shading.clone_from(&self.table);
    }
}

fn table(vignetting: &[[f64; 2]; 3], configuration: &Configuration) -> LensShading {
    let size = configuration.mode_size;
    let cells = |cell: u32| (size.width.div_ceil(cell), size.height.div_ceil(cell));
    let fits = |&cell: &u32| cells(cell).0 <= CELLS_MAX.0 && cells(cell).1 <= CELLS_MAX.1;
    let doubled = std::iter::successors(Some(CELL_PIXELS_MIN), |cell| cell.checked_mul(2));
    let cell_pixels = doubled.clone().find(fits).unwrap_or(1 << 31);
    let (columns, rows) = (cells(cell_pixels).0 + 1, cells(cell_pixels).1 + 1);
    let vignetting = Vignetting { coefficients: *vignetting, area: configuration.active_area };
    let plane = |colour: usize| {
        let points = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
        let gain = |(column, row)| {
            let (x, y) = native(column * cell_pixels, row * cell_pixels, configuration);
            (vignetting.gains(x, y)[colour] * UNITY).round().clamp(0.0, GAIN_MAX) as u16
        };
        points.map(gain).collect()
    };
    LensShading { columns, rows, cell_pixels, gains: [plane(0), plane(1), plane(1), plane(2)] }
}

/// Where a pixel of the mode lies in the array.
fn native(x: u32, y: u32, configuration: &Configuration) -> (f64, f64) {
    let (size, crop) = (configuration.mode_size, configuration.crop);
    let native = |at: u32, pixels: u32, start: i32, length: u32| {
        f64::from(start) + f64::from(at) * f64::from(length) / f64::from(pixels.max(1))
    };
    (native(x, size.width, crop.x, crop.width), native(y, size.height, crop.y, crop.height))
}
