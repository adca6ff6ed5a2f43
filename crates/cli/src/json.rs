//! Controls and metadata as JSON.

use pinhole::control::{ControlId, ControlList, ControlValue};
use serde_json::{Map, Value};

/// A list of controls as an object, enumerations by name.
pub(crate) fn of_controls(controls: &ControlList) -> Value {
    let entries = controls.iter().map(|(id, value)| (id.name().to_owned(), of_control(id, value)));
    Value::Object(entries.collect::<Map<_, _>>())
}

/// One control's value.
pub(crate) fn of_control(id: ControlId, value: ControlValue) -> Value {
    match value {
        ControlValue::Bool(value) => value.into(),
        ControlValue::I32(number) => {
            let name = usize::try_from(number).ok().and_then(|at| id.info().names.get(at));
            name.map_or_else(|| number.into(), |name| (*name).into())
        }
        ControlValue::I64(value) => value.into(),
        ControlValue::F32(value) => of_f32(value),
        ControlValue::Pair(values) => of_f32s(&values),
        ControlValue::Matrix(values) => of_f32s(&values),
        ControlValue::Quad(values) => values.to_vec().into(),
        ControlValue::Rect(rect) => of_rectangle(rect),
    }
}

/// A rectangle as an object.
pub(crate) fn of_rectangle<S>(rect: pinhole::geometry::Rect<S>) -> Value {
    serde_json::json!({"x": rect.x, "y": rect.y, "width": rect.width, "height": rect.height})
}

fn of_f32s(values: &[f32]) -> Value {
    values.iter().copied().map(of_f32).collect()
}

/// The number as it is written, not the nearest 64-bit one: 0.1, not 0.10000000149.
fn of_f32(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pinhole::control::{self, AwbMode};

    #[test]
    fn values_read_as_people_wrote_them() {
        let mut list = ControlList::new();
        list.set(control::AWB_MODE, AwbMode::Daylight)
            .set(control::ANALOGUE_GAIN, 1.1)
            .set(control::COLOUR_GAINS, [1.5, f32::NAN])
            .set(control::AE_LOCKED, true);
        let text = of_controls(&list).to_string();
        let expected =
            r#"{"AeLocked":true,"AnalogueGain":1.1,"AwbMode":"Daylight","ColourGains":[1.5,null]}"#;
        assert_eq!(text, expected);
    }
}
