//! One run of a program in a guest: its folder, the host's user that it runs as, and what comes
//! of it. Which kernel it is, is the business of `uml` and `qemu`.

use super::place::{Place, at, entries, make_folder, remove_folder, write};
use super::process::{Ended, interruption, supervise};
use super::program::{Script, script};
use super::{Kernel, Run, pi_painter, qemu, uml, usb_camera};
use pinhole::{Error, ErrorKind, Result};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{stderr, stdout};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// `nobody`, and its group: whom the guest runs as where this process is root, because a guest can
/// do to the host's files what its user can.
const NOBODY: u32 = 65534;

/// How much longer than the host's patience that of the guest is, which ends by itself where this
/// process was killed.
const GUEST_EXTRA_S: u32 = 10;

/// The same on a virtual clock: a day.
const GUEST_VIRTUAL_MAX_S: u32 = 24 * 60 * 60;

/// Lines of the kernel's log that are shown where the guest broke down.
const LOG_LINES_SHOWN: usize = 15;

/// Redirects for a guest: its own output and errors are the kernel's log (the first argument),
/// and the descriptors 3 and 4 lead to those of the program.
const WRAPPER: &str = r#"log=$1; shift; exec "$@" 3>&1 4>&2 >"$log" 2>&1"#;

/// What a kernel needs to know to be started.
pub(super) struct Wish<'a> {
    /// Drivers to load.
    pub(super) drivers: &'a [String],
    /// Memory of the guest.
    pub(super) memory_mib: u32,
    /// Whether the guest's clock leaps over idle time.
    pub(super) is_time_virtual: bool,
    /// The folder of this run.
    pub(super) folder: &'a Path,
    /// The folder that the guest may write to.
    pub(super) scratch: &'a Path,
}

/// A guest that can be started.
pub(super) struct Machine {
    /// The program of the host, with its arguments.
    pub(super) command: Vec<OsString>,
    /// The folder with the kernel's modules.
    pub(super) modules: PathBuf,
    /// A static busybox of the guest's architecture.
    pub(super) busybox: PathBuf,
    /// Whether it cannot run the host's programs.
    pub(super) is_foreign: bool,
}

/// What a run leaves, until it is dropped.
struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes one for this process, and removes those of processes that are gone: killed, they
    /// could not do it.
    fn make(place: &Place) -> Result<Self> {
        let runs = place.cache.join("runs");
        make_folder(&runs)?;
        let is_left =
            |run: &PathBuf| run.file_name().is_some_and(|process| !Path::new("/proc").join(process).exists());
        entries(&runs)?.iter().filter(|run| is_left(run)).try_for_each(|run| remove_folder(run))?;
        let folder = Self { path: runs.join(std::process::id().to_string()) };
        give_folder(&folder.path)?;
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = remove_folder(&self.path) {
            eprintln!("vm: {error}");
        }
    }
}

/// Runs a program in a guest, and returns its exit code.
pub(super) fn run(run: &Run) -> Result<u8> {
    let place = Place::find()?;
    check_drivers(&place, &run.drivers)?;
    let here = std::env::current_dir().map_err(at(Path::new("."), "finding the present folder"))?;
    check_program(&run.program[0], &here)?;
    let folder = Folder::make(&place)?;
    let scratch = scratch(run, &folder.path)?;
    let path = &folder.path;
    let wish = Wish {
        drivers: &run.drivers,
        memory_mib: run.memory_mib,
        is_time_virtual: run.virtual_time,
        folder: path,
        scratch: &scratch,
    };
    let machine = match run.kernel {
        Kernel::Uml => uml::PLAIN.machine(&place, &wish)?,
        Kernel::UmlDebug => uml::DEBUG.machine(&place, &wish)?,
        Kernel::Qemu => qemu::AMD64.machine(&place, &wish)?,
        Kernel::QemuArm64 => qemu::ARM64.machine(&place, &wish)?,
    };
    usb_camera::provide(run, &machine, path)?;
    pi_painter::provide(run, &machine, path)?;
    write(&path.join("settings"), settings(run, &place, &machine).bytes())?;
    write(&path.join("program"), script(&run.program, &here).bytes())?;
    let ended = start(&machine, path, run.timeout)?;
    let log = run.log.clone().unwrap_or_else(|| place.cache.join("kernel.log"));
    fs::copy(path.join("kernel.log"), &log).map_err(at(&log, "keeping the kernel's log"))?;
    outcome(path, ended, run.timeout, &log)
}

