//! Every promise, on every kind of simulated camera, without threads.

macro_rules! rig {
    ($name:ident, $rig:expr, except $exceptions:expr) => {
        mod $name {
            use pinhole::sim::CameraConfig;
            use pinhole_conformance::simulated::Simulated;

            const RIG: Simulated = $rig;

            pinhole_conformance::conformance!(RIG, except $exceptions);
        }
    };
}

/// What these say of embedded data cannot be asked of a sensor that sends none.
const OF_EMBEDDED_DATA: &[&str] = &[
    "b29_equal_time_stamps_pair",
    "b29_older_embedded_buffers_are_recycled",
    "b29_an_image_goes_on_without_its_embedded_data",
    "b31_an_image_waits_for_its_embedded_data_but_not_for_long",
    "b32_a_total_mismatch_stalls_nothing",
    "b36_across_skipped_numbers",
];

rig! {
    imx219,
    Simulated::new("imx219", CameraConfig::imx219()),
    except &[]
}
rig! {
    imx219_in_random_order,
    Simulated::new("imx219 in random order", CameraConfig::imx219()).shuffled(),
    except &[]
}
rig! {
    imx219_without_embedded_data,
    Simulated::new("imx219 without embedded data", CameraConfig::imx219().without_embedded()),
    except super::OF_EMBEDDED_DATA
}
rig! {
    imx219_with_a_lens_behind_a_mux,
    Simulated::new("imx219 with a lens, behind a mux", CameraConfig::imx219().with_lens().with_mux()),
    except &[]
}
rig! {
    imx477_before_ancillary_links,
    Simulated::new("imx477 before ancillary links", CameraConfig::imx477().without_ancillary_links()),
    except &[]
}
