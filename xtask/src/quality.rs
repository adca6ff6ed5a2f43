//! `cargo xtask quality`: how near a simulated camera's pictures come to what it looks at.

use clap::Parser;
use pinhole::sim::model::SensorModel;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures the pictures of a simulated camera: the colours of the chart, the sharpness of slanted
/// edges, the noise of grey patches; and prints tables.
#[derive(Parser)]
#[command(name = "cargo xtask quality")]
struct Arguments {
    /// The camera's sensor
    #[arg(long, default_value = "imx219", value_parser = crate::simulate::sensor)]
    sensor: &'static SensorModel,
    /// Draw charts, edges, grey patches and curves into this folder
    #[arg(long, value_name = "FOLDER")]
    pictures: Option<PathBuf>,
    /// Exit with 1 where a figure is beyond its limit
    #[arg(long)]
    check: bool,
}

/// Runs the command with what follows `quality`.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let program = "cargo xtask quality".to_owned();
    match Arguments::try_parse_from(std::iter::once(&program).chain(arguments)) {
        Ok(arguments) => match measure(&arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("quality: {error}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            // Help is no error; if it cannot be printed there is nobody to tell.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), String> {
    let report = pinhole_quality::measure(arguments.sensor).map_err(|error| error.to_string())?;
    print!("{}", report.markdown());
    if let Some(folder) = &arguments.pictures {
        report.draw(folder).map_err(|error| error.to_string())?;
    }
    let failures = report.failures();
    match arguments.check && !failures.is_empty() {
        true => Err(format!("beyond the limits:\n{}", failures.join("\n"))),
        false => Ok(()),
    }
}
