//! What is particular to a sensor: its gain codes, its control delays, its black level, its
//! embedded data. One table, [`SensorHelper::ALL`]; sensors that are not in it get
//! [`SensorHelper::GENERIC`].

use crate::delayed::Delays;
use crate::embedded::{EmbeddedSettings, Field, Registers};

/// How a sensor's gain codes map to factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GainModel {
    /// `scale / (scale − code)`: Sony's.
    Reciprocal {
        /// The code that would be an infinite gain.
        scale: u32,
    },
    /// `code / unity`.
    Linear {
        /// The code of a gain of 1.
        unity: u32,
    },
}

/// What is particular to a sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SensorHelper {
    /// The model as its entity's name begins: `imx219` of `imx219 10-0010`.
    pub name: &'static str,
    /// How gain codes map to factors.
    pub gain_model: GainModel,
    /// Least gain code.
    pub gain_code_min: u32,
    /// Greatest gain code.
    pub gain_code_max: u32,
    /// Frames from a control's write to its effect.
    pub delays: Delays,
    /// Lines by which a frame must be longer than its exposure.
    pub exposure_margin_lines: u32,
    /// Least exposure, in lines.
    pub exposure_min_lines: u32,
    /// Greatest frame length that the register itself holds, in lines. Longer frames need a
    /// multiplier that embedded data does not show.
    pub frame_length_max_lines: u32,
    /// Code of black, scaled to 16 bits.
    pub black_level_16bit: u16,
    /// Registers in the embedded data; `None` if the sensor sends none.
    pub embedded: Option<Registers>,
    /// Sensitivity relative to the sensor's most sensitive mode, where modes do not differ.
    pub sensitivity: f64,
    /// Bad frames to hide after the first start.
    pub hide_frames_startup: u32,
    /// Bad frames to hide after a change of mode.
    pub hide_frames_mode_switch: u32,
    /// Frames after the first start whose embedded data may be wrong.
    pub mistrust_frames_startup: u32,
    /// Frames after a change of mode whose embedded data may be wrong.
    pub mistrust_frames_mode_switch: u32,
}

impl SensorHelper {
    /// Sony IMX219, the Camera Module 2.
    pub const IMX219: Self = Self {
        name: "imx219",
        gain_model: GainModel::Reciprocal { scale: 256 },
        gain_code_max: 232,
        exposure_margin_lines: 4,
        exposure_min_lines: 4,
        frame_length_max_lines: 0xffff,
        embedded: Some(Registers {
            exposure: Field::word(0x015a),
            gain: Field::byte(0x0157),
            frame_length: Field::word(0x0160),
            line_length: Field::word(0x0162),
            temperature: None,
        }),
        mistrust_frames_mode_switch: 1,
        ..Self::GENERIC
    };

    /// Sony IMX477, the High Quality Camera.
    pub const IMX477: Self = Self {
        name: "imx477",
        gain_model: GainModel::Reciprocal { scale: 1024 },
        gain_code_max: 978,
        delays: Delays { exposure: 2, gain: 2, vblank: 3, hblank: 3 },
        exposure_margin_lines: 22,
        exposure_min_lines: 4,
        frame_length_max_lines: 0xffdc,
        embedded: Some(Registers {
            exposure: Field::word(0x0202),
            gain: Field::word(0x0204),
            frame_length: Field::word(0x0340),
            line_length: Field::word(0x0342),
            temperature: Some(Field::byte(0x013a)),
        }),
        ..Self::GENERIC
    };

    /// Any other sensor: the commonest delays, gain in sixteenths, no embedded data.
    pub const GENERIC: Self = Self {
        name: "generic",
        gain_model: GainModel::Linear { unity: 16 },
        gain_code_min: 0,
        gain_code_max: 255,
        delays: Delays { exposure: 2, gain: 1, vblank: 2, hblank: 2 },
        exposure_margin_lines: 8,
        exposure_min_lines: 1,
        frame_length_max_lines: 0xffff,
        black_level_16bit: 4096,
        embedded: None,
        sensitivity: 1.0,
        hide_frames_startup: 0,
        hide_frames_mode_switch: 0,
        mistrust_frames_startup: 0,
        mistrust_frames_mode_switch: 0,
    };

