//! The command line: what there is, and how it explains itself. Knows nothing of cameras.

use crate::ending::EXIT_CODES;
use crate::output::{Kind, OutputRequest};
use crate::parsing::{self, Thumbnail};
use crate::plan::StreamRequest;
use crate::simulation::SimulatedCamera;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use pinhole::control::{ControlId, ControlValue};
use pinhole::develop::{Adjustments, WhiteBalance};
use pinhole::geometry::{ModePixels, NativePixels, Rect, Size};
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  pinhole list
  pinhole still -o photo.jpg --raw
  pinhole capture --count 100 -o video.y4m";

const LIST_EXAMPLES: &str = "\
Examples:
  pinhole list                                    cameras, modes, formats, controls
  pinhole list --json | jq '.cameras[].modes'
  pinhole list --simulate sensor=imx477";

const CAPTURE_EXAMPLES: &str = "\
Examples:
  pinhole capture --count 90 -o video.y4m         90 frames of 1080p video
  pinhole capture -o - | mpv -                    … shown until Ctrl-C
  pinhole capture --stream raw --stream video,size=1280x720,format=NV12 --count 5 \\
      -o raw=frame-{n:4}.dng -o video=clip.y4m    two streams of the same frames
  pinhole capture --control ExposureTime=8000 --control AnalogueGain=2 \\
      --count 30 --metadata frames.jsonl          fixed exposure, metadata only
  pinhole capture --simulate fault=lost-image:0.1 --pace fast --count 1000
                                                  how lost frames are counted

Outputs:
  The end of the name says what is written:
    .dng                   RAW frames, every sample as the sensor sent it
    .jpg .png .tif .ppm    processed frames
    .y4m                   processed frames in Y'CbCr, one after another
    .raw                   the rows or planes as they are, one frame after another
  Or a kind before a colon does: `-o y4m:/dev/video-pipe`, `-o jpg:-`.
  In a name, {n:4} stands for the frame's number with four digits (or more, once it needs
  them), {stream} for the stream's name.
  `-` is standard output: Y4M for Y'CbCr streams, bare samples for others.
  Streams are named by their role; a second one of the same role is video2, still2, …";

const STILL_EXAMPLES: &str = "\
Examples:
  pinhole still -o photo.jpg                      a JPEG with EXIF
  pinhole still -o photo.jpg --raw                … and photo.dng, from the same frame
  pinhole still -o photo.png --control ExposureValue=-1
  pinhole still -o dusk.jpg --simulate lux=20,kelvin=2800";

const DEVELOP_EXAMPLES: &str = "\
Examples:
  pinhole develop photo.dng -o photo.jpg          as the camera meant it
  pinhole develop photo.dng -o warm.jpg --white-balance 6500 --exposure 0.5
  pinhole develop photo.dng -o rich.jpg --saturation 1.3 --contrast 1.1 --brightness 0.05
  pinhole develop dusk.dng -o dusk.jpg --denoise 0.8 --chroma-denoise 1
  pinhole develop raws/ -o pictures/ --size 1920x1080 --quality 85
                                                  a whole folder, to fit a screen";

const INSPECT_EXAMPLES: &str = "\
Examples:
  pinhole inspect photo.dng                       what it says; histogram and waveform
  pinhole inspect photo.dng --png scopes.png      … drawn as a picture, too
  pinhole inspect photo.dng --json | jq .black
  pinhole inspect photo.jpg                       size, exposure, thumbnail";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  pinhole doctor                                  what stands in the way, in plain words
  pinhole doctor --json | jq '.findings[] | select(.level == \"problem\")'
  pinhole doctor && pinhole still -o photo.jpg    a photograph, if all is well";

/// Takes pictures with a camera stack in pure Rust.
///
/// Where a machine has no camera, a simulated one takes its place, and is said to.
#[derive(Debug, Parser)]
#[command(name = "pinhole", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the cameras: their modes, formats and controls
    #[command(after_help = format!("{LIST_EXAMPLES}\n\n{EXIT_CODES}"))]
    List(ListArguments),
    /// Take frames from any streams, into files or a pipe, or only count them
    #[command(after_help = format!("{CAPTURE_EXAMPLES}\n\n{EXIT_CODES}"))]
    Capture(CaptureArguments),
    /// Take a photograph, and its RAW file, once exposure and white balance have settled
    #[command(after_help = format!("{STILL_EXAMPLES}\n\n{EXIT_CODES}"))]
    Still(StillArguments),
    /// Turn raw files (DNG) into pictures
    #[command(after_help = format!("{DEVELOP_EXAMPLES}\n\n{EXIT_CODES}"))]
    Develop(DevelopArguments),
    /// Tell what a raw file (DNG) holds, and draw its histogram and waveform; what a JPEG says of itself
    #[command(after_help = format!("{INSPECT_EXAMPLES}\n\n{EXIT_CODES}"))]
    Inspect(InspectArguments),
    /// Tell what this machine has for cameras, and what stands in their way
    #[command(after_help = format!("{DOCTOR_EXAMPLES}\n\n{EXIT_CODES}"))]
    Doctor(DoctorArguments),
    /// Print the completion script of a shell
    #[command(
        after_help = "Example:\n  pinhole completions bash > ~/.local/share/bash-completion/completions/pinhole"
    )]
    Completions(CompletionsArguments),
}

