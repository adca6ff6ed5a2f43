//! Debian's own kernels in QEMU, without acceleration: a second witness, independent of the kernel
//! that we build. Its files are fetched; nothing is compiled.

use super::apt::Archive;
use super::busybox;
use super::guest::{Machine, Wish};
use super::initramfs;
use super::place::{Place, at, entries, only_entry, read, remove_folder, write};
use super::tools::{self, Tool};
use pinhole::{Error, ErrorKind, Result};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An emulated machine.
pub(super) struct Emulated {
    /// Debian's name of the architecture.
    architecture: &'static str,
    /// The package that depends on the newest kernel.
    package: &'static str,
    emulator: Tool,
    /// Arguments that choose the machine.
    machine: &'static [&'static str],
    /// The kernel's parameters.
    parameters: &'static str,
    /// Makes what the emulator starts of what the package has.
    bootable: fn(&[u8], &Path) -> Result<()>,
}

/// A PC.
pub(super) const AMD64: Emulated = Emulated {
    architecture: "amd64",
    package: "linux-image-amd64",
    emulator: Tool { program: "qemu-system-x86_64", package: "qemu-system-x86" },
    machine: &["-M", "q35", "-cpu", "qemu64"],
    parameters: "console=ttyS0 mitigations=off nowatchdog audit=0 lsm= cryptomgr.notests panic=-1",
    bootable: unwrap_kernel,
};

/// A 64-bit ARM machine.
pub(super) const ARM64: Emulated = Emulated {
    architecture: "arm64",
    package: "linux-image-arm64",
    emulator: Tool { program: "qemu-system-aarch64", package: "qemu-system-arm" },
    machine: &["-M", "virt", "-cpu", "cortex-a72"],
    parameters: "console=ttyAMA0 mitigations=off nowatchdog audit=0 lsm= cryptomgr.notests panic=-1",
    bootable: keep_kernel,
};

/// Modules without which the guest does not reach the host's files.
const FIRST_MODULES: [&str; 5] = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"];

impl Emulated {
    /// Fetches the kernel, unless that was done, and installs the emulator.
    pub(super) fn build(&self, place: &Place, newest: bool) -> Result<()> {
        tools::provide(&[self.emulator, Tool { program: "xz", package: "xz-utils" }])?;
        let folder = self.folder(place);
        if newest || !folder.join("kernel").exists() {
            let archive = Archive::open(place, self.architecture)?;
            let package = archive.dependency(self.package, "linux-image-")?;
            busybox::provide(place, &archive)?;
            if self.architecture != busybox::HOST {
                busybox::provide(place, &Archive::open(place, busybox::HOST)?)?;
            }
            self.unpack(place, &archive, &package)?;
        }
        eprintln!("vm: {} is ready", folder.display());
        Ok(())
    }

    fn folder(&self, place: &Place) -> PathBuf {
        place.cache.join(format!("qemu-{}", self.architecture))
    }

    /// Makes a folder of the package; the kernel is put there last, so that it tells whether all
    /// went well.
    fn unpack(&self, place: &Place, archive: &Archive, package: &str) -> Result<()> {
        let folder = self.folder(place);
        remove_folder(&folder)?;
        archive.unpack(package, &folder)?;
        let modules = modules(&folder)?;
        busybox::list_dependencies(place, &folder, &modules)?;
        let boot = entries(&folder.join("boot"))?;
        let is_kernel = |path: &&PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz"))
        };
        let kernel = boot
            .iter()
            .find(is_kernel)
            .ok_or_else(|| lacks(&folder, "there is no kernel in its boot folder"))?;
        let half = folder.join("kernel.new");
        (self.bootable)(&read(kernel)?, &half)?;
        fs::rename(&half, folder.join("kernel")).map_err(at(&half, "keeping the kernel"))
    }

    /// How to start it.
    pub(super) fn machine(&self, place: &Place, wish: &Wish) -> Result<Machine> {
        if wish.is_time_virtual {
            return Err(Error::new(ErrorKind::Unsupported, "making the guest's time virtual")
                .because("only User Mode Linux can")
                .hint("use --kernel uml"));
        }
        tools::check(&[self.emulator])?;
        let folder = self.folder(place);
        if !folder.join("kernel").exists() {
            return Err(lacks(&folder, "it was not fetched yet"));
        }
        let is_foreign = self.architecture != busybox::HOST;
        let busybox = busybox::path(place, self.architecture);
        let modules = modules(&folder)?;
        let initramfs = wish.folder.join("initramfs");
        write(&initramfs, &first_root(place, &busybox, &modules)?)?;
        let mut command = self.command(wish, &folder.join("kernel"), &initramfs);
        share(&mut command, "host", Path::new("/"), ",readonly=on,multidevs=remap");
        share(&mut command, "run", wish.folder, "");
        share(&mut command, "scratch", wish.scratch, "");
        Ok(Machine { command, modules, busybox, is_foreign })
    }

    /// The emulator with everything but the shared folders. The serial line is the kernel's log;
    /// the program's output and errors leave by the descriptors 3 and 4.
    fn command(&self, wish: &Wish, kernel: &Path, initramfs: &Path) -> Vec<OsString> {
        let mut command: Vec<OsString> = vec![self.emulator.program.into()];
        let memory = wish.memory_mib.to_string();
        let fixed = ["-accel", "tcg", "-smp", "1", "-nodefaults", "-no-user-config", "-no-reboot"];
        let ways = ["-display", "none", "-serial", "stdio", "-device", "virtio-serial-pci", "-m", &memory];
        command.extend(self.machine.iter().chain(&fixed).chain(&ways).map(OsString::from));
        for (descriptor, port) in [(3, 1), (4, 2)] {
            let name = format!("port{port}");
            command.extend(["-add-fd".into(), format!("fd={descriptor},set={port}").into()]);
            // Without `append` it would try to truncate, which a pipe refuses.
            let device = format!("file,id={name},path=/dev/fdset/{port},append=on");
            command.extend(["-chardev".into(), device.into()]);
            command.extend(["-device".into(), format!("virtserialport,chardev={name},nr={port}").into()]);
        }
        command.extend(["-kernel".into(), kernel.into(), "-initrd".into(), initramfs.into()]);
        command.extend(["-append".into(), self.parameters.into()]);
        command
    }
}

