//! Nonsense in, sense out: nothing panics, nothing is lost, all that comes out is finite.

use crate::scene::configuration;
use pinhole_algorithm::statistics::{FocusWindow, Zone};
use pinhole_algorithm::{
    CONTEXTS, Changed, Configuration, Controller, Limits, Parameters, SensorRequest, SensorSettings,
    Statistics, Tuning,
};
use pinhole_base::ErrorKind;
use pinhole_base::control::*;
use proptest::prelude::*;
use std::time::Duration;

const SETTINGS: SensorSettings = SensorSettings {
    exposure: Duration::from_millis(10),
    analogue_gain: 1.0,
    frame_duration: Duration::from_millis(33),
    temperature_c: Some(40.0),
    source: SettingsSource::DelayedControls,
};

fn configured(name: &str) -> Controller {
    let mut controller = Controller::new(Tuning::find(name));
    controller.configure(&configuration(), &ControlList::new());
    controller
}

/// Prepares a frame with default settings and no controls.
fn prepare(controller: &mut Controller, frame: u64) -> pinhole_base::Result<Parameters> {
    let mut parameters = Parameters::default();
    let controls = ControlList::new();
    controller
        .prepare(frame, frame as u32, &SETTINGS, &controls, &mut parameters, &mut ControlList::new())
        .map(|()| parameters)
}

fn assert_sane(parameters: &Parameters, request: &SensorRequest, configuration: &Configuration) {
    let matrix = parameters.colour_matrix.0.iter().flatten();
    let detail = [parameters.denoise.constant, parameters.denoise.slope, parameters.sharpen.limit];
    assert!(matrix.chain(&detail).all(|value| value.is_finite()), "{parameters:?}");
    for gain in [parameters.red_gain, parameters.blue_gain, parameters.digital_gain] {
        assert!(gain > 0.0 && gain < 100.0, "{gain}");
    }
    assert!(parameters.gamma.x.is_sorted() && parameters.gamma.y.is_sorted());
    let within = |value: Duration, limits: &Limits<Duration>| {
        value + Duration::from_nanos(2) >= limits.min
            && value <= limits.max.max(limits.min) + Duration::from_nanos(2)
    };
    assert!(within(request.exposure, &configuration.exposure), "{request:?}");
    assert!(within(request.frame_duration, &configuration.frame_duration), "{request:?}");
    assert!(request.analogue_gain.is_finite() && request.analogue_gain > 0.0, "{request:?}");
}

fn reported_is_finite(metadata: &ControlList) -> bool {
    metadata.iter().all(|(_, value)| match value {
        ControlValue::F32(number) => number.is_finite(),
        ControlValue::Pair(numbers) => numbers.iter().all(|number| number.is_finite()),
        ControlValue::Matrix(numbers) => numbers.iter().all(|number| number.is_finite()),
        _ => true,
    })
}

fn zone() -> impl Strategy<Value = Zone> {
    let sum = || prop_oneof![Just(0u64), Just(u64::MAX), any::<u64>(), 0u64..70_000_000];
    let cells = || prop_oneof![Just(0u32), Just(u32::MAX), 0u32..2000];
    (cells(), cells(), sum(), sum(), sum()).prop_map(|(counted, uncounted, red, green, blue)| Zone {
        counted,
        uncounted,
        red,
        green,
        blue,
    })
}

fn statistics() -> impl Strategy<Value = Statistics> {
    let bins = proptest::collection::vec(prop_oneof![Just(0u32), Just(u32::MAX), any::<u32>()], 6);
    let window =
        (any::<u64>(), any::<u32>()).prop_map(|(contrast, counted)| FocusWindow { contrast, counted });
    (proptest::collection::vec(zone(), 7), bins, window).prop_map(|(zones, bins, window)| {
        let mut statistics = Statistics::default();
        for (i, zone) in statistics.awb.iter_mut().chain(&mut statistics.agc).enumerate() {
            *zone = zones[i % zones.len()];
        }
        for (i, bin) in statistics.histograms.iter_mut().flatten().enumerate() {
            *bin = bins[i % bins.len()];
        }
        statistics.focus.fill(window);
        statistics
    })
}

