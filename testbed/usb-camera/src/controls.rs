//! The camera's controls: what there is, what values they have, and how the host asks for them
//! (USB Video Class 1.1, section 4.2). Knows nothing of pictures.

/// Number of the camera terminal.
pub(crate) const TERMINAL: u8 = 1;
/// Number of the processing unit.
pub(crate) const PROCESSING: u8 = 2;

/// Values of [`Id::ExposureMode`], which are bits.
const MANUAL_EXPOSURE: i32 = 1;
const AUTOMATIC_EXPOSURE: i32 = 8;

/// Where a control is told of in the descriptors, and how it is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Control {
    pub(crate) unit: u8,
    selector: u8,
    /// Its bit in the unit's mask.
    pub(crate) bit: u8,
    bytes: usize,
    minimum: i32,
    maximum: i32,
    /// The step; of exposure modes all that there are.
    resolution: i32,
    default: i32,
    /// The control that takes this one away from the host, and the value with which it does not.
    automatic: Option<(Id, i32)>,
}

/// Which control; also its index in [`CONTROLS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    ExposureMode,
    /// In 100 µs.
    Exposure,
    Focus,
    FocusAuto,
    Brightness,
    /// In percent.
    Contrast,
    /// In percent.
    Saturation,
    /// In sixteenths.
    Gain,
    PowerLine,
    /// In kelvin.
    WhiteBalance,
    WhiteBalanceAuto,
}

const fn terminal(selector: u8, bit: u8, bytes: usize, range: [i32; 4]) -> Control {
    control(TERMINAL, selector, bit, bytes, range)
}

const fn processing(selector: u8, bit: u8, bytes: usize, range: [i32; 4]) -> Control {
    control(PROCESSING, selector, bit, bytes, range)
}

/// `range` is minimum, maximum, resolution and default.
const fn control(unit: u8, selector: u8, bit: u8, bytes: usize, range: [i32; 4]) -> Control {
    let [minimum, maximum, resolution, default] = range;
    Control { unit, selector, bit, bytes, minimum, maximum, resolution, default, automatic: None }
}

const fn unless(control: Control, automatic: Id, manual: i32) -> Control {
    Control { automatic: Some((automatic, manual)), ..control }
}

const COUNT: usize = 11;

/// All controls, in the order of [`Id`].
pub(crate) static CONTROLS: [Control; COUNT] = [
    terminal(0x02, 1, 1, [MANUAL_EXPOSURE, AUTOMATIC_EXPOSURE, 9, AUTOMATIC_EXPOSURE]),
    unless(terminal(0x04, 3, 4, [1, 5000, 1, 156]), Id::ExposureMode, MANUAL_EXPOSURE),
    unless(terminal(0x06, 5, 2, [0, 250, 5, 0]), Id::FocusAuto, 0),
    terminal(0x08, 17, 1, [0, 1, 1, 1]),
    processing(0x02, 0, 2, [-64, 64, 1, 0]),
    processing(0x03, 1, 2, [0, 200, 1, 100]),
    processing(0x07, 3, 2, [0, 200, 1, 100]),
    processing(0x04, 9, 2, [16, 64, 1, 16]),
    processing(0x05, 10, 1, [0, 2, 1, 1]),
    unless(processing(0x0a, 6, 2, [2800, 6500, 10, 4600]), Id::WhiteBalanceAuto, 0),
    processing(0x0b, 12, 1, [0, 1, 1, 1]),
];

/// The bits of a unit's controls.
pub(crate) fn mask(unit: u8) -> u32 {
    CONTROLS.iter().filter(|control| control.unit == unit).map(|control| 1 << control.bit).sum()
}

/// Why a request was refused: the codes of the control that tells the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NotReady = 1,
    WrongState = 2,
    OutOfRange = 4,
    InvalidUnit = 5,
    InvalidControl = 6,
    InvalidRequest = 7,
}

