//! Every order of events in small cases, through the pipeline's step function.

use pinhole_conformance::exhaustive::{Doubt, Search, Setting, Totals};

fn search(setting: Setting, doubt: Doubt) -> Totals {
    let totals = Search::new(setting, doubt).run(|_| ()).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{}: {totals}", setting.name);
    assert_eq!(totals.left, 0, "the search is not complete");
    totals
}

/// The promises hold in all states, and those are as many as they should be.
fn hold(name: &str, states_min: u64) {
    let setting = Setting::ALL.into_iter().find(|setting| setting.name == name);
    let totals = search(setting.expect("there is such a setting"), Doubt::OneIn(20));
    assert!(totals.states >= states_min, "the search has shrunk to {} states", totals.states);
    assert!(totals.complete > 0 && totals.cancelled > 0, "{totals}");
}

#[test]
fn raw_and_processed() {
    hold("raw-and-processed", 100_000);
}

#[test]
fn raw_without_embedded_data() {
    hold("raw-without-embedded-data", 15_000);
}

#[test]
fn processed() {
    hold("processed", 80_000);
}

#[test]
fn two_processed() {
    hold("two-processed", 30_000);
}

#[test]
fn hidden_frame() {
    hold("hidden-frame", 15_000);
}

#[test]
fn raw_hidden_frame() {
    hold("raw-hidden-frame", 30_000);
}

#[test]
fn frame_starts() {
    hold("frame-starts", 120_000);
}

#[test]
fn prompt_algorithms() {
    hold("prompt-algorithms", 40_000);
}

/// Where the search turns back it misses nothing: without ever turning back it finds the same
/// states, and from those that it takes for one the same follows, to the end.
#[test]
fn turning_back_misses_nothing() {
    let all = search(Setting::TINY, Doubt::All);
    let turning_back = search(Setting::TINY, Doubt::OneIn(1));
    assert_eq!(all.states, turning_back.states);
    assert!(all.ways > turning_back.ways, "there was nothing to turn back from");
}
