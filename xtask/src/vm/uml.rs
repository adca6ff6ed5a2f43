//! User Mode Linux: a kernel built from Debian's source package, that runs as a process.

use super::apt::Archive;
use super::busybox;
use super::guest::{Machine, Wish};
use super::place::{Place, at, digest, entries, make_folder, only_entry, read, remove_folder, write};
use super::tools::{self, Tool};
use pinhole::{Error, ErrorKind, Result};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The only one that this port of Linux is for, as Debian names it.
const ARCHITECTURE: &str = "amd64";

const SOURCE: &str = "linux-source-6.12";

const TOOLS: &[Tool] = &[
    Tool { program: "make", package: "build-essential" },
    Tool { program: "gcc", package: "build-essential" },
    Tool { program: "flex", package: "flex" },
    Tool { program: "bison", package: "bison" },
    Tool { program: "bc", package: "bc" },
    Tool { program: "tar", package: "tar" },
    Tool { program: "xz", package: "xz-utils" },
    Tool { program: "patch", package: "patch" },
];

/// Blocks of contiguous memory may have 2^12 pages, 16 MiB, instead of 4 MiB: an 8-megapixel
/// frame of a receiver that needs contiguous buffers. The kernel offers no option for it on this
/// architecture, but heeds the macro.
const COMPILER_FLAGS: &str = "KCFLAGS=-DCONFIG_ARCH_FORCE_MAX_ORDER=12";

/// Our own modules: the folder of the testbed with the source, and the drivers that need it.
const MODULES: [Module; 2] = [
    Module { folder: "unicam-model", drivers: &["unicam", "pi-mainline"], has_device_tree: true },
    Module {
        folder: "pi-camera",
        drivers: &["pi", "pi-hq", "pi-mainline", "pi-sim", "pi-hq-sim"],
        has_device_tree: false,
    },
];

struct Module {
    folder: &'static str,
    drivers: &'static [&'static str],
    has_device_tree: bool,
}

impl Module {
    fn is_for(&self, wish: &Wish) -> bool {
        wish.drivers.iter().any(|driver| self.drivers.contains(&driver.as_str()))
    }
}

/// One of the kernels that are built from the same source.
pub(super) struct Variant {
    /// Its name on the command line, and of its folder in the cache.
    name: &'static str,
    /// What it has: files of the testbed, each on top of those before it.
    fragments: &'static [&'static str],
}

pub(super) const PLAIN: Variant = Variant { name: "uml", fragments: &["uml/config"] };

/// The one that watches over itself: locks, memory, sleep.
pub(super) const DEBUG: Variant = Variant { name: "uml-debug", fragments: &["uml/config", "uml/debug"] };

/// A kernel that is built, or being built, in the cache: by version of the source and digest of
/// the configuration.
struct Built {
    folder: PathBuf,
}

impl Built {
    fn linux(&self) -> PathBuf {
        self.folder.join("linux")
    }

    /// The device tree for the modelled Raspberry Pi.
    fn device_tree(&self) -> PathBuf {
        self.folder.join("unicam-model.dtb")
    }

    fn modules(&self) -> Result<PathBuf> {
        only_entry(&self.folder.join("modules/lib/modules"))
    }

    /// Says of which version a module of ours is.
    fn mark(&self, module: &Module) -> PathBuf {
        self.folder.join(format!("{}.digest", module.folder))
    }

    /// Whether a module of ours is there, in its present version.
    fn has(&self, place: &Place, module: &Module) -> Result<bool> {
        let wanted = module_digest(place, module)?;
        Ok(fs::read_to_string(self.mark(module)).is_ok_and(|digest| digest == wanted))
    }

    /// Our modules that are not there, or in another version.
    fn lacking(&self, place: &Place) -> Result<Vec<&'static Module>> {
        let mut lacking = Vec::new();
        for module in &MODULES {
            if !self.has(place, module)? {
                lacking.push(module);
            }
        }
        Ok(lacking)
    }

    /// Where it is, or was, built. Without it the kernel runs, but gets no new modules.
    fn tree(&self) -> PathBuf {
        self.folder.join("build")
    }

    /// The argument that installs modules in the kernel's folder.
    fn install_path(&self) -> String {
        format!("INSTALL_MOD_PATH={}", self.folder.join("modules").display())
    }
}

