//! A node's controls, as ours: which it has, in which units, and what they are set to.
//!
//! One row of a table for each. What V4L2 gives no unit for is *nominal*: what the device calls
//! normal is our normal, and its range is taken for a usual one.
//!
//! Knows nothing of frames or requests; whoever writes what is wanted here says when.

use super::scale::Scale;
use pinhole_base::control::{self, AeFlickerMode, AfMode, ControlId, ControlList, ControlValue};
use pinhole_base::{ErrorKind, Result};
use pinhole_camera::config::ControlLimits;
use pinhole_device::control::{WRITES_MAX, WriteList};
use pinhole_device::uapi::control_codes as code;
use pinhole_device::{ControlCode, ControlDescription, Payload, VideoNode};
use std::time::Duration;

/// What a device's number means.
#[derive(Clone, Copy, Debug)]
enum Meaning {
    /// A menu of who sets the exposure.
    ExposureMenu,
    /// 0 or 1.
    Switch,
    /// So many of our unit each; ours are whole numbers.
    Units(f64),
    /// Added, from -1 to 1; normally 0.
    Offset,
    /// A factor, normally 1, up to this at most.
    Factor(f64),
    /// From the least to the greatest of these.
    Nominal(f64, f64),
    /// A menu of the mains' frequencies.
    Mains,
}

struct Row {
    id: ControlId,
    code: ControlCode,
    meaning: Meaning,
    /// The switch that gives it to the device.
    automatic: Option<ControlCode>,
}

const fn row(id: ControlId, code: ControlCode, meaning: Meaning) -> Row {
    Row { id, code, meaning, automatic: None }
}

const fn governed(id: ControlId, code: ControlCode, meaning: Meaning, automatic: ControlCode) -> Row {
    Row { id, code, meaning, automatic: Some(automatic) }
}

/// Gain that webcams have at most, more or less.
const GAIN_MAX: f64 = 16.0;

/// Webcams focus down to a tenth of a metre, more or less.
const DIOPTRES_MAX: f64 = 10.0;

/// Switches come before what they govern. Of two switches with one of our controls the last
/// decides what is reported.
const ROWS: [Row; 13] = [
    row(ControlId::AeEnable, code::AUTOGAIN, Meaning::Switch),
    row(ControlId::AeEnable, code::EXPOSURE_AUTO, Meaning::ExposureMenu),
    row(ControlId::AwbEnable, code::AUTO_WHITE_BALANCE, Meaning::Switch),
    row(ControlId::AfMode, code::FOCUS_AUTO, Meaning::Switch),
    row(ControlId::AeFlickerMode, code::POWER_LINE_FREQUENCY, Meaning::Mains),
    governed(ControlId::ExposureTime, code::EXPOSURE_ABSOLUTE, Meaning::Units(100.0), code::EXPOSURE_AUTO),
    governed(ControlId::AnalogueGain, code::GAIN, Meaning::Nominal(1.0, GAIN_MAX), code::AUTOGAIN),
    governed(
        ControlId::ColourTemperature,
        code::WHITE_BALANCE_TEMPERATURE,
        Meaning::Units(1.0),
        code::AUTO_WHITE_BALANCE,
    ),
    governed(
        ControlId::LensPosition,
        code::FOCUS_ABSOLUTE,
        Meaning::Nominal(0.0, DIOPTRES_MAX),
        code::FOCUS_AUTO,
    ),
    row(ControlId::Brightness, code::BRIGHTNESS, Meaning::Offset),
    row(ControlId::Contrast, code::CONTRAST, Meaning::Factor(32.0)),
    row(ControlId::Saturation, code::SATURATION, Meaning::Factor(32.0)),
    row(ControlId::Sharpness, code::SHARPNESS, Meaning::Factor(16.0)),
];

const _: () = assert!(ROWS.len() <= WRITES_MAX, "all of them are written in one call");

/// `V4L2_EXPOSURE_AUTO` and its like.
const EXPOSURE_AUTO: i64 = 0;
const EXPOSURE_MANUAL: i64 = 1;
const EXPOSURE_MANUAL_TIME: i64 = 2;
const EXPOSURE_AUTO_TIME: i64 = 3;

/// `V4L2_CID_POWER_LINE_FREQUENCY_DISABLED` and its like.
const MAINS_NONE: i64 = 0;
const MAINS_50_HZ: i64 = 1;
const MAINS_60_HZ: i64 = 2;

/// Periods of the flicker of lamps, which light up twice in a period of the mains.
const FLICKER_50_HZ_US: i32 = 10_000;
const FLICKER_60_HZ_US: i32 = 8_333;

/// How a control of this node is read and written.
#[derive(Clone, Debug)]
enum Form {
    Switch { on: i64, off: i64 },
    Dial { scale: Scale, whole: bool },
    Mains,
}

