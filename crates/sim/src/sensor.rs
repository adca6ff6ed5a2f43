//! The simulated sensor: its mode, its controls, and the registers behind them.
//!
//! A control says what was written; the registers in force are those that the frame being
//! read out was taken with. A value written during frame `n` is in force from frame `n + d`
//! on, where `d` is the control's delay; users cannot see that, but in pictures and embedded
//! data. Knows nothing of time, buffers or pixels.

use crate::model::{SensorMode, SensorModel};
use crate::refusal::{Answer, Refusal};
use pinhole_base::format::{Packing, RawFormat};
use pinhole_base::geometry::{ModePixels, NativePixels, Rect, Size, Transform};
use pinhole_device::uapi::control_codes as codes;
use pinhole_device::{
    ControlCode, ControlDescription, ControlWrite, MediaBusFormat, Payload, SelectionTarget,
};
use rustix::io::Errno;

/// `MEDIA_BUS_FMT_SENSOR_DATA`: embedded data.
pub(crate) const SENSOR_DATA_CODE: u32 = 0x7002;

const DELAY_FRAMES_MAX: usize = 4;

/// A register whose values take effect some frames after they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Delayed {
    written: u32,
    in_force: u32,
    /// For the next frames.
    coming: [u32; DELAY_FRAMES_MAX],
}

impl Delayed {
    const fn settled(value: u32) -> Self {
        Self { written: value, in_force: value, coming: [value; DELAY_FRAMES_MAX] }
    }

    fn write(&mut self, value: u32, delay_frames: u32) {
        self.written = value;
        let first = (delay_frames.max(1) as usize - 1).min(DELAY_FRAMES_MAX - 1);
        self.coming[first..].fill(value);
    }

    fn advance(&mut self) {
        self.in_force = self.coming[0];
        self.coming.copy_within(1.., 0);
    }

    fn settle(&mut self) {
        *self = Self::settled(self.written);
    }
}

/// What a frame is taken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Registers {
    /// Exposure time in lines.
    pub exposure_lines: u32,
    /// Analogue gain code.
    pub gain_code: u32,
    /// Lines from the start of this frame to the start of the next.
    pub frame_length_lines: u32,
    /// Pixel clocks from line to line.
    pub line_length_pixels: u32,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    minimum: i64,
    maximum: i64,
    default: i64,
}

/// A sensor behind its driver.
#[derive(Debug)]
pub(crate) struct Sensor {
    pub(crate) model: &'static SensorModel,
    pub(crate) rotation_degrees: u32,
    embedded: bool,
    mode: usize,
    bits: u8,
    exposure: Delayed,
    gain: Delayed,
    vblank: Delayed,
    hblank: Delayed,
    pub(crate) transform: Transform,
    /// While it streams, its format is fixed.
    pub(crate) streaming: bool,
}

impl Sensor {
    pub(crate) fn new(model: &'static SensorModel, embedded: bool, rotation_degrees: u32) -> Self {
        let zero = Delayed::settled(0);
        let mut sensor = Self {
            model,
            rotation_degrees,
            embedded,
            mode: 0,
            bits: model.modes[0].bits[0],
            exposure: Delayed::settled(model.exposure.default_lines),
            gain: zero,
            vblank: zero,
            hblank: zero,
            transform: Transform::IDENTITY,
            streaming: false,
        };
        sensor.choose_mode(0);
        sensor
    }

