//! Where frames are to go: `--output raw=frame-{n}.dng` and its like, checked against the
//! streams there are. Touches no file.

use pinhole::files::atomic::is_replaceable;
use pinhole::format::PixelFormat;
use pinhole::{Error, ErrorKind, Result, StreamConfiguration};
use std::path::{Path, PathBuf};

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Dng,
    Jpeg,
    Png,
    Tiff,
    Ppm,
    Y4m,
    /// Rows or planes as they are.
    Samples,
}

/// Names of kinds: suffixes of files, and what may stand before a colon.
const KINDS: [(&str, Kind); 9] = [
    ("dng", Kind::Dng),
    ("jpg", Kind::Jpeg),
    ("jpeg", Kind::Jpeg),
    ("png", Kind::Png),
    ("tif", Kind::Tiff),
    ("tiff", Kind::Tiff),
    ("ppm", Kind::Ppm),
    ("y4m", Kind::Y4m),
    ("raw", Kind::Samples),
];

impl Kind {
    fn named(name: &str) -> Option<Self> {
        KINDS.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| kind)
    }

    /// The kind that a file's suffix stands for.
    pub(crate) fn of_path(path: &Path) -> Option<Self> {
        path.extension().and_then(|suffix| suffix.to_str()).and_then(Self::named)
    }

    /// What goes to standard output if nobody says: whatever programs can make sense of.
    fn for_pipe(format: PixelFormat) -> Self {
        if is_ycbcr(format) { Self::Y4m } else { Self::Samples }
    }

    /// Whether one file holds many frames.
    const fn is_sequence(self) -> bool {
        matches!(self, Self::Y4m | Self::Samples)
    }

    /// Whether frames of a format can be written so; else, what they need.
    pub(crate) fn check(self, format: PixelFormat) -> Result<(), &'static str> {
        let raw = format.raw().is_some();
        match self {
            Self::Dng if !raw => Err("a DNG holds RAW frames; name the raw stream"),
            Self::Jpeg | Self::Png | Self::Tiff | Self::Ppm if raw => {
                Err("RAW frames are no pictures yet; write them as .dng or .raw")
            }
            Self::Y4m if !is_ycbcr(format) => Err("Y4M holds Y'CbCr; ask for format=YUV420 or NV12"),
            _ => Ok(()),
        }
    }
}

fn is_ycbcr(format: PixelFormat) -> bool {
    use PixelFormat::{Bgr24, Bgrx32, Mjpeg, Raw, Rgb24, Rgb48, Rgbx32};
    !matches!(format, Raw(_) | Rgb24 | Bgr24 | Bgrx32 | Rgbx32 | Rgb48 | Mjpeg)
}

/// A path with places for the frame's number and the stream's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// The frame's number, with so many digits at least.
    Number(usize),
    Stream,
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, String> {
        const DIGITS_MAX: usize = 20;
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, behind) = after.split_once('}').ok_or(format!("`{text}`: a `{{` is not closed"))?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(match inside.split_once(':') {
                None if inside == "n" => Piece::Number(0),
                None if inside == "stream" => Piece::Stream,
                Some(("n", digits)) => {
                    let digits = digits.parse().ok().filter(|digits| *digits <= DIGITS_MAX);
                    Piece::Number(digits.ok_or(format!("`{{{inside}}}`: a number of digits is needed"))?)
                }
                _ => return Err(format!("`{{{inside}}}` is unknown; there are {{n}}, {{n:4}}, {{stream}}")),
            });
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    fn has_number(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Number(_)))
    }

    fn has_stream(&self) -> bool {
        self.0.contains(&Piece::Stream)
    }

    /// The path of a frame of a stream.
    pub(crate) fn path(&self, number: u64, stream: &str) -> PathBuf {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Number(digits) => format!("{number:0digits$}"),
            Piece::Stream => stream.to_owned(),
        };
        self.0.iter().map(piece).collect::<String>().into()
    }
}

/// One `--output`, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutputRequest {
    stream: Option<String>,
    kind: Option<Kind>,
    pattern: Pattern,
}

impl OutputRequest {
    /// Reads `[STREAM=][KIND:]PATTERN`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (stream, rest) = match text.split_once('=') {
            Some((name, rest)) if is_stream_name(name) => (Some(name.to_ascii_lowercase()), rest),
            _ => (None, text),
        };
        let (kind, target) = match rest.split_once(':') {
            Some((name, target)) if Kind::named(name).is_some() => (Kind::named(name), target),
            _ => (None, rest),
        };
        if target.is_empty() {
            return Err("name a file, or `-` for standard output".to_owned());
        }
        Ok(Self { stream, kind, pattern: Pattern::parse(target)? })
    }
}