/// A control of this node.
#[derive(Clone, Debug)]
struct Knob {
    id: ControlId,
    code: ControlCode,
    form: Form,
    /// The place of the switch that gives it to the device.
    automatic: Option<usize>,
}

/// What is known of a control's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    value: i64,
    /// The device has this value: it was read, written or told. While the device sets it by
    /// itself, and does not tell, nobody knows.
    known: bool,
}

/// A value that is to be written, and what it was before.
#[derive(Clone, Copy, Debug)]
struct Pending {
    place: usize,
    before: State,
}

/// The controls of a node, and what they are set to.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    knobs: Vec<Knob>,
    states: Vec<State>,
    /// To be written, switches first: a device may refuse what its automatics have.
    switches: Vec<Pending>,
    values: Vec<Pending>,
}

impl Settings {
    /// The controls that a node has.
    ///
    /// # Errors
    /// The node cannot be asked.
    pub fn of(node: &mut dyn VideoNode) -> Result<Self> {
        let described = node.query_controls()?;
        let mut knobs: Vec<Knob> = Vec::with_capacity(ROWS.len());
        for row in &ROWS {
            let found = described.iter().find(|found| found.code == row.code && !found.read_only);
            let Some(found) = found else { continue };
            let Some(form) = form(row.meaning, found, node)? else { continue };
            let automatic = knobs.iter().position(|knob| Some(knob.code) == row.automatic);
            knobs.push(Knob { id: row.id, code: row.code, form, automatic });
        }
        let count = knobs.len();
        Ok(Self {
            states: vec![State::default(); count],
            switches: Vec::with_capacity(count),
            values: Vec::with_capacity(count),
            knobs,
        })
    }

    /// The limits of our controls on this node.
    pub fn limits(&self) -> Vec<ControlLimits> {
        let mut limits: Vec<ControlLimits> = Vec::new();
        for limit in self.knobs.iter().flat_map(Knob::limits) {
            if limits.iter().all(|known| known.id != limit.id) {
                limits.push(limit);
            }
        }
        limits
    }

