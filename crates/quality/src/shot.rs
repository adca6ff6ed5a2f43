//! A frame of a simulated camera whose exposure and white balance have settled.

use pinhole::config::Calibration;
use pinhole::control::{self, ControlList};
use pinhole::format::{PixelFormat, RawFormat};
use pinhole::geometry::{ModePixels, NativePixels, Rect, Size};
use pinhole::sim::model::{SensorMode, SensorModel};
use pinhole::sim::scene::{Light, LightSchedule, Scene};
use pinhole::sim::{CameraConfig, Clock, SimulatorConfig};
use pinhole::{Cameras, Configuration, Driver, Error, ErrorKind, Frame, Result, Role, Session};
use pinhole_imaging::IspParameters;

/// More frames than settling takes.
const FRAMES_MAX: usize = 45;

/// How a frame is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conditions {
    pub(crate) model: &'static SensorModel,
    pub(crate) mode: SensorMode,
    pub(crate) light: Light,
    /// The analogue gain; `None` leaves it to the camera.
    pub(crate) gain: Option<f32>,
}

/// A frame.
pub(crate) struct Shot {
    pub(crate) model: &'static SensorModel,
    pub(crate) mode: SensorMode,
    pub(crate) format: RawFormat,
    pub(crate) stride_bytes: u32,
    /// The sensor's samples.
    pub(crate) raw: Vec<u8>,
    /// The camera's own picture: sRGB, 8 bits, small.
    pub(crate) picture: Vec<u8>,
    pub(crate) picture_size: Size,
    /// What the camera's algorithms told its image processor.
    pub(crate) parameters: IspParameters,
    pub(crate) metadata: ControlList,
    /// What the camera tells of its sensor.
    pub(crate) calibration: Calibration,
}

impl Shot {
    /// Takes a frame of the built-in scene.
    pub(crate) fn take(scene: &Scene, conditions: &Conditions) -> Result<Self> {
        let config = SimulatorConfig {
            cameras: vec![CameraConfig::new(conditions.model)],
            clock: Clock::Virtual,
            scene: scene.clone().with_light(LightSchedule::Constant(conditions.light)),
            ..SimulatorConfig::default()
        };
        let cameras = Cameras::simulated(config)?;
        let simulator = cameras.simulator().expect("simulated cameras have a simulator").clone();
        let mut camera = cameras.first()?.acquire()?;
        camera.set_driver(Driver::Caller);
        if let Some(gain) = conditions.gain {
            camera.controls_mut().set(control::ANALOGUE_GAIN, gain);
        }
        let mut configuration = camera.propose([Role::Raw, Role::Viewfinder])?;
        request(&mut configuration, &conditions.mode);
        camera.validate(&mut configuration)?;
        let calibration = camera.info().calibration.expect("simulated sensors are calibrated");
        let mut session = camera.start(&configuration)?;
        let frame = settled(&mut session)?;
        let parameters = simulator.isp_parameters(0)?;
        Self::of_frame(&frame, conditions, parameters, &calibration)
    }

    fn of_frame(
        frame: &Frame,
        conditions: &Conditions,
        parameters: IspParameters,
        calibration: &Calibration,
    ) -> Result<Self> {
        let (raw, picture) = (frame.stream(Role::Raw)?, frame.stream(Role::Viewfinder)?);
        let (raw_stream, picture_stream) = (raw.configuration(), picture.configuration());
        let format = raw_stream.format.raw().expect("it was asked for as raw");
        let row_bytes = picture_stream.size.width as usize * 3;
        let view = picture.map()?;
        let rows = view.plane(0).chunks(picture_stream.stride_bytes as usize);
        let rows = rows.take(picture_stream.size.height as usize);
        Ok(Self {
            model: conditions.model,
            mode: conditions.mode,
            format,
            stride_bytes: raw_stream.stride_bytes,
            raw: raw.map()?.plane(0).to_vec(),
            picture: rows.flat_map(|row| row[..row_bytes].to_vec()).collect(),
            picture_size: picture_stream.size,
            parameters,
            metadata: frame.metadata().clone(),
            calibration: *calibration,
        })
    }

    /// Where a part of the sensor's array lies in the frame.
    pub(crate) fn area(&self, native: Rect<NativePixels>) -> Rect<ModePixels> {
        native.mapped(self.mode.crop, Rect::from_size(self.mode.size))
    }
}

/// The mode of fewest samples that sees the whole scene.
pub(crate) fn binned(model: &SensorModel) -> SensorMode {
    let all = model.modes[0].crop.size();
    let modes = model.modes.iter().filter(|mode| mode.crop.size() == all);
    *modes.min_by_key(|mode| mode.size.area()).expect("the first is one")
}

/// All of a mode's samples, and a picture of half their size or less.
fn request(configuration: &mut Configuration, mode: &SensorMode) {
    configuration.sensor_mode = Some((mode.size, mode.bits[0]));
    let picture = &mut configuration.streams[1];
    (picture.format, picture.size) = (PixelFormat::Rgb24, Size::new(820, 616));
}

/// The first frame of which exposure and white balance say that they have settled.
fn settled(session: &mut Session) -> Result<Frame> {
    for _ in 0..FRAMES_MAX {
        let Some(frame) = session.next()? else { break };
        let locked = [control::AE_LOCKED, control::AWB_LOCKED].map(|lock| frame.metadata().get(lock));
        if locked == [Some(true); 2] {
            return Ok(frame);
        }
    }
    Err(Error::new(ErrorKind::Timeout, "waiting for exposure and white balance")
        .because(format!("they have not settled after {FRAMES_MAX} frames")))
}
