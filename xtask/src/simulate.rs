//! `cargo xtask simulate`: whole cameras under random applications and random faults.

use crate::progress::Teller;
use clap::Parser;
use pinhole_conformance::simulate::{FaultSet, Options, Progress, Report, SensorModel, run as play};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Simulates cameras under random applications and random faults, checks every promise after
/// every step, and ends with one line of totals. The exit code is 1 if a promise was broken.
#[derive(Parser)]
#[command(name = "cargo xtask simulate")]
struct Arguments {
    /// The seed of the first world; equal seeds give equal worlds [default: from the clock]
    #[arg(long)]
    seed: Option<u64>,
    /// How many requests to queue
    #[arg(long, default_value_t = 100_000)]
    requests: u64,
    /// What may go wrong: `all`, `none`, or kinds with commas between them
    #[arg(long, default_value = "all", value_parser = FaultSet::parse)]
    faults: FaultSet,
    /// The sensors that cameras may have, with commas between them
    #[arg(long, value_delimiter = ',', value_parser = sensor, default_value = "imx219,imx477")]
    sensors: Vec<&'static SensorModel>,
    /// Threads to simulate on; the result does not depend on it [default: as many as there are]
    #[arg(long)]
    threads: Option<usize>,
    /// Show the last of what the hardware did before a violation, too
    #[arg(long)]
    log: bool,
    /// Print the digest of all that happened, and how often each kind of fault did
    #[arg(long)]
    verbose: bool,
}

/// The simulated sensor of that name.
pub(crate) fn sensor(name: &str) -> Result<&'static SensorModel, String> {
    SensorModel::by_name(name).ok_or_else(|| {
        let known: Vec<_> = SensorModel::ALL.iter().map(|model| model.name).collect();
        format!("there is no sensor `{name}`; there are: {}", known.join(", "))
    })
}

impl Arguments {
    fn options(&self) -> Options {
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        Options {
            seed: self.seed.unwrap_or_else(seed_of_the_clock),
            requests: self.requests,
            faults: self.faults,
            sensors: self.sensors.clone(),
            log: self.log,
            threads: self.threads.unwrap_or_else(available).max(1),
        }
    }
}

/// Runs the command with what follows `simulate`.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let program = "cargo xtask simulate".to_owned();
    match Arguments::try_parse_from(std::iter::once(&program).chain(arguments)) {
        Ok(arguments) => simulate(&arguments),
        Err(error) => {
            // Help is no error; if it cannot be printed there is nobody to tell.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

fn simulate(arguments: &Arguments) -> ExitCode {
    let options = arguments.options();
    let interrupted = Arc::new(AtomicBool::new(false));
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupted)) {
        eprintln!("simulate: an interrupt will end without the totals: {error}");
    }
    if arguments.seed.is_none() {
        eprintln!("seed {}", options.seed);
    }
    let mut teller = Teller::new();
    let report = play(&options, |Progress { requests, violations }| {
        teller.tell(|| format!("{requests} of {} requests, {violations} violations", options.requests));
        !interrupted.load(Ordering::Relaxed)
    });
    teller.end();
    print(&report, arguments.verbose);
    if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn seed_of_the_clock() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // Short enough to be typed.
    since.map_or(0, |since| since.as_micros() as u64 % 1_000_000_000)
}

fn print(report: &Report, verbose: bool) {
    for found in &report.violations {
        println!("{found}\n");
    }
    if verbose {
        for (kind, count) in FaultSet::all().kinds().zip(&report.faults) {
            println!("{count:>10} {}", kind.name());
        }
        println!("{} worlds, digest {:016x}", report.worlds, report.digest);
    }
    println!("{report}");
}