    /// The codes of all controls.
    pub fn codes(&self) -> impl Iterator<Item = ControlCode> + '_ {
        self.knobs.iter().map(|knob| knob.code)
    }

    /// Learns what the node is set to. A value that cannot be read is not known.
    ///
    /// # Errors
    /// The node is gone.
    pub fn read(&mut self, node: &mut dyn VideoNode) -> Result<()> {
        for (knob, state) in self.knobs.iter().zip(&mut self.states) {
            *state = match node.control(knob.code) {
                Ok(value) => State { value, known: true },
                Err(error) if error.kind() == ErrorKind::Disconnected => return Err(error),
                Err(_) => State::default(),
            };
        }
        for place in 0..self.knobs.len() {
            self.states[place].known &= !self.is_automatic(place);
        }
        Ok(())
    }

    /// Whether the device sets a control by itself.
    fn is_automatic(&self, place: usize) -> bool {
        let Some(switch) = self.knobs[place].automatic else { return false };
        match self.knobs[switch].form {
            Form::Switch { off, .. } => self.states[switch] != State { value: off, known: true },
            _ => false,
        }
    }

    /// Works out what is to be written for a list of wishes: [`Settings::first`], then
    /// [`Settings::rest`]. What is so already is not written again.
    pub fn want(&mut self, wanted: &ControlList) {
        self.switches.clear();
        self.values.clear();
        for place in 0..self.knobs.len() {
            match self.knobs[place].form {
                Form::Switch { on, off } => {
                    if let Some(is_on) = self.wanted_switch(place, wanted) {
                        self.turn(place, if is_on { on } else { off });
                    }
                }
                Form::Dial { scale, .. } => {
                    if let Some(value) = wanted_number(self.knobs[place].id, wanted) {
                        self.set(place, scale.device(value));
                    }
                }
                Form::Mains => {
                    if let Some(value) = wanted_mains(wanted, self.states[place]) {
                        self.set(place, value);
                    }
                }
            }
        }
    }

    /// A value set by hand wins over the automatic; one that is given back turns it on.
    fn wanted_switch(&self, place: usize, wanted: &ControlList) -> Option<bool> {
        let knobs = self.knobs.iter();
        let mut governed = knobs.filter(|knob| knob.automatic == Some(place)).map(|knob| knob.id);
        if let Some(id) = governed.find(|id| wanted.value(*id).is_some()) {
            return Some(wanted_number(id, wanted).is_none());
        }
        match self.knobs[place].id {
            ControlId::AfMode => wanted.get(control::AF_MODE).map(|mode| mode != AfMode::Manual),
            id => match wanted.value(id) {
                Some(ControlValue::Bool(on)) => Some(on),
                _ => None,
            },
        }
    }

    fn turn(&mut self, place: usize, value: i64) {
        let new = State { value, known: true };
        if self.states[place] == new {
            return;
        }
        self.switches.push(Pending { place, before: self.states[place] });
        self.states[place] = new;
        for (knob, state) in self.knobs.iter().zip(&mut self.states) {
            state.known &= knob.automatic != Some(place);
        }
    }

    fn set(&mut self, place: usize, value: i64) {
        let new = State { value, known: true };
        if self.states[place] != new {
            self.values.push(Pending { place, before: self.states[place] });
            self.states[place] = new;
        }
    }

    /// The switches that are to be written, before the rest.
    pub fn first(&self) -> WriteList<'_> {
        self.writes(&self.switches)
    }

    /// The values that are to be written.
    pub fn rest(&self) -> WriteList<'_> {
        self.writes(&self.values)
    }

    fn writes(&self, pending: &[Pending]) -> WriteList<'_> {
        let mut list = WriteList::default();
        for Pending { place, .. } in pending {
            list.push(self.knobs[*place].code, Payload::Integer(self.states[*place].value));
        }
        list
    }

    /// Whether there are switches to be written, and values.
    pub fn is_pending(&self) -> (bool, bool) {
        (!self.switches.is_empty(), !self.values.is_empty())
    }

    /// The node refused the values; they are as they were.
    pub fn values_refused(&mut self) {
        while let Some(Pending { place, before }) = self.values.pop() {
            self.states[place] = before;
        }
    }

    /// The node refused the switches, and so is not asked for the values.
    pub fn switches_refused(&mut self) {
        self.values_refused();
        while let Some(Pending { place, before }) = self.switches.pop() {
            self.states[place] = before;
        }
    }

    /// The node told that a control has another value.
    pub fn changed(&mut self, code: ControlCode, value: i64) {
        if let Some(place) = self.knobs.iter().position(|knob| knob.code == code) {
            self.states[place] = State { value, known: true };
        }
    }

    /// Tells what is known of the settings.
    pub fn report(&self, metadata: &mut ControlList) {
        for (knob, state) in self.knobs.iter().zip(&self.states) {
            if state.known {
                knob.report(state.value, metadata);
            }
        }
    }

    /// How long a frame is exposed, if that is known.
    pub fn exposure(&self) -> Option<Duration> {
        let place = self.knobs.iter().position(|knob| knob.code == code::EXPOSURE_ABSOLUTE)?;
        let State { value, known } = self.states[place];
        let tenths_ms = u64::try_from(value).ok().filter(|_| known)?;
        Some(Duration::from_micros(tenths_ms.saturating_mul(100)))
    }
}

impl Knob {
    fn limits(&self) -> Vec<ControlLimits> {
        let free = |id| ControlLimits { id, minimum: None, maximum: None, default: None };
        match self.form {
            Form::Switch { .. } => vec![free(self.id)],
            Form::Mains => vec![free(ControlId::AeFlickerMode), free(ControlId::AeFlickerPeriod)],
            Form::Dial { scale, .. } => {
                let (least, most) = scale.limits();
                let default = self.automatic.is_none().then(|| scale.normal());
                vec![ControlLimits { id: self.id, minimum: Some(least), maximum: Some(most), default }]
            }
        }
    }

    fn report(&self, value: i64, metadata: &mut ControlList) {
        match self.form {
            Form::Switch { off, .. } if self.id == ControlId::AfMode => {
                let mode = if value == off { AfMode::Manual } else { AfMode::Continuous };
                metadata.set(control::AF_MODE, mode);
            }
            Form::Switch { off, .. } => {
                metadata.set_value(self.id, ControlValue::Bool(value != off));
            }
            Form::Dial { scale, whole: true } => {
                metadata.set_value(self.id, ControlValue::I32(scale.ours(value).round() as i32));
            }
            Form::Dial { scale, whole: false } => {
                metadata.set_value(self.id, ControlValue::F32(scale.ours(value) as f32));
            }
            Form::Mains => report_mains(value, metadata),
        }
    }
}

