//! One VC4 camera: acquiring, configuring, starting and stopping its devices.

use super::configuration::{self, UNUSED_OUTPUT};
use super::control_loop::{Brain, SyncControlLoop};
use super::discovery::{self, Location, ModeDetail, flipped, locate, modes};
use super::lens::LensPlan;
use super::machine::{Machine, crop_in};
use super::plan::{EMBEDDED, IMAGE, INPUT, OUTPUT0, OUTPUT1, Plan, STREAMS};
use crate::streams::{image_format, set_image};
use crate::{SharedProvider, lock};
use pinhole_algorithm::{Controller, LensRange, Limits, Tuning};
use pinhole_base::colour::light::{D65_K, ILLUMINANT_A_K, SRGB_TO_XYZ, adaptation, xyz_of_temperature};
use pinhole_base::colour::{ColourSpace, Matrix3};
use pinhole_base::control::{self, ControlList};
use pinhole_base::format::{Packing, PixelFormat};
use pinhole_base::geometry::{NativePixels, Rect, Size, Transform};
use pinhole_base::vignetting::Vignetting;
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_buffer::FrameMemory;
use pinhole_camera::backend::Backend;
use pinhole_camera::config::{Adjustment, Calibration, CameraInfo, Configuration, ControlLimits, Role};
use pinhole_camera::devices::{Devices, export};
use pinhole_camera::engine::Engine;
use pinhole_camera::exchange::Exchange;
use pinhole_camera::job::ControlLoop;
use pinhole_camera::pipeline::Pipeline;
use pinhole_device::uapi::bcm2835_isp::OUTPUT_FORMATS;
use pinhole_device::uapi::control_codes as code;
use pinhole_device::{
    ControlWrite, Heap, ImageFormat, Interest, MediaBusFormat, Payload, Provider, Route, SelectionTarget,
    SubDevice, Waker,
};
use pinhole_sensor::delayed::SensorControls;
use pinhole_sensor::{LensScale, SensorHelper};
use std::sync::{Arc, Mutex, MutexGuard};

/// Puts something between the loop and the control algorithms: for tests, something that
/// answers late, or never, or nonsense.
pub type Decorator = Arc<dyn Fn(Box<dyn ControlLoop>) -> Box<dyn ControlLoop> + Send + Sync>;

/// A sub-device between sensor and receiver, with its sink and source pads.
type Between = (Box<dyn SubDevice>, u32, u32);

/// Finds the VC4 cameras of a provider; for each whose sensor cannot be asked for its modes,
/// why.
///
/// # Errors
/// The media devices cannot be listed.
pub fn discover(
    provider: &SharedProvider,
    decorator: Option<&Decorator>,
) -> Result<Vec<Result<Box<dyn Backend>>>> {
    let located = locate(lock(provider).as_mut())?;
    let camera = |location| {
        let camera = Vc4Camera::new(Arc::clone(provider), location, decorator.cloned())?;
        Ok(Box::new(camera) as Box<dyn Backend>)
    };
    Ok(located.into_iter().map(camera).collect())
}

/// One VC4 camera.
pub struct Vc4Camera {
    info: CameraInfo,
    provider: SharedProvider,
    location: Location,
    modes: Vec<ModeDetail>,
    helper: &'static SensorHelper,
    lens: Option<LensScale>,
    active_area: Rect<NativePixels>,
    brain: Arc<Mutex<Brain>>,
    decorator: Option<Decorator>,
    engine: Option<Engine<Machine>>,
    started_before: bool,
}

