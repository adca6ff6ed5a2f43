//! Controls and metadata: what an application may ask of a frame, and what a frame says of
//! itself. Each is defined once, in the table at the end of this file, from which come its
//! type, its name, its documentation and its place in a [`ControlList`]. Names and meanings
//! are those that libcamera's users know.

use crate::geometry::{NativePixels, Rect};
use std::fmt;
use std::marker::PhantomData;

/// A value of any control.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ControlValue {
    /// A switch.
    Bool(bool),
    /// A 32-bit integer, or the number of an enumeration.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// A number.
    F32(f32),
    /// A pair of numbers.
    Pair([f32; 2]),
    /// A 3×3 matrix, row by row.
    Matrix([f32; 9]),
    /// Four integers.
    Quad([i32; 4]),
    /// A rectangle on the sensor's whole array.
    Rect(Rect<NativePixels>),
}

/// A Rust type that a control can hold.
pub trait Value: Copy {
    /// Its name in the documentation.
    const TYPE: &'static str;
    /// The names of an enumeration's values, in the order of their numbers from 0.
    const NAMES: &'static [&'static str] = &[];
    /// Wraps it.
    fn wrap(self) -> ControlValue;
    /// Unwraps it, if the value is of this type.
    fn unwrap(value: ControlValue) -> Option<Self>;
    /// Reads it from text, as the command line has it.
    fn parse(text: &str) -> Option<Self>;
}

fn parse_numbers<const N: usize, T: std::str::FromStr + Copy + Default>(text: &str) -> Option<[T; N]> {
    let mut numbers = [T::default(); N];
    let mut parts = text.split(',');
    for number in &mut numbers {
        *number = parts.next()?.trim().parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

macro_rules! value {
    ($type:ty, $variant:ident, $name:literal, $parse:expr) => {
        impl Value for $type {
            const TYPE: &'static str = $name;
            fn wrap(self) -> ControlValue {
                ControlValue::$variant(self)
            }
            fn unwrap(value: ControlValue) -> Option<Self> {
                match value {
                    ControlValue::$variant(inner) => Some(inner),
                    _ => None,
                }
            }
            fn parse(text: &str) -> Option<Self> {
                let parse: fn(&str) -> Option<Self> = $parse;
                parse(text)
            }
        }
    };
}

fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

fn parse_rect(text: &str) -> Option<Rect<NativePixels>> {
    let [x, y, width, height] = parse_numbers::<4, i32>(text)?;
    Some(Rect::new(x, y, u32::try_from(width).ok()?, u32::try_from(height).ok()?))
}

fn parse_finite(text: &str) -> Option<f32> {
    text.parse().ok().filter(|value: &f32| value.is_finite())
}

fn parse_all_finite<const N: usize>(text: &str) -> Option<[f32; N]> {
    parse_numbers::<N, f32>(text).filter(|values| values.iter().all(|v| v.is_finite()))
}

value!(bool, Bool, "on or off", parse_bool);
value!(i32, I32, "integer", |text| text.parse().ok());
value!(i64, I64, "integer", |text| text.parse().ok());
value!(f32, F32, "number", parse_finite);
value!([f32; 2], Pair, "2 numbers", parse_all_finite);
value!([f32; 9], Matrix, "9 numbers", parse_all_finite);
value!([i32; 4], Quad, "4 integers", parse_numbers);
value!(Rect<NativePixels>, Rect, "x,y,width,height", parse_rect);

macro_rules! enumerations {
    ($($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $vdoc:literal])+ $variant:ident = $number:literal),+ $(,)? })+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[doc = $vdoc])+ $variant = $number),+ }

        impl $name {
            /// The value with that number.
            pub const fn from_number(number: i32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }

        impl Value for $name {
            const TYPE: &'static str = concat!("one of", $(" ", stringify!($variant)),+);
            const NAMES: &'static [&'static str] = &[$(stringify!($variant)),+];
            fn wrap(self) -> ControlValue {
                ControlValue::I32(self as i32)
            }
            fn unwrap(value: ControlValue) -> Option<Self> {
                i32::unwrap(value).and_then(Self::from_number)
            }
            fn parse(text: &str) -> Option<Self> {
                let at = Self::NAMES.iter().position(|name| name.eq_ignore_ascii_case(text))?;
                Self::from_number(at as i32)
            }
        }
    )+};
}