    pub(crate) const fn mode(&self) -> &'static SensorMode {
        &self.model.modes[self.mode]
    }

    /// What it sends: samples, unpacked.
    pub(crate) const fn raw_format(&self) -> RawFormat {
        RawFormat::bayer(self.transform.apply_to(self.model.order), self.bits, Packing::Unpacked)
    }

    /// What the frame that is read out now was taken with. A frame lasts at least as long as
    /// the exposure it has to wait for.
    pub(crate) fn registers(&self) -> Registers {
        let mode = self.mode();
        let exposure_lines = self.exposure.in_force;
        let shortest = exposure_lines + self.model.exposure.margin_lines;
        Registers {
            exposure_lines,
            gain_code: self.gain.in_force,
            frame_length_lines: (mode.size.height + self.vblank.in_force).max(shortest),
            line_length_pixels: mode.size.width + self.hblank.in_force,
        }
    }

    /// How long so many lines last with the present line length.
    pub(crate) fn lines_ns(&self, lines: u32) -> u64 {
        let clocks = u128::from(lines) * u128::from(self.mode().size.width + self.hblank.in_force);
        (clocks * 1_000_000_000 / u128::from(self.model.pixel_rate_hz)) as u64
    }

    /// Begins to stream: everything written so far is in force for the first frame.
    pub(crate) fn start(&mut self) {
        for register in self.delayed() {
            register.settle();
        }
    }

    /// The next frame begins.
    pub(crate) fn advance(&mut self) {
        for register in self.delayed() {
            register.advance();
        }
    }

    fn delayed(&mut self) -> [&mut Delayed; 4] {
        [&mut self.exposure, &mut self.gain, &mut self.vblank, &mut self.hblank]
    }

    fn choose_mode(&mut self, mode: usize) {
        self.mode = mode;
        let mode = self.mode();
        self.vblank = Delayed::settled(mode.frame_length.default_lines - mode.size.height);
        self.hblank = Delayed::settled(mode.line_length_pixels - mode.size.width);
        self.bound_exposure();
    }

    /// Keeps the exposure within what the vertical blanking allows, as drivers do whenever
    /// that is written.
    fn bound_exposure(&mut self) {
        let limits = self.exposure_limits();
        let bounded = i64::from(self.exposure.written).clamp(limits.minimum, limits.maximum) as u32;
        if bounded != self.exposure.written {
            self.write(codes::EXPOSURE, bounded);
        }
    }

    fn exposure_limits(&self) -> Limits {
        let frame_lines = self.mode().size.height + self.vblank.written;
        let maximum = i64::from(frame_lines - self.model.exposure.margin_lines);
        let default = i64::from(self.model.exposure.default_lines).min(maximum);
        Limits { minimum: i64::from(self.model.exposure.min_lines), maximum, default }
    }

    fn limits(&self, code: ControlCode) -> Option<Limits> {
        let mode = self.mode();
        let fixed = |value: i64| Limits { minimum: value, maximum: value, default: value };
        Some(match code {
            codes::EXPOSURE => self.exposure_limits(),
            codes::ANALOGUE_GAIN => {
                Limits { minimum: 0, maximum: i64::from(self.model.gain.max_code), default: 0 }
            }
            codes::VBLANK => {
                let blank = |lines: u32| i64::from(lines) - i64::from(mode.size.height);
                let lines = mode.frame_length;
                Limits {
                    minimum: blank(lines.min_lines),
                    maximum: blank(lines.max_lines),
                    default: blank(lines.default_lines),
                }
            }
            codes::HBLANK => {
                let blank = |pixels: u32| i64::from(pixels) - i64::from(mode.size.width);
                let minimum = blank(mode.line_length_pixels);
                Limits { minimum, maximum: blank(mode.line_length_pixels_max), default: minimum }
            }
            codes::PIXEL_RATE => fixed(self.model.pixel_rate_hz as i64),
            codes::SENSOR_ROTATION => fixed(i64::from(self.rotation_degrees)),
            codes::HFLIP | codes::VFLIP => Limits { minimum: 0, maximum: 1, default: 0 },
            _ => return None,
        })
    }

    fn is_read_only(&self, code: ControlCode) -> bool {
        match code {
            codes::PIXEL_RATE | codes::SENSOR_ROTATION => true,
            codes::HBLANK => self.mode().line_length_pixels == self.mode().line_length_pixels_max,
            _ => false,
        }
    }

    pub(crate) fn describe_controls(&self) -> Vec<ControlDescription> {
        CONTROLS.iter().filter_map(|&(code, name)| self.describe(code, name)).collect()
    }

    fn describe(&self, code: ControlCode, name: &str) -> Option<ControlDescription> {
        let limits = self.limits(code)?;
        Some(ControlDescription {
            code,
            name: name.to_owned(),
            minimum: limits.minimum,
            maximum: limits.maximum,
            step: 1,
            default: limits.default,
            payload_bytes: 0,
            read_only: self.is_read_only(code),
            modifies_layout: is_flip(code),
        })
    }

    pub(crate) fn control(&self, code: ControlCode) -> Answer<i64> {
        Ok(match code {
            codes::EXPOSURE => i64::from(self.exposure.written),
            codes::ANALOGUE_GAIN => i64::from(self.gain.written),
            codes::VBLANK => i64::from(self.vblank.written),
            codes::HBLANK => i64::from(self.hblank.written),
            codes::HFLIP => i64::from(self.transform.hflip),
            codes::VFLIP => i64::from(self.transform.vflip),
            _ => self.limits(code).ok_or_else(|| unknown(code))?.default,
        })
    }

    /// Writes all or none, in order. Integers out of range are clamped, as V4L2 does.
    pub(crate) fn set_controls(&mut self, writes: &[ControlWrite<'_>]) -> Answer<()> {
        for write in writes {
            self.check_write(write)?;
        }
        for write in writes {
            if let (Payload::Integer(value), Some(limits)) = (write.value, self.limits(write.code)) {
                self.write(write.code, value.clamp(limits.minimum, limits.maximum) as u32);
            }
        }
        Ok(())
    }

    fn check_write(&self, write: &ControlWrite<'_>) -> Answer<()> {
        if self.limits(write.code).is_none() {
            return Err(unknown(write.code));
        }
        if self.is_read_only(write.code) {
            return Err(Refusal::new(Errno::ACCESS, format!("control {:?} is read-only", write.code)));
        }
        if !matches!(write.value, Payload::Integer(_)) {
            return Err(Refusal::new(Errno::INVAL, format!("control {:?} is an integer", write.code)));
        }
        if is_flip(write.code) && self.streaming {
            return Err(Refusal::new(Errno::BUSY, "flips cannot change while frames flow"));
        }
        Ok(())
    }

    fn write(&mut self, code: ControlCode, value: u32) {
        let delays = self.model.delays;
        let (register, delay_frames) = match code {
            codes::EXPOSURE => (&mut self.exposure, delays.exposure_frames),
            codes::ANALOGUE_GAIN => (&mut self.gain, delays.gain_frames),
            codes::VBLANK => (&mut self.vblank, delays.vblank_frames),
            codes::HBLANK => (&mut self.hblank, delays.hblank_frames),
            codes::HFLIP => return self.transform.hflip = value != 0,
            codes::VFLIP => return self.transform.vflip = value != 0,
            _ => return,
        };
        register.write(value, delay_frames);
        if !self.streaming {
            register.settle();
        }
        if code == codes::VBLANK {
            self.bound_exposure();
        }
    }

    fn check_pad(&self, pad: u32) -> Answer<()> {
        let pads = if self.embedded { 2 } else { 1 };
        if pad < pads { Ok(()) } else { Err(Refusal::new(Errno::INVAL, format!("there is no pad {pad}"))) }
    }

    fn code_of_bits(&self, bits: u8) -> u32 {
        RawFormat { bits, ..self.raw_format() }.media_bus_code().unwrap_or(0)
    }

    /// Bits a sample that any mode has, in the order of the modes.
    fn bits_offered(&self) -> Vec<u8> {
        let mut offered = Vec::new();
        for &bits in self.model.modes.iter().flat_map(|mode| mode.bits) {
            if !offered.contains(&bits) {
                offered.push(bits);
            }
        }
        offered
    }

    pub(crate) fn codes(&self, pad: u32) -> Answer<Vec<u32>> {
        self.check_pad(pad)?;
        if pad == 1 {
            return Ok(vec![SENSOR_DATA_CODE]);
        }
        Ok(self.bits_offered().into_iter().map(|bits| self.code_of_bits(bits)).collect())
    }

    pub(crate) fn frame_sizes(&self, pad: u32, code: u32) -> Answer<Vec<Size<ModePixels>>> {
        self.check_pad(pad)?;
        if !self.codes(pad)?.contains(&code) {
            return Err(Refusal::new(Errno::INVAL, format!("pad {pad} has no code {code:#06x}")));
        }
        if pad == 1 {
            return Ok(vec![self.embedded_format().size]);
        }
        let has_code = |mode: &&SensorMode| mode.bits.iter().any(|&bits| self.code_of_bits(bits) == code);
        Ok(self.model.modes.iter().filter(has_code).map(|mode| mode.size).collect())
    }

    fn embedded_format(&self) -> MediaBusFormat {
        let layout = self.model.embedded;
        MediaBusFormat { code: SENSOR_DATA_CODE, size: Size::new(layout.line_bytes, layout.lines) }
    }

    /// Bytes of a buffer of embedded data.
    pub(crate) const fn embedded_bytes(&self) -> u32 {
        self.model.embedded.line_bytes * self.model.embedded.lines
    }

    pub(crate) fn format(&self, pad: u32) -> Answer<MediaBusFormat> {
        self.check_pad(pad)?;
        if pad == 1 {
            return Ok(self.embedded_format());
        }
        Ok(MediaBusFormat { code: self.code_of_bits(self.bits), size: self.mode().size })
    }

    /// Chooses the mode whose size is nearest, among those that can send the code.
    pub(crate) fn set_format(&mut self, pad: u32, wanted: MediaBusFormat) -> Answer<MediaBusFormat> {
        self.check_pad(pad)?;
        if self.streaming {
            return Err(Refusal::new(Errno::BUSY, "frames are flowing"));
        }
        if pad == 0 {
            let offered = self.bits_offered();
            let bits = offered.iter().copied().find(|&bits| self.code_of_bits(bits) == wanted.code);
            self.bits = bits.unwrap_or(offered[0]);
            let mode = self.nearest_mode(wanted.size);
            self.choose_mode(mode);
        }
        self.format(pad)
    }

    fn nearest_mode(&self, size: Size<ModePixels>) -> usize {
        let distance = |mode: &SensorMode| {
            u64::from(mode.size.width.abs_diff(size.width))
                + u64::from(mode.size.height.abs_diff(size.height))
        };
        let modes = self.model.modes.iter().enumerate();
        let with_bits = modes.filter(|(_, mode)| mode.bits.contains(&self.bits));
        with_bits.min_by_key(|(_, mode)| distance(mode)).map_or(0, |(at, _)| at)
    }

    pub(crate) fn selection(&self, target: SelectionTarget) -> Rect<NativePixels> {
        let native = self.model.native_size;
        match target {
            SelectionTarget::NativeSize => Rect::new(0, 0, native.width, native.height),
            SelectionTarget::CropBounds | SelectionTarget::CropDefault => self.model.active_area,
            SelectionTarget::Crop => self.mode().crop,
        }
    }
}

