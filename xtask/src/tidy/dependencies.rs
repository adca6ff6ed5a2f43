//! Which crate of the workspace may depend on which.

use super::Findings;
use serde_json::Value;

/// Every crate, and those of the workspace that it may use outside its tests.
const ALLOWED: &[(&str, &[&str])] = &[
    ("pinhole-base", &[]),
    ("pinhole-buffer", &["pinhole-base"]),
    ("pinhole-device", &["pinhole-base", "pinhole-buffer"]),
    ("pinhole-kernel", &["pinhole-base", "pinhole-buffer", "pinhole-device"]),
    ("pinhole-sensor", &["pinhole-base", "pinhole-buffer", "pinhole-device"]),
    ("pinhole-camera", &["pinhole-base", "pinhole-buffer", "pinhole-device"]),
    ("pinhole-sim", &["pinhole-base", "pinhole-buffer", "pinhole-device", "pinhole-imaging"]),
    ("pinhole-algorithm", &["pinhole-base"]),
    ("pinhole-simd", &[]),
    ("pinhole-imaging", &["pinhole-base", "pinhole-simd"]),
    ("pinhole-files", &["pinhole-base", "pinhole-simd"]),
    ("pinhole-develop", &["pinhole-base", "pinhole-files", "pinhole-imaging"]),
    (
        "pinhole-pipelines",
        &[
            "pinhole-base",
            "pinhole-buffer",
            "pinhole-device",
            "pinhole-camera",
            "pinhole-sensor",
            "pinhole-algorithm",
            "pinhole-imaging",
        ],
    ),
    (
        "pinhole",
        &[
            "pinhole-base",
            "pinhole-buffer",
            "pinhole-device",
            "pinhole-kernel",
            "pinhole-sensor",
            "pinhole-camera",
            "pinhole-sim",
            "pinhole-algorithm",
            "pinhole-imaging",
            "pinhole-files",
            "pinhole-develop",
            "pinhole-pipelines",
        ],
    ),
    ("pinhole-conformance", &["pinhole"]),
    ("pinhole-quality", &["pinhole", "pinhole-imaging"]),
    ("pinhole-cli", &["pinhole"]),
    ("pinhole-usb-camera", &["pinhole-base", "pinhole-files"]),
    (
        "pinhole-pi-painter",
        &[
            "pinhole-base",
            "pinhole-buffer",
            "pinhole-device",
            "pinhole-imaging",
            "pinhole-kernel",
            "pinhole-sim",
        ],
    ),
];

/// Crates that may use any other.
const FREE: &[&str] = &["xtask"];

/// Normal and build dependencies that the table does not allow.
pub(super) fn check(workspace: &Value) -> Findings {
    packages(workspace).flat_map(check_package).collect()
}

fn packages(workspace: &Value) -> impl Iterator<Item = &Value> {
    workspace["packages"].as_array().into_iter().flatten()
}

fn check_package(package: &Value) -> Findings {
    let name = package["name"].as_str().unwrap_or_default();
    if FREE.contains(&name) {
        return Findings::new();
    }
    let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
        return vec![format!("{name}: the table of dependencies (xtask/src/tidy/dependencies.rs) lacks it")];
    };
    local_dependencies(package)
        .filter(|used| !allowed.contains(used))
        .map(|used| format!("{name}: may not depend on {used}; it may on {allowed:?}"))
        .collect()
}

fn local_dependencies(package: &Value) -> impl Iterator<Item = &str> {
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    dependencies
        .filter(|dependency| dependency["path"].is_string() && dependency["kind"] != "dev")
        .filter_map(|dependency| dependency["name"].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workspace(name: &str, dependency: &Value) -> Value {
        json!({ "packages": [{ "name": name, "dependencies": [dependency] }] })
    }

    #[test]
    fn only_what_the_table_names_is_allowed() {
        let on = |name: &str| json!({ "name": name, "path": "somewhere", "kind": null });
        assert!(check(&workspace("pinhole-device", &on("pinhole-base"))).is_empty());
        assert_eq!(check(&workspace("pinhole-device", &on("pinhole-sim"))).len(), 1);
        assert_eq!(check(&workspace("pinhole-cli", &on("pinhole-base"))).len(), 1);
        assert!(check(&workspace("xtask", &on("pinhole-sim"))).is_empty());
    }

    #[test]
    fn tests_and_third_parties_are_free() {
        let test = json!({ "name": "pinhole-sim", "path": "somewhere", "kind": "dev" });
        assert!(check(&workspace("pinhole-base", &test)).is_empty());
        let third_party = json!({ "name": "png", "kind": null });
        assert!(check(&workspace("pinhole-base", &third_party)).is_empty());
    }

    #[test]
    fn a_crate_that_the_table_lacks_is_told() {
        let none = json!({ "packages": [{ "name": "pinhole-new", "dependencies": [] }] });
        assert_eq!(check(&none).len(), 1);
    }
}