/// Shows a folder to the guest, under a name.
fn share(command: &mut Vec<OsString>, name: &str, folder: &Path, options: &str) {
    let mut device = OsString::from(format!("local,id={name},security_model=none{options},path="));
    device.push(folder);
    command.extend(["-fsdev".into(), device]);
    command.extend(["-device".into(), format!("virtio-9p-pci,fsdev={name},mount_tag={name}").into()]);
}

fn modules(folder: &Path) -> Result<PathBuf> {
    let moved = folder.join("usr/lib/modules");
    only_entry(&if moved.exists() { moved } else { folder.join("lib/modules") })
}

fn lacks(folder: &Path, why: &'static str) -> Error {
    Error::new(ErrorKind::NotFound, "looking for Debian's kernel")
        .at(folder.display().to_string())
        .because(why)
        .hint("fetch it: cargo xtask vm build --kernel qemu (or qemu-arm64)")
}

/// The first root: busybox, the first script, and the modules that it loads, in order.
fn first_root(place: &Place, busybox: &Path, modules: &Path) -> Result<Vec<u8>> {
    let mut root = initramfs::Archive::default();
    root.folder("bin").folder("modules.d").program("bin/busybox", &read(busybox)?);
    root.program("init", &read(&place.testbed.join("guest/qemu"))?);
    let listed = read(&modules.join("modules.dep"))?;
    let mut order = String::new();
    for module in in_order(&String::from_utf8_lossy(&listed), &FIRST_MODULES) {
        let inside = format!("modules.d/{}", module.replace('/', "-"));
        root.program(&inside, &read(&modules.join(&module))?);
        order.push_str(&format!("/{inside}\n"));
    }
    root.program("modules", order.as_bytes());
    Ok(root.finish())
}

/// The paths of modules and of all that they need, each after what it needs itself, by the text of
/// `modules.dep`. A name that is not listed is built into the kernel.
fn in_order(listed: &str, names: &[&str]) -> Vec<String> {
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for name in names {
        let line =
            listed.lines().find(|line| line.split(':').next().is_some_and(|path| names_module(path, name)));
        let Some((path, needs)) = line.and_then(|line| line.split_once(':')) else { continue };
        let needs = needs.split_whitespace().rev();
        order.extend(needs.chain([path]).filter(|path| seen.insert(path.to_string())).map(str::to_owned));
    }
    order
}

fn names_module(path: &str, name: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_prefix(name).is_some_and(|rest| rest.starts_with(".ko"))
}

fn keep_kernel(image: &[u8], to: &Path) -> Result<()> {
    write(to, image)
}

/// Unpacks the kernel out of a `bzImage` (the kernel's documentation, arch/x86/boot, gives the
/// offsets): started so, it does not unpack itself under emulation, which takes seconds.
fn unwrap_kernel(image: &[u8], to: &Path) -> Result<()> {
    let payload = payload(image).ok_or_else(|| {
        Error::new(ErrorKind::Malformed, "unpacking the kernel").because("it is no bzImage")
    })?;
    let packed = to.with_extension("xz");
    write(&packed, payload)?;
    let mut unpack = Command::new("xz");
    unpack.args(["--decompress", "--stdout", "--single-stream"]).arg(&packed);
    write(to, &tools::output(&mut unpack, "unpacking the kernel")?)?;
    fs::remove_file(&packed).map_err(at(&packed, "removing a file"))
}

fn payload(image: &[u8]) -> Option<&[u8]> {
    let word = |at: usize| Some(u32::from_le_bytes(image.get(at..at + 4)?.try_into().ok()?) as usize);
    let is_kernel = image.get(0x202..0x206)? == b"HdrS";
    let setup_sectors = usize::from(*image.get(0x1f1)?);
    let start = (setup_sectors + 1) * 512 + word(0x248)?;
    image.get(start..start + word(0x24c)?).filter(|_| is_kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_after_what_they_need_and_once() {
        let listed =
            "kernel/a.ko: kernel/b.ko kernel/c.ko\nkernel/b.ko: kernel/c.ko\nkernel/c.ko:\nkernel/ab.ko:\n";
        assert_eq!(in_order(listed, &["a", "b", "none"]), ["kernel/c.ko", "kernel/b.ko", "kernel/a.ko"]);
    }

    #[test]
    fn the_payload_is_found_by_the_header_and_never_outside() {
        let mut image = vec![0; 4096];
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x1f1] = 1;
        image[0x248] = 16;
        image[0x24c] = 4;
        image[1024 + 16..1024 + 20].copy_from_slice(b"data");
        assert_eq!(payload(&image), Some(&b"data"[..]));
        image[0x24f] = 0xff;
        assert_eq!(payload(&image), None);
        assert_eq!(payload(b"short"), None);
    }
}
