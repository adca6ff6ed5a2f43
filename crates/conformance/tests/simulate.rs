//! The deterministic simulation, for as long as a test may take: the same as
//! `cargo xtask simulate`, which goes on for longer.

use pinhole_conformance::simulate::{FaultSet, Options, Report, SensorModel, run};

fn simulate(options: &Options) -> Report {
    let report = run(options, |_| true);
    for found in &report.violations {
        eprintln!("{found}\n");
    }
    report
}

fn sound(options: &Options) -> Report {
    let report = simulate(options);
    assert!(report.violations.is_empty(), "{report}");
    report
}

/// Would catch anything that only needs an unlucky order of events.
#[test]
fn no_promise_is_broken_without_faults() {
    let report = sound(&Options { faults: FaultSet::NONE, ..Options::new(1, 5000) });
    assert!(report.requests >= 5000 && report.faults.iter().sum::<u64>() == 0, "{report}");
}

/// Would catch a buffer that stays with the ISP after its queue was refused another.
#[test]
fn no_promise_is_broken_under_all_faults() {
    let report = sound(&Options::new(1, 20_000));
    assert!(report.requests > 18_000, "hardly anything happened: {report}");
    let silent: Vec<_> = FaultSet::all()
        .kinds()
        .zip(&report.faults)
        .filter(|(_, count)| **count == 0)
        .map(|(kind, _)| kind.name())
        .collect();
    assert!(silent.len() <= 2, "these faults never came: {}", silent.join(", "));
}

/// Seeds that once found something: a fence that had signalled beside one that had not, which
/// ended every wait at once; frames that came late, or twice, and waited for each other for
/// ever; frame starts told too late; a watchdog too quick after a long exposure; a failure lost
/// by whoever looked for the newest frame; settings of frames older than the record, told as if
/// they were known; a record believed against the embedded data; a wait for a request that had
/// just come back; a long exposure whose record had been forgotten, read in the wrong unit. What
/// a seed leads to changes with the simulation, so each of these has a test of its own, too, or
/// a mutation.
#[test]
fn seeds_of_the_past_find_nothing_any_more() {
    const PAST: [u64; 18] =
        [2, 5, 10, 13, 19, 31, 53, 84, 105, 113, 1025, 1055, 1057, 1158, 1206, 1234, 1464, 1795393904];
    for seed in PAST {
        let report = simulate(&Options::new(seed, 1000));
        assert!(report.violations.is_empty(), "seed {seed}: {report}");
    }
}

/// Would catch chance or time from outside: a map's order, a clock, a race between threads.
#[test]
fn equal_seeds_give_equal_runs_on_any_number_of_threads() {
    let options = Options::new(7, 4000);
    let (one, again) = (run(&options, |_| true), run(&options, |_| true));
    let threaded = run(&Options { threads: 3, ..options.clone() }, |_| true);
    for other in [&again, &threaded] {
        assert_eq!(one.digest, other.digest);
        assert_eq!(one.to_string(), other.to_string());
    }
    assert_ne!(one.digest, run(&Options { seed: 8, ..options }, |_| true).digest);
}

/// A run that is told to end does, with what it has.
#[test]
fn a_run_ends_when_it_is_told_to() {
    let report = run(&Options::new(1, 100_000_000), |_| false);
    assert!(report.worlds < 100, "{} worlds were played", report.worlds);
}

/// The sensors that are asked for are the ones that are simulated.
#[test]
fn a_single_sensor_is_simulated_alone() {
    let imx477 = SensorModel::by_name("imx477").expect("the IMX477 is known");
    let report = sound(&Options { sensors: vec![imx477], ..Options::new(3, 3000) });
    assert!(report.requests >= 2700, "{report}");
}
