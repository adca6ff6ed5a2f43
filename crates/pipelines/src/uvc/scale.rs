//! From a device's own numbers to ours and back. Knows nothing of what they mean.

/// Two straight lines that meet: what a device calls least, normal and greatest, and what we
/// call them. Every number of the device comes back as it was, if no range has more than a few
/// million of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    device: [i64; 3],
    step: u64,
    ours: [f64; 3],
}

impl Scale {
    /// A scale from the device's least, normal and greatest number, of which only every
    /// `step`-th is one, to ours. `None` if the device's are not in that order.
    pub fn new(device: [i64; 3], step: u64, ours: [f64; 3]) -> Option<Self> {
        let in_order = device[0] < device[2] && (device[0]..=device[2]).contains(&device[1]);
        in_order.then_some(Self { device, step: step.max(1), ours })
    }

    /// Our number for one of the device's.
    pub fn ours(&self, value: i64) -> f64 {
        let [least, normal, greatest] = self.device.map(|number| number as f64);
        let value = (value as f64).clamp(least, greatest);
        if value < normal {
            between(value, [least, normal], [self.ours[0], self.ours[1]])
        } else {
            between(value, [normal, greatest], [self.ours[1], self.ours[2]])
        }
    }

    /// The device's number that is nearest to one of ours.
    pub fn device(&self, value: f64) -> i64 {
        let [least, normal, greatest] = self.device.map(|number| number as f64);
        let value = value.clamp(self.ours[0], self.ours[2]);
        let number = if value < self.ours[1] {
            between(value, [self.ours[0], self.ours[1]], [least, normal])
        } else {
            between(value, [self.ours[1], self.ours[2]], [normal, greatest])
        };
        self.on_a_step(number)
    }

    fn on_a_step(&self, number: f64) -> i64 {
        let [least, _, greatest] = self.device;
        let steps = ((number - least as f64) / self.step as f64).round();
        let most = greatest.abs_diff(least) / self.step;
        // A number that is none becomes 0 steps.
        let offset = (steps as u64).min(most) * self.step;
        least.saturating_add_unsigned(offset)
    }

    /// Our least and greatest number: those at the ends of the device's range.
    pub fn limits(&self) -> (f64, f64) {
        (self.ours(self.device[0]), self.ours(self.device[2]))
    }

    /// Our number for what the device calls normal.
    pub fn normal(&self) -> f64 {
        self.ours(self.device[1])
    }
}

/// Where a value lies between two others, taken over to another pair; the other's second where
/// the two are one.
fn between(value: f64, from: [f64; 2], to: [f64; 2]) -> f64 {
    let length = from[1] - from[0];
    if length > 0.0 { to[0] + (value - from[0]) / length * (to[1] - to[0]) } else { to[1] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_of_the_device_come_back(
            least in -40_000i64..40_000,
            lengths in (0i64..40_000, 1i64..40_000),
            step in 1u64..50,
            at in 0u64..80_000,
            ours in (-100.0f64..0.0, 0.1f64..100.0, 0.1f64..100.0),
        ) {
            let device = [least, least + lengths.0, least + lengths.0 + lengths.1];
            let ours = [ours.0, ours.0 + ours.1, ours.0 + ours.1 + ours.2];
            let scale = Scale::new(device, step, ours).unwrap();
            let steps = at % ((lengths.0 + lengths.1) as u64 / step + 1);
            let value = least + (steps * step) as i64;
            // As applications have them.
            let seen = scale.ours(value) as f32;
            prop_assert_eq!(scale.device(f64::from(seen)), value);
        }

        #[test]
        fn whatever_is_asked_for_the_device_gets_one_of_its_numbers(
            device in prop::array::uniform3(any::<i64>()),
            step in any::<u64>(),
            value in any::<f64>(),
        ) {
            let mut device = device;
            device.sort_unstable();
            prop_assume!(device[0] < device[2]);
            let scale = Scale::new(device, step, [-1.0, 0.0, 1.0]).unwrap();
            let number = scale.device(value);
            prop_assert!((device[0]..=device[2]).contains(&number), "{}", number);
            prop_assert_eq!(number.abs_diff(device[0]) % step.max(1), 0);
            prop_assert!((-1.0..=1.0).contains(&scale.ours(number)));
        }
    }

    #[test]
    fn normal_is_normal_wherever_it_lies() {
        let scale = Scale::new([0, 32, 255], 1, [0.0, 1.0, 8.0]).unwrap();
        assert_eq!((scale.ours(0), scale.ours(32), scale.ours(255)), (0.0, 1.0, 8.0));
        assert_eq!((scale.device(0.5), scale.device(9.0), scale.device(-1.0)), (16, 255, 0));
        let scale = Scale::new([0, 0, 255], 1, [0.0, 1.0, 8.0]).unwrap();
        assert_eq!((scale.limits(), scale.normal()), ((1.0, 8.0), 1.0), "there is nothing below");
        assert_eq!(scale.device(0.3), 0);
    }

    #[test]
    fn limits_that_make_no_sense_make_no_scale() {
        for device in [[1, 0, 2], [0, 3, 2], [2, 2, 2], [3, 2, 1]] {
            assert_eq!(Scale::new(device, 1, [0.0, 1.0, 2.0]), None, "{device:?}");
        }
    }
}