/// How fast simulated time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pace {
    /// As on the wall
    Real,
    /// As fast as the machine can, and the same each time
    Fast,
}

/// Which camera.
#[derive(Debug, Args)]
pub(crate) struct CameraOptions {
    /// Which camera: its number in `pinhole list`, or a part of its name; the first if not given
    #[arg(long, value_name = "CAMERA")]
    pub(crate) camera: Option<String>,
    /// Simulate a camera; repeat it for several
    ///
    /// `sensor=imx219|imx477`, and after commas: `lens=dw9807` (focuses by motor), `embedded=off`, `rotation=180`, `lux=600`, `kelvin=5500`,
    /// `scene=FOLDER` (PNG and JPEG pictures to look at), `seed=1`, and faults:
    /// `fault=KIND@N` (once, after N frames) or `fault=KIND:0.01` (at each with that
    /// probability). Kinds are lost-image, late-frame, silent-sensor, …; a wrong one lists all.
    #[arg(long, value_name = "WHAT", value_parser = SimulatedCamera::parse)]
    pub(crate) simulate: Vec<SimulatedCamera>,
    /// How fast simulated time passes; `capture` is real unless told, `still` fast
    #[arg(long, value_enum)]
    pub(crate) pace: Option<Pace>,
}

/// How pictures are taken.
#[derive(Debug, Args)]
pub(crate) struct PictureOptions {
    /// Set a control; `pinhole list` shows them, with their units
    #[arg(long = "control", short = 'c', value_name = "NAME=VALUE", value_parser = parsing::control)]
    pub(crate) controls: Vec<(ControlId, ControlValue)>,
    /// Read the sensor in this mode: its size and bits a sample, e.g. 1640x1232:10
    #[arg(long, value_name = "SIZE:BITS", value_parser = parsing::mode)]
    pub(crate) mode: Option<(Size<ModePixels>, u8)>,
    /// Mirror left to right
    #[arg(long)]
    pub(crate) hflip: bool,
    /// Turn upside down (with --hflip: by half a turn)
    #[arg(long)]
    pub(crate) vflip: bool,
    /// Show only this part of the sensor's array, in its pixels
    #[arg(long, value_name = "X,Y,WIDTH,HEIGHT", value_parser = parsing::rectangle, allow_hyphen_values = true)]
    pub(crate) crop: Option<Rect<NativePixels>>,
    /// Refuse what would have to be adjusted
    #[arg(long)]
    pub(crate) strict: bool,
}

/// `pinhole doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Look at the system whose files lie below this directory
    #[arg(long, value_name = "DIRECTORY", default_value = "/")]
    pub(crate) root: PathBuf,
}

/// `pinhole list`.
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) camera: CameraOptions,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Tell of the cameras there are, and then, until Ctrl-C, of those that come and go
    #[arg(long, conflicts_with_all = ["camera", "simulate"])]
    pub(crate) watch: bool,
}

/// `pinhole capture`.
#[derive(Debug, Args)]
pub(crate) struct CaptureArguments {
    /// Capture a stream: raw, still, video or viewfinder; repeat it for several
    ///
    /// After commas: `format=NV12`, `size=1920x1080`, `buffers=4`. One video stream if none is
    /// given.
    #[arg(long = "stream", short = 's', value_name = "ROLE[,…]", value_parser = StreamRequest::parse)]
    pub(crate) streams: Vec<StreamRequest>,
    /// Stop after so many frames; without it, or with 0, at Ctrl-C
    #[arg(
        long,
        short = 'n',
        value_name = "N",
        default_value_t = 0,
        hide_default_value = true,
        allow_negative_numbers = true
    )]
    pub(crate) count: u64,
    /// Write a stream to files, e.g. raw=frame-{n:4}.dng; see below
    #[arg(long = "output", short = 'o', value_name = "[STREAM=]PATTERN", value_parser = OutputRequest::parse)]
    pub(crate) outputs: Vec<OutputRequest>,
    /// Write a line of JSON for each frame: what it says of itself; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata: Option<PathBuf>,
    /// Print the summary as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) picture: PictureOptions,
    #[command(flatten)]
    pub(crate) camera: CameraOptions,
}

