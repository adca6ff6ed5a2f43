//! `pinhole still`: one photograph, and the sensor's samples of the very same frame.

use crate::arguments::{Pace, PictureOptions, StillArguments};
use crate::console;
use crate::ending::{Ending, Failure};
use crate::frames::{self, Pixels};
use crate::interrupt::Interrupt;
use crate::output::Kind;
use crate::plan::{self, StreamRequest};
use crate::simulation;
use crate::sink::{Out, Shot, encode};
use pinhole::config::CameraInfo;
use pinhole::control::{self, ControlList, FrameState};
use pinhole::files::atomic::Durability;
use pinhole::files::thumbnail::Thumbnail;
use pinhole::{Camera, Configuration, Error, ErrorKind, Frame, Result, Role, Session};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longer side of the small picture in a DNG.
const THUMBNAIL_PIXELS: u32 = 256;

/// Waits until the camera has settled, and writes what it sees then.
pub(crate) fn run(arguments: &StillArguments) -> Result<Ending, Failure> {
    let interrupt = Interrupt::listen()?;
    let files = Files::of(arguments).map_err(Failure::Usage)?;
    // Simulated time waits for the simulator: a large picture is slow to draw.
    let pace = arguments.camera.pace.unwrap_or(Pace::Fast);
    let mut camera = simulation::acquire(&arguments.camera, pace)?;
    let configuration =
        configure(&camera, &arguments.picture, files.dng.is_some()).map_err(Failure::of_planning)?;
    *camera.controls_mut() =
        plan::controls(camera.info(), &arguments.picture).map_err(Failure::of_planning)?;
    let info = camera.info().clone();
    let outs = files.open()?;
    let mut session = camera.start(&configuration).map_err(Error::from)?;
    let Some(settled) = settle(&mut session, arguments.timeout, &interrupt)? else {
        return Ok(Ending::Interrupted);
    };
    // The frame keeps its buffers; the camera need not run while they are written.
    drop(session.stop());
    outs.write(&settled.frame, &info, arguments)?;
    settled.tell(&files, arguments.timeout);
    Ok(Ending::Done)
}

fn configure(camera: &Camera, picture: &PictureOptions, raw: bool) -> Result<Configuration> {
    let roles: &[Role] = if raw { &[Role::Raw, Role::Still] } else { &[Role::Still] };
    let streams: Vec<_> = roles.iter().map(|role| StreamRequest::of(*role)).collect();
    plan::configuration(camera, picture, &streams)
}

/// A frame that was waited for.
struct Settled {
    frame: Frame,
    /// Frames it took.
    frames: u32,
    /// Time it took, by the camera's clock.
    elapsed: Duration,
    /// Whether exposure and white balance had settled.
    is_settled: bool,
}

/// Waits for a frame that was taken with settled exposure and white balance, up to a time.
/// `None` if the user would not wait.
fn settle(session: &mut Session, timeout: Duration, interrupt: &Interrupt) -> Result<Option<Settled>> {
    let (mut frames, mut begun) = (0, None);
    while let Some(frame) = session.next()? {
        if interrupt.is_asked() {
            return Ok(None);
        }
        frames += 1;
        let now = frame.timestamp().as_nanos();
        let elapsed = Duration::from_nanos(now.saturating_sub(*begun.get_or_insert(now)));
        let is_settled = is_settled(frame.metadata(), elapsed);
        if is_settled || elapsed >= timeout {
            return Ok(Some(Settled { frame, frames, elapsed, is_settled }));
        }
    }
    Err(Error::new(ErrorKind::Device, "taking the photograph").because("the camera stopped"))
}

/// Cameras that do their own exposure, and do not tell how far it is, are given so long.
const UNTOLD: Duration = Duration::from_secs(1);

fn is_settled(metadata: &ControlList, elapsed: Duration) -> bool {
    let told = [control::AE_LOCKED, control::AWB_LOCKED].map(|locked| metadata.get(locked));
    let is_locked = if told == [None, None] { elapsed >= UNTOLD } else { told == [Some(true); 2] };
    is_locked
        && metadata.get(control::FRAME_STATE) != Some(FrameState::Starting)
        && metadata.get(control::FRAME_ERROR) != Some(true)
        && metadata.get(control::LENS_MOVING) != Some(true)
}

impl Settled {
    /// Says what was written, and how it was taken.
    fn tell(&self, files: &Files, timeout: Duration) {
        if !self.is_settled {
            let seconds = timeout.as_secs_f64();
            console::say(&format!("exposure or white balance had not settled within {seconds} s"));
        }
        let names: Vec<_> = files.paths().map(|path| path.display().to_string()).collect();
        let mut taken = taken_with(self.frame.metadata());
        taken.push(format!("after {} frames ({:.2} s)", self.frames, self.elapsed.as_secs_f64()));
        console::say(&format!("{}: {}", names.join(", "), taken.join(", ")));
    }
}