/// Whether it may name a stream: a role, perhaps with a number.
fn is_stream_name(name: &str) -> bool {
    pinhole::Role::from_name(name.trim_end_matches(|last: char| last.is_ascii_digit())).is_some()
}

/// Where the frames of one stream go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    /// The stream's place in the configuration.
    pub(crate) stream: usize,
    /// Its name.
    pub(crate) name: String,
    /// What is written.
    pub(crate) kind: Kind,
    /// Where to.
    pub(crate) target: Target,
}

/// Where something is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Standard output.
    Stdout,
    /// One file, pipe or device for all frames.
    One(PathBuf),
    /// A file for each frame.
    Each(Pattern),
}

/// What outputs are checked against.
pub(crate) struct Streams<'a> {
    /// The streams.
    pub(crate) configurations: &'a [StreamConfiguration],
    /// Their names.
    pub(crate) names: &'a [String],
    /// How many frames are to come; 0: nobody knows.
    pub(crate) count: u64,
}

impl Streams<'_> {
    /// Finds the streams that outputs are for, and checks that they can be written so.
    ///
    /// # Errors
    /// A stream is not there or not clear, or its frames do not fit the kind of file.
    pub(crate) fn outputs(&self, requests: &[OutputRequest]) -> Result<Vec<Output>> {
        let mut outputs = Vec::new();
        for request in requests {
            for stream in self.streams_of(request)? {
                outputs.push(self.output(request, stream)?);
            }
        }
        for (index, output) in outputs.iter().enumerate() {
            if outputs[..index].iter().any(|earlier| earlier.target == output.target) {
                return Err(refused(output, "two outputs go there".to_owned()));
            }
        }
        Ok(outputs)
    }

    fn streams_of(&self, request: &OutputRequest) -> Result<Vec<usize>> {
        let doing = "choosing outputs";
        let known = self.names.join(", ");
        if let Some(name) = &request.stream {
            let found = self.names.iter().position(|known| known == name);
            return found.map(|found| vec![found]).ok_or_else(|| {
                Error::new(ErrorKind::InvalidArgument, doing)
                    .because(format!("no stream `{name}` is captured, only {known}"))
                    .hint(format!("add --stream {name}"))
            });
        }
        if self.names.len() == 1 || request.pattern.has_stream() {
            return Ok((0..self.names.len()).collect());
        }
        Err(Error::new(ErrorKind::InvalidArgument, doing)
            .at(request.pattern.path(0, "{stream}").display().to_string())
            .because(format!("it is not said which stream goes there; there are {known}"))
            .hint(format!("write --output {}=…, or put {{stream}} into the name", self.names[0])))
    }

    fn output(&self, request: &OutputRequest, stream: usize) -> Result<Output> {
        let (name, format) = (self.names[stream].clone(), self.configurations[stream].format);
        let path = request.pattern.path(0, &name);
        let stdout = path == Path::new("-");
        let kind = request.kind.or_else(|| Kind::of_path(&path));
        let kind = kind.or_else(|| stdout.then(|| Kind::for_pipe(format)));
        let kind = kind.ok_or_else(|| unknown_kind(&path))?;
        let target = match (stdout, request.pattern.has_number()) {
            (true, _) => Target::Stdout,
            (false, true) => Target::Each(Pattern(request.pattern.with_stream(&name))),
            (false, false) => Target::One(path),
        };
        let output = Output { stream, name, kind, target };
        kind.check(format).map_err(|reason| refused(&output, format!("{format}: {reason}")))?;
        output.check_number(self.count)?;
        Ok(output)
    }
}

impl Pattern {
    /// The pieces with the stream's name put in.
    fn with_stream(&self, name: &str) -> Vec<Piece> {
        let named = |piece: &Piece| match piece {
            Piece::Stream => Piece::Text(name.to_owned()),
            other => other.clone(),
        };
        self.0.iter().map(named).collect()
    }
}

impl Output {
    /// Where it goes, in words.
    pub(crate) fn place(&self) -> String {
        match &self.target {
            Target::Stdout => "standard output".to_owned(),
            Target::One(path) => path.display().to_string(),
            Target::Each(pattern) => pattern.path(0, &self.name).display().to_string(),
        }
    }