impl Vc4Camera {
    fn new(provider: SharedProvider, location: Location, decorator: Option<Decorator>) -> Result<Self> {
        let helper = SensorHelper::find(&location.sensor);
        let tuning = Tuning::find(helper.name);
        let (modes, native, active_area, rotation, lens, simulated) = {
            let mut provider = lock(&provider);
            let mut sensor = provider.sub_device(&location.sensor_path)?;
            let mut image = provider.video_node(&location.nodes[usize::from(IMAGE)])?;
            let modes = modes(sensor.as_mut(), image.as_mut(), helper)?;
            let native = sensor.selection(SelectionTarget::NativeSize)?;
            let active = sensor.selection(SelectionTarget::CropDefault)?;
            let rotation = sensor.control(code::SENSOR_ROTATION).unwrap_or(0);
            let place = location.lens.as_ref();
            let lens = place.and_then(|place| discovery::lens(provider.as_mut(), place, &location.sensor));
            (modes, native, active, rotation, lens, provider.is_simulated())
        };
        let first = modes.first().ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "looking for cameras")
                .at(location.sensor.clone())
                .because("it has no modes")
        })?;
        let mut brain = Brain::new(Controller::new(tuning), helper, first.timing);
        brain.lens = lens;
        let mut properties = ControlList::new();
        properties.set(control::PIXEL_ARRAY_SIZE, native);
        properties.set(control::ROTATION, rotation as i32);
        let info = CameraInfo {
            id: location.sensor.clone(),
            model: helper_model(&location.sensor),
            pipeline: "vc4",
            devices: location.devices(),
            simulated,
            controls: controls(&modes, helper, lens.as_ref()),
            modes: modes.iter().map(|detail| detail.mode.clone()).collect(),
            properties,
            formats: OUTPUT_FORMATS.to_vec(),
            pictures: Vec::new(),
            calibration: calibration(tuning, helper, active_area),
        };
        Ok(Self {
            info,
            provider,
            location,
            modes,
            helper,
            lens,
            active_area,
            brain: Arc::new(Mutex::new(brain)),
            decorator,
            engine: None,
            started_before: false,
        })
    }

    /// What turns the picture upright, as the sensor is mounted. Sensors can mirror, not turn by
    /// a quarter.
    fn upright(&self) -> Transform {
        match self.info.properties.get(control::ROTATION) {
            Some(180) => Transform::ROTATE_180,
            _ => Transform::IDENTITY,
        }
    }

    /// Notes of each processed stream whether the CPU makes it, and of what.
    fn note_conversions(&self, configuration: &mut Configuration, detail: &ModeDetail) {
        let raw = raw_format(configuration, detail).format;
        let source = Some(raw).filter(|_| self.location.isp_on_cpu);
        for stream in &mut configuration.streams {
            stream.converted_from = source.filter(|_| stream.role != Role::Raw);
        }
    }

    fn brain(&self) -> MutexGuard<'_, Brain> {
        self.brain.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn engine(&self) -> &Engine<Machine> {
        self.engine.as_ref().expect("the camera is acquired")
    }

    fn engine_mut(&mut self) -> &mut Engine<Machine> {
        self.engine.as_mut().expect("the camera is acquired")
    }

    fn open(&self) -> Result<Devices> {
        let mut provider = lock(&self.provider);
        let location = &self.location;
        let mut media: Vec<_> = provider
            .media_devices()?
            .into_iter()
            .filter(|device| {
                [&location.receiver_media, &location.isp_media].contains(&&device.graph().info.path)
            })
            .collect();
        media.iter_mut().try_for_each(|device| device.acquire())?;
        // Where there is no embedded data its place is taken by the image node, never used.
        let path = |stream: usize| match location.nodes[stream].as_str() {
            "" => location.nodes[usize::from(IMAGE)].clone(),
            path => path.to_owned(),
        };
        let nodes = (0..STREAMS).map(|stream| provider.video_node(&path(stream))).collect::<Result<_>>()?;
        let sensor = Some(provider.sub_device(&location.sensor_path)?);
        let lens = location.lens.as_ref().filter(|_| self.lens.is_some());
        let lens = lens.map(|lens| provider.sub_device(&lens.path)).transpose()?;
        let heap = heap_if_any(provider.as_mut())?;
        Ok(Devices {
            media,
            nodes,
            sensor,
            lens,
            heap,
            poller: provider.poller()?,
            mapper: provider.mapper(),
        })
    }

    fn plan(&self, configuration: &Configuration, detail: &ModeDetail, embedded_bytes: u32) -> Plan {
        let (place, buffer_bytes) = places(configuration, detail, embedded_bytes);
        let has_embedded = self.location.has_embedded();
        let raw = place[usize::from(IMAGE)].map(|index| configuration.streams[index].buffer_count);
        let output0 =
            place[usize::from(OUTPUT0)].map_or(UNUSED_OUTPUT, |index| configuration.streams[index].size);
        let hide = if self.started_before {
            self.helper.hide_frames_mode_switch
        } else {
            self.helper.hide_frames_startup
        };
        Plan {
            internal: internal(raw, has_embedded, place[usize::from(OUTPUT1)].is_some()),
            has_output1: place[usize::from(OUTPUT1)].is_some(),
            place,
            buffer_bytes,
            has_embedded,
            timing: detail.timing,
            delays: self.helper.delays,
            initial: SensorControls {
                exposure_lines: 0,
                gain_code: 0,
                vblank: detail.timing.vblank_min,
                hblank: None,
            },
            hide,
            mark: 0,
            isp_on_cpu: self.location.isp_on_cpu,
            mode_size: detail.mode.size,
            mode_crop: detail.mode.crop,
            transform: configuration.transform,
            default_crop: detail.mode.crop,
            crop_shape: output0,
            lens: self.lens.map(|scale| LensPlan { scale, initial: scale.code(scale.start()) }),
        }
    }

    /// Prepares the algorithms for the next start; completes the plan with what they ask for.
    fn prepare_algorithms(&mut self, controls: &ControlList) {
        let mut plan = self.engine().pipeline.plan().clone();
        let mistrust = if self.started_before {
            self.helper.mistrust_frames_mode_switch
        } else {
            self.helper.mistrust_frames_startup
        };
        let configuration = self.algorithm_configuration(&plan);
        let (values, lens_code, startup) = {
            let mut brain = self.brain();
            brain.timing = plan.timing;
            brain.mistrust = mistrust;
            let (request, startup) = brain.controller.configure(&configuration, controls);
            (brain.registers(&request), brain.lens_code(), startup)
        };
        if let (Some(lens), Some(code)) = (&mut plan.lens, lens_code) {
            lens.initial = code;
        }
        plan.initial = SensorControls {
            exposure_lines: values.exposure_lines,
            gain_code: values.gain_code,
            vblank: values.vblank_lines,
            hblank: None,
        };
        plan.hide = plan.hide.max(startup.hide);
        plan.mark = startup.mark;
        plan.default_crop = crop_in(controls).unwrap_or(plan.mode_crop);
        self.engine_mut().pipeline.set_plan(plan);
    }

    fn algorithm_configuration(&self, plan: &Plan) -> pinhole_algorithm::Configuration {
        let timing = &plan.timing;
        let (exposure_min, exposure_max) = timing.exposure_limits();
        let (frame_min, frame_max) = timing.frame_duration_limits();
        let (gain_min, gain_max) = self.helper.gain_limits();
        let binning = |native: u32, mode: u32| (native / mode.max(1)).max(1);
        pinhole_algorithm::Configuration {
            mode_size: plan.mode_size,
            crop: plan.mode_crop,
            active_area: self.active_area,
            binning: (
                binning(plan.mode_crop.width, plan.mode_size.width),
                binning(plan.mode_crop.height, plan.mode_size.height),
            ),
            bits: self.brain().bits,
            line_duration: timing.line_duration(),
            exposure: Limits { min: exposure_min, max: exposure_max },
            exposure_margin: timing.duration(timing.exposure_margin_lines),
            frame_duration: Limits { min: frame_min, max: frame_max },
            analogue_gain: Limits { min: gain_min, max: gain_max },
            sensitivity: self.helper.sensitivity,
            black_level_16bit: self.helper.black_level_16bit,
            lens: self.lens.as_ref().map(lens_range),
        }
    }

    fn set_up(&mut self, configuration: &Configuration, at: usize) -> Result<Plan> {
        let detail = self.modes[at].clone();
        let location = self.location.clone();
        let between = self.open_between(&location)?;
        let devices = &mut self.engine_mut().devices;
        set_links(devices, &location)?;
        let format = flipped(detail.mode.format, configuration.transform);
        let bus = set_sensor(devices, configuration, format.media_bus_code(), &detail)?;
        for (mut sub_device, sink, source) in between {
            set_route(sub_device.as_mut(), sink, source)?;
            for pad in [sink, source] {
                let set = sub_device.set_format(pad, bus)?;
                check_bus(sub_device.name(), "setting the way to the receiver", set, bus)?;
            }
        }
        let raw = raw_format(configuration, &detail);
        set_image(devices.nodes[usize::from(IMAGE)].as_mut(), raw)?;
        set_image(devices.nodes[usize::from(INPUT)].as_mut(), raw)?;
        let embedded = if location.has_embedded() {
            devices.nodes[usize::from(EMBEDDED)].format()?.size_bytes()
        } else {
            0
        };
        let plan = self.plan(configuration, &detail, embedded);
        self.set_outputs(configuration, &plan)?;
        self.brain().bits = detail.mode.format.bits;
        Ok(plan)
    }

    fn open_between(&self, location: &Location) -> Result<Vec<Between>> {
        let mut provider = lock(&self.provider);
        let open =
            |(path, sink, source): &(String, u32, u32)| Ok((provider.sub_device(path)?, *sink, *source));
        location.between.iter().map(open).collect()
    }

    fn set_outputs(&mut self, configuration: &Configuration, plan: &Plan) -> Result<()> {
        let devices = &mut self.engine_mut().devices;
        for stream in [OUTPUT0, OUTPUT1] {
            let wanted = match plan.place[usize::from(stream)] {
                Some(index) => image_format(&configuration.streams[index]),
                None if stream == OUTPUT0 => unused_output(),
                None => continue,
            };
            set_image(devices.nodes[usize::from(stream)].as_mut(), wanted)?;
        }
        Ok(())
    }
}

