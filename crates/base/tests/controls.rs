//! Controls: what is set comes back, text is read strictly, and the table is whole.

use pinhole_base::control::{self, AwbMode, ControlId, ControlList, Direction};
use proptest::prelude::*;

#[test]
fn what_is_set_comes_back_until_it_is_cleared() {
    let mut list = ControlList::new();
    list.set(control::EXPOSURE_TIME, 10_000).set(control::AWB_MODE, AwbMode::Cloudy);
    assert_eq!(list.get(control::EXPOSURE_TIME), Some(10_000));
    assert_eq!(list.get(control::AWB_MODE), Some(AwbMode::Cloudy));
    assert_eq!(list.get(control::ANALOGUE_GAIN), None);
    assert_eq!(
        list.iter().map(|(id, _)| id).collect::<Vec<_>>(),
        [ControlId::ExposureTime, ControlId::AwbMode]
    );
    list.clear();
    assert!(list.is_empty());
    assert_eq!(list.get(control::EXPOSURE_TIME), None);
}

#[test]
fn merging_overwrites_only_what_the_other_sets() {
    let (mut list, mut other) = (ControlList::new(), ControlList::new());
    list.set(control::EXPOSURE_TIME, 1).set(control::ANALOGUE_GAIN, 2.0);
    other.set(control::EXPOSURE_TIME, 3);
    list.merge(&other);
    assert_eq!(list.get(control::EXPOSURE_TIME), Some(3));
    assert_eq!(list.get(control::ANALOGUE_GAIN), Some(2.0));
}

#[test]
fn nonsense_is_refused_with_what_is_wanted() {
    let refusal = |id: ControlId, text: &str| id.parse(text).unwrap_err();
    assert!(refusal(ControlId::AwbMode, "moonlight").contains("Daylight"));
    assert!(refusal(ControlId::ExposureTime, "-5").contains("µs"));
    assert!(refusal(ControlId::AnalogueGain, "NaN").contains("AnalogueGain"));
    assert!(refusal(ControlId::ColourGains, "1.5").contains("2 numbers"));
    assert!(refusal(ControlId::ScalerCrop, "0,0,-1,5").contains("width"));
}

#[test]
fn every_control_has_a_name_of_its_own_and_a_meaning() {
    for id in ControlId::ALL {
        assert_eq!(ControlId::from_name(id.name()), Some(*id));
        assert!(id.info().meaning.ends_with('.'), "{id} wants a sentence");
    }
    let text = control::markdown();
    assert!(ControlId::ALL.iter().all(|id| text.contains(&format!("`{id}`"))));
    assert!(ControlId::ALL.iter().any(|id| id.info().direction == Direction::Property));
}

proptest! {
    #[test]
    fn reading_values_never_panics_and_what_is_read_is_in_its_limits(at in 0..ControlId::ALL.len(), text in ".{0,40}") {
        let id = ControlId::ALL[at];
        if let Ok(value) = id.parse(&text) {
            prop_assert!(id.check(value).is_ok());
            prop_assert_eq!(id.parse(&value.to_string()).is_ok(), id.info().names.is_empty());
        }
    }
}
