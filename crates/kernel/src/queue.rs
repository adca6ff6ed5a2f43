//! The queue of a video node: slots, buffers into them and out of them, and when to look.
//!
//! Per buffer there is one call in and one call out, and nothing else. What a driver answers is
//! checked against what it was given.

use crate::file::DeviceFile;
use crate::format::plane_count;
use crate::readiness::Readiness;
use crate::uapi::video::{
    BUF_FLAG_ERROR, BUF_TYPE_VIDEO_OUTPUT, BUF_TYPE_VIDEO_OUTPUT_MPLANE, Buffer, CREATE_BUFS, CreateBuffers,
    DQBUF, EXPBUF, ExportBuffer, FIELD_NONE, Format, G_FMT, Location, MEMORY_DMABUF, MEMORY_MMAP, Plane,
    QBUF, QUERYBUF, REQBUFS, RequestBuffers, STREAMOFF, STREAMON, TimeValue, is_multiplanar, run_with_planes,
};
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_device::node::PLANES_MAX;
use pinhole_device::{Dequeued, ExportedBuffer, QueueBuffer};
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use zerocopy::FromZeros;

/// A node's queue.
pub(crate) struct Queue {
    kind: u32,
    /// Where buffers come from; `None` if there are no slots.
    memory: Option<u32>,
    /// Stretches of memory that make a buffer.
    planes: usize,
    /// Bytes of each plane of the buffer that is in a slot, or was last.
    lengths: Vec<[u32; PLANES_MAX]>,
    streaming: bool,
    /// Whether a buffer was queued since the last stop.
    fed: bool,
    readiness: Readiness,
}

const QUEUEING: &str = "queueing a buffer";
const DEQUEUEING: &str = "dequeueing a buffer";
const EXPORTING: &str = "exporting a buffer";

/// No driver grants more slots.
const SLOTS_MAX: u32 = 1024;

impl Queue {
    /// The queue of that kind, without slots.
    pub(crate) fn new(kind: u32) -> Result<Self> {
        let readiness = Readiness::new()?;
        let lengths = Vec::new();
        Ok(Self { kind, memory: None, planes: 1, lengths, streaming: false, fed: false, readiness })
    }

