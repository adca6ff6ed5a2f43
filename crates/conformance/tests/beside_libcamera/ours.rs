//! Pinhole's captures.

use crate::cam::Settings;
use pinhole::control::ControlList;
use pinhole::format::{Packing, PixelFormat, RawFormat};
use pinhole::geometry::Size;
use pinhole::kernel::KernelProvider;
use pinhole::{Camera, Cameras, Configuration, DropCounters, Error, Frame, Role, Session, control};

/// The camera, acquired.
fn camera() -> Camera {
    let cameras = Cameras::of_provider(Box::new(KernelProvider::new()), None);
    cameras.and_then(|cameras| cameras.first()?.acquire()).expect("Pinhole takes it for a camera")
}

/// A sensor mode: its size, and bits of a sample.
pub(crate) type Mode = (Size, u8);

/// A quick mode that libcamera takes for its size.
pub(crate) fn quick_mode(embedded: bool) -> Mode {
    if embedded { (Size::new(2028, 1520), 12) } else { (Size::new(640, 480), 10) }
}

/// RAW as the sensor packs it and video, in a mode.
fn configuration(camera: &Camera, (size, bits): Mode) -> Configuration {
    let mut configuration = camera.propose([Role::Raw, Role::Video]).expect("the roles are served");
    configuration.sensor_mode = Some((size.cast(), bits));
    let raw = &mut configuration.streams[0];
    raw.size = size;
    if let PixelFormat::Raw(format) = raw.format {
        raw.format = PixelFormat::Raw(RawFormat { packing: Packing::Csi2, bits, ..format });
    }
    configuration.streams[1].size = Size::new(640, 480);
    camera.validate(&mut configuration).expect("it can be adjusted");
    configuration
}

/// A camera that runs.
pub(crate) fn session(mode: Mode, settings: Option<&Settings>) -> Session {
    session_of(camera(), mode, settings)
}

/// One of another kind.
pub(crate) fn session_of(mut camera: Camera, mode: Mode, settings: Option<&Settings>) -> Session {
    if let Some(settings) = settings {
        camera.controls_mut().set(control::EXPOSURE_TIME, settings.exposure_us);
        camera.controls_mut().set(control::ANALOGUE_GAIN, settings.gain);
    }
    let configuration = configuration(&camera, mode);
    camera.start(&configuration).expect("nothing is in the way of a start")
}

/// What came of a capture.
pub(crate) struct Capture {
    pub(crate) metadata: Vec<ControlList>,
    pub(crate) error: Option<Error>,
    pub(crate) drops: DropCounters,
}

/// Captures so many frames, or as many as come.
pub(crate) fn capture(mode: Mode, count: usize) -> Capture {
    let camera = camera();
    let configuration = configuration(&camera, mode);
    let mut session = match camera.start(&configuration) {
        Ok(session) => session,
        Err(failed) => {
            return Capture {
                metadata: Vec::new(),
                error: Some(failed.error),
                drops: DropCounters::default(),
            };
        }
    };
    let (mut metadata, mut error) = (Vec::new(), None);
    while metadata.len() < count {
        match session.next() {
            Ok(Some(frame)) => metadata.push(frame.metadata().clone()),
            Ok(None) => break,
            Err(failure) => {
                error = Some(failure);
                break;
            }
        }
    }
    Capture { metadata, error, drops: session.stop().drops }
}

/// The next frame.
pub(crate) fn next(session: &mut Session) -> Frame {
    session.next().expect("nothing fails").expect("frames come")
}