fn check_drivers(place: &Place, wanted: &[String]) -> Result<()> {
    let present = entries(&place.testbed.join("guest/drivers"))?;
    let names: Vec<_> = present.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    match wanted.iter().find(|driver| !names.contains(&driver.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(Error::new(ErrorKind::InvalidArgument, "choosing the drivers")
            .at(unknown)
            .because("there is no such file in testbed/guest/drivers")
            .hint(format!("there are: {}", names.join(", ")))),
    }
}

/// Says so where the guest's user would not find the program, instead of letting the guest fail.
fn check_program(program: &OsStr, here: &Path) -> Result<()> {
    check_reach(here)?;
    let path = here.join(program);
    if !program.as_bytes().contains(&b'/') {
        // The guest will look for it in its own search path.
        return Ok(());
    }
    let found = path.canonicalize().map_err(at(&path, "looking for the program"))?;
    check_reach(&found)
}

/// Where this process is root, the guest's user must be able to read a path.
fn check_reach(path: &Path) -> Result<()> {
    let closed = |path: &&Path| fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o001 == 0);
    match path.ancestors().find(closed) {
        Some(closed) if is_root() => Err(Error::new(ErrorKind::PermissionDenied, "showing it to the guest")
            .at(path.display().to_string())
            .because(format!("the guest runs as `nobody`, whom {} keeps out", closed.display()))
            .hint("move it to a folder that everybody may enter, or run this as an ordinary user")),
        _ => Ok(()),
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Makes a folder that the guest's user may write to.
fn give_folder(path: &Path) -> Result<()> {
    make_folder(path)?;
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).map_err(at(path, "giving a folder to the guest's user"))?;
    }
    Ok(())
}

/// The folder that the guest may write to. One that is there already is not given away.
fn scratch(run: &Run, folder: &Path) -> Result<PathBuf> {
    let path = run.scratch.clone().unwrap_or_else(|| folder.join("scratch"));
    match fs::metadata(&path) {
        Err(_) => give_folder(&path)?,
        Ok(metadata) if is_root() && metadata.uid() != NOBODY && metadata.mode() & 0o002 == 0 => {
            return Err(Error::new(ErrorKind::PermissionDenied, "letting the guest write to a folder")
                .at(path.display().to_string())
                .because("the guest runs as `nobody`, who may not")
                .hint("name a folder that is not there yet, or give that one away with `chown nobody`"));
        }
        Ok(_) => {}
    }
    let path = path.canonicalize().map_err(at(&path, "finding the folder for the guest"))?;
    check_reach(&path).map(|()| path)
}

fn settings(run: &Run, place: &Place, machine: &Machine) -> Script {
    let mut settings = Script::default();
    settings.set("testbed", &place.testbed);
    settings.set("busybox", &machine.busybox);
    settings.set("modules", &machine.modules);
    settings.set("foreign", if machine.is_foreign { "yes" } else { "" });
    settings.set("drivers", run.drivers.join(" "));
    settings.set("guest_seconds_max", guest_seconds_max(run).to_string());
    settings
}

/// When the guest ends itself. Virtual seconds say nothing about those of the host.
fn guest_seconds_max(run: &Run) -> u32 {
    if run.virtual_time { GUEST_VIRTUAL_MAX_S } else { run.timeout.saturating_add(GUEST_EXTRA_S) }
}

