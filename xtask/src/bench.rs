//! `cargo xtask bench core|imaging|jpeg|kernel|pi [--json] [--check] [--explain]`: measures, and holds what was
//! measured against its limits.
//!
//! - `request`: what a request costs in the core, on simulated devices.
//! - `imaging`: how fast mosaics become pictures.
//! - `jpeg`: how fast pictures become JPEGs, beside libjpeg-turbo.
//! - `drivers`: what a frame costs on the kernel's own drivers, beside other programs.
//! - `pi`: what a request costs on a Raspberry Pi's camera, beside libcamera.
//! - `guest`: programs that are measured in the virtual machine.
//! - `program`, `callgrind`, `trace`: the measured programs, and what valgrind and strace say.
//! - `table`: the figures.

mod callgrind;
mod drivers;
mod guest;
mod imaging;
mod jpeg;
mod pi;
mod program;
mod request;
mod table;
mod trace;

use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask bench core|imaging|jpeg|kernel|pi [--json] [--check] [--explain]";

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Core,
    Imaging,
    Jpeg,
    Kernel,
    Pi,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Options {
    subject: Subject,
    json: bool,
    check: bool,
    explain: bool,
}

/// Runs the command with what follows `bench`.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    match options(arguments).and_then(measure) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options(arguments: &[String]) -> Result<Options, String> {
    let (subject, rest) = match arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some(("core", rest)) => (Subject::Core, rest),
        Some(("imaging", rest)) => (Subject::Imaging, rest),
        Some(("jpeg", rest)) => (Subject::Jpeg, rest),
        Some(("kernel", rest)) => (Subject::Kernel, rest),
        Some(("pi", rest)) => (Subject::Pi, rest),
        _ => return Err(USAGE.into()),
    };
    let mut options = Options { subject, json: false, check: false, explain: false };
    for argument in rest {
        match argument.as_str() {
            "--json" => options.json = true,
            "--check" => options.check = true,
            "--explain" => options.explain = true,
            _ => return Err(format!("`{argument}` is not known; {USAGE}")),
        }
    }
    Ok(options)
}

fn measure(options: Options) -> Result<(), String> {
    let (rows, explanation) = match options.subject {
        Subject::Core => request::measure(options.explain)?,
        Subject::Imaging => imaging::measure(options.explain)?,
        Subject::Jpeg => (in_a_folder(jpeg::measure)?, String::new()),
        Subject::Kernel => in_a_folder(|folder| drivers::measure(folder, options.explain))?,
        Subject::Pi => in_a_folder(|folder| pi::measure(folder, options.explain))?,
    };
    print!("{}", if options.json { table::json(&rows) } else { table::markdown(&rows) });
    print!("{explanation}");
    let over: Vec<_> = rows.iter().filter(|row| !row.is_no_step_back()).map(|row| &*row.name).collect();
    if options.check && !over.is_empty() {
        return Err(format!("over the limit: {}", over.join(", ")));
    }
    Ok(())
}

/// Gives the work a folder for its files, and removes it.
fn in_a_folder<T>(work: impl FnOnce(&Path) -> Result<T, String>) -> Result<T, String> {
    let folder = std::env::temp_dir().join(format!("pinhole-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let done = work(&folder);
    // Only litter in the folder for temporary files if it stays.
    let _ = std::fs::remove_dir_all(&folder);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_comes_first_and_what_is_unknown_is_refused() {
        let parse =
            |words: &[&str]| options(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        let options = parse(&["kernel", "--check"]).expect("it is known");
        assert_eq!((options.subject, options.check, options.json), (Subject::Kernel, true, false));
        assert_eq!(parse(&["pi"]).map(|options| options.subject), Ok(Subject::Pi));
        assert_eq!(parse(&["core", "--json"]).map(|options| options.subject), Ok(Subject::Core));
        for wrong in [&[][..], &["--json", "core"], &["core", "--fast"]] {
            assert!(parse(wrong).is_err_and(|error| error.contains("usage")), "{wrong:?}");
        }
    }
}
