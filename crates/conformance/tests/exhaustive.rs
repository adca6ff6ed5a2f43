//! Every order of events in small cases, through the pipeline's step function.

use pinhole_conformance::exhaustive::{Setting, search};

fn hold(setting: Setting, states_min: u64) {
    let totals = search(setting, PATHS_MAX);
    println!("{setting:?}: {totals}");
    assert!(totals.states >= states_min, "the search has shrunk to {} states", totals.states);
    assert!(totals.complete > 0 && totals.cancelled > 0, "{totals}");
}

/// Keeps the test short.
const PATHS_MAX: u64 = 20_000;

const BOTH: Setting = Setting { raw: true, embedded: true, hidden: 0, frames: 2, starts: false };

#[test]
fn raw_and_processed() {
    hold(BOTH, 9000);
}

#[test]
fn processed_only() {
    hold(Setting { raw: false, ..BOTH }, 9000);
}

#[test]
fn without_embedded_data() {
    hold(Setting { embedded: false, ..BOTH }, 9000);
}

#[test]
fn with_a_hidden_frame() {
    hold(Setting { hidden: 1, embedded: false, ..BOTH }, 9000);
}
