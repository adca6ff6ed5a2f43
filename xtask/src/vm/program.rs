//! What the guest's scripts read: settings, and the program as a script. Knows the shell's rules
//! of quoting.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Environment variables that begin so reach the program.
const PASSED_ON: [&str; 3] = ["PINHOLE_", "PROPTEST_", "RUST_"];

/// A shell script that grows line by line.
#[derive(Default)]
pub(super) struct Script(Vec<u8>);

impl Script {
    /// Gives a variable a value.
    pub(super) fn set(&mut self, name: &str, value: impl AsRef<OsStr>) -> &mut Self {
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'=');
        self.word(value.as_ref());
        self.0.push(b'\n');
        self
    }

    fn line(&mut self, command: &str, words: &[OsString]) {
        self.0.extend_from_slice(command.as_bytes());
        for word in words {
            self.0.push(b' ');
            self.word(word);
        }
        self.0.push(b'\n');
    }

    /// A word in quotes, within which only the quote itself means something.
    fn word(&mut self, word: &OsStr) {
        self.0.push(b'\'');
        for &byte in word.as_bytes() {
            match byte {
                b'\'' => self.0.extend_from_slice(b"'\\''"),
                other => self.0.push(other),
            }
        }
        self.0.push(b'\'');
    }

    /// The text.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The script that becomes the program, in the folder where this process is.
pub(super) fn script(program: &[OsString], folder: &Path) -> Script {
    let mut script = Script::default();
    let fixed =
        [("HOME", "/scratch"), ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")];
    for (name, value) in fixed {
        script.set(&format!("export {name}"), value);
    }
    for (name, value) in std::env::vars_os() {
        if let Some(name) = name.to_str().filter(|name| is_passed_on(name)) {
            script.set(&format!("export {name}"), value);
        }
    }
    script.line("cd", &[folder.as_os_str().to_owned()]);
    script.line("exec", program);
    script
}

fn is_passed_on(name: &str) -> bool {
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name && PASSED_ON.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_shell_reads_words_as_they_were() {
        let odd = ["a b", "", "it's", "$HOME `x` \"y\" \\", "line\nbreak", "--"];
        let mut arguments: Vec<OsString> = vec!["printf".into(), "<%s>".into()];
        arguments.extend(odd.map(OsString::from));
        let script = script(&arguments, Path::new("/"));
        let output = Command::new("sh").arg("-c").arg(OsStr::from_bytes(script.bytes())).output();
        let expected: String = odd.iter().map(|word| format!("<{word}>")).collect();
        assert_eq!(String::from_utf8_lossy(&output.expect("there is a shell").stdout), expected);
    }

    #[test]
    fn only_variables_that_a_shell_can_name_are_passed_on() {
        assert!(is_passed_on("RUST_LOG"));
        assert!(!is_passed_on("HOME"));
        assert!(!is_passed_on("RUST_x;reboot"));
    }
}