/// The heap. On machines that have none there is no lens shading table, and all else works;
/// one that is there and refuses is an error, for somebody has to know.
fn heap_if_any(provider: &mut dyn Provider) -> Result<Option<Box<dyn Heap>>> {
    match provider.heap() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        heap => heap.map(Some),
    }
}

fn helper_model(sensor: &str) -> String {
    sensor.split(' ').next().unwrap_or(sensor).to_owned()
}

/// What the tuning says of the sensor, as RAW files want it. `None` if it was not calibrated.
fn calibration(tuning: &Tuning, helper: &SensorHelper, area: Rect<NativePixels>) -> Option<Calibration> {
    Some(Calibration {
        xyz_to_sensor_a: xyz_to_sensor(tuning, ILLUMINANT_A_K)?.0,
        xyz_to_sensor_d65: xyz_to_sensor(tuning, D65_K)?.0,
        black_level_16bit: helper.black_level_16bit,
        vignetting: tuning.vignetting.map(|coefficients| Vignetting { coefficients, area }),
    })
}

/// From CIE XYZ of what a light of that temperature falls on to the sensor's own colours: the
/// inverse of the processor's way, whose matrix makes sRGB under its own white of balanced ones.
fn xyz_to_sensor(tuning: &Tuning, kelvin: f64) -> Option<Matrix3> {
    let [red, blue] = tuning.white_balance.white_at(kelvin)?;
    let from_srgb = tuning.colour_at(kelvin)?.inverse()?;
    let to_srgb = SRGB_TO_XYZ.inverse()?.times(&adaptation(xyz_of_temperature(kelvin))?);
    Some(Matrix3::diagonal([red, 1.0, blue]).times(&from_srgb).times(&to_srgb))
}

