//! The faults that devices can have, during a capture: what both stacks do. The table is printed;
//! Pinhole's column is asserted.

use crate::cam::{self, Ending};
use crate::{camera, ours};
use pinhole::control::{self, ControlList};
use pinhole::geometry::Size;
use pinhole::{DropCause, ErrorKind};
use pinhole_conformance::kernel::pi_module::{behave, tell};

/// Frames that are asked for.
const FRAMES: usize = 20;
const MODE: ours::Mode = (Size::new(640, 480), 10);

/// What is to come of a fault in Pinhole.
#[derive(Clone, Copy)]
enum Expected {
    /// All frames come, and this is counted as often at least.
    Counts(DropCause, u64),
    /// All frames come, some of them marked as damaged.
    Marks,
    /// All frames come.
    GoesOn,
    /// The capture ends with such an error.
    Fails(ErrorKind),
}

use Expected::{Counts, Fails, GoesOn, Marks};

/// What a row of the table is called, what the module is told (the file, the line), what is to
/// come of it, and whether it takes embedded data.
const ROWS: [(&str, (&str, &str), Expected, bool); 17] = [
    ("every fifth frame lost", ("repeat", "lost-frame 5"), Counts(DropCause::Receiver, 3), false),
    ("… its image alone", ("repeat", "lost-image 5"), Counts(DropCause::ImageLost, 3), true),
    ("… its embedded data alone", ("repeat", "lost-embedded 5"), Counts(DropCause::EmbeddedLost, 3), true),
    ("… 1 ms between their timestamps", ("repeat", "unequal-timestamps 5 1000"), GoesOn, true),
    ("… garbage for embedded data", ("repeat", "corrupt-embedded 5"), GoesOn, true),
    ("every fifth frame flagged as damaged", ("repeat", "flagged-image 5"), Marks, false),
    (
        "every fifth frame delivered twice",
        ("repeat", "duplicated-frame 5"),
        Counts(DropCause::Duplicate, 2),
        false,
    ),
    ("100 numbers left out", ("inject", "sequence-gap 10 100"), GoesOn, false),
    ("the sensor silent for 10 frames", ("inject", "silent-sensor 10 10"), GoesOn, false),
    ("the sensor silent for good", ("inject", "silent-sensor 10"), Fails(ErrorKind::Timeout), false),
    ("the ISP slow by 0.5 s, once", ("inject", "slow-isp 10 500000"), GoesOn, false),
    ("the ISP stuck", ("inject", "stuck-isp 10"), Fails(ErrorKind::Timeout), false),
    ("one QBUF at the ISP's input fails", ("inject", "queue 10 5 bcm2835-isp0-output0"), GoesOn, false),
    ("one write of sensor controls fails", ("inject", "set-controls 4 5 sensor"), GoesOn, false),
    (
        "STREAMON of the ISP's input fails",
        ("inject", "stream-on 0 5 bcm2835-isp0-output0"),
        Fails(ErrorKind::Io),
        false,
    ),
    ("the camera unplugged", ("inject", "unplugged-camera 10"), Fails(ErrorKind::Disconnected), false),
    ("the ISP unplugged", ("inject", "unplugged-isp 10"), Fails(ErrorKind::Disconnected), false),
];

/// What libcamera does, in words.
fn theirs() -> String {
    let picture = "role=viewfinder,width=640,height=480,pixelformat=YUV420";
    let count = format!("--capture={FRAMES}");
    let capture = cam::capture(&["-s", "role=raw,width=640,height=480", "-s", picture, &count]);
    let frames = capture.shots.len();
    match capture.ending {
        Ending::Code(0) => format!("{frames} frames"),
        Ending::Code(code) => format!("{frames} frames, ends with {code}"),
        Ending::Signal(signal) => format!("{frames} frames, dies of signal {signal}"),
        Ending::Waits => format!("{frames} frames, still waits after 8 s"),
    }
}

/// What Pinhole does, in words; whether it is as expected.
fn ours(expected: Expected) -> (String, bool) {
    let capture = ours::capture(MODE, FRAMES);
    let frames = capture.metadata.len();
    let is_marked = |frame: &&ControlList| frame.get(control::FRAME_ERROR) == Some(true);
    let marked = capture.metadata.iter().filter(is_marked).count();
    let mut words = format!("{frames} frames");
    if marked > 0 {
        words += &format!(", {marked} marked");
    }
    if capture.drops.iter().any(|(cause, _)| cause != DropCause::StartUp) {
        words += &format!(", drops: {}", capture.drops);
    }
    let kind = capture.error.as_ref().map(pinhole::Error::kind);
    if let Some(error) = &capture.error {
        words += &format!(", then: {error}");
    }
    let whole = frames == FRAMES && kind.is_none();
    let holds = match expected {
        Counts(cause, least) => whole && capture.drops.of(cause) >= least,
        Marks => whole && marked >= 3,
        GoesOn => whole,
        Fails(wanted) => kind == Some(wanted),
    };
    (words, holds)
}

/// Catches: a fault that hangs the camera, loses a frame unseen, or ends it without a word.
#[test]
fn what_both_do_when_something_goes_wrong() {
    let Some(embedded) = camera() else { return };
    let mut wrong = Vec::new();
    println!("| fault | Pinhole | libcamera |\n|---|---|---|");
    for (name, (file, line), expected, _) in ROWS.into_iter().filter(|row| embedded || !row.3) {
        tell(file, line);
        let (ours, holds) = ours(expected);
        behave(embedded);
        tell(file, line);
        let theirs = theirs();
        behave(embedded);
        println!("| {name} | {ours} | {theirs} |");
        if !holds {
            wrong.push(name);
        }
        let after = ours::capture(MODE, 3);
        assert!(after.error.is_none() && after.metadata.len() == 3, "{name}: the camera did not recover");
    }
    assert!(wrong.is_empty(), "Pinhole does otherwise than it should: {wrong:?}");
}