/// What the frame says of how it was taken.
fn taken_with(metadata: &ControlList) -> Vec<String> {
    let exposure = metadata.get(control::EXPOSURE_TIME).map(|time_us| format!("{time_us} µs"));
    let gain = metadata.get(control::ANALOGUE_GAIN).map(|gain| format!("gain {gain:.2}"));
    let focus = metadata.get(control::LENS_POSITION).map(|dioptres| format!("focus {dioptres:.2} dioptres"));
    let colour = metadata.get(control::COLOUR_TEMPERATURE).map(|kelvin| format!("{kelvin} K"));
    [exposure, gain, colour, focus].into_iter().flatten().collect()
}

/// The files to write.
struct Files {
    photo: PathBuf,
    kind: Kind,
    dng: Option<PathBuf>,
}

impl Files {
    fn of(arguments: &StillArguments) -> Result<Self> {
        let photo = arguments.output.clone();
        let refused = |reason: &str| {
            Error::new(ErrorKind::InvalidArgument, "writing the photograph")
                .at(photo.display().to_string())
                .because(reason)
        };
        let kind = match Kind::of_path(&photo) {
            Some(kind @ (Kind::Jpeg | Kind::Png | Kind::Tiff | Kind::Ppm)) => kind,
            Some(Kind::Dng) => {
                return Err(refused("a DNG goes beside a photograph").hint("write -o NAME.jpg --raw"));
            }
            _ => {
                return Err(
                    refused("its suffix is not that of a picture").hint("end it in .jpg, .png, .tif or .ppm")
                );
            }
        };
        let dng = arguments.raw.then(|| photo.with_extension("dng"));
        Ok(Self { photo, kind, dng })
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.photo), self.dng.as_ref()].into_iter().flatten().map(PathBuf::as_path)
    }

    /// Begins the files, so that what cannot be written is told before the camera starts.
    fn open(&self) -> Result<Outs> {
        let photo = Out::open(&self.photo)?;
        let dng = self.dng.as_deref().map(Out::open).transpose()?;
        Ok(Outs { photo, kind: self.kind, dng })
    }
}

/// The files being written.
struct Outs {
    photo: Out,
    kind: Kind,
    dng: Option<Out>,
}

impl Outs {
    /// Writes both files, and puts them in their places only when both are whole.
    fn write(mut self, frame: &Frame, info: &CameraInfo, arguments: &StillArguments) -> Result<()> {
        let photo = frame.stream(Role::Still)?;
        let view = photo.map()?;
        let pixels = Pixels::of(photo.configuration(), &view)?;
        let image = frames::image_metadata(info, frame.metadata());
        let thumbnail = match pixels {
            Pixels::Picture(picture) if self.dng.is_some() => Some(Thumbnail::of(&picture, THUMBNAIL_PIXELS)),
            _ => None,
        };
        let raw = self.dng.is_some().then(|| frame.stream(Role::Raw)).transpose()?;
        let samples = raw.as_ref().map(|raw| raw.configuration());
        let metadata = frames::dng_metadata(info, image, samples, thumbnail.as_ref().map(Thumbnail::picture));
        let shot = Shot {
            number: 0,
            pixels,
            metadata: &metadata,
            frame_rate: (0, 0),
            quality: arguments.quality,
            thumbnail: arguments.thumbnail.0,
        };
        encode(&mut self.photo, self.kind, &shot).map_err(|error| self.photo.placed(error))?;
        if let (Some(out), Some(raw)) = (&mut self.dng, raw) {
            let view = raw.map()?;
            let shot = Shot { pixels: Pixels::of(raw.configuration(), &view)?, ..shot };
            encode(out, Kind::Dng, &shot).map_err(|error| out.placed(error))?;
        }
        self.finish()
    }

    fn finish(mut self) -> Result<()> {
        for out in [Some(&mut self.photo), self.dng.as_mut()].into_iter().flatten() {
            out.flush_all()?;
        }
        self.dng.map_or(Ok(()), |out| out.finish(Durability::OnDisk))?;
        self.photo.finish(Durability::OnDisk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_settled_frame_is_locked_and_sound() {
        let mut metadata = ControlList::new();
        assert!(!is_settled(&metadata, Duration::ZERO));
        metadata.set(control::AE_LOCKED, true).set(control::AWB_LOCKED, true);
        assert!(is_settled(&metadata, Duration::ZERO));
        metadata.set(control::FRAME_ERROR, true);
        assert!(!is_settled(&metadata, Duration::ZERO));
        metadata.set(control::FRAME_ERROR, false).set(control::FRAME_STATE, FrameState::Starting);
        assert!(!is_settled(&metadata, Duration::ZERO));
        metadata.set(control::FRAME_STATE, FrameState::Settled).set(control::LENS_MOVING, true);
        assert!(!is_settled(&metadata, Duration::ZERO));
        metadata.set(control::LENS_MOVING, false);
        assert!(is_settled(&metadata, Duration::ZERO));
    }

    #[test]
    fn a_camera_that_does_not_tell_is_given_a_second() {
        let metadata = ControlList::new();
        assert!(!is_settled(&metadata, UNTOLD / 2));
        assert!(is_settled(&metadata, UNTOLD));
    }
}
