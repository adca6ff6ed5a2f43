//! Control values as people type them: read or refused, never a panic, and what is read keeps
//! to its limits and reads back as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pinhole_base::control::ControlId;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let id = ControlId::ALL[usize::from(*first) % ControlId::ALL.len()];
    if let Ok(value) = id.parse(text) {
        assert!(id.check(value).is_ok(), "{id}: {value} is outside its limits");
    }
});