    /// What becomes readable when a buffer can be dequeued.
    pub(crate) fn readiness(&self) -> BorrowedFd<'_> {
        self.readiness.as_fd()
    }

    const fn is_output(&self) -> bool {
        matches!(self.kind, BUF_TYPE_VIDEO_OUTPUT | BUF_TYPE_VIDEO_OUTPUT_MPLANE)
    }

    /// Has the device allocate buffers; answers how many it did.
    pub(crate) fn allocate(&mut self, file: &DeviceFile, count: u32) -> Result<u32> {
        self.make_slots(file, MEMORY_MMAP, count, "allocating buffers")
    }

    /// Makes slots for buffers from elsewhere; answers how many.
    pub(crate) fn import(&mut self, file: &DeviceFile, count: u32) -> Result<u32> {
        self.make_slots(file, MEMORY_DMABUF, count, "making import slots")
    }

    fn make_slots(&mut self, file: &DeviceFile, memory: u32, count: u32, doing: &'static str) -> Result<u32> {
        if count == 0 {
            return Err(file.refusal(ErrorKind::InvalidArgument, doing).because("none were asked for"));
        }
        if self.memory.is_some() {
            return Err(file.refusal(ErrorKind::Busy, doing).because("the node has slots already"));
        }
        self.planes = self.count_planes(file, doing)?;
        let granted = self.request(file, memory, count, doing)?;
        if granted > SLOTS_MAX {
            let reason = format!("it granted {granted} slots, of {SLOTS_MAX} at most");
            return Err(file.refusal(ErrorKind::Device, doing).because(reason));
        }
        self.memory = (granted > 0).then_some(memory);
        self.lengths.clear();
        self.lengths.resize(granted as usize, [0; PLANES_MAX]);
        Ok(granted)
    }

    /// Adds slots of the kind that there is, for buffers of the present format; answers how many.
    pub(crate) fn add_slots(&mut self, file: &DeviceFile, count: u32) -> Result<u32> {
        let doing = "adding slots";
        let Some(memory) = self.memory else {
            return Err(file.refusal(ErrorKind::WrongState, doing).because("the node has no slots yet"));
        };
        let mut format = Format { kind: self.kind, ..FromZeros::new_zeroed() };
        file.call(doing, &G_FMT, &mut format)?;
        let mut request = CreateBuffers { count, memory, format, ..FromZeros::new_zeroed() };
        file.call(doing, &CREATE_BUFS, &mut request)?;
        let slots = self.lengths.len() as u32;
        let (index, granted) = (request.index, request.count);
        if index != slots || granted > SLOTS_MAX - slots.min(SLOTS_MAX) {
            let reason = format!("it granted {granted} slots from {index} on, after {slots}");
            return Err(file.refusal(ErrorKind::Device, doing).because(reason));
        }
        self.lengths.resize((slots + granted) as usize, [0; PLANES_MAX]);
        Ok(granted)
    }

    fn count_planes(&self, file: &DeviceFile, doing: &'static str) -> Result<usize> {
        if !is_multiplanar(self.kind) {
            return Ok(1);
        }
        let mut format = Format { kind: self.kind, ..FromZeros::new_zeroed() };
        file.call(doing, &G_FMT, &mut format)?;
        plane_count(&format).map_err(|reason| file.refusal(ErrorKind::Device, doing).because(reason))
    }

    fn request(&self, file: &DeviceFile, memory: u32, count: u32, doing: &'static str) -> Result<u32> {
        let mut request = RequestBuffers { count, kind: self.kind, memory, ..FromZeros::new_zeroed() };
        file.call(doing, &REQBUFS, &mut request)?;
        Ok(request.count)
    }

    /// Frees all slots.
    pub(crate) fn free(&mut self, file: &DeviceFile) -> Result<()> {
        let doing = "freeing buffers";
        if self.streaming {
            return Err(file.refusal(ErrorKind::Busy, doing).because("the node is streaming"));
        }
        let Some(memory) = self.memory else { return Ok(()) };
        self.request(file, memory, 0, doing)?;
        self.memory = None;
        self.fed = false;
        self.lengths.clear();
        Ok(())
    }

    /// Exports the planes of an allocated buffer.
    pub(crate) fn export(&self, file: &DeviceFile, slot: u32) -> Result<ExportedBuffer> {
        if self.memory != Some(MEMORY_MMAP) {
            let reason = "the node has allocated no buffers";
            return Err(file.refusal(ErrorKind::WrongState, EXPORTING).because(reason));
        }
        self.check_slot(file, slot, EXPORTING)?;
        let lengths = self.ask_lengths(file, slot)?;
        let export = |(plane, length): (usize, &u32)| {
            let exported = ExportBuffer::export(file.as_fd(), self.kind, slot, plane as u32);
            let fd = exported.map_err(|errno| file.error(EXPORTING, EXPBUF.name(), errno))?;
            Ok((fd, *length))
        };
        let planes = lengths[..self.planes].iter().enumerate().map(export).collect::<Result<_>>()?;
        Ok(ExportedBuffer { planes })
    }

    fn ask_lengths(&self, file: &DeviceFile, slot: u32) -> Result<[u32; PLANES_MAX]> {
        let mut buffer = self.buffer(MEMORY_MMAP, slot);
        let mut planes = [Plane::new_zeroed(); PLANES_MAX];
        run_with_planes(&QUERYBUF, file.as_fd(), &mut buffer, &mut planes[..self.planes])
            .map_err(|errno| file.error(EXPORTING, QUERYBUF.name(), errno))?;
        let lengths = self.each_plane(&buffer, &planes, |buffer| buffer.length, |plane| plane.length);
        if lengths[..self.planes].contains(&0) {
            let reason = format!("it tells of no bytes in slot {slot}");
            return Err(file.refusal(ErrorKind::Device, EXPORTING).because(reason));
        }
        Ok(lengths)
    }

    /// A number of each plane, wherever this kind of queue has it.
    fn each_plane(
        &self,
        buffer: &Buffer,
        planes: &[Plane; PLANES_MAX],
        single: impl Fn(&Buffer) -> u32,
        multi: impl Fn(&Plane) -> u32,
    ) -> [u32; PLANES_MAX] {
        if is_multiplanar(self.kind) {
            return std::array::from_fn(|at| if at < self.planes { multi(&planes[at]) } else { 0 });
        }
        let mut numbers = [0; PLANES_MAX];
        numbers[0] = single(buffer);
        numbers
    }

    fn buffer(&self, memory: u32, index: u32) -> Buffer {
        Buffer { index, kind: self.kind, memory, ..FromZeros::new_zeroed() }
    }

    fn check_slot(&self, file: &DeviceFile, slot: u32, doing: &'static str) -> Result<()> {
        if (slot as usize) < self.lengths.len() { Ok(()) } else { Err(self.no_such_slot(file, slot, doing)) }
    }

    #[cold]
    fn no_such_slot(&self, file: &DeviceFile, slot: u32, doing: &'static str) -> Error {
        let reason = format!("there is no slot {slot}, only {}", self.lengths.len());
        file.refusal(ErrorKind::InvalidArgument, doing).because(reason)
    }

    /// Queues a buffer into an import slot.
    pub(crate) fn queue(&mut self, file: &DeviceFile, wanted: &QueueBuffer<'_>) -> Result<()> {
        self.check_import(file, wanted)?;
        let mut buffer = self.buffer(MEMORY_DMABUF, wanted.slot);
        let mut planes = [Plane::new_zeroed(); PLANES_MAX];
        self.describe(wanted, &mut buffer, &mut planes);
        run_with_planes(&QBUF, file.as_fd(), &mut buffer, &mut planes[..self.planes])
            .map_err(|errno| file.error(QUEUEING, QBUF.name(), errno))?;
        let lengths = &mut self.lengths[wanted.slot as usize];
        *lengths = std::array::from_fn(|at| wanted.planes.get(at).map_or(0, |plane| plane.length));
        if self.fed {
            return Ok(());
        }
        self.fed = true;
        self.watch(file, QUEUEING)
    }

    fn check_import(&self, file: &DeviceFile, wanted: &QueueBuffer<'_>) -> Result<()> {
        if self.memory != Some(MEMORY_DMABUF) {
            let reason = "the node has no import slots";
            return Err(file.refusal(ErrorKind::WrongState, QUEUEING).because(reason));
        }
        self.check_slot(file, wanted.slot, QUEUEING)?;
        if wanted.planes.len() == self.planes {
            return Ok(());
        }
        let reason = format!("the node takes buffers of {} planes, not {}", self.planes, wanted.planes.len());
        Err(file.refusal(ErrorKind::InvalidArgument, QUEUEING).because(reason))
    }

    fn describe(&self, wanted: &QueueBuffer<'_>, buffer: &mut Buffer, planes: &mut [Plane; PLANES_MAX]) {
        for (plane, wanted) in planes.iter_mut().zip(wanted.planes) {
            plane.location = Location::descriptor(wanted.fd.as_raw_fd());
            plane.length = wanted.length;
            // Drivers take 0 for all of it, and complain.
            plane.bytesused = if wanted.bytes_used == 0 { wanted.length } else { wanted.bytes_used };
        }
        if !is_multiplanar(self.kind) {
            let [plane, ..] = planes;
            (buffer.location, buffer.length) = (plane.location, plane.length);
            buffer.bytesused = plane.bytesused;
        }
        if self.is_output() {
            buffer.field = FIELD_NONE;
            buffer.timestamp = time_value(wanted.timestamp);
        }
    }

    /// The next buffer that the device is done with.
    pub(crate) fn dequeue(&mut self, file: &DeviceFile) -> Result<Option<Dequeued>> {
        let Some(memory) = self.memory.filter(|_| self.streaming) else {
            let reason = "the node is not streaming";
            return Err(file.refusal(ErrorKind::WrongState, DEQUEUEING).because(reason));
        };
        let mut buffer = self.buffer(memory, 0);
        let mut planes = [Plane::new_zeroed(); PLANES_MAX];
        match run_with_planes(&DQBUF, file.as_fd(), &mut buffer, &mut planes[..self.planes]) {
            Ok(()) => self.dequeued(file, &buffer, &planes).map(Some),
            Err(Errno::AGAIN) => Ok(None),
            Err(errno) => Err(file.error(DEQUEUEING, DQBUF.name(), errno)),
        }
    }

    fn dequeued(&self, file: &DeviceFile, buffer: &Buffer, planes: &[Plane; PLANES_MAX]) -> Result<Dequeued> {
        let Some(lengths) = self.lengths.get(buffer.index as usize) else {
            let reason = format!("it tells of slot {}, of {}", buffer.index, self.lengths.len());
            return Err(file.refusal(ErrorKind::Device, DEQUEUEING).because(reason));
        };
        let told = self.each_plane(buffer, planes, |buffer| buffer.bytesused, |plane| plane.bytesused);
        let starts = self.each_plane(buffer, planes, |_| 0, |plane| plane.data_offset);
        // A buffer that is said to hold more than fits comes back damaged rather than not at
        // all: it must not be lost to its owner.
        let ends: [u32; PLANES_MAX] = std::array::from_fn(|at| told[at].min(lengths[at]));
        let data_offsets = std::array::from_fn(|at| starts[at].min(ends[at]));
        Ok(Dequeued {
            slot: buffer.index,
            sequence: buffer.sequence,
            timestamp: timestamp(buffer.timestamp),
            error: buffer.flags & BUF_FLAG_ERROR != 0 || ends != told || data_offsets != starts,
            bytes_used: std::array::from_fn(|at| ends[at] - data_offsets[at]),
            data_offsets,
        })
    }

    /// Starts the flow.
    pub(crate) fn stream_on(&mut self, file: &DeviceFile) -> Result<()> {
        let doing = "starting to stream";
        file.call(doing, &STREAMON, &mut self.kind.cast_signed())?;
        self.streaming = true;
        self.watch(file, doing)
    }

    /// Stops it; every buffer is the caller's then, whatever the device says.
    pub(crate) fn stream_off(&mut self, file: &DeviceFile) -> Result<()> {
        if !self.streaming && !self.fed {
            return Ok(());
        }
        let doing = "ceasing to stream";
        (self.streaming, self.fed) = (false, false);
        let unwatched = self.readiness.unwatch(file.as_fd());
        file.call(doing, &STREAMOFF, &mut self.kind.cast_signed())?;
        unwatched.map_err(|errno| file.error(doing, "epoll_ctl", errno))
    }

    /// Begins to look for buffers once there is something to see: before its first buffer a
    /// streaming queue would be reported as failed, all the time.
    fn watch(&mut self, file: &DeviceFile, doing: &'static str) -> Result<()> {
        if !self.streaming || !self.fed {
            return Ok(());
        }
        let watched = self.readiness.watch(file.as_fd(), self.is_output());
        watched.map_err(|errno| file.error(doing, "epoll_ctl", errno))
    }
}