/// What is asked about a control: the codes of class requests.
pub(crate) mod query {
    pub(crate) const SET_CURRENT: u8 = 0x01;
    pub(crate) const CURRENT: u8 = 0x81;
    pub(crate) const MINIMUM: u8 = 0x82;
    pub(crate) const MAXIMUM: u8 = 0x83;
    pub(crate) const RESOLUTION: u8 = 0x84;
    pub(crate) const LENGTH: u8 = 0x85;
    pub(crate) const INFORMATION: u8 = 0x86;
    pub(crate) const DEFAULT: u8 = 0x87;
}

/// Answers to [`query::INFORMATION`].
pub(crate) const READABLE: u8 = 1;
pub(crate) const WRITABLE: u8 = 2;
const IS_AUTOMATIC: u8 = 4;

/// The controls' values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Controls {
    values: [i32; COUNT],
}

impl Default for Controls {
    fn default() -> Self {
        Self { values: CONTROLS.map(|control| control.default) }
    }
}

impl Controls {
    /// The value that counts: the default where the camera decides.
    pub(crate) fn effective(&self, id: Id) -> i32 {
        if self.is_automatic(id) { CONTROLS[id as usize].default } else { self.values[id as usize] }
    }

    /// Whether the camera decides, and not the host.
    fn is_automatic(&self, id: Id) -> bool {
        let automatic = CONTROLS[id as usize].automatic;
        automatic.is_some_and(|(by, manual)| self.values[by as usize] != manual)
    }

    /// Answers a request for a control of a unit.
    pub(crate) fn request(
        &mut self,
        unit: u8,
        selector: u8,
        request: u8,
        data: &[u8],
    ) -> Result<Vec<u8>, Refusal> {
        if unit != TERMINAL && unit != PROCESSING {
            return Err(Refusal::InvalidUnit);
        }
        let id = find(unit, selector).ok_or(Refusal::InvalidControl)?;
        let control = &CONTROLS[id as usize];
        let number = |value: i32| Ok(value.to_le_bytes()[..control.bytes].to_vec());
        match request {
            query::SET_CURRENT => self.set(id, data).map(|()| Vec::new()),
            query::CURRENT => number(self.effective(id)),
            query::MINIMUM => number(control.minimum),
            query::MAXIMUM => number(control.maximum),
            query::RESOLUTION => number(control.resolution),
            query::DEFAULT => number(control.default),
            query::LENGTH => Ok((control.bytes as u16).to_le_bytes().to_vec()),
            query::INFORMATION => Ok(vec![self.information(id)]),
            _ => Err(Refusal::InvalidRequest),
        }
    }

    fn information(&self, id: Id) -> u8 {
        READABLE | WRITABLE | if self.is_automatic(id) { IS_AUTOMATIC } else { 0 }
    }

    fn set(&mut self, id: Id, data: &[u8]) -> Result<(), Refusal> {
        let control = &CONTROLS[id as usize];
        let value = control.decode(data).ok_or(Refusal::InvalidRequest)?;
        if !control.allows(id, value) {
            return Err(Refusal::OutOfRange);
        }
        if self.is_automatic(id) {
            return Err(Refusal::WrongState);
        }
        self.values[id as usize] = value;
        Ok(())
    }
}

impl Control {
    /// A number of the control's size; signed where the control has negative values.
    fn decode(&self, data: &[u8]) -> Option<i32> {
        let data = data.get(..self.bytes)?;
        let is_negative = self.minimum < 0 && data.last().is_some_and(|&last| last >= 0x80);
        let mut number = if is_negative { [0xff; 4] } else { [0; 4] };
        number[..self.bytes].copy_from_slice(data);
        Some(i32::from_le_bytes(number))
    }

    fn allows(&self, id: Id, value: i32) -> bool {
        match id {
            Id::ExposureMode => value == MANUAL_EXPOSURE || value == AUTOMATIC_EXPOSURE,
            _ => (self.minimum..=self.maximum).contains(&value),
        }
    }
}

