//! A driver's module, taken out of the kernel and put in again as it was. Knows nothing of cameras.

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::system::{delete_module, finit_module, uname};
use std::ffi::CString;
use std::fs::{File, read_dir, read_to_string};
use std::path::{Path, PathBuf};

/// A module that is loaded, or was.
#[derive(Debug)]
pub struct Module {
    name: String,
    file: PathBuf,
    /// What it was loaded with.
    parameters: String,
}

impl Module {
    /// The loaded module of that name.
    ///
    /// # Panics
    /// It is not loaded, or not among the modules of this kernel.
    pub fn loaded(name: &str) -> Self {
        let parameters = Path::new("/sys/module").join(name).join("parameters");
        Self { name: name.to_owned(), file: file_of(name), parameters: parameters_in(&parameters) }
    }

    /// Takes it out of the kernel, unless somebody uses it.
    ///
    /// # Errors
    /// Somebody does (`EAGAIN`, `EBUSY`), or the system refuses.
    pub fn unload(&self) -> Result<(), Errno> {
        delete_module(&words(&self.name), OFlags::NONBLOCK.bits().cast_signed())
    }

    /// Puts it in again, with the parameters that it had.
    ///
    /// # Panics
    /// The kernel refuses.
    pub fn load(&self) {
        let file = File::open(&self.file).expect("a kernel's modules can be read");
        let loaded = finit_module(&file, &words(&self.parameters), 0);
        loaded.unwrap_or_else(|errno| panic!("{} does not load again: {errno}", self.name));
    }
}

fn words(text: &str) -> CString {
    CString::new(text).expect("what the system tells has no zeros in it")
}

/// By the kernel's own list, where names have dashes that are underscores once they are loaded.
fn file_of(name: &str) -> PathBuf {
    let kernel = uname();
    let release = kernel.release().to_str().expect("a kernel's version is text");
    let folder = Path::new("/lib/modules").join(release);
    let list = read_to_string(folder.join("modules.dep")).expect("the kernel's modules are listed");
    let paths = list.lines().filter_map(|line| line.split_once(':')).map(|(path, _)| Path::new(path));
    let is_it = |path: &&Path| {
        let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
        file.split('.').next().is_some_and(|stem| stem.replace('-', "_") == name)
    };
    let found = paths.into_iter().find(is_it).unwrap_or_else(|| panic!("no module {name} is listed"));
    folder.join(found)
}

/// `name=value` of each parameter that has a value.
fn parameters_in(folder: &Path) -> String {
    let Ok(entries) = read_dir(folder) else { return String::new() };
    let parameter = |path: PathBuf| {
        let value = read_to_string(&path).ok()?;
        let name = path.file_name()?.to_str()?;
        let value = value.trim();
        (!value.is_empty() && value != "(null)").then(|| format!("{name}={value}"))
    };
    let parameters: Vec<_> = entries.flatten().filter_map(|entry| parameter(entry.path())).collect();
    parameters.join(" ")
}
