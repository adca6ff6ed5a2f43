//! Who has a device open, as far as this user may see. Knows nothing of cameras.

use std::fmt;
use std::path::Path;

/// A process that has a file open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub process: u32,
    /// The name of its program, as the kernel cuts it.
    pub program: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.program, self.process)
    }
}

/// The other processes that have the file at `path` open, by the listing below `proc` (`/proc`).
/// Those that this user may not look into are not among them.
pub fn holders(proc: &Path, path: &Path) -> Vec<Holder> {
    let numbers = names(proc).filter_map(|name| name.parse::<u32>().ok());
    let mut found: Vec<Holder> = numbers
        .filter(|process| *process != std::process::id())
        .filter(|process| has_open(&proc.join(process.to_string()), path))
        .map(|process| Holder { process, program: program(&proc.join(process.to_string())) })
        .collect();
    found.sort_by_key(|holder| holder.process);
    found
}

/// Whether there are other processes whose files this user may not look at.
pub fn are_some_hidden(proc: &Path) -> bool {
    let numbers = names(proc).filter_map(|name| name.parse::<u32>().ok());
    let mut others = numbers.filter(|process| *process != std::process::id());
    others.any(|process| std::fs::read_dir(proc.join(format!("{process}/fd"))).is_err())
}

fn has_open(process: &Path, path: &Path) -> bool {
    let descriptors = process.join("fd");
    names(&descriptors)
        .any(|name| std::fs::read_link(descriptors.join(name)).is_ok_and(|target| target == path))
}

fn program(process: &Path) -> String {
    let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
    if name.trim().is_empty() { "a program".to_owned() } else { name.trim().to_owned() }
}

/// The names in a directory; none if it cannot be read.
fn names(directory: &Path) -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;
    use std::os::unix::fs::symlink;

    #[test]
    fn those_who_have_it_open_are_named() {
        let proc = Scratch::new();
        for (process, program, target) in
            [("7", "cheese\n", "/dev/video0"), ("8", "sh\n", "/dev/null"), ("9", "", "/dev/video0")]
        {
            proc.write(&format!("{process}/comm"), program);
            proc.directory(&format!("{process}/fd"));
            symlink(target, proc.path().join(process).join("fd/3")).unwrap();
        }
        proc.write("uptime", "1");
        let found = holders(proc.path(), Path::new("/dev/video0"));
        let text: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["cheese (process 7)", "a program (process 9)"]);
    }

    #[test]
    fn this_process_is_no_other() {
        let own = std::fs::File::open("/dev/null").unwrap();
        let found = holders(Path::new("/proc"), Path::new("/dev/null"));
        assert!(found.iter().all(|holder| holder.process != std::process::id()));
        drop(own);
    }
}
