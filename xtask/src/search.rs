//! `cargo xtask search`: every order of events that small cases allow.

use crate::progress::Teller;
use clap::Parser;
use pinhole_conformance::exhaustive::{Doubt, Search, Setting, Totals};
use std::process::ExitCode;

/// Searches small cases through and through: every order of events, every fault, every stop. One
/// line a setting, with the number of states; the exit code is 1 if a promise was broken.
#[derive(Parser)]
#[command(name = "cargo xtask search")]
struct Arguments {
    /// Only this setting
    #[arg(long, value_parser = setting)]
    setting: Option<Setting>,
    /// Frames that the sensor sends [default: 2 or 3, as the setting has it]
    #[arg(long)]
    frames: Option<usize>,
    /// Of so many ways into known states, go one on to see whether the state is known rightly
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    doubt: u64,
}

fn setting(name: &str) -> Result<Setting, String> {
    Setting::ALL.into_iter().find(|setting| setting.name == name).ok_or_else(|| {
        let names = Setting::ALL.map(|setting| setting.name);
        format!("there is no setting `{name}`; there are: {}", names.join(", "))
    })
}

/// Runs the command with what follows `search`.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let program = "cargo xtask search".to_owned();
    match Arguments::try_parse_from(std::iter::once(&program).chain(arguments)) {
        Ok(arguments) => search(&arguments),
        Err(error) => {
            // Help is no error; if it cannot be printed there is nobody to tell.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

fn search(arguments: &Arguments) -> ExitCode {
    let settings = arguments.setting.map_or_else(|| Setting::ALL.to_vec(), |setting| vec![setting]);
    let (mut states, mut violations) = (0, 0);
    for setting in &settings {
        let frames = arguments.frames.unwrap_or(setting.frames);
        match search_one(Setting { frames, ..*setting }, Doubt::OneIn(arguments.doubt)) {
            Some(totals) => states += totals.states,
            None => violations += 1,
        }
    }
    println!("{} settings, {states} states, {violations} violations", settings.len());
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn search_one(setting: Setting, doubt: Doubt) -> Option<Totals> {
    let mut teller = Teller::new();
    let found =
        Search::new(setting, doubt).run(|totals| teller.tell(|| format!("{}: {totals}", setting.name)));
    teller.end();
    match found {
        Ok(totals) => {
            println!("{}: {totals}", setting.name);
            Some(totals)
        }
        Err(violation) => {
            println!("{violation}");
            None
        }
    }
}
