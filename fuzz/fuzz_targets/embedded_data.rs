//! Whatever bytes come as embedded data, parsing them ends with settings that registers can
//! hold or with a fault that points into the data: never a panic.

#![no_main]

use pinhole_sensor::SensorHelper;
use pinhole_sensor::embedded::{EmbeddedFault, parse};

libfuzzer_sys::fuzz_target!(|input: (u8, Option<u16>, &[u8])| {
    let (bits, line_bytes, data) = input;
    let bits = [8, 10, 12, bits][usize::from(bits % 4)];
    for registers in SensorHelper::ALL.iter().filter_map(|helper| helper.embedded) {
        match parse(data, bits, line_bytes.map(usize::from), &registers) {
            Ok(settings) => {
                let words = [settings.exposure_lines, settings.analogue_gain_code, settings.frame_length_lines];
                assert!(words.iter().all(|&word| word <= 0xffff));
                assert!(settings.temperature_c.is_none_or(|degrees| (-20.0..=80.0).contains(&degrees)));
            }
            Err(EmbeddedFault::Layout | EmbeddedFault::MissingRegister(_)) => {}
            Err(
                EmbeddedFault::NoLineStart(at)
                | EmbeddedFault::BadFiller(at)
                | EmbeddedFault::BadTag(at)
                | EmbeddedFault::BadLineEnd(at),
            ) => assert!(at < data.len()),
        }
    }
});
