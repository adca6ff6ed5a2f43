//! A node's controls, as ours.

use crate::device::{Node, Shared, lock, webcam};
use pinhole_base::control::{self, AeFlickerMode, AfMode, ControlId, ControlList, ControlValue};
use pinhole_device::uapi::control_codes as code;
use pinhole_device::{ControlCode, Payload};
use pinhole_pipelines::uvc::controls::{Settings, write_initial};
use proptest::prelude::*;

/// What most webcams have.
fn usual() -> Shared {
    let hardware = webcam();
    {
        let mut hardware = lock(&hardware);
        hardware.add_control(code::BRIGHTNESS, [-64, 0, 64]);
        hardware.add_control(code::CONTRAST, [0, 32, 64]);
        hardware.add_control(code::SATURATION, [0, 64, 128]);
        hardware.add_control(code::SHARPNESS, [0, 3, 6]);
        hardware.add_control(code::AUTO_WHITE_BALANCE, [0, 1, 1]);
        hardware.add_control(code::WHITE_BALANCE_TEMPERATURE, [2800, 4600, 6500]);
        hardware.add_control(code::GAIN, [0, 0, 255]);
        hardware.add_menu(code::POWER_LINE_FREQUENCY, &[0, 1, 2], 1);
        hardware.add_menu(code::EXPOSURE_AUTO, &[1, 3], 3);
        hardware.add_control(code::EXPOSURE_ABSOLUTE, [3, 250, 2047]);
        hardware.add_control(code::FOCUS_AUTO, [0, 1, 1]);
        hardware.add_control(code::FOCUS_ABSOLUTE, [0, 0, 250]);
    }
    hardware
}

fn settings(hardware: &Shared) -> Settings {
    let mut node = Node::new(hardware);
    let mut settings = Settings::of(&mut node).unwrap();
    settings.read(&mut node).unwrap();
    settings
}

fn list(fill: impl FnOnce(&mut ControlList)) -> ControlList {
    let mut list = ControlList::new();
    fill(&mut list);
    list
}

/// What is written for a wish: switches, then values.
fn written(settings: &mut Settings, wanted: &ControlList) -> [Vec<(ControlCode, i64)>; 2] {
    settings.want(wanted);
    [settings.first(), settings.rest()].map(|writes| {
        let integer = |value| match value {
            Payload::Integer(value) => value,
            Payload::Compound(_) => panic!("there are none"),
        };
        writes.iter().map(|write| (write.code, integer(write.value))).collect()
    })
}

fn report(settings: &Settings) -> ControlList {
    list(|metadata| settings.report(metadata))
}

#[test]
fn only_what_the_node_has_is_offered_with_its_limits() {
    let limits = settings(&usual()).limits();
    let of = |id| limits.iter().find(|limits| limits.id == id).map(|limits| (limits.minimum, limits.maximum));
    assert_eq!(of(ControlId::ExposureTime), Some((Some(300.0), Some(204_700.0))), "in µs");
    assert_eq!(of(ControlId::ColourTemperature), Some((Some(2800.0), Some(6500.0))));
    assert_eq!(of(ControlId::Brightness), Some((Some(-1.0), Some(1.0))));
    assert_eq!(of(ControlId::Contrast), Some((Some(0.0), Some(2.0))), "twice what is normal");
    assert_eq!(of(ControlId::AnalogueGain), Some((Some(1.0), Some(16.0))));
    assert_eq!(of(ControlId::AeFlickerPeriod), Some((None, None)));
    assert_eq!(of(ControlId::ScalerCrop), None);
    assert!(settings(&webcam()).limits().is_empty());
    let mut ids: Vec<_> = limits.iter().map(|limits| limits.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), limits.len(), "each once");
}

