//! Reading what strace wrote (`strace -f -o FILE`), and counting calls by name. Knows nothing of
//! what was traced.

use std::collections::BTreeMap;

/// Reading the clock: a call in the virtual machine, but not on systems whose kernel maps it into
/// programs.
pub(crate) const CLOCK: &[&str] = &["clock_gettime", "gettimeofday"];

/// How often each system call was made; each ioctl under its own name.
#[derive(Debug, Default)]
pub(crate) struct Calls(BTreeMap<String, u64>);

impl Calls {
    /// Counts the calls of a trace. One that another thread's interrupts is on two lines, of which
    /// the first counts.
    pub(crate) fn parse(trace: &str) -> Self {
        let mut calls = Self::default();
        for name in trace.lines().filter_map(name_of_call) {
            *calls.0.entry(name.to_owned()).or_default() += 1;
        }
        calls
    }

    /// How often calls of these names were made.
    pub(crate) fn of(&self, names: &[&str]) -> u64 {
        names.iter().filter_map(|name| self.0.get(*name)).sum()
    }

    /// How often ioctls were made, which have names in capitals.
    pub(crate) fn ioctls(&self) -> u64 {
        let named =
            self.0.iter().filter(|(name, _)| name.starts_with(|first: char| first.is_ascii_uppercase()));
        named.map(|(_, times)| times).sum()
    }

    /// How often any was.
    pub(crate) fn all(&self) -> u64 {
        self.0.values().sum()
    }

    /// The names of all that were made.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// The call that begins on a line: `PID NAME(…` or `PID ioctl(FD, NAME, …`.
fn name_of_call(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(|first: char| first.is_ascii_digit()).trim_start();
    let (name, arguments) = line.split_once('(')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name || name.is_empty() {
        return None;
    }
    if name != "ioctl" {
        return Some(name);
    }
    let (_, rest) = arguments.split_once(", ")?;
    rest.split([',', ')', ' ']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
12 execve(\"/bin/x\", [\"x\"], 0x7ffe /* 9 vars */) = 0
12 ioctl(5, VIDIOC_QBUF, {type=V4L2_BUF_TYPE_VIDEO_CAPTURE, index=0}) = 0
12 ioctl(5, VIDIOC_DQBUF, {type=V4L2_BUF_TYPE_VIDEO_CAPTURE}) = -1 EAGAIN (Resource temporarily unavailable)
12 ioctl(5, VIDIOC_STREAMON, [V4L2_BUF_TYPE_VIDEO_CAPTURE] <unfinished ...>
13 epoll_wait(4, [{events=EPOLLIN, data={u32=1}}], 64, 30) = 1
12 <... ioctl resumed>) = 0
13 ioctl(7, VIDIOC_QBUF, {type=V4L2_BUF_TYPE_VIDEO_CAPTURE, index=1}) = 0
13 ioctl(7, TCGETS, 0x7ffd) = -1 ENOTTY (Inappropriate ioctl for device)
12 --- SIGCHLD {si_signo=SIGCHLD} ---
12 +++ exited with 0 +++
";

    #[test]
    fn each_call_counts_once_and_each_ioctl_by_its_name() {
        let calls = Calls::parse(TRACE);
        assert_eq!(calls.all(), 7);
        assert_eq!(calls.of(&["VIDIOC_QBUF"]), 2);
        assert_eq!(calls.of(&["VIDIOC_STREAMON", "VIDIOC_DQBUF"]), 2);
        assert_eq!(calls.ioctls(), 5);
        assert_eq!(calls.of(&["epoll_wait", "read"]), 1);
        assert!(calls.names().all(|name| name != "ioctl" && !name.starts_with('<')));
    }
}
