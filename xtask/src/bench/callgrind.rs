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
pub(crate) struct Function {
    /// As people write it, where it is Rust's.
    pub(crate) name: String,
    /// The file that it is in.
    pub(crate) object: String,
    own: u64,
    /// How often it was called.
    called: u64,
    /// Inclusive cost by caller.
    callers: HashMap<usize, u64>,
}

/// A profile, in instructions.
#[derive(Debug, Default)]
pub(crate) struct Profile {
    functions: Vec<Function>,
    by_name: HashMap<(String, String), usize>,
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

    fn function(&mut self, name: &str, object: &str) -> usize {
        let key = (name.to_owned(), object.to_owned());
        if let Some(at) = self.by_name.get(&key) {
            return *at;
        }
        let at = self.functions.len();
        let (name, object) = key.clone();
        self.functions.push(Function { name, object, ..Function::default() });
        self.by_name.insert(key, at);
        at
    }

    /// All instructions.
    pub(crate) fn total(&self) -> u64 {
        self.functions.iter().map(|function| function.own).sum()
    }

    /// How often functions of these names were called.
    pub(crate) fn calls_of(&self, names: &[&str]) -> u64 {
        let wanted = self.functions.iter().filter(|function| names.contains(&function.name.as_str()));
        wanted.map(|function| function.called).sum()
    }

    /// All instructions, by side. Whatever runs below the border to devices or algorithms is
    /// theirs, whoever's code it is.
    pub(crate) fn sides(&self) -> Sides {
        let [devices, algorithms] = [Side::Devices, Side::Algorithms].map(|side| {
            self.below(
                |function| border(&function.name) == Some(side),
                |function| border(&function.name).is_none(),
            )
        });
        Sides { core: self.total().saturating_sub(devices + algorithms), devices, algorithms }
    }

    /// Instructions in and below functions that are called by others.
    pub(crate) fn below(
        &self,
        is_border: impl Fn(&Function) -> bool,
        is_outside: impl Fn(&Function) -> bool,
    ) -> u64 {
        let crossed = self.functions.iter().filter(|function| is_border(function));
        let crossings = crossed.flat_map(|function| &function.callers);
        crossings.filter(|(caller, _)| is_outside(&self.functions[**caller])).map(|(_, cost)| *cost).sum()
    }

    /// The core's functions with their own cost, dearest first. Functions that several sides
    /// call are shared out by what each side's calls cost.
    pub(crate) fn core_functions(&self) -> Vec<(&str, u64)> {
        let owner = |function: &Function| match side_of(&function.name) {
            Side::Core => Some(0),
            Side::Devices | Side::Algorithms => Some(1),
            Side::Callers => None,
        };
        let shares = self.shares::<2>(owner).into_iter().zip(&self.functions);
        let mut found: Vec<_> = shares
            .map(|([core, _], function)| {
                (function.name.as_str(), (function.own as f64 * core).round() as u64)
            })
            .filter(|(_, cost)| *cost > 0)
            .collect();
        found.sort_by_key(|(_, cost)| std::cmp::Reverse(*cost));
        found
    }

    /// All functions with their own cost.
    pub(crate) fn own_costs(&self) -> impl Iterator<Item = (&Function, u64)> {
        self.functions.iter().map(|function| (function, function.own))
    }

    /// Instructions of each of several owners. A function that is nobody's by itself is its
    /// callers', by what their calls cost.
    pub(crate) fn shared_out<const N: usize>(&self, owner: impl Fn(&Function) -> Option<usize>) -> [f64; N] {
        let mut sums = [0.0; N];
        for (shares, function) in self.shares(owner).into_iter().zip(&self.functions) {
            add(&mut sums, &shares, function.own as f64);
        }
        sums
    }

    /// Which parts of each function's cost are whose.
    fn shares<const N: usize>(&self, owner: impl Fn(&Function) -> Option<usize>) -> Vec<[f64; N]> {
        let mut shares = vec![None; self.functions.len()];
        (0..self.functions.len()).map(|at| self.share(at, &owner, &mut shares)).collect()
    }