fn wild_f32() -> impl Strategy<Value = f32> {
    prop_oneof![
        any::<f32>(),
        -10.0f32..10.0,
        prop::sample::select(vec![
            0.0,
            -0.0,
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
            f32::MIN_POSITIVE
        ]),
    ]
}

fn wild_value() -> impl Strategy<Value = ControlValue> {
    prop_oneof![
        any::<bool>().prop_map(ControlValue::Bool),
        prop_oneof![any::<i32>(), -1i32..8, Just(i32::MIN)].prop_map(ControlValue::I32),
        any::<i64>().prop_map(ControlValue::I64),
        wild_f32().prop_map(ControlValue::F32),
        [wild_f32(), wild_f32()].prop_map(ControlValue::Pair),
        proptest::collection::vec(wild_f32(), 9)
            .prop_map(|values| ControlValue::Matrix(values.try_into().unwrap())),
    ]
}

/// Controls with values of any kind, right or wrong.
fn wild_controls() -> impl Strategy<Value = ControlList> {
    let id = prop::sample::select(ControlId::ALL.to_vec());
    proptest::collection::vec((id, wild_value()), 0..40).prop_map(|values| {
        let mut list = ControlList::new();
        for (id, value) in values {
            list.set_value(id, value);
        }
        list
    })
}

fn settings() -> impl Strategy<Value = SensorSettings> {
    let nanos = || prop_oneof![Just(0u64), any::<u64>(), 0u64..1_000_000_000];
    let gain = prop_oneof![any::<f64>(), 0.0f64..20.0, Just(f64::NAN), Just(0.0), Just(f64::INFINITY)];
    (nanos(), gain, nanos()).prop_map(|(exposure, analogue_gain, frame)| SensorSettings {
        exposure: Duration::from_nanos(exposure),
        analogue_gain,
        frame_duration: Duration::from_nanos(frame),
        ..SETTINGS
    })
}

proptest! {
    #[test]
    fn nonsense_never_comes_out(
        name in prop::sample::select(vec!["imx219", "imx477", "none"]),
        frames in proptest::collection::vec((settings(), wild_controls(), statistics()), 1..8),
    ) {
        let mut controller = configured(name);
        let (mut parameters, mut metadata) = (Parameters::default(), ControlList::new());
        for (number, (settings, controls, statistics)) in frames.iter().enumerate() {
            let frame = number as u64;
            controller.prepare(frame, 0, settings, controls, &mut parameters, &mut metadata).unwrap();
            let request = controller.process(frame, statistics, &mut metadata).unwrap();
            assert_sane(&parameters, &request, &configuration());
            prop_assert!((1.0..10.67).contains(&request.analogue_gain), "{}", request.analogue_gain);
            prop_assert!(reported_is_finite(&metadata), "{:?}", metadata);
            metadata.clear();
        }
    }

    #[test]
    fn every_configuration_yields_a_request_it_allows(
        exposures in any::<[u32; 2]>(),
        durations in any::<[u32; 2]>(),
        gains in [wild_f32(), wild_f32()],
        sensitivity in wild_f32(),
        controls in wild_controls(),
    ) {
        let limits = |[a, b]: [u32; 2]| Limits {
            min: Duration::from_nanos(a.min(b).into()),
            max: Duration::from_nanos(a.max(b).into()),
        };
        let configuration = Configuration {
            exposure: limits(exposures),
            frame_duration: limits(durations),
            analogue_gain: Limits { min: gains[0].into(), max: gains[1].into() },
            sensitivity: sensitivity.into(),
            ..configuration()
        };
        let mut controller = Controller::new(Tuning::find("imx219"));
        let (request, _) = controller.configure(&configuration, &controls);
        assert_sane(&Parameters::default(), &request, &configuration);
    }
}

#[test]
fn empty_statistics_leave_the_request_as_it_was() {
    let mut controller = configured("imx219");
    prepare(&mut controller, 0).unwrap();
    let before = controller.process(0, &Statistics::default(), &mut ControlList::new()).unwrap();
    prepare(&mut controller, 1).unwrap();
    let mut metadata = ControlList::new();
    assert_eq!(controller.process(1, &Statistics::default(), &mut metadata).unwrap(), before);
    assert_eq!(metadata.get(AE_LOCKED), Some(false));
    assert_eq!(metadata.get(AWB_LOCKED), Some(false));
}