/// Places in the configuration, and bytes of a buffer, of each stream. The larger processed
/// picture comes from the first output.
fn places(
    configuration: &Configuration,
    detail: &ModeDetail,
    embedded_bytes: u32,
) -> ([Option<usize>; STREAMS], [u32; STREAMS]) {
    let streams = &configuration.streams;
    let mut place = [None; STREAMS];
    place[usize::from(IMAGE)] = streams.iter().position(|stream| stream.role == Role::Raw);
    let mut processed: Vec<usize> = (0..streams.len()).filter(|i| streams[*i].role != Role::Raw).collect();
    processed.sort_by_key(|i| std::cmp::Reverse(streams[*i].size.area()));
    place[usize::from(OUTPUT0)] = processed.first().copied();
    place[usize::from(OUTPUT1)] = processed.get(1).copied();
    let bytes_of = |stream: u8, otherwise: u32| {
        place[usize::from(stream)].map_or(otherwise, |index| streams[index].frame_bytes)
    };
    let raw = raw_format(configuration, detail);
    let unused = unused_output().size_bytes;
    let bytes = [
        bytes_of(IMAGE, raw.size_bytes),
        embedded_bytes,
        0,
        bytes_of(OUTPUT0, unused),
        bytes_of(OUTPUT1, 0),
        size_of::<pinhole_device::uapi::bcm2835_isp::Statistics>() as u32,
    ];
    (place, bytes)
}

