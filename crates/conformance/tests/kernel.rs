//! Every promise, on every camera that this machine's drivers have.
//!
//! Cameras of real drivers are few, shared by all tests, and cannot be made afresh: statements
//! are put to one after the other, by this program itself instead of the test harness. Words
//! among its arguments are parts of the names of statements, or of rigs, to be put alone.
//!
//! Where there are no cameras it says so; `PINHOLE_DRIVERS` demands some (see [`Found::demand`]).

use pinhole_conformance::kernel::{DriverRig, Found, find};
use pinhole_conformance::rig::NotApplicable;
use pinhole_conformance::statements::{ALL, Statement};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// What applies to no camera with one stream, and nothing of ours before it.
const NEVER: &[&str] = &[
    "b02_a_stream_without_a_buffer_completes_without_one",
    "b03_more_bufferless_requests_than_internal_buffers",
    "b04_requests_with_and_without_buffers_mixed",
    "b05_raw_and_processed_show_the_same_frame",
    "b06_raw_is_handed_out_after_the_isp_has_read_it",
    "b16_frames_at_start_up_are_hidden_or_marked",
    "b18_acquiring_fails_at_any_point",
    "b18_configuring_fails_at_any_point",
    "b18_mapping_fails_at_any_point",
    "b19_a_stop_goes_on_when_devices_object",
    "b22_a_partly_done_request_is_cancelled",
    "b22_a_request_without_its_metadata_is_cancelled",
    "b23_a_stop_while_the_algorithms_hold_buffers",
    "b25_start_again_after_bufferless_requests_were_pending",
    "b29_an_image_goes_on_without_its_embedded_data",
    "b29_equal_time_stamps_pair",
    "b29_older_embedded_buffers_are_recycled",
    "b30_sensors_without_embedded_data_work",
    "b31_an_image_waits_for_its_embedded_data_but_not_for_long",
    "b31_one_buffer_per_stream_and_one_of_a_pair_lost",
    "b32_a_total_mismatch_stalls_nothing",
    "b34_statistics_are_not_requeued_while_the_algorithms_read",
    "b35_algorithms_that_never_answer_hang_nothing",
    "b36_across_gaps_in_sequence_numbers",
    "b36_across_lost_frames",
    "b36_across_missed_frame_starts",
    "b36_across_skipped_numbers",
    "b36_frames_report_what_they_were_taken_with",
    "b37_a_frame_says_whose_controls_it_was_taken_with",
    "b38_vblank_is_written_before_exposure",
    "b41_erroneous_buffers_of_the_isp_are_marked",
    "b41_erroneous_images_are_marked_in_any_order",
    "b42_an_unplugged_isp_ends_the_session",
    "b43_a_refused_heap_is_told",
    "b43_errors_name_the_device_and_help",
    "b43_running_out_of_contiguous_memory",
    "b44_refused_frames_are_counted",
];

/// What needs calls that fail on demand.
const OF_FAILING_CALLS: &[&str] = &[
    "any_call_may_fail_while_frames_flow",
    "b14_a_queue_failure_cancels_the_request_whole",
    "b18_allocation_fails_at_any_point",
    "b18_preparation_fails_at_any_point",
    "b19_stream_on_or_queueing_fails_at_any_point",
];

/// What needs frames that are flagged on demand.
const OF_FLAGS: &[&str] = &["b41_erroneous_images_are_marked"];

/// What needs a plug that is pulled on demand.
const OF_PLUGS: &[&str] = &["b42_after_the_end_nothing_comes", "b42_an_unplugged_camera_ends_the_session"];

/// What needs a camera that falls silent on demand.
const OF_SILENCE: &[&str] =
    &["b26_a_stop_after_a_failure_does_nothing_more", "b39_a_silent_sensor_is_reported"];

/// What needs a camera that falls silent for a number of frames.
const OF_SHORT_SILENCE: &[&str] = &["b39_a_short_silence_is_survived"];

/// What needs two cameras.
const OF_TWO: &[&str] =
    &["b10_wrong_requests_are_refused_and_handed_back", "b33_fresh_even_if_nobody_turned_the_loop"];

/// What needs contiguous memory of others than the driver.
const OF_FOREIGN_MEMORY: &[&str] = &["b09_bookkeeping_of_foreign_buffers_is_bounded"];

/// What needs a look behind the devices, more of them than one camera's, less memory, or a
/// refused opening.
const OF_MODELS: &[&str] = &[
    "b06_raw_is_handed_out_after_the_isp_has_read_it",
    "b18_acquiring_fails_at_any_point",
    "b34_statistics_are_not_requeued_while_the_algorithms_read",
    "b36_across_missed_frame_starts",
    "b43_a_refused_heap_is_told",
    "b43_errors_name_the_device_and_help",
    "b43_running_out_of_contiguous_memory",
];

/// What needs a lens with a motor.
const OF_LENSES: &[&str] = &[
    "lens_a_refused_move_costs_no_request",
    "lens_frames_tell_where_it_was",
    "lens_only_changes_are_written",
    "lens_positions_are_held_to_the_limits_told",
    "lens_starts_where_it_is_told",
];

/// What needs embedded data.
const OF_EMBEDDED_DATA: &[&str] = &[
    "b29_an_image_goes_on_without_its_embedded_data",
    "b29_equal_time_stamps_pair",
    "b29_older_embedded_buffers_are_recycled",
    "b31_an_image_waits_for_its_embedded_data_but_not_for_long",
    "b32_a_total_mismatch_stalls_nothing",
    "b36_across_skipped_numbers",
];