    /// Many pictures need many names.
    fn check_number(&self, count: u64) -> Result<()> {
        match &self.target {
            Target::One(path) if !self.kind.is_sequence() && count != 1 && is_replaceable(path) => {
                let reason = "it holds one frame, and every frame would replace the one before";
                Err(refused(self, reason.to_owned()).hint("put {n} into the name, or say --count 1"))
            }
            _ => Ok(()),
        }
    }
}

fn refused(output: &Output, reason: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("writing the {} stream", output.name))
        .at(output.place())
        .because(reason)
}

fn unknown_kind(path: &Path) -> Error {
    Error::new(ErrorKind::InvalidArgument, "choosing outputs")
        .at(path.display().to_string())
        .because("its suffix does not say what to write")
        .hint("end it in .dng, .jpg, .png, .ppm, .y4m or .raw, or put a kind before it: y4m:NAME")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::stream_names;
    use pinhole::Role;
    use pinhole::colour::ColourSpace;
    use pinhole::format::{BayerOrder, Packing, RawFormat};
    use pinhole::geometry::Size;

    fn stream(role: Role) -> StreamConfiguration {
        let raw = RawFormat::bayer(BayerOrder::Rggb, 10, Packing::Unpacked);
        let format = if role == Role::Raw { PixelFormat::Raw(raw) } else { PixelFormat::Yuv420 };
        let size = Size::new(64, 64);
        let colour = ColourSpace::RAW;
        StreamConfiguration {
            role,
            format,
            size,
            stride_bytes: 0,
            frame_bytes: 0,
            colour,
            buffer_count: 1,
            converted_from: None,
        }
    }

    fn outputs(roles: &[Role], count: u64, requests: &[&str]) -> Result<Vec<Output>> {
        let configurations: Vec<_> = roles.iter().map(|role| stream(*role)).collect();
        let requests: Vec<_> = requests.iter().map(|text| OutputRequest::parse(text).unwrap()).collect();
        let names = stream_names(&configurations);
        Streams { configurations: &configurations, names: &names, count }.outputs(&requests)
    }

    #[test]
    fn outputs_find_their_streams() {
        let roles = [Role::Raw, Role::Video, Role::Video];
        let found = outputs(&roles, 0, &["raw=a-{n:3}.dng", "video2=-", "video=jpg:{stream}-{n}"]).unwrap();
        let places: Vec<_> =
            found.iter().map(|output| (output.stream, output.kind, output.place())).collect();
        let place = str::to_owned;
        assert_eq!(
            places,
            [
                (0, Kind::Dng, place("a-000.dng")),
                (2, Kind::Y4m, place("standard output")),
                (1, Kind::Jpeg, place("video-0"))
            ]
        );
        let each = outputs(&[Role::Raw, Role::Still], 1, &["{stream}.raw"]).unwrap();
        assert_eq!(each.iter().map(Output::place).collect::<Vec<_>>(), ["raw.raw", "still.raw"]);
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        let refused = |roles: &[Role], requests: &[&str], word: &str| {
            let error = outputs(roles, 0, requests).unwrap_err().to_string();
            assert!(error.contains(word), "{requests:?}: {error}");
        };
        refused(&[Role::Video], &["raw=a.dng"], "add --stream raw");
        refused(&[Role::Video], &["a-{n}.dng"], "a DNG holds RAW frames");
        refused(&[Role::Raw], &["a-{n}.jpg"], "no pictures yet");
        refused(&[Role::Raw], &["a.y4m"], "Y4M holds");
        refused(&[Role::Video], &["a.jpg"], "put {n} into the name");
        refused(&[Role::Video], &["a.avi"], "end it in");
        refused(&[Role::Raw, Role::Video], &["a.raw"], "which stream");
        refused(&[Role::Raw, Role::Video], &["raw=a.raw", "video=a.raw"], "two outputs go there");
    }

    #[test]
    fn patterns_are_read_strictly() {
        assert!(OutputRequest::parse("").is_err() && OutputRequest::parse("raw=").is_err());
        for (text, word) in
            [("a{n", "not closed"), ("a{m}", "unknown"), ("a{n:x}", "digits"), ("a{n:99}", "digits")]
        {
            let reason = OutputRequest::parse(text).unwrap_err();
            assert!(reason.contains(word), "{text}: {reason}");
        }
        // An equals sign or a colon in a name is nothing special.
        assert_eq!(OutputRequest::parse("a=b:c.raw").unwrap().stream, None);
    }
}
