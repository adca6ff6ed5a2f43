//! Whatever bytes a webcam sends for a JPEG, decoding them ends with a picture or an error: never
//! a panic.

#![no_main]

use pinhole_base::geometry::Size;
use pinhole_pipelines::uvc::decode::{Decoder, FORMATS};

libfuzzer_sys::fuzz_target!(|input: (u8, u8, u8, &[u8])| {
    let (format, width, height, jpeg) = input;
    let format = FORMATS[usize::from(format) % FORMATS.len()];
    let size = Size::new(u32::from(width), u32::from(height));
    let stride_bytes = format.row_bytes(size.width).unwrap_or(0);
    if let Ok(mut decoder) = Decoder::new(format, size, stride_bytes)
        && let Ok(picture) = decoder.decode(jpeg)
    {
        assert_eq!(picture.len() as u64, format.planes(stride_bytes, size.height).bytes());
    }
});
