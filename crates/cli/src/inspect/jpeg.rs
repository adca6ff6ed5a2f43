//! What a JPEG says of itself.

use super::Lines;
use crate::arguments::InspectArguments;
use crate::console;
use pinhole::files::jpeg::{self, Described};
use pinhole::{Error, ErrorKind, Result};
use serde_json::json;

/// Tells what the file holds.
///
/// # Errors
/// Its bytes do not hold together, or scopes are wanted of it.
pub(super) fn tell(bytes: &[u8], arguments: &InspectArguments) -> Result<()> {
    let place = |error: Error| error.at(arguments.file.display().to_string());
    if arguments.png.is_some() {
        let refused = Error::new(ErrorKind::Unsupported, "drawing scopes");
        return Err(place(refused.because("they are drawn of raw files, and it is a JPEG")));
    }
    let described = jpeg::describe(bytes).map_err(place)?;
    match arguments.json {
        true => console::answer(&format!("{}\n", facts_as_json(&described))),
        false => console::answer(&facts(&described)),
    }
}

fn facts(jpeg: &Described) -> String {
    let mut lines = Lines::default();
    lines
        .add("camera", format!("{} {}", jpeg.make, jpeg.model).trim())
        .add("written by", &jpeg.software)
        .add("taken", &jpeg.date_time)
        .add("exposure", &jpeg.exposure_time.map_or(String::new(), |time| format!("{} µs", time.as_micros())))
        .add("sensitivity", &jpeg.iso.map_or(String::new(), |iso| format!("ISO {iso}")))
        .add("size", &jpeg.size.to_string())
        .add("orientation", &jpeg.orientation.to_string())
        .add("colours", &jpeg.components.to_string())
        .add("subsampling", &format!("{}x{}", jpeg.subsampling.0, jpeg.subsampling.1));
    let thumbnail = jpeg.thumbnail.as_ref();
    let told =
        thumbnail.map_or("none".to_owned(), |small| format!("{}, {} bytes", small.size, small.bytes.len()));
    lines.add("thumbnail", &told);
    lines.text
}

fn facts_as_json(jpeg: &Described) -> serde_json::Value {
    json!({
        "make": jpeg.make, "model": jpeg.model, "software": jpeg.software, "date_time": jpeg.date_time,
        "exposure_us": jpeg.exposure_time.map(|time| time.as_micros() as u64), "iso": jpeg.iso,
        "width": jpeg.size.width, "height": jpeg.size.height, "orientation": jpeg.orientation,
        "components": jpeg.components, "subsampling": [jpeg.subsampling.0, jpeg.subsampling.1],
        "thumbnail": jpeg.thumbnail.as_ref().map(|small| json!({
            "width": small.size.width, "height": small.size.height,
            "offset": small.bytes.start, "bytes": small.bytes.len(),
        })),
    })
}
