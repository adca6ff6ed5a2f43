//! Remembers control delays: when to write which control so that all of one wish take effect
//! in one frame, and what every frame was taken with.
//!
//! A sensor latches its controls at different times: a write during frame *s* of a control
//! with delay *d* shows in frame *s + d*. So a wish taken up at the start of frame *s* aims
//! at frame *s + D*, where *D* is the greatest delay: controls with that delay are written
//! at once, each other one *D − d* frame starts later.
//!
//! # What is remembered
//!
//! For each control a ring of the values in effect in the last [`HISTORY`] frames up to the
//! newest one that its writes so far decide. A frame start that was missed wrote nothing, so
//! the values there are those of the frame before; a write that failed likewise. What
//! [`DelayedControls::get`] tells is thus what the sensor did, not what was wished, also
//! where a missed frame start tore a wish apart.
//!
//! It knows nothing of devices: the caller reports frame starts, carries out the writes it
//! is given, and reports those that failed.

use pinhole_base::{Error, ErrorKind, Result};
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

/// Frames for which the values in effect are remembered.
pub const HISTORY: usize = 64;

/// Wishes that may wait to be taken up; when more come, the oldest gives way.
pub const PENDING_MAX: usize = 16;

/// A control of the sensor, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SensorControl {
    /// Lines between frames (`V4L2_CID_VBLANK`). It bounds exposure, so it is written first,
    /// and alone.
    Vblank,
    /// Pixel clocks between lines (`V4L2_CID_HBLANK`).
    Hblank,
    /// Lines of exposure (`V4L2_CID_EXPOSURE`).
    Exposure,
    /// Analogue gain code (`V4L2_CID_ANALOGUE_GAIN`).
    AnalogueGain,
}

impl SensorControl {
    /// All of them, in the order in which they are written.
    pub const ALL: [Self; 4] = [Self::Vblank, Self::Hblank, Self::Exposure, Self::AnalogueGain];
}

/// Frames from a control's write to its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delays {
    /// Of exposure.
    pub exposure: u32,
    /// Of analogue gain.
    pub gain: u32,
    /// Of vertical blanking.
    pub vblank: u32,
    /// Of horizontal blanking.
    pub hblank: u32,
}

impl Delays {
    const fn by_control(self) -> [u64; 4] {
        [self.vblank as u64, self.hblank as u64, self.exposure as u64, self.gain as u64]
    }

    /// The greatest of them: frames from the frame start that takes up a wish to its effect.
    pub fn longest(self) -> u32 {
        self.exposure.max(self.gain).max(self.vblank).max(self.hblank)
    }
}

/// The values of a sensor's controls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SensorControls {
    /// Lines of exposure.
    pub exposure_lines: u32,
    /// Analogue gain code.
    pub gain_code: u32,
    /// Lines between frames.
    pub vblank: u32,
    /// Pixel clocks between lines; `None` to leave them as they are.
    pub hblank: Option<u32>,
}

impl SensorControls {
    const fn by_control(self) -> [Option<u32>; 4] {
        [Some(self.vblank), self.hblank, Some(self.exposure_lines), Some(self.gain_code)]
    }
}

/// How blanking bounds exposure: drivers cut an exposure to `height + vblank − margin`.
/// Knowing it, lowered blanking waits for the lowered exposure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExposureBound {
    /// Lines of a frame that carry the picture.
    pub height: u32,
    /// Lines by which a frame must be longer than its exposure.
    pub margin_lines: u32,
}

/// One control to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    /// Which control.
    pub control: SensorControl,
    /// Its value.
    pub value: u32,
}

/// The controls to write at a frame start, in order: [`SensorControl::Vblank`], if it is among
/// them, is the first and wants a call of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    values: [Option<Write>; 4],
}

impl Writes {
    /// The blanking, which must be written before the rest.
    pub const fn priority(&self) -> Option<Write> {
        self.values[0]
    }

    /// The controls that may be written together after it.
    pub fn rest(&self) -> impl Iterator<Item = Write> + '_ {
        self.values[1..].iter().flatten().copied()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Write> + '_ {
        self.values.iter().flatten().copied()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.values.iter().all(Option::is_none)
    }
}

