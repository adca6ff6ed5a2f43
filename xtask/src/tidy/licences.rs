//! Third-party crates must offer a licence that asks nothing of the programs that use them.

use super::Findings;
use serde_json::Value;

/// Third-party crates without a licence that will do.
pub(super) fn check(metadata: &Value) -> Findings {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages.filter(|package| package["source"].is_string()).filter_map(objection).collect()
}

fn objection(package: &Value) -> Option<String> {
    let name = package["name"].as_str().unwrap_or_default();
    match package["license"].as_str() {
        Some(expression) if will_do(expression) => None,
        Some(expression) => Some(format!("{name}: its licence, {expression}, leaves only a copyleft one")),
        None => Some(format!("{name}: names no licence")),
    }
}

/// Whether an SPDX expression (or an old one, with slashes) can be met without a licence of
/// the GPL family.
fn will_do(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = &words[..];
    any(&mut rest) && rest.is_empty()
}

fn any(words: &mut &[&str]) -> bool {
    let mut met = all(words);
    while skip(words, "OR") {
        met |= all(words);
    }
    met
}

fn all(words: &mut &[&str]) -> bool {
    let mut met = one(words);
    while skip(words, "AND") {
        met &= one(words);
    }
    met
}

fn one(words: &mut &[&str]) -> bool {
    if skip(words, "(") {
        let met = any(words);
        return skip(words, ")") && met;
    }
    let Some((licence, rest)) = words.split_first() else { return false };
    *words = rest;
    if skip(words, "WITH") {
        *words = words.get(1..).unwrap_or_default();
    }
    !licence.contains("GPL")
}

fn skip(words: &mut &[&str], wanted: &str) -> bool {
    let found = words.first().is_some_and(|word| word.eq_ignore_ascii_case(wanted));
    *words = &words[usize::from(found)..];
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_choice_will_do_and_a_duty_will_not() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "MIT OR LGPL-2.1-or-later",
            "(MIT OR GPL-3.0-only) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR MIT",
        ] {
            assert!(will_do(good), "{good}");
        }
        for bad in
            ["GPL-3.0-only", "LGPL-2.1-or-later", "AGPL-3.0 AND MIT", "MIT AND (GPL-2.0 OR LGPL-3.0)", ""]
        {
            assert!(!will_do(bad), "{bad}");
        }
    }

    #[test]
    fn only_third_parties_are_asked() {
        let ours = json!({ "packages": [{ "name": "pinhole", "source": null, "license": null }] });
        assert!(check(&ours).is_empty());
        let unlicensed = json!({ "packages": [{ "name": "other", "source": "registry", "license": null }] });
        assert_eq!(check(&unlicensed), ["other: names no licence"]);
    }
}
