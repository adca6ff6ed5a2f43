//! Start and stop of the machine, and its face to the loop.

use super::lens::Lens;
use super::machine::{BUFFERS_MAX, Machine, Received, SLOTS, State, empty_stream};
use super::matching::Matcher;
use super::plan::{EMBEDDED, IMAGE, INPUT, STATISTICS, STREAMS};
use super::run::Run;
use super::sensor_writes::integer;
use crate::requests::Progress;
use pinhole_base::geometry::{ModePixels, Rect};
use pinhole_base::{Error, ErrorKind, Result, Timestamp};
use pinhole_buffer::{FrameMemory, Owner};
use pinhole_camera::devices::{Devices, export};
use pinhole_camera::drops::DropCounters;
use pinhole_camera::pipeline::{Action, Actions, Contents, Event, Pipeline};
use pinhole_camera::slots::Slots;
use pinhole_camera::stream::Stream;
use pinhole_camera::table::BufferTable;
use pinhole_device::ControlWrite;
use pinhole_device::control::WriteList;
use pinhole_device::uapi::control_codes;
use std::sync::Arc;

impl Pipeline for Machine {
    #[inline(always)]
    fn on_event(&mut self, now: Timestamp, event: Event<'_>, actions: &mut Actions) {
        self.step(now, event, actions);
    }

    fn deadline(&self) -> Option<Timestamp> {
        self.next_deadline()
    }

    fn memory(&self, buffer: u16) -> &FrameMemory {
        self.table.memory(usize::from(buffer))
    }

    #[inline]
    fn contents(&self, stream: u8) -> Contents {
        let image = self.input.as_ref().filter(|_| stream == INPUT).map(|(_, image)| image);
        image.map_or_else(Contents::default, |image| Contents {
            bytes_used: image.bytes_used,
            timestamp: image.timestamp,
        })
    }

    fn crop(&self, _stream: u8) -> Option<Rect<ModePixels>> {
        self.crop_set
    }

    #[inline]
    fn controls(&self, _stream: u8) -> WriteList<'_> {
        let job = self.run.as_ref().and_then(Run::controls);
        job.map_or_else(WriteList::default, |job| job.parameters.writes())
    }

    #[inline]
    fn sensor_controls(&self, first: bool) -> &[ControlWrite<'static>] {
        if first { self.sensor_writes.first() } else { self.sensor_writes.rest() }
    }

    fn lens_controls(&self) -> &[ControlWrite<'static>] {
        self.lens.as_ref().map_or(&[], Lens::writes)
    }

    fn start(&mut self, devices: &mut Devices, actions: &mut Actions) -> Result<()> {
        self.reset();
        self.state = State::Starting;
        self.table = BufferTable::new(BUFFERS_MAX);
        for stream in self.plan.streams().collect::<Vec<_>>() {
            self.prepare(stream, devices)?;
        }
        self.write_initial(devices)?;
        self.place_lens(devices)?;
        self.queue_first(actions);
        Ok(())
    }

    fn stream_on(&mut self, devices: &mut Devices) -> Result<()> {
        devices.nodes[usize::from(IMAGE)].subscribe_frame_start(true)?;
        for stream in self.plan.streams() {
            devices.nodes[usize::from(stream)].stream_on()?;
        }
        self.state = State::Running;
        Ok(())
    }

    fn stop(&mut self, devices: &mut Devices, reason: &Error, actions: &mut Actions) -> Result<()> {
        self.state = State::Stopped;
        let mut first_error = Ok(());
        for stream in self.plan.streams().rev() {
            let node = &mut devices.nodes[usize::from(stream)];
            // A device that refuses once may not refuse twice; one that is gone has let go anyway.
            let stopped = node.stream_off().or_else(|_| node.stream_off());
            let freed = node.free().or_else(|_| node.free());
            first_error = first_error.and(stopped).and(freed);
        }
        let unsubscribed = devices.nodes[usize::from(IMAGE)].subscribe_frame_start(false);
        while let Some(request) = self.requests.pop_cancelled(reason) {
            actions.push_back(Action::Complete(request));
        }
        self.reset();
        first_error.and(unsubscribed)
    }

    fn shared_buffers(&self) -> Vec<(u16, Arc<FrameMemory>)> {
        let memory = |index: &u16| (*index, Arc::clone(self.table.memory(usize::from(*index))));
        self.shared.iter().map(memory).collect()
    }

    fn drops(&self) -> &DropCounters {
        &self.drops
    }

    fn audit(&self) {
        self.audit_owners();
        self.audit_requests();
    }
}

impl Machine {
    /// Forgets everything but the plan. Nothing of one run survives into the next.
    fn reset(&mut self) {
        self.requests.restart();
        self.table = BufferTable::new(0);
        self.shared.clear();
        self.streams = std::array::from_fn(|index| empty_stream(&self.plan, index as u8, 0));
        self.input = None;
        self.matcher = Matcher::new(usize::from(BUFFERS_MAX), self.plan.has_embedded);
        self.unmatched.clear();
        self.delayed.reconfigure(self.plan.initial, Some(self.plan.bound()));
        self.limits = self.plan.limits(self.plan.initial.vblank);
        self.limits_coming = None;
        self.matching_deadline = None;
        self.run = None;
        self.rewrite = true;
        self.crop = self.plan.default_crop;
        self.crop_fitted = self.plan.crop(self.crop);
        self.crop_set = None;
        self.received = Received::default();
        self.lens = None;
        if self.state != State::Stopped {
            self.drops = DropCounters::default();
        }
    }