/// `pinhole still`.
#[derive(Debug, Args)]
pub(crate) struct StillArguments {
    /// The photograph: .jpg, .png, .tif or .ppm
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Write the sensor's samples too, as a DNG beside the photograph
    #[arg(long)]
    pub(crate) raw: bool,
    /// Wait so long for exposure and white balance to settle, in seconds of the camera's time
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parsing::seconds, allow_negative_numbers = true)]
    pub(crate) timeout: Duration,
    /// Quality of a JPEG, 1 to 100
    #[arg(long, value_name = "Q", default_value_t = 93, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) quality: u8,
    /// The small picture within a JPEG: the size that it fits into, its quality; or none
    #[arg(long, visible_alias = "thumb", value_name = "WIDTH:HEIGHT:Q|none", default_value = "320:240:70", value_parser = parsing::thumbnail)]
    pub(crate) thumbnail: Thumbnail,
    #[command(flatten)]
    pub(crate) picture: PictureOptions,
    #[command(flatten)]
    pub(crate) camera: CameraOptions,
}

/// A kind of picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PictureFormat {
    /// JPEG
    Jpg,
    /// PNG, lossless
    Png,
    /// TIFF, lossless and not compressed
    Tif,
    /// PPM, lossless and plain
    Ppm,
}

impl PictureFormat {
    /// The kind of file, and its suffix.
    pub(crate) const fn kind(self) -> (Kind, &'static str) {
        match self {
            Self::Jpg => (Kind::Jpeg, "jpg"),
            Self::Png => (Kind::Png, "png"),
            Self::Tif => (Kind::Tiff, "tif"),
            Self::Ppm => (Kind::Ppm, "ppm"),
        }
    }
}

/// `pinhole develop`.
#[derive(Debug, Args)]
pub(crate) struct DevelopArguments {
    /// DNGs, or folders of them
    #[arg(required = true, value_name = "FILE")]
    pub(crate) inputs: Vec<PathBuf>,
    /// The picture: .jpg, .png, .tif or .ppm; or a folder for all pictures
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// What kind of pictures go into a folder
    #[arg(long, value_enum, default_value = "jpg")]
    pub(crate) format: PictureFormat,
    /// The light that is to look white: as-shot, auto, a temperature in kelvin, or gains RED,BLUE
    #[arg(long, value_name = "LIGHT", default_value = "as-shot", value_parser = parsing::white_balance)]
    pub(crate) white_balance: WhiteBalance,
    /// Make it so many stops brighter, -10 to 10
    #[arg(long, value_name = "STOPS", default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) exposure: f64,
    /// Make colours stronger or weaker: 0 is grey, 1 as they are, up to 4
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, allow_negative_numbers = true)]
    pub(crate) saturation: f64,
    /// Make tones steeper or flatter about middle grey: 1 as they are, 0 to 4
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, allow_negative_numbers = true)]
    pub(crate) contrast: f64,
    /// Add this part of the range to all tones, -1 to 1
    #[arg(long, value_name = "PART", default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) brightness: f64,
    /// Smooth noise before colours are interpolated, 0 (off) to 1
    #[arg(long, value_name = "STRENGTH", default_value_t = 0.5, allow_negative_numbers = true)]
    pub(crate) denoise: f64,
    /// Take its colour from the noise that is left, 0 (off) to 1
    #[arg(long, value_name = "STRENGTH", default_value_t = 0.25, allow_negative_numbers = true)]
    pub(crate) chroma_denoise: f64,
    /// Sharpen, 0 (off) to 4
    #[arg(long, value_name = "STRENGTH", default_value_t = 0.6, allow_negative_numbers = true)]
    pub(crate) sharpness: f64,
    /// Shrink it to fit into this size
    #[arg(long, value_name = "WIDTHxHEIGHT")]
    pub(crate) size: Option<Size>,
    /// Quality of a JPEG, 1 to 100
    #[arg(long, value_name = "Q", default_value_t = 93, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) quality: u8,
    /// The small picture within a JPEG: the size that it fits into, its quality; or none
    #[arg(long, visible_alias = "thumb", value_name = "WIDTH:HEIGHT:Q|none", default_value = "320:240:70", value_parser = parsing::thumbnail)]
    pub(crate) thumbnail: Thumbnail,
    /// Bits of each colour: 8, or 16 in PNG and TIFF
    #[arg(long, value_name = "BITS", default_value = "8", value_parser = ["8", "16"])]
    pub(crate) depth: String,
}

impl DevelopArguments {
    /// Whether 16 bits are wanted.
    pub(crate) fn is_deep(&self) -> bool {
        self.depth == "16"
    }

    /// What is wanted of the picture.
    pub(crate) fn adjustments(&self) -> Adjustments {
        Adjustments {
            white_balance: self.white_balance,
            exposure_ev: self.exposure,
            saturation: self.saturation,
            contrast: self.contrast,
            brightness: self.brightness,
            denoise: self.denoise,
            chroma_denoise: self.chroma_denoise,
            sharpness: self.sharpness,
            fit: self.size,
        }
    }
}

/// `pinhole inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// A DNG, or a JPEG
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Draw histogram and waveform into this PNG
    #[arg(long, value_name = "FILE")]
    pub(crate) png: Option<PathBuf>,
    /// Answer as JSON, without drawings
    #[arg(long)]
    pub(crate) json: bool,
}

/// `pinhole completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// Which shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}