impl Variant {
    /// Builds the kernel with its modules and ours, unless that was done.
    pub(super) fn build(&self, place: &Place, newest: bool) -> Result<()> {
        let built = match self.current(place) {
            Ok(built) if !newest && (built.lacking(place)?.is_empty() || built.tree().exists()) => built,
            _ => self.build_newest(place)?,
        };
        for module in built.lacking(place)? {
            build_module(place, &built, module)?;
        }
        point_to(&self.kernels(place).join("current"), &built.folder)?;
        eprintln!("vm: {} is ready", built.folder.display());
        Ok(())
    }

    fn build_newest(&self, place: &Place) -> Result<Built> {
        if busybox::HOST != ARCHITECTURE {
            return Err(Error::new(ErrorKind::Unsupported, "building the User Mode Linux kernel")
                .because("that port of Linux is for 64-bit PCs")
                .hint("use --kernel qemu-arm64"));
        }
        tools::provide(TOOLS)?;
        let archive = Archive::open(place, ARCHITECTURE)?;
        let version = archive.version(SOURCE)?.replace('~', "-");
        let version = format!("{version}-{}", patches_digest(place)?);
        busybox::provide(place, &archive)?;
        let source = place.cache.join("source").join(&version);
        if !source.exists() {
            unpack_source(place, &archive, &source)?;
        }
        let config = self.config(place)?;
        let name = format!("{version}-{}", config_digest(place, &config)?);
        let built = Built { folder: self.kernels(place).join(name) };
        if !built.linux().exists() || !built.tree().exists() {
            build_kernel(place, &built, &config)?;
        }
        Ok(built)
    }

    fn kernels(&self, place: &Place) -> PathBuf {
        place.cache.join(self.name)
    }

    /// All that is asked for.
    fn config(&self, place: &Place) -> Result<Vec<u8>> {
        let fragments = self.fragments.iter().map(|fragment| read(&place.testbed.join(fragment)));
        Ok(fragments.collect::<Result<Vec<_>>>()?.concat())
    }

    /// The kernel of the last build, if it was built with the present configuration.
    fn current(&self, place: &Place) -> Result<Built> {
        let link = self.kernels(place).join("current");
        let folder = link.canonicalize().map_err(|_| self.lacks("it was not built yet"))?;
        match version_and_digest(&folder) {
            Some((_, digest)) if digest == config_digest(place, &self.config(place)?)? => {
                Ok(Built { folder })
            }
            _ => Err(self.lacks("its configuration in testbed/uml has changed since it was built")),
        }
    }

    fn lacks(&self, why: &'static str) -> Error {
        Error::new(ErrorKind::NotFound, "looking for the User Mode Linux kernel")
            .because(why)
            .hint(format!("build it: cargo xtask vm build --kernel {}", self.name))
    }

    /// How to start it.
    pub(super) fn machine(&self, place: &Place, wish: &Wish) -> Result<Machine> {
        let built = self.current(place)?;
        for module in built.lacking(place)? {
            if module.is_for(wish) {
                return Err(self
                    .lacks("one of our modules has changed since it was built")
                    .at(module.folder));
            }
        }
        let busybox = busybox::path(place, ARCHITECTURE);
        let mut command = vec![built.linux().into_os_string()];
        let words = ["rootfstype=hostfs", "rootflags=/", "ro", "stderr=1", "console=tty0"];
        let channels = ["con=null", "con0=null,fd:1", "ssl=null", "ssl0=null,fd:3", "ssl1=null,fd:4"];
        command.extend(words.iter().chain(&channels).map(OsString::from));
        command.push(format!("mem={}M", wish.memory_mib).into());
        if wish.is_time_virtual {
            command.push("time-travel=inf-cpu".into());
        }
        if MODULES.iter().any(|module| module.has_device_tree && module.is_for(wish)) {
            command.push(setting("dtb", &built.device_tree())?);
        }
        command.push(setting("init", &busybox)?);
        command.push(setting("box", &busybox)?);
        command.push(setting("run_on_host", wish.folder)?);
        command.push(setting("scratch_on_host", wish.scratch)?);
        command.extend(["--".into(), "sh".into(), place.testbed.join("guest/uml").into_os_string()]);
        Ok(Machine { command, modules: built.modules()?, busybox, is_foreign: false })
    }
}

