//! What every request that comes back is held to.

use super::stock::Opening;
use super::troubles::{AlgorithmFault, FaultSet};
use super::{Checked, demand, violated};
use pinhole::config::STREAMS_MAX;
use pinhole::control::{self, ControlList, SettingsSource};
use pinhole::sim::model::SensorModel;
use pinhole::sim::{FaultKind, Stamp};
use pinhole::{
    BufferInfo, Error, ErrorKind, FrameMemory, Request, RequestStatus, StreamConfiguration, StreamId,
    Timestamp,
};
use std::sync::Arc;
use std::time::Duration;

/// What an application knows to be wrong with a request that it queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    None,
    /// A buffer is smaller than a frame.
    TooSmall,
    /// One buffer is there for two streams.
    Twice,
}

/// What an application remembers of a request that it has queued.
pub(super) struct Sent {
    pub(super) cookie: u64,
    pub(super) queued_at: Timestamp,
    pub(super) buffers: [Option<Arc<FrameMemory>>; STREAMS_MAX],
    pub(super) flaw: Flaw,
    /// How many of its fences have not signalled.
    pub(super) fences_pending: u8,
    /// One signalled too late to be relied on.
    pub(super) fence_is_late: bool,
    pub(super) has_user_data: bool,
}

impl Sent {
    pub(super) const fn may_have_timed_out(&self) -> bool {
        self.fences_pending > 0 || self.fence_is_late
    }
}

/// A configured stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) id: StreamId,
    pub(super) frame_bytes: u32,
}

impl Shape {
    pub(super) fn of((id, stream): (StreamId, &StreamConfiguration)) -> Self {
        Self { id, frame_bytes: stream.frame_bytes }
    }
}

/// What a session's requests are judged by.
pub(super) struct Judge {
    /// Number of the camera.
    pub(super) camera: usize,
    pub(super) model: &'static SensorModel,
    pub(super) shapes: Vec<Shape>,
    /// What may go wrong in this world.
    pub(super) kinds: FaultSet,
    /// Number and time stamp of the last frame.
    pub(super) last: Option<(i64, u64)>,
    /// The longest frame so far.
    pub(super) longest_frame: Duration,
    /// The session is stopping, or has failed: requests may be cancelled.
    pub(super) is_ending: bool,
}

impl Judge {
    /// Judges a request that came back for what was sent; `openings` are what its buffers
    /// begin with.
    pub(super) fn judge(
        &mut self,
        request: &mut Request,
        sent: &Sent,
        openings: &[Option<Opening>; STREAMS_MAX],
    ) -> Checked {
        check_identity(request, sent, &self.shapes)?;
        match request.status() {
            RequestStatus::Pending => violated("a request came back that is neither complete nor cancelled"),
            RequestStatus::Cancelled => self.judge_cancelled(request, sent),
            RequestStatus::Complete => {
                demand(request.error().is_none(), || "a complete request has an error".to_owned())?;
                demand(sent.flaw == Flaw::None, || format!("a request is complete, though {:?}", sent.flaw))?;
                demand(sent.fences_pending == 0, || {
                    "a request is complete, though a fence has not signalled".to_owned()
                })?;
                self.judge_frame(request, openings)?;
                self.check_freshness(request.metadata(), sent.queued_at)
            }
        }
    }

    fn judge_cancelled(&self, request: &Request, sent: &Sent) -> Checked {
        let Some(error) = request.error() else {
            return violated("a request was cancelled without a reason");
        };
        check_error(error)?;
        let explained = match error.kind() {
            _ if self.is_ending || !self.kinds.is_survivable() => true,
            ErrorKind::Timeout => sent.may_have_timed_out(),
            ErrorKind::InvalidArgument => sent.flaw == Flaw::TooSmall,
            ErrorKind::Busy => sent.flaw == Flaw::Twice,
            _ => false,
        };
        demand(explained, || format!("a request was cancelled for no good reason: {error:?}"))
    }

    /// Judges the frame of a complete request.
    pub(super) fn judge_frame(
        &mut self,
        request: &Request,
        openings: &[Option<Opening>; STREAMS_MAX],
    ) -> Checked {
        let metadata = request.metadata();
        let (Some(sequence), Some(timestamp_ns)) =
            (metadata.get(control::SENSOR_SEQUENCE), metadata.get(control::SENSOR_TIMESTAMP))
        else {
            return violated("a complete request has no sequence number or no time stamp");
        };
        self.check_progress(sequence, timestamp_ns as u64)?;
        for (shape, opening) in std::iter::zip(&self.shapes, openings) {
            if let Some(opening) = opening {
                let info = request.info(shape.id);
                self.check_buffer(shape, &info, opening, metadata)?;
            }
        }
        let frame_us = metadata.get(control::FRAME_DURATION).unwrap_or(0);
        self.longest_frame = self.longest_frame.max(Duration::from_micros(frame_us.unsigned_abs()));
        Ok(())
    }

    /// Frames come in the order in which they were taken, unless the receiver gave them in
    /// another.
    fn check_progress(&mut self, sequence: i64, timestamp_ns: u64) -> Checked {
        let reordering = [FaultKind::DuplicatedFrame, FaultKind::LateFrame, FaultKind::ReorderedFrame];
        let may_reorder = reordering.iter().any(|kind| self.kinds.has_device(*kind));
        if let Some((last_sequence, last_ns)) = self.last.replace((sequence, timestamp_ns)) {
            let (newer, older) = ((sequence, timestamp_ns), (last_sequence, last_ns));
            let in_order = newer.0 > older.0 && newer.1 > older.1;
            demand(in_order || may_reorder, || {
                format!("frame {sequence} ({timestamp_ns} ns) came after {last_sequence} ({last_ns} ns)")
            })?;
        }
        Ok(())
    }

