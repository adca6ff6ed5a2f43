//! What is particular to a lens with a motor: which of its driver's steps focuses where, and
//! how long it takes to get there. One table, [`LensHelper::ALL`]; lenses that are not in it get
//! [`LensHelper::GENERIC`].
//!
//! Distances are told in dioptres: one over the metres to what is sharp, so that equal steps
//! change the picture about equally. Knows nothing of when a lens is moved.

use std::time::Duration;

/// What is particular to a lens, in the module that it is part of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LensHelper {
    /// The driver, as its entity's name begins: `dw9807` of `dw9807 10-000c`.
    pub driver: &'static str,
    /// The sensor behind it, as its entity's name begins. One driver moves many lenses.
    pub sensor: &'static str,
    /// Dioptres and the driver's steps, both rising; straight lines between. Without any, the
    /// driver's whole range stands for [`Self::dioptres`].
    pub points: &'static [(f64, i32)],
    /// Least and greatest dioptres.
    pub dioptres: (f64, f64),
    /// Where it starts: what suits most pictures.
    pub start_dioptres: f64,
    /// From a write until the lens stands still.
    pub settling: Duration,
}

impl LensHelper {
    /// The Camera Module 3's. Points, range and start are those of libcamera's tuning for it;
    /// the time to settle is an estimate.
    pub const DW9807_IMX708: Self = Self {
        driver: "dw9807",
        sensor: "imx708",
        points: &[(0.0, 445), (15.0, 925)],
        dioptres: (0.0, 15.0),
        start_dioptres: 1.0,
        settling: Duration::from_millis(60),
    };

    /// That of Arducam's 64 megapixel module, whose driver goes by the same name. As above.
    pub const DW9807_OV64A40: Self =
        Self { sensor: "ov64a40", points: &[(0.0, 0), (15.0, 1023)], ..Self::DW9807_IMX708 };

    /// Any other: the driver's range from infinity to a tenth of a metre, which few modules can
    /// do better than.
    pub const GENERIC: Self = Self {
        driver: "generic",
        sensor: "generic",
        points: &[],
        dioptres: (0.0, 10.0),
        start_dioptres: 1.0,
        settling: Duration::from_millis(100),
    };

    /// The lenses that are known by name. The first of a driver's stands for it behind other
    /// sensors.
    pub const ALL: &'static [Self] = &[Self::DW9807_IMX708, Self::DW9807_OV64A40];

    /// The lens of a media entity named like `dw9807 10-000c`, before a sensor named like
    /// `imx708 10-001a`; [`Self::GENERIC`] if its driver is not a known one.
    pub fn find(lens: &str, sensor: &str) -> &'static Self {
        let (driver, sensor) = (model(lens), model(sensor));
        let of_driver = || Self::ALL.iter().filter(|helper| helper.driver == driver);
        let exact = of_driver().find(|helper| helper.sensor == sensor);
        exact.or_else(|| of_driver().next()).unwrap_or(&Self::GENERIC)
    }
}

fn model(entity: &str) -> &str {
    entity.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("")
}

/// A lens as its driver offers it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LensScale {
    helper: &'static LensHelper,
    code_min: i32,
    code_max: i32,
}

impl LensScale {
    /// A lens whose driver takes steps from `code_min` to `code_max`.
    pub fn new(helper: &'static LensHelper, code_min: i32, code_max: i32) -> Self {
        Self { helper, code_min, code_max: code_max.max(code_min) }
    }

    /// Dioptres and steps at the least and the greatest of a line.
    fn ends(&self) -> [(f64, i32); 2] {
        let (least, greatest) = self.helper.dioptres;
        [(least, self.code_min), (greatest, self.code_max)]
    }

    /// The step that focuses nearest to so many dioptres, within what the driver takes. Nonsense
    /// counts as the least.
    pub fn code(&self, dioptres: f64) -> i32 {
        let (least, greatest) = self.helper.dioptres;
        let wanted = dioptres.max(least).min(greatest);
        let code = interpolate(self.points_or(&self.ends()), wanted, |point| (point.0, f64::from(point.1)));
        (code.round() as i32).clamp(self.code_min, self.code_max)
    }

    /// The step nearest to that one that the driver takes.
    pub fn within(&self, code: i32) -> i32 {
        code.clamp(self.code_min, self.code_max)
    }

    /// Where a step focuses, in dioptres, within the lens's range.
    pub fn dioptres(&self, code: i32) -> f64 {
        let code = f64::from(self.within(code));
        let (least, greatest) = self.helper.dioptres;
        let dioptres = interpolate(self.points_or(&self.ends()), code, |point| (f64::from(point.1), point.0));
        dioptres.clamp(least, greatest)
    }