/// What the name of a kernel's folder says: the version of its source, and the digest.
fn version_and_digest(folder: &Path) -> Option<(&str, &str)> {
    folder.file_name()?.to_str()?.rsplit_once('-')
}

/// Tells apart what is built of the same source.
fn config_digest(place: &Place, config: &[u8]) -> Result<String> {
    let patches = patches_digest(place)?;
    Ok(format!("{:016x}", digest([config, COMPILER_FLAGS.as_bytes(), patches.as_bytes()])))
}

/// What Debian's source lacks, as patches.
fn patches(place: &Place) -> Result<Vec<PathBuf>> {
    entries(&place.testbed.join("uml/patches"))
}

/// Tells apart sources that were patched otherwise.
fn patches_digest(place: &Place) -> Result<String> {
    let contents: Vec<_> = patches(place)?.iter().map(|patch| read(patch)).collect::<Result<_>>()?;
    Ok(format!("{:016x}", digest(contents.iter().map(Vec::as_slice))))
}

/// Tells apart the versions of a module of ours.
fn module_digest(place: &Place, module: &Module) -> Result<String> {
    let files = entries(&place.testbed.join(module.folder))?;
    let code = files.iter().filter(|file| file.extension() != Some("md".as_ref()));
    let contents: Vec<_> = code.map(|file| read(file)).collect::<Result<_>>()?;
    Ok(format!("{:016x}", digest(contents.iter().map(Vec::as_slice))))
}

/// Fetches the kernel's source, unpacks it into a folder, and patches it.
fn unpack_source(place: &Place, archive: &Archive, folder: &Path) -> Result<()> {
    let package = place.cache.join("source/package");
    remove_folder(&package)?;
    archive.unpack(SOURCE, &package)?;
    let half = place.cache.join("source/unpacking");
    remove_folder(&half)?;
    make_folder(&half)?;
    eprintln!("vm: unpacking the kernel's source");
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--no-same-owner", "--file"]);
    tar.arg(package.join(format!("usr/src/{SOURCE}.tar.xz"))).arg("--directory").arg(&half);
    tools::succeed(&mut tar, "unpacking the kernel's source")?;
    remove_folder(&package)?;
    for file in patches(place)? {
        let mut patch = Command::new("patch");
        patch.args(["--quiet", "--strip=1", "--directory"]).arg(only_entry(&half)?).arg("--input").arg(file);
        tools::succeed(&mut patch, "patching the kernel's source")?;
    }
    fs::rename(&half, folder).map_err(at(folder, "keeping the kernel's source"))
}

/// Builds in the kernel's folder; the kernel itself is put there last, so that it tells whether
/// all went well.
fn build_kernel(place: &Place, built: &Built, config: &[u8]) -> Result<()> {
    make_folder(&built.tree())?;
    eprintln!("vm: building the kernel; this takes minutes (its output: {}/log)", built.folder.display());
    let wanted = built.folder.join("config");
    write(&wanted, config)?;
    make(place, built, &[&format!("KCONFIG_ALLCONFIG={}", wanted.display()), "allnoconfig"])?;
    check_config(&wanted, &built.tree().join(".config"))?;
    make(place, built, &["linux", "modules"])?;
    make(place, built, &[&built.install_path(), "modules_install"])?;
    let half = built.folder.join("linux.new");
    fs::copy(built.tree().join("linux"), &half).map_err(at(&half, "keeping the kernel"))?;
    fs::rename(&half, built.linux()).map_err(at(&built.linux(), "keeping the kernel"))
}

/// One step of the build. What it prints goes to the log.
fn make(place: &Place, built: &Built, targets: &[&str]) -> Result<()> {
    let (version, _) = version_and_digest(&built.folder).unwrap_or_default();
    let source = only_entry(&place.cache.join("source").join(version))?;
    let path = built.folder.join("log");
    let log = fs::OpenOptions::new().create(true).append(true).open(&path);
    let log = log.map_err(at(&path, "opening the log of the build"))?;
    let errors = log.try_clone().map_err(at(&path, "opening the log of the build"))?;
    let mut make = Command::new("nice");
    make.args(["make", "--silent", "ARCH=um", COMPILER_FLAGS, "-j"]);
    make.arg(std::thread::available_parallelism().map_or(2, usize::from).to_string());
    make.arg("-C").arg(source).arg(format!("O={}", built.tree().display())).args(targets);
    tools::succeed(make.stdout(log).stderr(errors), "building the kernel")
        .map_err(|error| error.hint(format!("the compiler's words are in {}", path.display())))
}