#[test]
fn a_value_set_by_hand_turns_the_automatic_off() {
    let mut settings = settings(&usual());
    let wanted = list(|list| {
        list.set(control::AE_ENABLE, true).set(control::EXPOSURE_TIME, 10_000);
        list.set(control::COLOUR_TEMPERATURE, 5000).set(control::LENS_POSITION, 5.0);
    });
    let [switches, values] = written(&mut settings, &wanted);
    assert_eq!(switches, [(code::EXPOSURE_AUTO, 1), (code::AUTO_WHITE_BALANCE, 0), (code::FOCUS_AUTO, 0)]);
    let expected = [
        (code::EXPOSURE_ABSOLUTE, 100),
        (code::WHITE_BALANCE_TEMPERATURE, 5000),
        (code::FOCUS_ABSOLUTE, 125),
    ];
    assert_eq!(values, expected);
    assert_eq!(written(&mut settings, &wanted), [vec![], vec![]], "what is so is not written again");
}

#[test]
fn what_is_given_back_is_automatic_again() {
    let mut settings = settings(&usual());
    settings.want(&list(|list| {
        list.set(control::EXPOSURE_TIME, 10_000);
    }));
    let [switches, values] = written(
        &mut settings,
        &list(|list| {
            list.set(control::EXPOSURE_TIME, 0);
        }),
    );
    assert_eq!((switches, values), (vec![(code::EXPOSURE_AUTO, 3)], vec![]));
    let now = report(&settings);
    assert_eq!((now.get(control::AE_ENABLE), now.get(control::EXPOSURE_TIME)), (Some(true), None));
}

#[test]
fn what_the_camera_chooses_is_reported_only_if_it_tells() {
    let mut settings = settings(&usual());
    assert_eq!(report(&settings).get(control::COLOUR_TEMPERATURE), None);
    assert_eq!(report(&settings).get(control::AF_MODE), Some(AfMode::Continuous));
    settings.changed(code::WHITE_BALANCE_TEMPERATURE, 3000);
    assert_eq!(report(&settings).get(control::COLOUR_TEMPERATURE), Some(3000));
    settings.changed(code::HFLIP, 1); // Somebody else's.
    let wanted = list(|list| {
        list.set(control::AWB_ENABLE, false);
    });
    assert_eq!(written(&mut settings, &wanted)[0], [(code::AUTO_WHITE_BALANCE, 0)]);
    assert_eq!(report(&settings).get(control::COLOUR_TEMPERATURE), None, "it may have moved on since");
}

#[test]
fn what_is_refused_is_as_it_was() {
    let mut settings = settings(&usual());
    let before = report(&settings);
    let wanted = list(|list| {
        list.set(control::CONTRAST, 2.0).set(control::EXPOSURE_TIME, 5000).set(control::BRIGHTNESS, -1.0);
    });
    settings.want(&wanted);
    assert_ne!(report(&settings), before);
    settings.values_refused();
    assert_eq!(report(&settings).get(control::CONTRAST), Some(1.0));
    assert_eq!(report(&settings).get(control::AE_ENABLE), Some(false), "the switch was taken");
    settings.switches_refused();
    assert_eq!(report(&settings), before);
}

#[test]
fn the_mains_frequency_is_a_mode_and_a_period() {
    let mut settings = settings(&usual());
    let now = report(&settings);
    assert_eq!(now.get(control::AE_FLICKER_MODE), Some(AeFlickerMode::Manual));
    assert_eq!(now.get(control::AE_FLICKER_PERIOD), Some(10_000));
    let mut write = |mode: Option<AeFlickerMode>, period: Option<i32>| {
        let wanted = list(|list| {
            mode.into_iter().for_each(|mode| {
                list.set(control::AE_FLICKER_MODE, mode);
            });
            period.into_iter().for_each(|period| {
                list.set(control::AE_FLICKER_PERIOD, period);
            });
        });
        written(&mut settings, &wanted)[1].first().map(|(_, value)| *value)
    };
    assert_eq!(write(None, Some(8333)), Some(2));
    assert_eq!(write(Some(AeFlickerMode::Manual), None), None, "it is so");
    assert_eq!(write(Some(AeFlickerMode::Off), Some(8333)), Some(0));
    assert_eq!(write(None, Some(10_000)), None, "a period alone turns nothing on");
    assert_eq!(write(Some(AeFlickerMode::Manual), Some(10_010)), Some(1));
    settings.changed(code::POWER_LINE_FREQUENCY, 3);
    assert_eq!(report(&settings).get(control::AE_FLICKER_MODE), None, "there is no mode of ours for it");
}