const fn is_flip(code: ControlCode) -> bool {
    matches!(code, codes::HFLIP | codes::VFLIP)
}

#[cold]
fn unknown(code: ControlCode) -> Refusal {
    Refusal::new(Errno::INVAL, format!("there is no control {code:?}"))
}

const CONTROLS: [(ControlCode, &str); 8] = [
    (codes::EXPOSURE, "Exposure"),
    (codes::HFLIP, "Horizontal Flip"),
    (codes::VFLIP, "Vertical Flip"),
    (codes::SENSOR_ROTATION, "Camera Sensor Rotation"),
    (codes::VBLANK, "Vertical Blanking"),
    (codes::HBLANK, "Horizontal Blanking"),
    (codes::ANALOGUE_GAIN, "Analogue Gain"),
    (codes::PIXEL_RATE, "Pixel Rate"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{IMX219, IMX477};

    fn integer(code: ControlCode, value: i64) -> ControlWrite<'static> {
        ControlWrite { code, value: Payload::Integer(value) }
    }

    /// A sensor in its 1080p mode.
    fn sensor() -> Sensor {
        let mut sensor = Sensor::new(&IMX219, true, 0);
        sensor.set_format(0, MediaBusFormat { code: 0x300f, size: Size::new(1920, 1080) }).unwrap();
        sensor
    }

    fn streaming() -> Sensor {
        let mut sensor = sensor();
        sensor.start();
        sensor.streaming = true;
        sensor.advance();
        sensor
    }

    fn exposure_maximum(sensor: &Sensor) -> i64 {
        let controls = sensor.describe_controls();
        controls.iter().find(|control| control.code == codes::EXPOSURE).unwrap().maximum
    }

    #[test]
    fn vblank_bounds_exposure() {
        let mut sensor = sensor();
        sensor.set_controls(&[integer(codes::VBLANK, 920)]).unwrap();
        assert_eq!(exposure_maximum(&sensor), 1996);
        sensor.set_controls(&[integer(codes::EXPOSURE, 5000)]).unwrap();
        assert_eq!(sensor.control(codes::EXPOSURE), Ok(1996));
        sensor.set_controls(&[integer(codes::VBLANK, 120)]).unwrap();
        assert_eq!(sensor.control(codes::EXPOSURE), Ok(1196));
    }

    #[test]
    fn exposure_takes_two_frames_and_gain_one() {
        let mut sensor = streaming();
        let writes = [integer(codes::EXPOSURE, 1000), integer(codes::ANALOGUE_GAIN, 128)];
        sensor.set_controls(&writes).unwrap();
        let mut seen = Vec::new();
        for _ in 0..3 {
            sensor.advance();
            seen.push((sensor.registers().exposure_lines, sensor.registers().gain_code));
        }
        assert_eq!(seen, [(1600, 128), (1000, 128), (1000, 128)]);
    }

    #[test]
    fn a_later_write_with_the_same_delay_does_not_disturb_an_earlier_one() {
        let mut sensor = streaming();
        sensor.set_controls(&[integer(codes::EXPOSURE, 100)]).unwrap();
        sensor.advance();
        sensor.set_controls(&[integer(codes::EXPOSURE, 200)]).unwrap();
        sensor.advance();
        assert_eq!(sensor.registers().exposure_lines, 100);
        sensor.advance();
        assert_eq!(sensor.registers().exposure_lines, 200);
    }

    #[test]
    fn what_is_written_before_the_start_is_in_force_at_the_first_frame() {
        let mut sensor = sensor();
        sensor.set_controls(&[integer(codes::EXPOSURE, 100), integer(codes::VBLANK, 40)]).unwrap();
        sensor.start();
        sensor.advance();
        let registers = sensor.registers();
        assert_eq!((registers.exposure_lines, registers.frame_length_lines), (100, 1120));
    }

    #[test]
    fn controls_are_written_all_or_none() {
        let mut sensor = sensor();
        let before = sensor.control(codes::ANALOGUE_GAIN);
        let gain = integer(codes::ANALOGUE_GAIN, 7);
        for (bad, errno) in [
            (integer(ControlCode(1), 0), Errno::INVAL),
            (integer(codes::PIXEL_RATE, 0), Errno::ACCESS),
            (integer(codes::HBLANK, 2000), Errno::ACCESS),
            (ControlWrite { code: codes::VBLANK, value: Payload::Compound(&[0; 4]) }, Errno::INVAL),
        ] {
            assert_eq!(sensor.set_controls(&[gain, bad]).unwrap_err().errno, errno);
            assert_eq!(sensor.control(codes::ANALOGUE_GAIN), before);
        }
    }

    #[test]
    fn flips_change_the_code_and_are_busy_while_frames_flow() {
        let mut sensor = sensor();
        sensor.set_controls(&[integer(codes::HFLIP, 1)]).unwrap();
        assert_eq!(sensor.format(0).unwrap().code, 0x300a);
        sensor.set_controls(&[integer(codes::VFLIP, 1)]).unwrap();
        assert_eq!(sensor.format(0).unwrap().code, 0x3007);
        sensor.streaming = true;
        let refusal = sensor.set_controls(&[integer(codes::HFLIP, 0)]).unwrap_err();
        assert_eq!(refusal.errno, Errno::BUSY);
        let flip = |control: &ControlDescription| is_flip(control.code) && control.modifies_layout;
        assert_eq!(sensor.describe_controls().iter().filter(|control| flip(control)).count(), 2);
    }

    #[test]
    fn formats_are_adjusted_to_the_nearest_mode() {
        let mut sensor = Sensor::new(&IMX477, true, 0);
        let set = sensor.set_format(0, MediaBusFormat { code: 0x3012, size: Size::new(2000, 1100) });
        assert_eq!(set, Ok(MediaBusFormat { code: 0x3012, size: Size::new(2028, 1080) }));
        let set = sensor.set_format(0, MediaBusFormat { code: 0x300f, size: Size::new(2000, 1100) });
        assert_eq!(set, Ok(MediaBusFormat { code: 0x300f, size: Size::new(1332, 990) }));
        let set = sensor.set_format(0, MediaBusFormat { code: 0xffff, size: Size::new(0, 0) });
        assert_eq!(set.unwrap().code, 0x3012);
        sensor.streaming = true;
        assert_eq!(sensor.set_format(0, set_format_any()).unwrap_err().errno, Errno::BUSY);
    }

    fn set_format_any() -> MediaBusFormat {
        MediaBusFormat { code: 0, size: Size::new(0, 0) }
    }

    #[test]
    fn pads_are_those_that_the_sensor_has() {
        let plain = Sensor::new(&IMX219, false, 0);
        assert_eq!(plain.format(1).unwrap_err().errno, Errno::INVAL);
        let sensor = sensor();
        assert_eq!(sensor.codes(0), Ok(vec![0x300f, 0x3014]));
        assert_eq!(sensor.codes(1), Ok(vec![SENSOR_DATA_CODE]));
        assert_eq!(sensor.frame_sizes(1, SENSOR_DATA_CODE), Ok(vec![Size::new(16384, 1)]));
        assert_eq!(sensor.frame_sizes(0, 0x300f).unwrap().len(), IMX219.modes.len());
        assert_eq!(sensor.frame_sizes(0, 1).unwrap_err().errno, Errno::INVAL);
        assert_eq!(sensor.codes(2).unwrap_err().errno, Errno::INVAL);
    }

    #[test]
    fn a_frame_lasts_as_long_as_its_lines() {
        let sensor = streaming();
        let lines = sensor.registers().frame_length_lines;
        assert_eq!(lines, 1763);
        assert!((33_300_000..33_400_000).contains(&sensor.lines_ns(lines)));
    }
}