/// Every option that was asked for must have survived.
fn check_config(wanted: &Path, config: &Path) -> Result<()> {
    let [asked, got] = [read(wanted)?, read(config)?];
    let lost = lost_options(&String::from_utf8_lossy(&asked), &String::from_utf8_lossy(&got));
    if lost.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, "configuring the kernel")
        .at(wanted.display().to_string())
        .because(format!("this source does not heed {}", lost.join(", ")))
        .hint("an option has been renamed, or depends on one that is off"))
}

fn lost_options(wanted: &str, got: &str) -> Vec<String> {
    let is_kept = |option: &str| match option.strip_suffix("=n") {
        Some(name) => !got.lines().any(|line| line.starts_with(&format!("{name}="))),
        None => got.lines().any(|line| line == option),
    };
    let options = wanted.lines().filter(|line| line.starts_with("CONFIG_"));
    options.filter(|option| !is_kept(option)).map(str::to_owned).collect()
}

/// Builds a module of ours.
fn build_module(place: &Place, built: &Built, module: &Module) -> Result<()> {
    let copy = built.folder.join(module.folder);
    remove_folder(&copy)?;
    make_folder(&copy)?;
    for file in entries(&place.testbed.join(module.folder))? {
        write(&copy.join(file.file_name().unwrap_or_default()), &read(&file)?)?;
    }
    let of_module = format!("M={}", copy.display());
    make(place, built, &[&of_module, "modules"])?;
    make(place, built, &[&of_module, &built.install_path(), "modules_install"])?;
    busybox::list_dependencies(place, &built.folder.join("modules"), &built.modules()?)?;
    if module.has_device_tree {
        compile_device_tree(built, &copy)?;
    }
    write(&built.mark(module), module_digest(place, module)?.as_bytes())
}

/// With the compiler that came with the kernel.
fn compile_device_tree(built: &Built, folder: &Path) -> Result<()> {
    let mut compiler = Command::new(built.tree().join("scripts/dtc/dtc"));
    compiler.arg("-o").arg(built.device_tree()).arg(folder.join("unicam-model.dts"));
    tools::output(&mut compiler, "compiling the device tree").map(drop)
}

fn point_to(link: &Path, folder: &Path) -> Result<()> {
    let half = link.with_extension("new");
    // Only one that an interrupted build has left can be in the way.
    let _ = fs::remove_file(&half);
    // Only the name, so that the cache can be moved.
    symlink(folder.file_name().unwrap_or_default(), &half).map_err(at(&half, "remembering the kernel"))?;
    fs::rename(&half, link).map_err(at(link, "remembering the kernel"))
}

/// A path on the kernel's command line, where spaces part the words.
fn setting(name: &str, path: &Path) -> Result<OsString> {
    match path.to_str() {
        Some(text) if !text.contains(char::is_whitespace) => Ok(format!("{name}={text}").into()),
        _ => Err(Error::new(ErrorKind::Unsupported, "telling the kernel a path")
            .at(path.display().to_string())
            .because("there are spaces in it")
            .hint("PINHOLE_TESTBED_CACHE and --scratch can name other folders")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_the_kernel_did_not_take_are_found() {
        let got = "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=y\n";
        assert!(lost_options("# CONFIG_X=y\nCONFIG_A=y\nCONFIG_B=m\nCONFIG_C=n\n", got).is_empty());
        assert_eq!(lost_options("CONFIG_B=y\nCONFIG_D=n\nCONFIG_E=y", got).len(), 3);
    }

    #[test]
    fn a_path_with_spaces_is_refused() {
        assert_eq!(setting("init", Path::new("/a/b")).expect("it has none"), "init=/a/b");
        assert!(setting("init", Path::new("/a b")).is_err());
    }
}