fn time_value(timestamp: Timestamp) -> TimeValue {
    let microseconds = (timestamp.as_nanos() / 1000).cast_signed();
    TimeValue { sec: microseconds / 1_000_000, usec: microseconds % 1_000_000 }
}

/// A driver's time stamp; those before the clock's zero become zero.
fn timestamp(time: TimeValue) -> Timestamp {
    let Ok(seconds) = u64::try_from(time.sec) else { return Timestamp::ZERO };
    let microseconds = u64::try_from(time.usec).unwrap_or(0);
    Timestamp(seconds.saturating_mul(1_000_000_000).saturating_add(microseconds.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uapi::video::{BUF_TYPE_VIDEO_CAPTURE, BUF_TYPE_VIDEO_CAPTURE_MPLANE};
    use pinhole_device::QueuePlane;
    use proptest::prelude::*;

    fn null() -> DeviceFile {
        DeviceFile::open("/dev/null", "opening").unwrap()
    }

    fn queue_of(kind: u32, planes: usize, slots: usize) -> Queue {
        let mut queue = Queue::new(kind).unwrap();
        (queue.memory, queue.planes) = (Some(MEMORY_DMABUF), planes);
        queue.lengths = vec![[1000, 500, 0]; slots];
        queue
    }

    fn done(index: u32, bytesused: u32) -> Buffer {
        let mut buffer = Buffer { index, bytesused, sequence: 9, ..FromZeros::new_zeroed() };
        buffer.timestamp = TimeValue { sec: 2, usec: 500_001 };
        buffer
    }

    const NO_PLANES: [[u32; 2]; 0] = [];

    fn planes<const N: usize>(used: [[u32; 2]; N]) -> [Plane; PLANES_MAX] {
        std::array::from_fn(|at| {
            let [bytesused, length] = used.get(at).copied().unwrap_or_default();
            Plane { bytesused, length, ..FromZeros::new_zeroed() }
        })
    }

    #[test]
    fn what_a_driver_tells_of_a_frame_is_taken_over() {
        let queue = queue_of(BUF_TYPE_VIDEO_CAPTURE, 1, 4);
        let frame = queue.dequeued(&null(), &done(3, 1000), &planes(NO_PLANES)).unwrap();
        let expected = Dequeued {
            slot: 3,
            sequence: 9,
            timestamp: Timestamp(2_500_001_000),
            error: false,
            bytes_used: [1000, 0, 0],
            data_offsets: [0; PLANES_MAX],
        };
        assert_eq!(frame, expected);
        let mut damaged = done(0, 10);
        damaged.flags = BUF_FLAG_ERROR;
        assert!(queue.dequeued(&null(), &damaged, &planes(NO_PLANES)).unwrap().error);
    }

    #[test]
    fn planes_of_their_own_have_numbers_of_their_own() {
        let queue = queue_of(BUF_TYPE_VIDEO_CAPTURE_MPLANE, 2, 1);
        let frame =
            queue.dequeued(&null(), &done(0, 77), &planes([[900, 1000], [400, 500], [5, 5]])).unwrap();
        assert_eq!((frame.bytes_used, frame.error), ([900, 400, 0], false));
    }

    /// Whoever took a plane's start for its data's would see the picture moved.
    #[test]
    fn room_before_a_planes_data_is_told() {
        let queue = queue_of(BUF_TYPE_VIDEO_CAPTURE_MPLANE, 2, 1);
        let frame = |offset| {
            let mut told = planes([[900, 1000], [400, 500]]);
            told[0].data_offset = offset;
            queue.dequeued(&null(), &done(0, 0), &told).unwrap()
        };
        let Dequeued { bytes_used, data_offsets, error, .. } = frame(128);
        assert_eq!((bytes_used, data_offsets, error), ([772, 400, 0], [128, 0, 0], false));
        let Dequeued { bytes_used, data_offsets, error, .. } = frame(901);
        assert_eq!((bytes_used, data_offsets, error), ([0, 400, 0], [900, 0, 0], true));
    }

    #[test]
    fn a_slot_that_does_not_exist_is_an_error() {
        let queue = queue_of(BUF_TYPE_VIDEO_CAPTURE, 1, 4);
        for index in [4, u32::MAX] {
            let error = queue.dequeued(&null(), &done(index, 0), &planes(NO_PLANES)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Device, "{error}");
        }
    }

    /// Whoever reads as many bytes as the driver says must not read beyond the end.
    #[test]
    fn more_bytes_than_fit_are_cut_off_and_reported() {
        let queue = queue_of(BUF_TYPE_VIDEO_CAPTURE, 1, 1);
        let frame = queue.dequeued(&null(), &done(0, 1001), &planes(NO_PLANES)).unwrap();
        assert_eq!((frame.bytes_used[0], frame.error), (1000, true));
    }

    #[test]
    fn stamps_before_the_clocks_zero_or_beyond_its_end_do_no_harm() {
        for usec in [-5, 0, 5] {
            assert_eq!(timestamp(TimeValue { sec: -1, usec }), Timestamp::ZERO);
        }
        assert_eq!(timestamp(TimeValue { sec: i64::MAX, usec: i64::MAX }), Timestamp(u64::MAX));
        let stamp = Timestamp(1_234_567_891_000);
        assert_eq!(timestamp(time_value(stamp)), stamp);
    }

    #[test]
    fn bad_buffers_are_refused_before_the_driver_sees_them() {
        let file = null();
        let mut queue = queue_of(BUF_TYPE_VIDEO_CAPTURE, 1, 2);
        let plane = QueuePlane { fd: file.as_fd(), length: 10, bytes_used: 0 };
        let mut refused = |slot, planes: &[QueuePlane<'_>]| {
            let buffer = QueueBuffer { slot, planes, timestamp: Timestamp::ZERO };
            queue.queue(&file, &buffer).unwrap_err().to_string()
        };
        assert!(refused(2, &[plane]).contains("no slot 2"));
        assert!(refused(0, &[]).contains("buffers of 1 planes, not 0"));
        assert!(refused(0, &[plane; 2]).contains("buffers of 1 planes, not 2"));
        assert!(refused(1, &[plane]).contains("VIDIOC_QBUF"));
    }

    #[test]
    fn a_buffer_is_described_where_its_queue_looks() {
        let file = null();
        let plane = QueuePlane { fd: file.as_fd(), length: 10, bytes_used: 0 };
        let wanted = QueueBuffer { slot: 0, planes: &[plane; 2], timestamp: Timestamp(3_000_000_000) };
        let (mut buffer, mut planes) = (Buffer::new_zeroed(), planes(NO_PLANES));
        queue_of(BUF_TYPE_VIDEO_OUTPUT, 1, 1).describe(&wanted, &mut buffer, &mut planes);
        assert_eq!((buffer.length, buffer.bytesused, buffer.timestamp.sec), (10, 10, 3));
        let mut buffer = Buffer::new_zeroed();
        queue_of(BUF_TYPE_VIDEO_CAPTURE_MPLANE, 2, 1).describe(&wanted, &mut buffer, &mut planes);
        assert_eq!((buffer.length, planes[1].length, buffer.timestamp.sec), (0, 10, 0));
    }

    #[test]
    fn calls_that_do_not_fit_the_state_are_refused() {
        let file = null();
        let mut queue = Queue::new(BUF_TYPE_VIDEO_CAPTURE).unwrap();
        assert_eq!(queue.dequeue(&file).unwrap_err().kind(), ErrorKind::WrongState);
        assert_eq!(queue.export(&file, 0).unwrap_err().kind(), ErrorKind::WrongState);
        assert_eq!(queue.allocate(&file, 0).unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(queue.add_slots(&file, 1).unwrap_err().kind(), ErrorKind::WrongState);
        assert!(queue.free(&file).is_ok() && queue.stream_off(&file).is_ok());
        let mut queue = queue_of(BUF_TYPE_VIDEO_CAPTURE, 1, 1);
        assert_eq!(queue.import(&file, 1).unwrap_err().kind(), ErrorKind::Busy);
        queue.streaming = true;
        assert_eq!(queue.free(&file).unwrap_err().kind(), ErrorKind::Busy);
    }
    proptest! {
        #[test]
        fn whatever_a_driver_says_a_frame_lies_in_its_slot(
            index in 0..6_u32,
            used in proptest::array::uniform3(prop_oneof![0..2000_u32, any::<u32>()]),
            (sec, usec) in any::<(i64, i64)>(),
            flags in any::<u32>(),
            multi in any::<bool>(),
            offset in prop_oneof![Just(0), 0..2000_u32, any::<u32>()],
        ) {
            let kind = if multi { BUF_TYPE_VIDEO_CAPTURE_MPLANE } else { BUF_TYPE_VIDEO_CAPTURE };
            let queue = queue_of(kind, if multi { 2 } else { 1 }, 4);
            let mut told = done(index, used[0]);
            (told.timestamp, told.flags) = (TimeValue { sec, usec }, flags);
            let mut of_planes = planes(used.map(|used| [used, 0]));
            of_planes[1].data_offset = offset;
            let frame = queue.dequeued(&null(), &told, &of_planes);
            prop_assert_eq!(frame.is_ok(), index < 4);
            if let Ok(frame) = frame {
                let room = if multi { [1000, 500, 0] } else { [1000, 0, 0] };
                let ends = std::iter::zip(frame.bytes_used, frame.data_offsets).map(|(used, offset)| used + offset);
                prop_assert!(std::iter::zip(ends, room).all(|(end, room)| end <= room), "{:?}", frame);
            }
        }
    }
}
