//! What can happen in a case, and what can go wrong about it.

use std::fmt;

/// Which streams the application has, or which of their buffers a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Streams {
    /// The receiver's images.
    pub raw: bool,
    /// The ISP's first output.
    pub output0: bool,
    /// The ISP's second output.
    pub output1: bool,
}

impl Streams {
    /// Some streams, by their places in the configuration.
    const fn at(places: [bool; 3]) -> Self {
        let [raw, output0, output1] = places;
        Self { raw, output0, output1 }
    }

    /// The same by places.
    pub(super) const fn places(self) -> [bool; 3] {
        [self.raw, self.output0, self.output1]
    }

    /// Every selection of these, but none at all.
    pub(super) fn selections(self) -> impl Iterator<Item = Self> {
        let all = (1..8).map(|bits: u8| [0, 1, 2].map(|at| bits & (1 << at) != 0));
        let fits = move |places: &[bool; 3]| (0..3).all(|at| self.places()[at] || !places[at]);
        all.filter(fits).map(Self::at)
    }
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// The next request comes, with buffers for these streams.
    Request(Streams),
    /// A frame begins.
    FrameStart,
    /// The receiver is done with an image.
    Image,
    /// The receiver is done with the image that is late.
    LateImage,
    /// The receiver is done with embedded data.
    Embedded,
    /// The ISP is done with the buffer of the stream of that number.
    Isp(u8),
    /// The algorithms answer one of the jobs that they have.
    Answer(u8),
    /// The deadline passes, as nothing else comes of itself.
    Timer,
    /// The deadline passes although something else could have come before.
    EarlyTimer,
    /// Everything goes well from here on.
    Drain,
}

/// What can go wrong about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The driver flags the buffer as damaged, or the algorithms their answer.
    Flagged,
    /// It never comes.
    Lost,
    /// It comes twice.
    Twice,
    /// The algorithms' answer names a buffer that they were not given.
    Mistaken,
    /// An image comes after others, or a frame start is told when the frame is all but over.
    Late,
    /// It comes in the buffer that was to be filled next.
    OutOfTurn,
    /// Its time stamp is not the frame's.
    OtherStamp,
    /// The request's fence did not signal.
    Cancelled,
    /// The request's buffer for the first output is in use, through another descriptor.
    InUse,
    /// The device refuses that one of the calls which follow.
    Refused(u8),
    /// The device is gone at that one of the calls which follow.
    Gone(u8),
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// What happens.
    pub happening: Happening,
    /// What goes wrong about it.
    pub fault: Option<Fault>,
}

impl Step {
    /// What happens, and goes well.
    pub(super) const fn well(happening: Happening) -> Self {
        Self { happening, fault: None }
    }

    /// The same, going wrong.
    pub(super) const fn but(self, fault: Fault) -> Self {
        Self { fault: Some(fault), ..self }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.happening {
            Happening::Request(streams) => {
                f.write_str("Request(")?;
                let named = std::iter::zip(["raw", "output0", "output1"], streams.places());
                let names: Vec<_> = named.filter(|(_, wanted)| *wanted).map(|(name, _)| name).collect();
                write!(f, "{})", names.join(", "))?;
            }
            other => write!(f, "{other:?}")?,
        }
        self.fault.map_or(Ok(()), |fault| write!(f, ", but {fault:?}"))
    }
}