/// What applied to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The controls in effect.
    pub controls: SensorControls,
    /// The cookie of the newest wish that was in effect with all but its vertical blanking,
    /// which may come later.
    pub cookie: u64,
}

/// What a control is set to, or left at, in a word that is compared at once.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Setting(u64);

impl Setting {
    const LEFT: u64 = u64::MAX;

    fn new(value: Option<u32>) -> Self {
        Self(value.map_or(Self::LEFT, u64::from))
    }

    fn get(self) -> Option<u32> {
        u32::try_from(self.0).ok()
    }

    fn or(self, other: Self) -> Self {
        if self.0 == Self::LEFT { other } else { self }
    }
}

#[derive(Clone, Copy, Hash)]
struct Wish {
    values: [Setting; 4],
    cookie: u64,
    /// Wishes are numbered in the order in which they came.
    number: u64,
}

/// The value of one control in one frame, and the newest wish that it is right for.
#[derive(Clone, Copy, Hash)]
struct Effect {
    value: Setting,
    cookie: u64,
    number: u64,
}

impl Effect {
    /// This value, on behalf of `target` if that is newer and wishes the same.
    fn or_equal(self, target: Self) -> Self {
        if self.value == target.value && self.number <= target.number { target } else { self }
    }
}

impl Wish {
    fn new(controls: SensorControls, cookie: u64, number: u64) -> Self {
        Self { values: controls.by_control().map(Setting::new), cookie, number }
    }

    const fn effect(&self, control: usize) -> Effect {
        Effect { value: self.values[control], cookie: self.cookie, number: self.number }
    }

    /// This wish, with another one's horizontal blanking if it leaves that as it is.
    fn or_hblank_of(mut self, other: Self) -> Self {
        let hblank = SensorControl::Hblank as usize;
        self.values[hblank] = self.values[hblank].or(other.values[hblank]);
        self
    }
}

/// One control's values by frame, up to the newest frame decided.
struct Track {
    delay: u64,
    /// Before anything else what it had at first.
    effects: [Effect; HISTORY],
    /// First frame not yet decided by a frame start.
    next: u64,
    /// What [`Track::latest`] was before the last frame start wrote.
    before_write: Option<Effect>,
}

impl Track {
    /// A track whose frames before `sequence` + `delay` all have one value.
    fn new(delay: u64, sequence: u64, latest: Effect) -> Self {
        Self { delay, effects: [latest; HISTORY], next: sequence + delay, before_write: None }
    }

    /// The effect in the frame settled last.
    #[inline]
    fn latest(&self) -> Effect {
        self.effects[slot(self.next.wrapping_sub(1))]
    }

    /// Settles the next frame.
    fn push(&mut self, effect: Effect) {
        self.effects[slot(self.next)] = effect;
        self.next += 1;
    }

    /// Changes the frame settled last.
    fn amend(&mut self, effect: Effect) {
        self.effects[slot(self.next.wrapping_sub(1))] = effect;
    }

    /// Forgets the frames before `oldest`.
    fn skip_to(&mut self, oldest: u64) {
        if self.next < oldest {
            let latest = self.latest();
            self.next = oldest;
            self.amend(latest);
        }
    }
}

const fn slot(frame: u64) -> usize {
    (frame % HISTORY as u64) as usize
}

/// Decides when to write which control, and remembers what applied to which frame.
///
/// # Guarantees
///
/// - With no frame start missed and no write failed, all controls of a wish take effect in
///   one frame, in the order of the wishes. (Lowered blanking may come later than the rest,
///   see [`ExposureBound`].)
/// - After missed frame starts the newest of as many wishes as there were frames is taken
///   up, so that missed frame starts do not add to the delay.
/// - What applied to a frame is right whatever was missed or failed, and, with an
///   [`ExposureBound`], also where the driver cuts an exposure to fit the blanking.
/// - Memory is bounded and allocated at construction only.
pub struct DelayedControls {
    /// In the order of [`SensorControl::ALL`].
    tracks: [Track; 4],
    /// What each frame was meant to have.
    targets: [Wish; HISTORY],
    /// First frame that aims at nothing yet.
    next_target: u64,
    longest_delay: u64,
    bound: Option<ExposureBound>,
    pending: VecDeque<Wish>,
    wishes: u64,
    /// The newest frame start.
    last_start: Option<u64>,
    /// It took up a wish: the newest target.
    took_up: bool,
}