enumerations! {
    /// How white balance finds the light's colour.
    AwbMode {
        /// Any light.
        Auto = 0,
        /// Incandescent lamps.
        Incandescent = 1,
        /// Tungsten lamps.
        Tungsten = 2,
        /// Fluorescent lamps.
        Fluorescent = 3,
        /// Indoors.
        Indoor = 4,
        /// Daylight.
        Daylight = 5,
        /// An overcast sky.
        Cloudy = 6,
    }
    /// Who moves the lens.
    AfMode {
        /// The application.
        Manual = 0,
        /// The camera, whenever it is asked to.
        Auto = 1,
        /// The camera, all the time.
        Continuous = 2,
    }
    /// Which part of the picture decides its exposure.
    AeMeteringMode {
        /// Mostly the centre.
        CentreWeighted = 0,
        /// Only the centre.
        Spot = 1,
        /// All of it.
        Matrix = 2,
    }
    /// How much is done about noise.
    NoiseReductionMode {
        /// Nothing.
        Off = 0,
        /// Noise is smoothed in the mosaic, and its colour in the picture as quickly as can be.
        Fast = 1,
        /// Noise is smoothed in the mosaic, and its colour in the picture as well as can be.
        HighQuality = 2,
        /// Noise is smoothed in the mosaic only.
        Minimal = 3,
    }
    /// What a frame is for: why it was hidden, marked or plain.
    FrameState {
        /// As asked for.
        Settled = 0,
        /// The sensor or the algorithms had not settled at start-up.
        Starting = 1,
    }
    /// Where the exposure and gain of a frame's metadata come from.
    SettingsSource {
        /// Read from the frame's embedded data.
        EmbeddedData = 0,
        /// Remembered from what was written to the sensor, and when it took effect.
        DelayedControls = 1,
        /// Not known: the frame waited until the camera remembered only later ones, of which
        /// this tells the first.
        Estimated = 2,
    }
    /// What a lighting mains frequency does to exposure.
    AeFlickerMode {
        /// Ignore it.
        Off = 0,
        /// Avoid multiples of the period given by `AeFlickerPeriod`.
        Manual = 1,
    }
}

/// Whether a control is asked for, reported, or a fixed property of the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// An application may set it in a request; frames report it too.
    Control,
    /// Frames report it.
    Metadata,
    /// The camera has it, whatever it does.
    Property,
}

/// What is known of a control.
#[derive(Clone, Copy, Debug)]
pub struct ControlInfo {
    /// Its name.
    pub name: &'static str,
    /// The type of its value, in words; for an enumeration, the names.
    pub type_name: &'static str,
    /// The names of an enumeration's values; empty for other types.
    pub names: &'static [&'static str],
    /// Its unit; empty if it has none.
    pub unit: &'static str,
    /// Whether it is asked for, reported, or fixed.
    pub direction: Direction,
    /// What it means.
    pub meaning: &'static str,
    /// Least and greatest value that make sense for any camera, for scalar numbers.
    pub limits: Option<(f64, f64)>,
    parse: fn(&str) -> Option<ControlValue>,
}

/// A control's typed key; `EXPOSURE_TIME` and so on below are the values of it.
pub struct Control<T> {
    id: ControlId,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for Control<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Control<T> {}

impl<T> Control<T> {
    /// The untyped key.
    pub const fn id(self) -> ControlId {
        self.id
    }
}

impl ControlId {
    /// What is known of it.
    pub fn info(self) -> &'static ControlInfo {
        &INFOS[self as usize]
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// The control of that name, in either case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|id| id.name().eq_ignore_ascii_case(name))
    }

