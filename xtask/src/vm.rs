//! `cargo xtask vm`: runs a program under a Linux kernel that has camera drivers, on a machine
//! that has none. What happens inside the guest is told by the scripts in `testbed/guest`; this
//! knows how kernels are made and guests are started, watched and ended, and nothing of cameras.

pub(crate) mod apt;
mod busybox;
mod guest;
mod host_program;
mod initramfs;
mod pi_painter;
pub(crate) mod place;
mod process;
mod program;
mod qemu;
pub(crate) mod tools;
mod uml;
mod usb_camera;

use clap::{Parser, Subcommand, ValueEnum};
use place::Place;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs a program under a Linux kernel with camera drivers, without hardware
/// (see testbed/README.md).
#[derive(Parser)]
#[command(name = "cargo xtask vm")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Makes a guest kernel ready; does nothing where it is
    Build(Build),
    /// Runs a program in a guest, and ends with its exit code
    Run(Run),
}

#[derive(Parser)]
struct Build {
    /// Which kernel
    #[arg(long, value_enum, default_value = "uml")]
    kernel: Kernel,
    /// Look for a newer version of the source or the kernel, too
    #[arg(long)]
    newest: bool,
}

#[derive(Parser)]
struct Run {
    /// Which kernel to run it under
    #[arg(long, value_enum, default_value = "uml")]
    kernel: Kernel,
    /// The drivers to load, with commas between them: files of testbed/guest/drivers
    #[arg(long, value_delimiter = ',')]
    drivers: Vec<String>,
    /// After how many seconds the guest is ended, whatever it does
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    timeout: u32,
    /// Where the kernel's log goes [default: target/testbed/kernel.log]
    #[arg(long)]
    log: Option<PathBuf>,
    /// A folder that the guest sees as /scratch and may write to [default: one that is deleted]
    #[arg(long)]
    scratch: Option<PathBuf>,
    /// Let the guest's clock leap over the time in which nothing happens (UML only)
    #[arg(long)]
    virtual_time: bool,
    /// Options of a camera that `--drivers uvc` plugs in, such as "--fault skip@9"; again for
    /// another camera [default: one camera without options]
    #[arg(long = "usb-camera", value_name = "OPTIONS", allow_hyphen_values = true)]
    usb_cameras: Vec<String>,
    /// The guest's memory
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(64..))]
    memory_mib: u32,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    program: Vec<OsString>,
}

/// What the guest runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kernel {
    /// Linux 6.12 as a process of the host: the fastest
    Uml,
    /// The same, watching its locks and its memory, with what it finds in its log: slower
    UmlDebug,
    /// Debian's own kernel in an emulated PC
    Qemu,
    /// Debian's own kernel in an emulated 64-bit ARM machine
    QemuArm64,
}

/// Runs the command with what follows `vm`.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let program = "cargo xtask vm".to_owned();
    match Arguments::try_parse_from(std::iter::once(&program).chain(arguments)) {
        Ok(arguments) => end(match &arguments.chore {
            Chore::Build(build) => make_ready(build),
            Chore::Run(run) => guest::run(run),
        }),
        Err(error) => {
            // Help is no error; if it cannot be printed there is nobody to tell.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
    }
}

fn make_ready(build: &Build) -> pinhole::Result<u8> {
    let place = Place::find()?;
    let _alone = place.lock()?;
    match build.kernel {
        Kernel::Uml => uml::PLAIN.build(&place, build.newest)?,
        Kernel::UmlDebug => uml::DEBUG.build(&place, build.newest)?,
        Kernel::Qemu => qemu::AMD64.build(&place, build.newest)?,
        Kernel::QemuArm64 => qemu::ARM64.build(&place, build.newest)?,
    }
    Ok(0)
}

fn end(result: pinhole::Result<u8>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("vm: {error}");
            ExitCode::from(guest::exit_code_of(&error))
        }
    }
}