/// Records that tell the same of every frame, and will, are alike.
impl Hash for DelayedControls {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            tracks,
            targets,
            next_target,
            longest_delay: _, // That of the sensor, as the bound is that of its mode.
            bound: _,
            pending,
            wishes,
            last_start,
            took_up,
        } = self;
        let remembered = |next: u64| next.saturating_sub(HISTORY as u64)..next;
        for track @ Track { delay: _, effects, next, before_write } in tracks {
            (track.latest(), next, before_write).hash(state);
            remembered(*next).for_each(|frame| effects[slot(frame)].hash(state));
        }
        remembered(*next_target).for_each(|frame| targets[slot(frame)].hash(state));
        (next_target, pending, wishes, last_start, took_up).hash(state);
    }
}

const EXPOSURE: usize = SensorControl::Exposure as usize;
const VBLANK: usize = SensorControl::Vblank as usize;

impl DelayedControls {
    /// A record for a sensor with these delays that has the controls `initial`. With a
    /// `bound`, lowered blanking that would cut the exposure then in effect waits for the
    /// lowered exposure.
    pub fn new(delays: Delays, initial: SensorControls, bound: Option<ExposureBound>) -> Self {
        let wish = Wish::new(initial, 0, 0);
        let by_control = delays.by_control();
        Self {
            tracks: std::array::from_fn(|c| Track::new(by_control[c], 0, wish.effect(c))),
            targets: [wish; HISTORY],
            next_target: u64::from(delays.longest()),
            longest_delay: u64::from(delays.longest()),
            bound,
            pending: VecDeque::with_capacity(PENDING_MAX + 1),
            wishes: 0,
            last_start: None,
            took_up: false,
        }
    }

    /// Forgets everything: the sensor has the controls `initial`, and frames will be counted
    /// from 0. Their cookie is 0.
    pub fn reset(&mut self, initial: SensorControls) {
        self.pending.clear();
        self.wishes = 0;
        self.last_start = None;
        self.took_up = false;
        let wish = Wish::new(initial, 0, 0);
        self.rebase(0, wish, |c| wish.effect(c));
    }

    /// The same, for another mode with another bound.
    pub fn reconfigure(&mut self, initial: SensorControls, bound: Option<ExposureBound>) {
        self.bound = bound;
        self.reset(initial);
    }

    fn rebase(&mut self, sequence: u64, target: Wish, effect: impl Fn(usize) -> Effect) {
        for (c, track) in self.tracks.iter_mut().enumerate() {
            *track = Track::new(track.delay, sequence, effect(c));
        }
        self.targets = [target; HISTORY];
        self.next_target = sequence + self.longest_delay;
    }

    /// Adds a wish to those that wait for their frame start. The cookie comes back with the
    /// frames that the wish applied to.
    pub fn push(&mut self, controls: SensorControls, cookie: u64) {
        if self.pending.len() == PENDING_MAX {
            self.pending.pop_front();
        }
        self.wishes += 1;
        self.pending.push_back(Wish::new(controls, cookie, self.wishes));
    }

    /// Frame `sequence` has started: what to write now. Writes count as done unless
    /// [`Self::failed`] says otherwise. If several frame starts wait to be handled, pass the
    /// newest only: the other frames have passed.
    ///
    /// A frame start that came before (a duplicate, or late) writes nothing. One that lies
    /// further back than the record reaches is taken for a new count by the receiver.
    pub fn frame_start(&mut self, sequence: u32) -> Writes {
        let sequence = u64::from(sequence);
        match self.last_start {
            Some(last) if sequence + (HISTORY as u64) <= last => self.recount(sequence),
            Some(last) if sequence <= last => return Writes::default(),
            _ => {}
        }
        self.aim(sequence);
        self.last_start = Some(sequence);
        let [vblank, hblank, exposure, gain] = SensorControl::ALL;
        // Not in a loop, so that what differs between them is known when this is compiled.
        let values = [
            self.settle(vblank, sequence),
            self.settle(hblank, sequence),
            self.settle(exposure, sequence),
            self.settle(gain, sequence),
        ];
        Writes { values }
    }