    fn points_or<'a>(&self, ends: &'a [(f64, i32)]) -> &'a [(f64, i32)] {
        if self.helper.points.is_empty() { ends } else { self.helper.points }
    }

    /// Least and greatest dioptres that the driver can be told.
    pub fn limits(&self) -> (f64, f64) {
        let (least, greatest) = self.helper.dioptres;
        (self.dioptres(self.code(least)), self.dioptres(self.code(greatest)))
    }

    /// Where it starts, in dioptres.
    pub fn start(&self) -> f64 {
        let (least, greatest) = self.limits();
        self.helper.start_dioptres.clamp(least, greatest)
    }

    /// From a write until the lens stands still.
    pub fn settling(&self) -> Duration {
        self.helper.settling
    }
}

/// The value at `x` of straight lines between points, which `of` turns to x and y; x rises from
/// point to point. Beyond the ends the last value holds.
fn interpolate(points: &[(f64, i32)], x: f64, of: impl Fn(&(f64, i32)) -> (f64, f64)) -> f64 {
    let Some(first) = points.first().map(&of) else { return 0.0 };
    if x <= first.0 {
        return first.1;
    }
    let mut before = first;
    for (x1, y1) in points.iter().skip(1).map(&of) {
        let (x0, y0) = before;
        if x <= x1 && x1 > x0 {
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0);
        }
        before = (x1, y1);
    }
    before.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module_3() -> LensScale {
        LensScale::new(LensHelper::find("dw9807 10-000c", "imx708_wide 10-001a"), 0, 1023)
    }

    #[test]
    fn lenses_are_found_by_driver_and_sensor() {
        let found = |lens, sensor| *LensHelper::find(lens, sensor);
        assert_eq!(found("dw9807 10-000c", "imx708 10-001a"), LensHelper::DW9807_IMX708);
        assert_eq!(found("dw9807 10-000c", "ov64a40 10-0036"), LensHelper::DW9807_OV64A40);
        assert_eq!(found("dw9807 4-000c", "imx219 10-0010"), LensHelper::DW9807_IMX708);
        assert_eq!(found("ak7375 10-000c", "imx708 10-001a"), LensHelper::GENERIC);
        assert_eq!(found("", ""), LensHelper::GENERIC);
    }

    #[test]
    fn the_camera_module_3_focuses_as_its_tuning_says() {
        let scale = module_3();
        assert_eq!([0.0, 1.0, 2.0, 15.0].map(|dioptres| scale.code(dioptres)), [445, 477, 509, 925]);
        assert_eq!(scale.dioptres(509), 2.0);
        assert_eq!((scale.limits(), scale.start()), ((0.0, 15.0), 1.0));
    }

    #[test]
    fn an_unknown_lens_has_its_drivers_range() {
        let scale = LensScale::new(&LensHelper::GENERIC, 0, 4095);
        assert_eq!([0.0, 5.0, 10.0].map(|dioptres| scale.code(dioptres)), [0, 2048, 4095]);
        assert_eq!(scale.limits(), (0.0, 10.0));
    }

    /// A driver of another version may take fewer steps than the module has.
    #[test]
    fn a_narrow_driver_narrows_the_limits() {
        let scale = LensScale::new(&LensHelper::DW9807_IMX708, 461, 509);
        assert_eq!((scale.limits(), scale.start()), ((0.5, 2.0), 1.0));
        assert_eq!(scale.code(15.0), 509);
        let fixed = LensScale::new(&LensHelper::GENERIC, 7, 7);
        assert_eq!((fixed.code(3.0), fixed.limits(), fixed.start()), (7, (0.0, 0.0), 0.0));
    }

    #[test]
    fn nonsense_stays_in_range() {
        for scale in [module_3(), LensScale::new(&LensHelper::GENERIC, 5, -5)] {
            let least = scale.code(0.0);
            assert_eq!([f64::NAN, -1.0, f64::NEG_INFINITY].map(|dioptres| scale.code(dioptres)), [least; 3]);
            assert_eq!(scale.code(f64::INFINITY), scale.code(1e9));
            assert!(scale.dioptres(i32::MIN) >= 0.0 && scale.dioptres(i32::MAX) <= 15.0);
        }
    }

    #[test]
    fn every_step_survives_the_round_trip() {
        for helper in LensHelper::ALL.iter().chain([&LensHelper::GENERIC]) {
            let scale = LensScale::new(helper, 0, 1023);
            let (least, greatest) = helper.dioptres;
            for code in scale.code(least)..=scale.code(greatest) {
                assert_eq!(scale.code(scale.dioptres(code)), code, "{} of {}", helper.driver, helper.sensor);
            }
        }
    }
}
