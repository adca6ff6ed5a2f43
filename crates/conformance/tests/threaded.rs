//! The promises in which threads have a part, on cameras that have one of their own.

use pinhole::sim::CameraConfig;
use pinhole_conformance::simulated::Simulated;

const RIG: Simulated = Simulated::new("imx219 with a thread", CameraConfig::imx219()).threaded();

pinhole_conformance::tests_of! {
    (RIG) (&[])
    buffers: [
        b01_a_request_returns_its_own_buffers
        b02_a_stream_without_a_buffer_completes_without_one
        b03_more_bufferless_requests_than_internal_buffers
        b04_requests_with_and_without_buffers_mixed
        b05_raw_and_processed_show_the_same_frame
        b07_foreign_buffers_are_filled
        b10_wrong_requests_are_refused_and_handed_back
        b11_completion_order_is_submission_order
        b12_requests_can_be_reused
        b13_nothing_is_queued_before_its_fence_signals
        b15_cookies_and_user_data_survive
    ]
    start_stop: [
        b17_any_number_of_buffers_starts
        b20_a_stop_completes_all_that_is_in_flight
        b21_what_was_delivered_is_not_signalled_again
        b23_a_stop_while_the_algorithms_hold_buffers
        b24_start_again_with_the_same_buffers
        b25_start_again_after_bufferless_requests_were_pending
        b26_queueing_after_a_stop_is_an_error
        b27_sequence_numbers_restart_at_0
        b28_release_returns_all_internal_memory
    ]
    failed_starts: [
        b18_preparation_fails_at_any_point
        b18_mapping_fails_at_any_point
        b19_stream_on_or_queueing_fails_at_any_point
    ]
    matching: [
        b30_sensors_without_embedded_data_work
        b31_one_buffer_per_stream_and_one_of_a_pair_lost
    ]
    errors: [
        b39_a_silent_sensor_is_reported
        b41_erroneous_buffers_of_the_isp_are_marked
        b41_erroneous_images_are_marked
        b41_erroneous_images_are_marked_in_any_order
        b42_an_unplugged_camera_ends_the_session
        b42_an_unplugged_isp_ends_the_session
        b42_after_the_end_nothing_comes
        b43_a_busy_camera_says_so
        b45_dropped_frames_give_their_buffers_back
        b45_forgotten_frames_are_no_catastrophe
        b45_frames_outlive_their_session
        b45_a_frame_of_an_old_session_stays_out_of_the_new_one
    ]
}
