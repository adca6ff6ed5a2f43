//! The table of controls in the documentation is the one in the code.

use super::{Failure, Findings};
use std::path::Path;

/// Where the table is.
const PATH: &str = "docs/controls.md";

const HEADING: &str = "\
# Controls, metadata and properties

Written by `cargo xtask tidy --fix` from the table in `crates/base/src/control.rs`.

";

/// Compares the documentation with the code, or writes it anew.
pub(super) fn check(root: &Path, fix: bool) -> Result<Findings, Failure> {
    let (path, wanted) = (root.join(PATH), document());
    let present = std::fs::read_to_string(&path).unwrap_or_default();
    if present == wanted {
        return Ok(Findings::new());
    }
    if fix {
        std::fs::write(&path, wanted)?;
        println!("{PATH}: written");
        return Ok(Findings::new());
    }
    let line = first_difference(&present, &wanted);
    Ok(vec![format!("{PATH}:{line}: differs from the code; `cargo xtask tidy --fix` writes it anew")])
}

fn document() -> String {
    let table = pinhole::control::markdown();
    format!("{HEADING}{}\n", table.trim_end())
}

/// The number of the first line, from 1, that is not the same.
fn first_difference(present: &str, wanted: &str) -> usize {
    1 + present.lines().zip(wanted.lines()).take_while(|(present, wanted)| present == wanted).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), 2);
        assert_eq!(first_difference("", "a\n"), 1);
        assert_eq!(first_difference("a\n", "a\nb\n"), 2);
    }
}