    /// Reads a value of this control from text and checks it against the limits.
    pub fn parse(self, text: &str) -> Result<ControlValue, String> {
        let info = self.info();
        let value = (info.parse)(text)
            .ok_or_else(|| format!("`{text}` is no value for {}: it takes {}", info.name, info.type_name))?;
        self.check(value)?;
        Ok(value)
    }

    /// Whether a value is of this control's type and within its limits.
    pub fn check(self, value: ControlValue) -> Result<(), String> {
        let info = self.info();
        let number = match value {
            ControlValue::I32(v) => f64::from(v),
            ControlValue::I64(v) => v as f64,
            ControlValue::F32(v) => f64::from(v),
            _ => return Ok(()),
        };
        match info.limits {
            Some((low, high)) if !(low..=high).contains(&number) => Err(format!(
                "{} of {number} is outside {low} to {high}{}{}",
                info.name,
                if info.unit.is_empty() { "" } else { " " },
                info.unit
            )),
            _ if !number.is_finite() => Err(format!("{} must be a finite number", info.name)),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for ControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Values of some of the controls. Setting, getting and clearing take O(1) and never
/// allocate once the list exists.
pub struct ControlList {
    present: u128,
    values: Box<[ControlValue; ControlId::ALL.len()]>,
}

const _: () = assert!(ControlId::ALL.len() <= 128, "the set of present controls is a u128");

impl Default for ControlList {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for ControlList {
    fn clone(&self) -> Self {
        let mut list = Self::new();
        list.merge(self);
        list
    }
}

impl PartialEq for ControlList {
    fn eq(&self, other: &Self) -> bool {
        self.present == other.present && self.iter().eq(other.iter())
    }
}

impl ControlList {
    /// An empty list.
    pub fn new() -> Self {
        Self { present: 0, values: Box::new([ControlValue::I32(0); ControlId::ALL.len()]) }
    }

    /// Sets a control.
    pub fn set<T: Value>(&mut self, control: Control<T>, value: T) -> &mut Self {
        self.set_value(control.id, value.wrap())
    }

    /// The value of a control, if it is set (and, where it was set untyped, of the type).
    pub fn get<T: Value>(&self, control: Control<T>) -> Option<T> {
        self.value(control.id).and_then(T::unwrap)
    }

    /// Sets a control without its type.
    pub fn set_value(&mut self, id: ControlId, value: ControlValue) -> &mut Self {
        self.values[id as usize] = value;
        self.present |= 1 << id as u32;
        self
    }

    /// The value of a control without its type.
    pub fn value(&self, id: ControlId) -> Option<ControlValue> {
        (self.present >> id as u32 & 1 == 1).then(|| self.values[id as usize])
    }

    /// Whether nothing is set.
    pub const fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// How many are set.
    pub const fn len(&self) -> usize {
        self.present.count_ones() as usize
    }

    /// Unsets one.
    pub fn remove(&mut self, id: ControlId) {
        self.present &= !(1 << id as u32);
    }

    /// Unsets all.
    pub fn clear(&mut self) {
        self.present = 0;
    }

    /// Sets all that `other` sets.
    pub fn merge(&mut self, other: &Self) {
        for (id, value) in other.iter() {
            self.set_value(id, value);
        }
    }

    /// The controls that are set, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (ControlId, ControlValue)> + '_ {
        let mut left = self.present;
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let at = left.trailing_zeros() as usize;
            left &= left - 1;
            Some((ControlId::ALL[at], self.values[at]))
        })
    }
}

impl fmt::Debug for ControlList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl fmt::Display for ControlValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, values: &[T]) -> fmt::Result {
            for (i, value) in values.iter().enumerate() {
                let comma = if i == 0 { "" } else { "," };
                write!(f, "{comma}{value}")?;
            }
            Ok(())
        }
        match self {
            Self::Bool(v) => write!(f, "{v}"),
            Self::I32(v) => write!(f, "{v}"),
            Self::I64(v) => write!(f, "{v}"),
            Self::F32(v) => write!(f, "{v}"),
            Self::Pair(v) => list(f, v),
            Self::Matrix(v) => list(f, v),
            Self::Quad(v) => list(f, v),
            Self::Rect(v) => write!(f, "{},{},{},{}", v.x, v.y, v.width, v.height),
        }
    }
}

