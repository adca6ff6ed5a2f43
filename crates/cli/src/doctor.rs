//! `pinhole doctor`: what this machine has for cameras, and what stands in their way.
//!
//! It looks at files of `/sys`, `/proc`, `/dev` and `/boot` only, and opens no camera, so it
//! disturbs nobody who uses one.

mod devices;
mod finding;
mod firmware;
mod kernel;
mod memory;
mod system;

use crate::arguments::DoctorArguments;
use crate::console;
use crate::ending::{Ending, Failure};
use finding::{Finding, Level};
use serde_json::{Value, json};
use system::System;

/// Looks, and says what it found.
pub(crate) fn run(arguments: &DoctorArguments) -> Result<Ending, Failure> {
    let findings = examine(&System::below(&arguments.root));
    let problems = findings.iter().filter(|finding| finding.level == Level::Problem).count();
    console::answer(&if arguments.json { as_json(&findings) } else { as_text(&findings, problems) })?;
    Ok(if problems == 0 { Ending::Done } else { Ending::Unwell })
}

fn examine(system: &System) -> Vec<Finding> {
    let mut findings = devices::cameras(system);
    findings.extend(devices::permissions(system));
    findings.extend(devices::users(system));
    findings.extend(memory::contiguous(system));
    findings.extend(memory::heaps(system));
    findings.extend(kernel::options(system));
    findings.extend(firmware::configuration(system));
    findings
}

fn as_text(findings: &[Finding], problems: usize) -> String {
    let lines: String = findings.iter().map(ToString::to_string).collect();
    let verdict = match problems {
        0 => "nothing stands in the way of a camera".to_owned(),
        1 => "one problem".to_owned(),
        count => format!("{count} problems"),
    };
    format!("{lines}\n{verdict}\n")
}

fn as_json(findings: &[Finding]) -> String {
    let problems = findings.iter().filter(|finding| finding.level == Level::Problem).count();
    let findings: Value = findings.iter().map(Finding::as_json).collect();
    format!("{:#}\n", json!({ "problems": problems, "findings": findings }))
}