fn start(machine: &Machine, folder: &Path, timeout_s: u32) -> Result<Ended> {
    let mut command = Command::new("sh");
    command.args(["-c", WRAPPER, "sh"]).arg(folder.join("kernel.log")).args(&machine.command);
    command.current_dir(folder).env("HOME", folder).env("TMPDIR", folder);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let longest = Duration::from_secs(timeout_s.into());
    supervise(&mut command, longest, &*interruption()?, [Box::new(stdout()), Box::new(stderr())])
}

/// What came of it, by what the guest wrote down.
fn outcome(folder: &Path, ended: Ended, timeout_s: u32, log: &Path) -> Result<u8> {
    let doing = "running a program in the guest";
    let status = fs::read_to_string(folder.join("status")).ok();
    if let Some(code) = status.and_then(|status| status.trim().parse().ok()) {
        return Ok(code);
    }
    let place = log.display().to_string();
    if let Ok(failure) = fs::read_to_string(folder.join("failure")) {
        return Err(Error::new(ErrorKind::Device, "preparing the guest")
            .at(place)
            .because(failure.trim_end()));
    }
    Err(match ended {
        Ended::Interrupted => Error::new(ErrorKind::Cancelled, doing).because("interrupted"),
        Ended::TooLate => Error::new(ErrorKind::Timeout, doing)
            .at(place)
            .because(format!("it did not end within {timeout_s} s"))
            .hint("--timeout gives it longer"),
        Ended::Itself => Error::new(ErrorKind::Device, doing).at(place).because(format!(
            "the guest ended before the program; the end of the kernel's log:\n{}",
            tail(log)
        )),
    })
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}

/// The exit code that tells a failure of the guest from one of the program: that of `timeout`,
/// that of an interrupted shell, or 125.
pub(super) fn exit_code_of(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::Timeout => 124,
        ErrorKind::Cancelled => 130,
        _ => 125,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a run that left these files.
    fn outcome_of(name: &str, files: &[(&str, &str)], ended: Ended) -> Result<u8> {
        let path = std::env::temp_dir().join(format!("pinhole-vm-{}-{name}", std::process::id()));
        make_folder(&path)?;
        let folder = Folder { path };
        for (file, content) in files {
            write(&folder.path.join(file), content.as_bytes())?;
        }
        outcome(&folder.path, ended, 9, &folder.path.join("kernel.log"))
    }

    #[test]
    fn the_code_that_the_program_left_counts_even_if_the_guest_did_not_turn_off() {
        for ended in [Ended::Itself, Ended::TooLate] {
            assert_eq!(outcome_of("status", &[("status", "7\n")], ended).ok(), Some(7));
        }
    }

    #[test]
    fn failures_of_the_guest_have_codes_of_their_own_and_say_why() {
        let log = ("kernel.log", "first\nKernel panic\n");
        let cases = [
            ("late", Ended::TooLate, 124, "within 9 s"),
            ("interrupted", Ended::Interrupted, 130, "interrupted"),
            ("broken", Ended::Itself, 125, "Kernel panic"),
        ];
        for (name, ended, code, why) in cases {
            let error = outcome_of(name, &[log], ended).expect_err("there is no status");
            assert_eq!(exit_code_of(&error), code);
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn a_driver_that_does_not_load_is_told() {
        let files = [("failure", "modprobe vivid: no such device\n")];
        let error = outcome_of("failure", &files, Ended::Itself).expect_err("it failed");
        assert_eq!(exit_code_of(&error), 125);
        assert!(error.to_string().contains("no such device"), "{error}");
    }

    #[test]
    fn a_driver_that_nobody_wrote_is_refused_with_those_that_there_are() {
        let place = Place::find().expect("the repository is here");
        assert!(check_drivers(&place, &["vivid".into(), "vimc".into()]).is_ok());
        let error = check_drivers(&place, &["nonsense".into()]).expect_err("there is none");
        assert!(error.to_string().contains("vivid"), "{error}");
    }
}