#[test]
fn stale_and_unknown_frames_are_refused() {
    let mut controller = configured("imx219");
    let process = |controller: &mut Controller, frame| {
        controller.process(frame, &Statistics::default(), &mut ControlList::new()).map_err(|e| e.kind())
    };
    let refused = Err(ErrorKind::WrongState);
    assert_eq!(process(&mut controller, 0).map(|_| ()), refused, "never prepared");
    prepare(&mut controller, 0).unwrap();
    prepare(&mut controller, CONTEXTS as u64).unwrap();
    assert_eq!(process(&mut controller, 0).map(|_| ()), refused, "overwritten");
    assert!(process(&mut controller, CONTEXTS as u64).is_ok());
    assert_eq!(process(&mut controller, CONTEXTS as u64).map(|_| ()), refused, "processed before");
    prepare(&mut controller, 2 * CONTEXTS as u64).unwrap();
    assert!(prepare(&mut controller, CONTEXTS as u64).is_err(), "older than its place's frame");
}

#[test]
fn frames_may_be_processed_late_and_some_never() {
    let mut controller = configured("imx219");
    for frame in 0..CONTEXTS as u64 {
        prepare(&mut controller, frame).unwrap();
    }
    for frame in [3, 4, 9, 31] {
        assert!(controller.process(frame, &Statistics::default(), &mut ControlList::new()).is_ok());
    }
}

#[test]
fn nothing_runs_before_it_is_configured() {
    let mut controller = Controller::new(Tuning::find("imx219"));
    assert_eq!(prepare(&mut controller, 0).unwrap_err().kind(), ErrorKind::WrongState);
}

#[test]
fn only_what_changed_is_marked() {
    let mut controller = configured("imx219");
    assert_eq!(prepare(&mut controller, 0).unwrap().changed, Changed::ALL);
    assert!(prepare(&mut controller, 1).unwrap().changed.is_empty());
    let mut controls = ControlList::new();
    controls.set(BRIGHTNESS, 0.1);
    let mut parameters = Parameters::default();
    controller.prepare(2, 2, &SETTINGS, &controls, &mut parameters, &mut ControlList::new()).unwrap();
    assert_eq!(parameters.changed, Changed::GAMMA);
    controller.rewrite_all();
    assert_eq!(prepare(&mut controller, 3).unwrap().changed, Changed::ALL);
}

#[test]
fn the_frame_reports_what_it_was_taken_with() {
    let mut controller = configured("imx219");
    let mut metadata = ControlList::new();
    let controls = ControlList::new();
    controller.prepare(0, 77, &SETTINGS, &controls, &mut Parameters::default(), &mut metadata).unwrap();
    assert_eq!(metadata.get(EXPOSURE_TIME), Some(10_000));
    assert_eq!(metadata.get(ANALOGUE_GAIN), Some(1.0));
    assert_eq!(metadata.get(FRAME_DURATION), Some(33_000));
    assert_eq!(metadata.get(SENSOR_SEQUENCE), Some(77));
    assert_eq!(metadata.get(SENSOR_TEMPERATURE), Some(40.0));
    assert_eq!(metadata.get(SENSOR_BLACK_LEVELS), Some([4096; 4]));
    assert_eq!(metadata.get(SETTINGS_SOURCE), Some(SettingsSource::DelayedControls));
}

#[test]
fn shading_tables_fit_the_hardware_and_brighten_the_corners() {
    let mut controller = configured("imx219");
    let table = prepare(&mut controller, 0).unwrap().lens_shading.unwrap();
    assert_eq!((table.cell_pixels, table.columns, table.rows), (32, 53, 40));
    let gain = |column: u32, row: u32| table.gains[1][(row * table.columns + column) as usize];
    assert!(gain(0, 0) > 1900 && gain(26, 19) < 1030);
    assert!(table.gains.iter().all(|plane| plane.len() == (table.columns * table.rows) as usize));
}