    fn share<const N: usize>(
        &self,
        at: usize,
        owner: &impl Fn(&Function) -> Option<usize>,
        shares: &mut [Option<[f64; N]>],
    ) -> [f64; N] {
        if let Some(share) = shares[at] {
            return share;
        }
        let function = &self.functions[at];
        // A function that calls itself, by whatever way, adds nothing of its own to its share.
        shares[at] = Some([0.0; N]);
        let mut share = [0.0; N];
        match owner(function) {
            Some(side) => share[side] = 1.0,
            None => {
                let all = function.callers.values().sum::<u64>().max(1) as f64;
                for (caller, cost) in &function.callers {
                    add(&mut share, &self.share(*caller, owner, shares), *cost as f64 / all);
                }
            }
        }
        shares[at] = Some(share);
        share
    }
}

fn add<const N: usize>(sums: &mut [f64; N], shares: &[f64; N], times: f64) {
    sums.iter_mut().zip(shares).for_each(|(sum, share)| *sum += share * times);
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
    /// Names of functions and of objects by their numbers.
    names: HashMap<String, String>,
    objects: HashMap<String, String>,
    object: String,
    /// The object of the function that is called next, if it is another.
    callees_object: Option<String>,
    current: usize,
    callee: usize,
    /// How many calls the next line of costs is about, if it is about calls.
    calls: Option<u64>,
}

impl Reader {
    fn take(&mut self, line: &str) {
        match line.split_once('=') {
            Some(("ob", object)) => self.object = expand(object, &mut self.objects, str::to_owned),
            Some(("cob", object)) => {
                self.callees_object = Some(expand(object, &mut self.objects, str::to_owned));
            }
            Some(("fn", name)) => self.current = self.function(name, &self.object.clone()),
            Some(("cfn", name)) => {
                let object = self.callees_object.take().unwrap_or_else(|| self.object.clone());
                self.callee = self.function(name, &object);
            }
            Some(("calls", calls)) => {
                self.calls = calls.split(' ').next().and_then(|calls| calls.parse().ok());
            }
            Some(_) => {}
            None => self.take_cost(line),
        }
    }

    fn function(&mut self, name: &str, object: &str) -> usize {
        let demangle = |name: &str| format!("{:#}", rustc_demangle::demangle(name));
        let name = expand(name, &mut self.names, demangle);
        self.profile.function(&name, object)
    }

    /// `position cost`, of the current function or of a call from it.
    fn take_cost(&mut self, line: &str) {
        if !line.starts_with(['+', '-', '*']) && !line.starts_with(|first: char| first.is_ascii_digit()) {
            return;
        }
        let cost = line.split_whitespace().nth(1).and_then(|cost| cost.parse().ok()).unwrap_or(0);
        if let Some(calls) = self.calls.take() {
            self.profile.functions[self.callee].called += calls;
            *self.profile.functions[self.callee].callers.entry(self.current).or_default() += cost;
        } else {
            self.profile.functions[self.current].own += cost;
        }
    }
}

/// `(number) name` defines, `(number)` repeats.
fn expand(text: &str, names: &mut HashMap<String, String>, read: impl Fn(&str) -> String) -> String {
    let Some((number, name)) = text.split_once(')') else { return text.to_owned() };
    match name.trim() {
        "" => names.get(number).cloned().unwrap_or_else(|| "?".to_owned()),
        name => {
            let name = read(name);
            names.insert(number.to_owned(), name.clone());
            name
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

    /// As libraries are told apart: two functions without a name, and one that both call.
    const LIBRARIES: &str = "\
ob=(1) /usr/lib/liba.so
fn=(1) 0x1000
0 10
cob=(2) /usr/lib/libb.so
cfn=(2) 0x1000
calls=3 0
0 60
cob=(3) /lib/libc.so
cfn=(3) malloc
calls=4 0
0 30

ob=(2)
fn=(2)
0 30
cob=(3)
cfn=(3)
calls=2 0
0 30

ob=(3)
fn=(3)
0 60
";

    #[test]
    fn libraries_are_told_apart() {
        let profile = Profile::parse(LIBRARIES);
        let is_in = |library: &'static str| move |function: &Function| function.object.ends_with(library);
        let owner =
            |function: &Function| ["liba.so", "libb.so"].iter().position(|name| is_in(name)(function));
        assert_eq!(profile.shared_out::<2>(owner), [40.0, 60.0]);
        assert_eq!(profile.below(is_in("libb.so"), is_in("liba.so")), 60);
        assert_eq!((profile.total(), profile.calls_of(&["malloc"])), (100, 6));
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
