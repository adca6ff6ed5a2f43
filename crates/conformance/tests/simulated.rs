//! Every promise, on every kind of simulated camera, without threads.

macro_rules! rig {
    ($name:ident, $camera:expr, except $exceptions:expr) => {
        mod $name {
            use pinhole::sim::CameraConfig;
            use pinhole_conformance::simulated::Simulated;

            const RIG: Simulated = Simulated::new(stringify!($name), $camera);

            pinhole_conformance::conformance!(RIG, except $exceptions);
        }
    };
}

/// What these say of embedded data cannot be asked of a sensor that sends none.
const OF_EMBEDDED_DATA: &[&str] = &[
    "b29_equal_time_stamps_pair",
    "b29_older_embedded_buffers_are_recycled",
    "b29_an_image_goes_on_without_its_embedded_data",
    "b32_a_total_mismatch_stalls_nothing",
    "b36_across_skipped_numbers",
];

rig!(imx219, CameraConfig::imx219(), except & []);
rig!(imx477, CameraConfig::imx477(), except & []);
rig!(imx219_behind_a_mux, CameraConfig::imx219().with_mux(), except & []);
rig! {
    imx219_without_embedded_data,
    CameraConfig::imx219().without_embedded(),
    except super::OF_EMBEDDED_DATA
}
