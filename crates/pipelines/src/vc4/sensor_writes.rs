//! What a frame start has the sensor told, as the device takes it. Knows nothing of when, and
//! nothing of delays.

use pinhole_device::uapi::control_codes;
use pinhole_device::{ControlCode, ControlWrite, Payload};
use pinhole_sensor::delayed::{SensorControl, Writes};

/// The controls to write at one frame start: the vertical blanking in a call of its own, then
/// the rest.
#[derive(Debug)]
pub(super) struct SensorWrites {
    /// The frame.
    pub(super) sequence: u32,
    list: [ControlWrite<'static>; SensorControl::ALL.len()],
    /// How many of them are the blanking.
    first: usize,
    count: usize,
}

impl Default for SensorWrites {
    fn default() -> Self {
        let none = ControlWrite { code: ControlCode(0), value: Payload::Integer(0) };
        Self { sequence: 0, list: [none; SensorControl::ALL.len()], first: 0, count: 0 }
    }
}

impl SensorWrites {
    /// Takes in those of a frame start in the place of those before.
    pub(super) fn set(&mut self, sequence: u32, writes: &Writes) {
        self.sequence = sequence;
        (self.first, self.count) = (0, 0);
        if !writes.is_empty() {
            self.fill(writes);
        }
    }

    fn fill(&mut self, writes: &Writes) {
        self.first = usize::from(writes.priority().is_some());
        for write in writes.iter() {
            self.list[self.count] = ControlWrite { code: code(write.control), value: integer(write.value) };
            self.count += 1;
        }
    }

    /// The blanking, which bounds exposure and so must be there before it.
    pub(super) fn first(&self) -> &[ControlWrite<'static>] {
        &self.list[..self.first]
    }

    /// All the rest.
    pub(super) fn rest(&self) -> &[ControlWrite<'static>] {
        &self.list[self.first..self.count]
    }
}

fn code(control: SensorControl) -> ControlCode {
    match control {
        SensorControl::Vblank => control_codes::VBLANK,
        SensorControl::Hblank => control_codes::HBLANK,
        SensorControl::Exposure => control_codes::EXPOSURE,
        SensorControl::AnalogueGain => control_codes::ANALOGUE_GAIN,
    }
}

/// An integer control's value.
pub(super) fn integer(value: u32) -> Payload<'static> {
    Payload::Integer(i64::from(value))
}