fn find(unit: u8, selector: u8) -> Option<Id> {
    const IDS: [Id; COUNT] = [
        Id::ExposureMode,
        Id::Exposure,
        Id::Focus,
        Id::FocusAuto,
        Id::Brightness,
        Id::Contrast,
        Id::Saturation,
        Id::Gain,
        Id::PowerLine,
        Id::WhiteBalance,
        Id::WhiteBalanceAuto,
    ];
    IDS.into_iter().find(|&id| {
        let control = &CONTROLS[id as usize];
        (control.unit, control.selector) == (unit, selector)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sets a control as a host does.
    pub(crate) fn set(controls: &mut Controls, id: Id, value: i32) -> Result<(), Refusal> {
        let Control { unit, selector, bytes, .. } = CONTROLS[id as usize];
        let data = &value.to_le_bytes()[..bytes];
        controls.request(unit, selector, query::SET_CURRENT, data).map(|_| ())
    }

    fn get(controls: &mut Controls, id: Id, request: u8) -> Vec<u8> {
        let Control { unit, selector, .. } = CONTROLS[id as usize];
        controls.request(unit, selector, request, &[]).expect("every control can be asked")
    }

    #[test]
    fn a_value_that_was_set_is_the_current_one() {
        let mut controls = Controls::default();
        assert_eq!(set(&mut controls, Id::Brightness, -3), Ok(()));
        assert_eq!(get(&mut controls, Id::Brightness, query::CURRENT), [0xfd, 0xff]);
        assert_eq!(controls.effective(Id::Brightness), -3);
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let mut controls = Controls::default();
        assert_eq!(set(&mut controls, Id::Brightness, -65), Err(Refusal::OutOfRange));
        assert_eq!(set(&mut controls, Id::Contrast, 0xffff), Err(Refusal::OutOfRange));
        assert_eq!(set(&mut controls, Id::ExposureMode, 4), Err(Refusal::OutOfRange));
        assert_eq!(controls, Controls::default());
    }

    #[test]
    fn what_the_camera_decides_itself_cannot_be_set() {
        let mut controls = Controls::default();
        assert_eq!(get(&mut controls, Id::Exposure, query::INFORMATION), [7]);
        assert_eq!(set(&mut controls, Id::Exposure, 10), Err(Refusal::WrongState));
        assert_eq!(set(&mut controls, Id::ExposureMode, MANUAL_EXPOSURE), Ok(()));
        assert_eq!(set(&mut controls, Id::Exposure, 10), Ok(()));
        assert_eq!(get(&mut controls, Id::Exposure, query::INFORMATION), [3]);
        assert_eq!(set(&mut controls, Id::ExposureMode, AUTOMATIC_EXPOSURE), Ok(()));
        assert_eq!(controls.effective(Id::Exposure), 156);
    }

    #[test]
    fn the_masks_name_every_control_once() {
        assert_eq!(mask(TERMINAL), 1 << 1 | 1 << 3 | 1 << 5 | 1 << 17);
        assert_eq!(mask(PROCESSING), 0b1_0110_0100_1011);
    }

    #[test]
    fn every_identity_finds_its_own_row() {
        for (index, control) in CONTROLS.iter().enumerate() {
            let id = find(control.unit, control.selector).expect("it is in the list");
            assert_eq!(id as usize, index);
        }
    }

    proptest! {
        #[test]
        fn any_request_is_answered_or_refused(
            unit in 0..4u8,
            selector in 0..24u8,
            request in prop_oneof![Just(1u8), 0x80..0x88u8, any::<u8>()],
            data in proptest::collection::vec(any::<u8>(), 0..8),
        ) {
            let mut controls = Controls::default();
            let _ = controls.request(unit, selector, request, &data);
            for (control, value) in CONTROLS.iter().zip(controls.values) {
                prop_assert!((control.minimum..=control.maximum).contains(&value));
            }
        }
    }
}