    fn check_buffer(
        &self,
        shape: &Shape,
        info: &BufferInfo,
        opening: &Opening,
        metadata: &ControlList,
    ) -> Checked {
        let stream = shape.id.index();
        let sequence = metadata.get(control::SENSOR_SEQUENCE).unwrap_or(-1);
        let timestamp_ns = metadata.get(control::SENSOR_TIMESTAMP).unwrap_or(-1);
        demand(info.filled, || format!("stream {stream}: the request is complete, its buffer not filled"))?;
        demand(
            i64::from(info.sequence) == sequence && info.timestamp.as_nanos() as i64 == timestamp_ns,
            || format!("stream {stream}: {info:?} is not frame {sequence} of {timestamp_ns} ns"),
        )?;
        demand(info.bytes_used == shape.frame_bytes, || {
            format!("stream {stream}: {} bytes of {} are used", info.bytes_used, shape.frame_bytes)
        })?;
        let damaged = metadata.get(control::FRAME_ERROR) == Some(true);
        demand(damaged || !info.error, || format!("stream {stream}: a flagged buffer in an unmarked frame"))?;
        match Stamp::from_bytes(opening) {
            Some(stamp) => {
                demand(
                    stamp.camera as usize == self.camera
                        && i64::from(stamp.sequence) == sequence
                        && stamp.timestamp_ns as i64 == timestamp_ns,
                    || format!("stream {stream}: the buffer holds {stamp:?}, not frame {sequence}"),
                )?;
                self.check_settings(&stamp, metadata)
            }
            None => demand(damaged && self.kinds.has_device(FaultKind::CorruptImage), || {
                format!("stream {stream}: the buffer holds no frame")
            }),
        }
    }

    /// Exposure and gain are those that the frame was taken with, if the frame says that they
    /// are known.
    fn check_settings(&self, stamp: &Stamp, metadata: &ControlList) -> Checked {
        let line_us = self.model.line_ns(stamp.line_length_pixels) / 1e3;
        let exposure_us = f64::from(stamp.exposure_lines) * line_us;
        let gain = self.model.gain.factor(stamp.gain_code);
        let reported_us = metadata.get(control::EXPOSURE_TIME).map_or(-1.0, f64::from);
        let reported_gain = metadata.get(control::ANALOGUE_GAIN).map_or(-1.0, f64::from);
        let right = (reported_us - exposure_us).abs() <= 1.5 && (reported_gain / gain - 1.0).abs() < 1e-3;
        let source = metadata.get(control::SETTINGS_SOURCE);
        let is_long = stamp.frame_length_lines > self.model.embedded.frame_length_max_lines;
        let told = match source {
            Some(SettingsSource::EmbeddedData) => !is_long || !self.record_may_err(),
            Some(SettingsSource::DelayedControls) => !self.record_may_err(),
            _ => false,
        };
        demand(right || !told, || {
            format!(
                "frame {} was taken with {exposure_us:.0} µs and gain {gain:.3}, and says {reported_us} µs \
                 and {reported_gain:.3} ({source:?})",
                stamp.sequence
            )
        })
    }

    /// Whether the camera cannot know what it set for which frame: if the receiver counts other
    /// frames than the sensor makes, or the algorithms wish for what the sensor cannot do.
    fn record_may_err(&self) -> bool {
        let miscounting = [FaultKind::SequenceGap, FaultKind::SilentSensor];
        miscounting.iter().any(|kind| self.kinds.has_device(*kind))
            || self.kinds.has_algorithm(AlgorithmFault::NonsenseAnswer)
    }

    /// A request gets no frame that had waited long before it was queued.
    fn check_freshness(&self, metadata: &ControlList, queued_at: Timestamp) -> Checked {
        let began = Timestamp(metadata.get(control::SENSOR_TIMESTAMP).unwrap_or(0) as u64);
        let late = if self.kinds.is_empty() { Duration::ZERO } else { Duration::from_millis(300) };
        let oldest = queued_at - self.longest_frame * 4 - late;
        demand(began >= oldest, || {
            format!("a request queued at {queued_at} got a frame that began at {began}")
        })
    }
}

/// The same request with the same buffers, and what the application put into them.
fn check_identity(request: &mut Request, sent: &Sent, shapes: &[Shape]) -> Checked {
    demand(request.cookie() == sent.cookie, || {
        format!("request {} came back where {} should have", request.cookie(), sent.cookie)
    })?;
    let user_data = request.user_data().as_ref().and_then(|data| data.downcast_ref::<u64>()).copied();
    demand(user_data == sent.has_user_data.then_some(sent.cookie), || {
        format!("the user data of request {} became {user_data:?}", sent.cookie)
    })?;
    for (shape, lent) in std::iter::zip(shapes, &sent.buffers) {
        let same = match (request.buffer(shape.id), lent) {
            (Some(back), Some(lent)) => {
                Arc::ptr_eq(back.memory(), lent) && back.cookie == lent.identity().inode
            }
            (None, None) => true,
            _ => false,
        };
        demand(same, || format!("stream {}: another buffer came back than was lent", shape.id.index()))?;
    }
    let fences = request.fences().count();
    demand(fences == 0 || request.status() == RequestStatus::Cancelled, || {
        format!("a complete request still has {fences} fences")
    })
}

/// An error says what was being done, and a failed system call also to what.
pub(super) fn check_error(error: &Error) -> Checked {
    demand(!error.doing().is_empty(), || format!("an error does not say what was being done: {error:?}"))?;
    demand(error.errno().is_none() || error.place().is_some(), || {
        format!("an error does not say to which device: {error:?}")
    })
}
