//! What a developed picture says of itself, from what its raw file says.

use pinhole_files::dng::DngImage;
use pinhole_files::{DateTime, ImageMetadata};

/// Metadata for the picture. It is upright, whatever the raw frame is.
pub fn metadata(image: &DngImage) -> ImageMetadata {
    let metadata = ImageMetadata {
        make: image.make.clone(),
        model: image.model.clone(),
        date_time: date_time(&image.date_time),
        exposure_time: image.exposure_time,
        analogue_gain: image.iso.filter(|&iso| iso > 0).map(|iso| f64::from(iso) / 100.0),
        ..ImageMetadata::default()
    };
    // What the file says may be no date at all.
    if metadata.check().is_ok() { metadata } else { ImageMetadata { date_time: None, ..metadata } }
}

/// Reads `2026:07:09 18:04:05`.
fn date_time(text: &str) -> Option<DateTime> {
    let mut numbers = text.split([':', ' ']).map(|number| number.parse::<u16>().ok());
    let mut next = || numbers.next().flatten();
    let year = next()?;
    let mut small = || next().and_then(|number| u8::try_from(number).ok());
    Some(DateTime {
        year,
        month: small()?,
        day: small()?,
        hour: small()?,
        minute: small()?,
        second: small()?,
        millisecond: 0,
        utc_offset_minutes: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read() {
        assert_eq!(date_time("2026:07:09 18:04:05").unwrap().to_string(), "2026:07:09 18:04:05");
        assert_eq!(date_time("yesterday"), None);
        assert_eq!(date_time("2026:07:09"), None);
        assert_eq!(date_time("2026:07:09 18:04:400"), None);
    }
}
