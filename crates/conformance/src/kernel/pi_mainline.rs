//! The receiver of mainline's kernel, on the registers that the testbed's `unicam-model` answers
//! for, beside the ISP of its `pi-camera`: what they can be told to do wrong, and how frames were
//! taken. Knows nothing of pipelines.

use super::pi::UNKNOWN;
use super::pi_module;
use crate::rig::Verdict;
use pinhole::sim::{Call, Fault, Stamp};

/// The sensor is silent instead of sending the n-th frame from now on.
const STALL_AFTER: &str = "/sys/module/unicam_model/parameters/stall_after";

/// For so many frames; 0: until it is stopped.
const STALL_FRAMES: &str = "/sys/module/unicam_model/parameters/stall_frames";

/// How frames were taken.
const FRAMES: &str = "/sys/kernel/debug/unicam-model/frames";

/// Nothing goes wrong any more, and the ISP is plugged in.
pub(super) fn behave() {
    pi_module::write(STALL_AFTER, "0");
    pi_module::forget();
    pi_module::plug_in();
}

/// Whether a fault is the ISP's affair, or that of calls to it.
pub(super) fn is_of_isp(fault: Fault) -> bool {
    match fault {
        Fault::FailCall { call, target, .. } => can_fail(call) && (target.is_none() || fault.is_of_isp()),
        _ => fault.is_of_isp(),
    }
}

/// Whether the ISP gets such calls: others know no faults.
pub(super) fn can_fail(call: Call) -> bool {
    !matches!(call, Call::Subscribe | Call::DequeueEvent)
}

/// Lets the sensor fall silent, after so many frames.
pub(super) fn inject(after: u32, fault: Fault) -> Verdict {
    let Fault::Silence { frames } = fault else { return Err(UNKNOWN) };
    pi_module::write(STALL_FRAMES, &frames.unwrap_or(0).to_string());
    pi_module::write(STALL_AFTER, &(after + 1).to_string());
    Ok(())
}

/// How a frame was taken of which the driver said that it began at that time: shortly after the
/// sensor began to send it.
pub(super) fn stamp(timestamp_ns: u64) -> Option<Stamp> {
    let begun = pi_module::frames_in(FRAMES).into_iter().filter(|frame| frame.timestamp_ns <= timestamp_ns);
    begun.max_by_key(|frame| frame.timestamp_ns).map(|frame| Stamp { timestamp_ns, ..frame })
}