    /// Makes a stream ready: internal buffers exported and pooled, slots made for them and
    /// for whatever the application brings.
    fn prepare(&mut self, index: u8, devices: &mut Devices) -> Result<()> {
        let node = devices.nodes[usize::from(index)].as_mut();
        let internal = self.plan.internal[usize::from(index)];
        let exported = if internal > 0 { export(node, internal, &devices.mapper)? } else { Vec::new() };
        let granted = node.import(SLOTS)?;
        if granted == 0 {
            return Err(Error::new(ErrorKind::OutOfResources, "making slots for buffers")
                .at(node.capabilities().name.clone())
                .because("the device granted none"));
        }
        let slots = granted.min(SLOTS) as u16;
        if index == INPUT {
            self.input_slots = Slots::new(slots, BUFFERS_MAX);
            return Ok(());
        }
        self.streams[usize::from(index)] = empty_stream(&self.plan, index, slots);
        for memory in exported {
            let token = self.table.enter_internal(memory)?;
            if index == EMBEDDED || index == STATISTICS {
                self.shared.push(token.index() as u16);
            }
            self.streams[usize::from(index)].stock(token);
        }
        Ok(())
    }

    fn write_initial(&self, devices: &mut Devices) -> Result<()> {
        let Some(sensor) = devices.sensor.as_mut() else { return Ok(()) };
        let mut first = WriteList::default();
        first.push(control_codes::VBLANK, integer(self.plan.initial.vblank));
        sensor.set_controls(&first)?;
        let mut rest = WriteList::default();
        rest.push(control_codes::EXPOSURE, integer(self.plan.initial.exposure_lines));
        rest.push(control_codes::ANALOGUE_GAIN, integer(self.plan.initial.gain_code));
        sensor.set_controls(&rest)
    }

    /// Sends the lens to where it starts.
    fn place_lens(&mut self, devices: &mut Devices) -> Result<()> {
        let (Some(plan), Some(device)) = (self.plan.lens, devices.lens.as_mut()) else { return Ok(()) };
        let lens = self.lens.insert(Lens::new(plan, devices.poller.now()));
        device.set_controls(lens.writes())
    }

    /// Queues what the receiver needs before the first frame: everything where its images are
    /// internal; else as many internal ones as frames will be hidden.
    fn queue_first(&mut self, actions: &mut Actions) {
        self.streams[usize::from(EMBEDDED)].queue_all(&mut self.table, actions);
        let image = &mut self.streams[usize::from(IMAGE)];
        if !self.plan.raw_is_external() {
            image.queue_all(&mut self.table, actions);
            return;
        }
        for _ in 0..self.plan.hide.min(image.pooled() as u32) {
            image.queue_internal(None, &mut self.table, actions);
        }
    }

    /// Every buffer is where the ledger says it is, and nowhere else.
    fn audit_owners(&self) {
        let found = self.holdings();
        let mut ledger = Holdings::default();
        self.table.ledger().owners().for_each(|owner| ledger.count(owner));
        assert_eq!(ledger, found, "the ledger (left) and the machine (right) differ");
        assert!(self.unmatched.is_empty(), "unmatched embedded data was left lying");
    }

    /// Where buffers really are.
    fn holdings(&self) -> Holdings {
        let mut devices = self.streams.each_ref().map(Stream::queued);
        devices[usize::from(INPUT)] = usize::from(self.input.is_some());
        let run_image = self.run.as_ref().is_some_and(Run::holds_image);
        let held: usize = self.requests.iter().map(|entry| entry.tokens.iter().flatten().count()).sum();
        Holdings {
            devices,
            pools: self.streams.iter().map(Stream::pooled).sum(),
            matching: self.matcher.images() + self.matcher.embedded() + usize::from(run_image),
            algorithms: self.run.as_ref().map_or(0, Run::holds_for_algorithms),
            waiting: held + self.streams.iter().map(Stream::waiting_buffers).sum::<usize>(),
        }
    }

    fn audit_requests(&self) {
        let running = self.requests.iter().filter(|entry| entry.progress == Progress::Running).count();
        assert!(running <= 1, "{running} requests are at the ISP at once");
        for (index, stream) in self.streams.iter().enumerate() {
            let internal = self.plan.internal[index] as usize;
            assert!(stream.pooled() <= internal, "stream {index} has pooled a buffer of the application's");
        }
    }
}

/// How many buffers are where, but for those that the application has.
#[derive(Debug, Default, PartialEq, Eq)]
struct Holdings {
    devices: [usize; STREAMS],
    pools: usize,
    matching: usize,
    algorithms: usize,
    waiting: usize,
}

impl Holdings {
    fn count(&mut self, owner: Owner) {
        match owner {
            Owner::Application => {}
            Owner::Pool => self.pools += 1,
            Owner::Waiting => self.waiting += 1,
            Owner::Device(stream) => self.devices[usize::from(stream)] += 1,
            Owner::Matching => self.matching += 1,
            Owner::Algorithms => self.algorithms += 1,
        }
    }
}