    fn recount(&mut self, sequence: u64) {
        let latest = self.tracks.each_ref().map(Track::latest);
        self.rebase(sequence, self.latest_target(), |c| latest[c]);
    }

    fn latest_target(&self) -> Wish {
        self.targets[slot(self.next_target + HISTORY as u64 - 1)]
    }

    /// Aims the frame that this frame start can still decide at the next wish, and the
    /// frames whose start was missed at what came before.
    fn aim(&mut self, sequence: u64) {
        let aimed = sequence + self.longest_delay;
        if self.next_target < aimed {
            self.skip_to(aimed);
        }
        let before = self.latest_target();
        self.took_up = !self.pending.is_empty();
        match self.pending.pop_front() {
            Some(wish) => self.push_target(wish.or_hblank_of(before)),
            None => self.push_target(before),
        }
    }

    /// The frames before `aimed` aim at what came before. As many wishes as were meant for them
    /// are given up, but for the newest there is.
    #[cold]
    fn skip_to(&mut self, aimed: u64) {
        let missed = (aimed - self.next_target).min(PENDING_MAX as u64) as usize;
        let given_up = missed.min(self.pending.len().saturating_sub(1));
        self.pending.drain(..given_up);
        let before = self.latest_target();
        self.next_target = self.next_target.max(self.horizon(aimed));
        while self.next_target < aimed {
            self.push_target(before);
        }
    }

    #[inline]
    fn push_target(&mut self, target: Wish) {
        self.targets[slot(self.next_target)] = target;
        self.next_target += 1;
    }

    /// The oldest frame remembered once frame `newest` is.
    fn horizon(&self, newest: u64) -> u64 {
        (newest + 1).saturating_sub(HISTORY as u64)
    }

    /// Settles what control `c` does up to the frame that this frame start decides. Returns
    /// what to write, if anything.
    #[inline(always)]
    fn settle(&mut self, control: SensorControl, sequence: u64) -> Option<Write> {
        let c = control as usize;
        let decided = sequence + self.tracks[c].delay;
        if self.tracks[c].next < decided {
            self.carry_on(c, sequence, decided);
        }
        let target = self.targets[slot(decided)].effect(c);
        let before = self.tracks[c].latest();
        let present = self.cut(c, before);
        if before.value != target.value || present.value != before.value {
            let written = self.change(c, sequence, target, present);
            return written.map(|value| Write { control, value });
        }
        let track = &mut self.tracks[c];
        track.push(before.or_equal(target));
        track.before_write = None;
        None
    }

    /// Settles a control that is to change, or that the driver cuts.
    #[inline(never)]
    fn change(&mut self, c: usize, sequence: u64, target: Effect, present: Effect) -> Option<u32> {
        let before = self.tracks[c].latest();
        let wanted = if c == VBLANK && self.must_wait(sequence) { present } else { self.cut(c, target) };
        let write = wanted.value != present.value;
        let settled = if write { wanted } else { present.or_equal(target) };
        self.tracks[c].push(settled);
        self.tracks[c].before_write = (settled.value != before.value).then_some(before);
        if write { wanted.value.get() } else { None }
    }

    /// Settles control `c` for the frames before `decided` whose frame starts were missed.
    #[cold]
    fn carry_on(&mut self, c: usize, sequence: u64, decided: u64) {
        let oldest = self.horizon(sequence + self.longest_delay);
        self.tracks[c].skip_to(oldest);
        while self.tracks[c].next < decided {
            let carried = self.planned(c, self.tracks[c].next);
            self.tracks[c].push(carried);
        }
    }

    /// What control `c` has in a frame whose frame start did not, or does not yet, decide it.
    fn planned(&self, c: usize, frame: u64) -> Effect {
        let track = &self.tracks[c];
        let aimed = track.next..(frame + 1).min(self.next_target);
        aimed.fold(track.latest(), |effect, frame| effect.or_equal(self.targets[slot(frame)].effect(c)))
    }

    /// What the driver makes of an exposure that is too long for the blanking.
    #[inline(always)]
    fn cut(&self, c: usize, effect: Effect) -> Effect {
        if c != EXPOSURE {
            return effect;
        }
        let room = self.bound.and_then(|bound| bound.room(self.tracks[VBLANK].latest().value));
        match (effect.value.get(), room) {
            (Some(lines), Some(room)) if lines > room => {
                Effect { value: Setting::new(Some(room)), ..self.tracks[c].latest() }
            }
            _ => effect,
        }
    }

