//! `pinhole list`: the cameras, and what they can do.

use crate::arguments::{ListArguments, Pace};
use crate::console;
use crate::ending::{Ending, Failure};
use crate::interrupt::Interrupt;
use crate::json;
use crate::simulation;
use pinhole::config::{CameraInfo, ControlLimits, PictureMode, SensorMode};

use pinhole::{CameraEvent, Watch};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;

/// Lists all cameras, or the one that was named.
pub(crate) fn run(arguments: &ListArguments) -> Result<Ending, Failure> {
    if arguments.watch {
        return watch(arguments.json);
    }
    let cameras = simulation::cameras(&arguments.camera, Pace::Real)?;
    let all: Vec<_> = cameras.iter().map(|entry| entry.info()).collect();
    let chosen = match &arguments.camera.camera {
        Some(name) => vec![cameras.get(name)?.info()],
        None => all.clone(),
    };
    if let (true, [first, ..]) = (arguments.camera.simulate.is_empty(), &all[..])
        && first.simulated
    {
        simulation::say_simulated(&first.model);
    }
    let number = |info: &CameraInfo| all.iter().position(|other| std::ptr::eq(*other, info)).unwrap_or(0);
    let numbered: Vec<_> = chosen.into_iter().map(|info| (number(info), info)).collect();
    console::answer(&if arguments.json { as_json(&numbered) } else { as_text(&numbered) })?;
    Ok(Ending::Done)
}

/// Tells of cameras that come and go, a line each, until Ctrl-C.
fn watch(as_json: bool) -> Result<Ending, Failure> {
    let interrupt = Interrupt::listen()?;
    let mut watch = Watch::new()?;
    while !interrupt.is_asked() {
        // A signal that comes between the question and the wait is noticed a moment later.
        if let Some(event) = watch.next(Some(MOMENT))? {
            console::answer(&event_line(&event, as_json))?;
        }
    }
    Ok(Ending::Done)
}

const MOMENT: Duration = Duration::from_millis(500);

fn event_line(event: &CameraEvent, as_json: bool) -> String {
    let (word, sign) = match event {
        CameraEvent::Added(_) => ("added", '+'),
        CameraEvent::Removed(_) => ("removed", '-'),
    };
    let CameraInfo { id, pipeline, .. } = event.info();
    if as_json {
        format!("{}\n", json!({ "event": word, "id": id, "pipeline": pipeline }))
    } else {
        format!("{sign} {id} ({pipeline})\n")
    }
}

fn as_text(cameras: &[(usize, &CameraInfo)]) -> String {
    if cameras.is_empty() {
        return "no cameras\n".to_owned();
    }
    cameras.iter().map(|(number, info)| camera_text(*number, info)).collect::<Vec<_>>().join("\n")
}

fn camera_text(number: usize, info: &CameraInfo) -> String {
    let mut text = String::new();
    let simulated = if info.simulated { ", simulated" } else { "" };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{number}: {} ({}{simulated})", info.id, info.pipeline);
    for (id, value) in info.properties.iter() {
        let _ = writeln!(text, "  {id}: {value} {}", id.info().unit);
    }
    if !info.modes.is_empty() {
        text += "  modes:\n";
        info.modes.iter().for_each(|mode| text += &mode_text(mode));
    }
    if !info.pictures.is_empty() {
        text += "  pictures that it makes by itself:\n";
        text += &pictures_text(&info.pictures);
    }
    let names: Vec<_> = info.formats.iter().map(|format| format.name()).collect();
    let _ = writeln!(text, "  formats of processed streams: {}", names.join(" "));
    text += "  controls:\n";
    info.controls.iter().for_each(|limits| text += &control_text(limits));
    text
}

fn mode_text(mode: &SensorMode) -> String {
    let (size, format) = (mode.size.to_string(), pinhole::format::PixelFormat::Raw(mode.format));
    let bits = mode.format.bits;
    format!("    {size:>9}:{bits:<2}  {format}, up to {:.1} fps, shows {}\n", mode.fps_max, mode.crop)
}

/// The sizes of each format, on a line.
fn pictures_text(pictures: &[PictureMode]) -> String {
    let mut text = String::new();
    for of_format in pictures.chunk_by(|a, b| a.format == b.format) {
        let sizes: Vec<_> = of_format.iter().map(picture_text).collect();
        text += &format!("    {:<8} {}\n", of_format[0].format.name(), sizes.join(", "));
    }
    text
}

fn picture_text(picture: &PictureMode) -> String {
    match picture.fps_max {
        Some(fps) => format!("{} up to {fps:.0} fps", picture.size),
        None => picture.size.to_string(),
    }
}

fn control_text(limits: &ControlLimits) -> String {
    let info = limits.id.info();
    let values = match limits_text(limits) {
        Some(values) => format!("{values} {}", info.unit),
        _ if !info.names.is_empty() => format!("one of {}", names_within(limits).join(" ")),
        None if info.unit.is_empty() => info.type_name.to_owned(),
        None => format!("{}, in {}", info.type_name, info.unit),
    };
    format!("    {:<22} {}\n    {:22} {}\n", limits.id, values.trim_end(), "", info.meaning)
}

/// Those of a control's values that the camera has.
fn names_within(limits: &ControlLimits) -> &'static [&'static str] {
    let names = limits.id.info().names;
    let end = limits.maximum.map_or(names.len(), |last| (last as usize + 1).min(names.len()));
    &names[..end]
}

/// The camera's own limits, or those of all cameras.
fn limits_text(limits: &ControlLimits) -> Option<String> {
    let of_all = limits.id.info().limits;
    let (low, high) = limits.minimum.zip(limits.maximum).or(of_all)?;
    let default = limits.default.map_or(String::new(), |default| format!(", normally {default}"));
    Some(format!("{low} to {high}{default}"))
}

fn as_json(cameras: &[(usize, &CameraInfo)]) -> String {
    let cameras: Value = cameras.iter().map(|(number, info)| camera_json(*number, info)).collect();
    format!("{:#}\n", json!({ "cameras": cameras }))
}

fn camera_json(number: usize, info: &CameraInfo) -> Value {
    json!({
        "number": number,
        "id": info.id,
        "model": info.model,
        "pipeline": info.pipeline,
        "simulated": info.simulated,
        "properties": json::of_controls(&info.properties),
        "modes": info.modes.iter().map(mode_json).collect::<Value>(),
        "pictures": info.pictures.iter().map(picture_json).collect::<Value>(),
        "formats": info.formats.iter().map(|format| Value::from(format.name())).collect::<Value>(),
        "controls": info.controls.iter().map(control_json).collect::<Value>(),
    })
}

fn mode_json(mode: &SensorMode) -> Value {
    json!({
        "width": mode.size.width,
        "height": mode.size.height,
        "bits": mode.format.bits,
        "format": pinhole::format::PixelFormat::Raw(mode.format).name(),
        "fps_max": mode.fps_max,
        "crop": json::of_rectangle(mode.crop),
    })
}

fn picture_json(picture: &PictureMode) -> Value {
    json!({
        "format": picture.format.name(),
        "width": picture.size.width,
        "height": picture.size.height,
        "fps_max": picture.fps_max,
    })
}

fn control_json(limits: &ControlLimits) -> Value {
    let info = limits.id.info();
    json!({
        "name": info.name,
        "type": info.type_name,
        "unit": info.unit,
        "meaning": info.meaning,
        "values": names_within(limits),
        "minimum": limits.minimum.or(info.limits.map(|(low, _)| low)),
        "maximum": limits.maximum.or(info.limits.map(|(_, high)| high)),
        "default": limits.default,
    })
}