/// Internal buffers of each stream: the least that lets no frame be lost.
///
/// Where applications have no RAW stream, the receiver needs one to fill and one to go on
/// with, and the ISP one to read. Where they have, theirs do that work, and two serve the
/// requests that bring none. One at each output serves those; the ISP's statistics are back
/// before the next frame goes in. Embedded data is held only until it has been read, so it
/// takes one more than there are images.
fn internal(raw_buffers: Option<u32>, has_embedded: bool, has_output1: bool) -> [u32; STREAMS] {
    let image = raw_buffers.map_or(3, |_| 2);
    let embedded = if has_embedded { (image + raw_buffers.unwrap_or(0) + 1).min(12) } else { 0 };
    [image, embedded, 0, 1, u32::from(has_output1), 1]
}

fn raw_format(configuration: &Configuration, detail: &ModeDetail) -> ImageFormat {
    if let Some(stream) = configuration.streams.iter().find(|stream| stream.role == Role::Raw) {
        return image_format(stream);
    }
    // Internal frames are packed where they can be: they take less memory.
    let format = PixelFormat::Raw(detail.written(Some(Packing::Csi2), configuration.transform));
    sized(format, detail.mode.size.cast(), ColourSpace::RAW, configuration::RAW_ALIGNMENT)
}

fn unused_output() -> ImageFormat {
    sized(PixelFormat::Yuv420, UNUSED_OUTPUT, ColourSpace::SYCC, configuration::OUTPUT_ALIGNMENT)
}

fn sized(format: PixelFormat, size: Size, colour: ColourSpace, alignment: u32) -> ImageFormat {
    let stride_bytes = format.row_bytes(size.width).unwrap_or(0).next_multiple_of(alignment);
    ImageFormat {
        format,
        size,
        stride_bytes,
        size_bytes: format.planes(stride_bytes, size.height).bytes() as u32,
        colour,
    }
}

fn set_links(devices: &mut Devices, location: &Location) -> Result<()> {
    let receiver =
        devices.media.iter_mut().find(|device| device.graph().info.path == location.receiver_media);
    let Some(receiver) = receiver else { return Ok(()) };
    location.links.iter().try_for_each(|link| receiver.set_link(*link, true))
}

