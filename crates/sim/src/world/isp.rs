//! The ISP: runs from an input buffer to the capture nodes' buffers.
//!
//! A run begins when the input has a buffer and every capture node that streams has one. The
//! controls and the crop that are in force then decide what it does. When it ends, the input's
//! buffer completes, then output 0, output 1 and the statistics.

use super::World;
use super::content::{RunBuffers, RunScene};
use crate::engine::RunShape;
use crate::fault::{FaultKind, Role, RunFaults};
use crate::formats;
use crate::isp_controls::IspControls;
use crate::memory::DeviceBuffer;
use crate::queue::Taken;
use crate::record::Happening;
use crate::timeline::Event;
use crate::topology::Part;
use pinhole_base::Timestamp;
use pinhole_base::geometry::{ModePixels, Rect};
use pinhole_device::node::PLANES_MAX;
use pinhole_device::{Dequeued, NodeFormat};
use pinhole_imaging::IspParameters;

/// A run under way.
#[derive(Debug)]
struct Run {
    number: u32,
    /// By the order of [`Role::ISP`].
    taken: [Option<Taken>; Role::ISP.len()],
    timestamp_ns: u64,
    input_bytes: u32,
    crop: Rect<ModePixels>,
    /// What to do with the pixels, if there are any.
    parameters: Option<Box<IspParameters>>,
    faults: RunFaults,
}

/// The ISP of one camera.
#[derive(Debug)]
pub(crate) struct Isp {
    pub(crate) controls: IspControls,
    pub(crate) crop: Rect<ModePixels>,
    run: Option<Run>,
    runs: u32,
}

impl Isp {
    pub(crate) fn new(input: NodeFormat) -> Self {
        Self { controls: IspControls::new(), crop: whole(input), run: None, runs: 0 }
    }

    /// Forgets its controls.
    pub(crate) fn reset(&mut self) {
        self.controls = IspControls::new();
    }

    /// The input has another format: all of it is processed.
    pub(crate) fn input_changed(&mut self, input: NodeFormat) {
        self.crop = whole(input);
    }
}

fn whole(input: NodeFormat) -> Rect<ModePixels> {
    input.image().map_or(Rect::new(0, 0, 0, 0), |image| formats::whole(image.size))
}

impl World {
    pub(crate) fn start_run_if_ready(&mut self, camera: usize) {
        let hardware = &self.cameras[camera];
        let ready = |role: Role| {
            let queue = &hardware.node(role).queue;
            let needed = role == Role::Input || queue.is_streaming();
            !needed || (queue.is_streaming() && queue.has_queued())
        };
        if hardware.isp.run.is_none() && Role::ISP.into_iter().all(ready) {
            self.start_run(camera);
        }
    }

    fn start_run(&mut self, camera: usize) {
        let faults = self.faults.run(camera);
        if faults.unplug {
            return self.unplug(camera, Part::Isp);
        }
        let hardware = &mut self.cameras[camera];
        let taken = Role::ISP.map(|role| hardware.node_mut(role).queue.take());
        let Some(input) = taken[0] else { return };
        let (input_bytes, timestamp_ns) = hardware.node(Role::Input).queue.queued_with(input);
        let isp = &mut hardware.isp;
        isp.runs = isp.runs.wrapping_add(1);
        let (number, crop) = (isp.runs, isp.crop);
        let parameters =
            self.content.has_pixels().then(|| Box::new(isp.controls.parameters(&DeviceBuffer::read)));
        isp.run = Some(Run { number, taken, timestamp_ns, input_bytes, crop, parameters, faults });
        self.counters.runs += 1;
        self.note(camera, Happening::RunStart(number));
        for (role, taken) in Role::ISP.into_iter().zip(taken) {
            if let Some(taken) = taken {
                self.check_torn(camera, role, taken);
            }
        }
        self.schedule_run_end(camera, number, &faults);
    }

