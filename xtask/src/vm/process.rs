//! A process group on the host that is watched, and ended in time with all that belongs to it.
//! Knows nothing of guests.

use super::place::at;
use pinhole::Result;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// How often the process is looked at.
const PAUSE: Duration = Duration::from_millis(5);

/// How long the last of the output may take once all processes are gone.
const OUTPUT_REST_MAX: Duration = Duration::from_secs(2);

/// How it came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself.
    Itself,
    /// It took too long.
    TooLate,
    /// Somebody interrupted this process.
    Interrupted,
}

/// A flag that the signals raise by which people and machines end programs.
pub(super) fn interruption() -> Result<Arc<AtomicBool>> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let doing = "preparing for interrupts";
        signal_hook::flag::register(signal, Arc::clone(&flag)).map_err(at(Path::new("signals"), doing))?;
    }
    Ok(flag)
}

/// Runs a program in a group of its own, at most that long; what it writes to its standard output
/// and error goes to these. Whatever happens, nothing of the group is left.
pub(super) fn supervise(
    command: &mut Command,
    longest: Duration,
    interrupted: &AtomicBool,
    [out, err]: [Box<dyn Write + Send>; 2],
) -> Result<Ended> {
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = command.get_program().to_owned();
    let mut child = command.spawn().map_err(at(Path::new(&program), "starting a program"))?;
    let (sender, done) = channel();
    carry(child.stdout.take(), out, sender.clone());
    carry(child.stderr.take(), err, sender);
    let ended = watch(&child, longest, interrupted);
    // It fails only where nothing of the group is left.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    child.wait().map_err(at(Path::new(&program), "waiting for a program"))?;
    await_output(&done);
    Ok(ended)
}

/// Waits, without collecting the process: so its number stays its own, and that of its group.
fn watch(child: &Child, longest: Duration, interrupted: &AtomicBool) -> Ended {
    let began = Instant::now();
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    loop {
        match waitid(WaitId::Pid(Pid::from_child(child)), options) {
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Ok(Some(_)) | Err(_) => return Ended::Itself,
        }
        if interrupted.load(Ordering::Relaxed) {
            return Ended::Interrupted;
        }
        if began.elapsed() >= longest {
            return Ended::TooLate;
        }
        std::thread::sleep(PAUSE);
    }
}

/// Carries bytes on as they come, in a thread of its own.
fn carry(from: Option<impl Read + Send + 'static>, mut to: Box<dyn Write + Send>, done: Sender<()>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 16384];
        let mut from = from;
        while let Some(length @ 1..) = from.as_mut().and_then(|from| from.read(&mut buffer).ok()) {
            // Who no longer listens does not stop the program.
            let _ = to.write_all(&buffer[..length]).and_then(|()| to.flush());
        }
        // Nobody waits any more where this fails.
        let _ = done.send(());
    });
}

fn await_output(done: &Receiver<()>) {
    let until = Instant::now() + OUTPUT_REST_MAX;
    for _ in 0..2 {
        if done.recv_timeout(until.saturating_duration_since(Instant::now())).is_err() {
            eprintln!("vm: the last of the output did not come");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no writer panics").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn run(script: &str, longest: Duration, interrupted: bool) -> (Ended, String, String) {
        let (out, err) = (Memory::default(), Memory::default());
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let sinks: [Box<dyn Write + Send>; 2] = [Box::new(out.clone()), Box::new(err.clone())];
        let ended = supervise(&mut command, longest, &AtomicBool::new(interrupted), sinks);
        let text = |memory: Memory| String::from_utf8_lossy(&memory.0.lock().expect("it is free")).into();
        (ended.expect("there is a shell"), text(out), text(err))
    }

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn output_and_errors_arrive_apart() {
        let (ended, out, err) = run("echo one; echo two >&2; exit 7", LONG, false);
        assert_eq!((ended, &*out, &*err), (Ended::Itself, "one\n", "two\n"));
    }

    #[test]
    fn what_takes_too_long_is_ended_with_all_that_it_started() {
        // The sleepers hold the output open: it would not end if one of them were left.
        let (ended, out, _) = run("sleep 1000 & echo here; sleep 1000", Duration::from_millis(300), false);
        assert_eq!((ended, &*out), (Ended::TooLate, "here\n"));
    }

    #[test]
    fn an_interrupt_ends_it() {
        assert_eq!(run("sleep 1000", LONG, true).0, Ended::Interrupted);
    }

    #[test]
    fn what_it_leaves_behind_is_ended_too() {
        assert_eq!(run("sleep 1000 & exit 0", LONG, false).0, Ended::Itself);
    }
}
