//! Reads the values of options from text. Errors are sentences that clap puts behind the name
//! of the option.

use pinhole::control::{ControlId, ControlValue, Direction};
use pinhole::develop::WhiteBalance;
use pinhole::files::jpeg::ThumbnailOptions;
use pinhole::geometry::{ModePixels, NativePixels, Rect, Size};
use std::str::FromStr;
use std::time::Duration;

/// The parts of `a=1,b,c=2`: keys with their values, if they have one.
pub(crate) fn parts(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split(',').map(|part| match part.split_once('=') {
        Some((key, value)) => (key.trim(), Some(value.trim())),
        None => (part.trim(), None),
    })
}

/// A value of some type behind a key.
pub(crate) fn value<T: FromStr>(key: &str, text: Option<&str>, wanted: &str) -> Result<T, String> {
    let text = text.ok_or_else(|| format!("`{key}` needs a value: {wanted}"))?;
    text.parse().map_err(|_| format!("`{key}={text}`: {wanted} is needed"))
}

/// A size behind a key.
pub(crate) fn size<S>(key: &str, text: Option<&str>) -> Result<Size<S>, String> {
    value(key, text, "a size like 1920x1080")
}

/// `Name=value` of a control that can be set.
pub(crate) fn control(text: &str) -> Result<(ControlId, ControlValue), String> {
    let (name, value) =
        text.split_once('=').ok_or("write it as NAME=VALUE, e.g. ExposureTime=10000".to_owned())?;
    let id = ControlId::from_name(name.trim())
        .ok_or_else(|| format!("there is no control `{name}`; `pinhole list` shows all"))?;
    if id.info().direction != Direction::Control {
        return Err(format!("{id} is reported by the camera and cannot be set"));
    }
    Ok((id, id.parse(value.trim())?))
}

/// `1640x1232:10`.
pub(crate) fn mode(text: &str) -> Result<(Size<ModePixels>, u8), String> {
    let (size, bits) = text.split_once(':').ok_or("write it as SIZE:BITS, e.g. 1640x1232:10")?;
    let bits = bits.parse().map_err(|_| format!("`{bits}` is no number of bits"))?;
    Ok((size.parse()?, bits))
}

/// `x,y,width,height` with something in it.
pub(crate) fn rectangle(text: &str) -> Result<Rect<NativePixels>, String> {
    match ControlId::ScalerCrop.parse(text)? {
        ControlValue::Rect(rect) if !rect.size().is_empty() => Ok(rect),
        _ => Err(format!("`{text}` has no pixels in it; write it as X,Y,WIDTH,HEIGHT")),
    }
}

/// `as-shot`, `auto`, `5500`, or `2.1,1.6`.
pub(crate) fn white_balance(text: &str) -> Result<WhiteBalance, String> {
    let wanted = || {
        format!("`{text}` is neither as-shot, auto, a temperature such as 5500, nor gains such as 2.1,1.6")
    };
    match text {
        "as-shot" => return Ok(WhiteBalance::AsShot),
        "auto" => return Ok(WhiteBalance::Auto),
        _ => {}
    }
    match text.split_once(',') {
        Some((red, blue)) => match (red.trim().parse(), blue.trim().parse()) {
            (Ok(red), Ok(blue)) => Ok(WhiteBalance::Gains([red, blue])),
            _ => Err(wanted()),
        },
        None => text.parse().map(WhiteBalance::Temperature).map_err(|_| wanted()),
    }
}

/// The small picture in a JPEG, if there is to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thumbnail(pub(crate) Option<ThumbnailOptions>);

/// `320:240:70` or `none`.
pub(crate) fn thumbnail(text: &str) -> Result<Thumbnail, String> {
    if text == "none" {
        return Ok(Thumbnail(None));
    }
    let refused = || {
        format!(
            "`{text}` is neither none nor WIDTH:HEIGHT:QUALITY, such as 320:240:70, from 1:1:1 to 65535:65535:100"
        )
    };
    let numbers: Option<Vec<u16>> = text.split(':').map(|number| number.parse().ok()).collect();
    let Some(&[width, height, quality]) = numbers.as_deref() else { return Err(refused()) };
    let fit: Size = Size::new(u32::from(width), u32::from(height));
    match u8::try_from(quality) {
        Ok(quality @ 1..=100) if !fit.is_empty() => Ok(Thumbnail(Some(ThumbnailOptions { fit, quality }))),
        _ => Err(refused()),
    }
}

/// A time in seconds, up to an hour.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    const MOST: f64 = 3600.0;
    let seconds = text.parse().ok().filter(|seconds: &f64| (0.0..=MOST).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("`{text}` is no time from 0 to {MOST} seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_read_by_name() {
        assert_eq!(control("exposuretime=8000"), Ok((ControlId::ExposureTime, ControlValue::I32(8000))));
        assert_eq!(control("AwbMode=Daylight"), Ok((ControlId::AwbMode, ControlValue::I32(5))));
        let refused = |text: &str, word: &str| {
            let reason = control(text).unwrap_err();
            assert!(reason.contains(word), "{text}: {reason}");
        };
        refused("ExposureTime", "NAME=VALUE");
        refused("Exposure=1", "there is no control `Exposure`");
        refused("Lux=5", "cannot be set");
        refused("ExposureTime=soon", "integer");
        refused("ExposureTime=-1", "outside");
        refused("AnalogueGain=NaN", "number");
        refused("ColourGains=1", "2 numbers");
        refused("AwbMode=Moonlight", "Daylight");
    }

    #[test]
    fn lights_are_read() {
        assert_eq!(white_balance("as-shot"), Ok(WhiteBalance::AsShot));
        assert_eq!(white_balance("auto"), Ok(WhiteBalance::Auto));
        assert_eq!(white_balance("5500"), Ok(WhiteBalance::Temperature(5500)));
        assert_eq!(white_balance("2.1, 1.6"), Ok(WhiteBalance::Gains([2.1, 1.6])));
        assert!(
            white_balance("sunny").is_err() && white_balance("2,").is_err() && white_balance("-5").is_err()
        );
    }

    #[test]
    fn small_pictures_are_read() {
        assert_eq!(thumbnail("320:240:70"), Ok(Thumbnail(Some(ThumbnailOptions::default()))));
        assert_eq!(thumbnail("none"), Ok(Thumbnail(None)));
        for wrong in ["", "320:240", "320:240:0", "320:240:101", "0:240:70", "320x240:70", "70000:1:1"] {
            assert!(thumbnail(wrong).is_err_and(|reason| reason.contains("320:240:70")), "{wrong}");
        }
    }

    #[test]
    fn modes_and_rectangles_and_times() {
        assert_eq!(mode("1640x1232:10"), Ok((Size::new(1640, 1232), 10)));
        assert!(mode("1640x1232").is_err() && mode("0x1:10").is_err() && mode("1x1:ten").is_err());
        assert_eq!(rectangle("8,8,1640,1232"), Ok(Rect::new(8, 8, 1640, 1232)));
        assert!(rectangle("8,8,0,1232").is_err() && rectangle("8,8").is_err());
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert!(seconds("-1").is_err() && seconds("NaN").is_err() && seconds("1e9").is_err());
    }
}