    fn schedule_run_end(&mut self, camera: usize, run: u32, faults: &RunFaults) {
        if faults.stuck {
            return self.count_fault(camera, FaultKind::StuckIsp);
        }
        let input = self.cameras[camera].node(Role::Input).format.image();
        let pixels = input.map_or(0, |image| image.size.area());
        let mut length = self.isp_speed.base + self.isp_speed.per_megapixel.mul_f64(pixels as f64 / 1e6);
        if let Some(by) = faults.slow {
            length = length.saturating_add(by);
            self.count_fault(camera, FaultKind::SlowIsp);
        }
        let length_ns = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        self.schedule(length_ns, Event::RunEnd { camera, run });
    }

    /// The input streams no more: what the run had taken is queued again.
    pub(crate) fn abort_run(&mut self, camera: usize) {
        let hardware = &mut self.cameras[camera];
        let Some(run) = hardware.isp.run.take() else { return };
        for (role, taken) in Role::ISP.into_iter().zip(run.taken) {
            if let Some(taken) = taken {
                hardware.node_mut(role).queue.put_back(taken);
            }
        }
    }

    pub(crate) fn run_end(&mut self, camera: usize, number: u32) {
        let current = self.cameras[camera].isp.run.take_if(|run| run.number == number);
        let Some(run) = current else { return };
        let failed = !self.process(camera, &run);
        if let (Some(_), Some(Some(_))) = (run.faults.reorder, run.taken.get(1)) {
            self.count_fault(camera, FaultKind::ReorderedOutputs);
        }
        for at in 0..Role::ISP.len() {
            self.complete_of_run(camera, &run, at, failed);
        }
        self.start_run_if_ready(camera);
    }

    /// Fills the run's buffers; says whether that went well.
    fn process(&mut self, camera: usize, run: &Run) -> bool {
        let hardware = &self.cameras[camera];
        let buffer = |at: usize| {
            let queue = &hardware.node(Role::ISP[at]).queue;
            run.taken[at].and_then(|taken| queue.buffer(taken))
        };
        let image = |role: Role| hardware.node(role).format.image();
        let (Some(input), Some(input_format)) = (buffer(0), image(Role::Input)) else { return true };
        let buffers = RunBuffers { input, outputs: [buffer(1), buffer(2)], statistics: buffer(3) };
        let output = |at: usize, role| buffers.outputs[at].and_then(|_| image(role));
        let shape = RunShape {
            input: input_format,
            crop: run.crop,
            outputs: [output(0, Role::Output0), output(1, Role::Output1)],
            has_statistics: buffers.statistics.is_some(),
        };
        let scene = RunScene { model: hardware.sensor.model, shape, time: self.scene_time(run.timestamp_ns) };
        self.content.process(camera, &scene, &buffers, run.parameters.as_deref())
    }

    fn complete_of_run(&mut self, camera: usize, run: &Run, at: usize, failed: bool) {
        let role = Role::ISP[at];
        let Some(taken) = run.taken[at] else { return };
        let node = self.cameras[camera].node_mut(role);
        if !node.queue.is_current(taken) {
            return;
        }
        let sequence = node.sequence;
        node.sequence = sequence.wrapping_add(1);
        let bytes = if role == Role::Input { run.input_bytes } else { node.format.size_bytes() };
        let flagged = run.faults.flagged[role.index()];
        if flagged {
            self.count_fault(camera, FaultKind::FlaggedOutput);
        }
        let done = Dequeued {
            slot: taken.slot,
            sequence,
            timestamp: Timestamp(run.timestamp_ns),
            error: flagged || failed,
            bytes_used: [bytes, 0, 0],
            data_offsets: [0; PLANES_MAX],
        };
        // Statistics first, the input last.
        let place = (Role::ISP.len() - 1 - at) as u32;
        let late = run.faults.reorder.map_or(0, |by| by.as_nanos() as u64 * u64::from(place));
        let at_ns = self.now_ns.saturating_add(late);
        self.complete(camera, role, taken, done, at_ns);
    }
}
