//! What a camera promises, each promise a function: it panics where the promise is broken.
//!
//! Names begin with the promise's number. The doc line of each names failures that it would
//! catch.

pub mod buffers;
pub mod compliance;
pub mod controls;
pub mod errors;
pub mod failed_starts;
pub mod lenses;
pub mod matching;
pub mod start_stop;

use crate::rig::{Rig, Verdict};

/// A statement about a rig.
pub type Statement = fn(&dyn Rig) -> Verdict;

/// Puts a statement to a rig, and holds the rig to its list of those that cannot be.
///
/// # Panics
/// The statement does not hold, or whether it applies is not what the list says.
pub fn put(rig: &dyn Rig, name: &str, statement: Statement, exceptions: &[&str]) {
    let listed = exceptions.contains(&name);
    match statement(rig) {
        Ok(()) => assert!(!listed, "{name} is listed as not applicable to {}, but is", rig.name()),
        Err(reason) => {
            assert!(listed, "{name} does not apply to {}: {reason}. List it, if that is right", rig.name());
            println!("{name} does not apply to {}: {reason}", rig.name());
        }
    }
}

/// Calls a macro with the name of every statement, after what else it is to be given.
#[macro_export]
macro_rules! for_each_statement {
    ($then:ident, $($given:tt)*) => {
        $crate::$then! {
            $($given)*
            buffers: [
                b01_a_request_returns_its_own_buffers
                b01_only_what_is_looked_at_is_mapped
                b02_a_stream_without_a_buffer_completes_without_one
                b03_more_bufferless_requests_than_internal_buffers
                b04_requests_with_and_without_buffers_mixed
                b05_raw_and_processed_show_the_same_frame
                b06_raw_is_handed_out_after_the_isp_has_read_it
                b07_foreign_buffers_are_filled
                b08_more_foreign_buffers_than_slots
                b09_bookkeeping_of_foreign_buffers_is_bounded
                b10_wrong_requests_are_refused_and_handed_back
                b11_completion_order_is_submission_order
                b12_requests_can_be_reused
                b13_fences_are_waited_for_and_time_out
                b13_nothing_is_queued_before_its_fence_signals
                b14_a_queue_failure_cancels_the_request_whole
                b15_cookies_and_user_data_survive
            ]
            start_stop: [
                b16_frames_at_start_up_are_hidden_or_marked
                b17_any_number_of_buffers_starts
                b20_a_stop_completes_all_that_is_in_flight
                b21_what_was_delivered_is_not_signalled_again
                b22_a_partly_done_request_is_cancelled
                b22_a_request_without_its_metadata_is_cancelled
                b23_a_stop_while_the_algorithms_hold_buffers
                b24_start_again_with_the_same_buffers
                b25_start_again_after_bufferless_requests_were_pending
                b26_queueing_after_a_stop_is_an_error
                b26_a_stop_after_a_failure_does_nothing_more
                b27_sequence_numbers_restart_at_0
                b28_release_returns_all_internal_memory
            ]
            failed_starts: [
                b18_preparation_fails_at_any_point
                b18_mapping_fails_at_any_point
                b18_allocation_fails_at_any_point
                b18_configuring_fails_at_any_point
                b18_acquiring_fails_at_any_point
                b19_stream_on_or_queueing_fails_at_any_point
                b19_a_stop_goes_on_when_devices_object
            ]
            matching: [
                b29_an_image_goes_on_without_its_embedded_data
                b29_equal_time_stamps_pair
                b29_older_embedded_buffers_are_recycled
                b30_sensors_without_embedded_data_work
                b31_an_image_waits_for_its_embedded_data_but_not_for_long
                b31_one_buffer_per_stream_and_one_of_a_pair_lost
                b32_a_total_mismatch_stalls_nothing
                b33_fresh_even_if_nobody_turned_the_loop
                b33_the_first_request_after_a_break_gets_a_fresh_frame
                b34_statistics_are_not_requeued_while_the_algorithms_read
                b35_algorithms_that_never_answer_hang_nothing
            ]
            controls: [
                b36_across_gaps_in_sequence_numbers
                b36_across_lost_frames
                b36_across_missed_frame_starts
                b36_across_skipped_numbers
                b36_frames_report_what_they_were_taken_with
                b37_a_frame_says_whose_controls_it_was_taken_with
                b38_vblank_is_written_before_exposure
            ]
            errors: [
                b39_a_short_silence_is_survived
                b39_a_silent_sensor_is_reported
                b40_without_buffers_the_watchdog_keeps_quiet
                b41_erroneous_buffers_of_the_isp_are_marked
                b41_erroneous_images_are_marked
                b41_erroneous_images_are_marked_in_any_order
                b42_after_the_end_nothing_comes
                b42_an_unplugged_camera_ends_the_session
                b42_an_unplugged_isp_ends_the_session
                b43_a_busy_camera_says_so
                b43_errors_name_the_device_and_help
                b43_a_refused_heap_is_told
                b43_running_out_of_contiguous_memory
                b43_unknown_cameras_are_named
                b44_dropped_frames_are_counted_with_their_cause
                b44_refused_frames_are_counted
                b45_a_frame_of_an_old_session_stays_out_of_the_new_one
                b45_dropped_frames_give_their_buffers_back
                b45_forgotten_frames_are_no_catastrophe
                b45_frames_outlive_their_session
            ]
            lenses: [
                lens_a_refused_move_costs_no_request
                lens_frames_tell_where_it_was
                lens_only_changes_are_written
                lens_positions_are_held_to_the_limits_told
                lens_starts_where_it_is_told
            ]
            compliance: [
                any_call_may_fail_while_frames_flow
                compliance_capture_exactly_n
                compliance_capture_stop_start_three_times
                compliance_stop_with_requests_pending
            ]
        }
    };
}