    /// The sensors that are known by name.
    pub const ALL: &'static [Self] = &[Self::IMX219, Self::IMX477];

    /// The sensor of a media entity named like `imx219 10-0010`; [`Self::GENERIC`] if it is
    /// not a known one.
    pub fn find(entity: &str) -> &'static Self {
        let model = entity.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or("");
        Self::ALL.iter().find(|helper| helper.name == model).unwrap_or(&Self::GENERIC)
    }

    /// The factor of a gain code. Codes outside the sensor's range count as the nearest end.
    pub fn gain(&self, code: u32) -> f64 {
        let code = f64::from(code.clamp(self.gain_code_min, self.gain_code_max));
        match self.gain_model {
            GainModel::Reciprocal { scale } => f64::from(scale) / (f64::from(scale) - code),
            GainModel::Linear { unity } => code / f64::from(unity),
        }
    }

    /// The greatest code whose factor is not above `gain`, so that a digital gain of at
    /// least 1 makes up for the rest. Nonsense counts as the least gain.
    pub fn gain_code(&self, gain: f64) -> u32 {
        let code = match self.gain_model {
            GainModel::Reciprocal { scale } => f64::from(scale) * (1.0 - 1.0 / gain.max(1.0)),
            GainModel::Linear { unity } => gain * f64::from(unity),
        };
        // The tolerance keeps a code's own factor from rounding down to the code below.
        // `as` saturates and takes NaN to 0.
        ((code + 1e-6).floor() as u32).clamp(self.gain_code_min, self.gain_code_max)
    }

    /// Least and greatest factor of the analogue gain.
    pub fn gain_limits(&self) -> (f64, f64) {
        (self.gain(self.gain_code_min), self.gain(self.gain_code_max))
    }

    /// What a frame was taken with, from its embedded data and from the record of what was
    /// written, if that reaches so far.
    ///
    /// In a long exposure the sensor counts in units of 2, 4, 8 … lines, the smallest in which
    /// the frame's length fits its register. Embedded data does not show the unit, so exposure
    /// and frame length come from the record then; unless the embedded data shows that the record
    /// is wrong.
    pub fn reconcile(&self, parsed: EmbeddedSettings, recorded: Option<RecordedLines>) -> Reconciled {
        match recorded.map(|recorded| (recorded, self.unit_lines(recorded.frame_length))) {
            Some((recorded, unit)) if recorded.is_shown_by(&parsed, unit) => {
                let settings = match unit {
                    1 => parsed,
                    _ => EmbeddedSettings {
                        exposure_lines: recorded.exposure,
                        frame_length_lines: recorded.frame_length,
                        ..parsed
                    },
                };
                Reconciled { settings, is_certain: true }
            }
            // With a larger unit the register would be more than half full.
            _ => Reconciled {
                settings: parsed,
                is_certain: parsed.frame_length_lines <= self.frame_length_max_lines / 2,
            },
        }
    }

    /// The lines that the sensor counts as one in a frame of this length.
    fn unit_lines(&self, frame_length_lines: u32) -> u32 {
        let mut unit = 1;
        while frame_length_lines / unit > self.frame_length_max_lines {
            unit *= 2;
        }
        unit
    }
}

/// Lines of a frame that the record of what was written tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedLines {
    /// Of its exposure.
    pub exposure: u32,
    /// From its start to the next one's.
    pub frame_length: u32,
}

impl RecordedLines {
    /// Whether embedded data agrees, to one in a hundred: drivers and sensors round.
    fn is_shown_by(self, parsed: &EmbeddedSettings, unit: u32) -> bool {
        let agree = |recorded: u32, parsed: u32| (recorded / unit).abs_diff(parsed) <= parsed / 100 + 1;
        agree(self.frame_length, parsed.frame_length_lines) && agree(self.exposure, parsed.exposure_lines)
    }
}