fn set_sensor(
    devices: &mut Devices,
    configuration: &Configuration,
    bus_code: Option<u32>,
    detail: &ModeDetail,
) -> Result<MediaBusFormat> {
    let sensor =
        devices.sensor.as_mut().ok_or_else(|| Error::new(ErrorKind::NotFound, "setting the sensor up"))?;
    let flip = |code, on: bool| ControlWrite { code, value: Payload::Integer(i64::from(on)) };
    let transform = configuration.transform;
    sensor.set_controls(&[flip(code::HFLIP, transform.hflip), flip(code::VFLIP, transform.vflip)])?;
    let wanted = MediaBusFormat { code: bus_code.unwrap_or(0), size: detail.mode.size };
    let set = sensor.set_format(0, wanted)?;
    check_bus(sensor.name(), "setting the sensor's mode", set, wanted)?;
    Ok(set)
}

/// Lets the image through a sub-device, and nothing else: a receiver that was also to take a
/// stream for another node would wait for that to start. Most have no choice.
fn set_route(sub_device: &mut dyn SubDevice, sink_pad: u32, source_pad: u32) -> Result<()> {
    let wanted = Route { sink_pad, sink_stream: 0, source_pad, source_stream: 0, active: true };
    let routes = sub_device.routes()?;
    if routes.is_empty() || routes.iter().filter(|route| route.active).eq([&wanted]) {
        return Ok(());
    }
    sub_device.set_routes(&[wanted]).map(drop)
}

/// A pad must send, or take, exactly what it was set to.
fn check_bus(name: &str, doing: &'static str, set: MediaBusFormat, wanted: MediaBusFormat) -> Result<()> {
    if set == wanted {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Device, doing)
        .at(name)
        .because(format!("it made {:#06x} {} of {:#06x} {}", set.code, set.size, wanted.code, wanted.size)))
}

/// What the algorithms are told of the lens.
fn lens_range(scale: &LensScale) -> LensRange {
    let (min, max) = scale.limits();
    LensRange { limits: Limits { min, max }, start: scale.start(), settling: scale.settling() }
}

fn controls(modes: &[ModeDetail], helper: &SensorHelper, lens: Option<&LensScale>) -> Vec<ControlLimits> {
    let exposures: Vec<_> = modes.iter().map(|detail| detail.timing.exposure_limits()).collect();
    let micros = |time: std::time::Duration| time.as_micros() as f64;
    let least = exposures.iter().map(|(min, _)| micros(*min)).fold(f64::INFINITY, f64::min);
    let most = exposures.iter().map(|(_, max)| micros(*max)).fold(0.0, f64::max);
    let (gain_min, gain_max) = helper.gain_limits();
    let limits = |id, minimum, maximum, default| ControlLimits { id, minimum, maximum, default };
    let scalar = |id, minimum, maximum, default| limits(id, Some(minimum), Some(maximum), Some(default));
    let free = |id| limits(id, None, None, None);
    use control::ControlId as Id;
    let mut controls = vec![
        free(Id::AeEnable),
        limits(Id::ExposureTime, Some(least), Some(most), None),
        limits(Id::AnalogueGain, Some(gain_min), Some(gain_max), None),
        scalar(Id::ExposureValue, -8.0, 8.0, 0.0),
        free(Id::AeMeteringMode),
        free(Id::AeFlickerMode),
        free(Id::AeFlickerPeriod),
        free(Id::AwbEnable),
        free(Id::AwbMode),
        free(Id::ColourGains),
        free(Id::ColourCorrectionMatrix),
        scalar(Id::Brightness, -1.0, 1.0, 0.0),
        scalar(Id::Contrast, 0.0, 32.0, 1.0),
        scalar(Id::Saturation, 0.0, 32.0, 1.0),
        scalar(Id::Sharpness, 0.0, 16.0, 1.0),
        free(Id::NoiseReductionMode),
        free(Id::ScalerCrop),
        free(Id::FrameDurationLimits),
    ];
    if let Some(lens) = lens {
        let (min, max) = lens.limits();
        controls
            .extend([scalar(Id::LensPosition, min, max, lens.start()), scalar(Id::AfMode, 0.0, 0.0, 0.0)]);
    }
    controls
}

