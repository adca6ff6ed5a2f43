//! Checks on the text of any file.

use super::Findings;

/// A source file has fewer lines than this.
const LINES_MAX: usize = 800;

/// What paths below the root begin with that only one machine has.
const PLACES: [&str; 4] = ["home/", "root/", "work/", "tmp/target"];

/// Whether a source file is too long to be read.
pub(super) fn length(path: &str, content: &str) -> Option<String> {
    let lines = content.lines().count();
    (lines >= LINES_MAX).then(|| format!("{path}: {lines} lines; a file has fewer than {LINES_MAX}"))
}

/// Paths that only one machine has.
pub(super) fn machine_paths(path: &str, content: &str) -> Findings {
    let lines = content.lines().enumerate();
    lines
        .filter_map(|(at, line)| {
            let place = PLACES.iter().find(|place| names(line, place))?;
            Some(format!("{path}:{}: names a place of one machine: /{place}", at + 1))
        })
        .collect()
}

/// Whether a line has an absolute path to that place.
fn names(line: &str, place: &str) -> bool {
    let is_root = |before: &str| {
        let before = before.strip_suffix('/');
        before.is_some_and(|before| !before.ends_with(continues_path))
    };
    line.match_indices(place).any(|(at, _)| is_root(&line[..at]))
}

fn continues_path(character: char) -> bool {
    character.is_alphanumeric() || "._-~/*}>)".contains(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_800_lines_is_too_long() {
        assert_eq!(length("a.rs", &"\n".repeat(799)), None);
        assert!(length("a.rs", &"\n".repeat(800)).is_some());
    }

    #[test]
    fn absolute_paths_are_told_from_relative_ones_and_addresses() {
        let found = |line: &str| machine_paths("a.md", line).len();
        for place in PLACES {
            assert_eq!(found(&format!("see /{place}x")), 1, "{place}");
            assert_eq!(found(&format!("\"/{place}x\"")), 1, "{place}");
            assert_eq!(found(&format!("crates/{place}x")), 0, "{place}");
            assert_eq!(found(&format!("https://example.org/{place}x")), 0, "{place}");
        }
        assert_eq!(found("/dev/video0 and home/"), 0);
    }
}