macro_rules! controls {
    ($($constant:ident $name:ident: $type:ty, $direction:ident, $unit:literal, $limits:expr, $doc:literal;)+) => {
        /// Names a control.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum ControlId { $(#[doc = $doc] $name),+ }

        impl ControlId {
            /// Every control, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];
        }

        static INFOS: [ControlInfo; ControlId::ALL.len()] = [$(ControlInfo {
            name: stringify!($name),
            type_name: <$type as Value>::TYPE,
            names: <$type as Value>::NAMES,
            unit: $unit,
            direction: Direction::$direction,
            meaning: $doc,
            limits: $limits,
            parse: |text| <$type as Value>::parse(text).map(Value::wrap),
        }),+];

        $(#[doc = $doc]
        #[doc = concat!("\n\nUnit: ", $unit, ".")]
        pub const $constant: Control<$type> = Control { id: ControlId::$name, value: PhantomData };)+
    };
}

controls! {
    AE_ENABLE AeEnable: bool, Control, "", None, "Let the camera choose exposure time and analogue gain. Values set for either win over it.";
    EXPOSURE_TIME ExposureTime: i32, Control, "µs", Some((0.0, 2e9)), "How long the sensor gathers light for a frame. 0 gives it back to the automatic exposure.";
    ANALOGUE_GAIN AnalogueGain: f32, Control, "", Some((0.0, 1e3)), "The sensor's gain before digitising, as a factor. 0 gives it back to the automatic exposure.";
    DIGITAL_GAIN DigitalGain: f32, Metadata, "", None, "The gain applied to all samples in the ISP, as a factor.";
    EXPOSURE_VALUE ExposureValue: f32, Control, "stops", Some((-8.0, 8.0)), "How much brighter (or, negative, darker) than normal the automatic exposure aims.";
    AE_METERING_MODE AeMeteringMode: AeMeteringMode, Control, "", None, "Which part of the picture decides its exposure.";
    AE_FLICKER_MODE AeFlickerMode: AeFlickerMode, Control, "", None, "Whether exposure avoids the flicker of lamps.";
    AE_FLICKER_PERIOD AeFlickerPeriod: i32, Control, "µs", Some((100.0, 1e6)), "Period of the lamps' flicker: 10000 for 50 Hz mains.";
    AE_LOCKED AeLocked: bool, Metadata, "", None, "The automatic exposure has reached its goal.";
    AWB_ENABLE AwbEnable: bool, Control, "", None, "Let the camera choose the colour gains. Gains set by hand win over it.";
    AWB_MODE AwbMode: AwbMode, Control, "", None, "How white balance finds the light's colour.";
    AWB_LOCKED AwbLocked: bool, Metadata, "", None, "The white balance has settled.";
    COLOUR_GAINS ColourGains: [f32; 2], Control, "", None, "Gains of red and blue over green. Two zeros give them back to the automatic white balance.";
    COLOUR_TEMPERATURE ColourTemperature: i32, Control, "K", Some((1000.0, 25000.0)), "Correlated colour temperature of the light. Set, it fixes the white balance until AwbEnable is set.";
    COLOUR_CORRECTION_MATRIX ColourCorrectionMatrix: [f32; 9], Control, "", None, "From white-balanced sensor colours to linear sRGB, row by row. Nine zeros give it back to the camera.";
    BRIGHTNESS Brightness: f32, Control, "", Some((-1.0, 1.0)), "Added to the picture after the tone curve: -1 black, 0 unchanged, 1 white.";
    CONTRAST Contrast: f32, Control, "", Some((0.0, 32.0)), "Slope of the tone curve about middle grey: 1 unchanged.";
    SATURATION Saturation: f32, Control, "", Some((0.0, 32.0)), "Strength of colours: 0 grey, 1 unchanged.";
    SHARPNESS Sharpness: f32, Control, "", Some((0.0, 16.0)), "Strength of sharpening: 0 none, 1 normal.";
    NOISE_REDUCTION_MODE NoiseReductionMode: NoiseReductionMode, Control, "", None, "How much is done about noise: nothing (Off), smoothing in the mosaic (Minimal), and of its colour in the picture, too (Fast, HighQuality). Minimal unless set.";
    SCALER_CROP ScalerCrop: Rect<NativePixels>, Control, "pixels", None, "The part of the sensor that the processed pictures show, for digital zoom. In frames: the part they do show.";
    FRAME_DURATION_LIMITS FrameDurationLimits: [f32; 2], Control, "µs", None, "Shortest and longest time between frames. Two zeros give them back to the camera.";
    SENSOR_BLACK_LEVELS SensorBlackLevels: [i32; 4], Metadata, "16-bit codes", None, "Code of black for red, green in red rows, green in blue rows, and blue, scaled to 16 bits.";
    SENSOR_TIMESTAMP SensorTimestamp: i64, Metadata, "ns", None, "When the first row of the frame was exposed, on the provider's clock.";
    SENSOR_SEQUENCE SensorSequence: i64, Metadata, "", None, "The receiver's number of the frame, from 0 at each start; gaps show frames that were lost.";
    SENSOR_TEMPERATURE SensorTemperature: f32, Metadata, "°C", None, "Temperature of the sensor die.";
    FRAME_DURATION FrameDuration: i64, Metadata, "µs", None, "Time from this frame's start to the next one's.";
    LUX Lux: f32, Metadata, "lx", None, "Estimated illuminance of the scene.";
    FOCUS_FOM FocusFoM: i32, Metadata, "", None, "Figure of merit of focus: greater is sharper, for the same scene.";
    LENS_POSITION LensPosition: f32, Control, "dioptres", Some((0.0, 32.0)), "Where the lens focuses: 0 at infinity, 2 at half a metre.";
    LENS_MOVING LensMoving: bool, Metadata, "", None, "The lens may have been moving while the frame was exposed: LensPosition is where it was told to be before.";
    AF_MODE AfMode: AfMode, Control, "", None, "Who moves the lens. A position set by hand wins over it.";
    FRAME_STATE FrameState: FrameState, Metadata, "", None, "Whether the sensor and the algorithms had settled.";
    FRAME_ERROR FrameError: bool, Metadata, "", None, "The driver flagged a buffer of this frame as erroneous: its pixels may be damaged.";
    SETTINGS_SOURCE SettingsSource: SettingsSource, Metadata, "", None, "Where this frame's exposure and gain come from.";
    CONTROLS_APPLIED_BY ControlsAppliedBy: i64, Metadata, "", None, "The sequence number of the request whose sensor controls this frame was the first to be taken with or after.";
    CPU_CONVERTED CpuConverted: bool, Metadata, "", None, "Pixels of this frame were converted by the CPU, as the configuration asked.";
    PIXEL_ARRAY_SIZE PixelArraySize: Rect<NativePixels>, Property, "pixels", None, "The sensor's whole array.";
    ROTATION Rotation: i32, Property, "°", None, "How far the sensor is turned, clockwise, from upright.";
    SENSOR_SENSITIVITY SensorSensitivity: f32, Property, "", None, "Sensitivity of the present mode relative to the sensor's most sensitive one.";
}

/// The table of controls as Markdown, for the documentation.
pub fn markdown() -> String {
    let mut text = String::new();
    for (direction, title) in [
        (Direction::Control, "Controls: set in a request, reported in each frame"),
        (Direction::Metadata, "Metadata: reported in each frame"),
        (Direction::Property, "Properties of a camera"),
    ] {
        text += &format!("## {title}\n\n| name | value | unit | meaning |\n|---|---|---|---|\n");
        for id in ControlId::ALL.iter().filter(|id| id.info().direction == direction) {
            let info = id.info();
            let range = info.limits.map_or(String::new(), |(low, high)| format!(", {low} to {high}"));
            text += &format!(
                "| `{}` | {}{range} | {} | {} |\n",
                info.name, info.type_name, info.unit, info.meaning
            );
        }
        text.push('\n');
    }
    text
}