    /// Whether blanking that is due now would cut an exposure that is to be lowered later.
    fn must_wait(&self, sequence: u64) -> bool {
        let frame = |c: usize| sequence + self.tracks[c].delay;
        let due = self.targets[slot(frame(VBLANK))];
        let Some(room) = self.bound.and_then(|bound| bound.room(due.values[VBLANK])) else { return false };
        let fits = |wish: &Wish| wish.values[EXPOSURE].get().is_none_or(|lines| lines <= room);
        let mut earlier = (frame(EXPOSURE)..frame(VBLANK)).map(|frame| &self.targets[slot(frame)]);
        fits(&due) && !earlier.all(fits)
    }

    /// A write of the newest frame start failed: it did not happen, and is tried again at the
    /// next one. A failed [`SensorControl::Vblank`] counts for all the rest, which must not be
    /// written after it.
    ///
    /// # Errors
    /// `WrongState` if `sequence` is not that of the newest frame start.
    pub fn failed(&mut self, sequence: u32, control: SensorControl) -> Result<()> {
        if self.last_start != Some(u64::from(sequence)) {
            return Err(Error::new(ErrorKind::WrongState, "recording a failed sensor control")
                .because(format!("frame {sequence} is not the one that started last")));
        }
        if control == SensorControl::Vblank {
            (0..self.tracks.len()).for_each(|c| self.undo(c));
        } else {
            self.undo(control as usize);
        }
        Ok(())
    }

    fn undo(&mut self, c: usize) {
        let Some(before) = self.tracks[c].before_write.take() else { return };
        if self.tracks[c].delay == self.longest_delay {
            self.postpone();
        }
        let target = self.targets[slot(self.tracks[c].next - 1)].effect(c);
        self.tracks[c].amend(before);
        let present = self.cut(c, before).or_equal(target);
        self.tracks[c].amend(present);
    }

    /// Puts the wish that was taken up last back to the front, to be taken up again.
    fn postpone(&mut self) {
        if std::mem::take(&mut self.took_up) {
            let before = self.targets[slot(self.next_target + HISTORY as u64 - 2)];
            let wish = std::mem::replace(&mut self.targets[slot(self.next_target - 1)], before);
            self.pending.push_front(wish);
        }
    }

    /// What applied to frame `sequence`; `None` if it lies further back than the record
    /// reaches. A frame newer than the newest frame start gets what is known to apply.
    #[inline(always)]
    pub fn get(&self, sequence: u32) -> Option<Applied> {
        let frame = u64::from(sequence);
        if frame + (HISTORY as u64) < self.next_target {
            return None;
        }
        let vblank = self.effect(VBLANK, frame);
        let hblank = self.effect(SensorControl::Hblank as usize, frame);
        let exposure = self.effect(EXPOSURE, frame);
        let gain = self.effect(SensorControl::AnalogueGain as usize, frame);
        let older = if exposure.number < hblank.number { &exposure } else { &hblank };
        let oldest = if gain.number < older.number { &gain } else { older };
        let controls = SensorControls {
            exposure_lines: exposure.value.get()?,
            gain_code: gain.value.get()?,
            vblank: vblank.value.get()?,
            hblank: hblank.value.get(),
        };
        Some(Applied { controls, cookie: oldest.cookie })
    }

    /// The oldest frame that the record reaches back to.
    pub fn oldest(&self) -> u32 {
        u32::try_from(self.next_target.saturating_sub(HISTORY as u64)).unwrap_or(u32::MAX)
    }

    fn effect(&self, c: usize, frame: u64) -> Effect {
        let track = &self.tracks[c];
        if frame < track.next { track.effects[slot(frame)] } else { self.planned(c, frame) }
    }

    /// How many wishes wait to be taken up.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }
}

impl ExposureBound {
    /// The longest exposure that fits that blanking, in lines.
    fn room(self, vblank: Setting) -> Option<u32> {
        Some(self.height.saturating_add(vblank.get()?).saturating_sub(self.margin_lines))
    }
}