impl Backend for Vc4Camera {
    fn info(&self) -> &CameraInfo {
        &self.info
    }

    fn acquire(&mut self) -> Result<()> {
        let mut devices = self.open()?;
        if let Some(heap) = devices.heap.as_mut() {
            let mapper = Arc::clone(&devices.mapper);
            // As above: no memory for it, no lens shading.
            let _ = self.brain().allocate_shading(heap.as_mut(), mapper);
        }
        let algorithms: Box<dyn ControlLoop> = Box::new(SyncControlLoop::new(Arc::clone(&self.brain)));
        let algorithms = match &self.decorator {
            Some(decorate) => decorate(algorithms),
            None => algorithms,
        };
        let configuration = configuration::propose(&self.modes, self.upright(), &[Role::Viewfinder])?;
        let plan = self.plan(&configuration, &self.modes[0], 0);
        self.engine = Some(Engine::new(Machine::new(plan), devices, algorithms));
        Ok(())
    }

    fn release(&mut self) {
        self.engine = None;
        self.brain().free_shading();
    }

    fn propose(&self, roles: &[Role]) -> Result<Configuration> {
        configuration::propose(&self.modes, self.upright(), roles)
    }

    fn validate(&self, configuration: &mut Configuration) -> Result<Vec<Adjustment>> {
        let (adjustments, at) = configuration::validate(&self.modes, configuration)?;
        self.note_conversions(configuration, &self.modes[at]);
        configuration.internal_bytes =
            self.plan(configuration, &self.modes[at], EMBEDDED_BYTES).internal_bytes();
        Ok(adjustments)
    }

    fn configure(&mut self, configuration: &Configuration) -> Result<()> {
        let (_, at) = configuration::validate(&self.modes, &mut configuration.clone())?;
        let plan = self.set_up(configuration, at)?;
        self.engine_mut().pipeline.set_plan(plan);
        Ok(())
    }

    fn export(&mut self, stream: usize, count: u32) -> Result<Vec<Arc<FrameMemory>>> {
        let engine = self.engine_mut();
        let place = engine.pipeline.plan().place;
        let index = place.iter().position(|place| *place == Some(stream)).ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, "allocating buffers")
                .because(format!("there is no stream {stream}"))
        })?;
        export(engine.devices.nodes[index].as_mut(), count, &engine.devices.mapper)
    }

    fn start(&mut self, controls: &ControlList, exchange: &Exchange) -> Result<()> {
        self.prepare_algorithms(controls);
        let watched: Vec<_> = self
            .engine()
            .pipeline
            .plan()
            .streams()
            .map(|stream| (stream, Interest { buffers: true, events: stream == IMAGE }))
            .collect();
        self.engine_mut().start(&watched, exchange)?;
        self.started_before = true;
        Ok(())
    }

    fn step(&mut self, exchange: &Exchange, until: Option<Timestamp>) -> Result<()> {
        self.engine_mut().step(exchange, until)
    }

    fn stop(&mut self, reason: &Error, exchange: &Exchange) {
        self.engine_mut().stop(reason, exchange);
    }

    fn waker(&self) -> Waker {
        self.engine().devices.poller.waker()
    }

    fn now(&self) -> Timestamp {
        self.engine().devices.poller.now()
    }

    fn audit(&self) {
        self.engine().pipeline.audit();
    }
}

/// Bytes of an embedded data buffer before the driver has been asked: what Unicam allocates.
const EMBEDDED_BYTES: u32 = 16 << 10;