/// How a control is used here; `None` if what the node says of it makes no sense.
fn form(meaning: Meaning, found: &ControlDescription, node: &mut dyn VideoNode) -> Result<Option<Form>> {
    let dial = |ours: [f64; 3], whole| {
        let normal = found.default.clamp(found.minimum.min(found.maximum), found.maximum);
        let scale = Scale::new([found.minimum, normal, found.maximum], found.step, ours);
        scale.map(|scale| Form::Dial { scale, whole })
    };
    Ok(match meaning {
        Meaning::ExposureMenu => exposure_switch(found, node)?,
        Meaning::Switch => Some(Form::Switch { on: 1, off: 0 }),
        Meaning::Mains => Some(Form::Mains),
        Meaning::Offset => dial([-1.0, 0.0, 1.0], false),
        Meaning::Factor(most) => dial([0.0, 1.0, greatest_factor(found, most)], false),
        Meaning::Units(size) => {
            let [least, normal, greatest] =
                [found.minimum, found.default, found.maximum].map(|number| number as f64 * size);
            dial([least, normal.clamp(least, greatest.max(least)), greatest], true)
        }
        Meaning::Nominal(least, greatest) => {
            let range = (found.maximum as f64 - found.minimum as f64).max(1.0);
            let share = ((found.default as f64 - found.minimum as f64) / range).clamp(0.0, 1.0);
            dial([least, least + share * (greatest - least), greatest], false)
        }
    })
}

/// As steep above what is normal as below, within limits.
fn greatest_factor(found: &ControlDescription, most: f64) -> f64 {
    let [least, normal, greatest] = [found.minimum, found.default, found.maximum].map(|number| number as f64);
    let factor = (greatest - least) / (normal - least);
    if normal > least { factor.clamp(1.0, most) } else { 2.0 }
}

/// Webcams leave out those values of the menu that they do not have: mostly they set the time,
/// and have no say in the aperture.
fn exposure_switch(found: &ControlDescription, node: &mut dyn VideoNode) -> Result<Option<Form>> {
    let menu = node.menu(found.code)?;
    let has = |value: &i64| menu.iter().any(|item| i64::from(item.index) == *value);
    let on = [EXPOSURE_AUTO_TIME, EXPOSURE_AUTO].into_iter().find(has);
    let off = [EXPOSURE_MANUAL, EXPOSURE_MANUAL_TIME].into_iter().find(has);
    Ok(on.zip(off).map(|(on, off)| Form::Switch { on, off }))
}

/// A number that is set by hand, not given back to the device.
fn wanted_number(id: ControlId, wanted: &ControlList) -> Option<f64> {
    let number = match wanted.value(id)? {
        ControlValue::I32(value) => f64::from(value),
        ControlValue::F32(value) => f64::from(value),
        _ => return None,
    };
    let given_back = matches!(id, ControlId::ExposureTime | ControlId::AnalogueGain) && number == 0.0;
    (!given_back).then_some(number)
}

/// What the mains' frequency is to be set to: a period counts only once the mode asks for it.
fn wanted_mains(wanted: &ControlList, now: State) -> Option<i64> {
    let mode = wanted.get(control::AE_FLICKER_MODE);
    let period = wanted.get(control::AE_FLICKER_PERIOD);
    let is_manual = matches!(now, State { value: MAINS_50_HZ | MAINS_60_HZ, known: true });
    match (mode, period) {
        (Some(AeFlickerMode::Off), _) => Some(MAINS_NONE),
        (Some(AeFlickerMode::Manual), None) => Some(if is_manual { now.value } else { MAINS_50_HZ }),
        (Some(AeFlickerMode::Manual), Some(period)) => Some(mains_of(period)),
        (None, Some(period)) if is_manual => Some(mains_of(period)),
        (None, _) => None,
    }
}

const fn mains_of(flicker_us: i32) -> i64 {
    if flicker_us.abs_diff(FLICKER_50_HZ_US) <= flicker_us.abs_diff(FLICKER_60_HZ_US) {
        MAINS_50_HZ
    } else {
        MAINS_60_HZ
    }
}

/// A device that looks for the frequency by itself has none of our modes.
fn report_mains(value: i64, metadata: &mut ControlList) {
    let period = match value {
        MAINS_NONE => None,
        MAINS_50_HZ => Some(FLICKER_50_HZ_US),
        MAINS_60_HZ => Some(FLICKER_60_HZ_US),
        _ => return,
    };
    let mode = if period.is_some() { AeFlickerMode::Manual } else { AeFlickerMode::Off };
    metadata.set(control::AE_FLICKER_MODE, mode);
    if let Some(period) = period {
        metadata.set(control::AE_FLICKER_PERIOD, period);
    }
}

/// Writes start controls: those that are wanted from the first frame on.
///
/// # Errors
/// The node refuses one, or is gone.
pub fn write_initial(settings: &mut Settings, node: &mut dyn VideoNode, wanted: &ControlList) -> Result<()> {
    settings.want(wanted);
    let written = write_pending(settings, node);
    if written.is_err() {
        settings.switches_refused();
    }
    written
}

fn write_pending(settings: &Settings, node: &mut dyn VideoNode) -> Result<()> {
    let (first, rest) = settings.is_pending();
    if first {
        node.set_controls(&settings.first())?;
    }
    if rest { node.set_controls(&settings.rest()) } else { Ok(()) }
}