#[test]
fn menus_without_a_choice_are_no_switches() {
    let hardware = webcam();
    lock(&hardware).add_menu(code::EXPOSURE_AUTO, &[1], 1);
    lock(&hardware).add_control(code::EXPOSURE_ABSOLUTE, [1, 10, 100]);
    let mut settings = settings(&hardware);
    let wanted = list(|list| {
        list.set(control::EXPOSURE_TIME, 2000);
    });
    assert_eq!(written(&mut settings, &wanted), [vec![], vec![(code::EXPOSURE_ABSOLUTE, 20)]]);
    assert_eq!(report(&settings).get(control::AE_ENABLE), None);
}

#[test]
fn start_controls_that_are_refused_fail_the_start() {
    let hardware = usual();
    let mut settings = settings(&hardware);
    let before = report(&settings);
    let wanted = list(|list| {
        list.set(control::EXPOSURE_TIME, 2000);
    });
    lock(&hardware).refuses_controls = true;
    let mut node = Node::new(&hardware);
    assert!(write_initial(&mut settings, &mut node, &wanted).is_err());
    assert_eq!(report(&settings), before);
    lock(&hardware).refuses_controls = false;
    write_initial(&mut settings, &mut node, &wanted).unwrap();
    assert_eq!(lock(&hardware).written.len(), 2);
    write_initial(&mut settings, &mut node, &ControlList::new()).unwrap();
    assert_eq!(lock(&hardware).written.len(), 2, "nothing to write is no call");
}

/// Dials, by their codes and whether they are whole numbers.
const DIALS: [(ControlCode, ControlId); 8] = [
    (code::BRIGHTNESS, ControlId::Brightness),
    (code::CONTRAST, ControlId::Contrast),
    (code::SATURATION, ControlId::Saturation),
    (code::SHARPNESS, ControlId::Sharpness),
    (code::GAIN, ControlId::AnalogueGain),
    (code::EXPOSURE_ABSOLUTE, ControlId::ExposureTime),
    (code::WHITE_BALANCE_TEMPERATURE, ControlId::ColourTemperature),
    (code::FOCUS_ABSOLUTE, ControlId::LensPosition),
];

proptest! {
    #[test]
    fn what_is_reported_can_be_set_again(
        dial in 0usize..DIALS.len(),
        least in 0i64..5000,
        lengths in (0i64..5000, 1i64..5000),
        at in 0i64..10_000,
    ) {
        let (code, id) = DIALS[dial];
        let hardware = webcam();
        let limits = [least, least + lengths.0, least + lengths.0 + lengths.1];
        lock(&hardware).add_control(code, limits);
        let value = least + at % (lengths.0 + lengths.1 + 1);
        let mut settings = settings(&hardware);
        settings.changed(code, value);
        let told = report(&settings).value(id).unwrap();
        settings.changed(code, -1); // Whatever it was, it is written.
        let given_back = matches!(told, ControlValue::I32(0)) && id == ControlId::ExposureTime;
        let wanted = list(|list| { list.set_value(id, told); });
        let expected = if given_back { vec![] } else { vec![(code, value)] };
        prop_assert_eq!(&written(&mut settings, &wanted)[1], &expected, "{:?}", told);
    }

    #[test]
    fn whatever_a_device_says_of_a_control_nothing_breaks(
        dial in 0usize..DIALS.len(),
        limits in prop::array::uniform3(any::<i64>()),
        value in any::<i64>(),
        wish in any::<f32>(),
    ) {
        let (code, id) = DIALS[dial];
        let hardware = webcam();
        lock(&hardware).add_control(code, limits);
        let mut settings = settings(&hardware);
        settings.changed(code, value);
        report(&settings);
        let _ = (settings.limits(), settings.exposure());
        let wanted = list(|list| {
            list.set_value(id, ControlValue::F32(wish));
        });
        for (_, written) in &written(&mut settings, &wanted)[1] {
            prop_assert!((limits[0]..=limits[2]).contains(written));
        }
    }
}
