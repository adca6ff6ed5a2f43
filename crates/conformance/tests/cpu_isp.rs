//! The promises in which an ISP of the CPU's has a part, behind a receiver as mainline's kernel shows
//! it: with a sub-device before its node, without embedded data, and with no ISP beside it.

use pinhole::sim::CameraConfig;
use pinhole_conformance::simulated::Simulated;

const RIG: Simulated = Simulated::new(
    "imx219 without an ISP",
    CameraConfig::imx219().without_embedded().with_mux().without_isp(),
);

/// What the ISP would have to do wrong on demand.
const OF_FAILING_ISPS: &[&str] = &[
    "b41_erroneous_buffers_of_the_isp_are_marked",
    "b41_erroneous_images_are_marked_in_any_order",
    "b42_an_unplugged_isp_ends_the_session",
    "b44_refused_frames_are_counted",
];

pinhole_conformance::tests_of! {
    (RIG) (OF_FAILING_ISPS)
    buffers: [
        b02_a_stream_without_a_buffer_completes_without_one
        b04_requests_with_and_without_buffers_mixed
    ]
    start_stop: [
        b16_frames_at_start_up_are_hidden_or_marked
        b17_any_number_of_buffers_starts
        b20_a_stop_completes_all_that_is_in_flight
        b24_start_again_with_the_same_buffers
        b27_sequence_numbers_restart_at_0
    ]
    matching: [
        b30_sensors_without_embedded_data_work
        b33_the_first_request_after_a_break_gets_a_fresh_frame
    ]
    controls: [
        b36_across_lost_frames
        b36_frames_report_what_they_were_taken_with
    ]
    errors: [
        b39_a_short_silence_is_survived
        b39_a_silent_sensor_is_reported
        b41_erroneous_buffers_of_the_isp_are_marked
        b41_erroneous_images_are_marked
        b41_erroneous_images_are_marked_in_any_order
        b42_after_the_end_nothing_comes
        b42_an_unplugged_camera_ends_the_session
        b42_an_unplugged_isp_ends_the_session
        b44_dropped_frames_are_counted_with_their_cause
        b44_refused_frames_are_counted
        b45_dropped_frames_give_their_buffers_back
        b45_forgotten_frames_are_no_catastrophe
        b45_frames_outlive_their_session
    ]
}
