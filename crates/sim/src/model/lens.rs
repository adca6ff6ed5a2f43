//! The lenses that the simulator can put before a sensor.

/// Everything the simulator knows of one type of lens with a motor.
#[derive(Debug)]
pub struct LensModel {
    /// The driver's name, e.g. `dw9807`.
    pub name: &'static str,
    /// The address on the sensor's bus, as in its entity's name.
    pub address: &'static str,
    /// The greatest step of its driver; the least is 0.
    pub code_max: u32,
    /// The step that focuses at infinity.
    pub infinity_code: u32,
    /// Steps for a dioptre more.
    pub codes_per_dioptre: f64,
    /// How many steps it moves in a millisecond.
    pub codes_per_ms: f64,
    /// Diameter of the disc that a point one dioptre out of focus becomes, as a share of the
    /// height of the sensor's active area.
    pub blur_per_dioptre: f64,
}

impl LensModel {
    /// Every model.
    pub const ALL: [&'static Self; 1] = [&DW9807];

    /// The model of that name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|model| model.name == name)
    }

    /// Where a step, or something between two, focuses. Below that of infinity nothing is sharp.
    pub fn dioptres(&self, code: f64) -> f64 {
        (code - f64::from(self.infinity_code)) / self.codes_per_dioptre
    }
}

/// The lens of the Camera Module 3, on a Dongwoon DW9807. Steps are those of libcamera's tuning
/// for it, the speed is a guess. Blur is that of its 4.74 mm at f/1.8 over a sensor of 3.63 mm:
/// `4.74² / 1.8 / 1000 / 3.63`.
pub static DW9807: LensModel = LensModel {
    name: "dw9807",
    address: "000c",
    code_max: 1023,
    infinity_code: 445,
    codes_per_dioptre: 32.0,
    codes_per_ms: 20.0,
    blur_per_dioptre: 0.00344,
};
