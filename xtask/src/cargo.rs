//! Cargo: which it is, and where it says that programs are which it has built.

use std::ffi::OsString;
use std::path::PathBuf;

/// The option that makes cargo tell what it builds, one message in each line of what it prints;
/// what compilers have to say of errors stays readable.
pub(crate) const MESSAGES: [&str; 2] = ["--message-format", "json-render-diagnostics"];

/// The cargo that runs this, or else the one that is found.
pub(crate) fn program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The program of a target (a binary, an example, a test, a library's own tests), by cargo's
/// messages. A library's name has its hyphens as underscores.
pub(crate) fn executable(messages: &[u8], target: &str) -> Option<PathBuf> {
    let lines = messages.split(|byte| *byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice(line).ok());
    let mut of_target = messages.filter(|message: &serde_json::Value| message["target"]["name"] == target);
    of_target.find_map(|message| Some(message["executable"].as_str()?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_the_messages_of_cargo() {
        let messages = b"{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                         {\"target\":{\"name\":\"b\"},\"executable\":null}\n\
                         {\"target\":{\"name\":\"b\"},\"executable\":\"a/b\"}\n\
                         {\"target\":{\"name\":\"c\"},\"executable\":\"a/c\"}\n\
                         {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable(messages, "b"), Some("a/b".into()));
        assert_eq!(executable(messages, "d"), None);
        assert_eq!(executable(b"no json", "b"), None);
    }
}
