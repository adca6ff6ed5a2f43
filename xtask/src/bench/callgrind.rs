//! Reading what callgrind wrote, and telling whose each instruction was. Knows nothing of what
//! was measured but the names of crates.

use std::collections::HashMap;

/// Who executed an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Pipeline, loop, sessions.
    Core,
    /// The devices, and what counts the calls to them.
    Devices,
    /// The control algorithms, and what feeds them.
    Algorithms,
    /// Whoever calls it: the standard library, libc, and crates that several sides use.
    Callers,
}

/// What a function cost by itself, and who called it at what cost.
#[derive(Debug, Default)]
struct Function {
    name: String,
    own: u64,
    /// Inclusive cost by caller.
    callers: HashMap<usize, u64>,
}

/// A profile, in instructions.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    functions: Vec<Function>,
    by_name: HashMap<String, usize>,
}

/// Instructions of each side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sides {
    pub(crate) core: u64,
    pub(crate) devices: u64,
    pub(crate) algorithms: u64,
}

impl Profile {
    /// Reads a profile in callgrind's format (version 1, one event, names compressed or not).
    pub(crate) fn parse(text: &str) -> Self {
        let mut reader = Reader::default();
        text.lines().for_each(|line| reader.take(line));
        reader.profile
    }

    fn function(&mut self, name: &str) -> usize {
        if let Some(at) = self.by_name.get(name) {
            return *at;
        }
        let at = self.functions.len();
        self.functions.push(Function { name: name.to_owned(), ..Function::default() });
        self.by_name.insert(name.to_owned(), at);
        at
    }

    /// All instructions, by side. Whatever runs below the border to devices or algorithms is
    /// theirs, whoever's code it is.
    pub(crate) fn sides(&self) -> Sides {
        let total: u64 = self.functions.iter().map(|function| function.own).sum();
        let (devices, algorithms) = (self.below(Side::Devices), self.below(Side::Algorithms));
        Sides { core: total.saturating_sub(devices + algorithms), devices, algorithms }
    }

    fn below(&self, side: Side) -> u64 {
        let crossed = self.functions.iter().filter(|function| border(&function.name) == Some(side));
        let crossings = crossed.flat_map(|function| &function.callers);
        crossings
            .filter(|(caller, _)| border(&self.functions[**caller].name).is_none())
            .map(|(_, cost)| *cost)
            .sum()
    }

    /// The core's functions with their own cost, dearest first. Functions that several sides
    /// call are shared out by what each side's calls cost.
    pub(crate) fn core_functions(&self) -> Vec<(&str, u64)> {
        let mut shares = vec![None; self.functions.len()];
        let mut found: Vec<_> = (0..self.functions.len())
            .map(|at| {
                let share = self.share(at, &mut shares);
                (self.functions[at].name.as_str(), (self.functions[at].own as f64 * share).round() as u64)
            })
            .filter(|(_, cost)| *cost > 0)
            .collect();
        found.sort_by_key(|(_, cost)| std::cmp::Reverse(*cost));
        found
    }

    /// Which part of a function's cost is the core's.
    fn share(&self, at: usize, shares: &mut [Option<f64>]) -> f64 {
        if let Some(share) = shares[at] {
            return share;
        }
        let function = &self.functions[at];
        let fixed = match side_of(&function.name) {
            Side::Core => Some(1.0),
            Side::Devices | Side::Algorithms => Some(0.0),
            Side::Callers => None,
        };
        // A function that calls itself, by whatever way, adds nothing of its own to its share.
        shares[at] = Some(fixed.unwrap_or(0.0));
        let share = fixed.unwrap_or_else(|| self.share_of_callers(function, shares));
        shares[at] = Some(share);
        share
    }

    fn share_of_callers(&self, function: &Function, shares: &mut [Option<f64>]) -> f64 {
        let (mut core, mut all) = (0.0, 0.0);
        for (caller, cost) in &function.callers {
            core += *cost as f64 * self.share(*caller, shares);
            all += *cost as f64;
        }
        if all > 0.0 { core / all } else { 0.0 }
    }
}

/// The border that the measured program has put around devices and algorithms.
fn border(name: &str) -> Option<Side> {
    if !name.contains("bench_core::count") {
        return None;
    }
    let is = |what: &str| name.contains(what);
    match () {
        () if is("counted::Algorithms") || is("counted::algorithms") => Some(Side::Algorithms),
        () if is("CountedMapp") => None,
        () => Some(Side::Devices),
    }
}

