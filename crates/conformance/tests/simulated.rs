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

rig!(imx219, CameraConfig::imx219(), except & []);
rig!(imx477, CameraConfig::imx477(), except & []);
rig!(imx219_without_embedded_data, CameraConfig::imx219().without_embedded(), except & []);
rig!(imx219_behind_a_mux, CameraConfig::imx219().with_mux(), except & []);