/// What [`SensorHelper::reconcile`] makes of embedded data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reconciled {
    /// What the frame was taken with.
    pub settings: EmbeddedSettings,
    /// Whether exposure and frame length are known: not if they may be in a larger unit.
    pub is_certain: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_found_by_model() {
        assert_eq!(SensorHelper::find("imx219 10-0010").name, "imx219");
        assert_eq!(SensorHelper::find("imx477").name, "imx477");
        assert_eq!(SensorHelper::find("imx2190 10-0010").name, "generic");
        assert_eq!(SensorHelper::find("").name, "generic");
    }

    #[test]
    fn every_gain_code_survives_the_round_trip() {
        for helper in SensorHelper::ALL.iter().chain([&SensorHelper::GENERIC]) {
            for code in helper.gain_code_min..=helper.gain_code_max {
                assert_eq!(helper.gain_code(helper.gain(code)), code, "{}", helper.name);
            }
        }
    }

    #[test]
    fn gain_factors_are_the_published_ones() {
        assert!((SensorHelper::IMX219.gain(128) - 2.0).abs() < 1e-12);
        assert!((SensorHelper::IMX219.gain_limits().1 - 256.0 / 24.0).abs() < 1e-12);
        assert!((SensorHelper::IMX477.gain(512) - 2.0).abs() < 1e-12);
        assert!((SensorHelper::IMX477.gain_limits().1 - 1024.0 / 46.0).abs() < 1e-12);
    }

    #[test]
    fn nonsense_gains_stay_in_range() {
        for helper in SensorHelper::ALL {
            assert_eq!(helper.gain_code(f64::NAN), helper.gain_code_min);
            assert_eq!(helper.gain_code(-3.0), helper.gain_code_min);
            assert_eq!(helper.gain_code(f64::INFINITY), helper.gain_code_max);
            assert!(helper.gain(u32::MAX).is_finite());
        }
    }

    #[test]
    fn a_code_never_gives_more_gain_than_asked_for() {
        for step in 0..1000 {
            let wanted = 1.0 + f64::from(step) * 0.01;
            let got = SensorHelper::IMX219.gain(SensorHelper::IMX219.gain_code(wanted));
            assert!(got <= wanted * (1.0 + 1e-6), "{wanted} gave {got}");
        }
    }

    #[test]
    fn long_exposures_come_from_the_record() {
        let parsed = EmbeddedSettings {
            exposure_lines: 100,
            analogue_gain_code: 7,
            frame_length_lines: 50_000,
            line_length_pixels: 24_000,
            temperature_c: Some(30.0),
        };
        let reconcile = |exposure, frame_length| {
            SensorHelper::IMX477.reconcile(parsed, Some(RecordedLines { exposure, frame_length }))
        };
        let short = reconcile(100, 50_000);
        assert_eq!((short.settings, short.is_certain), (parsed, true));
        let long = reconcile(800, 400_000);
        assert_eq!((long.settings.exposure_lines, long.settings.frame_length_lines), (800, 400_000));
        assert_eq!((long.settings.analogue_gain_code, long.is_certain), (7, true));
        for (exposure, frame_length) in [(800, 300_000), (400, 400_000), (90, 40_000)] {
            let wrong = reconcile(exposure, frame_length);
            assert_eq!((wrong.settings, wrong.is_certain), (parsed, false), "the record is of another frame");
        }
    }

    #[test]
    fn without_a_record_only_short_frames_are_certain() {
        let parsed = |frame_length_lines| EmbeddedSettings {
            exposure_lines: 1260,
            analogue_gain_code: 938,
            frame_length_lines,
            line_length_pixels: 6664,
            temperature_c: None,
        };
        let certain = |lines| SensorHelper::IMX477.reconcile(parsed(lines), None).is_certain;
        assert!(certain(4202) && certain(0xffdc / 2));
        assert!(!certain(0xffdc / 2 + 1), "88,257 lines in units of two are shown as 44,128, too");
    }
}