/// Makes a test of every statement for a rig, with the names of those that cannot be put to it.
#[macro_export]
macro_rules! conformance {
    ($rig:expr, except $exceptions:expr) => {
        $crate::for_each_statement! { tests_of, ($rig) ($exceptions) }
    };
}

/// Makes tests of statements; see [`conformance!`].
#[macro_export]
macro_rules! tests_of {
    (($rig:expr) ($exceptions:expr) $($module:ident: [$($name:ident)+])+) => {$($(
        #[test]
        fn $name() {
            let statement = $crate::statements::$module::$name;
            $crate::statements::put(&$rig, stringify!($name), statement, $exceptions);
        }
    )+)+};
}

/// Gives statements with their names; see [`ALL`].
#[macro_export]
macro_rules! list_of {
    ($($module:ident: [$($name:ident)+])+) => {
        &[$($((stringify!($name), $crate::statements::$module::$name)),+),+]
    };
}

/// All statements, with their names.
pub const ALL: &[(&str, Statement)] = for_each_statement!(list_of,);

#[cfg(test)]
mod tests {
    use super::ALL;
    use std::collections::BTreeSet;

    const SOURCES: [&str; 8] = [
        include_str!("buffers.rs"),
        include_str!("compliance.rs"),
        include_str!("controls.rs"),
        include_str!("errors.rs"),
        include_str!("failed_starts.rs"),
        include_str!("lenses.rs"),
        include_str!("matching.rs"),
        include_str!("start_stop.rs"),
    ];

    fn written() -> BTreeSet<&'static str> {
        let lines = SOURCES.into_iter().flat_map(str::lines);
        let functions = lines.filter_map(|line| line.strip_prefix("pub fn ")?.split('(').next());
        functions.collect()
    }

    #[test]
    fn every_promise_has_a_statement() {
        for number in 1..=45 {
            let prefix = format!("b{number:02}_");
            assert!(ALL.iter().any(|(name, _)| name.starts_with(&prefix)), "promise {number} has none");
        }
    }

    #[test]
    fn every_statement_is_put_to_every_rig() {
        assert_eq!(ALL.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(), written());
    }
}