fn side_of(name: &str) -> Side {
    let is_in = |paths: &[&str]| paths.iter().any(|path| name.contains(path));
    if let Some(side) = border(name) {
        return side;
    }
    match () {
        () if is_in(&["CountedMapp"]) => Side::Callers,
        () if is_in(&["pinhole_sim::", "pinhole_imaging::"]) => Side::Devices,
        () if is_in(&[
            "pinhole_algorithm::",
            "vc4::control_loop::",
            "vc4::parameters::",
            "vc4::statistics::",
        ]) =>
        {
            Side::Algorithms
        }
        () if is_in(&["pinhole_camera::", "pinhole_pipelines::", "bench_core::"]) => Side::Core,
        () => Side::Callers,
    }
}

/// The crate that a function belongs to, as far as its name tells.
pub(crate) fn crate_of(name: &str) -> &str {
    let own = name.find("pinhole_").map(|at| &name[at..]);
    let path = own.unwrap_or_else(|| name.trim_start_matches(['<', '&', '[', '(']));
    path.split_once("::").map_or("libc", |(name, _)| name)
}

/// Reads line after line.
#[derive(Debug, Default)]
struct Reader {
    profile: Profile,
    /// Names by their numbers.
    names: HashMap<String, String>,
    current: usize,
    callee: usize,
    /// The next line of costs is that of a call.
    is_call: bool,
}

impl Reader {
    fn take(&mut self, line: &str) {
        match line.split_once('=') {
            Some(("fn", name)) => self.current = self.named(name),
            Some(("cfn", name)) => self.callee = self.named(name),
            Some(("calls", _)) => self.is_call = true,
            Some(_) => {}
            None => self.take_cost(line),
        }
    }

    /// `(number) name` defines, `(number)` repeats.
    fn named(&mut self, text: &str) -> usize {
        let Some((number, name)) = text.split_once(')') else { return self.profile.function(text) };
        let name = name.trim();
        if !name.is_empty() {
            let name = format!("{:#}", rustc_demangle::demangle(name));
            self.names.insert(number.to_owned(), name);
        }
        let name = self.names.get(number).map_or("?", String::as_str).to_owned();
        self.profile.function(&name)
    }

    /// `position cost`, of the current function or of a call from it.
    fn take_cost(&mut self, line: &str) {
        if !line.starts_with(['+', '-', '*']) && !line.starts_with(|first: char| first.is_ascii_digit()) {
            return;
        }
        let cost = line.split_whitespace().nth(1).and_then(|cost| cost.parse().ok()).unwrap_or(0);
        if std::mem::take(&mut self.is_call) {
            *self.profile.functions[self.callee].callers.entry(self.current).or_default() += cost;
        } else {
            self.profile.functions[self.current].own += cost;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "\
version: 1
positions: line
events: Ir
fl=(1) engine.rs
fn=(1) pinhole_camera::engine::step
10 100
cfn=(2) <bench_core::counted::Node as Device>::queue
calls=5 1
+1 50
cfn=(3) memcpy
calls=1 1
+1 20
cfn=(4) <bench_core::counted::Algorithms as ControlLoop>::submit
calls=1 1
* 7

fn=(2)
1 10
cfn=(5) pinhole_sim::node::queue
calls=5 1
2 40

fn=(5)
3 10
cfn=(3)
calls=1 1
4 30

fn=(3)
5 50

fn=(4)
6 7
";

    #[test]
    fn each_instruction_is_somebodys() {
        let sides = Profile::parse(PROFILE).sides();
        assert_eq!(sides, Sides { core: 120, devices: 50, algorithms: 7 });
    }

    #[test]
    fn shared_functions_are_shared_out_by_their_callers() {
        let profile = Profile::parse(PROFILE);
        assert_eq!(profile.core_functions(), [("pinhole_camera::engine::step", 100), ("memcpy", 20)]);
    }

    #[test]
    fn crates_are_told_from_names() {
        assert_eq!(
            crate_of("<pinhole_sim::node::SimNode as pinhole_device::VideoNode>::queue"),
            "pinhole_sim"
        );
        assert_eq!(crate_of("core::option::Option<T>::take"), "core");
        assert_eq!(crate_of("__memcpy_avx_unaligned_erms"), "libc");
    }
}
