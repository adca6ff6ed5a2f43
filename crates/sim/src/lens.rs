//! The simulated lens behind its driver: where its motor was told to go, and how far it has come.
//! Knows nothing of pictures.

use crate::model::LensModel;
use crate::refusal::{Answer, Refusal};
use pinhole_device::uapi::control_codes::FOCUS_ABSOLUTE;
use pinhole_device::{ControlCode, ControlDescription, ControlWrite, Payload};
use rustix::io::Errno;

/// A lens, unpowered at first: at rest at step 0.
#[derive(Debug)]
pub(crate) struct Lens {
    pub(crate) model: &'static LensModel,
    target: u32,
    /// Where it was when it was told to go there.
    from: f64,
    since_ns: u64,
}

impl Lens {
    pub(crate) const fn new(model: &'static LensModel) -> Self {
        Self { model, target: 0, from: 0.0, since_ns: 0 }
    }

    /// The step it stands at, or is just passing.
    fn position(&self, now_ns: u64) -> f64 {
        let travelled = now_ns.saturating_sub(self.since_ns) as f64 / 1e6 * self.model.codes_per_ms;
        let way = f64::from(self.target) - self.from;
        self.from + way.clamp(-travelled, travelled)
    }

    /// Where it focuses.
    pub(crate) fn dioptres(&self, now_ns: u64) -> f64 {
        self.model.dioptres(self.position(now_ns))
    }

    pub(crate) fn describe_controls(&self) -> Vec<ControlDescription> {
        vec![ControlDescription {
            code: FOCUS_ABSOLUTE,
            name: "Focus, Absolute".to_owned(),
            minimum: 0,
            maximum: i64::from(self.model.code_max),
            step: 1,
            default: 0,
            payload_bytes: 0,
            read_only: false,
            modifies_layout: false,
        }]
    }

    pub(crate) fn control(&self, code: ControlCode) -> Answer<i64> {
        check(code)?;
        Ok(i64::from(self.target))
    }

    /// Writes all or none. Integers out of range are clamped, as V4L2 does. Answers where it is
    /// sent.
    pub(crate) fn set_controls(&mut self, writes: &[ControlWrite<'_>], now_ns: u64) -> Answer<u32> {
        let mut target = self.target;
        for write in writes {
            check(write.code)?;
            let Payload::Integer(value) = write.value else {
                return Err(Refusal::new(Errno::INVAL, "the focus is an integer"));
            };
            target = value.clamp(0, i64::from(self.model.code_max)) as u32;
        }
        (self.from, self.since_ns) = (self.position(now_ns), now_ns);
        self.target = target;
        Ok(target)
    }
}

fn check(code: ControlCode) -> Answer<()> {
    if code == FOCUS_ABSOLUTE {
        return Ok(());
    }
    Err(Refusal::new(Errno::INVAL, format!("a lens has no control {code:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DW9807;

    const MS: u64 = 1_000_000;

    fn focus(code: i64) -> [ControlWrite<'static>; 1] {
        [ControlWrite { code: FOCUS_ABSOLUTE, value: Payload::Integer(code) }]
    }

    #[test]
    fn a_lens_takes_its_time() {
        let mut lens = Lens::new(&DW9807);
        lens.set_controls(&focus(509), 0).unwrap();
        assert_eq!(lens.position(10 * MS), 200.0);
        assert_eq!(lens.dioptres(30 * MS), 2.0);
        lens.set_controls(&focus(445), 100 * MS).unwrap();
        assert_eq!(lens.position(99 * MS), 509.0);
        assert_eq!(lens.position(101 * MS), 489.0);
        lens.set_controls(&focus(509), 101 * MS).unwrap();
        assert_eq!(lens.position(102 * MS), 509.0, "it turned round halfway");
    }

    #[test]
    fn what_is_no_focus_is_refused() {
        let mut lens = Lens::new(&DW9807);
        lens.set_controls(&focus(5000), 0).unwrap();
        assert_eq!(lens.control(FOCUS_ABSOLUTE), Ok(1023));
        let bad = [focus(7)[0], ControlWrite { code: ControlCode(1), value: Payload::Integer(0) }];
        assert_eq!(lens.set_controls(&bad, 0).unwrap_err().errno, Errno::INVAL);
        let compound = ControlWrite { code: FOCUS_ABSOLUTE, value: Payload::Compound(&[0; 4]) };
        assert_eq!(lens.set_controls(&[compound], 0).unwrap_err().errno, Errno::INVAL);
        assert_eq!(lens.control(FOCUS_ABSOLUTE), Ok(1023), "all or none");
        assert!(lens.control(ControlCode(1)).is_err());
    }
}
