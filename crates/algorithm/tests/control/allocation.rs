//! Once configured, the control loop allocates nothing.

use crate::scene::{Scene, configuration};
use pinhole_algorithm::{Controller, Parameters, SensorSettings, Tuning};
use pinhole_base::control::*;
use std::time::Duration;

#[test]
fn frames_allocate_nothing() {
    let mut controller = Controller::new(Tuning::find("imx219"));
    let mut controls = ControlList::new();
    controller.configure(&configuration(), &controls);
    let statistics = Scene::default().statistics(0.02, "imx219");
    let (mut parameters, mut metadata) = (Parameters::default(), ControlList::new());
    let counted = allocation_counter::measure(|| {
        for frame in 0..200u64 {
            controls.set(BRIGHTNESS, frame as f32 / 1000.0).set(EXPOSURE_VALUE, (frame % 3) as f32);
            let settings = SensorSettings {
                exposure: Duration::from_micros(1000 + frame),
                analogue_gain: 1.0,
                frame_duration: Duration::from_millis(33),
                temperature_c: None,
                source: SettingsSource::EmbeddedData,
            };
            let sequence = frame as u32;
            controller
                .prepare(frame, sequence, &settings, &controls, &mut parameters, &mut metadata)
                .unwrap();
            controller.process(frame, &statistics, &mut metadata).unwrap();
            metadata.clear();
        }
    });
    assert_eq!(counted.count_total, 0);
}
