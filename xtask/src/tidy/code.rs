//! Unsafe code is in its rooms only. Reads Rust as far as telling code from comments and
//! strings takes; knows nothing of its grammar.

use super::Findings;

/// Where unsafe code may be: system calls, and vector instructions.
const ROOMS: [&str; 2] = ["crates/kernel/", "crates/simd/"];

/// Unsafe code, and leave to write it, outside its room.
pub(super) fn outside_its_room(path: &str, content: &str) -> Findings {
    if ROOMS.iter().any(|room| path.starts_with(room)) {
        return Findings::new();
    }
    let code = bare(content);
    let lines = code.lines().enumerate();
    lines
        .filter(|(_, line)| is_unsafe(line))
        .map(|(at, _)| format!("{path}:{}: unsafe code outside its rooms", at + 1))
        .collect()
}

fn is_unsafe(line: &str) -> bool {
    let mut words = line.split(|character: char| !character.is_alphanumeric() && character != '_');
    let forbids = line.contains("forbid(") || line.contains("deny(");
    words.any(|word| word == "unsafe" || (word == "unsafe_code" && !forbids))
}

/// The code alone: comments, strings and characters left out, line breaks kept.
fn bare(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let (length, is_code) = next_piece(rest, first, code.chars().next_back());
        let piece = &rest[..length];
        match is_code {
            true => code.push_str(piece),
            false => code.extend(piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' })),
        }
        rest = &rest[length..];
    }
    code
}

/// Bytes of the next piece of the source, and whether it is code.
fn next_piece(rest: &str, first: char, before: Option<char>) -> (usize, bool) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), false);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), false);
    }
    let in_word = before.is_some_and(|before| before.is_alphanumeric() || before == '_');
    if first == 'r'
        && !in_word
        && let Some(length) = raw_string(rest)
    {
        return (length, false);
    }
    match first {
        '"' => (quoted(rest, '"').unwrap_or(rest.len()), false),
        '\'' => character(rest).map_or((1, true), |length| (length, false)),
        _ => (first.len_utf8(), true),
    }
}

/// Bytes of a comment that may hold others.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let bytes = &rest.as_bytes()[at..];
        match bytes {
            [b'/', b'*', ..] => depth += 1,
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
    }
    rest.len()
}

/// Bytes of `r"…"` or `r#"…"#`, if it is one.
fn raw_string(rest: &str) -> Option<usize> {
    let after = &rest[1..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    let inside = after[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    Some(rest.len() - inside.len() + length)
}

/// Bytes up to the closing mark, both marks included.
fn quoted(rest: &str, mark: char) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == mark => return Some(at + character.len_utf8()),
            _ => {}
        }
    }
    None
}

/// Bytes of a character in quotes; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut inside = rest.chars().skip(1);
    match (inside.next()?, inside.next()?) {
        ('\\', _) | (_, '\'') => quoted(rest, '\''),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(content: &str) -> usize {
        outside_its_room("crates/base/src/lib.rs", content).len()
    }

    #[test]
    fn unsafe_code_and_leave_for_it_are_found() {
        assert_eq!(found("let x = unsafe { f() };"), 1);
        assert_eq!(found("unsafe impl Send for X {}\n#![allow(unsafe_code)]"), 2);
        assert_eq!(found("#![allow(\n    unsafe_code,\n)]"), 1);
        assert_eq!(found("fn f<'a>(x: &'a str) { unsafe { g() } }"), 1);
        assert_eq!(found("('\"', unsafe { g() }, '\"')"), 1);
    }

    #[test]
    fn words_in_comments_and_strings_and_prohibitions_are_not() {
        for harmless in [
            "// unsafe",
            "/* unsafe /* unsafe */ unsafe */",
            "\"an \\\" unsafe\"",
            "r#\"a \" unsafe\"#",
            "#![forbid(unsafe_code)]",
            "fn is_unsafe() {}",
        ] {
            assert_eq!(found(harmless), 0, "{harmless}");
        }
    }

    #[test]
    fn its_rooms_are_let_alone() {
        for path in ["crates/kernel/src/memory.rs", "crates/simd/src/neon.rs"] {
            assert!(outside_its_room(path, "unsafe { f() }").is_empty());
        }
        assert!(!outside_its_room("crates/imaging/src/isp.rs", "unsafe { f() }").is_empty());
    }

    #[test]
    fn lines_keep_their_numbers() {
        let findings = outside_its_room("a.rs", "/* a\nb */ \"c\nd\"\nunsafe {}");
        assert_eq!(findings, ["a.rs:4: unsafe code outside its rooms"]);
    }
}
