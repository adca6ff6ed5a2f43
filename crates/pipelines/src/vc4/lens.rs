//! The lens of a camera: where it was told to be, and when. Knows nothing of who wishes it there,
//! nor why.

use pinhole_base::Timestamp;
use pinhole_base::control::{self, ControlList};
use pinhole_camera::fingerprint::Fingerprint;
use pinhole_device::uapi::control_codes;
use pinhole_device::{ControlWrite, Payload};
use pinhole_sensor::LensScale;
use std::time::Duration;

/// Moves that are remembered: more than there are while a frame finds its way.
const MOVES: usize = 16;

/// What a lens is like, and where it starts.
#[derive(Clone, Copy, Debug)]
pub struct LensPlan {
    /// Its driver's steps and what they mean.
    pub scale: LensScale,
    /// The step it starts at.
    pub initial: i32,
}

/// One time that the lens was told where to be.
#[derive(Clone, Copy, Debug)]
struct Move {
    at: Timestamp,
    code: i32,
}

/// A lens that moves.
#[derive(Debug)]
pub(super) struct Lens {
    scale: LensScale,
    /// The newest last.
    moves: [Move; MOVES],
    write: [ControlWrite<'static>; 1],
}

impl Lens {
    /// One that is told at `now` where it starts.
    pub(super) fn new(plan: LensPlan, now: Timestamp) -> Self {
        let start = Move { at: now, code: plan.initial };
        Self { scale: plan.scale, moves: [start; MOVES], write: [write(plan.initial)] }
    }

    /// Takes up a wish, held to what the driver takes; says whether there is something to write.
    pub(super) fn wish(&mut self, now: Timestamp, code: i32) -> bool {
        let code = self.scale.within(code);
        if self.newest().code == code {
            return false;
        }
        self.moves.rotate_left(1);
        self.moves[MOVES - 1] = Move { at: now, code };
        self.write = [write(code)];
        true
    }

    /// The newest move failed: the lens is still where it was, and the next wish is tried again.
    pub(super) fn failed(&mut self) {
        self.moves.rotate_right(1);
        self.moves[0] = self.moves[1];
    }

    /// What is to be written.
    pub(super) fn writes(&self) -> &[ControlWrite<'static>] {
        &self.write
    }

    /// Tells in a frame's metadata where the lens was told to be when the frame began, and whether
    /// it may have been moving in the time that the frame took.
    pub(super) fn report(&self, began: Timestamp, took: Duration, metadata: &mut ControlList) {
        let end = began + took;
        let before = self.moves.iter().rev().find(|moved| moved.at <= began).unwrap_or(&self.moves[0]);
        let is_under_way = |moved: &Move| moved.at < end && moved.at + self.scale.settling() > began;
        metadata
            .set(control::LENS_POSITION, self.scale.dioptres(before.code) as f32)
            .set(control::LENS_MOVING, self.moves.iter().any(is_under_way));
    }

    fn newest(&self) -> Move {
        self.moves[MOVES - 1]
    }

    /// Takes in what decides the future: the rest can only be read.
    pub(super) fn fingerprint(&self, into: &mut Fingerprint) {
        let Self { scale: _, moves: _, write: _ } = self;
        into.put(self.newest().code);
    }
}

fn write(code: i32) -> ControlWrite<'static> {
    ControlWrite { code: control_codes::FOCUS_ABSOLUTE, value: Payload::Integer(i64::from(code)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole_sensor::LensHelper;

    const FRAME: Duration = Duration::from_millis(33);

    fn lens() -> Lens {
        let scale = LensScale::new(&LensHelper::DW9807_IMX708, 0, 1023);
        Lens::new(LensPlan { scale, initial: 477 }, at(1000))
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp(ms * 1_000_000)
    }

    /// Position and movement, as a frame that began then tells.
    fn told(lens: &Lens, began_ms: u64) -> (f32, bool) {
        let mut metadata = ControlList::new();
        lens.report(at(began_ms), FRAME, &mut metadata);
        (metadata.get(control::LENS_POSITION).unwrap(), metadata.get(control::LENS_MOVING).unwrap())
    }

    #[test]
    fn only_what_changes_is_written() {
        let mut lens = lens();
        assert!(!lens.wish(at(2000), 477));
        assert!(lens.wish(at(2000), 509));
        assert_eq!(lens.writes(), [write(509)]);
        assert!(!lens.wish(at(2001), 509));
        assert!(lens.wish(at(2001), 5000) && !lens.wish(at(2002), 1023), "wishes are held to the range");
        assert_eq!(lens.writes(), [write(1023)]);
    }

    #[test]
    fn a_frame_tells_of_the_lens_in_its_own_time() {
        let mut lens = lens();
        lens.wish(at(2000), 509);
        assert_eq!(told(&lens, 1001), (1.0, true), "it has just started");
        assert_eq!(told(&lens, 1900), (1.0, false));
        assert_eq!(told(&lens, 1980), (1.0, true), "it was told before the frame ended");
        assert_eq!(told(&lens, 2010), (2.0, true));
        assert_eq!(told(&lens, 2060), (2.0, false));
        assert_eq!(told(&lens, 0), (1.0, false), "from before the start");
    }

    #[test]
    fn a_move_that_failed_did_not_happen() {
        let mut lens = lens();
        lens.wish(at(2000), 509);
        lens.failed();
        assert_eq!(told(&lens, 2010), (1.0, false));
        assert!(lens.wish(at(2033), 509), "it is tried again");
        assert_eq!(told(&lens, 2040), (2.0, true));
    }

    #[test]
    fn the_newest_moves_are_remembered() {
        let mut lens = lens();
        (1..40).for_each(|step| assert!(lens.wish(at(2000 + 100 * step), 445 + step as i32 * 8)));
        assert_eq!(told(&lens, 5999), (9.75, false));
        assert_eq!(told(&lens, 5865), (9.5, false));
    }
}