/// What needs a receiver that loses frames, or refuses buffers, on demand.
const OF_RECEIVER_FAULTS: &[&str] = &[
    "b14_a_queue_failure_cancels_the_request_whole",
    "b31_one_buffer_per_stream_and_one_of_a_pair_lost",
    "b36_across_lost_frames",
    "b41_erroneous_images_are_marked_in_any_order",
    "b44_dropped_frames_are_counted_with_their_cause",
];

/// What does not apply to the testbed's cameras; `None` for others.
fn exceptions(driver: &str) -> Option<Vec<&'static str>> {
    let lists: &[&[&str]] = match driver {
        "vivid" => &[NEVER, OF_LENSES, OF_SHORT_SILENCE],
        "vimc" => &[NEVER, OF_LENSES, OF_FAILING_CALLS, OF_FLAGS, OF_PLUGS, OF_SILENCE, OF_SHORT_SILENCE],
        "unicam" => &[
            NEVER,
            OF_LENSES,
            OF_FAILING_CALLS,
            OF_FLAGS,
            OF_PLUGS,
            OF_SHORT_SILENCE,
            OF_TWO,
            OF_FOREIGN_MEMORY,
        ],
        // Its driver drops damaged frames, unless told otherwise.
        "uvcvideo" => &[NEVER, OF_LENSES, OF_FAILING_CALLS, OF_FLAGS, OF_TWO],
        "pi" => &[OF_MODELS, OF_LENSES, OF_TWO, OF_EMBEDDED_DATA],
        "pi-hq" => &[OF_MODELS, OF_LENSES, OF_TWO],
        "pi-mainline" => &[
            OF_MODELS,
            OF_LENSES,
            OF_TWO,
            OF_EMBEDDED_DATA,
            OF_FOREIGN_MEMORY,
            OF_FLAGS,
            OF_PLUGS,
            OF_RECEIVER_FAULTS,
        ],
        _ => return None,
    };
    Some(lists.concat())
}

/// What came of putting statements to a rig.
#[derive(Default)]
struct Tally {
    hold: Vec<&'static str>,
    /// By the reason why they do not apply.
    not_applicable: BTreeMap<&'static str, Vec<&'static str>>,
    broken: Vec<&'static str>,
}

impl Tally {
    fn put(&mut self, rig: &dyn DriverRig, name: &'static str, statement: Statement) {
        match catch_unwind(AssertUnwindSafe(|| statement(rig))) {
            Ok(Ok(())) => self.hold.push(name),
            Ok(Err(NotApplicable(reason))) => self.not_applicable.entry(reason).or_default().push(name),
            Err(_) => {
                println!("{name} does not hold on {}", rig.name());
                self.broken.push(name);
            }
        }
    }

    /// Whether what does not apply is what the lists say, so that nothing ceases to apply
    /// unnoticed.
    fn is_as_listed(&self, rig: &dyn DriverRig) -> bool {
        let Some(listed) = exceptions(rig.driver_name()) else { return true };
        let listed: BTreeSet<_> = listed.into_iter().collect();
        let found: BTreeSet<_> = self.not_applicable.values().flatten().copied().collect();
        for name in found.symmetric_difference(&listed) {
            println!("{name} is listed for {}, or does not apply, but not both", rig.name());
        }
        found == listed
    }

    fn print(&self, rig: &dyn DriverRig) {
        let reasons = self.not_applicable.values().map(Vec::len).sum::<usize>();
        let (hold, broken) = (self.hold.len(), self.broken.len());
        println!(
            "{} ({}): {hold} hold, {reasons} do not apply, {broken} do not hold",
            rig.name(),
            rig.driver_name()
        );
        for (reason, names) in &self.not_applicable {
            println!("  {reason}: {}", names.join(", "));
        }
        if broken > 0 {
            println!("  broken: {}", self.broken.join(", "));
        }
    }
}

/// What the arguments ask for: rigs and statements by parts of their names; none: all.
struct Wanted {
    rigs: Vec<String>,
    statements: Vec<String>,
}

impl Wanted {
    fn new(words: impl Iterator<Item = String>, rigs: &[Box<dyn DriverRig>]) -> Self {
        let words = words.filter(|word| !word.starts_with('-'));
        let names_a_rig = |word: &String| rigs.iter().any(|rig| rig.name().contains(word));
        let (rigs, statements) = words.partition(names_a_rig);
        Self { rigs, statements }
    }
}

fn is_named(name: &str, words: &[String]) -> bool {
    words.is_empty() || words.iter().any(|word| name.contains(word))
}

fn main() -> ExitCode {
    let found = find().expect("the system's devices can be listed");
    found.demand();
    let Found { rigs, .. } = found;
    let wanted = Wanted::new(std::env::args().skip(1), &rigs);
    let mut all_hold = true;
    for rig in rigs.iter().filter(|rig| is_named(rig.name(), &wanted.rigs)) {
        all_hold &= put_all(rig.as_ref(), &wanted.statements);
    }
    if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Puts statements to a rig; says whether all hold that apply.
fn put_all(rig: &dyn DriverRig, words: &[String]) -> bool {
    let mut tally = Tally::default();
    for (name, statement) in ALL.iter().filter(|(name, _)| is_named(name, words)) {
        tally.put(rig, name, *statement);
    }
    tally.print(rig);
    let as_listed = !words.is_empty() || tally.is_as_listed(rig);
    tally.broken.is_empty() && as_listed
}
